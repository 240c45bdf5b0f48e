//! OAuth clients (RFC 7591 section 2): who may ask for a person's consent, and how each proves who it is.
//! A client is known because the operator wrote it down, because its id is the address of its own metadata document
//! (`metadata_document`), or because it registered here (`registration`).

use super::clients::{self, Clients};
use super::metadata_document;
use super::redirect::{self, MAX_URI_CHARS};
use crate::config::ConfiguredClient;
use crate::platform::{Platform, Unavailable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Of one client. VS Code registers six.
const MAX_REDIRECT_URIS: usize = 20;
/// Characters of a name that a person has to read.
const MAX_NAME_CHARS: usize = 100;
/// Bytes of keys in a client's metadata.
const MAX_JWKS_BYTES: usize = 6 * 1024;
pub const REGISTERED_PREFIX: &str = "atl_client_";

/// `token_endpoint_auth_method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl AuthMethod {
    pub const ALL: &'static [AuthMethod] =
        &[Self::None, Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.as_str() == text)
    }

    pub fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// The part of a client's metadata that decides anything here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub client_name: String,
    pub redirect_uris: Vec<String>,
    pub auth_method: AuthMethod,
    /// A client that has a key may still come without it (OpenID Connect RP Metadata Choices).
    #[serde(default)]
    pub may_omit_key: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    pub client_id: String,
    pub metadata: Metadata,
    /// SHA-256 of its secret, hexadecimal.
    pub secret_hash: Option<String>,
    /// The domain that vouches for it: that of its metadata document.
    pub host: Option<String>,
    /// Its registration has to be told that a person has consented to it.
    pub wants_keeping: bool,
}

impl Client {
    /// Whether its tokens are given only to whoever proves to be this client.
    pub fn must_authenticate(&self) -> bool {
        match self.metadata.auth_method {
            AuthMethod::None => false,
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => true,
            AuthMethod::PrivateKeyJwt => !self.metadata.may_omit_key,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum ClientFault {
    /// There is no such client, or its document says otherwise: a sentence.
    Unknown(String),
    Unavailable(Unavailable),
}

impl From<Unavailable> for ClientFault {
    fn from(reason: Unavailable) -> Self {
        ClientFault::Unavailable(reason)
    }
}

/// `may_be_stale`: a metadata document that cannot be fetched just now may be an older copy, so that nobody is
/// signed out because a client's site is down.
pub async fn find<P: Platform>(
    platform: &P,
    client_id: &str,
    is_local: bool,
    may_be_stale: bool,
) -> Result<Client, ClientFault> {
    if let Some(known) = platform.config().clients.iter().find(|known| known.client_id == client_id) {
        return Ok(configured(known));
    }
    if client_id.starts_with("https://") || client_id.starts_with("http://") {
        return metadata_document::find(platform, client_id, is_local, may_be_stale).await;
    }
    let unknown =
        "No client with this client_id is registered here. Register again, or add the connector anew.";
    if !client_id.starts_with(REGISTERED_PREFIX) || client_id.len() > MAX_NAME_CHARS {
        return Err(ClientFault::Unknown(unknown.into()));
    }
    let command = clients::Command::Find { client_id: client_id.to_owned() };
    match platform.ask::<Clients>(&clients::shard(client_id), command).await? {
        clients::Reply::Found { metadata, secret_hash, is_kept } => Ok(Client {
            client_id: client_id.to_owned(),
            metadata: *metadata,
            secret_hash,
            host: None,
            wants_keeping: !is_kept,
        }),
        _ => Err(ClientFault::Unknown(unknown.into())),
    }
}

fn configured(known: &ConfiguredClient) -> Client {
    let secret_hash = known.client_secret.as_ref().map(|secret| super::opaque::hash(secret.reveal()));
    let auth_method = if secret_hash.is_some() { AuthMethod::ClientSecretBasic } else { AuthMethod::None };
    Client {
        client_id: known.client_id.clone(),
        metadata: Metadata {
            client_name: known.client_name.clone(),
            redirect_uris: known.redirect_uris.clone(),
            auth_method,
            may_omit_key: false,
            jwks: None,
            jwks_uri: None,
        },
        secret_hash,
        host: None,
        wants_keeping: false,
    }
}

/// A person has consented to a registered client, or it has been used: its registration is kept on.
pub async fn keep<P: Platform>(platform: &P, client_id: &str) {
    if client_id.starts_with(REGISTERED_PREFIX) {
        let command = clients::Command::Keep { client_id: client_id.to_owned() };
        // Without it the registration ends a little sooner.
        let _ = platform.ask::<Clients>(&clients::shard(client_id), command).await;
    }
}

/// Client metadata as JSON, from a registration or a document. Err: `error` of RFC 7591 section 3.2.2 and a sentence.
/// An odd redirect URI beside good ones is no reason to refuse: it is never used.
pub fn parse(value: &Value, fallback_name: &str) -> Result<Metadata, (&'static str, String)> {
    let invalid = |why: String| ("invalid_client_metadata", why);
    let invalid_uri = |why: &str| ("invalid_redirect_uri", why.to_owned());
    let fields = value.as_object().ok_or_else(|| invalid("The metadata must be a JSON object.".into()))?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let uris = fields
        .get("redirect_uris")
        .and_then(Value::as_array)
        .ok_or_else(|| invalid_uri("redirect_uris must be a list with at least one URI."))?;
    if uris.len() > MAX_REDIRECT_URIS {
        return Err(invalid_uri("redirect_uris has more than 20 entries."));
    }
    let redirect_uris: Vec<String> = uris
        .iter()
        .filter_map(Value::as_str)
        .filter(|uri| uri.len() <= MAX_URI_CHARS)
        .map(str::to_owned)
        .collect();
    if !redirect_uris.iter().any(|uri| redirect::kind(uri).is_some()) {
        return Err(invalid_uri(
            "None of the redirect_uris can be used. Register one that begins with https://, or http://127.0.0.1 or http://localhost for an app on the person's computer.",
        ));
    }
    let auth_method = match text("token_endpoint_auth_method") {
        // RFC 7591 section 2 says client_secret_basic, but clients that say nothing here come without a secret.
        None => AuthMethod::None,
        Some(name) => AuthMethod::parse(name)
            .ok_or_else(|| invalid(format!("token_endpoint_auth_method {name} is not supported.")))?,
    };
    let supported = fields.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
    let jwks = fields.get("jwks").filter(|keys| keys.is_object()).cloned();
    if jwks.as_ref().is_some_and(|keys| keys.to_string().len() > MAX_JWKS_BYTES) {
        return Err(invalid("jwks is larger than 6 KiB.".into()));
    }
    let jwks_uri = text("jwks_uri").map(str::to_owned);
    if auth_method == AuthMethod::PrivateKeyJwt && jwks.is_none() && jwks_uri.is_none() {
        return Err(invalid("private_key_jwt needs jwks or jwks_uri.".into()));
    }
    let grant_types = fields.get("grant_types").and_then(Value::as_array);
    if grant_types.is_some_and(|types| !types.iter().any(|name| name == "authorization_code")) {
        return Err(invalid("grant_types must include authorization_code.".into()));
    }
    let name: String = text("client_name")
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    Ok(Metadata {
        client_name: if name.trim().is_empty() { fallback_name.to_owned() } else { name.trim().to_owned() },
        redirect_uris,
        auth_method,
        may_omit_key: supported.is_some_and(|methods| methods.iter().any(|name| name == "none")),
        jwks,
        jwks_uri,
    })
}
