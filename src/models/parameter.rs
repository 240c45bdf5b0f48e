//! One parameter of a model: its type, bounds and default, as a check and as JSON Schema (2020-12).
//! Not for: parameters whose meaning spans fields (guidance files, mask, post-processing: `generation`).

use crate::error::Refusal;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Integer {
        least: i64,
        most: i64,
        default: i64,
    },
    /// One of a few whole numbers, in rising order.
    Step {
        of: &'static [i64],
        default: i64,
    },
    Number {
        least: f64,
        most: f64,
        default: f64,
    },
    Boolean {
        default: bool,
    },
    Choice {
        of: &'static [&'static str],
        default: &'static str,
    },
    /// Free words; an empty default means that the provider chooses.
    Text {
        most_chars: usize,
        default: &'static str,
    },
}

impl Parameter {
    pub fn default_value(&self) -> Value {
        match self.kind {
            Kind::Integer { default, .. } | Kind::Step { default, .. } => default.into(),
            Kind::Number { default, .. } => json!(default),
            Kind::Boolean { default } => default.into(),
            Kind::Choice { default, .. } | Kind::Text { default, .. } => default.into(),
        }
    }

    /// The value in its canonical form, or what was expected instead.
    pub fn check(&self, value: &Value) -> Result<Value, Refusal> {
        let found = match self.kind {
            Kind::Integer { least, most, .. } => {
                whole(value).filter(|number| (least..=most).contains(number)).map(Value::from)
            }
            Kind::Step { of, .. } => whole(value).filter(|number| of.contains(number)).map(Value::from),
            Kind::Number { least, most, .. } => {
                value.as_f64().filter(|number| (least..=most).contains(number)).map(|number| json!(number))
            }
            Kind::Boolean { .. } => value.as_bool().map(Value::from),
            Kind::Choice { of, .. } => value.as_str().filter(|word| of.contains(word)).map(Value::from),
            Kind::Text { most_chars, .. } => {
                value.as_str().filter(|text| text.chars().count() <= most_chars).map(Value::from)
            }
        };
        found.ok_or_else(|| {
            Refusal::invalid(format!(
                "`{}` must be {}, not {}.",
                self.name,
                self.expectation(),
                shorten(value)
            ))
        })
    }

    fn expectation(&self) -> String {
        match self.kind {
            Kind::Integer { least, most, .. } => format!("a whole number from {least} to {most}"),
            Kind::Step { of, .. } => {
                let of: Vec<_> = of.iter().map(i64::to_string).collect();
                format!("one of {}", of.join(", "))
            }
            Kind::Number { least, most, .. } => format!("a number from {least} to {most}"),
            Kind::Boolean { .. } => "true or false".into(),
            Kind::Choice { of, .. } => format!("one of {}", of.join(", ")),
            Kind::Text { most_chars, .. } => format!("text of at most {most_chars} characters"),
        }
    }

    pub fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Integer { least, most, .. } => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Kind::Step { of, .. } => json!({ "type": "integer", "enum": of }),
            Kind::Number { least, most, .. } => {
                json!({ "type": "number", "minimum": least, "maximum": most })
            }
            Kind::Boolean { .. } => json!({ "type": "boolean" }),
            Kind::Choice { of, .. } => json!({ "type": "string", "enum": of }),
            Kind::Text { most_chars, .. } => json!({ "type": "string", "maxLength": most_chars }),
        };
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("default".into(), self.default_value());
            fields.insert("description".into(), self.help.into());
        }
        schema
    }
}

/// 512 and 512.0 are the same integer in JSON Schema.
pub fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64))
}

/// A value as it is repeated to the caller: enough to recognise it.
pub fn shorten(value: &Value) -> String {
    const MOST_CHARS: usize = 40;
    let text = value.to_string();
    if text.chars().count() <= MOST_CHARS {
        text
    } else {
        format!("{}…", text.chars().take(MOST_CHARS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FPS: Parameter = Parameter {
        name: "fps",
        help: "Frames per second.",
        kind: Kind::Integer { least: 4, most: 24, default: 12 },
    };

    #[test]
    fn names_the_field_and_what_was_expected() {
        assert_eq!(FPS.check(&json!(24.0)), Ok(json!(24)));
        assert_eq!(
            FPS.check(&json!(25)).unwrap_err().message,
            "`fps` must be a whole number from 4 to 24, not 25."
        );
        assert_eq!(
            FPS.check(&json!("12")).unwrap_err().message,
            "`fps` must be a whole number from 4 to 24, not \"12\"."
        );
        let long = FPS.check(&json!("x".repeat(500))).unwrap_err().message;
        assert!(long.len() < 120, "{long}");
        assert_eq!(FPS.schema()["default"], 12);
    }
}
