//! Connecting, as honest clients do it, each kind of them, and what they do with their tokens afterwards.

use super::{
    ADA, App, CALLBACK, DOCUMENT, FIRST_WORKSPACE, OWNER, World, document, error, invalid_grant, tokens,
};
use crate::support::browser::Form;
use crate::support::http::ORIGIN;
use crate::support::providers::{self, Providers};
use crate::support::{Ask, Browser, Client, Memory};
use atelier::crypto;
use atelier::http::encode_form;
use atelier::oauth::jwt::{self, SigningKey};
use atelier::oauth::{Scope, Scopes};
use atelier::platform::Platform;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn connect_sign_in_consent_code_and_a_call() {
    let world = World::new();
    world.signed_in(OWNER);
    let app = App::documented();
    // The 401 says where everything is.
    let first = world.memory.answer(Client::holding(&world.memory, "x").post("{}").without("authorization"));
    let challenge = first.header("www-authenticate").unwrap().to_owned();
    let url = challenge.split("resource_metadata=\"").nth(1).unwrap().split('"').next().unwrap();
    let resource = world.memory.answer(Ask::get(url)).json();
    assert_eq!(resource["resource"], format!("{ORIGIN}/mcp"));
    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    let server = Ask::get(&format!("{issuer}/.well-known/oauth-authorization-server"));
    let server = world.memory.answer(server).json();
    assert_eq!(server["issuer"], ORIGIN);
    let endpoint = server["authorization_endpoint"].as_str().unwrap();

    let browser = world.browser();
    world.providers.become_person(ADA);
    let request = app.request(&[("scope", "models:read forge:read forge:execute offline_access")]);
    let page = browser.go(&format!("{endpoint}?{}", request.split_once('?').unwrap().1));
    assert!(page.text().contains("An app wants to connect"), "{}", page.text());
    let sign_in = page.text();
    let back = sign_in.split("href=\"/sign-in/oidc?").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = browser.go(&format!("/sign-in/oidc?{}", back.replace("&amp;", "&")));
    let text = page.text();
    for told in ["An honest app", "app.example.com", "Confirmed", ADA, "Home"] {
        assert!(text.contains(told), "{told} is not on {text}");
    }
    let consent = page.form("/oauth/authorize");
    assert_eq!(consent.all("scope").len(), 3);
    assert_eq!(consent.get("workspace_id"), Some(FIRST_WORKSPACE));
    let page = browser.submit(&consent.with("decision", "approve"));
    assert!(page.url.starts_with(CALLBACK), "{}", page.url);
    assert_eq!(page.parameter("state").as_deref(), Some("the state"));
    assert_eq!(page.parameter("iss").as_deref(), Some(ORIGIN));

    let answer = app.redeem(&world, &page.parameter("code").unwrap());
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        (Some("no-store"), Some("no-cache"))
    );
    assert_eq!(
        (&answer.json()["token_type"], &answer.json()["expires_in"]),
        (&json!("Bearer"), &json!(3600))
    );
    let tokens = tokens(&answer);
    assert_eq!(tokens.scope, "models:read forge:read forge:execute");
    world.grant_units(FIRST_WORKSPACE, 5.0);
    assert_eq!(world.may(&tokens.access), (200, 200));
    let expected = (200, 403);
    let lacking = world.memory.answer(world.client(&tokens.access).tool("list_workspaces", &json!({})));
    assert_eq!((answer.status, lacking.status), expected, "a scope that was not asked for");
}

#[test]
fn what_is_unticked_is_not_given_and_nothing_ticked_asks_again() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let app = App::documented();
    let form = app.ask(&browser, &[]);
    assert_eq!(form.all("scope").len(), Scope::ALL.len() - 1, "nobody asked for less, so all are offered");
    let none = browser.submit(&form.clone().without("scope").with("decision", "approve"));
    assert_eq!(none.status(), 200);
    assert!(none.text().contains("Choose at least one thing"), "{}", none.text());
    let foreign = form.clone().with("scope", "admin").with("decision", "approve");
    assert_eq!(browser.submit(&foreign).status(), 200, "a scope that does not exist is no choice");
    let one = browser.submit(&form.with("scope", "models:read").with("decision", "approve"));
    assert_eq!(tokens(&app.redeem(&world, &one.parameter("code").unwrap())).scope, "models:read");
    // More than was asked for cannot be ticked.
    let narrow = app.ask(&browser, &[("scope", "models:read")]);
    let mut wide = narrow.with("decision", "approve");
    wide.fields.push(("scope".into(), "forge:execute".into()));
    let page = browser.submit(&wide);
    assert_eq!(tokens(&app.redeem(&world, &page.parameter("code").unwrap())).scope, "models:read");
}

#[test]
fn who_declines_is_sent_back_with_an_error() {
    let world = World::new();
    let browser = world.signed_in(ADA);
    let form = App::documented().ask(&browser, &[]);
    for form in [form.clone().with("decision", "deny"), form] {
        let page = browser.submit(&form);
        assert!(page.url.starts_with(CALLBACK), "{}", page.url);
        assert_eq!(page.parameter("error").as_deref(), Some("access_denied"));
        assert_eq!(page.parameter("code"), None);
    }
}

#[test]
fn a_registered_client_connects() {
    let world = World::new();
    let app = App::registered(&world, "http://127.0.0.1/callback");
    let app = App { redirect_uri: "http://127.0.0.1:33418/callback".into(), ..app };
    let tokens = world.connect(&app, ADA);
    assert_eq!(world.may(&tokens.access).0, 200);
}

/// The operator wrote it down, with a secret.
#[test]
fn a_configured_client_proves_itself_by_basic_and_by_post() {
    let secret = "the secret: of 100% & more";
    let clients = json!([{ "client_id": "by hand", "client_name": "Hand", "redirect_uris": [CALLBACK], "client_secret": secret }]);
    let world = World::with(1, &[("OAUTH_CLIENTS", &clients.to_string())]);
    let bare = App::new("by hand", CALLBACK);
    let pair = |id: &str, secret: &str| crypto::base64(format!("{id}:{secret}").as_bytes());
    let encoded = pair("by%20hand", "the+secret%3A%20of%20100%25%20%26%20more");
    let by_basic = App { basic: Some(encoded), ..bare.clone() };
    let by_post = App { proof: vec![("client_secret".into(), secret.into())], ..bare.clone() };
    for app in [&by_basic, &by_post] {
        let tokens = world.connect(app, ADA);
        assert_eq!(app.refresh(&world, &tokens.refresh).status, 200);
        assert_eq!(error(&bare.refresh(&world, &tokens.refresh)), (401, "invalid_client".into()));
        assert_eq!(error(&bare.revoke(&world, &tokens.refresh)), (401, "invalid_client".into()));
    }
    let wrong = App { basic: Some(pair("by%20hand", "wrong")), ..bare.clone() };
    let code = bare.code(&world.signed_in(ADA));
    let answer = wrong.redeem(&world, &code);
    assert_eq!(error(&answer), (401, "invalid_client".into()));
    assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
    let other = by_basic.redeem_with(&world, &code, &[("client_id", DOCUMENT)]);
    assert_eq!(error(&other), (400, "invalid_request".into()), "two names");
    assert_eq!(error(&bare.redeem(&world, &code)), (401, "invalid_client".into()));
    assert_eq!(by_basic.redeem(&world, &code).status, 200, "and the code is still good");
}

/// A document whose client has a key.
pub fn with_key(world: &World) -> SigningKey {
    let key = SigningKey::from_seed(&[9; 32]);
    let mut body = document(DOCUMENT);
    body["token_endpoint_auth_method"] = "private_key_jwt".into();
    body["jwks"] = json!({ "keys": [key.public_jwk("k")] });
    world.memory.serve_url(DOCUMENT, move |_| providers::answer(200, &body.to_string()));
    key
}

/// An app that proves itself by this assertion.
pub fn asserting(world: &World, key: &SigningKey, changes: Value) -> App {
    let now = world.memory.now().seconds();
    let mut claims = json!({
        "iss": DOCUMENT, "sub": DOCUMENT, "aud": ORIGIN, "iat": now, "exp": now + 300,
        "jti": crypto::base64url(&world.memory.random::<8>()),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let assertion = jwt::sign(key, "k", "JWT", &claims).unwrap();
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let proof = [("client_assertion_type", kind), ("client_assertion", &assertion)];
    let proof = proof.map(|(name, value)| (name.to_owned(), value.to_owned()));
    App { proof: proof.into(), ..App::documented() }
}

#[test]
fn a_client_with_a_key_proves_itself_by_a_signature() {
    let world = World::new();
    let key = with_key(&world);
    let code = App::documented().code(&world.signed_in(ADA));
    assert_eq!(error(&App::documented().redeem(&world, &code)), (401, "invalid_client".into()));
    let tokens = tokens(&asserting(&world, &key, json!({})).redeem(&world, &code));
    // RFC 7523 names the endpoint as audience. The assertion alone says who it is.
    let by_endpoint = asserting(&world, &key, json!({ "aud": format!("{ORIGIN}/oauth/token") }));
    let answer = by_endpoint.refresh_with(&world, &tokens.refresh, &[("client_id", "")]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(asserting(&world, &key, json!({})).revoke(&world, &tokens.refresh).status, 200);
}

#[test]
fn a_refresh_keeps_the_scope_narrows_it_and_never_widens_it() {
    let world = World::new();
    let app = App::documented();
    let browser = world.signed_in(ADA);
    let code = app.code_for(&browser, &[("scope", "models:read forge:read forge:execute")]);
    let first = tokens(&app.redeem(&world, &code));
    let second = tokens(&app.refresh(&world, &first.refresh));
    assert_eq!(second.scope, "models:read forge:read forge:execute");
    assert_ne!((&second.access, &second.refresh), (&first.access, &first.refresh));
    let third = app.refresh_with(&world, &second.refresh, &[("scope", "models:read offline_access")]);
    let third = tokens(&third);
    assert_eq!(third.scope, "models:read");
    assert_eq!(world.may(&third.access), (200, 403));
    let wide = app.refresh_with(&world, &third.refresh, &[("scope", "models:read media:write")]);
    assert_eq!(error(&wide), (400, "invalid_scope".into()));
    let fourth = tokens(&app.refresh(&world, &third.refresh));
    assert_eq!(fourth.scope, second.scope, "a narrow access token does not narrow the grant");
    let elsewhere = app.refresh_with(&world, &fourth.refresh, &[("resource", "https://other.example/mcp")]);
    assert_eq!(error(&elsewhere), (400, "invalid_target".into()));
}

#[test]
fn userinfo_says_who_it_is_to_whoever_has_a_token() {
    let world = World::new();
    let tokens = world.connect(&App::documented(), ADA);
    let answer = world.memory.answer(Ask::get("/oauth/userinfo").bearer(&tokens.access));
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["email"], &body["email_verified"], &body["name"]),
        (200, &json!(ADA), &json!(true), &json!("Somebody"))
    );
    for ask in [Ask::get("/oauth/userinfo"), Ask::get("/oauth/userinfo").bearer(&tokens.refresh)] {
        let refused = world.memory.answer(ask);
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").unwrap().contains("resource_metadata="));
    }
    world.memory.meet("ask ACCOUNT", crate::support::Fault::Refuse);
    let answer = world.memory.answer(Ask::get("/oauth/userinfo").bearer(&tokens.access));
    assert_eq!(answer.status, 503, "who is told 401 throws its tokens away");
}

#[test]
fn whichever_token_a_client_gives_back_ends_the_authorization() {
    for give_back in [0, 1, 2] {
        let world = World::new();
        let app = App::documented();
        let tokens = world.connect(&app, ADA);
        if give_back == 2 {
            world.memory.elapse(3601);
        }
        let token = [&tokens.refresh, &tokens.access, &tokens.access][give_back];
        let answer = app.revoke(&world, token);
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(error(&app.refresh(&world, &tokens.refresh)), invalid_grant(), "{give_back}");
        world.memory.elapse(61);
        assert_eq!(world.may(&tokens.access), (401, 401), "{give_back}");
        assert_eq!(app.revoke(&world, token).status, 200, "and again");
    }
    let world = World::new();
    let ada = Client::new(&world.memory, "ada", 1.0);
    let unknown = App::documented().revoke(&world, "atl_ort_made-up");
    assert_eq!(unknown.status, 200, "{}", unknown.text());
    assert_eq!(world.post("/oauth/revoke", &[("token", &ada.token)]).status, 200, "by whoever holds it");
    world.memory.elapse(61);
    assert_eq!(world.may(&ada.token), (401, 401));
}

#[test]
fn a_call_that_lacks_a_scope_says_which_and_keeps_those_there_are() {
    let world = World::new();
    let app = App::documented();
    let browser = world.signed_in(ADA);
    let code = app.code_for(&browser, &[("scope", "models:read forge:read")]);
    let held = tokens(&app.redeem(&world, &code));
    let call = world.client(&held.access).tool("execute_forge", &json!({}));
    let answer = world.memory.answer(call);
    let challenge = answer.header("www-authenticate").unwrap().to_owned();
    assert_eq!(answer.status, 403);
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
    let scope = challenge.split("scope=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(scope, "models:read forge:read forge:execute");
    assert_eq!(answer.message()["result"]["_meta"]["mcp/www_authenticate"], json!([challenge]));
    // The client asks for just that; the person sees just that.
    let form = app.ask(&browser, &[("scope", &scope)]);
    assert_eq!(BTreeSet::from_iter(form.all("scope")), BTreeSet::from_iter(scope.split(' ')));
    let page = browser.submit(&form.with("decision", "approve"));
    let more = tokens(&app.redeem(&world, &page.parameter("code").unwrap()));
    world.grant_units(FIRST_WORKSPACE, 5.0);
    assert_eq!(world.may(&more.access), (200, 200));
}

/// On the own machine: no provider, plain http, any port.
#[test]
fn the_development_person_connects_on_loopback() {
    const LOCAL: &str = "http://127.0.0.1:8787";
    let memory = Memory::with(1, &[("PUBLIC_URL", "http://localhost:1")]);
    let providers = Providers::serve(&memory);
    let browser = Browser::at(&memory, &providers, LOCAL);
    memory.serve_url("http://localhost:5555/client.json", |_| {
        providers::answer(200, &document("http://localhost:5555/client.json").to_string())
    });
    let app = App::new("http://localhost:5555/client.json", CALLBACK);
    let request = app.request(&[("resource", &format!("{LOCAL}/mcp"))]);
    let page = browser.go(&request);
    assert!(page.text().contains("This computer only"), "{}", page.text());
    let page = browser.submit(&page.form("/sign-in/development"));
    let (name, _) = browser.session().unwrap();
    assert_eq!(name, "atelier-session", "browsers keep no __Host- cookie of plain http");
    let page = browser.submit(&page.form("/oauth/authorize").with("decision", "approve"));
    assert_eq!(page.parameter("iss").as_deref(), Some(LOCAL));
    let code = page.parameter("code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", super::VERIFIER),
        ("client_id", app.client_id.as_str()),
    ];
    let ask = Ask::post(&format!("{LOCAL}/oauth/token"), encode_form(&fields));
    let made = tokens(&memory.answer(ask.with("content-type", super::FORM)));
    assert_eq!(made.scope, Scopes::for_apps().to_string());
    let mut call = Client::holding(&memory, &made.access).tool("list_models", &json!({}));
    call.url = format!("{LOCAL}/mcp");
    assert_eq!(memory.answer(call).status, 200);
}

/// Who knows the address of a deployed gateway does not become its development person.
#[test]
fn nobody_is_the_development_person_of_a_deployed_gateway() {
    let local = "http://127.0.0.1:8787/sign-in/development";
    let form = Form::new("/sign-in/development", &[("email", OWNER)]);
    let world = World::new();
    assert_eq!(world.browser().submit(&form).status(), 403);
    let bare = Memory::with(1, &[("PUBLIC_URL", ORIGIN)]);
    let providers = Providers::serve(&bare);
    for (memory, origin) in [(&bare, ORIGIN), (&world.memory, "http://127.0.0.1:8787")] {
        let browser = Browser::at(memory, &providers, origin);
        browser.post(&form);
        assert_eq!(browser.session(), None, "{origin}");
    }
    let open = Memory::new();
    let ask = |site: &str| {
        let ask = Ask::post(local, "email=a%40b").with("content-type", super::FORM);
        open.answer(ask.with("sec-fetch-site", site)).status
    };
    assert_eq!([ask("cross-site"), ask("same-site"), ask("same-origin")], [403, 403, 303]);
}
