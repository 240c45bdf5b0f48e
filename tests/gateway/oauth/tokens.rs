//! Access and refresh tokens under attack: forged, altered, replayed, used by somebody else; and client assertions.

use super::connecting::{asserting, with_key};
use super::{ADA, App, CALLBACK, DOCUMENT, FIRST_WORKSPACE, World, error, invalid_grant, tokens};
use crate::support::http::ORIGIN;
use atelier::crypto;
use atelier::oauth::clients::{self, Clients};
use atelier::oauth::jwt::{self, SigningKey};
use atelier::oauth::keys;
use atelier::platform::Platform;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const DAY: i64 = 24 * 3600;

fn claims_of(access: &str) -> Value {
    let payload = access.split('.').nth(1).unwrap();
    serde_json::from_slice(&crypto::from_base64url(payload).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    crypto::base64url(value.to_string().as_bytes())
}

/// Not signed by us, whatever they claim.
#[test]
fn a_token_we_did_not_sign_opens_nothing() {
    let world = World::new();
    let tokens = world.connect(&App::documented(), ADA);
    let access = tokens.access.as_str();
    let parts: Vec<_> = access.strip_prefix("atl_oat_").unwrap().split('.').collect();
    let claims = claims_of(access);
    let published = keys::jwks(&world.memory)["keys"].clone();
    let kid = published[1]["kid"].as_str().unwrap().to_owned();
    let header = |alg: &str| encoded(&json!({ "alg": alg, "typ": "at+jwt", "kid": kid }));
    let hs256 = |key: &[u8]| {
        let message = format!("{}.{}", header("HS256"), parts[1]);
        let tag = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&message).finalize();
        format!("atl_oat_{message}.{}", crypto::base64url(&tag.into_bytes()))
    };
    let x = crypto::from_base64url(published[1]["x"].as_str().unwrap()).unwrap();
    let mut wide = claims.clone();
    wide["scope"] = "stories:publish".into();
    let mut other = claims.clone();
    other["sub"] = json!(atelier::id::PersonId::of(super::OWNER));
    let stranger = SigningKey::from_seed(&[3; 32]);
    let own = |key: &str| jwt::sign(&stranger, key, "at+jwt", &claims).unwrap();
    let mut flipped = parts[2].to_owned();
    flipped.replace_range(0..1, if flipped.starts_with('A') { "B" } else { "A" });
    let rows = [
        ("alg none", format!("atl_oat_{}.{}.", header("none"), parts[1])),
        ("alg None", format!("atl_oat_{}.{}.{}", header("None"), parts[1], parts[2])),
        ("HS256 with the public point", hs256(&x)),
        ("HS256 with the published key", hs256(published[1].to_string().as_bytes())),
        ("HS256 with nothing", hs256(b"")),
        ("RS256", format!("atl_oat_{}.{}.{}", header("RS256"), parts[1], parts[2])),
        ("another scope", format!("atl_oat_{}.{}.{}", parts[0], encoded(&wide), parts[2])),
        ("another person", format!("atl_oat_{}.{}.{}", parts[0], encoded(&other), parts[2])),
        ("no signature", format!("atl_oat_{}.{}.", parts[0], parts[1])),
        ("another signature", format!("atl_oat_{}.{}.{flipped}", parts[0], parts[1])),
        ("a stranger's key under our name", format!("atl_oat_{}", own(&kid))),
        ("a stranger's key", format!("atl_oat_{}", own("stranger"))),
        ("without its prefix", access.strip_prefix("atl_oat_").unwrap().to_owned()),
        ("as another kind", access.replace("atl_oat_", "atl_pat_")),
        ("a refresh token", tokens.refresh.clone()),
        ("much too long", format!("{access}{}", "A".repeat(5000))),
        ("two of them", format!("{access}.{access}")),
    ];
    for (name, forged) in rows {
        let answer = world.memory.answer(world.client(&forged).tool("list_models", &json!({})));
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{name}");
    }
    assert_eq!(world.may(access).0, 200);
}

/// Signed with our own key, but not an access token of this resource that is valid now.
#[test]
fn a_token_for_something_else_opens_nothing_even_if_we_signed_it() {
    let world = World::new();
    let access = world.connect(&App::documented(), ADA).access;
    let claims = claims_of(&access);
    let (kid, key) = keys::current(&world.memory);
    let now = world.memory.now().seconds();
    let signed = |typ: &str, name: &str, value: Value| {
        let mut changed = claims.clone();
        match value {
            Value::Null => _ = changed.as_object_mut().unwrap().remove(name),
            value => changed[name] = value,
        }
        format!("atl_oat_{}", jwt::sign(&key, &kid, typ, &changed).unwrap())
    };
    let reads = |token: &str| world.may(token).0;
    assert_eq!(reads(&signed("at+jwt", "jti", json!("x"))), 200, "the rows below fail for what they change");
    for (name, value) in [
        ("aud", json!(ORIGIN)),
        ("aud", json!("https://other.example/mcp")),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("iss", json!("https://other.example")),
        ("iss", json!("https://gateway.example/")),
        ("iss", Value::Null),
        ("exp", json!(now - 6)),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("iat", json!(now + 60)),
        ("nbf", json!(now + 60)),
        ("sub", json!("nobody")),
        ("sub", Value::Null),
        ("gid", Value::Null),
        ("wid", Value::Null),
    ] {
        assert_eq!(reads(&signed("at+jwt", name, value.clone())), 401, "{name}: {value}");
    }
    assert_eq!(reads(&signed("JWT", "jti", json!("y"))), 401, "another type of token");
    let made_up = json!(atelier::id::GrantId::mint(world.memory.now(), &[1; 10]));
    let unknown = signed("at+jwt", "gid", made_up);
    assert_eq!(world.may(&unknown).1, 401, "of an authorization nobody gave");
}

#[test]
fn an_access_token_lives_an_hour_and_is_for_this_gateway_under_this_name() {
    let world = World::new();
    let tokens = world.connect(&App::documented(), ADA);
    world.memory.elapse(3600 + 4);
    assert_eq!(world.may(&tokens.access).0, 200, "clocks may differ by seconds");
    world.memory.elapse(1);
    assert_eq!(world.may(&tokens.access).0, 401);
    let elsewhere = World::with(2, &[("GATEWAY_SECRET", "another-secret-of-another-gateway!")]);
    let foreign = elsewhere.connect(&App::documented(), ADA);
    assert_eq!(world.may(&foreign.access), (401, 401));
    assert_eq!(error(&App::documented().refresh(&world, &foreign.refresh)), invalid_grant());
}

/// The operator gives the gateway its own name: tokens for the former one cannot be used, so none are made.
#[test]
fn a_gateway_that_is_renamed_tells_clients_to_connect_again() {
    let world = World::new();
    let app = App::documented();
    let held = world.connect(&app, ADA);
    let world = world.redeployed(&[("PUBLIC_URL", "https://new.example")]);
    let reads = |token: &str| {
        let mut call = world.client(token).tool("list_models", &json!({}));
        call.url = "https://new.example/mcp".into();
        world.memory.answer(call).status
    };
    assert_eq!(reads(&held.access), 401);
    let answer = app.refresh(&world, &held.refresh);
    assert!(answer.status != 200 || reads(&tokens(&answer).access) == 200, "a token that opens nothing");
    assert_eq!(error(&answer), invalid_grant());
}

/// A client that lost the answer, or two of its windows, ask again.
#[test]
fn the_same_successor_until_it_is_used_and_a_minute_longer() {
    let world = World::new();
    let app = App::documented();
    let next = |token: &str| tokens(&app.refresh(&world, token)).refresh;
    let first = world.connect(&app, ADA).refresh;
    let second = next(&first);
    assert_eq!(next(&first), second);
    world.memory.elapse(5 * DAY);
    assert_eq!(next(&first), second, "days later, while it is unused");
    let third = next(&second);
    assert_eq!([next(&first), next(&second)], [second.clone(), third.clone()], "just used");
    world.memory.elapse(60);
    assert_eq!([next(&first), next(&second)], [second.clone(), third.clone()], "a minute ago");
    assert_ne!(third, second);
    world.memory.elapse(1);
    assert_eq!(error(&app.refresh(&world, &first)), invalid_grant(), "replayed");
}

#[test]
fn a_replay_after_the_grace_ends_the_family_for_everybody() {
    let world = World::new();
    let app = App::documented();
    world.signed_in(ADA);
    world.grant_units(FIRST_WORKSPACE, 5.0);
    let first = world.connect(&app, ADA);
    let second = tokens(&app.refresh(&world, &first.refresh));
    let third = tokens(&app.refresh(&world, &second.refresh));
    let other = world.connect(&app, ADA);
    assert_eq!(world.may(&third.access), (200, 200));
    world.memory.elapse(61);
    assert_eq!(error(&app.refresh(&world, &first.refresh)), invalid_grant());
    for token in [&first, &second, &third] {
        assert_eq!(error(&app.refresh(&world, &token.refresh)), invalid_grant());
    }
    assert_eq!(world.may(&third.access).1, 401, "spends nothing at once");
    world.memory.elapse(61);
    assert_eq!(world.may(&third.access), (401, 401));
    assert_eq!(app.refresh(&world, &other.refresh).status, 200, "another connection goes on");
    let warned =
        world.memory.state(|state| state.log.iter().any(|(_, event, _)| event == "refresh.replayed"));
    assert!(warned);
}

#[test]
fn a_refresh_token_is_for_one_client_one_person_and_ninety_days() {
    let world = World::new();
    let app = App::documented();
    let other = App::registered(&world, CALLBACK);
    let first = world.connect(&app, ADA).refresh;
    assert_eq!(error(&other.refresh(&world, &first)), invalid_grant());
    assert_eq!(other.revoke(&world, &first).status, 200, "told nothing, and nothing is revoked");
    let access_as_refresh = world.connect(&app, ADA).access;
    for odd in [
        "atl_ort_made-up",
        &access_as_refresh,
        &first.replace("atl_ort_", "atl_oac_"),
        &first[..first.len() - 1],
        &format!("{first}A"),
    ] {
        assert_eq!(error(&app.refresh(&world, odd)), invalid_grant(), "{odd}");
    }
    world.memory.elapse(90 * DAY - 1);
    let second = tokens(&app.refresh(&world, &first)).refresh;
    world.memory.elapse(90 * DAY - 1);
    let third = tokens(&app.refresh(&world, &second)).refresh;
    world.memory.elapse(90 * DAY);
    assert_eq!(error(&app.refresh(&world, &third)), invalid_grant());
}

/// Another account of the same gateway knows the id.
#[test]
fn nobody_ends_what_somebody_else_allowed() {
    let world = World::new();
    let app = App::documented();
    let ada = world.signed_in(ADA);
    let connected = tokens(&app.redeem(&world, &app.code(&ada)));
    let form = ada.go("/account").form("/account/apps/revoke");
    let bob = world.signed_in("bob@example.com");
    let csrf = bob.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    let page = bob.submit(&form.clone().with("csrf", &csrf));
    assert_eq!(page.status(), 404);
    assert!(page.text().contains("No app of yours is connected by that name"), "{}", page.text());
    assert_eq!(app.refresh(&world, &connected.refresh).status, 200);
    assert_eq!(ada.submit(&form).status(), 200);
    assert_eq!(error(&app.refresh(&world, &connected.refresh)), invalid_grant());
}

#[test]
fn an_assertion_proves_once_and_only_here() {
    let world = World::new();
    let key = with_key(&world);
    let code = App::documented().code(&world.signed_in(ADA));
    let now = world.memory.now().seconds();
    let rows = [
        json!({ "aud": "https://other.example" }),
        json!({ "aud": format!("{ORIGIN}/oauth/authorize") }),
        json!({ "aud": null }),
        json!({ "exp": now + 601 }),
        json!({ "exp": now - 31 }),
        json!({ "exp": null }),
        json!({ "iss": "https://other.example/client.json" }),
        json!({ "sub": "https://other.example/client.json" }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": "j".repeat(257) }),
    ];
    let refused = |app: &App, told: &str| {
        let answer = app.redeem(&world, &code);
        assert_eq!(error(&answer), (401, "invalid_client".into()), "{told}");
    };
    for changes in rows {
        refused(&asserting(&world, &key, changes.clone()), &changes.to_string());
    }
    refused(&asserting(&world, &SigningKey::from_seed(&[1; 32]), json!({})), "another key");
    let untyped = App { proof: asserting(&world, &key, json!({})).proof[1..].into(), ..App::documented() };
    assert_eq!(error(&untyped.redeem(&world, &code)), (400, "invalid_request".into()));
    let mut none = asserting(&world, &key, json!({}));
    let parts: Vec<_> = none.proof[1].1.split('.').map(str::to_owned).collect();
    none.proof[1].1 = format!("{}.{}.", encoded(&json!({ "alg": "none" })), parts[1]);
    refused(&none, "alg none");

    let once = asserting(&world, &key, json!({ "exp": now + 600 }));
    let first = tokens(&once.redeem(&world, &code));
    assert_eq!(error(&once.refresh(&world, &first.refresh)), (401, "invalid_client".into()), "replayed");
    world.memory.elapse(629);
    assert_eq!(
        error(&once.refresh(&world, &first.refresh)),
        (401, "invalid_client".into()),
        "to its last second"
    );
    let again = asserting(&world, &key, json!({}));
    assert_eq!(again.refresh(&world, &first.refresh).status, 200);
    assert_eq!(again.client_id, DOCUMENT);
}

/// Clients with documents share an object: one that signs for ever must not shut out the others.
#[test]
fn a_flood_of_assertions_hurts_only_its_own_client() {
    let world = World::new();
    let key = with_key(&world);
    let held = world.signed_in(ADA);
    let code = App::documented().code(&held);
    let expires_at = world.memory.now().plus_seconds(600);
    let flood = |jti: u32| {
        let client_id = "https://evil.example/client.json".to_owned();
        let command = clients::Command::UseAssertion { client_id, jti: jti.to_string(), expires_at };
        world.memory.run(world.memory.ask::<Clients>(&clients::shard(DOCUMENT), command)).unwrap()
    };
    for jti in 0..5000 {
        assert_eq!(flood(jti), clients::Reply::Done);
    }
    assert_eq!(flood(5000), clients::Reply::AlreadyUsed, "bounded");
    assert_eq!(asserting(&world, &key, json!({})).redeem(&world, &code).status, 200);
    world.memory.elapse(600);
    assert_eq!(flood(5000), clients::Reply::Done, "and forgotten in time");
}

/// What was allowed is stored as what it cannot be used from: neither codes nor refresh tokens lie in the database.
#[test]
fn no_token_lies_in_the_database() {
    let world = World::new();
    let app = App::documented();
    let browser = world.signed_in(ADA);
    let code = app.code(&browser);
    let held = tokens(&app.redeem(&world, &code));
    let person = atelier::id::PersonId::of(ADA).to_string();
    let object = world.memory.object::<atelier::oauth::account::Account>(&person);
    let stored = format!("{:?}", object.read("SELECT * FROM grants", &[]));
    for secret in [&code, &held.access, &held.refresh] {
        let secret = &secret[8..];
        assert!(
            secret.as_bytes().windows(24).all(|part| !stored.contains(std::str::from_utf8(part).unwrap()))
        );
    }
}
