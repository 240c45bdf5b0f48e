//! The OAuth server through its front door: whole stories in a browser, and the attacks it has to stand.
//! Here: the world they play in, and an app that connects right by default.
//! Not for: single functions, which have their tests beside them in `src/oauth`.

mod account;
mod allowance;
mod codes;
mod connecting;
mod consent;
mod documents;
mod keys;
mod limits;
mod races;
mod rate;
mod redirects;
mod registration;
mod sign_in;
mod tokens;
mod trail;
mod workspaces;

use crate::support::browser::{Form, Page};
use crate::support::client::operate;
use crate::support::http::ORIGIN;
use crate::support::providers::{self, Providers};
use crate::support::{Answer, Ask, Browser, Client, Memory};
use atelier::crypto;
use atelier::http::encode_form;
use serde_json::{Value, json};

pub const OWNER: &str = "owner@studio.example";
pub const ADA: &str = "ada@example.com";
pub const CALLBACK: &str = "https://app.example.com/callback";
pub const DOCUMENT: &str = "https://app.example.com/client.json";
/// 43 characters, the least.
pub const VERIFIER: &str = "the-verifier-of-the-test-has-43-characters.";
pub const FIRST_WORKSPACE: &str = "01900000-0000-7000-8000-000000000001";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A deployed gateway with sign-in, its providers, and an app of the outside world.
#[derive(Clone)]
pub struct World {
    pub memory: Memory,
    pub providers: Providers,
}

pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub scope: String,
}

impl World {
    pub fn new() -> Self {
        Self::with(1, &[])
    }

    pub fn with(seed: u64, settings: &[(&str, &str)]) -> Self {
        let memory = Memory::with(seed, &all(settings));
        let providers = Providers::serve(&memory);
        memory.serve_url(DOCUMENT, |_| providers::answer(200, &document(DOCUMENT).to_string()));
        Self { memory, providers }
    }

    /// The same world under other settings.
    pub fn redeployed(&self, settings: &[(&str, &str)]) -> Self {
        Self { memory: self.memory.redeployed(&all(settings)), providers: self.providers.clone() }
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.memory, &self.providers)
    }

    /// A browser in which this person is signed in. The owner comes first, so that there is a workspace.
    pub fn signed_in(&self, email: &str) -> Browser {
        if email != OWNER {
            self.signed_in(OWNER);
        }
        let browser = self.browser();
        let page = self.sign_in(&browser, email);
        assert_eq!((page.status(), page.url), (200, format!("{ORIGIN}/account")));
        browser
    }

    /// Where the sign-in of this person leads.
    pub fn sign_in(&self, browser: &Browser, email: &str) -> Page {
        self.providers.become_person(email);
        browser.go("/sign-in/oidc?return=%2Faccount")
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.memory.answer(Ask::post(path, encode_form(fields)).with("content-type", FORM))
    }

    /// The person connects the app: tokens.
    pub fn connect(&self, app: &App, email: &str) -> Tokens {
        let browser = self.signed_in(email);
        tokens(&app.redeem(self, &app.code(&browser)))
    }

    pub fn grant_units(&self, workspace_id: &str, units: f64) {
        let body = json!({ "workspace_id": workspace_id, "creative_units": units });
        assert_eq!(operate(&self.memory, "/api/v1/operator/grants", &body).status, 200);
    }

    pub fn client(&self, token: &str) -> Client {
        Client::holding(&self.memory, token)
    }

    /// HTTP status of a call that only reads, and of one that spends.
    pub fn may(&self, token: &str) -> (u16, u16) {
        let client = self.client(token);
        let reads = self.memory.answer(client.tool("list_models", &json!({}))).status;
        let spends = client.tool(
            "execute_forge",
            &json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64 }),
        );
        (reads, self.memory.answer(spends).status)
    }
}

fn all<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("PUBLIC_URL", ORIGIN), ("OWNER", OWNER), ("SIGN_IN_ALLOW", "example.com")];
    // The first of a name counts.
    [settings, &own, providers::SETTINGS].concat()
}

/// A metadata document as honest apps have it.
pub fn document(client_id: &str) -> Value {
    json!({
        "client_id": client_id, "client_name": "An honest app", "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
    })
}

pub fn challenge(verifier: &str) -> String {
    crypto::base64url(&crypto::sha256(verifier.as_bytes()))
}

pub fn tokens(answer: &Answer) -> Tokens {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Tokens { access: text("access_token"), refresh: text("refresh_token"), scope: text("scope") }
}

/// Status and `error` of an answer that programs read.
pub fn error(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

pub fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

/// An OAuth client.
#[derive(Clone)]
pub struct App {
    pub client_id: String,
    pub redirect_uri: String,
    /// Sent with every request to the token endpoint in place of `client_id` alone.
    pub proof: Vec<(String, String)>,
    pub basic: Option<String>,
}

impl App {
    pub fn new(client_id: &str, redirect_uri: &str) -> Self {
        let (client_id, redirect_uri) = (client_id.to_owned(), redirect_uri.to_owned());
        Self { client_id, redirect_uri, proof: Vec::new(), basic: None }
    }

    /// Known by its metadata document.
    pub fn documented() -> Self {
        Self::new(DOCUMENT, CALLBACK)
    }

    pub fn registered(world: &World, redirect_uri: &str) -> Self {
        let body = json!({ "client_name": "A registered app", "redirect_uris": [redirect_uri] });
        let answer = world.memory.answer(Ask::post("/oauth/register", body));
        assert_eq!(answer.status, 201, "{}", answer.text());
        Self::new(answer.json()["client_id"].as_str().unwrap(), redirect_uri)
    }

    /// A right authorization request; `changes` replace a parameter, or take it away when empty.
    pub fn request(&self, changes: &[(&str, &str)]) -> String {
        let challenge = challenge(VERIFIER);
        let right = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("state", "the state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", "https://gateway.example/mcp"),
        ];
        let kept = right.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let fields: Vec<_> =
            kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect();
        format!("/oauth/authorize?{}", encode_form(&fields))
    }

    /// The consent page, for somebody who is signed in.
    pub fn ask(&self, browser: &Browser, changes: &[(&str, &str)]) -> Form {
        browser.go(&self.request(changes)).form("/oauth/authorize")
    }

    /// The person allows it: a code.
    pub fn code(&self, browser: &Browser) -> String {
        self.code_for(browser, &[])
    }

    pub fn code_for(&self, browser: &Browser, changes: &[(&str, &str)]) -> String {
        let page = browser.submit(&self.ask(browser, changes).with("decision", "approve"));
        assert!(page.url.starts_with(&self.redirect_uri), "{} {}", page.url, page.text());
        page.parameter("code").unwrap()
    }

    fn send(&self, world: &World, path: &str, fields: &[(&str, &str)], changes: &[(&str, &str)]) -> Answer {
        let own = [("client_id", self.client_id.as_str())];
        let proof: Vec<_> = self.proof.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let right = [fields, if self.basic.is_some() { &[] } else { &own }, &proof].concat();
        let kept = right.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let fields: Vec<_> =
            kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect();
        let ask = Ask::post(path, encode_form(&fields)).with("content-type", FORM);
        let ask = match &self.basic {
            Some(pair) => ask.with("authorization", &format!("Basic {pair}")),
            None => ask,
        };
        world.memory.answer(ask)
    }

    pub fn redeem(&self, world: &World, code: &str) -> Answer {
        self.redeem_with(world, code, &[])
    }

    pub fn redeem_with(&self, world: &World, code: &str, changes: &[(&str, &str)]) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
            ("resource", "https://gateway.example/mcp"),
        ];
        self.send(world, "/oauth/token", &fields, changes)
    }

    pub fn refresh(&self, world: &World, token: &str) -> Answer {
        self.refresh_with(world, token, &[])
    }

    pub fn refresh_with(&self, world: &World, token: &str, changes: &[(&str, &str)]) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.send(world, "/oauth/token", &fields, changes)
    }

    pub fn revoke(&self, world: &World, token: &str) -> Answer {
        self.send(world, "/oauth/revoke", &[("token", token)], &[])
    }
}
