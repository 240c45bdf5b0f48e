//! `list_workflows`: which pipelines there are, with what they take and give.

use super::offer::Offer;
use super::workflows::{self, WorkflowView};
use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::id::{WorkflowId, WorkspaceId};
use crate::oauth::Scope;
use crate::page;
use crate::platform::Platform;
use crate::workflows::built_in;
use crate::workspace::{self, Command, Reply};
use serde::{Deserialize, Serialize};

pub struct ListWorkflows;

/// Definitions fetched at once: each may have 64 KiB.
const FETCHED: u32 = 20;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Words in the name or description.
    pub query: Option<String>,
    /// Drafts and archived ones too.
    pub include_hidden: Option<bool>,
    /// nextCursor of the page before.
    pub cursor: Option<String>,
    /// 1 to 100, default 20.
    pub limit: Option<i64>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Output {
    pub items: Vec<WorkflowView>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(required, extend("type" = ["string", "null"])))]
    pub next_cursor: Option<String>,
}

impl Tool for ListWorkflows {
    const NAME: &'static str = "list_workflows";
    const TITLE: &'static str = "List workflows";
    const DESCRIPTION: &'static str =
        "Lists multi-step pipelines of the workspace and built-in ones (product shot, icon set, picture to 3D, narrated clip, …) with their typed inputs and outputs.";
    const GROUP: &'static str = "workflows";
    const SCOPES: &'static [Scope] = &[Scope::WorkflowsRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let limit = page::limit(input.limit)? as usize;
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        let list = format!("workflows of {id}");
        let after = page::open(context.platform, &list, input.cursor.as_deref())?;
        let words = input.query.unwrap_or_default().to_lowercase();
        let fits = |view: &WorkflowView| {
            let text = format!("{} {} {}", view.workflow_id, view.name, view.description).to_lowercase();
            words.split_whitespace().all(|word| text.contains(word))
        };
        let mut items = Vec::new();
        let hidden = input.include_hidden.unwrap_or(false);
        let after_built_in = after.as_deref().filter(|after| built_in::find(after).is_some());
        if after_built_in.is_none() {
            let before = after.as_deref().and_then(WorkflowId::parse);
            own(context, &id, before, hidden, limit + 1, &fits, &mut items).await?;
        }
        let offer = Offer::of(context, &id).await?;
        let built_in = built_in::all().iter();
        let rest = built_in.skip_while(|found| after_built_in.is_some_and(|after| after != found.id));
        for found in rest.skip(usize::from(after_built_in.is_some())) {
            items.extend(workflows::of_built_in(found, offer.catalogue()).ok().map(|found| WorkflowView::of(&found)).filter(&fits));
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|last| page::cursor(context.platform, &list, &last.workflow_id));
        let text = match items.len() {
            0 => "No workflow fits. Next: leave query out, or write one; see get_workflow_instructions.".to_owned(),
            _ => items.iter().map(WorkflowView::line).collect::<Vec<_>>().join("\n"),
        };
        Ok(Answer::new(text, Output { items, next_cursor }))
    }
}

/// Those of the workspace, newest first. One that no longer fits the models is left out.
async fn own<P: Platform>(
    context: &Context<'_, P>,
    id: &WorkspaceId,
    mut before: Option<WorkflowId>,
    with_hidden: bool,
    wanted: usize,
    fits: &impl Fn(&WorkflowView) -> bool,
    items: &mut Vec<WorkflowView>,
) -> Result<(), Fault> {
    let offer = Offer::of(context, id).await?;
    while items.len() < wanted {
        let person = context.caller.person.clone();
        let command = Command::Workflows { person, before, limit: FETCHED, with_hidden };
        let Reply::Workflows(found) = workspace::ask(context.platform, id, command).await?? else { break };
        before = found.last().map(|last| last.workflow_id.clone());
        let is_last = found.len() < FETCHED as usize;
        for definition in found {
            let view = workflows::of_definition(definition, offer.catalogue()).map(|loaded| WorkflowView::of(&loaded));
            items.extend(view.ok().filter(fits));
        }
        if is_last {
            break;
        }
    }
    Ok(())
}
