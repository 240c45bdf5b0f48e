//! The `Run` object: takes commands, keeps the record, wakes to drive it.

use super::state::{ItemStage, MAX_WATCHERS, Record, Stage, State, Watcher};
use super::{Job, View, drive, store};
use crate::error::{Code, Refusal};
use crate::id::RunId;
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::providers::Operation;
use crate::sql::SqlError;
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::runs::ADMISSION_SECONDS;
use crate::workspace::{self, Admission, RunStatus, Settlement, Terms};
use serde::{Deserialize, Serialize};

/// How often a waiting reader looks again. The wait is bounded, so this costs a few dozen reads of one row.
const LOOK_AGAIN_MILLIS: u32 = 100;

pub struct Run;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Start {
        job: Box<Job>,
        terms: Box<Terms>,
    },
    Get {
        wait: Option<Wait>,
    },
    Cancel,
    /// A provider says that something became of a job. Believed only so far that it is asked.
    Called {
        item: u32,
        attempt: u32,
        /// The same for every repetition of the callback.
        event: String,
        /// Names the job, should the submit never have been answered.
        operation: Operation,
    },
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
    /// The earlier run that this call is answered with: its idempotency key's, or the same call's that is under way.
    Repeat {
        run_id: RunId,
        by_key: bool,
    },
    /// A person has to agree first: the price is above this.
    Confirm {
        above: Units,
    },
    Refused(Box<Refusal>),
    Unknown,
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
            Command::Start { job, terms } => start(platform, storage, *job, *terms).await,
            Command::Get { wait } => get(platform, storage, wait).await,
            Command::Cancel => cancel(platform, storage).await,
            Command::Called { item, attempt, event, operation } => {
                let heard =
                    storage.transact(|sql| called(sql, item, attempt, event, operation, platform.now()))?;
                if heard == Some(true) {
                    storage.set_alarm(platform.now()).await?;
                }
                Ok(match heard {
                    Some(_) => storage.transact(store::load)?.map_or(Reply::Unknown, |record| view(&record)),
                    None => Reply::Unknown,
                })
            }
            Command::Watch(watcher) => Ok(storage.transact(|sql| {
                change(sql, |state| {
                    let watchers = &mut state.watchers;
                    watchers.retain(|known| (&known.session, &known.uri) != (&watcher.session, &watcher.uri));
                    if watchers.len() < MAX_WATCHERS && !matches!(state.stage, Stage::Ended { .. }) {
                        watchers.push(watcher);
                    }
                })
            })?),
            Command::Unwatch { session, uri } => Ok(storage.transact(|sql| {
                change(sql, |state| {
                    state.watchers.retain(|known| (&known.session, &known.uri) != (&session, &uri))
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
    terms: Terms,
) -> Result<Reply, Unavailable> {
    if let Some(record) = storage.transact(store::load)? {
        return Ok(view(&record));
    }
    storage.set_alarm(platform.now().plus_seconds(ADMISSION_SECONDS)).await?;
    storage.transact(|sql| store::create(sql, &Record::new(job.clone())))?;
    let admission = Admission {
        run_id: job.run_id.clone(),
        asked_at: job.created_at,
        person: job.person.clone(),
        kind: job.work.kind(),
        subject: job.work.subject().to_owned(),
        title: job.work.title(),
        price: job.reserved,
        files: job.work.files(),
        terms,
    };
    let answer =
        workspace::ask(platform, &job.workspace_id, workspace::Command::Admit(Box::new(admission))).await?;
    let refused = match answer {
        Ok(workspace::Reply::Admitted { .. }) => None,
        Ok(workspace::Reply::Repeat { run_id, by_key }) => Some(Reply::Repeat { run_id, by_key }),
        Ok(workspace::Reply::Confirm { above }) => Some(Reply::Confirm { above }),
        Ok(_) => return Err(Unavailable("the workspace answered an admission with something else".into())),
        Err(refusal) => Some(Reply::Refused(Box::new(refusal))),
    };
    if let Some(reply) = refused {
        storage.delete_all().await?;
        return Ok(reply);
    }
    let accepted = storage.transact(|sql| {
        let Some(mut record) = store::load(sql)?.filter(|record| record.state.stage == Stage::Reserving)
        else {
            return Ok(None);
        };
        record.state.move_to(Stage::Running);
        store::save_state(sql, &record.state)?;
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
        let Some(record) = storage.transact(store::load)? else { return Ok(Reply::Unknown) };
        if record.state.stage == Stage::Reserving
            && platform.now().millis_since(record.job.created_at) < 1000 * ADMISSION_SECONDS
        {
            // Not a run yet: the workspace may still refuse it.
            return Ok(Reply::Unknown);
        }
        if record.status() == RunStatus::InProgress && !storage.has_alarm().await? {
            // Nobody would ever finish it: the platform gave up on its alarm.
            storage.set_alarm(platform.now()).await?;
        }
        let changed = wait.is_none_or(|wait| wait.seen_version.is_some_and(|seen| seen != record.version()));
        if changed || record.status() != RunStatus::InProgress || platform.now() >= until {
            return Ok(view(&record));
        }
        platform.sleep(LOOK_AGAIN_MILLIS).await;
    }
}

async fn cancel<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<Reply, Unavailable> {
    let now = platform.now();
    let decided = storage.transact(|sql| {
        let Some(mut record) = store::load(sql)? else { return Ok(Some(Reply::Unknown)) };
        if let Err(refusal) = record.cancel(now) {
            return Ok(Some(Reply::Refused(Box::new(refusal))));
        }
        store::save(sql, &record)?;
        let waits = record.state.cancelled_at.is_some();
        Ok((waits || record.status() != RunStatus::InProgress).then(|| view(&record)))
    })?;
    if matches!(&decided, Some(Reply::View(view)) if view.status == RunStatus::InProgress) {
        storage.set_alarm(now).await?;
    }
    if let Some(reply) = decided {
        return Ok(reply);
    }
    storage.set_alarm(now).await?;
    drive::settle(platform, storage).await?;
    Ok(storage.transact(store::load)?.map_or(Reply::Unknown, |record| view(&record)))
}

/// Callbacks of one item that are remembered; providers repeat theirs a dozen times.
const MAX_EVENTS: usize = 16;

/// Some(true): there is something to ask about. None: no such item. One that is of an earlier attempt, of another job, or
/// was heard before changes nothing.
fn called(
    sql: &impl crate::sql::Sql,
    position: u32,
    attempt: u32,
    event: String,
    operation: Operation,
    now: Timestamp,
) -> Result<Option<bool>, SqlError> {
    let Some(record) = store::load(sql)? else { return Ok(None) };
    let position = position as usize;
    let Some(item) = record.items.get(position) else { return Ok(None) };
    let of_this_job = match &item.stage {
        ItemStage::Submitting { .. } => true,
        ItemStage::Working { operation: ours } => {
            ours.get("id").is_none_or(|id| Some(id) == operation.get("id"))
        }
        _ => false,
    };
    if item.remote.attempt != attempt || !of_this_job || item.remote.events.contains(&event) {
        return Ok(Some(false));
    }
    store::change_item(sql, &record, position, |item| {
        item.remote.events.push(event);
        if item.remote.events.len() > MAX_EVENTS {
            item.remote.events.remove(0);
        }
        item.next_at = now;
        if matches!(item.stage, ItemStage::Submitting { .. }) {
            item.move_to(ItemStage::Working { operation });
        }
    })?;
    Ok(Some(true))
}

fn change(sql: &impl crate::sql::Sql, edit: impl FnOnce(&mut State)) -> Result<Reply, SqlError> {
    let Some(mut record) = store::load(sql)? else { return Ok(Reply::Unknown) };
    edit(&mut record.state);
    store::save_state(sql, &record.state)?;
    Ok(view(&record))
}

fn view(record: &Record) -> Reply {
    Reply::View(Box::new(View::of(record)))
}
