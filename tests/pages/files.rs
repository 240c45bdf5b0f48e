//! Samples of a workspace's files. Not for: the other pages (`samples`).

use crate::samples::{HOSTILE, LONG, nav, s};
use atelier::html::media::{File, Kind, Media, Usage};
use atelier::html::{Notice, Section, Tone};

const STILL: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 3 4'%3E%3Crect width='3' height='4' fill='%236a3df0'/%3E%3C/svg%3E";

pub fn some() -> Media {
    let file = |title: &str, thumbnail: Option<&str>, facts: &str, how: &str, who: &str| File {
        asset_id: s("01934c2e-9d3f-7c41-8a55-2f4b8f8a1c11"),
        title: s(title),
        href: s("/assets/w/a.png?expires=1&signature=s"),
        thumbnail: thumbnail.map(s),
        alt: s("A red fox on a hill"),
        facts: s(facts),
        how: s(how),
        who: s(who),
        at: s("21 November 2026, 07:32 UTC"),
        can_delete: who.starts_with("ada"),
    };
    let (png, ada) = ("1024×1024 image/png, 1.3 MB", "ada.lovelace@example.com");
    let files = vec![
        file("fox.png", Some(STILL), png, "Uploaded by", ada),
        file("A red fox on a hill", Some(STILL), png, "Made by", "grace@example.com"),
        file("jingle.wav", None, "12.0 s audio/wav, 2.2 MB", "Fetched for", ada),
        file(
            LONG,
            Some(STILL),
            "1920×1080 8.0 s video/mp4, 14.9 MB",
            "Made by",
            "Somebody who has left (1f2e3d4c)",
        ),
    ];
    let kind =
        |label: &str, is_chosen| Kind { label: s(label), href: s("/account/workspaces/w1/media"), is_chosen };
    Media {
        nav: nav(Section::Workspaces),
        notice: Some(Notice { tone: Tone::Good, text: s("The file is deleted.") }),
        workspace_id: s("0193a1b2-0000-7000-8000-000000000001"),
        workspace: s("Spring campaign for the whole of the northern region"),
        usage: Usage { stored: s("91.4 GB"), quota: Some(s("100 GB")), percent: 91 },
        kinds: vec![
            kind("All", true),
            kind("Images", false),
            kind("Videos", false),
            kind("3D models", false),
            kind("Audio", false),
        ],
        kind: String::new(),
        files,
        newest: Some(s("/account/workspaces/w1/media")),
        older: Some(s("/account/workspaces/w1/media?cursor=c")),
    }
}

pub fn none() -> Media {
    let usage = Usage { stored: s("0 KB"), quota: None, percent: 0 };
    Media { notice: None, usage, files: Vec::new(), newest: None, older: None, ..some() }
}

pub fn hostile() -> Media {
    let mut view = some();
    view.workspace = s(HOSTILE);
    view.kind = s(HOSTILE);
    for file in &mut view.files {
        (file.title, file.alt, file.who, file.facts) = (s(HOSTILE), s(HOSTILE), s(HOSTILE), s(HOSTILE));
        (file.href, file.thumbnail) = (s(HOSTILE), Some(s(HOSTILE)));
        file.can_delete = true;
    }
    view
}
