//! What is wrong with a document and where, collected so that an author is told everything at once; and the
//! fields of one JSON object, read with their paths.
//! Not for: what the fields mean (`document`, `places`).

use crate::models::parameter::{shorten, whole};
use serde::Serialize;
use serde_json::{Map, Value};

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `steps[2].parameters.guidance_files[0].file_id`; empty for the document itself.
    pub path: String,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
}

/// More are not told: a document this wrong is read again from its beginning, and the answer stays small.
const MAX_PROBLEMS: usize = 100;

#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(Problem { path: path.into(), message: message.into() });
        }
    }

    /// Unless something at this path or below it has been said already, of which this would be a consequence.
    pub fn add_new(&mut self, path: &str, message: impl Into<String>) {
        if !self.touch(path) {
            self.add(path, message);
        }
    }

    pub fn touch(&self, path: &str) -> bool {
        self.0.iter().any(|problem| {
            problem
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// The fields of one object.
pub struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// None, and said so, if it is no object.
    pub fn of(value: &'a Value, path: impl Into<String>, problems: &mut Problems) -> Option<Self> {
        let path = path.into();
        match value.as_object() {
            Some(map) => Some(Self { path, map }),
            None => {
                problems.add(path, format!("Must be an object, not {}.", shorten(value)));
                None
            }
        }
    }

    pub fn path(&self, name: &str) -> String {
        join(&self.path, name)
    }

    pub fn known(&self, names: &[&str], problems: &mut Problems) {
        for name in self.map.keys().filter(|name| !names.contains(&name.as_str())) {
            let shown: String = name.chars().take(40).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            problems.add(self.path(&shown), format!("Unknown field. The fields here: {known}."));
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name)
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        problems: &mut Problems,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.map.get(name)?;
        let found = read(value);
        if found.is_none() {
            problems.add(self.path(name), format!("Must be {expected}, not {}.", shorten(value)));
        }
        found
    }

    pub fn text(&self, name: &str, problems: &mut Problems) -> Option<&'a str> {
        self.read(name, "text", problems, Value::as_str)
    }

    /// Text of at most so many characters.
    pub fn short_text(&self, name: &str, most: usize, problems: &mut Problems) -> Option<&'a str> {
        let text = self.text(name, problems)?;
        let count = text.chars().count();
        if count > most {
            let message = format!("Must have at most {most} characters, not {count}. Shorten it.");
            problems.add(self.path(name), message);
        }
        Some(text)
    }

    pub fn boolean(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        self.read(name, "true or false", problems, Value::as_bool)
    }

    pub fn number(&self, name: &str, problems: &mut Problems) -> Option<f64> {
        self.read(name, "a number", problems, Value::as_f64)
    }

    pub fn count(&self, name: &str, least: usize, most: usize, problems: &mut Problems) -> Option<usize> {
        let expected = format!("a whole number from {least} to {most}");
        self.read(name, &expected, problems, |value| {
            let count = usize::try_from(whole(value)?).ok()?;
            (least..=most).contains(&count).then_some(count)
        })
    }

    pub fn list(&self, name: &str, problems: &mut Problems) -> Option<&'a Vec<Value>> {
        self.read(name, "a list", problems, Value::as_array)
    }

    /// One of these words.
    pub fn word(&self, name: &str, words: &[&str], problems: &mut Problems) -> Option<&'a str> {
        let expected = format!("one of {}", words.join(", "));
        self.read(name, &expected, problems, |value| value.as_str().filter(|word| words.contains(word)))
    }

    /// Says what to write if the field is missing.
    pub fn require(&self, name: &str, advice: &str, problems: &mut Problems) {
        if !self.has(name) {
            problems.add(self.path(name), format!("Missing. {advice}"));
        }
    }
}

pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
