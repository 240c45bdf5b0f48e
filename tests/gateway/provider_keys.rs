//! Keys that a workspace brings itself: who may set them, that nobody reads them again, what they open and when they no
//! longer do. Not for: what is made with them.

use crate::oauth::{FIRST_WORKSPACE, OWNER, World};
use crate::support::browser::Form;
use crate::support::http::{Answer, Ask};
use crate::support::memory::GATEWAY_SECRET;
use crate::support::providers::answer;
use crate::support::{Client, Memory};
use atelier::config::Secret;
use atelier::error::Code;
use atelier::id::WorkspaceId;
use atelier::oauth::Scopes;
use atelier::platform::Platform;
use atelier::providers;
use atelier::upstream::account::{self, Account};
use atelier::workspace::{Command, Reply, Workspace};
use serde_json::{Value, json};

const ON: (&str, &str) = ("WORKSPACE_PROVIDER_KEYS", "yes");
/// Found nowhere but where it was typed, sealed, and sent to the provider.
const CANARY: &str = "key-of-the-canary-5f1c9e27:Zq8";
const HINT: &str = ":Zq8";

fn client(memory: &Memory, person: &str, more: &Value) -> Client {
    let mut body = json!({ "scopes": Scopes::all().to_string() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Client::with_token(memory, person, body)
}

fn ask(client: &Client, method: &'static str, provider: &str, body: &str) -> Answer {
    let path = format!("/api/v1/workspaces/{}/provider-keys{provider}", client.workspace_id);
    let request = Ask::new(method, &path).with("content-type", "application/json").body(body);
    client.memory.answer(request.bearer(&client.token))
}

fn set(client: &Client, provider: &str, key: &str) -> Answer {
    ask(client, "PUT", &format!("/{provider}"), &json!({ "key": key }).to_string())
}

fn account(memory: &Memory, client: &Client, provider: &str) -> Result<Account, Code> {
    let workspace = WorkspaceId::parse(&client.workspace_id).unwrap();
    let provider = providers::named(provider).unwrap();
    memory.run(Account::find(memory, provider, &workspace)).unwrap().map_err(|refusal| refusal.code)
}

fn key_of(account: &Account) -> Option<&str> {
    account.key.as_ref().map(Secret::reveal)
}

#[test]
fn an_owner_sets_a_key_that_only_its_workspace_uses() {
    let settings = [ON, ("FAL_KEY", "the-operators"), ("FAL_URL", "https://proxy.example")];
    let memory = Memory::with(1, &settings);
    let (ada, bob) = (client(&memory, "ada", &json!({})), client(&memory, "bob", &json!({})));
    let set = set(&ada, "fal", &format!(" {CANARY}\n"));
    assert_eq!((set.status, set.json()), (200, json!({ "provider": "fal", "hint": HINT })));
    let listed = ask(&ada, "GET", "", "").json();
    let row = &listed["items"][0];
    assert_eq!(
        (&row["provider"], &row["hint"], &row["set_by"]),
        (&json!("fal"), &json!(HINT), &json!("ada"))
    );

    let own = account(&memory, &ada, "fal").unwrap();
    assert_eq!(key_of(&own), Some(CANARY));
    assert_eq!(own.address, None, "not to the operator's proxy");
    assert_eq!(own.gate(), format!("fal:{}", ada.workspace_id));
    let workspace = WorkspaceId::parse(&ada.workspace_id).unwrap();
    assert_eq!(memory.run(account::own_providers(&memory, &workspace)).unwrap(), ["fal"]);
    let operators = account(&memory, &bob, "fal").unwrap();
    assert_eq!((key_of(&operators), operators.gate()), (Some("the-operators"), "fal".to_owned()));

    let closed = memory.redeployed(&settings[1..]);
    let asked = closed.counted(|| drop(account(&closed, &ada, "fal")));
    assert_eq!(asked.get("ask WORKSPACE"), None, "with the setting off nobody is asked");
}

#[test]
fn what_is_removed_or_replaced_is_gone() {
    let memory = Memory::with(1, &[ON]);
    let ada = client(&memory, "ada", &json!({}));
    assert_eq!(account(&memory, &ada, "fal").err(), Some(Code::Forbidden));
    set(&ada, "fal", CANARY);
    set(&ada, "fal", "another-key-of-the-same-owner");
    assert_eq!(key_of(&account(&memory, &ada, "fal").unwrap()), Some("another-key-of-the-same-owner"));
    for _ in 0..2 {
        assert_eq!(ask(&ada, "DELETE", "/fal", "").status, 204);
    }
    assert_eq!(account(&memory, &ada, "fal").err(), Some(Code::Forbidden));
    let Reply::Audit(entries) = memory
        .run(memory.ask::<Workspace>(
            &ada.workspace_id,
            Command::Audit { person: atelier::id::PersonId::of("ada"), before: None, limit: 3 },
        ))
        .unwrap()
    else {
        panic!("no audit")
    };
    let names: Vec<_> = entries.iter().map(|entry| entry.event.name.as_str()).collect();
    assert_eq!(names, ["provider_key.removed", "provider_key.set", "provider_key.set"]);
    assert_eq!(
        (entries[1].event.subject.as_str(), &entries[2].event.details),
        ("fal", &json!({ "hint": HINT }))
    );
}

#[test]
fn whoever_may_not_sets_and_sees_nothing() {
    let memory = Memory::with(1, &[ON]);
    let ada = client(&memory, "ada", &json!({}));
    set(&ada, "fal", CANARY);
    let bob = client(&memory, "bob", &json!({ "workspace_id": ada.workspace_id }));
    // An owner, with a token that only reads.
    let reader = client(&memory, "cleo", &json!({ "scopes": "workspaces:read" }));
    for other in [&bob, &reader] {
        assert_eq!(set(other, "fal", CANARY).status, 403);
        assert_eq!(ask(other, "DELETE", "/fal", "").status, 403);
    }
    assert_eq!(ask(&bob, "GET", "", "").status, 403, "a member sees no hints");
    let mut stranger = client(&memory, "eve", &json!({}));
    stranger.workspace_id.clone_from(&ada.workspace_id);
    assert_eq!(set(&stranger, "fal", CANARY).status, 404);
    assert_eq!(ask(&stranger, "GET", "", "").status, 404);
    assert_eq!(key_of(&account(&memory, &ada, "fal").unwrap()), Some(CANARY));

    let mut ada = ada;
    ada.memory = memory.redeployed(&[]);
    assert_eq!(set(&ada, "fal", CANARY).status, 403, "the operator does not take any more");
    assert_eq!(ask(&ada, "DELETE", "/fal", "").status, 204, "but lets go of those there are");
}

#[test]
fn only_what_can_be_a_key_is_taken() {
    let memory = Memory::with(1, &[ON]);
    let ada = client(&memory, "ada", &json!({}));
    let long = "k".repeat(513);
    for wrong in [
        "",
        "short",
        "a key with some spaces in it",
        "a-key-with\r\nx-header: 1",
        "ключ-ключ-ключ-ключ",
        &long,
    ] {
        assert_eq!(set(&ada, "fal", wrong).status, 400, "{wrong}");
    }
    for provider in ["offline", "openai_compatible", "workers_ai", "nobody", "FAL", "..%2Ffal"] {
        let status = set(&ada, provider, CANARY).status;
        let takes = providers::named(provider).is_some_and(account::takes_own_key);
        assert!(takes || status == 400, "{provider}: {status}");
    }
    for body in [
        format!("\"{CANARY}\""),
        format!("{{\"{CANARY}\":1}}"),
        format!("{{\"key\":\"{CANARY}\""),
        "[]".into(),
    ] {
        let refused = ask(&ada, "PUT", "/fal", &body);
        assert_eq!(refused.status, 400, "{body}");
        assert!(!refused.text().contains("canary"), "{}", refused.text());
    }
    assert_eq!(ask(&ada, "POST", "/fal", "{}").status, 405);
    assert_eq!(account(&memory, &ada, "fal").err(), Some(Code::Forbidden));
}

/// The secret is rotated: while the former one is known the key is sealed anew by being used; afterwards, or where it was
/// not, it is refused and nobody else pays.
#[test]
fn a_key_outlives_the_rotation_of_the_secret_if_it_is_used_meanwhile() {
    const NEW: &str = "another-gateway-secret-of-the-test-world";
    let memory = Memory::with(1, &[ON, ("FAL_KEY", "the-operators")]);
    let ada = client(&memory, "ada", &json!({}));
    set(&ada, "fal", CANARY);
    set(&ada, "replicate", CANARY);
    let both = [
        ON,
        ("FAL_KEY", "the-operators"),
        ("GATEWAY_SECRET", NEW),
        ("GATEWAY_SECRET_PREVIOUS", GATEWAY_SECRET),
    ];
    let memory = memory.redeployed(&both);
    assert_eq!(key_of(&account(&memory, &ada, "fal").unwrap()), Some(CANARY));
    let memory = memory.redeployed(&both[..3]);
    assert_eq!(key_of(&account(&memory, &ada, "fal").unwrap()), Some(CANARY));
    assert_eq!(account(&memory, &ada, "replicate").err(), Some(Code::Forbidden));

    let memory = memory.redeployed(&both[..2]);
    assert_eq!(account(&memory, &ada, "fal").err(), Some(Code::Forbidden), "not with the operator's");
    let logged =
        memory.state(|state| state.log.iter().any(|(_, event, _)| event == "provider_key.unreadable"));
    assert!(logged);
}

/// A row that is put in another's place opens nothing.
#[test]
fn a_sealed_key_is_bound_to_its_workspace_and_provider() {
    let memory = Memory::with(1, &[ON]);
    let (ada, bob) = (client(&memory, "ada", &json!({})), client(&memory, "bob", &json!({})));
    set(&ada, "fal", CANARY);
    let sealed = |client: &Client, provider: &str| {
        let command = Command::ProviderKey { provider: provider.into() };
        match memory.run(memory.ask::<Workspace>(&client.workspace_id, command)).unwrap() {
            Reply::ProviderKey(Some(key)) => key.sealed,
            other => panic!("{other:?}"),
        }
    };
    let stolen = sealed(&ada, "fal");
    set(&ada, "fal", CANARY);
    assert_ne!(sealed(&ada, "fal"), stolen, "a fresh nonce each time");
    for (client, provider) in [(&bob, "fal"), (&ada, "replicate")] {
        set(client, provider, "some-other-key-of-theirs");
        let (before, after) = (sealed(client, provider), stolen.clone());
        let command = Command::ResealProviderKey { provider: provider.into(), before, after };
        memory.run(memory.ask::<Workspace>(&client.workspace_id, command)).unwrap();
        assert_eq!(account(&memory, client, provider).err(), Some(Code::Forbidden), "{provider}");
    }
}

/// Everything that the world keeps or was told, but the sealed rows themselves.
fn leaks(memory: &Memory, answers: &[String], canary: &str) -> Vec<String> {
    let mut found: Vec<_> = answers
        .iter()
        .filter(|text| text.contains(canary))
        .map(|text| format!("an answer: {text}"))
        .collect();
    let objects: Vec<_> = memory.state(|state| {
        found.extend(state.log.iter().map(|line| format!("{line:?}")).filter(|line| line.contains(canary)));
        found.extend(state.files.keys().filter(|key| key.contains(canary)).cloned());
        let kept = state.remembered().map(|(key, value)| format!("{key}={value}"));
        found.extend(kept.filter(|text| text.contains(canary)));
        state.objects.values().cloned().collect()
    });
    for object in objects {
        for table in object.read("SELECT name FROM sqlite_master WHERE type = 'table'", &[]) {
            let name = table.text(0).unwrap();
            let rows = object.read(&format!("SELECT * FROM {name}"), &[]);
            let text = format!("{} {name}: {rows:?}", object.binding);
            found.extend(Some(text).filter(|text| text.contains(canary)));
        }
    }
    found
}

#[test]
fn a_key_and_a_prompt_are_told_to_nobody() {
    const PROMPT: &str = "prompt-of-the-canary-77aa";
    const OPERATORS: &str = "operators-key-of-the-canary-33b1";
    let world = World::with(1, &[ON, ("FAL_KEY", OPERATORS)]);
    let memory = &world.memory;
    let echo = format!("The key {OPERATORS} is wrong; you asked for {PROMPT}.");
    let body = json!({ "detail": echo }).to_string();
    memory.serve_url("https://api.fal.ai/v1/models/requests/by-endpoint", move |_| answer(401, &body));
    let browser = world.signed_in(OWNER);
    let csrf = browser.go("/account").form("/sign-out").get("csrf").unwrap().to_owned();
    let page = format!("/account/workspaces/{FIRST_WORKSPACE}");
    let form =
        Form::new(&format!("{page}/provider-keys"), &[("provider", "fal"), ("key", CANARY), ("csrf", &csrf)]);
    let shown = browser.submit(&form);
    assert_eq!(shown.status(), 200, "{}", shown.text());
    assert!(shown.text().contains(&format!("<code>{HINT}</code>")), "{}", shown.text());
    let mut answers = vec![shown.text()];
    let short = Form::new(
        &format!("{page}/provider-keys"),
        &[("provider", "fal"), ("key", "canary é"), ("csrf", &csrf)],
    );
    answers.push(browser.submit(&short).text());

    let ada = client(memory, "ada", &json!({}));
    answers.push(set(&ada, "fal", CANARY).text());
    answers.push(set(&ada, "fal", &format!("{CANARY} with spaces")).text());
    answers.push(ask(&ada, "PUT", "/fal", &json!({ "Key": CANARY }).to_string()).text());
    answers.push(ask(&ada, "GET", "", "").text());
    ada.tool("execute_forge", &json!({ "model_id": "no-such-model", "prompt": PROMPT }));
    for path in ["/api/v1/providers/fal/check", "/api/v1/providers/replicate/check"] {
        answers.push(crate::support::client::operate(memory, path, &json!({})).text());
    }
    answers.push(
        memory.answer(Ask::get("/api/v1/providers").bearer(crate::support::memory::OPERATOR_KEY)).text(),
    );
    for target in ["/account/providers", &page, &format!("{page}/activity")] {
        answers.push(browser.go(target).text());
    }
    assert_eq!(
        account(memory, &ada, "fal").map(|own| key_of(&own).map(str::to_owned)),
        Ok(Some(CANARY.to_owned()))
    );
    for canary in [CANARY, OPERATORS] {
        assert_eq!(leaks(memory, &answers, canary), Vec::<String>::new());
    }
    let logged = memory.state(|state| state.log.iter().any(|line| format!("{line:?}").contains(PROMPT)));
    assert!(!logged);

    let remove = Form::new(&format!("{page}/provider-keys/remove"), &[("provider", "fal"), ("csrf", &csrf)]);
    assert!(!browser.submit(&remove).text().contains(HINT));
}
