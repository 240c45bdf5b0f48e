//! Whose key a job is sent, asked for and stopped with, and that neither it nor a prompt is told to anybody.
//! Not for: how a workspace sets one (`provider_keys`).

use super::fake::Fake;
use super::{BOTH, FAL_ALONE, FAL_KEY, GRANT, REPLICATE_KEY, World, code, files, price};
use crate::support::{Ask, Client, Memory};
use atelier::oauth::Scopes;
use serde_json::json;

const OWN: &str = "own-id:own-of-the-canary-77aa";
const OTHER: &str = "own-id:other-of-the-canary-88bb";

/// Ada's workspace may bring keys.
fn world() -> World {
    let settings: Vec<_> = FAL_ALONE.iter().copied().chain([("WORKSPACE_PROVIDER_KEYS", "yes")]).collect();
    let memory = Memory::with(1, &settings);
    let fake = Fake::serve(&memory, 1);
    let more = json!({ "grant_creative_units": GRANT, "scopes": Scopes::all().to_string() });
    let ada = Client::with_token(&memory, "ada", more);
    World { memory, fake, ada }
}

fn ask(world: &World, method: &'static str, body: &str) {
    let path = format!("/api/v1/workspaces/{}/provider-keys/fal", world.ada.workspace_id);
    let request = Ask::new(method, &path).with("content-type", "application/json").body(body);
    let status = world.memory.answer(request.bearer(&world.ada.token)).status;
    assert!((200..300).contains(&status), "{status}");
}

fn set(world: &World, key: &str) {
    ask(world, "PUT", &json!({ "key": key }).to_string());
}

/// Every key that was sent along, in the order of their first use.
fn keys(world: &World) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for seen in world.fake.look(|state| state.seen.clone()) {
        if let Some(key) = seen.key.filter(|key| !found.contains(key)) {
            found.push(key);
        }
    }
    found
}

fn named(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| format!("Key {key}")).collect()
}

#[test]
fn a_job_sent_under_the_workspaces_key_is_never_asked_for_with_the_operators() {
    for (change, expected) in [(None, "complete"), (Some(OTHER), "complete"), (Some(""), "failed")] {
        let world = world();
        set(&world, OWN);
        let id = world.begin("a cat up:slow=60 up:one-account", 2);
        world.until_job();
        world.memory.elapse(5);
        match change {
            Some("") => ask(&world, "DELETE", ""),
            Some(other) => set(&world, other),
            None => {}
        }
        let run = world.end(&id);
        assert_eq!(run["status"], expected, "{change:?}: {run}");
        assert_eq!(world.fake.jobs().len(), 1, "{change:?}");
        assert_eq!(price(&run) > 0.0, files(&run) > 0, "{run}");
        let used = keys(&world);
        assert_eq!(
            used,
            if change == Some(OTHER) { named(&[OWN, OTHER]) } else { named(&[OWN]) },
            "{change:?}"
        );
        assert!(!used.contains(&format!("Key {FAL_KEY}")));
    }
}

/// The new key is another account's, which does not know the job.
#[test]
fn a_job_whose_account_is_gone_ends_and_is_not_made_again() {
    let world = world();
    set(&world, OWN);
    let id = world.begin("a cat up:slow=60", 2);
    world.until_job();
    world.memory.elapse(5);
    set(&world, OTHER);
    let run = world.end(&id);
    assert_eq!((code(&run), price(&run), world.fake.jobs().len()), ("PROVIDER_FAILED", 0.0, 1), "{run}");
    assert_eq!(keys(&world), named(&[OWN, OTHER]));
}

#[test]
fn a_job_sent_under_the_operators_key_stays_there() {
    let world = world();
    let id = world.begin("a cat up:slow=60", 2);
    world.until_job();
    world.memory.elapse(5);
    set(&world, OWN);
    let run = world.end(&id);
    assert_eq!((run["status"].as_str(), files(&run)), (Some("complete"), 2), "{run}");
    assert_eq!(keys(&world), named(&[FAL_KEY]));
}

#[test]
fn no_prompt_and_no_key_is_in_a_line_of_the_log() {
    const CANARY: &str = "prompt-of-the-canary-4411";
    let words = [
        "",
        "fail",
        "moderated",
        "result-422",
        "auth",
        "quota",
        "invalid",
        "429=9",
        "lost",
        "unsent",
        "garbage",
        "500-created",
        "nsfw=2",
        "expired=2",
        "wrong-type=2",
        "redirect-private=2",
        "redirect-loop=2",
        "never",
        "status-garbage=3",
        "file-cut=2",
    ];
    for word in words {
        for lists in [true, false] {
            let world = World::with(1, BOTH);
            world.fake.look(|state| state.lists = lists);
            let prompt = format!("{CANARY} up:{word}");
            let request = json!({ "model_id": "flux-schnell", "prompt": prompt, "seed": 7 });
            let id = world.ada.start(&request);
            world.memory.elapse(30);
            if word == "never" {
                world.cancel(&id);
            }
            let run = world.end(&id);
            let said = format!("{} {}", run["error"], run["warnings"]);
            let lines = world
                .memory
                .state(|state| state.log.iter().map(|line| format!("{line:?}")).collect::<Vec<_>>());
            for canary in [CANARY, FAL_KEY, REPLICATE_KEY, "of-the-canary"] {
                assert!(!said.contains(canary), "{word}: {said}");
                let told: Vec<_> = lines.iter().filter(|line| line.contains(canary)).collect();
                assert!(told.is_empty(), "{word}: {told:?}");
            }
        }
    }
}
