//! `update_workflow`: a new version of a workflow, or its publication, archiving, restoring.

use super::workflows::{Change, Loaded, WorkflowView, save};
use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use serde::Deserialize;
use serde_json::{Map, Value};

pub struct UpdateWorkflow;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Of this workspace, from list_workflows.
    pub workflow_id: String,
    /// The whole new document; absent: unchanged.
    pub document: Option<Map<String, Value>>,
    /// Default true; false saves a draft beside the published version.
    pub publish: Option<bool>,
    /// true hides it and stops new runs; false brings it back.
    pub archived: Option<bool>,
    /// The latest_version you changed; refused if somebody saved a newer one.
    pub base_version: Option<u32>,
    /// Repeat it when retrying.
    pub idempotency_key: Option<String>,
}

impl Tool for UpdateWorkflow {
    const NAME: &'static str = "update_workflow";
    const TITLE: &'static str = "Update workflow";
    const DESCRIPTION: &'static str =
        "Saves a new version of a workflow, publishes it, archives or restores it. Runs under way keep the version they began with.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsWrite];
    const HINTS: Hints = Hints { read_only: false, destructive: true, idempotent: true, open_world: false };
    const SPENDS: bool = true;
    type Input = Input;
    type Output = WorkflowView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<WorkflowView>, Fault> {
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        // Archiving alone publishes nothing.
        let publish = input.publish.unwrap_or(input.document.is_some() || input.archived.is_none());
        let change = Change {
            workflow_id: Some(input.workflow_id),
            document: input.document.map(Value::Object),
            publish,
            archive: input.archived,
            base_version: input.base_version,
            idempotency_key: input.idempotency_key,
        };
        Ok(saved(&save(context, &id, change).await?))
    }
}

/// What both tools that save answer.
pub fn saved(loaded: &Loaded) -> Answer<WorkflowView> {
    let view = WorkflowView::of(loaded);
    let state = match (view.archived, view.published_version) {
        (true, _) => "archived".to_owned(),
        (false, Some(published)) => format!("version {published} is published"),
        (false, None) => "a draft that list_workflows hides until it is published".to_owned(),
    };
    let latest = view.latest_version.unwrap_or(view.version);
    let text = format!(
        "Saved {} as version {latest}: {state}. Next: estimate_workflow_price or execute_workflow with workflow_id {}.",
        view.name, view.workflow_id
    );
    Answer::new(text, view)
}
