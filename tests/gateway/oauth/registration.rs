//! Dynamic registration: what makes a client, and that registering for ever fills nothing and drives nobody out.

use super::{ADA, App, CALLBACK, World, error, tokens};
use crate::support::{Answer, Ask, Memory};
use atelier::oauth::client::{AuthMethod, Metadata};
use atelier::oauth::clients::{Clients, Command, Reply, shard};
use atelier::platform::Platform;
use serde_json::{Value, json};

fn register(world: &World, body: &Value) -> Answer {
    world.memory.answer(Ask::post("/oauth/register", body))
}

fn rows(memory: &Memory, object: &str) -> i64 {
    memory.object::<Clients>(object).read("SELECT count(*) FROM clients", &[])[0].integer(0).unwrap()
}

#[test]
fn what_makes_a_client_and_what_does_not() {
    let world = World::new();
    let with = |name: &str, value: Value| {
        let mut body = json!({ "client_name": "App", "redirect_uris": [CALLBACK] });
        body[name] = value;
        body
    };
    let many: Vec<_> = (0..21).map(|number| format!("https://app.example.com/{number}")).collect();
    let keys = json!({ "keys": ["x".repeat(5000)] });
    let refused = [
        (json!([]), "invalid_client_metadata"),
        (json!("text"), "invalid_client_metadata"),
        (json!({}), "invalid_redirect_uri"),
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (with("redirect_uris", json!("https://app.example.com/")), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["myapp://x", "http://app.example.com/", 7])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["https://app.example.com/#x"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(many)), "invalid_redirect_uri"),
        (with("token_endpoint_auth_method", json!("tls_client_auth")), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("private_key_jwt")), "invalid_client_metadata"),
        (with("grant_types", json!(["client_credentials"])), "invalid_client_metadata"),
        (with("jwks", json!({ "keys": ["x".repeat(7000)] })), "invalid_client_metadata"),
    ];
    for (body, expected) in refused {
        assert_eq!(error(&register(&world, &body)), (400, expected.into()), "{body}");
    }
    let text = |body: &str| world.memory.answer(Ask::post("/oauth/register", body));
    for body in ["", "{", "client_name=x&redirect_uris=https://app.example.com/", "null"] {
        assert_eq!(error(&text(body)), (400, "invalid_client_metadata".into()), "{body}");
    }
    let large = with("padding", json!("x".repeat(16 * 1024)));
    assert_eq!(error(&register(&world, &large)), (413, "invalid_client_metadata".into()));
    let larger = Ask::post("/oauth/register", "").too_large();
    assert_eq!(error(&world.memory.answer(larger)), (413, "invalid_client_metadata".into()));
    let taken = [
        with("redirect_uris", json!(["myapp://x", CALLBACK, "javascript:alert(1)", 7, null])),
        with("client_name", json!("")),
        with("client_name", json!("n".repeat(5000))),
        with("client_name", json!("A\u{0}\nB")),
        with("jwks", keys),
        with("scope", json!("openid everything")),
        with("grant_types", json!(["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"])),
    ];
    for body in taken {
        let answer = register(&world, &body);
        assert_eq!(answer.status, 201, "{} for {body}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let name = answer.json()["client_name"].as_str().unwrap().to_owned();
        assert!((1..=100).contains(&name.len()) && !name.contains(char::is_control), "{name}");
    }
}

/// An odd URI beside good ones is never used, and is no reason to refuse.
#[test]
fn an_odd_redirect_uri_beside_good_ones_is_kept_and_never_used() {
    let world = World::new();
    let uris = json!(["myapp://callback", CALLBACK]);
    let made = register(&world, &json!({ "client_name": "App", "redirect_uris": uris })).json();
    assert_eq!(made["redirect_uris"], uris);
    let app = App::new(made["client_id"].as_str().unwrap(), CALLBACK);
    let browser = world.signed_in(ADA);
    assert_eq!(browser.go(&app.request(&[("redirect_uri", "myapp://callback")])).status(), 400);
    tokens(&app.redeem(&world, &app.code(&browser)));
}

/// Hosted clients register on every connection. Who wants a secret gets one of their own each time.
#[test]
fn the_same_client_four_hundred_times_is_one() {
    let world = World::new();
    let body = json!({ "client_name": "App", "redirect_uris": [CALLBACK] });
    let id = |body: &Value| register(&world, body).json()["client_id"].as_str().unwrap().to_owned();
    let first = id(&body);
    for number in 1..400 {
        if number % 200 == 0 {
            world.memory.elapse(60);
        }
        assert_eq!(id(&body), first);
    }
    assert_eq!(rows(&world.memory, &shard(&first)), 1);
    assert_ne!(id(&json!({ "client_name": "App 2", "redirect_uris": [CALLBACK] })), first);
    let secret = json!({ "client_name": "App", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic" });
    let (one, two) = (register(&world, &secret).json(), register(&world, &secret).json());
    assert_ne!((&one["client_id"], &one["client_secret"]), (&two["client_id"], &two["client_secret"]));
    assert_eq!(one["client_secret_expires_at"], 0);
    let bare = App::new(one["client_id"].as_str().unwrap(), CALLBACK);
    let code = bare.code(&world.signed_in(ADA));
    let with = |secret: &Value| App {
        proof: vec![("client_secret".into(), secret.as_str().unwrap().into())],
        ..bare.clone()
    };
    for app in [&bare, &with(&two["client_secret"])] {
        assert_eq!(error(&app.redeem(&world, &code)), (401, "invalid_client".into()));
    }
    assert_eq!(with(&one["client_secret"]).redeem(&world, &code).status, 200);
}

/// One object, as a flood of registrations reaches it.
fn flood(memory: &Memory, object: &str, from: u32, count: u32) {
    for number in from..from + count {
        let metadata = Metadata {
            client_name: format!("Flood {number}"),
            redirect_uris: vec![CALLBACK.into()],
            auth_method: AuthMethod::None,
            may_omit_key: false,
            jwks: None,
            jwks_uri: None,
        };
        let command = Command::Register {
            client_id: format!("atl_client_{object}-{number}"),
            metadata: Box::new(metadata),
            secret_hash: None,
        };
        assert_eq!(memory.run(memory.ask::<Clients>(object, command)), Ok(Reply::Done));
    }
}

#[test]
fn a_flood_fills_nothing_and_drives_out_nobody_who_is_in_use() {
    let world = World::new();
    let app = App::registered(&world, CALLBACK);
    let object = shard(&app.client_id);
    let used = tokens(&app.redeem(&world, &app.code(&world.signed_in(ADA))));
    world.memory.elapse(60);
    flood(&world.memory, &object, 0, 1100);
    assert_eq!(rows(&world.memory, &object), 1000);
    let known = |number: u32| {
        let command = Command::Find { client_id: format!("atl_client_{object}-{number}") };
        let found = world.memory.run(world.memory.ask::<Clients>(&object, command)).unwrap();
        matches!(found, Reply::Found { .. })
    };
    assert!(known(1099), "the one that has just registered is there");
    assert_eq!((0..1100).filter(|number| known(*number)).count(), 999);
    let again = tokens(&app.refresh(&world, &used.refresh));
    assert_eq!(again.scope, used.scope, "and so is the one somebody uses");
}

/// Never led to a consent: a week. Used: 90 days after the last use.
#[test]
fn an_unused_registration_expires() {
    const DAY: i64 = 24 * 3600;
    let world = World::new();
    let (kept, unkept) = (App::registered(&world, CALLBACK), App::registered(&world, "http://127.0.0.1/x"));
    let first = tokens(&kept.redeem(&world, &kept.code(&world.signed_in(ADA))));
    let refresh = |token: &str| kept.refresh(&world, token);
    world.memory.elapse(89 * DAY);
    let second = tokens(&refresh(&first.refresh));
    world.memory.elapse(89 * DAY);
    let third = tokens(&refresh(&second.refresh));
    for app in [&kept, &unkept] {
        flood(&world.memory, &shard(&app.client_id), 0, 1);
    }
    let gone = unkept.refresh(&world, "atl_ort_x");
    assert_eq!(error(&gone), (401, "invalid_client".into()), "hosted clients then register again");
    world.memory.elapse(90 * DAY);
    assert_eq!(error(&refresh(&third.refresh)), (401, "invalid_client".into()));
}

#[test]
fn a_registration_that_could_not_be_stored_is_not_answered_as_if_it_were() {
    let world = World::new();
    let body = json!({ "client_name": "App", "redirect_uris": [CALLBACK] });
    world.memory.meet("ask CLIENTS", crate::support::Fault::Refuse);
    let answer = register(&world, &body);
    assert_eq!(error(&answer), (503, "temporarily_unavailable".into()));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(register(&world, &body).status, 201);
    let app = App::registered(&world, CALLBACK);
    world.memory.meet("ask CLIENTS", crate::support::Fault::Refuse);
    let refused = app.refresh(&world, "atl_ort_x");
    assert_eq!(error(&refused), (400, "invalid_grant".into()), "not: the client is unknown");
}
