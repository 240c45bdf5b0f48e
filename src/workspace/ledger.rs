//! The ledger: append-only rows of every change of money, and the totals they add up to.
//! Not for: deciding who may spend (`runs::admit`). Each function here is called inside one transaction; the
//! table's own CHECKs refuse a negative balance and an unbalanced sum, and the transaction is undone.

use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub granted: Units,
    pub balance: Units,
    pub reserved: Units,
    pub spent: Units,
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS ledger (
            row_id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, run_id TEXT,
            amount INTEGER NOT NULL, balance INTEGER NOT NULL, actor TEXT NOT NULL, note TEXT NOT NULL,
            UNIQUE (run_id, kind))",
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

pub fn grant(sql: &impl Sql, now: Timestamp, amount: Units, actor: &str, note: &str) -> Result<(), SqlError> {
    move_units(sql, [amount, amount, Units::ZERO, Units::ZERO])?;
    append(sql, now, "grant", None, amount, actor, note)
}

/// Moves the highest price of a run aside. The caller has compared it with the balance.
pub fn reserve(
    sql: &impl Sql,
    now: Timestamp,
    run_id: &str,
    amount: Units,
    actor: &str,
) -> Result<(), SqlError> {
    move_units(sql, [Units::ZERO, Units::ZERO - amount, amount, Units::ZERO])?;
    append(sql, now, "reserve", Some(run_id), amount, actor, "")
}

/// Turns a reservation into what was really spent and gives the rest back.
pub fn settle(
    sql: &impl Sql,
    now: Timestamp,
    run_id: &str,
    reserved: Units,
    price: Units,
    actor: &str,
) -> Result<Units, SqlError> {
    let released = reserved - price;
    move_units(sql, [Units::ZERO, released, Units::ZERO - reserved, price])?;
    if price != Units::ZERO {
        append(sql, now, "settle", Some(run_id), price, actor, "")?;
    }
    if released != Units::ZERO {
        append(sql, now, "release", Some(run_id), released, actor, "")?;
    }
    Ok(released)
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
    kind: &str,
    run_id: Option<&str>,
    amount: Units,
    actor: &str,
    note: &str,
) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO ledger (at, kind, run_id, amount, balance, actor, note)
         SELECT ?, ?, ?, ?, balance, ?, ? FROM workspace",
        &[now.into(), kind.into(), run_id.into(), amount.into(), actor.into(), note.into()],
    )?;
    Ok(())
}

pub(super) fn units(row: &Row, column: usize) -> Result<Units, SqlError> {
    row.integer(column).map(Units::thousandths)
}
