//! Cursors of paginated lists: opaque, signed, bound to one list and one caller, valid for a day.

use crate::crypto::Signer;
use crate::error::Refusal;
use crate::platform::Platform;
use serde::{Deserialize, Serialize};

pub const DEFAULT_LIMIT: u32 = 20;
pub const MAX_LIMIT: u32 = 100;
/// Long enough for any one conversation, short enough that a stored cursor does not outlive a deploy by much.
const VALID_SECONDS: i64 = 24 * 3600;

#[derive(Serialize, Deserialize)]
struct Payload {
    /// List and caller, so that a cursor of one list or person is refused by another.
    of: String,
    /// The last item of the page before.
    after: String,
    expires: i64,
}

/// `of` names the list and whoever reads it.
pub fn cursor<P: Platform>(platform: &P, of: &str, after: &str) -> String {
    let expires = platform.now().seconds().saturating_add(VALID_SECONDS);
    let payload = Payload { of: of.to_owned(), after: after.to_owned(), expires };
    signer(platform).seal(&serde_json::to_string(&payload).unwrap_or_default())
}

/// Where the page after this cursor begins.
pub fn open<P: Platform>(platform: &P, of: &str, cursor: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(cursor) = cursor else { return Ok(None) };
    let refuse = |why: &str| {
        Refusal::invalid(format!("`cursor` {why}.")).next("Leave cursor out to start from the first page.")
    };
    let payload = signer(platform).open(cursor).and_then(|text| serde_json::from_str::<Payload>(&text).ok());
    match payload {
        Some(payload) if payload.expires < platform.now().seconds() => Err(refuse("has expired")),
        Some(payload) if payload.of != of => Err(refuse("belongs to another list")),
        Some(payload) => Ok(Some(payload.after)),
        None => Err(refuse("is not one that this gateway gave out")),
    }
}

pub fn limit(asked: Option<i64>) -> Result<u32, Refusal> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(asked) => {
            u32::try_from(asked).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
                Refusal::invalid(format!(
                    "`limit` must be a whole number from 1 to {MAX_LIMIT}, not {asked}."
                ))
            })
        }
    }
}

fn signer<P: Platform>(platform: &P) -> Signer {
    platform.config().signer("cursor")
}
