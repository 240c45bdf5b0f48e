//! One page of object storage: whose the objects are, which of them nobody needs, and away with those.
//! Every call is bounded: a page of objects, at most one question each to a workspace or an upload.

use super::{Deletes, Orphan, Report, Wish, missing};
use crate::error::Code;
use crate::id::{AssetId, WorkspaceId};
use crate::platform::{Listed, Listing, Platform, Unavailable};
use crate::runs;
use crate::uploads::{self, Upload, Word};
use crate::workspace::inventory::{Name, Needless, Stored};
use crate::workspace::{Command, Reply, Workspace};
use std::collections::{BTreeMap, BTreeSet};

/// Objects of one page. At worst each is another workspace's and another upload's, and both are asked: 1000 requests, as
/// many as a call may make of the platform's own services on the free plan.
const PAGE_OBJECTS: u32 = 500;

/// The objects of one workspace on a page.
pub type Groups = BTreeMap<WorkspaceId, Vec<Listed>>;

/// Err: object storage could not be listed. What else goes wrong leaves objects where they are.
pub async fn step<P: Platform>(
    platform: &P,
    wish: &Wish,
    cursor: Option<&str>,
) -> Result<Report, Unavailable> {
    let prefix = wish.workspace.as_ref().map_or(String::new(), |workspace| format!("w/{workspace}/"));
    let Listing { mut objects, has_more } = platform.list_objects(&prefix, cursor, PAGE_OBJECTS).await?;
    if has_more {
        keep_whole_ids(&mut objects);
    }
    let mut end = objects.last().filter(|_| has_more).map(|last| last.key.clone());
    let mut report = Report::default();
    let mut groups = group(&objects, &mut report);
    if wish.checks_index {
        let range = missing::Range { after: cursor, upto: end.clone() };
        if let Some(sooner) = missing::look(platform, wish, &mut groups, range, &mut report).await {
            end = Some(sooner);
        }
    }
    let is_within = |key: &str| end.as_deref().is_none_or(|end| key <= end);
    objects.retain(|object| is_within(&object.key));
    report.foreign.retain(|key| is_within(key));
    report.seen = objects.len() as u64;
    report.bytes = objects.iter().map(|object| object.size_bytes).sum();
    let young = platform.now().plus_seconds(-3600 * i64::from(wish.min_age_hours));
    for (workspace, objects) in groups {
        let is_old = |object: &Listed| is_within(&object.key) && object.stored_at <= young;
        let old: Vec<_> = objects.into_iter().filter(is_old).collect();
        if !old.is_empty() {
            collect(platform, wish, &workspace, old, &mut report).await;
        }
    }
    report.next_cursor = end;
    Ok(report)
}

/// Leaves the last id's objects to the next page, which has all of them, unless there is no other id on this one.
fn keep_whole_ids(objects: &mut Vec<Listed>) {
    let id_of = |object: &Listed| Name::parse(&object.key).map(|name| name.id.to_owned());
    let Some(last) = objects.last().and_then(id_of) else { return };
    let whole = objects.iter().rposition(|object| id_of(object).as_ref() != Some(&last));
    if let Some(whole) = whole {
        objects.truncate(whole + 1);
    }
}

fn group(objects: &[Listed], report: &mut Report) -> Groups {
    let mut groups = Groups::new();
    for object in objects {
        match Name::parse(&object.key) {
            Some(name) => groups.entry(name.workspace).or_default().push(object.clone()),
            None => report.foreign.push(object.key.clone()),
        }
    }
    groups
}

/// What is old enough of one workspace.
async fn collect<P: Platform>(
    platform: &P,
    wish: &Wish,
    workspace: &WorkspaceId,
    objects: Vec<Listed>,
    report: &mut Report,
) {
    report.questions += 1;
    let stored = |object: &Listed| Stored { key: object.key.clone(), stored_at: Some(object.stored_at) };
    let question =
        Command::Needless { workspace: workspace.clone(), objects: objects.iter().map(stored).collect() };
    let orphans = match platform.ask::<Workspace>(workspace.as_str(), question).await {
        Ok(Reply::Needless { objects: needless, late_runs }) => {
            for run_id in late_runs {
                // Being read is what gives a run that lost its alarm a new one.
                let _ = runs::get(platform, &run_id, None).await;
            }
            let needless = unclaimed(platform, workspace, needless, report).await;
            let is_needless = |object: &Listed| needless.contains(&object.key);
            let found = objects.into_iter().filter(is_needless);
            found.map(|object| Orphan { object, has_workspace: true }).collect()
        }
        Ok(Reply::Refused(refusal)) if refusal.code == Code::WorkspaceNotFound => {
            objects.into_iter().map(|object| Orphan { object, has_workspace: false }).collect::<Vec<_>>()
        }
        Ok(_) | Err(_) => {
            report.skipped += objects.len() as u64;
            return;
        }
    };
    report.deleted += delete(platform, wish, workspace, &orphans).await;
    report.orphans.extend(orphans);
}

/// What an upload says of its object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// It is over, or never was.
    None,
    /// It may still become a file.
    Open,
    /// It became one: just now, because it was asked, or long ago, and was deleted.
    Listed,
    /// It cannot be asked now.
    Unknown,
}

/// The keys of those that no upload means to list any more.
async fn unclaimed<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
    needless: Vec<Needless>,
    report: &mut Report,
) -> BTreeSet<String> {
    let mut asked: BTreeMap<AssetId, Claim> = BTreeMap::new();
    let mut unclaimed = BTreeSet::new();
    let mut again = Vec::new();
    for Needless { key, is_unheard_of } in needless {
        let id = Name::parse(&key).and_then(|name| AssetId::parse(name.id)).filter(|_| is_unheard_of);
        let known = id.as_ref().map_or(Some(Claim::None), |id| asked.get(id).copied());
        let claim = match (known, id) {
            (None, Some(id)) => {
                report.questions += 1;
                let claim = claim(platform, &id).await;
                asked.insert(id, claim);
                claim
            }
            (known, _) => known.unwrap_or(Claim::Unknown),
        };
        match claim {
            Claim::None => _ = unclaimed.insert(key),
            Claim::Open => {}
            Claim::Listed => again.push(Stored { key, stored_at: None }),
            Claim::Unknown => report.skipped += 1,
        }
    }
    if !again.is_empty() {
        report.questions += 1;
        let count = again.len() as u64;
        let question = Command::Needless { workspace: workspace.clone(), objects: again };
        match platform.ask::<Workspace>(workspace.as_str(), question).await {
            Ok(Reply::Needless { objects, .. }) => {
                unclaimed.extend(objects.into_iter().map(|object| object.key));
            }
            _ => report.skipped += count,
        }
    }
    unclaimed
}

/// Being asked, an upload that lost its alarm goes on.
async fn claim<P: Platform>(platform: &P, asset_id: &AssetId) -> Claim {
    let command = uploads::Command::Get { wait_millis: 0 };
    match platform.ask::<Upload>(asset_id.as_str(), command).await {
        Err(_) => Claim::Unknown,
        Ok(uploads::Reply::Gone) => Claim::None,
        Ok(uploads::Reply::View(view)) => match view.word {
            Word::Pending | Word::Receiving => Claim::Open,
            // It can be tried again until then.
            Word::Failed if platform.now() < view.expires_at => Claim::Open,
            Word::Failed | Word::Expired => Claim::None,
            Word::Stored => Claim::Listed,
        },
        Ok(_) => Claim::Open,
    }
}

/// How many were taken.
async fn delete<P: Platform>(platform: &P, wish: &Wish, workspace: &WorkspaceId, orphans: &[Orphan]) -> u64 {
    let Some(first) = orphans.first() else { return 0 };
    let keys: Vec<_> = orphans.iter().map(|orphan| orphan.object.key.clone()).collect();
    let count = keys.len() as u64;
    let is_done = match (wish.deletes, first.has_workspace) {
        (Deletes::Nothing, _) | (Deletes::OfWorkspaces, false) => false,
        (_, true) => {
            let command = Command::Trash { workspace: workspace.clone(), keys };
            let reply = platform.ask::<Workspace>(workspace.as_str(), command).await;
            matches!(reply, Ok(Reply::Done))
        }
        (Deletes::Everything, false) => platform.delete_objects(&keys).await.is_ok(),
    };
    if is_done { count } else { 0 }
}
