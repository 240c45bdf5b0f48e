//! Legacy sessions and what they keep, subscriptions, and what calls cost in storage.
//! Not for: session ids that are refused (`refusals::people`).

use crate::support::{Answer, Ask, Client, Memory};
use atelier::mcp::era::{ALL, Era};
use atelier::platform::Platform;
use atelier::session::{Command, Reply, Session};
use atelier::time::Timestamp;
use futures::future::join;
use serde_json::json;
use std::collections::BTreeMap;

fn listening(client: &Client, after: Option<&str>) -> Answer {
    let ask = client.bare("GET");
    let ask = after.map_or(ask.clone(), |id| ask.with("last-event-id", id));
    let answer = client.memory.run(client.memory.open(ask));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    answer
}

fn slow(client: &Client) -> (String, String) {
    let seed = client.memory.state(|state| state.dice.below(1 << 30));
    let id = client.start(
        &json!({ "model_id": "offline-image", "prompt": "x offline:slow=5", "width": 64, "height": 64, "seed": seed }),
    );
    let uri = format!("atelier://runs/{id}");
    (id, uri)
}

fn updated(uri: &str) -> String {
    json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": uri } })
        .to_string()
}

fn subscribe(client: &Client, uri: &str) {
    assert_eq!(client.request("resources/subscribe", json!({ "uri": uri })).result(), json!({}));
}

#[test]
fn a_subscriber_is_told_when_the_run_ends() {
    for era in [Era::V2025_03_26, Era::V2025_06_18, Era::V2025_11_25] {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_06_18);
        let (_, uri) = slow(&ada);
        let ada = ada.in_session(era);
        let mut stream = listening(&ada, None);
        if era == Era::V2025_11_25 {
            assert_eq!(stream.next_event(&memory).unwrap(), "id: 0\ndata:\n\n");
        }
        subscribe(&ada, &uri);
        subscribe(&ada, &uri);
        assert_eq!(
            stream.next_event(&memory).unwrap(),
            format!("id: 1\nevent: message\ndata: {}\n\n", updated(&uri))
        );
        let (_, quiet) = slow(&ada.clone().in_session(Era::V2025_06_18));
        subscribe(&ada, &quiet);
        assert_eq!(ada.request("resources/unsubscribe", json!({ "uri": quiet })).result(), json!({}));
        memory.elapse(60);
        assert_eq!(memory.answer(ada.bare("DELETE")).status, 204);
        assert_eq!(
            stream.next_event(&memory),
            None,
            "the stream ends with the session, and told nothing more"
        );
    }
}

#[test]
fn what_was_missed_is_told_again() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_11_25);
    let uris: Vec<_> = (0..3).map(|_| slow(&ada).1).collect();
    uris.iter().for_each(|uri| subscribe(&ada, uri));
    memory.elapse(30);
    let mut stream = listening(&ada, Some("0"));
    let events: Vec<_> = (0..3).map(|_| stream.next_event(&memory).unwrap()).collect();
    assert!(uris.iter().all(|uri| events.iter().any(|event| event.contains(uri))), "{events:?}");
    let ids: Vec<_> = events.iter().map(|event| event.lines().next().unwrap().to_owned()).collect();
    assert_eq!(ids, ["id: 1", "id: 2", "id: 3"]);
    drop(stream);
    memory.kill();
    assert!(listening(&ada, Some("2")).next_event(&memory).unwrap().starts_with("id: 3\n"));

    let (_, uri) = slow(&ada);
    let mut fresh = listening(&ada, None);
    assert_eq!(fresh.next_event(&memory).unwrap(), "id: 0\ndata:\n\n", "without an id nothing old is told");
    subscribe(&ada, &uri);
    assert!(fresh.next_event(&memory).unwrap().starts_with("id: 4\n"));
}

#[test]
fn a_second_stream_takes_the_place_of_the_first() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_06_18);
    let mut first = listening(&ada, None);
    let mut second = listening(&ada, None);
    assert_eq!(first.next_event(&memory), None);
    let (_, uri) = slow(&ada);
    subscribe(&ada, &uri);
    assert!(second.next_event(&memory).unwrap().contains(&uri));
}

#[test]
fn a_silent_stream_is_kept_alive() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_06_18);
    let mut stream = listening(&ada, None).events.unwrap();
    let before = memory.now();
    for _ in 0..4 {
        assert_eq!(memory.run(futures::StreamExt::next(&mut stream)).unwrap(), ": keep-alive\n\n");
    }
    assert_eq!(memory.now().millis_since(before), 60_000);
}

#[test]
fn a_modern_listener_is_told_with_its_subscription_id() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0);
    let eve = Client::new(&memory, "eve", 9.0);
    let (_, uri) = slow(&ada);
    let (_, foreign) = slow(&eve);
    let wanted = json!({ "notifications": { "resourceSubscriptions": [uri, foreign, "atelier://nothing"], "toolsListChanged": true } });
    let messages = ada.request("subscriptions/listen", wanted).messages();
    let subscription = "io.modelcontextprotocol/subscriptionId";
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[0]["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(messages[0]["params"]["notifications"], json!({ "resourceSubscriptions": [uri] }));
    assert_eq!(
        (&messages[1]["method"], &messages[1]["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!(uri))
    );
    assert_eq!(messages[2]["result"]["resultType"], "complete");
    let id = &messages[2]["id"];
    let tags = [&messages[0]["params"], &messages[1]["params"], &messages[2]["result"]]
        .map(|part| part["_meta"][subscription].clone());
    assert!(tags.iter().all(|tag| tag == id), "{tags:?}");
}

/// The session's own object, as `ask` uses it in the middle of a call.
fn ask(memory: &Memory, command: Command) -> Reply {
    memory.run(memory.ask::<Session>("s", command)).unwrap()
}

fn in_an_hour(memory: &Memory) -> Timestamp {
    memory.now().plus_seconds(3600)
}

#[test]
fn a_question_is_answered_once_by_whoever_was_asked() {
    let memory = Memory::new();
    let expires_at = in_an_hour(&memory);
    let answer =
        |question: &str, answer: &str| Command::Answer { question: question.into(), answer: answer.into() };
    let wait = |millis: i64| Command::Await { question: "q".into(), millis };
    assert_eq!(ask(&memory, answer("q", "{}")), Reply::Unknown, "nobody asked");
    assert!(memory.object::<Session>("s").is_empty(), "and nothing was stored");
    assert_eq!(ask(&memory, wait(1000)), Reply::Unknown);
    assert_eq!(ask(&memory, Command::Expect { expires_at, question: "q".into() }), Reply::Done);
    let before = memory.now();
    assert_eq!(ask(&memory, wait(1000)), Reply::NotYet);
    assert_eq!(memory.now().millis_since(before), 1000);
    let late = async {
        memory.sleep(3000).await;
        memory.ask::<Session>("s", answer("q", "first")).await
    };
    let (waited, told) = memory.run(join(memory.ask::<Session>("s", wait(10_000)), late));
    assert_eq!((waited.unwrap(), told.unwrap()), (Reply::Answered("first".into()), Reply::Done));
    assert_eq!(ask(&memory, answer("q", "second")), Reply::Done);
    assert_eq!(ask(&memory, wait(0)), Reply::Answered("first".into()));
    assert_eq!(ask(&memory, answer("other", "x")), Reply::Unknown);
}

#[test]
fn open_questions_and_kept_events_are_bounded() {
    let memory = Memory::new();
    let expires_at = in_an_hour(&memory);
    for number in 0..40 {
        memory.elapse(1);
        ask(&memory, Command::Expect { expires_at, question: number.to_string() });
    }
    for number in 0..300 {
        ask(&memory, Command::Push { expires_at, message: number.to_string() });
    }
    let object = memory.object::<Session>("s");
    let count = |table: &str| {
        object.read(&format!("SELECT count(*), min(rowid) FROM {table}"), &[])[0].integer(0).unwrap()
    };
    assert_eq!((count("answers"), count("events")), (32, 256));
    let newest = Command::Await { question: "39".into(), millis: 0 };
    assert_eq!(ask(&memory, newest), Reply::NotYet);
}

#[test]
fn an_ended_session_takes_nothing_more_and_disappears_in_time() {
    let memory = Memory::new();
    let expires_at = in_an_hour(&memory);
    ask(&memory, Command::Push { expires_at, message: "kept".into() });
    let mut listener = memory.run(memory.listen::<Session>("s", Some("0"))).unwrap();
    assert_eq!(
        memory.run(futures::StreamExt::next(&mut listener)).unwrap(),
        "id: 1\nevent: message\ndata: kept\n\n"
    );
    assert_eq!(ask(&memory, Command::End { expires_at }), Reply::Done);
    assert_eq!(memory.run(futures::StreamExt::next(&mut listener)), None);
    assert_eq!(ask(&memory, Command::Push { expires_at, message: "late".into() }), Reply::Ended);
    assert_eq!(ask(&memory, Command::Open { expires_at }), Reply::Ended);
    assert_eq!(ask(&memory, Command::Expect { expires_at, question: "q".into() }), Reply::Ended);
    let object = memory.object::<Session>("s");
    assert!(object.read("SELECT 1 FROM events UNION ALL SELECT 1 FROM answers", &[]).is_empty());
    assert!(!object.is_empty());
    memory.elapse(3601);
    assert!(object.is_empty(), "its alarm deleted everything");
}

#[test]
fn an_expired_session_hangs_up_and_disappears() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_06_18);
    let (_, uri) = slow(&ada);
    subscribe(&ada, &uri);
    let mut stream = listening(&ada, None);
    assert!(stream.next_event(&memory).unwrap().contains(&uri));
    memory.elapse(24 * 3600);
    assert_eq!(stream.next_event(&memory), None);
    let sessions = memory.state(|state| {
        state
            .objects
            .iter()
            .filter(|((binding, _), _)| *binding == "SESSION")
            .map(|(_, object)| object.clone())
            .collect::<Vec<_>>()
    });
    assert!(sessions.len() == 1 && sessions[0].is_empty());
}

fn operations(memory: &Memory, ask: &Ask, status: u16) -> BTreeMap<String, u32> {
    memory.counted(|| assert_eq!(memory.answer(ask.clone()).status, status))
}

#[test]
fn what_was_made_up_touches_no_object() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_11_25);
    ada.units();
    let mut forged = atelier::crypto::from_base64url(ada.token.strip_prefix("atl_pat_").unwrap()).unwrap();
    forged[20] ^= 1;
    let forged = format!("atl_pat_{}", atelier::crypto::base64url(&forged));
    assert_eq!(forged.len(), ada.token.len());
    let nothing = BTreeMap::new();
    let ping = ada.compose("ping", json!({}));
    assert_eq!(operations(&memory, &ping.clone().bearer(&forged), 401), nothing);
    let body = atelier::crypto::base64url(br#"{"i":"AAAA","v":"2025-11-25","o":"x","x":9999999999,"c":0}"#);
    for id in [format!("{body}.AAAAAAAAAAAAAAAAAAAAAA"), "x".into()] {
        assert_eq!(operations(&memory, &ping.clone().with("mcp-session-id", &id), 404), nothing);
        assert_eq!(operations(&memory, &ada.bare("GET").with("mcp-session-id", &id), 404), nothing);
        assert_eq!(operations(&memory, &ada.bare("DELETE").with("mcp-session-id", &id), 404), nothing);
    }
}

#[test]
fn a_call_that_only_reads_does_no_storage_operation() {
    for era in ALL {
        for has_session in [false, true] {
            let memory = Memory::new();
            let ada = Client::new(&memory, "ada", 9.0).in_era(*era);
            let ada = if has_session && !era.is_modern() { ada.in_session(*era) } else { ada };
            ada.call("get_instructions", &json!({}));
            for (tool, arguments) in [
                ("list_models", json!({})),
                ("get_instructions", json!({})),
                ("get_model", json!({ "model_id": "offline-image" })),
            ] {
                let done = operations(&memory, &ada.tool(tool, &arguments), 200);
                assert_eq!(done, BTreeMap::new(), "{tool} in {era:?}, session: {has_session}");
            }
            assert_eq!(operations(&memory, &ada.compose("tools/list", json!({})), 200), BTreeMap::new());
        }
    }
}

#[test]
fn a_session_that_opens_no_stream_creates_no_object() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 9.0).in_session(Era::V2025_11_25);
    ada.units();
    assert!(!memory.state(|state| state.objects.keys().any(|(binding, _)| *binding == "SESSION")));
}
