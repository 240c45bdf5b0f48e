//! Authorization codes under attack: replayed, late, stolen, without proof; and parameters that are there twice.

use super::{
    ADA, App, CALLBACK, DOCUMENT, FIRST_WORKSPACE, OWNER, VERIFIER, World, challenge, error, invalid_grant,
    tokens,
};
use crate::support::Ask;
use atelier::oauth::opaque::{self, Kind};
use atelier::platform::Platform;
use serde_json::json;

/// Somebody else may hold it: what it issued ends, for spending at once, for reading within a minute.
#[test]
fn a_code_that_comes_twice_revokes_what_it_issued() {
    let world = World::new();
    let app = App::documented();
    let code = app.code(&world.signed_in(ADA));
    world.grant_units(FIRST_WORKSPACE, 5.0);
    let first = tokens(&app.redeem(&world, &code));
    assert_eq!(world.may(&first.access), (200, 200));
    // The thief has no verifier; it is a sign all the same.
    let thief = app.redeem_with(&world, &code, &[("code_verifier", &"x".repeat(43))]);
    assert_eq!(error(&thief), invalid_grant());
    assert_eq!(world.may(&first.access), (200, 401), "spends nothing at once");
    assert_eq!(error(&app.refresh(&world, &first.refresh)), invalid_grant());
    world.memory.elapse(61);
    assert_eq!(world.may(&first.access), (401, 401), "reads nothing after a minute");
    assert_eq!(error(&app.redeem(&world, &code)), invalid_grant());
}

#[test]
fn a_code_is_good_for_a_minute() {
    let world = World::new();
    let app = App::documented();
    let browser = world.signed_in(ADA);
    let code = app.code(&browser);
    world.memory.elapse(59);
    assert_eq!(app.redeem(&world, &code).status, 200);
    let code = app.code(&browser);
    world.memory.elapse(60);
    assert_eq!(error(&app.redeem(&world, &code)), invalid_grant());
}

/// Neither spends the code: the right app with the right proof still gets its tokens.
#[test]
fn a_code_is_for_one_client_one_proof_and_one_address() {
    let world = World::new();
    let app = App::documented();
    let other = App::registered(&world, CALLBACK);
    let code = app.code(&world.signed_in(ADA));
    assert_eq!(error(&other.redeem(&world, &code)), invalid_grant(), "another client");
    let unknown = App { client_id: "atl_client_unknown".into(), ..other.clone() };
    assert_eq!(error(&unknown.redeem(&world, &code)), (401, "invalid_client".into()));
    let plain = challenge(VERIFIER);
    let last = format!("{}!", &VERIFIER[..42]);
    // Whoever knew the gateway's secret would still have to know the code.
    let claimed = opaque::parse(world.memory.config(), Kind::AuthorizationCode, &code).unwrap();
    let (config, kind) = (world.memory.config(), Kind::AuthorizationCode);
    let made_up = opaque::compose(config, kind, &claimed.person, &claimed.id, &[7; opaque::SECRET_BYTES]);
    let rows: &[(&str, &str, &str)] = &[
        ("code", &made_up, "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("code_verifier", &plain, "invalid_grant"),
        ("code_verifier", &last, "invalid_grant"),
        ("code_verifier", &VERIFIER[..42], "invalid_request"),
        ("code_verifier", &"v".repeat(129), "invalid_request"),
        ("redirect_uri", "https://app.example.com/callback/", "invalid_grant"),
        ("redirect_uri", "https://evil.example/callback", "invalid_grant"),
        ("redirect_uri", "https://APP.example.com/callback", "invalid_grant"),
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("client_id", "", "invalid_request"),
        ("client_id", "https://127.0.0.1/client.json", "invalid_client"),
        ("grant_type", "", "invalid_request"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "client_credentials", "unsupported_grant_type"),
        ("code", "", "invalid_request"),
        ("code", "atl_oac_made-up", "invalid_grant"),
        ("code", &code.replace("atl_oac_", "atl_ort_"), "invalid_grant"),
        ("code", &format!("{code}A"), "invalid_grant"),
    ];
    for (name, value, expected) in rows {
        let answer = app.redeem_with(&world, &code, &[(name, value)]);
        let status = if *expected == "invalid_client" { 401 } else { 400 };
        assert_eq!(error(&answer), (status, (*expected).to_owned()), "{name}={value}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(app.redeem(&world, &code).status, 200);
}

/// Nobody gets a code whose thief would need no proof.
#[test]
fn without_pkce_there_is_no_code() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let app = App::documented();
    let (short, padded) = (challenge("x")[..42].to_owned(), format!("{}=", challenge("x")));
    let rows: &[&[(&str, &str)]] = &[
        &[("code_challenge", "")],
        &[("code_challenge_method", "")],
        &[("code_challenge", ""), ("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge_method", "s256")],
        &[("code_challenge", &short)],
        &[("code_challenge", &padded)],
        &[("code_challenge", VERIFIER)],
    ];
    for changes in rows {
        let page = browser.go(&app.request(changes));
        assert!(page.url.starts_with(CALLBACK), "{changes:?} {}", page.url);
        assert_eq!(page.parameter("error").as_deref(), Some("invalid_request"), "{changes:?}");
        assert_eq!(page.parameter("state").as_deref(), Some("the state"));
        assert_eq!(page.parameter("code"), None);
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let app = App::documented();
    // Client or redirect URI: a page. Whatever else: back to the app.
    for (name, value, is_page) in [
        ("client_id", DOCUMENT, true),
        ("redirect_uri", CALLBACK, true),
        ("redirect_uri", "https://evil.example/", true),
        ("state", "x", false),
        ("scope", "models:read", false),
        ("response_type", "code", false),
        ("code_challenge", "x", false),
        ("code_challenge_method", "S256", false),
    ] {
        let base = app.request(&[("scope", "models:read")]);
        for target in [
            format!("{base}&{name}={value}"),
            base.replace("/oauth/authorize?", &format!("/oauth/authorize?{name}={value}&")),
        ] {
            let page = browser.go(&target);
            if is_page {
                assert_eq!((page.status(), page.url.starts_with("https://gateway")), (400, true), "{target}");
            } else {
                assert!(page.url.starts_with(CALLBACK), "{target} {}", page.url);
                assert_eq!(page.parameter("error").as_deref(), Some("invalid_request"), "{target}");
            }
        }
    }
    let code = app.code(&browser);
    let body = |extra: &str| {
        let fields = format!(
            "grant_type=authorization_code&client_id={DOCUMENT}&code={code}&code_verifier={VERIFIER}{extra}"
        );
        let ask = Ask::post("/oauth/token", fields).with("content-type", super::FORM);
        world.memory.answer(ask)
    };
    for name in ["grant_type", "client_id", "code", "code_verifier", "redirect_uri", "client_secret"] {
        let extra = format!("&{name}=x&{name}=y");
        assert_eq!(error(&body(&extra)), (400, "invalid_request".into()), "{name}");
    }
    // RFC 8707 lets this one repeat; each has to be us.
    let resource = "&resource=https%3A%2F%2Fgateway.example%2Fmcp";
    let both = body(&format!("{resource}&resource=https%3A%2F%2Fevil.example%2Fmcp"));
    assert_eq!(error(&both), (400, "invalid_target".into()));
    assert_eq!(body(&format!("{resource}{resource}")).status, 200);
}

/// What is left of the request is checked too, and told to the app.
#[test]
fn an_odd_request_goes_back_to_the_app_with_its_name() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let app = App::documented();
    let long = "s".repeat(4097);
    let rows: &[(&str, &str, &str)] = &[
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("request_uri", "https://evil.example/r", "request_uri_not_supported"),
        ("resource", "https://evil.example/mcp", "invalid_target"),
        ("resource", "https://gateway.example.evil.example/mcp", "invalid_target"),
        ("prompt", "none", "consent_required"),
        ("state", &long, "invalid_request"),
    ];
    for (name, value, expected) in rows {
        let page = browser.go(&app.request(&[(name, value)]));
        assert!(page.url.starts_with(&format!("{CALLBACK}?")), "{name} {}", page.url);
        assert_eq!(page.parameter("error").as_deref(), Some(*expected), "{name}");
        assert_eq!(page.parameter("iss").as_deref(), Some("https://gateway.example"), "{name}");
    }
    let stranger = world.browser();
    let page = stranger.go(&app.request(&[("prompt", "none")]));
    assert_eq!(page.parameter("error").as_deref(), Some("login_required"));
}

/// A code issued in one person's name opens nothing of another's, whatever the caller claims.
#[test]
fn a_token_is_for_the_person_and_workspace_that_were_chosen() {
    let world = World::new();
    let app = App::documented();
    let owner = world.signed_in(OWNER);
    let made = owner.go("/account/workspaces");
    let form = made.form("/account/workspaces").with("name", "Second");
    let second = owner.submit(&form).url;
    let second = second.split("/workspaces/").nth(1).unwrap().split('?').next().unwrap().to_owned();
    let ada = world.connect(&app, ADA);
    let call = |workspace: &str| {
        world.client(&ada.access).refused("get_workspace", &json!({ "workspace_id": workspace }))["code"]
            .clone()
    };
    assert_eq!(call(&second), "WORKSPACE_NOT_FOUND");
    // Nor can the form name a workspace the person is not in.
    let browser = world.signed_in(ADA);
    let form = app.ask(&browser, &[]).with("workspace_id", &second).with("decision", "approve");
    assert_eq!(browser.submit(&form).status(), 403);
    // The owner is in both and chose one: the other is out of the token's reach.
    let form = app.ask(&owner, &[]);
    let page = owner.submit(&form.with("workspace_id", FIRST_WORKSPACE).with("decision", "approve"));
    let chosen = tokens(&app.redeem(&world, &page.parameter("code").unwrap()));
    let refused =
        world.client(&chosen.access).refused("get_workspace", &json!({ "workspace_id": second }))["code"]
            .clone();
    assert_ne!(refused, json!(null));
}
