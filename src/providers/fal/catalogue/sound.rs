//! fal's models that speak, make noises and music.

use crate::models::codec::{Field, Form, Source};
use crate::models::price::Per;
use crate::models::{Capability as C, Modality, Model};
use crate::providers::tables::*;

const AUDIO: &[&str] = &["audio"];
const TEXT: Field = plain("text", Source::Prompt);
const SOUND: Model = Model { modality: Modality::Audio, max_batch: 4, ..BASE };
const MUSIC_PROMPT: &str = "Genre, mood, tempo and instruments, and what the voice does if there is one.";

pub const ELEVEN_SPEECH: Model = Model {
    id: "eleven-v3-fal",
    name: "ElevenLabs v3",
    capabilities: &[C::TextToSpeech],
    summary: "Expressive speech in many languages as MP3; follows tags such as [whispers] or [laughs].",
    prompt_format: "The words to be spoken, with tags in brackets for how.",
    parameters: &[
        text("voice", "Name of a voice, such as Rachel, Aria, Roger or Charlie.", "Rachel"),
        number("stability", "0 is lively, 1 is even.", 0.0, 1.0, 0.5),
    ],
    price: listed(Per::ThousandCharacters, &[always(100_000)]),
    endpoint: "fal-ai/elevenlabs/tts/eleven-v3",
    codec: codec(&[TEXT, option("voice"), option("stability")], AUDIO),
    ..SOUND
};

pub const KOKORO: Model = Model {
    id: "kokoro",
    name: "Kokoro",
    capabilities: &[C::TextToSpeech],
    summary: "Clear American English speech for two cents a thousand characters.",
    prompt_format: "The words to be spoken.",
    parameters: &[
        choice(
            "voice",
            "Names that begin with af_ are women's, with am_ men's.",
            &[
                "af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova",
                "af_river", "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael",
                "am_onyx", "am_puck", "am_santa",
            ],
            "af_heart",
        ),
        number("speed", "1 is normal.", 0.5, 2.0, 1.0),
    ],
    price: listed(Per::ThousandCharacters, &[always(20_000)]),
    endpoint: "fal-ai/kokoro/american-english",
    codec: codec(&[PROMPT, option("voice"), option("speed")], AUDIO),
    alternates: &["kokoro-replicate"],
    ..SOUND
};

pub const ELEVEN_EFFECTS: Model = Model {
    id: "eleven-sound-effects-fal",
    name: "ElevenLabs Sound Effects 2",
    capabilities: &[C::SoundEffects],
    summary: "Sound effect of up to 22 seconds as MP3, looping without a seam if wanted.",
    prompt_format: "Name the sound, the room it is in, and how it goes on.",
    parameters: &[
        number("duration_seconds", "Seconds.", 0.5, 22.0, 5.0),
        flag("loop", "Ends as it begins.", false),
        number("prompt_influence", "How closely it follows the prompt.", 0.0, 1.0, 0.3),
    ],
    price: listed(Per::Second { most: 22 }, &[always(2_000)]),
    endpoint: "fal-ai/elevenlabs/sound-effects/v2",
    codec: codec(&[TEXT, option("duration_seconds"), option("loop"), option("prompt_influence")], AUDIO),
    ..SOUND
};

pub const ACE_STEP: Model = Model {
    id: "ace-step",
    name: "ACE-Step",
    capabilities: &[C::Music],
    summary: "Song or instrumental of up to four minutes for a few cents at most.",
    prompt_format: MUSIC_PROMPT,
    parameters: &[
        seconds(5, 240, 60),
        flag("instrumental", "Without a voice.", false),
    ],
    price: listed(Per::Second { most: 240 }, &[always(200)]),
    endpoint: "fal-ai/ace-step/prompt-to-audio",
    codec: codec(
        &[PROMPT, SEED, plain("duration", Source::Option("duration_seconds")), option("instrumental")],
        AUDIO,
    ),
    alternates: &["stable-audio-2.5-replicate"],
    ..SOUND
};

pub const ELEVEN_MUSIC: Model = Model {
    id: "eleven-music-fal",
    name: "ElevenLabs Music",
    capabilities: &[C::Music],
    summary: "Studio-like music of 3 seconds to 5 minutes as MP3, with or without a voice.",
    prompt_format: MUSIC_PROMPT,
    parameters: &[seconds(3, 300, 30), flag("instrumental", "Without a voice.", false)],
    // 0.80 dollars a minute.
    price: listed(Per::Second { most: 300 }, &[always(13_334)]),
    endpoint: "fal-ai/elevenlabs/music",
    codec: codec(
        &[
            PROMPT,
            formed("music_length_ms", Source::Option("duration_seconds"), Form::Times(1000.0)),
            plain("force_instrumental", Source::Option("instrumental")),
        ],
        AUDIO,
    ),
    ..SOUND
};

pub const STABLE_AUDIO: Model = Model {
    id: "stable-audio-2.5",
    name: "Stable Audio 2.5",
    capabilities: &[C::Music, C::SoundEffects],
    summary: "Instrumental music or ambience of up to three minutes at one price.",
    prompt_format: MUSIC_PROMPT,
    parameters: &[seconds(1, 190, 60)],
    price: listed(Per::Output, &[always(200_000)]),
    endpoint: "fal-ai/stable-audio-25/text-to-audio",
    codec: codec(&[PROMPT, SEED, plain("seconds_total", Source::Option("duration_seconds"))], AUDIO),
    alternates: &["stable-audio-2.5-replicate"],
    ..SOUND
};

pub const LYRIA: Model = Model {
    id: "lyria-2",
    name: "Lyria 2",
    capabilities: &[C::Music],
    summary: "Half a minute of instrumental music in 48 kHz stereo.",
    prompt_format: MUSIC_PROMPT,
    price: listed(Per::Output, &[always(100_000)]),
    endpoint: "fal-ai/lyria2",
    codec: codec(&[PROMPT, NEGATIVE_PROMPT, SEED], AUDIO),
    alternates: &["lyria-2-replicate"],
    ..SOUND
};
