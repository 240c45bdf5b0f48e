//! Words for files that are refused, so that an error says what was sent instead of what it is not.
//! Not for deciding anything: `sniff` alone says what is taken.

/// How much of the beginning is looked at, in bytes.
const LOOKED_AT_BYTES: usize = 1024;

/// Beginnings that say enough, longest first where one begins another.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"GIF8", "a GIF"),
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska film"),
    (b"FLV\x01", "a Flash film"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\0\0\x01\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"glTF", "a GLB model"),
    (b"FORM", "an AIFF file"),
    (b"MThd", "a MIDI file"),
    (b"#!AMR", "an AMR recording"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\0asm", "a WebAssembly module"),
    (b"data:", "a data: URL (send the bytes it stands for)"),
    (b"iVBORw0KGgo", "base64 text (send the bytes it stands for)"),
    (b"/9j/", "base64 text (send the bytes it stands for)"),
    (b"UklGR", "base64 text (send the bytes it stands for)"),
    (b"http://", "an address (send the file it leads to)"),
    (b"https://", "an address (send the file it leads to)"),
];

/// Brands of ISO base-media files that are no MP4 video.
const BRANDS: &[(&[u8], &str)] = &[
    (b"avif", "an AVIF picture"),
    (b"avis", "an AVIF picture"),
    (b"avio", "an AVIF picture"),
    (b"hei", "a HEIC photo"),
    (b"hev", "a HEIC photo"),
    (b"mif1", "a HEIF picture"),
    (b"msf1", "a HEIF picture"),
    (b"qt  ", "a QuickTime film"),
    (b"M4A ", "an M4A file"),
    (b"M4B ", "an M4A file"),
    (b"M4P ", "an M4A file"),
    (b"crx ", "a raw photo"),
    (b"jxl ", "a JPEG XL picture"),
];

/// What a refused file is, with its article, if its beginning says so.
pub fn name_of_stranger(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some("an empty file");
    }
    let head = head.get(..LOOKED_AT_BYTES).unwrap_or(head);
    let named = |list: &[(&[u8], &'static str)], bytes: &[u8]| {
        list.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, name)| *name)
    };
    let is_box = |kind: &[u8]| head.get(4..8) == Some(kind);
    if is_box(b"ftyp") {
        return named(BRANDS, head.get(8..).unwrap_or_default())
            .or(Some("a film or picture of another kind than MP4"));
    }
    if is_box(b"moov") || is_box(b"mdat") || is_box(b"wide") {
        return Some("a QuickTime film");
    }
    if head.starts_with(b"RIFF") {
        return Some(if head.get(8..12) == Some(b"AVI ") {
            "an AVI film"
        } else {
            "a RIFF file of another kind"
        });
    }
    if head.first() == Some(&0xff) && head.get(1).is_some_and(|second| second & 0xf6 == 0xf0) {
        return Some("an AAC file");
    }
    // Two letters begin too many texts.
    let is_bitmap = head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]);
    if is_bitmap { Some("a BMP picture") } else { named(BEGINNINGS, head).or_else(|| name_of_text(head)) }
}

fn name_of_text(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // A character may be cut where the bytes end.
    let readable = match str::from_utf8(head) {
        Ok(text) => text,
        Err(fault) if fault.error_len().is_none() => str::from_utf8(head.get(..fault.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if readable.chars().any(|letter| letter.is_control() && !letter.is_whitespace()) {
        return None;
    }
    let text = readable.trim_start().to_ascii_lowercase();
    let is_html =
        ["<!doctype html", "<html", "<head", "<body", "<script"].iter().any(|tag| text.starts_with(tag));
    Some(if text.starts_with("--") && text.contains("content-disposition:") {
        "multipart form data (send the file itself as the body, with curl: --data-binary)"
    } else if is_html || (text.starts_with('<') && text.contains("<html")) {
        "an HTML page"
    } else if text.starts_with('<') && text.contains("<svg") {
        "an SVG drawing"
    } else if text.starts_with("<?xml") {
        "an XML document"
    } else if text.starts_with(['{', '[']) {
        "JSON"
    } else {
        "text"
    })
}

#[cfg(test)]
mod tests {
    use super::super::sniff::{MediaType, sniff};
    use super::*;

    #[test]
    fn strangers_are_named_and_never_taken() {
        let cases: [(&[u8], &str); 26] = [
            (b"", "an empty file"),
            (b"GIF89a\x01\0", "a GIF"),
            (b"%PDF-1.7\n", "a PDF"),
            (b"PK\x03\x04\x14\0", "a ZIP archive"),
            (b"<!DOCTYPE html><p>", "an HTML page"),
            (b" \n<HTML>", "an HTML page"),
            (b"<!-- a --><html><svg>", "an HTML page"),
            (b"<!-- a --><p><svg>", "an SVG drawing"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF picture"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo"),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a QuickTime film"),
            (b"\0\0\0\x08wide\0\0\0\0mdat", "a QuickTime film"),
            (b"RIFF\x10\0\0\0AVI LIST", "an AVI film"),
            (b"OggS\0\x02", "an Ogg file"),
            (b"\x1a\x45\xdf\xa3\x01", "a WebM or Matroska film"),
            (b"{\"file\": 1}", "JSON"),
            (b"alert(1)", "text"),
            ("über\u{e9}".as_bytes().split_last().unwrap().1, "text"),
            (b"ID3 tags are explained here", "text"),
            (b"\xff\xf1\x50\x80", "an AAC file"),
            (b"iVBORw0KGgoAAAANSUhEUg", "base64 text (send the bytes it stands for)"),
            (b"data:image/png;base64,iVBO", "a data: URL (send the bytes it stands for)"),
            (b"BM\x36\0\0\0\0\0\0\0", "a BMP picture"),
            (b"II*\0\x08\0\0\0", "a TIFF picture"),
            (b"\xff\xd8\xff\xf7\0\x0b", ""),
            (
                b"--f00\r\nContent-Disposition: form-data; name=\"file\"\r\n",
                "multipart form data (send the file itself as the body, with curl: --data-binary)",
            ),
        ];
        for (bytes, name) in cases {
            assert_eq!(
                name_of_stranger(bytes).unwrap_or_default(),
                name,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
            assert_eq!(sniff(bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn beginnings_that_lie_are_refused() {
        // A frame of this kind has 417 bytes, and no other follows.
        let script = [&b"\xff\xfb\x90=1;alert(1)//"[..], &[b' '; 500]].concat();
        let cases: [&[u8]; 9] = [
            b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>",
            b"\xff\xd8\xff<script>",
            b"RIFF<!--WEBP--><script>",
            b"\0\0\0\x1cftypisom\0\0\0\0avifmif1iso8",
            b"<!--ftypisom--><script>",
            b"\0\0\0\x18ftyp\0\0\0\0\0\0\0\0",
            &script,
            b"ID3\x09\0\0\0\0\0\0",
            b"ID3\x03\0\0\xff\0\0\0",
        ];
        for bytes in cases {
            assert_eq!(sniff(bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn declared_types_and_names_are_read() {
        for (text, media) in [
            ("image/PNG", Some(MediaType::Png)),
            ("image/jpg; q=1", Some(MediaType::Jpeg)),
            (" audio/x-wav ", Some(MediaType::Wav)),
            ("audio/vnd.wave;codec=1", Some(MediaType::Wav)),
            ("audio/mp3", Some(MediaType::Mp3)),
            ("image/svg+xml", None),
            ("", None),
        ] {
            assert_eq!(MediaType::parse_mime(text), media, "{text}");
        }
        for (name, media) in [
            ("a.b.JPEG", Some(MediaType::Jpeg)),
            ("film.mp4", Some(MediaType::Mp4)),
            ("png", None),
            ("a.svg", None),
            ("a.png.exe", None),
        ] {
            assert_eq!(MediaType::of_name(name), media, "{name}");
        }
    }
}
