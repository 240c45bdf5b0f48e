//! A run's stored state and the rules by which it moves. Pure: values in, values out.
//! Not for: doing the work between two states (`drive`).

use super::Job;
use crate::error::{Code, Refusal};
use crate::providers::Operation;
use crate::sql::{Sql, SqlError, to_json};
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::{Asset, RunStatus};
use serde::{Deserialize, Serialize};

/// A run that has not ended by then ends as failed and its units go back.
pub const DEADLINE_SECONDS: i64 = 15 * 60;
/// An ended run stays readable this long, then its object forgets itself. The files stay.
pub const KEEP_SECONDS: i64 = 30 * 24 * 3600;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// The workspace has been asked and has not answered.
    Reserving,
    Accepted,
    /// Sent, and no answer recorded: the outcome is unknown until somebody finds out.
    Submitting,
    Working {
        operation: Operation,
    },
    /// Outputs exist; `Record::assets` are those already in object storage.
    Storing {
        outputs: u32,
    },
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

/// Everything a run remembers; one JSON row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub job: Job,
    pub stage: Stage,
    /// 0 to 1, never falling.
    pub progress: f64,
    /// Files of the outputs stored so far, in order.
    pub assets: Vec<Asset>,
    /// Rises with every change a reader could see.
    pub version: u32,
    /// Attempts at the present step that the platform did not let through.
    pub attempts: u32,
    /// Sessions to tell when the run ends.
    pub watchers: Vec<Watcher>,
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

impl Record {
    pub fn new(job: Job) -> Self {
        Self {
            job,
            stage: Stage::Reserving,
            progress: 0.0,
            assets: Vec::new(),
            version: 0,
            attempts: 0,
            watchers: Vec::new(),
        }
    }

    pub fn move_to(&mut self, stage: Stage) {
        self.stage = stage;
        self.attempts = 0;
        self.version = self.version.wrapping_add(1);
    }

    pub fn advance(&mut self, progress: f64) {
        if progress > self.progress {
            self.progress = progress.min(1.0);
            self.version = self.version.wrapping_add(1);
        }
    }

    /// Ends the work with a failure that costs nothing.
    pub fn fail(&mut self, error: Refusal, now: Timestamp) {
        let outcome =
            Outcome { status: RunStatus::Failed, error: Some(error), price: Units::ZERO, ended_at: now };
        self.move_to(Stage::Settling { outcome });
    }

    /// Ends the work with what was asked for, at the price of the outputs that exist.
    pub fn succeed(&mut self, now: Timestamp) {
        let made = u32::try_from(self.assets.len()).unwrap_or(u32::MAX);
        let asked = self.job.generation.batch_size.max(1);
        let each = Units::thousandths(self.job.reserved.as_thousandths() / i64::from(asked));
        let price = if made >= asked { self.job.reserved } else { each.times(made) };
        let outcome = Outcome { status: RunStatus::Complete, error: None, price, ended_at: now };
        self.progress = 1.0;
        self.move_to(Stage::Settling { outcome });
    }

    /// Asks the run to stop. Err when there is nothing left to stop.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Refusal> {
        match &self.stage {
            Stage::Settling { outcome } | Stage::Ended { outcome }
                if outcome.status == RunStatus::Cancelled =>
            {
                Ok(())
            }
            Stage::Settling { outcome } | Stage::Ended { outcome } => {
                let status = outcome.status.as_str();
                Err(Refusal::new(Code::RunAlreadyTerminal, format!("The run already ended as {status}.")))
            }
            _ => {
                let outcome =
                    Outcome { status: RunStatus::Cancelled, error: None, price: Units::ZERO, ended_at: now };
                self.move_to(Stage::Settling { outcome });
                Ok(())
            }
        }
    }

    pub fn past_deadline(&self, now: Timestamp) -> bool {
        now.millis_since(self.job.created_at) > DEADLINE_SECONDS * 1000
    }

    /// What a reader sees. `Settling` still shows as under way: the end is shown when the money is right.
    pub fn status(&self) -> RunStatus {
        match &self.stage {
            Stage::Ended { outcome } => outcome.status,
            _ => RunStatus::InProgress,
        }
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.stage {
            Stage::Ended { outcome } => Some(outcome),
            _ => None,
        }
    }
}

pub fn load(sql: &impl Sql) -> Result<Option<Record>, SqlError> {
    if !sql.has_table("run")? {
        return Ok(None);
    }
    sql.first("SELECT record FROM run", &[])?.map(|row| row.json(0)).transpose()
}

pub fn save(sql: &impl Sql, record: &Record) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS run (one INTEGER PRIMARY KEY CHECK (one = 1), record TEXT NOT NULL)",
        &[],
    )?;
    sql.query("INSERT OR REPLACE INTO run (one, record) VALUES (1, ?)", &[to_json(record)?])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{PersonId, RunId, WorkspaceId};
    use crate::models::Generation;

    fn record() -> Record {
        Record::new(Job {
            run_id: RunId::mint(Timestamp(1), &[1; 10]),
            workspace_id: WorkspaceId::mint(Timestamp(1), &[2; 10]),
            person: PersonId::of("ada"),
            generation: Generation {
                model_id: "m".into(),
                prompt: String::new(),
                negative_prompt: String::new(),
                batch_size: 4,
                seed: 1,
                options: Default::default(),
                guidance: Vec::new(),
                mask: None,
                post: Default::default(),
            },
            reserved: Units::whole(4),
            session_name: None,
            created_at: Timestamp(1000),
        })
    }

    #[test]
    fn an_end_is_shown_only_once_settled_and_stays() {
        let mut run = record();
        run.move_to(Stage::Accepted);
        run.cancel(Timestamp(2000)).unwrap();
        assert_eq!(run.status(), RunStatus::InProgress);
        let Stage::Settling { outcome } = run.stage.clone() else { panic!("not settling") };
        run.move_to(Stage::Ended { outcome });
        assert_eq!(run.status(), RunStatus::Cancelled);
        assert_eq!(run.cancel(Timestamp(3000)), Ok(()), "cancelling twice is one cancel");
    }

    #[test]
    fn a_finished_run_cannot_be_cancelled() {
        let mut run = record();
        run.succeed(Timestamp(2000));
        assert_eq!(run.cancel(Timestamp(3000)).unwrap_err().code, Code::RunAlreadyTerminal);
    }

    #[test]
    fn only_outputs_that_exist_are_paid() {
        let mut run = record();
        run.succeed(Timestamp(2000));
        let Stage::Settling { outcome } = run.stage else { panic!("not settling") };
        assert_eq!(outcome.price, Units::ZERO);
    }

    /// The stored form: changing it needs a migration for runs that are under way during a deploy.
    #[test]
    fn the_stored_format_is_unchanged() {
        let mut run = record();
        run.move_to(Stage::Working { operation: serde_json::json!({"started_at": 5}) });
        expect_test::expect![[r#"{"job":{"run_id":"00000000-0001-7101-8101-010101010101","workspace_id":"00000000-0001-7202-8202-020202020202","person":"8a4c01c5ee1da38b831dd3f930b49ff8","generation":{"model_id":"m","batch_size":4,"seed":1,"options":{}},"reserved":4,"session_name":null,"created_at":1000},"stage":{"Working":{"operation":{"started_at":5}}},"progress":0.0,"assets":[],"version":1,"attempts":0,"watchers":[]}"#]]
        .assert_eq(&serde_json::to_string(&run).unwrap());
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), run);
    }
}
