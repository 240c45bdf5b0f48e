//! Client-id metadata documents: a client whose id is the address of a JSON document that describes it. The domain it
//! lies on vouches for the client, which is more than any registration can say.
//! Spec: draft-ietf-oauth-client-id-metadata-document; MCP 2026-07-28 basic/authorization/client-registration.
//! The document is fetched only from public hosts (`outbound`), never through a redirect, bounded in size and time.

use super::client::{self, Client, ClientFault, Metadata};
use crate::crypto;
use crate::origin;
use crate::outbound::{self, FetchFault, Inbound, Outbound, Reach};
use crate::platform::{Level, Platform, Unavailable};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Claude's and ChatGPT's have under 2 KB; the draft advises 5.
const MAX_BYTES: usize = 16 * 1024;
/// Clients wait at most ten seconds for an answer of ours.
const MAX_MILLIS: u32 = 5000;
/// How long a copy counts as fresh when the answer does not say; also the longest it may say (one day).
const FRESH_SECONDS: i64 = 3600;
const MAX_FRESH_SECONDS: i64 = 24 * 3600;
/// A changed document takes effect at the latest after a minute, however short its own time is.
const MIN_FRESH_SECONDS: i64 = 60;
/// How long an old copy still lets connected clients refresh while the document cannot be had.
const STALE_SECONDS: u32 = 30 * 24 * 3600;

#[derive(Serialize, Deserialize)]
struct Kept {
    metadata: Metadata,
    fresh_until: Timestamp,
}

pub async fn find<P: Platform>(
    platform: &P,
    client_id: &str,
    is_local: bool,
    may_be_stale: bool,
) -> Result<Client, ClientFault> {
    let reach = if is_local { Reach::Loopback } else { Reach::Public };
    check_id(client_id, reach).map_err(|why| ClientFault::Unknown(format!("client_id: {why}")))?;
    let key = format!("client-metadata/{}", crypto::hex(&crypto::sha256(client_id.as_bytes())));
    // What cannot be recalled is fetched.
    let kept =
        platform.recall(&key).await.ok().flatten().and_then(|text| serde_json::from_str::<Kept>(&text).ok());
    let now = platform.now();
    if let Some(kept) = kept.as_ref().filter(|kept| kept.fresh_until > now) {
        return Ok(client(client_id, kept.metadata.clone()));
    }
    let fetched = fetch(platform, client_id).await;
    match (fetched, kept) {
        (Ok((metadata, seconds)), _) => {
            let kept = Kept { metadata: metadata.clone(), fresh_until: now.plus_seconds(seconds) };
            let text = serde_json::to_string(&kept).unwrap_or_default();
            // The next request fetches again if this fails.
            let _ = platform.remember(&key, &text, STALE_SECONDS).await;
            Ok(client(client_id, metadata))
        }
        (Err(_), Some(kept)) if may_be_stale => Ok(client(client_id, kept.metadata)),
        (Err(Refused { why, is_passing }), _) => {
            platform.log(
                Level::Warn,
                "client.metadata_refused",
                json!({ "client_id": client_id, "reason": why }),
            );
            let why = format!("The client's metadata document {why}");
            // A client that is told it is unknown throws its tokens away.
            Err(if is_passing && may_be_stale {
                ClientFault::Unavailable(Unavailable(why))
            } else {
                ClientFault::Unknown(why)
            })
        }
    }
}

fn client(client_id: &str, metadata: Metadata) -> Client {
    let host = origin::hostname(client_id).to_ascii_lowercase();
    Client {
        client_id: client_id.to_owned(),
        metadata,
        secret_hash: None,
        host: Some(host),
        wants_keeping: false,
    }
}

/// The draft's section 3: https, a path, no dot segments, no fragment, no credentials.
fn check_id(client_id: &str, reach: Reach) -> Result<(), &'static str> {
    outbound::check(client_id, reach)?;
    let authority = origin::host(client_id);
    let after = client_id.split_once(authority).map(|(_, rest)| rest).unwrap_or_default();
    if client_id.contains('#') {
        return Err("it has a fragment.");
    }
    let path = after.split('?').next().unwrap_or_default();
    if path.len() < 2 {
        return Err("a metadata document needs a path.");
    }
    if path.split('/').any(|segment| matches!(segment, "." | ".."))
        || path.to_ascii_lowercase().contains("%2e")
    {
        return Err("it has dot segments.");
    }
    Ok(())
}

/// Why a document makes no client now.
struct Refused {
    /// The end of a sentence.
    why: String,
    /// It may be another time.
    is_passing: bool,
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self { why, is_passing: false }
    }
}

/// The metadata and for how many seconds it is fresh.
async fn fetch<P: Platform>(platform: &P, client_id: &str) -> Result<(Metadata, i64), Refused> {
    let request = Outbound::get(client_id).with("accept", "application/json").limit(MAX_BYTES, MAX_MILLIS);
    let answer = platform.fetch(request).await.map_err(|fault| match fault {
        FetchFault::TooLarge => format!("is larger than {MAX_BYTES} bytes.").into(),
        FetchFault::TimedOut => Refused { why: "did not arrive in time.".into(), is_passing: true },
        FetchFault::Refused(why) => format!("is not fetched: {why}").into(),
        FetchFault::Unreachable(_) => Refused { why: "cannot be reached.".into(), is_passing: true },
    })?;
    match answer.status {
        200 => {}
        300..=399 => return Err("redirects elsewhere, which is not followed.".to_owned().into()),
        status => {
            return Err(Refused { why: format!("answers with HTTP {status}."), is_passing: status >= 500 });
        }
    }
    let seconds = fresh_seconds(&answer);
    let value: Value = serde_json::from_str(&answer.body).map_err(|_| "is not JSON.".to_owned())?;
    if value.get("client_id").and_then(Value::as_str) != Some(client_id) {
        return Err("does not have this client_id in it.".to_owned().into());
    }
    if value.get("client_secret").is_some() {
        return Err("has a client_secret in it, which everybody can read.".to_owned().into());
    }
    let metadata = client::parse(&value, origin::hostname(client_id))
        .map_err(|(_, why)| format!("is not valid: {why}"))?;
    if metadata.auth_method.has_secret() {
        return Err("asks for a client secret, which a document cannot have.".to_owned().into());
    }
    Ok((metadata, seconds))
}

/// `Cache-Control` (RFC 9111 section 5.2.2) within our bounds.
fn fresh_seconds(answer: &Inbound) -> i64 {
    let Some(header) = answer.header("cache-control") else { return FRESH_SECONDS };
    let mut directives = header.split(',').map(|part| part.trim().to_ascii_lowercase());
    if directives.clone().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return MIN_FRESH_SECONDS;
    }
    directives
        .find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok())
        .unwrap_or(FRESH_SECONDS)
        .clamp(MIN_FRESH_SECONDS, MAX_FRESH_SECONDS)
}
