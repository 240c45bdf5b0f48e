//! `get_forge_instructions`: one generation step by step.

use super::get_instructions::{Guide, Input};
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;

const INSTRUCTIONS: &str = include_str!("text/forge.md");

pub struct GetForgeInstructions;

impl Tool for GetForgeInstructions {
    const NAME: &'static str = "get_forge_instructions";
    const TITLE: &'static str = "Forge guide";
    const DESCRIPTION: &'static str =
        "Returns the steps of one generation: choose a model, estimate, execute, wait, show; and how to use guidance files, masks, seeds and post-processing.";
    const GROUP: &'static str = "guide";
    const SCOPES: &'static [Scope] = &[];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Guide;

    async fn call<P: Platform>(_: &Context<'_, P>, _: Input) -> Result<Answer<Guide>, Fault> {
        Ok(Answer::new(INSTRUCTIONS, Guide::new("Forge guide")))
    }
}
