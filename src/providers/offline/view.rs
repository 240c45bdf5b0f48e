//! A small software renderer: the poster that shows a person the solid they got.
//!
//! For: one shaded still of a mesh, slightly from above, in front of a neutral ground with a soft
//! shadow. Two samples per pixel each way, depth buffer, three lights, filmic-free sRGB output.
//!
//! Not for: textures, transparency, perspective-exact previews or speed. Obeys the sRGB transfer
//! curve (IEC 61966-2-1) and the normal and winding rules of glTF 2.0.

use super::glb::{Mesh, Triple, add, cross, dot, normalize, subtract};
use image::{Rgba, RgbaImage};

/// Side of a poster in pixels.
pub const POSTER_SIDE_PX: u32 = 512;
/// Samples per pixel each way. The buffers then take 16 MiB.
const SAMPLES: u32 = 2;
/// Part of the poster the solid's surrounding sphere fills.
const FILL: f32 = 0.4;
/// Most that a slim solid is enlarged beyond that: its near parts must stay in the poster.
const ENLARGE_MAX: f32 = 1.3;
/// How far the camera stands, in radii of the solid: a mild perspective.
const CAMERA_RADII: f32 = 4.2;

struct Corner {
    x: f32,
    y: f32,
    depth: f32,
    normal: Triple,
    colour: Triple,
}

/// Renders `mesh` turned by `turn` radians about the vertical and seen from `rise` radians above.
pub fn render(mesh: &Mesh, turn: f32, rise: f32) -> RgbaImage {
    let side = POSTER_SIDE_PX * SAMPLES;
    let (low, high) = mesh.bounds();
    let centre = add(low, high).map(|value| value / 2.0);
    let radius = mesh.positions.iter().map(|at| dot(subtract(*at, centre), subtract(*at, centre)));
    let radius = radius.fold(1e-9f32, f32::max).sqrt();
    let rotate = |[x, y, z]: Triple| {
        let (x, z) = (x * turn.cos() + z * turn.sin(), z * turn.cos() - x * turn.sin());
        [x, y * rise.cos() - z * rise.sin(), y * rise.sin() + z * rise.cos()]
    };
    let middle = side as f32 / 2.0;
    // A slim solid does not fill its sphere, so it is enlarged until it fills the poster.
    let spread = mesh.positions.iter().fold(1e-9f32, |most, at| {
        let [x, y, _] = rotate(subtract(*at, centre));
        most.max(x.abs()).max(y.abs())
    });
    let fill = FILL * (radius / spread).min(ENLARGE_MAX);
    let project = |at: Triple| {
        let [x, y, z] = rotate(subtract(at, centre)).map(|value| value / radius);
        let scale = side as f32 * fill * CAMERA_RADII / (CAMERA_RADII - z);
        (middle + x * scale, middle - y * scale, CAMERA_RADII - z)
    };
    let floor = |x: f32, z: f32| project([x, low.get(1).copied().unwrap_or_default(), z]);
    let mut picture = paint_ground(side, mesh, &floor);
    let corners: Vec<Corner> = mesh
        .positions
        .iter()
        .zip(&mesh.normals)
        .zip(&mesh.colours)
        .map(|((position, normal), colour)| {
            let (x, y, depth) = project(*position);
            Corner { x, y, depth, normal: rotate(*normal), colour: *colour }
        })
        .collect();
    let mut depths = vec![f32::INFINITY; (side * side) as usize];
    for [a, b, c] in &mesh.triangles {
        let corner = |index: &u32| corners.get(*index as usize);
        if let (Some(a), Some(b), Some(c)) = (corner(a), corner(b), corner(c)) {
            fill_triangle(&mut picture, &mut depths, side, [a, b, c], mesh);
        }
    }
    shrink(&picture, side)
}

fn fill_triangle(
    picture: &mut [Triple],
    depths: &mut [f32],
    side: u32,
    [a, b, c]: [&Corner; 3],
    mesh: &Mesh,
) {
    let area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
    // The screen's y points down, so what faces the viewer has a negative area.
    if area >= -1e-6 {
        return;
    }
    let last = side as f32 - 1.0;
    let span = |p: f32, q: f32, r: f32| {
        (p.min(q).min(r).clamp(0.0, last) as u32, p.max(q).max(r).clamp(0.0, last) as u32)
    };
    let ((left, right), (top, bottom)) = (span(a.x, b.x, c.x), span(a.y, b.y, c.y));
    for y in top..=bottom {
        for x in left..=right {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let part_b = ((px - a.x) * (c.y - a.y) - (c.x - a.x) * (py - a.y)) / area;
            let part_c = ((b.x - a.x) * (py - a.y) - (px - a.x) * (b.y - a.y)) / area;
            let part_a = 1.0 - part_b - part_c;
            if part_a < 0.0 || part_b < 0.0 || part_c < 0.0 {
                continue;
            }
            let depth = a.depth * part_a + b.depth * part_b + c.depth * part_c;
            let at = (y * side + x) as usize;
            let (Some(pixel), Some(nearest)) = (picture.get_mut(at), depths.get_mut(at)) else {
                continue;
            };
            if depth < *nearest {
                *nearest = depth;
                let blend = |pick: fn(&Corner) -> Triple| {
                    let weighed = [(a, part_a), (b, part_b), (c, part_c)];
                    weighed
                        .map(|(corner, part)| pick(corner).map(|value| value * part))
                        .into_iter()
                        .fold([0.0; 3], add)
                };
                *pixel = shade(normalize(blend(|corner| corner.normal)), blend(|corner| corner.colour), mesh);
            }
        }
    }
}

/// Light at a point: sky and ground from all sides, a warm key, a cool fill, highlights and a rim.
fn shade(normal: Triple, colour: Triple, mesh: &Mesh) -> Triple {
    let [_, up, facing] = normal;
    let key = normalize([-0.55, 0.7, 0.6]);
    let fill = normalize([0.8, 0.1, 0.5]);
    let half = normalize(add(key, [0.0, 0.0, 1.0]));
    let sharp = 4.0 + 90.0 * (1.0 - mesh.roughness).powi(2);
    let gloss = dot(normal, half).max(0.0).powf(sharp) * (1.05 - mesh.roughness) * 0.9;
    let rim = (1.0 - facing.clamp(0.0, 1.0)).powi(3) * (0.12 + 0.3 * mesh.metallic);
    // A metal has no colour of its own in the shade; a banded sky stands in for reflections.
    let mirror = mesh.metallic * (0.35 + 0.5 * (up * 5.0 + facing * 2.0).sin().abs()) * 0.55;
    let sky = 0.5 + 0.5 * up;
    let soft = 0.16 + 0.24 * sky;
    let warm = dot(normal, key).max(0.0) * (0.95 - 0.35 * mesh.metallic);
    let cool = dot(normal, fill).max(0.0) * 0.22;
    let light = [
        soft + warm * 1.04 + cool * 0.85 + mirror,
        soft + warm + cool * 0.95 + mirror,
        soft * 1.06 + warm * 0.93 + cool * 1.15 + mirror,
    ];
    let tint = colour.map(|value| 1.0 - mesh.metallic + mesh.metallic * value);
    let mut out = [0.0; 3];
    for (((value, base), lit), tint) in out.iter_mut().zip(colour).zip(light).zip(tint) {
        *value = base * lit + (gloss + rim) * tint;
    }
    out
}

/// A light neutral ground with a vignette, and a soft shadow where the solid stands.
fn paint_ground(side: u32, mesh: &Mesh, floor: &impl Fn(f32, f32) -> (f32, f32, f32)) -> Vec<Triple> {
    let ([low_x, _, low_z], [high_x, _, high_z]) = mesh.bounds();
    let (x, y, _) = floor((low_x + high_x) / 2.0, (low_z + high_z) / 2.0);
    let corners = [(low_x, low_z), (low_x, high_z), (high_x, low_z), (high_x, high_z)];
    let mut reach = (1.0f32, 1.0f32);
    for (corner_x, corner_z) in corners {
        let (at_x, at_y, _) = floor(corner_x, corner_z);
        reach = (reach.0.max((at_x - x).abs()), reach.1.max((at_y - y).abs()));
    }
    let size = side as f32;
    let mut picture = Vec::with_capacity((side * side) as usize);
    for row in 0..side {
        for column in 0..side {
            let (px, py) = (column as f32, row as f32);
            let (u, v) = (px / size - 0.5, py / size - 0.46);
            let bright = 0.80 - 0.75 * (u * u + v * v);
            let (u, v) = ((px - x) / (reach.0 * 1.05), (py - y) / (reach.1 * 1.05));
            let near = (1.0 - (u * u + v * v).sqrt() * 0.72).clamp(0.0, 1.0);
            let bright = bright * (1.0 - 0.62 * near * near * (3.0 - 2.0 * near));
            picture.push([bright * 0.97, bright * 0.985, bright]);
        }
    }
    picture
}

/// Averages the samples of each pixel and applies the sRGB curve.
fn shrink(picture: &[Triple], side: u32) -> RgbaImage {
    RgbaImage::from_fn(POSTER_SIDE_PX, POSTER_SIDE_PX, |x, y| {
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let (column, row) = (x * SAMPLES + sample % SAMPLES, y * SAMPLES + sample / SAMPLES);
            let value = picture.get((row * side + column) as usize).copied().unwrap_or_default();
            sum = add(sum, value.map(|part| part.min(1.0)));
        }
        let [r, g, b] = sum.map(|value| to_srgb(value / (SAMPLES * SAMPLES) as f32));
        Rgba([r, g, b, 255])
    })
}

/// A linear value as an sRGB byte.
fn to_srgb(value: f32) -> u8 {
    let value = value.clamp(0.0, 1.0);
    let curved = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    (curved * 255.0 + 0.5) as u8
}

/// An sRGB byte as a linear value.
pub fn to_linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// The geometric normal of a triangle by the winding rule.
pub fn face_normal(a: Triple, b: Triple, c: Triple) -> Triple {
    normalize(cross(subtract(b, a), subtract(c, a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(triangle: [u32; 3]) -> Mesh {
        Mesh {
            positions: vec![[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]],
            normals: vec![[0.0, 0.0, 1.0]; 3],
            colours: vec![[1.0, 0.0, 0.0]; 3],
            triangles: vec![triangle],
            metallic: 0.0,
            roughness: 1.0,
        }
    }

    #[test]
    fn a_face_is_seen_from_outside_only() {
        let redness = |mesh: &Mesh| {
            let [r, g, _, _] = render(mesh, 0.0, 0.0).get_pixel(256, 256).0;
            i32::from(r) - i32::from(g)
        };
        assert!(redness(&leaf([0, 1, 2])) > 90);
        assert!(redness(&leaf([0, 2, 1])) < 20);
    }

    #[test]
    fn the_srgb_curve_goes_both_ways() {
        for value in [0, 1, 10, 128, 255] {
            assert_eq!(to_srgb(to_linear(value)), value);
        }
    }

    #[test]
    fn an_empty_mesh_is_only_ground() {
        let mesh = Mesh {
            positions: vec![],
            normals: vec![],
            colours: vec![],
            triangles: vec![],
            ..leaf([0, 1, 2])
        };
        assert_eq!(render(&mesh, 0.4, 0.4).dimensions(), (POSTER_SIDE_PX, POSTER_SIDE_PX));
    }
}
