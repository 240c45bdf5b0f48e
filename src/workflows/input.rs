//! One input of a workflow: what may be given for it, as a check and as JSON Schema (2020-12).

use super::problem::{Fields, Problems};
use super::{MAX_CHOICES, MAX_ITEMS, MAX_TEXT_CHARS};
use crate::models::file_id::{self, FileId, NoFileId};
use crate::models::parameter::{shorten, whole};
use crate::models::{Modality, words};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

words! {
    InputKind {
        Text = "text",
        TextList = "text_list",
        Integer = "integer",
        Number = "number",
        Boolean = "boolean",
        Choice = "choice",
        Image = "image",
        Video = "video",
        Audio = "audio",
        ThreeD = "three_d",
    }
}

impl InputKind {
    /// The kind of file, for an input that is one.
    pub fn modality(self) -> Option<Modality> {
        Modality::parse(self.as_str())
    }

    /// The fields that an input of this type takes besides its name, type and description.
    fn fields(self) -> &'static [&'static str] {
        match self {
            InputKind::Text => &["name", "type", "description", "default", "max_length"],
            InputKind::TextList => &["name", "type", "description", "default", "max_items", "max_length"],
            InputKind::Integer | InputKind::Number => {
                &["name", "type", "description", "default", "minimum", "maximum"]
            }
            InputKind::Boolean => &["name", "type", "description", "default"],
            InputKind::Choice => &["name", "type", "description", "default", "choices"],
            InputKind::Image | InputKind::Video | InputKind::Audio | InputKind::ThreeD => {
                &["name", "type", "description", "required"]
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    pub name: String,
    pub kind: InputKind,
    pub description: String,
    pub default: Option<Value>,
    pub required: bool,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub choices: Vec<String>,
    pub max_items: Option<usize>,
    pub max_length: Option<usize>,
}

impl InputSpec {
    /// Reads the fields after the name. None if the type is missing or unknown.
    pub fn read(name: String, fields: &Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let types: Vec<_> = InputKind::ALL.iter().map(|kind| kind.as_str()).collect();
        fields.require("type", &format!("Give one of {}.", types.join(", ")), problems);
        let kind = InputKind::parse(fields.word("type", &types, problems)?)?;
        fields.known(kind.fields(), problems);
        let description = fields.short_text("description", super::MAX_DESCRIPTION_CHARS, problems);
        let has = |name: &str| kind.fields().contains(&name);
        let mut input = Self {
            name,
            kind,
            description: description.unwrap_or_default().to_owned(),
            default: None,
            required: true,
            minimum: has("minimum").then(|| fields.number("minimum", problems)).flatten(),
            maximum: has("maximum").then(|| fields.number("maximum", problems)).flatten(),
            choices: Vec::new(),
            max_items: has("max_items").then(|| fields.count("max_items", 1, MAX_ITEMS, problems)).flatten(),
            max_length: has("max_length")
                .then(|| fields.count("max_length", 1, MAX_TEXT_CHARS, problems))
                .flatten(),
        };
        if let (Some(minimum), Some(maximum)) = (input.minimum, input.maximum)
            && minimum > maximum
        {
            problems.add(fields.path("maximum"), format!("Must not be less than the minimum, {minimum}."));
        }
        if kind == InputKind::Choice {
            input.choices = choices(fields, problems);
        }
        if kind.modality().is_some() {
            input.required = fields.boolean("required", problems).unwrap_or(true);
        } else if let Some(default) = fields.get("default") {
            input.required = false;
            match input.check(default) {
                Ok(default) => input.default = Some(default),
                // What it is checked against is the problem.
                Err(_) if ["choices", "maximum"].iter().any(|name| problems.touch(&fields.path(name))) => {}
                Err(message) => problems.add(fields.path("default"), message),
            }
        }
        Some(input)
    }

    /// Whether it is one value that can be compared: no list, no file, no choice of nothing.
    pub fn is_single(&self) -> bool {
        match self.kind {
            InputKind::TextList => false,
            InputKind::Choice => !self.choices.is_empty(),
            kind => kind.modality().is_none(),
        }
    }

    /// The value in its canonical form, or what is wrong with it.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        let found = match self.kind {
            InputKind::Text => return self.check_text(value, "Must be"),
            InputKind::TextList => return self.check_list(value),
            InputKind::Integer => whole(value).filter(|number| self.holds(*number as f64)).map(Value::from),
            InputKind::Number => value.as_f64().filter(|number| self.holds(*number)).map(Value::from),
            InputKind::Boolean => value.as_bool().map(Value::from),
            InputKind::Choice => value
                .as_str()
                .filter(|word| self.choices.iter().any(|choice| choice == word))
                .map(Value::from),
            InputKind::Image | InputKind::Video | InputKind::Audio | InputKind::ThreeD => {
                return self.check_file(value);
            }
        };
        found.ok_or_else(|| format!("Must be {}, not {}.", self.expectation(), shorten(value)))
    }

    fn check_file(&self, value: &Value) -> Result<Value, String> {
        match value.as_str().map(FileId::parse) {
            Some(Ok(file)) => Ok(Value::from(file.asset_id.as_str())),
            Some(Err(NoFileId::Elsewhere)) => {
                let expectation = self.expectation();
                Err(format!("Must be {expectation}, not {}. {}", shorten(value), file_id::UPLOAD_FIRST))
            }
            _ => Err(format!("Must be {}, not {}.", self.expectation(), shorten(value))),
        }
    }

    fn holds(&self, number: f64) -> bool {
        self.minimum.is_none_or(|minimum| number >= minimum)
            && self.maximum.is_none_or(|maximum| number <= maximum)
    }

    fn most_chars(&self) -> usize {
        self.max_length.unwrap_or(MAX_TEXT_CHARS)
    }

    /// Items at most; what a step can repeat.
    pub fn most_items(&self) -> usize {
        self.max_items.unwrap_or(MAX_ITEMS)
    }

    fn check_text(&self, value: &Value, must_be: &str) -> Result<Value, String> {
        let Some(text) = value.as_str() else {
            return Err(format!("{must_be} text, not {}.", shorten(value)));
        };
        let (count, most) = (text.chars().count(), self.most_chars());
        if count > most {
            return Err(format!("{must_be} text of at most {most} characters, not {count}. Shorten it."));
        }
        Ok(value.clone())
    }

    fn check_list(&self, value: &Value) -> Result<Value, String> {
        let Some(items) = value.as_array() else {
            return Err(format!("Must be a list of texts, not {}.", shorten(value)));
        };
        let most = self.most_items();
        if items.len() > most {
            return Err(format!("Must have at most {most} items, not {}.", items.len()));
        }
        for (index, item) in items.iter().enumerate() {
            self.check_text(item, &format!("Item [{index}] must be"))?;
        }
        Ok(value.clone())
    }

    fn expectation(&self) -> String {
        let bounds = match (self.minimum, self.maximum) {
            (Some(minimum), Some(maximum)) => format!(" from {minimum} to {maximum}"),
            (Some(minimum), None) => format!(" from {minimum}"),
            (None, Some(maximum)) => format!(" up to {maximum}"),
            (None, None) => String::new(),
        };
        match self.kind {
            InputKind::Integer => format!("a whole number{bounds}"),
            InputKind::Number => format!("a number{bounds}"),
            InputKind::Boolean => "true or false".into(),
            InputKind::Choice => format!("one of {}", self.choices.join(", ")),
            _ => file_id::WHAT.into(),
        }
    }

    /// What a caller may give.
    pub fn schema(&self) -> Value {
        let mut schema = match self.kind {
            InputKind::Text => json!({ "type": "string", "maxLength": self.most_chars() }),
            InputKind::TextList => json!({
                "type": "array",
                "items": { "type": "string", "maxLength": self.most_chars() },
                "maxItems": self.most_items(),
            }),
            InputKind::Integer => json!({ "type": "integer" }),
            InputKind::Number => json!({ "type": "number" }),
            InputKind::Boolean => json!({ "type": "boolean" }),
            InputKind::Choice => json!({ "type": "string", "enum": self.choices }),
            _ => json!({ "type": "string" }),
        };
        let description = match self.kind.modality() {
            Some(kind) => {
                format!("asset_id or file_url of a file of the kind {}. {}", kind.as_str(), self.description)
            }
            None => self.description.clone(),
        };
        if let Some(fields) = schema.as_object_mut() {
            let bound = |number: f64| match self.kind {
                InputKind::Integer => whole(&json!(number)).map_or(json!(number), Value::from),
                _ => json!(number),
            };
            self.minimum.map(|number| fields.insert("minimum".into(), bound(number)));
            self.maximum.map(|number| fields.insert("maximum".into(), bound(number)));
            if !description.is_empty() {
                fields.insert("description".into(), description.trim_end().into());
            }
            self.default.clone().map(|default| fields.insert("default".into(), default));
        }
        schema
    }

    /// A value to try a document with before anybody runs it. Null: any may come.
    pub fn sample(&self) -> Value {
        if let Some(default) = &self.default {
            return default.clone();
        }
        match self.kind {
            InputKind::Integer | InputKind::Number => self
                .minimum
                .or(self.maximum)
                .and_then(|bound| self.check(&json!(bound)).ok())
                .unwrap_or_default(),
            InputKind::Choice => self.choices.first().cloned().map(Value::from).unwrap_or_default(),
            _ => Value::Null,
        }
    }
}

fn choices(fields: &Fields<'_>, problems: &mut Problems) -> Vec<String> {
    fields.require("choices", "List the words to choose from.", problems);
    let mut found = Vec::new();
    let Some(list) = fields.list("choices", problems) else { return found };
    let path = fields.path("choices");
    if list.is_empty() || list.len() > MAX_CHOICES {
        problems.add(path.as_str(), format!("Must have 1 to {MAX_CHOICES} words, not {}.", list.len()));
    }
    for (index, choice) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match choice.as_str() {
            None => problems.add(path, format!("Must be text, not {}.", shorten(choice))),
            Some("") => problems.add(path, "Must not be empty."),
            Some(word) if found.iter().any(|known| known == word) => {
                problems.add(path, format!("{} stands here twice.", shorten(choice)));
            }
            Some(word) => found.push(word.to_owned()),
        }
    }
    found
}
