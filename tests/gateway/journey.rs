//! The main job, told once from signing in to the file in hand, and once more in every era.
//! Not for: what is refused on the way (`refusals`) or what goes wrong (`money`, `sessions`).

use crate::support::http::ORIGIN;
use crate::support::{Answer, Ask, Client, Fault, Memory};
use atelier::mcp::era::{ALL, Era};
use expect_test::expect;
use serde_json::{Value, json};

fn picture() -> Value {
    json!({ "model_id": "offline-image", "prompt": "a red fox", "width": 96, "height": 64, "seed": 7 })
}

/// The run, and the link to its first file.
fn made(client: &Client, request: &Value) -> (String, String) {
    let id = client.start(request);
    let end = client.run_to_end(&id);
    (id, end["structuredContent"]["assets"][0]["url"].as_str().unwrap().to_owned())
}

#[test]
fn from_a_token_to_a_picture() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let models =
        ada.call("list_models", &json!({ "modality": "image", "query": "words" }))["structuredContent"]
            .clone();
    assert_eq!(models["items"][0]["model_id"], "offline-image");
    let estimate = ada.call("estimate_forge_price", &picture());
    expect![[r#"{"balance_creative_units":10,"estimated_price_creative_units":1,"normalized_parameters":{"batch_size":1,"model_id":"offline-image","options":{"height":64,"output_format":"png","quality":"medium","width":96},"prompt":"a red fox","seed":7},"remaining_after_creative_units":9,"sufficient":true}"#]]
        .assert_eq(&estimate["structuredContent"].to_string());

    let started = ada.call("execute_forge", &picture())["structuredContent"].clone();
    assert_eq!((&started["status"], &started["price_creative_units"]), (&json!("in_progress"), &json!(1)));
    assert_eq!(ada.units()[0], 9.0, "the price is set aside before the answer");
    let end = ada.run_to_end(started["inference_id"].as_str().unwrap());
    let run = &end["structuredContent"];
    assert_eq!(
        (&run["status"], &run["progress"], &run["placeholder"]),
        (&json!("complete"), &json!(1.0), &json!(true))
    );
    assert_eq!(ada.units(), [9.0, 0.0, 1.0]);

    let kinds: Vec<_> =
        end["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image", "resource_link"]);
    let sheet = atelier::crypto::from_base64(end["content"][1]["data"].as_str().unwrap()).unwrap();
    assert!(
        sheet.starts_with(&[0xff, 0xd8, 0xff]) && sheet.len() <= 60_000,
        "a JPEG of {} bytes",
        sheet.len()
    );
    let url = run["assets"][0]["url"].as_str().unwrap();
    assert!(end["content"][0]["text"].as_str().unwrap().contains(url), "the text stands alone");
    assert_eq!(end["content"][2]["uri"], url);

    let file = memory.answer(Ask::get(url));
    assert_eq!((file.status, file.header("content-type")), (200, Some("image/png")));
    assert!(file.body.starts_with(b"\x89PNG"));
    assert_eq!(file.body.len(), run["assets"][0]["bytes"].as_u64().unwrap() as usize);
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert!(file.header("content-security-policy").unwrap().contains("sandbox"));
    assert_eq!(memory.files().len(), 3, "the picture, its poster and the sheet");
}

#[test]
fn a_file_is_served_as_http_wants_it() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let (_, url) = made(&ada, &picture());
    let whole = memory.answer(Ask::get(&url));
    let size = whole.body.len();
    let etag = whole.header("etag").unwrap().to_owned();
    let part = |range: &str| memory.answer(Ask::get(&url).with("range", range));
    let told = |answer: &Answer| {
        (answer.status, answer.header("content-range").map(str::to_owned), answer.body.clone())
    };
    assert_eq!(told(&part("bytes=1-3")), (206, Some(format!("bytes 1-3/{size}")), b"PNG".to_vec()));
    assert_eq!(
        told(&part("bytes=-4")),
        (206, Some(format!("bytes {}-{}/{size}", size - 4, size - 1)), whole.body[size - 4..].to_vec())
    );
    assert_eq!(told(&part(&format!("bytes={size}-"))), (416, Some(format!("bytes */{size}")), Vec::new()));
    assert_eq!(part("bytes=1-3").header("content-length"), Some("3"));
    let unchanged = memory.answer(Ask::get(&url).with("if-none-match", &format!("\"x\", W/{etag}")));
    assert_eq!(
        (unchanged.status, unchanged.body.len(), unchanged.header("etag")),
        (304, 0, Some(etag.as_str()))
    );
    assert_eq!(memory.answer(Ask::get(&url).with("if-none-match", "\"x\"")).status, 200);
    let head = memory.answer(Ask::new("HEAD", &url));
    assert_eq!(
        (head.status, head.body.len(), head.header("content-length")),
        (200, 0, Some(size.to_string().as_str()))
    );
}

#[test]
fn a_link_opens_one_file_for_one_day() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let (id, url) = made(&ada, &picture());
    let (other, _) = made(&ada, &picture());
    let status = |url: &str| memory.answer(Ask::get(url)).status;
    assert_eq!(status(&url), 200);
    let later = url.replace("expires=1795332720", "expires=1995332720");
    assert_ne!(later, url);
    assert_eq!(status(&later), 403, "a link cannot be made to last");
    assert_eq!(status(&url.replace(".png?", ".jpg?")), 403);
    assert_eq!(status(&url.replace(&ada.workspace_id, &other)), 403);
    assert_eq!(status(url.split('?').next().unwrap()), 403);
    let (links, tag) = url.rsplit_once('=').unwrap();
    assert_eq!(status(&format!("{links}={}", tag.chars().rev().collect::<String>())), 403);

    memory.meet("head", Fault::Refuse);
    assert_eq!(status(&url), 503);
    memory.elapse(24 * 3600 + 1);
    let expired = memory.answer(Ask::get(&url));
    assert_eq!(
        (expired.status, &expired.json()["error"]["next"]),
        (410, &json!("Call list_media or get_forge_run for a new link."))
    );
    let again = ada.run_to_end(&id)["structuredContent"]["assets"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(status(&again), 200);
    let path = again.strip_prefix(&format!("{ORIGIN}/assets/")).unwrap().split('?').next().unwrap();
    memory.lose_file(&format!("w/{path}"));
    assert_eq!(status(&again), 404);
}

#[test]
fn the_same_story_in_every_era_with_and_without_a_session() {
    for era in ALL {
        for has_session in [false, true] {
            if era.is_modern() && has_session {
                continue;
            }
            let memory = Memory::new();
            let ada = Client::new(&memory, "ada", 10.0);
            let ada = if has_session { ada.in_session(*era) } else { ada.in_era(*era) };
            tell(&ada);
        }
    }
}

/// Reads ids from the text, as a client of 2025-03-26 has to.
fn tell(ada: &Client) {
    let started = ada.call("execute_forge", &picture());
    let text = started["content"][0]["text"].as_str().unwrap();
    let id = text.split("inference_id ").nth(1).unwrap().split('.').next().unwrap().to_owned();
    let end = ada.call("get_forge_run", &json!({ "inference_id": id, "wait_seconds": 45 }));
    let kinds: Vec<_> =
        end["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    let is_oldest = ada.era == Era::V2025_03_26;
    assert_eq!(end.get("structuredContent").is_none(), is_oldest);
    assert_eq!(kinds, if is_oldest { vec!["text", "image"] } else { vec!["text", "image", "resource_link"] });
    assert_eq!(end.get("resultType").is_some(), ada.era.is_modern());
    let url =
        end["content"][0]["text"].as_str().unwrap().split("](").nth(1).unwrap().split(')').next().unwrap();
    assert_eq!(ada.memory.answer(Ask::get(url)).status, 200);

    let uri = format!("atelier://runs/{id}");
    let listed = ada.request("resources/list", json!({})).result();
    assert_eq!(listed["resources"][1]["uri"], format!("{uri}/assets/1"));
    let run = ada.request("resources/read", json!({ "uri": uri })).result();
    let run: Value = serde_json::from_str(run["contents"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(run["status"], "complete");
    let file = ada.request("resources/read", json!({ "uri": format!("{uri}/assets/1") })).result();
    let bytes = atelier::crypto::from_base64(file["contents"][0]["blob"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, ada.memory.answer(Ask::get(url)).body);
    assert_eq!(file.get("ttlMs").is_some(), ada.era.is_modern());
    assert_eq!(
        ada.request("tools/list", json!({})).result()["tools"].as_array().unwrap().len(),
        atelier::tools::ALL.len()
    );
}

#[test]
fn a_wait_tells_its_progress_and_ends_with_the_answer() {
    for era in ALL {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 10.0).in_era(*era);
        let started = ada.call(
            "execute_forge",
            &json!({ "model_id": "offline-image", "prompt": "x offline:slow", "width": 64, "height": 64 }),
        );
        let id = started["content"][0]["text"]
            .as_str()
            .unwrap()
            .split("inference_id ")
            .nth(1)
            .unwrap()
            .split('.')
            .next()
            .unwrap()
            .to_owned();
        let arguments = json!({ "inference_id": id, "wait_seconds": 45 });
        let params =
            json!({ "name": "get_forge_run", "arguments": arguments, "_meta": { "progressToken": "p" } });
        let messages = ada.request("tools/call", params).messages();
        let (last, notices) = messages.split_last().unwrap();
        let done: Vec<_> =
            notices.iter().map(|notice| notice["params"]["progress"].as_f64().unwrap()).collect();
        assert!(done.len() > 5 && done.is_sorted(), "{done:?}");
        assert!(
            notices.iter().all(|notice| notice["method"] == "notifications/progress"
                && notice["params"]["progressToken"] == "p")
        );
        assert!(last["result"]["content"][0]["text"].as_str().unwrap().starts_with("complete"), "{last}");
    }
}

#[test]
fn a_wait_ends_after_its_seconds_and_a_stopped_run_costs_nothing() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let id = ada.start(&json!({ "model_id": "offline-image", "prompt": "x offline:slow=300", "width": 64, "height": 64, "batch_size": 2 }));
    let before = memory.state(|state| state.now);
    let waiting = ada.call("get_forge_run", &json!({ "inference_id": id, "wait_seconds": 45 }));
    let waited = memory.state(|state| state.now).millis_since(before);
    assert!((45_000..46_000).contains(&waited), "{waited}");
    assert_eq!(waiting["structuredContent"]["status"], "in_progress");
    assert_eq!(ada.units(), [8.0, 2.0, 0.0]);
    let stopped = ada.call("cancel_forge_run", &json!({ "inference_id": id }))["structuredContent"].clone();
    assert_eq!((&stopped["status"], &stopped["released_creative_units"]), (&json!("cancelled"), &json!(2)));
    let twice = ada.call("cancel_forge_run", &json!({ "inference_id": id }))["structuredContent"].clone();
    assert_eq!(twice["status"], "cancelled");
    memory.elapse(600);
    assert_eq!(ada.units(), [10.0, 0.0, 0.0]);
}

#[test]
fn a_failed_run_says_why_and_costs_nothing() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    for (prompt, code) in [("offline:fail", "PROVIDER_FAILED"), ("offline:moderated", "MODERATED")] {
        let id = ada.start(&json!({ "model_id": "offline-image", "prompt": prompt }));
        let end = ada.run_to_end(&id)["structuredContent"].clone();
        assert_eq!(
            (&end["status"], &end["error"]["code"], &end["price_creative_units"]),
            (&json!("failed"), &json!(code), &json!(0))
        );
    }
    assert_eq!(ada.units(), [10.0, 0.0, 0.0]);
}

#[test]
fn a_run_that_is_killed_at_any_point_ends_the_same() {
    let mut points = 0;
    loop {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 10.0);
        let id = ada.start(&picture());
        memory.state(|state| state.kill_after = Some(points));
        let survived =
            memory.attempt(memory.send(ada.tool("get_forge_run", &json!({ "inference_id": id })))).is_some();
        memory.state(|state| state.kill_after = None);
        let end = ada.run_to_end(&id)["structuredContent"].clone();
        assert_eq!(
            (&end["status"], end["assets"].as_array().unwrap().len()),
            (&json!("complete"), 1),
            "killed after {points}"
        );
        assert_eq!(ada.units(), [9.0, 0.0, 1.0], "killed after {points}");
        if survived {
            break;
        }
        points += 1;
    }
    assert!(points > 15, "only {points} points to die at");
}

#[test]
fn an_ended_run_is_forgotten_after_a_month_and_leaves_its_files() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 10.0);
    let (id, _) = made(&ada, &picture());
    memory.elapse(29 * 24 * 3600);
    ada.run_to_end(&id);
    memory.elapse(2 * 24 * 3600);
    assert_eq!(ada.refused("get_forge_run", &json!({ "inference_id": id }))["code"], "RUN_NOT_FOUND");
    assert!(memory.object::<atelier::runs::Run>(&id).is_empty());
    assert_eq!(memory.files().len(), 3);
    assert_eq!(ada.request("resources/list", json!({})).result()["resources"].as_array().unwrap().len(), 2);
}
