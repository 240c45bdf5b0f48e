//! Hashes, message authentication and base64url: the few primitives everything else signs with.
//! Not for: keys of the OAuth server (asymmetric, in `oauth`), or randomness (`Platform::random`).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, Payload};
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
    /// Of the secret before this one, while the operator rotates it: never signs, still verifies.
    previous: Option<Hmac<Sha256>>,
}

impl Signer {
    /// `label` names the purpose; two labels never share tags.
    pub fn derive(secret: &[u8], label: &str) -> Self {
        let key = mac(secret).chain_update(label.as_bytes()).finalize().into_bytes();
        Self { keyed: mac(&key), previous: None }
    }

    /// Also verifies what `previous` signed.
    pub fn accepting(self, previous: Self) -> Self {
        Self { previous: Some(previous.keyed), ..self }
    }

    pub fn tag(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        first(&self.full_tag(message))
    }

    /// The whole HMAC, for deriving keys. [`Signer::tag`] is its first half, so a label that derives keys must
    /// not also sign what leaves the gateway.
    pub fn full_tag(&self, message: &[u8]) -> [u8; 32] {
        full(&self.keyed, message)
    }

    /// Under the current secret first, then under the previous one if there is one.
    pub fn full_tags(&self, message: &[u8]) -> Vec<[u8; 32]> {
        [Some(&self.keyed), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .map(|keyed| full(keyed, message))
            .collect()
    }

    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        tag.try_into().is_ok_and(|tag: &[u8; TAG_BYTES]| self.verify_first(message, tag))
    }

    /// Whether these are the first `N` bytes of a tag, for values that carry a shorter one. The length is part
    /// of the type, so that no caller lets its input choose how little is compared.
    pub fn verify_first<const N: usize>(&self, message: &[u8], tag: &[u8; N]) -> bool {
        let matches = |keyed| same(&first::<N>(&full(keyed, message)), tag);
        matches(&self.keyed) || self.previous.as_ref().is_some_and(matches)
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

/// HMAC-SHA-256 (RFC 2104) under a key that somebody else has too. What we alone verify is for [`Signer`].
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    full(&mac(key), message)
}

fn full(keyed: &Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    keyed.clone().chain_update(message).finalize().into_bytes().into()
}

fn first<const N: usize>(full: &[u8; 32]) -> [u8; N] {
    const { assert!(0 < N && N <= 32, "a tag has 1 to 32 bytes") };
    let mut tag = [0; N];
    tag.iter_mut().zip(full).for_each(|(to, from)| *to = *from);
    tag
}

#[allow(clippy::expect_used, reason = "RFC 2104 takes keys of any length, so this constructor cannot fail")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Bytes of a nonce that may be drawn at random for any number of messages.
pub const NONCE_BYTES: usize = 24;

/// XChaCha20-Poly1305: readable with the key alone, and only beside the same `context`. The nonce goes first. None: it is
/// longer than any message may be.
pub fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE_BYTES], context: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new(key.into());
    let sealed = cipher.encrypt(nonce.into(), Payload { msg: message, aad: context }).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// None: it was made with another key, beside another context, or altered.
pub fn decrypt(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    XChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), Payload { msg: sealed, aad: context }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-irtf-cfrg-xchacha-03, A.3.1.
    #[test]
    fn encryption_matches_the_published_vector() {
        let bytes = |from: u8, count: u8| (from..from + count).collect::<Vec<u8>>();
        let key: [u8; 32] = bytes(0x80, 32).try_into().unwrap();
        let nonce: [u8; 24] = bytes(0x40, 24).try_into().unwrap();
        let context = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let message = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = encrypt(&key, &nonce, &context, message).unwrap();
        assert_eq!(hex(&sealed[24..40]), "bd6d179d3e83d43b9576579493c0e939");
        assert_eq!(hex(&sealed[sealed.len() - 16..]), "c0875924c1c7987947deafd8780acf49");
        assert_eq!(decrypt(&key, &context, &sealed).as_deref(), Some(message.as_slice()));
        assert_eq!(decrypt(&key, b"another", &sealed), None);
        assert_eq!(decrypt(&[0; 32], &context, &sealed), None);
        for at in [0, 24, sealed.len() - 1] {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(decrypt(&key, &context, &altered), None);
        }
        assert_eq!(decrypt(&key, &context, &sealed[..20]), None);
    }

    /// RFC 4231, test case 2, truncated to our tag length.
    #[test]
    fn hmac_matches_the_published_vector() {
        let signer = Signer { keyed: mac(b"Jefe"), previous: None };
        assert_eq!(hex(&signer.tag(b"what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c7");
        let full = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&signer.full_tag(b"what do ya want for nothing?")), full);
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

    #[test]
    fn a_rotated_secret_still_verifies_and_no_longer_signs() {
        let (old, new) = (Signer::derive(b"old", "session"), Signer::derive(b"new", "session"));
        let both = new.clone().accepting(old.clone());
        assert_eq!(both.open(&old.seal("a")).as_deref(), Some("a"));
        assert_eq!(both.open(&new.seal("a")).as_deref(), Some("a"));
        assert_eq!(both.seal("a"), new.seal("a"));
        assert_eq!(new.open(&old.seal("a")), None);
        assert_eq!(both.open(&Signer::derive(b"older", "session").seal("a")), None);
        assert_eq!(both.full_tags(b"a"), [new.full_tag(b"a"), old.full_tag(b"a")]);
        assert_eq!(new.full_tags(b"a"), [new.full_tag(b"a")]);

        let short: [u8; 6] = old.full_tag(b"a")[..6].try_into().unwrap();
        assert!(both.verify_first(b"a", &short) && !new.verify_first(b"a", &short));
        assert!(!both.verify(b"a", &short) && !both.verify(b"a", &[]), "a tag of another length");
    }
}
