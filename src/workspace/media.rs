//! The media index: which files a workspace has. The bytes are in object storage under [`key`].

use crate::crypto::{self, Signer};
use crate::id::{AssetId, WorkspaceId};
use crate::models::Modality;
use crate::platform::Platform;
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    pub asset_id: AssetId,
    pub run_id: Option<String>,
    /// Which output of its run, from 0.
    pub position: Option<u32>,
    pub kind: Modality,
    pub mime_type: String,
    pub extension: String,
    pub size_bytes: u64,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_seconds: Option<f64>,
    pub alt: String,
}

/// Where an asset lies in object storage. The workspace comes first and there is no other way to make a key,
/// so tenants cannot cross.
pub fn key(workspace: &WorkspaceId, asset_id: &AssetId, extension: &str) -> String {
    format!("w/{workspace}/{asset_id}.{extension}")
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS assets (
            asset_id TEXT PRIMARY KEY, run_id TEXT, position INTEGER, kind TEXT NOT NULL, mime_type TEXT NOT NULL, extension TEXT NOT NULL,
            size_bytes INTEGER NOT NULL, width INTEGER, height INTEGER, duration_seconds REAL, alt TEXT NOT NULL,
            created_at INTEGER NOT NULL)",
        &[],
    )?;
    Ok(())
}

pub fn insert(sql: &impl Sql, now: Timestamp, asset: &Asset) -> Result<(), SqlError> {
    sql.query(
        "INSERT OR IGNORE INTO assets
            (asset_id, run_id, position, kind, mime_type, extension, size_bytes, width, height, duration_seconds, alt, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            asset.asset_id.as_str().into(),
            asset.run_id.clone().into(),
            asset.position.into(),
            asset.kind.as_str().into(),
            asset.mime_type.as_str().into(),
            asset.extension.as_str().into(),
            Value::Integer(i64::try_from(asset.size_bytes).unwrap_or(i64::MAX)),
            asset.width.into(),
            asset.height.into(),
            asset.duration_seconds.map_or(Value::Null, Value::Real),
            asset.alt.as_str().into(),
            now.into(),
        ],
    )?;
    Ok(())
}

pub fn missing(sql: &impl Sql, assets: Vec<AssetId>) -> Result<Vec<AssetId>, SqlError> {
    let mut missing = Vec::new();
    for asset in assets {
        if sql.first("SELECT 1 FROM assets WHERE asset_id = ?", &[asset.as_str().into()])?.is_none() {
            missing.push(asset);
        }
    }
    Ok(missing)
}

const COLUMNS: &str = "asset_id, run_id, position, kind, mime_type, extension, size_bytes, width, height, duration_seconds, alt";

/// Zero or one.
pub fn find(sql: &impl Sql, asset_id: &AssetId) -> Result<Vec<Asset>, SqlError> {
    let rows =
        sql.query(&format!("SELECT {COLUMNS} FROM assets WHERE asset_id = ?"), &[asset_id.as_str().into()])?;
    rows.iter().map(asset).collect()
}

/// Newest first; asset ids order by time.
pub fn list(sql: &impl Sql, before: Option<AssetId>, limit: u32) -> Result<Vec<Asset>, SqlError> {
    let before = before.map_or_else(|| "g".to_owned(), |id| id.to_string());
    let statement = format!("SELECT {COLUMNS} FROM assets WHERE asset_id < ? ORDER BY asset_id DESC LIMIT ?");
    sql.query(&statement, &[before.into(), limit.into()])?.iter().map(asset).collect()
}

fn asset(row: &Row) -> Result<Asset, SqlError> {
    let id = row.text(0)?;
    let kind = row.text(3)?;
    let count =
        |column| row.optional_integer(column).map(|count| count.and_then(|count| u32::try_from(count).ok()));
    Ok(Asset {
        asset_id: AssetId::parse(&id).ok_or_else(|| SqlError(format!("`{id}` is not an asset id")))?,
        run_id: row.optional_text(1)?,
        position: count(2)?,
        kind: Modality::parse(&kind).ok_or_else(|| SqlError(format!("`{kind}` is not a modality")))?,
        mime_type: row.text(4)?,
        extension: row.text(5)?,
        size_bytes: u64::try_from(row.integer(6)?).unwrap_or(0),
        width: count(7)?,
        height: count(8)?,
        duration_seconds: match row.0.get(9) {
            Some(Value::Real(seconds)) => Some(*seconds),
            Some(Value::Integer(seconds)) => Some(*seconds as f64),
            _ => None,
        },
        alt: row.text(10)?,
    })
}

/// Path and query under which an asset is served to whoever holds the link, until `expires`. The tag covers
/// the path and the time; knowing the ids alone opens nothing.
pub fn signed_path<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
    asset: &Asset,
    expires: Timestamp,
) -> String {
    let path = format!("/assets/{workspace}/{}.{}", asset.asset_id, asset.extension);
    let seconds = expires.seconds();
    let tag = crypto::base64url(&signer(platform).tag(format!("{path}?{seconds}").as_bytes()));
    format!("{path}?expires={seconds}&signature={tag}")
}

/// Whether the link was made here and, if so, whether it still works.
pub fn check_signature<P: Platform>(
    platform: &P,
    path: &str,
    expires: &str,
    signature: &str,
) -> Result<Timestamp, LinkFault> {
    let tag = crypto::from_base64url(signature).ok_or(LinkFault::Forged)?;
    let seconds: i64 = expires.parse().map_err(|_| LinkFault::Forged)?;
    if !signer(platform).verify(format!("{path}?{seconds}").as_bytes(), &tag) {
        return Err(LinkFault::Forged);
    }
    let expires = Timestamp(seconds.saturating_mul(1000));
    if expires <= platform.now() { Err(LinkFault::Expired) } else { Ok(expires) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    Forged,
    Expired,
}

fn signer<P: Platform>(platform: &P) -> Signer {
    platform.config().signer("asset link")
}
