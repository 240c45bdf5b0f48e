//! Samples of what happened in a workspace. Not for: the other pages (`samples`).

use crate::samples::{HOSTILE, LONG, nav, s};
use atelier::html::Section;
use atelier::html::statement::{Activity, Deed, Line, Statement};

pub fn lines() -> Vec<Line> {
    let line = |what: &str, more: &str, units: &str, balance: &str, who: &str| Line {
        at: s("21 November 2026, 07:32 UTC"),
        what: s(what),
        more: s(more),
        units: s(units),
        balance: s(balance),
        who: s(who),
    };
    let run = "Run 01934c2e-9d3f-7c41-8a55-2f4b8f8a1c11";
    let mut lines = vec![
        line("Given back", run, "+1.5", "12480.5", "The gateway"),
        line("Spent", run, "2.5", "12479", "The gateway"),
        line("Set aside", run, "−4", "12479", "ada.lovelace@example.com"),
        line(
            "Taken away",
            "A slip of the finger last Tuesday",
            "−500.125",
            "12483",
            "ada.lovelace@example.com",
        ),
        line("Added", LONG, "+12983.125", "12983.125", "The operator"),
    ];
    lines.extend(lines.clone());
    lines
}

pub fn one_statement() -> Statement {
    Statement {
        nav: nav(Section::Workspaces),
        workspace_id: s("0193a1b2-0000-7000-8000-000000000001"),
        workspace: s("Spring campaign for the whole of the northern region"),
        lines: lines(),
        newest: Some(s("/account/workspaces/w1/statement")),
        older: Some(s("/account/workspaces/w1/statement?cursor=c")),
        csv: s("/account/workspaces/w1/statement.csv"),
        csv_rows: 10_000,
    }
}

pub fn one_activity() -> Activity {
    let deed = |what: &str, who: &str, by: Option<&str>, details: &[(&str, &str)]| Deed {
        at: s("21 November 2026, 07:32 UTC"),
        who: s(who),
        by: by.map(s),
        what: s(what),
        subject: s("01934c2e-9d3f-7c41-8a55-2f4b8f8a1c11"),
        details: details.iter().map(|(name, value)| (s(name), s(value))).collect(),
    };
    let credential = Some("credential 01934c2e-1111-7c41-8a55-2f4b8f8a1c11");
    let scopes = "workspaces:read models:read forge:read forge:execute workflows:read workflows:execute";
    Activity {
        nav: nav(Section::Workspaces),
        workspace_id: s("0193a1b2-0000-7000-8000-000000000001"),
        workspace: s("Spring campaign"),
        deeds: vec![
            deed(
                "Started a run",
                "ada.lovelace@example.com",
                credential,
                &[("kind", "forge"), ("of", "offline-image"), ("reserved creative units", "4")],
            ),
            deed(
                "Made a token",
                "grace@example.com",
                None,
                &[("name", LONG), ("scopes", scopes), ("per day", "50")],
            ),
            deed("workspace.something_new", "Somebody who has left (1f2e3d4c)", None, &[]),
        ],
        newest: None,
        older: Some(s("/account/workspaces/w1/activity?cursor=c")),
        days: 90,
    }
}

pub fn hostile_statement() -> Statement {
    let mut view = one_statement();
    view.workspace = s(HOSTILE);
    view.csv = s(HOSTILE);
    view.lines.truncate(1);
    view.lines.iter_mut().for_each(|line| (line.more, line.who) = (s(HOSTILE), s(HOSTILE)));
    view
}

pub fn hostile_activity() -> Activity {
    let mut view = one_activity();
    view.workspace = s(HOSTILE);
    for deed in &mut view.deeds {
        (deed.who, deed.what, deed.subject, deed.by) = (s(HOSTILE), s(HOSTILE), s(HOSTILE), Some(s(HOSTILE)));
        deed.details = vec![(s(HOSTILE), s(HOSTILE))];
    }
    view
}
