//! Messages that are no messages, envelopes that do not match, methods that do not exist.

use super::Code::{Fine, Rest, Rpc};
use super::{Row, check, row};
use crate::support::{Ask, Client, Memory};
use atelier::mcp::era::{Era, META_CAPABILITIES, META_VERSION};
use serde_json::{Value, json};

const PARSE: i64 = -32700;
const REQUEST: i64 = -32600;
const METHOD: i64 = -32601;
const PARAMS: i64 = -32602;
const HEADER: i64 = -32020;
const VERSION: i64 = -32022;

fn ping(id: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })
}

#[rustfmt::skip] // one row a line
#[test]
fn what_is_no_message_is_refused_by_its_first_fault() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0).in_era(Era::V2025_11_25);
    let modern = ada.clone().in_era(Era::V2026_07_28);
    let (rows, nested) =
        (|body: &str| ada.post(body), |open: &str, close: &str| open.repeat(200) + &close.repeat(200));
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": { META_VERSION: "2026-07-28", META_CAPABILITIES: {} } } });
    check(
        &memory,
        vec![
            row("malformed JSON", rows("{\"jsonrpc\":"), 400, Rpc(PARSE), "The body cannot be read as JSON: EOF"),
            row("two values", rows("{} {}"), 400, Rpc(PARSE), "trailing characters"),
            row("text that is not JSON", rows("hello"), 400, Rpc(PARSE), "The body cannot be read as JSON"),
            row("empty body", rows(""), 400, Rpc(PARSE), "the body is empty"),
            row("a lone surrogate", rows(r#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#), 400, Rpc(PARSE), "hex escape"),
            row("1e400 as id", rows(r#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#), 400, Rpc(PARSE), "number out of range"),
            row("200 nested arrays", rows(&nested("[", "]")), 400, Rpc(PARSE), "recursion limit"),
            row("200 nested objects", rows(&nested("{\"a\":", "}")), 400, Rpc(PARSE), "recursion limit"),
            row("200 levels in arguments", rows(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"arguments\":{}}}}}", nested("[", "]"))), 400, Rpc(PARSE), "recursion limit"),
            row("body too large", rows("").too_large(), 413, Rpc(REQUEST), "larger than 4194304 bytes"),
            row("body too large, modern", modern.post("").too_large(), 413, Rpc(REQUEST), "Hand files over by link"),
            row("a number", rows("42"), 400, Rpc(REQUEST), "expected an object"),
            row("null", rows("null"), 400, Rpc(REQUEST), "expected an object"),
            row("a string", rows("\"ping\""), 400, Rpc(REQUEST), "expected an object"),
            row("no jsonrpc", ada.post(json!({ "id": 1, "method": "ping" })), 400, Rpc(REQUEST), "`jsonrpc` must be \"2.0\""),
            row("jsonrpc 1.0", ada.post(json!({ "jsonrpc": "1.0", "id": 1, "method": "ping" })), 400, Rpc(REQUEST), "`jsonrpc` must be"),
            row("jsonrpc a number", ada.post(json!({ "jsonrpc": 2.0, "id": 1, "method": "ping" })), 400, Rpc(REQUEST), "`jsonrpc` must be"),
            row("id null", ada.post(ping(Value::Null)), 400, Rpc(REQUEST), "`id` must be a string or an integer"),
            row("id a float", ada.post(ping(json!(1.5))), 400, Rpc(REQUEST), "`id` must be"),
            row("id an object", ada.post(ping(json!({}))), 400, Rpc(REQUEST), "`id` must be"),
            row("id true", ada.post(ping(json!(true))), 400, Rpc(REQUEST), "`id` must be"),
            row("id a string", ada.post(ping(json!("a"))), 200, Fine, ""),
            row("params an array", ada.post(json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": [] })), 400, Rpc(REQUEST), "`params` must be an object"),
            row("params null", ada.post(json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": null })), 400, Rpc(REQUEST), "`params` must be"),
            row("method a number", ada.post(json!({ "jsonrpc": "2.0", "id": 1, "method": 7 })), 400, Rpc(REQUEST), "`method` must be a string"),
            row("no method", ada.post(json!({ "jsonrpc": "2.0", "id": 1 })), 400, Rpc(REQUEST), "`method` is missing"),
            row("empty object", ada.post(json!({})), 400, Rpc(REQUEST), "`jsonrpc` must be"),
            row("a response without id", ada.post(json!({ "jsonrpc": "2.0", "result": {} })), 400, Rpc(REQUEST), "`method` is missing"),
            row("array in the modern era", modern.post(json!([list])), 400, Rpc(REQUEST), "no batches"),
            row("array under a modern header", modern.post(json!([ping(json!(1))])), 400, Rpc(REQUEST), "no batches"),
        ],
    );
}

#[rustfmt::skip] // one row a line
#[test]
fn batches_are_for_2025_03_26_and_bounded() {
    let memory = Memory::new();
    let old = Client::new(&memory, "ada", 1.0).in_era(Era::V2025_03_26);
    let new = old.clone().in_era(Era::V2025_06_18);
    let call = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "get_instructions" } });
    let many: Vec<_> = (0..33).map(|id| ping(json!(id))).collect();
    check(
        &memory,
        vec![
            row("empty batch", old.post("[]"), 400, Rpc(REQUEST), "An empty batch is not a message."),
            row("33 messages", old.post(Value::from(many.clone())), 400, Rpc(REQUEST), "at most 32"),
            row("32 messages", old.post(Value::from(&many[..32])), 200, Fine, ""),
            row("batch in 2025-06-18", new.post(json!([ping(json!(1))])), 400, Rpc(REQUEST), "no batches"),
            row("batch of an unknown revision", old.post(json!([ping(json!(1))])).with("mcp-protocol-version", "1999-01-01"), 400, Rpc(REQUEST), "not supported"),
        ],
    );
    let answer = memory.answer(old.post(json!([ping(json!(1)), { "jsonrpc": "2.0", "method": "notifications/initialized" }, 7, call(2), { "jsonrpc": "2.0", "id": 3, "method": "initialize" }])));
    let answers = answer.json();
    let ids: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["id"].clone(), answer["error"]["code"].clone()))
        .collect();
    assert_eq!(json!(ids), json!([[1, null], [null, REQUEST], [2, null], [3, REQUEST]]));
    let quiet = memory.answer(old.post(json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }])));
    assert_eq!((quiet.status, quiet.body.len()), (202, 0));
}

/// A modern request whose `_meta` is exactly this.
fn with_meta(client: &Client, meta: Value) -> Ask {
    let body = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/list", "params": { "_meta": meta } });
    client.post(body).with("mcp-method", "tools/list")
}

#[rustfmt::skip] // one row a line
#[test]
fn a_modern_envelope_must_be_whole_and_agree_with_its_headers() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0);
    let list = || ada.compose("tools/list", json!({}));
    let call = || ada.compose("tools/call", json!({ "name": "get_instructions" }));
    let read = || ada.compose("resources/read", json!({ "uri": "atelier://instructions" }));
    let meta = |version: &str| json!({ META_VERSION: version, META_CAPABILITIES: {} });
    let level = |level: Value| json!({ META_VERSION: "2026-07-28", META_CAPABILITIES: {}, "io.modelcontextprotocol/logLevel": level });
    check(
        &memory,
        vec![
            row("version header differs", list().with("mcp-protocol-version", "2025-11-25"), 400, Rpc(HEADER), "MCP-Protocol-Version differs"),
            row("version header missing", list().without("mcp-protocol-version"), 400, Rpc(HEADER), "MCP-Protocol-Version is missing"),
            row("header mismatch beats unsupported version", with_meta(&ada, meta("v999")), 400, Rpc(HEADER), "differs"),
            row("Mcp-Method missing", list().without("mcp-method"), 400, Rpc(HEADER), "Mcp-Method is missing"),
            row("Mcp-Method differs", list().with("mcp-method", "tools/call"), 400, Rpc(HEADER), "Mcp-Method differs"),
            row("Mcp-Method in other case", list().with("mcp-method", "Tools/List"), 400, Rpc(HEADER), "Mcp-Method differs"),
            row("Mcp-Name missing", call().without("mcp-name"), 400, Rpc(HEADER), "Mcp-Name is missing"),
            row("Mcp-Name differs", call().with("mcp-name", "execute_forge"), 400, Rpc(HEADER), "Mcp-Name differs from params.name"),
            row("Mcp-Name of a resource differs", read().with("mcp-name", "atelier://other"), 400, Rpc(HEADER), "Mcp-Name differs from params.uri"),
            row("Mcp-Name in bad base64", call().with("mcp-name", "=?base64?!!!?="), 400, Rpc(HEADER), "not valid base64"),
            row("Mcp-Name in base64 without padding", call().with("mcp-name", "=?base64?Z2V0X2luc3RydWN0aW9ucw?="), 400, Rpc(HEADER), "not valid base64"),
            row("Mcp-Name in good base64", call().with("mcp-name", "=?base64?Z2V0X2luc3RydWN0aW9ucw==?="), 200, Fine, ""),
            row("no _meta under a modern header", with_meta(&ada, Value::Null), 400, Rpc(PARAMS), "params._meta lacks"),
            row("_meta a string", with_meta(&ada, json!("x")), 400, Rpc(PARAMS), "params._meta lacks"),
            row("version a number", with_meta(&ada, json!({ META_VERSION: 1, META_CAPABILITIES: {} })), 400, Rpc(PARAMS), "must be a string"),
            row("no capabilities", with_meta(&ada, json!({ META_VERSION: "2026-07-28" })), 400, Rpc(PARAMS), "must be an object"),
            row("capabilities an array", with_meta(&ada, json!({ META_VERSION: "2026-07-28", META_CAPABILITIES: [] })), 400, Rpc(PARAMS), "must be an object"),
            row("unknown log level", with_meta(&ada, level(json!("loud"))), 400, Rpc(PARAMS), "is not a logging level"),
            row("log level a number", with_meta(&ada, level(json!(3))), 400, Rpc(PARAMS), "is not a logging level"),
            row("known log level", with_meta(&ada, level(json!("debug"))), 200, Fine, ""),
            row("unsupported version", with_meta(&ada, meta("2027-01-01")).with("mcp-protocol-version", "2027-01-01"), 400, Rpc(VERSION), "not supported"),
            row("legacy version in _meta", with_meta(&ada, meta("2025-11-25")).with("mcp-protocol-version", "2025-11-25"), 400, Rpc(VERSION), "not supported"),
            row("initialize in the modern era", ada.compose("initialize", json!({})).with("mcp-protocol-version", "2026-07-28"), 404, Rpc(METHOD), "`initialize` does not exist"),
            row("initialize under a modern header", ada.post(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} })), 400, Rpc(HEADER), "no initialize"),
        ],
    );
    let answer =
        memory.answer(with_meta(&ada, meta("2027-01-01")).with("mcp-protocol-version", "2027-01-01"));
    assert_eq!(
        answer.json()["error"]["data"],
        json!({ "supported": ["2026-07-28"], "requested": "2027-01-01" })
    );
    assert_eq!(answer.json()["id"], 9);
}

#[rustfmt::skip] // one row a line
#[test]
fn a_method_that_does_not_exist_in_an_era_never_was() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0);
    let modern = |method: &str| ada.compose(method, json!({}));
    let old = ada.clone().in_era(Era::V2025_11_25);
    let legacy = |method: &str| old.compose(method, json!({}));
    let mut rows = Vec::new();
    for method in [
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "roots/list",
        "nonsense",
        "",
    ] {
        rows.push(row("removed or unknown, modern", modern(method), 404, Rpc(METHOD), "does not exist here"));
    }
    for method in ["server/discover", "subscriptions/listen", "logging/setLevel", "tasks/get", "nonsense", ""]
    {
        rows.push(row("not of this era, legacy", legacy(method), 200, Rpc(METHOD), "does not exist here"));
    }
    rows.push(row("a method name of 10,000 characters", legacy(&"x".repeat(10_000)), 200, Rpc(METHOD), "x…"));
    rows.push(row("initialize without a version", legacy("initialize"), 200, Rpc(PARAMS), "params.protocolVersion must be a string"));
    rows.push(row("unknown revision in the header", legacy("tools/list").with("mcp-protocol-version", "2020-01-01"), 400, Rpc(REQUEST), "Supported: 2026-07-28"));
    rows.push(row("cursor of a list without pages", old.compose("tools/list", json!({ "cursor": "x" })), 200, Rpc(PARAMS), "params.cursor"));
    rows.push(row("cursor of resources, forged", old.compose("resources/list", json!({ "cursor": "x.y" })), 200, Rpc(PARAMS), "`cursor` is not one that this gateway gave out"));
    rows.push(row("cursor a number", old.compose("resources/list", json!({ "cursor": 1 })), 200, Rpc(PARAMS), "params.cursor must be a string"));
    rows.push(row("unknown resource, legacy", old.compose("resources/read", json!({ "uri": "atelier://nothing" })), 200, Rpc(-32002), "no such resource"));
    rows.push(row("unknown resource, modern", ada.compose("resources/read", json!({ "uri": "atelier://nothing" })), 200, Rpc(PARAMS), "no such resource"));
    rows.push(row("resource without uri", ada.compose("resources/read", json!({})), 200, Rpc(PARAMS), "params.uri must be a string"));
    rows.push(row("subscribe without a session", old.compose("resources/subscribe", json!({ "uri": "atelier://instructions" })), 200, Rpc(PARAMS), "Subscriptions need a session"));
    rows.push(row("unknown prompt", ada.compose("prompts/get", json!({ "name": "nothing" })), 200, Rpc(PARAMS), "nothing"));
    rows.push(row("completion of nothing", ada.compose("completion/complete", json!({})), 200, Rpc(PARAMS), "params.argument needs"));
    rows.push(row("listen that asks for nothing", ada.compose("subscriptions/listen", json!({})), 200, Rpc(PARAMS), "params.notifications must be an object"));
    rows.push(row("listen without an event stream", ada.compose("subscriptions/listen", json!({ "notifications": {} })).with("accept", "application/json"), 400, Rpc(REQUEST), "Accept: text/event-stream"));
    check(&memory, rows);
}

#[rustfmt::skip] // one row a line
#[test]
fn the_way_in_is_narrow() {
    let memory = Memory::with(1, &[("ALLOWED_ORIGINS", "https://app.example")]);
    let ada = Client::new(&memory, "ada", 1.0);
    let list = || ada.compose("tools/list", json!({}));
    let bare = |method: &'static str| Ask::new(method, "/mcp").bearer(&ada.token);
    check(
        &memory,
        vec![
            row("PUT", bare("PUT"), 405, Rpc(REQUEST), "Use POST"),
            row("HEAD", bare("HEAD"), 405, Rpc(REQUEST), "Use POST"),
            row("GET with a token, no session", bare("GET"), 405, Rpc(REQUEST), "Use POST"),
            row("DELETE without session", bare("DELETE"), 405, Rpc(REQUEST), "Use POST"),
            row("foreign Origin", list().with("origin", "https://evil.example"), 403, Rpc(REQUEST), "This web origin may not call"),
            row("Origin null", list().with("origin", "null"), 403, Rpc(REQUEST), "ALLOWED_ORIGINS"),
            row("Origin of another port", list().with("origin", "https://gateway.example:444"), 403, Rpc(REQUEST), "ALLOWED_ORIGINS"),
            row("preflight of a foreign origin", Ask::new("OPTIONS", "/mcp").with("origin", "https://evil.example"), 403, Rpc(REQUEST), "ALLOWED_ORIGINS"),
            row("allowed Origin", list().with("origin", "https://app.example"), 200, Fine, ""),
            row("own Origin", list().with("origin", "https://gateway.example"), 200, Fine, ""),
            row("unknown path", Ask::get("/nothing/here"), 404, Rest("INVALID_INPUTS"), "Nothing is served at /nothing/here."),
            row("wrong method on a route", Ask::new("DELETE", "/health"), 404, Rest("INVALID_INPUTS"), "Nothing is served"),
            row("asset without a signature", Ask::get("/assets/x/y.png"), 403, Rest("FORBIDDEN"), "was not made by the gateway"),
        ],
    );
    let preflight = memory.answer(
        Ask::new("OPTIONS", "/mcp")
            .with("origin", "https://app.example")
            .with("access-control-request-method", "POST"),
    );
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (204, Some("https://app.example"))
    );
    let allowed = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
    for name in [
        "authorization",
        "content-type",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-session-id",
        "last-event-id",
    ] {
        assert!(allowed.contains(name), "{name}");
    }
    let shared = memory.answer(list().with("origin", "https://app.example"));
    assert_eq!(shared.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(shared.header("access-control-expose-headers").unwrap().contains("Mcp-Session-Id"));
}

#[rustfmt::skip] // one row a line
#[test]
fn a_host_that_is_not_ours_is_refused_where_the_public_url_is_set() {
    let memory = Memory::with(1, &[("PUBLIC_URL", "https://gateway.example")]);
    let ada = Client::new(&memory, "ada", 1.0);
    let ask = ada.compose("tools/list", json!({}));
    let at = |url: &str| Ask { url: url.into(), ..ask.clone() };
    let rows: Vec<Row> = vec![
        row("another host", at("https://rebound.example/mcp"), 403, Rpc(REQUEST), "The Host header does not name this gateway"),
        row("loopback", at("http://127.0.0.1:8787/mcp"), 403, Rpc(REQUEST), "PUBLIC_URL"),
        row("a longer host", at("https://gateway.example.evil.example/mcp"), 403, Rpc(REQUEST), "PUBLIC_URL"),
        row("our host", at("https://gateway.example/mcp"), 200, Fine, ""),
    ];
    check(&memory, rows);
}
