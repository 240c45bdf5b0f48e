//! The card on a workspace's page for keys of inference providers that its owners bring themselves.
//! Not for: keeping them (`workspace::provider_keys`). A key is typed here and never shown again.

use super::parts::{self, Named};
use maud::{Markup, html};

#[derive(Clone, Debug)]
pub struct ProviderKeys {
    pub keys: Vec<ProviderKey>,
    /// Providers a key can be set for; empty: the operator does not allow it any more.
    pub providers: Vec<Named>,
}

#[derive(Clone, Debug)]
pub struct ProviderKey {
    pub provider: Named,
    /// The last four characters.
    pub hint: String,
    pub set_by: String,
    pub set_at: String,
}

pub(super) fn card(view: &ProviderKeys, base: &str, csrf: &str) -> Markup {
    parts::card(
        "provider-keys",
        "Provider keys of your own",
        &html! {
            p.hint { "With a key here, work of this workspace at that provider is done under your account there, which the provider bills. It is kept encrypted and goes to the provider's own address only; nobody can read it here again." }
            @if !view.keys.is_empty() {
                ul.rows { @for key in &view.keys { (row(key, base, csrf)) } }
            }
            @if !view.providers.is_empty() { (form(view, base, csrf)) }
            @else { p.hint { "The operator of this gateway does not take further keys, and those above are not used." } }
        },
    )
}

fn row(key: &ProviderKey, base: &str, csrf: &str) -> Markup {
    let name = &key.provider.name;
    let question = html! {
        p { "Work under way at " (name) " that was begun with it can no longer be fetched. What is made later goes under the operator's key, if there is one." }
        form method="post" action={ (base) "/provider-keys/remove" } {
            (parts::csrf(csrf))
            (parts::hidden("provider", &key.provider.id))
            button.danger type="submit" { "Yes, remove" }
        }
    };
    html! {
        li {
            div {
                span.row-name { (name) }
                p.hint { "Ends in " code { (parts::clean(&key.hint)) } ". Set by " (parts::name(&key.set_by)) ", " (key.set_at) "." }
            }
            div.row-actions { (parts::confirm("Remove", &format!("the key for {name}"), &question)) }
        }
    }
}

fn form(view: &ProviderKeys, base: &str, csrf: &str) -> Markup {
    let provider = html! {
        select #key-provider name="provider" {
            @for provider in &view.providers { option value=(provider.id) { (provider.name) } }
        }
    };
    let key = html! {
        input #provider-key type="password" name="key" required minlength="16" maxlength="512" autocomplete="off" spellcheck="false";
    };
    html! {
        form.in-line-form method="post" action={ (base) "/provider-keys" } {
            (parts::csrf(csrf))
            (parts::field("key-provider", "Provider", None, &provider))
            (parts::field("provider-key", "Key", None, &key))
            (parts::button("Set key"))
        }
    }
}
