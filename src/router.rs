//! Every route on one screen. What fails unseen above is logged here, once.

use crate::api;
use crate::api_path::UPLOAD_PAGE;
use crate::error::{Code, Refusal};
use crate::html;
use crate::http::{Request, Response};
use crate::id;
use crate::mcp::transport;
use crate::oauth::error::OAuthError;
use crate::oauth::{authorize, discovery, registration, revoke, token, userinfo};
use crate::origin;
use crate::pages;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::sign_in;

/// `body`: the request's own stream, where the edge left it unread for us.
pub async fn handle<P: Platform>(
    platform: &P,
    request: &Request,
    body: Option<P::Stream>,
) -> Response<P::Stream> {
    let request_id = id::uuid_v7(platform.now(), &platform.random());
    let request = origin::forwarded(platform.config(), request);
    let response = match request.path.as_str() {
        "/mcp" => Some(transport::serve(platform, &request, &request_id).await),
        path if path.starts_with("/oauth/") || path.contains("/.well-known/") => {
            authorization(platform, &request, &request_id).await
        }
        path if path.starts_with(api::uploads::PREFIX) => {
            api::uploads::serve(platform, &request, body, &request_id).await
        }
        path if path.starts_with("/api/") || path.starts_with("/assets/") => {
            programs(platform, &request, &request_id).await
        }
        _ => people(platform, &request, &request_id).await,
    };
    let response = response.unwrap_or_else(|| not_found(&request.path, &request_id));
    response.with("x-request-id", request_id)
}

/// The OAuth server: its documents, what clients call, what people see of it.
async fn authorization<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let is_local = origin::is_local(platform.config(), request);
    let method = request.method.as_str();
    let path = request.path.as_str();
    if let Some(location) =
        origin::elsewhere(platform.config(), request).filter(|_| path == "/oauth/authorize")
    {
        return Some(Response::see_other(location));
    }
    if method == "OPTIONS" && path != "/oauth/authorize" {
        return Some(discovery::preflight());
    }
    // Without a way to sign in these would only lead people astray; the page of /oauth/authorize says what to set.
    if let Some(missing) =
        sign_in::missing(platform.config(), is_local).filter(|_| path != "/oauth/authorize")
    {
        return Some(discovery::share(OAuthError::unavailable(missing).response()));
    }
    Some(match (method, path) {
        ("GET" | "HEAD", path) if path.contains("/.well-known/") => discovery::document(platform, request)?,
        ("POST", "/oauth/register") => registration::register(platform, request).await,
        ("GET" | "HEAD", "/oauth/authorize") => authorize::ask(platform, request, request_id).await,
        ("POST", "/oauth/authorize") => authorize::answer(platform, request, request_id).await,
        ("POST", "/oauth/token") => token::token(platform, request).await,
        ("POST", "/oauth/revoke") => revoke::revoke(platform, request, request_id).await,
        ("GET" | "POST", "/oauth/userinfo") => userinfo::userinfo(platform, request, request_id).await,
        (_, "/oauth/register" | "/oauth/token" | "/oauth/revoke") => {
            let wrong = OAuthError::invalid_request("Use POST.").status(405);
            discovery::share(wrong.response()).with("allow", "POST, OPTIONS")
        }
        _ => return None,
    })
}

/// REST and files.
async fn programs<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let is_file = request.path.starts_with("/assets/");
    Some(match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", _) if is_file => api::assets::get(platform, request, request_id).await,
        ("OPTIONS", _) if is_file => api::assets::options(),
        ("POST", "/api/v1/operator/tokens") => {
            api::operator::create_token(platform, request, request_id).await
        }
        ("POST", "/api/v1/operator/tokens/revoke") => {
            api::operator::revoke_token(platform, request, request_id).await
        }
        ("POST", "/api/v1/operator/reconcile") => {
            api::reconcile::reconcile(platform, request, request_id).await
        }
        ("POST", "/api/v1/operator/grants") => api::operator::grant(platform, request, request_id).await,
        ("POST", path) if path.starts_with(api::callbacks::PREFIX) => {
            api::callbacks::receive(platform, request, request_id).await
        }
        (_, path) if path.starts_with(api::providers::PATH) => {
            return api::providers::serve(platform, request, request_id).await;
        }
        (_, path) if path.starts_with(api::workspaces::PREFIX) => {
            api::workspaces::serve(platform, request, request_id).await
        }
        _ => return None,
    })
}

/// Pages, and the forms on them.
async fn people<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let is_page = !matches!(request.path.as_str(), "/health" | "/ui.css" | "/upload.js" | "/favicon.ico")
        && !request.path.starts_with("/schemas/");
    if let Some(location) = origin::elsewhere(platform.config(), request).filter(|_| is_page) {
        return Some(Response::see_other(location));
    }
    Some(match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/") => pages::home::home(platform, request),
        ("GET" | "HEAD", "/ui.css") => html::stylesheet(),
        ("GET" | "HEAD", "/upload.js") => html::upload::script(),
        ("GET" | "HEAD", "/favicon.ico") => html::icon(),
        ("GET" | "HEAD", "/health") => health(Catalogue::of(platform.config()).problems()),
        ("GET" | "HEAD", "/schemas/workflow-1.json") => api::workflows::schema(),
        ("GET" | "HEAD", "/sign-in") => sign_in::page(platform, request, request_id).await,
        ("GET", "/sign-in/oidc") => sign_in::start(platform, request, "oidc", request_id).await,
        ("GET", "/sign-in/github") => sign_in::start(platform, request, "github", request_id).await,
        ("GET", "/sign-in/oidc/callback") => sign_in::callback(platform, request, "oidc", request_id).await,
        ("GET", "/sign-in/github/callback") => {
            sign_in::callback(platform, request, "github", request_id).await
        }
        ("POST", "/sign-in/development") => sign_in::development(platform, request, request_id).await,
        ("POST", "/sign-out") => sign_in::sign_out(platform, request).await,
        (_, path) if path.starts_with(UPLOAD_PAGE) => {
            return pages::upload::serve(platform, request, request_id).await;
        }
        (_, path) if path.starts_with("/account") || path.starts_with("/invitations/") => {
            return pages::signed_in(platform, request, request_id).await;
        }
        _ => return None,
    })
}

/// Before there is a configuration nothing but this can be answered.
pub fn without_config<S>(request: &Request, problem: &str) -> Response<S> {
    match request.path.as_str() {
        "/health" => health(&[]),
        "/" => pages::home::not_configured(problem),
        "/ui.css" => html::stylesheet(),
        _ => {
            let refusal = Refusal::new(Code::Internal, format!("The gateway is not configured: {problem}"))
                .next("Tell the operator.");
            Response::json(503, refusal.envelope("").to_string())
        }
    }
}

/// `problems` of the catalogue keep nobody from using the rest of it.
fn health<S>(problems: &[String]) -> Response<S> {
    let eras: Vec<_> = crate::mcp::era::ALL.iter().map(|era| era.as_str()).collect();
    let mut body = serde_json::json!({ "status": "ok", "name": "atelier", "version": env!("CARGO_PKG_VERSION"), "mcp_versions": eras });
    if let Some(fields) = body.as_object_mut().filter(|_| !problems.is_empty()) {
        fields.insert("problems".into(), problems.into());
    }
    Response::json(200, body.to_string()).with("cache-control", "no-store")
}

fn not_found<S>(path: &str, request_id: &str) -> Response<S> {
    let shown: String = path.chars().take(80).collect();
    let refusal = Refusal::new(Code::InvalidInputs, format!("Nothing is served at {shown}."))
        .next("The connector URL ends in /mcp; the start page at / says how to connect.");
    Response::json(404, refusal.envelope(request_id).to_string())
}
