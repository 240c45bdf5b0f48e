//! Cutting a text into the pieces that a step is repeated for.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Lines,
    Sentences,
}

impl Split {
    /// The pieces that are not empty. A sentence ends after . ! ? … and their like where a space or the end follows.
    pub fn apply(self, text: &str) -> Vec<String> {
        let mut pieces = vec![String::new()];
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let ends = match self {
                Split::Lines => letter == '\n',
                // Chinese and Japanese write no space after a sentence.
                Split::Sentences if matches!(letter, '。' | '！' | '？') => true,
                Split::Sentences => {
                    matches!(letter, '.' | '!' | '?' | '…')
                        && letters.peek().is_none_or(|next| next.is_whitespace())
                }
            };
            pieces.iter_mut().last().into_iter().for_each(|piece| piece.push(letter));
            if ends {
                pieces.push(String::new());
            }
        }
        pieces.iter().map(|piece| piece.trim()).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_trimmed_and_never_empty() {
        assert_eq!(Split::Lines.apply(" a \r\n\n b. c\n"), ["a", "b. c"]);
        assert_eq!(
            Split::Sentences.apply("Pi is 3.14. Really?! Yes…\nNo! \"Quoted.\" end"),
            ["Pi is 3.14.", "Really?!", "Yes…", "No!", "\"Quoted.\" end"]
        );
        assert_eq!(Split::Sentences.apply("猫。犬！"), ["猫。", "犬！"]);
        assert!(Split::Sentences.apply(" \n ").is_empty());
    }
}
