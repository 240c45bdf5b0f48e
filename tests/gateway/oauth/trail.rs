//! What is done with tokens and apps stands in the audit log of the workspaces concerned, without secrets; what happened
//! to the units stands on pages that members read. Not for: the same for programs (`crate::rest`).

use super::{ADA, App, CALLBACK, FIRST_WORKSPACE, OWNER, World, tokens};
use crate::support::browser::Form;
use crate::support::client::operate;
use crate::support::{Browser, Client, Fault};
use atelier::id::PersonId;
use atelier::platform::Platform;
use atelier::units::Units;
use atelier::workspace::{Command, Reply, Workspace, audit};
use serde_json::json;

fn log(world: &World) -> Vec<audit::Entry> {
    let command = Command::Audit { person: PersonId::of(OWNER), before: None, limit: 50 };
    match world.memory.run(world.memory.ask::<Workspace>(FIRST_WORKSPACE, command)).unwrap() {
        Reply::Audit(entries) => entries,
        other => panic!("{other:?}"),
    }
}

/// The events since the workspace had this many, newest last.
fn since(world: &World, count: usize) -> Vec<audit::Entry> {
    let mut entries = log(world);
    entries.truncate(entries.len() - count);
    entries.reverse();
    entries
}

fn names(entries: &[audit::Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event.name.as_str()).collect()
}

fn base() -> String {
    format!("/account/workspaces/{FIRST_WORKSPACE}")
}

/// A form to the workspace's page, whether or not the page shows it: status and text of where it leads.
fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let csrf = browser.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    let page = browser.submit(&Form::new(&format!("{}/{path}", base()), fields).with("csrf", &csrf));
    (page.status(), page.text())
}

#[test]
fn every_step_of_a_token_and_of_an_app_is_written_down() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let before = log(&world).len();
    let form = ada.go("/account/tokens").form("/account/tokens").with("name", "CI").with("preset", "agent");
    let page =
        ada.submit(&form.with("workspace_id", FIRST_WORKSPACE).with("max_creative_units_per_day", "5"));
    let secret = page.text().split("atl_pat_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let limits =
        ada.go("/account/tokens").form("/account/tokens/allowance").with("max_creative_units_per_month", "7");
    ada.submit(&limits);
    let revoke = ada.go("/account/tokens").form("/account/tokens/revoke");
    ada.submit(&revoke);
    ada.submit(&revoke);
    let app = App::documented();
    let held = tokens(&app.redeem(&world, &app.code(&ada)));
    ada.submit(&ada.go("/account").form("/account/apps/allowance").with("max_creative_units_per_day", "3"));
    ada.submit(&ada.go("/account").form("/account/apps/revoke"));
    let events = since(&world, before);
    let expected = [
        "token.issued",
        "token.allowance_changed",
        "token.revoked",
        "app.connected",
        "app.allowance_changed",
        "app.disconnected",
    ];
    assert_eq!(names(&events), expected, "revoked twice, told once");
    let token_id = revoke.get("token_id").unwrap();
    assert!(events[..3].iter().all(|entry| entry.event.subject == token_id));
    assert_eq!(events[0].event.details["per_day"], 5);
    assert_eq!(events[1].event.details["per_month"], 7);
    assert_eq!(
        (&events[3].event.details["app"], &events[3].event.details["host"]),
        (&json!("An honest app"), &json!("app.example.com"))
    );
    for entry in &events {
        assert_eq!((entry.label.as_deref(), entry.actor.token_id.as_deref()), (Some(ADA), None));
        let text = serde_json::to_string(entry).unwrap();
        let has_secret =
            [secret.as_str(), &held.access, &held.refresh, CALLBACK].iter().any(|part| text.contains(part));
        assert!(!has_secret && !text.contains("atl_"), "{text}");
    }
}

#[test]
fn what_opens_every_workspace_is_told_to_every_workspace() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    owner.submit(&owner.go("/account/workspaces").form("/account/workspaces").with("name", "Second"));
    let app = App::documented();
    let held = tokens(&app.redeem(&world, &app.code(&owner)));
    let before = log(&world).len();
    let form =
        owner.go("/account/tokens").form("/account/tokens").with("name", "All").with("preset", "agent");
    let page = owner.submit(&form);
    let token =
        format!("atl_pat_{}", page.text().split("<code>atl_pat_").nth(1).unwrap().split('<').next().unwrap());
    // Given back by whoever holds it; then everything ends.
    assert_eq!(world.post("/oauth/revoke", &[("token", &token)]).status, 200);
    assert_eq!(world.post("/oauth/revoke", &[("token", &token)]).status, 200);
    owner.submit(&owner.go("/account").form("/account/sign-out-everywhere"));
    assert_eq!(world.may(&held.access).1, 401);
    let events = since(&world, before);
    let expected = ["token.issued", "token.revoked", "person.signed_out_everywhere", "app.disconnected"];
    assert_eq!(names(&events), expected);
    assert_eq!(events[1].event.details, json!({ "by": "whoever holds it" }));
    let owner = world.signed_in(OWNER);
    let list = owner.go("/account/workspaces").text();
    let second = list
        .split("/account/workspaces/")
        .map(|rest| rest.split('"').next().unwrap())
        .find(|id| id.len() == 36 && *id != FIRST_WORKSPACE);
    let text = owner.go(&format!("/account/workspaces/{}/activity", second.unwrap())).text();
    assert!(
        text.contains("Made a token")
            && text.contains("Revoked a token")
            && text.contains("Signed out everywhere"),
        "{text}"
    );
    assert!(!text.contains("Disconnected an app"), "that was connected to the other");
}

#[test]
fn an_app_that_leaves_and_the_operators_tokens_are_written_down() {
    let world = World::new();
    let app = App::documented();
    let held = world.connect(&app, ADA);
    let before = log(&world).len();
    assert_eq!(app.revoke(&world, &held.refresh).status, 200);
    let more = json!({ "workspace_id": FIRST_WORKSPACE, "name": "batch" });
    let bob = Client::with_token(&world.memory, "bob@example.com", more);
    operate(&world.memory, "/api/v1/operator/tokens/revoke", &json!({ "token": bob.token }));
    let events = since(&world, before);
    assert_eq!(names(&events), ["app.disconnected", "member.added", "token.issued", "token.revoked"]);
    assert_eq!(events[0].event.details, json!({ "by": "the app itself" }));
    assert!(events[1..].iter().all(|entry| entry.actor.id == "operator"));
    assert_eq!(events[2].event.details["name"], "batch");
}

/// The token is revoked all the same.
#[test]
fn what_the_audit_log_cannot_take_stands_in_the_gateways_own() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let form = ada.go("/account/tokens").form("/account/tokens").with("name", "CI").with("preset", "agent");
    ada.submit(&form.with("workspace_id", FIRST_WORKSPACE));
    let revoke = ada.go("/account/tokens").form("/account/tokens/revoke");
    world.memory.meet("ask WORKSPACE", Fault::Refuse);
    assert_eq!(ada.post(&revoke).status, 303);
    assert!(ada.go("/account/tokens").text().contains("Revoked"));
    let lost = world.memory.state(|state| {
        state.log.iter().find(|(_, event, _)| event == "audit.lost").map(|(_, _, fields)| fields.clone())
    });
    assert_eq!(
        lost.map(|fields| (fields["event"].clone(), fields["workspace_id"].clone())),
        Some((json!("token.revoked"), json!(FIRST_WORKSPACE)))
    );
}

#[test]
fn an_owner_takes_units_away_with_a_reason_and_a_double_click_is_one_grant() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let form = owner.go(&base()).form(&format!("{}/grants", base()));
    let add = form.clone().with("creative_units", "12.5").with("note", "March");
    owner.submit(&add);
    let page = owner.submit(&add);
    assert!(page.text().contains("The Creative Units are added.") && page.text().contains("12.5"));
    assert_eq!(owner.submit(&form.clone().with("creative_units", "13").with("note", "")).status(), 409);
    let (status, text) = send(&owner, "grants", &[("creative_units", "−2"), ("note", "")]);
    assert!(status == 400 && text.contains("A reason"), "{text}");
    let (status, text) = send(&owner, "grants", &[("creative_units", "-20"), ("note", "a slip")]);
    assert!(status == 400 && text.contains("Only 12.5 Creative Units are free"), "{text}");
    for sign in ["-", "−"] {
        let (status, text) =
            send(&owner, "grants", &[("creative_units", &format!("{sign}2")), ("note", "a slip")]);
        assert!(status == 200 && text.contains("The Creative Units are taken away."), "{text}");
    }
    let text = owner.go(&base()).text();
    assert!(text.contains("8.5") && text.contains("Taken away") && text.contains("a slip"), "{text}");
}

#[test]
fn members_limits_and_the_threshold_are_set_by_owners() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let ada = world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 50.0);
    let forms = owner.go(&base()).forms(&format!("{}/members/allowance", base()));
    let person = PersonId::of(ADA).to_string();
    let form = forms.into_iter().find(|form| form.get("person") == Some(&person)).unwrap();
    for wrong in ["-1", "many", "1e3"] {
        let page = owner.submit(&form.clone().with("max_creative_units_per_day", wrong));
        assert!(page.status() == 400 && page.text().contains("not a number"), "{wrong}");
    }
    let page = owner
        .submit(&form.with("max_creative_units_per_day", "1").with("max_creative_units_per_month", "20"));
    assert!(page.text().contains("Spends at most 1 a day, 20 a month"), "{}", page.text());
    assert!(ada.go(&base()).text().contains("Spends at most 1 a day, 20 a month"), "the member reads it too");
    let app = App::documented();
    let client = world.client(&tokens(&app.redeem(&world, &app.code(&ada))).access);
    let picture = json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64 });
    client.run_to_end(&client.start(&picture));
    let other = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
    assert_eq!(client.refused("execute_forge", &other)["code"], "BUDGET_EXCEEDED");
    let stranger = PersonId::of("nobody@example.com").to_string();
    assert_eq!(send(&owner, "members/allowance", &[("person", &stranger)]).0, 400);
    assert_eq!(send(&owner, "members/allowance", &[("person", "x")]).0, 400);

    let threshold = |typed: &str| send(&owner, "threshold", &[("confirm_above", typed)]);
    assert_eq!((threshold("a lot").0, threshold("-1").0), (400, 400));
    assert!(threshold(" 2.5 ").1.contains("value=\"2.5\""));
    assert_eq!(above(&world), Some(Units::thousandths(2500)));
    assert!(threshold("").1.contains("Nobody is asked"));
    assert_eq!(above(&world), None);
    for path in ["threshold", "members/allowance"] {
        assert_eq!(send(&ada, path, &[("person", &person), ("confirm_above", "1")]).0, 403, "{path}");
        let forged = Form::new(&format!("{}/{path}", base()), &[("person", &person), ("csrf", "x")]);
        assert_eq!(owner.post(&forged).status, 403, "{path} without our page");
    }
    assert!(!ada.go(&base()).text().contains("Ask before"), "nothing that would be refused is shown");
}

fn above(world: &World) -> Option<Units> {
    let command = Command::Summary { person: PersonId::of(OWNER) };
    match world.memory.run(world.memory.ask::<Workspace>(FIRST_WORKSPACE, command)).unwrap() {
        Reply::Summary(summary) => summary.confirm_above,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_statement_is_paged_and_downloaded_from_where_one_is() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let ada = world.signed_in(ADA);
    (1..=60).for_each(|units| world.grant_units(FIRST_WORKSPACE, f64::from(units)));
    let statement = format!("{}/statement", base());
    assert!(ada.go(&base()).text().contains(&format!("href=\"{statement}\"")));
    let first = ada.go(&statement);
    let href = |text: &str, label: &str| {
        let before = text.split(&format!(">{label}<")).next().unwrap();
        before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&amp;", "&")
    };
    assert_eq!(first.text().matches("<td class=\"when\">").count(), 50);
    let older = href(&first.text(), "Older");
    let second = ada.go(&older);
    assert_eq!(second.text().matches("<td class=\"when\">").count(), 10);
    assert!(!second.text().contains(">Older<") && href(&second.text(), "Newest") == statement);
    let rows = |link: &str| {
        let answer = ada.open(link);
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
        answer.text().lines().count() - 1
    };
    let links = [&first, &second].map(|page| href(&page.text(), "Download as CSV"));
    assert_eq!(links.map(|link| rows(&link)), [60, 10]);
    assert_eq!(ada.go(&format!("{statement}?cursor=x")).status(), 400);
    let mallory = world.browser();
    assert!(mallory.go(&statement).url.contains("/sign-in"));
    for page in ["statement", "statement.csv", "activity"] {
        let foreign = "/account/workspaces/01900000-0000-7000-8000-00000000000f";
        assert_eq!(ada.go(&format!("{foreign}/{page}")).status(), 404, "{page}");
    }
    let activity = format!("{}/activity", base());
    assert_eq!((ada.go(&activity).status(), owner.go(&activity).status()), (403, 200));
    assert!(!ada.go(&base()).text().contains("/activity"));
    let text = owner.go(&activity).text();
    assert!(text.contains("Added Creative Units") && text.contains("The operator"), "{text}");
    assert_eq!(owner.go(&href(&text, "Older")).status(), 200);
}

#[test]
fn a_token_that_gives_units_is_chosen_by_hand() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let page = owner.go("/account/tokens");
    assert!(page.text().contains("value=\"workspaces:write\"") && page.text().contains("Not for AI agents"));
    let make = |preset: &str| {
        let form = page
            .form("/account/tokens")
            .with("name", preset)
            .with("preset", preset)
            .with("scope", "workspaces:write");
        let text = owner.submit(&form).text();
        let token =
            format!("atl_pat_{}", text.split("<code>atl_pat_").nth(1).unwrap().split('<').next().unwrap());
        let mut client = world.client(&token);
        client.workspace_id = FIRST_WORKSPACE.into();
        world.memory.answer(crate::rest::post(&client, "grants", json!({ "creative_units": 5 }))).status
    };
    assert_eq!(["agent", "read_only", "custom"].map(make), [403, 403, 201]);
}
