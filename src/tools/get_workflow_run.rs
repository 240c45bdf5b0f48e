//! `get_workflow_run`: the state of a workflow's run, step by step, and its files. Waits for the end if asked, telling
//! how far it is.

use super::flow::{self, FlowRunView};
use super::get_forge_run::{ROUND_MILLIS, seconds_to_wait};
use super::{Answer, Context, Fault, Hints, READS, Tool, forge, workspaces};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::run::Wait;
use crate::workspace::RunStatus;
use serde::Deserialize;

pub struct GetWorkflowRun;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// From execute_workflow.
    pub run_id: String,
    /// Wait for the end at most so long: 0 to 45, default 20.
    pub wait_seconds: Option<i64>,
}

impl Tool for GetWorkflowRun {
    const NAME: &'static str = "get_workflow_run";
    const TITLE: &'static str = "Get workflow run";
    const DESCRIPTION: &'static str =
        "Returns the status of a workflow's run and of each step, with links to the files made so far. Waits up to wait_seconds for the end; call again while pending or running.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = FlowRunView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<FlowRunView>, Fault> {
        let id = flow::run_id(&input.run_id)?;
        let wait = seconds_to_wait(input.wait_seconds)?;
        workspaces::check_named(context, input.workspace_id.as_deref()).await?;
        let until = context.platform.now().plus_seconds(wait);
        let mut view = forge::find(context, &id, None).await?;
        loop {
            let left = until.millis_since(context.platform.now());
            if view.status != RunStatus::InProgress || left <= 0 {
                return flow::answer(context, &view, Vec::new()).await;
            }
            let shown = FlowRunView::of(context, &view, flow::flow_of(&view)?, Vec::new());
            (context.progress)(view.progress, &format!("{}: {}", shown.workflow_id, shown.under_way()));
            let wait = Wait { seen_version: Some(view.version), millis: left.min(ROUND_MILLIS) };
            view = crate::runs::get(context.platform, &id, Some(wait)).await??;
        }
    }
}
