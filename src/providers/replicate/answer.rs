//! What Replicate's answers mean: predictions on their way, results, and failures that are told as free text.

use super::catalogue;
use crate::models::Model;
use crate::providers::Operation;
use crate::providers::adapter::{Answer, Charge, Class, Failure, Finished, Made, Progress};
use crate::providers::{retry_after, words};
use serde_json::Value;

/// What the text of a failed prediction has to contain to be of a class, in lower case.
const SAID: &[(Class, &[&str])] = &[
    (Class::Moderated, &["nsfw", "(e005)", "flagged as sensitive", "safety", "moderat", "content policy", "prohibited"]),
    (Class::InvalidInput, &["(e006)", "invalid input", "input validation"]),
    (Class::Timeout, &["timed out", "timeout", "deadline"]),
    (Class::Unavailable, &["(e003)", "(e004)", "temporarily unavailable", "high demand", "overloaded"]),
];

/// A longer wait is as good as none.
const MAX_WAIT_SECONDS: i64 = 600;

pub fn read_status(model: &Model, _: &Operation, answer: &Answer) -> Progress {
    match answer.status {
        200..300 => {}
        404 => return Progress::Failed(Failure::new(Class::NotFound, "Replicate does not know the prediction.")),
        // The key may be changed under way; the job and its price stay.
        status => return Progress::Unclear(format!("HTTP {status}")),
    }
    let Some(prediction) = answer.json() else { return Progress::Unclear("the answer is not JSON".into()) };
    let text = |name: &str| prediction.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("status") {
        "succeeded" => result(model, &prediction),
        "failed" => {
            let input = prediction.get("input").cloned().unwrap_or_default();
            let said = text("error");
            Progress::Failed(Failure::new(class(said), words::sentence(said, &input)))
        }
        "canceled" => Progress::Failed(Failure::new(Class::Cancelled, "Replicate stopped the prediction.")),
        "aborted" => Progress::Failed(Failure::new(Class::Timeout, "Replicate did not start the prediction in time.")),
        "" => Progress::Unclear("the answer has no status".into()),
        _ => Progress::Working { fraction: fraction(text("logs")) },
    }
}

fn result(model: &Model, prediction: &Value) -> Progress {
    let urls = prediction.get("output").map(|output| model.codec.files(output)).unwrap_or_default();
    let is_gone = prediction.get("data_removed").and_then(Value::as_bool).unwrap_or(false);
    match urls.is_empty() {
        true if is_gone => Progress::Failed(Failure::new(Class::Expired, "Replicate has removed the outputs.")),
        true => Progress::Failed(Failure::new(Class::Internal, "Replicate finished without an output.")),
        false => Progress::Finished(Finished {
            outputs: urls.into_iter().map(Made::Url).collect(),
            withheld: 0,
            charge: charge(model, prediction),
        }),
    }
}

/// What people have published is paid by the second of its hardware. Anything else has a price for each output.
fn charge(model: &Model, prediction: &Value) -> Option<Charge> {
    let (_, micros) = catalogue::HARDWARE.iter().find(|(endpoint, _)| *endpoint == model.endpoint)?;
    let seconds = prediction.get("metrics")?.get("predict_time")?.as_f64()?;
    (0.0..1e6).contains(&seconds).then(|| Charge::Micros((seconds * micros).ceil() as u64))
}

fn class(said: &str) -> Class {
    let said = said.to_lowercase();
    let found = SAID.iter().find(|(_, words)| words.iter().any(|word| said.contains(word)));
    found.map_or(Class::Internal, |(class, _)| *class)
}

/// The last percentage of a progress bar such as ` 45%|████`.
fn fraction(logs: &str) -> Option<f64> {
    let (before, _) = logs.rsplit_once("%|")?;
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<f64>().ok().filter(|percent| *percent <= 100.0).map(|percent| percent / 100.0)
}

/// Of a request that made no prediction. `input`: what must not be repeated.
pub fn refusal(answer: &Answer, input: &Value) -> Failure {
    let body = answer.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = text("detail").or_else(|| text("error")).or_else(|| text("title")).unwrap_or_default();
    let class = match answer.status {
        401 | 403 => Class::Auth,
        402 => Class::Quota,
        404 => Class::NotFound,
        429 => Class::RateLimited,
        400..500 if class(said) == Class::Moderated => Class::Moderated,
        400..500 => Class::InvalidInput,
        502..=504 => Class::Unavailable,
        _ => Class::Internal,
    };
    let message = match said {
        "" => format!("Replicate answered with HTTP {}.", answer.status),
        said => words::sentence(said, input),
    };
    Failure { class, message, retry_after_millis: retry_after(answer, said) }
}

/// In a header, or only in words: `Your rate limit resets in ~30s.`
fn retry_after(answer: &Answer, said: &str) -> Option<i64> {
    let told = || {
        let (_, rest) = said.split_once("resets in ~")?;
        let seconds: i64 = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        Some(seconds.clamp(0, MAX_WAIT_SECONDS) * 1000)
    };
    retry_after::millis(answer).or_else(told)
}

pub fn checked(answer: &Answer) -> Result<String, Failure> {
    if !answer.is_success() {
        return Err(refusal(answer, &Value::Null));
    }
    let body = answer.json().unwrap_or_default();
    Ok(match body.get("username").and_then(Value::as_str) {
        Some(name) => format!("The key is that of the account {name}."),
        None => "The key is accepted.".into(),
    })
}
