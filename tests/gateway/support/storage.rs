//! Object storage of the small world: whole objects, streams that break off or take their time, parts, lists.
//! Not for: when operations fail (`memory`).

use super::memory::Memory;
use atelier::crypto;
use atelier::platform::{Listed, Listing, NewObject, ObjectHead, Part, PutFault};
use atelier::time::Timestamp;

pub struct File {
    pub content_type: String,
    pub disposition: Option<String>,
    pub bytes: Vec<u8>,
    pub stored_at: Timestamp,
}

impl File {
    pub fn head(&self) -> ObjectHead {
        ObjectHead {
            size_bytes: self.bytes.len() as u64,
            etag: format!("\"{}\"", &digest(&self.bytes)[..16]),
            content_type: self.content_type.clone(),
            disposition: self.disposition.clone(),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    crypto::hex(&crypto::sha256(bytes))
}

/// A body on its way.
#[derive(Clone, Debug)]
pub struct Stream {
    pub bytes: Vec<u8>,
    /// After these bytes the sender is gone.
    pub is_cut: bool,
    /// What it takes until the last byte has come.
    pub millis: u32,
}

impl Stream {
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, is_cut: false, millis: 0 }
    }

    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.bytes.truncate(bytes);
        Self { is_cut: true, ..self }
    }

    pub fn slowly(self, millis: u32) -> Self {
        Self { millis, ..self }
    }
}

/// An answer's body is text; bytes stand in it as characters of the same number.
pub fn pack(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub fn unpack(body: &str) -> Vec<u8> {
    body.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

impl Memory {
    /// All of a stream, as whoever reads it for at most so long sees it.
    pub async fn drain(&self, stream: Stream, millis: u32) -> Result<Vec<u8>, PutFault> {
        use atelier::platform::Platform;
        self.sleep(stream.millis.min(millis)).await;
        match stream {
            Stream { millis: needed, .. } if needed > millis => Err(PutFault::TimedOut),
            Stream { is_cut: true, .. } => Err(PutFault::Cut("the sender is gone".into())),
            Stream { bytes, .. } => Ok(bytes),
        }
    }

    pub async fn store(&self, object: &NewObject, stream: Stream) -> Result<ObjectHead, PutFault> {
        let bytes = self.drain(stream, object.millis).await?;
        if bytes.len() as u64 > object.max_bytes {
            return Err(PutFault::TooLarge);
        }
        if object.length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(PutFault::Cut("another length than was said".into()));
        }
        if object.sha256.as_ref().is_some_and(|sha256| *sha256 != digest(&bytes)) {
            return Err(PutFault::ChecksumMismatch);
        }
        self.state(|state| {
            if state.files.contains_key(&object.key) {
                return Err(PutFault::Exists);
            }
            let file = File {
                content_type: object.content_type.clone(),
                disposition: object.disposition.clone(),
                bytes,
                stored_at: state.now,
            };
            let head = file.head();
            state.files.insert(object.key.clone(), file);
            Ok(head)
        })
    }

    pub fn begin(&self, object: &NewObject) -> String {
        self.state(|state| {
            let name = format!("upload-{}", state.dice.roll());
            let kind = (object.content_type.clone(), object.disposition.clone());
            state.uploads.insert(name.clone(), (kind, Default::default()));
            name
        })
    }

    pub async fn store_part(
        &self,
        object: &NewObject,
        upload: &str,
        number: u32,
        stream: Stream,
    ) -> Result<Part, PutFault> {
        let bytes = self.drain(stream, object.millis).await?;
        if object.length != Some(bytes.len() as u64) {
            return Err(PutFault::Cut("another length than was said".into()));
        }
        self.state(|state| {
            let (_, parts) =
                state.uploads.get_mut(upload).ok_or(PutFault::Unavailable("NoSuchUpload (10024)".into()))?;
            let etag = digest(&bytes);
            parts.insert(number, bytes);
            Ok(Part { number, etag })
        })
    }

    pub fn end(&self, key: &str, upload: &str, parts: &[Part]) -> Result<(), PutFault> {
        self.state(|state| {
            let (_, kept) =
                state.uploads.get(upload).ok_or(PutFault::Unavailable("NoSuchUpload (10024)".into()))?;
            let mut bytes = Vec::new();
            for part in parts {
                match kept.get(&part.number).filter(|bytes| digest(bytes) == part.etag) {
                    Some(part) => bytes.extend_from_slice(part),
                    None => return Err(PutFault::Unavailable("InvalidPart (10025)".into())),
                }
            }
            let ((content_type, disposition), _) = state.uploads.remove(upload).unwrap();
            let file = File { content_type, disposition, bytes, stored_at: state.now };
            state.files.insert(key.to_owned(), file);
            Ok(())
        })
    }

    pub fn listing(&self, prefix: &str, after: Option<&str>, limit: u32) -> Listing {
        self.state(|state| {
            let after = after.unwrap_or_default();
            let found = state.files.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
            let mut objects: Vec<_> = found
                .take(limit as usize + 1)
                .map(|(key, file)| Listed {
                    key: key.clone(),
                    size_bytes: file.bytes.len() as u64,
                    stored_at: file.stored_at,
                })
                .collect();
            let has_more = objects.len() > limit as usize;
            objects.truncate(limit as usize);
            Listing { objects, has_more }
        })
    }
}
