//! fal's queue and Replicate's predictions in memory, at their real addresses: they make jobs, count them, charge for them and
//! fail as the words in a prompt or the dice say.
//! Not for: what only their real clients can show (`tests/edge/upstream`).

use super::signed::{WHSEC, public_keys};
use crate::support::Memory;
use crate::support::dice::Dice;
use crate::support::storage::pack;
use atelier::http::{Headers, percent_decode};
use atelier::outbound::{FetchFault, Inbound, Outbound};
use atelier::platform::Platform;
use atelier::time::Timestamp;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub const FAL: &str = "https://queue.fal.run";
pub const REPLICATE: &str = "https://api.replicate.com";
pub const FAL_USER: &str = "user-1";
const FILES: &str = "https://v3.fal.media";
const DELIVERY: &str = "https://replicate.delivery";
const PLATFORM: &str = "https://api.fal.ai";
const KEYS: &str = "https://rest.fal.ai";
const ORIGINS: &[&str] = &[FAL, REPLICATE, FILES, DELIVERY, PLATFORM, KEYS];

type Outcome = Result<Inbound, FetchFault>;

/// What exists there, and costs money.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: String,
    pub is_replicate: bool,
    pub input: Value,
    pub webhook: Option<String>,
    pub key: String,
    pub at: Timestamp,
    ends_at: Timestamp,
    pub cancelled: bool,
}

impl Job {
    fn prompt(&self) -> &str {
        self.input["prompt"].as_str().unwrap()
    }

    /// The value of a word in its prompt.
    fn word(&self, name: &str) -> Option<&str> {
        word(self.prompt(), name)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.word(name)?.parse().ok()
    }

    pub fn asked(&self) -> u64 {
        self.input["num_images"].as_u64().or(self.input["num_outputs"].as_u64()).unwrap_or(1)
    }

    fn outputs(&self) -> u64 {
        self.asked() - self.number("fewer").unwrap_or(0).min(self.asked())
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        self.cancelled || now >= self.ends_at
    }
}

fn word<'a>(prompt: &'a str, name: &str) -> Option<&'a str> {
    prompt.split(' ').filter_map(|word| word.strip_prefix("up:")).find_map(|word| {
        let (key, value) = word.split_once('=').unwrap_or((word, "1"));
        (key == name).then_some(value)
    })
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub operation: &'static str,
    pub key: Option<String>,
}

#[derive(Default)]
pub struct Upstream {
    pub jobs: Vec<Job>,
    pub seen: Vec<Seen>,
    /// How often a word that counts has been obeyed.
    obeyed: BTreeMap<String, u64>,
    /// Chance that a request is answered wrongly, in percent.
    pub chaos: u64,
    /// Whether the list of requests can be had.
    pub lists: bool,
    dice: Option<Dice>,
}

#[derive(Clone)]
pub struct Fake {
    pub memory: Memory,
    state: Rc<RefCell<Upstream>>,
}

impl Fake {
    pub fn serve(memory: &Memory, seed: u64) -> Self {
        let state = Upstream { dice: Some(Dice::new(seed)), lists: true, ..Upstream::default() };
        let fake = Self { memory: memory.clone(), state: Rc::new(RefCell::new(state)) };
        for origin in ORIGINS {
            let own = fake.clone();
            memory.serve_url(origin, move |request| own.answer(request));
        }
        fake
    }

    /// Takes it off the internet, which holds on to it.
    pub fn close(&self) {
        for origin in ORIGINS {
            self.memory.serve_url(origin, |_| cut());
        }
    }

    pub fn look<T>(&self, look: impl FnOnce(&mut Upstream) -> T) -> T {
        look(&mut self.state.borrow_mut())
    }

    pub fn jobs(&self) -> Vec<Job> {
        self.look(|state| state.jobs.clone())
    }

    pub fn count(&self, operation: &str) -> usize {
        self.look(|state| state.seen.iter().filter(|seen| seen.operation == operation).count())
    }

    fn answer(&self, request: &Outbound) -> Outcome {
        let header =
            |name: &str| request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let url = request.url.as_str();
        let end = url.match_indices('/').nth(2).map_or(url.len(), |(end, _)| end);
        let (origin, target) = url.split_at(end);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let key = header("authorization");
        let note = |operation| self.note(operation, key.clone());
        match (origin, request.method, parts.as_slice()) {
            (KEYS, ..) => json_of(200, &public_keys()),
            (PLATFORM, _, ["v1", "models", "requests", ..]) => {
                note("list");
                self.fal_list()
            }
            (PLATFORM, ..) => text(503, "{}"),
            (FILES | DELIVERY, "GET", [_, id, index]) => {
                note("file");
                assert_eq!(key, None, "a file is fetched without the key");
                self.file(id, index)
            }
            (FAL, "POST", _) => {
                note("submit");
                let webhook = query.strip_prefix("fal_webhook=").map(percent_decode);
                let input = body(request);
                let key = key.unwrap();
                self.submit(false, input, webhook, key)
            }
            (FAL, method, [.., "requests", id]) => self.of_job(method, id, "result", note),
            (FAL, method, [.., "requests", id, "status"]) => self.of_job(method, id, "status", note),
            (FAL, method, [.., "requests", id, "cancel"]) => self.of_job(method, id, "cancel", note),
            (REPLICATE, _, ["v1", "webhooks", ..]) => json_of(200, &json!({ "key": WHSEC })),
            (REPLICATE, "POST", ["v1", "models", _, _, "predictions"]) => {
                note("submit");
                let body = body(request);
                let webhook = body["webhook"].as_str().map(str::to_owned);
                let key = key.unwrap();
                self.submit(true, body["input"].clone(), webhook, key)
            }
            (REPLICATE, "GET", ["v1", "predictions"]) => {
                note("list");
                self.replicate_list()
            }
            (REPLICATE, method, ["v1", "predictions", id]) => self.of_job(method, id, "status", note),
            (REPLICATE, method, ["v1", "predictions", id, "cancel"]) => {
                self.of_job(method, id, "cancel", note)
            }
            (_, method, _) => panic!("{method} {url} is nothing that they have"),
        }
    }

    fn note(&self, operation: &'static str, key: Option<String>) {
        self.look(|state| state.seen.push(Seen { operation, key }));
    }

    /// Whether a word that counts down is still to be obeyed.
    fn obeys(&self, prompt: &str, name: &str) -> bool {
        let most = word(prompt, name).and_then(|text| text.parse().ok()).unwrap_or(0);
        self.look(|state| {
            let obeyed = state.obeyed.entry(format!("{name} {prompt}")).or_default();
            *obeyed += 1;
            *obeyed <= most
        })
    }

    /// One of so many things that go wrong, by chance.
    fn mishap(&self, of: u64) -> Option<u64> {
        self.look(|state| {
            let dice = state.dice.as_mut().unwrap();
            dice.percent(state.chaos).then(|| dice.below(of))
        })
    }

    fn submit(&self, is_replicate: bool, input: Value, webhook: Option<String>, key: String) -> Outcome {
        let prompt = input["prompt"].as_str().unwrap().to_owned();
        let has =
            |name: &str| word(&prompt, name).is_some() && (!is_replicate || word(&prompt, "both").is_some());
        let mishap = self.mishap(7);
        for (name, status, body) in REFUSALS {
            if has(name) && self.obeys(&prompt, name) {
                return text(*status, body);
            }
        }
        match mishap {
            Some(0) => return text(429, "{}"),
            Some(1) => return text(503, "{}"),
            Some(2) => return cut(),
            _ if has("unsent") => return cut(),
            _ => {}
        }
        let id =
            format!("job-{}{}", self.look(|state| state.jobs.len()), if is_replicate { "r" } else { "f" });
        let at = self.memory.now();
        let mut job =
            Job { id: id.clone(), is_replicate, input, webhook, key, at, ends_at: at, cancelled: false };
        let seconds = job.number("slow").unwrap_or(3);
        job.ends_at =
            at.plus_seconds(if job.word("never").is_some() { i64::MAX / 10_000 } else { seconds as i64 });
        let answer = if is_replicate { self.prediction(&job) } else { fal_submitted(&job) };
        self.look(|state| state.jobs.push(job));
        match mishap {
            Some(3) => cut(),
            Some(4) => text(500, "{}"),
            Some(5) => text(200, "<html>"),
            Some(_) => text(200, "{\"request_id"),
            None if has("lost") => cut(),
            None if has("500-created") => text(500, "{}"),
            None if has("garbage") => text(200, "{\"request_id"),
            None => json_of(if is_replicate { 201 } else { 200 }, &answer),
        }
    }

    fn of_job(
        &self,
        method: &str,
        id: &str,
        operation: &'static str,
        note: impl Fn(&'static str),
    ) -> Outcome {
        note(operation);
        let Some(job) = self.jobs().into_iter().find(|job| job.id == id) else {
            return text(404, r#"{"detail":"not found"}"#);
        };
        let is_cancel = operation == "cancel";
        assert_eq!(
            method,
            if !is_cancel {
                "GET"
            } else if job.is_replicate {
                "POST"
            } else {
                "PUT"
            }
        );
        let own = self.look(|state| state.seen.last().unwrap().key.clone());
        if own.as_deref() != Some(&job.key) && job.word("one-account").is_none() {
            return text(404, r#"{"detail":"not found"}"#);
        }
        match self.mishap(5) {
            Some(0) => return cut(),
            Some(1) => return text(500, "{}"),
            Some(2) => return text(429, "{}"),
            Some(3) if !is_cancel => return text(200, "{\"sta"),
            _ => {}
        }
        let obeys = |name: &str| self.obeys(job.prompt(), name);
        match operation {
            "cancel" if obeys("cancel-500") => text(500, "{}"),
            "cancel" => self.cancel(&job),
            _ if obeys("status-500") => text(500, "{}"),
            _ if obeys("status-garbage") => text(200, "no JSON"),
            _ if job.is_replicate => json_of(200, &self.prediction(&job)),
            "status" => {
                let is_over = job.is_over(self.memory.now());
                let word = if is_over { "COMPLETED" } else { "IN_PROGRESS" };
                let word = if obeys("unknown-status") { "PONDERING" } else { word };
                json_of(200, &json!({ "status": word }))
            }
            _ => self.fal_result(&job),
        }
    }

    fn cancel(&self, job: &Job) -> Outcome {
        if job.is_over(self.memory.now()) {
            return json_of(400, &json!({ "status": "ALREADY_COMPLETED" }));
        }
        if job.word("cancel-ignored").is_none() {
            self.look(|state| {
                let place = state.jobs.iter().position(|other| other.id == job.id).unwrap();
                state.jobs[place].cancelled = true;
            });
        }
        json_of(202, &json!({ "status": "CANCELLATION_REQUESTED" }))
    }

    fn fal_result(&self, job: &Job) -> Outcome {
        if !job.is_over(self.memory.now()) {
            return json_of(400, &json!({ "detail": "Request is still in progress" }));
        }
        if job.cancelled {
            return json_of(499, &json!({ "detail": "cancelled", "error_type": "client_cancelled" }));
        }
        for (name, status, kind) in FAILURES {
            if job.word(name).is_some() {
                let detail = json!([{ "type": kind, "msg": "It cannot be.", "loc": ["body", "prompt"], "input": job.prompt() }]);
                return json_of(*status, &json!({ "detail": detail }));
            }
        }
        let images: Vec<_> = (0..job.outputs())
            .map(|index| json!({ "url": format!("{FILES}/files/{}/{index}.png", job.id), "content_type": "image/png" }))
            .collect();
        let flagged = job.number("nsfw").unwrap_or(0);
        let flags: Vec<_> = (0..job.outputs()).map(|index| index < flagged).collect();
        let body = json!({ "images": images, "has_nsfw_concepts": flags });
        let mut lines = "content-type: application/json".to_owned();
        if let Some(units) = job.word("units") {
            lines += &format!("\nx-fal-billable-units: {units}");
        }
        Ok(Inbound { status: 200, headers: Headers::from_lines(lines), body: body.to_string() })
    }

    fn prediction(&self, job: &Job) -> Value {
        let is_over = job.is_over(self.memory.now());
        let status = match () {
            () if job.cancelled => "canceled",
            () if !is_over => "processing",
            () if job.word("fail").is_some() || job.word("moderated").is_some() => "failed",
            () => "succeeded",
        };
        let files: Vec<_> =
            (0..job.outputs()).map(|index| format!("{DELIVERY}/files/{}/{index}.png", job.id)).collect();
        let mut prediction = json!({ "id": job.id, "status": status, "input": job.input, "logs": "", "created_at": job.at.iso() });
        if let Some(webhook) = &job.webhook {
            prediction["webhook"] = webhook.as_str().into();
        }
        match status {
            "succeeded" => prediction["output"] = json!(files),
            "failed" if job.word("moderated").is_some() => {
                prediction["error"] = "NSFW content detected".into()
            }
            "failed" => prediction["error"] = "It broke.".into(),
            _ => {}
        }
        prediction
    }

    /// fal lists what is over.
    fn fal_list(&self) -> Outcome {
        let now = self.memory.now();
        if !self.look(|state| state.lists) {
            return text(503, "{}");
        }
        let jobs = self.jobs().into_iter().filter(|job| !job.is_replicate && job.is_over(now));
        let items: Vec<_> = jobs
            .map(|job| json!({ "request_id": job.id, "sent_at": job.at.iso(), "json_input": job.input }))
            .collect();
        json_of(200, &json!({ "items": items }))
    }

    fn replicate_list(&self) -> Outcome {
        if !self.look(|state| state.lists) {
            return text(503, "{}");
        }
        let jobs = self.jobs().into_iter().filter(|job| job.is_replicate);
        let results: Vec<_> = jobs.map(|job| self.prediction(&job)).collect();
        json_of(200, &json!({ "results": results, "next": null }))
    }

    fn file(&self, id: &str, index: &str) -> Outcome {
        let job = self.jobs().into_iter().find(|job| job.id == id).expect("a file of a job");
        let index: u64 = index.trim_end_matches(".png").trim_start_matches('_').parse().unwrap();
        match self.mishap(3) {
            Some(0) => return cut(),
            Some(1) => return text(502, ""),
            _ => {}
        }
        let is_hit = |name: &str| job.number(name).is_some_and(|count| index < count);
        let lines = |more: &str| Headers::from_lines(format!("content-type: image/png{more}"));
        let redirect = |to: String| {
            Ok(Inbound { status: 302, headers: lines(&format!("\nlocation: {to}")), body: String::new() })
        };
        match () {
            () if is_hit("expired") => text(404, "gone"),
            () if is_hit("broken") => text(500, ""),
            () if self.obeys(job.prompt(), "file-500") => text(500, ""),
            () if is_hit("redirect-private") => redirect("http://10.0.0.1/x".into()),
            () if is_hit("redirect-loop") => redirect(format!("{FILES}/files/{id}/{index}.png")),
            () if is_hit("wrong-type") => text(200, "<html>No picture</html>"),
            () => {
                let shade = if is_hit("black") { 0 } else { 40 + 10 * u8::try_from(index).unwrap() };
                let bytes = png(shade, self.jobs().len() as u8);
                let is_cut = self.obeys(job.prompt(), "file-cut");
                let more = if is_cut { "\nx-cut-after: 20" } else { "" };
                Ok(Inbound { status: 200, headers: lines(more), body: pack(&bytes) })
            }
        }
    }
}

/// Words of prompts that are refused at once, and no job made.
const REFUSALS: &[(&str, u16, &str)] = &[
    ("429", 429, "{}"),
    ("auth", 401, r#"{"detail":"Invalid API key"}"#),
    ("quota", 402, r#"{"detail":"No credit"}"#),
    ("gone", 404, r#"{"detail":"No such model"}"#),
    ("invalid", 422, r#"{"detail":[{"type":"value_error","msg":"too large","loc":["body","num_images"]}]}"#),
    (
        "moderated-at-once",
        422,
        r#"{"detail":[{"type":"content_policy_violation","msg":"no","loc":["body","prompt"]}]}"#,
    ),
];

/// Words of prompts whose jobs fail.
const FAILURES: &[(&str, u16, &str)] = &[
    ("fail", 500, "internal_error"),
    ("moderated", 422, "content_policy_violation"),
    ("result-422", 422, "value_error"),
];

fn fal_submitted(job: &Job) -> Value {
    let base = format!("{FAL}/fal-ai/flux/requests/{}", job.id);
    json!({ "request_id": job.id, "response_url": base, "status_url": format!("{base}/status"), "cancel_url": format!("{base}/cancel") })
}

fn body(request: &Outbound) -> Value {
    serde_json::from_str(request.body.as_ref().unwrap().as_text().unwrap()).unwrap()
}

fn png(shade: u8, other: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let blue = if shade == 0 { 0 } else { other };
    RgbImage::from_pixel(16, 16, Rgb([shade, shade, blue])).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn cut() -> Outcome {
    Err(FetchFault::Unreachable("the connection was cut".into()))
}

fn text(status: u16, body: &str) -> Outcome {
    Ok(Inbound { status, headers: Headers::default(), body: body.to_owned() })
}

fn json_of(status: u16, body: &Value) -> Outcome {
    text(status, &body.to_string())
}
