//! Every route on one screen. What fails unseen above is logged here, once.

use crate::api;
use crate::error::{Code, Refusal};
use crate::http::{Request, Response};
use crate::id;
use crate::mcp::transport;
use crate::pages;
use crate::platform::Platform;

pub async fn handle<P: Platform>(platform: &P, request: &Request) -> Response<P::Stream> {
    let request_id = id::uuid_v7(platform.now(), &platform.random());
    let path = request.path.as_str();
    let response = match (request.method.as_str(), path) {
        (_, "/mcp") => transport::serve(platform, request, &request_id).await,
        ("GET" | "HEAD", "/") => pages::home::home(platform, request),
        ("GET" | "HEAD", "/health") => health(),
        ("GET" | "HEAD", _) if path.starts_with("/assets/") => {
            api::assets::get(platform, request, &request_id).await
        }
        ("OPTIONS", _) if path.starts_with("/assets/") => api::assets::options(),
        ("POST", "/api/v1/operator/tokens") => {
            api::operator::create_token(platform, request, &request_id).await
        }
        ("POST", "/api/v1/operator/tokens/revoke") => {
            api::operator::revoke_token(platform, request, &request_id).await
        }
        ("POST", "/api/v1/operator/grants") => api::operator::grant(platform, request, &request_id).await,
        _ => not_found(path, &request_id),
    };
    response.with("x-request-id", request_id)
}

/// Before there is a configuration nothing but this can be answered.
pub fn without_config<S>(request: &Request, problem: &str) -> Response<S> {
    match request.path.as_str() {
        "/health" => health(),
        "/" => pages::home::not_configured(problem),
        _ => {
            let refusal = Refusal::new(Code::Internal, format!("The gateway is not configured: {problem}"))
                .next("Tell the operator.");
            Response::json(503, refusal.envelope("").to_string())
        }
    }
}

fn health<S>() -> Response<S> {
    let eras: Vec<_> = crate::mcp::era::ALL.iter().map(|era| era.as_str()).collect();
    let body = serde_json::json!({ "status": "ok", "name": "atelier", "version": env!("CARGO_PKG_VERSION"), "mcp_versions": eras });
    Response::json(200, body.to_string()).with("cache-control", "no-store")
}

fn not_found<S>(path: &str, request_id: &str) -> Response<S> {
    let shown: String = path.chars().take(80).collect();
    let refusal = Refusal::new(Code::InvalidInputs, format!("Nothing is served at {shown}."))
        .next("The connector URL ends in /mcp; the start page at / says how to connect.");
    Response::json(404, refusal.envelope(request_id).to_string())
}
