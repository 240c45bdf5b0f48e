//! The browser session of a signed-in person: a signed cookie, and the proof that a form came from our own page.
//! Signing out everywhere ends it: the person's `Account` object counts epochs, and a cookie of an earlier one is
//! worth nothing.

use super::Identity;
use crate::config::Config;
use crate::crypto;
use crate::http::{Form, Request};
use crate::id::PersonId;
use crate::oauth::account::{self, Account};
use crate::origin;
use crate::platform::{Platform, Unavailable};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A week: connecting a client again then takes a sign-in, which the provider usually gives without asking.
const VALID_SECONDS: i64 = 7 * 24 * 3600;
const NAME: &str = "atelier-session";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub person: PersonId,
    pub email: String,
    pub epoch: i64,
    /// Of this sign-in; forms are bound to it.
    pub id: String,
    expires_at: Timestamp,
}

impl Session {
    /// Goes into every form; another session's, or another site's, is refused.
    pub fn csrf<P: Platform>(&self, platform: &P) -> String {
        crypto::base64url(&platform.config().signer("csrf").tag(self.id.as_bytes()))
    }

    /// Whether a form came from a page made for this session.
    pub fn allows<P: Platform>(&self, platform: &P, form: &Form) -> bool {
        let given = form.get("csrf").and_then(crypto::from_base64url).unwrap_or_default();
        platform.config().signer("csrf").verify(self.id.as_bytes(), &given)
    }
}

/// The `Set-Cookie` value of a new session.
pub fn open<P: Platform>(platform: &P, request: &Request, identity: &Identity, epoch: i64) -> String {
    let session = Session {
        person: PersonId::of(&identity.email),
        email: identity.email.clone(),
        epoch,
        id: crypto::base64url(&platform.random::<16>()),
        expires_at: platform.now().plus_seconds(VALID_SECONDS),
    };
    let text = serde_json::to_string(&session).unwrap_or_default();
    cookie(
        platform.config(),
        request,
        NAME,
        &platform.config().signer("browser session").seal(&text),
        VALID_SECONDS,
    )
}

/// The `Set-Cookie` value that ends it in this browser.
pub fn close(config: &Config, request: &Request) -> String {
    cookie(config, request, NAME, "", 0)
}

/// Who is signed in with this browser.
pub async fn current<P: Platform>(platform: &P, request: &Request) -> Result<Option<Session>, Unavailable> {
    let Some(session) = claimed(platform, request) else { return Ok(None) };
    match platform.ask::<Account>(session.person.as_str(), account::Command::Profile).await? {
        account::Reply::Profile(profile) if profile.epoch == session.epoch => Ok(Some(session)),
        _ => Ok(None),
    }
}

/// Who the cookie says is signed in. The `Account` has not been asked whether the session was ended: whoever goes on
/// with this lets the next command carry its [`Session::epoch`].
pub fn claimed<P: Platform>(platform: &P, request: &Request) -> Option<Session> {
    let sealed = request.cookie(&cookie_name(platform.config(), request, NAME))?;
    let session: Session =
        serde_json::from_str(&platform.config().signer("browser session").open(sealed)?).ok()?;
    (session.expires_at > platform.now()).then_some(session)
}

/// `__Host-` keeps a cookie to this host and to https (RFC 6265bis section 4.1.3.2); browsers give it to nobody on
/// plain http, which only a gateway on loopback speaks.
pub fn cookie_name(config: &Config, request: &Request, name: &str) -> String {
    if is_https(config, request) { format!("__Host-{name}") } else { name.to_owned() }
}

/// As the browser sees it: behind a proxy the request itself may have come over plain http.
fn is_https(config: &Config, request: &Request) -> bool {
    origin::public(config, request).starts_with("https://")
}

/// Lax, because people come here from other sites: a client's page, their provider.
pub fn cookie(config: &Config, request: &Request, name: &str, value: &str, seconds: i64) -> String {
    let secure = if is_https(config, request) { "; Secure" } else { "" };
    format!(
        "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(config, request, name)
    )
}
