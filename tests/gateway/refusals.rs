//! Bad input, one row each: what was sent, and the whole of what came back that a client can act on.
//! `cargo test --test gateway refusals -- --nocapture` prints the table, to be read aloud.

mod arguments;
mod people;
mod protocol;
mod rest;

use crate::support::client::error_of;
use crate::support::{Answer, Ask, Memory};
use serde_json::Value;

/// The code of a refusal, by the channel it comes through.
#[derive(Clone, Copy, Debug)]
enum Code {
    /// A JSON-RPC error.
    Rpc(i64),
    /// A tool's result with `isError`.
    Tool(&'static str),
    /// The envelope of plain HTTP.
    Rest(&'static str),
    /// No refusal: the neighbour of one.
    Fine,
}

struct Row {
    name: &'static str,
    ask: Ask,
    status: u16,
    code: Code,
    /// Part of the message.
    says: &'static str,
}

fn row(name: &'static str, ask: Ask, status: u16, code: Code, says: &'static str) -> Row {
    Row { name, ask, status, code, says }
}

/// Sends each row and compares; every row that differs is told, not the first only.
fn check(memory: &Memory, rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for row in rows {
        let answer = memory.answer(row.ask.clone());
        let told = message(&answer, row.code);
        println!(
            "| {} | {} {} | {} |",
            row.name,
            answer.status,
            code(&answer),
            told.clone().unwrap_or_default()
        );
        let is_right =
            answer.status == row.status && told.as_deref().is_some_and(|told| told.contains(row.says));
        if !is_right {
            wrong.push(format!(
                "{}: expected {} {:?} {:?}, got {} {}",
                row.name,
                row.status,
                row.code,
                row.says,
                answer.status,
                answer.text()
            ));
            continue;
        }
        assert!(answer.header("x-request-id").is_some(), "{}", row.name);
        let is_fine = matches!(row.code, Code::Fine);
        assert!(is_fine || answer.body.len() < 2000, "{} answers with {} bytes", row.name, answer.body.len());
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The message, if the answer is a refusal of this kind.
fn message(answer: &Answer, expected: Code) -> Option<String> {
    let body = answer.message();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match expected {
        Code::Rpc(code) => text(&body["error"]["message"])
            .filter(|_| body["error"]["code"] == code && body["jsonrpc"] == "2.0"),
        Code::Tool(code) => {
            let error = Some(&body["result"]).filter(|result| result["isError"] == true).map(error_of)?;
            text(&body["result"]["content"][0]["text"])
                .filter(|_| error["code"] == code)
                .map(|text| text.lines().next().unwrap().to_owned())
        }
        Code::Rest(code) => {
            let error = &body["error"];
            text(&error["message"]).filter(|_| {
                error["code"] == code && error["request_id"].is_string() && error["next"].is_string()
            })
        }
        Code::Fine => (body.get("error").is_none() && body["result"]["isError"] != true).then(String::new),
    }
}

fn code(answer: &Answer) -> String {
    let body = answer.message();
    match (&body["error"]["code"], &body["result"]["isError"]) {
        (Value::Null, Value::Bool(true)) => error_of(&body["result"])["code"].to_string(),
        (Value::Null, _) => "fine".into(),
        (code, _) => code.to_string(),
    }
}
