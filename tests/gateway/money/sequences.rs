//! Random sequences of everything a workspace can be told about money and runs, with messages that are lost, sent twice
//! or overtaken, held against a small model of what should come of them. A failing sequence shrinks to a few lines.
//! Not for: the runs behind it (`game`).

mod model;
mod moves;
mod told;

use crate::support::{Fault, Memory};
use atelier::id::{AssetId, PersonId, RunId, WorkspaceId};
use atelier::models::Modality;
use atelier::platform::Platform;
use atelier::units::{Allowance, Units};
use atelier::workspace::Grant;
use atelier::workspace::ledger;
use atelier::workspace::media::Origin;
use atelier::workspace::{
    Actor, Admission, Asset, Command, Consent, Query, Reply, Role, RunKind, RunRow, Settlement, Terms,
    Workspace,
};
use model::{Model, Outcome};
use moves::{Delivery, Move, PEOPLE, Sequence, Step};
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A command on its way: delivered after so many more moves.
struct Letter {
    moves: u32,
    step: Step,
    command: Command,
}

struct World {
    memory: Memory,
    workspace: WorkspaceId,
    model: Model,
    post: Vec<Letter>,
    /// Kinds of answers.
    met: BTreeSet<&'static str>,
}

/// The world begins at 07:32; what is asked for on one day and arrives on the next is the interesting case.
const TO_MIDNIGHT_SECONDS: i64 = 16 * 3600 + 28 * 60;

fn person(who: usize) -> PersonId {
    PersonId::of(PEOPLE[who])
}

fn actor(who: usize) -> Actor {
    Actor::person(&person(who), None, "r")
}

/// What a token may spend; of the first as much as it likes.
fn allowance(token: usize) -> Allowance {
    match token {
        0 => Allowance::default(),
        _ => Allowance { per_day: Some(Units::whole(3)), per_month: Some(Units::whole(6)) },
    }
}

impl World {
    fn new() -> Self {
        let memory = Memory::new();
        memory.elapse(TO_MIDNIGHT_SECONDS - 15);
        let workspace = WorkspaceId::mint(memory.now(), &[7; 10]);
        let world = Self { memory, workspace, model: Model::new(), post: Vec::new(), met: BTreeSet::new() };
        world.ask(Command::Create { name: "W".into() }).unwrap();
        for (who, role) in [(0, Role::Owner), (1, Role::Member), (2, Role::Viewer)] {
            let actor = Actor::operator("r");
            world.ask(Command::AddMember { actor, person: person(who), role, label: None }).unwrap();
        }
        world
    }

    fn ask(&self, command: Command) -> Option<Reply> {
        self.memory.run(self.memory.ask::<Workspace>(self.workspace.as_str(), command)).ok()
    }

    fn play(mut self, moves: &[Move]) -> BTreeSet<&'static str> {
        self.steps(moves);
        self.met
    }

    fn steps(&mut self, moves: &[Move]) {
        for one in moves {
            self.make(one);
            self.deliver(|letter| letter.moves == 0);
            self.post.iter_mut().for_each(|letter| letter.moves -= 1);
        }
        self.deliver(|_| true);
    }

    fn make(&mut self, one: &Move) {
        if let Step::Pass { seconds } = one.step {
            return self.memory.elapse(seconds);
        }
        let Some(command) = self.compose(&one.step) else { return self.read(&one.step) };
        let times = match one.delivery {
            Delivery::Later(moves) => {
                let step = one.step.clone();
                return self.post.push(Letter { moves, step, command });
            }
            Delivery::Again(moves) => {
                let (step, command) = (one.step.clone(), command.clone());
                self.post.push(Letter { moves, step, command });
                1
            }
            Delivery::Lost => 0,
            Delivery::Once | Delivery::AnswerLost => 1,
            Delivery::Twice => 2,
        };
        for _ in 0..times {
            self.tell(&one.step, command.clone(), one.delivery == Delivery::AnswerLost);
        }
    }

    fn deliver(&mut self, is_due: impl Fn(&Letter) -> bool) {
        let (due, left) = std::mem::take(&mut self.post).into_iter().partition(is_due);
        self.post = left;
        for Letter { step, command, .. } in due {
            self.tell(&step, command, false);
        }
    }

    /// The real one and the model, side by side.
    fn tell(&mut self, step: &Step, command: Command, is_lost: bool) {
        let expected = self.model.tell(self.memory.now(), &command);
        self.met.insert(expected.name());
        if is_lost {
            self.memory.meet("ask WORKSPACE", Fault::LoseReply);
        }
        let told = self.ask(command);
        if !is_lost {
            assert_eq!(Outcome::of(told), expected, "{step:?}");
        }
        self.check(step);
    }

    /// None: it only reads.
    fn compose(&mut self, step: &Step) -> Option<Command> {
        let now = self.memory.now();
        Some(match step.clone() {
            Step::Admit { who, token, arguments, key, price, consent } => {
                let run_id = RunId::mint(now, &self.memory.random());
                self.model.known.push(run_id.clone());
                let terms = Terms {
                    arguments: format!("a{arguments}"),
                    idempotency_key: key.map(|key| format!("k{key}")),
                    token_id: format!("{}-{token}", PEOPLE[who]),
                    request_id: "r".into(),
                    allowance: allowance(token),
                    consent,
                    agreement: None,
                };
                Command::Admit(Box::new(Admission {
                    run_id,
                    asked_at: now,
                    person: person(who),
                    kind: RunKind::ALL[arguments % 2],
                    subject: "m".into(),
                    title: String::new(),
                    price,
                    files: Vec::new(),
                    terms,
                }))
            }
            Step::Settle { run, status, price } => {
                let stranger = || RunId::mint(now, &self.memory.random());
                let run_id = self.model.known_at(run).unwrap_or_else(stranger);
                let assets = vec![self.asset(&run_id)];
                Command::Settle(Settlement { run_id, status, price, assets })
            }
            Step::Grant { by: None, amount } => Command::Grant(Grant {
                actor: Actor::operator("r"),
                amount,
                note: String::new(),
                idempotency: None,
            }),
            Step::Grant { by: Some(who), amount } => {
                Command::GrantBy(Grant { actor: actor(who), amount, note: String::new(), idempotency: None })
            }
            Step::Allow { by, who, allowance } => {
                Command::SetAllowance { actor: actor(by), person: person(who), allowance }
            }
            Step::ConfirmAbove { by, above } => Command::SetConfirmAbove { actor: actor(by), above },
            Step::Role { by: Some(by), who, role } => {
                Command::SetRole { actor: actor(by), person: person(who), role }
            }
            Step::Role { by: None, who, role } => Command::AddMember {
                actor: Actor::operator("r"),
                person: person(who),
                role: role.unwrap_or(Role::Member),
                label: None,
            },
            Step::Pass { .. } | Step::Summary { .. } | Step::Runs { .. } | Step::Ledger { .. } => {
                return None;
            }
        })
    }

    fn asset(&self, run_id: &RunId) -> Asset {
        Asset {
            asset_id: AssetId::mint(self.memory.now(), &self.memory.random()),
            run_id: Some(run_id.to_string()),
            position: Some(0),
            kind: Modality::Image,
            mime_type: "image/png".into(),
            extension: "png".into(),
            size_bytes: 1,
            width: None,
            height: None,
            duration_seconds: None,
            alt: String::new(),
            name: None,
            sha256: None,
            origin: Origin::Generated,
            has_poster: true,
            person: None,
            created_at: None,
        }
    }

    fn read(&mut self, step: &Step) {
        match *step {
            Step::Summary { who } => {
                let told = self.ask(Command::Summary { person: person(who) });
                let expected = self.model.summary(&person(who));
                assert_eq!(Outcome::of(told), expected, "{step:?}");
            }
            Step::Runs { who, of, limit } => {
                let found = self.all_runs(who, of, limit);
                self.met.extend(found.as_ref().filter(|found| found.len() > limit as usize).map(|_| "Runs"));
                assert_eq!(found, self.model.runs(&person(who), of.map(person)), "{step:?}");
            }
            Step::Ledger { who, limit } => {
                let found = self.all_rows(who, limit);
                let amounts = found.map(|rows| {
                    let row = |entry: ledger::Entry| (entry.kind, entry.amount, entry.balance);
                    rows.into_iter().map(row).collect::<Vec<_>>()
                });
                assert_eq!(amounts, self.model.ledger(&person(who)), "{step:?}");
            }
            _ => {}
        }
    }

    /// Every page, newest first; None for a stranger.
    fn all_runs(&self, who: usize, of: Option<usize>, limit: u32) -> Option<Vec<RunId>> {
        let mut query = Query { of: of.map(person), limit, ..Query::default() };
        let mut found: Vec<RunRow> = Vec::new();
        loop {
            let command = Command::Runs { person: person(who), query: query.clone() };
            let Some(Reply::Runs(rows, next)) = self.ask(command) else { return None };
            assert!(rows.len() <= limit as usize);
            found.extend(rows);
            if next.is_none() {
                break;
            }
            query.before = next;
        }
        let ids: Vec<_> = found.into_iter().map(|row| row.run_id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "a repeat");
        Some(ids)
    }

    fn all_rows(&self, who: usize, limit: u32) -> Option<Vec<ledger::Entry>> {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let command = Command::Ledger { person: person(who), before, limit };
            let Some(Reply::Ledger(rows)) = self.ask(command) else { return None };
            assert!(rows.len() <= limit as usize);
            let Some(last) = rows.last() else { return Some(found) };
            before = Some(last.row_id);
            found.extend(rows);
        }
    }
}

/// How many sequences, unless PROPTEST_CASES says.
const CASES: u32 = 2_000;

/// Every way a command can be answered must have been met, or the sequences are too tame to prove anything.
#[test]
fn whatever_is_told_the_money_adds_up() {
    #[expect(clippy::disallowed_methods, reason = "a native test, told from outside how long to look")]
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    let met = RefCell::new(BTreeSet::new());
    let outcome = TestRunner::new(config).run(&moves::sequences(), |Sequence(moves)| {
        met.borrow_mut().extend(World::new().play(&moves));
        Ok(())
    });
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
    let missed: Vec<_> = ANSWERS.iter().filter(|answer| !met.borrow().contains(**answer)).collect();
    assert!(cases < CASES || missed.is_empty(), "never met: {missed:?}");
}

const ANSWERS: [&str; 17] = [
    "Done",
    "Admitted",
    "Repeat by key",
    "Repeat of what runs",
    "Confirm",
    "Settled",
    "Fault",
    "Runs",
    "WORKSPACE_NOT_FOUND",
    "FORBIDDEN",
    "INVALID_INPUTS",
    "RUN_NOT_FOUND",
    "IDEMPOTENCY_CONFLICT",
    "RATE_LIMITED",
    "BUDGET_EXCEEDED",
    "INSUFFICIENT_BALANCE",
    "INTERNAL",
];

/// Asked for before midnight, and overtaken by another after it: each counts for its own day, of which it is within the
/// limit, though together they are not.
#[test]
fn a_message_that_is_overtaken_counts_for_the_day_it_was_written() {
    let ask = |arguments, delivery| {
        let (price, consent) = (Units::whole(2), Consent::CannotAsk);
        Move { step: Step::Admit { who: 1, token: 1, arguments, key: None, price, consent }, delivery }
    };
    let once = |step| Move { step, delivery: Delivery::Once };
    let moves = [
        once(Step::Grant { by: None, amount: Units::whole(10) }),
        ask(0, Delivery::Later(2)),
        once(Step::Pass { seconds: 20 }),
        ask(1, Delivery::Once),
        once(Step::Summary { who: 1 }),
    ];
    let mut world = World::new();
    world.steps(&moves);
    assert_eq!(world.model.admitted.len(), 2);
}
