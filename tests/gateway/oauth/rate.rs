//! How often one token may ask: what it is told with each answer, what counts, and what happens when it has asked too often.

use super::{ADA, App, World, tokens};
use crate::support::client::operate;
use crate::support::http::ORIGIN;
use crate::support::{Answer, Ask, Client, Fault, Memory};
use atelier::mcp::era::Era;
use atelier::platform::{Budget, Platform};
use serde_json::json;

const RATE_HEADERS: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
/// The moment a world begins at, in seconds.
const BEGIN: i64 = 1_795_246_320;

/// Limit, remaining requests, and seconds from the beginning to the reset.
fn told(answer: &Answer) -> [i64; 3] {
    let [limit, remaining, reset] = RATE_HEADERS
        .map(|name| answer.header(name).unwrap_or_else(|| panic!("no {name}")).parse::<i64>().unwrap());
    [limit, remaining, reset - BEGIN]
}

fn is_silent(answer: &Answer) -> bool {
    RATE_HEADERS.iter().all(|name| answer.header(name).is_none())
}

fn ping(client: &Client) -> Answer {
    client.request("tools/list", json!({}))
}

/// A personal access token in a world whose operator has set no limits.
fn somebody() -> Client {
    Client::new(&Memory::new(), ADA, 5.0)
}

#[test]
fn a_personal_token_makes_120_requests_a_minute_and_is_told_when_the_next_may_come() {
    let ada = somebody();
    for request in 1..=120 {
        let answer = ping(&ada);
        assert_eq!((answer.status, told(&answer)), (200, [120, 120 - request, 60]), "{request}");
    }
    ada.memory.elapse(15);
    let refused = ping(&ada);
    assert_eq!((refused.status, told(&refused)), (429, [120, 0, 60]));
    assert_eq!(refused.header("retry-after"), Some("45"));
    assert_eq!(refused.header("content-type"), Some("application/json"));
    let error = refused.json()["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&json!("RATE_LIMITED"), &json!(true)));
    assert_eq!(error["message"], "This token may make 120 requests a minute and has made them.");
    assert_eq!(error["next"], "Wait 45 seconds, then send the same request again.");
    assert_eq!(error["retry_after_seconds"], 45);
    assert_eq!(error["details"], json!({ "limit": 120, "retry_after_seconds": 45 }));
    assert_eq!(error["request_id"], refused.header("x-request-id").unwrap());
    ada.memory.elapse(44);
    assert_eq!(ping(&ada).header("retry-after"), Some("1"), "refused requests begin nothing anew");
    ada.memory.elapse(1);
    let next = ping(&ada);
    assert_eq!((next.status, told(&next)), (200, [120, 119, 120]));
}

/// Not with the clock's minute.
#[test]
fn a_window_begins_with_the_first_request() {
    let ada = somebody();
    ada.memory.elapse(130);
    assert_eq!(told(&ping(&ada)), [120, 119, 190]);
    ada.memory.elapse(59);
    assert_eq!(told(&ping(&ada)), [120, 118, 190]);
    ada.memory.elapse(40);
    assert_eq!(told(&ping(&ada)), [120, 119, 289]);
    ada.memory.state(|state| state.now = state.now.plus_millis(60_001));
    assert_eq!(told(&ping(&ada)), [120, 119, 350], "in whole seconds, and then it is over");
}

#[test]
fn an_app_makes_60_requests_a_minute_and_refreshing_gives_it_no_more() {
    let world = World::new();
    let app = App::documented();
    let held = world.connect(&app, ADA);
    for request in 1..=40 {
        assert_eq!(told(&ping(&world.client(&held.access))), [60, 60 - request, 60]);
    }
    let refreshed = tokens(&app.refresh(&world, &held.refresh));
    assert_ne!(refreshed.access, held.access);
    for request in 41..=60 {
        assert_eq!(told(&ping(&world.client(&refreshed.access))), [60, 60 - request, 60]);
    }
    for access in [&refreshed.access, &held.access] {
        let refused = ping(&world.client(access));
        assert_eq!((refused.status, told(&refused)), (429, [60, 0, 60]));
    }
    let other = tokens(&app.redeem(&world, &app.code(&world.signed_in(ADA))));
    assert_eq!(
        told(&ping(&world.client(&other.access))),
        [60, 59, 60],
        "another connection counts for itself"
    );
}

#[test]
fn two_tokens_of_one_person_do_not_share() {
    let ada = somebody();
    let again = Client::with_token(&ada.memory, ADA, json!({ "workspace_id": ada.workspace_id }));
    (0..120).for_each(|_| assert_eq!(ping(&ada).status, 200));
    assert_eq!(ping(&ada).status, 429);
    assert_eq!(told(&ping(&again)), [120, 119, 60]);
}

/// One HTTP request is one, whatever it carries and however it ends.
#[test]
fn whatever_is_sent_with_a_token_counts_once() {
    let ada = somebody();
    let notice = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let call = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" });
    let oldest = ada.clone().in_era(Era::V2025_03_26);
    let legacy = ada.clone().in_era(Era::V2025_11_25);
    let rows = [
        ("modern", ada.tool("list_models", &json!({})), 200),
        ("legacy", legacy.tool("list_models", &json!({})), 200),
        ("a batch", oldest.post(json!([call(1), call(2), notice])), 200),
        ("a batch of notifications", oldest.post(json!([notice, notice])), 202),
        ("a notification", legacy.post(&notice), 202),
        ("no JSON", legacy.post("{"), 400),
        ("too large", legacy.post("").too_large(), 413),
        ("another method", legacy.bare("PUT"), 405),
        ("a session nobody opened", legacy.bare("GET").with("mcp-session-id", "x"), 404),
        ("an unknown tool", ada.tool("make_coffee", &json!({})), 200),
    ];
    let mut left = 120;
    for (name, ask, status) in rows {
        let answer = ada.memory.answer(ask);
        left -= 1;
        assert_eq!((answer.status, told(&answer)), (status, [120, left, 60]), "{name}");
    }
    let preflight = Ask::new("OPTIONS", "/mcp").bearer(&ada.token).with("origin", ORIGIN);
    let answer = ada.memory.answer(preflight);
    assert!(answer.status == 204 && is_silent(&answer));
    assert_eq!(told(&ping(&ada)), [120, left - 1, 60], "a preflight counts nothing");
}

#[test]
fn an_event_stream_counts_once_however_long_it_is() {
    let ada = somebody().in_session(Era::V2025_11_25);
    let mut stream = ada.memory.run(ada.memory.open(ada.bare("GET")));
    assert_eq!((stream.status, told(&stream)), (200, [120, 117, 60]));
    assert!(stream.events.is_some());
    drop(stream.events.take());
    let run =
        ada.start(&json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64 }));
    let wait = json!({ "inference_id": run, "wait_seconds": 45 });
    let params = json!({ "name": "get_forge_run", "arguments": wait, "_meta": { "progressToken": 1 } });
    let answer = ada.request("tools/call", params);
    assert!(answer.messages().len() > 1, "progress, then the result");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!((answer.status, told(&answer)), (200, [120, 115, 60]));
}

#[test]
fn a_request_without_a_valid_token_is_told_nothing_and_counts_nothing() {
    let ada = somebody();
    let stranger = Client::holding(&ada.memory, "atl_pat_made-up");
    let without = ada.compose("tools/list", json!({})).without("authorization");
    let foreign = ada.compose("tools/list", json!({})).with("origin", "https://evil.example");
    for (ask, status) in [(stranger.compose("tools/list", json!({})), 401), (without, 401), (foreign, 403)] {
        let answer = ada.memory.answer(ask);
        assert!(answer.status == status && is_silent(&answer), "{status}");
    }
    assert_eq!(told(&ping(&ada)), [120, 119, 60]);
    let revoke = json!({ "token": ada.token });
    assert!(is_silent(&operate(&ada.memory, "/api/v1/operator/tokens/revoke", &revoke)));
}

/// A page of another origin can read all of it, of a refusal too.
#[test]
fn a_browser_client_may_read_what_it_has_left() {
    let memory =
        Memory::with(1, &[("ALLOWED_ORIGINS", "https://inspector.example"), ("RATE_LIMIT_PERSONAL", "1")]);
    let ada = Client::new(&memory, ADA, 5.0);
    for status in [200, 429] {
        let ask = ada.compose("tools/list", json!({})).with("origin", "https://inspector.example");
        let answer = memory.answer(ask);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://inspector.example"));
        let exposed = answer.header("access-control-expose-headers").unwrap().to_lowercase();
        for name in RATE_HEADERS.iter().chain(&["retry-after"]) {
            assert!(exposed.split(", ").any(|word| word == *name), "{name}");
        }
    }
    let message = ping(&ada).json()["error"]["message"].clone();
    assert_eq!(message, "This token may make 1 request a minute and has made them.");
}

#[test]
fn the_operator_sets_each_limit_or_none() {
    let world = World::with(1, &[("RATE_LIMIT_PERSONAL", "0"), ("RATE_LIMIT_OAUTH", "2")]);
    let app = world.connect(&App::documented(), ADA).access;
    let ada = Client::new(&world.memory, "bob@example.com", 5.0);
    let counts = world.memory.counted(|| {
        for _ in 0..300 {
            let answer = ping(&ada);
            assert!(answer.status == 200 && is_silent(&answer));
        }
    });
    assert_eq!(counts.get("budget"), None, "{counts:?}");
    let answers = [0, 1, 2].map(|_| ping(&world.client(&app)));
    assert_eq!(answers.map(|answer| (answer.status, told(&answer)[1])), [(200, 1), (200, 0), (429, 0)]);
}

/// What other isolates have counted of this token, in whole quarters of its limit.
fn elsewhere(ada: &Client, quarters: u32) {
    for _ in 0..quarters {
        ada.memory.run(ada.memory.within_budget(Budget::Requests, &ada.token_id));
    }
}

#[test]
fn a_token_that_other_isolates_have_used_up_is_blocked_when_its_quarter_is_full() {
    let ada = somebody();
    let other = Client::with_token(&ada.memory, ADA, json!({ "workspace_id": ada.workspace_id }));
    elsewhere(&ada, 4);
    for request in 1..30 {
        assert_eq!((ping(&ada).status, request), (200, request), "spread thin, a token is never refused");
    }
    let refused = ping(&ada);
    assert_eq!((refused.status, told(&refused)), (429, [120, 0, 60]));
    assert_eq!(refused.header("retry-after"), Some("60"));
    let counts = ada.memory.counted(|| {
        for _ in 0..100 {
            assert_eq!(ping(&ada).status, 429);
        }
    });
    assert_eq!(counts, [].into(), "asked once");
    assert_eq!(told(&ping(&other)), [120, 119, 60], "another token is not");
    ada.memory.elapse(59);
    assert_eq!(ping(&ada).status, 429);
    ada.memory.elapse(1);
    assert_eq!(told(&ping(&ada)), [120, 119, 120]);
}

#[test]
fn the_shared_counter_admits_what_is_left_of_the_four_quarters() {
    let ada = somebody();
    elsewhere(&ada, 2);
    let statuses: Vec<_> = (0..121).map(|_| ping(&ada).status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 89);
    assert!(
        statuses[..89].iter().all(|status| *status == 200)
            && statuses[89..].iter().all(|status| *status == 429)
    );
}

#[test]
fn while_the_shared_counter_cannot_be_asked_an_isolate_counts_alone() {
    let ada = somebody();
    elsewhere(&ada, 4);
    for _ in 0..4 {
        ada.memory.meet("budget", Fault::Refuse);
    }
    (0..120).for_each(|_| assert_eq!(ping(&ada).status, 200));
    assert_eq!(ping(&ada).status, 429);
}

/// Counting is free: the shared counter is asked four times, and no storage is touched but to verify the token once.
#[test]
fn counting_touches_no_storage() {
    let ada = somebody();
    let counts = ada.memory.counted(|| (0..150).for_each(|_| _ = ping(&ada)));
    assert_eq!(counts.get("budget"), Some(&4));
    let others: Vec<_> = counts.keys().filter(|name| *name != "budget").collect();
    assert_eq!(others, ["ask ACCOUNT", "transact ACCOUNT"]);
    assert_eq!(counts["ask ACCOUNT"], 1);
}

/// A client that fills one window after the other, and the counter's windows begin at other moments than its own.
#[test]
fn the_only_isolate_of_a_busy_client_is_never_contradicted() {
    let ada = somebody();
    ada.memory.elapse(17);
    for window in 0..5 {
        for quarter in 0..4 {
            (0..30).for_each(|_| assert_eq!(ping(&ada).status, 200, "{window} {quarter}"));
            ada.memory.elapse(14);
        }
        ada.memory.elapse(4);
    }
    ping(&ada);
    ada.memory.elapse(58);
    (0..119).for_each(|_| assert_eq!(ping(&ada).status, 200, "late in one window"));
    ada.memory.elapse(2);
    (0..120).for_each(|_| assert_eq!(ping(&ada).status, 200, "early in the next"));
}
