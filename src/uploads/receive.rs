//! A body that comes in one piece, as the Worker takes it: claim the upload, look at the first bytes, hand the stream to
//! object storage, say that it is there. The same bytes again are the same asset; others are a conflict.

use super::state::View;
use super::upload::{Command, Reply, Upload};
use super::{finish, gone, intent, limits};
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::media::sniff::MediaType;
use crate::platform::{Platform, PutFault, Unavailable};
use futures::future::{self, Either};
use std::convert::Infallible;
use std::pin::pin;

/// Enough to tell every accepted type by.
pub const SNIFF_BYTES: usize = 4096;

/// A body at the door.
pub struct Incoming<S> {
    pub length: u64,
    /// What the sender says its SHA-256 is (RFC 9530, `Content-Digest`), lower-case hexadecimal.
    pub sha256: Option<String>,
    pub stream: S,
}

pub struct Received {
    pub view: View,
    /// It was stored before, with these bytes.
    pub is_replay: bool,
}

type Outcome<T> = Result<Result<T, Refusal>, Unavailable>;

/// Names an attempt; a second one of the same upload has another name.
pub fn attempt<P: Platform>(platform: &P) -> String {
    crypto::base64url(&platform.random::<12>())
}

pub async fn receive<P: Platform>(
    platform: &P,
    asset_id: &AssetId,
    incoming: Incoming<P::Stream>,
) -> Outcome<Received> {
    let attempt = attempt(platform);
    let claim = Command::Claim { attempt: attempt.clone(), length: incoming.length };
    let view = match platform.ask::<Upload>(asset_id.as_str(), claim).await? {
        Reply::Go { view, .. } => *view,
        Reply::View(view) => return compare(platform, asset_id, *view, incoming).await,
        reply => {
            platform.discard(incoming.stream).await;
            return Ok(Err(refusal_in(reply)));
        }
    };
    let declared = incoming.sha256.clone();
    let outcome = store(platform, &view, incoming, &attempt).await;
    let media = match outcome {
        Ok(media) => Some(media),
        Err(PutFault::Exists) => None,
        Err(fault) => return give_up(platform, asset_id, attempt, fault).await,
    };
    if let Some(Err(refusal)) = media {
        let release = Command::Release { attempt, error: Some(refusal.clone()) };
        platform.ask::<Upload>(asset_id.as_str(), release).await?;
        return Ok(Err(refusal));
    }
    let stored = media.and_then(Result::ok);
    let view = match super::view(platform, asset_id, Command::Arrived { media: stored }).await? {
        Ok(view) => view,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(asset) = &view.asset else { return Ok(Err(view.error.unwrap_or_else(gone))) };
    // Another attempt that was taken for dead was faster; what this one sent is lost unless it can be told to be the same.
    let is_ours = stored.is_some_and(|media| asset.mime_type == media.mime());
    if !is_ours && (declared.is_none() || asset.sha256 != declared) {
        return Ok(Err(conflict().next("Send it once more: the same bytes are answered with that file.")));
    }
    Ok(Ok(Received { view, is_replay: !is_ours }))
}

/// Err in the Ok: the bytes are not what the upload takes.
async fn store<P: Platform>(
    platform: &P,
    view: &View,
    incoming: Incoming<P::Stream>,
    attempt: &str,
) -> Result<Result<MediaType, Refusal>, PutFault> {
    let Incoming { length, sha256, stream } = incoming;
    let (head, stream) = platform.peek(stream, Some(length), SNIFF_BYTES).await?;
    let intent = &view.intent;
    let media = match intent.check_type(&head, length) {
        Ok(media) => media,
        Err(refusal) => {
            platform.discard(stream).await;
            return Ok(Err(refusal));
        }
    };
    let mut object = finish::object(intent, media, Some(length), limits::RECEIVE_MILLIS);
    match (&object.sha256, sha256) {
        (Some(asked), Some(sent)) if *asked != sent => {
            platform.discard(stream).await;
            return Err(PutFault::ChecksumMismatch);
        }
        (None, sent) => object.sha256 = sent,
        _ => {}
    }
    let put = platform.put_stream(&object, stream);
    renewed(platform, &intent.asset_id, attempt, None, put).await?;
    Ok(Ok(media))
}

/// Does the work, and says every few seconds that it goes on.
pub async fn renewed<P: Platform, T>(
    platform: &P,
    asset_id: &AssetId,
    attempt: &str,
    part: Option<u32>,
    work: impl Future<Output = T>,
) -> T {
    let renewals = async {
        loop {
            platform.sleep(limits::RENEW_MILLIS).await;
            let renew = Command::Renew { attempt: attempt.to_owned(), part };
            // A lost renewal costs nothing: the next one comes before the lease ends.
            let _ = platform.ask::<Upload>(asset_id.as_str(), renew).await;
        }
    };
    beside(work, renewals).await
}

/// Does the work while something else goes on that never ends.
pub async fn beside<T>(work: impl Future<Output = T>, endless: impl Future<Output = Infallible>) -> T {
    match future::select(pin!(work), pin!(endless)).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => match never {},
    }
}

/// The body did not become an object.
async fn give_up<P: Platform>(
    platform: &P,
    asset_id: &AssetId,
    attempt: String,
    fault: PutFault,
) -> Outcome<Received> {
    let refusal = match refusal_of(fault) {
        Ok(refusal) => refusal,
        // Whether it is stored is not known: the next attempt, or the object's alarm, looks.
        Err(reason) => return Err(reason),
    };
    let release = Command::Release { attempt, error: Some(refusal.clone()) };
    platform.ask::<Upload>(asset_id.as_str(), release).await?;
    Ok(Err(refusal))
}

pub fn refusal_of(fault: PutFault) -> Result<Refusal, Unavailable> {
    Ok(match fault {
        PutFault::Unavailable(reason) => return Err(Unavailable(reason)),
        PutFault::ChecksumMismatch => finish::mismatch(),
        PutFault::Cut(_) => Refusal::new(Code::UploadFailed, "The body broke off; nothing was stored.")
            .next("Send it again to the same URL.")
            .retry_after(1),
        PutFault::TimedOut => {
            let minutes = limits::RECEIVE_MILLIS / 60_000;
            Refusal::new(
                Code::UploadFailed,
                format!("The body took longer than {minutes} minutes; nothing was stored."),
            )
            .next("Send it again over a faster connection, or in parts.")
        }
        PutFault::TooLarge => Refusal::new(Code::FileTooLarge, "The body is larger than was said."),
        PutFault::Exists => conflict(),
    })
}

/// Why an attempt may not send.
pub fn refusal_in(reply: Reply) -> Refusal {
    match reply {
        Reply::Busy => busy(),
        Reply::Refused(refusal) => *refusal,
        Reply::Done | Reply::Gone | Reply::Go { .. } | Reply::View(_) | Reply::Batch(_) | Reply::Slot(_) => {
            gone()
        }
    }
}

fn busy() -> Refusal {
    Refusal::new(Code::FileNotReady, "Another upload to this URL is under way.")
        .next("Wait until it has ended, then GET this URL for its state or send yours again.")
        .retry_after(5)
}

fn conflict() -> Refusal {
    Refusal::new(Code::UploadConflict, "Another file was already uploaded to this URL; it takes one.")
        .next("GET this URL for that file, or ask for a new URL for this one.")
}

/// The upload is stored already: is this the same file?
async fn compare<P: Platform>(
    platform: &P,
    asset_id: &AssetId,
    view: View,
    incoming: Incoming<P::Stream>,
) -> Outcome<Received> {
    let Some(asset) = &view.asset else { return Ok(Err(gone())) };
    let is_said_otherwise =
        |known: &Option<String>| matches!((known, &incoming.sha256), (Some(a), Some(b)) if a != b);
    if asset.size_bytes != incoming.length || is_said_otherwise(&asset.sha256) {
        platform.discard(incoming.stream).await;
        let sizes = serde_json::json!({ "sent_bytes": incoming.length, "stored_bytes": asset.size_bytes });
        return Ok(Err(conflict().details(sizes)));
    }
    let known = match asset.sha256.clone() {
        Some(known) => known,
        None => match super::view(platform, asset_id, Command::Digest).await? {
            Ok(view) => view.asset.and_then(|asset| asset.sha256).unwrap_or_default(),
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    match platform.digest_stream(incoming.stream, limits::RECEIVE_MILLIS).await {
        Ok(digest) if digest == known => Ok(Ok(Received { view, is_replay: true })),
        Ok(_) => Ok(Err(conflict())),
        Err(fault) => Ok(Err(refusal_of(fault)?)),
    }
}

/// `Content-Digest` or `Repr-Digest` (RFC 9530 section 2): `sha-256=:BASE64:`, among others or alone.
pub fn content_digest(header: &str) -> Result<Option<String>, Refusal> {
    let field = header.split(',').find_map(|item| item.trim().strip_prefix("sha-256="));
    let Some(value) = field else { return Ok(None) };
    let bytes = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).and_then(crypto::from_base64);
    match bytes.filter(|bytes| bytes.len() == 32) {
        Some(bytes) => intent::digest(&crypto::hex(&bytes)).map(Some),
        None => Err(Refusal::invalid("`Content-Digest` must be sha-256=:BASE64: (RFC 9530).")),
    }
}
