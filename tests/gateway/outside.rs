//! The world outside as the tests have it: other servers and rate limits, so that what is tested against them
//! means something. Not for: what the gateway asks them for.

use crate::support::{Fault, Memory};
use atelier::http::Headers;
use atelier::outbound::{FetchFault, Inbound, Outbound};
use atelier::platform::{Budget, Platform};

const URL: &str = "https://app.example.com/client.json";

fn says(body: &str) -> Result<Inbound, FetchFault> {
    let headers = Headers::from_lines("content-type: application/json".into());
    Ok(Inbound { status: 200, headers, body: body.to_owned() })
}

#[test]
fn a_server_answers_what_it_was_asked() {
    let memory = Memory::new();
    memory.serve_url(URL, |request| {
        says(&format!("{} {:?}", request.method, request.body.as_ref().and_then(|body| body.as_text())))
    });
    memory.serve_url(&format!("{URL}?v=2"), |_| says("two"));
    let fetch = |request| memory.run(memory.fetch(request));
    let counts = memory.counted(|| {
        assert_eq!(fetch(Outbound::get(URL)).unwrap().body, "GET None");
        assert_eq!(fetch(Outbound::post(format!("{URL}?v=1"), "a=b")).unwrap().body, "POST Some(\"a=b\")");
        let two = fetch(Outbound::get(format!("{URL}?v=2"))).unwrap();
        assert_eq!((two.status, two.headers.get("content-type")), (200, Some("application/json")));
    });
    assert_eq!(counts["fetch"], 3);
}

#[test]
fn a_server_that_is_large_slow_or_gone_is_a_fault() {
    let memory = Memory::new();
    memory.serve_url(URL, |_| says("0123456789"));
    let fetch = |bytes, millis| memory.run(memory.fetch(Outbound::get(URL).limit(bytes, millis)));
    assert!(fetch(10, 1_000).is_ok());
    assert_eq!(fetch(9, 1_000).unwrap_err(), FetchFault::TooLarge);
    memory.meet("fetch", Fault::Delay(1_001));
    assert_eq!(fetch(10, 1_000).unwrap_err(), FetchFault::TimedOut);
    for fault in [Fault::Refuse, Fault::LoseReply] {
        memory.meet("fetch", fault);
        assert!(matches!(fetch(10, 1_000), Err(FetchFault::Unreachable(_))));
    }
    let elsewhere = memory.run(memory.fetch(Outbound::get("https://app.example.com/other")));
    assert!(matches!(elsewhere, Err(FetchFault::Unreachable(_))));
}

#[test]
fn a_budget_is_for_one_minute_and_one_key() {
    let memory = Memory::new();
    let ask = |budget, key| memory.run(memory.within_budget(budget, key));
    for budget in Budget::ALL {
        let granted = (0..=budget.per_minute()).filter(|_| ask(budget, "203.0.113.7")).count();
        assert_eq!(granted, budget.per_minute() as usize, "{budget:?}");
        assert!(ask(budget, "203.0.113.8"));
    }
    memory.elapse(60);
    assert!(ask(Budget::SignIn, "203.0.113.7"));
}
