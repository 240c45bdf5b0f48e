//! Samples of the upload page. Not for: its script (`tests/edge/upload-page.test.mjs`).

use crate::samples::{HOSTILE, s};
use atelier::html::upload::{self, Closed, Kind, Upload};

fn pages(text: &str) -> Upload {
    Upload {
        workspace: s(text),
        is_several: true,
        name: None,
        max_files: 20,
        expires_at: s("2026-11-21T07:47:00.000Z"),
        expires_in_words: s("21 November 2026, 07:47 UTC"),
        kinds: vec![
            kind("image/png", "PNG", "105 MB"),
            kind("image/jpeg", "JPEG", "105 MB"),
            kind("video/mp4", "MP4", "5.4 GB"),
        ],
        curl: None,
    }
}

fn one(text: &str) -> Upload {
    Upload {
        is_several: false,
        name: Some(s(text)),
        curl: Some(format!("curl -sS -T FILE '{text}'")),
        kinds: vec![kind("audio/wav", text, "64 MB")],
        ..pages(text)
    }
}

fn closed(text: &str) -> Closed {
    Closed { title: s(text), what: s(text), next: s(text) }
}

/// The upload page, and what it says when it is over.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("upload", upload::upload(&pages("Studio"))),
        ("upload-one", upload::upload(&one("voice.wav"))),
        ("upload-closed", upload::closed(&closed("This link has expired"))),
    ]
}

pub fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("hostile-upload", upload::upload(&one(HOSTILE))),
        ("hostile-upload-closed", upload::closed(&closed(HOSTILE))),
    ]
}

fn kind(mime: &str, label: &str, most: &str) -> Kind {
    Kind { mime: s(mime), label: s(label), extensions: vec![s("x")], max_bytes: 1, max_in_words: s(most) }
}
