//! `elevenlabs`: speech, sound effects and music, answered at once with the bytes of the file.
//! Its history is no list of lost submits: it has speech only, by text, and two equal texts cannot be told apart.
//! Not for: what its models take and cost (`catalogue`).

mod catalogue;

use super::adapter::{
    Adapter, Answer, Call, Charge, Check, Class, Failure, FileForm, Finished, Made, Order, Progress, Submitted, Takes,
};
use super::{Kind, Provider, retry_after, words};
use crate::models::Capability;
use catalogue::VOICES;
use serde_json::{Value, json};

pub const PROVIDER: Provider = Provider {
    name: "elevenlabs",
    title: "ElevenLabs",
    models: catalogue::MODELS,
    kind: Kind::Remote(ADAPTER),
};

const HOME: &str = "https://api.elevenlabs.io";

const ADAPTER: Adapter = Adapter {
    home: HOME,
    key_hosts: &[],
    file_hosts: &[],
    authorize: |key| ("xi-api-key", key.to_owned()),
    needs_key: true,
    files: FileForm::Bytes,
    plan,
    read_submit,
    // The submit's answer is the file: there is nothing to ask for.
    poll: |site, _| Call::get(site.at(HOME)),
    read_status: |_, _, _| Progress::Unclear("ElevenLabs answers at once.".to_owned()),
    cancel: None,
    find: None,
    // Its webhooks are of whole workspaces and tell nothing of these.
    callback: None,
    check: Check {
        plan: |site| Call::get(format!("{}/v1/user/subscription", site.at(HOME))),
        read: read_subscription,
    },
    keeps_outputs_seconds: 3600,
    // The smallest plan allows no more.
    concurrency: 2,
    first_poll_millis: 2_000,
    blacks_out: false,
};

/// Minutes of music take more than one minute.
const MILLIS: u32 = 180_000;
/// Credits are sold at this list price, in millionths of a dollar: a character of the finest voices is one.
const CREDIT_MICROS: f64 = 80.0;
const SAYS_NOTHING: &str = "ElevenLabs answered without a file.";

fn plan(order: &Order<'_>) -> Result<Call, Failure> {
    let home = order.site.at(HOME);
    let url = if order.model.can(Capability::TextToSpeech) {
        format!("{home}/v1/text-to-speech/{}?output_format={}", voice(order)?, format(order))
    } else if order.model.can(Capability::Music) {
        // "auto" is the finest MP3 that the model makes.
        format!("{home}/v1/music?output_format=auto")
    } else {
        format!("{home}/v1/sound-generation?output_format={}", format(order))
    };
    let mut input = order.input();
    input.insert("model_id".into(), order.model.endpoint.into());
    if order.model.endpoint == "eleven_v3" {
        // It takes 0, 0.5 and 1 and nothing in between.
        let stability = order.generation.option_number("stability").unwrap_or(0.5);
        input.insert("voice_settings".into(), json!({ "stability": (stability * 2.0).round() / 2.0 }));
    }
    let mut call = Call::post(url, &Value::Object(input));
    (call.millis, call.takes) = (MILLIS, Takes::File(&[]));
    Ok(call)
}

/// Files that play by themselves: PCM has no head, and WAV at 44.1 kHz wants the larger plans.
fn format(order: &Order<'_>) -> &'static str {
    match order.generation.option_text("output_format") {
        Some("wav") => "wav_24000",
        _ => "mp3_44100_128",
    }
}

/// By name, or as the id of any voice of the account.
fn voice<'a>(order: &Order<'a>) -> Result<&'a str, Failure> {
    let asked = order.generation.option_text("voice").unwrap_or_default().trim();
    let known = VOICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(asked)).map(|(_, id)| *id);
    let is_id = (16..=40).contains(&asked.len()) && asked.bytes().all(|byte| byte.is_ascii_alphanumeric());
    known.or_else(|| is_id.then_some(asked)).ok_or_else(|| {
        let names: Vec<_> = VOICES.iter().map(|(name, _)| *name).collect();
        let message = format!("`voice` must be the id of a voice of the account, or one of {}.", names.join(", "));
        Failure::new(Class::InvalidInput, message)
    })
}

fn read_submit(order: &Order<'_>, answer: &Answer) -> Submitted {
    // A fault of its own after the request has arrived leaves open what became of it.
    if answer.status >= 500 && answer.status != 503 {
        return Submitted::Unknown(format!("ElevenLabs answered {}.", answer.status));
    }
    if !answer.is_success() {
        return Submitted::Rejected(failure(answer, &order.generation.prompt));
    }
    match &answer.stored {
        Some(stored) => Submitted::Finished(Finished {
            outputs: vec![Made::Stored(stored.clone())],
            withheld: 0,
            charge: charge(answer),
        }),
        None => Submitted::Unknown(SAYS_NOTHING.into()),
    }
}

fn charge(answer: &Answer) -> Option<Charge> {
    let credits: f64 = answer.header("character-cost")?.trim().parse().ok()?;
    let is_sane = credits.is_finite() && (0.0..1e9).contains(&credits);
    is_sane.then(|| Charge::Micros((credits * CREDIT_MICROS).round() as u64))
}

/// `{"detail": {"status", "message"}}`, `{"detail": [{"loc", "msg"}]}`, `{"detail": "…"}`, `{"error": {"code", "message"}}`,
/// or plain text.
fn failure(answer: &Answer, prompt: &str) -> Failure {
    let body = answer.json().unwrap_or_default();
    let found = body.get("detail").or_else(|| body.get("error")).unwrap_or(&Value::Null);
    let word = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
    // Older answers say it in one field, newer ones in the other.
    let codes = [word("status"), word("code"), word("type")];
    let class = class(answer.status, &codes);
    let said = match found {
        Value::String(text) => text.clone(),
        Value::Array(problems) => problems.first().map(problem).unwrap_or_default(),
        _ => word("message").to_owned(),
    };
    let message = match class {
        Class::Auth => "ElevenLabs does not accept the key, or it may not do this.".to_owned(),
        _ if said.is_empty() => format!("ElevenLabs answered {}.", answer.status),
        _ => words::sentence(&said, &prompt.into()),
    };
    let waits = matches!(class, Class::RateLimited | Class::Unavailable);
    Failure { class, message, retry_after_millis: waits.then(|| retry_after::millis(answer)).flatten() }
}

/// Which field and why, without what was in it.
fn problem(problem: &Value) -> String {
    let place = problem.get("loc").and_then(Value::as_array);
    let field = place.and_then(|place| place.last()).and_then(Value::as_str).unwrap_or("request");
    format!("{field}: {}", problem.get("msg").and_then(Value::as_str).unwrap_or("is not valid"))
}

fn class(status: u16, codes: &[&str]) -> Class {
    let is = |words: &[&str]| codes.iter().any(|code| words.contains(code));
    let says = |part: &str| codes.iter().any(|code| code.contains(part));
    match status {
        // Which comes with 401, as a wrong key does.
        _ if is(&["quota_exceeded", "payment_required", "insufficient_credits"]) => Class::Quota,
        _ if is(&["content_against_policy"]) || says("moderation") || says("policy") => {
            Class::Moderated
        }
        _ if is(&["voice_not_found"]) => Class::InvalidInput,
        402 => Class::Quota,
        401 | 403 => Class::Auth,
        404 => Class::NotFound,
        408 => Class::Timeout,
        429 => Class::RateLimited,
        503 => Class::Unavailable,
        400..=499 => Class::InvalidInput,
        _ => Class::Internal,
    }
}

fn read_subscription(answer: &Answer) -> Result<String, Failure> {
    if !answer.is_success() {
        return Err(failure(answer, ""));
    }
    let body = answer.json().unwrap_or_default();
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let tier = body.get("tier").and_then(Value::as_str).unwrap_or("unknown");
    match number("character_limit").zip(number("character_count")) {
        Some((limit, used)) => {
            Ok(format!("Plan {tier}: {} of {limit} credits are left.", limit.saturating_sub(used)))
        }
        None => Err(Failure::new(Class::Internal, "ElevenLabs answered with something else than the subscription.")),
    }
}
