//! The audit log: who spent, granted or changed something, by which credential, in which request. Written in the same
//! transaction as the change itself, kept 90 days, read by owners.
//! Not for: amounts that must add up (`ledger`, which is kept for good).

use crate::id::PersonId;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const KEEP_SECONDS: i64 = 90 * 24 * 3600;
/// Rows past their time that one new row takes with it: the log shrinks faster than it grows.
const SWEEP_ROWS: u32 = 8;
/// Bytes of a row's details; they name what changed, they do not hold it.
const MAX_DETAIL_BYTES: usize = 2000;

/// Who does something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// A person's id, or `operator`.
    pub id: String,
    /// The personal access token or authorization; None in a browser and for the operator's key.
    pub token_id: Option<String>,
    pub request_id: String,
}

impl Actor {
    pub fn person(person: &PersonId, token_id: Option<&str>, request_id: &str) -> Self {
        Self {
            id: person.to_string(),
            token_id: token_id.map(str::to_owned),
            request_id: request_id.to_owned(),
        }
    }

    pub fn operator(request_id: &str) -> Self {
        Self { id: "operator".into(), token_id: None, request_id: request_id.to_owned() }
    }

    pub fn as_person(&self) -> Option<PersonId> {
        PersonId::parse(&self.id)
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `run.started`, `units.granted`, `token.issued`, …
    pub name: String,
    /// The id of what it was done to.
    pub subject: String,
    pub details: Value,
}

impl Event {
    pub fn new(name: &str, subject: impl Into<String>, details: Value) -> Self {
        Self { name: name.to_owned(), subject: subject.into(), details }
    }
}

/// A row as owners read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub audit_id: i64,
    pub at: Timestamp,
    pub actor: Actor,
    /// The address of the actor, where they are a member.
    pub label: Option<String>,
    pub event: Event,
}

pub fn create_table(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS audit (
            audit_id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, token_id TEXT,
            request_id TEXT NOT NULL, event TEXT NOT NULL, subject TEXT NOT NULL, details TEXT NOT NULL)",
        &[],
    )?;
    Ok(())
}

pub fn append(sql: &impl Sql, now: Timestamp, actor: &Actor, event: &Event) -> Result<(), SqlError> {
    let details = Some(event.details.to_string()).filter(|text| text.len() <= MAX_DETAIL_BYTES);
    sql.query(
        "INSERT INTO audit (at, actor, token_id, request_id, event, subject, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
        &[
            now.into(),
            actor.id.as_str().into(),
            actor.token_id.clone().into(),
            actor.request_id.as_str().into(),
            event.name.as_str().into(),
            event.subject.as_str().into(),
            details.unwrap_or_else(|| "{}".into()).into(),
        ],
    )?;
    sql.query(
        "DELETE FROM audit WHERE at < ? AND audit_id IN (SELECT audit_id FROM audit ORDER BY audit_id LIMIT ?)",
        &[now.plus_seconds(-KEEP_SECONDS).into(), SWEEP_ROWS.into()],
    )?;
    Ok(())
}

/// Newest first.
pub fn list(sql: &impl Sql, now: Timestamp, before: Option<i64>, limit: u32) -> Result<Vec<Entry>, SqlError> {
    let rows = sql.query(
        "SELECT audit_id, at, actor, token_id, request_id, event, subject, details, label
         FROM audit LEFT JOIN members ON person = actor
         WHERE audit_id < ? AND at >= ? ORDER BY audit_id DESC LIMIT ?",
        &[before.unwrap_or(i64::MAX >> 11).into(), now.plus_seconds(-KEEP_SECONDS).into(), limit.into()],
    )?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, SqlError> {
    Ok(Entry {
        audit_id: row.integer(0)?,
        at: Timestamp(row.integer(1)?),
        actor: Actor { id: row.text(2)?, token_id: row.optional_text(3)?, request_id: row.text(4)? },
        event: Event { name: row.text(5)?, subject: row.text(6)?, details: row.json(7)? },
        label: row.optional_text(8)?,
    })
}
