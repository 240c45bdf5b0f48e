//! Turns a picture into a standalone SVG by tracing areas of similar colour.
//! Real vectors from real pixels, but coarse: it works on a reduced copy and
//! recognises no shapes, lines or letters.

mod areas;

use std::fmt::Write as _;

use image::RgbaImage;

use self::areas::{Areas, Point};
use super::paint::palette::find_main_colours;
use crate::media::picture::{escape_xml, thumbnail};

/// Longest SVG produced, in bytes: browsers and editors open it at once, and it
/// stays far below the size of the picture files next to it.
pub const SVG_MAX_BYTES: usize = 400 * 1024;

/// How finely to trace.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// Longer side of the traced copy, in pixels.
    side: u32,
    colours: usize,
    /// Smaller areas join a neighbour, in pixels of the traced copy.
    speck: usize,
    /// How far a simplified outline may stray, in pixels of the traced copy.
    tolerance: f32,
}

/// Finest first; the next is tried when the result is too long. The last one
/// cannot be: 64 x 64 pixels have under 17,000 sides of about 15 bytes each.
const DETAILS: [Detail; 5] = [
    Detail { side: 256, colours: 12, speck: 10, tolerance: 0.55 },
    Detail { side: 256, colours: 10, speck: 24, tolerance: 0.9 },
    Detail { side: 192, colours: 8, speck: 40, tolerance: 1.2 },
    Detail { side: 128, colours: 6, speck: 60, tolerance: 1.5 },
    Detail { side: 64, colours: 4, speck: 30, tolerance: 1.5 },
];

/// Corners of an outline are rounded by at most this, in traced pixels, so that
/// curves look like curves and right angles stay right angles.
const ROUNDING: f32 = 1.2;

/// Traces the picture. The SVG has the source's size, the note as its
/// description, no script and no reference to anything outside.
pub fn vectorize(source: &RgbaImage, note: &str) -> String {
    let mut drawing = String::new();
    for detail in DETAILS {
        drawing = trace(source, note, detail);
        if drawing.len() <= SVG_MAX_BYTES {
            break;
        }
    }
    drawing
}

fn trace(source: &RgbaImage, note: &str, detail: Detail) -> String {
    let (width, height) = source.dimensions();
    let small = thumbnail(source, detail.side);
    let colours = find_main_colours(&small, detail.colours);
    let mut areas = Areas::read(&small, &colours);
    areas.smooth();
    areas.absorb_specks(detail.speck);
    let mut drawing = String::new();
    let short_note: String = note.chars().take(2000).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        drawing,
        concat!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\">",
            "<desc>{2}</desc><g transform=\"scale({3:.5} {4:.5})\" stroke-width=\"0.7\" stroke-linejoin=\"round\">"
        ),
        width.max(1),
        height.max(1),
        escape_xml(&short_note),
        width.max(1) as f32 / small.width().max(1) as f32,
        height.max(1) as f32 / small.height().max(1) as f32,
    );
    let mut is_first = true;
    for (label, colour) in areas.order_by_size(&areas.find_typical(&small, colours.len())) {
        let mut path = String::new();
        if is_first && areas.is_opaque() {
            // A full ground instead of the largest area: simplified outlines
            // never meet exactly, and this leaves nothing to shine through.
            let _ = write!(path, "M-1 -1H{0}V{1}H-1Z", small.width() + 1, small.height() + 1);
        } else {
            for outline in &areas.outline(label) {
                push_outline(&mut path, &simplify(outline, detail.tolerance));
            }
        }
        is_first = false;
        if !path.is_empty() {
            let [red, green, blue] = colour;
            let code = format!("#{red:02x}{green:02x}{blue:02x}");
            // The stroke in the same colour hides hairlines between neighbours.
            let _ = write!(
                drawing,
                "<path fill=\"{code}\" stroke=\"{code}\" fill-rule=\"evenodd\" d=\"{path}\"/>"
            );
        }
    }
    drawing.push_str("</g></svg>\n");
    drawing
}

/// Douglas-Peucker on a closed outline, split at its two farthest-apart ends.
fn simplify(outline: &[Point], tolerance: f32) -> Vec<Point> {
    let Some(first) = outline.first() else { return Vec::new() };
    let away = |point: &Point| (point.0 - first.0).hypot(point.1 - first.1);
    let far = outline
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| away(a).total_cmp(&away(b)))
        .map_or(0, |(index, _)| index);
    let mut closed = outline.to_vec();
    closed.push(*first);
    let mut kept = vec![false; closed.len()];
    for index in [0, far, closed.len() - 1] {
        if let Some(flag) = kept.get_mut(index) {
            *flag = true;
        }
    }
    // A stack instead of recursion: outlines can be tens of thousands long.
    let mut spans = vec![(0, far), (far, closed.len() - 1)];
    while let Some((from, to)) = spans.pop() {
        let (Some(&start), Some(&end)) = (closed.get(from), closed.get(to)) else { continue };
        let between = closed.iter().enumerate().take(to).skip(from + 1);
        let farthest = between
            .map(|(index, point)| (index, stray(*point, start, end)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other));
        if let Some((index, gap)) = farthest
            && gap > tolerance
        {
            if let Some(flag) = kept.get_mut(index) {
                *flag = true;
            }
            spans.push((from, index));
            spans.push((index, to));
        }
    }
    let count = closed.len() - 1;
    closed.into_iter().zip(kept).take(count).filter(|(_, kept)| *kept).map(|(point, _)| point).collect()
}

/// Distance of a point from the line between two others.
fn stray(point: Point, start: Point, end: Point) -> f32 {
    let (along_x, along_y) = (end.0 - start.0, end.1 - start.1);
    let (to_x, to_y) = (point.0 - start.0, point.1 - start.1);
    let length = along_x.hypot(along_y);
    if length < 1e-3 { to_x.hypot(to_y) } else { (to_x * along_y - to_y * along_x).abs() / length }
}

/// Appends a closed path whose corners are slightly rounded.
fn push_outline(path: &mut String, points: &[Point]) {
    if points.len() < 3 {
        return;
    }
    let before = points.iter().cycle().skip(points.len() - 1);
    let after = points.iter().cycle().skip(1);
    let mut pen = None;
    for ((corner, last), next) in points.iter().zip(before).zip(after) {
        let (enter, leave) = (towards(*corner, *last), towards(*corner, *next));
        match pen {
            None => _ = write!(path, "M{:.1} {:.1}", enter.0, enter.1),
            // On short sides one rounding ends where the next begins.
            Some(at) if stray(enter, at, at) > 0.05 => _ = write!(path, "L{:.1} {:.1}", enter.0, enter.1),
            Some(_) => {}
        }
        let _ = write!(path, "Q{:.1} {:.1} {:.1} {:.1}", corner.0, corner.1, leave.0, leave.1);
        pen = Some(leave);
    }
    path.push('Z');
}

/// The point where rounding begins: part of the way to the neighbour.
fn towards(corner: Point, other: Point) -> Point {
    let (x, y) = (other.0 - corner.0, other.1 - corner.1);
    let length = x.hypot(y).max(1e-3);
    let part = (ROUNDING / length).min(0.5);
    (corner.0 + x * part, corner.1 + y * part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::offline::paint::paint;
    use image::Rgba;

    fn count(text: &str, part: &str) -> usize {
        text.matches(part).count()
    }

    #[test]
    fn a_disc_on_a_ground_becomes_two_paths() {
        let picture = RgbaImage::from_fn(400, 300, |x, y| {
            let (dx, dy) = (x as i32 - 200, y as i32 - 150);
            if dx * dx + dy * dy < 8100 { Rgba([200, 30, 30, 255]) } else { Rgba([20, 60, 160, 255]) }
        });
        let drawing = vectorize(&picture, "Placeholder <b> & \"note\"");
        assert!(drawing.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 300\""));
        assert!(drawing.contains("<desc>Placeholder &lt;b&gt; &amp; &quot;note&quot;</desc>"));
        assert_eq!(count(&drawing, "<path"), 2, "{drawing}");
        assert!(drawing.contains("#c81e1e") && drawing.contains("#143ca0"), "{drawing}");
        assert!(drawing.len() < 3000, "{}", drawing.len());
        assert_eq!(drawing, vectorize(&picture, "Placeholder <b> & \"note\""));
    }

    #[test]
    fn transparent_areas_are_left_out() {
        let picture =
            RgbaImage::from_fn(100, 100, |x, _| if x < 50 { Rgba([9, 90, 9, 255]) } else { Rgba([0; 4]) });
        let drawing = vectorize(&picture, "");
        assert_eq!(count(&drawing, "<path"), 1);
        let farthest = drawing
            .split(['M', 'L', 'Q', ' '])
            .filter_map(|part| part.parse::<f32>().ok())
            .fold(0.0, f32::max);
        assert!(farthest > 90.0 && !drawing.contains("L60"));
        let empty = vectorize(&RgbaImage::new(30, 20), "");
        assert_eq!(count(&empty, "<path"), 0);
        assert!(empty.ends_with("</svg>\n"));
        assert!(vectorize(&RgbaImage::new(0, 0), "").contains("viewBox=\"0 0 1 1\""));
    }

    #[test]
    fn noise_and_paintings_stay_within_bounds() {
        let mut state = 5_u32;
        let noise = RgbaImage::from_fn(700, 500, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, a, b, c] = state.to_le_bytes();
            Rgba([a, b, c, if c > 40 { 255 } else { 0 }])
        });
        for picture in
            [noise, paint("a gold pattern", "", 3, 512, 512, None), paint("x", "", 1, 64, 900, None)]
        {
            let drawing = vectorize(&picture, "note");
            assert!(drawing.len() <= SVG_MAX_BYTES, "{}", drawing.len());
            assert!(
                count(&drawing, "<path") >= 1 && !drawing.contains("NaN") && !drawing.contains("<script")
            );
        }
    }

    #[test]
    fn simplifying_keeps_corners_and_drops_the_rest() {
        let mut square = Vec::new();
        for step in 0..10_u8 {
            square.push((f32::from(step), 0.0));
        }
        square.extend((0..10_u8).map(|step| (10.0, f32::from(step))));
        square.extend((0..10_u8).map(|step| (10.0 - f32::from(step), 10.0)));
        square.extend((0..10_u8).map(|step| (0.0, 10.0 - f32::from(step))));
        assert_eq!(simplify(&square, 0.5), [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]);
        assert!(simplify(&[], 0.5).is_empty());
    }
}
