//! How one model's request is written in its provider's terms: which field takes what, in which form. Data, so that a new
//! model is a table and no code, and so that all of it can be checked before anything runs.
//! Not for: HTTP (`providers`), or what a caller may ask for (`parameter`).

use super::generation::{Generation, GuidanceKind};
use crate::id::AssetId;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug)]
pub struct Codec {
    pub fields: &'static [Field],
    /// Top-level fields of the provider's answer that hold output files, in this order: a URL, an object with `url`, or a
    /// list of either. Empty: the answer as a whole is one.
    pub outputs: &'static [&'static str],
}

/// One field of the provider's input. `to` may be a path: `voice_settings.stability`.
#[derive(Debug)]
pub struct Field {
    pub to: &'static str,
    pub from: Source,
    pub form: Form,
}

/// What a field is filled with. One that has nothing to say is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    Prompt,
    NegativePrompt,
    Seed,
    /// Outputs of this call.
    Count,
    Option(&'static str),
    /// The options `width` and `height`, in [`Form::Joined`] or [`Form::Sides`].
    Size,
    /// The first file of this kind, as a URL.
    File(GuidanceKind),
    /// All files of this kind, as a list of URLs.
    Files(GuidanceKind),
    /// All files of these kinds, in the order of the request, as a list of URLs.
    AnyOf(&'static [GuidanceKind]),
    Mask,
    /// An option that the adapter itself puts where no field is: into the address, or together with another one.
    Aside(&'static str),
    /// How strongly the first file of this kind counts, 0 to 1.
    Strength(GuidanceKind),
    Text(&'static str),
    Flag(bool),
    Number(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Plain,
    /// The number as text: `5` becomes `"5"`, with an ending: `"8s"`.
    Text(&'static str),
    /// A number times this, as a whole number: seconds become milliseconds with 1000.
    Times(f64),
    /// Our word becomes theirs; any other stays.
    Words(&'static [(&'static str, &'static str)]),
    /// `1024x768`
    Joined(&'static str),
    /// `{"width": 1024, "height": 768}`
    Sides,
    /// One minus the number: our strength of a reference is their strength of the change.
    Opposite,
    /// A list of one.
    List,
}

impl Codec {
    /// For models that are not asked over the network.
    pub const NONE: Codec = Codec { fields: &[], outputs: &[] };

    /// The provider's input. `url` gives the address (or data URI) under which the provider finds a file.
    pub fn encode(
        &self,
        generation: &Generation,
        url: &dyn Fn(&AssetId) -> Option<String>,
    ) -> Map<String, Value> {
        let mut input = Map::new();
        for field in self.fields {
            let value = value(field, generation, url);
            if !value.is_null() {
                place(&mut input, field.to, value);
            }
        }
        input
    }

    /// The addresses of the files in a provider's answer.
    pub fn files(&self, answer: &Value) -> Vec<String> {
        let mut found = Vec::new();
        match self.outputs {
            [] => gather(answer, &mut found),
            names => {
                names.iter().filter_map(|name| answer.get(name)).for_each(|part| gather(part, &mut found))
            }
        }
        found
    }
}

fn gather(part: &Value, found: &mut Vec<String>) {
    match part {
        Value::String(url) if url.contains("://") || url.starts_with("data:") => found.push(url.clone()),
        Value::Array(list) => list.iter().for_each(|item| gather(item, found)),
        Value::Object(fields) => match fields.get("url") {
            Some(url) => gather(url, found),
            None => fields.values().for_each(|field| gather(field, found)),
        },
        _ => {}
    }
}

fn place(input: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => _ = input.insert(path.to_owned(), value),
        Some((first, rest)) => {
            let inner = input.entry(first).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                place(inner, rest, value);
            }
        }
    }
}

fn value(field: &Field, generation: &Generation, url: &dyn Fn(&AssetId) -> Option<String>) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let of_kind = |kind: GuidanceKind| generation.guidance.iter().filter(move |file| file.kind == kind);
    let file = |id: &AssetId| url(id).map_or(Value::Null, Value::from);
    let found = match field.from {
        Source::Prompt => text(&generation.prompt),
        Source::NegativePrompt => text(&generation.negative_prompt),
        Source::Seed => generation.seed.into(),
        Source::Count => generation.batch_size.into(),
        Source::Option(name) => match generation.options.get(name) {
            Some(Value::String(empty)) if empty.is_empty() => Value::Null,
            found => found.cloned().unwrap_or(Value::Null),
        },
        Source::Size => return size(generation, field.form),
        Source::File(kind) => of_kind(kind).next().map_or(Value::Null, |found| file(&found.asset_id)),
        Source::Files(kind) => list(of_kind(kind).map(|found| file(&found.asset_id)).collect()),
        Source::AnyOf(kinds) => {
            let found = generation.guidance.iter().filter(|file| kinds.contains(&file.kind));
            list(found.map(|found| file(&found.asset_id)).collect())
        }
        Source::Mask => generation.mask.as_ref().map_or(Value::Null, |mask| file(&mask.asset_id)),
        Source::Strength(kind) => of_kind(kind).next().map_or(Value::Null, |found| json!(found.strength)),
        Source::Aside(_) => Value::Null,
        Source::Text(fixed) => fixed.into(),
        Source::Flag(fixed) => fixed.into(),
        Source::Number(fixed) => whole(fixed),
    };
    if found.is_null() { found } else { form(found, field.form) }
}

fn list(files: Vec<Value>) -> Value {
    if files.is_empty() { Value::Null } else { files.into() }
}

fn form(value: Value, form: Form) -> Value {
    match form {
        Form::Plain | Form::Joined(_) | Form::Sides => value,
        Form::Text(ending) => match &value {
            Value::String(text) => format!("{text}{ending}").into(),
            other => format!("{other}{ending}").into(),
        },
        Form::Times(factor) => {
            value.as_f64().map_or(Value::Null, |number| json!((number * factor).round() as i64))
        }
        Form::Words(table) => {
            let theirs = value.as_str().and_then(|word| table.iter().find(|(ours, _)| *ours == word));
            theirs.map_or(value.clone(), |(_, theirs)| (*theirs).into())
        }
        Form::Opposite => value.as_f64().map_or(Value::Null, |number| json!(1.0 - number)),
        Form::List => Value::Array(vec![value]),
    }
}

fn size(generation: &Generation, form: Form) -> Value {
    let side = |name: &str| generation.option_number(name).map(whole);
    match (side("width"), side("height"), form) {
        (Some(width), Some(height), Form::Joined(between)) => format!("{width}{between}{height}").into(),
        (Some(width), Some(height), _) => json!({ "width": width, "height": height }),
        _ => Value::Null,
    }
}

/// 8.0 is written as 8: some providers take no fraction where they want a whole number.
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { json!(number as i64) } else { json!(number) }
}
