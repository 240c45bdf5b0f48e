//! Who may not: tokens that are none, scopes that are missing, things that belong to somebody else.

use super::Code::{Fine, Rest, Rpc, Tool};
use super::{check, row};
use crate::support::client::operate;
use crate::support::memory::OPERATOR_KEY;
use crate::support::{Answer, Ask, Client, Memory};
use atelier::id::{PersonId, TokenId};
use atelier::mcp::era::Era;
use atelier::oauth::opaque::{self, Kind};
use atelier::platform::Platform;
use atelier::workspace::media::Query;
use atelier::workspace::{Command, Reply, Workspace};
use serde_json::{Value, json};

const UNKNOWN: super::Code = Rest("UNAUTHENTICATED");

#[rustfmt::skip] // one row a line
#[test]
fn a_token_that_is_none_is_refused_with_a_challenge() {
    let memory = Memory::new();
    let elsewhere = Memory::with(2, &[("GATEWAY_SECRET", "another-secret-of-another-gateway!")]);
    let foreign = Client::new(&elsewhere, "ada", 1.0).token;
    let ada = Client::new(&memory, "ada", 1.0);
    let brief = Client::with_token(&memory, "bob", json!({ "expires_in_days": 1 }));
    let revoked = Client::new(&memory, "eve", 1.0);
    assert_eq!(
        operate(&memory, "/api/v1/operator/tokens/revoke", &json!({ "token": revoked.token })).status,
        200
    );
    memory.elapse(24 * 3600);
    let with =
        |authorization: &str| ada.compose("tools/list", json!({})).with("authorization", authorization);
    let of = |client: &Client| client.compose("tools/list", json!({}));
    let mut mistyped = ada.token.clone();
    let end = mistyped.len() - 3..mistyped.len() - 2;
    mistyped.replace_range(end.clone(), if &ada.token[end] == "A" { "B" } else { "A" });
    let person = PersonId::of("ada");
    let id = TokenId::parse(&ada.token_id).unwrap();
    let kind = Kind::PersonalAccessToken;
    let unissued = opaque::compose(memory.config(), kind, &person, id.as_str(), &[7; opaque::SECRET_BYTES]);
    let rows = vec![
        row("right checksum, never issued", with(&format!("Bearer {unissued}")), 401, UNKNOWN, "The token is not known here."),
        row("no token", ada.compose("tools/list", json!({})).without("authorization"), 401, UNKNOWN, "This endpoint needs a token."),
        row("GET without token", Ask::get("/mcp"), 401, UNKNOWN, "needs a token"),
        row("DELETE without token", Ask::new("DELETE", "/mcp"), 401, UNKNOWN, "needs a token"),
        row("malformed JSON without token", Ask::post("/mcp", "{"), 401, UNKNOWN, "needs a token"),
        row("no scheme", with(&ada.token), 401, UNKNOWN, "must read `Bearer <token>`"),
        row("scheme Basic", with("Basic YTpi"), 401, UNKNOWN, "must use the Bearer scheme"),
        row("empty token", with("Bearer "), 401, UNKNOWN, "`Bearer <token>`"),
        row("token of another kind", with("Bearer sk-123"), 401, UNKNOWN, "personal access tokens with atl_pat_"),
        row("prefix only", with("Bearer atl_pat_"), 401, UNKNOWN, "mistyped, cut short or from another gateway"),
        row("10,000 characters", with(&format!("Bearer atl_pat_{}", "A".repeat(10_000))), 401, UNKNOWN, "not a token of this gateway"),
        row("one letter mistyped", with(&format!("Bearer {mistyped}")), 401, UNKNOWN, "mistyped"),
        row("token of another gateway", with(&format!("Bearer {foreign}")), 401, UNKNOWN, "from another gateway"),
        row("expired token", of(&brief), 401, UNKNOWN, "The token has expired. Ask for a new one."),
        row("revoked token", of(&revoked), 401, UNKNOWN, "The token was revoked. Ask for a new one."),
        row("scheme in other case", with(&format!("bEARER {}", ada.token)), 200, Fine, ""),
    ];
    for row in &rows[..rows.len() - 1] {
        let challenge = memory.answer(row.ask.clone()).header("www-authenticate").unwrap().to_owned();
        assert!(challenge.starts_with("Bearer resource_metadata=\"https://gateway.example/.well-known/oauth-protected-resource/mcp\""), "{challenge}");
        let has_sent_one = row.ask.headers.iter().any(|(name, _)| name == "authorization");
        assert_eq!(challenge.contains("error=\"invalid_token\""), has_sent_one, "{}: {challenge}", row.name);
    }
    check(&memory, rows);
}

#[test]
fn a_revoked_token_reads_for_a_minute_and_spends_no_more() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 5.0);
    ada.units();
    operate(&memory, "/api/v1/operator/tokens/revoke", &json!({ "token_id": ada.token_id, "person": "ada" }));
    ada.units();
    let picture = json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 });
    assert_eq!(memory.answer(ada.tool("execute_forge", &picture)).status, 401);
    assert_eq!(memory.answer(ada.tool("list_models", &json!({}))).status, 401, "and the attempt was noticed");

    let bob = Client::new(&memory, "bob", 5.0);
    bob.units();
    operate(&memory, "/api/v1/operator/tokens/revoke", &json!({ "token": bob.token }));
    memory.elapse(61);
    assert_eq!(memory.answer(bob.tool("list_models", &json!({}))).status, 401);
}

#[rustfmt::skip] // one row a line
#[test]
fn a_missing_scope_is_a_challenge_that_lists_every_scope() {
    let memory = Memory::new();
    let reader = Client::with_token(&memory, "ada", json!({ "scopes": "models:read forge:read" }));
    let forbidden = Tool("FORBIDDEN");
    let rows = vec![
        row("execute without forge:execute", reader.tool("execute_forge", &json!({})), 403, forbidden, "The token lacks the scope forge:execute."),
        row("cancel without forge:execute", reader.tool("cancel_forge_run", &json!({ "inference_id": "x" })), 403, forbidden, "forge:execute"),
        row("workspace without workspaces:read", reader.tool("get_workspace", &json!({})), 403, forbidden, "workspaces:read"),
        row("the same in a batch era", reader.clone().in_era(Era::V2025_03_26).tool("get_workspace", &json!({})), 403, forbidden, "workspaces:read"),
    ];
    check(&memory, rows);
    let challenge = memory
        .answer(reader.tool("execute_forge", &json!({})))
        .header("www-authenticate")
        .unwrap()
        .to_owned();
    assert!(
        challenge.contains("error=\"insufficient_scope\", scope=\"models:read forge:read forge:execute\""),
        "{challenge}"
    );
    let listed = reader.request("tools/list", json!({})).result();
    let names: Vec<_> =
        listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let expected = [
        "get_instructions",
        "get_forge_instructions",
        "get_workflow_instructions",
        "get_model_recommendations",
        "list_models",
        "get_model",
        "estimate_forge_price",
        "get_forge_run",
        "list_runs",
    ];
    assert_eq!(names, expected);
    let blind = Client::with_token(&memory, "bob", json!({ "scopes": "models:read" }));
    let run = format!("atelier://runs/{}", "01920000-0000-7000-8000-000000000000");
    assert_eq!(blind.request("resources/read", json!({ "uri": run })).status, 403);
}

#[rustfmt::skip] // one row a line
#[test]
fn what_is_another_persons_does_not_exist() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 5.0);
    let eve = Client::new(&memory, "eve", 5.0);
    let id = ada.start(&json!({ "model_id": "offline-image", "prompt": "a cat", "width": 64, "height": 64 }));
    let asset = ada.run_to_end(&id)["structuredContent"]["assets"][0]["asset_id"].clone();
    let gone = Tool("RUN_NOT_FOUND");
    let uri = format!("atelier://runs/{id}");
    let style = json!({ "model_id": "offline-image", "prompt": "x", "guidance_files": [{ "file_id": asset, "type": "style" }] });
    check(
        &memory,
        vec![
            row("another person's run", eve.tool("get_forge_run", &json!({ "inference_id": id })), 200, gone, "No run of yours has this id."),
            row("cancel another person's run", eve.tool("cancel_forge_run", &json!({ "inference_id": id })), 200, gone, "No run of yours"),
            row("another workspace's id", eve.tool("get_workspace", &json!({ "workspace_id": ada.workspace_id })), 200, Tool("WORKSPACE_NOT_FOUND"), "This token is for another workspace."),
            row("spending another workspace's units", eve.tool("execute_forge", &json!({ "workspace_id": ada.workspace_id, "model_id": "offline-image", "prompt": "x" })), 200, Tool("WORKSPACE_NOT_FOUND"), "another workspace"),
            row("another workspace's file", eve.tool("execute_forge", &style), 200, Tool("FILE_NOT_FOUND"), "This workspace has no file"),
            row("another person's run as a resource", eve.compose("resources/read", json!({ "uri": uri })), 200, Rpc(-32602), "There is no such resource, or it is not yours."),
            row("another person's file as a resource", eve.compose("resources/read", json!({ "uri": format!("{uri}/assets/1") })), 200, Rpc(-32602), "not yours"),
            row("a file the run does not have", ada.compose("resources/read", json!({ "uri": format!("{uri}/assets/2") })), 200, Rpc(-32602), "no such resource"),
        ],
    );
}

#[rustfmt::skip] // one row a line
#[test]
fn a_cursor_is_for_one_list_of_one_person_for_a_day() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0);
    let eve = Client::new(&memory, "eve", 1.0);
    let cursor = |client: &Client| {
        client.call("list_models", &json!({ "limit": 1 }))["structuredContent"]["nextCursor"].clone()
    };
    let mine = cursor(&ada);
    let next = |client: &Client, tool: &str, cursor: &Value| client.tool(tool, &json!({ "cursor": cursor }));
    let bad = Tool("INVALID_INPUTS");
    check(
        &memory,
        vec![
            row("another person's cursor", next(&eve, "list_models", &mine), 200, bad, "`cursor` belongs to another list."),
            row("cursor of another list", next(&ada, "list_workspaces", &mine), 200, bad, "`cursor` belongs to another list."),
            row("cursor of a tool in a protocol list", ada.compose("resources/list", json!({ "cursor": mine })), 200, Rpc(-32602), "`cursor` belongs to another list."),
            row("good cursor", next(&ada, "list_models", &mine), 200, Fine, ""),
        ],
    );
    memory.elapse(24 * 3600 + 1);
    check(
        &memory,
        vec![row("expired cursor", next(&ada, "list_models", &mine), 200, bad, "`cursor` has expired.")],
    );
}

#[rustfmt::skip] // one row a line
#[test]
fn a_session_that_is_not_the_callers_is_gone() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0).in_session(Era::V2025_11_25);
    let eve = Client::new(&memory, "eve", 1.0).in_session(Era::V2025_11_25);
    let id = ada.session.clone().unwrap();
    let (body, tag) = id.split_once('.').unwrap();
    let with = |client: &Client, id: &str| client.compose("ping", json!({})).with("mcp-session-id", id);
    let gone = Rpc(-32600);
    check(
        &memory,
        vec![
            row("forged session id", with(&ada, "made-up"), 404, gone, "The session has ended or was never yours. Send initialize without Mcp-Session-Id."),
            row("session id with another tag", with(&ada, &format!("{body}.AAAAAAAAAAAAAAAAAAAAAA")), 404, gone, "never yours"),
            row("session id with another body", with(&ada, &format!("A{body}.{tag}")), 404, gone, "never yours"),
            row("empty session id", with(&ada, ""), 404, gone, "never yours"),
            row("another's session", with(&eve, &id), 404, gone, "never yours"),
            row("another's session, ended", eve.bare("DELETE").with("mcp-session-id", &id), 404, gone, "never yours"),
            row("another's session, listened to", eve.bare("GET").with("mcp-session-id", &id), 404, gone, "never yours"),
            row("own session", with(&ada, &id), 200, Fine, ""),
        ],
    );
    assert_eq!(memory.answer(ada.bare("DELETE")).status, 204);
    check(
        &memory,
        vec![
            row("ended session", with(&ada, &id), 404, gone, "The session has ended"),
            row("ended session, listened to", ada.bare("GET"), 404, gone, "The session has ended"),
            row("ended twice", ada.bare("DELETE"), 404, gone, "The session has ended"),
        ],
    );
    memory.elapse(24 * 3600);
    check(
        &memory,
        vec![row("expired session", eve.compose("ping", json!({})), 404, gone, "The session has ended")],
    );
}

#[rustfmt::skip] // one row a line
#[test]
fn the_operators_api_checks_its_key_and_its_body() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 1.0);
    let post =
        |path: &str, body: &str| Ask::post(&format!("/api/v1/operator/{path}"), body).bearer(OPERATOR_KEY);
    let grant = |units: &str| {
        post("grants", &format!("{{\"workspace_id\":\"{}\",\"creative_units\":{units}}}", ada.workspace_id))
    };
    let bad = Rest("INVALID_INPUTS");
    check(
        &memory,
        vec![
            row("no key", post("tokens", "{}").without("authorization"), 401, UNKNOWN, "The operator key is missing or wrong."),
            row("wrong key", post("tokens", "{}").bearer("not-the-key"), 401, UNKNOWN, "missing or wrong"),
            row("a member's token as key", post("grants", "{}").bearer(&ada.token), 401, UNKNOWN, "missing or wrong"),
            row("wrong key for a revocation", post("tokens/revoke", "{}").bearer(""), 401, UNKNOWN, "missing or wrong"),
            row("malformed body", post("tokens", "{"), 400, bad, "The body: EOF"),
            row("empty body", post("tokens", ""), 400, bad, "The body: EOF"),
            row("unknown field", post("tokens", r#"{"person":"ada","role":"god"}"#), 400, bad, "unknown field `role`"),
            row("no person", post("tokens", "{}"), 400, bad, "missing field `person`"),
            row("person of spaces", post("tokens", r#"{"person":"  "}"#), 400, bad, "`person` must have 1 to 200 characters, not 0."),
            row("person too long", post("tokens", &json!({ "person": "x".repeat(201) }).to_string()), 400, bad, "not 201."),
            row("unknown scope", post("tokens", r#"{"person":"ada","scopes":"forge:read admin"}"#), 400, bad, "`admin` is not a scope"),
            row("negative first grant", post("tokens", r#"{"person":"ada","grant_creative_units":-5}"#), 400, bad, "must be a number from 0"),
            row("expiry in the past", post("tokens", r#"{"person":"ada","expires_in_days":-1}"#), 400, bad, "-1"),
            row("expiry today", post("tokens", r#"{"person":"ada","expires_in_days":0}"#), 400, bad, "expires_in_days"),
            row("workspace that is no UUID", post("tokens", r#"{"person":"ada","workspace_id":"mine"}"#), 400, bad, "`workspace_id` must be a UUID."),
            row("workspace of nobody", post("tokens", r#"{"person":"ada","workspace_id":"01920000-0000-7000-8000-000000000000"}"#), 404, Rest("WORKSPACE_NOT_FOUND"), "There is no workspace"),
            row("negative grant", grant("-1"), 400, bad, "must be a number from 0, not -1."),
            row("grant above every bill", grant("1e10"), 400, bad, "Creative Units must be"),
            row("grant a string", grant("\"5\""), 400, bad, "The body: invalid type"),
            row("grant 1e400", grant("1e400"), 400, bad, "number out of range"),
            row("grant to nobody", post("grants", r#"{"workspace_id":"01920000-0000-7000-8000-000000000000","creative_units":1}"#), 404, Rest("WORKSPACE_NOT_FOUND"), "There is no workspace"),
            row("revoke nothing", post("tokens/revoke", "{}"), 400, bad, "Give `token`, or `token_id` and `person`."),
            row("revoke what never was", post("tokens/revoke", r#"{"token_id":"01920000-0000-7000-8000-000000000000","person":"nobody"}"#), 400, bad, "No such token was ever issued here."),
            row("body too large", post("grants", "").too_large(), 400, bad, "The body is too large."),
        ],
    );
    let closed = Memory::with(1, &[("OPERATOR_KEY", "")]);
    let answer: Answer = closed.answer(Ask::post("/api/v1/operator/tokens", "{}").bearer(""));
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (403, Some("FORBIDDEN")));
}

/// Every token is bound to one workspace today; the workspace's object does not rely on that.
#[test]
fn a_workspace_answers_a_stranger_as_if_it_did_not_exist() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 5.0);
    let person = PersonId::of("eve");
    let assets = Command::Assets { person: person.clone(), query: Query { limit: 1, ..Query::default() } };
    for command in [Command::Summary { person }, assets] {
        let ask = |workspace: &str| memory.run(memory.ask::<Workspace>(workspace, command.clone())).unwrap();
        let (real, made_up) = (ask(&ada.workspace_id), ask("01920000-0000-7000-8000-000000000000"));
        let [Reply::Refused(real), Reply::Refused(made_up)] = [real, made_up] else { panic!("not refused") };
        assert_eq!(real, made_up);
    }
}
