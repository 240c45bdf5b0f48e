//! A workspace's index of runs: which may start, which are under way, what each came to.
//! Not for: a run's own life (`crate::runs`); this is what the workspace knows of it.

use super::media::{self, Asset};
use super::{MAX_CONCURRENT_RUNS, Reply, ledger, refuse};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, PersonId, RunId};
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How long an idempotency key answers with the first run.
const IDEMPOTENCY_SECONDS: i64 = 24 * 3600;

/// Asks to start a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Admission {
    pub run_id: RunId,
    pub person: PersonId,
    pub model_id: String,
    /// The most the run can cost.
    pub price: Units,
    /// Guidance files and masks it reads.
    pub files: Vec<AssetId>,
    pub idempotency: Option<Idempotency>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Idempotency {
    pub key: String,
    /// Digest of everything the caller asked for.
    pub arguments: String,
}

crate::models::words! {
    /// What a reader sees of a forge run.
    RunStatus {
        InProgress = "in_progress",
        Complete = "complete",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

/// The end of a run: what it cost and what it made. Sent until it is acknowledged; only the first counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settlement {
    pub run_id: RunId,
    pub status: RunStatus,
    pub price: Units,
    pub assets: Vec<Asset>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub run_id: RunId,
    pub status: RunStatus,
    pub reserved: Units,
    pub price: Units,
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS runs (
            run_id TEXT PRIMARY KEY, person TEXT NOT NULL, model_id TEXT NOT NULL, status TEXT NOT NULL,
            reserved INTEGER NOT NULL, price INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, ended_at INTEGER,
            idempotency_key TEXT, arguments TEXT)",
        &[],
    )?;
    sql.query("CREATE INDEX IF NOT EXISTS runs_by_person ON runs (person, status)", &[])?;
    sql.query("CREATE INDEX IF NOT EXISTS runs_by_key ON runs (person, idempotency_key, created_at)", &[])?;
    Ok(())
}

/// Decides, in this order: a repeated key, a file that is missing, the concurrency limit, the balance. All in
/// one transaction, so two at once cannot both take the last units.
pub fn admit(sql: &impl Sql, now: Timestamp, admission: Admission) -> Result<Reply, SqlError> {
    let Admission { run_id, person, model_id, price, files, idempotency } = admission;
    if let Some(idempotency) = &idempotency
        && let Some(reply) = repeated(sql, now, &person, idempotency)?
    {
        return Ok(reply);
    }
    let missing = media::missing(sql, files)?;
    if !missing.is_empty() {
        return Ok(refuse(missing_files(&missing)));
    }
    let running = running(sql, &person)?;
    if running.len() >= MAX_CONCURRENT_RUNS as usize {
        return Ok(refuse(too_many(&running)));
    }
    let balance = ledger::totals(sql)?.balance;
    if balance < price {
        return Ok(refuse(too_poor(balance, price)));
    }
    ledger::reserve(sql, now, run_id.as_str(), price, person.as_str())?;
    sql.query(
        "INSERT INTO runs (run_id, person, model_id, status, reserved, created_at, idempotency_key, arguments)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            run_id.as_str().into(),
            person.as_str().into(),
            model_id.into(),
            RunStatus::InProgress.as_str().into(),
            price.into(),
            now.into(),
            idempotency.as_ref().map(|given| given.key.clone()).into(),
            idempotency.map(|given| given.arguments).into(),
        ],
    )?;
    Ok(Reply::Admitted { balance: balance - price })
}

fn repeated(
    sql: &impl Sql,
    now: Timestamp,
    person: &PersonId,
    given: &Idempotency,
) -> Result<Option<Reply>, SqlError> {
    let row = sql.first(
        "SELECT run_id, arguments FROM runs WHERE person = ? AND idempotency_key = ? AND created_at > ?
         ORDER BY created_at DESC LIMIT 1",
        &[person.as_str().into(), given.key.as_str().into(), now.plus_seconds(-IDEMPOTENCY_SECONDS).into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let run_id = run_id(&row, 0)?;
    Ok(Some(if row.text(1)? == given.arguments {
        Reply::Repeat { run_id }
    } else {
        refuse(
            Refusal::new(
                Code::IdempotencyConflict,
                "This idempotency_key already started a run with other arguments.",
            )
            .details(json!({ "inference_id": run_id })),
        )
    }))
}

/// Ends a run once. Asked again it answers the same and moves nothing.
pub fn settle(sql: &impl Sql, now: Timestamp, settlement: Settlement) -> Result<Reply, SqlError> {
    let Some(row) = find(sql, &settlement.run_id)? else {
        return Ok(refuse(Refusal::new(Code::RunNotFound, "No run of this workspace has this id.")));
    };
    if row.status != RunStatus::InProgress {
        return Ok(Reply::Settled { released: row.reserved - row.price });
    }
    // A provider that charged more than was reserved is the operator's loss, not the member's.
    let price = settlement.price.min(row.reserved).max(Units::ZERO);
    let released = ledger::settle(sql, now, settlement.run_id.as_str(), row.reserved, price, "gateway")?;
    sql.query(
        "UPDATE runs SET status = ?, price = ?, ended_at = ? WHERE run_id = ?",
        &[settlement.status.as_str().into(), price.into(), now.into(), settlement.run_id.as_str().into()],
    )?;
    for asset in &settlement.assets {
        media::insert(sql, now, asset)?;
    }
    Ok(Reply::Settled { released })
}

pub fn running(sql: &impl Sql, person: &PersonId) -> Result<Vec<RunId>, SqlError> {
    let rows = sql.query(
        "SELECT run_id FROM runs WHERE person = ? AND status = ? ORDER BY run_id",
        &[person.as_str().into(), RunStatus::InProgress.as_str().into()],
    )?;
    rows.iter().map(|row| run_id(row, 0)).collect()
}

fn find(sql: &impl Sql, id: &RunId) -> Result<Option<RunRow>, SqlError> {
    let row = sql
        .first("SELECT run_id, status, reserved, price FROM runs WHERE run_id = ?", &[id.as_str().into()])?;
    row.map(|row| {
        let status = row.text(1)?;
        Ok(RunRow {
            run_id: run_id(&row, 0)?,
            status: RunStatus::parse(&status)
                .ok_or_else(|| SqlError(format!("`{status}` is not a status")))?,
            reserved: ledger::units(&row, 2)?,
            price: ledger::units(&row, 3)?,
        })
    })
    .transpose()
}

fn run_id(row: &Row, column: usize) -> Result<RunId, SqlError> {
    let text = row.text(column)?;
    RunId::parse(&text).ok_or_else(|| SqlError(format!("`{text}` is not a run id")))
}

fn missing_files(missing: &[AssetId]) -> Refusal {
    let ids: Vec<_> = missing.iter().map(|id| id.as_str()).collect();
    Refusal::new(Code::FileNotFound, format!("This workspace has no file {}.", ids.join(", ")))
        .details(json!({ "file_ids": ids }))
}

fn too_many(running: &[RunId]) -> Refusal {
    Refusal::new(
        Code::RateLimited,
        format!("You already have {MAX_CONCURRENT_RUNS} runs under way in this workspace."),
    )
    .next("Wait for one with get_forge_run, or cancel one with cancel_forge_run.")
    .retry_after(5)
    .details(json!({ "running_inference_ids": running }))
}

fn too_poor(balance: Units, price: Units) -> Refusal {
    Refusal::new(
        Code::InsufficientBalance,
        format!("This costs {} and the workspace has {balance} free.", price.words()),
    )
    .details(json!({ "price_creative_units": price, "balance_creative_units": balance }))
}
