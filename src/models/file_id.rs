//! A file as a caller names it: by its asset id, or by an address of it that this gateway gave out.
//! Not for: whether there is such a file (`workspace`).

use crate::error::Refusal;
use crate::id::{AssetId, WorkspaceId};

#[derive(Clone, Debug, PartialEq)]
pub struct FileId {
    pub asset_id: AssetId,
    /// Known from an address only.
    pub workspace: Option<WorkspaceId>,
}

/// What a text is that names no file here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFileId {
    /// An address that is not one of ours: its file has to come here first.
    Elsewhere,
    Nothing,
}

pub const WHAT: &str = "an asset_id (a UUID) or a file_url";
pub const UPLOAD_FIRST: &str = "Call upload_file with this URL first and give the asset_id it returns.";

impl FileId {
    /// The host of an address may be any: a gateway can have several, and the id must be one of the workspace anyway.
    pub fn parse(text: &str) -> Result<Self, NoFileId> {
        let text = text.trim();
        if let Some(asset_id) = AssetId::parse(text) {
            return Ok(Self { asset_id, workspace: None });
        }
        let is_scheme =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let Some(scheme) = ["https://", "http://"].into_iter().find(|scheme| is_scheme(scheme)) else {
            return Err(NoFileId::Nothing);
        };
        let address = text.get(scheme.len()..).unwrap_or_default();
        let place = address.split(['?', '#']).next().unwrap_or_default();
        in_path(place).ok_or(NoFileId::Elsewhere)
    }

    /// Err: the address is that of another workspace's file.
    pub fn check(text: &str, field: &str, workspace: &WorkspaceId) -> Result<(), Refusal> {
        match Self::parse(text) {
            Ok(FileId { workspace: Some(other), .. }) if other != *workspace => {
                let message = format!("`{field}` is the address of a file of another workspace.");
                Err(Refusal::invalid(message)
                    .next("Use a file of the workspace that runs it, from list_media."))
            }
            _ => Ok(()),
        }
    }
}

/// `host/assets/{workspace}/{asset}.{extension}`
fn in_path(place: &str) -> Option<FileId> {
    let (_, path) = place.split_once('/')?;
    let (workspace, file) = path.strip_prefix("assets/")?.split_once('/')?;
    let (asset, extension) = file.split_once('.')?;
    let is_file = !extension.is_empty() && !extension.contains('/');
    Some(FileId { asset_id: AssetId::parse(asset)?, workspace: Some(WorkspaceId::parse(workspace)?) })
        .filter(|_| is_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "0193a1b2-0000-7000-8000-000000000001";
    const ASSET: &str = "0193a1b2-0000-7000-8000-000000000002";

    #[test]
    fn an_id_and_any_address_of_a_file_name_it() {
        let asset = AssetId::parse(ASSET).unwrap();
        let workspace = WorkspaceId::parse(WORKSPACE);
        assert_eq!(FileId::parse(ASSET), Ok(FileId { asset_id: asset.clone(), workspace: None }));
        for address in [
            format!("https://media.example.com/assets/{WORKSPACE}/{ASSET}.png"),
            format!("HTTP://localhost:8787/assets/{WORKSPACE}/{ASSET}.png?expires=1&signature=a"),
            format!("  https://a/assets/{WORKSPACE}/{ASSET}.poster.jpg#x "),
        ] {
            let found = FileId::parse(&address);
            assert_eq!(
                found,
                Ok(FileId { asset_id: asset.clone(), workspace: workspace.clone() }),
                "{address}"
            );
        }
    }

    #[test]
    fn what_names_no_file_is_told_apart() {
        for address in [
            "https://example.com/cat.png".to_owned(),
            format!("https://a/assets/{WORKSPACE}/{ASSET}"),
            format!("https://a/assets/{WORKSPACE}/{ASSET}."),
            format!("https://a/assets/{WORKSPACE}/x/{ASSET}.png"),
            format!("https://a/b/assets/{WORKSPACE}/{ASSET}.png"),
            format!("https://a?/assets/{WORKSPACE}/{ASSET}.png"),
            format!("https://a/assets/{WORKSPACE}/{ASSET}.png/more"),
            format!("https://a/assets/mine/{ASSET}.png"),
            "https://".to_owned(),
        ] {
            assert_eq!(FileId::parse(&address), Err(NoFileId::Elsewhere), "{address}");
        }
        for text in [
            "",
            "cat.png",
            "ftp://a/b",
            "\u{e9}\u{e9}\u{e9}\u{e9}",
            &format!("/assets/{WORKSPACE}/{ASSET}.png"),
        ] {
            assert_eq!(FileId::parse(text), Err(NoFileId::Nothing), "{text}");
        }
    }

    #[test]
    fn an_address_of_another_workspace_is_refused() {
        let address = format!("https://a/assets/{WORKSPACE}/{ASSET}.png");
        let [own, other] = [WORKSPACE, ASSET].map(|id| WorkspaceId::parse(id).unwrap());
        assert_eq!(FileId::check(&address, "mask.file_id", &own), Ok(()));
        assert_eq!(FileId::check(ASSET, "mask.file_id", &other), Ok(()));
        let refusal = FileId::check(&address, "mask.file_id", &other).unwrap_err();
        assert!(refusal.message.contains("`mask.file_id` is the address of a file of another workspace"));
    }
}
