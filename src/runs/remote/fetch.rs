//! Copies one output after the other into storage before the provider forgets it. A fetch that fails is made again; an output
//! that cannot be had is left out, and the others are kept.
//! Not for: asking for the work (`poll`).

use super::store::{self, NotKept};
use super::{STOP_SECONDS, Step};
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::media::sniff::sniff;
use crate::models::Generation;
use crate::outbound;
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::providers::adapter::{Class, Failure, Finished, Made, Stored};
use crate::runs::state::ItemStage;
use crate::time::Timestamp;
use crate::upstream::transport;
use crate::workspace::media;

/// From an output's address to its bytes: a short link and a download server.
const MAX_REDIRECTS: usize = 4;
const HEADERS_MILLIS: u32 = 30_000;
const RETRY_MILLIS: i64 = 500;
const MAX_RETRY_MILLIS: i64 = 20_000;
/// An address that says so has nothing (any more); some need a moment after the job is done.
const MAX_GONE: u32 = 3;
/// An output inside the answer itself, as base64.
const MAX_INLINE_CHARS: usize = 1024 * 1024;

/// Takes the next output, or ends the item.
pub async fn next<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    finished: &Finished,
    next: u32,
    since: Timestamp,
) -> Result<(), Unavailable> {
    let kept = step.item.assets.len() as u32;
    let made = finished.outputs.get(next as usize).filter(|_| kept < step.generation.batch_size);
    let Some(made) = made else { return conclude(step, finished).await };
    let (asset_id, stored) = match made {
        Made::Stored(stored) => (asset_of(step, stored), Ok(stored.clone())),
        Made::Url(url) => {
            let asset_id = AssetId::mint(step.now(), &step.platform().random());
            let stored = fetch(step, url, &asset_id).await?;
            (asset_id, stored)
        }
    };
    let stored = match stored {
        Ok(stored) => stored,
        Err(NotKept::Passing(what)) if is_there(step, since) => {
            step.log(Level::Info, "run.fetch_failed", &what);
            let wait =
                RETRY_MILLIS.saturating_mul(1 << step.item.remote.fetches.min(8)).min(MAX_RETRY_MILLIS);
            return step.wait(step.now().plus_millis(wait), |remote| remote.fetches += 1);
        }
        Err(NotKept::Passing(_)) => {
            let gone = Failure::new(Class::Expired, "");
            return drop_output(step, step.refusal(&gone));
        }
        Err(NotKept::Final(_, refusal)) => return drop_output(step, refusal),
    };
    match store::adopt(step, asset_id, &stored, kept).await? {
        Err(refusal) => drop_output(step, refusal),
        Ok(asset) => {
            let share = f64::from(kept + 1) / f64::from(step.generation.batch_size.max(1));
            step.change(|item| {
                item.assets.push(asset);
                item.advance(0.9 + 0.09 * share);
                pass_on(item);
            })
        }
    }
}

/// On to the next output.
fn pass_on(item: &mut crate::runs::state::Item) {
    item.remote.fetches = 0;
    item.faults = 0;
    if let ItemStage::Fetching { next, .. } = &mut item.stage {
        *next += 1;
    }
}

fn drop_output<P: Platform, S: Storage>(step: &Step<'_, P, S>, why: Refusal) -> Result<(), Unavailable> {
    step.log(Level::Warn, "run.output_dropped", &why.message);
    step.change(|item| {
        item.remote.dropped += 1;
        item.remote.dropped_because = Some(why);
        pass_on(item);
    })
}

/// Whether the provider still has it and there is time to ask again: the others end with it, and before the run must.
fn is_there<P: Platform, S: Storage>(step: &Step<'_, P, S>, since: Timestamp) -> bool {
    let (now, cancelled) = (step.now(), step.seen.record.state.cancelled_at);
    let least = cancelled.unwrap_or(since).max(since).plus_seconds(STOP_SECONDS);
    let until = if cancelled.is_some() { least } else { least.max(step.deadline()) };
    now < until && now.millis_since(since) < step.adapter.keeps_outputs_seconds * 1000
}

async fn conclude<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    finished: &Finished,
) -> Result<(), Unavailable> {
    if step.item.assets.is_empty() {
        let why = step.item.remote.dropped_because.clone();
        let why = why.unwrap_or_else(|| step.refusal(&Failure::new(Class::Moderated, "")));
        let class = if why.code == Code::Moderated { Class::Moderated } else { Class::Internal };
        return step.end(Err(why), Some(class)).await;
    }
    let kept = u32::try_from(step.item.assets.len()).unwrap_or(u32::MAX);
    let made = Generation { batch_size: kept, ..step.generation.clone() };
    let charged = store::charged(step.catalogue(), step.model, &made, finished.charge);
    // A stand-in has a price of its own.
    let is_other = step.model.id != step.asked.model_id;
    let charged = charged.or_else(|| is_other.then(|| step.catalogue().price(step.model, &made)));
    step.end(Ok(charged), None).await
}

/// The one that names the key under which a submit's own answer was stored.
fn asset_of<P: Platform, S: Storage>(step: &Step<'_, P, S>, stored: &Stored) -> AssetId {
    let workspace = &step.seen.record.job.workspace_id;
    let own = step.item.remote.asset_id.as_ref();
    let is_its = |id: &&AssetId| media::key(workspace, id, stored.media.extension()) == stored.key;
    own.filter(is_its).cloned().unwrap_or_else(|| AssetId::mint(step.now(), &step.platform().random()))
}

async fn fetch<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    url: &str,
    asset_id: &AssetId,
) -> Result<Result<Stored, NotKept>, Unavailable> {
    if let Some(inline) = url.strip_prefix("data:") {
        return keep_inline(step, inline, asset_id).await;
    }
    let Some(account) = step.account().await? else {
        return Ok(Err(NotKept::Passing("the key is gone".into())));
    };
    let mut at = url.to_owned();
    for _ in 0..=MAX_REDIRECTS {
        let request = match transport::file_request(&account, &at) {
            Ok(request) => request.limit(0, HEADERS_MILLIS),
            Err(why) => return Ok(Err(refused(step, why))),
        };
        let opened = match step.platform().open_url(request).await {
            Ok(opened) => opened,
            Err(fault) => return Ok(Err(NotKept::Passing(fault.to_string()))),
        };
        let location = opened.header("location").map(str::to_owned);
        match (opened.status, opened.body) {
            (200, Some(body)) => return store::keep(step, body, opened.length, asset_id).await,
            (301 | 302 | 303 | 307 | 308, _) => match location.and_then(|to| outbound::resolve(&at, &to)) {
                Some(to) => at = to,
                None => return Ok(Err(refused(step, "it redirects to nowhere"))),
            },
            (400..=407 | 409..=428 | 430..=499, _) if step.item.remote.fetches >= MAX_GONE => {
                let gone = Failure::new(Class::Expired, "");
                return Ok(Err(NotKept::Final(Class::Expired, step.refusal(&gone))));
            }
            (status, _) => return Ok(Err(NotKept::Passing(format!("the file's address answered {status}")))),
        }
    }
    Ok(Err(refused(step, "it redirects too often")))
}

fn refused<P: Platform, S: Storage>(step: &Step<'_, P, S>, why: &str) -> NotKept {
    let message = format!("{} named an address for its file that is not asked: {why}.", step.provider.title);
    NotKept::Final(Class::Internal, Refusal::new(Code::ProviderFailed, message))
}

async fn keep_inline<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    inline: &str,
    asset_id: &AssetId,
) -> Result<Result<Stored, NotKept>, Unavailable> {
    let bytes = inline
        .split_once(";base64,")
        .filter(|(_, text)| text.len() <= MAX_INLINE_CHARS)
        .and_then(|(_, text)| crypto::from_base64(text));
    let found = bytes.and_then(|bytes| sniff(&bytes).map(|media| (media, bytes)));
    let Some((media, bytes)) = found else { return Ok(Err(refused(step, "its data URI cannot be read"))) };
    let key = media::key(&step.seen.record.job.workspace_id, asset_id, media.extension());
    let size_bytes = bytes.len() as u64;
    step.platform().put_object(&key, media.mime(), bytes).await?;
    Ok(Ok(Stored { key, media, size_bytes }))
}
