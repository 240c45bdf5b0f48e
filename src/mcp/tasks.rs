//! Tasks (extension `io.modelcontextprotocol/tasks`, 2026-07-28 only): a client that declares it is answered with a
//! task where a tool begins a run, and follows the run by its own means. The task is the run: same id, same life.
//! Not for: clients that do not declare it; they get the run's id and poll with tools.

use super::era::{Finished, META_SUBSCRIPTION};
use super::message::{MISSING_CAPABILITY, RpcError, shorten};
use super::methods::{Refused, fault, required};
use super::{Exchange, call, resources};
use crate::id::RunId;
use crate::oauth::Scope;
use crate::oauth::bearer;
use crate::platform::Platform;
use crate::runs::state::KEEP_SECONDS;
use crate::runs::{Command, Run, Shown, View};
use crate::tools::flow::{self, FlowRunView};
use crate::tools::{Begun, Content, Fault, ToolResult, forge};
use crate::workspace::RunStatus;
use serde_json::{Map, Value, json};

pub const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// What a call that began a run is answered with. The run is stored and its price set aside already.
pub fn created<P: Platform>(exchange: &Exchange<P>, begun: &Begun) -> Finished {
    let mut task = task(exchange, &begun.view);
    for warning in &begun.warnings {
        if let Some(Value::String(message)) = task.get_mut("statusMessage") {
            message.push_str(&format!(" Warning: {warning}"));
        }
    }
    Finished { kind: "task", ..Finished::from(Value::Object(task)) }
}

pub async fn get<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
) -> Result<Finished, Refused> {
    let view = find(exchange, params).await?;
    may(exchange, &view, false)?;
    Ok(Finished::new(detailed(exchange, &view, None).await?))
}

/// Nothing is ever asked in the middle of a run, so there is nothing to update.
pub async fn update<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
) -> Result<Finished, Refused> {
    let view = find(exchange, params).await?;
    may(exchange, &view, true)?;
    match params.get("inputResponses") {
        Some(Value::Object(_)) => Ok(Finished::new("{}")),
        _ => Err(RpcError::params("params.inputResponses must be an object.").into()),
    }
}

pub async fn cancel<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
) -> Result<Finished, Refused> {
    let view = find(exchange, params).await?;
    may(exchange, &view, true)?;
    bearer::confirm(&exchange.platform, &exchange.caller).await.map_err(Refused::Denied)?;
    match exchange.platform.ask::<Run>(view.run_id.as_str(), Command::Cancel).await {
        // One that has ended refuses, and stays what it is.
        Ok(_) => Ok(Finished::new("{}")),
        Err(reason) => Err(fault(exchange, &reason).into()),
    }
}

/// Err where this request does not declare the extension.
pub fn check_declared<P: Platform>(exchange: &Exchange<P>) -> Result<(), RpcError> {
    if exchange.client.tasks {
        return Ok(());
    }
    let message = format!("This needs the client capability extensions[\"{EXTENSION}\"] in this request.");
    let data = json!({ "requiredCapabilities": { "extensions": { EXTENSION: {} } } });
    Err(RpcError::new(MISSING_CAPABILITY, 400, message).data(data))
}

/// A task of the caller's; anybody else's does not exist.
pub async fn own<P: Platform>(exchange: &Exchange<P>, task_id: &str) -> Result<View, Refused> {
    let unknown = || {
        let why = format!(
            "There is no task `{}` of yours. Use a taskId that tools/call returned within the last 30 days.",
            shorten(task_id)
        );
        Refused::from(RpcError::params(why))
    };
    let id = RunId::parse(task_id).ok_or_else(unknown)?;
    let progress = |_: f64, _: &str| {};
    match forge::find(&resources::context(exchange, &progress), &id, None).await {
        Ok(view) => Ok(view),
        Err(Fault::Unavailable(reason)) => Err(fault(exchange, &reason).into()),
        Err(_) => Err(unknown()),
    }
}

async fn find<P: Platform>(exchange: &Exchange<P>, params: &Map<String, Value>) -> Result<View, Refused> {
    check_declared(exchange)?;
    own(exchange, required(params, "taskId")?).await
}

/// Whoever may begin such a run may follow it; whoever may only read such runs may not change one.
pub fn may<P: Platform>(exchange: &Exchange<P>, view: &View, change: bool) -> Result<(), Refused> {
    let (read, execute): (&'static [Scope], &'static [Scope]) = match view.shown {
        Shown::Forge(_) => (&[Scope::ForgeRead], &[Scope::ForgeExecute]),
        Shown::Workflow(_) => (&[Scope::WorkflowsRead], &[Scope::WorkflowsExecute]),
    };
    let has = |scopes: &[Scope]| exchange.caller.scopes.has_all(scopes);
    match (has(execute), change) {
        (true, _) => Ok(()),
        (false, true) => Err(Refused::Scope(execute)),
        (false, false) if has(read) => Ok(()),
        (false, false) => Err(Refused::Scope(read)),
    }
}

/// `notifications/tasks` on the stream of a subscription.
pub async fn notification<P: Platform>(
    exchange: &Exchange<P>,
    subscription: &Value,
    view: &View,
) -> Result<String, Refused> {
    let params = detailed(exchange, view, Some(json!({ META_SUBSCRIPTION: subscription }))).await?;
    Ok(format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tasks\",\"params\":{params}}}"))
}

/// The task and, once it is over, its result: that of the tool which reads such runs.
async fn detailed<P: Platform>(
    exchange: &Exchange<P>,
    view: &View,
    meta: Option<Value>,
) -> Result<String, Refused> {
    let mut task = task(exchange, view);
    if let Some(meta) = meta {
        task.insert("_meta".into(), meta);
    }
    let json = Value::Object(task).to_string();
    if !matches!(view.status, RunStatus::Complete | RunStatus::Failed) {
        return Ok(json);
    }
    let result = exchange.era.finish(call::finished(exchange, result(exchange, view).await?));
    let fields = json.strip_suffix('}').unwrap_or_default();
    Ok(format!("{fields},\"result\":{result}}}"))
}

async fn result<P: Platform>(exchange: &Exchange<P>, view: &View) -> Result<ToolResult, Refused> {
    let progress = |_: f64, _: &str| {};
    let context = resources::context(exchange, &progress);
    let read = match view.shown {
        Shown::Forge(_) => forge::answer(&context, view, Vec::new()).await.map(|answer| answer.into_result()),
        Shown::Workflow(_) => {
            flow::answer(&context, view, Vec::new()).await.map(|answer| answer.into_result())
        }
    };
    let mut result = match read {
        Ok(result) => result,
        Err(Fault::Unavailable(reason)) => return Err(fault(exchange, &reason).into()),
        Err(_) => return Err(RpcError::internal().into()),
    };
    if view.status == RunStatus::Failed {
        result.is_error = true;
        if let Some(error) = &view.error {
            let refused = ToolResult::refused(error, &exchange.request_id);
            result.content.insert(0, Content::Text { text: error.line().into() });
            result.meta = refused.meta;
        }
    }
    Ok(result)
}

/// The fields every answer about a task has.
fn task<P: Platform>(exchange: &Exchange<P>, view: &View) -> Map<String, Value> {
    let mut task = Map::new();
    let status = match view.status {
        RunStatus::InProgress => "working",
        // A tool that refuses has completed; `failed` is for errors of the protocol.
        RunStatus::Complete | RunStatus::Failed => "completed",
        RunStatus::Cancelled => "cancelled",
    };
    task.insert("taskId".into(), view.run_id.as_str().into());
    task.insert("status".into(), status.into());
    task.insert("statusMessage".into(), words(exchange, view).into());
    task.insert("createdAt".into(), view.created_at.iso().into());
    task.insert("lastUpdatedAt".into(), view.ended_at.unwrap_or(view.created_at).iso().into());
    task.insert("ttlMs".into(), (KEEP_SECONDS * 1000).into());
    if view.status == RunStatus::InProgress {
        let seconds = match view.shown {
            Shown::Forge(_) => forge::POLL_AFTER_SECONDS,
            Shown::Workflow(_) => flow::POLL_AFTER_SECONDS,
        };
        task.insert("pollIntervalMs".into(), (seconds * 1000).into());
    }
    task
}

/// `offline-image: 40 %, up to 4 Creative Units set aside.`
fn words<P: Platform>(exchange: &Exchange<P>, view: &View) -> String {
    let progress = |_: f64, _: &str| {};
    let (what, how_far) = match &view.shown {
        Shown::Forge(generation) => {
            (generation.model_id.clone(), format!("{} %", (view.progress * 100.0).round()))
        }
        Shown::Workflow(shown) => {
            let context = resources::context(exchange, &progress);
            (shown.name.clone(), FlowRunView::of(&context, view, shown, Vec::new()).under_way())
        }
    };
    let price = view.price.unwrap_or(view.reserved).words();
    match view.status {
        RunStatus::InProgress => format!("{what}: {how_far}, up to {price} set aside."),
        status => format!("{what}: {}, {price} charged.", status.as_str()),
    }
}
