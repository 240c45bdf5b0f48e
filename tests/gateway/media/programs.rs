//! `/api/v1/workspaces/{id}/media` through the front door.

use super::Library;
use crate::rest::{get, path};
use crate::support::http::ORIGIN;
use crate::support::{Answer, Ask, Client};
use atelier::models::Modality;
use serde_json::{Value, json};

fn send(library: &Library, ask: Ask) -> Answer {
    library.memory.answer(ask)
}

fn change(client: &Client, method: &'static str, resource: &str, body: Value) -> Ask {
    Ask::new(method, &path(client, resource)).bearer(&client.token).body(body)
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn filled() -> Library {
    let library = Library::new();
    for (name, kind) in [("a.png", Modality::Image), ("=b.png", Modality::Image), ("c.wav", Modality::Audio)]
    {
        library.memory.elapse(1);
        let mut asset = library.asset(name, 100);
        asset.kind = kind;
        asset.run_id = (name == "a.png").then(|| "run-1".to_owned());
        library.upload("bob", asset);
    }
    library
}

#[test]
fn the_list_is_the_tools_and_a_spreadsheet() {
    let library = filled();
    let ada = &library.ada;
    let body = send(&library, get(ada, "media?kind=image&limit=1")).json();
    let tool = ada.call("list_media", &json!({ "kind": "image", "limit": 1 }))["structuredContent"].clone();
    let (item, told) = (&body["items"][0], &tool["items"][0]);
    for (field, value) in told.as_object().unwrap() {
        assert_eq!(&item[field], value, "{field}");
    }
    assert_eq!((&item["kind"], &item["run_id"]), (&json!("image"), &Value::Null));
    assert_eq!(item["person"], super::person("bob").as_str());
    let next = body["nextCursor"].as_str().unwrap();
    let rest = send(&library, get(ada, &format!("media?kind=image&limit=1&cursor={next}"))).json();
    assert_eq!((&rest["items"][0]["name"], &rest["nextCursor"]), (&json!("a.png"), &Value::Null));
    assert_eq!(send(&library, get(ada, "media?run_id=run-1")).json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(send(&library, get(ada, "media?query=WAV")).json()["items"][0]["name"], "c.wav");
    assert_eq!(send(&library, get(ada, "media?origin=generated")).json()["items"], json!([]));

    let sheet = send(&library, get(ada, "media?format=csv&kind=image&limit=1"));
    assert_eq!(sheet.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let lines: Vec<_> = sheet.body_lines();
    assert!(lines[0].starts_with("asset_id,created_at,kind,origin,name,"), "{lines:?}");
    assert!(lines[1].contains(",'=b.png,"), "no formula: {lines:?}");
    let link = sheet.header("link").unwrap();
    assert!(link.starts_with(&format!("<{ORIGIN}/")) && link.contains("kind=image"), "{link}");
    let target = link[1..].split('>').next().unwrap().replace(ORIGIN, "");
    let rest = send(&library, Ask::get(&target).bearer(&ada.token)).body_lines();
    assert!(rest.len() == 2 && rest[1].contains("a.png"), "{rest:?}");
}

trait Lines {
    fn body_lines(&self) -> Vec<String>;
}

impl Lines for Answer {
    fn body_lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_file_is_read_described_and_deleted() {
    let library = filled();
    let ada = &library.ada;
    let id = send(&library, get(ada, "media?query=a.png")).json()["items"][0]["asset_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let one = format!("media/{id}");
    let read = send(&library, get(ada, &one));
    assert_eq!((read.status, &read.json()["run_id"]), (200, &json!("run-1")));
    let changed = send(&library, change(ada, "PATCH", &one, json!({ "alt": "A fox" })));
    assert_eq!((changed.status, &changed.json()["alt"]), (200, &json!("A fox")));
    for body in [
        json!({}),
        json!({ "alt": 1 }),
        json!({ "alt": "x", "name": "y" }),
        json!({ "alt": "é".repeat(1001) }),
    ] {
        assert_eq!(
            code(&send(&library, change(ada, "PATCH", &one, body.clone()))),
            (400, "INVALID_INPUTS".into()),
            "{body}"
        );
    }
    assert_eq!(send(&library, get(ada, &one)).json()["alt"], "A fox");
    let gone = send(&library, change(ada, "DELETE", &one, Value::Null));
    assert_eq!((gone.status, gone.body.len(), gone.header("cache-control")), (204, 0, Some("no-store")));
    for ask in [
        get(ada, &one),
        change(ada, "DELETE", &one, Value::Null),
        change(ada, "PATCH", &one, json!({ "alt": "x" })),
        get(ada, "media/not-an-id"),
    ] {
        assert_eq!(code(&send(&library, ask)), (404, "FILE_NOT_FOUND".into()));
    }
    library.memory.elapse(1);
    assert_eq!(library.memory.files().len(), 4);
}

#[test]
fn whoever_may_not_and_whatever_is_not_understood() {
    let library = filled();
    let ada = &library.ada;
    let id = send(&library, get(ada, "media")).json()["items"][0]["asset_id"].as_str().unwrap().to_owned();
    let one = format!("media/{id}");
    let token = |person: &str, scopes: &str| {
        let more = json!({ "workspace_id": ada.workspace_id, "scopes": scopes });
        let client = Client::with_token(&library.memory, person, more);
        if person == "vic" {
            library.set_role("vic", atelier::workspace::Role::Viewer);
        }
        client
    };
    let (reader, vic) = (token("cyd", "media:read"), token("vic", "media:read media:write"));
    let (writer, eve) = (token("dan", "media:write"), Client::new(&library.memory, "eve", 1.0));
    let theirs = |method| Ask::new(method, &path(ada, &one)).bearer(&eve.token).body(json!({ "alt": "x" }));
    let alt = || json!({ "alt": "x" });
    for (what, ask, expected) in [
        ("no scope to read", get(&writer, "media"), (403, "FORBIDDEN")),
        ("no scope to delete", change(&reader, "DELETE", &one, Value::Null), (403, "FORBIDDEN")),
        ("no scope to describe", change(&reader, "PATCH", &one, alt()), (403, "FORBIDDEN")),
        ("another's file", change(&writer, "DELETE", &one, Value::Null), (403, "FORBIDDEN")),
        ("a viewer deletes", change(&vic, "DELETE", &one, Value::Null), (403, "FORBIDDEN")),
        ("a viewer describes", change(&vic, "PATCH", &one, alt()), (403, "FORBIDDEN")),
        ("a stranger reads", theirs("GET"), (404, "WORKSPACE_NOT_FOUND")),
        ("a stranger deletes", theirs("DELETE"), (404, "WORKSPACE_NOT_FOUND")),
        ("a stranger describes", theirs("PATCH"), (404, "WORKSPACE_NOT_FOUND")),
        ("a parameter", get(ada, "media?whose=mine"), (400, "INVALID_INPUTS")),
        ("a parameter of one", get(ada, &format!("{one}?format=csv")), (400, "INVALID_INPUTS")),
        ("a kind", get(ada, "media?kind=hologram"), (400, "INVALID_INPUTS")),
        ("an origin", get(ada, "media?origin=here"), (400, "INVALID_INPUTS")),
        ("a cursor", get(ada, "media?cursor=x"), (400, "INVALID_INPUTS")),
        ("a limit", get(ada, "media?limit=101"), (400, "INVALID_INPUTS")),
        ("a limit of CSV", get(ada, "media?limit=1001&format=csv"), (400, "INVALID_INPUTS")),
        ("no token", get(ada, "media").without("authorization"), (401, "UNAUTHENTICATED")),
    ] {
        let answer = send(&library, ask);
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{what}: {}", answer.text());
    }
    assert_eq!(send(&library, get(&vic, "media")).status, 200, "a viewer looks");
    let wrong = send(&library, change(ada, "POST", &one, alt()));
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, PATCH, DELETE, OPTIONS")));
    let wrong = send(&library, change(ada, "DELETE", "media", Value::Null));
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let preflight = send(&library, Ask::new("OPTIONS", &path(ada, &one)).with("origin", ORIGIN));
    let methods = preflight.header("access-control-allow-methods").unwrap();
    assert!(preflight.status == 204 && methods.contains("PATCH") && methods.contains("DELETE"), "{methods}");
    assert_eq!(library.count("assets"), 3);
}
