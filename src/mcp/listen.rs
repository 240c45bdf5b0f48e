//! `subscriptions/listen` of 2026-07-28: one stream on which the client is told of what it asked for. Here that
//! is the end of runs; lists never change without a deploy.
//! Spec: 2026-07-28 basic/patterns/subscriptions.

use super::era::{Finished, META_SUBSCRIPTION};
use super::message::{self, RpcError};
use super::resources::{self, Target};
use super::transport::Reply;
use super::{Exchange, methods, sse};
use crate::http::Response;
use crate::platform::Platform;
use crate::runs::View;
use crate::workspace::RunStatus;
use futures::StreamExt;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Resources one stream may watch.
const MAX_WATCHED: usize = 20;
/// A stream ends gracefully after that and the client opens it again: an endless one cannot be deployed over.
const MAX_SECONDS: i64 = 10 * 60;
/// One wait inside a run's object; also how often an idle stream sends its keep-alive.
const ROUND_MILLIS: i64 = 15_000;

struct Listening<P: Platform> {
    exchange: Exchange<P>,
    id: Value,
    watched: VecDeque<(String, View)>,
    until: crate::time::Timestamp,
}

pub async fn listen<P: Platform>(
    exchange: Exchange<P>,
    id: Value,
    params: Map<String, Value>,
) -> Reply<P::Stream> {
    if !exchange.accepts_events {
        let error =
            RpcError::new(message::INVALID_REQUEST, 400, "A subscription needs `Accept: text/event-stream`.");
        return methods::reply(&exchange, &id, Err(error));
    }
    let Some(wanted) = params.get("notifications").and_then(Value::as_object) else {
        return methods::reply(
            &exchange,
            &id,
            Err(RpcError::params("params.notifications must be an object.")),
        );
    };
    let uris: Vec<String> = wanted
        .get("resourceSubscriptions")
        .and_then(Value::as_array)
        .map(|uris| uris.iter().filter_map(Value::as_str).map(str::to_owned).take(MAX_WATCHED).collect())
        .unwrap_or_default();
    let mut watched = VecDeque::new();
    for uri in uris {
        let Some(Target::Run(run) | Target::File(run, _)) = resources::parse(&uri) else { continue };
        if let Ok(view) = resources::own_run(&exchange, &run, &uri).await {
            watched.push_back((uri, view));
        }
    }
    let honoured: Vec<_> = watched.iter().map(|(uri, _)| uri.as_str()).collect();
    let mut subset = Map::new();
    if !honoured.is_empty() {
        subset.insert("resourceSubscriptions".into(), json!(honoured));
    }
    let acknowledged = json!({ "_meta": { META_SUBSCRIPTION: id }, "notifications": subset });
    let opening =
        sse::event(&message::notification("notifications/subscriptions/acknowledged", &acknowledged));
    let until = exchange.platform.now().plus_seconds(MAX_SECONDS);
    let state = Listening { exchange, id, watched, until };
    let rest = futures::stream::unfold(Some(state), |state| async move { step(state?).await });
    Reply::Http(Response::events(futures::stream::once(async move { opening }).chain(rest).boxed_local()))
}

/// The next event and what is left to listen to.
async fn step<P: Platform>(mut state: Listening<P>) -> Option<(String, Option<Listening<P>>)> {
    let over = state.exchange.platform.now() >= state.until;
    let Some((uri, view)) = state.watched.pop_front().filter(|_| !over) else {
        let mut end = Finished::new("{}");
        end.meta = json!({ META_SUBSCRIPTION: state.id }).as_object().cloned();
        return Some((sse::event(&message::response(&state.id, &state.exchange.era.finish(end))), None));
    };
    // Runs that had ended before the subscription have nothing more to tell.
    if view.status != RunStatus::InProgress {
        return Some((sse::KEEP_ALIVE.to_owned(), Some(state)));
    }
    let share = i64::try_from(state.watched.len()).unwrap_or(0) + 1;
    match resources::wait(&state.exchange, &view, ROUND_MILLIS / share).await {
        Some(now) if now.status == RunStatus::InProgress => {
            state.watched.push_back((uri, now));
            Some((sse::KEEP_ALIVE.to_owned(), Some(state)))
        }
        Some(_) => {
            let params = json!({ "_meta": { META_SUBSCRIPTION: state.id }, "uri": uri });
            Some((
                sse::event(&message::notification("notifications/resources/updated", &params)),
                Some(state),
            ))
        }
        None => Some((sse::KEEP_ALIVE.to_owned(), Some(state))),
    }
}
