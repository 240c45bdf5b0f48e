//! `Mcp-Session-Id`: a signed statement of what was agreed at `initialize` (revision, client capabilities,
//! owner), so that an ordinary call needs no look-up, a session survives a deploy, and somebody else's or a
//! made-up id is refused without storage.
//! Not for: what a session keeps (`crate::session::Session`), which exists only once it has something to keep.

use super::ClientCapabilities;
use super::era::Era;
use crate::crypto::{self, Signer};
use crate::oauth::Caller;
use crate::platform::{Platform, Unavailable};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Clients that are still there after that start a new session by themselves (404).
pub const VALID_SECONDS: i64 = 24 * 3600;
/// How long an isolate believes that a session has not been ended elsewhere: the staleness of key-value storage.
const BELIEVE_SECONDS: i64 = 60;
/// Sessions an isolate remembers to be open; about 100 bytes each.
const MAX_BELIEVED: usize = 4096;

#[derive(Clone, Debug, PartialEq)]
pub struct SessionId {
    /// Names the `Session` object.
    pub name: String,
    pub era: Era,
    pub client: ClientCapabilities,
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    i: String,
    v: String,
    o: String,
    x: i64,
    c: u8,
}

thread_local! {
    static BELIEVED_OPEN: RefCell<BTreeMap<String, Timestamp>> = const { RefCell::new(BTreeMap::new()) };
}

/// The header value for a new session of this caller.
pub fn mint<P: Platform>(platform: &P, caller: &Caller, era: Era, client: ClientCapabilities) -> String {
    let name = crypto::base64url(&platform.random::<16>());
    let bits = u8::from(client.elicitation) | u8::from(client.sampling) << 1 | u8::from(client.roots) << 2;
    let expires = platform.now().plus_seconds(VALID_SECONDS);
    let payload = Payload {
        i: name,
        v: era.as_str().into(),
        o: caller.person.to_string(),
        x: expires.seconds(),
        c: bits,
    };
    signer(platform).seal(&serde_json::to_string(&payload).unwrap_or_default())
}

/// None for an id that is forged, expired or another person's: all three answer 404, and the client starts anew.
pub fn open<P: Platform>(platform: &P, caller: &Caller, header: &str) -> Option<SessionId> {
    let payload: Payload = serde_json::from_str(&signer(platform).open(header)?).ok()?;
    let expires_at = Timestamp(payload.x.saturating_mul(1000));
    let valid = expires_at > platform.now() && payload.o == caller.person.as_str();
    valid.then_some(())?;
    let has = |bit: u8| payload.c & (1 << bit) != 0;
    Some(SessionId {
        name: payload.i,
        era: Era::legacy(&payload.v)?,
        client: ClientCapabilities { elicitation: has(0), sampling: has(1), roots: has(2), tasks: false },
        expires_at,
    })
}

/// Whether the client has ended it. Asks key-value storage once a minute for each session and isolate.
pub async fn has_ended<P: Platform>(platform: &P, session: &SessionId) -> Result<bool, Unavailable> {
    let now = platform.now();
    if BELIEVED_OPEN.with_borrow(|open| open.get(&session.name).is_some_and(|until| *until > now)) {
        return Ok(false);
    }
    if platform.recall(&mark(session)).await?.is_some() {
        return Ok(true);
    }
    BELIEVED_OPEN.with_borrow_mut(|open| {
        open.retain(|_, until| *until > now);
        if open.len() >= MAX_BELIEVED {
            open.pop_first();
        }
        open.insert(session.name.clone(), now.plus_seconds(BELIEVE_SECONDS));
    });
    Ok(false)
}

/// Marks it ended for every isolate; this one knows at once.
pub async fn mark_ended<P: Platform>(platform: &P, session: &SessionId) -> Result<(), Unavailable> {
    BELIEVED_OPEN.with_borrow_mut(|open| open.remove(&session.name));
    let left = session.expires_at.millis_since(platform.now()) / 1000;
    // The platform takes no shorter time to live than a minute.
    let ttl = u32::try_from(left.max(60)).unwrap_or(60);
    platform.remember(&mark(session), "1", ttl).await
}

fn mark(session: &SessionId) -> String {
    format!("session-ended/{}", session.name)
}

fn signer<P: Platform>(platform: &P) -> Signer {
    platform.config().signer("session")
}
