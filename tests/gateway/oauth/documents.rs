//! Client-id metadata documents: which addresses are never asked, what a document may say, how long a copy is good.

use super::{ADA, App, CALLBACK, DOCUMENT, World, document, error, tokens};
use crate::support::providers::answer;
use crate::support::{Fault, Memory};
use atelier::http::Headers;
use atelier::outbound::Inbound;
use atelier::platform::Level;
use serde_json::{Value, json};

/// Loopback, private, link-local and metadata addresses, in every spelling; names that stand for them.
#[rustfmt::skip]
const NEVER_ASKED: &[&str] = &[
    "http://app.example.com/c.json", "http://localhost:8787/c.json", "http://127.0.0.1:8787/c.json",
    "https://localhost/c.json", "https://127.0.0.1/c.json", "https://127.1/c.json", "https://0/c.json",
    "https://2130706433/c.json", "https://0x7f000001/c.json", "https://0x7f.1/c.json", "https://017700000001/c.json",
    "https://10.0.0.1/c.json", "https://192.168.1.1/c.json", "https://172.16.0.1/c.json", "https://100.64.0.1/c.json",
    "https://169.254.169.254/latest/meta-data", "https://metadata.google.internal/computeMetadata/v1",
    "https://[::1]/c.json", "https://[::ffff:127.0.0.1]/c.json", "https://[fd00::1]/c.json", "https://[fe80::1]/c.json",
    "https://[64:ff9b::7f00:1]/c.json", "https://[64:ff9b::a9fe:a9fe]/c.json", "https://[2002:7f00:1::]/c.json",
    "https://[2002:a9fe:a9fe::]/c.json", "https://127.0.0.1.nip.io/c.json", "https://10-0-0-1.sslip.io/c.json",
    "https://localtest.me/c.json", "https://printer.local/c.json", "https://db.internal/c.json", "https://intranet/c.json",
    "https://localhost./c.json", "https://app.example.com./c.json", "https://app.example.com:8443/c.json",
    "https://user@app.example.com/c.json", "https://app.example.com@127.0.0.1/c.json", "https://app.example.com\\@127.0.0.1/c.json",
    "https://%6c%6f%63%61%6c%68%6f%73%74/c.json", "https://\u{2460}27.0.0.1/c.json", "https://app.example.com/c.json\r\nx: y",
    "https://app.example.com", "https://app.example.com/", "https://app.example.com/c.json#x", "https://app.example.com/a/../c.json",
    "https://app.example.com/a/%2e%2e/c.json", "https://app.example.com/./c.json", "https:///c.json", "https://", "http://",
];

fn fetched(memory: &Memory, work: impl FnOnce()) -> u32 {
    memory.counted(work).get("fetch").copied().unwrap_or(0)
}

#[test]
fn no_address_inside_is_ever_asked() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    for id in NEVER_ASKED {
        let app = App::new(id, CALLBACK);
        let count = fetched(&world.memory, || {
            assert_eq!(browser.go(&app.request(&[])).status(), 400, "{id}");
            let answer = app.refresh(&world, "atl_ort_x");
            assert_eq!(error(&answer), (401, "invalid_client".into()), "{id}");
        });
        assert_eq!(count, 0, "{id}");
    }
    let honest = fetched(&world.memory, || {
        assert_eq!(browser.go(&App::documented().request(&[])).status(), 200);
    });
    assert_eq!(honest, 1, "the count means something");
}

/// The keys of a client lie at an address, too.
#[test]
fn nor_is_one_that_the_keys_are_said_to_lie_at() {
    let world = World::new();
    let key = super::connecting::with_key(&world);
    let code = App::documented().code(&world.signed_in(ADA));
    for uri in ["https://169.254.169.254/jwks", "http://127.0.0.1:8787/jwks", "https://[::1]/jwks"] {
        let mut body = document(DOCUMENT);
        body["token_endpoint_auth_method"] = "private_key_jwt".into();
        body["jwks_uri"] = uri.into();
        world.memory.serve_url(DOCUMENT, move |_| answer(200, &body.to_string()));
        world.memory.elapse(3601);
        let app = super::connecting::asserting(&world, &key, json!({}));
        let count = fetched(&world.memory, || {
            assert_eq!(error(&app.redeem(&world, &code)), (401, "invalid_client".into()), "{uri}");
        });
        assert_eq!(count, 1, "{uri}: the document only");
    }
}

/// What is served at the address, and what the person is told.
#[test]
fn a_document_that_is_odd_makes_no_client() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let with = |name: &str, value: Value| {
        let mut body = document(DOCUMENT);
        body[name] = value;
        answer(200, &body.to_string())
    };
    let redirect = |status: u16, to: &str| {
        let headers = Headers::from_lines(format!("content-type: application/json\nlocation: {to}"));
        Ok(Inbound { status, headers, body: document(DOCUMENT).to_string() })
    };
    let long = "x".repeat(16 * 1024);
    let rows = [
        (redirect(302, "http://169.254.169.254/"), "redirects elsewhere"),
        (redirect(301, "https://other.example/c.json"), "redirects elsewhere"),
        (answer(404, &document(DOCUMENT).to_string()), "answers with HTTP 404"),
        (answer(500, ""), "answers with HTTP 500"),
        (answer(200, ""), "is not JSON"),
        (answer(200, "<html></html>"), "is not JSON"),
        (answer(200, "[]"), "does not have this client_id"),
        (with("client_id", json!("https://other.example/c.json")), "does not have this client_id"),
        (with("client_id", json!(format!("{DOCUMENT}/"))), "does not have this client_id"),
        (with("client_id", json!("https://APP.example.com/client.json")), "does not have this client_id"),
        (with("client_secret", json!("s")), "has a client_secret in it"),
        (with("token_endpoint_auth_method", json!("client_secret_post")), "asks for a client secret"),
        (with("token_endpoint_auth_method", json!("private_key_jwt")), "needs jwks"),
        (with("token_endpoint_auth_method", json!("tls_client_auth")), "is not supported"),
        (with("redirect_uris", json!([])), "is not valid"),
        (with("redirect_uris", json!(["javascript:alert(1)"])), "is not valid"),
        (with("redirect_uris", json!("https://app.example.com/callback")), "is not valid"),
        (with("grant_types", json!(["implicit"])), "is not valid"),
        (with("padding", json!(long)), "is larger than 16384 bytes"),
    ];
    for (served, told) in rows {
        world.memory.serve_url(DOCUMENT, move |_| served.clone());
        let page = browser.go(&App::documented().request(&[]));
        assert_eq!((page.status(), page.answer.header("location")), (400, None), "{told}");
        assert!(page.text().contains(told), "{told}: {}", page.text());
    }
    world.memory.meet("fetch", Fault::Delay(5001));
    let page = browser.go(&App::documented().request(&[]));
    assert!(page.text().contains("did not arrive in time"), "{}", page.text());
    world.memory.serve_url(DOCUMENT, |_| answer(200, &document(DOCUMENT).to_string()));
    assert_eq!(browser.go(&App::documented().request(&[])).status(), 200, "nothing odd was kept");
}

/// Until when the copy of a document that says this is not asked for again.
#[test]
fn a_copy_is_good_as_long_as_it_says_within_bounds() {
    for (header, seconds) in [
        ("", 3600),
        ("cache-control: max-age=600", 600),
        ("cache-control: public, Max-Age=\"600\"", 600),
        ("cache-control: max-age=1", 60),
        ("cache-control: no-store", 60),
        ("cache-control: no-cache, max-age=600", 60),
        ("cache-control: max-age=99999999", 24 * 3600),
        ("cache-control: max-age=-5", 60),
        ("cache-control: max-age=abc", 3600),
    ] {
        let world = World::new();
        let browser = world.signed_in(ADA);
        world.memory.serve_url(DOCUMENT, move |_| {
            let headers = Headers::from_lines(format!("content-type: application/json\n{header}"));
            Ok(Inbound { status: 200, headers, body: document(DOCUMENT).to_string() })
        });
        let ask = || fetched(&world.memory, || _ = browser.go(&App::documented().request(&[])));
        assert_eq!([ask(), ask()], [1, 0], "{header}");
        world.memory.elapse(seconds - 1);
        assert_eq!(ask(), 0, "{header}: fresh to the end");
        world.memory.elapse(1);
        assert_eq!(ask(), 1, "{header}: asked for again");
    }
}

/// A site that is down signs nobody out, but nobody is let in on its old word either.
#[test]
fn an_old_copy_refreshes_and_does_not_authorize() {
    let world = World::new();
    let app = App::documented();
    let browser = world.signed_in(ADA);
    let first = tokens(&app.redeem(&world, &app.code(&browser)));
    world.memory.serve_url(DOCUMENT, |_| answer(503, ""));
    world.memory.elapse(3601);
    let second = tokens(&app.refresh(&world, &first.refresh));
    let page = browser.go(&app.request(&[]));
    assert_eq!(page.status(), 400);
    assert!(page.text().contains("answers with HTTP 503"), "{}", page.text());
    let refused = world.memory.state(|state| {
        state.log.iter().any(|(level, event, _)| *level == Level::Warn && event == "client.metadata_refused")
    });
    assert!(refused, "the operator can see it");
    // A grant knows its public client: refreshing needs no document at all.
    world.memory.elapse(30 * 24 * 3600);
    let third = app.refresh(&world, &second.refresh);
    assert_eq!(third.status, 200);
    world.memory.elapse(61);
    // Whose token is dead is told so, unless the client itself is gone: then it registers anew.
    assert_eq!(error(&app.refresh(&world, &first.refresh)), (400, "invalid_grant".into()));
    world.memory.serve_url(DOCUMENT, |_| answer(404, ""));
    assert_eq!(
        error(&app.refresh(&world, &first.refresh)),
        (401, "invalid_client".into()),
        "the client is gone"
    );
}

/// The old document's redirect URI is worth nothing once the new one is read.
#[test]
fn a_changed_document_takes_effect() {
    let world = World::new();
    let app = App::documented();
    let browser = world.signed_in(ADA);
    app.code(&browser);
    world.memory.serve_url(DOCUMENT, |_| {
        let mut body = document(DOCUMENT);
        body["redirect_uris"] = json!(["https://app.example.com/new"]);
        answer(200, &body.to_string())
    });
    world.memory.elapse(3601);
    assert_eq!(browser.go(&app.request(&[])).status(), 400);
    let new = App { redirect_uri: "https://app.example.com/new".into(), ..app };
    new.code(&browser);
}
