//! The consent page as a target: forms of other sites and other sessions, altered and old requests, frames.

use super::{ADA, App, CALLBACK, FIRST_WORKSPACE, OWNER, World, document, tokens};
use crate::support::browser::Form;
use crate::support::http::ORIGIN;
use crate::support::providers;
use crate::support::{Answer, Ask, Browser};
use atelier::crypto;
use serde_json::{Value, json};

fn approve(browser: &Browser) -> Form {
    App::documented().ask(browser, &[]).with("decision", "approve")
}

/// A refusal that sends nobody anywhere.
fn refused(answer: &Answer, status: u16, told: &str) {
    assert_eq!((answer.status, answer.header("location")), (status, None), "{told}");
    assert!(answer.text().contains(told), "{told}: {}", answer.text());
}

#[test]
fn only_the_page_made_for_this_session_can_approve() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let bob = world.signed_in("bob@example.com");
    let (of_ada, of_bob) = (approve(&ada), approve(&bob));
    const FORGED: &str = "did not come from the page that was made for you";
    refused(&ada.post(&of_ada.clone().without("csrf")), 403, FORGED);
    refused(&ada.post(&of_ada.clone().with("csrf", "AAAA")), 403, FORGED);
    refused(&ada.post(&of_ada.clone().with("csrf", of_bob.get("csrf").unwrap())), 403, FORGED);
    // Somebody plants their own request, with the victim's own proof beside it.
    let planted = of_ada.clone().with("request", of_bob.get("request").unwrap());
    refused(&ada.post(&planted), 403, "The page was made for another sign-in");
    refused(&world.browser().post(&of_ada), 403, "not signed in any more");
    // The same person in a second browser is another session.
    let second = world.signed_in(ADA);
    refused(&second.post(&of_ada), 403, FORGED);
    let mixed = approve(&second).with("request", of_ada.get("request").unwrap());
    refused(&second.post(&mixed), 403, "The page was made for another sign-in");
    // Denying needs the proof too: it sends the person somewhere.
    refused(&ada.post(&of_ada.clone().without("csrf").with("decision", "deny")), 403, FORGED);
    assert!(ada.submit(&of_ada).parameter("code").is_some());
}

#[test]
fn what_the_person_saw_is_what_is_allowed() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let form = approve(&ada);
    let sealed = form.get("request").unwrap().to_owned();
    let (body, tag) = sealed.split_once('.').unwrap();
    let seen = String::from_utf8(crypto::from_base64url(body).unwrap()).unwrap();
    let seen: Value = serde_json::from_str(&seen).unwrap();
    for (name, value) in [
        ("redirect_uri", json!("https://evil.example/")),
        ("client_id", json!("https://evil.example/client.json")),
        ("scopes", json!("stories:publish")),
        ("code_challenge", json!(super::challenge("evil"))),
        ("expires_at", json!(9_000_000_000_000_i64)),
    ] {
        assert_ne!(seen[name], Value::Null, "{name}");
        let mut altered = seen.clone();
        altered[name] = value;
        let altered = crypto::base64url(altered.to_string().as_bytes());
        for forged in [format!("{altered}.{tag}"), format!("{altered}."), altered] {
            refused(&ada.post(&form.clone().with("request", &forged)), 400, "The form was altered");
        }
    }
    refused(&ada.post(&form.clone().without("request")), 400, "The form was altered");
    // A value sealed for another purpose is not a request.
    let (_, session) = ada.session().unwrap();
    refused(&ada.post(&form.clone().with("request", &session)), 400, "The form was altered");
    refused(&ada.post(&form.clone().with("workspace_id", "x")), 400, "does not name a workspace");
    world.memory.elapse(1799);
    assert!(ada.submit(&form).parameter("code").is_some());
    let form = approve(&ada);
    world.memory.elapse(1800);
    refused(&ada.post(&form), 400, "open for more than half an hour");
}

/// Signed out meanwhile, in this browser or everywhere.
#[test]
fn a_page_left_open_is_worth_nothing_after_signing_out() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let form = approve(&ada);
    let elsewhere = world.signed_in(ADA);
    elsewhere.submit(&elsewhere.go("/account").form("/account/sign-out-everywhere"));
    refused(&ada.post(&form), 403, "not signed in any more");
    assert!(ada.go("/account").url.contains("/sign-in?"), "every browser is signed out");
}

/// Approval is asked each time; what was chosen last is ticked, but never where anybody could stand in.
#[test]
fn consent_is_asked_each_time() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let app = App::documented();
    let allow = |app: &App| {
        let form = app.ask(&ada, &[]).with("scope", "models:read").with("decision", "approve");
        tokens(&app.redeem(&world, &ada.submit(&form).parameter("code").unwrap()));
        ada.go(&app.request(&[]))
    };
    let page = allow(&app);
    assert!(page.text().contains("You allowed this app before"));
    assert_eq!(page.form("/oauth/authorize").all("scope"), ["models:read"]);
    let local = App::registered(&world, "http://127.0.0.1/cb");
    let page = allow(&local);
    assert!(page.text().contains("An app on this computer is asking"));
    assert!(!page.text().contains("You allowed this app before"));
    assert!(page.form("/oauth/authorize").all("scope").len() > 1);
    const BORROWED: &str = "https://tool.example.net/claude.json";
    world.memory.serve_url(BORROWED, |_| {
        let mut body = document(BORROWED);
        body["client_name"] = "Claude".into();
        providers::answer(200, &body.to_string())
    });
    let page = allow(&App::new(BORROWED, CALLBACK));
    assert!(page.text().contains("This may be somebody else"), "{}", page.text());
    assert!(!page.text().contains("You allowed this app before"));
}

#[test]
fn every_page_is_shut_to_frames_scripts_and_caches() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let stranger = world.browser();
    let app = App::documented();
    let workspace = format!("/account/workspaces/{FIRST_WORKSPACE}");
    let request = app.request(&[]);
    let evil = app.request(&[("redirect_uri", "https://evil.example/")]);
    let sign_in = "/sign-in?return=%2Faccount";
    let pages = [
        (&owner, request.as_str(), 200),
        (&owner, evil.as_str(), 400),
        (&owner, "/account", 200),
        (&owner, "/account/tokens", 200),
        (&owner, "/account/workspaces", 200),
        (&owner, workspace.as_str(), 200),
        (&owner, "/account/workspaces/none", 404),
        (&owner, "/account/check", 200),
        (&owner, "/invitations/none", 404),
        (&stranger, "/invitations/none", 404),
        (&stranger, sign_in, 200),
        (&stranger, "/sign-in/oidc/callback?state=x", 400),
        (&stranger, "/", 200),
    ];
    for (browser, path, status) in pages {
        let answer = browser.open(path);
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action '"]
        {
            assert!(policy.contains(directive), "{path}: {policy} lacks {directive}");
        }
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{path}: {policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert!(!answer.text().contains("<script"), "{path}");
    }
    // A popup's last page must still be able to speak to its opener; the account pages need not.
    assert_eq!(owner.open(&request).header("cross-origin-opener-policy"), None);
    assert_eq!(owner.open("/account").header("cross-origin-opener-policy"), Some("same-origin"));
}

/// Every form of the account pages, without its proof and with a stranger's.
#[test]
fn no_form_is_taken_from_another_site() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    let ada = world.signed_in(ADA);
    let foreign = ada.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    let workspace = format!("/account/workspaces/{FIRST_WORKSPACE}");
    let paths = [
        "/account/apps/revoke".to_owned(),
        "/account/sign-out-everywhere".to_owned(),
        "/account/tokens".to_owned(),
        "/account/tokens/revoke".to_owned(),
        "/account/workspaces".to_owned(),
        format!("{workspace}/members"),
        format!("{workspace}/invitations"),
        format!("{workspace}/invitations/withdraw"),
        format!("{workspace}/grants"),
        "/invitations/x".to_owned(),
    ];
    let fields = [
        ("name", "x"),
        ("preset", "agent"),
        ("expires_in_days", "7"),
        ("email", "a@b"),
        ("role", "owner"),
        ("creative_units", "5"),
    ];
    for path in &paths {
        for csrf in ["", "AAAA", &foreign] {
            let answer = owner.post(&Form::new(path, &fields).with("csrf", csrf));
            refused(&answer, 403, "did not come from a page that was made for you");
        }
        let answer = world.browser().post(&Form::new(path, &fields));
        refused(&answer, 403, "not signed in any more");
    }
    let out = Form::new("/sign-out", &[("csrf", &foreign)]);
    owner.post(&out);
    assert!(owner.session().is_some(), "nobody is signed out by another site");
    // The right proof, but not as a form: JSON can be sent across sites by nobody's button.
    let csrf = owner.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    let json = Ask::post(&owner.absolute("/account/workspaces"), format!("csrf={csrf}&name=x"));
    assert_eq!(owner.send(json).status, 403);
    assert_eq!(owner.go("/account/workspaces").text().matches("row-link").count(), 1);
}

/// RFC 9207: what comes back names us, whichever way it ends, and under the public name only.
#[test]
fn every_answer_names_its_issuer() {
    let world = World::new();
    let ada = world.signed_in(ADA);
    let app = App::documented();
    let denied = ada.submit(&app.ask(&ada, &[]));
    let approved = ada.submit(&approve(&ada));
    let wrong = ada.go(&app.request(&[("response_type", "token")]));
    for (page, name) in [(denied, "error"), (approved, "code"), (wrong, "error")] {
        assert!(page.parameter(name).is_some(), "{}", page.url);
        assert_eq!(page.parameter("iss").as_deref(), Some(ORIGIN), "{}", page.url);
        assert_eq!(page.parameter("state").as_deref(), Some("the state"), "{}", page.url);
    }
}
