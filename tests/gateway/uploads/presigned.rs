//! The presigned URL itself: who may use it, for how long, how often, with what methods. Not for: bytes that come badly (`bodies`).

use super::{DAY, Desk, QUARTER_HOUR, Ticket, jpeg, png, put, refused, sha256, stored};
use crate::support::client::operate;
use crate::support::storage::Stream;
use crate::support::{Ask, Fault};
use atelier::id::{PersonId, WorkspaceId};
use atelier::platform::Platform;
use atelier::workspace::{Actor, Command, Role, Workspace};
use futures::future::join;
use serde_json::json;

#[test]
fn the_same_bytes_again_are_the_same_file_and_others_a_conflict() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    let bytes = png(1);
    let first = desk.put(&ticket, &bytes);
    assert_eq!(first.header("idempotency-replayed"), None);
    let first = stored(&first, &ticket.id);
    for _ in 0..2 {
        let again = desk.put(&ticket, &bytes);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(stored(&again, &ticket.id)["asset"], first["asset"]);
    }
    let mut other = bytes.clone();
    other[40] ^= 1;
    refused(&desk.put(&ticket, &other), 409, "UPLOAD_CONFLICT");
    refused(&desk.put(&ticket, &bytes[1..]), 409, "UPLOAD_CONFLICT");
    refused(&desk.put(&ticket, &jpeg(1)), 409, "UPLOAD_CONFLICT");
    desk.memory.elapse(QUARTER_HOUR + 60);
    stored(&desk.put(&ticket, &bytes), &ticket.id);
    assert_eq!(stored(&desk.get(&ticket), &ticket.id)["asset"], first["asset"]);
    desk.has_only(&ticket.id, &bytes, "sent again");
    desk.memory.elapse(DAY);
    refused(&desk.put(&ticket, &bytes), 410, "SESSION_EXPIRED");
    desk.is_forgotten(&ticket.id, "after a day");
}

#[test]
fn two_at_once() {
    for seed in 0..60 {
        for (second, others) in [(png(1), false), (png(2), true), (jpeg(1), true)] {
            let desk = Desk::with(seed, &[]);
            let ticket = desk.ticket();
            desk.memory.state(|state| state.shuffles = true);
            let slow =
                Ask::put(&ticket.url, Stream::of(png(1)).slowly(u32::try_from(seed % 3).unwrap() * 9_000));
            let slow = slow.with("content-length", &png(1).len().to_string());
            let both = join(desk.memory.send(slow), desk.memory.send(put(&ticket, &second)));
            let (left, right) = desk.memory.run(both);
            let mut statuses = [left.status, right.status];
            statuses.sort_unstable();
            let expected = if others { [200, 409] } else { [200, 200] };
            assert_eq!(statuses, expected, "seed {seed}: {} {}", left.text(), right.text());
            let won = if left.status == 200 { png(1) } else { second };
            desk.memory.elapse(5);
            desk.has_only(&ticket.id, &won, &format!("seed {seed}"));
        }
    }
}

#[test]
fn past_its_time_nothing_is_taken() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    assert_eq!(desk.get(&ticket).json()["state"], "pending");
    desk.memory.elapse(QUARTER_HOUR);
    refused(&desk.put(&ticket, &png(1)), 410, "SESSION_EXPIRED");
    refused(&desk.get(&ticket), 410, "SESSION_EXPIRED");
    assert_eq!(desk.status(&ticket.id)["state"], "expired");
    let said = desk.ada.call("get_upload_status", &json!({ "upload_id": ticket.id }));
    let text = said["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Begin a new upload"), "{text}");
    assert_eq!(desk.open_rows(), 0);
    desk.has_nothing(&ticket.id, "expired");
}

#[test]
fn each_place_takes_its_methods() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    let ask = |method, end: &str| desk.memory.answer(Ask::new(method, &format!("{}{end}", ticket.url)));
    for (method, end, status) in [
        ("GET", "", 200),
        ("HEAD", "", 200),
        ("OPTIONS", "", 204),
        ("OPTIONS", "/parts/1", 204),
        ("POST", "", 405),
        ("PATCH", "", 405),
        ("PUT", "/missing", 405),
        ("GET", "/complete", 405),
        ("GET", "/parts/1", 405),
        ("POST", "/missing", 405),
        ("GET", "/elsewhere", 404),
        ("GET", "/parts/1/2", 405),
        ("PUT", "/parts/1/2", 400),
        ("PUT", "/parts/x", 400),
        ("PUT", "/parts/0", 400),
        ("PUT", "/parts/-1", 400),
        ("POST", "/complete", 409),
    ] {
        let answer = ask(method, end);
        assert_eq!(answer.status, status, "{method} {end} {}", answer.text());
        assert!(status != 405 || answer.header("allow").is_some());
        let is_ours = status != 404;
        assert_eq!(answer.header("access-control-allow-origin").is_some(), is_ours, "{method} {end}");
    }
    assert_eq!(ask("DELETE", "").status, 204);
    assert_eq!(ask("DELETE", "").status, 204);
    refused(&desk.put(&ticket, &png(1)), 410, "SESSION_EXPIRED");
    assert_eq!(desk.open_rows(), 0);
    desk.has_nothing(&ticket.id, "given up");
}

#[test]
fn a_token_that_is_not_ours_opens_nothing() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    let (rest, token) = ticket.url.rsplit_once('/').unwrap();
    for at in 0..token.len() {
        let mut letters = token.as_bytes().to_vec();
        letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
        let altered =
            Ticket { id: ticket.id.clone(), url: format!("{rest}/{}", String::from_utf8(letters).unwrap()) };
        refused(&desk.put(&altered, &png(1)), 404, "SESSION_NOT_FOUND");
    }
    for other in ["", "x", &token[1..], &format!("{token}A"), &ticket.id, "%00"] {
        let altered = Ticket { id: ticket.id.clone(), url: format!("{rest}/{other}") };
        refused(&desk.get(&altered), 404, "SESSION_NOT_FOUND");
    }
    // Well made, but of an upload that never was.
    let never = atelier::id::AssetId::mint(desk.memory.now(), &[7; 10]);
    let made = atelier::uploads::token::make(&desk.memory, &never);
    let never = Ticket { id: never.to_string(), url: format!("{rest}/{made}") };
    refused(&desk.put(&never, &png(1)), 410, "SESSION_EXPIRED");
    refused(&desk.get(&never), 410, "SESSION_EXPIRED");
    assert!(desk.memory.object::<atelier::uploads::Upload>(&never.id).is_empty());
    desk.has_nothing(&ticket.id, "altered");
}

#[test]
fn who_may_no_longer_store_is_refused() {
    let change = |desk: &Desk, role: Option<Role>| {
        let workspace = WorkspaceId::parse(&desk.ada.workspace_id).unwrap();
        let add = Command::AddMember {
            actor: Actor::operator("r"),
            person: PersonId::of("bob"),
            role: Role::Owner,
            label: None,
        };
        let set = Command::SetRole {
            actor: Actor::person(&PersonId::of("bob"), None, "r"),
            person: PersonId::of("ada"),
            role,
        };
        for command in [add, set] {
            desk.memory.run(desk.memory.ask::<Workspace>(workspace.as_str(), command)).unwrap();
        }
    };
    for (role, status, code) in [(None, 404, "WORKSPACE_NOT_FOUND"), (Some(Role::Viewer), 403, "FORBIDDEN")] {
        let desk = Desk::new();
        let ticket = desk.ticket();
        change(&desk, role);
        refused(&desk.put(&ticket, &png(1)), status, code);
        desk.has_nothing(&ticket.id, code);
        // While it is on its way.
        let desk = Desk::new();
        let ticket = desk.ticket();
        let sent = Ask::put(&ticket.url, Stream::of(png(1)).slowly(10_000));
        let meanwhile = async {
            desk.memory.sleep(2_000).await;
            let command = Command::SetRole {
                actor: Actor::person(&PersonId::of("bob"), None, "r"),
                person: PersonId::of("ada"),
                role,
            };
            desk.memory.ask::<Workspace>(&desk.ada.workspace_id, command).await.unwrap();
        };
        let add = Command::AddMember {
            actor: Actor::operator("r"),
            person: PersonId::of("bob"),
            role: Role::Owner,
            label: None,
        };
        desk.memory.run(desk.memory.ask::<Workspace>(&desk.ada.workspace_id, add)).unwrap();
        let (answer, ()) = desk.memory.run(join(desk.memory.send(sent), meanwhile));
        refused(&answer, status, code);
        assert_eq!(desk.open_rows(), 0);
        desk.has_nothing(&ticket.id, code);
    }
    let desk = Desk::new();
    let ticket = desk.ticket();
    let revoked = json!({ "person": "ada", "token_id": desk.ada.token_id });
    assert_eq!(operate(&desk.memory, "/api/v1/operator/tokens/revoke", &revoked).status, 200);
    refused(&desk.put(&ticket, &png(1)), 403, "FORBIDDEN");
    desk.has_nothing(&ticket.id, "revoked");
}

#[test]
fn a_full_workspace_takes_nothing() {
    let desk = Desk::with(1, &[("STORAGE_QUOTA_GIGABYTES", "0.000001")]);
    let ticket = desk.ticket();
    let error = refused(&desk.put(&ticket, &png(1)), 507, "STORAGE_FULL");
    assert_eq!(error["details"]["needed_bytes"], png(1).len());
    let error = desk.ada.refused("request_file_upload_url", &json!({ "size_bytes": 1_001 }));
    assert_eq!(error["code"], "STORAGE_FULL");
    let kept = desk.ticket_of(&json!({ "size_bytes": 990 }));
    assert_eq!(
        desk.ada.refused("request_file_upload_url", &json!({ "size_bytes": 11 }))["code"],
        "STORAGE_FULL"
    );
    assert_eq!(desk.memory.answer(Ask::new("DELETE", &kept.url)).status, 204);
    desk.ticket_of(&json!({ "size_bytes": 1_000 }));
    desk.has_nothing(&ticket.id, "full");
}

/// Given up under a body that is on its way: what came is not left behind, whoever is faster.
#[test]
fn given_up_while_it_comes() {
    for seed in 0..30 {
        let desk = Desk::with(seed, &[]);
        let ticket = desk.ticket();
        desk.memory.state(|state| state.shuffles = true);
        let sent = desk
            .memory
            .send(Ask::put(&ticket.url, Stream::of(png(1)).slowly(if seed % 2 == 0 { 2_000 } else { 0 })));
        let given_up = async {
            desk.memory.sleep(u32::try_from(seed / 2 * 200).unwrap()).await;
            desk.memory.send(Ask::new("DELETE", &ticket.url)).await
        };
        let (sent, given_up) = desk.memory.run(join(sent, given_up));
        let when = format!("seed {seed}: {} {}", sent.status, given_up.status);
        desk.memory.elapse(60);
        if sent.status == 200 {
            desk.has_only(&ticket.id, &png(1), &when);
        } else {
            assert_eq!((sent.status, given_up.status), (410, 204), "{when}");
            assert_eq!(desk.memory.files(), Vec::<String>::new(), "{when}");
        }
        desk.is_forgotten(&ticket.id, &when);
    }
}

#[test]
fn a_lost_answer_is_had_again_by_the_same_request() {
    let places = [
        "ask UPLOAD",
        "ask WORKSPACE",
        "put_stream",
        "peek",
        "head",
        "ask ACCOUNT",
        "read",
        "stream",
        "digest",
    ];
    for (number, place) in (0..).zip(places) {
        for fault in [Fault::LoseReply, Fault::Refuse] {
            let desk = Desk::with(number, &[]);
            let ticket = desk.ticket();
            desk.memory.meet(place, fault);
            let first = desk.put(&ticket, &png(1));
            assert!([200, 503].contains(&first.status), "{place} {fault:?} {}", first.text());
            if first.status == 503 {
                assert_eq!(first.header("retry-after"), Some("2"));
            }
            let second = desk.put(&ticket, &png(1));
            stored(&second, &ticket.id);
            desk.memory.elapse(60);
            desk.has_only(&ticket.id, &png(1), &format!("{place} {fault:?}"));
        }
    }
}

#[test]
fn the_smaller_url_takes_ten_megabytes() {
    let desk = Desk::new();
    let made = desk.ada.call("request_upload_url", &json!({ "filename": "a.png", "alt_text": "a cat" }));
    let made = &made["structuredContent"];
    assert_eq!(made["max_bytes"], 10 * 1024 * 1024);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let ticket = Ticket { id: text("asset_intent_id"), url: text("upload_url") };
    let mut large = png(1);
    large.resize(10 * 1024 * 1024 + 1, 0);
    refused(&desk.put(&ticket, &large), 413, "FILE_TOO_LARGE");
    assert_eq!(desk.memory.files(), Vec::<String>::new());
    large.pop();
    stored(&desk.put(&ticket, &large), &ticket.id);
    assert_eq!(desk.listed()[0]["alt"], "a cat");
    assert_eq!(sha256(&large), desk.status(&ticket.id)["sha256"].as_str().unwrap());
}
