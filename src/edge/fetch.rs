//! Requests to other servers and to the platform's own inference: fetch.js makes them, in one crossing each way.

use crate::http::Headers;
use crate::outbound::{FetchFault, Inbound, Outbound, Payload};
use crate::platform::Opened;
use js_sys::Reflect;
use wasm_bindgen::prelude::*;
use web_sys::ReadableStream;
use worker::Env;

const AI: &str = "AI";

#[wasm_bindgen(module = "/src/edge/fetch.js")]
extern "C" {
    type Outcome;

    /// Never throws.
    #[wasm_bindgen(js_name = fetchOutbound, catch)]
    async fn fetch_outbound(
        method: &str,
        url: &str,
        head: &str,
        body: &JsValue,
        max_bytes: usize,
        millis: u32,
    ) -> Result<JsValue, JsValue>;

    /// Never throws. The length is -1 where it is not known.
    #[wasm_bindgen(js_name = openOutbound, catch)]
    async fn open_outbound(
        method: &str,
        url: &str,
        head: &str,
        body: &JsValue,
        max_bytes: usize,
        millis: u32,
    ) -> Result<JsValue, JsValue>;

    /// Never throws.
    #[wasm_bindgen(js_name = inferOutbound, catch)]
    async fn infer_outbound(
        ai: &JsValue,
        model: &str,
        content_type: &str,
        body: &JsValue,
        max_bytes: usize,
        millis: u32,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn length(this: &Outcome) -> f64;
    #[wasm_bindgen(method, getter, js_name = body)]
    fn stream(this: &Outcome) -> Option<ReadableStream>;
    #[wasm_bindgen(method, getter)]
    fn fault(this: &Outcome) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Outcome) -> u16;
    #[wasm_bindgen(method, getter)]
    fn head(this: &Outcome) -> String;
    #[wasm_bindgen(method, getter)]
    fn text(this: &Outcome) -> String;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Outcome) -> Vec<u8>;
}

fn lines(headers: &[(&'static str, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// Copied: the request may outlive what it was made of.
fn payload(body: Option<Payload>) -> JsValue {
    match body {
        None => JsValue::UNDEFINED,
        Some(Payload::Text(text)) => text.into(),
        Some(Payload::Bytes(bytes)) => js_sys::Uint8Array::from(bytes.as_slice()).into(),
    }
}

fn fault_of(reason: &str) -> FetchFault {
    match reason {
        "too large" => FetchFault::TooLarge,
        "timed out" => FetchFault::TimedOut,
        reason => FetchFault::Unreachable(reason.to_owned()),
    }
}

pub async fn open(request: Outbound) -> Result<Opened<ReadableStream>, FetchFault> {
    let Outbound { method, url, headers, body, max_bytes, millis } = request;
    read_opened(open_outbound(method, &url, &lines(&headers), &payload(body), max_bytes, millis).await)
}

/// The binding is optional: without it nothing is sent.
pub async fn infer(env: &Env, request: Outbound) -> Result<Opened<ReadableStream>, FetchFault> {
    let ai = Reflect::get(env, &AI.into()).ok().filter(|found| found.is_object());
    let ai = ai.ok_or(FetchFault::Refused("there is no binding AI for Workers AI in wrangler.toml"))?;
    let Outbound { url, headers, body, max_bytes, millis, .. } = request;
    let model = url.strip_prefix("ai:").unwrap_or(&url);
    let content_type = headers.iter().find(|(name, _)| *name == "content-type");
    let content_type = content_type.map_or("application/json", |(_, value)| value.as_str());
    read_opened(infer_outbound(&ai, model, content_type, &payload(body), max_bytes, millis).await)
}

fn read_opened(outcome: Result<JsValue, JsValue>) -> Result<Opened<ReadableStream>, FetchFault> {
    let outcome: Outcome =
        outcome.map_err(|fault| FetchFault::Unreachable(format!("{fault:?}")))?.unchecked_into();
    match outcome.fault() {
        Some(reason) => Err(fault_of(&reason)),
        None => Ok(Opened {
            status: outcome.status(),
            headers: Headers::from_lines(outcome.head()),
            // Exact up to 2^53.
            length: (outcome.length() >= 0.0).then(|| outcome.length() as u64),
            body: outcome.stream(),
            text: outcome.text(),
        }),
    }
}

pub async fn fetch(request: Outbound) -> Result<Inbound, FetchFault> {
    let Outbound { method, url, headers, body, max_bytes, millis } = request;
    let head = lines(&headers);
    let outcome: Outcome = fetch_outbound(method, &url, &head, &payload(body), max_bytes, millis)
        .await
        .map_err(|fault| FetchFault::Unreachable(format!("{fault:?}")))?
        .unchecked_into();
    match outcome.fault().as_deref() {
        None => Ok(Inbound {
            status: outcome.status(),
            headers: Headers::from_lines(outcome.head()),
            body: String::from_utf8(outcome.body())
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        }),
        Some(reason) => Err(fault_of(reason)),
    }
}
