//! `fal`: its queue, with signed callbacks. A request is submitted, its status asked for, and then its result fetched: only
//! the result tells success from failure.
//! Not for: other ways to call it (`fal.run`, streams), or uploads to its storage.

mod answer;
mod callback;
mod catalogue;
mod find;

use super::adapter::{Adapter, Answer, Call, Callback, Check, Failure, FileForm, Find, Order, Progress, Site, Submitted};
use super::{Kind, Operation, Provider};
use crate::http::percent_encode;
use crate::models::Model;
use serde_json::{Value, json};

pub const PROVIDER: Provider =
    Provider { name: "fal", title: "fal", models: catalogue::MODELS, kind: Kind::Remote(ADAPTER) };

const QUEUE: &str = "https://queue.fal.run";
const PLATFORM: &str = "https://api.fal.ai";
/// Asked for with each request; the account's own default may be shorter or for ever.
const OUTPUTS_SECONDS: i64 = 24 * 3600;
/// What keeps names of ours out of paths: request ids are UUIDs.
const MAX_ID_CHARS: usize = 100;

const ADAPTER: Adapter = Adapter {
    home: QUEUE,
    key_hosts: &["api.fal.ai"],
    file_hosts: &["fal.media", ".fal.media", "storage.googleapis.com"],
    authorize: |key| ("authorization", format!("Key {key}")),
    needs_key: true,
    files: FileForm::Url,
    plan,
    read_submit,
    poll,
    read_status,
    cancel: Some(|site, operation| Call::new("PUT", address(site, operation, "cancel_url", "/cancel"), None)),
    find: Some(Find { plan: find::plan, read: find::read }),
    callback: Some(Callback {
        keys: |site| Call::get(format!("{}/.well-known/jwks.json", site.at("https://rest.fal.ai"))),
        keys_are_public: true,
        verify: callback::verify,
        adopt,
    }),
    check: Check { plan: find::check, read: answer::checked },
    keeps_outputs_seconds: OUTPUTS_SECONDS,
    // It queues by itself, and what waits there costs nothing; this bounds what a runaway client can order.
    concurrency: 64,
    first_poll_millis: 1_500,
    blacks_out: true,
};

fn plan(order: &Order<'_>) -> Result<Call, Failure> {
    let callback = order.callback.map(|url| format!("?fal_webhook={}", percent_encode(url))).unwrap_or_default();
    let url = format!("{}/{}{callback}", order.site.at(QUEUE), order.model.endpoint);
    let lifecycle = json!({ "expiration_duration_seconds": OUTPUTS_SECONDS });
    let deadline = order.deadline_seconds.max(1).to_string();
    Ok(Call::post(url, &Value::Object(order.input()))
        .with("x-fal-object-lifecycle-preference", lifecycle.to_string())
        // Both bound the time until work starts. The documentation names the first, the client of the vendor sends the second.
        .with("x-fal-request-start-timeout", deadline.clone())
        .with("x-fal-request-timeout", deadline))
}

fn read_submit(order: &Order<'_>, answer: &Answer) -> Submitted {
    match answer.status {
        200..300 => {}
        // It may have been queued all the same.
        408 | 500.. => return Submitted::Unknown(format!("HTTP {}", answer.status)),
        _ => return Submitted::Rejected(answer::failure(answer, &Value::Object(order.input()))),
    }
    let Some(body) = answer.json() else { return Submitted::Unknown("the answer is not JSON".into()) };
    match body.get("request_id").and_then(Value::as_str).filter(|id| is_id(id)) {
        Some(id) => Submitted::Accepted(operation(&order.site, order.model, id, &body)),
        None => Submitted::Unknown("the answer has no request_id".into()),
    }
}

/// Addresses as fal gives them, where they are at the place that was asked; else they are built.
fn operation(site: &Site<'_>, model: &Model, id: &str, body: &Value) -> Operation {
    let mut operation = named(model, id);
    let home = format!("{}/", site.at(QUEUE));
    for name in ["status_url", "response_url", "cancel_url"] {
        let given = body.get(name).and_then(Value::as_str).filter(|url| url.starts_with(&home));
        if let (Some(url), Some(fields)) = (given, operation.as_object_mut()) {
            fields.insert(name.into(), url.into());
        }
    }
    operation
}

/// A request of which only the id is known.
fn named(model: &Model, id: &str) -> Operation {
    json!({ "id": id, "app": app(model.endpoint) })
}

fn adopt(model: &Model, operation: &Operation) -> Operation {
    match operation.get("app") {
        Some(_) => operation.clone(),
        None => named(model, operation.get("id").and_then(Value::as_str).unwrap_or_default()),
    }
}

/// What is left of an endpoint's id once the request is in the queue: two segments, three below a namespace.
fn app(endpoint: &str) -> String {
    let keep = if endpoint.starts_with("workflows/") || endpoint.starts_with("comfy/") { 3 } else { 2 };
    endpoint.split('/').take(keep).collect::<Vec<_>>().join("/")
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The address of this name that came with the submit's answer, or the usual one.
fn address(site: &Site<'_>, operation: &Operation, name: &str, ending: &str) -> String {
    let text = |name: &str| operation.get(name).and_then(Value::as_str);
    text(name).map_or_else(
        || {
            let (app, id) = (text("app").unwrap_or_default(), text("id").unwrap_or_default());
            format!("{}/{app}/requests/{id}{ending}", site.at(QUEUE))
        },
        str::to_owned,
    )
}

/// Whether the request is over and its result is what there is to ask for.
fn is_over(operation: &Operation) -> bool {
    operation.get("over").and_then(Value::as_bool).unwrap_or(false)
}

/// Where the status did not say that the request failed, a result that cannot be read a few times may be read later.
const MAX_READS: u64 = 8;

fn has_failed(operation: &Operation) -> bool {
    let reads = operation.get("reads").and_then(Value::as_u64).unwrap_or(0);
    operation.get("failed").and_then(Value::as_bool).unwrap_or(false) || reads >= MAX_READS
}

fn asked_again(operation: &Operation) -> Progress {
    let mut next = operation.clone();
    let reads = operation.get("reads").and_then(Value::as_u64).unwrap_or(0);
    if let Some(fields) = next.as_object_mut() {
        fields.insert("reads".into(), (reads + 1).into());
    }
    Progress::Next(next)
}

fn poll(site: &Site<'_>, operation: &Operation) -> Call {
    Call::get(match is_over(operation) {
        true => address(site, operation, "response_url", ""),
        false => address(site, operation, "status_url", "/status"),
    })
}

fn read_status(model: &Model, operation: &Operation, answer: &Answer) -> Progress {
    if is_over(operation) {
        return match answer::result(model, answer) {
            Progress::Failed(_) if answer.status >= 500 && !has_failed(operation) => asked_again(operation),
            progress => progress,
        };
    }
    if !answer.is_success() {
        return answer::status_trouble(answer);
    }
    let body = answer.json().unwrap_or_default();
    match body.get("status").and_then(Value::as_str) {
        None => Progress::Unclear("the answer has no status".into()),
        Some("COMPLETED") => {
            let mut next = operation.clone();
            if let Some(fields) = next.as_object_mut() {
                fields.insert("over".into(), true.into());
                let failed = body.get("error").is_some_and(|error| !error.is_null());
                fields.insert("failed".into(), failed.into());
            }
            Progress::Next(next)
        }
        Some(_) => Progress::Working { fraction: None },
    }
}
