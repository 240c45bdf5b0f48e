//! Plain HTTP beside the protocol: files by link, and what the operator does.
//! Not for: MCP (`mcp`) or pages for people (`pages`).

pub mod assets;
pub mod operator;
