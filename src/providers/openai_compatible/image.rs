//! A picture by the images routes that OpenAI has made and others imitate: asked for, and read.
//! Not for: who may ask, or what it costs.

use super::form::Form;
use super::mask;
use crate::providers::adapter::{Answer, Call, Class, Failure, File, Order, Takes};
use serde_json::{Map, Value};

/// The finest pictures take two minutes.
pub const MILLIS: u32 = 180_000;
/// Where the picture is, in base64.
pub const FIELDS: &[&str] = &["b64_json"];

/// From words alone by `generations`, from pictures by `edits`.
pub fn plan(order: &Order<'_>, base: &str, input: Map<String, Value>) -> Result<Call, Failure> {
    if order.generation.guidance.is_empty() && order.generation.mask.is_none() {
        return Ok(answered_with_a_file(Call::post(format!("{base}/images/generations"), &Value::Object(input))));
    }
    let pictures = pictures(order)?;
    let mut form = Form::default().fields(&input);
    for picture in &pictures {
        form = form.file("image[]", picture.media, picture.bytes.clone());
    }
    Ok(answered_with_a_file(with_mask(order, form, &pictures)?.post(format!("{base}/images/edits"))))
}

pub fn answered_with_a_file(mut call: Call) -> Call {
    (call.millis, call.takes) = (MILLIS, Takes::File(FIELDS));
    call
}

/// In the order in which they were given.
pub fn pictures<'a>(order: &'a Order<'_>) -> Result<Vec<&'a File>, Failure> {
    let found = order.generation.guidance.iter().map(|guidance| order.file(&guidance.asset_id));
    found.collect::<Option<_>>().ok_or_else(missing)
}

pub fn with_mask(order: &Order<'_>, form: Form, pictures: &[&File]) -> Result<Form, Failure> {
    let Some(asked) = &order.generation.mask else { return Ok(form) };
    let first = pictures.first();
    let image = first.ok_or_else(|| Failure::new(Class::InvalidInput, "A mask needs a picture that it is for."))?;
    let drawn = order.file(&asked.asset_id).ok_or_else(missing)?;
    Ok(form.file("mask", crate::media::sniff::MediaType::Png, mask::of(drawn, image)?))
}

fn missing() -> Failure {
    Failure::new(Class::Internal, "A file of the request is missing.")
}

/// Addresses of files in an answer that has them not inside: `{"data": [{"url"}]}`, relative to `base` or absolute.
pub fn urls(answer: &Answer, base: &str) -> Vec<String> {
    let body = answer.json().unwrap_or_default();
    let data = body.get("data").and_then(Value::as_array);
    let urls = data.into_iter().flatten().filter_map(|file| file.get("url").and_then(Value::as_str));
    urls.filter(|url| !url.is_empty()).filter_map(|url| crate::outbound::resolve(base, url)).collect()
}
