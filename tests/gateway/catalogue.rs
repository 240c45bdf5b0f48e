//! The catalogue as a deployment has it: what its settings offer, what the operator changed, and what models cost now.
//! Not for: runs on providers.

use crate::support::providers::answer;
use crate::support::{Ask, Client, Memory};
use atelier::upstream::prices;
use serde_json::{Value, json};

const FAL: (&str, &str) = ("FAL_KEY", "canary-key-of-fal");
const PRICING: &str = "https://api.fal.ai/v1/models/pricing";

fn structured(client: &Client, tool: &str, arguments: Value) -> Value {
    client.call(tool, &arguments)["structuredContent"].clone()
}

fn text(client: &Client, tool: &str, arguments: Value) -> String {
    client.call(tool, &arguments)["content"][0]["text"].as_str().unwrap().to_owned()
}

fn ids(client: &Client, arguments: Value) -> Vec<String> {
    let found = structured(client, "list_models", arguments);
    found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["model_id"].as_str().unwrap().to_owned())
        .collect()
}

fn typical(client: &Client, id: &str) -> f64 {
    structured(client, "get_model", json!({ "model_id": id }))["typical_price_creative_units"]
        .as_f64()
        .unwrap()
}

/// fal says that these endpoints cost so much.
fn serve_prices(memory: &Memory, prices: Value) {
    memory.serve_url(PRICING, move |request| {
        assert!(request.headers.contains(&("authorization", format!("Key {}", FAL.1))), "{request:?}");
        assert!(request.url.len() <= 2048 && request.url.matches("endpoint_id=").count() <= 50);
        answer(200, &json!({ "prices": prices, "has_more": false, "next_cursor": null }).to_string())
    });
}

fn price(endpoint: &str, unit: &str, usd: f64) -> Value {
    json!({ "endpoint_id": endpoint, "unit_price": usd, "unit": unit, "currency": "USD" })
}

#[test]
fn only_what_is_set_up_is_offered() {
    let plain = Client::new(&Memory::new(), "ada", 10.0);
    assert!(ids(&plain, json!({ "limit": 100 })).iter().all(|id| id.starts_with("offline-")));
    let refused = plain.refused("get_model", &json!({ "model_id": "flux-schnell" })).to_string();
    assert!(refused.contains("a model of fal, which is not set up here"), "{refused}");
    let memory = Memory::with(1, &[FAL]);
    let client = Client::new(&memory, "ada", 10.0);
    assert_eq!(ids(&client, json!({ "query": "fal schnell" })), ["flux-schnell"]);
    assert!(ids(&client, json!({ "limit": 100 })).contains(&"offline-image".to_owned()));
    let shown = structured(&client, "get_model", json!({ "model_id": "flux-schnell" }));
    assert_eq!((&shown["provider"], &shown["price_unit"]), (&json!("fal"), &json!("megapixel")));
    assert_eq!(
        shown["price"],
        json!({ "rates": [{ "per": "megapixel", "creative_units": 0.3 }], "verified_on": "2026-11-21" })
    );
}

#[test]
fn the_operator_changes_and_adds_models_and_hears_of_mistakes() {
    let setting = json!([
        { "id": "flux-schnell", "price": { "per": "output", "usd": 0.5 } },
        { "id": "nano-banana-2", "hidden": true },
        { "id": "house-style", "like": "flux-schnell", "endpoint": "fal-ai/house" },
        { "id": "Wrong Id", "like": "flux-schnell", "endpoint": "x" },
        { "id": "no-such-model" },
    ]);
    let setting = setting.to_string();
    let memory = Memory::with(1, &[FAL, ("MODELS", &setting)]);
    let client = Client::new(&memory, "ada", 100.0);
    assert_eq!(typical(&client, "flux-schnell"), 50.0);
    assert_eq!(typical(&client, "house-style"), 50.0);
    let offered = ids(&client, json!({ "limit": 100 }));
    assert!(offered.contains(&"house-style".to_owned()) && !offered.contains(&"nano-banana-2".to_owned()));
    let health = memory.answer(Ask::get("/health")).json();
    let problems: Vec<_> =
        health["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("MODELS[3] (\"Wrong Id\") was left out: `id` must be"), "{problems:?}");
    assert!(
        problems[1].starts_with("MODELS[4] (\"no-such-model\") was left out: no model has this id."),
        "{problems:?}"
    );
    assert!(memory.answer(Ask::get("/")).text().contains("no-such-model"));
    assert!(Memory::new().answer(Ask::get("/health")).json().get("problems").is_none());
}

#[test]
fn present_prices_are_charged_where_they_can_be_believed() {
    let memory = Memory::with(1, &[FAL]);
    let client = Client::new(&memory, "ada", 1000.0);
    let (listed, other) = (typical(&client, "flux-schnell"), typical(&client, "flux-2-pro"));
    serve_prices(
        &memory,
        json!([
            price("fal-ai/flux/schnell", "megapixels", 0.006),
            price("fal-ai/flux-2-pro", "megapixels", 3.0),
            price("fal-ai/nano-banana-2", "units", 0.01),
        ]),
    );
    memory.run(prices::refresh(&memory));
    assert_eq!(typical(&client, "flux-schnell"), 2.0 * listed);
    assert_eq!(typical(&client, "flux-2-pro"), other, "a hundredfold price is a mistake");
    let told = memory
        .state(|state| state.log.iter().rev().find(|line| line.1 == "prices.refreshed").cloned().unwrap());
    assert_eq!(told.2["implausible"], json!(["flux-2-pro: $3 by megapixels, listed $0.03"]));
    assert_eq!(told.2["other_units"], json!(["nano-banana-2: units"]));
    assert!(!told.2.to_string().contains(FAL.1));
    let asked = json!({ "model_id": "flux-schnell", "prompt": "a fox" });
    let estimate = structured(&client, "estimate_forge_price", asked);
    assert_eq!(estimate["estimated_price_creative_units"], json!(2.0 * listed));
    // Another isolate, and fal is silent for two days.
    memory.state(|state| state.now = state.now.plus_seconds(3 * 24 * 3600));
    assert_eq!(typical(&client, "flux-schnell"), listed);
}

#[test]
fn prices_are_read_once_in_ten_minutes_and_never_without_a_provider_that_tells_them() {
    let reads = |memory: &Memory, client: &Client| {
        let counts = memory.counted(|| {
            typical(client, "offline-image");
            ids(client, json!({}));
        });
        counts.get("recall").copied().unwrap_or(0)
    };
    let plain = Memory::new();
    let client = Client::new(&plain, "ada", 10.0);
    typical(&client, "offline-image");
    assert_eq!(reads(&plain, &client), 0);
    let memory = Memory::with(1, &[FAL]);
    let client = Client::new(&memory, "ada", 10.0);
    typical(&client, "offline-image");
    assert_eq!(reads(&memory, &client), 0);
    memory.state(|state| state.now = state.now.plus_seconds(11 * 60));
    assert!(reads(&memory, &client) >= 1);
    assert_eq!(reads(&memory, &client), 0);
}

#[test]
fn recommendations_say_why_and_name_only_what_is_offered() {
    let ask = |settings: &[(&str, &str)], category: &str| {
        let client = Client::new(&Memory::with(1, settings), "ada", 10.0);
        text(&client, "get_model_recommendations", json!({ "category": category }))
    };
    assert!(
        ask(&[FAL], "text_to_video").starts_with("text_to_video: veo-3.1-fast (with sound, best all round)")
    );
    let two = ask(&[FAL, ("REPLICATE_API_TOKEN", "r8")], "cutout");
    assert!(two.contains("bria-background-remove") && !two.contains("offline"), "{two}");
    assert_eq!(ask(&[], "music"), "music: offline-music (a stand-in, to try the gateway with)");
    assert!(ask(&[("ELEVENLABS_API_KEY", "x")], "speech").contains("eleven-v3"));
}
