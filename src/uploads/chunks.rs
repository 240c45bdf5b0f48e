//! Base64 in tool calls: chunks in any order, again, and named when they are missing. Not for: who may send them (`tools`).

use super::state::{Record, State};
use super::upload::{Reply, change, rewind, view};
use super::{Door, claim, finish, intent, limits, store};
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::platform::{Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError};
use serde_json::json;

/// Chunks of one upload: [`limits::MAX_POST_BYTES`] in pieces of 2 KiB, so that nobody sends single bytes.
const MAX_CHUNKS: u32 = 5_120;
/// Missing chunks that an error names.
const NAMED: usize = 20;

pub struct Chunk {
    pub position: u32,
    pub bytes: u64,
    pub sha256: String,
    pub base64: String,
}

pub async fn add<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    chunk: Chunk,
) -> Result<Reply, Unavailable> {
    let now = platform.now();
    let refused = storage.transact(|sql| {
        let Some(mut record) = store::load(sql)? else { return Ok(Some(Reply::Gone)) };
        match &record.state {
            State::Pending { .. } if record.intent.door != Door::Chunks => {
                return Ok(Some(no_chunks().into()));
            }
            State::Pending { .. } if now < record.expires_at => {}
            State::Pending { .. } | State::Expired => return Ok(Some(Reply::Gone)),
            State::Failed { error } => return Ok(Some(error.clone().into())),
            // A late repeat.
            State::Receiving { .. } | State::Storing { .. } | State::Stored { .. } => return Ok(None),
        }
        if let Some(refusal) = place(sql, &record, &chunk)? {
            return Ok(Some(refusal.into()));
        }
        let latest = record.intent.created_at.plus_seconds(limits::MAX_CHUNKED_SECONDS);
        record.expires_at = record.expires_at.max(now.plus_seconds(limits::STAY_OPEN_SECONDS).min(latest));
        store::save(sql, &record)?;
        Ok(None)
    })?;
    if let Some(reply) = refused {
        return Ok(reply);
    }
    rewind(platform, storage).await?;
    Ok(view(storage, now)?)
}

fn place(sql: &impl Sql, record: &Record, chunk: &Chunk) -> Result<Option<Refusal>, SqlError> {
    match store::chunk_digest(sql, chunk.position)? {
        Some(known) if known == chunk.sha256 => return Ok(None),
        Some(_) => {
            let message = format!("Chunk {} was sent before, with other bytes.", chunk.position);
            let next = "Send each piece of the file under its own chunk_index, or begin again with upload_media_init.";
            return Ok(Some(Refusal::new(Code::UploadConflict, message).next(next)));
        }
        None => {}
    }
    if chunk.position >= MAX_CHUNKS {
        return Ok(Some(Refusal::invalid(format!("`chunk_index` must be below {MAX_CHUNKS}."))));
    }
    let so_far = store::pieces(sql)?.received_bytes;
    let total = record.intent.size_bytes.unwrap_or(limits::MAX_POST_BYTES);
    if so_far + chunk.bytes > total {
        let message = format!(
            "With chunk {} the file would have {} bytes; {total} were announced.",
            chunk.position,
            so_far + chunk.bytes
        );
        let next = "Send only the pieces of this file, or begin again with the right total_size_bytes.";
        return Ok(Some(Refusal::new(Code::FileTooLarge, message).next(next)));
    }
    store::add_chunk(sql, chunk.position, chunk.bytes, &chunk.sha256, &chunk.base64)?;
    Ok(None)
}

/// Joins the chunks and stores the file; again, it answers with the same asset.
pub async fn finalize<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    sha256: Option<String>,
) -> Result<Reply, Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(Reply::Gone) };
    let now = platform.now();
    match &record.state {
        State::Pending { .. } if record.intent.door != Door::Chunks => return Ok(no_chunks().into()),
        State::Pending { .. } if now >= record.expires_at => return Ok(Reply::Gone),
        State::Pending { .. } => {}
        State::Failed { error } => return Ok(error.clone().into()),
        State::Expired => return Ok(Reply::Gone),
        _ => {
            finish::take(platform, storage, None).await?;
            return Ok(view(storage, platform.now())?);
        }
    }
    let sha256 = match sha256.as_deref().map(intent::digest).transpose() {
        Ok(sha256) => sha256,
        Err(refusal) => return Ok(refusal.into()),
    };
    let bytes = match storage.transact(|sql| join(sql, &record))? {
        Ok(bytes) => bytes,
        Err(refusal) => return Ok(refusal.into()),
    };
    let digest = crypto::hex(&crypto::sha256(&bytes));
    if [&sha256, &record.intent.sha256].into_iter().flatten().any(|expected| *expected != digest) {
        return Ok(finish::mismatch()
            .next("Compare the chunks with the file; begin again with upload_media_init.")
            .into());
    }
    let length = bytes.len() as u64;
    let media = match record.intent.check_type(&bytes, length) {
        Ok(media) => media,
        Err(refusal) => return Ok(refusal.into()),
    };
    // The session may have been open for longer than its bytes were set aside.
    if let Err(refusal) = claim::admit(platform, &record.intent, length).await? {
        return Ok(refusal.into());
    }
    change(storage, |record| record.may_hold = true)?;
    platform
        .put_bytes(&finish::object(&record.intent, media, Some(length), limits::RECEIVE_MILLIS), bytes)
        .await?;
    finish::take(platform, storage, Some(media)).await?;
    Ok(view(storage, platform.now())?)
}

fn no_chunks() -> Refusal {
    Refusal::new(Code::SessionNotFound, "This upload does not take chunks.")
        .next("Use the session_id of upload_media_init.")
}

/// The whole file, in order. Err: it is not all there.
fn join(sql: &impl Sql, record: &Record) -> Result<Result<Vec<u8>, Refusal>, SqlError> {
    let pieces = store::pieces(sql)?;
    let total = record.intent.size_bytes.unwrap_or(pieces.received_bytes);
    let last = pieces.received.last().copied();
    let missing: Vec<_> = (0..last.unwrap_or(0))
        .filter(|position| pieces.received.binary_search(position).is_err())
        .take(NAMED)
        .collect();
    if !missing.is_empty() || pieces.received_bytes < total || last.is_none() {
        let named: Vec<_> = missing.iter().map(u32::to_string).collect();
        let gap = match (last, missing.is_empty()) {
            (None, _) => "No chunk has come.".to_owned(),
            (_, false) if named.len() == 1 => format!("Chunk {} has not come.", named.join(", ")),
            (_, false) => format!("Chunks {} have not come.", named.join(", ")),
            (Some(last), true) => format!("Nothing has come after chunk {last}."),
        };
        let message = format!("{gap} {} of {total} bytes are there.", pieces.received_bytes);
        let details = json!({ "missing_indexes": missing, "received_bytes": pieces.received_bytes });
        return Ok(Err(Refusal::new(Code::IncompleteUpload, message).details(details)));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(total).unwrap_or(0));
    for base64 in store::chunks(sql)? {
        let Some(piece) = crypto::from_base64(&base64) else {
            return Err(SqlError("a chunk is not base64".into()));
        };
        bytes.extend_from_slice(&piece);
    }
    Ok(Ok(bytes))
}
