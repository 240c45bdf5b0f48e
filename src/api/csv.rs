//! CSV (RFC 4180) of lists that people open in a spreadsheet. Not for: what stands in a list (`ledger`, `audit`).

/// A cell that begins so is a formula to a spreadsheet, and formulas can call out (OWASP, CSV injection).
const FORMULA_STARTS: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

pub const CONTENT_TYPE: &str = "text/csv; charset=utf-8; header=present";

/// A cell.
pub enum Cell {
    /// Ours, a negative one too: sums must stay sums.
    Number(String),
    /// Anybody's.
    Text(String),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    pub fn optional(text: Option<String>) -> Self {
        Cell::Text(text.unwrap_or_default())
    }

    fn written(&self) -> String {
        match self {
            Cell::Number(digits) => digits.clone(),
            Cell::Text(text) => {
                // The apostrophe tells a spreadsheet that text follows.
                let guard = if text.starts_with(FORMULA_STARTS) { "'" } else { "" };
                if text.contains([',', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
                    format!("\"{guard}{}\"", text.replace('"', "\"\""))
                } else {
                    format!("{guard}{text}")
                }
            }
        }
    }
}

pub fn header(names: &[&str]) -> String {
    format!("{}\r\n", names.join(","))
}

pub fn line(cells: &[Cell]) -> String {
    let written: Vec<_> = cells.iter().map(Cell::written).collect();
    format!("{}\r\n", written.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        for (text, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            (" edge ", "\" edge \""),
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
            ("=HYPERLINK(\"http://evil\",\"x\")", "\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(Cell::text(text).written(), written, "{text:?}");
        }
        assert_eq!(line(&[Cell::Number("-5".into()), Cell::optional(None), Cell::text("x")]), "-5,,x\r\n");
        assert_eq!(header(&["a", "b"]), "a,b\r\n");
    }
}
