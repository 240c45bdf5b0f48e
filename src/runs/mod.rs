//! One generation's life, from the request to settled money and stored files.
//!
//! ```text
//! reserving ──admitted──▶ accepted ──submit──▶ working ──finished──▶ storing ──all stored──▶ settling ──▶ ended
//!     │ refused             │ fails ▶ settling    │ fails, deadline ▶ settling  │ fails ▶ settling
//!     ▼                     cancel: from any stage before settling, to settling with the outcome "cancelled"
//!  (forgotten)
//! ```
//!
//! The money is settled before the end is shown, so a reader who sees `complete` also sees the balance after it.
//! Not for: what a member may spend (`workspace`) or how a provider works (`providers`).

pub mod drive;
pub mod run;
pub mod state;

pub use run::{Command, Reply, Run, View};

use crate::error::{Code, Refusal};
use crate::id::{PersonId, RunId, WorkspaceId};
use crate::models::Generation;
use crate::platform::{Level, Platform, Unavailable};
use crate::session::{self, Session};
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::runs::Idempotency;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a run was asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub run_id: RunId,
    pub workspace_id: WorkspaceId,
    pub person: PersonId,
    pub generation: Generation,
    /// The most it can cost, set aside while it runs.
    pub reserved: Units,
    pub session_name: Option<String>,
    pub created_at: Timestamp,
}

/// A run that was started, or the earlier one that the same idempotency key started.
pub struct Started {
    pub view: View,
    pub repeated: bool,
}

/// Starts a run: its object takes the job, reserves the money and goes to work by its own alarm.
pub async fn start<P: Platform>(
    platform: &P,
    job: Job,
    idempotency: Option<Idempotency>,
) -> Result<Result<Started, Refusal>, Unavailable> {
    let id = job.run_id.clone();
    match platform.ask::<Run>(id.as_str(), Command::Start { job: Box::new(job), idempotency }).await? {
        Reply::View(view) => Ok(Ok(Started { view: *view, repeated: false })),
        Reply::Repeat(first) => {
            let found = platform.ask::<Run>(first.as_str(), Command::Get { wait: None }).await?;
            Ok(match found {
                Reply::View(view) => Ok(Started { view: *view, repeated: true }),
                // Admitted, but its answer was lost: it is about to be started or given up.
                _ => Err(Refusal::new(
                    Code::Internal,
                    "The first call with this idempotency_key is not decided yet.",
                )
                .next("Call again with the same idempotency_key in half a minute.")
                .retry_after(30)),
            })
        }
        Reply::Refused(refusal) => Ok(Err(*refusal)),
        Reply::Unknown => Ok(Err(unknown())),
    }
}

/// Reads a run that belongs to `workspace`; another workspace's run answers as one that does not exist.
pub async fn get<P: Platform>(
    platform: &P,
    id: &RunId,
    wait: Option<run::Wait>,
) -> Result<Result<View, Refusal>, Unavailable> {
    Ok(match platform.ask::<Run>(id.as_str(), Command::Get { wait }).await? {
        Reply::View(view) => Ok(*view),
        _ => Err(unknown()),
    })
}

pub fn unknown() -> Refusal {
    Refusal::new(Code::RunNotFound, "No run of yours has this inference_id.")
}

/// The run's own address in the protocol: it can be read and subscribed to from the moment it starts.
pub fn uri(id: &RunId) -> String {
    format!("atelier://runs/{id}")
}

/// Tells the sessions that watch a run that its resources changed. Best effort: the run has ended either way,
/// and a client that missed it sees so when it reads.
pub(crate) async fn tell<P: Platform>(platform: &P, id: &RunId, watchers: Vec<state::Watcher>) {
    for watcher in watchers {
        let message = json!({
            "jsonrpc": "2.0",
            "method": "notifications/resources/updated",
            "params": { "uri": watcher.uri },
        });
        let push = session::Command::Push { expires_at: watcher.expires_at, message: message.to_string() };
        if let Err(fault) = platform.ask::<Session>(&watcher.session, push).await {
            platform.log(Level::Warn, "run.watcher_not_told", json!({ "run_id": id, "fault": fault.0 }));
        }
    }
}
