//! Signing in: whom a provider vouches for and may come in, and what a browser brings back that was not begun in it.

use super::{ADA, App, OWNER, World};
use crate::support::browser::{Page, parameter};
use crate::support::http::ORIGIN;
use crate::support::providers::{ISSUER, published};
use crate::support::{Browser, Fault};
use serde_json::json;

fn at_account() -> (u16, String) {
    (200, format!("{ORIGIN}/account"))
}

fn arrived(page: &Page) -> (u16, String) {
    (page.status(), page.url.clone())
}

#[test]
fn who_may_come_in_does_and_a_stranger_does_not() {
    let world = World::new();
    let ada = world.browser();
    let early = world.sign_in(&ada, ADA);
    assert_eq!(arrived(&early), at_account(), "before the owner there is no workspace to join");
    assert!(ada.go("/account/workspaces").text().contains("You are in no workspace yet"));
    let page = ada.go(&App::documented().request(&[]));
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("You belong to no workspace yet"), "{}", page.text());

    let owner = world.browser();
    assert_eq!(arrived(&world.sign_in(&owner, OWNER)), at_account());
    let text = owner.go("/account/workspaces").text();
    assert!(text.contains("Home") && text.contains("Owner"), "the first sign-in makes the first workspace");
    assert_eq!(arrived(&world.sign_in(&ada, ADA)), at_account());
    let text = ada.go("/account/workspaces").text();
    assert!(text.contains("Home") && text.contains("Member"), "{text}");

    for stranger in ["eve@evil.example", "eve@notexample.com", "eve@example.com.evil.example"] {
        let browser = world.browser();
        let page = world.sign_in(&browser, stranger);
        assert_eq!((page.status(), browser.session()), (403, None), "{stranger}");
        assert!(page.text().contains("is not among the people who may use this gateway"));
    }
    let github = world.browser();
    world.providers.become_person("Ada@Example.com");
    assert_eq!(arrived(&github.go("/sign-in/github?return=%2Faccount")), at_account());
    assert!(github.go("/account").text().contains(ADA), "the same person, however the address is written");
}

/// What the provider says has to be true, whole, and for this sign-in.
#[test]
fn a_provider_that_lies_lets_nobody_in() {
    let world = World::new();
    world.signed_in(ADA);
    type Change = fn(&mut crate::support::providers::Says);
    let rows: &[(&str, Change, &str)] = &[
        ("another iss beside the code", |s| s.iss = Some("https://evil.example".into()), "another provider"),
        ("no iss beside the code", |s| s.iss = None, "another provider"),
        (
            "iss inside",
            |s| s.claims = json!({ "iss": "https://evil.example" }),
            "did not answer as it should",
        ),
        ("aud", |s| s.claims = json!({ "aud": "another-app" }), "did not answer as it should"),
        ("azp", |s| s.claims = json!({ "azp": "another-app" }), "another application"),
        ("nonce", |s| s.claims = json!({ "nonce": "another" }), "another sign-in"),
        ("no nonce", |s| s.claims = json!({ "nonce": null }), "another sign-in"),
        ("exp", |s| s.claims = json!({ "exp": 1_795_246_000 }), "did not answer as it should"),
        ("the key", |s| s.key = ("op-1", 8), "did not answer as it should"),
        ("not verified", |s| s.email_verified = json!(false), "is verified"),
        ("verified not said", |s| s.email_verified = json!(null), "is verified"),
        ("verified oddly", |s| s.email_verified = json!(1), "is verified"),
        ("no address", |s| s.claims = json!({ "email": null }), "did not tell your address"),
        ("an odd address", |s| s.claims = json!({ "email": "a@b@example.com" }), "did not tell your address"),
        ("declined", |s| s.error = Some("access_denied".into()), "access_denied"),
    ];
    for (name, change, told) in rows {
        let world = World::new();
        world.providers.become_person(ADA);
        world.providers.say(change);
        let browser = world.browser();
        let page = browser.go("/sign-in/oidc?return=%2Faccount");
        assert_eq!((page.status(), browser.session()), (403, None), "{name}");
        assert!(page.text().contains(told), "{name}: {}", page.text());
    }
    let trusting = World::with(1, &[("OIDC_TRUST_EMAIL", "yes")]);
    trusting.providers.say(|says| says.email_verified = json!(null));
    assert_eq!(arrived(&trusting.sign_in(&trusting.browser(), ADA)), at_account());
    let world = World::new();
    world.providers.say(|says| says.email_verified = json!(false));
    world.providers.become_person(ADA);
    let page = world.browser().go("/sign-in/github");
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("no verified primary address"), "{}", page.text());
}

/// The start of a sign-in without going on: where the provider would send the browser back to.
fn begun(browser: &Browser, way: &str) -> String {
    let answer = browser.open(&format!("/sign-in/{way}?return=%2Faccount"));
    browser.providers.visit(answer.header("location").unwrap()).unwrap()
}

/// Somebody signs in and gives the last address to the victim, who would then act in the attacker's account.
#[test]
fn a_sign_in_is_finished_where_it_was_begun() {
    let world = World::new();
    world.signed_in(OWNER);
    world.providers.become_person(ADA);
    for way in ["oidc", "github"] {
        let attacker = world.browser();
        let address = begun(&attacker, way);
        let victim = world.browser();
        let refused = |browser: &Browser, address: &str, told: &str| {
            let page = browser.go(address);
            assert_eq!((page.status(), browser.session()), (400, None), "{way} {address}");
            assert!(page.text().contains(told), "{way} {told}: {}", page.text());
        };
        refused(&victim, &address, "began in another browser");
        begun(&victim, way);
        refused(&victim, &address, "began in another browser");
        let other = if way == "oidc" { "github" } else { "oidc" };
        let crossed = address.replace(&format!("/sign-in/{way}/"), &format!("/sign-in/{other}/"));
        refused(&attacker, &crossed, "came from another sign-in provider");
        let state = parameter(&address, "state").unwrap();
        let without = address.replace(&state, "");
        refused(&attacker, &without, "does not belong to a sign-in that began here");
        let altered = address.replace(&state, &format!("A{}", &state[1..]));
        refused(&attacker, &altered, "does not belong to a sign-in that began here");
        world.memory.elapse(900);
        refused(&attacker, &address, "longer than 15 minutes");
        let again = begun(&attacker, way);
        assert_eq!(arrived(&attacker.go(&again)), at_account(), "{way}");
    }
}

/// The code of another attempt of the same browser does not pass: nonce and verifier are each attempt's own.
#[test]
fn a_code_of_another_attempt_does_not_pass() {
    let world = World::new();
    world.signed_in(OWNER);
    world.providers.become_person(ADA);
    let browser = world.browser();
    let first = begun(&browser, "oidc");
    world.memory.elapse(1);
    let second = begun(&browser, "oidc");
    let (one, two) = (parameter(&first, "code").unwrap(), parameter(&second, "code").unwrap());
    assert_ne!(one, two);
    let mixed = second.replace(&two, &one);
    assert_eq!((browser.go(&mixed).status(), browser.session()), (403, None));
    assert_eq!(arrived(&browser.go(&second)), at_account(), "two tabs of one browser may both sign in");
}

#[test]
fn a_key_the_provider_has_just_begun_to_use_is_looked_up_once() {
    let world = World::new();
    world.signed_in(ADA);
    let fetched = || {
        let counts = world.memory.counted(|| {
            assert_eq!(arrived(&world.sign_in(&world.browser(), ADA)), at_account());
        });
        counts["fetch"]
    };
    assert_eq!(fetched(), 1, "only the code is exchanged");
    world.memory.serve_url(&format!("{ISSUER}/jwks"), |_| published(&[("op-1", 7), ("op-2", 8)]));
    world.providers.say(|says| says.key = ("op-2", 8));
    assert_eq!([fetched(), fetched()], [2, 1]);
}

#[test]
fn a_provider_that_is_down_is_told_to_the_person_and_not_blamed_on_them() {
    let world = World::new();
    world.signed_in(OWNER);
    world.memory.elapse(3601);
    for fault in [Fault::Refuse, Fault::Delay(11_000)] {
        world.memory.meet("fetch", fault);
        let page = world.sign_in(&world.browser(), ADA);
        assert_eq!(page.status(), 502);
        assert!(page.text().contains("did not answer as it should"), "{}", page.text());
    }
    assert_eq!(arrived(&world.sign_in(&world.browser(), ADA)), at_account());
}

/// A session is ours by its seal and ends by its time.
#[test]
fn a_session_cannot_be_made_up_and_ends() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let (name, value) = browser.session().unwrap();
    assert_eq!(name, "__Host-atelier-session");
    let set = world.browser();
    let signed = |name: &str, value: &str| {
        set.cookies.replace([(name.to_owned(), value.to_owned())].into());
        set.open("/account").status == 200
    };
    assert!(signed(&name, &value));
    assert!(!signed("atelier-session", &value), "a cookie that a subdomain could set");
    assert!(!signed(&name, &format!("A{}", &value[1..])));
    let (body, _) = value.split_once('.').unwrap();
    assert!(!signed(&name, body) && !signed(&name, &format!("{body}.")));
    world.memory.elapse(7 * 24 * 3600);
    assert!(!signed(&name, &value), "after a week");
}

#[test]
fn cookies_are_for_this_host_https_and_no_script() {
    let world = World::new();
    world.signed_in(OWNER);
    world.providers.become_person(ADA);
    let browser = world.browser();
    let start = browser.open("/sign-in/oidc");
    let back = browser.providers.visit(start.header("location").unwrap()).unwrap();
    let end = browser.open(&back);
    let cookies = [start.headers("set-cookie"), end.headers("set-cookie")].concat();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["Path=/;", "HttpOnly", "SameSite=Lax", "; Secure"] {
            assert!(cookie.contains(attribute), "{cookie} lacks {attribute}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}
