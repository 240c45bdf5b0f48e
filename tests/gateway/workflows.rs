//! Workflows through the front door: the built-in ones, definitions of a workspace, branches, failures, money.
//! Not for: what a document may say (`src/workflows/tests`), chance (`money/game`).

mod definitions;
mod endings;
mod kills;
mod limits;
mod resources;
mod retries;

use crate::support::{Client, Memory};
use atelier::time::Timestamp;
use serde_json::{Value, json};

/// Starts a workflow: its run id.
pub fn begin(client: &Client, workflow_id: &str, inputs: Value) -> String {
    let arguments = json!({ "workflow_id": workflow_id, "inputs": inputs });
    let result = client.call("execute_workflow", &arguments);
    result["structuredContent"]["run_id"].as_str().unwrap().to_owned()
}

/// Waits for the end of a workflow's run: its last structured answer.
pub fn end(client: &Client, run_id: &str) -> Value {
    for _ in 0..90 {
        let result = client.call("get_workflow_run", &json!({ "run_id": run_id, "wait_seconds": 45 }));
        let status = result["structuredContent"]["status"].as_str().unwrap().to_owned();
        if !["pending", "running"].contains(&status.as_str()) {
            return result["structuredContent"].clone();
        }
    }
    panic!("{run_id} does not end");
}

pub fn create(client: &Client, document: &Value) -> String {
    let made = client.call("create_workflow", &json!({ "document": document }));
    made["structuredContent"]["workflow_id"].as_str().unwrap().to_owned()
}

/// A picture in the workspace: its asset id.
pub fn picture(client: &Client, prompt: &str) -> String {
    let id =
        client.start(&json!({ "model_id": "offline-image", "prompt": prompt, "width": 64, "height": 64 }));
    client.run_to_end(&id)["structuredContent"]["assets"][0]["asset_id"].as_str().unwrap().to_owned()
}

/// A step that draws a picture of 64 × 64 for one unit, tried once.
pub fn draw(id: &str, prompt: &str) -> Value {
    let parameters = json!({ "prompt": prompt, "width": 64, "height": 64, "seed": 7 });
    json!({ "id": id, "type": "model", "model_id": "offline-image", "retries": 0, "parameters": parameters })
}

/// The same, beginning with the first picture of another step.
pub fn redraw(id: &str, prompt: &str, of: &str) -> Value {
    let mut step = draw(id, prompt);
    let file = format!("{{{{steps.{of}.files[0]}}}}");
    step["parameters"]["guidance_files"] =
        json!([{ "file_id": file, "type": "init_image", "strength": 0.5 }]);
    step
}

/// An object with more fields.
pub fn with(mut object: Value, more: Value) -> Value {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// A document whose outputs are all files of these steps.
pub fn document(steps: Vec<Value>, outputs: &[&str]) -> Value {
    let output = |step: &&str| json!({ "name": step, "from": format!("{{{{steps.{step}.files}}}}") });
    let outputs: Vec<_> = outputs.iter().map(output).collect();
    json!({ "format": 1, "name": "A test", "inputs": [], "steps": steps, "outputs": outputs })
}

/// Creates the workflow and runs it to its end.
pub fn run(client: &Client, document: &Value, inputs: Value) -> Value {
    end(client, &begin(client, &create(client, document), inputs))
}

pub fn step<'a>(run: &'a Value, id: &str) -> &'a Value {
    run["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).expect(id)
}

/// The status of every step, in the order of the plan.
pub fn statuses(run: &Value) -> Vec<(&str, &str)> {
    let steps = run["steps"].as_array().unwrap().iter();
    steps.map(|step| (step["id"].as_str().unwrap(), step["status"].as_str().unwrap())).collect()
}

/// Seconds from its start to its end.
pub fn took(run: &Value) -> f64 {
    let at = |field: &str| Timestamp::parse(run[field].as_str().unwrap()).unwrap();
    at("completed_at").millis_since(at("created_at")) as f64 / 1000.0
}

#[test]
fn every_built_in_workflow_runs_and_costs_what_was_estimated() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 500.0);
    let photo = picture(&ada, "a red teapot on a white background");
    let wishes = [
        ("product-shot", json!({ "photo": photo }), 2),
        ("icon-set", json!({ "subjects": ["a sword", "a shield", "a potion"] }), 3),
        ("picture-to-3d", json!({ "picture": photo }), 1),
        ("picture-to-3d", json!({ "subject": "a chest" }), 1),
        ("narrated-clip", json!({ "script": "A boat sails. Rain falls. The sun is back." }), 1),
        ("storyboard", json!({}), 1),
        ("game-prop", json!({}), 1),
    ];
    let listed = ada.call("list_workflows", &json!({}))["structuredContent"]["items"].clone();
    for (id, inputs, least_files) in wishes {
        let inputs = complete(&listed, id, inputs);
        let arguments = json!({ "workflow_id": id, "inputs": inputs });
        let estimate = ada.call("estimate_workflow_price", &arguments)["structuredContent"].clone();
        let before = ada.units();
        let end = end(&ada, &begin(&ada, id, inputs));
        assert_eq!(end["status"], "success", "{id}: {end}");
        let files = end["assets"].as_array().unwrap().len();
        assert!(files >= least_files, "{id}: {files} files");
        let charged = end["price_creative_units"].as_f64().unwrap();
        let (least, most) =
            (&estimate["least_price_creative_units"], &estimate["estimated_price_creative_units"]);
        assert!(
            charged <= most.as_f64().unwrap() && charged >= least.as_f64().unwrap(),
            "{id}: {charged} {estimate}"
        );
        let after = ada.units();
        assert_eq!((after[0], after[1]), (before[0] - charged, 0.0), "{id}");
        println!("{id}: {files} files for {charged}");
    }
}

/// What the test did not give of the required inputs, by their types.
fn complete(listed: &Value, id: &str, inputs: Value) -> Value {
    let mut inputs = inputs;
    let spec = listed.as_array().unwrap().iter().find(|item| item["workflow_id"] == id).expect(id);
    for input in spec["inputs"].as_array().unwrap() {
        let name = input["name"].as_str().unwrap();
        if input["required"] == true && inputs.get(name).is_none() {
            inputs[name] = match input["type"].as_str().unwrap() {
                "text" => json!("a green gem"),
                "text_list" => json!(["a green gem", "a blue gem"]),
                other => panic!("{id} needs {name}, a {other}"),
            };
        }
    }
    inputs
}
