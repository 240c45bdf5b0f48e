//! How each provider is doing, put together from the settings, the catalogue and the operator's gate.
//! Not for: how it is shown (`html::providers`).

use crate::config::setting_that_enables;
use crate::models::Price;
use crate::origin;
use crate::platform::{Platform, Unavailable};
use crate::providers::{self, Kind, Provider};
use crate::time::Timestamp;
use crate::upstream::Account;
use crate::upstream::gate::view::word;
use crate::upstream::gate::{self, Breaker, Snapshot, Tally};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub struct Overview {
    pub provider: &'static Provider,
    pub health: Health,
    /// The setting that would make it usable.
    pub missing: Option<&'static str>,
    /// Where it is reached: `queue.fal.run`.
    pub host: Option<String>,
    pub limit: Option<u32>,
    pub snapshot: Snapshot,
    /// Their ids.
    pub models: Vec<&'static str>,
    /// The day on which the oldest of its prices was read, and how many days ago that is.
    pub prices: Option<(&'static str, i64)>,
}

crate::models::words! {
    /// In one word; the gate says more. Paused: it asked to be left alone for a moment. Recovering: one job tries.
    Health {
        BuiltIn = "built_in",
        NotConfigured = "not_configured",
        Healthy = "healthy",
        Paused = "paused",
        Recovering = "recovering",
        OutOfOrder = "out_of_order",
    }
}

const DAY_MILLIS: i64 = 24 * 3600 * 1000;

pub async fn all<P: Platform>(platform: &P) -> Result<Vec<Overview>, Unavailable> {
    let mut found = Vec::with_capacity(providers::ALL.len());
    for provider in providers::ALL {
        found.push(one(platform, provider).await?);
    }
    Ok(found)
}

async fn one<P: Platform>(platform: &P, provider: &'static Provider) -> Result<Overview, Unavailable> {
    let account = Account::of_operator(platform, provider);
    let snapshot = match &account {
        Some(account) => gate::look(platform, account).await?,
        None => Snapshot::default(),
    };
    let health = match (&provider.kind, &account) {
        (Kind::Embedded(_), _) => Health::BuiltIn,
        (Kind::Remote(_), None) => Health::NotConfigured,
        (Kind::Remote(_), Some(_)) => health(&snapshot),
    };
    let home = |account: &Account| {
        let url = account.address.as_deref().unwrap_or(account.adapter.home);
        Some(origin::host(url).to_owned()).filter(|host| !host.is_empty())
    };
    Ok(Overview {
        health,
        missing: setting_that_enables(provider.name).filter(|_| account.is_none()),
        host: account.as_ref().and_then(home),
        limit: account.as_ref().map(|account| account.concurrency),
        snapshot,
        models: provider.models.iter().map(|model| model.id).collect(),
        prices: prices(provider, platform.now()),
        provider,
    })
}

fn health(snapshot: &Snapshot) -> Health {
    match (&snapshot.breaker, snapshot.paused_until) {
        (Breaker::Open { .. }, _) => Health::OutOfOrder,
        (Breaker::HalfOpen { .. }, _) => Health::Recovering,
        (Breaker::Closed, Some(_)) => Health::Paused,
        (Breaker::Closed, None) => Health::Healthy,
    }
}

fn prices(provider: &Provider, now: Timestamp) -> Option<(&'static str, i64)> {
    let days = provider.models.iter().filter_map(|model| match &model.price {
        Price::Listed { verified_on, .. } => Some(*verified_on),
        Price::Units { .. } => None,
    });
    let oldest = days.min()?;
    let age = now.millis_since(Timestamp::parse(oldest)?).div_euclid(DAY_MILLIS);
    Some((oldest, age.max(0)))
}

impl Overview {
    pub fn is_configured(&self) -> bool {
        self.health != Health::NotConfigured
    }

    pub fn to_json(&self) -> Value {
        let gate = &self.snapshot;
        json!({
            "provider": self.provider.name,
            "title": self.provider.title,
            "configured": self.is_configured(),
            "missing_setting": self.missing,
            "host": self.host,
            "health": self.health,
            "breaker": breaker(&gate.breaker),
            "paused_until": gate.paused_until.map(Timestamp::iso),
            "under_way": gate.under_way,
            "waiting": gate.waiting,
            "limit": self.limit,
            "last_trouble": gate.last_trouble.map(|(at, class)| json!({ "at": at.iso(), "class": word(class) })),
            "submits": {
                "measured": gate.submits.measured,
                "p50_millis": gate.submits.p50_millis,
                "p99_millis": gate.submits.p99_millis,
            },
            "today": gate.today.iter().map(tally).collect::<Vec<_>>(),
            "last_30_days": gate.month.iter().map(tally).collect::<Vec<_>>(),
            "models": self.models,
            "prices_verified_on": self.prices.map(|(day, _)| day),
            "prices_age_days": self.prices.map(|(_, age)| age),
        })
    }
}

fn breaker(breaker: &Breaker) -> Value {
    match breaker {
        Breaker::Closed => json!({ "state": "closed" }),
        Breaker::Open { since, until, why } => {
            json!({ "state": "open", "since": since.iso(), "until": until.iso(), "why": word(*why) })
        }
        Breaker::HalfOpen { since, why, is_trying } => {
            json!({ "state": "half_open", "since": since.iso(), "why": word(*why), "trying": is_trying })
        }
    }
}

fn tally(tally: &Tally) -> Value {
    let failures = tally.failures.iter().map(|(class, jobs)| (word(*class), json!(jobs)));
    json!({
        "model_id": tally.model,
        "jobs": tally.jobs,
        "outputs": tally.outputs,
        "creative_units": tally.units,
        "dollars": dollars(tally.micros),
        "mean_millis": tally.mean_millis,
        "failures": failures.collect::<serde_json::Map<_, _>>(),
    })
}

/// Of millionths.
pub fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}
