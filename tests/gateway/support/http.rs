//! A request as a test writes it and an answer as a test reads it.

use super::memory::Memory;
use super::storage::Stream;
use atelier::http::{Body, Headers, Payload, Request, Response};
use futures::StreamExt;
use futures::stream::LocalBoxStream;
use serde_json::Value;

pub const ORIGIN: &str = "https://gateway.example";

#[derive(Clone)]
pub struct Ask {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub payload: Payload,
    /// A body that is not read before the gateway asks for it.
    pub stream: Option<Stream>,
}

impl Ask {
    /// `target` is a path, or a whole URL.
    pub fn new(method: &'static str, target: &str) -> Self {
        let url = if target.starts_with('/') { format!("{ORIGIN}{target}") } else { target.to_owned() };
        Self { method, url, headers: Vec::new(), payload: Payload::Text(String::new()), stream: None }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: &str, body: impl ToString) -> Self {
        Self::new("POST", target).with("content-type", "application/json").body(body)
    }

    pub fn body(mut self, body: impl ToString) -> Self {
        self.payload = Payload::Text(body.to_string());
        self
    }

    /// PUT of a file, with its length.
    pub fn put(target: &str, stream: Stream) -> Self {
        let length = stream.bytes.len().to_string();
        Self { stream: Some(stream), ..Self::new("PUT", target).with("content-length", &length) }
    }

    pub fn too_large(mut self) -> Self {
        self.payload = Payload::TooLarge;
        self
    }

    /// Replaces the header if it is there.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut ask = self.without(name);
        ask.headers.push((name.to_owned(), value.to_owned()));
        ask
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }
}

pub struct Answer {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The event stream, while it is open.
    pub events: Option<LocalBoxStream<'static, String>>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// Every header of this name.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(key, _)| *key == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Every message of an event stream that was read to its end, or the one JSON body.
    pub fn messages(&self) -> Vec<Value> {
        if self.header("content-type") != Some("text/event-stream") {
            return vec![self.json()];
        }
        self.text()
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect()
    }

    /// The response message: the last one.
    pub fn message(&self) -> Value {
        self.messages().pop().unwrap_or_default()
    }

    pub fn result(&self) -> Value {
        let message = self.message();
        assert!(message.get("result").is_some(), "{} {message}", self.status);
        message["result"].clone()
    }

    /// The next event that is not a keep-alive; None when the stream has ended.
    pub fn next_event(&mut self, memory: &Memory) -> Option<String> {
        let stream = self.events.as_mut().expect("an event stream");
        loop {
            let event = memory.run(stream.next())?;
            if !event.starts_with(':') {
                return Some(event);
            }
        }
    }
}

impl Memory {
    /// One request through the front door, its event stream read to the end.
    pub async fn send(&self, ask: Ask) -> Answer {
        let mut answer = self.open(ask).await;
        if let Some(events) = answer.events.take() {
            answer.body = events.collect::<Vec<_>>().await.concat().into_bytes();
        }
        answer
    }

    /// One request through the front door; its event stream stays open.
    pub async fn open(&self, ask: Ask) -> Answer {
        let lines: Vec<_> = ask.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let headers = Headers::from_lines(lines.join("\n"));
        let request = Request::new(ask.method, &ask.url, headers, ask.payload).expect("an absolute URL");
        let Response { status, headers, body } = atelier::router::handle(self, &request, ask.stream).await;
        let headers = headers.into_iter().map(|(name, value)| (name, value.into_owned())).collect();
        let (body, events) = match body {
            Body::Empty => (Vec::new(), None),
            Body::Text(text) => (text.into_bytes(), None),
            Body::Bytes(bytes) => (bytes, None),
            Body::Stream(stream) => (stream.bytes, None),
            Body::Events(events) => (Vec::new(), Some(events)),
        };
        Answer { status, headers, body, events }
    }

    pub fn answer(&self, ask: Ask) -> Answer {
        self.run(self.send(ask))
    }
}
