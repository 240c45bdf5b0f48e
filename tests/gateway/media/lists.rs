//! Lists of files: filters, pages, whose they are, and a bounded amount of work for each.

use super::{Library, person};
use crate::support::object::Effort;
use crate::support::{Ask, Client, Memory};
use atelier::id::AssetId;
use atelier::models::Modality;
use atelier::platform::Platform;
use atelier::workspace::media::{Origin, Query};
use atelier::workspace::{Asset, Command, Reply};
use serde_json::{Value, json};

const ROWS: u32 = 6_000;

/// Newest first.
fn filled(library: &Library) -> Vec<Asset> {
    let file = |name: &str, alt: &str, kind, origin, run: Option<&str>| {
        library.memory.elapse(1);
        let mut asset = library.asset(name, 61_000);
        (asset.alt, asset.kind, asset.origin) = (alt.to_owned(), kind, origin);
        asset.run_id = run.map(str::to_owned);
        asset.has_poster = kind != Modality::Audio;
        library.upload("bob", asset)
    };
    let mut made = vec![
        file("Fox.PNG", "A red fox", Modality::Image, Origin::Uploaded, None),
        file("den.png", "Where the FOX lives", Modality::Image, Origin::Imported, Some("run-1")),
        file("jingle.wav", "", Modality::Audio, Origin::Uploaded, None),
        file("100%_fox.png", "An owl, oddly", Modality::Image, Origin::Generated, Some("run-1")),
    ];
    made.reverse();
    made
}

fn names(items: &Value) -> Vec<String> {
    items["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_tool_lists_and_finds_files() {
    let library = Library::new();
    let made = filled(&library);
    let list = |more: Value| library.ada.call("list_media", &more)["structuredContent"].clone();
    let all = ["100%_fox.png", "jingle.wav", "den.png", "Fox.PNG"];
    assert_eq!(names(&list(json!({}))), all);
    for (filter, expected) in [
        (json!({ "kind": "audio" }), vec!["jingle.wav"]),
        (json!({ "origin": "imported" }), vec!["den.png"]),
        (json!({ "origin": "uploaded", "kind": "image" }), vec!["Fox.PNG"]),
        (json!({ "query": "fox" }), vec!["100%_fox.png", "den.png", "Fox.PNG"]),
        (json!({ "query": "FOX red" }), vec!["Fox.PNG"]),
        (json!({ "query": "%_" }), vec!["100%_fox.png"]),
        (json!({ "query": "png a" }), vec!["100%_fox.png", "Fox.PNG"]),
        (json!({ "query": "wolf" }), vec![]),
        (json!({ "query": "" }), all.to_vec()),
    ] {
        assert_eq!(names(&list(filter.clone())), expected, "{filter}");
    }
    let item = list(json!({ "query": "red" }))["items"][0].clone();
    let text = |name: &str| item[name].as_str().unwrap().to_owned();
    assert_eq!(text("asset_id"), made[3].asset_id.as_str());
    assert_eq!(
        (text("mime_type"), text("origin"), text("alt")),
        ("image/png".into(), "uploaded".into(), "A red fox".into())
    );
    assert_eq!((&item["bytes"], &item["width"], &item["height"]), (&json!(61_000), &json!(512), &json!(256)));
    assert_eq!(text("created_at"), library.find(&made[3].asset_id).unwrap().created_at.unwrap().iso());
    for link in ["file_url", "thumbnail_url"] {
        let target = text(link).replace(crate::support::http::ORIGIN, "");
        assert_eq!(library.memory.answer(Ask::get(&target)).status, 200, "{link}");
    }
    let sound = list(json!({ "kind": "audio" }))["items"][0].clone();
    assert!(sound["thumbnail_url"].is_null() && sound["alt"].is_null() && sound["file_url"].is_string());
    let told = library.ada.call("list_media", &json!({ "query": "red" }))["content"][0]["text"].clone();
    let told = told.as_str().unwrap();
    let line = format!("1. Fox.PNG, 512×256 image/png, 61 KB, {}\n", made[3].asset_id);
    assert!(told.starts_with(&line) && told.contains("as file_id in guidance_files"), "{told}");
    let long = library.ada.refused("list_media", &json!({ "query": "é".repeat(201) }));
    assert!(long["message"].as_str().unwrap().contains("`query` may have 200"), "{long}");
}

#[test]
fn pages_are_complete_and_their_cursors_nobody_elses() {
    let library = Library::new();
    filled(&library);
    let bound = json!({ "workspace_id": library.ada.workspace_id });
    let bob = Client::with_token(&library.memory, "bob", bound);
    let other = Client::new(&library.memory, "ada", 1.0);
    let mut found = Vec::new();
    let mut ask = json!({ "limit": 3, "query": "g" });
    loop {
        let page = library.ada.call("list_media", &ask)["structuredContent"].clone();
        found.extend(names(&page));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        for stranger in [&bob, &other] {
            let refused = stranger.refused("list_media", &json!({ "cursor": cursor }));
            assert!(refused["message"].as_str().unwrap().contains("belongs to another list"), "{refused}");
        }
        ask["cursor"] = cursor.into();
    }
    assert_eq!(found, ["100%_fox.png", "jingle.wav", "den.png", "Fox.PNG"]);
}

#[test]
fn two_workspaces_never_see_each_others() {
    let library = Library::new();
    let made = filled(&library);
    let eve = Client::new(&library.memory, "eve", 5.0);
    let list = eve.call("list_media", &json!({}));
    assert_eq!(list["structuredContent"]["items"], json!([]));
    assert_eq!(list["content"][0]["text"], "No file fits.");
    let theirs = json!({ "workspace_id": library.ada.workspace_id });
    assert_eq!(eve.refused("list_media", &theirs)["code"], "WORKSPACE_NOT_FOUND");
    let file = |id: &str| json!({ "model_id": "offline-image", "prompt": "a", "guidance_files": [{ "file_id": id, "type": "style" }] });
    assert_eq!(eve.refused("execute_forge", &file(made[0].asset_id.as_str()))["code"], "FILE_NOT_FOUND");
    let query = Query { limit: 9, ..Query::default() };
    let refusal = library.refused(Command::Assets { person: person("eve"), query });
    assert_eq!(refusal.code, atelier::error::Code::WorkspaceNotFound);
}

/// A token that reads generations alone does not read the library, and the other way round.
#[test]
fn it_takes_the_scope_of_media() {
    let memory = Memory::new();
    for (scopes, status) in [("media:read", 200), ("forge:read", 403)] {
        let client = Client::with_token(&memory, "ada", json!({ "scopes": scopes }));
        assert_eq!(memory.answer(client.tool("list_media", &json!({}))).status, status, "{scopes}");
    }
}

struct Crowd {
    library: Library,
    /// Newest first: asset id, kind, run.
    all: Vec<(String, Modality, &'static str)>,
}

impl Crowd {
    fn new() -> Self {
        let library = Library::new();
        let object = library.object();
        let mut all = Vec::new();
        for number in 0..ROWS {
            let at = library.memory.now().plus_seconds(i64::from(number) - i64::from(ROWS));
            let id = AssetId::mint(at, &library.memory.random()).to_string();
            let kind = if number == 17 { Modality::ThreeD } else { Modality::Image };
            let run = if number % 5 == 0 { "run-a" } else { "run-b" };
            object.read(
                "INSERT INTO assets (asset_id, run_id, kind, mime_type, extension, size_bytes, alt, created_at, name)
                 VALUES (?, ?, ?, 'image/png', 'png', 0, 'A picture of something', 0, 'file')",
                &[id.as_str().into(), run.into(), kind.as_str().into()],
            );
            all.push((id, kind, run));
        }
        all.reverse();
        Self { library, all }
    }

    /// Every page: the ids of all, and what the most expensive one cost.
    fn walk(&self, mut query: Query) -> (Vec<String>, Effort) {
        let (mut found, mut most) = (Vec::new(), Effort::default());
        let object = self.library.object();
        loop {
            object.effort();
            let command = Command::Assets { person: person("ada"), query: query.clone() };
            let Reply::AssetPage(assets, next) = self.library.ask(command) else { panic!("no page") };
            most = most.max(object.effort());
            assert!(assets.len() <= query.limit as usize);
            found.extend(assets.iter().map(|asset| asset.asset_id.to_string()));
            if next.is_none() {
                return (found, most);
            }
            assert!(next < query.before || query.before.is_none(), "it goes on");
            query.before = next;
        }
    }
}

#[test]
fn a_page_costs_the_same_however_many_files_there_are() {
    let crowd = Crowd::new();
    let query = Query { limit: 100, ..Query::default() };
    type Fits = fn(&(String, Modality, &'static str)) -> bool;
    let words = "a picture of something file png ".repeat(3).replace("png", "ing");
    let cases: Vec<(&str, Query, Fits)> = vec![
        ("all", query.clone(), |_| true),
        ("one of all", Query { kind: Some(Modality::ThreeD), ..query.clone() }, |(_, kind, _)| {
            *kind == Modality::ThreeD
        }),
        ("none", Query { words: Some("absent".into()), ..query.clone() }, |_| false),
        ("many words", Query { words: Some(words), ..query.clone() }, |_| true),
        ("of a run", Query { run_id: Some("run-a".into()), ..query.clone() }, |(_, _, run)| *run == "run-a"),
        ("of no run", Query { run_id: Some("run-c".into()), ..query }, |_| false),
    ];
    for (what, query, fits) in cases {
        let (found, most) = crowd.walk(query);
        let expected: Vec<_> =
            crowd.all.iter().filter(|made| fits(made)).map(|made| made.0.clone()).collect();
        assert_eq!(found, expected, "{what}");
        assert_eq!(most.sorts, 0, "{what} sorts");
        assert!(most.steps < 400_000, "{what} takes {} steps", most.steps);
    }
}
