//! Files and failures as every tool shows them. Not for: bytes (`media`, object storage).

use super::Context;
use super::content::Content;
use crate::crypto;
use crate::error::Refusal;
use crate::id::WorkspaceId;
use crate::media::size_in_words;
use crate::models::Modality;
use crate::platform::{Platform, Unavailable};
use crate::runs::View;
use crate::workspace::media::{self, Asset};
use serde::Serialize;

/// How long a link to a file works; reading the run gives a new one at any time.
pub const LINK_SECONDS: i64 = 24 * 3600;

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct AssetView {
    pub asset_id: String,
    pub kind: Modality,
    pub mime_type: String,
    /// Signed, expires.
    pub url: String,
    pub url_expires_at: String,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    pub alt: String,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct ErrorView {
    pub code: String,
    pub message: String,
    pub next: String,
    pub retryable: bool,
}

impl ErrorView {
    pub fn of(error: &Refusal) -> Self {
        Self {
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
            next: error.next_step().to_owned(),
            retryable: error.code.retryable(),
        }
    }

    /// `CODE: what happened. Next: what to do.`
    pub fn line(&self) -> String {
        format!("{}: {} Next: {}", self.code, self.message, self.next)
    }
}

impl AssetView {
    pub fn of<P: Platform>(context: &Context<'_, P>, workspace: &WorkspaceId, asset: &Asset) -> Self {
        let expires = context.platform.now().plus_seconds(LINK_SECONDS);
        let path = media::signed_path(context.platform, workspace, asset, expires);
        AssetView {
            asset_id: asset.asset_id.to_string(),
            kind: asset.kind,
            mime_type: asset.mime_type.clone(),
            url: format!("{}{path}", context.origin),
            url_expires_at: expires.iso(),
            bytes: asset.size_bytes,
            width: asset.width,
            height: asset.height,
            duration_seconds: asset.duration_seconds,
            alt: asset.alt.clone(),
        }
    }

    /// `512×512 image/png, 61 KB`
    pub fn label(&self) -> String {
        label((self.width, self.height), self.duration_seconds, &self.mime_type, self.bytes)
    }

    pub fn link(&self) -> Content {
        let path = self.url.split('?').next().unwrap_or_default();
        Content::ResourceLink {
            uri: self.url.clone(),
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            mime_type: self.mime_type.clone(),
            size: self.bytes,
            description: Some(self.alt.clone()),
        }
    }
}

/// `512×512 image/png, 61 KB`
pub fn label(
    pixels: (Option<u32>, Option<u32>),
    duration_seconds: Option<f64>,
    mime_type: &str,
    bytes: u64,
) -> String {
    let size = match (pixels, duration_seconds) {
        ((Some(width), Some(height)), Some(seconds)) => format!("{width}×{height} {seconds:.1} s "),
        ((Some(width), Some(height)), None) => format!("{width}×{height} "),
        (_, Some(seconds)) => format!("{seconds:.1} s "),
        _ => String::new(),
    };
    format!("{size}{mime_type}, {}", size_in_words(bytes))
}

/// A numbered line a file, then until when the links work.
pub fn lines(assets: &[AssetView], tool: &str) -> String {
    let mut text = String::new();
    for (index, asset) in assets.iter().enumerate() {
        text.push_str(&format!("\n{}. [{}]({})", index + 1, asset.label(), asset.url));
    }
    if let Some(asset) = assets.first() {
        text.push_str(&format!("\nLinks work until {}; {tool} gives new ones.", asset.url_expires_at));
    }
    text
}

/// The contact sheet of a run that has one.
pub async fn sheet<P: Platform>(
    context: &Context<'_, P>,
    view: &View,
) -> Result<Option<Content>, Unavailable> {
    if !context.pictures || view.ended_at.is_none() || view.assets.is_empty() {
        return Ok(None);
    }
    let key = media::sheet_key(&view.workspace_id, view.run_id.as_str());
    let sheet = context.platform.read_object(&key).await?;
    Ok(sheet.map(|sheet| Content::Image { data: crypto::base64(&sheet), mime_type: "image/jpeg" }))
}
