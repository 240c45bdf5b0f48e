//! `request_file_upload_url`: a presigned URL for a file of any size the platform carries (seed 000).

use super::request_upload_url::WRITES;
use super::uploads::{self, Ticket};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::intent::Wanted;
use serde::Deserialize;

pub struct RequestFileUploadUrl;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    pub file_name: Option<String>,
    /// image/png, image/jpeg, image/webp, video/mp4, audio/wav or audio/mpeg.
    pub content_type: Option<String>,
    /// Needed above 100 MB.
    pub size_bytes: Option<i64>,
    pub sha256: Option<String>,
}

impl Tool for RequestFileUploadUrl {
    const NAME: &'static str = "request_file_upload_url";
    const TITLE: &'static str = "Get upload URL";
    const DESCRIPTION: &'static str =
        "Returns a one-time PUT URL (15 min) with the shell command for a local file: pictures to 100 MB, MP4 to 5 GB, WAV and MP3 to 64 MB; and a page for people without a shell. Without file_name: a page for several files.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::FilesWrite];
    const HINTS: Hints = WRITES;
    const SPENDS: bool = true;
    type Input = Input;
    type Output = Ticket;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Ticket>, Fault> {
        let wanted = Wanted {
            name: input.file_name,
            mime_type: input.content_type,
            size_bytes: input.size_bytes,
            sha256: input.sha256,
            ..Wanted::default()
        };
        uploads::ticket(context, input.workspace_id.as_deref(), wanted, None, false).await
    }
}
