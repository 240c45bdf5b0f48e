//! `request_upload_url`: a presigned URL for the media of a post (seed 002, path C). The bytes never enter the conversation.

use super::uploads::{self, POST_NAMES, Ticket};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::intent::Wanted;
use crate::uploads::limits;
use serde::Deserialize;

pub struct RequestUploadUrl;

pub const WRITES: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: false };

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    pub filename: Option<String>,
    pub mime_type: Option<String>,
    pub alt_text: Option<String>,
}

impl Tool for RequestUploadUrl {
    const NAME: &'static str = "request_upload_url";
    const TITLE: &'static str = "Get media upload URL";
    const DESCRIPTION: &'static str =
        "Returns a one-time PUT URL (15 min, 10 MB) with the curl command for a file on disk, and a page for people without a shell. Without filename: a page for several files.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaWrite];
    const HINTS: Hints = WRITES;
    const SPENDS: bool = true;
    type Input = Input;
    type Output = Ticket;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Ticket>, Fault> {
        let wanted = Wanted {
            name: input.filename,
            mime_type: input.mime_type,
            max_bytes: Some(limits::MAX_POST_BYTES),
            names: POST_NAMES,
            ..Wanted::default()
        };
        uploads::ticket(context, input.workspace_id.as_deref(), wanted, input.alt_text, true).await
    }
}
