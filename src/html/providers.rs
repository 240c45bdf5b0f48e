//! The gateway owner's view of inference providers: which one works, what is under way, what was spent.
//! Not for: finding it out (`api::providers`).

use super::Nav;
use super::parts;
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Providers {
    pub nav: Nav,
    pub providers: Vec<ProviderCard>,
    /// `21 November 2026, 07:32 UTC`
    pub at: String,
}

#[derive(Clone, Debug)]
pub struct ProviderCard {
    /// Lower case; part of the card's ids.
    pub name: String,
    pub title: String,
    pub tone: Tone,
    /// `Works`, `Out of order`, …
    pub state: String,
    /// What that means, in a sentence, and since when.
    pub explanation: String,
    pub facts: Vec<(&'static str, String)>,
    pub today: Vec<SpendRow>,
    pub month: Vec<SpendRow>,
    /// Ids of models that can be run.
    pub models: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Caution,
    Danger,
    Plain,
}

/// One model's jobs of some days.
#[derive(Clone, Debug)]
pub struct SpendRow {
    pub model: String,
    pub jobs: String,
    /// `2 moderated, 1 timeout`; empty where none failed.
    pub failures: String,
    pub units: String,
    /// `$1.20`
    pub dollars: String,
}

pub fn providers(view: &Providers) -> String {
    let lead = html! { "Who makes what is asked for here, under the keys of this gateway's operator. As of " (view.at) "; jobs under keys that workspaces bring are not in it." };
    let main = html! {
        div.wide-page {
            (parts::heading("Providers", &lead))
            ul.cards { @for card in &view.providers { li.card { (provider(card)) } } }
            p.fine {
                "Programs read this at " code.nowrap { "/api/v1/providers" } " with the operator's key. "
                code.nowrap { "scripts/provider-check" } " tries each key."
            }
        }
    };
    super::document("Providers", Some(&view.nav), main)
}

fn provider(card: &ProviderCard) -> Markup {
    let class = match card.tone {
        Tone::Good => "state ok",
        Tone::Caution => "state warn",
        Tone::Danger => "state fail",
        Tone::Plain => "state idle",
    };
    let facts: Vec<_> =
        card.facts.iter().map(|(term, value)| (*term, html! { (parts::clean(value)) })).collect();
    html! {
        div.split {
            h2.item-title { (parts::clean(&card.title)) }
            span class=(class) { (card.state) }
        }
        p { (card.explanation) }
        @if !facts.is_empty() { (parts::facts(&facts)) }
        (spend(&card.name, "today", "Today", &card.today))
        (spend(&card.name, "month", "Last 30 days", &card.month))
        @if !card.models.is_empty() {
            details.more {
                summary { (count(card.models.len())) }
                ul.tags { @for model in &card.models { li { (parts::tag(model)) } } }
            }
        }
    }
}

fn count(models: usize) -> String {
    if models == 1 { "1 model".to_owned() } else { format!("{models} models") }
}

fn spend(provider: &str, key: &str, title: &str, rows: &[SpendRow]) -> Markup {
    let caption = format!("{provider}-{key}-caption");
    html! {
        @if !rows.is_empty() {
            div.table-box role="region" aria-labelledby=(caption) tabindex="0" {
                table {
                    caption #(caption) { (title) }
                    thead {
                        tr {
                            th scope="col" { "Model" }
                            th.number scope="col" { "Jobs" }
                            th.number scope="col" { "Units" }
                            th.number scope="col" { "Cost" }
                        }
                    }
                    tbody {
                        @for row in rows {
                            tr {
                                th scope="row" {
                                    (parts::clean(&row.model))
                                    @if !row.failures.is_empty() { span.hint { "Failed: " (row.failures) } }
                                }
                                td.number { (row.jobs) }
                                td.number { (row.units) }
                                td.number { (row.dollars) }
                            }
                        }
                    }
                }
            }
        }
    }
}
