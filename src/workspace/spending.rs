//! What a person and a credential have spent in the present day and month, against what they may.
//! Not for: the workspace's balance (`ledger`).

use super::ledger;
use super::refuse;
use crate::error::{Code, Refusal};
use crate::id::{self, PersonId};
use crate::sql::{Sql, SqlError};
use crate::time::{Period, Timestamp};
use crate::units::{Allowance, Units};
use serde_json::json;

/// Whose allowance it is: the whole person's, or that of one of their tokens.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Person,
    Token(&'a str),
}

/// Some: why a run of this price may not start. `asked_at` is the time in its id, which says to which day it belongs
/// though it is admitted a moment later.
pub fn refusal(
    sql: &impl Sql,
    asked_at: Timestamp,
    person: &PersonId,
    token: Option<(&str, Allowance)>,
    price: Units,
) -> Result<Option<super::Reply>, SqlError> {
    let own = of_person(sql, person)?;
    let token = token.map(|(token_id, allowance)| (Whose::Token(token_id), allowance));
    for (whose, allowance) in [Some((Whose::Person, own)), token].into_iter().flatten() {
        for (period, limit) in [(Period::Day, allowance.per_day), (Period::Month, allowance.per_month)] {
            let Some(limit) = limit else { continue };
            let spent = spent_in(sql, person, whose, period, asked_at)?;
            if spent + price > limit {
                return Ok(Some(refuse(exhausted(whose, period, asked_at, limit, spent, price))));
            }
        }
    }
    Ok(None)
}

pub fn of_person(sql: &impl Sql, person: &PersonId) -> Result<Allowance, SqlError> {
    let row =
        sql.first("SELECT per_day, per_month FROM members WHERE person = ?", &[person.as_str().into()])?;
    row.map_or(Ok(Allowance::default()), |row| {
        Ok(Allowance {
            per_day: ledger::optional_units(&row, 0)?,
            per_month: ledger::optional_units(&row, 1)?,
        })
    })
}

/// Settled runs at their price, those under way at the most they can cost. Run ids order by time, so the period is a
/// range of one index.
fn spent_in(
    sql: &impl Sql,
    person: &PersonId,
    whose: Whose<'_>,
    period: Period,
    at: Timestamp,
) -> Result<Units, SqlError> {
    let token = match whose {
        Whose::Person => None,
        Whose::Token(token_id) => Some(token_id),
    };
    let row = sql.first(
        "SELECT coalesce(sum(CASE status WHEN 'in_progress' THEN reserved ELSE price END), 0) FROM runs
         WHERE person = ?1 AND run_id >= ?2 AND run_id < ?3 AND (?4 IS NULL OR token_id = ?4)",
        &[
            person.as_str().into(),
            id::first_at(period.start(at)).into(),
            id::first_at(period.end(at)).into(),
            token.into(),
        ],
    )?;
    row.map_or(Ok(Units::ZERO), |row| ledger::units(&row, 0))
}

fn exhausted(
    whose: Whose<'_>,
    period: Period,
    now: Timestamp,
    limit: Units,
    spent: Units,
    price: Units,
) -> Refusal {
    let (who, by) = match whose {
        Whose::Person => ("You may", "an owner of the workspace can raise it"),
        Whose::Token(_) => ("This token may", "its person can raise it on the account page"),
    };
    let renews = period.end(now);
    let word = period.as_str();
    Refusal::new(
        Code::BudgetExceeded,
        format!("{who} spend {} a {word}, {spent} are used and this costs {price}.", limit.words()),
    )
    .next(format!("Ask for less, wait until {}, or ask: {by}.", renews.iso()))
    .details(json!({
        "period": word,
        "limit_creative_units": limit,
        "spent_creative_units": spent,
        "price_creative_units": price,
        "renews_at": renews.iso(),
    }))
}
