//! Base64 in tool calls. Not for: kills (`kills`), or who may send (`isolation`).

use super::{DAY, Desk, QUARTER_HOUR, picture, png, sha256};
use atelier::crypto;
use atelier::media::picture::Format;
use serde_json::{Value, json};

pub fn init(desk: &Desk, bytes: &[u8], more: Value) -> String {
    let mut asked = json!({ "filename": "a.png", "mime_type": "image/png", "total_size_bytes": bytes.len() });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = desk.ada.call("upload_media_init", &asked);
    made["structuredContent"]["session_id"].as_str().unwrap().to_owned()
}

pub fn chunk(id: &str, index: i64, bytes: &[u8]) -> Value {
    json!({ "session_id": id, "chunk_index": index, "data_base64": crypto::base64(bytes) })
}

fn send(desk: &Desk, id: &str, index: i64, bytes: &[u8]) -> Value {
    desk.ada.call("upload_media_chunk", &chunk(id, index, bytes))["structuredContent"].clone()
}

fn finalize(desk: &Desk, id: &str) -> Value {
    desk.ada.call("upload_media_finalize", &json!({ "session_id": id }))["structuredContent"].clone()
}

fn refused(desk: &Desk, tool: &str, arguments: &Value, code: &str) -> Value {
    let error = desk.ada.refused(tool, arguments);
    assert_eq!(error["code"], code, "{error}");
    error
}

#[test]
fn in_any_order_and_again() {
    let (desk, bytes) = (Desk::new(), png(1));
    let id = init(&desk, &bytes, json!({ "alt_text": "noise" }));
    let split: Vec<_> = bytes.chunks(700).collect();
    assert_eq!(split.len(), 3);
    refused(&desk, "upload_media_finalize", &json!({ "session_id": id }), "INCOMPLETE_UPLOAD");
    let said = send(&desk, &id, 2, split[2]);
    assert_eq!(said["missing_indexes"], json!([0, 1]));
    assert_eq!(
        (&said["received_bytes"], &said["total_size_bytes"]),
        (&json!(split[2].len()), &json!(bytes.len()))
    );
    send(&desk, &id, 0, split[0]);
    assert_eq!(send(&desk, &id, 0, split[0])["missing_indexes"], json!([1]));
    refused(&desk, "upload_media_chunk", &chunk(&id, 0, split[1]), "UPLOAD_CONFLICT");
    let error = refused(&desk, "upload_media_finalize", &json!({ "session_id": id }), "INCOMPLETE_UPLOAD");
    assert_eq!(error["details"]["missing_indexes"], json!([1]));
    assert_eq!(desk.memory.files(), Vec::<String>::new());
    assert_eq!(send(&desk, &id, 1, split[1])["missing_indexes"], json!([]));
    refused(&desk, "upload_media_chunk", &chunk(&id, 3, b"more"), "FILE_TOO_LARGE");
    let first = finalize(&desk, &id);
    assert_eq!((&first["state"], &first["sha256"]), (&json!("stored"), &json!(sha256(&bytes))));
    assert_eq!(finalize(&desk, &id)["file_id"], first["file_id"]);
    assert_eq!(send(&desk, &id, 1, split[1])["received_bytes"], bytes.len());
    desk.memory.elapse(5);
    desk.has_only(&id, &bytes, "in chunks");
    assert_eq!(desk.listed()[0]["alt"], "noise");
    assert_eq!(desk.open_rows(), 0);
    desk.is_forgotten(&id, "in chunks");
}

#[test]
fn base64_as_models_write_it() {
    let (desk, bytes) = (Desk::new(), png(1));
    let plain = crypto::base64(&bytes);
    let broken: Vec<_> = plain.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for text in [
        plain.clone(),
        broken.join("\r\n"),
        format!("data:image/png;base64,{plain}\n"),
        crypto::base64url(&bytes),
        plain.trim_end_matches('=').to_owned(),
    ] {
        let made = desk.ada.call("upload_media", &json!({ "data_base64": text, "filename": "a.png" }));
        assert_eq!(made["structuredContent"]["sha256"], sha256(&bytes));
    }
    assert_eq!(desk.listed().len(), 5);
    let id = init(&desk, &bytes, json!({}));
    for (text, code) in [
        ("", "INVALID_INPUTS"),
        ("====", "INVALID_INPUTS"),
        ("not base64!", "INVALID_INPUTS"),
        ("A", "INVALID_INPUTS"),
        ("ü", "INVALID_INPUTS"),
        ("<base64 of the file>", "INVALID_INPUTS"),
    ] {
        let asked = json!({ "session_id": id, "chunk_index": 0, "data_base64": text });
        refused(&desk, "upload_media_chunk", &asked, code);
    }
    desk.memory.elapse(60);
    desk.is_tidy("base64");
}

#[test]
fn limits_of_a_chunk_and_of_all() {
    let desk = Desk::new();
    let bytes = picture(300, 1, Format::Png);
    let id = init(&desk, &bytes, json!({}));
    let most = 256 * 1024;
    assert!(bytes.len() > most);
    refused(&desk, "upload_media_chunk", &chunk(&id, 0, &bytes[..=most]), "FILE_TOO_LARGE");
    send(&desk, &id, 0, &bytes[..most]);
    send(&desk, &id, 1, &bytes[most..]);
    for index in [-1, 5_120, 4_294_967_296] {
        refused(&desk, "upload_media_chunk", &chunk(&id, index, b"x"), "INVALID_INPUTS");
    }
    finalize(&desk, &id);
    desk.memory.elapse(5);
    desk.has_only(&id, &bytes, "large chunks");
    for (total, code) in [
        (json!(0), "INVALID_INPUTS"),
        (json!(-1), "INVALID_INPUTS"),
        (json!(10 * 1024 * 1024 + 1), "FILE_TOO_LARGE"),
        (json!(1.5), "INVALID_INPUTS"),
    ] {
        let asked = json!({ "filename": "a.png", "mime_type": "image/png", "total_size_bytes": total });
        refused(&desk, "upload_media_init", &asked, code);
    }
    let asked = json!({ "filename": "a.svg", "mime_type": "image/svg+xml", "total_size_bytes": 9 });
    let error = refused(&desk, "upload_media_init", &asked, "INVALID_INPUTS");
    assert!(error["message"].as_str().unwrap().contains("`mime_type`"), "{error}");
}

#[test]
fn too_few_bytes_and_another_type_and_checksum() {
    let (desk, bytes) = (Desk::new(), png(1));
    let id = init(&desk, &bytes, json!({}));
    send(&desk, &id, 0, &bytes[..bytes.len() - 1]);
    let error = refused(&desk, "upload_media_finalize", &json!({ "session_id": id }), "INCOMPLETE_UPLOAD");
    assert!(error["message"].as_str().unwrap().contains("after chunk 0"), "{error}");
    // Another type than any: said, and not stored.
    let junk = vec![7; 90];
    let junk_id = init(&desk, &junk, json!({}));
    send(&desk, &junk_id, 0, &junk);
    refused(&desk, "upload_media_finalize", &json!({ "session_id": junk_id }), "UPLOAD_FAILED");
    assert_eq!(desk.memory.files(), Vec::<String>::new());
    let (right, wrong) = (sha256(&bytes), sha256(b"other"));
    for (at_first, at_last, is_right) in [
        (json!({}), json!(wrong), false),
        (json!({ "sha256": wrong }), json!(null), false),
        (json!({ "sha256": wrong }), json!(right), false),
        (json!({ "sha256": right }), json!(wrong), false),
        (json!({ "sha256": right }), json!(right.to_uppercase()), true),
    ] {
        let id = init(&desk, &bytes, at_first);
        send(&desk, &id, 0, &bytes);
        let asked = json!({ "session_id": id, "sha256": at_last });
        if is_right {
            desk.ada.call("upload_media_finalize", &asked);
        } else {
            refused(&desk, "upload_media_finalize", &asked, "CHECKSUM_MISMATCH");
            assert_eq!(desk.memory.files(), Vec::<String>::new(), "refused before it is stored");
            assert_eq!(desk.status(&id)["state"], "pending", "the session stays");
        }
    }
    desk.memory.elapse(5);
    assert_eq!(desk.listed().len(), 1);
    desk.is_tidy("checksums");
}

#[test]
fn each_chunk_keeps_it_open() {
    let (desk, bytes) = (Desk::new(), png(1));
    let id = init(&desk, &bytes, json!({}));
    let pieces: Vec<_> = bytes.chunks(200).collect();
    for (index, piece) in (0..).zip(&pieces) {
        desk.memory.elapse(10 * 60);
        send(&desk, &id, index, piece);
    }
    desk.memory.elapse(5 * 60);
    finalize(&desk, &id);
    let id = init(&desk, &bytes, json!({}));
    send(&desk, &id, 0, &bytes);
    desk.memory.elapse(QUARTER_HOUR);
    refused(&desk, "upload_media_finalize", &json!({ "session_id": id }), "SESSION_EXPIRED");
    refused(&desk, "upload_media_chunk", &chunk(&id, 0, &bytes), "SESSION_EXPIRED");
    desk.memory.elapse(2 * DAY);
    refused(&desk, "upload_media_finalize", &json!({ "session_id": id }), "SESSION_NOT_FOUND");
    assert_eq!(desk.open_rows(), 0);
    desk.is_forgotten(&id, "expired");
    // Two hours in all.
    let id = init(&desk, &bytes, json!({}));
    for _ in 0..12 {
        send(&desk, &id, 0, &bytes[..9]);
        desk.memory.elapse(10 * 60);
    }
    refused(&desk, "upload_media_chunk", &chunk(&id, 0, &bytes[..9]), "SESSION_EXPIRED");
}

/// Its bytes were set aside for a quarter of an hour; the session may be older.
#[test]
fn a_session_that_outlived_its_room_asks_again() {
    let desk = Desk::with(1, &[("STORAGE_QUOTA_GIGABYTES", "0.000003")]);
    let bytes = png(1);
    let id = init(&desk, &bytes, json!({}));
    for _ in 0..2 {
        desk.memory.elapse(10 * 60);
        send(&desk, &id, 0, &bytes);
    }
    desk.ticket_of(&json!({ "size_bytes": 2_900 }));
    refused(&desk, "upload_media_finalize", &json!({ "session_id": id }), "STORAGE_FULL");
    assert_eq!(desk.memory.files(), Vec::<String>::new());
}

#[test]
fn a_whole_small_file_in_one_call() {
    let desk = Desk::new();
    let large = vec![0; 3_000_001];
    let error =
        refused(&desk, "upload_media", &json!({ "data_base64": crypto::base64(&large) }), "FILE_TOO_LARGE");
    assert!(error["next"].as_str().unwrap().contains("request_upload_url"), "{error}");
    let mut bytes = png(1);
    bytes.resize(3_000_000, 0);
    let made =
        desk.ada.call("upload_media", &json!({ "data_base64": crypto::base64(&bytes), "alt_text": "a" }));
    let id = made["structuredContent"]["file_id"].as_str().unwrap().to_owned();
    desk.memory.elapse(5);
    desk.has_only(&id, &bytes, "whole");
    let error =
        refused(&desk, "upload_media", &json!({ "data_base64": crypto::base64(b"junk") }), "UPLOAD_FAILED");
    assert!(error["message"].as_str().unwrap().contains("none of"), "{error}");
    refused(&desk, "upload_media", &json!({ "data_base64": "" }), "INVALID_INPUTS");
    refused(
        &desk,
        "upload_media",
        &json!({ "data_base64": "AAAA", "alt_text": "a".repeat(1001) }),
        "INVALID_INPUTS",
    );
    assert_eq!(desk.open_rows(), 0);
    desk.has_only(&id, &bytes, "after refusals");
}

#[test]
fn an_upload_of_another_door_takes_no_chunks() {
    let desk = Desk::new();
    let ticket = desk.ticket();
    refused(&desk, "upload_media_chunk", &chunk(&ticket.id, 0, b"x"), "SESSION_NOT_FOUND");
    refused(&desk, "upload_media_finalize", &json!({ "session_id": ticket.id }), "SESSION_NOT_FOUND");
    refused(&desk, "upload_media_finalize", &json!({ "session_id": "x" }), "INVALID_INPUTS");
}
