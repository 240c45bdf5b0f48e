//! Samples of the providers' page, and of a workspace's own keys. Not for: the other pages (`samples`).

use crate::samples::{HOSTILE, LONG, nav, s};
use atelier::html::Section;
use atelier::html::parts::Named;
use atelier::html::provider_keys::{ProviderKey, ProviderKeys};
use atelier::html::providers::{ProviderCard, Providers, SpendRow, Tone};

fn row(model: &str, jobs: &str, failures: &str, units: &str, dollars: &str) -> SpendRow {
    SpendRow { model: s(model), jobs: s(jobs), failures: s(failures), units: s(units), dollars: s(dollars) }
}

fn card(name: &str, tone: Tone, state: &str, explanation: &str) -> ProviderCard {
    ProviderCard {
        name: s(name),
        title: s(name),
        tone,
        state: s(state),
        explanation: s(explanation),
        facts: Vec::new(),
        today: Vec::new(),
        month: Vec::new(),
        models: Vec::new(),
    }
}

pub fn some() -> Providers {
    let locked = "It refuses the key. Since 21 November 2026, 07:02 UTC; one job tries again from 21 November 2026, 07:12 UTC.";
    let fal = ProviderCard {
        facts: vec![
            ("Address", s("queue.fal.run")),
            ("Jobs under way", s("8 of 8, 31 waiting")),
            ("Takes a job in", s("412 ms usually, 2.1 s at worst")),
            ("Price list", s("of 2026-11-21, 12 days old")),
        ],
        today: vec![
            row(
                "fal-nano-banana-2-with-a-long-name-for-the-region",
                "1204",
                "12 moderated, 3 timeout",
                "4820.5",
                "$48.20",
            ),
            row("fal-flux-klein", "3", "", "0.6", "$0.0060"),
        ],
        month: vec![row("fal-flux-klein", "31904", "801 rate limited", "6380", "$63.80")],
        models: (1..30).map(|model| format!("fal-model-{model}")).collect(),
        ..card("fal", Tone::Good, "Works", "Last trouble: timeout, 20 November 2026, 22:12 UTC.")
    };
    let replicate = ProviderCard {
        facts: vec![("Address", s("api.replicate.com")), ("Jobs under way", s("0 of 10"))],
        ..card("replicate", Tone::Danger, "Out of order", locked)
    };
    let paused = "It takes no new jobs for a moment, until 21 November 2026, 07:33 UTC.";
    Providers {
        nav: nav(Section::Providers),
        providers: vec![
            replicate,
            card("elevenlabs", Tone::Caution, "Asked to wait", paused),
            fal,
            card("offline", Tone::Good, "Built in", "It runs inside the gateway and needs no key."),
            card("openai", Tone::Plain, "Not set up", "Set OPENAI_API_KEY to use it."),
        ],
        at: s("21 November 2026, 07:32 UTC"),
    }
}

pub fn hostile() -> Providers {
    let mut view = some();
    for card in &mut view.providers {
        (card.title, card.explanation, card.models) = (s(HOSTILE), s(HOSTILE), vec![s(HOSTILE)]);
        card.facts = vec![("Address", s(HOSTILE))];
        card.today = vec![row(HOSTILE, "1", HOSTILE, "1", "$1.00")];
        card.month.clear();
    }
    view
}

pub fn keys() -> ProviderKeys {
    let named = |id: &str, name: &str| Named { id: s(id), name: s(name) };
    let key = |provider, set_by: &str| ProviderKey {
        provider,
        hint: s("x9Qz"),
        set_by: s(set_by),
        set_at: s("20 November 2026, 09:12 UTC"),
    };
    ProviderKeys {
        keys: vec![
            key(named("fal", "fal"), "ada.lovelace@example.com"),
            key(named("elevenlabs", "ElevenLabs"), LONG),
        ],
        providers: vec![
            named("fal", "fal"),
            named("replicate", "Replicate"),
            named("elevenlabs", "ElevenLabs"),
        ],
    }
}

pub fn hostile_keys() -> ProviderKeys {
    let mut view = keys();
    for key in &mut view.keys {
        (key.hint, key.set_by) = (s(HOSTILE), s(HOSTILE));
        key.provider = Named { id: s(HOSTILE), name: s(HOSTILE) };
    }
    view.providers = vec![Named { id: s(HOSTILE), name: s(HOSTILE) }];
    view
}
