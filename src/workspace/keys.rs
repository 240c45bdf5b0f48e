//! Idempotency keys of one workspace: what a repeated call is answered with, for 24 hours.

use super::refuse;
use crate::error::{Code, Refusal};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub const KEEP_SECONDS: i64 = 24 * 3600;
/// Keys past their time that one new key takes with it.
const SWEEP_ROWS: u32 = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Idempotency {
    pub key: String,
    /// Digest of the tool and everything the caller asked of it.
    pub arguments: String,
}

pub fn create_table(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS keys (
            person TEXT NOT NULL, key TEXT NOT NULL, arguments TEXT NOT NULL, result TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (person, key))",
        &[],
    )?;
    sql.query("CREATE INDEX IF NOT EXISTS keys_by_time ON keys (at)", &[])?;
    Ok(())
}

/// The id of what the first call of this person (or the operator) with this key made. Inner Err: the key was used for
/// something else.
pub fn find(
    sql: &impl Sql,
    now: Timestamp,
    person: &str,
    given: &Idempotency,
) -> Result<Option<Result<String, super::Reply>>, SqlError> {
    let row = sql.first(
        "SELECT result, arguments FROM keys WHERE person = ? AND key = ? AND at > ?",
        &[person.into(), given.key.as_str().into(), now.plus_seconds(-KEEP_SECONDS).into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let result = row.text(0)?;
    if row.text(1)? == given.arguments {
        return Ok(Some(Ok(result)));
    }
    let refusal = Refusal::new(
        Code::IdempotencyConflict,
        "This idempotency_key was used within 24 hours for other arguments.",
    );
    Ok(Some(Err(refuse(refusal.details(json!({ "first_id": result }))))))
}

pub fn keep(
    sql: &impl Sql,
    now: Timestamp,
    person: &str,
    given: &Idempotency,
    result: &str,
) -> Result<(), SqlError> {
    sql.query(
        "INSERT OR REPLACE INTO keys (person, key, arguments, result, at) VALUES (?, ?, ?, ?, ?)",
        &[
            person.into(),
            given.key.as_str().into(),
            given.arguments.as_str().into(),
            result.into(),
            now.into(),
        ],
    )?;
    sql.query(
        "DELETE FROM keys WHERE rowid IN (SELECT rowid FROM keys WHERE at <= ? ORDER BY at LIMIT ?)",
        &[now.plus_seconds(-KEEP_SECONDS).into(), SWEEP_ROWS.into()],
    )?;
    Ok(())
}
