//! What a token, an app or a member may spend: the two fields, the line that says it, the small form on its card.
//! Not for: what happens when it is used up (`workspace`).

use super::parts;
use crate::units::{Allowance, Units};
use maud::{Markup, html};

/// Of a token and an app.
pub const UNLIMITED: &str = "No spending limit of its own";

/// The fields' names, the same as the operator's API has.
pub const PER_DAY: &str = "max_creative_units_per_day";
pub const PER_MONTH: &str = "max_creative_units_per_month";

/// The two fields as a person filled them in. Empty: no limit.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub per_day: String,
    pub per_month: String,
}

impl Typed {
    fn from(allowance: Allowance) -> Self {
        let typed = |units: Option<Units>| units.map(|units| units.to_string()).unwrap_or_default();
        Self { per_day: typed(allowance.per_day), per_month: typed(allowance.per_month) }
    }
}

/// Whose limits a card shows.
pub struct Card<'a> {
    /// Makes ids unique in the page.
    pub key: &'a str,
    pub action: &'a str,
    /// Name and value of the field that names it.
    pub id: (&'a str, &'a str),
    pub name: &'a str,
    /// What stands there when there is no limit.
    pub unlimited: &'a str,
}

/// `Spends at most 50 a day, 500 a month`
pub fn words(allowance: Allowance) -> Option<String> {
    let bounds = [(allowance.per_day, "day"), (allowance.per_month, "month")];
    let told: Vec<_> =
        bounds.iter().filter_map(|(units, period)| Some(format!("{} a {period}", (*units)?))).collect();
    (!told.is_empty()).then(|| format!("Spends at most {}", told.join(", ")))
}

/// On the form that makes a token.
pub fn fieldset(typed: &Typed) -> Markup {
    html! {
        fieldset.presets {
            legend { "What it may spend" }
            p.hint { "Leave a field empty for no limit of its own; it never spends more than the workspace has." }
            div.columns { (fields("new", typed)) }
        }
    }
}

pub fn card(card: &Card, allowance: Allowance, csrf: &str) -> Markup {
    html! {
        details.more {
            summary {
                (words(allowance).as_deref().unwrap_or(card.unlimited))
                span.unseen { ". Change the limits of " (parts::clean(card.name)) }
            }
            form.in-line-form method="post" action=(card.action) {
                (parts::csrf(csrf))
                (parts::hidden(card.id.0, card.id.1))
                (fields(card.key, &Typed::from(allowance)))
                button type="submit" { "Save limits" }
            }
            p.hint { "Days and months are those of UTC. Leave a field empty for no limit." }
        }
    }
}

fn fields(key: &str, typed: &Typed) -> Markup {
    let field = |name: &str, label: &str, value: &str| {
        let id = format!("{key}-{name}");
        let input = html! { input id=(id) name=(name) value=(value) inputmode="decimal" autocomplete="off" maxlength="20"; };
        parts::field(&id, label, None, &input)
    };
    html! {
        (field(PER_DAY, "Creative Units a day, at most", &typed.per_day))
        (field(PER_MONTH, "Creative Units a month, at most", &typed.per_month))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_may_be_spent_in_a_line() {
        let line = |per_day, per_month| words(Allowance { per_day, per_month });
        let (day, month) = (Some(Units::whole(50)), Some(Units::thousandths(500_500)));
        assert_eq!(line(day, month).as_deref(), Some("Spends at most 50 a day, 500.5 a month"));
        assert_eq!(line(day, None).as_deref(), Some("Spends at most 50 a day"));
        assert_eq!(line(None, month).as_deref(), Some("Spends at most 500.5 a month"));
        assert_eq!(line(Some(Units::ZERO), None).as_deref(), Some("Spends at most 0 a day"));
        assert_eq!(line(None, None), None);
    }
}
