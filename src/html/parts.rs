//! What pages are put together from: notices, cards, fields, buttons, lists, code to copy.
//! Not for: whole pages.

use maud::{Markup, html};

/// Longer than any honest name of an app, a person or a workspace.
const MAX_NAME_CHARS: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Caution,
    Danger,
}

/// What the person is told at the top of a page, mostly after an action.
#[derive(Clone, Debug)]
pub struct Notice {
    pub tone: Tone,
    pub text: String,
}

/// A workspace as a select or a radio card names it.
#[derive(Clone, Debug)]
pub struct Named {
    pub id: String,
    pub name: String,
}

/// A name from outside, made harmless to the line it stands on: without control characters and without those
/// that turn the reading direction, which could make one name look like another, and not endless.
pub fn clean(text: &str) -> String {
    let is_odd = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}');
    let spaced = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_odd(*c));
    let spaced: String = spaced.collect();
    let joined = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", joined.get(..end).unwrap_or_default().trim_end()),
        None => joined,
    }
}

/// A name from outside, kept apart from the sentence around it whichever way it is written.
pub fn name(text: &str) -> Markup {
    html! { bdi { (clean(text)) } }
}

pub fn csrf(token: &str) -> Markup {
    hidden("csrf", token)
}

pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A danger interrupts a screen reader, everything else waits its turn.
pub fn notice(tone: Tone, title: Option<&str>, body: &Markup) -> Markup {
    let (class, role) = match tone {
        Tone::Plain => ("notice", "status"),
        Tone::Good => ("notice good", "status"),
        Tone::Caution => ("notice caution", "status"),
        Tone::Danger => ("notice danger", "alert"),
    };
    html! {
        div class=(class) role=(role) {
            @if let Some(title) = title { p.notice-title { (title) } }
            (body)
        }
    }
}

pub fn told(notice_: Option<&Notice>) -> Markup {
    html! {
        @if let Some(Notice { tone, text }) = notice_ { (notice(*tone, None, &html! { p { (text) } })) }
    }
}

/// What a form says when it could not be taken.
pub fn problem(text: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = text { (notice(Tone::Danger, None, &html! { p { (text) } })) }
    }
}

/// The head of a page: what it is and one sentence on what it is for.
pub fn heading(title: &str, lead: &Markup) -> Markup {
    html! { div.heading { h1 { (title) } p.lead { (lead) } } }
}

/// A section with its own heading; `id` must be unique in the page.
pub fn card(id: &str, title: &str, body: &Markup) -> Markup {
    html! {
        section.card aria-labelledby=(id) { h2 id=(id) { (title) } (body) }
    }
}

/// A labelled control. The control carries `id`, and `aria-describedby="{id}-hint"` when there is a hint.
pub fn field(id: &str, label: &str, hint: Option<&str>, control: &Markup) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            (control)
            @if let Some(hint) = hint { p.hint id={ (id) "-hint" } { (hint) } }
        }
    }
}

pub fn button(label: &str) -> Markup {
    html! { button.primary type="submit" { (label) } }
}

pub fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (term, value) in rows { div { dt { (term) } dd { (value) } } }
        }
    }
}

pub fn empty(title: &str, body: &Markup) -> Markup {
    html! { div.empty { h2 { (title) } (body) } }
}

/// One press or click selects all of it.
pub fn code(text: &str) -> Markup {
    html! { pre { code { (text) } } }
}

/// The button of something that cannot be taken back, behind one that only opens it. `of` completes the first
/// button for those who hear it without the row it stands in.
pub fn confirm(label: &str, of: &str, question: &Markup) -> Markup {
    html! {
        details.confirm {
            summary {
                span.button.small.quiet-danger.when-closed { (label) span.unseen { " " (clean(of)) } }
                span.button.small.when-open { "Cancel" }
            }
            div.confirm-body { (question) }
        }
    }
}

pub fn tag(text: &str) -> Markup {
    html! { span.tag { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_its_line_around_or_fill_the_page() {
        assert_eq!(clean("Cla\u{202e}edu\u{2066}\u{200b} \n\t AI\u{0}"), "Claedu AI");
        let long = clean(&"é".repeat(500));
        assert_eq!(long.chars().count(), MAX_NAME_CHARS + 1);
        assert_eq!(clean("עוזר יצירה"), "עוזר יצירה");
        assert_eq!(name("<b>&\"'").into_string(), "<bdi>&lt;b&gt;&amp;&quot;'</bdi>");
    }
}
