//! Placeholder films for the offline provider: real, playable, silent MP4 files (those with sound: `compose`).
//!
//! For: showing a newcomer the whole video path without a network or a model. A film is a drawn
//! scene chosen by words of the prompt, a pan over a still, or a mouth that follows loudness; its
//! note says so inside the file. Motion is laid out for `h264`: layers scroll by even pixels
//! over backdrops that vary by row only, which makes most macroblocks exact copies.
//!
//! Not for: understanding a prompt, finding a face, sound, or hiding that it is a placeholder.
//! The formats are those of `h264` (ISO/IEC 14496-10) and `mp4` (ISO/IEC 14496-12, -15).

use super::brush::{disc, mix};
use super::cast::Weather;
use super::dice::Dice;
use super::h264::{AccessUnit, Encoder, REPEAT_COST_BYTES};
use super::mp4::Track;
use super::scene::Scene;
use super::words::Words;
use image::{RgbaImage, imageops};

/// Longest film in seconds: drawing is CPU time of the isolate.
pub const DURATION_MAX_SECONDS: u32 = 10;
/// Most pictures per second: with the longest film, 300 pictures to draw.
pub const FPS_MAX: u32 = 30;
/// Most bytes of pictures in a film: 48 Mbit/s if spent in one second, within level 4.1, and two
/// copies of it stay far under the 96 MiB an isolate has.
pub const FILM_MAX_BYTES: usize = 6_000_000;
/// Values of a loudness envelope per second, as `sound` measures it.
pub const ENVELOPE_HZ: u32 = 25;
/// How far a pan moves: pixels per second, and at most this part of the picture's side.
const PAN_PX_PER_SECOND: f32 = 22.0;
const PAN_MAX_PART: f32 = 0.2;

/// A finished film.
pub struct Film {
    /// The MP4 file.
    pub bytes: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Length as the file states it.
    pub duration_seconds: f64,
    /// Pictures in the file.
    pub frames: u32,
    /// A picture from its middle.
    pub poster: RgbaImage,
}

/// Draws a moving scene that words of the prompt choose: land, sea, city, space, depths or, when
/// no word is known, drifting ribbons; mood, colours and weather follow words as well.
pub fn text_to_video(
    prompt: &str,
    seed: u64,
    width: u32,
    height: u32,
    duration_seconds: u32,
    fps: u32,
    note: &str,
) -> Result<Film, String> {
    let shoot = Shoot::new(width, height, duration_seconds, fps)?;
    let scene = Scene::compose(prompt, seed, shoot.width, shoot.height);
    shoot.run(note, |seconds| scene.paint(seconds))
}

/// Pans slowly over `still` (cropped to fill the frame) with drifting motes of light, or with the
/// weather the prompt names. Words such as "left" or "up" choose the direction.
#[allow(clippy::too_many_arguments)] // The interface is the catalogue's list of inputs.
pub fn image_to_video(
    still: &RgbaImage,
    prompt: &str,
    seed: u64,
    duration_seconds: u32,
    fps: u32,
    width: u32,
    height: u32,
    note: &str,
) -> Result<Film, String> {
    let shoot = Shoot::new(width, height, duration_seconds, fps)?;
    let mut dice = Dice::new(&[b"image_to_video", prompt.as_bytes(), &seed.to_le_bytes()]);
    let way = pan_direction(prompt, &mut dice);
    let pan = Pan::over(still, way, (shoot.width, shoot.height), duration_seconds as f32)?;
    let weather = Weather::from_prompt(prompt, &mut dice, shoot.width, shoot.height, true);
    let total = shoot.frames as f32 / shoot.fps as f32;
    shoot.run(note, |seconds| {
        let (mut frame, offset) = pan.at(seconds / total);
        weather.paint(&mut frame, seconds);
        (frame, vec![offset])
    })
}

/// A slow movement of the frame over a still that is a little larger.
pub struct Pan {
    large: RgbaImage,
    frame: (u32, u32),
    travel: (u32, u32),
    way: (i32, i32),
}

impl Pan {
    /// `way` is across and down, as signs; the sides of `frame` are in pixels.
    pub fn over(still: &RgbaImage, way: (i32, i32), frame: (u32, u32), seconds: f32) -> Result<Pan, String> {
        let travel = |side: u32, way: i32| {
            let pixels = (PAN_PX_PER_SECOND * seconds).min(side as f32 * PAN_MAX_PART);
            (pixels as u32 & !1) * way.unsigned_abs()
        };
        let travel = (travel(frame.0, way.0), travel(frame.1, way.1));
        let large = fill_frame(still, frame.0 + travel.0, frame.1 + travel.1)?;
        Ok(Pan { large, frame, travel, way })
    }

    /// The frame after this part of the way, which starts and ends at rest, and where the still then stands.
    pub fn at(&self, part: f32) -> (RgbaImage, (i32, i32)) {
        let eased = part * part * (3.0 - 2.0 * part);
        let place = |travel: u32, way: i32| {
            let along = if way < 0 { 1.0 - eased } else { eased };
            (travel as f32 * along / 2.0).round() as u32 * 2
        };
        let (x, y) = (place(self.travel.0, self.way.0), place(self.travel.1, self.way.1));
        let frame = imageops::crop_imm(&self.large, x, y, self.frame.0, self.frame.1).to_image();
        (frame, (-(x as i32), -(y as i32)))
    }
}

/// Draws a mouth and a level meter over `still`, both driven by `envelope` (loudness from 0 to 1,
/// `ENVELOPE_HZ` values per second). The film is silent and as long as the envelope, up to the
/// limit. No face is looked for: the mouth sits where one is in a centred portrait.
pub fn lipsync(
    still: &RgbaImage,
    envelope: &[f32],
    width: u32,
    height: u32,
    fps: u32,
    note: &str,
) -> Result<Film, String> {
    if envelope.is_empty() {
        return Err("The audio holds no sound to move a mouth by.".to_owned());
    }
    let longest = (DURATION_MAX_SECONDS * ENVELOPE_HZ) as usize;
    if envelope.len() > longest {
        return Err(format!("A lipsync film lasts at most {DURATION_MAX_SECONDS} seconds; trim the audio."));
    }
    let mut shoot = Shoot::new(width, height, 1, fps)?;
    shoot.frames = (envelope.len() as u32 * fps).div_ceil(ENVELOPE_HZ).max(1);
    let backdrop = fill_frame(still, shoot.width, shoot.height)?;
    let level_at = |seconds: f32| {
        let index = (seconds.max(0.0) * ENVELOPE_HZ as f32) as usize;
        let level = envelope.get(index).copied().unwrap_or_default();
        if level.is_finite() { level.clamp(0.0, 1.0) } else { 0.0 }
    };
    shoot.run(note, |seconds| {
        let mut frame = backdrop.clone();
        let opening = level_at(seconds) * 0.7 + level_at(seconds - 0.04) * 0.3;
        paint_mouth(&mut frame, opening);
        paint_meter(&mut frame, |back| level_at(seconds - back));
        (frame, Vec::new())
    })
}

/// One film in the making: checked size, rate and length.
struct Shoot {
    width: u32,
    height: u32,
    fps: u32,
    frames: u32,
}

impl Shoot {
    fn new(width: u32, height: u32, duration_seconds: u32, fps: u32) -> Result<Shoot, String> {
        if !(1..=DURATION_MAX_SECONDS).contains(&duration_seconds) {
            return Err(format!(
                "An offline film lasts 1 to {DURATION_MAX_SECONDS} seconds, not {duration_seconds}."
            ));
        }
        if !(1..=FPS_MAX).contains(&fps) {
            return Err(format!("An offline film has 1 to {FPS_MAX} pictures a second, not {fps}."));
        }
        // Chroma is stored for every second pixel, so an odd side loses one.
        let (width, height) = (width & !1, height & !1);
        Encoder::new(width, height)?;
        Ok(Shoot { width, height, fps, frames: duration_seconds * fps })
    }

    /// Draws and encodes every picture. Each may spend what the ones before left of its even
    /// share; a film too lively for the cap therefore moves in fewer, still exact, steps.
    fn run(
        &self,
        note: &str,
        mut draw: impl FnMut(f32) -> (RgbaImage, Vec<(i32, i32)>),
    ) -> Result<Film, String> {
        let mut encoder = Encoder::new(self.width, self.height)?;
        let fixed = encoder.raw_picture_bytes() + self.frames as usize * REPEAT_COST_BYTES;
        let share = FILM_MAX_BYTES.saturating_sub(fixed) / self.frames.max(1) as usize;
        let mut units: Vec<AccessUnit> = Vec::with_capacity(self.frames as usize);
        let mut saved_bytes = 0;
        let mut poster = RgbaImage::new(0, 0);
        for index in 0..self.frames {
            let (frame, offsets) = draw(index as f32 / self.fps as f32);
            saved_bytes += share;
            let unit = encoder.encode(&frame, &offsets, saved_bytes);
            if !unit.key {
                saved_bytes = saved_bytes.saturating_sub(unit.bytes.len());
            }
            units.push(unit);
            if index == self.frames / 2 {
                poster = frame;
            }
        }
        let track = Track {
            width: self.width,
            height: self.height,
            fps: self.fps,
            sequence: encoder.sequence_parameters(),
            picture: encoder.picture_parameters(),
            units: &units,
            note,
            sound: None,
        };
        Ok(Film {
            bytes: track.write(),
            width: self.width,
            height: self.height,
            duration_seconds: f64::from(self.frames) / f64::from(self.fps),
            frames: self.frames,
            poster,
        })
    }
}

/// Which way to pan, as signs: from words of the prompt, else sideways by chance.
fn pan_direction(prompt: &str, dice: &mut Dice) -> (i32, i32) {
    let spoken = Words::of(prompt);
    let chance = if dice.next_u64().is_multiple_of(2) { (1, 0) } else { (-1, 0) };
    let words = [("left", (-1, 0)), ("right", (1, 0)), ("up", (0, -1)), ("down", (0, 1))];
    words.iter().find(|(word, _)| spoken.said(&[word])).map_or(chance, |(_, way)| *way)
}

/// Crops `still` about its middle and scales it so that it fills the frame, on a dark ground
/// where it is transparent.
fn fill_frame(still: &RgbaImage, width: u32, height: u32) -> Result<RgbaImage, String> {
    let (from_width, from_height) = still.dimensions();
    if from_width == 0 || from_height == 0 {
        return Err("The picture is empty.".to_owned());
    }
    let scale = (from_width as f32 / width as f32).min(from_height as f32 / height as f32);
    let crop_width = ((width as f32 * scale).round() as u32).clamp(1, from_width);
    let crop_height = ((height as f32 * scale).round() as u32).clamp(1, from_height);
    let (x, y) = ((from_width - crop_width) / 2, (from_height - crop_height) / 2);
    let view = imageops::crop_imm(still, x, y, crop_width, crop_height);
    // Box averaging needs no intermediate picture, so a large still stays within memory.
    let mut frame = if scale > 1.0 {
        imageops::thumbnail(&*view, width, height)
    } else {
        imageops::resize(&*view, width, height, imageops::FilterType::CatmullRom)
    };
    for pixel in frame.pixels_mut() {
        let [r, g, b, alpha] = pixel.0;
        let over = |c: u8, ground: u32| {
            ((u32::from(c) * u32::from(alpha) + ground * (255 - u32::from(alpha))) / 255) as u8
        };
        pixel.0 = [over(r, 28), over(g, 30), over(b, 38), 255];
    }
    Ok(frame)
}

/// A mouth: lips, a dark opening and, when wide, teeth and tongue.
fn paint_mouth(frame: &mut RgbaImage, opening: f32) {
    let side = frame.width().min(frame.height()) as f32;
    let (x, y) = (frame.width() as f32 * 0.5, frame.height() as f32 * 0.68);
    let (half, gap) = (side * (0.115 - 0.02 * opening), side * 0.085 * opening);
    let lip = side * 0.022;
    let inside = |px: f32, py: f32, half: f32, gap: f32| {
        let (u, v) = ((px - x) / half, (py - y) / gap.max(0.5));
        // Distance to the ellipse's rim in pixels, near enough to soften the edge.
        ((1.0 - (u * u + v * v).sqrt()) * gap.max(0.5) + 0.5).clamp(0.0, 1.0)
    };
    let reach = (half + lip) as i32 + 2;
    for py in (y as i32 - reach)..=(y as i32 + reach) {
        for px in (x as i32 - reach)..=(x as i32 + reach) {
            let (fx, fy) = (px as f32 + 0.5, py as f32 + 0.5);
            let outer = inside(fx, fy, half + lip, gap + lip);
            let inner = if gap > 0.8 { inside(fx, fy, half, gap) } else { 0.0 };
            let shade = mix([172.0, 62.0, 70.0], [120.0, 36.0, 48.0], (fy - y) / (gap + lip) * -0.5 + 0.5);
            let (Ok(at_x), Ok(at_y)) = (u32::try_from(px), u32::try_from(py)) else { continue };
            let Some(pixel) = frame.get_pixel_mut_checked(at_x, at_y) else { continue };
            let [r, g, b, _] = pixel.0.map(f32::from);
            let deep = if fy < y - gap * 0.55 {
                [236.0, 232.0, 224.0]
            } else if fy > y + gap * 0.45 {
                [190.0, 84.0, 92.0]
            } else {
                [44.0, 12.0, 20.0]
            };
            let colour = mix(mix([r, g, b], shade, outer), deep, inner);
            let [r, g, b] = colour.map(|c| c as u8);
            pixel.0 = [r, g, b, 255];
        }
    }
}

/// A row of dots along the lower edge whose sizes are the last second of loudness.
fn paint_meter(frame: &mut RgbaImage, level_before: impl Fn(f32) -> f32) {
    const DOTS: u32 = 13;
    let side = frame.width().min(frame.height()) as f32;
    let y = frame.height() as f32 - side * 0.07;
    for dot in 0..DOTS {
        let from_middle = dot as f32 - (DOTS - 1) as f32 / 2.0;
        let x = frame.width() as f32 * 0.5 + from_middle * side * 0.05;
        let level = level_before(from_middle.abs() * 0.06);
        let radius = side * (0.006 + 0.018 * level);
        disc(frame, x, y, radius + 1.2, 1.0, [20.0, 22.0, 30.0], 0.5);
        disc(frame, x, y, radius, 0.8, [255.0, 244.0, 224.0], 0.95);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(prompt: &str, seed: u64) -> Film {
        text_to_video(prompt, seed, 160, 96, 1, 12, "a placeholder").unwrap()
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_and_another_prompt_or_seed_does_not() {
        let first = film("a harbour at sunset", 7);
        assert_eq!(first.bytes, film("a harbour at sunset", 7).bytes);
        assert_ne!(first.bytes, film("a harbour at night", 7).bytes);
        assert_ne!(first.bytes, film("a harbour at sunset", 8).bytes);
        assert_eq!((first.frames, first.duration_seconds), (12, 1.0));
        assert_eq!(first.poster.dimensions(), (160, 96));
    }

    #[test]
    fn limits_are_refused_by_name() {
        for (width, height, seconds, fps, limit) in [
            (160, 96, 0, 12, "10 seconds"),
            (160, 96, u32::MAX, 12, "10 seconds"),
            (160, 96, 2, 0, "30 pictures"),
            (160, 96, 2, 31, "30 pictures"),
            (32, 96, 2, 12, "640 pixels"),
            (160, u32::MAX, 2, 12, "640 pixels"),
        ] {
            let told = text_to_video("x", 1, width, height, seconds, fps, "").err().unwrap();
            assert!(told.contains(limit), "{told}");
        }
    }

    #[test]
    fn the_liveliest_film_stays_under_the_cap() {
        let noise = |seconds: f32| {
            let shift = (seconds * 1000.0) as u32;
            let picture = RgbaImage::from_fn(640, 640, |x, y| {
                let v = (x ^ shift).wrapping_mul(2_654_435_761).wrapping_add(y * 40_503) >> 16;
                image::Rgba([v as u8, (v >> 4) as u8, 90, 255])
            });
            (picture, Vec::new())
        };
        let film = Shoot::new(640, 640, 1, 30).unwrap().run("", noise).unwrap();
        assert!(film.bytes.len() > FILM_MAX_BYTES / 2);
        assert!(film.bytes.len() < FILM_MAX_BYTES + 4096);
    }

    #[test]
    fn a_pan_over_a_busy_still_is_mostly_copied() {
        let still = RgbaImage::from_fn(300, 200, |x, y| {
            let v = x.wrapping_mul(2_654_435_761).wrapping_add(y * 40_503) >> 16;
            image::Rgba([v as u8, (v >> 4) as u8, 90, 255])
        });
        let film = image_to_video(&still, "pan right", 1, 2, 12, 320, 176, "note").unwrap();
        let raw = Encoder::new(320, 176).unwrap().raw_picture_bytes();
        assert!(film.bytes.len() < raw * 24 / 3, "{} of {raw}", film.bytes.len());
        assert!(image_to_video(&RgbaImage::new(0, 0), "", 1, 2, 12, 320, 176, "").is_err());
    }

    #[test]
    fn a_mouth_lasts_as_long_as_its_sound() {
        let still = RgbaImage::from_pixel(64, 64, image::Rgba([200, 160, 140, 255]));
        let film = lipsync(&still, &[0.0, 0.9, f32::NAN, 2.0, 0.4], 128, 128, 25, "").unwrap();
        assert_eq!((film.frames, film.duration_seconds), (5, 0.2));
        assert!(lipsync(&still, &[], 128, 128, 25, "").is_err());
        assert!(lipsync(&still, &[0.5; 251], 128, 128, 25, "").err().unwrap().contains("10 seconds"));
    }
}
