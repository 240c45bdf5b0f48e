//! A run as a reader sees it. Not for: what it stores (`state`).

use super::state::{ItemStage, Record, Stage, rounded};
use super::{Work, steps};
use crate::error::Refusal;
use crate::id::{AssetId, PersonId, RunId, WorkspaceId};
use crate::models::Generation;
use crate::time::Timestamp;
use crate::units::Units;
use crate::workflows::{self, Ended, Plan};
use crate::workspace::{Asset, RunStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub run_id: RunId,
    pub workspace_id: WorkspaceId,
    pub person: PersonId,
    pub status: RunStatus,
    pub progress: f64,
    pub version: u32,
    pub shown: Shown,
    pub reserved: Units,
    pub price: Option<Units>,
    pub error: Option<Refusal>,
    pub assets: Vec<Asset>,
    pub session_name: Option<String>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// It is to stop, and a provider still has work of it in hand.
    #[serde(default)]
    pub is_stopping: bool,
    /// Models that really run or ran it, where they are not the one that was asked for.
    #[serde(default)]
    pub stand_ins: Vec<String>,
    /// Outputs that were asked for and were not made, and why the last of them was not.
    #[serde(default)]
    pub missing: u32,
    #[serde(default)]
    pub missing_because: Option<Refusal>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shown {
    Forge(Generation),
    Workflow(Flow),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    pub workflow_id: String,
    pub version: u32,
    pub name: String,
    pub steps: Vec<StepView>,
    pub outputs: Vec<OutputView>,
}

crate::models::words! {
    StepStatus {
        Pending = "pending",
        Running = "running",
        Success = "success",
        Failure = "failure",
        Cancelled = "cancelled",
        Skipped = "skipped",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    pub id: String,
    pub title: String,
    pub status: StepStatus,
    /// 0 to 1.
    pub progress: f64,
    /// Charged so far.
    pub price: Units,
    pub error: Option<Refusal>,
    pub files: Vec<AssetId>,
    pub texts: Vec<String>,
    /// Times one of its runs was begun again.
    pub retries: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputView {
    pub name: String,
    pub files: Vec<AssetId>,
}

impl View {
    pub fn of(record: &Record) -> Self {
        let outcome = record.outcome();
        Self {
            run_id: record.job.run_id.clone(),
            workspace_id: record.job.workspace_id.clone(),
            person: record.job.person.clone(),
            status: record.status(),
            progress: record.progress(),
            version: record.version(),
            shown: match &record.job.work {
                Work::Forge(generation) => Shown::Forge(generation.clone()),
                Work::Workflow(plan) => Shown::Workflow(flow(record, plan)),
            },
            reserved: record.job.reserved,
            price: outcome.map(|outcome| outcome.price),
            error: outcome.and_then(|outcome| outcome.error.clone()),
            // Those of a generation are shown with its end: before it they may still be thrown away.
            assets: match &record.job.work {
                Work::Forge(_) if outcome.is_none() => Vec::new(),
                _ => record.files().cloned().collect(),
            },
            session_name: record.job.session_name.clone(),
            created_at: record.job.created_at,
            ended_at: outcome.map(|outcome| outcome.ended_at),
            is_stopping: record.state.cancelled_at.is_some() && outcome.is_none(),
            stand_ins: stand_ins(record),
            missing: missing(record),
            missing_because: record.items.iter().rev().find_map(|item| match &item.stage {
                ItemStage::Failed { error } => Some(error.clone()),
                _ => item.remote.dropped_because.clone(),
            }),
        }
    }

    /// Whether anything has begun: `pending` is before that.
    pub fn has_begun(&self) -> bool {
        self.progress > 0.0
            || matches!(&self.shown, Shown::Workflow(flow) if flow.steps.iter().any(|step| step.status == StepStatus::Running))
    }
}

fn stand_ins(record: &Record) -> Vec<String> {
    let Work::Forge(generation) = &record.job.work else { return Vec::new() };
    let used = record.items.iter().map(|item| &item.remote.model_id);
    let others = used.filter(|id| !id.is_empty() && **id != generation.model_id);
    others.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Of a generation that is complete all the same.
fn missing(record: &Record) -> u32 {
    let made = u32::try_from(record.files().count()).unwrap_or(u32::MAX);
    match &record.job.work {
        Work::Forge(generation) if record.status() == RunStatus::Complete => {
            generation.batch_size.saturating_sub(made)
        }
        _ => 0,
    }
}

/// The files a reader is given of a run that is complete: those of a workflow's outputs, in their order.
pub fn results(record: &Record) -> Vec<&Asset> {
    match &record.job.work {
        Work::Forge(_) => record.files().collect(),
        Work::Workflow(plan) => flow(record, plan).results(record.files()),
    }
}

impl Flow {
    /// Those of `files` that the outputs name; all, if they name none.
    pub fn results<'a>(&self, files: impl Iterator<Item = &'a Asset>) -> Vec<&'a Asset> {
        let all: Vec<&Asset> = files.collect();
        let mut found: Vec<&Asset> = Vec::new();
        for id in self.outputs.iter().flat_map(|output| &output.files) {
            let is_new = !found.iter().any(|asset| asset.asset_id == *id);
            found.extend(all.iter().filter(|asset| is_new && asset.asset_id == *id).take(1));
        }
        if found.is_empty() { all } else { found }
    }
}

fn flow(record: &Record, plan: &Plan) -> Flow {
    let steps = steps::steps(plan, &record.items);
    let ids = |files: &[&AssetId]| files.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    let is_over = !matches!(record.state.stage, Stage::Reserving | Stage::Running);
    Flow {
        workflow_id: plan.workflow_id.clone(),
        version: plan.version,
        name: plan.name.clone(),
        steps: steps.iter().map(|step| step_view(record, step, is_over, ids(&step.files))).collect(),
        outputs: plan
            .outputs
            .iter()
            .map(|output| OutputView {
                name: output.name.clone(),
                files: ids(&steps::output(&output.from, &steps)),
            })
            .collect(),
    }
}

fn step_view(record: &Record, step: &steps::Step<'_>, is_over: bool, files: Vec<AssetId>) -> StepView {
    let items = record.items.get(step.range.clone()).unwrap_or_default();
    let has_begun = items.iter().any(|item| !matches!(item.stage, ItemStage::Waiting | ItemStage::Cancelled));
    let status = match step.ended {
        Some(Ended::Success) => StepStatus::Success,
        Some(Ended::Failure) => StepStatus::Failure,
        Some(Ended::Skipped) => StepStatus::Skipped,
        None if is_over => StepStatus::Cancelled,
        None if has_begun => StepStatus::Running,
        None => StepStatus::Pending,
    };
    let mean = rounded(items.iter().map(|item| item.progress).sum::<f64>() / items.len().max(1) as f64);
    StepView {
        id: step.plan.id.clone(),
        title: step.plan.title.clone(),
        status,
        progress: if step.ended.is_some() { 1.0 } else { mean },
        price: items.iter().fold(Units::ZERO, |sum, item| sum + item.price()),
        error: step.error.clone(),
        files,
        texts: if let workflows::Work::Text(texts) = &step.plan.work { texts.clone() } else { Vec::new() },
        retries: items.iter().map(|item| item.retries).sum(),
    }
}
