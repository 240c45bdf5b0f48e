//! What one key of one provider is going through: how many jobs are under way, whether it asked us to wait, whether it is
//! out of order, and what was made and spent with it. One `Gate` object for each, so that all isolates agree.
//! Not for: which provider is asked instead (`runs`).

use super::Account;
use crate::id::WorkspaceId;
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::providers::adapter::Class;
use crate::time::Timestamp;
use crate::units::Units;
use serde::{Deserialize, Serialize};

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

/// What the operator sees. (Filled in with the operator's view.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {}

impl Entity for Gate {
    const BINDING: &'static str = "GATE";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(_: &P, _: &S, command: Command) -> Result<Reply, Unavailable> {
        Ok(match command {
            Command::Enter { .. } => Reply::Go,
            Command::Report { .. } | Command::Leave { .. } => Reply::Done,
            Command::Look => Reply::Seen(Box::default()),
        })
    }

    async fn wake<P: Platform, S: Storage>(_: &P, storage: &S) -> Result<(), Unavailable> {
        storage.delete_all().await
    }
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
