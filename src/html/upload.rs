//! The upload page, a one-time link for somebody whose AI app cannot send files by itself. `upload.js` gives it life: what
//! stands here is its frame, the limits it is told, and the row it copies for each file.
//! Not for: who may send what (`pages::upload`, `uploads`), which decides again whatever the page has let through.

use super::parts;
use crate::http::Response;
use maud::{Markup, html};
use std::sync::LazyLock;

const SCRIPT: &str = include_str!("upload.js");
static SCRIPT_VERSION: LazyLock<String> = LazyLock::new(|| super::version(SCRIPT));

/// Beside what every page may do: our own script, which asks this gateway alone and shows pictures from memory.
const CSP: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone, Debug)]
pub struct Upload {
    pub workspace: String,
    /// Several files may come; else one.
    pub is_several: bool,
    /// What the one file was announced as.
    pub name: Option<String>,
    pub max_files: usize,
    /// ISO 8601.
    pub expires_at: String,
    pub expires_in_words: String,
    pub kinds: Vec<Kind>,
    /// A command for a shell that does the same, where there is one.
    pub curl: Option<String>,
}

/// A type of file that is taken.
#[derive(Clone, Debug)]
pub struct Kind {
    pub mime: String,
    pub label: String,
    /// Without the dot.
    pub extensions: Vec<String>,
    pub max_bytes: u64,
    pub max_in_words: String,
}

/// A link that takes nothing more.
#[derive(Clone, Debug)]
pub struct Closed {
    pub title: String,
    pub what: String,
    pub next: String,
}

pub fn upload(view: &Upload) -> String {
    let title = match (&view.name, view.is_several) {
        (Some(name), false) => format!("Upload {}", parts::clean(name)),
        (None, false) => "Upload a file".to_owned(),
        (_, true) => "Upload files".to_owned(),
    };
    let main = html! {
        div.narrow.uploads #uploads data-several=(view.is_several) data-max-files=(view.max_files) data-kinds=(kinds(view)) {
            div.heading {
                h1 #title tabindex="-1" { (title) }
                p.lead #lead {
                    "For the workspace " strong { (parts::name(&view.workspace)) } ", asked for in your AI app. Its members will see what you upload."
                }
            }
            noscript { (parts::notice(parts::Tone::Caution, Some("This page needs JavaScript"), &without_script(view))) }
            div #open hidden {
                (choose(view))
                (list(view))
            }
            p.fine #until hidden { "This link works until " time #expires datetime=(view.expires_at) { (view.expires_in_words) } ". Whoever has it can upload here: keep it to yourself." }
            div.unseen #announcer role="status" aria-live="polite" {}
            (row())
        }
        script src={ "/upload.js?v=" (*SCRIPT_VERSION) } type="module" {}
    };
    super::document(&title, None, main)
}

fn without_script(view: &Upload) -> Markup {
    html! {
        @if let Some(curl) = &view.curl {
            p { "Turn it on, or send the file from a terminal:" }
            (parts::code(curl))
        } @else {
            p { "Turn it on. Or go back to the chat and ask for an upload URL for one file by its name: it comes with a curl command for a terminal." }
        }
    }
}

fn choose(view: &Upload) -> Markup {
    let accept: Vec<_> = view.kinds.iter().map(|kind| kind.mime.as_str()).collect();
    let takes_pictures = accept.iter().any(|mime| mime.starts_with("image/"));
    let choose = if view.is_several { "Choose files" } else { "Choose a file" };
    html! {
        section.card.drop #drop aria-labelledby="choose-title" {
            h2.unseen #choose-title { "Choose what to upload" }
            p.drop-lead { @if view.is_several { "Drop files here" } @else { "Drop the file here" } }
            div.row-actions {
                button.primary #choose type="button" aria-describedby="limits" { (choose) }
                @if takes_pictures { button.on-touch #photograph type="button" { "Take a photo" } }
            }
            p.hint.paste-hint { "or paste a picture" }
            p.hint #limits { (limits(view)) }
            div hidden {
                label for="files" { (choose) }
                input #files type="file" accept=(accept.join(",")) multiple[view.is_several];
                label for="camera" { "Take a photo" }
                input #camera type="file" accept="image/jpeg,image/png,image/webp" capture="environment";
            }
        }
    }
}

fn list(view: &Upload) -> Markup {
    html! {
        section.card #list aria-labelledby="list-title" hidden {
            div.split {
                h2 #list-title { @if view.is_several { "Files" } @else { "File" } }
                p.hint #summary {}
            }
            ul.rows #rows {}
            div.stack #finish hidden[!view.is_several] {
                button.primary.wide #done type="button" disabled aria-describedby="done-hint" { "Done" }
                p.hint #done-hint { "Press it when every file is stored; then go back to the chat." }
            }
        }
    }
}

/// What `upload.js` copies for each file.
fn row() -> Markup {
    html! {
        template #row {
            li.upload {
                span.thumbnail aria-hidden="true" { img alt="" hidden; span.extension {} }
                div.upload-body {
                    p.upload-head { strong.row-name {} span.hint.size {} }
                    progress max="100" value="0" {}
                    p.said {}
                }
                div.row-actions {
                    button.small.retry type="button" hidden {}
                    button.small.remove type="button" { "Remove" span.unseen {} }
                }
            }
        }
    }
}

/// `PNG, JPEG and WebP up to 105 MB; MP4 up to 5.4 GB`
fn limits(view: &Upload) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for kind in &view.kinds {
        match groups.last_mut() {
            Some((most, labels)) if *most == kind.max_in_words => labels.push(&kind.label),
            _ => groups.push((&kind.max_in_words, vec![&kind.label])),
        }
    }
    let words: Vec<_> =
        groups.iter().map(|(most, labels)| format!("{} up to {most}", joined(labels))).collect();
    let most = if view.is_several { format!(" At most {} files.", view.max_files) } else { String::new() };
    format!("{}.{most}", words.join("; "))
}

fn joined(labels: &[&str]) -> String {
    match labels.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => labels.concat(),
    }
}

fn kinds(view: &Upload) -> String {
    let kind = |kind: &Kind| {
        serde_json::json!({
            "mime": kind.mime, "extensions": kind.extensions, "label": kind.label,
            "max": kind.max_bytes, "words": kind.max_in_words,
        })
    };
    serde_json::Value::from_iter(view.kinds.iter().map(kind)).to_string()
}

pub fn closed(view: &Closed) -> String {
    let main = html! {
        div.narrow {
            div.heading {
                h1 { (view.title) }
                p.lead { (view.what) }
            }
            section.card aria-labelledby="next" {
                h2 #next { "What to do" }
                p { (view.next) }
            }
        }
    };
    super::document(&view.title, None, main)
}

/// The address is the authority, so no other page learns it: not by a referrer, not from a cache or an index.
pub fn page<S>(status: u16, html: String) -> Response<S> {
    Response::text(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", CSP)
        .with("x-frame-options", "DENY")
        .with("x-content-type-options", "nosniff")
        .with("x-robots-tag", "noindex, nofollow")
        .with("referrer-policy", "no-referrer")
        .with("cross-origin-opener-policy", "same-origin")
        .with("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
        .with("cache-control", "no-store")
}

/// `GET /upload.js`, whatever its query says.
pub fn script<S>() -> Response<S> {
    super::for_ever("text/javascript; charset=utf-8", SCRIPT)
}
