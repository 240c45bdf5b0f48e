//! Collection natively: each kind of orphan goes, nothing that is needed does, and what cannot be told stays.
//! Not for: that the real runtime's clock rings it (`tests/edge/collector.test.mjs`).

mod game;
mod reconcile;

use crate::media::Library;
use crate::support::storage::Stream;
use crate::support::{Ask, Client, Fault, Memory};
use atelier::collector::{self, Deletes, MIN_AGE_HOURS, Report, Wish};
use atelier::id::WorkspaceId;
use atelier::media::picture::{self, Format};
use atelier::platform::{Level, Platform};
use atelier::runs::Run;
use atelier::uploads::Upload;
use atelier::workspace::inventory::Name;
use atelier::workspace::{Workspace, media};
use futures::future::join;
use serde_json::{Value, json};

const HOUR: i64 = 3600;
/// When everything there is now is old enough.
const OLD: i64 = (MIN_AGE_HOURS as i64 + 1) * HOUR;

pub fn png(seed: u64) -> Vec<u8> {
    let color = image::Rgba([(seed % 256) as u8, (seed / 256 % 256) as u8, 7, 255]);
    picture::encode(&image::RgbaImage::from_pixel(8, 8, color), Format::Png, "").unwrap()
}

pub fn put(memory: &Memory, key: &str) {
    memory.run(memory.put_object(key, "image/png", vec![1; 10])).unwrap();
}

pub fn wish(deletes: Deletes) -> Wish {
    Wish { workspace: None, deletes, min_age_hours: MIN_AGE_HOURS, checks_index: true }
}

/// One page, after which the trash is empty.
fn step(memory: &Memory, wish: &Wish, cursor: Option<&str>) -> Report {
    let report = memory.run(collector::step(memory, wish, cursor)).unwrap();
    memory.elapse(1);
    report
}

/// A sweep, and the line it logs.
fn sweep(memory: &Memory) -> Value {
    memory.run(collector::sweep(memory));
    memory.elapse(1);
    last_line(memory)
}

fn last_line(memory: &Memory) -> Value {
    memory.state(|state| {
        let line = state.log.iter().rev().find(|(_, event, _)| event == "collector.swept");
        line.unwrap().2.clone()
    })
}

/// Every key that the index of this workspace names.
pub fn indexed(memory: &Memory, workspace: &WorkspaceId) -> Vec<String> {
    let rows = memory
        .object::<Workspace>(workspace.as_str())
        .read("SELECT asset_id, extension, has_poster FROM assets", &[]);
    let keys = rows.iter().flat_map(|row| {
        let file = format!("w/{workspace}/{}.", row.text(0).unwrap());
        let poster = (row.integer(2) == Ok(1)).then(|| format!("{file}poster.jpg"));
        [Some(format!("{file}{}", row.text(1).unwrap())), poster]
    });
    keys.flatten().collect()
}

fn is_sheet(key: &str) -> bool {
    Name::parse(key).is_some_and(|name| name.is_sheet())
}

fn request(prompt: &str) -> Value {
    json!({ "model_id": "offline-image", "prompt": prompt, "width": 64, "height": 64 })
}

fn four() -> Value {
    json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "batch_size": 4 })
}

/// A run that has stored two of its four outputs.
fn half_done(memory: &Memory, ada: &Client) -> String {
    let id = ada.start(&four());
    // A file and its still each; the fifth object is long on its way.
    (0..4).for_each(|_| memory.meet("put", Fault::Delay(0)));
    memory.meet("put", Fault::Delay(5_000));
    memory.elapse(1);
    id
}

/// A run that was cancelled with two of its four outputs stored.
fn cancelled(memory: &Memory, ada: &Client) {
    let id = half_done(memory, ada);
    ada.call("cancel_forge_run", &json!({ "inference_id": id }));
    memory.elapse(60);
}

#[test]
fn what_a_cancelled_run_stored_goes_after_two_days() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 100.0);
    ada.run_to_end(&ada.start(&request("a dog")));
    let kept = memory.files();
    assert_eq!(kept.len(), 3);
    cancelled(&memory, &ada);
    let left = memory.files().len() as u64 - 3;
    assert!(left >= 4);
    memory.elapse(HOUR * i64::from(MIN_AGE_HOURS) - 600);
    assert_eq!((&sweep(&memory)["orphans"], memory.files().len() as u64), (&json!(0), 3 + left), "too young");
    memory.elapse(1200);
    let line = sweep(&memory);
    assert_eq!((&line["orphans"], &line["deleted"]), (&json!(left), &json!(left)), "{line}");
    assert_eq!(memory.files(), kept);
    assert_eq!(sweep(&memory)["orphans"], 0);
}

#[test]
fn what_is_needed_stays_to_the_letter_and_nothing_beside_it() {
    let library = Library::new();
    let memory = &library.memory;
    let asset = library.upload("bob", library.asset("a.png", 100));
    let mut bare = library.asset("b.png", 100);
    bare.has_poster = false;
    let bare = library.upload("bob", bare);
    let open = library.new_id();
    library.done(library.opening("bob", &open, 1));
    let key = |id: &atelier::id::AssetId, extension: &str| media::key(&library.id, id, extension);
    let needless = [
        key(&asset.asset_id, "webp"),
        key(&asset.asset_id, "jpg"),
        key(&bare.asset_id, "poster.jpg"),
        key(&library.new_id(), "png"),
        media::sheet_key(&library.id, library.new_id().as_str()),
    ];
    let of_open = [key(&open, "png"), key(&open, "mp4")];
    needless.iter().chain(&of_open).for_each(|key| put(memory, key));
    let foreign = ["readme.txt", "w/x", "w/x/y.png", &format!("w/{}/notes.txt", library.id)];
    foreign.iter().for_each(|key| put(memory, key));
    // At once: nothing is under way.
    let now = Wish { min_age_hours: 0, ..wish(Deletes::OfWorkspaces) };
    let report = step(memory, &now, None);
    let mut found: Vec<_> = report.orphans.iter().map(|orphan| orphan.object.key.clone()).collect();
    let mut wanted = needless.to_vec();
    found.sort();
    wanted.sort();
    assert_eq!((found, report.deleted), (wanted, 5));
    assert_eq!(report.foreign.len(), 4);
    assert_eq!((report.seen, report.bytes, report.missing.len()), (14, 300 + 11 * 10, 0));
    assert_eq!((library.kept(&asset), library.kept(&bare)), ([true; 2], [true, false]));
    memory.elapse(OLD);
    let line = sweep(memory);
    assert_eq!((&line["orphans"], &line["deleted"]), (&json!(2), &json!(2)), "the upload is over: {line}");
    assert_eq!(memory.files().len(), 3 + 4, "keys of others stay for ever");
}

#[test]
fn what_was_thrown_away_is_never_listed_again() {
    let library = Library::new();
    let late = library.asset("late.png", 100);
    put(&library.memory, &library.keys(&late)[0]);
    library.memory.elapse(OLD);
    sweep(&library.memory);
    assert!(library.memory.files().is_empty());
    assert_eq!(library.refused(library.adding("bob", &late)).code, atelier::error::Code::FileNotFound);
}

#[test]
fn a_workspace_that_never_existed_is_for_the_operator() {
    let memory = Memory::new();
    let nowhere = "019ab1d8-0000-7000-8000-000000000001";
    let key = format!("w/{nowhere}/019ab1d8-0000-7000-8000-000000000002.png");
    put(&memory, &key);
    memory.elapse(OLD);
    let line = sweep(&memory);
    assert_eq!((&line["of_no_workspace"], &line["deleted"]), (&json!(1), &json!(0)));
    assert!(memory.state(|state| {
        state.log.iter().any(|(level, event, _)| *level == Level::Warn && event == "collector.swept")
    }));
    assert_eq!(step(&memory, &wish(Deletes::Nothing), None).deleted, 0);
    assert_eq!(memory.files(), [key]);
    let report = step(&memory, &wish(Deletes::Everything), None);
    assert!(!report.orphans[0].has_workspace && report.deleted == 1);
    assert!(memory.files().is_empty());
    assert!(memory.object::<Workspace>(nowhere).is_empty(), "asking it makes nothing");
}

/// The outputs of a run are listed when it settles, however late that is.
#[test]
fn a_run_that_lost_its_alarm_keeps_its_outputs_and_is_woken() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 100.0);
    let id = half_done(&memory, &ada);
    memory.kill();
    memory.object::<Run>(&id).alarm.set(None);
    memory.elapse(10 * 24 * HOUR);
    let stored = memory.files();
    assert_eq!(stored.len(), 4);
    assert_eq!(sweep(&memory)["orphans"], 0);
    assert!(stored.iter().all(|key| memory.files().contains(key)));
    memory.elapse(60);
    assert_eq!(ada.units()[1], 0.0, "the sweep woke it");
    sweep(&memory);
    memory.elapse(60);
    let workspace = WorkspaceId::parse(&ada.workspace_id).unwrap();
    let files = memory.files();
    assert!(indexed(&memory, &workspace).iter().all(|key| files.contains(key)));
}

/// Stored, not listed, and its alarm lost: the sweep asks it, and it goes on.
#[test]
fn an_upload_that_lost_its_alarm_becomes_a_file_after_all() {
    let mut met = 0;
    for points in 0..80 {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 1.0);
        let ticket =
            ada.call("request_file_upload_url", &json!({ "file_name": "a.png" }))["structuredContent"]
                .clone();
        let put = Ask::put(ticket["upload_url"].as_str().unwrap(), Stream::of(png(points)));
        memory.state(|state| state.kill_after = Some(points));
        memory.attempt(memory.send(put));
        memory.state(|state| state.kill_after = None);
        memory.kill();
        let workspace = WorkspaceId::parse(&ada.workspace_id).unwrap();
        if memory.files().is_empty() || !indexed(&memory, &workspace).is_empty() {
            continue;
        }
        met += 1;
        memory.object::<Upload>(ticket["file_id"].as_str().unwrap()).alarm.set(None);
        memory.elapse(OLD);
        assert_eq!(sweep(&memory)["deleted"], 0, "killed after {points}");
        memory.elapse(60);
        let mut listed = indexed(&memory, &workspace);
        listed.sort();
        assert!(!listed.is_empty() && listed == memory.files(), "killed after {points}");
    }
    assert!(met > 2, "{met}");
}

#[test]
fn what_cannot_be_asked_now_stays_until_it_can() {
    for operation in ["ask WORKSPACE", "ask UPLOAD"] {
        let library = Library::new();
        let memory = &library.memory;
        put(memory, &library.keys(&library.asset("o.png", 1))[0]);
        memory.elapse(OLD);
        for fault in [Fault::Refuse, Fault::LoseReply] {
            memory.meet(operation, fault);
            let line = sweep(memory);
            assert_eq!((&line["skipped"], &line["deleted"]), (&json!(1), &json!(0)), "{operation} {line}");
            assert_eq!(memory.files().len(), 1);
        }
        assert_eq!(sweep(memory)["deleted"], 1);
        assert!(memory.files().is_empty());
    }
}

#[test]
fn a_sweep_goes_on_where_the_last_one_stopped() {
    let library = Library::new();
    let memory = &library.memory;
    // More than a sweep looks at: 20 pages of 500.
    for _ in 0..10_200 {
        let key = media::key(&library.id, &library.new_id(), "png");
        let file = crate::support::storage::File {
            content_type: "image/png".into(),
            disposition: None,
            bytes: Vec::new(),
            stored_at: memory.now(),
        };
        memory.state(|state| state.files.insert(key, file));
    }
    let line = sweep(memory);
    assert_eq!((&line["pages"], &line["is_at_end"]), (&json!(20), &json!(false)));
    let first = line["seen"].as_u64().unwrap();
    assert!((9_900..=10_000).contains(&first), "{first}");
    let line = sweep(memory);
    assert_eq!((line["seen"].as_u64().unwrap(), &line["is_at_end"]), (10_200 - first, &json!(true)));
    assert_eq!(sweep(memory)["pages"], 20, "and begins again");
    // Neither a list that fails nor a cursor that is lost keeps it from anything.
    memory.meet("list", Fault::Refuse);
    assert!(sweep(memory)["fault"].is_string());
    memory.meet("recall", Fault::Refuse);
    assert_eq!(sweep(memory)["pages"], 20);
    memory.meet("remember", Fault::Refuse);
    sweep(memory);
}

#[test]
fn two_sweeps_at_once_do_what_one_does() {
    for seed in 0..20 {
        let library = Library::with(seed, &[]);
        let memory = &library.memory;
        memory.state(|state| state.shuffles = true);
        let asset = library.upload("bob", library.asset("a.png", 100));
        for _ in 0..5 {
            library.keys(&library.asset("o.png", 1)).iter().for_each(|key| put(memory, key));
        }
        memory.elapse(OLD);
        memory.run(join(collector::sweep(memory), collector::sweep(memory)));
        memory.elapse(1);
        assert_eq!((memory.files().len(), library.kept(&asset)), (2, [true; 2]), "seed {seed}");
    }
}
