//! Definitions of a workspace: drafts, versions, archives, conflicts, and what a run keeps of them.
//! Not for: what a document may say (`src/workflows/tests`).

use super::{begin, create, document, draw, end, with};
use crate::support::{Client, Fault, Memory};
use atelier::id::PersonId;
use atelier::platform::Platform;
use atelier::workspace::{Actor, Command, Role, Workspace};
use serde_json::{Value, json};

/// A workflow of so many pictures: its price tells which version was run.
fn pictures(count: usize) -> Value {
    let steps = (0..count).map(|number| draw(&format!("s{number}"), "a cat"));
    document(steps.collect(), &["s0"])
}

fn save(client: &Client, tool: &str, arguments: Value) -> Value {
    client.call(tool, &arguments)["structuredContent"].clone()
}

fn listed(client: &Client, more: Value) -> Vec<String> {
    let items = client.call("list_workflows", &more)["structuredContent"]["items"].clone();
    let own = items.as_array().unwrap().iter().filter(|item| item["built_in"] == false);
    own.map(|item| item["workflow_id"].as_str().unwrap().to_owned()).collect()
}

fn price(client: &Client, arguments: Value) -> Value {
    client.call("estimate_workflow_price", &arguments)["structuredContent"]["estimated_price_creative_units"]
        .clone()
}

/// The version and the price of a run.
fn ran(client: &Client, arguments: Value) -> (Value, Value) {
    let run = client.call("execute_workflow", &arguments)["structuredContent"]["run_id"].clone();
    let run = end(client, run.as_str().unwrap());
    (run["version"].clone(), run["price_creative_units"].clone())
}

#[test]
fn a_draft_is_hidden_until_it_is_published() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    let draft = save(&ada, "create_workflow", json!({ "document": pictures(1), "publish": false }));
    assert_eq!((&draft["version"], &draft["published_version"]), (&json!(1), &Value::Null));
    let id = draft["workflow_id"].as_str().unwrap();
    assert!(listed(&ada, json!({})).is_empty());
    assert_eq!(ran(&ada, json!({ "workflow_id": id })), (json!(1), json!(1)), "its author can try it");
    let published = save(&ada, "update_workflow", json!({ "workflow_id": id }));
    assert_eq!((&published["version"], &published["published_version"]), (&json!(1), &json!(1)));
    assert_eq!(listed(&ada, json!({})), [id]);

    let next = json!({ "workflow_id": id, "document": pictures(2), "publish": false });
    let next = save(&ada, "update_workflow", next);
    assert_eq!(
        (&next["version"], &next["latest_version"], &next["published_version"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(ran(&ada, json!({ "workflow_id": id })), (json!(1), json!(1)), "the published one is run");
    assert_eq!(ran(&ada, json!({ "workflow_id": id, "version": 2 })), (json!(2), json!(2)));
    assert_eq!(price(&ada, json!({ "workflow_id": id, "version": 2 })), 2);
    let missing = ada.refused("execute_workflow", &json!({ "workflow_id": id, "version": 3 }));
    assert_eq!(missing["code"], "WORKFLOW_NOT_FOUND");
    let document = save(&ada, "get_workflow", json!({ "workflow_id": id, "version": 1 }))["document"].clone();
    assert_eq!(document, pictures(1));
    save(&ada, "update_workflow", json!({ "workflow_id": id }));
    assert_eq!(ran(&ada, json!({ "workflow_id": id })), (json!(2), json!(2)), "and now the second");
}

#[test]
fn an_archived_workflow_is_run_only_by_its_version() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    let id = create(&ada, &pictures(1));
    let archived = save(&ada, "update_workflow", json!({ "workflow_id": id, "archived": true }));
    assert_eq!((&archived["archived"], &archived["latest_version"]), (&json!(true), &json!(1)));
    assert!(listed(&ada, json!({})).is_empty());
    let refused = ada.refused("execute_workflow", &json!({ "workflow_id": id }));
    assert_eq!(refused["code"], "WORKFLOW_NOT_FOUND");
    assert!(refused["next"].as_str().unwrap().contains("update_workflow"), "{refused}");
    assert_eq!(ran(&ada, json!({ "workflow_id": id, "version": 1 })), (json!(1), json!(1)));
    save(&ada, "update_workflow", json!({ "workflow_id": id, "archived": false }));
    assert_eq!(ran(&ada, json!({ "workflow_id": id })), (json!(1), json!(1)));
}

#[test]
fn a_run_keeps_the_document_it_began_with() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    let slow = document(vec![draw("one", "a cat offline:slow=20"), draw("two", "a dog")], &["one"]);
    let id = create(&ada, &slow);
    let run = begin(&ada, &id, json!({}));
    memory.elapse(5);
    save(&ada, "update_workflow", json!({ "workflow_id": id, "document": pictures(5) }));
    save(&ada, "update_workflow", json!({ "workflow_id": id, "archived": true }));
    let run = end(&ada, &run);
    assert_eq!(
        (&run["version"], &run["status"], &run["price_creative_units"]),
        (&json!(1), &json!("success"), &json!(2))
    );
    assert_eq!(run["steps"].as_array().unwrap().len(), 2);
}

#[test]
fn a_change_to_another_version_than_the_latest_is_a_conflict() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    let bob = Client::with_token(&memory, "bob", json!({ "workspace_id": ada.workspace_id }));
    let id = create(&ada, &pictures(1));
    let change = |count| json!({ "workflow_id": id, "document": pictures(count), "base_version": 1 });
    assert_eq!(save(&ada, "update_workflow", change(2))["version"], 2);
    let refused = bob.refused("update_workflow", &change(3));
    assert_eq!(
        (&refused["code"], &refused["details"]["latest_version"]),
        (&json!("VERSION_CONFLICT"), &json!(2))
    );
    assert_eq!(price(&ada, json!({ "workflow_id": id })), 2, "and nothing was changed");
    let same = with(change(2), json!({ "base_version": 2 }));
    assert_eq!(save(&bob, "update_workflow", same)["version"], 2, "what is there already is no new version");
}

/// What a client does that lost the answer.
#[test]
fn a_repeated_save_is_answered_with_the_first() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    let ask = json!({ "document": pictures(1), "idempotency_key": "k" });
    ada.units();
    memory.meet("ask WORKSPACE", Fault::LoseReply);
    assert_eq!(ada.refused("create_workflow", &ask)["code"], "INTERNAL");
    let made = save(&ada, "create_workflow", ask.clone());
    assert_eq!(save(&ada, "create_workflow", ask.clone()), made);
    assert_eq!(listed(&ada, json!({})), [made["workflow_id"].as_str().unwrap()], "there is one");
    let other = with(ask.clone(), json!({ "document": pictures(2) }));
    assert_eq!(ada.refused("create_workflow", &other)["code"], "IDEMPOTENCY_CONFLICT");

    let id = &made["workflow_id"];
    let draft =
        json!({ "workflow_id": id, "document": pictures(3), "publish": false, "idempotency_key": "u" });
    let first = save(&ada, "update_workflow", draft.clone());
    assert_eq!(first["version"], 2);
    assert_eq!(save(&ada, "update_workflow", draft), first, "the draft, not what is published");
    memory.elapse(24 * 3600);
    assert_ne!(save(&ada, "create_workflow", ask)["workflow_id"], *id, "a day later it is a new one");
}

#[test]
fn what_is_built_in_stays_as_it_is_and_viewers_change_nothing() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada", 50.0);
    for change in [json!({ "archived": true }), json!({ "document": pictures(1) })] {
        let refused = ada.refused("update_workflow", &with(change, json!({ "workflow_id": "icon-set" })));
        assert_eq!(refused["code"], "FORBIDDEN");
        assert!(refused["next"].as_str().unwrap().contains("create_workflow"), "{refused}");
    }
    let eve = Client::with_token(&memory, "eve", json!({ "workspace_id": ada.workspace_id }));
    let [actor, person] = ["ada", "eve"].map(PersonId::of);
    let actor = Actor::person(&actor, None, "r");
    let demoted = Command::SetRole { actor, person, role: Some(Role::Viewer) };
    memory.run(memory.ask::<Workspace>(&ada.workspace_id, demoted)).unwrap();
    let id = create(&ada, &pictures(1));
    assert_eq!(eve.refused("create_workflow", &json!({ "document": pictures(1) }))["code"], "FORBIDDEN");
    let archive = json!({ "workflow_id": id, "archived": true });
    assert_eq!(eve.refused("update_workflow", &archive)["code"], "FORBIDDEN");
    assert_eq!(eve.refused("execute_workflow", &json!({ "workflow_id": id }))["code"], "FORBIDDEN");
    assert_eq!(listed(&eve, json!({})), [id.as_str()], "they see it");
    let zed = Client::new(&memory, "zed", 50.0);
    for (tool, more) in
        [("get_workflow", json!({})), ("execute_workflow", json!({})), ("update_workflow", json!({}))]
    {
        let refused = zed.refused(tool, &with(more, json!({ "workflow_id": id })));
        assert_eq!(refused["code"], "WORKFLOW_NOT_FOUND", "{tool}: of another workspace");
    }
}
