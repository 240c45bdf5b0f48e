//! `Platform` on Workers bindings.

use super::sleep::Sleep;
use super::{budget, bytes, fetch, listen};
use crate::config::Config;
use crate::outbound::{FetchFault, Inbound, Outbound};
use crate::platform::{
    Budget, ByteRange, Entity, Level, Listing, NewObject, ObjectHead, Opened, Part, Platform, PutFault,
    Unavailable,
};
use crate::time::Timestamp;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use futures::stream::LocalBoxStream;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::ReadableStream;
use worker::{Bucket, Env, HttpMetadata, KvStore, Range, RequestInit, ResponseBody, Stub};

const KV: &str = "KV";
const MEDIA: &str = "MEDIA";
/// An object never sees this name; the runtime wants an absolute URL.
const OBJECT_URL: &str = "https://object/";
/// Random bytes drawn from the platform at once: one crossing serves a few dozen identifiers.
const POOL_BYTES: usize = 1024;

thread_local! {
    static POOL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone)]
pub struct Workers {
    env: Env,
    config: Rc<Config>,
}

impl Workers {
    pub fn new(env: Env, config: Rc<Config>) -> Self {
        Self { env, config }
    }

    fn kv(&self) -> Result<KvStore, Unavailable> {
        self.env.kv(KV).map_err(unavailable)
    }

    fn bucket(&self) -> Result<Bucket, Unavailable> {
        self.env.bucket(MEDIA).map_err(unavailable)
    }

    async fn put(
        &self,
        key: &str,
        content_type: &str,
        disposition: Option<String>,
        bytes: Vec<u8>,
    ) -> Result<(), Unavailable> {
        let metadata = HttpMetadata {
            content_type: Some(content_type.to_owned()),
            content_disposition: disposition,
            ..HttpMetadata::default()
        };
        let put = self.bucket()?.put(key, bytes).http_metadata(metadata).execute().await;
        put.map(|_| ()).map_err(unavailable)
    }

    fn object(&self, binding: &str, name: &str) -> Result<Stub, Unavailable> {
        self.env
            .durable_object(binding)
            .and_then(|namespace| namespace.get_by_name(name))
            .map_err(unavailable)
    }

    /// One command to one object, both as JSON. Boxed: compiled once for all kinds of object.
    fn send<'a>(
        &'a self,
        binding: &'a str,
        name: &'a str,
        body: String,
    ) -> LocalBoxFuture<'a, Result<String, Unavailable>> {
        async move {
            let mut init = RequestInit::new();
            init.with_method(worker::Method::Post).with_body(Some(body.into()));
            let request = worker::Request::new_with_init(OBJECT_URL, &init).map_err(unavailable)?;
            let mut response =
                self.object(binding, name)?.fetch_with_request(request).await.map_err(unavailable)?;
            let text = response.text().await.map_err(unavailable)?;
            match response.status_code() {
                200 => Ok(text),
                status => Err(Unavailable(format!("{binding} answered {status}: {text}"))),
            }
        }
        .boxed_local()
    }
}

pub fn unavailable(fault: impl std::fmt::Display) -> Unavailable {
    Unavailable(fault.to_string())
}

impl Platform for Workers {
    type Stream = ReadableStream;

    fn config(&self) -> &Config {
        &self.config
    }

    fn now(&self) -> Timestamp {
        Timestamp(js_sys::Date::now() as i64)
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        POOL.with_borrow_mut(|pool| {
            if pool.len() < N {
                *pool = fresh_random();
            }
            let rest = pool.split_off(pool.len().saturating_sub(N));
            bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = from);
        });
        bytes
    }

    async fn sleep(&self, millis: u32) {
        Sleep::new(millis).await;
    }

    fn log(&self, level: Level, event: &str, fields: serde_json::Value) {
        let line = serde_json::json!({ "level": level, "event": event, "fields": fields }).to_string();
        match level {
            Level::Info => worker::console_log!("{line}"),
            Level::Warn => worker::console_warn!("{line}"),
            Level::Error => worker::console_error!("{line}"),
        }
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, Unavailable> {
        self.kv()?.get(key).text().await.map_err(unavailable)
    }

    async fn remember(&self, key: &str, value: &str, ttl_seconds: u32) -> Result<(), Unavailable> {
        // Always text: the SDK turns maps into `{}`.
        let put = self.kv()?.put(key, value).map_err(unavailable)?;
        put.expiration_ttl(u64::from(ttl_seconds)).execute().await.map_err(unavailable)
    }

    async fn head_object(&self, key: &str) -> Result<Option<ObjectHead>, Unavailable> {
        let found = self.bucket()?.head(key).await.map_err(unavailable)?;
        Ok(found.map(|object| ObjectHead {
            size_bytes: object.size(),
            etag: object.http_etag(),
            content_type: object
                .http_metadata()
                .content_type
                .unwrap_or_else(|| "application/octet-stream".into()),
            disposition: object.http_metadata().content_disposition,
        }))
    }

    async fn stream_object(
        &self,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<Option<ReadableStream>, Unavailable> {
        let bucket = self.bucket()?;
        let mut get = bucket.get(key);
        if let Some(range) = range {
            get = get
                .range(Range::OffsetWithLength { offset: range.first, length: range.last - range.first + 1 });
        }
        let Some(object) = get.execute().await.map_err(unavailable)? else { return Ok(None) };
        let Some(body) = object.body() else { return Ok(None) };
        match body.response_body().map_err(unavailable)? {
            ResponseBody::Stream(stream) => Ok(Some(stream)),
            _ => Ok(None),
        }
    }

    async fn read_object(&self, key: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        let Some(object) = self.bucket()?.get(key).execute().await.map_err(unavailable)? else {
            return Ok(None);
        };
        match object.body() {
            Some(body) => body.bytes().await.map(Some).map_err(unavailable),
            None => Ok(None),
        }
    }

    async fn put_object(&self, key: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Unavailable> {
        self.put(key, content_type, None, bytes).await
    }

    async fn put_bytes(&self, object: &NewObject, bytes: Vec<u8>) -> Result<(), Unavailable> {
        self.put(&object.key, &object.content_type, object.disposition.clone(), bytes).await
    }

    async fn read_range(&self, key: &str, range: ByteRange) -> Result<Option<Vec<u8>>, Unavailable> {
        let length = range.last.saturating_sub(range.first) + 1;
        let bucket = self.bucket()?;
        let get = bucket.get(key).range(Range::OffsetWithLength { offset: range.first, length });
        let Some(object) = get.execute().await.map_err(unavailable)? else { return Ok(None) };
        match object.body() {
            Some(body) => body.bytes().await.map(Some).map_err(unavailable),
            None => Ok(None),
        }
    }

    async fn delete_objects(&self, keys: &[String]) -> Result<(), Unavailable> {
        bytes::Bucket::of(&self.env, MEDIA)?.delete_objects(keys).await
    }

    async fn list_objects(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Listing, Unavailable> {
        bytes::Bucket::of(&self.env, MEDIA)?.list(prefix, after, limit).await
    }

    async fn peek(
        &self,
        stream: ReadableStream,
        length: Option<u64>,
        bytes: usize,
    ) -> Result<(Vec<u8>, ReadableStream), PutFault> {
        bytes::peek(&stream, length, bytes).await
    }

    async fn discard(&self, stream: ReadableStream) {
        bytes::discard(&stream).await;
    }

    async fn put_stream(&self, object: &NewObject, stream: ReadableStream) -> Result<ObjectHead, PutFault> {
        bytes::Bucket::of(&self.env, MEDIA)?.put(object, &stream).await
    }

    async fn digest_stream(&self, stream: ReadableStream, millis: u32) -> Result<String, PutFault> {
        bytes::digest(&stream, millis).await
    }

    async fn begin_parts(&self, object: &NewObject) -> Result<String, Unavailable> {
        bytes::Bucket::of(&self.env, MEDIA)?.begin_parts(object).await
    }

    async fn put_part(
        &self,
        object: &NewObject,
        upload: &str,
        number: u32,
        stream: ReadableStream,
    ) -> Result<Part, PutFault> {
        bytes::Bucket::of(&self.env, MEDIA)?.put_part(object, upload, number, &stream).await
    }

    async fn end_parts(&self, key: &str, upload: &str, parts: &[Part]) -> Result<(), PutFault> {
        bytes::Bucket::of(&self.env, MEDIA)?.end_parts(key, upload, parts).await
    }

    async fn abort_parts(&self, key: &str, upload: &str) -> Result<(), Unavailable> {
        bytes::Bucket::of(&self.env, MEDIA)?.abort_parts(key, upload).await
    }

    async fn ask<E: Entity>(&self, name: &str, command: E::Command) -> Result<E::Reply, Unavailable> {
        let body = serde_json::to_string(&command).map_err(unavailable)?;
        let text = self.send(E::BINDING, name, body).await?;
        serde_json::from_str(&text).map_err(unavailable)
    }

    async fn listen<E: Entity>(
        &self,
        name: &str,
        after: Option<&str>,
    ) -> Result<LocalBoxStream<'static, String>, Unavailable> {
        listen::connect(self.object(E::BINDING, name)?, OBJECT_URL, after).await
    }

    async fn fetch(&self, request: Outbound) -> Result<Inbound, FetchFault> {
        fetch::fetch(request).await
    }

    async fn open_url(&self, request: Outbound) -> Result<Opened<ReadableStream>, FetchFault> {
        fetch::open(request).await
    }

    async fn infer(&self, request: Outbound) -> Result<Opened<ReadableStream>, FetchFault> {
        fetch::infer(&self.env, request).await
    }

    fn map_stream(
        &self,
        stream: ReadableStream,
        change: impl FnMut(&[u8]) -> Vec<u8> + 'static,
    ) -> ReadableStream {
        bytes::map(stream, change)
    }

    async fn within_budget(&self, budget: Budget, key: &str) -> bool {
        budget::is_within(&self.env, budget, key).await
    }
}

fn fresh_random() -> Vec<u8> {
    let mut bytes = vec![0; POOL_BYTES];
    let global: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    if global.crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes)).is_err() {
        // Without randomness every identifier and token would be guessable: stop instead.
        wasm_bindgen::throw_str("Web Crypto gave no random bytes");
    }
    bytes
}
