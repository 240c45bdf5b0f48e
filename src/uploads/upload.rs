//! The `Upload` object: takes commands, keeps the record, and wakes to expire, to fetch, to finish what a crash cut off.

use super::batch::{self, Addition, Batch};
use super::intent::{Door, Intent};
use super::state::{Pieces, Record, State, View};
use super::{chunks, claim, finish, import, limits, parts, store};
use crate::error::Refusal;
use crate::id::AssetId;
use crate::media::sniff::MediaType;
use crate::platform::{Entity, Level, Platform, Storage, Unavailable};
use crate::sql::SqlError;
use crate::time::Timestamp;
use crate::workspace::{self, uploads::Opening};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How often a waiting reader looks again.
pub const LOOK_AGAIN_MILLIS: u32 = 100;
/// After an alarm that could not do its work.
const RETRY_SECONDS: i64 = 15;

pub struct Upload;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Begins it; again, with the same intent, it answers as the first time.
    Open(Box<Intent>),
    /// How far it is, once it has ended or after so long.
    Get {
        wait_millis: i64,
    },
    /// A body of this length is at the door.
    Claim {
        attempt: String,
        length: u64,
    },
    /// The attempt goes on.
    Renew {
        attempt: String,
        part: Option<u32>,
    },
    /// The attempt is over and has stored nothing.
    Release {
        attempt: String,
        error: Option<Refusal>,
    },
    /// Something complete lies under the upload's key. `media`: of what type, where it is known.
    Arrived {
        media: Option<MediaType>,
    },
    /// Its SHA-256, even if that takes a while.
    Digest,
    ClaimPart {
        attempt: String,
        number: u32,
        length: u64,
    },
    /// `etag`: it is stored; None: it is not.
    SettlePart {
        attempt: String,
        number: u32,
        etag: Option<String>,
    },
    /// All parts have come.
    Complete {
        sha256: Option<String>,
    },
    /// `base64`: standard, padded, and checked.
    Chunk {
        position: u32,
        bytes: u64,
        sha256: String,
        base64: String,
    },
    Finalize {
        sha256: Option<String>,
    },
    /// Nobody wants it any more.
    Cancel,
    /// Begins a page for several files; again, it answers with the one there is.
    OpenBatch(Box<Batch>),
    AddFile(Box<Addition>),
    KeepOpen {
        until: Timestamp,
    },
    DropFiles {
        asset_ids: Vec<AssetId>,
    },
    FinishBatch,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    Done,
    View(Box<View>),
    /// The object is a page for several files.
    Batch(Box<Batch>),
    /// The upload that a file of the page is to be.
    Slot(Box<Intent>),
    /// The attempt may send. `multipart`: what object storage calls the object that comes in parts.
    Go {
        view: Box<View>,
        multipart: Option<String>,
    },
    /// Another attempt is under way.
    Busy,
    /// The upload is over, or never was.
    Gone,
    Refused(Box<Refusal>),
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Reply::Refused(Box::new(refusal))
    }
}

impl Entity for Upload {
    const BINDING: &'static str = "UPLOAD";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        match command {
            Command::Open(intent) => open(platform, storage, *intent).await,
            Command::Get { wait_millis } => get(platform, storage, wait_millis).await,
            Command::Claim { attempt, length } => claim::claim(platform, storage, attempt, length).await,
            Command::Renew { attempt, part } => claim::renew(platform, storage, &attempt, part).await,
            Command::Release { attempt, error } => claim::release(platform, storage, &attempt, error).await,
            Command::Arrived { media } => {
                finish::take(platform, storage, media).await?;
                get(platform, storage, 0).await
            }
            Command::Digest => finish::digest(platform, storage).await,
            Command::ClaimPart { attempt, number, length } => {
                parts::claim(platform, storage, attempt, number, length).await
            }
            Command::SettlePart { attempt, number, etag } => Ok(storage.transact(|sql| {
                store::settle_part(sql, number, &attempt, etag.as_deref())?;
                Ok(Reply::Done)
            })?),
            Command::Complete { sha256 } => parts::complete(platform, storage, sha256).await,
            Command::Chunk { position, bytes, sha256, base64 } => {
                let chunk = chunks::Chunk { position, bytes, sha256, base64 };
                chunks::add(platform, storage, chunk).await
            }
            Command::Finalize { sha256 } => chunks::finalize(platform, storage, sha256).await,
            Command::Cancel => {
                expire(platform, storage).await?;
                get(platform, storage, 0).await
            }
            Command::OpenBatch(batch) => batch::open(storage, *batch).await,
            Command::AddFile(addition) => batch::add(storage, *addition, platform.now()),
            Command::KeepOpen { until } => batch::keep_open(storage, until),
            Command::DropFiles { asset_ids } => batch::drop_files(storage, &asset_ids),
            Command::FinishBatch => batch::finish(storage, platform.now()),
        }
    }

    async fn wake<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
        let Err(reason) = drive(platform, storage).await else { return Ok(()) };
        // The runtime gives an alarm up that fails too often, so this one does not fail.
        platform.log(Level::Warn, "upload.alarm_failed", json!({ "reason": reason.0 }));
        storage.set_alarm(platform.now().plus_seconds(RETRY_SECONDS)).await
    }
}

/// What the alarm is for.
async fn drive<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return batch::wake(platform, storage).await };
    let now = platform.now();
    let is_import = matches!(record.intent.door, Door::Url { .. });
    match &record.state {
        // Before anything else, so that what fails for ever ends too.
        _ if record.forget_at.is_some_and(|at| at <= now) => return forget(platform, storage, &record).await,
        // Only an alarm imports, and one is handled at a time: the import of one before has died.
        State::Receiving { until, .. } if *until > now && !is_import => {}
        State::Pending { .. } | State::Receiving { .. } if record.may_hold => {
            finish::take(platform, storage, None).await?;
        }
        State::Pending { .. } if now >= record.expires_at => expire(platform, storage).await?,
        State::Pending { error: None } | State::Receiving { .. } if is_import => {
            import::import(platform, storage, &record).await?;
        }
        State::Receiving { .. } => claim::lapse(storage)?,
        State::Storing { .. } => finish::register(platform, storage).await?,
        State::Stored { is_settled: false, .. } => finish::settle(platform, storage).await?,
        _ => {}
    }
    rewind(platform, storage).await
}

/// Whether an object may lie there of which nobody has said so: of a sender who died, or one who sent to object storage itself.
fn leaves_something(record: &Record) -> bool {
    record.may_hold || record.intent.part_bytes().is_some()
}

async fn forget<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<(), Unavailable> {
    if leaves_something(record) && !matches!(record.state, State::Stored { .. }) {
        finish::clear(platform, &record.intent).await?;
    }
    storage.delete_all().await
}

/// Sets the alarm to when something is next to be done.
pub async fn rewind<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(()) };
    let now = platform.now();
    let at = match &record.state {
        State::Pending { error: None } if matches!(record.intent.door, Door::Url { .. }) => now,
        State::Pending { .. } => record.expires_at,
        State::Receiving { until, .. } => *until,
        State::Storing { .. } | State::Stored { is_settled: false, .. } => now,
        _ => record.forget_at.unwrap_or(now),
    };
    storage.set_alarm(at).await
}

/// Changes the record in one transaction; None: there is none.
pub fn change<S: Storage, T>(
    storage: &S,
    edit: impl FnOnce(&mut Record) -> T,
) -> Result<Option<T>, SqlError> {
    storage.transact(|sql| {
        let Some(mut record) = store::load(sql)? else { return Ok(None) };
        let told = edit(&mut record);
        store::save(sql, &record)?;
        Ok(Some(told))
    })
}

pub fn view<S: Storage>(storage: &S, now: Timestamp) -> Result<Reply, SqlError> {
    storage.transact(|sql| {
        let Some(record) = store::load(sql)? else { return Ok(Reply::Gone) };
        let is_in_pieces = record.intent.part_bytes().is_some() || record.intent.door == Door::Chunks;
        let pieces: Option<Pieces> =
            if is_in_pieces && !record.has_ended() { Some(store::pieces(sql)?) } else { None };
        Ok(Reply::View(Box::new(View::of(&record, now, pieces))))
    })
}

/// (1) An alarm, should we die. (2) The workspace sets the bytes aside. (3) The record.
async fn open<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    intent: Intent,
) -> Result<Reply, Unavailable> {
    let now = platform.now();
    if storage.transact(store::load)?.is_none() {
        storage.set_alarm(intent.expires_at).await?;
        if let Err(refusal) =
            set_aside(platform, &intent, intent.size_bytes.unwrap_or(0), intent.expires_at).await?
        {
            storage.delete_all().await?;
            return Ok(refusal.into());
        }
        storage.transact(|sql| store::create(sql, &Record::new(intent)))?;
        rewind(platform, storage).await?;
    }
    Ok(view(storage, now)?)
}

/// Has the workspace count these bytes until then, if the person may still store them.
pub async fn set_aside<P: Platform>(
    platform: &P,
    intent: &Intent,
    bytes: u64,
    until: Timestamp,
) -> Result<Result<(), Refusal>, Unavailable> {
    let opening = Opening {
        actor: intent.actor.clone(),
        person: intent.person.clone(),
        asset_id: intent.asset_id.clone(),
        bytes,
        until,
    };
    let command = workspace::Command::OpenUpload(Box::new(opening));
    Ok(workspace::ask(platform, &intent.workspace_id, command).await?.map(|_| ()))
}

async fn get<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    wait_millis: i64,
) -> Result<Reply, Unavailable> {
    let until = platform.now().plus_millis(wait_millis);
    loop {
        let now = platform.now();
        let Some(record) = storage.transact(store::load)? else {
            return batch::get(platform, storage, until).await;
        };
        if let State::Receiving { until, .. } = &record.state
            && *until <= now
            && record.may_hold
        {
            // Whoever sent has not been heard of: perhaps it all came before they fell silent.
            finish::take(platform, storage, None).await?;
            continue;
        }
        if matches!(record.state, State::Storing { .. }) && !storage.has_alarm().await? {
            rewind(platform, storage).await?;
        }
        let waits = !record.has_ended() && !matches!(record.state, State::Pending { error: Some(_) });
        if !waits || now >= until || now >= record.expires_at.plus_millis(i64::from(limits::RECEIVE_MILLIS)) {
            return Ok(view(storage, now)?);
        }
        platform.sleep(LOOK_AGAIN_MILLIS).await;
    }
}

/// It is over: what came of it in pieces goes, and the workspace stops counting it.
pub async fn expire<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(()) };
    if record.has_ended() || matches!(record.state, State::Storing { .. }) {
        return finish::register(platform, storage).await;
    }
    close(platform, &record).await?;
    let now = platform.now();
    let is_over = storage.transact(|sql| {
        let is_open =
            |record: &Record| matches!(record.state, State::Pending { .. } | State::Receiving { .. });
        let Some(mut record) = store::load(sql)?.filter(is_open) else { return Ok(false) };
        record.end(State::Expired, now);
        store::forget_pieces(sql)?;
        store::save(sql, &record)?;
        Ok(true)
    })?;
    if !is_over {
        // Meanwhile it has arrived: too late to give it up.
        return finish::register(platform, storage).await;
    }
    if leaves_something(&record) {
        // Who is still sending clears up after themselves (`finish::take`), or it is done when this is forgotten.
        finish::clear(platform, &record.intent).await?;
    }
    rewind(platform, storage).await
}

/// Gives back what it took up in object storage and in the workspace's count.
pub async fn close<P: Platform>(platform: &P, record: &Record) -> Result<(), Unavailable> {
    if let (Some(multipart), Some(media)) = (&record.multipart, record.intent.declared) {
        platform.abort_parts(&finish::key(&record.intent, media), multipart).await?;
    }
    let command = workspace::Command::CloseUpload { asset_id: record.intent.asset_id.clone() };
    let _ = workspace::ask(platform, &record.intent.workspace_id, command).await?;
    Ok(())
}
