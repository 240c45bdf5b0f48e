//! Reading and writing still pictures within bounds: untrusted bytes in, pixels
//! out, and back to files that carry a note about themselves. Not for drawing
//! (see the offline provider) and not for SVG, which has no pixels to decode.

use std::fmt;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageReader, Limits, RgbImage,
    RgbaImage,
};

use super::guard::{self, Claim};

pub use super::shrink::thumbnail_of;

/// Long side of the still that stands for a file in contact sheets and lists.
pub const POSTER_SIDE: u32 = 384;

/// Longest note kept, in bytes. Far below the 65,533 a JPEG comment can hold,
/// so one limit serves all formats and a prompt cannot bloat its own picture.
pub const NOTE_MAX_BYTES: usize = 4096;

/// Memory granted per allowed pixel, in bytes: what any form takes, turned and made RGBA beside it.
const DECODE_BYTES_PER_PIXEL: u64 = 16;

/// Working memory granted to a decoder for things that do not grow with the
/// picture (colour profiles, Huffman tables), in bytes. What the pixels take follows from the size.
const DECODE_FIXED_BYTES: u64 = 2 * 1024 * 1024;

/// Working memory granted to a decoder per pixel of width, in bytes: two rows of 16-bit RGBA, twice.
const DECODE_ROW_BYTES: u64 = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Webp,
    /// Quality from 1 to 100; values outside are clamped.
    Jpeg {
        quality: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureError {
    /// Not a PNG, JPEG or WebP.
    UnknownFormat,
    TooLarge {
        width: u32,
        height: u32,
        max_pixels: u64,
    },
    Damaged(String),
    Empty,
    TooManyTiles {
        given: usize,
        max: usize,
    },
    CannotFit {
        max_bytes: usize,
    },
    /// Few enough pixels, in a form that takes too much memory to decode.
    TooCostly {
        width: u32,
        height: u32,
        max_bytes: u64,
    },
    Encoding(String),
}

impl fmt::Display for PictureError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat => write!(out, "this is not a PNG, JPEG or WebP picture"),
            Self::TooLarge { width, height, max_pixels } => write!(
                out,
                "the picture is {width} x {height} pixels; at most {max_pixels} pixels in all are accepted"
            ),
            Self::Damaged(reason) => write!(out, "the picture could not be read: {reason}"),
            Self::Empty => write!(out, "there is no picture to work on"),
            Self::TooManyTiles { given, max } => {
                write!(out, "{given} pictures were given; a contact sheet holds at most {max}")
            }
            Self::TooCostly { width, height, max_bytes } => write!(
                out,
                "the picture is {width} x {height} pixels in a form that takes more than {max_bytes} bytes to decode"
            ),
            Self::CannotFit { max_bytes } => write!(out, "no preview fits into {max_bytes} bytes"),
            Self::Encoding(reason) => write!(out, "the picture could not be written: {reason}"),
        }
    }
}

impl std::error::Error for PictureError {}

fn damaged(error: ImageError) -> PictureError {
    PictureError::Damaged(error.to_string())
}

fn failed_encoding(error: ImageError) -> PictureError {
    PictureError::Encoding(error.to_string())
}

fn open(bytes: &[u8], limits: Limits) -> Result<impl ImageDecoder + '_, PictureError> {
    let format = image::guess_format(bytes).map_err(|_| PictureError::UnknownFormat)?;
    if !format.reading_enabled() {
        return Err(PictureError::UnknownFormat);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader.into_decoder().map_err(damaged)
}

/// A decoder that may read what the claim says and no more.
pub(super) fn start_decoding<'a>(claim: &Claim<'a>) -> Result<impl ImageDecoder + use<'a>, PictureError> {
    let longest_side = claim.width.max(claim.height);
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(longest_side);
    limits.max_image_height = Some(longest_side);
    limits.max_alloc = Some(u64::from(claim.width) * DECODE_ROW_BYTES + DECODE_FIXED_BYTES);
    open(claim.file, limits)
}

/// Width and height as shown, that is after the camera orientation is applied.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let mut decoder = start_decoding(&guard::inspect(bytes)?)?;
    let (width, height) = decoder.dimensions();
    // A broken orientation tag is no reason to refuse a readable picture.
    Ok(match decoder.orientation().unwrap_or(Orientation::NoTransforms) {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    })
}

/// Decodes the first frame, upright. The stated size is checked before any
/// pixel memory exists, so a small file cannot claim gigabytes.
pub fn decode(bytes: &[u8], max_pixels: u64) -> Result<RgbaImage, PictureError> {
    let claim = guard::inspect(bytes)?;
    claim.admit(max_pixels, DECODE_BYTES_PER_PIXEL, 0)?;
    let mut decoder = start_decoding(&claim)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgba8())
}

/// Writes the picture with `note` inside the file, so that the file still says
/// what it is after it has been downloaded and renamed.
pub fn encode(picture: &RgbaImage, format: Format, note: &str) -> Result<Vec<u8>, PictureError> {
    if picture.width() == 0 || picture.height() == 0 {
        return Err(PictureError::Empty);
    }
    let note = shorten_note(note);
    match format {
        Format::Png => encode_png(picture, note),
        Format::Webp => encode_webp(picture, note),
        Format::Jpeg { quality } => encode_jpeg(&flatten(picture), quality, note),
    }
}

/// Cuts at a character boundary, and at a NUL, which no PNG text may hold.
fn shorten_note(note: &str) -> &str {
    let note = note.split('\0').next().unwrap_or_default();
    let end = note.floor_char_boundary(NOTE_MAX_BYTES);
    note.get(..end).unwrap_or_default()
}

fn encode_png(picture: &RgbaImage, note: &str) -> Result<Vec<u8>, PictureError> {
    let mut file = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, PngFilter::Adaptive);
    let (width, height) = picture.dimensions();
    if picture.pixels().all(|pixel| pixel[3] == 255) {
        // An opaque picture is a quarter smaller and faster without alpha.
        let opaque = flatten(picture);
        encoder.write_image(opaque.as_raw(), width, height, ExtendedColorType::Rgb8)
    } else {
        encoder.write_image(picture.as_raw(), width, height, ExtendedColorType::Rgba8)
    }
    .map_err(failed_encoding)?;
    // The text chunk goes right after IHDR: 8 signature bytes, then 25 of header.
    let body = file.split_off(33);
    file.extend(png_text_chunk(note));
    file.extend(body);
    Ok(file)
}

/// `iTXt`, because `tEXt` is Latin-1 only and prompts come in every script.
fn png_text_chunk(note: &str) -> Vec<u8> {
    let mut named = b"iTXtComment\0\0\0\0\0".to_vec();
    named.extend(note.as_bytes());
    let length = (named.len() - 4) as u32;
    let mut chunk = length.to_be_bytes().to_vec();
    let check = crc32(&named);
    chunk.extend(named);
    chunk.extend(check.to_be_bytes());
    chunk
}

/// The PNG checksum, bit by bit: it runs over one short note per file, so a
/// table would cost more bytes than it saves time.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Encodes without a note; the contact sheet needs every byte of its budget.
pub(super) fn encode_bare_jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, PictureError> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100))
        .encode_image(picture)
        .map_err(failed_encoding)?;
    Ok(file)
}

fn encode_jpeg(picture: &RgbImage, quality: u8, note: &str) -> Result<Vec<u8>, PictureError> {
    let mut file = encode_bare_jpeg(picture, quality)?;
    // After SOI and the JFIF segment, which has to come first.
    let jfif_bytes = match file.get(4..6) {
        Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    let body = file.split_off(file.len().min(4 + jfif_bytes));
    let segment_bytes = (note.len() + 2) as u16;
    file.extend([0xff, 0xfe]);
    file.extend(segment_bytes.to_be_bytes());
    file.extend(note.as_bytes());
    file.extend(body);
    Ok(file)
}

/// Lossless WebP, re-wrapped in the extended container since only that one has
/// room for metadata.
fn encode_webp(picture: &RgbaImage, note: &str) -> Result<Vec<u8>, PictureError> {
    let mut plain = Vec::new();
    let (width, height) = picture.dimensions();
    WebPEncoder::new_lossless(&mut plain)
        .encode(picture.as_raw(), width, height, ExtendedColorType::Rgba8)
        .map_err(failed_encoding)?;
    // RIFF header (12 bytes), then exactly one VP8L chunk, padded by the encoder.
    let image_chunk = plain.split_off(12);
    let uses_alpha = picture.pixels().any(|pixel| pixel[3] != 255);
    let mut header = vec![0x04 | if uses_alpha { 0x10 } else { 0 }, 0, 0, 0];
    for side in [width, height] {
        header.extend((side - 1).to_le_bytes().iter().take(3));
    }
    let mut chunks = b"WEBP".to_vec();
    push_riff_chunk(&mut chunks, b"VP8X", &header);
    chunks.extend(image_chunk);
    push_riff_chunk(&mut chunks, b"XMP ", xmp_packet(note).as_bytes());
    let mut file = b"RIFF".to_vec();
    file.extend((chunks.len() as u32).to_le_bytes());
    file.extend(chunks);
    Ok(file)
}

fn push_riff_chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend(name);
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}

fn xmp_packet(note: &str) -> String {
    format!(
        concat!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">",
            "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">",
            "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">",
            "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:description>",
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
        ),
        escape_xml(note)
    )
}

/// For text between tags or in double quotes. Control characters that XML 1.0
/// cannot carry at all become spaces.
pub fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Puts the picture on white, for formats and checks that know no alpha.
pub fn flatten(picture: &RgbaImage) -> RgbImage {
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (out, pixel) in flat.pixels_mut().zip(picture.pixels()) {
        out.0 = over_white(pixel.0);
    }
    flat
}

pub(super) fn over_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    [red, green, blue].map(|channel| {
        let sum = u32::from(channel) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
        ((sum + 127) / 255) as u8
    })
}

/// Resamples with alpha taken into account: invisible pixels must not darken
/// the visible edge next to them.
pub fn resize(picture: &RgbaImage, width: u32, height: u32, filter: FilterType) -> RgbaImage {
    let (width, height) = (width.max(1), height.max(1));
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    if picture.pixels().all(|pixel| pixel[3] == 255) {
        return imageops::resize(picture, width, height, filter);
    }
    let mut weighted = picture.clone();
    for pixel in weighted.pixels_mut() {
        let [colour @ .., alpha] = &mut pixel.0;
        for channel in colour {
            *channel = ((u32::from(*channel) * u32::from(*alpha) + 127) / 255) as u8;
        }
    }
    let mut resized = imageops::resize(&weighted, width, height, filter);
    for pixel in resized.pixels_mut() {
        let [colour @ .., alpha] = &mut pixel.0;
        let alpha = u32::from(*alpha).max(1);
        for channel in colour {
            *channel = ((u32::from(*channel) * 255 + alpha / 2) / alpha).min(255) as u8;
        }
    }
    resized
}

/// A copy whose longer side is at most `max_side` pixels; never enlarges.
pub fn thumbnail(picture: &RgbaImage, max_side: u32) -> RgbaImage {
    let (width, height) = picture.dimensions();
    let longest = width.max(height).max(1);
    if longest <= max_side {
        return picture.clone();
    }
    let scale = |side: u32| (u64::from(side) * u64::from(max_side)).div_ceil(u64::from(longest)) as u32;
    resize(picture, scale(width), scale(height), FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "Placeholder <made> offline & без сети";

    fn noisy(width: u32, height: u32, alpha: bool) -> RgbaImage {
        let mut state = 7_u32;
        RgbaImage::from_fn(width, height, |x, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_le_bytes();
            image::Rgba([a, b, c, if alpha && x < width / 2 { 0 } else { 255 }])
        })
    }

    fn holds(file: &[u8], text: &str) -> bool {
        file.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// A PNG that is only a header claiming the given size.
    fn claim(width: u32, height: u32) -> Vec<u8> {
        let mut header = b"IHDR".to_vec();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 6, 0, 0, 0]);
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
        file.extend(&header);
        file.extend(crc32(&header).to_be_bytes());
        file.extend(b"\0\0\0\x00IDAT");
        file.extend(crc32(b"IDAT").to_be_bytes());
        file
    }

    #[test]
    fn lossless_files_come_back_with_their_note() {
        for alpha in [false, true] {
            let picture = noisy(31, 17, alpha);
            let png = encode(&picture, Format::Png, NOTE).unwrap();
            assert!(holds(&png, "iTXtComment") && holds(&png, NOTE));
            assert_eq!(decode(&png, 1000).unwrap(), picture);
            let webp = encode(&picture, Format::Webp, NOTE).unwrap();
            assert!(holds(&webp, "XMP ") && holds(&webp, &escape_xml(NOTE)));
            assert_eq!(decode(&webp, 1000).unwrap(), picture);
            assert_eq!(dimensions(&webp).unwrap(), (31, 17));
        }
    }

    #[test]
    fn png_chunks_are_whole_and_their_checksums_right() {
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        let file = encode(&noisy(9, 9, false), Format::Png, NOTE).unwrap();
        let mut names = Vec::new();
        let mut rest = &file[8..];
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let check = u32::from_be_bytes(rest[8 + length..12 + length].try_into().unwrap());
            assert_eq!(check, crc32(&rest[4..8 + length]));
            names.push(String::from_utf8_lossy(&rest[4..8]).into_owned());
            rest = &rest[12 + length..];
        }
        assert_eq!(names.first().map(String::as_str), Some("IHDR"));
        assert_eq!(names.get(1).map(String::as_str), Some("iTXt"));
        assert_eq!(names.last().map(String::as_str), Some("IEND"));
    }

    #[test]
    fn jpeg_keeps_its_note_and_flattens_over_white() {
        let mut picture = RgbaImage::from_pixel(32, 32, image::Rgba([10, 200, 30, 0]));
        for (x, _, pixel) in picture.enumerate_pixels_mut() {
            if x >= 16 {
                *pixel = image::Rgba([200, 10, 10, 255]);
            }
        }
        let file = encode(&picture, Format::Jpeg { quality: 90 }, NOTE).unwrap();
        assert!(holds(&file, NOTE));
        let back = decode(&file, 2000).unwrap();
        assert!(back.get_pixel(3, 3).0.iter().all(|channel| *channel > 245));
        assert!(back.get_pixel(28, 3)[0] > 180 && back.get_pixel(28, 3)[1] < 40);
    }

    #[test]
    fn long_notes_are_cut_at_a_character() {
        let long = "ж".repeat(5000);
        assert_eq!(shorten_note(&long).len(), NOTE_MAX_BYTES);
        assert_eq!(shorten_note("a\0b"), "a");
        assert!(decode(&encode(&noisy(8, 8, true), Format::Webp, &long).unwrap(), 64).is_ok());
    }

    #[test]
    fn a_claimed_giant_is_refused_from_its_header() {
        let file = claim(60_000, 60_000);
        assert_eq!(dimensions(&file), Ok((60_000, 60_000)));
        let refusal = decode(&file, 16_000_000).unwrap_err();
        assert_eq!(refusal, PictureError::TooLarge { width: 60_000, height: 60_000, max_pixels: 16_000_000 });
        assert!(refusal.to_string().contains("60000 x 60000"));
        // The same header with a size inside the limit fails for lack of data instead.
        assert!(matches!(decode(&claim(100, 100), 16_000_000), Err(PictureError::Damaged(_))));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let picture = noisy(40, 24, true);
        for format in [Format::Png, Format::Webp, Format::Jpeg { quality: 70 }] {
            let file = encode(&picture, format, NOTE).unwrap();
            for end in 0..file.len() - 40 {
                // A JPEG cut late may still decode; what counts is that it returns.
                let result = decode(&file[..end], 10_000);
                assert!(end > 60 || result.is_err(), "{format:?} cut at {end}");
            }
            for at in 0..file.len() {
                let mut broken = file.clone();
                broken[at] ^= 0x55;
                let _ = decode(&broken, 10_000);
                let _ = dimensions(&broken);
            }
        }
        assert_eq!(decode(b"GIF89a\x01\0\x01\0", 100), Err(PictureError::UnknownFormat));
        assert_eq!(decode(b"", 100), Err(PictureError::UnknownFormat));
    }

    #[test]
    fn thumbnails_shrink_only_and_keep_edges_clean() {
        let small = thumbnail(&noisy(300, 100, false), 60);
        assert_eq!(small.dimensions(), (60, 20));
        assert_eq!(thumbnail(&small, 500).dimensions(), (60, 20));
        assert_eq!(thumbnail(&noisy(900, 1, false), 10).dimensions(), (10, 1));
        let half = RgbaImage::from_fn(64, 64, |x, _| {
            if x < 31 { image::Rgba([0, 0, 0, 0]) } else { image::Rgba([255, 40, 40, 255]) }
        });
        let thumb = thumbnail(&half, 16);
        assert!(thumb.pixels().filter(|pixel| pixel[3] > 8).all(|pixel| pixel[0] > 240), "dark fringe");
    }
}
