//! Runs at providers out there, through the front door, against a fake of fal and of Replicate: whatever happens on the way, at
//! most one job is made for an item, what was made is kept and paid for, and nothing else is.
//! Not for: what single answers mean (`src/providers`), the vendors' clients (`tests/edge`).

mod callbacks;
mod endings;
mod fake;
mod game;
mod keys;
mod kills;
mod signed;

use crate::money::game::check_ledger;
use crate::support::http::ORIGIN;
use crate::support::{Client, Memory};
use atelier::platform::Platform;
use atelier::runs::Run;
use fake::{FAL_USER, Fake};
use serde_json::{Value, json};

pub const FAL_KEY: &str = "key-id:fal-of-the-canary-51c7";
pub const REPLICATE_KEY: &str = "r8-of-the-canary-9e03";
pub const GRANT: f64 = 100.0;
/// Longer than any run may take.
const HOURS: i64 = 2 * 3600;

pub const FAL_ALONE: &[(&str, &str)] =
    &[("FAL_KEY", FAL_KEY), ("FAL_USER_ID", FAL_USER), ("PUBLIC_URL", ORIGIN)];
pub const BOTH: &[(&str, &str)] = &[
    ("FAL_KEY", FAL_KEY),
    ("FAL_USER_ID", FAL_USER),
    ("PUBLIC_URL", ORIGIN),
    ("REPLICATE_API_TOKEN", REPLICATE_KEY),
];

pub struct World {
    pub memory: Memory,
    pub fake: Fake,
    pub ada: Client,
}

impl Drop for World {
    fn drop(&mut self) {
        self.fake.close();
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, FAL_ALONE)
    }

    pub fn with(seed: u64, settings: &[(&str, &str)]) -> Self {
        let memory = Memory::with(seed, settings);
        let fake = Fake::serve(&memory, seed);
        let ada = Client::new(&memory, "ada", GRANT);
        Self { memory, fake, ada }
    }

    pub fn begin(&self, prompt: &str, batch: u32) -> String {
        self.ada.start(&picture(prompt, batch))
    }

    /// Its last answer, once everything is settled.
    pub fn end(&self, id: &str) -> Value {
        for _ in 0..100 {
            let arguments = json!({ "inference_id": id, "wait_seconds": 45 });
            let run = self.ada.call("get_forge_run", &arguments)["structuredContent"].clone();
            if run["status"] != "in_progress" {
                self.adds_up(&run);
                return run;
            }
        }
        panic!("{id} does not end: {:?}", self.stages(id));
    }

    pub fn run(&self, prompt: &str, batch: u32) -> Value {
        self.end(&self.begin(prompt, batch))
    }

    pub fn cancel(&self, id: &str) {
        self.ada.call("cancel_forge_run", &json!({ "inference_id": id }));
    }

    /// The run is the only one of its workspace: its price is what was spent, its files are there.
    pub fn adds_up(&self, run: &Value) {
        check_ledger(&self.memory, &self.ada.workspace_id);
        let [balance, reserved, spent] = self.ada.units();
        let price = run["price_creative_units"].as_f64().unwrap();
        assert_eq!((reserved, spent), (0.0, price), "{run}");
        assert!((balance + spent - GRANT).abs() < 1e-6, "{balance} and {spent}");
        let stored = self.memory.files();
        for asset in run["assets"].as_array().unwrap() {
            let id = asset["asset_id"].as_str().unwrap();
            let key = format!("w/{}/{id}.png", self.ada.workspace_id);
            assert!(stored.contains(&key), "{key} of {stored:?}");
        }
    }

    pub fn items(&self, id: &str) -> Vec<Value> {
        let rows = self.memory.object::<Run>(id).read("SELECT item FROM items", &[]);
        rows.iter().map(|row| row.json::<Value>(0).unwrap()).collect()
    }

    pub fn stages(&self, id: &str) -> Vec<Value> {
        self.items(id).iter().map(|item| item["stage"].clone()).collect()
    }

    /// Time passes until a job exists.
    pub fn until_job(&self) {
        for _ in 0..100 {
            if !self.fake.jobs().is_empty() {
                return;
            }
            let soon = self.memory.now().plus_millis(100);
            self.memory.run(self.memory.rest_until(soon));
        }
        panic!("no job is ever made");
    }
}

pub fn picture(prompt: &str, batch: u32) -> Value {
    json!({ "model_id": "flux-schnell", "prompt": prompt, "width": 1024, "height": 1024, "batch_size": batch, "seed": 7 })
}

pub fn files(run: &Value) -> usize {
    run["assets"].as_array().unwrap().len()
}

pub fn price(run: &Value) -> f64 {
    run["price_creative_units"].as_f64().unwrap()
}

pub fn code(run: &Value) -> &str {
    run["error"]["code"].as_str().unwrap_or("none")
}
