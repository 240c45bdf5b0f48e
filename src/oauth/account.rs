//! The `Account` object: one person's tokens and the workspaces that person belongs to. What must be exact
//! and at once (a revoked token, a new membership) is asked here, never in key-value storage.
//! Not for: money or members' rights (`workspace`).
//!
//! | table | columns |
//! |---|---|
//! | `tokens` | `token_id`, `hash` (SHA-256, hex), `name`, `scopes`, `workspace_id`, `created_at`, `expires_at`, `revoked_at` |
//! | `memberships` | `workspace_id`, `added_at` |

use super::scope::Scopes;
use crate::crypto;
use crate::id::{TokenId, WorkspaceId};
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

pub struct Account;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewToken {
    pub token_id: TokenId,
    pub hash: String,
    pub name: String,
    pub scopes: Scopes,
    pub workspace_id: Option<WorkspaceId>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Issue(NewToken),
    Verify {
        token_id: TokenId,
        hash: String,
    },
    Revoke {
        token_id: TokenId,
    },
    Join {
        workspace_id: WorkspaceId,
    },
    /// Workspaces after this id, in order of id (which is order of creation).
    Workspaces {
        after: Option<WorkspaceId>,
        limit: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    pub scopes: Scopes,
    pub workspace_id: Option<WorkspaceId>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Valid(Grant),
    Unknown,
    Expired,
    Revoked,
    Workspaces(Vec<WorkspaceId>),
}

impl Entity for Account {
    const BINDING: &'static str = "ACCOUNT";
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
    match command {
        Command::Issue(token) => {
            create_tables(sql)?;
            issue(sql, now, token)
        }
        Command::Join { workspace_id } => {
            create_tables(sql)?;
            let bindings = [workspace_id.as_str().into(), now.into()];
            sql.query("INSERT OR IGNORE INTO memberships (workspace_id, added_at) VALUES (?, ?)", &bindings)?;
            Ok(Reply::Done)
        }
        // Questions about a person nobody made must not leave a database behind.
        _ if !sql.has_table("tokens")? => Ok(Reply::Unknown),
        Command::Verify { token_id, hash } => verify(sql, now, &token_id, &hash),
        Command::Revoke { token_id } => {
            let statement = "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE token_id = ? RETURNING token_id";
            let found = sql.first(statement, &[now.into(), token_id.as_str().into()])?;
            Ok(if found.is_some() { Reply::Done } else { Reply::Unknown })
        }
        Command::Workspaces { after, limit } => {
            let after = after.map(|id| id.to_string()).unwrap_or_default();
            let statement =
                "SELECT workspace_id FROM memberships WHERE workspace_id > ? ORDER BY workspace_id LIMIT ?";
            let rows = sql.query(statement, &[after.into(), limit.into()])?;
            rows.iter().map(|row| workspace_id(row, 0)).collect::<Result<_, _>>().map(Reply::Workspaces)
        }
    }
}

fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS tokens (
            token_id TEXT PRIMARY KEY, hash TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
            workspace_id TEXT, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER)",
        &[],
    )?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS memberships (workspace_id TEXT PRIMARY KEY, added_at INTEGER NOT NULL)",
        &[],
    )?;
    Ok(())
}

fn issue(sql: &impl Sql, now: Timestamp, token: NewToken) -> Result<Reply, SqlError> {
    sql.query(
        "INSERT INTO tokens (token_id, hash, name, scopes, workspace_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        &[
            token.token_id.as_str().into(),
            token.hash.into(),
            token.name.into(),
            token.scopes.to_string().into(),
            token.workspace_id.map(|id| id.to_string()).into(),
            now.into(),
            token.expires_at.into(),
        ],
    )?;
    Ok(Reply::Done)
}

fn verify(sql: &impl Sql, now: Timestamp, token_id: &TokenId, hash: &str) -> Result<Reply, SqlError> {
    let statement =
        "SELECT hash, scopes, workspace_id, expires_at, revoked_at FROM tokens WHERE token_id = ?";
    let Some(row) = sql.first(statement, &[token_id.as_str().into()])? else { return Ok(Reply::Unknown) };
    if !crypto::same(row.text(0)?.as_bytes(), hash.as_bytes()) {
        return Ok(Reply::Unknown);
    }
    let expires_at = row.optional_integer(3)?.map(Timestamp);
    if row.optional_integer(4)?.is_some() {
        return Ok(Reply::Revoked);
    }
    if expires_at.is_some_and(|at| at <= now) {
        return Ok(Reply::Expired);
    }
    // A scope this version does not know was granted by a newer one; it opens nothing here.
    let scopes = row.text(1)?.split(' ').filter_map(super::Scope::parse).collect();
    let workspace_id = row.optional_text(2)?.and_then(|id| WorkspaceId::parse(&id));
    Ok(Reply::Valid(Grant { scopes, workspace_id, expires_at }))
}

fn workspace_id(row: &Row, column: usize) -> Result<WorkspaceId, SqlError> {
    let text = row.text(column)?;
    WorkspaceId::parse(&text).ok_or_else(|| SqlError(format!("`{text}` is not a workspace id")))
}
