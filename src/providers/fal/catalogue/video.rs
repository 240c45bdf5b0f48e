//! fal's models that film, and those that move lips.

use crate::models::codec::{Field, Form, Source};
use crate::models::price::{Per, Rate};
use crate::models::{Capability as C, GuidanceKind as G, Modality, Model, Parameter};
use crate::providers::tables::*;

const VIDEO: &[&str] = &["video"];
const SHOT: &str = "One shot: subject, action, camera, light, sound. Put speech in quotes.";
const FILM: Model = Model { modality: Modality::Video, prompt_format: SHOT, max_batch: 4, ..BASE };
const AUDIO: Parameter = flag("generate_audio", "Sound track with speech and noises; costs more.", true);
const VEO_SECONDS: Parameter = step("duration_seconds", "Seconds.", &[4, 6, 8], 8);
const VEO_RATES: &[Rate] = &[when(&[("generate_audio", "false")], 100_000), always(150_000)];
const VEO_RESOLUTION: Parameter = resolution(&["720p", "1080p"], "720p");
const VEO_DURATION: Field = formed("duration", Source::Option("duration_seconds"), Form::Text("s"));

pub const VEO: Model = Model {
    id: "veo-3.1-fast",
    name: "Veo 3.1 Fast",
    capabilities: &[C::TextToVideo],
    summary: "Film of 4 to 8 seconds with speech and sound; believable motion and light.",
    parameters: &[VEO_SECONDS, aspect_ratio(&["16:9", "9:16"], "16:9"), VEO_RESOLUTION, AUDIO],
    price: listed(Per::Second { most: 8 }, VEO_RATES),
    endpoint: "fal-ai/veo3.1/fast",
    codec: codec(
        &[
            PROMPT,
            NEGATIVE_PROMPT,
            SEED,
            VEO_DURATION,
            option("aspect_ratio"),
            option("resolution"),
            option("generate_audio"),
        ],
        VIDEO,
    ),
    alternates: &["veo-3.1-fast-replicate"],
    ..FILM
};

pub const VEO_IMAGE: Model = Model {
    id: "veo-3.1-fast-image",
    name: "Veo 3.1 Fast, from a picture",
    capabilities: &[C::ImageToVideo],
    summary: "Sets a picture in motion for 4 to 8 seconds, with speech and sound.",
    parameters: &[VEO_SECONDS, aspect_ratio(&["auto", "16:9", "9:16"], "auto"), VEO_RESOLUTION, AUDIO],
    guidance: &[needs(G::FirstFrame)],
    endpoint: "fal-ai/veo3.1/fast/image-to-video",
    codec: codec(
        &[
            PROMPT,
            NEGATIVE_PROMPT,
            SEED,
            plain("image_url", Source::File(G::FirstFrame)),
            VEO_DURATION,
            option("aspect_ratio"),
            option("resolution"),
            option("generate_audio"),
        ],
        VIDEO,
    ),
    ..VEO
};

const H3_RESOLUTION: Parameter = resolution(&["480p", "768p"], "768p");
/// They write it with a capital letter.
const H3_SIZE: Field = formed(
    "resolution",
    Source::Option("resolution"),
    Form::Words(&[("480p", "480P"), ("768p", "768P")]),
);
const H3_DURATION: Field = plain("duration", Source::Option("duration_seconds"));

pub const H3: Model = Model {
    id: "h3-max",
    name: "MiniMax H3 Max",
    capabilities: &[C::TextToVideo],
    summary: "Film of 5 to 15 seconds with sound within seconds, at a low price.",
    parameters: &[
        seconds(5, 15, 5),
        aspect_ratio(&["16:9", "9:16", "1:1", "4:3", "3:4", "21:9"], "16:9"),
        H3_RESOLUTION,
    ],
    price: listed(Per::Second { most: 15 }, &[when(&[("resolution", "480p")], 50_000), always(80_000)]),
    endpoint: "minimax/h3-max/text-to-video",
    codec: codec(&[PROMPT, SEED, H3_DURATION, option("aspect_ratio"), H3_SIZE], VIDEO),
    ..FILM
};

pub const H3_IMAGE: Model = Model {
    id: "h3-max-image",
    name: "MiniMax H3 Max, from a picture",
    capabilities: &[C::ImageToVideo],
    summary: "Sets a picture in motion for 5 to 15 seconds, towards a last frame if one is given.",
    parameters: &[seconds(5, 15, 5), H3_RESOLUTION],
    guidance: &[needs(G::FirstFrame), takes(G::LastFrame, 1)],
    endpoint: "minimax/h3-max/image-to-video",
    codec: codec(
        &[
            PROMPT,
            SEED,
            plain("image_url", Source::File(G::FirstFrame)),
            plain("end_image_url", Source::File(G::LastFrame)),
            H3_DURATION,
            H3_SIZE,
        ],
        VIDEO,
    ),
    ..H3
};

pub const KLING_IMAGE: Model = Model {
    id: "kling-3-pro-image",
    name: "Kling 3 Pro, from a picture",
    capabilities: &[C::ImageToVideo],
    summary: "Silent film of 3 to 15 seconds from a first frame, and a last one if given; steady faces and cloth.",
    parameters: &[seconds(3, 15, 5)],
    guidance: &[needs(G::FirstFrame), takes(G::LastFrame, 1)],
    price: listed(Per::Second { most: 15 }, &[always(112_000)]),
    endpoint: "fal-ai/kling-video/v3/pro/image-to-video",
    codec: codec(
        &[
            PROMPT,
            NEGATIVE_PROMPT,
            plain("start_image_url", Source::File(G::FirstFrame)),
            plain("end_image_url", Source::File(G::LastFrame)),
            formed("duration", Source::Option("duration_seconds"), Form::Text("")),
            plain("generate_audio", Source::Flag(false)),
        ],
        VIDEO,
    ),
    ..FILM
};

/// Nobody knows before how long a sound is; this much is set aside, in seconds.
const SPEECH_SECONDS: u32 = 60;
const SPOKEN: Model = Model { modality: Modality::Video, ..TOOL };

pub const LIPSYNC: Model = Model {
    id: "sync-lipsync",
    name: "Sync Lipsync",
    capabilities: &[C::Lipsync],
    summary: "Makes the lips in a video follow another sound track of up to a minute.",
    guidance: &[needs(G::Video), needs(G::Audio)],
    // 0.70 dollars a minute.
    price: listed(Per::Second { most: SPEECH_SECONDS }, &[always(11_667)]),
    endpoint: "fal-ai/sync-lipsync",
    codec: codec(
        &[
            plain("video_url", Source::File(G::Video)),
            plain("audio_url", Source::File(G::Audio)),
            plain("sync_mode", Source::Text("cut_off")),
        ],
        VIDEO,
    ),
    alternates: &["kling-lip-sync-replicate"],
    ..SPOKEN
};

pub const FABRIC: Model = Model {
    id: "fabric-1.0",
    name: "VEED Fabric 1.0",
    capabilities: &[C::Lipsync],
    summary: "Makes a still portrait speak or sing to a sound track of up to a minute.",
    parameters: &[resolution(&["480p", "720p"], "480p")],
    guidance: &[needs(G::InitImage), needs(G::Audio)],
    price: listed(
        Per::Second { most: SPEECH_SECONDS },
        &[when(&[("resolution", "720p")], 150_000), always(80_000)],
    ),
    endpoint: "veed/fabric-1.0",
    codec: codec(
        &[
            plain("image_url", Source::File(G::InitImage)),
            plain("audio_url", Source::File(G::Audio)),
            option("resolution"),
        ],
        VIDEO,
    ),
    ..SPOKEN
};
