//! A run at a provider that is killed at every point of its way: never a second job, and what was made is not lost.
//! Not for: kills among other runs (`game`).

use super::signed::Said;
use super::{BOTH, World, code, files, picture, price};
use crate::support::Client;
use serde_json::json;

/// Await points of one run are fewer.
const MANY: u64 = 5_000;

struct Way {
    model: &'static str,
    prompt: &'static str,
    /// Whether the provider's list of jobs can be had.
    lists: bool,
    /// Whether it calls back.
    calls: bool,
    /// Whether a member stops it under way.
    cancels: bool,
}

const WAY: Way =
    Way { model: "flux-schnell", prompt: "a cat up:slow=4", lists: true, calls: false, cancels: false };

impl Way {
    fn begin(&self, seed: u64) -> (World, String) {
        let world = World::with(seed, BOTH);
        world.fake.look(|state| state.lists = self.lists);
        let mut request = picture(self.prompt, 2);
        request["model_id"] = self.model.into();
        if self.model != "flux-schnell" {
            request.as_object_mut().unwrap().retain(|name, _| name != "width" && name != "height");
        }
        let id = world.ada.start(&request);
        (world, id)
    }

    /// Killed after so many await points. None: it was over before.
    fn killed_at(&self, points: u64) -> Option<String> {
        let (world, id) = self.begin(points);
        let arm = || world.memory.state(|state| state.kill_after = Some(points));
        if self.cancels {
            world.until_job();
            world.memory.elapse(2);
            arm();
            let ask = world.ada.tool("cancel_forge_run", &json!({ "inference_id": id }));
            let _ = world.memory.attempt(world.memory.send(ask));
        } else {
            arm();
        }
        if world.memory.state(|state| state.kill_after.is_some()) {
            world.memory.elapse(200);
        }
        let was_killed = world.memory.state(|state| state.kill_after.take().is_none());
        if was_killed && self.cancels {
            // Whoever lost the answer asks again.
            let _ = world.memory.answer(world.ada.tool("cancel_forge_run", &json!({ "inference_id": id })));
        }
        if self.calls {
            world.memory.elapse(20);
            call_back(&world);
        }
        let told = self.check(&world, &id, points);
        was_killed.then_some(told)
    }

    /// In words how it ended.
    fn check(&self, world: &World, id: &str, points: u64) -> String {
        let when = format!("killed at point {points}");
        let run = world.end(id);
        let jobs = world.fake.jobs();
        assert!(jobs.len() <= 1, "{when}: {jobs:?}");
        let was_made = jobs.first().is_some_and(|job| !job.cancelled);
        let status = run["status"].as_str().unwrap();
        match status {
            "complete" => assert_eq!((was_made, files(&run)), (true, 2), "{when}: {run}"),
            "cancelled" => {
                assert!(self.cancels, "{when}: {run}");
                assert_eq!(files(&run), if was_made { 2 } else { 0 }, "{when}: {run}");
            }
            _ => {
                assert_eq!((files(&run), price(&run)), (0, 0.0), "{when}: {run}");
                let is_known = was_made && (self.lists || self.calls);
                assert!(!is_known, "{when}, what was made is lost: {run}");
                let codes = ["OUTCOME_UNKNOWN", "PROVIDER_FAILED"];
                assert!(codes.contains(&code(&run)), "{when}: {run}");
            }
        }
        assert_eq!(price(&run) > 0.0, files(&run) > 0, "{when}: {run}");
        assert!(world.stages(id).iter().all(|stage| !stage.is_null()));
        format!("{status} {}", code(&run))
    }

    /// All points, and every one of the ends that are named is met.
    fn everywhere(&self, least: u64, ends: &[&str]) {
        let mut met = std::collections::BTreeMap::<String, u64>::new();
        for points in 0..MANY {
            let Some(end) = self.killed_at(points) else {
                println!("{points} points: {met:?}");
                assert!(points > least, "a run has more await points than {points}");
                let found: Vec<_> = met.keys().map(String::as_str).collect();
                assert_eq!(found, ends);
                return;
            };
            *met.entry(end).or_default() += 1;
        }
        panic!("the run never ends");
    }
}

fn call_back(world: &World) {
    for job in world.fake.jobs() {
        let url = job.webhook.clone().unwrap();
        let answer = world.memory.answer(world.fake.callback(&job, &url, &Said::default()));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn killed_anywhere_a_job_is_found_in_the_list() {
    WAY.everywhere(40, &["complete none", "failed OUTCOME_UNKNOWN"]);
}

#[test]
fn killed_anywhere_a_job_is_found_by_its_callback() {
    Way { lists: false, calls: true, ..WAY }.everywhere(40, &["complete none", "failed OUTCOME_UNKNOWN"]);
}

#[test]
fn killed_anywhere_without_a_list_or_a_callback_nothing_is_charged() {
    Way { lists: false, ..WAY }.everywhere(40, &["complete none", "failed OUTCOME_UNKNOWN"]);
}

#[test]
fn killed_anywhere_while_it_is_stopped() {
    let way = Way { prompt: "a cat up:slow=100", cancels: true, ..WAY };
    way.everywhere(10, &["cancelled none"]);
}

#[test]
fn killed_anywhere_while_it_is_stopped_and_is_made_all_the_same() {
    let way = Way { prompt: "a cat up:slow=30 up:cancel-ignored", cancels: true, ..WAY };
    way.everywhere(10, &["cancelled none"]);
}

#[test]
fn killed_anywhere_where_the_list_tells_whose_a_job_is() {
    let way = Way { model: "flux-schnell-replicate", ..WAY };
    way.everywhere(40, &["complete none", "failed PROVIDER_FAILED"]);
}

#[test]
fn killed_anywhere_with_trouble_at_every_step() {
    let prompt = "a cat up:slow=4 up:429=1 up:status-500=1 up:status-garbage=2 up:unknown-status=1 up:file-500=1 up:file-cut=1";
    Way { prompt, ..WAY }.everywhere(60, &["complete none", "failed OUTCOME_UNKNOWN"]);
}

/// Two processes do the same step: the later one's work is thrown away.
#[test]
fn an_alarm_that_rings_twice_makes_no_second_job() {
    for after in 0..30 {
        let (world, id) = WAY.begin(after);
        world.memory.elapse(i64::try_from(after).unwrap() / 4);
        let run = world.memory.object::<atelier::runs::Run>(&id);
        run.alarm.set(Some(atelier::platform::Platform::now(&world.memory)));
        let bob = Client::with_token(&world.memory, "bob", json!({ "workspace_id": world.ada.workspace_id }));
        bob.call("get_forge_run", &json!({ "inference_id": id }));
        assert_eq!((world.end(&id)["status"].as_str(), world.fake.jobs().len()), (Some("complete"), 1));
    }
}
