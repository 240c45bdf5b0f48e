//! `GET /`: what this is, the connector URL and how to add it to each client.

use crate::html::{self, home};
use crate::http::{Request, Response};
use crate::origin;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::sign_in;

pub fn home<P: Platform>(platform: &P, request: &Request) -> Response<P::Stream> {
    let config = platform.config();
    let view = home::Home {
        url: format!("{}/mcp", origin::public(config, request)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        notice: None,
        problems: Catalogue::of(config).problems().to_vec(),
        sign_in_ready: sign_in::missing(config, origin::is_local(config, request)).is_none(),
    };
    html::page(200, home::home(&view), "'none'")
}

/// The operator opens this first, so it says what to set.
pub fn not_configured<S>(problem: &str) -> Response<S> {
    let view = home::Home {
        url: "…/mcp".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        notice: Some(problem.to_owned()),
        problems: Vec::new(),
        sign_in_ready: false,
    };
    html::page(503, home::home(&view), "'none'")
}
