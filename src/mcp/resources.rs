//! Resources: the guide, the runs and their files, addressable from the moment a run starts.
//!
//! | URI | what it reads as |
//! |---|---|
//! | `atelier://instructions` | the platform guide, Markdown |
//! | `atelier://runs/{inference_id}` | the run, JSON |
//! | `atelier://runs/{inference_id}/assets/{number}` | the file, counted from 1 |

use super::Exchange;
use super::era::Finished;
use super::message::RpcError;
#[cfg(feature = "conformance")]
use super::methods::PRIVATE_MILLIS;
use super::methods::{Refused, STATIC_MILLIS, cursor, fault, required};
use crate::crypto;
use crate::id::{AssetId, RunId};
use crate::oauth::Scope;
use crate::page;
use crate::platform::Platform;
use crate::runs::state::Watcher;
use crate::runs::{self, Command, Run, Shown, View};
use crate::tools::assets::AssetView;
use crate::tools::flow::FlowRunView;
use crate::tools::forge::{self, RunView};
use crate::tools::get_instructions::INSTRUCTIONS;
use crate::tools::workspaces::resolve;
use crate::tools::{Context, Fault};
use crate::units::Allowance;
use crate::workspace::{self, Consent, media};
use serde_json::{Map, Value, json};

const GUIDE_URI: &str = "atelier://instructions";
const RUNS_PREFIX: &str = "atelier://runs/";
const PAGE: u32 = 50;
/// A file inside a message costs the client its context and us our memory; a larger one is named by its link.
const MAX_INLINE_BYTES: u64 = 1_500_000;
/// Runs change until they end, and links expire.
const RUN_MILLIS: u32 = 2_000;

/// What a URI names.
#[derive(Debug, PartialEq)]
pub enum Target {
    Guide,
    Run(RunId),
    /// Counted from 0.
    File(RunId, usize),
}

pub fn parse(uri: &str) -> Option<Target> {
    if uri == GUIDE_URI {
        return Some(Target::Guide);
    }
    let rest = uri.strip_prefix(RUNS_PREFIX)?;
    match rest.split_once("/assets/") {
        None => RunId::parse(rest).map(Target::Run),
        Some((run, number)) => {
            let index = number.parse::<usize>().ok()?.checked_sub(1)?;
            Some(Target::File(RunId::parse(run)?, index))
        }
    }
}

pub fn templates() -> Finished {
    let templates = json!({ "resourceTemplates": [
        {
            "uriTemplate": "atelier://runs/{inference_id}",
            "name": "run",
            "title": "A generation",
            "description": "State of one generation; subscribe to it to be told when it ends.",
            "mimeType": "application/json",
        },
        {
            "uriTemplate": "atelier://runs/{inference_id}/assets/{number}",
            "name": "asset",
            "title": "A file of a generation",
            "description": "One output of a generation, counted from 1.",
        },
    ]});
    #[cfg(feature = "conformance")]
    let templates = super::fixtures::with_templates(templates);
    Finished::from(templates).cached(STATIC_MILLIS, true)
}

pub async fn list<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
) -> Result<Finished, Refused> {
    let name = format!("resources of {}", exchange.caller.person);
    let after = cursor(exchange, &name, params)?;
    let mut resources = Vec::new();
    if after.is_none() {
        resources.push(json!({
            "uri": GUIDE_URI, "name": "instructions", "title": "Platform guide",
            "description": "How workspaces, models, forge and Creative Units fit together.", "mimeType": "text/markdown",
        }));
        #[cfg(feature = "conformance")]
        resources.extend(super::fixtures::resources());
    }
    let mut next = None;
    if exchange.caller.scopes.has(Scope::ForgeRead) {
        let (assets, before) = assets(exchange, after.as_deref()).await?;
        next = before.map(|before| page::cursor(&exchange.platform, &name, before.as_str()));
        resources.extend(assets.iter().filter_map(describe));
    }
    let mut result = json!({ "resources": resources });
    if let (Some(next), Some(result)) = (next, result.as_object_mut()) {
        result.insert("nextCursor".into(), next.into());
    }
    Ok(Finished::from(result).cached(0, false))
}

async fn assets<P: Platform>(
    exchange: &Exchange<P>,
    after: Option<&str>,
) -> Result<(Vec<workspace::Asset>, Option<AssetId>), Refused> {
    let progress = |_: f64, _: &str| {};
    // A caller with several workspaces sees none listed here: a list cannot ask which one is meant.
    let Ok(id) = resolve(&context(exchange, &progress), None).await else {
        return Ok((Vec::new(), None));
    };
    let query =
        media::Query { before: after.and_then(AssetId::parse), limit: PAGE, ..media::Query::default() };
    let command = workspace::Command::Assets { person: exchange.caller.person.clone(), query };
    match workspace::ask(&exchange.platform, &id, command).await {
        Ok(Ok(workspace::Reply::AssetPage(assets, next))) => Ok((assets, next)),
        Ok(_) => Ok((Vec::new(), None)),
        Err(reason) => Err(fault(exchange, &reason).into()),
    }
}

fn describe(asset: &workspace::Asset) -> Option<Value> {
    let run = asset.run_id.as_deref()?;
    let number = asset.position? + 1;
    Some(json!({
        "uri": format!("{RUNS_PREFIX}{run}/assets/{number}"),
        "name": format!("{}.{}", asset.asset_id, asset.extension),
        "description": asset.alt,
        "mimeType": asset.mime_type,
        "size": asset.size_bytes,
    }))
}

pub async fn read<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
) -> Result<Finished, Refused> {
    let uri = required(params, "uri")?;
    #[cfg(feature = "conformance")]
    if let Some(contents) = super::fixtures::read(uri) {
        return Ok(Finished::from(json!({ "contents": [contents] })).cached(PRIVATE_MILLIS, false));
    }
    let missing = || exchange.era.resource_not_found(uri);
    let target = parse(uri).ok_or_else(missing)?;
    if target == Target::Guide {
        let contents =
            json!({ "contents": [{ "uri": uri, "mimeType": "text/markdown", "text": INSTRUCTIONS }] });
        return Ok(Finished::from(contents).cached(STATIC_MILLIS, true));
    }
    if !exchange.caller.scopes.has(Scope::ForgeRead) {
        return Err(Refused::Scope(&[Scope::ForgeRead]));
    }
    let (id, index) = match target {
        Target::Run(id) => (id, None),
        Target::File(id, index) => (id, Some(index)),
        Target::Guide => return Err(missing().into()),
    };
    let view = own_run(exchange, &id, uri).await?;
    let progress = |_: f64, _: &str| {};
    let context = context(exchange, &progress);
    let contents = match index {
        None => {
            let text = match &view.shown {
                Shown::Forge(generation) => {
                    serde_json::to_string(&RunView::of(&context, &view, generation, Vec::new()))
                }
                Shown::Workflow(flow) => {
                    serde_json::to_string(&FlowRunView::of(&context, &view, flow, Vec::new()))
                }
            };
            json!({ "uri": uri, "mimeType": "application/json", "text": text.unwrap_or_default() })
        }
        Some(index) => {
            let at = |asset: &&workspace::Asset| {
                asset.position.and_then(|at| usize::try_from(at).ok()) == Some(index)
            };
            let asset = view.assets.iter().find(at).ok_or_else(missing)?;
            let link = AssetView::of(&context, &view.workspace_id, asset);
            file(exchange, uri, &view, asset, &link.url).await?
        }
    };
    Ok(Finished::from(json!({ "contents": [contents] })).cached(RUN_MILLIS, false))
}

async fn file<P: Platform>(
    exchange: &Exchange<P>,
    uri: &str,
    view: &View,
    asset: &workspace::Asset,
    url: &str,
) -> Result<Value, Refused> {
    if asset.size_bytes > MAX_INLINE_BYTES {
        let text =
            format!("This file has {} bytes, too many for a message. Download it: {url}", asset.size_bytes);
        return Ok(json!({ "uri": uri, "mimeType": "text/plain", "text": text }));
    }
    let key = media::key(&view.workspace_id, &asset.asset_id, &asset.extension);
    match exchange.platform.read_object(&key).await {
        Ok(Some(bytes)) => {
            Ok(json!({ "uri": uri, "mimeType": asset.mime_type, "blob": crypto::base64(&bytes) }))
        }
        Ok(None) => Err(exchange.era.resource_not_found(uri).into()),
        Err(reason) => Err(fault(exchange, &reason).into()),
    }
}

/// `resources/subscribe` and `unsubscribe` of a legacy session.
pub async fn subscribe<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
    on: bool,
) -> Result<Finished, Refused> {
    let uri = required(params, "uri")?;
    let session = exchange
        .session
        .as_ref()
        .ok_or_else(|| RpcError::params("Subscriptions need a session: send Mcp-Session-Id."))?;
    #[cfg(feature = "conformance")]
    if super::fixtures::read(uri).is_some() {
        return Ok(Finished::new("{}"));
    }
    let id = match parse(uri).ok_or_else(|| exchange.era.resource_not_found(uri))? {
        // The guide changes with a deploy only, and a deploy is not announced.
        Target::Guide => return Ok(Finished::new("{}")),
        Target::Run(id) | Target::File(id, _) => id,
    };
    if !exchange.caller.scopes.has(Scope::ForgeRead) {
        return Err(Refused::Scope(&[Scope::ForgeRead]));
    }
    own_run(exchange, &id, uri).await?;
    let command = if on {
        Command::Watch(Watcher {
            session: session.name.clone(),
            expires_at: session.expires_at,
            uri: uri.to_owned(),
        })
    } else {
        Command::Unwatch { session: session.name.clone(), uri: uri.to_owned() }
    };
    match exchange.platform.ask::<Run>(id.as_str(), command).await {
        Ok(_) => Ok(Finished::new("{}")),
        Err(reason) => Err(fault(exchange, &reason).into()),
    }
}

/// A run of the caller's; anybody else's does not exist.
pub async fn own_run<P: Platform>(exchange: &Exchange<P>, id: &RunId, uri: &str) -> Result<View, Refused> {
    let progress = |_: f64, _: &str| {};
    match forge::find(&context(exchange, &progress), id, None).await {
        Ok(view) => Ok(view),
        Err(Fault::Unavailable(reason)) => Err(fault(exchange, &reason).into()),
        Err(_) => Err(exchange.era.resource_not_found(uri).into()),
    }
}

/// The run as it is after at most `millis`, or when its version differs from `seen`.
pub async fn wait<P: Platform>(exchange: &Exchange<P>, view: &View, millis: i64) -> Option<View> {
    let wait = runs::run::Wait { seen_version: Some(view.version), millis };
    runs::get(&exchange.platform, &view.run_id, Some(wait)).await.ok()?.ok()
}

/// For reading: nobody is told how far it is, and nothing is spent.
pub fn context<'a, P: Platform>(
    exchange: &'a Exchange<P>,
    progress: &'a dyn Fn(f64, &str),
) -> Context<'a, P> {
    Context {
        platform: &exchange.platform,
        caller: &exchange.caller,
        origin: &exchange.origin,
        request_id: &exchange.request_id,
        pictures: exchange.selection.pictures,
        progress,
        allowance: Allowance::default(),
        consent: Consent::CannotAsk,
        agreement: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_its_own_addresses() {
        let id = "01920000-0000-7000-8000-000000000000";
        let run = RunId::parse(id).unwrap();
        assert_eq!(parse("atelier://instructions"), Some(Target::Guide));
        assert_eq!(parse(&format!("atelier://runs/{id}")), Some(Target::Run(run.clone())));
        assert_eq!(parse(&format!("atelier://runs/{id}/assets/2")), Some(Target::File(run, 1)));
        for other in [
            "",
            "atelier://runs/",
            "atelier://runs/x",
            "https://e.example",
            &format!("atelier://runs/{id}/assets/0"),
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
