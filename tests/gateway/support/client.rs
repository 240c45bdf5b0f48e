//! A person with a token and an MCP client that speaks one era, right by default.

use super::http::{Answer, Ask};
use super::memory::{Memory, OPERATOR_KEY};
use atelier::mcp::era::{self, Era};
use serde_json::{Map, Value, json};
use std::cell::Cell;

#[derive(Clone)]
pub struct Client {
    pub memory: Memory,
    pub token: String,
    pub token_id: String,
    pub person: String,
    pub workspace_id: String,
    pub era: Era,
    pub session: Option<String>,
    /// What it says it can do.
    pub capabilities: Value,
    next_id: Cell<u64>,
}

/// The operator's API, with its key.
pub fn operate(memory: &Memory, path: &str, body: &Value) -> Answer {
    memory.answer(Ask::post(path, body).bearer(OPERATOR_KEY))
}

impl Client {
    /// A person alone in a new workspace, with this many Creative Units and every scope.
    pub fn new(memory: &Memory, person: &str, units: f64) -> Self {
        Self::with_token(memory, person, json!({ "grant_creative_units": units }))
    }

    /// `more` are fields of the operator's request.
    pub fn with_token(memory: &Memory, person: &str, more: Value) -> Self {
        let mut body = json!({ "person": person });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = operate(memory, "/api/v1/operator/tokens", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let made = answer.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self {
            memory: memory.clone(),
            token: text("token"),
            token_id: text("token_id"),
            person: person.to_owned(),
            workspace_id: text("workspace_id"),
            era: Era::V2026_07_28,
            session: None,
            capabilities: json!({}),
            next_id: Cell::new(1),
        }
    }

    /// Whoever holds this token.
    pub fn holding(memory: &Memory, token: &str) -> Self {
        Self {
            memory: memory.clone(),
            token: token.to_owned(),
            token_id: String::new(),
            person: String::new(),
            workspace_id: String::new(),
            era: Era::V2026_07_28,
            session: None,
            capabilities: json!({}),
            next_id: Cell::new(1),
        }
    }

    /// Says so in every request, or when it shakes hands.
    pub fn declaring(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    pub fn in_era(mut self, era: Era) -> Self {
        self.era = era;
        self
    }

    /// Shakes hands; every request after it carries the session's id.
    pub fn in_session(mut self, era: Era) -> Self {
        self.era = era;
        self.session = None;
        let params = json!({ "protocolVersion": era.as_str(), "capabilities": self.capabilities, "clientInfo": { "name": "test", "version": "1" } });
        let answer = self.request("initialize", params);
        assert_eq!(answer.result()["protocolVersion"], era.as_str());
        self.session = Some(answer.header("mcp-session-id").unwrap().to_owned());
        let accepted =
            self.memory.answer(self.post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })));
        assert_eq!((accepted.status, accepted.body.len()), (202, 0));
        self
    }

    /// A POST to `/mcp` with the headers every era has.
    pub fn post(&self, body: impl ToString) -> Ask {
        let ask =
            Ask::post("/mcp", body).bearer(&self.token).with("accept", "application/json, text/event-stream");
        self.named(ask)
    }

    /// GET or DELETE of the session.
    pub fn bare(&self, method: &'static str) -> Ask {
        self.named(Ask::new(method, "/mcp").bearer(&self.token).with("accept", "text/event-stream"))
    }

    fn named(&self, ask: Ask) -> Ask {
        let ask = match &self.session {
            Some(id) => ask.with("mcp-session-id", id),
            None => ask,
        };
        // Clients of 2025-03-26 do not know the header.
        if self.era == Era::V2025_03_26 { ask } else { ask.with("mcp-protocol-version", self.era.as_str()) }
    }

    /// One request of this era, with everything the era wants around it.
    pub fn compose(&self, method: &str, mut params: Value) -> Ask {
        let id = self.next_id.replace(self.next_id.get() + 1);
        if self.era.is_modern() {
            let meta =
                params.as_object_mut().unwrap().entry("_meta").or_insert_with(|| Value::Object(Map::new()));
            let meta = meta.as_object_mut().unwrap();
            meta.entry(era::META_VERSION).or_insert_with(|| era::MODERN.into());
            meta.entry(era::META_CAPABILITIES).or_insert_with(|| self.capabilities.clone());
        }
        let name = ["name", "uri", "taskId"].iter().find_map(|field| params.get(field)?.as_str());
        let name = name.map(str::to_owned);
        let mut ask = self.post(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        if method == "initialize" {
            ask = ask.without("mcp-protocol-version");
        }
        if self.era.is_modern() {
            ask = ask.with("mcp-method", method);
            if let Some(name) = name {
                ask = ask.with("mcp-name", &name);
            }
        }
        ask
    }

    pub fn request(&self, method: &str, params: Value) -> Answer {
        self.memory.answer(self.compose(method, params))
    }

    pub fn tool(&self, tool: &str, arguments: &Value) -> Ask {
        self.compose("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// A call that must not be refused: its result.
    pub fn call(&self, tool: &str, arguments: &Value) -> Value {
        let result = self.memory.answer(self.tool(tool, arguments)).result();
        assert!(result.get("isError").is_none(), "{result}");
        result
    }

    /// A call that must be refused: the envelope's error.
    pub fn refused(&self, tool: &str, arguments: &Value) -> Value {
        let result = self.memory.answer(self.tool(tool, arguments)).result();
        assert_eq!(result["isError"], true, "{result}");
        error_of(&result)
    }

    /// Starts a generation: its id.
    pub fn start(&self, arguments: &Value) -> String {
        self.call("execute_forge", arguments)["structuredContent"]["inference_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits for the end of a generation: its last answer.
    pub fn run_to_end(&self, id: &str) -> Value {
        for _ in 0..30 {
            let result = self.call("get_forge_run", &json!({ "inference_id": id, "wait_seconds": 45 }));
            if result["structuredContent"]["status"] != "in_progress" {
                return result;
            }
        }
        panic!("{id} does not end");
    }

    /// Balance, reserved and spent units.
    pub fn units(&self) -> [f64; 3] {
        let found = self.call("get_workspace", &json!({}));
        ["balance", "reserved", "spent"]
            .map(|name| found["structuredContent"][format!("{name}_creative_units")].as_f64().unwrap())
    }
}

/// The error of a refused tool call, the same in its text and in `_meta`.
pub fn error_of(result: &Value) -> Value {
    let text = result["content"][0]["text"].as_str().unwrap();
    let (_, envelope) = text.split_once('\n').unwrap();
    let error = serde_json::from_str::<Value>(envelope).unwrap()["error"].clone();
    assert_eq!(error, result["_meta"]["dev.atelier/error"]);
    error
}
