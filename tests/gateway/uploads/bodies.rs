//! Bodies that come badly: cut, slow, of another length or checksum than was said, with headers that make them no file.

use super::{Desk, QUARTER_HOUR, png, put, refused, sha256, stored};
use crate::support::Ask;
use crate::support::storage::Stream;
use atelier::crypto;
use atelier::platform::Platform;
use futures::future::join;
use serde_json::json;

fn digest_header(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", crypto::base64(&crypto::sha256(bytes)))
}

#[test]
fn a_body_that_breaks_off_is_sent_again_to_the_same_url() {
    let bytes = png(1);
    for percent in [0, 1, 50, 99] {
        for wanted in [json!({}), json!({ "size_bytes": bytes.len() }), json!({ "file_name": "a.png" })] {
            let desk = Desk::new();
            let ticket = desk.ticket_of(&wanted);
            let cut = Stream::of(bytes.clone()).cut_after(bytes.len() * percent / 100);
            let ask = Ask::put(&ticket.url, cut).with("content-length", &bytes.len().to_string());
            let error = refused(&desk.memory.answer(ask), 400, "UPLOAD_FAILED");
            assert_eq!(error["message"], "The body broke off; nothing was stored.");
            assert_eq!(desk.memory.files(), Vec::<String>::new());
            assert_eq!(desk.status(&ticket.id)["state"], "failed");
            stored(&desk.put(&ticket, &bytes), &ticket.id);
            desk.memory.elapse(5);
            desk.has_only(&ticket.id, &bytes, "sent again");
        }
    }
}

#[test]
fn a_slow_body_keeps_its_turn() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    let slow = Ask::put(&ticket.url, Stream::of(png(1)).slowly(100_000));
    let second = async {
        desk.memory.sleep(50_000).await;
        desk.memory.send(put(&ticket, &png(2))).await
    };
    let (first, second) = desk.memory.run(join(desk.memory.send(slow), second));
    stored(&first, &ticket.id);
    let error = refused(&second, 409, "FILE_NOT_READY");
    assert_eq!(error["retry_after_seconds"], 5);
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &png(1), "slow");
}

/// Longer than the URL works: what has begun may end.
#[test]
fn a_body_may_outlive_its_url_but_not_for_ever() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    let slow = Ask::put(&ticket.url, Stream::of(png(1)).slowly(29 * 60_000));
    stored(&desk.memory.answer(slow), &ticket.id);
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &png(1), "29 minutes");
    let desk = Desk::new();
    let ticket = desk.ticket();
    let slow = Ask::put(&ticket.url, Stream::of(png(1)).slowly(31 * 60_000));
    let error = refused(&desk.memory.answer(slow), 400, "UPLOAD_FAILED");
    assert!(error["message"].as_str().unwrap().contains("30 minutes"), "{error}");
    desk.has_nothing(&ticket.id, "too slow");
}

#[test]
fn a_checksum_is_held_to() {
    let (bytes, other) = (png(1), png(2));
    let (right, wrong) = (sha256(&bytes), sha256(&other));
    for (said, header, is_right) in [
        (Some(&right), None, true),
        (None, Some(&bytes), true),
        (Some(&right), Some(&bytes), true),
        (Some(&wrong), None, false),
        (None, Some(&other), false),
        (Some(&wrong), Some(&bytes), false),
        (Some(&right), Some(&other), false),
        (Some(&wrong), Some(&other), false),
    ] {
        let desk = Desk::new();
        let ticket = desk.ticket_of(&json!({ "file_name": "a.png", "sha256": said }));
        let mut ask = put(&ticket, &bytes);
        if let Some(header) = header {
            ask = ask.with("content-digest", &format!("sha-512=:AAAA:, {}", digest_header(header)));
        }
        let answer = desk.memory.answer(ask);
        if is_right {
            stored(&answer, &ticket.id);
            desk.memory.elapse(5);
            desk.has_only(&ticket.id, &bytes, "right");
            continue;
        }
        refused(&answer, 400, "CHECKSUM_MISMATCH");
        assert_eq!(desk.memory.files(), Vec::<String>::new());
        if said != Some(&wrong) {
            stored(&desk.put(&ticket, &bytes), &ticket.id);
        } else {
            refused(&desk.put(&ticket, &bytes), 400, "CHECKSUM_MISMATCH");
            desk.has_nothing(&ticket.id, "wrong");
        }
    }
}

#[test]
fn a_length_is_held_to() {
    let bytes = png(1);
    for declared in [bytes.len() - 1, bytes.len() + 1] {
        let desk = Desk::new();
        let ticket = desk.ticket_of(&json!({ "size_bytes": declared }));
        let error = refused(&desk.put(&ticket, &bytes), 400, "UPLOAD_FAILED");
        for number in [declared, bytes.len()] {
            assert!(error["message"].as_str().unwrap().contains(&number.to_string()), "{error}");
        }
        desk.has_nothing(&ticket.id, "another length");
    }
    // The header says otherwise than the body.
    for said in [bytes.len() - 1, bytes.len() + 1] {
        let desk = Desk::new();
        let ticket = desk.ticket();
        let ask = put(&ticket, &bytes).with("content-length", &said.to_string());
        refused(&desk.memory.answer(ask), 400, "UPLOAD_FAILED");
        desk.has_nothing(&ticket.id, "another length");
    }
}

#[test]
fn headers_that_make_it_no_file() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    let ask = |name: &str, value: &str| put(&ticket, &png(1)).with(name, value);
    for (ask, status, said) in [
        (put(&ticket, &png(1)).without("content-length"), 411, "-T"),
        (ask("content-length", "many"), 411, "-T"),
        (ask("content-encoding", "gzip"), 415, "as it is"),
        (ask("content-digest", "sha-256=:AAAA:"), 400, "named field"),
        (ask("content-digest", "sha-256=nonsense"), 400, "named field"),
        (put(&ticket, b""), 400, "--data-binary"),
        (Ask::new("PUT", &ticket.url).with("content-length", "5"), 400, "--data-binary"),
        (
            put(&ticket, b"--x\r\ncontent-disposition: form-data")
                .with("content-type", "multipart/form-data"),
            400,
            "without -F",
        ),
    ] {
        let answer = desk.memory.answer(ask);
        assert_eq!(answer.status, status, "{}", answer.text());
        let error = answer.json()["error"].clone();
        assert!(error["next"].as_str().unwrap().contains(said), "{error}");
        assert_eq!(desk.memory.files(), Vec::<String>::new());
    }
    let fine = put(&ticket, &png(1)).with("content-encoding", "identity").with("content-type", "text/plain");
    stored(&desk.memory.answer(fine), &ticket.id);
}

/// What is too large for its type is refused by its length, before a byte is read.
#[test]
fn larger_than_its_type_may_be() {
    for (head, most) in [
        (png(1), 100_u64 << 20),
        (b"RIFF\xff\xff\xff\x06WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\xff\xff\xff\x06".to_vec(), 64 << 20),
    ] {
        for wanted in [json!({}), json!({ "content_type": if head.starts_with(b"RIFF") { "audio/wav" } else { "image/png" } })] {
            let desk = Desk::new();
            let ticket = desk.ticket_of(&wanted);
            let ask = put(&ticket, &head).with("content-length", &(most + 1).to_string());
            refused(&desk.memory.answer(ask), 413, "FILE_TOO_LARGE");
            assert_eq!(desk.memory.state(|state| state.counts.get("put_stream").copied()), None);
            desk.has_nothing(&ticket.id, "too large");
        }
    }
    let desk = Desk::new();
    for (mime, most) in [("image/webp", 100_u64 << 20), ("video/mp4", 5 << 30), ("audio/mpeg", 64 << 20)] {
        let asked = json!({ "content_type": mime, "size_bytes": most + 1 });
        assert_eq!(desk.ada.refused("request_file_upload_url", &asked)["code"], "FILE_TOO_LARGE");
        desk.ticket_of(&json!({ "content_type": mime, "size_bytes": most }));
    }
    desk.memory.elapse(QUARTER_HOUR);
    assert_eq!(desk.open_rows(), 0);
}
