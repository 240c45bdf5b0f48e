//! Which revision of the protocol speaks, read from the body, and everything that differs between them.
//! When the last client of a revision is gone, this is the file that shrinks.

use super::message::{HEADER_MISMATCH, INVALID_PARAMS, RESOURCE_NOT_FOUND, RpcError, UNSUPPORTED_VERSION};
use crate::crypto;
use crate::http::Headers;
use serde_json::{Map, Value, json};

/// In order of age, so that "at least this revision" is a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Era {
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
    /// Stateless: no initialize, no session; every request says who it is in `_meta`.
    V2026_07_28,
}

pub const MODERN: &str = "2026-07-28";
pub const ALL: &[Era] = &[Era::V2026_07_28, Era::V2025_11_25, Era::V2025_06_18, Era::V2025_03_26];

pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub const META_SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
pub const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
const LOG_LEVELS: &[&str] =
    &["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

impl Era {
    pub fn as_str(self) -> &'static str {
        match self {
            Era::V2025_03_26 => "2025-03-26",
            Era::V2025_06_18 => "2025-06-18",
            Era::V2025_11_25 => "2025-11-25",
            Era::V2026_07_28 => MODERN,
        }
    }

    pub fn is_modern(self) -> bool {
        self == Era::V2026_07_28
    }

    /// A revision that `initialize` may agree on.
    pub fn legacy(text: &str) -> Option<Self> {
        ALL.iter().copied().find(|era| !era.is_modern() && era.as_str() == text)
    }

    /// What `initialize` answers: the revision asked for, else our newest with a handshake. Never the modern one,
    /// although some clients ask for it here.
    pub fn negotiate(asked: &str) -> Self {
        Era::legacy(asked).unwrap_or(Era::V2025_11_25)
    }

    pub fn takes_batches(self) -> bool {
        self == Era::V2025_03_26
    }

    /// `structuredContent`, `resource_link` and `title` came with 2025-06-18; older clients refuse a content
    /// block whose type they do not know.
    pub fn has_structured_results(self) -> bool {
        self >= Era::V2025_06_18
    }

    /// A server may ask the person something since 2025-06-18.
    pub fn has_elicitation(self) -> bool {
        self >= Era::V2025_06_18
    }

    /// An id without data at the start of a stream, so that a client can come back before the first event.
    pub fn primes_streams(self) -> bool {
        self == Era::V2025_11_25
    }

    /// The status of an error response. Older clients read a JSON-RPC error from 200.
    pub fn status(self, error: &RpcError) -> u16 {
        if self.is_modern() { error.status } else { 200 }
    }

    pub fn resource_not_found(self, uri: &str) -> RpcError {
        let code = if self.is_modern() { INVALID_PARAMS } else { RESOURCE_NOT_FOUND };
        RpcError::new(code, 200, "There is no such resource, or it is not yours.").data(json!({ "uri": uri }))
    }

    /// Completes a result: the modern era marks its type, names the server and says how long it may be cached.
    pub fn finish(self, result: Finished) -> String {
        let Finished { json, meta, cache, kind } = result;
        let rest = json.strip_prefix('{').unwrap_or("}");
        let comma = if rest == "}" { "" } else { "," };
        if !self.is_modern() {
            return match meta {
                None => json,
                Some(meta) => format!("{{\"_meta\":{}{comma}{rest}", Value::Object(meta)),
            };
        }
        let hints = cache.map_or(String::new(), |cache| {
            format!(
                ",\"ttlMs\":{},\"cacheScope\":\"{}\"",
                cache.ttl_millis,
                if cache.public { "public" } else { "private" }
            )
        });
        let more = meta.filter(|meta| !meta.is_empty()).map_or(String::new(), |meta| {
            let text = Value::Object(meta).to_string();
            format!(",{}", text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default())
        });
        format!(
            "{{\"resultType\":\"{kind}\",\"_meta\":{{\"{META_SERVER_INFO}\":{}{more}}}{hints}{comma}{rest}",
            SERVER_INFO
        )
    }
}

/// `Implementation` of the schema, as text because it goes into every modern result.
const SERVER_INFO: &str = concat!("{\"name\":\"atelier\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

pub fn server_info() -> Value {
    json!({ "name": "atelier", "title": "Atelier", "version": env!("CARGO_PKG_VERSION") })
}

/// A result before its era has completed it.
#[derive(Clone, Debug)]
pub struct Finished {
    /// A JSON object without `_meta`.
    pub json: String,
    pub meta: Option<Map<String, Value>>,
    pub cache: Option<Cache>,
    pub kind: &'static str,
}

/// Whether clients and proxies may share a result, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    pub ttl_millis: u32,
    pub public: bool,
}

impl Finished {
    pub fn new(json: impl Into<String>) -> Self {
        Self { json: json.into(), meta: None, cache: None, kind: "complete" }
    }

    pub fn cached(mut self, ttl_millis: u32, public: bool) -> Self {
        self.cache = Some(Cache { ttl_millis, public });
        self
    }
}

impl From<Value> for Finished {
    fn from(value: Value) -> Self {
        Self::new(value.to_string())
    }
}

/// How a request names its revision, before anything of it is believed.
#[derive(Debug, PartialEq)]
pub enum Claim {
    Modern,
    Legacy,
}

/// Reads the era of one message. `initialize` belongs to the old era unless it carries a whole modern
/// envelope; any other message says so by its `_meta`, and only then by its header.
pub fn claim(method: &str, params: &Map<String, Value>, headers: &Headers) -> Result<Claim, RpcError> {
    let meta = params.get("_meta");
    let body_version = meta.and_then(|meta| meta.get(META_VERSION));
    let header_version = headers.get("mcp-protocol-version");
    let modern_header = header_version.is_some_and(|version| version >= MODERN);
    if method == "initialize" {
        let whole = body_version.and_then(Value::as_str) == Some(MODERN)
            && meta.is_some_and(|meta| meta.get(META_CAPABILITIES).is_some());
        return match (whole, modern_header) {
            (true, _) => Ok(Claim::Modern),
            (false, true) => Err(mismatch("MCP-Protocol-Version names a revision that has no initialize")),
            (false, false) => Ok(Claim::Legacy),
        };
    }
    match (body_version, modern_header) {
        (Some(_), _) => Ok(Claim::Modern),
        (None, true) => Err(RpcError::new(
            INVALID_PARAMS,
            400,
            format!(
                "MCP-Protocol-Version names {MODERN}, but params._meta lacks {META_VERSION} and {META_CAPABILITIES}."
            ),
        )),
        (None, false) => Ok(Claim::Legacy),
    }
}

/// The modern envelope, in the order of the specification's error map: version header against body, required
/// keys, supported version, then `Mcp-Method` and `Mcp-Name`.
pub fn check_modern(method: &str, params: &Map<String, Value>, headers: &Headers) -> Result<(), RpcError> {
    let empty = Map::new();
    let meta = params.get("_meta").and_then(Value::as_object).unwrap_or(&empty);
    let claimed = meta.get(META_VERSION).and_then(Value::as_str);
    let header = headers.get("mcp-protocol-version");
    if let Some(claimed) = claimed {
        match header {
            None => return Err(mismatch("MCP-Protocol-Version is missing")),
            Some(header) if header != claimed => {
                return Err(mismatch("MCP-Protocol-Version differs from params._meta"));
            }
            Some(_) => {}
        }
    }
    let Some(claimed) = claimed else { return Err(envelope(META_VERSION, "must be a string")) };
    if !meta.get(META_CAPABILITIES).is_some_and(Value::is_object) {
        return Err(envelope(META_CAPABILITIES, "must be an object; {} will do"));
    }
    if let Some(level) = meta.get(META_LOG_LEVEL)
        && !level.as_str().is_some_and(|level| LOG_LEVELS.contains(&level))
    {
        return Err(envelope(META_LOG_LEVEL, "is not a logging level"));
    }
    if claimed != MODERN {
        let data = json!({ "supported": [MODERN], "requested": claimed });
        return Err(RpcError::new(
            UNSUPPORTED_VERSION,
            400,
            format!("This protocol version is not supported; {MODERN} is."),
        )
        .data(data));
    }
    match headers.get("mcp-method") {
        None => return Err(mismatch("Mcp-Method is missing")),
        Some(header) if header != method => {
            return Err(mismatch("Mcp-Method differs from the body's method"));
        }
        Some(_) => {}
    }
    check_name(method, params, headers)
}

fn check_name(method: &str, params: &Map<String, Value>, headers: &Headers) -> Result<(), RpcError> {
    let field = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return Ok(()),
    };
    let Some(expected) = params.get(field).and_then(Value::as_str) else { return Ok(()) };
    let Some(header) = headers.get("mcp-name") else { return Err(mismatch("Mcp-Name is missing")) };
    match decode_name(header) {
        Some(name) if name == expected => Ok(()),
        Some(_) => Err(mismatch(&format!("Mcp-Name differs from params.{field}"))),
        None => Err(mismatch("Mcp-Name is not valid base64 between its markers")),
    }
}

/// Header values outside ASCII travel as `=?base64?…?=`.
fn decode_name(header: &str) -> Option<String> {
    match header.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(crypto::from_base64(encoded)?).ok(),
        None => Some(header.to_owned()),
    }
}

/// The revision of a legacy message outside a session.
pub fn legacy_version(headers: &Headers) -> Result<Era, RpcError> {
    match headers.get("mcp-protocol-version") {
        // Clients of 2025-03-26 send no such header.
        None => Ok(Era::V2025_03_26),
        Some(version) => Era::legacy(version).ok_or_else(|| {
            let supported: Vec<_> = ALL.iter().map(|era| era.as_str()).collect();
            let message =
                format!("MCP-Protocol-Version is not supported. Supported: {}.", supported.join(", "));
            RpcError::new(super::message::INVALID_REQUEST, 400, message)
        }),
    }
}

pub fn mismatch(what: &str) -> RpcError {
    RpcError::new(
        HEADER_MISMATCH,
        400,
        format!("Header mismatch: {what}. Headers and body must say the same."),
    )
}

fn envelope(key: &str, why: &str) -> RpcError {
    RpcError::new(INVALID_PARAMS, 400, format!("params._meta[\"{key}\"] {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_agrees_on_the_modern_revision_by_handshake() {
        assert_eq!(Era::negotiate("2026-07-28"), Era::V2025_11_25);
        assert_eq!(Era::negotiate("2025-03-26"), Era::V2025_03_26);
        assert_eq!(Era::negotiate("1.0"), Era::V2025_11_25);
    }

    #[test]
    fn completes_a_result_as_its_era_wants_it() {
        let plain = Finished::new(r#"{"tools":[]}"#).cached(1000, false);
        assert_eq!(Era::V2025_11_25.finish(plain.clone()), r#"{"tools":[]}"#);
        let modern: Value = serde_json::from_str(&Era::V2026_07_28.finish(plain)).unwrap();
        assert_eq!(modern["resultType"], "complete");
        assert_eq!((&modern["ttlMs"], &modern["cacheScope"]), (&json!(1000), &json!("private")));
        let mut noted = Finished::new("{}");
        noted.meta = json!({"k": {"a": 1}}).as_object().cloned();
        assert_eq!(Era::V2025_06_18.finish(noted.clone()), r#"{"_meta":{"k":{"a":1}}}"#);
        let modern: Value = serde_json::from_str(&Era::V2026_07_28.finish(noted)).unwrap();
        assert_eq!(modern["_meta"]["k"]["a"], 1);
        assert_eq!(modern["_meta"][META_SERVER_INFO]["name"], "atelier");
    }

    #[test]
    fn reads_names_in_their_base64_form() {
        assert_eq!(decode_name("=?base64?w6k=?=").as_deref(), Some("é"));
        assert_eq!(decode_name("=?base64?w6k?="), None);
        assert_eq!(decode_name("=?base64?plain").as_deref(), Some("=?base64?plain"));
    }
}
