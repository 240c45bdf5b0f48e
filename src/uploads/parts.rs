//! An upload in parts: files larger than one body may be at Cloudflare, and browsers that lose their connection. Parts come
//! in any order, at once, and again; the object says which are missing, and puts the file together.

use super::receive::{self, Incoming, SNIFF_BYTES};
use super::state::{Record, State, View};
use super::upload::{Command, LOOK_AGAIN_MILLIS, Reply, Upload, change, rewind, view};
use super::{claim, finish, gone, intent, limits, store};
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::platform::{Level, Platform, PutFault, Storage, Unavailable};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use serde_json::json;

/// Missing parts that an error names.
const NAMED: usize = 20;
/// The attempt that puts the parts together.
const COMPLETING: &str = "complete";

/// The Worker's side: one part's body. Ok(None): it is stored.
pub async fn put<P: Platform>(
    platform: &P,
    asset_id: &AssetId,
    number: u32,
    incoming: Incoming<P::Stream>,
) -> Result<Result<(), Refusal>, Unavailable> {
    let attempt = receive::attempt(platform);
    let claim = Command::ClaimPart { attempt: attempt.clone(), number, length: incoming.length };
    let (view, multipart) = match platform.ask::<Upload>(asset_id.as_str(), claim).await? {
        Reply::Go { view, multipart: Some(multipart) } => (*view, multipart),
        // The file is stored: this part is in it, or a late repeat.
        Reply::View(_) => {
            platform.discard(incoming.stream).await;
            return Ok(Ok(()));
        }
        reply => {
            platform.discard(incoming.stream).await;
            return Ok(Err(receive::refusal_in(reply)));
        }
    };
    let stored = store_part(platform, &view, &multipart, number, incoming, &attempt).await;
    let etag = stored.as_ref().ok().and_then(|part| part.as_ref().ok().cloned());
    let settle = Command::SettlePart { attempt, number, etag };
    platform.ask::<Upload>(asset_id.as_str(), settle).await?;
    match stored {
        Ok(part) => Ok(part.map(|_| ())),
        Err(fault) => Ok(Err(receive::refusal_of(fault)?)),
    }
}

async fn store_part<P: Platform>(
    platform: &P,
    view: &View,
    multipart: &str,
    number: u32,
    incoming: Incoming<P::Stream>,
    attempt: &str,
) -> Result<Result<String, Refusal>, PutFault> {
    let intent = &view.intent;
    let Some(media) = intent.declared else { return Ok(Err(gone())) };
    let Incoming { length, mut stream, .. } = incoming;
    if number == 1 {
        let (head, whole) = platform.peek(stream, Some(length), SNIFF_BYTES).await?;
        let size = intent.size_bytes.unwrap_or(length);
        let checked = intent.check_type(&head, size);
        match checked {
            Ok(found) if found == media => stream = whole,
            other => {
                platform.discard(whole).await;
                return Ok(Err(other.err().unwrap_or_else(|| finish::other_type(media))));
            }
        }
    }
    let object = finish::object(intent, media, Some(length), limits::RECEIVE_MILLIS);
    let put = platform.put_part(&object, multipart, number, stream);
    let part = receive::renewed(platform, &intent.asset_id, attempt, Some(number), put).await?;
    Ok(Ok(part.etag))
}

/// The object's side: whether this part may be sent now.
pub async fn claim<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    attempt: String,
    number: u32,
    length: u64,
) -> Result<Reply, Unavailable> {
    let give_up = platform.now().plus_millis(limits::WAIT_MILLIS);
    loop {
        match claim_once(platform, storage, &attempt, number, length).await? {
            // The connection that brought it before may be dead, which shows when its lease ends.
            Reply::Busy if platform.now() < give_up => platform.sleep(LOOK_AGAIN_MILLIS).await,
            reply => return Ok(reply),
        }
    }
}

async fn claim_once<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    attempt: &str,
    number: u32,
    length: u64,
) -> Result<Reply, Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(Reply::Gone) };
    let now = platform.now();
    match &record.state {
        State::Stored { .. } | State::Storing { .. } => return Ok(view(storage, now)?),
        State::Failed { error } => return Ok(error.clone().into()),
        State::Expired => return Ok(Reply::Gone),
        State::Receiving { .. } => return Ok(Reply::Busy),
        State::Pending { .. } if now >= record.expires_at => return Ok(Reply::Gone),
        State::Pending { .. } => {}
    }
    if let Err(refusal) = check(&record, number, length) {
        return Ok(refusal.into());
    }
    if let Err(refusal) =
        claim::admit(platform, &record.intent, record.intent.size_bytes.unwrap_or(length)).await?
    {
        return Ok(refusal.into());
    }
    let Some(multipart) = multipart(platform, storage, &record).await? else { return Ok(Reply::Gone) };
    let now = platform.now();
    let until = now.plus_seconds(limits::LEASE_SECONDS);
    if !storage.transact(|sql| store::claim_part(sql, number, length, attempt, now, until))? {
        return Ok(Reply::Busy);
    }
    stay_open(storage, now)?;
    rewind(platform, storage).await?;
    Ok(match view(storage, now)? {
        Reply::View(view) => Reply::Go { view, multipart: Some(multipart) },
        other => other,
    })
}

/// A part is on its way: the upload does not expire for a while.
pub fn stay_open<S: Storage>(storage: &S, now: Timestamp) -> Result<(), SqlError> {
    change(storage, |record| {
        let latest = record.intent.created_at.plus_seconds(limits::MAX_PARTS_SECONDS);
        let open_until = now.plus_seconds(limits::STAY_OPEN_SECONDS).min(latest);
        record.expires_at = record.expires_at.max(open_until);
    })?;
    Ok(())
}

fn check(record: &Record, number: u32, length: u64) -> Result<(), Refusal> {
    let (Some(size), Some(part_bytes)) = (record.intent.size_bytes, record.intent.part_bytes()) else {
        return Err(Refusal::new(Code::UploadFailed, "This upload takes one body, not parts.")
            .next("PUT the whole file to the upload URL."));
    };
    let count = limits::parts(size, part_bytes);
    match limits::part_length(size, part_bytes, number) {
        None => Err(Refusal::invalid(format!("There is no part {number}; the parts are 1 to {count}."))
            .next("GET /missing below the upload URL for the parts that are still wanted.")),
        Some(expected) if expected != length => Err(Refusal::new(
            Code::UploadFailed,
            format!("Part {number} of {count} must have {expected} bytes, not {length}."),
        )
        .next(format!("Split the file into pieces of {part_bytes} bytes; the last one is what is left."))),
        Some(_) => Ok(()),
    }
}

/// What object storage calls the upload, begun with its first part.
async fn multipart<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<Option<String>, Unavailable> {
    if let Some(multipart) = &record.multipart {
        return Ok(Some(multipart.clone()));
    }
    let Some(media) = record.intent.declared else { return Ok(None) };
    let object = finish::object(&record.intent, media, None, limits::RECEIVE_MILLIS);
    let begun = platform.begin_parts(&object).await?;
    let kept = change(storage, |record| record.multipart.get_or_insert_with(|| begun.clone()).clone())?;
    if kept.as_ref() != Some(&begun) {
        // Two first parts at once: one of them named the upload.
        platform.abort_parts(&object.key, &begun).await?;
    }
    Ok(kept)
}

/// Puts the file together, or takes what lies there already.
pub async fn complete<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    sha256: Option<String>,
) -> Result<Reply, Unavailable> {
    let Some(record) = storage.transact(store::load)? else { return Ok(Reply::Gone) };
    let now = platform.now();
    match &record.state {
        State::Pending { .. } if record.multipart.is_some() => {}
        State::Receiving { until, .. } if *until > now => return Ok(Reply::Busy),
        State::Failed { error } => return Ok(error.clone().into()),
        State::Expired => return Ok(Reply::Gone),
        _ => {
            finish::take(platform, storage, None).await?;
            return answer(platform, storage);
        }
    }
    if let Some(refusal) = storage.transact(|sql| missing(sql, &record, now))? {
        return Ok(refusal.into());
    }
    if let Some(sha256) = sha256.as_deref().map(intent::digest) {
        match sha256 {
            Ok(sha256) => _ = change(storage, |record| record.intent.sha256 = Some(sha256))?,
            Err(refusal) => return Ok(refusal.into()),
        }
    }
    let (Some(multipart), Some(media)) = (&record.multipart, record.intent.declared) else {
        return Ok(Reply::Gone);
    };
    let until = now.plus_seconds(limits::LEASE_SECONDS);
    change(storage, |record| {
        record.state = State::Receiving { attempt: COMPLETING.into(), until };
        record.may_hold = true;
    })?;
    rewind(platform, storage).await?;
    let parts = storage.transact(store::parts)?;
    let key = finish::key(&record.intent, media);
    let ended = receive::beside(platform.end_parts(&key, multipart, &parts), async {
        loop {
            platform.sleep(limits::RENEW_MILLIS).await;
            let _ = claim::renew(platform, storage, COMPLETING, None).await;
        }
    })
    .await;
    // If it failed because it was done before, the object is there.
    finish::take(platform, storage, Some(media)).await?;
    let reply = answer(platform, storage)?;
    let Err(fault) = ended else {
        change(storage, |record| record.multipart = None)?;
        return Ok(reply);
    };
    if matches!(reply, Reply::View(_)) {
        return Ok(reply);
    }
    if !is_about_parts(&fault) {
        // The parts are still there; putting them together is tried again.
        return Err(Unavailable(format!("the parts were not put together: {fault:?}")));
    }
    // A part is not what was acknowledged: nobody can tell which, so all come again.
    let fields = json!({ "asset_id": record.intent.asset_id, "reason": format!("{fault:?}") });
    platform.log(Level::Warn, "upload.not_put_together", fields);
    platform.abort_parts(&key, multipart).await?;
    storage.transact(store::forget_pieces)?;
    change(storage, |record| record.multipart = None)?;
    let message = "Object storage could not put the parts together; they have to be sent again.";
    let next = "GET /missing below this URL, PUT those parts again and complete it again.";
    Ok(Refusal::new(Code::IncompleteUpload, message).next(next).into())
}

/// Whether the parts themselves are no good: R2's NoSuchUpload, InvalidPart, EntityTooSmall, and unequal lengths.
fn is_about_parts(fault: &PutFault) -> bool {
    let numbers = ["(10024)", "(10025)", "(10011)", "(10048)"];
    match fault {
        PutFault::Unavailable(reason) => numbers.iter().any(|number| reason.ends_with(number)),
        _ => true,
    }
}

fn missing(sql: &impl Sql, record: &Record, now: Timestamp) -> Result<Option<Refusal>, SqlError> {
    let view = View::of(record, now, Some(store::pieces(sql)?));
    let missing = view.missing_parts(NAMED);
    if missing.is_empty() {
        return Ok(None);
    }
    let named: Vec<_> = missing.iter().map(u32::to_string).collect();
    let more = if missing.len() == NAMED { " and perhaps more" } else { "" };
    let message = match named.len() {
        1 => format!("Part {} has not come.", named.join(", ")),
        _ => format!("Parts {}{more} have not come.", named.join(", ")),
    };
    Ok(Some(Refusal::new(Code::IncompleteUpload, message).details(json!({ "missing_parts": missing }))))
}

/// What there is now: the asset, or why there is none.
fn answer<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<Reply, Unavailable> {
    Ok(match view(storage, platform.now())? {
        Reply::View(view) => match &view.error {
            Some(error) if view.asset.is_none() => error.clone().into(),
            None if view.asset.is_none() => {
                let refusal = Refusal::new(Code::IncompleteUpload, "Nothing has been uploaded yet.");
                refusal.next("PUT the file first.").into()
            }
            _ => Reply::View(view),
        },
        other => other,
    })
}
