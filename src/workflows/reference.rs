//! `{{…}}` in the strings of a workflow: what it may say and how a string is cut at it.
//! Not for: which of them exist and may stand where (`places`), or their values (`scope`).

/// Names are part of the document that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    Input(&'a str),
    Text(&'a str),
    Items(&'a str),
    Files(&'a str, Option<usize>),
    Item,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Words(&'a str),
    Reference(Reference<'a>),
}

const FORMS: &str = "Write {{inputs.NAME}}, {{steps.ID.text}}, {{steps.ID.items}}, {{steps.ID.files}}, \
                     {{steps.ID.files[0]}}, {{item}} or {{index}}.";

pub fn holds_reference(text: &str) -> bool {
    text.contains("{{")
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.trim().splitn(3, '.');
        let (kind, name, what) = (words.next()?, words.next(), words.next());
        match (kind, name, what) {
            ("item", None, None) => Some(Reference::Item),
            ("index", None, None) => Some(Reference::Index),
            ("inputs", Some(name), None) if is_name(name) => Some(Reference::Input(name)),
            ("steps", Some(id), Some(what)) if is_name(id) => match what {
                "text" => Some(Reference::Text(id)),
                "items" => Some(Reference::Items(id)),
                "files" => Some(Reference::Files(id, None)),
                _ => {
                    let index = what.strip_prefix("files[")?.strip_suffix(']')?;
                    let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
                    Some(Reference::Files(id, Some(index.parse().ok().filter(|_| digits)?)))
                }
            },
            _ => None,
        }
    }

    /// The step it needs.
    pub fn step(self) -> Option<&'a str> {
        match self {
            Reference::Text(id) | Reference::Items(id) | Reference::Files(id, _) => Some(id),
            Reference::Input(_) | Reference::Item | Reference::Index => None,
        }
    }

    /// As an author writes it, without the braces.
    pub fn words(self) -> String {
        match self {
            Reference::Input(name) => format!("inputs.{name}"),
            Reference::Text(id) => format!("steps.{id}.text"),
            Reference::Items(id) => format!("steps.{id}.items"),
            Reference::Files(id, None) => format!("steps.{id}.files"),
            Reference::Files(id, Some(index)) => format!("steps.{id}.files[{index}]"),
            Reference::Item => "item".into(),
            Reference::Index => "index".into(),
        }
    }
}

/// Lower-case letters, digits and underscores, a letter first, 40 at most: it is written inside references.
pub fn is_name(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The words and references of a string in their order, or what is wrong with it.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, behind)) = after.split_once("}}") else {
            return Err("A reference is opened with {{ and never closed with }}.".into());
        };
        if !before.is_empty() {
            parts.push(Part::Words(before));
        }
        let reference = Reference::parse(inside).ok_or_else(|| {
            let shown: String = inside.chars().take(60).collect();
            format!("{{{{{shown}}}}} is not a reference. {FORMS}")
        })?;
        parts.push(Part::Reference(reference));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Words(rest));
    }
    Ok(parts)
}

/// The reference that a string is, if it is exactly one.
pub fn whole(text: &str) -> Option<Reference<'_>> {
    match parts(text).ok()?.as_slice() {
        [Part::Reference(reference)] => Some(*reference),
        _ => None,
    }
}

/// Every reference in a string; none of a string that is wrong.
pub fn references(text: &str) -> impl Iterator<Item = Reference<'_>> {
    parts(text).unwrap_or_default().into_iter().filter_map(|part| match part {
        Part::Reference(reference) => Some(reference),
        Part::Words(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_cut_at_its_references() {
        let text = "a {{ inputs.scene }}, {{steps.shot.files[12]}}{{index}}!";
        assert_eq!(
            parts(text).unwrap(),
            [
                Part::Words("a "),
                Part::Reference(Reference::Input("scene")),
                Part::Words(", "),
                Part::Reference(Reference::Files("shot", Some(12))),
                Part::Reference(Reference::Index),
                Part::Words("!"),
            ]
        );
        assert_eq!(whole("{{steps.a.items}}"), Some(Reference::Items("a")));
        assert_eq!(whole("{{item}} "), None);
        for wrong in
            ["{{}}", "{{inputs}}", "{{inputs.a.b}}", "{{steps.a}}", "{{steps.a.file}}", "{{steps.a.files[]}}"]
        {
            assert!(parts(wrong).unwrap_err().contains("is not a reference"), "{wrong}");
        }
        for wrong in
            ["{{steps.a.files[-1]}}", "{{steps.a.files[+1]}}", "{{items}}", "{{Inputs.a}}", "{{inputs.A}}"]
        {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
        assert!(parts("{{item").unwrap_err().contains("never closed"));
        assert_eq!(parts("no }} reference").unwrap(), [Part::Words("no }} reference")]);
        for reference in
            ["inputs.a", "steps.a.text", "steps.a.items", "steps.a.files", "steps.a.files[3]", "item"]
        {
            assert_eq!(Reference::parse(reference).unwrap().words(), reference);
        }
    }
}
