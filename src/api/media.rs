//! `/api/v1/workspaces/{id}/media` and one file below it: list, read, describe, delete. Not for: the bytes (`assets`), or
//! how a file comes here (`uploads`).

use super::csv::{self, Cell};
use super::rest::{self, Call, Format, Outcome, word};
use crate::error::Refusal;
use crate::http::Response;
use crate::id::AssetId;
use crate::models::Modality;
use crate::platform::Platform;
use crate::tools::list_media::{Filter, MediaItem, listed};
use crate::workspace::media::{self, Asset, Origin};
use crate::workspace::{Command, Reply};
use serde::{Deserialize, Serialize};

const COLUMNS: &[&str] = &[
    "asset_id",
    "created_at",
    "kind",
    "origin",
    "name",
    "mime_type",
    "bytes",
    "width",
    "height",
    "duration_seconds",
    "alt",
    "sha256",
    "run_id",
    "person",
    "file_url",
];

/// A file as programs read it.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    item: MediaItem,
    kind: Modality,
    run_id: Option<String>,
    person: Option<String>,
}

impl Row {
    fn of<P: Platform>(call: &Call<'_, P>, asset: Asset) -> Self {
        Self {
            kind: asset.kind,
            run_id: asset.run_id.clone(),
            person: asset.person.as_ref().map(ToString::to_string),
            item: MediaItem::of(&call.context(), &call.workspace_id, asset),
        }
    }

    fn line(self) -> String {
        let Self { item, kind, run_id, person } = self;
        let number = |number: Option<String>| Cell::Number(number.unwrap_or_default());
        csv::line(&[
            Cell::text(item.asset_id),
            Cell::text(item.created_at),
            Cell::text(kind.as_str()),
            Cell::text(item.origin.as_str()),
            Cell::optional(item.name),
            Cell::text(item.mime_type),
            Cell::Number(item.bytes.to_string()),
            number(item.width.map(|width| width.to_string())),
            number(item.height.map(|height| height.to_string())),
            number(item.duration_seconds.map(|seconds| seconds.to_string())),
            Cell::optional(item.alt),
            Cell::optional(item.sha256),
            Cell::optional(run_id),
            Cell::optional(person),
            Cell::text(item.file_url),
        ])
    }
}

pub async fn list<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    call.only(&["kind", "origin", "run_id", "query", "format", "limit", "cursor"])?;
    let format = call.format()?;
    let filter = Filter {
        kind: word(call.parameter("kind"), "kind", Modality::ALL, Modality::as_str)?,
        origin: word(call.parameter("origin"), "origin", Origin::ALL, Origin::as_str)?,
        run_id: call.parameter("run_id").map(str::to_owned),
        words: call.parameter("query").map(str::to_owned),
    };
    let limit = call.limit(format)?;
    let (assets, next) =
        listed(&call.context(), &call.workspace_id, filter, call.parameter("cursor"), limit).await?;
    let rows = assets.into_iter().map(|asset| Row::of(call, asset));
    Ok(match format {
        Format::Json => rest::list(rows.collect(), next),
        Format::Csv => {
            let mut text = csv::header(COLUMNS);
            text.extend(rows.map(Row::line));
            rest::csv_page(call, &format!("media-{}", call.workspace_id), text, next.as_deref())
        }
    })
}

fn parse(id: &str) -> Result<AssetId, Refusal> {
    AssetId::parse(id).ok_or_else(|| media::unknown(&id.chars().take(40).collect::<String>()))
}

pub async fn get<P: Platform>(call: &Call<'_, P>, id: &str) -> Outcome<P::Stream> {
    call.only(&[])?;
    let asset_id = parse(id)?;
    let command = Command::Asset { person: call.caller.person.clone(), asset_id: asset_id.clone() };
    match call.ask(command).await? {
        Reply::Assets(assets) => {
            let asset = assets.into_iter().next().ok_or_else(|| media::unknown(asset_id.as_str()))?;
            Ok(rest::json(200, &Row::of(call, asset)))
        }
        _ => Err(rest::odd()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    alt: String,
}

pub async fn update<P: Platform>(call: &Call<'_, P>, id: &str) -> Outcome<P::Stream> {
    let asset_id = parse(id)?;
    let Changes { alt } = call.body()?;
    match call.ask(Command::SetAlt { actor: call.actor(), asset_id, alt }).await? {
        Reply::Assets(assets) => {
            let asset = assets.into_iter().next().ok_or_else(|| media::unknown(id))?;
            Ok(rest::json(200, &Row::of(call, asset)))
        }
        _ => Err(rest::odd()),
    }
}

pub async fn delete<P: Platform>(call: &Call<'_, P>, id: &str) -> Outcome<P::Stream> {
    let workspace = call.workspace_id.clone();
    call.ask(Command::DeleteAsset { actor: call.actor(), workspace, asset_id: parse(id)? }).await?;
    Ok(Response::empty(204).with("cache-control", "no-store"))
}
