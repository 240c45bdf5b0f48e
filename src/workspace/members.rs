//! Who belongs to a workspace, as what, and who has been asked to. Not for: what each role may do (`super::apply`).

use super::{Reply, Role, ledger, refuse};
use crate::error::{Code, Refusal};
use crate::id::{InvitationId, PersonId};
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Allowance;
use serde::{Deserialize, Serialize};

/// Of one workspace; an invitation mail is sent by a person, so nobody needs more.
const MAX_INVITATIONS: i64 = 200;
const MAX_MEMBERS: u32 = 1000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub person: PersonId,
    pub role: Role,
    /// The address, where it is known.
    pub label: Option<String>,
    pub added_at: Timestamp,
    pub allowance: Allowance,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invited {
    pub invitation_id: InvitationId,
    pub person: PersonId,
    pub email: String,
    pub role: Role,
    pub expires_at: Timestamp,
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS members (
            person TEXT PRIMARY KEY, role TEXT NOT NULL, added_at INTEGER NOT NULL, label TEXT,
            per_day INTEGER, per_month INTEGER)",
        &[],
    )?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS invitations (
            invitation_id TEXT PRIMARY KEY, person TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL,
            expires_at INTEGER NOT NULL)",
        &[],
    )?;
    Ok(())
}

pub fn role_of(sql: &impl Sql, person: &PersonId) -> Result<Option<Role>, SqlError> {
    let row = sql.first("SELECT role FROM members WHERE person = ?", &[person.as_str().into()])?;
    row.map(|row| role(&row, 0)).transpose()
}

pub fn add(
    sql: &impl Sql,
    now: Timestamp,
    person: &PersonId,
    role: Role,
    label: Option<&str>,
) -> Result<Reply, SqlError> {
    sql.query(
        "INSERT INTO members (person, role, added_at, label) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (person) DO UPDATE SET role = ?2, label = coalesce(?4, label)",
        &[person.as_str().into(), role.as_str().into(), now.into(), label.into()],
    )?;
    Ok(Reply::Done)
}

/// None removes. A workspace without an owner could never be changed again.
pub fn set_role(sql: &impl Sql, person: &PersonId, role: Option<Role>) -> Result<Reply, SqlError> {
    let Some(current) = role_of(sql, person)? else {
        return Ok(refuse(Refusal::invalid("This person is not a member of the workspace.")));
    };
    let others =
        sql.first("SELECT 1 FROM members WHERE role = 'owner' AND person != ?", &[person.as_str().into()])?;
    if current == Role::Owner && role != Some(Role::Owner) && others.is_none() {
        let refusal = Refusal::new(Code::Forbidden, "The last owner of a workspace cannot stop being one.");
        return Ok(refuse(refusal.next("Make somebody else an owner first.")));
    }
    match role {
        Some(role) => {
            let bindings = [role.as_str().into(), person.as_str().into()];
            sql.query("UPDATE members SET role = ? WHERE person = ?", &bindings)?;
        }
        None => _ = sql.query("DELETE FROM members WHERE person = ?", &[person.as_str().into()])?,
    }
    Ok(Reply::Done)
}

/// What a member may spend in this workspace, whatever the token.
pub fn set_allowance(sql: &impl Sql, person: &PersonId, allowance: Allowance) -> Result<Reply, SqlError> {
    let found = sql.first(
        "UPDATE members SET per_day = ?, per_month = ? WHERE person = ? RETURNING person",
        &[allowance.per_day.into(), allowance.per_month.into(), person.as_str().into()],
    )?;
    Ok(match found {
        Some(_) => Reply::Done,
        None => refuse(Refusal::invalid("This person is not a member of the workspace.")),
    })
}

/// Invitations are for owners to see: each is a link that lets somebody in.
pub fn list(sql: &impl Sql, now: Timestamp, seen_by: Role) -> Result<Reply, SqlError> {
    let rows = sql.query(
        "SELECT person, role, label, added_at, per_day, per_month FROM members ORDER BY added_at, person LIMIT ?",
        &[MAX_MEMBERS.into()],
    )?;
    let members = rows.iter().map(member).collect::<Result<_, _>>()?;
    let invited = if seen_by == Role::Owner { open_invitations(sql, now)? } else { Vec::new() };
    Ok(Reply::Members { members, invited })
}

fn open_invitations(sql: &impl Sql, now: Timestamp) -> Result<Vec<Invited>, SqlError> {
    let rows = sql.query(
        "SELECT invitation_id, person, email, role, expires_at FROM invitations WHERE expires_at > ? ORDER BY invitation_id",
        &[now.into()],
    )?;
    rows.iter().map(invited).collect()
}

/// A second one to the same person takes the place of the first.
pub fn invite(sql: &impl Sql, now: Timestamp, given: &Invited) -> Result<Reply, SqlError> {
    if role_of(sql, &given.person)?.is_some() {
        return Ok(refuse(Refusal::invalid(format!("{} is already a member.", given.email))));
    }
    sql.query(
        "DELETE FROM invitations WHERE expires_at <= ? OR person = ?",
        &[now.into(), given.person.as_str().into()],
    )?;
    let open = sql.first("SELECT count(*) FROM invitations", &[])?;
    if open.map(|row| row.integer(0)).transpose()?.unwrap_or(0) >= MAX_INVITATIONS {
        let refusal = Refusal::new(Code::RateLimited, format!("{MAX_INVITATIONS} invitations are open."));
        return Ok(refuse(refusal.next("Withdraw some first.")));
    }
    sql.query(
        "INSERT INTO invitations (invitation_id, person, email, role, expires_at) VALUES (?, ?, ?, ?, ?)",
        &[
            given.invitation_id.as_str().into(),
            given.person.as_str().into(),
            given.email.as_str().into(),
            given.role.as_str().into(),
            given.expires_at.into(),
        ],
    )?;
    Ok(Reply::Done)
}

pub fn accept(
    sql: &impl Sql,
    now: Timestamp,
    invitation_id: &InvitationId,
    person: &PersonId,
    label: &str,
) -> Result<Reply, SqlError> {
    let row = sql.first(
        "DELETE FROM invitations WHERE invitation_id = ? AND person = ? AND expires_at > ? RETURNING role",
        &[invitation_id.as_str().into(), person.as_str().into(), now.into()],
    )?;
    match row {
        Some(row) => add(sql, now, person, role(&row, 0)?, Some(label)),
        // Accepted a moment ago, by a second click.
        None if role_of(sql, person)?.is_some() => Ok(Reply::Done),
        None => Ok(refuse(Refusal::invalid("This invitation has expired or was withdrawn."))),
    }
}

pub fn withdraw(sql: &impl Sql, by: &PersonId, invitation_id: &InvitationId) -> Result<Reply, SqlError> {
    let is_owner = role_of(sql, by)? == Some(Role::Owner);
    let row = sql.first(
        "DELETE FROM invitations WHERE invitation_id = ?1 AND (?2 OR person = ?3) RETURNING person",
        &[invitation_id.as_str().into(), is_owner.into(), by.as_str().into()],
    )?;
    match row {
        Some(row) => Ok(Reply::Withdrawn(person(&row, 0)?)),
        None => Ok(refuse(Refusal::invalid("This invitation has expired or was withdrawn."))),
    }
}

fn member(row: &Row) -> Result<Member, SqlError> {
    Ok(Member {
        person: person(row, 0)?,
        role: role(row, 1)?,
        label: row.optional_text(2)?,
        added_at: Timestamp(row.integer(3)?),
        allowance: Allowance {
            per_day: ledger::optional_units(row, 4)?,
            per_month: ledger::optional_units(row, 5)?,
        },
    })
}

fn invited(row: &Row) -> Result<Invited, SqlError> {
    let id = row.text(0)?;
    Ok(Invited {
        invitation_id: InvitationId::parse(&id)
            .ok_or_else(|| SqlError(format!("`{id}` is not an invitation id")))?,
        person: person(row, 1)?,
        email: row.text(2)?,
        role: role(row, 3)?,
        expires_at: Timestamp(row.integer(4)?),
    })
}

fn person(row: &Row, column: usize) -> Result<PersonId, SqlError> {
    let text = row.text(column)?;
    PersonId::parse(&text).ok_or_else(|| SqlError(format!("`{text}` is not a person id")))
}

fn role(row: &Row, column: usize) -> Result<Role, SqlError> {
    let text = row.text(column)?;
    Role::parse(&text).ok_or_else(|| SqlError(format!("`{text}` is not a role")))
}
