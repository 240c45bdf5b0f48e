//! Files from other servers. Not for: which addresses are refused (`addresses`).

use super::{DAY, Desk, png, sha256};
use crate::support::storage::pack;
use crate::support::{Client, Fault};
use atelier::http::Headers;
use atelier::outbound::{FetchFault, Inbound};
use serde_json::{Value, json};

pub const URL: &str = "https://files.example.com/pictures/a%20cat.png";

fn answer(status: u16, headers: &str, body: &[u8]) -> Result<Inbound, FetchFault> {
    Ok(Inbound { status, headers: Headers::from_lines(headers.to_owned()), body: pack(body) })
}

/// Serves it there; `headers` are lines.
pub fn serve(desk: &Desk, url: &str, status: u16, headers: &str, body: &[u8]) {
    let (headers, body) = (headers.to_owned(), body.to_vec());
    desk.memory.serve_url(url, move |_| answer(status, &headers, &body));
}

pub fn fetches(desk: &Desk) -> u32 {
    desk.memory.state(|state| state.counts.get("fetch").copied().unwrap_or(0))
}

fn import(desk: &Desk, url: &str) -> Value {
    desk.ada.call("upload_file", &json!({ "url": url }))["structuredContent"].clone()
}

fn refused(desk: &Desk, url: &str, code: &str) -> Value {
    let error = desk.ada.refused("upload_file", &json!({ "url": url }));
    assert_eq!(error["code"], code, "{error}");
    assert_eq!(desk.memory.files(), Vec::<String>::new());
    error
}

/// After a refusal nothing is left, of any upload.
fn is_empty(desk: &Desk, when: &str) {
    assert_eq!(desk.open_rows(), 0, "{when}");
    assert_eq!(desk.memory.files(), Vec::<String>::new(), "{when}");
    desk.memory.elapse(2 * DAY);
    let left = desk.memory.state(|state| {
        let uploads = state.objects.iter().filter(|((binding, _), _)| *binding == "UPLOAD");
        uploads.filter(|(_, object)| !object.is_empty()).count()
    });
    assert_eq!(left, 0, "{when}");
}

#[test]
fn a_file_with_its_length_or_without() {
    let bytes = png(1);
    let length = format!("content-length: {}", bytes.len());
    for headers in [length.as_str(), "", "content-type: text/html"] {
        let desk = Desk::new();
        serve(&desk, URL, 200, headers, &bytes);
        let file = import(&desk, URL);
        assert_eq!((&file["state"], &file["name"]), (&json!("stored"), &json!("a cat.png")), "{file}");
        assert_eq!(file["sha256"], sha256(&bytes));
        desk.memory.elapse(5);
        let id = file["file_id"].as_str().unwrap();
        desk.has_only(id, &bytes, headers);
        assert_eq!(desk.listed()[0]["origin"], "imported");
        assert_eq!((fetches(&desk), desk.open_rows()), (1, 0));
        desk.is_forgotten(id, headers);
    }
}

#[test]
fn what_it_is_called() {
    for (url, headers, asked, name) in [
        ("https://files.example.com/a.png?x=/b.jpg#c", "", json!({}), json!("a.png")),
        ("https://files.example.com/download", "", json!({}), json!(null)),
        ("https://files.example.com", "", json!({}), json!(null)),
        (
            "https://files.example.com/x",
            "content-disposition: attachment; filename=\"b c.png\"",
            json!({}),
            json!("b c.png"),
        ),
        (
            "https://files.example.com/x",
            "content-disposition: attachment; filename=../b.png; size=3",
            json!({}),
            json!("b.png"),
        ),
        ("https://files.example.com/x.png", "content-disposition: inline", json!({}), json!("x.png")),
        ("https://files.example.com/%2e%2e%2fx.png", "", json!({}), json!("x.png")),
        (
            "https://files.example.com/x.png",
            "content-disposition: inline; filename=b.png",
            json!({ "file_name": "mine.png" }),
            json!("mine.png"),
        ),
    ] {
        let desk = Desk::new();
        serve(&desk, url.split(['?', '#']).next().unwrap(), 200, headers, &png(1));
        desk.memory.serve_url(url, {
            let headers = headers.to_owned();
            move |_| answer(200, &headers, &png(1))
        });
        let mut asked = asked;
        asked["url"] = url.into();
        let file = desk.ada.call("upload_file", &asked)["structuredContent"].clone();
        assert_eq!(file["name"], name, "{url} {headers}");
    }
}

#[test]
fn redirects_are_followed_five_times() {
    let hop = |desk: &Desk, from: &str, to: &str| serve(desk, from, 302, &format!("location: {to}"), b"");
    let desk = Desk::new();
    hop(&desk, "https://a.example.com/1", "/2?x=y");
    hop(&desk, "https://a.example.com/2?x=y", "3");
    hop(&desk, "https://a.example.com/3", "//b.example.com/4");
    hop(&desk, "https://b.example.com/4", "https://c.example.com/5");
    hop(&desk, "https://c.example.com/5", URL);
    serve(&desk, URL, 200, "", &png(1));
    assert_eq!(import(&desk, "https://a.example.com/1")["state"], "stored");
    assert_eq!(fetches(&desk), 6);
    let desk = Desk::new();
    for number in 1..=6 {
        hop(&desk, &format!("https://a.example.com/{number}"), &format!("/{}", number + 1));
    }
    serve(&desk, "https://a.example.com/7", 200, "", &png(1));
    let error = refused(&desk, "https://a.example.com/1", "UPLOAD_FAILED");
    assert!(error["message"].as_str().unwrap().contains("more than 5"), "{error}");
    assert_eq!(fetches(&desk), 6);
    is_empty(&desk, "six hops");
}

#[test]
fn a_redirect_to_where_nobody_may_ask_is_not_followed() {
    for (number, to) in (0..).zip([
        "http://files.example.com/a.png",
        "https://127.0.0.1/a.png",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "//localhost/a.png",
        "https://metadata.google.internal/",
        "https://2130706433/",
        "https://user@files.example.com/",
        "ftp://files.example.com/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://files.example.com:8443/",
        "https://10.0.0.1.nip.io/",
        "",
        "#x",
    ]) {
        let desk = Desk::with(number, &[]);
        serve(&desk, URL, 302, &format!("location: {to}"), b"");
        let error = refused(&desk, URL, "UPLOAD_FAILED");
        assert!(error["message"].as_str().unwrap().contains("redirects to"), "{to} {error}");
        assert_eq!(fetches(&desk), 1, "{to}");
        is_empty(&desk, to);
    }
}

#[test]
fn what_other_servers_say_is_told() {
    for (status, said) in [
        (401, "sign-in"),
        (403, "sign-in"),
        (404, "not there"),
        (410, "not there"),
        (429, "again in a while"),
        (500, "again in a while"),
        (503, "again in a while"),
        (204, "file itself"),
        (206, "file itself"),
        (418, "file itself"),
    ] {
        let desk = Desk::with(status.into(), &[]);
        serve(&desk, URL, status, "", b"no");
        let error = refused(&desk, URL, "UPLOAD_FAILED");
        assert!(error["message"].as_str().unwrap().contains(&status.to_string()), "{error}");
        assert!(error["next"].as_str().unwrap().contains(said), "{error}");
        assert_eq!(error["details"]["remote_status"], status);
        is_empty(&desk, said);
    }
}

#[test]
fn what_is_not_the_file() {
    let wav = b"RIFF\xff\xff\xff\x06WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\xff\xff\xff\x06";
    let mut large = wav.to_vec();
    large.resize((64 << 20) + 1, 0);
    let length = format!("content-length: {}", large.len());
    for (number, (headers, body, code, message, next)) in (0..).zip([
        (
            "",
            &b"<!doctype html><title>Sign in</title>"[..],
            "UPLOAD_FAILED",
            "HTML",
            "address of the file itself",
        ),
        ("", b"", "UPLOAD_FAILED", "empty", "another public https address"),
        ("content-length: 0", b"", "UPLOAD_FAILED", "empty", "another public https address"),
        ("x-cut-after: 40", &png(1), "UPLOAD_FAILED", "broke off", "another public https address"),
        (
            "x-cut-after: 1500\ncontent-length: 9999",
            &png(1),
            "UPLOAD_FAILED",
            "broke off",
            "another public https address",
        ),
        ("x-takes: 720001", &png(1), "UPLOAD_FAILED", "12 minutes", "another public https address"),
        (&length, &large, "FILE_TOO_LARGE", "67108864 bytes", "smaller"),
        ("", &large, "FILE_TOO_LARGE", "larger", "smaller"),
    ]) {
        let desk = Desk::with(number, &[]);
        serve(&desk, URL, 200, headers, body);
        let answer = desk.ada.memory.answer(desk.ada.tool("upload_file", &json!({ "url": URL }))).result();
        let id = answer["structuredContent"]["upload_id"].as_str().map(str::to_owned);
        let error = match id {
            Some(id) => {
                assert_eq!(answer["structuredContent"]["state"], "receiving", "{answer}");
                desk.memory.elapse(15 * 60);
                let status = desk.status(&id);
                assert_eq!(status["state"], "failed");
                status["error"].clone()
            }
            None => crate::support::client::error_of(&answer),
        };
        assert_eq!(error["code"], code, "{headers} {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{headers} {error}");
        assert!(error["next"].as_str().unwrap().contains(next), "{headers} {error}");
        is_empty(&desk, headers);
    }
}

#[test]
fn servers_that_are_not_there_or_slow() {
    let desk = Desk::new();
    let error = refused(&desk, URL, "UPLOAD_FAILED");
    assert!(error["message"].as_str().unwrap().contains("could not be reached"), "{error}");
    assert!(
        !error["message"].as_str().unwrap().contains("nothing is served"),
        "the reason is for the log: {error}"
    );
    let desk = Desk::new();
    serve(&desk, URL, 200, "", &png(1));
    desk.memory.meet("fetch", Fault::Delay(31_000));
    let error = refused(&desk, URL, "UPLOAD_FAILED");
    assert!(error["message"].as_str().unwrap().contains("in time"), "{error}");
    is_empty(&desk, "slow");
    // Slower than a call may take: it goes on without one.
    let desk = Desk::new();
    serve(&desk, URL, 200, "x-takes: 60000", &png(1));
    let begun = import(&desk, URL);
    assert_eq!(begun["state"], "receiving");
    let id = begun["upload_id"].as_str().unwrap();
    let asked = json!({ "upload_id": id, "wait_seconds": 45 });
    assert_eq!(desk.ada.call("get_upload_status", &asked)["structuredContent"]["state"], "stored");
    desk.memory.elapse(5);
    desk.has_only(id, &png(1), "slow");
}

#[test]
fn a_file_that_a_client_holds() {
    for tool in ["upload_file", "upload_media_from_url"] {
        let desk = Desk::new();
        serve(&desk, URL, 200, "", &png(1));
        let file = json!({ "download_url": URL, "file_id": "file_1", "mime_type": "image/jpeg", "file_name": "held.png" });
        let made = desk.ada.call(tool, &json!({ "file": file }));
        assert_eq!(made["structuredContent"]["name"], "held.png");
        assert_eq!(made["structuredContent"]["mime_type"], "image/png");
        for asked in [json!({}), json!({ "file": file, "url": URL }), json!({ "file": null, "url": null })] {
            assert_eq!(desk.ada.refused(tool, &asked)["code"], "INVALID_INPUTS");
        }
        let inside = json!({ "download_url": "https://10.0.0.1/", "file_id": "file_1" });
        let error = desk.ada.refused(tool, &json!({ "file": inside }));
        assert!(error["message"].as_str().unwrap().contains("`file.download_url`"), "{error}");
        let asked = json!({ "file": { "download_url": URL, "file_id": "f", "more": 1 } });
        assert_eq!(desk.ada.refused(tool, &asked)["code"], "INVALID_INPUTS");
        assert_eq!(fetches(&desk), 1);
    }
}

/// Files by URL count like any other.
#[test]
fn a_full_workspace_takes_none() {
    for (number, headers) in (0..).zip(["content-length: SIZE", ""]) {
        let desk = Desk::with(number, &[("STORAGE_QUOTA_GIGABYTES", "0.000001")]);
        let bytes = png(1);
        serve(&desk, URL, 200, &headers.replace("SIZE", &bytes.len().to_string()), &bytes);
        refused(&desk, URL, "STORAGE_FULL");
        desk.memory.elapse(60);
        is_empty(&desk, "full");
    }
}

#[test]
fn the_object_storage_failing_for_a_while_only_delays_it() {
    let desk = Desk::new();
    serve(&desk, URL, 200, "", &png(1));
    // More often than the runtime rings a failing alarm again.
    (0..9).for_each(|_| desk.memory.meet("put_stream", Fault::Refuse));
    let begun = import(&desk, URL);
    desk.memory.elapse(10 * 60);
    let id = begun["upload_id"].as_str().unwrap();
    assert_eq!(desk.status(id)["state"], "stored");
    desk.has_only(id, &png(1), "after a while");
    let bob = Client::new(&desk.memory, "bob", 1.0);
    assert_eq!(bob.refused("get_upload_status", &json!({ "upload_id": id }))["code"], "SESSION_NOT_FOUND");
}
