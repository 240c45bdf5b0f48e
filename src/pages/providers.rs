//! `/account/providers`: how the inference providers are doing, for owners of the gateway.
//! Not for: finding it out (`api::providers`), or trying keys (`scripts/provider-check`).

use super::{Outcome, Visit, told};
use crate::api::providers::{self, Health, Overview};
use crate::html::providers::{ProviderCard, Providers, SpendRow, Tone, providers as view};
use crate::html::{self, Section};
use crate::platform::Platform;
use crate::providers::adapter::Class;
use crate::time::Timestamp;
use crate::upstream::gate::view::word;
use crate::upstream::gate::{Breaker, Tally};

pub async fn show<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    if !visit.is_owner() {
        return Err(told(403, "This page is for owners of the gateway.", "Ask one of them to open it."));
    }
    let mut found = providers::all(visit.platform).await?;
    // What needs somebody stands first, what is not used last.
    found.sort_by_key(|overview| match overview.health {
        Health::OutOfOrder => 0,
        Health::Recovering | Health::Paused => 1,
        Health::Healthy => 2,
        Health::BuiltIn => 3,
        Health::NotConfigured => 4,
    });
    let page = Providers {
        nav: visit.nav(Section::Providers),
        providers: found.iter().map(card).collect(),
        at: visit.platform.now().words(),
    };
    Ok(html::page(200, view(&page), "'self'"))
}

fn card(overview: &Overview) -> ProviderCard {
    let (tone, state) = match overview.health {
        Health::BuiltIn => (Tone::Good, "Built in"),
        Health::NotConfigured => (Tone::Plain, "Not set up"),
        Health::Healthy => (Tone::Good, "Works"),
        Health::Paused => (Tone::Caution, "Asked to wait"),
        Health::Recovering => (Tone::Caution, "Being tried"),
        Health::OutOfOrder => (Tone::Danger, "Out of order"),
    };
    ProviderCard {
        name: overview.provider.name.to_owned(),
        title: overview.provider.title.to_owned(),
        tone,
        state: state.to_owned(),
        explanation: explanation(overview),
        facts: if overview.host.is_some() { facts(overview) } else { Vec::new() },
        today: overview.snapshot.today.iter().map(spend).collect(),
        month: overview.snapshot.month.iter().map(spend).collect(),
        models: overview
            .models
            .iter()
            .filter(|_| overview.is_configured())
            .map(|id| (*id).to_owned())
            .collect(),
    }
}

fn explanation(overview: &Overview) -> String {
    let gate = &overview.snapshot;
    match (&gate.breaker, overview.health) {
        (Breaker::Open { since, until, why }, _) => {
            format!("{} Since {}; one job tries again from {}.", cause(*why), since.words(), until.words())
        }
        (Breaker::HalfOpen { since, why, is_trying }, _) => {
            let now = if *is_trying { "One job is trying now." } else { "The next job tries." };
            format!("{} Since {}. {now}", cause(*why), since.words())
        }
        (_, Health::BuiltIn) => "It runs inside the gateway and needs no key.".to_owned(),
        (_, Health::NotConfigured) => match overview.missing {
            Some(setting) => format!("Set {setting} to use it."),
            None => "It is not set up.".to_owned(),
        },
        (_, Health::Paused) => match gate.paused_until.map(Timestamp::words) {
            Some(until) => format!("It takes no new jobs for a moment, until {until}."),
            None => "It takes no new jobs for a moment.".to_owned(),
        },
        _ => match gate.last_trouble {
            None if gate.submits.measured == 0 => "Nothing was asked of it lately.".to_owned(),
            None => "It takes jobs without trouble.".to_owned(),
            Some((at, class)) => format!("Last trouble: {}, {}.", word(class).replace('_', " "), at.words()),
        },
    }
}

fn cause(why: Class) -> &'static str {
    match why {
        Class::Auth => "It refuses the key.",
        Class::Quota => "The account there has no credit left.",
        Class::Timeout => "It does not answer in time.",
        Class::Unavailable => "It cannot be reached, or has no capacity.",
        _ => "Too many requests to it fail.",
    }
}

fn facts(overview: &Overview) -> Vec<(&'static str, String)> {
    let gate = &overview.snapshot;
    let limit = overview.limit.map_or(String::new(), |limit| format!(" of {limit}"));
    let waiting = if gate.waiting > 0 { format!(", {} waiting", gate.waiting) } else { String::new() };
    let mut facts = vec![
        ("Address", overview.host.clone().unwrap_or_default()),
        ("Jobs under way", format!("{}{limit}{waiting}", gate.under_way)),
    ];
    if let (Some(p50), Some(p99)) = (gate.submits.p50_millis, gate.submits.p99_millis) {
        let text = format!("{} usually, rarely above {}", seconds(p50), seconds(p99));
        facts.push(("Takes a job in", text));
    }
    if let Some((day, age)) = overview.prices {
        let age = match age {
            0 => String::new(),
            1 => ", 1 day old".to_owned(),
            days => format!(", {days} days old"),
        };
        facts.push(("Price list", format!("of {day}{age}")));
    }
    facts
}

fn seconds(millis: i64) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.1} s", millis as f64 / 1000.0) }
}

fn spend(tally: &Tally) -> SpendRow {
    let failures: Vec<_> = tally
        .failures
        .iter()
        .map(|(class, jobs)| format!("{jobs} {}", word(*class).replace('_', " ")))
        .collect();
    SpendRow {
        model: tally.model.clone(),
        jobs: tally.jobs.to_string(),
        failures: failures.join(", "),
        units: tally.units.to_string(),
        dollars: dollars(tally.micros),
    }
}

/// In cents, and finer where it is less than a dollar.
fn dollars(micros: u64) -> String {
    let dollars = micros as f64 / 1e6;
    if micros < 1_000_000 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
}
