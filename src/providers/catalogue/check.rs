//! Whether a model is written soundly: everything that it says it takes reaches the provider, and its price can be computed.
//! All models that come with the gateway are held to it by a test, those of the operator when the setting is read.
//! Not for: whether the provider really is so; that only asking it can show.

use super::stock::Entry;
use crate::models::codec::{Field, Form, Source};
use crate::models::parameter::{Kind, Parameter};
use crate::models::price::{Per, Rate};
use crate::models::{Capability as C, GuidanceKind, Modality, Model, Need, Price};
use crate::providers::Provider;
use crate::providers::adapter::FileForm;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a caller may ask for at once.
const MAX_BATCH: u32 = 16;
const MAX_ID_CHARS: usize = 64;

/// What is wrong with the list as a whole: ids, and the alternates that models name.
pub fn list(entries: &[Entry]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for Entry { provider, model, .. } in entries {
        let id = model.id;
        if !seen.insert(id) {
            problems.push(format!("{id}: two models have this id."));
        }
        for name in model.alternates {
            match entries.iter().find(|other| other.model.id == *name) {
                None => problems.push(format!("{id}: its alternate `{name}` does not exist.")),
                Some(other) if other.provider.name == provider.name => {
                    problems.push(format!("{id}: its alternate `{name}` has the same provider."));
                }
                Some(other) if !other.model.capabilities.iter().any(|capability| model.can(*capability)) => {
                    problems.push(format!("{id}: its alternate `{name}` can do none of what it does."));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

/// What is wrong with one model, a sentence each.
pub fn model(provider: &Provider, model: &Model) -> Vec<String> {
    let mut problems = Vec::new();
    identity(model, &mut problems);
    capabilities(model, &mut problems);
    parameters(model, &mut problems);
    if let Some(adapter) = provider.adapter() {
        // A server of the operator's own has a model that it takes unasked.
        if model.endpoint.trim().is_empty() && adapter.needs_key {
            problems.push("`endpoint` is empty.".into());
        }
        if !(1..=model.max_batch).contains(&model.per_call) {
            problems.push("`per_call` must be from 1 to `max_batch`.".into());
        }
        codec(model, adapter.files, &mut problems);
    }
    price(model, provider.adapter().is_none_or(|adapter| !adapter.needs_key), &mut problems);
    problems
}

fn identity(model: &Model, problems: &mut Vec<String>) {
    let letters =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let is_id = model.id.bytes().all(letters)
        && model.id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && model.id.len() <= MAX_ID_CHARS;
    if !is_id {
        problems.push(format!(
            "`id` must be lower-case letters, digits, - and ., at most {MAX_ID_CHARS}, and begin with one of the first two."
        ));
    }
    if model.name.is_empty() {
        problems.push("`name` is empty.".into());
    }
    if !model.summary.ends_with('.') {
        problems.push("`summary` must be one sentence that ends in a full stop.".into());
    }
    if !(1..=MAX_BATCH).contains(&model.max_batch) {
        problems.push(format!("`max_batch` must be from 1 to {MAX_BATCH}."));
    }
}

/// What comes out of each.
fn modalities(capability: C) -> &'static [Modality] {
    match capability {
        C::TextToImage | C::ImageToImage | C::Inpainting | C::StyleReference | C::Vectorize => {
            &[Modality::Image]
        }
        C::Upscale | C::RemoveBackground => &[Modality::Image, Modality::Video],
        C::TextToVideo | C::ImageToVideo | C::Lipsync | C::ComposeVideo => &[Modality::Video],
        C::TextTo3d | C::ImageTo3d => &[Modality::ThreeD],
        C::TextToSpeech | C::SoundEffects | C::Music => &[Modality::Audio],
    }
}

fn capabilities(model: &Model, problems: &mut Vec<String>) {
    if model.capabilities.is_empty() {
        problems.push("it can do nothing.".into());
    }
    let takes = |kinds: &[GuidanceKind]| model.guidance.iter().any(|slot| kinds.contains(&slot.kind));
    for capability in model.capabilities {
        let word = capability.as_str();
        if !modalities(*capability).contains(&model.modality) {
            problems.push(format!("{word} does not make {}.", model.modality.as_str()));
        }
        let is_possible = match capability {
            C::TextToImage | C::TextToVideo | C::TextTo3d | C::TextToSpeech | C::SoundEffects | C::Music => {
                model.prompt != Need::No
            }
            C::Inpainting => model.mask != Need::No,
            C::StyleReference => takes(&[GuidanceKind::Style, GuidanceKind::Reference]),
            C::Lipsync => takes(&[GuidanceKind::Audio]),
            C::Upscale | C::RemoveBackground if model.modality == Modality::Video => {
                takes(&[GuidanceKind::Video])
            }
            C::ImageToImage
            | C::ImageToVideo
            | C::ImageTo3d
            | C::ComposeVideo
            | C::Upscale
            | C::Vectorize
            | C::RemoveBackground => {
                takes(&[GuidanceKind::InitImage, GuidanceKind::Reference, GuidanceKind::FirstFrame])
            }
        };
        if !is_possible {
            problems.push(format!("it takes nothing that {word} could start from."));
        }
    }
}

fn parameters(model: &Model, problems: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for parameter in model.parameters {
        let name = parameter.name;
        if !seen.insert(name) {
            problems.push(format!("two parameters are called `{name}`."));
        }
        let default = parameter.default_value();
        if parameter.check(&default).as_ref() != Ok(&default) {
            problems.push(format!("the default of `{name}` is none of its values."));
        }
        if parameter.help.is_empty() {
            problems.push(format!("`{name}` has no help."));
        }
    }
}

fn codec(model: &Model, files: FileForm, problems: &mut Vec<String>) {
    let fields = model.codec.fields;
    let has = |wanted: Source| fields.iter().any(|field| field.from == wanted);
    for parameter in model.parameters {
        let name = parameter.name;
        let by_size = matches!(name, "width" | "height") && has(Source::Size);
        let by_name = has(Source::Option(name)) || has(Source::Aside(name));
        if !by_size && !by_name {
            problems.push(format!("the parameter `{name}` never reaches the provider."));
        }
    }
    for slot in model.guidance {
        let kind = slot.kind;
        let in_list =
            fields.iter().any(|field| matches!(field.from, Source::AnyOf(kinds) if kinds.contains(&kind)));
        let is_sent = in_list || has(Source::File(kind)) || has(Source::Files(kind));
        if !is_sent && files == FileForm::Url {
            problems.push(format!("files of the type {} never reach the provider.", kind.as_str()));
        }
        if slot.at_most > 1 && has(Source::File(kind)) && !in_list {
            problems.push(format!("of several files of the type {} one is sent.", kind.as_str()));
        }
    }
    if model.prompt != Need::No && !has(Source::Prompt) {
        problems.push("the prompt never reaches the provider.".into());
    }
    if model.mask != Need::No && !has(Source::Mask) && files == FileForm::Url {
        problems.push("the mask never reaches the provider.".into());
    }
    if model.per_call > 1 && !has(Source::Count) {
        problems.push("`per_call` is above 1, and the provider is never told how many.".into());
    }
    if !model.post.is_empty() {
        problems.push("a model of a provider out there has no post-processing.".into());
    }
    for field in fields {
        if let Some(problem) = wrong(model, field) {
            problems.push(format!("the provider's field `{}` {problem}.", field.to));
        }
    }
}

/// Why a field of the codec cannot be filled as it says.
fn wrong(model: &Model, field: &Field) -> Option<String> {
    if field.to.is_empty() || field.to.split('.').any(str::is_empty) {
        return Some("has no name".into());
    }
    let takes = |kind: GuidanceKind| model.guidance.iter().any(|slot| slot.kind == kind);
    let problem = match field.from {
        Source::Prompt if model.prompt == Need::No => "holds a prompt that the model does not take".into(),
        Source::Option(name) | Source::Aside(name) if model.parameter(name).is_none() => {
            format!("comes from `{name}`, which is no parameter")
        }
        Source::Size if model.parameter("width").is_none() || model.parameter("height").is_none() => {
            "comes from width and height, which the model does not have".into()
        }
        Source::File(kind) | Source::Files(kind) | Source::Strength(kind) if !takes(kind) => {
            format!("comes from a file of the type {}, which the model does not take", kind.as_str())
        }
        Source::AnyOf(kinds) if !kinds.iter().any(|kind| takes(*kind)) => {
            "comes from files of types that the model does not take".into()
        }
        Source::Mask if model.mask == Need::No => "holds a mask that the model does not take".into(),
        Source::Size if !matches!(field.form, Form::Joined(_) | Form::Sides) => {
            "must have both sides in it".into()
        }
        from if matches!(field.form, Form::Joined(_) | Form::Sides) && from != Source::Size => {
            "can be written so only from width and height".into()
        }
        Source::Option(name) => return wrong_form(model.parameter(name)?, field.form),
        _ => return None,
    };
    Some(problem)
}

fn wrong_form(parameter: &Parameter, form: Form) -> Option<String> {
    let is_number = matches!(parameter.kind, Kind::Integer { .. } | Kind::Step { .. } | Kind::Number { .. });
    match (form, &parameter.kind) {
        (Form::Times(_) | Form::Opposite, _) if !is_number => {
            Some(format!("computes with `{}`, which is no number", parameter.name))
        }
        (Form::Words(table), Kind::Choice { of, .. }) => {
            let unknown = table.iter().find(|(ours, _)| !of.contains(ours))?;
            Some(format!("translates `{}`, which `{}` never is", unknown.0, parameter.name))
        }
        (
            Form::Words(_),
            Kind::Integer { .. } | Kind::Step { .. } | Kind::Number { .. } | Kind::Boolean { .. },
        ) => Some(format!("translates words of `{}`, which has none", parameter.name)),
        _ => None,
    }
}

fn price(model: &Model, may_be_free: bool, problems: &mut Vec<String>) {
    let Price::Listed { per, rates, verified_on } = &model.price else { return };
    match per {
        Per::Megapixel { most: 0 } if !(is_number(model, "width") && is_number(model, "height")) => {
            problems.push("`price.most` is missing: the size is not known before.".into());
        }
        Per::Second { most: 0 } if !is_number(model, "duration_seconds") => {
            problems.push("`price.most` is missing: the duration is not known before.".into());
        }
        Per::ThousandCharacters if model.prompt == Need::No => {
            problems.push("it is priced by its prompt and takes none.".into());
        }
        _ => {}
    }
    let Some((last, before)) = rates.split_last() else {
        problems.push("the price has no rate.".into());
        return;
    };
    if !last.when.is_empty() {
        problems.push("the last rate of the price must hold always.".into());
    }
    if before.iter().any(|rate| rate.when.is_empty()) {
        problems.push("a rate of the price that always holds hides those after it.".into());
    }
    for rate in *rates {
        conditions(model, rate, problems);
    }
    // Empty: the operator's own, who may give things away.
    if !verified_on.is_empty() {
        if !is_date(verified_on) {
            problems.push("`verified_on` must be a date such as 2026-11-21.".into());
        }
        if !may_be_free && rates.iter().any(|rate| rate.micros == 0) {
            problems.push("a rate of the price is 0.".into());
        }
    }
}

fn is_number(model: &Model, name: &str) -> bool {
    let kind = model.parameter(name).map(|parameter| &parameter.kind);
    matches!(kind, Some(Kind::Integer { .. } | Kind::Step { .. } | Kind::Number { .. }))
}

fn conditions(model: &Model, rate: &Rate, problems: &mut Vec<String>) {
    for (name, wanted) in rate.when {
        let Some(parameter) = model.parameter(name) else {
            problems.push(format!("a rate depends on `{name}`, which is no parameter."));
            continue;
        };
        let value = match parameter.kind {
            Kind::Choice { .. } | Kind::Text { .. } => Some(Value::from(*wanted)),
            Kind::Integer { .. } | Kind::Step { .. } | Kind::Number { .. } | Kind::Boolean { .. } => {
                serde_json::from_str(wanted).ok()
            }
        };
        // A rate is found by the text of the value, so it must be written as the value is.
        let is_found = value.and_then(|value| parameter.check(&value).ok()).is_some_and(|value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text == *wanted
        });
        if !is_found {
            problems.push(format!("a rate depends on `{name}` being {wanted}, which it never is."));
        }
    }
}

fn is_date(text: &str) -> bool {
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_shaped
        && number(0, 4).is_some_and(|year| year >= 2026)
        && number(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && number(8, 10).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ALL;
    use crate::providers::catalogue::stock::Stock;

    #[test]
    fn every_model_of_the_gateway_is_sound() {
        let stock = Stock::made(ALL, None);
        let of_one = |entry: &Entry| {
            let id = entry.model.id;
            let found = super::model(entry.provider, entry.model).into_iter();
            found.map(move |problem| format!("{} {id}: {problem}", entry.provider.name)).collect::<Vec<_>>()
        };
        let mut problems: Vec<_> = stock.entries.iter().flat_map(of_one).collect();
        problems.extend(list(&stock.entries));
        let undated = stock.entries.iter().filter(
            |entry| matches!(entry.model.price, Price::Listed { verified_on, .. } if verified_on.is_empty()),
        );
        problems.extend(undated.map(|entry| format!("{}: nobody has read its price", entry.model.id)));
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}
