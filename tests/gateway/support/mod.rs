//! The small world the stories are told in: a platform in memory and a client that speaks every era.
//! Not for: assertions about one feature; those stand where the story is.

pub mod browser;
pub mod client;
pub mod dice;
pub mod http;
pub mod memory;
pub mod object;
pub mod providers;
pub mod schedule;
pub mod storage;

pub use browser::Browser;
pub use client::Client;
pub use http::{Answer, Ask};
pub use memory::{Fault, Memory};
