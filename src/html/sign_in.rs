//! The sign-in page: who you are is said by an identity provider; Atelier keeps no passwords.

use super::parts::{self, Tone};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct SignIn {
    /// What the sign-in is for: `Claude wants to connect`. None: the account pages.
    pub context: Option<String>,
    pub choices: Vec<Choice>,
    /// Only on loopback.
    pub development: Option<DevelopmentForm>,
    pub problem: Option<String>,
}

/// `label` completes "Continue with …": `GitHub`, or the host of an OpenID provider.
#[derive(Clone, Debug)]
pub struct Choice {
    pub label: String,
    pub href: String,
}

#[derive(Clone, Debug)]
pub struct DevelopmentForm {
    pub return_to: String,
}

pub fn sign_in(view: &SignIn) -> String {
    let main = html! {
        div.narrow {
            div.heading {
                @if let Some(context) = &view.context { p.context { (parts::name(context)) } }
                h1 { "Sign in to Atelier" }
                @if !view.choices.is_empty() {
                    p.lead { "Use an account you already have. Atelier never sees its password." }
                }
            }
            (parts::problem(view.problem.as_deref()))
            @if !view.choices.is_empty() {
                section.card.choices aria-label="Ways to sign in" {
                    @for (index, choice) in view.choices.iter().enumerate() {
                        a.button.wide.primary[index == 0] href=(choice.href) {
                            span { "Continue with " (parts::name(&choice.label)) }
                        }
                    }
                }
            }
            @if let Some(form) = &view.development { (development(form)) }
            @if view.choices.is_empty() && view.development.is_none() { (nothing()) }
            @if !view.choices.is_empty() {
                p.fine { "This gateway takes your confirmed e-mail address from it, to know you again." }
            }
        }
    };
    super::document("Sign in", None, main)
}

/// It has no csrf field: nobody is signed in yet whose session it could ride on.
fn development(form: &DevelopmentForm) -> Markup {
    let email = html! {
        input #email type="email" name="email" value="developer@localhost" required autocomplete="off"
            aria-describedby="email-hint";
    };
    html! {
        section.card.development aria-labelledby="development" {
            div.split { h2 #development { "Development" } (parts::tag("This computer only")) }
            p { "Sign in as anybody, without a password. A gateway that other computers can reach does not offer this." }
            form method="post" action="/sign-in/development" {
                (parts::hidden("return", &form.return_to))
                (parts::field("email", "E-mail address", Some("Any address will do; each is a person of its own."), &email))
                button.primary.wide type="submit" { "Continue as developer" }
            }
        }
    }
}

fn nothing() -> Markup {
    parts::notice(
        Tone::Caution,
        Some("Sign-in is not set up"),
        &html! { p { "The operator of this gateway has not chosen an identity provider yet. Until then it is used with personal access tokens, which the operator can make." } },
    )
}
