//! What a picture's decoder would be made to do, read from the file's structure before the decoder sees it: how much
//! memory it takes, and claims that the decoders of the `image` crate believe and should not.
//! Not for pixels. A file that passes can still be damaged.

use super::lossless;
use super::picture::PictureError;
use super::probe::still;
use super::sniff::{MediaType, be32, sniff};

/// Most scans of a progressive JPEG. Encoders write about ten; each costs the decoder a walk over all pixels.
const MAX_SCANS: usize = 100;

/// A JPEG's blocks come in units of up to this many pixels a side.
const JPEG_UNIT_PX: u64 = 32;

/// Buffers that do not grow with the picture, in bytes: tables, and what a PNG may say in compressed chunks.
const FIXED_BYTES: u64 = 4 * 1024 * 1024;

/// Memory granted to a picture of any size, in bytes.
const GRANTED_BYTES: u64 = 16 * 1024 * 1024;

/// What a file says of itself.
#[derive(Debug)]
pub struct Claim<'a> {
    /// Pixels, as stored: before the orientation is applied.
    pub width: u32,
    pub height: u32,
    /// Most memory that decoding takes, in bytes, with the decoded picture. `tests/bombs.rs` measures it.
    pub decoding_bytes: u64,
    /// Of these, the decoded picture's.
    pub picture_bytes: u64,
    /// The file without what follows its end.
    pub file: &'a [u8],
}

impl Claim<'_> {
    /// Whether a picture of at most so many pixels may take so much for each, with `later` needed beside the decoded one.
    pub fn admit(&self, max_pixels: u64, pixel_bytes: u64, later: u64) -> Result<(), PictureError> {
        let (width, height) = (self.width, self.height);
        let max_bytes = max_pixels.saturating_mul(pixel_bytes).saturating_add(GRANTED_BYTES);
        let most_bytes = self.decoding_bytes.max(self.picture_bytes.saturating_add(later));
        match u64::from(width) * u64::from(height) {
            0 => Err(PictureError::Empty),
            pixels if pixels > max_pixels => Err(PictureError::TooLarge { width, height, max_pixels }),
            _ if most_bytes > max_bytes => Err(PictureError::TooCostly { width, height, max_bytes }),
            _ => Ok(()),
        }
    }
}

fn damaged(reason: &str) -> PictureError {
    PictureError::Damaged(reason.to_owned())
}

/// Reads the claim, and refuses a file whose structure lies.
pub fn inspect(file: &[u8]) -> Result<Claim<'_>, PictureError> {
    match sniff(file) {
        Some(MediaType::Png) => inspect_png(file),
        Some(MediaType::Jpeg) => inspect_jpeg(file),
        Some(MediaType::Webp) => inspect_webp(file),
        _ => Err(PictureError::UnknownFormat),
    }
}

fn inspect_png(file: &[u8]) -> Result<Claim<'_>, PictureError> {
    let sides = be32(file, 16).zip(be32(file, 20)).zip(file.get(24).zip(file.get(25)));
    let Some(((width, height), (depth, colours))) = sides else {
        return Err(damaged("the PNG ends within its header"));
    };
    // The decoder indexes palettes by threes, up to 256 of them, and panics where there are none.
    let is_palette = |length: usize| (3..=768).contains(&length) && length.is_multiple_of(3);
    if still::png_chunks(file).any(|(kind, _, length)| &kind == b"PLTE" && !is_palette(length)) {
        return Err(damaged("the PNG's palette has no whole colours"));
    }
    // With alpha, which a chunk behind the header may add.
    let channels = if matches!(colours, 0 | 4) { 2 } else { 4 };
    let pixel_bytes = channels * if *depth == 16 { 2 } else { 1 };
    let rows = u64::from(width) * pixel_bytes * 4;
    let pixels = u64::from(width) * u64::from(height);
    let picture_bytes = pixels.saturating_mul(pixel_bytes);
    let decoding_bytes = picture_bytes.saturating_add(rows + FIXED_BYTES);
    Ok(Claim { width, height, decoding_bytes, picture_bytes, file })
}

/// Walks all segments and scans. A second frame header would change the size after it was checked.
fn inspect_jpeg(file: &[u8]) -> Result<Claim<'_>, PictureError> {
    let mut frame: Option<(u8, &[u8])> = None;
    let mut scans = 0;
    let mut rest = file.get(2..).unwrap_or_default();
    while let Some((marker, body)) = next_marker(rest) {
        rest = body;
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue;
        }
        if marker == 0xd9 {
            break;
        }
        let Some(length) = body.first_chunk().map(|two| usize::from(u16::from_be_bytes(*two))) else { break };
        let Some(segment) = body.get(2..length).or(body.get(2..)).filter(|_| length >= 2) else {
            return Err(damaged("a segment of the JPEG has no length"));
        };
        if still::is_frame(marker) && frame.replace((marker, segment)).is_some() {
            return Err(damaged("the JPEG has several frame headers"));
        }
        scans += usize::from(marker == 0xda);
        if scans > MAX_SCANS {
            return Err(damaged("the JPEG has too many scans"));
        }
        rest = body.get(length..).unwrap_or_default();
    }
    let numbers = frame.and_then(|(marker, body)| Some((marker, *body.first_chunk::<6>()?)));
    let Some((marker, [_, high, low, wide_high, wide_low, components])) = numbers else {
        return Err(damaged("the JPEG has no frame header"));
    };
    let (width, height) = (u16::from_be_bytes([wide_high, wide_low]), u16::from_be_bytes([high, low]));
    let units = |side: u16| u64::from(side).next_multiple_of(JPEG_UNIT_PX);
    let components = u64::from(components.clamp(1, 4));
    let pixels = u64::from(width) * u64::from(height);
    // A progressive picture is kept whole as 16-bit coefficients, any other only by rows.
    let blocks = if marker == 0xc2 { units(width) * units(height) } else { units(width) * 8 * JPEG_UNIT_PX };
    let out = pixels * if components == 1 { 1 } else { 3 };
    let decoding_bytes = out + blocks * components * 2 + 3 * file.len() as u64 + FIXED_BYTES;
    Ok(Claim { width: width.into(), height: height.into(), decoding_bytes, picture_bytes: out, file })
}

/// The next marker that is none of the entropy-coded data's, and what follows it.
fn next_marker(mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = bytes.iter().position(|byte| *byte == 0xff)?;
        let (marker, rest) = bytes.get(at + 1..)?.split_first()?;
        match marker {
            0x00 => bytes = rest,
            0xff => bytes = bytes.get(at + 1..)?,
            marker => return Some((*marker, rest)),
        }
    }
}

/// Every chunk has to lie in the file and every frame to have the size of its canvas: the decoder allocates what
/// either says before it reads it.
fn inspect_webp(file: &[u8]) -> Result<Claim<'_>, PictureError> {
    let riff_bytes = be32(file, 4).map_or(0, |size| size.swap_bytes() as usize).saturating_add(8);
    let file = file.get(..riff_bytes).unwrap_or(file);
    let first = still::webp_chunks(file).next();
    let sides = first.and_then(|(kind, body, _)| match &kind {
        b"VP8X" => still::canvas_sides(body),
        _ => frame_sides(&kind, body),
    });
    let Some((width, height)) = sides else {
        return Err(damaged("the WebP has no readable header"));
    };
    let (mut is_animated, mut has_alpha, mut is_lossless) = (false, false, false);
    let mut table_bytes = 0;
    for (kind, body, length) in still::webp_chunks(file) {
        if length > body.len() {
            return Err(damaged("a chunk of the WebP ends behind the file"));
        }
        table_bytes = table_bytes.max(tables_of(&kind, body, (width, height))?);
        match &kind {
            b"VP8 " | b"VP8L" if frame_sides(&kind, body) != Some((width, height)) => {
                return Err(damaged("the WebP's picture has another size than its canvas"));
            }
            b"VP8X" => has_alpha |= body.first().is_some_and(|flags| flags & 0x10 != 0),
            b"ALPH" => has_alpha = true,
            b"VP8L" => is_lossless = true,
            b"ANMF" => {
                let tables = check_animation_frame(body, (width, height), !is_animated)?;
                table_bytes = table_bytes.max(tables);
                is_animated = true;
            }
            _ => {}
        }
    }
    // The canvas, the frame, its planes, its alpha: what stands beside each other at the worst moment.
    let pixel_bytes = match (is_animated, is_lossless, has_alpha) {
        (true, _, _) => 16,
        (_, true, _) => 8,
        (_, _, true) => 12,
        _ => 6,
    };
    let pixels = u64::from(width) * u64::from(height);
    let fixed = table_bytes.saturating_add(file.len() as u64 + FIXED_BYTES);
    let decoding_bytes = pixels.saturating_mul(pixel_bytes).saturating_add(fixed);
    Ok(Claim { width, height, decoding_bytes, picture_bytes: pixels.saturating_mul(4), file })
}

fn frame_sides(kind: &[u8; 4], body: &[u8]) -> Option<(u32, u32)> {
    if kind == b"VP8L" { still::lossless_sides(body) } else { still::lossy_sides(body) }
}

/// What the codes of a lossless picture, or of losslessly compressed alpha, take.
fn tables_of(kind: &[u8; 4], body: &[u8], sides: (u32, u32)) -> Result<u64, PictureError> {
    let stream = match (kind, body.first()) {
        (b"VP8L", _) => body.get(5..),
        (b"ALPH", Some(how)) if how & 3 == 1 => body.get(1..),
        _ => return Ok(0),
    };
    stream
        .and_then(|stream| lossless::table_bytes(stream, sides))
        .ok_or_else(|| damaged("the WebP's codes are broken"))
}

/// Also what the tables of a frame that is decoded take, which is the first one only.
fn check_animation_frame(body: &[u8], canvas: (u32, u32), is_decoded: bool) -> Result<u64, PictureError> {
    let side = |at| still::three_bytes(body, at).map(|side| side + 1);
    let Some((width, height)) = side(6).zip(side(9)) else {
        return Err(damaged("a frame of the WebP has no header"));
    };
    let mut lies = width > canvas.0 || height > canvas.1;
    let mut table_bytes = 0;
    for (kind, part, length) in still::riff_chunks(body.get(16..).unwrap_or_default()) {
        let sides = match &kind {
            b"VP8L" => still::lossless_sides(part),
            // Behind a chunk with alpha the decoder takes a chunk of any name for a lossy picture.
            _ => still::lossy_sides(part),
        };
        lies |= length > part.len() || sides.is_some_and(|sides| sides != (width, height));
        if is_decoded && !lies {
            table_bytes = tables_of(&kind, part, (width, height))?.max(table_bytes);
        }
    }
    if lies { Err(damaged("a frame of the WebP has another size than it says")) } else { Ok(table_bytes) }
}
