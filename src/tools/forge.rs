//! What the forge tools share: the run as they answer it, in words, links, a picture and structure, and the
//! one path from a request to its price.

use super::content::{Answer, Content};
use super::{Context, Fault};
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::id::{RunId, WorkspaceId};
use crate::models::generation::{ForgeRequest, normalize};
use crate::models::{Generation, Modality, Model};
use crate::platform::Platform;
use crate::providers;
use crate::runs::{self, View, drive};
use crate::units::Units;
use crate::workspace::RunStatus;
use crate::workspace::media::{self, Asset};
use serde::Serialize;

/// How long a link to a file works; get_forge_run gives a new one at any time.
pub const LINK_SECONDS: i64 = 24 * 3600;
/// A run on the embedded provider is usually done by then.
const POLL_AFTER_SECONDS: u32 = 2;

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct AssetView {
    pub asset_id: String,
    pub kind: Modality,
    pub mime_type: String,
    /// Signed, expires.
    pub url: String,
    pub url_expires_at: String,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    pub alt: String,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct ErrorView {
    pub code: String,
    pub message: String,
    pub next: String,
    pub retryable: bool,
}

/// The answer of execute, get and cancel.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RunView {
    pub inference_id: String,
    pub status: RunStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_after_seconds: Option<u32>,
    /// 0 to 1.
    pub progress: f64,
    pub model_id: String,
    /// Made by a stand-in, not by a generative model.
    pub placeholder: bool,
    pub assets: Vec<AssetView>,
    /// Charged, once ended; before that the most it can be.
    pub price_creative_units: Units,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub warnings: Vec<String>,
    /// Subscribe to it, or read it, for the state of the run.
    pub resource_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
}

impl RunView {
    pub fn of<P: Platform>(context: &Context<'_, P>, view: &View, warnings: Vec<String>) -> Self {
        let running = view.status == RunStatus::InProgress;
        Self {
            inference_id: view.run_id.to_string(),
            status: view.status,
            poll_after_seconds: running.then_some(POLL_AFTER_SECONDS),
            progress: (view.progress * 100.0).round() / 100.0,
            model_id: view.generation.model_id.clone(),
            placeholder: providers::model(&view.generation.model_id).is_some_and(|model| model.placeholder),
            assets: view.assets.iter().map(|asset| asset_view(context, &view.workspace_id, asset)).collect(),
            price_creative_units: view.price.unwrap_or(view.reserved),
            error: view.error.as_ref().map(|error| ErrorView {
                code: error.code.as_str().to_owned(),
                message: error.message.clone(),
                next: error.next_step().to_owned(),
                retryable: error.code.retryable(),
            }),
            warnings,
            resource_uri: runs::uri(&view.run_id),
            session_name: view.session_name.clone(),
            created_at: view.created_at.iso(),
            completed_at: view.ended_at.map(|at| at.iso()),
        }
    }

    /// Short text that stands alone in a client that shows nothing else.
    pub fn text(&self) -> String {
        let id = &self.inference_id;
        let mut text = match (self.status, &self.error) {
            (RunStatus::InProgress, _) => format!(
                "in_progress, {} %. inference_id {id}. Next: call get_forge_run with it; up to {} set aside.",
                (self.progress * 100.0).round(),
                self.price_creative_units.words()
            ),
            (RunStatus::Complete, _) => {
                let n = self.assets.len();
                let files = if n == 1 { "file" } else { "files" };
                format!(
                    "complete: {n} {files} by {} for {}. inference_id {id}",
                    self.model_id,
                    self.price_creative_units.words()
                )
            }
            (RunStatus::Failed, Some(error)) => {
                format!(
                    "failed, nothing charged. {}: {} Next: {} inference_id {id}",
                    error.code, error.message, error.next
                )
            }
            (RunStatus::Failed, None) => format!("failed, nothing charged. inference_id {id}"),
            (RunStatus::Cancelled, _) => {
                format!("cancelled; the units set aside were released. inference_id {id}")
            }
        };
        for (index, asset) in self.assets.iter().enumerate() {
            text.push_str(&format!("\n{}. [{}]({})", index + 1, file_label(asset), asset.url));
        }
        if self.placeholder && !self.assets.is_empty() {
            text.push_str("\nThese are placeholder files of the embedded offline provider, made without AI.");
        }
        if let Some(asset) = self.assets.first() {
            text.push_str(&format!(
                "\nLinks work until {}; get_forge_run gives new ones.",
                asset.url_expires_at
            ));
        }
        for warning in &self.warnings {
            text.push_str(&format!("\nWarning: {warning}"));
        }
        text
    }

    fn links(&self) -> Vec<Content> {
        let link = |asset: &AssetView| Content::ResourceLink {
            uri: asset.url.clone(),
            name: file_name(asset),
            mime_type: asset.mime_type.clone(),
            size: asset.bytes,
            description: Some(asset.alt.clone()),
        };
        self.assets.iter().map(link).collect()
    }
}

/// The run with its links and, when it is complete, its contact sheet.
pub async fn answer<P: Platform>(
    context: &Context<'_, P>,
    view: &View,
    warnings: Vec<String>,
) -> Result<Answer<RunView>, Fault> {
    let shown = RunView::of(context, view, warnings);
    let mut more = Vec::new();
    if context.pictures && view.status == RunStatus::Complete {
        let key = drive::sheet_key(&view.workspace_id, &view.run_id);
        if let Some(sheet) = context.platform.read_object(&key).await? {
            more.push(Content::Image { data: crypto::base64(&sheet), mime_type: "image/jpeg" });
        }
    }
    more.extend(shown.links());
    Ok(Answer::new(shown.text(), shown).and(more))
}

/// A run of the caller's: in the token's workspace, or the caller's own, or in a workspace they belong to.
pub async fn find<P: Platform>(
    context: &Context<'_, P>,
    id: &RunId,
    wait: Option<runs::run::Wait>,
) -> Result<View, Fault> {
    let view = runs::get(context.platform, id, wait).await??;
    let caller = context.caller;
    match &caller.workspace {
        Some(bound) if *bound == view.workspace_id => Ok(view),
        Some(_) => Err(runs::unknown().into()),
        None if view.person == caller.person => Ok(view),
        None => match super::workspaces::summary(context, &view.workspace_id).await {
            Ok(_) => Ok(view),
            Err(Fault::Refused(_)) => Err(runs::unknown().into()),
            Err(fault) => Err(fault),
        },
    }
}

pub fn run_id(text: &str) -> Result<RunId, Refusal> {
    RunId::parse(text).ok_or_else(|| {
        let shown = crate::models::parameter::shorten(&text.into());
        Refusal::invalid(format!("`inference_id` must be a UUID, not {shown}."))
            .next(Code::RunNotFound.next_step())
    })
}

/// A request, checked and priced.
pub struct Priced {
    pub workspace_id: WorkspaceId,
    pub generation: Generation,
    pub price: Units,
    pub warnings: Vec<String>,
    /// The ceiling the caller set.
    pub limit: Option<Units>,
}

pub async fn price<P: Platform>(context: &Context<'_, P>, request: &ForgeRequest) -> Result<Priced, Fault> {
    let model = find_model(&request.model_id)?;
    let workspace_id = super::workspaces::resolve(context, request.workspace_id.as_deref()).await?;
    let random_seed = u32::from_le_bytes(context.platform.random());
    let (generation, warnings) = normalize(model, request, random_seed)?;
    let limit = match request.max_price_creative_units {
        None => None,
        Some(limit) => Some(Units::from_f64(limit).ok_or_else(|| {
            Refusal::invalid(format!("`max_price_creative_units` must be a number from 0, not {limit}."))
        })?),
    };
    let price = model.price.of(&generation);
    Ok(Priced { workspace_id, generation, price, warnings, limit })
}

pub fn find_model(id: &str) -> Result<&'static Model, Refusal> {
    providers::model(id).ok_or_else(|| {
        let shown = crate::models::parameter::shorten(&id.into());
        Refusal::new(Code::ModelNotFound, format!("No model has the id {shown}."))
    })
}

fn asset_view<P: Platform>(context: &Context<'_, P>, workspace: &WorkspaceId, asset: &Asset) -> AssetView {
    let expires = context.platform.now().plus_seconds(LINK_SECONDS);
    AssetView {
        asset_id: asset.asset_id.to_string(),
        kind: asset.kind,
        mime_type: asset.mime_type.clone(),
        url: format!("{}{}", context.origin, media::signed_path(context.platform, workspace, asset, expires)),
        url_expires_at: expires.iso(),
        bytes: asset.size_bytes,
        width: asset.width,
        height: asset.height,
        duration_seconds: asset.duration_seconds,
        alt: asset.alt.clone(),
    }
}

fn file_name(asset: &AssetView) -> String {
    let path = asset.url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// `512×512 image/png, 61 KB`
fn file_label(asset: &AssetView) -> String {
    let size = match (asset.width, asset.height, asset.duration_seconds) {
        (Some(width), Some(height), Some(seconds)) => format!("{width}×{height} {seconds:.1} s "),
        (Some(width), Some(height), None) => format!("{width}×{height} "),
        (_, _, Some(seconds)) => format!("{seconds:.1} s "),
        _ => String::new(),
    };
    format!("{size}{}, {} KB", asset.mime_type, asset.bytes.div_ceil(1000))
}
