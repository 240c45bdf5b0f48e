//! The pages of a signed-in person: connected apps, personal access tokens, signing out, the owner's self-check.

use super::{ADA, App, FIRST_WORKSPACE, OWNER, World, error, invalid_grant, tokens};
use crate::support::Browser;
use crate::support::browser::{Form, Page};
use crate::support::http::ORIGIN;
use crate::support::providers::{self, ISSUER};
use atelier::http::Headers;
use atelier::outbound::Inbound;

const DAY: i64 = 24 * 3600;

#[test]
fn a_person_sees_what_is_connected_and_sends_it_away() {
    let world = World::new();
    let app = App::documented();
    let ada = world.signed_in(ADA);
    assert!(ada.go("/account").text().contains("No app is connected yet"));
    app.code(&ada);
    assert!(ada.go("/account").text().contains("No app is connected yet"), "a code alone is no connection");
    let held = tokens(&app.redeem(&world, &app.code_for(&ada, &[("scope", "models:read")])));
    world.grant_units(FIRST_WORKSPACE, 5.0);
    world.memory.elapse(2 * DAY);
    let held = tokens(&app.refresh(&world, &held.refresh));
    let page = ada.go("/account");
    for told in
        ["An honest app", "app.example.com", "Home", "21 November 2026", "23 November 2026, 07:32 UTC"]
    {
        assert!(page.text().contains(told), "{told}: {}", page.text());
    }
    assert_eq!(page.forms("/account/apps/revoke").len(), 1);
    let other = world.signed_in("bob@example.com");
    assert!(other.go("/account").text().contains("No app is connected yet"), "each sees their own");
    let done = ada.submit(&page.form("/account/apps/revoke"));
    assert_eq!(done.url, format!("{ORIGIN}/account?done=disconnected"));
    assert!(done.text().contains("The app is disconnected") && !done.text().contains("An honest app"));
    assert_eq!(error(&app.refresh(&world, &held.refresh)), invalid_grant());
    world.memory.elapse(61);
    assert_eq!(world.may(&held.access), (401, 401));
}

/// A revoked authorization spends nothing from that moment, although its access token is a minute old at most.
#[test]
fn what_is_disconnected_spends_nothing_at_once() {
    let world = World::new();
    let app = App::documented();
    let ada = world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 5.0);
    let held = tokens(&app.redeem(&world, &app.code(&ada)));
    assert_eq!(world.may(&held.access), (200, 200));
    ada.submit(&ada.go("/account").form("/account/apps/revoke"));
    assert_eq!(world.may(&held.access).1, 401);
}

fn everywhere(browser: &Browser) -> Page {
    browser.submit(&browser.go("/account").form("/account/sign-out-everywhere"))
}

#[test]
fn signing_out_everywhere_ends_all_but_personal_tokens() {
    let world = World::new();
    let (app, local) = (App::documented(), App::registered(&world, "http://127.0.0.1/cb"));
    let (here, there) = (world.signed_in(ADA), world.signed_in(ADA));
    let bob = world.signed_in("bob@example.com");
    let held = [&app, &local].map(|app| tokens(&app.redeem(&world, &app.code(&here))));
    let pending = app.code(&here);
    let bobs = tokens(&app.redeem(&world, &app.code(&bob)));
    let personal = made(&here, "agent", "").0;
    let page = everywhere(&here);
    assert_eq!((page.status(), here.session()), (200, None));
    for browser in [&here, &there] {
        assert_eq!(browser.open("/account").status, 303);
    }
    assert_eq!(error(&app.refresh(&world, &held[0].refresh)), invalid_grant());
    assert_eq!(error(&local.refresh(&world, &held[1].refresh)), invalid_grant());
    assert_eq!(error(&app.redeem(&world, &pending)), invalid_grant(), "nor what was on its way");
    world.memory.elapse(61);
    assert_eq!([world.may(&held[0].access).0, world.may(&held[1].access).0], [401, 401]);
    assert_eq!(world.may(&personal).0, 200);
    assert_eq!(app.refresh(&world, &bobs.refresh).status, 200, "nobody else is signed out");
    assert_eq!(bob.open("/account").status, 200);
    let again = world.signed_in(ADA);
    assert_eq!(again.open("/account").status, 200, "and one can come back");
    assert_eq!(there.open("/account").status, 303);
}

#[test]
fn signing_out_ends_this_browser_only() {
    let world = World::new();
    let (here, there) = (world.signed_in(ADA), world.signed_in(ADA));
    let page = here.submit(&here.go("/account").form("/sign-out"));
    assert_eq!((page.url.as_str(), here.session()), ("https://gateway.example/", None));
    assert_eq!([here.open("/account").status, there.open("/account").status], [303, 200]);
}

/// A token made on the page: itself, and the page.
fn made(browser: &Browser, preset: &str, workspace: &str) -> (String, Page) {
    let form = browser.go("/account/tokens").form("/account/tokens").with("name", "of the test");
    let form = form.with("preset", preset).with("workspace_id", workspace);
    let page = browser.submit(&form);
    assert_eq!(page.status(), 200, "{}", page.text());
    let text = page.text();
    let rest = text.split("atl_pat_").nth(1).unwrap();
    (format!("atl_pat_{}", rest.split(['<', '"', ' ', '&']).next().unwrap()), page)
}

#[test]
fn a_preset_gives_what_it_says_and_the_token_is_shown_once() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 5.0);
    for (preset, expected) in [("agent", (200, 200)), ("read_only", (200, 403)), ("publish_only", (403, 403))]
    {
        let (token, page) = made(&ada, preset, "");
        assert_eq!(world.may(&token), expected, "{preset}");
        assert_eq!(page.answer.header("cache-control"), Some("no-store"));
        assert!(!ada.go("/account/tokens").text().contains(&token), "once");
    }
    let form = ada.go("/account/tokens").form("/account/tokens");
    let mut custom = form.with("name", "custom").with("preset", "custom");
    custom.fields.push(("scope".into(), "models:read".into()));
    let page = ada.submit(&custom);
    assert!(page.text().contains("Your new token"), "{}", page.text());
    for (name, value, told) in [
        ("name", "", "Give it a name"),
        ("name", &"n".repeat(81), "Give it a name"),
        ("preset", "custom", "Choose what it may do"),
        ("preset", "root", "Choose what it may do"),
        ("expires_in_days", "36500", "Choose when it expires"),
        ("expires_in_days", "-1", "Choose when it expires"),
        ("expires_in_days", "", "Choose when it expires"),
        ("workspace_id", "01900000-0000-7000-8000-00000000000f", "Choose one of your workspaces"),
    ] {
        let form = ada.go("/account/tokens").form("/account/tokens").with("name", "x");
        let page = ada.submit(&form.with(name, value));
        assert_eq!(page.status(), 400, "{name}={value}");
        assert!(page.text().contains(told) && !page.text().contains("Your new token"), "{name}={value}");
    }
}

#[test]
fn a_token_ends_by_its_time_and_by_its_owner() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let form = ada.go("/account/tokens").form("/account/tokens").with("name", "week");
    let week = ada.submit(&form.with("expires_in_days", "7")).text();
    let week = week.split("atl_pat_").nth(1).unwrap().split(['<', '"', ' ', '&']).next().unwrap().to_owned();
    let week = format!("atl_pat_{week}");
    world.memory.elapse(1);
    let (token, _) = made(&ada, "agent", FIRST_WORKSPACE);
    let page = ada.go("/account/tokens");
    assert_eq!(page.forms("/account/tokens/revoke").len(), 2);
    let newest = page.form("/account/tokens/revoke");
    let bob = world.signed_in("bob@example.com");
    let csrf = bob.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    assert_eq!(bob.submit(&newest.clone().with("csrf", &csrf)).status(), 404, "somebody else's");
    world.grant_units(FIRST_WORKSPACE, 5.0);
    assert_eq!(world.may(&token), (200, 200));
    let done = ada.submit(&newest);
    assert!(done.text().contains("The token is revoked") && done.text().contains("Revoked"));
    assert_eq!(world.may(&token).1, 401, "spends nothing at once");
    world.memory.elapse(61);
    assert_eq!(world.may(&token), (401, 401));
    assert_eq!(world.may(&week).0, 200);
    world.memory.elapse(7 * DAY);
    assert_eq!(world.may(&week), (401, 401));
}

/// What the gateway's own front door answers when it is called from outside.
fn checked(world: &World, status: u16, challenge: bool) -> String {
    world.memory.serve_url(&format!("{ORIGIN}/mcp"), move |request| {
        assert!(request.headers.contains(&("user-agent", "Claude-User".into())), "{request:?}");
        let lines = if challenge { "www-authenticate: Bearer resource_metadata=\"x\"" } else { "server: x" };
        Ok(Inbound { status, headers: Headers::from_lines(lines.into()), body: String::new() })
    });
    let owner = world.signed_in(OWNER);
    let page = owner.go("/account/check");
    assert_eq!(page.status(), 200);
    page.text()
}

#[test]
fn the_self_check_says_what_keeps_clients_out() {
    let world = World::new();
    let issuer = format!("{{\"issuer\":\"{ORIGIN}\"}}");
    world.memory.serve_url(&format!("{ORIGIN}/.well-known/oauth-authorization-server"), move |_| {
        providers::answer(200, &issuer)
    });
    let fine = checked(&world, 401, true);
    assert!(fine.contains("Everything that can be checked from here is in order."), "{fine}");
    for (status, challenge) in [(403, false), (401, false), (503, false), (200, false)] {
        let blocked = checked(&world, status, challenge);
        assert!(blocked.contains(&format!("HTTP {status} before it reaches the gateway")), "{blocked}");
        assert!(blocked.contains("Block AI bots"), "{status}");
    }
    world.memory.serve_url(&format!("{ORIGIN}/.well-known/oauth-authorization-server"), |_| {
        providers::answer(200, "{\"issuer\":\"https://other.example\"}")
    });
    assert!(checked(&world, 401, true).contains("or by somebody else"));
    world
        .memory
        .serve_url(&format!("{ISSUER}/.well-known/openid-configuration"), |_| providers::answer(500, ""));
    world.memory.elapse(3601);
    let owner = world.browser();
    world.providers.become_person(OWNER);
    owner.go("/sign-in/github?return=%2Faccount");
    let text = owner.go("/account/check").text();
    assert!(text.contains("Compare OIDC_ISSUER"), "{text}");
    let before = world.redeployed(&[("GATEWAY_SECRET_PREVIOUS", "a-former-secret-of-this-very-gateway")]);
    let moved = before.browser();
    moved.cookies.replace(owner.cookies.take());
    assert!(moved.go("/account/check").text().contains("Remove GATEWAY_SECRET_PREVIOUS"));
}

#[test]
fn the_self_check_is_for_owners() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let page = ada.go("/account/check");
    assert_eq!(page.status(), 403);
    assert!(!ada.go("/account").text().contains("/account/check"));
    let form = Form::new("/account/workspaces", &[("name", "Mine")]);
    let csrf = ada.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    assert_eq!(ada.submit(&form.with("csrf", &csrf)).status(), 403, "nor do others make workspaces");
}

/// The same client twice is two connections; ending one leaves the other. Many do not fill the account.
#[test]
fn connections_are_each_their_own_and_bounded() {
    let world = World::new();
    let app = App::documented();
    let ada = world.signed_in(ADA);
    let connect = || tokens(&app.redeem(&world, &app.code(&ada)));
    let (one, two) = (connect(), connect());
    app.revoke(&world, &one.refresh);
    assert_eq!(error(&app.refresh(&world, &one.refresh)), invalid_grant());
    let two = tokens(&app.refresh(&world, &two.refresh));
    for number in 0..205 {
        if number % 100 == 0 {
            world.memory.elapse(60);
        }
        connect();
    }
    assert_eq!(ada.go("/account").forms("/account/apps/revoke").len(), 200);
    assert_eq!(
        error(&app.refresh(&world, &two.refresh)),
        invalid_grant(),
        "the one unused for longest gave way"
    );
}
