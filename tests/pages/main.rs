//! Every page as a whole document: nothing hostile gets through, forms are protected, labels lead to controls.
//! `ATELIER_PAGES=folder cargo test --test pages` also writes them there, with the stylesheet, to be looked at.
//! Not for: what the pages are filled with in earnest (`tests/gateway`).

mod files;
mod history;
mod providers;
mod samples;
mod uploads;

use atelier::html::{self, scopes};
use atelier::http::{Body, Response};
use atelier::oauth::Scope;
use samples::HOSTILE;
use std::collections::BTreeSet;

/// What stands between `before` and the next `after`, each time.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

#[test]
fn nothing_from_outside_becomes_markup() {
    for (name, page) in samples::all() {
        // The one script is our own file, and nothing of the page goes into it.
        let page =
            page.replacen("<script src=\"/upload.js?v=", "<our src=\"", usize::from(name.contains("upload")));
        for forbidden in ["<script", "style=", "<style", "onmouseover=\"", "javascript:", HOSTILE] {
            assert!(!page.contains(forbidden), "{name} contains {forbidden}");
        }
        assert!(!page.contains('\u{202e}') && !page.contains('\u{2066}'), "{name} turns its direction");
    }
    let hostile: Vec<_> = samples::hostile().into_iter().map(|(_, page)| page).collect();
    assert!(hostile.iter().all(|page| page.contains("&lt;script&gt;")), "the samples are not hostile");
}

/// The development sign-in has no session yet that a stranger's form could ride on.
#[test]
fn every_form_that_posts_is_protected() {
    let mut seen = 0;
    for (name, page) in samples::all() {
        for form in between(&page, "<form", "</form>") {
            assert!(form.contains("method=\"post\""), "{name}: {form}");
            let is_protected = form.contains("name=\"csrf\" value=\"csrf-token\"");
            assert!(is_protected || form.contains("action=\"/sign-in/development\""), "{name}: {form}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} forms");
}

#[test]
fn every_page_can_be_read_and_used_without_eyes_or_mouse() {
    for (name, page) in samples::all() {
        let ids = between(&page, " id=\"", "\"");
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{name} repeats an id: {ids:?}");
        for reference in ["for=\"", "aria-labelledby=\"", "aria-describedby=\""] {
            for id in between(&page, &format!(" {reference}"), "\"") {
                assert!(unique.contains(&id), "{name}: {reference}{id} leads nowhere");
            }
        }
        for tag in between(&page, "<input ", ">").into_iter().chain(between(&page, "<select ", ">")) {
            let is_labelled = tag.contains("type=\"hidden\"")
                || tag.contains("type=\"radio\"")
                || between(tag, "id=\"", "\"").iter().any(|id| {
                    page.contains(&format!("<label for=\"{id}\"")) || page.contains(&format!(" for=\"{id}\""))
                });
            assert!(is_labelled, "{name}: no label for {tag}");
        }
        assert_eq!(page.matches("<h1").count(), 1, "{name}");
        assert_eq!(page.matches("<main").count(), 1, "{name}");
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
    }
}

#[test]
fn consent_refuses_by_default_and_warns_of_a_look_alike() {
    let page = html::consent::consent(&samples::consent_look_alike());
    let deny = page.find("value=\"deny\"").unwrap();
    let approve = page.find("value=\"approve\"").unwrap();
    assert!(deny < approve, "Enter takes the first button");
    assert!(page.contains("role=\"alert\"") && page.contains("evil.example"));
    assert!(!page.contains(">Confirmed<"), "a look-alike is not confirmed, whoever vouches for it");
    assert!(page.contains("Allow anyway"));
}

#[test]
fn every_scope_has_words() {
    for scope in Scope::ALL {
        assert!(scopes::ScopeChoice::named(scope.as_str(), true).is_some(), "{}", scope.as_str());
        assert!(scopes::title(scope.as_str()).is_some());
    }
}

/// A table is announced, its columns and rows are named, and it scrolls by keyboard in its own box.
#[test]
fn every_table_can_be_read_cell_by_cell() {
    let mut seen = 0;
    for (name, page) in samples::all() {
        for table in between(&page, "<table", "</table>") {
            assert!(table.contains("<caption"), "{name}");
            let columns = between(table, "<thead>", "</thead>")[0].matches("scope=\"col\"").count();
            for row in between(between(table, "<tbody>", "</tbody>")[0], "<tr>", "</tr>") {
                assert_eq!(
                    row.matches("<td").count() + row.matches("scope=\"row\"").count(),
                    columns,
                    "{name}"
                );
                assert_eq!(row.matches("scope=\"row\"").count(), 1, "{name}");
            }
            seen += 1;
        }
        assert_eq!(page.matches("<table").count(), page.matches("role=\"region\"").count(), "{name}");
        assert_eq!(page.matches("<table").count(), page.matches("tabindex=\"0\"").count(), "{name}");
    }
    assert!(seen > 5, "{seen} tables");
}

#[test]
fn no_app_is_offered_what_changes_the_budget() {
    let offered = |page: &str| page.contains("value=\"workspaces:write\"");
    for (name, page) in samples::all() {
        assert_eq!(offered(&page), name.contains("tokens") && !name.starts_with("home"), "{name}");
    }
}

#[test]
fn pages_are_sent_with_their_protection_and_the_stylesheet_for_ever() {
    let response: Response<()> = html::page(200, String::from("x"), "'self' https://claude.ai");
    let csp = response.header("content-security-policy").unwrap();
    assert_eq!(
        csp,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self' https://claude.ai; frame-ancestors 'none'"
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("cross-origin-opener-policy"), Some("same-origin"));
    let popup: Response<()> = html::page_in_popup(200, String::new(), "'self'");
    assert_eq!(popup.header("cross-origin-opener-policy"), None);
    assert_eq!(popup.header("x-frame-options"), Some("DENY"));
    let sheet: Response<()> = html::stylesheet();
    assert_eq!(sheet.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let Body::Text(css) = sheet.body else { panic!("a text") };
    assert!(!css.contains("url("), "the stylesheet fetches nothing");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a native test that writes only where it is told to")]
fn pages_can_be_looked_at() {
    let Ok(folder) = std::env::var("ATELIER_PAGES") else { return };
    let folder = std::path::Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    for (name, page) in samples::all() {
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    }
    let Body::Text(css) = html::stylesheet::<()>().body else { panic!("a text") };
    std::fs::write(folder.join("ui.css"), css).unwrap();
}
