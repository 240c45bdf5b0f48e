//! Error answers of the OAuth endpoints that a program reads (RFC 6749 section 5.2, RFC 7591 section 3.2.2).
//! Not for: errors a person sees (`html::problem`), or those that travel in a redirect (`authorize`).

use crate::http::Response;
use crate::platform::{Level, Platform, Unavailable};
use serde_json::json;

#[derive(Clone, Debug, PartialEq)]
pub struct OAuthError {
    pub status: u16,
    pub error: &'static str,
    /// What happened and what to do, in characters of RFC 6749 section 5.2 (ASCII, no quote or backslash).
    pub description: String,
    retry_after: Option<u32>,
    /// The client tried HTTP Basic and is told so (RFC 6749 section 5.2).
    challenge: bool,
}

impl OAuthError {
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: 400, error, description: description.into(), retry_after: None, challenge: false }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// 401: hosted clients register again when they see it.
    pub fn invalid_client(description: impl Into<String>, with_basic: bool) -> Self {
        Self { status: 401, challenge: with_basic, ..Self::new("invalid_client", description) }
    }

    pub fn too_many(seconds: u32) -> Self {
        let description =
            format!("Too many requests from this client or address. Try again in {seconds} seconds.");
        Self { status: 429, retry_after: Some(seconds), ..Self::new("temporarily_unavailable", description) }
    }

    pub fn unavailable(description: impl Into<String>) -> Self {
        Self { status: 503, retry_after: Some(2), ..Self::new("temporarily_unavailable", description) }
    }

    /// Nothing the client did: logged here, told without detail.
    pub fn fault<P: Platform>(platform: &P, event: &str, reason: &Unavailable) -> Self {
        platform.log(Level::Error, event, json!({ "reason": reason.0 }));
        Self::unavailable("The gateway could not reach its own storage. Try again in a moment.")
    }

    pub fn response<S>(&self) -> Response<S> {
        let description: String = self
            .description
            .chars()
            .map(|c| if c == '"' || c == '\\' || !(' '..='~').contains(&c) { '\'' } else { c })
            .collect();
        let body = json!({ "error": self.error, "error_description": description });
        let mut response = Response::json(self.status, body.to_string()).with("cache-control", "no-store");
        if let Some(seconds) = self.retry_after {
            response = response.with("retry-after", seconds.to_string());
        }
        if self.challenge {
            response = response.with("www-authenticate", "Basic realm=\"oauth\"");
        }
        response
    }
}
