//! What a provider that runs inside the gateway is: no network, no key, nothing that can be paid for twice.

use crate::error::Refusal;
use crate::media::sniff::MediaType;
use crate::models::{Generation, GuidanceKind};
use crate::time::Timestamp;
use image::RgbaImage;

/// A struct of functions: there is no state, and the interface shows whole.
pub struct Embedded {
    /// Begins the work.
    pub submit: fn(&Generation, Timestamp) -> Result<Submitted, Refusal>,
    /// What became of a submit whose answer was lost. Asked before anything is sent again.
    pub reconcile: fn(&Generation, Submit) -> Reconciled,
    /// How far it is.
    pub status: fn(&super::Operation, Timestamp) -> Status,
    /// Makes one finished output, counted from 0.
    pub output: fn(&Generation, u32, &[Input]) -> Result<Output, Refusal>,
}

#[derive(Debug, PartialEq)]
pub enum Submitted {
    Accepted(super::Operation),
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
    Found(super::Operation),
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
