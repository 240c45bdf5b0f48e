//! JSON-RPC 2.0 as MCP uses it: one message in, one out, and the protocol's own errors.
//! Not for: refusals of a tool (`error::Refusal`), which are results.

use serde_json::{Map, Value, json};

/// One incoming message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Request {
        id: Value,
        method: String,
        params: Map<String, Value>,
    },
    Notification {
        method: String,
        params: Map<String, Value>,
    },
    /// A client's answer to a question of ours.
    Response {
        id: Value,
        body: Map<String, Value>,
    },
}

/// A protocol error: JSON-RPC code, and the HTTP status it travels with where the era gives it one.
#[derive(Clone, Debug, PartialEq)]
pub struct RpcError {
    pub code: i32,
    pub message: String,
    pub data: Option<Value>,
    /// In the modern era; older clients get 200 for an error of a readable request.
    pub status: u16,
}

pub const PARSE_ERROR: i32 = -32700;
pub const INVALID_REQUEST: i32 = -32600;
pub const METHOD_NOT_FOUND: i32 = -32601;
pub const INVALID_PARAMS: i32 = -32602;
pub const INTERNAL_ERROR: i32 = -32603;
/// 2026-07-28: a header is missing or differs from the body.
pub const HEADER_MISMATCH: i32 = -32020;
/// 2026-07-28: the call needs a capability that the client did not declare.
pub const MISSING_CAPABILITY: i32 = -32021;
/// 2026-07-28: a protocol version that is not implemented.
pub const UNSUPPORTED_VERSION: i32 = -32022;
/// Before 2026-07-28 only; the modern era says INVALID_PARAMS.
pub const RESOURCE_NOT_FOUND: i32 = -32002;

impl RpcError {
    pub fn new(code: i32, status: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None, status }
    }

    /// In-band: the request was fine as a message, its parameters are not.
    pub fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, 200, message)
    }

    pub fn method_not_found(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, 404, format!("The method `{}` does not exist here.", shorten(method)))
    }

    pub fn internal() -> Self {
        Self::new(INTERNAL_ERROR, 200, "The gateway could not reach its own storage. Try again in a moment.")
    }

    pub fn data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// The error response. Without a readable id the member is left out: the schema has no null id.
    pub fn response(&self, id: Option<&Value>) -> String {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Some(error)) = (&self.data, error.as_object_mut()) {
            error.insert("data".into(), data.clone());
        }
        match id {
            Some(id) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}"),
            None => format!("{{\"jsonrpc\":\"2.0\",\"error\":{error}}}"),
        }
    }
}

/// A result response around an object that is already JSON.
pub fn response(id: &Value, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}")
}

pub fn notification(method: &str, params: &Value) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":{params}}}")
}

/// The id of whatever this is, if it has one that can be echoed.
pub fn readable_id(value: &Value) -> Option<&Value> {
    value.get("id").filter(|id| is_id(id))
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_i64() || id.is_u64()
}

/// One message out of parsed JSON. Err names what is wrong with its shape.
pub fn parse(value: Value) -> Result<Message, RpcError> {
    let invalid = |why: &str| {
        RpcError::new(
            INVALID_REQUEST,
            400,
            format!(
                "Not a JSON-RPC 2.0 message: {why}. Send one object with jsonrpc, id, method and params."
            ),
        )
    };
    let Value::Object(mut body) = value else { return Err(invalid("expected an object")) };
    if body.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("`jsonrpc` must be \"2.0\""));
    }
    let id = body.remove("id");
    if id.as_ref().is_some_and(|id| !is_id(id)) {
        return Err(invalid("`id` must be a string or an integer"));
    }
    let Some(method) = body.remove("method") else {
        let is_answer = body.contains_key("result") || body.contains_key("error");
        return match id {
            Some(id) if is_answer => Ok(Message::Response { id, body }),
            _ => Err(invalid("`method` is missing")),
        };
    };
    let Value::String(method) = method else { return Err(invalid("`method` must be a string")) };
    let params = match body.remove("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(invalid("`params` must be an object")),
    };
    Ok(match id {
        Some(id) => Message::Request { id, method, params },
        None => Message::Notification { method, params },
    })
}

/// A caller's own text as it is repeated in an error.
pub fn shorten(text: &str) -> String {
    const MOST_CHARS: usize = 60;
    if text.chars().count() <= MOST_CHARS {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(MOST_CHARS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_three_kinds_apart() {
        let request = parse(json!({"jsonrpc": "2.0", "id": "a", "method": "ping"})).unwrap();
        assert!(matches!(request, Message::Request { id, .. } if id == "a"));
        let notification = parse(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).unwrap();
        assert!(matches!(notification, Message::Notification { .. }));
        let answer = parse(json!({"jsonrpc": "2.0", "id": 1, "result": {}})).unwrap();
        assert!(matches!(answer, Message::Response { .. }));
    }

    #[test]
    fn an_error_without_a_readable_id_has_no_id_member() {
        let error = RpcError::new(PARSE_ERROR, 400, "no");
        assert_eq!(error.response(None), r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}"#);
        assert_eq!(readable_id(&json!({"id": null})), None);
        assert_eq!(readable_id(&json!({"id": 1.5})), None);
        assert_eq!(readable_id(&json!({"id": "listen:0"})), Some(&json!("listen:0")));
    }
}
