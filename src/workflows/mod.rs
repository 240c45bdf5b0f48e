//! Stand-in until the real module is merged.
use crate::id::AssetId;
use crate::models::{Generation, Modality};
use crate::units::Units;
use serde::{Deserialize, Serialize};

crate::models::words! { Ended { Success = "success", Failure = "failure", Skipped = "skipped", } }

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub workflow_id: String,
    pub version: u32,
    pub name: String,
    pub steps: Vec<PlannedStep>,
    pub outputs: Vec<PlannedOutput>,
    pub warnings: Vec<String>,
}
impl Plan {
    pub fn most(&self) -> Units {
        Units::ZERO
    }
    pub fn least(&self) -> Units {
        Units::ZERO
    }
    pub fn files(&self) -> Vec<(AssetId, Modality)> {
        Vec::new()
    }
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub id: String,
    pub title: String,
    pub needs: Vec<usize>,
    pub when: Option<StepCondition>,
    pub optional: bool,
    pub retries: u32,
    pub work: Work,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCondition {
    pub step: usize,
    pub is: Vec<Ended>,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    Runs(Vec<PlannedRun>),
    Pick { from: Vec<FileRef>, index: Option<usize> },
    Text(Vec<String>),
    Skipped,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    pub generation: Generation,
    pub files: Vec<FileRef>,
    pub price: Units,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FileRef {
    Asset(AssetId),
    Output { step: usize, index: Option<usize> },
}
impl PlannedRun {
    pub fn fill(&self, _file: &dyn Fn(&FileRef) -> Option<AssetId>) -> Option<Generation> {
        Some(self.generation.clone())
    }
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedOutput {
    pub name: String,
    pub from: FileRef,
}
