//! The models offered through Replicate, in the order in which they are shown. Replicate publishes each model's fields with
//! the model; those that people, not makers, have published are pinned to a version.

use crate::models::codec::{Field, Source};
use crate::models::price::Per;
use crate::models::{Capability as C, GuidanceKind as G, GuidanceSlot, Modality, Model, Need, Parameter};
use crate::providers::tables::*;

const BACKGROUND: &str =
    "851-labs/background-remover:a029dff38972b5fda4ec5d75d7d1cd25aeff621d2cf4946a41055d7db66b80bc";
const TRELLIS_VERSION: &str = "firtoz/trellis:e8f6c45206993f297372f5436b90350817bd9b4a0d52d2a76df50c1c8afa2b3c";
const KOKORO_VERSION: &str = "jaaari/kokoro-82m:f559560eb822dc509045f3921a1921234918b91739db4bf3daab2169b71c7a13";
const STABLE_OPEN_VERSION: &str =
    "stackadoc/stable-audio-open-1.0:9aff84a639f96d0f7e6081cdea002d15133d0043727f849c40abdd166b7c75a8";

/// What a second of an endpoint's hardware costs, in millionths of a dollar: T4 225, L40S 975, A100 1400.
pub const HARDWARE: &[(&str, f64)] =
    &[(BACKGROUND, 225.0), (TRELLIS_VERSION, 1400.0), (KOKORO_VERSION, 225.0), (STABLE_OPEN_VERSION, 975.0)];

const FORMAT: Parameter = output_format(&["png", "jpg"], "png");
const RATIOS: &[&str] = &["1:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9"];
const IMAGE: Field = plain("image", Source::File(G::InitImage));
const MUSIC_PROMPT: &str = "Genre, mood, tempo and instruments.";
const EDIT_PROMPT: &str = "Say what shall change and what shall stay.";
const FILM: Model = Model { modality: Modality::Video, max_batch: 4, ..BASE };
const BODY: Model = Model { modality: Modality::ThreeD, max_batch: 4, ..BASE };
const SOUND: Model = Model { modality: Modality::Audio, max_batch: 4, ..BASE };

pub const MODELS: &[Model] = &[
    SCHNELL, FLUX_2, BANANA, SEEDREAM, KONTEXT, FILL, IDEOGRAM, CRISP, VECTORIZE, CUTOUT, VEO, LIPSYNC, HUNYUAN, TRELLIS,
    KOKORO, STABLE_OPEN, STABLE, LYRIA,
];

const SCHNELL: Model = Model {
    id: "flux-schnell-replicate",
    name: "FLUX.1 schnell (Replicate)",
    capabilities: &[C::TextToImage],
    summary: "Picture in a second or two for a fraction of a cent; for drafts and many variants.",
    parameters: &[
        aspect_ratio(RATIOS, "1:1"),
        whole("num_inference_steps", "More steps give more detail and take longer.", 1, 4, 4),
        output_format(&["png", "jpg", "webp"], "png"),
    ],
    max_batch: 16,
    per_call: 4,
    price: listed(Per::Output, &[always(3_000)]),
    endpoint: "black-forest-labs/flux-schnell",
    codec: codec(
        &[
            PROMPT,
            SEED,
            plain("num_outputs", Source::Count),
            option("aspect_ratio"),
            option("num_inference_steps"),
            option("output_format"),
        ],
        &[],
    ),
    alternates: &["flux-schnell"],
    ..BASE
};

const FLUX_2: Model = Model {
    id: "flux-2-pro-replicate",
    name: "FLUX.2 pro (Replicate)",
    capabilities: &[C::TextToImage, C::ImageToImage],
    summary: "Photographic and graphic pictures of high quality, from words and up to eight references.",
    parameters: &[
        aspect_ratio(RATIOS, "1:1"),
        choice("resolution", "Megapixels; more cost more.", &["0.5 MP", "1 MP", "2 MP", "4 MP"], "1 MP"),
        FORMAT,
    ],
    guidance: &[takes(G::InitImage, 1), takes(G::Reference, 7)],
    price: listed(
        Per::Output,
        &[
            when(&[("resolution", "4 MP")], 120_000),
            when(&[("resolution", "2 MP")], 60_000),
            always(45_000),
        ],
    ),
    endpoint: "black-forest-labs/flux-2-pro",
    codec: codec(
        &[
            PROMPT,
            SEED,
            plain("input_images", Source::AnyOf(&[G::InitImage, G::Reference])),
            option("aspect_ratio"),
            option("resolution"),
            option("output_format"),
        ],
        &[],
    ),
    alternates: &["flux-2-pro"],
    ..BASE
};

const BANANA: Model = Model {
    id: "nano-banana-2-replicate",
    name: "Nano Banana 2 (Replicate)",
    capabilities: &[C::TextToImage, C::ImageToImage, C::StyleReference],
    summary: "Draws from words, or changes and combines pictures; writes text well, up to 4K.",
    parameters: &[aspect_ratio(RATIOS, "1:1"), resolution(&["1K", "2K", "4K"], "1K"), FORMAT],
    guidance: &[takes(G::InitImage, 1), takes(G::Reference, 6), takes(G::Style, 2)],
    price: listed(
        Per::Output,
        &[when(&[("resolution", "2K")], 120_000), when(&[("resolution", "4K")], 160_000), always(80_000)],
    ),
    endpoint: "google/nano-banana-2",
    codec: codec(
        &[
            PROMPT,
            plain("image_input", Source::AnyOf(&[G::InitImage, G::Reference, G::Style])),
            option("aspect_ratio"),
            option("resolution"),
            option("output_format"),
        ],
        &[],
    ),
    alternates: &["nano-banana-2"],
    ..BASE
};

const SEEDREAM: Model = Model {
    id: "seedream-4.5-replicate",
    name: "Seedream 4.5 (Replicate)",
    capabilities: &[C::TextToImage, C::ImageToImage],
    summary: "Large pictures with fine texture at one low price, from words or other pictures.",
    parameters: &[aspect_ratio(&["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"], "1:1"), SIZE],
    guidance: &[takes(G::InitImage, 1), takes(G::Reference, 8)],
    price: listed(Per::Output, &[always(40_000)]),
    endpoint: "bytedance/seedream-4.5",
    codec: codec(
        &[
            PROMPT,
            plain("image_input", Source::AnyOf(&[G::InitImage, G::Reference])),
            option("aspect_ratio"),
            plain("size", Source::Option("resolution")),
        ],
        &[],
    ),
    alternates: &["seedream-4.5"],
    ..BASE
};
const SIZE: Parameter = choice("resolution", "Size of what is made.", &["2K", "4K"], "2K");

const KONTEXT: Model = Model {
    id: "flux-kontext-pro-replicate",
    name: "FLUX.1 Kontext pro (Replicate)",
    capabilities: &[C::ImageToImage],
    summary: "Changes one picture by words and leaves the rest alone.",
    prompt_format: EDIT_PROMPT,
    parameters: &[FORMAT],
    guidance: &[needs(G::InitImage)],
    price: listed(Per::Output, &[always(40_000)]),
    endpoint: "black-forest-labs/flux-kontext-pro",
    codec: codec(
        &[PROMPT, SEED, plain("input_image", Source::File(G::InitImage)), option("output_format")],
        &[],
    ),
    alternates: &["flux-kontext-pro"],
    ..BASE
};

const FILL: Model = Model {
    id: "flux-fill-dev-replicate",
    name: "FLUX.1 Fill dev (Replicate)",
    capabilities: &[C::Inpainting],
    summary: "Repaints the white part of a mask so that it fits what surrounds it.",
    prompt_format: "Say what shall be seen in the white part of the mask.",
    parameters: &[FORMAT],
    guidance: &[needs(G::InitImage)],
    mask: Need::Required,
    per_call: 4,
    price: listed(Per::Output, &[always(40_000)]),
    endpoint: "black-forest-labs/flux-fill-dev",
    codec: codec(
        &[
            PROMPT,
            SEED,
            IMAGE,
            plain("mask", Source::Mask),
            plain("num_outputs", Source::Count),
            plain("megapixels", Source::Text("match_input")),
            option("output_format"),
        ],
        &[],
    ),
    alternates: &["flux-fill-pro"],
    ..BASE
};

const IDEOGRAM: Model = Model {
    id: "ideogram-v3-replicate",
    name: "Ideogram 3 Turbo (Replicate)",
    capabilities: &[C::StyleReference, C::TextToImage],
    summary: "Posters, logos and lettering; takes the style of up to three reference pictures.",
    parameters: &[aspect_ratio(&["1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3"], "1:1")],
    guidance: &[takes(G::Style, 3)],
    price: listed(Per::Output, &[always(30_000)]),
    endpoint: "ideogram-ai/ideogram-v3-turbo",
    codec: codec(
        &[PROMPT, SEED, plain("style_reference_images", Source::Files(G::Style)), option("aspect_ratio")],
        &[],
    ),
    alternates: &["ideogram-v3"],
    ..BASE
};

const CRISP: Model = Model {
    id: "recraft-crisp-upscale-replicate",
    name: "Recraft Crisp Upscale (Replicate)",
    capabilities: &[C::Upscale],
    summary: "Enlarges a picture and sharpens edges, faces and text without inventing detail.",
    guidance: &[needs(G::InitImage)],
    price: listed(Per::Output, &[always(6_000)]),
    endpoint: "recraft-ai/recraft-crisp-upscale",
    codec: codec(&[IMAGE], &[]),
    alternates: &["recraft-crisp-upscale"],
    ..TOOL
};

const VECTORIZE: Model = Model {
    id: "recraft-vectorize-replicate",
    name: "Recraft Vectorize (Replicate)",
    capabilities: &[C::Vectorize],
    summary: "Traces a picture of at most 5 MB and 16 megapixels into a clean SVG.",
    guidance: &[needs(G::InitImage)],
    price: listed(Per::Output, &[always(10_000)]),
    endpoint: "recraft-ai/recraft-vectorize",
    codec: codec(&[IMAGE], &[]),
    alternates: &["recraft-vectorize"],
    ..TOOL
};

const CUTOUT: Model = Model {
    id: "background-remover-replicate",
    name: "Background Remover (Replicate)",
    capabilities: &[C::RemoveBackground],
    summary: "Makes the background transparent for a fraction of a cent; PNG.",
    guidance: &[needs(G::InitImage)],
    // By the second; this is what two or three seconds come to.
    price: listed(Per::Output, &[always(600)]),
    endpoint: BACKGROUND,
    codec: codec(
        &[IMAGE, plain("format", Source::Text("png")), plain("background_type", Source::Text("rgba"))],
        &[],
    ),
    alternates: &["bria-background-remove"],
    ..TOOL
};

const VEO: Model = Model {
    id: "veo-3.1-fast-replicate",
    name: "Veo 3.1 Fast (Replicate)",
    capabilities: &[C::TextToVideo, C::ImageToVideo],
    summary: "Film of 4 to 8 seconds with speech and sound, from words or from a first and last frame.",
    prompt_format: "One shot: subject, action, camera, light, sound. Put speech in quotes.",
    parameters: &[
        step("duration_seconds", "Seconds.", &[4, 6, 8], 8),
        aspect_ratio(&["16:9", "9:16"], "16:9"),
        resolution(&["720p", "1080p"], "720p"),
        flag("generate_audio", "Sound track with speech and noises; costs more.", true),
    ],
    guidance: &[takes(G::FirstFrame, 1), takes(G::LastFrame, 1)],
    price: listed(Per::Second { most: 8 }, &[when(&[("generate_audio", "false")], 100_000), always(150_000)]),
    endpoint: "google/veo-3.1-fast",
    codec: codec(
        &[
            PROMPT,
            NEGATIVE_PROMPT,
            SEED,
            plain("image", Source::File(G::FirstFrame)),
            plain("last_frame", Source::File(G::LastFrame)),
            plain("duration", Source::Option("duration_seconds")),
            option("aspect_ratio"),
            option("resolution"),
            option("generate_audio"),
        ],
        &[],
    ),
    alternates: &["veo-3.1-fast"],
    ..FILM
};

const LIPSYNC: Model = Model {
    id: "kling-lip-sync-replicate",
    name: "Kling Lip Sync (Replicate)",
    modality: Modality::Video,
    capabilities: &[C::Lipsync],
    summary: "Makes the lips in a video of 2 to 10 seconds follow another sound track.",
    guidance: &[needs(G::Video), needs(G::Audio)],
    price: listed(Per::Second { most: 10 }, &[always(14_000)]),
    endpoint: "kwaivgi/kling-lip-sync",
    codec: codec(
        &[plain("video_url", Source::File(G::Video)), plain("audio_file", Source::File(G::Audio))],
        &[],
    ),
    alternates: &["sync-lipsync"],
    ..TOOL
};

const HUNYUAN: Model = Model {
    id: "hunyuan3d-3.1-replicate",
    name: "Hunyuan3D 3.1 (Replicate)",
    capabilities: &[C::TextTo3d, C::ImageTo3d],
    summary: "Textured object as GLB from words or from one picture.",
    prompt_format: "One object: what it is, material, colour, pose. Empty with a picture.",
    prompt: Need::Optional,
    parameters: &[
        whole("face_limit", "Triangles.", 40_000, 1_500_000, 500_000),
        flag("pbr_materials", "Materials that answer to light.", false),
    ],
    guidance: &[takes(G::Reference, 1)],
    price: listed(Per::Output, &[always(500_000)]),
    endpoint: "tencent/hunyuan-3d-3.1",
    codec: codec(
        &[
            PROMPT,
            plain("image", Source::File(G::Reference)),
            plain("face_count", Source::Option("face_limit")),
            plain("enable_pbr", Source::Option("pbr_materials")),
        ],
        &[],
    ),
    alternates: &["hunyuan3d-3"],
    ..BODY
};

const TRELLIS: Model = Model {
    id: "trellis-replicate",
    name: "TRELLIS (Replicate)",
    capabilities: &[C::ImageTo3d],
    summary: "Textured object as GLB from one to four pictures of it; for drafts.",
    prompt_format: "",
    prompt: Need::No,
    guidance: &[GuidanceSlot { kind: G::Reference, required: true, at_most: 4 }],
    // By the second; this is what three quarters of a minute come to.
    price: listed(Per::Output, &[always(63_000)]),
    endpoint: TRELLIS_VERSION,
    codec: codec(
        &[
            plain("images", Source::Files(G::Reference)),
            SEED,
            plain("generate_color", Source::Flag(false)),
            plain("generate_model", Source::Flag(true)),
        ],
        &["model_file"],
    ),
    alternates: &["trellis"],
    ..BODY
};

const KOKORO: Model = Model {
    id: "kokoro-replicate",
    name: "Kokoro (Replicate)",
    capabilities: &[C::TextToSpeech],
    summary: "Clear American English speech as WAV for next to nothing.",
    prompt_format: "The words to be spoken.",
    parameters: &[
        choice(
            "voice",
            "Names that begin with af_ are women's, with am_ men's.",
            &["af_bella", "af_nicole", "af_nova", "af_sarah", "af_sky", "am_adam", "am_eric", "am_liam", "am_michael"],
            "af_bella",
        ),
        number("speed", "1 is normal.", 0.5, 2.0, 1.0),
    ],
    // By the second; this is what ten seconds come to.
    price: listed(Per::ThousandCharacters, &[always(2_300)]),
    endpoint: KOKORO_VERSION,
    codec: codec(&[plain("text", Source::Prompt), option("voice"), option("speed")], &[]),
    alternates: &["kokoro"],
    ..SOUND
};

const STABLE_OPEN: Model = Model {
    id: "stable-audio-open-replicate",
    name: "Stable Audio Open (Replicate)",
    capabilities: &[C::SoundEffects],
    summary: "Sound effect or ambience of up to 47 seconds as WAV.",
    prompt_format: "Name the sound, the room it is in, and how it goes on.",
    parameters: &[seconds(1, 47, 8)],
    // By the second; this is what half a minute comes to.
    price: listed(Per::Output, &[always(30_000)]),
    endpoint: STABLE_OPEN_VERSION,
    codec: codec(
        &[PROMPT, NEGATIVE_PROMPT, SEED, plain("seconds_total", Source::Option("duration_seconds"))],
        &[],
    ),
    alternates: &["eleven-sound-effects-fal"],
    ..SOUND
};

const STABLE: Model = Model {
    id: "stable-audio-2.5-replicate",
    name: "Stable Audio 2.5 (Replicate)",
    capabilities: &[C::Music],
    summary: "Instrumental music or ambience of up to three minutes at one price.",
    prompt_format: MUSIC_PROMPT,
    parameters: &[seconds(1, 190, 60)],
    price: listed(Per::Output, &[always(200_000)]),
    endpoint: "stability-ai/stable-audio-2.5",
    codec: codec(&[PROMPT, SEED, plain("duration", Source::Option("duration_seconds"))], &[]),
    alternates: &["stable-audio-2.5"],
    ..SOUND
};

const LYRIA: Model = Model {
    id: "lyria-2-replicate",
    name: "Lyria 2 (Replicate)",
    capabilities: &[C::Music],
    summary: "Half a minute of instrumental music in 48 kHz stereo.",
    prompt_format: MUSIC_PROMPT,
    price: listed(Per::Output, &[always(60_000)]),
    endpoint: "google/lyria-2",
    codec: codec(&[PROMPT, NEGATIVE_PROMPT, SEED], &[]),
    alternates: &["lyria-2"],
    ..SOUND
};
