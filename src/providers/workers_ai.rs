//! `workers_ai`: Cloudflare's own inference, by its binding and without a key. Everything is answered at once.
//! Not for: how the binding is called (`Platform::infer`), or what its models take and cost (`catalogue`).

mod catalogue;

use super::adapter::{
    Adapter, Answer, Call, Check, Class, Failure, FileForm, Finished, Made, Order, Progress, Submitted, Takes,
};
use super::openai_compatible::form::Form;
use super::openai_compatible::{image, mask};
use super::{Kind, Provider, retry_after, words};
use crate::crypto;
use crate::media::picture;
use crate::media::sniff::MediaType;
use serde_json::{Map, Value};

pub const PROVIDER: Provider = Provider {
    name: "workers_ai",
    title: "Workers AI",
    models: catalogue::MODELS,
    kind: Kind::Remote(ADAPTER),
};

const HOME: &str = "ai:";

const ADAPTER: Adapter = Adapter {
    home: HOME,
    key_hosts: &[],
    file_hosts: &[],
    // The binding is the key.
    authorize: |_| ("cf-binding", String::new()),
    needs_key: false,
    files: FileForm::Bytes,
    plan,
    read_submit,
    // The submit's answer is the file: there is nothing to ask for.
    poll: |_, _| Call::get(HOME),
    read_status: |_, _, _| Progress::Unclear("Workers AI answers at once.".to_owned()),
    cancel: None,
    find: None,
    callback: None,
    check: Check { plan: |_| check(), read: read_check },
    keeps_outputs_seconds: 3600,
    concurrency: 4,
    first_poll_millis: 2_000,
    blacks_out: false,
};

const MILLIS: u32 = 120_000;
/// Where the file is in an answer that is JSON.
const FIELDS: &[&str] = &["image", "audio"];

/// Models that want a form instead of JSON.
fn wants_form(model: &str) -> bool {
    model.contains("/flux-2-")
}

fn plan(order: &Order<'_>) -> Result<Call, Failure> {
    let endpoint = order.model.endpoint;
    let mut input = order.input();
    let url = format!("{HOME}{endpoint}");
    let mut call = if wants_form(endpoint) {
        form(order, &input)?.post(url)
    } else {
        add_pictures(order, &mut input)?;
        Call::post(url, &Value::Object(input))
    };
    (call.millis, call.takes) = (MILLIS, Takes::File(FIELDS));
    Ok(call)
}

fn form(order: &Order<'_>, input: &Map<String, Value>) -> Result<Form, Failure> {
    let mut form = Form::default().fields(input);
    for (picture, name) in image::pictures(order)?.into_iter().zip(PICTURES) {
        let small = picture::thumbnail_of(&picture.bytes, MAX_SIDE, MAX_PIXELS);
        let small = small.map_err(|_| Failure::new(Class::InvalidInput, "A picture cannot be read, or is too large."))?;
        form = form.file(name, MediaType::Jpeg, small);
    }
    Ok(form)
}

/// What FLUX.2 calls the pictures that it is given.
const PICTURES: [&str; 4] = ["input_image_0", "input_image_1", "input_image_2", "input_image_3"];

/// It takes only pictures that are smaller than 512 × 512 pixels.
const MAX_SIDE: u32 = 511;
const MAX_PIXELS: u64 = 8 * 1024 * 1024;

fn add_pictures(order: &Order<'_>, input: &mut Map<String, Value>) -> Result<(), Failure> {
    let pictures = image::pictures(order)?;
    let Some(first) = pictures.first() else { return Ok(()) };
    input.insert("image_b64".into(), crypto::base64(&first.bytes).into());
    let Some(asked) = &order.generation.mask else { return Ok(()) };
    let missing = || Failure::new(Class::Internal, "A file of the request is missing.");
    let drawn = order.file(&asked.asset_id).ok_or_else(missing)?;
    // A mask has no other form than a list of its file's bytes: of one that was drawn anew they are few.
    input.insert("mask".into(), mask::opaque(drawn, first)?.into());
    Ok(())
}

fn read_submit(order: &Order<'_>, answer: &Answer) -> Submitted {
    if !answer.is_success() {
        return refused(answer, &order.generation.prompt);
    }
    match (&answer.stored, answer.json()) {
        (Some(stored), _) => Submitted::Finished(Finished {
            outputs: vec![Made::Stored(stored.clone())],
            withheld: 0,
            // It is billed in neurons, which no answer names.
            charge: None,
        }),
        (None, Some(_)) => Submitted::Finished(Finished::default()),
        (None, None) => Submitted::Unknown("The answer of Workers AI cannot be read.".into()),
    }
}

/// An error that has a number was said by Workers AI itself; one that has none may have come after the work.
fn refused(answer: &Answer, prompt: &str) -> Submitted {
    match number(&answer.json().unwrap_or_default()) {
        None if answer.status >= 500 && answer.status != 503 => {
            Submitted::Unknown(format!("Workers AI answered {}.", answer.status))
        }
        _ => Submitted::Rejected(failure(answer, prompt)),
    }
}

/// `{"internalCode": 3036, "description"}` of the binding, `{"errors": [{"code", "message"}]}` of the REST interface.
fn number(body: &Value) -> Option<i64> {
    let first = body.pointer("/errors/0/code").and_then(Value::as_i64);
    body.get("internalCode").and_then(Value::as_i64).or(first)
}

fn failure(answer: &Answer, prompt: &str) -> Failure {
    let body = answer.json().unwrap_or_default();
    let text = |path: &str| body.pointer(path).and_then(Value::as_str);
    let said = text("/description").or_else(|| text("/errors/0/message")).unwrap_or_default();
    let class = class(number(&body), answer.status, said);
    let message = match class {
        Class::Auth => "Workers AI may not be used from this account.".to_owned(),
        _ if said.is_empty() => format!("Workers AI answered {}.", answer.status),
        _ => words::sentence(said, &prompt.into()),
    };
    let waits = matches!(class, Class::RateLimited | Class::Unavailable);
    Failure { class, message, retry_after_millis: waits.then(|| retry_after::millis(answer)).flatten() }
}

/// By the numbers of its error table, which say more than the status does.
fn class(number: Option<i64>, status: u16, said: &str) -> Class {
    match number {
        Some(3030 | 8007) => Class::Moderated,
        _ if said.contains("NSFW") => Class::Moderated,
        // The free neurons of the day.
        Some(3036) => Class::Quota,
        Some(3040) => Class::Unavailable,
        Some(3007 | 3008) => Class::Timeout,
        Some(3042 | 5007) => Class::NotFound,
        Some(3023 | 3041 | 5016 | 5018 | 10_000) => Class::Auth,
        Some(3043) => Class::Internal,
        _ => match status {
            401 | 403 => Class::Auth,
            404 => Class::NotFound,
            408 => Class::Timeout,
            429 => Class::RateLimited,
            503 => Class::Unavailable,
            400..=499 => Class::InvalidInput,
            _ => Class::Internal,
        },
    }
}

/// Asked for nothing, the cheapest model says what it lacks: nothing is made, and the binding is proven.
fn check() -> Call {
    Call::post(format!("{HOME}{}", catalogue::CHEAPEST), &Value::Object(Map::new()))
}

fn read_check(answer: &Answer) -> Result<String, Failure> {
    let failure = failure(answer, "");
    match failure.class {
        _ if answer.is_success() => Ok(WORKS.into()),
        Class::InvalidInput => Ok(WORKS.into()),
        _ => Err(failure),
    }
}

const WORKS: &str = "The binding works.";
