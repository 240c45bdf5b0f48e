//! What providers tell the gateway: believed only when signed, taken as often as it comes, never a way in.
//! Not for: what becomes of the run (its own stories).

use crate::support::providers::answer;
use crate::support::{Answer, Ask, Memory};
use atelier::crypto;
use atelier::id::RunId;
use atelier::platform::Platform;
use atelier::runs::callback::{self, Target};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;

const SETTINGS: &[(&str, &str)] =
    &[("FAL_KEY", "key-id:fal-canary"), ("FAL_USER_ID", "user-1"), ("REPLICATE_API_TOKEN", "r8-canary")];
const JWKS: &str = "https://rest.fal.ai/.well-known/jwks.json";
const SECRET: &str = "https://api.replicate.com/v1/webhooks/default/secret";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn jwks(seed: u8) -> String {
    let x = crypto::base64url(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes());
    let keys =
        json!([{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, { "kty": "OKP", "crv": "Ed25519", "x": x }]);
    json!({ "keys": keys }).to_string()
}

/// Where fal publishes the key of the seed that is in the cell.
fn world(seed: &Rc<RefCell<u8>>) -> Memory {
    let memory = Memory::with(1, SETTINGS);
    let seed = seed.clone();
    memory.serve_url(JWKS, move |request| {
        assert!(request.headers.iter().all(|(name, _)| *name != "authorization"), "public keys need no key");
        answer(200, &jwks(*seed.borrow()))
    });
    memory.serve_url(SECRET, |request| {
        assert!(request.headers.contains(&("authorization", "Bearer r8-canary".into())), "{request:?}");
        answer(200, &json!({ "key": WHSEC }).to_string())
    });
    memory
}

fn path(memory: &Memory, provider: &str) -> String {
    let run_id = RunId::mint(memory.now(), &[7; 10]);
    callback::url(memory, "", provider, &Target { run_id, item: 0, attempt: 1 })
}

fn fal(memory: &Memory, path: &str, seed: u8, user: &str) -> Answer {
    let body = r#"{"request_id":"764cabcf","gateway_request_id":"x","status":"OK","payload":{}}"#;
    let now = memory.now().seconds();
    let digest = crypto::hex(&crypto::sha256(body.as_bytes()));
    let signed = SigningKey::from_bytes(&[seed; 32]).sign(format!("r\n{user}\n{now}\n{digest}").as_bytes());
    let ask = Ask::post(path, body)
        .with("x-fal-webhook-request-id", "r")
        .with("x-fal-webhook-user-id", user)
        .with("x-fal-webhook-timestamp", &now.to_string())
        .with("x-fal-webhook-signature", &crypto::hex(&signed.to_bytes()));
    memory.answer(ask)
}

fn replicate(memory: &Memory, path: &str, secret: &str) -> Answer {
    let body = r#"{"id":"rrr4z55ocneqzikepnug6xezpe","status":"succeeded"}"#;
    let now = memory.now().seconds();
    let key = crypto::from_base64(secret.trim_start_matches("whsec_")).unwrap();
    let tag = crypto::base64(&crypto::hmac_sha256(&key, format!("msg_1.{now}.{body}").as_bytes()));
    let ask = Ask::post(path, body)
        .with("webhook-id", "msg_1")
        .with("webhook-timestamp", &now.to_string())
        .with("webhook-signature", &format!("v1,{tag}"));
    memory.answer(ask)
}

#[test]
fn a_signed_callback_is_taken_however_often_it_comes() {
    let memory = world(&Rc::new(RefCell::new(7)));
    let (to_fal, to_replicate) = (path(&memory, "fal"), path(&memory, "replicate"));
    let counts = memory.counted(|| {
        for _ in 0..3 {
            assert_eq!(fal(&memory, &to_fal, 7, "user-1").status, 200);
            assert_eq!(replicate(&memory, &to_replicate, WHSEC).status, 200);
        }
    });
    assert_eq!(counts["fetch"], 2, "keys are asked for once");
}

#[test]
fn what_is_not_signed_for_us_is_refused_without_saying_why() {
    let memory = world(&Rc::new(RefCell::new(7)));
    let (to_fal, to_replicate) = (path(&memory, "fal"), path(&memory, "replicate"));
    let refused = [
        fal(&memory, &to_fal, 8, "user-1"),
        fal(&memory, &to_fal, 7, "user-2"),
        replicate(&memory, &to_replicate, "whsec_AAAA"),
        memory.answer(Ask::post(&to_fal, "{}")),
    ];
    for answer in refused {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"]["message"], "The callback is not signed as it must be.");
    }
}

#[test]
fn an_address_that_nobody_was_given_is_not_there() {
    let memory = world(&Rc::new(RefCell::new(7)));
    let token = path(&memory, "fal").rsplit('/').next().unwrap().to_owned();
    let forged = format!("{}AAAA", token.get(..token.len() - 4).unwrap());
    for target in
        [format!("fal/{forged}"), "fal/".into(), format!("offline/{token}"), format!("nobody/{token}")]
    {
        assert_eq!(fal(&memory, &format!("{}{target}", callback::PATH), 7, "user-1").status, 404, "{target}");
    }
    assert_eq!(memory.answer(Ask::get(&path(&memory, "fal"))).status, 404);
    assert_eq!(memory.answer(Ask::post(&path(&memory, "fal"), "{}").too_large()).status, 413);
}

#[test]
fn a_new_key_is_asked_for_once_a_minute_at_most() {
    let seed = Rc::new(RefCell::new(7));
    let memory = world(&seed);
    let to = path(&memory, "fal");
    assert_eq!(fal(&memory, &to, 7, "user-1").status, 200);
    seed.replace(8);
    assert_eq!(fal(&memory, &to, 8, "user-1").status, 401, "the keys are seconds old");
    memory.elapse(61);
    let counts = memory.counted(|| {
        assert_eq!(fal(&memory, &to, 8, "user-1").status, 200);
        for _ in 0..5 {
            assert_eq!(fal(&memory, &to, 9, "user-1").status, 401);
        }
    });
    assert_eq!(counts["fetch"], 1);
}

#[test]
fn without_keys_the_provider_is_told_to_come_again() {
    let memory = Memory::with(1, SETTINGS);
    let answer = fal(&memory, &path(&memory, "fal"), 7, "user-1");
    assert_eq!(answer.status, 503);
    assert!(!answer.text().contains("canary"));
}
