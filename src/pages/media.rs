//! `/account/workspaces/{id}/media`: the files of a workspace, to look at and to delete.
//! Not for: the same for programs (`api::media`, `tools::list_media`), or the bytes (`api::assets`).

use super::statement::who;
use super::workspaces::{ask, not_yours, parse};
use super::{Outcome, Visit, told};
use crate::html::media::{self as view, File, Kind, Usage};
use crate::html::{self, Section};
use crate::http::{Response, percent_encode};
use crate::id::{AssetId, PersonId, WorkspaceId};
use crate::media::size_in_words;
use crate::models::Modality;
use crate::page;
use crate::platform::{Level, Platform};
use crate::time::Timestamp;
use crate::tools::assets::{LINK_SECONDS, label};
use crate::workspace::media::{self, Asset, Origin};
use crate::workspace::{Command, Member, Reply, Role, Summary};
use serde_json::json;
use std::collections::BTreeMap;

const PAGE_FILES: u32 = 24;
/// Of the alt text that stands for a file without a name.
const TITLE_CHARS: usize = 60;

const DONE: &[(&str, &str)] = &[("deleted", "The file is deleted.")];

/// What the page calls the kinds.
fn words(kind: Modality) -> &'static str {
    match kind {
        Modality::Image => "Images",
        Modality::Video => "Videos",
        Modality::ThreeD => "3D models",
        Modality::Audio => "Audio",
    }
}

/// Who looks, and at what.
struct Seen {
    id: WorkspaceId,
    summary: Summary,
    labels: BTreeMap<PersonId, String>,
}

impl Seen {
    async fn by<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Result<Self, super::Fault> {
        let id = parse(id)?;
        let person = visit.session.person.clone();
        let Reply::Summary(summary) = ask(visit, &id, Command::Summary { person: person.clone() }).await?
        else {
            return Err(not_yours());
        };
        let members = match ask(visit, &id, Command::Members { by: person }).await? {
            Reply::Members { members, .. } => members,
            _ => Vec::new(),
        };
        let named = |member: Member| member.label.map(|label| (member.person, label));
        Ok(Self { id, summary, labels: members.into_iter().filter_map(named).collect() })
    }

    fn path(&self, kind: Option<Modality>) -> String {
        let base = format!("/account/workspaces/{}/media", self.id);
        kind.map_or(base.clone(), |kind| format!("{base}?kind={}", kind.as_str()))
    }
}

pub async fn show<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let seen = Seen::by(visit, id).await?;
    let kind = visit.request.parameter("kind").as_deref().and_then(Modality::parse);
    let person = visit.session.person.clone();
    let list = format!("page media {} of {} for {person}", kind.map_or("", Modality::as_str), seen.id);
    let cursor = visit.request.parameter("cursor");
    let before = page::open(visit.platform, &list, cursor.as_deref()).map_err(|_| {
        told(400, "This address of a page has expired or is not whole.", "Start from the newest page again.")
    })?;
    let before = before.as_deref().and_then(AssetId::parse);
    let query = media::Query { before, limit: PAGE_FILES, kind, ..media::Query::default() };
    let Reply::AssetPage(assets, next) = ask(visit, &seen.id, Command::Assets { person, query }).await?
    else {
        return Err(not_yours());
    };
    let older = next.map(|next| {
        let cursor = percent_encode(&page::cursor(visit.platform, &list, next.as_str()));
        let path = seen.path(kind);
        format!("{path}{}cursor={cursor}", if path.contains('?') { '&' } else { '?' })
    });
    let choice = |choice: Option<Modality>| Kind {
        label: choice.map_or("All", words).to_owned(),
        href: seen.path(choice),
        is_chosen: choice == kind,
    };
    let kinds = Modality::ALL.iter().copied().map(Some);
    let page = view::Media {
        nav: visit.nav(Section::Workspaces),
        notice: visit.notice(DONE),
        workspace_id: seen.id.to_string(),
        workspace: seen.summary.name.clone(),
        usage: usage(seen.summary.stored_bytes, visit.platform.config().storage_quota_bytes),
        kinds: std::iter::once(None).chain(kinds).map(choice).collect(),
        kind: kind.map_or("", Modality::as_str).to_owned(),
        files: assets.into_iter().map(|asset| file(visit, &seen, asset)).collect(),
        newest: cursor.is_some().then(|| seen.path(kind)),
        older,
    };
    Ok(html::page(200, view::media(&page), "'self'"))
}

fn usage(stored: u64, quota: Option<u64>) -> Usage {
    let percent = quota.map_or(0, |quota| stored.saturating_mul(100) / quota.max(1));
    Usage {
        stored: size_in_words(stored),
        quota: quota.map(size_in_words),
        percent: u32::try_from(percent).unwrap_or(u32::MAX),
    }
}

fn file<P: Platform>(visit: &Visit<'_, P>, seen: &Seen, asset: Asset) -> File {
    let expires = visit.platform.now().plus_seconds(LINK_SECONDS);
    let poster = || media::signed_poster_path(visit.platform, &seen.id, &asset.asset_id, expires);
    let is_own = asset.person.as_ref() == Some(&visit.session.person);
    let label_of = |person: &PersonId| who(person.as_str(), seen.labels.get(person).cloned());
    let title = match (&asset.name, asset.alt.as_str()) {
        (Some(name), _) => name.clone(),
        (None, "") => format!("{}.{}", asset.asset_id, asset.extension),
        (None, alt) => alt.chars().take(TITLE_CHARS).collect(),
    };
    File {
        href: media::signed_path(visit.platform, &seen.id, &asset, expires),
        thumbnail: asset.has_poster.then(poster),
        asset_id: asset.asset_id.to_string(),
        facts: label((asset.width, asset.height), asset.duration_seconds, &asset.mime_type, asset.size_bytes),
        how: match asset.origin {
            Origin::Generated => "Made by",
            Origin::Uploaded => "Uploaded by",
            Origin::Imported => "Fetched for",
        }
        .to_owned(),
        who: asset.person.as_ref().map_or_else(|| "somebody".to_owned(), label_of),
        at: asset.created_at.map(Timestamp::words).unwrap_or_default(),
        can_delete: match seen.summary.role {
            Role::Owner => true,
            Role::Member => is_own,
            Role::Viewer => false,
        },
        // The still is a link, which must have a name.
        alt: if asset.alt.is_empty() { title.clone() } else { asset.alt },
        title,
    }
}

/// `POST /account/workspaces/{id}/media/delete`
pub async fn delete<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let asset_id = visit.form.get("asset_id").and_then(AssetId::parse);
    let asset_id =
        asset_id.ok_or_else(|| told(400, "The form does not name a file.", "Open the page again."))?;
    let fields = json!({ "workspace_id": id, "asset_id": asset_id });
    let command = Command::DeleteAsset { actor: visit.actor(), workspace: id.clone(), asset_id };
    ask(visit, &id, command).await?;
    visit.platform.log(Level::Info, "media.deleted", fields);
    let kind = visit.form.get("kind").and_then(Modality::parse);
    let kind = kind.map(|kind| format!("&kind={}", kind.as_str())).unwrap_or_default();
    Ok(Response::see_other(format!("/account/workspaces/{id}/media?done=deleted{kind}")))
}
