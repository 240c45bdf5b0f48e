//! What a model is: its modality, capabilities, parameters and price, and what a normalised request to one
//! looks like. Not for: which models exist (each provider lists its own) or how one is run (`providers`).

pub mod codec;
pub mod file_id;
pub mod generation;
pub mod parameter;
pub mod price;

pub use codec::Codec;
use codec::Source;
pub use generation::{Generation, GuidanceKind};
pub use parameter::Parameter;
pub use price::{Exchange, Price};

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
        pub enum $name { $(#[serde(rename = $wire)] $variant,)* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $wire,)* }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($wire => Some($name::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use words;

words! {
    Modality { Image = "image", Video = "video", ThreeD = "three_d", Audio = "audio", }
}

words! {
    Capability {
        TextToImage = "text_to_image",
        ImageToImage = "image_to_image",
        Inpainting = "inpainting",
        StyleReference = "style_reference",
        Upscale = "upscale",
        Vectorize = "vectorize",
        RemoveBackground = "remove_background",
        TextToVideo = "text_to_video",
        ImageToVideo = "image_to_video",
        Lipsync = "lipsync",
        ComposeVideo = "compose_video",
        TextTo3d = "text_to_3d",
        ImageTo3d = "image_to_3d",
        TextToSpeech = "text_to_speech",
        SoundEffects = "sound_effects",
        Music = "music",
    }
}

/// One model of one provider.
#[derive(Clone, Debug)]
pub struct Model {
    /// What a caller writes as `model_id`: stable, lower case, readable, because a model types it.
    pub id: &'static str,
    pub name: &'static str,
    pub modality: Modality,
    pub capabilities: &'static [Capability],
    /// One sentence: what comes out and when to choose it.
    pub summary: &'static str,
    /// How to write a prompt for it; empty where a prompt is not taken.
    pub prompt_format: &'static str,
    pub prompt: Need,
    pub parameters: &'static [Parameter],
    /// Files it takes, and how many of each at most.
    pub guidance: &'static [GuidanceSlot],
    pub mask: Need,
    /// Post-processing it can apply to its own outputs.
    pub post: &'static [Capability],
    pub max_batch: u32,
    /// Outputs that one call to the provider makes at most: a larger batch is several calls.
    pub per_call: u32,
    pub price: Price,
    /// The provider's own name for it: fal's endpoint id, Replicate's `owner/name`, OpenAI's model.
    pub endpoint: &'static str,
    pub codec: Codec,
    /// The same model, or one that answers the same request as well, at other providers: asked in this order when this one
    /// is out of service.
    pub alternates: &'static [&'static str],
    /// Makes stand-ins, not what a model would: said in every answer.
    pub placeholder: bool,
}

/// Whether a model takes a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
    No,
}

#[derive(Clone, Copy, Debug)]
pub struct GuidanceSlot {
    pub kind: GuidanceKind,
    pub required: bool,
    pub at_most: usize,
}

impl Model {
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Models that run in the gateway itself always do.
    pub fn takes_seed(&self) -> bool {
        self.codec.fields.is_empty() || self.codec.fields.iter().any(|field| field.from == Source::Seed)
    }

    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}
