//! Geometry of the offline provider's solids: turned, swept, inflated and boxed surfaces.
//!
//! For: collecting coloured triangles from simple generators and joining them into one `Mesh`
//! whose edges are smooth or sharp by their angle. Winding and normals follow glTF 2.0.
//!
//! Not for: deciding what a prompt means (`solid`), boolean operations, or texture coordinates.

use super::glb::{Mesh, Triple, add, cross, dot, normalize, subtract};
use std::collections::BTreeMap;
use std::f32::consts::TAU;

/// Positions closer than this, in metres, are one vertex.
const WELD_METRES: f32 = 1e-5;
/// Triangles thinner than this, as squared twice-area in square metres, are left out.
const SLIVER: f32 = 1e-13;

#[derive(Clone, Copy)]
struct Face {
    at: [Triple; 3],
    colours: [Triple; 3],
}

/// A growing collection of triangles.
#[derive(Default)]
pub struct Form {
    faces: Vec<Face>,
}

/// A point of a surface: where it is and its linear colour.
pub type Spot = (Triple, Triple);

impl Form {
    /// Number of triangles so far.
    pub fn faces(&self) -> usize {
        self.faces.len()
    }

    /// Adds a triangle, counter-clockwise seen from outside.
    pub fn triangle(&mut self, a: Spot, b: Spot, c: Spot) {
        let normal = cross(subtract(b.0, a.0), subtract(c.0, a.0));
        if dot(normal, normal) > SLIVER {
            self.faces.push(Face { at: [a.0, b.0, c.0], colours: [a.1, b.1, c.1] });
        }
    }

    /// Adds two triangles for four corners, counter-clockwise seen from outside.
    pub fn quad(&mut self, a: Spot, b: Spot, c: Spot, d: Spot) {
        self.triangle(a, b, c);
        self.triangle(a, c, d);
    }

    /// Adds a surface over `columns` by `rows` cells; `spot` maps parts from 0 to 1 each way.
    /// Outside is where the direction of growing columns crossed with that of growing rows points.
    pub fn grid(&mut self, columns: u32, rows: u32, spot: impl Fn(f32, f32) -> Spot) {
        let at = |x: u32, y: u32| spot(x as f32 / columns as f32, y as f32 / rows as f32);
        for y in 0..rows {
            for x in 0..columns {
                self.quad(at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1));
            }
        }
    }

    /// Turns a profile of (radius, height, colour) points about the vertical, smoothed between.
    pub fn lathe(&mut self, profile: &[(f32, f32, Triple)], around: u32, steps: u32) {
        let spans = profile.len().saturating_sub(1).max(1);
        let rows = spans as u32 * steps.max(1);
        self.grid(around.max(3), rows, |across, along| {
            let place = along * spans as f32;
            let index = (place as usize).min(spans - 1);
            let (radius, height, colour) = curve_at(profile, index, place - index as f32);
            // Growing angles must run so that the surface faces outwards while height grows.
            let (sin, cos) = wrapped_turn(across).sin_cos();
            ([radius * sin, height, radius * cos], colour)
        });
    }

    /// Adds a sphere-like surface; `spot` maps a direction to a point.
    pub fn ball(&mut self, cells: u32, spot: impl Fn(Triple) -> Spot) {
        let sides: [(Triple, Triple, Triple); 6] = [
            ([1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]),
            ([-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
            ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]),
            ([0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
            ([0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
            ([0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        ];
        for (out, right, up) in sides {
            self.grid(cells, cells, |x, y| {
                // The tangent spreads the cells of a cube evenly over the sphere.
                let [x, y] = [x, y].map(|part| ((part - 0.5) * TAU / 4.0).tan());
                let flat = add(out, add(right.map(|value| value * x), up.map(|value| value * y)));
                spot(normalize(flat))
            });
        }
    }

    /// Sweeps a tube of `radius` along a closed curve given by parts from 0 to 1.
    pub fn tube(
        &mut self,
        along: u32,
        around: u32,
        radius: f32,
        curve: impl Fn(f32) -> Triple,
        colour: impl Fn(f32, f32) -> Triple,
    ) {
        self.grid(around.max(3), along, |across, part| {
            let part = part % 1.0;
            let (before, here, after) = (curve(part - 1e-3), curve(part), curve(part + 1e-3));
            let forward = normalize(subtract(after, before));
            let bend = add(subtract(after, here), subtract(before, here));
            let side = normalize(cross(forward, bend));
            let up = cross(side, forward);
            let (sin, cos) = wrapped_turn(across).sin_cos();
            let offset = add(side.map(|value| value * cos), up.map(|value| value * -sin));
            (add(here, offset.map(|value| value * radius)), colour(across % 1.0, part))
        });
    }

    /// Adds a box between two corners.
    pub fn block(&mut self, low: Triple, high: Triple, colour: Triple) {
        let ([a, b, c], [x, y, z]) = (low, high);
        let sides = [
            [[x, b, z], [x, b, c], [x, y, c], [x, y, z]],
            [[a, b, c], [a, b, z], [a, y, z], [a, y, c]],
            [[a, y, z], [x, y, z], [x, y, c], [a, y, c]],
            [[a, b, c], [x, b, c], [x, b, z], [a, b, z]],
            [[a, b, z], [x, b, z], [x, y, z], [a, y, z]],
            [[x, b, c], [a, b, c], [a, y, c], [x, y, c]],
        ];
        for [p, q, r, s] in sides {
            self.quad((p, colour), (q, colour), (r, colour), (s, colour));
        }
    }

    /// Adds all of `other`, each point moved by `place`, which must keep the handedness.
    pub fn join(&mut self, other: &Form, place: impl Fn(Triple) -> Triple) {
        self.faces.extend(other.faces.iter().map(|face| Face { at: face.at.map(&place), ..*face }));
    }

    /// Joins the triangles into a mesh. Edges bent by more than `crease_degrees` stay sharp.
    pub fn finish(&self, crease_degrees: f32, metallic: f32, roughness: f32) -> Mesh {
        let weld = |at: &Triple| at.map(|value| (value / WELD_METRES).round() as i32);
        let normals: Vec<Triple> = self
            .faces
            .iter()
            .map(|Face { at: [a, b, c], .. }| cross(subtract(*b, *a), subtract(*c, *a)))
            .collect();
        let mut meeting: BTreeMap<[i32; 3], Vec<Triple>> = BTreeMap::new();
        for (face, normal) in self.faces.iter().zip(&normals) {
            for at in &face.at {
                meeting.entry(weld(at)).or_default().push(*normal);
            }
        }
        let limit = crease_degrees.to_radians().cos();
        let mut mesh = Mesh {
            positions: Vec::new(),
            normals: Vec::new(),
            colours: Vec::new(),
            triangles: Vec::with_capacity(self.faces.len()),
            metallic,
            roughness,
        };
        let mut known: BTreeMap<[i32; 9], u32> = BTreeMap::new();
        for (face, flat) in self.faces.iter().zip(&normals) {
            let own = normalize(*flat);
            let mut corners = [0; 3];
            for ((corner, at), colour) in corners.iter_mut().zip(&face.at).zip(&face.colours) {
                let others = meeting.get(&weld(at)).map(Vec::as_slice).unwrap_or_default();
                let smooth = others.iter().filter(|other| dot(normalize(**other), own) > limit);
                let normal = normalize(smooth.fold([0.0; 3], |sum, other| add(sum, *other)));
                let [x, y, z] = weld(at);
                let [u, v, w] = normal.map(|value| (value * 500.0).round() as i32);
                let [r, g, b] = colour.map(|value| (value * 4096.0).round() as i32);
                *corner = *known.entry([x, y, z, u, v, w, r, g, b]).or_insert_with(|| {
                    mesh.positions.push(*at);
                    mesh.normals.push(normal);
                    mesh.colours.push(*colour);
                    mesh.positions.len() as u32 - 1
                });
            }
            mesh.triangles.push(corners);
        }
        mesh
    }
}

/// A full turn's part as an angle; the end is exactly the start, so that seams close.
fn wrapped_turn(part: f32) -> f32 {
    if part >= 1.0 { 0.0 } else { part * TAU }
}

/// A point of a profile: Catmull-Rom between its points, never below radius zero.
fn curve_at(profile: &[(f32, f32, Triple)], index: usize, part: f32) -> (f32, f32, Triple) {
    let last = profile.len().saturating_sub(1);
    let get = |index: usize| profile.get(index.min(last)).copied().unwrap_or_default();
    let (a, b, c, d) = (get(index.saturating_sub(1)), get(index), get(index + 1), get(index + 2));
    let spline = |a: f32, b: f32, c: f32, d: f32| {
        let (square, cube) = (part * part, part * part * part);
        0.5 * (2.0 * b
            + (c - a) * part
            + (2.0 * a - 5.0 * b + 4.0 * c - d) * square
            + (3.0 * b - a - 3.0 * c + d) * cube)
    };
    let mut colour = b.2;
    for (value, to) in colour.iter_mut().zip(c.2) {
        *value += (to - *value) * part;
    }
    let radius = if part == 0.0 { b.0 } else { spline(a.0, b.0, c.0, d.0).max(0.0) };
    (radius, spline(a.1, b.1, c.1, d.1), colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six times the enclosed volume; positive when every face points outwards.
    fn volume(form: &Form) -> f32 {
        form.faces.iter().map(|Face { at: [a, b, c], .. }| dot(*a, cross(*b, *c))).sum()
    }

    /// Every edge is used once each way.
    fn closed(form: &Form) -> bool {
        let mesh = form.finish(180.0, 0.0, 1.0);
        let weld = |index: &u32| mesh.positions[*index as usize].map(|v| (v * 1e4).round() as i32);
        let mut edges: BTreeMap<([i32; 3], [i32; 3]), i32> = BTreeMap::new();
        for [a, b, c] in &mesh.triangles {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                *edges.entry((weld(from), weld(to))).or_default() += 1;
                *edges.entry((weld(to), weld(from))).or_default() -= 1;
            }
        }
        edges.values().all(|count| *count == 0)
    }

    #[test]
    fn generators_make_closed_outward_surfaces() {
        let grey = [0.5; 3];
        let mut forms: [Form; 4] = Default::default();
        forms[0].block([-1.0; 3], [1.0; 3], grey);
        forms[1].ball(5, |direction| (direction, grey));
        forms[2].lathe(&[(0.0, -1.0, grey), (1.0, 0.0, grey), (0.0, 1.0, grey)], 9, 3);
        let circle = |part: f32| [(part * TAU).cos(), 0.0, (part * TAU).sin()];
        forms[3].tube(24, 8, 0.3, circle, |_, _| grey);
        for (index, form) in forms.iter().enumerate() {
            assert!(volume(form) > 0.5, "form {index} faces outwards: {}", volume(form));
            assert!(closed(form), "form {index} is closed");
        }
        assert!((volume(&forms[0]) / 6.0 - 8.0).abs() < 1e-4);
    }

    #[test]
    fn sharp_edges_stay_sharp_and_flat_ones_are_shared() {
        let mut cube = Form::default();
        cube.block([-1.0; 3], [1.0; 3], [0.5; 3]);
        assert_eq!(cube.finish(30.0, 0.0, 1.0).positions.len(), 24);
        assert_eq!(cube.finish(120.0, 0.0, 1.0).positions.len(), 8);
    }
}
