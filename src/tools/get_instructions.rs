//! `get_instructions`: the platform in one page, for a model that asks. Also the resource
//! `atelier://instructions` and, shortened, the server instructions of the protocol.

use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Under 2 KB: clients cut longer instructions off. The first sentence is what tool search matches on.
pub const SERVER_INSTRUCTIONS: &str = include_str!("text/server.md");
pub const INSTRUCTIONS: &str = include_str!("text/platform.md");

pub struct GetInstructions;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Guide {
    pub title: Cow<'static, str>,
    /// Of the gateway.
    pub version: Cow<'static, str>,
}

impl Guide {
    pub fn new(title: &'static str) -> Self {
        Self { title: title.into(), version: env!("CARGO_PKG_VERSION").into() }
    }
}

impl Tool for GetInstructions {
    const NAME: &'static str = "get_instructions";
    const TITLE: &'static str = "Platform guide";
    const DESCRIPTION: &'static str =
        "Returns how workspaces, models, forge and Creative Units fit together, and what each error code means. For one generation step by step see get_forge_instructions.";
    const GROUP: &'static str = "guide";
    const SCOPES: &'static [Scope] = &[];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Guide;

    async fn call<P: Platform>(_: &Context<'_, P>, _: Input) -> Result<Answer<Guide>, Fault> {
        Ok(Answer::new(INSTRUCTIONS, Guide::new("Platform guide")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn fits_what_clients_keep_and_names_every_code() {
        assert!(SERVER_INSTRUCTIONS.len() < 2048, "{} bytes", SERVER_INSTRUCTIONS.len());
        for code in Code::ALL {
            assert!(INSTRUCTIONS.contains(code.as_str()), "{} is not explained", code.as_str());
        }
    }
}
