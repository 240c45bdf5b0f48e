//! What a server of the operator's own may have: generic, because nobody knows which models lie there. Which routes it
//! answers is its own matter; one that it has not is refused with its own words.

use super::{INPAINTING, MESHES, SOUNDS, UPSCALE};
use crate::models::codec::{Codec, Field, Form, Source};
use crate::models::parameter::Kind;
use crate::models::price::{Per, Rate};
use crate::models::{Capability as C, GuidanceKind, GuidanceSlot, Modality, Model, Need, Parameter, Price};

const fn side(name: &'static str) -> Parameter {
    Parameter { name, help: "Pixels.", kind: Kind::Integer { least: 64, most: 2048, default: 512 } }
}

/// The name under which the server keeps a model.
const fn model(default: &'static str) -> Parameter {
    Parameter {
        name: "model",
        help: "The server's own name for the model; empty: the one it has.",
        kind: Kind::Text { most_chars: 200, default },
    }
}

const fn plain(to: &'static str, from: Source) -> Field {
    Field { to, from, form: Form::Plain }
}

const PROMPT: Field = plain("prompt", Source::Prompt);
const MODEL: Field = plain("model", Source::Option("model"));
const SIZE: Field = Field { to: "size", from: Source::Size, form: Form::Joined("x") };
/// stable-diffusion.cpp knows no other form; LocalAI would leave the file on its disk.
const INSIDE: Field = plain("response_format", Source::Text("b64_json"));

const FREE: Price = Price::Listed {
    per: Per::Output,
    rates: &[Rate { when: &[], micros: 0 }],
    // The operator's own machine; `MODELS` can give it a price.
    verified_on: "2026-11-21",
};

const fn slot(kind: GuidanceKind, required: bool, at_most: usize) -> GuidanceSlot {
    GuidanceSlot { kind, required, at_most }
}

const BASE: Model = Model {
    id: "",
    name: "",
    modality: Modality::Image,
    capabilities: &[],
    summary: "",
    prompt_format: "As the model on the server wants it; plain words separated by commas suit most.",
    prompt: Need::Required,
    parameters: &[],
    guidance: &[],
    mask: Need::No,
    post: &[],
    max_batch: 4,
    per_call: 1,
    price: FREE,
    endpoint: "",
    codec: Codec::NONE,
    alternates: &[],
    placeholder: false,
};

pub const MODELS: &[Model] = &[
    Model {
        id: "local-image",
        name: "Local Image",
        capabilities: &[C::TextToImage],
        summary: "Picture from words, drawn by the operator's own server; free.",
        parameters: &[side("width"), side("height"), model("")],
        codec: Codec { fields: &[PROMPT, MODEL, SIZE, INSIDE], outputs: &[] },
        ..BASE
    },
    Model {
        id: "local-image-edit",
        name: "Local Image Edit",
        capabilities: &[C::ImageToImage, C::Inpainting],
        summary: "Changes a picture, or the part of it that a mask shows, on the operator's own server; free.",
        parameters: &[model("")],
        guidance: &[slot(GuidanceKind::InitImage, true, 1), slot(GuidanceKind::Reference, false, 4)],
        mask: Need::Optional,
        codec: Codec { fields: &[PROMPT, MODEL, INSIDE], outputs: &[] },
        ..BASE
    },
    Model {
        id: "localai-inpaint",
        name: "LocalAI Inpaint",
        capabilities: &[C::Inpainting],
        summary: "Repaints the white part of a mask on the operator's own LocalAI; free.",
        parameters: &[model("stablediffusion")],
        guidance: &[slot(GuidanceKind::InitImage, true, 1)],
        mask: Need::Required,
        endpoint: INPAINTING,
        codec: Codec { fields: &[PROMPT, MODEL, INSIDE], outputs: &[] },
        ..BASE
    },
    Model {
        id: "localai-upscale",
        name: "LocalAI Upscale",
        capabilities: &[C::Upscale],
        summary: "Enlarges a picture 2 or 4 times on the operator's own LocalAI; free.",
        prompt_format: "",
        prompt: Need::No,
        parameters: &[
            Parameter {
                name: "upscale_ratio",
                help: "How many times larger.",
                kind: Kind::Integer { least: 2, most: 4, default: 2 },
            },
            model("realesrgan-x4plus-anime-6b"),
        ],
        guidance: &[slot(GuidanceKind::InitImage, true, 1)],
        max_batch: 1,
        endpoint: UPSCALE,
        codec: Codec { fields: &[plain("scale", Source::Option("upscale_ratio")), MODEL, INSIDE], outputs: &[] },
        ..BASE
    },
    Model {
        id: "local-speech",
        name: "Local Speech",
        modality: Modality::Audio,
        capabilities: &[C::TextToSpeech],
        summary: "Speech by the operator's own server, in one of its voices; free.",
        prompt_format: "The words to be spoken.",
        parameters: &[
            Parameter {
                name: "voice",
                help: "The server's own name for the voice.",
                kind: Kind::Text { most_chars: 100, default: "alloy" },
            },
            Parameter {
                name: "speed",
                help: "1 is the voice's own.",
                kind: Kind::Number { least: 0.25, most: 4.0, default: 1.0 },
            },
            model("tts-1"),
        ],
        codec: Codec {
            fields: &[
                plain("input", Source::Prompt),
                MODEL,
                plain("voice", Source::Option("voice")),
                plain("speed", Source::Option("speed")),
                // Every one of them can write it.
                plain("response_format", Source::Text("wav")),
            ],
            outputs: &[],
        },
        ..BASE
    },
    Model {
        id: "localai-sound",
        name: "LocalAI Sound",
        modality: Modality::Audio,
        capabilities: &[C::SoundEffects, C::Music],
        summary: "Sound or music from words by the operator's own LocalAI; free.",
        prompt_format: "What is heard: sources, place, mood; for music the style, instruments and tempo.",
        parameters: &[
            Parameter {
                name: "duration_seconds",
                help: "Seconds.",
                kind: Kind::Integer { least: 1, most: 120, default: 10 },
            },
            model("ace-step-turbo"),
        ],
        endpoint: SOUNDS,
        codec: Codec {
            fields: &[
                plain("text", Source::Prompt),
                plain("model_id", Source::Option("model")),
                plain("duration_seconds", Source::Option("duration_seconds")),
            ],
            outputs: &[],
        },
        ..BASE
    },
    Model {
        id: "localai-3d",
        name: "LocalAI 3D",
        modality: Modality::ThreeD,
        capabilities: &[C::ImageTo3d],
        summary: "Textured mesh (GLB) of the thing on a picture, by TRELLIS.2 on the operator's own LocalAI; free.",
        prompt_format: "",
        prompt: Need::No,
        parameters: &[
            Parameter {
                name: "resolution",
                help: "How fine the mesh is.",
                kind: Kind::Choice { of: &["auto", "coarse", "512", "1024"], default: "auto" },
            },
            model("trellis2-4b"),
        ],
        guidance: &[slot(GuidanceKind::InitImage, true, 1)],
        max_batch: 1,
        endpoint: MESHES,
        codec: Codec {
            fields: &[
                MODEL,
                plain("quality", Source::Option("resolution")),
                INSIDE,
            ],
            outputs: &[],
        },
        ..BASE
    },
];
