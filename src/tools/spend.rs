//! What every tool that spends or creates shares: the ceiling, the idempotency key, consent to a high price, the start.
//! Not for: what a thing costs (`forge`, `flow`) or who may spend (`workspace`).

use super::{Confirmation, Context, Fault};
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::id::{RunId, WorkspaceId};
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::runs::{self, Job, Started, View, Work};
use crate::units::Units;
use crate::workspace::Terms;
use serde::Serialize;
use serde_json::json;

/// Characters of an idempotency key: a UUID and a prefix fit many times.
const MAX_KEY_CHARS: usize = 128;
/// Characters of a session name (Layer's own limit).
const MAX_SESSION_NAME_CHARS: usize = 255;

/// A checked and priced wish.
pub struct Wish {
    pub workspace_id: WorkspaceId,
    pub work: Work,
    pub price: Units,
    pub limit: Option<Units>,
    pub session_name: Option<String>,
    pub idempotency_key: Option<String>,
    /// Digest of everything asked for, so that the same key with other arguments is noticed.
    pub arguments: String,
}

pub fn digest(arguments: &impl Serialize) -> String {
    let text = serde_json::to_string(arguments).unwrap_or_default();
    crypto::hex(&crypto::sha256(text.as_bytes()))
}

pub fn limit(asked: Option<f64>) -> Result<Option<Units>, Refusal> {
    asked
        .map(|limit| {
            Units::from_f64(limit).ok_or_else(|| {
                Refusal::invalid(format!("`max_price_creative_units` must be a number from 0, not {limit}."))
            })
        })
        .transpose()
}

pub fn check_key(key: Option<&str>) -> Result<(), Refusal> {
    match key.map(|key| key.chars().count()) {
        None | Some(1..=MAX_KEY_CHARS) => Ok(()),
        Some(length) => Err(Refusal::invalid(format!(
            "`idempotency_key` must have 1 to {MAX_KEY_CHARS} characters, not {length}."
        ))),
    }
}

/// The run, and what to say beside it.
pub async fn start<P: Platform>(
    context: &Context<'_, P>,
    wish: Wish,
) -> Result<(View, Option<&'static str>), Fault> {
    let Wish { workspace_id, work, price, limit, session_name, idempotency_key, arguments } = wish;
    if let Some(limit) = limit.filter(|limit| price > *limit) {
        let message = format!(
            "This costs {}, above the limit of {limit} set by max_price_creative_units.",
            price.words()
        );
        let refusal = Refusal::new(Code::PriceAboveLimit, message);
        return Err(refusal.details(json!({ "price_creative_units": price })).into());
    }
    check_key(idempotency_key.as_deref())?;
    if session_name.as_ref().is_some_and(|name| name.chars().count() > MAX_SESSION_NAME_CHARS) {
        let message = format!("`session_name` is longer than {MAX_SESSION_NAME_CHARS} characters.");
        return Err(Refusal::invalid(message).into());
    }
    let now = context.platform.now();
    let what = work.subject().to_owned();
    let calls = match &work {
        Work::Forge(generation) => {
            let found = Catalogue::of(context.platform.config()).provider_of(&generation.model_id);
            let per_call = found.map_or(generation.batch_size, |(_, model)| model.per_call);
            generation.batch_size.div_ceil(per_call.max(1))
        }
        Work::Workflow(_) => 1,
    };
    let job = Job {
        run_id: RunId::mint(now, &context.platform.random()),
        workspace_id,
        person: context.caller.person.clone(),
        work,
        reserved: price,
        session_name,
        created_at: now,
        origin: context.origin.to_owned(),
        calls,
    };
    let terms = Terms {
        arguments,
        idempotency_key,
        token_id: context.caller.token_id().to_owned(),
        request_id: context.request_id.to_owned(),
        allowance: context.allowance,
        consent: context.consent,
        agreement: context.agreement.map(str::to_owned),
    };
    match runs::start(context.platform, job, terms).await?? {
        Started::Run { view, repeated } => Ok((*view, repeated.map(runs::Repeated::warning))),
        Started::Confirm { above } => Err(Fault::Confirm(Confirmation { what, price, above })),
    }
}
