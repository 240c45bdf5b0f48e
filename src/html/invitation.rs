//! Where an invitation's link leads: who invites, to which workspace and as what; yes or no.

use super::parts;
use super::workspaces::Role;
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Invitation {
    pub inviter: String,
    pub workspace: String,
    pub role: Role,
    /// The address it was made for.
    pub email: String,
    pub visitor: Visitor,
    pub problem: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Visitor {
    /// Nobody is signed in: where to do that, and come back.
    Unknown {
        sign_in: String,
    },
    /// Signed in, but not with the address that was invited.
    Another {
        person: String,
        csrf: String,
        return_to: String,
    },
    Invited {
        person: String,
        csrf: String,
        token: String,
    },
}

pub fn invitation(view: &Invitation) -> String {
    let main = html! {
        div.narrow {
            div.heading {
                p.context { "Invitation" }
                h1 { "Join " (parts::name(&view.workspace)) }
                p.lead { (parts::name(&view.inviter)) " invites you to this workspace." }
            }
            (parts::problem(view.problem.as_deref()))
            section.card aria-label="The invitation" {
                (parts::facts(&[
                    ("Workspace", parts::name(&view.workspace)),
                    ("Your role", html! { strong { (view.role.label()) } ": you can " (view.role.can()) "." }),
                    ("Made for", parts::name(&view.email)),
                ]))
                (answer(view))
            }
            p.fine { "Joining shows nobody your other workspaces. If you do not know who invites you, decline or close this page." }
        }
    };
    super::document("Invitation", None, main)
}

fn answer(view: &Invitation) -> Markup {
    match &view.visitor {
        Visitor::Unknown { sign_in } => html! {
            p { "Sign in with " strong { (parts::name(&view.email)) } " to answer." }
            p { a.button.primary.wide href=(sign_in) { "Sign in" } }
        },
        Visitor::Another { person, csrf, return_to } => html! {
            p { "You are signed in as " strong { (parts::name(person)) } ", but it was made for another address." }
            form method="post" action="/sign-out" {
                (parts::csrf(csrf))
                (parts::hidden("return", return_to))
                button.primary.wide type="submit" { "Use another account" }
            }
        },
        Visitor::Invited { person, csrf, token } => html! {
            form.stack method="post" action={ "/invitations/" (token) } {
                (parts::csrf(csrf))
                p { "You answer as " strong { (parts::name(person)) } "." }
                div.pair-of-buttons {
                    button type="submit" name="decision" value="decline" { "Decline" }
                    button.primary type="submit" name="decision" value="accept" { "Join" }
                }
            }
        },
    }
}
