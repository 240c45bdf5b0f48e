//! What a workspace has deleted and object storage still holds. A file leaves the index in one transaction with the
//! keys of its objects entering the trash; the object's alarm deletes them, again if need be, until they are gone.
//! Not for: deciding what nobody needs any more (the collector does).

use super::inventory::{self, Name, Stored};
use super::media::{self, Asset};
use super::{Actor, Command, Event, Reply, audit, refuse};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, WorkspaceId};
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use serde_json::json;

/// Objects one ring of the alarm deletes.
const BATCH: u32 = 100;
const MAX_KEYS: usize = 1000;
/// Before the transaction an alarm is set, in case the process dies right after it.
const EXPECT_SECONDS: i64 = 10;
/// The runtime gives an alarm up that fails too often, so this one does not fail.
const RETRY_SECONDS: i64 = 60;
/// How long a deleted file cannot come back by a late repeat of its upload, which retries for minutes.
const TOMBSTONE_SECONDS: i64 = 7 * 24 * 3600;
const SWEEP_ROWS: u32 = 8;

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query("CREATE TABLE IF NOT EXISTS trash (key TEXT PRIMARY KEY, at INTEGER NOT NULL)", &[])?;
    sql.query("CREATE TABLE IF NOT EXISTS tombstones (asset_id TEXT PRIMARY KEY, at INTEGER NOT NULL)", &[])?;
    sql.query("CREATE INDEX IF NOT EXISTS tombstones_by_time ON tombstones (at)", &[])?;
    Ok(())
}

pub fn is_filled_by(command: &Command) -> bool {
    matches!(command, Command::DeleteAsset { .. } | Command::Trash { .. })
}

/// Before something is thrown away: the alarm that empties the trash even if nothing else comes to it.
pub async fn expect<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    storage.set_alarm(platform.now().plus_seconds(EXPECT_SECONDS)).await
}

/// Deletes a batch of objects, and rings again while some are left. Deleting one twice is harmless.
pub async fn empty<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let keys = storage.transact(batch)?;
    if keys.is_empty() {
        return Ok(());
    }
    if let Err(reason) = platform.delete_objects(&keys).await {
        platform.log(Level::Warn, "trash.not_emptied", json!({ "reason": reason.0 }));
        return storage.set_alarm(platform.now().plus_seconds(RETRY_SECONDS)).await;
    }
    let is_empty = storage.transact(|sql| {
        for key in &keys {
            sql.query("DELETE FROM trash WHERE key = ?", &[key.as_str().into()])?;
        }
        Ok(batch(sql)?.is_empty())
    })?;
    if is_empty { Ok(()) } else { storage.set_alarm(platform.now()).await }
}

/// Oldest first.
fn batch(sql: &impl Sql) -> Result<Vec<String>, SqlError> {
    // The alarm may ring in an object whose tables an earlier version made.
    if !sql.has_table("trash")? {
        return Ok(Vec::new());
    }
    let rows = sql.query("SELECT key FROM trash ORDER BY at, key LIMIT ?", &[BATCH.into()])?;
    rows.iter().map(|row| row.text(0)).collect()
}

fn throw(sql: &impl Sql, now: Timestamp, key: &str) -> Result<(), SqlError> {
    sql.query("INSERT OR IGNORE INTO trash (key, at) VALUES (?, ?)", &[key.into(), now.into()])?;
    Ok(())
}

/// By who made or uploaded it, or an owner.
pub fn delete_asset(
    sql: &impl Sql,
    now: Timestamp,
    actor: &Actor,
    workspace: &WorkspaceId,
    asset_id: &AssetId,
    is_owner: bool,
) -> Result<Reply, SqlError> {
    let Some(asset) = media::find(sql, asset_id)?.into_iter().next() else {
        return Ok(refuse(media::unknown(asset_id.as_str())));
    };
    if !is_owner && (asset.person.is_none() || asset.person != actor.as_person()) {
        let refusal = Refusal::new(Code::Forbidden, "Only who made this file, or an owner, can delete it.");
        return Ok(refuse(refusal.next("Ask an owner of the workspace to delete it.")));
    }
    media::remove(sql, asset_id)?;
    // The preview of the run would still show it; a run can be read without one.
    let sheet = asset.run_id.as_deref().map(|run_id| media::sheet_key(workspace, run_id));
    for key in keys_of(workspace, &asset).into_iter().chain(sheet) {
        throw(sql, now, &key)?;
    }
    bury(sql, now, asset_id)?;
    let details = json!({
        "name": asset.name, "mime_type": asset.mime_type, "bytes": asset.size_bytes, "origin": asset.origin,
    });
    audit::append(sql, now, actor, &Event::new("media.deleted", asset_id.as_str(), details))?;
    Ok(Reply::Done)
}

/// Every object of a file; the still too where none is known, which a late maker may have put there.
fn keys_of(workspace: &WorkspaceId, asset: &Asset) -> [String; 2] {
    let file = media::key(workspace, &asset.asset_id, &asset.extension);
    [file, media::poster_key(workspace, &asset.asset_id)]
}

fn bury(sql: &impl Sql, now: Timestamp, asset_id: &AssetId) -> Result<(), SqlError> {
    sql.query(
        "INSERT OR REPLACE INTO tombstones (asset_id, at) VALUES (?, ?)",
        &[asset_id.as_str().into(), now.into()],
    )?;
    sql.query(
        "DELETE FROM tombstones WHERE rowid IN (SELECT rowid FROM tombstones WHERE at <= ? ORDER BY at LIMIT ?)",
        &[now.plus_seconds(-TOMBSTONE_SECONDS).into(), SWEEP_ROWS.into()],
    )?;
    Ok(())
}

pub fn is_deleted(sql: &impl Sql, asset_id: &AssetId) -> Result<bool, SqlError> {
    let row = sql.first("SELECT 1 FROM tombstones WHERE asset_id = ?", &[asset_id.as_str().into()])?;
    Ok(row.is_some())
}

/// Objects of this workspace that nothing names. One that is needed after all stays where it is.
pub fn fill(
    sql: &impl Sql,
    now: Timestamp,
    workspace: &WorkspaceId,
    keys: &[String],
) -> Result<Reply, SqlError> {
    let prefix = format!("w/{workspace}/");
    if keys.len() > MAX_KEYS || keys.iter().any(|key| !key.starts_with(&prefix)) {
        let message = format!("At most {MAX_KEYS} keys can be thrown away at once, all below {prefix}.");
        return Ok(refuse(Refusal::invalid(message)));
    }
    let objects: Vec<_> = keys.iter().map(|key| Stored { key: key.clone(), stored_at: None }).collect();
    let (needless, _) = inventory::needless(sql, now, workspace, &objects)?;
    for object in needless {
        throw(sql, now, &object.key)?;
        // Whoever still meant to list it comes too late, and is told so.
        if object.is_unheard_of
            && let Some(id) = Name::parse(&object.key).and_then(|name| AssetId::parse(name.id))
        {
            bury(sql, now, &id)?;
        }
    }
    Ok(Reply::Done)
}
