//! One run's life, from the request to settled money and stored files: a single generation, or a workflow of many.
//!
//! ```text
//! run    reserving ──admitted──▶ running ──every item ended, or a required step failed──▶ settling ──▶ ended
//!            │ refused              │ cancelled, past its deadline ▶ settling
//!            ▼
//!        (forgotten)
//!
//! item   waiting ──▶ ready ──▶ submitting ──▶ working ──▶ storing ──▶ succeeded
//!           │          ▲ a failure that may pass │           │
//!           ▼ skipped  └─────────────────────────┴───────────┴──▶ failed, cancelled
//! ```
//!
//! A generation is a run of one item. Each stage is recorded before the next begins, and an end is never left. The money
//! is settled before the end is shown, so a reader who sees `complete` also sees the balance after it.
//! Not for: what a member may spend (`workspace`), how a provider works (`providers`), documents (`workflows`).

pub mod callback;
pub mod drive;
mod item;
mod remote;
pub mod run;
pub mod state;
pub mod steps;
pub mod store;
mod upgrade;
pub mod view;

pub use run::{Command, Reply, Run};
pub use view::{Shown, View};

use crate::error::{Code, Refusal};
use crate::id::{PersonId, RunId, WorkspaceId};
use crate::models::{Generation, Modality, Model};
use crate::platform::{Level, Platform, Unavailable};
use crate::session::{self, Session};
use crate::time::Timestamp;
use crate::units::Units;
use crate::workflows::{self, Plan};
use crate::workspace::{NeededFile, RunKind, Terms};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a run was asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub run_id: RunId,
    pub workspace_id: WorkspaceId,
    pub person: PersonId,
    pub work: Work,
    /// The most it can cost, set aside while it runs.
    pub reserved: Units,
    pub session_name: Option<String>,
    pub created_at: Timestamp,
    /// Under which the world reaches this gateway, for providers that fetch files and call back.
    #[serde(default)]
    pub origin: String,
    /// Calls that a generation's batch is made with.
    #[serde(default)]
    pub calls: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    Forge(Generation),
    Workflow(Plan),
}

/// How long one item may take.
fn item_deadline_seconds(model: Option<&Model>) -> i64 {
    match model {
        Some(model)
            if !model.endpoint.is_empty() && matches!(model.modality, Modality::Video | Modality::ThreeD) =>
        {
            state::LONG_ITEM_DEADLINE_SECONDS
        }
        _ => state::ITEM_DEADLINE_SECONDS,
    }
}

/// Characters of a prompt that stand for a run in a list.
const TITLE_CHARS: usize = 120;

impl Job {
    /// Items it is made of: calls to a provider.
    pub fn items(&self) -> usize {
        match &self.work {
            Work::Forge(_) => self.calls.max(1) as usize,
            Work::Workflow(plan) => plan
                .steps
                .iter()
                .map(|step| if let workflows::Work::Runs(runs) = &step.work { runs.len() } else { 0 })
                .sum(),
        }
    }
}

impl Work {
    pub fn deadline_seconds(&self) -> i64 {
        match self {
            Work::Forge(_) => state::LONG_ITEM_DEADLINE_SECONDS + state::FORGE_GRACE_SECONDS,
            Work::Workflow(_) => state::WORKFLOW_DEADLINE_SECONDS,
        }
    }

    pub fn kind(&self) -> RunKind {
        match self {
            Work::Forge(_) => RunKind::Forge,
            Work::Workflow(_) => RunKind::Workflow,
        }
    }

    /// The model or workflow.
    pub fn subject(&self) -> &str {
        match self {
            Work::Forge(generation) => &generation.model_id,
            Work::Workflow(plan) => &plan.workflow_id,
        }
    }

    fn title(&self) -> String {
        match self {
            Work::Forge(generation) => generation.prompt.chars().take(TITLE_CHARS).collect(),
            Work::Workflow(plan) => plan.name.chars().take(TITLE_CHARS).collect(),
        }
    }

    fn files(&self) -> Vec<NeededFile> {
        match self {
            Work::Forge(generation) => {
                generation.assets().map(|id| NeededFile { asset_id: id.clone(), kind: None }).collect()
            }
            Work::Workflow(plan) => plan
                .files()
                .into_iter()
                .map(|(asset_id, kind)| NeededFile { asset_id, kind: Some(kind) })
                .collect(),
        }
    }
}

/// What asking for a run came to.
pub enum Started {
    Run {
        view: Box<View>,
        repeated: Option<Repeated>,
    },
    /// A person has to agree first: the price is above this.
    Confirm {
        above: Units,
    },
}

/// Why a call was answered with an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    ByKey,
    ByAgreement,
    StillRunning,
}

impl Repeated {
    pub fn warning(self) -> &'static str {
        match self {
            Repeated::ByKey => {
                "idempotency_key was used before: this is the run it started, not a second one."
            }
            Repeated::ByAgreement => {
                "the same agreement to the price was used before: this is the run it started, not a second one. For another one make a new call."
            }
            Repeated::StillRunning => {
                "the same call is still under way: this is the run it started, not a second one. For another one give an idempotency_key of its own, or a seed."
            }
        }
    }
}

/// Starts a run: its object takes the job, reserves the money and goes to work by its own alarm.
pub async fn start<P: Platform>(
    platform: &P,
    job: Job,
    terms: Terms,
) -> Result<Result<Started, Refusal>, Unavailable> {
    let id = job.run_id.clone();
    let has_key = terms.idempotency_key.is_some();
    let command = Command::Start { job: Box::new(job), terms: Box::new(terms) };
    match platform.ask::<Run>(id.as_str(), command).await? {
        Reply::View(view) => Ok(Ok(Started::Run { view, repeated: None })),
        Reply::Repeat { run_id, by_key } => {
            let repeated = match by_key {
                true if has_key => Repeated::ByKey,
                true => Repeated::ByAgreement,
                false => Repeated::StillRunning,
            };
            let found = platform.ask::<Run>(run_id.as_str(), Command::Get { wait: None }).await?;
            Ok(match found {
                Reply::View(view) => Ok(Started::Run { view, repeated: Some(repeated) }),
                // Admitted, but its answer was lost: it is about to be started or given up.
                _ => Err(Refusal::new(Code::Internal, "The first such call is not decided yet.")
                    .next("Call again with the same arguments in half a minute.")
                    .retry_after(30)),
            })
        }
        Reply::Confirm { above } => Ok(Ok(Started::Confirm { above })),
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
    Refusal::new(Code::RunNotFound, "No run of yours has this id.")
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
