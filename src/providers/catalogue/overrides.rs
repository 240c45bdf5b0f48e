//! The operator's changes to the catalogue: the setting MODELS, a JSON array of objects. One with the id of a model changes
//! it; one with `like` adds a model that differs from that one in what the object says.
//! Not for: whether what comes out is sound (`check`).

use super::check;
use super::stock::Entry;
use crate::models::parameter::{Kind, Parameter, shorten};
use crate::models::price::{Per, Rate};
use crate::models::{Model, Price};
use serde_json::{Map, Value};

const FIELDS: &[&str] = &[
    "id",
    "like",
    "name",
    "summary",
    "prompt_format",
    "endpoint",
    "price",
    "parameters",
    "max_batch",
    "hidden",
];
/// More than a catalogue can be read with.
const MAX_ENTRIES: usize = 500;
const MICROS_PER_DOLLAR: f64 = 1e6;
/// A dollar amount above this is a typing mistake.
const MAX_USD: f64 = 1_000.0;

type Fields = Map<String, Value>;

/// Changes `entries` and returns what could not be done, a sentence each. What can be done is done.
pub fn apply(setting: &str, entries: &mut Vec<Entry>) -> Vec<String> {
    let list = match serde_json::from_str(setting) {
        Ok(Value::Array(list)) => list,
        Ok(_) => return vec!["MODELS must be a JSON array of objects.".into()],
        Err(fault) => return vec![format!("MODELS is not the JSON it must be: {fault}.")],
    };
    let mut problems = Vec::new();
    if list.len() > MAX_ENTRIES {
        problems.push(format!("MODELS has {} entries; those after {MAX_ENTRIES} were left out.", list.len()));
    }
    for (index, value) in list.iter().take(MAX_ENTRIES).enumerate() {
        if let Err(problem) = apply_one(value, entries) {
            let id = value.get("id").map_or(String::new(), |id| format!(" ({})", shorten(id)));
            problems.push(format!("MODELS[{index}]{id} was left out: {problem}"));
        }
    }
    problems
}

fn apply_one(value: &Value, entries: &mut Vec<Entry>) -> Result<(), String> {
    let fields = value.as_object().ok_or("it must be an object.")?;
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let shown = shorten(&unknown.as_str().into());
        return Err(format!("{shown} is no field of a model. There are {}.", FIELDS.join(", ")));
    }
    let id = text(fields, "id")?.ok_or("`id` is missing.")?;
    let place_of = |id: &str| entries.iter().position(|entry| entry.model.id == id);
    let (place, is_new) = match (text(fields, "like")?, place_of(id)) {
        (None, Some(place)) => (place, false),
        (None, None) => {
            return Err("no model has this id. To add one, say with `like` which model it is like.".into());
        }
        (Some(_), Some(_)) => return Err("a model has this id. To change it, leave `like` out.".into()),
        (Some(like), None) => {
            let shown = shorten(&like.into());
            (place_of(like).ok_or_else(|| format!("`like`: no model has the id {shown}."))?, true)
        }
    };
    let base = *entries.get(place).ok_or("`like` names no model.")?;
    let mut model = base.model.clone();
    if is_new {
        model.id = kept(id);
        // What serves instead of that one need not serve instead of this one.
        model.alternates = &[];
        if base.provider.adapter().is_some() && !fields.contains_key("endpoint") {
            return Err(format!("`endpoint` is missing: what {} calls the model.", base.provider.title));
        }
    }
    change(&mut model, fields, base.provider.adapter().is_some())?;
    let is_hidden = match fields.get("hidden") {
        None => !is_new && base.is_hidden,
        Some(value) => value.as_bool().ok_or("`hidden` must be true or false.")?,
    };
    if let Some(problem) = check::model(base.provider, &model).into_iter().next() {
        return Err(problem);
    }
    let entry = Entry { model: Box::leak(Box::new(model)), is_hidden, ..base };
    if is_new {
        let last = entries.iter().rposition(|other| other.provider.name == base.provider.name);
        entries.insert(last.map_or(entries.len(), |last| last + 1), entry);
    } else if let Some(old) = entries.get_mut(place) {
        *old = entry;
    }
    Ok(())
}

fn change(model: &mut Model, fields: &Fields, is_remote: bool) -> Result<(), String> {
    if let Some(name) = text(fields, "name")? {
        model.name = kept(name);
    }
    if let Some(summary) = text(fields, "summary")? {
        model.summary = kept(summary);
    }
    if let Some(format) = text(fields, "prompt_format")? {
        model.prompt_format = kept(format);
    }
    if let Some(endpoint) = text(fields, "endpoint")? {
        if !is_remote {
            return Err("`endpoint`: a model that runs in the gateway itself has none.".into());
        }
        model.endpoint = kept(endpoint);
    }
    if let Some(value) = fields.get("max_batch") {
        let most = value.as_u64().and_then(|most| u32::try_from(most).ok());
        model.max_batch = most.ok_or("`max_batch` must be a whole number.")?;
        model.per_call = model.per_call.min(model.max_batch);
    }
    if let Some(value) = fields.get("parameters") {
        let defaults = value.as_object().ok_or("`parameters` must be an object of defaults by name.")?;
        model.parameters = with_defaults(model.parameters, defaults)?;
    }
    if let Some(value) = fields.get("price") {
        model.price = price(value, &model.price).map_err(|problem| format!("`price`: {problem}"))?;
    }
    Ok(())
}

fn text<'f>(fields: &'f Fields, name: &str) -> Result<Option<&'f str>, String> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim())),
        Some(_) => Err(format!("`{name}` must be text.")),
    }
}

/// Models are named by reference as long as the isolate lives.
fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn with_defaults(parameters: &[Parameter], defaults: &Fields) -> Result<&'static [Parameter], String> {
    if let Some(unknown) = defaults.keys().find(|name| parameters.iter().all(|own| own.name != **name)) {
        let own: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
        let shown = shorten(&unknown.as_str().into());
        return Err(format!("`parameters`: there is no {shown}. There are {}.", own.join(", ")));
    }
    let changed = parameters.iter().map(|parameter| match defaults.get(parameter.name) {
        None => Ok(*parameter),
        Some(value) => {
            let value =
                parameter.check(value).map_err(|refusal| format!("`parameters`: {}", refusal.message))?;
            Ok(Parameter { kind: with_default(parameter.kind, &value), ..*parameter })
        }
    });
    Ok(Box::leak(changed.collect::<Result<Vec<_>, String>>()?.into_boxed_slice()))
}

/// `value` has passed the parameter's own check.
fn with_default(kind: Kind, value: &Value) -> Kind {
    match (kind, value) {
        (Kind::Integer { least, most, default }, _) => {
            Kind::Integer { least, most, default: value.as_i64().unwrap_or(default) }
        }
        (Kind::Step { of, default }, _) => Kind::Step { of, default: value.as_i64().unwrap_or(default) },
        (Kind::Number { least, most, default }, _) => {
            Kind::Number { least, most, default: value.as_f64().unwrap_or(default) }
        }
        (Kind::Boolean { default }, _) => Kind::Boolean { default: value.as_bool().unwrap_or(default) },
        (Kind::Choice { of, .. }, Value::String(word)) => Kind::Choice { of, default: kept(word) },
        (Kind::Text { most_chars, .. }, Value::String(text)) => {
            Kind::Text { most_chars, default: kept(text) }
        }
        (kind, _) => kind,
    }
}

/// `{"per":"second","usd":0.1,"when":[{"if":{"resolution":"1080p"},"usd":0.2}]}`
fn price(value: &Value, before: &Price) -> Result<Price, String> {
    let fields = value.as_object().ok_or("it must be an object.")?;
    let known = ["per", "usd", "when", "most", "verified_on"];
    if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        let shown = shorten(&unknown.as_str().into());
        return Err(format!("{shown} is no field of a price. There are {}.", known.join(", ")));
    }
    let mut rates = Vec::new();
    for entry in fields
        .get("when")
        .map_or(Ok(&[][..]), |list| list.as_array().map(Vec::as_slice).ok_or("`when` must be a list."))?
    {
        rates.push(Rate { when: conditions(entry)?, micros: micros(entry)? });
    }
    rates.push(Rate { when: &[], micros: micros(value)? });
    Ok(Price::Listed {
        per: per(fields, before)?,
        rates: Box::leak(rates.into_boxed_slice()),
        verified_on: text(fields, "verified_on")?.map_or("", kept),
    })
}

fn per(fields: &Fields, before: &Price) -> Result<Per, String> {
    let most = match fields.get("most") {
        None => None,
        Some(value) => {
            let most = value.as_u64().and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
            Some(most.ok_or("`most` must be a whole number above 0.")?)
        }
    };
    let before = if let Price::Listed { per, .. } = before { Some(*per) } else { None };
    Ok(match (text(fields, "per")?, before) {
        (Some("output"), _) => Per::Output,
        (Some("thousand_characters"), _) => Per::ThousandCharacters,
        (Some("megapixel"), Some(Per::Megapixel { most: old })) => {
            Per::Megapixel { most: most.unwrap_or(old) }
        }
        (Some("second"), Some(Per::Second { most: old })) => Per::Second { most: most.unwrap_or(old) },
        (Some("megapixel"), _) => Per::Megapixel { most: most.unwrap_or(0) },
        (Some("second"), _) => Per::Second { most: most.unwrap_or(0) },
        _ => return Err("`per` must be output, megapixel, second or thousand_characters.".into()),
    })
}

fn micros(value: &Value) -> Result<u64, String> {
    let usd = value.get("usd").and_then(Value::as_f64).filter(|usd| (0.0..=MAX_USD).contains(usd));
    let usd = usd.ok_or_else(|| format!("`usd` must be a number of dollars from 0 to {MAX_USD}."))?;
    Ok((usd * MICROS_PER_DOLLAR).round() as u64)
}

fn conditions(entry: &Value) -> Result<&'static [(&'static str, &'static str)], String> {
    const SHAPE: &str = "an entry of `when` must be like {\"if\":{\"resolution\":\"1080p\"},\"usd\":0.2}.";
    let wanted = entry.get("if").and_then(Value::as_object).filter(|wanted| !wanted.is_empty());
    let wanted = wanted.ok_or(SHAPE)?;
    let conditions = wanted.iter().map(|(name, value)| match value {
        Value::String(word) => Ok((kept(name), kept(word))),
        Value::Bool(_) | Value::Number(_) => Ok((kept(name), kept(&value.to_string()))),
        _ => Err(SHAPE.to_owned()),
    });
    Ok(Box::leak(conditions.collect::<Result<Vec<_>, String>>()?.into_boxed_slice()))
}
