//! `upload_media_from_url`: a file from a public URL into the media library (seed 002). It is copied, so that it stays when
//! the other server forgets it.

use super::upload_file::IMPORTS;
use super::uploads::{self, FileParam, POST_NAMES, UploadView};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::intent::Wanted;
use serde::Deserialize;

pub struct UploadMediaFromUrl;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Public, https.
    pub url: Option<String>,
    /// Filled by clients that hold files.
    pub file: Option<FileParam>,
    pub alt_text: Option<String>,
}

impl Tool for UploadMediaFromUrl {
    const NAME: &'static str = "upload_media_from_url";
    const TITLE: &'static str = "Import media from URL";
    const DESCRIPTION: &'static str =
        "Copies media from a public https URL into the library, with alt text, and returns a file_url.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaWrite];
    const HINTS: Hints = IMPORTS;
    const SPENDS: bool = true;
    const FILE_PARAMS: &'static [&'static str] = &["file"];
    type Input = Input;
    type Output = UploadView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<UploadView>, Fault> {
        let Input { workspace_id, url, file, alt_text } = input;
        let wanted = Wanted { names: POST_NAMES, ..Wanted::default() };
        uploads::import(context, workspace_id.as_deref(), url.as_deref(), file.as_ref(), wanted, alt_text).await
    }
}
