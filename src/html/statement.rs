//! What happened in a workspace, newest first: the statement of its Creative Units, and the activity owners see.
//! Not for: how it is read or written down (`workspace::ledger`, `workspace::audit`).

use super::Nav;
use super::parts;
use maud::{Markup, html};

/// One row of the statement, in words.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: String,
    /// `Added`, `Set aside`, …
    pub what: String,
    /// The run, or the note.
    pub more: String,
    /// With its sign.
    pub units: String,
    pub balance: String,
    pub who: String,
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub nav: Nav,
    pub workspace_id: String,
    pub workspace: String,
    pub lines: Vec<Line>,
    /// Whole addresses of this gateway.
    pub newest: Option<String>,
    pub older: Option<String>,
    pub csv: String,
    /// The most rows one file holds.
    pub csv_rows: u32,
}

/// One row of the activity, in words.
#[derive(Clone, Debug)]
pub struct Deed {
    pub at: String,
    pub who: String,
    /// By which token or app, when not in a browser.
    pub by: Option<String>,
    pub what: String,
    /// The id of what it was done to.
    pub subject: String,
    pub details: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Activity {
    pub nav: Nav,
    pub workspace_id: String,
    pub workspace: String,
    pub deeds: Vec<Deed>,
    pub newest: Option<String>,
    pub older: Option<String>,
    /// Days the log is kept.
    pub days: i64,
}

pub fn statement(view: &Statement) -> String {
    let lead = html! { "Every change of the Creative Units of " (parts::name(&view.workspace)) ", newest first. A run sets aside the most it can cost; when it ends, what it cost is spent and the rest given back." };
    let main = html! {
        div.wide-page {
            (heading("Statement", &view.workspace_id, &view.workspace, &lead))
            section.card aria-label="Statement" {
                @if view.lines.is_empty() { p.hint { "Nothing yet." } } @else { (lines("statement", &view.lines)) }
                (pages(view.newest.as_deref(), view.older.as_deref()))
            }
            p.fine {
                a href=(view.csv) download { "Download as CSV" }
                " from the first row of this page on, up to " (view.csv_rows) " rows. Programs read it at "
                code.nowrap { "/api/v1/workspaces/" (view.workspace_id) "/ledger" } "."
            }
        }
    };
    super::document(&format!("Statement of {}", view.workspace), Some(&view.nav), main)
}

pub fn activity(view: &Activity) -> String {
    let lead = html! { "Who spent, granted or changed something in " (parts::name(&view.workspace)) ", newest first. Kept for " (view.days) " days; only owners see it." };
    let main = html! {
        div.wide-page {
            (heading("Activity", &view.workspace_id, &view.workspace, &lead))
            section.card aria-label="Activity" {
                @if view.deeds.is_empty() { p.hint { "Nothing yet." } } @else { (deeds(&view.deeds)) }
                (pages(view.newest.as_deref(), view.older.as_deref()))
            }
            p.fine { "Programs read it at " code.nowrap { "/api/v1/workspaces/" (view.workspace_id) "/audit" } ", as JSON or CSV." }
        }
    };
    super::document(&format!("Activity in {}", view.workspace), Some(&view.nav), main)
}

fn heading(title: &str, id: &str, workspace: &str, lead: &Markup) -> Markup {
    html! {
        div.heading {
            p.context { a href={ "/account/workspaces/" (id) } { (parts::name(workspace)) } }
            h1 { (title) }
            p.lead { (lead) }
        }
    }
}

fn pages(newest: Option<&str>, older: Option<&str>) -> Markup {
    html! {
        @if newest.is_some() || older.is_some() {
            nav.pages aria-label="Pages" {
                @if let Some(href) = newest { a.button.small href=(href) { "Newest" } }
                @if let Some(href) = older { a.button.small href=(href) rel="next" { "Older" } }
            }
        }
    }
}

/// A table that scrolls in its own box, reached by keyboard; `key` keeps two in one page apart.
fn boxed(key: &str, caption: &str, table: &Markup) -> Markup {
    html! {
        div.table-box role="region" aria-labelledby={ (key) "-caption" } tabindex="0" {
            table { caption.unseen #{ (key) "-caption" } { (caption) } (table) }
        }
    }
}

pub(super) fn lines(key: &str, lines: &[Line]) -> Markup {
    let table = html! {
        thead {
            tr {
                th scope="col" { "What" }
                th.number scope="col" { "Units" }
                th.number scope="col" { "Free after" }
                th scope="col" { "Who" }
                th scope="col" { "When" }
            }
        }
        tbody {
            @for line in lines {
                tr {
                    th scope="row" {
                        (line.what)
                        @if !line.more.is_empty() { span.hint { (parts::clean(&line.more)) } }
                    }
                    td.number { (line.units) }
                    td.number { (line.balance) }
                    td.party { (parts::name(&line.who)) }
                    td.when { (line.at) }
                }
            }
        }
    };
    boxed(key, "Changes of Creative Units, newest first", &table)
}

fn deeds(deeds: &[Deed]) -> Markup {
    let table = html! {
        thead {
            tr {
                th scope="col" { "What" }
                th scope="col" { "Who" }
                th scope="col" { "Details" }
                th scope="col" { "When" }
            }
        }
        tbody {
            @for deed in deeds {
                tr {
                    th scope="row" {
                        (deed.what)
                        @if !deed.subject.is_empty() { span.hint { (parts::clean(&deed.subject)) } }
                    }
                    td.party {
                        (parts::name(&deed.who))
                        @if let Some(by) = &deed.by { span.hint { "with " (parts::clean(by)) } }
                    }
                    td.details {
                        @for (name, value) in &deed.details {
                            span.detail { (parts::clean(name)) ": " (parts::name(value)) }
                        }
                    }
                    td.when { (deed.at) }
                }
            }
        }
    };
    boxed("activity", "What was done, newest first", &table)
}
