//! Streams between clients, other servers and object storage: bytes.js moves them, in one crossing each way, and not one
//! byte enters Wasm but the few that `peek` asks for and what `map` is there to change.

use crate::crypto;
use crate::platform::{Listed, Listing, NewObject, ObjectHead, Part, PutFault, Unavailable};
use crate::time::Timestamp;
use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::ReadableStream;
use worker::Env;

#[wasm_bindgen(module = "/src/edge/bytes.js")]
extern "C" {
    type Outcome;

    #[wasm_bindgen(catch, js_name = peek)]
    async fn peek_stream(stream: &ReadableStream, length: f64, bytes: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = discard)]
    async fn discard_stream(stream: &ReadableStream) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = putStream)]
    async fn put_stream(
        bucket: &JsValue,
        key: &str,
        content_type: &str,
        disposition: Option<&str>,
        length: f64,
        max_bytes: f64,
        sha256: Option<&str>,
        millis: u32,
        stream: &ReadableStream,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = digestStream)]
    async fn digest_stream(stream: &ReadableStream, millis: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = beginParts)]
    async fn begin_parts(
        bucket: &JsValue,
        key: &str,
        content_type: &str,
        disposition: Option<&str>,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = putPart)]
    async fn put_part(
        bucket: &JsValue,
        key: &str,
        upload: &str,
        number: u32,
        millis: u32,
        stream: &ReadableStream,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = endParts)]
    async fn end_parts(
        bucket: &JsValue,
        key: &str,
        upload: &str,
        numbers: Vec<u32>,
        etags: Vec<String>,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = abortParts)]
    async fn abort_parts(bucket: &JsValue, key: &str, upload: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = listObjects)]
    async fn list_objects(
        bucket: &JsValue,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = deleteObjects)]
    async fn delete_objects(bucket: &JsValue, keys: Vec<String>) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_name = mapStream)]
    fn map_stream(stream: &ReadableStream, change: &JsValue) -> Result<ReadableStream, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn fault(this: &Outcome) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn head(this: &Outcome) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn stream(this: &Outcome) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    fn size(this: &Outcome) -> f64;
    #[wasm_bindgen(method, getter)]
    fn etag(this: &Outcome) -> String;
    #[wasm_bindgen(method, getter)]
    fn digest(this: &Outcome) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn keys(this: &Outcome) -> Vec<String>;
    #[wasm_bindgen(method, getter)]
    fn sizes(this: &Outcome) -> Array;
    #[wasm_bindgen(method, getter)]
    fn times(this: &Outcome) -> Array;
    #[wasm_bindgen(method, getter, js_name = hasMore)]
    fn has_more(this: &Outcome) -> bool;
}

/// What JavaScript answered, unless it is a fault.
fn outcome(answer: Result<JsValue, JsValue>) -> Result<Outcome, PutFault> {
    // A stream that fails outside of what bytes.js watches.
    let answer: Outcome = answer.map_err(|fault| PutFault::Cut(format!("{fault:?}")))?.unchecked_into();
    match answer.fault().as_deref() {
        None => Ok(answer),
        Some("exists") => Err(PutFault::Exists),
        Some("checksum") => Err(PutFault::ChecksumMismatch),
        Some("too large") => Err(PutFault::TooLarge),
        Some("timed out") => Err(PutFault::TimedOut),
        // R2's own errors carry its number in brackets at their end; all others are of the stream.
        Some(reason) if reason.ends_with(')') => Err(PutFault::Unavailable(reason.to_owned())),
        Some(reason) => Err(PutFault::Cut(reason.to_owned())),
    }
}

fn failed(fault: JsValue) -> Unavailable {
    Unavailable(format!("object storage: {fault:?}"))
}

/// Exact up to 2^53.
fn length_of(length: Option<u64>) -> f64 {
    length.map_or(-1.0, |length| length as f64)
}

pub async fn peek(
    stream: &ReadableStream,
    length: Option<u64>,
    bytes: usize,
) -> Result<(Vec<u8>, ReadableStream), PutFault> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let seen = outcome(peek_stream(stream, length_of(length), bytes).await)?;
    Ok((seen.head(), seen.stream()))
}

pub async fn discard(stream: &ReadableStream) {
    // Whatever goes wrong with it does not matter any more.
    let _ = discard_stream(stream).await;
}

pub async fn digest(stream: &ReadableStream, millis: u32) -> Result<String, PutFault> {
    Ok(crypto::hex(&outcome(digest_stream(stream, millis).await)?.digest()))
}

/// One that cannot be read piece by piece stays as it is.
pub fn map(stream: ReadableStream, mut change: impl FnMut(&[u8]) -> Vec<u8> + 'static) -> ReadableStream {
    // Freed with the stream: the glue does it when JavaScript lets go of it.
    let change = Closure::<dyn FnMut(Vec<u8>) -> Vec<u8>>::new(move |piece: Vec<u8>| change(&piece));
    map_stream(&stream, &change.into_js_value()).unwrap_or(stream)
}

pub struct Bucket(JsValue);

impl Bucket {
    pub fn of(env: &Env, binding: &str) -> Result<Self, Unavailable> {
        let found = Reflect::get(env, &binding.into()).ok().filter(|found| found.is_object());
        found.map(Self).ok_or_else(|| Unavailable(format!("there is no binding {binding}")))
    }

    pub async fn put(&self, object: &NewObject, stream: &ReadableStream) -> Result<ObjectHead, PutFault> {
        let put = put_stream(
            &self.0,
            &object.key,
            &object.content_type,
            object.disposition.as_deref(),
            length_of(object.length),
            object.max_bytes as f64,
            object.sha256.as_deref(),
            object.millis,
            stream,
        );
        let stored = outcome(put.await)?;
        Ok(ObjectHead {
            size_bytes: stored.size() as u64,
            etag: stored.etag(),
            content_type: object.content_type.clone(),
            disposition: object.disposition.clone(),
        })
    }

    pub async fn begin_parts(&self, object: &NewObject) -> Result<String, Unavailable> {
        let begun = begin_parts(&self.0, &object.key, &object.content_type, object.disposition.as_deref());
        let id = begun.await.map_err(failed)?;
        id.as_string().ok_or_else(|| Unavailable("object storage named no upload".into()))
    }

    pub async fn put_part(
        &self,
        object: &NewObject,
        upload: &str,
        number: u32,
        stream: &ReadableStream,
    ) -> Result<Part, PutFault> {
        let put = put_part(&self.0, &object.key, upload, number, object.millis, stream);
        Ok(Part { number, etag: outcome(put.await)?.etag() })
    }

    pub async fn end_parts(&self, key: &str, upload: &str, parts: &[Part]) -> Result<(), PutFault> {
        let numbers = parts.iter().map(|part| part.number).collect();
        let etags = parts.iter().map(|part| part.etag.clone()).collect();
        outcome(end_parts(&self.0, key, upload, numbers, etags).await).map(|_| ())
    }

    pub async fn abort_parts(&self, key: &str, upload: &str) -> Result<(), Unavailable> {
        abort_parts(&self.0, key, upload).await.map(|_| ()).map_err(failed)
    }

    pub async fn delete_objects(&self, keys: &[String]) -> Result<(), Unavailable> {
        delete_objects(&self.0, keys.to_vec()).await.map(|_| ()).map_err(failed)
    }

    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listing, Unavailable> {
        let answer = list_objects(&self.0, prefix, after, limit).await.map_err(failed)?;
        let listed: Outcome = answer.unchecked_into();
        let numbers =
            |list: Array| list.iter().map(|value| value.as_f64().unwrap_or(0.0)).collect::<Vec<_>>();
        let facts = numbers(listed.sizes()).into_iter().zip(numbers(listed.times()));
        let objects = listed.keys().into_iter().zip(facts).map(|(key, (size, time))| Listed {
            key,
            size_bytes: size as u64,
            stored_at: Timestamp(time as i64),
        });
        Ok(Listing { objects: objects.collect(), has_more: listed.has_more() })
    }
}
