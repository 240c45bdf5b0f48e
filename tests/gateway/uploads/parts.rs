//! Large files in parts: any order, again, at once, with gaps, given up. Not for: kills (`kills`).

use super::{
    DAY, Desk, QUARTER_HOUR, Ticket, complete, jpeg, picture, png, put, put_part, refused, sha256, stored,
};
use crate::support::storage::Stream;
use crate::support::{Ask, Fault};
use atelier::media::picture::Format;
use atelier::platform::Platform;
use futures::future::join;
use serde_json::json;

const PART: usize = 600;

fn parts(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    (1..).zip(bytes.chunks(PART).map(<[u8]>::to_vec)).collect()
}

fn file() -> Vec<u8> {
    let bytes = png(1);
    assert!((3 * PART..4 * PART).contains(&bytes.len()), "{} bytes are four parts", bytes.len());
    bytes
}

fn begun(desk: &Desk) -> Ticket {
    desk.small_parts(&file(), PART as u64)
}

fn missing(desk: &Desk, ticket: &Ticket) -> String {
    desk.memory.answer(Ask::get(&format!("{}/missing", ticket.url))).text().replace('\n', " ")
}

fn all(desk: &Desk, ticket: &Ticket, bytes: &[u8]) {
    for (number, part) in parts(bytes) {
        let answer = desk.memory.answer(put_part(ticket, number, &part));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn in_any_order_and_again() {
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    assert_eq!(missing(&desk, &ticket), "1 2 3 4 ");
    let split = parts(&bytes);
    for at in [3, 1, 1, 0, 3] {
        let (number, part) = &split[at];
        let answer = desk.memory.answer(put_part(&ticket, *number, part));
        assert_eq!(answer.json(), json!({ "ok": true, "part": number, "bytes": part.len() }));
    }
    assert_eq!(missing(&desk, &ticket), "3 ");
    let shown = desk.get(&ticket).json();
    assert_eq!((&shown["received_parts"], &shown["part_bytes"]), (&json!([1, 2, 4]), &json!(PART)));
    let error = refused(&desk.memory.answer(complete(&ticket, "")), 409, "INCOMPLETE_UPLOAD");
    assert_eq!(error["details"]["missing_parts"], json!([3]));
    assert!(error["message"].as_str().unwrap().contains('3'), "{error}");
    assert_eq!(desk.stored(), Vec::<String>::new());
    desk.memory.answer(put_part(&ticket, 3, &split[2].1));
    assert_eq!(missing(&desk, &ticket), "");
    let first = stored(&desk.memory.answer(complete(&ticket, "")), &ticket.id);
    let again = stored(&desk.memory.answer(complete(&ticket, "{}")), &ticket.id);
    assert_eq!(first["asset"], again["asset"]);
    assert_eq!(first["asset"]["sha256"], sha256(&bytes));
    // A late repeat, and the whole in one body.
    assert_eq!(desk.memory.answer(put_part(&ticket, 2, &split[1].1)).status, 200);
    assert_eq!(desk.put(&ticket, &bytes).header("idempotency-replayed"), Some("true"));
    assert_eq!(missing(&desk, &ticket), "");
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &bytes, "in parts");
    assert_eq!(desk.open_rows(), 0);
    desk.is_forgotten(&ticket.id, "in parts");
}

#[test]
fn what_is_no_part_is_refused() {
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    let split = parts(&bytes);
    for (number, body, said) in [
        (9999, &split[0].1[..], "1 to 4"),
        (5, &split[0].1, "1 to 4"),
        (4_294_967_295, &split[0].1, "1 to 4"),
        (1, &split[0].1[1..], "600 bytes"),
        (4, &split[0].1, "must have"),
        (1, b"", "600 bytes"),
    ] {
        let answer = desk.memory.answer(put_part(&ticket, number, body));
        assert_eq!(answer.status, 400, "{number} {}", answer.text());
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(said), "{}", answer.text());
    }
    for number in ["0", "x", "4294967296", "1.0", ""] {
        let url = format!("{}/parts/{number}", ticket.url);
        assert_eq!(
            desk.memory.answer(Ask::put(&url, Stream::of(split[0].1.clone()))).status,
            400,
            "{number}"
        );
    }
    assert_eq!(missing(&desk, &ticket), "1 2 3 4 ");
    // An upload in one body takes none.
    let whole = desk.ticket();
    let error = refused(&desk.memory.answer(put_part(&whole, 1, &split[0].1)), 400, "UPLOAD_FAILED");
    assert!(error["next"].as_str().unwrap().contains("whole file"), "{error}");
    refused(&desk.memory.answer(complete(&whole, "")), 409, "INCOMPLETE_UPLOAD");
    for body in ["{", "[]", "{\"sha\":1}", "{\"sha256\":\"x\"}"] {
        all(&desk, &ticket, &bytes);
        refused(&desk.memory.answer(complete(&ticket, body)), 400, "INVALID_INPUTS");
    }
    stored(&desk.memory.answer(complete(&ticket, "")), &ticket.id);
}

#[test]
fn the_first_part_decides_the_type() {
    let desk = Desk::new();
    for wrong in [picture(24, 1, Format::Jpeg { quality: 100 })[..PART].to_vec(), vec![7; PART]] {
        let bytes = file();
        let ticket = begun(&desk);
        refused(&desk.memory.answer(put_part(&ticket, 1, &wrong)), 400, "UPLOAD_FAILED");
        let split = parts(&bytes);
        desk.memory.answer(put_part(&ticket, 2, &split[1].1));
        refused(&desk.memory.answer(put_part(&ticket, 1, &wrong)), 400, "UPLOAD_FAILED");
        assert_eq!(missing(&desk, &ticket), "1 3 4 ");
        desk.memory.elapse(DAY);
        desk.has_nothing(&ticket.id, "wrong first part");
    }
    assert!(jpeg(1).len() > 100);
}

#[test]
fn two_at_once_of_one_part() {
    for seed in 0..40 {
        let (desk, bytes) = (Desk::with(seed, &[]), file());
        let ticket = begun(&desk);
        let split = parts(&bytes);
        desk.memory.state(|state| state.shuffles = true);
        let slow = Stream::of(split[0].1.clone()).slowly(u32::try_from(seed % 3).unwrap() * 1_500);
        let slow = Ask::put(&format!("{}/parts/1", ticket.url), slow);
        let both = join(desk.memory.send(slow), desk.memory.send(put_part(&ticket, 1, &split[0].1)));
        let (left, right) = desk.memory.run(both);
        assert_eq!((left.status, right.status), (200, 200), "seed {seed}: {} {}", left.text(), right.text());
        let rest = join(
            desk.memory.send(put_part(&ticket, 2, &split[1].1)),
            join(
                desk.memory.send(put_part(&ticket, 4, &split[3].1)),
                desk.memory.send(put_part(&ticket, 3, &split[2].1)),
            ),
        );
        desk.memory.run(rest);
        let both = join(desk.memory.send(complete(&ticket, "")), desk.memory.send(complete(&ticket, "")));
        let (left, right) = desk.memory.run(both);
        assert!(left.status == 200 || right.status == 200, "seed {seed}: {} {}", left.text(), right.text());
        desk.memory.elapse(5);
        desk.has_only(&ticket.id, &bytes, &format!("seed {seed}"));
        desk.is_forgotten(&ticket.id, &format!("seed {seed}"));
    }
}

#[test]
fn a_checksum_said_at_the_end() {
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    all(&desk, &ticket, &bytes);
    let wrong = json!({ "sha256": sha256(b"other") });
    refused(&desk.memory.answer(complete(&ticket, &wrong)), 400, "CHECKSUM_MISMATCH");
    assert_eq!(desk.stored(), Vec::<String>::new());
    assert_eq!(missing(&desk, &ticket), "1 2 3 4 ");
    all(&desk, &ticket, &bytes);
    let right = json!({ "sha256": sha256(&bytes).to_uppercase() });
    stored(&desk.memory.answer(complete(&ticket, &right)), &ticket.id);
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &bytes, "checked");
}

/// What can be tried again is not thrown away.
#[test]
fn storage_that_fails_for_a_moment_costs_no_part() {
    for (number, fault) in (0..).zip([Fault::Refuse, Fault::LoseReply]) {
        let (desk, bytes) = (Desk::with(number, &[]), file());
        let ticket = begun(&desk);
        all(&desk, &ticket, &bytes);
        desk.memory.meet("end_parts", fault);
        let first = desk.memory.answer(complete(&ticket, ""));
        assert!([200, 503].contains(&first.status), "{}", first.text());
        stored(&desk.memory.answer(complete(&ticket, "")), &ticket.id);
        desk.memory.elapse(60);
        desk.has_only(&ticket.id, &bytes, "tried again");
    }
    // Object storage has lost a part: all come again.
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    all(&desk, &ticket, &bytes);
    desk.memory.state(|state| state.uploads.values_mut().for_each(|(_, parts)| _ = parts.remove(&2)));
    refused(&desk.memory.answer(complete(&ticket, "")), 409, "INCOMPLETE_UPLOAD");
    assert_eq!(missing(&desk, &ticket), "1 2 3 4 ");
    all(&desk, &ticket, &bytes);
    stored(&desk.memory.answer(complete(&ticket, "")), &ticket.id);
}

#[test]
fn parts_keep_it_open_for_a_day_at_most() {
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    let split = parts(&bytes);
    let began = desk.memory.now();
    let mut last = 200;
    while last == 200 {
        let answer = desk.memory.answer(put_part(&ticket, 2, &split[1].1));
        last = answer.status;
        let ends = atelier::time::Timestamp::parse(desk.status(&ticket.id)["expires_at"].as_str().unwrap());
        assert!(ends.unwrap() <= began.plus_seconds(DAY));
        desk.memory.elapse(14 * 60);
    }
    assert_eq!(last, 410);
    assert!(desk.memory.now() > began.plus_seconds(DAY), "it slides");
    assert_eq!(desk.open_rows(), 0);
    desk.has_nothing(&ticket.id, "a day");
}

#[test]
fn a_slow_part_keeps_it_open_and_nobody_keeps_what_stops() {
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    let split = parts(&bytes);
    let slow = Stream::of(split[0].1.clone()).slowly(25 * 60_000);
    let answer = desk.memory.answer(Ask::put(&format!("{}/parts/1", ticket.url), slow));
    assert_eq!(answer.status, 200, "{}", answer.text());
    desk.memory.elapse(QUARTER_HOUR + 60);
    refused(&desk.memory.answer(put_part(&ticket, 2, &split[1].1)), 410, "SESSION_EXPIRED");
    refused(&desk.memory.answer(complete(&ticket, "")), 410, "SESSION_EXPIRED");
    refused(&desk.memory.answer(Ask::get(&format!("{}/missing", ticket.url))), 410, "SESSION_EXPIRED");
    assert!(desk.memory.state(|state| state.uploads.is_empty()), "what came in parts is given back");
    desk.has_nothing(&ticket.id, "stopped");
}

/// In one body after all: the parts that came before are given back.
#[test]
fn parts_and_then_the_whole() {
    let (desk, bytes) = (Desk::new(), file());
    let ticket = begun(&desk);
    desk.memory.answer(put_part(&ticket, 2, &parts(&bytes)[1].1));
    stored(&desk.memory.answer(put(&ticket, &bytes)), &ticket.id);
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &bytes, "whole");
    desk.is_forgotten(&ticket.id, "whole");
}

#[test]
fn a_file_of_five_gibibytes_has_160_parts() {
    let desk = Desk::new();
    let ticket = desk.ticket_of(&json!({ "content_type": "video/mp4", "size_bytes": 5_u64 << 30 }));
    let shown = desk.get(&ticket).json();
    assert_eq!((&shown["part_bytes"], &shown["max_bytes"]), (&json!(32 << 20), &json!(5_u64 << 30)));
    assert_eq!(missing(&desk, &ticket).split_whitespace().count(), 160);
    let error = refused(&desk.memory.answer(put_part(&ticket, 161, b"x")), 400, "INVALID_INPUTS");
    assert_eq!(error["message"], "There is no part 161; the parts are 1 to 160.");
    let asked = json!({ "size_bytes": 200_000_000 });
    assert_eq!(desk.ada.refused("request_file_upload_url", &asked)["code"], "INVALID_INPUTS");
}

/// Through the front door only, with the parts that a tool makes.
#[test]
fn just_above_what_one_body_may_have() {
    let mut bytes = png(1);
    bytes.resize(100_000_001, 0);
    let desk = Desk::new();
    let ticket = desk.ticket_of(&json!({ "file_name": "a.png", "size_bytes": bytes.len() }));
    for (number, part) in (1..).zip(bytes.chunks(32 << 20)) {
        assert_eq!(desk.memory.answer(put_part(&ticket, number, part)).status, 200);
    }
    let body = stored(&desk.memory.answer(complete(&ticket, "")), &ticket.id);
    assert_eq!(body["asset"].get("sha256"), None, "it comes later");
    desk.memory.elapse(5);
    assert_eq!(desk.status(&ticket.id)["sha256"], sha256(&bytes));
    desk.is_tidy("large");
}
