//! How providers are doing, as the operator's API and the owner's page tell it, and the check of a key.
//! Not for: how the page looks (`tests/pages`).

use crate::oauth::{ADA, OWNER, World};
use crate::support::client::operate;
use crate::support::http::Ask;
use crate::support::memory::OPERATOR_KEY;
use crate::support::providers::answer;
use crate::support::{Client, Memory};
use atelier::id::WorkspaceId;
use atelier::outbound::FetchFault;
use atelier::platform::Platform;
use atelier::providers::adapter::Class;
use atelier::time::Timestamp;
use atelier::units::Units;
use atelier::upstream::gate::{Command, Gate, Made, Report};
use serde_json::{Value, json};

const KEY: (&str, &str) = ("FAL_KEY", "the-operators-key-for-fal");

fn tell(memory: &Memory, command: Command) {
    memory.run(memory.ask::<Gate>("fal", command)).unwrap();
}

fn report(trouble: Option<Class>) -> Command {
    Command::Report { report: Report { trouble, retry_after_millis: None, millis: 250, is_submit: true } }
}

fn used(memory: &Memory) {
    let until = memory.now().plus_seconds(60);
    tell(memory, Command::Enter { lease: "a".into(), until, limit: 8 });
    let made = Made {
        model: "fal-flux-klein".into(),
        workspace: WorkspaceId::mint(Timestamp(0), &[1; 10]),
        outputs: 2,
        failure: None,
        units: Units::thousandths(1_250),
        micros: 12_500,
        millis: 4_000,
    };
    tell(memory, Command::Leave { lease: "b".into(), made: Some(made.clone()) });
    let failed =
        Made { outputs: 0, failure: Some(Class::RateLimited), units: Units::ZERO, micros: 0, ..made };
    tell(memory, Command::Leave { lease: "c".into(), made: Some(failed) });
    tell(memory, report(None));
}

fn one(memory: &Memory, provider: &str) -> Value {
    let answer = memory.answer(Ask::get("/api/v1/providers").bearer(OPERATOR_KEY));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let items = answer.json()["items"].as_array().unwrap().clone();
    items.into_iter().find(|item| item["provider"] == provider).unwrap()
}

#[test]
fn the_operator_reads_how_each_provider_does() {
    let memory = Memory::with(1, &[KEY]);
    used(&memory);
    let fal = one(&memory, "fal");
    assert_eq!(
        (&fal["configured"], &fal["health"], &fal["host"]),
        (&json!(true), &json!("healthy"), &json!("queue.fal.run"))
    );
    assert_eq!((&fal["under_way"], &fal["submits"]["p50_millis"]), (&json!(1), &json!(250)));
    let today = &fal["today"][0];
    assert_eq!(
        (&today["jobs"], &today["outputs"], &today["dollars"]),
        (&json!(2), &json!(2), &json!(0.0125))
    );
    assert_eq!((&today["creative_units"], &today["failures"]), (&json!(1.25), &json!({ "rate_limited": 1 })));
    tell(&memory, report(Some(Class::Quota)));
    let fal = one(&memory, "fal");
    assert_eq!((&fal["health"], &fal["breaker"]["why"]), (&json!("out_of_order"), &json!("quota")));

    let replicate = one(&memory, "replicate");
    assert_eq!(
        (&replicate["configured"], &replicate["missing_setting"]),
        (&json!(false), &json!("REPLICATE_API_TOKEN"))
    );
    assert_eq!(one(&memory, "offline")["health"], "built_in");
}

#[test]
fn nobody_but_the_operator_reads_it() {
    let memory = Memory::with(1, &[KEY]);
    let ada = Client::new(&memory, "ada", 1.0);
    for token in ["", "wrong", &ada.token] {
        for ask in [Ask::get("/api/v1/providers"), Ask::post("/api/v1/providers/fal/check", "{}")] {
            assert_eq!(memory.answer(ask.bearer(token)).status, 401);
        }
    }
    let asked = |method, path| memory.answer(Ask::new(method, path).bearer(OPERATOR_KEY)).status;
    assert_eq!(asked("POST", "/api/v1/providers"), 404);
    assert_eq!(asked("GET", "/api/v1/providers/fal"), 404);
    assert_eq!(asked("GET", "/api/v1/providersx"), 404);
    assert_eq!(asked("POST", "/api/v1/providers/nobody/check"), 400);
}

#[test]
fn owners_of_the_gateway_have_a_page_of_it() {
    let world = World::with(1, &[KEY]);
    used(&world.memory);
    let owner = world.signed_in(OWNER);
    let page = owner.go("/account/providers").text();
    for shown in
        ["Works", "queue.fal.run", "fal-flux-klein", "$0.0125", "1 rate limited", "Set REPLICATE_API_TOKEN"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains(KEY.1));
    tell(&world.memory, report(Some(Class::Auth)));
    let page = owner.go("/account/providers").text();
    assert!(page.contains("Out of order") && page.contains("It refuses the key."), "{page}");
    assert!(owner.go("/account").text().contains("href=\"/account/providers\""));

    let ada = world.signed_in(ADA);
    assert_eq!(ada.open("/account/providers").status, 403);
    assert!(!ada.go("/account").text().contains("/account/providers"));
}

/// What a provider without trouble answers is each adapter's own affair; that it cannot be reached is the same for all.
#[test]
fn a_check_says_what_is_wrong_and_what_to_do() {
    let memory = Memory::with(1, &[KEY]);
    let check =
        |provider: &str| operate(&memory, &format!("/api/v1/providers/{provider}/check"), &json!({})).json();
    let fal = check("fal");
    assert_eq!((&fal["ok"], &fal["reachable"]), (&json!(false), &json!(false)), "{fal}");
    assert!(fal["problem"].as_str().unwrap().ends_with('.') && fal["next"].is_string());
    let replicate = check("replicate");
    assert_eq!(
        (&replicate["configured"], &replicate["next"]),
        (&json!(false), &json!("Set REPLICATE_API_TOKEN to use it."))
    );
    assert_eq!(check("offline")["ok"], true);
    // What the adapter asks of fal is the adapter's affair; how an answer is told is ours.
    const URL: &str = "https://api.fal.ai/v1/models/requests/by-endpoint";
    memory.serve_url(URL, |_| Err(FetchFault::TimedOut));
    assert_eq!(check("fal")["reachable"], false);
    memory.serve_url(URL, |request| {
        assert!(request.headers.contains(&("authorization", format!("Key {}", KEY.1))), "{request:?}");
        answer(401, &json!({ "detail": format!("No user for {}.", KEY.1) }).to_string())
    });
    let refused = check("fal");
    assert_eq!((&refused["reachable"], &refused["key_accepted"]), (&json!(true), &json!(false)), "{refused}");
    assert!(refused["next"].as_str().unwrap().ends_with("npx wrangler secret put FAL_KEY"));
    assert!(!refused.to_string().contains(KEY.1), "{refused}");
    assert_eq!(one(&memory, "fal")["breaker"]["why"], "auth");
    memory.serve_url(URL, |_| answer(200, "{\"items\":[]}"));
    let accepted = check("fal");
    assert_eq!((&accepted["ok"], &accepted["key_accepted"]), (&json!(true), &json!(true)), "{accepted}");
    assert_eq!(one(&memory, "fal")["breaker"]["state"], "half_open");
}
