//! Scenes with a horizon: hills, a sunburst, a town. They suggest a place and
//! depict none.

use super::Studio;
use super::palette::{Rgb, mix};
use super::shape::{Outline, Paint, Shape, fill, fill_below, fill_lifted, wash};
use std::f32::consts::{FRAC_PI_2, TAU};

/// Height of a ridge per column, in pixels from the top.
fn draw_ridge(studio: &mut Studio<'_>, base: f32, swing: f32, is_sharp: bool) -> Vec<f32> {
    let mut waves = Vec::new();
    let mut size = 1.0;
    for octave in 1..=5_u8 {
        let frequency = f32::from(octave) * studio.dice.range(0.6, 1.4) * if is_sharp { 1.5 } else { 0.8 };
        waves.push((frequency, studio.dice.range(0.0, TAU), size));
        size *= if is_sharp { 0.55 } else { 0.42 };
    }
    let unit = studio.unit;
    (0..studio.width as u32)
        .map(|column| {
            let along = column as f32 / unit * TAU * 0.5;
            let rise: f32 = waves
                .iter()
                .map(|(frequency, phase, size)| {
                    let turn = along * frequency + phase;
                    // A folded wave has peaks; a plain one has rounded hills.
                    let wave = if is_sharp { 1.0 - 2.0 * (turn / 2.0).sin().abs() } else { turn.sin() };
                    wave * size
                })
                .sum();
            base - rise * swing
        })
        .collect()
}

/// Sky fade, and the sun or moon with its glow. Returns the sky's lower colour,
/// which haze takes up. Everything is placed above `horizon`.
fn draw_sky(studio: &mut Studio<'_>, horizon: f32) -> Rgb {
    let is_night = studio.palette.lightness() < 0.52;
    let (top, bottom) = if is_night {
        (mix(studio.palette.darkest(), [4, 6, 18], 0.35), studio.palette.shade(0.5))
    } else {
        (studio.palette.shade(0.62), studio.palette.shade(0.96))
    };
    wash(studio.picture, &Paint::fade(top, bottom, FRAC_PI_2));
    if is_night {
        draw_stars(studio, horizon);
    }
    let (x, y) = (studio.width * studio.dice.range(0.2, 0.8), horizon * studio.dice.range(0.35, 0.8));
    let radius = studio.unit * studio.dice.range(0.07, 0.15);
    let light = mix(studio.palette.lightest(), [255, 250, 235], 0.4);
    let glow = Paint::flat(light, 0.5).with_edge(radius * 4.0);
    fill(studio.picture, &Shape::disc(x, y, radius * 1.2), &glow);
    let accent = studio.palette.accent(studio.dice);
    let face = if is_night { mix(light, accent, 0.12) } else { mix(accent, light, 0.35) };
    fill(studio.picture, &Shape::disc(x, y, radius), &Paint::fade(light, face, FRAC_PI_2));
    bottom
}

fn draw_stars(studio: &mut Studio<'_>, horizon: f32) {
    for _ in 0..70 {
        let (x, y) = (studio.dice.range(0.0, studio.width), studio.dice.range(0.0, horizon));
        let radius = studio.unit * studio.dice.range(0.0008, 0.0032);
        let alpha = studio.dice.range(0.3, 0.95);
        fill(studio.picture, &Shape::disc(x, y, radius.max(0.5)), &Paint::flat([255, 252, 240], alpha));
    }
}

/// Layered hills or peaks that fade into haze.
pub(super) fn paint_dunes(studio: &mut Studio<'_>) {
    let horizon = studio.height * studio.dice.range(0.4, 0.55);
    let haze = draw_sky(studio, horizon);
    let is_sharp = studio.dice.chance(0.5);
    let layers = studio.dice.range(4_u32, 7);
    for layer in 0..layers {
        let nearness = layer as f32 / (layers - 1) as f32;
        let base = horizon + (studio.height * 0.9 - horizon) * nearness.powf(1.2);
        let swing = studio.unit * studio.dice.range(0.035, 0.08) * (1.1 - 0.4 * nearness);
        let ridge = draw_ridge(studio, base, swing, is_sharp);
        let tone = studio.palette.shade(0.72 - 0.7 * nearness);
        let crest = mix(tone, haze, 0.42 * (1.0 - nearness));
        let foot = mix(tone, haze, 0.25 + 0.4 * (1.0 - nearness));
        let shadow: Vec<f32> = ridge.iter().map(|y| y - studio.unit * 0.006).collect();
        let soft = Paint::flat([8, 6, 16], 0.10).with_edge(studio.unit * 0.03);
        fill_below(studio.picture, &shadow, &soft, studio.height);
        fill_below(studio.picture, &ridge, &Paint::fade(crest, foot, 0.0), studio.height * 0.3);
    }
}

/// A sunburst over one or two quiet hills.
pub(super) fn paint_rays(studio: &mut Studio<'_>) {
    let (x, y) = (studio.width * studio.dice.range(0.3, 0.7), studio.height * studio.dice.range(0.38, 0.58));
    let (pale, warm) = (studio.palette.shade(0.94), studio.palette.shade(0.66));
    let second = studio.palette.accent(studio.dice);
    let beams = studio.dice.range(9_u32, 20) as f32;
    let twist = studio.dice.range(-1.2, 1.2) / studio.unit;
    let start = studio.dice.range(0.0, TAU);
    let far = studio.width.hypot(studio.height) * 0.6;
    for (column, row, pixel) in studio.picture.enumerate_pixels_mut() {
        let (from_x, from_y) = (column as f32 + 0.5 - x, row as f32 + 0.5 - y);
        let away = from_x.hypot(from_y);
        let turn = from_y.atan2(from_x) + start + twist * away;
        let sector = (turn / TAU * beams).rem_euclid(1.0);
        // Distance to the beam's edge along the circle, for a smooth edge.
        let gap = ((sector - 0.5).abs() - 0.25) * TAU / beams * away;
        let part = (gap + 0.5).clamp(0.0, 1.0);
        let fade = (away / far).min(1.0);
        let [lit, unlit] = [(pale, warm), (warm, second)].map(|(near, off)| lerp(near, off, fade));
        let [red, green, blue] = lerp(lit, unlit, part);
        pixel.0 = [red, green, blue, 255];
    }
    let radius = studio.unit * studio.dice.range(0.13, 0.2);
    let light = mix(studio.palette.lightest(), [255, 252, 240], 0.5);
    fill(studio.picture, &Shape::disc(x, y, radius * 1.15), &Paint::flat(light, 0.7).with_edge(radius * 1.6));
    fill(studio.picture, &Shape::disc(x, y, radius), &Paint::fade(light, second, FRAC_PI_2));
    let layers = studio.dice.range(2_u32, 4);
    for layer in 0..layers {
        let base = studio.height * (0.66 + 0.12 * layer as f32);
        let ridge = draw_ridge(studio, base, studio.unit * 0.05, false);
        let tone = studio.palette.shade(0.38 - 0.19 * layer as f32);
        let foot = mix(tone, studio.palette.darkest(), 0.6);
        fill_below(studio.picture, &ridge, &Paint::fade(tone, foot, 0.0), studio.height * 0.3);
    }
}

/// Plain mixing, for loops where the perceptual one would cost too much.
fn lerp(from: Rgb, to: Rgb, part: f32) -> Rgb {
    let mut mixed = from;
    for (channel, other) in mixed.iter_mut().zip(to) {
        *channel = (f32::from(*channel) + (f32::from(other) - f32::from(*channel)) * part + 0.5) as u8;
    }
    mixed
}

/// Rows of towers, the near ones with lit windows.
pub(super) fn paint_skyline(studio: &mut Studio<'_>) {
    let haze = draw_sky(studio, studio.height * 0.6);
    for layer in 0..3_u8 {
        let nearness = f32::from(layer) / 2.0;
        let tone = mix(studio.palette.shade(0.5 - 0.5 * nearness), haze, 0.5 * (1.0 - nearness));
        let light = mix(studio.palette.lightest(), studio.palette.accent(studio.dice), 0.3);
        let mut x = -studio.unit * studio.dice.range(0.0, 0.1);
        while x < studio.width {
            let width = studio.unit * studio.dice.range(0.07, 0.16);
            let tall = studio.height * studio.dice.range(0.16, 0.42) * (1.15 - 0.3 * nearness);
            let top = studio.height * (0.66 + 0.12 * nearness) - tall + studio.unit * 0.04;
            draw_tower(studio, x, top, width, (tone, haze, light), nearness);
            x += width + studio.unit * studio.dice.range(-0.02, 0.035) * (1.0 + nearness);
        }
    }
}

fn draw_tower(
    studio: &mut Studio<'_>,
    x: f32,
    top: f32,
    width: f32,
    colours: (Rgb, Rgb, Rgb),
    nearness: f32,
) {
    let (tone, haze, light) = colours;
    let half = width / 2.0;
    let tall = studio.height - top;
    let slab = Outline::Slab { flatness: tall / width, corner: 0.0 };
    let body = Shape::new(slab, x + half, top + tall / 2.0, half, 0.0);
    let foot = mix(tone, haze, 0.35 * (1.0 - nearness));
    fill(studio.picture, &body, &Paint::flat(mix(tone, foot, 0.5), 1.0));
    match studio.dice.range(0_u8, 4) {
        0 => {
            let roof =
                Shape::new(Outline::Polygon { sides: 3 }, x + half, top - half * 0.1, half * 1.02, 0.0);
            fill(studio.picture, &roof, &Paint::flat(mix(tone, foot, 0.5), 1.0));
        }
        1 => {
            let mast = Outline::Slab { flatness: 18.0, corner: 0.0 };
            let pole = Shape::new(mast, x + half, top - studio.unit * 0.03, studio.unit * 0.0035, 0.0);
            fill(studio.picture, &pole, &Paint::flat(tone, 1.0));
        }
        _ => {}
    }
    if nearness < 0.4 {
        return;
    }
    let step = (studio.unit * 0.026).max(3.0);
    let columns = ((width - step * 0.6) / step).floor().max(1.0);
    let inset = (width - columns * step) / 2.0 + step / 2.0;
    let rows = (tall / (step * 1.35)) as u32;
    let window = Outline::Slab { flatness: 1.35, corner: 0.0 };
    for row in 0..rows {
        for column in 0..columns as u32 {
            let alpha = if studio.dice.chance(0.4) { studio.dice.range(0.55, 1.0) } else { 0.07 };
            let (at_x, at_y) = (x + inset + column as f32 * step, top + step * (0.9 + 1.35 * row as f32));
            fill(
                studio.picture,
                &Shape::new(window, at_x, at_y, step * 0.24, 0.0),
                &Paint::flat(light, alpha),
            );
        }
    }
}

/// A sun that casts a shadow, for scenes that have no sky of their own.
pub(super) fn draw_paper_sun(studio: &mut Studio<'_>, x: f32, y: f32, radius: f32) {
    let (light, accent) = (studio.palette.lightest(), studio.palette.accent(studio.dice));
    let disc = Shape::disc(x, y, radius);
    fill_lifted(studio.picture, &disc, &Paint::fade(light, accent, FRAC_PI_2), studio.unit * 0.012);
}
