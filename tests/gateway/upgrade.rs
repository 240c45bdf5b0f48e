//! Databases that the version before sign-in wrote: its tokens, members and units are all still there.

use crate::support::{Client, Memory};
use atelier::id::PersonId;
use atelier::oauth::account::Account;
use atelier::workspace::Workspace;
use serde_json::json;

#[test]
fn what_the_version_before_sign_in_wrote_is_still_good() {
    let memory = Memory::new();
    let ada = Client::new(&memory, "ada@example.com", 5.0);
    let account = memory.object::<Account>(PersonId::of("ada@example.com").as_str());
    for table in ["uses", "grants", "rotations", "profile", "invitations"] {
        account.read(&format!("DROP TABLE {table}"), &[]);
    }
    account.read("ALTER TABLE memberships DROP COLUMN left_at", &[]);
    let workspace = memory.object::<Workspace>(&ada.workspace_id);
    workspace.read("DROP TABLE invitations", &[]);
    workspace.read("ALTER TABLE members DROP COLUMN label", &[]);
    memory.elapse(61);

    assert_eq!(ada.units(), [5.0, 0.0, 0.0]);
    let listed = ada.call("list_workspaces", &json!({}));
    assert_eq!(listed["structuredContent"]["items"].as_array().unwrap().len(), 1);
    let again = Client::with_token(&memory, "ada@example.com", json!({ "workspace_id": ada.workspace_id }));
    assert_eq!(again.units(), [5.0, 0.0, 0.0]);
    assert_eq!(ada.units(), [5.0, 0.0, 0.0], "and once more");
}
