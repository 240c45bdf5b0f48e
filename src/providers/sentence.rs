//! What a provider says, as one sentence that a person may read and a log may keep.
//! Not for: deciding what it means.

/// Longer reasons are lists of what would have been right.
const MAX_CHARS: usize = 300;
/// So much of a prompt is recognised where a provider repeats its beginning.
const RECOGNISED_CHARS: usize = 24;
const NO_REASON: &str = "The provider gave no reason.";

/// `said` on one line, without the prompt, shortened, with a full stop at its end.
pub fn sentence(said: &str, prompt: &str) -> String {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut said, prompt) = (flat(said), flat(prompt));
    if !prompt.is_empty() {
        said = said.replace(&prompt, "…");
    }
    let beginning: String = prompt.chars().take(RECOGNISED_CHARS).collect();
    if beginning.chars().count() == RECOGNISED_CHARS
        && let Some((before, _)) = said.split_once(&beginning)
    {
        said = format!("{before}…");
    }
    if said.chars().count() > MAX_CHARS {
        said = format!("{}…", said.chars().take(MAX_CHARS).collect::<String>());
    }
    match said.chars().last() {
        None => NO_REASON.to_owned(),
        Some('.' | '!' | '?') => said,
        Some(_) => format!("{said}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_prompt_in_it() {
        let prompt = "a very secret castle on a hill, in  fog";
        let table = [
            ("Out of memory", "Out of memory."),
            ("Try\nagain!  ", "Try again!"),
            ("", NO_REASON),
            ("Bad: 'a very secret castle on a hill, in fog'", "Bad: '…'."),
            ("Bad: 'a very secret castle on a hi...' (400)", "Bad: '…."),
        ];
        for (said, expected) in table {
            assert_eq!(sentence(said, prompt), expected);
        }
        assert_eq!(sentence("cat", ""), "cat.");
        assert_eq!(sentence(&"x".repeat(999), "").chars().count(), MAX_CHARS + 2);
    }
}
