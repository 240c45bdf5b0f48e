//! What the workflow tools share: a run as they answer it, and the one path from a workflow's id to its checked document
//! and to its price.

use super::assets::{self, AssetView, ErrorView};
use super::content::{Answer, Content};
use super::workflows::Loaded;
use super::{Context, Fault};
use crate::error::{Code, Refusal};
use crate::id::RunId;
use crate::models::parameter::shorten;
use crate::platform::Platform;
use crate::runs::view::{Flow, StepStatus};
use crate::runs::{self, Shown, View};
use crate::units::Units;
use crate::workspace::RunStatus;
use serde::{Deserialize, Serialize};

/// Steps take longer than one picture.
pub const POLL_AFTER_SECONDS: u32 = 3;

crate::models::words! {
    FlowStatus {
        Pending = "pending",
        Running = "running",
        Success = "success",
        Failure = "failure",
        Cancelled = "cancelled",
    }
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct StepLine {
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub title: String,
    pub status: StepStatus,
    /// 0 to 1.
    pub progress: f64,
    pub price_creative_units: Units,
    /// Of the files it made.
    pub asset_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct OutputLine {
    pub name: String,
    pub asset_ids: Vec<String>,
}

/// The answer of execute, get and cancel.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct FlowRunView {
    pub run_id: String,
    pub status: FlowStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_after_seconds: Option<u32>,
    /// 0 to 1.
    pub progress: f64,
    pub workflow_id: String,
    pub version: u32,
    pub steps: Vec<StepLine>,
    pub outputs: Vec<OutputLine>,
    /// Of the outputs once it succeeded; before and otherwise everything made so far.
    pub assets: Vec<AssetView>,
    /// Charged, once ended; before that the most it can be.
    pub price_creative_units: Units,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub warnings: Vec<String>,
    /// Subscribe to it, or read it, for the state of the run.
    pub resource_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
}

/// What a workflow's run shows; a generation's is read by other tools.
pub fn flow_of(view: &View) -> Result<&Flow, Refusal> {
    match &view.shown {
        Shown::Workflow(flow) => Ok(flow),
        Shown::Forge(_) => {
            let refusal = Refusal::new(Code::RunNotFound, "This is a generation, not a workflow's run.");
            Err(refusal.next("Call get_forge_run or cancel_forge_run with this id as inference_id."))
        }
    }
}

pub fn status_of(view: &View) -> FlowStatus {
    match view.status {
        RunStatus::InProgress if view.has_begun() => FlowStatus::Running,
        RunStatus::InProgress => FlowStatus::Pending,
        RunStatus::Complete => FlowStatus::Success,
        RunStatus::Failed => FlowStatus::Failure,
        RunStatus::Cancelled => FlowStatus::Cancelled,
    }
}

impl FlowRunView {
    pub fn of<P: Platform>(
        context: &Context<'_, P>,
        view: &View,
        flow: &Flow,
        warnings: Vec<String>,
    ) -> Self {
        let ids = |ids: &[crate::id::AssetId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let steps = flow.steps.iter().map(|step| StepLine {
            id: step.id.clone(),
            title: step.title.clone(),
            status: step.status,
            progress: rounded(step.progress),
            price_creative_units: step.price,
            asset_ids: ids(&step.files),
            error: step.error.as_ref().map(ErrorView::of),
        });
        let outputs = flow.outputs.iter();
        Self {
            run_id: view.run_id.to_string(),
            status: status_of(view),
            poll_after_seconds: (view.status == RunStatus::InProgress).then_some(POLL_AFTER_SECONDS),
            progress: rounded(view.progress),
            workflow_id: flow.workflow_id.clone(),
            version: flow.version,
            steps: steps.collect(),
            outputs: outputs
                .map(|output| OutputLine { name: output.name.clone(), asset_ids: ids(&output.files) })
                .collect(),
            assets: match view.status {
                RunStatus::Complete => flow.results(view.assets.iter()),
                _ => view.assets.iter().collect(),
            }
            .into_iter()
            .map(|asset| AssetView::of(context, &view.workspace_id, asset))
            .collect(),
            price_creative_units: view.price.unwrap_or(view.reserved),
            error: view.error.as_ref().map(ErrorView::of),
            warnings,
            resource_uri: runs::uri(&view.run_id),
            session_name: view.session_name.clone(),
            created_at: view.created_at.iso(),
            completed_at: view.ended_at.map(|at| at.iso()),
        }
    }

    /// Short text that stands alone in a client that shows nothing else.
    pub fn text(&self) -> String {
        let id = &self.run_id;
        let price = self.price_creative_units.words();
        let files = match self.assets.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        let mut text = match (self.status, &self.error) {
            (FlowStatus::Pending | FlowStatus::Running, _) => format!(
                "{}, {} %: {}. run_id {id}. Next: call get_workflow_run with it; up to {price} set aside.",
                self.status.as_str(),
                (self.progress * 100.0).round(),
                self.under_way()
            ),
            (FlowStatus::Success, _) => {
                format!("success: {files} by workflow {} for {price}. run_id {id}", self.workflow_id)
            }
            (FlowStatus::Failure, error) => format!(
                "failure: {} {price} charged for what was made, the rest was released. run_id {id}",
                error.as_ref().map_or_else(String::new, ErrorView::line)
            ),
            (FlowStatus::Cancelled, _) => {
                format!("cancelled: {price} charged for what was made, the rest was released. run_id {id}")
            }
        };
        text.push_str(&assets::lines(&self.assets, "get_workflow_run"));
        for warning in &self.warnings {
            text.push_str(&format!("\nWarning: {warning}"));
        }
        text
    }

    /// `2 of 5 steps done, shot running`
    pub fn under_way(&self) -> String {
        let is_over = |step: &&StepLine| !matches!(step.status, StepStatus::Pending | StepStatus::Running);
        let done = self.steps.iter().filter(is_over).count();
        let running: Vec<_> = self
            .steps
            .iter()
            .filter(|step| step.status == StepStatus::Running)
            .map(|step| step.id.as_str())
            .collect();
        let now =
            if running.is_empty() { String::new() } else { format!(", {} running", running.join(", ")) };
        format!("{done} of {} steps done{now}", self.steps.len())
    }
}

fn rounded(progress: f64) -> f64 {
    (progress * 100.0).round() / 100.0
}

/// The run with its links and, when it has ended, its contact sheet.
pub async fn answer<P: Platform>(
    context: &Context<'_, P>,
    view: &View,
    warnings: Vec<String>,
) -> Result<Answer<FlowRunView>, Fault> {
    let shown = FlowRunView::of(context, view, flow_of(view)?, warnings);
    let mut more: Vec<Content> = assets::sheet(context, view).await?.into_iter().collect();
    more.extend(shown.assets.iter().map(AssetView::link));
    Ok(Answer::new(shown.text(), shown).and(more))
}

/// An archived workflow is run only by somebody who names a version.
pub fn check_runnable(loaded: &Loaded, version: Option<u32>) -> Result<(), Refusal> {
    let archived = loaded.definition.as_ref().is_some_and(|found| found.archived_at.is_some());
    if archived && version.is_none() {
        let refusal = Refusal::new(Code::WorkflowNotFound, "This workflow is archived.");
        return Err(refusal.next("Restore it with update_workflow, or name the version to run."));
    }
    Ok(())
}

pub fn run_id(text: &str) -> Result<RunId, Refusal> {
    RunId::parse(text).ok_or_else(|| {
        let shown = shorten(&text.into());
        Refusal::invalid(format!("`run_id` must be a UUID, not {shown}.")).next(Code::RunNotFound.next_step())
    })
}
