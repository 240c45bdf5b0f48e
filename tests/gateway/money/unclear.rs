//! A submit whose answer was lost: found again it completes and is charged once; never found it costs nothing.

use crate::support::{Client, Memory};
use crate::workflows::took;
use atelier::runs::Run;
use serde_json::{Value, json};

fn request(word: &str, batch: u32) -> Value {
    json!({ "model_id": "offline-image", "prompt": format!("a cat {word}"), "width": 64, "height": 64, "batch_size": batch })
}

fn stage(memory: &Memory, id: &str) -> Value {
    let rows = memory.object::<Run>(id).read("SELECT item FROM items", &[]);
    rows[0].json::<Value>(0).unwrap()["stage"].clone()
}

#[test]
fn a_lost_submit_is_found_and_charged_once() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = ada.start(&request("offline:lost", 2));
    memory.elapse(1);
    assert!(stage(&memory, &id)["Submitting"].is_object(), "it is looked for before anything is sent again");
    assert_eq!(ada.units(), [8.0, 2.0, 0.0]);
    let run = ada.run_to_end(&id)["structuredContent"].clone();
    assert_eq!((&run["status"], run["assets"].as_array().unwrap().len()), (&json!("complete"), 2));
    assert!((3.0..6.0).contains(&took(&run)), "{run}");
    assert_eq!(ada.units(), [8.0, 0.0, 2.0]);
}

/// Killed while it is looked for, it is looked for again.
#[test]
fn a_lost_submit_is_found_after_a_kill_too() {
    for points in 0..60 {
        let memory = Memory::with(points, &[]);
        let ada = Client::new(&memory, "ada", 10.0);
        let id = ada.start(&request("offline:lost", 1));
        memory.state(|state| state.kill_after = Some(points));
        memory.elapse(40);
        memory.state(|state| state.kill_after = None);
        let run = ada.run_to_end(&id)["structuredContent"].clone();
        assert_eq!(run["status"], "complete", "killed at point {points}");
        assert_eq!(ada.units(), [9.0, 0.0, 1.0], "killed at point {points}");
    }
}

#[test]
fn a_submit_that_is_never_found_is_given_up_after_two_minutes() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = ada.start(&request("offline:vanished", 1));
    memory.elapse(119);
    let early = ada.call("get_forge_run", &json!({ "inference_id": id, "wait_seconds": 0 }));
    assert_eq!(early["structuredContent"]["status"], "in_progress");
    assert_eq!(ada.units(), [9.0, 1.0, 0.0]);
    let run = ada.run_to_end(&id)["structuredContent"].clone();
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("OUTCOME_UNKNOWN")));
    assert_eq!(run["error"]["retryable"], false, "nobody should pay twice for it");
    assert!((120.0..125.0).contains(&took(&run)), "{run}");
    assert_eq!((&run["assets"], ada.units()), (&json!([]), [10.0, 0.0, 0.0]));
}

#[test]
fn a_run_that_is_looked_for_can_be_cancelled() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = ada.start(&request("offline:vanished", 1));
    memory.elapse(30);
    let cancelled = ada.call("cancel_forge_run", &json!({ "inference_id": id }));
    assert_eq!(cancelled["structuredContent"]["status"], "cancelled");
    memory.elapse(300);
    assert_eq!(ada.run_to_end(&id)["structuredContent"]["status"], "cancelled");
    assert_eq!(ada.units(), [10.0, 0.0, 0.0]);
}
