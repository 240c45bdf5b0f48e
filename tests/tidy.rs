//! The repository's own rules, held by tests that read its files: layers, sizes, names that must agree.
//! Not for: behaviour. What a rule is for stands where the rule is followed (`src/lib.rs`, `Cargo.toml`).

use atelier::platform::Budget;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "package-lock.json",
    "package.json",
    "scripts",
    "src",
    "tests",
    "wrangler.toml",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// Files that git has or would take, with these endings, under this folder.
fn files(under: &str, endings: &[&str]) -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", under])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let wanted = listed
        .lines()
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)) && root().join(path).is_file());
    let found: Vec<_> = wanted.map(|path| (path.to_owned(), read(path))).collect();
    assert!(!found.is_empty(), "no file in {under}");
    found
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Lines with their numbers from 1, comments and what follows `//` taken away.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
}

/// Words that stand between quotes on a line, or after a key and in quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('"').skip(1).step_by(2).collect()
}

/// The module list of `lib.rs`: each name and the number of its group, lowest first.
fn layers() -> BTreeMap<String, usize> {
    let mut group = 0;
    let mut layers = BTreeMap::new();
    for line in read("src/lib.rs").lines().skip_while(|line| !line.starts_with("pub mod ")) {
        let name =
            line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        match name {
            Some(name) => _ = layers.insert(name.to_owned(), group),
            None => group += usize::from(line.is_empty()),
        }
    }
    assert!(layers.len() > 15 && group > 8, "lib.rs lists its modules in groups: {layers:?}");
    layers
}

/// Every module that a line names from the crate's root, `use crate::{a, b}` included.
fn named(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for rest in line.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => found.extend(list.split(", ").map(|item| word(item.trim()))),
            None => found.push(word(rest)),
        }
    }
    found
}

#[test]
fn a_module_names_only_its_own_layer_and_those_below() {
    let layers = layers();
    let mut faults = Vec::new();
    for (path, text) in files("src", &[".rs"]) {
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default().to_owned();
        if module == "lib" || module == "edge" {
            continue;
        }
        let own = layers.get(&module).unwrap_or_else(|| panic!("{path} is in no layer"));
        for (line, code) in code(&text) {
            if code.trim_end().ends_with("crate::{") {
                faults.push(format!("{path}:{line} hides what it names: a line for each module, please"));
            }
            for other in named(code) {
                if layers.get(&other).is_some_and(|layer| layer > own) {
                    faults.push(format!("{path}:{line} may not name crate::{other}"));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn only_the_edge_names_the_workers_runtime() {
    let mut faults = Vec::new();
    for (path, text) in files("src", &[".rs"]).into_iter().filter(|(path, _)| !path.starts_with("src/edge/"))
    {
        for (line, code) in code(&text) {
            for name in ["worker::", "wasm_bindgen", "js_sys", "web_sys"] {
                if code.contains(name) {
                    faults.push(format!("{path}:{line} names {name}"));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut faults = Vec::new();
    for (path, text) in files(".", &[".rs", ".mjs", ".js", ".ts"]) {
        let first = text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
        let opens = if path.ends_with(".rs") {
            first.starts_with("//! ")
        } else {
            first.starts_with("// ") || first.starts_with("/**") || first.starts_with("/*")
        };
        if !opens {
            faults.push(format!("{path}:1 does not say what the file is for"));
        }
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            faults.push(format!("{path} has {lines} lines, more than {MAX_FILE_LINES}"));
        }
    }
    none(&faults);
}

/// A function ends where a line closes it at its own indentation, which rustfmt guarantees.
#[test]
fn every_function_fits_a_screen() {
    let mut faults = Vec::new();
    for (path, text) in files(".", &[".rs"]) {
        let mut open: Option<(usize, usize, &str)> = None;
        let mut in_macro = false;
        for (number, line) in text.lines().enumerate() {
            in_macro = line.starts_with("macro_rules!") || (in_macro && !line.starts_with('}'));
            let indent = line.len() - line.trim_start().len();
            let begins =
                line.trim_start().split('(').next().unwrap_or_default().split(' ').any(|word| word == "fn")
                    && line.ends_with('{');
            match open {
                None if begins && !in_macro => open = Some((number, indent, line)),
                Some((start, at, name)) if indent == at && line.trim() == "}" => {
                    if number - start + 1 > MAX_FUNCTION_LINES {
                        faults.push(format!(
                            "{path}:{} has {} lines: {}",
                            start + 1,
                            number - start + 1,
                            name.trim()
                        ));
                    }
                    open = None;
                }
                _ => {}
            }
        }
    }
    none(&faults);
}

#[test]
fn every_binding_in_the_code_is_configured() {
    let config = read("wrangler.toml");
    let configured = |key: &str, name: &str| config.contains(&format!("{key} = \"{name}\""));
    let mut faults = Vec::new();
    for (path, text) in files("src", &[".rs"]) {
        for line in text.lines().filter(|line| line.contains("const BINDING: &'static str = ")) {
            quoted(line)
                .iter()
                .filter(|name| !configured("name", name))
                .for_each(|name| faults.push(format!("{path}: {name} is no Durable Object binding")));
        }
    }
    for (name, value) in [("KV", "KV"), ("MEDIA", "MEDIA")] {
        assert!(
            read("src/edge/platform.rs").contains(&format!("const {name}: &str = \"{value}\";")),
            "{name}"
        );
        if !configured("binding", value) {
            faults.push(format!("src/edge/platform.rs: {value} is no binding"));
        }
    }
    let objects = read("src/edge/objects.rs");
    let list =
        objects.split("\nobjects! {").nth(1).and_then(|rest| rest.split('}').next()).expect("objects! { … }");
    let migrations = config.split("new_sqlite_classes = [").skip(1);
    let migrated: Vec<_> =
        migrations.flat_map(|rest| quoted(rest.split(']').next().unwrap_or_default())).collect();
    assert!(!migrated.is_empty(), "a migration");
    for class in list.lines().filter_map(|line| line.trim().split_once(": ")).map(|(class, _)| class) {
        if !configured("class_name", class) || !migrated.contains(&class) {
            faults.push(format!(
                "src/edge/objects.rs: {class} is not in wrangler.toml, or not among its new_sqlite_classes"
            ));
        }
    }
    none(&faults);
}

/// wrangler.toml has one table for each budget, with the binding, the limit and the period the code knows.
#[test]
fn every_budget_is_configured() {
    let config = read("wrangler.toml");
    let mut tables: Vec<_> = config
        .split("[[ratelimits]]\n")
        .skip(1)
        .map(|table| table.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
        .collect();
    for (budget, namespace) in Budget::ALL.into_iter().zip(1001..) {
        let wanted = format!(
            "name = \"{}\"\nnamespace_id = \"{namespace}\"\nsimple = {{ limit = {}, period = {} }}",
            budget.binding(),
            budget.per_minute(),
            Budget::PERIOD_SECONDS
        );
        let found = tables.iter().position(|table| *table == wanted);
        tables.remove(found.unwrap_or_else(|| panic!("wrangler.toml lacks\n[[ratelimits]]\n{wanted}")));
    }
    assert!(tables.is_empty(), "budgets that the code does not know:\n{}", tables.join("\n"));
}

#[test]
fn versions_that_must_agree_do() {
    let (cargo, setup) = (read("Cargo.toml"), read("scripts/setup"));
    for (variable, dependency) in [("WORKER_BUILD", "worker"), ("WASM_BINDGEN", "wasm-bindgen")] {
        let after = |text: &str, prefix: String| {
            text.lines().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).expect(&prefix)
        };
        let pinned = after(&cargo, format!("{dependency} = \"="));
        let installed = after(&setup, format!("{variable}="));
        assert_eq!(
            pinned.split('"').next(),
            installed.split_whitespace().next(),
            "{variable} in scripts/setup, {dependency} in Cargo.toml"
        );
    }
}

#[test]
fn nothing_is_left_to_do_and_nothing_is_unsafe() {
    let mut faults = Vec::new();
    let words = ["TO\x44O", "FIX\x4dE", "unimplemented\x21", "to\x64o!"];
    for (path, text) in files("src", &[".rs", ".js", ".md", ".html"]) {
        for (number, line) in text.lines().enumerate() {
            let is_unsafe = path.ends_with(".rs")
                && ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|form| line.contains(form));
            if is_unsafe || words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{path}:{} {}", number + 1, line.trim()));
            }
        }
    }
    none(&faults);
}

#[test]
fn the_top_of_the_repository_is_short() {
    let listed = Command::new("git").arg("ls-files").current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let odd: Vec<_> = listed
        .lines()
        .filter_map(|path| path.split('/').next())
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(name))
        .map(|name| format!("{name} does not belong at the top"))
        .collect();
    none(&odd);
}

#[test]
fn every_tool_has_its_file_and_every_file_its_tool() {
    let text = read("src/tools/mod.rs");
    let list = text.split("\ntools! {").nth(1).and_then(|rest| rest.split('}').next()).expect("tools! { … }");
    let named: Vec<_> =
        list.lines().filter_map(|line| line.trim().split_once("::")).map(|(file, _)| file).collect();
    assert!(named.len() > 5, "{list}");
    let mut faults = Vec::new();
    for name in &named {
        if !read(&format!("src/tools/{name}.rs")).contains(&format!("const NAME: &'static str = \"{name}\";"))
        {
            faults.push(format!("src/tools/{name}.rs is not the tool {name}"));
        }
    }
    for (path, text) in files("src/tools", &[".rs"]) {
        let name = path.trim_start_matches("src/tools/").trim_end_matches(".rs");
        if text.contains("\nimpl Tool for ") && !named.contains(&name) {
            faults.push(format!("{path} is a tool that tools! does not list"));
        }
    }
    none(&faults);
}

/// entry.js hands over the headers it lists and no others; at `/mcp` fewer than elsewhere.
#[test]
fn every_header_that_is_read_is_handed_over() {
    let entry = read("src/edge/entry.js");
    let list = |name: &str| {
        let rest = entry.split_once(&format!("\nconst {name} = [")).expect(name).1;
        quoted(rest.split_once(']').unwrap().0)
    };
    let elsewhere = [list("PAGE_HEADERS"), list("UPLOAD_HEADERS"), list("CALLBACK_HEADERS")].concat();
    let (always, proxied) = (list("HEADERS"), list("PROXY_HEADERS"));
    let mut faults = Vec::new();
    let mut seen = 0;
    for (path, text) in files("src", &[".rs"]) {
        if path.contains("/edge/") {
            continue;
        }
        let is_mcp = path.starts_with("src/mcp/") || path == "src/oauth/bearer.rs";
        let product = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code(product) {
            for rest in line.split("headers.get(\"").skip(1) {
                let name = rest.split('"').next().unwrap();
                seen += 1;
                let handed = always.contains(&name)
                    || proxied.contains(&name)
                    || (!is_mcp && elsewhere.contains(&name));
                if !handed {
                    faults.push(format!(
                        "{path}:{number} reads `{name}`, which src/edge/entry.js does not hand over there"
                    ));
                }
            }
        }
    }
    assert!(seen >= always.len(), "the search finds too little");
    none(&faults);
}

/// entry.js reads bodies before Rust sees them, so it has the same bounds.
#[test]
fn bodies_are_bounded_alike_on_both_sides() {
    let entry = read("src/edge/entry.js");
    let http = read("src/http.rs");
    for name in ["MAX_MESSAGE_BYTES", "MAX_FORM_BYTES"] {
        let after = |text: &str, key: String| text.split_once(&key)?.1.split(';').next().map(str::to_owned);
        let bound = after(&entry, format!("\nconst {name} = "));
        assert_eq!(bound, after(&http, format!("\npub const {name}: usize = ")));
        assert!(bound.is_some(), "{name}");
    }
}
