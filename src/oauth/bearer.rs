//! `Authorization: Bearer …` (RFC 6750) to a [`Caller`], or the challenge that tells a client how to get one.
//! The only maker of a `Caller`.
//! Not for: scopes of single tools (`tools`) or membership of workspaces (`workspace`).

use super::account::{self, Account, Grant};
use super::pat::{self, Claimed};
use super::scope::{Scope, Scopes};
use crate::crypto::{self, Signer};
use crate::http::{Request, Response};
use crate::id::{PersonId, TokenId, WorkspaceId};
use crate::platform::{Platform, Unavailable};
use crate::time::Timestamp;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Somebody whose token has been verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub person: PersonId,
    pub token_id: TokenId,
    pub scopes: Scopes,
    /// The one workspace this token is for; None when it may name any the person belongs to.
    pub workspace: Option<WorkspaceId>,
    hash: String,
}

/// How long a verified token may read without asking its `Account` again: the bound on how long a revoked
/// one still reads. Whatever spends calls [`confirm`] and notices at once.
pub const CACHE_SECONDS: i64 = 60;
/// Callers kept per isolate, about 300 bytes each. Only verified tokens get in, so this bounds memory, not abuse.
const CACHE_ENTRIES: usize = 2048;
/// `atl_pat_` tokens are 86 characters; anything much longer is not ours and is not hashed.
const MAX_TOKEN_CHARS: usize = 512;

struct Cached {
    caller: Rc<Caller>,
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
    if token.len() > MAX_TOKEN_CHARS || !token.starts_with(pat::PREFIX) {
        return Err(Denied::Invalid(
            "This is not a token of this gateway; personal access tokens start with atl_pat_.",
        ));
    }
    let now = platform.now();
    if let Some(caller) = cached(token, now) {
        return Ok(caller);
    }
    let claimed = pat::parse(&signer(platform), token)
        .ok_or(Denied::Invalid("The token is mistyped, cut short or from another gateway."))?;
    let grant = verify(platform, &claimed.person, &claimed.token_id, &claimed.hash).await?;
    Ok(remember(token, now, claimed, grant))
}

/// Asks the `Account` again, past the cache: for everything that spends, publishes or uploads.
pub async fn confirm<P: Platform>(platform: &P, caller: &Caller) -> Result<(), Denied> {
    let outcome = verify(platform, &caller.person, &caller.token_id, &caller.hash).await;
    if outcome.is_err() {
        CACHE.with_borrow_mut(|cache| cache.retain(|_, kept| kept.caller.token_id != caller.token_id));
    }
    outcome.map(|_| ())
}

pub fn signer<P: Platform>(platform: &P) -> Signer {
    Signer::derive(platform.config().gateway_secret.reveal().as_bytes(), "personal access token")
}

async fn verify<P: Platform>(
    platform: &P,
    person: &PersonId,
    token_id: &TokenId,
    hash: &str,
) -> Result<Grant, Denied> {
    let command = account::Command::Verify { token_id: token_id.clone(), hash: hash.to_owned() };
    match platform.ask::<Account>(person.as_str(), command).await? {
        account::Reply::Valid(grant) => Ok(grant),
        account::Reply::Expired => Err(Denied::Invalid("The token has expired. Ask for a new one.")),
        account::Reply::Revoked => Err(Denied::Invalid("The token was revoked. Ask for a new one.")),
        _ => Err(Denied::Invalid("The token is not known here. Ask for a new one.")),
    }
}

fn cached(token: &str, now: Timestamp) -> Option<Rc<Caller>> {
    let key = crypto::sha256(token.as_bytes());
    CACHE.with_borrow(|cache| {
        cache.get(&key).filter(|kept| kept.fresh_until > now).map(|kept| kept.caller.clone())
    })
}

fn remember(token: &str, now: Timestamp, claimed: Claimed, grant: Grant) -> Rc<Caller> {
    let caller = Rc::new(Caller {
        person: claimed.person,
        token_id: claimed.token_id,
        scopes: grant.scopes,
        workspace: grant.workspace_id,
        hash: claimed.hash,
    });
    let full = now.plus_seconds(CACHE_SECONDS);
    let fresh_until = grant.expires_at.map_or(full, |at| at.min(full));
    CACHE.with_borrow_mut(|cache| {
        cache.retain(|_, kept| kept.fresh_until > now);
        if cache.len() >= CACHE_ENTRIES {
            cache.pop_first();
        }
        cache.insert(crypto::sha256(token.as_bytes()), Cached { caller: caller.clone(), fresh_until });
    });
    caller
}

/// 401 with the challenge of RFC 6750 section 3 and RFC 9728 section 5.1; `origin` is the public one.
pub fn unauthorized<S>(denied: &Denied, origin: &str, body: String) -> Response<S> {
    let error = match denied {
        Denied::Invalid(why) => format!(", error=\"invalid_token\", error_description=\"{why}\""),
        _ => String::new(),
    };
    let challenge =
        format!("Bearer resource_metadata=\"{}\", scope=\"{}\"{error}", metadata_url(origin), Scopes::all());
    Response::json(401, body).with("www-authenticate", challenge).with("cache-control", "no-store")
}

/// 403 that starts a step-up: every scope the operation needs and every one the token already has, in one
/// challenge, because older clients ask for exactly what the challenge lists.
pub fn insufficient_scope<S>(caller: &Caller, needed: &[Scope], origin: &str, body: String) -> Response<S> {
    let wanted: Scopes =
        Scope::ALL.iter().copied().filter(|s| caller.scopes.has(*s) || needed.contains(s)).collect();
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", scope=\"{wanted}\", resource_metadata=\"{}\", error_description=\"The token lacks {}.\"",
        metadata_url(origin),
        needed
            .iter()
            .filter(|s| !caller.scopes.has(**s))
            .map(|s| s.as_str())
            .collect::<Vec<_>>()
            .join(" and "),
    );
    Response::json(403, body).with("www-authenticate", challenge).with("cache-control", "no-store")
}

fn metadata_url(origin: &str) -> String {
    format!("{origin}/.well-known/oauth-protected-resource/mcp")
}
