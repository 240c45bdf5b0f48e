//! Every page a person sees, as pure functions from a view struct to HTML: `document` is the frame, `parts` the
//! components, one file a page, `ui.css` the one stylesheet. Works without JavaScript; the one page that has a script is
//! `upload`, because a browser can neither resume nor show how far it is by itself.
//! Not for: deciding what a page may show or do (`pages`, `oauth`), which fill the structs and take the forms.

pub mod account;
pub mod allowance;
pub mod check;
mod clients;
pub mod consent;
pub mod home;
pub mod invitation;
pub mod media;
pub mod parts;
pub mod problem;
pub mod provider_keys;
pub mod providers;
pub mod scopes;
pub mod sign_in;
pub mod statement;
pub mod tokens;
pub mod upload;
pub mod workspaces;

use crate::crypto;
use crate::http::Response;
use maud::{DOCTYPE, Markup, html};
pub use parts::{Notice, Tone};
use std::sync::LazyLock;

const STYLESHEET: &str = include_str!("ui.css");
/// Part of the stylesheet's address, so that browsers may keep it for ever.
static STYLESHEET_VERSION: LazyLock<String> = LazyLock::new(|| version(STYLESHEET));

fn version(text: &str) -> String {
    crypto::hex(&crypto::sha256(text.as_bytes())).chars().take(12).collect()
}

/// The mark as the browser's tab shows it. In the page itself it takes the colours of the stylesheet.
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'><rect width='24' height='24' rx='6.5' fill='#6a3df0'/><path d='M12 5 7 19M12 5l5 14M6 14.5h12' fill='none' stroke='#fff' stroke-width='2' stroke-linecap='round'/></svg>";

/// Nothing but our own stylesheet and pictures; no script, no frame around us.
const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Apps,
    Tokens,
    Workspaces,
    Providers,
    Check,
}

/// The header of somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Nav {
    /// The address the person signed in with.
    pub person: String,
    pub active: Section,
    /// Owners of the gateway see its providers and the self-check.
    pub is_owner: bool,
    /// Goes into the sign-out form and every form of the page below.
    pub csrf: String,
}

pub fn document(title: &str, nav: Option<&Nav>, main: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (parts::clean(title)) " · Atelier" }
                link rel="stylesheet" href={ "/ui.css?v=" (*STYLESHEET_VERSION) };
                link rel="icon" href="/favicon.ico" type="image/svg+xml";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    div.top-inner {
                        a.brand href="/" { (mark()) span { "Atelier" } }
                        @if let Some(nav) = nav { (signed_in(nav)) }
                    }
                }
                main #main tabindex="-1" { (main) }
            }
        }
    };
    page.into_string()
}

fn signed_in(nav: &Nav) -> Markup {
    let sections = [
        (Section::Apps, "/account", "Apps"),
        (Section::Tokens, "/account/tokens", "Tokens"),
        (Section::Workspaces, "/account/workspaces", "Workspaces"),
        (Section::Providers, "/account/providers", "Providers"),
        (Section::Check, "/account/check", "Check"),
    ];
    html! {
        nav.sections aria-label="Account" {
            @for (section, href, label) in sections {
                @if !matches!(section, Section::Check | Section::Providers) || nav.is_owner {
                    a href=(href) aria-current=[(section == nav.active).then_some("page")] { (label) }
                }
            }
        }
        form.who method="post" action="/sign-out" {
            (parts::csrf(&nav.csrf))
            span.person title=(parts::clean(&nav.person)) { (parts::name(&nav.person)) }
            button.small type="submit" { "Sign out" }
        }
    }
}

/// An A that is an easel.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="28" height="28" aria-hidden="true" focusable="false" {
            rect.mark-ground width="24" height="24" rx="6.5" {}
            path.mark-line d="M12 5 7 19M12 5l5 14M6 14.5h12" fill="none" stroke-width="2" stroke-linecap="round" {}
        }
    }
}

/// The answer that carries a page. `form_action` is a CSP source list: `'self'`, and where a form's answer
/// redirects, every origin it may redirect to, because Chromium holds redirects to it too.
pub fn page<S>(status: u16, html: String, form_action: &str) -> Response<S> {
    page_in_popup(status, html, form_action).with("cross-origin-opener-policy", "same-origin")
}

/// [`page`] for what stands inside an authorization: sign-in, consent and their problems. Web clients open
/// these in a popup and wait for its last address to speak to its opener, which an opener policy anywhere on the
/// way would cut off for good.
pub fn page_in_popup<S>(status: u16, html: String, form_action: &str) -> Response<S> {
    let csp = format!("{CSP}; form-action {form_action}; frame-ancestors 'none'");
    Response::text(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", csp)
        .with("x-frame-options", "DENY")
        .with("x-content-type-options", "nosniff")
        // Nothing leaves for other origins. Under no-referrer browsers send `Origin: null` with our own forms, and
        // the check of `Origin` could not tell them from a stranger's.
        .with("referrer-policy", "same-origin")
        .with("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
        .with("cache-control", "no-store")
}

/// `GET /favicon.ico`: hosted clients show it beside the connector.
pub fn icon<S>() -> Response<S> {
    Response::text(200, "image/svg+xml", ICON.to_owned())
        .with("x-content-type-options", "nosniff")
        .with("cache-control", "public, max-age=86400")
}

/// `GET /ui.css`, whatever its query says.
pub fn stylesheet<S>() -> Response<S> {
    for_ever("text/css; charset=utf-8", STYLESHEET)
}

/// What is asked for with its version in the query.
fn for_ever<S>(content_type: &'static str, text: &str) -> Response<S> {
    Response::text(200, content_type, text.to_owned())
        .with("x-content-type-options", "nosniff")
        .with("cache-control", "public, max-age=31536000, immutable")
}
