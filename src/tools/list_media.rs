//! `list_media`: the files of a workspace, made or uploaded, with links. Not for: what one run made (`get_forge_run`).

use super::assets::{self, LINK_SECONDS};
use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, WorkspaceId};
use crate::models::Modality;
use crate::oauth::Scope;
use crate::page;
use crate::platform::Platform;
use crate::time::Timestamp;
use crate::workspace::media::{self, Asset, Origin};
use crate::workspace::{self, Command, Reply};
use serde::{Deserialize, Serialize};

pub struct ListMedia;

const MAX_QUERY_CHARS: usize = 200;
/// Of the alt text that stands for a file without a name.
const TITLE_CHARS: usize = 60;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    pub kind: Option<Modality>,
    pub origin: Option<Origin>,
    /// Words in the name or description.
    pub query: Option<String>,
    /// nextCursor of the page before.
    pub cursor: Option<String>,
    /// 1 to 100, default 20.
    pub limit: Option<i64>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct MediaItem {
    pub asset_id: String,
    /// Signed, works for 24 hours.
    pub file_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub mime_type: String,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    pub origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    pub created_at: String,
    /// A JPEG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Output {
    pub items: Vec<MediaItem>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(required, extend("type" = ["string", "null"])))]
    pub next_cursor: Option<String>,
}

/// What a list shows, beside the run.
#[derive(Default)]
pub struct Filter {
    pub kind: Option<Modality>,
    pub origin: Option<Origin>,
    pub run_id: Option<String>,
    pub words: Option<String>,
}

/// A page, and the cursor of the next one; REST shows the same list.
pub async fn listed<P: Platform>(
    context: &Context<'_, P>,
    id: &WorkspaceId,
    filter: Filter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<(Vec<Asset>, Option<String>), Fault> {
    let Filter { kind, origin, run_id, words } = filter;
    if words.as_ref().is_some_and(|words| words.chars().count() > MAX_QUERY_CHARS) {
        return Err(Refusal::invalid(format!("`query` may have {MAX_QUERY_CHARS} characters.")).into());
    }
    let list = format!("media of {id} for {}", context.caller.person);
    let after = page::open(context.platform, &list, cursor)?;
    let before = after.as_deref().and_then(AssetId::parse);
    let query = media::Query { before, limit, kind, origin, run_id, words };
    let command = Command::Assets { person: context.caller.person.clone(), query };
    let Reply::AssetPage(assets, next) = workspace::ask(context.platform, id, command).await?? else {
        return Err(Refusal::new(Code::Internal, "The workspace gave no list.").into());
    };
    Ok((assets, next.map(|next| page::cursor(context.platform, &list, next.as_str()))))
}

impl MediaItem {
    pub fn of<P: Platform>(context: &Context<'_, P>, workspace: &WorkspaceId, asset: Asset) -> Self {
        let expires = context.platform.now().plus_seconds(LINK_SECONDS);
        let link = |path: String| format!("{}{path}", context.origin);
        let poster = || media::signed_poster_path(context.platform, workspace, &asset.asset_id, expires);
        Self {
            file_url: link(media::signed_path(context.platform, workspace, &asset, expires)),
            thumbnail_url: asset.has_poster.then(|| link(poster())),
            asset_id: asset.asset_id.to_string(),
            name: asset.name,
            mime_type: asset.mime_type,
            bytes: asset.size_bytes,
            width: asset.width,
            height: asset.height,
            duration_seconds: asset.duration_seconds,
            alt: Some(asset.alt).filter(|alt| !alt.is_empty()),
            origin: asset.origin,
            sha256: asset.sha256,
            created_at: asset.created_at.map(Timestamp::iso).unwrap_or_default(),
        }
    }

    /// `cat.png, 512×512 image/png, 61 KB, 0193…`
    fn words(&self) -> String {
        let title = match (&self.name, &self.alt) {
            (Some(name), _) => format!("{name}, "),
            (None, Some(alt)) => format!("\"{}\", ", alt.chars().take(TITLE_CHARS).collect::<String>()),
            (None, None) => String::new(),
        };
        let pixels = (self.width, self.height);
        let label = assets::label(pixels, self.duration_seconds, &self.mime_type, self.bytes);
        format!("{title}{label}, {}", self.asset_id)
    }
}

impl Tool for ListMedia {
    const NAME: &'static str = "list_media";
    const TITLE: &'static str = "List media";
    const DESCRIPTION: &'static str =
        "Lists the workspace's files, generated and uploaded, newest first: asset_id, link, size. Search by words in name or description.";
    const GROUP: &'static str = "files";
    const SCOPES: &'static [Scope] = &[Scope::MediaRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let limit = page::limit(input.limit)?;
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        let filter =
            Filter { kind: input.kind, origin: input.origin, words: input.query, ..Filter::default() };
        let (assets, next_cursor) = listed(context, &id, filter, input.cursor.as_deref(), limit).await?;
        let items: Vec<_> = assets.into_iter().map(|asset| MediaItem::of(context, &id, asset)).collect();
        let mut text = String::new();
        for (index, item) in items.iter().enumerate() {
            text.push_str(&format!("{}. {}\n", index + 1, item.words()));
        }
        text.push_str(match (items.is_empty(), &next_cursor) {
            (true, None) => "No file fits.",
            (true, Some(_)) => "None among the files looked at so far. Next: call again with nextCursor.",
            (false, _) => {
                "Use asset_id as file_id in guidance_files or mask, or as a workflow's input; file_url opens the file for 24 hours."
            }
        });
        if next_cursor.is_some() && !items.is_empty() {
            text.push_str(" More with nextCursor.");
        }
        Ok(Answer::new(text, Output { items, next_cursor }))
    }
}
