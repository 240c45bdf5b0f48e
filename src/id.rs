//! Identifiers: UUIDv7 (RFC 9562 section 5.7) minted from the platform's clock and random bytes.
//! Not for: secrets. An identifier orders by time and must never grant anything by being known.

use crate::crypto;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A fresh UUIDv7 in its hyphenated lower-case form.
pub fn uuid_v7(now: Timestamp, random: &[u8; 10]) -> String {
    let millis = u64::try_from(now.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid().hyphenated().to_string()
}

/// The lowest UUIDv7 of this millisecond: ids that come later are not below it.
pub fn first_at(at: Timestamp) -> String {
    uuid_v7(at, &[0; 10])
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn mint(now: Timestamp, random: &[u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// None unless `text` is a UUID; the result is in canonical form.
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(|id| Self(id.hyphenated().to_string()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn to_bytes(&self) -> [u8; 16] {
                Uuid::try_parse(&self.0).unwrap_or_default().into_bytes()
            }

            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes).hyphenated().to_string())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// One workspace: names its `Workspace` object.
    WorkspaceId,
    /// One generation (`inference_id` in the tools): names its `Run` object.
    RunId,
    /// One stored file, generated or uploaded.
    AssetId,
    /// One personal access token.
    TokenId,
    /// One authorization a person gave to a client: its code, its family of refresh tokens.
    GrantId,
    /// One workflow that a workspace defined.
    WorkflowId,
    /// One invitation to a workspace.
    InvitationId,
}

/// A person, as the 128-bit hash of the label the sign-in gives (an address, a subject): names the `Account`
/// object and fits in a token without telling who it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(String);

impl PersonId {
    /// Letter case of an address does not make another person.
    pub fn of(label: &str) -> Self {
        let label = if label.contains('@') { label.to_lowercase() } else { label.to_owned() };
        let digest = crypto::sha256(format!("person:{label}").as_bytes());
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self::from_bytes(half)
    }

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(crypto::hex(&bytes))
    }

    pub fn to_bytes(&self) -> [u8; 16] {
        u128::from_str_radix(&self.0, 16).unwrap_or(0).to_be_bytes()
    }

    /// From a form: 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_ours =
            text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        is_ours.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_version_7_and_sort_by_time() {
        let early = RunId::mint(Timestamp(1_795_246_320_000), &[0xff; 10]);
        let late = RunId::mint(Timestamp(1_795_246_320_001), &[0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().as_bytes()[14], b'7');
        assert_eq!(RunId::parse(&early.as_str().to_uppercase()), Some(early));
        assert_eq!(RunId::parse("not-a-uuid"), None);
    }

    #[test]
    fn a_person_round_trips_through_bytes() {
        let person = PersonId::of("ada@example.com");
        assert_eq!(PersonId::from_bytes(person.to_bytes()), person);
        assert_eq!(PersonId::of("Ada@Example.com"), person);
        assert_ne!(PersonId::of("Ada"), PersonId::of("ada"));
    }
}
