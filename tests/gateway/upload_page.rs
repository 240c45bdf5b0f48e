//! The upload page: a link for several files or for one that was announced; what its script asks, what it must be
//! refused, and what the tools say of it. Not for: the page in a browser (`tests/edge/upload-page.test.mjs`).

use crate::support::client::operate;
use crate::support::storage::Stream;
use crate::support::{Answer, Ask, Client, Memory};
use serde_json::{Value, json};

const QUARTER_HOUR: i64 = 15 * 60;
const MIB: usize = 1024 * 1024;
/// 1×1, transparent.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// A picture of this size; what follows its end is not looked at.
fn png(bytes: usize) -> Vec<u8> {
    let mut file = atelier::crypto::from_base64(PNG).unwrap();
    file.resize(bytes, 7);
    file
}

struct World {
    memory: Memory,
    ada: Client,
}

/// A link, and who asked for it.
struct Page<'a> {
    world: &'a World,
    id: String,
    path: String,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let memory = Memory::with(1, settings);
        let ada = Client::new(&memory, "ada", 10.0);
        Self { memory, ada }
    }

    fn page(&self) -> Page<'_> {
        let ticket = self.ada.call("request_file_upload_url", &json!({}));
        let text = ticket["content"][0]["text"].as_str().unwrap();
        let ticket = &ticket["structuredContent"];
        let url = ticket["upload_page_url"].as_str().unwrap();
        assert!(text.contains(url) && text.contains("get_upload_status"), "{text}");
        assert_eq!(ticket.as_object().unwrap().len(), 4, "{ticket}");
        let (id, path) = (ticket["upload_id"].as_str().unwrap().to_owned(), path_of(url));
        Page { world: self, id, path }
    }

    fn put(&self, url: &str, bytes: Vec<u8>) -> Answer {
        self.memory.answer(Ask::put(url, Stream::of(bytes)))
    }

    fn status(&self, id: &str) -> Value {
        self.ada.call("get_upload_status", &json!({ "upload_id": id, "wait_seconds": 0 }))["structuredContent"]
            .clone()
    }
}

fn path_of(url: &str) -> String {
    url.strip_prefix("https://gateway.example").expect("our own origin").to_owned()
}

fn file(name: &str, size: usize) -> Value {
    json!({ "key": format!("1:{size}:{name}"), "name": name, "type": "image/png", "size": size })
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

impl Page<'_> {
    fn get(&self) -> Answer {
        self.world.memory.answer(Ask::get(&self.path))
    }

    fn ask(&self, what: &str, body: &Value) -> Answer {
        self.world.memory.answer(Ask::post(&format!("{}/{what}", self.path), body))
    }

    fn add(&self, file: &Value) -> Value {
        let answer = self.ask("files", file);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Adds a file and sends it whole.
    fn store(&self, name: &str, size: usize) {
        let told = self.add(&file(name, size));
        let answer = self.world.put(told["upload_url"].as_str().unwrap(), png(size));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    fn state(&self) -> Value {
        let answer = self.world.memory.answer(Ask::get(&format!("{}/state", self.path)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

#[test]
fn several_files_come_on_one_page_until_the_person_is_done() {
    let world = World::new();
    let page = world.page();
    assert_eq!(world.status(&page.id)["state"], "pending");
    assert_eq!(page.get().status, 200);
    let told = page.add(&file("a.png", 1000));
    assert!(told.get("part_bytes").is_none(), "{told}");
    // Not stored yet: nothing to be done with.
    assert_eq!(code(&page.ask("done", &json!({}))), (409, "INCOMPLETE_UPLOAD".into()));
    page.store("a.png", 1000);
    page.store("b.png", 2000);
    let state = page.state();
    assert_eq!(state["files"].as_array().unwrap().len(), 2, "{state}");
    let status = world.status(&page.id);
    assert_eq!(
        (&status["state"], status["files"].as_array().unwrap().len()),
        (&json!("pending"), 2),
        "{status}"
    );
    assert_eq!(page.ask("done", &json!({})).json()["state"], "stored");
    let result = world.ada.call("get_upload_status", &json!({ "upload_id": page.id, "wait_seconds": 0 }));
    let text = result["content"][0]["text"].as_str().unwrap();
    let status = &result["structuredContent"];
    assert_eq!(status["state"], "stored", "{status}");
    for (file, (name, bytes)) in
        status["files"].as_array().unwrap().iter().zip([("a.png", 1000), ("b.png", 2000)])
    {
        assert_eq!(
            (&file["name"], &file["bytes"], &file["state"]),
            (&json!(name), &json!(bytes), &json!("stored"))
        );
        assert!(text.contains(file["file_id"].as_str().unwrap()), "{text}");
        assert_eq!(world.memory.answer(Ask::get(&path_of(file["file_url"].as_str().unwrap()))).status, 200);
    }
    // Again it says the same; nothing more is taken; the page says so.
    assert_eq!(page.ask("done", &json!({})).status, 200);
    assert_eq!(code(&page.ask("files", &file("c.png", 10))), (410, "SESSION_EXPIRED".into()));
    let over = page.get();
    assert!(
        over.status == 200
            && over.text().contains("2 files are there")
            && over.text().contains("Go back to the chat")
    );
}

#[test]
fn waiting_ends_when_the_person_presses_done() {
    let world = World::new();
    let page = world.page();
    page.store("a.png", 1000);
    let memory = world.memory.clone();
    let (path, begun) = (page.path.clone(), atelier::platform::Platform::now(&world.memory));
    world.memory.spawn(async move {
        memory.rest_until(begun.plus_seconds(7)).await;
        let done = Ask::post(&format!("{path}/done"), json!({}));
        assert_eq!(memory.send(done).await.status, 200);
    });
    let status = world.ada.call("get_upload_status", &json!({ "upload_id": page.id, "wait_seconds": 45 }));
    assert_eq!(status["structuredContent"]["state"], "stored");
    let waited = atelier::platform::Platform::now(&world.memory).millis_since(begun);
    assert!((7000..9000).contains(&waited), "{waited} ms");
}

#[test]
fn a_repeated_announcement_is_the_same_upload_wherever_it_was_cut_off() {
    let world = World::new();
    let page = world.page();
    let first = page.add(&file("a.png", 1000));
    assert_eq!(page.add(&file("a.png", 1000))["upload_url"], first["upload_url"]);
    let mut other = file("a.png", 999);
    other["key"] = file("a.png", 1000)["key"].clone();
    assert_eq!(code(&page.ask("files", &other)), (400, "INVALID_INPUTS".into()));
    let mut killed = 0;
    // Two tool calls each: a token may make 120 a minute.
    for points in 0..40 {
        let world = World::new();
        let page = world.page();
        let ask = Ask::post(&format!("{}/files", page.path), file("a.png", 1000));
        world.memory.state(|state| state.kill_after = Some(points));
        world.memory.attempt(world.memory.send(ask));
        let was_killed = world.memory.state(|state| state.kill_after.take().is_none());
        killed += u32::from(was_killed);
        page.store("a.png", 1000);
        let state = page.state();
        assert_eq!(state["files"].as_array().unwrap().len(), 1, "killed after {points}: {state}");
        assert_eq!(page.ask("done", &json!({})).status, 200);
        assert_eq!(world.status(&page.id)["files"].as_array().unwrap().len(), 1, "killed after {points}");
    }
    assert!(killed > 5, "killed {killed} times");
}

#[test]
fn large_files_come_in_parts_and_keep_the_page_open() {
    let world = World::new();
    let page = world.page();
    let size = 20 * MIB;
    let told = page.add(&file("large.png", size));
    let (url, part) = (told["upload_url"].as_str().unwrap(), told["part_bytes"].as_u64().unwrap() as usize);
    assert_eq!(part, 8 * MIB);
    let bytes = png(size);
    for (index, piece) in bytes.chunks(part).enumerate() {
        world.memory.elapse(10 * 60);
        let answer = world.put(&format!("{url}/parts/{}", index + 1), piece.to_vec());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(page.state()["files"][0]["received_parts"].as_array().unwrap().len(), index + 1);
    }
    assert_eq!(world.memory.answer(Ask::post(&format!("{url}/complete"), "{}")).status, 200);
    // Half an hour after it was asked for, it takes another one.
    page.store("b.png", 1000);
    assert_eq!(page.ask("done", &json!({})).status, 200);
    let stored = &world.status(&page.id)["files"][0];
    let digest = atelier::crypto::hex(&atelier::crypto::sha256(&bytes));
    let one = world.status(stored["file_id"].as_str().unwrap());
    assert_eq!(one["sha256"], digest, "{one}");
}

#[test]
fn what_is_announced_is_decided_by_type_then_name_and_refused_in_words() {
    let world = World::new();
    let page = world.page();
    let by_name = json!({ "key": "k1", "name": "Photo.JPG", "type": "", "size": 5 });
    assert_eq!(page.add(&by_name)["state"], "pending");
    for (body, status, word) in [
        (json!({ "key": "k2", "name": "notes.txt", "type": "text/plain", "size": 5 }), 400, "PNG, JPEG"),
        (
            json!({ "key": "k3", "name": "a.png", "type": "image/png", "size": 105_000_000 }),
            413,
            "at most 105 MB",
        ),
        (json!({ "key": "k4", "name": "a.png", "type": "image/png", "size": 0 }), 400, "at least 1"),
        (json!({ "key": "", "name": "a.png", "type": "image/png", "size": 5 }), 400, "`key`"),
        (json!({ "name": "a.png" }), 400, "key"),
    ] {
        let answer = page.ask("files", &body);
        assert!(answer.status == status && answer.text().contains(word), "{body}: {}", answer.text());
    }
    let form =
        Ask::post(&format!("{}/files", page.path), file("a.png", 5)).with("content-type", "text/plain");
    assert_eq!(code(&world.memory.answer(form)), (400, "INVALID_INPUTS".into()));
    assert_eq!(page.state()["files"].as_array().unwrap().len(), 1);
}

#[test]
fn a_full_page_takes_no_more_until_something_is_taken_back() {
    let world = World::new();
    let page = world.page();
    let urls: Vec<_> =
        (0..20).map(|n| page.add(&file(&format!("{n}.png"), 100))["upload_url"].clone()).collect();
    let full = page.ask("files", &file("one-more.png", 100));
    assert!(full.status == 400 && full.text().contains("takes 20 files"), "{}", full.text());
    assert_eq!(world.memory.answer(Ask::new("DELETE", urls[3].as_str().unwrap())).status, 204);
    page.add(&file("one-more.png", 100));
    assert_eq!(page.ask("files", &file("another.png", 100)).status, 400);
    // What was taken back may come again.
    assert_eq!(world.memory.answer(Ask::new("DELETE", urls[4].as_str().unwrap())).status, 204);
    assert_ne!(page.add(&file("4.png", 100))["upload_url"], urls[4]);
}

#[test]
fn a_full_workspace_and_a_withdrawn_token_take_nothing() {
    let world = World::with(&[("STORAGE_QUOTA_GIGABYTES", "0.00001")]);
    let page = world.page();
    assert_eq!(code(&page.ask("files", &file("a.png", 11_000))), (507, "STORAGE_FULL".into()));
    assert_eq!(page.state()["files"], json!([]), "what was refused takes no place");
    page.store("a.png", 2000);
    let revoke = json!({ "person": "ada", "token_id": world.ada.token_id });
    assert_eq!(operate(&world.memory, "/api/v1/operator/tokens/revoke", &revoke).status, 200);
    let answer = page.ask("files", &file("b.png", 10));
    assert!(answer.status == 403 && answer.text().contains("withdrawn"), "{}", answer.text());
}

#[test]
fn a_link_expires_says_so_and_is_forgotten() {
    let world = World::new();
    let (empty, used) = (world.page(), world.page());
    used.store("a.png", 1000);
    world.memory.elapse(QUARTER_HOUR);
    let page = empty.get();
    assert!(page.status == 410 && page.text().contains("ask for a new upload link"), "{}", page.text());
    assert_eq!(code(&empty.ask("files", &file("a.png", 10))), (410, "SESSION_EXPIRED".into()));
    assert_eq!(
        (&world.status(&empty.id)["state"], &world.status(&used.id)["state"]),
        (&json!("expired"), &json!("stored"))
    );
    assert!(used.get().text().contains("1 file is there"));
    world.memory.elapse(25 * 3600);
    assert_eq!(
        world.ada.refused("get_upload_status", &json!({ "upload_id": used.id }))["code"],
        "SESSION_NOT_FOUND"
    );
    assert_eq!(used.get().status, 410);
    assert_eq!(world.memory.answer(Ask::get("/upload/AAAA")).status, 404);
}

#[test]
fn two_hours_are_the_end_whatever_comes() {
    let world = World::new();
    let page = world.page();
    for n in 0..9 {
        page.store(&format!("{n}.png"), 100);
        world.memory.elapse(QUARTER_HOUR - 60);
    }
    assert_eq!(code(&page.ask("files", &file("late.png", 100))), (410, "SESSION_EXPIRED".into()));
}

#[test]
fn another_person_and_a_token_of_another_workspace_see_no_page() {
    let world = World::new();
    let page = world.page();
    let bob = Client::new(&world.memory, "bob", 1.0);
    assert_eq!(
        bob.refused("get_upload_status", &json!({ "upload_id": page.id }))["code"],
        "SESSION_NOT_FOUND"
    );
    let elsewhere = Client::with_token(&world.memory, "ada", json!({ "workspace_id": bob.workspace_id }));
    assert_eq!(
        elsewhere.refused("get_upload_status", &json!({ "upload_id": page.id }))["code"],
        "SESSION_NOT_FOUND"
    );
    // The page's token is no upload URL, and its id opens nothing.
    let url = page.path.replace("/upload/", "/api/v1/media/uploads/");
    assert_eq!(world.put(&url, png(100)).status, 410);
    assert!(world.memory.answer(Ask::get(&url)).text().contains("Open it in a browser"));
    assert_eq!(world.memory.answer(Ask::get(&format!("/upload/{}", page.id))).status, 404);
}

#[test]
fn a_link_for_one_file_takes_that_one() {
    let world = World::new();
    let ask = json!({ "file_name": "photo.jpg", "size_bytes": 1000 });
    let ticket = world.ada.call("request_file_upload_url", &ask)["structuredContent"].clone();
    let path = path_of(ticket["upload_page_url"].as_str().unwrap());
    let page = Page { world: &world, id: ticket["file_id"].as_str().unwrap().to_owned(), path };
    let html = page.get().text();
    assert!(html.contains("Upload photo.jpg") && html.contains("curl -sS -T FILE"), "{html}");
    assert!(
        html.contains(&format!(
            "<bdi>{}</bdi>",
            world.ada.call("get_workspace", &json!({}))["structuredContent"]["name"].as_str().unwrap()
        )),
        "{html}"
    );
    let film = json!({ "key": "k", "name": "film.mp4", "type": "video/mp4", "size": 1000 });
    assert!(page.ask("files", &film).text().contains("another kind"));
    assert_eq!(page.ask("files", &file("other.png", 999)).status, 400);
    page.store("other.png", 1000);
    assert_eq!(world.status(&page.id)["state"], "stored");
    assert!(page.get().text().contains("1 file is there"));
    assert_eq!(code(&page.ask("files", &file("other.png", 1000))), (409, "UPLOAD_CONFLICT".into()));
}

#[test]
fn the_page_lets_its_address_go_nowhere() {
    let world = World::new();
    let page = world.page();
    for answer in [page.get(), world.memory.answer(Ask::get("/upload/none"))] {
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let csp = answer.header("content-security-policy").unwrap();
        assert!(
            csp.contains("script-src 'self'; connect-src 'self'") && csp.contains("frame-ancestors 'none'"),
            "{csp}"
        );
        assert!(!csp.contains("unsafe"), "{csp}");
    }
    let token = page.path.rsplit('/').next().unwrap().to_owned();
    assert!(!page.get().text().contains(&token), "a page of several files does not repeat its own token");
    assert_eq!(
        world.memory.answer(Ask::get("/upload.js")).header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(world.memory.answer(Ask::new("PUT", &page.path)).status, 404);
}
