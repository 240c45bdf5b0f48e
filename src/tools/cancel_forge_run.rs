//! `cancel_forge_run`: stops a generation and gives its units back.

use super::forge::{self, RunView};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::{Command, Reply, Run, unknown};
use serde::{Deserialize, Serialize};

pub struct CancelForgeRun;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// From execute_forge.
    pub inference_id: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    #[serde(flatten)]
    pub run: RunView,
    pub released_creative_units: crate::units::Units,
}

impl Tool for CancelForgeRun {
    const NAME: &'static str = "cancel_forge_run";
    const TITLE: &'static str = "Cancel forge run";
    const DESCRIPTION: &'static str =
        "Stops a generation that is still in progress and releases its reserved Creative Units. Unfinished outputs are lost; finished runs cannot be cancelled.";
    const GROUP: &'static str = "forge";
    const SCOPES: &'static [Scope] = &[Scope::ForgeExecute];
    const HINTS: Hints = Hints { read_only: false, destructive: true, idempotent: true, open_world: true };
    const SPENDS: bool = true;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let id = forge::run_id(&input.inference_id)?;
        super::workspaces::check_named(context, input.workspace_id.as_deref()).await?;
        // Whose it is, before anything is changed.
        forge::generation_of(&forge::find(context, &id, None).await?)?;
        let view = match context.platform.ask::<Run>(id.as_str(), Command::Cancel).await? {
            Reply::View(view) => *view,
            Reply::Refused(refusal) => return Err((*refusal).into()),
            _ => return Err(unknown().into()),
        };
        let run = RunView::of(context, &view, forge::generation_of(&view)?, Vec::new());
        let released = view.reserved - view.price.unwrap_or_default();
        Ok(Answer::new(run.text(), Output { run, released_creative_units: released }))
    }
}
