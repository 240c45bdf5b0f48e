//! What keeps a workflow's run from starting: another one like it, five under way, too few units, a wrong file.
//! Not for: allowances (`oauth/allowance`) or consent.

use super::{begin, create, document, draw, end, picture, statuses, with};
use crate::support::client::error_of;
use crate::support::{Client, Memory};
use atelier::runs::Run;
use futures::future::join_all;
use serde_json::{Value, json};

fn slow(count: usize) -> Value {
    let steps = (0..count).map(|number| draw(&format!("s{number}"), "a cat offline:slow=60"));
    document(steps.collect(), &["s0"])
}

/// Both at once: the answers of execute_workflow.
fn both(memory: &Memory, clients: [&Client; 2], arguments: &Value) -> Vec<Value> {
    let asks = clients.map(|client| memory.send(client.tool("execute_workflow", arguments)));
    memory.run(join_all(asks)).iter().map(|answer| answer.result()).collect()
}

#[test]
fn the_same_call_twice_at_once_is_one_run() {
    for seed in 0..20 {
        let memory = Memory::with(seed, &[]);
        let ada = Client::new(&memory, "ada", 20.0);
        let arguments = json!({ "workflow_id": create(&ada, &slow(2)) });
        memory.state(|state| state.shuffles = true);
        let answers = both(&memory, [&ada, &ada], &arguments);
        let started: Vec<_> = answers.iter().filter(|answer| answer["isError"] != true).collect();
        for refused in answers.iter().filter(|answer| answer["isError"] == true) {
            assert_eq!(error_of(refused)["retryable"], true, "not decided yet: {refused}");
        }
        let ids: Vec<_> = started.iter().map(|answer| &answer["structuredContent"]["run_id"]).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "seed {seed}: {ids:?}");
        assert_eq!(ada.units(), [18.0, 2.0, 0.0], "seed {seed}");
        let later = ada.call("execute_workflow", &arguments)["structuredContent"].clone();
        assert_eq!(&later["run_id"], ids[0]);
        assert!(later["warnings"][0].as_str().unwrap().contains("still under way"), "{later}");
    }
}

#[test]
fn a_key_stands_for_its_run_after_its_end_too() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let workflow = create(&ada, &document(vec![draw("only", "a cat")], &["only"]));
    let arguments = json!({ "workflow_id": workflow, "idempotency_key": "k" });
    let id = ada.call("execute_workflow", &arguments)["structuredContent"]["run_id"].clone();
    end(&ada, id.as_str().unwrap());
    let again = ada.call("execute_workflow", &arguments)["structuredContent"].clone();
    assert_eq!((&again["run_id"], &again["status"]), (&id, &json!("success")));
    let other = with(arguments.clone(), json!({ "session_name": "another" }));
    assert_eq!(ada.refused("execute_workflow", &other)["code"], "IDEMPOTENCY_CONFLICT");
    memory.elapse(24 * 3600);
    let new = ada.call("execute_workflow", &arguments)["structuredContent"]["run_id"].clone();
    assert_ne!(new, id, "a day later it is a new call");
}

#[test]
fn of_two_people_with_units_for_one_run_exactly_one_starts() {
    for seed in 0..20 {
        let memory = Memory::with(seed, &[]);
        let ada = Client::new(&memory, "ada", 3.0);
        let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
        let arguments = json!({ "workflow_id": create(&ada, &slow(2)) });
        memory.state(|state| state.shuffles = true);
        let answers = both(&memory, [&ada, &bob], &arguments);
        let refused: Vec<_> = answers.iter().filter(|answer| answer["isError"] == true).collect();
        assert_eq!(refused.len(), 1, "seed {seed}");
        assert_eq!(error_of(refused[0])["code"], "INSUFFICIENT_BALANCE");
        assert_eq!(ada.units(), [1.0, 2.0, 0.0]);
    }
}

#[test]
fn a_workflow_counts_as_one_of_five_runs() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    let workflow = create(&ada, &slow(6));
    let id = begin(&ada, &workflow, json!({}));
    let forge = |seed: usize| json!({ "model_id": "offline-image", "prompt": "offline:slow=60", "width": 64, "height": 64, "seed": seed });
    (0..4).for_each(|seed| _ = ada.start(&forge(seed)));
    memory.elapse(2);
    let running = ada.call("get_workflow_run", &json!({ "run_id": id, "wait_seconds": 0 }));
    assert!(statuses(&running["structuredContent"]).iter().all(|(_, status)| *status == "running"));
    assert_eq!(ada.call("get_workspace", &json!({}))["structuredContent"]["running_runs"], 5);
    for (tool, arguments) in [
        ("execute_forge", forge(9)),
        ("execute_workflow", json!({ "workflow_id": workflow, "session_name": "another" })),
    ] {
        let refused = ada.refused(tool, &arguments);
        assert_eq!(refused["code"], "RATE_LIMITED");
        assert!(refused["details"]["running_ids"].as_array().unwrap().contains(&json!(id)), "{refused}");
    }
    ada.call("cancel_workflow_run", &json!({ "run_id": id }));
    ada.start(&forge(9));
    assert_eq!(ada.refused("execute_forge", &forge(10))["code"], "RATE_LIMITED");
}

#[test]
fn a_run_that_cannot_be_paid_leaves_nothing_behind() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.5);
    let workflow = create(&ada, &slow(3));
    let refused = ada.refused("execute_workflow", &json!({ "workflow_id": workflow }));
    assert_eq!(refused["code"], "INSUFFICIENT_BALANCE");
    assert_eq!(
        (&refused["details"]["price_creative_units"], &refused["details"]["balance_creative_units"]),
        (&json!(3), &json!(2.5))
    );
    let dear = json!({ "workflow_id": workflow, "max_price_creative_units": 2.999 });
    assert_eq!(ada.refused("execute_workflow", &dear)["code"], "PRICE_ABOVE_LIMIT");
    assert_eq!(ada.units(), [2.5, 0.0, 0.0]);
    let objects = memory.state(|state| state.objects.clone());
    let runs: Vec<_> = objects.iter().filter(|((binding, _), _)| *binding == "RUN").collect();
    assert!(runs.iter().all(|(_, object)| object.is_empty()) && runs.len() == 1, "{}", runs.len());
    assert_eq!(memory.object::<Run>(&runs[0].0.1).alarm.get(), None);
}

#[test]
fn a_file_must_be_of_the_workspace_and_of_the_kind_that_is_needed() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let bob = Client::new(&memory, "bob", 20.0);
    let (own, foreign) = (picture(&ada, "a cat"), picture(&bob, "a dog"));
    let bell =
        ada.start(&json!({ "model_id": "offline-sound", "prompt": "a bell", "duration_seconds": 0.5 }));
    let bell = ada.run_to_end(&bell)["structuredContent"]["assets"][0]["asset_id"].clone();
    let mut used = draw("used", "a bird");
    used["parameters"]["guidance_files"] = json!([{ "file_id": "{{inputs.photo}}", "type": "init_image" }]);
    let inputs = json!({ "inputs": [{ "name": "photo", "type": "image" }] });
    let picked =
        json!({ "id": "best", "type": "pick", "from": ["{{inputs.photo}}", "{{steps.other.files}}"] });
    let documents = [
        with(document(vec![used], &["used"]), inputs.clone()),
        with(document(vec![draw("other", "a bird"), picked], &["best"]), inputs),
    ];
    for document in documents {
        let workflow = create(&ada, &document);
        let before = ada.units();
        let ask = |photo: &Value| json!({ "workflow_id": workflow, "inputs": { "photo": photo } });
        let refused = ada.refused("execute_workflow", &ask(&json!(foreign)));
        assert_eq!(
            (&refused["code"], &refused["details"]),
            (&json!("FILE_NOT_FOUND"), &json!({ "file_ids": [foreign] }))
        );
        let refused = ada.refused("execute_workflow", &ask(&bell));
        assert_eq!(refused["code"], "INVALID_INPUTS");
        assert!(refused["message"].as_str().unwrap().contains("of kind audio, where image"), "{refused}");
        assert_eq!(ada.units(), before);
        let id = begin(&ada, &workflow, json!({ "photo": own }));
        assert_eq!(end(&ada, &id)["status"], "success");
    }
}
