//! Hashes, message authentication and base64url: the few primitives everything else signs with.
//! Not for: keys of the OAuth server (asymmetric, in `oauth`), or randomness (`Platform::random`).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of a tag that go on the wire: 128 bits cannot be guessed online, and URLs stay short.
const TAG_BYTES: usize = 16;

pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// Lower-case hexadecimal.
pub fn hex(data: &[u8]) -> String {
    use std::fmt::Write;
    data.iter().fold(String::with_capacity(data.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub fn base64url(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Standard alphabet with padding, as MCP carries images and blobs.
pub fn base64(data: &[u8]) -> String {
    STANDARD.encode(data)
}

pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Compares secrets without telling by its duration where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// HMAC-SHA-256 (RFC 2104) under a key derived for one purpose, so that a tag made for an asset URL can
/// never pass as one made for a session.
#[derive(Clone)]
pub struct Signer {
    keyed: Hmac<Sha256>,
}

impl Signer {
    /// `label` names the purpose; two labels never share tags.
    pub fn derive(secret: &[u8], label: &str) -> Self {
        let key = mac(secret).chain_update(label.as_bytes()).finalize().into_bytes();
        Self { keyed: mac(&key) }
    }

    pub fn tag(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        let full = self.keyed.clone().chain_update(message).finalize().into_bytes();
        let mut tag = [0; TAG_BYTES];
        tag.iter_mut().zip(full.iter()).for_each(|(to, from)| *to = *from);
        tag
    }

    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        same(&self.tag(message), tag)
    }

    /// `payload` readable by anybody, forgeable by nobody: `base64url(payload).base64url(tag)`.
    pub fn seal(&self, payload: &str) -> String {
        let body = base64url(payload.as_bytes());
        let tag = base64url(&self.tag(body.as_bytes()));
        format!("{body}.{tag}")
    }

    /// The payload of a value made by [`Signer::seal`] under the same key and label.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let (body, tag) = sealed.split_once('.')?;
        self.verify(body.as_bytes(), &from_base64url(tag)?).then_some(())?;
        String::from_utf8(from_base64url(body)?).ok()
    }
}

#[allow(clippy::expect_used, reason = "RFC 2104 takes keys of any length, so this constructor cannot fail")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, truncated to our tag length.
    #[test]
    fn hmac_matches_the_published_vector() {
        let signer = Signer { keyed: mac(b"Jefe") };
        assert_eq!(hex(&signer.tag(b"what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c7");
    }

    #[test]
    fn a_sealed_value_opens_only_under_its_own_label_and_unaltered() {
        let sessions = Signer::derive(b"secret", "session");
        let sealed = sessions.seal("{\"r\":1}");
        assert_eq!(sessions.open(&sealed).as_deref(), Some("{\"r\":1}"));
        assert_eq!(Signer::derive(b"secret", "cursor").open(&sealed), None);
        assert_eq!(Signer::derive(b"other", "session").open(&sealed), None);
        let mut altered = sealed.into_bytes();
        altered[0] ^= 1;
        assert_eq!(sessions.open(&String::from_utf8(altered).unwrap()), None);
        assert_eq!(sessions.open("no dot"), None);
    }
}
