//! Personal access tokens: the list, the form that makes one, and the only time a new one is shown.
//! Not for: what a preset admits (`oauth`).

use super::Nav;
use super::account::may;
use super::allowance::{self, Typed};
use super::clients;
use super::parts::{self, Named, Notice, Tone};
use super::scopes::{self, ScopeChoice};
use crate::units::Allowance;
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct Tokens {
    pub nav: Nav,
    pub notice: Option<Notice>,
    pub tokens: Vec<Token>,
    pub made: Option<MadeToken>,
    pub form: TokenForm,
    pub connector_url: String,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub token_id: String,
    pub name: String,
    /// Enough to recognise it, too little to use it: `atl_pat_Zk3…`.
    pub hint: String,
    /// In words: `Generate media`.
    pub scopes: Vec<String>,
    /// None: every workspace of the person.
    pub workspace: Option<String>,
    pub created_at: String,
    pub expires_at: Option<String>,
    pub last_used: Option<String>,
    pub state: TokenState,
    pub allowance: Allowance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    Active,
    Expired,
    Revoked,
}

#[derive(Clone, Debug)]
pub struct MadeToken {
    pub name: String,
    pub token: String,
}

/// The form as it comes back when it could not be taken, or empty.
#[derive(Clone, Debug, Default)]
pub struct TokenForm {
    pub problem: Option<String>,
    pub name: String,
    /// `agent`, `read_only`, `publish_only` or `custom`; empty: the first.
    pub preset: String,
    /// `7`, `30`, `90`, `365` or `never`; empty: 90.
    pub expires_in_days: String,
    pub workspace_id: String,
    pub allowance: Typed,
    pub workspaces: Vec<Named>,
    pub scopes: Vec<ScopeChoice>,
}

const PRESETS: &[(&str, &str, &str)] = &[
    ("agent", "Agent", "Look, make and change. For coding agents and scripts that do the whole job."),
    ("read_only", "Look only", "Sees everything, spends nothing and changes nothing."),
    ("publish_only", "Publish only", "Sees posts and publishes them. Generates nothing."),
    (
        "custom",
        "Choose myself",
        "Tick each permission. Only here can a token be allowed to change how many Creative Units there are.",
    ),
];

const LIFETIMES: &[(&str, &str)] =
    &[("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("never", "Never")];
const DEFAULT_LIFETIME: &str = "90";

pub fn tokens(view: &Tokens) -> String {
    let main = html! {
        div.wide-page {
            (parts::heading("Personal access tokens", &html! { "For clients that cannot open a sign-in page: scripts, servers, CI. A token acts as you, so give each its own and let it expire." }))
            (parts::told(view.notice.as_ref()))
            @if let Some(made) = &view.made { (fresh(made, &view.connector_url)) }
            @if view.tokens.is_empty() {
                @if view.made.is_none() {
                    (parts::empty("You have no tokens", &html! { p { "Clients that can sign in, such as Claude, ChatGPT and Cursor, need none." } }))
                }
            } @else {
                ul.cards { @for (index, token) in view.tokens.iter().enumerate() { (card(index, token, &view.nav.csrf)) } }
            }
            (form(&view.form, &view.nav.csrf))
        }
    };
    super::document("Tokens", Some(&view.nav), main)
}

fn fresh(made: &MadeToken, url: &str) -> Markup {
    parts::notice(
        Tone::Good,
        None,
        &html! {
            h2 { "Your new token: " (parts::name(&made.name)) }
            p { strong { "Copy it now. You will not see it again." } " The gateway keeps only a fingerprint of it." }
            (parts::code(&made.token))
            h3 { "Claude Code" }
            (parts::code(&clients::claude_code_with_token(url, &made.token)))
            h3 { "Codex" }
            (parts::code(&clients::codex_with_token(url, &made.token)))
            p { a href="/" { "Other clients" } }
        },
    )
}

fn card(index: usize, token: &Token, csrf: &str) -> Markup {
    let question = html! {
        p { "Whatever uses this token stops working at once. It cannot be brought back." }
        form method="post" action="/account/tokens/revoke" {
            (parts::csrf(csrf))
            (parts::hidden("token_id", &token.token_id))
            button.danger type="submit" { "Yes, revoke it" }
        }
    };
    html! {
        li.card.over[token.state != TokenState::Active] {
            div.split {
                div {
                    h2.item-title { (parts::name(&token.name)) }
                    p.hint { code { (token.hint) } }
                }
                @match token.state {
                    TokenState::Active => { (parts::confirm("Revoke", &token.name, &question)) }
                    TokenState::Expired => { (parts::tag("Expired")) }
                    TokenState::Revoked => { (parts::tag("Revoked")) }
                }
            }
            (parts::facts(&[
                ("Workspace", html! { @match &token.workspace { Some(name) => (parts::name(name)), None => "All of yours" } }),
                ("Made", html! { (token.created_at) }),
                (if token.state == TokenState::Expired { "Expired" } else { "Expires" }, html! { (token.expires_at.as_deref().unwrap_or("Never")) }),
                ("Last used", html! { (token.last_used.as_deref().unwrap_or("Never")) }),
            ]))
            (limits(index, token, csrf))
            (may(&token.scopes))
        }
    }
}

fn limits(index: usize, token: &Token, csrf: &str) -> Markup {
    let card = allowance::Card {
        key: &format!("token-{index}"),
        action: "/account/tokens/allowance",
        id: ("token_id", &token.token_id),
        name: &token.name,
        unlimited: allowance::UNLIMITED,
    };
    match (token.state, allowance::words(token.allowance)) {
        (TokenState::Active, _) => allowance::card(&card, token.allowance, csrf),
        (_, Some(words)) => html! { p.hint { (words) } },
        (_, None) => html! {},
    }
}

fn form(form: &TokenForm, csrf: &str) -> Markup {
    let name = html! {
        input #name name="name" value=(form.name) required maxlength="80" autocomplete="off" aria-describedby="name-hint";
    };
    parts::card(
        "new-token",
        "Make a token",
        &html! {
            (parts::problem(form.problem.as_deref()))
            form.stack method="post" action="/account/tokens" {
                (parts::csrf(csrf))
                (parts::field("name", "Name", Some("Where it will be used, such as “CI of the website”."), &name))
                (presets(form))
                div.columns { (lifetime(form)) (workspace(form)) }
                (allowance::fieldset(&form.allowance))
                div { (parts::button("Make token")) }
            }
        },
    )
}

fn presets(form: &TokenForm) -> Markup {
    let chosen = if form.preset.is_empty() { "agent" } else { form.preset.as_str() };
    html! {
        fieldset.presets {
            legend { "What it may do" }
            @for (value, title, explanation) in PRESETS {
                label.choice {
                    input type="radio" name="preset" value=(value) id={ "preset-" (value) } checked[*value == chosen];
                    span.choice-body { strong { (title) } span.hint { (explanation) } }
                }
            }
            div.custom { (scopes::checkboxes("token-scope", &form.scopes)) }
        }
    }
}

fn lifetime(form: &TokenForm) -> Markup {
    let chosen =
        if form.expires_in_days.is_empty() { DEFAULT_LIFETIME } else { form.expires_in_days.as_str() };
    let select = html! {
        select #expires_in_days name="expires_in_days" {
            @for (value, label) in LIFETIMES { option value=(value) selected[*value == chosen] { (label) } }
        }
    };
    parts::field("expires_in_days", "Expires after", None, &select)
}

fn workspace(form: &TokenForm) -> Markup {
    let select = html! {
        select #workspace_id name="workspace_id" {
            option value="" { "All of yours" }
            @for workspace in &form.workspaces {
                option value=(workspace.id) selected[workspace.id == form.workspace_id] { (parts::clean(&workspace.name)) }
            }
        }
    };
    parts::field("workspace_id", "Workspace", None, &select)
}
