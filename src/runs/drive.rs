//! What a run does when its alarm rings: whatever is due, one recorded step after another, until it ends or has to
//! wait. Killed anywhere, the next alarm goes on from the last recorded step.

use super::item;
use super::state::{Item, ItemStage, KEEP_SECONDS, Record, Stage};
use super::steps::{self, Begin, Verdict};
use super::{store, view};
use crate::error::{Code, Refusal};
use crate::media::picture::{self, POSTER_SIDE};
use crate::media::sheet::{self, SHEET_MAX_TILES};
use crate::media::sniff::MediaType;
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::sql::SqlError;
use crate::time::Timestamp;
use crate::workspace::{self, RunStatus, Settlement, media};
use serde_json::json;

/// Rings again after this long should the platform die in the middle of a step.
const WATCHDOG_SECONDS: i64 = 30;
/// The watchdog is set anew when this much of it is gone: each setting is a write.
const WATCHDOG_SPENT_SECONDS: i64 = 10;
/// First wait after a step that the platform did not let through; doubles with each attempt.
const RETRY_MILLIS: i64 = 500;
const MAX_RETRY_MILLIS: i64 = 30_000;
/// Outputs stored in one ring; the next ones get the processor time of a new one.
const STORED_AT_ONCE: u32 = 4;

/// Whether to take the next step at once.
enum Next {
    Now,
    /// An output was stored, which takes processor time.
    NowIfSpare,
    AfterMillis(i64),
    Never,
}

pub async fn drive<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let mut watched_from: Option<Timestamp> = None;
    let mut stored = 0;
    loop {
        let now = platform.now();
        if watched_from.is_none_or(|from| now.millis_since(from) > WATCHDOG_SPENT_SECONDS * 1000) {
            storage.set_alarm(now.plus_seconds(WATCHDOG_SECONDS)).await?;
            watched_from = Some(now);
        }
        let Some(record) = storage.transact(store::load)? else { return storage.delete_all().await };
        let next = match step(platform, storage, &record).await {
            Ok(next) => next,
            Err(fault) => hold(platform, storage, &record, &fault)?,
        };
        match next {
            Next::Now => {}
            Next::NowIfSpare => {
                stored += 1;
                if stored >= STORED_AT_ONCE {
                    return storage.set_alarm(platform.now()).await;
                }
            }
            Next::AfterMillis(millis) => return storage.set_alarm(platform.now().plus_millis(millis)).await,
            Next::Never => return Ok(()),
        }
    }
}

fn backoff(faults: u32) -> i64 {
    RETRY_MILLIS.saturating_mul(1 << faults.min(8)).min(MAX_RETRY_MILLIS)
}

/// A step of the run itself that could not be made is made again later.
fn hold<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    fault: &Unavailable,
) -> Result<Next, Unavailable> {
    let fields = json!({ "run_id": record.job.run_id, "fault": fault.0, "attempts": record.state.faults });
    platform.log(Level::Warn, "run.step_failed", fields);
    storage.transact(|sql| {
        if let Some(mut record) = store::load(sql)? {
            record.state.faults = record.state.faults.saturating_add(1);
            store::save_state(sql, &record.state)?;
        }
        Ok(())
    })?;
    Ok(Next::AfterMillis(backoff(record.state.faults)))
}

async fn step<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<Next, Unavailable> {
    let now = platform.now();
    match &record.state.stage {
        Stage::Reserving => {
            let lost = Refusal::new(
                Code::Internal,
                "The gateway stopped before the run began; nothing was charged.",
            );
            finish(storage, record, RunStatus::Failed, Some(lost), now)
        }
        Stage::Running if record.past_deadline(now) && steps::verdict(record).is_none() => {
            let late = Refusal::new(
                Code::ProviderFailed,
                "The run did not finish in time; what it did not make is not charged.",
            );
            finish(storage, record, RunStatus::Failed, Some(late), now)
        }
        Stage::Running => work(platform, storage, record, now).await,
        Stage::Settling { .. } | Stage::Ended { .. } => end(platform, storage, record).await,
    }
}

fn finish<S: Storage>(
    storage: &S,
    record: &Record,
    status: RunStatus,
    error: Option<Refusal>,
    now: Timestamp,
) -> Result<Next, Unavailable> {
    storage.transact(|sql| store::change(sql, record, |record| record.finish(status, error, now)))?;
    Ok(Next::Now)
}

/// (1) End, if there is nothing more to do. (2) Begin what need not wait. (3) What is due: first what only asks, then
/// one that stores. (4) Wait for the next.
async fn work<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    now: Timestamp,
) -> Result<Next, Unavailable> {
    if let Some(Verdict { status, error }) = steps::verdict(record) {
        // A preview that cannot be stored does not keep the run from ending for ever.
        let sheet = put_sheet(platform, record, status == RunStatus::Complete).await;
        if !record.past_deadline(now) {
            sheet?;
        }
        return finish(storage, record, status, error, platform.now());
    }
    let beginning = steps::to_begin(record);
    if !beginning.is_empty() {
        storage.transact(|sql| {
            store::change(sql, record, |record| {
                for (position, begin) in beginning {
                    let Some(item) = record.items.get_mut(position) else { continue };
                    item.move_to(if begin == Begin::Start { ItemStage::Ready } else { ItemStage::Skipped });
                    item.next_at = now;
                    item.version = item.version.wrapping_add(1);
                }
            })
        })?;
        return Ok(Next::Now);
    }
    // Only what the provider has named can be stopped; what is looked for or fetched keeps its own pace.
    let must_stop = |item: &Item| {
        let has_job = item.is_abroad() && matches!(item.stage, ItemStage::Working { .. });
        let is_asked = item.remote.stopping_at.is_some() || item.faults > 0;
        record.state.cancelled_at.is_some() && has_job && !is_asked
    };
    let is_due = |item: &Item| {
        !item.has_ended() && item.stage != ItemStage::Waiting && (item.next_at <= now || must_stop(item))
    };
    // Those take processor time, for pixels; what only asks others goes on side by side.
    let stores = |item: &Item| matches!(item.stage, ItemStage::Storing { .. } | ItemStage::Fetching { .. });
    let due = |storing: bool| {
        let items = record.items.iter().enumerate();
        items.filter(move |(_, item)| is_due(item) && stores(item) == storing).map(|(position, _)| position)
    };
    // Side by side: one may wait for minutes for a provider that answers with the finished work.
    let asking: Vec<_> = due(false).map(|position| step_item(platform, storage, record, position)).collect();
    if !asking.is_empty() {
        futures::future::try_join_all(asking).await?;
        return Ok(Next::Now);
    }
    if let Some(position) = due(true).next() {
        step_item(platform, storage, record, position).await?;
        return Ok(Next::NowIfSpare);
    }
    let waiting = record.items.iter().filter(|item| !item.has_ended() && item.stage != ItemStage::Waiting);
    match waiting.map(|item| item.next_at).min() {
        Some(next) => Ok(Next::AfterMillis(next.millis_since(now))),
        // Steps that wait for each other for ever would hold their units for ever.
        None => {
            let stuck = Refusal::new(Code::Internal, "No step of the run could go on.");
            finish(storage, record, RunStatus::Failed, Some(stuck), now)
        }
    }
}

/// An item whose step the platform did not let through waits by itself; the others go on.
async fn step_item<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    position: usize,
) -> Result<(), Unavailable> {
    let Err(fault) = item::step(platform, storage, record, position).await else { return Ok(()) };
    let faults = record.items.get(position).map_or(0, |item| item.faults);
    let fields = json!({
        "run_id": record.job.run_id, "item": position, "fault": fault.0, "attempts": faults,
    });
    platform.log(Level::Warn, "run.item_step_failed", fields);
    let next_at = platform.now().plus_millis(backoff(faults));
    Ok(storage.transact(|sql| {
        let Some(fresh) = store::load(sql)? else { return Ok(()) };
        store::change_item(sql, &fresh, position, |item| {
            item.faults = item.faults.saturating_add(1);
            item.next_at = next_at;
        })
    })?)
}

/// The numbered preview of what the run made.
async fn put_sheet<P: Platform>(platform: &P, record: &Record, is_complete: bool) -> Result<(), Unavailable> {
    let workspace = &record.job.workspace_id;
    let mut tiles = Vec::new();
    let files = if is_complete { view::results(record) } else { record.files().collect() };
    for asset in files.into_iter().take(SHEET_MAX_TILES) {
        if let Some(bytes) = platform.read_object(&media::poster_key(workspace, &asset.asset_id)).await?
            && let Ok(tile) = picture::decode(&bytes, u64::from(POSTER_SIDE * POSTER_SIDE))
        {
            tiles.push(tile);
        }
    }
    if tiles.is_empty() {
        return Ok(());
    }
    let sheet =
        sheet::contact_sheet(&tiles).map_err(|error| Unavailable(format!("contact sheet: {error}")))?;
    let key = media::sheet_key(workspace, record.job.run_id.as_str());
    platform.put_object(&key, MediaType::Jpeg.mime(), sheet).await
}

/// Settles what is unsettled, tells who watches, and finally forgets a run nobody can need any more.
async fn end<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<Next, Unavailable> {
    if let Stage::Ended { outcome } = &record.state.stage {
        let forget_at = outcome.ended_at.plus_seconds(KEEP_SECONDS);
        if platform.now() >= forget_at {
            storage.delete_all().await?;
            return Ok(Next::Never);
        }
        return Ok(Next::AfterMillis(forget_at.millis_since(platform.now())));
    }
    settle(platform, storage).await?;
    Ok(Next::Now)
}

/// Asks the workspace to settle (it does so once), then shows the end.
pub async fn settle<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(()) };
    let Stage::Settling { outcome } = &record.state.stage else { return Ok(()) };
    let settlement = Settlement {
        run_id: record.job.run_id.clone(),
        status: outcome.status,
        price: outcome.price,
        assets: record.files().cloned().collect(),
    };
    // A refusal means the workspace never admitted the run: there is nothing to settle.
    let answer =
        workspace::ask(platform, &record.job.workspace_id, workspace::Command::Settle(settlement)).await?;
    let watchers = storage.transact(|sql| {
        let Some(mut record) = store::load(sql)? else { return Ok(Vec::new()) };
        let Stage::Settling { mut outcome } = record.state.stage.clone() else { return Ok(Vec::new()) };
        if let Ok(workspace::Reply::Settled { price }) = answer {
            outcome.price = price;
        }
        record.state.move_to(Stage::Ended { outcome });
        let watchers = std::mem::take(&mut record.state.watchers);
        store::save_state(sql, &record.state)?;
        Ok::<_, SqlError>(watchers)
    })?;
    super::tell(platform, &record.job.run_id, watchers).await;
    Ok(())
}
