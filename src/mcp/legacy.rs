//! What only the eras with a handshake have: `initialize`, the session's GET stream, DELETE.
//! Spec: 2025-11-25 basic/lifecycle and basic/transports.

use super::era::{self, Era};
use super::message;
use super::session;
use super::transport::{self, Reply};
use super::{ClientCapabilities, Exchange, sse};
use crate::http::{Request, Response};
use crate::platform::Platform;
use crate::session as object;
use crate::tools::get_instructions::SERVER_INSTRUCTIONS;
use futures::StreamExt;
use serde_json::{Map, Value, json};

pub fn initialize<P: Platform, S>(
    exchange: &Exchange<P>,
    id: &Value,
    params: &Map<String, Value>,
) -> Reply<S> {
    let asked = params.get("protocolVersion").and_then(Value::as_str);
    let Some(asked) = asked else {
        let error =
            message::RpcError::params("params.protocolVersion must be a string, such as \"2025-11-25\".");
        return Reply::Json { status: 200, body: error.response(Some(id)), session: None };
    };
    let agreed = Era::negotiate(asked);
    let client = ClientCapabilities::of(params.get("capabilities"));
    let session = session::mint(&exchange.platform, &exchange.caller, agreed, client);
    let result = json!({
        "protocolVersion": agreed.as_str(),
        "capabilities": capabilities(),
        "serverInfo": era::server_info(),
        "instructions": SERVER_INSTRUCTIONS,
    });
    Reply::Json { status: 200, body: message::response(id, &result.to_string()), session: Some(session) }
}

/// Lists here never change without a deploy, so none of them announces changes.
pub fn capabilities() -> Value {
    let mut capabilities = json!({
        "tools": {},
        "resources": { "subscribe": true },
        "prompts": {},
        "completions": {},
    });
    if cfg!(feature = "conformance")
        && let Some(fields) = capabilities.as_object_mut()
    {
        fields.insert("logging".into(), json!({}));
    }
    capabilities
}

/// The session's own stream: what the server has to say outside of any call. The Worker holds it; the object
/// sleeps behind a hibernating socket until it has an event.
pub async fn get<P: Platform>(exchange: Exchange<P>, request: &Request) -> Response<P::Stream> {
    let session = match transport::find_session(&exchange, request).await {
        Ok(Some(session)) if exchange.accepts_events => session,
        Ok(_) => return transport::method_not_allowed(),
        Err(fault) => return Response::json(fault.status, fault.response(None)),
    };
    let last = request.headers.get("last-event-id").map(str::to_owned);
    let platform = exchange.platform;
    let opened = platform
        .ask::<object::Session>(&session.name, object::Command::Open { expires_at: session.expires_at })
        .await;
    match opened {
        Ok(object::Reply::Ended) => {
            let fault = message::RpcError::new(
                message::INVALID_REQUEST,
                404,
                "The session has ended. Send initialize without Mcp-Session-Id.",
            );
            return Response::json(404, fault.response(None));
        }
        Ok(_) => {}
        Err(_) => return unavailable(),
    }
    let Ok(events) = platform.listen::<object::Session>(&session.name, last.as_deref()).await else {
        return unavailable();
    };
    let prime = match (session.era.primes_streams(), &last) {
        (true, None) => sse::prime("0"),
        _ => sse::KEEP_ALIVE.to_owned(),
    };
    let alive = futures::stream::unfold(platform, |platform| async move {
        platform.sleep(sse::KEEP_ALIVE_MILLIS).await;
        Some((sse::KEEP_ALIVE.to_owned(), platform))
    });
    // The stream ends when the object hangs up, not when the keep-alive would.
    let ended = events.map(Some).chain(futures::stream::once(async { None }));
    let merged = futures::stream::select(ended, alive.map(Some))
        .take_while(|event| std::future::ready(event.is_some()));
    let stream = futures::stream::once(async move { prime }).chain(merged.filter_map(std::future::ready));
    Response::events(stream.boxed_local())
}

pub async fn delete<P: Platform>(exchange: Exchange<P>, request: &Request) -> Response<P::Stream> {
    let session = match transport::find_session(&exchange, request).await {
        Ok(Some(session)) => session,
        Ok(None) => return transport::method_not_allowed(),
        Err(fault) => return Response::json(fault.status, fault.response(None)),
    };
    let end = object::Command::End { expires_at: session.expires_at };
    let ended = exchange.platform.ask::<object::Session>(&session.name, end).await;
    match (ended, session::mark_ended(&exchange.platform, &session).await) {
        (Ok(_), Ok(())) => Response::empty(204),
        _ => unavailable(),
    }
}

fn unavailable<S>() -> Response<S> {
    let fault = message::RpcError::internal();
    Response::json(503, fault.response(None)).with("retry-after", "2")
}
