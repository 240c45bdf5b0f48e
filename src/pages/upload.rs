//! `/upload/{token}`: a page on which somebody hands files over without signing in. The token is the authority, for this
//! and nothing else; the bytes go to the uploads' own URLs (`api::uploads`).
//!
//! | | |
//! |---|---|
//! | `GET` | the page; it uses nothing up, so previews of links do no harm |
//! | `GET …/state` | `{state, expires_at, files}` |
//! | `POST …/files` | `{key, name, type, size}` → one file of `state`, with where it goes |
//! | `POST …/done` | `{}`: nothing more will come |
//!
//! Not for: how the page looks (`html::upload`), or what may come (`uploads`).

use crate::api::rest;
use crate::api_path::{UPLOAD_PAGE, UPLOADS};
use crate::error::{Code, Refusal};
use crate::html::upload::{self as view, Closed, Kind};
use crate::http::{Payload, Request, Response};
use crate::id::{AssetId, PersonId, WorkspaceId};
use crate::media::size_in_words;
use crate::media::sniff::MediaType;
use crate::origin;
use crate::platform::{Level, Platform, Unavailable};
use crate::uploads::batch::{self, Look};
use crate::uploads::intent::Wanted;
use crate::uploads::{self, Command, Reply, View, Word, limits, token};
use crate::workspace;
use serde::{Deserialize, Serialize};
use serde_json::json;

const ANOTHER: &str = "Go back to the chat and ask for a new upload link.";

/// What a link opens.
enum Found {
    Page(Look),
    File(View),
}

/// How far a file is, as the page's script reads it.
#[derive(Serialize)]
struct FileBody {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    state: Word,
    upload_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    part_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_parts: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct StateBody {
    state: Word,
    expires_at: String,
    files: Vec<FileBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFile {
    key: String,
    name: String,
    #[serde(rename = "type", default)]
    mime_type: String,
    size: i64,
}

type Outcome<T> = Result<Result<T, Refusal>, Unavailable>;

/// None: there is no such address.
pub async fn serve<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let rest = request.path.strip_prefix(UPLOAD_PAGE)?;
    let (token, what) = rest.split_once('/').unwrap_or((rest, ""));
    let id = token::parse(platform, token);
    let asked = Asked { platform, request, request_id, token };
    let outcome = match (request.method.as_str(), what) {
        ("GET" | "HEAD", "") => return Some(asked.page(id).await),
        ("GET" | "HEAD", "state") => asked.state(id).await,
        ("POST", "files") => asked.add(id).await,
        ("POST", "done") => asked.done(id).await,
        _ => return None,
    };
    let response = match outcome {
        Ok(Ok(body)) => Response::json(200, body).with("cache-control", "no-store"),
        Ok(Err(refusal)) => rest::refuse(&refusal, request_id),
        Err(reason) => {
            asked.note(&reason);
            let refusal = Refusal::new(Code::Internal, "The gateway could not reach its own storage.");
            rest::with_status(503, &refusal.retry_after(2), request_id)
        }
    };
    let response = response.with("referrer-policy", "no-referrer").with("x-content-type-options", "nosniff");
    Some(response)
}

struct Asked<'a, P: Platform> {
    platform: &'a P,
    request: &'a Request,
    request_id: &'a str,
    token: &'a str,
}

impl<P: Platform> Asked<'_, P> {
    fn note(&self, reason: &Unavailable) {
        let fields = json!({ "request_id": self.request_id, "reason": reason.0 });
        self.platform.log(Level::Error, "upload_page.unavailable", fields);
    }

    async fn find(&self, id: Option<AssetId>) -> Outcome<Found> {
        let Some(id) = id else {
            let refusal = Refusal::new(Code::SessionNotFound, "This link is mistyped or cut short.");
            return Ok(Err(refusal.next("Copy the whole link from the chat, or ask for a new one there.")));
        };
        Ok(match uploads::ask(self.platform, &id, Command::Get { wait_millis: 0 }).await? {
            Ok(Reply::Batch(batch)) => Ok(Found::Page(batch::look(self.platform, *batch).await?)),
            Ok(Reply::View(view)) => Ok(Found::File(*view)),
            Ok(_) => Err(expired()),
            Err(_) => Err(expired()),
        })
    }

    // The page.

    async fn page(&self, id: Option<AssetId>) -> Response<P::Stream> {
        let page = match self.find(id).await {
            Ok(Ok(found)) => self.filled(found).await,
            Ok(Err(refusal)) => Ok(closed(&refusal)),
            Err(reason) => Err(reason),
        };
        page.unwrap_or_else(|reason| {
            self.note(&reason);
            let closed = Closed {
                title: "Just a moment".to_owned(),
                what: "The gateway could not reach its own storage.".to_owned(),
                next: "Open the link again in a moment.".to_owned(),
            };
            view::page(503, view::closed(&closed))
        })
    }

    async fn filled(&self, found: Found) -> Result<Response<P::Stream>, Unavailable> {
        let now = self.platform.now();
        if let Some(over) = over(&found, now) {
            return Ok(over);
        }
        let (workspace, person) = match &found {
            Found::Page(Look { batch, .. }) => (&batch.workspace_id, &batch.person),
            Found::File(view) => (&view.intent.workspace_id, &view.intent.person),
        };
        let workspace = match self.workspace(workspace, person).await? {
            Ok(name) => name,
            Err(refusal) => return Ok(closed(&refusal)),
        };
        let page = match &found {
            Found::Page(Look { batch, .. }) => view::Upload {
                workspace,
                is_several: true,
                name: None,
                max_files: batch::MAX_FILES,
                expires_at: batch.expires_at.iso(),
                expires_in_words: batch.expires_at.words(),
                kinds: kinds(None, batch.max_bytes),
                curl: None,
            },
            Found::File(view) => view::Upload {
                workspace,
                is_several: false,
                name: view.intent.name.clone(),
                max_files: 1,
                expires_at: view.expires_at.iso(),
                expires_in_words: view.expires_at.words(),
                kinds: kinds(view.intent.declared, view.intent.most()),
                curl: view.intent.part_bytes().is_none().then(|| {
                    let origin = origin::public(self.platform.config(), self.request);
                    format!("curl -sS -T FILE '{origin}{UPLOADS}{}'", self.token)
                }),
            },
        };
        Ok(view::page(200, view::upload(&page)))
    }

    async fn workspace(&self, id: &WorkspaceId, person: &PersonId) -> Outcome<String> {
        let command = workspace::Command::Summary { person: person.clone() };
        Ok(match workspace::ask(self.platform, id, command).await? {
            Ok(workspace::Reply::Summary(summary)) => Ok(summary.name),
            Ok(_) => return Err(Unavailable("the workspace answered with something else".into())),
            Err(_) => {
                let message = "Whoever asked for this link is no longer in the workspace it is for.";
                Err(Refusal::new(Code::Forbidden, message).next("Ask an owner of the workspace for access."))
            }
        })
    }

    // Its script.

    fn file(&self, key: &str, view: &View) -> FileBody {
        let mut error = view.error.as_ref().map(|error| error.body(self.request_id));
        if view.asset.is_some() {
            error = None;
        }
        FileBody {
            key: key.to_owned(),
            name: view.intent.name.clone(),
            size: view.intent.size_bytes,
            state: view.word,
            upload_url: format!("{UPLOADS}{}", token::make(self.platform, &view.intent.asset_id)),
            part_bytes: view.intent.part_bytes(),
            received_parts: view.pieces.as_ref().map(|pieces| pieces.received.clone()),
            error,
        }
    }

    async fn state(&self, id: Option<AssetId>) -> Outcome<String> {
        Ok(self.find(id).await?.map(|found| self.body(&found)))
    }

    fn body(&self, found: &Found) -> String {
        let body = match found {
            Found::Page(look) => StateBody {
                state: look.word(self.platform.now()),
                expires_at: look.batch.expires_at.iso(),
                files: look.files.iter().map(|(key, view)| self.file(key, view)).collect(),
            },
            Found::File(view) => StateBody {
                state: view.word,
                expires_at: view.expires_at.iso(),
                files: vec![self.file("", view)],
            },
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Refusal> {
        let is_json =
            self.request.headers.get("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json {
            return Err(Refusal::invalid("Send JSON, with Content-Type: application/json."));
        }
        match &self.request.payload {
            Payload::Text(text) => {
                serde_json::from_str(text).map_err(|fault| Refusal::invalid(format!("The body: {fault}.")))
            }
            Payload::TooLarge => Err(Refusal::invalid("The body is too large.")),
        }
    }

    async fn add(&self, id: Option<AssetId>) -> Outcome<String> {
        let file: NewFile = match self.json() {
            Ok(file) => file,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let view = match self.find(id).await? {
            Ok(Found::Page(look)) => {
                let announced = match wanted(&file, look.batch.max_bytes).check() {
                    Ok(announced) => announced,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                batch::add_file(self.platform, &look.batch.batch_id, &file.key, announced).await?
            }
            Ok(Found::File(view)) => take_one(view, &file),
            Err(refusal) => Err(refusal),
        };
        let body = |view| serde_json::to_string(&self.file(&file.key, &view)).unwrap_or_default();
        Ok(view.map(body))
    }

    async fn done(&self, id: Option<AssetId>) -> Outcome<String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        if let Err(refusal) = self.json::<Nothing>() {
            return Ok(Err(refusal));
        }
        Ok(match self.find(id).await? {
            Ok(Found::Page(look)) => {
                batch::done(self.platform, look).await?.map(|look| self.body(&Found::Page(look)))
            }
            Ok(Found::File(view)) => Ok(self.body(&Found::File(view))),
            Err(refusal) => Err(refusal),
        })
    }
}

/// By what the browser says of it where it says something of use, else by the name.
fn wanted(file: &NewFile, max_bytes: u64) -> Wanted {
    let mime_type = MediaType::parse_mime(&file.mime_type).map(|media| media.mime().to_owned());
    Wanted {
        name: Some(file.name.clone()),
        mime_type,
        size_bytes: Some(file.size),
        max_bytes: Some(max_bytes),
        ..Wanted::default()
    }
}

/// Whether the file can be the one that the link was made for.
fn take_one(view: View, file: &NewFile) -> Result<View, Refusal> {
    if view.asset.is_some() {
        return Err(Refusal::new(Code::UploadConflict, "This link has been used.").next(ANOTHER));
    }
    if view.word == Word::Expired {
        return Err(expired());
    }
    let announced = wanted(file, view.intent.max_bytes).check()?;
    view.intent.check_length(announced.size_bytes.unwrap_or(0)).map_err(|refusal| refusal.next(ANOTHER))?;
    let is_other = match (view.intent.declared, announced.declared) {
        (Some(wanted), Some(found)) => wanted.modality() != found.modality(),
        _ => false,
    };
    if is_other {
        let refusal = Refusal::new(Code::UploadFailed, "This link was made for a file of another kind.");
        return Err(refusal.next(ANOTHER));
    }
    if announced.size_bytes.is_some_and(|size| size > limits::MAX_BODY_BYTES)
        && view.intent.part_bytes().is_none()
    {
        let most = size_in_words(limits::MAX_BODY_BYTES);
        let refusal = Refusal::new(
            Code::FileTooLarge,
            format!("Without its size known before, a file may have {most}."),
        );
        return Err(refusal.next("Go back to the chat and ask for an upload page without naming the file."));
    }
    Ok(view)
}

fn expired() -> Refusal {
    Refusal::new(Code::SessionExpired, "This link has expired, or never existed.").next(ANOTHER)
}

fn closed<S>(refusal: &Refusal) -> Response<S> {
    let title = match refusal.code {
        Code::SessionNotFound => "This link does not work",
        Code::Forbidden => "This link was withdrawn",
        _ => "This link has expired",
    };
    let closed = Closed {
        title: title.to_owned(),
        what: refusal.message.clone(),
        next: refusal.next_step().to_owned(),
    };
    view::page(refusal.code.http_status(), view::closed(&closed))
}

/// The page of a link that takes nothing more.
fn over<S>(found: &Found, now: crate::time::Timestamp) -> Option<Response<S>> {
    let (word, stored) = match found {
        Found::Page(look) => (look.word(now), look.stored()),
        Found::File(view) => (view.word, usize::from(view.asset.is_some())),
    };
    match word {
        Word::Stored => {
            let title =
                if stored == 1 { "1 file is there".to_owned() } else { format!("{stored} files are there") };
            let closed = Closed {
                title,
                what: "This link has done its work and takes nothing more.".to_owned(),
                next: "Go back to the chat. To upload more, ask for another link there.".to_owned(),
            };
            Some(view::page(200, view::closed(&closed)))
        }
        Word::Expired => Some(closed(&expired())),
        Word::Pending | Word::Receiving | Word::Failed => None,
    }
}

/// What may come: every type that is taken, or those of the kind that was announced.
fn kinds(declared: Option<MediaType>, max_bytes: u64) -> Vec<Kind> {
    let is_taken =
        |media: &MediaType| declared.is_none_or(|declared| declared.modality() == media.modality());
    let kind = |media: MediaType| {
        let max_bytes = limits::max_bytes(media).min(max_bytes);
        let (label, extensions): (_, &[&str]) = match media {
            MediaType::Png => ("PNG", &["png"]),
            MediaType::Jpeg => ("JPEG", &["jpg", "jpeg"]),
            MediaType::Webp => ("WebP", &["webp"]),
            MediaType::Mp4 => ("MP4", &["mp4", "m4v"]),
            MediaType::Wav => ("WAV", &["wav"]),
            MediaType::Mp3 => ("MP3", &["mp3"]),
            MediaType::Svg | MediaType::Glb => ("", &[]),
        };
        Kind {
            mime: media.mime().to_owned(),
            label: label.to_owned(),
            extensions: extensions.iter().map(|&extension| extension.to_owned()).collect(),
            max_bytes,
            max_in_words: size_in_words(max_bytes),
        }
    };
    limits::ACCEPTED.into_iter().filter(is_taken).map(kind).collect()
}
