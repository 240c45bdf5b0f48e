//! `upload_media`: a whole small file as base64 (seed 002, path A). Each byte costs a token or two, so it is for icons.

use super::request_upload_url::WRITES;
use super::upload_media_chunk::send;
use super::uploads::{self, Asked, POST_NAMES, UploadView, answer};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::intent::Wanted;
use crate::uploads::{self as files, Command, Door, limits};
use serde::Deserialize;

pub struct UploadMedia;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    pub data_base64: String,
    pub mime_type: Option<String>,
    pub filename: Option<String>,
    pub alt_text: Option<String>,
}

impl Tool for UploadMedia {
    const NAME: &'static str = "upload_media";
    const TITLE: &'static str = "Upload small media";
    const DESCRIPTION: &'static str =
        "Uploads a whole small file (under 100 KB advised, 3 MB at most) as one base64 string. With a shell request_upload_url is far cheaper.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaWrite];
    const HINTS: Hints = WRITES;
    const SPENDS: bool = true;
    type Input = Input;
    type Output = UploadView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<UploadView>, Fault> {
        let bytes = uploads::decode("data_base64", &input.data_base64)?;
        drop(input.data_base64);
        let length = bytes.len() as u64;
        if length > limits::MAX_WHOLE_BYTES {
            let next = "Use request_upload_url, or upload_media_init for a file of up to 10 MB.";
            return Err(limits::too_large("A file in one call", length, limits::MAX_WHOLE_BYTES).next(next).into());
        }
        let wanted = Wanted {
            name: input.filename,
            mime_type: input.mime_type,
            size_bytes: i64::try_from(length).ok(),
            max_bytes: Some(limits::MAX_POST_BYTES),
            names: POST_NAMES,
            ..Wanted::default()
        };
        let asked = Asked { announced: wanted.check()?, door: Door::Chunks, alt: input.alt_text };
        let opened = uploads::open(context, input.workspace_id.as_deref(), asked).await?;
        let id = opened.intent.asset_id;
        for (position, piece) in (0..).zip(bytes.chunks(limits::MAX_CHUNK_BYTES as usize)) {
            send(context, &id, position, piece).await?;
        }
        let stored = files::view(context.platform, &id, Command::Finalize { sha256: None }).await?;
        if stored.is_err() {
            // Nobody knows its id: what came of it is not left behind.
            let _ = files::view(context.platform, &id, Command::Cancel).await?;
        }
        Ok(answer(context, &stored?))
    }
}
