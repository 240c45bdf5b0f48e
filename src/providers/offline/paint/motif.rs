//! Compositions around one centre: a bloom that fills the picture, and an icon
//! alone on a transparent ground.

use super::Studio;
use super::palette::mix;
use super::shape::{Outline, Paint, Shape, fill, fill_lifted, wash};
use std::f32::consts::{FRAC_PI_2, TAU};

/// Rings of petals, the outer ones drawn first.
fn draw_petals(studio: &mut Studio<'_>, x: f32, y: f32, radius: f32) {
    let rings = studio.dice.range(3_u32, 5);
    let petals = studio.dice.range(5_u32, 11);
    let fullness = studio.dice.range(0.32, 0.6);
    let start = studio.dice.range(0.0, TAU);
    let order = studio.dice.chance(0.5);
    for ring in 0..rings {
        let inward = ring as f32 / rings as f32;
        let length = radius * (0.56 - 0.42 * inward);
        let away = radius * (0.46 - 0.36 * inward);
        let place = if order { 0.18 + 0.72 * inward } else { 0.88 - 0.66 * inward };
        let (base, tip) = (studio.palette.shade(place), studio.palette.shade(place + 0.24));
        for petal in 0..petals {
            let turn = start + TAU * (petal as f32 + 0.5 * (ring % 2) as f32) / petals as f32;
            let (sin, cos) = turn.sin_cos();
            let shape = Shape::new(
                Outline::Leaf { fullness },
                x + cos * away,
                y + sin * away,
                length,
                turn + FRAC_PI_2,
            );
            fill_lifted(studio.picture, &shape, &Paint::fade(base, tip, turn), studio.unit * 0.011);
        }
    }
    let heart = Shape::disc(x, y, radius * 0.13);
    let (light, accent) = (studio.palette.lightest(), studio.palette.accent(studio.dice));
    fill_lifted(studio.picture, &heart, &Paint::fade(light, accent, FRAC_PI_2), studio.unit * 0.011);
}

/// A large flower-like rosette, a little off the middle, on a quiet ground.
pub(super) fn paint_bloom(studio: &mut Studio<'_>) {
    let is_dark = studio.palette.lightness() < 0.55;
    let ground = if is_dark { (0.0, 0.22) } else { (0.97, 0.8) };
    let direction = studio.dice.range(0.0, TAU);
    let fade = Paint::fade(studio.palette.shade(ground.0), studio.palette.shade(ground.1), direction);
    wash(studio.picture, &fade);
    let (x, y) =
        (studio.width * studio.dice.range(0.36, 0.64), studio.height * studio.dice.range(0.36, 0.52));
    let halo = Paint::flat(studio.palette.shade(0.6), 0.35).with_edge(studio.unit * 0.5);
    fill(studio.picture, &Shape::disc(x, y, studio.unit * 0.4), &halo);
    for _ in 0..studio.dice.range(2_u32, 5) {
        let line = Outline::Ring { thickness: studio.unit * 0.004 };
        let radius = studio.unit * studio.dice.range(0.45, 0.95);
        let colour = studio.palette.shade(if is_dark { 0.8 } else { 0.3 });
        fill(studio.picture, &Shape::new(line, x, y, radius, 0.0), &Paint::flat(colour, 0.35));
    }
    let radius = studio.unit * studio.dice.range(0.44, 0.62);
    draw_petals(studio, x, y, radius);
}

/// One motif in the middle, nothing around it.
pub(super) fn paint_icon(studio: &mut Studio<'_>) {
    let (x, y) = (studio.width / 2.0, studio.height * 0.46);
    let radius = studio.unit * 0.37;
    match studio.dice.range(0_u8, 3) {
        0 => draw_petals(studio, x, y, radius * 1.05),
        1 => draw_badge(studio, x, y, radius),
        _ => draw_tile(studio, x, y, radius),
    }
}

/// A rounded polygon with rings and a smaller figure inside.
fn draw_badge(studio: &mut Studio<'_>, x: f32, y: f32, radius: f32) {
    let lift = studio.unit * 0.014;
    let direction = studio.dice.range(0.6, 2.4);
    let sides = studio.dice.range(5_u32, 9);
    let angle = studio.dice.range(0.0, TAU);
    let outer = Shape::new(Outline::Polygon { sides }, x, y, radius, angle);
    fill_lifted(
        studio.picture,
        &outer,
        &Paint::fade(studio.palette.shade(0.2), studio.palette.shade(0.5), direction),
        lift,
    );
    let disc = Shape::disc(x, y, radius * 0.68);
    fill_lifted(
        studio.picture,
        &disc,
        &Paint::fade(studio.palette.shade(0.95), studio.palette.shade(0.7), direction),
        lift,
    );
    let points = studio.dice.range(3_u32, 7);
    for point in 0..points {
        let turn = angle + TAU * point as f32 / points as f32;
        let (sin, cos) = turn.sin_cos();
        let away = radius * 0.3;
        let leaf = Shape::new(
            Outline::Leaf { fullness: 0.55 },
            x + cos * away,
            y + sin * away,
            radius * 0.3,
            turn + FRAC_PI_2,
        );
        let colour = studio.palette.shade(0.25 + 0.4 * point as f32 / points as f32);
        fill_lifted(studio.picture, &leaf, &Paint::flat(colour, 1.0), lift * 0.6);
    }
}

/// An app-like tile with overlapping discs.
fn draw_tile(studio: &mut Studio<'_>, x: f32, y: f32, radius: f32) {
    let lift = studio.unit * 0.014;
    let direction = studio.dice.range(0.6, 2.4);
    let slab = Outline::Slab { flatness: 1.0, corner: radius * 0.42 };
    let tile = Shape::new(slab, x, y, radius * 0.94, 0.0);
    fill_lifted(
        studio.picture,
        &tile,
        &Paint::fade(studio.palette.shade(0.55), studio.palette.shade(0.1), direction),
        lift,
    );
    let start = studio.dice.range(0.0, TAU);
    let count = studio.dice.range(3_u32, 6);
    for index in 0..count {
        let (sin, cos) = (start + TAU * index as f32 / count as f32).sin_cos();
        let away = radius * 0.3;
        let disc = Shape::disc(x + cos * away, y + sin * away, radius * 0.36);
        let colour = studio.palette.shade(0.45 + 0.5 * index as f32 / count as f32);
        let paint = Paint::fade(colour, mix(colour, [255, 255, 255], 0.3), direction + 3.1).with_alpha(0.8);
        fill_lifted(studio.picture, &disc, &paint, lift * 0.6);
    }
}
