//! Creative Units: the money of a workspace, kept as whole thousandths so that no sum is ever rounded.
//! Not for: what a model costs (`models::price`) or who may spend (`workspace`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, Sub};

/// An amount of Creative Units in thousandths. On the wire it is a decimal number of whole units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(i64);

const THOUSANDTHS: i64 = 1000;

/// The largest amount that is accepted from outside, in whole units: far above any bill, and its
/// thousandths stay exact in a JSON number (2^53).
pub const MAX_UNITS: f64 = 1_000_000_000.0;

impl Units {
    pub const ZERO: Units = Units(0);

    pub const fn whole(units: i64) -> Self {
        Self(units.saturating_mul(THOUSANDTHS))
    }

    pub const fn thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    pub const fn as_thousandths(self) -> i64 {
        self.0
    }

    pub fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(count)))
    }

    pub fn percent(self, percent: u32) -> Self {
        // Rounded up: a price is never below what was quoted for its parts.
        Self(self.0.saturating_mul(i64::from(percent)).saturating_add(99).div_euclid(100))
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / THOUSANDTHS as f64
    }

    /// `1 Creative Unit`, `2.5 Creative Units`
    pub fn words(self) -> String {
        format!("{self} Creative Unit{}", if self.0 == THOUSANDTHS { "" } else { "s" })
    }

    /// What a person types: digits, at most three of them after a point, up to [`MAX_UNITS`].
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
        (is_plain && fraction.len() <= 3).then(|| text.parse().ok().and_then(Self::from_f64))?
    }

    /// None for what is not a finite number from 0 to [`MAX_UNITS`].
    pub fn from_f64(units: f64) -> Option<Self> {
        (units.is_finite() && (0.0..=MAX_UNITS).contains(&units))
            .then(|| Self((units * THOUSANDTHS as f64).round() as i64))
    }
}

/// The most that may be spent in a UTC day and in a UTC month. None: no bound of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    pub per_day: Option<Units>,
    pub per_month: Option<Units>,
}

impl Add for Units {
    type Output = Units;
    fn add(self, other: Units) -> Units {
        Units(self.0.saturating_add(other.0))
    }
}

impl Sub for Units {
    type Output = Units;
    fn sub(self, other: Units) -> Units {
        Units(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % THOUSANDTHS {
            0 => serializer.serialize_i64(self.0 / THOUSANDTHS),
            _ => serializer.serialize_f64(self.as_f64()),
        }
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let units = f64::deserialize(deserializer)?;
        Units::from_f64(units)
            .or_else(|| Units::from_f64(-units).map(|positive| Units(-positive.0)))
            .ok_or_else(|| serde::de::Error::custom("expected a number of Creative Units"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl schemars::JsonSchema for Units {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Units".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_as_a_decimal_number_without_loss() {
        for (units, text) in
            [(Units::whole(12), "12"), (Units(1250), "1.25"), (Units(1), "0.001"), (Units(-500), "-0.5")]
        {
            assert_eq!(serde_json::to_string(&units).unwrap(), text);
            assert_eq!(serde_json::from_str::<Units>(text).unwrap(), units);
            assert_eq!(units.to_string(), text);
        }
        assert!(serde_json::from_str::<Units>("1e300").is_err());
        assert_eq!(Units::from_f64(f64::NAN), None);
        assert_eq!(Units::from_f64(-0.001), None);
    }

    #[test]
    fn reads_what_a_person_types_and_never_guesses() {
        for (text, units) in [
            ("0", Units::ZERO),
            ("50", Units::whole(50)),
            ("2.5", Units(2500)),
            ("0.001", Units(1)),
            (".5", Units(500)),
            ("5.", Units(5000)),
            ("1000000000", Units::whole(1_000_000_000)),
        ] {
            assert_eq!(Units::parse(text), Some(units), "{text}");
        }
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1e3",
            "1,000",
            "2,5",
            "1.2.3",
            "0.0001",
            "1000000000.001",
            "NaN",
            "inf",
            "٣",
            "5 ",
        ] {
            assert_eq!(Units::parse(text), None, "{text}");
        }
    }

    #[test]
    fn percent_rounds_up() {
        assert_eq!(Units(1001).percent(50), Units(501));
        assert_eq!(Units(1000).percent(250), Units(2500));
    }
}
