//! `create_workflow`: saves a new workflow of the workspace.

use super::update_workflow::saved;
use super::workflows::{Change, WorkflowView, save};
use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use serde::Deserialize;
use serde_json::{Map, Value};

pub struct CreateWorkflow;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// As get_workflow_instructions says.
    pub document: Map<String, Value>,
    /// Default true; false keeps it a draft.
    pub publish: Option<bool>,
    /// Repeat it when retrying: within 24 h the first one is returned, not a second one made.
    pub idempotency_key: Option<String>,
}

impl Tool for CreateWorkflow {
    const NAME: &'static str = "create_workflow";
    const TITLE: &'static str = "Create workflow";
    const DESCRIPTION: &'static str =
        "Checks a workflow document and saves it for the whole workspace. Every problem is told with its path. Read get_workflow_instructions first.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsWrite];
    const HINTS: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: false };
    const SPENDS: bool = true;
    type Input = Input;
    type Output = WorkflowView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<WorkflowView>, Fault> {
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        let change = Change {
            workflow_id: None,
            document: Some(Value::Object(input.document)),
            publish: input.publish.unwrap_or(true),
            archive: None,
            base_version: None,
            idempotency_key: input.idempotency_key,
        };
        Ok(saved(&save(context, &id, change).await?))
    }
}
