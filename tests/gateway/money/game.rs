//! A game of chance over one workspace: two people run models and workflows, the platform fails, the process dies,
//! alarms ring twice. Not for: single cases; those stand one level up.

mod flows;

use crate::support::client::error_of;
use crate::support::dice::Dice;
use crate::support::memory::OPERATOR_KEY;
use crate::support::object::Object;
use crate::support::{Answer, Ask, Client, Memory};
use crate::workflows;
use atelier::id::RunId;
use atelier::platform::Platform;
use atelier::runs::Run;
use atelier::units::Units;
use atelier::workspace::{self, RunStatus, Settlement, Workspace};
use futures::future::join;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

const STEPS: usize = 40;
const RUNNING_AT_MOST: i64 = 5;

/// What one seed plays, told when it fails.
struct Game {
    seed: u64,
    memory: Memory,
    dice: Dice,
    people: [Client; 2],
    workflow: String,
    /// The last request that had a key.
    last: Value,
    /// Runs a client was told of.
    known: Vec<String>,
    /// Who used which key for what, and the run it stands for.
    keys: BTreeMap<(usize, String), (String, String)>,
    codes: BTreeSet<String>,
    told: Vec<String>,
}

impl Drop for Game {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}:\n{}", self.seed, self.told.join("\n"));
        }
    }
}

impl Game {
    fn new(seed: u64) -> Self {
        let memory = Memory::with(seed, &[]);
        let mut dice = Dice::new(seed);
        let ada = Client::new(&memory, "ada", 4.0 + dice.below(20) as f64);
        let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
        let workflow = workflows::create(&ada, &flows::document());
        memory.state(|state| state.shuffles = true);
        Self {
            seed,
            memory,
            dice,
            people: [ada, bob],
            workflow,
            last: Value::Null,
            known: Vec::new(),
            keys: BTreeMap::new(),
            codes: BTreeSet::new(),
            told: Vec::new(),
        }
    }

    fn play(mut self) -> BTreeSet<String> {
        for _ in 0..STEPS {
            if self.dice.percent(12) {
                let points = self.dice.below(60);
                self.told.push(format!("to be killed after {points} points"));
                self.memory.state(|state| state.kill_after = Some(points));
            }
            self.step();
            self.memory.state(|state| state.kill_after = None);
            self.check();
        }
        self.drain();
        std::mem::take(&mut self.codes)
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..40 => self.execute(),
            40..50 => self.execute_twice(),
            50..59 => self.cancel(),
            59..64 => self.look(),
            64..76 => {
                let seconds = i64::try_from(self.dice.below(30)).unwrap();
                self.told.push(format!("{seconds} s pass"));
                self.memory.elapse(seconds);
            }
            76..78 => {
                self.told.push("16 minutes pass".into());
                self.memory.elapse(16 * 60);
            }
            78..84 => self.settle_again(),
            84..90 => self.ring_again(),
            90..93 => {
                self.told.push("killed".into());
                self.memory.kill();
            }
            93..98 => {
                let percent = [0, 3, 15, 40][usize::try_from(self.dice.below(4)).unwrap()];
                self.told.push(format!("{percent} % of all operations fail"));
                self.memory.state(|state| state.fault_percent = percent);
            }
            _ => self.grant(),
        }
    }

    /// What to ask for, small so that drawing it takes no time.
    fn request(&mut self) -> Value {
        if self.dice.percent(25) {
            return self.flow_request();
        }
        let prompts = [
            "a cat",
            "a dog",
            "rain offline:slow=3",
            "offline:slow=40",
            "offline:slow=90",
            "offline:fail",
            "offline:moderated",
            "offline:lost",
            "offline:vanished",
        ];
        let prompt = *self.dice.pick(&prompts).unwrap();
        let batch = 1 + self.dice.below(2);
        match self.dice.below(12) {
            0 => {
                json!({ "model_id": "offline-sound", "prompt": prompt, "duration_seconds": 0.5, "batch_size": batch })
            }
            n => {
                let quality = *self.dice.pick(&["low", "medium", "high"]).unwrap();
                let vectorize = n == 1;
                json!({ "model_id": "offline-image", "prompt": prompt, "width": 64, "height": 64, "batch_size": batch,
                    "quality": quality, "seed": 7, "post": { "vectorize": vectorize } })
            }
        }
    }

    /// Now and then what was asked for last, word for word: a client that tries again.
    fn keyed(&mut self, request: Value) -> Value {
        if self.dice.percent(30) && !self.last.is_null() {
            return self.last.clone();
        }
        let mut request = request;
        if self.dice.percent(40) {
            request["idempotency_key"] = format!("key-{}", self.dice.below(4)).into();
            self.last = request.clone();
        }
        request
    }

    fn execute(&mut self) {
        let request = self.request();
        let request = self.keyed(request);
        let who = usize::try_from(self.dice.below(2)).unwrap();
        self.told.push(format!("{} executes {request}", self.people[who].person));
        let work = self.memory.send(self.people[who].tool(tool(&request), &request));
        let answer = self.memory.attempt(work);
        self.heard(who, &request, answer);
    }

    /// Both at once: the same request, often under the same key.
    fn execute_twice(&mut self) {
        let request = self.request();
        let request = self.keyed(request);
        let second = if self.dice.percent(50) { 0 } else { 1 };
        self.told.push(format!("ada and {} execute {request}", self.people[second].person));
        let (left, right) = (
            self.people[0].tool(tool(&request), &request),
            self.people[second].tool(tool(&request), &request),
        );
        let answers = self.memory.attempt(join(self.memory.send(left), self.memory.send(right)));
        let (left, right) = answers.map_or((None, None), |(left, right)| (Some(left), Some(right)));
        self.heard(0, &request, left);
        self.heard(second, &request, right);
    }

    /// What a client learns from an answer to a call that starts a run.
    fn heard(&mut self, who: usize, request: &Value, answer: Option<Answer>) {
        let Some(result) = self.result(answer) else { return };
        if result["isError"] == true {
            return;
        }
        let shown = &result["structuredContent"];
        let id = shown["inference_id"].as_str().or(shown["run_id"].as_str()).unwrap().to_owned();
        let row = self.rows("SELECT person FROM runs WHERE run_id = ?", &id);
        assert_eq!(row.len(), 1, "{id} was answered without having been admitted");
        if let Some(key) = request["idempotency_key"].as_str() {
            let first =
                self.keys.entry((who, key.to_owned())).or_insert_with(|| (request.to_string(), id.clone()));
            assert_eq!(*first, (request.to_string(), id.clone()), "one key, two runs");
        }
        self.known.push(id);
    }

    fn cancel(&mut self) {
        let Some(id) = self.dice.pick(&self.known).cloned() else { return };
        self.told.push(format!("ada cancels {id}"));
        let ask = if self.is_flow(&id) {
            self.people[0].tool("cancel_workflow_run", &json!({ "run_id": id }))
        } else {
            self.people[0].tool("cancel_forge_run", &json!({ "inference_id": id }))
        };
        let answer = self.memory.attempt(self.memory.send(ask));
        if let Some(result) = self.result(answer).filter(|result| result["isError"] != true) {
            assert_eq!(result["structuredContent"]["status"], "cancelled");
        }
    }

    /// The settlement of an ended run arrives once more, and says something else.
    fn settle_again(&mut self) {
        let ended = self.rows("SELECT run_id FROM runs WHERE status <> 'in_progress' AND run_id > ?", "");
        let Some(id) = self.dice.pick(&ended).cloned() else { return };
        self.told.push(format!("{id} is settled again"));
        let settlement = Settlement {
            run_id: RunId::parse(&id).unwrap(),
            status: *self.dice.pick(RunStatus::ALL).unwrap(),
            price: Units::thousandths(i64::try_from(self.dice.below(9000)).unwrap()),
            assets: Vec::new(),
        };
        let workspace = self.people[0].workspace_id.clone();
        self.memory.attempt(self.memory.ask::<Workspace>(&workspace, workspace::Command::Settle(settlement)));
    }

    /// An alarm rings at least once, not exactly once.
    fn ring_again(&mut self) {
        let ids = self.rows("SELECT run_id FROM runs WHERE run_id > ?", "");
        let Some(id) = self.dice.pick(&ids) else { return };
        self.told.push(format!("the alarm of {id} rings once more"));
        let object = self.memory.object::<Run>(id);
        object.alarm.set(Some(self.memory.now()));
        self.memory.elapse(0);
    }

    fn grant(&mut self) {
        self.told.push("3 units are granted".into());
        let body = json!({ "workspace_id": self.people[0].workspace_id, "creative_units": 3 });
        let ask = Ask::post("/api/v1/operator/grants", body).bearer(OPERATOR_KEY);
        self.memory.attempt(self.memory.send(ask));
    }

    /// A tool's result, unless the platform failed underneath.
    fn result(&mut self, answer: Option<Answer>) -> Option<Value> {
        let Some(answer) = answer else {
            self.told.push("  killed".into());
            return None;
        };
        if answer.status == 503 {
            self.told.push("  503".into());
            return None;
        }
        let result = answer.result();
        let told = if result["isError"] == true {
            error_of(&result)["code"].to_string()
        } else {
            result["structuredContent"]["status"].to_string()
        };
        self.told.push(format!("  {told}"));
        self.codes.insert(told);
        Some(result)
    }

    fn workspace(&self) -> Rc<Object> {
        self.memory.object::<Workspace>(&self.people[0].workspace_id)
    }

    /// The first column of what `statement` finds for `binding`.
    fn rows(&self, statement: &str, binding: &str) -> Vec<String> {
        self.workspace().read(statement, &[binding.into()]).iter().map(|row| row.text(0).unwrap()).collect()
    }

    fn check(&self) {
        check_ledger(&self.memory, &self.people[0].workspace_id);
    }

    /// Faults end, time passes: everything ends, and the money says the same as the runs.
    fn drain(&mut self) {
        self.told.push("drained".into());
        self.memory.state(|state| state.fault_percent = 0);
        self.memory.elapse(2 * 3600);
        self.check();
        let workspace = self.workspace();
        let open = self.rows("SELECT run_id FROM runs WHERE status = 'in_progress' AND run_id > ?", "");
        let records = open.iter().map(|id| format!("{id} {}", self.stage(id))).collect::<Vec<_>>();
        assert!(records.is_empty(), "these do not end: {records:?}");
        let totals = workspace.read("SELECT reserved, spent FROM workspace", &[]);
        let spent = workspace.read("SELECT coalesce(sum(price), 0) FROM runs", &[]);
        assert_eq!(totals[0].integer(0).unwrap(), 0, "something is still set aside");
        assert_eq!(totals[0].integer(1), spent[0].integer(0));
        for run in workspace.read("SELECT run_id, status, reserved, price FROM runs", &[]) {
            let (id, status) = (run.text(0).unwrap(), run.text(1).unwrap());
            assert_ne!(status, "in_progress", "{id}");
            let is_free = status != "complete" && !self.is_flow(&id);
            assert!(!is_free || run.integer(3) == Ok(0), "{id} {status} was charged");
            let rows = workspace.read(
                "SELECT kind, amount FROM ledger WHERE run_id = ? ORDER BY row_id",
                &[id.as_str().into()],
            );
            assert_eq!(rows[0].text(0).unwrap(), "reserve");
            let back: i64 = rows[1..].iter().map(|row| row.integer(1).unwrap()).sum();
            assert_eq!(run.integer(2), Ok(back), "{id} was not settled exactly once");
            self.agrees(&id, &status, run.integer(3).unwrap());
            self.has_what_it_paid_for(&id, run.integer(3).unwrap());
        }
        let objects = self.memory.state(|state| {
            state.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect::<Vec<_>>()
        });
        for ((_, name), object) in objects.iter().filter(|((binding, _), _)| *binding == "RUN") {
            let idle = object.is_empty() || self.stage(name)["Ended"].is_object();
            assert!(idle, "run object {name} has something left to do: {}", self.stage(name));
        }
    }

    /// The run's own record tells what the workspace tells.
    fn agrees(&self, id: &str, status: &str, price: i64) {
        let stage = self.stage(id);
        let outcome = &stage["Ended"]["outcome"];
        assert_eq!(outcome["status"], status, "{id} {stage}");
        assert_eq!((outcome["price"].as_f64().unwrap() * 1000.0).round() as i64, price, "{id}");
    }

    fn stage(&self, id: &str) -> Value {
        let rows = self.memory.object::<Run>(id).read("SELECT state FROM state", &[]);
        rows[0].json::<Value>(0).unwrap()["stage"].clone()
    }
}

/// The tool that takes this request.
fn tool(request: &Value) -> &'static str {
    if request["workflow_id"].is_string() { "execute_workflow" } else { "execute_forge" }
}

/// Every way a call can end must have been met, or the game is too tame to prove anything.
pub fn play(seeds: Range<u64>) {
    let codes: BTreeSet<_> = seeds.flat_map(|seed| Game::new(seed).play()).collect();
    let expected = [
        "\"INSUFFICIENT_BALANCE\"",
        "\"IDEMPOTENCY_CONFLICT\"",
        "\"INTERNAL\"",
        "\"cancelled\"",
        "\"RUN_ALREADY_TERMINAL\"",
        "\"in_progress\"",
        "\"running\"",
        "\"success\"",
        "\"failure\"",
    ];
    let missed: Vec<_> = expected.iter().filter(|code| !codes.contains(**code)).collect();
    assert!(missed.is_empty(), "never met: {missed:?} in {codes:?}");
}

/// What must hold at every moment.
pub fn check_ledger(memory: &Memory, workspace_id: &str) {
    let workspace = memory.object::<Workspace>(workspace_id);
    let total = |statement: &str| workspace.read(statement, &[])[0].integer(0).unwrap();
    let sum =
        |kind: &str| total(&format!("SELECT coalesce(sum(amount), 0) FROM ledger WHERE kind = '{kind}'"));
    let [granted, balance, reserved, spent] = ["granted", "balance", "reserved", "spent"]
        .map(|name| total(&format!("SELECT {name} FROM workspace")));
    assert_eq!(granted, balance + reserved + spent);
    assert!(balance >= 0 && reserved >= 0 && spent >= 0, "{balance} {reserved} {spent}");
    assert_eq!(granted, sum("grant"));
    assert_eq!(reserved, sum("reserve") - sum("settle") - sum("release"));
    assert_eq!(spent, sum("settle"));
    assert_eq!(balance, total("SELECT balance FROM ledger ORDER BY row_id DESC LIMIT 1"));
    assert_eq!(reserved, total("SELECT coalesce(sum(reserved), 0) FROM runs WHERE status = 'in_progress'"));
    let most = total(
        "SELECT coalesce(max(running), 0) FROM (SELECT count(*) AS running FROM runs WHERE status = 'in_progress' GROUP BY person)",
    );
    assert!(most <= RUNNING_AT_MOST, "{most} run at once");
}
