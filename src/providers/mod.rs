//! Inference providers: a file (or folder) each, pure, behind one interface. Adding one is its file, one word in
//! `providers!`, its settings in `config` and its fixtures.
//! Not for: I/O (`upstream`), storage or money (`runs`).

pub mod adapter;
pub mod catalogue;
pub mod embedded;
pub mod retry_after;
pub mod standard_webhooks;
pub mod tables;
pub mod words;

pub use adapter::{Adapter, Charge};
pub use catalogue::Catalogue;
pub use embedded::Embedded;

use crate::models::Model;
use serde_json::Value;

macro_rules! providers {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*
        /// In the order of the catalogue.
        pub const ALL: &[&Provider] = &[$(&$name::PROVIDER),*];
    };
}

providers! { fal, replicate, elevenlabs, openai, workers_ai, openai_compatible, offline }

/// What a provider needs to be one.
pub struct Provider {
    /// As settings, answers and logs name it: lower case.
    pub name: &'static str,
    /// As a person reads it.
    pub title: &'static str,
    pub models: &'static [Model],
    pub kind: Kind,
}

pub enum Kind {
    Embedded(Embedded),
    Remote(Adapter),
}

impl Provider {
    pub fn adapter(&self) -> Option<&Adapter> {
        match &self.kind {
            Kind::Remote(adapter) => Some(adapter),
            Kind::Embedded(_) => None,
        }
    }
}

/// The provider's own note to itself, stored with the run; opaque to everybody else.
pub type Operation = Value;

pub fn named(name: &str) -> Option<&'static Provider> {
    ALL.iter().copied().find(|provider| provider.name == name)
}
