//! What the uploads say, word for word, to be read aloud. Not for: when they say it.

use super::chunks::{chunk, init};
use super::urls::{URL, serve};
use super::{Desk, complete, jpeg, png, put_part};
use crate::support::Ask;
use expect_test::{ExpectFile, expect_file};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ops::Deref;

/// Ids and signatures differ from day to day; what stands around them does not.
fn plain(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, _) = rest.split_at(end);
        let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
        out.push_str(if word.len() >= 36 && has_digit { "ID" } else { word });
        let skip = rest[end..].chars().next().map_or(0, char::len_utf8);
        out.push_str(&rest[end..end + skip]);
        rest = &rest[end + skip..];
    }
    let signature = |line: &str| match line.split_once("&signature=") {
        Some((before, after)) => {
            let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
            format!("{before}&signature=TAG{}", &after[end..])
        }
        None => line.to_owned(),
    };
    out.lines().map(signature).collect::<Vec<_>>().join("\n")
}

/// A desk that writes down what it is told.
#[derive(Default)]
struct Talk {
    text: RefCell<String>,
    desk: Option<Desk>,
}

impl Deref for Talk {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        self.desk.as_ref().unwrap()
    }
}

impl Talk {
    fn new() -> Self {
        Self { desk: Some(Desk::new()), ..Self::default() }
    }

    fn note(&self, asked: &str, said: &str) {
        *self.text.borrow_mut() += &format!(
            "> {}
{}

",
            plain(asked),
            plain(said)
        );
    }

    fn reads(&self, expected: &ExpectFile) {
        expected.assert_eq(&self.text.borrow());
    }
}

fn says(desk: &Talk, tool: &str, arguments: &Value) {
    let result = desk.memory.answer(desk.ada.tool(tool, arguments)).result();
    let text = result["content"][0]["text"].as_str().unwrap();
    let text =
        if result["isError"] == true { text.lines().next().unwrap().to_owned() } else { text.to_owned() };
    let body = match &result["structuredContent"] {
        Value::Null => String::new(),
        body => format!(
            "
{}",
            serde_json::to_string_pretty(body).unwrap()
        ),
    };
    let asked: String = format!("{tool} {arguments}").chars().take(120).collect();
    desk.note(&asked, &format!("{text}{body}"));
}

fn answers(desk: &Talk, ask: Ask) {
    let asked = format!("{} {}", ask.method, ask.url);
    let answer = desk.memory.answer(ask);
    let mut body = answer.json();
    if body["error"]["request_id"].is_string() {
        body["error"]["request_id"] = "ID".into();
    }
    let body = if body.is_null() { answer.text() } else { serde_json::to_string_pretty(&body).unwrap() };
    desk.note(&asked, &format!("{} {body}", answer.status));
}

#[test]
fn tickets() {
    let desk = Talk::new();
    says(&desk, "request_file_upload_url", &json!({ "file_name": "it's [a] cat.png" }));
    says(&desk, "request_upload_url", &json!({ "filename": "-a.png", "alt_text": "a" }));
    says(&desk, "request_file_upload_url", &json!({ "file_name": "a.mp4", "size_bytes": 200_000_000 }));
    says(&desk, "request_file_upload_url", &json!({ "size_bytes": 200_000_000 }));
    says(&desk, "request_file_upload_url", &json!({ "content_type": "image/gif" }));
    says(&desk, "request_file_upload_url", &json!({ "file_name": "a.png", "size_bytes": 200_000_000 }));
    says(&desk, "request_file_upload_url", &json!({ "sha256": "x" }));
    says(&desk, "request_file_upload_url", &json!({ "size_bytes": 0 }));
    desk.reads(&expect_file!["words/tickets.txt"]);
}

#[test]
fn one_body() {
    let desk = Talk::new();
    let ticket = desk.ticket_of(&json!({ "file_name": "a.png", "size_bytes": png(1).len() }));
    let put = |bytes: &[u8]| super::put(&ticket, bytes);
    let (get, status) = (|| Ask::get(&ticket.url), json!({ "upload_id": ticket.id, "wait_seconds": 0 }));
    answers(&desk, get());
    says(&desk, "get_upload_status", &status);
    answers(&desk, put(b""));
    answers(&desk, put(b"<html>"));
    let page = desk.ticket();
    answers(&desk, super::put(&page, b"<html>"));
    answers(&desk, Ask::get(&page.url));
    says(&desk, "get_upload_status", &json!({ "upload_id": page.id }));
    answers(&desk, put(&png(1)).without("content-length"));
    answers(&desk, put(&png(1)).with("content-encoding", "gzip"));
    answers(&desk, put(&png(1)));
    says(&desk, "get_upload_status", &status);
    answers(&desk, put(&jpeg(1)));
    answers(&desk, complete(&desk.ticket(), ""));
    answers(&desk, Ask::new("PATCH", &ticket.url));
    answers(&desk, Ask::get(&format!("{}x", ticket.url)));
    let late = desk.ticket();
    desk.memory.elapse(3600);
    answers(&desk, super::put(&late, &png(1)));
    says(&desk, "get_upload_status", &json!({ "upload_id": late.id }));
    says(&desk, "get_upload_status", &json!({ "upload_id": "x" }));
    desk.reads(&expect_file!["words/one_body.txt"]);
}

#[test]
fn parts() {
    let desk = Talk::new();
    let ticket = desk.small_parts(&png(1), 600);
    answers(&desk, put_part(&ticket, 1, &png(1)[..600]));
    answers(&desk, put_part(&ticket, 2, b"x"));
    answers(&desk, put_part(&ticket, 9, b"x"));
    answers(&desk, put_part(&ticket, 1, &[7; 600]));
    answers(&desk, put_part(&desk.ticket(), 1, b"x"));
    answers(&desk, Ask::get(&ticket.url));
    answers(&desk, complete(&ticket, ""));
    answers(&desk, complete(&ticket, "{\"sha\":1}"));
    desk.reads(&expect_file!["words/parts.txt"]);
}

#[test]
fn chunks() {
    let (desk, bytes) = (Talk::new(), png(1));
    let asked = json!({ "filename": "a.png", "mime_type": "image/png", "total_size_bytes": bytes.len() });
    says(&desk, "upload_media_init", &asked);
    let id = init(&desk, &bytes, json!({}));
    let last = json!({ "session_id": id });
    says(&desk, "upload_media_finalize", &last);
    says(&desk, "upload_media_chunk", &chunk(&id, 1, &bytes[900..]));
    says(&desk, "upload_media_finalize", &last);
    says(&desk, "upload_media_chunk", &chunk(&id, 1, b"other"));
    says(&desk, "upload_media_chunk", &chunk(&id, 0, &bytes));
    says(&desk, "upload_media_chunk", &chunk(&id, 5120, b"x"));
    let garbage = json!({ "session_id": id, "chunk_index": 0, "data_base64": "!" });
    says(&desk, "upload_media_chunk", &garbage);
    says(&desk, "upload_media_chunk", &chunk(&id, 0, &bytes[..900]));
    let wrong = json!({ "session_id": id, "sha256": "0".repeat(64) });
    says(&desk, "upload_media_finalize", &wrong);
    says(&desk, "upload_media_finalize", &last);
    says(&desk, "upload_media_finalize", &json!({ "session_id": desk.ticket().id }));
    says(&desk, "upload_media_finalize", &json!({ "session_id": "0192f0c1-2345-7abc-8def-0123456789ab" }));
    desk.reads(&expect_file!["words/chunks.txt"]);
}

#[test]
fn addresses() {
    let desk = Talk::new();
    let at = |url: &str| json!({ "url": url });
    let page = "https://files.example.com/page";
    serve(&desk, URL, 200, "", &png(1));
    serve(&desk, page, 200, "", b"<!doctype html>");
    serve(&desk, "https://files.example.com/403", 403, "", b"");
    serve(&desk, "https://files.example.com/to", 302, "location: https://10.0.0.1/", b"");
    serve(&desk, "https://files.example.com/slow", 200, "x-takes: 60000", &png(1));
    says(&desk, "upload_file", &at(URL));
    says(&desk, "upload_file", &at(page));
    says(&desk, "upload_file", &at("https://files.example.com/403"));
    says(&desk, "upload_file", &at("https://files.example.com/to"));
    says(&desk, "upload_file", &at("https://files.example.com/none"));
    says(&desk, "upload_file", &at("https://files.example.com/slow"));
    says(&desk, "upload_file", &at("http://files.example.com/"));
    says(&desk, "upload_file", &json!({}));
    desk.reads(&expect_file!["words/addresses.txt"]);
}
