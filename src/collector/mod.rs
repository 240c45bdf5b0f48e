//! Collection: what lies in object storage and nothing names any more goes, and nothing else ever. Outputs of runs that
//! were cancelled or begun again are never listed, an upload may leave an object that a faster attempt made useless, a
//! crash may come between storing and listing.
//!
//! 1. A page of object storage is read, by key ([`step`]). Keys that this gateway does not make are left alone, always.
//! 2. What is younger than [`MIN_AGE_HOURS`] may be on its way into the index, and is left alone.
//! 3. Each workspace is asked, once a page, what it does not need (`workspace::inventory`). One that cannot be asked now
//!    is left alone.
//! 4. An object whose id the workspace has never heard of may be an upload's that lost its alarm: that one is asked, and
//!    what it still means to list is left alone.
//! 5. The rest goes into the workspace's trash, which looks once more in the transaction that takes it.
//!
//! [`sweep`] does so by itself, again and again; the operator's reconcile command shows it, and finds the reverse too:
//! listed files whose object is missing ([`missing`]).
//!
//! Objects of a workspace that does not exist are the operator's alone to delete: a second gateway that was deployed on
//! the same bucket would take every file of the first one for such.
//!
//! Not for: uploads in parts that were never put together. They are not objects: the `Upload` aborts its own when it
//! expires, and R2 drops what is left of a lost one by itself after seven days.

mod missing;
pub mod step;
pub mod sweep;

use crate::id::{AssetId, WorkspaceId};
use crate::platform::Listed;
pub use step::step;
pub use sweep::sweep;

/// Twice the longest that an object may lie there before it is listed: a run has an hour, parts come for a day at most.
pub const MIN_AGE_HOURS: u32 = 48;

/// Whose orphans are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletes {
    Nothing,
    OfWorkspaces,
    /// Those of workspaces that do not exist, too.
    Everything,
}

/// What a pass over object storage is to do.
#[derive(Clone, Debug)]
pub struct Wish {
    /// None: all of them.
    pub workspace: Option<WorkspaceId>,
    pub deletes: Deletes,
    /// Less than [`MIN_AGE_HOURS`] is for a gateway at rest.
    pub min_age_hours: u32,
    /// Whether to look for listed files whose object is missing, too.
    pub checks_index: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Orphan {
    pub object: Listed,
    pub has_workspace: bool,
}

/// A listed file, or its still, that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub workspace: WorkspaceId,
    pub asset_id: AssetId,
    pub key: String,
}

/// What one page came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The key after which the next page begins; None: there is none.
    pub next_cursor: Option<String>,
    pub seen: u64,
    pub bytes: u64,
    pub orphans: Vec<Orphan>,
    pub deleted: u64,
    pub missing: Vec<Missing>,
    /// Keys that this gateway did not make.
    pub foreign: Vec<String>,
    /// Objects that nobody could be asked about now.
    pub skipped: u64,
    /// Workspaces and uploads that were asked.
    pub questions: u32,
}
