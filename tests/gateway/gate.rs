//! The gate of one provider's key: who may begin a job and when, when it is out of order, what is counted. Random sequences
//! of what it can be told, lost, repeated and overtaken, against a small model; and its promises one by one.
//! Not for: what a run does while it waits.

mod sequences;

use crate::support::Memory;
use atelier::id::WorkspaceId;
use atelier::platform::Platform;
use atelier::providers::adapter::Class;
use atelier::time::Timestamp;
use atelier::units::Units;
use atelier::upstream::gate::{Breaker, Command, Gate, Made, Reply, Report, Snapshot, Why};
use std::collections::BTreeSet;

const NAME: &str = "fal";
const LEASE_SECONDS: i64 = 600;

struct World(Memory);

impl World {
    fn new() -> Self {
        Self(Memory::new())
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn tell(&self, command: Command) -> Reply {
        self.0.run(self.0.ask::<Gate>(NAME, command)).unwrap()
    }

    fn enter(&self, lease: &str, limit: u32) -> Reply {
        let until = self.now().plus_seconds(LEASE_SECONDS);
        self.tell(Command::Enter { lease: lease.into(), until, limit })
    }

    fn report(&self, trouble: Option<Class>, is_submit: bool) {
        let report = Report { trouble, retry_after_millis: None, millis: 100, is_submit };
        assert_eq!(self.tell(Command::Report { report }), Reply::Done);
    }

    fn leave(&self, lease: &str, failure: Option<Option<Class>>) {
        let made = failure.map(|failure| made("m", failure));
        assert_eq!(self.tell(Command::Leave { lease: lease.into(), made }), Reply::Done);
    }

    fn look(&self) -> Snapshot {
        let Reply::Seen(snapshot) = self.tell(Command::Look) else { panic!("it does not look") };
        *snapshot
    }

    fn wait(&self, lease: &str, limit: u32) -> (Timestamp, Why) {
        match self.enter(lease, limit) {
            Reply::Wait { until, why } => (until, why),
            other => panic!("{lease}: {other:?}"),
        }
    }

    fn elapse_until(&self, until: Timestamp) {
        self.0.attempt(self.0.rest_until(until));
    }
}

fn made(model: &str, failure: Option<Class>) -> Made {
    Made {
        model: model.into(),
        workspace: WorkspaceId::mint(Timestamp(0), &[1; 10]),
        outputs: u32::from(failure.is_none()) * 2,
        failure,
        units: Units::thousandths(1_500),
        micros: 40_000,
        millis: 3_000,
    }
}

#[test]
fn so_many_jobs_at_once_and_no_more() {
    let world = World::new();
    assert_eq!(world.enter("a", 2), Reply::Go);
    assert_eq!(world.enter("b", 2), Reply::Go);
    assert_eq!(world.enter("a", 2), Reply::Go, "the same job");
    assert_eq!(world.wait("c", 2).1, Why::Busy);
    assert_eq!((world.look().under_way, world.look().waiting), (2, 1));
    world.leave("a", None);
    world.leave("a", None);
    assert_eq!(world.enter("c", 2), Reply::Go);
    assert_eq!(world.wait("a", 2).1, Why::Busy);
    world.0.elapse(LEASE_SECONDS);
    assert_eq!(world.look().under_way, 0, "jobs that nobody ended run out");
}

/// Whoever waited longest goes first, and the others are told different times.
#[test]
fn nobody_overtakes_whoever_is_about_to_come_back() {
    let world = World::new();
    assert_eq!(world.enter("first", 1), Reply::Go);
    let (due, _) = world.wait("second", 1);
    world.leave("first", None);
    assert_eq!(world.wait("newcomer", 1).1, Why::Busy, "the place is for the second");
    world.elapse_until(due);
    assert_eq!(world.enter("second", 1), Reply::Go);
    world.leave("second", None);
    world.0.elapse(60);
    assert_eq!(world.enter("another", 1), Reply::Go, "the newcomer never came back");

    let times: BTreeSet<_> = (0..50).map(|job| world.wait(&format!("job-{job}"), 1).0).collect();
    assert!(times.len() > 40, "{} different times", times.len());
    let furthest = times.last().unwrap().millis_since(world.now());
    assert!((10_000..=60_000).contains(&furthest), "{furthest} ms");
}

/// Everybody gets through in about the order they came, while the gate is never idle for long.
#[test]
fn a_crowd_gets_through() {
    let world = World::new();
    let (jobs, limit, job_millis) = (60, 4, 5_000);
    let mut due: Vec<_> = (0..jobs).map(|job| (world.now().plus_millis(job), job)).collect();
    let mut running: Vec<(Timestamp, i64)> = Vec::new();
    let mut order = Vec::new();
    let begun = world.now();
    while !due.is_empty() || !running.is_empty() {
        let next = due.iter().chain(&running).min().copied().unwrap();
        world.elapse_until(next.0);
        if let Some(ended) = running.iter().position(|job| *job == next) {
            running.remove(ended);
            world.leave(&format!("{}", next.1), None);
            continue;
        }
        due.retain(|job| *job != next);
        match world.enter(&format!("{}", next.1), limit) {
            Reply::Wait { until, .. } => due.push((until, next.1)),
            _ => {
                order.push(next.1);
                running.push((world.now().plus_millis(job_millis), next.1));
            }
        }
        assert!(running.len() <= limit as usize);
    }
    let ideal = jobs / i64::from(limit) * job_millis;
    let took = world.now().millis_since(begun);
    assert!(took < ideal * 2, "{took} ms instead of {ideal}");
    let overtaken = order.iter().enumerate().map(|(place, job)| (place as i64 - job).abs()).max().unwrap();
    assert!(overtaken < 20, "{overtaken} places: {order:?}");
}

#[test]
fn a_provider_that_fails_is_left_alone_and_tried_by_one() {
    let world = World::new();
    for _ in 0..4 {
        world.report(Some(Class::Unavailable), true);
    }
    assert_eq!(world.enter("a", 8), Reply::Go, "four troubles are none");
    world.report(Some(Class::Timeout), true);
    let since = world.now();
    let (until, why) = world.wait("b", 8);
    assert_eq!(why, Why::Open);
    assert!((30_000..=32_000).contains(&until.millis_since(since)));
    assert_eq!(world.enter("a", 8), Reply::Go, "a job that is under way goes on");

    let mut wait = 30;
    for _ in 0..6 {
        world.0.elapse(wait);
        assert_eq!(world.enter("probe", 8), Reply::Go);
        assert_eq!(world.wait("c", 8).1, Why::Open, "one tries");
        assert!(matches!(world.look().breaker, Breaker::HalfOpen { is_trying: true, .. }));
        world.report(Some(Class::Internal), true);
        world.leave("probe", None);
        wait = (wait * 2).min(600);
        let Breaker::Open { since: first, until, why } = world.look().breaker else {
            panic!("it is not open")
        };
        assert_eq!((first, why), (since, Class::Internal));
        assert_eq!(until.millis_since(world.now()), wait * 1000);
    }
    world.0.elapse(wait);
    assert_eq!(world.enter("probe", 8), Reply::Go);
    world.report(Some(Class::Moderated), true);
    assert_eq!(world.look().breaker, Breaker::Closed, "it answers, if not as one would like");
    assert_eq!(world.enter("c", 8), Reply::Go);
}

/// The report of a job that tried can be lost; its end is told until it is heard.
#[test]
fn a_probe_that_ends_without_a_word_does_not_keep_the_gate_shut() {
    let world = World::new();
    let shut = || {
        for _ in 0..5 {
            world.report(Some(Class::Unavailable), true);
        }
        world.0.elapse(30);
    };
    shut();
    assert_eq!(world.enter("a", 8), Reply::Go);
    world.leave("a", None);
    assert_eq!(world.enter("b", 8), Reply::Go, "the first never began");
    world.leave("b", Some(Some(Class::Unavailable)));
    assert!(matches!(world.look().breaker, Breaker::Open { .. }));
    world.0.elapse(60);
    assert_eq!(world.enter("c", 8), Reply::Go);
    world.0.elapse(LEASE_SECONDS);
    assert_eq!(world.enter("d", 8), Reply::Go, "the third is taken for dead");
    world.leave("d", Some(None));
    assert_eq!(world.look().breaker, Breaker::Closed);
}

#[test]
fn what_people_ask_for_wrongly_opens_nothing() {
    let world = World::new();
    let innocent = [Class::InvalidInput, Class::Moderated, Class::NotFound, Class::Expired, Class::Cancelled];
    for class in innocent.iter().cycle().take(100) {
        world.report(Some(*class), true);
    }
    assert_eq!(world.enter("a", 8), Reply::Go);
    for turn in 0..100 {
        world.report((turn % 3 == 0).then_some(Class::Internal), true);
    }
    assert_eq!(world.enter("b", 8), Reply::Go, "a third fails");
    for _ in 0..100 {
        world.report(None, false);
    }
    for _ in 0..20 {
        world.report(Some(Class::Internal), true);
    }
    assert_eq!(world.wait("c", 8).1, Why::Open, "polls that go well hide no submits that fail");
}

#[test]
fn a_wrong_key_shuts_the_gate_at_once_and_a_right_one_opens_it() {
    for class in [Class::Auth, Class::Quota] {
        let world = World::new();
        world.report(Some(class), false);
        let (until, why) = world.wait("a", 8);
        assert_eq!(why, Why::Open);
        assert!(until.millis_since(world.now()) >= 300_000);
        world.tell(Command::Checked { trouble: Some(class) });
        assert_eq!(world.wait("a", 8).1, Why::Open);
        world.tell(Command::Checked { trouble: None });
        assert_eq!(world.enter("a", 8), Reply::Go, "the operator has set another key");
        assert_eq!(world.wait("b", 8).1, Why::Open);
        world.report(None, true);
        assert_eq!(world.enter("b", 8), Reply::Go);
    }
}

#[test]
fn a_provider_that_asks_to_wait_is_waited_for() {
    let world = World::new();
    let limited = |retry_after_millis| {
        let report =
            Report { trouble: Some(Class::RateLimited), retry_after_millis, millis: 9, is_submit: true };
        world.tell(Command::Report { report });
        world.look().paused_until.map(|until| until.millis_since(world.now()))
    };
    assert_eq!(limited(Some(20_000)), Some(20_000));
    assert_eq!(limited(Some(1_000)), Some(20_000), "never shorter");
    let (until, why) = world.wait("a", 8);
    assert!(why == Why::RateLimited && (20_000..=22_000).contains(&until.millis_since(world.now())));
    world.0.elapse(20);
    assert_eq!(world.enter("a", 8), Reply::Go);
    let unsaid: Vec<_> = (0..7)
        .map(|_| {
            let millis = limited(None).unwrap();
            world.0.elapse(millis / 1000);
            millis / 1000
        })
        .collect();
    assert_eq!(unsaid, [2, 4, 8, 16, 32, 64, 64]);
    world.report(None, true);
    assert_eq!(limited(None), Some(2_000));
    assert_eq!(limited(Some(i64::MAX)), Some(600_000), "a year is not believed");
    assert_eq!(world.look().breaker, Breaker::Closed);
}

#[test]
fn what_was_made_is_counted_once_by_day_and_model() {
    let world = World::new();
    for lease in ["a", "b", "c"] {
        world.enter(lease, 8);
        for _ in 0..2 {
            world.leave(lease, Some(None));
        }
    }
    world.leave("d", Some(Some(Class::Moderated)));
    world.tell(Command::Leave { lease: "e".into(), made: Some(made("dear", None)) });
    let look = world.look();
    let m = look.today.iter().find(|tally| tally.model == "m").unwrap();
    assert_eq!((m.jobs, m.outputs, m.micros, m.units), (4, 6, 160_000, Units::whole(6)));
    assert_eq!((m.failures.as_slice(), m.mean_millis), (&[(Class::Moderated, 1)][..], Some(3_000)));
    assert_eq!(look.month.len(), 2);
    world.0.elapse(24 * 3600);
    assert!(world.look().today.is_empty());
    assert_eq!(world.look().month, look.month);
    world.0.elapse(30 * 24 * 3600);
    assert!(world.look().month.is_empty());
}

#[test]
fn submits_are_timed_and_the_oldest_forgotten() {
    let world = World::new();
    for millis in 1..=300 {
        let report = Report { trouble: None, retry_after_millis: None, millis, is_submit: millis != 300 };
        world.tell(Command::Report { report });
    }
    let submits = world.look().submits;
    assert_eq!((submits.measured, submits.p50_millis, submits.p99_millis), (200, Some(199), Some(297)));
}

#[test]
fn a_gate_that_is_not_used_any_more_is_nothing() {
    let world = World::new();
    assert_eq!(world.look(), Snapshot::default());
    assert!(world.0.object::<Gate>(NAME).is_empty(), "to look makes nothing");
    world.enter("a", 2);
    world.leave("a", Some(None));
    world.report(Some(Class::Auth), true);
    world.0.elapse(89 * 24 * 3600);
    assert!(!world.0.object::<Gate>(NAME).is_empty());
    let rows = world.0.object::<Gate>(NAME).read("SELECT lease FROM ended", &[]);
    assert!(rows.is_empty(), "kept for seven days");
    world.0.elapse(3 * 24 * 3600);
    assert!(world.0.object::<Gate>(NAME).is_empty());
    assert_eq!(world.enter("b", 2), Reply::Go);
}
