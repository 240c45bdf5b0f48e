//! `cancel_workflow_run`: stops a workflow's run; what is made stays and is paid for, the rest of its units go back.

use super::flow::{self, FlowRunView};
use super::{Answer, Context, Fault, Hints, Tool, forge, workspaces};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::{Command, Reply, Run, unknown};
use crate::units::Units;
use serde::{Deserialize, Serialize};

pub struct CancelWorkflowRun;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// From execute_workflow.
    pub run_id: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    #[serde(flatten)]
    pub run: FlowRunView,
    pub released_creative_units: Units,
}

impl Tool for CancelWorkflowRun {
    const NAME: &'static str = "cancel_workflow_run";
    const TITLE: &'static str = "Cancel workflow run";
    const DESCRIPTION: &'static str =
        "Stops a workflow's run. Files of finished steps stay and are charged; the rest of the reserved Creative Units is released. A run that has ended cannot be cancelled.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsExecute];
    const HINTS: Hints = Hints { read_only: false, destructive: true, idempotent: true, open_world: true };
    const SPENDS: bool = true;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let id = flow::run_id(&input.run_id)?;
        workspaces::check_named(context, input.workspace_id.as_deref()).await?;
        // Whose it is and of what kind, before anything is changed.
        flow::flow_of(&forge::find(context, &id, None).await?)?;
        let view = match context.platform.ask::<Run>(id.as_str(), Command::Cancel).await? {
            Reply::View(view) => *view,
            Reply::Refused(refusal) => return Err((*refusal).into()),
            _ => return Err(unknown().into()),
        };
        let run = FlowRunView::of(context, &view, flow::flow_of(&view)?, Vec::new());
        let released = view.reserved - view.price.unwrap_or_default();
        Ok(Answer::new(run.text(), Output { run, released_creative_units: released }))
    }
}
