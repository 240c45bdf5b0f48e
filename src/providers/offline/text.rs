//! Draws text on a picture with a small bitmap font whose corners are rounded
//! when enlarged. Not a typesetter: one weight, left to right, no shaping, and
//! an empty box for every character the font lacks.

use image::RgbaImage;

/// Height of a line of text at scale 1, in pixels: 8 of glyph and 2 of gap.
pub const LINE_HEIGHT_PX: u32 = 10;

/// Side of the square glyph cell, in font pixels.
const CELL: i32 = 8;

/// Width of a space, in font pixels.
const SPACE: i32 = 4;

/// What stands in for a character without a glyph.
const BOX: [u8; 8] = [0x7f, 0x41, 0x41, 0x41, 0x41, 0x41, 0x7f, 0x00];

#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Picture pixels per font pixel, at least 1.
    pub scale: u32,
    pub colour: [u8; 3],
    /// A dark copy one font pixel down and right, for text without a plate.
    pub shadow: bool,
}

/// The glyph's rows, bit 0 leftmost. Typographic marks that prompts are full of
/// are mapped to their plain forms first.
fn find_glyph(letter: char) -> [u8; 8] {
    let plain = match letter {
        '\u{2018}' | '\u{2019}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    };
    let code = plain as usize;
    let known = match plain {
        ' '..='~' => font8x8::legacy::BASIC_LEGACY.get(code),
        '\u{a1}'..='\u{ff}' => font8x8::legacy::LATIN_LEGACY.get(code - 0xa0),
        '\u{390}'..='\u{3c9}' => font8x8::legacy::GREEK_LEGACY.get(code - 0x390),
        '\u{3040}'..='\u{309f}' => font8x8::legacy::HIRAGANA_LEGACY.get(code - 0x3040),
        '\u{2026}' => Some(&[0, 0, 0, 0, 0, 0x49, 0x49, 0]),
        _ => None,
    };
    match known {
        Some(rows) if rows.iter().any(|row| *row != 0) => *rows,
        _ => BOX,
    }
}

/// First inked column and width of a glyph, so that `i` takes less room than `m`.
fn measure_ink(rows: &[u8; 8]) -> (i32, i32) {
    let ink = rows.iter().fold(0, |columns, row| columns | row);
    (ink.trailing_zeros() as i32, CELL - ink.leading_zeros() as i32 - ink.trailing_zeros() as i32)
}

/// Distance to the next letter, in font pixels.
fn advance(letter: char) -> i32 {
    if letter.is_whitespace() { SPACE } else { measure_ink(&find_glyph(letter)).1 + 1 }
}

/// Width of one line in pixels.
pub fn measure(text: &str, scale: u32) -> u32 {
    let font_pixels: i32 = text.chars().map(advance).sum();
    (font_pixels - 1).max(0) as u32 * scale.max(1)
}

/// Breaks text into lines no wider than `width_px`, at spaces where possible.
/// When more than `max_lines` would be needed, the last one ends in an ellipsis.
pub fn wrap(text: &str, width_px: u32, scale: u32, max_lines: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = if line.is_empty() { "" } else { " " };
        if measure(&format!("{line}{gap}{word}"), scale) <= width_px {
            line.push_str(gap);
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if measure(&line, scale) > width_px && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::take(&mut line));
                line.push(letter);
            }
        }
        // Nothing past the limit is shown, so a huge prompt stops costing here.
        if lines.len() > max_lines {
            break;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    let is_cut = lines.len() > max_lines;
    lines.truncate(max_lines);
    if is_cut && let Some(last) = lines.last_mut() {
        last.push('\u{2026}');
        while measure(last, scale) > width_px && last.chars().count() > 1 {
            last.pop();
            last.pop();
            last.push('\u{2026}');
        }
    }
    lines
}

/// Draws one line with its top left corner at `x`, `y`; parts outside the
/// picture are left out.
pub fn draw_line(picture: &mut RgbaImage, x: i32, y: i32, text: &str, style: TextStyle) {
    let scale = style.scale.max(1) as i32;
    if style.shadow {
        draw_glyphs(picture, x + scale, y + scale, text, scale, [0, 0, 0]);
    }
    draw_glyphs(picture, x, y, text, scale, style.colour);
}

fn draw_glyphs(picture: &mut RgbaImage, x: i32, y: i32, text: &str, scale: i32, colour: [u8; 3]) {
    let mut pen = x;
    for letter in text.chars() {
        if !letter.is_whitespace() {
            let rows = find_glyph(letter);
            draw_glyph(picture, pen - measure_ink(&rows).0 * scale, y, &rows, scale, colour);
        }
        pen += advance(letter) * scale;
    }
}

fn draw_glyph(picture: &mut RgbaImage, x: i32, y: i32, rows: &[u8; 8], scale: i32, colour: [u8; 3]) {
    // One cell of margin all round, since rounding spreads ink past the cell.
    for offset_y in -scale..(CELL + 1) * scale {
        for offset_x in -scale..(CELL + 1) * scale {
            let coverage = cover(rows, offset_x, offset_y, scale);
            let (Ok(at_x), Ok(at_y)) = (u32::try_from(x + offset_x), u32::try_from(y + offset_y)) else {
                continue;
            };
            if coverage > 0.0
                && let Some(pixel) = picture.get_pixel_mut_checked(at_x, at_y)
            {
                blend(&mut pixel.0, colour, coverage);
            }
        }
    }
}

/// How much of a picture pixel the glyph covers. The font bits are read as
/// samples of a smooth field and cut at its middle, which rounds the stairs of
/// an enlarged bitmap; at scale 1 it is the bitmap itself.
fn cover(rows: &[u8; 8], offset_x: i32, offset_y: i32, scale: i32) -> f32 {
    let bit = |column: i32, row: i32| {
        let inside = (0..CELL).contains(&column) && (0..CELL).contains(&row);
        let bits = rows.get(row.max(0) as usize).copied().unwrap_or(0);
        if inside && bits >> column & 1 == 1 { 1.0_f32 } else { 0.0 }
    };
    if scale == 1 {
        return bit(offset_x, offset_y);
    }
    let to_font = |offset: i32| (offset as f32 + 0.5) / scale as f32 - 0.5;
    let (font_x, font_y) = (to_font(offset_x), to_font(offset_y));
    let (left, top) = (font_x.floor(), font_y.floor());
    let (part_x, part_y) = (font_x - left, font_y - top);
    let (column, row) = (left as i32, top as i32);
    let upper = bit(column, row) * (1.0 - part_x) + bit(column + 1, row) * part_x;
    let lower = bit(column, row + 1) * (1.0 - part_x) + bit(column + 1, row + 1) * part_x;
    let field = upper * (1.0 - part_y) + lower * part_y;
    ((field - 0.5) * scale as f32 + 0.5).clamp(0.0, 1.0)
}

/// Puts a colour over a pixel, transparent pixels included.
pub fn blend(pixel: &mut [u8; 4], colour: [u8; 3], alpha: f32) {
    let below = f32::from(pixel[3]) / 255.0 * (1.0 - alpha);
    let total = alpha + below;
    if total <= 0.0 {
        return;
    }
    for (channel, over) in pixel.iter_mut().zip(colour) {
        let mixed = (f32::from(over) * alpha + f32::from(*channel) * below) / total;
        *channel = (mixed + 0.5) as u8;
    }
    pixel[3] = (total * 255.0 + 0.5) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: TextStyle = TextStyle { scale: 2, colour: [255, 255, 255], shadow: false };

    fn draw(text: &str) -> RgbaImage {
        let mut picture = RgbaImage::from_pixel(120, 24, image::Rgba([0, 0, 0, 255]));
        draw_line(&mut picture, 2, 2, text, STYLE);
        picture
    }

    #[test]
    fn different_letters_look_different_and_unknown_ones_are_boxes() {
        assert_ne!(draw("A"), draw("B"));
        assert_eq!(draw("\u{1F600}"), draw("\u{4E2D}"));
        assert_ne!(draw("\u{1F600}"), draw(" "));
        assert_eq!(find_glyph('\u{7f}'), BOX);
        assert_eq!(find_glyph('\u{2014}'), find_glyph('-'));
    }

    #[test]
    fn ink_stays_inside_the_measured_width() {
        let picture = draw("Wide il");
        let end = 2 + measure("Wide il", 2) + 1;
        assert!(picture.enumerate_pixels().all(|(x, _, pixel)| x <= end || pixel[0] == 0));
        assert!(picture.enumerate_pixels().any(|(x, _, pixel)| x + 4 > end && pixel[0] > 128));
    }

    #[test]
    fn wrapping_holds_width_and_line_count() {
        let text =
            "a calm harbour at dawn with supercalifragilisticexpialidociouslongword boats and more and more";
        for max_lines in 1..6 {
            let lines = wrap(text, 90, 1, max_lines);
            assert!(lines.len() <= max_lines);
            assert!(lines.iter().all(|line| measure(line, 1) <= 90), "{lines:?}");
        }
        assert!(wrap(text, 90, 1, 2).last().is_some_and(|line| line.ends_with('\u{2026}')));
        assert_eq!(wrap("two words", 900, 1, 3), ["two words"]);
        assert!(wrap("   ", 90, 1, 3).is_empty());
    }

    #[test]
    fn drawing_outside_the_picture_is_harmless() {
        let mut picture = RgbaImage::new(8, 8);
        draw_line(&mut picture, -30, -30, "text", STYLE);
        draw_line(&mut picture, 500, 5, "text", STYLE);
        assert!(picture.pixels().all(|pixel| pixel[3] == 0));
        draw_line(&mut picture, -2, -2, "####", STYLE);
        assert!(picture.pixels().any(|pixel| pixel[3] > 0));
    }
}
