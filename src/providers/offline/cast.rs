//! The moving things and the weather of the offline provider's placeholder films.
//!
//! For: painting clouds, birds, a boat, fish, orbs, a planet, snow, rain and motes as they are at
//! a given second, for `scene` to place and for `film` to lay over a still.
//!
//! Not for: choosing what appears where (`scene`). Obeys no outside format.

use super::brush::{Colour, blend, disc, mix};
use super::dice::Dice;
use super::words::Words;
use image::RgbaImage;
use std::f32::consts::TAU;

/// What a thing looks like and how it moves.
#[derive(Clone, Copy)]
pub enum Shape {
    Cloud,
    Bird,
    Boat,
    Fish,
    Orb,
    Planet,
    Spark,
}

/// One moving thing of a scene; lengths are pixels, `phase` is a part of a turn.
pub struct Thing {
    pub shape: Shape,
    pub x: f32,
    pub y: f32,
    pub size: f32,
    pub speed_px: f32,
    pub phase: f32,
    pub colour: Colour,
}

impl Thing {
    /// Paints it as it is at this second; it re-enters after `period_px`.
    pub fn paint(&self, frame: &mut RgbaImage, seconds: f32, period_px: f32) {
        let margin = self.size * 3.0;
        let way = even(self.speed_px * seconds) as f32;
        let x = (self.x + way + margin).rem_euclid(period_px) - margin;
        let wave = (TAU * (seconds * 0.8 + self.phase)).sin();
        let (y, s, colour) = (self.y, self.size, self.colour);
        match self.shape {
            Shape::Cloud => {
                for (dx, dy, r) in [(-1.5, 0.3, 0.6), (-0.6, 0.0, 0.9), (0.5, -0.1, 1.0), (1.5, 0.25, 0.65)] {
                    disc(frame, x + dx * s, y + dy * s * 0.7, r * s * 0.8, 2.0, colour, 1.0);
                }
            }
            Shape::Bird => {
                let flap = (TAU * (seconds * 1.6 + self.phase)).sin() * 0.5 + 0.25;
                for step in -6..=6 {
                    let along = step as f32 / 6.0;
                    let lift = (along.abs() * 2.2).min(1.0) * flap - along.abs() * 0.3;
                    disc(frame, x + along * s * 1.6, y - lift * s, s * 0.17 + 0.5, 0.8, colour, 1.0);
                }
            }
            Shape::Boat => self.paint_boat(frame, x, y + wave * 1.5),
            Shape::Fish => self.paint_fish(frame, x, y, seconds),
            Shape::Orb => {
                let y = y + wave * s * 0.8;
                disc(frame, x, y, s, 1.0, colour, 0.95);
                disc(frame, x - s * 0.3, y - s * 0.35, s * 0.5, s * 0.5, [255.0; 3], 0.5);
            }
            Shape::Planet => self.paint_planet(frame, seconds),
            Shape::Spark => {
                let glow = 0.35 + 0.65 * (TAU * (seconds * 0.7 + self.phase)).sin().abs();
                disc(frame, x, y, s * 1.2 * glow + 0.8, s, colour, glow);
            }
        }
    }

    /// Swims to the right: a swaying tail, a body shaded from back to belly, a fin and an eye.
    fn paint_fish(&self, frame: &mut RgbaImage, x: f32, y: f32, seconds: f32) {
        let s = self.size;
        let sway = (TAU * (seconds * 2.0 + self.phase)).sin() * 0.22;
        let reach = (s * 1.8) as i32 + 1;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (u, v) = (dx as f32 / s, dy as f32 / s);
                let bent = v - sway * (0.4 - u).max(0.0);
                let body = 1.0 - ((u / 1.15).powi(2) + (bent / 0.56).powi(2)).sqrt();
                let tail_part = -0.85 - u;
                let tail = (0.0..0.75).contains(&tail_part)
                    && bent.abs() < 0.12 + tail_part * 0.75
                    && bent.abs() > (tail_part - 0.45) * 0.9;
                let fin = (-0.45..0.35).contains(&u) && bent < -0.3 && bent > -0.78 + (u + 0.3).abs() * 0.5;
                let stripe = if (u * 4.6).sin() > 0.55 { 0.28 } else { 0.0 };
                let lit = mix(self.colour, [255.0; 3], (0.25 + bent * 0.55).max(0.0) + stripe);
                let at = (x as i32 + dx, y as i32 + dy);
                if tail || fin {
                    blend(frame, at.0, at.1, self.colour.map(|c| c * 0.78), 1.0);
                }
                blend(frame, at.0, at.1, lit, (body * s * 0.7 + 0.5).clamp(0.0, 1.0));
            }
        }
        disc(frame, x + s * 0.7, y - s * 0.12, s * 0.15 + 0.4, 0.8, [255.0; 3], 1.0);
        disc(frame, x + s * 0.74, y - s * 0.12, s * 0.09 + 0.3, 0.8, [16.0, 20.0, 30.0], 1.0);
    }

    fn paint_boat(&self, frame: &mut RgbaImage, x: f32, y: f32) {
        let s = self.size;
        let reach = s as i32 + 2;
        for dy in -reach..=reach / 3 {
            for dx in -reach..=reach {
                let (u, v) = (dx as f32 / s, dy as f32 / s);
                let hull = v > 0.0 && v < 0.2 && u.abs() < 0.55 - v;
                let main = v < -0.06 && v > -0.85 && u > 0.02 && u < 0.5 * (v + 0.85) / 0.8;
                let jib = v < -0.1 && v > -0.7 && u < -0.03 && u > -0.35 * (v + 0.7) / 0.6;
                let colour = if hull {
                    self.colour
                } else if main {
                    [252.0, 248.0, 238.0]
                } else {
                    [232.0, 224.0, 214.0]
                };
                if hull || main || jib {
                    blend(frame, x as i32 + dx, y as i32 + dy, colour, 1.0);
                }
            }
        }
    }

    /// A banded sphere, lit from the left, with a ring and a moon going around it.
    fn paint_planet(&self, frame: &mut RgbaImage, seconds: f32) {
        let (s, reach) = (self.size, (self.size * 1.9) as i32);
        let angle = TAU * (seconds * 0.22 + self.phase);
        let (moon_x, moon_y) = (self.x + angle.cos() * s * 1.75, self.y + angle.sin() * s * 0.5);
        let moon = |frame: &mut RgbaImage| {
            disc(frame, moon_x, moon_y, s * 0.13, 1.0, [206.0, 208.0, 220.0], 1.0);
            disc(frame, moon_x + s * 0.04, moon_y + s * 0.03, s * 0.1, s * 0.1, [96.0, 98.0, 120.0], 0.7);
        };
        if angle.sin() < 0.0 {
            moon(frame);
        }
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (u, v) = (dx as f32 / s, dy as f32 / s);
                let distance = (u * u + v * v).sqrt();
                let (x, y) = (self.x as i32 + dx, self.y as i32 + dy);
                let bands = 0.5 + 0.5 * (v * 9.0 + u * 1.2 + 2.0 * (v * 4.0 + self.phase * 9.0).sin()).sin();
                let lit = (0.75 - u * 0.55 - v * 0.35 + (1.0 - distance.min(1.0)) * 0.3).clamp(0.12, 1.1);
                let body =
                    mix(self.colour, mix(self.colour, [255.0; 3], 0.45), bands).map(|c| (c * lit).min(255.0));
                blend(frame, x, y, body, ((1.0 - distance) * s + 0.5).clamp(0.0, 1.0));
                let tilt = (u * u + (v + u * 0.22) * (v + u * 0.22) * 14.0).sqrt();
                let ring = ((1.0 - (tilt - 1.5).abs() / 0.28) * 3.0).clamp(0.0, 0.75);
                if v + u * 0.22 > 0.0 || distance > 1.0 {
                    blend(frame, x, y, mix(self.colour, [255.0, 240.0, 214.0], 0.6), ring);
                }
            }
        }
        if angle.sin() >= 0.0 {
            moon(frame);
        }
    }
}

/// What falls or floats in front of a scene.
pub struct Weather {
    motes: Vec<(f32, f32, f32)>,
    fall_px: f32,
    drift_px: f32,
    streak: bool,
}

impl Weather {
    /// Snow, rain or glowing motes by words of the prompt; motes as well when `always` is set.
    pub fn from_prompt(prompt: &str, dice: &mut Dice, width: u32, height: u32, always: bool) -> Weather {
        let words = Words::of(prompt);
        let said = |list: &[&str]| words.said(list);
        let (count, speed, streak) = if said(&["snow", "snowy", "blizzard", "winter"]) {
            (34, 0.22, false)
        } else if said(&["rain", "rainy", "storm", "stormy"]) {
            (30, 1.3, true)
        } else if always || said(&["magic", "magical", "fireflies", "fire", "sparkle", "dust", "dream"]) {
            (12, -0.09, false)
        } else {
            (0, 0.0, false)
        };
        let motes = (0..count)
            .map(|_| (dice.unit() * width as f32, dice.unit() * height as f32, 0.4 + dice.unit() * 0.9));
        Weather {
            motes: motes.collect(),
            fall_px: height as f32 * speed,
            drift_px: width as f32 * 0.02,
            streak,
        }
    }

    /// Paints it as it is at this second.
    pub fn paint(&self, frame: &mut RgbaImage, seconds: f32) {
        let (w, h) = (frame.width() as f32, frame.height() as f32);
        for (x, y, size) in &self.motes {
            let sway = (seconds * 1.7 + x * 0.1).sin() * self.drift_px;
            let at_y = (y + self.fall_px * seconds * (0.6 + size * 0.5)).rem_euclid(h);
            let at_x = (x + if self.streak { -seconds * w * 0.2 } else { sway }).rem_euclid(w);
            if self.streak {
                for step in 0..9 {
                    blend(
                        frame,
                        (at_x - step as f32 * 0.16) as i32,
                        at_y as i32 + step,
                        [214.0, 228.0, 244.0],
                        0.42,
                    );
                }
            } else if self.fall_px < 0.0 {
                let glow = 0.45 + 0.45 * (seconds * 2.4 + x).sin();
                disc(frame, at_x, at_y, size * 3.2, size * 3.2, [255.0, 238.0, 196.0], glow);
                disc(frame, at_x, at_y, size * 1.1, 0.9, [255.0, 250.0, 232.0], glow);
            } else {
                disc(frame, at_x, at_y, size * 1.7, 1.0, [255.0; 3], 0.9);
            }
        }
    }
}

/// The nearest even whole number below, so that chroma moves by whole samples.
pub fn even(pixels: f32) -> i32 {
    (pixels / 2.0).floor() as i32 * 2
}
