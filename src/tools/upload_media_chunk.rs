//! `upload_media_chunk`: one piece of a chunked upload. Any order; the same piece again changes nothing.

use super::request_upload_url::WRITES;
use super::uploads;
use super::{Answer, Context, Fault, Hints, Tool};
use crate::crypto;
use crate::error::Refusal;
use crate::id::AssetId;
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::{self as files, Command, View, limits};
use serde::{Deserialize, Serialize};

pub struct UploadMediaChunk;

/// Missing indexes that an answer lists.
const LISTED: usize = 50;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub session_id: String,
    /// From 0.
    pub chunk_index: i64,
    pub data_base64: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    pub received_bytes: u64,
    pub total_size_bytes: u64,
    /// Before the highest that came.
    pub missing_indexes: Vec<u32>,
    pub expires_at: String,
}

impl Tool for UploadMediaChunk {
    const NAME: &'static str = "upload_media_chunk";
    const TITLE: &'static str = "Send chunk";
    const DESCRIPTION: &'static str =
        "Sends one base64 chunk (48 KiB advised, 256 KiB at most) of a chunked upload, in any order. Repeating one is harmless.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaWrite];
    const HINTS: Hints = Hints { idempotent: true, ..WRITES };
    const SPENDS: bool = true;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let id = uploads::upload_id("session_id", &input.session_id)?;
        let Ok(position) = u32::try_from(input.chunk_index) else {
            return Err(Refusal::invalid("`chunk_index` must be a whole number from 0.").into());
        };
        let bytes = uploads::decode("data_base64", &input.data_base64)?;
        let length = bytes.len() as u64;
        if length == 0 {
            return Err(Refusal::invalid("`data_base64` is empty.").into());
        }
        if length > limits::MAX_CHUNK_BYTES {
            return Err(limits::too_large("A chunk", length, limits::MAX_CHUNK_BYTES).next("Send smaller chunks.").into());
        }
        uploads::find(context, &id, 0).await?;
        let view = send(context, &id, position, &bytes).await?;
        let pieces = view.pieces.clone().unwrap_or_default();
        let last = pieces.received.last().copied().unwrap_or(0);
        let missing = (0..last).filter(|index| pieces.received.binary_search(index).is_err());
        let total = view.intent.size_bytes.unwrap_or(0);
        let output = Output {
            received_bytes: view.asset.as_ref().map_or(pieces.received_bytes, |asset| asset.size_bytes),
            total_size_bytes: total,
            missing_indexes: missing.take(LISTED).collect(),
            expires_at: view.expires_at.iso(),
        };
        let next = if output.received_bytes >= total { " Next: upload_media_finalize." } else { "" };
        Ok(Answer::new(format!("{} of {total} bytes are there.{next}", output.received_bytes), output))
    }
}

pub async fn send<P: Platform>(
    context: &Context<'_, P>,
    id: &AssetId,
    position: u32,
    bytes: &[u8],
) -> Result<View, Fault> {
    let command = Command::Chunk {
        position,
        bytes: bytes.len() as u64,
        sha256: crypto::hex(&crypto::sha256(bytes)),
        base64: crypto::base64(bytes),
    };
    Ok(files::view(context.platform, id, command).await??)
}
