//! What a token or an app may spend, as the person types it and changes it later.
//! Not for: making a token (`tokens`), connecting an app (`oauth::authorize`).

use super::{Fault, Outcome, Visit, told};
use crate::html::allowance::{PER_DAY, PER_MONTH, Typed};
use crate::http::{Form, Response};
use crate::oauth::account::{Command, CredentialId, Reply};
use crate::platform::{Level, Platform};
use crate::units::{Allowance, Units};
use serde_json::json;

pub const CHANGED: (&str, &str) =
    ("limited", "The limits are changed. They hold from its next generation on.");

pub fn typed(form: &Form) -> Typed {
    let given = |name| form.get(name).unwrap_or_default().trim().to_owned();
    Typed { per_day: given(PER_DAY), per_month: given(PER_MONTH) }
}

/// Err: what is wrong, and what would be right.
pub fn read(typed: &Typed) -> Result<Allowance, [&'static str; 2]> {
    let units = |text: &str, period| match text {
        "" => Ok(None),
        text => Units::parse(text).map(Some).ok_or([
            period,
            "Give Creative Units as a number such as 50 or 2.5, or leave the field empty for no limit.",
        ]),
    };
    Ok(Allowance {
        per_day: units(&typed.per_day, "The most it may spend a day is not a number.")?,
        per_month: units(&typed.per_month, "The most it may spend a month is not a number.")?,
    })
}

/// Takes the form on a card and goes back to `page`.
pub async fn change<P: Platform>(
    visit: &Visit<'_, P>,
    id: CredentialId,
    page: &str,
    not_yours: impl FnOnce() -> Fault,
) -> Outcome<P::Stream> {
    let allowance = read(&typed(&visit.form)).map_err(|[what, next]| told(400, what, next))?;
    match visit.ask(Command::SetAllowance { id: id.clone(), allowance }).await? {
        Reply::Changed(changed) => {
            let name = match id {
                CredentialId::Token(_) => "token.allowance_changed",
                CredentialId::Grant(_) => "app.allowance_changed",
            };
            visit.tell(name, &changed, json!(allowance)).await;
            let fields = json!({ "credential": id, "allowance": allowance });
            visit.platform.log(Level::Info, "allowance.changed", fields);
            Ok(Response::see_other(format!("{page}?done={}", CHANGED.0)))
        }
        _ => Err(not_yours()),
    }
}
