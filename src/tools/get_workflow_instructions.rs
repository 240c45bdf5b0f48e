//! `get_workflow_instructions`: how workflows are run and written.

use super::get_instructions::{Guide, Input};
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::workflows::INSTRUCTIONS;

pub struct GetWorkflowInstructions;

impl Tool for GetWorkflowInstructions {
    const NAME: &'static str = "get_workflow_instructions";
    const TITLE: &'static str = "Workflow guide";
    const DESCRIPTION: &'static str =
        "Returns the steps of running a workflow (list, estimate, execute, wait, show) and how to write one: inputs, steps, references, conditions, outputs.";
    const GROUP: &'static str = "guide";
    const SCOPES: &'static [Scope] = &[];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Guide;

    async fn call<P: Platform>(_: &Context<'_, P>, _: Input) -> Result<Answer<Guide>, Fault> {
        Ok(Answer::new(INSTRUCTIONS, Guide::new("Workflow guide")))
    }
}
