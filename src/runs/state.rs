//! A run's stored state and the rules by which it moves, the same for one generation and for a workflow: a run is a
//! list of items (model runs), a generation has one. Pure: values in, values out.
//! Not for: doing the work between two states (`drive`), what the steps of a workflow wait for (`steps`), rows (`store`).

use super::{Job, steps};
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::providers::Operation;
use crate::providers::adapter::Finished;
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::{Asset, RunStatus};
use serde::{Deserialize, Serialize};

/// An item that has not ended by then fails.
pub const ITEM_DEADLINE_SECONDS: i64 = 15 * 60;
/// The same for films and 3D objects, which providers queue and make slowly.
pub const LONG_ITEM_DEADLINE_SECONDS: i64 = 45 * 60;
/// A single generation ends this long after its last item must have: what a provider has in hand is stopped first.
pub const FORGE_GRACE_SECONDS: i64 = 10 * 60;
/// For a whole workflow, whose items may wait for each other.
pub const WORKFLOW_DEADLINE_SECONDS: i64 = 60 * 60;
/// An ended run stays readable this long, then its object forgets itself. The files stay.
pub const KEEP_SECONDS: i64 = 30 * 24 * 3600;
/// First wait before an item that failed is begun again; doubles with each time.
const RETRY_ITEM_MILLIS: i64 = 2_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// The workspace has been asked and has not answered.
    Reserving,
    /// Its items are on their way.
    Running,
    /// Nothing is left to do but the money.
    Settling {
        outcome: Outcome,
    },
    Ended {
        outcome: Outcome,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: RunStatus,
    pub error: Option<Refusal>,
    pub price: Units,
    pub ended_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub stage: Stage,
    /// Rises with every change a reader could see.
    pub version: u32,
    /// Attempts at the present step of the run itself that the platform did not let through.
    pub faults: u32,
    /// Sessions to tell when the run ends.
    pub watchers: Vec<Watcher>,
    /// Somebody wants it to stop, and a provider has work of it in hand: what that comes to is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
}

/// One model run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub stage: ItemStage,
    /// 0 to 1, never falling.
    pub progress: f64,
    /// Files of the outputs stored so far, in order.
    pub assets: Vec<Asset>,
    /// Rises with every change.
    pub version: u32,
    /// Attempts at the present stage that the platform did not let through.
    pub faults: u32,
    /// Times it was begun again after the provider failed.
    pub retries: u32,
    pub begun_at: Option<Timestamp>,
    /// Nothing to do before that.
    pub next_at: Timestamp,
    #[serde(default, skip_serializing_if = "Remote::is_none")]
    pub remote: Remote,
}

/// What an item remembers of a provider out there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remote {
    /// The model that really runs, once one has been chosen: the one asked for, or another provider's.
    pub model_id: String,
    /// Models that turned out not to be available.
    pub tried: Vec<String>,
    /// Rises with each submit, so that what belongs to an earlier one is told apart.
    pub attempt: u32,
    /// Submits that were refused and may be repeated.
    pub refused: u32,
    pub sent_at: Option<Timestamp>,
    /// Whether it was sent under a key of the workspace's own: whatever becomes of that key, no other is used for the job.
    pub has_own_key: bool,
    /// Under which an answer that is the file itself is stored.
    pub asset_id: Option<AssetId>,
    /// The address that the submit named for calling back.
    pub callback: Option<String>,
    /// Callbacks that have been heard, so that each counts once.
    pub events: Vec<String>,
    pub polls: u32,
    /// Since when it is being stopped; and how often that was asked for.
    pub stopping_at: Option<Timestamp>,
    pub stops: u32,
    /// Attempts at the present output.
    pub fetches: u32,
    /// Outputs that were not kept, and why the last of them was not.
    pub dropped: u32,
    pub dropped_because: Option<Refusal>,
}

impl Remote {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ItemStage {
    /// For steps before it.
    Waiting,
    Ready,
    /// Sent, and no answer recorded: the outcome is unknown until it has been found out.
    Submitting {
        at: Timestamp,
    },
    Working {
        operation: Operation,
    },
    /// Outputs exist; `Item::assets` are those already in object storage.
    Storing {
        outputs: u32,
    },
    /// Outputs exist out there, until the provider forgets them; `next` is the first that has not been looked at.
    Fetching {
        finished: Finished,
        next: u32,
        since: Timestamp,
    },
    Succeeded {
        price: Units,
    },
    Failed {
        error: Refusal,
    },
    Cancelled,
    /// What it needed was never made.
    Skipped,
}

/// Everything a run remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub job: Job,
    pub state: State,
    pub items: Vec<Item>,
}

/// A session that asked to be told when the run ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watcher {
    pub session: String,
    pub expires_at: Timestamp,
    /// As the client wrote it: the run's, or that of one of its assets.
    pub uri: String,
}

/// Sessions that may watch one run; a client needs one.
pub const MAX_WATCHERS: usize = 16;

impl Item {
    pub fn new(stage: ItemStage, now: Timestamp) -> Self {
        Self {
            stage,
            progress: 0.0,
            assets: Vec::new(),
            version: 0,
            faults: 0,
            retries: 0,
            begun_at: None,
            next_at: now,
            remote: Remote::default(),
        }
    }

    pub fn has_ended(&self) -> bool {
        use ItemStage::{Cancelled, Failed, Skipped, Succeeded};
        matches!(self.stage, Succeeded { .. } | Failed { .. } | Cancelled | Skipped)
    }

    /// Whether a provider out there may have work of it in hand, which may be charged.
    pub fn is_abroad(&self) -> bool {
        use ItemStage::{Fetching, Submitting, Working};
        self.remote.attempt > 0 && matches!(self.stage, Submitting { .. } | Working { .. } | Fetching { .. })
    }

    pub fn move_to(&mut self, stage: ItemStage) {
        self.stage = stage;
        self.faults = 0;
        if self.has_ended() {
            self.progress = 1.0;
        }
    }

    pub fn advance(&mut self, progress: f64) {
        self.progress = self.progress.max(rounded(progress.clamp(0.0, 1.0)));
    }

    pub fn price(&self) -> Units {
        match self.stage {
            ItemStage::Succeeded { price } => price,
            _ => Units::ZERO,
        }
    }

    /// Files that are there to stay.
    pub fn files(&self) -> &[Asset] {
        match self.stage {
            ItemStage::Succeeded { .. } => &self.assets,
            _ => &[],
        }
    }

    /// The provider, or the item's own input, said no. A failure that may pass is begun again, if the step allows it.
    pub fn fail(&mut self, error: Refusal, retries: u32, now: Timestamp) {
        if error.code.retryable() && self.retries < retries {
            let wait = RETRY_ITEM_MILLIS.saturating_mul(1 << self.retries.min(8));
            self.retries += 1;
            self.assets.clear();
            self.next_at = now.plus_millis(wait);
            self.move_to(ItemStage::Ready);
        } else {
            self.move_to(ItemStage::Failed { error });
        }
    }

    /// Ends with what was asked for, at the price of the outputs that exist; or what the provider took, which is never
    /// more than was set aside.
    pub fn succeed_at(&mut self, charged: Option<Units>, planned: Units, asked: u32) {
        match charged {
            Some(charged) => self.move_to(ItemStage::Succeeded { price: charged.min(planned) }),
            None => self.succeed(planned, asked),
        }
    }

    /// Ends with what was asked for, at the price of the outputs that exist.
    pub fn succeed(&mut self, planned: Units, asked: u32) {
        let made = u32::try_from(self.assets.len()).unwrap_or(u32::MAX);
        let each = Units::thousandths(planned.as_thousandths() / i64::from(asked.max(1)));
        let price = if made >= asked { planned } else { each.times(made) };
        self.move_to(ItemStage::Succeeded { price });
    }

    pub fn past_deadline(&self, now: Timestamp, seconds: i64) -> bool {
        self.begun_at.is_some_and(|begun| now.millis_since(begun) > seconds * 1000)
    }
}

impl State {
    pub fn new() -> Self {
        Self { stage: Stage::Reserving, version: 0, faults: 0, watchers: Vec::new(), cancelled_at: None }
    }

    pub fn move_to(&mut self, stage: Stage) {
        self.stage = stage;
        self.faults = 0;
        self.version = self.version.wrapping_add(1);
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    /// As it is before the workspace has been asked.
    pub fn new(job: Job) -> Self {
        let items = (0..job.items()).map(|_| Item::new(ItemStage::Waiting, job.created_at)).collect();
        Self { job, state: State::new(), items }
    }

    /// A number that differs after any change a reader could see.
    pub fn version(&self) -> u32 {
        self.items.iter().fold(self.state.version, |sum, item| sum.wrapping_add(item.version))
    }

    pub fn progress(&self) -> f64 {
        let sum: f64 = self.items.iter().map(|item| item.progress).sum();
        match (&self.state.stage, self.items.len()) {
            (Stage::Settling { outcome } | Stage::Ended { outcome }, _)
                if outcome.status == RunStatus::Complete =>
            {
                1.0
            }
            (_, 0) => 0.0,
            (_, count) => rounded(sum / count as f64),
        }
    }

    /// What has been made so far and is charged, however the run ends.
    pub fn price(&self) -> Units {
        self.items.iter().fold(Units::ZERO, |sum, item| sum + item.price())
    }

    pub fn files(&self) -> impl Iterator<Item = &Asset> {
        self.items.iter().flat_map(|item| item.files())
    }

    /// Ends the work: items that have not ended are stopped, those that succeeded are paid for.
    pub fn finish(&mut self, status: RunStatus, error: Option<Refusal>, now: Timestamp) {
        for item in self.items.iter_mut().filter(|item| !item.has_ended()) {
            item.move_to(ItemStage::Cancelled);
            item.version = item.version.wrapping_add(1);
        }
        let outcome = Outcome { status, error, price: self.price(), ended_at: now };
        self.state.move_to(Stage::Settling { outcome });
    }

    /// Asks the run to stop. Err when there is nothing left to stop.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Refusal> {
        match &self.state.stage {
            Stage::Settling { outcome } | Stage::Ended { outcome }
                if outcome.status == RunStatus::Cancelled =>
            {
                Ok(())
            }
            Stage::Settling { outcome } | Stage::Ended { outcome } => Err(has_ended(outcome.status)),
            _ => match steps::verdict(self) {
                // Only the preview and the money are left to do.
                Some(verdict) => Err(has_ended(verdict.status)),
                None if self.state.cancelled_at.is_some() => Ok(()),
                None if self.items.iter().any(Item::is_abroad) => {
                    self.stop(now);
                    Ok(())
                }
                None => {
                    self.finish(RunStatus::Cancelled, None, now);
                    Ok(())
                }
            },
        }
    }

    /// Ends what has not gone out, and has the providers asked to stop the rest.
    fn stop(&mut self, now: Timestamp) {
        for item in self.items.iter_mut().filter(|item| !item.has_ended()) {
            // One that is abroad stays as it is: an answer may be on its way to it.
            if !item.is_abroad() {
                item.move_to(ItemStage::Cancelled);
                item.version = item.version.wrapping_add(1);
            }
        }
        self.state.cancelled_at = Some(now);
        self.state.version = self.state.version.wrapping_add(1);
    }

    pub fn past_deadline(&self, now: Timestamp) -> bool {
        now.millis_since(self.job.created_at) > self.job.work.deadline_seconds() * 1000
    }

    /// What a reader sees. `Settling` still shows as under way: the end is shown when the money is right.
    pub fn status(&self) -> RunStatus {
        self.outcome().map_or(RunStatus::InProgress, |outcome| outcome.status)
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state.stage {
            Stage::Ended { outcome } => Some(outcome),
            _ => None,
        }
    }
}

/// In ten-thousandths: JSON is read fast here, and exact for few digits only.
pub fn rounded(progress: f64) -> f64 {
    (progress * 10_000.0).round() / 10_000.0
}

fn has_ended(status: RunStatus) -> Refusal {
    Refusal::new(Code::RunAlreadyTerminal, format!("The run already ended as {}.", status.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::Work;
    use super::*;
    use crate::id::{PersonId, RunId, WorkspaceId};
    use crate::models::Generation;

    pub fn record() -> Record {
        let mut record = Record::new(Job {
            run_id: RunId::mint(Timestamp(1), &[1; 10]),
            workspace_id: WorkspaceId::mint(Timestamp(1), &[2; 10]),
            person: PersonId::of("ada"),
            work: Work::Forge(Generation {
                model_id: "m".into(),
                prompt: String::new(),
                negative_prompt: String::new(),
                batch_size: 4,
                seed: 1,
                options: Default::default(),
                guidance: Vec::new(),
                mask: None,
                post: Default::default(),
            }),
            reserved: Units::whole(4),
            session_name: None,
            created_at: Timestamp(1000),
            origin: String::new(),
            calls: 1,
        });
        record.state.move_to(Stage::Running);
        record
    }

    #[test]
    fn an_end_is_shown_only_once_settled_and_stays() {
        let mut run = record();
        run.cancel(Timestamp(2000)).unwrap();
        assert_eq!(run.status(), RunStatus::InProgress);
        let Stage::Settling { outcome } = run.state.stage.clone() else { panic!("not settling") };
        run.state.move_to(Stage::Ended { outcome });
        assert_eq!(run.status(), RunStatus::Cancelled);
        assert_eq!(run.cancel(Timestamp(3000)), Ok(()), "cancelling twice is one cancel");
    }

    #[test]
    fn a_finished_run_cannot_be_cancelled() {
        let mut run = record();
        run.finish(RunStatus::Complete, None, Timestamp(2000));
        assert_eq!(run.cancel(Timestamp(3000)).unwrap_err().code, Code::RunAlreadyTerminal);
    }

    #[test]
    fn only_outputs_that_exist_are_paid() {
        let mut run = record();
        run.items[0].succeed(Units::whole(4), 4);
        assert_eq!(run.price(), Units::ZERO);
    }

    #[test]
    fn a_failure_that_may_pass_is_begun_again_as_often_as_allowed() {
        let now = Timestamp(5000);
        let lost = Refusal::new(Code::ProviderFailed, "Gone.");
        let mut item = Item::new(ItemStage::Ready, now);
        item.fail(lost.clone(), 1, now);
        assert_eq!((&item.stage, item.next_at), (&ItemStage::Ready, now.plus_millis(RETRY_ITEM_MILLIS)));
        item.fail(lost.clone(), 1, now);
        assert_eq!(item.stage, ItemStage::Failed { error: lost });
        let mut item = Item::new(ItemStage::Ready, now);
        item.fail(Refusal::new(Code::Moderated, "No."), 3, now);
        assert!(matches!(item.stage, ItemStage::Failed { .. }), "the same prompt is refused again");
    }
}
