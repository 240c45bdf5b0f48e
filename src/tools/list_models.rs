//! `list_models`: the catalogue, filtered. Full parameters come from `get_model`.

use super::offer::Offer;
use super::workspaces::check_named;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::models::{Capability, Modality, Model, Price};
use crate::oauth::Scope;
use crate::page;
use crate::platform::Platform;
use crate::providers::{Catalogue, Provider};
use crate::units::Units;
use serde::{Deserialize, Serialize};

pub struct ListModels;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Words that must occur in the id, name, provider or summary.
    pub query: Option<String>,
    pub modality: Option<Modality>,
    /// All must match.
    pub capabilities: Option<Vec<Capability>>,
    /// nextCursor of the page before.
    pub cursor: Option<String>,
    /// 1 to 100, default 20.
    pub limit: Option<i64>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Output {
    pub items: Vec<ModelView>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(required, extend("type" = ["string", "null"])))]
    pub next_cursor: Option<String>,
}

/// A model as lists show it.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct ModelView {
    pub model_id: &'static str,
    pub name: &'static str,
    pub provider: &'static str,
    pub modality: Modality,
    pub capabilities: &'static [Capability],
    pub summary: &'static str,
    /// One output with default parameters.
    pub typical_price_creative_units: Units,
    /// What it is priced by.
    pub price_unit: &'static str,
    pub placeholder: bool,
}

impl ModelView {
    pub fn of(catalogue: Catalogue<'_>, provider: &'static Provider, model: &'static Model) -> Self {
        Self {
            model_id: model.id,
            name: model.name,
            provider: provider.name,
            modality: model.modality,
            capabilities: model.capabilities,
            summary: model.summary,
            typical_price_creative_units: catalogue.typical_price(model),
            price_unit: price_unit(&model.price),
            placeholder: model.placeholder,
        }
    }

    pub fn line(&self) -> String {
        let Self { model_id, provider, summary, typical_price_creative_units: price, .. } = self;
        let by = if self.price_unit == OUTPUT { String::new() } else { format!(", by {}", self.price_unit) };
        format!("{model_id} ({}, {provider}): {summary} {price} CU{by}", self.modality.as_str())
    }
}

pub const OUTPUT: &str = "output";

fn price_unit(price: &Price) -> &'static str {
    match price {
        Price::Units { second, .. } if *second > Units::ZERO => "second",
        Price::Units { .. } => OUTPUT,
        Price::Listed { per, .. } => per.as_str(),
    }
}

impl Tool for ListModels {
    const NAME: &'static str = "list_models";
    const TITLE: &'static str = "Search models";
    const DESCRIPTION: &'static str =
        "Searches the models that can be run, by modality, capabilities or words. Returns summaries with a typical price; parameters come from get_model.";
    const GROUP: &'static str = "models";
    const SCOPES: &'static [Scope] = &[Scope::ModelsRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let limit = page::limit(input.limit)? as usize;
        check_named(context, input.workspace_id.as_deref()).await?;
        let list = format!("models for {}", context.caller.person);
        let after = page::open(context.platform, &list, input.cursor.as_deref())?;
        let words: Vec<_> = input.query.as_deref().unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
        let wanted = input.capabilities.as_deref().unwrap_or_default();
        let offer = Offer::named(context, input.workspace_id.as_deref()).await?;
        let catalogue = offer.catalogue();
        let mut found = catalogue
            .offered()
            .skip_while(|(_, model)| after.as_deref().is_some_and(|after| model.id != after))
            .skip(usize::from(after.is_some()))
            .filter(|(_, model)| input.modality.is_none_or(|modality| model.modality == modality))
            .filter(|(_, model)| wanted.iter().all(|capability| model.can(*capability)))
            .filter(|(provider, model)| matches(provider, model, &words));
        let items: Vec<_> = found.by_ref().take(limit).map(|(provider, model)| ModelView::of(catalogue, provider, model)).collect();
        let last = items.last().filter(|_| found.next().is_some());
        let next_cursor = last.map(|model| page::cursor(context.platform, &list, model.model_id));
        let mut text = items.iter().map(ModelView::line).collect::<Vec<_>>().join("\n");
        if items.is_empty() {
            text.push_str("No model matches. Next: leave out a filter; list_models without arguments lists all.");
        } else if next_cursor.is_some() {
            text.push_str("\nMore follow: call again with cursor set to nextCursor.");
        }
        Ok(Answer::new(text, Output { items, next_cursor }))
    }
}

fn matches(provider: &Provider, model: &Model, words: &[String]) -> bool {
    words.iter().all(|word| {
        let capability = model.capabilities.iter().any(|capability| capability.as_str().contains(word.as_str()));
        capability || [model.id, model.name, model.summary, provider.title].iter().any(|text| text.to_lowercase().contains(word.as_str()))
    })
}
