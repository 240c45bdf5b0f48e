//! What an adapter makes its request from: the files of a generation in the form the provider wants, the callback's address.
//! Not for: the request itself (`providers`).

use super::Step;
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::media::sniff::{MediaType, sniff};
use crate::origin;
use crate::outbound::Reach;
use crate::platform::{Platform, Storage, Unavailable};
use crate::providers::adapter::{File, FileForm};
use crate::runs::callback::{self, Target};
use crate::runs::item;
use crate::upstream::Account;
use crate::workspace::media;

/// All files of a request together, where they travel in it: an isolate has 128 MB, and base64 is a third more.
const MAX_BYTES: u64 = 24 * 1024 * 1024;
/// A provider may queue for an hour before it fetches a file.
const LINK_SECONDS: i64 = 6 * 3600;

/// The files, or why the provider cannot have one of them.
pub async fn files<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    account: &Account,
) -> Result<Result<Vec<File>, Refusal>, Unavailable> {
    let (platform, record) = (step.platform(), step.seen.record);
    let is_reachable = is_reachable(step, account);
    let mut files: Vec<File> = Vec::new();
    let mut total: u64 = 0;
    for asset_id in step.generation.assets() {
        if files.iter().any(|file| file.asset_id == *asset_id) {
            continue;
        }
        let Some(asset) = item::find_input(platform, record, asset_id).await? else {
            return Ok(Err(item::gone(asset_id)));
        };
        let workspace = &record.job.workspace_id;
        let mut file = File {
            asset_id: asset_id.clone(),
            media: MediaType::ALL
                .into_iter()
                .find(|media| media.mime() == asset.mime_type)
                .unwrap_or(MediaType::Png),
            url: String::new(),
            bytes: Vec::new(),
        };
        if step.adapter.files == FileForm::Url && is_reachable {
            let expires = platform.now().plus_seconds(LINK_SECONDS);
            let path = media::signed_path(platform, workspace, &asset, expires);
            file.url = format!("{}{path}", record.job.origin);
            files.push(file);
            continue;
        }
        total = total.saturating_add(asset.size_bytes);
        if total > MAX_BYTES {
            return Ok(Err(too_large(step, total)));
        }
        let key = media::key(workspace, &asset.asset_id, &asset.extension);
        let Some(bytes) = platform.read_object(&key).await? else { return Ok(Err(item::gone(asset_id))) };
        file.media = sniff(&bytes).unwrap_or(file.media);
        match step.adapter.files {
            FileForm::Bytes => file.bytes = bytes,
            FileForm::Url => {
                file.url = format!("data:{};base64,{}", file.media.mime(), crypto::base64(&bytes))
            }
        }
        files.push(file);
    }
    Ok(Ok(files))
}

fn too_large<P: Platform, S: Storage>(step: &Step<'_, P, S>, total: u64) -> Refusal {
    let message = format!(
        "The files of the request have {total} bytes; {} takes at most {MAX_BYTES} from here.",
        step.provider.title
    );
    let refusal = Refusal::new(Code::FileTooLarge, message);
    match step.adapter.files {
        FileForm::Bytes => refusal,
        FileForm::Url => {
            refusal.next("Use smaller files, or have the operator run the gateway under a public address.")
        }
    }
}

/// Whether the provider can reach this gateway: in public, or both on one machine.
fn is_reachable<P: Platform, S: Storage>(step: &Step<'_, P, S>, account: &Account) -> bool {
    let origin = &step.seen.record.job.origin;
    origin.starts_with("https://") && !origin::is_loopback(origin)
        || origin::is_loopback(origin) && account.reach() == Reach::Loopback
}

/// Where the provider may say that it is done. None: it cannot.
pub fn callback<P: Platform, S: Storage>(
    step: &Step<'_, P, S>,
    account: &Account,
    attempt: u32,
) -> Option<String> {
    step.adapter.callback.as_ref().filter(|_| is_reachable(step, account))?;
    let record = step.seen.record;
    let target = Target {
        run_id: record.job.run_id.clone(),
        item: u32::try_from(step.seen.position).unwrap_or(u32::MAX),
        attempt,
    };
    Some(callback::url(step.platform(), &record.job.origin, step.provider.name, &target))
}

/// Stands for the person at this provider, and tells it nothing.
pub fn person<P: Platform, S: Storage>(step: &Step<'_, P, S>) -> String {
    let signer = step.platform().config().signer("provider person");
    crypto::base64url(&signer.tag(step.seen.record.job.person.as_str().as_bytes()))
}
