//! The models of OpenAI: what each takes and costs. Prices are those of a square megapixel by quality; what a picture
//! really took is known from its tokens.

use crate::models::codec::{Codec, Field, Form, Source};
use crate::models::parameter::Kind;
use crate::models::price::{Per, Rate};
use crate::models::{Capability as C, GuidanceKind, GuidanceSlot, Modality, Model, Need, Parameter, Price};

const VERIFIED_ON: &str = "2026-11-21";

const fn side(name: &'static str) -> Parameter {
    Parameter {
        name,
        help: "Pixels, rounded to a multiple of 16; at most 3840 × 2160 in all, and three times as long as wide.",
        kind: Kind::Integer { least: 256, most: 3840, default: 1024 },
    }
}

const PARAMETERS: &[Parameter] = &[
    side("width"),
    side("height"),
    Parameter {
        name: "quality",
        help: "How finely it is rendered; the price grows with it.",
        kind: Kind::Choice { of: &["low", "medium", "high"], default: "medium" },
    },
    Parameter {
        name: "output_format",
        help: "File format. PNG of a large picture is many times larger.",
        kind: Kind::Choice { of: &["webp", "png", "jpeg"], default: "webp" },
    },
    Parameter {
        name: "background",
        help: "transparent needs webp or png.",
        kind: Kind::Choice { of: &["auto", "opaque", "transparent"], default: "auto" },
    },
];

const fn plain(to: &'static str, from: Source) -> Field {
    Field { to, from, form: Form::Plain }
}

/// Size and model are added by the adapter; pictures go beside it, in a form.
const CODEC: Codec = Codec {
    fields: &[
        plain("prompt", Source::Prompt),
        plain("size", Source::Aside("width")),
        plain("size", Source::Aside("height")),
        plain("quality", Source::Option("quality")),
        plain("output_format", Source::Option("output_format")),
        plain("background", Source::Option("background")),
    ],
    outputs: &[],
};

const fn rate(quality: &'static [(&'static str, &'static str)], micros: u64) -> Rate {
    Rate { when: quality, micros }
}

/// Of the largest picture, in megapixels begun.
const MOST: u32 = 8;

const BASE: Model = Model {
    id: "",
    name: "",
    modality: Modality::Image,
    capabilities: &[C::TextToImage, C::ImageToImage, C::Inpainting, C::StyleReference],
    summary: "",
    prompt_format: "Full sentences: subject, composition, style, light. Text that should appear goes in quotes; say which picture is meant when several are given.",
    prompt: Need::Required,
    parameters: PARAMETERS,
    guidance: &[
        GuidanceSlot { kind: GuidanceKind::InitImage, required: false, at_most: 1 },
        GuidanceSlot { kind: GuidanceKind::Reference, required: false, at_most: 10 },
        GuidanceSlot { kind: GuidanceKind::Style, required: false, at_most: 5 },
    ],
    mask: Need::Optional,
    post: &[],
    max_batch: 8,
    // Each answer is one file that goes into storage as it comes.
    per_call: 1,
    price: Price::Listed { per: Per::Output, rates: &[], verified_on: VERIFIED_ON },
    endpoint: "",
    codec: CODEC,
    alternates: &[],
    placeholder: false,
};

pub const MODELS: &[Model] = &[
    Model {
        id: "gpt-image-2.5-flare",
        name: "GPT Image 2.5 Flare",
        summary: "Follows long prompts, writes legible text and edits given pictures, fast and cheap; the one to begin with.",
        price: Price::Listed {
            per: Per::Megapixel { most: MOST },
            rates: &[rate(&[("quality", "low")], 6_000), rate(&[("quality", "high")], 53_000), rate(&[], 13_000)],
            verified_on: VERIFIED_ON,
        },
        endpoint: "gpt-image-2.5-flare",
        ..BASE
    },
    Model {
        id: "gpt-image-2",
        name: "GPT Image 2",
        summary: "Finer detail and layout than Flare at four times its price, for final pictures.",
        price: Price::Listed {
            per: Per::Megapixel { most: MOST },
            rates: &[rate(&[("quality", "low")], 6_000), rate(&[("quality", "high")], 211_000), rate(&[], 53_000)],
            verified_on: VERIFIED_ON,
        },
        endpoint: "gpt-image-2",
        ..BASE
    },
];
