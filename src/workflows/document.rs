//! A workflow document: its inputs, steps and outputs, and the check that finds everything wrong with it.
//! Not for: one step's fields (`step`) or what references may name (`places`).

use super::input::InputSpec;
use super::problem::{Fields, Problem, Problems};
use super::reference::is_name;
use super::step::Step;
use super::{
    FORMAT, MAX_DESCRIPTION_CHARS, MAX_DOCUMENT_BYTES, MAX_INPUTS, MAX_NAME_CHARS, MAX_OUTPUTS, MAX_STEPS,
};
use super::{graph, places, request};
use crate::models::Modality;
use crate::models::parameter::{shorten, whole};
use crate::providers::Catalogue;
use serde_json::Value;

/// A document that passed [`check`].
#[derive(Clone, Debug)]
pub struct Workflow {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) inputs: Vec<InputSpec>,
    pub(super) steps: Vec<Step>,
    /// Indices of `steps`, each after those it needs.
    pub(super) order: Vec<usize>,
    pub(super) outputs: Vec<Output>,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    pub description: String,
    pub from: String,
    pub kind: Modality,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSpec {
    pub name: String,
    pub description: String,
    pub kind: Modality,
}

impl Workflow {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn description(&self) -> &str {
        &self.description
    }

    pub fn inputs(&self) -> &[InputSpec] {
        &self.inputs
    }

    pub fn outputs(&self) -> Vec<OutputSpec> {
        let spec = |output: &Output| OutputSpec {
            name: output.name.clone(),
            description: output.description.clone(),
            kind: output.kind,
        };
        self.outputs.iter().map(spec).collect()
    }
}

/// Every problem of the document, or the workflow that it is.
pub fn check(document: &Value, catalogue: Catalogue<'_>) -> Result<Workflow, Vec<Problem>> {
    let mut problems = Problems::default();
    let workflow = read(document, catalogue, &mut problems);
    match workflow {
        Some(workflow) if problems.is_empty() => Ok(workflow),
        _ => Err(problems.into_vec()),
    }
}

fn read(document: &Value, catalogue: Catalogue<'_>, problems: &mut Problems) -> Option<Workflow> {
    let bytes = document.to_string().len();
    if bytes > MAX_DOCUMENT_BYTES {
        problems
            .add("", format!("The document has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are allowed."));
        return None;
    }
    let fields = Fields::of(document, "", problems)?;
    fields.known(&["$schema", "format", "name", "description", "inputs", "steps", "outputs"], problems);
    if fields.has("$schema") {
        fields.text("$schema", problems);
    }
    format(&fields, problems);
    fields.require("name", "Give the workflow a name that people will see.", problems);
    let name = fields.short_text("name", MAX_NAME_CHARS, problems);
    if name.is_some_and(|name| name.trim().is_empty()) {
        problems.add("name", "Must not be empty.");
    }
    let description = fields.short_text("description", MAX_DESCRIPTION_CHARS, problems);
    let inputs = list(&fields, "inputs", 0, MAX_INPUTS, problems, read_input);
    fields.require("steps", "List at least one step.", problems);
    let read_step =
        |value: &Value, index: usize, problems: &mut Problems| Step::read(value, index, catalogue, problems);
    let steps = list(&fields, "steps", 1, MAX_STEPS, problems, read_step);
    fields.require(
        "outputs",
        "List at least one output, such as {\"name\":\"pictures\",\"from\":\"{{steps.ID.files}}\"}.",
        problems,
    );
    let outputs = list(&fields, "outputs", 1, MAX_OUTPUTS, problems, read_output);
    unique(
        "inputs",
        "name",
        inputs.iter().map(|input| input.as_ref().map(|input| input.name.as_str())),
        problems,
    );
    unique("steps", "id", steps.iter().map(|step| step.as_ref().map(|step| step.id.as_str())), problems);
    unique(
        "outputs",
        "name",
        outputs.iter().map(|output| output.as_ref().map(|output| output.name.as_str())),
        problems,
    );

    let mut workflow = Workflow {
        name: name.unwrap_or_default().to_owned(),
        description: description.unwrap_or_default().to_owned(),
        inputs: inputs.into_iter().flatten().collect(),
        steps: steps.into_iter().flatten().collect(),
        order: Vec::new(),
        outputs: outputs.into_iter().flatten().collect(),
    };
    places::check(&mut workflow, problems);
    workflow.order = graph::order(&workflow.steps, problems);
    request::try_steps(&workflow, problems);
    Some(workflow)
}

fn format(fields: &Fields<'_>, problems: &mut Problems) {
    fields.require("format", &format!("Write {FORMAT}."), problems);
    if let Some(value) = fields.get("format")
        && whole(value) != Some(FORMAT)
    {
        problems.add("format", format!("Must be {FORMAT}, not {}.", shorten(value)));
    }
}

/// Reads each entry; None stands where one could not be read, so that the others keep their indices.
fn list<T>(
    fields: &Fields<'_>,
    name: &str,
    least: usize,
    most: usize,
    problems: &mut Problems,
    read: impl Fn(&Value, usize, &mut Problems) -> Option<T>,
) -> Vec<Option<T>> {
    let Some(entries) = fields.list(name, problems) else { return Vec::new() };
    if !(least..=most).contains(&entries.len()) {
        problems.add(name, format!("Must have {least} to {most} entries, not {}.", entries.len()));
    }
    entries.iter().take(most).enumerate().map(|(index, entry)| read(entry, index, problems)).collect()
}

fn unique<'a>(
    list: &str,
    field: &str,
    names: impl Iterator<Item = Option<&'a str>>,
    problems: &mut Problems,
) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, name) in names.enumerate() {
        let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
        if seen.contains(&name) {
            problems.add(
                format!("{list}[{index}].{field}"),
                format!("`{name}` is taken by an earlier one. Choose another."),
            );
        }
        seen.push(name);
    }
}

/// The name of an input, a step or an output; empty if it is none.
pub(super) fn read_name(fields: &Fields<'_>, field: &str, problems: &mut Problems) -> String {
    fields.require(field, "Give a short name such as `cutout`.", problems);
    let Some(name) = fields.text(field, problems) else { return String::new() };
    if !is_name(name) {
        let message = format!(
            "Must be lower-case letters, digits and _, a letter first, 40 at most, not {}.",
            shorten(&name.into())
        );
        problems.add(fields.path(field), message);
        return String::new();
    }
    name.to_owned()
}

fn read_input(value: &Value, index: usize, problems: &mut Problems) -> Option<InputSpec> {
    let fields = Fields::of(value, format!("inputs[{index}]"), problems)?;
    let name = read_name(&fields, "name", problems);
    InputSpec::read(name, &fields, problems)
}

fn read_output(value: &Value, index: usize, problems: &mut Problems) -> Option<Output> {
    let fields = Fields::of(value, format!("outputs[{index}]"), problems)?;
    fields.known(&["name", "description", "from"], problems);
    let name = read_name(&fields, "name", problems);
    let description = fields.short_text("description", MAX_DESCRIPTION_CHARS, problems);
    fields.require(
        "from",
        "Name the files of a step: {{steps.ID.files}} or {{steps.ID.files[0]}}.",
        problems,
    );
    let from = fields.text("from", problems);
    Some(Output {
        name,
        description: description.unwrap_or_default().to_owned(),
        from: from.unwrap_or_default().to_owned(),
        // `places` finds out.
        kind: Modality::Image,
    })
}
