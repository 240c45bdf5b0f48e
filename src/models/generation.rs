//! From what a caller wrote to what a provider runs: the request of `estimate_forge_price` and
//! `execute_forge`, checked against one model and completed with its defaults.
//! Not for: whether the files exist (`workspace`) or what it costs (`price`).

use super::file_id::{self, FileId, NoFileId};
use super::parameter::shorten;
use super::{Capability, Model, Need, words};
use crate::error::Refusal;
use crate::id::AssetId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Characters of a prompt; the longest any provider of the catalogue takes.
pub const MAX_PROMPT_CHARS: usize = 100_000;
/// Guidance files of one request.
pub const MAX_GUIDANCE_FILES: usize = 20;
/// A seed must survive JSON numbers and 32-bit providers.
pub const MAX_SEED: i64 = u32::MAX as i64;

words! {
    GuidanceKind {
        Reference = "reference",
        Style = "style",
        InitImage = "init_image",
        Pose = "pose",
        Depth = "depth",
        Canny = "canny",
        FirstFrame = "first_frame",
        LastFrame = "last_frame",
        Video = "video",
        Audio = "audio",
    }
}

/// The fields that estimate and execute share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForgeRequest {
    /// Needed only if the token is not bound to one workspace.
    pub workspace_id: Option<String>,
    /// From list_models.
    pub model_id: String,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = 100_000)))]
    pub prompt: Option<String>,
    pub negative_prompt: Option<String>,
    /// Pixels.
    pub width: Option<i64>,
    /// Pixels.
    pub height: Option<i64>,
    /// Outputs to make, 1 to 16. Default 1; each is charged.
    pub batch_size: Option<i64>,
    /// -1 or absent: random. The same seed and inputs give the same result.
    pub seed: Option<i64>,
    /// low, medium or high.
    pub quality: Option<String>,
    /// Seconds of video or audio.
    pub duration_seconds: Option<f64>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(max = 20)))]
    pub guidance_files: Option<Vec<GuidanceFile>>,
    pub mask: Option<Mask>,
    /// The model's other parameters, as get_model lists them.
    pub options: Option<Map<String, Value>>,
    pub post: Option<PostRequest>,
    /// A name for your own bookkeeping.
    pub session_name: Option<String>,
    /// Refuse if the price is higher.
    pub max_price_creative_units: Option<f64>,
    /// Repeat it when retrying: within 24 h the first run is returned, not a second one.
    pub idempotency_key: Option<String>,
}

/// An asset of the workspace and what it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields)]
pub struct GuidanceFile {
    /// asset_id or file_url of a generated or uploaded file.
    pub file_id: String,
    #[serde(rename = "type")]
    pub kind: GuidanceKind,
    /// 0 to 1.
    pub strength: Option<f64>,
}

/// White is repainted, black is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// asset_id or file_url.
    pub file_id: String,
    /// Pixels of soft edge.
    pub edge_radius: Option<i64>,
}

/// Applied to every output, charged each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
#[serde(deny_unknown_fields)]
pub struct PostRequest {
    /// 1 to 4.
    pub upscale_ratio: Option<f64>,
    pub vectorize: Option<bool>,
    pub remove_background: Option<bool>,
}

/// A request that its model will take: what is priced, stored with the run and given to the provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    pub model_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub negative_prompt: String,
    pub batch_size: u32,
    pub seed: u32,
    /// Every parameter of the model, given or by default: width, duration_seconds, quality, …
    pub options: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guidance: Vec<Guidance>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskFile>,
    #[serde(default, skip_serializing_if = "Post::is_none")]
    pub post: Post,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guidance {
    pub asset_id: AssetId,
    pub kind: GuidanceKind,
    pub strength: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaskFile {
    pub asset_id: AssetId,
    pub edge_radius: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Post {
    pub upscale_ratio: Option<f64>,
    pub vectorize: bool,
    pub remove_background: bool,
}

impl Post {
    pub fn is_none(&self) -> bool {
        *self == Post::default()
    }

    pub fn steps(&self) -> u32 {
        u32::from(self.upscale_ratio.is_some())
            + u32::from(self.vectorize)
            + u32::from(self.remove_background)
    }
}

impl ForgeRequest {
    /// Every file it names, and where.
    pub fn files(&self) -> impl Iterator<Item = (String, &str)> {
        let guidance = self.guidance_files.iter().flatten().enumerate();
        let guidance =
            guidance.map(|(index, file)| (format!("guidance_files[{index}].file_id"), file.file_id.as_str()));
        guidance.chain(self.mask.iter().map(|mask| ("mask.file_id".to_owned(), mask.file_id.as_str())))
    }
}

impl Generation {
    /// One output with the model's default parameters, for showing a price.
    pub fn typical(model: &Model) -> Self {
        let options =
            model.parameters.iter().map(|parameter| (parameter.name.to_owned(), parameter.default_value()));
        Self {
            model_id: model.id.to_owned(),
            prompt: String::new(),
            negative_prompt: String::new(),
            batch_size: 1,
            seed: 0,
            options: options.collect(),
            guidance: Vec::new(),
            mask: None,
            post: Post::default(),
        }
    }

    pub fn option_number(&self, name: &str) -> Option<f64> {
        self.options.get(name)?.as_f64()
    }

    pub fn option_text(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.as_str()
    }

    pub fn duration_seconds(&self) -> Option<f64> {
        self.option_number("duration_seconds")
    }

    pub fn assets(&self) -> impl Iterator<Item = &AssetId> {
        self.guidance.iter().map(|file| &file.asset_id).chain(self.mask.iter().map(|mask| &mask.asset_id))
    }
}

/// Parameters that a well-meaning caller sends to any model and that change nothing where they are unknown:
/// left out, and said so in `warnings`. Everything else a model does not take is refused by name.
const HARMLESS: &[&str] = &[
    "quality",
    "negative_prompt",
    "num_inference_steps",
    "guidance_scale",
    "prompt_strength",
    "sharpness",
    "creativity",
    "resemblance",
    "stability",
    "similarity_boost",
    "style_exaggeration",
    "use_speaker_boost",
    "speed",
    "fps",
    "generate_audio",
    "keep_audio",
    "video_effects",
    "use_ta_pose",
    "include_textures",
    "quad_mesh",
    "pbr_materials",
    "low_poly",
    "generate_parts",
    "face_limit",
];

/// Checks a request against the model. `random_seed` is used when the request leaves the seed open.
/// Returns what will run and, in words, what was ignored.
pub fn normalize(
    model: &Model,
    request: &ForgeRequest,
    random_seed: u32,
) -> Result<(Generation, Vec<String>), Refusal> {
    let mut warnings = Vec::new();
    if request.seed.is_some_and(|seed| seed >= 0) && !model.takes_seed() {
        warnings.push(format!("seed was ignored: {} takes none, so no two results are alike.", model.id));
    }
    let generation = Generation {
        model_id: model.id.to_owned(),
        prompt: prompt(model, request)?,
        negative_prompt: negative_prompt(model, request, &mut warnings)?,
        batch_size: batch_size(model, request)?,
        seed: seed(request, random_seed)?,
        options: options(model, request, &mut warnings)?,
        guidance: guidance(model, request)?,
        mask: mask(model, request)?,
        post: post(model, request)?,
    };
    Ok((generation, warnings))
}

fn prompt(model: &Model, request: &ForgeRequest) -> Result<String, Refusal> {
    let prompt = request.prompt.as_deref().unwrap_or_default().trim();
    if prompt.chars().count() > MAX_PROMPT_CHARS {
        return Err(Refusal::invalid(format!("`prompt` is longer than {MAX_PROMPT_CHARS} characters.")));
    }
    match model.prompt {
        Need::Required if prompt.is_empty() => {
            Err(Refusal::invalid(format!("`prompt` is required by {}.", model.id)))
        }
        // Kept even where it steers nothing: it names the run in lists.
        _ => Ok(prompt.to_owned()),
    }
}

fn negative_prompt(
    model: &Model,
    request: &ForgeRequest,
    warnings: &mut Vec<String>,
) -> Result<String, Refusal> {
    let text = request.negative_prompt.as_deref().unwrap_or_default().trim();
    if text.chars().count() > MAX_PROMPT_CHARS {
        return Err(Refusal::invalid(format!(
            "`negative_prompt` is longer than {MAX_PROMPT_CHARS} characters."
        )));
    }
    if !text.is_empty() && model.prompt == Need::No {
        warnings.push(format!("negative_prompt was ignored: {} takes no prompt.", model.id));
        return Ok(String::new());
    }
    Ok(text.to_owned())
}

fn batch_size(model: &Model, request: &ForgeRequest) -> Result<u32, Refusal> {
    let asked = request.batch_size.unwrap_or(1);
    u32::try_from(asked).ok().filter(|count| (1..=model.max_batch).contains(count)).ok_or_else(|| {
        Refusal::invalid(format!(
            "`batch_size` must be a whole number from 1 to {} for {}, not {asked}.",
            model.max_batch, model.id
        ))
    })
}

fn seed(request: &ForgeRequest, random_seed: u32) -> Result<u32, Refusal> {
    match request.seed {
        None | Some(-1) => Ok(random_seed),
        Some(seed) => u32::try_from(seed).map_err(|_| {
            Refusal::invalid(format!("`seed` must be -1 (random) or from 0 to {MAX_SEED}, not {seed}."))
        }),
    }
}

/// The named top-level parameters and `options` end in one map, completed with the model's defaults.
fn options(
    model: &Model,
    request: &ForgeRequest,
    warnings: &mut Vec<String>,
) -> Result<Map<String, Value>, Refusal> {
    let mut given = request.options.clone().unwrap_or_default();
    let named = [
        ("width", request.width.map(Value::from)),
        ("height", request.height.map(Value::from)),
        ("quality", request.quality.clone().map(Value::from)),
        ("duration_seconds", request.duration_seconds.map(Value::from)),
    ];
    for (name, value) in named {
        let Some(value) = value else { continue };
        if given.contains_key(name) {
            return Err(Refusal::invalid(format!("`{name}` is given twice, beside and inside `options`.")));
        }
        given.insert(name.to_owned(), value);
    }
    let mut complete: Map<String, Value> = model
        .parameters
        .iter()
        .map(|parameter| (parameter.name.to_owned(), parameter.default_value()))
        .collect();
    for (name, value) in &given {
        match model.parameter(name) {
            Some(parameter) => {
                complete.insert(name.clone(), parameter.check(value)?);
            }
            None if HARMLESS.contains(&name.as_str()) => {
                warnings.push(format!("{name} was ignored: {} does not take it.", model.id));
            }
            None => return Err(not_taken(model, name)),
        }
    }
    Ok(complete)
}

fn not_taken(model: &Model, name: &str) -> Refusal {
    let known: Vec<_> = model.parameters.iter().map(|parameter| parameter.name).collect();
    let name = shorten(&Value::from(name));
    let has = if known.is_empty() { "none".into() } else { known.join(", ") };
    Refusal::invalid(format!("{} does not take {name}. Its parameters: {has}.", model.id))
        .next(format!("Leave it out, or call get_model for the parameters of {}.", model.id))
}

fn guidance(model: &Model, request: &ForgeRequest) -> Result<Vec<Guidance>, Refusal> {
    let files = request.guidance_files.as_deref().unwrap_or_default();
    if files.len() > MAX_GUIDANCE_FILES {
        return Err(Refusal::invalid(format!(
            "`guidance_files` has more than {MAX_GUIDANCE_FILES} entries."
        )));
    }
    let mut guidance = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let field = format!("guidance_files[{index}]");
        let slot = model.guidance.iter().find(|slot| slot.kind == file.kind).ok_or_else(|| {
            let takes: Vec<_> = model.guidance.iter().map(|slot| slot.kind.as_str()).collect();
            let takes = if takes.is_empty() { "no files".into() } else { takes.join(", ") };
            Refusal::invalid(format!(
                "`{field}.type`: {} does not take `{}`. It takes: {takes}.",
                model.id,
                file.kind.as_str()
            ))
        })?;
        if guidance.iter().filter(|taken: &&Guidance| taken.kind == file.kind).count() >= slot.at_most {
            return Err(Refusal::invalid(format!(
                "`{field}`: {} takes at most {} `{}`.",
                model.id,
                slot.at_most,
                file.kind.as_str()
            )));
        }
        let strength = file.strength.unwrap_or(0.5);
        if !(0.0..=1.0).contains(&strength) {
            return Err(Refusal::invalid(format!("`{field}.strength` must be from 0 to 1, not {strength}.")));
        }
        guidance.push(Guidance {
            asset_id: asset(&format!("{field}.file_id"), &file.file_id)?,
            kind: file.kind,
            strength,
        });
    }
    let missing = model
        .guidance
        .iter()
        .find(|slot| slot.required && !guidance.iter().any(|file| file.kind == slot.kind));
    match missing {
        Some(slot) => Err(Refusal::invalid(format!(
            "{} needs a guidance file of type `{}`.",
            model.id,
            slot.kind.as_str()
        ))
        .next("Add it to guidance_files with the asset_id of a file in this workspace.")),
        None => Ok(guidance),
    }
}

fn mask(model: &Model, request: &ForgeRequest) -> Result<Option<MaskFile>, Refusal> {
    match (&request.mask, model.mask) {
        (Some(_), Need::No) => Err(Refusal::invalid(format!("{} does not take a `mask`.", model.id))
            .next("Leave it out, or choose a model with the inpainting capability from list_models.")),
        (None, Need::Required) => Err(Refusal::invalid(format!("{} needs a `mask`.", model.id))
            .next("Add mask.file_id: a picture that is white where it should be repainted.")),
        (None, _) => Ok(None),
        (Some(mask), _) => {
            let radius = mask.edge_radius.unwrap_or(4);
            let edge_radius = u32::try_from(radius).ok().filter(|radius| *radius <= 64);
            Ok(Some(MaskFile {
                asset_id: asset("mask.file_id", &mask.file_id)?,
                edge_radius: edge_radius.ok_or_else(|| {
                    Refusal::invalid(format!("`mask.edge_radius` must be from 0 to 64, not {radius}."))
                })?,
            }))
        }
    }
}

fn post(model: &Model, request: &ForgeRequest) -> Result<Post, Refusal> {
    let asked = request.post.clone().unwrap_or_default();
    let post = Post {
        upscale_ratio: asked.upscale_ratio.filter(|ratio| *ratio != 1.0),
        vectorize: asked.vectorize.unwrap_or(false),
        remove_background: asked.remove_background.unwrap_or(false),
    };
    if let Some(ratio) = post.upscale_ratio.filter(|ratio| !(1.0..=4.0).contains(ratio)) {
        return Err(Refusal::invalid(format!("`post.upscale_ratio` must be from 1 to 4, not {ratio}.")));
    }
    let steps = [
        (post.upscale_ratio.is_some(), Capability::Upscale, "upscale_ratio"),
        (post.vectorize, Capability::Vectorize, "vectorize"),
        (post.remove_background, Capability::RemoveBackground, "remove_background"),
    ];
    match steps.iter().find(|(asked, step, _)| *asked && !model.post.contains(step)) {
        Some((_, _, name)) => {
            Err(Refusal::invalid(format!("`post.{name}`: {} cannot do this to its outputs.", model.id)))
        }
        None => Ok(post),
    }
}

fn asset(field: &str, text: &str) -> Result<AssetId, Refusal> {
    match FileId::parse(text) {
        Ok(file) => Ok(file.asset_id),
        Err(fault) => {
            let shown = shorten(&Value::from(text));
            let refusal = Refusal::invalid(format!("`{field}` must be {}, not {shown}.", file_id::WHAT));
            Err(if fault == NoFileId::Elsewhere { refusal.next(file_id::UPLOAD_FIRST) } else { refusal })
        }
    }
}
