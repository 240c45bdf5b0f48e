//! The owner's self-check: what is set up, what is not, and how to fix it.
//! Not for: finding it out (`pages`).

use super::Nav;
use super::parts::{self, Notice};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Check {
    pub nav: Nav,
    pub notice: Option<Notice>,
    pub rows: Vec<CheckRow>,
}

#[derive(Clone, Debug)]
pub struct CheckRow {
    pub state: CheckState,
    pub title: String,
    pub detail: String,
    /// What to do about it. A command stands on a line of its own.
    pub fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    Ok,
    Warn,
    Fail,
}

pub fn check(view: &Check) -> String {
    let count = |state| view.rows.iter().filter(|row| row.state == state).count();
    let verdict = match (count(CheckState::Fail), count(CheckState::Warn)) {
        (0, 0) => "Everything that can be checked from here is in order.".to_owned(),
        (0, warn) => format!("Nothing is broken. {} could be better.", things(warn)),
        (fail, 0) => format!("{} must be fixed.", things(fail)),
        (fail, warn) => {
            format!("{} must be fixed, {} could be better.", things(fail), things(warn).to_lowercase())
        }
    };
    let main = html! {
        div.wide-page {
            (parts::heading("Self-check", &html! { (verdict) }))
            (parts::told(view.notice.as_ref()))
            ul.checks.card {
                @for row in &view.rows { (line(row)) }
            }
        }
    };
    super::document("Self-check", Some(&view.nav), main)
}

fn line(row: &CheckRow) -> Markup {
    let (class, word) = match row.state {
        CheckState::Ok => ("state ok", "In order"),
        CheckState::Warn => ("state warn", "Improve"),
        CheckState::Fail => ("state fail", "Fix"),
    };
    html! {
        li {
            span class=(class) { (word) }
            div {
                h2.item-title { (row.title) }
                p { (row.detail) }
                @if let Some(fix) = &row.fix { p.hint { (fix) } }
            }
        }
    }
}

fn things(count: usize) -> String {
    if count == 1 { "One thing".to_owned() } else { format!("{count} things") }
}
