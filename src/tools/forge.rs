//! What the forge tools share: the run as they answer it, in words, links, a picture and structure, and the
//! one path from a request to its price.

use super::assets::{self, AssetView, ErrorView};
use super::content::{Answer, Content};
use super::offer::{Offer, find_model};
use super::{Context, Fault, spend};
use crate::error::{Code, Refusal};
use crate::id::{RunId, WorkspaceId};
use crate::models::Generation;
use crate::models::file_id::FileId;
use crate::models::generation::{ForgeRequest, normalize};
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::runs::{self, Shown, View};
use crate::units::Units;
use crate::workspace::RunStatus;
use serde::Serialize;

/// A run on the embedded provider is usually done by then.
pub const POLL_AFTER_SECONDS: u32 = 2;

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
    /// Who really runs it.
    pub provider: String,
    /// Models that ran in place of model_id, which was out of service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub stand_ins: Vec<String>,
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
    pub fn of<P: Platform>(
        context: &Context<'_, P>,
        view: &View,
        generation: &Generation,
        mut warnings: Vec<String>,
    ) -> Self {
        let catalogue = Catalogue::of(context.platform.config());
        let running = view.status == RunStatus::InProgress;
        let ran = view.stand_ins.last().unwrap_or(&generation.model_id);
        warnings.extend(notes(view, generation));
        Self {
            inference_id: view.run_id.to_string(),
            status: view.status,
            poll_after_seconds: running.then_some(POLL_AFTER_SECONDS),
            progress: (view.progress * 100.0).round() / 100.0,
            model_id: generation.model_id.clone(),
            provider: catalogue.provider_of(ran).map_or("", |(provider, _)| provider.name).to_owned(),
            stand_ins: view.stand_ins.clone(),
            placeholder: catalogue
                .provider_of(&generation.model_id)
                .is_some_and(|(_, model)| model.placeholder),
            assets: view
                .assets
                .iter()
                .map(|asset| AssetView::of(context, &view.workspace_id, asset))
                .collect(),
            price_creative_units: view.price.unwrap_or(view.reserved),
            error: view.error.as_ref().map(ErrorView::of),
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
                format!("failed, nothing charged. {} inference_id {id}", error.line())
            }
            (RunStatus::Failed, None) => format!("failed, nothing charged. inference_id {id}"),
            (RunStatus::Cancelled, _) if self.assets.is_empty() => {
                format!("cancelled; the units set aside were released. inference_id {id}")
            }
            (RunStatus::Cancelled, _) => format!(
                "cancelled, but the provider had finished by then: {} charged for what it made. inference_id {id}",
                self.price_creative_units.words()
            ),
        };
        text.push_str(&assets::lines(&self.assets, "get_forge_run"));
        if self.placeholder && !self.assets.is_empty() {
            text.push_str("\nThese are placeholder files of the embedded offline provider, made without AI.");
        }
        for warning in &self.warnings {
            text.push_str(&format!("\nWarning: {warning}"));
        }
        text
    }
}

/// What a reader would otherwise wonder about.
fn notes(view: &View, generation: &Generation) -> Vec<String> {
    let mut notes = Vec::new();
    if view.is_stopping {
        notes.push(
            "it is being cancelled: the provider was asked to stop, and only what it charges will be paid."
                .to_owned(),
        );
    }
    if !view.stand_ins.is_empty() && view.status != RunStatus::Failed {
        let others = view.stand_ins.join(", ");
        notes.push(format!("{} was not available; {others} was asked instead.", generation.model_id));
    }
    if view.missing > 0 {
        let asked = generation.batch_size;
        let why = view.missing_because.as_ref().map_or_else(String::new, |why| format!(" {}", why.message));
        notes.push(format!("{} of {asked} outputs were not made and not charged.{why}", view.missing));
    }
    notes
}

/// The run with its links and, when it is complete, its contact sheet.
pub async fn answer<P: Platform>(
    context: &Context<'_, P>,
    view: &View,
    warnings: Vec<String>,
) -> Result<Answer<RunView>, Fault> {
    let shown = RunView::of(context, view, generation_of(view)?, warnings);
    let mut more: Vec<Content> = assets::sheet(context, view).await?.into_iter().collect();
    more.extend(shown.assets.iter().map(AssetView::link));
    Ok(Answer::new(shown.text(), shown).and(more))
}

/// What a forge run runs; a workflow's is read by other tools.
pub fn generation_of(view: &View) -> Result<&Generation, Refusal> {
    match &view.shown {
        Shown::Forge(generation) => Ok(generation),
        Shown::Workflow(_) => {
            let refusal = Refusal::new(Code::RunNotFound, "This is a workflow's run, not a generation.");
            Err(refusal.next("Call get_workflow_run or cancel_workflow_run with this id as run_id."))
        }
    }
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
    let workspace_id = super::workspaces::resolve(context, request.workspace_id.as_deref()).await?;
    let offer = Offer::of(context, &workspace_id).await?;
    let model = find_model(offer.catalogue(), &request.model_id)?;
    for (field, file) in request.files() {
        FileId::check(file, &field, &workspace_id)?;
    }
    let random_seed = u32::from_le_bytes(context.platform.random());
    let (generation, warnings) = normalize(model, request, random_seed)?;
    let limit = spend::limit(request.max_price_creative_units)?;
    let price = offer.catalogue().price(model, &generation);
    Ok(Priced { workspace_id, generation, price, warnings, limit })
}
