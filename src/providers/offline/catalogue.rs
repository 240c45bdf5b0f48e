//! The models of the embedded provider: what each takes and costs. Prices are small but real, so that the
//! money can be seen to move.

use super::compose::{FPS_MIN, PICTURES_MAX, SECONDS_MAX};
use super::film::DURATION_MAX_SECONDS;
use super::paint::{MAX_SIDE_PX, MIN_SIDE_PX};
use super::solid::{DETAIL_MAX_FACES, DETAIL_MIN_FACES};
use super::sound::{EFFECT_MAX_SECONDS, MUSIC_MAX_SECONDS};
use crate::models::parameter::Kind;
use crate::models::{Capability as C, Codec, GuidanceKind, GuidanceSlot, Modality, Model, Need, Parameter, Price};
use crate::units::Units;

const WIDTH: Parameter = pixels("width", "Pixels.", MIN_SIDE_PX as i64, MAX_SIDE_PX as i64, 512);
const HEIGHT: Parameter = pixels("height", "Pixels.", MIN_SIDE_PX as i64, MAX_SIDE_PX as i64, 512);
/// A film is drawn frame by frame in the isolate; this is what it draws in a second or two.
const FILM_WIDTH: Parameter = pixels("width", "Pixels, rounded down to an even number.", 64, 640, 320);
const FILM_HEIGHT: Parameter = pixels("height", "Pixels, rounded down to an even number.", 64, 640, 176);
const QUALITY: Parameter = Parameter {
    name: "quality",
    help: "low halves the price, high doubles it; the picture is the same.",
    kind: Kind::Choice { of: &["low", "medium", "high"], default: "medium" },
};
const FORMAT: Parameter = Parameter {
    name: "output_format",
    help: "File format.",
    kind: Kind::Choice { of: &["png", "webp", "jpeg"], default: "png" },
};
const FPS: Parameter =
    Parameter { name: "fps", help: "Frames per second.", kind: Kind::Integer { least: 4, most: 24, default: 12 } };
const FILM_SECONDS: Parameter = Parameter {
    name: "duration_seconds",
    help: "Whole seconds.",
    kind: Kind::Integer { least: 1, most: DURATION_MAX_SECONDS as i64, default: 2 },
};
const COMPOSE_FPS: Parameter = Parameter {
    name: "fps",
    help: "Frames per second at most: a film of more than 384 frames is made with fewer.",
    kind: Kind::Integer { least: FPS_MIN as i64, most: 24, default: 12 },
};
const SECONDS_PER_PICTURE: Parameter = Parameter {
    name: "seconds_per_picture",
    help: "Seconds, for each picture.",
    kind: Kind::Number { least: 1.0, most: SECONDS_MAX as f64, default: 2.0 },
};
const FACES: Parameter = Parameter {
    name: "face_limit",
    help: "Triangles at most.",
    kind: Kind::Integer { least: DETAIL_MIN_FACES as i64, most: DETAIL_MAX_FACES as i64, default: 4_000 },
};

const fn pixels(name: &'static str, help: &'static str, least: i64, most: i64, default: i64) -> Parameter {
    Parameter { name, help, kind: Kind::Integer { least, most, default } }
}

const fn slot(kind: GuidanceKind, required: bool) -> GuidanceSlot {
    GuidanceSlot { kind, required, at_most: 1 }
}

const fn price(output: i64, second: i64) -> Price {
    Price::Units { output: Units::thousandths(output), second: Units::thousandths(second), post: Units::thousandths(500) }
}

const POST: &[C] = &[C::Upscale, C::Vectorize, C::RemoveBackground];
const PROMPT: &str = "A few plain words: subject, colours, mood. \"on a transparent background\" gives an icon.";

/// What most models share; each below says what differs.
const BASE: Model = Model {
    id: "",
    name: "",
    modality: Modality::Image,
    capabilities: &[],
    summary: "",
    prompt_format: PROMPT,
    prompt: Need::Required,
    parameters: &[],
    guidance: &[],
    mask: Need::No,
    post: &[],
    max_batch: 16,
    per_call: 16,
    price: price(1000, 0),
    endpoint: "",
    codec: Codec::NONE,
    alternates: &[],
    placeholder: true,
};

/// For models that only change a picture.
const TOOL: Model = Model {
    prompt_format: "",
    prompt: Need::No,
    guidance: &[slot(GuidanceKind::InitImage, true)],
    max_batch: 1,
    price: price(500, 0),
    ..BASE
};

pub const MODELS: &[Model] = &[
    Model {
        id: "offline-image",
        name: "Offline Image",
        capabilities: &[C::TextToImage, C::ImageToImage, C::StyleReference],
        summary: "Drawn picture that follows words and colours of the prompt; also restyles a picture or takes its palette.",
        parameters: &[WIDTH, HEIGHT, QUALITY, FORMAT],
        guidance: &[slot(GuidanceKind::InitImage, false), slot(GuidanceKind::Reference, false), slot(GuidanceKind::Style, false)],
        post: POST,
        ..BASE
    },
    Model {
        id: "offline-inpaint",
        name: "Offline Inpaint",
        capabilities: &[C::Inpainting],
        summary: "Repaints the white part of a mask and leaves every other pixel as it was.",
        parameters: &[FORMAT],
        guidance: &[slot(GuidanceKind::InitImage, true)],
        mask: Need::Required,
        post: POST,
        max_batch: 8,
        ..BASE
    },
    Model {
        id: "offline-upscale",
        name: "Offline Upscale",
        capabilities: &[C::Upscale],
        summary: "Enlarges a picture up to 4 times with a Lanczos filter.",
        parameters: &[
            Parameter { name: "upscale_ratio", help: "How many times larger.", kind: Kind::Number { least: 1.0, most: 4.0, default: 2.0 } },
            FORMAT,
        ],
        ..TOOL
    },
    Model {
        id: "offline-vectorize",
        name: "Offline Vectorize",
        capabilities: &[C::Vectorize],
        summary: "Traces a picture into an SVG of flat colour areas.",
        ..TOOL
    },
    Model {
        id: "offline-cutout",
        name: "Offline Cutout",
        capabilities: &[C::RemoveBackground],
        summary: "Makes the background transparent where it has one colour reaching the border.",
        ..TOOL
    },
    Model {
        id: "offline-video",
        name: "Offline Video",
        modality: Modality::Video,
        capabilities: &[C::TextToVideo, C::ImageToVideo],
        summary: "Silent animated scene as MP4, from words or moving over a first frame.",
        prompt_format: "Scene, mood and weather in a few words: land, sea, city, space, rain, night.",
        parameters: &[FILM_WIDTH, FILM_HEIGHT, FILM_SECONDS, FPS, QUALITY],
        guidance: &[slot(GuidanceKind::FirstFrame, false), slot(GuidanceKind::InitImage, false)],
        max_batch: 4,
        price: price(1000, 500),
        ..BASE
    },
    Model {
        id: "offline-lipsync",
        name: "Offline Lipsync",
        modality: Modality::Video,
        capabilities: &[C::Lipsync],
        summary: "Moves a drawn mouth over a portrait by the loudness of a WAV of up to 10 seconds; silent MP4.",
        parameters: &[FILM_WIDTH, FILM_HEIGHT, FPS],
        guidance: &[slot(GuidanceKind::InitImage, true), slot(GuidanceKind::Audio, true)],
        price: price(2000, 0),
        ..TOOL
    },
    Model {
        id: "offline-compose",
        name: "Offline Compose",
        modality: Modality::Video,
        capabilities: &[C::ComposeVideo],
        summary: "Slideshow of 1 to 16 pictures as MP4, panned and cross-faded, with a WAV as sound track, cut to their length.",
        parameters: &[FILM_WIDTH, FILM_HEIGHT, COMPOSE_FPS, SECONDS_PER_PICTURE],
        guidance: &[
            GuidanceSlot { kind: GuidanceKind::Reference, required: true, at_most: PICTURES_MAX },
            slot(GuidanceKind::Audio, false),
        ],
        price: price(1000, 0),
        ..TOOL
    },
    Model {
        id: "offline-solid",
        name: "Offline Solid",
        modality: Modality::ThreeD,
        capabilities: &[C::TextTo3d],
        summary: "Coloured 3D object as GLB, chosen by words such as chest, gem, vase, tree, gear or rock.",
        prompt_format: "Name the object and its colour or material.",
        parameters: &[FACES, QUALITY],
        max_batch: 4,
        price: price(3000, 0),
        ..BASE
    },
    Model {
        id: "offline-relief",
        name: "Offline Relief",
        modality: Modality::ThreeD,
        capabilities: &[C::ImageTo3d],
        summary: "Turns a picture into a coloured relief as GLB: bright parts stand out.",
        parameters: &[FACES],
        guidance: &[GuidanceSlot { kind: GuidanceKind::Reference, required: true, at_most: 1 }],
        price: price(3000, 0),
        ..TOOL
    },
    Model {
        id: "offline-music",
        name: "Offline Music",
        modality: Modality::Audio,
        capabilities: &[C::Music],
        summary: "Short instrumental as WAV; tempo, mode and timbre follow words of the prompt.",
        prompt_format: "Mood, tempo and instruments: calm piano, fast dark synth.",
        parameters: &[Parameter {
            name: "duration_seconds",
            help: "Seconds.",
            kind: Kind::Number { least: 1.0, most: MUSIC_MAX_SECONDS as f64, default: 6.0 },
        }],
        max_batch: 4,
        price: price(500, 100),
        ..BASE
    },
    Model {
        id: "offline-sound",
        name: "Offline Sound",
        modality: Modality::Audio,
        capabilities: &[C::SoundEffects],
        summary: "Sound effect as WAV: rain, wind, explosion, laser, bell, door, footsteps and more.",
        prompt_format: "Name the sound.",
        parameters: &[Parameter {
            name: "duration_seconds",
            help: "Seconds.",
            kind: Kind::Number { least: 0.5, most: EFFECT_MAX_SECONDS as f64, default: 2.0 },
        }],
        max_batch: 4,
        price: price(250, 50),
        ..BASE
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_capability_but_speech_can_be_tried() {
        let offered: BTreeSet<_> = MODELS.iter().flat_map(|model| model.capabilities).copied().collect();
        let missing: Vec<_> = C::ALL.iter().filter(|capability| !offered.contains(capability)).collect();
        assert_eq!(missing, [&C::TextToSpeech], "tones are not speech, so it is not claimed");
    }

    #[test]
    fn ids_are_unique_and_defaults_are_within_bounds() {
        let ids: BTreeSet<_> = MODELS.iter().map(|model| model.id).collect();
        assert_eq!(ids.len(), MODELS.len());
        for model in MODELS {
            for parameter in model.parameters {
                let default = parameter.default_value();
                assert_eq!(parameter.check(&default).as_ref(), Ok(&default), "{} {}", model.id, parameter.name);
            }
        }
    }
}
