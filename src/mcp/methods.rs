//! Every method that is answered by one JSON object. Which exist depends on the era: what 2026-07-28 removed
//! answers as if it never was.

use super::era::{self, Finished};
use super::message::{self, RpcError};
use super::transport::{Reply, lacks_scope, refuse};
use super::{Exchange, complete, legacy, prompts, resources, tasks};
use crate::oauth::Scope;
use crate::oauth::bearer::Denied;
use crate::page;
use crate::platform::{Level, Platform, Unavailable};
use crate::tools;
use crate::tools::get_instructions::SERVER_INSTRUCTIONS;
use serde_json::{Map, Value, json};

/// How long a client may keep what is the same for everybody until the next deploy.
pub const STATIC_MILLIS: u32 = 3_600_000;
/// How long it may keep what depends on the token.
pub const PRIVATE_MILLIS: u32 = 300_000;

/// What a method can end in beside its result.
#[derive(Debug)]
pub enum Refused {
    Rpc(RpcError),
    /// 403 with every scope needed.
    Scope(&'static [Scope]),
    /// The token stopped being valid since the request began.
    Denied(Denied),
}

impl From<RpcError> for Refused {
    fn from(error: RpcError) -> Self {
        Refused::Rpc(error)
    }
}

impl From<crate::error::Refusal> for Refused {
    fn from(refusal: crate::error::Refusal) -> Self {
        Refused::Rpc(RpcError::params(refusal.line()))
    }
}

pub async fn answer<P: Platform>(
    exchange: &Exchange<P>,
    method: &str,
    params: Map<String, Value>,
) -> Result<Finished, Refused> {
    let modern = exchange.era.is_modern();
    match method {
        "server/discover" if modern => Ok(discover()),
        "ping" if !modern => Ok(Finished::new("{}")),
        #[cfg(feature = "conformance")]
        "logging/setLevel" if !modern => Ok(Finished::new("{}")),
        "tools/list" => list_tools(exchange, &params),
        "resources/list" => resources::list(exchange, &params).await,
        "resources/templates/list" => Ok(resources::templates()),
        "resources/read" => resources::read(exchange, &params).await,
        "resources/subscribe" if !modern => resources::subscribe(exchange, &params, true).await,
        "resources/unsubscribe" if !modern => resources::subscribe(exchange, &params, false).await,
        "prompts/list" => prompts::list(&params),
        "prompts/get" => prompts::get(exchange, &params),
        "completion/complete" => complete::complete(exchange, &params).await,
        #[cfg(feature = "conformance")]
        "tasks/get" | "tasks/update" | "tasks/cancel" if modern && super::fixtures::is_task(&params) => {
            super::fixtures::answer_task(exchange, method, &params).await
        }
        "tasks/get" if modern => tasks::get(exchange, &params).await,
        "tasks/update" if modern => tasks::update(exchange, &params).await,
        "tasks/cancel" if modern => tasks::cancel(exchange, &params).await,
        _ => Err(RpcError::method_not_found(method).into()),
    }
}

pub fn reply<P: Platform, R>(
    exchange: &Exchange<P>,
    id: &Value,
    outcome: Result<Finished, R>,
) -> Reply<P::Stream>
where
    R: Into<Refused>,
{
    match outcome.map_err(Into::into) {
        Ok(finished) => Reply::Json {
            status: 200,
            body: message::response(id, &exchange.era.finish(finished)),
            session: None,
        },
        Err(Refused::Rpc(error)) => {
            Reply::Json { status: exchange.era.status(&error), body: error.response(Some(id)), session: None }
        }
        Err(Refused::Scope(needed)) => Reply::Http(lacks_scope(exchange, needed, id)),
        Err(Refused::Denied(denied)) => {
            let Exchange { platform, origin, query, request_id, .. } = exchange;
            Reply::Http(refuse(platform, &denied, origin, query, request_id))
        }
    }
}

/// The platform failed us: logged here, told without detail.
pub fn fault<P: Platform>(exchange: &Exchange<P>, reason: &Unavailable) -> RpcError {
    let fields = json!({ "request_id": &*exchange.request_id, "reason": reason.0 });
    exchange.platform.log(Level::Error, "mcp.unavailable", fields);
    RpcError::internal()
}

fn discover() -> Finished {
    let mut capabilities = legacy::capabilities();
    if let Some(fields) = capabilities.as_object_mut() {
        fields.insert("extensions".into(), json!({ tasks::EXTENSION: {} }));
    }
    let result = json!({
        "supportedVersions": [era::MODERN],
        "capabilities": capabilities,
        "instructions": SERVER_INSTRUCTIONS,
    });
    Finished::from(result).cached(STATIC_MILLIS, true)
}

/// What the token may call, in the order of the catalogue. One page: the list is a budget, not a catalogue.
fn list_tools<P: Platform>(exchange: &Exchange<P>, params: &Map<String, Value>) -> Result<Finished, Refused> {
    only_page(params)?;
    let mut json = String::with_capacity(16 * 1024);
    json.push_str("{\"tools\":[");
    let mut separator = "";
    for (entry, descriptor) in tools::ALL.iter().zip(tools::descriptors()) {
        if exchange.selection.has(entry) && exchange.caller.scopes.has_all(entry.scopes) {
            json.push_str(separator);
            json.push_str(descriptor);
            separator = ",";
        }
    }
    #[cfg(feature = "conformance")]
    for descriptor in super::fixtures::descriptors(exchange.era) {
        json.push_str(separator);
        json.push_str(&descriptor);
        separator = ",";
    }
    json.push_str("]}");
    Ok(Finished::new(json).cached(PRIVATE_MILLIS, false))
}

/// Lists that fit one page give out no cursor, so any cursor is a foreign one.
pub fn only_page(params: &Map<String, Value>) -> Result<(), RpcError> {
    match params.get("cursor") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(RpcError::params("params.cursor is not one that this list gave out. Leave it out.")),
    }
}

/// Where a page begins.
pub fn cursor<P: Platform>(
    exchange: &Exchange<P>,
    list: &str,
    params: &Map<String, Value>,
) -> Result<Option<String>, RpcError> {
    let cursor = match params.get("cursor") {
        None | Some(Value::Null) => None,
        Some(Value::String(cursor)) => Some(cursor.as_str()),
        Some(_) => return Err(RpcError::params("params.cursor must be a string.")),
    };
    page::open(&exchange.platform, list, cursor).map_err(|refusal| RpcError::params(refusal.line()))
}

pub fn required<'a>(params: &'a Map<String, Value>, name: &str) -> Result<&'a str, RpcError> {
    params
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| RpcError::params(format!("params.{name} must be a string.")))
}
