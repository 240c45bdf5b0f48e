//! Sign-in through the operator's OpenID Connect provider: any that has discovery. Authorization code flow with PKCE
//! and nonce; the ID token's signature, issuer, audience, times and nonce are checked.
//! Spec: OpenID Connect Core section 3.1, Discovery section 4, RFC 9207.

use super::attempt::Attempt;
use super::{Identity, SignInFault};
use crate::config::Oidc;
use crate::crypto;
use crate::http::{FORM_TYPE, Request, encode_form, percent_encode};
use crate::oauth::jwt::{self, Alg, Expect, JwtFault, Keys};
use crate::origin;
use crate::outbound::{self, Outbound, Reach};
use crate::platform::{Level, Platform};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long the provider's documents are believed: keys change rarely, and an unknown key is looked up at once.
const CACHE_SECONDS: u32 = 3600;
const LEEWAY_SECONDS: i64 = 60;
const NEXT: &str = "Try again. If it stays so, tell whoever runs this gateway.";

/// The part of the provider's configuration that is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct IdToken {
    sub: String,
    nonce: Option<String>,
    azp: Option<String>,
    #[serde(flatten)]
    person: Person,
}

#[derive(Default, Deserialize)]
struct Person {
    email: Option<String>,
    email_verified: Option<Value>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

pub async fn start<P: Platform>(
    platform: &P,
    request: &Request,
    oidc: &Oidc,
    callback: &str,
    attempt: &Attempt,
) -> Result<String, SignInFault> {
    let provider = discover(platform, request, oidc).await?;
    let query = encode_form(&[
        ("response_type", "code"),
        ("client_id", &oidc.client.client_id),
        ("redirect_uri", callback),
        ("scope", "openid email profile"),
        ("state", &attempt.state),
        ("nonce", &attempt.nonce),
        ("code_challenge", &attempt.code_challenge()),
        ("code_challenge_method", "S256"),
    ]);
    let separator = if provider.authorization_endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{}{separator}{query}", provider.authorization_endpoint))
}

pub async fn finish<P: Platform>(
    platform: &P,
    request: &Request,
    oidc: &Oidc,
    callback: &str,
    attempt: &Attempt,
) -> Result<Identity, SignInFault> {
    let provider = discover(platform, request, oidc).await?;
    let iss = request.parameter("iss");
    let is_required = provider.authorization_response_iss_parameter_supported;
    if iss.as_deref().map_or(is_required, |iss| iss != provider.issuer) {
        return Err(SignInFault::new("The answer names another provider than the one that was asked.", NEXT));
    }
    let code =
        request.parameter("code").ok_or_else(|| SignInFault::new("The provider sent no code.", NEXT))?;
    let tokens = exchange(platform, oidc, &provider, callback, &code, attempt).await?;
    let id_token = tokens.id_token.ok_or_else(|| SignInFault::new("The provider sent no ID token.", NEXT))?;
    let claims = verified(platform, oidc, &provider, &id_token).await?;
    if claims.nonce.as_deref().is_none_or(|nonce| !crypto::same(nonce.as_bytes(), attempt.nonce.as_bytes())) {
        return Err(SignInFault::new("The ID token was made for another sign-in.", NEXT));
    }
    if claims.azp.is_some_and(|azp| azp != oidc.client.client_id) {
        return Err(SignInFault::new("The ID token was made for another application.", NEXT));
    }
    let person = match (&claims.person.email, &provider.userinfo_endpoint, tokens.access_token) {
        (None, Some(endpoint), Some(token)) => userinfo(platform, endpoint, &token, &claims.sub).await?,
        _ => claims.person,
    };
    identity(oidc, person)
}

/// Whether the provider answers as it should; Err says what is wrong.
pub async fn probe<P: Platform>(platform: &P, request: &Request, oidc: &Oidc) -> Result<(), String> {
    discover(platform, request, oidc).await.map(|_| ()).map_err(|fault| fault.what)
}

fn identity(oidc: &Oidc, person: Person) -> Result<Identity, SignInFault> {
    let email = person.email.unwrap_or_default().trim().to_lowercase();
    if !super::arrive::is_address(&email) {
        let what = "The provider did not tell your address.";
        return Err(SignInFault::new(
            what,
            "Allow it to share the address, or ask its administrator for the `email` claim.",
        ));
    }
    // Some providers send the word instead of the value.
    let is_verified =
        person.email_verified.is_some_and(|value| value == json!(true) || value == json!("true"));
    if !is_verified && !oidc.trusts_email {
        return Err(SignInFault::new(
            format!("The provider does not say that {email} is verified."),
            "Verify the address there. If the provider vouches for every address without saying so, whoever runs this gateway can set OIDC_TRUST_EMAIL.",
        ));
    }
    Ok(Identity { email, name: person.name })
}

async fn discover<P: Platform>(
    platform: &P,
    request: &Request,
    oidc: &Oidc,
) -> Result<Provider, SignInFault> {
    let key = format!("oidc-provider/{}", crypto::hex(&crypto::sha256(oidc.issuer.as_bytes())));
    let kept = platform.recall(&key).await.ok().flatten();
    if let Some(provider) = kept.and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(provider);
    }
    let url = format!("{}/.well-known/openid-configuration", oidc.issuer.trim_end_matches('/'));
    let text = get(platform, &url, None).await?;
    let provider: Provider = serde_json::from_str(&text)
        .map_err(|fault| unusable(platform, &format!("its configuration cannot be read: {fault}")))?;
    if provider.issuer != oidc.issuer {
        let why = format!("it calls itself {}, but OIDC_ISSUER is {}", provider.issuer, oidc.issuer);
        return Err(unusable(platform, &why));
    }
    let is_local = origin::is_local(platform.config(), request);
    let reach = if is_local { Reach::Loopback } else { Reach::Public };
    let endpoints = [&provider.authorization_endpoint, &provider.token_endpoint, &provider.jwks_uri];
    for endpoint in endpoints.into_iter().chain(&provider.userinfo_endpoint) {
        outbound::check(endpoint, reach).map_err(|why| unusable(platform, &format!("{endpoint}: {why}")))?;
    }
    // Asked again at the next sign-in if it cannot be kept.
    let _ =
        platform.remember(&key, &serde_json::to_string(&provider).unwrap_or_default(), CACHE_SECONDS).await;
    Ok(provider)
}

async fn exchange<P: Platform>(
    platform: &P,
    oidc: &Oidc,
    provider: &Provider,
    callback: &str,
    code: &str,
    attempt: &Attempt,
) -> Result<Tokens, SignInFault> {
    let (id, secret) = (oidc.client.client_id.as_str(), oidc.client.client_secret.reveal());
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", callback),
        ("code_verifier", &attempt.code_verifier),
    ];
    let methods = &provider.token_endpoint_auth_methods_supported;
    // client_secret_basic is what a provider takes that lists nothing (Discovery section 3).
    let by_post = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
    if by_post {
        fields.extend([("client_id", id), ("client_secret", secret)]);
    }
    let mut request = Outbound::post(provider.token_endpoint.as_str(), encode_form(&fields))
        .with("content-type", FORM_TYPE)
        .with("accept", "application/json");
    if !by_post {
        let pair = format!("{}:{}", percent_encode(id), percent_encode(secret));
        request = request.with("authorization", format!("Basic {}", crypto::base64(pair.as_bytes())));
    }
    let answer = platform.fetch(request).await.map_err(|fault| unusable(platform, &fault.to_string()))?;
    if answer.status != 200 {
        // Only the two fields of RFC 6749 section 5.2: the rest of the body could repeat what was sent.
        let told = serde_json::from_str::<Refused>(&answer.body).unwrap_or_default();
        let (error, description) = (told.error, told.error_description);
        let why = format!("its token endpoint answers HTTP {}: {error} {description}", answer.status);
        return Err(unusable(platform, &why));
    }
    serde_json::from_str(&answer.body)
        .map_err(|_| unusable(platform, "its token endpoint does not answer with JSON"))
}

/// A key the provider has just begun to use is not among the kept ones: looked up once.
async fn verified<P: Platform>(
    platform: &P,
    oidc: &Oidc,
    provider: &Provider,
    id_token: &str,
) -> Result<IdToken, SignInFault> {
    let expect = Expect {
        issuer: Some(&provider.issuer),
        audience: &oidc.client.client_id,
        algorithms: &[Alg::Rs256, Alg::Es256],
        typ: None,
        now: platform.now(),
        leeway_seconds: LEEWAY_SECONDS,
    };
    let key = format!("oidc-keys/{}", crypto::hex(&crypto::sha256(provider.jwks_uri.as_bytes())));
    let kept = platform.recall(&key).await.ok().flatten().and_then(|text| Keys::from_jwks(&text).ok());
    let mut outcome = match kept {
        Some(keys) => jwt::verify(id_token, &keys, &expect),
        None => Err(JwtFault::UnknownKey),
    };
    if matches!(outcome, Err(JwtFault::UnknownKey)) {
        let text = get(platform, &provider.jwks_uri, None).await?;
        let keys = Keys::from_jwks(&text).map_err(|_| unusable(platform, "its keys are not a JWK set"))?;
        let _ = platform.remember(&key, &text, CACHE_SECONDS).await;
        outcome = jwt::verify(id_token, &keys, &expect);
    }
    outcome.map_err(|fault| unusable(platform, &format!("its ID token is not valid: {fault}")))
}

/// OpenID Connect Core section 5.3: for providers that keep the address out of the ID token.
async fn userinfo<P: Platform>(
    platform: &P,
    endpoint: &str,
    access_token: &str,
    sub: &str,
) -> Result<Person, SignInFault> {
    let text = get(platform, endpoint, Some(access_token)).await?;
    let value: Value =
        serde_json::from_str(&text).map_err(|_| unusable(platform, "its userinfo is not JSON"))?;
    if value.get("sub").and_then(Value::as_str) != Some(sub) {
        return Err(unusable(platform, "its userinfo is about somebody else"));
    }
    serde_json::from_value(value).map_err(|_| unusable(platform, "its userinfo cannot be read"))
}

async fn get<P: Platform>(platform: &P, url: &str, bearer: Option<&str>) -> Result<String, SignInFault> {
    let mut request = Outbound::get(url).with("accept", "application/json");
    if let Some(token) = bearer {
        request = request.with("authorization", format!("Bearer {token}"));
    }
    match platform.fetch(request).await {
        Ok(answer) if answer.status == 200 => Ok(answer.body),
        Ok(answer) => Err(unusable(platform, &format!("{url} answers HTTP {}", answer.status))),
        Err(fault) => Err(unusable(platform, &format!("{url}: {fault}"))),
    }
}

/// The provider's fault or the operator's: the log has it in full, the person learns what to do.
fn unusable<P: Platform>(platform: &P, why: &str) -> SignInFault {
    platform.log(Level::Error, "sign_in.provider_failed", json!({ "reason": why }));
    SignInFault::new("The sign-in provider did not answer as it should.", NEXT)
}
