//! Five colours that go together, taken from the words of a prompt or from a
//! picture. Not a colour library: only what painting and style reference need.

use image::RgbaImage;

use crate::media::picture::thumbnail;
use crate::providers::offline::dice::Dice;

pub type Rgb = [u8; 3];

/// OKLab: lightness 0..1 and two colour axes. Mixing here keeps ramps from going
/// grey in the middle, as mixing in RGB does.
type Lab = [f32; 3];

const SIZE: usize = 5;

/// Pictures are read at this size, in pixels; colours do not need detail.
const SAMPLE_SIDE_PX: u32 = 48;

/// Rounds of k-means. It settles within a handful; more changes nothing visible.
const ROUNDS: usize = 10;

/// Words (singular) and the colours they call for, the most typical first.
const VOCABULARY: [(&str, &[u32]); 41] = [
    ("red crimson scarlet ruby cherry tomato", &[0xd8263c, 0x8c1127, 0xff6b5e]),
    ("orange tangerine pumpkin apricot", &[0xf77f1e, 0xffb457, 0xb8480f]),
    ("gold golden amber honey brass", &[0xe2a81c, 0xffd873, 0x8a5a10]),
    ("yellow lemon sunflower canary", &[0xf7d116, 0xfff08a, 0xc99700]),
    ("green emerald leaf jade olive", &[0x2e9e4f, 0x8fd694, 0x145a32]),
    ("lime chartreuse", &[0xa4de02, 0xd9f99d, 0x4d7c0f]),
    ("mint pistachio", &[0x98e2c6, 0x3eb489, 0xe3fff3]),
    ("teal turquoise cyan aqua", &[0x0fa3a3, 0x7fe0d6, 0x07505a]),
    ("blue azure cobalt sapphire", &[0x2563d9, 0x8ab8ff, 0x14276b]),
    ("navy indigo ultramarine", &[0x1d2a6d, 0x4455b8, 0x0c1233]),
    ("purple violet amethyst plum", &[0x7b3fc4, 0xc09af0, 0x3a1466]),
    ("lavender lilac wisteria", &[0xb9a5ea, 0xe8defc, 0x7763b5]),
    ("magenta fuchsia", &[0xd81e8f, 0xff8ad0, 0x760a4f]),
    ("pink rose blush flamingo", &[0xf57fa5, 0xffd0dd, 0xb83264]),
    ("brown chocolate wood wooden leather", &[0x7a4a2a, 0xc89468, 0x3b2114]),
    ("coffee espresso latte cappuccino", &[0x5a3a26, 0xe6cfae, 0x2a1810]),
    ("beige cream ivory sand linen", &[0xead9b8, 0xfff6e0, 0xb99a6b]),
    ("white snow snowy paper porcelain", &[0xf4f7fb, 0xcfdbe8, 0x8aa0b8]),
    ("grey gray silver steel concrete stone", &[0x8b95a1, 0xd5dbe1, 0x3b434c]),
    ("black noir ink obsidian raven", &[0x14151a, 0x3a3d48, 0xb9bdc9]),
    ("copper bronze rust terracotta clay", &[0xb5622d, 0xe7a676, 0x5c2a15]),
    ("night midnight dark nocturnal moonlit", &[0x101a3f, 0x2f4a8c, 0xf2e6b0]),
    ("moon moonlight lunar", &[0xe9e6d2, 0x56628f, 0x161c3a]),
    ("space galaxy cosmic nebula star starry", &[0x1b1247, 0x8e3fb8, 0x3fc5e8]),
    ("sunset dusk evening", &[0xff7a45, 0xc2376b, 0x4b2170, 0xffc56b]),
    ("sunrise dawn morning", &[0xffb48a, 0xf78fa7, 0x7d8fd6, 0xffe9b8]),
    ("forest jungle woodland moss pine fern", &[0x1f5b3a, 0x6ca965, 0x0e2e20, 0xc9d98b]),
    ("ocean sea underwater wave marine lagoon", &[0x0b6fa4, 0x43c2d1, 0x06304f, 0xd6f5f2]),
    ("sky cloud cloudy", &[0x6db7f2, 0xdff1ff, 0x2f76c4]),
    ("desert dune canyon sahara savanna", &[0xdb9a52, 0xf6d9a0, 0x9c4f2c, 0x5aa0b5]),
    ("mountain alpine glacier fjord", &[0x4c6a8a, 0xa9c4d9, 0x24374d, 0xf1f5f8]),
    ("ice icy frost frozen winter arctic", &[0xa9dcf0, 0x5a9fc7, 0xf2fbff, 0x24517a]),
    ("fire flame lava volcano ember", &[0xff5a1f, 0xffc93c, 0x8e1600, 0x2b0a08]),
    ("autumn fall harvest maple", &[0xc8501e, 0xe9a23b, 0x7a2e1d, 0x6b7a2f]),
    ("spring blossom sakura meadow garden", &[0xf7a8c4, 0x8fcf7a, 0xfdf0c2, 0x3f8f5a]),
    ("summer beach tropical paradise", &[0x17b6c9, 0xffd166, 0xff7f6b, 0xfff3d6]),
    ("neon cyberpunk synthwave vaporwave", &[0xff2fa0, 0x20e3ff, 0x2a0b57, 0xf6f047]),
    ("pastel soft gentle dreamy", &[0xf9c6d3, 0xc3dffb, 0xd7f2cf, 0xfdf1c7]),
    ("vintage retro sepia old antique", &[0xc98a4b, 0x5f7f77, 0xf0ddb5, 0x7a3b2e]),
    ("candy rainbow colourful colorful vibrant", &[0xff4f79, 0xffc145, 0x2ec4b6, 0x5b5fef]),
    ("city urban street skyline tokyo", &[0x3c4a6b, 0xf2a65a, 0x1d2438, 0x8fa3c4]),
];

/// Five colours, darkest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    colours: [Rgb; SIZE],
}

impl Palette {
    /// Colours named or suggested by the prompt come first; chance, seeded by
    /// the caller, fills the rest with their neighbours.
    pub fn from_prompt(prompt: &str, dice: &mut Dice) -> Self {
        Self::from_words(prompt, "", dice)
    }

    /// As `from_prompt`, leaving out what the second text names.
    pub fn from_words(prompt: &str, unwanted: &str, dice: &mut Dice) -> Self {
        let refused = list_named(unwanted);
        let mut named: Vec<Lab> = Vec::new();
        // First the most typical colour of every word, then the second of each,
        // so that "red and teal" shows both and not three reds.
        let groups: Vec<&[u32]> =
            list_named(prompt).into_iter().filter(|group| !refused.contains(group)).collect();
        for rank in 0..SIZE {
            named.extend(groups.iter().filter_map(|group| group.get(rank)).map(|code| to_lab(unpack(*code))));
        }
        named.truncate(SIZE);
        if named.is_empty() {
            let hue = dice.range(0.0, std::f32::consts::TAU);
            named.push(polar(dice.range(0.5, 0.7), dice.range(0.11, 0.19), hue));
        }
        complete(&mut named, dice);
        Self::sorted(named)
    }

    /// The five main colours of a picture; transparent pixels do not count.
    pub fn from_picture(picture: &RgbaImage) -> Self {
        match find_clusters(&sample(picture), SIZE) {
            Some(centres) => Self::sorted(centres),
            None => Self::from_prompt("", &mut Dice::new(&[b"no visible pixel"])),
        }
    }

    fn sorted(mut colours: Vec<Lab>) -> Self {
        colours.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let mut sorted = [[0; 3]; SIZE];
        for (slot, colour) in sorted.iter_mut().zip(colours) {
            *slot = to_rgb(colour);
        }
        Self { colours: sorted }
    }

    pub fn colours(&self) -> &[Rgb; SIZE] {
        &self.colours
    }

    pub fn darkest(&self) -> Rgb {
        self.colours[0]
    }

    pub fn lightest(&self) -> Rgb {
        self.colours[4]
    }

    /// The colour at 0 (darkest) to 1 (lightest), smoothly in between.
    pub fn shade(&self, position: f32) -> Rgb {
        let place = position.clamp(0.0, 1.0) * (SIZE - 1) as f32;
        let lower = self.colours.get(place as usize).copied().unwrap_or(self.darkest());
        let upper = self.colours.get(place as usize + 1).copied().unwrap_or(self.lightest());
        mix(lower, upper, place.fract())
    }

    /// One of the three middle colours, which carry the prompt's hue.
    pub fn accent(&self, dice: &mut Dice) -> Rgb {
        self.colours.get(dice.range(1, SIZE - 1)).copied().unwrap_or(self.colours[2])
    }

    /// Mean lightness, 0 to 1: below a half the palette calls for a dark ground.
    pub fn lightness(&self) -> f32 {
        self.colours.iter().map(|colour| to_lab(*colour)[0]).sum::<f32>() / SIZE as f32
    }
}

/// The main colours of a picture, at most `count`, none of them alike.
pub fn find_main_colours(picture: &RgbaImage, count: usize) -> Vec<Rgb> {
    let mut found: Vec<Rgb> = Vec::new();
    for centre in find_clusters(&sample(picture), count).unwrap_or_default() {
        let colour = to_rgb(centre);
        // Two shades that hardly differ would only double the work.
        if found.iter().all(|other| distance(*other, colour) > 0.03) {
            found.push(colour);
        }
    }
    found
}

/// For every pixel the index of the colour it looks most like.
pub fn nearest_colours(picture: &RgbaImage, colours: &[Rgb]) -> Vec<u8> {
    let keys: Vec<Lab> = colours.iter().map(|colour| to_lab(*colour)).collect();
    let nearest = |here: Lab| {
        let gap = |key: &Lab| distance_squared(&here, key);
        (0_u8..).zip(&keys).min_by(|(_, a), (_, b)| gap(a).total_cmp(&gap(b))).map_or(0, |(index, _)| index)
    };
    list_labs(picture).map(nearest).collect()
}

/// For every pixel the perceived distance to the closest of the colours.
pub fn measure_gaps(picture: &RgbaImage, colours: &[Rgb]) -> Vec<f32> {
    let keys: Vec<Lab> = colours.iter().map(|colour| to_lab(*colour)).collect();
    let gap = |here: Lab| keys.iter().map(|key| distance_squared(&here, key)).fold(f32::MAX, f32::min).sqrt();
    list_labs(picture).map(gap).collect()
}

/// The visible pixels of a reduced copy.
fn sample(picture: &RgbaImage) -> Vec<Lab> {
    let small = thumbnail(picture, SAMPLE_SIDE_PX);
    small.pixels().zip(list_labs(&small)).filter(|(pixel, _)| pixel[3] > 127).map(|(_, lab)| lab).collect()
}

/// Between two colours, without the muddy middle of RGB mixing.
pub fn mix(from: Rgb, to: Rgb, part: f32) -> Rgb {
    let (from, to) = (to_lab(from), to_lab(to));
    let between = |a: f32, b: f32| a + (b - a) * part.clamp(0.0, 1.0);
    to_rgb([between(from[0], to[0]), between(from[1], to[1]), between(from[2], to[2])])
}

/// Perceived distance: about 0.02 is just visible, 1 is black to white.
pub fn distance(one: Rgb, other: Rgb) -> f32 {
    distance_squared(&to_lab(one), &to_lab(other)).sqrt()
}

/// Perceived lightness, 0 to 1.
pub fn lightness(colour: Rgb) -> f32 {
    to_lab(colour)[0]
}

/// Lower-case words with a plural s dropped.
pub fn list_words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            let word = word.to_lowercase();
            match word.strip_suffix('s') {
                Some(stem) if stem.len() > 2 && !stem.ends_with('s') => stem.to_owned(),
                _ => word,
            }
        })
        .collect()
}

fn list_named(text: &str) -> Vec<&'static [u32]> {
    let mut found: Vec<&'static [u32]> = Vec::new();
    for word in list_words(text) {
        let entry = VOCABULARY.iter().find(|(names, _)| names.split(' ').any(|name| name == word));
        if let Some((_, colours)) = entry
            && !found.contains(colours)
        {
            found.push(colours);
        }
    }
    found
}

/// Adds neighbours of the first colour until there are five, and makes sure of
/// one dark and one light end: without contrast every composition is mush.
fn complete(colours: &mut Vec<Lab>, dice: &mut Dice) {
    let [base, a, b] = colours.first().copied().unwrap_or([0.5, 0.0, 0.0]);
    let (chroma, hue) = (a.hypot(b), b.atan2(a));
    let swing = dice.range(0.25, 0.9) * if dice.chance(0.5) { 1.0 } else { -1.0 };
    // A vivid far neighbour keeps one-colour prompts from looking like a tint.
    let additions = [
        polar((base + 0.12).min(0.82), chroma, hue + swing),
        polar(0.27, (chroma * 0.55).min(0.09), hue - swing * 0.4),
        polar(0.93, (chroma * 0.3).min(0.05), hue + swing * 0.5),
        polar((base - 0.16).max(0.38), chroma * 0.9, hue - swing),
    ];
    for addition in additions {
        if colours.len() < SIZE {
            colours.push(addition);
        }
    }
    let by_lightness = |x: &&mut Lab, y: &&mut Lab| x[0].total_cmp(&y[0]);
    if let Some(darkest) = colours.iter_mut().min_by(by_lightness) {
        *darkest = [darkest[0].min(0.32), darkest[1], darkest[2]];
    }
    if let Some(lightest) = colours.iter_mut().max_by(by_lightness) {
        *lightest = [lightest[0].max(0.88), lightest[1] * 0.8, lightest[2] * 0.8];
    }
}

/// K-means from far-apart starting points, so that a small vivid accent gets
/// its own cluster. `None` when there is nothing to group.
fn find_clusters(samples: &[Lab], count: usize) -> Option<Vec<Lab>> {
    let mut centres = vec![*samples.first()?];
    while centres.len() < count {
        let gap = |sample: &Lab| {
            centres.iter().map(|centre| distance_squared(sample, centre)).fold(f32::MAX, f32::min)
        };
        let farthest = samples.iter().max_by(|a, b| gap(a).total_cmp(&gap(b)))?;
        centres.push(*farthest);
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![([0.0_f32; 3], 0.0_f32); count];
        for sample in samples {
            let nearest = centres
                .iter()
                .enumerate()
                .min_by(|(_, a), (_, b)| distance_squared(sample, a).total_cmp(&distance_squared(sample, b)));
            if let Some((total, size)) = nearest.and_then(|(index, _)| sums.get_mut(index)) {
                for (part, value) in total.iter_mut().zip(sample) {
                    *part += value;
                }
                *size += 1.0;
            }
        }
        for (centre, (total, size)) in centres.iter_mut().zip(&sums) {
            if *size > 0.0 {
                *centre = [total[0] / size, total[1] / size, total[2] / size];
            }
        }
    }
    Some(centres)
}

fn distance_squared(one: &Lab, other: &Lab) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn unpack(code: u32) -> Rgb {
    let [_, red, green, blue] = code.to_be_bytes();
    [red, green, blue]
}

fn polar(lightness: f32, chroma: f32, hue: f32) -> Lab {
    [lightness, chroma * hue.cos(), chroma * hue.sin()]
}

fn to_lab(colour: Rgb) -> Lab {
    from_linear(colour.map(linearise))
}

fn linearise(channel: u8) -> f32 {
    let value = f32::from(channel) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Every pixel in OKLab. A table of the 256 channel values saves most of the
/// arithmetic, which counts on whole pictures.
fn list_labs(picture: &RgbaImage) -> impl Iterator<Item = Lab> + '_ {
    let table: Vec<f32> = (0..=255_u8).map(linearise).collect();
    let linear = move |channel: u8| table.get(usize::from(channel)).copied().unwrap_or(0.0);
    picture.pixels().map(move |pixel| from_linear([linear(pixel[0]), linear(pixel[1]), linear(pixel[2])]))
}

fn from_linear([r, g, b]: [f32; 3]) -> Lab {
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn to_rgb([lightness, a, b]: Lab) -> Rgb {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let linear = [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_93 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ];
    linear.map(|value| {
        let value = value.clamp(0.0, 1.0);
        let coded = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (coded * 255.0 + 0.5) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(prompt: &str) -> Palette {
        Palette::from_prompt(prompt, &mut Dice::new(&[prompt.as_bytes()]))
    }

    fn closest(palette: &Palette, wanted: Rgb) -> f32 {
        palette.colours().iter().map(|colour| distance(*colour, wanted)).fold(f32::MAX, f32::min)
    }

    #[test]
    fn colour_words_show_in_the_palette() {
        assert!(closest(&named("a red fox"), [0xd8, 0x26, 0x3c]) < 0.02);
        assert!(closest(&named("Teal waves, gold trim"), [0x0f, 0xa3, 0xa3]) < 0.02);
        assert!(closest(&named("Teal waves, gold trim"), [0xe2, 0xa8, 0x1c]) < 0.02);
        assert!(closest(&named("a teal fox"), [0xd8, 0x26, 0x3c]) > 0.1);
    }

    #[test]
    fn unwanted_colours_stay_out() {
        let mut dice = Dice::new(&[b"x"]);
        let palette = Palette::from_words("red and blue", "red", &mut dice);
        assert!(closest(&palette, [0xd8, 0x26, 0x3c]) > 0.08);
        assert!(closest(&palette, [0x25, 0x63, 0xd9]) < 0.02);
    }

    #[test]
    fn every_palette_runs_from_dark_to_light() {
        for prompt in ["", "white snow", "black ink", "gold", "night city", "pastel candy", "fire"] {
            let palette = named(prompt);
            let steps: Vec<f32> = palette.colours().iter().map(|colour| lightness(*colour)).collect();
            assert!(steps.is_sorted_by(|a, b| a <= &(b + 0.02)), "{prompt}: {steps:?}");
            assert!(
                lightness(palette.lightest()) - lightness(palette.darkest()) > 0.45,
                "{prompt}: {steps:?}"
            );
        }
    }

    #[test]
    fn a_picture_gives_back_its_own_colours() {
        let wanted: [Rgb; 3] = [[200, 30, 30], [20, 40, 160], [240, 230, 200]];
        let picture = RgbaImage::from_fn(60, 60, |x, y| {
            let [r, g, b] = if x < 6 && y < 6 {
                wanted[0]
            } else if y < 30 {
                wanted[1]
            } else {
                wanted[2]
            };
            image::Rgba([r, g, b, 255])
        });
        let palette = Palette::from_picture(&picture);
        for colour in wanted {
            assert!(closest(&palette, colour) < 0.06, "{colour:?} {palette:?}");
        }
        let _ = Palette::from_picture(&RgbaImage::new(4, 4));
    }

    #[test]
    fn conversions_return_where_they_came_from() {
        for colour in [[0, 0, 0], [255, 255, 255], [12, 200, 99], [255, 0, 0]] {
            assert_eq!(to_rgb(to_lab(colour)), colour);
            assert_eq!(mix(colour, [1, 2, 3], 0.0), colour);
        }
    }
}
