//! `execute_forge`: starts one generation and answers at once with its id. The money is reserved before the
//! answer, so two calls at once cannot spend the same units.

use super::forge::{self, RunView};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::id::RunId;
use crate::models::generation::ForgeRequest;
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::{self, Job};
use crate::workspace::runs::Idempotency;
use serde_json::json;

pub struct ExecuteForge;

/// Characters of an idempotency key: a UUID and a prefix fit many times.
const MAX_KEY_CHARS: usize = 128;
/// Characters of a session name (Layer's own limit).
const MAX_SESSION_NAME_CHARS: usize = 255;

impl Tool for ExecuteForge {
    const NAME: &'static str = "execute_forge";
    const TITLE: &'static str = "Generate with one model";
    const DESCRIPTION: &'static str =
        "Starts one generation (image, video, 3D or audio) on one model and returns an inference_id at once; Creative Units are reserved. Files come from get_forge_run.";
    const GROUP: &'static str = "forge";
    const SCOPES: &'static [Scope] = &[Scope::ForgeExecute];
    const HINTS: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };
    const SPENDS: bool = true;
    type Input = ForgeRequest;
    type Output = RunView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: ForgeRequest) -> Result<Answer<RunView>, Fault> {
        let priced = forge::price(context, &input).await?;
        if let Some(limit) = priced.limit.filter(|limit| priced.price > *limit) {
            let refusal = Refusal::new(
                Code::PriceAboveLimit,
                format!("This costs {}, above the limit of {limit} set by max_price_creative_units.",
                    priced.price.words()),
            );
            return Err(refusal.details(json!({ "price_creative_units": priced.price })).into());
        }
        let idempotency = idempotency(&input, &priced.workspace_id.to_string())?;
        if input.session_name.as_ref().is_some_and(|name| name.chars().count() > MAX_SESSION_NAME_CHARS) {
            return Err(Refusal::invalid(format!("`session_name` is longer than {MAX_SESSION_NAME_CHARS} characters.")).into());
        }
        let now = context.platform.now();
        let job = Job {
            run_id: RunId::mint(now, &context.platform.random()),
            workspace_id: priced.workspace_id,
            person: context.caller.person.clone(),
            generation: priced.generation,
            reserved: priced.price,
            session_name: input.session_name.clone(),
            created_at: now,
        };
        let started = runs::start(context.platform, job, idempotency).await??;
        let mut warnings = priced.warnings;
        if started.repeated {
            warnings.push("idempotency_key was used before: this is the run it started, not a second one.".into());
        }
        forge::answer(context, &started.view, warnings).await
    }
}

/// The key with a digest of everything asked for, so that the same key with other arguments is noticed.
fn idempotency(input: &ForgeRequest, workspace_id: &str) -> Result<Option<Idempotency>, Refusal> {
    let Some(key) = input.idempotency_key.clone() else { return Ok(None) };
    let length = key.chars().count();
    if !(1..=MAX_KEY_CHARS).contains(&length) {
        return Err(Refusal::invalid(format!("`idempotency_key` must have 1 to {MAX_KEY_CHARS} characters, not {length}.")));
    }
    let arguments = serde_json::to_string(&(workspace_id, input)).unwrap_or_default();
    Ok(Some(Idempotency { key, arguments: crypto::hex(&crypto::sha256(arguments.as_bytes())) }))
}
