//! Outgoing HTTP as values, and the guard against requests to places that are not public (SSRF).
//! Not for: sending (`platform::Platform::fetch`), or deciding whom to ask.

use crate::http::Headers;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Enough for a client metadata document, a key set or a token answer, which are a few KiB.
pub const DEFAULT_MAX_BYTES: usize = 64 * 1024;
/// A person waits for the answer in a browser; a server that needs longer is as good as down.
pub const DEFAULT_MILLIS: u32 = 10_000;
/// What browsers and proxies take for granted; a longer address is an attack or a mistake.
const MAX_URL_BYTES: usize = 2048;
/// RFC 1035, section 2.3.4.
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

#[derive(Clone, Debug, PartialEq)]
pub struct Outbound {
    pub method: &'static str,
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Payload>,
    /// More than this of the answer's body is not read.
    pub max_bytes: usize,
    /// From the first byte sent to the last byte read.
    pub millis: u32,
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    Text(String),
    Bytes(Vec<u8>),
}

impl Payload {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Payload::Text(text) => text.as_bytes(),
            Payload::Bytes(bytes) => bytes,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Payload::Text(text) => Some(text),
            Payload::Bytes(_) => None,
        }
    }
}

impl Outbound {
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url.into(), None)
    }

    pub fn post(url: impl Into<String>, body: impl Into<String>) -> Self {
        Self::new("POST", url.into(), Some(Payload::Text(body.into())))
    }

    pub fn new(method: &'static str, url: String, body: Option<Payload>) -> Self {
        let (max_bytes, millis) = (DEFAULT_MAX_BYTES, DEFAULT_MILLIS);
        Self { method, url, headers: Vec::new(), body, max_bytes, millis }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn limit(mut self, max_bytes: usize, millis: u32) -> Self {
        (self.max_bytes, self.millis) = (max_bytes, millis);
        self
    }
}

/// What came back. A redirect is an answer like any other.
#[derive(Clone, Debug)]
pub struct Inbound {
    pub status: u16,
    pub headers: Headers,
    /// What was not UTF-8 is replaced.
    pub body: String,
}

impl Inbound {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// [`check`] said no; nothing was sent.
    Refused(&'static str),
    TooLarge,
    TimedOut,
    /// The text is for the log.
    Unreachable(String),
}

impl fmt::Display for FetchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => f.write_str(reason),
            Self::TooLarge => f.write_str("the answer was too large"),
            Self::TimedOut => f.write_str("the answer took too long"),
            Self::Unreachable(reason) => write!(f, "the server could not be reached ({reason})"),
        }
    }
}

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    Public,
    /// Also this machine, over plain HTTP: only for a gateway that itself runs on loopback.
    Loopback,
}

const LOOPBACK_HOSTS: &[&str] = &["127.0.0.1", "localhost", "[::1]"];

/// Names that never lead to the public internet: reserved by the IETF (RFC 2606, 6761, 6762, 7686, 8375, 9476),
/// by ICANN (`internal`; `corp`, `home` and `mail` are never delegated), or used so on private networks.
const PRIVATE_SUFFIXES: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "svc",
    "test",
];

/// Public names under which anybody may spell any address (`10.0.0.1.nip.io`), or that always mean loopback.
const ADDRESS_SUFFIXES: &[&str] = &[
    "1u.ms",
    "backname.io",
    "ddev.site",
    "fuf.me",
    "lacolhost.com",
    "lndo.site",
    "local-ip.co",
    "local-ip.sh",
    "local.gd",
    "localcert.net",
    "localho.st",
    "localhost.direct",
    "localtest.me",
    "lvh.me",
    "nip.io",
    "plex.direct",
    "rbndr.us",
    "smackaho.st",
    "sslip.io",
    "traefik.me",
    "vcap.me",
    "xip.io",
    "xip.name",
];

/// Err: why the gateway may not ask there, as part of a sentence.
///
/// What passes has one reading only, so that no parser after this one can find another host in it. A name whose
/// address is private cannot be told by looking at it. On Cloudflare the platform never routes a Worker's fetch to
/// a private address; there this is the second fence. On one's own machine it is the only one.
pub fn check(url: &str, reach: Reach) -> Result<(), &'static str> {
    if url.len() > MAX_URL_BYTES {
        return Err("the URL is longer than 2048 characters");
    }
    // Also control characters, which URL parsers drop, and letters outside ASCII, which they map to others.
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err("the URL may hold only ASCII characters, without spaces and backslashes");
    }
    let (is_plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) if reach == Reach::Loopback => (true, rest),
        _ => return Err("the URL must begin with https://"),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("the URL must not name a user");
    }
    if is_plain {
        return if is_loopback(authority) { Ok(()) } else { Err("the URL must begin with https://") };
    }
    if authority.contains('[') || authority.matches(':').count() > 1 {
        return Err(AN_ADDRESS);
    }
    match authority.split_once(':') {
        None => check_host(authority),
        Some((host, "443")) => check_host(host),
        Some(_) => Err("the URL's port must be 443"),
    }
}

/// The address that a redirect's `Location` means (RFC 3986 section 5.2), without tidying its path: whoever serves it
/// does that. Nothing is decided here; [`check`] says whether it may be asked. None: the base is none.
pub fn resolve(base: &str, location: &str) -> Option<String> {
    let location = location.trim();
    let (scheme, rest) = base.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let path = rest.get(end..)?.split(['?', '#']).next().unwrap_or_default();
    let has_scheme = location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    Some(match location.as_bytes() {
        _ if has_scheme => location.to_owned(),
        [b'/', b'/', ..] => format!("{scheme}:{location}"),
        [b'/', ..] => format!("{scheme}://{authority}{location}"),
        [] | [b'#', ..] => return None,
        [b'?', ..] => format!("{scheme}://{authority}{path}{location}"),
        _ => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{authority}{folder}/{location}")
        }
    })
}

const AN_ADDRESS: &str = "the URL must name a host, not an IP address";

fn is_loopback(authority: &str) -> bool {
    let Some((host, port)) = authority.rsplit_once(':') else { return false };
    let is_port =
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0);
    is_port && LOOPBACK_HOSTS.contains(&host)
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let host = host.to_ascii_lowercase();
    if host.is_empty() || host.len() > MAX_HOST_BYTES {
        return Err("the URL must name a host");
    }
    if host.contains('%') {
        return Err("the URL's host must not be percent-encoded");
    }
    if host.ends_with('.') {
        return Err("the URL's host must not end with a dot");
    }
    // Where the last part is a number, as digits or as 0x and hexadecimal digits, URL parsers read an IPv4
    // address in any of its forms. No top-level domain begins with a digit.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(AN_ADDRESS);
    }
    if !host.split('.').all(is_label) {
        return Err("the URL's host is not a valid name");
    }
    if !host.contains('.') || is_under(&host, PRIVATE_SUFFIXES) {
        return Err("the URL's host is not a public name");
    }
    if is_under(&host, ADDRESS_SUFFIXES) {
        return Err("the URL's host is a name that stands for an IP address");
    }
    Ok(())
}

/// Letters, digits and inner hyphens (RFC 1123), as certificates demand too. The ending hyphen is what the
/// Punycode of a plain ASCII name has, which decodes to another name than it shows.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_under(host: &str, suffixes: &[&str]) -> bool {
    suffixes
        .iter()
        .any(|suffix| host.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests;
