//! fal's models that build bodies.

use crate::models::codec::{Form, Source};
use crate::models::price::Per;
use crate::models::{Capability as C, GuidanceKind as G, GuidanceSlot, Modality, Model, Need};
use crate::providers::tables::*;

const PICTURE: &[GuidanceSlot] = &[needs(G::Reference)];
const BODY: Model = Model { modality: Modality::ThreeD, prompt_format: "", prompt: Need::No, max_batch: 4, ..BASE };

pub const HUNYUAN_TEXT: Model = Model {
    id: "hunyuan3d-3",
    name: "Hunyuan3D 3",
    capabilities: &[C::TextTo3d],
    summary: "Textured object as GLB from words, in a few minutes.",
    prompt_format: "One object: what it is, material, colour, pose.",
    prompt: Need::Required,
    parameters: &[
        whole("face_limit", "Triangles.", 40_000, 1_500_000, 500_000),
        flag("pbr_materials", "Materials that answer to light.", false),
    ],
    price: listed(Per::Output, &[when(&[("pbr_materials", "true")], 525_000), always(375_000)]),
    endpoint: "fal-ai/hunyuan3d-v3/text-to-3d",
    codec: codec(
        &[
            PROMPT,
            plain("face_count", Source::Option("face_limit")),
            plain("enable_pbr", Source::Option("pbr_materials")),
        ],
        &["model_glb"],
    ),
    ..BODY
};

pub const TRELLIS_2: Model = Model {
    id: "trellis-2",
    name: "TRELLIS 2",
    capabilities: &[C::ImageTo3d],
    summary: "Textured object as GLB from one picture; clean surfaces, glass and metal included.",
    parameters: &[step("detail", "Resolution of the volume it is built in; finer costs more.", &[512, 1024, 1536], 1024)],
    guidance: PICTURE,
    price: listed(
        Per::Output,
        &[when(&[("detail", "512")], 250_000), when(&[("detail", "1536")], 350_000), always(300_000)],
    ),
    endpoint: "fal-ai/trellis-2",
    codec: codec(
        &[
            plain("image_url", Source::File(G::Reference)),
            SEED,
            formed("resolution", Source::Option("detail"), Form::Text("")),
        ],
        &["model_glb"],
    ),
    ..BODY
};

pub const TRELLIS: Model = Model {
    id: "trellis",
    name: "TRELLIS",
    capabilities: &[C::ImageTo3d],
    summary: "Textured object as GLB from one picture for two cents; for drafts.",
    guidance: PICTURE,
    price: listed(Per::Output, &[always(20_000)]),
    endpoint: "fal-ai/trellis",
    codec: codec(&[plain("image_url", Source::File(G::Reference)), SEED], &["model_mesh"]),
    alternates: &["trellis-replicate"],
    ..BODY
};

pub const HUNYUAN_IMAGE: Model = Model {
    id: "hunyuan3d-2",
    name: "Hunyuan3D 2",
    capabilities: &[C::ImageTo3d],
    summary: "Object as GLB from one picture, white or, for more, textured.",
    parameters: &[flag("include_textures", "With texture; costs three times as much.", false)],
    guidance: PICTURE,
    price: listed(Per::Output, &[when(&[("include_textures", "true")], 480_000), always(160_000)]),
    endpoint: "fal-ai/hunyuan3d/v2",
    codec: codec(
        &[
            plain("input_image_url", Source::File(G::Reference)),
            SEED,
            plain("textured_mesh", Source::Option("include_textures")),
        ],
        &["model_mesh"],
    ),
    ..BODY
};
