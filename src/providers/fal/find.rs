//! Looking for a submit that was never answered, in fal's list of finished requests.
//! Not for: requests that still run: the list does not have them, so it never proves that there is none.

use super::{PLATFORM, is_id, operation};
use crate::http::encode_form;
use crate::models::codec::Source;
use crate::providers::adapter::{Answer, Call, Found, Lost, Site};
use crate::time::Timestamp;
use serde_json::Value;

/// Clocks may differ by so much.
const SKEW_SECONDS: i64 = 60;
/// The most that one page has.
const PAGE: &str = "100";

fn list(site: &Site<'_>, query: &[(&str, &str)]) -> Call {
    Call::get(format!("{}/v1/models/requests/by-endpoint?{}", site.at(PLATFORM), encode_form(query)))
}

/// The key must be allowed to read the list of requests, which is what `find` needs.
pub fn check(site: &Site<'_>) -> Call {
    list(site, &[("endpoint_id", "fal-ai/flux/schnell"), ("limit", "1")])
}

pub fn plan(site: &Site<'_>, lost: &Lost<'_>) -> Call {
    let start = lost.sent_at.plus_seconds(-SKEW_SECONDS).iso();
    let query =
        [("endpoint_id", lost.model.endpoint), ("start", start.as_str()), ("limit", PAGE), ("expand", "payloads")];
    list(site, &query)
}

/// fal does not say which callback a request named: ours is the one with the same input, files aside, whose addresses may
/// have been signed anew. Only a seed makes inputs differ; without one, nothing is found.
pub fn read(site: &Site<'_>, lost: &Lost<'_>, answer: &Answer) -> Found {
    if !lost.model.codec.fields.iter().any(|field| field.from == Source::Seed) {
        return Found::NotYet;
    }
    let body = answer.json().unwrap_or_default();
    let earliest = lost.sent_at.plus_seconds(-SKEW_SECONDS);
    let items = body.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let sent_at = |item: &Value| Timestamp::parse(item.get("sent_at")?.as_str()?);
    let mut ours = items.iter().filter(|item| {
        sent_at(item).is_some_and(|at| at >= earliest) && item.get("json_input").is_some_and(|input| is_same(lost, input))
    });
    let id = ours.next().and_then(|item| item.get("request_id")?.as_str()).filter(|id| is_id(id));
    match (id, ours.next()) {
        (Some(id), None) => Found::Job(operation(site, lost.model, id, &Value::Null)),
        _ => Found::NotYet,
    }
}

fn is_same(lost: &Lost<'_>, input: &Value) -> bool {
    let expected = lost.model.codec.encode(lost.generation, &|_| None);
    let equal = |ours: &Value, theirs: &Value| match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => ours == theirs,
    };
    let has_files = |value: &Value| value.as_array().is_some_and(|list| list.iter().any(Value::is_null));
    expected
        .iter()
        .filter(|(_, ours)| !has_files(ours))
        .all(|(name, ours)| input.get(name).is_some_and(|theirs| equal(ours, theirs)))
}
