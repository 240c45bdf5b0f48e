//! Anti-aliased shapes on a picture, each defined by its signed distance. Not a
//! vector library: just the outlines that the placeholder scenes are made of.

use image::RgbaImage;

use super::palette::{Rgb, mix};
use crate::providers::offline::text::blend;

/// Steps in a colour fade. More are not visible in 8-bit colour.
const FADE_STEPS: usize = 128;

#[derive(Clone, Copy, Debug)]
pub enum Outline {
    Disc,
    /// A circle line of the given thickness in pixels.
    Ring {
        thickness: f32,
    },
    /// Part of a ring, `reach` radians to either side of up.
    Arc {
        thickness: f32,
        reach: f32,
    },
    /// A box as wide as the radius times two, `flatness` of that high.
    Slab {
        flatness: f32,
        corner: f32,
    },
    Polygon {
        sides: u32,
    },
    /// Two arcs meeting in points above and below; `fullness` 0 to 1.
    Leaf {
        fullness: f32,
    },
}

/// An outline placed on the picture, sizes in pixels, `angle` in radians.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub outline: Outline,
    pub x: f32,
    pub y: f32,
    pub radius: f32,
    pub angle: f32,
}

/// What a shape is filled with: a fade across it, from one colour to another.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub from: Rgb,
    pub to: Rgb,
    /// Direction of the fade in radians, independent of the shape's own angle.
    pub direction: f32,
    pub alpha: f32,
    /// Width of the edge in pixels: 1 is crisp, more is a glow.
    pub edge: f32,
}

impl Paint {
    pub fn flat(colour: Rgb, alpha: f32) -> Self {
        Self { from: colour, to: colour, direction: 0.0, alpha, edge: 1.0 }
    }

    pub fn fade(from: Rgb, to: Rgb, direction: f32) -> Self {
        Self { from, to, direction, alpha: 1.0, edge: 1.0 }
    }

    pub fn with_alpha(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    pub fn with_edge(self, edge: f32) -> Self {
        Self { edge, ..self }
    }

    /// The colours of the fade, computed once rather than per pixel.
    fn steps(&self) -> Vec<Rgb> {
        if self.from == self.to {
            return Vec::new();
        }
        let last = (FADE_STEPS - 1) as f32;
        (0..FADE_STEPS).map(|step| mix(self.from, self.to, step as f32 / last)).collect()
    }
}

impl Shape {
    pub fn disc(x: f32, y: f32, radius: f32) -> Self {
        Self { outline: Outline::Disc, x, y, radius, angle: 0.0 }
    }

    pub fn new(outline: Outline, x: f32, y: f32, radius: f32, angle: f32) -> Self {
        Self { outline, x, y, radius, angle }
    }

    pub fn moved(self, x: f32, y: f32) -> Self {
        Self { x: self.x + x, y: self.y + y, ..self }
    }

    /// Farthest ink from the centre, in pixels.
    fn reach(&self) -> f32 {
        match self.outline {
            Outline::Ring { thickness } | Outline::Arc { thickness, .. } => self.radius + thickness,
            Outline::Slab { flatness, .. } => self.radius * 1.0_f32.hypot(flatness),
            _ => self.radius,
        }
    }

    /// Pixels to the edge from a point given relative to the centre and turned
    /// upright: negative inside.
    fn measure(&self, x: f32, y: f32) -> f32 {
        let radius = self.radius;
        match self.outline {
            Outline::Disc => x.hypot(y) - radius,
            Outline::Ring { thickness } => (x.hypot(y) - radius).abs() - thickness / 2.0,
            Outline::Arc { thickness, reach } => {
                let (sin, cos) = reach.sin_cos();
                let (side, up) = (x.abs(), -y);
                let beyond_end = cos * side > sin * up;
                let from_line = if beyond_end {
                    (side - sin * radius).hypot(up - cos * radius)
                } else {
                    (x.hypot(y) - radius).abs()
                };
                from_line - thickness / 2.0
            }
            Outline::Slab { flatness, corner } => {
                let (over_x, over_y) = (x.abs() - radius + corner, y.abs() - radius * flatness + corner);
                over_x.max(0.0).hypot(over_y.max(0.0)) + over_x.max(over_y).min(0.0) - corner
            }
            Outline::Polygon { sides } => {
                let sector = std::f32::consts::TAU / sides.max(3) as f32;
                let turn = x.atan2(-y);
                let folded = turn - (turn / sector).round() * sector;
                x.hypot(y) * (sector / 2.0 - folded.abs()).cos() - radius * (sector / 2.0).cos()
            }
            Outline::Leaf { fullness } => {
                let half_width = radius * fullness.clamp(0.05, 1.0);
                let shift = (radius * radius - half_width * half_width) / (2.0 * half_width);
                let (side, up) = (x.abs(), y.abs());
                if (up - radius) * shift > side * radius {
                    side.hypot(up - radius)
                } else {
                    (side + shift).hypot(up) - (half_width + shift)
                }
            }
        }
    }
}

/// Draws the shape over what is there.
pub fn fill(picture: &mut RgbaImage, shape: &Shape, paint: &Paint) {
    let reach = shape.reach() + paint.edge + 1.0;
    let steps = paint.steps();
    let (sin, cos) = shape.angle.sin_cos();
    let (fade_y, fade_x) = paint.direction.sin_cos();
    let edge = paint.edge.max(1.0);
    let start = |centre: f32| (centre - reach).floor().max(0.0) as usize;
    let length = |centre: f32| ((centre + reach).ceil().max(0.0) as usize).saturating_sub(start(centre));
    for (row, pixels) in picture.rows_mut().enumerate().skip(start(shape.y)).take(length(shape.y)) {
        let y = row as f32 + 0.5 - shape.y;
        for (column, pixel) in pixels.enumerate().skip(start(shape.x)).take(length(shape.x)) {
            let x = column as f32 + 0.5 - shape.x;
            let gap = shape.measure(x * cos + y * sin, y * cos - x * sin);
            // A wide edge lies half outside, and eases so that glows have no rim.
            let cover = (0.5 - gap / edge).clamp(0.0, 1.0);
            if cover <= 0.0 {
                continue;
            }
            let cover = if edge > 1.5 { cover * cover * (3.0 - 2.0 * cover) } else { cover };
            let along = (x * fade_x + y * fade_y) / (2.0 * shape.radius.max(1.0)) + 0.5;
            let step = (along.clamp(0.0, 1.0) * (FADE_STEPS - 1) as f32) as usize;
            blend(&mut pixel.0, steps.get(step).copied().unwrap_or(paint.to), cover * paint.alpha);
        }
    }
}

/// Draws the shape lifted off the ground by about `height` pixels.
pub fn fill_lifted(picture: &mut RgbaImage, shape: &Shape, paint: &Paint, height: f32) {
    let shadow = Paint::flat([8, 6, 16], 0.34 * paint.alpha).with_edge(height * 2.4);
    fill(picture, &shape.moved(height * 0.35, height * 0.8), &shadow);
    fill(picture, shape, paint);
}

/// Fills the whole picture with a fade, corner to corner along a direction.
pub fn wash(picture: &mut RgbaImage, paint: &Paint) {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let (fade_y, fade_x) = paint.direction.sin_cos();
    let span = (width * fade_x.abs() + height * fade_y.abs()).max(1.0);
    let steps = paint.steps();
    for (column, row, pixel) in picture.enumerate_pixels_mut() {
        let (x, y) = (column as f32 + 0.5 - width / 2.0, row as f32 + 0.5 - height / 2.0);
        let along = (x * fade_x + y * fade_y) / span + 0.5;
        let step = (along.clamp(0.0, 1.0) * (FADE_STEPS - 1) as f32) as usize;
        blend(&mut pixel.0, steps.get(step).copied().unwrap_or(paint.to), paint.alpha);
    }
}

/// Fills below a line given as one height per column, with a fade that starts
/// at the line and ends `depth` pixels further down.
pub fn fill_below(picture: &mut RgbaImage, line: &[f32], paint: &Paint, depth: f32) {
    let steps = paint.steps();
    for (row, pixels) in picture.rows_mut().enumerate() {
        let y = row as f32 + 0.5;
        for (pixel, top) in pixels.zip(line) {
            let gap = y - top;
            let cover = (gap / paint.edge + 0.5).clamp(0.0, 1.0);
            if cover > 0.0 {
                let step = ((gap / depth.max(1.0)).clamp(0.0, 1.0) * (FADE_STEPS - 1) as f32) as usize;
                blend(&mut pixel.0, steps.get(step).copied().unwrap_or(paint.to), cover * paint.alpha);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(shape: Shape) -> f32 {
        let mut picture = RgbaImage::new(200, 200);
        fill(&mut picture, &shape, &Paint::flat([255, 255, 255], 1.0));
        picture.pixels().map(|pixel| f32::from(pixel[3]) / 255.0).sum()
    }

    #[test]
    fn areas_match_geometry() {
        let at = |outline| Shape::new(outline, 100.0, 100.0, 60.0, 0.7);
        let cases = [
            (Outline::Disc, 11_310.0),
            (Outline::Ring { thickness: 10.0 }, 3_770.0),
            (Outline::Slab { flatness: 0.5, corner: 0.0 }, 7_200.0),
            (Outline::Polygon { sides: 4 }, 7_200.0),
            (Outline::Polygon { sides: 3 }, 4_677.0),
            (Outline::Leaf { fullness: 1.0 }, 11_310.0),
            (Outline::Arc { thickness: 10.0, reach: std::f32::consts::FRAC_PI_2 }, 1_885.0 + 78.0),
        ];
        for (outline, expected) in cases {
            let found = area(at(outline));
            assert!((found / expected - 1.0_f32).abs() < 0.03, "{outline:?}: {found} not {expected}");
        }
    }

    #[test]
    fn edges_are_soft_and_outside_is_untouched() {
        let mut picture = RgbaImage::new(64, 64);
        fill(&mut picture, &Shape::disc(32.0, 32.0, 15.3), &Paint::flat([9, 9, 9], 1.0));
        assert!(picture.pixels().any(|pixel| (1..255).contains(&pixel[3])));
        assert_eq!(picture.get_pixel(32, 32).0, [9, 9, 9, 255]);
        assert_eq!(picture.get_pixel(2, 2).0, [0, 0, 0, 0]);
    }

    #[test]
    fn shapes_off_the_picture_are_harmless() {
        let mut picture = RgbaImage::new(16, 16);
        for (x, y) in [(-900.0, 4.0), (900.0, 4.0), (4.0, 900.0), (f32::NAN, 0.0)] {
            fill_lifted(&mut picture, &Shape::disc(x, y, 20.0), &Paint::flat([1, 2, 3], 1.0), 6.0);
        }
        assert!(picture.pixels().all(|pixel| pixel[3] == 0));
    }
}
