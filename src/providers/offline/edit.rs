//! Changes a given picture without a model: derive, repaint inside a mask,
//! enlarge, cut out. Not a photo editor: each operation does one honest,
//! repeatable thing and its result says so in its note.

use std::collections::VecDeque;

use image::RgbaImage;
use image::imageops::FilterType;

use super::dice::Dice;
use super::paint::palette::{Rgb, distance, measure_gaps, mix};
use super::paint::{MAX_SIDE_PX, MIN_SIDE_PX, Palette, draw_caption, paint};
use super::text::blend;
use crate::media::picture::{resize, thumbnail};

/// Output limit for enlarging, in pixels. Resampling needs up to 16 bytes for
/// each on the way, and all of it has to fit a Worker's 128 MB.
pub const UPSCALE_MAX_PIXELS: u64 = 4_194_304;

/// Perceived colour distance up to which a pixel belongs to the background.
const BACKGROUND_TOLERANCE: f32 = 0.085;

/// Beyond the tolerance a pixel is partly transparent for this much further.
const BACKGROUND_SOFTNESS: f32 = 0.06;

/// Mask pixels at or above this brightness are repainted at least in part.
const MASK_FLOOR: u8 = 8;

/// A new picture visibly made from the source: at low strength a tinted copy,
/// at high strength mostly new paint on the source's light and dark.
pub fn image_to_image(
    source: &RgbaImage,
    prompt: &str,
    seed: u64,
    strength: f32,
    width: u32,
    height: u32,
) -> RgbaImage {
    let strength = if strength.is_finite() { strength.clamp(0.0, 1.0) } else { 0.5 };
    let width = width.clamp(MIN_SIDE_PX, MAX_SIDE_PX);
    let height = height.clamp(MIN_SIDE_PX, MAX_SIDE_PX);
    let mut dice = Dice::new(&[b"derive", prompt.as_bytes(), &seed.to_le_bytes()]);
    let palette = Palette::from_prompt(prompt, &mut dice);
    let mut picture = cover(source, width, height);
    let tones = tone_table(&palette, &picture, strength);
    // Flat areas and stepped tones make even a photo read as painted.
    let sigma = 0.4 + strength * width.min(height) as f32 / 320.0;
    let smoothed = image::imageops::fast_blur(&picture, sigma);
    for (pixel, smooth) in picture.pixels_mut().zip(smoothed.pixels()) {
        let [red, green, blue, _] = smooth.0;
        let tone =
            tones.get(usize::from(brightness(red, green, blue))).copied().unwrap_or([red, green, blue]);
        let kept_alpha = pixel[3];
        blend(&mut pixel.0, [red, green, blue], strength);
        blend(&mut pixel.0, tone, 0.15 + 0.8 * strength);
        pixel[3] = kept_alpha;
    }
    lay_paint(&mut picture, prompt, seed, strength * strength * 0.22, &palette);
    draw_caption(&mut picture, prompt);
    picture
}

fn brightness(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 54 + u32::from(green) * 183 + u32::from(blue) * 19) / 256) as u8
}

/// The colour that each brightness turns into: the palette's ramp in a few
/// steps, fewer the stronger the change. The ramp spans the brightness that
/// the picture really has, or a pale source would only use its pale end.
fn tone_table(palette: &Palette, picture: &RgbaImage, strength: f32) -> Vec<Rgb> {
    let mut counts = [0_u32; 256];
    for pixel in picture.pixels().filter(|pixel| pixel[3] > 127) {
        if let Some(count) = counts.get_mut(usize::from(brightness(pixel[0], pixel[1], pixel[2]))) {
            *count += 1;
        }
    }
    // The outermost fiftieth on either side may clip.
    let few = counts.iter().sum::<u32>() / 50;
    let is_past_dark = |at: &usize| counts.iter().take(at + 1).sum::<u32>() > few;
    let is_past_light = |at: &usize| counts.iter().skip(*at).sum::<u32>() > few;
    let low = (0..256).find(is_past_dark).unwrap_or(0) as f32;
    let high = (0..256).rev().find(is_past_light).unwrap_or(255) as f32;
    let span = (high - low).max(24.0);
    let steps = (14.0 - 8.0 * strength).round();
    let tone = |light: u8| {
        let position = ((f32::from(light) - low) / span).clamp(0.0, 1.0);
        palette.shade((position * steps).round() / steps)
    };
    (0..=255_u8).map(tone).collect()
}

/// Blends a freshly painted picture over, without its caption showing through.
fn lay_paint(picture: &mut RgbaImage, prompt: &str, seed: u64, alpha: f32, palette: &Palette) {
    let fresh = paint_plain(prompt, seed, picture.width(), picture.height(), palette);
    for (pixel, over) in picture.pixels_mut().zip(fresh.pixels()) {
        let [red, green, blue, _] = over.0;
        let kept_alpha = pixel[3];
        blend(&mut pixel.0, [red, green, blue], alpha);
        pixel[3] = kept_alpha;
    }
}

/// Paint without words: the caption's strip is cut off below.
fn paint_plain(prompt: &str, seed: u64, width: u32, height: u32, palette: &Palette) -> RgbaImage {
    let (wide, high) = (width.clamp(MIN_SIDE_PX, 1024), height.clamp(MIN_SIDE_PX, 1024));
    let opaque_prompt = prompt.replace("transparent", "");
    let painted = paint(&opaque_prompt, "", seed, wide, (high + high / 3).min(MAX_SIDE_PX), Some(palette));
    let shown = image::imageops::crop_imm(&painted, 0, 0, wide, high).to_image();
    resize(&shown, width, height, FilterType::Triangle)
}

/// Fills the whole frame, cutting off what does not fit its shape.
fn cover(source: &RgbaImage, width: u32, height: u32) -> RgbaImage {
    let (from_width, from_height) = (source.width().max(1), source.height().max(1));
    let wanted = f64::from(width) / f64::from(height);
    let (crop_width, crop_height) = if f64::from(from_width) / f64::from(from_height) > wanted {
        (((f64::from(from_height) * wanted).round() as u32).clamp(1, from_width), from_height)
    } else {
        (from_width, ((f64::from(from_width) / wanted).round() as u32).clamp(1, from_height))
    };
    let (left, top) = ((from_width - crop_width) / 2, (from_height - crop_height) / 2);
    let cropped = image::imageops::crop_imm(source, left, top, crop_width, crop_height).to_image();
    resize(&cropped, width, height, FilterType::CatmullRom)
}

/// Repaints where the mask is white, or, for a mask that has transparency,
/// where it is opaque. Everything outside stays byte-identical. `edge_radius`
/// is the width in pixels of the blend, which lies inside the masked area.
pub fn inpaint(source: &RgbaImage, mask: &RgbaImage, prompt: &str, seed: u64, edge_radius: u32) -> RgbaImage {
    let (width, height) = source.dimensions();
    let mut picture = source.clone();
    if width == 0 || height == 0 || mask.width() == 0 || mask.height() == 0 {
        return picture;
    }
    let weights = soften_inside(&read_mask(mask, width, height), width as usize, edge_radius);
    // Colours from the surroundings make the patch belong to its picture.
    let mut dice = Dice::new(&[b"inpaint", prompt.as_bytes(), &seed.to_le_bytes()]);
    let around = Palette::from_picture(source);
    let wanted = Palette::from_prompt(prompt, &mut dice);
    let fresh = paint_plain(prompt, seed, width, height, &wanted);
    for ((pixel, over), weight) in picture.pixels_mut().zip(fresh.pixels()).zip(weights) {
        if weight <= 0.0 {
            continue;
        }
        let [red, green, blue, _] = over.0;
        let lightness = f32::from(red.max(green).max(blue)) / 255.0;
        let colour =
            mix_fast([red, green, blue], around.colours().get((lightness * 4.99) as usize).copied(), 0.22);
        blend(&mut pixel.0, colour, weight);
    }
    picture
}

fn mix_fast(colour: Rgb, other: Option<Rgb>, part: f32) -> Rgb {
    let mut pixel = [colour[0], colour[1], colour[2], 255];
    if let Some(other) = other {
        blend(&mut pixel, other, part);
    }
    [pixel[0], pixel[1], pixel[2]]
}

/// Repaint weight per source pixel, 0 to 1.
fn read_mask(mask: &RgbaImage, width: u32, height: u32) -> Vec<f32> {
    let speaks_by_alpha = mask.pixels().any(|pixel| pixel[3] < 255);
    // Nearest keeps hard edges hard, so that "outside" stays a clear statement.
    let fitted = image::imageops::resize(mask, width, height, FilterType::Nearest);
    let read = |pixel: &image::Rgba<u8>| {
        let value = if speaks_by_alpha { pixel[3] } else { pixel[0].max(pixel[1]).max(pixel[2]) };
        if value < MASK_FLOOR { 0.0 } else { f32::from(value) / 255.0 }
    };
    fitted.pixels().map(read).collect()
}

/// Lets weights rise from the rim inwards over `radius` pixels (city-block
/// distance to the nearest unmasked pixel, in two sweeps).
fn soften_inside(weights: &[f32], width: usize, radius: u32) -> Vec<f32> {
    if radius == 0 || width == 0 {
        return weights.to_vec();
    }
    let far = radius as f32 + 1.0;
    let mut depths: Vec<f32> = weights.iter().map(|weight| if *weight > 0.0 { far } else { 0.0 }).collect();
    let mut sweep = |order: &mut dyn Iterator<Item = usize>, is_forward: bool| {
        for index in order {
            let column = index % width;
            let (beside, across) = if is_forward {
                ((column > 0).then(|| index - 1), index.checked_sub(width))
            } else {
                ((column + 1 < width).then_some(index + 1), Some(index + width))
            };
            let near =
                |place: Option<usize>| place.and_then(|at| depths.get(at)).map_or(far, |depth| depth + 1.0);
            let reach = near(beside).min(near(across));
            if let Some(depth) = depths.get_mut(index) {
                *depth = depth.min(reach);
            }
        }
    };
    sweep(&mut (0..weights.len()), true);
    sweep(&mut (0..weights.len()).rev(), false);
    weights.iter().zip(depths).map(|(weight, depth)| weight * (depth / far).min(1.0)).collect()
}

/// Real Lanczos resampling, 1 to 4 times, less when the result would exceed
/// `UPSCALE_MAX_PIXELS`. It adds pixels and no detail.
pub fn upscale(source: &RgbaImage, ratio: f32) -> RgbaImage {
    let (width, height) = source.dimensions();
    if width == 0 || height == 0 {
        return source.clone();
    }
    let wanted = if ratio.is_finite() { f64::from(ratio.clamp(1.0, 4.0)) } else { 1.0 };
    let pixels = f64::from(width) * f64::from(height);
    let ratio = wanted.min((UPSCALE_MAX_PIXELS as f64 / pixels).sqrt()).max(1.0);
    let scale = |side: u32| (f64::from(side) * ratio).floor() as u32;
    resize(source, scale(width), scale(height), FilterType::Lanczos3)
}

/// Makes everything transparent that looks like the border and is connected to
/// it. Works for plain backdrops; a busy one stays, and nothing is recognised.
pub fn remove_background(source: &RgbaImage) -> RgbaImage {
    let (width, height) = source.dimensions();
    let mut picture = source.clone();
    if width < 3 || height < 3 {
        return picture;
    }
    let keys = border_colours(source);
    let width = width as usize;
    let mut gaps = measure_gaps(source, &keys);
    for (gap, pixel) in gaps.iter_mut().zip(source.pixels()) {
        // What is invisible already is background, whatever colour it hides.
        if pixel[3] < 8 {
            *gap = 0.0;
        }
    }
    let limit = BACKGROUND_TOLERANCE + BACKGROUND_SOFTNESS;
    let removed = flood_from_border(&gaps, width, BACKGROUND_TOLERANCE);
    for (index, pixel) in picture.pixels_mut().enumerate() {
        let gap_here = gaps.get(index).copied().unwrap_or(f32::MAX);
        let is_gone = |at: Option<usize>| at.and_then(|at| removed.get(at)).copied().unwrap_or(false);
        let touches = [index.checked_sub(1), Some(index + 1), index.checked_sub(width), Some(index + width)];
        if is_gone(Some(index)) {
            pixel[3] = 0;
        } else if gap_here < limit && touches.into_iter().any(is_gone) {
            // The rim is a mixture of subject and backdrop, so it fades.
            let kept = ((gap_here - BACKGROUND_TOLERANCE) / BACKGROUND_SOFTNESS).clamp(0.0, 1.0);
            pixel[3] = (f32::from(pixel[3]) * kept) as u8;
        } else if touches.into_iter().any(is_gone) {
            pixel[3] = (f32::from(pixel[3]) * 0.75) as u8;
        }
    }
    picture
}

/// Up to three colours that the border mostly consists of.
fn border_colours(source: &RgbaImage) -> Vec<Rgb> {
    let small = thumbnail(source, 64);
    let (right, bottom) = (small.width() - 1, small.height() - 1);
    let mut groups: Vec<(Rgb, u32)> = Vec::new();
    let is_border = |x: u32, y: u32| x == 0 || y == 0 || x == right || y == bottom;
    for (_, _, pixel) in small.enumerate_pixels().filter(|(x, y, pixel)| is_border(*x, *y) && pixel[3] > 127)
    {
        let colour = [pixel[0], pixel[1], pixel[2]];
        match groups.iter_mut().find(|(key, _)| distance(*key, colour) < BACKGROUND_TOLERANCE * 0.7) {
            Some((key, size)) => {
                *size += 1;
                // Drifts towards the group's mean, so one odd pixel cannot lead it.
                *key = mix(*key, colour, 1.0 / *size as f32);
            }
            None => groups.push((colour, 1)),
        }
    }
    let total: u32 = groups.iter().map(|(_, size)| size).sum();
    groups.sort_by(|(_, one), (_, other)| other.cmp(one));
    groups.into_iter().take(3).filter(|(_, size)| size * 5 >= total).map(|(key, _)| key).collect()
}

fn flood_from_border(gaps: &[f32], width: usize, tolerance: f32) -> Vec<bool> {
    let mut removed = vec![false; gaps.len()];
    let height = gaps.len() / width.max(1);
    let is_border = |index: usize| {
        let (column, row) = (index % width, index / width);
        column == 0 || row == 0 || column + 1 == width || row + 1 == height
    };
    let mut queue: VecDeque<usize> = (0..gaps.len()).filter(|index| is_border(*index)).collect();
    while let Some(index) = queue.pop_front() {
        let is_backdrop = gaps.get(index).is_some_and(|gap| *gap <= tolerance);
        match removed.get_mut(index) {
            Some(slot) if is_backdrop && !*slot => *slot = true,
            _ => continue,
        }
        let column = index % width;
        let left = (column > 0).then(|| index - 1);
        let right = (column + 1 < width).then_some(index + 1);
        let above = index.checked_sub(width);
        let below = Some(index + width).filter(|at| *at < gaps.len());
        queue.extend([left, right, above, below].into_iter().flatten());
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba;

    fn scene() -> RgbaImage {
        paint("a harbour at sunset", "", 5, 160, 120, None)
    }

    fn mean_distance(one: &RgbaImage, other: &RgbaImage) -> f32 {
        let sum: u64 = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f32 / one.as_raw().len() as f32
    }

    fn disc_mask(width: u32, height: u32, uses_alpha: bool) -> RgbaImage {
        let radius = width.min(height) as i32 / 3;
        RgbaImage::from_fn(width, height, |x, y| {
            let (dx, dy) = (x as i32 - width as i32 / 2, y as i32 - height as i32 / 2);
            let inside = dx * dx + dy * dy < radius * radius;
            match (inside, uses_alpha) {
                (true, _) => Rgba([255; 4]),
                (false, true) => Rgba([255, 255, 255, 0]),
                (false, false) => Rgba([0, 0, 0, 255]),
            }
        })
    }

    #[test]
    fn inpaint_changes_the_inside_and_only_the_inside() {
        let source = scene();
        for uses_alpha in [false, true] {
            for edge_radius in [0, 6] {
                let mask = disc_mask(160, 120, uses_alpha);
                let result = inpaint(&source, &mask, "a red balloon", 9, edge_radius);
                let mut changed = 0;
                for ((before, after), mask) in source.pixels().zip(result.pixels()).zip(mask.pixels()) {
                    let is_inside = if uses_alpha { mask[3] > 0 } else { mask[0] > 0 };
                    assert!(is_inside || before == after);
                    changed += u32::from(before != after);
                }
                assert!(changed > 3000, "only {changed} pixels repainted");
            }
        }
    }

    #[test]
    fn inpaint_fits_the_mask_and_follows_the_seed() {
        let source = scene();
        let small = inpaint(&source, &disc_mask(40, 30, false), "sky", 1, 0);
        assert_eq!(small.dimensions(), source.dimensions());
        assert_eq!(small.get_pixel(1, 1), source.get_pixel(1, 1));
        assert_ne!(small, inpaint(&source, &disc_mask(40, 30, false), "sky", 2, 0));
        let none = RgbaImage::from_pixel(160, 120, Rgba([0, 0, 0, 255]));
        assert_eq!(inpaint(&source, &none, "sky", 1, 4), source);
        assert_eq!(inpaint(&source, &RgbaImage::new(0, 0), "sky", 1, 4), source);
    }

    #[test]
    fn strength_moves_the_result_away_from_the_source() {
        let source = scene();
        let at = |strength| mean_distance(&source, &image_to_image(&source, "teal", 3, strength, 160, 120));
        let (weak, middle, strong) = (at(0.05), at(0.5), at(1.0));
        assert!(weak < middle && middle < strong, "{weak} {middle} {strong}");
        assert!(weak > 0.5 && weak < 30.0 && strong > 20.0, "{weak} {strong}");
        let again = image_to_image(&source, "teal", 3, 0.5, 160, 120);
        assert_eq!(again, image_to_image(&source, "teal", 3, 0.5, 160, 120));
        assert_eq!(image_to_image(&source, "x", 3, f32::NAN, 300, 80).dimensions(), (300, 80));
    }

    #[test]
    fn light_and_dark_of_the_source_survive() {
        let source =
            RgbaImage::from_fn(
                128,
                128,
                |x, _| if x < 64 { Rgba([15, 15, 15, 255]) } else { Rgba([240; 4]) },
            );
        let result = image_to_image(&source, "forest", 3, 0.7, 128, 128);
        let mean = |from: u32| {
            let part = image::imageops::crop_imm(&result, from, 0, 60, 100).to_image();
            part.pixels().map(|pixel| u64::from(pixel[1])).sum::<u64>() / 6000
        };
        assert!(mean(68) > mean(0) + 70, "{} {}", mean(0), mean(68));
    }

    #[test]
    fn upscale_multiplies_within_its_cap() {
        let source = scene();
        assert_eq!(upscale(&source, 2.0).dimensions(), (320, 240));
        assert_eq!(upscale(&source, 99.0).dimensions(), (640, 480));
        assert_eq!(upscale(&source, f32::NAN).dimensions(), (160, 120));
        let back = resize(&upscale(&source, 3.0), 160, 120, FilterType::Triangle);
        assert!(mean_distance(&source, &back) < 4.0);
        let capped = upscale(&RgbaImage::new(1500, 1000), 4.0);
        let pixels = u64::from(capped.width()) * u64::from(capped.height());
        assert!(pixels <= UPSCALE_MAX_PIXELS && pixels > UPSCALE_MAX_PIXELS * 9 / 10);
    }

    #[test]
    fn the_backdrop_goes_and_the_subject_stays() {
        let source = RgbaImage::from_fn(90, 90, |x, y| {
            let (dx, dy) = (x as i32 - 45, y as i32 - 45);
            let away = dx * dx + dy * dy;
            let grain = ((x * 7 + y * 13) % 5) as u8;
            match away {
                // A hole in backdrop colour that the flood cannot reach.
                0..60 => Rgba([236, 238, 240, 255]),
                60..900 => Rgba([190, 40, 50, 255]),
                _ => Rgba([234 + grain, 236 + grain, 240 + grain, 255]),
            }
        });
        let cut = remove_background(&source);
        assert_eq!(cut.get_pixel(2, 2)[3], 0);
        assert_eq!(cut.get_pixel(45, 25).0, [190, 40, 50, 255]);
        assert_eq!(cut.get_pixel(45, 45)[3], 255);
        assert!(cut.pixels().any(|pixel| (1..255).contains(&pixel[3])), "no soft edge");
        assert_eq!(remove_background(&RgbaImage::new(2, 1)).dimensions(), (2, 1));
    }
}
