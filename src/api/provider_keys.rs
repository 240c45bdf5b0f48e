//! `/api/v1/workspaces/{id}/provider-keys`: keys for inference providers that the owners of a workspace set for it.
//! Not for: how they are kept (`workspace::provider_keys`), or used (`upstream::account`).

use super::rest::{self, Call, Outcome};
use crate::config::Config;
use crate::error::{Code, Refusal};
use crate::http::{Payload, Response};
use crate::id::WorkspaceId;
use crate::platform::{Level, Platform};
use crate::providers::{self, Provider};
use crate::upstream::account;
use crate::workspace::{Command, OwnKey, Reply, SealedKey, provider_keys};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    key: String,
}

#[derive(Serialize)]
struct Row {
    provider: String,
    /// The last characters of the key.
    hint: String,
    set_at: String,
    set_by: String,
}

impl Row {
    fn of(key: OwnKey) -> Self {
        let set_by = key.label.unwrap_or(key.set_by);
        Self { provider: key.provider, hint: key.hint, set_at: key.set_at.iso(), set_by }
    }
}

pub async fn list<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    call.only(&[])?;
    let Reply::ProviderKeys(keys) =
        call.ask(Command::ProviderKeys { person: call.caller.person.clone() }).await?
    else {
        return Err(rest::odd());
    };
    Ok(rest::list(keys.into_iter().map(Row::of).collect(), None))
}

pub async fn set<P: Platform>(call: &Call<'_, P>, name: &str) -> Outcome<P::Stream> {
    let provider = provider(name)?;
    let key = seal(call.platform, &call.workspace_id, provider, &key_in(&call.request.payload)?)?;
    let answer = json!({ "provider": provider.name, "hint": key.hint });
    call.ask(Command::SetProviderKey { actor: call.actor(), key }).await?;
    let fields = json!({ "workspace_id": call.workspace_id, "provider": provider.name });
    call.platform.log(Level::Info, "provider_key.set", fields);
    Ok(rest::json(200, &answer))
}

/// Also where workspaces may not set keys any more: nobody has to leave one behind.
pub async fn remove<P: Platform>(call: &Call<'_, P>, name: &str) -> Outcome<P::Stream> {
    let provider = provider(name)?;
    let command = Command::RemoveProviderKey { actor: call.actor(), provider: provider.name.into() };
    call.ask(command).await?;
    let fields = json!({ "workspace_id": call.workspace_id, "provider": provider.name });
    call.platform.log(Level::Info, "provider_key.removed", fields);
    Ok(Response::empty(204).with("cache-control", "no-store"))
}

/// What the parser says of a body can have parts of it in it, so here it says nothing.
fn key_in(payload: &Payload) -> Result<String, Refusal> {
    let wrong = || {
        Refusal::invalid("The body must be JSON such as {\"key\": \"…\"} with the provider's key.")
            .next("Correct it and send it again.")
    };
    let Payload::Text(text) = payload else { return Err(wrong()) };
    serde_json::from_str(text).map(|input: Input| input.key).map_err(|_| wrong())
}

/// Those that a workspace can bring a key for.
pub fn providers() -> impl Iterator<Item = &'static Provider> {
    providers::ALL.iter().copied().filter(|provider| account::takes_own_key(provider))
}

pub fn provider(name: &str) -> Result<&'static Provider, Refusal> {
    providers().find(|provider| provider.name == name).ok_or_else(|| {
        let names: Vec<_> = providers().map(|provider| provider.name).collect();
        Refusal::invalid(format!("A workspace can bring a key for one of {}.", names.join(", ")))
    })
}

/// Ready to be kept, where the operator lets workspaces bring keys.
pub fn seal<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
    provider: &Provider,
    key: &str,
) -> Result<SealedKey, Refusal> {
    allowed(platform.config())?;
    let key = provider_keys::check(key).map_err(Refusal::invalid)?;
    provider_keys::seal(platform, workspace, provider.name, key)
        .ok_or_else(|| Refusal::new(Code::Internal, "The key could not be sealed."))
}

fn allowed(config: &Config) -> Result<(), Refusal> {
    if config.workspace_provider_keys {
        return Ok(());
    }
    let refusal = Refusal::new(Code::Forbidden, "Workspaces of this gateway bring no keys of their own.");
    Err(refusal.next("Ask the operator, who can allow it with WORKSPACE_PROVIDER_KEYS=yes."))
}
