//! How long a provider asks to be left alone, in any of the forms that are in use.
//! Not for: what to do where none is given.

use super::adapter::Answer;
use chrono::NaiveDate;

/// A longer wait is as good as none: by then the run is given up or another provider is asked.
const MAX_MILLIS: i64 = 10 * 60 * 1000;
const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// From now, in milliseconds; at least 0. `retry-after-ms` is OpenAI's and more exact than `retry-after`, which is in
/// seconds or an HTTP date (RFC 9110 section 10.2.3). A date counts from the answer's own, so that no clock of ours matters.
pub fn millis(answer: &Answer) -> Option<i64> {
    let number = |name: &str, factor: f64| {
        let number: f64 = answer.header(name)?.trim().parse().ok()?;
        number.is_finite().then_some((number * factor).ceil() as i64)
    };
    let date = || {
        let until = seconds_of(answer.header("retry-after")?)?;
        Some((until - seconds_of(answer.header("date")?)?) * 1000)
    };
    let asked = number("retry-after-ms", 1.0).or_else(|| number("retry-after", 1000.0)).or_else(date)?;
    Some(asked.clamp(0, MAX_MILLIS))
}

/// Of `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that may be sent.
fn seconds_of(date: &str) -> Option<i64> {
    let mut words = date.trim().split_once(", ")?.1.split(' ');
    let day: u32 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = (1..).zip(MONTHS).find(|(_, name)| **name == month)?.0;
    let year: i32 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u32>().ok());
    let mut part = || clock.next().flatten();
    let time = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(part()?, part()?, part()?.min(59))?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    fn asked(headers: &str) -> Option<i64> {
        let headers = Headers::from_lines(headers.to_owned());
        millis(&Answer { status: 429, headers, ..Answer::default() })
    }

    #[test]
    fn every_form_is_read() {
        let table = [
            ("retry-after: 7", Some(7000)),
            ("retry-after: 0.25", Some(250)),
            ("retry-after-ms: 700\nretry-after: 1", Some(700)),
            ("retry-after-ms: soon\nretry-after: 1", Some(1000)),
            ("date: Sat, 21 Nov 2026 21:00:00 GMT\nretry-after: Sat, 21 Nov 2026 21:01:30 GMT", Some(90_000)),
            ("date: Thu, 31 Dec 2026 23:59:59 GMT\nretry-after: Fri, 01 Jan 2027 00:00:01 GMT", Some(2000)),
            ("date: Sat, 21 Nov 2026 21:00:00 GMT\nretry-after: Sat, 21 Nov 2026 20:00:00 GMT", Some(0)),
            ("retry-after: Sat, 21 Nov 2026 21:01:30 GMT", None),
            ("retry-after: -3", Some(0)),
            ("retry-after: 99999999999999999999", Some(MAX_MILLIS)),
            ("retry-after: NaN", None),
            ("retry-after: later", None),
            ("retry-after: Sat, 99 Xyz 2026", None),
            ("x: 1", None),
        ];
        for (headers, expected) in table {
            assert_eq!(asked(headers), expected, "{headers}");
        }
    }
}
