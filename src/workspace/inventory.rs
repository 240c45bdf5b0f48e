//! What object storage should hold of a workspace, told by keys: which stored objects nothing here needs, and which files
//! there should be. Asked by the collector, and once more in the transaction that throws something away.
//! Not for: how old an object must be before anybody asks (`crate::collector`).

use super::{Reply, media, refuse, runs};
use crate::error::Refusal;
use crate::id::{AssetId, RunId, WorkspaceId};
use crate::media::sniff::MediaType;
use crate::sql::{Sql, SqlError, Value, to_json};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Objects that one question may name: as many as a page of object storage has.
pub const MAX_OBJECTS: usize = 1000;
/// By how much the clocks of this object and of object storage may differ, and then some.
const CLOCK_SKEW_SECONDS: i64 = 10 * 60;
/// A run that is still under way after so long lost its alarm: twice the longest that one may take.
const LATE_SECONDS: i64 = 2 * 3600;
/// Late runs that one answer names; the next sweep finds the others.
const MAX_LATE_RUNS: u32 = 5;

/// An object as object storage lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored {
    pub key: String,
    /// None where the runs under way were asked about before.
    pub stored_at: Option<Timestamp>,
}

/// An object that nothing here needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Needless {
    pub key: String,
    /// Neither a listed file nor a run has its id, so it may still be of an upload that nobody counts any more.
    pub is_unheard_of: bool,
}

/// A file that there should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    pub asset_id: AssetId,
    pub extension: String,
    pub has_poster: bool,
}

impl Expected {
    pub fn keys(&self, workspace: &WorkspaceId) -> impl Iterator<Item = String> {
        let poster = self.has_poster.then(|| media::poster_key(workspace, &self.asset_id));
        std::iter::once(media::key(workspace, &self.asset_id, &self.extension)).chain(poster)
    }
}

/// A key of ours, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Name<'a> {
    pub workspace: WorkspaceId,
    /// Of the file; of a contact sheet the run's.
    pub id: &'a str,
    /// What follows the id and a dot.
    pub rest: &'a str,
}

impl<'a> Name<'a> {
    /// None: whatever lies there, this gateway did not put it there.
    pub fn parse(key: &'a str) -> Option<Self> {
        let (workspace, name) = key.strip_prefix("w/")?.split_once('/')?;
        let (id, rest) = name.split_once('.')?;
        let parsed = WorkspaceId::parse(workspace).filter(|parsed| parsed.as_str() == workspace)?;
        let is_id = AssetId::parse(id).is_some_and(|parsed| parsed.as_str() == id);
        let is_ours = rest == media::POSTER_EXTENSION
            || rest == media::SHEET_EXTENSION
            || MediaType::ALL.iter().any(|media| media.extension() == rest);
        (is_id && is_ours).then_some(Self { workspace: parsed, id, rest })
    }

    pub fn is_sheet(&self) -> bool {
        self.rest == media::SHEET_EXTENSION
    }
}

/// Those of the objects that this workspace does not need, and runs that should have ended long ago.
///
/// A file is needed under the extension it is listed with, its still where it has one, a contact sheet while its run is
/// under way or has a file. Whatever an open upload may have stored is needed. What was stored while a run was under
/// way that has not ended may be its output: runs name theirs when they settle.
pub fn needless(
    sql: &impl Sql,
    now: Timestamp,
    workspace: &WorkspaceId,
    objects: &[Stored],
) -> Result<(Vec<Needless>, Vec<RunId>), SqlError> {
    let named = objects.iter().filter_map(|object| {
        let name = Name::parse(&object.key).filter(|name| name.workspace == *workspace)?;
        Some((&object.key, name.id, name.rest, object.stored_at))
    });
    let rows = sql.query(
        "WITH stored AS (SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS id,
                json_extract(value, '$[2]') AS rest, json_extract(value, '$[3]') AS stored_at FROM json_each(?1)),
            beginning AS (SELECT min(created_at) - ?3 AS at FROM runs WHERE status = 'in_progress')
         SELECT key, rest != ?4 AND NOT EXISTS (SELECT 1 FROM assets WHERE asset_id = id),
            coalesce(stored_at >= (SELECT at FROM beginning), 0) FROM stored
         WHERE CASE WHEN rest = ?4 THEN
            NOT EXISTS (SELECT 1 FROM runs WHERE run_id = id AND status = 'in_progress')
            AND NOT EXISTS (SELECT 1 FROM assets WHERE run_id = id)
         ELSE
            NOT EXISTS (SELECT 1 FROM assets WHERE asset_id = id AND (extension = rest OR (has_poster AND rest = ?5)))
            AND NOT EXISTS (SELECT 1 FROM uploads WHERE asset_id = id AND until > ?2)
         END",
        &[
            to_json(&named.collect::<Vec<_>>())?,
            now.into(),
            Value::Integer(CLOCK_SKEW_SECONDS * 1000),
            media::SHEET_EXTENSION.into(),
            media::POSTER_EXTENSION.into(),
        ],
    )?;
    let mut needless = Vec::new();
    let mut holds_back = false;
    for row in rows {
        let is_unheard_of = row.integer(1)? != 0;
        match is_unheard_of && row.integer(2)? != 0 {
            true => holds_back = true,
            false => needless.push(Needless { key: row.text(0)?, is_unheard_of }),
        }
    }
    Ok((needless, if holds_back { late_runs(sql, now)? } else { Vec::new() }))
}

fn late_runs(sql: &impl Sql, now: Timestamp) -> Result<Vec<RunId>, SqlError> {
    let rows = sql.query(
        "SELECT run_id FROM runs WHERE status = 'in_progress' AND created_at < ? ORDER BY created_at LIMIT ?",
        &[now.plus_seconds(-LATE_SECONDS).into(), MAX_LATE_RUNS.into()],
    )?;
    rows.iter().map(|row| runs::run_id(row, 0)).collect()
}

pub fn answer(
    sql: &impl Sql,
    now: Timestamp,
    workspace: &WorkspaceId,
    objects: &[Stored],
) -> Result<Reply, SqlError> {
    if objects.len() > MAX_OBJECTS {
        let message = format!("At most {MAX_OBJECTS} objects can be asked for at once.");
        return Ok(refuse(Refusal::invalid(message)));
    }
    let (objects, late_runs) = needless(sql, now, workspace, objects)?;
    Ok(Reply::Needless { objects, late_runs })
}

/// Listed files whose id comes after `after` and not after `upto`, in this order.
pub fn expected(sql: &impl Sql, after: &str, upto: Option<&str>, limit: u32) -> Result<Reply, SqlError> {
    let rows = sql.query(
        "SELECT asset_id, extension, has_poster FROM assets
         WHERE asset_id > ?1 AND (?2 IS NULL OR asset_id <= ?2) ORDER BY asset_id LIMIT ?3",
        &[after.into(), upto.into(), limit.into()],
    )?;
    let file = |row: &crate::sql::Row| {
        let asset_id = media::asset_id(row, 0)?;
        Ok(Expected { asset_id, extension: row.text(1)?, has_poster: row.integer(2)? != 0 })
    };
    Ok(Reply::Expected(rows.iter().map(file).collect::<Result<_, SqlError>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_this_gateway_makes_are_ours() {
        let (workspace, id) =
            ("019ab1d8-0000-7000-8000-000000000001", "019ab1d8-0000-7000-8000-000000000002");
        for rest in ["png", "glb", "poster.jpg", "sheet.jpg"] {
            let key = format!("w/{workspace}/{id}.{rest}");
            let name = Name::parse(&key).unwrap();
            assert_eq!((name.workspace.as_str(), name.id, name.rest), (workspace, id, rest));
        }
        let upper = id.to_uppercase();
        let bare = id.replace('-', "");
        for key in [
            String::new(),
            "w/".into(),
            format!("w/{workspace}/{id}"),
            format!("w/{workspace}/{id}."),
            format!("w/{workspace}/{id}.txt"),
            format!("w/{workspace}/{id}.PNG"),
            format!("w/{workspace}/{id}.png.jpg"),
            format!("w/{workspace}/{upper}.png"),
            format!("w/{workspace}/{bare}.png"),
            format!("w/{workspace}/x/{id}.png"),
            format!("w/{upper}/{id}.png"),
            format!("v/{workspace}/{id}.png"),
            format!(" w/{workspace}/{id}.png"),
        ] {
            assert_eq!(Name::parse(&key), None, "{key}");
        }
    }
}
