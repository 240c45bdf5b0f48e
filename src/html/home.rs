//! The start page: the connector URL and, client by client, how to add it.

use super::clients::{self, Client};
use super::parts::{self, Tone};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Home {
    /// The connector URL.
    pub url: String,
    pub version: String,
    /// What the operator must set first.
    pub notice: Option<String>,
    /// What the operator should correct; everything else works.
    pub problems: Vec<String>,
    /// An identity provider is set up. Without one, only tokens work.
    pub sign_in_ready: bool,
}

const QUESTIONS: &[&str] = &[
    "Generate 4 variations of a crystal sword icon on a transparent background.",
    "Which video models are there, and what does a clip of five seconds cost?",
    "How many Creative Units do I have left?",
];

pub fn home(view: &Home) -> String {
    let main = html! {
        div.wide-page.home {
            div.heading {
                h1 { "Images, video, 3D and audio for your AI apps" }
                p.lead { "One address for every client, on a budget you set and with your own provider keys." }
            }
            @if let Some(notice) = &view.notice {
                (parts::notice(Tone::Caution, Some("Not configured yet"), &html! { p { (notice) } }))
            }
            @if !view.problems.is_empty() {
                (parts::notice(Tone::Caution, Some("For whoever runs this gateway"), &html! {
                    @for problem in &view.problems { p { (problem) } }
                }))
            }
            @if view.notice.is_none() {
                (address(view))
                (steps(view))
                section aria-labelledby="ask" {
                    h2 #ask { "Then ask" }
                    ul.questions { @for question in QUESTIONS { li { "“" (question) "”" } } }
                }
            }
            footer.fine { "Atelier " (view.version) " · " a href="/health" { "Health" } }
        }
    };
    super::document("Connect a client", None, main)
}

fn address(view: &Home) -> Markup {
    html! {
        section.card.address aria-labelledby="address" {
            h2 #address { "Connector URL" }
            pre.url { code { (view.url) } }
            @if view.sign_in_ready {
                p.hint { "Clients open a page here where you sign in and say what they may do. " a href="/account" { "Your apps, tokens and workspaces" } }
            } @else {
                p.hint { "Clients send a personal access token with it, which starts with " code { "atl_pat_" } ". Ask whoever runs this gateway for one." }
            }
        }
    }
}

fn steps(view: &Home) -> Markup {
    let is_local = !view.url.starts_with("https://");
    html! {
        section aria-labelledby="clients" {
            h2 #clients { "Add it to your client" }
            p.hint {
                @if view.sign_in_ready { "Most clients sign in by themselves. With a token, put yours in place of " }
                @else { "Put your token in place of " }
                code { "YOUR_TOKEN" } "."
            }
            div.clients {
                @for (index, client) in clients::all(&view.url).iter().enumerate() {
                    (entry(client, index == 0, view.sign_in_ready, is_local))
                }
            }
        }
    }
}

fn entry(client: &Client, is_open: bool, sign_in_ready: bool, is_local: bool) -> Markup {
    let sign_in = client.sign_in.as_ref().filter(|_| sign_in_ready);
    html! {
        details name="client" open[is_open] {
            summary { span.summary-text { strong { (client.name) } } }
            div.client {
                @if client.is_hosted && is_local {
                    p.hint { "This client connects from the internet, so it cannot reach a gateway that runs on your own computer. Deploy it first." }
                }
                @match (sign_in, &client.token) {
                    (Some(sign_in), Some(token)) => {
                        (sign_in)
                        details.more { summary { "With a token instead" } (token) }
                    }
                    (Some(only), None) | (None, Some(only)) => (only),
                    (None, None) => p { "This client can only sign in, and sign-in is not set up on this gateway yet." }
                }
            }
        }
    }
}
