//! The `Clients` object: what registered itself (RFC 7591), and which client assertions were used (RFC 7523). In an
//! object and not in key-value storage, because a client registers in one part of the world and the person's browser
//! asks for it in another within a second.
//! Bounded: a fixed number of objects, each with a fixed number of rows. Those never used give way first, then those
//! unused for longest, so a flood of registrations fills nothing and drives out nobody who has connected.
//!
//! | table | what a row is |
//! |---|---|
//! | `clients` | one registered client |
//! | `assertions` | the `jti` of a client assertion, until it expires |

use super::client::{Metadata, REGISTERED_PREFIX};
use crate::crypto;
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError, to_json};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Rows of one of the 64 objects; at most 8 KiB each, which is as large as a registration may be.
const MAX_CLIENTS: i64 = 1000;
/// A client that nobody has used for so long is gone; using it begins the time anew.
const UNUSED_SECONDS: i64 = 90 * 24 * 3600;
/// A registration that never led to a consent.
const NEVER_USED_SECONDS: i64 = 7 * 24 * 3600;
/// A use is written down once a day.
const TOUCH_SECONDS: i64 = 24 * 3600;
/// Of one client, so that none uses up what belongs to the others of its object.
const MAX_ASSERTIONS: i64 = 5000;

pub struct Clients;

/// Which object keeps this client: by the first character of its random part, or of the hash of a document's address.
pub fn shard(client_id: &str) -> String {
    let first = |text: &str| text.chars().next().unwrap_or('0').to_string();
    match client_id.strip_prefix(REGISTERED_PREFIX) {
        Some(random) => first(random),
        None => first(&crypto::base64url(&crypto::sha256(client_id.as_bytes()))),
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Register {
        client_id: String,
        metadata: Box<Metadata>,
        secret_hash: Option<String>,
    },
    Find {
        client_id: String,
    },
    /// A person has consented to it, or it is in use: it is kept.
    Keep {
        client_id: String,
    },
    UseAssertion {
        client_id: String,
        jti: String,
        expires_at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Found { metadata: Box<Metadata>, secret_hash: Option<String>, is_kept: bool },
    Unknown,
    AlreadyUsed,
}

impl Entity for Clients {
    const BINDING: &'static str = "CLIENTS";
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
        Command::Register { client_id, metadata, secret_hash } => {
            create_tables(sql)?;
            register(sql, now, &client_id, &metadata, secret_hash)
        }
        Command::UseAssertion { client_id, jti, expires_at } => {
            create_tables(sql)?;
            use_assertion(sql, now, &client_id, &jti, expires_at)
        }
        _ if !sql.has_table("clients")? => Ok(Reply::Unknown),
        Command::Find { client_id } => find(sql, now, &client_id),
        Command::Keep { client_id } => {
            let bindings = [now.into(), client_id.as_str().into()];
            sql.query("UPDATE clients SET used_at = ?1, is_kept = 1 WHERE client_id = ?2", &bindings)?;
            Ok(Reply::Done)
        }
    }
}

fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS clients (
            client_id TEXT PRIMARY KEY, metadata TEXT NOT NULL, secret_hash TEXT, used_at INTEGER NOT NULL,
            is_kept INTEGER NOT NULL DEFAULT 0)",
        &[],
    )?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS assertions (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL)",
        &[],
    )?;
    Ok(())
}

/// The same client again is the same row.
fn register(
    sql: &impl Sql,
    now: Timestamp,
    client_id: &str,
    metadata: &Metadata,
    secret_hash: Option<String>,
) -> Result<Reply, SqlError> {
    let bindings = [now.plus_seconds(-UNUSED_SECONDS).into(), now.plus_seconds(-NEVER_USED_SECONDS).into()];
    sql.query("DELETE FROM clients WHERE used_at < ?1 OR (used_at < ?2 AND is_kept = 0)", &bindings)?;
    sql.query(
        "INSERT INTO clients (client_id, metadata, secret_hash, used_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (client_id) DO UPDATE SET used_at = ?4",
        &[client_id.into(), to_json(metadata)?, secret_hash.into(), now.into()],
    )?;
    let kept = sql.first("SELECT count(*) FROM clients", &[])?.map(|row| row.integer(0)).transpose()?;
    let over = kept.unwrap_or(0) - MAX_CLIENTS;
    if over > 0 {
        sql.query(
            "DELETE FROM clients WHERE client_id IN
                (SELECT client_id FROM clients WHERE client_id != ? ORDER BY is_kept, used_at LIMIT ?)",
            &[client_id.into(), over.into()],
        )?;
    }
    Ok(Reply::Done)
}

fn find(sql: &impl Sql, now: Timestamp, client_id: &str) -> Result<Reply, SqlError> {
    let row = sql.first(
        "SELECT metadata, secret_hash, used_at, is_kept FROM clients WHERE client_id = ?",
        &[client_id.into()],
    )?;
    let Some(row) = row else { return Ok(Reply::Unknown) };
    if Timestamp(row.integer(2)?) <= now.plus_seconds(-UNUSED_SECONDS) {
        return Ok(Reply::Unknown);
    }
    let bindings = [now.into(), client_id.into(), now.plus_seconds(-TOUCH_SECONDS).into()];
    sql.query("UPDATE clients SET used_at = ? WHERE client_id = ? AND used_at < ?", &bindings)?;
    Ok(Reply::Found {
        metadata: Box::new(row.json(0)?),
        secret_hash: row.optional_text(1)?,
        is_kept: row.integer(3)? != 0,
    })
}

fn use_assertion(
    sql: &impl Sql,
    now: Timestamp,
    client_id: &str,
    jti: &str,
    expires_at: Timestamp,
) -> Result<Reply, SqlError> {
    sql.query("DELETE FROM assertions WHERE expires_at <= ?", &[now.into()])?;
    let id = format!("{client_id} {jti}");
    // No id of a client holds a space, so its own are those between `client ` and `client!`.
    let own = [format!("{client_id} ").into(), format!("{client_id}!").into()];
    let taken = sql.first("SELECT count(*) FROM assertions WHERE id >= ? AND id < ?", &own)?;
    let is_full = taken.map(|row| row.integer(0)).transpose()?.unwrap_or(0) >= MAX_ASSERTIONS;
    // Full means a flood of valid signatures by this client: refusing is safer than forgetting one that was used.
    if is_full || sql.first("SELECT 1 FROM assertions WHERE id = ?", &[id.as_str().into()])?.is_some() {
        return Ok(Reply::AlreadyUsed);
    }
    sql.query("INSERT INTO assertions (id, expires_at) VALUES (?, ?)", &[id.into(), expires_at.into()])?;
    Ok(Reply::Done)
}
