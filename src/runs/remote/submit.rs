//! Sends the work out, once. An answer that does not arrive is looked for; nothing is sent a second time that may have
//! arrived. Not for: work that is under way (`poll`).

use super::{Step, fallback, order, poll, store};
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::media::sniff::MediaType;
use crate::models::{Modality, Model};
use crate::outbound::FetchFault;
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::providers::adapter::{
    Answer, Call, Class, Failure, File, Finished, Found, Lost, Made, Order, Stored, Submitted, Takes,
};
use crate::runs::item::{self, Seen};
use crate::runs::state::ItemStage;
use crate::runs::{steps, store as rows};
use crate::time::Timestamp;
use crate::upstream::base64_json::Unpacker;
use crate::upstream::gate::{self, Why};
use crate::upstream::{Account, transport};
use crate::workspace::media;
use std::cell::RefCell;
use std::rc::Rc;

/// How often a submit is repeated that the provider refused and for which no job exists.
const MAX_REFUSED: u32 = 6;
const REFUSED_MILLIS: i64 = 1_000;
const MAX_REFUSED_MILLIS: i64 = 60_000;
/// Another provider is asked rather than waiting longer than this.
const PATIENCE_MILLIS: i64 = 10_000;
/// A breaker that stays open longer than this is not waited for: a person can decide better what to do meanwhile.
const MAX_CLOSED_MILLIS: i64 = 60_000;
/// How long a submit without an answer is looked for: a picture or sound is made by then, even from a long queue, and its
/// callback has come.
const LOOK_FOR_SECONDS: i64 = 10 * 60;
/// The same for films and 3D objects.
const LOOK_FOR_LONG_SECONDS: i64 = 15 * 60;
/// A list of jobs that lacks one younger than this may just not show it yet.
const LISTED_AFTER_SECONDS: i64 = 30;

/// (1) Everything that can be refused without asking anybody. (2) The gate. (3) The record. (4) The request.
pub async fn submit<P: Platform, S: Storage>(step: &Step<'_, P, S>) -> Result<(), Unavailable> {
    let now = step.now();
    let workspace = &step.seen.record.job.workspace_id;
    let account = match Account::find(step.platform(), step.provider, workspace).await? {
        Ok(account) => account,
        Err(refusal) => return step.end(Err(refusal), Some(Class::Auth)).await,
    };
    let files = match order::files(step, &account).await? {
        Ok(files) => files,
        Err(refusal) => return step.end(Err(refusal), Some(Class::InvalidInput)).await,
    };
    let attempt = step.item.remote.attempt + 1;
    let callback = order::callback(step, &account, attempt);
    let person = order::person(step);
    let order = order_of(step, &account, &files, callback.as_deref(), &person);
    let call = match (step.adapter.plan)(&order) {
        Ok(call) => call,
        Err(failure) => return give_up(step, &failure).await,
    };
    if let Err((until, why)) = gate::enter(step.platform(), &account, &step.lease(), step.deadline()).await? {
        let is_far = until.millis_since(now) > PATIENCE_MILLIS;
        if (why == Why::Open || is_far) && why != Why::Busy && switch(step, Class::Unavailable).await? {
            return Ok(());
        }
        let wait = until.millis_since(now);
        if why == Why::Open && wait > MAX_CLOSED_MILLIS {
            let message = "its last requests failed, and it is not asked for some minutes";
            let closed =
                Failure { retry_after_millis: Some(wait), ..Failure::new(Class::Unavailable, message) };
            return give_up(step, &closed).await;
        }
        return step.change(|item| {
            item.begun_at = item.begun_at.or(Some(now));
            item.next_at = until.min(step.deadline().plus_millis(1));
        });
    }
    let asset_id = AssetId::mint(now, &step.platform().random());
    step.change(|item| {
        item.begun_at = item.begun_at.or(Some(now));
        let remote = &mut item.remote;
        remote.model_id = step.model.id.to_owned();
        (remote.attempt, remote.sent_at, remote.polls) = (attempt, Some(now), 0);
        remote.has_own_key = account.owner.is_some();
        (remote.asset_id, remote.callback) = (Some(asset_id), callback.clone());
        item.move_to(ItemStage::Submitting { at: now });
    })?;
    let Some(record) = step.seen.storage.transact(rows::load)? else { return Ok(()) };
    let Some(item) = record.items.get(step.seen.position) else { return Ok(()) };
    if item.stage != (ItemStage::Submitting { at: now }) || item.remote.attempt != attempt {
        return Ok(());
    }
    let seen = Seen { record: &record, ..*step.seen };
    let step = Step {
        seen: &seen,
        item,
        asked: step.asked,
        generation: step.generation,
        model: step.model,
        provider: step.provider,
        adapter: step.adapter,
        factors: step.factors,
    };
    deliver(&step, &account, &order, call).await
}

fn order_of<'a, P: Platform, S: Storage>(
    step: &Step<'a, P, S>,
    account: &'a Account,
    files: &'a [File],
    callback: Option<&'a str>,
    person: &'a str,
) -> Order<'a> {
    Order {
        site: account.site(),
        model: step.model,
        generation: step.generation,
        files,
        callback,
        deadline_seconds: step.deadline_seconds(),
        person,
    }
}

/// Sends it and takes the next step by what comes back.
async fn deliver<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    account: &Account,
    order: &Order<'_>,
    call: Call,
) -> Result<(), Unavailable> {
    let sent_at = step.now();
    let answer = match call.takes {
        Takes::Text(_) => transport::send(step.platform(), account, call).await.map_err(fault),
        Takes::File(fields) => take_file(step, account, call, fields).await?,
    };
    let submitted = match answer {
        Ok(answer) => (step.adapter.read_submit)(order, &answer),
        Err(submitted) => submitted,
    };
    let trouble = match &submitted {
        Submitted::Rejected(failure) => poll::trouble(failure.class),
        Submitted::Unknown(_) => Some(Class::Unavailable),
        _ => None,
    };
    let retry_after_millis =
        if let Submitted::Rejected(failure) = &submitted { failure.retry_after_millis } else { None };
    let millis = step.now().millis_since(sent_at);
    let report = gate::Report { trouble, retry_after_millis, millis, is_submit: true };
    gate::report(step.platform(), account, report).await;
    match submitted {
        Submitted::Accepted(operation) => {
            let next_at = step.now().plus_millis(step.adapter.first_poll_millis);
            step.change(|item| {
                item.advance(0.05);
                item.next_at = next_at;
                item.move_to(ItemStage::Working { operation });
            })
        }
        Submitted::Finished(finished) => poll::finished(step, finished).await,
        Submitted::Rejected(failure) => rejected(step, &failure).await,
        Submitted::Unknown(what) => {
            step.log(Level::Warn, "run.submit_unknown", &what);
            step.wait(step.now().plus_millis(poll::LOOK_AGAIN_MILLIS), |_| {})
        }
    }
}

/// Only what was not sent at all is known not to have arrived.
fn fault(fault: FetchFault) -> Submitted {
    match fault {
        FetchFault::Refused(reason) => Submitted::Rejected(Failure::new(
            Class::Internal,
            format!("the gateway may not ask there: {reason}"),
        )),
        other => Submitted::Unknown(other.to_string()),
    }
}

/// An answer that is the work itself goes into storage as it comes. Err: what became of the submit.
async fn take_file<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    account: &Account,
    call: Call,
    fields: &'static [&'static str],
) -> Result<Result<Answer, Submitted>, Unavailable> {
    let platform = step.platform();
    let opened = match transport::open(platform, account, call).await {
        Ok(opened) => opened,
        Err(broken) => return Ok(Err(fault(broken))),
    };
    let is_json = opened.header("content-type").is_some_and(|kind| kind.contains("json"));
    let answer = Answer { status: opened.status, headers: opened.headers, body: opened.text, stored: None };
    let (Some(body), Some(asset_id)) = (opened.body, &step.item.remote.asset_id) else {
        return Ok(Ok(answer));
    };
    if !is_json {
        return Ok(match store::keep(step, body, opened.length, asset_id).await? {
            Ok(stored) => Ok(Answer { stored: Some(stored), ..answer }),
            Err(fault) => Err(not_kept(fault)),
        });
    }
    let unpacker = Rc::new(RefCell::new(Unpacker::new(fields)));
    let inner = unpacker.clone();
    let file = platform.map_stream(body, move |piece| {
        let mut unpacker = inner.borrow_mut();
        if piece.is_empty() { unpacker.end() } else { unpacker.push(piece) }
    });
    let kept = store::keep(step, file, None, asset_id).await?;
    let skeleton = unpacker.borrow().skeleton();
    Ok(match (kept, skeleton) {
        (Ok(stored), Ok(body)) => Ok(Answer { body, stored: Some(stored), ..answer }),
        // No file in it: an error that came as a success, or an address.
        (Err(store::NotKept::Passing(_)), Ok(body)) => Ok(Answer { body, ..answer }),
        (Ok(stored), Err(broken)) => {
            platform.delete_objects(&[stored.key]).await?;
            Err(Submitted::Unknown(format!("{broken:?}")))
        }
        (Err(fault), _) => Err(not_kept(fault)),
    })
}

/// The work was done and is lost, or is none: neither is a reason to do it again.
fn not_kept(fault: store::NotKept) -> Submitted {
    match fault {
        store::NotKept::Passing(what) => Submitted::Unknown(what),
        store::NotKept::Final(class, refusal) => Submitted::Rejected(Failure::new(class, refusal.message)),
    }
}

/// No job exists: asked again later, or somebody else, or never.
async fn rejected<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    failure: &Failure,
) -> Result<(), Unavailable> {
    let refused = step.item.remote.refused;
    let backoff = REFUSED_MILLIS.saturating_mul(1 << refused.min(8)).min(MAX_REFUSED_MILLIS);
    let wait = failure.retry_after_millis.unwrap_or(backoff).max(backoff / 2);
    let may_pass = matches!(failure.class, Class::RateLimited | Class::Unavailable | Class::Timeout);
    let now = step.now();
    let in_time = now.plus_millis(wait) < step.deadline() && refused < MAX_REFUSED && !step.is_cancelled();
    let is_slow = wait > PATIENCE_MILLIS || failure.class != Class::RateLimited;
    if may_pass && is_slow && switch(step, failure.class).await? {
        return Ok(());
    }
    if may_pass && in_time {
        step.log(Level::Info, "run.submit_refused", &format!("{:?}", failure.class));
        return step.change(|item| {
            item.remote.refused += 1;
            item.next_at = now.plus_millis(wait);
            item.move_to(ItemStage::Ready);
        });
    }
    give_up(step, failure).await
}

/// With another provider where that is right, else with the failure.
pub async fn give_up<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    failure: &Failure,
) -> Result<(), Unavailable> {
    use Class::{NotFound, Quota, RateLimited, Timeout, Unavailable as Down};
    let elsewhere = matches!(failure.class, NotFound | Quota | RateLimited | Timeout | Down);
    if elsewhere && switch(step, failure.class).await? {
        return Ok(());
    }
    // The class alone: a provider's own words may repeat the prompt.
    step.log(Level::Warn, "run.provider_failed", &format!("{:?}", failure.class));
    step.end(Err(step.refusal(failure)), Some(failure.class)).await
}

/// Puts the same wish to another provider's model, if there is one that may have it. Only while no job exists.
async fn switch<P: Platform, S: Storage>(step: &Step<'_, P, S>, class: Class) -> Result<bool, Unavailable> {
    let mut tried = step.item.remote.tried.clone();
    tried.push(step.model.id.to_owned());
    let (most, _) = steps::terms(step.seen.record, step.seen.position);
    let found =
        fallback::alternate(step.catalogue(), step.asked, &tried, most).filter(|_| !step.is_cancelled());
    let Some(model) = found else { return Ok(false) };
    step.leave(step.item, Some(class)).await?;
    step.log(Level::Info, "run.fallback", model.id);
    let now = step.now();
    step.change(|item| {
        item.remote = crate::runs::state::Remote {
            model_id: model.id.to_owned(),
            tried,
            attempt: item.remote.attempt,
            ..Default::default()
        };
        item.next_at = now;
        item.move_to(ItemStage::Ready);
    })?;
    Ok(true)
}

/// A submit whose answer never came: by what it stored, by the provider's list, by its callback; else it is given up.
pub async fn look_for<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    at: Timestamp,
) -> Result<(), Unavailable> {
    if let Some(stored) = stored(step).await? {
        let finished = Finished { outputs: vec![Made::Stored(stored)], ..Finished::default() };
        return poll::finished(step, finished).await;
    }
    let age = step.now().millis_since(at);
    let callback = step.item.remote.callback.as_deref();
    let lost = Lost { model: step.model, generation: step.generation, callback, sent_at: at };
    let account = step.account().await?;
    let mut found = if callback.is_some() { Found::NotYet } else { Found::Absent };
    if let (Some(find), Some(account)) = (&step.adapter.find, &account) {
        let call = (find.plan)(&account.site(), &lost);
        found = match transport::send(step.platform(), account, call).await {
            Ok(answer) => (find.read)(&account.site(), &lost, &answer),
            Err(_) => Found::NotYet,
        };
        if found == Found::Absent && age < LISTED_AFTER_SECONDS * 1000 {
            found = Found::NotYet;
        }
    }
    match found {
        Found::Job(operation) => {
            step.log(Level::Info, "run.submit_found", "in the provider's list");
            step.change(|item| item.move_to(ItemStage::Working { operation }))
        }
        Found::NotYet if age < look_for_millis(step.model) => {
            let wait = poll::LOOK_AGAIN_MILLIS.saturating_mul(1 << step.item.remote.polls.min(4));
            step.wait(step.now().plus_millis(wait), |remote| remote.polls += 1)
        }
        Found::Absent if step.adapter.find.is_some() => {
            step.end(Err(never_arrived(step)), Some(Class::Unavailable)).await
        }
        _ => step.end(Err(item::lost()), Some(Class::Unavailable)).await,
    }
}

fn look_for_millis(model: &Model) -> i64 {
    let is_long = matches!(model.modality, Modality::Video | Modality::ThreeD);
    1000 * if is_long { LOOK_FOR_LONG_SECONDS } else { LOOK_FOR_SECONDS }
}

fn never_arrived<P: Platform, S: Storage>(step: &Step<'_, P, S>) -> Refusal {
    let message = format!("{} never received the request; nothing was charged.", step.provider.title);
    Refusal::new(Code::ProviderFailed, message)
}

/// What a submit that died with its instance had stored by then.
async fn stored<P: Platform, S: Storage>(step: &Step<'_, P, S>) -> Result<Option<Stored>, Unavailable> {
    let Some(asset_id) = step.item.remote.asset_id.as_ref().filter(|_| step.adapter.callback.is_none())
    else {
        return Ok(None);
    };
    let workspace = &step.seen.record.job.workspace_id;
    let kind = step.model.modality.as_str();
    for media in MediaType::ALL.into_iter().filter(|media| media.modality() == kind) {
        let key = media::key(workspace, asset_id, media.extension());
        if let Some(head) = step.platform().head_object(&key).await? {
            return Ok(Some(Stored { key, media, size_bytes: head.size_bytes }));
        }
    }
    Ok(None)
}
