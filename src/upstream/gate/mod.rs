//! What one key of one provider is going through: how many jobs are under way, whether it asked us to wait, whether it is
//! out of order, and what was made and spent with it. One `Gate` object for each, so that all isolates agree.
//! Not for: which provider is asked instead (`runs`).

pub mod rules;
mod store;
pub mod view;

use super::Account;
use crate::id::WorkspaceId;
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::providers::adapter::Class;
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};
pub use view::{Breaker, Snapshot, Tally};

pub struct Gate;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Wants to begin a job. The same lease again is the same job.
    Enter {
        lease: String,
        until: Timestamp,
        limit: u32,
    },
    /// How a request went. Anything but a success counts towards opening the breaker.
    Report {
        report: Report,
    },
    /// The job is over, however it ended. Once for each lease; later ones change nothing.
    Leave {
        lease: String,
        made: Option<Made>,
    },
    /// The operator had the key tried. None: it is accepted, so whoever is kept out may try at once.
    Checked {
        trouble: Option<Class>,
    },
    Look,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Go,
    Wait { until: Timestamp, why: Why },
    Done,
    Seen(Box<Snapshot>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// As many jobs as may be are under way.
    Busy,
    /// The provider said when to come back.
    RateLimited,
    /// Too much went wrong lately; one job is let through now and then to see.
    Open,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// None: an answer that was understood, whatever it said about the job itself.
    pub trouble: Option<Class>,
    pub retry_after_millis: Option<i64>,
    /// From sending to the last byte of the answer.
    pub millis: i64,
    /// The request that begins a job; polls are not shown as latency.
    pub is_submit: bool,
}

/// One job's end, for the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    pub model: String,
    pub workspace: WorkspaceId,
    pub outputs: u32,
    /// None: it was made. Else why not.
    pub failure: Option<Class>,
    /// What the workspace paid.
    pub units: Units,
    /// What the provider took, in millionths of a dollar, by its own word or by the price list.
    pub micros: u64,
    /// From submit to the last stored byte.
    pub millis: i64,
}

impl Entity for Gate {
    const BINDING: &'static str = "GATE";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        let now = platform.now();
        if matches!(command, Command::Look) {
            return Ok(Reply::Seen(Box::new(storage.transact(|sql| view::look(sql, now))?)));
        }
        let ends_a_job = matches!(command, Command::Leave { made: Some(_), .. });
        let is_new = !storage.transact(store::exists)?;
        // Before the first row, and now and then: rows without an alarm would be kept for good.
        if is_new || (ends_a_job && !storage.has_alarm().await?) {
            storage.set_alarm(now.plus_millis(store::DAY_MILLIS)).await?;
        }
        let dice = f64::from(u16::from_le_bytes(platform.random())) / f64::from(u16::MAX);
        Ok(storage.transact(|sql| {
            // Asked again inside: the object may have deleted itself meanwhile.
            store::create(sql)?;
            apply(sql, now, dice, command)
        })?)
    }

    async fn wake<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
        let now = platform.now();
        let is_unused = storage.transact(|sql| Ok(!store::exists(sql)? || store::prune(sql, now)?))?;
        if is_unused {
            storage.delete_all().await
        } else {
            storage.set_alarm(now.plus_millis(store::DAY_MILLIS)).await
        }
    }
}

fn apply(sql: &impl Sql, now: Timestamp, dice: f64, command: Command) -> Result<Reply, SqlError> {
    store::expire(sql, now)?;
    let mut state = store::load(sql)?;
    let before = state.clone();
    let reply = match command {
        Command::Enter { lease, until, limit } => {
            if store::has_lease(sql, &lease)? {
                store::lease(sql, &lease, until)?;
                return Ok(Reply::Go);
            }
            let crowd = store::crowd(sql, &state, &lease, now)?;
            match state.admit(now, &lease, limit, crowd, dice) {
                Ok(()) => {
                    store::lease(sql, &lease, until)?;
                    Reply::Go
                }
                Err((until, why)) => {
                    store::wait(sql, &lease, now, until)?;
                    Reply::Wait { until, why }
                }
            }
        }
        Command::Report { report } => {
            if report.is_submit {
                store::add_submit(sql, now, &report)?;
            }
            state.heard(now, &report);
            Reply::Done
        }
        Command::Leave { lease, made } => {
            store::release(sql, &lease)?;
            state.left(now, &lease, made.as_ref().map(|made| made.failure));
            if let Some(made) = made {
                store::add_made(sql, now, &lease, &made)?;
            }
            Reply::Done
        }
        Command::Checked { trouble } => {
            state.checked(now, trouble);
            Reply::Done
        }
        Command::Look => Reply::Seen(Box::new(view::look(sql, now)?)),
    };
    if state != before {
        store::save(sql, &state)?;
    }
    Ok(reply)
}

/// Whether a job may begin now.
pub async fn enter<P: Platform>(
    platform: &P,
    account: &Account,
    lease: &str,
    until: Timestamp,
) -> Result<Result<(), (Timestamp, Why)>, Unavailable> {
    let command = Command::Enter { lease: lease.to_owned(), until, limit: account.concurrency };
    Ok(match platform.ask::<Gate>(&account.gate(), command).await? {
        Reply::Wait { until, why } => Err((until, why)),
        _ => Ok(()),
    })
}

/// Best effort: what is not reported is not counted, and the job goes on.
pub async fn report<P: Platform>(platform: &P, account: &Account, report: Report) {
    let _ = platform.ask::<Gate>(&account.gate(), Command::Report { report }).await;
}

/// To be repeated until it is heard, or the lease runs out by itself.
pub async fn leave<P: Platform>(
    platform: &P,
    account: &Account,
    lease: &str,
    made: Option<Made>,
) -> Result<(), Unavailable> {
    platform.ask::<Gate>(&account.gate(), Command::Leave { lease: lease.to_owned(), made }).await.map(|_| ())
}

/// What the operator sees of it.
pub async fn look<P: Platform>(platform: &P, account: &Account) -> Result<Snapshot, Unavailable> {
    Ok(match platform.ask::<Gate>(&account.gate(), Command::Look).await? {
        Reply::Seen(snapshot) => *snapshot,
        _ => Snapshot::default(),
    })
}
