//! How a workflow's run ends: a step fails, one may fail, one is not wanted, somebody cancels, time is up.
//! Not for: attempts after the first (`retries`), kills (`kills`).

use super::{begin, create, document, draw, end, redraw, run, statuses, step, took, with};
use crate::support::{Client, Memory};
use atelier::runs::state::{ITEM_DEADLINE_SECONDS, WORKFLOW_DEADLINE_SECONDS};
use serde_json::{Value, json};

fn prompted(document: Value) -> Value {
    with(document, json!({ "inputs": [{ "name": "prompt", "type": "text" }] }))
}

#[test]
fn a_required_step_that_fails_ends_the_run_at_once() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let steps = vec![
        draw("quick", "a cat"),
        draw("bad", "offline:slow=5 offline:fail"),
        draw("slow", "a dog offline:slow=60"),
        redraw("later", "a bird", "slow"),
    ];
    let id = begin(&ada, &create(&ada, &document(steps, &["quick", "later"])), json!({}));
    assert_eq!(ada.units(), [6.0, 4.0, 0.0]);
    let result = {
        end(&ada, &id);
        ada.call("get_workflow_run", &json!({ "run_id": id }))
    };
    let run = &result["structuredContent"];
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failure"), &json!("PROVIDER_FAILED")));
    assert!(run["error"]["message"].as_str().unwrap().starts_with("Step `bad`: "), "{run}");
    assert_eq!(
        statuses(run),
        [("quick", "success"), ("bad", "failure"), ("slow", "cancelled"), ("later", "cancelled")]
    );
    assert!((5.0..8.0).contains(&took(run)), "it does not wait for the slow one: {run}");
    assert_eq!(run["price_creative_units"], 1, "what was finished is charged");
    assert_eq!(ada.units(), [9.0, 0.0, 1.0]);
    let files = run["assets"].as_array().unwrap();
    assert_eq!((files.len(), &files[0]["asset_id"]), (1, &step(run, "quick")["asset_ids"][0]));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("failure: PROVIDER_FAILED: Step `bad`: "), "{text}");
    memory.elapse(120);
    assert_eq!(&end(&ada, &id)["steps"], &run["steps"], "and the slow one does not come later");
    assert_eq!(ada.units(), [9.0, 0.0, 1.0]);
}

#[test]
fn an_optional_step_that_fails_leaves_the_choice_to_a_pick() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let pick =
        json!({ "id": "best", "type": "pick", "from": ["{{steps.fancy.files}}", "{{steps.plain.files}}"] });
    let steps = vec![
        with(draw("fancy", "{{inputs.prompt}}"), json!({ "optional": true })),
        draw("plain", "a cat"),
        pick,
        redraw("polished", "a dog", "best"),
    ];
    let workflow = create(&ada, &prompted(document(steps, &["best", "polished"])));
    for (prompt, status, picked, price) in
        [("offline:fail", "failure", "plain", 2.0), ("a lion", "success", "fancy", 3.0)]
    {
        let [before, ..] = ada.units();
        let run = end(&ada, &begin(&ada, &workflow, json!({ "prompt": prompt })));
        assert_eq!(run["status"], "success", "{run}");
        assert_eq!(
            statuses(&run),
            [("fancy", status), ("plain", "success"), ("best", "success"), ("polished", "success")]
        );
        assert_eq!(step(&run, "best")["asset_ids"], step(&run, picked)["asset_ids"]);
        let shown: Vec<_> =
            run["assets"].as_array().unwrap().iter().map(|asset| &asset["asset_id"]).collect();
        assert_eq!(shown, [&step(&run, picked)["asset_ids"][0], &step(&run, "polished")["asset_ids"][0]]);
        assert_eq!(run["price_creative_units"], price);
        assert_eq!(ada.units()[..2], [before - price, 0.0], "the rest is given back");
    }
}

#[test]
fn a_pick_that_finds_nothing_fails_the_run_and_one_of_skipped_steps_is_skipped() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let optional = |id: &str, prompt: &str| with(draw(id, prompt), json!({ "optional": true }));
    let pick = |of: &[&str]| {
        let from: Vec<_> = of.iter().map(|id| format!("{{{{steps.{id}.files}}}}")).collect();
        json!({ "id": "best", "type": "pick", "from": from })
    };
    let steps = vec![draw("kept", "a cat"), optional("bad", "offline:slow=3 offline:fail"), pick(&["bad"])];
    let failed = run(&ada, &document(steps, &["best"]), json!({}));
    assert_eq!(statuses(&failed), [("kept", "success"), ("bad", "failure"), ("best", "failure")]);
    assert_eq!(
        (&failed["status"], &failed["price_creative_units"]),
        (&json!("failure"), &json!(1)),
        "{failed}"
    );
    let after = with(draw("rescue", "a dog"), json!({ "when": { "step": "kept", "is": "failure" } }));
    let skipped =
        run(&ada, &document(vec![draw("kept", "a cat"), after, pick(&["rescue"])], &["best"]), json!({}));
    assert_eq!(statuses(&skipped), [("kept", "success"), ("rescue", "skipped"), ("best", "skipped")]);
    assert_eq!((&skipped["status"], &skipped["price_creative_units"]), (&json!("success"), &json!(1)));
}

/// Half a set is no set.
#[test]
fn a_pick_takes_nothing_of_a_step_that_failed_in_part() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let each = json!({ "for_each": "{{inputs.prompts}}", "optional": true });
    let pick =
        json!({ "id": "best", "type": "pick", "from": ["{{steps.set.files}}", "{{steps.plain.files}}"] });
    let steps = vec![with(draw("set", "{{item}}"), each), draw("plain", "a cat"), pick];
    let inputs = json!({ "inputs": [{ "name": "prompts", "type": "text_list" }] });
    let workflow = create(&ada, &with(document(steps, &["best"]), inputs));
    let run = end(&ada, &begin(&ada, &workflow, json!({ "prompts": ["a dog", "offline:fail"] })));
    assert_eq!(statuses(&run), [("set", "failure"), ("plain", "success"), ("best", "success")]);
    assert_eq!(step(&run, "set")["asset_ids"].as_array().unwrap().len(), 1);
    assert_eq!(step(&run, "best")["asset_ids"], step(&run, "plain")["asset_ids"]);
    assert_eq!(run["price_creative_units"], 2, "what was made is charged all the same");
}

#[test]
fn a_step_is_done_or_skipped_by_how_another_ended() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let when = |id: &str, step: &str, is: Value| {
        with(draw(id, "a cat"), json!({ "when": { "step": step, "is": is } }))
    };
    let steps = vec![
        with(draw("first", "{{inputs.prompt}}"), json!({ "optional": true })),
        when("rescue", "first", json!("failure")),
        when("party", "first", json!("success")),
        when("quiet", "rescue", json!("skipped")),
        when("either", "party", json!(["success", "skipped"])),
        redraw("after", "a dog", "rescue"),
    ];
    let workflow = create(&ada, &prompted(document(steps, &["either"])));
    let (done, no) = ("success", "skipped");
    for (prompt, expected, price) in [
        ("offline:fail", ["failure", done, no, no, done, done], 3),
        ("a lion", [done, no, done, done, done, no], 4),
    ] {
        let arguments = json!({ "workflow_id": workflow, "inputs": { "prompt": prompt } });
        let estimate = ada.call("estimate_workflow_price", &arguments)["structuredContent"].clone();
        assert_eq!(
            [&estimate["least_price_creative_units"], &estimate["estimated_price_creative_units"]],
            [0, 6],
            "{estimate}"
        );
        let run = end(&ada, &begin(&ada, &workflow, json!({ "prompt": prompt })));
        let found: Vec<_> = statuses(&run).into_iter().map(|(_, status)| status).collect();
        assert_eq!(found, expected, "{prompt}");
        assert_eq!((&run["status"], &run["price_creative_units"]), (&json!("success"), &json!(price)));
    }
    assert_eq!(ada.units(), [13.0, 0.0, 7.0]);
}

#[test]
fn a_step_for_each_file_has_as_many_as_were_made() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let each = json!({ "for_each": "{{inputs.prompts}}", "optional": true });
    let mut after = with(draw("after", "a dog"), json!({ "for_each": "{{steps.pictures.files}}" }));
    after["parameters"]["guidance_files"] = json!([{ "file_id": "{{item}}", "type": "init_image" }]);
    let steps = vec![with(draw("pictures", "{{item}}"), each), after];
    let inputs = json!({ "inputs": [{ "name": "prompts", "type": "text_list" }] });
    let workflow = create(&ada, &with(document(steps, &["after"]), inputs));
    let id = begin(&ada, &workflow, json!({ "prompts": ["a cat offline:slow=9", "offline:fail", "a dog"] }));
    assert_eq!(ada.units(), [14.0, 6.0, 0.0]);
    memory.elapse(5);
    let midway = ada.call("get_workflow_run", &json!({ "run_id": id, "wait_seconds": 0 }));
    assert_eq!(
        statuses(&midway["structuredContent"]),
        [("pictures", "running"), ("after", "pending")],
        "which files there are is known when all have ended"
    );
    let run = end(&ada, &id);
    assert_eq!(statuses(&run), [("pictures", "failure"), ("after", "success")]);
    let files = |id: &str| step(&run, id)["asset_ids"].as_array().unwrap().len();
    assert_eq!((files("pictures"), files("after"), run["assets"].as_array().unwrap().len()), (2, 2, 2));
    assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
}

#[test]
fn a_run_cancelled_midway_keeps_and_charges_what_was_made() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let steps = vec![
        draw("quick", "a cat"),
        draw("slow", "a dog offline:slow=60"),
        redraw("later", "a bird", "slow"),
    ];
    let id = begin(&ada, &create(&ada, &document(steps, &["quick", "later"])), json!({}));
    memory.elapse(10);
    let cancelled = ada.call("cancel_workflow_run", &json!({ "run_id": id }))["structuredContent"].clone();
    assert_eq!(statuses(&cancelled), [("quick", "success"), ("slow", "cancelled"), ("later", "cancelled")]);
    assert_eq!(
        [&cancelled["status"], &cancelled["price_creative_units"], &cancelled["released_creative_units"]],
        [&json!("cancelled"), &json!(1), &json!(2)]
    );
    assert_eq!(cancelled["assets"].as_array().unwrap().len(), 1);
    assert_eq!(ada.units(), [9.0, 0.0, 1.0]);
    memory.elapse(120);
    let again = ada.call("cancel_workflow_run", &json!({ "run_id": id }))["structuredContent"].clone();
    assert_eq!((&again["steps"], &again["completed_at"]), (&cancelled["steps"], &cancelled["completed_at"]));
    assert_eq!(ada.units(), [9.0, 0.0, 1.0]);
    let ended = begin(&ada, &create(&ada, &document(vec![draw("quick", "a cat")], &["quick"])), json!({}));
    end(&ada, &ended);
    assert_eq!(
        ada.refused("cancel_workflow_run", &json!({ "run_id": ended }))["code"],
        "RUN_ALREADY_TERMINAL"
    );
}

/// Thirteen steps of 290 seconds, one after the other: the thirteenth is under way when the hour is over.
#[test]
fn after_an_hour_the_rest_is_given_back() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let steps: Vec<_> = (0..13)
        .map(|number| {
            let step = draw(&format!("s{number}"), "a cat offline:slow=290");
            let before = format!("s{}", number - 1);
            let when = json!({ "when": { "step": before, "is": "success" } });
            if number == 0 { step } else { with(step, when) }
        })
        .collect();
    let id = begin(&ada, &create(&ada, &document(steps, &["s12"])), json!({}));
    memory.elapse(WORKFLOW_DEADLINE_SECONDS - 1);
    let late = ada.call("get_workflow_run", &json!({ "run_id": id, "wait_seconds": 0 }));
    assert_eq!(late["structuredContent"]["status"], "running");
    memory.elapse(10);
    let run = end(&ada, &id);
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failure"), &json!("PROVIDER_FAILED")));
    let found: Vec<_> = statuses(&run).into_iter().map(|(_, status)| status).collect();
    assert_eq!(found[..12], ["success"; 12]);
    assert_eq!((found[12], &run["price_creative_units"]), ("cancelled", &json!(12)));
    assert_eq!(run["assets"].as_array().unwrap().len(), 12);
    assert_eq!(ada.units(), [8.0, 0.0, 12.0]);
}

/// Four attempts of 290 seconds do not fit into the quarter of an hour that one model run has.
#[test]
fn a_step_that_does_not_finish_in_time_fails_by_itself() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 20.0);
    let bad = with(draw("bad", "offline:slow=290 offline:fail"), json!({ "retries": 3, "optional": true }));
    let id = begin(&ada, &create(&ada, &document(vec![bad, draw("good", "a cat")], &["good"])), json!({}));
    memory.elapse(ITEM_DEADLINE_SECONDS - 5);
    let late = ada.call("get_workflow_run", &json!({ "run_id": id, "wait_seconds": 0 }));
    assert_eq!(statuses(&late["structuredContent"]), [("bad", "running"), ("good", "success")]);
    memory.elapse(15);
    let run = end(&ada, &id);
    assert_eq!(statuses(&run), [("bad", "failure"), ("good", "success")]);
    assert!(step(&run, "bad")["error"]["message"].as_str().unwrap().contains("in time"), "{run}");
    assert_eq!((&run["status"], ada.units()), (&json!("success"), [19.0, 0.0, 1.0]));
}
