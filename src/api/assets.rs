//! `GET /assets/{workspace}/{asset}.{extension}?expires&signature`: a stored file for whoever holds the link.
//! The bytes stream from object storage and never pass through our memory.
//! Spec: RFC 9110 sections 13 (conditional requests) and 14 (ranges).

use crate::error::{Code, Refusal};
use crate::http::{Body, Request, Response};
use crate::platform::{ByteRange, Level, ObjectHead, Platform};
use crate::workspace::media::{self, LinkFault};
use serde_json::json;

/// A file opened in a browser tab must not run as our origin: SVG can hold scripts.
const SANDBOX: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox";

pub fn options<S>() -> Response<S> {
    Response::empty(204)
        .with("access-control-allow-origin", "*")
        .with("access-control-allow-methods", "GET, HEAD, OPTIONS")
        .with("access-control-allow-headers", "Range, If-None-Match, If-Range")
        .with("access-control-max-age", "7200")
}

pub async fn get<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let refuse = |status: u16, refusal: Refusal| {
        Response::json(status, refusal.envelope(request_id).to_string()).with("cache-control", "no-store")
    };
    let expires = request.parameter("expires").unwrap_or_default();
    let signature = request.parameter("signature").unwrap_or_default();
    let expires_at = match media::check_signature(platform, &request.path, &expires, &signature) {
        Ok(expires_at) => expires_at,
        Err(LinkFault::Expired) => {
            let refusal = Refusal::new(Code::FileNotFound, "This link has expired.");
            return refuse(410, refusal.next("Call list_media or get_forge_run for a new link."));
        }
        Err(LinkFault::Forged) => {
            let refusal =
                Refusal::new(Code::Forbidden, "This link was not made by the gateway or was altered.");
            return refuse(403, refusal.next("Copy the whole link, or call list_media for a new one."));
        }
    };
    let Some(key) = request.path.strip_prefix("/assets/").map(|rest| format!("w/{rest}")) else {
        return refuse(404, Refusal::new(Code::FileNotFound, "There is no such file."));
    };
    let unavailable = |reason: String| {
        platform.log(
            Level::Error,
            "asset.unavailable",
            json!({ "request_id": request_id, "reason": reason }),
        );
        refuse(503, Refusal::new(Code::Internal, "The file could not be read from storage.").retry_after(2))
    };
    let head = match platform.head_object(&key).await {
        Ok(Some(head)) => head,
        Ok(None) => return refuse(404, Refusal::new(Code::FileNotFound, "The file is no longer stored.")),
        Err(reason) => return unavailable(reason.0),
    };
    let left = expires_at.millis_since(platform.now()) / 1000;
    let base = |status: u16| headers(Response::empty(status), &head, left);
    if request
        .headers
        .get("if-none-match")
        .is_some_and(|tags| tags == "*" || tags.split(',').any(|tag| weak(tag) == weak(&head.etag)))
    {
        return base(304);
    }
    let (status, range) = match wanted(request, &head) {
        Wanted::Whole => (200, None),
        Wanted::Part(range) => (206, Some(range)),
        Wanted::Unsatisfiable => {
            return base(416).with("content-range", format!("bytes */{}", head.size_bytes));
        }
    };
    let length = range.map_or(head.size_bytes, |range| range.last - range.first + 1);
    let mut response = base(status)
        .with("content-type", head.content_type.clone())
        .with("content-length", length.to_string());
    if let Some(range) = range {
        response = response
            .with("content-range", format!("bytes {}-{}/{}", range.first, range.last, head.size_bytes));
    }
    if request.method == "HEAD" {
        return response;
    }
    match platform.stream_object(&key, range).await {
        Ok(Some(stream)) => Response { body: Body::Stream(stream), ..response },
        Ok(None) => refuse(404, Refusal::new(Code::FileNotFound, "The file is no longer stored.")),
        Err(reason) => unavailable(reason.0),
    }
}

fn headers<S>(response: Response<S>, head: &ObjectHead, left_seconds: i64) -> Response<S> {
    response
        .with("etag", head.etag.clone())
        .with("accept-ranges", "bytes")
        // The bytes under a key never change; private, because the link is the permission.
        .with("cache-control", format!("private, max-age={left_seconds}, immutable"))
        .with("content-disposition", head.disposition.clone().unwrap_or_else(|| "inline".into()))
        .with("content-security-policy", SANDBOX)
        .with("x-content-type-options", "nosniff")
        .with("cross-origin-resource-policy", "cross-origin")
        .with("access-control-allow-origin", "*")
        .with("access-control-expose-headers", "Content-Length, Content-Range, ETag")
}

/// Entity tags compare weakly for `If-None-Match` (RFC 9110 section 13.1.2).
fn weak(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Whole,
    Part(ByteRange),
    Unsatisfiable,
}

/// One range; several, or another unit, get the whole file, as RFC 9110 section 14.2 allows.
fn wanted(request: &Request, head: &ObjectHead) -> Wanted {
    let Some(range) = request.headers.get("range") else { return Wanted::Whole };
    if request.headers.get("if-range").is_some_and(|tag| tag.trim() != head.etag) {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|spec| spec.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let size = head.size_bytes;
    match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => Wanted::Unsatisfiable,
        (None, Some(suffix)) if first.is_empty() && size > 0 => {
            Wanted::Part(ByteRange { first: size.saturating_sub(suffix), last: size - 1 })
        }
        (Some(first), _) if first >= size => Wanted::Unsatisfiable,
        (Some(first), None) if last.is_empty() => Wanted::Part(ByteRange { first, last: size - 1 }),
        (Some(first), Some(last)) if first <= last => {
            Wanted::Part(ByteRange { first, last: last.min(size - 1) })
        }
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Headers, Payload};

    #[test]
    fn reads_ranges_as_rfc_9110_does() {
        let head = ObjectHead {
            size_bytes: 100,
            etag: "\"e\"".into(),
            content_type: "image/png".into(),
            disposition: None,
        };
        let part = |first, last| Wanted::Part(ByteRange { first, last });
        let table = [
            ("range: bytes=0-0", part(0, 0)),
            ("range: bytes=10-", part(10, 99)),
            ("range: bytes=90-500", part(90, 99)),
            ("range: bytes=-10", part(90, 99)),
            ("range: bytes=-500", part(0, 99)),
            ("range: bytes=-0", Wanted::Unsatisfiable),
            ("range: bytes=100-", Wanted::Unsatisfiable),
            ("range: bytes=99999999999999999999-", Wanted::Unsatisfiable),
            ("range: bytes=5-4", Wanted::Whole),
            ("range: bytes=0-1,5-6", Wanted::Whole),
            ("range: bytes=a-b", Wanted::Whole),
            ("range: bytes=-", Wanted::Whole),
            ("range: items=0-1", Wanted::Whole),
            ("range: bytes=0-1\nif-range: \"other\"", Wanted::Whole),
            ("range: bytes=0-1\nif-range: \"e\"", part(0, 1)),
            ("accept: */*", Wanted::Whole),
        ];
        for (lines, expected) in table {
            let request = Request::new(
                "GET",
                "http://a/x",
                Headers::from_lines(lines.into()),
                Payload::Text(String::new()),
            )
            .unwrap();
            assert_eq!(wanted(&request, &head), expected, "{lines}");
        }
    }
}
