//! Every way to upload, killed at every point of its way: the client tries again as clients do, and there is one file.
//! Not for: kills by chance (`game`).

use super::chunks::{chunk, init};
use super::urls::{URL, serve};
use super::{Desk, Ticket, complete, png, put, put_part};
use crate::support::{Answer, Ask};
use serde_json::json;

/// Await points of one upload are fewer.
const MANY: u64 = 2_000;
const PART: usize = 600;

/// One door: its upload is begun, sent by `steps` requests, and sent again.
struct Door {
    name: &'static str,
    begin: fn(&Desk, &[u8]) -> Ticket,
    steps: fn(&Desk, &Ticket, &[u8]) -> Vec<Ask>,
    /// After the requests, so many seconds of alarms.
    seconds: i64,
}

/// At no moment is there anything but whole files.
fn is_never_half(desk: &Desk, bytes: &[u8], when: &str) {
    for key in desk.stored() {
        desk.memory.state(|state| assert!(state.files[&key].bytes == bytes, "{when}: half a file"));
    }
    for item in desk.listed() {
        let answer = desk.memory.answer(Ask::get(item["file_url"].as_str().unwrap()));
        assert!(answer.body == bytes, "{when}: a link to something else");
    }
}

/// None: killed on the way.
fn send(desk: &Desk, asks: Vec<Ask>) -> Option<Vec<Answer>> {
    asks.into_iter().map(|ask| desk.memory.attempt(desk.memory.send(ask))).collect()
}

fn is_fine(answer: &Answer) -> bool {
    let is_tool = answer.json().get("jsonrpc").is_some();
    answer.status == 200 && (!is_tool || answer.result().get("isError").is_none())
}

/// As a client does: the same again, until all of it was answered well.
fn insist(desk: &Desk, door: &Door, ticket: &Ticket, bytes: &[u8], when: &str) {
    let mut last = String::new();
    for _ in 0..40 {
        let answers = send(desk, (door.steps)(desk, ticket, bytes)).unwrap();
        if answers.iter().all(is_fine) {
            return;
        }
        last = answers.iter().map(Answer::text).collect();
        desk.memory.elapse(5);
    }
    panic!("{when}: it is never taken: {last}");
}

fn killed_everywhere(door: &Door) {
    for points in 0..MANY {
        let (desk, bytes) = (Desk::with(points, &[]), png(1));
        let ticket = (door.begin)(&desk, &bytes);
        let when = format!("{} killed at point {points}", door.name);
        desk.memory.state(|state| state.kill_after = Some(points));
        let sent = send(&desk, (door.steps)(&desk, &ticket, &bytes));
        if sent.is_some() {
            desk.memory.elapse(door.seconds);
        }
        let was_killed = desk.memory.state(|state| state.kill_after.take().is_none());
        is_never_half(&desk, &bytes, &when);
        insist(&desk, door, &ticket, &bytes, &when);
        is_never_half(&desk, &bytes, &when);
        desk.memory.elapse(60);
        desk.has_only(&ticket.id, &bytes, &when);
        assert_eq!(desk.memory.files().len(), 2, "{when}: no thumbnail");
        assert_eq!(desk.open_rows(), 0, "{when}");
        if !was_killed {
            assert!(points > 20, "{} has more await points than {points}", door.name);
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn one_body() {
    killed_everywhere(&Door {
        name: "one body",
        begin: |desk, _| desk.ticket(),
        steps: |_, ticket, bytes| vec![put(ticket, bytes)],
        seconds: 20,
    });
}

#[test]
fn in_parts() {
    killed_everywhere(&Door {
        name: "parts",
        begin: |desk, bytes| desk.small_parts(bytes, PART as u64),
        steps: |desk, ticket, bytes| {
            let missing = Ask::get(&format!("{}/missing", ticket.url));
            let kill_after = desk.memory.state(|state| state.kill_after.take());
            let missing = desk.memory.answer(missing).text();
            desk.memory.state(|state| state.kill_after = kill_after);
            let numbers = missing.lines().map(|line| line.parse::<u32>().unwrap());
            let parts = numbers.map(|number| {
                let first = (number as usize - 1) * PART;
                put_part(ticket, number, &bytes[first..(first + PART).min(bytes.len())])
            });
            parts.chain([complete(ticket, "")]).collect()
        },
        seconds: 20,
    });
}

#[test]
fn in_chunks() {
    killed_everywhere(&Door {
        name: "chunks",
        begin: |desk, bytes| Ticket { id: init(desk, bytes, json!({})), url: String::new() },
        steps: |desk, ticket, bytes| {
            let chunks = (0..).zip(bytes.chunks(900));
            let chunks = chunks
                .map(|(index, piece)| desk.ada.tool("upload_media_chunk", &chunk(&ticket.id, index, piece)));
            let finalize = desk.ada.tool("upload_media_finalize", &json!({ "session_id": ticket.id }));
            chunks.chain([finalize]).collect()
        },
        seconds: 20,
    });
}

/// From another server: the one call may be lost, and what it began goes on by itself.
#[test]
fn by_url() {
    for points in 0..MANY {
        let (desk, bytes) = (Desk::with(points, &[]), png(1));
        let when = format!("killed at point {points}");
        serve(&desk, URL, 200, "", &bytes);
        desk.memory.state(|state| state.kill_after = Some(points));
        let asked = desk.ada.tool("upload_file", &json!({ "url": URL }));
        if send(&desk, vec![asked]).is_some() {
            desk.memory.elapse(20);
        }
        let was_killed = desk.memory.state(|state| state.kill_after.take().is_none());
        is_never_half(&desk, &bytes, &when);
        desk.memory.elapse(20 * 60);
        is_never_half(&desk, &bytes, &when);
        let listed = desk.listed();
        assert!(listed.len() <= 1, "{when}: {listed:?}");
        match listed.first() {
            Some(item) => desk.has_only(item["asset_id"].as_str().unwrap(), &bytes, &when),
            // Before its record was written nobody knows of it.
            None => assert!(was_killed && desk.memory.files().is_empty(), "{when}"),
        }
        assert_eq!(desk.open_rows(), 0, "{when}");
        if !was_killed {
            assert!(points > 20 && listed.len() == 1);
            return;
        }
        // What has begun to be fetched does not wait for a lease to end.
        let fetched = desk.memory.state(|state| state.counts.get("fetch").copied().unwrap_or(0));
        assert!(fetched == 0 || listed.len() == 1, "{when}: fetched and lost");
    }
    panic!("it never ends");
}

/// A process that dies while it fetches has the next one go on at once.
#[test]
fn a_killed_import_goes_on_at_once() {
    let (desk, bytes) = (Desk::new(), png(1));
    serve(&desk, URL, 200, "x-takes: 60000", &bytes);
    let begun = desk.ada.call("upload_file", &json!({ "url": URL }));
    let id = begun["structuredContent"]["upload_id"].as_str().unwrap().to_owned();
    desk.memory.kill();
    desk.memory.elapse(70);
    assert_eq!(desk.status(&id)["state"], "stored");
    desk.memory.elapse(5);
    desk.has_only(&id, &bytes, "killed");
}
