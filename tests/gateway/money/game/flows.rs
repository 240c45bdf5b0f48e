//! The workflow of the game, and what must be true of every run at its end: what was paid for is there, once.

use super::Game;
use crate::workflows::{document as flow, draw, redraw, with};
use atelier::runs::Run;
use atelier::runs::state::{Item, ItemStage};
use atelier::units::Units;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A branch for each prompt, one that may fail, one that may not, a choice and a last step that needs the choice.
pub fn document() -> Value {
    let low = |mut step: Value| {
        step["parameters"]["quality"] = "low".into();
        step
    };
    let each = json!({ "for_each": "{{inputs.prompts}}", "optional": true, "retries": 1 });
    let steps = vec![
        low(with(draw("each", "{{item}}"), each)),
        low(with(draw("risky", "{{inputs.risky}}"), json!({ "optional": true, "retries": 2 }))),
        low(draw("strict", "{{inputs.strict}}")),
        json!({ "id": "best", "type": "pick", "from": ["{{steps.risky.files}}", "{{steps.strict.files}}"] }),
        low(redraw("last", "a bird", "best")),
    ];
    let input = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let inputs = [input("prompts", "text_list"), input("risky", "text"), input("strict", "text")];
    with(flow(steps, &["each", "last"]), json!({ "inputs": inputs }))
}

impl Game {
    pub fn flow_request(&mut self) -> Value {
        let prompts = [
            "a cat",
            "a dog",
            "a fish",
            "offline:slow=3",
            "offline:slow=30",
            "offline:fail",
            "offline:moderated",
            "offline:lost",
            "offline:vanished",
        ];
        let mut any =
            |count: usize| (0..count).map(|_| *self.dice.pick(&prompts).unwrap()).collect::<Vec<_>>();
        let (each, risky) = (any(2), any(1)[0]);
        // Mostly it gets past what may not fail.
        let strict =
            if self.dice.percent(60) { "offline:slow=3" } else { *self.dice.pick(&prompts).unwrap() };
        json!({ "workflow_id": self.workflow, "inputs": { "prompts": each, "risky": risky, "strict": strict } })
    }

    pub fn is_flow(&self, id: &str) -> bool {
        self.rows("SELECT kind FROM runs WHERE run_id = ?", id) == ["workflow"]
    }

    /// Somebody reads a run: never more is charged than was set aside.
    pub fn look(&mut self) {
        let flows: Vec<_> = self.known.iter().filter(|id| self.is_flow(id)).cloned().collect();
        let Some(id) = self.dice.pick(&flows) else { return };
        self.told.push(format!("bob reads {id}"));
        let ask = self.people[1].tool("get_workflow_run", &json!({ "run_id": id, "wait_seconds": 2 }));
        let answer = self.memory.attempt(self.memory.send(ask));
        let Some(result) = self.result(answer).filter(|result| result["isError"] != true) else { return };
        let run = &result["structuredContent"];
        let steps = run["steps"].as_array().unwrap();
        let charged: f64 = steps.iter().map(|step| step["price_creative_units"].as_f64().unwrap()).sum();
        let price = run["price_creative_units"].as_f64().unwrap();
        assert!(charged <= price, "{run}");
        if ["success", "failure", "cancelled"].contains(&run["status"].as_str().unwrap()) {
            assert_eq!(charged, price, "{run}");
        }
    }

    /// The price is that of the items that succeeded; each of their files is stored and listed exactly once, and nothing
    /// else of the run is listed.
    pub fn has_what_it_paid_for(&self, id: &str, price: i64) {
        let items: Vec<Item> = self
            .memory
            .object::<Run>(id)
            .read("SELECT item FROM items", &[])
            .iter()
            .map(|row| row.json(0).unwrap())
            .collect();
        let mut charged = Units::ZERO;
        let mut made = Vec::new();
        for item in &items {
            assert!(item.has_ended(), "{id}: {:?}", item.stage);
            if let ItemStage::Succeeded { price } = item.stage {
                charged = charged + price;
                made.extend(item.assets.iter().map(|asset| asset.asset_id.to_string()));
            }
        }
        assert_eq!(charged.as_thousandths(), price, "{id}");
        let listed = self.rows("SELECT asset_id FROM assets WHERE run_id = ? ORDER BY asset_id", id);
        made.sort();
        assert_eq!(listed, made, "{id}");
        let places = self.rows("SELECT 'at ' || position FROM assets WHERE run_id = ?", id);
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), listed.len(), "{id}: one place each");
        let stored = self.memory.files();
        for asset in listed {
            let key = format!("w/{}/{asset}.", self.people[0].workspace_id);
            let files = stored.iter().filter(|file| file.starts_with(&key) && !file.ends_with(".poster.jpg"));
            assert_eq!(files.count(), 1, "{id}: {key}");
        }
    }
}
