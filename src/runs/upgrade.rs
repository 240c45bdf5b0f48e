//! Runs that an earlier version of the gateway left under way: one JSON row, a generation each.
//! Not for: anything this version writes.

use super::state::{Item, ItemStage, Outcome, Record, Stage, State, Watcher};
use super::{Job, Work, store};
use crate::id::{PersonId, RunId, WorkspaceId};
use crate::models::Generation;
use crate::providers::Operation;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::Asset;
use serde::Deserialize;

#[derive(Deserialize)]
struct OldJob {
    run_id: RunId,
    workspace_id: WorkspaceId,
    person: PersonId,
    generation: Generation,
    reserved: Units,
    session_name: Option<String>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
enum OldStage {
    Reserving,
    Accepted,
    Submitting,
    Working { operation: Operation },
    Storing { outputs: u32 },
    Settling { outcome: Outcome },
    Ended { outcome: Outcome },
}

#[derive(Deserialize)]
struct OldRecord {
    job: OldJob,
    stage: OldStage,
    progress: f64,
    assets: Vec<Asset>,
    version: u32,
    watchers: Vec<Watcher>,
}

pub fn from_single_row(sql: &impl Sql) -> Result<Record, SqlError> {
    let row = sql.first("SELECT record FROM run", &[])?;
    let old: OldRecord = row.ok_or_else(|| SqlError("the run has no record".into()))?.json(0)?;
    let record = translate(old);
    store::create(sql, &record)?;
    sql.query("DROP TABLE run", &[])?;
    Ok(record)
}

fn translate(old: OldRecord) -> Record {
    let OldJob { run_id, workspace_id, person, generation, reserved, session_name, created_at } = old.job;
    let work = Work::Forge(generation);
    let job = Job {
        run_id,
        workspace_id,
        person,
        work,
        reserved,
        session_name,
        created_at,
        origin: String::new(),
        calls: 1,
    };
    let (stage, item) = match old.stage {
        OldStage::Reserving => (Stage::Reserving, ItemStage::Waiting),
        OldStage::Accepted => (Stage::Running, ItemStage::Ready),
        OldStage::Submitting => (Stage::Running, ItemStage::Submitting { at: created_at }),
        OldStage::Working { operation } => (Stage::Running, ItemStage::Working { operation }),
        OldStage::Storing { outputs } => (Stage::Running, ItemStage::Storing { outputs }),
        OldStage::Settling { outcome } => (Stage::Settling { outcome: outcome.clone() }, ended(outcome)),
        OldStage::Ended { outcome } => (Stage::Ended { outcome: outcome.clone() }, ended(outcome)),
    };
    let item = Item {
        progress: old.progress,
        assets: old.assets,
        begun_at: Some(created_at),
        ..Item::new(item, created_at)
    };
    let state = State { stage, version: old.version, faults: 0, watchers: old.watchers, cancelled_at: None };
    Record { job, state, items: vec![item] }
}

fn ended(outcome: Outcome) -> ItemStage {
    use crate::workspace::RunStatus::{Cancelled, Complete};
    match (outcome.status, outcome.error) {
        (Complete, _) => ItemStage::Succeeded { price: outcome.price },
        (Cancelled, _) | (_, None) => ItemStage::Cancelled,
        (_, Some(error)) => ItemStage::Failed { error },
    }
}
