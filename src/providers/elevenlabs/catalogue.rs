//! The models of ElevenLabs: what each takes and costs. It bills in credits; what a call took it says in a header.

use crate::models::codec::{Codec, Field, Form, Source};
use crate::models::parameter::Kind;
use crate::models::price::{Per, Rate};
use crate::models::{Capability as C, Modality, Model, Need, Parameter, Price};

const VERIFIED_ON: &str = "2026-11-21";

/// Voices that every account has.
pub const VOICES: &[(&str, &str)] = &[
    ("George", "JBFqnCBsd6RMkjVDRZzb"),
    ("Rachel", "21m00Tcm4TlvDq8ikWAM"),
    ("Sarah", "EXAVITQu4vr4xnSDxMaL"),
    ("Laura", "FGY2WhTYpPnrIDTdsKH5"),
    ("Charlie", "IKne3meq5aSn9XLyUdCD"),
    ("Callum", "N2lVS1w4EtoT3dr4eOWO"),
    ("River", "SAz9YHcvj6GT2YYXdXww"),
    ("Liam", "TX3LPaxmHKxFdv7VOQHJ"),
    ("Alice", "Xb7hH8MSUJpSbSDYk0k2"),
    ("Matilda", "XrExE9yKIg1WjnnlVkGX"),
    ("Brian", "nPczCjzI2devNBz1zQrb"),
    ("Daniel", "onwK4e9ZLuTAKqWW03F9"),
    ("Lily", "pFZP5JQG7iQjIQuC4Bku"),
];

const VOICE: Parameter = Parameter {
    name: "voice",
    help: "George, Rachel, Sarah, Laura, Charlie, Callum, River, Liam, Alice, Matilda, Brian, Daniel, Lily, or the id of a voice of the account.",
    kind: Kind::Text { most_chars: 100, default: "George" },
};
const STABILITY: Parameter = share("stability", "Lower is livelier, higher more even.", 0.5);
const SIMILARITY: Parameter = share("similarity_boost", "How closely the voice is followed.", 0.75);
const STYLE: Parameter = share("style_exaggeration", "How much of the voice's manner is played up.", 0.0);
const SPEED: Parameter =
    Parameter { name: "speed", help: "1 is the voice's own.", kind: Kind::Number { least: 0.7, most: 1.2, default: 1.0 } };
const LANGUAGE: Parameter = Parameter {
    name: "language",
    help: "ISO 639-1 code such as en or de; empty: told from the text.",
    kind: Kind::Text { most_chars: 8, default: "" },
};
const SPEECH_FORMAT: Parameter =
    Parameter { name: "output_format", help: "File format.", kind: Kind::Choice { of: &["mp3", "wav"], default: "mp3" } };
const fn share(name: &'static str, help: &'static str, default: f64) -> Parameter {
    Parameter { name, help, kind: Kind::Number { least: 0.0, most: 1.0, default } }
}

const fn plain(to: &'static str, from: Source) -> Field {
    Field { to, from, form: Form::Plain }
}

const TEXT: Field = plain("text", Source::Prompt);
const SEED: Field = plain("seed", Source::Seed);
const LANGUAGE_CODE: Field = plain("language_code", Source::Option("language"));
/// Both stand in the address.
const VOICE_ID: Field = plain("voice_id", Source::Aside("voice"));
const OUTPUT_FORMAT: Field = plain("output_format", Source::Aside("output_format"));

/// Model, voice, file format and what only one model takes are added by the adapter.
const SPEECH: Codec = Codec {
    fields: &[
        TEXT,
        SEED,
        VOICE_ID,
        OUTPUT_FORMAT,
        plain("voice_settings.stability", Source::Option("stability")),
        plain("voice_settings.similarity_boost", Source::Option("similarity_boost")),
        plain("voice_settings.style", Source::Option("style_exaggeration")),
        plain("voice_settings.speed", Source::Option("speed")),
    ],
    outputs: &[],
};
const FLASH: Codec = Codec {
    fields: &[
        TEXT,
        SEED,
        LANGUAGE_CODE,
        VOICE_ID,
        OUTPUT_FORMAT,
        plain("voice_settings.stability", Source::Option("stability")),
        plain("voice_settings.similarity_boost", Source::Option("similarity_boost")),
        plain("voice_settings.style", Source::Option("style_exaggeration")),
        plain("voice_settings.speed", Source::Option("speed")),
    ],
    outputs: &[],
};

const fn listed(per: Per, rates: &'static [Rate]) -> Price {
    Price::Listed { per, rates, verified_on: VERIFIED_ON }
}

const BASE: Model = Model {
    id: "",
    name: "",
    modality: Modality::Audio,
    capabilities: &[C::TextToSpeech],
    summary: "",
    prompt_format: "The words to be spoken.",
    prompt: Need::Required,
    parameters: &[VOICE, STABILITY, SIMILARITY, STYLE, SPEED, SPEECH_FORMAT],
    guidance: &[],
    mask: Need::No,
    post: &[],
    max_batch: 4,
    per_call: 1,
    price: listed(Per::ThousandCharacters, &[Rate { when: &[], micros: 80_000 }]),
    endpoint: "",
    codec: SPEECH,
    alternates: &[],
    placeholder: false,
};

pub const MODELS: &[Model] = &[
    Model {
        id: "eleven-v3",
        name: "Eleven v3",
        summary: "The most expressive voices, in over 70 languages; obeys tags such as [whispers] or [laughs].",
        prompt_format: "The words to be spoken; tags in square brackets say how: [whispers], [sighs], [excited].",
        parameters: &[VOICE, STABILITY, LANGUAGE, SPEECH_FORMAT],
        alternates: &["eleven-v3-fal"],
        endpoint: "eleven_v3",
        codec: Codec {
            fields: &[
                TEXT,
                SEED,
                LANGUAGE_CODE,
                VOICE_ID,
                OUTPUT_FORMAT,
                plain("voice_settings.stability", Source::Aside("stability")),
            ],
            outputs: &[],
        },
        ..BASE
    },
    Model {
        id: "eleven-multilingual-v2",
        name: "Eleven Multilingual v2",
        summary: "Even, lifelike narration in 29 languages; the choice for long texts.",
        endpoint: "eleven_multilingual_v2",
        ..BASE
    },
    Model {
        id: "eleven-flash-v2.5",
        name: "Eleven Flash v2.5",
        summary: "Speech within a second or two at half the price, in 32 languages.",
        parameters: &[VOICE, STABILITY, SIMILARITY, STYLE, SPEED, LANGUAGE, SPEECH_FORMAT],
        price: listed(Per::ThousandCharacters, &[Rate { when: &[], micros: 40_000 }]),
        endpoint: "eleven_flash_v2_5",
        codec: FLASH,
        ..BASE
    },
    Model {
        id: "eleven-sound-effects",
        name: "Eleven Sound Effects",
        capabilities: &[C::SoundEffects],
        summary: "Noises, ambience and short musical hits from words, up to 30 seconds; can loop.",
        prompt_format: "What is heard, in plain words: source, material, place, mood.",
        parameters: &[
            Parameter {
                name: "duration_seconds",
                help: "Seconds.",
                kind: Kind::Number { least: 0.5, most: 30.0, default: 5.0 },
            },
            share("prompt_influence", "Higher follows the words more closely and varies less.", 0.3),
            Parameter { name: "loop", help: "Ends where it begins.", kind: Kind::Boolean { default: false } },
        ],
        price: listed(Per::Second { most: 30 }, &[Rate { when: &[], micros: 3_200 }]),
        alternates: &["eleven-sound-effects-fal"],
        endpoint: "eleven_text_to_sound_v2",
        codec: Codec {
            fields: &[
                TEXT,
                plain("duration_seconds", Source::Option("duration_seconds")),
                plain("prompt_influence", Source::Option("prompt_influence")),
                plain("loop", Source::Option("loop")),
            ],
            outputs: &[],
        },
        ..BASE
    },
    Model {
        id: "eleven-music",
        name: "Eleven Music",
        capabilities: &[C::Music],
        summary: "Whole songs, sung or instrumental, up to ten minutes.",
        prompt_format: "Style, instruments, tempo, mood and structure; lyrics may stand in the text.",
        parameters: &[
            Parameter {
                name: "duration_seconds",
                help: "Seconds.",
                kind: Kind::Number { least: 3.0, most: 600.0, default: 30.0 },
            },
            Parameter {
                name: "instrumental",
                help: "Nobody sings.",
                kind: Kind::Boolean { default: false },
            },
        ],
        // The highest price anybody lists; what it really took is in the answer.
        price: listed(Per::Second { most: 600 }, &[Rate { when: &[], micros: 13_334 }]),
        alternates: &["eleven-music-fal"],
        endpoint: "music_v2_5",
        codec: Codec {
            fields: &[
                plain("prompt", Source::Prompt),
                Field {
                    to: "music_length_ms",
                    from: Source::Option("duration_seconds"),
                    form: Form::Times(1000.0),
                },
                plain("force_instrumental", Source::Option("instrumental")),
            ],
            outputs: &[],
        },
        ..BASE
    },
];
