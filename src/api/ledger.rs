//! `GET /api/v1/workspaces/{id}/ledger`: the statement, newest first, as JSON or CSV, for every member.
//! Not for: the rows' making (`workspace::ledger`).

use super::csv::{self, Cell};
use super::rest::{self, Call, Format, Outcome};
use crate::platform::Platform;
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::ledger::{Entry, Kind};
use crate::workspace::{Command, Reply};
use serde::Serialize;

const LIST: &str = "ledger";
const COLUMNS: &[&str] = &[
    "row_id",
    "at",
    "kind",
    "run_id",
    "creative_units",
    "balance_after",
    "actor",
    "actor_label",
    "token_id",
    "request_id",
    "note",
];

/// A row of the statement as programs read it.
#[derive(Serialize)]
pub struct Row {
    pub row_id: i64,
    pub at: String,
    pub kind: Kind,
    pub run_id: Option<String>,
    pub creative_units: Units,
    pub balance_after: Units,
    pub actor: String,
    pub actor_label: Option<String>,
    pub token_id: Option<String>,
    pub request_id: Option<String>,
    pub note: String,
}

impl Row {
    pub fn of(entry: Entry) -> Self {
        Self {
            row_id: entry.row_id,
            at: Timestamp::iso(entry.at),
            kind: entry.kind,
            run_id: entry.run_id,
            creative_units: entry.amount,
            balance_after: entry.balance,
            actor: entry.actor,
            actor_label: entry.label,
            token_id: entry.token_id,
            request_id: entry.request_id,
            note: entry.note,
        }
    }

    fn line(self) -> String {
        csv::line(&[
            Cell::Number(self.row_id.to_string()),
            Cell::text(self.at),
            Cell::text(self.kind.as_str()),
            Cell::optional(self.run_id),
            Cell::Number(self.creative_units.to_string()),
            Cell::Number(self.balance_after.to_string()),
            Cell::text(self.actor),
            Cell::optional(self.actor_label),
            Cell::optional(self.token_id),
            Cell::optional(self.request_id),
            Cell::text(self.note),
        ])
    }
}

/// The first line, then one for each row.
pub fn as_csv(entries: impl IntoIterator<Item = Entry>) -> String {
    let mut text = csv::header(COLUMNS);
    text.extend(entries.into_iter().map(|entry| Row::of(entry).line()));
    text
}

pub async fn list<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    call.only(&["format", "limit", "cursor"])?;
    let format = call.format()?;
    let limit = call.limit(format)?;
    let before = call.after(LIST)?;
    let person = call.caller.person.clone();
    let Reply::Ledger(mut entries) = call.ask(Command::Ledger { person, before, limit: limit + 1 }).await?
    else {
        return Err(rest::odd());
    };
    let next = rest::cut(call, LIST, &mut entries, limit, |entry| entry.row_id);
    Ok(match format {
        Format::Json => rest::list(entries.into_iter().map(Row::of).collect(), next),
        Format::Csv => {
            let name = format!("statement-{}", call.workspace_id);
            rest::csv_page(call, &name, as_csv(entries), next.as_deref())
        }
    })
}
