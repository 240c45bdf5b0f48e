//! A price that a person has to agree to: asked by multi round-trip in the modern era, on the call's stream in a
//! session. Not for: who may set the threshold (`pages`).

mod session;

use crate::support::client::error_of;
use crate::support::http::Answer;
use crate::support::{Client, Memory};
use atelier::crypto;
use atelier::id::PersonId;
use atelier::mcp::era::META_CAPABILITIES;
use atelier::platform::Platform;
use atelier::units::Units;
use atelier::workspace::{Actor, Command, Reply, Workspace};
use futures::future::join_all;
use serde_json::{Value, json};

const PARAMS: i64 = -32602;

/// Asks above this many units from now on.
fn ask_above(client: &Client, units: Option<i64>) {
    let actor = Actor::person(&PersonId::of(&client.person), None, "r");
    let command = Command::SetConfirmAbove { actor, above: units.map(Units::whole) };
    let reply = client.memory.run(client.memory.ask::<Workspace>(&client.workspace_id, command)).unwrap();
    assert!(matches!(reply, Reply::Done), "{reply:?}");
}

fn forms() -> Value {
    json!({ "elicitation": {} })
}

/// Somebody whose workspace asks above 2 units.
fn ada(memory: &Memory) -> Client {
    let ada = Client::new(memory, "ada", 20.0).declaring(forms());
    ask_above(&ada, Some(2));
    ada
}

/// Four units.
fn dear() -> Value {
    json!({ "model_id": "offline-image", "prompt": "four cats", "width": 64, "height": 64, "batch_size": 4 })
}

fn call(client: &Client, more: Value) -> Answer {
    let mut params = json!({ "name": "execute_forge", "arguments": dear() });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.request("tools/call", params)
}

/// The state of a call that ended with the question.
fn asked(answer: &Answer) -> Value {
    let result = answer.result();
    assert_eq!(result["resultType"], "input_required", "{result}");
    assert_eq!(result["inputRequests"]["confirm_price"]["method"], "elicitation/create");
    assert!(result.get("content").is_none() && result.get("ttlMs").is_none());
    result["requestState"].clone()
}

fn yes() -> Value {
    json!({ "action": "accept", "content": { "go_on": true } })
}

/// The same call once more, with an answer.
fn answered(state: &Value, answer: Value) -> Value {
    json!({ "requestState": state, "inputResponses": { "confirm_price": answer } })
}

fn run_id(answer: &Answer) -> String {
    let result = answer.result();
    assert!(result.get("isError").is_none(), "{result}");
    result["structuredContent"]["inference_id"].as_str().unwrap().to_owned()
}

fn refused(answer: &Answer) -> Value {
    error_of(&answer.result())
}

fn rpc_error(answer: &Answer) -> (u16, i64, String) {
    let error = &answer.message()["error"];
    (
        answer.status,
        error["code"].as_i64().unwrap_or_default(),
        error["message"].as_str().unwrap_or_default().into(),
    )
}

#[test]
fn a_high_price_is_asked_about_and_an_accepted_one_is_paid() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let first = call(&ada, json!({}));
    let state = asked(&first);
    let question = first.result()["inputRequests"]["confirm_price"]["params"].clone();
    assert_eq!(
        question,
        json!({
            "message": "offline-image will cost 4 Creative Units, which is above the 2 from which this workspace asks first. Go on?",
            "requestedSchema": {
                "type": "object",
                "properties": { "go_on": {
                    "type": "boolean", "title": "Spend up to 4 Creative Units", "default": true,
                    "description": "Yes begins it and sets the units aside; no charges nothing.",
                } },
                "required": ["go_on"],
            },
        })
    );
    assert_eq!(ada.units(), [20.0, 0.0, 0.0], "nothing is set aside before the answer");
    memory.kill();
    memory.elapse(9 * 60);
    let run = run_id(&call(&ada, answered(&state, yes())));
    assert_eq!(ada.units(), [16.0, 4.0, 0.0]);
    assert_eq!(ada.run_to_end(&run)["structuredContent"]["status"], "complete");
    assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
}

#[test]
fn what_is_not_above_the_threshold_is_not_asked_about() {
    let memory = Memory::new();
    let ada = ada(&memory);
    ask_above(&ada, Some(4));
    run_id(&call(&ada, json!({})));
    memory.elapse(60);
    ask_above(&ada, None);
    run_id(&call(&ada, json!({})));
    assert_eq!(ada.units()[0], 12.0);
}

#[test]
fn who_cannot_be_asked_is_not_asked() {
    let memory = Memory::new();
    let owner = ada(&memory);
    let cases = [json!({}), json!({ "elicitation": { "url": {} } }), json!({ "elicitation": true })];
    for capabilities in cases {
        run_id(&call(&owner.clone().declaring(capabilities), json!({})));
        memory.elapse(60);
    }
    for kinds in [json!({}), json!({ "form": {} }), json!({ "form": {}, "url": {} })] {
        asked(&call(&owner.clone().declaring(json!({ "elicitation": kinds })), json!({})));
    }
    assert_eq!(owner.units()[0], 8.0);
}

#[test]
fn no_is_a_refusal_that_charges_nothing() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let state = asked(&call(&ada, json!({})));
    let answers = [
        json!({ "action": "decline" }),
        json!({ "action": "cancel" }),
        json!({ "action": "accept", "content": { "go_on": false } }),
        json!({ "action": "decline", "content": { "go_on": true } }),
    ];
    for answer in answers {
        let refusal = refused(&call(&ada, answered(&state, answer)));
        assert_eq!(
            (&refusal["code"], &refusal["message"]),
            (
                &json!("DECLINED"),
                &json!("The person did not agree to 4 Creative Units. Nothing was charged.")
            )
        );
    }
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
}

#[test]
fn without_an_answer_it_is_asked_again() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let state = asked(&call(&ada, json!({})));
    let given = [
        json!({ "requestState": state }),
        json!({ "requestState": state, "inputResponses": {} }),
        json!({ "requestState": state, "inputResponses": { "other": yes() } }),
        json!({ "requestState": state, "inputResponses": 7 }),
        json!({ "inputResponses": { "confirm_price": yes() } }),
        answered(&state, json!(7)),
        answered(&state, json!({ "action": "accept" })),
        answered(&state, json!({ "action": "accept", "content": { "go_on": "true" } })),
        answered(&state, json!({ "action": "shrug", "content": { "go_on": true } })),
    ];
    for more in given {
        let again = asked(&call(&ada, more));
        assert_ne!(again, state);
    }
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
    let extra = json!({ "requestState": state, "inputResponses": { "confirm_price": yes(), "other": 1 } });
    run_id(&call(&ada, extra));
}

#[test]
fn state_that_is_not_for_this_call_is_refused() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
    let other_token = Client::with_token(&memory, "ada", json!({ "workspace_id": ada.workspace_id }));
    let sealed = asked(&call(&ada, json!({})));
    let text = sealed.as_str().unwrap();
    let (body, tag) = text.split_once('.').unwrap();
    let open = String::from_utf8(crypto::from_base64url(body).unwrap()).unwrap();
    assert!(!open.contains(&ada.token) && !open.contains("four cats"), "{open}");
    let cheaper = open.replace("\"price\":4", "\"price\":9");
    assert_ne!(cheaper, open);
    let altered = format!("{}.{tag}", crypto::base64url(cheaper.as_bytes()));
    let session = memory.config().signer("session").seal(&open);
    for state in [json!(altered), json!(session), json!("x"), json!(""), json!(7), json!(null), json!([])] {
        let (status, code, message) = rpc_error(&call(&ada, answered(&state, yes())));
        assert_eq!((status, code), (200, PARAMS), "{state}");
        assert!(
            message.ends_with("Make the call again without requestState and inputResponses."),
            "{message}"
        );
    }
    for client in [&bob.declaring(forms()), &other_token.declaring(forms())] {
        let (status, code, message) = rpc_error(&call(client, answered(&sealed, yes())));
        assert_eq!((status, code), (200, PARAMS), "{message}");
        assert!(message.contains("belongs to another call"), "{message}");
    }
    let mut dearer = answered(&sealed, yes());
    dearer["arguments"] = dear();
    dearer["arguments"]["batch_size"] = json!(8);
    assert!(rpc_error(&call(&ada, dearer)).2.contains("another call"));
    let mut other = answered(&sealed, yes());
    other["name"] = json!("estimate_forge_price");
    assert!(
        rpc_error(&ada.request("tools/call", {
            other["arguments"] = dear();
            other
        }))
        .2
        .contains("another call")
    );
    memory.elapse(10 * 60);
    let late = rpc_error(&call(&ada, answered(&sealed, yes())));
    assert!(late.1 == PARAMS && late.2.contains("has expired"), "{late:?}");
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
}

#[test]
fn a_price_that_rose_is_asked_about_again() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let sealed = asked(&call(&ada, json!({})));
    let (body, _) = sealed.as_str().unwrap().split_once('.').unwrap();
    let open = String::from_utf8(crypto::from_base64url(body).unwrap()).unwrap();
    let lower = open.replace("\"price\":4", "\"price\":3.9");
    let agreed_to_less = memory.config().signer("price confirmation").seal(&lower);
    asked(&call(&ada, answered(&json!(agreed_to_less), yes())));
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
}

#[test]
fn one_agreement_begins_one_run_however_often_it_is_sent() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let state = asked(&call(&ada, json!({})));
    let run = run_id(&call(&ada, answered(&state, yes())));
    assert_eq!(run_id(&call(&ada, answered(&state, yes()))), run);
    ada.run_to_end(&run);
    memory.kill();
    let replayed = call(&ada, answered(&state, yes()));
    assert_eq!(run_id(&replayed), run, "although the first has ended");
    let warning = replayed.result()["structuredContent"]["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.starts_with("the same agreement to the price was used before"), "{warning}");
    assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
    // Whoever wants another one is asked another time.
    let second = asked(&call(&ada, json!({})));
    assert_ne!(run_id(&call(&ada, answered(&second, yes()))), run);
    assert_eq!(ada.units(), [12.0, 4.0, 4.0]);
}

#[test]
fn an_agreement_that_met_the_same_call_under_way_stays_with_it() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let states = [asked(&call(&ada, json!({}))), asked(&call(&ada, json!({})))];
    let runs = states.each_ref().map(|state| run_id(&call(&ada, answered(state, yes()))));
    assert_eq!(runs[0], runs[1], "the first is still under way");
    ada.run_to_end(&runs[0]);
    for state in &states {
        assert_eq!(run_id(&call(&ada, answered(state, yes()))), runs[0]);
    }
    assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
}

#[test]
fn the_callers_own_key_goes_first() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let keyed = |more: Value| {
        let mut params = more;
        params["arguments"] = dear();
        params["arguments"]["idempotency_key"] = "mine".into();
        call(&ada, params)
    };
    let state = asked(&keyed(json!({})));
    let run = run_id(&keyed(answered(&state, yes())));
    ada.run_to_end(&run);
    let replayed = keyed(answered(&state, yes()));
    assert_eq!(run_id(&replayed), run);
    let warning = replayed.result()["structuredContent"]["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.starts_with("idempotency_key was used before"), "{warning}");
    assert_eq!(run_id(&keyed(json!({}))), run, "what exists needs no agreement");
    assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
}

#[test]
fn two_answers_at_once_pay_once() {
    for seed in 0..20 {
        let memory = Memory::with(seed, &[]);
        let ada = ada(&memory);
        let state = asked(&call(&ada, json!({})));
        memory.state(|state| state.shuffles = true);
        let ask = || {
            let mut params = answered(&state, yes());
            params["name"] = "execute_forge".into();
            params["arguments"] = dear();
            memory.send(ada.compose("tools/call", params))
        };
        let answers = memory.run(join_all([ask(), ask(), ask()]));
        assert!(answers.iter().any(|answer| answer.result()["isError"] != true), "seed {seed}");
        memory.elapse(60);
        assert_eq!(ada.units(), [16.0, 0.0, 4.0], "seed {seed}");
    }
}

/// The answer is sent, the process dies anywhere in between, and the client sends it again.
#[test]
fn a_kill_during_the_accepted_call_does_not_charge_twice() {
    let mut charged = 0;
    for points in 0..60 {
        let memory = Memory::with(points, &[]);
        let ada = ada(&memory);
        let state = asked(&call(&ada, json!({})));
        let mut params = answered(&state, yes());
        params["name"] = "execute_forge".into();
        params["arguments"] = dear();
        memory.state(|state| state.kill_after = Some(points));
        let first = memory.attempt(memory.send(ada.compose("tools/call", params)));
        memory.state(|state| state.kill_after = None);
        memory.elapse(60);
        let again = run_id(&call(&ada, answered(&state, yes())));
        if let Some(first) = first {
            assert_eq!(run_id(&first), again, "after {points} points");
        }
        memory.elapse(60);
        let [balance, reserved, spent] = ada.units();
        assert_eq!((balance + spent, reserved), (20.0, 0.0));
        assert!(spent == 4.0 || spent == 0.0, "{spent} after {points} points");
        charged += u32::from(spent == 4.0);
    }
    assert!(charged > 30, "{charged}");
}

#[test]
fn the_question_comes_before_the_task() {
    let memory = Memory::new();
    let both = json!({ "elicitation": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let ada = ada(&memory).declaring(both);
    let state = asked(&call(&ada, json!({})));
    let task = call(&ada, answered(&state, yes())).result();
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")));
    assert!(task.get("requestState").is_none() && task.get("inputRequests").is_none());
    assert_eq!(refused(&call(&ada, answered(&state, json!({ "action": "decline" }))))["code"], "DECLINED");
    let again = call(&ada, answered(&state, yes())).result();
    assert_eq!(again["taskId"], task["taskId"]);
    memory.elapse(60);
    let done = ada.request("tasks/get", json!({ "taskId": task["taskId"] })).result();
    assert_eq!(done["status"], "completed");
    assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
}

#[test]
fn other_refusals_come_before_the_question() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let mut poor = json!({ "arguments": dear() });
    poor["arguments"]["max_price_creative_units"] = json!(3);
    assert_eq!(refused(&call(&ada, poor))["code"], "PRICE_ABOVE_LIMIT");
    let eve = Client::new(&memory, "eve", 3.0).declaring(forms());
    ask_above(&eve, Some(2));
    assert_eq!(refused(&call(&eve, json!({})))["code"], "INSUFFICIENT_BALANCE");
}

/// The capability counts for the request that declares it, and for no other.
#[test]
fn the_modern_era_remembers_no_capability() {
    let memory = Memory::new();
    let ada = ada(&memory);
    asked(&call(&ada, json!({})));
    run_id(&call(&ada, json!({ "_meta": { META_CAPABILITIES: {} } })));
}

#[test]
fn a_workflow_is_asked_about_at_the_most_it_can_cost() {
    let memory = Memory::new();
    let ada = ada(&memory);
    let arguments =
        json!({ "workflow_id": "icon-set", "inputs": { "subjects": ["a", "b", "c"], "size": 64 } });
    let ask = |more: Value| {
        let mut params = more;
        params["name"] = "execute_workflow".into();
        params["arguments"] = arguments.clone();
        ada.request("tools/call", params)
    };
    let first = ask(json!({}));
    let state = asked(&first);
    let question = first.result()["inputRequests"]["confirm_price"]["params"]["message"].clone();
    assert!(question.as_str().unwrap().starts_with("icon-set will cost "), "{question}");
    let run = ask(answered(&state, yes())).result()["structuredContent"]["run_id"].clone();
    memory.elapse(60);
    let again = ask(answered(&state, yes())).result()["structuredContent"].clone();
    assert_eq!((&again["run_id"], &again["status"]), (&run, &json!("success")));
    assert_eq!(ada.units()[1], 0.0);
}
