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
    Ok(Called { event: id.to_owned(), operation: json!({ "id": id }) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;
    use crate::time::Timestamp;
    use ed25519_dalek::{Signer, SigningKey};

    const NOW: i64 = 1_795_262_400;
    const BODY: &str = r#"{"request_id":"764cabcf-b745","gateway_request_id":"other","status":"OK","payload":{}}"#;

    fn jwk(key: &SigningKey) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": crypto::base64url(key.verifying_key().as_bytes()) })
    }

    /// What stands beside the right key in a set: another kind, one that is broken, another of the same kind.
    fn set(right: &SigningKey) -> String {
        let decoy = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa" });
        let broken = json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" });
        let curve = json!({ "kty": "EC", "crv": "P-256", "x": crypto::base64url(&[1; 32]), "y": "AA" });
        let unrelated = jwk(&SigningKey::from_bytes(&[9; 32]));
        json!({ "keys": [decoy, broken, curve, {}, unrelated, jwk(right)] }).to_string()
    }

    fn lines(key: &SigningKey, body: &str, user: &str, sent: i64) -> String {
        let digest = crypto::hex(&crypto::sha256(body.as_bytes()));
        let signature = key.sign(format!("delivery\n{user}\n{sent}\n{digest}").as_bytes());
        let signature = crypto::hex(&signature.to_bytes());
        [
            "x-fal-webhook-request-id: delivery".to_owned(),
            format!("x-fal-webhook-user-id: {user}"),
            format!("x-fal-webhook-timestamp: {sent}"),
            format!("x-fal-webhook-signature: {signature}"),
        ]
        .join("\n")
    }

    fn heard(lines: String, body: &str, account: Option<&str>, keys: &str) -> Result<Called, Distrust> {
        let headers = Headers::from_lines(lines);
        verify(&Heard { headers: &headers, body, now: Timestamp(NOW * 1000), account }, keys)
    }

    #[test]
    fn only_what_one_of_the_keys_signed_for_us_now_is_believed() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let keys = set(&key);
        let good = || lines(&key, BODY, "github|me", NOW);
        let called = heard(good(), BODY, Some("github|me"), &keys).unwrap();
        assert_eq!((called.event.as_str(), called.operation), ("764cabcf-b745", json!({ "id": "764cabcf-b745" })));
        assert!(heard(good(), BODY, None, &keys).is_ok());
        assert!(heard(lines(&key, BODY, "me", NOW - 300), BODY, None, &keys).is_ok());
        let distrusted = [
            (heard(good(), BODY, Some("github|else"), &keys), Distrust::Foreign),
            (heard(good(), &BODY.replace("OK", "ERROR"), None, &keys), Distrust::Unsigned),
            (heard(good().replace("|me", "|us"), BODY, Some("github|us"), &keys), Distrust::Unsigned),
            (heard(good(), BODY, None, "not JSON"), Distrust::Unsigned),
            (heard(good(), BODY, None, &set(&SigningKey::from_bytes(&[8; 32]))), Distrust::Unsigned),
            (heard(lines(&key, BODY, "me", NOW - 301), BODY, None, &keys), Distrust::Stale),
            (heard(lines(&key, BODY, "me", NOW + 301), BODY, None, &keys), Distrust::Stale),
            (heard(String::new(), BODY, None, &keys), Distrust::Malformed),
            (heard(good().replace("signature: ", "signature: zz"), BODY, None, &keys), Distrust::Malformed),
            (heard(lines(&key, "{}", "me", NOW), "{}", None, &keys), Distrust::Malformed),
        ];
        for (index, (read, wanted)) in distrusted.into_iter().enumerate() {
            assert_eq!(read, Err(wanted), "{index}");
        }
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn the_curve_is_the_published_one() {
        let x = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let x: Vec<_> = (0..32).map(|at| u8::from_str_radix(&x[2 * at..2 * at + 2], 16).unwrap()).collect();
        let signature = concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        let set = json!({ "keys": [{ "x": crypto::base64url(&x) }] }).to_string();
        let key = public_keys(&set).next().unwrap();
        let signature = Signature::from_bytes(&from_hex(signature).unwrap());
        assert!(key.verify_strict(&[0x72], &signature).is_ok() && key.verify_strict(&[0x73], &signature).is_err());
    }
}
