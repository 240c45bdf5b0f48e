//! HTTP as values: what came in and what goes out, with bodies the platform streams left untouched.
//! Not for: routing (`router`) or the conversion from and to the platform's own objects (`edge`).

use futures::stream::LocalBoxStream;
use std::borrow::Cow;

/// The largest message body that is read into memory. A tool call with a 100,000 character prompt and
/// twenty files stays far below; parsing this much JSON still fits the CPU limit.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The largest body that is read everywhere but at `/mcp` and below `/api/`: forms and small documents, from
/// callers nobody knows yet.
pub const MAX_FORM_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    Text(String),
    /// More than [`MAX_MESSAGE_BYTES`], or [`MAX_FORM_BYTES`] where no messages come; the rest was not read.
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

    /// The body as `application/x-www-form-urlencoded`; None when it was too large or says it is something else.
    pub fn form(&self) -> Option<Form> {
        let media_type = self.headers.get("content-type").and_then(|value| value.split(';').next())?;
        match &self.payload {
            Payload::Text(text) if media_type.trim().eq_ignore_ascii_case(FORM_TYPE) => {
                Some(Form::parse(text))
            }
            _ => None,
        }
    }

    /// The first cookie of this name (RFC 6265 section 5.4).
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get("cookie")?
            .split(';')
            .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    }

    /// Who sent it, for budgets only: requests that do not come through Cloudflare share one name.
    pub fn address(&self) -> &str {
        self.headers.get("cf-connecting-ip").unwrap_or("unknown")
    }
}

pub const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// Decoded fields of a form or a query, in the order they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key), percent_decode(value))
        });
        Self(pairs.collect())
    }

    /// The first value; an empty one counts as absent (RFC 6749 section 3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A field that must not be there twice (RFC 6749 section 3.1) and is; `resource` may repeat (RFC 8707).
    pub fn repeated(&self) -> Option<&str> {
        let names = self.0.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "resource");
        names.clone().find(|name| names.clone().filter(|other| other == name).count() > 1)
    }
}

/// Everything but the unreserved characters of RFC 3986 section 2.3 as `%XX`.
pub fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len() + 16), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// `name=value&…`, encoded.
pub fn encode_form(pairs: &[(&str, &str)]) -> String {
    let encoded: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    encoded.join("&")
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

    /// 303 See Other: the browser goes there with GET.
    pub fn see_other(location: impl Into<Cow<'static, str>>) -> Self {
        Self::empty(303).with("location", location).with("cache-control", "no-store")
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
    fn a_form_knows_what_is_absent_and_what_repeats() {
        let form = Form::parse("a=1&b=&c=x+y%26&resource=r&resource=s");
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("1"), None, Some("x y&")));
        assert_eq!(form.repeated(), None);
        assert_eq!(Form::parse("a=1&b=2&a=3").repeated(), Some("a"));
        assert_eq!(encode_form(&[("a", "x y&/"), ("b", "ü")]), "a=x%20y%26%2F&b=%C3%BC");
        let headers = Headers::from_lines(
            "cookie: a=1; session=x=y\ncontent-type: Application/x-www-form-urlencoded; charset=utf-8".into(),
        );
        let request = Request::new("POST", "http://a/", headers, Payload::Text("q=1".into())).unwrap();
        assert_eq!((request.cookie("session"), request.cookie("sess")), (Some("x=y"), None));
        assert_eq!(request.form().unwrap().get("q"), Some("1"));
    }

    #[test]
    fn decodes_percent_and_leaves_broken_escapes() {
        assert_eq!(percent_decode("a%20b%zz%4"), "a b%zz%4");
        assert_eq!(percent_decode("%ff"), "\u{fffd}");
    }
}
