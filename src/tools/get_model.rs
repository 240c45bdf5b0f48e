//! `get_model`: everything about one model: prompt format, parameters as JSON Schema, files it takes, price list.

use super::list_models::ModelView;
use super::offer::{Offer, find_model};
use super::workspaces::check_named;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::models::{Capability, Exchange, GuidanceKind, Model, Need, Price};
use crate::error::{Code, Refusal};
use crate::oauth::Scope;
use crate::platform::Platform;
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

/// The first rate whose options match is taken; sizes, seconds and characters are rounded up.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct PriceView {
    pub rates: Vec<RateView>,
    /// When the provider's list was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_on: Option<&'static str>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct RateView {
    /// output, megapixel, second, 1000 characters or post_step.
    pub per: &'static str,
    pub creative_units: Units,
    /// Options at which it holds.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub when: Map<String, Value>,
}

impl PriceView {
    fn of(model: &Model, exchange: &Exchange) -> Self {
        match model.price {
            Price::Units { output, second, post } => {
                let all = [("output", output), ("second", second), ("post_step", post)];
                let has_post = !model.post.is_empty();
                let asked = all.into_iter().filter(|(per, price)| {
                    *per == "output" || (*price > Units::ZERO && (has_post || *per != "post_step"))
                });
                let rates = asked.map(|(per, creative_units)| RateView { per, creative_units, when: Map::new() });
                Self { rates: rates.collect(), verified_on: None }
            }
            Price::Listed { per, rates, verified_on } => {
                let rates = rates.iter().map(|rate| RateView {
                    per: per.as_str(),
                    creative_units: exchange.units(rate.micros as f64 * exchange.factor),
                    when: rate.when.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
                });
                let verified_on = Some(verified_on).filter(|day| !day.is_empty());
                Self { rates: rates.collect(), verified_on }
            }
        }
    }

    /// `20 CU a second with resolution 1080p, else 10 CU a second`
    fn words(&self) -> String {
        let rate = |rate: &RateView| {
            let when = rate.when.iter().map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()));
            let when: Vec<_> = when.collect();
            let with = if when.is_empty() { String::new() } else { format!(" with {}", when.join(" and ")) };
            format!("{} CU per {}{with}", rate.creative_units, rate.per.replace('_', " "))
        };
        let rates: Vec<_> = self.rates.iter().map(rate).collect();
        let read = self.verified_on.map_or(String::new(), |day| format!(" (list of {day})"));
        format!("{}{read}", rates.join(", "))
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
        let offer = Offer::named(context, input.workspace_id.as_deref()).await?;
        let catalogue = offer.catalogue();
        let model = find_model(catalogue, &input.model_id)?;
        let Some((provider, _)) = catalogue.provider_of(model.id) else {
            return Err(Refusal::new(Code::ModelNotFound, "The model has no provider.").into());
        };
        let parameters: Map<String, Value> = model.parameters.iter().map(|p| (p.name.to_owned(), p.schema())).collect();
        let names: Vec<_> = model.parameters.iter().map(|parameter| parameter.name).collect();
        let output = Output {
            model: ModelView::of(catalogue, provider, model),
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
            price: PriceView::of(model, &catalogue.exchange(model)),
        };
        let files: Vec<_> = model.guidance.iter().map(|slot| slot.kind.as_str()).collect();
        let or_none = |words: Vec<&str>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        let text = format!(
            "{}\nPrompt: {}\nParameters: {}\nGuidance files: {}\nPrice: {}",
            output.model.line(),
            if model.prompt_format.is_empty() { "not used" } else { model.prompt_format },
            or_none(names),
            or_none(files),
            output.price.words(),
        );
        Ok(Answer::new(text, output))
    }
}

fn schema(properties: Map<String, Value>) -> Map<String, Value> {
    let schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    schema.as_object().cloned().unwrap_or_default()
}
