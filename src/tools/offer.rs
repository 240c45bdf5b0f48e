//! The catalogue as one caller sees it: the models of this deployment, at what providers charge now.
//! Not for: which models there are (`providers::catalogue`), or who may run them (`spend`).

use super::Context;
use crate::error::{Code, Refusal};
use crate::models::Model;
use crate::models::parameter::shorten;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::providers::catalogue::Factors;
use crate::upstream::prices;
use std::rc::Rc;

/// What a [`Catalogue`] is lent from while a call lasts.
pub struct Offer<'a, P: Platform> {
    platform: &'a P,
    factors: Rc<Factors>,
}

impl<'a, P: Platform> Offer<'a, P> {
    pub async fn of(context: &Context<'a, P>) -> Self {
        Self { platform: context.platform, factors: prices::current(context.platform).await }
    }

    pub fn catalogue(&self) -> Catalogue<'_> {
        Catalogue::of(self.platform.config()).at(&self.factors)
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
