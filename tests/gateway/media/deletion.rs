//! Deleting files: by whom, what goes with them, and that their objects go however often the process dies.

use super::{Library, actor, person};
use crate::support::Fault;
use atelier::error::Code;
use atelier::id::AssetId;
use atelier::platform::Platform;
use atelier::time::Timestamp;
use atelier::workspace::inventory::Stored;
use atelier::workspace::{Asset, Command, Reply, Workspace, media};
use serde_json::json;

/// Await points of one deletion are fewer.
const MANY: u64 = 1000;

#[test]
fn who_made_a_file_or_owns_the_workspace_deletes_it() {
    for (by, of, outcome) in [
        ("ada", "bob", None),
        ("ada", "ada", None),
        ("bob", "bob", None),
        ("bob", "ada", Some(Code::Forbidden)),
        ("vic", "bob", Some(Code::Forbidden)),
        ("eve", "bob", Some(Code::WorkspaceNotFound)),
    ] {
        let library = Library::new();
        let other = library.upload("bob", library.asset("other.png", 50));
        let asset = library.upload(of, library.asset("a.png", 100));
        match outcome {
            None => library.done(library.deleting(by, &asset)),
            Some(code) => assert_eq!(library.refused(library.deleting(by, &asset)).code, code, "{by} {of}"),
        }
        library.memory.elapse(1);
        let is_there = outcome.is_some();
        assert_eq!(library.find(&asset.asset_id).is_some(), is_there, "{by} {of}");
        assert_eq!(library.kept(&asset), [is_there; 2], "{by} {of}");
        assert_eq!(library.stored(), if is_there { 150 } else { 50 });
        assert_eq!(library.events("media.deleted"), usize::from(!is_there));
        assert_eq!((library.count("trash"), library.kept(&other)), (0, [true; 2]));
    }
}

/// What a member made by a run is theirs to delete as well, and nobody sees it in the run's preview any more.
#[test]
fn a_generated_file_goes_with_its_still_and_the_runs_preview() {
    let library = Library::new();
    let bob = crate::support::Client::with_token(
        &library.memory,
        "bob",
        json!({ "workspace_id": library.ada.workspace_id }),
    );
    let request =
        json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64, "batch_size": 2 });
    let run = bob.start(&request);
    let end = bob.run_to_end(&run);
    let files = library.memory.files();
    assert_eq!(files.len(), 5, "two files, two stills, one preview: {files:?}");
    assert!(end["content"].as_array().unwrap().iter().any(|block| block["type"] == "image"));
    let Reply::AssetPage(assets, None) = library.ask(Command::Assets {
        person: person("ada"),
        query: atelier::workspace::media::Query { limit: 9, ..Default::default() },
    }) else {
        panic!("no page")
    };
    assert!(assets.iter().all(|asset| asset.person == Some(person("bob"))));
    library.done(library.deleting("bob", &assets[0]));
    library.memory.elapse(1);
    let left = library.memory.files();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(library.kept(&assets[1]), [true; 2]);
    let again = bob.run_to_end(&run);
    assert!(again["content"].as_array().unwrap().iter().all(|block| block["type"] != "image"), "{again}");
    let url = end["structuredContent"]["assets"]
        [usize::from(end["structuredContent"]["assets"][0]["asset_id"] != assets[0].asset_id.as_str())]["url"]
        .as_str()
        .unwrap()
        .replace(crate::support::http::ORIGIN, "");
    assert_eq!(library.memory.answer(crate::support::Ask::get(&url)).status, 404, "its link opens nothing");
}

#[test]
fn a_deleted_file_is_no_guidance_file() {
    let library = Library::new();
    let request = json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64 });
    let end = library.ada.run_to_end(&library.ada.start(&request));
    let id = end["structuredContent"]["assets"][0]["asset_id"].as_str().unwrap().to_owned();
    let mut more = request.clone();
    more["guidance_files"] = json!([{ "file_id": id, "type": "style" }]);
    library.ada.run_to_end(&library.ada.start(&more));
    let asset = Asset { asset_id: atelier::id::AssetId::parse(&id).unwrap(), ..library.asset("x", 1) };
    library.done(library.deleting("ada", &asset));
    more["seed"] = json!(2);
    assert_eq!(library.ada.refused("execute_forge", &more)["code"], "FILE_NOT_FOUND");
    assert_eq!(library.refused(library.deleting("ada", &asset)).code, Code::FileNotFound, "once");
}

/// Killed at any await point, a file is either listed with all its objects or gone with all of them.
#[test]
fn the_objects_go_wherever_it_is_killed() {
    for points in 0..MANY {
        let library = Library::with(points, &[]);
        let asset = library.upload("bob", library.asset("a.png", 100));
        library.memory.state(|state| state.kill_after = Some(points));
        let command = library.deleting("ada", &asset);
        let told = library.memory.attempt(library.memory.ask::<Workspace>(library.id.as_str(), command));
        library.memory.elapse(60);
        let was_killed = library.memory.state(|state| state.kill_after.take().is_none());
        // A kill ends what elapses too.
        library.memory.elapse(60);
        let is_listed = library.find(&asset.asset_id).is_some();
        assert!(told.is_none() || !is_listed, "killed at {points}: what was said is done");
        assert_eq!(library.kept(&asset), [is_listed; 2], "killed at {points}");
        if is_listed {
            library.done(library.deleting("ada", &asset));
            library.memory.elapse(1);
            assert_eq!(library.kept(&asset), [false; 2]);
        }
        assert_eq!((library.count("trash"), library.stored()), (0, 0), "killed at {points}");
        assert_eq!(library.object().alarm.get(), None);
        if !was_killed {
            assert!(points > 5, "a deletion has more await points than {points}");
            return;
        }
    }
    panic!("the deletion never ends");
}

#[test]
fn an_object_that_is_no_workspace_stays_empty() {
    let library = Library::new();
    let nowhere = "01920000-0000-7000-8000-000000000000";
    let workspace = atelier::id::WorkspaceId::parse(nowhere).unwrap();
    let asset_id = library.new_id();
    let delete = Command::DeleteAsset { actor: actor("ada"), workspace: workspace.clone(), asset_id };
    for command in [delete, Command::Trash { workspace, keys: Vec::new() }] {
        let reply = library.memory.run(library.memory.ask::<Workspace>(nowhere, command)).unwrap();
        assert!(matches!(reply, Reply::Refused(_)), "{reply:?}");
        assert!(library.memory.object::<Workspace>(nowhere).is_empty());
    }
}

#[test]
fn a_storage_that_fails_is_asked_again() {
    for fault in [Fault::Refuse, Fault::LoseReply] {
        let library = Library::new();
        let asset = library.upload("bob", library.asset("a.png", 100));
        // More often than the runtime rings for a handler that fails.
        (0..9).for_each(|_| library.memory.meet("delete", fault));
        library.done(library.deleting("ada", &asset));
        library.memory.elapse(1);
        assert!(library.count("trash") > 0);
        library.memory.elapse(20 * 60);
        assert_eq!((library.count("trash"), library.kept(&asset)), (0, [false; 2]));
    }
}

#[test]
fn the_trash_takes_many_spares_what_is_listed_and_knows_its_place() {
    let library = Library::new();
    let asset = library.upload("bob", library.asset("a.png", 100));
    let orphans: Vec<_> = (0..250).map(|_| library.asset("o.png", 1)).collect();
    let mut keys: Vec<_> = orphans.iter().flat_map(|orphan| library.keys(orphan)).collect();
    for key in &keys {
        library.memory.run(library.memory.put_object(key, "image/png", vec![1])).unwrap();
    }
    keys.extend(library.keys(&asset));
    let trash = |keys: Vec<String>| Command::Trash { workspace: library.id.clone(), keys };
    let counted = library.memory.counted(|| {
        library.done(trash(keys.clone()));
        library.memory.elapse(1);
    });
    assert_eq!(counted["delete"], 5, "by the hundred");
    assert_eq!((library.count("trash"), library.memory.files().len()), (0, 2));
    assert_eq!(library.kept(&asset), [true; 2]);
    for wrong in ["w/other/x.png", "x", "", &keys[0].replacen("w/", "v/", 1)] {
        assert_eq!(library.refused(trash(vec![keys[0].clone(), wrong.to_owned()])).code, Code::InvalidInputs);
    }
    assert_eq!(library.refused(trash(vec![keys[0].clone(); 1001])).code, Code::InvalidInputs);
    assert_eq!(library.count("trash"), 0, "nothing of a refused list");
}

#[test]
fn what_the_workspace_does_not_need_is_told_to_the_collector() {
    let library = Library::new();
    let asset = library.upload("bob", library.asset("a.png", 100));
    let deleted = library.upload("bob", library.asset("b.png", 100));
    library.done(library.deleting("bob", &deleted));
    let [open, late, stranger] = [library.new_id(), library.new_id(), library.new_id()];
    library.done(library.opening("bob", &late, 1));
    let before = library.memory.now();
    library.memory.elapse(super::QUARTER_HOUR);
    library.done(library.opening("bob", &open, 1));
    let run =
        library.ada.start(&json!({ "model_id": "offline-image", "prompt": "a", "width": 64, "height": 64 }));
    let file = |id: &AssetId| media::key(&library.id, id, "png");
    let sheet = media::sheet_key(&library.id, &run);
    let odd = format!("w/{}/odd'\".png", library.id);
    let ask = |keys: &[String], stored_at: Option<Timestamp>| {
        let objects = keys.iter().map(|key| Stored { key: key.clone(), stored_at }).collect();
        match library.ask(Command::Needless { workspace: library.id.clone(), objects }) {
            Reply::Needless { objects, .. } => {
                objects.into_iter().map(|found| (found.key, found.is_unheard_of)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    let keys = [
        file(&asset.asset_id),
        file(&deleted.asset_id),
        file(&open),
        file(&late),
        file(&stranger),
        sheet,
        odd,
    ];
    let needless = [&keys[1], &keys[3], &keys[4]].map(|key| (key.clone(), true));
    assert_eq!(ask(&keys, Some(before)), needless);
    assert_eq!(ask(&keys, None), needless);
    assert_eq!(ask(&keys, Some(library.memory.now())), [], "the run may have stored them");
    assert_eq!(ask(&[], None), []);
    library.ada.run_to_end(&run);
    assert_eq!(ask(&keys, Some(library.memory.now())), needless, "and has not");
    let objects = vec![Stored { key: String::new(), stored_at: None }; 1001];
    let question = Command::Needless { workspace: library.id.clone(), objects };
    assert_eq!(library.refused(question).code, Code::InvalidInputs);
}

#[test]
fn a_description_is_changed_by_who_may_change_things() {
    let library = Library::new();
    let asset = library.upload("ada", library.asset("a.png", 100));
    let set = |who: &str, alt: &str| Command::SetAlt {
        actor: actor(who),
        asset_id: asset.asset_id.clone(),
        alt: alt.to_owned(),
    };
    let Reply::Assets(changed) = library.ask(set("bob", "A fox")) else { panic!("refused") };
    assert_eq!((changed.len(), changed[0].alt.as_str()), (1, "A fox"));
    assert_eq!(library.refused(set("vic", "x")).code, Code::Forbidden);
    assert_eq!(library.refused(set("eve", "x")).code, Code::WorkspaceNotFound);
    assert_eq!(library.refused(set("bob", &"é".repeat(1001))).code, Code::InvalidInputs);
    assert!(matches!(library.ask(set("bob", &"é".repeat(1000))), Reply::Assets(_)));
    library.done(library.deleting("ada", &asset));
    assert_eq!(library.refused(set("bob", "x")).code, Code::FileNotFound);
}
