//! Who belongs to a workspace and as what: roles, invitations, and people who were sent away.

use super::{ADA, App, FIRST_WORKSPACE, OWNER, World, tokens};
use crate::support::Browser;
use crate::support::browser::Form;
use crate::support::http::ORIGIN;
use atelier::id::PersonId;
use serde_json::json;

const BOB: &str = "bob@elsewhere.example";
const DAY: i64 = 24 * 3600;

fn page_of(workspace: &str) -> String {
    format!("/account/workspaces/{workspace}")
}

fn csrf(browser: &Browser) -> String {
    browser.go("/account").form("/sign-out").get("csrf").unwrap().to_owned()
}

/// A form to a workspace's page, whether or not the page shows it.
fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let action = format!("{}/{path}", page_of(FIRST_WORKSPACE));
    let page = browser.submit(&Form::new(&action, fields).with("csrf", &csrf(browser)));
    (page.status(), page.text())
}

fn set_role(browser: &Browser, email: &str, role: &str) -> (u16, String) {
    let person = PersonId::of(email).to_string();
    let change = if role.is_empty() { ("remove", "yes") } else { ("role", role) };
    send(browser, "members", &[("person", &person), change])
}

/// The owner invites; the path of the link.
fn invite(owner: &Browser, email: &str, role: &str) -> String {
    let (status, text) = send(owner, "invitations", &[("email", email), ("role", role)]);
    assert_eq!(status, 200, "{text}");
    link(owner, &email.to_lowercase())
}

/// The open invitation's link, as the owner's page shows it.
fn link(owner: &Browser, email: &str) -> String {
    let text = owner.go(&page_of(FIRST_WORKSPACE)).text();
    let (_, rest) = text.split_once("Open invitations").unwrap_or_else(|| panic!("no invitation on {text}"));
    let (_, rest) = rest.split_once(email).unwrap();
    let (_, rest) = rest.split_once(&format!("{ORIGIN}/invitations/")).unwrap();
    format!("/invitations/{}", rest.split(['<', '"', ' ']).next().unwrap())
}

fn answer(browser: &Browser, link: &str, decision: &str) -> u16 {
    let form = Form::new(link, &[("csrf", &csrf(browser)), ("decision", decision)]);
    browser.submit(&form).status()
}

fn is_member(browser: &Browser) -> bool {
    browser.open(&page_of(FIRST_WORKSPACE)).status == 200
}

#[test]
fn a_viewer_looks_a_member_spends_and_only_an_owner_manages() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let ada = world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 5.0);
    let app = App::documented();
    let held = tokens(&app.redeem(&world, &app.code(&ada)));
    let client = world.client(&held.access);
    let picture = json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64 });
    client.run_to_end(&client.start(&picture));
    assert_eq!(set_role(&owner, ADA, "viewer").0, 200);
    let refused = client.refused("execute_forge", &picture);
    assert_eq!(refused["code"], "FORBIDDEN", "at once, with a token from before");
    assert!(refused["message"].as_str().unwrap().contains("viewer"), "{refused}");
    assert_eq!(client.call("get_workspace", &json!({}))["structuredContent"]["role"], "viewer");
    assert_eq!(client.units()[1], 0.0, "nothing was reserved");

    // A viewer and a member manage nothing, and see no invitations.
    invite(&owner, BOB, "member");
    for role in ["viewer", "member"] {
        assert_eq!(set_role(&owner, ADA, role).0, 200);
        for (path, fields) in [
            ("members", &[("person", "x"), ("role", "owner")][..]),
            ("invitations", &[("email", "eve@example.com"), ("role", "owner")]),
            ("grants", &[("creative_units", "5")]),
        ] {
            assert!(matches!(send(&ada, path, fields).0, 400 | 403), "{role} {path}");
        }
        assert_eq!(set_role(&ada, ADA, "owner").0, 403, "{role}");
        assert_eq!(set_role(&ada, OWNER, "").0, 403, "{role}");
        let text = ada.go(&page_of(FIRST_WORKSPACE)).text();
        assert!(!text.contains(BOB) && !text.contains("/invitations/"), "{role}: {text}");
    }
    assert_eq!(set_role(&owner, ADA, "owner").0, 200);
    assert_eq!(send(&ada, "grants", &[("creative_units", "5")]).0, 403, "units are the operator's money");
    assert_eq!(set_role(&ada, OWNER, "viewer").0, 200, "one owner may change another");
    client.run_to_end(&client.start(&picture));
}

#[test]
fn the_last_owner_stays() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let ada = world.signed_in(ADA);
    for role in ["", "member", "viewer"] {
        let (status, text) = set_role(&owner, OWNER, role);
        assert_eq!(status, 403, "{role}");
        assert!(text.contains("The last owner of a workspace cannot stop being one"), "{text}");
    }
    assert_eq!(set_role(&owner, ADA, "owner").0, 200);
    assert_eq!(set_role(&owner, OWNER, "").0, 200, "there is another now");
    assert!(!is_member(&owner) && is_member(&ada));
    assert_eq!(set_role(&ada, ADA, "").0, 403);
    assert_eq!(set_role(&ada, "nobody@example.com", "member").0, 400);
}

#[test]
fn an_invited_stranger_comes_in_and_accepts_once() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    assert_eq!(world.sign_in(&world.browser(), BOB).status(), 403, "a stranger");
    let link = invite(&owner, "Bob@Elsewhere.example", "viewer");
    let bob = world.browser();
    let page = bob.go(&link);
    assert!(page.text().contains("Home") && page.text().contains(BOB) && page.text().contains(OWNER));
    world.providers.become_person(BOB);
    let page = bob.go(&format!("/sign-in/oidc?return={}", atelier::http::percent_encode(&link)));
    let form = page.form(&link);
    assert!(!is_member(&bob), "looking at it is not accepting");
    let done = bob.submit(&form.with("decision", "accept"));
    assert_eq!(done.url, format!("{ORIGIN}/account?done=joined"));
    assert!(is_member(&bob));
    assert!(bob.go(&page_of(FIRST_WORKSPACE)).text().contains("You are a viewer"));
    assert_eq!(answer(&bob, &link, "accept"), 404, "twice");
    assert_eq!(set_role(&owner, BOB, "").0, 200);
    assert_eq!(answer(&bob, &link, "accept"), 404, "the old link does not bring them back");
    assert!(!is_member(&bob));
    assert_eq!(world.sign_in(&world.browser(), BOB).status(), 403, "a stranger again");
}

/// The process dies at any point of it.
#[test]
fn an_acceptance_that_was_cut_off_can_be_repeated() {
    for points in 0.. {
        let world = World::new();
        let link = invite(&world.signed_in(OWNER), BOB, "member");
        let bob = world.browser();
        world.sign_in(&bob, BOB);
        let form = bob.go(&link).form(&link).with("decision", "accept");
        let (name, value) = bob.session().unwrap();
        let ask = bob.filled(&form).with("cookie", &format!("{name}={value}"));
        world.memory.state(|state| state.kill_after = Some(points));
        let survived = world.memory.attempt(world.memory.send(ask)).is_some();
        world.memory.state(|state| state.kill_after = None);
        let status = bob.submit(&form).status();
        assert!(matches!(status, 200 | 404), "killed after {points}: {status}");
        assert!(is_member(&bob), "killed after {points}");
        assert!(bob.go("/account/workspaces").text().contains("Home"), "killed after {points}");
        if survived {
            assert!(points > 8, "only {points} points to die at");
            break;
        }
    }
}

#[test]
fn an_invitation_is_for_one_person_for_two_weeks_unless_withdrawn() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let bob_link = invite(&owner, BOB, "owner");
    let bob = world.browser();
    world.sign_in(&bob, BOB);

    let ada = world.signed_in(ADA);
    let page = ada.go(&bob_link);
    assert!(page.text().contains("made for another address") && page.forms(&bob_link).is_empty());
    assert_eq!(answer(&ada, &bob_link, "accept"), 403);
    assert_eq!(answer(&ada, &bob_link, "decline"), 403);
    let altered = bob_link.replace("/invitations/", "/invitations/A");
    assert_eq!(bob.go(&altered).status(), 404);

    assert_eq!(answer(&bob, &bob_link, "decline"), 200);
    assert!(!is_member(&bob));
    assert_eq!(answer(&bob, &bob_link, "accept"), 404, "declined is declined");
    assert!(!owner.go(&page_of(FIRST_WORKSPACE)).text().contains("Open invitations"));

    let second = invite(&owner, BOB, "member");
    let form = owner
        .go(&page_of(FIRST_WORKSPACE))
        .form(&format!("{}/invitations/withdraw", page_of(FIRST_WORKSPACE)));
    assert_eq!(owner.submit(&form).status(), 200);
    assert_eq!(answer(&bob, &second, "accept"), 404, "withdrawn");
    assert_eq!(world.sign_in(&world.browser(), BOB).status(), 403);

    let third = invite(&owner, BOB, "member");
    world.memory.elapse(14 * DAY);
    let owner = world.signed_in(OWNER);
    assert_eq!(world.sign_in(&world.browser(), BOB).status(), 403, "expired");
    assert_eq!(world.browser().go(&third).status(), 404);
    assert!(!owner.go(&page_of(FIRST_WORKSPACE)).text().contains("Open invitations"));
}

/// The second takes the place of the first; withdrawing it leaves nothing behind.
#[test]
fn who_is_invited_twice_and_withdrawn_is_a_stranger() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let first = invite(&owner, BOB, "owner");
    world.memory.elapse(1);
    let second = invite(&owner, BOB, "viewer");
    assert_ne!(first, second);
    let bob = world.browser();
    world.sign_in(&bob, BOB);
    let form = owner
        .go(&page_of(FIRST_WORKSPACE))
        .form(&format!("{}/invitations/withdraw", page_of(FIRST_WORKSPACE)));
    owner.submit(&form);
    assert_eq!(world.sign_in(&world.browser(), BOB).status(), 403, "the first is not waiting either");
    assert_ne!(answer(&bob, &first, "accept"), 200);
    assert!(!is_member(&bob));
    assert_eq!(
        send(&owner, "invitations", &[("email", OWNER), ("role", "viewer")]).0,
        400,
        "is a member already"
    );
    for (email, role) in [("no address", "member"), (BOB, "root"), (BOB, "")] {
        assert_eq!(send(&owner, "invitations", &[("email", email), ("role", role)]).0, 400, "{email} {role}");
    }
}

/// The domain is on the list; that was used up at the first sign-in.
#[test]
fn who_was_removed_does_not_come_back_by_their_domain() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let ada = world.signed_in(ADA);
    let app = App::documented();
    let held = tokens(&app.redeem(&world, &app.code(&ada)));
    let read = || world.client(&held.access).refused("get_workspace", &json!({}))["code"].clone();
    assert_eq!(set_role(&owner, ADA, "").0, 200);
    assert_eq!(read(), "WORKSPACE_NOT_FOUND", "the token's workspace is no more");
    let again = world.signed_in(ADA);
    assert!(!is_member(&again));
    assert!(again.go("/account/workspaces").text().contains("You are in no workspace yet"));
    let link = invite(&owner, ADA, "member");
    assert_eq!(answer(&again, &link, "accept"), 200);
    assert!(is_member(&again), "an owner can ask them back");
}

/// The operator lists a domain later: whoever is in the first workspace already keeps the role they have there.
#[test]
fn a_role_that_was_given_is_not_changed_by_a_sign_in() {
    for role in ["viewer", "owner"] {
        let world = World::new();
        let link = invite(&world.signed_in(OWNER), BOB, role);
        let bob = world.browser();
        world.sign_in(&bob, BOB);
        assert_eq!(answer(&bob, &link, "accept"), 200);
        let world = world.redeployed(&[("SIGN_IN_ALLOW", "elsewhere.example")]);
        let bob = world.browser();
        assert_eq!(world.sign_in(&bob, BOB).status(), 200);
        let text = bob.go(&page_of(FIRST_WORKSPACE)).text();
        let article = if role == "owner" { "an" } else { "a" };
        assert!(text.contains(&format!("You are {article} {role}")), "{text}");
    }
}

#[test]
fn an_owner_of_the_gateway_adds_units_and_makes_workspaces() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    assert_eq!(send(&owner, "grants", &[("creative_units", "12.5"), ("note", "March")]).0, 200);
    assert!(owner.go(&page_of(FIRST_WORKSPACE)).text().contains("12.5"));
    for amount in ["0", "-5", "1e10", "NaN", "inf", "", "a"] {
        assert_eq!(send(&owner, "grants", &[("creative_units", amount)]).0, 400, "{amount}");
    }
    for name in ["", " ", &"n".repeat(81)] {
        let form = owner.go("/account/workspaces").form("/account/workspaces").with("name", name);
        assert_eq!(owner.submit(&form).status(), 400, "{name}");
    }
    let form = owner.go("/account/workspaces").form("/account/workspaces").with("name", "<b>Second</b>");
    let page = owner.submit(&form);
    assert!(page.text().contains("&lt;b&gt;Second&lt;/b&gt;") && page.text().contains("You are an owner"));
    let ada = world.signed_in(ADA);
    let second = page.url.strip_prefix(ORIGIN).unwrap().split('?').next().unwrap().to_owned();
    let (theirs, none) = (ada.open(&second), ada.open(&page_of("01900000-0000-7000-8000-00000000000f")));
    let text = |answer: &crate::support::Answer| {
        let text = answer.text();
        text.split("Request <code>").next().unwrap().to_owned()
    };
    assert_eq!((theirs.status, text(&theirs)), (none.status, text(&none)), "as if it did not exist");
}
