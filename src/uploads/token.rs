//! The token of a presigned URL: which upload it is for, and proof that we made it. Whoever holds it may send that one
//! file and nothing else. Not for: whether the upload is still open (`intent`).

use crate::crypto::{self, Signer};
use crate::id::AssetId;
use crate::platform::Platform;

const ID_BYTES: usize = 16;
/// 96 bits, tried against the network.
const TAG_BYTES: usize = 12;

/// base64url of the asset's id and a tag over it: 38 characters, made again for the same upload at any time.
pub fn make<P: Platform>(platform: &P, asset_id: &AssetId) -> String {
    let id = asset_id.to_bytes();
    let tag = signer(platform).full_tag(&id);
    let bytes: Vec<u8> = id.iter().chain(tag.iter().take(TAG_BYTES)).copied().collect();
    crypto::base64url(&bytes)
}

/// None: not a token of this gateway, whatever it is.
pub fn parse<P: Platform>(platform: &P, token: &str) -> Option<AssetId> {
    let bytes: [u8; ID_BYTES + TAG_BYTES] = crypto::from_base64url(token)?.try_into().ok()?;
    let (id, tag) = (bytes.first_chunk::<ID_BYTES>()?, bytes.last_chunk::<TAG_BYTES>()?);
    signer(platform).verify_first(id, tag).then(|| AssetId::from_bytes(*id))
}

fn signer<P: Platform>(platform: &P) -> Signer {
    platform.config().signer("upload token")
}
