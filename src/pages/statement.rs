//! `/account/workspaces/{id}/statement` and `…/activity`: what happened in a workspace, as a page and as CSV.
//! Not for: the same for programs (`api::ledger`, `api::audit`).

use super::workspaces::{ask, not_yours, parse};
use super::{Fault, Outcome, Visit, told};
use crate::api;
use crate::html::statement::{self as view, Deed, Line};
use crate::html::{self, Section};
use crate::http::percent_encode;
use crate::id::WorkspaceId;
use crate::page;
use crate::platform::Platform;
use crate::units::Units;
use crate::workspace::ledger::{Entry, Kind};
use crate::workspace::{Command, Reply, Summary, audit};
use serde_json::Value;

const PAGE_ROWS: u32 = 50;
/// Of one file: some megabytes, read a page at a time. A longer statement goes on from an older page.
const MAX_FILE_ROWS: u32 = 10_000;
const SECONDS_A_DAY: i64 = 24 * 3600;
/// Characters of an id that is shown where no name is known.
const SHORT_ID_CHARS: usize = 8;

/// What owners read of an event; others stand there as they are.
const DEEDS: &[(&str, &str)] = &[
    ("run.started", "Started a run"),
    ("units.granted", "Added Creative Units"),
    ("units.taken", "Took Creative Units away"),
    ("member.added", "Added a member"),
    ("member.joined", "Joined"),
    ("member.invited", "Invited somebody"),
    ("member.invitation_withdrawn", "Withdrew an invitation"),
    ("member.removed", "Removed a member"),
    ("member.role_changed", "Changed a role"),
    ("member.allowance_changed", "Changed what a member may spend"),
    ("workspace.threshold_changed", "Changed when to ask before a run"),
    ("workflow.created", "Made a workflow"),
    ("workflow.updated", "Changed a workflow"),
    ("workflow.published", "Published a workflow"),
    ("workflow.archived", "Archived a workflow"),
    ("workflow.restored", "Restored a workflow"),
    ("media.uploaded", "Uploaded a file"),
    ("media.deleted", "Deleted a file"),
    ("token.issued", "Made a token"),
    ("token.revoked", "Revoked a token"),
    ("token.allowance_changed", "Changed what a token may spend"),
    ("app.connected", "Connected an app"),
    ("app.disconnected", "Disconnected an app"),
    ("app.allowance_changed", "Changed what an app may spend"),
    ("person.signed_out_everywhere", "Signed out everywhere"),
];

/// The end of the statement, newest first.
pub async fn latest<P: Platform>(
    visit: &Visit<'_, P>,
    id: &WorkspaceId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>, Fault> {
    let person = visit.session.person.clone();
    match ask(visit, id, Command::Ledger { person, before, limit }).await? {
        Reply::Ledger(entries) => Ok(entries),
        _ => Ok(Vec::new()),
    }
}

async fn summary<P: Platform>(visit: &Visit<'_, P>, id: &WorkspaceId) -> Result<Summary, Fault> {
    match ask(visit, id, Command::Summary { person: visit.session.person.clone() }).await? {
        Reply::Summary(summary) => Ok(summary),
        _ => Err(not_yours()),
    }
}

/// A page of a list: where it begins, and the addresses around it.
struct Place {
    list: String,
    path: String,
    cursor: Option<String>,
    before: Option<i64>,
}

impl Place {
    fn of<P: Platform>(visit: &Visit<'_, P>, id: &WorkspaceId, name: &str) -> Result<Self, Fault> {
        let list = format!("page {name} of {id} for {}", visit.session.person);
        let cursor = visit.request.parameter("cursor");
        let after = page::open(visit.platform, &list, cursor.as_deref()).map_err(|_| {
            told(
                400,
                "This address of a page has expired or is not whole.",
                "Start from the newest page again.",
            )
        })?;
        let before = after.and_then(|row| row.parse().ok());
        Ok(Self { list, path: format!("/account/workspaces/{id}/{name}"), cursor, before })
    }

    fn newest(&self) -> Option<String> {
        self.cursor.is_some().then(|| self.path.clone())
    }

    /// Takes away what was fetched beyond the page.
    fn older<P: Platform, T>(
        &self,
        visit: &Visit<'_, P>,
        items: &mut Vec<T>,
        id: impl Fn(&T) -> i64,
    ) -> Option<String> {
        let has_more = items.len() > PAGE_ROWS as usize;
        items.truncate(PAGE_ROWS as usize);
        let last = items.last().filter(|_| has_more)?;
        let cursor = page::cursor(visit.platform, &self.list, &id(last).to_string());
        Some(format!("{}?cursor={}", self.path, percent_encode(&cursor)))
    }
}

pub async fn show<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let place = Place::of(visit, &id, "statement")?;
    let summary = summary(visit, &id).await?;
    let mut entries = latest(visit, &id, place.before, PAGE_ROWS + 1).await?;
    let older = place.older(visit, &mut entries, |entry| entry.row_id);
    let cursor = place.cursor.as_deref().map(|cursor| format!("?cursor={}", percent_encode(cursor)));
    let page = view::Statement {
        nav: visit.nav(Section::Workspaces),
        workspace_id: id.to_string(),
        workspace: summary.name,
        lines: entries.into_iter().map(line).collect(),
        newest: place.newest(),
        older,
        csv: format!("{}.csv{}", place.path, cursor.unwrap_or_default()),
        csv_rows: MAX_FILE_ROWS,
    };
    Ok(html::page(200, view::statement(&page), "'self'"))
}

/// `…/statement.csv`, from where the page begins that links to it.
pub async fn download<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let mut before = Place::of(visit, &id, "statement")?.before;
    let mut rows = Vec::new();
    while rows.len() < MAX_FILE_ROWS as usize {
        let found = latest(visit, &id, before, api::rest::MAX_CSV_ROWS).await?;
        let is_last = found.len() < api::rest::MAX_CSV_ROWS as usize;
        before = found.last().map(|last| last.row_id);
        rows.extend(found);
        if is_last {
            break;
        }
    }
    Ok(api::rest::csv(&format!("statement-{id}"), api::ledger::as_csv(rows)))
}

/// For owners; the workspace refuses everybody else.
pub async fn activity<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let place = Place::of(visit, &id, "activity")?;
    let summary = summary(visit, &id).await?;
    let person = visit.session.person.clone();
    let command = Command::Audit { person, before: place.before, limit: PAGE_ROWS + 1 };
    let Reply::Audit(mut entries) = ask(visit, &id, command).await? else { return Err(not_yours()) };
    let older = place.older(visit, &mut entries, |entry| entry.audit_id);
    let page = view::Activity {
        nav: visit.nav(Section::Workspaces),
        workspace_id: id.to_string(),
        workspace: summary.name,
        deeds: entries.into_iter().map(deed).collect(),
        newest: place.newest(),
        older,
        days: audit::KEEP_SECONDS / SECONDS_A_DAY,
    };
    Ok(html::page(200, view::activity(&page), "'self'"))
}

pub fn line(entry: Entry) -> Line {
    let signed = |sign: &str| format!("{sign}{}", entry.amount);
    let (what, units) = match entry.kind {
        Kind::Grant => ("Added", signed("+")),
        Kind::Adjust => ("Taken away", format!("−{}", Units::ZERO - entry.amount)),
        Kind::Reserve => ("Set aside", signed("−")),
        Kind::Settle => ("Spent", signed("")),
        Kind::Release => ("Given back", signed("+")),
    };
    Line {
        at: entry.at.words(),
        what: what.into(),
        more: entry.run_id.map_or(entry.note, |run| format!("Run {run}")),
        units,
        balance: entry.balance.to_string(),
        who: who(&entry.actor, entry.label),
    }
}

pub(super) fn who(actor: &str, label: Option<String>) -> String {
    match (label, actor) {
        (Some(label), _) => label,
        (None, "operator") => "The operator".into(),
        (None, "gateway") => "The gateway".into(),
        (None, id) => format!("Somebody who has left ({})", id.get(..SHORT_ID_CHARS).unwrap_or(id)),
    }
}

fn deed(entry: audit::Entry) -> Deed {
    let words = DEEDS.iter().find(|(name, _)| *name == entry.event.name).map(|(_, words)| *words);
    let details = match entry.event.details {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    Deed {
        at: entry.at.words(),
        who: who(&entry.actor.id, entry.label),
        by: entry.actor.token_id.map(|id| format!("credential {id}")),
        what: words.map_or(entry.event.name, str::to_owned),
        subject: entry.event.subject,
        details: details
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                (name.replace('_', " "), value.as_str().map_or(value.to_string(), str::to_owned))
            })
            .collect(),
    }
}
