//! `/account/workspaces`: the workspaces a person belongs to, who else does, and what owners may change.
//! Not for: the rules themselves, which the workspace's own object keeps (`workspace::members`).

use super::{Fault, Outcome, Visit, told};
use super::{allowance, invitations, provider_keys, statement};
use crate::api::grants;
use crate::error::Code;
use crate::html::workspaces as view;
use crate::html::{self, Section};
use crate::http::Response;
use crate::id::{self, InvitationId, PersonId, WorkspaceId};
use crate::media::size_in_words;
use crate::oauth::account::{self, Account, Invitation};
use crate::platform::{Level, Platform};
use crate::sign_in::arrive;
use crate::units::Units;
use crate::workspace::{self, Command, Grant, Invited, Member, Reply, Role};
use serde_json::json;

const DONE: &[(&str, &str)] = &[
    ("created", "The workspace is there."),
    ("role", "The role is changed."),
    ("removed", "The member is removed. Their apps and tokens can no longer use this workspace."),
    ("invited", "The invitation is ready. Send its link to the person: the gateway sends no mail."),
    ("withdrawn", "The invitation is withdrawn."),
    ("granted", "The Creative Units are added."),
    ("taken", "The Creative Units are taken away."),
    ("limited", "The member's limits are changed. They hold from their next run on."),
    ("asks", "Apps that can ask somebody do so before a run that costs more."),
    ("asks_never", "Nobody is asked before a run any more."),
    ("key_set", "The key is set. Work that begins from now on is done with it."),
    ("key_removed", "The key is removed."),
];
const MAX_NAME_CHARS: usize = 80;
/// Rows of the statement on a workspace's own page.
const LATEST_ROWS: u32 = 5;
/// Long enough for somebody on holiday.
pub const INVITATION_SECONDS: i64 = 14 * 24 * 3600;

pub fn role(role: Role) -> view::Role {
    match role {
        Role::Owner => view::Role::Owner,
        Role::Member => view::Role::Member,
        Role::Viewer => view::Role::Viewer,
    }
}

pub async fn list<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let rows = visit.workspaces().await?.into_iter().map(|(id, summary)| view::WorkspaceRow {
        id: id.to_string(),
        name: summary.name,
        role: role(summary.role),
        balance: summary.balance.words(),
    });
    let page = view::Workspaces {
        nav: visit.nav(Section::Workspaces),
        notice: visit.notice(DONE),
        workspaces: rows.collect(),
        can_create: visit.is_owner(),
    };
    Ok(html::page(200, view::workspaces(&page), "'self'"))
}

pub fn parse(id: &str) -> Result<WorkspaceId, Fault> {
    WorkspaceId::parse(id).ok_or_else(not_yours)
}

pub fn not_yours() -> Fault {
    told(404, "No workspace of yours has this address.", "Choose one on your workspaces page.")
}

/// The workspace's answer to this person; its refusal becomes a page.
pub async fn ask<P: Platform>(
    visit: &Visit<'_, P>,
    id: &WorkspaceId,
    command: Command,
) -> Result<Reply, Fault> {
    Ok(workspace::ask(visit.platform, id, command).await??)
}

pub async fn show<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let person = visit.session.person.clone();
    let Reply::Summary(summary) = ask(visit, &id, Command::Summary { person: person.clone() }).await? else {
        return Err(not_yours());
    };
    let (members, invited) = match ask(visit, &id, Command::Members { by: person.clone() }).await? {
        Reply::Members { members, invited } => (members, invited),
        _ => (Vec::new(), Vec::new()),
    };
    let own_keys = match summary.role {
        Role::Owner => provider_keys::card(visit, &id).await?,
        Role::Member | Role::Viewer => None,
    };
    let page = view::Workspace {
        nav: visit.nav(Section::Workspaces),
        notice: visit.notice(DONE),
        id: id.to_string(),
        name: summary.name,
        role: role(summary.role),
        free: summary.balance.to_string(),
        reserved: summary.reserved.to_string(),
        spent: summary.spent.to_string(),
        // Units are the operator's money: owning one workspace is not enough.
        can_grant: summary.role == Role::Owner && visit.is_owner(),
        grant_key: id::uuid_v7(visit.platform.now(), &visit.platform.random()),
        latest: statement::latest(visit, &id, None, LATEST_ROWS)
            .await?
            .into_iter()
            .map(statement::line)
            .collect(),
        confirm_above: summary.confirm_above,
        stored: size_in_words(summary.stored_bytes),
        members: members.into_iter().map(|member| shown(member, &person)).collect(),
        invitations: invited.into_iter().map(|invited| open(visit, &id, invited)).collect(),
        provider_keys: own_keys,
    };
    Ok(html::page(200, view::workspace(&page), "'self'"))
}

fn shown(member: Member, visitor: &PersonId) -> view::Member {
    view::Member {
        is_self: member.person == *visitor,
        email: member.label.unwrap_or_else(|| "somebody who has not signed in yet".into()),
        person: member.person.to_string(),
        role: role(member.role),
        allowance: member.allowance,
    }
}

fn open<P: Platform>(visit: &Visit<'_, P>, id: &WorkspaceId, invited: Invited) -> view::OpenInvitation {
    view::OpenInvitation {
        link: Some(invitations::link(visit, id, &invited)),
        invitation_id: invited.invitation_id.to_string(),
        email: invited.email,
        role: role(invited.role),
        expires_at: invited.expires_at.words(),
    }
}

/// `POST /account/workspaces`
pub async fn create<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    if !visit.is_owner() {
        return Err(told(403, "Only owners of the gateway make workspaces.", "Ask one of them."));
    }
    let name = visit.form.get("name").unwrap_or_default().trim();
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        return Err(told(400, "A workspace needs a name of 1 to 80 characters.", "Go back and give it one."));
    }
    let id = WorkspaceId::mint(visit.platform.now(), &visit.platform.random());
    arrive::create(visit.platform, &id, name, &visit.session.person, &visit.session.email).await?;
    visit.platform.log(Level::Info, "workspace.created", json!({ "workspace_id": id }));
    Ok(Response::see_other(format!("/account/workspaces/{id}?done=created")))
}

/// `POST /account/workspaces/{id}/members`
pub async fn change_member<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let person = visit.form.get("person").and_then(PersonId::parse);
    let person =
        person.ok_or_else(|| told(400, "The form does not name a member.", "Open the page again."))?;
    let is_removal = visit.form.get("remove").is_some();
    let new = visit.form.get("role").and_then(Role::parse);
    if !is_removal && new.is_none() {
        return Err(told(400, "The form does not name a role.", "Choose owner, member or viewer."));
    }
    let role = new.filter(|_| !is_removal);
    let command = Command::SetRole { actor: visit.actor(), person: person.clone(), role };
    ask(visit, &id, command).await?;
    if is_removal {
        let leave = account::Command::Leave { workspace_id: id.clone() };
        visit.platform.ask::<Account>(person.as_str(), leave).await?;
    }
    visit.platform.log(
        Level::Info,
        "member.changed",
        json!({ "workspace_id": id, "person": person, "role": role }),
    );
    let done = if is_removal { "removed" } else { "role" };
    // Who removed themselves has nothing left to see there.
    let is_self = is_removal && person == visit.session.person;
    let page = if is_self { String::new() } else { format!("/{id}") };
    Ok(Response::see_other(format!("/account/workspaces{page}?done={done}")))
}

/// `POST /account/workspaces/{id}/invitations`
pub async fn invite<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let email = visit.form.get("email").unwrap_or_default().trim().to_lowercase();
    if !arrive::is_address(&email) {
        return Err(told(400, "That is not an address.", "Go back and write one such as ada@example.com."));
    }
    let role = visit.form.get("role").and_then(Role::parse);
    let role =
        role.ok_or_else(|| told(400, "The form does not name a role.", "Choose owner, member or viewer."))?;
    let by = visit.session.person.clone();
    let now = visit.platform.now();
    let invited = Invited {
        invitation_id: InvitationId::mint(now, &visit.platform.random()),
        person: PersonId::of(&email),
        email,
        role,
        expires_at: now.plus_seconds(INVITATION_SECONDS),
    };
    ask(visit, &id, Command::Invite { actor: visit.actor(), invited: invited.clone() }).await?;
    let Reply::Summary(summary) = ask(visit, &id, Command::Summary { person: by }).await? else {
        return Err(not_yours());
    };
    let invitation = Invitation {
        invitation_id: invited.invitation_id,
        workspace_id: id.clone(),
        workspace_name: summary.name,
        role: role.as_str().to_owned(),
        invited_by: visit.session.email.clone(),
        expires_at: invited.expires_at,
    };
    visit.platform.ask::<Account>(invited.person.as_str(), account::Command::Invite(invitation)).await?;
    visit.platform.log(
        Level::Info,
        "member.invited",
        json!({ "workspace_id": id, "person": invited.person, "role": role }),
    );
    Ok(Response::see_other(format!("/account/workspaces/{id}?done=invited")))
}

/// `POST /account/workspaces/{id}/invitations/withdraw`
pub async fn withdraw<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let invitation_id = visit.form.get("invitation_id").and_then(InvitationId::parse);
    let invitation_id =
        invitation_id.ok_or_else(|| told(400, "The form names no invitation.", "Open the page again."))?;
    let command = Command::Withdraw { actor: visit.actor(), invitation_id: invitation_id.clone() };
    if let Reply::Withdrawn(person) = ask(visit, &id, command).await? {
        visit.platform.ask::<Account>(person.as_str(), account::Command::Uninvite { invitation_id }).await?;
    }
    Ok(Response::see_other(format!("/account/workspaces/{id}?done=withdrawn")))
}

/// `POST /account/workspaces/{id}/grants`
pub async fn grant<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    if !visit.is_owner() {
        return Err(told(403, "Only owners of the gateway add Creative Units.", "Ask one of them."));
    }
    let amount = amount(visit.form.get("creative_units").unwrap_or_default()).ok_or_else(|| {
        told(
            400,
            "That is not an amount of Creative Units.",
            "Write a number such as 50 or 2.5, up to 1,000,000,000; with a minus to take free ones away.",
        )
    })?;
    let note = grants::note(amount, visit.form.get("note").unwrap_or_default()).map_err(|_| {
        told(400, "A reason of up to 200 characters is needed to take units away.", "Go back and give one.")
    })?;
    let key = visit.form.get("idempotency_key").map(str::to_owned);
    let idempotency = grants::repeatable(&id, amount, &note, key)?;
    let grant = Grant { actor: visit.actor(), amount, note, idempotency };
    match workspace::ask(visit.platform, &id, Command::GrantBy(grant)).await? {
        Ok(_) => {}
        Err(refusal) if refusal.code == Code::IdempotencyConflict => {
            let next = "Look at the statement, open the workspace's page again and repeat what is missing.";
            return Err(told(409, "This form was sent before, with another amount or reason.", next));
        }
        Err(refusal) => return Err(refusal.into()),
    }
    visit.platform.log(Level::Info, "units.granted", json!({ "workspace_id": id, "creative_units": amount }));
    let done = if amount < Units::ZERO { "taken" } else { "granted" };
    Ok(Response::see_other(format!("/account/workspaces/{id}?done={done}")))
}

/// What a person types: with a minus, whichever their keyboard has, taken away. None: not an amount, or nothing.
fn amount(typed: &str) -> Option<Units> {
    let typed = typed.trim();
    let taken = typed.strip_prefix(['-', '−']);
    let size = Units::parse(taken.unwrap_or(typed)).filter(|size| *size != Units::ZERO)?;
    Some(if taken.is_some() { Units::ZERO - size } else { size })
}

/// `POST /account/workspaces/{id}/members/allowance`
pub async fn limit_member<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let person = visit.form.get("person").and_then(PersonId::parse);
    let person =
        person.ok_or_else(|| told(400, "The form does not name a member.", "Open the page again."))?;
    let typed = allowance::typed(&visit.form);
    let allowance = allowance::read(&typed).map_err(|[what, next]| told(400, what, next))?;
    ask(visit, &id, Command::SetAllowance { actor: visit.actor(), person: person.clone(), allowance })
        .await?;
    let fields = json!({ "workspace_id": id, "person": person, "allowance": allowance });
    visit.platform.log(Level::Info, "member.limited", fields);
    Ok(Response::see_other(format!("/account/workspaces/{id}?done=limited")))
}

/// `POST /account/workspaces/{id}/threshold`
pub async fn set_threshold<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let above = match visit.form.get("confirm_above").map(str::trim).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(Units::parse(text).ok_or_else(|| {
            told(
                400,
                "The price above which to ask is not a number.",
                "Give Creative Units as a number such as 50 or 2.5, or leave the field empty to never ask.",
            )
        })?),
    };
    ask(visit, &id, Command::SetConfirmAbove { actor: visit.actor(), above }).await?;
    let fields = json!({ "workspace_id": id, "confirm_above": above });
    visit.platform.log(Level::Info, "workspace.threshold_changed", fields);
    let done = if above.is_some() { "asks" } else { "asks_never" };
    Ok(Response::see_other(format!("/account/workspaces/{id}?done={done}")))
}
