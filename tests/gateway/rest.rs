//! REST of workspaces through the front door: the statement and the audit log a page at a time and as CSV, grants that
//! happen once, workflows by their versions, runs. Not for: who is refused (`refusals::rest`).

use crate::oauth::{ADA, FIRST_WORKSPACE, OWNER, World};
use crate::support::client::operate;
use crate::support::http::ORIGIN;
use crate::support::{Answer, Ask, Client, Fault, Memory};
use serde_json::{Value, json};

pub fn path(client: &Client, resource: &str) -> String {
    format!("/api/v1/workspaces/{}/{resource}", client.workspace_id)
}

pub fn get(client: &Client, resource: &str) -> Ask {
    Ask::get(&path(client, resource)).bearer(&client.token)
}

pub fn post(client: &Client, resource: &str, body: Value) -> Ask {
    Ask::post(&path(client, resource), body).bearer(&client.token)
}

fn put(client: &Client, resource: &str, body: Value) -> Ask {
    Ask::new("PUT", &path(client, resource)).bearer(&client.token).body(body)
}

/// An owner of the gateway, by a token of the operator, with a workspace of their own.
pub fn owner(memory: &Memory, units: f64) -> Client {
    let scopes = "workspaces:read workspaces:write forge:read forge:execute models:read";
    Client::with_token(memory, OWNER, json!({ "scopes": scopes, "grant_creative_units": units }))
}

pub fn owned() -> Memory {
    Memory::with(1, &[("OWNER", OWNER)])
}

fn ok(memory: &Memory, ask: Ask) -> Answer {
    let answer = memory.answer(ask);
    assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-ratelimit-remaining").is_some() && answer.header("x-request-id").is_some());
    answer
}

fn fox(seed: u64) -> Value {
    json!({ "model_id": "offline-image", "prompt": "a fox", "width": 64, "height": 64, "seed": seed })
}

pub fn kinds(rows: &Value) -> Vec<String> {
    rows["items"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_statement_tells_every_change_newest_first() {
    let memory = Memory::new();
    let ada = Client::new(&memory, ADA, 5.0);
    let run = ada.start(&fox(1));
    ada.run_to_end(&run);
    let body = ok(&memory, get(&ada, "ledger")).json();
    assert_eq!(kinds(&body), ["settle", "reserve", "grant"]);
    assert_eq!(body["nextCursor"], Value::Null);
    let reserve = &body["items"][1];
    assert_eq!(reserve["run_id"], run);
    assert_eq!((&reserve["creative_units"], &reserve["balance_after"]), (&json!(1), &json!(4)));
    assert_eq!((&reserve["actor_label"], &reserve["token_id"]), (&json!(ADA), &json!(ada.token_id)));
    assert!(reserve["request_id"].is_string() && reserve["at"].as_str().unwrap().ends_with('Z'));
    let grant = &body["items"][2];
    assert_eq!((&grant["actor"], &grant["note"]), (&json!("operator"), &json!("first grant")));
    // By pages it is the same.
    let mut rows = Vec::new();
    let mut next = "ledger?limit=1".to_owned();
    for _ in 0..3 {
        let page = ok(&memory, get(&ada, &next)).json();
        rows.extend(page["items"].as_array().unwrap().clone());
        next = format!("ledger?limit=1&cursor={}", page["nextCursor"].as_str().unwrap_or("none"));
    }
    assert_eq!((json!(rows), next.ends_with("none")), (body["items"].clone(), true));
}

/// Records of RFC 4180 with their cells.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => cell.push(letters.next().unwrap()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {
                assert_eq!(letters.next(), Some('\n'));
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            letter => cell.push(letter),
        }
    }
    assert!(cell.is_empty() && record.is_empty(), "the last line ends too");
    records
}

#[test]
fn as_csv_it_has_the_same_rows_and_no_formula() {
    let memory = owned();
    let ada = owner(&memory, 5.0);
    for (units, note) in
        [(1.5, "=HYPERLINK(\"http://evil\",\"x\")"), (-0.5, "-1, \"quoted\"\nand more"), (1.0, "@x")]
    {
        ok(&memory, post(&ada, "grants", json!({ "creative_units": units, "note": note })));
    }
    let body = ok(&memory, get(&ada, "ledger")).json();
    let answer = ok(&memory, get(&ada, "ledger").with("accept", "text/csv"));
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let name = format!("attachment; filename=\"statement-{}.csv\"", ada.workspace_id);
    assert_eq!((answer.header("content-disposition"), answer.header("link")), (Some(name.as_str()), None));
    let records = records(&answer.text());
    assert_eq!(records.len(), 5);
    for (record, row) in records[1..].iter().zip(body["items"].as_array().unwrap()) {
        for (name, cell) in records[0].iter().zip(record) {
            let value = &row[name.as_str()];
            let plain = value.as_str().map_or_else(|| value.to_string().replace("null", ""), str::to_owned);
            let expected = if value.is_string() && plain.starts_with(['=', '-', '@']) {
                format!("'{plain}")
            } else {
                plain
            };
            assert_eq!(*cell, expected, "{name}");
        }
    }
    assert_eq!((records[2][4].as_str(), records[3][4].as_str()), ("-0.5", "1.5"), "numbers stay numbers");
    // By pages: each names the next until the last, whatever chose the format.
    let mut seen = Vec::new();
    let mut next = format!("{}?format=csv&limit=2", path(&ada, "ledger"));
    for page in 0..2 {
        let answer = ok(&memory, Ask::get(&next).bearer(&ada.token).with("accept", "application/json"));
        seen.extend(self::records(&answer.text()).split_off(1));
        match answer.header("link") {
            Some(link) => {
                let url = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
                next = url.strip_prefix(ORIGIN).unwrap().to_owned();
                assert!(page == 0 && next.contains("limit=2") && next.contains("format=csv"), "{next}");
            }
            None => assert_eq!(page, 1),
        }
    }
    assert_eq!(seen, records[1..]);
}

#[test]
fn the_audit_log_is_read_by_owners_in_both_formats() {
    let memory = Memory::new();
    let ada = Client::new(&memory, ADA, 5.0);
    ada.run_to_end(&ada.start(&fox(1)));
    let body = ok(&memory, get(&ada, "audit?limit=2")).json();
    let names: Vec<_> = body["items"].as_array().unwrap().iter().map(|row| row["event"].clone()).collect();
    assert_eq!(names, ["run.started", "token.issued"]);
    let rest = get(&ada, &format!("audit?limit=2&cursor={}", body["nextCursor"].as_str().unwrap()));
    let rest = ok(&memory, rest).json();
    assert_eq!(
        (&rest["items"][0]["event"], &rest["items"][1]["event"]),
        (&json!("units.granted"), &json!("member.added"))
    );
    let text = ok(&memory, get(&ada, "audit?format=csv")).text();
    let records = records(&text);
    assert_eq!(records.len(), 5);
    assert_eq!(
        records[0].join(","),
        "audit_id,at,event,subject,actor,actor_label,token_id,request_id,details"
    );
    let details: Value = serde_json::from_str(&records[2][8]).unwrap();
    assert_eq!(details["scopes"].as_str().unwrap().split(' ').count(), 20, "{details}");
    assert!(!text.contains("atl_pat_") && !text.contains(&ada.token[10..40]), "{text}");
}

#[test]
fn units_are_added_and_taken_away_and_a_retry_is_not_a_second_grant() {
    let memory = owned();
    let ada = owner(&memory, 5.0);
    let grant = |units: f64, note: &str, key: &str| {
        let ask = post(&ada, "grants", json!({ "creative_units": units, "note": note }));
        memory.answer(if key.is_empty() { ask } else { ask.with("idempotency-key", key) })
    };
    let first = grant(10.0, "March", "k");
    assert_eq!(first.status, 201, "{}", first.text());
    let row = first.json();
    assert_eq!(
        (&row["kind"], &row["balance_after"], &row["note"]),
        (&json!("grant"), &json!(15), &json!("March"))
    );
    assert_eq!((&row["workspace_id"], &row["actor_label"]), (&json!(ada.workspace_id), &json!(OWNER)));
    assert_eq!(grant(10.0, "March", "k").json(), row, "the same answer");
    memory.elapse(24 * 3600 - 1);
    assert_eq!(grant(10.0, "March", "k").json(), row, "the same answer, a day later");
    for (units, note) in [(11.0, "March"), (10.0, "April")] {
        let conflict = grant(units, note, "k");
        assert_eq!(
            (conflict.status, &conflict.json()["error"]["code"]),
            (409, &json!("IDEMPOTENCY_CONFLICT"))
        );
    }
    assert_eq!(ada.units(), [15.0, 0.0, 0.0]);
    // The answer is lost after it was done.
    memory.meet("ask WORKSPACE", Fault::LoseReply);
    assert_eq!(grant(1.0, "", "lost").status, 503);
    assert_eq!(grant(1.0, "", "lost").json()["balance_after"], 16);
    let taken = grant(-2.5, "a slip", "").json();
    assert_eq!(
        (&taken["kind"], &taken["creative_units"], &taken["balance_after"]),
        (&json!("adjust"), &json!(-2.5), &json!(13.5))
    );
    let refused = grant(-13.6, "too much", "");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Only 13.5 Creative Units are free"), "{}", refused.text());
    assert_eq!(ada.units(), [13.5, 0.0, 0.0]);
    memory.elapse(2);
    assert_eq!(grant(10.0, "March", "k").json()["balance_after"], 23.5, "after a day it is another grant");
    let log = memory.answer(get(&ada, "audit?limit=3")).json();
    let events: Vec<_> = log["items"].as_array().unwrap().iter().map(|row| row["event"].clone()).collect();
    assert_eq!(events, ["units.granted", "units.taken", "units.granted"]);
}

#[test]
fn of_one_grant_sent_twice_at_once_one_is_made() {
    for seed in 0..20 {
        let memory = Memory::with(seed, &[("OWNER", OWNER)]);
        let ada = owner(&memory, 0.0);
        memory.state(|state| state.shuffles = true);
        let ask = || post(&ada, "grants", json!({ "creative_units": 2 })).with("idempotency-key", "k");
        let answers =
            memory.run(futures::future::join_all([ask(), ask(), ask()].map(|ask| memory.send(ask))));
        let rows: Vec<_> = answers.iter().map(Answer::json).collect();
        assert!(rows.iter().all(|row| *row == rows[0] && row["balance_after"] == 2), "seed {seed}: {rows:?}");
    }
}

#[test]
fn the_operators_grants_can_be_repeated_too() {
    let memory = Memory::new();
    let ada = Client::new(&memory, ADA, 1.0);
    let grant = |units: f64, key: Value| {
        let body =
            json!({ "workspace_id": ada.workspace_id, "creative_units": units, "idempotency_key": key });
        operate(&memory, "/api/v1/operator/grants", &body)
    };
    let first = grant(5.0, json!("k"));
    assert_eq!((first.status, grant(5.0, json!("k")).json()), (200, first.json()));
    let conflict = grant(6.0, json!("k"));
    assert_eq!((conflict.status, &conflict.json()["error"]["code"]), (409, &json!("IDEMPOTENCY_CONFLICT")));
    assert_eq!(grant(5.0, json!("k".repeat(129))).status, 400);
    grant(5.0, Value::Null);
    grant(5.0, Value::Null);
    assert_eq!(ada.units()[0], 16.0);
}

/// No app can ask for it, no consent page shows it, no challenge names it; and without the scope it is refused.
#[test]
fn an_app_can_never_give_itself_units() {
    let world = World::new();
    let browser = world.signed_in(OWNER);
    let app = crate::oauth::App::documented();
    for scope in ["workspaces:write", "workspaces:write workspaces:read"] {
        let form = app.ask(&browser, &[("scope", scope)]);
        assert!(!form.all("scope").contains(&"workspaces:write"), "{scope}");
        let mut wide = form.with("decision", "approve");
        wide.fields.push(("scope".into(), "workspaces:write".into()));
        let page = browser.submit(&wide);
        let held = crate::oauth::tokens(&app.redeem(&world, &page.parameter("code").unwrap()));
        assert!(!held.scope.contains("workspaces:write"), "{}", held.scope);
        let mut client = world.client(&held.access);
        client.workspace_id = FIRST_WORKSPACE.into();
        let refused = world.memory.answer(post(&client, "grants", json!({ "creative_units": 5 })));
        assert_eq!(refused.status, 403);
        let challenge = refused.header("www-authenticate").unwrap();
        let scope = challenge.split("scope=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(
            challenge.contains("error=\"insufficient_scope\"") && !scope.contains("workspaces:write"),
            "{challenge}"
        );
    }
    for document in ["oauth-protected-resource", "oauth-authorization-server"] {
        let scopes =
            world.memory.answer(Ask::get(&format!("/.well-known/{document}"))).json()["scopes_supported"]
                .clone();
        assert!(scopes.as_array().unwrap().len() > 10 && !scopes.to_string().contains("workspaces:write"));
    }
    let challenge = world.memory.answer(Ask::get(&format!("/api/v1/workspaces/{FIRST_WORKSPACE}/ledger")));
    let challenge = challenge.header("www-authenticate").unwrap();
    assert!(challenge.contains("workspaces:read") && !challenge.contains("workspaces:write"), "{challenge}");
    let unnamed = Client::new(&world.memory, OWNER, 1.0);
    assert_eq!(world.memory.answer(post(&unnamed, "grants", json!({ "creative_units": 5 }))).status, 403);
}

fn document(name: &str) -> Value {
    json!({
        "format": 1, "name": name, "inputs": [{ "name": "subject", "type": "text" }],
        "steps": [{ "id": "draw", "type": "model", "model_id": "offline-image", "parameters": { "prompt": "{{inputs.subject}}", "width": 64, "height": 64 } }],
        "outputs": [{ "name": "picture", "from": "{{steps.draw.files}}" }],
    })
}

#[test]
fn a_workflow_is_checked_saved_read_and_changed_by_its_version() {
    let memory = Memory::new();
    let ada = Client::new(&memory, ADA, 5.0);
    let send = |ask: Ask| memory.answer(ask);
    let good = ok(&memory, post(&ada, "workflows/validate", json!({ "document": document("Fox") }))).json();
    assert_eq!(good, json!({ "valid": true, "problems": [] }));
    let bad = ok(&memory, post(&ada, "workflows/validate", json!({ "document": { "format": 1 } }))).json();
    assert_eq!(bad["valid"], false);
    assert!(
        bad["problems"].as_array().unwrap().len() > 1 && bad["problems"][0]["message"].is_string(),
        "{bad}"
    );

    let create =
        || post(&ada, "workflows", json!({ "document": document("Fox") })).with("idempotency-key", "k");
    let made = ok(&memory, create());
    let id = made.json()["workflow_id"].as_str().unwrap().to_owned();
    let place = path(&ada, &format!("workflows/{id}"));
    assert_eq!(
        (made.status, made.header("location"), made.header("etag")),
        (201, Some(place.as_str()), Some("\"1\""))
    );
    assert_eq!(ok(&memory, create()).json()["workflow_id"], id.as_str(), "a retry makes no second one");
    let by_tool = crate::workflows::create(&ada, &document("Lynx"));
    assert_eq!(ok(&memory, get(&ada, &format!("workflows/{by_tool}"))).json()["name"], "Lynx");
    let one = format!("workflows/{id}");
    let read = ok(&memory, get(&ada, &one)).json();
    assert_eq!((&read["document"], &read["published_version"]), (&document("Fox"), &json!(1)));

    let draft = put(&ada, &one, json!({ "document": document("Wolf"), "publish": false }));
    let draft = ok(&memory, draft.with("if-match", "\"1\"")).json();
    assert_eq!((&draft["latest_version"], &draft["published_version"]), (&json!(2), &json!(1)));
    assert_eq!(ok(&memory, get(&ada, &one)).json()["name"], "Fox", "the published one");
    assert_eq!(ok(&memory, get(&ada, &format!("{one}?version=2"))).json()["name"], "Wolf");
    let stale = json!({ "document": document("Bear") });
    let late = send(put(&ada, &one, stale.clone()).with("if-match", "\"1\""));
    assert_eq!((late.status, &late.json()["error"]["code"]), (412, &json!("VERSION_CONFLICT")));
    let late = send(put(&ada, &one, json!({ "document": document("Bear"), "base_version": 1 })));
    assert_eq!((late.status, &late.json()["error"]["details"]["latest_version"]), (409, &json!(2)));
    assert_eq!(ok(&memory, put(&ada, &one, stale).with("if-match", "*")).json()["published_version"], 3);
    let versions = ok(&memory, get(&ada, &format!("{one}/versions"))).json();
    let told: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["version"].as_i64().unwrap(), line["published"] == true))
        .collect();
    assert_eq!(told, [(3, true), (2, false), (1, false)]);
    assert_eq!(versions["items"][0]["actor_label"], ADA);

    assert_eq!(ok(&memory, put(&ada, &one, json!({ "archived": true }))).json()["archived"], true);
    let ids = |query: &str| {
        let body = ok(&memory, get(&ada, &format!("workflows{query}"))).json();
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["workflow_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(!ids("").contains(&id) && ids("").contains(&"icon-set".to_owned()));
    assert!(ids("?include_hidden=true&query=bear").contains(&id));
    assert_eq!(ok(&memory, get(&ada, "workflows/icon-set")).json()["built_in"], true);
}

#[test]
fn runs_are_listed_as_the_tool_lists_them() {
    let memory = Memory::new();
    let ada = Client::new(&memory, ADA, 5.0);
    let ids: Vec<_> = (0..3)
        .map(|seed| {
            memory.elapse(1);
            ada.start(&fox(seed))
        })
        .collect();
    ids.iter().for_each(|id| _ = ada.run_to_end(id));
    let tool = ada.call("list_runs", &json!({ "limit": 2 }))["structuredContent"].clone();
    let rest =
        ok(&memory, get(&ada, "runs?limit=2&whose=mine&status=complete&model_id=offline-image")).json();
    assert_eq!((&rest["items"], rest["items"].as_array().unwrap().len()), (&tool["items"], 2));
    let next =
        ok(&memory, get(&ada, &format!("runs?limit=2&cursor={}", rest["nextCursor"].as_str().unwrap())));
    assert_eq!(next.json()["items"][0]["id"], ids[0].as_str());
    assert_eq!(ok(&memory, get(&ada, "runs?status=failed")).json()["items"], json!([]));
}

#[test]
fn the_schema_is_public_and_kept() {
    let answer = Memory::new().answer(Ask::get("/schemas/workflow-1.json"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/schema+json")));
    assert!(answer.header("cache-control").unwrap().starts_with("public, max-age="));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.text(), atelier::workflows::SCHEMA);
}

#[test]
fn it_counts_with_mcp_and_a_page_of_the_gateway_may_call_it() {
    let memory = Memory::with(1, &[("RATE_LIMIT_PERSONAL", "3")]);
    let ada = Client::new(&memory, ADA, 1.0);
    ada.units();
    let left: Vec<_> = [get(&ada, "ledger"), get(&ada, "nothing"), get(&ada, "ledger")]
        .map(|ask| memory.answer(ask.with("origin", ORIGIN)))
        .iter()
        .map(|answer| {
            assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
            (answer.status, answer.header("x-ratelimit-remaining").unwrap().to_owned())
        })
        .collect();
    assert_eq!(left, [(200, "1".into()), (404, "0".into()), (429, "0".into())]);
    let preflight = memory.answer(Ask::new("OPTIONS", &path(&ada, "grants")).with("origin", ORIGIN));
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("PUT"));
    let foreign = memory.answer(get(&ada, "ledger").with("origin", "https://evil.example"));
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
}
