//! The consent page: who asks, where the answer goes, which workspace pays and what may be done. The most
//! important page: whoever reads only its heading and its warnings must still decide rightly.

use super::parts::{self, Tone};
use super::scopes::{self, ScopeChoice};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Consent {
    pub client_name: String,
    /// The domain the app gives as its own.
    pub client_host: Option<String>,
    /// A metadata document on that domain names this app.
    pub is_verified: bool,
    pub redirect_host: String,
    /// The answer goes to an app on the person's own computer.
    pub is_loopback: bool,
    /// Why its name misleads, in a sentence.
    pub look_alike: Option<String>,
    pub person: String,
    pub csrf: String,
    /// The sealed authorization request.
    pub request: String,
    /// Where signing out leads, so that another account can answer the same request.
    pub return_to: Option<String>,
    pub workspaces: Vec<WorkspaceChoice>,
    pub scopes: Vec<ScopeChoice>,
    /// The person allowed this app before; what was chosen then is ticked.
    pub remembered: bool,
    /// Why the form came back: `Choose a workspace.`
    pub problem: Option<String>,
}

#[derive(Clone, Debug)]
pub struct WorkspaceChoice {
    pub id: String,
    pub name: String,
    pub role: String,
    /// `950 Creative Units`
    pub balance: String,
    pub selected: bool,
}

pub fn consent(view: &Consent) -> String {
    let main = html! {
        div.narrow {
            (asks(view))
            (parts::problem(view.problem.as_deref()))
            (warnings(view))
            (parties(view))
            form.consent method="post" action="/oauth/authorize" autocomplete="off" {
                (parts::hidden("request", &view.request))
                (parts::csrf(&view.csrf))
                (workspaces(&view.workspaces))
                @if !view.scopes.is_empty() {
                    fieldset.card {
                        legend { "What it may do" }
                        p.hint { "Untick what you do not want to allow." }
                        (scopes::checkboxes("scope", &view.scopes))
                    }
                }
                (decision(view))
            }
        }
    };
    super::document(&format!("Allow {}?", parts::clean(&view.client_name)), None, main)
}

fn asks(view: &Consent) -> Markup {
    let name = parts::clean(&view.client_name);
    let is_doubtful = view.look_alike.is_some();
    let initial = name.chars().find(|c| c.is_alphanumeric() && !is_doubtful).unwrap_or('?');
    html! {
        div.heading.asks {
            div.pair aria-hidden="true" {
                span.tile { (initial.to_uppercase()) }
                span.pair-line {}
                (super::mark())
            }
            h1 {
                @if is_doubtful { "An app that calls itself “" (parts::name(&name)) "”" } @else { (parts::name(&name)) }
                " wants to use Atelier for you"
            }
            p.lead { "If you allow it, it can do what you tick below in one workspace, until you withdraw it." }
        }
    }
}

fn warnings(view: &Consent) -> Markup {
    html! {
        @if let Some(why) = &view.look_alike {
            (parts::notice(Tone::Danger, Some("This may be somebody else"), &html! {
                p { (why) }
                p { "If you did not expect this page, choose “Don’t allow”." }
            }))
        }
        @if view.is_loopback {
            (parts::notice(Tone::Caution, Some("An app on this computer is asking"), &html! {
                p { "Approve only if you just started this from it. Anything that runs on this computer can use this name." }
            }))
        }
        @if view.remembered {
            (parts::notice(Tone::Plain, None, &html! {
                p { "You allowed this app before. What you chose then is ticked." }
            }))
        }
    }
}

fn parties(view: &Consent) -> Markup {
    let app = html! {
        @match &view.client_host {
            Some(host) if view.look_alike.is_some() => { "Comes from " strong { (parts::name(host)) } }
            Some(host) if view.is_verified => { strong { (parts::name(host)) } " vouches for it " span.tag.confirmed { "Confirmed" } }
            Some(host) => { "Says it is from " strong { (parts::name(host)) } " " span.tag.unconfirmed { "Not confirmed" } }
            None => { "Gave its own name " span.tag.unconfirmed { "Not confirmed" } }
        }
    };
    let target = html! {
        @if view.is_loopback { "An app on this computer (" (parts::name(&view.redirect_host)) ")" }
        @else { strong { (parts::name(&view.redirect_host)) } }
    };
    let person = html! {
        form.inline method="post" action="/sign-out" {
            (parts::csrf(&view.csrf))
            @if let Some(to) = &view.return_to { (parts::hidden("return", to)) }
            span { (parts::name(&view.person)) }
            button.link type="submit" { "Use another account" }
        }
    };
    html! {
        section.card.parties aria-label="Who takes part" {
            (parts::facts(&[("The app", app), ("Sends you to", target), ("You are", person)]))
        }
    }
}

fn workspaces(choices: &[WorkspaceChoice]) -> Markup {
    html! {
        @match choices {
            [] => {
                (parts::notice(Tone::Caution, Some("You are in no workspace yet"), &html! {
                    p { "An app works in a workspace and spends its Creative Units. " a href="/account/workspaces" { "Make one" } ", then connect again." }
                }))
            }
            [only] => {
                (parts::hidden("workspace_id", &only.id))
                section.card aria-labelledby="workspace" {
                    h2 #workspace { "The workspace it works in" }
                    div.only { (workspace(only)) }
                }
            }
            several => {
                fieldset.card {
                    legend { "The workspace it works in" }
                    p.hint { "It sees and spends in this one only." }
                    @for choice in several {
                        label.choice {
                            input type="radio" name="workspace_id" value=(choice.id) required checked[choice.selected];
                            (workspace(choice))
                        }
                    }
                }
            }
        }
    }
}

fn workspace(choice: &WorkspaceChoice) -> Markup {
    html! {
        span.choice-body { strong { (parts::name(&choice.name)) } span.hint { (choice.role) } }
        span.amount { (choice.balance) }
    }
}

/// Refusing comes first, so that Enter refuses, and is as large as allowing.
fn decision(view: &Consent) -> Markup {
    let is_doubtful = view.look_alike.is_some();
    html! {
        div.decision {
            div.pair-of-buttons {
                button.primary[is_doubtful] type="submit" name="decision" value="deny" formnovalidate { "Don’t allow" }
                @if !view.workspaces.is_empty() {
                    button.primary[!is_doubtful].quiet-danger[is_doubtful] type="submit" name="decision" value="approve" {
                        @if is_doubtful { "Allow anyway" } @else { "Allow" }
                    }
                }
            }
            p.fine {
                "Either way you go to "
                @if view.is_loopback { "the app on this computer" } @else { strong { (parts::name(&view.redirect_host)) } }
                ". You can withdraw access at any time under " a href="/account" { "Apps" }
                ". The app never sees your password or the gateway’s provider keys."
            }
        }
    }
}
