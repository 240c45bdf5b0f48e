//! The values of references: what stands for them in texts, numbers and file ids.
//! A value that is not known yet, when a document is only tried, is null: a parameter of it is left out, a text
//! says a stand-in.

use super::MAX_TEXT_CHARS;
use super::plan::FileRef;
use super::reference::{Part, Reference, holds_reference, parts, whole};
use crate::id::AssetId;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What text steps made, by their ids.
pub type Texts = BTreeMap<String, Text>;

#[derive(Clone, Debug)]
pub struct Text {
    pub text: String,
    pub items: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Item {
    Value(Value),
    File(FileRef),
}

pub struct Scope<'a> {
    pub inputs: &'a Map<String, Value>,
    pub texts: &'a Texts,
    /// In a repeated step, with its number from 1.
    pub item: Option<(Item, usize)>,
    /// The files that an input or a step stands for. None: they will not exist.
    pub files: &'a dyn Fn(Reference<'_>) -> Option<Vec<FileRef>>,
}

/// What a text says for a value that is not known.
pub const SAMPLE: &str = "sample";

impl Scope<'_> {
    /// A value of the document with its references replaced.
    pub fn value(&self, value: &Value) -> Result<Value, String> {
        match value.as_str() {
            Some(text) if holds_reference(text) => match whole(text) {
                Some(reference) => Ok(self.reference(reference)),
                None => self.text(text).map(Value::from),
            },
            _ => Ok(value.clone()),
        }
    }

    /// As text. The length is watched on the way, because a reference is shorter than what it stands for.
    pub fn text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        for part in parts(text)? {
            match part {
                Part::Words(words) => filled.push_str(words),
                Part::Reference(reference) => filled.push_str(&written(&self.reference(reference))),
            }
            if filled.len() > MAX_TEXT_CHARS && filled.chars().count() > MAX_TEXT_CHARS {
                return Err(format!(
                    "Is longer than {MAX_TEXT_CHARS} characters with its references filled in. Give shorter texts."
                ));
            }
        }
        Ok(filled)
    }

    fn reference(&self, reference: Reference<'_>) -> Value {
        match reference {
            Reference::Input(name) => self.inputs.get(name).cloned().unwrap_or_default(),
            Reference::Text(id) => {
                self.texts.get(id).map(|text| text.text.clone().into()).unwrap_or_default()
            }
            Reference::Items(id) => {
                self.texts.get(id).map(|text| text.items.clone().into()).unwrap_or_default()
            }
            Reference::Item => match &self.item {
                Some((Item::Value(value), _)) => value.clone(),
                _ => Value::Null,
            },
            Reference::Index => self.item.as_ref().map(|(_, index)| Value::from(*index)).unwrap_or_default(),
            Reference::Files(..) => Value::Null,
        }
    }

    /// The files of a place that takes some: a reference to one or to a list, or an asset id.
    pub fn files(&self, value: &Value) -> Vec<FileRef> {
        let Some(text) = value.as_str() else { return Vec::new() };
        match whole(text) {
            None => AssetId::parse(text).map(FileRef::Asset).into_iter().collect(),
            Some(Reference::Item) => match &self.item {
                Some((Item::File(file), _)) => vec![file.clone()],
                _ => Vec::new(),
            },
            Some(reference) => (self.files)(reference).unwrap_or_default(),
        }
    }
}

/// A value inside a text: lists with commas, whole numbers without a fraction.
fn written(value: &Value) -> String {
    match value {
        Value::Null => SAMPLE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        Value::Number(number) => match number.as_f64() {
            Some(number) => number.to_string(),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}
