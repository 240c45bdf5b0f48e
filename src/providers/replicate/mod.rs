//! `replicate`: predictions, with signed callbacks.
//! Not for: deployments, trainings, streams, or uploads to its file storage.

mod answer;
mod catalogue;

use super::adapter::{
    Adapter, Answer, Call, Called, Callback, Check, Distrust, Failure, FileForm, Find, Found, Heard, Lost, Order, Site,
    Submitted,
};
use super::{Kind, Operation, Provider, standard_webhooks};
use crate::http::percent_encode;
use serde_json::{Map, Value, json};

pub const PROVIDER: Provider =
    Provider { name: "replicate", title: "Replicate", models: catalogue::MODELS, kind: Kind::Remote(ADAPTER) };

const HOME: &str = "https://api.replicate.com/v1";
/// The shortest deadline it takes.
const LEAST_DEADLINE_SECONDS: i64 = 5;
const MAX_ID_CHARS: usize = 100;
/// Clocks may differ by so much.
const SKEW_SECONDS: i64 = 60;

const ADAPTER: Adapter = Adapter {
    home: HOME,
    key_hosts: &[],
    file_hosts: &["replicate.delivery", ".replicate.delivery"],
    authorize: |key| ("authorization", format!("Bearer {key}")),
    needs_key: true,
    files: FileForm::Url,
    plan,
    read_submit,
    poll: |site, operation| Call::get(address(site, operation)),
    read_status: answer::read_status,
    cancel: Some(|site, operation| Call::new("POST", format!("{}/cancel", address(site, operation)), None)),
    find: Some(Find { plan: find, read: read_list }),
    callback: Some(Callback {
        keys: |site| Call::get(format!("{}/webhooks/default/secret", site.at(HOME))),
        keys_are_public: false,
        verify,
        adopt: |_, operation| operation.clone(),
    }),
    check: Check { plan: |site| Call::get(format!("{}/account", site.at(HOME))), read: answer::checked },
    keeps_outputs_seconds: 3600,
    // It queues by itself, and what waits there costs nothing; this bounds what a runaway client can order.
    concurrency: 64,
    first_poll_millis: 2_000,
    blacks_out: true,
};

fn plan(order: &Order<'_>) -> Result<Call, Failure> {
    let mut body = Map::new();
    let path = match order.model.endpoint.split_once(':') {
        // What people have published is asked for by its version, or it could change from one call to the next.
        Some((_, version)) => {
            body.insert("version".into(), version.into());
            "/predictions".to_owned()
        }
        None => format!("/models/{}/predictions", order.model.endpoint),
    };
    body.insert("input".into(), Value::Object(order.input()));
    // Any other address makes it refuse the whole request; a stand-in on this machine takes it.
    let takes = |url: &&str| url.starts_with("https://") || order.site.address.is_some();
    if let Some(url) = order.callback.filter(takes) {
        body.insert("webhook".into(), url.into());
        body.insert("webhook_events_filter".into(), json!(["completed"]));
    }
    let deadline = order.deadline_seconds.max(LEAST_DEADLINE_SECONDS);
    Ok(Call::post(format!("{}{path}", order.site.at(HOME)), &Value::Object(body))
        .with("cancel-after", format!("{deadline}s")))
}

fn read_submit(order: &Order<'_>, answer: &Answer) -> Submitted {
    match answer.status {
        200..300 => {}
        // It may have been made all the same.
        408 | 500.. => return Submitted::Unknown(format!("HTTP {}", answer.status)),
        _ => return Submitted::Rejected(answer::refusal(answer, &Value::Object(order.input()))),
    }
    match answer.json() {
        None => Submitted::Unknown("the answer is not JSON".into()),
        Some(prediction) => match operation(&prediction) {
            Some(operation) => Submitted::Accepted(operation),
            None => Submitted::Unknown("the answer has no id".into()),
        },
    }
}

fn operation(prediction: &Value) -> Option<Operation> {
    let id = prediction.get("id")?.as_str()?;
    let is_id = (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id.then(|| json!({ "id": id }))
}

fn address(site: &Site<'_>, operation: &Operation) -> String {
    let id = operation.get("id").and_then(Value::as_str).unwrap_or_default();
    format!("{}/predictions/{id}", site.at(HOME))
}

fn find(site: &Site<'_>, lost: &Lost<'_>) -> Call {
    let after = lost.sent_at.plus_seconds(-SKEW_SECONDS).iso();
    Call::get(format!("{}/predictions?created_after={}", site.at(HOME), percent_encode(&after)))
}

/// Every prediction repeats the address that its submit named, and that is ours alone.
fn read_list(_: &Site<'_>, lost: &Lost<'_>, answer: &Answer) -> Found {
    let body = answer.json().filter(|_| answer.is_success()).unwrap_or_default();
    let (Some(callback), Some(list)) = (lost.callback, body.get("results").and_then(Value::as_array)) else {
        return Found::NotYet;
    };
    let ours = list.iter().find(|prediction| prediction.get("webhook").is_some_and(|url| url == callback));
    let is_whole = body.get("next").is_some_and(Value::is_null);
    let all_tell = list.iter().all(|prediction| prediction.get("webhook").is_some());
    match ours.and_then(operation) {
        Some(operation) => Found::Job(operation),
        None if is_whole && all_tell => Found::Absent,
        None => Found::NotYet,
    }
}

fn verify(heard: &Heard<'_>, keys: &str) -> Result<Called, Distrust> {
    let answered = serde_json::from_str::<Value>(keys).ok();
    let secret = answered.as_ref().and_then(|body| body.get("key")?.as_str()).unwrap_or(keys);
    let event = standard_webhooks::verify(heard.headers, heard.body, heard.now, secret.trim())?;
    let prediction: Value = serde_json::from_str(heard.body).map_err(|_| Distrust::Malformed)?;
    Ok(Called { event, operation: operation(&prediction).ok_or(Distrust::Malformed)? })
}
