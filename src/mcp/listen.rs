//! `subscriptions/listen` of 2026-07-28: one stream on which the client is told of what it asked for. Here that
//! is the end of runs, as resources or as tasks; lists never change without a deploy.
//! Spec: 2026-07-28 basic/patterns/subscriptions; the extension io.modelcontextprotocol/tasks.

use super::era::{Finished, META_SUBSCRIPTION};
use super::message::{self, RpcError};
use super::resources::{self, Target};
use super::transport::Reply;
use super::{Exchange, methods, sse, tasks};
use crate::http::Response;
use crate::platform::Platform;
use crate::runs::View;
use crate::workspace::RunStatus;
use futures::StreamExt;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Resources and tasks one stream may watch; each is asked in turn.
const MAX_WATCHED: usize = 20;
/// A stream ends gracefully after that and the client opens it again: an endless one cannot be deployed over.
const MAX_SECONDS: i64 = 10 * 60;
/// One wait inside a run's object; also how often an idle stream sends its keep-alive.
const ROUND_MILLIS: i64 = 15_000;

struct Listening<P: Platform> {
    exchange: Exchange<P>,
    id: Value,
    watched: VecDeque<(Subject, View)>,
    until: crate::time::Timestamp,
}

/// As what the client follows a run.
enum Subject {
    /// With the URI as it wrote it.
    Resource(String),
    Task,
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
    let (watched, subset) = match honoured(&exchange, wanted).await {
        Ok(honoured) => honoured,
        Err(error) => return methods::reply(&exchange, &id, Err(error)),
    };
    let acknowledged = json!({ "_meta": { META_SUBSCRIPTION: id }, "notifications": subset });
    let opening =
        sse::event(&message::notification("notifications/subscriptions/acknowledged", &acknowledged));
    let until = exchange.platform.now().plus_seconds(MAX_SECONDS);
    let state = Listening { exchange, id, watched, until };
    let rest = futures::stream::unfold(Some(state), |state| async move { step(state?).await });
    Reply::Http(Response::events(futures::stream::once(async move { opening }).chain(rest).boxed_local()))
}

/// What the client may follow of what it asked for, and that as it is acknowledged.
async fn honoured<P: Platform>(
    exchange: &Exchange<P>,
    wanted: &Map<String, Value>,
) -> Result<(VecDeque<(Subject, View)>, Map<String, Value>), RpcError> {
    let named = |field: &str| {
        let all = wanted.get(field).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).take(MAX_WATCHED)
    };
    if wanted.contains_key("taskIds") {
        tasks::check_declared(exchange)?;
    }
    let (mut watched, mut uris, mut ids) = (VecDeque::new(), Vec::new(), Vec::new());
    for uri in named("resourceSubscriptions") {
        let Some(Target::Run(run) | Target::File(run, _)) = resources::parse(uri) else { continue };
        if let Ok(view) = resources::own_run(exchange, &run, uri).await {
            watched.push_back((Subject::Resource(uri.to_owned()), view));
            uris.push(uri);
        }
    }
    for id in named("taskIds").take(MAX_WATCHED - watched.len()) {
        if let Ok(view) = tasks::own(exchange, id).await
            && tasks::may(exchange, &view, false).is_ok()
        {
            watched.push_back((Subject::Task, view));
            ids.push(id);
        }
    }
    let mut subset = Map::new();
    for (field, honoured) in [("resourceSubscriptions", uris), ("taskIds", ids)] {
        if !honoured.is_empty() {
            subset.insert(field.into(), json!(honoured));
        }
    }
    Ok((watched, subset))
}

/// The next event and what is left to listen to.
async fn step<P: Platform>(mut state: Listening<P>) -> Option<(String, Option<Listening<P>>)> {
    let over = state.exchange.platform.now() >= state.until;
    let Some((subject, view)) = state.watched.pop_front().filter(|_| !over) else {
        let mut end = Finished::new("{}");
        end.meta = json!({ META_SUBSCRIPTION: state.id }).as_object().cloned();
        return Some((sse::event(&message::response(&state.id, &state.exchange.era.finish(end))), None));
    };
    let share = i64::try_from(state.watched.len()).unwrap_or(0) + 1;
    let now = match view.status {
        RunStatus::InProgress => resources::wait(&state.exchange, &view, ROUND_MILLIS / share).await,
        _ => Some(view.clone()),
    };
    let told = match (now, subject) {
        (Some(now), subject) if now.status == RunStatus::InProgress => {
            state.watched.push_back((subject, now));
            None
        }
        // A resource that did not change during the subscription has nothing to tell; a task's state is the message.
        (Some(_), Subject::Resource(uri)) => (view.status == RunStatus::InProgress).then(|| {
            let params = json!({ "_meta": { META_SUBSCRIPTION: state.id }, "uri": uri });
            message::notification("notifications/resources/updated", &params)
        }),
        (Some(now), Subject::Task) => tasks::notification(&state.exchange, &state.id, &now).await.ok(),
        (None, _) => None,
    };
    let event = told.map_or_else(|| sse::KEEP_ALIVE.to_owned(), |message| sse::event(&message));
    Some((event, Some(state)))
}
