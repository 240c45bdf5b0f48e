//! Two sign-in providers out there: an OpenID Connect provider at `id.example.com`, and GitHub. Both hold us to the
//! protocol as the real ones do; a test can make the first lie.
//! Not for: what the gateway makes of their answers.

use super::browser::parameter;
use super::memory::Memory;
use atelier::crypto;
use atelier::http::{Form, Headers, encode_form};
use atelier::oauth::jwt::{self, SigningKey};
use atelier::outbound::{FetchFault, Inbound, Outbound};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;

pub const ISSUER: &str = "https://id.example.com";
const CLIENT_ID: &str = "atelier-at-id";
const CLIENT_SECRET: &str = "the-secret-of-atelier-at-id";
const KEY: (&str, u8) = ("op-1", 7);

/// Sign-in by both, as an operator sets it.
pub const SETTINGS: &[(&str, &str)] = &[
    ("OIDC_ISSUER", ISSUER),
    ("OIDC_CLIENT_ID", CLIENT_ID),
    ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
    ("GITHUB_CLIENT_ID", "atelier-at-github"),
    ("GITHUB_CLIENT_SECRET", "the-secret-of-atelier-at-github"),
];

/// Who is signed in there, and what the OpenID provider says of them.
#[derive(Clone)]
pub struct Says {
    pub email: String,
    pub email_verified: Value,
    pub name: Option<String>,
    /// Claims that take the place of the right ones.
    pub claims: Value,
    /// `iss` of the answer that goes through the browser (RFC 9207).
    pub iss: Option<String>,
    /// The answer is this error.
    pub error: Option<String>,
    /// Name and seed of the key that signs; published is [`KEY`].
    pub key: (&'static str, u8),
}

#[derive(Clone)]
pub struct Providers(Rc<RefCell<Says>>);

impl Providers {
    /// Puts both on the internet of this world.
    pub fn serve(memory: &Memory) -> Self {
        let says = Says {
            email: "nobody@example.com".into(),
            email_verified: json!(true),
            name: Some("Somebody".into()),
            claims: json!({}),
            iss: Some(ISSUER.into()),
            error: None,
            key: KEY,
        };
        let providers = Self(Rc::new(RefCell::new(says)));
        memory.serve_url(&format!("{ISSUER}/.well-known/openid-configuration"), |_| {
            answer(200, &discovery().to_string())
        });
        memory.serve_url(&format!("{ISSUER}/jwks"), |_| published(&[KEY]));
        let own = providers.clone();
        memory.serve_url(&format!("{ISSUER}/token"), move |request| own.token(request));
        memory.serve_url("https://github.com/login/oauth/access_token", github_token);
        let own = providers.clone();
        memory.serve_url("https://api.github.com/user/emails", move |request| own.github_emails(request));
        memory.serve_url("https://api.github.com/user", |_| answer(200, r#"{"name":"Octo"}"#));
        providers
    }

    pub fn say(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.0.borrow_mut());
    }

    /// The person at the keyboard is signed in at both as this.
    pub fn become_person(&self, email: &str) {
        self.say(|says| email.clone_into(&mut says.email));
    }

    /// Where a browser is sent back to that comes to one of the authorization endpoints; None: it is neither.
    pub fn visit(&self, url: &str) -> Option<String> {
        let is_oidc = url.starts_with(&format!("{ISSUER}/authorize?"));
        if !is_oidc && !url.starts_with("https://github.com/login/oauth/authorize?") {
            return None;
        }
        let asked = |name: &str| parameter(url, name).unwrap_or_else(|| panic!("no {name} in {url}"));
        assert_eq!(asked("code_challenge_method"), "S256");
        let says = self.0.borrow();
        let code = json!({
            "challenge": asked("code_challenge"), "redirect_uri": asked("redirect_uri"), "email": says.email,
            "nonce": parameter(url, "nonce"),
        });
        let code = crypto::base64url(code.to_string().as_bytes());
        let state = asked("state");
        let mut fields = match &says.error {
            Some(error) => vec![("error", error.as_str()), ("state", state.as_str())],
            None => vec![("code", code.as_str()), ("state", state.as_str())],
        };
        if let Some(iss) = says.iss.as_deref().filter(|_| is_oidc) {
            fields.push(("iss", iss));
        }
        Some(format!("{}?{}", asked("redirect_uri"), encode_form(&fields)))
    }

    fn token(&self, request: &Outbound) -> Result<Inbound, FetchFault> {
        let pair = format!("{CLIENT_ID}:{CLIENT_SECRET}");
        let basic = format!("Basic {}", crypto::base64(pair.as_bytes()));
        assert!(request.headers.contains(&("authorization", basic)), "{request:?}");
        let Some(code) = redeemed(request) else { return answer(400, r#"{"error":"invalid_grant"}"#) };
        let says = self.0.borrow();
        let mut claims = json!({
            "iss": ISSUER, "aud": CLIENT_ID, "sub": code["email"], "nonce": code["nonce"], "email": code["email"],
            "email_verified": says.email_verified, "name": says.name, "iat": 1_795_246_000, "exp": 2_795_246_000_u32,
        });
        for (name, value) in says.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let (kid, seed) = says.key;
        let id_token = jwt::sign(&SigningKey::from_seed(&[seed; 32]), kid, "JWT", &claims).unwrap();
        answer(
            200,
            &json!({ "id_token": id_token, "access_token": "at", "token_type": "Bearer" }).to_string(),
        )
    }

    fn github_emails(&self, request: &Outbound) -> Result<Inbound, FetchFault> {
        assert!(request.headers.contains(&("authorization", "Bearer gho_x".into())), "{request:?}");
        let emails = json!([
            { "email": "old@elsewhere.example", "primary": false, "verified": true },
            { "email": self.0.borrow().email, "primary": true, "verified": self.0.borrow().email_verified },
        ]);
        answer(200, &emails.to_string())
    }
}

/// A JWK Set of these keys.
pub fn published(keys: &[(&str, u8)]) -> Result<Inbound, FetchFault> {
    let keys: Vec<_> =
        keys.iter().map(|(kid, seed)| SigningKey::from_seed(&[*seed; 32]).public_jwk(kid)).collect();
    answer(200, &json!({ "keys": keys }).to_string())
}

fn discovery() -> Value {
    json!({
        "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/jwks"),
        "authorization_response_iss_parameter_supported": true,
    })
}

/// What the code was made for, if verifier and redirect URI are those it was asked with.
fn redeemed(request: &Outbound) -> Option<Value> {
    let form = Form::parse(request.body.as_ref()?.as_text()?);
    let code: Value = serde_json::from_slice(&crypto::from_base64url(form.get("code")?)?).ok()?;
    let challenge = crypto::base64url(&crypto::sha256(form.get("code_verifier")?.as_bytes()));
    (code["challenge"] == challenge && code["redirect_uri"] == form.get("redirect_uri")?).then_some(code)
}

fn github_token(request: &Outbound) -> Result<Inbound, FetchFault> {
    let form = Form::parse(request.body.as_ref().unwrap().as_text().unwrap());
    assert_eq!(form.get("client_secret"), Some("the-secret-of-atelier-at-github"));
    match redeemed(request) {
        Some(_) => answer(200, r#"{"access_token":"gho_x"}"#),
        None => answer(200, r#"{"error":"bad_verification_code"}"#),
    }
}

/// What a server says in JSON.
pub fn answer(status: u16, body: &str) -> Result<Inbound, FetchFault> {
    let headers = Headers::from_lines("content-type: application/json".into());
    Ok(Inbound { status, headers, body: body.to_owned() })
}
