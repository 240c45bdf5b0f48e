//! From bytes under an upload's key to an asset: look at them, register them with the workspace, then checksum and thumbnail.
//! Every step may be cut off and is then done again.

use super::intent::Intent;
use super::state::{Record, State};
use super::upload::{Reply, change, rewind, view};
use super::{Door, limits, name, store};
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::media::picture::{self, POSTER_SIDE};
use crate::media::probe::{HEAD_BYTES, Probe};
use crate::media::sniff::MediaType;
use crate::models::Modality;
use crate::platform::{ByteRange, Level, NewObject, Platform, Storage, Unavailable};
use crate::workspace::media::{self, Origin};
use crate::workspace::{self, Asset, Command};
use serde_json::json;

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
    if !matches!(record.state, State::Pending { .. } | State::Receiving { .. }) {
        return register(platform, storage).await;
    }
    let found = match find(platform, &record.intent, media).await? {
        None => None,
        Some((media, size)) => Some(inspect(platform, &record.intent, media, size).await?),
    };
    let now = platform.now();
    let refused = matches!(found, Some(Err(_)));
    change(storage, |record| {
        if !matches!(record.state, State::Pending { .. } | State::Receiving { .. }) {
            return;
        }
        record.may_hold = false;
        record.state = match found {
            Some(Ok(asset)) => State::Storing { asset: Box::new(Asset { created_at: Some(now), ..asset }) },
            Some(Err(error)) => State::Pending { error: Some(error) },
            None => State::Pending { error: None },
        };
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

/// The type and size of what is there.
async fn find<P: Platform>(
    platform: &P,
    intent: &Intent,
    media: Option<MediaType>,
) -> Result<Option<(MediaType, u64)>, Unavailable> {
    let candidates = limits::ACCEPTED.into_iter().filter(|other| match (media, intent.declared) {
        (Some(media), _) => media == *other,
        (None, Some(declared)) => declared.modality() == other.modality(),
        (None, None) => true,
    });
    for media in candidates {
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
    let head = if size == 0 { Vec::new() } else { platform.read_range(&key, first).await?.unwrap_or_default() };
    let checked = intent
        .check_length(size)
        .and_then(|()| intent.check_type(&head, size))
        .and_then(|found| if found == media { Ok(()) } else { Err(other_type(media)) });
    if let Err(refusal) = checked {
        platform.delete_objects(&[key]).await?;
        return Ok(Err(refusal));
    }
    let mut probe = Probe::new(&head, size);
    while let Some((first, last)) = probe.as_ref().and_then(Probe::next) {
        let bytes = platform.read_range(&key, ByteRange { first, last }).await?.unwrap_or_default();
        if let Some(probe) = &mut probe {
            probe.feed(first, &bytes);
        }
    }
    let facts = probe.as_ref().map(Probe::facts);
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
        width: facts.and_then(|facts| facts.width),
        height: facts.and_then(|facts| facts.height),
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
        return refuse(platform, storage, &record, &key, mismatch(), true).await;
    }
    let command = Command::AddAsset { actor: record.intent.actor.clone(), asset: asset.clone() };
    if let Err(refusal) = workspace::ask(platform, &record.intent.workspace_id, command).await? {
        return refuse(platform, storage, &record, &key, refusal, false).await;
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
    Refusal::new(Code::ChecksumMismatch, "The bytes do not have the SHA-256 that was declared; nothing was stored.")
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
    platform.delete_objects(&[key.to_owned()]).await?;
    let now = platform.now();
    if !again {
        let command = Command::CloseUpload { asset_id: record.intent.asset_id.clone() };
        let _ = workspace::ask(platform, &record.intent.workspace_id, command).await?;
    }
    change(storage, |record| {
        record.multipart = None;
        match again && matches!(record.intent.door, Door::Put { .. }) {
            true => record.state = State::Pending { error: Some(error) },
            false => record.end(State::Failed { error }, now),
        }
    })?;
    storage.transact(store::forget_pieces)?;
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
    let Some(Record { intent, state: State::Stored { asset, .. }, .. }) = storage.transact(store::load)? else {
        return Ok(());
    };
    // First, so that a picture that ends the instance is not tried again and again.
    change(storage, |record| {
        if let State::Stored { is_settled, .. } = &mut record.state {
            *is_settled = true;
        }
    })?;
    let is_small = asset.size_bytes <= limits::MAX_POSTER_SOURCE_BYTES;
    if asset.kind != Modality::Image || !is_small {
        return Ok(());
    }
    let key = media::key(&intent.workspace_id, &asset.asset_id, &asset.extension);
    let Some(bytes) = platform.read_object(&key).await? else { return Ok(()) };
    match picture::thumbnail_of(&bytes, POSTER_SIDE, limits::MAX_POSTER_PIXELS) {
        Ok(poster) => {
            drop(bytes);
            let poster_key = media::poster_key(&intent.workspace_id, &asset.asset_id);
            platform.put_object(&poster_key, MediaType::Jpeg.mime(), poster).await?;
            amend(platform, storage, &intent, &asset.asset_id, None, Some(true)).await
        }
        Err(fault) => {
            let fields = json!({ "asset_id": asset.asset_id, "reason": fault.to_string() });
            platform.log(Level::Info, "upload.no_thumbnail", fields);
            Ok(())
        }
    }
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
