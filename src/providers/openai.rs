//! `openai`: pictures, answered at once. OpenAI has no list of them, so a submit whose answer is lost stays lost.
//! Not for: servers that imitate it (`openai_compatible`).

mod catalogue;

use super::adapter::{
    Adapter, Answer, Call, Charge, Check, Class, Failure, FileForm, Finished, Made, Order, Progress, Submitted,
};
use super::openai_compatible::{image, refusal};
use super::{Kind, Provider};
use crate::models::Generation;
use serde_json::{Map, Value};

pub const PROVIDER: Provider =
    Provider { name: "openai", title: TITLE, models: catalogue::MODELS, kind: Kind::Remote(ADAPTER) };

const TITLE: &str = "OpenAI";
const HOME: &str = "https://api.openai.com/v1";

const ADAPTER: Adapter = Adapter {
    home: HOME,
    key_hosts: &[],
    file_hosts: &[],
    authorize: |key| ("authorization", format!("Bearer {key}")),
    needs_key: true,
    files: FileForm::Bytes,
    plan,
    read_submit,
    // The submit's answer is the picture: there is nothing to ask for.
    poll: |site, _| Call::get(site.at(HOME)),
    read_status: |_, _, _| Progress::Unclear("OpenAI answers at once.".to_owned()),
    cancel: None,
    find: None,
    callback: None,
    check: Check {
        plan: |site| Call::get(format!("{}/models", super::openai_compatible::base(site.at(HOME)))),
        read: |answer| super::openai_compatible::read_models(answer, TITLE),
    },
    keeps_outputs_seconds: 3600,
    // The lowest paid tier makes five pictures a minute.
    concurrency: 4,
    first_poll_millis: 2_000,
    blacks_out: false,
};

/// Millionths of a dollar for a token; the same for all models of the catalogue.
const TEXT_TOKEN: u64 = 5;
const IMAGE_TOKEN: u64 = 8;
const OUTPUT_TOKEN: u64 = 30;

const MAX_PROMPT_CHARS: usize = 32_000;
const SIDE_STEP: f64 = 16.0;
const MAX_RATIO: f64 = 3.0;
const MAX_PIXELS: f64 = 3840.0 * 2160.0;

fn plan(order: &Order<'_>) -> Result<Call, Failure> {
    let invalid = |message: String| Failure::new(Class::InvalidInput, message);
    if order.generation.prompt.chars().count() > MAX_PROMPT_CHARS {
        return Err(invalid(format!("The prompt is longer than the {MAX_PROMPT_CHARS} characters OpenAI takes.")));
    }
    let mut input = order.input();
    input.insert("model".into(), order.model.endpoint.into());
    if let Some(size) = size(order.generation).map_err(invalid)? {
        input.insert("size".into(), size.into());
    }
    if !order.person.is_empty() {
        input.insert("safety_identifier".into(), order.person.into());
    }
    image::plan(order, super::openai_compatible::base(order.site.at(HOME)).as_str(), input)
}

/// Sides are rounded to what OpenAI draws; its other bounds are said before anything is sent.
fn size(generation: &Generation) -> Result<Option<String>, String> {
    let side = |name: &str| generation.option_number(name).map(|side| (side / SIDE_STEP).round().max(1.0) * SIDE_STEP);
    let Some((width, height)) = side("width").zip(side("height")) else { return Ok(None) };
    if width.max(height) > MAX_RATIO * width.min(height) {
        return Err("OpenAI draws pictures that are at most three times as long as they are wide.".into());
    }
    if width * height > MAX_PIXELS {
        return Err("OpenAI draws pictures of at most 3840 × 2160 pixels.".into());
    }
    Ok(Some(format!("{width}x{height}")))
}

fn read_submit(order: &Order<'_>, answer: &Answer) -> Submitted {
    if !answer.is_success() {
        return refusal::read(answer, TITLE, &order.generation.prompt, refusal::Costs::Money);
    }
    let Some(body) = answer.json() else {
        return Submitted::Unknown("OpenAI's answer cannot be read.".into());
    };
    let outputs = answer.stored.iter().cloned().map(Made::Stored).collect();
    Submitted::Finished(Finished { outputs, withheld: 0, charge: charge(&body) })
}

fn charge(body: &Value) -> Option<Charge> {
    let usage = body.get("usage")?.as_object()?;
    let count = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_u64);
    let output = count(usage, "output_tokens")?;
    let input = count(usage, "input_tokens").unwrap_or(0);
    let details = usage.get("input_tokens_details").and_then(Value::as_object);
    let images = details.and_then(|details| count(details, "image_tokens")).unwrap_or(0).min(input);
    let text = (input - images).saturating_mul(TEXT_TOKEN);
    let micros = text.saturating_add(images.saturating_mul(IMAGE_TOKEN));
    Some(Charge::Micros(micros.saturating_add(output.saturating_mul(OUTPUT_TOKEN))))
}
