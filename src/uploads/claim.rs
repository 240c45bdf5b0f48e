//! Who may send now. One attempt at a time holds the upload, for as long as it is heard of; the next waits for it.

use super::state::{Record, State};
use super::upload::{self, LOOK_AGAIN_MILLIS, Reply, change, rewind, view};
use super::{finish, limits, parts, store};
use crate::error::{Code, Refusal};
use crate::oauth::bearer;
use crate::platform::{Platform, Storage, Unavailable};
use crate::sql::SqlError;
use crate::uploads::intent::{Door, Intent};

/// What is to be done with an attempt, as the record stands.
enum Turn {
    Answer(Reply),
    /// The bytes of an earlier attempt are there and not yet an asset.
    Register,
    /// An earlier attempt may have stored them and died.
    Look,
    Wait,
    Expire,
    Try(Box<Record>),
}

pub async fn claim<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    attempt: String,
    length: u64,
) -> Result<Reply, Unavailable> {
    let give_up = platform.now().plus_millis(limits::WAIT_MILLIS);
    loop {
        let Some(record) = storage.transact(store::load)? else { return Ok(Reply::Gone) };
        match turn(platform, record, length) {
            Turn::Answer(Reply::View(_)) => return Ok(view(storage, platform.now())?),
            Turn::Answer(reply) => return Ok(reply),
            Turn::Register => finish::register(platform, storage).await?,
            Turn::Look => finish::take(platform, storage, None).await?,
            Turn::Wait if platform.now() >= give_up => return Ok(Reply::Busy),
            Turn::Wait => platform.sleep(LOOK_AGAIN_MILLIS).await,
            Turn::Expire => {
                upload::expire(platform, storage).await?;
                return Ok(Reply::Gone);
            }
            Turn::Try(record) => {
                if let Err(refusal) = admit(platform, &record.intent, length).await? {
                    return Ok(refusal.into());
                }
                if let Some(reply) = begin(platform, storage, &attempt).await? {
                    return Ok(reply);
                }
            }
        }
    }
}

fn turn<P: Platform>(platform: &P, record: Record, length: u64) -> Turn {
    let now = platform.now();
    match &record.state {
        State::Stored { .. } => Turn::Answer(Reply::View(Box::new(super::View::of(&record, now, None)))),
        State::Storing { .. } => Turn::Register,
        State::Failed { error } => Turn::Answer(error.clone().into()),
        State::Expired => Turn::Answer(Reply::Gone),
        State::Receiving { until, .. } if *until > now => Turn::Wait,
        State::Receiving { .. } | State::Pending { .. } if record.may_hold => Turn::Look,
        State::Pending { .. } if now >= record.expires_at => Turn::Expire,
        State::Receiving { .. } | State::Pending { .. } => {
            if !matches!(record.intent.door, Door::Put { .. }) {
                let refusal = Refusal::new(Code::UploadFailed, "This upload does not take a body.");
                return Turn::Answer(refusal.into());
            }
            match record.intent.check_length(length) {
                Ok(()) => Turn::Try(Box::new(record)),
                Err(refusal) => Turn::Answer(refusal.into()),
            }
        }
    }
}

/// Whether whoever asked for the upload may still store so much. Asked before each body, so that a withdrawn token stops
/// uploading at once.
pub async fn admit<P: Platform>(
    platform: &P,
    intent: &Intent,
    length: u64,
) -> Result<Result<(), Refusal>, Unavailable> {
    if let Some(credential) = &intent.credential
        && !bearer::is_live(platform, &intent.person, credential).await?
    {
        let message = "The token that this upload was asked for with has been withdrawn.";
        return Ok(Err(Refusal::new(Code::Forbidden, message).next("Ask for a new upload URL.")));
    }
    let until = platform.now().plus_millis(i64::from(limits::RECEIVE_MILLIS));
    upload::set_aside(platform, intent, length, until).await
}

/// None: somebody was faster.
async fn begin<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    attempt: &str,
) -> Result<Option<Reply>, Unavailable> {
    let now = platform.now();
    let until = now.plus_seconds(limits::LEASE_SECONDS);
    let begun = change(storage, |record| {
        // What may lie there already is looked at before anybody sends again.
        let is_free = !record.may_hold
            && match &record.state {
                State::Pending { .. } => true,
                State::Receiving { until, .. } => *until <= now,
                _ => false,
            };
        if is_free {
            record.state = State::Receiving { attempt: attempt.to_owned(), until };
            record.may_hold = true;
        }
        is_free
    })?;
    if begun != Some(true) {
        return Ok(None);
    }
    rewind(platform, storage).await?;
    Ok(match view(storage, now)? {
        Reply::View(view) => Some(Reply::Go { view, multipart: None }),
        other => Some(other),
    })
}

pub async fn renew<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    attempt: &str,
    part: Option<u32>,
) -> Result<Reply, Unavailable> {
    let renewed = platform.now().plus_seconds(limits::LEASE_SECONDS);
    if let Some(number) = part {
        storage.transact(|sql| store::renew_part(sql, number, attempt, renewed))?;
        parts::stay_open(storage, platform.now())?;
        rewind(platform, storage).await?;
        return Ok(Reply::Done);
    }
    change(storage, |record| {
        if let State::Receiving { attempt: current, until } = &mut record.state
            && current == attempt
        {
            *until = renewed;
        }
    })?;
    rewind(platform, storage).await?;
    Ok(Reply::Done)
}

/// Only the attempt that holds the upload is heard.
pub async fn release<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    attempt: &str,
    error: Option<Refusal>,
) -> Result<Reply, Unavailable> {
    change(storage, |record| {
        if matches!(&record.state, State::Receiving { attempt: current, .. } if current == attempt) {
            record.state = State::Pending { error };
            record.may_hold = false;
        }
    })?;
    rewind(platform, storage).await?;
    Ok(Reply::Done)
}

/// An attempt that stored nothing has not been heard of for too long.
pub fn lapse<S: Storage>(storage: &S) -> Result<(), SqlError> {
    change(storage, |record| {
        if matches!(record.state, State::Receiving { .. }) {
            record.state = State::Pending { error: None };
        }
    })?;
    Ok(())
}
