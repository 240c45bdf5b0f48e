//! What can be run in this deployment, and what it costs: the models of the providers that are configured, with what the
//! operator changed or added. Not for: what a provider is (`super`), or prices as functions (`models::price`).

use super::{ALL, Kind, Provider};
use crate::config::Config;
use crate::models::{Exchange, Generation, Model};
use crate::units::Units;

/// As one call sees it. Cheap: everything behind it is made once in an isolate.
#[derive(Clone, Copy)]
pub struct Catalogue<'a> {
    config: &'a Config,
    /// Providers whose key the workspace has brought itself.
    own: &'a [&'a str],
}

impl<'a> Catalogue<'a> {
    pub fn of(config: &'a Config) -> Self {
        Self { config, own: &[] }
    }

    /// With providers whose key the workspace has brought itself.
    pub fn with_own(config: &'a Config, own: &'a [&'a str]) -> Self {
        Self { config, own }
    }

    /// Every model that can be run, in the order in which they are shown.
    pub fn models(&self) -> impl Iterator<Item = &'static Model> {
        let offered = ALL.iter().copied().filter(|provider| self.offers(provider));
        offered.flat_map(|provider| provider.models).collect::<Vec<_>>().into_iter()
    }

    pub fn model(&self, id: &str) -> Option<&'static Model> {
        self.models().find(|model| model.id == id)
    }

    /// Whether a provider can be asked.
    pub fn offers(&self, provider: &Provider) -> bool {
        match &provider.kind {
            Kind::Embedded(_) => true,
            Kind::Remote(_) => {
                self.config.provider(provider.name).is_some() || self.own.contains(&provider.name)
            }
        }
    }

    /// Who runs a model, whether or not it is offered now: a run may be under way.
    pub fn provider_of(&self, id: &str) -> Option<(&'static Provider, &'static Model)> {
        ALL.iter().copied().find_map(|provider| {
            provider.models.iter().find(|model| model.id == id).map(|model| (provider, model))
        })
    }

    /// The most it can cost.
    pub fn price(&self, model: &Model, generation: &Generation) -> Units {
        model.price.of(generation, &self.exchange(model))
    }

    /// One output with default parameters.
    pub fn typical_price(&self, model: &Model) -> Units {
        model.price.typical(model, &self.exchange(model))
    }

    pub fn exchange(&self, _model: &Model) -> Exchange {
        Exchange { units_per_dollar: self.config.units_per_dollar, factor: 1.0 }
    }
}
