//! Asks how far work is that a provider has in hand, and has it stopped when nobody wants it any more. What the provider says
//! of the job is what counts: callbacks only say when to ask.
//! Not for: outputs (`fetch`).

use super::{STOP_SECONDS, Step, late, submit};
use crate::error::{Code, Refusal};
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::providers::Operation;
use crate::providers::adapter::{Class, Failure, Finished, Progress};
use crate::runs::state::ItemStage;
use crate::upstream::{Account, transport};

pub const LOOK_AGAIN_MILLIS: i64 = 2_000;
/// Longest waits between two polls: a provider that calls back is asked to be sure, another to know.
const MAX_POLL_MILLIS: i64 = 8_000;
const MAX_POLL_WITH_CALLBACK_MILLIS: i64 = 20_000;
/// While it is being stopped: somebody waits for the units.
const STOPPING_POLL_MILLIS: i64 = 1_500;
/// Times that stopping is asked for.
const MAX_STOPS: u32 = 3;
/// Requests that one poll may need: fal has one for the status and one for the result.
const MAX_REQUESTS: usize = 4;

/// What counts against the provider rather than against the request.
pub fn trouble(class: Class) -> Option<Class> {
    use Class::{Auth, Internal, Quota, RateLimited, Timeout, Unavailable};
    matches!(class, Auth | Internal | Quota | RateLimited | Timeout | Unavailable).then_some(class)
}

pub async fn poll<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    operation: &Operation,
) -> Result<(), Unavailable> {
    let adopted = step.adapter.callback.as_ref().map(|callback| (callback.adopt)(step.model, operation));
    let operation = adopted.as_ref().unwrap_or(operation);
    let now = step.now();
    let Some(account) = step.account().await? else {
        let gone = Failure::new(Class::Auth, "it was removed while the job ran");
        return step.end(Err(step.refusal(&gone)), Some(Class::Auth)).await;
    };
    if let Some(since) = step.stopping_at(now) {
        // From the first request to stop it: a lost submit's job may be found long after somebody wanted that.
        let asked = step.item.remote.stopping_at.or_else(|| step.adapter.cancel.is_none().then_some(since));
        if asked.is_some_and(|asked| now.millis_since(asked) > STOP_SECONDS * 1000) {
            step.log(Level::Error, "run.job_abandoned", "the provider did not end it in time");
            return step.end(Err(late()), Some(Class::Timeout)).await;
        }
        if let Some(cancel) = step.adapter.cancel.filter(|_| step.item.remote.stops < MAX_STOPS) {
            return stop(step, &account, cancel(&account.site(), operation)).await;
        }
    }
    let mut operation = operation.clone();
    let mut requests = 1;
    let progress = loop {
        match ask(step, &account, &operation).await {
            Progress::Next(next) if requests < MAX_REQUESTS => (operation, requests) = (next, requests + 1),
            progress => break progress,
        }
    };
    match progress {
        Progress::Working { fraction } => again(step, operation, fraction.unwrap_or(0.0)),
        Progress::Next(operation) => again(step, operation, 0.0),
        Progress::Unclear(what) => {
            step.log(Level::Warn, "run.poll_unclear", &what);
            again(step, operation, 0.0)
        }
        Progress::Finished(made) => finished(step, made).await,
        Progress::Failed(failure) => failed(step, &failure).await,
    }
}

/// The gate hears of submits alone: to tell it of every poll would double what one costs, and of the failed ones alone would
/// look like an outage.
async fn ask<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    account: &Account,
    operation: &Operation,
) -> Progress {
    let call = (step.adapter.poll)(&account.site(), operation);
    match transport::send(step.platform(), account, call).await {
        Ok(answer) => (step.adapter.read_status)(step.model, operation, &answer),
        Err(fault) => Progress::Unclear(fault.to_string()),
    }
}

fn again<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    operation: Operation,
    fraction: f64,
) -> Result<(), Unavailable> {
    let now = step.now();
    let stopping_at = step.stopping_at(now);
    let most = match (stopping_at, &step.item.remote.callback) {
        (Some(_), _) => STOPPING_POLL_MILLIS,
        (None, Some(_)) => MAX_POLL_WITH_CALLBACK_MILLIS,
        (None, None) => MAX_POLL_MILLIS,
    };
    // A quarter longer each time.
    let growth = 1.25_f64.powi(i32::try_from(step.item.remote.polls).unwrap_or(i32::MAX).min(40));
    let wait = ((step.adapter.first_poll_millis as f64 * growth) as i64).min(most);
    step.change(|item| {
        item.remote.polls = item.remote.polls.saturating_add(1);
        item.remote.stopping_at = stopping_at;
        item.advance(0.05 + 0.85 * fraction.clamp(0.0, 1.0));
        item.next_at = now.plus_millis(wait);
        // Without a word about faults: it was asked, and has answered.
        item.move_to(ItemStage::Working { operation });
    })
}

/// Whatever comes of asking: the next poll tells what became of the job.
async fn stop<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    account: &Account,
    call: crate::providers::adapter::Call,
) -> Result<(), Unavailable> {
    let answer = transport::send(step.platform(), account, call).await;
    let heard = answer.is_ok_and(|answer| answer.status < 500 && answer.status != 429);
    let now = step.now();
    step.change(|item| {
        item.remote.stopping_at = item.remote.stopping_at.or(Some(now));
        item.remote.stops = if heard { MAX_STOPS } else { item.remote.stops.saturating_add(1) };
        item.remote.polls = 0;
        item.next_at = if heard { now } else { now.plus_millis(STOPPING_POLL_MILLIS) };
    })
}

/// The work is done: there are outputs, or a safety filter took them all.
pub async fn finished<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    made: Finished,
) -> Result<(), Unavailable> {
    if made.outputs.is_empty() {
        let failure = match made.withheld {
            0 => Failure::new(Class::Internal, "it finished without any output"),
            _ => Failure::new(Class::Moderated, ""),
        };
        return step.end(Err(step.refusal(&failure)), Some(failure.class)).await;
    }
    let now = step.now();
    step.change(|item| {
        item.remote.fetches = 0;
        item.remote.dropped = made.withheld;
        item.advance(0.9);
        item.next_at = now;
        item.move_to(ItemStage::Fetching { finished: made, next: 0, since: now });
    })
}

async fn failed<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    failure: &Failure,
) -> Result<(), Unavailable> {
    if step.is_late(step.now()) {
        return step.end(Err(late()), Some(Class::Timeout)).await;
    }
    if failure.class == Class::Cancelled && !step.is_cancelled() {
        let stopped = Refusal::new(Code::ProviderFailed, format!("{} stopped the job.", step.provider.title));
        return step.end(Err(stopped), Some(Class::Cancelled)).await;
    }
    // That it did not even run is what these say; a job that ran and failed may have been charged.
    match failure.class {
        Class::Quota | Class::RateLimited | Class::Unavailable => submit::give_up(step, failure).await,
        _ => step.end(Err(step.refusal(failure)), Some(failure.class)).await,
    }
}
