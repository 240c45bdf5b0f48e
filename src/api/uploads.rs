//! `/api/v1/media/uploads/{token}`: the presigned URL. The token is the authority; no Authorization header is read.
//!
//! | | |
//! |---|---|
//! | `PUT` | the file, as one body of known length → `{ok, file_url, asset, bytes}` |
//! | `GET`, `HEAD` | how far it is; the same answer again once it is stored |
//! | `PUT …/parts/{n}` | one part of a large file |
//! | `GET …/missing` | the numbers of the parts that have not come, a line each |
//! | `POST …/complete` | puts the parts together |
//! | `DELETE` | gives it up |
//!
//! Not for: deciding what may come (`crate::uploads`).

use super::rest;
use crate::error::{Code, Refusal};
use crate::http::{Payload, Request, Response, percent_decode};
use crate::id::AssetId;
use crate::origin;
use crate::platform::{Level, Platform, Unavailable};
use crate::tools::assets::LINK_SECONDS;
use crate::uploads::receive::{self, Incoming, Received};
use crate::uploads::{self, Command, View, Word, parts, token};
use crate::workspace::{Asset, media};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use crate::api_path::UPLOADS as PREFIX;
/// Missing parts told at once; a 5 GiB file has 160.
const MAX_MISSING: usize = 1000;
const METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS";

/// What of an upload the path names.
enum Place<'a> {
    Whole,
    Part(&'a str),
    Missing,
    Complete,
}

fn place(path: &str) -> Option<(&str, Place<'_>)> {
    let rest = path.strip_prefix(PREFIX)?;
    let (token, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((
        token,
        match rest.split_once('/') {
            Some(("parts", number)) => Place::Part(number),
            None if rest.is_empty() => Place::Whole,
            None if rest == "missing" => Place::Missing,
            None if rest == "complete" => Place::Complete,
            _ => return None,
        },
    ))
}

/// A file as the answer of an upload shows it.
#[derive(Serialize)]
struct AssetBody<'a> {
    asset_id: &'a AssetId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    kind: crate::models::Modality,
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
}

/// A finished upload.
#[derive(Serialize)]
struct StoredBody<'a> {
    ok: bool,
    state: Word,
    file_url: String,
    asset: AssetBody<'a>,
    bytes: u64,
}

/// One under way.
#[derive(Serialize)]
struct StateBody<'a> {
    ok: bool,
    state: Word,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    max_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    part_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_parts: Option<&'a [u32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

pub async fn serve<P: Platform>(
    platform: &P,
    request: &Request,
    body: Option<P::Stream>,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let (token, place) = place(&request.path)?;
    let asked = Asked { platform, request, request_id };
    let response = match request.method.as_str() {
        "OPTIONS" => options(),
        _ => match token::parse(platform, token) {
            None => asked.refuse(&unknown()),
            Some(asset_id) => asked.answer(&asset_id, place, body).await,
        },
    };
    Some(response.with("access-control-allow-origin", "*").with("cache-control", "no-store"))
}

fn unknown() -> Refusal {
    Refusal::new(Code::SessionNotFound, "This upload URL is mistyped, cut short or of another gateway.")
        .next("Copy the whole URL, or ask for a new one with request_upload_url.")
}

fn options<S>() -> Response<S> {
    Response::empty(204)
        .with("allow", METHODS)
        .with("access-control-allow-methods", METHODS)
        .with("access-control-allow-headers", "Content-Type, Content-Digest")
        .with("access-control-max-age", "7200")
}

struct Asked<'a, P: Platform> {
    platform: &'a P,
    request: &'a Request,
    request_id: &'a str,
}

type Outcome<S> = Result<Result<Response<S>, Refusal>, Unavailable>;

impl<P: Platform> Asked<'_, P> {
    fn refuse(&self, refusal: &Refusal) -> Response<P::Stream> {
        rest::refuse(refusal, self.request_id)
    }

    async fn answer(&self, id: &AssetId, place: Place<'_>, body: Option<P::Stream>) -> Response<P::Stream> {
        let outcome = match (self.request.method.as_str(), place) {
            ("GET" | "HEAD", Place::Whole) => self.state(id).await,
            ("PUT", Place::Whole) => self.put(id, body).await,
            ("DELETE", Place::Whole) => self.cancel(id).await,
            ("PUT", Place::Part(number)) => self.put_part(id, number, body).await,
            ("GET" | "HEAD", Place::Missing) => self.missing(id).await,
            ("POST", Place::Complete) => self.complete(id).await,
            (_, place) => {
                let allow = match place {
                    Place::Whole => "GET, HEAD, PUT, DELETE, OPTIONS",
                    Place::Part(_) => "PUT, OPTIONS",
                    Place::Missing => "GET, HEAD, OPTIONS",
                    Place::Complete => "POST, OPTIONS",
                };
                return rest::method_not_allowed(allow, self.request_id);
            }
        };
        match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => self.refuse(&refusal),
            Err(reason) => {
                let fields = json!({ "request_id": self.request_id, "asset_id": id, "reason": reason.0 });
                self.platform.log(Level::Error, "upload.unavailable", fields);
                let refusal = Refusal::new(Code::Internal, "The gateway could not reach its own storage.")
                    .next("Send it again to the same URL.")
                    .retry_after(2);
                rest::with_status(503, &refusal, self.request_id)
            }
        }
    }

    fn link(&self, view: &View, asset: &Asset) -> String {
        let expires = self.platform.now().plus_seconds(LINK_SECONDS);
        let path = media::signed_path(self.platform, &view.intent.workspace_id, asset, expires);
        format!("{}{path}", origin::public(self.platform.config(), self.request))
    }

    fn stored(&self, view: &View, asset: &Asset) -> Response<P::Stream> {
        let body = StoredBody {
            ok: true,
            state: Word::Stored,
            file_url: self.link(view, asset),
            asset: AssetBody {
                asset_id: &asset.asset_id,
                name: asset.name.as_deref(),
                kind: asset.kind,
                mime_type: &asset.mime_type,
                width: asset.width,
                height: asset.height,
                duration_seconds: asset.duration_seconds,
                sha256: asset.sha256.as_deref(),
            },
            bytes: asset.size_bytes,
        };
        json_body(200, &body)
    }

    fn shown(&self, view: &View) -> Response<P::Stream> {
        if let Some(asset) = &view.asset {
            return self.stored(view, asset);
        }
        let error = view.error.as_ref().map(|error| error.body(self.request_id));
        let pieces = view.pieces.as_ref();
        let body = StateBody {
            ok: error.is_none(),
            state: view.word,
            expires_at: view.expires_at.iso(),
            size_bytes: view.intent.size_bytes,
            max_bytes: view.intent.most(),
            part_bytes: view.intent.part_bytes(),
            received_bytes: pieces.map(|pieces| pieces.received_bytes),
            received_parts: pieces.map(|pieces| pieces.received.as_slice()),
            error,
        };
        json_body(200, &body)
    }

    async fn view(&self, id: &AssetId) -> Result<Result<View, Refusal>, Unavailable> {
        uploads::view(self.platform, id, Command::Get { wait_millis: 0 }).await
    }

    async fn state(&self, id: &AssetId) -> Outcome<P::Stream> {
        Ok(self.view(id).await?.and_then(|view| match view.word {
            Word::Expired => Err(uploads::gone()),
            _ => Ok(self.shown(&view)),
        }))
    }

    async fn cancel(&self, id: &AssetId) -> Outcome<P::Stream> {
        Ok(uploads::view(self.platform, id, Command::Cancel).await?.map(|view| match &view.asset {
            Some(asset) => self.stored(&view, asset),
            None => Response::empty(204),
        }))
    }

    /// The body, and what its headers say of it.
    async fn incoming(&self, body: Option<P::Stream>) -> Result<Incoming<P::Stream>, Response<P::Stream>> {
        match (self.said(), body) {
            (Ok((length, sha256)), Some(stream)) => Ok(Incoming { length, sha256, stream }),
            (Ok(_), None) => {
                let refusal = Refusal::new(Code::UploadFailed, "The body is empty.");
                let next = "Check the path of the file; curl wants --data-binary @PATH or -T PATH.";
                Err(self.refuse(&refusal.next(next)))
            }
            (Err(response), body) => {
                if let Some(stream) = body {
                    self.platform.discard(stream).await;
                }
                Err(response)
            }
        }
    }

    /// Length and SHA-256, as the headers say them.
    fn said(&self) -> Result<(u64, Option<String>), Response<P::Stream>> {
        let headers = &self.request.headers;
        let refuse =
            |status: u16, refusal: Refusal| Err(rest::with_status(status, &refusal, self.request_id));
        if headers.get("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            let refusal = Refusal::new(Code::UploadFailed, "The body must not have a Content-Encoding.");
            return refuse(415, refusal.next("Send the file as it is."));
        }
        let Some(length) = headers.get("content-length").and_then(|text| text.parse::<u64>().ok()) else {
            let refusal = Refusal::new(Code::UploadFailed, "The request has no Content-Length.");
            return refuse(
                411,
                refusal.next(
                    "Send the file from disk, not through a pipe: curl -T PATH, or --data-binary @PATH.",
                ),
            );
        };
        let sha256 = match headers.get("content-digest").map(receive::content_digest).transpose() {
            Ok(sha256) => sha256.flatten(),
            Err(refusal) => return refuse(400, refusal),
        };
        Ok((length, sha256))
    }

    async fn put(&self, id: &AssetId, body: Option<P::Stream>) -> Outcome<P::Stream> {
        let incoming = match self.incoming(body).await {
            Ok(incoming) => incoming,
            Err(response) => return Ok(Ok(response)),
        };
        let received = receive::receive(self.platform, id, incoming).await?;
        Ok(received.map_err(|refusal| self.hinted(refusal)).map(|Received { view, is_replay }| {
            let response = self.shown(&view);
            if is_replay { response.with("idempotency-replayed", "true") } else { response }
        }))
    }

    /// The usual mistake has its own advice.
    fn hinted(&self, refusal: Refusal) -> Refusal {
        let content_type = self.request.headers.get("content-type").unwrap_or_default();
        match refusal.code == Code::UploadFailed && content_type.starts_with("multipart/") {
            true => {
                refusal.next("Send the file itself as the body: curl -X PUT --data-binary @FILE, without -F.")
            }
            false => refusal,
        }
    }

    async fn put_part(&self, id: &AssetId, number: &str, body: Option<P::Stream>) -> Outcome<P::Stream> {
        let Some(number) = percent_decode(number).parse().ok().filter(|number| *number > 0) else {
            return Ok(Err(Refusal::invalid("A part's number is a whole number from 1.")));
        };
        let incoming = match self.incoming(body).await {
            Ok(incoming) => incoming,
            Err(response) => return Ok(Ok(response)),
        };
        let bytes = incoming.length;
        let put = parts::put(self.platform, id, number, incoming).await?;
        Ok(put.map(|()| json_body(200, &json!({ "ok": true, "part": number, "bytes": bytes }))))
    }

    async fn missing(&self, id: &AssetId) -> Outcome<P::Stream> {
        let lines = |view: View| -> String {
            view.missing_parts(MAX_MISSING).iter().map(|number| format!("{number}\n")).collect()
        };
        let text = self.view(id).await?.and_then(|view| match view.word {
            Word::Expired => Err(uploads::gone()),
            Word::Stored => Ok(String::new()),
            _ => Ok(lines(view)),
        });
        Ok(text.map(|text| Response::text(200, "text/plain; charset=utf-8", text)))
    }

    async fn complete(&self, id: &AssetId) -> Outcome<P::Stream> {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            sha256: Option<String>,
        }
        let body: Body = match &self.request.payload {
            Payload::Text(text) if text.trim().is_empty() => Body::default(),
            Payload::Text(text) => match serde_json::from_str(text) {
                Ok(body) => body,
                Err(fault) => return Ok(Err(Refusal::invalid(format!("The body: {fault}.")))),
            },
            Payload::TooLarge => return Ok(Err(Refusal::invalid("The body is too large."))),
        };
        let reply = uploads::ask(self.platform, id, Command::Complete { sha256: body.sha256 }).await?;
        Ok(match reply {
            Ok(uploads::Reply::View(view)) => Ok(self.shown(&view)),
            Ok(uploads::Reply::Busy) => Err(receive::refusal_in(uploads::Reply::Busy)),
            Ok(_) => Err(uploads::gone()),
            Err(refusal) => Err(refusal),
        })
    }
}

fn json_body<S>(status: u16, body: &impl Serialize) -> Response<S> {
    Response::json(status, serde_json::to_string(body).unwrap_or_default())
}
