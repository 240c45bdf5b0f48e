//! fal's models that draw and redraw pictures.

use crate::models::codec::{Field, Form, Source};
use crate::models::price::Per;
use crate::models::{Capability as C, GuidanceKind as G, GuidanceSlot, Model, Need, Parameter};
use crate::providers::tables::*;

const IMAGES: &[&str] = &["images"];
const COUNT: Field = plain("num_images", Source::Count);
const SIZE: Field = formed("image_size", Source::Size, Form::Sides);
const FORMAT: Parameter = output_format(&["png", "jpeg"], "png");
const PICTURES: &[G] = &[G::InitImage, G::Reference, G::Style];
const RATIOS: &[&str] = &["auto", "1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9"];
const EDIT_PROMPT: &str = "Say what shall change and what shall stay: \"make the coat red, keep everything else\".";
const EDIT_SLOTS: &[GuidanceSlot] =
    &[needs(G::InitImage), takes(G::Reference, 6), takes(G::Style, 2)];

pub const FLUX_SCHNELL: Model = Model {
    id: "flux-schnell",
    name: "FLUX.1 schnell",
    capabilities: &[C::TextToImage],
    summary: "Picture in a second or two for a fraction of a cent; for drafts and many variants.",
    parameters: &[
        width(256, 2048, 1024),
        height(256, 2048, 1024),
        whole("num_inference_steps", "More steps give more detail and take longer.", 1, 12, 4),
        FORMAT,
    ],
    max_batch: 16,
    per_call: 4,
    price: listed(Per::Megapixel { most: 4 }, &[always(3_000)]),
    endpoint: "fal-ai/flux/schnell",
    codec: codec(
        &[PROMPT, SEED, COUNT, SIZE, option("num_inference_steps"), option("output_format")],
        IMAGES,
    ),
    alternates: &["flux-schnell-replicate"],
    ..BASE
};

pub const FLUX_2_PRO: Model = Model {
    id: "flux-2-pro",
    name: "FLUX.2 pro",
    capabilities: &[C::TextToImage],
    summary: "Photographic and graphic pictures of high quality that follow long prompts closely.",
    parameters: &[width(256, 2048, 1024), height(256, 2048, 1024), FORMAT],
    price: listed(Per::Megapixel { most: 4 }, &[always(30_000)]),
    endpoint: "fal-ai/flux-2-pro",
    codec: codec(&[PROMPT, SEED, SIZE, option("output_format")], IMAGES),
    alternates: &["flux-2-pro-replicate"],
    ..BASE
};

pub const NANO_BANANA_2: Model = Model {
    id: "nano-banana-2",
    name: "Nano Banana 2",
    capabilities: &[C::TextToImage],
    summary: "Knows the world and writes text well: diagrams, posters, scenes with many parts, up to 4K.",
    parameters: &[
        aspect_ratio(RATIOS, "1:1"),
        resolution(&["0.5K", "1K", "2K", "4K"], "1K"),
        output_format(&["png", "jpeg", "webp"], "png"),
    ],
    per_call: 4,
    price: listed(
        Per::Output,
        &[
            when(&[("resolution", "0.5K")], 60_000),
            when(&[("resolution", "2K")], 120_000),
            when(&[("resolution", "4K")], 160_000),
            always(80_000),
        ],
    ),
    endpoint: "fal-ai/nano-banana-2",
    codec: codec(
        &[PROMPT, SEED, COUNT, option("aspect_ratio"), option("resolution"), option("output_format")],
        IMAGES,
    ),
    alternates: &["nano-banana-2-replicate"],
    ..BASE
};

pub const NANO_BANANA_PRO: Model = Model {
    id: "nano-banana-pro",
    name: "Nano Banana Pro",
    capabilities: &[C::TextToImage],
    summary: "The most careful of its family: exact text, infographics, product pictures, up to 4K.",
    parameters: &[
        aspect_ratio(RATIOS, "1:1"),
        resolution(&["1K", "2K", "4K"], "1K"),
        output_format(&["png", "jpeg", "webp"], "png"),
    ],
    per_call: 4,
    price: listed(Per::Output, &[when(&[("resolution", "4K")], 300_000), always(150_000)]),
    endpoint: "fal-ai/nano-banana-pro",
    codec: codec(
        &[PROMPT, SEED, COUNT, option("aspect_ratio"), option("resolution"), option("output_format")],
        IMAGES,
    ),
    ..BASE
};

pub const SEEDREAM: Model = Model {
    id: "seedream-4.5",
    name: "Seedream 4.5",
    capabilities: &[C::TextToImage],
    summary: "Large pictures of 4 to 16 megapixels with fine texture at one low price.",
    parameters: &[width(1920, 4096, 2048), height(1920, 4096, 2048)],
    per_call: 4,
    price: listed(Per::Output, &[always(40_000)]),
    endpoint: "fal-ai/bytedance/seedream/v4.5/text-to-image",
    codec: codec(&[PROMPT, SEED, COUNT, SIZE], IMAGES),
    alternates: &["seedream-4.5-replicate"],
    ..BASE
};

pub const FLUX_2_PRO_EDIT: Model = Model {
    id: "flux-2-pro-edit",
    name: "FLUX.2 pro Edit",
    capabilities: &[C::ImageToImage, C::StyleReference],
    summary: "Changes a picture by words, with up to eight further pictures as references for things, people or style.",
    prompt_format: EDIT_PROMPT,
    parameters: &[FORMAT],
    guidance: EDIT_SLOTS,
    price: listed(Per::Output, &[always(45_000)]),
    endpoint: "fal-ai/flux-2-pro/edit",
    codec: codec(
        &[PROMPT, SEED, plain("image_urls", Source::AnyOf(PICTURES)), option("output_format")],
        IMAGES,
    ),
    ..BASE
};

pub const NANO_BANANA_2_EDIT: Model = Model {
    id: "nano-banana-2-edit",
    name: "Nano Banana 2 Edit",
    capabilities: &[C::ImageToImage, C::StyleReference],
    summary: "Changes or combines pictures by words and keeps faces and products recognisable, up to 4K.",
    prompt_format: EDIT_PROMPT,
    guidance: EDIT_SLOTS,
    codec: codec(
        &[
            PROMPT,
            SEED,
            COUNT,
            plain("image_urls", Source::AnyOf(PICTURES)),
            option("aspect_ratio"),
            option("resolution"),
            option("output_format"),
        ],
        IMAGES,
    ),
    parameters: &[
        aspect_ratio(RATIOS, "auto"),
        resolution(&["0.5K", "1K", "2K", "4K"], "1K"),
        output_format(&["png", "jpeg", "webp"], "png"),
    ],
    endpoint: "fal-ai/nano-banana-2/edit",
    alternates: &["nano-banana-2-replicate"],
    ..NANO_BANANA_2
};

pub const KONTEXT: Model = Model {
    id: "flux-kontext-pro",
    name: "FLUX.1 Kontext pro",
    capabilities: &[C::ImageToImage],
    summary: "Changes one picture by words and leaves the rest alone; good at small exact edits.",
    prompt_format: EDIT_PROMPT,
    parameters: &[number("guidance_scale", "How closely it follows the prompt.", 1.0, 20.0, 3.5), FORMAT],
    guidance: &[needs(G::InitImage)],
    per_call: 4,
    price: listed(Per::Output, &[always(40_000)]),
    endpoint: "fal-ai/flux-pro/kontext",
    codec: codec(
        &[
            PROMPT,
            SEED,
            COUNT,
            plain("image_url", Source::File(G::InitImage)),
            option("guidance_scale"),
            option("output_format"),
        ],
        IMAGES,
    ),
    alternates: &["flux-kontext-pro-replicate"],
    ..BASE
};

pub const FILL: Model = Model {
    id: "flux-fill-pro",
    name: "FLUX.1 Fill pro",
    capabilities: &[C::Inpainting],
    summary: "Repaints the white part of a mask so that it fits light and grain of what surrounds it.",
    prompt_format: "Say what shall be seen in the white part of the mask.",
    parameters: &[FORMAT],
    guidance: &[needs(G::InitImage)],
    mask: Need::Required,
    per_call: 4,
    price: listed(Per::Megapixel { most: 4 }, &[always(50_000)]),
    endpoint: "fal-ai/flux-pro/v1/fill",
    codec: codec(
        &[
            PROMPT,
            SEED,
            COUNT,
            plain("image_url", Source::File(G::InitImage)),
            plain("mask_url", Source::Mask),
            option("output_format"),
        ],
        IMAGES,
    ),
    alternates: &["flux-fill-dev-replicate"],
    ..BASE
};

const SPEED: Parameter = choice(
    "quality",
    "low is fast and cheap, high is slow and careful.",
    &["low", "medium", "high"],
    "medium",
);
const SPEED_FIELD: Field = formed(
    "rendering_speed",
    Source::Option("quality"),
    Form::Words(&[("low", "TURBO"), ("medium", "BALANCED"), ("high", "QUALITY")]),
);

pub const IDEOGRAM_EDIT: Model = Model {
    id: "ideogram-v3-edit",
    name: "Ideogram 3 Edit",
    capabilities: &[C::Inpainting],
    summary: "Repaints the masked part, with text in it if wanted, in the style of the picture or of style references.",
    prompt_format: "Describe the whole picture as it shall be afterwards.",
    parameters: &[SPEED],
    guidance: &[needs(G::InitImage), takes(G::Style, 3)],
    mask: Need::Required,
    per_call: 4,
    price: IDEOGRAM.price,
    endpoint: "fal-ai/ideogram/v3/edit",
    codec: codec(
        &[
            PROMPT,
            SEED,
            COUNT,
            plain("image_url", Source::File(G::InitImage)),
            plain("mask_url", Source::Mask),
            plain("image_urls", Source::Files(G::Style)),
            SPEED_FIELD,
        ],
        IMAGES,
    ),
    ..BASE
};

pub const IDEOGRAM: Model = Model {
    id: "ideogram-v3",
    name: "Ideogram 3",
    capabilities: &[C::StyleReference, C::TextToImage],
    summary: "Posters, logos and lettering; takes the style of up to three reference pictures.",
    parameters: &[width(512, 1536, 1024), height(512, 1536, 1024), SPEED],
    guidance: &[takes(G::Style, 3)],
    per_call: 4,
    price: listed(
        Per::Output,
        &[when(&[("quality", "low")], 30_000), when(&[("quality", "high")], 90_000), always(60_000)],
    ),
    endpoint: "fal-ai/ideogram/v3",
    codec: codec(
        &[
            PROMPT,
            NEGATIVE_PROMPT,
            SEED,
            COUNT,
            SIZE,
            plain("image_urls", Source::Files(G::Style)),
            SPEED_FIELD,
        ],
        IMAGES,
    ),
    alternates: &["ideogram-v3-replicate"],
    ..BASE
};

pub const RECRAFT_VECTOR: Model = Model {
    id: "recraft-v4-vector",
    name: "Recraft V4 Vector",
    capabilities: &[C::TextToImage],
    summary: "Draws true SVG from words: icons, logos, flat illustrations.",
    parameters: &[width(512, 2048, 1024), height(512, 2048, 1024)],
    price: listed(Per::Output, &[always(80_000)]),
    endpoint: "fal-ai/recraft/v4/text-to-vector",
    codec: codec(&[PROMPT, SIZE], IMAGES),
    ..BASE
};
