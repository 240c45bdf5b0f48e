//! Each of the six types: stored, named, measured, shown. What is none of them: refused in words.

use super::{Desk, jpeg, picture, png, refused, sha256, stored};
use atelier::media::picture::Format;
use atelier::providers::offline::h264::AccessUnit;
use atelier::providers::offline::mp4::Track;
use atelier::providers::offline::wave::write_wav;
use serde_json::{Value, json};

pub fn film() -> Vec<u8> {
    let units: Vec<_> = (0..6_u8)
        .map(|picture| AccessUnit { bytes: vec![picture; 40], key: picture == 0, held: false, delay: 0 })
        .collect();
    Track {
        width: 64,
        height: 48,
        fps: 12,
        sequence: vec![0x67, 66, 0xC0, 41, 9],
        picture: vec![0x68, 7],
        units: &units,
        note: "a placeholder",
        sound: None,
    }
    .write()
}

pub fn music() -> Vec<u8> {
    let mut frame = b"\xff\xfb\x90\x64".to_vec();
    frame.resize(417, 0);
    frame.repeat(5)
}

#[test]
fn each_type_is_stored_as_it_came() {
    let files = [
        ("a.png", "image/png", "image", png(1), json!([24, 24])),
        ("a.jpg", "image/jpeg", "image", jpeg(1), json!([24, 24])),
        ("a.webp", "image/webp", "image", picture(24, 1, Format::Webp), json!([24, 24])),
        ("a.mp4", "video/mp4", "video", film(), json!([64, 48])),
        ("a.wav", "audio/wav", "audio", write_wav(&[0.5; 300], 2, ""), json!([null, null])),
        ("a.mp3", "audio/mpeg", "audio", music(), json!([null, null])),
    ];
    for (name, mime, kind, bytes, sides) in files {
        for wanted in [
            json!({ "content_type": mime }),
            json!({ "file_name": name }),
            json!({ "content_type": mime, "size_bytes": bytes.len() }),
            json!({ "file_name": name, "content_type": mime, "sha256": sha256(&bytes).to_uppercase() }),
        ] {
            let desk = Desk::new();
            let ticket = desk.ticket_of(&wanted);
            let body = stored(&desk.put(&ticket, &bytes), &ticket.id);
            let asset = &body["asset"];
            assert_eq!((&asset["kind"], &asset["mime_type"]), (&json!(kind), &json!(mime)), "{body}");
            assert_eq!(json!([asset["width"], asset["height"]]), sides, "{body}");
            assert_eq!((&asset["sha256"], &body["bytes"]), (&json!(sha256(&bytes)), &json!(bytes.len())));
            assert_eq!(asset["duration_seconds"].is_number(), kind != "image", "{body}");
            assert_eq!(asset["name"], wanted["file_name"], "{body}");
            desk.memory.elapse(5);
            desk.has_only(&ticket.id, &bytes, name);
            let key = &desk.stored()[0];
            desk.memory.state(|state| assert_eq!(state.files[key].content_type, mime));
            assert_eq!(desk.memory.files().len(), if kind == "image" { 2 } else { 1 }, "{name}");
            assert_eq!(desk.open_rows(), 0);
            desk.is_forgotten(&ticket.id, name);
        }
    }
}

#[test]
fn another_picture_than_was_said_is_taken_for_what_it_is() {
    let desk = Desk::new();
    let ticket = desk.ticket_of(&json!({ "file_name": "a.png", "content_type": "image/png" }));
    let body = stored(&desk.put(&ticket, &jpeg(3)), &ticket.id);
    assert_eq!(body["asset"]["mime_type"], "image/jpeg");
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &jpeg(3), "a JPEG");
}

#[test]
fn what_is_no_such_file_is_refused_in_words() {
    let html = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>".to_vec();
    let film = film();
    let pdf = b"%PDF-1.7 and so on".to_vec();
    for (bytes, wanted, said) in [
        (&html, json!({}), "HTML"),
        (&html, json!({ "content_type": "image/png" }), "HTML"),
        (&pdf, json!({}), "PDF"),
        (&b"x".to_vec(), json!({}), "text"),
        (&vec![7; 90], json!({}), "something else"),
        (&film, json!({ "content_type": "image/png" }), "video/mp4"),
        (&film, json!({ "file_name": "a.png" }), "video/mp4"),
    ] {
        let desk = Desk::new();
        let ticket = desk.ticket_of(&wanted);
        let error = refused(&desk.put(&ticket, bytes), 400, "UPLOAD_FAILED");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        let shown = desk.get(&ticket).json();
        assert_eq!((&shown["ok"], &shown["state"]), (&json!(false), &json!("failed")), "{shown}");
        assert_eq!(shown["error"]["message"], error["message"]);
        let status = desk.status(&ticket.id);
        assert_eq!((&status["state"], &status["error"]["code"]), (&json!("failed"), &json!("UPLOAD_FAILED")));
        desk.has_nothing(&ticket.id, said);
    }
}

/// The same URL takes the right file afterwards.
#[test]
fn a_wrong_file_does_not_use_up_the_url() {
    let desk = Desk::new();
    let ticket = desk.ticket_of(&json!({ "content_type": "image/png" }));
    refused(&desk.put(&ticket, b"nothing of the kind"), 400, "UPLOAD_FAILED");
    stored(&desk.put(&ticket, &png(1)), &ticket.id);
    desk.memory.elapse(5);
    desk.has_only(&ticket.id, &png(1), "after a wrong one");
}

#[test]
fn a_name_is_kept_harmless_with_the_object_and_in_the_list() {
    let long = format!("{}.png", "ä".repeat(296));
    for (given, kept, header) in [
        ("../../etc/passwd.png", json!("passwd.png"), json!("inline; filename=\"passwd.png\"")),
        (
            "a\r\nset-cookie: x=1.png",
            json!("a set-cookie x=1.png"),
            json!("inline; filename=\"a set-cookie x=1.png\""),
        ),
        ("photo\u{202e}gnp.exe", json!("photo gnp.exe"), json!("inline; filename=\"photo gnp.exe\"")),
        (
            "é🗼.png",
            json!("é🗼.png"),
            json!("inline; filename=\"__.png\"; filename*=UTF-8''%C3%A9%F0%9F%97%BC.png"),
        ),
        ("\u{0}\u{7f}", Value::Null, Value::Null),
        ("..", Value::Null, Value::Null),
    ] {
        let desk = Desk::new();
        let ticket = desk.ticket_of(&json!({ "file_name": given }));
        let body = stored(&desk.put(&ticket, &png(1)), &ticket.id);
        assert_eq!((&body["asset"]["name"], &desk.listed()[0]["name"]), (&kept, &kept), "{given:?}");
        let key = &desk.stored()[0];
        desk.memory.state(|state| assert_eq!(json!(state.files[key].disposition), header, "{given:?}"));
    }
    let desk = Desk::new();
    let ticket = desk.ticket_of(&json!({ "file_name": long }));
    let body = stored(&desk.put(&ticket, &png(1)), &ticket.id);
    let name = body["asset"]["name"].as_str().unwrap();
    assert!(name.chars().count() == 120 && name.ends_with("….png"), "{name}");
}
