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

    /// `2026-11-21T07:32:00.000Z`
    pub fn iso(self) -> String {
        DateTime::from_timestamp_millis(self.0)
            .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_iso_8601_in_utc() {
        assert_eq!(Timestamp(1_795_246_320_123).iso(), "2026-11-21T07:32:00.123Z");
        assert_eq!(Timestamp(-1).iso(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(i64::MAX).iso(), "");
        assert_eq!(Timestamp(1_795_246_320_123).words(), "21 November 2026, 07:32 UTC");
    }
}
