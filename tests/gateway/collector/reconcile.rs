//! `POST /api/v1/operator/reconcile`: what it shows, what it deletes, who may ask.

use super::{OLD, put};
use crate::media::Library;
use crate::support::client::operate;
use crate::support::{Ask, Client, Fault, Memory};
use atelier::workspace::media;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PATH: &str = "/api/v1/operator/reconcile";

/// All pages, as the script asks for them.
fn all(memory: &Memory, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    let mut pages = Vec::new();
    loop {
        let answer = operate(memory, PATH, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        body["cursor"] = page["next_cursor"].clone();
        pages.push(page);
        if body["cursor"].is_null() {
            return pages;
        }
        assert!(pages.len() < 100, "it never ends");
    }
}

/// Keys of a list of all pages; a key that comes twice fails.
fn keys(pages: &[Value], list: &str) -> BTreeSet<String> {
    let found = pages.iter().flat_map(|page| page[list].as_array().unwrap());
    let mut keys = BTreeSet::new();
    for item in found {
        let key = item["key"].as_str().or(item.as_str()).unwrap().to_owned();
        assert!(keys.insert(key.clone()), "{key} twice");
    }
    keys
}

#[test]
fn only_the_operator_may_ask() {
    let library = Library::new();
    let ask = Ask::post(PATH, "{}");
    assert_eq!(library.memory.answer(ask.clone()).status, 401);
    assert_eq!(library.memory.answer(ask.clone().bearer(&library.ada.token)).status, 401);
    let closed = Memory::with(1, &[("OPERATOR_KEY", "")]);
    assert_eq!(closed.answer(ask).status, 403, "as its siblings");
    for wrong in [
        json!({ "workspace_id": "x" }),
        json!({ "min_age_hours": -1 }),
        json!({ "min_age_hours": 1.5 }),
        json!({ "delete": "yes" }),
        json!({ "workspace": "x" }),
        json!({ "cursor": "x".repeat(1025) }),
    ] {
        assert_eq!(operate(&library.memory, PATH, &wrong).status, 400, "{wrong}");
    }
}

#[test]
fn orphans_and_what_is_missing_are_shown_and_only_deleted_when_told() {
    let library = Library::new();
    let memory = &library.memory;
    let whole = library.upload("bob", library.asset("a.png", 100));
    let lost = library.upload("bob", library.asset("b.png", 100));
    let blind = library.upload("bob", library.asset("c.png", 100));
    memory.lose_file(&library.keys(&lost)[0]);
    memory.lose_file(&library.keys(&blind)[1]);
    let orphan = media::key(&library.id, &library.new_id(), "png");
    put(memory, &orphan);
    put(memory, "else.txt");
    let young = all(memory, &json!({}));
    assert_eq!(keys(&young, "orphans"), BTreeSet::new());
    memory.elapse(OLD);
    let wanted_missing = BTreeSet::from([library.keys(&lost)[0].clone(), library.keys(&blind)[1].clone()]);
    for body in [json!({}), json!({ "workspace_id": library.id })] {
        let pages = all(memory, &body);
        assert_eq!(keys(&pages, "orphans"), BTreeSet::from([orphan.clone()]));
        assert_eq!(keys(&pages, "missing"), wanted_missing);
        assert_eq!(pages[0]["deleted"], 0);
        assert_eq!(pages[0]["missing"][0]["workspace_id"], library.id.as_str());
        let foreign = if body["workspace_id"].is_null() { vec!["else.txt"] } else { Vec::new() };
        assert_eq!(pages[0]["foreign"], json!(foreign));
    }
    let pages = all(memory, &json!({ "delete": true }));
    assert_eq!(pages[0]["orphans"][0]["stored_at"], "2026-11-21T07:32:00.000Z");
    assert_eq!((&pages[0]["deleted"], &pages[0]["orphans"][0]["bytes"]), (&json!(1), &json!(10)));
    memory.elapse(1);
    let pages = all(memory, &json!({ "min_age_hours": 0 }));
    assert_eq!((keys(&pages, "orphans"), keys(&pages, "missing")), (BTreeSet::new(), wanted_missing));
    assert_eq!(library.kept(&whole), [true; 2]);
    assert!(memory.files().contains(&"else.txt".to_owned()));
}

/// Pages end anywhere, and objects are missing at every place of them.
#[test]
fn no_missing_file_falls_between_two_pages() {
    for every in [1, 2, 3, 7] {
        let library = Library::new();
        let memory = &library.memory;
        let mut gone = BTreeSet::new();
        for number in 0..1_300_u32 {
            let asset = library.upload("bob", library.asset("a.png", 1));
            for (place, key) in library.keys(&asset).iter().enumerate() {
                if (number + place as u32).is_multiple_of(every) || (600..900).contains(&number) {
                    memory.lose_file(key);
                    gone.insert(key.clone());
                }
            }
        }
        let mut orphans = BTreeSet::new();
        for _ in 0..300 {
            let key = media::key(&library.id, &library.new_id(), "png");
            put(memory, &key);
            orphans.insert(key);
        }
        let body = json!({ "workspace_id": library.id, "min_age_hours": 0 });
        let pages = all(memory, &body);
        assert!(keys(&pages, "missing") == gone, "every {every}");
        assert!(keys(&pages, "orphans") == orphans, "every {every}");
        let seen: u64 = pages.iter().map(|page| page["seen"].as_u64().unwrap()).sum();
        assert_eq!(seen, memory.files().len() as u64);
        if every > 1 {
            assert!(keys(&all(memory, &json!({})), "missing") == gone, "every {every}, all workspaces");
        }
    }
}

/// The next page's first object is another workspace's, and rows of this one are left.
#[test]
fn a_workspace_whose_last_objects_are_gone_is_looked_at_to_its_end() {
    let library = Library::new();
    let memory = &library.memory;
    let mut gone = BTreeSet::new();
    for number in 0..1_200 {
        let asset = library.upload("bob", library.asset("a.png", 1));
        for key in library.keys(&asset).into_iter().filter(|_| number > 0) {
            memory.lose_file(&key);
            gone.insert(key);
        }
    }
    memory.elapse(1);
    let bob = Client::new(memory, "bob", 1.0);
    assert!(bob.workspace_id.as_str() > library.id.as_str());
    put(memory, &format!("w/{}/{}.png", bob.workspace_id, library.new_id()));
    for body in [json!({}), json!({ "workspace_id": library.id })] {
        assert!(keys(&all(memory, &body), "missing") == gone, "{body}");
    }
}

#[test]
fn a_file_that_comes_or_goes_meanwhile_is_not_missing() {
    let library = Library::new();
    let memory = &library.memory;
    let asset = library.upload("bob", library.asset("a.png", 100));
    let other = library.upload("bob", library.asset("b.png", 100));
    // Deleted after the list was read and the index was, before the object is asked for.
    memory.meet("ask WORKSPACE", Fault::Delay(0));
    memory.meet("head", Fault::Delay(5_000));
    memory.lose_file(&library.keys(&asset)[0]);
    let command = library.deleting("ada", &asset);
    let answer = memory.run(futures::future::join(
        memory.send(Ask::post(PATH, "{}").bearer(crate::support::memory::OPERATOR_KEY)),
        async {
            use atelier::platform::Platform;
            memory.sleep(1_000).await;
            memory.ask::<atelier::workspace::Workspace>(library.id.as_str(), command).await.unwrap()
        },
    ));
    assert_eq!(answer.0.json()["missing"], json!([]));
    assert_eq!(library.kept(&other), [true; 2]);
}
