//! Creative Units that owners and the operator add, or take away while they are free.
//! Not for: what runs move (`runs`), or the rows themselves (`ledger`).

use super::keys::{self, Idempotency};
use super::{Actor, Event, Reply, audit, ledger, refuse};
use crate::error::Refusal;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    pub actor: Actor,
    /// A negative amount takes units away that are free.
    pub amount: Units,
    pub note: String,
    pub idempotency: Option<Idempotency>,
}

/// Answers with the row it made, and repeated with the same key with the same row.
pub fn grant(sql: &impl Sql, now: Timestamp, grant: Grant) -> Result<Reply, SqlError> {
    let Grant { actor, amount, note, idempotency } = grant;
    if let Some(given) = &idempotency {
        match keys::find(sql, now, &actor.id, given)? {
            None => {}
            Some(Err(conflict)) => return Ok(conflict),
            Some(Ok(row_id)) => return first(sql, row_id.parse().unwrap_or_default()),
        }
    }
    let balance = ledger::totals(sql)?.balance;
    if balance + amount < Units::ZERO {
        let wanted = Units::ZERO - amount;
        let message = format!("Only {} are free, so {wanted} cannot be taken away.", balance.words());
        let refusal = Refusal::invalid(message)
            .next("Take at most what is free; running work keeps what it set aside.");
        return Ok(refuse(refusal.details(json!({ "balance_creative_units": balance }))));
    }
    let row_id = ledger::grant(sql, now, amount, &actor, &note)?;
    if let Some(given) = &idempotency {
        keys::keep(sql, now, &actor.id, given, &row_id.to_string())?;
    }
    let name = if amount < Units::ZERO { "units.taken" } else { "units.granted" };
    let details = json!({ "creative_units": amount, "note": note });
    audit::append(sql, now, &actor, &Event::new(name, "", details))?;
    first(sql, row_id)
}

fn first(sql: &impl Sql, row_id: i64) -> Result<Reply, SqlError> {
    let rows = ledger::list(sql, Some(row_id.saturating_add(1)), 1)?;
    let row = rows.into_iter().next().filter(|row| row.row_id == row_id);
    row.map(|row| Reply::Granted(Box::new(row)))
        .ok_or_else(|| SqlError(format!("the ledger has lost row {row_id}")))
}
