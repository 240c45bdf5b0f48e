//! Keys and secrets that change: nobody is signed out by an epoch's end, nor while the former secret is set.

use super::{ADA, App, OWNER, World, error, invalid_grant, tokens};
use crate::support::Ask;
use atelier::oauth::keys::ROTATE_SECONDS;
use atelier::platform::Platform;
use serde_json::json;

const NEW: (&str, &str) = ("GATEWAY_SECRET", "the-next-gateway-secret-of-the-test-world");
const FORMER: (&str, &str) = ("GATEWAY_SECRET_PREVIOUS", crate::support::memory::GATEWAY_SECRET);

#[test]
fn an_access_token_outlives_the_key_that_signed_it() {
    let world = World::new();
    let kids = || {
        let keys = world.memory.answer(Ask::get("/.well-known/jwks.json")).json()["keys"].clone();
        keys.as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let now = world.memory.now().seconds();
    world.memory.elapse(ROTATE_SECONDS - now % ROTATE_SECONDS - 1800);
    let app = App::documented();
    let last = world.connect(&app, ADA);
    let before = kids();
    world.memory.elapse(3599);
    let after = kids();
    assert_eq!((before.len(), &before[1..], after.contains(&before[0])), (3, &after[..2], false));
    assert_eq!(world.may(&last.access).0, 200);
    let next = tokens(&app.refresh(&world, &last.refresh));
    assert_eq!(world.may(&next.access).0, 200);
    let kid = |token: &str| {
        let header = atelier::crypto::from_base64url(token[8..].split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].clone()
    };
    assert_eq!([kid(&last.access), kid(&next.access)], [before[1].clone(), after[1].clone()]);
}

/// Everything a person or client may hold at the moment the secret is changed.
#[test]
fn a_changed_secret_signs_nobody_out_while_the_former_is_set() {
    for (seed, settings, keeps) in [(1, &[NEW, FORMER][..], true), (2, &[NEW][..], false)] {
        let world = World::with(seed, &[]);
        let app = App::documented();
        let owner = world.signed_in(OWNER);
        let ada = world.signed_in(ADA);
        let held = tokens(&app.redeem(&world, &app.code(&ada)));
        let code = app.code(&ada);
        let consent = app.ask(&ada, &[]).with("decision", "approve");
        let form = ada.go("/account/tokens").form("/account/tokens").with("name", "ci");
        let text = ada.submit(&form).text();
        let personal = text.split("atl_pat_").nth(1).unwrap();
        let personal = format!("atl_pat_{}", personal.split(['<', '"', ' ']).next().unwrap());
        assert_eq!(world.may(&personal).0, 200);

        let world = world.redeployed(settings);
        let moved = |browser: &crate::support::Browser| {
            let fresh = world.browser();
            fresh.cookies.replace(browser.cookies.take());
            fresh
        };
        let (owner, ada) = (moved(&owner), moved(&ada));
        assert_eq!(owner.open("/account").status == 200, keeps, "sessions");
        assert_eq!(ada.submit(&consent).parameter("code").is_some(), keeps, "open pages");
        assert_eq!(app.redeem(&world, &code).status == 200, keeps, "codes");
        let refreshed = app.refresh(&world, &held.refresh);
        assert_eq!(refreshed.status == 200, keeps, "refresh tokens");
        // Past what an isolate remembers.
        world.memory.elapse(61);
        let expected = if keeps { 200 } else { 401 };
        assert_eq!([world.may(&held.access).0, world.may(&personal).0], [expected; 2]);
        if keeps {
            let next = tokens(&refreshed);
            let done = world.redeployed(&[NEW]);
            assert_eq!(app.refresh(&done, &next.refresh).status, 200, "it has moved on to the new secret");
            assert_eq!(error(&app.refresh(&done, &held.refresh)), invalid_grant());
        }
    }
}

#[test]
fn the_published_keys_are_public_and_no_more() {
    let world = World::new();
    let answer = world.memory.answer(Ask::get("/.well-known/jwks.json"));
    let both = world.redeployed(&[NEW, FORMER]);
    let rotated = both.memory.answer(Ask::get("/.well-known/jwks.json"));
    assert_eq!(rotated.json()["keys"].as_array().unwrap().len(), 6);
    for key in [answer.json(), rotated.json()].iter().flat_map(|set| set["keys"].as_array().unwrap()) {
        assert_eq!((key.get("d"), &key["kty"]), (None, &json!("EC")));
    }
}
