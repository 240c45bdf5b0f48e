//! `/api/v1/providers`: how each inference provider is doing under the operator's key, and a check that its key works.
//! Guarded by OPERATOR_KEY. Not for: keys of workspaces, or anything that could tell what somebody made.

mod check;
mod overview;

pub use check::Checked;
pub use overview::{Health, Overview};

use super::operator::{self, Fault};
use crate::error::Refusal;
use crate::http::{Request, Response};
use crate::platform::Platform;
use crate::providers;
use serde_json::{Value, json};

pub const PATH: &str = "/api/v1/providers";

/// None: there is no such address.
pub async fn serve<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let rest = request.path.strip_prefix(PATH)?;
    let name = rest.strip_prefix('/').and_then(|rest| rest.strip_suffix("/check"));
    let outcome = match (request.method.as_str(), rest, name) {
        ("GET" | "HEAD", "", _) => list(platform, request).await,
        ("POST", _, Some(name)) => check(platform, request, name).await,
        _ => return None,
    };
    Some(operator::respond(platform, request_id, outcome))
}

async fn list<P: Platform>(platform: &P, request: &Request) -> Result<Value, Fault> {
    operator::check_key(platform, request)?;
    let items: Vec<_> = overview::all(platform).await?.iter().map(Overview::to_json).collect();
    Ok(json!({ "items": items, "nextCursor": null }))
}

async fn check<P: Platform>(platform: &P, request: &Request, name: &str) -> Result<Value, Fault> {
    operator::check_key(platform, request)?;
    let provider = providers::named(name).ok_or_else(|| {
        let names: Vec<_> = providers::ALL.iter().map(|provider| provider.name).collect();
        Refusal::invalid(format!("There is no such provider. There are {}.", names.join(", ")))
    })?;
    Ok(check::check(platform, request, provider).await?.to_json())
}

pub use overview::all;
