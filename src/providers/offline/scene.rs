//! Moving scenes for the offline provider's placeholder films.
//!
//! For: turning words of a prompt into a small animated picture: sky, scrolling layers, a few
//! moving things and weather, all seeded. Layers move by even pixels and backdrops vary by row
//! wherever possible, because `h264` then copies macroblocks exactly instead of resending them.
//!
//! Not for: depicting what the prompt says beyond the words listed here, or still pictures.
//! Obeys no outside format: colours are plain sRGB values from 0 to 255.

use super::brush::{Colour, blend, disc, from_hue, mix};
use super::cast::{Shape, Thing, Weather, even};
use super::dice::Dice;
use super::words::Words;
use image::RgbaImage;
use std::f32::consts::TAU;

/// Width after which a layer repeats, in pixels: more than the widest film.
const LAYER_PERIOD_PX: usize = 1024;
/// Things stop growing with the frame here, in pixels, so that large films stay cheap to send.
const THING_SCALE_MAX_PX: f32 = 260.0;

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Land,
    Forest,
    Desert,
    Sea,
    City,
    Space,
    Depths,
    Ribbons,
}

/// First match wins, so the more telling words stand first.
const PLACE_WORDS: [(&str, Place); 45] = [
    ("underwater", Place::Depths),
    ("coral", Place::Depths),
    ("fish", Place::Depths),
    ("reef", Place::Depths),
    ("jellyfish", Place::Depths),
    ("whale", Place::Depths),
    ("space", Place::Space),
    ("galaxy", Place::Space),
    ("planet", Place::Space),
    ("star", Place::Space),
    ("stars", Place::Space),
    ("rocket", Place::Space),
    ("astronaut", Place::Space),
    ("cosmic", Place::Space),
    ("moon", Place::Space),
    ("city", Place::City),
    ("street", Place::City),
    ("skyline", Place::City),
    ("tokyo", Place::City),
    ("car", Place::City),
    ("robot", Place::City),
    ("cyberpunk", Place::City),
    ("building", Place::City),
    ("neon", Place::City),
    ("sea", Place::Sea),
    ("ocean", Place::Sea),
    ("beach", Place::Sea),
    ("boat", Place::Sea),
    ("ship", Place::Sea),
    ("wave", Place::Sea),
    ("waves", Place::Sea),
    ("harbour", Place::Sea),
    ("harbor", Place::Sea),
    ("lake", Place::Sea),
    ("lighthouse", Place::Sea),
    ("desert", Place::Desert),
    ("dune", Place::Desert),
    ("dunes", Place::Desert),
    ("forest", Place::Forest),
    ("tree", Place::Forest),
    ("jungle", Place::Forest),
    ("mountain", Place::Land),
    ("mountains", Place::Land),
    ("landscape", Place::Land),
    ("hills", Place::Land),
];

/// Colours of the hour: sky above, sky at the horizon, light, nearest layer.
struct Mood {
    words: &'static [&'static str],
    high: Colour,
    low: Colour,
    light: Colour,
    near: Colour,
}

const MOODS: [Mood; 6] = [
    Mood {
        words: &["sunset", "evening", "dusk", "golden", "warm", "autumn", "fire"],
        high: [58.0, 44.0, 104.0],
        low: [252.0, 158.0, 92.0],
        light: [255.0, 226.0, 160.0],
        near: [46.0, 22.0, 52.0],
    },
    Mood {
        words: &["night", "midnight", "dark", "moonlit", "stars", "cyberpunk", "neon"],
        high: [10.0, 14.0, 38.0],
        low: [58.0, 62.0, 122.0],
        light: [238.0, 240.0, 255.0],
        near: [8.0, 10.0, 28.0],
    },
    Mood {
        words: &["day", "sunny", "summer", "bright", "blue", "noon"],
        high: [52.0, 128.0, 214.0],
        low: [196.0, 228.0, 246.0],
        light: [255.0, 250.0, 220.0],
        near: [28.0, 92.0, 74.0],
    },
    Mood {
        words: &["dawn", "morning", "pastel", "pink", "dream", "dreamy", "spring"],
        high: [134.0, 148.0, 214.0],
        low: [255.0, 206.0, 200.0],
        light: [255.0, 246.0, 226.0],
        near: [86.0, 66.0, 122.0],
    },
    Mood {
        words: &["snow", "snowy", "winter", "ice", "cold", "fog", "mist", "rain", "rainy"],
        high: [98.0, 124.0, 154.0],
        low: [218.0, 228.0, 236.0],
        light: [250.0, 252.0, 255.0],
        near: [38.0, 58.0, 82.0],
    },
    Mood {
        words: &["green", "forest", "jungle", "emerald", "aurora", "nature"],
        high: [22.0, 70.0, 92.0],
        low: [176.0, 222.0, 178.0],
        light: [250.0, 250.0, 200.0],
        near: [10.0, 48.0, 44.0],
    },
];

struct Layer {
    tops: Vec<f32>,
    rows: Vec<Colour>,
    speed_px: f32,
    windows: Option<Colour>,
    salt: u64,
}

/// A composed scene, ready to be painted at any second.
pub struct Scene {
    backdrop: RgbaImage,
    layers: Vec<Layer>,
    things: Vec<Thing>,
    weather: Weather,
    period_px: f32,
}

impl Scene {
    /// Chooses place, mood, tint, things and weather by words of the prompt and by the seed.
    pub fn compose(prompt: &str, seed: u64, width: u32, height: u32) -> Scene {
        let mut dice = Dice::new(&[b"scene", prompt.as_bytes(), &seed.to_le_bytes()]);
        let words = Words::of(prompt);
        let place = PLACE_WORDS.iter().find(|(word, _)| words.said(&[word]));
        let place = place.map_or(Place::Ribbons, |(_, place)| *place);
        let tint = words.colour();
        let mood = choose_mood(place, &words, &mut dice);
        let mut mood = Mood { words: &[], ..*mood };
        if let Some(tint) = tint {
            mood.near = mix(mood.near, tint, 0.45);
            mood.low = mix(mood.low, tint, 0.3);
        }
        if place == Place::Ribbons && tint.is_none() {
            mood.near = mix(mood.near, from_hue(dice.unit()), 0.4);
        }
        let backdrop = paint_backdrop(place, &mood, &mut dice, width, height);
        let layers = raise_layers(place, &mood, &mut dice, width, height);
        let things = scatter_things(place, &mood, &mut dice, width, height);
        let weather = Weather::from_prompt(prompt, &mut dice, width, height, false);
        Scene { backdrop, layers, things, weather, period_px: width as f32 * 1.5 }
    }

    /// Paints the scene and says where each moving layer stands.
    pub fn paint(&self, seconds: f32) -> (RgbaImage, Vec<(i32, i32)>) {
        let mut frame = self.backdrop.clone();
        let mut offsets: Vec<(i32, i32)> = Vec::new();
        let behind = |thing: &&Thing| !matches!(thing.shape, Shape::Boat | Shape::Orb);
        for thing in self.things.iter().filter(behind) {
            offsets.push((even(thing.speed_px * seconds), 0));
            thing.paint(&mut frame, seconds, self.period_px);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let offset = even(layer.speed_px * seconds);
            offsets.push((-offset, 0));
            layer.paint(&mut frame, offset);
            if index == 0 {
                for thing in self.things.iter().filter(|thing| !behind(thing)) {
                    thing.paint(&mut frame, seconds, self.period_px);
                }
            }
        }
        self.weather.paint(&mut frame, seconds);
        (frame, offsets)
    }
}

fn choose_mood(place: Place, words: &Words, dice: &mut Dice) -> &'static Mood {
    let chance = dice.range(0, MOODS.len() as i64) as usize;
    let spoken = MOODS.iter().find(|mood| words.said(mood.words));
    let usual = match place {
        Place::Space => MOODS.get(1),
        Place::Forest => MOODS.get(5),
        Place::Desert => MOODS.first(),
        _ => MOODS.get(chance),
    };
    let [first, ..] = &MOODS;
    spoken.or(usual).unwrap_or(first)
}

/// The unmoving part: a sky that varies by row, with the sun, moon or stars on it.
fn paint_backdrop(place: Place, mood: &Mood, dice: &mut Dice, width: u32, height: u32) -> RgbaImage {
    let (high, low) = match place {
        Place::Space => ([6.0, 8.0, 24.0], mix([26.0, 18.0, 60.0], mood.near, 0.5)),
        Place::Depths => (mix([40.0, 170.0, 200.0], mood.low, 0.3), [6.0, 34.0, 74.0]),
        _ => (mood.high, mood.low),
    };
    let mut frame = RgbaImage::from_fn(width, height, |_, y| {
        let [r, g, b] = mix(high, low, (y as f32 / height as f32 * 1.25).min(1.0)).map(|c| c as u8);
        image::Rgba([r, g, b, 255])
    });
    let (w, h) = (width as f32, height as f32);
    let dark = mood.high.iter().sum::<f32>() < 120.0;
    if place == Place::Space || (dark && place != Place::Depths) {
        for _ in 0..90 {
            let (x, y) = (dice.unit() * w, dice.unit() * h);
            let size = 0.5 + dice.unit() * dice.unit() * 1.3;
            disc(&mut frame, x, y, size, 0.8, [255.0, 250.0, 240.0], 0.35 + dice.unit() * 0.6);
        }
    }
    if !matches!(place, Place::Space | Place::Depths) {
        let (x, y) = (w * (0.25 + dice.unit() * 0.5), h * (0.24 + dice.unit() * 0.16));
        let radius = h.min(w) * 0.085;
        disc(&mut frame, x, y, radius * 2.6, radius * 2.6, mood.light, 0.35);
        disc(&mut frame, x, y, radius, 1.0, mood.light, 1.0);
    }
    frame
}

fn raise_layers(place: Place, mood: &Mood, dice: &mut Dice, width: u32, height: u32) -> Vec<Layer> {
    let count = match place {
        Place::Space => 0,
        Place::Ribbons => 5,
        Place::Depths => 2,
        _ => 4,
    };
    let h = height as f32;
    let first_top = match place {
        Place::Sea => 0.56,
        Place::Depths => 0.74,
        Place::Ribbons => 0.42,
        Place::City => 0.46,
        _ => 0.5,
    };
    (0..count)
        .map(|index| {
            let depth = (index + 1) as f32 / count as f32;
            let base = (first_top + (0.94 - first_top) * index as f32 / count as f32) * h;
            let tall = h * (0.18 - 0.07 * depth);
            let near = if place == Place::Sea { mix(mood.near, mood.high, 0.35) } else { mood.near };
            let top = mix(mood.low, near, 0.25 + 0.75 * depth);
            let bottom = mix(top, near, 0.6);
            let rows =
                (0..height).map(|y| mix(top, bottom, ((y as f32 - base + tall) / (h * 0.3)).clamp(0.0, 1.0)));
            Layer {
                tops: profile(place, index, base, tall, dice),
                rows: rows.collect(),
                speed_px: width as f32 / 320.0 * (4.0 + 30.0 * depth * depth),
                windows: (place == Place::City && index > 0).then(|| mix([255.0, 214.0, 130.0], top, 0.25)),
                salt: dice.next_u64(),
            }
        })
        .collect()
}

/// The upper edge of a layer over one period; whole numbers of waves make it seamless.
fn profile(place: Place, index: usize, base: f32, tall: f32, dice: &mut Dice) -> Vec<f32> {
    let mut waves = Vec::new();
    for octave in 0..5 {
        let cycles = (3 + index as i64 + dice.range(0, 3)) << octave;
        waves.push((cycles as f32, dice.unit() * TAU, 0.55f32.powi(octave)));
    }
    let mut tower = base;
    let mut left_px = 0;
    (0..LAYER_PERIOD_PX)
        .map(|x| {
            let turn = x as f32 / LAYER_PERIOD_PX as f32 * TAU;
            let smooth = |octaves: usize| -> f32 {
                let some = waves.iter().take(octaves);
                some.map(|(cycles, phase, size)| (turn * cycles + phase).sin() * size).sum()
            };
            let ridge: f32 = waves
                .iter()
                .map(|(cycles, phase, size)| {
                    (1.0 - 2.0 * ((turn * cycles + phase) / TAU).fract().abs()).abs() * size
                })
                .sum();
            match place {
                Place::Land => base + tall * (0.9 - 0.75 * ridge),
                Place::Forest => {
                    let saw = ((x % 22) as f32 / 11.0 - 1.0).abs();
                    base + tall * (0.2 * smooth(2) + 0.75 * saw - 0.5)
                }
                Place::Desert | Place::Ribbons => base + tall * 0.55 * smooth(2),
                Place::Sea => base - tall * 0.2 * (turn * (24 >> index.min(2)) as f32).sin().abs(),
                Place::Depths => base + tall * 0.35 * smooth(4),
                Place::City | Place::Space => {
                    if left_px == 0 {
                        left_px = 14 + dice.range(0, 12) * 2;
                        tower = base - tall * 1.5 * dice.unit() + tall * 0.3;
                    }
                    left_px -= 1;
                    tower.round()
                }
            }
        })
        .collect()
}

fn scatter_things(place: Place, mood: &Mood, dice: &mut Dice, width: u32, height: u32) -> Vec<Thing> {
    let (w, h) = (width as f32, height as f32);
    let scale = h.min(w).min(THING_SCALE_MAX_PX);
    let kinds: &[(Shape, u32)] = match place {
        Place::Sea => &[(Shape::Cloud, 2), (Shape::Boat, 1), (Shape::Bird, 3)],
        Place::Depths => &[(Shape::Fish, 6)],
        Place::Space => &[(Shape::Planet, 1), (Shape::Spark, 7), (Shape::Orb, 1)],
        Place::City => &[(Shape::Cloud, 1), (Shape::Spark, 2)],
        Place::Ribbons => &[(Shape::Orb, 3)],
        Place::Desert => &[(Shape::Bird, 2)],
        Place::Land | Place::Forest => &[(Shape::Cloud, 2), (Shape::Bird, 3)],
    };
    let mut things = Vec::new();
    for (shape, count) in kinds {
        let cloud_speed = w * (0.02 + 0.02 * dice.unit());
        for _ in 0..*count {
            let hue = from_hue(dice.unit());
            let (y, size, speed_px, colour) = match shape {
                Shape::Cloud => (0.1 + 0.2 * dice.unit(), 0.09, cloud_speed, mix(mood.low, [255.0; 3], 0.55)),
                Shape::Bird => (0.12 + 0.25 * dice.unit(), 0.028, w * 0.09, mood.near),
                Shape::Boat => (0.575, 0.15, w * 0.05, mix(mood.near, hue, 0.3)),
                Shape::Fish => (
                    0.12 + 0.6 * dice.unit(),
                    0.05,
                    w * (0.06 + 0.1 * dice.unit()),
                    mix(hue, mood.light, 0.2),
                ),
                Shape::Orb => {
                    (0.2 + 0.35 * dice.unit(), 0.05 + 0.03 * dice.unit(), w * 0.05, mix(hue, mood.light, 0.4))
                }
                Shape::Planet => (0.5, 0.24, 0.0, mix(hue, mood.near, 0.2)),
                Shape::Spark => (dice.unit() * 0.8, 0.012, 0.0, mood.light),
            };
            let x = if matches!(shape, Shape::Planet) { 0.5 } else { 0.1 + dice.unit() * 0.8 };
            let phase = dice.unit();
            things.push(Thing {
                shape: *shape,
                x: (w * x).round(),
                y: (h * y).round(),
                size: scale * size,
                speed_px,
                phase,
                colour,
            });
        }
    }
    things
}

impl Layer {
    fn paint(&self, frame: &mut RgbaImage, offset: i32) {
        let shift = offset.rem_euclid(LAYER_PERIOD_PX as i32) as usize;
        let columns = self.tops.iter().cycle().enumerate().skip(shift);
        for (x, (place, top)) in columns.take(frame.width() as usize).enumerate() {
            let first = top.max(0.0) as usize;
            let edge = 1.0 - top.max(0.0).fract();
            for (y, colour) in self.rows.iter().enumerate().skip(first) {
                let mut colour = *colour;
                if let Some(window) = self.windows {
                    // Lit windows: a grid in the layer's own coordinates, so that they scroll too.
                    let (column, row) = ((place % LAYER_PERIOD_PX) as u64 / 6, y as u64 / 7);
                    let chosen =
                        (column * 31 + row * 17 + self.salt % 997).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61;
                    if place % 6 > 2 && y % 7 > 2 && y > first + 3 && chosen < 3 {
                        colour = window;
                    }
                }
                blend(frame, x as i32, y as i32, colour, if y == first { edge } else { 1.0 });
            }
        }
    }
}
