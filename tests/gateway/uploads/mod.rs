//! Uploads through the front door, by every way that bytes can come: a tool call for the ticket, then a PUT, parts, chunks
//! or another server. Not for: what a workspace may store (`media/quota`), or the probe (`tests/fuzz`).

mod addresses;
mod bodies;
mod chunks;
mod game;
mod isolation;
mod kills;
mod parts;
mod presigned;
mod types;
mod urls;
mod words;

use crate::support::object::Object;
use crate::support::storage::Stream;
use crate::support::{Answer, Ask, Client, Memory};
use atelier::crypto;
use atelier::id::{AssetId, PersonId, WorkspaceId};
use atelier::media::picture::{Format, encode};
use atelier::media::sniff::MediaType;
use atelier::platform::Platform;
use atelier::uploads::{Command, Door, Intent, Upload, token};
use atelier::workspace::{Actor, Workspace};
use image::{Rgba, RgbaImage};
use serde_json::{Value, json};
use std::rc::Rc;

pub const QUARTER_HOUR: i64 = 15 * 60;
const DAY: i64 = 24 * 3600;

/// A picture of noise: it does not compress, and each seed has its own.
pub fn picture(side: u32, seed: u32, format: Format) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    let noise = RgbaImage::from_fn(side, side, |_, _| Rgba([byte(), byte(), byte(), 255]));
    encode(&noise, format, "").unwrap()
}

pub fn png(seed: u32) -> Vec<u8> {
    picture(24, seed, Format::Png)
}

pub fn jpeg(seed: u32) -> Vec<u8> {
    picture(24, seed, Format::Jpeg { quality: 80 })
}

pub fn sha256(bytes: &[u8]) -> String {
    crypto::hex(&crypto::sha256(bytes))
}

/// A way to send: what upload it is, and where to.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: String,
    pub url: String,
}

/// Ada with a token, alone in her workspace.
pub struct Desk {
    pub memory: Memory,
    pub ada: Client,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(1, &[])
    }

    pub fn with(seed: u64, settings: &[(&str, &str)]) -> Self {
        let memory = Memory::with(seed, settings);
        let ada = Client::new(&memory, "ada", 1.0);
        Self { memory, ada }
    }

    pub fn ticket_of(&self, arguments: &Value) -> Ticket {
        let mut arguments = arguments.clone();
        // Without anything it is a page that is asked for.
        if arguments.as_object().unwrap().is_empty() {
            arguments["file_name"] = json!("file");
        }
        let made = self.ada.call("request_file_upload_url", &arguments)["structuredContent"].clone();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Ticket { id: text("file_id"), url: text("upload_url") }
    }

    /// For anything.
    pub fn ticket(&self) -> Ticket {
        self.ticket_of(&json!({ "file_name": "a.png" }))
    }

    pub fn put(&self, ticket: &Ticket, bytes: &[u8]) -> Answer {
        self.memory.answer(put(ticket, bytes))
    }

    pub fn get(&self, ticket: &Ticket) -> Answer {
        self.memory.answer(Ask::get(&ticket.url))
    }

    pub fn status(&self, id: &str) -> Value {
        let asked = json!({ "upload_id": id, "wait_seconds": 0 });
        self.ada.call("get_upload_status", &asked)["structuredContent"].clone()
    }

    pub fn listed(&self) -> Vec<Value> {
        let found = self.ada.call("list_media", &json!({}));
        found["structuredContent"]["items"].as_array().unwrap().clone()
    }

    /// Objects of workspaces, without stills.
    pub fn stored(&self) -> Vec<String> {
        let files = self.memory.files().into_iter();
        files.filter(|key| key.starts_with("w/") && !key.ends_with(".poster.jpg")).collect()
    }

    pub fn workspace(&self) -> Rc<Object> {
        self.memory.object::<Workspace>(&self.ada.workspace_id)
    }

    pub fn number(&self, statement: &str) -> i64 {
        self.workspace().read(statement, &[])[0].integer(0).unwrap()
    }

    /// Uploads that the workspace holds space back for.
    pub fn open_rows(&self) -> i64 {
        self.number(&format!("SELECT count(*) FROM uploads WHERE until > {}", self.memory.now().0))
    }

    /// Exactly this asset with these bytes, and nothing else anywhere.
    pub fn has_only(&self, id: &str, bytes: &[u8], when: &str) {
        let listed = self.listed();
        assert_eq!(listed.len(), 1, "{when}: {listed:?}");
        assert_eq!(listed[0]["asset_id"], id, "{when}");
        assert_eq!(listed[0]["bytes"], bytes.len(), "{when}");
        let stored = self.stored();
        assert_eq!(stored.len(), 1, "{when}: {stored:?}");
        self.memory.state(|state| assert!(state.files[&stored[0]].bytes == bytes, "{when}: other bytes"));
        let url = listed[0]["file_url"].as_str().unwrap();
        assert!(self.memory.answer(Ask::get(url)).body == bytes, "{when}: the link shows other bytes");
        self.is_tidy(when);
    }

    /// Nothing came of it: no object, no asset, and after a day no upload.
    pub fn has_nothing(&self, id: &str, when: &str) {
        assert_eq!(self.memory.files(), Vec::<String>::new(), "{when}");
        assert_eq!(self.number("SELECT count(*) FROM assets"), 0, "{when}");
        self.memory.elapse(QUARTER_HOUR + 1);
        assert_eq!(self.open_rows(), 0, "{when}");
        self.is_forgotten(id, when);
    }

    pub fn is_forgotten(&self, id: &str, when: &str) {
        self.memory.elapse(3 * DAY);
        assert!(self.memory.object::<Upload>(id).is_empty(), "{when}: the upload stays");
        assert!(self.memory.state(|state| state.uploads.is_empty()), "{when}: parts stay");
        self.is_tidy(when);
    }

    /// Index, counts and objects agree.
    pub fn is_tidy(&self, when: &str) {
        let rows = self.workspace().read(
            "SELECT asset_id, extension, size_bytes, has_poster, sha256 FROM assets ORDER BY asset_id",
            &[],
        );
        let (mut named, mut sum) = (Vec::new(), 0);
        for row in &rows {
            let id = format!("w/{}/{}", self.ada.workspace_id, row.text(0).unwrap());
            let key = format!("{id}.{}", row.text(1).unwrap());
            let (size, digest) = self.memory.state(|state| {
                let file = state.files.get(&key).unwrap_or_else(|| panic!("{when}: {key} is not stored"));
                (file.bytes.len(), sha256(&file.bytes))
            });
            assert_eq!(row.integer(2).unwrap(), i64::try_from(size).unwrap(), "{when}");
            assert!(
                row.optional_text(4).unwrap().is_none_or(|known| known == digest),
                "{when}: another checksum"
            );
            sum += row.integer(2).unwrap();
            named.push(key);
            if row.integer(3).unwrap() != 0 {
                named.push(format!("{id}.poster.jpg"));
            }
        }
        assert_eq!(self.number("SELECT stored_bytes FROM workspace"), sum, "{when}");
        let strays: Vec<_> = self.memory.files().into_iter().filter(|key| !named.contains(key)).collect();
        assert!(strays.is_empty(), "{when}: nothing names {strays:?}");
        let files = self.memory.files();
        let lost: Vec<_> = named.iter().filter(|key| !files.contains(key)).collect();
        assert!(lost.is_empty(), "{when}: not there {lost:?}");
    }

    /// An upload in parts that are smaller than a tool would make them.
    pub fn small_parts(&self, bytes: &[u8], part_bytes: u64) -> Ticket {
        let now = self.memory.now();
        let (person, id) = (PersonId::of("ada"), AssetId::mint(now, &self.memory.random()));
        let intent = Intent {
            asset_id: id.clone(),
            workspace_id: WorkspaceId::parse(&self.ada.workspace_id).unwrap(),
            actor: Actor::person(&person, None, "r"),
            person,
            credential: None,
            door: Door::Put { part_bytes: Some(part_bytes) },
            name: Some("a.png".into()),
            declared: Some(MediaType::Png),
            size_bytes: Some(bytes.len() as u64),
            sha256: None,
            alt: String::new(),
            max_bytes: u64::MAX,
            created_at: now,
            expires_at: now.plus_seconds(QUARTER_HOUR),
        };
        let command = Command::Open(Box::new(intent));
        self.memory.run(self.memory.ask::<Upload>(id.as_str(), command)).unwrap();
        let url = format!("https://gateway.example/api/v1/media/uploads/{}", token::make(&self.memory, &id));
        Ticket { id: id.to_string(), url }
    }
}

pub fn put(ticket: &Ticket, bytes: &[u8]) -> Ask {
    Ask::put(&ticket.url, Stream::of(bytes.to_vec()))
}

pub fn put_part(ticket: &Ticket, number: u32, bytes: &[u8]) -> Ask {
    Ask::put(&format!("{}/parts/{number}", ticket.url), Stream::of(bytes.to_vec()))
}

pub fn complete(ticket: &Ticket, body: impl ToString) -> Ask {
    Ask::post(&format!("{}/complete", ticket.url), body)
}

/// Status, code and next step of a refusal.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["next"].as_str().unwrap().ends_with('.'), "{error}");
    error
}

#[track_caller]
pub fn stored(answer: &Answer, id: &str) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!((&body["ok"], &body["asset"]["asset_id"]), (&json!(true), &json!(id)), "{body}");
    body
}
