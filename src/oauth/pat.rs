//! Personal access tokens as strings: `atl_pat_` and base64url of
//!
//! ```text
//! person (16) | token id, UUID (16) | secret (20) | checksum (6)
//! ```
//!
//! The checksum is a keyed tag over the rest, so a mistyped or made-up token is refused without a look-up, and
//! never wakes a Durable Object.
//! Not for: whether a token is still valid; the person's `Account` object knows.

use crate::crypto::{self, Signer};
use crate::id::{PersonId, TokenId};
use uuid::Uuid;

pub const PREFIX: &str = "atl_pat_";

/// 160 bits: cannot be guessed, and the whole token stays under 90 characters.
pub const SECRET_BYTES: usize = 20;
/// 48 bits: one made-up token in 10^14 reaches an object, which then compares the full hash.
const CHECKSUM_BYTES: usize = 6;

/// What a well-formed token says of itself. Proof of nothing until the `Account` object has compared the hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub person: PersonId,
    pub token_id: TokenId,
    pub hash: String,
}

/// What is stored and compared: SHA-256 of the whole token, in hexadecimal. The secret has full entropy, so no
/// slow hash is needed.
pub fn hash(token: &str) -> String {
    crypto::hex(&crypto::sha256(token.as_bytes()))
}

/// The token, to be shown once.
pub fn compose(
    signer: &Signer,
    person: &PersonId,
    token_id: &TokenId,
    secret: &[u8; SECRET_BYTES],
) -> String {
    let id = Uuid::try_parse(token_id.as_str()).unwrap_or_default();
    let mut bytes = Vec::from(person.to_bytes());
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(secret);
    let checksum = signer.tag(&bytes);
    bytes.extend(checksum.iter().take(CHECKSUM_BYTES));
    format!("{PREFIX}{}", crypto::base64url(&bytes))
}

/// None for whatever this gateway did not compose.
pub fn parse(signer: &Signer, token: &str) -> Option<Claimed> {
    let bytes = crypto::from_base64url(token.strip_prefix(PREFIX)?)?;
    let (person, rest) = bytes.split_first_chunk::<16>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (_secret, checksum) = rest.split_first_chunk::<SECRET_BYTES>()?;
    let signed = bytes.get(..16 + 16 + SECRET_BYTES)?;
    let expected = signer.tag(signed);
    crypto::same(expected.get(..CHECKSUM_BYTES)?, checksum).then_some(())?;
    Some(Claimed {
        person: PersonId::from_bytes(*person),
        token_id: TokenId::parse(&Uuid::from_bytes(*id).to_string())?,
        hash: hash(token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn only_our_own_unaltered_tokens_parse() {
        let signer = Signer::derive(b"secret", "pat");
        let person = PersonId::of("ada");
        let id = TokenId::mint(Timestamp(1), &[7; 10]);
        let token = compose(&signer, &person, &id, &[9; SECRET_BYTES]);
        assert!(token.len() < 90, "{token}");
        let claimed = parse(&signer, &token).unwrap();
        assert_eq!((claimed.person, claimed.token_id), (person, id));

        assert_eq!(parse(&Signer::derive(b"another", "pat"), &token), None);
        assert_eq!(parse(&signer, &token[..token.len() - 1]), None);
        assert_eq!(parse(&signer, token.strip_prefix("atl_").unwrap()), None);
        assert_eq!(parse(&signer, "atl_pat_"), None);
        assert_eq!(parse(&signer, "atl_pat_%%%"), None);
        for position in PREFIX.len()..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(parse(&signer, &String::from_utf8(altered).unwrap()), None, "at {position}");
        }
    }
}
