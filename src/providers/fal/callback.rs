//! fal's signature on a callback: Ed25519 over request id, user id, timestamp and the body's hash. One set of keys signs for
//! every customer of fal, so a good signature says only that fal sent it to somebody.

use super::is_id;
use crate::crypto;
use crate::providers::adapter::{Called, Distrust, Heard};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};

/// Either way; what fal's documentation advises.
const TOLERANCE_SECONDS: i64 = 300;
/// fal has one or two; a set that is longer is not theirs.
const MAX_KEYS: usize = 16;

pub fn verify(heard: &Heard<'_>, keys: &str) -> Result<Called, Distrust> {
    let header = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned).ok_or(Distrust::Malformed);
    let request = header(heard.headers.get("x-fal-webhook-request-id"))?;
    let user = header(heard.headers.get("x-fal-webhook-user-id"))?;
    let timestamp = header(heard.headers.get("x-fal-webhook-timestamp"))?;
    let signature = header(heard.headers.get("x-fal-webhook-signature"))?;
    let signature = from_hex(&signature).ok_or(Distrust::Malformed)?;
    let sent: i64 = timestamp.parse().map_err(|_| Distrust::Malformed)?;
    if heard.now.seconds().abs_diff(sent) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Distrust::Stale);
    }
    let digest = crypto::hex(&crypto::sha256(heard.body.as_bytes()));
    let message = format!("{request}\n{user}\n{timestamp}\n{digest}");
    let signature = Signature::from_bytes(&signature);
    if !public_keys(keys).any(|key| key.verify_strict(message.as_bytes(), &signature).is_ok()) {
        return Err(Distrust::Unsigned);
    }
    if heard.account.is_some_and(|account| account != user) {
        return Err(Distrust::Foreign);
    }
    let body: Value = serde_json::from_str(heard.body).map_err(|_| Distrust::Malformed)?;
    // `gateway_request_id` is another one after a retry of fal's own; this one stays.
    let id = body.get("request_id").and_then(Value::as_str).filter(|id| is_id(id)).ok_or(Distrust::Malformed)?;
    Ok(Called { event: id.to_owned(), operation: json!({ "request_id": id }) })
}

/// The keys of the set that can be one of these; others may stand beside them.
fn public_keys(set: &str) -> impl Iterator<Item = VerifyingKey> {
    let set: Value = serde_json::from_str(set).unwrap_or_default();
    let keys = set.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    keys.into_iter().take(MAX_KEYS).filter_map(|key| {
        let is = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
        if !is("kty", "OKP") || !is("crv", "Ed25519") {
            return None;
        }
        let x = crypto::from_base64url(key.get("x")?.as_str()?.trim_end_matches('='))?;
        let x: [u8; 32] = x.try_into().ok()?;
        VerifyingKey::from_bytes(&x).ok()
    })
}

fn from_hex(text: &str) -> Option<[u8; 64]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<_> = digits?.chunks_exact(2).filter_map(|pair| Some(pair.first()? * 16 + pair.get(1)?)).collect();
    (text.len() == 128).then_some(bytes)?.try_into().ok()
}
