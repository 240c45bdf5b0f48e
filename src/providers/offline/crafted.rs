//! Made things among the offline provider's solids: vase, gear, chest, rocket, robot, house, knot.
//!
//! For: shaping each from the generators of `form`, as fine as asked, with seeded proportions.
//!
//! Not for: choosing one (`objects`) or writing files (`glb`). Metres and linear colours, y
//! upwards, as in glTF 2.0.

use super::brush::mix;
use super::dice::Dice;
use super::form::Form;
use super::glb::{Triple, add};
use super::objects::Paint;
use std::f32::consts::TAU;

/// A turned vessel with painted bands, open at the top with an inner wall.
pub fn build_vase(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let belly = 0.3 + dice.unit() * 0.18;
    let belly_at = -0.2 + dice.unit() * 0.25;
    let neck = 0.1 + dice.unit() * 0.12;
    let lip = neck + 0.05 + dice.unit() * 0.1;
    let foot = 0.15 + dice.unit() * 0.08;
    let (m, s, l) = (paint.main, paint.second, paint.light);
    let profile = [
        (0.0, -0.6, m),
        (foot, -0.6, m),
        (foot + 0.02, -0.57, m),
        (foot - 0.01, -0.52, m),
        ((foot + belly) * 0.55, -0.38, m),
        (belly * 0.97, belly_at - 0.06, m),
        (belly * 0.985, belly_at - 0.05, l),
        (belly, belly_at + 0.02, s),
        (belly * 0.985, belly_at + 0.08, s),
        (belly * 0.97, belly_at + 0.09, l),
        (belly * 0.94, belly_at + 0.1, m),
        ((belly + neck) * 0.5, 0.3, m),
        (neck, 0.45, m),
        (lip, 0.58, s),
        (lip + 0.005, 0.6, l),
        (lip - 0.02, 0.6, l),
        (neck - 0.03, 0.45, paint.dark),
        (belly * 0.7, 0.1, paint.dark),
        (0.0, -0.3, paint.dark),
    ];
    form.lathe(&profile, fineness * 3 / 2 + 3, (fineness / 14).max(1));
}

/// A toothed wheel lying tilted: two faces, teeth outside, a bore inside, holes' worth of spokes.
pub fn build_gear(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let teeth = dice.range(9, 18) as u32;
    let per_tooth = (fineness / 6).clamp(1, 5) * 4;
    let tooth = 0.08 + dice.unit() * 0.03;
    let edge = |angle: f32| {
        let place = (angle / TAU * teeth as f32).fract();
        let rise = ((0.5 - (place - 0.5).abs()) * 7.0 - 0.8).clamp(0.0, 1.0);
        0.44 + tooth * rise
    };
    let half = 0.11;
    // Rings from the bore outwards over the upper face, then back below: a closed profile.
    let rings: [(f32, f32, Triple); 11] = [
        (0.12, -half * 1.5, paint.dark),
        (0.12, half * 1.5, paint.dark),
        (0.2, half * 1.5, paint.light),
        (0.22, half * 0.6, paint.main),
        (0.36, half * 0.6, paint.main),
        (0.38, half, paint.light),
        (1.0, half, paint.light),
        (1.0, -half, paint.main),
        (0.38, -half, paint.light),
        (0.22, -half * 0.6, paint.main),
        (0.2, -half * 1.5, paint.light),
    ];
    let spans = rings.len();
    form.grid(teeth * per_tooth, spans as u32, |across, along| {
        let angle = if across >= 1.0 { 0.0 } else { across * TAU };
        let index = (along * spans as f32).round() as usize % spans;
        let (radius, height, colour) = rings.get(index).copied().unwrap_or_default();
        let radius = if radius >= 1.0 { edge(angle) } else { radius };
        // Stands on its rim, a little towards the viewer. The profile runs downwards outside.
        let (x, y) = (radius * angle.sin(), radius * angle.cos());
        ([x, y, height], colour)
    });
}

/// A treasure chest: planks, a barrel lid, brass bands and a lock.
pub fn build_chest(form: &mut Form, fineness: u32, paint: &Paint) {
    let brass = [0.72, 0.46, 0.12];
    let planks = if fineness < 8 { 1 } else { 5 };
    for plank in 0..planks {
        let (low, high) = (plank as f32 / planks as f32, (plank + 1) as f32 / planks as f32);
        let shade = mix(paint.main, paint.dark, 0.35 * (plank % 2) as f32);
        let gap = if planks > 1 { 0.006 } else { 0.0 };
        form.block([-0.5, -0.4 + low * 0.4 + gap, -0.3], [0.5, -0.4 + high * 0.4, 0.3], shade);
    }
    if fineness < 4 {
        return;
    }
    // The lid: half a barrel with its ends closed.
    let lid = |form: &mut Form, left: f32, right: f32, radius: f32, colour: Triple| {
        let cells = (fineness / 2).clamp(3, 24);
        let rim = |x: f32, step: u32| {
            let turn = step as f32 / cells as f32 * TAU / 2.0;
            ([x, 0.02 + turn.sin() * radius * 0.85, turn.cos() * radius], colour)
        };
        for step in 0..cells {
            form.quad(rim(left, step), rim(right, step), rim(right, step + 1), rim(left, step + 1));
            form.triangle(rim(right, step), ([right, 0.02, 0.0], colour), rim(right, step + 1));
            form.triangle(rim(left, step + 1), ([left, 0.02, 0.0], colour), rim(left, step));
        }
        form.quad(rim(left, cells), rim(right, cells), rim(right, 0), rim(left, 0));
    };
    lid(form, -0.5, 0.5, 0.3, paint.main);
    for x in [-0.44, -0.06, 0.32] {
        form.block([x, -0.41, -0.315], [x + 0.12, 0.015, 0.315], brass);
        lid(form, x, x + 0.12, 0.316, brass);
    }
    form.block([-0.09, -0.13, 0.31], [0.09, 0.08, 0.36], brass.map(|value| value * 1.2));
    form.block([-0.02, -0.07, 0.355], [0.02, 0.02, 0.365], [0.02; 3]);
}

/// A boulder: a ball bent by noise, flattened below, mossy on top.
/// A toy rocket: turned body, three fins and a porthole.
pub fn build_rocket(form: &mut Form, fineness: u32, paint: &Paint) {
    let white = [0.82, 0.83, 0.86];
    let (around, steps) = ((fineness * 3 / 2).max(4), (fineness / 10).max(1));
    let (m, d) = (paint.main, [0.06, 0.06, 0.08]);
    form.lathe(
        &[
            (0.0, -0.5, d),
            (0.1, -0.56, d),
            (0.13, -0.55, d),
            (0.11, -0.44, d),
            (0.15, -0.43, white),
            (0.21, -0.15, white),
            (0.22, 0.1, white),
            (0.19, 0.3, white),
            (0.185, 0.31, m),
            (0.12, 0.5, m),
            (0.05, 0.62, m),
            (0.0, 0.7, m),
        ],
        around,
        steps,
    );
    if fineness < 5 {
        return;
    }
    for fin in 0..3 {
        let turn = fin as f32 / 3.0 * TAU + 0.5;
        let place = |[x, y, z]: Triple| [x * turn.cos() + z * turn.sin(), y, z * turn.cos() - x * turn.sin()];
        let outline = [(0.13, -0.15), (0.13, -0.46), (0.36, -0.66), (0.38, -0.42)];
        let at = |index: usize, z: f32| {
            let (x, y) = outline.get(index % 4).copied().unwrap_or_default();
            (place([x, y, z]), m)
        };
        form.quad(at(0, 0.02), at(1, 0.02), at(2, 0.02), at(3, 0.02));
        form.quad(at(3, -0.02), at(2, -0.02), at(1, -0.02), at(0, -0.02));
        for side in 0..4 {
            form.quad(at(side, -0.02), at(side + 1, -0.02), at(side + 1, 0.02), at(side, 0.02));
        }
    }
    let mut window = Form::default();
    let glass = [0.05, 0.2, 0.36];
    window.lathe(
        &[
            (0.1, -0.06, m),
            (0.1, 0.02, m),
            (0.07, 0.03, m),
            (0.068, 0.012, glass),
            (0.03, 0.02, glass),
            (0.0, 0.022, [0.3, 0.6, 0.8]),
        ],
        around.min(32),
        1,
    );
    form.join(&window, |[x, y, z]| [-x, z + 0.12, y + 0.215]);
}

/// A toy robot of rounded boxes.
pub fn build_robot(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let (m, s, d, l) = (paint.main, paint.second, paint.dark, paint.light);
    let round = |form: &mut Form, at: Triple, size: Triple, colour: Triple| {
        // A superellipsoid: a box whose edges are rounded.
        form.ball((fineness / 5).max(1), |way| {
            let power = way.iter().map(|value| value.abs().powi(6)).sum::<f32>().powf(-1.0 / 6.0);
            let mut point = way.map(|value| value * power);
            for (value, size) in point.iter_mut().zip(size) {
                *value *= size;
            }
            (add(at, point), colour)
        });
    };
    let head = 0.2 + dice.unit() * 0.06;
    round(form, [0.0, -0.02, 0.0], [0.25, 0.24, 0.17], m);
    if fineness < 4 {
        return;
    }
    round(form, [0.0, 0.44, 0.0], [head, 0.17, 0.17], l);
    round(form, [0.0, 0.45, 0.14], [head * 0.8, 0.1, 0.05], [0.02, 0.025, 0.04]);
    round(form, [0.0, 0.02, 0.15], [0.14, 0.1, 0.04], s);
    round(form, [0.0, 0.24, 0.0], [0.07, 0.06, 0.07], d);
    for side in [-1.0, 1.0] {
        round(form, [side * head * 0.4, 0.46, 0.185], [0.04, 0.045, 0.02], [0.1, 0.85, 0.95]);
        round(form, [side * 0.33, 0.02, 0.02], [0.065, 0.2, 0.08], s);
        round(form, [side * 0.33, -0.24, 0.05], [0.08, 0.07, 0.09], d);
        round(form, [side * 0.13, -0.38, 0.0], [0.08, 0.16, 0.09], s);
        round(form, [side * 0.13, -0.56, 0.05], [0.11, 0.06, 0.16], d);
        round(form, [side * (head + 0.02), 0.44, 0.0], [0.035, 0.07, 0.07], d);
    }
    form.lathe(&[(0.012, 0.58, d), (0.012, 0.72, d), (0.0, 0.72, d)], 8, 1);
    form.ball((fineness / 6).max(2), |way| {
        (add([0.0, 0.74, 0.0], way.map(|value| value * 0.04)), [0.9, 0.15, 0.1])
    });
}

/// A cottage: walls, gabled roof, chimney, door and windows.
pub fn build_house(form: &mut Form, paint: &Paint, dice: &mut Dice) {
    let (wall, roof) = (paint.main, mix(paint.second, [0.35, 0.06, 0.03], 0.6));
    let (wood, glass, trim) = ([0.16, 0.07, 0.03], [0.95, 0.72, 0.3], [0.85, 0.83, 0.78]);
    let high = 0.3 + dice.unit() * 0.12;
    let (x, z, y) = (0.42, 0.32, high - 0.35);
    form.block([-x, -0.35, -z], [x, y, z], wall);
    let ridge = y + 0.3 + dice.unit() * 0.12;
    let (over, low) = (0.07, y - 0.05);
    // Gables first, then two roof slabs of some thickness that reach over them.
    for (side, order) in [(x - 0.001, false), (-x + 0.001, true)] {
        let (a, b, c) = (([side, y, z], wall), ([side, y, -z], wall), ([side, ridge - 0.02, 0.0], wall));
        if order { form.triangle(b, a, c) } else { form.triangle(a, b, c) }
    }
    let end = x + over;
    for side in [1.0, -1.0] {
        let turned = |[px, py, pz]: Triple| ([px * side, py, pz * side], roof);
        let (eave, thick) = (z + over, 0.05);
        let [a, b, c, d] = [[-end, low, eave], [end, low, eave], [end, ridge, 0.0], [-end, ridge, 0.0]];
        let lift = |[px, py, pz]: Triple| [px, py + thick, pz];
        form.quad(turned(lift(a)), turned(lift(b)), turned(lift(c)), turned(lift(d)));
        form.quad(turned(d), turned(c), turned(b), turned(a));
        form.quad(turned(a), turned(b), turned(lift(b)), turned(lift(a)));
        form.quad(turned(b), turned(c), turned(lift(c)), turned(lift(b)));
        form.quad(turned(d), turned(a), turned(lift(a)), turned(lift(d)));
    }
    form.block([0.16, y, -0.2], [0.28, ridge + 0.12, -0.08], roof.map(|value| value * 0.6));
    form.block([-0.09, -0.35, z], [0.09, -0.06, z + 0.02], wood);
    form.block([0.05, -0.21, z + 0.02], [0.07, -0.19, z + 0.035], glass);
    form.block([-0.5, -0.4, -0.42], [0.5, -0.35, 0.46], [0.13, 0.24, 0.07]);
    for window in [-0.26, 0.26] {
        form.block([window - 0.09, -0.2, z], [window + 0.09, -0.02, z + 0.015], trim);
        form.block([window - 0.07, -0.18, z + 0.01], [window + 0.07, -0.04, z + 0.02], glass);
        form.block([window - 0.006, -0.18, z + 0.015], [window + 0.006, -0.04, z + 0.025], trim);
        form.block([x, -0.2, window * 0.6 - 0.07], [x + 0.015, -0.04, window * 0.6 + 0.07], glass);
    }
}

/// A torus knot with running stripes.
pub fn build_knot(form: &mut Form, fineness: u32, paint: &Paint, dice: &mut Dice) {
    let (turns, loops) = match dice.range(0, 4) {
        0 => (2.0, 3.0),
        1 => (2.0, 5.0),
        2 => (3.0, 4.0),
        _ => (3.0, 2.0),
    };
    let thick = 0.085 + dice.unit() * 0.02;
    let curve = |part: f32| {
        let turn = part * TAU;
        let radius = 0.32 + 0.14 * (loops * turn).cos();
        [radius * (turns * turn).cos(), radius * (turns * turn).sin(), 0.17 * (loops * turn).sin()]
    };
    let colour = |across: f32, part: f32| {
        let stripe = ((across * 2.0 + part * 9.0) * TAU).sin() * 0.5 + 0.5;
        mix(mix(paint.main, paint.second, (part * TAU).sin() * 0.5 + 0.5), paint.light, stripe * 0.25)
    };
    form.tube((fineness * 5).max(9), (fineness * 2 / 5).max(3), thick, curve, colour);
}
