//! What is made from the code and committed: the tools' descriptors and the README's tables. A difference fails;
//! `UPDATE_EXPECT=1 cargo test --test generated` rewrites them.

use atelier::{config, oauth::Scope, tools};
use expect_test::expect_file;
use std::fmt::Write;

#[test]
fn tools_json_is_what_the_types_say() {
    let lines: Vec<_> = tools::describe().iter().map(ToString::to_string).collect();
    expect_file!["../src/tools/tools.json"].assert_eq(&format!("[\n{}\n]\n", lines.join(",\n")));
}

#[test]
fn the_readme_lists_every_tool_and_setting() {
    let mut table = String::from("| tool | what it does | scope |\n|---|---|---|\n");
    for tool in tools::describe() {
        let name = tool["name"].as_str().unwrap();
        let scopes: Vec<_> =
            tools::entry(name).unwrap().scopes.iter().map(|scope: &Scope| scope.as_str()).collect();
        let scope = if scopes.is_empty() { "any".to_owned() } else { scopes.join(", ") };
        writeln!(table, "| `{name}` | {} | {scope} |", tool["description"].as_str().unwrap()).unwrap();
    }
    let mut settings = String::from("| setting | kind | what it does |\n|---|---|---|\n");
    for (name, secret, help) in config::SETTINGS {
        writeln!(settings, "| `{name}` | {} | {help} |", if *secret { "secret" } else { "variable" })
            .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let updated = between(&between(&readme, "tools", &table), "settings", &settings);
    expect_file!["../README.md"].assert_eq(&updated);
}

/// Replaces what stands between `<!-- name -->` and `<!-- /name -->`.
fn between(text: &str, name: &str, content: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md lacks {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("README.md lacks {close}"));
    format!("{before}{open}{content}{close}{after}")
}

/// The list is paid for on every turn: names, descriptions and input schemas are what a model sees of it.
#[test]
fn every_tool_is_within_its_budget() {
    for tool in tools::describe() {
        let name = tool["name"].as_str().unwrap();
        assert!(
            name.len() <= 64
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "{name}"
        );
        assert!(tool["description"].as_str().unwrap().chars().count() <= 300, "{name}");
        for schema in ["inputSchema", "outputSchema"] {
            let schema = &tool[schema];
            assert_eq!(schema["type"], "object", "{name}");
            for combinator in ["anyOf", "oneOf", "allOf"] {
                assert!(schema.get(combinator).is_none(), "{name} has {combinator} at its root");
            }
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        assert_eq!(tool["annotations"].as_object().unwrap().len(), 5, "{name}");
    }
}

#[test]
fn the_embedded_descriptors_stand_in_the_order_of_the_list() {
    let names: Vec<_> = tools::descriptors()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(names, tools::ALL.iter().map(|entry| entry.name).collect::<Vec<_>>());
}
