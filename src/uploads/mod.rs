//! Files that people hand over: one upload, one asset, many doors. An upload is asked for by somebody who may, then its
//! bytes come by whatever way the client has: one PUT, parts, base64 in tool calls, another server's URL, a page in a browser.
//!
//! ```text
//! pending ──a body comes──▶ receiving ──stored──▶ storing ──in the workspace's index──▶ stored
//!    ▲                          │ cut, wrong type, wrong checksum
//!    └────────── failed ◀───────┘           every one of them, past its time ──▶ expired
//! ```
//!
//! The bytes go from the client to object storage as the platform's own stream. Object storage takes a key once and whole:
//! the first complete body wins, whatever happens to the Worker that carried it, and what lies under an upload's key is
//! always a file that was checked. The `Upload` object ([`upload::Upload`]) decides who may send when, and makes the asset.
//!
//! | file | what |
//! |---|---|
//! | `intent`, `state`, `store` | what was asked for; how far it is; the rows |
//! | `upload` | the object: commands and alarm |
//! | `claim`, `finish` | who may send now; from stored bytes to an asset |
//! | `receive`, `parts` | the Worker's side of a body, whole or in parts |
//! | `presigned` | a large file straight to R2's S3 address |
//! | `chunks` | base64 in tool calls |
//! | `import` | another server's file |
//! | `batch` | a page for several of them |
//! | `token`, `limits` | the presigned URL; every number |
//!
//! Not for: what a workspace may store (`workspace::uploads`), or files that runs make (`runs`).

pub mod batch;
pub mod chunks;
mod claim;
mod finish;
mod import;
pub mod intent;
pub mod limits;
pub mod name;
pub mod parts;
pub mod presigned;
pub mod receive;
pub mod state;
mod store;
pub mod token;
pub mod upload;

pub use finish::measure;
pub use intent::{Door, Intent};
pub use state::{State, View, Word};
pub use upload::{Command, Reply, Upload};

use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::platform::{Platform, Unavailable};

/// Asks the upload's object; a refusal comes back as one.
pub async fn ask<P: Platform>(
    platform: &P,
    asset_id: &AssetId,
    command: Command,
) -> Result<Result<Reply, Refusal>, Unavailable> {
    Ok(match platform.ask::<Upload>(asset_id.as_str(), command).await? {
        Reply::Refused(refusal) => Err(*refusal),
        Reply::Gone => Err(gone()),
        reply => Ok(reply),
    })
}

/// Like [`ask`], where only a view is an answer.
pub async fn view<P: Platform>(
    platform: &P,
    asset_id: &AssetId,
    command: Command,
) -> Result<Result<View, Refusal>, Unavailable> {
    Ok(match ask(platform, asset_id, command).await? {
        Ok(Reply::View(view)) => Ok(*view),
        Ok(Reply::Batch(_)) => {
            Err(Refusal::new(Code::UploadFailed, "This link is a page for several files, not one upload.")
                .next("Open it in a browser, or ask for an upload URL with the file's name."))
        }
        Ok(_) => return Err(Unavailable("the upload answered with something else".into())),
        Err(refusal) => Err(refusal),
    })
}

/// An upload that was never there answers as one that is long over.
pub fn gone() -> Refusal {
    Refusal::new(Code::SessionExpired, "This upload has expired, or never existed.")
        .next("Begin a new upload; a file that was stored is in list_media.")
}
