//! Lists of runs over ten thousand rows: every filter, pages that are complete and stay so while new runs arrive, and
//! a bounded amount of work for each.
//! Not for: the runs themselves.

use crate::support::object::{Effort, Object};
use crate::support::{Client, Memory};
use crate::workflows::with;
use atelier::id::{PersonId, RunId};
use atelier::platform::Platform;
use atelier::time::Timestamp;
use atelier::workspace::{Command, Query, Reply, RunKind, RunRow, RunStatus, Workspace};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::rc::Rc;

const ROWS: i64 = 10_000;
/// One run every 100 seconds, the last of them now.
const EVERY_MILLIS: i64 = 100_000;
const PEOPLE: [&str; 3] = ["ada", "bob", "eve"];
const SUBJECTS: [&str; 7] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6"];
const RARE: &str = "rare";

struct World {
    memory: Memory,
    ada: Client,
    workspace: Rc<Object>,
    /// Oldest first.
    all: Vec<Made>,
}

#[derive(Clone, Debug, PartialEq)]
struct Made {
    id: String,
    who: &'static str,
    status: RunStatus,
    kind: RunKind,
    subject: &'static str,
    at: Timestamp,
}

impl World {
    fn new() -> Self {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 10.0);
        for name in ["bob", "eve"] {
            Client::with_token(&memory, name, json!({ "workspace_id": ada.workspace_id }));
        }
        let workspace = memory.object::<Workspace>(&ada.workspace_id);
        let mut world = Self { memory, ada, workspace, all: Vec::new() };
        (0..ROWS).for_each(|number| world.make(number));
        world
    }

    fn make(&mut self, number: i64) {
        let at = self.memory.now().plus_millis((number - ROWS) * EVERY_MILLIS);
        let pick = |of: usize| usize::try_from(number).unwrap() % of;
        let made = Made {
            id: RunId::mint(at, &self.memory.random()).to_string(),
            who: PEOPLE[pick(3)],
            status: RunStatus::ALL[pick(4)],
            kind: RunKind::ALL[pick(2)],
            subject: if number == 17 { RARE } else { SUBJECTS[pick(7)] },
            at,
        };
        let person = PersonId::of(made.who);
        self.workspace.read(
            "INSERT INTO runs (run_id, person, model_id, status, reserved, created_at, kind, title) VALUES (?, ?, ?, ?, 1000, ?, ?, 'x')",
            &[
                made.id.as_str().into(),
                person.as_str().into(),
                made.subject.into(),
                made.status.as_str().into(),
                at.into(),
                made.kind.as_str().into(),
            ],
        );
        self.all.push(made);
    }

    fn page(&self, query: &Query) -> (Vec<RunRow>, Option<RunId>) {
        let command = Command::Runs { person: PersonId::of("ada"), query: query.clone() };
        match self.memory.run(self.memory.ask::<Workspace>(&self.ada.workspace_id, command)).unwrap() {
            Reply::Runs(rows, next) => (rows, next),
            other => panic!("{other:?}"),
        }
    }

    /// Every page: the ids of all, and what the most expensive one cost.
    fn walk(&self, mut query: Query) -> (Vec<String>, Effort) {
        let mut found = Vec::new();
        let mut most = Effort::default();
        loop {
            self.workspace.effort();
            let (rows, next) = self.page(&query);
            most = most.max(self.workspace.effort());
            assert!(rows.len() <= query.limit as usize);
            found.extend(rows.iter().map(|row| row.run_id.to_string()));
            if next.is_none() {
                return (found, most);
            }
            assert!(next < query.before || query.before.is_none(), "it goes on");
            query.before = next;
        }
    }

    fn expected(&self, fits: impl Fn(&Made) -> bool) -> Vec<String> {
        self.all.iter().rev().filter(|made| fits(made)).map(|made| made.id.clone()).collect()
    }
}

/// What one page may cost, however many rows there are: two looks at two thousand rows.
fn assert_bounded(most: Effort, what: &str) {
    assert_eq!(most.sorts, 0, "{what} sorts");
    assert!(most.steps < 150_000, "{what} takes {} steps", most.steps);
}

#[test]
fn every_filter_finds_what_fits_page_by_page() {
    let world = World::new();
    let [from, until] = [ROWS / 2, 1].map(|ago| world.memory.now().plus_millis(-ago * EVERY_MILLIS));
    let limit = 100;
    let mine = Some(PersonId::of("bob"));
    let none = Query { limit, ..Query::default() };
    type Fits = Box<dyn Fn(&Made) -> bool>;
    let cases: Vec<(&str, Query, Fits)> = vec![
        ("all", none.clone(), Box::new(|_| true)),
        ("of one", Query { of: mine.clone(), ..none.clone() }, Box::new(|made| made.who == "bob")),
        (
            "by status",
            Query { status: Some(RunStatus::Failed), ..none.clone() },
            Box::new(|made| made.status == RunStatus::Failed),
        ),
        (
            "by kind",
            Query { kind: Some(RunKind::Workflow), ..none.clone() },
            Box::new(|made| made.kind == RunKind::Workflow),
        ),
        (
            "by model",
            Query { subject: Some("m3".into()), ..none.clone() },
            Box::new(|made| made.subject == "m3"),
        ),
        (
            "one of all",
            Query { subject: Some(RARE.into()), ..none.clone() },
            Box::new(|made| made.subject == RARE),
        ),
        ("nothing", Query { subject: Some("absent".into()), ..none.clone() }, Box::new(|_| false)),
        (
            "by time",
            Query { from: Some(from), until: Some(until), ..none.clone() },
            Box::new(move |made| made.at >= from && made.at < until),
        ),
        (
            "by everything",
            Query {
                of: mine,
                status: Some(RunStatus::Complete),
                kind: Some(RunKind::Workflow),
                subject: Some("m1".into()),
                from: Some(from),
                until: Some(until),
                ..none
            },
            Box::new(move |made| {
                (made.who, made.status, made.kind, made.subject)
                    == ("bob", RunStatus::Complete, RunKind::Workflow, "m1")
                    && made.at >= from
                    && made.at < until
            }),
        ),
    ];
    for (what, query, fits) in cases {
        let (found, most) = world.walk(query);
        assert_eq!(found, world.expected(fits), "{what}");
        assert_bounded(most, what);
    }
}

#[test]
fn pages_of_any_size_are_complete() {
    let world = World::new();
    let from = Some(world.memory.now().plus_millis(-500 * EVERY_MILLIS));
    for limit in [1, 2, 7, 499, 500, 501] {
        let (found, _) = world.walk(Query { from, limit, of: None, ..Query::default() });
        assert_eq!(found, world.expected(|made| made.at >= from.unwrap()), "{limit}");
    }
}

#[test]
fn pages_stay_as_they_are_while_new_runs_arrive() {
    let mut world = World::new();
    let expected = world.expected(|made| made.who == "bob");
    let mut query = Query { of: Some(PersonId::of("bob")), limit: 100, ..Query::default() };
    let mut found = Vec::new();
    for number in ROWS.. {
        let (rows, next) = world.page(&query);
        found.extend(rows.into_iter().map(|row| row.run_id.to_string()));
        world.make(number);
        let Some(next) = next else { break };
        query.before = Some(next);
    }
    assert_eq!(found, expected);
}

/// What a member asks through the tool.
#[test]
fn the_tool_lists_by_person_status_model_and_time() {
    let world = World::new();
    let list = |more: Value| {
        let page = world.ada.call("list_runs", &with(json!({ "limit": 100 }), more));
        let ids = page["structuredContent"]["items"].as_array().unwrap().iter();
        ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = |fits: &dyn Fn(&Made) -> bool| {
        let mut expected = world.expected(fits);
        expected.truncate(100);
        expected
    };
    assert_eq!(list(json!({})), first(&|made| made.who == "ada"));
    assert_eq!(list(json!({ "whose": "all" })), first(&|_| true));
    let cancelled = |made: &Made| made.who == "ada" && made.status == RunStatus::Cancelled;
    assert_eq!(list(json!({ "status": "cancelled" })), first(&cancelled));
    assert_eq!(list(json!({ "whose": "all", "model_id": "m5" })), first(&|made| made.subject == "m5"));
    // The world begins on 21 November 2026 at 07:32.
    let day = |made: &Made| made.at.iso().starts_with("2026-11-20") && made.who == "ada";
    let (after, before) = ("2026-11-20", "2026-11-21T01:00:00+01:00");
    let mut ask = json!({ "created_after": after, "created_before": before, "limit": 100 });
    let mut found = Vec::new();
    while ask["cursor"].is_string() || found.is_empty() {
        found.extend(list(ask.clone()));
        ask["cursor"] = world.ada.call("list_runs", &ask)["structuredContent"]["nextCursor"].clone();
        if ask["cursor"].is_null() {
            break;
        }
    }
    assert_eq!(found, world.expected(day));
    assert!(found.len() > 200 && found.iter().collect::<BTreeSet<_>>().len() == found.len());
}

#[test]
fn wrong_times_and_cursors_of_other_lists_are_refused() {
    let world = World::new();
    let bob = Client::with_token(&world.memory, "bob", json!({ "workspace_id": world.ada.workspace_id }));
    let refused = |client: &Client, more: Value| client.refused("list_runs", &more)["message"].to_string();
    for field in ["created_after", "created_before"] {
        for wrong in ["yesterday", "2026-13-01", "2026-11-20T08:00:00", ""] {
            let message = refused(&world.ada, json!({ field: wrong }));
            assert!(message.contains(field), "{message}");
        }
    }
    for limit in [0, -1, 101] {
        assert!(refused(&world.ada, json!({ "limit": limit })).contains("limit"));
    }
    let page = world.ada.call("list_runs", &json!({ "whose": "all" }))["structuredContent"].clone();
    let cursor = page["nextCursor"].clone();
    assert!(refused(&bob, json!({ "whose": "all", "cursor": cursor })).contains("another list"));
    let zed = Client::new(&world.memory, "zed", 1.0);
    assert!(refused(&zed, json!({ "cursor": cursor })).contains("another list"));
    assert_eq!(
        zed.refused("list_runs", &json!({ "workspace_id": world.ada.workspace_id }))["code"],
        "WORKSPACE_NOT_FOUND"
    );
    for wrong in ["", "x", &cursor.as_str().unwrap()[1..]] {
        assert!(refused(&world.ada, json!({ "cursor": wrong })).contains("gave out"), "{wrong}");
    }
    world.memory.elapse(24 * 3600 + 1);
    assert!(refused(&world.ada, json!({ "whose": "all", "cursor": cursor })).contains("expired"));
}
