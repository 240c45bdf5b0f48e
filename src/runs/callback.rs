//! The address a provider calls back at: names one attempt of one item of a run, and is signed, so that nobody can make one up.
//! Not for: whether what comes there is true (`providers::adapter::Callback`).

use crate::crypto::{self, Signer};
use crate::id::RunId;
use crate::platform::Platform;

pub const PATH: &str = "/api/v1/callbacks/";
/// Run, item and attempt.
const PAYLOAD_BYTES: usize = 24;

/// One submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub run_id: RunId,
    pub item: u32,
    /// Of the item, from 1: an earlier one's callback says nothing about a later one.
    pub attempt: u32,
}

fn signer<P: Platform>(platform: &P) -> Signer {
    platform.config().signer("provider callback")
}

/// `origin`: the gateway's own, as the provider reaches it.
pub fn url<P: Platform>(platform: &P, origin: &str, provider: &str, target: &Target) -> String {
    format!("{origin}{PATH}{provider}/{}", seal(&signer(platform), target))
}

/// None: the gateway did not write it.
pub fn open<P: Platform>(platform: &P, token: &str) -> Option<Target> {
    unseal(&signer(platform), token)
}

fn seal(signer: &Signer, target: &Target) -> String {
    let mut bytes = target.run_id.to_bytes().to_vec();
    bytes.extend(target.item.to_be_bytes());
    bytes.extend(target.attempt.to_be_bytes());
    let tag = signer.tag(&bytes);
    bytes.extend(tag);
    crypto::base64url(&bytes)
}

fn unseal(signer: &Signer, token: &str) -> Option<Target> {
    let bytes = crypto::from_base64url(token)?;
    let (payload, tag) = bytes.split_at_checked(PAYLOAD_BYTES)?;
    signer.verify(payload, tag).then_some(())?;
    let (run, rest) = payload.split_first_chunk::<16>()?;
    let (item, attempt) = rest.split_first_chunk::<4>()?;
    Some(Target {
        run_id: RunId::from_bytes(*run),
        item: u32::from_be_bytes(*item),
        attempt: u32::from_be_bytes(attempt.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn an_address_names_one_attempt_and_cannot_be_made_up() {
        let signer = Signer::derive(b"secret", "provider callback");
        let target = Target { run_id: RunId::mint(Timestamp(1), &[7; 10]), item: 3, attempt: 70_000 };
        let token = seal(&signer, &target);
        assert_eq!((token.len(), unseal(&signer, &token)), (54, Some(target)));
        assert_eq!(unseal(&Signer::derive(b"secret", "cursor"), &token), None);
        for wrong in ["", "AAAA", &token[..53], &format!("{token}AA"), &token.replace('A', "B")] {
            assert_eq!(unseal(&signer, wrong), None, "{wrong}");
        }
    }
}
