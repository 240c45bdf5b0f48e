//! `/oauth/authorize`: a client sends a person here to be allowed in. GET checks the request and shows the consent page,
//! POST is the person's answer.
//! Spec: OAuth 2.1 section 4.1.1, RFC 7636 (PKCE, S256 only), RFC 8707 (`resource`), RFC 9207 (`iss`), OpenID Connect
//! Core section 3.1.2.1 (`prompt`).
//!
//! A request whose client or redirect URI is not known ends on a page, never in a redirect. What the page shows is sealed
//! into its form together with the browser session it was made for, so that nobody approves for somebody else and
//! nothing has to be stored while the person thinks. Approval is asked each time: a remembered one would let anybody who
//! can start a flow in the person's browser finish it.

use super::account::{self, Account, Changed, NewGrant, Standing};
use super::client::{self, Client, ClientFault};
use super::consent;
use super::discovery;
use super::opaque::{self, Kind};
use super::redirect;
use super::scope::{Scope, Scopes};
use super::trail;
use crate::crypto;
use crate::html;
use crate::http::{Form, Request, Response, percent_encode};
use crate::id::{GrantId, WorkspaceId};
use crate::origin;
use crate::platform::{Budget, Level, Platform, Unavailable};
use crate::sign_in::{self, Session, SignInFault, session};
use crate::time::Timestamp;
use crate::workspace::Actor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A person may read the page, and go and ask somebody.
const VALID_SECONDS: i64 = 1800;
/// Characters of `state` that we carry; the longest seen is 1 KB.
const MAX_STATE_CHARS: usize = 4096;
const START_AGAIN: &str = "Go back to the app and connect again.";

/// A checked request, sealed into the consent page's form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: String,
    pub client_name: String,
    pub client_host: Option<String>,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub code_challenge: String,
    pub scopes: Scopes,
    pub resource: String,
    must_authenticate: bool,
    wants_keeping: bool,
    /// Of the session the page was made for.
    session: String,
    expires_at: Timestamp,
}

/// How a request ends that is not shown to the person.
enum End {
    /// A page; nothing is sent to the client.
    Page(u16, SignInFault),
    /// Back to the client, as an error of RFC 6749 section 4.1.2.1.
    Client(Box<Refused>),
    /// First somebody has to sign in.
    SignIn,
    Unavailable(Unavailable),
}

struct Refused {
    redirect_uri: String,
    state: Option<String>,
    error: &'static str,
    description: String,
}

impl From<Unavailable> for End {
    fn from(reason: Unavailable) -> Self {
        End::Unavailable(reason)
    }
}

fn signed_out() -> End {
    page(403, "You are not signed in any more, or this browser is not the one that opened the page.")
}

fn page(status: u16, what: impl Into<String>) -> End {
    End::Page(status, SignInFault::new(what, START_AGAIN))
}

/// GET
pub async fn ask<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    match checked(platform, request).await {
        Ok((session, asked)) => show(platform, request, &session, &asked, None, request_id).await,
        Err(end) => finish(platform, request, end, request_id),
    }
}

async fn checked<P: Platform>(
    platform: &P,
    request: &Request,
) -> Result<(Session, AuthorizationRequest), End> {
    let config = platform.config();
    let is_local = origin::is_local(config, request);
    if let Some(what) = sign_in::missing(config, is_local) {
        return Err(End::Page(503, SignInFault::new(what, "Tell whoever runs this gateway.")));
    }
    if !platform.within_budget(Budget::Authorize, request.address()).await {
        return Err(page(429, "Too many authorization requests came from your address. Wait a minute."));
    }
    let query = Form::parse(&request.query);
    let client = known_client(platform, &query, is_local).await?;
    let redirect_uri = usable_redirect(&client, &query)?;
    let mut asked = details(&query, &client, redirect_uri, origin::public(config, request))?;
    let prompt = query.get("prompt").unwrap_or_default();
    let Some(session) = session::claimed(platform, request) else {
        return Err(if prompt == "none" {
            refuse(&asked, "login_required", "Nobody is signed in.")
        } else {
            End::SignIn
        });
    };
    if prompt == "none" {
        return Err(refuse(&asked, "consent_required", "Consent is asked each time here."));
    }
    asked.session.clone_from(&session.id);
    asked.expires_at = platform.now().plus_seconds(VALID_SECONDS);
    Ok((session, asked))
}

async fn known_client<P: Platform>(platform: &P, query: &Form, is_local: bool) -> Result<Client, End> {
    let client_id = query
        .get("client_id")
        .ok_or_else(|| page(400, "The request does not say which app is asking (client_id)."))?;
    match client::find(platform, client_id, is_local, false).await {
        Ok(client) => Ok(client),
        Err(ClientFault::Unavailable(reason)) => Err(reason.into()),
        Err(ClientFault::Unknown(why)) => Err(End::Page(
            400,
            SignInFault::new(
                why,
                "Remove the connector in the app and add it again, so that it registers anew.",
            ),
        )),
    }
}

/// Exact, and of a kind that may get a code. Absent: the only one there is.
fn usable_redirect(client: &Client, query: &Form) -> Result<String, End> {
    let registered = &client.metadata.redirect_uris;
    if query.all("redirect_uri").count() > 1 || query.all("client_id").count() > 1 {
        return Err(page(400, "The request names its app or its redirect URI twice."));
    }
    let given = match (query.get("redirect_uri"), registered.as_slice()) {
        (Some(given), _) => given,
        (None, [only]) => only,
        (None, _) => return Err(page(400, "The request does not say where to go back to (redirect_uri).")),
    };
    if redirect::is_registered(given, registered) {
        return Ok(given.to_owned());
    }
    let shown: String = given.chars().take(200).collect();
    let what = format!(
        "{} would send you to {shown}, which it has not registered or which is not allowed.",
        client.metadata.client_name
    );
    Err(End::Page(
        400,
        SignInFault::new(
            what,
            "Do not go on. If you trust the app, tell its makers: the redirect URI must be registered to the letter.",
        ),
    ))
}

/// Everything else that is asked for. From here on the client learns what is wrong.
fn details(
    query: &Form,
    client: &Client,
    redirect_uri: String,
    issuer: &str,
) -> Result<AuthorizationRequest, End> {
    let state = query.get("state").map(str::to_owned);
    let mut asked = AuthorizationRequest {
        client_id: client.client_id.clone(),
        client_name: client.metadata.client_name.clone(),
        client_host: client.host.clone(),
        redirect_uri,
        state: state.filter(|state| state.len() <= MAX_STATE_CHARS),
        code_challenge: query.get("code_challenge").unwrap_or_default().to_owned(),
        scopes: Scopes::for_apps(),
        resource: discovery::resource(issuer),
        must_authenticate: client.must_authenticate(),
        wants_keeping: client.wants_keeping,
        session: String::new(),
        expires_at: Timestamp(0),
    };
    let invalid = |why: &str| Err(refuse(&asked, "invalid_request", why));
    if query.get("state").is_some() && asked.state.is_none() {
        return invalid("state is longer than 4096 characters.");
    }
    if query.repeated().is_some() {
        return invalid("A parameter is there twice.");
    }
    if query.get("request").is_some() {
        return Err(refuse(&asked, "request_not_supported", "Request objects are not supported."));
    }
    if query.get("request_uri").is_some() {
        return Err(refuse(&asked, "request_uri_not_supported", "Request objects are not supported."));
    }
    match query.get("response_type") {
        Some("code") => {}
        None => return invalid("response_type is missing."),
        Some(_) => return Err(refuse(&asked, "unsupported_response_type", "response_type must be code.")),
    }
    if !matches!(query.get("response_mode"), None | Some("query")) {
        return invalid("response_mode must be query.");
    }
    // A challenge of any other method than S256 would be no proof; the method may not be left out (plain).
    if query.get("code_challenge_method") != Some("S256")
        || crypto::from_base64url(&asked.code_challenge).is_none_or(|hash| hash.len() != 32)
    {
        return invalid("PKCE is required: code_challenge with code_challenge_method S256.");
    }
    if !query
        .all("resource")
        .filter(|value| !value.is_empty())
        .all(|value| discovery::names_us(value, issuer))
    {
        let why = format!("resource must be {}.", asked.resource);
        return Err(refuse(&asked, "invalid_target", &why));
    }
    // Scopes of other servers' worlds are left out; a request for nothing we know asks for all, and the person chooses.
    let named = query.get("scope").map(|scope| Scopes::known(scope).and(Scopes::for_apps()));
    asked.scopes = named.filter(|scopes| !scopes.is_empty()).unwrap_or(asked.scopes);
    Ok(asked)
}

fn refuse(asked: &AuthorizationRequest, error: &'static str, description: &str) -> End {
    End::Client(Box::new(Refused {
        redirect_uri: asked.redirect_uri.clone(),
        state: asked.state.clone(),
        error,
        description: description.to_owned(),
    }))
}

fn finish<P: Platform>(platform: &P, request: &Request, end: End, request_id: &str) -> Response<P::Stream> {
    match end {
        End::Page(status, fault) => {
            platform.log(
                Level::Info,
                "authorize.refused",
                json!({ "request_id": request_id, "reason": fault.what }),
            );
            let response =
                sign_in::refuse(platform, status, "This app cannot be connected", &fault, request_id);
            if status == 429 { response.with("retry-after", "60") } else { response }
        }
        End::Client(refused) => {
            platform.log(
                Level::Info,
                "authorize.refused",
                json!({ "request_id": request_id, "reason": refused.description }),
            );
            let issuer = origin::public(platform.config(), request);
            let parameters = [("error", refused.error), ("error_description", refused.description.as_str())];
            Response::see_other(redirect::build(
                &refused.redirect_uri,
                &parameters,
                refused.state.as_deref(),
                issuer,
            ))
        }
        End::SignIn => {
            let back = format!("{}?{}", request.path, request.query);
            Response::see_other(format!("/sign-in?return={}", percent_encode(&back)))
        }
        End::Unavailable(reason) => {
            platform.log(
                Level::Error,
                "authorize.unavailable",
                json!({ "request_id": request_id, "reason": reason.0 }),
            );
            let fault =
                SignInFault::new("The gateway could not reach its own storage.", "Try again in a moment.");
            sign_in::refuse(platform, 503, "Just a moment", &fault, request_id)
        }
    }
}

/// None: the session has been ended.
async fn standing<P: Platform>(
    platform: &P,
    session: &Session,
    asked: &AuthorizationRequest,
) -> Result<Option<Standing>, Unavailable> {
    let command = account::Command::Standing {
        client_id: asked.client_id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
    };
    match platform.ask::<Account>(session.person.as_str(), command).await? {
        account::Reply::Standing(standing) if standing.epoch == session.epoch => Ok(Some(*standing)),
        _ => Ok(None),
    }
}

async fn show<P: Platform>(
    platform: &P,
    request: &Request,
    session: &Session,
    asked: &AuthorizationRequest,
    problem: Option<&str>,
    request_id: &str,
) -> Response<P::Stream> {
    let standing = match standing(platform, session, asked).await {
        Ok(Some(standing)) => standing,
        Ok(None) if request.method == "POST" => return finish(platform, request, signed_out(), request_id),
        Ok(None) => return finish(platform, request, End::SignIn, request_id),
        Err(reason) => return finish(platform, request, reason.into(), request_id),
    };
    let sealed = platform
        .config()
        .signer("authorization request")
        .seal(&serde_json::to_string(asked).unwrap_or_default());
    match consent::view(platform, session, standing, asked, sealed, problem).await {
        Ok(Some(view)) => {
            let action = sign_in::form_action(&asked.redirect_uri);
            html::page_in_popup(200, html::consent::consent(&view), &action)
        }
        Ok(None) => {
            let fault = SignInFault::new(
                "You belong to no workspace yet, so there is nothing an app could use.",
                "Ask an owner of the gateway for an invitation, then connect again.",
            );
            sign_in::refuse(platform, 403, "No workspace", &fault, request_id)
        }
        Err(reason) => finish(platform, request, reason.into(), request_id),
    }
}

/// POST
pub async fn answer<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let form = request.form().unwrap_or_default();
    let (session, asked) = match reopened(platform, request, &form) {
        Ok(found) => found,
        Err(end) => return finish(platform, request, end, request_id),
    };
    if form.get("decision") != Some("approve") {
        let end = refuse(&asked, "access_denied", "The person did not allow it.");
        return finish(platform, request, end, request_id);
    }
    let chosen: Scopes = form.all("scope").filter_map(Scope::parse).collect::<Scopes>().and(asked.scopes);
    if chosen.is_empty() {
        return show(
            platform,
            request,
            &session,
            &asked,
            Some("Choose at least one thing the app may do, or deny."),
            request_id,
        )
        .await;
    }
    let workspace_id = form.get("workspace_id");
    match approve(platform, request, &session, &asked, chosen, workspace_id, request_id).await {
        Ok(location) => Response::see_other(location),
        Err(end) => finish(platform, request, end, request_id),
    }
}

/// The request that the form was made for, if it was made for this session and is not too old.
fn reopened<P: Platform>(
    platform: &P,
    request: &Request,
    form: &Form,
) -> Result<(Session, AuthorizationRequest), End> {
    let session = session::claimed(platform, request).ok_or_else(signed_out)?;
    if !session.allows(platform, form) {
        return Err(page(403, "The form did not come from the page that was made for you."));
    }
    let sealed = form.get("request").unwrap_or_default();
    let opened = platform.config().signer("authorization request").open(sealed);
    let asked: AuthorizationRequest = opened
        .and_then(|text| serde_json::from_str(&text).ok())
        .ok_or_else(|| page(400, "The form was altered."))?;
    if asked.session != session.id {
        return Err(page(403, "The page was made for another sign-in."));
    }
    if asked.expires_at <= platform.now() {
        return Err(page(400, "The page was open for more than half an hour."));
    }
    Ok((session, asked))
}

async fn approve<P: Platform>(
    platform: &P,
    request: &Request,
    session: &Session,
    asked: &AuthorizationRequest,
    scopes: Scopes,
    workspace_id: Option<&str>,
    request_id: &str,
) -> Result<String, End> {
    let workspace_id = workspace_id
        .and_then(WorkspaceId::parse)
        .ok_or_else(|| page(400, "The form does not name a workspace."))?;
    let grant_id = GrantId::mint(platform.now(), &platform.random());
    let code = opaque::compose(
        platform.config(),
        Kind::AuthorizationCode,
        &session.person,
        grant_id.as_str(),
        &platform.random(),
    );
    let grant = NewGrant {
        grant_id: grant_id.clone(),
        code_hash: opaque::hash(&code),
        code_challenge: asked.code_challenge.clone(),
        client_id: asked.client_id.clone(),
        client_name: asked.client_name.clone(),
        client_host: asked.client_host.clone(),
        is_loopback: redirect::kind(&asked.redirect_uri) == Some(redirect::Kind::Loopback),
        redirect_uri: asked.redirect_uri.clone(),
        resource: asked.resource.clone(),
        scopes,
        workspace_id: workspace_id.clone(),
        must_authenticate: asked.must_authenticate,
        epoch: session.epoch,
        seed: crypto::hex(&platform.random::<16>()),
    };
    let command = account::Command::Authorize(Box::new(grant));
    match platform.ask::<Account>(session.person.as_str(), command).await? {
        account::Reply::Done => {}
        account::Reply::Mismatch(why) => return Err(page(403, why)),
        _ => return Err(signed_out()),
    }
    if asked.wants_keeping {
        client::keep(platform, &asked.client_id).await;
    }
    platform.log(
        Level::Info,
        "grant.authorized",
        json!({ "grant_id": grant_id, "client_id": asked.client_id, "workspace_id": workspace_id, "scopes": scopes }),
    );
    let connected = Changed { id: grant_id.to_string(), workspace_id: Some(workspace_id) };
    let actor = Actor::person(&session.person, None, request_id);
    let details = json!({ "app": asked.client_name, "host": asked.client_host, "scopes": scopes });
    trail::tell(platform, &session.person, &actor, "app.connected", &[connected], &details).await;
    let issuer = origin::public(platform.config(), request);
    Ok(redirect::build(&asked.redirect_uri, &[("code", &code)], asked.state.as_deref(), issuer))
}
