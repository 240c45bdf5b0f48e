//! Placeholder solids for the offline provider: real GLB files with a rendered poster.
//!
//! For: showing a newcomer the whole 3D path without a network or a model. A prompt's words choose
//! one of a dozen seeded parametric objects; a picture becomes a relief of its brightness with
//! its own colours and a closed back. Files obey glTF 2.0 through `glb`.
//!
//! Not for: modelling what a prompt describes, guessing depth, textures or rigs.

use super::dice::Dice;
use super::form::Form;
use super::glb::{Mesh, Triple};
use super::objects::Object;
use super::view::{render, to_linear};
use super::words::Words;
use image::{RgbaImage, imageops};

/// Fewest faces that can be asked for: every object has a version this small.
pub const DETAIL_MIN_FACES: u32 = 12;
/// Most faces of a solid: with its joining tables about 20 MB while it is made.
pub const DETAIL_MAX_FACES: u32 = 40_000;
/// Height of a relief's brightest point, where the picture's longer side is one metre.
const RELIEF_METRES: f32 = 0.16;
/// Thickness under a relief's darkest point, in metres.
const PLATE_METRES: f32 = 0.05;
/// Longest side of a relief's grid, in cells: finer than this no poster shows.
const RELIEF_MAX_CELLS: f32 = 180.0;

/// A finished solid.
pub struct Solid {
    /// The GLB file.
    pub bytes: Vec<u8>,
    /// Triangles in it, never more than were asked for.
    pub faces: u32,
    /// A shaded view of it.
    pub poster: RgbaImage,
}

/// Makes the object the prompt's words name, or one chosen by the seed, with at most `detail`
/// faces.
pub fn text_to_3d(prompt: &str, seed: u64, detail: u32, note: &str) -> Result<Solid, String> {
    check_detail(detail)?;
    let words = Words::of(prompt);
    let key: [&[u8]; 3] = [b"text_to_3d", prompt.as_bytes(), &seed.to_le_bytes()];
    let object = Object::choose(&words, &mut Dice::new(&key));
    // The finest version within the limit; each try draws the same dice again.
    let mut fineness = ((detail as f32 / 4.0).sqrt() as u32).clamp(1, 96);
    let mut form = object.build(fineness, &words, &mut Dice::new(&key));
    while form.faces() > detail as usize && fineness > 1 {
        fineness = (fineness * 9 / 10).min(fineness - 1);
        form = object.build(fineness, &words, &mut Dice::new(&key));
    }
    if form.faces() > detail as usize {
        form = object.simplest(&words, &mut Dice::new(&key));
    }
    let (metallic, roughness, crease_degrees) = object.surface(&words);
    let mesh = form.finish(crease_degrees, metallic, roughness);
    let turn = 0.45 + Dice::new(&key).unit() * 0.3;
    Ok(pack(&mesh, object.name(), note, turn, 0.36))
}

/// Raises `picture` into a relief: brighter stands higher, colours are kept, sides and back are
/// closed. The seed only turns the poster's view a little.
pub fn image_to_3d(picture: &RgbaImage, seed: u64, detail: u32, note: &str) -> Result<Solid, String> {
    check_detail(detail)?;
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return Err("The picture is empty.".to_owned());
    }
    // Very long pictures are treated as 16:1, so that the grid keeps at least one cell across.
    let aspect = (width as f32 / height as f32).clamp(1.0 / 16.0, 16.0);
    let mut across = (detail as f32 / 2.0 * aspect).sqrt().min(RELIEF_MAX_CELLS * aspect.min(1.0));
    let (mut columns, mut rows) = cells(across, aspect);
    while relief_faces(columns, rows) > detail && columns * rows > 1 {
        across *= 0.96;
        (columns, rows) = cells(across, aspect);
    }
    let form = raise_relief(picture, columns, rows, aspect);
    let mesh = form.finish(50.0, 0.0, 0.75);
    let turn = -0.32 + Dice::new(&[b"image_to_3d", &seed.to_le_bytes()]).unit() * 0.1;
    Ok(pack(&mesh, "relief", note, turn, 0.22))
}

fn check_detail(detail: u32) -> Result<(), String> {
    if (DETAIL_MIN_FACES..=DETAIL_MAX_FACES).contains(&detail) {
        return Ok(());
    }
    Err(format!("An offline solid has {DETAIL_MIN_FACES} to {DETAIL_MAX_FACES} faces, not {detail}."))
}

fn pack(mesh: &Mesh, name: &str, note: &str, turn: f32, rise: f32) -> Solid {
    Solid {
        bytes: mesh.write_glb(name, note),
        faces: mesh.triangles.len() as u32,
        poster: render(mesh, turn, rise),
    }
}

fn cells(across: f32, aspect: f32) -> (u32, u32) {
    ((across as u32).max(1), ((across / aspect) as u32).max(1))
}

/// Two faces per cell in front, and for each border edge two at the side and one at the back.
fn relief_faces(columns: u32, rows: u32) -> u32 {
    2 * columns * rows + 3 * 2 * (columns + rows)
}

fn raise_relief(picture: &RgbaImage, columns: u32, rows: u32, aspect: f32) -> Form {
    let (across, down) = (columns + 1, rows + 1);
    let small = if picture.width() >= across && picture.height() >= down {
        imageops::thumbnail(picture, across, down)
    } else {
        imageops::resize(picture, across, down, imageops::FilterType::Triangle)
    };
    let (wide, high) = (aspect.min(1.0), (1.0 / aspect).min(1.0));
    let colour_at = |x: u32, y: u32| -> Triple {
        let [r, g, b, alpha] = small.get_pixel_checked(x, y).map(|pixel| pixel.0).unwrap_or_default();
        [r, g, b].map(|value| to_linear((u32::from(value) * u32::from(alpha) / 255) as u8))
    };
    // Neighbours are averaged in: single bright pixels would stand out as needles.
    let height_at = |x: u32, y: u32| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (near_y, weight_y) in [(y.saturating_sub(1), 1.0), (y, 2.0), ((y + 1).min(rows), 1.0)] {
            for (near_x, weight_x) in [(x.saturating_sub(1), 1.0), (x, 2.0), ((x + 1).min(columns), 1.0)] {
                let [r, g, b] = colour_at(near_x, near_y);
                sum += (0.2126 * r + 0.7152 * g + 0.0722 * b).sqrt() * weight_x * weight_y;
                weights += weight_x * weight_y;
            }
        }
        sum / weights * RELIEF_METRES
    };
    let place = |x: u32, y: u32, z: f32| {
        [(x as f32 / columns as f32 - 0.5) * wide, (0.5 - y as f32 / rows as f32) * high, z]
    };
    let front = |x: f32, y: f32| {
        let (x, y) = ((x * columns as f32).round() as u32, rows - (y * rows as f32).round() as u32);
        (place(x, y, height_at(x, y)), colour_at(x, y))
    };
    let mut form = Form::default();
    form.grid(columns, rows, front);
    let plate = [0.09, 0.09, 0.1];
    let back = |x: u32, y: u32| (place(x, y, -PLATE_METRES), plate);
    let centre = ([0.0, 0.0, -PLATE_METRES], plate);
    let mut edge = |from: (u32, u32), to: (u32, u32)| {
        let rim = |(x, y): (u32, u32)| (place(x, y, height_at(x, y)), colour_at(x, y));
        form.quad(rim(to), rim(from), back(from.0, from.1), back(to.0, to.1));
        form.triangle(back(to.0, to.1), back(from.0, from.1), centre);
    };
    // Around the border counter-clockwise seen from the front.
    for x in 0..columns {
        edge((x, rows), (x + 1, rows));
        edge((x + 1, 0), (x, 0));
    }
    for y in 0..rows {
        edge((columns, y + 1), (columns, y));
        edge((0, y), (0, y + 1));
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbaImage {
        RgbaImage::from_fn(48, 32, |x, y| image::Rgba([(x * 5) as u8, (y * 7) as u8, 90, 255]))
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_and_another_does_not() {
        let make = |prompt, seed| text_to_3d(prompt, seed, 2000, "note").unwrap().bytes;
        assert_eq!(make("a blue vase", 1), make("a blue vase", 1));
        assert_ne!(make("a blue vase", 1), make("a red vase", 1));
        assert_ne!(make("a blue vase", 1), make("a blue vase", 2));
        assert_ne!(make("zxcv", 1), make("qwer", 1));
    }

    #[test]
    fn faces_stay_within_the_limit_for_every_object() {
        for prompt in Object::SAMPLES {
            for detail in [12, 60, 500, 5000] {
                let faces = text_to_3d(prompt, 3, detail, "").unwrap().faces;
                assert!(faces <= detail && faces >= 4, "{prompt}: {faces} of {detail}");
                assert!(detail < 5000 || faces > 40, "{prompt}: {faces} of {detail}");
            }
        }
        for detail in [20, 100, 5000] {
            let faces = image_to_3d(&picture(), 1, detail, "").unwrap().faces;
            assert!(faces <= detail && faces > detail / 3, "{faces} of {detail}");
        }
    }

    #[test]
    fn limits_are_refused_by_name() {
        for detail in [0, 11, 40_001, u32::MAX] {
            assert!(text_to_3d("x", 1, detail, "").err().unwrap().contains("40000"));
            assert!(image_to_3d(&picture(), 1, detail, "").err().unwrap().contains("40000"));
        }
        assert!(image_to_3d(&RgbaImage::new(0, 5), 1, 100, "").is_err());
        assert!(image_to_3d(&RgbaImage::new(4000, 1), 1, 12, "").is_ok());
    }

    #[test]
    fn brighter_parts_of_a_relief_stand_higher() {
        let half = RgbaImage::from_fn(40, 40, |x, _| image::Rgba([if x < 20 { 0 } else { 255 }; 4]));
        let mesh = raise_relief(&half, 20, 20, 1.0).finish(50.0, 0.0, 1.0);
        let top = |right: bool| {
            let part = mesh.positions.iter().filter(|at| (at[0] > 0.1) == right && at[0].abs() > 0.1);
            part.map(|at| at[2]).fold(-1.0, f32::max)
        };
        assert!(top(true) > top(false) + RELIEF_METRES * 0.9);
    }
}
