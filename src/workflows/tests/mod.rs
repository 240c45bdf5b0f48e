//! Documents that are wrong and what is said of them, plans and their prices, and the built-in workflows.

mod built_ins;
mod documents;
mod graphs;
mod planning;
mod skipping;
mod structure;

use super::{Plan, Workflow, check, plan};
use crate::config::Config;
use crate::error::Refusal;
use crate::providers::Catalogue;
use serde_json::{Map, Value, json};

pub const PHOTO: &str = "0190a0a0-0000-7000-8000-000000000001";

pub fn sample() -> Value {
    serde_json::from_str(include_str!("sample.json")).unwrap()
}

/// Sets what the JSON pointer names, or takes it out.
pub fn edit(document: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, key) = pointer.rsplit_once('/').expect(pointer);
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {pointer}"));
    match (parent, value) {
        (Value::Object(fields), Some(value)) => _ = fields.insert(key.to_owned(), value),
        (Value::Object(fields), None) => _ = fields.remove(key).expect(pointer),
        (Value::Array(list), Some(value)) if key == "-" => list.push(value),
        (Value::Array(list), Some(value)) => list[key.parse::<usize>().unwrap()] = value,
        (Value::Array(list), None) => _ = list.remove(key.parse().unwrap()),
        _ => panic!("{pointer} is in no list and no object"),
    }
}

/// A deployment with these settings.
pub fn config(settings: &[(&str, &str)]) -> Config {
    let secret = ("GATEWAY_SECRET", "a-secret-of-at-least-32-characters");
    let given = |name: &str| {
        let found = settings.iter().chain([&secret]).find(|(key, _)| *key == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    Config::parse(given).unwrap()
}

/// What is wrong with it, a line each.
pub fn problems(document: &Value) -> Vec<String> {
    let found = check(document, Catalogue::of(&config(&[]))).err().unwrap_or_default();
    found.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

pub fn checked(document: &Value) -> Workflow {
    check(document, Catalogue::of(&config(&[]))).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A workflow of these steps and inputs whose output is the last step.
pub fn workflow(inputs: Value, steps: Value) -> Workflow {
    let last = steps.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let from = format!("{{{{steps.{last}.files}}}}");
    let outputs = json!([{ "name": "result", "from": from }]);
    checked(&json!({ "format": 1, "name": "Test", "inputs": inputs, "steps": steps, "outputs": outputs }))
}

pub fn planned(workflow: &Workflow, inputs: Value) -> Result<Plan, Refusal> {
    let inputs: Map<String, Value> = inputs.as_object().unwrap().clone();
    let mut seed = 0;
    plan(workflow, "test", 3, &inputs, Catalogue::of(&config(&[])), &mut || {
        seed += 1;
        seed
    })
}
