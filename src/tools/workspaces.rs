//! Which workspace a call is for, and what several tools say of one.

use super::{Context, Fault};
use crate::error::{Code, Refusal};
use crate::id::WorkspaceId;
use crate::media::size_in_words;
use crate::models::parameter::shorten;
use crate::oauth::account::{self, Account};
use crate::platform::Platform;
use crate::units::Units;
use crate::workspace::{self, Command, MAX_CONCURRENT_RUNS, Reply, Role, Summary};
use serde::Serialize;

/// The workspace named, else the token's, else the only one the person has. Membership is checked by whoever
/// is asked next (`summary`, the workspace's own commands).
pub async fn resolve<P: Platform>(
    context: &Context<'_, P>,
    named: Option<&str>,
) -> Result<WorkspaceId, Fault> {
    let bound = context.caller.workspace.as_ref();
    if let Some(text) = named {
        let id = WorkspaceId::parse(text).ok_or_else(|| {
            Refusal::invalid(format!("`workspace_id` must be a UUID, not {}.", shorten(&text.into())))
                .next(Code::WorkspaceNotFound.next_step())
        })?;
        return match bound {
            Some(bound) if *bound != id => {
                let refusal = Refusal::new(Code::WorkspaceNotFound, "This token is for another workspace.");
                Err(refusal.next("Leave workspace_id out.").into())
            }
            _ => Ok(id),
        };
    }
    if let Some(bound) = bound {
        return Ok(bound.clone());
    }
    let command = account::Command::Workspaces { after: None, limit: 2 };
    match context.platform.ask::<Account>(context.caller.person.as_str(), command).await? {
        account::Reply::Workspaces(ids) => match ids.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Refusal::new(Code::WorkspaceNotFound, "You belong to no workspace.")
                .next("Ask an owner to add you.")
                .into()),
            _ => Err(Refusal::invalid("`workspace_id` is needed: you belong to several workspaces.")
                .next(Code::WorkspaceNotFound.next_step())
                .into()),
        },
        _ => Err(Refusal::new(Code::WorkspaceNotFound, "You belong to no workspace.")
            .next("Ask an owner to add you.")
            .into()),
    }
}

/// For tools that are the same in every workspace: a workspace that is named must still be one of the caller's.
pub async fn check_named<P: Platform>(context: &Context<'_, P>, named: Option<&str>) -> Result<(), Fault> {
    if named.is_none() {
        return Ok(());
    }
    let id = resolve(context, named).await?;
    if context.caller.workspace.as_ref() != Some(&id) {
        summary(context, &id).await?;
    }
    Ok(())
}

/// Err where the caller is not a member.
pub async fn summary<P: Platform>(context: &Context<'_, P>, id: &WorkspaceId) -> Result<Summary, Fault> {
    let command = Command::Summary { person: context.caller.person.clone() };
    match workspace::ask(context.platform, id, command).await?? {
        Reply::Summary(summary) => Ok(summary),
        _ => Err(Refusal::new(Code::Internal, "The workspace gave an answer that is not understood.").into()),
    }
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct WorkspaceView {
    pub workspace_id: String,
    pub name: String,
    pub role: Role,
    pub balance_creative_units: Units,
    pub reserved_creative_units: Units,
    pub spent_creative_units: Units,
    pub running_runs: usize,
    pub max_concurrent_runs: u32,
    /// Of all files.
    pub stored_bytes: u64,
    /// What they may come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_quota_bytes: Option<u64>,
}

impl WorkspaceView {
    pub fn of<P: Platform>(platform: &P, id: &WorkspaceId, summary: &Summary) -> Self {
        Self {
            workspace_id: id.to_string(),
            name: summary.name.clone(),
            role: summary.role,
            balance_creative_units: summary.balance,
            reserved_creative_units: summary.reserved,
            spent_creative_units: summary.spent,
            running_runs: summary.running.len(),
            max_concurrent_runs: MAX_CONCURRENT_RUNS,
            stored_bytes: summary.stored_bytes,
            storage_quota_bytes: platform.config().storage_quota_bytes,
        }
    }

    pub fn line(&self) -> String {
        let quota = self.storage_quota_bytes.map(|quota| format!(" of {}", size_in_words(quota)));
        format!(
            "{} ({}): {} Creative Units free, {} reserved, {} spent; {} of {} runs under way; {}{} of files. workspace_id {}",
            self.name,
            self.role.as_str(),
            self.balance_creative_units,
            self.reserved_creative_units,
            self.spent_creative_units,
            self.running_runs,
            self.max_concurrent_runs,
            size_in_words(self.stored_bytes),
            quota.unwrap_or_default(),
            self.workspace_id,
        )
    }
}
