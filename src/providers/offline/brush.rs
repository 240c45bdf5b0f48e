//! The brush of the offline provider's moving pictures: colours, pixels and soft discs.
//!
//! For: painting small shapes over an RGBA frame without ever leaving it.
//!
//! Not for: text, lines or whole pictures. Obeys no outside format: a colour is three sRGB
//! values from 0 to 255, blended as they are.

use image::RgbaImage;
use std::f32::consts::TAU;

/// An sRGB colour with components from 0 to 255.
pub type Colour = [f32; 3];

/// `from` at 0, `to` at 1, blended between; out-of-range parts are clamped.
pub fn mix(from: Colour, to: Colour, part: f32) -> Colour {
    let part = part.clamp(0.0, 1.0);
    let [[a, b, c], [x, y, z]] = [from, to];
    [a + (x - a) * part, b + (y - b) * part, c + (z - c) * part]
}

/// A lively colour for a hue from 0 to 1.
pub fn from_hue(hue: f32) -> Colour {
    [0.0, 0.33, 0.67].map(|turn: f32| 140.0 + 105.0 * (TAU * (hue + turn)).cos())
}

/// Paints `colour` over one pixel; outside the frame nothing happens.
pub fn blend(frame: &mut RgbaImage, x: i32, y: i32, colour: Colour, alpha: f32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    let Some(pixel) = frame.get_pixel_mut_checked(x, y) else { return };
    let [r, g, b, _] = pixel.0.map(f32::from);
    let [r, g, b] = mix([r, g, b], colour, alpha).map(|c| (c + 0.5) as u8);
    pixel.0 = [r, g, b, 255];
}

/// Paints a disc whose edge fades inwards over `soft` pixels.
pub fn disc(frame: &mut RgbaImage, x: f32, y: f32, radius: f32, soft: f32, colour: Colour, alpha: f32) {
    let reach = radius.clamp(0.0, 2048.0) as i32 + 2;
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let (px, py) = (x.floor() as i32 + dx, y.floor() as i32 + dy);
            let distance = (px as f32 + 0.5 - x).hypot(py as f32 + 0.5 - y);
            let inside = ((radius + 0.5 - distance) / soft.max(0.1)).clamp(0.0, 1.0);
            if inside > 0.0 {
                blend(frame, px, py, colour, alpha * inside * inside * (3.0 - 2.0 * inside));
            }
        }
    }
}
