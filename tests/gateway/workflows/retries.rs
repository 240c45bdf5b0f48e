//! Attempts after the first: which failures are worth one, how long each waits, what they cost.

use super::{begin, create, document, draw, end, step, took, with};
use crate::support::{Client, Memory};
use atelier::runs::Run;
use serde_json::{Value, json};

/// One step that may be begun again so often.
fn once(prompt: &str, more: Value) -> Value {
    document(vec![with(draw("only", prompt), more)], &["only"])
}

/// How often its one item was begun again.
fn retries(memory: &Memory, id: &str) -> i64 {
    let rows = memory.object::<Run>(id).read("SELECT item FROM items", &[]);
    rows[0].json::<Value>(0).unwrap()["retries"].as_i64().unwrap()
}

#[test]
fn a_failure_that_may_pass_is_tried_again_with_longer_and_longer_waits() {
    for (allowed, seconds) in [(0, 0.0), (1, 2.0), (2, 6.0), (3, 14.0)] {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 5.0);
        let workflow = create(&ada, &once("offline:fail", json!({ "retries": allowed })));
        let id = begin(&ada, &workflow, json!({}));
        let run = end(&ada, &id);
        assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failure"), &json!("PROVIDER_FAILED")));
        assert_eq!(retries(&memory, &id), allowed);
        let took = took(&run);
        assert!((seconds..seconds + 1.0).contains(&took), "{allowed} retries took {took} s");
        assert_eq!(ada.units(), [5.0, 0.0, 0.0], "an attempt costs nothing");
    }
}

#[test]
fn one_attempt_more_is_the_default() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 5.0);
    let mut document = once("offline:fail", json!({}));
    document["steps"][0].as_object_mut().unwrap().remove("retries");
    let id = begin(&ada, &create(&ada, &document), json!({}));
    end(&ada, &id);
    assert_eq!(retries(&memory, &id), 1);
}

#[test]
fn what_would_be_refused_again_is_not_tried_again() {
    for (prompt, code) in [("offline:moderated", "MODERATED"), ("offline:vanished", "OUTCOME_UNKNOWN")] {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 5.0);
        let id = begin(&ada, &create(&ada, &once(prompt, json!({ "retries": 3 }))), json!({}));
        let run = end(&ada, &id);
        assert_eq!((&run["status"], &step(&run, "only")["error"]["code"]), (&json!("failure"), &json!(code)));
        assert_eq!(retries(&memory, &id), 0, "{prompt}");
        assert_eq!(ada.units(), [5.0, 0.0, 0.0]);
    }
}

#[test]
fn a_submit_whose_answer_was_lost_is_found_and_not_sent_again() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 5.0);
    let mut pair = once("a cat offline:lost", json!({ "retries": 1 }));
    pair["steps"][0]["parameters"]["batch_size"] = json!(2);
    let id = begin(&ada, &create(&ada, &pair), json!({}));
    let run = end(&ada, &id);
    assert_eq!(retries(&memory, &id), 0);
    assert_eq!((&run["status"], run["assets"].as_array().unwrap().len()), (&json!("success"), 2));
    assert!(took(&run) >= 3.0, "a lost submit is looked for: {run}");
    assert_eq!(ada.units(), [3.0, 0.0, 2.0]);
}
