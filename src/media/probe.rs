//! Measures a file that somebody uploads: its type, its size as shown, how long it plays. From its first bytes, and
//! from at most `MAX_HOPS` further ranges that it names. Pure, and never a panic, an allocation or an endless loop,
//! whatever the bytes say.
//! Not for deciding whether a file is whole, and not for pixels or samples: nothing is decoded here.

mod film;
mod sound;
pub(super) mod still;

use super::sniff::{MediaType, sniff};

/// How much of a file's beginning is wanted, in bytes.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Longest further range, in bytes. Two of them span the largest colour profiles in use (0.5 MB, for print).
pub const FURTHER_BYTES: u64 = 256 * 1024;

/// Most further ranges. Two are one for a film's index behind its data and one for a track behind another's tables.
pub const MAX_HOPS: u8 = 2;

/// Nothing longer is believed, in seconds: 1,000 hours.
const MAX_SECONDS: f64 = 3_600_000.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub media: MediaType,
    /// Pixels, as shown: after the orientation that a camera noted. Both sides are known or none.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_seconds: Option<f64>,
}

impl Facts {
    fn set_sides(&mut self, width: u32, height: u32, swapped: bool) {
        let (width, height) = if swapped { (height, width) } else { (width, height) };
        // Only PNG can say more than 16 bits, and it says at most 31.
        let max = if self.media == MediaType::Png { i32::MAX as u32 } else { u32::from(u16::MAX) };
        if (1..=max).contains(&width) && (1..=max).contains(&height) {
            (self.width, self.height) = (Some(width), Some(height));
        }
    }

    fn set_duration(&mut self, units: u64, units_a_second: u64) {
        let seconds = units as f64 / units_a_second as f64;
        if seconds > 0.0 && seconds <= MAX_SECONDS {
            self.duration_seconds = Some(seconds);
        }
    }
}

/// What a walker found at a place.
enum Step {
    /// There is nothing more to learn.
    Done,
    /// The bytes end too early here.
    More,
    /// The next place to look at.
    Go(u64),
}

/// How a format is walked: from a place, with what is known of the bytes from there on.
trait Walker {
    fn step(&mut self, place: &Place, facts: &mut Facts) -> Step;
}

/// A position in the file and the bytes that are there, which may end before the file does.
struct Place<'a> {
    at: u64,
    here: &'a [u8],
    file_bytes: u64,
}

impl Place<'_> {
    /// Goes on behind something of this length.
    fn skip(&self, bytes: u64) -> Step {
        self.at.checked_add(bytes).map_or(Step::Done, Step::Go)
    }

    fn ends_file(&self) -> bool {
        self.at.saturating_add(self.here.len() as u64) >= self.file_bytes
    }
}

#[derive(Clone, Debug)]
enum Walk {
    Done,
    Jpeg(still::Jpeg),
    Film(film::Film),
    Wav(sound::Wav),
    Mp3(sound::Mp3),
}

/// The measuring of one file.
#[derive(Clone, Debug)]
pub struct Probe {
    facts: Facts,
    file_bytes: u64,
    at: u64,
    hops: u8,
    walk: Walk,
}

impl Probe {
    /// `head`: the first `HEAD_BYTES` of the file, or fewer. `None`: no type that may be uploaded.
    pub fn new(head: &[u8], file_bytes: u64) -> Option<Self> {
        let media = sniff(head)?;
        let mut facts = Facts { media, width: None, height: None, duration_seconds: None };
        let walk = match media {
            MediaType::Png => {
                still::read_png(head, &mut facts);
                Walk::Done
            }
            MediaType::Webp => {
                still::read_webp(head, &mut facts);
                Walk::Done
            }
            MediaType::Jpeg => Walk::Jpeg(still::Jpeg::default()),
            MediaType::Mp4 => Walk::Film(film::Film::default()),
            MediaType::Wav => Walk::Wav(sound::Wav::default()),
            MediaType::Mp3 => Walk::Mp3(sound::Mp3),
            MediaType::Svg | MediaType::Glb => return None,
        };
        let mut probe = Self { facts, file_bytes, at: 0, hops: 0, walk };
        probe.walk_over(0, head);
        Some(probe)
    }

    /// The range (first and last byte) that would tell more, at most `FURTHER_BYTES` long.
    pub fn next(&self) -> Option<(u64, u64)> {
        let waits = !matches!(self.walk, Walk::Done) && self.hops < MAX_HOPS && self.at < self.file_bytes;
        waits.then(|| (self.at, self.at.saturating_add(FURTHER_BYTES).min(self.file_bytes) - 1))
    }

    /// Takes the bytes from `at` on.
    pub fn feed(&mut self, at: u64, bytes: &[u8]) {
        self.hops = self.hops.saturating_add(1);
        self.walk_over(at, bytes);
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Every turn moves forward by at least a byte, so there are no more turns than bytes.
    fn walk_over(&mut self, base: u64, bytes: &[u8]) {
        loop {
            let offset = self.at.checked_sub(base).and_then(|offset| usize::try_from(offset).ok());
            let here = offset.and_then(|offset| bytes.get(offset..)).unwrap_or_default();
            if here.is_empty() {
                return;
            }
            let place = Place { at: self.at, here, file_bytes: self.file_bytes };
            let step = match &mut self.walk {
                Walk::Done => Step::Done,
                Walk::Jpeg(walker) => walker.step(&place, &mut self.facts),
                Walk::Film(walker) => walker.step(&place, &mut self.facts),
                Walk::Wav(walker) => walker.step(&place, &mut self.facts),
                Walk::Mp3(walker) => walker.step(&place, &mut self.facts),
            };
            match step {
                Step::Go(next) if next > self.at => self.at = next,
                Step::More if !place.ends_file() => return,
                _ => {
                    self.walk = Walk::Done;
                    return;
                }
            }
        }
    }
}

/// The numbers of a file, which may not be there.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_be_bytes(*eight))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be16(bytes, at).map(u16::swap_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    super::sniff::be32(bytes, at).map(u32::swap_bytes)
}

fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    be64(bytes, at).map(u64::swap_bytes)
}

#[cfg(test)]
mod tests;
