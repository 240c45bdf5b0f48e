//! `estimate_forge_price`: what exactly these arguments would cost in `execute_forge`. Starts nothing.

use super::{Answer, Context, Fault, Hints, READS, Tool, forge, workspaces};
use crate::models::generation::ForgeRequest;
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::units::Units;
use serde::Serialize;
use serde_json::{Map, Value};

pub struct EstimateForgePrice;

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    pub estimated_price_creative_units: Units,
    pub balance_creative_units: Units,
    /// Negative when it is not enough.
    pub remaining_after_creative_units: Units,
    pub sufficient: bool,
    /// What would run, with every default filled in.
    pub normalized_parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub warnings: Vec<String>,
}

impl Tool for EstimateForgePrice {
    const NAME: &'static str = "estimate_forge_price";
    const TITLE: &'static str = "Estimate forge price";
    const DESCRIPTION: &'static str =
        "Returns what one execute_forge call with the same arguments would cost in Creative Units, and whether the balance is enough. Starts nothing.";
    const GROUP: &'static str = "forge";
    const SCOPES: &'static [Scope] = &[Scope::ForgeRead];
    const HINTS: Hints = READS;
    type Input = ForgeRequest;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: ForgeRequest) -> Result<Answer<Output>, Fault> {
        let mut priced = forge::price(context, &input).await?;
        let balance = workspaces::summary(context, &priced.workspace_id).await?.balance;
        let remaining = balance - priced.price;
        let sufficient = remaining >= Units::ZERO;
        if priced.limit.is_some_and(|limit| priced.price > limit) {
            priced.warnings.push("the price is above max_price_creative_units: execute_forge would refuse it.".into());
        }
        let mut text = format!(
            "{} for {} output(s) of {}; {balance} are free, {} after it{}",
            priced.price.words(),
            priced.generation.batch_size,
            priced.generation.model_id,
            remaining,
            if sufficient { "." } else { ": not enough." }
        );
        for warning in &priced.warnings {
            text.push_str(&format!("\nWarning: {warning}"));
        }
        let normalized = serde_json::to_value(&priced.generation).unwrap_or_default();
        let mut normalized = normalized.as_object().cloned().unwrap_or_default();
        if input.seed.is_none_or(|seed| seed == -1) {
            // The seed of a run that will never be: the real one is drawn when it starts.
            normalized.insert("seed".into(), Value::from(-1));
        }
        Ok(Answer::new(
            text,
            Output {
                estimated_price_creative_units: priced.price,
                balance_creative_units: balance,
                remaining_after_creative_units: remaining,
                sufficient,
                normalized_parameters: normalized,
                warnings: priced.warnings,
            },
        ))
    }
}
