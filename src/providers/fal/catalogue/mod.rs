//! The models offered through fal, in the order in which they are shown: the first one of a capability is its default.
//! Field names are those of the endpoint types in fal's JavaScript client 1.10.1, where the endpoint is in them.

mod image;
mod sound;
mod tool;
mod video;
mod volume;

use crate::models::Model;

pub const MODELS: &[Model] = &[
    image::FLUX_SCHNELL,
    image::FLUX_2_PRO,
    image::NANO_BANANA_2,
    image::NANO_BANANA_PRO,
    image::SEEDREAM,
    image::FLUX_2_PRO_EDIT,
    image::NANO_BANANA_2_EDIT,
    image::KONTEXT,
    image::FILL,
    image::IDEOGRAM_EDIT,
    image::IDEOGRAM,
    tool::CRISP,
    tool::SEEDVR,
    tool::VECTORIZE,
    image::RECRAFT_VECTOR,
    tool::BRIA,
    video::VEO,
    video::H3,
    video::VEO_IMAGE,
    video::H3_IMAGE,
    video::KLING_IMAGE,
    video::LIPSYNC,
    video::FABRIC,
    volume::HUNYUAN_TEXT,
    volume::TRELLIS_2,
    volume::TRELLIS,
    volume::HUNYUAN_IMAGE,
    sound::ELEVEN_SPEECH,
    sound::KOKORO,
    sound::ELEVEN_EFFECTS,
    sound::ACE_STEP,
    sound::ELEVEN_MUSIC,
    sound::STABLE_AUDIO,
    sound::LYRIA,
];
