//! `upload_media_init`: opens an upload in base64 chunks, for clients whose calls are capped (seed 002, path B).

use super::request_upload_url::WRITES;
use super::uploads::{self, Asked, POST_NAMES};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::intent::Wanted;
use crate::uploads::{Door, limits};
use serde::{Deserialize, Serialize};

pub struct UploadMediaInit;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    pub filename: String,
    pub mime_type: String,
    /// At most 10485760.
    pub total_size_bytes: i64,
    pub sha256: Option<String>,
    pub alt_text: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    pub session_id: String,
    pub expires_at: String,
    pub recommended_chunk_bytes: u64,
    pub max_chunk_bytes: u64,
}

impl Tool for UploadMediaInit {
    const NAME: &'static str = "upload_media_init";
    const TITLE: &'static str = "Open chunked upload";
    const DESCRIPTION: &'static str =
        "Opens a chunked base64 upload (10 MB) for clients without a shell. Then upload_media_chunk, upload_media_finalize.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaWrite];
    const HINTS: Hints = WRITES;
    const SPENDS: bool = true;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let wanted = Wanted {
            name: Some(input.filename),
            mime_type: Some(input.mime_type),
            size_bytes: Some(input.total_size_bytes),
            sha256: input.sha256,
            max_bytes: Some(limits::MAX_POST_BYTES),
            names: POST_NAMES,
        };
        let asked = Asked { announced: wanted.check()?, door: Door::Chunks, alt: input.alt_text };
        let view = uploads::open(context, input.workspace_id.as_deref(), asked).await?;
        let output = Output {
            session_id: view.intent.asset_id.to_string(),
            expires_at: view.expires_at.iso(),
            recommended_chunk_bytes: limits::ADVISED_CHUNK_BYTES,
            max_chunk_bytes: limits::MAX_CHUNK_BYTES,
        };
        let pieces = match (input.total_size_bytes.max(1) as u64).div_ceil(limits::ADVISED_CHUNK_BYTES) {
            1 => "one chunk with upload_media_chunk, chunk_index 0".to_owned(),
            count => format!(
                "{count} chunks of {} bytes (the last one shorter) with upload_media_chunk, chunk_index from 0",
                limits::ADVISED_CHUNK_BYTES
            ),
        };
        let text = format!(
            "session_id {}. Send {pieces}, then upload_media_finalize. Each chunk keeps it open for 15 minutes.",
            output.session_id
        );
        Ok(Answer::new(text, output))
    }
}
