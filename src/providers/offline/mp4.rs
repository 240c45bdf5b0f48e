//! Wraps coded H.264 pictures into an MP4 file, for the offline provider's placeholder films.
//!
//! For: one silent video track whose index (`moov`) stands before the pictures (`mdat`), so that
//! a browser plays while it loads. Obeys ISO/IEC 14496-12 (boxes) and -15 (`avcC`, AVCC samples).
//!
//! Not for: audio, fragments, edit lists, several tracks, or reading files.

use super::h264::AccessUnit;

/// What the boxes say about the one track.
pub struct Track<'a> {
    /// Shown width in pixels.
    pub width: u32,
    /// Shown height in pixels.
    pub height: u32,
    /// Pictures per second; also the time scale, so that each lasts one unit.
    pub fps: u32,
    /// Sequence parameter set NAL unit.
    pub sequence: Vec<u8>,
    /// Picture parameter set NAL unit.
    pub picture: Vec<u8>,
    /// The coded pictures in order.
    pub units: &'a [AccessUnit],
    /// Kept in `udta` as title comment: says that the film is a placeholder.
    pub note: &'a str,
}

/// The unity matrix of `mvhd` and `tkhd`, in the 16.16 and 2.30 fixed point it is written in.
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// Longest note kept, in characters: it is a label, not a document.
const NOTE_CHARS: usize = 400;
/// "und" in the packed language code.
const LANGUAGE_UNDETERMINED: u16 = 0x55C4;

impl Track<'_> {
    /// Writes the whole file.
    pub fn write(&self) -> Vec<u8> {
        let brands: &[u8] = b"isom\0\0\x02\0isomiso2avc1mp41";
        let head = boxed(b"ftyp", &[brands]);
        let data_bytes: usize = self.units.iter().map(|unit| unit.bytes.len()).sum();
        // The index holds the position of the data behind it; its size does not depend on the
        // value, so it is measured first and written again.
        let index_bytes = self.movie(0).len();
        let start = head.len() + index_bytes + 8;
        let mut file = Vec::with_capacity(start + data_bytes);
        file.extend_from_slice(&head);
        file.extend_from_slice(&self.movie(start as u32));
        file.extend_from_slice(&(data_bytes as u32 + 8).to_be_bytes());
        file.extend_from_slice(b"mdat");
        for unit in self.units {
            file.extend_from_slice(&unit.bytes);
        }
        file
    }

    fn movie(&self, data_start: u32) -> Vec<u8> {
        let frames = self.units.len() as u32;
        let mut header = words(&[0, 0, 0, self.fps, frames, 0x1_0000]);
        header.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(words(&UNITY));
        header.extend(words(&[0, 0, 0, 0, 0, 0, 2]));
        let mut track = words(&[3, 0, 0, 1, 0, frames, 0, 0, 0, 0]); // enabled, in movie
        track.extend(words(&UNITY));
        track.extend(words(&[self.width << 16, self.height << 16]));
        let mut media = words(&[0, 0, 0, self.fps, frames]);
        media.extend_from_slice(&LANGUAGE_UNDETERMINED.to_be_bytes());
        media.extend_from_slice(&[0, 0]);
        let handler = [&[0; 8][..], b"vide", &[0; 12], b"Atelier placeholder video\0"].concat();
        let location = boxed(b"dref", &[&words(&[0, 1]), &boxed(b"url ", &[&words(&[1])])]);
        let information = boxed(
            b"minf",
            &[
                &boxed(b"vmhd", &[&words(&[1, 0, 0])]),
                &boxed(b"dinf", &[&location]),
                &self.samples(data_start),
            ],
        );
        let media = [boxed(b"mdhd", &[&media]), boxed(b"hdlr", &[&handler]), information].concat();
        let track = boxed(b"trak", &[&boxed(b"tkhd", &[&track]), &boxed(b"mdia", &[&media])]);
        boxed(b"moov", &[&boxed(b"mvhd", &[&header]), &track, &self.labels()])
    }

    fn samples(&self, data_start: u32) -> Vec<u8> {
        let frames = self.units.len() as u32;
        let sizes: Vec<u32> = self.units.iter().map(|unit| unit.bytes.len() as u32).collect();
        let keys: Vec<u32> = (1..).zip(self.units).filter(|(_, unit)| unit.key).map(|(n, _)| n).collect();
        boxed(
            b"stbl",
            &[
                &boxed(b"stsd", &[&words(&[0, 1]), &self.description()]),
                &boxed(b"stts", &[&words(&[0, 1, frames, 1])]),
                &boxed(b"stss", &[&words(&[0, keys.len() as u32]), &words(&keys)]),
                &boxed(b"stsc", &[&words(&[0, 1, 1, frames, 1])]),
                &boxed(b"stsz", &[&words(&[0, 0, frames]), &words(&sizes)]),
                &boxed(b"stco", &[&words(&[0, 1, data_start])]),
            ],
        )
    }

    /// The sample entry: size, decoder configuration, and the colours the stream also names.
    fn description(&self) -> Vec<u8> {
        let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
        entry.extend_from_slice(&[0; 16]);
        entry.extend_from_slice(&(self.width as u16).to_be_bytes());
        entry.extend_from_slice(&(self.height as u16).to_be_bytes());
        entry.extend(words(&[72 << 16, 72 << 16, 0]));
        entry.extend_from_slice(&[0, 1]);
        entry.extend_from_slice(&[0; 32]);
        entry.extend_from_slice(&[0, 24, 0xFF, 0xFF]);
        let mut decoder = vec![1];
        decoder.extend(self.sequence.iter().skip(1).take(3)); // profile, constraints, level
        decoder.extend_from_slice(&[0xFF, 0xE1]); // 4-byte lengths, one sequence set
        decoder.extend_from_slice(&(self.sequence.len() as u16).to_be_bytes());
        decoder.extend_from_slice(&self.sequence);
        decoder.push(1);
        decoder.extend_from_slice(&(self.picture.len() as u16).to_be_bytes());
        decoder.extend_from_slice(&self.picture);
        let colours: &[u8] = b"nclx\0\x01\0\x01\0\x01\0";
        boxed(b"avc1", &[&entry, &boxed(b"avcC", &[&decoder]), &boxed(b"colr", &[colours])])
    }

    /// `udta` with the note as an iTunes-style comment (what players and ffprobe show).
    fn labels(&self) -> Vec<u8> {
        let handler = [&[0; 8][..], b"mdirappl", &[0; 9]].concat();
        let item = |kind: &[u8; 4], text: &str| {
            let data = boxed(b"data", &[&words(&[1, 0]), text.as_bytes()]);
            boxed(kind, &[&data])
        };
        let note: String = self.note.chars().take(NOTE_CHARS).collect();
        let list = [item(b"\xA9cmt", &note), item(b"\xA9too", "Atelier offline provider")].concat();
        let list = boxed(b"ilst", &[&list]);
        let meta = boxed(b"meta", &[&[0; 4], &boxed(b"hdlr", &[&handler]), &list]);
        boxed(b"udta", &[&meta])
    }
}

/// A box: size, four-character kind, and its parts one behind the other.
fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let bytes = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(bytes);
    out.extend_from_slice(&(bytes as u32).to_be_bytes());
    out.extend_from_slice(kind);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(bytes: &[u8]) -> Vec<(String, &[u8])> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            assert!(size >= 8 && at + size <= bytes.len(), "box sizes add up");
            let kind = bytes[at + 4..at + 8].iter().map(|byte| *byte as char).collect();
            found.push((kind, &bytes[at + 8..at + size]));
            at += size;
        }
        found
    }

    fn inside<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
        path.iter()
            .fold(bytes, |bytes, kind| children(bytes).iter().find(|(name, _)| name == kind).expect(kind).1)
    }

    fn sample() -> Vec<u8> {
        let unit = |bytes: &[u8], key| AccessUnit { bytes: bytes.to_vec(), key, held: false };
        let units = [unit(b"firstpicture", true), unit(b"second", false)];
        Track {
            width: 64,
            height: 80,
            fps: 12,
            sequence: vec![0x67, 66, 0xC0, 41, 9],
            picture: vec![0x68, 7],
            units: &units,
            note: "a placeholder",
        }
        .write()
    }

    #[test]
    fn boxes_nest_and_the_index_stands_before_the_data() {
        let file = sample();
        let names: Vec<String> = children(&file).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ftyp", "moov", "mdat"]);
        let table = inside(&file, &["moov", "trak", "mdia", "minf", "stbl"]);
        let names: Vec<String> = children(table).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["stsd", "stts", "stss", "stsc", "stsz", "stco"]);
        assert_eq!(inside(table, &["stsz"])[12..], words(&[12, 6]));
    }

    #[test]
    fn the_chunk_offset_points_at_the_first_picture() {
        let file = sample();
        let offsets = inside(&file, &["moov", "trak", "mdia", "minf", "stbl", "stco"]);
        let start = u32::from_be_bytes(offsets[8..12].try_into().unwrap()) as usize;
        assert_eq!(&file[start..], b"firstpicturesecond");
    }

    #[test]
    fn the_note_is_kept() {
        let file = sample();
        let meta = inside(&file, &["moov", "udta", "meta"]);
        let list = inside(&meta[4..], &["ilst"]);
        assert!(list.windows(13).any(|part| part == b"a placeholder"));
    }
}
