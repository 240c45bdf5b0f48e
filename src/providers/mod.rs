//! Inference providers: a file (or folder) each, pure, behind one interface. Adding one is its file and one
//! word in `providers!`.
//! Not for: I/O, storage or money. `runs` calls these functions, moves the bytes and settles.

use crate::error::Refusal;
use crate::media::sniff::MediaType;
use crate::models::{Generation, GuidanceKind, Model};
use crate::time::Timestamp;
use image::RgbaImage;
use serde_json::Value;

macro_rules! providers {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*
        pub const ALL: &[&Provider] = &[$(&$name::PROVIDER),*];
    };
}

providers! { offline }

/// What a provider needs to be one. A struct of functions: there is no state, and the interface shows whole.
pub struct Provider {
    pub name: &'static str,
    pub models: &'static [Model],
    /// Begins the work.
    pub submit: fn(&Generation, Timestamp) -> Result<Submitted, Refusal>,
    /// What became of a submit whose answer was lost. Asked before anything is sent again.
    pub reconcile: fn(&Generation, Submit) -> Reconciled,
    /// How far it is.
    pub status: fn(&Operation, Timestamp) -> Status,
    /// Makes or fetches one finished output, counted from 0.
    pub output: fn(&Generation, u32, &[Input]) -> Result<Output, Refusal>,
}

/// The provider's own note to itself, stored with the run; opaque to everybody else.
pub type Operation = Value;

#[derive(Debug, PartialEq)]
pub enum Submitted {
    Accepted(Operation),
    /// It was sent, and the answer did not arrive.
    Unknown,
}

/// A submit that is being looked for.
#[derive(Clone, Copy, Debug)]
pub struct Submit {
    pub sent_at: Timestamp,
    pub now: Timestamp,
}

#[derive(Debug, PartialEq)]
pub enum Reconciled {
    Found(Operation),
    /// It may be sent again: there is no first one that could be charged too.
    NeverArrived,
    Unknown,
}

#[derive(Debug, PartialEq)]
pub enum Status {
    Working { fraction: f64, check_after_millis: i64 },
    Finished { outputs: u32 },
    Failed(Refusal),
}

/// The bytes of a guidance file or mask.
pub struct Input {
    pub role: Role,
    pub strength: f64,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Guidance(GuidanceKind),
    Mask,
}

/// One finished file, with the still picture that stands for it in a contact sheet.
pub struct Output {
    pub bytes: Vec<u8>,
    pub media: MediaType,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_seconds: Option<f64>,
    pub alt: String,
    pub poster: RgbaImage,
}

/// Every model that can be run, in the order of the catalogue.
pub fn models() -> impl Iterator<Item = &'static Model> {
    ALL.iter().flat_map(|provider| provider.models)
}

pub fn model(id: &str) -> Option<&'static Model> {
    models().find(|model| model.id == id)
}

/// Who runs a model.
pub fn of_model(id: &str) -> Option<&'static Provider> {
    ALL.iter().copied().find(|provider| provider.models.iter().any(|model| model.id == id))
}
