//! The same wish put to another provider's model: only where nothing of it is lost and it costs no more than was set aside.
//! Not for: when another provider is asked (`submit`).

use crate::models::parameter::Parameter;
use crate::models::{Generation, Model, Need};
use crate::providers::Catalogue;
use crate::units::Units;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The request as `model` takes it. None: it cannot say all that was said.
pub fn translate<'a>(
    catalogue: Catalogue<'_>,
    asked: &'a Generation,
    model: &Model,
) -> Option<Cow<'a, Generation>> {
    if asked.model_id == model.id {
        return Some(Cow::Borrowed(asked));
    }
    let (_, first) = catalogue.provider_of(&asked.model_id)?;
    let guidance_fits = asked.guidance.iter().all(|file| {
        let of_kind = asked.guidance.iter().filter(|other| other.kind == file.kind).count();
        model.guidance.iter().any(|slot| slot.kind == file.kind && of_kind <= slot.at_most)
    });
    let has_required = model
        .guidance
        .iter()
        .all(|slot| !slot.required || asked.guidance.iter().any(|file| file.kind == slot.kind));
    let mask_fits = match model.mask {
        Need::Required => asked.mask.is_some(),
        Need::Optional => true,
        Need::No => asked.mask.is_none(),
    };
    let prompt_fits = model.prompt != Need::Required || !asked.prompt.is_empty();
    let does_the_same = first.capabilities.iter().any(|capability| model.can(*capability));
    if !(guidance_fits && has_required && mask_fits && prompt_fits && does_the_same)
        || first.modality != model.modality
        || asked.batch_size > model.per_call
        || !asked.post.is_none()
    {
        return None;
    }
    Some(Cow::Owned(Generation {
        model_id: model.id.to_owned(),
        options: options(&asked.options, first, model)?,
        ..asked.clone()
    }))
}

/// What differs from the first model's default was wanted so: the other one must take it too.
fn options(asked: &Map<String, Value>, first: &Model, model: &Model) -> Option<Map<String, Value>> {
    let mut options: Map<String, Value> = model
        .parameters
        .iter()
        .map(|parameter| (parameter.name.to_owned(), parameter.default_value()))
        .collect();
    for (name, value) in asked {
        let is_default = first.parameter(name).map(Parameter::default_value).as_ref() == Some(value);
        match model.parameter(name).map(|parameter| parameter.check(value)) {
            Some(Ok(value)) => _ = options.insert(name.clone(), value),
            _ if is_default => {}
            _ => return None,
        }
    }
    Some(options)
}

/// The first other model that can stand in for it: offered here, not tried before, within what was set aside.
pub fn alternate(
    catalogue: Catalogue<'_>,
    asked: &Generation,
    tried: &[String],
    most: Units,
) -> Option<&'static Model> {
    let (_, first) = catalogue.provider_of(&asked.model_id)?;
    let untried = first.alternates.iter().filter(|id| !tried.iter().any(|tried| tried == *id));
    untried.filter_map(|id| catalogue.model(id)).find(|model| {
        translate(catalogue, asked, model)
            .is_some_and(|generation| catalogue.price(model, &generation) <= most)
    })
}
