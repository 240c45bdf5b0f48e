//! HTTP as values: what came in and what goes out, with bodies the platform streams left untouched.
//! Not for: routing (`router`) or the conversion from and to the platform's own objects (`edge`).

use futures::stream::LocalBoxStream;
use std::borrow::Cow;

/// The largest message body that is read into memory. A tool call with a 100,000 character prompt and
/// twenty files stays far below; parsing this much JSON still fits the CPU limit.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    Text(String),
    /// More than [`MAX_MESSAGE_BYTES`]; the rest was not read.
    TooLarge,
}

/// Header fields as `name: value` lines, names in lower case, repeated fields joined by `, ` as the Fetch
/// standard does. One flat string, because it crosses from JavaScript as one.
#[derive(Clone, Debug, Default)]
pub struct Headers(String);

impl Headers {
    pub fn from_lines(lines: String) -> Self {
        Self(lines)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (key, value) =
                line.split_once(": ").or_else(|| line.strip_suffix(':').map(|key| (key, "")))?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// `https://gateway.example`, as the client wrote it.
    pub origin: String,
    /// Percent-encoding left as it is.
    pub path: String,
    pub query: String,
    pub headers: Headers,
    pub payload: Payload,
}

impl Request {
    /// None unless `url` is absolute.
    pub fn new(method: &str, url: &str, headers: Headers, payload: Payload) -> Option<Self> {
        let authority = url.find("://")? + 3;
        let rest = url.get(authority..)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (target, _fragment) = rest.get(end..)?.split_once('#').unwrap_or((rest.get(end..)?, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self {
            method: method.to_owned(),
            origin: url.get(..authority + end)?.to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: query.to_owned(),
            headers,
            payload,
        })
    }

    /// The first value of a query parameter, percent-decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| percent_decode(value))
        })
    }
}

/// Decodes `%XX` and `+`; what is not valid UTF-8 afterwards becomes the replacement character.
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let pair = (ahead.next().and_then(hex_digit), ahead.next().and_then(hex_digit));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `S` is the platform's own stream, passed through without being read.
pub enum Body<S> {
    Empty,
    Text(String),
    Bytes(Vec<u8>),
    /// Pieces of a `text/event-stream`, sent as they come. Dropped when the client leaves.
    Events(LocalBoxStream<'static, String>),
    Stream(S),
}

pub struct Response<S> {
    pub status: u16,
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    pub body: Body<S>,
}

impl<S> Response<S> {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Empty }
    }

    pub fn json(status: u16, body: String) -> Self {
        Self::text(status, "application/json", body)
    }

    pub fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, headers: vec![("content-type", content_type.into())], body: Body::Text(body) }
    }

    pub fn events(events: LocalBoxStream<'static, String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Events(events) }
            .with("content-type", "text/event-stream")
            .with("cache-control", "no-cache, no-transform")
            // Tells buffering proxies to pass events on as they come.
            .with("x-accel-buffering", "no")
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Option<Request> {
        Request::new("GET", url, Headers::default(), Payload::Text(String::new()))
    }

    #[test]
    fn splits_an_absolute_url() {
        let parts = request("http://127.0.0.1:8787/mcp?tools=forge%2Cfiles&x=a+b#frag").unwrap();
        assert_eq!((parts.origin.as_str(), parts.path.as_str()), ("http://127.0.0.1:8787", "/mcp"));
        assert_eq!(parts.parameter("tools").as_deref(), Some("forge,files"));
        assert_eq!(parts.parameter("x").as_deref(), Some("a b"));
        assert_eq!(parts.parameter("missing"), None);
        assert_eq!(request("https://a.example?q=1").unwrap().path, "/");
        assert!(request("/mcp").is_none());
    }

    #[test]
    fn finds_header_fields_whatever_their_case() {
        let headers = Headers::from_lines("accept: a/b\nmcp-name:  x \nempty:".into());
        assert_eq!(headers.get("Accept"), Some("a/b"));
        assert_eq!(headers.get("mcp-name"), Some("x"));
        assert_eq!(headers.get("empty"), Some(""));
        assert_eq!(headers.get("acc"), None);
    }

    #[test]
    fn decodes_percent_and_leaves_broken_escapes() {
        assert_eq!(percent_decode("a%20b%zz%4"), "a b%zz%4");
        assert_eq!(percent_decode("%ff"), "\u{fffd}");
    }
}
