//! How long WAV and MP3 files play.
//! Not for samples, and not for tags beyond stepping over them.

use super::super::sniff::{Frame, be32, id3_bytes};
use super::{Facts, Place, Step, Walker, be16, le16, le32, le64};

/// Bytes in which a first frame must be found, with room to see the next one.
const MP3_SEARCH_BYTES: usize = 8 * 1024;

/// The frame header, the side information and all that an encoder says of the whole file.
const MP3_SUMMARY_BYTES: usize = 64;

/// Fewest bytes a frame can have: 8 kbit/s at 24 kHz.
const MP3_MIN_FRAME_BYTES: u64 = 24;

/// Format tags of samples that all have one size: PCM, floating point, and the header that wraps either.
const PLAIN_TAGS: [u16; 3] = [1, 3, 0xfffe];

/// The chunks of a WAV up to its samples.
#[derive(Clone, Debug, Default)]
pub struct Wav {
    bytes_a_second: Option<u64>,
    /// From the chunk that a file of more than 4 GB has.
    long_data_bytes: Option<u64>,
}

impl Walker for Wav {
    fn step(&mut self, place: &Place, facts: &mut Facts) -> Step {
        if place.at == 0 {
            return place.skip(12);
        }
        let here = place.here;
        let Some((kind, length)) = here.get(..4).zip(le32(here, 4)) else { return Step::More };
        let body = here.get(8..).unwrap_or_default();
        match kind {
            b"fmt " => {
                if body.len() < 16 {
                    return Step::More;
                }
                self.bytes_a_second = bytes_a_second(body);
            }
            b"ds64" => match le64(body, 8) {
                Some(bytes) => self.long_data_bytes = Some(bytes),
                None => return Step::More,
            },
            b"data" => {
                let there = place.file_bytes.saturating_sub(place.at.saturating_add(8));
                // What a writer that could not go back and correct it leaves.
                let claimed = match length {
                    u32::MAX => self.long_data_bytes.unwrap_or(there),
                    0 => there,
                    length => u64::from(length),
                };
                facts.set_duration(claimed.min(there), self.bytes_a_second.unwrap_or(0));
                return Step::Done;
            }
            _ => {}
        }
        place.skip(8 + u64::from(length) + u64::from(length % 2))
    }
}

fn bytes_a_second(format: &[u8]) -> Option<u64> {
    let stated = u64::from(le32(format, 8)?);
    let counted = u64::from(le32(format, 4)?) * u64::from(le16(format, 12)?);
    Some(if PLAIN_TAGS.contains(&le16(format, 0)?) && counted > 0 { counted } else { stated })
}

/// Over the tags to the first frame, which says how many follow or at least how large they are.
#[derive(Clone, Debug)]
pub struct Mp3;

impl Walker for Mp3 {
    fn step(&mut self, place: &Place, facts: &mut Facts) -> Step {
        if let Some(tag) = id3_bytes(place.here) {
            return if place.here.len() < 10 { Step::More } else { place.skip(tag) };
        }
        let Some((skipped, frame)) = Frame::find(place.here) else {
            return if place.here.len() < MP3_SEARCH_BYTES { Step::More } else { Step::Done };
        };
        let summary = place.here.get(skipped..).unwrap_or_default();
        if summary.len() < MP3_SUMMARY_BYTES && !place.ends_file() {
            return Step::More;
        }
        let music_bytes = place.file_bytes.saturating_sub(place.at.saturating_add(skipped as u64));
        let plausible = |frames: &u64| (1..=music_bytes / MP3_MIN_FRAME_BYTES).contains(frames);
        match frames_stated(summary, frame).filter(plausible) {
            Some(frames) => facts.set_duration(frames * u64::from(frame.samples), frame.sample_hz.into()),
            None => facts.set_duration(music_bytes.saturating_mul(8), frame.bitrate.into()),
        }
        Step::Done
    }
}

/// What LAME and its relatives (`Xing`, `Info`) or Fraunhofer's encoder (`VBRI`) wrote into the silent first frame.
fn frames_stated(bytes: &[u8], frame: Frame) -> Option<u64> {
    let said = bytes.get(4 + frame.side_bytes..)?;
    if said.starts_with(b"Xing") || said.starts_with(b"Info") {
        return be32(said, 4).filter(|flags| flags & 1 == 1).and_then(|_| be32(said, 8)).map(u64::from);
    }
    let said = bytes.get(4 + 32..).filter(|said| said.starts_with(b"VBRI") && be16(said, 4).is_some())?;
    be32(said, 14).map(u64::from)
}
