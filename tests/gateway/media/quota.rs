//! What may be stored: files, uploads under way, and who may begin one.

use super::{Library, QUARTER_HOUR, actor, person};
use crate::support::Memory;
use atelier::error::Code;
use atelier::id::RunId;
use atelier::platform::Platform;
use atelier::units::Units;
use atelier::workspace::media::Origin;
use atelier::workspace::{Actor, Command, Reply, Role, RunStatus, Settlement, Workspace, uploads};
use serde_json::json;

/// 10,000 bytes.
const SMALL: &[(&str, &str)] = &[("STORAGE_QUOTA_GIGABYTES", "0.00001")];

#[test]
fn uploads_under_way_count_until_they_are_stored_given_up_or_too_late() {
    let library = Library::with(1, SMALL);
    let [first, second] = [library.new_id(), library.new_id()];
    library.done(library.opening("ada", &first, 6000));
    let refusal = library.refused(library.opening("bob", &second, 5000));
    assert_eq!(refusal.code, Code::StorageFull);
    assert_eq!(refusal.code.http_status(), 507);
    let details = json!({ "quota_bytes": 10_000, "used_bytes": 6000, "needed_bytes": 5000 });
    assert_eq!(refusal.details, Some(details));
    for words in ["10 KB", "6 KB", "5 KB"] {
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
    // Said anew it replaces what was said, and only where it fits.
    library.done(library.opening("ada", &first, 9000));
    library.done(library.opening("bob", &second, 1000));
    assert_eq!(library.refused(library.opening("bob", &second, 1001)).code, Code::StorageFull);
    assert_eq!(library.count("uploads"), 2);
    library.done(Command::CloseUpload { asset_id: first.clone() });
    library.done(library.opening("bob", &second, 10_000));
    assert_eq!(library.refused(library.opening("ada", &first, 1)).code, Code::StorageFull);
    // Past its time an upload holds nothing back, and its row goes with the next.
    library.memory.elapse(QUARTER_HOUR);
    library.done(library.opening("ada", &first, 10_000));
    assert_eq!((library.count("uploads"), library.stored()), (1, 0));
}

#[test]
fn a_stored_file_counts_in_place_of_its_upload() {
    let library = Library::with(1, SMALL);
    let asset = library.asset("a.png", 4000);
    library.done(library.opening("bob", &asset.asset_id, 9000));
    library.done(library.adding("bob", &asset));
    assert_eq!((library.count("uploads"), library.stored()), (0, 4000));
    library.done(library.opening("bob", &asset.asset_id, 9000));
    assert_eq!(library.count("uploads"), 0, "what is stored needs no second place");
    let next = library.new_id();
    assert_eq!(library.refused(library.opening("bob", &next, 6001)).code, Code::StorageFull);
    library.done(library.opening("bob", &next, 6000));
    let found = library.find(&asset.asset_id).unwrap();
    assert_eq!((found.person, found.origin), (Some(person("bob")), Origin::Uploaded));
    assert_eq!((found.name.as_deref(), found.created_at), (Some("a.png"), Some(library.memory.now())));
}

#[test]
fn of_two_at_once_for_the_last_place_one_gets_it() {
    for seed in 0..20 {
        let library = Library::with(seed, SMALL);
        library.memory.state(|state| state.shuffles = true);
        let open = |who| {
            let command = library.opening(who, &library.new_id(), 6000);
            library.memory.ask::<Workspace>(library.id.as_str(), command)
        };
        let replies = library.memory.run(futures::future::join_all([open("ada"), open("bob")]));
        let done = replies.iter().filter(|reply| matches!(reply, Ok(Reply::Done))).count();
        assert_eq!(done, 1, "seed {seed}: {replies:?}");
    }
}

#[test]
fn what_is_generated_counts_and_is_never_refused() {
    let library = Library::with(1, &[("STORAGE_QUOTA_GIGABYTES", "0.000000001")]);
    let request =
        json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64, "batch_size": 2 });
    let end = library.ada.run_to_end(&library.ada.start(&request));
    assert_eq!(end["structuredContent"]["status"], "complete");
    assert!(library.stored() > 100);
    assert_eq!(library.refused(library.opening("ada", &library.new_id(), 1)).code, Code::StorageFull);
    let free = library.memory.redeployed(&[("STORAGE_QUOTA_GIGABYTES", "0")]);
    let command = |memory: &Memory| {
        let library = Library { memory: memory.clone(), ada: library.ada.clone(), id: library.id.clone() };
        library.opening("ada", &library.new_id(), 1 << 50)
    };
    let reply = free.run(free.ask::<Workspace>(library.id.as_str(), command(&free))).unwrap();
    assert!(matches!(reply, Reply::Done), "0 is any amount: {reply:?}");
}

/// A settlement that names a file twice, or one that is there, counts it once.
#[test]
fn a_file_counts_once_in_whatever_list_it_comes() {
    let library = Library::new();
    let asset = library.upload("ada", library.asset("a.png", 300));
    let request =
        json!({ "model_id": "offline-image", "prompt": "a fox offline:slow=60", "width": 64, "height": 64 });
    let run_id = RunId::parse(&library.ada.start(&request)).unwrap();
    let made = library.asset("b.png", 50);
    let assets = vec![made.clone(), made, asset];
    let settlement = Settlement { run_id, status: RunStatus::Complete, price: Units::ZERO, assets };
    assert!(matches!(library.ask(Command::Settle(settlement)), Reply::Settled { .. }));
    assert_eq!(library.stored(), 350);
}

#[test]
fn a_person_has_so_many_uploads_under_way_and_not_one_more() {
    let library = Library::new();
    let ids: Vec<_> = (0..uploads::MAX_OPEN_UPLOADS).map(|_| library.new_id()).collect();
    ids.iter().for_each(|id| library.done(library.opening("ada", id, 1)));
    let next = library.new_id();
    let refusal = library.refused(library.opening("ada", &next, 1));
    assert_eq!((refusal.code, refusal.retry_after_seconds.is_some()), (Code::RateLimited, true));
    library.done(library.opening("ada", &ids[0], 2));
    library.done(library.opening("bob", &next, 1));
    library.memory.elapse(QUARTER_HOUR);
    library.done(library.opening("ada", &library.new_id(), 1));
}

#[test]
fn only_who_may_spend_uploads() {
    let library = Library::new();
    let id = library.new_id();
    let refusal = library.refused(library.opening("vic", &id, 1));
    assert!(refusal.code == Code::Forbidden && refusal.message.contains("viewer"), "{refusal:?}");
    assert_eq!(library.refused(library.opening("eve", &id, 1)).code, Code::WorkspaceNotFound);
    assert_eq!(library.count("uploads"), 0);
    // Whoever leaves while an upload is under way does not add it.
    let asset = library.asset("a.png", 10);
    library.done(library.opening("bob", &asset.asset_id, 10));
    library.done(Command::SetRole { actor: actor("ada"), person: person("bob"), role: None });
    assert_eq!(library.refused(library.adding("bob", &asset)).code, Code::WorkspaceNotFound);
    library.set_role("bob", Role::Viewer);
    assert_eq!(library.refused(library.adding("bob", &asset)).code, Code::Forbidden);
    let nobody = Command::AddAsset { actor: Actor::operator("r"), asset: Box::new(asset.clone()) };
    assert_eq!(library.refused(nobody).code, Code::WorkspaceNotFound);
    assert_eq!((library.stored(), library.find(&asset.asset_id)), (0, None));
}

#[test]
fn a_file_is_added_once_however_often_it_is_sent() {
    let library = Library::new();
    let asset = library.asset("a.png", 4000);
    library.done(library.opening("bob", &asset.asset_id, 4000));
    for _ in 0..3 {
        library.done(library.adding("bob", &asset));
    }
    let later = atelier::workspace::Asset { size_bytes: 9, name: Some("b.png".into()), ..asset.clone() };
    library.done(library.adding("bob", &later));
    assert_eq!((library.stored(), library.events("media.uploaded")), (4000, 1));
    // Even where the person has left meanwhile: refused, the uploader would delete what is listed.
    library.done(Command::SetRole { actor: actor("ada"), person: person("bob"), role: None });
    library.done(library.adding("bob", &asset));
    assert_eq!(library.find(&asset.asset_id).unwrap().name.as_deref(), Some("a.png"));
    // A repeat that comes after it was deleted does not bring it back.
    library.done(library.deleting("ada", &asset));
    assert_eq!(library.refused(library.adding("bob", &asset)).code, Code::FileNotFound);
    assert_eq!((library.stored(), library.count("assets")), (0, 0));
}

#[test]
fn later_facts_fill_what_was_not_known() {
    let library = Library::new();
    let bare = library.asset("a.mp4", 10);
    let asset = library.upload(
        "bob",
        atelier::workspace::Asset { sha256: None, has_poster: false, width: None, height: Some(1), ..bare },
    );
    let amend = |sha256: Option<&str>, has_poster, width, seconds| Command::AmendAsset {
        asset_id: asset.asset_id.clone(),
        sha256: sha256.map(str::to_owned),
        has_poster,
        width,
        height: None,
        duration_seconds: seconds,
    };
    library.done(amend(Some("cd"), None, Some(640), None));
    library.done(amend(None, Some(true), None, Some(1.5)));
    let found = library.find(&asset.asset_id).unwrap();
    assert_eq!((found.sha256.as_deref(), found.has_poster), (Some("cd"), true));
    assert_eq!((found.width, found.height, found.duration_seconds), (Some(640), Some(1), Some(1.5)));
    assert_eq!(found.name, asset.name);
}
