//! `list_workspaces`: where the caller may work, and with how many units.

use super::workspaces::{WorkspaceView, summary};
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::id::WorkspaceId;
use crate::oauth::Scope;
use crate::oauth::account::{self, Account};
use crate::page;
use crate::platform::Platform;
use serde::{Deserialize, Serialize};

pub struct ListWorkspaces;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// nextCursor of the page before.
    pub cursor: Option<String>,
    /// 1 to 100, default 20.
    pub limit: Option<i64>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Output {
    pub items: Vec<WorkspaceView>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(required, extend("type" = ["string", "null"])))]
    pub next_cursor: Option<String>,
}

impl Tool for ListWorkspaces {
    const NAME: &'static str = "list_workspaces";
    const TITLE: &'static str = "List workspaces";
    const DESCRIPTION: &'static str = "Lists the workspaces the caller belongs to, with free, reserved and spent Creative Units.";
    const GROUP: &'static str = "workspaces";
    const SCOPES: &'static [Scope] = &[Scope::WorkspacesRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let limit = page::limit(input.limit)?;
        let list = format!("workspaces of {}", context.caller.person);
        let after = page::open(context.platform, &list, input.cursor.as_deref())?;
        let mut ids = match &context.caller.workspace {
            Some(bound) => vec![bound.clone()],
            None => all(context, after.as_deref().and_then(WorkspaceId::parse), limit + 1).await?,
        };
        let more = ids.len() > limit as usize;
        ids.truncate(limit as usize);
        let mut items = Vec::with_capacity(ids.len());
        for id in &ids {
            items.push(WorkspaceView::of(context.platform, id, &summary(context, id).await?));
        }
        let last = ids.last().filter(|_| more);
        let next_cursor = last.map(|id| page::cursor(context.platform, &list, id.as_str()));
        let text = match items.len() {
            0 => "You belong to no workspace. Next: ask an owner to add you.".to_owned(),
            _ => items.iter().map(WorkspaceView::line).collect::<Vec<_>>().join("\n"),
        };
        Ok(Answer::new(text, Output { items, next_cursor }))
    }
}

async fn all<P: Platform>(context: &Context<'_, P>, after: Option<WorkspaceId>, limit: u32) -> Result<Vec<WorkspaceId>, Fault> {
    let command = account::Command::Workspaces { after, limit };
    match context.platform.ask::<Account>(context.caller.person.as_str(), command).await? {
        account::Reply::Workspaces(ids) => Ok(ids),
        _ => Ok(Vec::new()),
    }
}
