//! The audit log of a workspace: every change and every spend leaves one row that says who, by which credential, in
//! which request; a refusal leaves none; owners read it for 90 days.
//! Not for: how it is shown.

use crate::support::{Client, Memory};
use crate::workflows::{create, document, draw, with};
use atelier::error::Code;
use atelier::id::{InvitationId, PersonId};
use atelier::platform::Platform;
use atelier::units::{Allowance, Units};
use atelier::workspace::Grant;
use atelier::workspace::{Actor, Command, Event, Invited, Reply, Role, Workspace, audit};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3600;

struct World {
    memory: Memory,
    ada: Client,
}

fn person(name: &str) -> PersonId {
    PersonId::of(name)
}

impl World {
    fn new() -> Self {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 10.0);
        Self { memory, ada }
    }

    fn ask(&self, command: Command) -> Reply {
        self.memory.run(self.memory.ask::<Workspace>(&self.ada.workspace_id, command)).unwrap()
    }

    /// Newest first.
    fn audit(&self, reader: &str, before: Option<i64>, limit: u32) -> Result<Vec<audit::Entry>, Code> {
        match self.ask(Command::Audit { person: person(reader), before, limit }) {
            Reply::Audit(entries) => Ok(entries),
            Reply::Refused(refusal) => Err(refusal.code),
            other => panic!("{other:?}"),
        }
    }

    fn names(&self) -> Vec<String> {
        self.audit("ada", None, 100).unwrap().into_iter().map(|entry| entry.event.name).collect()
    }

    /// The rows that something leaves, oldest first.
    fn left(&self, work: impl FnOnce(&Self)) -> Vec<audit::Entry> {
        let last = self.audit("ada", None, 1).unwrap().first().map_or(0, |entry| entry.audit_id);
        work(self);
        let mut rows = self.audit("ada", None, 100).unwrap();
        rows.retain(|entry| entry.audit_id > last);
        rows.reverse();
        rows
    }

    fn done(&self, command: Command) {
        let reply = self.ask(command);
        assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
    }
}

fn actor(name: &str, request: &str) -> Actor {
    Actor::person(&person(name), Some("token-1"), request)
}

fn invited(name: &str, id: u8, world: &World) -> Invited {
    Invited {
        invitation_id: InvitationId::mint(world.memory.now(), &[id; 10]),
        person: person(name),
        email: format!("{name}@example.com"),
        role: Role::Member,
        expires_at: world.memory.now().plus_seconds(DAY),
    }
}

fn grant(actor: Actor, units: i64, note: &str) -> Command {
    Command::GrantBy(Grant { actor, amount: Units::whole(units), note: note.into(), idempotency: None })
}

/// Each command of an owner, the event it leaves, on whom or what, and the details.
fn commands(world: &World) -> Vec<(Command, &'static str, String, Value)> {
    let by = |request: &str| actor("ada", request);
    let bob = person("bob");
    let per_day = Some(Units::whole(2));
    let open = invited("eve", 1, world);
    let eve = open.person.to_string();
    vec![
        (
            grant(by("r0"), 3, "more"),
            "units.granted",
            String::new(),
            json!({ "creative_units": 3, "note": "more" }),
        ),
        (
            grant(by("r1"), -2, "less"),
            "units.taken",
            String::new(),
            json!({ "creative_units": -2, "note": "less" }),
        ),
        (
            Command::SetRole { actor: by("r2"), person: bob.clone(), role: Some(Role::Viewer) },
            "member.role_changed",
            bob.to_string(),
            json!({ "role": "viewer" }),
        ),
        (
            Command::SetAllowance {
                actor: by("r3"),
                person: bob.clone(),
                allowance: Allowance { per_day, per_month: None },
            },
            "member.allowance_changed",
            bob.to_string(),
            json!({ "per_day": 2, "per_month": null }),
        ),
        (
            Command::SetConfirmAbove { actor: by("r4"), above: Some(Units::thousandths(1500)) },
            "workspace.threshold_changed",
            String::new(),
            json!({ "confirm_above": 1.5 }),
        ),
        (
            Command::Invite { actor: by("r5"), invited: open.clone() },
            "member.invited",
            eve,
            json!({ "email": "eve@example.com", "role": "member" }),
        ),
        (
            Command::Withdraw { actor: by("r6"), invitation_id: open.invitation_id.clone() },
            "member.invitation_withdrawn",
            open.invitation_id.to_string(),
            json!({}),
        ),
        (
            Command::SetRole { actor: by("r7"), person: bob.clone(), role: None },
            "member.removed",
            bob.to_string(),
            json!({ "role": null }),
        ),
    ]
}

#[test]
fn every_change_leaves_one_row_that_says_who_did_it() {
    let world = World::new();
    Client::with_token(&world.memory, "bob", json!({ "workspace_id": world.ada.workspace_id }));
    for (number, (command, name, subject, details)) in commands(&world).into_iter().enumerate() {
        let rows = world.left(|world| world.done(command));
        let [row] = rows.as_slice() else { panic!("{name}: {rows:?}") };
        assert_eq!(row.event, Event { name: name.into(), subject, details });
        assert_eq!(row.actor, actor("ada", &format!("r{number}")));
        assert_eq!(row.at, world.memory.now());
    }
}

#[test]
fn what_is_refused_leaves_no_row() {
    let world = World::new();
    for name in ["bob", "eve"] {
        Client::with_token(&world.memory, name, json!({ "workspace_id": world.ada.workspace_id }));
    }
    let refused = world.left(|world| {
        for (mut command, name, ..) in commands(world) {
            if let Command::GrantBy(Grant { actor, .. })
            | Command::SetRole { actor, .. }
            | Command::SetAllowance { actor, .. }
            | Command::SetConfirmAbove { actor, .. }
            | Command::Invite { actor, .. }
            | Command::Withdraw { actor, .. } = &mut command
            {
                actor.id = person("bob").to_string();
            }
            let reply = world.ask(command);
            assert!(matches!(reply, Reply::Refused(_)), "{name}: {reply:?}");
        }
        let more = Command::GrantBy(Grant { actor: actor("ada", "r"), amount: Units::whole(-11), note: String::new(), idempotency: None });
        assert!(matches!(world.ask(more), Reply::Refused(_)));
        let last = Command::SetRole { actor: actor("ada", "r"), person: person("ada"), role: None };
        assert!(matches!(world.ask(last), Reply::Refused(_)));
        let dear = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "batch_size": 16 });
        assert_eq!(world.ada.refused("execute_forge", &dear)["code"], "INSUFFICIENT_BALANCE");
    });
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn joining_leaves_one_row_however_often_the_button_is_pressed() {
    let world = World::new();
    let open = invited("eve", 1, &world);
    world.done(Command::Invite { actor: actor("ada", "r"), invited: open.clone() });
    let accept = Command::Accept {
        actor: Actor::person(&open.person, None, "r1"),
        invitation_id: open.invitation_id,
        label: "eve@example.com".into(),
    };
    let rows = world.left(|world| (0..3).for_each(|_| world.done(accept.clone())));
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (row.event.name.as_str(), row.event.subject.as_str()),
        ("member.joined", open.person.as_str())
    );
    assert_eq!((&row.actor.token_id, row.actor.request_id.as_str()), (&None, "r1"));
}

#[test]
fn what_the_operator_does_is_the_operators() {
    let world = World::new();
    let granted = Command::Grant(Grant {
        actor: Actor::operator("r9"),
        amount: Units::whole(1),
        note: "gift".into(),
        idempotency: None,
    });
    let rows = world.left(|world| world.done(granted));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].actor, Actor { id: "operator".into(), token_id: None, request_id: "r9".into() });
}

/// Through the front door: the token and the request are those of the call.
#[test]
fn runs_and_workflows_name_the_token_and_the_request() {
    let world = World::new();
    let ada = &world.ada;
    let simple = document(vec![draw("only", "a cat")], &["only"]);
    let mut id = String::new();
    let forge = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "idempotency_key": "k" });
    let update = |more: Value| {
        let id = world
            .audit("ada", None, 100)
            .unwrap()
            .into_iter()
            .find(|row| row.event.name == "workflow.created");
        let call = with(more, json!({ "workflow_id": id.unwrap().event.subject }));
        ada.call("update_workflow", &call);
    };
    let rows = world.left(|_| {
        id = create(ada, &simple);
        let draft = with(simple.clone(), json!({ "name": "Another" }));
        update(json!({ "document": draft, "publish": false }));
        update(json!({ "document": draft, "publish": false }));
        update(json!({}));
        update(json!({ "archived": true }));
        update(json!({ "archived": true }));
        update(json!({ "archived": false }));
        ada.call("execute_workflow", &json!({ "workflow_id": id }));
        let run = ada.start(&forge);
        assert_eq!(ada.start(&forge), run, "a repeat starts nothing");
        ada.run_to_end(&run);
    });
    let names: Vec<_> = rows.iter().map(|row| row.event.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "workflow.created",
            "workflow.updated",
            "workflow.published",
            "workflow.archived",
            "workflow.restored",
            "run.started",
            "run.started"
        ]
    );
    let mut requests: Vec<_> = rows.iter().map(|row| row.actor.request_id.clone()).collect();
    requests.dedup();
    assert_eq!(requests.len(), rows.len(), "each call is a request of its own");
    for row in &rows {
        assert_eq!(row.actor.as_person(), Some(person("ada")));
        assert_eq!(row.actor.token_id.as_deref(), Some(ada.token_id.as_str()));
        assert!(!row.actor.request_id.is_empty());
    }
    assert!(rows[..5].iter().all(|row| row.event.subject == id));
    assert_eq!(rows[2].event.details, json!({ "version": 2 }));
    assert_eq!(rows[5].event.details, json!({ "kind": "workflow", "of": id, "reserved_creative_units": 1 }));
    assert_eq!(rows[6].event.details["of"], "offline-image");
}

#[test]
fn members_viewers_and_strangers_do_not_read_it() {
    let world = World::new();
    for (name, role) in [("bob", Role::Member), ("eve", Role::Viewer)] {
        Client::with_token(&world.memory, name, json!({ "workspace_id": world.ada.workspace_id }));
        let role = Some(role);
        world.done(Command::SetRole { actor: actor("ada", "r"), person: person(name), role });
        assert_eq!(world.audit(name, None, 10), Err(Code::Forbidden), "{name}");
    }
    assert_eq!(world.audit("zed", None, 10), Err(Code::WorkspaceNotFound));
    assert!(!world.audit("ada", None, 10).unwrap().is_empty());
}

fn note(world: &World, number: i64) {
    let event = Event::new("test.noted", number.to_string(), json!({}));
    world.done(Command::Note { actor: actor("ada", "r"), event });
}

#[test]
fn a_row_is_gone_after_ninety_days_and_so_are_its_bytes() {
    let world = World::new();
    let rows = || {
        let workspace = world.memory.object::<Workspace>(&world.ada.workspace_id);
        workspace.read("SELECT count(*) FROM audit", &[])[0].integer(0).unwrap()
    };
    (0..20).for_each(|number| note(&world, number));
    let written = rows();
    world.memory.elapse(90 * DAY - 1);
    assert_eq!(world.names().len() as i64, written, "not a second early");
    world.memory.elapse(2);
    assert!(world.names().is_empty(), "owners do not see it any more");
    assert_eq!(rows(), written, "nobody has written since");
    (0..5).for_each(|number| note(&world, number));
    assert_eq!((rows(), world.names().len()), (5, 5), "and what is written sweeps");
}

#[test]
fn pages_are_complete_and_name_members() {
    let world = World::new();
    (0..25).for_each(|number| note(&world, number));
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = world.audit("ada", before, 7).unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 7);
        before = Some(last.audit_id);
        seen.extend(page);
        note(&world, 99);
    }
    let noted: Vec<_> = seen.iter().filter(|entry| entry.event.name == "test.noted").collect();
    let expected: Vec<_> = (0..25).rev().map(|number| number.to_string()).collect();
    assert_eq!(
        noted.iter().map(|entry| &entry.event.subject).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    assert!(seen.windows(2).all(|pair| pair[0].audit_id > pair[1].audit_id));
}
