//! The settings of inference providers. Not for: what a provider is (`crate::providers`).

use super::{Given, Secret};
use std::collections::BTreeMap;

/// How the operator reaches one inference provider.
#[derive(Clone, Debug, Default)]
pub struct ProviderAccess {
    pub key: Option<Secret>,
    /// Instead of the provider's own address, without a slash at its end.
    pub address: Option<String>,
    /// The account that callbacks must be signed for.
    pub account: Option<String>,
    /// What callbacks are signed with, where the provider has one secret for it.
    pub callback_secret: Option<Secret>,
    /// Jobs at once.
    pub concurrency: Option<u32>,
}

/// The settings of one provider: its name, its key, its address, and what else it has.
struct ProviderSettings {
    name: &'static str,
    key: &'static str,
    address: &'static str,
    account: &'static str,
    callback_secret: &'static str,
    /// Setting this one is what makes it usable.
    enabled_by: &'static str,
}

/// A dollar is a hundred units: a unit is a cent of the provider's list price.
const UNITS_PER_DOLLAR: f64 = 100.0;
const MAX_UNITS_PER_DOLLAR: f64 = 1_000_000.0;

const PROVIDERS: &[ProviderSettings] = &[
    ProviderSettings {
        name: "fal",
        key: "FAL_KEY",
        address: "FAL_URL",
        account: "FAL_USER_ID",
        callback_secret: "",
        enabled_by: "FAL_KEY",
    },
    ProviderSettings {
        name: "replicate",
        key: "REPLICATE_API_TOKEN",
        address: "REPLICATE_URL",
        account: "",
        callback_secret: "REPLICATE_WEBHOOK_SECRET",
        enabled_by: "REPLICATE_API_TOKEN",
    },
    ProviderSettings {
        name: "elevenlabs",
        key: "ELEVENLABS_API_KEY",
        address: "ELEVENLABS_URL",
        account: "",
        callback_secret: "",
        enabled_by: "ELEVENLABS_API_KEY",
    },
    ProviderSettings {
        name: "openai",
        key: "OPENAI_API_KEY",
        address: "OPENAI_URL",
        account: "",
        callback_secret: "",
        enabled_by: "OPENAI_API_KEY",
    },
    ProviderSettings {
        name: "workers_ai",
        key: "",
        address: "",
        account: "",
        callback_secret: "",
        enabled_by: "WORKERS_AI",
    },
    ProviderSettings {
        name: "openai_compatible",
        key: "OPENAI_COMPATIBLE_KEY",
        address: "OPENAI_COMPATIBLE_URL",
        account: "",
        callback_secret: "",
        enabled_by: "OPENAI_COMPATIBLE_URL",
    },
];

/// The setting that makes a provider usable. None: it needs none.
pub fn setting_that_enables(provider: &str) -> Option<&'static str> {
    PROVIDERS.iter().find(|settings| settings.name == provider).map(|settings| settings.enabled_by)
}

pub(super) fn read(given: &Given) -> Result<BTreeMap<&'static str, ProviderAccess>, String> {
    let mut limits = concurrency(given)?;
    let mut found = BTreeMap::new();
    for settings in PROVIDERS {
        let limit = limits.remove(settings.name);
        if given(settings.enabled_by).is_none() {
            continue;
        }
        let address = given(settings.address).map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = address.as_deref().filter(|url| !is_http(url)) {
            return Err(format!("{} must begin with https:// or http://, not `{url}`.", settings.address));
        }
        let access = ProviderAccess {
            key: given(settings.key).map(Secret),
            address,
            account: given(settings.account),
            callback_secret: given(settings.callback_secret).map(Secret),
            concurrency: limit,
        };
        found.insert(settings.name, access);
    }
    match limits.into_keys().next() {
        Some(unknown) => Err(format!("PROVIDER_CONCURRENCY: no provider is called `{unknown}`.")),
        None => Ok(found),
    }
}

/// `fal=10, elevenlabs=2`
fn concurrency(given: &Given) -> Result<BTreeMap<String, u32>, String> {
    let text = given("PROVIDER_CONCURRENCY").unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let read = entry.split_once('=').and_then(|(name, jobs)| {
                let jobs = jobs.trim().parse().ok().filter(|jobs| *jobs > 0)?;
                Some((name.trim().to_owned(), jobs))
            });
            read.ok_or_else(|| {
                format!("PROVIDER_CONCURRENCY must be like `fal=10, elevenlabs=2`; `{entry}` is not.")
            })
        })
        .collect()
}

pub(super) fn units_per_dollar(given: &Given) -> Result<f64, String> {
    given("CREATIVE_UNITS_PER_DOLLAR").map_or(Ok(UNITS_PER_DOLLAR), |text| {
        let read = text.parse().ok().filter(|units| *units > 0.0 && *units <= MAX_UNITS_PER_DOLLAR);
        read.ok_or_else(|| {
            format!("CREATIVE_UNITS_PER_DOLLAR must be a number above 0 such as 100 or 125, not `{text}`.")
        })
    })
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', '@', ' '])
}
