//! A game of chance: many uploads by every way while the platform fails and the process dies. Afterwards each is stored,
//! failed or expired, and the workspace, the objects and the uploads say the same. Not for: single cases.

use super::chunks::chunk;
use super::urls::{URL, serve};
use super::{Desk, Ticket, complete, jpeg, png, put, put_part};
use crate::support::dice::Dice;
use crate::support::storage::Stream;
use crate::support::{Answer, Ask};
use atelier::uploads::Upload;
use futures::future::join;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const STEPS: usize = 70;
const PART: usize = 600;

struct Sent {
    ticket: Ticket,
    bytes: Vec<u8>,
    door: &'static str,
    /// A client was told that it is stored.
    is_promised: bool,
}

struct Game {
    seed: u64,
    desk: Desk,
    dice: Dice,
    sent: Vec<Sent>,
    told: Vec<String>,
    words: BTreeSet<String>,
}

impl Drop for Game {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}:\n{}", self.seed, self.told.join("\n"));
        }
    }
}

impl Game {
    fn play(seed: u64) -> BTreeSet<String> {
        let desk = Desk::with(seed, &[]);
        serve(&desk, URL, 200, "", &png(7));
        serve(&desk, "https://files.example.com/slow.png", 200, "x-takes: 50000", &png(8));
        serve(&desk, "https://files.example.com/page", 200, "", b"<html>");
        desk.memory.state(|state| state.shuffles = true);
        let dice = Dice::new(seed);
        let mut game = Self { seed, desk, dice, sent: Vec::new(), told: Vec::new(), words: BTreeSet::new() };
        for _ in 0..STEPS {
            if game.dice.percent(25) {
                let points = game.dice.below(50);
                game.told.push(format!("to be killed after {points} points"));
                game.desk.memory.state(|state| state.kill_after = Some(points));
            }
            game.step();
            game.desk.memory.state(|state| state.kill_after = None);
        }
        game.drain();
        std::mem::take(&mut game.words)
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..20 => self.begin(),
            20..75 => self.go_on(),
            75..85 => {
                let seconds = i64::try_from(self.dice.below(400)).unwrap();
                self.told.push(format!("{seconds} s pass"));
                self.desk.memory.elapse(seconds);
            }
            85..90 => {
                self.told.push("killed".into());
                self.desk.memory.kill();
            }
            90..94 => self.ring_again(),
            _ => {
                let percent = [0, 3, 10, 30][usize::try_from(self.dice.below(4)).unwrap()];
                self.told.push(format!("{percent} % of all operations fail"));
                self.desk.memory.state(|state| state.fault_percent = percent);
            }
        }
    }

    fn answer(&mut self, ask: Ask) -> Option<Answer> {
        let memory = &self.desk.memory;
        let answer = memory.attempt(memory.send(ask));
        let told = answer
            .as_ref()
            .map_or("  killed".into(), |answer| format!("  {} {}", answer.status, answer.text()));
        self.told.push(told.chars().take(300).collect());
        answer
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Option<Value> {
        self.told.push(format!("{tool} {}", arguments.to_string().chars().take(200).collect::<String>()));
        let answer = self.answer(self.desk.ada.tool(tool, arguments))?;
        let result =
            answer.message().get("result").cloned().filter(|result| result.get("isError").is_none())?;
        Some(result["structuredContent"].clone())
    }

    fn begin(&mut self) {
        let seed = u32::try_from(self.dice.below(1000)).unwrap();
        let bytes = if self.dice.percent(70) { png(seed) } else { jpeg(seed) };
        let made = match self.dice.below(5) {
            0 => self
                .call("request_file_upload_url", &json!({ "file_name": "a.png" }))
                .map(|made| ("put", made)),
            1 => {
                let kept = self
                    .desk
                    .memory
                    .state(|state| (state.kill_after.take(), std::mem::take(&mut state.fault_percent)));
                let bytes = png(seed);
                let ticket = self.desk.small_parts(&bytes, PART as u64);
                self.desk.memory.state(|state| (state.kill_after, state.fault_percent) = kept);
                self.sent.push(Sent { ticket, bytes, door: "parts", is_promised: false });
                None
            }
            2 => {
                let asked =
                    json!({ "filename": "a.png", "mime_type": "image/png", "total_size_bytes": bytes.len() });
                self.call("upload_media_init", &asked).map(|made| ("chunks", made))
            }
            3 => {
                let url = *self
                    .dice
                    .pick(&[URL, "https://files.example.com/slow.png", "https://files.example.com/page"])
                    .unwrap();
                self.call("upload_file", &json!({ "url": url })).map(|made| ("url", made))
            }
            _ => {
                let asked = json!({ "data_base64": atelier::crypto::base64(&bytes) });
                self.call("upload_media", &asked).map(|made| ("whole", made))
            }
        };
        let Some((door, made)) = made else { return };
        let id = ["upload_id", "session_id", "file_id"]
            .iter()
            .find_map(|name| made[name].as_str())
            .unwrap()
            .to_owned();
        let url = made["upload_url"].as_str().unwrap_or_default().to_owned();
        let is_promised = made["state"] == "stored";
        self.sent.push(Sent { ticket: Ticket { id, url }, bytes, door, is_promised });
    }

    /// One more request of some upload.
    fn go_on(&mut self) {
        let count = self.sent.len() as u64;
        if count == 0 {
            return;
        }
        let at = usize::try_from(self.dice.below(count)).unwrap();
        let (ticket, bytes, door) =
            (self.sent[at].ticket.clone(), self.sent[at].bytes.clone(), self.sent[at].door);
        self.told.push(format!("{door} {} goes on", ticket.id));
        let answer = match door {
            "put" => self.put(&ticket, &bytes),
            "parts" => {
                let number = u32::try_from(self.dice.below(6)).unwrap();
                let parts: Vec<_> = bytes.chunks(PART).collect();
                if number == 5 {
                    for (number, part) in (1..).zip(&parts) {
                        self.answer(put_part(&ticket, number, part));
                    }
                }
                match parts.get(number as usize) {
                    Some(part) => self.answer(put_part(&ticket, number + 1, part)).filter(|_| false),
                    None => self.answer(complete(&ticket, "")),
                }
            }
            "chunks" => {
                let index = self.dice.below(4);
                match bytes.chunks(1000).nth(usize::try_from(index).unwrap()) {
                    Some(piece) => {
                        self.call(
                            "upload_media_chunk",
                            &chunk(&ticket.id, i64::try_from(index).unwrap(), piece),
                        );
                        None
                    }
                    None => {
                        let made = self.call("upload_media_finalize", &json!({ "session_id": ticket.id }));
                        self.sent[at].is_promised |= made.is_some_and(|made| made["state"] == "stored");
                        None
                    }
                }
            }
            _ => {
                let asked = json!({ "upload_id": ticket.id, "wait_seconds": 10 });
                let made = self.call("get_upload_status", &asked);
                self.sent[at].is_promised |= made.is_some_and(|made| made["state"] == "stored");
                None
            }
        };
        self.sent[at].is_promised |= answer.is_some_and(|answer| answer.status == 200);
    }

    /// Whole, cut, slow, given up, or two at once.
    fn put(&mut self, ticket: &Ticket, bytes: &[u8]) -> Option<Answer> {
        let length = bytes.len().to_string();
        match self.dice.below(12) {
            0 => {
                let cut = Stream::of(bytes.to_vec()).cut_after(bytes.len() / 2);
                self.answer(Ask::put(&ticket.url, cut).with("content-length", &length)).filter(|_| false)
            }
            1..3 => self.answer(Ask::put(&ticket.url, Stream::of(bytes.to_vec()).slowly(40_000))),
            3 => {
                let given_up = self.dice.percent(50);
                let other = if given_up { Ask::new("DELETE", &ticket.url) } else { put(ticket, &png(5000)) };
                let memory = self.desk.memory.clone();
                let slow = Ask::put(&ticket.url, Stream::of(bytes.to_vec()).slowly(1_000));
                let (left, right) = memory.attempt(join(memory.send(slow), memory.send(other)))?;
                self.told.push(format!(
                    "  {} {} and {}",
                    if given_up { "DELETE" } else { "other" },
                    left.status,
                    right.status
                ));
                if !given_up && right.status == 200 {
                    // That one won: from now on it is the file.
                    let sent = self.sent.iter_mut().find(|sent| sent.ticket.id == ticket.id).unwrap();
                    sent.bytes = png(5000);
                    return None;
                }
                (left.status == 200).then_some(left)
            }
            _ => self.answer(put(ticket, bytes)),
        }
    }

    /// An alarm rings at least once, not exactly once.
    fn ring_again(&mut self) {
        let count = self.sent.len() as u64;
        let at = usize::try_from(self.dice.below(count)).unwrap();
        let Some(sent) = self.sent.get(at) else { return };
        self.told.push(format!("the alarm of {} rings once more", sent.ticket.id));
        let object = self.desk.memory.object::<Upload>(&sent.ticket.id);
        object.alarm.set(Some(self.desk.memory.state(|state| state.now)));
        self.desk.memory.elapse(0);
    }

    fn drain(&mut self) {
        self.told.push("drained".into());
        self.desk.memory.state(|state| (state.fault_percent, state.kill_after) = (0, None));
        self.desk.memory.elapse(3 * 3600);
        assert_eq!(self.desk.open_rows(), 0);
        self.desk.is_tidy("drained");
        let listed = self.desk.workspace().read("SELECT asset_id, sha256 FROM assets", &[]);
        for sent in &self.sent {
            let id = &sent.ticket.id;
            let asset = listed.iter().find(|row| row.text(0).unwrap() == *id);
            assert!(asset.is_some() || !sent.is_promised, "{} {id} was promised and is not there", sent.door);
            let record = self.desk.memory.object::<Upload>(id);
            if record.is_empty() {
                continue;
            }
            let status = self.desk.status(id);
            let state = status["state"].as_str().unwrap();
            self.words.insert(format!("{} {state}", sent.door));
            assert!(["stored", "failed", "expired"].contains(&state), "{} {status}", sent.door);
            assert_eq!(state == "stored", asset.is_some(), "{} {status}", sent.door);
            if state == "stored" && sent.door != "url" && sent.is_promised {
                assert_eq!(
                    status["sha256"],
                    super::sha256(&sent.bytes),
                    "{} {id} has other bytes",
                    sent.door
                );
            }
        }
        self.desk.memory.elapse(3 * super::DAY);
        self.desk.is_tidy("after a day");
        let left = self.desk.memory.state(|state| {
            let uploads = state.objects.iter().filter(|((binding, _), _)| *binding == "UPLOAD");
            uploads
                .filter(|(_, object)| !object.is_empty())
                .map(|((_, name), _)| name.clone())
                .collect::<Vec<_>>()
        });
        assert!(left.is_empty(), "these uploads stay: {left:?}");
    }
}

fn play(seeds: std::ops::Range<u64>) {
    let words: BTreeSet<_> = seeds.flat_map(Game::play).collect();
    for expected in [
        "put stored",
        "put expired",
        "parts stored",
        "parts expired",
        "chunks stored",
        "chunks expired",
        "url stored",
    ] {
        assert!(words.contains(expected), "never met: {expected} in {words:?}");
    }
}

#[test]
fn it_all_agrees_in_the_end_part_one() {
    play(0..60);
}

#[test]
fn it_all_agrees_in_the_end_part_two() {
    play(60..120);
}
