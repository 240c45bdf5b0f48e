//! `upload_media_finalize`: joins the chunks of an upload into one stored file. Again, it answers with the same file.

use super::request_upload_url::WRITES;
use super::uploads::{self, UploadView, answer};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::{self as files, Command};
use serde::Deserialize;

pub struct UploadMediaFinalize;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub session_id: String,
    pub sha256: Option<String>,
}

impl Tool for UploadMediaFinalize {
    const NAME: &'static str = "upload_media_finalize";
    const TITLE: &'static str = "Finish chunked upload";
    const DESCRIPTION: &'static str =
        "Joins the chunks of a chunked upload and returns the hosted file_url. Names missing chunks.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaWrite];
    const HINTS: Hints = Hints { idempotent: true, ..WRITES };
    const SPENDS: bool = true;
    type Input = Input;
    type Output = UploadView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<UploadView>, Fault> {
        let id = uploads::upload_id("session_id", &input.session_id)?;
        uploads::find(context, &id, 0).await?;
        let view = files::view(context.platform, &id, Command::Finalize { sha256: input.sha256 }).await??;
        Ok(answer(context, &view))
    }
}
