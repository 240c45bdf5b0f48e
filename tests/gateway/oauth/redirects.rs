//! Where a code may be sent, and where a person is sent after signing in: never anywhere that was not agreed on.

use super::{ADA, App, CALLBACK, World, error};
use crate::support::Ask;
use crate::support::http::ORIGIN;
use serde_json::json;

/// One client that registered one of each kind; and what is not the same, to the letter.
const REGISTERED: &[&str] = &[
    "https://app.example.com/callback",
    "https://app.example.com/other?x=1",
    "http://127.0.0.1/cb",
    "http://localhost:1234/local",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    // Kept beside the good ones, and never used.
    "myapp://callback",
    "javascript:alert(1)",
    "http://app.example.com/callback",
    "https://app.example.com/callback#part",
    "https://user@app.example.com/callback",
    "https://app.example.com/a/../callback",
];

const REFUSED: &[&str] = &[
    "https://app.example.com/Callback",
    "https://APP.example.com/callback",
    "HTTPS://app.example.com/callback",
    "https://app.example.com/callback/",
    "https://app.example.com/callback/sub",
    "https://app.example.com/callback?x=1",
    "https://app.example.com/callback?",
    "https://app.example.com/callback#x",
    "https://app.example.com/callback#part",
    "https://app.example.com/callback%2F",
    "https://app.example.com/%63allback",
    "https://app.example.com/callback%00",
    "https://app.example.com/x/../callback",
    "https://app.example.com/a/../callback",
    "https://app.example.com/./callback",
    "https://app.example.com//callback",
    "https://app.example.com:443/callback",
    "https://app.example.com:8443/callback",
    "https://app.example.com./callback",
    "https://sub.app.example.com/callback",
    "https://app.example.com.evil.example/callback",
    "https://app.example.com@evil.example/callback",
    "https://user@app.example.com/callback",
    "https://app.example.com\\@evil.example/callback",
    "https://evil.example\\.app.example.com/callback",
    "https://evil.example/callback",
    "https://app.example.com%2eevil.example/callback",
    "https://app.example.com/callback\t",
    " https://app.example.com/callback",
    "http://app.example.com/callback",
    "//app.example.com/callback",
    "/callback",
    "ftp://app.example.com/callback",
    "https://app.example.com/other",
    "https://app.example.com/other?x=2",
    "https://app.example.com/other?x=1&y=2",
    "http://127.0.0.1:99/cb/",
    "http://127.0.0.1:99/CB",
    "http://127.0.0.1:99/cb?x=1",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://127.0.0.2/cb",
    "http://10.0.0.1/cb",
    "https://127.0.0.1/cb",
    "cursor://anysphere.cursor-mcp/oauth/callback/x",
    "cursor://evil/oauth/callback",
    "myapp://callback",
    "javascript:alert(1)",
    "data:text/html,x",
    "urn:ietf:wg:oauth:2.0:oob",
];

const TAKEN: &[&str] = &[
    "https://app.example.com/callback",
    "https://app.example.com/other?x=1",
    "http://127.0.0.1:53123/cb",
    "http://localhost:53123/local",
    "http://[::1]:53123/cb",
    "cursor://anysphere.cursor-mcp/oauth/callback",
];

/// Every kind of refusal is a page: the person is sent nowhere, and no code is made.
#[test]
fn a_code_goes_only_where_the_client_said_before() {
    let world = World::new();
    let body = json!({ "client_name": "App", "redirect_uris": REGISTERED });
    let made = world.memory.answer(Ask::post("/oauth/register", body)).json();
    let app = App::new(made["client_id"].as_str().unwrap(), CALLBACK);
    let browser = world.signed_in(ADA);
    for uri in REFUSED {
        let page = browser.go(&app.request(&[("redirect_uri", uri)]));
        assert_eq!((page.status(), page.answer.header("location")), (400, None), "{uri}");
        assert!(page.text().contains("which it has not registered or which is not allowed"), "{uri}");
    }
    let none = browser.go(&app.request(&[("redirect_uri", "")]));
    assert_eq!(none.status(), 400, "with several, one has to be named");
    for uri in TAKEN {
        let app = App { redirect_uri: (*uri).to_owned(), ..app.clone() };
        let code = app.code(&browser);
        let elsewhere = app.redeem_with(&world, &code, &[("redirect_uri", "https://evil.example/cb")]);
        assert_eq!(error(&elsewhere).1, "invalid_grant", "{uri}");
        assert_eq!(app.redeem(&world, &code).status, 200, "{uri}");
    }
}

/// An error that names the client's fault goes to the same places as a code, and no other.
#[test]
fn an_error_goes_nowhere_that_a_code_would_not() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let app = App::documented();
    let wrong = [("response_type", "token"), ("redirect_uri", "https://evil.example/")];
    let page = browser.go(&app.request(&wrong));
    assert_eq!((page.status(), page.answer.header("location")), (400, None));
    for client_id in ["", "unknown", "atl_client_AAAA", "https://evil.example/none.json"] {
        let page = browser.go(&app.request(&[("client_id", client_id)]));
        assert_eq!((page.status(), page.answer.header("location")), (400, None), "{client_id}");
    }
}

/// The address goes into the page's Content-Security-Policy.
#[test]
fn an_address_cannot_write_into_the_policy_of_the_page() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    for uri in [
        "https://app.example.com;script-src/callback",
        "https://app.example.com,default-src/callback",
        "https://*/callback",
        "https://'unsafe-inline'/callback",
        "http://127.0.0.1:*/callback",
    ] {
        let body = json!({ "client_name": "App", "redirect_uris": [uri, CALLBACK] });
        let made = world.memory.answer(Ask::post("/oauth/register", body)).json();
        let app = App::new(made["client_id"].as_str().unwrap(), uri);
        assert_eq!(browser.go(&app.request(&[])).status(), 400, "{uri}");
    }
    let page = browser.go(&App::documented().request(&[]));
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(
        policy.contains("form-action 'self' https://app.example.com; frame-ancestors 'none'"),
        "{policy}"
    );
}

/// Sign-in and sign-out lead back to a path of ours, or to the account page.
#[test]
fn nobody_is_sent_away_by_our_own_pages() {
    let world = World::new();
    world.signed_in(ADA);
    for evil in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example/",
        "/\n/evil.example/",
        "javascript:alert(1)",
        "https:evil.example",
        "evil.example",
        "/ü",
    ] {
        let browser = world.browser();
        world.providers.become_person(ADA);
        let encoded = atelier::http::percent_encode(evil);
        for way in ["oidc", "github"] {
            let page = browser.go(&format!("/sign-in/{way}?return={encoded}"));
            assert_eq!(page.url, format!("{ORIGIN}/account"), "{evil}");
        }
        let sign_in = browser.open(&format!("/sign-in?return={encoded}")).text();
        assert!(sign_in.contains("?return=%2Faccount\"") && !sign_in.contains("evil"), "{sign_in}");
        let out = browser.go("/account").form("/sign-out").with("return", evil);
        assert_eq!(browser.post(&out).header("location"), Some("/account"), "{evil}");
    }
    let browser = world.browser();
    let page = browser.go("/account/tokens?done=x");
    assert!(page.url.ends_with("/sign-in?return=%2Faccount%2Ftokens%3Fdone%3Dx"), "{}", page.url);
}
