//! A workflow's run and its files as resources, and tools of the other kind of run that say where to go.

use super::{begin, create, document, draw, end, redraw, with};
use crate::support::{Client, Memory};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn read(client: &Client, uri: &str) -> Value {
    client.request("resources/read", json!({ "uri": uri })).result()["contents"][0].clone()
}

/// A slow branch and a quick one: the quick one's files are there while the slow one's are not known yet.
fn branches() -> Value {
    let mut later = redraw("later", "a bird", "slow");
    later["parameters"]["batch_size"] = json!(2);
    let steps = vec![draw("slow", "a cat offline:slow=5"), later, draw("quick", "a dog")];
    document(steps, &["later", "quick"])
}

#[test]
fn every_file_of_a_run_has_an_address_of_its_own() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = begin(&ada, &create(&ada, &branches()), json!({}));
    let run = end(&ada, &id);
    let whole = read(&ada, run["resource_uri"].as_str().unwrap());
    let shown: Value = serde_json::from_str(whole["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&shown["run_id"], &shown["status"], &shown["steps"]),
        (&json!(id), &json!("success"), &run["steps"])
    );

    let steps: BTreeMap<_, _> = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["id"].as_str().unwrap(), step["asset_ids"].as_array().unwrap()))
        .collect();
    // In the order of the plan, whichever was made first.
    let expected = [&steps["slow"][0], &steps["later"][0], &steps["later"][1], &steps["quick"][0]];
    let listed = ada.request("resources/list", json!({})).result();
    let listed: BTreeMap<_, _> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| (resource["uri"].as_str().unwrap(), resource["name"].as_str().unwrap()))
        .collect();
    let mut seen = BTreeSet::new();
    for (number, asset) in (1..).zip(expected) {
        let uri = format!("atelier://runs/{id}/assets/{number}");
        assert_eq!(listed[uri.as_str()], format!("{}.png", asset.as_str().unwrap()));
        let file = read(&ada, &uri);
        assert_eq!(file["mimeType"], "image/png");
        assert!(seen.insert(file["blob"].as_str().unwrap().to_owned()), "{uri} is a picture of its own");
    }
    for number in ["0", "5", "x"] {
        let uri = format!("atelier://runs/{id}/assets/{number}");
        let missing = ada.request("resources/read", json!({ "uri": uri })).message();
        assert!(missing["error"].is_object(), "{uri}: {missing}");
    }
}

/// The address of a file does not change when the run goes on.
#[test]
fn a_file_keeps_its_address_while_the_run_goes_on() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = begin(&ada, &create(&ada, &branches()), json!({}));
    memory.elapse(2);
    let uri = format!("atelier://runs/{id}/assets/4");
    let early = read(&ada, &uri)["blob"].clone();
    assert!(early.is_string());
    end(&ada, &id);
    assert_eq!(read(&ada, &uri)["blob"], early);
}

#[test]
fn a_run_is_a_resource_of_its_own_people_only() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = begin(&ada, &create(&ada, &branches()), json!({}));
    end(&ada, &id);
    let zed = Client::new(&memory, "zed", 10.0);
    for uri in [format!("atelier://runs/{id}"), format!("atelier://runs/{id}/assets/1")] {
        let missing = zed.request("resources/read", json!({ "uri": uri })).message();
        assert!(missing["error"].is_object(), "{missing}");
    }
    assert_eq!(zed.refused("get_workflow_run", &json!({ "run_id": id }))["code"], "RUN_NOT_FOUND");
    assert_eq!(zed.refused("cancel_workflow_run", &json!({ "run_id": id }))["code"], "RUN_NOT_FOUND");
}

#[test]
fn a_tool_of_the_other_kind_of_run_says_which_one_to_use() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let slow = document(vec![draw("only", "a cat offline:slow=30")], &["only"]);
    let workflow = create(&ada, &slow);
    let flow = begin(&ada, &workflow, json!({}));
    let forge = ada.start(
        &json!({ "model_id": "offline-image", "prompt": "offline:slow=30", "width": 64, "height": 64 }),
    );
    let check = || {
        for (tool, arguments, instead) in [
            ("get_forge_run", json!({ "inference_id": flow }), "get_workflow_run"),
            ("cancel_forge_run", json!({ "inference_id": flow }), "cancel_workflow_run"),
            ("get_workflow_run", json!({ "run_id": forge }), "get_forge_run"),
            ("cancel_workflow_run", json!({ "run_id": forge }), "cancel_forge_run"),
        ] {
            let refused = ada.refused(tool, &arguments);
            assert_eq!(refused["code"], "RUN_NOT_FOUND", "{tool}");
            assert!(refused["next"].as_str().unwrap().contains(instead), "{tool}: {refused}");
        }
    };
    check();
    assert_eq!(ada.units(), [18.0, 2.0, 0.0], "and cancels nothing");
    end(&ada, &flow);
    ada.run_to_end(&forge);
    check();
    let listed = ada.call("list_runs", &with(json!({}), json!({ "limit": 10 })))["structuredContent"].clone();
    let kinds: BTreeSet<_> =
        listed["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["forge", "workflow"]));
}
