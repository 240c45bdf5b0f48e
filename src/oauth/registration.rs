//! `POST /oauth/register`: dynamic client registration (RFC 7591). A public client that registers the same metadata
//! again gets the same `client_id`: hosted clients register on every connection. One that wants a secret gets an id
//! and a secret of its own each time.
//! Not for: RFC 7592 (management); a registration has nothing to manage and expires when unused.

use super::client::{self, AuthMethod, Metadata, REGISTERED_PREFIX};
use super::clients::{self, Clients};
use super::error::OAuthError;
use super::{discovery, opaque};
use crate::crypto;
use crate::http::{Payload, Request, Response};
use crate::platform::{Budget, Level, Platform};
use serde_json::{Map, Value, json};

/// Bytes of a registration: the richest client seen sends 3 KB.
const MAX_BODY_BYTES: usize = 8 * 1024;
/// Fields of the request that are answered as they came, because clients compare.
const ECHOED: &[&str] = &[
    "application_type",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "scope",
    "software_id",
    "software_version",
];

pub async fn register<P: Platform>(platform: &P, request: &Request) -> Response<P::Stream> {
    let response = match answer(platform, request).await {
        Ok(body) => Response::json(201, body.to_string()).with("cache-control", "no-store"),
        Err(error) => error.response(),
    };
    discovery::share(response)
}

async fn answer<P: Platform>(platform: &P, request: &Request) -> Result<Value, OAuthError> {
    if !platform.within_budget(Budget::Register, request.address()).await {
        return Err(OAuthError::too_many(60));
    }
    let Payload::Text(text) = &request.payload else { return Err(too_large()) };
    if text.len() > MAX_BODY_BYTES {
        return Err(too_large());
    }
    let value: Value = serde_json::from_str(text).map_err(|fault| {
        OAuthError::new("invalid_client_metadata", format!("The body cannot be read as JSON: {fault}."))
    })?;
    let metadata =
        client::parse(&value, "An unnamed app").map_err(|(error, why)| OAuthError::new(error, why))?;
    let (client_id, secret) = identify(platform, &metadata);
    let command = clients::Command::Register {
        client_id: client_id.clone(),
        metadata: Box::new(metadata.clone()),
        secret_hash: secret.as_deref().map(opaque::hash),
    };
    platform
        .ask::<Clients>(&clients::shard(&client_id), command)
        .await
        .map_err(|reason| OAuthError::fault(platform, "registration.unavailable", &reason))?;
    platform.log(
        Level::Info,
        "client.registered",
        json!({ "client_id": client_id, "name": metadata.client_name }),
    );
    Ok(Value::Object(registered(platform, &value, &client_id, &metadata, secret)))
}

fn too_large() -> OAuthError {
    let why = format!("The body is larger than {MAX_BODY_BYTES} bytes.");
    OAuthError::new("invalid_client_metadata", why).status(413)
}

/// The id follows from the metadata for whoever has no secret to keep.
fn identify<P: Platform>(platform: &P, metadata: &Metadata) -> (String, Option<String>) {
    let id = |digest: [u8; 32]| {
        format!("{REGISTERED_PREFIX}{}", crypto::base64url(digest.get(..16).unwrap_or_default()))
    };
    if metadata.auth_method.has_secret() {
        let secret = crypto::base64url(&platform.random::<32>());
        return (id(crypto::sha256(&platform.random::<32>())), Some(secret));
    }
    let text = serde_json::to_string(metadata).unwrap_or_default();
    (id(crypto::sha256(text.as_bytes())), None)
}

fn registered<P: Platform>(
    platform: &P,
    given: &Value,
    client_id: &str,
    metadata: &Metadata,
    secret: Option<String>,
) -> Map<String, Value> {
    let mut answer = Map::new();
    for name in ECHOED {
        given
            .get(name)
            .filter(|value| !value.is_null())
            .map(|value| answer.insert((*name).into(), value.clone()));
    }
    answer.insert("client_id".into(), client_id.into());
    answer.insert("client_id_issued_at".into(), platform.now().seconds().into());
    answer.insert("client_name".into(), metadata.client_name.as_str().into());
    answer.insert("redirect_uris".into(), json!(metadata.redirect_uris));
    answer.insert("grant_types".into(), json!(["authorization_code", "refresh_token"]));
    answer.insert("response_types".into(), json!(["code"]));
    answer.insert("token_endpoint_auth_method".into(), metadata.auth_method.as_str().into());
    if let Some(secret) = secret {
        answer.insert("client_secret".into(), secret.into());
        // RFC 7591 section 3.2.1: 0 for one that does not expire.
        answer.insert("client_secret_expires_at".into(), 0.into());
    }
    if metadata.auth_method == AuthMethod::PrivateKeyJwt {
        metadata.jwks.clone().map(|keys| answer.insert("jwks".into(), keys));
        metadata.jwks_uri.clone().map(|uri| answer.insert("jwks_uri".into(), uri.into()));
    }
    answer
}
