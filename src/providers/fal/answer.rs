//! What fal's answers mean: results, refusals, and which of them are final.

use crate::models::price::Price;
use crate::models::Model;
use crate::providers::adapter::{Answer, Charge, Class, Failure, Finished, Made, Progress};
use crate::providers::{retry_after, words};
use serde_json::Value;

/// A result that is asked for too early.
const STILL_RUNNING: &str = "still in progress";

/// The result of a request that is over.
pub fn result(model: &Model, answer: &Answer) -> Progress {
    if !answer.is_success() {
        return match answer.status {
            400 if answer.body.contains(STILL_RUNNING) => Progress::Working { fraction: None },
            404 | 410 => Progress::Failed(Failure::new(Class::Expired, "fal no longer has the result.")),
            _ => trouble(answer),
        };
    }
    let Some(body) = answer.json() else { return Progress::Unclear("the result is not JSON".into()) };
    let flags: Vec<_> = body.get("has_nsfw_concepts").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_withheld = |index: usize| flags.get(index).and_then(Value::as_bool).unwrap_or(false);
    let urls = model.codec.files(&body);
    // A flagged picture is there, and black.
    let withheld = (0..urls.len()).filter(|index| is_withheld(*index)).count();
    let withheld = u32::try_from(withheld).unwrap_or(u32::MAX);
    let shown = urls.into_iter().enumerate().filter(|(index, _)| !is_withheld(*index));
    let outputs: Vec<_> = shown.map(|(_, url)| Made::Url(url)).collect();
    if outputs.is_empty() && withheld == 0 {
        return Progress::Failed(Failure::new(Class::Internal, "fal finished without an output."));
    }
    Progress::Finished(Finished { outputs, withheld, charge: charge(model, answer) })
}

/// Endpoints that fal counts in minutes where the catalogue counts in seconds.
const BY_THE_MINUTE: &[&str] = &["fal-ai/sync-lipsync", "fal-ai/elevenlabs/music"];

/// fal counts in units of the endpoint's first price; for models with several prices it is not known what one of them is.
fn charge(model: &Model, answer: &Answer) -> Option<Charge> {
    let Price::Listed { rates: [_], .. } = model.price else { return None };
    let units: f64 = answer.header("x-fal-billable-units")?.trim().parse().ok()?;
    let units = if BY_THE_MINUTE.contains(&model.endpoint) { units * 60.0 } else { units };
    (units.is_finite() && units >= 0.0).then_some(Charge::Billed(units))
}

/// The same for the status alone: a queue that has trouble says nothing about the request in it.
pub fn status_trouble(answer: &Answer) -> Progress {
    match answer.status {
        500.. => Progress::Unclear(format!("HTTP {}", answer.status)),
        _ => trouble(answer),
    }
}

/// An answer that is no success, to a poll. What the model itself answered is final; fal has tried again before it said so.
pub fn trouble(answer: &Answer) -> Progress {
    let unclear = || Progress::Unclear(format!("HTTP {}", answer.status));
    match answer.status {
        // The key may be changed under way; the job and its price stay.
        300..=399 | 401 | 407 | 408 | 425 | 429 => unclear(),
        403 if failure(answer, &Value::Null).class == Class::Auth => unclear(),
        500.. if error_type(answer).is_none() => unclear(),
        _ => Progress::Failed(failure(answer, &Value::Null)),
    }
}

/// The provider's own name for what went wrong: of its infrastructure, or of the model.
fn error_type(answer: &Answer) -> Option<String> {
    let body = answer.json().unwrap_or_default();
    let of_detail = || body.get("detail")?.as_array()?.iter().find_map(|item| item.get("type")?.as_str());
    let of_body = || body.get("error_type").or_else(|| body.get("error")?.get("type"))?.as_str();
    let found = of_detail().or_else(of_body).or_else(|| answer.header("x-fal-error-type"))?;
    (!found.is_empty()).then(|| found.to_owned())
}

/// `asked`: the input, where it is known; it must not be repeated.
pub fn failure(answer: &Answer, asked: &Value) -> Failure {
    let class = class(answer);
    Failure { class, message: message(answer, class, asked), retry_after_millis: retry_after::millis(answer) }
}

fn class(answer: &Answer) -> Class {
    let body = answer.body.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| body.contains(word));
    match (answer.status, error_type(answer).as_deref().unwrap_or_default()) {
        (_, "content_policy_violation") => Class::Moderated,
        (_, "generation_timeout" | "request_timeout" | "startup_timeout" | "runner_connection_timeout") => {
            Class::Timeout
        }
        (_, "client_cancelled" | "client_disconnected") => Class::Cancelled,
        (402, _) => Class::Quota,
        (403, _) if says(&["balance", "exhausted", "locked", "credit"]) => Class::Quota,
        (401 | 403, _) => Class::Auth,
        (404, _) => Class::NotFound,
        (408 | 504, _) => Class::Timeout,
        (429, _) => Class::RateLimited,
        (400..500, _) => Class::InvalidInput,
        (502 | 503, _) => Class::Unavailable,
        (_, kind) if kind.starts_with("runner_") || kind.starts_with("downstream_service_un") => {
            Class::Unavailable
        }
        _ => Class::Internal,
    }
}

/// `detail` is a list of what is wrong where, or a text. Each entry repeats the input that it is about.
fn message(answer: &Answer, class: Class, asked: &Value) -> String {
    let body = answer.json().unwrap_or_default();
    let first = body.get("detail").and_then(Value::as_array).and_then(|list| list.first());
    let repeated = first.and_then(|item| item.get("input")).cloned().unwrap_or_default();
    let hidden = Value::Array(vec![asked.clone(), repeated]);
    let place = first.and_then(|item| item.get("loc")?.as_array()?.last()?.as_str());
    let texts = [
        first.and_then(|item| item.get("msg")?.as_str()),
        body.get("detail").and_then(Value::as_str),
        body.get("error").and_then(|error| error.get("message")?.as_str()),
        body.get("message").and_then(Value::as_str),
    ];
    let said = texts.into_iter().flatten().find(|text| !text.is_empty());
    match (said, place) {
        (Some(said), Some(place)) if class == Class::InvalidInput && place != "body" => {
            words::sentence(&format!("{place}: {said}"), &hidden)
        }
        (Some(said), _) => words::sentence(said, &hidden),
        (None, _) => format!("fal answered with HTTP {}.", answer.status),
    }
}

pub fn checked(answer: &Answer) -> Result<String, Failure> {
    match answer.is_success() {
        true => Ok("The key is accepted.".into()),
        false => Err(failure(answer, &Value::Null)),
    }
}
