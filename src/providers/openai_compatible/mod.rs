//! `openai_compatible`: a server of the operator's own that speaks OpenAI's language (LocalAI, stable-diffusion.cpp and
//! others), and what that language is, which `openai` shares. Its work costs nothing, so nothing about it is ever unknown.
//! Not for: OpenAI itself (`openai`).

mod catalogue;
pub mod form;
pub mod image;
pub mod mask;
pub mod refusal;

use super::adapter::{
    Adapter, Answer, Call, Charge, Check, Class, Failure, FileForm, Finished, Made, Order, Progress, Submitted,
};
use super::{Kind, Provider};
use crate::crypto;
use crate::models::Capability;
use form::Form;
use serde_json::{Map, Value};

pub const PROVIDER: Provider = Provider {
    name: "openai_compatible",
    title: "OpenAI-compatible",
    models: catalogue::MODELS,
    kind: Kind::Remote(ADAPTER),
};

const TITLE: &str = "The server";

const ADAPTER: Adapter = Adapter {
    // There is none but the operator's.
    home: "",
    key_hosts: &[],
    file_hosts: &[],
    authorize: |key| ("authorization", format!("Bearer {key}")),
    needs_key: false,
    files: FileForm::Bytes,
    plan,
    read_submit,
    // The submit's answer is the file: there is nothing to ask for.
    poll: |site, _| Call::get(base(site.at(""))),
    read_status: |_, _, _| Progress::Unclear("The server answers at once.".to_owned()),
    cancel: None,
    find: None,
    callback: None,
    check: Check {
        plan: |site| Call::get(format!("{}/models", base(site.at("")))),
        read: |answer| read_models(answer, TITLE),
    },
    keeps_outputs_seconds: 3600,
    // Mostly one graphics card, which makes one thing after the other anyway.
    concurrency: 1,
    first_poll_millis: 2_000,
    blacks_out: false,
};

/// The routes of the catalogue that are LocalAI's own.
const MESHES: &str = "/3d/generations";
const SOUNDS: &str = "/v1/sound-generation";
const INPAINTING: &str = "/v1/images/inpainting";
const UPSCALE: &str = "/v1/images/upscale";

/// A home machine's processor draws for minutes.
const MILLIS: u32 = 600_000;

/// Where the routes are: below `/v1`, unless the address names a path already.
pub fn base(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    if rest.contains('/') { address.to_owned() } else { format!("{address}/v1") }
}

fn plan(order: &Order<'_>) -> Result<Call, Failure> {
    let base = base(order.site.at(""));
    // LocalAI has routes beside `/v1` too.
    let root = base.strip_suffix("/v1").unwrap_or(&base);
    let input = tame(order.input());
    let mut call = match order.model.endpoint {
        INPAINTING | UPSCALE => picture_form(order, format!("{root}{}", order.model.endpoint), input)?,
        MESHES => Call::post(format!("{root}{MESHES}"), &with_picture(order, input)?),
        SOUNDS => Call::post(format!("{root}{SOUNDS}"), &Value::Object(input)),
        _ if order.model.can(Capability::TextToSpeech) => {
            Call::post(format!("{base}/audio/speech"), &Value::Object(input))
        }
        _ => image::plan(order, &base, input)?,
    };
    call = image::answered_with_a_file(call);
    call.millis = MILLIS;
    Ok(call)
}

/// stable-diffusion.cpp obeys settings in the prompt, between these words: they are the operator's, not the caller's.
const EXTRA: [&str; 2] = ["<sd_cpp_extra_args>", "</sd_cpp_extra_args>"];

fn tame(mut input: Map<String, Value>) -> Map<String, Value> {
    for value in input.values_mut() {
        if let Value::String(text) = value {
            // Until there is none: taking one away can make another.
            while EXTRA.iter().any(|word| text.contains(word)) {
                *text = EXTRA.iter().fold(std::mem::take(text), |text, word| text.replace(word, ""));
            }
        }
    }
    input
}

fn picture_form(order: &Order<'_>, url: String, input: Map<String, Value>) -> Result<Call, Failure> {
    let pictures = image::pictures(order)?;
    let mut form = Form::default().fields(&input);
    for picture in &pictures {
        form = form.file("image", picture.media, picture.bytes.clone());
    }
    Ok(image::with_mask(order, form, &pictures)?.post(url))
}

/// LocalAI takes the picture of a mesh as base64 in `image`.
fn with_picture(order: &Order<'_>, mut input: Map<String, Value>) -> Result<Value, Failure> {
    if let Some(picture) = image::pictures(order)?.first() {
        input.insert("image".into(), crypto::base64(&picture.bytes).into());
    }
    Ok(Value::Object(input))
}

fn read_submit(order: &Order<'_>, answer: &Answer) -> Submitted {
    if !answer.is_success() {
        return refusal::read(answer, TITLE, &order.generation.prompt, refusal::Costs::Nothing);
    }
    let finished = |outputs| Submitted::Finished(Finished { outputs, withheld: 0, charge: Some(Charge::Micros(0)) });
    if let Some(stored) = &answer.stored {
        return finished(vec![Made::Stored(stored.clone())]);
    }
    match answer.json() {
        Some(_) => {
            let urls = image::urls(answer, &format!("{}/", base(order.site.at(""))));
            finished(urls.into_iter().map(Made::Url).collect())
        }
        None => Submitted::Rejected(Failure::new(Class::Internal, "The server's answer cannot be read.")),
    }
}

/// The list of models costs nothing and wants the key.
pub fn read_models(answer: &Answer, title: &str) -> Result<String, Failure> {
    let body = answer.json().unwrap_or_default();
    match body.get("data").and_then(Value::as_array) {
        Some(models) if answer.is_success() => Ok(format!("{title} answers; models: {}.", models.len())),
        None if answer.is_success() => {
            Err(Failure::new(Class::Internal, format!("{title} answered with something else than its models.")))
        }
        _ => Err(refusal::failure(answer, title, "")),
    }
}
