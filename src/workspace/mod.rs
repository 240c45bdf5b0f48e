//! The `Workspace` object: members, Creative Units, the index of runs and of media, workflows, the audit log. Every
//! change of money is one transaction that appends a ledger row and keeps `granted = balance + reserved + spent`.
//! Not for: running anything (`runs`). It decides whether a run may start, and settles it once.
//!
//! | table | what a row is |
//! |---|---|
//! | `workspace` | the one row: name, granted, balance, reserved, spent (thousandths of a unit), `confirm_above`, bytes stored |
//! | `members` | a person, their role, the address they signed in with, what they may spend |
//! | `invitations` | one to somebody who has not answered yet |
//! | `ledger` | one change of money, append-only; (`run_id`, `kind`) is unique |
//! | `runs` | one run as lists show it |
//! | `keys` | an idempotency key and what it made |
//! | `assets` | one stored file |
//! | `uploads` | one upload under way, and what it will add |
//! | `trash` | an object of the storage that is to be deleted |
//! | `tombstones` | a file that was deleted, so that a late repeat does not bring it back |
//! | `workflows`, `workflow_versions` | a workflow; each version of its document |
//! | `provider_keys` | a key for an inference provider that the workspace brought itself, sealed; made with the first one |
//! | `audit` | one change or spend: who, by which credential, in which request; 90 days |

pub mod audit;
mod command;
pub mod definitions;
pub mod grants;
pub mod history;
pub mod inventory;
pub mod keys;
pub mod ledger;
pub mod media;
pub mod members;
pub mod provider_keys;
pub mod runs;
mod spending;
mod tables;
mod trash;
pub mod uploads;

use crate::error::{Code, Refusal};
use crate::id::{PersonId, WorkspaceId};
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
pub use audit::{Actor, Event};
pub use command::{Command, Reply, Role, Summary};
pub use definitions::{Definition, Document};
pub use grants::Grant;
pub use history::{Query, RunRow};
pub use keys::Idempotency;
pub use media::Asset;
pub use members::{Invited, Member};
pub use provider_keys::{OwnKey, SealedKey};
pub use runs::{Admission, Consent, NeededFile, RunKind, RunStatus, Settlement, Terms};
use serde_json::json;
use tables::Found;
pub use uploads::Opening;

/// Runs one person may have under way in one workspace (seed 000, RATE_LIMITED).
pub const MAX_CONCURRENT_RUNS: u32 = 5;

pub struct Workspace;

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
        let quota = platform.config().storage_quota_bytes;
        let fills_trash = trash::is_filled_by(&command);
        // An object that is no workspace is to stay empty.
        if fills_trash && storage.transact(tables::find)? != Found::Nothing {
            trash::expect(platform, storage).await?;
        }
        let reply = storage.transact(|sql| apply(sql, now, quota, command))?;
        if fills_trash && matches!(reply, Reply::Done) {
            storage.set_alarm(now).await?;
        }
        Ok(reply)
    }

    async fn wake<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
        trash::empty(platform, storage).await
    }
}

fn apply(sql: &impl Sql, now: Timestamp, quota: Option<u64>, command: Command) -> Result<Reply, SqlError> {
    if let Command::Create { name } = command {
        tables::create(sql, now, &name)?;
        return Ok(Reply::Done);
    }
    match tables::find(sql)? {
        Found::Nothing => return Ok(refuse(unknown())),
        Found::Older => tables::upgrade(sql, now)?,
        Found::Present => {}
    }
    match command {
        Command::Create { .. } | Command::Exists => Ok(Reply::Done),
        Command::Summary { person } => as_member(sql, &person, |role| summary(sql, &person, role)),
        Command::Admit(admission) => {
            let person = admission.person.clone();
            as_spender(sql, &person, || runs::admit(sql, now, *admission))
        }
        Command::Settle(settlement) => runs::settle(sql, now, settlement),
        Command::Runs { person, query } => as_member(sql, &person, |_| {
            history::list(sql, &query).map(|(rows, next)| Reply::Runs(rows, next))
        }),
        Command::Ledger { person, before, limit } => {
            as_member(sql, &person, |_| ledger::list(sql, before, limit).map(Reply::Ledger))
        }
        Command::Audit { person, before, limit } => {
            as_owner(sql, Some(&person), || audit::list(sql, now, before, limit).map(Reply::Audit))
        }
        Command::Note { actor, event } => logged(sql, now, &actor, event, || Ok(Reply::Done)),
        Command::SaveWorkflow(save) => {
            let person = save.person.clone();
            as_spender(sql, &person, || definitions::save(sql, now, *save))
        }
        Command::Workflow { person, workflow_id, wanted } => {
            as_member(sql, &person, |_| definitions::found(sql, &workflow_id, wanted))
        }
        Command::Versions { person, workflow_id } => {
            as_member(sql, &person, |_| definitions::versions(sql, &workflow_id))
        }
        Command::Workflows { person, before, limit, with_hidden } => as_member(sql, &person, |_| {
            definitions::list(sql, before.as_ref(), limit, with_hidden).map(Reply::Workflows)
        }),
        command @ (Command::Asset { .. }
        | Command::Assets { .. }
        | Command::OpenUpload(_)
        | Command::CloseUpload { .. }
        | Command::AddAsset { .. }
        | Command::AmendAsset { .. }
        | Command::DeleteAsset { .. }
        | Command::SetAlt { .. }
        | Command::Needless { .. }
        | Command::Expected { .. }
        | Command::Trash { .. }) => keep_files(sql, now, quota, command),
        command @ (Command::SetProviderKey { .. }
        | Command::RemoveProviderKey { .. }
        | Command::ProviderKeys { .. }
        | Command::OwnProviders
        | Command::ProviderKey { .. }
        | Command::ResealProviderKey { .. }) => provider_keys::apply(sql, now, command),
        command => administer(sql, now, command),
    }
}

/// Files, open uploads, and what is to be deleted from the storage.
fn keep_files(
    sql: &impl Sql,
    now: Timestamp,
    quota: Option<u64>,
    command: Command,
) -> Result<Reply, SqlError> {
    match command {
        Command::Asset { person, asset_id } => {
            as_member(sql, &person, |_| media::find(sql, &asset_id).map(Reply::Assets))
        }
        Command::Assets { person, query } => as_member(sql, &person, |_| {
            media::list(sql, &query).map(|(assets, next)| Reply::AssetPage(assets, next))
        }),
        Command::OpenUpload(opening) => {
            let person = opening.person.clone();
            as_spender(sql, &person, || uploads::open(sql, now, quota, &opening))
        }
        Command::CloseUpload { asset_id } => uploads::close(sql, &asset_id),
        Command::AddAsset { actor, asset } => {
            if let Some(reply) = uploads::repeated(sql, &asset)? {
                return Ok(reply);
            }
            let Some(person) = actor.as_person() else { return Ok(refuse(unknown())) };
            as_spender(sql, &person, || uploads::add(sql, now, &actor, *asset))
        }
        Command::AmendAsset { asset_id, sha256, has_poster, width, height, duration_seconds } => {
            let facts = media::Facts { sha256, has_poster, width, height, duration_seconds };
            media::amend(sql, &asset_id, facts)
        }
        Command::DeleteAsset { actor, workspace, asset_id } => {
            let Some(person) = actor.as_person() else { return Ok(refuse(unknown())) };
            let role = members::role_of(sql, &person)?;
            as_spender(sql, &person, || {
                let is_owner = role == Some(Role::Owner);
                trash::delete_asset(sql, now, &actor, &workspace, &asset_id, is_owner)
            })
        }
        Command::SetAlt { actor, asset_id, alt } => {
            let Some(person) = actor.as_person() else { return Ok(refuse(unknown())) };
            as_spender(sql, &person, || media::set_alt(sql, &asset_id, &alt))
        }
        Command::Needless { workspace, objects } => inventory::answer(sql, now, &workspace, &objects),
        Command::Expected { after, upto, limit } => inventory::expected(sql, &after, upto.as_deref(), limit),
        Command::Trash { workspace, keys } => trash::fill(sql, now, &workspace, &keys),
        _ => Ok(Reply::Done),
    }
}

/// People and money, as owners and the operator change them; each leaves its row in the audit log.
fn administer(sql: &impl Sql, now: Timestamp, command: Command) -> Result<Reply, SqlError> {
    match command {
        Command::AddMember { actor, person, role, label } => {
            let is_known = members::role_of(sql, &person)? == Some(role);
            let reply = members::add(sql, now, &person, role, label.as_deref())?;
            if !is_known {
                let details = json!({ "role": role, "label": label });
                audit::append(sql, now, &actor, &Event::new("member.added", person.as_str(), details))?;
            }
            Ok(reply)
        }
        Command::SetRole { actor, person, role } => {
            let name = if role.is_some() { "member.role_changed" } else { "member.removed" };
            let event = Event::new(name, person.as_str(), json!({ "role": role }));
            as_owner(sql, actor.as_person().as_ref(), || {
                logged(sql, now, &actor, event, || members::set_role(sql, &person, role))
            })
        }
        Command::SetAllowance { actor, person, allowance } => {
            let event = Event::new("member.allowance_changed", person.as_str(), json!(allowance));
            as_owner(sql, actor.as_person().as_ref(), || {
                logged(sql, now, &actor, event, || members::set_allowance(sql, &person, allowance))
            })
        }
        Command::SetConfirmAbove { actor, above } => {
            let event = Event::new("workspace.threshold_changed", "", json!({ "confirm_above": above }));
            as_owner(sql, actor.as_person().as_ref(), || {
                logged(sql, now, &actor, event, || {
                    sql.query("UPDATE workspace SET confirm_above = ?", &[above.into()])?;
                    Ok(Reply::Done)
                })
            })
        }
        Command::Members { by } => as_member(sql, &by, |role| members::list(sql, now, role)),
        Command::Invite { actor, invited } => {
            let details = json!({ "email": invited.email, "role": invited.role });
            let event = Event::new("member.invited", invited.person.as_str(), details);
            as_owner(sql, actor.as_person().as_ref(), || {
                logged(sql, now, &actor, event, || members::invite(sql, now, &invited))
            })
        }
        Command::Accept { actor, invitation_id, label } => {
            let event = Event::new("member.joined", actor.id.clone(), json!({ "label": label }));
            let Some(person) = actor.as_person() else { return Ok(refuse(unknown())) };
            let before = members::role_of(sql, &person)?;
            let reply = members::accept(sql, now, &invitation_id, &person, &label)?;
            if members::role_of(sql, &person)? != before {
                audit::append(sql, now, &actor, &event)?;
            }
            Ok(reply)
        }
        Command::Withdraw { actor, invitation_id } => {
            let event = Event::new("member.invitation_withdrawn", invitation_id.as_str(), json!({}));
            let Some(person) = actor.as_person() else { return Ok(refuse(unknown())) };
            logged(sql, now, &actor, event, || members::withdraw(sql, &person, &invitation_id))
        }
        Command::GrantBy(given) => {
            as_owner(sql, given.actor.as_person().as_ref(), || grants::grant(sql, now, given))
        }
        Command::Grant(given) => grants::grant(sql, now, given),
        _ => Ok(Reply::Done),
    }
}

/// Does it and, unless it was refused, writes down who did.
fn logged(
    sql: &impl Sql,
    now: Timestamp,
    actor: &Actor,
    event: Event,
    then: impl FnOnce() -> Result<Reply, SqlError>,
) -> Result<Reply, SqlError> {
    let reply = then()?;
    if !matches!(reply, Reply::Refused(_)) {
        audit::append(sql, now, actor, &event)?;
    }
    Ok(reply)
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

/// Members and owners, not viewers.
fn as_spender(
    sql: &impl Sql,
    person: &PersonId,
    then: impl FnOnce() -> Result<Reply, SqlError>,
) -> Result<Reply, SqlError> {
    as_member(sql, person, |role| match role {
        Role::Viewer => Ok(refuse(only_views())),
        Role::Owner | Role::Member => then(),
    })
}

fn as_owner(
    sql: &impl Sql,
    person: Option<&PersonId>,
    then: impl FnOnce() -> Result<Reply, SqlError>,
) -> Result<Reply, SqlError> {
    let Some(person) = person else { return Ok(refuse(unknown())) };
    as_member(sql, person, |role| match role {
        Role::Owner => then(),
        Role::Member | Role::Viewer => {
            let refusal = Refusal::new(Code::Forbidden, "Only an owner of the workspace can do this.");
            Ok(refuse(refusal.next("Ask an owner of the workspace.")))
        }
    })
}

fn only_views() -> Refusal {
    Refusal::new(
        Code::Forbidden,
        "You are a viewer of this workspace and can neither spend its Creative Units nor change it.",
    )
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
        confirm_above: runs::confirm_above(sql)?,
        stored_bytes: media::stored_bytes(sql)?,
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
