//! What a tool gives back: text that stands alone, links to files, at most one picture, and a small structured
//! answer. Shapes: `CallToolResult` and `ContentBlock` of the MCP schema.

use crate::error::Refusal;
use crate::runs::View;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    Text {
        text: Cow<'static, str>,
    },
    Image {
        /// Base64.
        data: String,
        #[serde(rename = "mimeType")]
        mime_type: &'static str,
    },
    ResourceLink {
        uri: String,
        name: String,
        #[serde(rename = "mimeType")]
        mime_type: String,
        size: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

/// A tool's own, typed answer.
pub struct Answer<T> {
    pub text: Cow<'static, str>,
    pub structured: T,
    pub more: Vec<Content>,
    begun: Option<Begun>,
}

/// The run that a call has begun, or was answered with: a client that can follow it by itself is given this instead.
#[derive(Clone, Debug)]
pub struct Begun {
    pub view: Box<View>,
    pub warnings: Vec<String>,
}

impl<T: Serialize> Answer<T> {
    pub fn new(text: impl Into<Cow<'static, str>>, structured: T) -> Self {
        Self { text: text.into(), structured, more: Vec::new(), begun: None }
    }

    pub fn and(mut self, content: impl IntoIterator<Item = Content>) -> Self {
        self.more.extend(content);
        self
    }

    /// Every tool that begins a run says so.
    pub fn begun(mut self, view: View, warnings: Vec<String>) -> Self {
        self.begun = Some(Begun { view: Box::new(view), warnings });
        self
    }

    pub fn into_result(self) -> ToolResult {
        let mut content = vec![Content::Text { text: self.text }];
        content.extend(self.more);
        ToolResult {
            content,
            structured: serde_json::value::to_raw_value(&self.structured).ok(),
            is_error: false,
            meta: None,
            begun: self.begun,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct ToolResult {
    pub content: Vec<Content>,
    #[serde(rename = "structuredContent", skip_serializing_if = "Option::is_none")]
    pub structured: Option<Box<RawValue>>,
    #[serde(rename = "isError", skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
    #[serde(skip)]
    pub begun: Option<Begun>,
}

impl ToolResult {
    /// First the line a person reads, then the envelope a program reads; the same envelope in `_meta`, because
    /// some hosts pass only one of the two on.
    pub fn refused(refusal: &Refusal, request_id: &str) -> Self {
        let envelope = refusal.envelope(request_id);
        let text = format!("{}\n{envelope}", refusal.line());
        Self {
            content: vec![Content::Text { text: text.into() }],
            structured: None,
            is_error: true,
            meta: Some(json!({ "dev.atelier/error": envelope.get("error") })),
            begun: None,
        }
    }
}
