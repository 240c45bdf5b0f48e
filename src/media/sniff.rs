//! Names a file's type from its first bytes, since declared content types lie.
//! Not a validator: a known beginning says nothing about the rest of the file.

pub use super::stranger::name_of_stranger;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    Png,
    Jpeg,
    Webp,
    Svg,
    Mp4,
    Glb,
    Wav,
    Mp3,
}

/// ISO base-media brands that share MP4's container but are no MP4 video: AVIF, HEIF and other stills,
/// audio-only files, QuickTime.
const FOREIGN_BRANDS: [&[u8]; 15] = [
    b"M4A ", b"M4B ", b"M4P ", b"aax ", b"qt  ", b"crx ", b"jp2 ", b"jpm ", b"jpx ", b"jxl ", b"mj2s",
    b"mjp2", b"pana", b"dvr1", b"sdv ",
];

/// Brands of still pictures: such a file may name a film's brand first and still be none.
const STILL_BRANDS: [&[u8]; 14] = [
    b"avif", b"avis", b"avio", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs",
    b"mif1", b"msf1", b"miaf",
];

/// Most of an `ftyp` box that is looked at, in bytes: twenty and more brands.
const FTYP_MAX_BYTES: usize = 128;

/// How far the first frame may stand behind an ID3 tag, in bytes: encoders pad the tag with zeros.
const MP3_PADDING_MAX_BYTES: usize = 4096;

impl MediaType {
    pub const ALL: [Self; 8] =
        [Self::Png, Self::Jpeg, Self::Webp, Self::Svg, Self::Mp4, Self::Glb, Self::Wav, Self::Mp3];

    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
            Self::Mp4 => "video/mp4",
            Self::Glb => "model/gltf-binary",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
        }
    }

    /// Without the leading dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Svg => "svg",
            Self::Mp4 => "mp4",
            Self::Glb => "glb",
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
        }
    }

    /// The type that a `Content-Type` names, if files of it may be uploaded. What is drawn from outside (SVG, GLB) is
    /// not taken: it can carry scripts and references.
    pub fn parse_mime(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match essence.as_str() {
            "image/png" => Self::Png,
            "image/jpeg" | "image/jpg" => Self::Jpeg,
            "image/webp" => Self::Webp,
            "video/mp4" => Self::Mp4,
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Self::Wav,
            "audio/mpeg" | "audio/mp3" => Self::Mp3,
            _ => return None,
        })
    }

    /// The type that a file's name promises, if files of it may be uploaded.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.trim_end().rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "png" => Self::Png,
            "jpg" | "jpeg" => Self::Jpeg,
            "webp" => Self::Webp,
            "mp4" | "m4v" => Self::Mp4,
            "wav" => Self::Wav,
            "mp3" => Self::Mp3,
            _ => return None,
        })
    }

    pub fn modality(self) -> &'static str {
        match self {
            Self::Png | Self::Jpeg | Self::Webp | Self::Svg => "image",
            Self::Mp4 => "video",
            Self::Glb => "three_d",
            Self::Wav | Self::Mp3 => "audio",
        }
    }
}

/// The type, if the beginning is one of ours. A few hundred bytes are enough for everything except an SVG with a
/// long leading comment; with more, what follows the first header is looked at too.
pub fn sniff(first_bytes: &[u8]) -> Option<MediaType> {
    let tag_at =
        |offset: usize, tag: &[u8]| first_bytes.get(offset..).is_some_and(|rest| rest.starts_with(tag));
    if tag_at(0, b"\x89PNG\r\n\x1a\n") {
        continues(first_bytes, 8, b"\0\0\0\x0dIHDR").then_some(MediaType::Png)
    } else if tag_at(0, b"\xff\xd8\xff") {
        first_bytes.get(3).is_none_or(|marker| follows_start_of_jpeg(*marker)).then_some(MediaType::Jpeg)
    } else if tag_at(0, b"RIFF") && tag_at(8, b"WEBP") {
        let is_known = |tag: &&[u8]| continues(first_bytes, 12, tag);
        [&b"VP8 "[..], b"VP8L", b"VP8X"].iter().any(is_known).then_some(MediaType::Webp)
    } else if (tag_at(0, b"RIFF") || tag_at(0, b"RF64") || tag_at(0, b"BW64")) && tag_at(8, b"WAVE") {
        Some(MediaType::Wav)
    } else if tag_at(0, b"glTF\x02\0\0\0") {
        Some(MediaType::Glb)
    } else if tag_at(4, b"ftyp") {
        is_film(first_bytes).then_some(MediaType::Mp4)
    } else if is_mp3(first_bytes) {
        Some(MediaType::Mp3)
    } else {
        starts_svg(first_bytes).then_some(MediaType::Svg)
    }
}

/// Whether `expected` stands at `offset`, as far as the bytes go.
fn continues(bytes: &[u8], offset: usize, expected: &[u8]) -> bool {
    bytes.iter().skip(offset).zip(expected).all(|(byte, wanted)| byte == wanted)
}

/// Frames, tables, application data and comments; not JPEG-LS, nor bytes that only begin alike.
fn follows_start_of_jpeg(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc2 | 0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe | 0xff)
}

/// An `ftyp` box of sane size whose first brand is no foreigner's and that names no still picture.
fn is_film(bytes: &[u8]) -> bool {
    let Some((size, brand)) = be32(bytes, 0).zip(bytes.get(8..12)) else {
        return false;
    };
    let listed = bytes.get(..bytes.len().min(size as usize).min(FTYP_MAX_BYTES)).unwrap_or_default();
    let brands = || listed.get(16..).unwrap_or_default().chunks_exact(4).chain([brand]);
    (16..=4096).contains(&size)
        && brand.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && !FOREIGN_BRANDS.contains(&brand)
        && !brands().any(|brand| STILL_BRANDS.contains(&brand))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// What an MPEG audio frame header of layer III says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    pub sample_hz: u32,
    /// Bits per second.
    pub bitrate: u32,
    pub samples: u32,
    /// With its header.
    pub bytes: usize,
    /// Between the header and what an encoder says of the whole file.
    pub side_bytes: usize,
}

impl Frame {
    /// The reserved values are excluded so that runs of 0xFF and UTF-16 byte order marks do not pass for music.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        const KBITS: [u32; 16] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
        const HALF_KBITS: [u32; 16] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];
        let [0xff, second, third] = *bytes.first_chunk::<3>()? else { return None };
        let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
        let sample_hz = [44_100_u32, 48_000, 32_000].get(usize::from((third >> 2) & 3))?;
        if second & 0xe0 != 0xe0 || version == 1 || layer != 1 {
            return None;
        }
        let first = version == 3;
        let kbits = if first { &KBITS } else { &HALF_KBITS }.get(usize::from(third >> 4)).copied();
        let kbits = kbits.filter(|rate| *rate > 0)?;
        let sample_hz = sample_hz >> [2, 0, 1, 0].get(usize::from(version))?;
        let (samples, bitrate) = (if first { 1152 } else { 576 }, kbits * 1000);
        let is_mono = bytes.get(3).is_some_and(|fourth| fourth >> 6 == 3);
        Some(Self {
            sample_hz,
            bitrate,
            samples,
            bytes: (samples / 8 * bitrate / sample_hz + u32::from((third >> 1) & 1)) as usize,
            side_bytes: match (first, is_mono) {
                (true, false) => 32,
                (true, true) | (false, false) => 17,
                (false, true) => 9,
            },
        })
    }

    /// The first frame of `bytes` that another of its kind follows, as far as the bytes go, and where it is.
    pub fn find(bytes: &[u8]) -> Option<(usize, Self)> {
        (0..bytes.len().min(MP3_PADDING_MAX_BYTES)).find_map(|at| {
            let here = bytes.get(at..)?;
            let frame = Self::read(here)?;
            let next = here.get(frame.bytes..).filter(|rest| rest.len() >= 4);
            let goes_on = next
                .is_none_or(|rest| Self::read(rest).is_some_and(|next| next.sample_hz == frame.sample_hz));
            goes_on.then_some((at, frame))
        })
    }
}

/// Bytes of the ID3v2 tag at the beginning, with its header; `None` if there is none.
pub(super) fn id3_bytes(bytes: &[u8]) -> Option<u64> {
    let header = bytes.strip_prefix(b"ID3")?;
    let well_formed = header.first().is_none_or(|version| (2..=4).contains(version))
        && header.get(1).is_none_or(|revision| *revision != 0xff)
        && header.iter().skip(3).take(4).all(|byte| *byte < 0x80);
    if !well_formed {
        return None;
    }
    let size = header.get(3..7).unwrap_or_default().iter().fold(0, |sum, byte| sum << 7 | u64::from(*byte));
    let footer = if header.get(2).is_some_and(|flags| flags & 0x10 != 0) { 10 } else { 0 };
    Some(10 + size + footer)
}

/// A frame at once, or behind an ID3 tag as far as the bytes go.
fn is_mp3(bytes: &[u8]) -> bool {
    match id3_bytes(bytes) {
        None => Frame::find(bytes).is_some_and(|(at, _)| at == 0),
        Some(tag) => {
            let music = usize::try_from(tag).ok().and_then(|tag| bytes.get(tag..)).unwrap_or_default();
            music.len() < MP3_PADDING_MAX_BYTES || Frame::find(music).is_some()
        }
    }
}

/// Skips what XML allows before the root element, then wants `<svg`.
fn starts_svg(bytes: &[u8]) -> bool {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        let end: &[u8] = if rest.starts_with(b"<?") {
            b"?>"
        } else if rest.starts_with(b"<!--") {
            b"-->"
        } else if rest.starts_with(b"<!DOCTYPE") {
            b">"
        } else {
            let name_ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
            return rest.strip_prefix(b"<svg").is_some_and(|after| after.first().is_some_and(name_ends));
        };
        // `windows` is linear here because every skip moves past what it read.
        let Some(at) = rest.windows(end.len()).position(|window| window == end) else {
            return false;
        };
        rest = rest.get(at + end.len()..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_beginnings_are_named() {
        let cases: [(&[u8], MediaType); 12] = [
            (b"\x89PNG\r\n\x1a\n\0\0", MediaType::Png),
            (b"\xff\xd8\xff\xe0", MediaType::Jpeg),
            (b"RIFF\x10\0\0\0WEBPVP8L", MediaType::Webp),
            (b"RIFF\x10\0\0\0WAVEfmt ", MediaType::Wav),
            (b"glTF\x02\0\0\0\x10\0\0\0", MediaType::Glb),
            (b"\0\0\0\x18ftypisom\0\0\0\0", MediaType::Mp4),
            (b"ID3\x04\0\0", MediaType::Mp3),
            (b"\xff\xfb\x90\x64", MediaType::Mp3),
            (b"<svg xmlns=''>", MediaType::Svg),
            (b"\xef\xbb\xbf\n <?xml version='1.0'?><!-- a > b --> <svg>", MediaType::Svg),
            (b"<!DOCTYPE svg PUBLIC 'x'>\n<svg\n", MediaType::Svg),
            (b"\xff\xf3\x40\xc4", MediaType::Mp3),
        ];
        for (bytes, expected) in cases {
            assert_eq!(sniff(bytes), Some(expected), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn strangers_and_stumps_are_not() {
        let cases: [&[u8]; 12] = [
            b"",
            b"\x89PNG",
            b"GIF89a",
            b"RIFF",
            b"RIFF\0\0\0\0AVI ",
            b"\xff\xfe\x41\x00",
            b"\xff\xff\xff\xff",
            b"\0\0\0\x18ftypavif",
            b"\0\0\0\x18ftyp",
            b"<html><svg>",
            b"<!-- never closed <svg>",
            b"<svgx>",
        ];
        for bytes in cases {
            assert_eq!(sniff(bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn every_type_has_matching_labels() {
        assert_eq!(MediaType::Glb.mime(), "model/gltf-binary");
        assert_eq!(MediaType::Glb.modality(), "three_d");
        assert_eq!(MediaType::Svg.modality(), "image");
        assert_eq!(MediaType::Jpeg.extension(), "jpg");
    }
}
