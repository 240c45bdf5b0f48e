//! Paints the placeholder picture for a prompt: a seeded abstract composition
//! in the prompt's colours, labelled as what it is. Not a picture of the thing
//! described: there is no model here, and the caption says so.

mod ground;
mod land;
mod motif;
pub mod palette;
pub mod shape;

use image::RgbaImage;

use self::ground::{paint_arcs, paint_mosaic, paint_orbs, paint_ribbons, paint_strata};
use self::land::{paint_dunes, paint_rays, paint_skyline};
use self::motif::{paint_bloom, paint_icon};
pub use self::palette::Palette;
use self::palette::list_words;
use self::shape::{Outline, Paint, Shape, fill};
use super::dice::Dice;
use super::text::{LINE_HEIGHT_PX, TextStyle, draw_line, measure, wrap};

/// Smallest side in pixels: below it not even the mark can be read.
pub const MIN_SIDE_PX: u32 = 64;

/// Largest side in pixels: 2048 squared is 16 MB of pixels, which leaves room
/// for the encoder in a Worker's 128 MB.
pub const MAX_SIDE_PX: u32 = 2048;

/// The mark, longest first; small pictures get the longest that fits.
const MARKS: [&str; 3] = ["placeholder \u{b7} offline", "placeholder", "offline"];

/// Lines of prompt in the caption. More would hide the picture.
const CAPTION_LINES: usize = 2;

/// Everything a scene draws with.
struct Studio<'a> {
    picture: &'a mut RgbaImage,
    palette: &'a Palette,
    dice: &'a mut Dice,
    width: f32,
    height: f32,
    /// The shorter side in pixels, which sizes are fractions of.
    unit: f32,
}

type Scene = fn(&mut Studio<'_>);

/// Scenes for any prompt. A town is not among them: under a prompt about
/// something else it would look like a wrong answer.
const SCENES: [Scene; 8] =
    [paint_dunes, paint_rays, paint_orbs, paint_arcs, paint_mosaic, paint_strata, paint_ribbons, paint_bloom];

/// Words (singular) that suit certain scenes; anything else is left to chance.
const HINTS: [(&str, &[Scene]); 6] = [
    (
        "mountain hill desert dune landscape valley canyon forest island snow field",
        &[paint_dunes, paint_strata],
    ),
    ("sunset sunrise sun dawn dusk horizon lighthouse beach harbour harbor", &[paint_rays, paint_dunes]),
    ("city town skyline building street tower tokyo architecture house", &[paint_skyline]),
    ("flower rose mandala blossom garden floral bouquet lotus sunflower", &[paint_bloom]),
    ("water ocean sea wave river silk fabric wind music", &[paint_ribbons, paint_strata, paint_dunes]),
    ("pattern tile mosaic geometric quilt texture wallpaper", &[paint_mosaic, paint_arcs]),
];

/// Paints a picture. Equal arguments give equal pixels; sides are brought into
/// the supported range. With "on a transparent background" in the prompt the
/// result is one motif on nothing.
pub fn paint(
    prompt: &str,
    negative_prompt: &str,
    seed: u64,
    width: u32,
    height: u32,
    palette: Option<&Palette>,
) -> RgbaImage {
    let width = width.clamp(MIN_SIDE_PX, MAX_SIDE_PX);
    let height = height.clamp(MIN_SIDE_PX, MAX_SIDE_PX);
    let mut picture = RgbaImage::new(width, height);
    let seed_bytes = seed.to_le_bytes();
    let parts: [&[u8]; 4] = [b"picture", prompt.as_bytes(), negative_prompt.as_bytes(), &seed_bytes];
    let mut dice = Dice::new(&parts);
    let chosen = Palette::from_words(prompt, negative_prompt, &mut dice);
    let mut studio = Studio {
        picture: &mut picture,
        palette: palette.unwrap_or(&chosen),
        dice: &mut dice,
        width: width as f32,
        height: height as f32,
        unit: width.min(height) as f32,
    };
    if wants_transparency(prompt) {
        paint_icon(&mut studio);
        draw_mark(&mut picture);
    } else {
        let scene = choose_scene(prompt, studio.dice);
        scene(&mut studio);
        draw_caption(&mut picture, prompt);
    }
    picture
}

/// Whether the prompt asks for a see-through background.
pub fn wants_transparency(prompt: &str) -> bool {
    let words = list_words(prompt);
    words.windows(2).any(|pair| {
        matches!(pair, [first, second] if first == "transparent" && matches!(second.as_str(), "background" | "bg"))
    })
}

fn choose_scene(prompt: &str, dice: &mut Dice) -> Scene {
    let words = list_words(prompt);
    let hinted =
        HINTS.iter().find(|(names, _)| words.iter().any(|word| names.split(' ').any(|name| name == word)));
    let choices = hinted.map_or(&SCENES[..], |(_, scenes)| scenes);
    dice.pick(choices).copied().unwrap_or(paint_orbs)
}

/// Text scale for a picture: about 1/32 of the shorter side per line.
fn caption_scale(picture: &RgbaImage) -> u32 {
    let shorter = picture.width().min(picture.height());
    (shorter / 250).clamp(1, 6)
}

/// The prompt and the mark on a dark plate along the lower edge.
pub(super) fn draw_caption(picture: &mut RgbaImage, prompt: &str) {
    let scale = caption_scale(picture);
    let (width, height) = picture.dimensions();
    let (margin, padding) = (5 * scale, 5 * scale);
    let inner = width.saturating_sub(2 * (margin + padding));
    // On a small picture one line is all that may be covered.
    let lines = wrap(prompt, inner, scale, if height < 160 { 1 } else { CAPTION_LINES });
    let Some(mark) = MARKS.iter().find(|mark| measure(mark, scale) <= inner) else {
        return;
    };
    let line_height = LINE_HEIGHT_PX * scale;
    let text_height = line_height * (lines.len() as u32 + 1);
    let plate_height = text_height + 2 * padding - scale;
    let top = height.saturating_sub(margin + plate_height);
    draw_plate(picture, margin, top, width - 2 * margin, plate_height);
    let left = (margin + padding) as i32;
    let mut y = (top + padding) as i32;
    for line in &lines {
        draw_line(picture, left, y, line, TextStyle { scale, colour: [255, 255, 255], shadow: false });
        y += line_height as i32;
    }
    draw_line(picture, left, y, mark, TextStyle { scale, colour: [186, 190, 204], shadow: false });
}

/// Only the mark, on a small plate at the lower middle.
fn draw_mark(picture: &mut RgbaImage) {
    let scale = caption_scale(picture);
    let (width, height) = picture.dimensions();
    let padding = 4 * scale;
    let Some(mark) = MARKS.iter().find(|mark| measure(mark, scale) + 2 * padding <= width) else {
        return;
    };
    let plate_width = measure(mark, scale) + 2 * padding;
    let plate_height = 7 * scale + 2 * padding;
    let left = (width - plate_width) / 2;
    let top = height.saturating_sub(plate_height + 3 * scale);
    draw_plate(picture, left, top, plate_width, plate_height);
    let style = TextStyle { scale, colour: [255, 255, 255], shadow: false };
    draw_line(picture, (left + padding) as i32, (top + padding) as i32, mark, style);
}

fn draw_plate(picture: &mut RgbaImage, left: u32, top: u32, width: u32, height: u32) {
    let (half_width, half_height) = (width as f32 / 2.0, height as f32 / 2.0);
    let corner = half_height.min(6.0 * caption_scale(picture) as f32 * 0.7);
    let outline = Outline::Slab { flatness: half_height / half_width.max(1.0), corner };
    let plate = Shape::new(outline, left as f32 + half_width, top as f32 + half_height, half_width, 0.0);
    fill(picture, &plate, &Paint::flat([14, 14, 22], 0.8));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_distance(one: &RgbaImage, other: &RgbaImage) -> f32 {
        let sum: u64 = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f32 / one.as_raw().len() as f32
    }

    #[test]
    fn equal_arguments_give_equal_pixels() {
        for seed in 0..12 {
            let one = paint("a harbour", "fog", seed, 160, 120, None);
            assert_eq!(one, paint("a harbour", "fog", seed, 160, 120, None));
        }
    }

    #[test]
    fn prompt_negative_and_seed_each_change_the_picture() {
        let prompts =
            ["a red fox", "a blue whale", "mountains at night", "gold pattern", "spring flowers", "city"];
        for (index, prompt) in prompts.iter().enumerate() {
            let picture = paint(prompt, "", 1, 256, 256, None);
            for other in prompts.iter().skip(index + 1) {
                let distance = mean_distance(&picture, &paint(other, "", 1, 256, 256, None));
                assert!(distance > 18.0, "{prompt} / {other}: {distance}");
            }
            assert!(mean_distance(&picture, &paint(prompt, "", 2, 256, 256, None)) > 6.0, "{prompt}: seed");
            assert!(
                mean_distance(&picture, &paint(prompt, "fog", 1, 256, 256, None)) > 3.0,
                "{prompt}: negative"
            );
        }
    }

    #[test]
    fn scenes_are_opaque_and_any_size_works() {
        for (width, height) in [(64, 64), (64, 2048), (500, 64), (1, 9_999), (333, 777)] {
            for seed in 0..6 {
                let picture = paint("wide \u{1F600} open", "", seed, width, height, None);
                assert_eq!(picture.dimensions(), (width.clamp(64, 2048), height.clamp(64, 2048)));
                assert!(picture.pixels().all(|pixel| pixel[3] == 255), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_transparent_background_is_transparent() {
        for seed in 0..10 {
            let picture = paint("a rocket icon on a transparent background", "", seed, 256, 256, None);
            let clear = picture.pixels().filter(|pixel| pixel[3] == 0).count();
            let solid = picture.pixels().filter(|pixel| pixel[3] > 200).count();
            assert!(clear > 256 * 256 / 4 && solid > 256 * 256 / 10, "{seed}: {clear} clear, {solid} solid");
            assert!(
                [(0, 0), (255, 0), (0, 255), (255, 255)]
                    .iter()
                    .all(|(x, y)| picture.get_pixel(*x, *y)[3] == 0)
            );
            assert!(picture.get_pixel(128, 120)[3] > 200);
        }
        assert!(!wants_transparency("a transparent glass on a background"));
    }

    #[test]
    fn a_given_palette_sets_the_colours() {
        let teal = Palette::from_prompt("teal", &mut Dice::new(&[b"t"]));
        let picture = paint("a red fox", "", 3, 128, 128, Some(&teal));
        let sum = |index: usize| picture.pixels().map(|pixel| u64::from(pixel.0[index])).sum::<u64>();
        assert!(sum(2) > sum(0), "teal palette gave a red picture");
    }

    #[test]
    fn the_mark_is_on_every_size() {
        for (width, height) in [(64, 64), (128, 96), (512, 512), (64, 900)] {
            let blank = RgbaImage::from_pixel(width, height, image::Rgba([255; 4]));
            let mut captioned = blank.clone();
            draw_caption(&mut captioned, "");
            assert!(mean_distance(&blank, &captioned) > 2.0);
            assert!(
                captioned.pixels().any(|pixel| pixel[0] < 90)
                    && captioned.pixels().any(|pixel| pixel[0] > 150)
            );
        }
    }
}
