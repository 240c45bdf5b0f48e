//! WAV files, loudness envelopes and the waveform poster, for the offline provider's sounds.
//!
//! For: writing 16-bit PCM with a note, and reading any 8- or 16-bit PCM file defensively, since a
//! reader's input comes from strangers. Obeys RIFF WAVE (IBM/Microsoft 1991) with a LIST/INFO chunk.
//!
//! Not for: compressed or floating-point audio, resampling, or making sound (`sound`).

use super::brush::{blend, disc, from_hue, mix};
use super::film::ENVELOPE_HZ;
use image::{Rgba, RgbaImage};

/// Samples per second of what is written: enough for placeholders at half the bytes of a CD.
pub const SAMPLE_HZ: u32 = 22_050;
/// Longest note kept, in bytes: it is a label, not a document.
const NOTE_MAX_BYTES: usize = 400;
/// Longest envelope read, in values: ten minutes, more than any film or poster uses.
const ENVELOPE_MAX: usize = 600 * ENVELOPE_HZ as usize;
/// Sampling rates believed when reading, in hertz.
const READ_RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// Most channels believed when reading.
const READ_MAX_CHANNELS: u16 = 8;
/// Format tags: plain PCM, and the extensible header that wraps it.
const TAG_PCM: u16 = 1;
const TAG_EXTENSIBLE: u16 = 0xFFFE;
/// Loudness below which a sound counts as silent, as a part of full scale.
const SILENCE: f32 = 1e-4;
/// Size of the poster and distance of its bars in pixels.
const POSTER_WIDTH_PX: u32 = 512;
const POSTER_HEIGHT_PX: u32 = 256;
const BAR_STEP_PX: u32 = 7;

/// Writes interleaved samples (-1 to 1) as a 16-bit WAV whose INFO list carries `note`.
pub fn write_wav(samples: &[f32], channels: u16, note: &str) -> Vec<u8> {
    let mut list = b"INFO".to_vec();
    for (kind, text) in [(b"ICMT", note), (b"ISFT", "Atelier offline provider")] {
        let mut text: Vec<u8> = cut(text, NOTE_MAX_BYTES).bytes().filter(|byte| *byte != 0).collect();
        text.push(0);
        put_chunk(&mut list, kind, &text);
    }
    let mut format = Vec::with_capacity(16);
    format.extend(TAG_PCM.to_le_bytes());
    format.extend(channels.to_le_bytes());
    format.extend(SAMPLE_HZ.to_le_bytes());
    format.extend((SAMPLE_HZ * u32::from(channels) * 2).to_le_bytes());
    format.extend((channels * 2).to_le_bytes());
    format.extend(16u16.to_le_bytes());
    let data_bytes = samples.len() * 2;
    let mut file = Vec::with_capacity(data_bytes + list.len() + 64);
    file.extend(b"RIFF\0\0\0\0WAVE");
    put_chunk(&mut file, b"fmt ", &format);
    put_chunk(&mut file, b"LIST", &list);
    file.extend(b"data");
    file.extend((data_bytes as u32).to_le_bytes());
    for sample in samples {
        file.extend(((sample.clamp(-1.0, 1.0) * 32767.0) as i16).to_le_bytes());
    }
    let riff_bytes = (file.len() as u32 - 8).to_le_bytes();
    if let Some(size) = file.get_mut(4..8) {
        size.copy_from_slice(&riff_bytes);
    }
    file
}

fn put_chunk(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    file.extend(kind);
    file.extend((content.len() as u32).to_le_bytes());
    file.extend(content);
    if content.len() % 2 == 1 {
        file.push(0);
    }
}

/// The longest start of `text` of at most `bytes` bytes that ends between characters.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Loudness of interleaved samples, `ENVELOPE_HZ` values per second, the loudest being 1.
pub fn measure_envelope(samples: &[f32], channels: u16) -> Vec<f32> {
    let window = (SAMPLE_HZ / ENVELOPE_HZ) as usize * usize::from(channels.max(1));
    scale_to_peak(samples.chunks(window).map(loudness).collect())
}

/// Reads the loudness of an 8- or 16-bit PCM WAV; none if it is anything else, empty or silent.
pub fn envelope_of_wav(bytes: &[u8]) -> Option<Vec<f32>> {
    Pcm::read(bytes)?.envelope()
}

/// The sound of an 8- or 16-bit PCM WAV, still in the bytes of the file.
pub struct Pcm<'a> {
    pub channels: u16,
    pub rate_hz: u32,
    wide: bool,
    data: &'a [u8],
}

impl<'a> Pcm<'a> {
    /// None if it is anything else. Sizes in the file are not believed beyond the bytes that are there.
    pub fn read(bytes: &'a [u8]) -> Option<Pcm<'a>> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = bytes.get(12..)?;
    let mut format = None;
    loop {
        let kind = rest.get(..4)?;
        let size = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
        let content = rest.get(8..)?;
        // A stream written without seeking states no true size: take what there is.
        let inside = content.get(..size).unwrap_or(content);
        match kind {
            b"fmt " => format = Some(Pcm::read_format(inside)?),
            b"data" => return format.map(|format: Pcm| Pcm { data: inside, ..format }),
            _ => {}
        }
        rest = content.get(size.checked_add(size % 2)?..)?;
    }
    }

    fn read_format(chunk: &[u8]) -> Option<Pcm<'a>> {
        let short = |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
        let tag = match short(0)? {
            TAG_EXTENSIBLE => short(24)?,
            tag => tag,
        };
        let channels = short(2)?;
        let rate_hz = u32::from_le_bytes(chunk.get(4..8)?.try_into().ok()?);
        let bits = short(14)?;
        let known = tag == TAG_PCM
            && (bits == 8 || bits == 16)
            && (1..=READ_MAX_CHANNELS).contains(&channels)
            && READ_RATES_HZ.contains(&rate_hz);
        known.then_some(Pcm { channels, rate_hz, wide: bits == 16, data: &[] })
    }

    /// Sample frames: one sample of every channel each.
    pub fn frames(&self) -> usize {
        self.data.len() / self.frame_bytes()
    }

    /// One sample at full scale of 16 bits; none behind the end.
    pub fn sample(&self, frame: usize, channel: u16) -> Option<i16> {
        let index = frame * usize::from(self.channels) + usize::from(channel);
        if self.wide {
            let (pairs, _) = self.data.as_chunks::<2>();
            return pairs.get(index).map(|pair| i16::from_le_bytes(*pair));
        }
        self.data.get(index).map(|byte| (i16::from(*byte) - 128) << 8)
    }

    fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * if self.wide { 2 } else { 1 }
    }

    fn envelope(&self) -> Option<Vec<f32>> {
        let data = self.data;
        let frame_bytes = self.frame_bytes();
        let per_second = self.rate_hz as usize * frame_bytes;
        // Windows start at whole sample frames, spread evenly, so that long files do not drift.
        let start = |index: usize| index * self.rate_hz as usize / ENVELOPE_HZ as usize * frame_bytes;
        let count = (data.len() * ENVELOPE_HZ as usize).div_ceil(per_second).min(ENVELOPE_MAX);
        let mut levels = Vec::with_capacity(count);
        for index in 0..count {
            let Some(window) = data.get(start(index)..start(index + 1).min(data.len())) else { break };
            let samples: Vec<f32> = if self.wide {
                let (pairs, _) = window.as_chunks::<2>();
                pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32768.0).collect()
            } else {
                window.iter().map(|byte| (f32::from(*byte) - 128.0) / 128.0).collect()
            };
            levels.push(loudness(&samples));
        }
        let heard = levels.iter().any(|level| *level > SILENCE);
        heard.then(|| scale_to_peak(levels))
    }
}

/// Root mean square, which follows what an ear calls loud better than peaks do.
fn loudness(samples: &[f32]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| sample * sample).sum();
    (sum / samples.len().max(1) as f32).sqrt()
}

fn scale_to_peak(mut levels: Vec<f32>) -> Vec<f32> {
    let peak = levels.iter().copied().fold(SILENCE, f32::max);
    levels.iter_mut().for_each(|level| *level /= peak);
    levels
}

/// A picture of the sound: rounded bars mirrored about the middle, coloured by `hue` (0 to 1).
pub fn paint_poster(samples: &[f32], hue: f32) -> RgbaImage {
    let (top, bottom) =
        (mix([16.0, 18.0, 32.0], from_hue(hue), 0.06), mix([24.0, 22.0, 46.0], from_hue(hue), 0.16));
    let mut poster = RgbaImage::from_fn(POSTER_WIDTH_PX, POSTER_HEIGHT_PX, |_, y| {
        let [r, g, b] = mix(top, bottom, y as f32 / POSTER_HEIGHT_PX as f32).map(|value| value as u8);
        Rgba([r, g, b, 255])
    });
    let bars = (POSTER_WIDTH_PX - 48) / BAR_STEP_PX;
    let window = samples.len().div_ceil(bars as usize).max(1);
    let levels = scale_to_peak(samples.chunks(window).map(loudness).collect());
    let middle = POSTER_HEIGHT_PX as f32 / 2.0;
    let (from, to) = (mix(from_hue(hue), [255.0; 3], 0.12), mix(from_hue(hue + 0.28), [255.0; 3], 0.12));
    for bar in 0..bars {
        let part = bar as f32 / bars as f32;
        let level = levels.get(bar as usize).copied().unwrap_or_default().powf(0.8);
        let x = 24.0 + (bar * BAR_STEP_PX) as f32 + BAR_STEP_PX as f32 / 2.0;
        let half = (level * 92.0).max(1.0);
        let colour = mix(from, to, part);
        disc(&mut poster, x, middle, half * 0.5 + 10.0, half * 0.5 + 10.0, colour, 0.05);
        for end in [-half, half] {
            disc(&mut poster, x, middle + end, 2.0, 1.0, colour, 1.0);
        }
        for y in (middle - half) as i32..=(middle + half) as i32 {
            let lit = mix(colour, [255.0; 3], 0.28 * (1.0 - (y as f32 - middle).abs() / half));
            for dx in -2..2 {
                blend(&mut poster, x as i32 + dx, y, lit, 1.0);
            }
        }
    }
    poster
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(seconds: f32, channels: u16) -> Vec<f32> {
        let count = (seconds * SAMPLE_HZ as f32) as usize * usize::from(channels);
        (0..count).map(|index| (index as f32 * 0.1).sin() * index as f32 / count as f32).collect()
    }

    #[test]
    fn the_header_adds_up_and_the_note_is_kept() {
        let file = write_wav(&[0.0, 1.0, -1.0, 2.0], 2, "odd note");
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((word(4), word(24), word(28)), (file.len() - 8, 22_050, 88_200));
        assert_eq!(&file[36..40], b"LIST");
        let data = 44 + word(40);
        assert_eq!((&file[data..data + 4], word(data + 4)), (&b"data"[..], 8));
        assert_eq!(&file[file.len() - 6..], [255, 127, 1, 128, 255, 127]);
        assert!(file.windows(9).any(|part| part == b"odd note\0"));
    }

    #[test]
    fn a_written_file_reads_back_as_loud_as_it_was() {
        for channels in [1, 2] {
            let samples = tone(2.0, channels);
            let read = envelope_of_wav(&write_wav(&samples, channels, "n")).unwrap();
            let own = measure_envelope(&samples, channels);
            assert_eq!((read.len(), own.len()), (50, 50));
            assert!(read.iter().zip(&own).all(|(a, b)| (a - b).abs() < 0.01));
            assert!(read[45] > read[5] * 3.0);
        }
    }

    #[test]
    fn malformed_files_give_none() {
        let good = write_wav(&tone(0.5, 1), 1, "n");
        let data = good.windows(4).position(|part| part == b"data").unwrap() + 8;
        for end in 0..data {
            assert!(envelope_of_wav(&good[..end]).is_none(), "cut at {end}");
        }
        for at in 0..100 {
            for value in [0, 1, 127, 255] {
                let mut bent = good.clone();
                bent[at] = value;
                let levels = envelope_of_wav(&bent).unwrap_or_default();
                assert!(levels.iter().all(|level| (0.0..=1.0).contains(level)));
            }
        }
        let mut float = good.clone();
        float[20] = 3;
        assert!(envelope_of_wav(&float).is_none());
        assert!(envelope_of_wav(&write_wav(&[0.0; 9000], 1, "silent")).is_none());
        assert!(envelope_of_wav(b"").is_none() && envelope_of_wav(&[0xFF; 4000]).is_none());
    }

    #[test]
    fn a_stream_without_a_size_is_read_to_its_end() {
        let mut file = write_wav(&tone(1.0, 1), 1, "n");
        let data = file.windows(4).position(|part| part == b"data").unwrap();
        file[data + 4..data + 8].copy_from_slice(&[255; 4]);
        assert_eq!(envelope_of_wav(&file).unwrap().len(), 25);
    }

    #[test]
    fn notes_are_cut_between_characters() {
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut("aéb", 3), "aé");
        assert_eq!(cut("ab", 9), "ab");
    }
}
