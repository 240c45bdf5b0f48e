//! A form with files in it (multipart/form-data, RFC 7578) as bytes.
//! Not for: which fields a provider wants.

use crate::crypto;
use crate::media::sniff::MediaType;
use crate::outbound::Payload;
use crate::providers::adapter::Call;
use serde_json::{Map, Value};

#[derive(Default)]
pub struct Form {
    /// Each with its head, without the lines between them.
    parts: Vec<(String, Vec<u8>)>,
}

impl Form {
    /// Everything but text is written as JSON writes it.
    pub fn fields(mut self, fields: &Map<String, Value>) -> Self {
        for (name, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.parts.push((format!("form-data; name=\"{name}\""), text.into_bytes()));
        }
        self
    }

    pub fn file(mut self, name: &str, media: MediaType, bytes: Vec<u8>) -> Self {
        let file = format!("{}.{}", name.trim_end_matches("[]"), media.extension());
        let head = format!("form-data; name=\"{name}\"; filename=\"{file}\"\r\ncontent-type: {}", media.mime());
        self.parts.push((head, bytes));
        self
    }

    pub fn post(self, url: String) -> Call {
        // Nobody can write a file that has the digest of the whole form in it.
        let digests: Vec<u8> = self.parts.iter().flat_map(|(_, bytes)| crypto::sha256(bytes)).collect();
        let boundary: String = crypto::hex(&crypto::sha256(&digests)).chars().take(32).collect();
        let size: usize = self.parts.iter().map(|(head, bytes)| head.len() + bytes.len() + 128).sum();
        let mut body = Vec::with_capacity(size + 128);
        for (head, bytes) in self.parts {
            body.extend(format!("--{boundary}\r\ncontent-disposition: {head}\r\n\r\n").as_bytes());
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}--\r\n").as_bytes());
        Call::new("POST", url, Some(Payload::Bytes(body)))
            .with("content-type", format!("multipart/form-data; boundary={boundary}"))
    }
}
