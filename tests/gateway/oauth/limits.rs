//! What anybody may send without being known: how often, how much, in what shape, from which page, by which name.

use super::{ADA, App, CALLBACK, FORM, OWNER, World, error};
use crate::support::http::ORIGIN;
use crate::support::providers::{self, Providers};
use crate::support::{Answer, Ask, Browser, Memory};
use atelier::http::encode_form;
use atelier::platform::Budget;
use serde_json::{Value, json};

fn from(ask: Ask, address: &str) -> Ask {
    ask.with("cf-connecting-ip", address)
}

/// Those that anybody may spend; what a token may is told in `rate`.
const OPEN: [Budget; 4] = [Budget::Register, Budget::Authorize, Budget::Token, Budget::SignIn];

/// One request of each budget.
fn ask_for(budget: Budget) -> Ask {
    match budget {
        Budget::Register => Ask::post("/oauth/register", json!({ "redirect_uris": [CALLBACK] })),
        Budget::Authorize => Ask::get(&App::documented().request(&[])),
        Budget::Token => {
            let body = "grant_type=refresh_token&refresh_token=x&client_id=atl_client_x";
            Ask::post("/oauth/token", body).with("content-type", FORM)
        }
        Budget::SignIn => Ask::get("/sign-in/github"),
        Budget::Requests => panic!("needs a token"),
    }
}

#[test]
fn whoever_asks_too_often_is_told_when_to_come_back_and_nobody_else_is() {
    for budget in OPEN {
        let world = World::new();
        let send = |address: &str| world.memory.answer(from(ask_for(budget), address));
        for _ in 0..budget.per_minute() {
            assert_ne!(send("203.0.113.7").status, 429, "{budget:?}");
        }
        let refused = send("203.0.113.7");
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")), "{budget:?}");
        assert_ne!(send("203.0.113.8").status, 429, "{budget:?}");
        world.memory.elapse(60);
        assert_ne!(send("203.0.113.7").status, 429, "{budget:?}");
    }
    let world = World::new();
    let revoke = || from(Ask::post("/oauth/revoke", "token=x").with("content-type", FORM), "203.0.113.7");
    for _ in 0..Budget::Token.per_minute() {
        world.memory.answer(revoke());
    }
    assert_eq!(world.memory.answer(revoke()).status, 429);
    let callback = || from(Ask::get("/sign-in/oidc/callback?state=x"), "203.0.113.7");
    for _ in 0..Budget::SignIn.per_minute() {
        world.memory.answer(callback());
    }
    assert_eq!(world.memory.answer(callback()).header("retry-after"), Some("60"));
}

/// Refused requests ask no object and no other server.
#[test]
fn what_is_refused_for_its_number_costs_nothing() {
    for budget in OPEN {
        let world = World::new();
        for _ in 0..budget.per_minute() {
            world.memory.state(|state| state.log.clear());
            world.memory.answer(ask_for(budget));
        }
        let counts = world.memory.counted(|| assert_eq!(world.memory.answer(ask_for(budget)).status, 429));
        assert_eq!(counts.keys().collect::<Vec<_>>(), ["budget"], "{budget:?}: {counts:?}");
    }
}

/// Too large, of another type, empty, or JSON: an answer each endpoint can stand by, and never a fault of ours.
#[test]
fn bodies_that_are_too_large_or_of_another_shape_are_refused() {
    let world = World::new();
    let owner = world.signed_in(OWNER);
    for path in ["/oauth/token", "/oauth/revoke"] {
        let post = |ask: Ask| world.memory.answer(ask);
        assert_eq!(error(&post(Ask::post(path, "").too_large())), (413, "invalid_request".into()), "{path}");
        let good = "grant_type=refresh_token&token=x&refresh_token=x&client_id=x";
        let rows = [
            Ask::post(path, good),
            Ask::post(path, good).without("content-type"),
            Ask::post(path, good).with("content-type", "text/plain"),
            Ask::post(path, good).with("content-type", "multipart/form-data; boundary=x"),
            Ask::post(path, "").with("content-type", FORM),
            Ask::post(path, "{\"grant_type\":\"refresh_token\"}").with("content-type", FORM),
            Ask::post(path, "%ff=%ff&&=&%").with("content-type", FORM),
            Ask::post(path, "x".repeat(64 * 1024)).with("content-type", FORM),
        ];
        for ask in rows {
            let told = format!("{path} {:?}", ask.headers);
            assert_eq!(error(&post(ask)), (400, "invalid_request".into()), "{told}");
        }
        let many: Vec<_> = (0..5000).map(|number| format!("a{number}=1")).collect();
        let many = Ask::post(path, many.join("&")).with("content-type", FORM);
        assert_eq!(error(&post(many)).0, 400, "{path}");
        for method in ["GET", "PUT", "DELETE"] {
            let answer = post(Ask::new(method, path));
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some("POST, OPTIONS")),
                "{method} {path}"
            );
        }
    }
    for path in ["/oauth/authorize", "/account/workspaces", "/account/tokens", "/sign-in/development"] {
        let rows = [
            Ask::post(path, "").too_large().with("content-type", FORM),
            Ask::post(path, "{}"),
            Ask::post(path, "").with("content-type", FORM),
            Ask::post(path, "csrf=&csrf=x").with("content-type", FORM),
        ];
        for ask in rows {
            let answer = owner.send(ask);
            assert_eq!((answer.status, answer.header("location")), (403, None), "{path}");
        }
    }
    for target in [
        "/oauth/authorize".to_owned(),
        "/oauth/authorize?%ff=%ff&&&=&".to_owned(),
        format!("/oauth/authorize?client_id={}", "x".repeat(60_000)),
        format!("/oauth/authorize?client_id=https://a.example/{}", "x".repeat(60_000)),
    ] {
        assert_eq!(owner.open(&target).status, 400);
    }
}

/// Any page may read the documents and call what programs call; none may read a person's pages.
#[test]
fn programs_in_browsers_may_connect_and_pages_may_not_be_read() {
    let world = World::new();
    let open = [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
        "/.well-known/jwks.json",
    ];
    let any = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    for path in open {
        let ask = Ask::get(path).with("origin", "https://inspector.example");
        let answer = world.memory.answer(ask);
        assert_eq!((answer.status, any(&answer).as_deref()), (200, Some("*")), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
    }
    for path in ["/oauth/register", "/oauth/token", "/oauth/revoke", "/oauth/userinfo"].iter().chain(&open) {
        let preflight = world.memory.answer(
            Ask::new("OPTIONS", path)
                .with("origin", "https://inspector.example")
                .with("access-control-request-method", "POST"),
        );
        assert_eq!((preflight.status, any(&preflight).as_deref()), (204, Some("*")), "{path}");
        let headers = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in ["authorization", "content-type", "mcp-protocol-version"] {
            assert!(headers.contains(name), "{path}: {headers}");
        }
        let answer = world.memory.answer(Ask::post(path, "x").with("origin", "https://inspector.example"));
        assert!(answer.status == 404 || any(&answer).as_deref() == Some("*"), "{path}: errors too");
    }
    let owner = world.signed_in(OWNER);
    for path in [&App::documented().request(&[]), "/account", "/account/tokens", "/sign-in", "/"] {
        let answer = owner.send(Ask::get(path).with("origin", "https://evil.example"));
        assert_eq!(any(&answer), None, "{path}");
        let preflight = owner.send(Ask::new("OPTIONS", path).with("origin", "https://evil.example"));
        assert_eq!(any(&preflight), None, "{path}");
    }
}

/// Deployed, but nobody can sign in yet: the OAuth routes would lead people astray.
#[test]
fn without_a_way_to_sign_in_the_answer_says_what_to_set() {
    let without = |settings: &[(&str, &str)]| Memory::with(1, settings);
    let no_owner: Vec<_> = [&[("PUBLIC_URL", ORIGIN)], providers::SETTINGS].concat();
    for (memory, told) in [
        (without(&[("PUBLIC_URL", ORIGIN)]), "OIDC_ISSUER"),
        (without(&[]), "OIDC_ISSUER"),
        (without(&no_owner), "OWNER"),
    ] {
        let body = encode_form(&[("grant_type", "refresh_token")]);
        for ask in [
            Ask::get("/.well-known/oauth-protected-resource/mcp"),
            Ask::get("/.well-known/oauth-authorization-server"),
            Ask::post("/oauth/register", json!({ "redirect_uris": [CALLBACK] })),
            Ask::post("/oauth/token", &body).with("content-type", FORM),
            Ask::post("/oauth/revoke", &body).with("content-type", FORM),
        ] {
            let answer = memory.answer(ask.clone());
            assert_eq!(answer.status, 503, "{}", ask.url);
            let text = answer.json()["error_description"].to_string();
            assert!(text.contains(told) && answer.header("retry-after").is_some(), "{}: {text}", ask.url);
        }
        for path in [App::documented().request(&[]).as_str(), "/sign-in"] {
            let answer = memory.answer(Ask::get(path));
            assert_eq!(answer.status, 503, "{path}");
            assert!(answer.text().contains(told), "{path}");
        }
        assert_eq!(memory.answer(Ask::get("/")).status, 200);
    }
}

/// Who could choose the issuer could send people's codes elsewhere.
#[test]
fn only_a_trusted_proxy_says_by_which_name_the_gateway_is_known() {
    let settings = [providers::SETTINGS, &[("OWNER", OWNER), ("TRUSTED_PROXIES", "10.0.0.0/8")]].concat();
    let memory = Memory::with(1, &settings);
    let providers = Providers::serve(&memory);
    let issuer = |address: &str, host: &str| -> Value {
        let ask = Ask::get("/.well-known/oauth-authorization-server").with("x-forwarded-host", host);
        let ask = if address.is_empty() { ask } else { from(ask, address) };
        memory.answer(ask).json()["issuer"].clone()
    };
    assert_eq!(issuer("10.1.2.3", "media.example"), "https://media.example");
    for (address, host) in [
        ("203.0.113.7", "evil.example"),
        ("", "evil.example"),
        ("10.1.2.3, 203.0.113.7", "evil.example"),
        ("10.1.2.3", "evil.example/path"),
        ("10.1.2.3", "a@evil.example"),
        ("10.1.2.3", ""),
    ] {
        assert_eq!(issuer(address, host), ORIGIN, "{address} {host}");
    }
    let challenge = |address: &str| {
        let ask = from(Ask::post("/mcp", "{}").with("x-forwarded-host", "evil.example"), address);
        memory.answer(ask).header("www-authenticate").unwrap().contains("https://evil.example/")
    };
    assert_eq!([challenge("10.1.2.3"), challenge("203.0.113.7")], [true, false]);
    // The sign-in's own callback follows the same name.
    let browser = Browser::new(&memory, &providers);
    let start = from(Ask::get("/sign-in/oidc").with("x-forwarded-host", "evil.example"), "203.0.113.7");
    let location = browser.send(start).header("location").unwrap().to_owned();
    assert!(location.contains("redirect_uri=https%3A%2F%2Fgateway.example%2F"), "{location}");
    // A public address that is set wins over everybody.
    let world = World::with(1, &[("TRUSTED_PROXIES", "10.0.0.0/8")]);
    let ask = Ask::get("/.well-known/oauth-authorization-server").with("x-forwarded-host", "media.example");
    assert_eq!(world.memory.answer(from(ask, "10.1.2.3")).json()["issuer"], ORIGIN);
}

/// The same issuer, to the letter, wherever a client looks it up, whatever it adds to the address.
#[test]
fn every_document_names_one_issuer() {
    let world = World::new();
    let get = |path: &str| world.memory.answer(Ask::get(path)).json();
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        assert_eq!(get(path)["authorization_servers"], json!([ORIGIN]));
        assert_eq!(get(path)["resource"], format!("{ORIGIN}/mcp"));
        let scopes = get(path)["scopes_supported"].clone();
        assert!(!scopes.as_array().unwrap().contains(&json!("offline_access")), "{scopes}");
    }
    let server = get("/.well-known/oauth-authorization-server");
    assert_eq!(server, get("/.well-known/openid-configuration"));
    assert_eq!(server["issuer"], ORIGIN);
    assert_eq!(server["code_challenge_methods_supported"], json!(["S256"]));
    assert!(server["scopes_supported"].as_array().unwrap().contains(&json!("offline_access")));
    let methods = json!(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]);
    assert_eq!(server["token_endpoint_auth_methods_supported"], methods);
    for name in ["client_id_metadata_document_supported", "authorization_response_iss_parameter_supported"] {
        assert_eq!(server[name], true, "{name}");
    }
    let narrowed = get("/.well-known/oauth-protected-resource/mcp?tools=forge");
    assert_eq!(narrowed["resource"], format!("{ORIGIN}/mcp?tools=forge"));
    let app = App::documented();
    let browser = world.signed_in(ADA);
    let code = app.code_for(&browser, &[("resource", &format!("{ORIGIN}/mcp?tools=forge"))]);
    assert_eq!(app.redeem_with(&world, &code, &[("resource", "")]).status, 200);
}
