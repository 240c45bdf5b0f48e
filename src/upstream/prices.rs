//! What providers charge now, where they tell it by an API: fetched once an hour, kept in key-value storage, and turned into
//! multiples of the price lists that the catalogue carries.
//! Not for: the lists themselves (`models::price`), or what one run really cost (`providers::adapter::Charge`).

use super::{Account, transport};
use crate::http::encode_form;
use crate::models::price::{Per, Rate};
use crate::models::{Model, Price};
use crate::platform::{Level, Platform};
use crate::providers::adapter::{Call, Takes};
use crate::providers::catalogue::Factors;
use crate::providers::{Catalogue, named};
use crate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::rc::Rc;

const KEY: &str = "prices:fal";
/// Two days without an answer, and the price lists hold again.
const KEPT_SECONDS: u32 = 2 * 24 * 3600;
/// How long an isolate goes by what it has read.
const FRESH_SECONDS: i64 = 10 * 60;
/// <https://docs.fal.ai/platform-apis/v1/models/pricing>: `prices[]` of endpoint_id, unit_price, unit, currency.
const PRICING: &str = "/v1/models/pricing";
const PLATFORM_API: &str = "https://api.fal.ai";
/// What one question may ask about.
const MAX_IDS: usize = 50;
/// Of the question's address, which has 2048 characters at most.
const MAX_QUERY_BYTES: usize = 1_800;
const MAX_ANSWER_BYTES: usize = 256 * 1024;
const MILLIS: u32 = 10_000;
/// A price that has changed more than that is about something else, or a mistake: a person should look at the list.
const LEAST_FACTOR: f64 = 0.2;
const MOST_FACTOR: f64 = 5.0;
/// Prices that differ less are the same.
const SAME: f64 = 0.005;

struct Kept {
    read_at: Timestamp,
    setting: Option<String>,
    factors: Rc<Factors>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// At most one read of key-value storage in ten minutes of an isolate, and none without a provider that tells its prices.
pub async fn current<P: Platform>(platform: &P) -> Rc<Factors> {
    let config = platform.config();
    if config.provider("fal").is_none() {
        return Rc::default();
    }
    let now = platform.now();
    let known = KEPT.with_borrow(|kept| {
        let kept = kept.as_ref().filter(|kept| kept.setting == config.models)?;
        let age = now.millis_since(kept.read_at);
        Some(((0..FRESH_SECONDS * 1000).contains(&age), kept.factors.clone()))
    });
    let before = match known {
        Some((true, factors)) => return factors,
        Some((false, factors)) => factors,
        None => Rc::default(),
    };
    let factors = match platform.recall(KEY).await {
        Ok(Some(text)) => {
            let prices = serde_json::from_str(&text).unwrap_or_default();
            Rc::new(compare(Catalogue::of(config), &prices).factors)
        }
        Ok(None) => Rc::default(),
        Err(reason) => {
            platform.log(Level::Warn, "prices.unread", json!({ "reason": reason.0 }));
            before
        }
    };
    keep(platform, &factors);
    factors
}

fn keep<P: Platform>(platform: &P, factors: &Rc<Factors>) {
    let setting = platform.config().models.clone();
    KEPT.set(Some(Kept { read_at: platform.now(), setting, factors: factors.clone() }));
}

/// Asks for the present prices; once an hour. What is odd about them is logged for the operator, and the list holds.
pub async fn refresh<P: Platform>(platform: &P) {
    let Some(account) = named("fal").and_then(|provider| Account::of_operator(platform, provider)) else {
        return;
    };
    let catalogue = Catalogue::of(platform.config());
    let of_fal = catalogue.offered().filter(|(provider, _)| provider.name == account.provider.name);
    let mut endpoints: Vec<_> = of_fal.map(|(_, model)| model.endpoint).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    let mut prices = Map::new();
    let mut faults = Vec::new();
    for query in queries(&endpoints) {
        match ask(platform, &account, &query).await {
            Ok(answer) => read(&answer, &mut prices),
            Err(fault) => faults.push(fault),
        }
    }
    let Compared { factors, other_units, implausible } = compare(catalogue, &prices);
    if !prices.is_empty() {
        let text = Value::Object(prices.clone()).to_string();
        match platform.remember(KEY, &text, KEPT_SECONDS).await {
            Ok(()) => keep(platform, &Rc::new(factors.clone())),
            Err(reason) => faults.push(reason.0),
        }
    }
    let level = if faults.is_empty() && implausible.is_empty() { Level::Info } else { Level::Warn };
    let fields = json!({
        "asked": endpoints.len(), "told": prices.len(), "changed": factors, "implausible": implausible,
        "other_units": other_units, "faults": faults,
    });
    platform.log(level, "prices.refreshed", fields);
}

/// Query strings that together name each endpoint once.
fn queries(endpoints: &[&str]) -> Vec<String> {
    let mut queries: Vec<(usize, String)> = Vec::new();
    for endpoint in endpoints {
        let pair = encode_form(&[("endpoint_id", *endpoint)]);
        match queries.last_mut() {
            Some((count, query)) if *count < MAX_IDS && query.len() + pair.len() < MAX_QUERY_BYTES => {
                *count += 1;
                query.push('&');
                query.push_str(&pair);
            }
            _ => queries.push((1, pair)),
        }
    }
    queries.into_iter().map(|(_, query)| query).collect()
}

async fn ask<P: Platform>(platform: &P, account: &Account, query: &str) -> Result<Value, String> {
    let url = format!("{}{PRICING}?{query}", account.site().at(PLATFORM_API));
    let call = Call { millis: MILLIS, takes: Takes::Text(MAX_ANSWER_BYTES), ..Call::get(url) };
    let answer = transport::send(platform, account, call).await.map_err(|fault| fault.to_string())?;
    if answer.status != 200 {
        return Err(format!("the answer had the status {}", answer.status));
    }
    answer.json().ok_or_else(|| "the answer was no JSON".to_owned())
}

/// Adds `endpoint: [unit, dollars]` for each price that can be understood.
fn read(answer: &Value, prices: &mut Map<String, Value>) {
    for price in answer.get("prices").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| price.get(name).and_then(Value::as_str);
        let usd = price.get("unit_price").and_then(Value::as_f64).filter(|usd| *usd > 0.0);
        let is_dollars = text("currency").is_none_or(|currency| currency.eq_ignore_ascii_case("usd"));
        if let (Some(endpoint), Some(unit), Some(usd), true) =
            (text("endpoint_id"), text("unit"), usd, is_dollars)
        {
            prices.insert(endpoint.to_owned(), json!([unit.trim(), usd]));
        }
    }
}

#[derive(Default)]
struct Compared {
    factors: Factors,
    /// Models whose price is told by another unit than the list's: the list holds.
    other_units: Vec<String>,
    /// Too far from the list to be believed: the list holds until a person has looked.
    implausible: Vec<String>,
}

enum Doubt {
    OtherUnit,
    Implausible { listed: f64 },
}

/// What the present prices are as multiples of the listed ones.
fn compare(catalogue: Catalogue<'_>, prices: &Map<String, Value>) -> Compared {
    let mut compared = Compared::default();
    for (_, model) in catalogue.offered().filter(|(provider, _)| provider.name == "fal") {
        let told = prices.get(model.endpoint).and_then(Value::as_array).map(Vec::as_slice);
        let Some([unit, usd]) = told else { continue };
        let (Some(unit), Some(usd)) = (unit.as_str(), usd.as_f64()) else { continue };
        match factor(model, unit, usd) {
            Ok(factor) if (factor - 1.0).abs() > SAME => _ = compared.factors.insert(model.id, factor),
            Ok(_) => {}
            Err(Doubt::OtherUnit) => compared.other_units.push(format!("{}: {unit}", model.id)),
            Err(Doubt::Implausible { listed }) => {
                compared.implausible.push(format!("{}: ${usd} by {unit}, listed ${listed}", model.id));
            }
        }
    }
    compared
}

fn factor(model: &Model, unit: &str, usd: f64) -> Result<f64, Doubt> {
    let Price::Listed { per, rates, verified_on } = &model.price else { return Ok(1.0) };
    // The operator has named a price, and means it.
    if verified_on.is_empty() {
        return Ok(1.0);
    }
    let told = match (per, unit.to_ascii_lowercase().as_str()) {
        (
            Per::Output,
            "image" | "images" | "video" | "videos" | "audio" | "audios" | "generation" | "generations"
            | "request" | "requests" | "model" | "models",
        )
        | (Per::Megapixel { .. }, "megapixel" | "megapixels" | "processed megapixels")
        | (Per::Second { .. }, "second" | "seconds")
        | (Per::ThousandCharacters, "1000 characters") => usd,
        (Per::Second { .. }, "minute" | "minutes") => usd / 60.0,
        _ => return Err(Doubt::OtherUnit),
    };
    let micros = told * 1e6;
    let is_listed = |rate: &Rate| rate.micros > 0 && (micros / rate.micros as f64 - 1.0).abs() <= SAME;
    // What is told is one number; of a list with several rates it may be any.
    if rates.iter().any(is_listed) {
        return Ok(1.0);
    }
    let base = rates.last().map_or(0, |rate| rate.micros);
    let factor = micros / base as f64;
    if (LEAST_FACTOR..=MOST_FACTOR).contains(&factor) {
        Ok(factor)
    } else {
        Err(Doubt::Implausible { listed: base as f64 / 1e6 })
    }
}
