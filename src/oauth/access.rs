//! Access tokens: `atl_oat_` and a JWT (RFC 9068) signed with the gateway's own keys, so that checking one asks
//! nobody. The claims say whose authorization it is; whatever spends asks whether that authorization still lives.
//! Not for: refresh tokens and codes (`opaque`, `account::grants`).

use super::jwt::{self, Alg, Expect};
use super::keys;
use super::scope::Scopes;
use crate::crypto;
use crate::id::{GrantId, PersonId, WorkspaceId};
use crate::platform::Platform;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub const PREFIX: &str = "atl_oat_";
/// RFC 9068 section 2.1.
const TYPE: &str = "at+jwt";
/// A client whose clock is behind refreshes in time; one whose clients vanish holds no key for longer.
pub const LIFETIME_SECONDS: i64 = 3600;
/// Between two locations of the platform.
const LEEWAY_SECONDS: i64 = 5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub client_id: String,
    pub scope: String,
    pub iat: i64,
    pub exp: i64,
    pub jti: String,
    /// The authorization it comes from.
    pub gid: GrantId,
    /// The workspace the person chose for it.
    pub wid: WorkspaceId,
}

/// What a token is made for.
pub struct Subject<'a> {
    pub person: &'a PersonId,
    pub client_id: &'a str,
    pub grant_id: &'a GrantId,
    pub workspace_id: &'a WorkspaceId,
    pub scopes: Scopes,
    /// The audience.
    pub resource: &'a str,
}

pub fn mint<P: Platform>(platform: &P, issuer: &str, subject: &Subject<'_>) -> Result<String, jwt::JwtFault> {
    let now = platform.now().seconds();
    let claims = Claims {
        iss: issuer.to_owned(),
        aud: subject.resource.to_owned(),
        sub: subject.person.to_string(),
        client_id: subject.client_id.to_owned(),
        scope: subject.scopes.to_string(),
        iat: now,
        exp: now.saturating_add(LIFETIME_SECONDS),
        jti: crypto::base64url(&platform.random::<12>()),
        gid: subject.grant_id.clone(),
        wid: subject.workspace_id.clone(),
    };
    let (kid, key) = keys::current(platform);
    Ok(format!("{PREFIX}{}", jwt::sign(&key, &kid, TYPE, &claims)?))
}

/// The claims of a token of ours for this resource that has not expired.
pub fn verify<P: Platform>(
    platform: &P,
    issuer: &str,
    resource: &str,
    token: &str,
) -> Result<Claims, jwt::JwtFault> {
    read(platform, issuer, resource, token, platform.now())
}

/// The same, but one that has expired passes too: to revoke what it came from.
pub fn read_expired<P: Platform>(
    platform: &P,
    issuer: &str,
    resource: &str,
    token: &str,
) -> Result<Claims, jwt::JwtFault> {
    read(platform, issuer, resource, token, platform.now().plus_seconds(-LIFETIME_SECONDS))
        .or_else(|_| read(platform, issuer, resource, token, platform.now()))
}

fn read<P: Platform>(
    platform: &P,
    issuer: &str,
    resource: &str,
    token: &str,
    now: Timestamp,
) -> Result<Claims, jwt::JwtFault> {
    let jwt = token.strip_prefix(PREFIX).ok_or(jwt::JwtFault::Malformed)?;
    let expect = Expect {
        issuer: Some(issuer),
        audience: resource,
        algorithms: &[Alg::Es256],
        typ: Some(TYPE),
        now,
        leeway_seconds: LEEWAY_SECONDS,
    };
    jwt::verify(jwt, &keys::verifying(platform), &expect)
}
