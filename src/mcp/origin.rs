//! Who may call from a browser: `Origin` and `Host` checks against DNS rebinding, and CORS (Fetch standard).

use crate::config::Config;
use crate::http::{Request, Response};
use crate::origin::{host, is_loopback};

/// Request headers a browser client sends; the discovery documents are preflighted with the version header.
const ALLOW_HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";
const EXPOSE_HEADERS: &str = "WWW-Authenticate, Mcp-Session-Id, X-Request-Id, Retry-After, Link, ETag, Location, Content-Disposition, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";
/// Browsers cap it at two hours anyway.
const PREFLIGHT_SECONDS: &str = "7200";

/// Why a request must not be served to whoever sent it; None when it may.
pub fn refusal(config: &Config, request: &Request) -> Option<&'static str> {
    if let Some(url) = config.public_url.as_deref() {
        let is_ours = host(&request.origin).eq_ignore_ascii_case(host(url));
        let is_local = is_loopback(url) && is_loopback(&request.origin);
        if !(is_ours || is_local) {
            return Some(
                "The Host header does not name this gateway. Use the address it was started with (PUBLIC_URL).",
            );
        }
    }
    let origin = request.headers.get("origin")?;
    (!may(config, request, origin))
        .then_some("This web origin may not call the gateway. The operator can add it to ALLOWED_ORIGINS.")
}

fn may(config: &Config, request: &Request, origin: &str) -> bool {
    origin.eq_ignore_ascii_case(&request.origin)
        || config.public_url.as_deref().is_some_and(|url| origin.eq_ignore_ascii_case(url))
        || (is_loopback(&request.origin) && is_loopback(origin))
        || config.allowed_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
}

/// The answer to a preflight.
pub fn preflight<S>() -> Response<S> {
    Response::empty(204)
        .with("access-control-allow-methods", "GET, POST, DELETE, OPTIONS")
        .with("access-control-allow-headers", ALLOW_HEADERS)
        .with("access-control-max-age", PREFLIGHT_SECONDS)
}

/// Lets the page that asked read the answer. Only for origins that [`refusal`] let through.
pub fn share<S>(request: &Request, response: Response<S>) -> Response<S> {
    match request.headers.get("origin") {
        None => response,
        Some(origin) => response
            .with("access-control-allow-origin", origin.to_owned())
            .with("access-control-expose-headers", EXPOSE_HEADERS)
            .with("vary", "Origin"),
    }
}
