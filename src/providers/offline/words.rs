//! What the offline provider reads out of a prompt: its words, and a colour if one is named.
//!
//! For: choosing scenes, solids and sounds by plain words, the same way everywhere.
//!
//! Not for: understanding language: an unknown word changes only the seed. Obeys no outside
//! format; colours are those of `brush`.

use super::brush::Colour;

/// Longest part of a prompt that is read, in characters; the rest still changes the seed.
const READ_CHARS: usize = 2000;

/// Colours a prompt can name.
const COLOURS: [(&str, Colour); 12] = [
    ("red", [206.0, 44.0, 52.0]),
    ("orange", [236.0, 120.0, 36.0]),
    ("yellow", [238.0, 200.0, 52.0]),
    ("green", [44.0, 148.0, 84.0]),
    ("blue", [40.0, 98.0, 204.0]),
    ("purple", [122.0, 62.0, 190.0]),
    ("violet", [122.0, 62.0, 190.0]),
    ("pink", [236.0, 108.0, 168.0]),
    ("gold", [222.0, 172.0, 66.0]),
    ("golden", [222.0, 172.0, 66.0]),
    ("white", [236.0, 234.0, 228.0]),
    ("black", [44.0, 44.0, 50.0]),
];

/// The words of one prompt, in lower case.
pub struct Words(Vec<String>);

impl Words {
    /// Splits a prompt at everything that is neither letter nor digit.
    pub fn of(prompt: &str) -> Words {
        let lower = prompt.chars().take(READ_CHARS).collect::<String>().to_lowercase();
        let parts = lower.split(|c: char| !c.is_alphanumeric());
        Words(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    /// Whether one of `list` was said, alone or as a plural.
    pub fn said(&self, list: &[&str]) -> bool {
        self.0.iter().any(|word| {
            let single = word.strip_suffix('s').unwrap_or(word);
            list.iter().any(|other| other == word || *other == single)
        })
    }

    /// The first colour of the table that was said.
    pub fn colour(&self) -> Option<Colour> {
        COLOURS.iter().find(|(word, _)| self.said(&[word])).map(|(_, colour)| *colour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_and_plurals_are_found_but_not_parts() {
        let words = Words::of("Two RED cars, drifting!");
        assert!(words.said(&["car"]) && words.said(&["drifting"]));
        assert!(!words.said(&["rift"]) && !words.said(&["ca"]));
        assert_eq!(words.colour(), Some([206.0, 44.0, 52.0]));
        assert!(!Words::of("").said(&[""]));
    }
}
