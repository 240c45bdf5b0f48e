//! Workflows: directed acyclic graphs of model runs as JSON documents, checked when they are written and turned
//! into a [`Plan`] with an exact price when they are run. Pure: nothing here stores, spends or waits.
//! Not for: running a plan, or keeping documents and their versions.
//!
//! # From a document to a plan
//! 1. [`check`] reads the fields ([`document`], [`step`], [`input`]), sees what every `{{reference}}` names
//!    ([`names`]) and whether it may stand there ([`places`]), orders the steps ([`graph`]) and tries each model with sample values
//!    ([`request`]). It tells every problem with its path.
//! 2. [`plan`] binds the inputs, evaluates texts and conditions, and normalises and prices every run ([`planner`]).
//!    Files of steps are holes ([`plan::FileRef`]) that are filled while it runs; nothing else is left open, because
//!    only a file id may name what a running step makes.

pub mod built_in;
pub mod choice;
pub mod document;
pub mod graph;
pub mod input;
pub mod names;
pub mod places;
pub mod plan;
pub mod planner;
pub mod problem;
pub mod reference;
pub mod request;
pub mod scope;
pub mod split;
pub mod step;

#[cfg(test)]
mod tests;

pub use document::{OutputSpec, Workflow, check};
pub use input::{InputKind, InputSpec};
pub use plan::{Ended, FileRef, Plan, PlannedOutput, PlannedRun, PlannedStep, StepCondition, Work};
pub use planner::plan;
pub use problem::Problem;

/// The published JSON Schema of a document: its structure, for editors. [`check`] knows more.
pub const SCHEMA: &str = include_str!("schema.json");
/// What a model reads before it runs or writes a workflow.
pub const INSTRUCTIONS: &str = include_str!("text/instructions.md");

/// Of the document's `format`.
pub const FORMAT: i64 = 1;
/// A document is kept whole in one row and shown whole to a model.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// A graph that a person can still read; its state is written at every change.
pub const MAX_STEPS: usize = 32;
/// A form that a person can still fill in.
pub const MAX_INPUTS: usize = 32;
pub const MAX_OUTPUTS: usize = 16;
/// Runs of one plan: what a workspace can be asked to reserve and an object to look after at once.
pub const MAX_RUNS: usize = 64;
/// Items of a list and of a `for_each`: with some steps for each it stays within [`MAX_RUNS`].
pub const MAX_ITEMS: usize = 16;
pub const MAX_CHOICES: usize = 32;
/// One text after its references are filled in. Texts are built from texts, so without a bound they could double
/// at every step; one is long enough for a script.
pub const MAX_TEXT_CHARS: usize = 4_000;
pub const MAX_NAME_CHARS: usize = 80;
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// With its files, prompts and outputs a plan is one row of SQLite, which holds 2 MB.
pub const MAX_PLAN_BYTES: usize = 1024 * 1024;
/// Attempts after the first.
pub const MAX_RETRIES: usize = 3;
