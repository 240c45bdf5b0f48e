//! The tables of a `Workspace` object: made for a new one, brought up to date when one is met that an earlier version
//! of the gateway wrote. Not for: what stands in them.

use super::{audit, definitions, keys, ledger, media, members, runs};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// What is found of a workspace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Older,
    Present,
}

/// `audit` is the newest table, so it tells the age of all.
pub fn find(sql: &impl Sql) -> Result<Found, SqlError> {
    let row = sql.first(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('workspace', 'audit')",
        &[],
    )?;
    Ok(match row.map_or(Ok(0), |row| row.integer(0))? {
        0 => Found::Nothing,
        1 => Found::Older,
        _ => Found::Present,
    })
}

pub fn create(sql: &impl Sql, now: Timestamp, name: &str) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS workspace (
            one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, created_at INTEGER NOT NULL,
            granted INTEGER NOT NULL DEFAULT 0, balance INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0),
            reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0), spent INTEGER NOT NULL DEFAULT 0,
            confirm_above INTEGER, CHECK (granted = balance + reserved + spent))",
        &[],
    )?;
    create_rest(sql)?;
    sql.query(
        "INSERT OR IGNORE INTO workspace (one, name, created_at) VALUES (1, ?, ?)",
        &[name.into(), now.into()],
    )?;
    Ok(())
}

fn create_rest(sql: &impl Sql) -> Result<(), SqlError> {
    members::create_tables(sql)?;
    ledger::create_tables(sql)?;
    runs::create_tables(sql)?;
    media::create_tables(sql)?;
    keys::create_table(sql)?;
    definitions::create_tables(sql)?;
    audit::create_table(sql)
}

pub fn upgrade(sql: &impl Sql, now: Timestamp) -> Result<(), SqlError> {
    if !sql.has_table("invitations")? {
        // Written by the version before members had addresses.
        sql.query("ALTER TABLE members ADD COLUMN label TEXT", &[])?;
    }
    for statement in [
        "ALTER TABLE workspace ADD COLUMN confirm_above INTEGER",
        "ALTER TABLE members ADD COLUMN per_day INTEGER",
        "ALTER TABLE members ADD COLUMN per_month INTEGER",
        "ALTER TABLE ledger ADD COLUMN token_id TEXT",
        "ALTER TABLE ledger ADD COLUMN request_id TEXT",
        "ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'forge'",
        "ALTER TABLE runs ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE runs ADD COLUMN token_id TEXT",
        "ALTER TABLE runs ADD COLUMN files INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX IF EXISTS runs_by_person",
        "DROP INDEX IF EXISTS runs_by_key",
    ] {
        sql.query(statement, &[])?;
    }
    create_rest(sql)?;
    sql.query(
        "INSERT OR REPLACE INTO keys (person, key, arguments, result, at)
         SELECT person, idempotency_key, arguments, run_id, created_at FROM runs
         WHERE idempotency_key IS NOT NULL AND created_at > ? ORDER BY run_id",
        &[now.plus_seconds(-keys::KEEP_SECONDS).into()],
    )?;
    sql.query(
        "UPDATE runs SET files = (SELECT count(*) FROM assets WHERE assets.run_id = runs.run_id)",
        &[],
    )?;
    Ok(())
}
