//! Pages for several files, as tools hand them out and read them: for people whose client has no shell.
//! Not for: the page itself (`pages::upload`), or what it keeps (`crate::uploads::batch`).

use super::assets::ErrorView;
use super::uploads::{FileView, MAX_ALT_CHARS, Ticket, UploadView, unknown};
use super::workspaces::resolve;
use super::{Answer, Context, Fault};
use crate::api_path;
use crate::error::Refusal;
use crate::id::AssetId;
use crate::media::size_in_words;
use crate::platform::Platform;
use crate::uploads::batch::{self, Batch, Look};
use crate::uploads::intent::Wanted;
use crate::uploads::{View, Word, limits, token};
use crate::workspace::Actor;
use serde::Serialize;

/// An upload, or every file of a page.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct StatusView {
    #[serde(flatten)]
    pub upload: UploadView,
    /// Of an upload page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PageFile>,
}

/// A file on a page.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct PageFile {
    pub state: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
}

/// Whether nothing is said of a file: then it is a page for several that is asked for.
pub fn is_page(wanted: &Wanted) -> bool {
    wanted.name.is_none()
        && wanted.mime_type.is_none()
        && wanted.size_bytes.is_none()
        && wanted.sha256.is_none()
}

/// The answer of both tools that hand out a URL, where no file was named.
pub async fn ticket<P: Platform>(
    context: &Context<'_, P>,
    workspace: Option<&str>,
    max_bytes: Option<u64>,
    alt: Option<String>,
) -> Result<Answer<Ticket>, Fault> {
    let workspace_id = resolve(context, workspace).await?;
    let alt = alt.unwrap_or_default();
    if alt.chars().count() > MAX_ALT_CHARS {
        return Err(Refusal::invalid(format!("`alt_text` may have {MAX_ALT_CHARS} characters.")).into());
    }
    let now = context.platform.now();
    let wanted = Batch {
        batch_id: AssetId::mint(now, &context.platform.random()),
        workspace_id,
        person: context.caller.person.clone(),
        actor: Actor::person(&context.caller.person, Some(context.caller.token_id()), context.request_id),
        credential: Some(context.caller.credential().clone()),
        alt,
        max_bytes: max_bytes.unwrap_or_else(limits::most),
        created_at: now,
        expires_at: now.plus_seconds(i64::from(context.platform.config().upload_url_seconds)),
        finished_at: None,
        files: Vec::new(),
    };
    let batch = batch::begin(context.platform, wanted).await??;
    let id = batch.batch_id.to_string();
    let token = token::make(context.platform, &batch.batch_id);
    let page = format!("{}{}{token}", context.origin, api_path::UPLOAD_PAGE);
    let text = format!(
        "Give the person this link: {page}\nThey drop their files there, at most {}; then call get_upload_status with upload_id {id} and wait_seconds.",
        batch::MAX_FILES
    );
    Ok(Answer::new(
        text,
        Ticket {
            upload_id: Some(id),
            file_id: None,
            asset_intent_id: None,
            upload_url: None,
            curl: None,
            powershell: None,
            upload_page_url: page,
            expires_at: batch.expires_at.iso(),
            max_bytes: batch.max_bytes,
        },
    ))
}

/// Another's page answers as one that does not exist.
pub fn check_owner<P: Platform>(context: &Context<'_, P>, batch: &Batch) -> Result<(), Refusal> {
    let caller = context.caller;
    let is_bound_elsewhere =
        caller.workspace.as_ref().is_some_and(|workspace| *workspace != batch.workspace_id);
    if batch.person != caller.person || is_bound_elsewhere { Err(unknown()) } else { Ok(()) }
}

/// What became of a page of the caller's own.
pub async fn status<P: Platform>(
    context: &Context<'_, P>,
    batch: Batch,
) -> Result<Answer<StatusView>, Fault> {
    let look = batch::look(context.platform, batch).await?;
    let state = look.word(context.platform.now());
    let files: Vec<_> = shown(&look).map(|view| file(context, view)).collect();
    let id = look.batch.batch_id.to_string();
    let lines: Vec<_> = files.iter().map(PageFile::line).collect();
    let head = match state {
        Word::Stored => format!("{} stored.", count(look.stored())),
        Word::Expired => "The link expired before a file was stored. Next: ask for a new one.".to_owned(),
        _ => format!(
            "The person has not pressed Done; {} stored so far. Next: call get_upload_status with upload_id {id} and wait_seconds.",
            count(look.stored())
        ),
    };
    let text = std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n");
    let upload = UploadView {
        upload_id: id,
        state,
        file: None,
        error: None,
        received_bytes: None,
        expires_at: (state == Word::Pending).then(|| look.batch.expires_at.iso()),
    };
    Ok(Answer::new(text, StatusView { upload, files }))
}

fn count(files: usize) -> String {
    if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") }
}

/// Files that the person took back are no news.
fn shown(look: &Look) -> impl Iterator<Item = &View> {
    look.files.iter().map(|(_, view)| view).filter(|view| view.word != Word::Expired)
}

fn file<P: Platform>(context: &Context<'_, P>, view: &View) -> PageFile {
    let stored = view.asset.as_ref().map(|asset| FileView::of(context, &view.intent.workspace_id, asset));
    let name = view.intent.name.clone();
    let (state, error) = (view.word, view.error.as_ref().map(ErrorView::of));
    match stored {
        None => PageFile { state, name, error, file_id: None, file_url: None, mime_type: None, bytes: None },
        Some(file) => PageFile {
            state,
            name: file.name,
            error,
            file_id: Some(file.file_id),
            file_url: Some(file.file_url),
            mime_type: Some(file.mime_type),
            bytes: Some(file.bytes),
        },
    }
}

impl PageFile {
    fn line(&self) -> String {
        let name = self.name.as_deref().unwrap_or("A file");
        match (&self.file_id, &self.mime_type, self.bytes, &self.error) {
            (Some(id), Some(mime_type), Some(bytes), _) => {
                format!("{name}: {mime_type}, {}. file_id {id}", size_in_words(bytes))
            }
            (.., Some(error)) => format!("{name}: not stored. {}", error.message),
            _ => format!("{name}: {}", self.state.as_str()),
        }
    }
}
