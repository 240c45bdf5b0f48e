//! Plain HTTP beside the protocol: files by link, what programs read and change of a workspace, what the operator does.
//! Not for: MCP (`mcp`) or pages for people (`pages`).

pub mod assets;
pub mod audit;
pub mod callbacks;
pub mod csv;
pub mod grants;
pub mod ledger;
pub mod media;
pub mod operator;
pub mod provider_keys;
pub mod providers;
pub mod reconcile;
pub mod rest;
pub mod runs;
pub mod uploads;
pub mod workflows;
pub mod workspaces;
