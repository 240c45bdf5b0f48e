//! `get_forge_run`: the state of a generation and, when it is finished, its files. Waits for the end if asked,
//! telling how far it is.

use super::forge::{self, RunView};
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::error::Refusal;
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::run::Wait;
use crate::workspace::RunStatus;
use serde::Deserialize;

pub struct GetForgeRun;

/// Clients give up on a call after 60 seconds; this leaves them the time to receive the answer.
pub const MAX_WAIT_SECONDS: i64 = 45;
pub const DEFAULT_WAIT_SECONDS: i64 = 20;
/// One wait inside the run's object; progress is told after each.
pub const ROUND_MILLIS: i64 = 10_000;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// From execute_forge.
    pub inference_id: String,
    /// Wait for the end at most so long: 0 to 45, default 20.
    pub wait_seconds: Option<i64>,
}

impl Tool for GetForgeRun {
    const NAME: &'static str = "get_forge_run";
    const TITLE: &'static str = "Get forge run";
    const DESCRIPTION: &'static str =
        "Returns the status of a generation and, when complete, links to its files with a preview. Waits up to wait_seconds for the end; call again while in_progress.";
    const GROUP: &'static str = "forge";
    const SCOPES: &'static [Scope] = &[Scope::ForgeRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = RunView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<RunView>, Fault> {
        let id = forge::run_id(&input.inference_id)?;
        let wait = seconds_to_wait(input.wait_seconds)?;
        super::workspaces::check_named(context, input.workspace_id.as_deref()).await?;
        let until = context.platform.now().plus_seconds(wait);
        let mut view = forge::find(context, &id, None).await?;
        loop {
            let left = until.millis_since(context.platform.now());
            if view.status != RunStatus::InProgress || left <= 0 {
                return forge::answer(context, &view, Vec::new()).await;
            }
            let model = &forge::generation_of(&view)?.model_id;
            (context.progress)(view.progress, &format!("{model} is {}", view.status.as_str()));
            let wait = Wait { seen_version: Some(view.version), millis: left.min(ROUND_MILLIS) };
            view = crate::runs::get(context.platform, &id, Some(wait)).await??;
        }
    }
}

pub fn seconds_to_wait(asked: Option<i64>) -> Result<i64, Refusal> {
    let wait = asked.unwrap_or(DEFAULT_WAIT_SECONDS);
    if (0..=MAX_WAIT_SECONDS).contains(&wait) {
        Ok(wait)
    } else {
        Err(Refusal::invalid(format!("`wait_seconds` must be from 0 to {MAX_WAIT_SECONDS}, not {wait}.")))
    }
}
