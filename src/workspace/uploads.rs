//! Uploads under way, as a workspace counts them: each sets its bytes aside from the storage quota until it is stored,
//! given up or past its time. Not for: the upload itself (`crate::uploads`).

use super::media::{self, Asset};
use super::{Actor, Event, Reply, audit, refuse, trash};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, PersonId};
use crate::media::size_in_words;
use crate::sql::{Sql, SqlError, Value};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Of one person at a time: a folder of pictures, and far from what a script could fill the table with.
pub const MAX_OPEN_UPLOADS: u32 = 200;
/// Rows past their time that one new upload takes with it.
const SWEEP_ROWS: u32 = 8;

/// An upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    pub actor: Actor,
    pub person: PersonId,
    pub asset_id: AssetId,
    /// The most it can come to.
    pub bytes: u64,
    /// From then on it no longer counts.
    pub until: Timestamp,
}

pub fn create_table(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS uploads (
            asset_id TEXT PRIMARY KEY, person TEXT NOT NULL, bytes INTEGER NOT NULL, until INTEGER NOT NULL)",
        &[],
    )?;
    sql.query("CREATE INDEX IF NOT EXISTS uploads_by_time ON uploads (until)", &[])?;
    Ok(())
}

/// Asked again, it replaces what was said before.
pub fn open(
    sql: &impl Sql,
    now: Timestamp,
    quota: Option<u64>,
    opening: &Opening,
) -> Result<Reply, SqlError> {
    let Opening { person, asset_id, bytes, until, .. } = opening;
    if !media::find(sql, asset_id)?.is_empty() {
        return Ok(Reply::Done);
    }
    let others = sql.first(
        "SELECT coalesce(sum(bytes), 0), count(CASE WHEN person = ?2 THEN 1 END) FROM uploads
         WHERE until > ?1 AND asset_id != ?3",
        &[now.into(), person.as_str().into(), asset_id.as_str().into()],
    )?;
    let (open, own) =
        others.map_or(Ok((0, 0)), |row| Ok::<_, SqlError>((row.integer(0)?, row.integer(1)?)))?;
    if own >= i64::from(MAX_OPEN_UPLOADS) {
        return Ok(refuse(too_many()));
    }
    let used = media::stored_bytes(sql)?.saturating_add(u64::try_from(open).unwrap_or(0));
    if let Some(quota) = quota.filter(|quota| used.saturating_add(*bytes) > *quota) {
        return Ok(refuse(full(used, quota, *bytes)));
    }
    sql.query(
        "INSERT OR REPLACE INTO uploads (asset_id, person, bytes, until) VALUES (?, ?, ?, ?)",
        &[
            asset_id.as_str().into(),
            person.as_str().into(),
            Value::Integer(i64::try_from(*bytes).unwrap_or(i64::MAX)),
            (*until).into(),
        ],
    )?;
    sql.query(
        "DELETE FROM uploads WHERE rowid IN (SELECT rowid FROM uploads WHERE until <= ? ORDER BY until LIMIT ?)",
        &[now.into(), SWEEP_ROWS.into()],
    )?;
    Ok(Reply::Done)
}

pub fn close(sql: &impl Sql, asset_id: &AssetId) -> Result<Reply, SqlError> {
    sql.query("DELETE FROM uploads WHERE asset_id = ?", &[asset_id.as_str().into()])?;
    Ok(Reply::Done)
}

/// The answer to a file that was added before, whoever asks again; None for a new one.
pub fn repeated(sql: &impl Sql, asset: &Asset) -> Result<Option<Reply>, SqlError> {
    if !media::find(sql, &asset.asset_id)?.is_empty() {
        return close(sql, &asset.asset_id).map(Some);
    }
    if trash::is_deleted(sql, &asset.asset_id)? {
        let refusal = Refusal::new(Code::FileNotFound, "This file was deleted.");
        return Ok(Some(refuse(refusal.next("Upload it again under a new link."))));
    }
    Ok(None)
}

/// Its bytes were set aside when it was opened, so the quota is not asked again.
pub fn add(sql: &impl Sql, now: Timestamp, actor: &Actor, asset: Asset) -> Result<Reply, SqlError> {
    let asset = Asset { person: asset.person.or(actor.as_person()), ..asset };
    media::insert(sql, now, &asset)?;
    let details = json!({
        "name": asset.name, "mime_type": asset.mime_type, "bytes": asset.size_bytes, "origin": asset.origin,
    });
    audit::append(sql, now, actor, &Event::new("media.uploaded", asset.asset_id.as_str(), details))?;
    close(sql, &asset.asset_id)
}

fn too_many() -> Refusal {
    Refusal::new(
        Code::RateLimited,
        format!("You already have {MAX_OPEN_UPLOADS} uploads under way in this workspace."),
    )
    .next("Finish some, or wait until their links have expired (15 minutes).")
    .retry_after(60)
}

fn full(used: u64, quota: u64, needed: u64) -> Refusal {
    let message = format!(
        "This workspace may store {}, uses {} of it with the uploads under way, and this file needs {}.",
        size_in_words(quota),
        size_in_words(used),
        size_in_words(needed)
    );
    Refusal::new(Code::StorageFull, message)
        .details(json!({ "quota_bytes": quota, "used_bytes": used, "needed_bytes": needed }))
}
