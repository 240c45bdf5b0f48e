//! The `Run` object: takes commands, keeps the record, wakes to drive it.

use super::state::{self, MAX_WATCHERS, Record, Stage, Watcher};
use super::{Job, drive};
use crate::error::{Code, Refusal};
use crate::id::{PersonId, RunId, WorkspaceId};
use crate::models::Generation;
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::SqlError;
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::runs::Idempotency;
use crate::workspace::{self, Admission, Asset, RunStatus, Settlement};
use serde::{Deserialize, Serialize};

/// How often a waiting reader looks again. The wait is bounded, so this costs a few dozen reads of one row.
const LOOK_AGAIN_MILLIS: u32 = 100;
/// A run whose admission was never answered gives up after this long.
const ADMISSION_SECONDS: i64 = 30;

pub struct Run;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Start {
        job: Box<Job>,
        idempotency: Option<Idempotency>,
    },
    Get {
        wait: Option<Wait>,
    },
    Cancel,
    /// Tell a session when the run ends.
    Watch(Watcher),
    Unwatch {
        session: String,
        uri: String,
    },
}

/// Wait until the version differs, at most so long.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wait {
    pub seen_version: Option<u32>,
    pub millis: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    View(Box<View>),
    Repeat(RunId),
    Refused(Box<Refusal>),
    Unknown,
}

/// A run as a reader sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub run_id: RunId,
    pub workspace_id: WorkspaceId,
    pub person: PersonId,
    pub status: RunStatus,
    pub progress: f64,
    pub version: u32,
    pub generation: Generation,
    pub reserved: Units,
    pub price: Option<Units>,
    pub error: Option<Refusal>,
    pub assets: Vec<Asset>,
    pub session_name: Option<String>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl View {
    fn of(record: &Record) -> Self {
        let outcome = record.outcome();
        Self {
            run_id: record.job.run_id.clone(),
            workspace_id: record.job.workspace_id.clone(),
            person: record.job.person.clone(),
            status: record.status(),
            progress: record.progress,
            version: record.version,
            generation: record.job.generation.clone(),
            reserved: record.job.reserved,
            price: outcome.map(|outcome| outcome.price),
            error: outcome.and_then(|outcome| outcome.error.clone()),
            // Files are shown with the end: before it they may still be thrown away.
            assets: outcome
                .filter(|o| o.status == RunStatus::Complete)
                .map_or_else(Vec::new, |_| record.assets.clone()),
            session_name: record.job.session_name.clone(),
            created_at: record.job.created_at,
            ended_at: outcome.map(|outcome| outcome.ended_at),
        }
    }
}

impl Entity for Run {
    const BINDING: &'static str = "RUN";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        match command {
            Command::Start { job, idempotency } => start(platform, storage, *job, idempotency).await,
            Command::Get { wait } => get(platform, storage, wait).await,
            Command::Cancel => cancel(platform, storage).await,
            Command::Watch(watcher) => Ok(storage.transact(|sql| {
                change(sql, |record| {
                    record
                        .watchers
                        .retain(|known| (&known.session, &known.uri) != (&watcher.session, &watcher.uri));
                    if record.watchers.len() < MAX_WATCHERS && record.status() == RunStatus::InProgress {
                        record.watchers.push(watcher);
                    }
                })
            })?),
            Command::Unwatch { session, uri } => Ok(storage.transact(|sql| {
                change(sql, |record| {
                    record.watchers.retain(|known| (&known.session, &known.uri) != (&session, &uri))
                })
            })?),
        }
    }

    async fn wake<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
        drive::drive(platform, storage).await
    }
}

/// (1) Remember the job, with an alarm that cleans up should we die here. (2) Reserve. (3) Go to work.
async fn start<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    job: Job,
    idempotency: Option<Idempotency>,
) -> Result<Reply, Unavailable> {
    if let Some(record) = storage.transact(state::load)? {
        return Ok(view(&record));
    }
    storage.set_alarm(platform.now().plus_seconds(ADMISSION_SECONDS)).await?;
    storage.transact(|sql| state::save(sql, &Record::new(job.clone())))?;
    let admission = Admission {
        run_id: job.run_id.clone(),
        person: job.person.clone(),
        model_id: job.generation.model_id.clone(),
        price: job.reserved,
        files: job.generation.assets().cloned().collect(),
        idempotency,
    };
    let answer =
        workspace::ask(platform, &job.workspace_id, workspace::Command::Admit(Box::new(admission))).await?;
    let refused = match answer {
        Ok(workspace::Reply::Admitted { .. }) => None,
        Ok(workspace::Reply::Repeat { run_id }) => Some(Reply::Repeat(run_id)),
        Ok(_) => return Err(Unavailable("the workspace answered an admission with something else".into())),
        Err(refusal) => Some(Reply::Refused(Box::new(refusal))),
    };
    if let Some(reply) = refused {
        storage.delete_all().await?;
        return Ok(reply);
    }
    let accepted = storage.transact(|sql| {
        let Some(mut record) = state::load(sql)?.filter(|record| record.stage == Stage::Reserving) else {
            return Ok(None);
        };
        record.move_to(Stage::Accepted);
        state::save(sql, &record)?;
        Ok(Some(view(&record)))
    })?;
    let Some(reply) = accepted else { return give_back(platform, &job).await };
    storage.set_alarm(platform.now()).await?;
    Ok(reply)
}

/// The workspace admitted a run that had meanwhile been given up: what it set aside goes back.
async fn give_back<P: Platform>(platform: &P, job: &Job) -> Result<Reply, Unavailable> {
    let settlement = Settlement {
        run_id: job.run_id.clone(),
        status: RunStatus::Failed,
        price: Units::ZERO,
        assets: Vec::new(),
    };
    let _ = workspace::ask(platform, &job.workspace_id, workspace::Command::Settle(settlement)).await?;
    let late =
        Refusal::new(Code::Internal, "The workspace answered too late; nothing was started or charged.");
    Ok(Reply::Refused(Box::new(late)))
}

async fn get<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    wait: Option<Wait>,
) -> Result<Reply, Unavailable> {
    let until = platform.now().plus_millis(wait.map_or(0, |wait| wait.millis));
    loop {
        let Some(record) = storage.transact(state::load)? else { return Ok(Reply::Unknown) };
        if record.stage == Stage::Reserving
            && platform.now().millis_since(record.job.created_at) < 1000 * ADMISSION_SECONDS
        {
            // Not a run yet: the workspace may still refuse it.
            return Ok(Reply::Unknown);
        }
        if record.status() == RunStatus::InProgress && !storage.has_alarm().await? {
            // Nobody would ever finish it: the platform gave up on its alarm.
            storage.set_alarm(platform.now()).await?;
        }
        let changed = wait.is_none_or(|wait| wait.seen_version.is_some_and(|seen| seen != record.version));
        if changed || record.status() != RunStatus::InProgress || platform.now() >= until {
            return Ok(view(&record));
        }
        platform.sleep(LOOK_AGAIN_MILLIS).await;
    }
}

async fn cancel<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<Reply, Unavailable> {
    let now = platform.now();
    let decided = storage.transact(|sql| {
        let Some(mut record) = state::load(sql)? else { return Ok(Some(Reply::Unknown)) };
        if let Err(refusal) = record.cancel(now) {
            return Ok(Some(Reply::Refused(Box::new(refusal))));
        }
        state::save(sql, &record)?;
        Ok((record.status() != RunStatus::InProgress).then(|| view(&record)))
    })?;
    if let Some(reply) = decided {
        return Ok(reply);
    }
    storage.set_alarm(now).await?;
    drive::settle(platform, storage).await?;
    Ok(storage.transact(state::load)?.map_or(Reply::Unknown, |record| view(&record)))
}

fn change(sql: &impl crate::sql::Sql, edit: impl FnOnce(&mut Record)) -> Result<Reply, SqlError> {
    let Some(mut record) = state::load(sql)? else { return Ok(Reply::Unknown) };
    edit(&mut record);
    state::save(sql, &record)?;
    Ok(view(&record))
}

fn view(record: &Record) -> Reply {
    Reply::View(Box::new(View::of(record)))
}
