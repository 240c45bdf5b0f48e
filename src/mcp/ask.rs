//! Asking the client something in the middle of a call (elicitation, sampling). In a legacy session the
//! question goes out on the call's own stream and the answer comes back by another request, through the
//! `Session` object; in the modern era the call ends with what it needs and is made again with the answers.

use super::Exchange;
use super::message::RpcError;
use crate::platform::Platform;
use crate::session::{self, Session};
use futures::channel::mpsc::UnboundedSender;
use serde_json::{Map, Value, json};

/// A person has this long to answer in a legacy session, because no call may block longer.
const ANSWER_MILLIS: i64 = 45_000;
/// One wait inside the session's object.
const ROUND_MILLIS: i64 = 10_000;

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The client has no session to ask through, or did not declare the capability.
    Unable,
    TooLate,
    Error(Value),
    Fault(RpcError),
}

/// Sends `method` to the client on the stream of this call and waits for its result.
pub async fn ask<P: Platform>(
    exchange: &Exchange<P>,
    stream: &UnboundedSender<String>,
    method: &str,
    params: Value,
) -> Result<Value, NoAnswer> {
    let session = exchange.session.as_ref().ok_or(NoAnswer::Unable)?;
    let platform = &exchange.platform;
    let question = format!("ask-{}", crate::id::uuid_v7(platform.now(), &platform.random()));
    let fault = |_| NoAnswer::Fault(RpcError::internal());
    let expect = session::Command::Expect { expires_at: session.expires_at, question: question.clone() };
    platform.ask::<Session>(&session.name, expect).await.map_err(fault)?;
    let request = json!({ "jsonrpc": "2.0", "id": question, "method": method, "params": params });
    stream.unbounded_send(request.to_string()).map_err(|_| NoAnswer::TooLate)?;
    let until = platform.now().plus_millis(ANSWER_MILLIS);
    loop {
        let millis = until.millis_since(platform.now()).min(ROUND_MILLIS);
        if millis <= 0 {
            return Err(NoAnswer::TooLate);
        }
        let wait = session::Command::Await { question: question.clone(), millis };
        match platform.ask::<Session>(&session.name, wait).await.map_err(fault)? {
            session::Reply::Answered(text) => return read(&text),
            session::Reply::NotYet => {}
            _ => return Err(NoAnswer::TooLate),
        }
    }
}

fn read(text: &str) -> Result<Value, NoAnswer> {
    let mut body: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    match body.remove("result") {
        Some(result) => Ok(result),
        None => Err(NoAnswer::Error(body.remove("error").unwrap_or_default())),
    }
}

/// Hands a client's answer to whoever waits for it. An answer to nothing is dropped: the protocol has no error
/// for it.
pub async fn answered<P: Platform>(
    exchange: &Exchange<P>,
    id: &Value,
    body: Map<String, Value>,
) -> Result<(), RpcError> {
    let (Some(session), Some(question)) = (&exchange.session, id.as_str()) else { return Ok(()) };
    let answer =
        session::Command::Answer { question: question.to_owned(), answer: Value::Object(body).to_string() };
    exchange
        .platform
        .ask::<Session>(&session.name, answer)
        .await
        .map(|_| ())
        .map_err(|_| RpcError::internal())
}
