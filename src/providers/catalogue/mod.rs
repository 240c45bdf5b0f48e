//! What can be run in this deployment, and what it costs: the models of the providers that are configured, with what the
//! operator changed or added. Not for: what a provider is (`super`), or prices as functions (`models::price`).

pub mod check;
pub mod overrides;
pub mod recommended;
pub mod stock;

use super::{Kind, Provider};
use crate::config::Config;
use crate::models::{Exchange, Generation, Model};
use crate::units::Units;
use std::collections::BTreeMap;
use stock::Stock;

/// As one call sees it. Cheap: everything behind it is made once in an isolate.
#[derive(Clone, Copy)]
pub struct Catalogue<'a> {
    config: &'a Config,
    stock: &'static Stock,
    /// Providers whose key the workspace has brought itself.
    own: &'a [&'a str],
    /// None: the price lists hold as they are written.
    factors: Option<&'a Factors>,
}

/// Present prices as multiples of the listed ones, by model id. One that is not there is as listed.
pub type Factors = BTreeMap<&'static str, f64>;

impl<'a> Catalogue<'a> {
    pub fn of(config: &'a Config) -> Self {
        Self { config, stock: Stock::of(config.models.as_deref()), own: &[], factors: None }
    }

    /// With providers whose key the workspace has brought itself.
    pub fn with_own(config: &'a Config, own: &'a [&'a str]) -> Self {
        Self { own, ..Self::of(config) }
    }

    /// With what providers charge now (`upstream::prices`).
    pub fn at(self, factors: &'a Factors) -> Self {
        Self { factors: Some(factors), ..self }
    }

    /// Of these providers instead of all there are.
    #[cfg(test)]
    pub fn stocked(config: &'a Config, providers: &[&'static Provider]) -> Self {
        let stock = Box::leak(Box::new(Stock::made(providers, config.models.as_deref())));
        Self { config, stock, own: &[], factors: None }
    }

    /// Every model that can be run, in the order in which they are shown.
    pub fn models(&self) -> impl Iterator<Item = &'static Model> + use<> {
        self.offered().map(|(_, model)| model)
    }

    /// The same with who runs each.
    pub fn offered(&self) -> impl Iterator<Item = (&'static Provider, &'static Model)> + use<> {
        let entries = self.stock.entries.iter().filter(|entry| !entry.is_hidden);
        let offered: Vec<_> = entries
            .filter(|entry| self.offers(entry.provider))
            .map(|entry| (entry.provider, entry.model))
            .collect();
        offered.into_iter()
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
        let found = self.stock.entries.iter().find(|entry| entry.model.id == id)?;
        Some((found.provider, found.model))
    }

    /// What is wrong with the operator's setting, a sentence each. What is right in it holds all the same.
    pub fn problems(&self) -> &'static [String] {
        &self.stock.problems
    }

    /// The most it can cost.
    pub fn price(&self, model: &Model, generation: &Generation) -> Units {
        model.price.of(generation, &self.exchange(model))
    }

    /// One output with default parameters.
    pub fn typical_price(&self, model: &Model) -> Units {
        model.price.typical(model, &self.exchange(model))
    }

    pub fn exchange(&self, model: &Model) -> Exchange {
        let factor = self.factors.and_then(|factors| factors.get(model.id)).copied().unwrap_or(1.0);
        Exchange { units_per_dollar: self.config.units_per_dollar, factor }
    }
}
