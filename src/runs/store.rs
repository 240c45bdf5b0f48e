//! The rows of a `Run` object: the job, the state, one row an item. A change to one item writes that row alone.
//! Not for: what the rows mean (`state`).

use super::state::{Item, Record, Stage, State};
use super::upgrade;
use crate::sql::{Row, Sql, SqlError, to_json};

pub fn create(sql: &impl Sql, record: &Record) -> Result<(), SqlError> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS job (one INTEGER PRIMARY KEY CHECK (one = 1), job TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS items (position INTEGER PRIMARY KEY, item TEXT NOT NULL)",
    ] {
        sql.query(statement, &[])?;
    }
    sql.query("INSERT OR REPLACE INTO job (one, job) VALUES (1, ?)", &[to_json(&record.job)?])?;
    save(sql, record)
}

/// Everything but the job, which never changes.
pub fn save(sql: &impl Sql, record: &Record) -> Result<(), SqlError> {
    save_state(sql, &record.state)?;
    for (position, item) in record.items.iter().enumerate() {
        save_item(sql, position, item)?;
    }
    Ok(())
}

pub fn save_state(sql: &impl Sql, state: &State) -> Result<(), SqlError> {
    sql.query("INSERT OR REPLACE INTO state (one, state) VALUES (1, ?)", &[to_json(state)?])?;
    Ok(())
}

fn save_item(sql: &impl Sql, position: usize, item: &Item) -> Result<(), SqlError> {
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    sql.query(
        "INSERT OR REPLACE INTO items (position, item) VALUES (?, ?)",
        &[position.into(), to_json(item)?],
    )?;
    Ok(())
}

pub fn load(sql: &impl Sql) -> Result<Option<Record>, SqlError> {
    let tables =
        sql.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('state', 'run')", &[])?;
    let has = |name: &str| tables.iter().any(|row| row.text(0).is_ok_and(|found| found == name));
    if !has("state") {
        return if has("run") { upgrade::from_single_row(sql).map(Some) } else { Ok(None) };
    }
    let Some(row) = sql.first("SELECT job, state FROM job, state", &[])? else { return Ok(None) };
    let items = sql.query("SELECT item FROM items ORDER BY position", &[])?;
    Ok(Some(Record {
        job: row.json(0)?,
        state: row.json(1)?,
        items: items.iter().map(|row: &Row| row.json(0)).collect::<Result<_, _>>()?,
    }))
}

/// Changes one item if it and the run still are what the change was decided on; somebody may have cancelled meanwhile.
pub fn change_item(
    sql: &impl Sql,
    seen: &Record,
    position: usize,
    edit: impl FnOnce(&mut Item),
) -> Result<(), SqlError> {
    let Some(record) = load(sql)? else { return Ok(()) };
    let Some(mut item) = record.items.get(position).cloned() else { return Ok(()) };
    let is_as_seen = seen.items.get(position).is_some_and(|seen| seen.version == item.version);
    if record.state.stage == Stage::Running && is_as_seen {
        edit(&mut item);
        item.version = item.version.wrapping_add(1);
        save_item(sql, position, &item)?;
    }
    Ok(())
}

/// Changes the whole run if nothing of it has changed since it was seen.
pub fn change(sql: &impl Sql, seen: &Record, edit: impl FnOnce(&mut Record)) -> Result<(), SqlError> {
    if let Some(mut record) = load(sql)?
        && record.version() == seen.version()
        && record.state.stage == seen.state.stage
    {
        edit(&mut record);
        save(sql, &record)?;
    }
    Ok(())
}
