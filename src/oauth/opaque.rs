//! Opaque tokens as strings: a prefix that says of what kind, and base64url of
//!
//! ```text
//! person (16) | id, UUID (16) | secret (20) | checksum (6)
//! ```
//!
//! The checksum is a keyed tag over the rest, under a key of its kind: a mistyped or made-up token is refused
//! without a look-up and never wakes a Durable Object, and one kind never passes as another.
//! Not for: whether a token is still valid; the person's `Account` object knows. Not for access tokens (`access`).

use crate::config::Config;
use crate::crypto;
use crate::id::PersonId;
use uuid::Uuid;

/// 160 bits: cannot be guessed, and the whole token stays under 90 characters.
pub const SECRET_BYTES: usize = 20;
/// 48 bits: one made-up token in 10^14 reaches an object, which then compares the full hash.
const CHECKSUM_BYTES: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    PersonalAccessToken,
    RefreshToken,
    AuthorizationCode,
}

impl Kind {
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::PersonalAccessToken => "atl_pat_",
            Kind::RefreshToken => "atl_ort_",
            Kind::AuthorizationCode => "atl_oac_",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Kind::PersonalAccessToken => "personal access token",
            Kind::RefreshToken => "refresh token",
            Kind::AuthorizationCode => "authorization code",
        }
    }
}

/// What a well-formed token says of itself. Proof of nothing until the `Account` object has compared it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub person: PersonId,
    /// A hyphenated lower-case UUID.
    pub id: String,
    pub secret: [u8; SECRET_BYTES],
}

/// What is stored and compared: SHA-256 of the whole token, in hexadecimal. The secret has full entropy, so no
/// slow hash is needed.
pub fn hash(token: &str) -> String {
    crypto::hex(&crypto::sha256(token.as_bytes()))
}

/// The token, to be shown once.
pub fn compose(
    config: &Config,
    kind: Kind,
    person: &PersonId,
    id: &str,
    secret: &[u8; SECRET_BYTES],
) -> String {
    let id = Uuid::try_parse(id).unwrap_or_default();
    let mut bytes = Vec::from(person.to_bytes());
    bytes.extend_from_slice(id.as_bytes());
    bytes.extend_from_slice(secret);
    let checksum = config.signer(kind.label()).tag(&bytes);
    bytes.extend(checksum.iter().take(CHECKSUM_BYTES));
    format!("{}{}", kind.prefix(), crypto::base64url(&bytes))
}

/// None for whatever this gateway did not compose as this kind.
pub fn parse(config: &Config, kind: Kind, token: &str) -> Option<Claimed> {
    let bytes = crypto::from_base64url(token.strip_prefix(kind.prefix())?)?;
    let (person, rest) = bytes.split_first_chunk::<16>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (secret, checksum) = rest.split_first_chunk::<SECRET_BYTES>()?;
    let signed = bytes.get(..16 + 16 + SECRET_BYTES)?;
    let checksum: &[u8; CHECKSUM_BYTES] = checksum.try_into().ok()?;
    config.signer(kind.label()).verify_first(signed, checksum).then(|| Claimed {
        person: PersonId::from_bytes(*person),
        id: Uuid::from_bytes(*id).hyphenated().to_string(),
        secret: *secret,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TokenId;
    use crate::time::Timestamp;

    fn config(secret: &str) -> Config {
        Config::parse(|name| (name == "GATEWAY_SECRET").then(|| format!("{secret:=<32}"))).unwrap()
    }

    #[test]
    fn only_our_own_unaltered_tokens_of_this_kind_parse() {
        let own = config("own");
        let person = PersonId::of("ada");
        let id = TokenId::mint(Timestamp(1), &[7; 10]);
        let kind = Kind::PersonalAccessToken;
        let token = compose(&own, kind, &person, id.as_str(), &[9; SECRET_BYTES]);
        assert!(token.len() < 90, "{token}");
        let claimed = parse(&own, kind, &token).unwrap();
        assert_eq!((claimed.person, claimed.id.as_str()), (person, id.as_str()));

        assert_eq!(parse(&config("another"), kind, &token), None);
        assert_eq!(parse(&own, kind, &token[..token.len() - 1]), None);
        assert_eq!(parse(&own, kind, &token[..token.len() - 8]), None, "no checksum at all");
        assert_eq!(parse(&own, kind, token.strip_prefix("atl_").unwrap()), None);
        assert_eq!(parse(&own, kind, "atl_pat_"), None);
        assert_eq!(parse(&own, kind, "atl_pat_%%%"), None);
        let renamed = token.replace("atl_pat_", "atl_ort_");
        assert_eq!(parse(&own, Kind::RefreshToken, &renamed), None);
        for position in kind.prefix().len()..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(parse(&own, kind, &String::from_utf8(altered).unwrap()), None, "at {position}");
        }
    }
}
