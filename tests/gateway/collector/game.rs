//! A game of chance: runs, uploads, deletions, faults, kills, lost alarms, and sweeps whenever. At every moment each listed
//! file is there; at the end nothing else is.

use super::{HOUR, OLD, indexed, is_sheet, png, put};
use crate::support::dice::Dice;
use crate::support::storage::Stream;
use crate::support::{Answer, Ask, Client, Memory};
use atelier::collector;
use atelier::id::{AssetId, WorkspaceId};
use atelier::platform::Platform;
use atelier::runs::Run;
use atelier::uploads::Upload;
use atelier::workspace::{Workspace, media};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::Range;

const STEPS: usize = 40;

struct Game {
    seed: u64,
    memory: Memory,
    dice: Dice,
    people: [Client; 2],
    urls: Vec<String>,
    runs: Vec<String>,
    told: Vec<String>,
    swept: u64,
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
        let people = [Client::new(&memory, "ada", 500.0), Client::new(&memory, "bob", 500.0)];
        memory.state(|state| state.shuffles = true);
        let (urls, runs, told) = (Vec::new(), Vec::new(), Vec::new());
        Self { seed, memory, dice: Dice::new(seed), people, urls, runs, told, swept: 0 }
    }

    fn play(mut self) -> u64 {
        for _ in 0..STEPS {
            if self.dice.percent(25) {
                let points = self.dice.below(80);
                self.told.push(format!("to be killed after {points} points"));
                self.memory.state(|state| state.kill_after = Some(points));
            }
            self.step();
            self.memory.state(|state| state.kill_after = None);
            self.check();
        }
        self.drain();
        self.swept
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..20 => self.run(),
            20..28 => self.cancel(),
            28..36 => self.ask_to_upload(),
            36..52 => self.put(),
            52..60 => self.delete(),
            60..75 => self.sweep(),
            75..82 => self.pass(60),
            82..90 => self.pass(3 * 24 * HOUR as u64),
            90..91 => self.lose_alarm(),
            91..93 => self.strand(),
            93..96 => self.plant(),
            _ => {
                let percent = [0, 0, 10, 40][usize::try_from(self.dice.below(4)).unwrap()];
                self.told.push(format!("{percent} % of all operations fail"));
                self.memory.state(|state| state.fault_percent = percent);
            }
        }
    }

    fn person(&mut self) -> Client {
        self.people[usize::try_from(self.dice.below(2)).unwrap()].clone()
    }

    /// What a tool answered, if it did.
    fn call(&mut self, client: &Client, tool: &str, arguments: &Value) -> Option<Value> {
        self.told.push(format!("{} calls {tool} {arguments}", client.person));
        let answer: Option<Answer> = self.memory.attempt(self.memory.send(client.tool(tool, arguments)));
        let answer = answer.filter(|answer| answer.status == 200)?;
        Some(answer.result()["structuredContent"].clone())
    }

    fn run(&mut self) {
        let client = self.person();
        let prompt =
            *self.dice.pick(&["a cat", "a dog offline:slow=3", "offline:fail", "offline:slow=90"]).unwrap();
        let request = json!({ "model_id": "offline-image", "prompt": prompt, "width": 64, "height": 64,
            "batch_size": 1 + self.dice.below(4), "seed": self.dice.below(1000) });
        let id = self
            .call(&client, "execute_forge", &request)
            .and_then(|run| Some(run["inference_id"].as_str()?.to_owned()));
        self.runs.extend(id);
    }

    fn cancel(&mut self) {
        let Some(id) = self.runs.last().cloned() else { return };
        let client = self.person();
        self.call(&client, "cancel_forge_run", &json!({ "inference_id": id }));
    }

    fn ask_to_upload(&mut self) {
        let client = self.person();
        let ticket = self.call(&client, "request_file_upload_url", &json!({ "file_name": "a.png" }));
        let url = ticket.and_then(|ticket| Some(ticket["upload_url"].as_str()?.to_owned()));
        self.urls.extend(url);
    }

    fn put(&mut self) {
        let Some(url) = self.dice.pick(&self.urls).cloned() else { return };
        let mut stream = Stream::of(png(self.dice.below(4)));
        match self.dice.below(4) {
            0 => stream = stream.cut_after(30),
            1 => stream = stream.slowly(20_000),
            _ => {}
        }
        self.told.push(format!("a file of {} bytes is put", stream.bytes.len()));
        self.memory.attempt(self.memory.send(Ask::put(&url, stream)));
    }

    fn delete(&mut self) {
        let client = self.person();
        let object = self.memory.object::<Workspace>(&client.workspace_id);
        let ids: Vec<_> = object.read("SELECT asset_id FROM assets", &[]);
        let Some(id) = self.dice.pick(&ids).map(|row| row.text(0).unwrap()) else { return };
        self.told.push(format!("{} deletes {id}", client.person));
        let path = crate::rest::path(&client, &format!("media/{id}"));
        self.memory.attempt(self.memory.send(Ask::new("DELETE", &path).bearer(&client.token)));
    }

    fn sweep(&mut self) {
        self.told.push("swept".into());
        self.memory.attempt(collector::sweep(&self.memory));
        self.swept += self.memory.state(|state| {
            let lines = state.log.drain(..).filter(|(_, event, _)| event == "collector.swept");
            lines.map(|(_, _, fields)| fields["deleted"].as_u64().unwrap()).sum::<u64>()
        });
    }

    fn pass(&mut self, most: u64) {
        let seconds = i64::try_from(self.dice.below(most)).unwrap();
        self.told.push(format!("{seconds} s pass"));
        self.memory.elapse(seconds);
    }

    /// The platform gave up on it.
    fn lose_alarm(&mut self) {
        let objects = self.memory.state(|state| {
            let those = |(binding, _): &&(&str, String)| ["RUN", "UPLOAD"].contains(binding);
            state.objects.keys().filter(those).cloned().collect::<Vec<_>>()
        });
        let Some((binding, name)) = self.dice.pick(&objects).cloned() else { return };
        self.told.push(format!("the alarm of {binding} {name} is lost"));
        match binding {
            "RUN" => self.memory.object::<Run>(&name).alarm.set(None),
            _ => self.memory.object::<Upload>(&name).alarm.set(None),
        }
    }

    /// A run dies somewhere in its work, and the platform gives its alarm up.
    fn strand(&mut self) {
        self.memory.state(|state| (state.fault_percent, state.kill_after) = (0, None));
        let client = self.people[0].clone();
        let request =
            json!({ "model_id": "offline-image", "prompt": "a", "width": 64, "height": 64, "batch_size": 4 });
        let Some(run) = self.call(&client, "execute_forge", &request) else { return };
        let Some(id) = run["inference_id"].as_str() else { return };
        let points = self.dice.below(90);
        self.memory.state(|state| state.kill_after = Some(points));
        self.memory.elapse(1);
        self.memory.state(|state| state.kill_after = None);
        self.memory.kill();
        self.memory.object::<Run>(id).alarm.set(None);
        self.told.push(format!("{id} dies after {points} points and loses its alarm"));
        self.memory.elapse(OLD);
        self.sweep();
        // Whoever reads it sees it end.
        self.call(&client, "get_forge_run", &json!({ "inference_id": id, "wait_seconds": 45 }));
    }

    /// What somebody else's attempt left.
    fn plant(&mut self) {
        let workspace = WorkspaceId::parse(&self.person().workspace_id).unwrap();
        let id = AssetId::mint(self.memory.now(), &self.memory.random());
        self.memory.state(|state| (state.fault_percent, state.kill_after) = (0, None));
        put(&self.memory, &media::key(&workspace, &id, "webp"));
    }

    fn check(&self) {
        let files: BTreeSet<_> = self.memory.files().into_iter().collect();
        for client in &self.people {
            let workspace = WorkspaceId::parse(&client.workspace_id).unwrap();
            for key in indexed(&self.memory, &workspace) {
                assert!(files.contains(&key), "{key} is listed and gone");
            }
        }
    }

    fn drain(&mut self) {
        self.told.push("drained".into());
        self.memory.state(|state| state.fault_percent = 0);
        // The second finds what the first has woken, the third what that left.
        for _ in 0..3 {
            self.memory.elapse(OLD);
            self.sweep();
            self.memory.elapse(600);
            self.check();
        }
        let listed = self
            .people
            .iter()
            .flat_map(|client| indexed(&self.memory, &WorkspaceId::parse(&client.workspace_id).unwrap()));
        let listed: BTreeSet<_> = listed.collect();
        let files: BTreeSet<_> = self.memory.files().into_iter().filter(|key| !is_sheet(key)).collect();
        assert_eq!(files, listed);
    }
}

fn play(seeds: Range<u64>) {
    let swept: u64 = seeds.map(|seed| Game::new(seed).play()).sum();
    assert!(swept > 20, "too tame: {swept} orphans");
}

#[test]
fn nothing_that_is_listed_ever_goes_and_nothing_else_stays_part_one() {
    play(0..40);
}

#[test]
fn nothing_that_is_listed_ever_goes_and_nothing_else_stays_part_two() {
    play(40..80);
}
