//! Scenes without a horizon: discs, arcs, tiles, contour layers and ribbons
//! spread over the whole picture.

use super::Studio;
use super::land::draw_paper_sun;
use super::palette::{Rgb, mix};
use super::shape::{Outline, Paint, Shape, fill, fill_lifted, wash};
use std::f32::consts::{FRAC_PI_2, PI, TAU};

/// A fade between two neighbouring tones at the dark or the light end.
fn wash_ground(studio: &mut Studio<'_>) -> bool {
    let is_dark = studio.palette.lightness() < 0.5 || studio.dice.chance(0.3);
    let (near, far) = if is_dark { (0.0, 0.3) } else { (1.0, 0.76) };
    let paint =
        Paint::fade(studio.palette.shade(near), studio.palette.shade(far), studio.dice.range(0.0, TAU));
    wash(studio.picture, &paint);
    is_dark
}

/// Big translucent discs in front of each other, with small solid ones.
pub(super) fn paint_orbs(studio: &mut Studio<'_>) {
    let is_dark = wash_ground(studio);
    let count = studio.dice.range(5_u32, 9);
    for index in 0..count {
        let radius = studio.unit * studio.dice.range(0.13, 0.36) * (1.15 - 0.5 * index as f32 / count as f32);
        let (x, y) =
            (studio.width * studio.dice.range(0.08, 0.92), studio.height * studio.dice.range(0.08, 0.8));
        let colour = studio.palette.accent(studio.dice);
        let place = studio.dice.range(0.2, 1.0);
        let paint = Paint::fade(colour, studio.palette.shade(place), studio.dice.range(0.0, TAU));
        let alpha = studio.dice.range(0.72, 0.96);
        fill_lifted(studio.picture, &Shape::disc(x, y, radius), &paint.with_alpha(alpha), studio.unit * 0.02);
        if studio.dice.chance(0.45) {
            let ring = Outline::Ring { thickness: studio.unit * 0.006 };
            let line = studio.palette.shade(if is_dark { 0.95 } else { 0.1 });
            fill(studio.picture, &Shape::new(ring, x, y, radius * 1.18, 0.0), &Paint::flat(line, 0.6));
        }
    }
    for _ in 0..studio.dice.range(4_u32, 10) {
        let (x, y) = (studio.width * studio.dice.unit(), studio.height * studio.dice.range(0.05, 0.85));
        let radius = studio.unit * studio.dice.range(0.008, 0.028);
        let colour = studio.palette.shade(if studio.dice.chance(0.5) { 1.0 } else { 0.4 });
        fill_lifted(
            studio.picture,
            &Shape::disc(x, y, radius),
            &Paint::flat(colour, 1.0),
            studio.unit * 0.006,
        );
    }
}

/// Sets of nested arcs, as in posters of the seventies.
pub(super) fn paint_arcs(studio: &mut Studio<'_>) {
    wash_ground(studio);
    let (x, y) = (studio.width * studio.dice.range(0.25, 0.75), studio.height * studio.dice.range(0.18, 0.4));
    let radius = studio.unit * studio.dice.range(0.1, 0.16);
    draw_paper_sun(studio, x, y, radius);
    let sets = studio.dice.range(3_u32, 6);
    for set in 0..sets {
        let x = studio.width * ((set as f32 + studio.dice.range(0.1, 0.9)) / sets as f32);
        let y = studio.height * studio.dice.range(0.35, 0.95);
        let rings = studio.dice.range(4_u32, 7);
        let outer = studio.unit * studio.dice.range(0.26, 0.44);
        let angle =
            studio.dice.range(0_u32, 4) as f32 * FRAC_PI_2 * if studio.dice.chance(0.7) { 0.0 } else { 1.0 };
        let flip = studio.dice.chance(0.5);
        for ring in 0..rings {
            let part = ring as f32 / rings as f32;
            let radius = outer * (1.0 - part);
            let thickness = outer / rings as f32 * 1.02;
            let colour = studio.palette.shade(if flip { 0.05 + part } else { 1.0 - part });
            let arc = Outline::Arc { thickness, reach: PI / 2.0 };
            let shape = Shape::new(arc, x, y, radius, angle);
            if ring == 0 {
                fill_lifted(studio.picture, &shape, &Paint::flat(colour, 1.0), studio.unit * 0.014);
            } else {
                fill(studio.picture, &shape, &Paint::flat(colour, 1.0));
            }
        }
    }
}

/// Square tiles, each with one of a few geometric figures.
pub(super) fn paint_mosaic(studio: &mut Studio<'_>) {
    let across = studio.dice.range(4_u32, 8) as f32;
    let side = studio.unit / across;
    let (columns, rows) = ((studio.width / side).ceil() as u32, (studio.height / side).ceil() as u32);
    wash(studio.picture, &Paint::flat(studio.palette.lightest(), 1.0));
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = ((column as f32 + 0.5) * side, (row as f32 + 0.5) * side);
            draw_tile(studio, x, y, side);
        }
    }
    // A gentle fall of light ties the tiles together.
    let night = Paint { from: [255, 255, 255], to: [10, 8, 24], direction: 0.9, alpha: 0.13, edge: 1.0 };
    wash(studio.picture, &night);
}

fn draw_tile(studio: &mut Studio<'_>, x: f32, y: f32, side: f32) {
    let step = |studio: &mut Studio<'_>| studio.dice.range(0_u32, 5);
    let ground = step(studio);
    // The figure never takes the ground's own colour.
    let figure = (ground + studio.dice.range(1_u32, 5)) % 5;
    let third = (figure + studio.dice.range(1_u32, 5)) % 5;
    let [ground, figure, third] =
        [ground, figure, third].map(|index| studio.palette.shade(index as f32 / 4.0));
    let half = side / 2.0;
    let angle = studio.dice.range(0_u32, 4) as f32 * FRAC_PI_2;
    let mut cell = image::RgbaImage::from_pixel(side.ceil() as u32, side.ceil() as u32, opaque(ground));
    let (sin, cos) = angle.sin_cos();
    let (corner_x, corner_y) = (half + (cos - sin) * half, half + (sin + cos) * half);
    let disc = |x: f32, y: f32, radius: f32| Shape::disc(x, y, radius);
    match studio.dice.range(0_u8, 6) {
        0 => fill(&mut cell, &disc(corner_x, corner_y, side), &Paint::flat(figure, 1.0)),
        1 => {
            for (ring, colour) in [(1.0, figure), (0.68, third), (0.36, ground)] {
                fill(&mut cell, &disc(corner_x, corner_y, side * ring), &Paint::flat(colour, 1.0));
            }
        }
        2 => fill(&mut cell, &disc(half + cos * half, half + sin * half, half), &Paint::flat(figure, 1.0)),
        3 => {
            fill(&mut cell, &disc(half, half, half * 0.82), &Paint::flat(figure, 1.0));
            fill(&mut cell, &disc(half, half, half * 0.4), &Paint::flat(third, 1.0));
        }
        4 => {
            let turn = angle + FRAC_PI_2 / 2.0;
            let leaf = Shape::new(Outline::Leaf { fullness: 0.42 }, half, half, half * 1.36, turn);
            fill(&mut cell, &leaf, &Paint::flat(figure, 1.0));
        }
        _ => {
            let wedge = Shape::new(Outline::Polygon { sides: 4 }, corner_x, corner_y, side, 0.0);
            fill(&mut cell, &wedge, &Paint::flat(figure, 1.0));
        }
    }
    image::imageops::overlay(studio.picture, &cell, (x - half).round() as i64, (y - half).round() as i64);
}

fn opaque([red, green, blue]: Rgb) -> image::Rgba<u8> {
    image::Rgba([red, green, blue, 255])
}

/// Smooth noise: a lattice of random heights, interpolated.
struct Terrain {
    lattice: Vec<f32>,
}

/// Lattice points per side; noise repeats after as many cells.
const LATTICE_SIDE: usize = 32;

impl Terrain {
    fn new(studio: &mut Studio<'_>) -> Self {
        Self { lattice: (0..LATTICE_SIDE * LATTICE_SIDE).map(|_| studio.dice.unit()).collect() }
    }

    fn sample(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let ease = |part: f32| part * part * (3.0 - 2.0 * part);
        let (part_x, part_y) = (ease(x - left), ease(y - top));
        let at = |column: f32, row: f32| {
            let wrap = |value: f32| (value as i64).rem_euclid(LATTICE_SIDE as i64) as usize;
            self.lattice.get(wrap(row) * LATTICE_SIDE + wrap(column)).copied().unwrap_or(0.0)
        };
        let upper = at(left, top) * (1.0 - part_x) + at(left + 1.0, top) * part_x;
        let lower = at(left, top + 1.0) * (1.0 - part_x) + at(left + 1.0, top + 1.0) * part_x;
        upper * (1.0 - part_y) + lower * part_y
    }

    /// Two octaves, bent by a third: flowing shapes instead of blobs.
    fn height(&self, x: f32, y: f32) -> f32 {
        let bend = self.sample(x * 0.8 + 9.3, y * 0.8 + 4.1) * 1.6;
        self.sample(x + bend, y - bend) * 0.72 + self.sample(x * 2.1 + 17.0, y * 2.1 + bend) * 0.28
    }
}

/// Contour layers cut from paper, each casting a shadow on the one below.
pub(super) fn paint_strata(studio: &mut Studio<'_>) {
    let terrain = Terrain::new(studio);
    let layers = studio.dice.range(6_u32, 10) as f32;
    let zoom = studio.dice.range(1.7, 2.9) / studio.unit;
    let flip = studio.dice.chance(0.5);
    let tones: Vec<Rgb> = (0..=layers as usize)
        .map(|layer| {
            let place = layer as f32 / layers;
            studio.palette.shade(if flip { 1.0 - place } else { place })
        })
        .collect();
    let (shift, drop) = (studio.unit * 0.008, studio.unit * 0.02);
    for (column, row, pixel) in studio.picture.enumerate_pixels_mut() {
        let (x, y) = (column as f32, row as f32);
        let height_at =
            |x: f32, y: f32| ((terrain.height(x * zoom, y * zoom) - 0.18) / 0.64).clamp(0.0, 0.999) * layers;
        let here = height_at(x, y);
        let towards_light = height_at(x - shift, y - drop);
        let level = here.floor();
        let slope = (height_at(x + 1.0, y) - here).hypot(height_at(x, y + 1.0) - here).max(0.002);
        let tone = |level: f32| tones.get(level.max(0.0) as usize).copied().unwrap_or([0; 3]);
        let edge = ((here - level) / slope).clamp(0.0, 1.0);
        let below = tone(level - 1.0);
        let [red, green, blue] = blend_tones(below, tone(level), if level < 1.0 { 1.0 } else { edge });
        // Shadow where the ground towards the light is a higher layer.
        let rise = (towards_light - (level + 1.0)).clamp(0.0, 1.0);
        let shade = 1.0 - 0.45 * (rise * 5.0).min(1.0) * (1.0 - rise * 0.5);
        pixel.0 = [darken(red, shade), darken(green, shade), darken(blue, shade), 255];
    }
}

fn blend_tones(from: Rgb, to: Rgb, part: f32) -> Rgb {
    let mut mixed = from;
    for (channel, other) in mixed.iter_mut().zip(to) {
        *channel = (f32::from(*channel) * (1.0 - part) + f32::from(other) * part + 0.5) as u8;
    }
    mixed
}

fn darken(channel: u8, factor: f32) -> u8 {
    (f32::from(channel) * factor + 0.5) as u8
}

/// Bands that swing across the picture, lit from one side.
pub(super) fn paint_ribbons(studio: &mut Studio<'_>) {
    wash_ground(studio);
    let tilt = studio.dice.range(-0.5, 0.5);
    let count = studio.dice.range(6_u32, 11);
    let (frequency, phase) =
        (studio.dice.range(0.5, 1.3) / studio.unit * TAU * 0.6, studio.dice.range(0.0, TAU));
    let swing = studio.unit * studio.dice.range(0.06, 0.16);
    let drift = studio.dice.range(0.25, 0.7);
    let flip = studio.dice.chance(0.5);
    for index in 0..count {
        let part = index as f32 / (count - 1) as f32;
        let middle = studio.height * (part * 1.1 - 0.1);
        let thickness = studio.height / count as f32 * studio.dice.range(0.9, 1.9);
        let colour = studio.palette.shade(if flip { 1.0 - part } else { part });
        let sheen = mix(colour, studio.palette.lightest(), studio.dice.range(0.25, 0.5));
        let wobble = studio.dice.range(0.8, 1.2);
        let line: Vec<f32> = (0..studio.width as u32)
            .map(|column| {
                let x = column as f32;
                let turn = x * frequency + phase + index as f32 * drift;
                middle
                    + (x - studio.width / 2.0) * tilt
                    + swing * (turn.sin() + 0.35 * (turn * 2.3 * wobble).sin())
            })
            .collect();
        let shadow: Vec<f32> = line.iter().map(|y| y - studio.unit * 0.012).collect();
        let soft = Paint::flat([8, 6, 16], 0.26).with_edge(studio.unit * 0.05);
        super::shape::fill_below(studio.picture, &shadow, &soft, studio.height);
        super::shape::fill_below(studio.picture, &line, &Paint::fade(sheen, colour, 0.0), thickness);
    }
}
