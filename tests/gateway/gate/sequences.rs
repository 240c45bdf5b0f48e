//! Random sequences, and the model they are held against.

use super::{World, made};
use crate::support::Fault;
use atelier::providers::adapter::Class;
use atelier::time::Timestamp;
use atelier::units::Units;
use atelier::upstream::gate::{Breaker, Command, Reply, Report, Why};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

const CASES: u32 = 600;
const MOST_MOVES: usize = 80;
const MODELS: [&str; 2] = ["m", "n"];
const CLASSES: [Class; 7] = [
    Class::InvalidInput,
    Class::Moderated,
    Class::Auth,
    Class::Quota,
    Class::RateLimited,
    Class::Unavailable,
    Class::Timeout,
];

#[derive(Clone, Debug)]
enum Step {
    Enter { job: usize, seconds: i64 },
    Report { trouble: Option<usize>, retry_after_millis: Option<i64>, is_submit: bool },
    Leave { job: usize, made: Option<(usize, Option<usize>)> },
    Checked { trouble: Option<usize> },
    Pass { seconds: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Delivery {
    Once,
    Twice,
    Lost,
    AnswerLost,
    /// After so many more moves.
    Later(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let class = || proptest::option::weighted(0.6, 0..CLASSES.len());
    prop_oneof![
        10 => (0..12_usize, 1..400_i64).prop_map(|(job, seconds)| Step::Enter { job, seconds }),
        8 => (class(), proptest::option::weighted(0.1, 0..40_000_i64), any::<bool>())
            .prop_map(|(trouble, retry_after_millis, is_submit)| Step::Report { trouble, retry_after_millis, is_submit }),
        6 => (0..12_usize, proptest::option::weighted(0.7, (0..MODELS.len(), class())))
            .prop_map(|(job, made)| Step::Leave { job, made }),
        1 => class().prop_map(|trouble| Step::Checked { trouble }),
        5 => prop_oneof![1..5_i64, 20..40_i64, 100..700_i64].prop_map(|seconds| Step::Pass { seconds }),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        12 => Just(Delivery::Once),
        2 => Just(Delivery::Twice),
        1 => Just(Delivery::Lost),
        2 => Just(Delivery::AnswerLost),
        2 => (1..6_u32).prop_map(Delivery::Later),
    ]
}

#[derive(Default)]
struct Model {
    leases: BTreeMap<String, Timestamp>,
    counted: BTreeSet<String>,
    /// Jobs, outputs, micros and units by model.
    tallies: BTreeMap<&'static str, (u32, u32, u64, Units)>,
    /// The one that was let through while the breaker was half open.
    probe: Option<String>,
}

struct Play {
    world: World,
    limit: u32,
    model: Model,
    met: BTreeSet<&'static str>,
}

impl Play {
    fn run(limit: u32, moves: &[(Step, Delivery)]) -> BTreeSet<&'static str> {
        let mut play = Self { world: World::new(), limit, model: Model::default(), met: BTreeSet::new() };
        let mut post: Vec<(u32, Command)> = Vec::new();
        for (step, delivery) in moves {
            if let Step::Pass { seconds } = step {
                play.world.0.elapse(*seconds);
            } else {
                let command = play.compose(step);
                match delivery {
                    Delivery::Lost => {}
                    Delivery::Later(moves) => post.push((*moves, command)),
                    Delivery::Once => play.tell(command, false),
                    Delivery::AnswerLost => play.tell(command, true),
                    Delivery::Twice => (0..2).for_each(|_| play.tell(command.clone(), false)),
                }
            }
            let (due, left) = post.into_iter().partition(|(moves, _)| *moves == 0);
            post = left;
            post.iter_mut().for_each(|(moves, _)| *moves -= 1);
            let due: Vec<(u32, Command)> = due;
            due.into_iter().for_each(|(_, command)| play.tell(command, false));
        }
        play.met
    }

    fn compose(&self, step: &Step) -> Command {
        let class = |index: &Option<usize>| index.map(|index| CLASSES[index]);
        match step {
            Step::Enter { job, seconds } => {
                let until = self.world.now().plus_seconds(*seconds);
                Command::Enter { lease: format!("job-{job}"), until, limit: self.limit }
            }
            Step::Report { trouble, retry_after_millis, is_submit } => Command::Report {
                report: Report {
                    trouble: class(trouble),
                    retry_after_millis: *retry_after_millis,
                    millis: 5,
                    is_submit: *is_submit,
                },
            },
            Step::Leave { job, made: outcome } => Command::Leave {
                lease: format!("job-{job}"),
                made: outcome.as_ref().map(|(model, failure)| made(MODELS[*model], class(failure))),
            },
            Step::Checked { trouble } => Command::Checked { trouble: class(trouble) },
            Step::Pass { .. } => Command::Look,
        }
    }

    fn tell(&mut self, command: Command, is_lost: bool) {
        self.expire();
        let before = self.world.look();
        if !matches!(before.breaker, Breaker::HalfOpen { .. }) {
            self.model.probe = None;
        }
        let reply = if is_lost {
            self.world.0.meet("ask GATE", Fault::LoseReply);
            let lost = self.world.0.run(atelier::platform::Platform::ask::<super::Gate>(
                &self.world.0,
                super::NAME,
                command.clone(),
            ));
            assert!(lost.is_err());
            None
        } else {
            Some(self.world.tell(command.clone()))
        };
        match command {
            Command::Enter { lease, until, .. } => self.entered(&before, lease, until, reply),
            Command::Leave { lease, made } => {
                self.model.leases.remove(&lease);
                let is_first = made.is_some() && self.model.counted.insert(lease);
                if let Some(made) = made.filter(|_| is_first) {
                    let model = MODELS.into_iter().find(|model| *model == made.model).unwrap();
                    let tally = self.model.tallies.entry(model).or_default();
                    tally.0 += 1;
                    tally.1 += made.outputs;
                    tally.2 += made.micros;
                    tally.3 = tally.3 + made.units;
                }
            }
            _ => {}
        }
        self.check();
    }

    fn expire(&mut self) {
        let now = self.world.now();
        self.model.leases.retain(|_, until| *until > now);
    }

    fn entered(&mut self, before: &super::Snapshot, lease: String, until: Timestamp, reply: Option<Reply>) {
        let now = self.world.now();
        let is_known = self.model.leases.contains_key(&lease);
        // An answer that was lost is asked for again, as a job does: it must be the same one.
        let reply = reply.unwrap_or_else(|| {
            let again = Command::Enter { lease: lease.clone(), until, limit: self.limit };
            self.world.tell(again)
        });
        let may = !is_known && before.paused_until.is_none();
        match reply {
            Reply::Go => {
                self.met.insert(if is_known { "again" } else { "go" });
                if !is_known {
                    assert!(may && !matches!(before.breaker, Breaker::Open { .. }), "{lease}: {before:?}");
                    if matches!(before.breaker, Breaker::HalfOpen { .. }) {
                        let alive =
                            self.model.probe.as_ref().filter(|probe| self.model.leases.contains_key(*probe));
                        assert_eq!(alive, None, "a second one is let through");
                        self.model.probe = Some(lease.clone());
                        self.met.insert("probe");
                    }
                }
                if until > now {
                    let kept = self.model.leases.entry(lease).or_insert(until);
                    *kept = (*kept).max(until);
                }
            }
            Reply::Wait { until, why } => {
                self.met.insert(match why {
                    Why::Busy => "busy",
                    Why::RateLimited => "limited",
                    Why::Open => "open",
                });
                assert!(!is_known, "{lease} is under way");
                let millis = until.millis_since(now);
                assert!((1..=602_000).contains(&millis), "{millis} ms");
                let is_idle = before.under_way == 0 && before.waiting == 0 && may;
                assert!(!is_idle || before.breaker != Breaker::Closed, "{why:?} for nothing: {before:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    fn check(&mut self) {
        let look = self.world.look();
        if !matches!(look.breaker, Breaker::HalfOpen { .. }) {
            self.model.probe = None;
        }
        assert_eq!(look.under_way as usize, self.model.leases.len());
        assert!(look.under_way <= self.limit);
        let told: BTreeMap<_, _> = look
            .month
            .iter()
            .map(|tally| (tally.model.as_str(), (tally.jobs, tally.outputs, tally.micros, tally.units)))
            .collect();
        assert_eq!(told, self.model.tallies);
    }
}

#[test]
fn never_too_many_never_two_probes_and_nothing_counted_twice() {
    #[expect(clippy::disallowed_methods, reason = "a native test, told from outside how long to look")]
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let met = RefCell::new(BTreeSet::new());
    let moves = proptest::collection::vec((step(), delivery()), 1..MOST_MOVES);
    let outcome = TestRunner::new(config).run(&(1..4_u32, moves), |(limit, moves)| {
        met.borrow_mut().extend(Play::run(limit, &moves));
        Ok(())
    });
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
    let all = BTreeSet::from(["again", "go", "probe", "busy", "limited", "open"]);
    assert!(cases < CASES || *met.borrow() == all, "met only {:?}", met.borrow());
}
