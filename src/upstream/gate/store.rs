//! The rows of a `Gate` object. Not for: what they mean (`rules`, `view`).
//!
//! | table | what a row is |
//! |---|---|
//! | `gate` | the one row: everything that is decided on beside leases |
//! | `leases` | a job under way, until it says that it is over or that time has come |
//! | `waiting` | a job that was sent away: since when it waits, and when it is due |
//! | `ended` | a job that was counted; 7 days |
//! | `made` | a day's jobs of one model that ended in one way; 90 days |
//! | `submits` | how long a submit took: a ring of the last ones |

use super::rules::{Crowd, State};
use super::{Made, Report};
use crate::sql::{Sql, SqlError, Value, to_json};
use crate::time::Timestamp;

/// Submits that are remembered: enough for a 99th percentile.
const RING: i64 = 200;
pub const DAY_MILLIS: i64 = 24 * 3600 * 1000;
pub const KEEP_DAYS: i64 = 90;
const KEEP_ENDED_DAYS: i64 = 7;
/// A place is kept for somebody who is due so soon.
const SOON_MILLIS: i64 = 3_000;
/// Somebody who has not come back by then has given up.
const GRACE_MILLIS: i64 = 10_000;
/// What sums may reach and still be exact in a JavaScript number; far above any bill in millionths of a dollar.
const MAX_EXACT: i64 = (1 << 53) - 1;

pub fn exists(sql: &impl Sql) -> Result<bool, SqlError> {
    sql.has_table("gate")
}

pub fn create(sql: &impl Sql) -> Result<(), SqlError> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS gate (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS leases (lease TEXT PRIMARY KEY, until INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS waiting (lease TEXT PRIMARY KEY, since INTEGER NOT NULL, due INTEGER NOT NULL)",
        "CREATE INDEX IF NOT EXISTS waiting_by_time ON waiting (since, lease)",
        "CREATE TABLE IF NOT EXISTS ended (lease TEXT PRIMARY KEY, at INTEGER NOT NULL)",
        "CREATE INDEX IF NOT EXISTS ended_by_time ON ended (at)",
        "CREATE TABLE IF NOT EXISTS made (
            day INTEGER NOT NULL, model TEXT NOT NULL, failure TEXT NOT NULL, jobs INTEGER NOT NULL,
            outputs INTEGER NOT NULL, units INTEGER NOT NULL, micros INTEGER NOT NULL, millis INTEGER NOT NULL,
            PRIMARY KEY (day, model, failure))",
        "CREATE TABLE IF NOT EXISTS submits (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, at INTEGER NOT NULL, millis INTEGER NOT NULL)",
    ] {
        sql.query(statement, &[])?;
    }
    Ok(())
}

pub fn load(sql: &impl Sql) -> Result<State, SqlError> {
    let row = sql.first("SELECT state FROM gate", &[])?;
    Ok(row.map(|row| row.json(0)).transpose()?.unwrap_or_default())
}

pub fn save(sql: &impl Sql, state: &State) -> Result<(), SqlError> {
    sql.query("INSERT OR REPLACE INTO gate (one, state) VALUES (1, ?)", &[to_json(state)?])?;
    Ok(())
}

/// Takes away what has run out.
pub fn expire(sql: &impl Sql, now: Timestamp) -> Result<(), SqlError> {
    sql.query("DELETE FROM leases WHERE until <= ?", &[now.into()])?;
    sql.query("DELETE FROM waiting WHERE due <= ?", &[now.plus_millis(-GRACE_MILLIS).into()])?;
    Ok(())
}

pub fn has_lease(sql: &impl Sql, lease: &str) -> Result<bool, SqlError> {
    Ok(sql.first("SELECT 1 FROM leases WHERE lease = ?", &[lease.into()])?.is_some())
}

/// A job that asks again keeps its place for longer, never for less.
pub fn lease(sql: &impl Sql, lease: &str, until: Timestamp) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO leases (lease, until) VALUES (?1, ?2) ON CONFLICT (lease) DO UPDATE SET until = max(until, ?2)",
        &[lease.into(), until.into()],
    )?;
    sql.query("DELETE FROM waiting WHERE lease = ?", &[lease.into()])?;
    Ok(())
}

pub fn wait(sql: &impl Sql, lease: &str, now: Timestamp, due: Timestamp) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO waiting (lease, since, due) VALUES (?1, ?2, ?3) ON CONFLICT (lease) DO UPDATE SET due = ?3",
        &[lease.into(), now.into(), due.into()],
    )?;
    Ok(())
}

pub fn release(sql: &impl Sql, lease: &str) -> Result<(), SqlError> {
    sql.query("DELETE FROM leases WHERE lease = ?", &[lease.into()])?;
    sql.query("DELETE FROM waiting WHERE lease = ?", &[lease.into()])?;
    Ok(())
}

pub fn crowd(sql: &impl Sql, state: &State, lease: &str, now: Timestamp) -> Result<Crowd, SqlError> {
    let number = |statement: &str, bindings: &[Value]| -> Result<u32, SqlError> {
        let row = sql.first(statement, bindings)?;
        let count = row.map_or(Ok(0), |row| row.integer(0))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    };
    let row = sql.first("SELECT since FROM waiting WHERE lease = ?", &[lease.into()])?;
    // Whoever comes for the first time is behind all who were sent away before.
    let since = row.map_or(Ok(now.0.saturating_add(1)), |row| row.integer(0))?;
    let soon = now.plus_millis(SOON_MILLIS);
    let older = "SELECT count(*) FROM waiting WHERE (since, lease) < (?, ?)";
    let probe = state.open.as_ref().and_then(|open| open.probe.as_deref());
    Ok(Crowd {
        under_way: under_way(sql)?,
        ahead: number(&format!("{older} AND due <= ?"), &[since.into(), lease.into(), soon.into()])?,
        older: number(older, &[since.into(), lease.into()])?,
        is_probe_alive: probe.map_or(Ok(false), |probe| has_lease(sql, probe))?,
    })
}

pub fn under_way(sql: &impl Sql) -> Result<u32, SqlError> {
    count(sql, "leases")
}

pub fn waiting(sql: &impl Sql) -> Result<u32, SqlError> {
    count(sql, "waiting")
}

fn count(sql: &impl Sql, table: &str) -> Result<u32, SqlError> {
    let row = sql.first(&format!("SELECT count(*) FROM {table}"), &[])?;
    Ok(u32::try_from(row.map_or(Ok(0), |row| row.integer(0))?).unwrap_or(u32::MAX))
}

pub fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY_MILLIS)
}

/// Once for each lease.
pub fn add_made(sql: &impl Sql, now: Timestamp, lease: &str, made: &Made) -> Result<(), SqlError> {
    let is_first = sql.first(
        "INSERT INTO ended (lease, at) VALUES (?, ?) ON CONFLICT (lease) DO NOTHING RETURNING lease",
        &[lease.into(), now.into()],
    )?;
    if is_first.is_none() {
        return Ok(());
    }
    let failure = made.failure.map_or(String::new(), super::view::word);
    let micros = i64::try_from(made.micros).unwrap_or(MAX_EXACT).min(MAX_EXACT);
    sql.query(
        "INSERT INTO made (day, model, failure, jobs, outputs, units, micros, millis) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7)
         ON CONFLICT (day, model, failure) DO UPDATE SET
            jobs = jobs + 1, outputs = outputs + ?4, units = units + ?5, micros = min(micros + ?6, ?8), millis = millis + ?7",
        &[
            day(now).into(),
            made.model.as_str().into(),
            failure.into(),
            made.outputs.into(),
            made.units.into(),
            micros.into(),
            made.millis.clamp(0, KEEP_DAYS * DAY_MILLIS).into(),
            MAX_EXACT.into(),
        ],
    )?;
    Ok(())
}

pub fn add_submit(sql: &impl Sql, now: Timestamp, report: &Report) -> Result<(), SqlError> {
    let row = sql.first("SELECT coalesce(max(number), 0) FROM submits", &[])?;
    let number = row.map_or(Ok(0), |row| row.integer(0))?.saturating_add(1);
    sql.query(
        "INSERT OR REPLACE INTO submits (place, number, at, millis) VALUES (?, ?, ?, ?)",
        &[(number % RING).into(), number.into(), now.into(), report.millis.clamp(0, DAY_MILLIS).into()],
    )?;
    Ok(())
}

/// How long the last submits took, shortest first.
pub fn submits(sql: &impl Sql) -> Result<Vec<i64>, SqlError> {
    sql.query("SELECT millis FROM submits ORDER BY millis", &[])?.iter().map(|row| row.integer(0)).collect()
}

/// Takes away what is too old. True: nothing is left that anybody could ask for.
pub fn prune(sql: &impl Sql, now: Timestamp) -> Result<bool, SqlError> {
    expire(sql, now)?;
    let before = |days: i64| now.plus_millis(-days * DAY_MILLIS);
    sql.query("DELETE FROM ended WHERE at <= ?", &[before(KEEP_ENDED_DAYS).into()])?;
    sql.query("DELETE FROM made WHERE day <= ?", &[day(before(KEEP_DAYS)).into()])?;
    sql.query("DELETE FROM submits WHERE at <= ?", &[before(KEEP_DAYS).into()])?;
    let mut rows = 0;
    for table in ["leases", "waiting", "ended", "made", "submits"] {
        rows += count(sql, table)?;
    }
    Ok(rows == 0 && load(sql)?.is_quiet(now))
}
