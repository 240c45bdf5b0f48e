//! Names a file's type from its first bytes, since declared content types lie.
//! Not a validator: a known beginning says nothing about the rest of the file.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// ISO base-media brands that share MP4's container but are no MP4 video:
/// AVIF and HEIF stills, audio-only files, QuickTime.
const FOREIGN_BRANDS: [&[u8]; 11] =
    [b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"M4A ", b"M4B ", b"qt  ", b"crx "];

impl MediaType {
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

    pub fn modality(self) -> &'static str {
        match self {
            Self::Png | Self::Jpeg | Self::Webp | Self::Svg => "image",
            Self::Mp4 => "video",
            Self::Glb => "three_d",
            Self::Wav | Self::Mp3 => "audio",
        }
    }
}

/// The type, if the beginning is one of ours. A few hundred bytes are enough
/// for everything except an SVG with a long leading comment.
pub fn sniff(first_bytes: &[u8]) -> Option<MediaType> {
    let tag_at =
        |offset: usize, tag: &[u8]| first_bytes.get(offset..).is_some_and(|rest| rest.starts_with(tag));
    if tag_at(0, b"\x89PNG\r\n\x1a\n") {
        Some(MediaType::Png)
    } else if tag_at(0, b"\xff\xd8\xff") {
        Some(MediaType::Jpeg)
    } else if tag_at(0, b"RIFF") && tag_at(8, b"WEBP") {
        Some(MediaType::Webp)
    } else if tag_at(0, b"RIFF") && tag_at(8, b"WAVE") {
        Some(MediaType::Wav)
    } else if tag_at(0, b"glTF\x02\0\0\0") {
        Some(MediaType::Glb)
    } else if tag_at(4, b"ftyp") {
        let brand = first_bytes.get(8..12)?;
        (!FOREIGN_BRANDS.contains(&brand)).then_some(MediaType::Mp4)
    } else if tag_at(0, b"ID3") || starts_mp3_frame(first_bytes) {
        Some(MediaType::Mp3)
    } else {
        starts_svg(first_bytes).then_some(MediaType::Svg)
    }
}

/// An MPEG audio frame header of layer III. The reserved values are excluded so
/// that runs of 0xFF and UTF-16 byte order marks do not pass for music.
fn starts_mp3_frame(bytes: &[u8]) -> bool {
    let Some([0xff, second, third]) = bytes.first_chunk::<3>().copied() else {
        return false;
    };
    let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
    let (bitrate, sample_rate) = (third >> 4, (third >> 2) & 3);
    second & 0xe0 == 0xe0 && version != 1 && layer == 1 && !matches!(bitrate, 0 | 15) && sample_rate != 3
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
