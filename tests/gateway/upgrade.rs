//! Databases that earlier versions wrote: their tokens, connections, members, units and runs are all still there.

use crate::oauth::{ADA, App, FIRST_WORKSPACE, World, tokens};
use crate::support::object::Object;
use crate::support::{Client, Memory};
use atelier::id::{PersonId, WorkspaceId};
use atelier::oauth::account::Account;
use atelier::platform::Platform;
use atelier::runs::Run;
use atelier::workspace::{Actor, Command, Reply, Workspace, media};
use serde_json::json;
use std::collections::BTreeSet;

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
    before_uploads(&workspace);
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

/// Takes away what came with uploads.
fn before_uploads(workspace: &Object) {
    for table in ["uploads", "trash", "tombstones"] {
        workspace.read(&format!("DROP TABLE {table}"), &[]);
    }
    workspace.read("DROP INDEX assets_by_run", &[]);
    workspace.read("ALTER TABLE workspace DROP COLUMN stored_bytes", &[]);
    for column in ["name", "sha256", "origin", "has_poster", "person"] {
        workspace.read(&format!("ALTER TABLE assets DROP COLUMN {column}"), &[]);
    }
}

/// What stands in a workspace's tables, beside what an upgrade may leave in another order.
fn shape(workspace: &Object) -> BTreeSet<String> {
    let rows = workspace.read("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'", &[]);
    let tables = rows.iter().map(|row| row.text(0).unwrap());
    let columns = |table: String| {
        let rows = workspace.read(&format!("SELECT name FROM pragma_table_info('{table}')"), &[]);
        rows.iter().map(|row| format!("{table}.{}", row.text(0).unwrap())).collect::<Vec<_>>()
    };
    tables.flat_map(|table| [vec![table.clone()], columns(table)].concat()).collect()
}

/// Its files are listed, count, belong to who ran what made them, and can be deleted.
#[test]
fn files_of_the_versions_before_uploads_are_still_there() {
    for goes_further_back in [false, true] {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada@example.com", 5.0);
        let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "batch_size": 2 });
        ada.run_to_end(&ada.start(&request));
        let workspace = memory.object::<Workspace>(&ada.workspace_id);
        let fresh = shape(&workspace);
        let sizes = || workspace.read("SELECT sum(size_bytes) FROM assets", &[])[0].integer(0).unwrap();
        let total = sizes();
        before_uploads(&workspace);
        if goes_further_back {
            before_workflows(&workspace);
        }
        let person = PersonId::of("ada@example.com");
        let ask = |command| memory.run(memory.ask::<Workspace>(&ada.workspace_id, command)).unwrap();
        let query = media::Query { limit: 10, ..media::Query::default() };
        let listed = ask(Command::Assets { person: person.clone(), query });
        let Reply::AssetPage(assets, None) = listed else { panic!("{listed:?}") };
        assert_eq!(shape(&workspace), fresh, "as new ones are");
        assert_eq!(assets.len(), 2);
        assert!(assets.iter().all(|asset| asset.person.as_ref() == Some(&person) && asset.has_poster));
        assert_eq!((stored(&workspace), sizes()), (total, total));
        let delete = Command::DeleteAsset {
            actor: Actor::person(&person, None, "r"),
            workspace: WorkspaceId::parse(&ada.workspace_id).unwrap(),
            asset_id: assets[0].asset_id.clone(),
        };
        assert!(matches!(ask(delete), Reply::Done));
        assert_eq!(stored(&workspace), i64::try_from(assets[1].size_bytes).unwrap());
    }
}

fn stored(workspace: &Object) -> i64 {
    workspace.read("SELECT stored_bytes FROM workspace", &[])[0].integer(0).unwrap()
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
    before_uploads(&workspace);
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
