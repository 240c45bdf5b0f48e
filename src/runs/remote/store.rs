//! From a provider's bytes to a file of the run: into storage as a stream, looked at by its bytes, with a preview where it is
//! a picture. And what the provider took for it. Not for: where the bytes come from (`submit`, `fetch`).

use super::Step;
use crate::error::{Code, Refusal};
use crate::id::AssetId;
use crate::media::picture::{self, POSTER_SIDE};
use crate::media::probe::HEAD_BYTES;
use crate::media::sniff::{MediaType, sniff};
use crate::models::{Generation, Modality, Model};
use crate::platform::{ByteRange, Level, NewObject, Platform, PutFault, Storage, Unavailable};
use crate::providers::Catalogue;
use crate::providers::adapter::{Charge, Class, Stored};
use crate::runs::item;
use crate::units::Units;
use crate::uploads::{self, limits, receive::SNIFF_BYTES};
use crate::workspace::media::{self, Asset, Origin};

const MIB: u64 = 1024 * 1024;
/// From the first byte to the last of one output.
const STORE_MILLIS: u32 = 10 * 60 * 1000;

/// Why bytes did not become a file.
pub enum NotKept {
    /// It may work when it is tried again. The text is for the log.
    Passing(String),
    Final(Class, Refusal),
}

/// What an output of this type may have; the largest that models make is a tenth of it.
fn max_bytes(media: MediaType) -> u64 {
    match media {
        MediaType::Png | MediaType::Jpeg | MediaType::Webp => 100 * MIB,
        MediaType::Mp4 => 2048 * MIB,
        MediaType::Wav | MediaType::Mp3 | MediaType::Glb => 256 * MIB,
        MediaType::Svg => 8 * MIB,
    }
}

/// Stores what comes under the key of `asset_id`: all of it or nothing.
pub async fn keep<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    body: P::Stream,
    length: Option<u64>,
    asset_id: &AssetId,
) -> Result<Result<Stored, NotKept>, Unavailable> {
    let platform = step.platform();
    let (head, stream) = match platform.peek(body, length, SNIFF_BYTES).await {
        Ok(peeked) => peeked,
        Err(fault) => return not_kept(fault),
    };
    if head.is_empty() {
        return Ok(Err(NotKept::Passing("an empty answer".into())));
    }
    let Some(media) = sniff(&head) else {
        platform.discard(stream).await;
        return Ok(Err(NotKept::Final(Class::Internal, other_type(step, None))));
    };
    if !fits(step.model, media) {
        platform.discard(stream).await;
        return Ok(Err(NotKept::Final(Class::Internal, other_type(step, Some(media)))));
    }
    let max_bytes = max_bytes(media);
    if length.is_some_and(|length| length > max_bytes) {
        platform.discard(stream).await;
        return not_kept(PutFault::TooLarge);
    }
    let key = media::key(&step.seen.record.job.workspace_id, asset_id, media.extension());
    let object = NewObject {
        key: key.clone(),
        content_type: media.mime().to_owned(),
        disposition: None,
        length,
        max_bytes,
        sha256: None,
        millis: STORE_MILLIS,
    };
    match platform.put_stream(&object, stream).await {
        Ok(head) => Ok(Ok(Stored { key, media, size_bytes: head.size_bytes })),
        // Stored by an attempt before this one, whose answer was lost.
        Err(PutFault::Exists) => match platform.head_object(&key).await? {
            Some(head) => Ok(Ok(Stored { key, media, size_bytes: head.size_bytes })),
            None => Ok(Err(NotKept::Passing("the object was there and is gone".into()))),
        },
        Err(fault) => not_kept(fault),
    }
}

fn not_kept<T>(fault: PutFault) -> Result<Result<T, NotKept>, Unavailable> {
    Ok(Err(match fault {
        PutFault::TooLarge => {
            let message = "What the provider made is larger than a file of its type may be here.";
            NotKept::Final(Class::Internal, Refusal::new(Code::ProviderFailed, message))
        }
        PutFault::TimedOut => NotKept::Passing("it took too long".into()),
        PutFault::Cut(reason) => NotKept::Passing(reason),
        PutFault::Unavailable(reason) => return Err(Unavailable(reason)),
        PutFault::Exists | PutFault::ChecksumMismatch => NotKept::Passing("it could not be stored".into()),
    }))
}

fn fits(model: &Model, media: MediaType) -> bool {
    Modality::parse(media.modality()) == Some(model.modality)
}

fn other_type<P: Platform, S: Storage>(step: &Step<'_, P, S>, found: Option<MediaType>) -> Refusal {
    let wanted = step.model.modality.as_str();
    let found = found.map_or("something that is no such file", MediaType::mime);
    let message = format!("{} promised {wanted} and sent {found}.", step.provider.title);
    Refusal::new(Code::ProviderFailed, message)
}

/// The asset of a file that lies in storage, its preview made. Err: it is not to be kept, and has been deleted.
pub async fn adopt<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    asset_id: AssetId,
    stored: &Stored,
    position: u32,
) -> Result<Result<Asset, Refusal>, Unavailable> {
    let platform = step.platform();
    let first = ByteRange { first: 0, last: (HEAD_BYTES as u64).min(stored.size_bytes).saturating_sub(1) };
    let head = platform.read_range(&stored.key, first).await?.unwrap_or_default();
    let facts = uploads::measure(platform, &stored.key, &head, stored.size_bytes).await?;
    let preview = preview(step, &asset_id, stored).await?;
    if preview == Preview::Black && step.adapter.blacks_out {
        platform.delete_objects(std::slice::from_ref(&stored.key)).await?;
        let message = format!("{}'s safety filter blacked the picture out.", step.provider.title);
        return Ok(Err(Refusal::new(Code::Moderated, message)));
    }
    let job = &step.seen.record.job;
    Ok(Ok(Asset {
        asset_id,
        run_id: Some(job.run_id.to_string()),
        position: Some(item::place(step.seen, position)),
        kind: step.model.modality,
        mime_type: stored.media.mime().to_owned(),
        extension: stored.media.extension().to_owned(),
        size_bytes: stored.size_bytes,
        width: facts.as_ref().and_then(|facts| facts.width),
        height: facts.as_ref().and_then(|facts| facts.height),
        duration_seconds: facts.as_ref().and_then(|facts| facts.duration_seconds),
        alt: alt(step.generation, step.model),
        name: None,
        sha256: None,
        origin: Origin::Generated,
        has_poster: preview != Preview::None,
        person: Some(job.person.clone()),
        created_at: Some(step.now()),
    }))
}

/// What a person who cannot see it is told: what was asked for.
fn alt(generation: &Generation, model: &Model) -> String {
    const MAX_CHARS: usize = 200;
    let prompt: String = generation.prompt.chars().take(MAX_CHARS).collect();
    let kind = match model.modality {
        Modality::Image => "Picture",
        Modality::Video => "Video",
        Modality::ThreeD => "3D object",
        Modality::Audio => "Audio",
    };
    if prompt.is_empty() { format!("{kind} made by {}", model.name) } else { format!("{kind}: {prompt}") }
}

#[derive(PartialEq)]
enum Preview {
    None,
    Made,
    Black,
}

async fn preview<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    asset_id: &AssetId,
    stored: &Stored,
) -> Result<Preview, Unavailable> {
    let is_picture = matches!(stored.media, MediaType::Png | MediaType::Jpeg | MediaType::Webp);
    if !is_picture || stored.size_bytes > limits::MAX_POSTER_SOURCE_BYTES {
        return Ok(Preview::None);
    }
    let platform = step.platform();
    let Some(bytes) = platform.read_object(&stored.key).await? else { return Ok(Preview::None) };
    let poster = match picture::thumbnail_of(&bytes, POSTER_SIDE, limits::MAX_POSTER_PIXELS) {
        Ok(poster) => poster,
        Err(fault) => {
            step.log(Level::Info, "run.no_preview", &fault.to_string());
            return Ok(Preview::None);
        }
    };
    drop(bytes);
    let is_black = is_black(&poster);
    let key = media::poster_key(&step.seen.record.job.workspace_id, asset_id);
    platform.put_object(&key, MediaType::Jpeg.mime(), poster).await?;
    Ok(if is_black { Preview::Black } else { Preview::Made })
}

/// Entirely: a picture of the night has a star somewhere.
fn is_black(poster: &[u8]) -> bool {
    const DARKEST: u8 = 3;
    picture::decode(poster, u64::from(POSTER_SIDE * POSTER_SIDE)).is_ok_and(|picture| {
        picture.pixels().all(|pixel| pixel.0.iter().take(3).all(|part| *part <= DARKEST))
    })
}

/// What the provider took in millionths of a dollar: by its own word, else by the list.
pub fn micros(catalogue: Catalogue<'_>, model: &Model, made: &Generation, charge: Option<Charge>) -> u64 {
    let factor = catalogue.exchange(model).factor;
    match charge {
        Some(Charge::Micros(micros)) => micros,
        Some(Charge::Billed(billed)) => {
            (billed.max(0.0) * model.price.rate(made) as f64 * factor).round() as u64
        }
        None => (model.price.micros(made) * factor).round() as u64,
    }
}

/// The same in Creative Units, where the provider said it.
pub fn charged(
    catalogue: Catalogue<'_>,
    model: &Model,
    made: &Generation,
    charge: Option<Charge>,
) -> Option<Units> {
    let charge = charge?;
    let exchange = catalogue.exchange(model);
    Some(exchange.units(micros(catalogue, model, made, Some(charge)) as f64))
}
