//! Under which key and at which address a provider is asked: the operator's, or one that the workspace brought itself.
//! Not for: sending (`transport`).

use crate::config::Secret;
use crate::id::WorkspaceId;
use crate::outbound::Reach;
use crate::platform::{Platform, Unavailable};
use crate::providers::adapter::Site;
use crate::providers::{Adapter, Provider};

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
        _workspace: &WorkspaceId,
    ) -> Result<Option<Self>, Unavailable> {
        Ok(Self::of_operator(platform, provider))
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
