//! The catalogue as one caller sees it: the models of this deployment, at what providers charge now.
//! Not for: which models there are (`providers::catalogue`), or who may run them (`spend`).

use super::workspaces::summary;
use super::{Context, Fault};
use crate::error::{Code, Refusal};
use crate::id::WorkspaceId;
use crate::models::Model;
use crate::models::parameter::shorten;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::providers::catalogue::Factors;
use crate::upstream::prices;
use crate::workspace::{self, Command, Reply};
use std::rc::Rc;

/// What a [`Catalogue`] is lent from while a call lasts.
pub struct Offer<'a, P: Platform> {
    platform: &'a P,
    factors: Rc<Factors>,
    /// Providers whose key the workspace has brought itself.
    own: Vec<&'static str>,
}

impl<'a, P: Platform> Offer<'a, P> {
    /// To this workspace. Asks it for its own keys only where the operator lets workspaces have some.
    pub async fn of(context: &Context<'a, P>, workspace: &WorkspaceId) -> Result<Self, Fault> {
        let mut offer = Self::to_anybody(context).await;
        if !context.platform.config().workspace_provider_keys {
            return Ok(offer);
        }
        if context.caller.workspace.as_ref() != Some(workspace) {
            summary(context, workspace).await?;
        }
        if let Reply::OwnProviders(names) =
            workspace::ask(context.platform, workspace, Command::OwnProviders).await??
        {
            let known = names.iter().filter_map(|name| crate::providers::named(name));
            offer.own = known.map(|provider| provider.name).collect();
        }
        Ok(offer)
    }

    /// To the workspace that is named or that the token is bound to; without one, what everybody is offered.
    pub async fn named(context: &Context<'a, P>, workspace: Option<&str>) -> Result<Self, Fault> {
        let named = workspace.and_then(WorkspaceId::parse);
        match named.as_ref().or(context.caller.workspace.as_ref()) {
            Some(workspace) => Self::of(context, workspace).await,
            None => Ok(Self::to_anybody(context).await),
        }
    }

    async fn to_anybody(context: &Context<'a, P>) -> Self {
        let factors = prices::current(context.platform).await;
        Self { platform: context.platform, factors, own: Vec::new() }
    }

    pub fn catalogue(&self) -> Catalogue<'_> {
        Catalogue::with_own(self.platform.config(), &self.own).at(&self.factors)
    }
}

pub fn find_model(catalogue: Catalogue<'_>, id: &str) -> Result<&'static Model, Refusal> {
    catalogue.model(id).ok_or_else(|| {
        let shown = shorten(&id.into());
        match catalogue.provider_of(id) {
            Some((provider, _)) if !catalogue.offers(provider) => {
                let message = format!("{shown} is a model of {}, which is not set up here.", provider.title);
                Refusal::new(Code::ModelNotFound, message)
            }
            _ => Refusal::new(Code::ModelNotFound, format!("No model has the id {shown}.")),
        }
    })
}
