//! The tables of a `Workspace` object: made for a new one, brought up to date when one is met that an earlier version
//! of the gateway wrote. Not for: what stands in them.

use super::{audit, definitions, keys, ledger, media, members, runs, trash, uploads};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;

/// What is found of a workspace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Older,
    Present,
}

/// `uploads` is the newest table, so it tells the age of all.
pub fn find(sql: &impl Sql) -> Result<Found, SqlError> {
    let row = sql.first(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('workspace', 'uploads')",
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
            confirm_above INTEGER, stored_bytes INTEGER NOT NULL DEFAULT 0, CHECK (granted = balance + reserved + spent))",
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
    audit::create_table(sql)?;
    uploads::create_table(sql)?;
    trash::create_tables(sql)
}

pub fn upgrade(sql: &impl Sql, now: Timestamp) -> Result<(), SqlError> {
    let is_before_audit = !sql.has_table("audit")?;
    if is_before_audit {
        add_what_came_with_audit(sql)?;
    }
    add_what_came_with_uploads(sql)?;
    create_rest(sql)?;
    if is_before_audit {
        fill_what_came_with_audit(sql, now)?;
    }
    sql.query("UPDATE assets SET person = (SELECT person FROM runs WHERE runs.run_id = assets.run_id)", &[])?;
    sql.query("UPDATE workspace SET stored_bytes = (SELECT coalesce(sum(size_bytes), 0) FROM assets)", &[])?;
    Ok(())
}

fn add_what_came_with_uploads(sql: &impl Sql) -> Result<(), SqlError> {
    for statement in [
        "ALTER TABLE workspace ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE assets ADD COLUMN name TEXT",
        "ALTER TABLE assets ADD COLUMN sha256 TEXT",
        "ALTER TABLE assets ADD COLUMN origin TEXT NOT NULL DEFAULT 'generated'",
        "ALTER TABLE assets ADD COLUMN has_poster INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE assets ADD COLUMN person TEXT",
    ] {
        sql.query(statement, &[])?;
    }
    Ok(())
}

fn add_what_came_with_audit(sql: &impl Sql) -> Result<(), SqlError> {
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
    Ok(())
}

fn fill_what_came_with_audit(sql: &impl Sql, now: Timestamp) -> Result<(), SqlError> {
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
