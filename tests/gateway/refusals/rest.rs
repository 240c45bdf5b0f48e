//! REST of workspaces: whoever may not, whatever is not understood.

use super::Code::{Fine, Rest};
use super::{check, row};
use crate::rest::{get, owned, owner, path, post};
use crate::support::{Ask, Client, Memory};
use atelier::id::{PersonId, WorkspaceId};
use atelier::platform::Platform;
use atelier::workspace::{Actor, Command, Role, Workspace};
use serde_json::{Value, json};

const BAD: super::Code = Rest("INVALID_INPUTS");
const NONE: super::Code = Rest("WORKSPACE_NOT_FOUND");
const FORBIDDEN: super::Code = Rest("FORBIDDEN");

/// A token of somebody in this workspace, as this.
fn member(memory: &Memory, of: &Client, person: &str, role: Role) -> Client {
    let scopes = "workspaces:read workspaces:write forge:read workflows:read workflows:write";
    let client =
        Client::with_token(memory, person, json!({ "workspace_id": of.workspace_id, "scopes": scopes }));
    let (actor, label) = (Actor::operator("r"), None);
    let command = Command::AddMember { actor, person: PersonId::of(person), role, label };
    memory.run(memory.ask::<Workspace>(&of.workspace_id, command)).unwrap();
    client
}

#[rustfmt::skip] // one row a line
#[test]
fn who_may_not_read_or_change_a_workspace() {
    let memory = owned();
    let ada = owner(&memory, 5.0);
    let eve = Client::new(&memory, "eve@example.com", 5.0);
    let bob = member(&memory, &ada, "bob@example.com", Role::Member);
    let vera = member(&memory, &ada, "vera@example.com", Role::Viewer);
    let partner = member(&memory, &ada, "partner@example.com", Role::Owner);
    let brief = Client::with_token(&memory, "cy@example.com", json!({ "expires_in_days": 1 }));
    let narrow = Client::with_token(&memory, "dan@example.com", json!({ "scopes": "models:read" }));
    let theirs = |resource: &str| Ask::get(&path(&ada, resource)).bearer(&eve.token);
    let units = || json!({ "creative_units": 5 });
    let no_uuid = Ask::get("/api/v1/workspaces/mine/ledger").bearer(&ada.token);
    let document = json!({ "document": { "format": 1 } });
    check(&memory, vec![
        row("no token", get(&ada, "ledger").without("authorization"), 401, Rest("UNAUTHENTICATED"), "needs a token"),
        row("another's workspace", theirs("ledger"), 404, NONE, "No workspace that this token opens has this id."),
        row("no such workspace", Ask::get(&format!("/api/v1/workspaces/{}/ledger", fresh(&memory))).bearer(&unbound(&memory)), 404, NONE, "No workspace that this token opens"),
        row("another's by a token for all", Ask::get(&path(&ada, "ledger")).bearer(&unbound(&memory)), 404, NONE, "No workspace that this token opens"),
        row("no id", no_uuid, 404, NONE, "No workspace that this token opens"),
        row("another's audit", theirs("audit"), 404, NONE, "No workspace"),
        row("another's workflows", theirs("workflows"), 404, NONE, "No workspace"),
        row("no scope", get(&narrow, "ledger"), 403, FORBIDDEN, "The token lacks the scope workspaces:read."),
        row("no scope for runs", get(&narrow, "runs"), 403, FORBIDDEN, "forge:read"),
        row("no scope for workflows", get(&narrow, "workflows"), 403, FORBIDDEN, "workflows:read"),
        row("no scope to save", post(&narrow, "workflows", document.clone()), 403, FORBIDDEN, "workflows:write"),
        row("no scope to grant", post(&eve, "grants", units()), 403, FORBIDDEN, "workspaces:write"),
        row("viewer reads the statement", get(&vera, "ledger"), 200, Fine, ""),
        row("member reads the audit log", get(&bob, "audit"), 403, FORBIDDEN, "Only an owner of the workspace"),
        row("viewer reads the audit log", get(&vera, "audit"), 403, FORBIDDEN, "Only an owner of the workspace"),
        row("viewer saves a workflow", post(&vera, "workflows", json!({ "document": sample() })), 403, FORBIDDEN, "viewer"),
        row("member grants", post(&bob, "grants", units()), 403, FORBIDDEN, "Only owners of the gateway"),
        row("owner of the workspace alone grants", post(&partner, "grants", units()), 403, FORBIDDEN, "Only owners of the gateway"),
        row("owner of both grants", post(&ada, "grants", units()), 201, Fine, ""),
    ]);
    memory.elapse(24 * 3600);
    check(&memory, vec![
        row("expired token", get(&brief, "ledger"), 401, Rest("UNAUTHENTICATED"), "The token has expired."),
    ]);
    assert_eq!(ada.units()[0], 10.0, "one was granted");
}

fn sample() -> Value {
    json!({
        "format": 1, "name": "Fox", "steps": [{ "id": "draw", "type": "model", "model_id": "offline-image", "parameters": { "prompt": "x" } }],
        "outputs": [{ "name": "picture", "from": "{{steps.draw.files}}" }],
    })
}

fn fresh(memory: &Memory) -> String {
    WorkspaceId::mint(memory.now(), &memory.random()).to_string()
}

/// A token of a gateway's owner that opens every workspace of theirs: they have left the one they had.
fn unbound(memory: &Memory) -> String {
    use atelier::oauth::account::{Account, Command, NewToken};
    use atelier::oauth::opaque::{self, Kind};
    use atelier::oauth::{Scope, Scopes};
    let person = PersonId::of("zoe@example.com");
    let token_id = atelier::id::TokenId::mint(memory.now(), &memory.random());
    let token = opaque::compose(
        memory.config(),
        Kind::PersonalAccessToken,
        &person,
        token_id.as_str(),
        &memory.random(),
    );
    let scopes: Scopes = [Scope::WorkspacesRead].into_iter().collect();
    let issued = NewToken {
        token_id,
        hash: opaque::hash(&token),
        name: "all".into(),
        scopes,
        workspace_id: None,
        expires_at: None,
        allowance: Default::default(),
    };
    memory.run(memory.ask::<Account>(person.as_str(), Command::Issue(issued))).unwrap();
    token
}

#[rustfmt::skip] // one row a line
#[test]
fn what_is_not_understood_says_what_would_be() {
    let memory = owned();
    let ada = owner(&memory, 5.0);
    let bob = member(&memory, &ada, "bob@example.com", Role::Member);
    let cursor = memory.answer(get(&ada, "ledger?limit=1&format=csv")).header("link").map(str::to_owned);
    assert_eq!(cursor, None, "one row, so no next page");
    memory.answer(post(&ada, "grants", json!({ "creative_units": 1 })));
    let page = memory.answer(get(&ada, "ledger?limit=1")).json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let grant = |body: Value| post(&ada, "grants", body);
    let raw = |text: &str| Ask::post(&path(&ada, "grants"), text).bearer(&ada.token);
    let saves = |ask: Ask| ask.bearer(&bob.token);
    let put = |id: &str, body: Value| Ask::new("PUT", &path(&ada, &format!("workflows/{id}"))).body(body).bearer(&bob.token);
    let id = fresh(&memory);
    let missing = Rest("WORKFLOW_NOT_FOUND");
    check(&memory, vec![
        row("no such resource", get(&ada, "members"), 404, BAD, "A workspace has no such resource."),
        row("nothing after the id", Ask::get(&format!("/api/v1/workspaces/{}", ada.workspace_id)).bearer(&ada.token), 404, BAD, "no such resource"),
        row("wrong method", post(&ada, "ledger", json!({})), 405, BAD, "This address takes GET, HEAD, OPTIONS."),
        row("reading grants", get(&ada, "grants"), 405, BAD, "This address takes POST, OPTIONS."),
        row("DELETE of a workflow", Ask::new("DELETE", &path(&ada, "workflows/x")).bearer(&ada.token), 405, BAD, "GET, HEAD, PUT, OPTIONS"),
        row("wrong format", get(&ada, "ledger?format=xlsx"), 400, BAD, "`format` must be `json` or `csv`, not `xlsx`."),
        row("unknown parameter", get(&ada, "ledger?since=2026"), 400, BAD, "There is no parameter `since`. There are `format`, `limit`, `cursor`."),
        row("parameter twice", get(&ada, "ledger?limit=1&limit=2"), 400, BAD, "`limit` is there twice"),
        row("made-up cursor", get(&ada, "ledger?cursor=abc"), 400, BAD, "`cursor` is not one that this gateway gave out."),
        row("cursor of another list", get(&ada, &format!("audit?cursor={cursor}")), 400, BAD, "`cursor` belongs to another list."),
        row("cursor of another person", get(&bob, &format!("ledger?cursor={cursor}")), 400, BAD, "`cursor` belongs to another list."),
        row("limit 0", get(&ada, "ledger?limit=0"), 400, BAD, "`limit` must be a whole number from 1 to 100, not 0."),
        row("limit of words", get(&ada, "ledger?limit=all"), 400, BAD, "`limit` must be a whole number, not `all`."),
        row("JSON of 1,000 rows", get(&ada, "ledger?limit=1000"), 400, BAD, "1 to 100"),
        row("CSV of 1,000 rows", get(&ada, "ledger?limit=1000&format=csv"), 200, Fine, ""),
        row("CSV of 1,001 rows", get(&ada, "ledger?limit=1001&format=csv"), 400, BAD, "`limit` must be from 1 to 1000 for CSV, not 1001."),
        row("runs of a status", get(&bob, "runs?status=done"), 400, BAD, "`status` must be one of in_progress,"),
        row("runs of a day", get(&bob, "runs?created_after=yesterday"), 400, BAD, "`created_after` must be a day"),
        row("no JSON", raw("{"), 400, BAD, "The body: EOF"),
        row("no body", raw(""), 400, BAD, "missing field `creative_units`"),
        row("too large", raw("").too_large(), 413, BAD, "The body is larger than 4194304 bytes."),
        row("an unknown field", grant(json!({ "creative_units": 1, "to": "me" })), 400, BAD, "unknown field `to`"),
        row("units in words", grant(json!({ "creative_units": "1" })), 400, BAD, "invalid type: string \"1\", expected a number"),
        row("no units", grant(json!({ "creative_units": 0 })), 400, BAD, "`creative_units` must be from 0.001 to 1000000000, or with a minus"),
        row("a ten-thousandth", grant(json!({ "creative_units": 0.0001 })), 400, BAD, "`creative_units` must be from 0.001 to 1000000000, or with a minus"),
        row("too many units", grant(json!({ "creative_units": 1e10 })), 400, BAD, "`creative_units` must be from 0.001 to 1000000000, or with a minus"),
        row("taken without a reason", grant(json!({ "creative_units": -1, "note": " " })), 400, BAD, "`note` is required where units are taken away."),
        row("more taken than free", grant(json!({ "creative_units": -7, "note": "x" })), 400, BAD, "Only 6 Creative Units are free, so 7 cannot be taken away."),
        row("an endless note", grant(json!({ "creative_units": 1, "note": "n".repeat(201) })), 400, BAD, "`note` is longer than 200 characters."),
        row("an endless key", grant(json!({ "creative_units": 1 })).with("idempotency-key", &"k".repeat(129)), 400, BAD, "`Idempotency-Key` must have 1 to 128 characters"),
        row("a parameter on a change", Ask::post(&path(&ada, "grants?dry_run=true"), json!({ "creative_units": 1 })).bearer(&ada.token), 400, BAD, "There is no parameter `dry_run`. It takes none."),
        row("a workflow without document", saves(post(&ada, "workflows", json!({}))), 400, BAD, "missing field `document`"),
        row("a wrong document", saves(post(&ada, "workflows", json!({ "document": { "format": 1 } }))), 400, BAD, "`name`"),
        row("validating no document", saves(post(&ada, "workflows/validate", json!({}))), 400, BAD, "missing field `document`"),
        row("an unknown workflow", saves(get(&ada, &format!("workflows/{id}"))), 404, missing, "no workflow"),
        row("versions of an unknown one", saves(get(&ada, &format!("workflows/{id}/versions"))), 404, missing, "no workflow"),
        row("versions of a built-in one", saves(get(&ada, "workflows/icon-set/versions")), 404, missing, "saved no workflow"),
        row("a version that is none", saves(get(&ada, "workflows/icon-set?version=-1")), 400, BAD, "`version` must be a whole number from 1."),
        row("changing a built-in one", put("icon-set", json!({ "archived": true })), 403, FORBIDDEN, "built in and cannot be changed"),
        row("changing an unknown one", put(&id, json!({ "archived": true })), 404, missing, "no workflow"),
        row("If-Match of words", put(&id, json!({ "archived": true })).with("if-match", "latest"), 400, BAD, "`If-Match` must be one version in quotes"),
        row("two versions", put(&id, json!({ "base_version": 1 })).with("if-match", "\"2\""), 400, BAD, "name different versions"),
    ]);
    let allow = memory.answer(post(&ada, "ledger", json!({})));
    assert_eq!(allow.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(ada.units()[0], 6.0);
    memory.elapse(24 * 3600 + 1);
    check(&memory, vec![row("an old cursor", get(&ada, &format!("ledger?cursor={cursor}")), 400, BAD, "`cursor` has expired.")]);
}

/// At once, although it still reads.
#[test]
fn a_revoked_token_changes_nothing() {
    let memory = owned();
    let ada = owner(&memory, 5.0);
    memory.answer(get(&ada, "ledger"));
    let revoke = json!({ "token": ada.token });
    crate::support::client::operate(&memory, "/api/v1/operator/tokens/revoke", &revoke);
    assert_eq!(memory.answer(get(&ada, "ledger")).status, 200);
    let refused = memory.answer(post(&ada, "grants", json!({ "creative_units": 1 })));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &json!("UNAUTHENTICATED")));
}
