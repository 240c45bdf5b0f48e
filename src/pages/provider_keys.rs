//! The forms for a workspace's own provider keys, on the workspace's page.
//! Not for: the rules (`workspace::provider_keys`), or the same for programs (`api::provider_keys`).

use super::workspaces::{ask, parse};
use super::{Fault, Outcome, Visit, told};
use crate::api::provider_keys;
use crate::html::parts::Named;
use crate::html::provider_keys::{ProviderKey, ProviderKeys};
use crate::http::Response;
use crate::id::WorkspaceId;
use crate::platform::{Level, Platform};
use crate::providers;
use crate::workspace::{Command, OwnKey, Reply};
use serde_json::json;

/// For owners. None: there is nothing to show.
pub async fn card<P: Platform>(
    visit: &Visit<'_, P>,
    id: &WorkspaceId,
) -> Result<Option<ProviderKeys>, Fault> {
    let command = Command::ProviderKeys { person: visit.session.person.clone() };
    let Reply::ProviderKeys(keys) = ask(visit, id, command).await? else { return Ok(None) };
    let is_allowed = visit.platform.config().workspace_provider_keys;
    if keys.is_empty() && !is_allowed {
        return Ok(None);
    }
    let offered = provider_keys::providers().filter(|_| is_allowed);
    Ok(Some(ProviderKeys {
        keys: keys.into_iter().map(shown).collect(),
        providers: offered.map(|provider| named(provider.name)).collect(),
    }))
}

fn named(name: &str) -> Named {
    let title = providers::named(name).map_or(name, |provider| provider.title);
    Named { id: name.to_owned(), name: title.to_owned() }
}

fn shown(key: OwnKey) -> ProviderKey {
    ProviderKey {
        provider: named(&key.provider),
        hint: key.hint,
        set_by: key.label.unwrap_or_else(|| "somebody who is no member any more".into()),
        set_at: key.set_at.words(),
    }
}

/// `POST /account/workspaces/{id}/provider-keys`
pub async fn set<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let provider = provider_keys::provider(visit.form.get("provider").unwrap_or_default())?;
    let typed = visit.form.get("key").unwrap_or_default();
    let key = provider_keys::seal(visit.platform, &id, provider, typed)?;
    ask(visit, &id, Command::SetProviderKey { actor: visit.actor(), key }).await?;
    let fields = json!({ "workspace_id": id, "provider": provider.name });
    visit.platform.log(Level::Info, "provider_key.set", fields);
    Ok(Response::see_other(format!("/account/workspaces/{id}?done=key_set")))
}

/// `POST /account/workspaces/{id}/provider-keys/remove`
pub async fn remove<P: Platform>(visit: &Visit<'_, P>, id: &str) -> Outcome<P::Stream> {
    let id = parse(id)?;
    let name = visit.form.get("provider").unwrap_or_default();
    let provider = provider_keys::provider(name)
        .map_err(|_| told(400, "The form names no provider.", "Open the page again."))?;
    let command = Command::RemoveProviderKey { actor: visit.actor(), provider: provider.name.into() };
    ask(visit, &id, command).await?;
    let fields = json!({ "workspace_id": id, "provider": provider.name });
    visit.platform.log(Level::Info, "provider_key.removed", fields);
    Ok(Response::see_other(format!("/account/workspaces/{id}?done=key_removed")))
}
