//! Grown things among the offline provider's solids: gem, rock, planet, tree, mushroom.
//!
//! For: shaping each from the generators of `form`, as fine as asked, with seeded proportions.
//!
//! Not for: choosing one (`objects`) or writing files (`glb`). Metres and linear colours, y
//! upwards, as in glTF 2.0.

use super::brush::mix;
use super::dice::Dice;
use super::form::Form;
use super::glb::{Triple, add, dot, normalize};
use super::objects::Paint;
use std::f32::consts::TAU;

/// A cluster of cut crystals, or one brilliant when few faces are allowed.
pub fn build_gem(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let sides = dice.range(6, 10) as u32;
    let (girdle, crown) = (0.5 + dice.unit() * 0.08, 0.2 + dice.unit() * 0.08);
    let (m, l, d) = (paint.main, paint.light, paint.dark);
    if fineness < 8 {
        form.lathe(
            &[(0.0, -0.5, d), (girdle, 0.1, m), (0.28, 0.1 + crown, l), (0.0, 0.1 + crown, l)],
            sides.min(6),
            1,
        );
        return;
    }
    // Each ring is turned by half a facet, which makes the kite-shaped cut of a brilliant.
    let rings = [
        (0.02, -0.55, d),
        (girdle * 0.62, -0.2, m),
        (girdle, 0.06, d),
        (girdle, 0.1, l),
        (girdle * 0.84, 0.1 + crown * 0.55, m),
        (girdle * 0.58, 0.1 + crown, l),
    ];
    let at = |ring: usize, step: u32| {
        let (radius, height, colour) = rings.get(ring).copied().unwrap_or_default();
        let turn =
            ((step % sides) as f32 + if !ring.is_multiple_of(2) { 0.5 } else { 0.0 }) / sides as f32 * TAU;
        (
            [radius * turn.sin(), height, radius * turn.cos()],
            mix(colour, l, 0.25 * ((step * 7 + ring as u32 * 3) % 4) as f32 / 3.0),
        )
    };
    for ring in 0..rings.len() - 1 {
        for step in 0..sides {
            let lower_next = step + 1;
            let (a, b) = (at(ring, step), at(ring, lower_next));
            if ring.is_multiple_of(2) {
                form.triangle(a, b, at(ring + 1, step));
                form.triangle(b, at(ring + 1, lower_next), at(ring + 1, step));
            } else {
                form.triangle(a, b, at(ring + 1, lower_next));
                form.triangle(a, at(ring + 1, lower_next), at(ring + 1, step));
            }
        }
    }
    for step in 0..sides {
        form.triangle(at(5, step), at(5, step + 1), ([0.0, 0.1 + crown, 0.0], l));
        form.triangle(at(0, step + 1), at(0, step), ([0.0, -0.56, 0.0], d));
    }
}

/// Smooth seeded noise over directions: a few plane waves bent by each other.
struct Noise(Vec<(Triple, f32)>);

impl Noise {
    fn new(dice: &mut Dice, lowest: f32) -> Noise {
        let mut waves = Vec::new();
        for index in 0..10 {
            let way = normalize([dice.unit() - 0.5, dice.unit() - 0.5, dice.unit() - 0.5]);
            let pitch = lowest * 1.38f32.powi(index);
            waves.push((way.map(|value| value * pitch), dice.unit() * TAU));
        }
        Noise(waves)
    }

    /// About -1 to 1.
    fn at(&self, place: Triple) -> f32 {
        let mut sum = 0.0;
        let mut size = 0.5;
        for (way, phase) in &self.0 {
            sum += (dot(place, *way) + phase + sum * 1.5).sin() * size;
            size *= 0.8;
        }
        sum * 0.75
    }
}

/// A boulder: a ball bent by noise, flattened below, mossy on top.
pub fn build_rock(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let noise = Noise::new(dice, 1.7);
    let squash = 0.68 + dice.unit() * 0.3;
    form.ball((fineness * 4 / 7).max(1), |way| {
        let bump = noise.at(way);
        let radius = 0.5 * (1.0 + 0.22 * bump - 0.1 * (bump * 3.0).sin().abs());
        let [x, y, z] = way.map(|value| value * radius);
        let moss = if y > 0.1 && bump > 0.1 { 0.25 } else { 0.0 };
        let shade = mix(paint.dark, paint.main, 0.6 + bump * 0.5);
        ([x, (y * squash).max(-0.3), z], mix(shade, [0.1, 0.16, 0.05], moss))
    });
}

/// Land and sea by noise, with ice at the poles and, half of the time, a ring.
pub fn build_planet(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let noise = Noise::new(dice, 1.9);
    let ringed = dice.unit() < 0.6 && fineness > 6;
    form.ball((fineness / 2).max(1), |way| {
        let height = noise.at(way);
        let pole = dot(way, [0.0, 1.0, 0.0]).abs() + height * 0.1;
        let land = height > 0.02;
        let colour = if pole > 0.88 {
            [0.86, 0.9, 0.94]
        } else if land {
            // Lowland green with a touch of the accent, rising to bare ground.
            mix(mix([0.13, 0.3, 0.06], paint.second, 0.2), [0.5, 0.42, 0.28], (height - 0.02) * 0.9)
        } else {
            mix(paint.main, paint.dark, 0.3 - height * 0.5)
        };
        (way.map(|value| value * (0.42 + if land { 0.012 + 0.03 * height } else { 0.0 })), colour)
    });
    if ringed {
        let profile =
            [(0.56, 0.0), (0.58, 0.008), (0.74, 0.008), (0.76, 0.0), (0.74, -0.008), (0.58, -0.008)];
        form.grid((fineness * 2).max(6), 6, |across, along| {
            let turn = if across >= 1.0 { 0.0 } else { across * TAU };
            let index = (along * 6.0).round() as usize % 6;
            let (radius, height) = profile.get(index).copied().unwrap_or_default();
            let (x, z) = (radius * turn.sin(), radius * turn.cos());
            ([x, -height + x * 0.3, z], if index.is_multiple_of(3) { paint.dark } else { paint.light })
        });
    }
}

/// A fir: a trunk and ragged cones one above the other.
pub fn build_tree(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let bark = [0.12, 0.055, 0.025];
    let around = (fineness * 2 / 3).max(3);
    form.lathe(
        &[(0.0, -0.6, bark), (0.11, -0.6, bark), (0.07, -0.45, bark), (0.06, -0.2, bark), (0.0, -0.2, bark)],
        around,
        1,
    );
    let tiers = if fineness < 5 { 1 } else { dice.range(3, 6) };
    let ripple = dice.range(7, 12) as f32;
    for tier in 0..tiers {
        let part = tier as f32 / tiers as f32;
        let (low, reach) = (-0.32 + part * 0.75, 0.42 * (1.0 - part * 0.72));
        let high = low + 0.42 * (1.0 - part * 0.25);
        let mut cone = Form::default();
        let tip = mix(paint.main, paint.light, 0.25 + part * 0.2);
        cone.lathe(
            &[
                (0.0, low + 0.06, paint.dark),
                (reach, low, paint.main),
                (reach * 0.93, low + 0.03, paint.main),
                (reach * 0.45, low + 0.2, paint.main),
                (0.0, high, tip),
            ],
            around,
            (fineness / 16).max(1),
        );
        let turn = dice.unit() * TAU;
        form.join(&cone, |[x, y, z]| {
            let wave = 1.0 + 0.09 * (z.atan2(x) * ripple + turn).sin();
            [x * wave, y - 0.05 * (wave - 1.0), z * wave]
        });
    }
}

/// A toadstool: stem, gilled cap and raised spots.
pub fn build_mushroom(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let (stem, cream, gill) = (0.1 + dice.unit() * 0.06, [0.8, 0.72, 0.58], [0.55, 0.42, 0.3]);
    let (reach, high) = (0.4 + dice.unit() * 0.12, 0.5 + dice.unit() * 0.08);
    let (around, steps) = ((fineness * 3 / 2).max(3), (fineness / 8).max(1));
    form.lathe(
        &[
            (0.0, -0.5, cream),
            (stem * 1.5, -0.5, cream),
            (stem, -0.2, cream),
            (stem * 0.85, 0.1, cream),
            (0.0, 0.12, cream),
        ],
        around,
        steps,
    );
    let m = paint.main;
    form.lathe(
        &[
            (0.0, 0.1, gill),
            (reach * 0.7, 0.03, gill),
            (reach, 0.0, gill),
            (reach * 1.02, 0.05, m),
            (reach * 0.82, 0.3, m),
            (reach * 0.45, high - 0.05, m),
            (0.0, high, m),
        ],
        around,
        steps,
    );
    if fineness < 10 {
        return;
    }
    for index in 0..9 {
        let (turn, climb) = (index as f32 * 2.4, 0.12 + 0.78 * ((index * 5 % 9) as f32 / 9.0));
        let (out, up) = (reach * (1.0 - climb * climb).sqrt(), 0.06 + (high - 0.08) * climb);
        let size = 0.045 + dice.unit() * 0.035;
        let at = [out * turn.sin(), up, out * turn.cos()];
        let away = normalize([at[0], (up - 0.05) * 0.8, at[2]]);
        form.ball((fineness / 8).max(2), |way| {
            let flat = dot(way, away) * 0.65;
            let point = add(way, away.map(|value| -value * flat)).map(|value| value * size);
            (add(at, point), [0.9, 0.88, 0.84])
        });
    }
}
