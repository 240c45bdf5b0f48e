//! Everything the gateway may ask of the world: time, randomness, key-value, object storage, Durable
//! Objects, other servers, rate limits, a log. `edge` implements it on Workers bindings, the tests in memory.
//! Not for: decisions. Whatever can be decided without the world is decided above this line.

use crate::config::Config;
use crate::http::Headers;
use crate::outbound::{FetchFault, Inbound, Outbound};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use futures::stream::LocalBoxStream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The platform could not do it now. The text is for the log, never for the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warn,
    Error,
}

/// Inclusive byte range of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: u64,
}

/// What object storage knows of a stored object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    pub size_bytes: u64,
    /// Quoted, as it goes into an `ETag` header.
    pub etag: String,
    pub content_type: String,
    /// `Content-Disposition` as it was stored.
    pub disposition: Option<String>,
}

/// An object that is about to be stored from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    pub key: String,
    pub content_type: String,
    /// `Content-Disposition`, served with the object.
    pub disposition: Option<String>,
    /// Of exactly so many bytes; None: as many as come, at most `max_bytes`.
    pub length: Option<u64>,
    pub max_bytes: u64,
    /// Lower-case hexadecimal; object storage refuses other bytes.
    pub sha256: Option<String>,
    /// From now until the last byte is stored.
    pub millis: u32,
}

/// Why a stream did not become an object. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutFault {
    /// An object has this key already.
    Exists,
    ChecksumMismatch,
    TooLarge,
    TimedOut,
    /// The sender went away, or sent less than it said. The text is for the log.
    Cut(String),
    /// Object storage said no. The text is for the log.
    Unavailable(String),
}

impl From<Unavailable> for PutFault {
    fn from(reason: Unavailable) -> Self {
        PutFault::Unavailable(reason.0)
    }
}

/// A part of an object that is being put together, as object storage acknowledged it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u32,
    pub etag: String,
}

/// An answer of another server whose body has not been read.
pub struct Opened<S> {
    pub status: u16,
    pub headers: Headers,
    /// Of the body as it will be read; None: not known before.
    pub length: Option<u64>,
    /// Of a successful answer (200 to 299); what comes with any other is in `text`.
    pub body: Option<S>,
    /// The beginning of what came with a refusal, at most as much as the request allows.
    pub text: String,
}

impl<S> Opened<S> {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// A page of what object storage holds, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub objects: Vec<Listed>,
    /// The next page begins after the last one of these.
    pub has_more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    pub size_bytes: u64,
    pub stored_at: Timestamp,
}

/// What is bounded for each caller. All but the last may be asked for without a token; hosted clients such as
/// claude.ai come from few shared addresses and register again on every connect, so those bounds stop abuse only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    Register,
    Authorize,
    Token,
    SignIn,
    /// Full quarters of the requests one token may make in a minute (`oauth::rate`).
    Requests,
}

impl Budget {
    pub const ALL: [Self; 5] = [Self::Register, Self::Authorize, Self::Token, Self::SignIn, Self::Requests];
    /// The window that is counted in; the platform takes 10 or 60.
    pub const PERIOD_SECONDS: u32 = 60;

    /// The binding in `wrangler.toml`.
    pub fn binding(self) -> &'static str {
        match self {
            Self::Register => "REGISTER_BUDGET",
            Self::Authorize => "AUTHORIZE_BUDGET",
            Self::Token => "TOKEN_BUDGET",
            Self::SignIn => "SIGN_IN_BUDGET",
            Self::Requests => "REQUEST_BUDGET",
        }
    }

    /// Requests in one window with one key; `wrangler.toml` has the same numbers.
    pub fn per_minute(self) -> u32 {
        match self {
            // Five connects a second through one shared address; each registration is kept for some time.
            Self::Register => 300,
            // A connect opens the page and comes back to it after the sign-in.
            Self::Authorize => 1200,
            // A connect takes one, and every client that stays one more an hour: 300,000 people behind one address.
            // Guessing a token is hopeless at any rate; this bounds what a broken client can cost.
            Self::Token => 6000,
            // Two for each sign-in; the provider behind it counts attempts at passwords.
            Self::SignIn => 120,
            // The four quarters of a limit, whatever the operator has set it to.
            Self::Requests => 4,
        }
    }
}

pub trait Platform: Clone + 'static {
    /// The platform's own byte stream, passed through without being read.
    type Stream: 'static;

    fn config(&self) -> &Config;
    fn now(&self) -> Timestamp;
    fn random<const N: usize>(&self) -> [u8; N];
    async fn sleep(&self, millis: u32);
    fn log(&self, level: Level, event: &str, fields: serde_json::Value);

    /// Key-value storage: may be up to a minute stale, so never for what must happen once.
    async fn recall(&self, key: &str) -> Result<Option<String>, Unavailable>;
    /// `ttl_seconds` is at least 60, the shortest the platform takes.
    async fn remember(&self, key: &str, value: &str, ttl_seconds: u32) -> Result<(), Unavailable>;

    async fn head_object(&self, key: &str) -> Result<Option<ObjectHead>, Unavailable>;
    async fn stream_object(
        &self,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<Option<Self::Stream>, Unavailable>;
    /// The whole object in memory; the caller has bounded its size by [`Platform::head_object`] or by having written it.
    async fn read_object(&self, key: &str) -> Result<Option<Vec<u8>>, Unavailable>;
    async fn put_object(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Unavailable>;
    /// Like `put_object`, with everything that is said of it; replaces what is there.
    async fn put_bytes(&self, object: &NewObject, bytes: Vec<u8>) -> Result<(), Unavailable>;
    /// The bytes of this range; the caller has bounded it. Fewer where the object ends before.
    async fn read_range(&self, key: &str, range: ByteRange) -> Result<Option<Vec<u8>>, Unavailable>;
    /// Those that do not exist are no fault.
    async fn delete_objects(&self, keys: &[String]) -> Result<(), Unavailable>;
    /// At most `limit` (up to 1000) whose key begins with `prefix`, in the order of their keys, from the one after `after`:
    /// a key, which unlike the platform's own cursor can be compared, and be kept for as long as one likes.
    async fn list_objects(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Listing, Unavailable>;

    /// The first `bytes` of a stream (fewer only where it ends before), and the stream from its beginning.
    async fn peek(
        &self,
        stream: Self::Stream,
        length: Option<u64>,
        bytes: usize,
    ) -> Result<(Vec<u8>, Self::Stream), PutFault>;
    /// Reads on and forgets what comes, within bounds: a sender that is cut off while it sends may never read the answer.
    async fn discard(&self, stream: Self::Stream);
    /// Stores a stream under a key that has no object yet: all of it or nothing.
    async fn put_stream(&self, object: &NewObject, stream: Self::Stream) -> Result<ObjectHead, PutFault>;
    /// SHA-256 of a stream, in lower-case hexadecimal.
    async fn digest_stream(&self, stream: Self::Stream, millis: u32) -> Result<String, PutFault>;

    /// Begins an object that comes in parts: what names it from then on.
    async fn begin_parts(&self, object: &NewObject) -> Result<String, Unavailable>;
    /// Parts may come in any order and again; all but the last have one size.
    async fn put_part(
        &self,
        object: &NewObject,
        upload: &str,
        number: u32,
        stream: Self::Stream,
    ) -> Result<Part, PutFault>;
    /// Makes the object out of its parts. Err(Exists) never; Err(Cut): a part is not the one that was named.
    async fn end_parts(&self, key: &str, upload: &str, parts: &[Part]) -> Result<(), PutFault>;
    async fn abort_parts(&self, key: &str, upload: &str) -> Result<(), Unavailable>;

    /// Sends a command to the Durable Object of kind `E` that has this name, and waits for its reply.
    async fn ask<E: Entity>(&self, name: &str, command: E::Command) -> Result<E::Reply, Unavailable>;
    /// The live events of an entity that pushes (`Storage::push`), after those it kept since `after`.
    async fn listen<E: Entity>(
        &self,
        name: &str,
        after: Option<&str>,
    ) -> Result<LocalBoxStream<'static, String>, Unavailable>;

    /// Asks another server. The caller has checked the URL with `outbound::check`. A redirect is not followed: it
    /// comes back as it is. Reads at most `max_bytes` of the body, and ends after `millis`, headers and body.
    async fn fetch(&self, request: Outbound) -> Result<Inbound, FetchFault>;
    /// Like `fetch`, with the body of a successful answer left to be streamed; `millis` bounds the headers and the text
    /// of a refusal.
    async fn open_url(&self, request: Outbound) -> Result<Opened<Self::Stream>, FetchFault>;
    /// Asks the platform's own inference (Workers AI): `request.url` is `ai:MODEL`, its body JSON, or a form where its
    /// content type says so. Answers as a server would.
    async fn infer(&self, request: Outbound) -> Result<Opened<Self::Stream>, FetchFault>;
    /// The same stream with each piece put through `change`, which sees an empty one at the end and may keep what it
    /// likes in between. What comes out is of unknown length.
    fn map_stream(
        &self,
        stream: Self::Stream,
        change: impl FnMut(&[u8]) -> Vec<u8> + 'static,
    ) -> Self::Stream;
    /// Whether `key` has asked less than the budget allows in this window. Counted roughly, by each place the
    /// gateway runs in: for stopping abuse, never for what must be exact. True when it cannot be told.
    async fn within_budget(&self, budget: Budget, key: &str) -> bool;
}

/// The mind of a Durable Object: what it does with a command and when its alarm rings. One object runs in one
/// place at a time; between two awaits nothing else of it runs.
pub trait Entity: 'static {
    /// The binding in `wrangler.toml`.
    const BINDING: &'static str;
    type Command: Serialize + DeserializeOwned;
    type Reply: Serialize + DeserializeOwned;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Self::Command,
    ) -> Result<Self::Reply, Unavailable>;

    /// The alarm rang. Rings at least once; a handler that fails is called again later.
    async fn wake<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable>;

    /// Events a new listener must get first: those after event id `after`, oldest first.
    fn backlog(_sql: &impl Sql, _after: Option<&str>) -> Result<Vec<String>, SqlError> {
        Ok(Vec::new())
    }
}

/// What one Durable Object owns: its database, its alarm, its listeners.
pub trait Storage {
    type Sql: Sql;

    /// Runs `work` in one transaction: an Err undoes every statement of it.
    fn transact<T>(&self, work: impl FnOnce(&Self::Sql) -> Result<T, SqlError>) -> Result<T, SqlError>;
    /// Replaces the alarm; the object has at most one.
    async fn set_alarm(&self, at: Timestamp) -> Result<(), Unavailable>;
    async fn has_alarm(&self) -> Result<bool, Unavailable>;
    /// Forgets everything, alarm included, so that an unused object costs nothing.
    async fn delete_all(&self) -> Result<(), Unavailable>;
    /// Sends to every listener that is connected now.
    fn push(&self, event: &str);
    /// Ends the stream of every listener.
    fn hang_up(&self);
}
