//! The reverse of an orphan: a listed file whose object is not there. Index and listing are in the same order, so both are
//! walked at once, and each page of the one is compared with what the other has between the same two keys.
//! A workspace none of whose objects are left is in no listing: it is found only when it is named.

use super::step::Groups;
use super::{Missing, Report, Wish};
use crate::id::WorkspaceId;
use crate::platform::Platform;
use crate::workspace::inventory::Expected;
use crate::workspace::{Command, Reply, Workspace};
use std::collections::BTreeSet;

/// Rows of the index that one call compares; as many are asked for by key where every object is lost.
const MAX_ROWS: u32 = 500;
/// After every key of an id, and after every id of a workspace: names are ASCII below it.
const LAST: char = '~';

/// The part of the bucket that a page covers.
pub struct Range<'a> {
    pub after: Option<&'a str>,
    pub upto: Option<String>,
}

/// Where the page has to end for its rows to stay bounded; None: where it does.
pub async fn look<P: Platform>(
    platform: &P,
    wish: &Wish,
    groups: &mut Groups,
    range: Range<'_>,
    report: &mut Report,
) -> Option<String> {
    // Its last files may have no object after the cursor that would bring it into the listing.
    let begun =
        range.after.and_then(|after| WorkspaceId::parse(after.strip_prefix("w/")?.split('/').next()?));
    for workspace in wish.workspace.iter().chain(&begun) {
        groups.entry(workspace.clone()).or_default();
    }
    let mut left = MAX_ROWS;
    for (workspace, objects) in groups.iter() {
        let place = format!("w/{workspace}/");
        let within = |key: &str| key.strip_prefix(&place).map(str::to_owned);
        let question = Command::Expected {
            after: range.after.and_then(within).unwrap_or_default(),
            upto: range.upto.as_deref().and_then(within),
            limit: left,
        };
        report.questions += 1;
        let rows = match platform.ask::<Workspace>(workspace.as_str(), question).await {
            Ok(Reply::Expected(rows)) => rows,
            // What does not exist has no files; what cannot be asked now is asked another time.
            _ => continue,
        };
        let stored: BTreeSet<_> = objects.iter().map(|object| object.key.as_str()).collect();
        let lost: Vec<_> = rows
            .iter()
            .flat_map(|row| row.keys(workspace).map(move |key| (row, key)))
            .filter(|(_, key)| !stored.contains(key.as_str()))
            .collect();
        confirm(platform, workspace, lost, report).await;
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        if count >= left {
            return rows.last().map(|row| format!("{place}{}.{LAST}", row.asset_id));
        }
        left -= count;
    }
    None
}

/// The object may have come since, or the file gone: an object is asked for by its key, and then the index once more.
async fn confirm<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
    lost: Vec<(&Expected, String)>,
    report: &mut Report,
) {
    let mut still = Vec::new();
    for (row, key) in lost {
        match platform.head_object(&key).await {
            Ok(None) => still.push((row, key)),
            Ok(Some(_)) => {}
            Err(_) => report.skipped += 1,
        }
    }
    let (Some((first, _)), Some((last, _))) = (still.first(), still.last()) else { return };
    // From just before the first one's own id.
    let after = first.asset_id.as_str().strip_suffix(|_: char| true).unwrap_or_default().to_owned();
    let question = Command::Expected { after, upto: Some(last.asset_id.to_string()), limit: MAX_ROWS * 2 };
    let Ok(Reply::Expected(rows)) = platform.ask::<Workspace>(workspace.as_str(), question).await else {
        report.skipped += still.len() as u64;
        return;
    };
    let keys: BTreeSet<_> = rows.iter().flat_map(|row| row.keys(workspace)).collect();
    for (row, key) in still.into_iter().filter(|(_, key)| keys.contains(key)) {
        let asset_id = row.asset_id.clone();
        report.missing.push(Missing { workspace: workspace.clone(), asset_id, key });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::inventory::Name;

    #[test]
    fn a_page_that_ends_after_an_id_has_all_of_its_keys() {
        let id = "019ab1d8-0000-7000-8000-000000000002";
        let next = "019ab1d8-0000-7000-8000-000000000003";
        let workspace = "019ab1d8-0000-7000-8000-000000000001";
        let end = format!("w/{workspace}/{id}.{LAST}");
        for rest in ["png", "poster.jpg", "sheet.jpg", "webp"] {
            let key = format!("w/{workspace}/{id}.{rest}");
            assert!(Name::parse(&key).is_some() && key < end);
            assert!(format!("w/{workspace}/{next}.{rest}") > end);
        }
    }
}
