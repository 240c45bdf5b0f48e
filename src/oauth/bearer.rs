//! `Authorization: Bearer …` (RFC 6750) to a [`Caller`], or the challenge that tells a client how to get one.
//! The only maker of a `Caller`.
//! Not for: scopes of single tools (`tools`) or membership of workspaces (`workspace`).
//!
//! An access token is checked by its signature alone while it is younger than [`BELIEVE_SECONDS`]; after that, and for
//! personal access tokens always, the person's `Account` object is asked once in that time and isolate, so that a
//! revoked token stops reading within it.

use super::access;
use super::account::{self, Account, Grant};
use super::discovery;
use super::jwt::JwtFault;
use super::opaque::{self, Kind};
use super::scope::{Scope, Scopes};
use crate::crypto;
use crate::http::{Request, Response};
use crate::id::{GrantId, PersonId, TokenId, WorkspaceId};
use crate::origin;
use crate::platform::{Platform, Unavailable};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Somebody whose token has been verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub person: PersonId,
    pub scopes: Scopes,
    /// The one workspace this token is for; None when it may name any the person belongs to.
    pub workspace: Option<WorkspaceId>,
    credential: Credential,
}

impl Caller {
    /// The id of the personal access token or of the authorization: names who spent, is no secret.
    pub fn token_id(&self) -> &str {
        match &self.credential {
            Credential::Personal { token_id, .. } => token_id.as_str(),
            Credential::Granted(grant_id) => grant_id.as_str(),
        }
    }

    /// For what goes on after the request: [`is_live`] tells whether it still may.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// By a personal access token, not by an authorization.
    pub fn is_personal(&self) -> bool {
        matches!(self.credential, Credential::Personal { .. })
    }
}

/// What the `Account` object is asked about. Names the token, and is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Credential {
    Personal { token_id: TokenId, hash: String },
    Granted(GrantId),
}

/// How long a verified token may read without its `Account` being asked again: the bound on how long a revoked
/// one still reads. Whatever spends calls [`confirm`] and notices at once.
pub const BELIEVE_SECONDS: i64 = 60;
/// Callers kept per isolate, about 300 bytes each. Only verified tokens get in, so this bounds memory, not abuse.
const CACHE_ENTRIES: usize = 2048;
/// An access token with every scope has about 1,100 characters; anything much longer is not ours and is not hashed.
const MAX_TOKEN_CHARS: usize = 4096;

struct Cached {
    caller: Rc<Caller>,
    /// Under which origin it was verified: one isolate may serve several.
    issuer: String,
    fresh_until: Timestamp,
}

thread_local! {
    // Plain data only: an isolate shares it among all its requests.
    static CACHE: RefCell<BTreeMap<[u8; 32], Cached>> = const { RefCell::new(BTreeMap::new()) };
}

/// Why there is no caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Denied {
    /// No credentials at all: the challenge carries no `error` (RFC 6750 section 3.1).
    Missing,
    /// A token, but not a valid one; the text is for a person.
    Invalid(&'static str),
    Unavailable(Unavailable),
}

impl From<Unavailable> for Denied {
    fn from(reason: Unavailable) -> Self {
        Denied::Unavailable(reason)
    }
}

pub async fn authenticate<P: Platform>(platform: &P, request: &Request) -> Result<Rc<Caller>, Denied> {
    let header = request.headers.get("authorization").ok_or(Denied::Missing)?;
    let (scheme, token) = header
        .split_once(' ')
        .ok_or(Denied::Invalid("The Authorization header must read `Bearer <token>`."))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::Invalid("The Authorization header must use the Bearer scheme."));
    }
    let token = token.trim();
    let is_personal = token.starts_with(Kind::PersonalAccessToken.prefix());
    let is_access = token.starts_with(access::PREFIX);
    if token.len() > MAX_TOKEN_CHARS || !(is_personal || is_access) {
        return Err(Denied::Invalid(
            "This is not a token of this gateway; access tokens start with atl_oat_, personal access tokens with atl_pat_.",
        ));
    }
    let issuer = origin::public(platform.config(), request);
    let key = crypto::sha256(token.as_bytes());
    let now = platform.now();
    if let Some(caller) = cached(&key, issuer, now) {
        return Ok(caller);
    }
    let (caller, fresh_until) =
        if is_access { granted(platform, issuer, token).await? } else { personal(platform, token).await? };
    Ok(remember(key, issuer, now, caller, fresh_until))
}

async fn personal<P: Platform>(platform: &P, token: &str) -> Result<(Caller, Timestamp), Denied> {
    let mistyped = Denied::Invalid("The token is mistyped, cut short or from another gateway.");
    let claimed =
        opaque::parse(platform.config(), Kind::PersonalAccessToken, token).ok_or(mistyped.clone())?;
    let token_id = TokenId::parse(&claimed.id).ok_or(mistyped)?;
    let credential = Credential::Personal { token_id, hash: opaque::hash(token) };
    let grant = ask(platform, &claimed.person, &credential).await?;
    let full = platform.now().plus_seconds(BELIEVE_SECONDS);
    let fresh_until = grant.expires_at.map_or(full, |at| at.min(full));
    let Grant { scopes, workspace_id: workspace, .. } = grant;
    Ok((Caller { person: claimed.person, scopes, workspace, credential }, fresh_until))
}

async fn granted<P: Platform>(
    platform: &P,
    issuer: &str,
    token: &str,
) -> Result<(Caller, Timestamp), Denied> {
    let claims = access::verify(platform, issuer, &discovery::resource(issuer), token).map_err(|fault| {
        Denied::Invalid(match fault {
            JwtFault::Expired => "The access token has expired. Refresh it.",
            JwtFault::Audience | JwtFault::Issuer => {
                "The access token was made for another address of this gateway, or for another server."
            }
            JwtFault::UnknownKey | JwtFault::Signature => {
                "The access token is mistyped, cut short or from another gateway."
            }
            _ => "The access token cannot be read.",
        })
    })?;
    let person = PersonId::parse(&claims.sub).ok_or(Denied::Invalid("The access token cannot be read."))?;
    let credential = Credential::Granted(claims.gid);
    let now = platform.now();
    let issued = Timestamp(claims.iat.saturating_mul(1000));
    let mut believed_until = issued.plus_seconds(BELIEVE_SECONDS);
    // A token so young cannot have been revoked for longer than any isolate may not know it.
    if believed_until <= now {
        ask(platform, &person, &credential).await?;
        believed_until = now.plus_seconds(BELIEVE_SECONDS);
    }
    let expires_at = Timestamp(claims.exp.saturating_mul(1000));
    // Whatever stands in it, an app never has what only a person may do.
    let scopes = Scopes::known(&claims.scope).and(Scopes::for_apps());
    Ok((Caller { person, scopes, workspace: Some(claims.wid), credential }, believed_until.min(expires_at)))
}

/// Asks the `Account` again, past the cache: for everything that spends, publishes or uploads.
pub async fn confirm<P: Platform>(platform: &P, caller: &Caller) -> Result<Grant, Denied> {
    let outcome = ask(platform, &caller.person, &caller.credential).await;
    if outcome.is_err() {
        CACHE.with_borrow_mut(|cache| cache.retain(|_, kept| kept.caller.credential != caller.credential));
    }
    outcome
}

/// Whether the token or authorization by which something was begun is still good.
pub async fn is_live<P: Platform>(
    platform: &P,
    person: &PersonId,
    credential: &Credential,
) -> Result<bool, Unavailable> {
    match ask(platform, person, credential).await {
        Ok(_) => Ok(true),
        Err(Denied::Unavailable(reason)) => Err(reason),
        Err(_) => Ok(false),
    }
}

async fn ask<P: Platform>(platform: &P, person: &PersonId, credential: &Credential) -> Result<Grant, Denied> {
    let command = match credential {
        Credential::Personal { token_id, hash } => {
            account::Command::Verify { token_id: token_id.clone(), hash: hash.clone() }
        }
        Credential::Granted(grant_id) => account::Command::VerifyGrant { grant_id: grant_id.clone() },
    };
    match platform.ask::<Account>(person.as_str(), command).await? {
        account::Reply::Valid(grant) => Ok(grant),
        account::Reply::Expired => Err(Denied::Invalid("The token has expired. Ask for a new one.")),
        account::Reply::Revoked => Err(Denied::Invalid("The token was revoked. Ask for a new one.")),
        _ => Err(Denied::Invalid("The token is not known here. Ask for a new one.")),
    }
}

fn cached(key: &[u8; 32], issuer: &str, now: Timestamp) -> Option<Rc<Caller>> {
    CACHE.with_borrow(|cache| {
        cache
            .get(key)
            .filter(|kept| kept.fresh_until > now && kept.issuer == issuer)
            .map(|kept| kept.caller.clone())
    })
}

fn remember(
    key: [u8; 32],
    issuer: &str,
    now: Timestamp,
    caller: Caller,
    fresh_until: Timestamp,
) -> Rc<Caller> {
    let caller = Rc::new(caller);
    CACHE.with_borrow_mut(|cache| {
        cache.retain(|_, kept| kept.fresh_until > now);
        if cache.len() >= CACHE_ENTRIES {
            cache.pop_first();
        }
        cache.insert(key, Cached { caller: caller.clone(), issuer: issuer.to_owned(), fresh_until });
    });
    caller
}

/// 401 with the challenge of RFC 6750 section 3 and RFC 9728 section 5.1; `query` is what the connector URL narrows by.
pub fn unauthorized<S>(denied: &Denied, origin: &str, query: &str, body: String) -> Response<S> {
    let error = match denied {
        Denied::Invalid(why) => format!(", error=\"invalid_token\", error_description=\"{why}\""),
        _ => String::new(),
    };
    let url = discovery::metadata_url(origin, query);
    let challenge = format!("Bearer resource_metadata=\"{url}\", scope=\"{}\"{error}", Scopes::for_apps());
    Response::json(401, body).with("www-authenticate", challenge).with("cache-control", "no-store")
}

/// The challenge of a step-up (RFC 6750 section 3.1): every scope the operation needs and every one the token already
/// has, at once, because older clients ask for exactly what the challenge lists.
pub fn step_up(caller: &Caller, needed: &[Scope], origin: &str, query: &str) -> String {
    let wanted: Scopes =
        Scopes::for_apps().iter().filter(|s| caller.scopes.has(*s) || needed.contains(s)).collect();
    let lacking: Vec<_> = needed.iter().filter(|s| !caller.scopes.has(**s)).map(|s| s.as_str()).collect();
    format!(
        "Bearer error=\"insufficient_scope\", scope=\"{wanted}\", resource_metadata=\"{}\", error_description=\"The token lacks {}.\"",
        discovery::metadata_url(origin, query),
        lacking.join(" and "),
    )
}

/// 403 that starts a step-up.
pub fn insufficient_scope<S>(challenge: String, body: String) -> Response<S> {
    Response::json(403, body).with("www-authenticate", challenge).with("cache-control", "no-store")
}
