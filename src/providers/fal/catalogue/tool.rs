//! fal's models that enlarge, trace and cut out.

use crate::models::codec::{Field, Source};
use crate::models::price::Per;
use crate::models::{Capability as C, GuidanceKind as G, GuidanceSlot, Model};
use crate::providers::tables::*;

const PICTURE: &[GuidanceSlot] = &[needs(G::InitImage)];
const IMAGE_URL: Field = plain("image_url", Source::File(G::InitImage));

pub const CRISP: Model = Model {
    id: "recraft-crisp-upscale",
    name: "Recraft Crisp Upscale",
    capabilities: &[C::Upscale],
    summary: "Enlarges a picture and sharpens edges, faces and text without inventing detail.",
    guidance: PICTURE,
    price: listed(Per::Output, &[always(4_000)]),
    endpoint: "fal-ai/recraft/upscale/crisp",
    codec: codec(&[IMAGE_URL], &["image"]),
    alternates: &["recraft-crisp-upscale-replicate"],
    ..TOOL
};

pub const SEEDVR: Model = Model {
    id: "seedvr-upscale",
    name: "SeedVR2 Upscale",
    capabilities: &[C::Upscale],
    summary: "Restores and enlarges a picture by a factor of your choice; for photographs that are soft or noisy.",
    parameters: &[
        number("upscale_ratio", "How many times larger.", 1.0, 4.0, 2.0),
        output_format(&["png", "jpg", "webp"], "png"),
    ],
    guidance: PICTURE,
    price: listed(Per::Megapixel { most: 32 }, &[always(1_000)]),
    endpoint: "fal-ai/seedvr/upscale/image",
    codec: codec(
        &[
            IMAGE_URL,
            SEED,
            plain("upscale_mode", Source::Text("factor")),
            plain("upscale_factor", Source::Option("upscale_ratio")),
            option("output_format"),
        ],
        &["image"],
    ),
    ..TOOL
};

pub const VECTORIZE: Model = Model {
    id: "recraft-vectorize",
    name: "Recraft Vectorize",
    capabilities: &[C::Vectorize],
    summary: "Traces a picture of at most 5 MB and 16 megapixels into a clean SVG.",
    guidance: PICTURE,
    price: listed(Per::Output, &[always(10_000)]),
    endpoint: "fal-ai/recraft/vectorize",
    codec: codec(&[IMAGE_URL], &["image"]),
    alternates: &["recraft-vectorize-replicate"],
    ..TOOL
};

pub const BRIA: Model = Model {
    id: "bria-background-remove",
    name: "BRIA Background Remove",
    capabilities: &[C::RemoveBackground],
    summary: "Cuts the foreground out with soft edges, hair included; PNG with transparency.",
    guidance: PICTURE,
    price: listed(Per::Output, &[always(18_000)]),
    endpoint: "fal-ai/bria/background/remove",
    codec: codec(&[IMAGE_URL], &["image"]),
    alternates: &["background-remover-replicate"],
    ..TOOL
};
