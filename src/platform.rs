//! Everything the gateway may ask of the world: time, randomness, key-value, object storage, Durable
//! Objects, other servers, rate limits, a log. `edge` implements it on Workers bindings, the tests in memory.
//! Not for: decisions. Whatever can be decided without the world is decided above this line.

use crate::config::Config;
use crate::outbound::{FetchFault, Inbound, Outbound};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use futures::stream::LocalBoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;
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
    /// At most 1000 of them; one that is not there is no fault.
    async fn delete_objects(&self, keys: &[String]) -> Result<(), Unavailable>;

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
