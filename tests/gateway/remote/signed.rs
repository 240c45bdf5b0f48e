//! Callbacks as the fake signs them, and the keys that it publishes. Not for: when they are sent; a test does that.

use super::fake::{FAL_USER, Fake, Job};
use crate::support::Ask;
use atelier::crypto;
use atelier::platform::Platform;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

pub const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY_SEED: u8 = 7;

/// How a callback differs from a true one.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub forged: bool,
    /// Seconds since it was signed.
    pub age: i64,
    /// Of another job.
    pub id: Option<String>,
}

impl Fake {
    /// What the provider says of a job to whoever it was told to, or to `url`.
    pub fn callback(&self, job: &Job, url: &str, said: &Said) -> Ask {
        let now = self.memory.now().seconds() - said.age;
        let id = said.id.clone().unwrap_or_else(|| job.id.clone());
        if job.is_replicate {
            let body = json!({ "id": id, "status": "succeeded" }).to_string();
            let secret = if said.forged { "AAAA" } else { WHSEC.trim_start_matches("whsec_") };
            let key = crypto::from_base64(secret).unwrap();
            let tag = crypto::base64(&crypto::hmac_sha256(&key, format!("msg_{id}.{now}.{body}").as_bytes()));
            return Ask::post(url, body)
                .with("webhook-id", &format!("msg_{id}"))
                .with("webhook-timestamp", &now.to_string())
                .with("webhook-signature", &format!("v1,{tag}"));
        }
        let body =
            json!({ "request_id": id, "gateway_request_id": "x", "status": "OK", "payload": {} }).to_string();
        let digest = crypto::hex(&crypto::sha256(body.as_bytes()));
        let seed = if said.forged { KEY_SEED + 1 } else { KEY_SEED };
        let signed =
            SigningKey::from_bytes(&[seed; 32]).sign(format!("r\n{FAL_USER}\n{now}\n{digest}").as_bytes());
        Ask::post(url, body)
            .with("x-fal-webhook-request-id", "r")
            .with("x-fal-webhook-user-id", FAL_USER)
            .with("x-fal-webhook-timestamp", &now.to_string())
            .with("x-fal-webhook-signature", &crypto::hex(&signed.to_bytes()))
    }
}

pub fn public_keys() -> Value {
    let x = crypto::base64url(SigningKey::from_bytes(&[KEY_SEED; 32]).verifying_key().as_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] })
}
