//! The Model Context Protocol over Streamable HTTP: every revision still in use, on one endpoint. Knows of
//! tools only `tools::call` and their descriptors.
//! Not for: REST, pages or files (`api`, `pages`).
//!
//! `transport` takes the HTTP request apart, `era` says which revision speaks and what differs, `methods`
//! answers. Spec: modelcontextprotocol.io/specification/2026-07-28 and the three before it.

pub mod ask;
pub mod call;
pub mod complete;
pub mod confirm;
pub mod era;
#[cfg(feature = "conformance")]
pub mod fixtures;
pub mod legacy;
pub mod listen;
pub mod message;
pub mod methods;
pub mod origin;
pub mod prompts;
pub mod resources;
pub mod session;
pub mod sse;
pub mod tasks;
pub mod transport;

use crate::http::Request;
use crate::oauth::Caller;
use crate::platform::Platform;
use crate::tools;
use era::Era;
use session::SessionId;
use std::rc::Rc;

/// One request, from the moment it is known who speaks and in which era. Owned, because an answer may stream
/// on after the function that received it has returned.
#[derive(Clone)]
pub struct Exchange<P: Platform> {
    pub platform: P,
    pub caller: Rc<Caller>,
    pub era: Era,
    pub session: Option<Rc<SessionId>>,
    /// The public origin.
    pub origin: Rc<str>,
    /// What the connector URL narrows by, as it came.
    pub query: Rc<str>,
    pub request_id: Rc<str>,
    pub selection: Rc<Selection>,
    /// What the client said it can do, in this request or when its session began.
    pub client: ClientCapabilities,
    pub accepts_events: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCapabilities {
    /// Of the form kind.
    pub elicitation: bool,
    pub sampling: bool,
    pub roots: bool,
    /// The extension; in the modern era only.
    pub tasks: bool,
}

impl ClientCapabilities {
    pub fn of(value: Option<&serde_json::Value>) -> Self {
        let found = |name: &str| value?.get(name)?.as_object();
        let has = |name: &str| found(name).is_some();
        Self {
            // Before it had kinds it was an empty object, and that still means forms.
            elicitation: found("elicitation")
                .is_some_and(|kinds| kinds.is_empty() || kinds.contains_key("form")),
            sampling: has("sampling"),
            roots: has("roots"),
            tasks: found("extensions")
                .is_some_and(|extensions| extensions.get(tasks::EXTENSION).is_some_and(|v| v.is_object())),
        }
    }
}

/// What the connector URL narrows: `/mcp?tools=forge,models&images=off`.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Names or groups of tools; None for all.
    pub tools: Option<Vec<String>>,
    pub pictures: bool,
}

impl Selection {
    pub fn of(request: &Request) -> Self {
        let tools = request.parameter("tools").map(|list| {
            list.split(',')
                .map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
        });
        Self {
            tools: tools.filter(|words| !words.is_empty()),
            pictures: !matches!(request.parameter("images").as_deref(), Some("off" | "false" | "0")),
        }
    }

    /// The guide is always there: without it the rest cannot be explained.
    pub fn has(&self, tool: &tools::Entry) -> bool {
        self.tools.as_ref().is_none_or(|words| {
            words.iter().any(|word| word == tool.name || word == tool.group) || tool.group == "guide"
        })
    }
}
