//! A file's name as its owner gave it, made harmless: it is shown to people and models and stands in a header, and never
//! becomes a path or a key.

/// Characters kept; a file system takes 255 bytes.
const MAX_CHARS: usize = 120;

/// None: nothing is left of it.
pub fn clean(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or(given);
    let kept: String = last.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect();
    let words = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let trimmed = words.trim_start_matches('.').trim();
    let shortened = shorten(trimmed);
    (!shortened.is_empty()).then_some(shortened)
}

/// Control characters break headers and terminals; the others turn text around or are not seen.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '"' | '<' | '>' | '|' | '?' | '*' | ':')
        && !matches!(u32::from(c), 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

/// From the middle, so that the extension stays.
fn shorten(name: &str) -> String {
    if name.chars().count() <= MAX_CHARS {
        return name.to_owned();
    }
    let (stem, extension) = name.rsplit_once('.').filter(|(_, end)| end.len() <= 8).unwrap_or((name, ""));
    let room = MAX_CHARS - extension.chars().count() - 2;
    let stem: String = stem.chars().take(room).collect();
    if extension.is_empty() { format!("{stem}…") } else { format!("{stem}….{extension}") }
}

/// `inline; filename="…"; filename*=UTF-8''…` (RFC 6266 section 4, RFC 8187).
pub fn disposition(name: &str) -> String {
    use crate::http::percent_encode;
    let ascii: String =
        name.chars().map(|c| if c.is_ascii() && c != '\\' && c != '%' { c } else { '_' }).collect();
    if ascii == name {
        return format!("inline; filename=\"{name}\"");
    }
    format!("inline; filename=\"{ascii}\"; filename*=UTF-8''{}", percent_encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_name() {
        let long = format!("{}.png", "ä".repeat(300));
        for (given, kept) in [
            ("slide-1.png", Some("slide-1.png")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\ada\\photo.jpg", Some("photo.jpg")),
            ("a\r\nset-cookie: x=1.png", Some("a set-cookie x=1.png")),
            ("photo\u{202e}gnp.exe", Some("photo gnp.exe")),
            ("..", None),
            ("", None),
            ("///", None),
            (" .hidden.png", Some("hidden.png")),
            ("\u{0}\u{7f}", None),
            ("Café 東京 🗼.webp", Some("Café 東京 🗼.webp")),
            ("\"quoted\".png", Some("quoted .png")),
            (&long, Some(&format!("{}….png", "ä".repeat(115)))),
        ] {
            assert_eq!(clean(given).as_deref(), kept, "{given:?}");
        }
        assert_eq!(clean(&long).unwrap().chars().count(), MAX_CHARS);
    }

    #[test]
    fn a_header_takes_any_cleaned_name() {
        assert_eq!(disposition("slide 1.png"), "inline; filename=\"slide 1.png\"");
        assert_eq!(disposition("é%.png"), "inline; filename=\"__.png\"; filename*=UTF-8''%C3%A9%25.png");
    }
}
