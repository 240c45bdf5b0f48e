//! One attempt to sign in, from the click to the provider's answer. It is bound to the browser that began it: the
//! `state` that travels through the provider holds the hash of a cookie only that browser has, so that nobody can
//! finish an attempt somebody else began (RFC 9700 section 4.7). Nothing is stored.

use super::SignInFault;
use super::session::{cookie, cookie_name};
use crate::config::Config;
use crate::crypto;
use crate::http::Request;
use crate::platform::Platform;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Long enough to find a password and a second factor.
const VALID_SECONDS: i64 = 900;
const NAME: &str = "atelier-sign-in";

#[derive(Serialize, Deserialize)]
struct State {
    provider: String,
    return_to: String,
    browser: String,
    expires_at: Timestamp,
}

pub struct Attempt {
    pub return_to: String,
    pub state: String,
    /// OpenID Connect Core section 3.1.2.1.
    pub nonce: String,
    /// RFC 7636 section 4.1: 43 characters.
    pub code_verifier: String,
    /// The `Set-Cookie` value.
    pub cookie: String,
}

impl Attempt {
    /// RFC 7636 section 4.2, S256.
    pub fn code_challenge(&self) -> String {
        crypto::base64url(&crypto::sha256(self.code_verifier.as_bytes()))
    }
}

pub fn begin<P: Platform>(platform: &P, request: &Request, provider: &str, return_to: String) -> Attempt {
    // Two tabs of one browser may both be signing in.
    let kept = request
        .cookie(&cookie_name(platform.config(), request, NAME))
        .filter(|value| value.len() == 43)
        .map(str::to_owned);
    let browser = kept.unwrap_or_else(|| crypto::base64url(&platform.random::<32>()));
    let state = State {
        provider: provider.to_owned(),
        return_to,
        browser: hash(&browser),
        expires_at: platform.now().plus_seconds(VALID_SECONDS),
    };
    let text = serde_json::to_string(&state).unwrap_or_default();
    let sealed = platform.config().signer("sign-in state").seal(&text);
    made(platform, request, state.return_to, sealed, &browser)
}

/// What [`begin`] made, when the provider's answer comes back to the same browser in time.
pub fn resume<P: Platform>(platform: &P, request: &Request, provider: &str) -> Result<Attempt, SignInFault> {
    const AGAIN: &str = "Go back to the app you came from and connect again, or sign in from the start page.";
    let fault = |what: &str| SignInFault::new(what, AGAIN);
    let sealed = request.parameter("state").unwrap_or_default();
    let opened = platform.config().signer("sign-in state").open(&sealed);
    let state: State = opened.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(|| {
        fault("The answer of the sign-in provider does not belong to a sign-in that began here.")
    })?;
    if state.provider != provider {
        return Err(fault("The answer came from another sign-in provider than the one that was asked."));
    }
    if state.expires_at <= platform.now() {
        return Err(fault("The sign-in took longer than 15 minutes."));
    }
    let browser =
        request.cookie(&cookie_name(platform.config(), request, NAME)).unwrap_or_default().to_owned();
    if !crypto::same(hash(&browser).as_bytes(), state.browser.as_bytes()) {
        return Err(fault("This sign-in began in another browser, or this browser does not keep cookies."));
    }
    Ok(made(platform, request, state.return_to, sealed, &browser))
}

fn made<P: Platform>(
    platform: &P,
    request: &Request,
    return_to: String,
    state: String,
    browser: &str,
) -> Attempt {
    // Follow from the cookie under our key: neither the browser nor the provider can choose them. Bound to the attempt
    // too, so that no two share them.
    let secret = |label: &str| {
        crypto::base64url(&platform.config().signer(label).full_tag(format!("{browser} {state}").as_bytes()))
    };
    Attempt {
        return_to,
        nonce: secret("sign-in nonce"),
        code_verifier: secret("sign-in code verifier"),
        cookie: cookie(platform.config(), request, NAME, browser, VALID_SECONDS),
        state,
    }
}

/// The `Set-Cookie` value that ends the attempt.
pub fn forget(config: &Config, request: &Request) -> String {
    cookie(config, request, NAME, "", 0)
}

fn hash(browser: &str) -> String {
    crypto::hex(&crypto::sha256(browser.as_bytes()))
}
