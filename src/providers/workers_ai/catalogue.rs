//! The models of Workers AI: what each takes and costs. Cloudflare bills neurons and gives ten thousand a day away; the
//! prices here are those of its pages in dollars, as if nothing were free.

use crate::models::codec::{Codec, Field, Form, Source};
use crate::models::parameter::Kind;
use crate::models::price::{Per, Rate};
use crate::models::{Capability as C, GuidanceKind, GuidanceSlot, Modality, Model, Need, Parameter, Price};

const VERIFIED_ON: &str = "2026-11-21";

/// What is asked to see whether the binding works.
pub const CHEAPEST: &str = "@cf/black-forest-labs/flux-1-schnell";

const fn side(name: &'static str, most: i64, default: i64) -> Parameter {
    Parameter { name, help: "Pixels.", kind: Kind::Integer { least: 256, most, default } }
}

const fn steps(most: i64, default: i64) -> Parameter {
    let help = "More steps give more detail and take longer.";
    Parameter { name: "num_inference_steps", help, kind: Kind::Integer { least: 1, most, default } }
}

const fn guidance(least: f64, most: f64, default: f64) -> Parameter {
    let help = "Higher follows the prompt more closely.";
    Parameter { name: "guidance_scale", help, kind: Kind::Number { least, most, default } }
}

const fn plain(to: &'static str, from: Source) -> Field {
    Field { to, from, form: Form::Plain }
}

const PROMPT: Field = plain("prompt", Source::Prompt);
const SEED: Field = plain("seed", Source::Seed);
const WIDTH: Field = plain("width", Source::Option("width"));
const HEIGHT: Field = plain("height", Source::Option("height"));
const GUIDANCE: Field = plain("guidance", Source::Option("guidance_scale"));
const STEPS: Field = plain("num_steps", Source::Option("num_inference_steps"));
const NEGATIVE: Field = plain("negative_prompt", Source::NegativePrompt);
/// Our strength is how much of the picture stays.
const CHANGE: Field =
    Field { to: "strength", from: Source::Strength(GuidanceKind::InitImage), form: Form::Opposite };

const fn listed(per: Per, rates: &'static [Rate]) -> Price {
    Price::Listed { per, rates, verified_on: VERIFIED_ON }
}

const fn always(micros: u64) -> Rate {
    Rate { when: &[], micros }
}

const fn codec(fields: &'static [Field]) -> Codec {
    Codec { fields, outputs: &[] }
}

const fn slot(kind: GuidanceKind, required: bool, at_most: usize) -> GuidanceSlot {
    GuidanceSlot { kind, required, at_most }
}

const BASE: Model = Model {
    id: "",
    name: "",
    modality: Modality::Image,
    capabilities: &[C::TextToImage],
    summary: "",
    prompt_format: "One or two plain sentences: subject, setting, style, light.",
    prompt: Need::Required,
    parameters: &[],
    guidance: &[],
    mask: Need::No,
    post: &[],
    max_batch: 8,
    per_call: 1,
    price: listed(Per::Output, &[]),
    endpoint: "",
    codec: Codec::NONE,
    alternates: &[],
    placeholder: false,
};

const SPEECH: Model = Model {
    modality: Modality::Audio,
    capabilities: &[C::TextToSpeech],
    prompt_format: "The words to be spoken.",
    max_batch: 4,
    ..BASE
};

pub const MODELS: &[Model] = &[
    Model {
        id: "flux-2-klein-workers-ai",
        name: "FLUX.2 klein 4B (Workers AI)",
        capabilities: &[C::TextToImage, C::ImageToImage],
        summary: "Draws and edits in a few seconds for a tenth of a cent; takes up to four pictures.",
        parameters: &[side("width", 1920, 1024), side("height", 1920, 1024)],
        guidance: &[slot(GuidanceKind::InitImage, false, 1), slot(GuidanceKind::Reference, false, 3)],
        // Four tiles of 512 pixels a megapixel; of four pictures given, shrunk to a tile each, four more.
        price: listed(Per::Megapixel { most: 4 }, &[always(1_384)]),
        endpoint: "@cf/black-forest-labs/flux-2-klein-4b",
        codec: codec(&[PROMPT, SEED, WIDTH, HEIGHT]),
        ..BASE
    },
    Model {
        id: "flux-schnell-workers-ai",
        name: "FLUX.1 schnell (Workers AI)",
        summary: "Square picture in a second or two for a fraction of a cent; for drafts and many variants.",
        parameters: &[steps(8, 4)],
        // Four tiles and at most eight steps.
        price: listed(
            Per::Output,
            &[
                Rate { when: &[("num_inference_steps", "4")], micros: 634 },
                always(1_056),
            ],
        ),
        endpoint: CHEAPEST,
        codec: codec(&[PROMPT, plain("steps", Source::Option("num_inference_steps"))]),
        alternates: &["flux-schnell"],
        ..BASE
    },
    Model {
        id: "lucid-origin-workers-ai",
        name: "Lucid Origin (Workers AI)",
        summary: "Leonardo's all-round model: graphic design, legible text and many styles, up to full HD.",
        parameters: &[side("width", 2500, 1120), side("height", 2500, 1120), guidance(0.0, 10.0, 4.5)],
        // Four tiles a megapixel, and forty steps at most.
        price: listed(Per::Megapixel { most: 6 }, &[always(33_280)]),
        endpoint: "@cf/leonardo/lucid-origin",
        codec: codec(&[PROMPT, SEED, WIDTH, HEIGHT, GUIDANCE]),
        ..BASE
    },
    Model {
        id: "phoenix-workers-ai",
        name: "Phoenix 1.0 (Workers AI)",
        summary: "Leonardo's model for prompts that must be followed to the letter, with coherent text.",
        parameters: &[
            side("width", 2048, 1024),
            side("height", 2048, 1024),
            guidance(2.0, 10.0, 2.0),
            steps(50, 25),
        ],
        price: listed(Per::Megapixel { most: 4 }, &[always(28_700)]),
        endpoint: "@cf/leonardo/phoenix-1.0",
        codec: codec(&[PROMPT, NEGATIVE, SEED, WIDTH, HEIGHT, GUIDANCE, STEPS]),
        ..BASE
    },
    Model {
        id: "sd-1.5-img2img-workers-ai",
        name: "Stable Diffusion 1.5 img2img (Workers AI)",
        capabilities: &[C::ImageToImage],
        summary: "Redraws a small picture after a prompt; an old model, free while it is in beta.",
        parameters: &[steps(20, 20), guidance(1.0, 20.0, 7.5)],
        guidance: &[slot(GuidanceKind::InitImage, true, 1)],
        price: listed(Per::Output, &[always(0)]),
        endpoint: "@cf/runwayml/stable-diffusion-v1-5-img2img",
        codec: codec(&[PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE, CHANGE]),
        ..BASE
    },
    Model {
        id: "sd-1.5-inpaint-workers-ai",
        name: "Stable Diffusion 1.5 Inpainting (Workers AI)",
        capabilities: &[C::Inpainting],
        summary: "Repaints the white part of a mask on a small picture; an old model, free while it is in beta.",
        parameters: &[steps(20, 20), guidance(1.0, 20.0, 7.5)],
        guidance: &[slot(GuidanceKind::InitImage, true, 1)],
        mask: Need::Required,
        price: listed(Per::Output, &[always(0)]),
        endpoint: "@cf/runwayml/stable-diffusion-v1-5-inpainting",
        codec: codec(&[PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE]),
        ..BASE
    },
    Model {
        id: "aura-2-workers-ai",
        name: "Aura 2 (Workers AI)",
        summary: "Natural English speech by Deepgram, in forty voices.",
        parameters: &[Parameter {
            name: "voice",
            help: "Who speaks.",
            kind: Kind::Choice {
                of: &[
                    "amalthea", "andromeda", "apollo", "arcas", "aries", "asteria", "athena", "atlas", "aurora",
                    "callista", "cora", "cordelia", "delia", "draco", "electra", "harmonia", "helena", "hera",
                    "hermes", "hyperion", "iris", "janus", "juno", "jupiter", "luna", "mars", "minerva", "neptune",
                    "odysseus", "ophelia", "orion", "orpheus", "pandora", "phoebe", "pluto", "saturn", "thalia",
                    "theia", "vesta", "zeus",
                ],
                default: "luna",
            },
        }],
        price: listed(Per::ThousandCharacters, &[always(30_000)]),
        endpoint: "@cf/deepgram/aura-2-en",
        codec: codec(&[
            plain("text", Source::Prompt),
            plain("speaker", Source::Option("voice")),
            plain("encoding", Source::Text("mp3")),
        ]),
        ..SPEECH
    },
    Model {
        id: "melotts-workers-ai",
        name: "MeloTTS (Workers AI)",
        summary: "Plain speech in six languages for almost nothing.",
        parameters: &[Parameter {
            name: "language",
            help: "ISO 639-1 code.",
            kind: Kind::Choice { of: &["en", "es", "fr", "zh", "ja", "ko"], default: "en" },
        }],
        // $0.0002 a minute; a thousand characters are spoken in less than two.
        price: listed(Per::ThousandCharacters, &[always(400)]),
        endpoint: "@cf/myshell-ai/melotts",
        codec: codec(&[PROMPT, plain("lang", Source::Option("language"))]),
        ..SPEECH
    },
];
