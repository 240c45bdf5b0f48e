//! What a run does when its alarm rings: one step after another, each recorded before the next, until it ends
//! or has to wait. Killed anywhere, the next alarm goes on from the last recorded step.

use super::state::{self, KEEP_SECONDS, Record, Stage};
use crate::error::{Code, Refusal};
use crate::id::{AssetId, RunId, WorkspaceId};
use crate::media::picture;
use crate::media::sheet;
use crate::media::sniff::MediaType;
use crate::models::Modality;
use crate::platform::{Level, Platform, Storage, Unavailable};
use crate::providers::{self, Input, Output, Provider, Role, Status};
use crate::sql::SqlError;
use crate::workspace::{self, Asset, Settlement, media};
use serde_json::json;

/// Rings again after this long should the platform die in the middle of a step.
const WATCHDOG_SECONDS: i64 = 30;
/// First wait after a step that the platform did not let through; doubles with each attempt.
const RETRY_MILLIS: i64 = 500;
const MAX_RETRY_MILLIS: i64 = 30_000;
/// Long side of the still that stands for an output in the contact sheet.
const POSTER_SIDE: u32 = 384;

/// Whether to take the next step at once.
enum Next {
    Now,
    AfterMillis(i64),
    Never,
}

pub async fn drive<P: Platform, S: Storage>(platform: &P, storage: &S) -> Result<(), Unavailable> {
    loop {
        storage.set_alarm(platform.now().plus_seconds(WATCHDOG_SECONDS)).await?;
        let Some(record) = storage.transact(state::load)? else { return storage.delete_all().await };
        let next = match step(platform, storage, &record).await {
            Ok(next) => next,
            Err(fault) => hold(platform, storage, &record, &fault)?,
        };
        match next {
            Next::Now => {}
            Next::AfterMillis(millis) => return storage.set_alarm(platform.now().plus_millis(millis)).await,
            Next::Never => return Ok(()),
        }
    }
}

/// A step that could not be made is made again later, until the deadline ends the run.
fn hold<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    fault: &Unavailable,
) -> Result<Next, Unavailable> {
    let fields = json!({ "run_id": record.job.run_id, "fault": fault.0, "attempts": record.attempts });
    platform.log(Level::Warn, "run.step_failed", fields);
    storage.transact(|sql| {
        if let Some(mut record) = state::load(sql)? {
            record.attempts = record.attempts.saturating_add(1);
            state::save(sql, &record)?;
        }
        Ok(())
    })?;
    Ok(Next::AfterMillis(RETRY_MILLIS.saturating_mul(1 << record.attempts.min(8)).min(MAX_RETRY_MILLIS)))
}

async fn step<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<Next, Unavailable> {
    let now = platform.now();
    let ended = matches!(record.stage, Stage::Settling { .. } | Stage::Ended { .. });
    if record.past_deadline(now) && !ended {
        let late =
            Refusal::new(Code::ProviderFailed, "The run did not finish in time; its units were released.");
        return update(storage, record, |record| record.fail(late, now));
    }
    let Some(provider) = providers::of_model(&record.job.generation.model_id) else {
        let gone = Refusal::new(Code::ModelNotFound, "The model is no longer offered.");
        return if ended {
            end(platform, storage, record).await
        } else {
            update(storage, record, |r| r.fail(gone, now))
        };
    };
    match &record.stage {
        Stage::Reserving => {
            let lost = Refusal::new(
                Code::Internal,
                "The gateway stopped before the run began; nothing was charged.",
            );
            update(storage, record, |record| record.fail(lost, now))
        }
        Stage::Accepted => submit(platform, storage, record, provider),
        Stage::Submitting if provider.submit_is_repeatable => submit(platform, storage, record, provider),
        Stage::Submitting => {
            let lost =
                Refusal::new(Code::ProviderFailed, "The provider's answer was lost; nothing was charged.");
            update(storage, record, |record| record.fail(lost, now))
        }
        Stage::Working { operation } => match (provider.status)(operation, now) {
            Status::Working { fraction, check_after_millis } => {
                update(storage, record, |record| record.advance(fraction))?;
                Ok(Next::AfterMillis(check_after_millis))
            }
            Status::Finished { outputs } => {
                update(storage, record, |record| record.move_to(Stage::Storing { outputs }))
            }
            Status::Failed(refusal) => update(storage, record, |record| record.fail(refusal, now)),
        },
        Stage::Storing { outputs } => store(platform, storage, record, provider, *outputs).await,
        Stage::Settling { .. } | Stage::Ended { .. } => end(platform, storage, record).await,
    }
}

fn submit<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    provider: &Provider,
) -> Result<Next, Unavailable> {
    // Recorded before it is sent, so that a lost answer is known to be lost.
    update(storage, record, |record| record.move_to(Stage::Submitting))?;
    let Some(record) = storage.transact(state::load)? else { return Ok(Next::Never) };
    let now = platform.now();
    match (provider.submit)(&record.job.generation, now) {
        Ok(operation) => update(storage, &record, |record| record.move_to(Stage::Working { operation })),
        Err(refusal) => update(storage, &record, |record| record.fail(refusal, now)),
    }
}

/// Changes the record if it still is what this step was taken on; somebody may have cancelled meanwhile.
fn update<S: Storage>(
    storage: &S,
    seen: &Record,
    edit: impl FnOnce(&mut Record),
) -> Result<Next, Unavailable> {
    storage.transact(|sql| {
        if let Some(mut record) = state::load(sql)?
            && record.version == seen.version
        {
            edit(&mut record);
            state::save(sql, &record)?;
        }
        Ok(())
    })?;
    Ok(Next::Now)
}

/// Puts one output into object storage, or, when all are there, the contact sheet.
async fn store<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
    provider: &Provider,
    outputs: u32,
) -> Result<Next, Unavailable> {
    let job = &record.job;
    let index = u32::try_from(record.assets.len()).unwrap_or(u32::MAX);
    if index >= outputs {
        put_sheet(platform, record).await?;
        return update(storage, record, |record| record.succeed(platform.now()));
    }
    let inputs = match inputs(platform, record).await? {
        Ok(inputs) => inputs,
        Err(refusal) => return update(storage, record, |record| record.fail(refusal, platform.now())),
    };
    let output = match (provider.output)(&job.generation, index, &inputs) {
        Ok(output) => output,
        Err(refusal) => return update(storage, record, |record| record.fail(refusal, platform.now())),
    };
    let asset_id = AssetId::mint(platform.now(), &platform.random());
    let asset = describe(asset_id, &job.run_id, index, &output);
    let key = media::key(&job.workspace_id, &asset.asset_id, &asset.extension);
    platform.put_object(&key, &asset.mime_type, output.bytes).await?;
    let poster = picture::encode(
        &picture::thumbnail(&output.poster, POSTER_SIDE),
        picture::Format::Jpeg { quality: 82 },
        "Preview made by Atelier",
    )
    .map_err(|error| Unavailable(format!("poster: {error}")))?;
    platform
        .put_object(&poster_key(&job.workspace_id, &asset.asset_id), MediaType::Jpeg.mime(), poster)
        .await?;
    let share = f64::from(index + 1) / f64::from(outputs.max(1));
    update(storage, record, |record| {
        record.assets.push(asset);
        record.version = record.version.wrapping_add(1);
        record.advance(share * 0.99);
    })
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
    }
}

/// The bytes of the guidance files and the mask. Err: one of them is gone.
async fn inputs<P: Platform>(
    platform: &P,
    record: &Record,
) -> Result<Result<Vec<Input>, Refusal>, Unavailable> {
    let generation = &record.job.generation;
    let guidance =
        generation.guidance.iter().map(|file| (&file.asset_id, Role::Guidance(file.kind), file.strength));
    let mask = generation.mask.iter().map(|mask| (&mask.asset_id, Role::Mask, f64::from(mask.edge_radius)));
    let mut inputs = Vec::new();
    for (asset_id, role, strength) in guidance.chain(mask) {
        let command =
            workspace::Command::Asset { person: record.job.person.clone(), asset_id: asset_id.clone() };
        let found = workspace::ask(platform, &record.job.workspace_id, command).await?;
        let asset = match found {
            Ok(workspace::Reply::Assets(assets)) => assets.into_iter().next(),
            _ => None,
        };
        let bytes = match asset {
            Some(asset) if asset.size_bytes > MAX_INPUT_BYTES => {
                return Ok(Err(Refusal::new(
                    Code::FileTooLarge,
                    format!("File {asset_id} is larger than {MAX_INPUT_BYTES} bytes."),
                )));
            }
            Some(asset) if asset.size_bytes + bytes_of(&inputs) > MAX_INPUTS_BYTES => {
                return Ok(Err(Refusal::new(
                    Code::FileTooLarge,
                    format!("The guidance files are larger than {MAX_INPUTS_BYTES} bytes together."),
                )));
            }
            Some(asset) => {
                platform
                    .read_object(&media::key(&record.job.workspace_id, &asset.asset_id, &asset.extension))
                    .await?
            }
            None => None,
        };
        match bytes {
            Some(bytes) => inputs.push(Input { role, strength, bytes }),
            None => return Ok(Err(Refusal::new(Code::FileNotFound, format!("File {asset_id} is gone.")))),
        }
    }
    Ok(Ok(inputs))
}

/// A guidance file is decoded in the isolate's memory beside everything else in flight.
const MAX_INPUT_BYTES: u64 = 16 * 1024 * 1024;
/// All of them are held at once.
const MAX_INPUTS_BYTES: u64 = 2 * MAX_INPUT_BYTES;

fn bytes_of(inputs: &[Input]) -> u64 {
    inputs.iter().map(|input| input.bytes.len() as u64).sum()
}

async fn put_sheet<P: Platform>(platform: &P, record: &Record) -> Result<(), Unavailable> {
    let mut tiles = Vec::with_capacity(record.assets.len());
    for asset in &record.assets {
        if let Some(bytes) =
            platform.read_object(&poster_key(&record.job.workspace_id, &asset.asset_id)).await?
            && let Ok(tile) = picture::decode(&bytes, u64::from(POSTER_SIDE * POSTER_SIDE))
        {
            tiles.push(tile);
        }
    }
    let sheet =
        sheet::contact_sheet(&tiles).map_err(|error| Unavailable(format!("contact sheet: {error}")))?;
    platform
        .put_object(&sheet_key(&record.job.workspace_id, &record.job.run_id), MediaType::Jpeg.mime(), sheet)
        .await
}

pub fn poster_key(workspace: &WorkspaceId, asset_id: &AssetId) -> String {
    format!("w/{workspace}/{asset_id}.poster.jpg")
}

pub fn sheet_key(workspace: &WorkspaceId, run_id: &RunId) -> String {
    format!("w/{workspace}/{run_id}.sheet.jpg")
}

/// Settles what is unsettled, tells who watches, and finally forgets a run nobody can need any more.
async fn end<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    record: &Record,
) -> Result<Next, Unavailable> {
    if let Stage::Ended { outcome } = &record.stage {
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
    let Some(record) = storage.transact(state::load)? else { return Ok(()) };
    let Stage::Settling { outcome } = &record.stage else { return Ok(()) };
    let settlement = Settlement {
        run_id: record.job.run_id.clone(),
        status: outcome.status,
        price: outcome.price,
        assets: if outcome.status == workspace::RunStatus::Complete {
            record.assets.clone()
        } else {
            Vec::new()
        },
    };
    // A refusal means the workspace never admitted the run: there is nothing to settle.
    let _ =
        workspace::ask(platform, &record.job.workspace_id, workspace::Command::Settle(settlement)).await?;
    let watchers = storage.transact(|sql| {
        let Some(mut record) = state::load(sql)? else { return Ok(Vec::new()) };
        let Stage::Settling { outcome } = record.stage.clone() else { return Ok(Vec::new()) };
        record.move_to(Stage::Ended { outcome });
        let watchers = std::mem::take(&mut record.watchers);
        state::save(sql, &record)?;
        Ok::<_, SqlError>(watchers)
    })?;
    super::tell(platform, &record.job.run_id, watchers).await;
    Ok(())
}
