//! Who the person is to this gateway: the profile of the last sign-in, memberships, open invitations.

use super::Reply;
use crate::id::{InvitationId, WorkspaceId};
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Invitations that wait for one person; the oldest give way.
const MAX_INVITATIONS: u32 = 50;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub email: String,
    pub name: Option<String>,
    /// A browser session of another epoch has been ended.
    pub epoch: i64,
    /// Whether this was the first sign-in.
    pub is_new: bool,
    pub workspaces: u32,
    /// Whether the gateway's first workspace was joined once: who is removed from it does not come back alone.
    pub joined_first: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invitation {
    pub invitation_id: InvitationId,
    pub workspace_id: WorkspaceId,
    pub workspace_name: String,
    /// As the workspace writes it.
    pub role: String,
    pub invited_by: String,
    pub expires_at: Timestamp,
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS profile (
            one INTEGER PRIMARY KEY CHECK (one = 1), email TEXT NOT NULL, name TEXT, epoch INTEGER NOT NULL DEFAULT 1,
            joined_first INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, signed_in_at INTEGER NOT NULL)",
        &[],
    )?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS memberships (workspace_id TEXT PRIMARY KEY, added_at INTEGER NOT NULL, left_at INTEGER)",
        &[],
    )?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS invitations (
            invitation_id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, workspace_name TEXT NOT NULL, role TEXT NOT NULL,
            invited_by TEXT NOT NULL, expires_at INTEGER NOT NULL)",
        &[],
    )?;
    Ok(())
}

pub fn join(sql: &impl Sql, now: Timestamp, workspace_id: &WorkspaceId) -> Result<Reply, SqlError> {
    let bindings = [workspace_id.as_str().into(), now.into()];
    sql.query(
        "INSERT INTO memberships (workspace_id, added_at) VALUES (?, ?)
         ON CONFLICT (workspace_id) DO UPDATE SET left_at = NULL",
        &bindings,
    )?;
    Ok(Reply::Done)
}

pub fn leave(sql: &impl Sql, now: Timestamp, workspace_id: &WorkspaceId) -> Result<Reply, SqlError> {
    let bindings = [now.into(), workspace_id.as_str().into()];
    sql.query("UPDATE memberships SET left_at = ? WHERE workspace_id = ?", &bindings)?;
    Ok(Reply::Done)
}

pub fn workspaces(sql: &impl Sql, after: Option<WorkspaceId>, limit: u32) -> Result<Reply, SqlError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = sql.query(
        "SELECT workspace_id FROM memberships WHERE workspace_id > ? AND left_at IS NULL ORDER BY workspace_id LIMIT ?",
        &[after.into(), limit.into()],
    )?;
    rows.iter().map(|row| workspace_id(row, 0)).collect::<Result<_, _>>().map(Reply::Workspaces)
}

pub fn sign_in(sql: &impl Sql, now: Timestamp, email: &str, name: Option<String>) -> Result<Reply, SqlError> {
    let is_new = sql.first("SELECT 1 FROM profile", &[])?.is_none();
    sql.query(
        "INSERT INTO profile (one, email, name, created_at, signed_in_at) VALUES (1, ?1, ?2, ?3, ?3)
         ON CONFLICT (one) DO UPDATE SET email = ?1, name = coalesce(?2, name), signed_in_at = ?3",
        &[email.into(), name.into(), now.into()],
    )?;
    match profile(sql)? {
        Reply::Profile(profile) => Ok(Reply::Profile(Box::new(Profile { is_new, ..*profile }))),
        other => Ok(other),
    }
}

pub fn profile(sql: &impl Sql) -> Result<Reply, SqlError> {
    let statement = "SELECT email, name, epoch, joined_first, (SELECT count(*) FROM memberships WHERE left_at IS NULL) FROM profile";
    let Some(row) = sql.first(statement, &[])? else { return Ok(Reply::Unknown) };
    Ok(Reply::Profile(Box::new(Profile {
        email: row.text(0)?,
        name: row.optional_text(1)?,
        epoch: row.integer(2)?,
        is_new: false,
        joined_first: row.integer(3)? != 0,
        workspaces: u32::try_from(row.integer(4)?).unwrap_or(0),
    })))
}

pub fn joined_first(sql: &impl Sql) -> Result<Reply, SqlError> {
    sql.query("UPDATE profile SET joined_first = 1", &[])?;
    Ok(Reply::Done)
}

pub fn end_sessions(sql: &impl Sql) -> Result<Reply, SqlError> {
    sql.query("UPDATE profile SET epoch = epoch + 1", &[])?;
    Ok(Reply::Done)
}

pub fn invite(sql: &impl Sql, now: Timestamp, invitation: &Invitation) -> Result<Reply, SqlError> {
    // A second one to the same workspace takes the place of the first, as it does there.
    let bindings = [now.into(), invitation.workspace_id.as_str().into()];
    sql.query("DELETE FROM invitations WHERE expires_at <= ? OR workspace_id = ?", &bindings)?;
    sql.query(
        "INSERT OR REPLACE INTO invitations (invitation_id, workspace_id, workspace_name, role, invited_by, expires_at)
         VALUES (?, ?, ?, ?, ?, ?)",
        &[
            invitation.invitation_id.as_str().into(),
            invitation.workspace_id.as_str().into(),
            invitation.workspace_name.as_str().into(),
            invitation.role.as_str().into(),
            invitation.invited_by.as_str().into(),
            invitation.expires_at.into(),
        ],
    )?;
    sql.query(
        "DELETE FROM invitations WHERE invitation_id NOT IN (SELECT invitation_id FROM invitations ORDER BY invitation_id DESC LIMIT ?)",
        &[MAX_INVITATIONS.into()],
    )?;
    Ok(Reply::Done)
}

pub fn uninvite(sql: &impl Sql, invitation_id: &InvitationId) -> Result<Reply, SqlError> {
    sql.query("DELETE FROM invitations WHERE invitation_id = ?", &[invitation_id.as_str().into()])?;
    Ok(Reply::Done)
}

pub fn invitation(sql: &impl Sql, now: Timestamp, invitation_id: &InvitationId) -> Result<Reply, SqlError> {
    let row = sql.first(
        "SELECT workspace_id, workspace_name, role, invited_by, expires_at FROM invitations WHERE invitation_id = ?",
        &[invitation_id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(Reply::Unknown) };
    let expires_at = Timestamp(row.integer(4)?);
    if expires_at <= now {
        return Ok(Reply::Expired);
    }
    Ok(Reply::Invitation(Box::new(Invitation {
        invitation_id: invitation_id.clone(),
        workspace_id: workspace_id(&row, 0)?,
        workspace_name: row.text(1)?,
        role: row.text(2)?,
        invited_by: row.text(3)?,
        expires_at,
    })))
}

/// Somebody who was in a workspace, or is asked into one, may sign in without being on the operator's list.
pub fn is_expected(sql: &impl Sql, now: Timestamp) -> Result<bool, SqlError> {
    let found = sql.first(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM memberships WHERE left_at IS NULL)
            OR EXISTS (SELECT 1 FROM invitations WHERE expires_at > ?)",
        &[now.into()],
    )?;
    Ok(found.is_some())
}

fn workspace_id(row: &Row, column: usize) -> Result<WorkspaceId, SqlError> {
    let text = row.text(column)?;
    WorkspaceId::parse(&text).ok_or_else(|| SqlError(format!("`{text}` is not a workspace id")))
}
