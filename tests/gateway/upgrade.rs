//! Databases that earlier versions wrote: their tokens, connections, members and units are all still there.

use crate::oauth::{ADA, App, FIRST_WORKSPACE, World, tokens};
use crate::support::{Client, Memory};
use atelier::id::PersonId;
use atelier::oauth::account::Account;
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
