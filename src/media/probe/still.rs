//! The sizes of PNG, JPEG and WebP pictures from their headers, and the orientation a camera noted.
//! Not for pixels (see `picture`).

use super::super::sniff::be32;
use super::{Facts, Place, Step, Walker, be16, le16, le32};

/// The tag of an Exif directory that says how the camera was held.
const ORIENTATION_TAG: u16 = 0x0112;

/// A JPEG's segments, up to the frame header.
#[derive(Clone, Debug, Default)]
pub struct Jpeg {
    swaps_sides: bool,
}

impl Walker for Jpeg {
    fn step(&mut self, place: &Place, facts: &mut Facts) -> Step {
        let here = place.here;
        let (Some(0xff), marker) = (here.first(), here.get(1)) else { return Step::Done };
        match marker {
            None => Step::More,
            // A marker may have any number of these before it.
            Some(0xff) => place.skip(1),
            Some(0x01 | 0xd0..=0xd8) => place.skip(2),
            Some(0x00 | 0xd9 | 0xda) => Step::Done,
            Some(marker) => {
                let Some(length) = be16(here, 2) else { return Step::More };
                let segment = here.get(4..here.len().min(2 + usize::from(length))).unwrap_or_default();
                if is_frame(*marker) {
                    let Some((height, width)) = be16(here, 5).zip(be16(here, 7)) else { return Step::More };
                    facts.set_sides(width.into(), height.into(), self.swaps_sides);
                    return Step::Done;
                }
                if *marker == 0xe1
                    && let Some(exif) = segment.strip_prefix(b"Exif\0\0")
                {
                    self.swaps_sides = swaps_sides(exif);
                }
                if length < 2 { Step::Done } else { place.skip(2 + u64::from(length)) }
            }
        }
    }
}

/// Start of frame, of any kind.
pub fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Whether the picture lies on its side, by the first directory of an Exif block.
fn swaps_sides(exif: &[u8]) -> bool {
    let is_little = exif.starts_with(b"II");
    let word = |at: usize| if is_little { le16(exif, at) } else { be16(exif, at) };
    let long = |at: usize| if is_little { le32(exif, at) } else { be32(exif, at) };
    if !(is_little || exif.starts_with(b"MM")) || word(2) != Some(42) {
        return false;
    }
    let Some(directory) = long(4).and_then(|at| usize::try_from(at).ok()) else { return false };
    let entries = usize::from(directory.checked_add(2).and_then(|_| word(directory)).unwrap_or(0));
    let found = (0..entries)
        .map_while(|entry| directory.checked_add(2 + entry * 12))
        .map_while(|at| Some((word(at)?, at)))
        .find(|(tag, _)| *tag == ORIENTATION_TAG);
    found.and_then(|(_, at)| word(at.checked_add(8)?)).is_some_and(|how| (5..=8).contains(&how))
}

/// The header is the first chunk; the orientation may stand in one before the pixels.
pub fn read_png(head: &[u8], facts: &mut Facts) {
    if let Some((width, height)) = be32(head, 16).zip(be32(head, 20)) {
        let exif =
            png_chunks(head).take_while(|(kind, _, _)| kind != b"IDAT").find(|(kind, _, _)| kind == b"eXIf");
        let swapped = exif.is_some_and(|(_, body, _)| swaps_sides(body));
        facts.set_sides(width, height, swapped);
    }
}

/// The chunks behind the signature: kind, as much of the body as there is, and how long it claims to be.
pub fn png_chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8], usize)> {
    let mut rest = file.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, kind) = (be32(rest, 0)? as usize, *rest.get(4..)?.first_chunk::<4>()?);
        let from = rest.get(8..).unwrap_or_default();
        rest = from.get(length.saturating_add(4)..).unwrap_or_default();
        Some((kind, from.get(..length).unwrap_or(from), length))
    })
}

/// Of the three kinds of first chunk, the extended one speaks of the whole canvas.
pub fn read_webp(head: &[u8], facts: &mut Facts) {
    let body = head.get(20..).unwrap_or_default();
    let sides = match head.get(12..16) {
        Some(b"VP8 ") => lossy_sides(body),
        Some(b"VP8L") => lossless_sides(body),
        Some(b"VP8X") => canvas_sides(body),
        _ => None,
    };
    if let Some((width, height)) = sides {
        let exif = webp_chunks(head).find(|(kind, _, _)| kind == b"EXIF");
        let swapped =
            exif.is_some_and(|(_, body, _)| swaps_sides(body.strip_prefix(b"Exif\0\0").unwrap_or(body)));
        facts.set_sides(width, height, swapped);
    }
}

/// The chunks behind `RIFF….WEBP`: kind, as much of the body as there is, and how long it claims to be.
pub fn webp_chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8], usize)> {
    riff_chunks(file.get(12..).unwrap_or_default())
}

pub fn riff_chunks(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8], usize)> {
    std::iter::from_fn(move || {
        let (kind, length) = (*rest.first_chunk::<4>()?, le32(rest, 4)? as usize);
        let from = rest.get(8..).unwrap_or_default();
        rest = from.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some((kind, from.get(..length).unwrap_or(from), length))
    })
}

pub fn lossy_sides(body: &[u8]) -> Option<(u32, u32)> {
    let is_key = body.first().is_some_and(|tag| tag & 1 == 0) && body.get(3..6) == Some(b"\x9d\x01\x2a");
    let side = |at| le16(body, at).map(|side| u32::from(side & 0x3fff));
    is_key.then(|| side(6).zip(side(8)))?
}

pub fn lossless_sides(body: &[u8]) -> Option<(u32, u32)> {
    let bits = le32(body, 1).filter(|bits| body.first() == Some(&0x2f) && bits >> 29 == 0)?;
    // The field has room for 16,384, which no encoder writes and the decoder takes for 0.
    let side = |bits: u32| Some((bits & 0x3fff) + 1).filter(|side| *side < 16_384);
    side(bits).zip(side(bits >> 14))
}

pub fn canvas_sides(body: &[u8]) -> Option<(u32, u32)> {
    let side = |at| three_bytes(body, at).map(|side| side + 1);
    side(4).zip(side(7))
}

/// 24 bits, least first.
pub fn three_bytes(body: &[u8], at: usize) -> Option<u32> {
    let [low, middle, high] = *body.get(at..)?.first_chunk::<3>()?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}
