//! Requests to other servers: fetch.js makes them, in one crossing each way.

use crate::http::Headers;
use crate::outbound::{FetchFault, Inbound, Outbound};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/edge/fetch.js")]
extern "C" {
    type Outcome;

    /// Never throws.
    #[wasm_bindgen(js_name = fetchOutbound, catch)]
    async fn fetch_outbound(
        method: &str,
        url: &str,
        head: &str,
        body: Option<&str>,
        max_bytes: usize,
        millis: u32,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn fault(this: &Outcome) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Outcome) -> u16;
    #[wasm_bindgen(method, getter)]
    fn head(this: &Outcome) -> String;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Outcome) -> Vec<u8>;
}

pub async fn fetch(request: Outbound) -> Result<Inbound, FetchFault> {
    let Outbound { method, url, headers, body, max_bytes, millis } = request;
    let head: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let outcome: Outcome = fetch_outbound(method, &url, &head, body.as_deref(), max_bytes, millis)
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
        Some("too large") => Err(FetchFault::TooLarge),
        Some("timed out") => Err(FetchFault::TimedOut),
        Some(reason) => Err(FetchFault::Unreachable(reason.to_owned())),
    }
}
