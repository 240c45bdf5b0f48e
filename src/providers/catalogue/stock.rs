//! Every model there is, offered or not, as the operator's setting leaves it: made once in an isolate and kept for good,
//! because a model is named by reference everywhere.
//! Not for: what is offered (`Catalogue`).

use super::overrides;
use crate::models::Model;
use crate::providers::{ALL, Provider};
use std::cell::RefCell;

pub struct Stock {
    /// In the order of the catalogue.
    pub entries: Vec<Entry>,
    /// What is wrong with the setting, a sentence each.
    pub problems: Vec<String>,
}

#[derive(Clone, Copy)]
pub struct Entry {
    pub provider: &'static Provider,
    pub model: &'static Model,
    /// Still known to runs that are under way, and to nobody else.
    pub is_hidden: bool,
}

thread_local! {
    // One entry where settings never change, as in an isolate; a test has a few.
    static MADE: RefCell<Vec<(Option<String>, &'static Stock)>> = const { RefCell::new(Vec::new()) };
}

impl Stock {
    /// `setting`: the text of MODELS.
    pub fn of(setting: Option<&str>) -> &'static Stock {
        MADE.with_borrow_mut(|made| {
            if let Some((_, stock)) = made.iter().find(|(known, _)| known.as_deref() == setting) {
                return *stock;
            }
            let stock: &'static Stock = Box::leak(Box::new(Self::made(ALL, setting)));
            made.push((setting.map(str::to_owned), stock));
            stock
        })
    }

    pub fn made(providers: &[&'static Provider], setting: Option<&str>) -> Self {
        let listed = |provider: &&'static Provider| {
            let provider = *provider;
            provider.models.iter().map(move |model| Entry { provider, model, is_hidden: false })
        };
        let mut entries: Vec<Entry> = providers.iter().flat_map(listed).collect();
        let problems = setting.map_or_else(Vec::new, |text| overrides::apply(text, &mut entries));
        Self { entries, problems }
    }
}
