//! The gateway through its front door, natively: real requests against a platform in memory whose databases are
//! real SQLite. Not for: what only the real runtime can show (`tests/edge`).

mod audit;
mod callbacks;
mod catalogue;
mod collector;
mod confirm;
mod gate;
mod history;
mod journey;
mod media;
mod money;
mod oauth;
mod outside;
mod provider_keys;
mod providers_page;
mod refusals;
mod remote;
mod rest;
mod sessions;
mod support;
mod tasks;
mod upgrade;
mod upload_page;
mod uploads;
mod workflows;
