//! What a provider says in its own words, as a person may read it: one sentence, short, without what the request held.
//! Not for: which class a refusal is of (each provider).

use serde_json::Value;

/// Characters of a message that say what is wrong; the rest is traces.
const MOST_CHARS: usize = 240;
/// Shorter texts of a request are words such as `png`, which a message may well repeat.
const LEAST_HIDDEN_CHARS: usize = 12;

/// One sentence that ends in a full stop. `hidden`: what the provider repeats of the request, its prompt above all; any text
/// in it is taken out, and so are addresses, which may carry signatures.
pub fn sentence(text: &str, hidden: &Value) -> String {
    let mut told = text.to_owned();
    hide(&mut told, hidden);
    let words = told.split_whitespace().map(|word| if is_address(word) { "…" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(MOST_CHARS).collect();
    let ending = if short.len() < line.len() { "…" } else { "" };
    let ended = format!("{}{ending}", short.trim());
    match ended.chars().last() {
        None => "No reason was given.".into(),
        Some('.' | '!' | '?' | '…') => ended,
        Some(_) => format!("{ended}."),
    }
}

fn hide(told: &mut String, hidden: &Value) {
    match hidden {
        Value::String(text) if text.chars().count() >= LEAST_HIDDEN_CHARS => {
            *told = told.replace(text.as_str(), "…");
        }
        Value::Array(list) => list.iter().for_each(|item| hide(told, item)),
        Value::Object(fields) => fields.values().for_each(|field| hide(told, field)),
        _ => {}
    }
}

fn is_address(word: &str) -> bool {
    ["https://", "http://", "data:"].iter().any(|scheme| word.contains(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn neither_the_prompt_nor_an_address_is_repeated() {
        let request = json!({ "prompt": "my secret recipe", "output_format": "png", "deep": [{ "text": "and another one" }] });
        let said = sentence(
            "Refused \"my secret recipe\"\n(and another one) at https://a.example/f?sig=1 as png",
            &request,
        );
        assert_eq!(said, "Refused \"…\" (…) at … as png.");
        assert_eq!(sentence("", &Value::Null), "No reason was given.");
        assert_eq!(sentence(&"x".repeat(500), &Value::Null).chars().count(), MOST_CHARS + 1);
    }
}
