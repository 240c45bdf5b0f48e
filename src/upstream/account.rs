//! Under which key and at which address a provider is asked: the operator's, or one that the workspace brought itself.
//! Not for: sending (`transport`).

use crate::config::Secret;
use crate::error::{Code, Refusal};
use crate::id::WorkspaceId;
use crate::outbound::Reach;
use crate::platform::{Level, Platform, Unavailable};
use crate::providers::adapter::Site;
use crate::providers::{self, Adapter, Provider};
use crate::workspace::{self, Command, Reply, SealedKey, provider_keys};
use serde_json::json;

/// Lives for one step; never stored.
pub struct Account {
    pub provider: &'static Provider,
    pub adapter: &'static Adapter,
    pub key: Option<Secret>,
    /// Instead of the provider's own address.
    pub address: Option<String>,
    /// Whose key it is; None: the operator's.
    pub owner: Option<WorkspaceId>,
    /// The provider's name for the account, which its callbacks are signed for.
    pub id: Option<String>,
    pub callback_secret: Option<Secret>,
    /// Jobs at once.
    pub concurrency: u32,
}

impl Account {
    /// The one under which a workspace's work is done; None: there is no key for it (any more).
    pub async fn of<P: Platform>(
        platform: &P,
        provider: &'static Provider,
        workspace: &WorkspaceId,
    ) -> Result<Option<Self>, Unavailable> {
        Ok(Self::find(platform, provider, workspace).await?.ok())
    }

    /// [`Account::of`], or in words for people why there is none. A key of the workspace's own that cannot be read is such
    /// a reason: to go on with the operator's would spend somebody else's money.
    pub async fn find<P: Platform>(
        platform: &P,
        provider: &'static Provider,
        workspace: &WorkspaceId,
    ) -> Result<Result<Self, Refusal>, Unavailable> {
        if !platform.config().workspace_provider_keys || !takes_own_key(provider) {
            return Ok(Self::of_operator(platform, provider).ok_or_else(|| no_key(provider)));
        }
        let command = Command::ProviderKey { provider: provider.name.to_owned() };
        let sealed = match workspace::ask(platform, workspace, command).await? {
            Ok(Reply::ProviderKey(sealed)) => sealed,
            Ok(_) => None,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(sealed) = sealed else {
            return Ok(Self::of_operator(platform, provider).ok_or_else(|| no_key(provider)));
        };
        let Some(opened) = provider_keys::open(platform.config(), workspace, &sealed) else {
            let fields = json!({ "workspace_id": workspace, "provider": provider.name });
            platform.log(Level::Warn, "provider_key.unreadable", fields);
            return Ok(Err(unreadable(provider)));
        };
        if opened.is_old {
            reseal(platform, workspace, &sealed, &opened.key).await;
        }
        Ok(Self::with_own_key(provider, workspace, opened.key).ok_or_else(|| no_key(provider)))
    }

    /// Goes to the provider's own address whatever the operator has set instead: the owner of the workspace gave the key for
    /// the provider, and does not know of a proxy in between.
    fn with_own_key(provider: &'static Provider, workspace: &WorkspaceId, key: Secret) -> Option<Self> {
        let adapter = provider.adapter()?;
        Some(Self {
            provider,
            adapter,
            key: Some(key),
            address: None,
            owner: Some(workspace.clone()),
            id: None,
            callback_secret: None,
            concurrency: adapter.concurrency,
        })
    }

    pub fn of_operator<P: Platform>(platform: &P, provider: &'static Provider) -> Option<Self> {
        let adapter = provider.adapter()?;
        let access = platform.config().provider(provider.name)?;
        Some(Self {
            provider,
            adapter,
            key: access.key.clone(),
            address: access.address.clone(),
            owner: None,
            id: access.account.clone(),
            callback_secret: access.callback_secret.clone(),
            concurrency: access.concurrency.unwrap_or(adapter.concurrency),
        })
    }

    pub fn site(&self) -> Site<'_> {
        Site { address: self.address.as_deref() }
    }

    /// Name of the [`super::gate::Gate`] object that counts for it: one tenant's bad key does not hold up others.
    pub fn gate(&self) -> String {
        match &self.owner {
            None => self.provider.name.to_owned(),
            Some(workspace) => format!("{}:{workspace}", self.provider.name),
        }
    }

    /// Only an operator who named an address on this machine gets answers from there.
    pub fn reach(&self) -> Reach {
        match self.address.as_deref() {
            Some(address) if crate::origin::is_loopback(address) => Reach::Loopback,
            _ => Reach::Public,
        }
    }
}

/// Whether a workspace may bring a key for it.
pub fn takes_own_key(provider: &Provider) -> bool {
    provider.adapter().is_some_and(|adapter| adapter.needs_key)
}

/// Providers that a workspace has brought a key for, where it may.
pub async fn own_providers<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
) -> Result<Vec<&'static str>, Unavailable> {
    if !platform.config().workspace_provider_keys {
        return Ok(Vec::new());
    }
    let Ok(Reply::OwnProviders(names)) = workspace::ask(platform, workspace, Command::OwnProviders).await?
    else {
        return Ok(Vec::new());
    };
    let known = names.iter().filter_map(|name| providers::named(name));
    Ok(known.filter(|provider| takes_own_key(provider)).map(|provider| provider.name).collect())
}

/// Best effort: the next use tries again.
async fn reseal<P: Platform>(platform: &P, workspace: &WorkspaceId, sealed: &SealedKey, key: &Secret) {
    if let Some(fresh) = provider_keys::seal(platform, workspace, &sealed.provider, key.reveal()) {
        let (before, after) = (sealed.sealed.clone(), fresh.sealed);
        let command = Command::ResealProviderKey { provider: fresh.provider, before, after };
        let _ = workspace::ask(platform, workspace, command).await;
    }
}

fn no_key(provider: &Provider) -> Refusal {
    let message = format!("This gateway has no key for {} any more.", provider.title);
    Refusal::new(Code::Forbidden, message).next("Choose a model of another provider, or tell the operator.")
}

fn unreadable(provider: &Provider) -> Refusal {
    let message = format!(
        "The workspace's own key for {} cannot be read any more, because the gateway's secret was changed.",
        provider.title
    );
    let next = "Ask an owner of the workspace to set it again on the workspace's page, or to remove it.";
    Refusal::new(Code::Forbidden, message).next(next)
}
