//! `get_upload_status`: what became of an upload that somebody else carries out: a shell, another server, a person in a browser.

use super::get_forge_run::seconds_to_wait;
use super::upload_pages::{self, StatusView};
use super::uploads::{self, unknown};
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::uploads::{Command, Reply, ask};
use serde::Deserialize;

pub struct GetUploadStatus;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file_id, asset_intent_id, session_id or upload_id it began with.
    pub upload_id: String,
    /// Wait for the end at most so long: 0 to 45, default 20.
    pub wait_seconds: Option<i64>,
}

impl Tool for GetUploadStatus {
    const NAME: &'static str = "get_upload_status";
    const TITLE: &'static str = "Get upload status";
    const DESCRIPTION: &'static str =
        "Returns the state of an upload (pending, receiving, stored, failed, expired) and, when stored, its file; of an upload page, every file once the person pressed Done.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = StatusView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<StatusView>, Fault> {
        let id = uploads::upload_id("upload_id", &input.upload_id)?;
        let wait = seconds_to_wait(input.wait_seconds)?;
        let get = async |wait_millis| ask(context.platform, &id, Command::Get { wait_millis }).await;
        // Whose it is comes first: how long the answer takes must not tell others that there is one.
        let mut reply = get(0).await?.map_err(|_| unknown())?;
        match &reply {
            Reply::Batch(batch) => upload_pages::check_owner(context, batch)?,
            Reply::View(view) => uploads::check_owner(context, view)?,
            _ => return Err(unknown().into()),
        }
        if wait > 0 {
            reply = get(wait * 1000).await?.map_err(|_| unknown())?;
        }
        match reply {
            Reply::Batch(batch) => upload_pages::status(context, *batch).await,
            Reply::View(view) => {
                let Answer { text, structured: upload, .. } = uploads::answer(context, &view);
                Ok(Answer::new(text, StatusView { upload, files: Vec::new() }))
            }
            _ => Err(unknown().into()),
        }
    }
}
