//! What an upload was asked for: by whom, of what, until when. It never changes, but for the time.

use super::limits::{self, ACCEPTED_IN_WORDS, MAX_BODY_BYTES};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, PersonId, WorkspaceId};
use crate::media::probe::Probe;
use crate::media::size_in_words;
use crate::media::sniff::MediaType;
use crate::media::sniff::name_of_stranger;
use crate::oauth::bearer::Credential;
use crate::outbound::Reach;
use crate::time::Timestamp;
use crate::workspace::Actor;
use serde::{Deserialize, Serialize};

/// How the bytes will come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Door {
    /// By whoever holds the URL: one body, or parts where `part_bytes` says of what size.
    Put { part_bytes: Option<u64> },
    /// As base64, by the person's own calls.
    Chunks,
    /// From another server.
    Url { url: String, reach: Reach },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Of the upload and of the one asset it comes to.
    pub asset_id: AssetId,
    pub workspace_id: WorkspaceId,
    pub person: PersonId,
    pub actor: Actor,
    /// The token it was asked for with; None: in a browser. When it is withdrawn, the upload is too.
    pub credential: Option<Credential>,
    pub door: Door,
    pub name: Option<String>,
    /// What the person says it is (`image/png`): the bytes may be another type of the same kind.
    pub declared: Option<MediaType>,
    pub size_bytes: Option<u64>,
    /// Lower-case hexadecimal.
    pub sha256: Option<String>,
    pub alt: String,
    /// Less than its type allows, where it is for something that takes less.
    pub max_bytes: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Intent {
    /// The most that may come.
    pub fn most(&self) -> u64 {
        let declared = self.declared.map(limits::max_bytes);
        self.size_bytes.or(declared).unwrap_or(u64::MAX).min(self.max_bytes)
    }

    /// Whether a body of this length can be the file.
    pub fn check_length(&self, length: u64) -> Result<(), Refusal> {
        if length == 0 {
            let empty = Refusal::new(Code::UploadFailed, "The body is empty.");
            return Err(empty.next("Check the path of the file; curl wants --data-binary @PATH or -T PATH."));
        }
        match self.size_bytes {
            Some(size) if size != length => {
                let message = format!("The upload was asked for {size} bytes and the body has {length}.");
                Err(Refusal::new(Code::UploadFailed, message)
                    .next("Send the whole file, or ask for a new URL with the size it has."))
            }
            _ if length > self.most() => Err(limits::too_large("This upload", length, self.most())),
            _ => Ok(()),
        }
    }

    /// Whether bytes that begin so, `length` of them, can be the file.
    pub fn check_type(&self, head: &[u8], length: u64) -> Result<MediaType, Refusal> {
        let probe = Probe::new(head, length);
        let found = probe.map(|probe| probe.facts().media).filter(|media| limits::ACCEPTED.contains(media));
        let Some(media) = found else {
            let found = name_of_stranger(head).unwrap_or("something else");
            let message =
                format!("The file is none of {ACCEPTED_IN_WORDS}: by its first bytes it is {found}.");
            return Err(Refusal::new(Code::UploadFailed, message)
                .next("Check that it is the file you mean, or convert it to one of these and upload that."));
        };
        if let Some(declared) = self.declared.filter(|declared| declared.modality() != media.modality()) {
            let message =
                format!("The upload was asked for {} and the file is {}.", declared.mime(), media.mime());
            return Err(
                Refusal::new(Code::UploadFailed, message).next("Ask for a new URL with the type it has.")
            );
        }
        let most = limits::max_bytes(media);
        if length > most {
            return Err(limits::too_large(&format!("A file of type {}", media.mime()), length, most));
        }
        Ok(media)
    }

    pub fn part_bytes(&self) -> Option<u64> {
        match self.door {
            Door::Put { part_bytes } => part_bytes,
            _ => None,
        }
    }
}

/// What somebody says of a file before it comes.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub name: Option<String>,
    pub mime_type: Option<String>,
    pub size_bytes: Option<i64>,
    pub sha256: Option<String>,
    /// Less than its type allows, in bytes.
    pub max_bytes: Option<u64>,
    /// Of the names of the arguments, for messages.
    pub names: Names,
}

/// What a tool calls its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub name: &'static str,
    pub mime_type: &'static str,
    pub size: &'static str,
}

impl Default for Names {
    fn default() -> Self {
        Self { name: "file_name", mime_type: "content_type", size: "size_bytes" }
    }
}

/// What is known of a file that was announced, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Announced {
    pub name: Option<String>,
    pub declared: Option<MediaType>,
    pub size_bytes: Option<u64>,
    pub sha256: Option<String>,
    pub max_bytes: u64,
}

impl Announced {
    /// Larger than one body may be at Cloudflare.
    pub fn needs_parts(&self) -> bool {
        self.size_bytes.is_some_and(|size| size > MAX_BODY_BYTES)
    }
}

impl Wanted {
    pub fn check(&self) -> Result<Announced, Refusal> {
        let name = self.name.as_deref().and_then(super::name::clean);
        let declared = match self.mime_type.as_deref() {
            Some(text) => Some(declared(self.names.mime_type, text)?),
            None => name.as_deref().and_then(MediaType::of_name),
        };
        let most = declared.map_or(u64::MAX, limits::max_bytes).min(self.max_bytes.unwrap_or(u64::MAX));
        let size_bytes = self.size_bytes.map(|size| u64::try_from(size).unwrap_or(0));
        match size_bytes {
            Some(0) => {
                return Err(Refusal::invalid(format!("`{}` must be at least 1.", self.names.size)));
            }
            Some(size) if size > most => {
                let what =
                    declared.map_or("This upload".into(), |media| format!("A file of type {}", media.mime()));
                let next = format!("Make it smaller: at most {}.", size_in_words(most));
                return Err(limits::too_large(&what, size, most).next(next));
            }
            _ => {}
        }
        let sha256 = self.sha256.as_deref().map(digest).transpose()?;
        Ok(Announced { name, declared, size_bytes, sha256, max_bytes: self.max_bytes.unwrap_or(u64::MAX) })
    }
}

fn declared(field: &str, text: &str) -> Result<MediaType, Refusal> {
    let found = MediaType::parse_mime(text).filter(|media| limits::ACCEPTED.contains(media));
    found.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        let list: Vec<_> = limits::ACCEPTED.iter().map(|media| media.mime()).collect();
        Refusal::invalid(format!("`{field}` must be one of {}, not `{shown}`.", list.join(", ")))
    })
}

/// 64 hexadecimal digits, in lower case afterwards.
pub fn digest(text: &str) -> Result<String, Refusal> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(Refusal::invalid("`sha256` must be the SHA-256 of the file as 64 hexadecimal digits."))
    }
}
