//! Graphs drawn at random: one without a cycle is always ordered, one with a cycle never passes.

use super::*;
use crate::workflows::FileRef;
use crate::workflows::Work;

/// A small generator (Knuth's MMIX constants), so that a failure can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            order.swap(at, self.below(at + 1));
        }
        order
    }
}

/// Steps that each take a picture of an earlier one in a hidden order, or of none; written in any order.
fn graph(dice: &mut Dice) -> (Vec<usize>, Vec<Value>) {
    let count = 1 + dice.below(32);
    let hidden = dice.shuffled(count);
    let mut steps = vec![Value::Null; count];
    for (rank, index) in hidden.iter().enumerate() {
        let mut step = json!({ "id": format!("s{index}"), "type": "model", "model_id": "offline-image",
            "parameters": { "prompt": "x", "guidance_files": [] } });
        let kinds = ["init_image", "style", "reference"];
        for kind in kinds.iter().take(if rank == 0 { 0 } else { dice.below(4) }) {
            let earlier = hidden[dice.below(rank)];
            let file = json!({ "file_id": format!("{{{{steps.s{earlier}.files[0]}}}}"), "type": kind });
            step["parameters"]["guidance_files"].as_array_mut().unwrap().push(file);
        }
        if rank > 0 && dice.below(4) == 0 {
            let earlier = hidden[dice.below(rank)];
            step["when"] = json!({ "step": format!("s{earlier}"), "is": "success" });
        }
        steps[*index] = step;
    }
    (hidden, steps)
}

fn document(steps: Vec<Value>) -> Value {
    json!({ "format": 1, "name": "Graph", "steps": steps,
        "outputs": [{ "name": "o", "from": "{{steps.s0.files}}" }] })
}

#[test]
fn a_graph_without_cycles_is_planned_in_an_order_in_which_needs_come_first() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let (_, steps) = graph(&mut dice);
        let count = steps.len();
        let plan = planned(&checked(&document(steps)), json!({})).unwrap();
        assert_eq!(plan.steps.len(), count, "seed {seed}");
        for (index, step) in plan.steps.iter().enumerate() {
            assert!(step.needs.iter().all(|needed| *needed < index), "seed {seed}, {}", step.id);
            assert!(step.when.iter().all(|when| step.needs.contains(&when.step)), "seed {seed}, {}", step.id);
            let Work::Runs(runs) = &step.work else { panic!("seed {seed}, {}", step.id) };
            for file in runs.iter().flat_map(|run| &run.files) {
                assert!(
                    matches!(file, FileRef::Output { step: from, index: Some(0) } if step.needs.contains(from))
                );
            }
        }
        let written = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&written).unwrap(), plan, "seed {seed}");
    }
}

#[test]
fn a_cycle_is_always_found() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let (hidden, mut steps) = graph(&mut dice);
        // A ring through some of the steps, on top of whatever else they need.
        let ring: Vec<usize> = hidden.iter().copied().take(1 + dice.below(hidden.len())).collect();
        for (at, index) in ring.iter().enumerate() {
            let next = ring[(at + 1) % ring.len()];
            steps[*index]["when"] = json!({ "step": format!("s{next}"), "is": "success" });
        }
        let found = problems(&document(steps.clone()));
        let cycle = found.iter().find_map(|line| line.split_once("wait for each other: "));
        let (_, cycle) = cycle.unwrap_or_else(|| panic!("seed {seed}: {found:?}"));
        let names: Vec<_> = cycle.split(". ").next().unwrap().split(" needs ").collect();
        assert!(names.len() > 1 && names.first() == names.last(), "seed {seed}: {cycle}");
        for pair in names.windows(2) {
            let step = steps.iter().find(|step| step["id"] == pair[0]).unwrap().to_string();
            let (file, when) = (format!("{{{{steps.{}.files", pair[1]), format!("\"step\":\"{}\"", pair[1]));
            assert!(
                step.contains(&file) || step.contains(&when),
                "seed {seed}: {} does not need {}",
                pair[0],
                pair[1]
            );
        }
    }
}
