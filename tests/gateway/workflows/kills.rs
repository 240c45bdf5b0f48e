//! A workflow of eight steps that is killed at every point of its way: it always comes to the same end.
//! Not for: kills by chance among other calls (`money/game`).

use super::{begin, create, document, draw, end, redraw, step};
use crate::support::{Client, Memory};
use atelier::platform::Platform;
use atelier::runs::Run;
use atelier::workspace::Workspace;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const STEPS: usize = 8;
/// Await points of one run are fewer.
const MANY: u64 = 10_000;

/// One picture, three from it, three from those, one from the three. `slow` tells each step's seconds.
fn diamond(slow: impl Fn(usize) -> String) -> Value {
    let prompt = |number: usize| format!("a cat {}", slow(number));
    let mut steps = vec![draw("root", &prompt(0))];
    for at in 1..=3 {
        steps.push(redraw(&format!("a{at}"), &prompt(at), "root"));
    }
    for at in 1..=3 {
        steps.push(redraw(&format!("b{at}"), &prompt(3 + at), &format!("a{at}")));
    }
    let mut last = draw("last", &prompt(7));
    let guidance = [("b1", "init_image"), ("b2", "reference"), ("b3", "style")].map(
        |(of, kind)| json!({ "file_id": format!("{{{{steps.{of}.files[0]}}}}"), "type": kind, "strength": 0.5 }),
    );
    last["parameters"]["guidance_files"] = json!(guidance);
    steps.push(last);
    document(steps, &["last"])
}

struct Story {
    memory: Memory,
    ada: Client,
    estimate: f64,
    run_id: String,
}

impl Story {
    /// `seed`: an isolate counts the requests of a token, so each story needs one of its own.
    fn begin(seed: u64, document: &Value) -> Self {
        let memory = Memory::with(seed, &[]);
        let ada = Client::new(&memory, "ada", 20.0);
        let workflow = create(&ada, document);
        let estimate = ada.call("estimate_workflow_price", &json!({ "workflow_id": workflow }));
        let estimate = estimate["structuredContent"]["estimated_price_creative_units"].as_f64().unwrap();
        let run_id = begin(&ada, &workflow, json!({}));
        Self { memory, ada, estimate, run_id }
    }

    fn finished_steps(&self) -> usize {
        let items = self.memory.object::<Run>(&self.run_id).read("SELECT item FROM items", &[]);
        items.iter().filter(|row| row.json::<Value>(0).unwrap()["stage"]["Succeeded"].is_object()).count()
    }

    /// Success, each step charged once, each file there and listed once.
    fn check(&self, when: &str) {
        let run = end(&self.ada, &self.run_id);
        assert_eq!(run["status"], "success", "{when}: {run}");
        assert_eq!(run["price_creative_units"].as_f64(), Some(self.estimate), "{when}");
        assert_eq!(run["steps"].as_array().unwrap().len(), STEPS);
        for id in ["root", "a1", "a2", "a3", "b1", "b2", "b3", "last"] {
            let step = step(&run, id);
            assert_eq!(
                (&step["price_creative_units"], step["asset_ids"].as_array().unwrap().len()),
                (&json!(1), 1),
                "{when}: {step}"
            );
        }
        assert_eq!(self.ada.units(), [20.0 - self.estimate, 0.0, self.estimate], "{when}");
        let workspace = self.memory.object::<Workspace>(&self.ada.workspace_id);
        let of_run = |statement: &str| workspace.read(statement, &[self.run_id.as_str().into()]);
        let moved = of_run("SELECT kind, amount FROM ledger WHERE run_id = ? ORDER BY row_id");
        let moved: Vec<_> = moved.iter().map(|row| (row.text(0).unwrap(), row.integer(1).unwrap())).collect();
        assert_eq!(moved, [("reserve".into(), 8000), ("settle".into(), 8000)], "{when}");
        let listed = of_run("SELECT position, asset_id, extension FROM assets WHERE run_id = ?");
        let places: BTreeSet<_> = listed.iter().map(|row| row.integer(0).unwrap()).collect();
        assert_eq!((listed.len(), places), (STEPS, (0..8).collect()), "{when}");
        let stored = self.memory.files();
        for row in &listed {
            let key =
                format!("w/{}/{}.{}", self.ada.workspace_id, row.text(1).unwrap(), row.text(2).unwrap());
            assert!(stored.contains(&key), "{when}: {key}");
        }
    }
}

/// Each step takes its own time, so that there is a moment after each.
#[test]
fn killed_after_any_step_it_goes_on() {
    for killed_after in 0..STEPS {
        let seconds = [1, 1, 3, 5, 1, 1, 1, 1];
        let story =
            Story::begin(killed_after as u64, &diamond(|number| format!("offline:slow={}", seconds[number])));
        while story.finished_steps() < killed_after {
            let soon = story.memory.now().plus_millis(50);
            story.memory.run(story.memory.rest_until(soon));
        }
        assert_eq!(story.finished_steps(), killed_after, "one step at a time");
        story.memory.kill();
        story.check(&format!("killed after {killed_after} steps"));
    }
}

/// Every `of`th await point of one run, beginning with `first`; all of them together are every one.
fn killed_at(first: u64, of: usize) {
    for points in (first..MANY).step_by(of) {
        let story = Story::begin(points, &diamond(|_| String::new()));
        story.memory.state(|state| state.kill_after = Some(points));
        story.memory.elapse(100);
        let was_killed = story.memory.state(|state| state.kill_after.take().is_none());
        story.check(&format!("killed at point {points}"));
        if !was_killed {
            assert!(points > 40, "a run has more await points than {points}");
            return;
        }
    }
    panic!("the run never ends");
}

#[test]
fn killed_at_any_await_point_it_goes_on_part_one() {
    killed_at(0, 2);
}

#[test]
fn killed_at_any_await_point_it_goes_on_part_two() {
    killed_at(1, 2);
}
