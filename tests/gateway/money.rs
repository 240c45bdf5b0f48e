//! The ledger under everything that can happen to it: random sequences of calls, lost answers, kills and rings,
//! after each of which granted = balance + reserved + spent and the rows add up to the totals.
//! Not for: what a price is (`models::price`) or the words of a refusal (`refusals`).

pub mod game;
mod sequences;
mod unclear;

use crate::support::client::{error_of, operate};
use crate::support::object::Owned;
use crate::support::{Answer, Client, Fault, Memory};
use atelier::id::RunId;
use atelier::platform::{Platform, Storage};
use atelier::runs::Run;
use atelier::sql::Sql;
use atelier::units::Units;
use atelier::workspace::{Command, RunStatus, Settlement, Workspace};
use futures::future::join_all;
use game::{check_ledger, play};
use serde_json::json;

#[test]
fn the_ledger_balances_whatever_happens_part_one() {
    play(0..60);
}

#[test]
fn the_ledger_balances_whatever_happens_part_two() {
    play(60..120);
}

#[test]
fn the_ledger_balances_whatever_happens_part_three() {
    play(120..180);
}

#[test]
fn the_ledger_balances_whatever_happens_part_four() {
    play(180..240);
}

fn is_refused(answer: &Answer) -> bool {
    answer.result()["isError"] == true
}

#[test]
fn of_two_racing_for_the_last_units_exactly_one_wins() {
    for seed in 0..50 {
        let memory = Memory::with(seed, &[]);
        memory.state(|state| state.shuffles = true);
        let ada = Client::new(&memory, "ada", 1.5);
        let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
        let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
        let asks = [ada.tool("execute_forge", &request), bob.tool("execute_forge", &request)];
        let answers = memory.run(join_all(asks.map(|ask| memory.send(ask))));
        assert_eq!(answers.iter().filter(|answer| !is_refused(answer)).count(), 1, "seed {seed}");
        memory.elapse(60);
        assert_eq!(ada.units(), [0.5, 0.0, 1.0]);
    }
}

#[test]
fn five_runs_at_once_and_not_one_more() {
    for seed in 0..20 {
        let memory = Memory::with(seed, &[]);
        memory.state(|state| state.shuffles = true);
        let ada = Client::new(&memory, "ada", 100.0);
        let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
        let request = json!({ "model_id": "offline-sound", "prompt": "a bell offline:slow=60", "duration_seconds": 0.5 });
        let asks = (0..8).map(|seed| {
            let mut request = request.clone();
            request["seed"] = seed.into();
            memory.send(ada.tool("execute_forge", &request))
        });
        let asks: Vec<_> = asks.collect();
        let answers = memory.run(join_all(asks));
        let (refused, started): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| is_refused(answer));
        assert_eq!((started.len(), refused.len()), (5, 3));
        let error = error_of(&refused[0].result());
        assert_eq!(
            (error["code"].as_str(), error["retry_after_seconds"].as_i64()),
            (Some("RATE_LIMITED"), Some(5))
        );
        assert_eq!(error["details"]["running_ids"].as_array().unwrap().len(), 5);
        assert_eq!(ada.call("get_workspace", &json!({}))["structuredContent"]["running_runs"], 5);
        bob.start(&request);
        let first = started[0].result()["structuredContent"]["inference_id"].as_str().unwrap().to_owned();
        ada.call("cancel_forge_run", &json!({ "inference_id": first }));
        ada.start(&request);
        let mut other = request.clone();
        other["seed"] = 99.into();
        assert_eq!(ada.refused("execute_forge", &other)["code"], "RATE_LIMITED");
    }
}

#[test]
fn an_unbalanced_ledger_is_refused_by_the_database_itself() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    let workspace = memory.object::<Workspace>(&ada.workspace_id);
    let owned = Owned { memory: memory.clone(), object: workspace };
    for statement in [
        "UPDATE workspace SET balance = balance + 1",
        "UPDATE workspace SET balance = -1, spent = 2001",
        "UPDATE workspace SET reserved = -1, balance = 2001",
    ] {
        assert!(owned.transact(|sql| sql.query(statement, &[])).is_err(), "{statement}");
    }
    check_ledger(&memory, &ada.workspace_id);
}

/// The reservation is made although the gateway was told that it was not.
#[test]
fn a_reservation_whose_answer_was_lost_is_given_back() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    ada.units();
    memory.meet("ask WORKSPACE", Fault::LoseReply);
    let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "idempotency_key": "k" });
    assert_eq!(ada.refused("execute_forge", &request)["code"], "INTERNAL");
    assert_eq!(ada.units(), [1.0, 1.0, 0.0]);
    memory.elapse(60);
    assert_eq!(ada.units(), [2.0, 0.0, 0.0]);
}

/// What a client does that lost an answer: it asks again with the same key.
#[test]
fn a_repeat_while_the_first_admission_is_unclear_says_what_to_do() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    memory.meet("ask WORKSPACE", Fault::LoseReply);
    let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "idempotency_key": "k" });
    ada.refused("execute_forge", &request);
    let again = memory.answer(ada.tool("execute_forge", &request)).result();
    assert!(again["isError"] != true || error_of(&again)["retryable"] == true, "{}", error_of(&again));
}

/// The workspace answers after the run has given up waiting.
#[test]
fn a_reservation_that_comes_too_late_is_given_back() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    memory.meet("ask WORKSPACE", Fault::Delay(45_000));
    let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
    memory.answer(ada.tool("execute_forge", &request));
    memory.elapse(3600);
    assert_eq!(ada.units(), [2.0, 0.0, 0.0]);
}

/// The run has ended without a reservation; the workspace, asked long before, may not make one any more.
#[test]
fn a_reservation_that_comes_too_late_to_be_given_back_is_not_made() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    for fault in [Fault::Delay(45_000), Fault::Delay(0), Fault::Refuse] {
        memory.meet("ask WORKSPACE", fault);
    }
    let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
    assert_eq!(ada.refused("execute_forge", &request)["code"], "INTERNAL");
    memory.elapse(3600);
    // Meets the third fault if nothing had to be given back.
    memory.answer(ada.tool("get_workspace", &json!({})));
    assert_eq!(ada.units(), [2.0, 0.0, 0.0]);
}

#[test]
fn an_estimate_is_what_execution_charges() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 100.0);
    let requests = [
        json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "quality": "low", "batch_size": 3 }),
        json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64, "post": { "upscale_ratio": 2, "remove_background": true } }),
        json!({ "model_id": "offline-sound", "prompt": "a bell", "duration_seconds": 1.2, "batch_size": 2 }),
    ];
    for request in requests {
        let estimate =
            ada.call("estimate_forge_price", &request)["structuredContent"]["estimated_price_creative_units"]
                .clone();
        let [before, ..] = ada.units();
        let end = ada.run_to_end(&ada.start(&request));
        assert_eq!(end["structuredContent"]["price_creative_units"], estimate, "{request}");
        assert_eq!(ada.units()[0], before - estimate.as_f64().unwrap(), "{request}");
    }
}

#[test]
fn a_grant_adds_to_what_is_free() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.25);
    let answer = operate(
        &memory,
        "/api/v1/operator/grants",
        &json!({ "workspace_id": ada.workspace_id, "creative_units": 0.75, "note": "more" }),
    );
    assert_eq!(answer.json(), json!({ "workspace_id": ada.workspace_id, "granted_creative_units": 0.75 }));
    assert_eq!(ada.units(), [2.0, 0.0, 0.0]);
}

/// The provider's file is on its way to storage when the member stops the run.
#[test]
fn a_cancel_in_the_middle_of_a_step_is_not_overtaken_by_it() {
    for operation in ["put", "read", "ask WORKSPACE"] {
        let memory = Memory::new();
        let ada = Client::new(&memory, "ada", 2.0);
        let request = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
        let id = ada.start(&request);
        memory.meet(operation, Fault::Delay(5000));
        memory.elapse(1);
        let result = memory.answer(ada.tool("cancel_forge_run", &json!({ "inference_id": id }))).result();
        memory.elapse(60);
        let end = ada.run_to_end(&id)["structuredContent"].clone();
        let is_cancelled = result["isError"] != true;
        assert_eq!(end["status"], if is_cancelled { "cancelled" } else { "complete" }, "{operation}");
        assert_eq!(ada.units(), if is_cancelled { [2.0, 0.0, 0.0] } else { [1.0, 0.0, 1.0] }, "{operation}");
    }
}

#[test]
fn a_run_that_cannot_be_stored_ends_at_its_deadline() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    let id = ada.start(&json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 }));
    memory.state(|state| state.fault_percent = 100);
    memory.elapse(16 * 60);
    memory.state(|state| state.fault_percent = 0);
    let end = ada.run_to_end(&id)["structuredContent"].clone();
    assert_eq!(
        (&end["status"], &end["error"]["code"]),
        (&json!("failed"), &json!("PROVIDER_FAILED")),
        "and it is not tried once more"
    );
    assert_eq!(ada.units(), [2.0, 0.0, 0.0]);
}

#[test]
fn a_run_whose_alarm_the_platform_gave_up_goes_on_when_it_is_read() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 2.0);
    let id = ada.start(&json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 }));
    memory.kill();
    memory.object::<Run>(&id).alarm.set(None);
    memory.elapse(3600);
    assert_eq!(ada.units(), [1.0, 1.0, 0.0]);
    ada.run_to_end(&id);
    assert_eq!(ada.units()[1], 0.0);
}

#[test]
fn nobody_pays_more_than_was_reserved() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 5.0);
    let id = ada
        .start(&json!({ "model_id": "offline-image", "prompt": "offline:slow", "width": 64, "height": 64 }));
    for price in [Units::whole(3), Units::ZERO] {
        let run_id = RunId::parse(&id).unwrap();
        let settlement = Settlement { run_id, status: RunStatus::Complete, price, assets: Vec::new() };
        memory.run(memory.ask::<Workspace>(&ada.workspace_id, Command::Settle(settlement))).unwrap();
        assert_eq!(ada.units(), [4.0, 0.0, 1.0], "and only once");
    }
}
