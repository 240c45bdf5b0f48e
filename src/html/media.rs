//! The files of a workspace as a grid of stills, and what they take up.
//! Not for: who may delete what (`workspace::trash`); a button that is shown can still be refused.

use super::Nav;
use super::parts::{self, Notice};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Media {
    pub nav: Nav,
    pub notice: Option<Notice>,
    pub workspace_id: String,
    pub workspace: String,
    pub usage: Usage,
    pub kinds: Vec<Kind>,
    /// The value of the kind that is chosen; empty: all.
    pub kind: String,
    pub files: Vec<File>,
    /// Whole addresses of this gateway.
    pub newest: Option<String>,
    pub older: Option<String>,
}

/// What all files take up, of how much.
#[derive(Clone, Debug)]
pub struct Usage {
    /// `1.2 GB`
    pub stored: String,
    /// None: any amount.
    pub quota: Option<String>,
    pub percent: u32,
}

/// One way to narrow the list.
#[derive(Clone, Debug)]
pub struct Kind {
    pub label: String,
    pub href: String,
    pub is_chosen: bool,
}

#[derive(Clone, Debug)]
pub struct File {
    pub asset_id: String,
    /// As the person called it, or what it is.
    pub title: String,
    /// Signed, to the file itself.
    pub href: String,
    /// Signed, to its still.
    pub thumbnail: Option<String>,
    pub alt: String,
    /// `512×512 image/png, 61 KB`
    pub facts: String,
    /// `Made by`, `Uploaded by`, …
    pub how: String,
    pub who: String,
    pub at: String,
    pub can_delete: bool,
}

pub fn media(view: &Media) -> String {
    let base = format!("/account/workspaces/{}", view.workspace_id);
    let main = html! {
        div.wide-page {
            div.heading {
                p.context { a href=(base) { (parts::name(&view.workspace)) } }
                h1 { "Files" }
                p.lead { "Everything made in and uploaded to " (parts::name(&view.workspace)) ", newest first." }
            }
            (parts::told(view.notice.as_ref()))
            (usage(&view.usage))
            section.card aria-label="Files" {
                nav.links aria-label="Kinds of files" {
                    @for kind in &view.kinds {
                        a href=(kind.href) aria-current=[kind.is_chosen.then_some("page")] { (kind.label) }
                    }
                }
                @if view.files.is_empty() {
                    p.hint { @if view.older.is_some() { "None among the files looked at so far." } @else { "Nothing yet." } }
                } @else {
                    ul.gallery { @for file in &view.files { (tile(file, &base, view)) } }
                }
                @if view.newest.is_some() || view.older.is_some() {
                    nav.pages aria-label="Pages" {
                        @if let Some(href) = &view.newest { a.button.small href=(href) { "Newest" } }
                        @if let Some(href) = &view.older { a.button.small href=(href) rel="next" { "Older" } }
                    }
                }
            }
            p.fine { "Links on this page work for a day. Programs read the list at " code.nowrap { "/api/v1/workspaces/" (view.workspace_id) "/media" } ", as JSON or CSV." }
        }
    };
    super::document(&format!("Files of {}", view.workspace), Some(&view.nav), main)
}

fn usage(usage: &Usage) -> Markup {
    parts::card(
        "usage",
        "Storage",
        &html! {
            @if let Some(quota) = &usage.quota {
                meter.usage min="0" max="100" high="90" optimum="0" value=(usage.percent.min(100)) aria-labelledby="usage" {
                    (usage.percent) " %"
                }
                p.hint { (usage.stored) " of " (quota) " used." @if usage.percent >= 90 { " Uploads beyond it are refused: delete what is no longer needed." } }
            } @else {
                p.hint { (usage.stored) " used; the operator has set no limit." }
            }
        },
    )
}

fn tile(file: &File, base: &str, view: &Media) -> Markup {
    let question = html! {
        p { "It is gone for everybody, and links to it stop working. This cannot be undone." }
        form method="post" action={ (base) "/media/delete" } {
            (parts::csrf(&view.nav.csrf))
            (parts::hidden("asset_id", &file.asset_id))
            (parts::hidden("kind", &view.kind))
            button.danger type="submit" { "Yes, delete" span.unseen { " " (parts::clean(&file.title)) } }
        }
    };
    html! {
        li {
            a.still href=(file.href) {
                @if let Some(thumbnail) = &file.thumbnail {
                    img src=(thumbnail) alt=(parts::clean(&file.alt)) loading="lazy" decoding="async";
                } @else {
                    span.hint { "No preview" span.unseen { " of " (parts::clean(&file.title)) } }
                }
            }
            strong.row-name { (parts::name(&file.title)) }
            p.fine { (file.facts) }
            p.fine { (file.how) " " (parts::name(&file.who)) ", " (file.at) }
            @if file.can_delete { (parts::confirm("Delete", &file.title, &question)) }
        }
    }
}
