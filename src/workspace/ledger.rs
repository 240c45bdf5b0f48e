//! The ledger: append-only rows of every change of money, and the totals they add up to.
//! Not for: deciding who may spend (`runs::admit`). Each function here is called inside one transaction; the
//! table's own CHECKs refuse a negative balance and an unbalanced sum, and the transaction is undone.

use super::Actor;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub granted: Units,
    pub balance: Units,
    pub reserved: Units,
    pub spent: Units,
}

crate::models::words! {
    /// `grant` and `adjust` change what was granted; a run moves units by the other three.
    Kind {
        Grant = "grant",
        Adjust = "adjust",
        Reserve = "reserve",
        Settle = "settle",
        Release = "release",
    }
}

/// One row of the statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub row_id: i64,
    pub at: Timestamp,
    pub kind: Kind,
    pub run_id: Option<String>,
    pub amount: Units,
    /// Free units after it.
    pub balance: Units,
    /// A person's id, `operator` or `gateway`.
    pub actor: String,
    /// The actor's address, where they are a member.
    pub label: Option<String>,
    pub token_id: Option<String>,
    pub request_id: Option<String>,
    pub note: String,
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS ledger (
            row_id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, run_id TEXT,
            amount INTEGER NOT NULL, balance INTEGER NOT NULL, actor TEXT NOT NULL, note TEXT NOT NULL,
            token_id TEXT, request_id TEXT, UNIQUE (run_id, kind))",
        &[],
    )?;
    Ok(())
}

pub fn totals(sql: &impl Sql) -> Result<Totals, SqlError> {
    let row = sql.first("SELECT granted, balance, reserved, spent FROM workspace", &[])?;
    let row = row.ok_or_else(|| SqlError("the workspace has no totals row".into()))?;
    Ok(Totals {
        granted: units(&row, 0)?,
        balance: units(&row, 1)?,
        reserved: units(&row, 2)?,
        spent: units(&row, 3)?,
    })
}

/// More units, or fewer where the amount is negative: the row it made. The caller has compared it with the balance.
pub fn grant(
    sql: &impl Sql,
    now: Timestamp,
    amount: Units,
    actor: &Actor,
    note: &str,
) -> Result<i64, SqlError> {
    move_units(sql, [amount, amount, Units::ZERO, Units::ZERO])?;
    let kind = if amount < Units::ZERO { Kind::Adjust } else { Kind::Grant };
    append(sql, now, kind, None, amount, Some(actor), note)?;
    sql.first("SELECT max(row_id) FROM ledger", &[])?.map_or(Ok(0), |row| row.integer(0))
}

/// Moves the highest price of a run aside. The caller has compared it with the balance.
pub fn reserve(
    sql: &impl Sql,
    now: Timestamp,
    run_id: &str,
    amount: Units,
    actor: &Actor,
) -> Result<(), SqlError> {
    move_units(sql, [Units::ZERO, Units::ZERO - amount, amount, Units::ZERO])?;
    append(sql, now, Kind::Reserve, Some(run_id), amount, Some(actor), "")
}

/// Turns a reservation into what was really spent and gives the rest back.
pub fn settle(
    sql: &impl Sql,
    now: Timestamp,
    run_id: &str,
    reserved: Units,
    price: Units,
) -> Result<(), SqlError> {
    let released = reserved - price;
    move_units(sql, [Units::ZERO, released, Units::ZERO - reserved, price])?;
    if price != Units::ZERO {
        append(sql, now, Kind::Settle, Some(run_id), price, None, "")?;
    }
    if released != Units::ZERO {
        append(sql, now, Kind::Release, Some(run_id), released, None, "")?;
    }
    Ok(())
}

/// Adds to granted, balance, reserved and spent, in this order.
fn move_units(sql: &impl Sql, deltas: [Units; 4]) -> Result<(), SqlError> {
    sql.query(
        "UPDATE workspace SET granted = granted + ?, balance = balance + ?, reserved = reserved + ?, spent = spent + ?",
        &deltas.map(Into::into),
    )?;
    Ok(())
}

fn append(
    sql: &impl Sql,
    now: Timestamp,
    kind: Kind,
    run_id: Option<&str>,
    amount: Units,
    actor: Option<&Actor>,
    note: &str,
) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO ledger (at, kind, run_id, amount, balance, actor, token_id, request_id, note)
         SELECT ?, ?, ?, ?, balance, ?, ?, ?, ? FROM workspace",
        &[
            now.into(),
            kind.as_str().into(),
            run_id.into(),
            amount.into(),
            actor.map_or("gateway", |actor| actor.id.as_str()).into(),
            actor.and_then(|actor| actor.token_id.clone()).into(),
            actor.map(|actor| actor.request_id.clone()).into(),
            note.into(),
        ],
    )?;
    Ok(())
}

/// Newest first.
pub fn list(sql: &impl Sql, before: Option<i64>, limit: u32) -> Result<Vec<Entry>, SqlError> {
    let rows = sql.query(
        "SELECT row_id, at, kind, run_id, amount, balance, actor, label, token_id, request_id, note
         FROM ledger LEFT JOIN members ON person = actor
         WHERE row_id < ? ORDER BY row_id DESC LIMIT ?",
        // Above any row, and exact as a JavaScript number.
        &[before.unwrap_or(i64::MAX >> 11).into(), limit.into()],
    )?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, SqlError> {
    let kind = row.text(2)?;
    Ok(Entry {
        row_id: row.integer(0)?,
        at: Timestamp(row.integer(1)?),
        kind: Kind::parse(&kind).ok_or_else(|| SqlError(format!("`{kind}` is no kind of row")))?,
        run_id: row.optional_text(3)?,
        amount: units(row, 4)?,
        balance: units(row, 5)?,
        actor: row.text(6)?,
        label: row.optional_text(7)?,
        token_id: row.optional_text(8)?,
        request_id: row.optional_text(9)?,
        note: row.text(10)?,
    })
}

pub(super) fn units(row: &Row, column: usize) -> Result<Units, SqlError> {
    row.integer(column).map(Units::thousandths)
}

pub(super) fn optional_units(row: &Row, column: usize) -> Result<Option<Units>, SqlError> {
    Ok(row.optional_integer(column)?.map(Units::thousandths))
}
