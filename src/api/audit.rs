//! `GET /api/v1/workspaces/{id}/audit`: who did what, newest first, as JSON or CSV, for owners.
//! Not for: the rows' making (`workspace::audit`).

use super::csv::{self, Cell};
use super::rest::{self, Call, Format, Outcome};
use crate::platform::Platform;
use crate::workspace::audit::Entry;
use crate::workspace::{Command, Reply};
use serde::Serialize;
use serde_json::Value;

const LIST: &str = "audit";
const COLUMNS: &[&str] =
    &["audit_id", "at", "event", "subject", "actor", "actor_label", "token_id", "request_id", "details"];

#[derive(Serialize)]
struct Row {
    audit_id: i64,
    at: String,
    event: String,
    subject: String,
    actor: String,
    actor_label: Option<String>,
    token_id: Option<String>,
    request_id: String,
    details: Value,
}

impl Row {
    fn of(entry: Entry) -> Self {
        Self {
            audit_id: entry.audit_id,
            at: entry.at.iso(),
            event: entry.event.name,
            subject: entry.event.subject,
            actor: entry.actor.id,
            actor_label: entry.label,
            token_id: entry.actor.token_id,
            request_id: entry.actor.request_id,
            details: entry.event.details,
        }
    }

    fn line(self) -> String {
        csv::line(&[
            Cell::Number(self.audit_id.to_string()),
            Cell::text(self.at),
            Cell::text(self.event),
            Cell::text(self.subject),
            Cell::text(self.actor),
            Cell::optional(self.actor_label),
            Cell::optional(self.token_id),
            Cell::text(self.request_id),
            Cell::text(self.details.to_string()),
        ])
    }
}

pub async fn list<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    call.only(&["format", "limit", "cursor"])?;
    let format = call.format()?;
    let limit = call.limit(format)?;
    let before = call.after(LIST)?;
    let person = call.caller.person.clone();
    let Reply::Audit(mut entries) = call.ask(Command::Audit { person, before, limit: limit + 1 }).await?
    else {
        return Err(rest::odd());
    };
    let next = rest::cut(call, LIST, &mut entries, limit, |entry| entry.audit_id);
    Ok(match format {
        Format::Json => rest::list(entries.into_iter().map(Row::of).collect(), next),
        Format::Csv => {
            let mut text = csv::header(COLUMNS);
            text.extend(entries.into_iter().map(|entry| Row::of(entry).line()));
            rest::csv_page(call, &format!("audit-{}", call.workspace_id), text, next.as_deref())
        }
    })
}
