//! What the upload tools share: beginning an upload, the commands a shell runs, and what a tool says of an upload.
//! Not for: the bytes (`crate::uploads`).

use super::Context;
use super::assets::ErrorView;
use super::assets::LINK_SECONDS;
use super::upload_pages;
use super::workspaces::resolve;
use super::{Answer, Fault};
use crate::api_path;
use crate::error::{Code, Refusal};
use crate::id::{AssetId, WorkspaceId};
use crate::media::size_in_words;
use crate::origin;
use crate::outbound::{self, Reach};
use crate::platform::Platform;
use crate::uploads::intent::{Announced, Names, Wanted};
use crate::uploads::{self, Command, Door, Intent, View, Word, limits, presigned, token};
use crate::workspace::{Actor, Asset, media};
use serde::{Deserialize, Serialize};

/// Below the 45 seconds that a call may take.
const IMPORT_WAIT_MILLIS: i64 = 40_000;
/// Characters of an alt text, as the media index takes them.
pub const MAX_ALT_CHARS: usize = media::MAX_ALT_CHARS;

/// Where a file may be sent, once.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Ticket {
    /// Of a page for several files, for get_upload_status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// What the file will be called in guidance_files, mask and workflow inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_intent_id: Option<String>,
    /// Takes one PUT, without Authorization. GET tells its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_url: Option<String>,
    /// For POSIX shells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub powershell: Option<String>,
    /// For a person in a browser.
    pub upload_page_url: String,
    pub expires_at: String,
    pub max_bytes: u64,
}

/// A stored file.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct FileView {
    /// For guidance_files, mask and workflow inputs.
    pub file_id: String,
    /// Signed, works for 24 hours.
    pub file_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub mime_type: String,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An upload, and its file once it is stored.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct UploadView {
    pub upload_id: String,
    pub state: Word,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A file as ChatGPT and Codex hand it over (`_meta["openai/fileParams"]`).
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields)]
pub struct FileParam {
    pub download_url: String,
    pub file_id: String,
    pub mime_type: Option<String>,
    pub file_name: Option<String>,
}

impl FileView {
    pub fn of<P: Platform>(context: &Context<'_, P>, workspace: &WorkspaceId, asset: &Asset) -> Self {
        let expires = context.platform.now().plus_seconds(LINK_SECONDS);
        let path = media::signed_path(context.platform, workspace, asset, expires);
        Self {
            file_id: asset.asset_id.to_string(),
            file_url: format!("{}{path}", context.origin),
            name: asset.name.clone(),
            mime_type: asset.mime_type.clone(),
            bytes: asset.size_bytes,
            width: asset.width,
            height: asset.height,
            duration_seconds: asset.duration_seconds,
            sha256: asset.sha256.clone(),
        }
    }

    pub fn line(&self) -> String {
        let sides = match (self.width, self.height) {
            (Some(width), Some(height)) => format!("{width}×{height} "),
            _ => String::new(),
        };
        let name = self.name.as_deref().unwrap_or("Stored");
        format!(
            "{name}: {sides}{}, {}. file_id {}\n{}",
            self.mime_type,
            size_in_words(self.bytes),
            self.file_id,
            self.file_url
        )
    }
}

/// What of an intent differs from door to door.
pub struct Asked {
    pub announced: Announced,
    pub door: Door,
    pub alt: Option<String>,
}

/// Checks who and what, and opens the upload.
pub async fn open<P: Platform>(
    context: &Context<'_, P>,
    workspace: Option<&str>,
    asked: Asked,
) -> Result<View, Fault> {
    let workspace_id = resolve(context, workspace).await?;
    let Asked { announced, door, alt } = asked;
    let alt = alt.unwrap_or_default();
    if alt.chars().count() > MAX_ALT_CHARS {
        return Err(Refusal::invalid(format!("`alt_text` may have {MAX_ALT_CHARS} characters.")).into());
    }
    let now = context.platform.now();
    let intent = Intent {
        asset_id: AssetId::mint(now, &context.platform.random()),
        workspace_id,
        person: context.caller.person.clone(),
        actor: Actor::person(&context.caller.person, Some(context.caller.token_id()), context.request_id),
        credential: Some(context.caller.credential().clone()),
        door,
        name: announced.name,
        declared: announced.declared,
        size_bytes: announced.size_bytes,
        sha256: announced.sha256,
        alt,
        max_bytes: announced.max_bytes,
        created_at: now,
        expires_at: now.plus_seconds(i64::from(context.platform.config().upload_url_seconds)),
    };
    let id = intent.asset_id.clone();
    Ok(uploads::view(context.platform, &id, Command::Open(Box::new(intent))).await??)
}

/// An upload of the caller's own.
pub async fn find<P: Platform>(
    context: &Context<'_, P>,
    id: &AssetId,
    wait_millis: i64,
) -> Result<View, Fault> {
    let get = async |wait_millis| uploads::view(context.platform, id, Command::Get { wait_millis }).await;
    // Whose it is comes first: how long the answer takes must not tell others that there is one.
    let view = get(0).await?.map_err(|_| unknown())?;
    check_owner(context, &view)?;
    if wait_millis == 0 || view.asset.is_some() {
        return Ok(view);
    }
    Ok(get(wait_millis).await?.map_err(|_| unknown())?)
}

/// Somebody else's upload answers as one that does not exist.
pub fn check_owner<P: Platform>(context: &Context<'_, P>, view: &View) -> Result<(), Refusal> {
    let caller = context.caller;
    let is_bound_elsewhere =
        caller.workspace.as_ref().is_some_and(|workspace| *workspace != view.intent.workspace_id);
    if view.intent.person != caller.person || is_bound_elsewhere { Err(unknown()) } else { Ok(()) }
}

pub fn unknown() -> Refusal {
    Refusal::new(Code::SessionNotFound, "No upload of yours has this id, or it ended more than a day ago.")
        .next("Use the id that the upload began with; files that were stored are in list_media.")
}

/// `field`: the argument, for the message.
pub fn upload_id(field: &str, text: &str) -> Result<AssetId, Refusal> {
    AssetId::parse(text).ok_or_else(|| {
        Refusal::invalid(format!("`{field}` must be the id that the upload began with."))
            .next(unknown().next_step().to_owned())
    })
}

/// The answer of both tools that hand out a URL.
pub async fn ticket<P: Platform>(
    context: &Context<'_, P>,
    workspace: Option<&str>,
    wanted: Wanted,
    alt: Option<String>,
    for_post: bool,
) -> Result<Answer<Ticket>, Fault> {
    if upload_pages::is_page(&wanted) {
        return upload_pages::ticket(context, workspace, wanted.max_bytes, alt).await;
    }
    let announced = wanted.check()?;
    let needs_parts = announced.needs_parts();
    if needs_parts && announced.declared.is_none() {
        let refusal =
            Refusal::invalid(format!("`{}` is needed for a file this large.", wanted.names.mime_type));
        return Err(refusal.into());
    }
    let part_bytes = needs_parts.then_some(limits::PART_BYTES);
    let asked = Asked { announced, door: Door::Put { part_bytes }, alt };
    let view = open(context, workspace, asked).await?;
    let id = view.intent.asset_id.clone();
    let token = token::make(context.platform, &id);
    let url = format!("{}{}{token}", context.origin, api_path::UPLOADS);
    let name = view.intent.name.as_deref().unwrap_or("FILE");
    let curl = match (part_bytes, presigned::put(context.platform, &view.intent)) {
        // -g: brackets and braces in the name are themselves.
        (None, _) => format!("curl -gsS -T {} '{url}'", posix(name)),
        (Some(_), Some(put)) => straight(&posix(name), &url, &put),
        (Some(bytes), None) => in_parts(&posix(name), &url, bytes),
    };
    let powershell = part_bytes.is_none().then(|| {
        format!("Invoke-RestMethod -Method Put -InFile '{}' -Uri '{url}'", name.replace('\'', "''"))
    });
    let most = size_in_words(view.intent.most());
    let expires_at = view.expires_at.iso();
    let text = format!(
        "Run, with the file's path:\n{curl}\nIt answers with file_url. One file of at most {most}, until {expires_at}. No shell: give the person upload_page_url."
    );
    Ok(Answer::new(
        text,
        Ticket {
            upload_id: None,
            file_id: (!for_post).then(|| id.to_string()),
            asset_intent_id: for_post.then(|| id.to_string()),
            upload_page_url: format!("{}{}{token}", context.origin, api_path::UPLOAD_PAGE),
            upload_url: Some(url),
            curl: Some(curl),
            powershell,
            expires_at,
            max_bytes: view.intent.most(),
        },
    ))
}

/// One argument of a POSIX shell. A name that begins with a hyphen would be an option.
fn posix(name: &str) -> String {
    let path = if name.starts_with('-') { format!("./{name}") } else { name.to_owned() };
    quoted(&path)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Splits, sends four parts at once, and when it is run again sends only what is missing.
fn in_parts(file: &str, url: &str, part_bytes: u64) -> String {
    format!(
        "F={file} U='{url}'\n\
         put() {{ curl -fsS \"$U/missing\" | xargs -P4 -I% sh -c 'dd if=\"$0\" bs={part_bytes} skip=$((%-1)) count=1 2>/dev/null | curl -fsS --retry 5 -o /dev/null -X PUT --data-binary @- \"$1/parts/%\"' \"$F\" \"$U\"; }}\n\
         put || put || put; curl -sS -X POST \"$U/complete\""
    )
}

/// To object storage itself, and then a word to the gateway.
fn straight(file: &str, url: &str, put: &presigned::Put) -> String {
    let headers: String = put
        .headers
        .iter()
        .map(|(name, value)| format!(" -H {}", quoted(&format!("{name}: {value}"))))
        .collect();
    format!("curl -fsS -T {file}{headers} '{}' && curl -sS -X POST '{url}/complete'", put.url)
}

/// A file from another server, and what became of it within a call's time.
pub async fn import<P: Platform>(
    context: &Context<'_, P>,
    workspace: Option<&str>,
    url: Option<&str>,
    file: Option<&FileParam>,
    mut wanted: Wanted,
    alt: Option<String>,
) -> Result<Answer<UploadView>, Fault> {
    let (url, is_file) = match (url, file) {
        (Some(url), None) => (url, false),
        (None, Some(file)) => (file.download_url.as_str(), true),
        _ => return Err(Refusal::invalid("Give one of `url` and `file`, and not both.").into()),
    };
    if let Some(file) = file {
        wanted.name = wanted.name.or_else(|| file.file_name.clone());
    }
    // On one's own machine another server on it may be asked too; anywhere else only public ones.
    let reach = if origin::is_loopback(context.origin) { Reach::Loopback } else { Reach::Public };
    if let Err(why) = outbound::check(url, reach) {
        let field = if is_file { "file.download_url" } else { "url" };
        let refusal = Refusal::invalid(format!("`{field}` cannot be fetched: {why}."));
        let next = "Give another public https address, or upload the file with request_upload_url.";
        return Err(refusal.next(next).into());
    }
    // What the name says of the type is a hint at most.
    let announced = Announced { declared: None, ..wanted.check()? };
    let asked = Asked { announced, door: Door::Url { url: url.to_owned(), reach }, alt };
    let opened = open(context, workspace, asked).await?;
    let id = opened.intent.asset_id;
    let view = find(context, &id, IMPORT_WAIT_MILLIS).await?;
    if let Some(error) = &view.error {
        return Err(error.clone().into());
    }
    Ok(answer(context, &view))
}

pub fn answer<P: Platform>(context: &Context<'_, P>, view: &View) -> Answer<UploadView> {
    let file = view.asset.as_ref().map(|asset| FileView::of(context, &view.intent.workspace_id, asset));
    let text = match (&file, &view.error) {
        (Some(file), _) => file.line(),
        (None, Some(error)) => error.line(),
        (None, None) if view.word == Word::Expired => uploads::gone().line(),
        (None, None) => {
            format!(
                "The upload is {}. Next: call get_upload_status with upload_id {} and wait_seconds.",
                view.word.as_str(),
                view.intent.asset_id
            )
        }
    };
    let is_stored = file.is_some();
    Answer::new(
        text,
        UploadView {
            upload_id: view.intent.asset_id.to_string(),
            state: view.word,
            file,
            error: view.error.as_ref().map(ErrorView::of),
            received_bytes: view.pieces.as_ref().map(|pieces| pieces.received_bytes),
            expires_at: (!is_stored).then(|| view.expires_at.iso()),
        },
    )
}

/// What the tools of posts call their arguments.
pub const POST_NAMES: Names = Names { name: "filename", mime_type: "mime_type", size: "total_size_bytes" };

/// Base64 as models and programs write it: with line breaks, as a data URL, in either alphabet, padded or not.
pub fn decode(field: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    let data = match text.split_once(',') {
        Some((head, data)) if head.starts_with("data:") => data,
        _ => text,
    };
    let plain: String = data
        .chars()
        .filter(|c| !c.is_ascii_whitespace() && *c != '=')
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            c => c,
        })
        .collect();
    crate::crypto::from_base64url(&plain).ok_or_else(|| {
        Refusal::invalid(format!("`{field}` is not base64.")).next("Send the bytes of the file as base64.")
    })
}
