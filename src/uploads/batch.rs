//! A page for several files, the other thing that an `Upload` object can be: which uploads were made on it, until when it
//! takes more, and whether the person is done. Each file is an upload of its own, with its own object and URL.
//! Not for: the files themselves (`upload`), or the page (`pages::upload`).
//!
//! A file is added in two steps: (1) the batch notes it under the key that the browser made for it and says what its
//! upload is; (2) the Worker opens that. Cut off in between, the same key leads to the same upload.

use super::intent::{Announced, Door, Intent};
use super::state::{View, Word};
use super::upload::{Command, LOOK_AGAIN_MILLIS, Reply};
use super::{gone, limits};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, PersonId, WorkspaceId};
use crate::media::sniff::MediaType;
use crate::oauth::bearer::{self, Credential};
use crate::platform::{Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError, to_json};
use crate::time::Timestamp;
use crate::workspace::Actor;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

/// What one page takes: more than a person picks by hand, few enough to be looked at at once.
pub const MAX_FILES: usize = 20;
/// The longest that files may go on being added.
pub const MAX_SECONDS: i64 = 2 * 3600;
/// Noted longer ago than this and still not opened, a file never will be.
const OPENING_SECONDS: i64 = 60;
/// Of the browser's key of a file: its name, size and date.
const MAX_KEY_BYTES: usize = 600;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub batch_id: AssetId,
    pub workspace_id: WorkspaceId,
    pub person: PersonId,
    pub actor: Actor,
    /// The token it was asked for with: when that is withdrawn, nothing more is taken.
    pub credential: Option<Credential>,
    /// Of every file.
    pub alt: String,
    /// Of one file, less than its type allows, where it is for something that takes less.
    pub max_bytes: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub files: Vec<Slot>,
}

/// A file of the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// What the browser calls it, the same again after a lost answer.
    pub key: String,
    pub intent: Intent,
}

/// A file as the browser announces it, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Addition {
    pub key: String,
    pub asset_id: AssetId,
    pub name: Option<String>,
    pub declared: MediaType,
    pub size_bytes: u64,
}

/// A batch and how far its files are, in the order they were added.
pub struct Look {
    pub batch: Batch,
    pub files: Vec<(String, View)>,
}

impl Batch {
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.finished_at.is_none() && now < self.expires_at
    }

    fn latest(&self) -> Timestamp {
        self.created_at.plus_seconds(MAX_SECONDS)
    }

    fn keep_open(&mut self, until: Timestamp) {
        self.expires_at = self.expires_at.max(until.min(self.latest()));
    }

    fn forget_at(&self) -> Timestamp {
        self.finished_at.unwrap_or(self.expires_at).plus_seconds(limits::REMEMBER_SECONDS)
    }

    /// Err: why no file is taken any more.
    fn admit(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.finished_at.is_some() {
            return Err(
                Refusal::new(Code::SessionExpired, "Somebody pressed Done on this page.").next(ANOTHER)
            );
        }
        if now >= self.expires_at {
            return Err(Refusal::new(Code::SessionExpired, "This link has expired.").next(ANOTHER));
        }
        if self.files.len() >= MAX_FILES {
            let message = format!("One page takes {MAX_FILES} files.");
            let next = "Press Done, go back to the chat and ask for another link.";
            return Err(Refusal::new(Code::UploadFailed, message).next(next));
        }
        Ok(())
    }

    fn intent(&self, addition: Addition, now: Timestamp) -> Intent {
        let Addition { asset_id, name, declared, size_bytes, .. } = addition;
        let part_bytes = (size_bytes > limits::PAGE_PART_BYTES).then_some(limits::PAGE_PART_BYTES);
        Intent {
            asset_id,
            workspace_id: self.workspace_id.clone(),
            person: self.person.clone(),
            actor: self.actor.clone(),
            credential: self.credential.clone(),
            door: Door::Put { part_bytes },
            name,
            declared: Some(declared),
            size_bytes: Some(size_bytes),
            sha256: None,
            alt: self.alt.clone(),
            max_bytes: self.max_bytes,
            created_at: now,
            expires_at: now.plus_seconds(limits::STAY_OPEN_SECONDS),
        }
    }
}

const ANOTHER: &str = "Go back to the chat and ask for a new link.";

impl Look {
    pub fn stored(&self) -> usize {
        self.files.iter().filter(|(_, view)| view.asset.is_some()).count()
    }

    /// As a reader sees the whole: it is over when the person says so, or with the link.
    pub fn word(&self, now: Timestamp) -> Word {
        match self.batch.is_open(now) {
            true => Word::Pending,
            false if self.stored() > 0 => Word::Stored,
            false => Word::Expired,
        }
    }
}

// The object's side.

fn load(sql: &impl Sql) -> Result<Option<Batch>, SqlError> {
    if !sql.has_table("batch")? {
        return Ok(None);
    }
    sql.first("SELECT record FROM batch", &[])?.map(|row| row.json(0)).transpose()
}

fn save(sql: &impl Sql, batch: &Batch) -> Result<(), SqlError> {
    sql.query("INSERT OR REPLACE INTO batch (one, record) VALUES (1, ?)", &[to_json(batch)?])?;
    Ok(())
}

/// Changes it in one transaction and answers with it as it then is.
fn change<S: Storage>(
    storage: &S,
    edit: impl FnOnce(&mut Batch) -> Option<Reply>,
) -> Result<Reply, Unavailable> {
    Ok(storage.transact(|sql| {
        let Some(mut batch) = load(sql)? else { return Ok(Reply::Gone) };
        let reply = edit(&mut batch);
        save(sql, &batch)?;
        Ok(reply.unwrap_or_else(|| Reply::Batch(Box::new(batch))))
    })?)
}

/// (1) An alarm, should we die. (2) The row.
pub async fn open<S: Storage>(storage: &S, batch: Batch) -> Result<Reply, Unavailable> {
    storage.set_alarm(batch.forget_at()).await?;
    Ok(storage.transact(|sql| {
        sql.query(
            "CREATE TABLE IF NOT EXISTS batch (one INTEGER PRIMARY KEY CHECK (one = 1), record TEXT NOT NULL)",
            &[],
        )?;
        let batch = match load(sql)? {
            Some(known) => known,
            None => {
                save(sql, &batch)?;
                batch
            }
        };
        Ok(Reply::Batch(Box::new(batch)))
    })?)
}

pub fn add<S: Storage>(storage: &S, addition: Addition, now: Timestamp) -> Result<Reply, Unavailable> {
    change(storage, |batch| {
        if let Some(slot) = batch.files.iter().find(|slot| slot.key == addition.key) {
            return Some(match slot.intent.size_bytes == Some(addition.size_bytes) {
                true => Reply::Slot(Box::new(slot.intent.clone())),
                false => Refusal::invalid("`key` was used for a file of another size.").into(),
            });
        }
        if let Err(refusal) = batch.admit(now) {
            return Some(refusal.into());
        }
        let key = addition.key.clone();
        let intent = batch.intent(addition, now);
        batch.keep_open(intent.expires_at);
        batch.files.push(Slot { key, intent: intent.clone() });
        Some(Reply::Slot(Box::new(intent)))
    })
}

pub fn keep_open<S: Storage>(storage: &S, until: Timestamp) -> Result<Reply, Unavailable> {
    change(storage, |batch| {
        batch.keep_open(until);
        None
    })
}

pub fn drop_files<S: Storage>(storage: &S, asset_ids: &[AssetId]) -> Result<Reply, Unavailable> {
    change(storage, |batch| {
        batch.files.retain(|slot| !asset_ids.contains(&slot.intent.asset_id));
        None
    })
}

pub fn finish<S: Storage>(storage: &S, now: Timestamp) -> Result<Reply, Unavailable> {
    change(storage, |batch| {
        batch.finished_at.get_or_insert(now);
        None
    })
}

/// As it is, once it is over or after so long.
pub async fn get<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    until: Timestamp,
) -> Result<Reply, Unavailable> {
    loop {
        let Some(batch) = storage.transact(load)? else { return Ok(Reply::Gone) };
        let now = platform.now();
        if !batch.is_open(now) || now >= until {
            return Ok(Reply::Batch(Box::new(batch)));
        }
        platform.sleep(LOOK_AGAIN_MILLIS).await;
    }
}

/// The alarm: it is forgotten, or its time has moved.
pub async fn wake<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    match storage.transact(load)? {
        Some(batch) if platform.now() < batch.forget_at() => storage.set_alarm(batch.forget_at()).await,
        _ => storage.delete_all().await,
    }
}

// The Worker's side.

async fn ask<P: Platform>(
    platform: &P,
    id: &AssetId,
    command: Command,
) -> Result<Result<Batch, Refusal>, Unavailable> {
    Ok(match super::ask(platform, id, command).await? {
        Ok(Reply::Batch(batch)) => Ok(*batch),
        Ok(_) => Err(gone()),
        Err(refusal) => Err(refusal),
    })
}

pub async fn begin<P: Platform>(platform: &P, batch: Batch) -> Result<Result<Batch, Refusal>, Unavailable> {
    let id = batch.batch_id.clone();
    ask(platform, &id, Command::OpenBatch(Box::new(batch))).await
}

/// How far its files are. While one of them is being sent, in parts perhaps for long, the page stays open too.
pub async fn look<P: Platform>(platform: &P, batch: Batch) -> Result<Look, Unavailable> {
    let get = async |slot: &Slot| -> Result<Option<(String, View)>, Unavailable> {
        let command = Command::Get { wait_millis: 0 };
        let view = super::view(platform, &slot.intent.asset_id, command).await?;
        // Err: it was noted and not opened, or is long over.
        Ok(view.ok().map(|view| (slot.key.clone(), view)))
    };
    let files: Vec<_> = try_join_all(batch.files.iter().map(get)).await?.into_iter().flatten().collect();
    let under_way = files.iter().filter(|(_, view)| matches!(view.word, Word::Pending | Word::Receiving));
    let until = under_way.map(|(_, view)| view.expires_at).max();
    let later =
        until.filter(|until| batch.finished_at.is_none() && until.min(&batch.latest()) > &batch.expires_at);
    let batch = match later {
        Some(until) => ask(platform, &batch.batch_id, Command::KeepOpen { until }).await?.unwrap_or(batch),
        None => batch,
    };
    Ok(Look { batch, files })
}

/// Opens an upload for a file of the page; with the same key again it answers with the same upload.
pub async fn add_file<P: Platform>(
    platform: &P,
    id: &AssetId,
    key: &str,
    file: Announced,
) -> Result<Result<View, Refusal>, Unavailable> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Ok(Err(Refusal::invalid(format!("`key` must have 1 to {MAX_KEY_BYTES} bytes."))));
    }
    let (Some(declared), Some(size_bytes)) = (file.declared, file.size_bytes) else {
        let message = format!("The file is none of {}, by its name.", limits::ACCEPTED_IN_WORDS);
        return Ok(Err(
            Refusal::new(Code::UploadFailed, message).next("Choose another, or convert it first.")
        ));
    };
    let mut may_clear = true;
    loop {
        let asset_id = AssetId::mint(platform.now(), &platform.random());
        let addition =
            Addition { key: key.to_owned(), asset_id, name: file.name.clone(), declared, size_bytes };
        let refusal = match super::ask(platform, id, Command::AddFile(Box::new(addition))).await? {
            Ok(Reply::Slot(intent)) => match open_file(platform, id, *intent).await? {
                Ok(view) if view.word == Word::Expired => gone(),
                opened => return Ok(opened),
            },
            Ok(_) => return Ok(Err(gone())),
            Err(refusal) => refusal,
        };
        // Perhaps files that were given up take the place, or a slow one has kept the page open.
        if !may_clear || !clear(platform, id).await? {
            return Ok(Err(refusal));
        }
        may_clear = false;
    }
}

async fn open_file<P: Platform>(
    platform: &P,
    id: &AssetId,
    intent: Intent,
) -> Result<Result<View, Refusal>, Unavailable> {
    let asset_id = intent.asset_id.clone();
    let refusal = match &intent.credential {
        Some(credential) if !bearer::is_live(platform, &intent.person, credential).await? => {
            let message = "The access that this link was made with has been withdrawn.";
            Refusal::new(Code::Forbidden, message).next(ANOTHER)
        }
        _ => match super::view(platform, &asset_id, Command::Open(Box::new(intent))).await? {
            Ok(view) => return Ok(Ok(view)),
            Err(refusal) => refusal,
        },
    };
    let command = Command::DropFiles { asset_ids: vec![asset_id] };
    ask(platform, id, command).await?.ok();
    Ok(Err(refusal))
}

/// Takes away what never came or was given up; whether that, or the time, has changed anything.
async fn clear<P: Platform>(platform: &P, id: &AssetId) -> Result<bool, Unavailable> {
    let Ok(before) = ask(platform, id, Command::Get { wait_millis: 0 }).await? else { return Ok(false) };
    let expires_at = before.expires_at;
    let Look { batch, files } = look(platform, before).await?;
    let is_over = |slot: &&Slot| {
        match files.iter().find(|(_, view)| view.intent.asset_id == slot.intent.asset_id) {
            Some((_, view)) => view.word == Word::Expired,
            // Noted just now, it may be about to be opened.
            None => slot.intent.created_at.plus_seconds(OPENING_SECONDS) < platform.now(),
        }
    };
    let asset_ids: Vec<_> =
        batch.files.iter().filter(is_over).map(|slot| slot.intent.asset_id.clone()).collect();
    if asset_ids.is_empty() {
        return Ok(batch.expires_at > expires_at);
    }
    let _ = ask(platform, id, Command::DropFiles { asset_ids }).await?;
    Ok(true)
}

/// The person is done. Err: nothing has come yet.
pub async fn done<P: Platform>(platform: &P, look: Look) -> Result<Result<Look, Refusal>, Unavailable> {
    if look.stored() == 0 {
        let refusal = Refusal::new(Code::IncompleteUpload, "No file is stored yet.");
        return Ok(Err(refusal.next("Wait until one is, or close the page.")));
    }
    let finished = ask(platform, &look.batch.batch_id, Command::FinishBatch).await?;
    Ok(finished.map(|batch| Look { batch, files: look.files }))
}
