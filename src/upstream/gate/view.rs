//! What the operator sees of one key of one provider. Not for: deciding anything by it (`rules`).

use super::rules::State;
use super::store;
use crate::providers::adapter::Class;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Days of spend that are shown.
const DAYS: i64 = 30;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub breaker: Breaker,
    pub paused_until: Option<Timestamp>,
    pub under_way: u32,
    /// As the last job knew it; None: none ever asked.
    pub limit: Option<u32>,
    /// Jobs that were sent away and are expected back.
    pub waiting: u32,
    pub submits: Submits,
    pub last_trouble: Option<(Timestamp, Class)>,
    /// Since midnight UTC, by model.
    pub today: Vec<Tally>,
    /// The last 30 days with today, by model.
    pub month: Vec<Tally>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Breaker {
    #[default]
    Closed,
    Open {
        since: Timestamp,
        until: Timestamp,
        why: Class,
    },
    /// The next job tries, or one does.
    HalfOpen {
        since: Timestamp,
        why: Class,
        is_trying: bool,
    },
}

/// From sending to the last byte of the answer, over the last 200.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Submits {
    pub measured: u32,
    pub p50_millis: Option<i64>,
    pub p99_millis: Option<i64>,
}

/// What came of one model's jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub model: String,
    pub jobs: u32,
    pub outputs: u32,
    /// What workspaces paid.
    pub units: Units,
    /// What the provider took, in millionths of a dollar.
    pub micros: u64,
    /// Jobs that were made, from submit to the last stored byte, on average.
    pub mean_millis: Option<i64>,
    pub failures: Vec<(Class, u32)>,
}

/// A class as it is stored and shown: `rate_limited`.
pub fn word(class: Class) -> String {
    let name = format!("{class:?}");
    name.char_indices().fold(String::new(), |mut word, (at, letter)| {
        if letter.is_ascii_uppercase() && at > 0 {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
        word
    })
}

fn class(word: &str) -> Option<Class> {
    let name: String = word
        .split('_')
        .flat_map(|part| {
            let mut letters = part.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect();
    serde_json::from_value(Value::String(name)).ok()
}

impl Breaker {
    fn of(state: &State, is_trying: bool, now: Timestamp) -> Self {
        match &state.open {
            None => Breaker::Closed,
            Some(open) if open.until > now => {
                Breaker::Open { since: open.since, until: open.until, why: open.why }
            }
            Some(open) => Breaker::HalfOpen { since: open.since, why: open.why, is_trying },
        }
    }
}

pub fn look(sql: &impl Sql, now: Timestamp) -> Result<Snapshot, SqlError> {
    if !store::exists(sql)? {
        return Ok(Snapshot::default());
    }
    store::expire(sql, now)?;
    let state = store::load(sql)?;
    let crowd = store::crowd(sql, &state, "", now)?;
    let today = store::day(now);
    Ok(Snapshot {
        breaker: Breaker::of(&state, crowd.is_probe_alive, now),
        paused_until: state.paused_until.filter(|until| *until > now),
        under_way: crowd.under_way,
        limit: Some(state.limit).filter(|limit| *limit > 0),
        waiting: store::waiting(sql)?,
        submits: submits(&store::submits(sql)?),
        last_trouble: state.last_trouble,
        today: tallies(sql, today)?,
        month: tallies(sql, today - DAYS + 1)?,
    })
}

/// Of times in ascending order.
fn submits(millis: &[i64]) -> Submits {
    let at = |percent: usize| millis.get((millis.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Submits {
        measured: u32::try_from(millis.len()).unwrap_or(u32::MAX),
        p50_millis: at(50),
        p99_millis: at(99),
    }
}

/// What most was paid for first.
fn tallies(sql: &impl Sql, since: i64) -> Result<Vec<Tally>, SqlError> {
    let rows = sql.query(
        "SELECT model, failure, sum(jobs), sum(outputs), sum(units), sum(micros), sum(millis)
         FROM made WHERE day >= ? GROUP BY model, failure ORDER BY model, failure",
        &[since.into()],
    )?;
    let mut tallies: Vec<Tally> = Vec::new();
    for row in &rows {
        let model = row.text(0)?;
        if tallies.last().is_none_or(|last| last.model != model) {
            tallies.push(Tally { model, ..Tally::default() });
        }
        if let Some(tally) = tallies.last_mut() {
            add(tally, row)?;
        }
    }
    tallies.sort_by(|a, b| b.micros.cmp(&a.micros).then_with(|| b.units.cmp(&a.units)));
    Ok(tallies)
}

fn add(tally: &mut Tally, row: &Row) -> Result<(), SqlError> {
    let number = |column| Ok(u32::try_from(row.integer(column)?).unwrap_or(u32::MAX));
    let jobs = number(2)?;
    tally.jobs = tally.jobs.saturating_add(jobs);
    tally.outputs = tally.outputs.saturating_add(number(3)?);
    tally.units = tally.units + Units::thousandths(row.integer(4)?);
    tally.micros = tally.micros.saturating_add(u64::try_from(row.integer(5)?).unwrap_or(0));
    match class(&row.text(1)?) {
        Some(failure) => tally.failures.push((failure, jobs)),
        None => tally.mean_millis = row.integer(6)?.checked_div(i64::from(jobs)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        assert_eq!(submits(&[]), Submits::default());
        let all: Vec<i64> = (1..=200).collect();
        assert_eq!(submits(&all), Submits { measured: 200, p50_millis: Some(100), p99_millis: Some(198) });
        assert_eq!(submits(&[7]), Submits { measured: 1, p50_millis: Some(7), p99_millis: Some(7) });
    }

    #[test]
    fn every_class_survives_being_stored() {
        use Class::*;
        for one in [InvalidInput, Auth, RateLimited, Unavailable, NotFound, Expired, Internal, Cancelled] {
            assert_eq!(class(&word(one)), Some(one));
        }
        assert_eq!(word(RateLimited), "rate_limited");
        assert_eq!(class(""), None);
    }
}
