//! Runs as tasks: the extension io.modelcontextprotocol/tasks of 2026-07-28.
//! Not for: agreeing to a price before a task begins (`confirm`).

use crate::support::client::operate;
use crate::support::{Answer, Client, Fault, Memory};
use crate::workflows::create;
use atelier::error::{Code, Refusal};
use atelier::mcp::era::Era;
use atelier::platform::Platform;
use futures::future::join;
use serde_json::{Value, json};

const PARAMS: i64 = -32602;
const METHOD: i64 = -32601;
const MISSING: i64 = -32021;
const HEADER: i64 = -32020;
/// 30 days.
const TTL_MILLIS: i64 = 2_592_000_000;

fn declared() -> Value {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })
}

fn ada(memory: &Memory, units: f64) -> Client {
    Client::new(memory, "ada", units).declaring(declared())
}

/// Without a seed two of them are the same call.
fn picture(prompt: &str) -> Value {
    json!({ "model_id": "offline-image", "prompt": prompt, "width": 64, "height": 64 })
}

/// Begins a generation: the task.
fn begin(client: &Client, prompt: &str) -> Value {
    let task = client.memory.answer(client.tool("execute_forge", &picture(prompt))).result();
    assert_eq!(task["resultType"], "task", "{task}");
    task
}

fn id(task: &Value) -> String {
    task["taskId"].as_str().unwrap().to_owned()
}

fn ask(client: &Client, method: &str, task_id: &str) -> Answer {
    let mut params = json!({ "taskId": task_id });
    if method == "tasks/update" {
        params["inputResponses"] = json!({});
    }
    client.request(method, params)
}

fn get(client: &Client, task_id: &str) -> Value {
    let task = ask(client, "tasks/get", task_id).result();
    assert_eq!((&task["resultType"], &task["taskId"]), (&json!("complete"), &json!(task_id)), "{task}");
    task
}

fn is_ack(answer: &Answer) {
    let result = answer.result();
    let fields: Vec<_> = result.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((fields, &result["resultType"]), (vec!["_meta", "resultType"], &json!("complete")));
}

fn error(answer: &Answer) -> (u16, i64) {
    (answer.status, answer.message()["error"]["code"].as_i64().unwrap_or_default())
}

#[test]
fn a_generation_is_a_task_from_before_its_answer_to_its_result() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let announced = ada.request("server/discover", json!({})).result();
    assert_eq!(announced["capabilities"]["extensions"], declared()["extensions"]);
    let mut task = begin(&ada, "a cat offline:slow=4");
    memory.kill();
    let task_id = id(&task);
    assert_eq!(ada.units(), [4.0, 1.0, 0.0], "the price is set aside before the answer");
    let created = memory.now();
    task.as_object_mut().unwrap().remove("_meta");
    assert_eq!(
        task,
        json!({
            "resultType": "task", "taskId": task_id, "status": "working",
            "statusMessage": "offline-image: 0 %, up to 1 Creative Unit set aside.",
            "createdAt": created.iso(), "lastUpdatedAt": created.iso(),
            "ttlMs": TTL_MILLIS, "pollIntervalMs": 2000,
        })
    );
    memory.elapse(2);
    let working = get(&ada, &task_id);
    assert_eq!((&working["status"], working.get("result")), (&json!("working"), None));
    let words = working["statusMessage"].as_str().unwrap();
    assert!(words.ends_with(" %, up to 1 Creative Unit set aside.") && !words.contains(": 0 %"), "{words}");

    memory.elapse(30);
    let mut done = get(&ada, &task_id);
    let mut read = ada.run_to_end(&task_id);
    assert_eq!((&done["status"], &done["createdAt"]), (&json!("completed"), &json!(created.iso())));
    assert_eq!(done["statusMessage"], "offline-image: complete, 1 Creative Unit charged.");
    assert_eq!(done["lastUpdatedAt"], read["structuredContent"]["completed_at"]);
    let kinds: Vec<_> = read["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(json!(kinds), json!(["text", "image", "resource_link"]));
    for result in [&mut done["result"], &mut read] {
        result.as_object_mut().unwrap().remove("_meta");
    }
    assert_eq!(done["result"], read, "the result is what get_forge_run answers");
    assert_eq!(ada.units(), [4.0, 0.0, 1.0]);
}

#[test]
fn whoever_does_not_declare_it_gets_the_handle() {
    let memory = Memory::new();
    let other = json!({ "extensions": { "io.modelcontextprotocol/ui": {} }, "tasks": {} });
    let empty = json!({ "extensions": { "io.modelcontextprotocol/tasks": true } });
    for (number, capabilities) in [json!({}), other, empty].into_iter().enumerate() {
        let plain = Client::new(&memory, &format!("p{number}"), 5.0).declaring(capabilities);
        let result = plain.call("execute_forge", &picture("a cat"));
        assert_eq!(result["resultType"], "complete");
        let run = result["structuredContent"]["inference_id"].as_str().unwrap();
        for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
            let answer = ask(&plain, method, run);
            assert_eq!(error(&answer), (400, MISSING), "{method}");
            assert_eq!(
                answer.json()["error"]["data"],
                json!({ "requiredCapabilities": { "extensions": { "io.modelcontextprotocol/tasks": {} } } })
            );
        }
        let answer = plain.request("subscriptions/listen", json!({ "notifications": { "taskIds": [run] } }));
        assert_eq!(error(&answer), (400, MISSING));
    }
    for era in [Era::V2025_03_26, Era::V2025_06_18, Era::V2025_11_25] {
        let old = ada(&memory, 5.0).in_session(era);
        let result = old.call("execute_forge", &picture("a cat"));
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        assert!(text.starts_with("in_progress"), "{result}");
        for method in ["tasks/get", "tasks/cancel", "tasks/update", "tasks/list", "tasks/result"] {
            assert_eq!(error(&ask(&old, method, "x")), (200, METHOD), "{method} in {era:?}");
        }
    }
}

#[test]
fn a_refusal_is_a_result_and_a_failed_run_a_completed_task() {
    let memory = Memory::new();
    let ada = ada(&memory, 1.0);
    let wide = json!({ "model_id": "offline-image", "prompt": "x", "width": 1 });
    for (arguments, code) in
        [(wide, "INVALID_INPUTS"), (json!({ "model_id": "none", "prompt": "x" }), "MODEL_NOT_FOUND")]
    {
        assert_eq!(ada.refused("execute_forge", &arguments)["code"], code);
    }
    let task_id = id(&begin(&ada, "offline:slow=1 offline:fail"));
    assert_eq!(ada.refused("execute_forge", &picture("another"))["code"], "INSUFFICIENT_BALANCE");
    memory.elapse(60);
    let task = get(&ada, &task_id);
    assert_eq!((&task["status"], task.get("error")), (&json!("completed"), None));
    assert_eq!(task["result"]["isError"], true);
    let text = task["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("PROVIDER_FAILED: ") && text.contains(" Next: "), "{text}");
    assert_eq!(task["result"]["structuredContent"]["error"]["code"], "PROVIDER_FAILED");
    assert_eq!(task["result"]["_meta"]["dev.atelier/error"]["code"], "PROVIDER_FAILED");
    assert_eq!(task["statusMessage"], "offline-image: failed, 0 Creative Units charged.");
    assert_eq!(ada.units(), [1.0, 0.0, 0.0]);
}

#[test]
fn a_cancelled_task_stays_cancelled_and_one_that_ended_stays_what_it_is() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let (long, short) = (id(&begin(&ada, "offline:slow=60")), id(&begin(&ada, "offline:slow=1")));
    is_ack(&ask(&ada, "tasks/update", &long));
    assert_eq!(get(&ada, &long)["status"], "working");
    for _ in 0..2 {
        is_ack(&ask(&ada, "tasks/cancel", &long));
        memory.kill();
        let task = get(&ada, &long);
        assert_eq!((&task["status"], task.get("result")), (&json!("cancelled"), None));
        assert_eq!(task["statusMessage"], "offline-image: cancelled, 0 Creative Units charged.");
    }
    memory.elapse(60);
    for method in ["tasks/cancel", "tasks/update", "tasks/cancel"] {
        is_ack(&ask(&ada, method, &short));
        assert_eq!(get(&ada, &short)["status"], "completed");
    }
    assert_eq!(ada.units(), [4.0, 0.0, 1.0]);
    let bare = ada.request("tasks/update", json!({ "taskId": long }));
    assert_eq!(error(&bare), (200, PARAMS), "no answers at all");
}

#[test]
fn a_task_that_is_not_ones_own_does_not_exist() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let eve = Client::new(&memory, "eve", 5.0).declaring(declared());
    let task_id = id(&begin(&ada, "offline:slow=20"));
    let nobodys = "01920000-0000-7000-8000-000000000000";
    let mut told = Vec::new();
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        for (client, named) in [(&eve, task_id.as_str()), (&ada, nobodys), (&ada, "x"), (&ada, "")] {
            let answer = ask(client, method, named);
            assert_eq!(error(&answer), (200, PARAMS), "{method} {named}");
            let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
            told.push(message.replace(named, "…"));
        }
        let bare = ada.request(method, json!({}));
        assert_eq!(error(&bare), (200, PARAMS), "{method} without taskId");
    }
    assert!(told.iter().filter(|text| told[0] == **text).count() >= 9, "told apart: {told:?}");
    assert_eq!(get(&ada, &task_id)["status"], "working", "nobody else has cancelled it");
    // Whoever belongs to the workspace may follow its runs, as with get_forge_run.
    let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
    assert_eq!(get(&bob.declaring(declared()), &task_id)["status"], "working");
    memory.elapse(30);
    memory.elapse(30 * 24 * 3600 + 3600);
    assert_eq!(error(&ask(&ada, "tasks/get", &task_id)), (200, PARAMS), "it was kept for its time");
}

#[test]
fn either_scope_may_follow_and_only_one_may_stop() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let task_id = id(&begin(&ada, "offline:slow=20"));
    let with = |scopes: &str| {
        let more = json!({ "workspace_id": ada.workspace_id, "scopes": scopes });
        Client::with_token(&memory, "bob", more).declaring(declared())
    };
    let (reads, executes, other) =
        (with("forge:read"), with("forge:execute"), with("workflows:read workflows:execute"));
    assert_eq!(get(&reads, &task_id)["status"], "working");
    assert_eq!(get(&executes, &task_id)["status"], "working");
    for (client, method) in
        [(&reads, "tasks/cancel"), (&reads, "tasks/update"), (&other, "tasks/get"), (&other, "tasks/cancel")]
    {
        let answer = ask(client, method, &task_id);
        assert_eq!(answer.status, 403, "{method}");
        let scope = if method == "tasks/get" { "forge:read" } else { "forge:execute" };
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(&format!("The token lacks {scope}.")), "{challenge}");
    }
    let listened =
        other.request("subscriptions/listen", json!({ "notifications": { "taskIds": [task_id] } }));
    assert_eq!(listened.messages()[0]["params"]["notifications"], json!({}));
    is_ack(&ask(&executes, "tasks/cancel", &task_id));
    assert_eq!(get(&reads, &task_id)["status"], "cancelled");

    let again = id(&begin(&ada, "offline:slow=21"));
    let revoked = json!({ "token": executes.token });
    assert_eq!(operate(&memory, "/api/v1/operator/tokens/revoke", &revoked).status, 200);
    assert_eq!(ask(&executes, "tasks/cancel", &again).status, 401, "what spends or stops notices at once");
    assert_eq!(get(&ada, &again)["status"], "working");
}

#[test]
fn headers_and_methods_are_those_of_the_extension() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let task_id = id(&begin(&ada, "offline:slow=5"));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let whole = ada.compose(method, json!({ "taskId": task_id, "inputResponses": {} }));
        assert_eq!(error(&memory.answer(whole.clone().without("mcp-name"))), (400, HEADER), "{method}");
        assert_eq!(error(&memory.answer(whole.clone().with("mcp-name", "x"))), (400, HEADER), "{method}");
        assert_eq!(memory.answer(whole).status, 200);
    }
    for method in ["tasks/list", "tasks/result"] {
        assert_eq!(error(&ask(&ada, method, &task_id)), (404, METHOD), "{method}");
    }
}

#[test]
fn the_same_call_twice_at_once_is_one_task_and_two_calls_are_two() {
    for seed in 0..10 {
        let memory = Memory::with(seed, &[]);
        let ada = ada(&memory, 5.0);
        memory.state(|state| state.shuffles = true);
        let keyed = |key: &str| {
            let mut arguments = picture("a cat");
            arguments["idempotency_key"] = key.into();
            ada.tool("execute_forge", &arguments)
        };
        let both = |one, two| memory.run(join(memory.send(one), memory.send(two)));
        let (one, two) = both(keyed("a"), keyed("b"));
        assert_ne!(one.result()["taskId"], two.result()["taskId"]);
        assert_eq!(ada.units()[1], 2.0, "seed {seed}");
        let again = memory.answer(keyed("a")).result();
        assert_eq!(again["taskId"], one.result()["taskId"]);
        assert!(
            again["statusMessage"].as_str().unwrap().contains("Warning: idempotency_key was used before")
        );
        memory.elapse(60);
        let ended = memory.answer(keyed("a")).result();
        assert_eq!((&ended["resultType"], &ended["status"]), (&json!("task"), &json!("completed")));
        assert_eq!(ended.get("result"), None, "the result is for tasks/get");
        assert_eq!(ada.units(), [3.0, 0.0, 2.0]);
    }
}

/// Killed at every await point of the call: either there is a task, or nothing was charged in the end.
#[test]
fn a_kill_during_the_call_leaves_a_task_or_nothing() {
    let mut kept = 0;
    for points in 0..60 {
        let memory = Memory::with(points, &[]);
        let ada = ada(&memory, 5.0);
        memory.state(|state| state.kill_after = Some(points));
        let answer = memory.attempt(memory.send(ada.tool("execute_forge", &picture("a cat"))));
        memory.state(|state| state.kill_after = None);
        let task_id = answer.as_ref().map(|answer| id(&answer.result()));
        memory.elapse(120);
        let [balance, reserved, spent] = ada.units();
        assert_eq!((balance + spent, reserved), (5.0, 0.0), "after {points} points");
        if let Some(task_id) = task_id {
            kept += 1;
            assert_eq!(get(&ada, &task_id)["status"], "completed");
            assert_eq!(spent, 1.0);
        }
    }
    assert!((10..60).contains(&kept), "{kept} answers");
}

#[test]
fn a_listener_is_sent_the_whole_task_when_it_ends() {
    let memory = Memory::new();
    let ada = ada(&memory, 9.0);
    let eve = Client::new(&memory, "eve", 9.0).declaring(declared());
    let past = id(&begin(&ada, "a cat"));
    memory.elapse(30);
    let (slow, stopped) = (id(&begin(&ada, "offline:slow=5")), id(&begin(&ada, "offline:slow=60")));
    let foreign = id(&begin(&eve, "offline:slow=5"));
    is_ack(&ask(&ada, "tasks/cancel", &stopped));
    let uri = format!("atelier://runs/{slow}");
    let wanted = json!({ "notifications": {
        "taskIds": [slow, foreign, "x", past, stopped], "resourceSubscriptions": [uri],
    } });
    let messages = ada.request("subscriptions/listen", wanted).messages();
    let (first, last) = (&messages[0], messages.last().unwrap());
    assert_eq!(
        first["params"]["notifications"],
        json!({ "taskIds": [slow, past, stopped], "resourceSubscriptions": [uri] })
    );
    assert_eq!(last["result"]["resultType"], "complete");
    let told: Vec<_> = messages.iter().filter(|message| message["method"] == "notifications/tasks").collect();
    assert_eq!((told.len(), messages.len()), (3, 6), "{messages:?}");
    for message in told {
        let mut sent = message["params"].clone();
        let tag = sent.as_object_mut().unwrap().remove("_meta").unwrap();
        assert_eq!(tag["io.modelcontextprotocol/subscriptionId"], last["id"]);
        let mut read = get(&ada, &id(&sent));
        read.as_object_mut().unwrap().retain(|field, _| !["_meta", "resultType"].contains(&field.as_str()));
        assert_eq!(without_links(sent), without_links(read));
    }
}

/// Links say when they were made.
fn without_links(mut task: Value) -> Value {
    if let Some(run) = task.pointer("/result/structuredContent/inference_id").cloned() {
        task["result"] = run;
    }
    task
}

/// One step with one picture.
fn drawing(prompt: &str) -> Value {
    let parameters = json!({ "prompt": prompt, "width": 64, "height": 64 });
    json!({
        "format": 1,
        "name": "Drawing",
        "steps": [{ "id": "draw", "type": "model", "model_id": "offline-image", "parameters": parameters }],
        "outputs": [{ "name": "drawing", "from": "{{steps.draw.files}}" }],
    })
}

#[test]
fn a_workflow_is_a_task_too() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let [good, bad] = ["offline:slow=4", "offline:fail"].map(|prompt| {
        let workflow = create(&ada, &drawing(prompt));
        let call = ada.tool("execute_workflow", &json!({ "workflow_id": workflow }));
        let task = memory.answer(call).result();
        assert_eq!(task["resultType"], "task", "{task}");
        id(&task)
    });
    let working = get(&ada, &good);
    assert_eq!((&working["status"], &working["pollIntervalMs"]), (&json!("working"), &json!(3000)));
    let words = working["statusMessage"].as_str().unwrap();
    assert!(words.starts_with("Drawing: 0 of 1 steps done"), "{words}");
    let more = json!({ "workspace_id": ada.workspace_id, "scopes": "forge:read forge:execute" });
    let other = Client::with_token(&memory, "bob", more).declaring(declared());
    assert_eq!(ask(&other, "tasks/get", &good).status, 403);
    memory.elapse(30);
    let (done, failed) = (get(&ada, &good), get(&ada, &bad));
    assert_eq!((&done["status"], done["result"].get("isError")), (&json!("completed"), None));
    let run = &done["result"]["structuredContent"];
    assert_eq!((&run["run_id"], &run["status"]), (&json!(good), &json!("success")));
    assert_eq!(run["outputs"][0]["name"], "drawing");
    assert_eq!(done["result"]["content"].as_array().unwrap().last().unwrap()["type"], "resource_link");
    assert_eq!((&failed["status"], &failed["result"]["isError"]), (&json!("completed"), &json!(true)));
    let text = failed["result"]["content"][0]["text"].as_str().unwrap();
    let line = Refusal::new(Code::ProviderFailed, "").line();
    assert!(text.starts_with(line.split(' ').next().unwrap()), "{text}");
}

#[test]
fn what_the_platform_cannot_do_now_is_an_error_to_try_again() {
    let memory = Memory::new();
    let ada = ada(&memory, 5.0);
    let task_id = id(&begin(&ada, "offline:slow=60"));
    for method in ["tasks/get", "tasks/cancel"] {
        memory.meet("ask RUN", Fault::Refuse);
        assert_eq!(error(&ask(&ada, method, &task_id)), (200, -32603), "{method}");
    }
    assert_eq!(get(&ada, &task_id)["status"], "working");
}
