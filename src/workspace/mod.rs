//! The `Workspace` object: members, Creative Units, the index of runs and of media. Every change of money is
//! one transaction that appends a ledger row and keeps `granted = balance + reserved + spent`.
//! Not for: running anything (`runs`). It decides whether a run may start, and settles it once.
//!
//! | table | what a row is |
//! |---|---|
//! | `workspace` | the one row: name, granted, balance, reserved, spent (thousandths of a unit) |
//! | `members` | a person, their role and the address they signed in with |
//! | `invitations` | one to somebody who has not answered yet |
//! | `ledger` | one change of money, append-only; (`run_id`, `kind`) is unique |
//! | `runs` | one run as lists show it |
//! | `assets` | one stored file |

pub mod ledger;
pub mod media;
pub mod members;
pub mod runs;

use crate::error::{Code, Refusal};
use crate::id::{AssetId, InvitationId, PersonId, RunId, WorkspaceId};
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Units;
pub use media::Asset;
pub use members::{Invited, Member};
pub use runs::{Admission, RunRow, RunStatus, Settlement};
use serde::{Deserialize, Serialize};

/// Runs one person may have under way in one workspace (seed 000, RATE_LIMITED).
pub const MAX_CONCURRENT_RUNS: u32 = 5;

pub struct Workspace;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Create {
        name: String,
    },
    /// Whether it was ever created.
    Exists,
    /// `label`: the address, where it is known.
    AddMember {
        person: PersonId,
        role: Role,
        label: Option<String>,
    },
    /// By an owner; None removes. The last owner stays one.
    SetRole {
        by: PersonId,
        person: PersonId,
        role: Option<Role>,
    },
    Members {
        by: PersonId,
    },
    Invite {
        by: PersonId,
        invited: Invited,
    },
    /// Makes the invited person a member, once.
    Accept {
        invitation_id: InvitationId,
        person: PersonId,
        label: String,
    },
    /// By an owner, or by the person who was invited.
    Withdraw {
        by: PersonId,
        invitation_id: InvitationId,
    },
    /// By an owner.
    GrantBy {
        by: PersonId,
        amount: Units,
        note: String,
    },
    Grant {
        amount: Units,
        by: String,
        note: String,
    },
    Summary {
        person: PersonId,
    },
    Admit(Box<Admission>),
    Settle(Settlement),
    /// Which of these are not files of this workspace.
    MissingAssets {
        assets: Vec<AssetId>,
    },
    Asset {
        person: PersonId,
        asset_id: AssetId,
    },
    Assets {
        person: PersonId,
        before: Option<AssetId>,
        limit: u32,
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
    /// The run that the same idempotency key started before.
    Repeat {
        run_id: RunId,
    },
    Settled {
        released: Units,
    },
    Assets(Vec<Asset>),
    Members {
        members: Vec<Member>,
        invited: Vec<Invited>,
    },
    /// Whose invitation was withdrawn.
    Withdrawn(PersonId),
    Missing(Vec<AssetId>),
    Refused(Box<Refusal>),
}

impl Entity for Workspace {
    const BINDING: &'static str = "WORKSPACE";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        let now = platform.now();
        Ok(storage.transact(|sql| apply(sql, now, command))?)
    }

    async fn wake<P: Platform, S: Storage>(_: &P, _: &S) -> Result<(), Unavailable> {
        Ok(())
    }
}

fn apply(sql: &impl Sql, now: Timestamp, command: Command) -> Result<Reply, SqlError> {
    if let Command::Create { name } = command {
        create(sql, now, &name)?;
        return Ok(Reply::Done);
    }
    if !sql.has_table("workspace")? {
        return Ok(refuse(unknown()));
    }
    members::create_tables(sql)?;
    match command {
        Command::Create { .. } => Ok(Reply::Done),
        Command::Exists => Ok(Reply::Done),
        Command::AddMember { person, role, label } => members::add(sql, now, &person, role, label.as_deref()),
        Command::SetRole { by, person, role } => as_owner(sql, &by, || members::set_role(sql, &person, role)),
        Command::Members { by } => as_member(sql, &by, |role| members::list(sql, now, role)),
        Command::Invite { by, invited } => as_owner(sql, &by, || members::invite(sql, now, &invited)),
        Command::Accept { invitation_id, person, label } => {
            members::accept(sql, now, &invitation_id, &person, &label)
        }
        Command::Withdraw { by, invitation_id } => members::withdraw(sql, &by, &invitation_id),
        Command::Grant { amount, by, note } => {
            ledger::grant(sql, now, amount, &by, &note)?;
            Ok(Reply::Done)
        }
        Command::GrantBy { by, amount, note } => as_owner(sql, &by, || {
            ledger::grant(sql, now, amount, by.as_str(), &note)?;
            Ok(Reply::Done)
        }),
        Command::Summary { person } => as_member(sql, &person, |role| summary(sql, &person, role)),
        Command::Admit(admission) => {
            let person = admission.person.clone();
            as_member(sql, &person, |role| match role {
                Role::Viewer => Ok(refuse(only_views())),
                Role::Owner | Role::Member => runs::admit(sql, now, *admission),
            })
        }
        Command::Settle(settlement) => runs::settle(sql, now, settlement),
        Command::MissingAssets { assets } => media::missing(sql, assets).map(Reply::Missing),
        Command::Asset { person, asset_id } => {
            as_member(sql, &person, |_| media::find(sql, &asset_id).map(Reply::Assets))
        }
        Command::Assets { person, before, limit } => {
            as_member(sql, &person, |_| media::list(sql, before, limit).map(Reply::Assets))
        }
    }
}

fn create(sql: &impl Sql, now: Timestamp, name: &str) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS workspace (
            one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, created_at INTEGER NOT NULL,
            granted INTEGER NOT NULL DEFAULT 0, balance INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0),
            reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0), spent INTEGER NOT NULL DEFAULT 0,
            CHECK (granted = balance + reserved + spent))",
        &[],
    )?;
    members::create_tables(sql)?;
    ledger::create_tables(sql)?;
    runs::create_tables(sql)?;
    media::create_tables(sql)?;
    sql.query(
        "INSERT OR IGNORE INTO workspace (one, name, created_at) VALUES (1, ?, ?)",
        &[name.into(), now.into()],
    )?;
    Ok(())
}

/// Somebody else's workspace answers exactly as one that does not exist.
fn as_member(
    sql: &impl Sql,
    person: &PersonId,
    then: impl FnOnce(Role) -> Result<Reply, SqlError>,
) -> Result<Reply, SqlError> {
    match members::role_of(sql, person)? {
        Some(role) => then(role),
        None => Ok(refuse(unknown())),
    }
}

fn as_owner(
    sql: &impl Sql,
    person: &PersonId,
    then: impl FnOnce() -> Result<Reply, SqlError>,
) -> Result<Reply, SqlError> {
    as_member(sql, person, |role| match role {
        Role::Owner => then(),
        Role::Member | Role::Viewer => {
            let refusal = Refusal::new(Code::Forbidden, "Only an owner of the workspace can do this.");
            Ok(refuse(refusal.next("Ask an owner of the workspace.")))
        }
    })
}

fn only_views() -> Refusal {
    Refusal::new(Code::Forbidden, "You are a viewer of this workspace and cannot spend its Creative Units.")
        .next("Ask an owner of the workspace to make you a member.")
}

fn summary(sql: &impl Sql, person: &PersonId, role: Role) -> Result<Reply, SqlError> {
    let totals = ledger::totals(sql)?;
    let name = sql.first("SELECT name FROM workspace", &[])?.map(|row| row.text(0)).transpose()?;
    Ok(Reply::Summary(Summary {
        name: name.unwrap_or_default(),
        role,
        granted: totals.granted,
        balance: totals.balance,
        reserved: totals.reserved,
        spent: totals.spent,
        running: runs::running(sql, person)?,
    }))
}

pub fn refuse(refusal: Refusal) -> Reply {
    Reply::Refused(Box::new(refusal))
}

fn unknown() -> Refusal {
    Refusal::new(Code::WorkspaceNotFound, "No workspace of yours has this id.")
}

/// Asks a workspace on behalf of a person; its refusal becomes ours.
pub async fn ask<P: Platform>(
    platform: &P,
    id: &WorkspaceId,
    command: Command,
) -> Result<Result<Reply, Refusal>, Unavailable> {
    Ok(match platform.ask::<Workspace>(id.as_str(), command).await? {
        Reply::Refused(refusal) => Err(*refusal),
        reply => Ok(reply),
    })
}
