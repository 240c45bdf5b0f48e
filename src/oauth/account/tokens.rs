//! Personal access tokens of one person: issued, verified, listed, revoked. Not for: their string form (`opaque`).

use super::{Grant, Reply, allowance, changed, optional_time, optional_workspace, scopes, used};
use crate::crypto;
use crate::id::{TokenId, WorkspaceId};
use crate::oauth::scope::Scopes;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Allowance;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Tokens one person may have that are neither revoked nor expired.
pub const MAX_TOKENS: u32 = 50;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewToken {
    pub token_id: TokenId,
    pub hash: String,
    pub name: String,
    pub scopes: Scopes,
    pub workspace_id: Option<WorkspaceId>,
    pub expires_at: Option<Timestamp>,
    pub allowance: Allowance,
}

impl NewToken {
    /// What the audit log says of it.
    pub fn details(&self) -> Value {
        json!({
            "name": self.name, "scopes": self.scopes, "expires_at": self.expires_at.map(Timestamp::iso),
            "per_day": self.allowance.per_day, "per_month": self.allowance.per_month,
        })
    }
}

/// A token as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    pub token_id: TokenId,
    pub name: String,
    pub scopes: Scopes,
    pub workspace_id: Option<WorkspaceId>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub allowance: Allowance,
}

pub fn create_table(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS tokens (
            token_id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
            workspace_id TEXT, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,
            units_per_day INTEGER, units_per_month INTEGER)",
        &[],
    )?;
    Ok(())
}

pub fn issue(sql: &impl Sql, now: Timestamp, token: NewToken) -> Result<Reply, SqlError> {
    let live = sql.first(
        "SELECT count(*) FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
        &[now.into()],
    )?;
    if live.map(|row| row.integer(0)).transpose()?.unwrap_or(0) >= i64::from(MAX_TOKENS) {
        let why = format!("There are {MAX_TOKENS} tokens already. Revoke one that is no longer needed.");
        return Ok(Reply::Mismatch(why));
    }
    sql.query(
        "INSERT INTO tokens (token_id, hash, name, scopes, workspace_id, created_at, expires_at, units_per_day, units_per_month)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            token.token_id.as_str().into(),
            token.hash.into(),
            token.name.into(),
            token.scopes.to_string().into(),
            token.workspace_id.map(|id| id.to_string()).into(),
            now.into(),
            token.expires_at.into(),
            token.allowance.per_day.into(),
            token.allowance.per_month.into(),
        ],
    )?;
    Ok(Reply::Done)
}

pub fn verify(sql: &impl Sql, now: Timestamp, token_id: &TokenId, hash: &str) -> Result<Reply, SqlError> {
    let statement =
        "SELECT hash, scopes, workspace_id, expires_at, revoked_at, units_per_day, units_per_month
         FROM tokens WHERE token_id = ?";
    let Some(row) = sql.first(statement, &[token_id.as_str().into()])? else { return Ok(Reply::Unknown) };
    if !crypto::same(row.text(0)?.as_bytes(), hash.as_bytes()) {
        return Ok(Reply::Unknown);
    }
    let expires_at = optional_time(&row, 3)?;
    if row.optional_integer(4)?.is_some() {
        return Ok(Reply::Revoked);
    }
    if expires_at.is_some_and(|at| at <= now) {
        return Ok(Reply::Expired);
    }
    used(sql, now, token_id.as_str())?;
    Ok(Reply::Valid(Grant {
        scopes: scopes(&row, 1)?,
        workspace_id: optional_workspace(&row, 2)?,
        expires_at,
        allowance: allowance(&row, 5)?,
    }))
}

pub fn revoke(sql: &impl Sql, now: Timestamp, token_id: &TokenId) -> Result<Reply, SqlError> {
    if sql.first("SELECT 1 FROM tokens WHERE token_id = ?", &[token_id.as_str().into()])?.is_none() {
        return Ok(Reply::Unknown);
    }
    let ended = sql.query(
        "UPDATE tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL RETURNING token_id, workspace_id",
        &[now.into(), token_id.as_str().into()],
    )?;
    Ok(Reply::Changed(ended.iter().map(changed).collect::<Result<_, _>>()?))
}

/// Newest first.
pub fn list(sql: &impl Sql) -> Result<Vec<TokenRow>, SqlError> {
    let rows = sql.query(
        "SELECT token_id, name, scopes, workspace_id, created_at, expires_at, revoked_at, at, units_per_day, units_per_month
         FROM tokens LEFT JOIN uses ON id = token_id ORDER BY token_id DESC LIMIT 200",
        &[],
    )?;
    rows.iter().map(token).collect()
}

fn token(row: &Row) -> Result<TokenRow, SqlError> {
    let id = row.text(0)?;
    Ok(TokenRow {
        token_id: TokenId::parse(&id).ok_or_else(|| SqlError(format!("`{id}` is not a token id")))?,
        name: row.text(1)?,
        scopes: scopes(row, 2)?,
        workspace_id: optional_workspace(row, 3)?,
        created_at: Timestamp(row.integer(4)?),
        expires_at: optional_time(row, 5)?,
        revoked_at: optional_time(row, 6)?,
        last_used_at: optional_time(row, 7)?,
        allowance: allowance(row, 8)?,
    })
}
