//! Sign-in with GitHub, which speaks OAuth 2.0 but not OpenID Connect: the person is the account's primary address,
//! which GitHub has verified.
//! Docs: docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and REST `GET /user/emails`.

use super::attempt::Attempt;
use super::{Identity, SignInFault};
use crate::config::Registered;
use crate::http::{FORM_TYPE, Request, encode_form};
use crate::outbound::Outbound;
use crate::platform::{Level, Platform};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

const AUTHORIZE: &str = "https://github.com/login/oauth/authorize";
const TOKEN: &str = "https://github.com/login/oauth/access_token";
const EMAILS: &str = "https://api.github.com/user/emails";
const USER: &str = "https://api.github.com/user";
/// GitHub refuses requests without one.
const USER_AGENT: &str = "atelier-gateway";
const NEXT: &str = "Try again. If it stays so, tell whoever runs this gateway.";

#[derive(Deserialize)]
struct Token {
    access_token: Option<String>,
    /// GitHub answers 200 to errors.
    error: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct User {
    name: Option<String>,
}

pub fn start(github: &Registered, callback: &str, attempt: &Attempt) -> String {
    let query = encode_form(&[
        ("client_id", &github.client_id),
        ("redirect_uri", callback),
        ("scope", "user:email"),
        ("state", &attempt.state),
        ("code_challenge", &attempt.code_challenge()),
        ("code_challenge_method", "S256"),
        ("allow_signup", "false"),
    ]);
    format!("{AUTHORIZE}?{query}")
}

pub async fn finish<P: Platform>(
    platform: &P,
    request: &Request,
    github: &Registered,
    callback: &str,
    attempt: &Attempt,
) -> Result<Identity, SignInFault> {
    let code = request.parameter("code").ok_or_else(|| SignInFault::new("GitHub sent no code.", NEXT))?;
    let body = encode_form(&[
        ("client_id", &github.client_id),
        ("client_secret", github.client_secret.reveal()),
        ("code", &code),
        ("redirect_uri", callback),
        ("code_verifier", &attempt.code_verifier),
    ]);
    let token: Token = send(platform, Outbound::post(TOKEN, body).with("content-type", FORM_TYPE)).await?;
    let Some(access_token) = token.access_token else {
        return Err(failed(platform, &token.error.unwrap_or_else(|| "no access token".into())));
    };
    let asked = |url: &str| Outbound::get(url).with("authorization", format!("Bearer {access_token}"));
    let emails: Vec<Email> = send(platform, asked(EMAILS)).await?;
    let primary = emails.into_iter().find(|email| email.primary && email.verified).ok_or_else(|| {
        SignInFault::new(
            "Your GitHub account has no verified primary address.",
            "Verify it in GitHub's settings, then try again.",
        )
    })?;
    // The name is for greeting only.
    let user = send::<P, User>(platform, asked(USER)).await.ok();
    Ok(Identity { email: primary.email.trim().to_lowercase(), name: user.and_then(|user| user.name) })
}

async fn send<P: Platform, T: DeserializeOwned>(platform: &P, request: Outbound) -> Result<T, SignInFault> {
    let request = request.with("accept", "application/json").with("user-agent", USER_AGENT);
    let url = request.url.clone();
    match platform.fetch(request).await {
        Ok(answer) if answer.status == 200 => {
            serde_json::from_str(&answer.body).map_err(|fault| failed(platform, &format!("{url}: {fault}")))
        }
        Ok(answer) => Err(failed(platform, &format!("{url} answers HTTP {}", answer.status))),
        Err(fault) => Err(failed(platform, &format!("{url}: {fault}"))),
    }
}

fn failed<P: Platform>(platform: &P, why: &str) -> SignInFault {
    platform.log(Level::Error, "sign_in.provider_failed", json!({ "provider": "github", "reason": why }));
    SignInFault::new("GitHub did not answer as it should.", NEXT)
}
