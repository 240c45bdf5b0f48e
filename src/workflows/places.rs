//! What each reference names, and whether that may stand where it does. Files may stand only where a file id is
//! expected; so nothing that decides a price waits for a running step.

use super::choice::Candidates;
use super::document::Workflow;
use super::names::{Names, Type, modality_of};
use super::problem::{Fields, Problems};
use super::reference::{Part, Reference, holds_reference, parts, whole};
use super::step::{Body, Step, When};
use crate::id::AssetId;
use crate::models::Modality;
use crate::models::generation::GuidanceKind;
use crate::models::parameter::{Kind, shorten};
use serde_json::{Map, Value};

/// What a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// Anything that can be written as text, in pieces too.
    Text,
    Word,
    Whole,
    Number,
    Boolean,
    /// Any single value.
    Value,
}

impl Expect {
    fn words(self) -> &'static str {
        match self {
            Expect::Text | Expect::Word => "text",
            Expect::Whole => "a whole number",
            Expect::Number => "a number",
            Expect::Boolean => "true or false",
            Expect::Value => "text, a number, true or false",
        }
    }

    fn takes(self, kind: Type) -> bool {
        if kind == Type::Unknown {
            return true;
        }
        match self {
            Expect::Text => !matches!(kind, Type::File(_) | Type::Files(_)),
            Expect::Word => matches!(kind, Type::Text | Type::Choice),
            Expect::Whole | Expect::Number => matches!(kind, Type::Integer | Type::Number),
            Expect::Boolean => kind == Type::Boolean,
            Expect::Value => !matches!(kind, Type::TextList | Type::File(_) | Type::Files(_)),
        }
    }

    fn is(self, value: &Value) -> bool {
        match self {
            Expect::Text | Expect::Word => value.is_string(),
            Expect::Whole => crate::models::parameter::whole(value).is_some(),
            Expect::Number => value.is_number(),
            Expect::Boolean => value.is_boolean(),
            Expect::Value => !matches!(value, Value::Null | Value::Array(_) | Value::Object(_)),
        }
    }
}

/// Checks every reference of the document and finds out what its outputs are.
pub fn check(workflow: &mut Workflow, problems: &mut Problems) {
    let names = Names::new(&workflow.inputs, &workflow.steps);
    for step in &workflow.steps {
        names.step(step, problems);
    }
    let kinds: Vec<_> = workflow
        .outputs
        .iter()
        .enumerate()
        .map(|(index, output)| names.output(&format!("outputs[{index}].from"), &output.from, problems))
        .collect();
    for (output, kind) in workflow.outputs.iter_mut().zip(kinds) {
        output.kind = kind.unwrap_or(output.kind);
    }
}

impl Names<'_> {
    fn step(&self, step: &Step, problems: &mut Problems) {
        let path = step.path();
        let item = step.for_each.as_deref().and_then(|list| self.for_each(&path, list, problems));
        let item = item.or(step.for_each.as_ref().map(|_| Type::Unknown));
        self.when(step, problems);
        match &step.body {
            Body::Model { models, parameters } => {
                self.parameters(&format!("{path}.parameters"), models, parameters, item, problems);
            }
            Body::Transform { models, file, parameters } => {
                if !problems.touch(&format!("{path}.file")) {
                    self.file(&format!("{path}.file"), file, Some(Modality::Image), false, item, problems);
                }
                self.options(&format!("{path}.parameters"), models, parameters, item, problems);
            }
            Body::Text { template, .. } => {
                self.value(
                    &format!("{path}.template"),
                    &template.as_str().into(),
                    Expect::Text,
                    None,
                    problems,
                );
            }
            Body::Pick { from, .. } => self.pick(&path, from, problems),
        }
    }

    fn for_each(&self, path: &str, list: &str, problems: &mut Problems) -> Option<Type> {
        let path = format!("{path}.for_each");
        let found = match parts(list).map(|_| whole(list)) {
            Err(message) => Err(message),
            Ok(None) => {
                Err("Must be one reference to a list, such as {{inputs.NAME}} or {{steps.ID.files}}.".into())
            }
            Ok(Some(reference)) => self.type_of(reference, None).and_then(|kind| match kind {
                Type::TextList => Ok(Type::Text),
                Type::Files(kind) => Ok(Type::File(kind)),
                other => Err(format!("Must be a list; `{}` is {}.", reference.words(), other.words())),
            }),
        };
        found.map_err(|message| problems.add(path, message)).ok()
    }

    fn when(&self, step: &Step, problems: &mut Problems) {
        let path = format!("{}.when", step.path());
        match &step.when {
            None => {}
            Some(When::Value { value, is }) => {
                self.value(&format!("{path}.value"), value, Expect::Value, None, problems);
                let input = match value.as_str().and_then(whole) {
                    Some(Reference::Input(name)) => self.inputs.iter().find(|input| input.name == name),
                    _ => None,
                };
                let Some(input) = input.filter(|input| input.is_single()) else { return };
                for wanted in is {
                    if let Err(message) = input.check(wanted) {
                        problems.add_new(
                            &format!("{path}.is"),
                            format!("`{}` is never this. {message}", input.name),
                        );
                    }
                }
            }
            Some(When::Step { .. }) if matches!(step.body, Body::Text { .. }) => {
                let message = "A text is known before the start, so it cannot wait for a step. Use `value`.";
                problems.add(format!("{path}.step"), message);
            }
            Some(When::Step { step: other, .. }) => {
                if let Err(message) = self.type_of(Reference::Files(other, None), None)
                    && !self.steps.iter().any(|step| step.id == *other)
                {
                    problems.add(format!("{path}.step"), message);
                }
            }
        }
    }

    fn parameters(
        &self,
        path: &str,
        models: &Candidates,
        parameters: &Map<String, Value>,
        item: Option<Type>,
        problems: &mut Problems,
    ) {
        for (name, value) in parameters {
            let path = format!("{path}.{}", name.chars().take(40).collect::<String>());
            let expect = match name.as_str() {
                "prompt" | "negative_prompt" => Expect::Text,
                "quality" => Expect::Word,
                "width" | "height" | "batch_size" | "seed" => Expect::Whole,
                "duration_seconds" => Expect::Number,
                "options" => {
                    if let Some(options) = object(value, &path, problems) {
                        self.options(&path, models, options, item, problems);
                    }
                    continue;
                }
                "guidance_files" => {
                    self.guidance(&path, value, item, problems);
                    continue;
                }
                "mask" => {
                    self.mask(&path, value, item, problems);
                    continue;
                }
                "post" => {
                    self.post(&path, value, item, problems);
                    continue;
                }
                _ => {
                    let message = format!(
                        "Unknown field. The fields here: {}. What else the model takes belongs into `options`.",
                        PARAMETERS.join(", ")
                    );
                    problems.add(path, message);
                    continue;
                }
            };
            self.value(&path, value, expect, item, problems);
        }
    }

    fn options(
        &self,
        path: &str,
        models: &Candidates,
        options: &Map<String, Value>,
        item: Option<Type>,
        problems: &mut Problems,
    ) {
        for (name, value) in options {
            let expect = match models.parameter(name).map(|parameter| &parameter.kind) {
                Some(Kind::Integer { .. } | Kind::Step { .. }) => Expect::Whole,
                Some(Kind::Number { .. }) => Expect::Number,
                Some(Kind::Boolean { .. }) => Expect::Boolean,
                Some(Kind::Choice { .. } | Kind::Text { .. }) => Expect::Word,
                None => Expect::Value,
            };
            let name: String = name.chars().take(40).collect();
            self.value(&format!("{path}.{name}"), value, expect, item, problems);
        }
    }

    fn guidance(&self, path: &str, value: &Value, item: Option<Type>, problems: &mut Problems) {
        let Some(files) = value.as_array() else {
            problems.add(path, format!("Must be a list, not {}.", shorten(value)));
            return;
        };
        let kinds: Vec<_> = GuidanceKind::ALL.iter().map(|kind| kind.as_str()).collect();
        for (index, file) in files.iter().enumerate() {
            let Some(fields) = Fields::of(file, format!("{path}[{index}]"), problems) else { continue };
            fields.known(&["file_id", "type", "strength"], problems);
            fields.require("type", &format!("Give one of {}.", kinds.join(", ")), problems);
            let kind = fields.word("type", &kinds, problems).and_then(GuidanceKind::parse);
            self.file_id(&fields, kind.map(modality_of), true, item, problems);
            if let Some(strength) = fields.get("strength") {
                self.value(&fields.path("strength"), strength, Expect::Number, item, problems);
            }
        }
    }

    fn mask(&self, path: &str, value: &Value, item: Option<Type>, problems: &mut Problems) {
        let Some(fields) = Fields::of(value, path, problems) else { return };
        fields.known(&["file_id", "edge_radius"], problems);
        self.file_id(&fields, Some(Modality::Image), false, item, problems);
        if let Some(radius) = fields.get("edge_radius") {
            self.value(&fields.path("edge_radius"), radius, Expect::Whole, item, problems);
        }
    }

    fn post(&self, path: &str, value: &Value, item: Option<Type>, problems: &mut Problems) {
        let Some(fields) = Fields::of(value, path, problems) else { return };
        fields.known(&["upscale_ratio", "vectorize", "remove_background"], problems);
        for (name, expect) in [
            ("upscale_ratio", Expect::Number),
            ("vectorize", Expect::Boolean),
            ("remove_background", Expect::Boolean),
        ] {
            if let Some(value) = fields.get(name) {
                self.value(&fields.path(name), value, expect, item, problems);
            }
        }
    }

    fn file_id(
        &self,
        fields: &Fields<'_>,
        kind: Option<Modality>,
        lists: bool,
        item: Option<Type>,
        problems: &mut Problems,
    ) {
        let advice = "Name a file: {{inputs.NAME}} or {{steps.ID.files[0]}}.";
        fields.require("file_id", advice, problems);
        if let Some(file) = fields.get("file_id") {
            self.file(&fields.path("file_id"), file, kind, lists, item, problems);
        }
    }

    /// A place for one file; where `lists` is true, also for all the files of a step.
    fn file(
        &self,
        path: &str,
        value: &Value,
        kind: Option<Modality>,
        lists: bool,
        item: Option<Type>,
        problems: &mut Problems,
    ) {
        let found = match value.as_str() {
            None => Err(format!("Must be a reference to a file or an asset_id, not {}.", shorten(value))),
            Some(text) if !holds_reference(text) => match AssetId::parse(text) {
                Some(_) => return,
                None => Err(format!(
                    "Must be a reference to a file, such as {{{{inputs.NAME}}}} or {{{{steps.ID.files[0]}}}}, or an asset_id (a UUID), not {}.",
                    shorten(value)
                )),
            },
            Some(text) => match parts(text).map(|_| whole(text)) {
                Err(message) => Err(message),
                Ok(None) => Err("A file is exactly one reference, with nothing before or after it.".into()),
                Ok(Some(reference)) => self.file_reference(reference, kind, lists, item),
            },
        };
        if let Err(message) = found {
            problems.add(path, message);
        }
    }

    fn file_reference(
        &self,
        reference: Reference<'_>,
        wanted: Option<Modality>,
        lists: bool,
        item: Option<Type>,
    ) -> Result<(), String> {
        let found = self.type_of(reference, item)?;
        let words = reference.words();
        let kind = match found {
            Type::Unknown => return Ok(()),
            Type::File(kind) => kind,
            Type::Files(kind) if lists => kind,
            Type::Files(_) => {
                return Err(format!(
                    "One file belongs here and `{words}` is a list. Write {{{{{words}[0]}}}}, or use `for_each` and {{{{item}}}}."
                ));
            }
            other => return Err(format!("A file belongs here; `{words}` is {}.", other.words())),
        };
        match (wanted, kind) {
            (Some(wanted), Some(kind)) if wanted != kind => Err(format!(
                "A file of the kind {} belongs here; `{words}` is {}.",
                wanted.as_str(),
                found.words()
            )),
            _ => Ok(()),
        }
    }

    fn pick(&self, path: &str, from: &[Value], problems: &mut Problems) {
        let mut first = None;
        for (index, value) in from.iter().enumerate() {
            let path = format!("{path}.from[{index}]");
            let reference = value.as_str().and_then(whole);
            let Some(reference) = reference else {
                let message = match value.as_str().map(parts) {
                    Some(Err(message)) => message,
                    _ => "Must be one reference to files, such as {{steps.ID.files}}.".into(),
                };
                problems.add(path, message);
                continue;
            };
            match self.type_of(reference, None) {
                Ok(Type::File(None) | Type::Files(None)) => {}
                Ok(Type::File(Some(kind)) | Type::Files(Some(kind))) => {
                    let expected: Modality = *first.get_or_insert(kind);
                    if expected != kind {
                        let (expected, kind) = (expected.as_str(), kind.as_str());
                        let message = format!(
                            "All must be files of one kind; the first are {expected}, these are {kind}."
                        );
                        problems.add(path, message);
                    }
                }
                Ok(other) => {
                    problems.add(
                        path,
                        format!("Files belong here; `{}` is {}.", reference.words(), other.words()),
                    );
                }
                Err(message) => problems.add(path, message),
            }
        }
    }

    fn output(&self, path: &str, from: &str, problems: &mut Problems) -> Option<Modality> {
        // What is missing has been told.
        if problems.touch(path) || self.steps.is_empty() {
            return None;
        }
        let found = match parts(from).map(|_| whole(from)) {
            Err(message) => Err(message),
            Ok(Some(reference @ Reference::Files(..))) => self.type_of(reference, None),
            Ok(_) => Err("Must be the files of a step: {{steps.ID.files}} or {{steps.ID.files[0]}}.".into()),
        };
        match found {
            Ok(Type::File(kind) | Type::Files(kind)) => kind,
            Ok(_) => None,
            Err(message) => {
                problems.add(path, message);
                None
            }
        }
    }

    /// A place for a value that is known before the start.
    fn value(&self, path: &str, value: &Value, expect: Expect, item: Option<Type>, problems: &mut Problems) {
        let Some(text) = value.as_str().filter(|text| holds_reference(text)) else {
            if !expect.is(value) {
                problems.add(path, format!("Must be {}, not {}.", expect.words(), shorten(value)));
            }
            return;
        };
        let parts = match parts(text) {
            Ok(parts) => parts,
            Err(message) => return problems.add(path, message),
        };
        let in_pieces = parts.len() > 1;
        if in_pieces && matches!(expect, Expect::Whole | Expect::Number | Expect::Boolean) {
            let message = format!("Must be {}; words around a reference make text of it.", expect.words());
            problems.add(path, message);
        }
        let references = parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(*reference),
            Part::Words(_) => None,
        });
        for reference in references {
            let message = match self.type_of(reference, item) {
                Err(message) => message,
                Ok(kind @ (Type::File(_) | Type::Files(_))) => misplaced_file(reference, kind),
                // Text in pieces takes whatever can be written.
                Ok(kind) if in_pieces || expect.takes(kind) => continue,
                Ok(kind) => {
                    format!("Must be {}; `{}` is {}.", expect.words(), reference.words(), kind.words())
                }
            };
            problems.add(path, message);
        }
    }
}

const PARAMETERS: &[&str] = &[
    "prompt",
    "negative_prompt",
    "width",
    "height",
    "batch_size",
    "seed",
    "quality",
    "duration_seconds",
    "guidance_files",
    "mask",
    "options",
    "post",
];

fn object<'v>(value: &'v Value, path: &str, problems: &mut Problems) -> Option<&'v Map<String, Value>> {
    Fields::of(value, path, problems)?;
    value.as_object()
}

fn misplaced_file(reference: Reference<'_>, kind: Type) -> String {
    let words = reference.words();
    match reference {
        Reference::Files(..) => format!(
            "`{words}` is known only while the workflow runs, and the price must be known before. A file may stand \
             only in file_id, file, from and for_each."
        ),
        _ => format!(
            "`{words}` is {}. A file may stand only in file_id, file, from and for_each.",
            kind.words()
        ),
    }
}
