//! Wraps coded H.264 pictures, and FLAC where there is sound, into an MP4 file, for the offline provider's
//! placeholder films.
//!
//! For: tracks whose index (`moov`) stands before the data (`mdat`), so that a browser plays while it
//! loads. Obeys ISO/IEC 14496-12 (boxes), -15 (`avcC`, AVCC samples) and, for `fLaC`, Xiph.org's
//! "Encapsulation of FLAC in ISO Base Media File Format".
//!
//! Not for: fragments, edits beyond skipping the delay of reordered pictures, or reading files.

use super::flac::{BLOCK_FRAMES, Flac};
use super::h264::AccessUnit;

/// What the boxes say.
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
    /// What is heard, from the start.
    pub sound: Option<&'a Flac>,
}

/// The unity matrix of `mvhd` and `tkhd`, in the 16.16 and 2.30 fixed point it is written in.
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// Longest note kept, in characters: it is a label, not a document.
const NOTE_CHARS: usize = 400;
/// "und" in the packed language code.
const LANGUAGE_UNDETERMINED: u16 = 0x55C4;

/// One track as the boxes describe it; times are in units of `scale` a second.
struct Media<'a> {
    scale: u32,
    lasts: u32,
    handler: &'static [u8],
    /// `vmhd` or `smhd`.
    header: Vec<u8>,
    /// 8.8 fixed point, in the upper half.
    volume: u32,
    width: u32,
    height: u32,
    /// `elst`'s box, if the first sample is not shown at once.
    edits: Vec<u8>,
    description: Vec<u8>,
    /// `stts` and what else says when samples are due.
    times: Vec<u8>,
    samples: Vec<&'a [u8]>,
    chunk_samples: usize,
}

impl<'a> Track<'a> {
    /// Writes the whole file.
    pub fn write(&self) -> Vec<u8> {
        let brands: &[u8] = b"isom\0\0\x02\0isomiso2avc1mp41";
        let head = boxed(b"ftyp", &[brands]);
        let blocks: Vec<_> = self.sound.iter().flat_map(|sound| &sound.blocks).map(Vec::as_slice).collect();
        let sound = self.sound.map(|sound| hear(sound, blocks));
        let media: Vec<Media> = [Some(self.see()), sound].into_iter().flatten().collect();
        let data_bytes: usize = chunks(&media).flat_map(|(_, chunk)| chunk).map(|sample| sample.len()).sum();
        // The index holds the position of the data behind it; its size does not depend on the
        // value, so it is measured first and written again.
        let index_bytes = self.movie(&media, 0).len();
        let start = head.len() + index_bytes + 8;
        let mut file = Vec::with_capacity(start + data_bytes);
        file.extend_from_slice(&head);
        file.extend_from_slice(&self.movie(&media, start as u32));
        file.extend_from_slice(&(data_bytes as u32 + 8).to_be_bytes());
        file.extend_from_slice(b"mdat");
        for sample in chunks(&media).flat_map(|(_, chunk)| chunk) {
            file.extend_from_slice(sample);
        }
        file
    }

    fn movie(&self, media: &[Media], data_start: u32) -> Vec<u8> {
        let frames = self.units.len() as u32;
        let mut header = words(&[0, 0, 0, self.fps, frames, 0x1_0000]);
        header.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(words(&UNITY));
        header.extend(words(&[0, 0, 0, 0, 0, 0, media.len() as u32 + 1]));
        let mut offsets = vec![Vec::new(); media.len()];
        let mut at = data_start;
        for (track, chunk) in chunks(media) {
            offsets.get_mut(track).into_iter().for_each(|offsets| offsets.push(at));
            at += chunk.iter().map(|sample| sample.len() as u32).sum::<u32>();
        }
        let tracks: Vec<_> = (1..)
            .zip(media.iter().zip(&offsets))
            .flat_map(|(number, (media, offsets))| media.track(number, frames, offsets))
            .collect();
        boxed(b"moov", &[&boxed(b"mvhd", &[&header]), &tracks, &self.labels()])
    }

    fn see(&self) -> Media<'a> {
        let frames = self.units.len() as u32;
        let keys: Vec<u32> = (1..).zip(self.units).filter(|(_, unit)| unit.key).map(|(n, _)| n).collect();
        let times = boxed(b"stts", &[&words(&[0, 1, frames, 1])]);
        let keys = boxed(b"stss", &[&words(&[0, keys.len() as u32]), &words(&keys)]);
        let late = self.units.first().map_or(0, |unit| unit.delay);
        let (mut delays, mut edits) = (Vec::new(), Vec::new());
        if late > 0 {
            let each: Vec<_> = self.units.iter().flat_map(|unit| [1, unit.delay]).collect();
            delays = boxed(b"ctts", &[&words(&[0, frames]), &words(&each)]);
            edits = boxed(b"edts", &[&boxed(b"elst", &[&words(&[0, 1, frames, late, 0x1_0000])])]);
        }
        Media {
            scale: self.fps,
            lasts: frames,
            handler: b"videAtelier placeholder video\0",
            header: boxed(b"vmhd", &[&words(&[1, 0, 0])]),
            volume: 0,
            width: self.width,
            height: self.height,
            edits,
            description: self.description(),
            times: [times, delays, keys].concat(),
            samples: self.units.iter().map(|unit| unit.bytes.as_slice()).collect(),
            // With sound, a second of each in turn, so that a player need not jump about.
            chunk_samples: if self.sound.is_some() { self.fps as usize } else { self.units.len() },
        }
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

impl Media<'_> {
    fn track(&self, number: u32, frames: u32, offsets: &[u32]) -> Vec<u8> {
        let mut header = words(&[3, 0, 0, number, 0, frames, 0, 0, 0, self.volume << 16]); // enabled, in movie
        header.extend(words(&UNITY));
        header.extend(words(&[self.width << 16, self.height << 16]));
        let mut media = words(&[0, 0, 0, self.scale, self.lasts]);
        media.extend_from_slice(&LANGUAGE_UNDETERMINED.to_be_bytes());
        media.extend_from_slice(&[0, 0]);
        let (kind, name) = self.handler.split_at_checked(4).unwrap_or_default();
        let handler = [&[0; 8][..], kind, &[0; 12], name].concat();
        let location = boxed(b"dref", &[&words(&[0, 1]), &boxed(b"url ", &[&words(&[1])])]);
        let information =
            boxed(b"minf", &[&self.header, &boxed(b"dinf", &[&location]), &self.table(offsets)]);
        let media = [boxed(b"mdhd", &[&media]), boxed(b"hdlr", &[&handler]), information].concat();
        boxed(b"trak", &[&boxed(b"tkhd", &[&header]), &self.edits, &boxed(b"mdia", &[&media])])
    }

    fn table(&self, offsets: &[u32]) -> Vec<u8> {
        let sizes: Vec<u32> = self.samples.iter().map(|sample| sample.len() as u32).collect();
        let (whole, rest) = (sizes.len() / self.chunk_samples, sizes.len() % self.chunk_samples);
        let runs = [(1, self.chunk_samples, whole), (whole + 1, rest, rest)];
        let runs: Vec<_> = runs
            .into_iter()
            .filter(|(_, _, there)| *there > 0)
            .flat_map(|(from, samples, _)| [from as u32, samples as u32, 1])
            .collect();
        boxed(
            b"stbl",
            &[
                &boxed(b"stsd", &[&words(&[0, 1]), &self.description]),
                &self.times,
                &boxed(b"stsc", &[&words(&[0, runs.len() as u32 / 3]), &words(&runs)]),
                &boxed(b"stsz", &[&words(&[0, 0, sizes.len() as u32]), &words(&sizes)]),
                &boxed(b"stco", &[&words(&[0, offsets.len() as u32]), &words(offsets)]),
            ],
        )
    }
}

/// The sound track; `blocks` are its own.
fn hear<'a>(sound: &Flac, blocks: Vec<&'a [u8]>) -> Media<'a> {
    // The field has 16 bits before the point; higher rates are divided, the true one stands in `dfLa`.
    let shown_rate = (0..).map(|halvings| sound.rate_hz >> halvings).find(|rate| *rate <= 0xFFFF);
    let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
    entry.extend(words(&[0, 0, u32::from(sound.channels) << 16 | 16, 0, shown_rate.unwrap_or(0) << 16]));
    let decoder = boxed(b"dfLa", &[&[0; 4], &sound.stream_info()]);
    let (whole, rest) = (sound.total / BLOCK_FRAMES, sound.total % BLOCK_FRAMES);
    let runs = [(whole, BLOCK_FRAMES), (usize::from(rest > 0), rest)];
    let runs: Vec<_> = runs.into_iter().flat_map(|(count, frames)| [count as u32, frames as u32]).collect();
    Media {
        scale: sound.rate_hz,
        lasts: sound.total as u32,
        handler: b"sounAtelier placeholder sound\0",
        header: boxed(b"smhd", &[&words(&[0, 0])]),
        volume: 0x100,
        width: 0,
        height: 0,
        edits: Vec::new(),
        description: boxed(b"fLaC", &[&entry, &decoder]),
        times: boxed(b"stts", &[&words(&[0, 2]), &words(&runs)]),
        chunk_samples: (sound.rate_hz as usize / BLOCK_FRAMES).max(1),
        samples: blocks,
    }
}

/// The data in the order of the file: a chunk of each track in turn, with the track's index.
fn chunks<'a>(media: &'a [Media]) -> impl Iterator<Item = (usize, &'a [&'a [u8]])> {
    let turns = media.iter().map(|media| media.samples.len().div_ceil(media.chunk_samples)).max();
    (0..turns.unwrap_or(0)).flat_map(move |turn| {
        let turn = move |media: &'a Media| media.samples.chunks(media.chunk_samples).nth(turn);
        media.iter().enumerate().filter_map(move |(track, media)| Some((track, turn(media)?)))
    })
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

    fn write(delays: [u32; 3], fps: u32, sound: Option<&Flac>) -> Vec<u8> {
        let unit =
            |bytes: &[u8], key, delay| AccessUnit { bytes: bytes.to_vec(), key, held: false, delay };
        let [first, second, third] = delays;
        let units =
            [unit(b"firstpicture", true, first), unit(b"second", false, second), unit(b"3rd", false, third)];
        Track {
            width: 64,
            height: 80,
            fps,
            sequence: vec![0x67, 66, 0xC0, 41, 9],
            picture: vec![0x68, 7],
            units: &units,
            note: "a placeholder",
            sound,
        }
        .write()
    }

    fn silent() -> Vec<u8> {
        write([0; 3], 12, None)
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        children(bytes).into_iter().map(|(name, _)| name).collect()
    }

    /// The sample table of each track.
    fn tables(file: &[u8]) -> Vec<&[u8]> {
        let tracks = children(inside(file, &["moov"])).into_iter().filter(|(name, _)| name == "trak");
        tracks.map(|(_, track)| inside(track, &["mdia", "minf", "stbl"])).collect()
    }

    /// Numbers of a table's box, after its version and flags.
    fn numbers(table: &[u8], kind: &str) -> Vec<u32> {
        let (numbers, _) = inside(table, &[kind])[4..].as_chunks::<4>();
        numbers.iter().map(|number| u32::from_be_bytes(*number)).collect()
    }

    #[test]
    fn boxes_nest_and_the_index_stands_before_the_data() {
        let file = silent();
        assert_eq!(names(&file), ["ftyp", "moov", "mdat"]);
        assert_eq!(names(inside(&file, &["moov"])), ["mvhd", "trak", "udta"]);
        assert_eq!(names(inside(&file, &["moov", "trak"])), ["tkhd", "mdia"]);
        let [table] = tables(&file)[..] else { panic!("one track") };
        assert_eq!(names(table), ["stsd", "stts", "stss", "stsc", "stsz", "stco"]);
        assert_eq!(numbers(table, "stsz"), [0, 3, 12, 6, 3]);
        assert_eq!(numbers(table, "stsc"), [1, 1, 3, 1]);
    }

    #[test]
    fn the_chunk_offset_points_at_the_first_picture() {
        let file = silent();
        let offsets = numbers(tables(&file)[0], "stco");
        assert_eq!(offsets.len(), 2);
        assert_eq!(&file[offsets[1] as usize..], b"firstpicturesecond3rd");
    }

    #[test]
    fn sound_is_a_second_track_whose_chunks_alternate_with_the_pictures() {
        let sound = Flac::encode(8_000, 2, 10_000, |frame, channel| frame as i16 + channel as i16);
        let file = write([0; 3], 2, Some(&sound));
        assert_eq!(names(inside(&file, &["moov"])), ["mvhd", "trak", "trak", "udta"]);
        let [pictures, heard] = tables(&file)[..] else { panic!("two tracks") };
        assert_eq!(numbers(pictures, "stsc"), [2, 1, 2, 1, 2, 1, 1]);
        assert_eq!(numbers(heard, "stsc"), [1, 1, 1, 1]);
        assert_eq!(numbers(heard, "stts"), [2, 2, 4096, 1, 1808]);
        let entry = &inside(heard, &["stsd"])[8..];
        assert_eq!((&entry[4..8], &entry[24..28]), (&b"fLaC"[..], &[0, 2, 0, 16][..]));
        assert_eq!(entry[32..36], words(&[8_000 << 16]));
        assert_eq!(entry[40..48], *b"dfLa\0\0\0\0");
        assert_eq!(entry[48..], sound.stream_info());
        let at = |offset: u32, bytes: &[u8]| file[offset as usize..].starts_with(bytes);
        let (seen, offsets) = (numbers(pictures, "stco"), numbers(heard, "stco"));
        assert!(at(seen[1], b"firstpicturesecond") && at(seen[2], b"3rd"));
        for (offset, block) in offsets[1..].iter().zip(&sound.blocks) {
            assert!(at(*offset, block));
        }
        assert!(seen[1] < offsets[1] && offsets[1] < seen[2] && seen[2] < offsets[2]);
    }

    #[test]
    fn rates_beyond_the_field_are_divided() {
        for (rate_hz, shown) in [(65_535, 65_535), (96_000, 48_000), (192_000, 48_000)] {
            let sound = Flac::encode(rate_hz, 1, 10, |_, _| 1);
            let file = write([0; 3], 2, Some(&sound));
            let entry = &inside(tables(&file)[1], &["stsd"])[8..];
            assert_eq!(entry[32..36], words(&[shown << 16]));
        }
    }

    #[test]
    fn reordered_pictures_are_shown_when_due() {
        let file = write([1, 2, 0], 12, None);
        let table = tables(&file)[0];
        assert_eq!(names(table), ["stsd", "stts", "ctts", "stss", "stsc", "stsz", "stco"]);
        assert_eq!(numbers(table, "ctts"), [3, 1, 1, 1, 2, 1, 0]);
        assert_eq!(names(inside(&file, &["moov", "trak"])), ["tkhd", "edts", "mdia"]);
        assert_eq!(numbers(inside(&file, &["moov", "trak", "edts"]), "elst"), [1, 3, 1, 0x1_0000]);
    }

    #[test]
    fn the_note_is_kept() {
        let file = silent();
        let meta = inside(&file, &["moov", "udta", "meta"]);
        let list = inside(&meta[4..], &["ilst"]);
        assert!(list.windows(13).any(|part| part == b"a placeholder"));
    }
}
