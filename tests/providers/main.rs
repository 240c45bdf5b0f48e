//! Golden files of the providers out there, a folder each: what is asked for, the exact request made for it, an answer, and
//! what it is read as. `UPDATE_EXPECT=1` writes the halves that the adapters make; read the difference before it is kept.
//! Not for: a provider's life over several requests (the fakes in `tests/edge/upstream`).
//!
//! A case is `{"model", "generation": {…}, "callback"?, …}` with one of:
//! - `"ask": "submit"`: `call` is the request, `read` what `answer` means for it;
//! - `"ask": "poll"`: with `operation`; likewise;
//! - `"ask": "cancel"`: with `operation`, no answer;
//! - `"ask": "find"`: with `sent_at`; likewise;
//! - `"ask": "check"`.

use atelier::config::Config;
use atelier::http::Headers;
use atelier::media::sniff::MediaType;
use atelier::models::generation::{ForgeRequest, normalize};
use atelier::models::{Generation, Model};
use atelier::outbound::Payload;
use atelier::providers::adapter::{Adapter, Answer, Call, File, Lost, Order, Site, Stored, Takes};
use atelier::providers::{self, Kind, Provider};
use atelier::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SENT_AT: &str = "2026-11-21T12:00:00Z";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers")
}

fn sorted(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Every case of every provider, by path.
fn cases() -> Vec<(PathBuf, &'static Provider)> {
    let folders = sorted(&folder()).into_iter().filter(|path| path.is_dir());
    folders
        .flat_map(|folder| {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            let provider = providers::named(&name).unwrap_or_else(|| panic!("no provider is called {name}"));
            sorted(&folder).into_iter().map(move |path| (path, provider))
        })
        .collect()
}

fn adapter(provider: &Provider) -> &Adapter {
    match &provider.kind {
        Kind::Remote(adapter) => adapter,
        Kind::Embedded(_) => panic!("{} asks nobody", provider.name),
    }
}

#[test]
fn requests_are_made_and_answers_read_as_the_golden_files_say() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut faults = Vec::new();
    let mut seen = 0;
    for (path, provider) in cases() {
        seen += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Value =
            serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let made = format!("{:#}\n", run(provider, &case, &path));
        if made == text {
            continue;
        }
        match update {
            true => std::fs::write(&path, made).unwrap(),
            false => faults.push(format!("{}\n{}", path.display(), difference(&text, &made))),
        }
    }
    assert!(seen > 20, "the search finds too little");
    assert!(faults.is_empty(), "UPDATE_EXPECT=1 rewrites these:\n{}", faults.join("\n"));
}

/// The lines that differ; enough to see what happened.
fn difference(old: &str, new: &str) -> String {
    let only = |these: &str, those: &str, sign: char| -> Vec<String> {
        let missing = these.lines().filter(|line| !those.lines().any(|other| other == *line));
        missing.map(|line| format!("{sign} {line}")).collect()
    };
    [only(old, new, '-'), only(new, old, '+')].concat().join("\n")
}

/// The case with its answering halves filled in.
fn run(provider: &'static Provider, case: &Value, path: &Path) -> Value {
    let adapter = adapter(provider);
    let text = |name: &str| case.get(name).and_then(Value::as_str);
    let model = text("model").map(|id| {
        let found = provider.models.iter().find(|model| model.id == id);
        found.unwrap_or_else(|| panic!("{}: {} has no {id}", path.display(), provider.name))
    });
    let site = Site { address: text("address") };
    let operation = case.get("operation").cloned().unwrap_or_default();
    let answer = case.get("answer").map(answer);
    let expect_model = || model.unwrap_or_else(|| panic!("{}: no model", path.display()));
    let (call, read) = match text("ask").unwrap_or_default() {
        "submit" => {
            let generation = generation(expect_model(), &case["generation"], path);
            let files = files(&generation, &case["files"]);
            let order = order(site, expect_model(), &generation, &files, text("callback"));
            let call = (adapter.plan)(&order);
            let read = answer.as_ref().map(|answer| format!("{:#?}", (adapter.read_submit)(&order, answer)));
            (call.map_or_else(|no| json!({ "refused": format!("{no:?}") }), |call| shown(&call)), read)
        }
        "poll" => {
            let read =
                |answer: &Answer| format!("{:#?}", (adapter.read_status)(expect_model(), &operation, answer));
            (shown(&(adapter.poll)(&site, &operation)), answer.as_ref().map(read))
        }
        "cancel" => (shown(&adapter.cancel.expect("it can be stopped")(&site, &operation)), None),
        "find" => {
            let find = adapter.find.as_ref().expect("it has a list");
            let generation = generation(expect_model(), &case["generation"], path);
            let sent_at = Timestamp::parse(SENT_AT).unwrap();
            let lost =
                Lost { model: expect_model(), callback: text("callback"), generation: &generation, sent_at };
            let read = |answer: &Answer| format!("{:#?}", (find.read)(&site, &lost, answer));
            (shown(&(find.plan)(&site, &lost)), answer.as_ref().map(read))
        }
        "check" => {
            let read = |answer: &Answer| format!("{:#?}", (adapter.check.read)(answer));
            (shown(&(adapter.check.plan)(&site)), answer.as_ref().map(read))
        }
        other => panic!("{}: nobody can be asked to {other}", path.display()),
    };
    let mut case = case.clone();
    case["call"] = call;
    if let Some(read) = read {
        case["read"] = read.lines().map(Value::from).collect();
    }
    case
}

/// As a caller would write it, completed with the model's defaults.
fn generation(model: &Model, asked: &Value, path: &Path) -> Generation {
    let mut asked = asked.clone();
    asked["model_id"] = model.id.into();
    let request: ForgeRequest =
        serde_json::from_value(asked).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let normalized = normalize(model, &request, 4_000_000_000);
    normalized.unwrap_or_else(|refusal| panic!("{}: {}", path.display(), refusal.message)).0
}

/// Every file it names: what it is, by the last digit of its id, where the provider fetches it, and its bytes (in `files` as
/// base64, where they matter).
fn files(generation: &Generation, given: &Value) -> Vec<File> {
    let media = |id: &str| match id.chars().last() {
        Some('a') => MediaType::Wav,
        Some('b') => MediaType::Mp4,
        Some('c') => MediaType::Jpeg,
        _ => MediaType::Png,
    };
    let file = |id: &atelier::id::AssetId| File {
        asset_id: id.clone(),
        media: media(id.as_str()),
        url: format!("https://gateway.example/assets/{id}"),
        bytes: given[id.as_str()]
            .as_str()
            .map_or_else(|| b"bytes".to_vec(), |text| atelier::crypto::from_base64(text).unwrap()),
    };
    generation.assets().map(file).collect()
}

fn order<'a>(
    site: Site<'a>,
    model: &'a Model,
    generation: &'a Generation,
    files: &'a [File],
    callback: Option<&'a str>,
) -> Order<'a> {
    Order { site, model, generation, files, callback, deadline_seconds: 600, person: "person-hash" }
}

/// `{"status", "headers"?, "body": text or JSON, "stored"?}`
fn answer(given: &Value) -> Answer {
    let headers = given.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    let lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.as_str().unwrap())).collect();
    let stored = given.get("stored").map(|stored| serde_json::from_value::<Stored>(stored.clone()).unwrap());
    Answer {
        status: u16::try_from(given["status"].as_u64().unwrap()).unwrap(),
        headers: Headers::from_lines(lines.join("\n")),
        body: match &given["body"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            body => body.to_string(),
        },
        stored,
    }
}

fn shown(call: &Call) -> Value {
    let body = match &call.body {
        None => Value::Null,
        Some(Payload::Text(text)) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Some(Payload::Bytes(bytes)) => {
            let text = String::from_utf8_lossy(bytes).replace('\r', "");
            // Of a picture nobody can read more than that it is there.
            let is_text =
                |line: &str| line.chars().all(|c| c != char::REPLACEMENT_CHARACTER && !c.is_control());
            let mut lines: Vec<_> =
                text.lines().map(|line| if is_text(line) { line } else { "(bytes)" }).collect();
            lines.dedup();
            lines.into()
        }
    };
    let headers: BTreeMap<_, _> = call.headers.iter().map(|(name, value)| (*name, value)).collect();
    let mut shown =
        json!({ "request": format!("{} {}", call.method, call.url), "headers": headers, "body": body });
    if let Takes::File(fields) = call.takes {
        shown["takes_file"] = json!(fields);
    }
    shown
}

/// What holds of every catalogue, so that no case has to say it.
#[test]
fn every_model_is_sound() {
    let all: Vec<_> = providers::ALL.iter().flat_map(|provider| provider.models).collect();
    for model in &all {
        let twins = all.iter().filter(|other| other.id == model.id).count();
        assert_eq!(twins, 1, "{} is there twice", model.id);
        for parameter in model.parameters {
            let default = parameter.default_value();
            assert_eq!(parameter.check(&default).as_ref(), Ok(&default), "{} {}", model.id, parameter.name);
        }
        for other in model.alternates {
            assert!(
                all.iter().any(|model| model.id == *other),
                "{} names {other}, which is not there",
                model.id
            );
        }
    }
    let config = Config::parse(|name| (name == "GATEWAY_SECRET").then(|| "x".repeat(40))).unwrap();
    let paid =
        providers::ALL.iter().filter(|provider| provider.adapter().is_some_and(|adapter| adapter.needs_key));
    for model in paid.flat_map(|provider| provider.models) {
        let price = providers::Catalogue::of(&config).typical_price(model);
        assert!(price.as_thousandths() > 0, "{} costs nothing", model.id);
    }
}

/// fal alone must be enough for everything but what only the gateway itself does.
#[test]
fn fal_has_every_capability() {
    use atelier::models::Capability;
    let offered =
        |wanted: &Capability| providers::named("fal").unwrap().models.iter().any(|model| model.can(*wanted));
    let missing: Vec<_> = Capability::ALL.iter().filter(|wanted| !offered(wanted)).collect();
    assert_eq!(missing, [&Capability::ComposeVideo]);
}
