//! The question in a legacy session: it goes out on the call's own stream, the answer comes by another request.

use super::{ada, dear, forms, yes};
use crate::support::client::error_of;
use crate::support::{Answer, Client, Fault, Memory};
use atelier::mcp::era::Era;
use atelier::platform::Platform;
use futures::StreamExt;
use futures::future::join;
use serde_json::{Value, json};

/// Still under way when the next call is made.
fn slow() -> Value {
    let mut arguments = dear();
    arguments["prompt"] = "four cats offline:slow=5".into();
    arguments
}

/// Opens the stream of a dear call in a session, up to the question in it.
fn open(client: &Client) -> (Answer, Value) {
    let memory = &client.memory;
    let mut stream = memory.run(memory.open(client.tool("execute_forge", &slow())));
    assert_eq!((stream.status, stream.header("content-type")), (200, Some("text/event-stream")));
    let event = stream.next_event(memory).unwrap();
    let question = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    (stream, serde_json::from_str(question).unwrap())
}

/// The response at the end of such a stream.
fn end(client: &Client, stream: Answer) -> Value {
    let events = client.memory.run(stream.events.unwrap().collect::<Vec<_>>()).concat();
    let data = events.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    serde_json::from_str::<Value>(data).unwrap()["result"].clone()
}

fn reply(client: &Client, question: &Value, result: Value) {
    let body = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    assert_eq!(client.memory.answer(client.post(body)).status, 202);
}

#[test]
fn a_session_asks_on_the_calls_own_stream() {
    for era in [Era::V2025_06_18, Era::V2025_11_25] {
        let memory = Memory::new();
        let ada = ada(&memory).in_session(era);
        let (stream, question) = open(&ada);
        assert_eq!((&question["method"], question.get("mode")), (&json!("elicitation/create"), None));
        let message = question["params"]["message"].as_str().unwrap();
        assert!(message.contains("4 Creative Units"), "{message}");
        assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
        reply(&ada, &question, yes());
        let result = end(&ada, stream);
        let run = result["structuredContent"]["inference_id"].as_str().unwrap();
        assert_eq!(ada.units(), [16.0, 4.0, 0.0]);
        ada.run_to_end(run);
        assert_eq!(ada.units(), [16.0, 0.0, 4.0]);
    }
}

#[test]
fn no_in_a_session_charges_nothing_whoever_says_it() {
    let memory = Memory::new();
    let ada = ada(&memory).in_session(Era::V2025_11_25);
    let answers = [
        (json!({ "action": "decline" }), "did not agree"),
        (json!({ "action": "cancel" }), "did not agree"),
        (json!({ "action": "accept", "content": { "go_on": false } }), "did not agree"),
        (json!({ "action": "accept" }), "neither yes nor no"),
    ];
    for (answer, words) in answers {
        let (stream, question) = open(&ada);
        reply(&ada, &question, answer);
        let refusal = error_of(&end(&ada, stream));
        assert_eq!(refusal["code"], "DECLINED");
        assert!(refusal["message"].as_str().unwrap().contains(words), "{refusal}");
    }
    let (stream, question) = open(&ada);
    let body =
        json!({ "jsonrpc": "2.0", "id": question["id"], "error": { "code": -32601, "message": "no" } });
    assert_eq!(memory.answer(ada.post(body)).status, 202);
    let refusal = error_of(&end(&ada, stream));
    assert!(refusal["message"].as_str().unwrap().contains("could not ask the person"), "{refusal}");

    let (stream, _) = open(&ada);
    let before = memory.now();
    let refusal = error_of(&end(&ada, stream));
    assert_eq!(memory.now().millis_since(before), 45_000);
    assert_eq!(refusal["code"], "DECLINED");
    let text = refusal.to_string();
    assert!(text.contains("Nothing was charged") && text.contains("make the same call again"), "{text}");
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
}

#[test]
fn an_answer_of_somebody_else_is_none() {
    let memory = Memory::new();
    let ada = ada(&memory).in_session(Era::V2025_11_25);
    let eve = Client::new(&memory, "eve", 1.0).declaring(forms()).in_session(Era::V2025_11_25);
    let (stream, question) = open(&ada);
    reply(&eve, &question, yes());
    let refusal = error_of(&end(&ada, stream));
    assert_eq!(refusal["code"], "DECLINED");
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
}

#[test]
fn two_questions_at_once_in_one_session_have_each_their_answer() {
    let memory = Memory::new();
    let ada = ada(&memory).in_session(Era::V2025_11_25);
    let ((one, first), (two, second)) = (open(&ada), open(&ada));
    assert_ne!(first["id"], second["id"]);
    reply(&ada, &second, yes());
    reply(&ada, &first, json!({ "action": "decline" }));
    assert_eq!(error_of(&end(&ada, one))["code"], "DECLINED");
    assert!(end(&ada, two).get("isError").is_none());
    assert_eq!(ada.units(), [16.0, 4.0, 0.0]);
}

/// The client is gone with the process; what was not agreed to is not begun.
#[test]
fn a_kill_while_a_session_is_asked_charges_nothing() {
    let memory = Memory::new();
    let ada = ada(&memory).in_session(Era::V2025_11_25);
    let (stream, question) = open(&ada);
    drop(stream);
    memory.kill();
    reply(&ada, &question, yes());
    memory.elapse(60);
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
    let (stream, question) = open(&ada);
    reply(&ada, &question, yes());
    assert!(end(&ada, stream).get("isError").is_none());
    assert_eq!(ada.units(), [16.0, 4.0, 0.0]);
}

/// It has to have a session to be asked through, a stream to be asked on, and to know the question at all.
#[test]
fn who_cannot_be_asked_in_a_legacy_call_is_not() {
    let memory = Memory::new();
    let owner = ada(&memory);
    let tool = |client: &Client| client.tool("execute_forge", &dear());
    let calls = [
        tool(&owner.clone().in_era(Era::V2025_11_25)),
        tool(&owner.clone().in_session(Era::V2025_11_25)).with("accept", "application/json"),
        tool(&owner.clone().in_session(Era::V2025_03_26)),
        tool(&owner.clone().declaring(json!({})).in_session(Era::V2025_11_25)),
    ];
    for call in calls {
        let result = memory.answer(call).result();
        assert!(result["content"][0]["text"].as_str().unwrap().starts_with("in_progress"), "{result}");
        memory.elapse(60);
    }
    assert_eq!(owner.units(), [4.0, 0.0, 16.0]);
}

#[test]
fn a_session_that_cannot_be_reached_is_an_error_that_charges_nothing() {
    let memory = Memory::new();
    let ada = ada(&memory).in_session(Era::V2025_11_25);
    memory.meet("ask SESSION", Fault::Refuse);
    let answer = memory.answer(ada.tool("execute_forge", &dear()));
    assert_eq!(answer.message()["error"]["code"], -32603);
    assert_eq!(ada.units(), [20.0, 0.0, 0.0]);
}

#[test]
fn asking_and_answering_cross_without_harm() {
    for seed in 0..10 {
        let memory = Memory::with(seed, &[]);
        let ada = ada(&memory).in_session(Era::V2025_11_25);
        memory.state(|state| state.shuffles = true);
        let (one, two) = (open(&ada), open(&ada));
        let said = |(_, question): &(Answer, Value)| {
            let body = json!({ "jsonrpc": "2.0", "id": question["id"], "result": yes() });
            memory.send(ada.post(body))
        };
        memory.run(join(said(&one), said(&two)));
        let ends = [end(&ada, one.0), end(&ada, two.0)];
        assert!(ends.iter().any(|result| result.get("isError").is_none()), "{ends:?}");
        memory.elapse(60);
        assert_eq!(ada.units(), [16.0, 0.0, 4.0], "the same call under way is one run");
    }
}
