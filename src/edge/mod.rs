//! The Worker: the platform's events into the gateway's one function, and its answers back. The only folder that
//! names the `worker` crate, and it decides nothing.
//!
//! `entry.js` is the module the runtime loads. It hands a request over as two values (head and body) and gets a
//! `Response` back: every further crossing between JavaScript and Wasm costs more than what it would carry.

mod budget;
mod bytes;
mod fetch;
mod listen;
mod objects;
mod platform;
mod sleep;
mod sql;
mod wake;

use crate::collector;
use crate::config::Config;
use crate::http::{self, Body, Headers, Payload, Response};
use crate::providers::Catalogue;
use crate::router;
use crate::upstream::prices;
use futures::StreamExt;
use platform::Workers;
use serde_json::json;
use std::cell::OnceCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use worker::Env;

#[wasm_bindgen(module = "/src/edge/respond.js")]
extern "C" {
    /// A `Response` of these bytes, which are copied before this returns.
    fn respond(status: u16, head: &str, body: &[u8]) -> JsValue;
    #[wasm_bindgen(js_name = respondWithStream)]
    fn respond_with_stream(status: u16, head: &str, body: &JsValue) -> JsValue;
}

thread_local! {
    // Settings do not change while an isolate lives.
    static CONFIG: OnceCell<Result<Rc<Config>, String>> = const { OnceCell::new() };
}

/// Answers one request: a `Response` if nothing had to be waited for, else a promise of one. `head` is the
/// method, the URL and the header lines; `body` is None when it was too large to be read; `stream` is there instead
/// where the body is a file.
#[wasm_bindgen]
pub fn serve(
    head: String,
    body: Option<Vec<u8>>,
    env: Env,
    stream: Option<web_sys::ReadableStream>,
) -> JsValue {
    wake::run(async move {
        let Some(request) = request(head, body) else {
            return respond(400, "content-type: text/plain", b"Not a request.");
        };
        match config(&env) {
            Ok(config) => reply(router::handle(&Workers::new(env, config), &request, stream).await),
            Err(problem) => reply(router::without_config(&request, &problem)),
        }
    })
}

/// The hourly sweep, and a look at the present prices; ends when it is over, and throws nothing.
#[wasm_bindgen]
pub fn sweep(env: Env) -> JsValue {
    wake::run(async move {
        match config(&env) {
            Ok(config) => {
                let platform = Workers::new(env, config);
                collector::sweep(&platform).await;
                prices::refresh(&platform).await;
            }
            Err(problem) => worker::console_error!(
                "{}",
                json!({ "level": "error", "event": "collector.not_configured", "fields": { "problem": problem } })
            ),
        }
        JsValue::UNDEFINED
    })
}

fn request(mut head: String, body: Option<Vec<u8>>) -> Option<http::Request> {
    let first_line = head.find('\n').unwrap_or(head.len());
    let lines = head.get(first_line + 1..).unwrap_or_default().to_owned();
    head.truncate(first_line);
    let (method, url) = head.split_once(' ')?;
    let payload = match body {
        None => Payload::TooLarge,
        // What is not UTF-8 is not JSON either; the parser says so.
        Some(bytes) => Payload::Text(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
    };
    http::Request::new(method, url, Headers::from_lines(lines), payload)
}

fn config(env: &Env) -> Result<Rc<Config>, String> {
    CONFIG.with(|cell| {
        let read = || Config::parse(|name| env.var(name).ok().map(|value| value.to_string())).map(Rc::new);
        cell.get_or_init(|| read().inspect(|config| log_problems(config))).clone()
    })
}

/// Once in an isolate, and on the start page all the time.
fn log_problems(config: &Config) {
    for problem in Catalogue::of(config).problems() {
        let line = json!({ "level": "error", "event": "catalogue.wrong", "fields": { "problem": problem } });
        worker::console_error!("{}", line);
    }
}

fn reply(response: Response<web_sys::ReadableStream>) -> JsValue {
    let mut head = String::with_capacity(256);
    for (name, value) in &response.headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push('\n');
    }
    match response.body {
        Body::Empty => respond(response.status, &head, &[]),
        Body::Text(text) => respond(response.status, &head, text.as_bytes()),
        Body::Bytes(bytes) => respond(response.status, &head, &bytes),
        Body::Stream(stream) => respond_with_stream(response.status, &head, &stream),
        Body::Events(events) => {
            let pieces = events.map(|piece| Ok::<_, worker::Error>(piece.into_bytes()));
            match worker::Response::from_stream(pieces).map(web_sys::Response::from) {
                Ok(streamed) => respond_with_stream(response.status, &head, &streamed.body().into()),
                Err(_) => respond(500, "", &[]),
            }
        }
    }
}
