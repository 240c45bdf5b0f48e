//! `get_workspace`: one workspace's units and how many runs are under way.

use super::workspaces::{WorkspaceView, resolve, summary};
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::oauth::Scope;
use crate::platform::Platform;
use serde::Deserialize;

pub struct GetWorkspace;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Needed only if the token is not bound to one workspace.
    pub workspace_id: Option<String>,
}

impl Tool for GetWorkspace {
    const NAME: &'static str = "get_workspace";
    const TITLE: &'static str = "Get workspace";
    const DESCRIPTION: &'static str =
        "Returns one workspace: free, reserved and spent Creative Units, and how many of the caller's runs are under way.";
    const GROUP: &'static str = "workspaces";
    const SCOPES: &'static [Scope] = &[Scope::WorkspacesRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = WorkspaceView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<WorkspaceView>, Fault> {
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        let view = WorkspaceView::of(context.platform, &id, &summary(context, &id).await?);
        Ok(Answer::new(view.line(), view))
    }
}
