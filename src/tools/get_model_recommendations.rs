//! `get_model_recommendations`: which model to start with for a kind of job.

use super::list_models::ModelView;
use super::workspaces::check_named;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::error::Refusal;
use crate::models::{Capability, words};
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::providers::Catalogue;
use serde::{Deserialize, Serialize};

pub struct GetModelRecommendations;

words! {
    /// Kinds of job people ask for.
    Category {
        Illustration = "illustration",
        GameIcon = "game_icon",
        PhotoEdit = "photo_edit",
        Cutout = "cutout",
        Logo = "logo",
        TextToVideo = "text_to_video",
        AnimatePicture = "animate_picture",
        Slideshow = "slideshow",
        TextTo3d = "text_to_3d",
        PictureTo3d = "picture_to_3d",
        Music = "music",
        SoundEffect = "sound_effect",
    }
}

impl Category {
    /// What a model must be able to do to be recommended.
    fn needs(self) -> Capability {
        match self {
            Category::Illustration | Category::GameIcon => Capability::TextToImage,
            Category::PhotoEdit => Capability::Inpainting,
            Category::Cutout => Capability::RemoveBackground,
            Category::Logo => Capability::Vectorize,
            Category::TextToVideo => Capability::TextToVideo,
            Category::AnimatePicture => Capability::ImageToVideo,
            Category::Slideshow => Capability::ComposeVideo,
            Category::TextTo3d => Capability::TextTo3d,
            Category::PictureTo3d => Capability::ImageTo3d,
            Category::Music => Capability::Music,
            Category::SoundEffect => Capability::SoundEffects,
        }
    }
}

/// Models named for each category; more would not be a recommendation.
const PER_CATEGORY: usize = 3;

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Absent: all.
    pub category: Option<Category>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Output {
    pub categories: Vec<Recommendation>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct Recommendation {
    pub category: Category,
    pub models: Vec<ModelView>,
}

impl Tool for GetModelRecommendations {
    const NAME: &'static str = "get_model_recommendations";
    const TITLE: &'static str = "Recommend models";
    const DESCRIPTION: &'static str = "Returns which models to start with for a kind of job. For a full search use list_models.";
    const GROUP: &'static str = "models";
    const SCOPES: &'static [Scope] = &[Scope::ModelsRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        check_named(context, input.workspace_id.as_deref()).await?;
        let catalogue = Catalogue::of(context.platform.config());
        let wanted = Category::ALL.iter().copied().filter(|category| input.category.is_none_or(|only| only == *category));
        let categories: Vec<_> = wanted.map(|category| recommend(catalogue, category)).filter(|found| !found.models.is_empty()).collect();
        if categories.is_empty() {
            return Err(Refusal::new(crate::error::Code::ModelNotFound, "No configured model does this kind of job.").into());
        }
        let lines = categories.iter().map(|found| {
            let ids: Vec<_> = found.models.iter().map(|model| model.model_id).collect();
            format!("{}: {}", found.category.as_str(), ids.join(", "))
        });
        Ok(Answer::new(lines.collect::<Vec<_>>().join("\n"), Output { categories }))
    }
}

fn recommend(catalogue: Catalogue<'_>, category: Category) -> Recommendation {
    let found = catalogue.models().filter(|model| model.can(category.needs()));
    let models = found.take(PER_CATEGORY).map(|model| ModelView::of(catalogue, model));
    Recommendation { category, models: models.collect() }
}
