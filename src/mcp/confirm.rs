//! A price that a person has to agree to first: the question, and what its answer is worth. In the modern era the call
//! ends with the question and is made again with the answer (multi round-trip); what holds the two together is sealed,
//! because the client could change it. In a legacy session the question goes out on the call's own stream.
//! Not for: which price needs asking (`workspace`).

use super::Exchange;
use super::ask::{self, NoAnswer};
use super::era::Finished;
use super::message::RpcError;
use crate::crypto::{self, Signer};
use crate::error::{Code, Refusal};
use crate::platform::Platform;
use crate::time::Timestamp;
use crate::tools::Confirmation;
use crate::units::Units;
use crate::workspace::Consent;
use futures::channel::mpsc::UnboundedSender;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A person has this long to answer; longer, and the price may be another one.
const VALID_SECONDS: i64 = 10 * 60;
/// Names the question in `inputRequests` and its answer in `inputResponses`.
const QUESTION: &str = "confirm_price";
/// The field of the form that says yes.
const FIELD: &str = "go_on";

/// Somebody agreed to a price.
#[derive(Clone, Debug)]
pub struct Agreement {
    pub price: Units,
    /// The same for every repeat of the answer that gave it.
    pub name: String,
}

/// What holds question and answer together. Everybody can read it, nobody can make one.
#[derive(Serialize, Deserialize)]
struct State {
    /// Digest of who asked for what.
    of: String,
    price: Units,
    until: Timestamp,
    name: String,
}

/// Whether a person can be asked during this call.
pub fn consent<P: Platform>(exchange: &Exchange<P>) -> Consent {
    let has_way = exchange.era.is_modern() || (exchange.session.is_some() && exchange.accepts_events);
    match exchange.client.elicitation && exchange.era.has_elicitation() && has_way {
        true => Consent::CanAsk,
        false => Consent::CannotAsk,
    }
}

/// The call ends here, with the question.
pub fn input_required<P: Platform>(
    exchange: &Exchange<P>,
    tool: &str,
    arguments: &Value,
    confirmation: &Confirmation,
) -> Finished {
    let now = exchange.platform.now();
    let state = State {
        of: binding(exchange, tool, arguments),
        price: confirmation.price,
        until: now.plus_seconds(VALID_SECONDS),
        name: crypto::hex(&exchange.platform.random::<16>()),
    };
    let state = signer(exchange).seal(&serde_json::to_string(&state).unwrap_or_default());
    let question = json!({ "method": "elicitation/create", "params": form(confirmation) });
    let result = json!({ "inputRequests": { QUESTION: question }, "requestState": state });
    Finished { kind: "input_required", ..Finished::from(result) }
}

/// What a modern call brings with it. Outer Err: state that is not ours or not for this call. Inner Err: the person
/// said no. None: there is no answer yet.
pub fn given<P: Platform>(
    exchange: &Exchange<P>,
    tool: &str,
    arguments: &Value,
    params: &Map<String, Value>,
) -> Result<Option<Result<Agreement, Refusal>>, RpcError> {
    let Some(state) = params.get("requestState").filter(|_| exchange.era.is_modern()) else {
        return Ok(None);
    };
    let unfit = |why: &str| {
        RpcError::params(format!(
            "params.requestState {why}. Make the call again without requestState and inputResponses."
        ))
    };
    let sealed = state.as_str().ok_or_else(|| unfit("must be a string"))?;
    let state: State = signer(exchange)
        .open(sealed)
        .and_then(|text| serde_json::from_str(&text).ok())
        .ok_or_else(|| unfit("is not one that this gateway gave out"))?;
    if state.of != binding(exchange, tool, arguments) {
        return Err(unfit("belongs to another call"));
    }
    if state.until <= exchange.platform.now() {
        return Err(unfit("has expired"));
    }
    let answer = params.get("inputResponses").and_then(|responses| responses.get(QUESTION));
    Ok(match answer.map(read) {
        Some(Answer::Yes) => Some(Ok(Agreement { price: state.price, name: state.name })),
        Some(Answer::No) => Some(Err(declined(state.price))),
        None | Some(Answer::Unclear) => None,
    })
}

/// Asks on the stream of a legacy call and waits. Inner Err: there is no agreement.
pub async fn ask<P: Platform>(
    exchange: &Exchange<P>,
    stream: &UnboundedSender<String>,
    confirmation: &Confirmation,
) -> Result<Result<Agreement, Refusal>, RpcError> {
    let price = confirmation.price;
    let none = |why: String, next: &str| {
        Ok(Err(Refusal::new(Code::Declined, format!("{why} Nothing was charged.")).next(next)))
    };
    match ask::ask(exchange, stream, "elicitation/create", form(confirmation)).await {
        Ok(answer) => match read(&answer) {
            Answer::Yes => Ok(Ok(Agreement { price, name: crypto::hex(&exchange.platform.random::<16>()) })),
            Answer::No => Ok(Err(declined(price))),
            Answer::Unclear => none(
                format!("The answer to the question about {} says neither yes nor no.", price.words()),
                "Ask the person; when they agree, make the same call again.",
            ),
        },
        Err(NoAnswer::Fault(error)) => Err(error),
        Err(NoAnswer::TooLate) => none(
            format!("Nobody agreed to the price of {} in time.", price.words()),
            "When the person is there to answer, make the same call again; or ask for something cheaper.",
        ),
        Err(NoAnswer::Unable | NoAnswer::Error(_)) => none(
            format!("The client could not ask the person about the price of {}.", price.words()),
            "Ask for something cheaper, or ask an owner of the workspace to raise its threshold.",
        ),
    }
}

enum Answer {
    Yes,
    No,
    Unclear,
}

/// `ElicitResult`. Units are spent on an explicit yes only.
fn read(answer: &Value) -> Answer {
    let said = answer.pointer(&format!("/content/{FIELD}")).and_then(Value::as_bool);
    match (answer.get("action").and_then(Value::as_str), said) {
        (Some("accept"), Some(true)) => Answer::Yes,
        (Some("accept"), Some(false)) | (Some("decline" | "cancel"), _) => Answer::No,
        _ => Answer::Unclear,
    }
}

fn declined(price: Units) -> Refusal {
    let message = format!("The person did not agree to {}. Nothing was charged.", price.words());
    Refusal::new(Code::Declined, message)
}

/// `ElicitRequestFormParams` as every revision that has it knows it. The answer is already filled in, so that pressing
/// the client's own button is enough.
fn form(confirmation: &Confirmation) -> Value {
    let go_on = json!({
        "type": "boolean",
        "title": format!("Spend up to {}", confirmation.price.words()),
        "description": "Yes begins it and sets the units aside; no charges nothing.",
        "default": true,
    });
    let schema = json!({ "type": "object", "properties": { FIELD: go_on }, "required": [FIELD] });
    json!({ "message": confirmation.message(), "requestedSchema": schema })
}

fn binding<P: Platform>(exchange: &Exchange<P>, tool: &str, arguments: &Value) -> String {
    let caller = &exchange.caller;
    let parts = json!([caller.person.as_str(), caller.token_id(), tool, arguments]);
    crypto::hex(&crypto::sha256(parts.to_string().as_bytes()))
}

fn signer<P: Platform>(exchange: &Exchange<P>) -> Signer {
    exchange.platform.config().signer("price confirmation")
}
