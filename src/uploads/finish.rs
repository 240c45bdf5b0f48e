//! From bytes under an upload's key to an asset: look at them, register them with the workspace, then checksum and thumbnail.
//! Every step may be cut off and is then done again.

use super::intent::Intent;
use super::state::{Record, State};
use super::upload::{Reply, change, close, rewind, view};
use super::{Door, claim, limits, name, store};
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::media::picture::{self, POSTER_SIDE};
use crate::media::probe::{Facts, HEAD_BYTES, Probe};
use crate::media::sniff::MediaType;
use crate::models::Modality;
use crate::platform::{ByteRange, Level, NewObject, Platform, Storage, Unavailable};
use crate::sql::SqlError;
use crate::workspace::media::{self, Origin};
use crate::workspace::{self, Asset, Command};
use serde_json::json;

/// Times that a thumbnail is begun.
const MAX_TRIES: u32 = 3;

pub fn key(intent: &Intent, media: MediaType) -> String {
    media::key(&intent.workspace_id, &intent.asset_id, media.extension())
}

/// The object that this upload becomes.
pub fn object(intent: &Intent, media: MediaType, length: Option<u64>, millis: u32) -> NewObject {
    NewObject {
        key: key(intent, media),
        content_type: media.mime().to_owned(),
        disposition: intent.name.as_deref().map(name::disposition),
        length,
        max_bytes: limits::max_bytes(media).min(intent.max_bytes),
        sha256: intent.sha256.clone(),
        millis,
    }
}

/// Takes what lies under the upload's key, if anything does, and makes the asset of it. What is there and cannot be the file
/// is deleted. `media`: of what type it is, where that is known.
pub async fn take<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    media: Option<MediaType>,
) -> Result<(), Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(()) };
    match &record.state {
        State::Pending { .. } | State::Receiving { .. } => {}
        State::Storing { asset } | State::Stored { asset, .. } => {
            // Who was taken for dead and was not has stored another type of file, under another key.
            if let Some(media) = media.filter(|media| media.mime() != asset.mime_type) {
                platform.delete_objects(&[key(&record.intent, media)]).await?;
            }
            return register(platform, storage).await;
        }
        State::Failed { .. } | State::Expired => return clear(platform, &record.intent).await,
    }
    let found = match find(platform, &record.intent, media).await? {
        None => None,
        Some((media, size)) => Some(accept(platform, &record, media, size).await?),
    };
    let now = platform.now();
    let refused = matches!(found, Some(Err(_)));
    let is_import = matches!(record.intent.door, Door::Url { .. });
    if refused && is_import {
        close(platform, &record).await?;
    }
    let seen = record.state;
    change(storage, |record| {
        let is_open = matches!(record.state, State::Pending { .. } | State::Receiving { .. });
        // While nothing was found, somebody else may have begun to send.
        if !is_open || (found.is_none() && record.state != seen) {
            return;
        }
        record.may_hold = false;
        match found {
            Some(Ok(asset)) => {
                record.state = State::Storing { asset: Box::new(Asset { created_at: Some(now), ..asset }) };
            }
            Some(Err(error)) if is_import => record.end(State::Failed { error }, now),
            Some(Err(error)) => record.state = State::Pending { error: Some(error) },
            None => record.state = State::Pending { error: None },
        }
    })?;
    if refused {
        forget_parts(storage)?;
    }
    rewind(platform, storage).await?;
    register(platform, storage).await
}

fn forget_parts<S: Storage>(storage: &S) -> Result<(), Unavailable> {
    storage.transact(store::forget_pieces)?;
    change(storage, |record| record.multipart = None)?;
    Ok(())
}

/// Deletes whatever lies under the keys of an upload that has come to nothing.
pub async fn clear<P: Platform>(platform: &P, intent: &Intent) -> Result<(), Unavailable> {
    let keys: Vec<_> = candidates(intent, None).map(|media| key(intent, media)).collect();
    platform.delete_objects(&keys).await
}

/// Types that what lies there can have.
fn candidates(intent: &Intent, media: Option<MediaType>) -> impl Iterator<Item = MediaType> {
    let declared = intent.declared;
    limits::ACCEPTED.into_iter().filter(move |other| match (media, declared) {
        (Some(media), _) => media == *other,
        (None, Some(declared)) => declared.modality() == other.modality(),
        (None, None) => true,
    })
}

/// Looks at what is there, and whether there is room for it where its size was not known before.
async fn accept<P: Platform>(
    platform: &P,
    record: &Record,
    media: MediaType,
    size: u64,
) -> Result<Result<Asset, Refusal>, Unavailable> {
    let inspected = inspect(platform, &record.intent, media, size).await?;
    if inspected.is_ok()
        && matches!(record.intent.door, Door::Url { .. })
        && let Err(refusal) = claim::admit(platform, &record.intent, size).await?
    {
        platform.delete_objects(&[key(&record.intent, media)]).await?;
        return Ok(Err(refusal));
    }
    Ok(inspected)
}

/// The type and size of what is there.
async fn find<P: Platform>(
    platform: &P,
    intent: &Intent,
    media: Option<MediaType>,
) -> Result<Option<(MediaType, u64)>, Unavailable> {
    for media in candidates(intent, media) {
        if let Some(head) = platform.head_object(&key(intent, media)).await? {
            return Ok(Some((media, head.size_bytes)));
        }
    }
    Ok(None)
}

/// Reads the beginning of the stored bytes. Err: they cannot be the file, and are deleted.
async fn inspect<P: Platform>(
    platform: &P,
    intent: &Intent,
    media: MediaType,
    size: u64,
) -> Result<Result<Asset, Refusal>, Unavailable> {
    let key = key(intent, media);
    let first = ByteRange { first: 0, last: (HEAD_BYTES as u64).min(size).saturating_sub(1) };
    let head =
        if size == 0 { Vec::new() } else { platform.read_range(&key, first).await?.unwrap_or_default() };
    let checked = intent
        .check_length(size)
        .and_then(|()| intent.check_type(&head, size))
        .and_then(|found| if found == media { Ok(()) } else { Err(other_type(media)) });
    if let Err(refusal) = checked {
        platform.delete_objects(&[key]).await?;
        return Ok(Err(refusal));
    }
    let facts = measure(platform, &key, &head, size).await?;
    // Object storage itself has compared the checksum of what came as one body.
    let is_verified = matches!(intent.door, Door::Put { part_bytes: None });
    Ok(Ok(Asset {
        asset_id: intent.asset_id.clone(),
        run_id: None,
        position: None,
        kind: Modality::parse(media.modality()).unwrap_or(Modality::Image),
        mime_type: media.mime().to_owned(),
        extension: media.extension().to_owned(),
        size_bytes: size,
        width: facts.as_ref().and_then(|facts| facts.width),
        height: facts.as_ref().and_then(|facts| facts.height),
        duration_seconds: facts.and_then(|facts| facts.duration_seconds),
        alt: intent.alt.clone(),
        name: intent.name.clone(),
        sha256: intent.sha256.clone().filter(|_| is_verified),
        origin: if matches!(intent.door, Door::Url { .. }) { Origin::Imported } else { Origin::Uploaded },
        has_poster: false,
        person: Some(intent.person.clone()),
        created_at: None,
    }))
}

/// What a stored file says of itself, by its `head` and what that points to.
pub async fn measure<P: Platform>(
    platform: &P,
    key: &str,
    head: &[u8],
    size: u64,
) -> Result<Option<Facts>, Unavailable> {
    let mut probe = Probe::new(head, size);
    while let Some((first, last)) = probe.as_ref().and_then(Probe::next) {
        let bytes = platform.read_range(key, ByteRange { first, last }).await?.unwrap_or_default();
        if let Some(probe) = &mut probe {
            probe.feed(first, &bytes);
        }
    }
    Ok(probe.as_ref().map(Probe::facts).cloned())
}

pub fn other_type(said: MediaType) -> Refusal {
    let message = format!("The upload was asked for {} and the file is of another type.", said.mime());
    Refusal::new(Code::UploadFailed, message).next("Ask for a new URL with the type it has.")
}

/// Has the workspace take the asset; from then on it is stored.
pub async fn register<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(()) };
    let State::Storing { asset } = &record.state else { return Ok(()) };
    let mut asset = asset.clone();
    let key = media::key(&record.intent.workspace_id, &asset.asset_id, &asset.extension);
    let expected = record.intent.sha256.as_deref();
    if asset.sha256.is_none() && (expected.is_some() || asset.size_bytes <= limits::DIGEST_AT_ONCE_BYTES) {
        asset.sha256 = digest_of(platform, &key).await?;
    }
    if expected.is_some() && asset.sha256.as_deref() != expected {
        let again = matches!(record.intent.door, Door::Put { .. });
        return refuse(platform, storage, &record, &key, mismatch(), again).await;
    }
    let command = Command::AddAsset { actor: record.intent.actor.clone(), asset: asset.clone() };
    if let Err(refusal) = workspace::ask(platform, &record.intent.workspace_id, command).await? {
        return refuse(platform, storage, &record, &key, refusal, false).await;
    }
    if let (Some(multipart), Some(declared)) = (&record.multipart, record.intent.declared) {
        // Of parts that were begun before it came in one piece; where they made the file, nothing is left to abort.
        platform.abort_parts(&self::key(&record.intent, declared), multipart).await?;
    }
    let now = platform.now();
    storage.transact(|sql| {
        let Some(mut record) = store::load(sql)? else { return Ok(()) };
        if matches!(record.state, State::Storing { .. }) {
            record.end(State::Stored { asset, is_settled: false }, now);
            store::forget_pieces(sql)?;
            store::save(sql, &record)?;
        }
        Ok(())
    })?;
    rewind(platform, storage).await
}

pub fn mismatch() -> Refusal {
    Refusal::new(
        Code::ChecksumMismatch,
        "The bytes do not have the SHA-256 that was declared; nothing was stored.",
    )
}

/// What was stored is not to be an asset. `again`: it may be sent again.
async fn refuse<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    key: &str,
    error: Refusal,
    again: bool,
) -> Result<(), Unavailable> {
    if storage.transact(store::load)?.is_none_or(|current| current.state != record.state) {
        // Somebody else found the same and was faster; what lies there now may be another file.
        return Ok(());
    }
    platform.delete_objects(&[key.to_owned()]).await?;
    let now = platform.now();
    if !again {
        let command = Command::CloseUpload { asset_id: record.intent.asset_id.clone() };
        let _ = workspace::ask(platform, &record.intent.workspace_id, command).await?;
    }
    storage.transact(|sql| {
        let Some(mut current) = store::load(sql)?.filter(|current| current.state == record.state) else {
            return Ok(());
        };
        current.multipart = None;
        match again {
            true => current.state = State::Pending { error: Some(error) },
            false => current.end(State::Failed { error }, now),
        }
        store::forget_pieces(sql)?;
        store::save(sql, &current)
    })?;
    rewind(platform, storage).await
}

async fn digest_of<P: Platform>(platform: &P, key: &str) -> Result<Option<String>, Unavailable> {
    let Some(stream) = platform.stream_object(key, None).await? else { return Ok(None) };
    let digest = platform.digest_stream(stream, limits::RECEIVE_MILLIS).await;
    digest.map(Some).map_err(|fault| Unavailable(format!("digest: {fault:?}")))
}

/// The view with the SHA-256 in it.
pub async fn digest<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<Reply, Unavailable> {
    if let Some(Record { intent, state: State::Stored { asset, .. }, .. }) = storage.transact(store::load)?
        && asset.sha256.is_none()
    {
        let key = media::key(&intent.workspace_id, &asset.asset_id, &asset.extension);
        if let Some(sha256) = digest_of(platform, &key).await? {
            amend(platform, storage, &intent, &asset.asset_id, Some(sha256), None).await?;
        }
    }
    Ok(view(storage, platform.now())?)
}

/// What can wait until the answer is out: the checksum of a large file, the thumbnail of a picture.
pub async fn settle<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let _ = digest(platform, storage).await?;
    let Some(Record { intent, state: State::Stored { asset, .. }, .. }) = storage.transact(store::load)?
    else {
        return Ok(());
    };
    let is_small = asset.size_bytes <= limits::MAX_POSTER_SOURCE_BYTES;
    if asset.kind != Modality::Image || !is_small {
        return Ok(mark_settled(storage)?);
    }
    let key = media::key(&intent.workspace_id, &asset.asset_id, &asset.extension);
    let Some(bytes) = platform.read_object(&key).await? else { return Ok(mark_settled(storage)?) };
    // Counted before, so that a picture that ends the instance is not tried again and again.
    let tries = change(storage, |record| {
        record.tries += 1;
        record.tries
    })?;
    if tries.is_none_or(|tries| tries > MAX_TRIES) {
        return Ok(mark_settled(storage)?);
    }
    rewind(platform, storage).await?;
    match picture::thumbnail_of(&bytes, POSTER_SIDE, limits::MAX_POSTER_PIXELS) {
        Ok(poster) => {
            drop(bytes);
            // That went well: what is left may be done as often as it takes.
            change(storage, |record| record.tries = 0)?;
            let poster_key = media::poster_key(&intent.workspace_id, &asset.asset_id);
            platform.put_object(&poster_key, MediaType::Jpeg.mime(), poster).await?;
            amend(platform, storage, &intent, &asset.asset_id, None, Some(true)).await?;
            Ok(mark_settled(storage)?)
        }
        Err(fault) => {
            let fields = json!({ "asset_id": asset.asset_id, "reason": fault.to_string() });
            platform.log(Level::Info, "upload.no_thumbnail", fields);
            Ok(mark_settled(storage)?)
        }
    }
}

fn mark_settled<S: Storage>(storage: &S) -> Result<(), SqlError> {
    change(storage, |record| {
        if let State::Stored { is_settled, .. } = &mut record.state {
            *is_settled = true;
        }
    })?;
    Ok(())
}

async fn amend<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    intent: &Intent,
    asset_id: &AssetId,
    sha256: Option<String>,
    has_poster: Option<bool>,
) -> Result<(), Unavailable> {
    let command = Command::AmendAsset {
        asset_id: asset_id.clone(),
        sha256: sha256.clone(),
        has_poster,
        width: None,
        height: None,
        duration_seconds: None,
    };
    let _ = workspace::ask(platform, &intent.workspace_id, command).await?;
    change(storage, |record| {
        if let State::Stored { asset, .. } = &mut record.state {
            asset.sha256 = sha256.or(asset.sha256.take());
            asset.has_poster = has_poster.unwrap_or(asset.has_poster);
        }
    })?;
    Ok(())
}
