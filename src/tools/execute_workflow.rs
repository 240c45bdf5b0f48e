//! `execute_workflow`: starts a run of several steps and answers at once with its id. One reservation covers the whole
//! run; what is not made goes back.

use super::flow::{self, FlowRunView};
use super::spend::{self, Wish};
use super::workflows::{load, plan};
use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::Work;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub struct ExecuteWorkflow;

/// The fields that estimate and execute share.
#[derive(Deserialize, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub workspace_id: Option<String>,
    /// From list_workflows.
    pub workflow_id: String,
    /// Default: the published one.
    pub version: Option<u32>,
    /// By the names list_workflows gives. Files: asset_id or file_url.
    pub inputs: Option<Map<String, Value>>,
    /// A name for your own bookkeeping.
    pub session_name: Option<String>,
    /// Refuse if the price is higher.
    pub max_price_creative_units: Option<f64>,
    /// Repeat it when retrying: within 24 h the first run is returned, not a second one.
    pub idempotency_key: Option<String>,
}

impl Tool for ExecuteWorkflow {
    const NAME: &'static str = "execute_workflow";
    const TITLE: &'static str = "Run workflow";
    const DESCRIPTION: &'static str =
        "Starts a multi-step workflow and returns a run_id at once; its highest price in Creative Units is reserved. Results come from get_workflow_run.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsExecute];
    const HINTS: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };
    const SPENDS: bool = true;
    type Input = Request;
    type Output = FlowRunView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Request) -> Result<Answer<FlowRunView>, Fault> {
        let workspace_id = resolve(context, input.workspace_id.as_deref()).await?;
        let arguments = spend::digest(&(Self::NAME, workspace_id.as_str(), &input));
        let loaded = load(context, &workspace_id, &input.workflow_id, input.version).await?;
        flow::check_runnable(&loaded, input.version)?;
        let mut plan = plan(context, &workspace_id, &loaded, &input.inputs.unwrap_or_default()).await?;
        let mut warnings = std::mem::take(&mut plan.warnings);
        let wish = Wish {
            workspace_id,
            price: plan.most(),
            work: Work::Workflow(plan),
            limit: spend::limit(input.max_price_creative_units)?,
            session_name: input.session_name,
            idempotency_key: input.idempotency_key,
            arguments,
        };
        let (view, repeated) = spend::start(context, wish).await?;
        warnings.extend(repeated.map(str::to_owned));
        Ok(flow::answer(context, &view, warnings.clone()).await?.begun(view, warnings))
    }
}
