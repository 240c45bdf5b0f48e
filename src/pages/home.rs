//! `GET /`: what this is, the connector URL and how to add it to each client.

use crate::http::{Request, Response};
use crate::mcp::origin;
use crate::platform::Platform;

const PAGE: &str = include_str!("home.html");
/// Everything is in the page itself.
const CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub fn home<P: Platform>(platform: &P, request: &Request) -> Response<P::Stream> {
    let url = format!("{}/mcp", escape(origin::public(platform.config(), request)));
    page(
        200,
        PAGE.replace("{{url}}", &url)
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            .replace("{{notice}}", ""),
    )
}

/// The operator opens this first, so it says what to set.
pub fn not_configured<S>(problem: &str) -> Response<S> {
    let notice = format!("<p class=\"notice\"><strong>Not configured yet.</strong> {}</p>", escape(problem));
    page(
        503,
        PAGE.replace("{{notice}}", &notice)
            .replace("{{url}}", "…/mcp")
            .replace("{{version}}", env!("CARGO_PKG_VERSION")),
    )
}

fn page<S>(status: u16, html: String) -> Response<S> {
    Response::text(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", CSP)
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cache-control", "no-store")
}

/// For text and for values inside double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
