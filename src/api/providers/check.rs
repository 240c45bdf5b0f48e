//! Whether a provider can be reached with the operator's key, tried with its cheapest request.
//! Not for: keys of workspaces. What the provider says is shown without the key, should it repeat it.

use crate::config::setting_that_enables;
use crate::http::Request;
use crate::origin;
use crate::outbound::{self, FetchFault, Outbound, Reach};
use crate::platform::{Platform, Unavailable};
use crate::providers::adapter::{Answer, Call, Class, Failure};
use crate::providers::{Kind, Provider};
use crate::upstream::gate::{Command, Gate};
use crate::upstream::{Account, transport};
use serde_json::{Value, json};

const INFERENCE: &str = "ai:";
/// Our own address, asked from here: a health page is a few hundred bytes.
const PROBE_BYTES: usize = 64 * 1024;
const PROBE_MILLIS: u32 = 8_000;
const MAX_WORDS: usize = 300;

pub struct Checked {
    pub provider: &'static Provider,
    pub is_configured: bool,
    /// None: it was not tried.
    pub is_reachable: Option<bool>,
    /// None: it has none, or that could not be told.
    pub is_key_accepted: Option<bool>,
    /// An account's name or balance, as the provider tells it.
    pub account: Option<String>,
    pub host: Option<String>,
    pub millis: Option<i64>,
    pub problem: Option<String>,
    pub next: Option<String>,
    pub callbacks: Callbacks,
}

/// Whether the provider can tell us when a job is done.
pub enum Callbacks {
    /// It calls nobody back; it is polled.
    NotUsed,
    Reachable,
    /// Why not. Jobs are polled then.
    Unreachable(String),
}

pub async fn check<P: Platform>(
    platform: &P,
    request: &Request,
    provider: &'static Provider,
) -> Result<Checked, Unavailable> {
    let mut checked = Checked {
        provider,
        is_configured: true,
        is_reachable: None,
        is_key_accepted: None,
        account: None,
        host: None,
        millis: None,
        problem: None,
        next: None,
        callbacks: Callbacks::NotUsed,
    };
    if matches!(provider.kind, Kind::Embedded(_)) {
        checked.account = Some("It runs inside the gateway and needs nothing.".into());
        return Ok(checked);
    }
    let Some(account) = Account::of_operator(platform, provider) else {
        checked.is_configured = false;
        checked.next = setting_that_enables(provider.name).map(|name| format!("Set {name} to use it."));
        return Ok(checked);
    };
    let home = account.address.as_deref().unwrap_or(account.adapter.home);
    checked.host = Some(origin::host(home).to_owned()).filter(|host| !host.is_empty());
    if account.adapter.callback.is_some() {
        checked.callbacks = callbacks(platform, request).await;
    }
    ask(platform, &account, &mut checked).await;
    Ok(checked)
}

async fn ask<P: Platform>(platform: &P, account: &Account, checked: &mut Checked) {
    let begun = platform.now();
    let outcome = send(platform, account, (account.adapter.check.plan)(&account.site())).await;
    checked.millis = Some(platform.now().millis_since(begun));
    let answer = match outcome {
        Ok(answer) => answer,
        Err(fault) => {
            checked.is_reachable = Some(false);
            // What the platform says of a connection can name addresses, never keys.
            checked.problem = Some(format!("It could not be asked: {fault}."));
            checked.next = Some("Look at the provider's status page; behind a firewall or proxy, see whether the gateway may reach it.".into());
            return;
        }
    };
    checked.is_reachable = Some(true);
    let has_key = account.key.is_some();
    let trouble = match (account.adapter.check.read)(&answer) {
        Ok(text) => {
            checked.is_key_accepted = has_key.then_some(true);
            checked.account = Some(without_key(&text, account)).filter(|text| !text.is_empty());
            None
        }
        Err(failure) => {
            refused(checked, account, &failure);
            Some(failure.class)
        }
    };
    // A key that works again need not wait for the breaker; best effort.
    let _ = platform.ask::<Gate>(&account.gate(), Command::Checked { trouble }).await;
}

fn refused(checked: &mut Checked, account: &Account, failure: &Failure) {
    checked.is_key_accepted = match failure.class {
        Class::Auth => Some(false),
        Class::Quota | Class::RateLimited => Some(true),
        _ => None,
    };
    checked.problem = Some(without_key(&failure.message, account));
    let name = account.provider.title;
    let next = match failure.class {
        Class::Auth => match setting_that_enables(account.provider.name) {
            Some(setting) => {
                format!("Make a new key at {name} and set it: npx wrangler secret put {setting}")
            }
            None => format!("Look at the key in {name}'s dashboard."),
        },
        Class::Quota => format!("Add credit to the account at {name}."),
        Class::RateLimited => "Wait a minute and check again.".into(),
        _ => format!("Check again in a minute; if it stays, look at {name}'s status page."),
    };
    checked.next = Some(next);
}

async fn send<P: Platform>(platform: &P, account: &Account, call: Call) -> Result<Answer, FetchFault> {
    if !call.url.starts_with(INFERENCE) {
        return transport::send(platform, account, call).await;
    }
    let opened = transport::open(platform, account, call).await?;
    if let Some(body) = opened.body {
        platform.discard(body).await;
    }
    Ok(Answer { status: opened.status, headers: opened.headers, body: opened.text, stored: None })
}

fn without_key(text: &str, account: &Account) -> String {
    let text = match &account.key {
        Some(key) => text.replace(key.reveal(), "(the key)"),
        None => text.to_owned(),
    };
    text.chars().take(MAX_WORDS).collect()
}

async fn callbacks<P: Platform>(platform: &P, request: &Request) -> Callbacks {
    let public = origin::public(platform.config(), request);
    if origin::is_loopback(public) {
        return Callbacks::Unreachable(format!("{public} is reached from this computer only."));
    }
    if !public.starts_with("https://") {
        return Callbacks::Unreachable(format!(
            "{public} is not https; set PUBLIC_URL to the https address."
        ));
    }
    let url = format!("{public}/health");
    if let Err(why) = outbound::check(&url, Reach::Public) {
        return Callbacks::Unreachable(format!("{public}: {why}."));
    }
    match platform.fetch(Outbound::get(url).limit(PROBE_BYTES, PROBE_MILLIS)).await {
        Ok(answer) if answer.status == 200 && answer.body.contains("\"atelier\"") => Callbacks::Reachable,
        Ok(answer) => Callbacks::Unreachable(format!(
            "{public}/health is answered with HTTP {} before it reaches the gateway.",
            answer.status
        )),
        Err(fault) => Callbacks::Unreachable(format!(
            "The gateway could not call itself at {public}: {fault}. From outside it may still be reached."
        )),
    }
}

impl Checked {
    pub fn is_good(&self) -> bool {
        self.problem.is_none()
    }

    pub fn to_json(&self) -> Value {
        let (state, why) = match &self.callbacks {
            Callbacks::NotUsed => ("not_used", None),
            Callbacks::Reachable => ("reachable", None),
            Callbacks::Unreachable(why) => ("unreachable", Some(why)),
        };
        json!({
            "provider": self.provider.name,
            "title": self.provider.title,
            "configured": self.is_configured,
            "ok": self.is_configured && self.is_good(),
            "reachable": self.is_reachable,
            "key_accepted": self.is_key_accepted,
            "account": self.account,
            "host": self.host,
            "millis": self.millis,
            "callbacks": { "state": state, "why": why },
            "problem": self.problem,
            "next": self.next,
        })
    }
}
