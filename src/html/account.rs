//! The account's first page: the apps a person has connected, and how to end that.
//! Not for: personal access tokens (`tokens`).

use super::Nav;
use super::allowance;
use super::parts::{self, Notice};
use crate::units::Allowance;
use maud::{Markup, html};

/// Beyond this many permissions a card lists them only when opened.
const SHOWN_SCOPES: usize = 4;

#[derive(Clone, Debug)]
pub struct Account {
    pub nav: Nav,
    pub notice: Option<Notice>,
    pub apps: Vec<App>,
    pub connector_url: String,
}

#[derive(Clone, Debug)]
pub struct App {
    pub grant_id: String,
    pub client_name: String,
    pub client_host: Option<String>,
    pub workspace: String,
    /// In words: `Generate media`.
    pub scopes: Vec<String>,
    pub connected_at: String,
    pub last_used: Option<String>,
    pub is_loopback: bool,
    pub allowance: Allowance,
}

pub fn account(view: &Account) -> String {
    let main = html! {
        div.wide-page {
            (parts::heading("Connected apps", &html! { "Apps that may use Atelier for you. Each works in one workspace and does no more than you allowed." }))
            (parts::told(view.notice.as_ref()))
            @if view.apps.is_empty() {
                (parts::empty("No app is connected yet", &html! {
                    p { "Give your client this address. It opens a page here that asks for your consent." }
                    (parts::code(&view.connector_url))
                    p { a href="/" { "Steps for each client" } }
                }))
            } @else {
                ul.cards {
                    @for (index, app) in view.apps.iter().enumerate() { li.card { (card(index, app, &view.nav.csrf)) } }
                }
                p.fine { "To connect another app, give it " code.nowrap { (view.connector_url) } ". " a href="/" { "Steps for each client" } }
            }
            (everywhere(&view.nav.csrf))
        }
    };
    super::document("Connected apps", Some(&view.nav), main)
}

fn card(index: usize, app: &App, csrf: &str) -> Markup {
    let source = match (&app.client_host, app.is_loopback) {
        (_, true) => html! { "On your computer" },
        (Some(host), false) => html! { (parts::name(host)) },
        (None, false) => html! { "Gives no address" },
    };
    let limits = allowance::Card {
        key: &format!("app-{index}"),
        action: "/account/apps/allowance",
        id: ("grant_id", &app.grant_id),
        name: &app.client_name,
        unlimited: allowance::UNLIMITED,
    };
    html! {
        div.split {
            div {
                h2.item-title { (parts::name(&app.client_name)) }
                p.hint { (source) }
            }
            form method="post" action="/account/apps/revoke" {
                (parts::csrf(csrf))
                (parts::hidden("grant_id", &app.grant_id))
                button.small.quiet-danger type="submit" { "Disconnect" span.unseen { " " (parts::clean(&app.client_name)) } }
            }
        }
        (parts::facts(&[
            ("Workspace", parts::name(&app.workspace)),
            ("Connected", html! { (app.connected_at) }),
            ("Last used", html! { (app.last_used.as_deref().unwrap_or("Never")) }),
        ]))
        (allowance::card(&limits, app.allowance, csrf))
        (may(&app.scopes))
    }
}

/// Permissions as tags; also for tokens.
pub(super) fn may(scopes: &[String]) -> Markup {
    let list = html! { ul.tags { @for scope in scopes { li { (parts::tag(scope)) } } } };
    html! {
        @if scopes.len() > SHOWN_SCOPES {
            details.more { summary { "May do " (scopes.len()) " things" } (list) }
        } @else { (list) }
    }
}

fn everywhere(csrf: &str) -> Markup {
    let question = html! {
        p { "End every session and disconnect every app now?" }
        form method="post" action="/account/sign-out-everywhere" {
            (parts::csrf(csrf))
            button.danger type="submit" { "Yes, sign out everywhere" }
        }
    };
    parts::card(
        "everywhere",
        "Sign out everywhere",
        &html! {
            p { "Ends your session in every browser, this one too, and disconnects every app above. Personal access tokens stay; revoke those under " a href="/account/tokens" { "Tokens" } "." }
            (parts::confirm("Sign out everywhere", "", &question))
        },
    )
}
