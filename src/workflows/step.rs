//! The fields of one step, of whichever type.
//! Not for: its `parameters` (`places`, `request`) or what its references name (`places`).

use super::choice::Candidates;
use super::document::read_name;
use super::plan::Ended;
use super::problem::{Fields, Problems};
use super::split::Split;
use super::{MAX_ITEMS, MAX_NAME_CHARS, MAX_RETRIES};
use crate::models::generation::GuidanceKind;
use crate::models::parameter::shorten;
use crate::models::{Capability, Modality, Model};
use crate::providers::Catalogue;
use serde_json::{Map, Value};

#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands in the document.
    pub index: usize,
    pub id: String,
    pub title: String,
    pub when: Option<When>,
    pub optional: bool,
    pub retries: u32,
    /// A reference to a list.
    pub for_each: Option<String>,
    pub body: Body,
}

#[derive(Clone, Debug)]
pub enum When {
    /// Decided when planning.
    Value { value: Value, is: Vec<Value> },
    /// Decided while running.
    Step { step: String, is: Vec<Ended> },
}

#[derive(Clone, Debug)]
pub enum Body {
    /// No model: the document names none that exists.
    Model {
        models: Candidates,
        parameters: Map<String, Value>,
    },
    /// `parameters` are options of the model.
    Transform {
        models: Candidates,
        file: Value,
        parameters: Map<String, Value>,
    },
    Text {
        template: String,
        split: Option<Split>,
        max_items: usize,
    },
    Pick {
        from: Vec<Value>,
        index: Option<usize>,
    },
}

const TYPES: &[&str] = &["model", "transform", "text", "pick"];
const OPERATIONS: &[&str] = &["upscale", "remove_background", "vectorize"];
const DEFAULT_RETRIES: usize = 1;

impl Step {
    /// None: there is too little of it to go on.
    pub fn read(
        value: &Value,
        index: usize,
        catalogue: Catalogue<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::of(value, format!("steps[{index}]"), problems)?;
        let id = read_name(&fields, "id", problems);
        fields.require("type", &format!("Give one of {}.", TYPES.join(", ")), problems);
        let kind = fields.word("type", TYPES, problems)?;
        let (own, body) = match kind {
            "model" => (
                &["model_id", "capability", "parameters", "for_each"][..],
                model(&fields, catalogue, problems),
            ),
            "transform" => (
                &["operation", "file", "parameters", "for_each"][..],
                transform(&fields, catalogue, problems),
            ),
            "text" => (&["template", "split", "max_items"][..], text(&fields, problems)),
            _ => (&["from", "index"][..], pick(&fields, problems)),
        };
        let common = ["id", "type", "title", "when", "optional", "retries"];
        fields.known(&common.iter().chain(own).copied().collect::<Vec<_>>(), problems);
        let title = fields.short_text("title", MAX_NAME_CHARS, problems);
        if title.is_some_and(super::reference::holds_reference) {
            problems.add(fields.path("title"), "A title is shown as it stands; take the {{…}} out.");
        }
        let repeats = own.contains(&"for_each");
        Some(Self {
            index,
            title: title
                .filter(|title| !title.trim().is_empty())
                .map_or_else(|| title_of(&id), str::to_owned),
            id,
            when: fields.get("when").and_then(|when| read_when(when, &fields.path("when"), problems)),
            optional: fields.boolean("optional", problems).unwrap_or(false),
            retries: fields.count("retries", 0, MAX_RETRIES, problems).unwrap_or(DEFAULT_RETRIES) as u32,
            for_each: repeats.then(|| fields.text("for_each", problems)).flatten().map(str::to_owned),
            body,
        })
    }

    pub fn path(&self) -> String {
        format!("steps[{}]", self.index)
    }

    pub fn models(&self) -> Option<&Candidates> {
        match &self.body {
            Body::Model { models, .. } | Body::Transform { models, .. } => Some(models),
            Body::Text { .. } | Body::Pick { .. } => None,
        }
    }

    /// Every string that may hold references, but not the step of a condition.
    pub fn strings(&self) -> Vec<&str> {
        let mut found: Vec<&str> = self.for_each.iter().map(String::as_str).collect();
        if let Some(When::Value { value, .. }) = &self.when {
            collect(value, &mut found);
        }
        match &self.body {
            Body::Model { parameters, .. } => {
                parameters.values().for_each(|value| collect(value, &mut found))
            }
            Body::Transform { file, parameters, .. } => {
                collect(file, &mut found);
                parameters.values().for_each(|value| collect(value, &mut found));
            }
            Body::Text { template, .. } => found.push(template),
            Body::Pick { from, .. } => from.iter().for_each(|value| collect(value, &mut found)),
        }
        found
    }
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// `first_frame` → `First frame`
fn title_of(id: &str) -> String {
    let words = id.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

fn parameters(fields: &Fields<'_>, problems: &mut Problems) -> Map<String, Value> {
    let inner = fields.get("parameters").and_then(|value| {
        Fields::of(value, fields.path("parameters"), problems).and_then(|_| value.as_object())
    });
    inner.cloned().unwrap_or_default()
}

fn model(fields: &Fields<'_>, catalogue: Catalogue<'_>, problems: &mut Problems) -> Body {
    let (id, capability) = (fields.text("model_id", problems), fields.text("capability", problems));
    let found = match (fields.has("model_id"), fields.has("capability")) {
        (false, false) => {
            fields.require("model_id", "Name a model, or give a `capability` to have one chosen.", problems);
            None
        }
        (true, true) => {
            let message = "Give `model_id` or `capability`, not both.";
            problems.add(fields.path("capability"), message);
            id.and_then(|id| catalogue.model(id))
        }
        (true, false) => id.and_then(|id| {
            let found = catalogue.model(id);
            if found.is_none() {
                let shown = shorten(&id.into());
                let message = format!("No model has the id {shown}. Take one from list_models.");
                problems.add(fields.path("model_id"), message);
            }
            found
        }),
        (false, true) => {
            let path = fields.path("capability");
            let models = capability.map(|word| able(word, &path, catalogue, problems)).unwrap_or_default();
            return Body::Model { models, parameters: parameters(fields, problems) };
        }
    };
    let models = Candidates { models: found.into_iter().collect(), is_open: false };
    Body::Model { models, parameters: parameters(fields, problems) }
}

fn able(word: &str, path: &str, catalogue: Catalogue<'_>, problems: &mut Problems) -> Candidates {
    let Some(capability) = Capability::parse(word) else {
        let known: Vec<_> = Capability::ALL.iter().map(|capability| capability.as_str()).collect();
        problems.add(path, format!("Must be one of {}, not {}.", known.join(", "), shorten(&word.into())));
        return Candidates::default();
    };
    let mut models: Vec<_> = catalogue.models().filter(|model| model.can(capability)).collect();
    // What comes out is part of the document: later steps name it.
    let made = models.first().map(|model| model.modality);
    models.retain(|model| Some(model.modality) == made);
    if models.is_empty() {
        problems
            .add(path, format!("No model of this gateway can do {word}. list_models shows what they can."));
    }
    Candidates { models, is_open: true }
}

fn transform(fields: &Fields<'_>, catalogue: Catalogue<'_>, problems: &mut Problems) -> Body {
    fields.require("operation", &format!("Give one of {}.", OPERATIONS.join(", ")), problems);
    fields.require("file", "Name one file: {{inputs.NAME}} or {{steps.ID.files[0]}}.", problems);
    let operation = fields.word("operation", OPERATIONS, problems).and_then(Capability::parse);
    let models = operation.map(|operation| {
        let takes_one = |model: &&Model| {
            let takes = |kind| model.guidance.iter().any(|slot| slot.kind == kind);
            model.can(operation)
                && model.modality == Modality::Image
                && (takes(GuidanceKind::InitImage) || takes(GuidanceKind::Reference))
        };
        let models: Vec<_> = catalogue.models().filter(takes_one).collect();
        if models.is_empty() {
            problems.add(
                fields.path("operation"),
                format!("No model of this gateway can do {}.", operation.as_str()),
            );
        }
        Candidates { models, is_open: true }
    });
    let models = models.unwrap_or_default();
    let file = fields.get("file").cloned().unwrap_or_default();
    Body::Transform { models, file, parameters: parameters(fields, problems) }
}

fn text(fields: &Fields<'_>, problems: &mut Problems) -> Body {
    fields.require("template", "Write the text, with references such as {{inputs.NAME}} in it.", problems);
    let template = fields.text("template", problems).unwrap_or_default().to_owned();
    let split = match fields.word("split", &["lines", "sentences"], problems) {
        Some("lines") => Some(Split::Lines),
        Some(_) => Some(Split::Sentences),
        None => None,
    };
    let max_items = fields.count("max_items", 1, MAX_ITEMS, problems);
    if fields.has("max_items") && !fields.has("split") {
        problems.add(fields.path("max_items"), "Has no meaning without `split`. Add one or leave it out.");
    }
    Body::Text { template, split, max_items: max_items.unwrap_or(MAX_ITEMS) }
}

fn pick(fields: &Fields<'_>, problems: &mut Problems) -> Body {
    fields.require("from", "List files to take the first of: [\"{{steps.ID.files}}\", …].", problems);
    let from = fields.list("from", problems).cloned().unwrap_or_default();
    if fields.has("from") && !problems.touch(&fields.path("from")) && !(1..=MAX_ITEMS).contains(&from.len()) {
        problems.add(fields.path("from"), format!("Must have 1 to {MAX_ITEMS} entries, not {}.", from.len()));
    }
    Body::Pick { from, index: fields.count("index", 0, usize::from(u8::MAX), problems) }
}

fn read_when(value: &Value, path: &str, problems: &mut Problems) -> Option<When> {
    let fields = Fields::of(value, path, problems)?;
    fields.known(&["value", "step", "is"], problems);
    fields.require("is", "Give the value, or a list of values, at which the step is done.", problems);
    match (fields.get("value"), fields.has("step")) {
        (Some(_), true) => {
            problems.add(fields.path("step"), "Give `value` or `step`, not both.");
            None
        }
        (None, false) => {
            fields.require(
                "value",
                "Give `value`, such as {{inputs.NAME}}, or `step`, the id of a step.",
                problems,
            );
            None
        }
        (Some(value), false) => {
            let is = one_or_more(fields.get("is")?, &fields.path("is"), problems);
            let read = |(entry, path): (&Value, String)| match entry {
                Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(entry.clone()),
                _ => {
                    problems
                        .add(path, format!("Must be text, a number, true or false, not {}.", shorten(entry)));
                    None
                }
            };
            Some(When::Value { value: value.clone(), is: is.into_iter().filter_map(read).collect() })
        }
        (None, true) => {
            let step = fields.text("step", problems);
            let is = one_or_more(fields.get("is")?, &fields.path("is"), problems);
            let read = |(entry, path): (&Value, String)| {
                let found = entry.as_str().and_then(Ended::parse);
                if found.is_none() {
                    problems
                        .add(path, format!("Must be success, failure or skipped, not {}.", shorten(entry)));
                }
                found
            };
            Some(When::Step { is: is.into_iter().filter_map(read).collect(), step: step?.to_owned() })
        }
    }
}

/// Each value with its path: of a list its entries, else the value itself.
fn one_or_more<'a>(value: &'a Value, path: &str, problems: &mut Problems) -> Vec<(&'a Value, String)> {
    match value.as_array() {
        None => vec![(value, path.to_owned())],
        Some(list) => {
            if list.is_empty() || list.len() > MAX_ITEMS {
                problems.add(path, format!("Must have 1 to {MAX_ITEMS} values, not {}.", list.len()));
            }
            list.iter().enumerate().map(|(index, entry)| (entry, format!("{path}[{index}]"))).collect()
        }
    }
}
