//! `tools/call`: the scope, the call, and whether its answer is one JSON object or an event stream. Most calls
//! are done at once; one that takes longer, or has something to tell on the way, becomes a stream.

use super::era::Finished;
use super::message::{self, RpcError};
use super::methods;
use super::transport::{Reply, lacks_scope, refuse};
use super::{Exchange, confirm, sse, tasks};
use crate::error::{Code, Refusal};
use crate::http::Response;
use crate::oauth::bearer::Denied;
use crate::platform::Platform;
use crate::tools::{self, Called, Context, ToolResult};
use crate::units::Allowance;
use crate::workspace::Consent;
use futures::FutureExt;
use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use futures::future::{self, Either, LocalBoxFuture};
use serde_json::{Map, Value, json};

/// A call that is not done by then begins its stream: clients want a first byte well within their timeouts.
const PATIENCE_MILLIS: u32 = 2_000;

/// The end of a call: a response message, or a challenge that has to be HTTP.
pub enum Outcome {
    Message { status: u16, body: String },
    Denied(Denied),
}

pub async fn tool<P: Platform>(
    exchange: Exchange<P>,
    id: Value,
    mut params: Map<String, Value>,
) -> Reply<P::Stream> {
    let Some(Value::String(name)) = params.remove("name") else {
        return methods::reply(&exchange, &id, Err(RpcError::params("params.name must be a string.")));
    };
    let arguments = match params.remove("arguments") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(Value::Object(arguments)) => Value::Object(arguments),
        Some(_) => {
            return methods::reply(
                &exchange,
                &id,
                Err(RpcError::params("params.arguments must be an object.")),
            );
        }
    };
    #[cfg(feature = "conformance")]
    if super::fixtures::is_tool(&name) {
        let token = progress_token(&params);
        return run(exchange, id, move |exchange, id, stream| {
            super::fixtures::call(exchange, id, name, arguments, params, token, stream).boxed_local()
        })
        .await;
    }
    let Some(entry) = tools::entry(&name).filter(|entry| exchange.selection.has(entry)) else {
        let why = format!("There is no tool `{}` here. tools/list names them.", message::shorten(&name));
        return methods::reply(&exchange, &id, Err(RpcError::params(why)));
    };
    if !exchange.caller.scopes.has_all(entry.scopes) {
        return Reply::Http(lacks_scope(&exchange, entry.scopes, &id));
    }
    let call = Call { name: entry.name, arguments, params };
    run(exchange, id, move |exchange, id, stream| product(exchange, id, call, stream).boxed_local()).await
}

fn progress_token(params: &Map<String, Value>) -> Option<Value> {
    params
        .get("_meta")?
        .get("progressToken")
        .filter(|token| token.is_string() || token.is_i64() || token.is_u64())
        .cloned()
}

/// One call of our own tools.
struct Call {
    name: &'static str,
    arguments: Value,
    params: Map<String, Value>,
}

/// Makes the call, and makes it again when a person has agreed to its price meanwhile.
async fn product<P: Platform>(
    exchange: Exchange<P>,
    id: Value,
    call: Call,
    stream: UnboundedSender<String>,
) -> Outcome {
    let done = |body: String| Outcome::Message { status: 200, body };
    let token = progress_token(&call.params);
    let progress = |done: f64, message: &str| {
        if let Some(token) = &token {
            let params = json!({ "progressToken": token, "progress": done, "total": 1, "message": message });
            // Nobody listens any more: the call is about to be dropped.
            let _ = stream.unbounded_send(message::notification("notifications/progress", &params));
        }
    };
    let mut answer = match confirm::given(&exchange, call.name, &call.arguments, &call.params) {
        Ok(answer) => answer,
        Err(error) => return done(error.response(Some(&id))),
    };
    loop {
        let agreement = match answer {
            Some(Err(refusal)) => {
                let result = ToolResult::refused(&refusal, &exchange.request_id);
                return done(respond(&exchange, &id, result));
            }
            Some(Ok(agreement)) => Some(agreement),
            None => None,
        };
        let consent = match &agreement {
            Some(agreement) => Consent::Given(agreement.price),
            None => confirm::consent(&exchange),
        };
        let context = Context {
            platform: &exchange.platform,
            caller: &exchange.caller,
            origin: &exchange.origin,
            request_id: &exchange.request_id,
            pictures: exchange.selection.pictures,
            progress: &progress,
            allowance: Allowance::default(),
            consent,
            agreement: agreement.as_ref().map(|agreement| agreement.name.as_str()),
        };
        match tools::call(&context, call.name, call.arguments.clone()).await {
            Some(Ok(Called::Result(result))) => return done(respond(&exchange, &id, result)),
            Some(Ok(Called::Confirm(confirmation))) if exchange.era.is_modern() => {
                let finished = confirm::input_required(&exchange, call.name, &call.arguments, &confirmation);
                return done(message::response(&id, &exchange.era.finish(finished)));
            }
            Some(Ok(Called::Confirm(confirmation))) => {
                answer = match confirm::ask(&exchange, &stream, &confirmation).await {
                    Ok(answer) => Some(answer),
                    Err(error) => return done(error.response(Some(&id))),
                };
            }
            Some(Err(denied)) => return Outcome::Denied(denied),
            None => return done(RpcError::internal().response(Some(&id))),
        }
    }
}

/// A tool result as a response message of this era.
pub fn respond<P: Platform>(exchange: &Exchange<P>, id: &Value, result: ToolResult) -> String {
    let finished = match &result.begun {
        Some(begun) if exchange.client.tasks => tasks::created(exchange, begun),
        _ => finished(exchange, result),
    };
    message::response(id, &exchange.era.finish(finished))
}

pub fn finished<P: Platform>(exchange: &Exchange<P>, mut result: ToolResult) -> Finished {
    if !exchange.era.has_structured_results() {
        result.structured = None;
        result.content.retain(|block| !matches!(block, tools::Content::ResourceLink { .. }));
    }
    let meta =
        result.meta.take().and_then(|meta| if let Value::Object(meta) = meta { Some(meta) } else { None });
    let json = serde_json::to_string(&result).unwrap_or_else(|_| "{\"content\":[]}".into());
    Finished { meta, ..Finished::new(json) }
}

/// Runs a call and decides the form of its answer by how it goes.
async fn run<P: Platform>(
    exchange: Exchange<P>,
    id: Value,
    start: impl FnOnce(Exchange<P>, Value, UnboundedSender<String>) -> LocalBoxFuture<'static, Outcome>,
) -> Reply<P::Stream> {
    let (sender, mut notices) = mpsc::unbounded();
    let mut work = start(exchange.clone(), id.clone(), sender);
    if !exchange.accepts_events {
        return finish(&exchange, work.await);
    }
    let platform = exchange.platform.clone();
    // Lazy, so that a call which is done at once sets no timer; the work is always polled first.
    let sign =
        future::select(notices.next(), async move { platform.sleep(PATIENCE_MILLIS).await }.boxed_local());
    let first = match future::select(&mut work, sign).await {
        Either::Left((outcome, sign)) => {
            drop(sign);
            match notices.try_recv() {
                Ok(notice) => {
                    let done = future::ready(outcome).boxed_local();
                    return Reply::Http(stream(exchange, id, done, notices, Some(notice)));
                }
                Err(_) => return finish(&exchange, outcome),
            }
        }
        Either::Right((Either::Left((notice, _)), _)) => notice,
        Either::Right((Either::Right(((), _)), _)) => None,
    };
    Reply::Http(stream(exchange, id, work, notices, first))
}

fn finish<P: Platform>(exchange: &Exchange<P>, outcome: Outcome) -> Reply<P::Stream> {
    match outcome {
        Outcome::Message { status, body } => Reply::Json { status, body, session: None },
        Outcome::Denied(denied) => {
            let Exchange { platform, origin, query, request_id, .. } = exchange;
            Reply::Http(refuse(platform, &denied, origin, query, request_id))
        }
    }
}

struct Streaming<P: Platform> {
    exchange: Exchange<P>,
    id: Value,
    work: LocalBoxFuture<'static, Outcome>,
    notices: UnboundedReceiver<String>,
    done: Option<Outcome>,
}

/// Notices as they come, the response last. When the client leaves, the platform drops the stream and with it
/// the call: that is the cancellation of the modern era.
fn stream<P: Platform>(
    exchange: Exchange<P>,
    id: Value,
    work: LocalBoxFuture<'static, Outcome>,
    notices: UnboundedReceiver<String>,
    first: Option<String>,
) -> Response<P::Stream> {
    let opening = first.map_or_else(|| sse::KEEP_ALIVE.to_owned(), |notice| sse::event(&notice));
    let state = Streaming { exchange, id, work, notices, done: None };
    let rest = futures::stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        let event = next_event(&mut state).await;
        match event {
            Some(event) => Some((event, Some(state))),
            None => {
                let body = match state.done.take()? {
                    Outcome::Message { body, .. } => body,
                    // Too late for a challenge: the stream has begun.
                    Outcome::Denied(_) => {
                        let refusal = Refusal::new(
                            Code::Unauthenticated,
                            "The token stopped being valid during the call.",
                        );
                        respond(
                            &state.exchange,
                            &state.id,
                            ToolResult::refused(&refusal, &state.exchange.request_id),
                        )
                    }
                };
                Some((sse::event(&body), None))
            }
        }
    });
    Response::events(futures::stream::once(async move { opening }).chain(rest).boxed_local())
}

/// The next notice or keep-alive; None when the call is done and every notice is out.
async fn next_event<P: Platform>(state: &mut Streaming<P>) -> Option<String> {
    if state.done.is_some() {
        return state.notices.try_recv().ok().map(|notice| sse::event(&notice));
    }
    let platform = state.exchange.platform.clone();
    let pause = async move { platform.sleep(sse::KEEP_ALIVE_MILLIS).await }.boxed_local();
    match future::select(&mut state.work, future::select(state.notices.next(), pause)).await {
        Either::Left((outcome, _)) => {
            state.done = Some(outcome);
            state.notices.try_recv().ok().map(|notice| sse::event(&notice))
        }
        Either::Right((Either::Left((Some(notice), _)), _)) => Some(sse::event(&notice)),
        Either::Right((Either::Left((None, _)), _)) => {
            // The call holds no sender any more; only its end is left.
            state.done = Some((&mut state.work).await);
            None
        }
        Either::Right((Either::Right(_), _)) => Some(sse::KEEP_ALIVE.to_owned()),
    }
}
