//! A workspace's index of runs: which may start, which are under way, what each came to.
//! Not for: a run's own life (`crate::runs`), lists of runs (`history`).

use super::keys::{self, Idempotency};
use super::media::{self, Asset};
use super::{Actor, Event, MAX_CONCURRENT_RUNS, Reply, audit, ledger, refuse, spending};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, PersonId, RunId};
use crate::models::Modality;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::{Allowance, Units};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An admission is decided within this time or not at all: by then the run has given itself up.
pub const ADMISSION_SECONDS: i64 = 30;

/// Asks to start a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Admission {
    pub run_id: RunId,
    /// When the run's id was made.
    pub asked_at: Timestamp,
    pub person: PersonId,
    pub kind: RunKind,
    /// The model or workflow.
    pub subject: String,
    /// What a list calls it.
    pub title: String,
    /// The most the run can cost.
    pub price: Units,
    /// Files of the workspace it reads.
    pub files: Vec<NeededFile>,
    pub terms: Terms,
}

/// Under which conditions a caller asks to spend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// Digest of the tool and everything the caller asked of it.
    pub arguments: String,
    pub idempotency_key: Option<String>,
    pub token_id: String,
    pub request_id: String,
    /// What the token may spend.
    pub allowance: Allowance,
    pub consent: Consent,
    /// Names the agreement behind [`Consent::Given`], which begins one run and no second.
    #[serde(default)]
    pub agreement: Option<String>,
}

impl Terms {
    /// What a repeat of this very call is recognized by, for as long as idempotency keys are kept.
    fn key(&self) -> Option<String> {
        let own = || self.agreement.as_ref().map(|agreement| format!("agreement/{agreement}"));
        self.idempotency_key.clone().or_else(own)
    }
}

/// Whether a person has agreed to a price above the workspace's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consent {
    /// The client cannot ask anybody; ceilings and allowances have to do.
    CannotAsk,
    CanAsk,
    /// To a price of at most this.
    Given(Units),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NeededFile {
    pub asset_id: AssetId,
    /// None: whatever it is.
    pub kind: Option<Modality>,
}

crate::models::words! {
    RunKind { Forge = "forge", Workflow = "workflow", }
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

/// `runs_by_person` serves lists and allowances; `runs_running` is as short as what is under way.
pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS runs (
            run_id TEXT PRIMARY KEY, person TEXT NOT NULL, model_id TEXT NOT NULL, status TEXT NOT NULL,
            reserved INTEGER NOT NULL, price INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, ended_at INTEGER,
            idempotency_key TEXT, arguments TEXT, kind TEXT NOT NULL DEFAULT 'forge', title TEXT NOT NULL DEFAULT '',
            token_id TEXT, files INTEGER NOT NULL DEFAULT 0)",
        &[],
    )?;
    sql.query("CREATE INDEX IF NOT EXISTS runs_by_time ON runs (person, run_id)", &[])?;
    sql.query(
        "CREATE INDEX IF NOT EXISTS runs_running ON runs (person, run_id) WHERE status = 'in_progress'",
        &[],
    )?;
    Ok(())
}

/// Decides, in this order: a repeated call, one that comes too late, a file that is missing, the concurrency limit, what person and token may
/// spend, the balance, consent. All in one transaction, so two at once cannot both take the last units.
pub fn admit(sql: &impl Sql, now: Timestamp, admission: Admission) -> Result<Reply, SqlError> {
    if let Some(reply) = repeated(sql, now, &admission)? {
        return Ok(reply);
    }
    let Admission { run_id, asked_at, person, kind, subject, title, price, files, terms } = admission;
    if now.millis_since(asked_at) >= 1000 * ADMISSION_SECONDS {
        let late =
            Refusal::new(Code::Internal, "The workspace was asked too late; nothing was started or charged.");
        return Ok(refuse(late));
    }
    if let Some(refusal) = unfit(sql, &files)? {
        return Ok(refuse(refusal));
    }
    let running = running(sql, &person)?;
    if running.len() >= MAX_CONCURRENT_RUNS as usize {
        return Ok(refuse(too_many(&running)));
    }
    let token = Some((terms.token_id.as_str(), terms.allowance));
    if let Some(reply) = spending::refusal(sql, asked_at, &person, token, price)? {
        return Ok(reply);
    }
    let balance = ledger::totals(sql)?.balance;
    if balance < price {
        return Ok(refuse(too_poor(balance, price)));
    }
    let has_agreed = matches!(terms.consent, Consent::Given(agreed) if agreed >= price);
    if terms.consent != Consent::CannotAsk
        && !has_agreed
        && let Some(above) = confirm_above(sql)?.filter(|above| price > *above)
    {
        return Ok(Reply::Confirm { above });
    }
    let actor = Actor::person(&person, Some(&terms.token_id), &terms.request_id);
    ledger::reserve(sql, now, run_id.as_str(), price, &actor)?;
    sql.query(
        "INSERT INTO runs (run_id, person, model_id, status, reserved, created_at, arguments, kind, title, token_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            run_id.as_str().into(),
            person.as_str().into(),
            subject.as_str().into(),
            RunStatus::InProgress.as_str().into(),
            price.into(),
            now.into(),
            terms.arguments.as_str().into(),
            kind.as_str().into(),
            title.into(),
            terms.token_id.as_str().into(),
        ],
    )?;
    if let Some(key) = terms.key() {
        let given = Idempotency { key, arguments: terms.arguments };
        keys::keep(sql, now, person.as_str(), &given, run_id.as_str())?;
    }
    let details = json!({ "kind": kind, "of": subject, "reserved_creative_units": price });
    audit::append(sql, now, &actor, &Event::new("run.started", run_id.as_str(), details))?;
    Ok(Reply::Admitted { balance: balance - price })
}

/// The same key; or, without one, the same call by the same token while the first is under way: a client whose
/// connection broke asks again under a new request id.
fn repeated(sql: &impl Sql, now: Timestamp, admission: &Admission) -> Result<Option<Reply>, SqlError> {
    let Admission { person, terms, .. } = admission;
    let given = terms.key().map(|key| Idempotency { key, arguments: terms.arguments.clone() });
    if let Some(given) = &given {
        match keys::find(sql, now, person.as_str(), given)? {
            Some(Err(conflict)) => return Ok(Some(conflict)),
            Some(Ok(result)) => {
                return Ok(Some(Reply::Repeat { run_id: parse(&result)?, by_key: true }));
            }
            None if terms.idempotency_key.is_some() => return Ok(None),
            None => {}
        }
    }
    let row = sql.first(
        "SELECT run_id FROM runs WHERE person = ? AND status = 'in_progress' AND token_id = ? AND arguments = ?
         ORDER BY run_id DESC LIMIT 1",
        &[person.as_str().into(), terms.token_id.as_str().into(), terms.arguments.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let run_id = run_id(&row, 0)?;
    if let Some(given) = given {
        // Once this run has ended, a second use of the agreement must not begin another.
        keys::keep(sql, now, person.as_str(), &given, run_id.as_str())?;
    }
    Ok(Some(Reply::Repeat { run_id, by_key: false }))
}

/// Ends a run once. Asked again it answers the same and moves nothing.
pub fn settle(sql: &impl Sql, now: Timestamp, settlement: Settlement) -> Result<Reply, SqlError> {
    if settlement.status == RunStatus::InProgress {
        return Ok(refuse(Refusal::invalid("A settlement is the end of a run, and in_progress is none.")));
    }
    let row = sql.first(
        "SELECT status, reserved, price, person FROM runs WHERE run_id = ?",
        &[settlement.run_id.as_str().into()],
    )?;
    let Some(row) = row else {
        return Ok(refuse(Refusal::new(Code::RunNotFound, "No run of this workspace has this id.")));
    };
    let (reserved, settled) = (ledger::units(&row, 1)?, ledger::units(&row, 2)?);
    if row.text(0)? != RunStatus::InProgress.as_str() {
        return Ok(Reply::Settled { price: settled });
    }
    // A provider that charged more than was reserved is the operator's loss, not the member's.
    let price = settlement.price.min(reserved).max(Units::ZERO);
    ledger::settle(sql, now, settlement.run_id.as_str(), reserved, price)?;
    sql.query(
        "UPDATE runs SET status = ?, price = ?, ended_at = ?, files = ? WHERE run_id = ?",
        &[
            settlement.status.as_str().into(),
            price.into(),
            now.into(),
            u32::try_from(settlement.assets.len()).unwrap_or(u32::MAX).into(),
            settlement.run_id.as_str().into(),
        ],
    )?;
    let person = row.optional_text(3)?.as_deref().and_then(PersonId::parse);
    for asset in settlement.assets {
        media::insert(sql, now, &Asset { person: person.clone(), ..asset })?;
    }
    Ok(Reply::Settled { price })
}

pub fn running(sql: &impl Sql, person: &PersonId) -> Result<Vec<RunId>, SqlError> {
    let rows = sql.query(
        "SELECT run_id FROM runs WHERE person = ? AND status = 'in_progress' ORDER BY run_id",
        &[person.as_str().into()],
    )?;
    rows.iter().map(|row| run_id(row, 0)).collect()
}

/// Above which price a person is asked first.
pub fn confirm_above(sql: &impl Sql) -> Result<Option<Units>, SqlError> {
    let row = sql.first("SELECT confirm_above FROM workspace", &[])?;
    row.map_or(Ok(None), |row| ledger::optional_units(&row, 0))
}

pub(super) fn run_id(row: &Row, column: usize) -> Result<RunId, SqlError> {
    parse(&row.text(column)?)
}

fn parse(text: &str) -> Result<RunId, SqlError> {
    RunId::parse(text).ok_or_else(|| SqlError(format!("`{text}` is not a run id")))
}

/// Files that are not there, or are not what the run needs.
fn unfit(sql: &impl Sql, files: &[NeededFile]) -> Result<Option<Refusal>, SqlError> {
    let mut missing = Vec::new();
    for file in files {
        let found = media::find(sql, &file.asset_id)?.into_iter().next();
        match (found, file.kind) {
            (None, _) => missing.push(file.asset_id.as_str()),
            (Some(asset), Some(kind)) if asset.kind != kind => {
                let (is, needed) = (asset.kind.as_str(), kind.as_str());
                let message = format!("File {} is of kind {is}, where {needed} is needed.", file.asset_id);
                return Ok(Some(Refusal::invalid(message)));
            }
            _ => {}
        }
    }
    Ok((!missing.is_empty()).then(|| {
        Refusal::new(Code::FileNotFound, format!("This workspace has no file {}.", missing.join(", ")))
            .details(json!({ "file_ids": missing }))
    }))
}

fn too_many(running: &[RunId]) -> Refusal {
    Refusal::new(
        Code::RateLimited,
        format!("You already have {MAX_CONCURRENT_RUNS} runs under way in this workspace."),
    )
    .next("Wait for one with get_forge_run or get_workflow_run, or cancel one.")
    .retry_after(5)
    .details(json!({ "running_ids": running }))
}

fn too_poor(balance: Units, price: Units) -> Refusal {
    Refusal::new(
        Code::InsufficientBalance,
        format!("This costs {} and the workspace has {balance} free.", price.words()),
    )
    .details(json!({ "price_creative_units": price, "balance_creative_units": balance }))
}
