//! The keys that providers sign their callbacks with: fetched when first needed, kept for a day, fetched again when a
//! signature is by none of them. Public ones lie where all isolates find them, secrets in this isolate's memory alone.
//! Not for: what a signature is (`providers`).

use super::Account;
use crate::config::Secret;
use crate::crypto;
use crate::outbound::{self, Outbound};
use crate::platform::{Platform, Unavailable};
use crate::providers::adapter::Callback;
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;

const KEEP_SECONDS: i64 = 24 * 3600;
/// Anybody can send a signature that no key has made; so often at most they make us ask for newer ones.
const LEAST_SECONDS: i64 = 60;
/// A key set or a secret is a few hundred bytes.
const MAX_BYTES: usize = 16 * 1024;
const MILLIS: u32 = 5_000;
/// Accounts whose secrets one isolate keeps.
const MAX_SECRETS: usize = 64;

thread_local! {
    static SECRETS: RefCell<BTreeMap<String, (Timestamp, Secret)>> = const { RefCell::new(BTreeMap::new()) };
}

/// Keys as [`Callback::verify`] takes them, and when they were fetched.
#[derive(Clone)]
pub struct Keys {
    pub text: Secret,
    fetched_at: Option<Timestamp>,
}

/// Those that are kept, or else those the provider has now.
pub async fn known<P: Platform>(
    platform: &P,
    account: &Account,
    callback: &Callback,
) -> Result<Keys, Unavailable> {
    if let Some(secret) = &account.callback_secret {
        return Ok(Keys { text: secret.clone(), fetched_at: None });
    }
    match kept(platform, account, callback).await? {
        Some(keys) => Ok(keys),
        None => fetch(platform, account, callback).await,
    }
}

/// Those the provider has now, after `old` did not fit. None: they are as new as may be.
pub async fn newer<P: Platform>(
    platform: &P,
    account: &Account,
    callback: &Callback,
    old: &Keys,
) -> Result<Option<Keys>, Unavailable> {
    match old.fetched_at {
        Some(at) if platform.now().millis_since(at) >= LEAST_SECONDS * 1000 => {
            fetch(platform, account, callback).await.map(Some)
        }
        _ => Ok(None),
    }
}

async fn kept<P: Platform>(
    platform: &P,
    account: &Account,
    callback: &Callback,
) -> Result<Option<Keys>, Unavailable> {
    let name = name(account, callback);
    let is_fresh = |at: Timestamp| platform.now().millis_since(at) < KEEP_SECONDS * 1000;
    if !callback.keys_are_public {
        let found = SECRETS.with_borrow(|secrets| secrets.get(&name).cloned());
        return Ok(found
            .filter(|(at, _)| is_fresh(*at))
            .map(|(at, text)| Keys { text, fetched_at: Some(at) }));
    }
    let entry = platform.recall(&name).await?.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    Ok(entry.and_then(|entry| {
        let at = Timestamp(entry.get("at")?.as_i64()?);
        let text = Secret::of(entry.get("keys")?.as_str()?);
        is_fresh(at).then_some(Keys { text, fetched_at: Some(at) })
    }))
}

async fn fetch<P: Platform>(
    platform: &P,
    account: &Account,
    callback: &Callback,
) -> Result<Keys, Unavailable> {
    let call = (callback.keys)(&account.site());
    outbound::check(&call.url, account.reach()).map_err(|reason| Unavailable(reason.to_owned()))?;
    let mut request = Outbound::get(call.url).limit(MAX_BYTES, MILLIS);
    request.headers = call.headers;
    if let Some(key) = account.key.as_ref().filter(|_| !callback.keys_are_public) {
        request.headers.push((account.adapter.authorize)(key.reveal()));
    }
    let answer = platform.fetch(request).await.map_err(|fault| Unavailable(fault.to_string()))?;
    if answer.status != 200 {
        return Err(Unavailable(format!("keys of {}: HTTP {}", account.provider.name, answer.status)));
    }
    let now = platform.now();
    let name = name(account, callback);
    if callback.keys_are_public {
        let entry = json!({ "at": now.0, "keys": answer.body }).to_string();
        platform.remember(&name, &entry, u32::try_from(KEEP_SECONDS).unwrap_or(u32::MAX)).await?;
    } else {
        SECRETS.with_borrow_mut(|secrets| {
            if secrets.len() >= MAX_SECRETS {
                secrets.clear();
            }
            secrets.insert(name, (now, Secret::of(&answer.body)));
        });
    }
    Ok(Keys { text: Secret::of(&answer.body), fetched_at: Some(now) })
}

/// Public keys are the same for every account at one address.
fn name(account: &Account, callback: &Callback) -> String {
    let key = account.key.as_ref().filter(|_| !callback.keys_are_public).map_or("", Secret::reveal);
    let address = (callback.keys)(&account.site()).url;
    let hash = crypto::sha256(format!("{address}\n{key}").as_bytes());
    format!("callback-keys:{}:{}", account.provider.name, crypto::hex(hash.get(..8).unwrap_or_default()))
}
