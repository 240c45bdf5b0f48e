//! What the steps of a workflow are waiting for and have come to, read from the items of its run. Pure: nothing here is
//! stored, so a crash between two items forgets nothing.
//! Not for: the documents (`crate::workflows`) or running an item (`drive`).

use super::Work;
use super::state::{Item, ItemStage, Record};
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::models::Generation;
use crate::units::Units;
use crate::workflows::{self, Ended, FileRef, Plan, PlannedRun, PlannedStep};
use crate::workspace::RunStatus;
use std::borrow::Cow;
use std::ops::Range;

/// One step as it stands.
pub struct Step<'a> {
    pub plan: &'a PlannedStep,
    /// Its items.
    pub range: Range<usize>,
    /// None: it waits, or is under way.
    pub ended: Option<Ended>,
    /// Its own, or those it picked.
    pub files: Vec<&'a AssetId>,
    pub error: Option<Refusal>,
}

/// What to do with an item that waits.
#[derive(Debug, PartialEq)]
pub enum Begin {
    Start,
    Skip,
}

/// How the run ends, once nothing is left to do or nothing more can come of it.
pub struct Verdict {
    pub status: RunStatus,
    pub error: Option<Refusal>,
}

/// The steps in the order of the plan, which is one in which they can run.
pub fn steps<'a>(plan: &'a Plan, items: &'a [Item]) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::with_capacity(plan.steps.len());
    let mut from = 0;
    for planned in &plan.steps {
        let count = if let workflows::Work::Runs(runs) = &planned.work { runs.len() } else { 0 };
        let range = from..from + count;
        from = range.end;
        let step = look(planned, range, items, &steps);
        steps.push(step);
    }
    steps
}

fn look<'a>(
    planned: &'a PlannedStep,
    range: Range<usize>,
    items: &'a [Item],
    before: &[Step<'a>],
) -> Step<'a> {
    let own = items.get(range.clone()).unwrap_or_default();
    let mut step = Step { plan: planned, range, ended: None, files: Vec::new(), error: None };
    step.files = own.iter().flat_map(|item| item.files()).map(|asset| &asset.asset_id).collect();
    match &planned.work {
        workflows::Work::Text(_) => step.ended = Some(Ended::Success),
        workflows::Work::Skipped => step.ended = Some(Ended::Skipped),
        _ if !needs_have_ended(planned, before) => {}
        _ if !is_wanted(planned, before) => step.ended = Some(Ended::Skipped),
        workflows::Work::Pick { from, index } => pick(&mut step, from, *index, before),
        workflows::Work::Runs(_) => {
            step.error = own.iter().find_map(|item| match &item.stage {
                ItemStage::Failed { error } => Some(error.clone()),
                _ => None,
            });
            step.ended = ended(own, step.error.is_some() && !planned.optional);
        }
    }
    step
}

/// A required step has failed with its first item; one that may fail lets its other items end, so that whoever uses its
/// files finds them all.
fn ended(own: &[Item], has_failed: bool) -> Option<Ended> {
    let any = |wanted: fn(&ItemStage) -> bool| own.iter().any(|item| wanted(&item.stage));
    if has_failed {
        return Some(Ended::Failure);
    }
    if own.iter().any(|item| !item.has_ended()) || any(|stage| *stage == ItemStage::Cancelled) {
        return None;
    }
    Some(if any(|stage| matches!(stage, ItemStage::Failed { .. })) {
        Ended::Failure
    } else if any(|stage| matches!(stage, ItemStage::Succeeded { .. })) {
        Ended::Success
    } else {
        Ended::Skipped
    })
}

fn needs_have_ended(planned: &PlannedStep, before: &[Step<'_>]) -> bool {
    planned.needs.iter().all(|need| before.get(*need).is_some_and(|step| step.ended.is_some()))
}

fn is_wanted(planned: &PlannedStep, before: &[Step<'_>]) -> bool {
    planned.when.as_ref().is_none_or(|when| {
        let ended = before.get(when.step).and_then(|step| step.ended);
        ended.is_some_and(|ended| when.is.contains(&ended))
    })
}

fn pick<'a>(step: &mut Step<'a>, from: &'a [FileRef], index: Option<usize>, before: &[Step<'a>]) {
    let candidate = |reference: &'a FileRef| match reference {
        FileRef::Asset(id) => vec![id],
        FileRef::Output { step, index } => match before.get(*step) {
            Some(step) if step.ended == Some(Ended::Success) => at(&step.files, *index),
            _ => Vec::new(),
        },
    };
    let is_skipped = |reference: &FileRef| match reference {
        FileRef::Asset(_) => false,
        FileRef::Output { step, .. } => {
            before.get(*step).is_some_and(|step| step.ended == Some(Ended::Skipped))
        }
    };
    step.files = from.iter().map(candidate).find(|files| !files.is_empty()).unwrap_or_default();
    step.files = at(&step.files, index);
    step.ended = Some(if !step.files.is_empty() {
        Ended::Success
    } else if from.iter().all(is_skipped) {
        Ended::Skipped
    } else {
        let message = "None of the steps it could pick from made a file.";
        step.error = Some(Refusal::new(Code::ProviderFailed, message));
        Ended::Failure
    });
}

/// One of several files, or all.
fn at<'a>(files: &[&'a AssetId], index: Option<usize>) -> Vec<&'a AssetId> {
    match index {
        Some(index) => files.get(index).copied().into_iter().collect(),
        None => files.to_vec(),
    }
}

/// The file a reference stands for; None if it was never made.
fn file(reference: &FileRef, steps: &[Step<'_>]) -> Option<AssetId> {
    match reference {
        FileRef::Asset(id) => Some(id.clone()),
        FileRef::Output { step, index } => {
            let step = steps.get(*step)?;
            step.files.get(index.unwrap_or(0)).map(|id| (*id).clone())
        }
    }
}

/// Items that need not wait any longer.
pub fn to_begin(record: &Record) -> Vec<(usize, Begin)> {
    if record.state.cancelled_at.is_some() {
        return Vec::new();
    }
    let waits =
        |position: usize| record.items.get(position).is_some_and(|item| item.stage == ItemStage::Waiting);
    let Work::Workflow(plan) = &record.job.work else {
        let positions = (0..record.items.len()).filter(|position| waits(*position));
        return positions.map(|position| (position, Begin::Start)).collect();
    };
    let steps = steps(plan, &record.items);
    let mut found = Vec::new();
    for step in &steps {
        let workflows::Work::Runs(runs) = &step.plan.work else { continue };
        if !needs_have_ended(step.plan, &steps) {
            continue;
        }
        let wanted = is_wanted(step.plan, &steps);
        for (position, run) in step.range.clone().zip(runs) {
            if waits(position) {
                let can = wanted && run.fill(&|reference| file(reference, &steps)).is_some();
                found.push((position, if can { Begin::Start } else { Begin::Skip }));
            }
        }
    }
    found
}

/// What an item runs, with the files of the steps before it filled in.
pub fn generation(record: &Record, position: usize) -> Option<Cow<'_, Generation>> {
    match &record.job.work {
        Work::Forge(generation) if record.items.len() == 1 => {
            (position == 0).then_some(Cow::Borrowed(generation))
        }
        Work::Forge(generation) => {
            let before: u32 = (0..position).map(|position| share(generation, record, position)).sum();
            let batch_size = share(generation, record, position);
            let seed = generation.seed.wrapping_add(before);
            Some(Cow::Owned(Generation { batch_size, seed, ..generation.clone() }))
        }
        Work::Workflow(plan) => {
            let steps = steps(plan, &record.items);
            let (_, run) = planned(plan, position)?;
            run.fill(&|reference| file(reference, &steps)).map(Cow::Owned)
        }
    }
}

/// Outputs of one of the calls that a batch is made with: as even as can be.
fn share(generation: &Generation, record: &Record, position: usize) -> u32 {
    let calls = u32::try_from(record.items.len()).unwrap_or(u32::MAX).max(1);
    let has_one_more = u32::try_from(position).is_ok_and(|position| position < generation.batch_size % calls);
    generation.batch_size / calls + u32::from(has_one_more)
}

/// The most an item can cost, and how often it may be begun again.
pub fn terms(record: &Record, position: usize) -> (Units, u32) {
    match &record.job.work {
        // A member sees the failure of a single generation and decides.
        Work::Forge(generation) => {
            let each = record.job.reserved.as_thousandths() / i64::from(generation.batch_size.max(1));
            let part = Units::thousandths(each).times(share(generation, record, position));
            (if record.items.len() == 1 { record.job.reserved } else { part }, 0)
        }
        Work::Workflow(plan) => {
            planned(plan, position).map_or((Units::ZERO, 0), |(step, run)| (run.price, step.retries))
        }
    }
}

/// Outputs an item makes at most, whether or not it can begin yet.
pub fn asked(record: &Record, position: usize) -> u32 {
    match &record.job.work {
        Work::Forge(generation) => share(generation, record, position),
        Work::Workflow(plan) => planned(plan, position).map_or(0, |(_, run)| run.generation.batch_size),
    }
}

fn planned(plan: &Plan, position: usize) -> Option<(&PlannedStep, &PlannedRun)> {
    let runs = plan.steps.iter().flat_map(|step| match &step.work {
        workflows::Work::Runs(runs) => runs.iter().map(|run| (step, run)).collect(),
        _ => Vec::new(),
    });
    runs.into_iter().nth(position)
}

/// Some: the run is over. A required step that failed ends it at once; what others have made stays.
pub fn verdict(record: &Record) -> Option<Verdict> {
    if record.state.cancelled_at.is_some() {
        let is_over = record.items.iter().all(Item::has_ended);
        return is_over.then_some(Verdict { status: RunStatus::Cancelled, error: None });
    }
    let Work::Workflow(plan) = &record.job.work else { return verdict_of_batch(&record.items) };
    let steps = steps(plan, &record.items);
    let failed = steps.iter().find(|step| step.ended == Some(Ended::Failure) && !step.plan.optional);
    if let Some(step) = failed {
        return Some(Verdict { status: RunStatus::Failed, error: Some(named(step)) });
    }
    let is_over =
        steps.iter().all(|step| step.ended.is_some()) && record.items.iter().all(|item| item.has_ended());
    is_over.then_some(Verdict { status: RunStatus::Complete, error: None })
}

/// One output is better than none: a batch has failed when nothing came of any of its calls.
fn verdict_of_batch(items: &[Item]) -> Option<Verdict> {
    if items.iter().any(|item| !item.has_ended()) {
        return None;
    }
    if items.iter().any(|item| matches!(item.stage, ItemStage::Succeeded { .. })) {
        return Some(Verdict { status: RunStatus::Complete, error: None });
    }
    let error = items.iter().find_map(|item| match &item.stage {
        ItemStage::Failed { error } => Some(error.clone()),
        _ => None,
    });
    Some(Verdict { status: RunStatus::Failed, error })
}

/// The step's error, saying which step it is.
fn named(step: &Step<'_>) -> Refusal {
    let id = &step.plan.id;
    let error = step
        .error
        .clone()
        .unwrap_or_else(|| Refusal::new(Code::ProviderFailed, "It failed without saying why."));
    let message = format!("Step `{id}`: {}", error.message);
    Refusal { message, ..error }
}

/// The files of one output of a workflow.
pub fn output<'a>(reference: &'a FileRef, steps: &[Step<'a>]) -> Vec<&'a AssetId> {
    match reference {
        FileRef::Asset(id) => vec![id],
        FileRef::Output { step, index } => {
            steps.get(*step).map_or_else(Vec::new, |step| at(&step.files, *index))
        }
    }
}
