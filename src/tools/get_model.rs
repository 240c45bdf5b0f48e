//! `get_model`: everything about one model: prompt format, parameters as JSON Schema, files it takes, price list.

use super::forge::find_model;
use super::list_models::ModelView;
use super::workspaces::check_named;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::models::{Capability, GuidanceKind, Model, Need, Price};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::units::Units;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub struct GetModel;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// From list_models.
    pub model_id: String,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    #[serde(flatten)]
    pub model: ModelView,
    pub prompt: NeedView,
    pub prompt_format: &'static str,
    /// JSON Schema of width, height, quality, duration_seconds and options.
    pub parameters_schema: Map<String, Value>,
    pub guidance_types: Vec<GuidanceView>,
    pub mask: NeedView,
    pub post: &'static [Capability],
    pub max_batch_size: u32,
    pub price: PriceView,
}

#[derive(Clone, Copy, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum NeedView {
    Required,
    Optional,
    NotTaken,
}

impl From<Need> for NeedView {
    fn from(need: Need) -> Self {
        match need {
            Need::Required => NeedView::Required,
            Need::Optional => NeedView::Optional,
            Need::No => NeedView::NotTaken,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct GuidanceView {
    #[serde(rename = "type")]
    pub kind: GuidanceKind,
    pub required: bool,
    pub at_most: usize,
}

/// Creative Units for each output, each second of it, and each post-processing step; quality low halves and
/// high doubles the first two.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct PriceView {
    pub output: Units,
    pub second: Units,
    pub post_step: Units,
}

impl PriceView {
    fn of(model: &Model) -> Self {
        match model.price {
            Price::Units { output, second, post } => Self { output, second, post_step: post },
            Price::Listed { .. } => Self { output: Units::ZERO, second: Units::ZERO, post_step: Units::ZERO },
        }
    }
}

impl Tool for GetModel {
    const NAME: &'static str = "get_model";
    const TITLE: &'static str = "Get model";
    const DESCRIPTION: &'static str =
        "Returns one model: capabilities, prompt format, the JSON Schema of its parameters, the files it takes and its price list.";
    const GROUP: &'static str = "models";
    const SCOPES: &'static [Scope] = &[Scope::ModelsRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        check_named(context, input.workspace_id.as_deref()).await?;
        let model = find_model(&input.model_id)?;
        let parameters: Map<String, Value> = model.parameters.iter().map(|p| (p.name.to_owned(), p.schema())).collect();
        let names: Vec<_> = model.parameters.iter().map(|parameter| parameter.name).collect();
        let output = Output {
            model: ModelView::of(Catalogue::of(context.platform.config()), model),
            prompt: model.prompt.into(),
            prompt_format: model.prompt_format,
            parameters_schema: schema(parameters),
            guidance_types: model
                .guidance
                .iter()
                .map(|slot| GuidanceView { kind: slot.kind, required: slot.required, at_most: slot.at_most })
                .collect(),
            mask: model.mask.into(),
            post: model.post,
            max_batch_size: model.max_batch,
            price: PriceView::of(model),
        };
        let files: Vec<_> = model.guidance.iter().map(|slot| slot.kind.as_str()).collect();
        let or_none = |words: Vec<&str>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        let text = format!(
            "{}\nPrompt: {}\nParameters: {}\nGuidance files: {}",
            output.model.line(),
            if model.prompt_format.is_empty() { "not used" } else { model.prompt_format },
            or_none(names),
            or_none(files),
        );
        Ok(Answer::new(text, output))
    }
}

fn schema(properties: Map<String, Value>) -> Map<String, Value> {
    let schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    schema.as_object().cloned().unwrap_or_default()
}
