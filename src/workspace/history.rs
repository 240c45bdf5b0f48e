//! Lists of a workspace's runs, newest first. A page costs the same however many runs there are: it looks at a bounded
//! number of rows of one index and says where to go on.
//! Not for: what a run made or how far it is (`crate::runs`).

use super::ledger;
use super::runs::{self, RunKind, RunStatus};
use crate::id::{PersonId, RunId};
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};

/// Rows one page looks at: about a millisecond.
const MAX_SCANNED: u32 = 2_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Query {
    /// None: everybody's.
    pub of: Option<PersonId>,
    pub status: Option<RunStatus>,
    pub kind: Option<RunKind>,
    /// A model or workflow.
    pub subject: Option<String>,
    /// Inclusive, by the time the run was started.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
    pub before: Option<RunId>,
    pub limit: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub run_id: RunId,
    pub person: PersonId,
    /// The person's address, where they are a member.
    pub label: Option<String>,
    pub kind: RunKind,
    pub subject: String,
    pub title: String,
    pub status: RunStatus,
    pub reserved: Units,
    pub price: Units,
    pub files: u32,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A page and, when there is more to look at, the run id before which the next one begins.
pub fn list(sql: &impl Sql, query: &Query) -> Result<(Vec<RunRow>, Option<RunId>), SqlError> {
    let before = query.before.as_ref().map(|id| id.to_string());
    let until = query.until.map(crate::id::first_at);
    let below = [before, until].into_iter().flatten().min().unwrap_or_else(|| "g".into());
    let from = query.from.map(crate::id::first_at).unwrap_or_default();
    let mine = if query.of.is_some() { "AND person = ?3" } else { "AND ?3 IS NULL" };
    let range = format!("run_id < ?1 AND run_id >= ?2 {mine} ORDER BY run_id DESC LIMIT {MAX_SCANNED}");
    let bounds: [Value; 3] =
        [below.into(), from.into(), query.of.as_ref().map(|person| person.to_string()).into()];
    let last_scanned = sql.first(
        &format!("SELECT min(run_id), count(*) FROM (SELECT run_id FROM runs WHERE {range})"),
        &bounds,
    )?;
    let statement = format!(
        "SELECT run_id, r.person, label, kind, model_id, title, status, reserved, price, files, created_at, ended_at
         FROM (SELECT * FROM runs WHERE {range}) r LEFT JOIN members m ON m.person = r.person
         WHERE (?4 IS NULL OR status = ?4) AND (?5 IS NULL OR kind = ?5) AND (?6 IS NULL OR model_id = ?6)
         ORDER BY run_id DESC LIMIT ?7"
    );
    let mut bindings = Vec::from(bounds);
    bindings.push(query.status.map(|status| status.as_str()).into());
    bindings.push(query.kind.map(|kind| kind.as_str()).into());
    bindings.push(query.subject.clone().into());
    bindings.push((query.limit + 1).into());
    let mut rows = sql.query(&statement, &bindings)?.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    if rows.len() > query.limit as usize {
        rows.truncate(query.limit as usize);
        let next = rows.last().map(|row| row.run_id.clone());
        return Ok((rows, next));
    }
    let next = match last_scanned {
        Some(last) if last.integer(1)? == i64::from(MAX_SCANNED) => Some(runs::run_id(&last, 0)?),
        _ => None,
    };
    Ok((rows, next))
}

fn row(row: &Row) -> Result<RunRow, SqlError> {
    let word = |column: usize| row.text(column);
    let unknown = |text: String| SqlError(format!("`{text}` is not a word of runs"));
    let (kind, status) = (word(3)?, word(6)?);
    let person = word(1)?;
    Ok(RunRow {
        run_id: runs::run_id(row, 0)?,
        person: PersonId::parse(&person).ok_or_else(|| unknown(person))?,
        label: row.optional_text(2)?,
        kind: RunKind::parse(&kind).ok_or_else(|| unknown(kind))?,
        subject: word(4)?,
        title: word(5)?,
        status: RunStatus::parse(&status).ok_or_else(|| unknown(status))?,
        reserved: ledger::units(row, 7)?,
        price: ledger::units(row, 8)?,
        files: u32::try_from(row.integer(9)?).unwrap_or(0),
        created_at: Timestamp(row.integer(10)?),
        ended_at: row.optional_integer(11)?.map(Timestamp),
    })
}
