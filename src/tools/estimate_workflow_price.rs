//! `estimate_workflow_price`: what a run with these inputs would cost, step by step. Starts nothing.

use super::execute_workflow::Request;
use super::workflows::{load, plan, price_words};
use super::{Answer, Context, Fault, Hints, READS, Tool, workspaces};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::units::Units;
use crate::workflows::Work;
use serde::Serialize;

pub struct EstimateWorkflowPrice;

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct StepPrice {
    pub id: String,
    pub title: String,
    /// Model runs.
    pub runs: usize,
    pub price_creative_units: Units,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    /// The most it can cost: what is reserved.
    pub estimated_price_creative_units: Units,
    /// If every step that depends on another's outcome is skipped.
    pub least_price_creative_units: Units,
    pub balance_creative_units: Units,
    /// Negative when it is not enough.
    pub remaining_after_creative_units: Units,
    pub sufficient: bool,
    pub steps: Vec<StepPrice>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub warnings: Vec<String>,
}

impl Tool for EstimateWorkflowPrice {
    const NAME: &'static str = "estimate_workflow_price";
    const TITLE: &'static str = "Estimate workflow price";
    const DESCRIPTION: &'static str =
        "Returns what one execute_workflow call with the same arguments would cost in Creative Units, by step, and whether the balance is enough. Starts nothing.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsRead];
    const HINTS: Hints = READS;
    type Input = Request;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Request) -> Result<Answer<Output>, Fault> {
        let id = workspaces::resolve(context, input.workspace_id.as_deref()).await?;
        let loaded = load(context, &id, &input.workflow_id, input.version).await?;
        let plan = plan(context, &id, &loaded, &input.inputs.unwrap_or_default()).await?;
        let (least, most) = (plan.least(), plan.most());
        let balance = workspaces::summary(context, &id).await?.balance;
        let remaining = balance - most;
        let sufficient = remaining >= Units::ZERO;
        let steps = plan.steps.iter().filter_map(|step| match &step.work {
            Work::Runs(runs) => Some(StepPrice {
                id: step.id.clone(),
                title: step.title.clone(),
                runs: runs.len(),
                price_creative_units: step.price(),
            }),
            _ => None,
        });
        let steps: Vec<_> = steps.collect();
        let mut text = format!(
            "{} for workflow {}; {balance} are free, {remaining} after it{}",
            price_words(least, most),
            loaded.workflow_id,
            if sufficient { "." } else { ": not enough." }
        );
        for step in &steps {
            text.push_str(&format!("\n{}: {} in {} run(s)", step.id, step.price_creative_units, step.runs));
        }
        let mut warnings = plan.warnings;
        if super::spend::limit(input.max_price_creative_units)?.is_some_and(|limit| most > limit) {
            warnings.push("the price is above max_price_creative_units: execute_workflow would refuse it.".into());
        }
        for warning in &warnings {
            text.push_str(&format!("\nWarning: {warning}"));
        }
        Ok(Answer::new(
            text,
            Output {
                estimated_price_creative_units: most,
                least_price_creative_units: least,
                balance_creative_units: balance,
                remaining_after_creative_units: remaining,
                sufficient,
                steps,
                warnings,
            },
        ))
    }
}
