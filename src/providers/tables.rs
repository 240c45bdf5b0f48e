//! Words that the providers' catalogues are written with: parameters that many models take, fields, prices.
//! Not for: what one provider alone has.

use crate::models::codec::{Field, Form, Source};
use crate::models::parameter::Kind;
use crate::models::price::{Per, Rate};
use crate::models::{Codec, GuidanceKind, GuidanceSlot, Modality, Model, Need, Parameter, Price};

/// The day on which the prices of these catalogues were read.
pub const VERIFIED_ON: &str = "2026-11-21";

/// What most models share; each says what differs.
pub const BASE: Model = Model {
    id: "",
    name: "",
    modality: Modality::Image,
    capabilities: &[],
    summary: "",
    prompt_format: "Plain sentences: subject, setting, light, style. Put words to be written in quotes.",
    prompt: Need::Required,
    parameters: &[],
    guidance: &[],
    mask: Need::No,
    post: &[],
    max_batch: 8,
    per_call: 1,
    price: Price::Listed { per: Per::Output, rates: &[], verified_on: VERIFIED_ON },
    endpoint: "",
    codec: Codec::NONE,
    alternates: &[],
    placeholder: false,
};

/// For models that only change a file.
pub const TOOL: Model = Model { prompt_format: "", prompt: Need::No, max_batch: 1, ..BASE };

pub const fn plain(to: &'static str, from: Source) -> Field {
    Field { to, from, form: Form::Plain }
}

pub const fn formed(to: &'static str, from: Source, form: Form) -> Field {
    Field { to, from, form }
}

/// A parameter that the provider calls the same.
pub const fn option(name: &'static str) -> Field {
    plain(name, Source::Option(name))
}

pub const PROMPT: Field = plain("prompt", Source::Prompt);
pub const NEGATIVE_PROMPT: Field = plain("negative_prompt", Source::NegativePrompt);
pub const SEED: Field = plain("seed", Source::Seed);

pub const fn whole(name: &'static str, help: &'static str, least: i64, most: i64, default: i64) -> Parameter {
    Parameter { name, help, kind: Kind::Integer { least, most, default } }
}

pub const fn number(
    name: &'static str,
    help: &'static str,
    least: f64,
    most: f64,
    default: f64,
) -> Parameter {
    Parameter { name, help, kind: Kind::Number { least, most, default } }
}

pub const fn choice(
    name: &'static str,
    help: &'static str,
    of: &'static [&'static str],
    default: &'static str,
) -> Parameter {
    Parameter { name, help, kind: Kind::Choice { of, default } }
}

pub const fn step(name: &'static str, help: &'static str, of: &'static [i64], default: i64) -> Parameter {
    Parameter { name, help, kind: Kind::Step { of, default } }
}

pub const fn flag(name: &'static str, help: &'static str, default: bool) -> Parameter {
    Parameter { name, help, kind: Kind::Boolean { default } }
}

pub const fn text(name: &'static str, help: &'static str, default: &'static str) -> Parameter {
    Parameter { name, help, kind: Kind::Text { most_chars: 200, default } }
}

pub const fn width(least: i64, most: i64, default: i64) -> Parameter {
    whole("width", "Pixels.", least, most, default)
}

pub const fn height(least: i64, most: i64, default: i64) -> Parameter {
    whole("height", "Pixels.", least, most, default)
}

pub const fn seconds(least: i64, most: i64, default: i64) -> Parameter {
    whole("duration_seconds", "Whole seconds.", least, most, default)
}

pub const fn aspect_ratio(of: &'static [&'static str], default: &'static str) -> Parameter {
    choice("aspect_ratio", "Width to height.", of, default)
}

pub const fn resolution(of: &'static [&'static str], default: &'static str) -> Parameter {
    choice("resolution", "Size of what is made; larger costs more.", of, default)
}

pub const fn output_format(of: &'static [&'static str], default: &'static str) -> Parameter {
    choice("output_format", "File format.", of, default)
}

pub const fn needs(kind: GuidanceKind) -> GuidanceSlot {
    GuidanceSlot { kind, required: true, at_most: 1 }
}

pub const fn takes(kind: GuidanceKind, at_most: usize) -> GuidanceSlot {
    GuidanceSlot { kind, required: false, at_most }
}

/// Millionths of a dollar, whatever the options are.
pub const fn always(micros: u64) -> Rate {
    Rate { when: &[], micros }
}

pub const fn when(conditions: &'static [(&'static str, &'static str)], micros: u64) -> Rate {
    Rate { when: conditions, micros }
}

pub const fn listed(per: Per, rates: &'static [Rate]) -> Price {
    Price::Listed { per, rates, verified_on: VERIFIED_ON }
}

pub const fn codec(fields: &'static [Field], outputs: &'static [&'static str]) -> Codec {
    Codec { fields, outputs }
}
