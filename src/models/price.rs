//! What a generation costs, before it runs. One function for estimate and execute, so the numbers agree.

use super::Model;
use super::generation::Generation;
use crate::units::Units;

/// A model's price list.
#[derive(Debug)]
pub struct Price {
    /// For each output.
    pub output: Units,
    /// For each started second of each output, where the model has a duration.
    pub second: Units,
    /// For each post-processing step of each output.
    pub post: Units,
}

/// Percent of the list price by the `quality` asked for.
const QUALITY_PERCENT: &[(&str, u32)] = &[("low", 50), ("medium", 100), ("high", 200)];

impl Price {
    /// The most this generation can cost; it is what gets reserved.
    pub fn of(&self, generation: &Generation) -> Units {
        let seconds =
            generation.duration_seconds().map_or(0, |seconds| seconds.ceil().clamp(0.0, 86_400.0) as u32);
        let quality = generation.option_text("quality").unwrap_or("medium");
        let percent =
            QUALITY_PERCENT.iter().find(|(word, _)| *word == quality).map_or(100, |(_, percent)| *percent);
        let one = (self.output + self.second.times(seconds)).percent(percent)
            + self.post.times(generation.post.steps());
        one.times(generation.batch_size)
    }

    /// One output with the model's default parameters.
    pub fn typical(&self, model: &Model) -> Units {
        let seconds =
            model.parameter("duration_seconds").and_then(|parameter| parameter.default_value().as_f64());
        self.output
            + self.second.times(seconds.map_or(0, |seconds| seconds.ceil().clamp(0.0, 86_400.0) as u32))
    }
}
