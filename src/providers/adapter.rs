//! What a provider out there is to the gateway: pure functions from values to values. An adapter says which request to make
//! and what an answer means; `upstream` makes the requests, `runs` keeps what came of them.
//! Not for: I/O, retries, keys' values, storage, money.

use super::Operation;
use crate::http::Headers;
use crate::id::AssetId;
use crate::media::sniff::MediaType;
use crate::models::{Generation, Model};
use crate::outbound::Payload;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A struct of functions and facts: there is no state, and the interface shows whole.
pub struct Adapter {
    /// Where its API lives, without a slash at its end; the operator can set another.
    pub home: &'static str,
    /// Other hosts of the provider that may get the key: `api.example.com`.
    pub key_hosts: &'static [&'static str],
    /// Where its output files lie: a host, or with a leading dot everything under it. Files of `home` are always its own.
    pub file_hosts: &'static [&'static str],
    /// The header that carries the key.
    pub authorize: fn(key: &str) -> (&'static str, String),
    /// Whether it can be used without a key.
    pub needs_key: bool,
    /// In which form it wants the files of a request.
    pub files: FileForm,
    /// The request that begins the work, or why it cannot be asked for so.
    pub plan: fn(&Order<'_>) -> Result<Call, Failure>,
    pub read_submit: fn(&Order<'_>, &Answer) -> Submitted,
    /// How to ask how far it is. Not asked where the submit's own answer is the result.
    pub poll: fn(&Site<'_>, &Operation) -> Call,
    pub read_status: fn(&Model, &Operation, &Answer) -> Progress,
    /// Asks it to stop; what becomes of the job is told by polling. None: it cannot be stopped.
    pub cancel: Option<fn(&Site<'_>, &Operation) -> Call>,
    /// Looks for a job whose submit was never answered. None: the provider has no list of them.
    pub find: Option<Find>,
    /// None: it calls nobody back.
    pub callback: Option<Callback>,
    /// The cheapest request that proves key and address, and what its answer means.
    pub check: Check,
    /// How long outputs can be fetched, in seconds from when they were ready.
    pub keeps_outputs_seconds: i64,
    /// Jobs at once, unless the operator says otherwise.
    pub concurrency: u32,
    /// First wait before asking how far it is, in milliseconds; waits grow from there.
    pub first_poll_millis: i64,
    /// An output that is entirely black is how its safety filter says no.
    pub blacks_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// Addresses it fetches from; data URIs where the gateway cannot be reached from outside.
    Url,
    /// Bytes in the request itself.
    Bytes,
}

/// Where a provider is reached in this deployment.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// What the operator set instead of the adapter's `home`, without a slash at its end.
    pub address: Option<&'a str>,
}

impl<'a> Site<'a> {
    /// `usual`: one of the provider's own addresses. One that the operator set stands for all of them.
    pub fn at(&self, usual: &'a str) -> &'a str {
        self.address.unwrap_or(usual)
    }
}

/// Everything a request is made from.
pub struct Order<'a> {
    pub site: Site<'a>,
    pub model: &'a Model,
    /// Of at most [`Model::per_call`] outputs.
    pub generation: &'a Generation,
    pub files: &'a [File],
    /// Where the provider may say that it is done; names the run and is signed. None: it could not reach us.
    pub callback: Option<&'a str>,
    /// The work is worth nothing after that; for providers that can stop by themselves.
    pub deadline_seconds: i64,
    /// Stands for the person, and tells nobody who that is: for providers that want to tell users apart.
    pub person: &'a str,
}

/// A guidance file or mask.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub asset_id: AssetId,
    pub media: MediaType,
    /// Where the provider can fetch it, or a data URI. Empty with [`FileForm::Bytes`].
    pub url: String,
    /// With [`FileForm::Bytes`].
    pub bytes: Vec<u8>,
}

impl Order<'_> {
    pub fn file(&self, asset_id: &AssetId) -> Option<&File> {
        self.files.iter().find(|file| file.asset_id == *asset_id)
    }

    /// The model's input as its codec writes it.
    pub fn input(&self) -> serde_json::Map<String, Value> {
        self.model.codec.encode(self.generation, &|id| self.file(id).map(|file| file.url.clone()))
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub method: &'static str,
    /// Absolute. `ai:MODEL` asks the platform's own inference binding.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Payload>,
    /// How long until the answer has begun.
    pub millis: u32,
    pub takes: Takes,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// As text, at most so many bytes.
    Text(usize),
    /// A successful one is an output file, stored as it comes; or, where it is JSON, has one in base64 in the first string
    /// with one of these names. Anything else is text.
    File(&'static [&'static str]),
}

/// Job descriptions and errors are a few KiB; logs can be long.
pub const TEXT_BYTES: usize = 1024 * 1024;
/// A provider that has not begun to answer by then is as good as down.
pub const CALL_MILLIS: u32 = 30_000;

impl Call {
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url.into(), None)
    }

    pub fn post(url: impl Into<String>, body: &Value) -> Self {
        Self::new("POST", url.into(), Some(Payload::Text(body.to_string())))
            .with("content-type", "application/json")
    }

    pub fn new(method: &'static str, url: String, body: Option<Payload>) -> Self {
        Self { method, url, headers: Vec::new(), body, millis: CALL_MILLIS, takes: Takes::Text(TEXT_BYTES) }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came back, of any status.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    /// Text; of JSON that had a file in it, what was around the file.
    pub body: String,
    /// The file that a [`Takes::File`] brought.
    pub stored: Option<Stored>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// None: it is not JSON, or was cut off.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// A file that lies in our storage already, under a key of the run's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub key: String,
    pub media: MediaType,
    pub size_bytes: u64,
}

/// What the answer to a submit means.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    Accepted(Operation),
    /// There is nothing to wait for: this was the work.
    Finished(Finished),
    /// No job exists and nothing is charged.
    Rejected(Failure),
    /// There may be a job. The text is for the log.
    Unknown(String),
}

/// What an answer to a poll means.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// 0 to 1 where it is known.
    Working {
        fraction: Option<f64>,
    },
    /// Ask at once, with this operation from now on.
    Next(Operation),
    Finished(Finished),
    Failed(Failure),
    /// Not understood, or the provider has trouble of its own: ask again. The text is for the log.
    Unclear(String),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    pub outputs: Vec<Made>,
    /// Outputs that a safety filter took away.
    pub withheld: u32,
    /// None: it was not said; the list price of what came is taken.
    pub charge: Option<Charge>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Made {
    Url(String),
    Stored(Stored),
}

/// What the provider says it takes for the whole call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Charge {
    /// Millionths of a US dollar.
    Micros(u64),
    /// In what the model is priced by (outputs, seconds, megapixels, …).
    Billed(f64),
}

/// A provider's no.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub class: Class,
    /// What the provider says, one sentence, without the prompt.
    pub message: String,
    /// From now, in milliseconds.
    pub retry_after_millis: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    InvalidInput,
    Moderated,
    /// The key is wrong or may not do this.
    Auth,
    /// No credit is left.
    Quota,
    RateLimited,
    Unavailable,
    Timeout,
    /// The model or job does not exist.
    NotFound,
    /// The outputs are gone.
    Expired,
    /// It failed for a reason of its own.
    Internal,
    Cancelled,
}

impl Failure {
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after_millis: None }
    }
}

/// A submit that was never answered, for [`Find`].
pub struct Lost<'a> {
    pub model: &'a Model,
    /// The callback that the submit named: no other job has it.
    pub callback: Option<&'a str>,
    /// What was asked for, for providers that list their jobs by it.
    pub generation: &'a Generation,
    pub sent_at: Timestamp,
}

pub struct Find {
    pub plan: fn(&Site<'_>, &Lost<'_>) -> Call,
    pub read: fn(&Site<'_>, &Lost<'_>, &Answer) -> Found,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Job(Operation),
    /// The list is complete for that time, and it is not there: no job was made.
    Absent,
    /// Not there now, which proves nothing.
    NotYet,
}

/// A callback as it arrived.
pub struct Heard<'a> {
    pub headers: &'a Headers,
    /// Exactly as it was sent.
    pub body: &'a str,
    pub now: Timestamp,
    /// The account that jobs of ours run under, where the operator has told it.
    pub account: Option<&'a str>,
}

pub struct Callback {
    /// Where the keys are that callbacks are checked with: public ones, or a secret that our own key may read.
    pub keys: fn(&Site<'_>) -> Call,
    /// Whether the answer of `keys` may be kept where others could read it.
    pub keys_are_public: bool,
    /// `keys`: the answer's body, or the secret as the operator set it.
    pub verify: fn(&Heard<'_>, keys: &str) -> Result<Called, Distrust>,
    /// Completes an operation that a callback has named, for a submit that was never answered: a callback does not say of which
    /// model it is, and the address to ask may depend on it. One that is complete stays as it is.
    pub adopt: fn(&Model, &Operation) -> Operation,
}

/// A callback that really is the provider's. Still only a hint: whose job it is and what became of it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// The same for every repetition.
    pub event: String,
    /// What to ask for, should the submit never have been answered.
    pub operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// A header is missing or malformed, or the body says nothing.
    Malformed,
    /// Too long ago or in the future.
    Stale,
    /// No key made this signature; newer keys might have.
    Unsigned,
    /// Signed for another account.
    Foreign,
}

pub struct Check {
    pub plan: fn(&Site<'_>) -> Call,
    /// What the operator is told: an account's name or balance where there is one.
    pub read: fn(&Answer) -> Result<String, Failure>,
}
