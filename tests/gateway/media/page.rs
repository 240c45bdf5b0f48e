//! The page of a workspace's files, in a browser.

use crate::oauth::{ADA, FIRST_WORKSPACE, OWNER, World};
use crate::support::browser::{Form, unescape};
use crate::support::{Client, Memory};
use atelier::id::PersonId;
use atelier::platform::Platform;
use atelier::workspace::{Actor, Command, Role, Workspace};
use serde_json::json;

const PAGE: &str = "/account/workspaces/01920000-0000-7000-8000-000000000001/media";

fn address() -> String {
    format!("/account/workspaces/{FIRST_WORKSPACE}/media")
}

fn make(client: &Client, model: &str) {
    client.memory.elapse(1);
    let request = json!({ "model_id": model, "prompt": "a red fox", "batch_size": 1 });
    let end = client.run_to_end(&client.start(&request));
    assert_eq!(end["structuredContent"]["status"], "complete", "{end}");
}

fn filled(settings: &[(&str, &str)]) -> World {
    let world = World::with(1, settings);
    world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 50.0);
    let bound = json!({ "workspace_id": FIRST_WORKSPACE });
    for person in [OWNER, ADA] {
        make(&Client::with_token(&world.memory, person, bound.clone()), "offline-image");
    }
    world
}

fn set_role(memory: &Memory, email: &str, role: Role) {
    let command =
        Command::AddMember { actor: Actor::operator("r"), person: PersonId::of(email), role, label: None };
    memory.run(memory.ask::<Workspace>(FIRST_WORKSPACE, command)).unwrap();
}

#[test]
fn files_are_looked_at_and_deleted_by_who_may() {
    let world = filled(&[]);
    let (owner, ada) = (world.signed_in(OWNER), world.signed_in(ADA));
    let first = ada.go(&format!("/account/workspaces/{FIRST_WORKSPACE}"));
    assert!(first.text().contains(&format!("href=\"{}\"", address())), "it is linked");
    let page = ada.go(&address());
    let text = page.text();
    assert_eq!((page.status(), text.matches("<img ").count()), (200, 2), "{text}");
    assert!(text.contains(" of 100 GB used.") && text.contains("loading=\"lazy\""), "{text}");
    assert!(text.contains(&format!("<bdi>{ADA}</bdi>")) && text.contains(&format!("<bdi>{OWNER}</bdi>")));
    for still in text.split("<img src=\"").skip(1) {
        let link = unescape(still.split('"').next().unwrap());
        assert!(link.contains(".poster.jpg?"), "{link}");
        assert_eq!(ada.open(&link).status, 200);
    }
    let action = format!("{}/delete", address());
    assert_eq!((page.forms(&action).len(), owner.go(&address()).forms(&action).len()), (1, 2));

    // What the page does not offer is refused all the same.
    let theirs = owner.go(&address()).forms(&action)[1].get("asset_id").unwrap().to_owned();
    let own = page.form(&action);
    assert_ne!(theirs, own.get("asset_id").unwrap());
    assert_eq!(ada.submit(&own.clone().with("asset_id", &theirs)).status(), 403);
    assert_eq!(ada.submit(&own.clone().with("csrf", "x")).status(), 403);
    assert_eq!(ada.submit(&own.clone().with("asset_id", "x")).status(), 400);
    set_role(&world.memory, ADA, Role::Viewer);
    assert_eq!(ada.go(&address()).forms(&action).len(), 0);
    assert_eq!(ada.submit(&own).status(), 403);
    set_role(&world.memory, ADA, Role::Member);

    let after = ada.submit(&own);
    assert!(
        after.text().contains("The file is deleted.") && after.url.contains("done=deleted"),
        "{}",
        after.url
    );
    assert_eq!(after.text().matches("<img ").count(), 1);
    assert_eq!(ada.submit(&own).status(), 404, "once");
    assert_eq!(owner.submit(&owner.go(&address()).form(&action)).text().matches("<img ").count(), 0);
    world.memory.elapse(1);
    assert_eq!(world.memory.files(), Vec::<String>::new());
    let activity = owner.go(&format!("/account/workspaces/{FIRST_WORKSPACE}/activity")).text();
    assert_eq!(activity.matches("Deleted a file").count(), 2);
}

#[test]
fn it_goes_on_by_pages_and_kinds() {
    let world = filled(&[("STORAGE_QUOTA_GIGABYTES", "0")]);
    let owner = world.signed_in(OWNER);
    assert!(owner.go(&address()).text().contains("the operator has set no limit"));
    let client = Client::with_token(&world.memory, OWNER, json!({ "workspace_id": FIRST_WORKSPACE }));
    let request =
        json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64, "batch_size": 8 });
    for seed in 0..3 {
        let mut request = request.clone();
        request["seed"] = json!(seed);
        client.run_to_end(&client.start(&request));
    }
    let page = owner.go(&format!("{}?kind=image", address())).text();
    assert_eq!(page.matches("<img ").count(), 24);
    let older =
        page.split("href=\"").find(|rest| rest.contains("rel=\"next\"") && rest.contains("cursor=")).unwrap();
    let older = unescape(older.split('"').next().unwrap());
    let next = owner.go(&older);
    assert_eq!((next.status(), next.text().matches("<img ").count()), (200, 2));
    assert_eq!(owner.go(&older.replace("kind=image&", "")).status(), 400, "a cursor of another list");
    let none = owner.go(&format!("{}?kind=audio", address())).text();
    assert!(none.contains("Nothing yet.") && none.contains("aria-current=\"page\">Audio"), "{none}");
}

#[test]
fn others_see_nothing() {
    let world = filled(&[]);
    let bare = world.browser().open(&address());
    assert_eq!(bare.status, 303, "to sign in");
    let ada = world.signed_in(ADA);
    assert_eq!(ada.open(PAGE).status, 404);
    let command = Command::SetRole {
        actor: Actor::person(&PersonId::of(OWNER), None, "r"),
        person: PersonId::of(ADA),
        role: None,
    };
    world.memory.run(world.memory.ask::<Workspace>(FIRST_WORKSPACE, command)).unwrap();
    assert_eq!(ada.open(&address()).status, 404);
    let csrf = ada.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    let form = Form::new(
        &format!("{}/delete", address()),
        &[("csrf", &csrf), ("asset_id", PAGE.split('/').nth(3).unwrap())],
    );
    assert_eq!(ada.submit(&form).status(), 404);
}
