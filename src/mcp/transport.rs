//! `/mcp`: from an HTTP request to messages, and from their answers back to HTTP. One function a method.
//! Spec: 2026-07-28 and 2025-11-25, basic/transports.

use super::era::{self, Claim, Era};
use super::message::{self, INVALID_REQUEST, Message, PARSE_ERROR, RpcError};
use super::session::{self, SessionId};
use super::{ClientCapabilities, Exchange, Selection, ask, call, legacy, methods, origin};
use crate::error::{Code, Refusal};
use crate::http::{MAX_MESSAGE_BYTES, Payload, Request, Response};
use crate::oauth::Scope;
use crate::oauth::bearer::{self, Caller, Denied};
use crate::oauth::rate;
use crate::platform::{Level, Platform};
use crate::tools::ToolResult;
use serde_json::{Value, json};
use std::rc::Rc;

/// Messages of one 2025-03-26 batch; each may be a tool call.
const MAX_BATCH: usize = 32;

/// What answers a message.
pub enum Reply<S> {
    /// A notification or answer was taken.
    Accepted,
    Json {
        status: u16,
        body: String,
        session: Option<String>,
    },
    /// A whole HTTP response: an event stream, or a challenge.
    Http(Response<S>),
}

pub async fn serve<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    if let Some(why) = origin::refusal(platform.config(), request) {
        return Response::json(403, RpcError::new(INVALID_REQUEST, 403, why).response(None));
    }
    if request.method == "OPTIONS" {
        return origin::share(request, origin::preflight());
    }
    let response = match bearer::authenticate(platform, request).await {
        Err(denied) => {
            let public = crate::origin::public(platform.config(), request);
            refuse(platform, &denied, public, &request.query, request_id)
        }
        Ok(caller) => {
            let counted = rate::count(platform, &caller).await;
            counted.tell(match counted.refusal(request_id) {
                Some(refused) => refused,
                None => admitted(platform, caller, request, request_id).await,
            })
        }
    };
    origin::share(request, response)
}

async fn admitted<P: Platform>(
    platform: &P,
    caller: Rc<Caller>,
    request: &Request,
    request_id: &str,
) -> Response<P::Stream> {
    let base = Exchange {
        platform: platform.clone(),
        caller,
        era: Era::V2025_03_26,
        session: None,
        origin: crate::origin::public(platform.config(), request).into(),
        query: request.query.as_str().into(),
        request_id: request_id.into(),
        selection: Rc::new(Selection::of(request)),
        client: ClientCapabilities::default(),
        accepts_events: accepts_events(request),
    };
    match request.method.as_str() {
        "POST" => post(base, request).await,
        "GET" => legacy::get(base, request).await,
        "DELETE" => legacy::delete(base, request).await,
        _ => method_not_allowed(),
    }
}

pub fn method_not_allowed<S>() -> Response<S> {
    let error = RpcError::new(INVALID_REQUEST, 405, "Use POST; GET and DELETE need an Mcp-Session-Id.");
    Response::json(405, error.response(None)).with("allow", "POST, GET, DELETE, OPTIONS")
}

/// 401 with a challenge, or 503 when we do not know.
pub fn refuse<P: Platform>(
    platform: &P,
    denied: &Denied,
    public: &str,
    query: &str,
    request_id: &str,
) -> Response<P::Stream> {
    let message = match denied {
        Denied::Missing => "This endpoint needs a token.",
        Denied::Invalid(why) => why,
        Denied::Unavailable(reason) => {
            platform.log(
                Level::Error,
                "bearer.unavailable",
                json!({ "request_id": request_id, "reason": reason.0 }),
            );
            let refusal =
                Refusal::new(Code::Internal, "The gateway could not check the token.").retry_after(2);
            return Response::json(503, refusal.envelope(request_id).to_string()).with("retry-after", "2");
        }
    };
    let refusal = Refusal::new(Code::Unauthenticated, message)
        .next("Send Authorization: Bearer with a valid token of this gateway.");
    bearer::unauthorized(denied, public, query, refusal.envelope(request_id).to_string())
}

/// 403 that names every scope the operation needs. Its body is a result too, because ChatGPT takes the challenge out of
/// a result's `_meta` and not from the header (developers.openai.com/apps-sdk/build/auth).
pub fn lacks_scope<P: Platform>(exchange: &Exchange<P>, needed: &[Scope], id: &Value) -> Response<P::Stream> {
    let caller = &exchange.caller;
    let lacking: Vec<_> =
        needed.iter().filter(|scope| !caller.scopes.has(**scope)).map(|scope| scope.as_str()).collect();
    let refusal = Refusal::new(Code::Forbidden, format!("The token lacks the scope {}.", lacking.join(", ")))
        .next("Connect again and allow it, or use a token that has it.");
    let challenge = bearer::step_up(caller, needed, &exchange.origin, &exchange.query);
    let mut result = ToolResult::refused(&refusal, &exchange.request_id);
    if let Some(Value::Object(meta)) = &mut result.meta {
        meta.insert("mcp/www_authenticate".into(), json!([challenge]));
    }
    bearer::insufficient_scope(challenge, call::respond(exchange, id, result))
}

/// A client must list both types. One that takes anything, or does not say, may get either; one that lists only
/// JSON always gets JSON.
fn accepts_events(request: &Request) -> bool {
    request
        .headers
        .get("accept")
        .is_none_or(|accept| accept.contains("text/event-stream") || accept.contains("*/*"))
}

/// (1) size, (2) JSON, (3) shape, (4) era, (5) session, (6) the method.
async fn post<P: Platform>(exchange: Exchange<P>, request: &Request) -> Response<P::Stream> {
    let error = |status: u16, error: RpcError, id: Option<&Value>| Response::json(status, error.response(id));
    let text = match &request.payload {
        Payload::TooLarge => {
            let why = format!(
                "The message is larger than {MAX_MESSAGE_BYTES} bytes. Hand files over by link, not inside a message."
            );
            return error(413, RpcError::new(INVALID_REQUEST, 413, why), None);
        }
        Payload::Text(text) => text,
    };
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(fault) => {
            let why = if text.is_empty() { "the body is empty".to_owned() } else { fault.to_string() };
            return error(
                400,
                RpcError::new(PARSE_ERROR, 400, format!("The body cannot be read as JSON: {why}.")),
                None,
            );
        }
    };
    if let Value::Array(items) = value {
        return batch(exchange, request, items).await;
    }
    let id = message::readable_id(&value).cloned();
    let message = match message::parse(value) {
        Ok(message) => message,
        Err(fault) => return error(400, fault, id.as_ref()),
    };
    match one(exchange, request, message).await {
        Ok(Reply::Accepted) => Response::empty(202),
        Ok(Reply::Json { status, body, session }) => with_session(Response::json(status, body), session),
        Ok(Reply::Http(response)) => response,
        Err(fault) => error(fault.status, fault, id.as_ref()),
    }
}

fn with_session<S>(response: Response<S>, session: Option<String>) -> Response<S> {
    match session {
        Some(id) => response.with("mcp-session-id", id),
        None => response,
    }
}

/// Err is an error of the transport itself, with its HTTP status.
async fn one<P: Platform>(
    mut exchange: Exchange<P>,
    request: &Request,
    message: Message,
) -> Result<Reply<P::Stream>, RpcError> {
    match message {
        Message::Response { id, body } => {
            enter_legacy(&mut exchange, request).await?;
            ask::answered(&exchange, &id, body).await?;
            Ok(Reply::Accepted)
        }
        Message::Notification { method, params } => {
            if era::claim(&method, &params, &request.headers)? == Claim::Legacy {
                enter_legacy(&mut exchange, request).await?;
            }
            Ok(Reply::Accepted)
        }
        Message::Request { id, method, params } => match era::claim(&method, &params, &request.headers)? {
            Claim::Modern => {
                era::check_modern(&method, &params, &request.headers)?;
                exchange.era = Era::V2026_07_28;
                exchange.client = ClientCapabilities::of(
                    params.get("_meta").and_then(|meta| meta.get(era::META_CAPABILITIES)),
                );
                Ok(answer(exchange, id, method, params).await)
            }
            Claim::Legacy if method == "initialize" => Ok(legacy::initialize(&exchange, &id, &params)),
            Claim::Legacy => {
                enter_legacy(&mut exchange, request).await?;
                Ok(answer(exchange, id, method, params).await)
            }
        },
    }
}

async fn answer<P: Platform>(
    exchange: Exchange<P>,
    id: Value,
    method: String,
    params: serde_json::Map<String, Value>,
) -> Reply<P::Stream> {
    match method.as_str() {
        "tools/call" => call::tool(exchange, id, params).await,
        "subscriptions/listen" if exchange.era.is_modern() => {
            super::listen::listen(exchange, id, params).await
        }
        _ => {
            let outcome = methods::answer(&exchange, &method, params).await;
            methods::reply(&exchange, &id, outcome)
        }
    }
}

/// The revision of a legacy message: its session's, else the header's.
async fn enter_legacy<P: Platform>(exchange: &mut Exchange<P>, request: &Request) -> Result<(), RpcError> {
    let header_era = era::legacy_version(&request.headers)?;
    match find_session(exchange, request).await? {
        Some(session) => {
            exchange.era = session.era;
            exchange.client = session.client;
            exchange.session = Some(Rc::new(session));
        }
        None => exchange.era = header_era,
    }
    Ok(())
}

/// The session the request names. Err: 404 when it is not one of this caller's that is still open.
pub async fn find_session<P: Platform>(
    exchange: &Exchange<P>,
    request: &Request,
) -> Result<Option<SessionId>, RpcError> {
    let Some(header) = request.headers.get("mcp-session-id") else { return Ok(None) };
    let gone = || {
        RpcError::new(
            INVALID_REQUEST,
            404,
            "The session has ended or was never yours. Send initialize without Mcp-Session-Id.",
        )
    };
    let session = session::open(&exchange.platform, &exchange.caller, header).ok_or_else(gone)?;
    match session::has_ended(&exchange.platform, &session).await {
        Ok(false) => Ok(Some(session)),
        Ok(true) => Err(gone()),
        // Rather an ended session that is served than an open one that is lost.
        Err(_) => Ok(Some(session)),
    }
}

/// 2025-03-26 only. Each message is answered by itself, in order, as JSON.
async fn batch<P: Platform>(
    mut exchange: Exchange<P>,
    request: &Request,
    items: Vec<Value>,
) -> Response<P::Stream> {
    let refuse = |why: &str| Response::json(400, RpcError::new(INVALID_REQUEST, 400, why).response(None));
    if items.is_empty() {
        return refuse("An empty batch is not a message. Send one JSON-RPC request.");
    }
    if items.len() > MAX_BATCH {
        return refuse(&format!("A batch may hold at most {MAX_BATCH} messages."));
    }
    let claims_modern = |item: &Value| {
        item.pointer("/params/_meta").is_some_and(|meta| meta.get(era::META_VERSION).is_some())
    };
    let modern_header = request.headers.get("mcp-protocol-version") == Some(era::MODERN);
    if modern_header || items.iter().any(claims_modern) {
        return refuse("This protocol revision has no batches. Send one message a request.");
    }
    if let Err(fault) = enter_legacy(&mut exchange, request).await {
        return Response::json(fault.status, fault.response(None));
    }
    if !exchange.era.takes_batches() {
        return refuse("This protocol revision has no batches. Send one message a request.");
    }
    exchange.accepts_events = false;
    let mut answers = Vec::new();
    for item in items {
        let id = message::readable_id(&item).cloned();
        let reply = match message::parse(item) {
            Ok(Message::Request { method, .. }) if method == "initialize" => {
                Err(RpcError::new(INVALID_REQUEST, 400, "initialize must not be part of a batch."))
            }
            Ok(message) => Box::pin(one(exchange.clone(), request, message)).await,
            Err(fault) => Err(fault),
        };
        match reply {
            Ok(Reply::Accepted) => {}
            Ok(Reply::Json { body, .. }) => answers.push(body),
            // A challenge concerns the whole request: the client has to authorize and send it again.
            Ok(Reply::Http(response)) => return response,
            Err(fault) => answers.push(fault.response(id.as_ref())),
        }
    }
    if answers.is_empty() {
        Response::empty(202)
    } else {
        Response::json(200, format!("[{}]", answers.join(",")))
    }
}
