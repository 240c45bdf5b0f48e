//! The media index: which files a workspace has, and what they take up. The bytes are in object storage under [`key`].
//! Not for: what is still being uploaded (`uploads`), or what is deleted (`trash`).

use super::{Reply, refuse};
use crate::crypto::{self, Signer};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, PersonId, WorkspaceId};
use crate::models::Modality;
use crate::platform::Platform;
use crate::sql::{Row, Sql, SqlError, Value};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Rows one page looks at: about a millisecond.
const MAX_SCANNED: u32 = 2_000;
/// Words of one search that are looked for; each is a comparison in every row.
const MAX_WORDS: usize = 16;
pub const MAX_ALT_CHARS: usize = 1000;
pub const POSTER_EXTENSION: &str = "poster.jpg";
pub const SHEET_EXTENSION: &str = "sheet.jpg";

crate::models::words! {
    /// Where a file comes from.
    Origin { Generated = "generated", Uploaded = "uploaded", Imported = "imported", }
}

impl Default for Origin {
    /// Files from before there were others.
    fn default() -> Self {
        Origin::Generated
    }
}

/// Runs of earlier versions hold it without what came later.
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
    /// As the person called the file.
    #[serde(default)]
    pub name: Option<String>,
    /// Of the bytes, in lower-case hexadecimal digits.
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(default)]
    pub origin: Origin,
    /// Whether a still of it is stored under [`poster_key`].
    #[serde(default = "yes")]
    pub has_poster: bool,
    /// Who uploaded it or ran what made it.
    #[serde(default)]
    pub person: Option<PersonId>,
    /// None while the workspace does not have it yet.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

fn yes() -> bool {
    true
}

/// Which files a list is to show.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Query {
    pub before: Option<AssetId>,
    pub limit: u32,
    pub kind: Option<Modality>,
    pub origin: Option<Origin>,
    pub run_id: Option<String>,
    /// Each must occur in the name or the alt text. Letter case counts beyond ASCII only.
    pub words: Option<String>,
}

/// What can be found out about a file after it was stored; None leaves what is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub sha256: Option<String>,
    pub has_poster: Option<bool>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub duration_seconds: Option<f64>,
}

/// Where an asset lies in object storage. The workspace comes first and there is no other way to make a key,
/// so tenants cannot cross.
pub fn key(workspace: &WorkspaceId, asset_id: &AssetId, extension: &str) -> String {
    format!("w/{workspace}/{asset_id}.{extension}")
}

/// The still of an asset that has one, a JPEG.
pub fn poster_key(workspace: &WorkspaceId, asset_id: &AssetId) -> String {
    key(workspace, asset_id, POSTER_EXTENSION)
}

/// The numbered preview of what a run made.
pub fn sheet_key(workspace: &WorkspaceId, run_id: &str) -> String {
    format!("w/{workspace}/{run_id}.{SHEET_EXTENSION}")
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS assets (
            asset_id TEXT PRIMARY KEY, run_id TEXT, position INTEGER, kind TEXT NOT NULL, mime_type TEXT NOT NULL, extension TEXT NOT NULL,
            size_bytes INTEGER NOT NULL, width INTEGER, height INTEGER, duration_seconds REAL, alt TEXT NOT NULL,
            created_at INTEGER NOT NULL, name TEXT, sha256 TEXT, origin TEXT NOT NULL DEFAULT 'generated',
            has_poster INTEGER NOT NULL DEFAULT 1, person TEXT)",
        &[],
    )?;
    sql.query("CREATE INDEX IF NOT EXISTS assets_by_run ON assets (run_id, asset_id)", &[])?;
    Ok(())
}

/// Adds it, and what it takes up, unless it is there already.
pub fn insert(sql: &impl Sql, now: Timestamp, asset: &Asset) -> Result<(), SqlError> {
    let size = Value::Integer(i64::try_from(asset.size_bytes).unwrap_or(i64::MAX));
    let inserted = sql.first(
        "INSERT OR IGNORE INTO assets
            (asset_id, run_id, position, kind, mime_type, extension, size_bytes, width, height, duration_seconds, alt, created_at,
             name, sha256, origin, has_poster, person)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING asset_id",
        &[
            asset.asset_id.as_str().into(),
            asset.run_id.clone().into(),
            asset.position.into(),
            asset.kind.as_str().into(),
            asset.mime_type.as_str().into(),
            asset.extension.as_str().into(),
            size.clone(),
            asset.width.into(),
            asset.height.into(),
            asset.duration_seconds.map_or(Value::Null, Value::Real),
            asset.alt.as_str().into(),
            now.into(),
            asset.name.clone().into(),
            asset.sha256.clone().into(),
            asset.origin.as_str().into(),
            asset.has_poster.into(),
            asset.person.as_ref().map(PersonId::as_str).into(),
        ],
    )?;
    if inserted.is_some() {
        sql.query("UPDATE workspace SET stored_bytes = stored_bytes + ?", &[size])?;
    }
    Ok(())
}

/// Takes it, and what it took up, away; false when it was not there.
pub fn remove(sql: &impl Sql, asset_id: &AssetId) -> Result<bool, SqlError> {
    let removed =
        sql.first("DELETE FROM assets WHERE asset_id = ? RETURNING size_bytes", &[asset_id.as_str().into()])?;
    let Some(row) = removed else { return Ok(false) };
    sql.query("UPDATE workspace SET stored_bytes = max(stored_bytes - ?, 0)", &[row.integer(0)?.into()])?;
    Ok(true)
}

/// What all files take up.
pub fn stored_bytes(sql: &impl Sql) -> Result<u64, SqlError> {
    let row = sql.first("SELECT stored_bytes FROM workspace", &[])?;
    let bytes = row.map_or(Ok(0), |row| row.integer(0))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub fn amend(sql: &impl Sql, asset_id: &AssetId, facts: Facts) -> Result<Reply, SqlError> {
    sql.query(
        "UPDATE assets SET sha256 = coalesce(?2, sha256), has_poster = coalesce(?3, has_poster), width = coalesce(?4, width),
            height = coalesce(?5, height), duration_seconds = coalesce(?6, duration_seconds)
         WHERE asset_id = ?1",
        &[
            asset_id.as_str().into(),
            facts.sha256.into(),
            facts.has_poster.into(),
            facts.width.into(),
            facts.height.into(),
            facts.duration_seconds.map_or(Value::Null, Value::Real),
        ],
    )?;
    Ok(Reply::Done)
}

pub fn set_alt(sql: &impl Sql, asset_id: &AssetId, alt: &str) -> Result<Reply, SqlError> {
    if alt.chars().count() > MAX_ALT_CHARS {
        let refusal = Refusal::invalid(format!("`alt` may have {MAX_ALT_CHARS} characters."));
        return Ok(refuse(refusal.next("Shorten it and try again.")));
    }
    sql.query("UPDATE assets SET alt = ? WHERE asset_id = ?", &[alt.into(), asset_id.as_str().into()])?;
    let found = find(sql, asset_id)?;
    Ok(if found.is_empty() { refuse(unknown(asset_id.as_str())) } else { Reply::Assets(found) })
}

/// `asset_id`: as it was asked for.
pub fn unknown(asset_id: &str) -> Refusal {
    Refusal::new(Code::FileNotFound, format!("This workspace has no file {asset_id}."))
        .next("Use an asset_id that list_media shows.")
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

const COLUMNS: &str = "asset_id, run_id, position, kind, mime_type, extension, size_bytes, width, height, duration_seconds, alt,
    name, sha256, origin, has_poster, person, created_at";

/// Zero or one.
pub fn find(sql: &impl Sql, asset_id: &AssetId) -> Result<Vec<Asset>, SqlError> {
    let rows =
        sql.query(&format!("SELECT {COLUMNS} FROM assets WHERE asset_id = ?"), &[asset_id.as_str().into()])?;
    rows.iter().map(asset).collect()
}

/// Newest first, as asset ids order by time: a page and, when there is more to look at, the id before which the next one
/// begins. Looks at a bounded number of rows of one index, so a page can be short.
pub fn list(sql: &impl Sql, query: &Query) -> Result<(Vec<Asset>, Option<AssetId>), SqlError> {
    let below = query.before.as_ref().map_or("g", AssetId::as_str);
    let of_run = if query.run_id.is_some() { "AND run_id = ?2" } else { "AND ?2 IS NULL" };
    let range = format!("asset_id < ?1 {of_run} ORDER BY asset_id DESC LIMIT {MAX_SCANNED}");
    let mut bindings: Vec<Value> = vec![below.into(), query.run_id.clone().into()];
    let last_scanned = sql.first(
        &format!("SELECT min(asset_id), count(*) FROM (SELECT asset_id FROM assets WHERE {range})"),
        &bindings,
    )?;
    bindings.push(query.kind.map(Modality::as_str).into());
    bindings.push(query.origin.map(Origin::as_str).into());
    bindings.push((query.limit + 1).into());
    let words = query.words.as_deref().unwrap_or_default().to_ascii_lowercase();
    let mut fits = String::from("(?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR origin = ?4)");
    for word in words.split_whitespace().take(MAX_WORDS) {
        bindings.push(word.into());
        let place = bindings.len();
        fits.push_str(&format!(" AND instr(lower(coalesce(name, '') || ' ' || alt), ?{place}) > 0"));
    }
    let statement = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM assets WHERE {range}) WHERE {fits} ORDER BY asset_id DESC LIMIT ?5"
    );
    let mut assets = sql.query(&statement, &bindings)?.iter().map(asset).collect::<Result<Vec<_>, _>>()?;
    if assets.len() > query.limit as usize {
        assets.truncate(query.limit as usize);
        let next = assets.last().map(|asset| asset.asset_id.clone());
        return Ok((assets, next));
    }
    let next = match last_scanned {
        Some(last) if last.integer(1)? == i64::from(MAX_SCANNED) => Some(asset_id(&last, 0)?),
        _ => None,
    };
    Ok((assets, next))
}

pub(super) fn asset_id(row: &Row, column: usize) -> Result<AssetId, SqlError> {
    let id = row.text(column)?;
    AssetId::parse(&id).ok_or_else(|| SqlError(format!("`{id}` is not an asset id")))
}

fn asset(row: &Row) -> Result<Asset, SqlError> {
    let (kind, origin) = (row.text(3)?, row.text(13)?);
    let count =
        |column| row.optional_integer(column).map(|count| count.and_then(|count| u32::try_from(count).ok()));
    Ok(Asset {
        asset_id: asset_id(row, 0)?,
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
        name: row.optional_text(11)?,
        sha256: row.optional_text(12)?,
        origin: Origin::parse(&origin).ok_or_else(|| SqlError(format!("`{origin}` is not an origin")))?,
        has_poster: row.integer(14)? != 0,
        person: row.optional_text(15)?.as_deref().and_then(PersonId::parse),
        created_at: Some(Timestamp(row.integer(16)?)),
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
    signed(platform, format!("/assets/{workspace}/{}.{}", asset.asset_id, asset.extension), expires)
}

/// The same for the still of an asset that has one.
pub fn signed_poster_path<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
    asset_id: &AssetId,
    expires: Timestamp,
) -> String {
    signed(platform, format!("/assets/{workspace}/{asset_id}.{POSTER_EXTENSION}"), expires)
}

fn signed<P: Platform>(platform: &P, path: String, expires: Timestamp) -> String {
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
