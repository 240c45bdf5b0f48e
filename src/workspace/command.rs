//! What a `Workspace` object can be told, and what it answers. Not for: what it then does (`super::apply`).

use super::audit::{self, Actor, Event};
use super::definitions::{self, Definition};
use super::grants::Grant;
use super::history::{Query, RunRow};
use super::inventory::{Expected, Needless, Stored};
use super::media::{self, Asset};
use super::members::{Invited, Member};
use super::provider_keys::{OwnKey, SealedKey};
use super::runs::{Admission, Settlement};
use super::{ledger, uploads::Opening};
use crate::error::Refusal;
use crate::id::{AssetId, InvitationId, PersonId, RunId, WorkflowId, WorkspaceId};
use crate::units::{Allowance, Units};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Create {
        name: String,
    },
    /// Whether it was ever created.
    Exists,
    /// `label`: the address, where it is known.
    AddMember {
        actor: Actor,
        person: PersonId,
        role: Role,
        label: Option<String>,
    },
    /// By an owner; None removes. The last owner stays one.
    SetRole {
        actor: Actor,
        person: PersonId,
        role: Option<Role>,
    },
    /// By an owner: what a member may spend here.
    SetAllowance {
        actor: Actor,
        person: PersonId,
        allowance: Allowance,
    },
    /// By an owner: above which price a person is asked first. None: never.
    SetConfirmAbove {
        actor: Actor,
        above: Option<Units>,
    },
    Members {
        by: PersonId,
    },
    Invite {
        actor: Actor,
        invited: Invited,
    },
    /// Makes the invited person, who is the actor, a member, once.
    Accept {
        actor: Actor,
        invitation_id: InvitationId,
        label: String,
    },
    /// By an owner, or by the person who was invited.
    Withdraw {
        actor: Actor,
        invitation_id: InvitationId,
    },
    /// By an owner.
    GrantBy(Grant),
    /// By the operator.
    Grant(Grant),
    Summary {
        person: PersonId,
    },
    Admit(Box<Admission>),
    Settle(Settlement),
    Runs {
        person: PersonId,
        query: Query,
    },
    /// The statement, newest first, from the row before this one.
    Ledger {
        person: PersonId,
        before: Option<i64>,
        limit: u32,
    },
    /// For owners, newest first.
    Audit {
        person: PersonId,
        before: Option<i64>,
        limit: u32,
    },
    /// Something that was done elsewhere and concerns this workspace.
    Note {
        actor: Actor,
        event: Event,
    },
    SaveWorkflow(Box<definitions::Save>),
    Workflow {
        person: PersonId,
        workflow_id: WorkflowId,
        wanted: Option<definitions::Wanted>,
    },
    Versions {
        person: PersonId,
        workflow_id: WorkflowId,
    },
    Workflows {
        person: PersonId,
        before: Option<WorkflowId>,
        limit: u32,
        /// Archived ones and drafts too.
        with_hidden: bool,
    },
    Asset {
        person: PersonId,
        asset_id: AssetId,
    },
    Assets {
        person: PersonId,
        query: media::Query,
    },
    /// An upload begins, or says more of itself: what it will add counts from now on.
    OpenUpload(Box<Opening>),
    /// It came to nothing.
    CloseUpload {
        asset_id: AssetId,
    },
    /// An upload or import is stored. Sent until it is acknowledged; only the first counts.
    AddAsset {
        actor: Actor,
        asset: Box<Asset>,
    },
    /// What was found out later about a file.
    AmendAsset {
        asset_id: AssetId,
        sha256: Option<String>,
        has_poster: Option<bool>,
        width: Option<u32>,
        height: Option<u32>,
        duration_seconds: Option<f64>,
    },
    /// By who made it, or an owner. `workspace`: this one, which does not know its own id.
    DeleteAsset {
        actor: Actor,
        workspace: WorkspaceId,
        asset_id: AssetId,
    },
    SetAlt {
        actor: Actor,
        asset_id: AssetId,
        alt: String,
    },
    /// Which of these objects of this workspace nothing needs.
    Needless {
        workspace: WorkspaceId,
        objects: Vec<Stored>,
    },
    /// Listed files by id, from the one after `after` to `upto` itself.
    Expected {
        after: String,
        upto: Option<String>,
        limit: u32,
    },
    /// Stored objects that nothing names any more, for good: their ids will name no file again. Those that are needed stay.
    Trash {
        workspace: WorkspaceId,
        keys: Vec<String>,
    },
    /// By an owner; takes the place of the one before.
    SetProviderKey {
        actor: Actor,
        key: SealedKey,
    },
    /// By an owner. One that is not there is no fault.
    RemoveProviderKey {
        actor: Actor,
        provider: String,
    },
    /// For owners: whose keys there are, without them.
    ProviderKeys {
        person: PersonId,
    },
    /// By the gateway itself: providers that there is a key for.
    OwnProviders,
    /// By the gateway itself, to ask the provider with it.
    ProviderKey {
        provider: String,
    },
    /// The same key under the present secret, if it is still this one.
    ResealProviderKey {
        provider: String,
        before: String,
        after: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Owner,
    Member,
    /// Sees everything, spends nothing.
    Viewer,
}

impl Role {
    pub const ALL: &'static [Role] = &[Role::Owner, Role::Member, Role::Viewer];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Member => "member",
            Role::Viewer => "viewer",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub name: String,
    pub role: Role,
    pub granted: Units,
    pub balance: Units,
    pub reserved: Units,
    pub spent: Units,
    pub confirm_above: Option<Units>,
    /// Of all files.
    #[serde(default)]
    pub stored_bytes: u64,
    /// Of the person who asks.
    pub running: Vec<RunId>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Summary(Summary),
    Admitted {
        balance: Units,
    },
    /// The run that the same idempotency key, or else the same call of the same token, started before.
    Repeat {
        run_id: RunId,
        by_key: bool,
    },
    /// A person has to agree first: the price is above this.
    Confirm {
        above: Units,
    },
    /// What was charged, now or the first time.
    Settled {
        price: Units,
    },
    Assets(Vec<Asset>),
    /// A page, and before which file the next one begins.
    AssetPage(Vec<Asset>, Option<AssetId>),
    /// `late_runs`: should have ended long ago, and while they have not, what may be theirs is kept.
    Needless {
        objects: Vec<Needless>,
        late_runs: Vec<RunId>,
    },
    Expected(Vec<Expected>),
    Members {
        members: Vec<Member>,
        invited: Vec<Invited>,
    },
    /// Whose invitation was withdrawn.
    Withdrawn(PersonId),
    /// A page, and before which run the next one begins.
    Runs(Vec<RunRow>, Option<RunId>),
    Ledger(Vec<ledger::Entry>),
    /// The row a grant made, now or the first time.
    Granted(Box<ledger::Entry>),
    Audit(Vec<audit::Entry>),
    Workflow(Box<Definition>),
    Workflows(Vec<Definition>),
    Versions(Vec<definitions::Version>),
    ProviderKeys(Vec<OwnKey>),
    OwnProviders(Vec<String>),
    ProviderKey(Option<SealedKey>),
    Refused(Box<Refusal>),
}
