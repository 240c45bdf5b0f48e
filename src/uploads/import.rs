//! Another server's file: fetched by the object's alarm, so that no call waits for it and a crash only begins it again.
//! Each address is checked before it is asked, redirects included. Not for: who may ask for one (`tools`).

use super::receive::{self, SNIFF_BYTES};
use super::state::{Record, State};
use super::upload::{change, close, rewind};
use super::{Door, claim, finish, limits, name};
use crate::error::{Code, Refusal};
use crate::http::percent_decode;
use crate::media::sniff::MediaType;
use crate::outbound::{self, FetchFault, Outbound, Reach};
use crate::platform::{Level, Opened, Platform, PutFault, Storage, Unavailable};
use crate::time::Timestamp;
use serde_json::json;

/// Hops from the address that was given to the file: a short link, a host's own, a download server.
const MAX_REDIRECTS: usize = 5;
/// Until another server begins to answer.
const HEADERS_MILLIS: u32 = 30_000;

/// Fetches it once; whatever comes of it is final.
pub async fn import<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<(), Unavailable> {
    let Door::Url { url, reach } = &record.intent.door else { return Ok(()) };
    let until = platform.now().plus_millis(i64::from(limits::IMPORT_MILLIS));
    change(storage, |record| {
        record.state = State::Receiving { attempt: "import".into(), until };
        record.may_hold = true;
    })?;
    let outcome = fetch(platform, record, url, *reach, until).await?;
    let failed = match outcome {
        Ok((media, given_name)) => {
            if let Some(given) = given_name {
                change(storage, |record| _ = record.intent.name.get_or_insert(given))?;
            }
            return finish::take(platform, storage, Some(media)).await;
        }
        Err(refusal) => refusal,
    };
    close(platform, record).await?;
    let now = platform.now();
    change(storage, |record| record.end(State::Failed { error: failed }, now))?;
    rewind(platform, storage).await
}

type Imported = Result<(MediaType, Option<String>), Refusal>;

async fn fetch<P: Platform>(
    platform: &P,
    record: &Record,
    url: &str,
    reach: Reach,
    until: Timestamp,
) -> Result<Imported, Unavailable> {
    let intent = &record.intent;
    let (opened, at) = match follow(platform, reach, url).await {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let given_name = named(&opened, &at);
    let Opened { length, body, .. } = opened;
    let Some(body) = body else { return Ok(Err(failed("The server sent no file."))) };
    if let Some(length) = length.filter(|length| *length > 0)
        && let Err(refusal) = claim::admit(platform, intent, length).await?
    {
        return Ok(Err(refusal));
    }
    let (head, stream) = match platform.peek(body, length, SNIFF_BYTES).await {
        Ok(peeked) => peeked,
        Err(fault) => return Ok(Err(fault_in_words(fault)?)),
    };
    if head.is_empty() {
        return Ok(Err(failed("The server sent an empty file.")));
    }
    // Where it is not said, only the type's own limit bounds it.
    let size = length.unwrap_or(head.len() as u64);
    let media = match intent.check_type(&head, size) {
        Ok(media) => media,
        Err(refusal) if refusal.code == Code::UploadFailed => {
            return Ok(Err(refusal.next("Give the address of the file itself, not of a page about it.")));
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    let left = until.millis_since(platform.now()).clamp(0, i64::from(limits::IMPORT_MILLIS));
    let mut object =
        finish::object(intent, media, length, u32::try_from(left).unwrap_or(limits::IMPORT_MILLIS));
    if intent.name.is_none() {
        object.disposition = given_name.as_deref().map(name::disposition);
    }
    Ok(match platform.put_stream(&object, stream).await {
        // Stored by an attempt before this one, which died.
        Ok(_) | Err(PutFault::Exists) => Ok((media, given_name)),
        Err(fault) => Err(fault_in_words(fault)?),
    })
}

/// The answer that is no redirect, and whose it is.
async fn follow<P: Platform>(
    platform: &P,
    reach: Reach,
    url: &str,
) -> Result<(Opened<P::Stream>, String), Refusal> {
    let mut at = url.to_owned();
    for _ in 0..=MAX_REDIRECTS {
        if let Err(why) = outbound::check(&at, reach) {
            let hop = if at == url { "" } else { " The address it redirects to is refused:" };
            return Err(failed(&format!("The file cannot be fetched from there.{hop} {}.", sentence(why))));
        }
        let request = Outbound::get(at.clone())
            .with("accept", "*/*")
            .with("accept-encoding", "identity")
            .with("user-agent", "Atelier/1 (+file import)")
            .limit(0, HEADERS_MILLIS);
        let opened = platform.open_url(request).await.map_err(|fault| match fault {
            FetchFault::TimedOut => failed("The server did not answer in time.").retry_after(30),
            FetchFault::Unreachable(reason) => {
                platform.log(Level::Info, "upload.unreachable", json!({ "reason": reason }));
                failed("The server could not be reached.")
            }
            fault => failed(&format!("{}.", sentence(&fault.to_string()))),
        })?;
        match opened.status {
            200 => return Ok((opened, at)),
            301 | 302 | 303 | 307 | 308 => {
                let Some(to) = opened.header("location").and_then(|to| outbound::resolve(&at, to)) else {
                    return Err(failed("The server redirects to nowhere."));
                };
                at = to;
            }
            status => {
                let refusal = failed(&format!("The server answered with status {status}."));
                let next = match status {
                    401 | 403 => "Give an address that needs no sign-in, such as a signed or shared link.",
                    404 | 410 => "Check the address; the file is not there (any more).",
                    429 | 500.. => "Try again in a while, or upload the file with request_upload_url.",
                    _ => "Give the address of the file itself.",
                };
                return Err(refusal.next(next).details(json!({ "remote_status": status })));
            }
        }
    }
    Err(failed(&format!("The server redirects more than {MAX_REDIRECTS} times.")))
}

fn failed(message: &str) -> Refusal {
    Refusal::new(Code::UploadFailed, message)
        .next("Give another public https address, or upload the file with request_upload_url.")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What the answer calls the file, else the end of its address.
fn named<S>(opened: &Opened<S>, url: &str) -> Option<String> {
    let said = opened.header("content-disposition").and_then(|value| {
        let (_, rest) = value.split_once("filename=")?;
        Some(rest.split(';').next()?.trim().trim_matches('"').to_owned())
    });
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let last = path.rsplit('/').next().filter(|last| last.contains('.')).map(percent_decode);
    said.or(last).as_deref().and_then(name::clean)
}

fn fault_in_words(fault: PutFault) -> Result<Refusal, Unavailable> {
    Ok(match fault {
        PutFault::TooLarge => {
            Refusal::new(Code::FileTooLarge, "The file is larger than its type may be; nothing was stored.")
        }
        PutFault::Cut(_) => {
            failed("The server broke off in the middle of the file; nothing was stored.").retry_after(5)
        }
        PutFault::TimedOut => {
            let minutes = limits::IMPORT_MILLIS / 60_000;
            failed(&format!(
                "The server took longer than {minutes} minutes for the file; nothing was stored."
            ))
        }
        other => receive::refusal_of(other)?,
    })
}
