//! Databases that earlier versions wrote: their tokens, connections, members, units and runs are all still there.

use crate::oauth::{ADA, App, FIRST_WORKSPACE, World, tokens};
use crate::support::object::Object;
use crate::support::{Client, Memory};
use atelier::id::PersonId;
use atelier::oauth::account::Account;
use atelier::runs::Run;
use atelier::workspace::Workspace;
use serde_json::json;

#[test]
fn what_the_version_before_sign_in_wrote_is_still_good() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada@example.com", 5.0);
    let account = memory.object::<Account>(PersonId::of("ada@example.com").as_str());
    for table in ["uses", "grants", "rotations", "profile", "invitations"] {
        account.read(&format!("DROP TABLE {table}"), &[]);
    }
    account.read("ALTER TABLE memberships DROP COLUMN left_at", &[]);
    for column in ["units_per_day", "units_per_month"] {
        account.read(&format!("ALTER TABLE tokens DROP COLUMN {column}"), &[]);
    }
    let workspace = memory.object::<Workspace>(&ada.workspace_id);
    before_workflows(&workspace);
    workspace.read("DROP TABLE invitations", &[]);
    workspace.read("ALTER TABLE members DROP COLUMN label", &[]);
    memory.elapse(61);

    assert_eq!(ada.units(), [5.0, 0.0, 0.0]);
    let listed = ada.call("list_workspaces", &json!({}));
    assert_eq!(listed["structuredContent"]["items"].as_array().unwrap().len(), 1);
    let again = Client::with_token(&memory, "ada@example.com", json!({ "workspace_id": ada.workspace_id }));
    assert_eq!(again.units(), [5.0, 0.0, 0.0]);
    assert_eq!(ada.units(), [5.0, 0.0, 0.0], "and once more");
}

/// Takes away what came with workflows: the tables as the version before left them.
fn before_workflows(workspace: &Object) {
    for table in ["audit", "keys", "workflows", "workflow_versions"] {
        workspace.read(&format!("DROP TABLE {table}"), &[]);
    }
    workspace.read("DROP INDEX runs_by_time", &[]);
    workspace.read("DROP INDEX runs_running", &[]);
    workspace.read("CREATE INDEX runs_by_person ON runs (person, status)", &[]);
    workspace.read("CREATE INDEX runs_by_key ON runs (person, idempotency_key, created_at)", &[]);
    for (table, columns) in [
        ("workspace", ["confirm_above"].as_slice()),
        ("members", &["per_day", "per_month"]),
        ("ledger", &["token_id", "request_id"]),
        ("runs", &["kind", "title", "token_id", "files"]),
    ] {
        for column in columns {
            workspace.read(&format!("ALTER TABLE {table} DROP COLUMN {column}"), &[]);
        }
    }
}

/// A run and its key from before: the run is still listed and readable, the key still answers with it.
#[test]
fn runs_of_the_version_before_workflows_go_on() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada@example.com", 5.0);
    let request = json!({
        "model_id": "offline-image", "prompt": "a cat offline:slow=40", "width": 64, "height": 64,
        "idempotency_key": "k"
    });
    let id = ada.start(&request);
    memory.elapse(1);
    let workspace = memory.object::<Workspace>(&ada.workspace_id);
    workspace.read("UPDATE runs SET idempotency_key = 'k'", &[]);
    before_workflows(&workspace);
    let run = memory.object::<Run>(&id);
    let rows = run.read("SELECT job, state, item FROM job, state, items", &[]);
    let part = |column: usize| rows[0].json::<serde_json::Value>(column).unwrap();
    let (mut job, item) = (part(0), part(2));
    job["generation"] = job["work"]["Forge"].clone();
    job.as_object_mut().unwrap().remove("work");
    let record = json!({
        "job": job, "stage": item["stage"], "progress": 0.1, "assets": [], "version": 3, "attempts": 0, "watchers": []
    });
    run.read("CREATE TABLE run (one INTEGER PRIMARY KEY CHECK (one = 1), record TEXT NOT NULL)", &[]);
    run.read("INSERT INTO run VALUES (1, ?)", &[record.to_string().into()]);
    for table in ["job", "state", "items"] {
        run.read(&format!("DROP TABLE {table}"), &[]);
    }

    assert_eq!(ada.start(&request), id, "the key still stands for it");
    let end = ada.run_to_end(&id)["structuredContent"].clone();
    assert_eq!((&end["status"], end["assets"].as_array().unwrap().len()), (&json!("complete"), 1));
    assert_eq!(ada.units(), [4.0, 0.0, 1.0]);
}

/// The version before tokens and apps had limits: what it made has none, and can be given some.
#[test]
fn what_the_version_before_limits_wrote_is_still_good() {
    let world = World::new();
    let app = App::documented();
    let ada = world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 5.0);
    let held = tokens(&app.redeem(&world, &app.code(&ada)));
    let personal = Client::with_token(&world.memory, ADA, json!({ "workspace_id": FIRST_WORKSPACE }));
    let account = world.memory.object::<Account>(PersonId::of(ADA).as_str());
    let age = || {
        for (table, column) in [("tokens", "units_per_day"), ("tokens", "units_per_month")]
            .into_iter()
            .chain([("grants", "units_per_day"), ("grants", "units_per_month")])
        {
            account.read(&format!("ALTER TABLE {table} DROP COLUMN {column}"), &[]);
        }
    };
    // Whatever comes first meets the old tables: a question, a change, a new token, a new connection, a refresh.
    age();
    assert_eq!([world.may(&personal.token), world.may(&held.access)], [(200, 200), (200, 200)]);
    age();
    let page = ada.go("/account/tokens");
    assert!(page.text().contains("No spending limit of its own"), "{}", page.text());
    age();
    let form = page.form("/account/tokens/allowance").with("max_creative_units_per_day", "3");
    assert!(ada.submit(&form).text().contains("Spends at most 3 a day"));
    age();
    let more = json!({ "workspace_id": FIRST_WORKSPACE, "max_creative_units_per_month": 2 });
    let limited = Client::with_token(&world.memory, ADA, more);
    assert!(ada.go("/account/tokens").text().contains("Spends at most 2 a month"));
    assert_eq!(world.may(&limited.token), (200, 200));
    age();
    tokens(&app.redeem(&world, &app.code(&ada)));
    age();
    let refreshed = tokens(&app.refresh(&world, &held.refresh));
    assert_eq!(world.may(&refreshed.access), (200, 200));
    assert_eq!(ada.go("/account").forms("/account/apps/allowance").len(), 2);
}
