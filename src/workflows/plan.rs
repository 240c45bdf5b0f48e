//! A plan: what will run, in which order, for which price. It is made once, stored with the run and never changed.
//! Not for: how it is made (`planner`) or carried out.

use crate::id::AssetId;
use crate::models::{Generation, Modality, words};
use crate::units::Units;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub workflow_id: String,
    pub version: u32,
    pub name: String,
    /// Each after those it needs.
    pub steps: Vec<PlannedStep>,
    pub outputs: Vec<PlannedOutput>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The files handed in that some step may use. A pick does not say what kind it takes, so it stands here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_files: Vec<(AssetId, Modality)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub id: String,
    pub title: String,
    /// Indices of earlier steps that must have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<StepCondition>,
    /// Its failure does not fail the run.
    pub optional: bool,
    /// Attempts after the first.
    pub retries: u32,
    pub work: Work,
}

/// The step is done if that one ended in one of these ways, and skipped otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCondition {
    pub step: usize,
    pub is: Vec<Ended>,
}

words! {
    Ended { Success = "success", Failure = "failure", Skipped = "skipped", }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    #[serde(rename = "runs")]
    Runs(Vec<PlannedRun>),
    /// The first whose step succeeded, and which of its files; all without an index.
    #[serde(rename = "pick")]
    Pick { from: Vec<FileRef>, index: Option<usize> },
    /// Evaluated already; shown only.
    #[serde(rename = "text")]
    Text(Vec<String>),
    /// Known before the start.
    #[serde(rename = "skipped")]
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// Where a file of a step belongs stands [`stand_in`].
    pub generation: Generation,
    /// One for each of `generation.assets()`, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRef>,
    pub price: Units,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRef {
    #[serde(rename = "asset")]
    Asset(AssetId),
    /// A file of an earlier step, counted through all its runs; without an index all of them, which only a pick
    /// and an output may name.
    #[serde(rename = "output")]
    Output { step: usize, index: Option<usize> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedOutput {
    pub name: String,
    pub from: FileRef,
}

/// The id that stands for a file until it exists: the nil UUID, which no asset has.
pub fn stand_in() -> AssetId {
    const NIL: &str = "00000000-0000-0000-0000-000000000000";
    // The second is never reached, but a plan must not be able to panic.
    AssetId::parse(NIL).unwrap_or_else(|| AssetId::mint(crate::time::Timestamp(0), &[0; 10]))
}

impl Plan {
    /// What it costs if everything is done.
    pub fn most(&self) -> Units {
        self.steps.iter().fold(Units::ZERO, |sum, step| sum + step.price())
    }

    /// What it costs if nothing is done that depends on how another step ends.
    pub fn least(&self) -> Units {
        let mut certain: Vec<bool> = Vec::with_capacity(self.steps.len());
        let mut sum = Units::ZERO;
        for step in &self.steps {
            let exists = |file: &FileRef| match file {
                FileRef::Asset(_) => true,
                FileRef::Output { step, .. } => certain.get(*step).copied().unwrap_or(false),
            };
            let has_files = match &step.work {
                Work::Runs(runs) => runs.iter().all(|run| run.files.iter().all(exists)),
                Work::Pick { from, .. } => from.iter().any(exists),
                Work::Text(_) => true,
                Work::Skipped => false,
            };
            let is_certain = has_files && step.when.is_none() && !step.optional;
            if is_certain {
                sum = sum + step.price();
            }
            certain.push(is_certain);
        }
        sum
    }

    /// Files handed in, to be looked for before the start; each once.
    pub fn files(&self) -> Vec<(AssetId, Modality)> {
        self.input_files.clone()
    }
}

impl PlannedStep {
    pub fn price(&self) -> Units {
        match &self.work {
            Work::Runs(runs) => runs.iter().fold(Units::ZERO, |sum, run| sum + run.price),
            Work::Pick { .. } | Work::Text(_) | Work::Skipped => Units::ZERO,
        }
    }
}

impl PlannedRun {
    /// The generation with its files filled in. None: one of them does not exist, because its step was skipped or
    /// made fewer.
    pub fn fill(&self, file: &dyn Fn(&FileRef) -> Option<AssetId>) -> Option<Generation> {
        let mut generation = self.generation.clone();
        let mut files = self.files.iter();
        let places = generation.guidance.iter_mut().map(|guidance| &mut guidance.asset_id);
        for place in places.chain(generation.mask.iter_mut().map(|mask| &mut mask.asset_id)) {
            *place = file(files.next()?)?;
        }
        Some(generation)
    }
}
