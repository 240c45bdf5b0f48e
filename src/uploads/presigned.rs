//! A large file straight to R2's S3 address, where the operator gave keys to it: in one piece, past the 100 MB that a
//! Worker's body may have. The URL is signed for this key, this length and this type, and for an object that is not there
//! yet; what came is looked at when the upload is completed, as if it had come in parts.
//! Source: AWS Signature Version 4, query parameters; R2's S3 API compatibility table (conditional PutObject).

use super::finish;
use super::intent::Intent;
use crate::platform::Platform;
use jiff::Timestamp;
use rusty_s3::actions::PutObject;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::time::Duration;

/// R2 has one region.
const REGION: &str = "auto";

pub struct Put {
    pub url: String,
    /// To be sent as they are; `Content-Length` and `Host` every client sends by itself.
    pub headers: Vec<(&'static str, String)>,
}

/// None: the operator gave no keys, or the size or type is not known.
pub fn put<P: Platform>(platform: &P, intent: &Intent) -> Option<Put> {
    let config = platform.config().s3.as_ref()?;
    let (media, size) = (intent.declared?, intent.size_bytes?);
    let bucket =
        Bucket::new(config.endpoint.parse().ok()?, UrlStyle::Path, config.bucket.clone(), REGION).ok()?;
    let credentials =
        Credentials::new(config.access_key_id.clone(), config.secret_access_key.reveal().to_owned());
    let object = finish::object(intent, media, Some(size), 0);
    let mut headers = vec![("content-type", object.content_type), ("if-none-match", "*".to_owned())];
    headers.extend(object.disposition.map(|disposition| ("content-disposition", disposition)));
    let length = size.to_string();
    let mut action = PutObject::new(&bucket, Some(&credentials), &object.key);
    action.headers_mut().insert("content-length", length);
    for (name, value) in &headers {
        action.headers_mut().insert(*name, value.clone());
    }
    let now = platform.now();
    let seconds = intent.expires_at.millis_since(now) / 1000;
    let time = Timestamp::from_second(now.seconds()).ok()?;
    let url = action.sign_with_time(Duration::from_secs(u64::try_from(seconds).ok()?), &time);
    Some(Put { url: url.to_string(), headers })
}
