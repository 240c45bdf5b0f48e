//! `POST /api/v1/workspaces/{id}/grants`: an owner of the gateway adds Creative Units to a workspace they own, or takes
//! free ones away. Not for: what the operator's key may (`operator`).

use super::ledger::Row;
use super::rest::{self, Call, Outcome};
use crate::error::{Code, Refusal};
use crate::id::WorkspaceId;
use crate::platform::{Level, Platform};
use crate::sign_in;
use crate::tools::spend;
use crate::units::{MAX_UNITS, Units};
use crate::workspace::{Command, Grant, Idempotency, Reply};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Characters of a note.
pub const MAX_NOTE_CHARS: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// Below 0: taken away.
    creative_units: f64,
    note: Option<String>,
}

#[derive(Serialize)]
struct Granted {
    workspace_id: WorkspaceId,
    #[serde(flatten)]
    row: Row,
}

pub async fn create<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    let input: Input = call.body()?;
    if !sign_in::is_owner(call.platform.config(), call.request, &call.caller.person) {
        // Whoever is not a member at all is told the same as everywhere.
        call.ask(Command::Summary { person: call.caller.person.clone() }).await?;
        let refusal =
            Refusal::new(Code::Forbidden, "Only owners of the gateway change how many units there are.");
        return Err(refusal.next("Ask one of them (OWNER in the gateway's settings).").into());
    }
    let amount = amount(input.creative_units)?;
    let note = note(amount, input.note.as_deref().unwrap_or_default())?;
    let idempotency = repeatable(&call.workspace_id, amount, &note, call.idempotency_key()?)?;
    let grant = Grant { actor: call.actor(), amount, note, idempotency };
    match call.ask(Command::GrantBy(grant)).await? {
        Reply::Granted(entry) => {
            let fields = json!({ "workspace_id": call.workspace_id, "creative_units": amount });
            call.platform.log(Level::Info, "units.granted", fields);
            let row = Row::of(*entry);
            Ok(rest::json(201, &Granted { workspace_id: call.workspace_id.clone(), row }))
        }
        _ => Err(rest::odd()),
    }
}

/// Either way up to [`MAX_UNITS`], but something.
pub fn amount(units: f64) -> Result<Units, Refusal> {
    let size = Units::from_f64(units.abs()).filter(|size| *size != Units::ZERO);
    let size = size.ok_or_else(|| {
        Refusal::invalid(format!(
            "`creative_units` must be from 0.001 to {MAX_UNITS}, or with a minus to take units away, not {units}."
        ))
    })?;
    Ok(if units < 0.0 { Units::ZERO - size } else { size })
}

pub fn note(amount: Units, note: &str) -> Result<String, Refusal> {
    let note = note.trim();
    if note.chars().count() > MAX_NOTE_CHARS {
        return Err(Refusal::invalid(format!("`note` is longer than {MAX_NOTE_CHARS} characters.")));
    }
    if amount < Units::ZERO && note.is_empty() {
        let refusal = Refusal::invalid("`note` is required where units are taken away.");
        return Err(refusal.next("Say why; every member can read it in the statement."));
    }
    Ok(note.to_owned())
}

/// The key with a digest of all that is asked for.
pub fn repeatable(
    id: &WorkspaceId,
    amount: Units,
    note: &str,
    key: Option<String>,
) -> Result<Option<Idempotency>, Refusal> {
    spend::check_key(key.as_deref())?;
    let arguments = spend::digest(&("grant", id, amount, note));
    Ok(key.map(|key| Idempotency { key, arguments }))
}
