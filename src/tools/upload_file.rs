//! `upload_file`: a file from a public URL, or one that ChatGPT or Codex holds, into the workspace.

use super::request_upload_url::WRITES;
use super::uploads::{self, FileParam, UploadView};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::intent::Wanted;
use serde::Deserialize;

pub struct UploadFile;

pub const IMPORTS: Hints = Hints { open_world: true, ..WRITES };

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Public, https.
    pub url: Option<String>,
    /// Filled by clients that hold files.
    pub file: Option<FileParam>,
    pub file_name: Option<String>,
}

impl Tool for UploadFile {
    const NAME: &'static str = "upload_file";
    const TITLE: &'static str = "Import file from URL";
    const DESCRIPTION: &'static str =
        "Copies a file from a public https URL into the workspace and returns a file_id. For a file on disk use request_file_upload_url.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::FilesWrite];
    const HINTS: Hints = IMPORTS;
    const SPENDS: bool = true;
    const FILE_PARAMS: &'static [&'static str] = &["file"];
    type Input = Input;
    type Output = UploadView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<UploadView>, Fault> {
        let Input { workspace_id, url, file, file_name } = input;
        let wanted = Wanted { name: file_name, ..Wanted::default() };
        uploads::import(context, workspace_id.as_deref(), url.as_deref(), file.as_ref(), wanted, None).await
    }
}
