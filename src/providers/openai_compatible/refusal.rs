//! What servers that speak OpenAI's language answer when they do not do it.
//! Not for: other providers' errors.

use crate::providers::adapter::{Answer, Class, Failure, Submitted};
use crate::providers::retry_after;
use crate::providers::words;
use serde_json::Value;

const MODERATED: &[&str] = &["moderation_blocked", "content_policy_violation"];
const NO_CREDIT: &[&str] = &["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"];

/// Whether work that ended in a fault of the server may have been charged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Costs {
    /// A fault after the request has arrived leaves that open.
    Money,
    Nothing,
}

/// The meaning of an answer that is no success.
pub fn read(answer: &Answer, title: &str, prompt: &str, costs: Costs) -> Submitted {
    let is_open = answer.status >= 500 && answer.status != 503;
    if is_open && costs == Costs::Money {
        return Submitted::Unknown(format!("{title} answered {}.", answer.status));
    }
    Submitted::Rejected(failure(answer, title, prompt))
}

/// `{"error": {"message", "type", "code"}}` of OpenAI and LocalAI (whose code is a number), `{"error": "…"}` and
/// `{"error": "…", "message": "…"}` of stable-diffusion.cpp, or plain text.
pub fn failure(answer: &Answer, title: &str, prompt: &str) -> Failure {
    let body = answer.json().unwrap_or_default();
    let error = body.get("error").unwrap_or(&Value::Null);
    let word = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = [word(error, "message"), word(&body, "message"), error.as_str().unwrap_or_default().to_owned()];
    let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let class = class(answer.status, &word(error, "code"), &word(error, "type"), &said);
    let message = match class {
        // Would show a part of the key.
        Class::Auth => format!("{title} does not accept the key."),
        _ if said.is_empty() => format!("{title} answered {}.", answer.status),
        _ => words::sentence(&said, &prompt.into()),
    };
    let retry_after_millis =
        matches!(class, Class::RateLimited | Class::Unavailable).then(|| retry_after::millis(answer)).flatten();
    Failure { class, message, retry_after_millis }
}

fn class(status: u16, code: &str, kind: &str, said: &str) -> Class {
    let is_one_of = |words: &[&str]| words.contains(&code) || words.contains(&kind);
    match status {
        400..=499 if is_one_of(MODERATED) || said.contains("safety system") => Class::Moderated,
        400..=499 if is_one_of(NO_CREDIT) => Class::Quota,
        401 | 403 => Class::Auth,
        402 => Class::Quota,
        404 => Class::NotFound,
        408 => Class::Timeout,
        429 => Class::RateLimited,
        400..=499 => Class::InvalidInput,
        503 => Class::Unavailable,
        504 => Class::Timeout,
        _ => Class::Internal,
    }
}
