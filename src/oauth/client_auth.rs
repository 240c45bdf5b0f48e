//! How a client proves at the token and revocation endpoints that it is who it says (OAuth 2.1 section 2.4): not at
//! all (`none`, with PKCE), by its secret (`client_secret_basic`, `client_secret_post`), or by a signed assertion
//! (`private_key_jwt`, RFC 7523).

use super::client::{self, AuthMethod, Client, ClientFault, Metadata};
use super::clients::{self, Clients};
use super::error::OAuthError;
use super::jwt::{self, Alg, Expect, JwtFault, Keys};
use super::opaque;
use crate::crypto;
use crate::http::{Form, Request, percent_decode};
use crate::origin;
use crate::outbound::{self, Outbound, Reach};
use crate::platform::Platform;
use crate::time::Timestamp;
use serde::Deserialize;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion may not be valid for longer than that: until then its `jti` is remembered.
const MAX_ASSERTION_SECONDS: i64 = 600;
const LEEWAY_SECONDS: i64 = 30;
const MAX_JWKS_BYTES: usize = 64 * 1024;
const MAX_JWKS_MILLIS: u32 = 5000;

#[derive(Deserialize)]
struct Assertion {
    sub: String,
    jti: Option<String>,
    exp: i64,
}

/// Which client the request names, and what it sent to prove that it is it.
pub struct Given {
    pub client_id: String,
    secret: Option<String>,
    assertion: Option<String>,
    is_basic: bool,
}

impl Given {
    /// Nothing that could be checked.
    pub fn is_bare(&self) -> bool {
        self.secret.is_none() && self.assertion.is_none()
    }
}

/// The client, known and, where it must be, proved.
pub async fn authenticate<P: Platform>(
    platform: &P,
    request: &Request,
    given: &Given,
) -> Result<Client, OAuthError> {
    let is_local = origin::is_local(platform.config(), request);
    let client = match client::find(platform, &given.client_id, is_local, true).await {
        Ok(client) => client,
        Err(ClientFault::Unknown(why)) => return Err(OAuthError::invalid_client(why, given.is_basic)),
        Err(ClientFault::Unavailable(reason)) => {
            return Err(OAuthError::fault(platform, "client.unavailable", &reason));
        }
    };
    let refuse = |why: &str| Err(OAuthError::invalid_client(why, given.is_basic));
    match (client.metadata.auth_method, &given.assertion, &given.secret) {
        (AuthMethod::PrivateKeyJwt, Some(assertion), _) => {
            check_assertion(platform, request, &client, assertion, is_local).await?;
        }
        (AuthMethod::PrivateKeyJwt, None, _) if client.must_authenticate() => {
            return refuse("This client must authenticate with private_key_jwt.");
        }
        (AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost, _, secret) => {
            let expected = client.secret_hash.as_deref().unwrap_or_default();
            let hash = secret.as_deref().map(opaque::hash).unwrap_or_default();
            if hash.is_empty() || !crypto::same(hash.as_bytes(), expected.as_bytes()) {
                return refuse("The client secret is missing or wrong.");
            }
        }
        // A public client that sends a secret nobody gave it proves nothing by it, and PKCE protects it.
        (AuthMethod::None | AuthMethod::PrivateKeyJwt, _, _) => {}
    }
    Ok(client)
}

pub fn given(request: &Request, form: &Form) -> Result<Given, OAuthError> {
    let assertion = form.get("client_assertion").map(str::to_owned);
    if assertion.is_some() && form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(OAuthError::invalid_request(format!("client_assertion_type must be {ASSERTION_TYPE}.")));
    }
    let from_assertion = || assertion.as_deref().and_then(jwt::subject_unverified);
    let basic = request.headers.get("authorization").and_then(basic);
    let (client_id, secret, is_basic) = match basic {
        Some((id, secret)) => (Some(id), Some(secret), true),
        None => {
            (form.get("client_id").map(str::to_owned), form.get("client_secret").map(str::to_owned), false)
        }
    };
    let secret = secret.filter(|secret| !secret.is_empty());
    let client_id = client_id.or_else(from_assertion);
    let client_id = client_id.ok_or_else(|| OAuthError::invalid_request("client_id is missing."))?;
    if is_basic && form.get("client_id").is_some_and(|other| other != client_id) {
        return Err(OAuthError::invalid_request(
            "The Authorization header and client_id name different clients.",
        ));
    }
    Ok(Given { client_id, secret, assertion, is_basic })
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    let text = String::from_utf8(crypto::from_base64(value.trim())?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((percent_decode(id), percent_decode(secret)))
}

async fn check_assertion<P: Platform>(
    platform: &P,
    request: &Request,
    client: &Client,
    assertion: &str,
    is_local: bool,
) -> Result<(), OAuthError> {
    let refuse = |why: String| OAuthError::invalid_client(format!("client_assertion: {why}"), false);
    let issuer = origin::public(platform.config(), request);
    let token_endpoint = format!("{issuer}/oauth/token");
    let now = platform.now();
    let keys = keys_of(platform, &client.metadata, is_local).await.map_err(refuse)?;
    // RFC 7523 section 3 wants the token endpoint as audience, its successor the issuer.
    let verified = [issuer, &token_endpoint].map(|audience| {
        let expect = Expect {
            issuer: Some(&client.client_id),
            audience,
            algorithms: &[Alg::Es256, Alg::Rs256],
            typ: None,
            now,
            leeway_seconds: LEEWAY_SECONDS,
        };
        jwt::verify::<Assertion>(assertion, &keys, &expect)
    });
    let [by_issuer, by_endpoint] = verified;
    let claims = match (by_issuer, by_endpoint) {
        (Ok(claims), _) | (Err(JwtFault::Audience), Ok(claims)) => claims,
        (Err(fault), _) => return Err(refuse(fault.to_string())),
    };
    if claims.sub != client.client_id {
        return Err(refuse("sub is not the client_id.".into()));
    }
    let jti = claims.jti.filter(|jti| !jti.is_empty() && jti.len() <= 256);
    let jti = jti.ok_or_else(|| refuse("jti is missing or longer than 256 characters.".into()))?;
    if claims.exp > now.seconds().saturating_add(MAX_ASSERTION_SECONDS) {
        return Err(refuse(format!("it is valid for longer than {MAX_ASSERTION_SECONDS} seconds.")));
    }
    let command = clients::Command::UseAssertion {
        client_id: client.client_id.clone(),
        jti,
        expires_at: Timestamp(claims.exp.saturating_add(LEEWAY_SECONDS).saturating_mul(1000)),
    };
    match platform.ask::<Clients>(&clients::shard(&client.client_id), command).await {
        Ok(clients::Reply::Done) => Ok(()),
        Ok(_) => Err(refuse("it was used before.".into())),
        Err(reason) => Err(OAuthError::fault(platform, "client.unavailable", &reason)),
    }
}

/// The client's public keys. Err: a sentence.
async fn keys_of<P: Platform>(platform: &P, metadata: &Metadata, is_local: bool) -> Result<Keys, String> {
    let text = match (&metadata.jwks, &metadata.jwks_uri) {
        (Some(keys), _) => keys.to_string(),
        (None, Some(uri)) => {
            let reach = if is_local { Reach::Loopback } else { Reach::Public };
            outbound::check(uri, reach).map_err(|why| format!("jwks_uri is not fetched: {why}"))?;
            let request = Outbound::get(uri.as_str())
                .with("accept", "application/json")
                .limit(MAX_JWKS_BYTES, MAX_JWKS_MILLIS);
            match platform.fetch(request).await {
                Ok(answer) if answer.status == 200 => answer.body,
                Ok(answer) => return Err(format!("jwks_uri answers with HTTP {}.", answer.status)),
                Err(fault) => return Err(format!("jwks_uri: {fault}.")),
            }
        }
        (None, None) => return Err("the client has no keys.".into()),
    };
    Keys::from_jwks(&text).map_err(|_| "its keys are not a JWK set.".to_owned())
}
