//! `Memory`: the gateway's platform in one thread of one process. Time is virtual, randomness is seeded, every
//! Durable Object has a real SQLite, and what goes wrong in the world goes wrong here when a test asks for it.
//! Not for: running anything; `schedule` polls, rings alarms and moves the clock.

use super::dice::Dice;
use super::object::{Object, Owned};
use super::schedule::Task;
use super::storage::{File, Stream};
use atelier::config::Config;
use atelier::outbound::{self, FetchFault, Inbound, Outbound, Reach};
use atelier::platform::{
    Budget, ByteRange, Entity, Level, Listing, NewObject, ObjectHead, Opened, Part, Platform, PutFault,
    Storage, Unavailable,
};
use atelier::time::Timestamp;
use futures::channel::{mpsc, oneshot};
use futures::stream::LocalBoxStream;
use futures::{FutureExt, StreamExt};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub const OPERATOR_KEY: &str = "the-operator-key-of-the-test-world";
pub const GATEWAY_SECRET: &str = "the-gateway-secret-of-the-test-world";
/// 2026-11-21T07:32:00.000Z
const BEGINNING: Timestamp = Timestamp(1_795_246_320_000);

/// What happens to one operation instead of what was meant to.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It is not done.
    Refuse,
    /// It is done, and whoever asked is told that it was not.
    LoseReply,
    /// It takes so many milliseconds to begin.
    Delay(u32),
}

/// Content type and disposition, and the parts that have come.
type Parts = ((String, Option<String>), BTreeMap<u32, Vec<u8>>);

/// A server out there: what it answers to one request.
type Server = Rc<dyn Fn(&Outbound) -> Result<Inbound, FetchFault>>;

pub struct State {
    pub now: Timestamp,
    pub dice: Dice,
    /// Operations done, by name and binding: `ask RUN`, `recall`, `transact WORKSPACE`.
    pub counts: BTreeMap<String, u32>,
    pub log: Vec<(Level, String, Value)>,
    pub objects: BTreeMap<(&'static str, String), Rc<Object>>,
    pub tasks: Vec<Task>,
    /// Deadlines of whoever sleeps, by an identity of the sleeper.
    pub sleepers: BTreeMap<u64, Timestamp>,
    pub is_dead: bool,
    /// Await points until the process dies.
    pub kill_after: Option<u64>,
    /// Chance that an operation fails, in percent.
    pub fault_percent: u64,
    /// Lets tasks overtake each other by chance.
    pub shuffles: bool,
    faults: Vec<(&'static str, Fault)>,
    remembered: BTreeMap<String, (String, Timestamp)>,
    pub files: BTreeMap<String, File>,
    /// Parts of objects that are not whole yet, by upload.
    pub uploads: BTreeMap<String, Parts>,
    internet: BTreeMap<String, Server>,
    /// Requests by budget, key and window.
    asked: BTreeMap<(Budget, String, i64), u32>,
}

impl State {
    fn new(seed: u64) -> Self {
        State {
            now: BEGINNING,
            dice: Dice::new(seed),
            counts: BTreeMap::new(),
            log: Vec::new(),
            objects: BTreeMap::new(),
            tasks: Vec::new(),
            sleepers: BTreeMap::new(),
            is_dead: false,
            kill_after: None,
            fault_percent: 0,
            shuffles: false,
            faults: Vec::new(),
            remembered: BTreeMap::new(),
            files: BTreeMap::new(),
            uploads: BTreeMap::new(),
            internet: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Everything in key-value storage.
    pub fn remembered(&self) -> impl Iterator<Item = (&String, &String)> {
        self.remembered.iter().map(|(key, (value, _))| (key, value))
    }
}

fn config(settings: &[(&str, &str)]) -> Config {
    let given = [("GATEWAY_SECRET", GATEWAY_SECRET), ("OPERATOR_KEY", OPERATOR_KEY)];
    let lookup = |name: &str| {
        settings.iter().chain(&given).find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
    };
    Config::parse(lookup).unwrap()
}

#[derive(Clone)]
pub struct Memory(Rc<(Config, RefCell<State>)>);

impl Memory {
    pub fn new() -> Self {
        Self::with(1, &[])
    }

    /// `settings` beside the two secrets.
    pub fn with(seed: u64, settings: &[(&str, &str)]) -> Self {
        Self(Rc::new((config(settings), RefCell::new(State::new(seed)))))
    }

    /// The same world after the operator has changed the settings; nothing is left in this one.
    pub fn redeployed(&self, settings: &[(&str, &str)]) -> Self {
        let state = self.0.1.replace(State::new(0));
        Self(Rc::new((config(settings), RefCell::new(state))))
    }

    pub fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.1.borrow_mut())
    }

    /// The next operation whose name begins so meets this fault.
    pub fn meet(&self, operation: &'static str, fault: Fault) {
        self.state(|state| state.faults.push((operation, fault)));
    }

    pub fn count(&self, operation: &str) {
        self.state(|state| *state.counts.entry(operation.to_owned()).or_default() += 1);
    }

    /// Operations done while `work` was, by name.
    pub fn counted(&self, work: impl FnOnce()) -> BTreeMap<String, u32> {
        self.state(|state| state.counts.clear());
        work();
        self.state(|state| state.counts.clone())
    }

    pub fn object<E: Entity>(&self, name: &str) -> Rc<Object> {
        let fresh = || Rc::new(Object::new(E::BINDING, wake::<E>));
        self.state(|state| state.objects.entry((E::BINDING, name.to_owned())).or_insert_with(fresh).clone())
    }

    pub fn files(&self) -> Vec<String> {
        self.state(|state| state.files.keys().cloned().collect())
    }

    pub fn lose_file(&self, key: &str) {
        self.state(|state| state.files.remove(key)).unwrap();
    }

    /// Puts a server on the internet. `url` is matched with its query string if it has one, else without; an origin alone
    /// is asked for whatever nobody else is there for.
    pub fn serve_url(&self, url: &str, server: impl Fn(&Outbound) -> Result<Inbound, FetchFault> + 'static) {
        self.state(|state| state.internet.insert(url.to_owned(), Rc::new(server)));
    }

    /// The beginning of every operation: true when its reply will be lost.
    pub async fn enter(&self, operation: &str) -> Result<bool, Unavailable> {
        self.count(operation);
        self.pause().await;
        let fault = self.state(|state| {
            if let Some(place) = state.faults.iter().position(|(prefix, _)| operation.starts_with(prefix)) {
                return Some(state.faults.remove(place).1);
            }
            // An object's own storage does not fail by chance: where it does, the runtime restarts the object (a kill).
            let is_own =
                ["set_alarm", "has_alarm", "delete_all"].iter().any(|name| operation.starts_with(name));
            let chance = if is_own { 0 } else { state.fault_percent };
            (chance > 0 && state.dice.percent(chance))
                .then(|| if state.dice.percent(50) { Fault::Refuse } else { Fault::LoseReply })
        });
        match fault {
            None => Ok(false),
            Some(Fault::Refuse) => Err(Unavailable(format!("{operation} was made to fail"))),
            Some(Fault::LoseReply) => Ok(true),
            Some(Fault::Delay(millis)) => {
                self.sleep(millis).await;
                Ok(false)
            }
        }
    }

    /// The end of every operation whose reply can be lost.
    async fn leave<T>(&self, is_lost: bool, reply: T) -> Result<T, Unavailable> {
        self.pause().await;
        if is_lost { Err(Unavailable("the reply was made to be lost".into())) } else { Ok(reply) }
    }

    fn file<T>(&self, key: &str, look: impl FnOnce(&File) -> T) -> Option<T> {
        self.state(|state| state.files.get(key).map(look))
    }
}

/// To JSON and back, and the same JSON again: whatever does not survive the way to an object fails here.
fn travel<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).unwrap();
    let arrived: T = serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{fault} in {text}"));
    assert_eq!(serde_json::to_string(&arrived).unwrap(), text, "changed on its way");
    arrived
}

fn wake<E: Entity>(
    memory: Memory,
    object: Rc<Object>,
) -> futures::future::LocalBoxFuture<'static, Result<(), Unavailable>> {
    async move { E::wake(&memory.clone(), &Owned { memory, object }).await }.boxed_local()
}

impl Platform for Memory {
    type Stream = Stream;

    fn config(&self) -> &Config {
        &self.0.0
    }

    fn now(&self) -> Timestamp {
        self.state(|state| state.now)
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        self.state(|state| [0; N].map(|_: u8| state.dice.roll().to_le_bytes()[0]))
    }

    async fn sleep(&self, millis: u32) {
        self.rest_until(self.now().plus_millis(i64::from(millis))).await;
    }

    fn log(&self, level: Level, event: &str, fields: Value) {
        self.state(|state| state.log.push((level, event.to_owned(), fields)));
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, Unavailable> {
        let is_lost = self.enter("recall").await?;
        let found = self.state(|state| {
            state.remembered.get(key).filter(|(_, until)| *until > state.now).map(|(text, _)| text.clone())
        });
        self.leave(is_lost, found).await
    }

    async fn remember(&self, key: &str, value: &str, ttl_seconds: u32) -> Result<(), Unavailable> {
        assert!(ttl_seconds >= 60, "the platform takes no time to live under a minute");
        let is_lost = self.enter("remember").await?;
        self.state(|state| {
            let until = state.now.plus_seconds(i64::from(ttl_seconds));
            state.remembered.insert(key.to_owned(), (value.to_owned(), until));
        });
        self.leave(is_lost, ()).await
    }

    async fn head_object(&self, key: &str) -> Result<Option<ObjectHead>, Unavailable> {
        let is_lost = self.enter("head").await?;
        let head = self.file(key, File::head);
        self.leave(is_lost, head).await
    }

    async fn stream_object(
        &self,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<Option<Stream>, Unavailable> {
        let is_lost = self.enter("stream").await?;
        let bytes = self.file(key, |file| match range {
            None => file.bytes.clone(),
            Some(range) => file.bytes
                [usize::try_from(range.first).unwrap()..=usize::try_from(range.last).unwrap()]
                .to_vec(),
        });
        self.leave(is_lost, bytes.map(Stream::of)).await
    }

    async fn read_object(&self, key: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        let is_lost = self.enter("read").await?;
        let bytes = self.file(key, |file| file.bytes.clone());
        self.leave(is_lost, bytes).await
    }

    async fn put_object(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Unavailable> {
        let is_lost = self.enter("put").await?;
        self.state(|state| {
            let file = File {
                content_type: content_type.to_owned(),
                disposition: None,
                bytes,
                stored_at: state.now,
            };
            state.files.insert(key.to_owned(), file);
        });
        self.leave(is_lost, ()).await
    }

    async fn put_bytes(&self, object: &NewObject, bytes: Vec<u8>) -> Result<(), Unavailable> {
        let is_lost = self.enter("put").await?;
        self.state(|state| {
            let NewObject { content_type, disposition, .. } = object.clone();
            let file = File { content_type, disposition, bytes, stored_at: state.now };
            state.files.insert(object.key.clone(), file);
        });
        self.leave(is_lost, ()).await
    }

    async fn read_range(&self, key: &str, range: ByteRange) -> Result<Option<Vec<u8>>, Unavailable> {
        let is_lost = self.enter("read").await?;
        let place = |at: u64, bytes: &[u8]| usize::try_from(at).unwrap().min(bytes.len());
        let bytes = self.file(key, |file| {
            file.bytes[place(range.first, &file.bytes)..place(range.last + 1, &file.bytes)].to_vec()
        });
        self.leave(is_lost, bytes).await
    }

    async fn delete_objects(&self, keys: &[String]) -> Result<(), Unavailable> {
        let is_lost = self.enter("delete").await?;
        self.state(|state| keys.iter().for_each(|key| drop(state.files.remove(key))));
        self.leave(is_lost, ()).await
    }

    async fn list_objects(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Listing, Unavailable> {
        let is_lost = self.enter("list").await?;
        self.leave(is_lost, self.listing(prefix, after, limit)).await
    }

    async fn peek(
        &self,
        stream: Stream,
        _: Option<u64>,
        bytes: usize,
    ) -> Result<(Vec<u8>, Stream), PutFault> {
        self.enter("peek").await?;
        let head = stream.bytes[..bytes.min(stream.bytes.len())].to_vec();
        if stream.is_cut && head.len() < bytes {
            return Err(PutFault::Cut("the sender is gone".into()));
        }
        Ok((head, stream))
    }

    async fn discard(&self, _: Stream) {
        self.count("discard");
    }

    async fn put_stream(&self, object: &NewObject, stream: Stream) -> Result<ObjectHead, PutFault> {
        let is_lost = self.enter("put_stream").await?;
        let head = self.store(object, stream).await?;
        Ok(self.leave(is_lost, head).await?)
    }

    async fn digest_stream(&self, stream: Stream, millis: u32) -> Result<String, PutFault> {
        self.enter("digest").await?;
        let bytes = self.drain(stream, millis).await?;
        Ok(atelier::crypto::hex(&atelier::crypto::sha256(&bytes)))
    }

    async fn begin_parts(&self, object: &NewObject) -> Result<String, Unavailable> {
        let is_lost = self.enter("begin_parts").await?;
        self.leave(is_lost, self.begin(object)).await
    }

    async fn put_part(
        &self,
        object: &NewObject,
        upload: &str,
        number: u32,
        stream: Stream,
    ) -> Result<Part, PutFault> {
        let is_lost = self.enter("put_part").await?;
        let part = self.store_part(object, upload, number, stream).await?;
        Ok(self.leave(is_lost, part).await?)
    }

    async fn end_parts(&self, key: &str, upload: &str, parts: &[Part]) -> Result<(), PutFault> {
        let is_lost = self.enter("end_parts").await?;
        self.end(key, upload, parts)?;
        Ok(self.leave(is_lost, ()).await?)
    }

    async fn abort_parts(&self, _: &str, upload: &str) -> Result<(), Unavailable> {
        let is_lost = self.enter("abort_parts").await?;
        self.state(|state| state.uploads.remove(upload));
        self.leave(is_lost, ()).await
    }

    /// The object works on even when whoever asked is gone.
    async fn ask<E: Entity>(&self, name: &str, command: E::Command) -> Result<E::Reply, Unavailable> {
        let is_lost = self.enter(&format!("ask {}", E::BINDING)).await?;
        let (memory, object) = (self.clone(), self.object::<E>(name));
        let command = travel(&command);
        let (sender, reply) = oneshot::channel();
        self.spawn(async move {
            let outcome = E::handle(&memory.clone(), &Owned { memory, object }, command).await;
            // Nobody waits any more.
            let _ = sender.send(outcome.map(|reply| travel(&reply)));
        });
        let reply = reply.await.unwrap_or_else(|_| Err(Unavailable("the object died".into())))?;
        self.leave(is_lost, reply).await
    }

    async fn listen<E: Entity>(
        &self,
        name: &str,
        after: Option<&str>,
    ) -> Result<LocalBoxStream<'static, String>, Unavailable> {
        self.enter(&format!("listen {}", E::BINDING)).await?;
        let object = self.object::<E>(name);
        let missed =
            Owned { memory: self.clone(), object: object.clone() }.transact(|sql| E::backlog(sql, after))?;
        let (sender, events) = mpsc::unbounded();
        missed.into_iter().for_each(|event| sender.unbounded_send(event).unwrap());
        object.listeners.borrow_mut().push(sender);
        Ok(events.boxed_local())
    }

    async fn fetch(&self, request: Outbound) -> Result<Inbound, FetchFault> {
        let url = request.url.as_str();
        outbound::check(url, Reach::Loopback)
            .unwrap_or_else(|reason| panic!("{url} was not checked: {reason}"));
        let unreachable = |reason: Unavailable| FetchFault::Unreachable(reason.0);
        let deadline = self.now().plus_millis(i64::from(request.millis));
        let is_lost = self.enter("fetch").await.map_err(unreachable)?;
        if self.now() > deadline {
            return Err(FetchFault::TimedOut);
        }
        let path = url.split('?').next().unwrap();
        let origin = url.match_indices('/').nth(2).map_or(url, |(end, _)| &url[..end]);
        let server = self
            .state(|state| [url, path, origin].iter().find_map(|place| state.internet.get(*place)).cloned());
        let server = server.ok_or_else(|| FetchFault::Unreachable(format!("nothing is served at {url}")))?;
        let answer = self.leave(is_lost, server(&request)).await.map_err(unreachable)??;
        if answer.body.len() > request.max_bytes { Err(FetchFault::TooLarge) } else { Ok(answer) }
    }

    async fn open_url(&self, request: Outbound) -> Result<Opened<Stream>, FetchFault> {
        let (max_bytes, millis) = (request.max_bytes, request.millis);
        let answer = self.fetch(request.limit(usize::MAX, millis)).await?;
        let Inbound { status, headers, body } = answer;
        if !(200..300).contains(&status) {
            let text = body.chars().take(max_bytes).collect();
            return Ok(Opened { status, length: None, headers, body: None, text });
        }
        // `x-` fields are what a test says of the body, not of the answer.
        let said = |name: &str| headers.get(name).and_then(|value| value.parse::<usize>().ok());
        let mut stream = Stream::of(crate::support::storage::unpack(&body));
        if let Some(bytes) = said("x-cut-after") {
            stream = stream.cut_after(bytes);
        }
        if let Some(millis) = said("x-takes") {
            stream = stream.slowly(u32::try_from(millis).unwrap());
        }
        let length = said("content-length").map(|length| length as u64);
        Ok(Opened { status, length, headers, body: Some(stream), text: String::new() })
    }

    async fn infer(&self, request: Outbound) -> Result<Opened<Stream>, FetchFault> {
        let model = request.url.strip_prefix("ai:").unwrap_or_else(|| panic!("{} is no model", request.url));
        self.open_url(Outbound { url: format!("https://ai.example/{model}"), ..request }).await
    }

    fn map_stream(&self, stream: Stream, mut change: impl FnMut(&[u8]) -> Vec<u8> + 'static) -> Stream {
        // In pieces that fall anywhere, as a network's do.
        let mut bytes: Vec<u8> = stream.bytes.chunks(1021).flat_map(&mut change).collect();
        bytes.extend(change(&[]));
        Stream { bytes, ..stream }
    }

    async fn within_budget(&self, budget: Budget, key: &str) -> bool {
        if self.enter("budget").await.is_err() {
            return true;
        }
        self.state(|state| {
            let window = state.now.0.div_euclid(i64::from(Budget::PERIOD_SECONDS) * 1000);
            let asked = state.asked.entry((budget, key.to_owned(), window)).or_default();
            *asked += 1;
            *asked <= budget.per_minute()
        })
    }
}
