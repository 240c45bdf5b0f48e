//! One step of one item: submit it, find out what became of a lost submit, ask how far it is, store an output.
//! Not for: which item is due (`drive`).

use super::state::{ITEM_DEADLINE_SECONDS, Item, ItemStage, Record};
use super::{remote, steps, store};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, RunId};
use crate::media::picture::{self, POSTER_SIDE};
use crate::media::sniff::MediaType;
use crate::models::{Generation, Modality};
use crate::platform::{Platform, Storage, Unavailable};
use crate::providers::embedded::{Input, Output, Reconciled, Role, Status, Submit, Submitted};
use crate::providers::{Catalogue, Embedded, Kind};
use crate::workspace;
use crate::workspace::media::{self, Asset, Origin};
use std::borrow::Cow;

/// A guidance file is decoded in the isolate's memory beside everything else in flight.
const MAX_INPUT_BYTES: u64 = 16 * 1024 * 1024;
/// And all of one item together: an isolate has 128 MB.
const MAX_INPUTS_BYTES: u64 = 32 * 1024 * 1024;
/// How often a submit whose outcome is unknown is looked for, and for how long.
const LOOK_AGAIN_MILLIS: i64 = 2_000;
const LOOK_FOR_SECONDS: i64 = 120;

/// What an item was when the step was decided on.
pub(super) struct Seen<'a, P: Platform, S: Storage> {
    pub platform: &'a P,
    pub storage: &'a S,
    pub record: &'a Record,
    pub position: usize,
}

impl<P: Platform, S: Storage> Seen<'_, P, S> {
    pub fn change(&self, edit: impl FnOnce(&mut Item)) -> Result<(), Unavailable> {
        Ok(self.storage.transact(|sql| store::change_item(sql, self.record, self.position, edit))?)
    }

    fn fail(&self, error: Refusal) -> Result<(), Unavailable> {
        let (_, retries) = steps::terms(self.record, self.position);
        self.change(|item| item.fail(error, retries, self.platform.now()))
    }

    fn move_to(&self, stage: ItemStage) -> Result<(), Unavailable> {
        self.change(|item| item.move_to(stage))
    }
}

/// One recorded step of an item that is due.
pub async fn step<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    position: usize,
) -> Result<(), Unavailable> {
    let seen = Seen { platform, storage, record, position };
    let Some(item) = record.items.get(position) else { return Ok(()) };
    let now = platform.now();
    let Some(generation) = steps::generation(record, position) else {
        let gone = Refusal::new(Code::Internal, "A file of an earlier step is gone.");
        return seen.move_to(ItemStage::Failed { error: gone });
    };
    if remote::step(&seen, item, &generation).await? {
        return Ok(());
    }
    if item.past_deadline(now, ITEM_DEADLINE_SECONDS) {
        let late = Refusal::new(Code::ProviderFailed, "It did not finish in time; its units were released.");
        return seen.change(|item| item.move_to(ItemStage::Failed { error: late }));
    }
    let found = Catalogue::of(platform.config())
        .provider_of(&generation.model_id)
        .map(|(provider, _)| &provider.kind);
    let Some(Kind::Embedded(provider)) = found else {
        let message = format!("The model {} is no longer offered.", generation.model_id);
        return seen.move_to(ItemStage::Failed { error: Refusal::new(Code::ModelNotFound, message) });
    };
    match &item.stage {
        ItemStage::Ready => submit(&seen, &generation, provider),
        ItemStage::Submitting { at } => {
            match (provider.reconcile)(&generation, Submit { sent_at: *at, now }) {
                Reconciled::Found(operation) => seen.move_to(ItemStage::Working { operation }),
                Reconciled::NeverArrived => seen.move_to(ItemStage::Ready),
                Reconciled::Unknown if now.millis_since(*at) > LOOK_FOR_SECONDS * 1000 => {
                    seen.move_to(ItemStage::Failed { error: lost() })
                }
                Reconciled::Unknown => seen.change(|item| item.next_at = now.plus_millis(LOOK_AGAIN_MILLIS)),
            }
        }
        ItemStage::Working { operation } => match (provider.status)(operation, now) {
            Status::Working { fraction, check_after_millis } => seen.change(|item| {
                item.advance(fraction);
                item.next_at = now.plus_millis(check_after_millis);
            }),
            Status::Finished { outputs } => seen.move_to(ItemStage::Storing { outputs }),
            Status::Failed(refusal) => seen.fail(refusal),
        },
        ItemStage::Storing { outputs } => store_next(&seen, item, &generation, provider, *outputs).await,
        _ => Ok(()),
    }
}

pub(super) fn lost() -> Refusal {
    Refusal::new(
        Code::OutcomeUnknown,
        "The provider never said whether it took the work; its units were released.",
    )
}

fn submit<P: Platform, S: Storage>(
    seen: &Seen<'_, P, S>,
    generation: &Generation,
    provider: &Embedded,
) -> Result<(), Unavailable> {
    let now = seen.platform.now();
    // Recorded before it is sent, so that a lost answer is known to be lost.
    seen.change(|item| {
        item.begun_at = item.begun_at.or(Some(now));
        item.move_to(ItemStage::Submitting { at: now });
    })?;
    let Some(record) = seen.storage.transact(store::load)? else { return Ok(()) };
    let sent = Seen { record: &record, ..*seen };
    let is_ours = record.items.get(seen.position).map(|item| &item.stage);
    if is_ours != Some(&ItemStage::Submitting { at: now }) {
        return Ok(());
    }
    match (provider.submit)(generation, now) {
        Ok(Submitted::Accepted(operation)) => sent.move_to(ItemStage::Working { operation }),
        Ok(Submitted::Unknown) => sent.change(|item| item.next_at = now.plus_millis(LOOK_AGAIN_MILLIS)),
        Err(refusal) => sent.fail(refusal),
    }
}

/// Puts one output into object storage or, when all are there, ends the item.
async fn store_next<P: Platform, S: Storage>(
    seen: &Seen<'_, P, S>,
    item: &Item,
    generation: &Generation,
    provider: &Embedded,
    outputs: u32,
) -> Result<(), Unavailable> {
    let job = &seen.record.job;
    let index = u32::try_from(item.assets.len()).unwrap_or(u32::MAX);
    if index >= outputs {
        let (price, _) = steps::terms(seen.record, seen.position);
        return seen.change(|item| item.succeed(price, generation.batch_size));
    }
    let inputs = match inputs(seen.platform, seen.record, generation).await? {
        Ok(inputs) => inputs,
        Err(refusal) => return seen.fail(refusal),
    };
    let output = match (provider.output)(generation, index, &inputs) {
        Ok(output) => output,
        Err(refusal) => return seen.fail(refusal),
    };
    drop(inputs);
    let asset_id = AssetId::mint(seen.platform.now(), &seen.platform.random());
    let asset = describe(asset_id, &job.run_id, place(seen, index), &output);
    let key = media::key(&job.workspace_id, &asset.asset_id, &asset.extension);
    seen.platform.put_object(&key, &asset.mime_type, output.bytes).await?;
    let poster = picture::encode(
        &picture::thumbnail(&output.poster, POSTER_SIDE),
        picture::Format::Jpeg { quality: 82 },
        "Preview made by Atelier",
    )
    .map_err(|error| Unavailable(format!("poster: {error}")))?;
    let poster_key = media::poster_key(&job.workspace_id, &asset.asset_id);
    seen.platform.put_object(&poster_key, MediaType::Jpeg.mime(), poster).await?;
    let share = f64::from(index + 1) / f64::from(outputs.max(1));
    seen.change(|item| {
        item.assets.push(asset);
        item.advance(share * 0.99);
    })
}

/// Position of an output among all of the run: after the most that the items before it can make.
pub(super) fn place<P: Platform, S: Storage>(seen: &Seen<'_, P, S>, index: u32) -> u32 {
    let before = (0..seen.position).map(|position| steps::asked(seen.record, position));
    before.sum::<u32>().saturating_add(index)
}

fn describe(asset_id: AssetId, run_id: &RunId, position: u32, output: &Output) -> Asset {
    Asset {
        asset_id,
        run_id: Some(run_id.to_string()),
        position: Some(position),
        kind: Modality::parse(output.media.modality()).unwrap_or(Modality::Image),
        mime_type: output.media.mime().to_owned(),
        extension: output.media.extension().to_owned(),
        size_bytes: output.bytes.len() as u64,
        width: output.width,
        height: output.height,
        duration_seconds: output.duration_seconds,
        alt: output.alt.clone(),
        name: None,
        sha256: None,
        origin: Origin::Generated,
        has_poster: true,
        person: None,
        created_at: None,
    }
}

/// The bytes of the guidance files and the mask. Err: one of them cannot be used.
async fn inputs<P: Platform>(
    platform: &P,
    record: &Record,
    generation: &Generation,
) -> Result<Result<Vec<Input>, Refusal>, Unavailable> {
    let guidance =
        generation.guidance.iter().map(|file| (&file.asset_id, Role::Guidance(file.kind), file.strength));
    let mask = generation.mask.iter().map(|mask| (&mask.asset_id, Role::Mask, f64::from(mask.edge_radius)));
    let mut inputs = Vec::new();
    let mut total: u64 = 0;
    for (asset_id, role, strength) in guidance.chain(mask) {
        let Some(asset) = find_input(platform, record, asset_id).await? else {
            return Ok(Err(gone(asset_id)));
        };
        total = total.saturating_add(asset.size_bytes);
        if asset.size_bytes > MAX_INPUT_BYTES || total > MAX_INPUTS_BYTES {
            let message = format!(
                "File {asset_id} is too large: a file may have {MAX_INPUT_BYTES} bytes, all of one generation {MAX_INPUTS_BYTES}."
            );
            return Ok(Err(Refusal::new(Code::FileTooLarge, message)));
        }
        let key = media::key(&record.job.workspace_id, &asset.asset_id, &asset.extension);
        match platform.read_object(&key).await? {
            Some(bytes) => inputs.push(Input { role, strength, bytes }),
            None => return Ok(Err(gone(asset_id))),
        }
    }
    Ok(Ok(inputs))
}

pub(super) fn gone(asset_id: &AssetId) -> Refusal {
    Refusal::new(Code::FileNotFound, format!("File {asset_id} is gone."))
}

/// One the run itself made, which the workspace learns of when it settles, or one of the workspace.
pub(super) async fn find_input<'a, P: Platform>(
    platform: &P,
    record: &'a Record,
    asset_id: &AssetId,
) -> Result<Option<Cow<'a, Asset>>, Unavailable> {
    if let Some(own) = record.files().find(|asset| asset.asset_id == *asset_id) {
        return Ok(Some(Cow::Borrowed(own)));
    }
    let command = workspace::Command::Asset { person: record.job.person.clone(), asset_id: asset_id.clone() };
    Ok(match workspace::ask(platform, &record.job.workspace_id, command).await? {
        Ok(workspace::Reply::Assets(assets)) => assets.into_iter().next().map(Cow::Owned),
        _ => None,
    })
}
