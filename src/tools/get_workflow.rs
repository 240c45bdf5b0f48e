//! `get_workflow`: one workflow with its document, to read or to change.

use super::workflows::{self, WorkflowView};
use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub struct GetWorkflow;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// From list_workflows.
    pub workflow_id: String,
    /// Default: the published one.
    pub version: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    #[serde(flatten)]
    pub workflow: WorkflowView,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "serde_json::Map<String, Value>"))]
    pub document: Value,
}

impl Tool for GetWorkflow {
    const NAME: &'static str = "get_workflow";
    const TITLE: &'static str = "Get workflow";
    const DESCRIPTION: &'static str =
        "Returns one workflow with its inputs, outputs, versions and its whole JSON document, which create_workflow and update_workflow take.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        let loaded = workflows::load(context, &id, &input.workflow_id, input.version).await?;
        let workflow = WorkflowView::of(&loaded);
        let text = format!("{}\nVersion {}:\n{}", workflow.line(), workflow.version, loaded.document);
        Ok(Answer::new(text, Output { workflow, document: loaded.document }))
    }
}
