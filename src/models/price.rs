//! What a generation costs, before it runs. One function for estimate and execute, so the numbers agree.
//! Not for: what a provider really charged (`providers::Charge`).

use super::Model;
use super::generation::Generation;
use crate::units::Units;
use serde_json::Value;

/// A model's price list.
#[derive(Clone, Copy, Debug)]
pub enum Price {
    /// In Creative Units, of what costs nobody anything: for each output, for each started second of it, for each
    /// post-processing step.
    Units { output: Units, second: Units, post: Units },
    /// As the provider lists it. The first rate whose conditions hold is taken; the last one has none.
    Listed {
        per: Per,
        rates: &'static [Rate],
        /// The day on which somebody read it, `2026-11-21`.
        verified_on: &'static str,
    },
}

/// What a listed rate is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Per {
    Output,
    /// Each started 2^20 pixels of each output. `most`: where the size is not known before.
    Megapixel {
        most: u32,
    },
    /// Each started second of each output. `most`: where the duration is not known before.
    Second {
        most: u32,
    },
    /// Each started thousand characters of the prompt.
    ThousandCharacters,
}

impl Per {
    pub fn as_str(self) -> &'static str {
        match self {
            Per::Output => "output",
            Per::Megapixel { .. } => "megapixel",
            Per::Second { .. } => "second",
            Per::ThousandCharacters => "1000 characters",
        }
    }
}

/// Millionths of a US dollar, where the options named have these values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub when: &'static [(&'static str, &'static str)],
    pub micros: u64,
}

pub const PIXELS_PER_MEGAPIXEL: f64 = 1_048_576.0;
/// Percent of the list price by the `quality` asked for.
const QUALITY_PERCENT: &[(&str, u32)] = &[("low", 50), ("medium", 100), ("high", 200)];
/// An hour; nothing is made that plays longer.
const MAX_SECONDS: f64 = 86_400.0;

/// What dollars are in Creative Units here and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange {
    pub units_per_dollar: f64,
    /// The provider's present price as a multiple of the listed one.
    pub factor: f64,
}

impl Exchange {
    /// Rounded up to a thousandth of a unit.
    pub fn units(&self, micros: f64) -> Units {
        let thousandths = micros * self.units_per_dollar / 1000.0;
        // What is a hair above because it was computed in binary is not a thousandth more.
        Units::thousandths((thousandths - 1e-6).ceil().clamp(0.0, 1e15) as i64)
    }
}

impl Price {
    /// The most this generation can cost; it is what gets reserved.
    pub fn of(&self, generation: &Generation, exchange: &Exchange) -> Units {
        match self {
            Price::Units { output, second, post } => {
                let quality = generation.option_text("quality").unwrap_or("medium");
                let percent = QUALITY_PERCENT
                    .iter()
                    .find(|(word, _)| *word == quality)
                    .map_or(100, |(_, percent)| *percent);
                let seconds = seconds(generation).unwrap_or(0);
                let one =
                    (*output + second.times(seconds)).percent(percent) + post.times(generation.post.steps());
                one.times(generation.batch_size)
            }
            Price::Listed { .. } => {
                exchange.units(self.one(generation) * exchange.factor).times(generation.batch_size)
            }
        }
    }

    /// One output with the model's default parameters.
    pub fn typical(&self, model: &Model, exchange: &Exchange) -> Units {
        self.of(&Generation::typical(model), exchange)
    }

    /// List price of all outputs in millionths of a dollar; 0 for what costs nobody anything.
    pub fn micros(&self, generation: &Generation) -> f64 {
        self.one(generation) * f64::from(generation.batch_size)
    }

    /// List price of one output in millionths of a dollar.
    fn one(&self, generation: &Generation) -> f64 {
        let Price::Listed { per, .. } = self else { return 0.0 };
        let count = match per {
            Per::Output => 1,
            Per::Megapixel { most } => megapixels(generation).unwrap_or(*most),
            Per::Second { most } => seconds(generation).unwrap_or(*most),
            Per::ThousandCharacters => {
                u32::try_from(generation.prompt.chars().count().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
            }
        };
        f64::from(count) * self.rate(generation) as f64
    }

    /// What one unit (output, megapixel, second, …) of this generation is listed at, in millionths of a dollar.
    pub fn rate(&self, generation: &Generation) -> u64 {
        let Price::Listed { rates, .. } = self else { return 0 };
        let holds = |(name, wanted): &(&str, &str)| match generation.options.get(*name) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Bool(flag)) => wanted.parse() == Ok(*flag),
            Some(other) => wanted.parse().ok() == other.as_f64(),
            None => false,
        };
        rates.iter().find(|rate| rate.when.iter().all(holds)).map_or(0, |rate| rate.micros)
    }
}

fn seconds(generation: &Generation) -> Option<u32> {
    generation.duration_seconds().map(|seconds| seconds.ceil().clamp(0.0, MAX_SECONDS) as u32)
}

fn megapixels(generation: &Generation) -> Option<u32> {
    let (width, height) = (generation.option_number("width")?, generation.option_number("height")?);
    Some((width * height / PIXELS_PER_MEGAPIXEL).ceil().clamp(1.0, 10_000.0) as u32)
}
