//! The catalogue of parametric objects the offline provider can make, and what they look like.
//!
//! For: choosing an object by words or by seed and giving it colours and a surface.
//! Proportions, counts and colours come from the dice, so each seed gives another one.
//!
//! Not for: anything outside this list. Units are metres and colours linear, as in glTF 2.0.

use super::brush::{Colour, from_hue, mix};
use super::crafted::{
    build_chest, build_gear, build_house, build_knot, build_robot, build_rocket, build_vase,
};
use super::dice::Dice;
use super::form::Form;
use super::glb::Triple;
use super::natural::{build_gem, build_mushroom, build_planet, build_rock, build_tree};
use super::view::to_linear;
use super::words::Words;

/// What can be made.
#[derive(Clone, Copy, PartialEq)]
pub enum Object {
    Vase,
    Gear,
    Gem,
    Rock,
    Chest,
    Tree,
    Mushroom,
    Rocket,
    Robot,
    House,
    Planet,
    Knot,
}

/// Words for each object; the first match in this order wins.
const NAMES: [(Object, &str, &[&str]); 12] = [
    (Object::Vase, "vase", &["vase", "pot", "urn", "jar", "bottle", "cup", "goblet", "amphora", "pottery"]),
    (Object::Gear, "gear", &["gear", "cog", "machine", "wheel", "mechanical", "engine", "car"]),
    (Object::Gem, "gem", &["gem", "crystal", "diamond", "jewel", "ruby", "emerald", "sapphire", "ice"]),
    (Object::Rock, "rock", &["rock", "stone", "asteroid", "boulder", "meteor", "mountain", "potato"]),
    (Object::Chest, "chest", &["chest", "box", "crate", "treasure", "trunk", "loot"]),
    (Object::Tree, "tree", &["tree", "pine", "fir", "plant", "christmas", "forest"]),
    (Object::Mushroom, "mushroom", &["mushroom", "toadstool", "fungus", "lamp", "umbrella"]),
    (Object::Rocket, "rocket", &["rocket", "spaceship", "missile", "ship", "shuttle"]),
    (Object::Robot, "robot", &["robot", "android", "character", "figure", "person", "toy", "knight"]),
    (Object::House, "house", &["house", "cottage", "home", "hut", "building", "cabin", "castle"]),
    (Object::Planet, "planet", &["planet", "globe", "moon", "earth", "world", "ball", "sphere"]),
    (Object::Knot, "knot", &["knot", "abstract", "sculpture", "ring", "torus", "loop", "pretzel"]),
];

impl Object {
    /// A prompt for each object, for tests and demonstrations.
    pub const SAMPLES: [&'static str; 12] = [
        "vase", "gear", "gem", "rock", "chest", "tree", "mushroom", "rocket", "robot", "house", "planet",
        "knot",
    ];

    /// The object the words name, else one of the shapes that stand for anything.
    pub fn choose(words: &Words, dice: &mut Dice) -> Object {
        let named = NAMES.iter().find(|(_, _, names)| words.said(names)).map(|(object, ..)| *object);
        named.unwrap_or(match dice.range(0, 4) {
            0 => Object::Knot,
            1 => Object::Gem,
            2 => Object::Vase,
            _ => Object::Planet,
        })
    }

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(object, ..)| *object == self).map_or("solid", |(_, name, _)| name)
    }

    /// Metallic and rough parts from 0 to 1, and the angle in degrees above which edges are sharp.
    pub fn surface(self, words: &Words) -> (f32, f32, f32) {
        let metal = words.said(&[
            "metal", "metallic", "gold", "golden", "silver", "steel", "iron", "bronze", "copper", "chrome",
        ]);
        let (metallic, roughness, crease_degrees) = match self {
            Object::Vase => (0.0, 0.28, 60.0),
            Object::Gear => (0.85, 0.38, 30.0),
            Object::Gem => (0.1, 0.08, 4.0),
            Object::Rock => (0.0, 0.95, 50.0),
            Object::Chest | Object::House => (0.0, 0.8, 30.0),
            Object::Tree => (0.0, 0.9, 35.0),
            Object::Mushroom => (0.0, 0.5, 60.0),
            Object::Rocket => (0.1, 0.35, 40.0),
            Object::Robot => (0.35, 0.4, 40.0),
            Object::Planet => (0.0, 0.75, 60.0),
            Object::Knot => (0.15, 0.22, 60.0),
        };
        if metal { (0.9, 0.25, crease_degrees) } else { (metallic, roughness, crease_degrees) }
    }

    /// Builds it with surfaces about `fineness` cells long.
    pub fn build(self, fineness: u32, words: &Words, dice: &mut Dice) -> Form {
        let paint = Paint::choose(self, words, dice);
        let mut form = Form::default();
        match self {
            Object::Vase => build_vase(&mut form, fineness, &paint, dice),
            Object::Gear => build_gear(&mut form, fineness, &paint, dice),
            Object::Gem => build_gem(&mut form, fineness, &paint, dice),
            Object::Rock => build_rock(&mut form, fineness, &paint, dice),
            Object::Chest => build_chest(&mut form, fineness, &paint),
            Object::Tree => build_tree(&mut form, fineness, &paint, dice),
            Object::Mushroom => build_mushroom(&mut form, fineness, &paint, dice),
            Object::Rocket => build_rocket(&mut form, fineness, &paint),
            Object::Robot => build_robot(&mut form, fineness, &paint, dice),
            Object::House => build_house(&mut form, &paint, dice),
            Object::Planet => build_planet(&mut form, fineness, &paint, dice),
            Object::Knot => build_knot(&mut form, fineness, &paint, dice),
        }
        form
    }

    /// Twelve faces in its colours, for limits too small for the object itself.
    pub fn simplest(self, words: &Words, dice: &mut Dice) -> Form {
        let paint = Paint::choose(self, words, dice);
        let mut form = Form::default();
        form.block([-0.4; 3], [0.4; 3], paint.main);
        form
    }
}

/// The linear colours of one object.
pub struct Paint {
    /// The named colour, or the object's own.
    pub main: Triple,
    /// Across the colour wheel, for accents.
    pub second: Triple,
    /// The main colour towards white.
    pub light: Triple,
    /// The main colour towards black.
    pub dark: Triple,
}

impl Paint {
    fn choose(object: Object, words: &Words, dice: &mut Dice) -> Paint {
        let hue = dice.unit();
        let own: Colour = match object {
            Object::Gear => mix([150.0, 152.0, 160.0], from_hue(hue), 0.25),
            Object::Rock => mix([134.0, 126.0, 118.0], from_hue(hue), 0.14),
            Object::Chest => mix([146.0, 90.0, 46.0], from_hue(hue), 0.1),
            Object::Tree => mix([52.0, 128.0, 66.0], from_hue(hue), 0.16),
            Object::Mushroom => mix([206.0, 46.0, 40.0], from_hue(hue), 0.2),
            Object::House => mix([236.0, 222.0, 196.0], from_hue(hue), 0.15),
            Object::Planet => mix([40.0, 104.0, 186.0], from_hue(hue), 0.22),
            // Glazes and lacquers: lively, but never as loud as a pure hue.
            _ => mix(from_hue(hue), [214.0, 200.0, 186.0], 0.22),
        };
        let main = words.colour().unwrap_or(own);
        let second = mix(from_hue(hue + 0.42), main, 0.25);
        Paint {
            main: linear(main),
            second: linear(second),
            light: linear(mix(main, [255.0; 3], 0.7)),
            dark: linear(mix(main, [18.0, 16.0, 22.0], 0.72)),
        }
    }
}

fn linear(colour: Colour) -> Triple {
    colour.map(|value| to_linear(value as u8))
}
