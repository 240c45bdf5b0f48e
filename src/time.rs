//! Instants as the gateway stores and shows them. Not for: reading the clock (`Platform::now`).

use chrono::{DateTime, Datelike, SecondsFormat, Timelike};
use serde::{Deserialize, Serialize};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Milliseconds since the Unix epoch. Stored as the number; shown to people and models as ISO 8601 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    pub fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `21 November 2026, 07:32 UTC`, for pages. Without chrono's patterns, which are 6 KB gzipped.
    pub fn words(self) -> String {
        let Some(at) = DateTime::from_timestamp_millis(self.0) else { return String::new() };
        let month = MONTHS.get(at.month0() as usize).copied().unwrap_or_default();
        format!("{} {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
    }

    /// ISO 8601: a day, which means its beginning in UTC, or a time with `Z` or an offset.
    pub fn parse(text: &str) -> Option<Self> {
        if let (Some(day), true) = (text.get(..10), text.len() == 10) {
            return Self::parse(&format!("{day}T00:00:00Z"));
        }
        DateTime::parse_from_rfc3339(text).ok().map(|at| Self(at.timestamp_millis()))
    }

    /// `2026-11-21T07:32:00.000Z`
    pub fn iso(self) -> String {
        DateTime::from_timestamp_millis(self.0)
            .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// What an allowance is counted over, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Month,
}

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Month => "month",
        }
    }

    pub fn start(self, now: Timestamp) -> Timestamp {
        let midnight = now.0.div_euclid(DAY_MILLIS) * DAY_MILLIS;
        match self {
            Period::Day => Timestamp(midnight),
            Period::Month => {
                let days = DateTime::from_timestamp_millis(now.0).map_or(0, |at| i64::from(at.day0()));
                Timestamp(midnight - days * DAY_MILLIS)
            }
        }
    }

    /// When the next one begins.
    pub fn end(self, now: Timestamp) -> Timestamp {
        let start = self.start(now);
        match self {
            Period::Day => start.plus_millis(DAY_MILLIS),
            // 31 days after its beginning any month is over and the next one is not.
            Period::Month => self.start(start.plus_millis(31 * DAY_MILLIS)),
        }
    }
}

const DAY_MILLIS: i64 = 24 * 3600 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_and_times_with_a_zone() {
        let iso = |text: &str| Timestamp::parse(text).map(Timestamp::iso);
        assert_eq!(iso("2026-11-21").as_deref(), Some("2026-11-21T00:00:00.000Z"));
        assert_eq!(iso("2026-11-21T09:30:00.5+02:00").as_deref(), Some("2026-11-21T07:30:00.500Z"));
        for wrong in ["", "today", "2026-13-01", "2026-11-21T09:30:00", "21.11.2026", "2026-11-21 "] {
            assert_eq!(iso(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_and_months_begin_at_midnight_utc() {
        let now = Timestamp(1_795_246_320_123);
        assert_eq!(Period::Day.start(now).iso(), "2026-11-21T00:00:00.000Z");
        assert_eq!(Period::Day.end(now).iso(), "2026-11-22T00:00:00.000Z");
        assert_eq!(Period::Month.start(now).iso(), "2026-11-01T00:00:00.000Z");
        assert_eq!(Period::Month.end(now).iso(), "2026-12-01T00:00:00.000Z");
        let last = Timestamp(1_798_761_599_999);
        assert_eq!(last.iso(), "2026-12-31T23:59:59.999Z");
        assert_eq!(Period::Month.start(last).iso(), "2026-12-01T00:00:00.000Z");
        assert_eq!(Period::Month.end(last).iso(), "2027-01-01T00:00:00.000Z");
        assert_eq!(Period::Month.end(Timestamp(1_804_204_800_000)).iso(), "2027-04-01T00:00:00.000Z");
    }

    #[test]
    fn shows_iso_8601_in_utc() {
        assert_eq!(Timestamp(1_795_246_320_123).iso(), "2026-11-21T07:32:00.123Z");
        assert_eq!(Timestamp(-1).iso(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(i64::MAX).iso(), "");
        assert_eq!(Timestamp(1_795_246_320_123).words(), "21 November 2026, 07:32 UTC");
    }
}
