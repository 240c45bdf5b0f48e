//! `get_model_recommendations`: which model to start with for a kind of job.

use super::list_models::ModelView;
use super::offer::Offer;
use super::workspaces::check_named;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::error::Refusal;
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::providers::catalogue::recommended::{self, Category};
use serde::{Deserialize, Serialize};

pub struct GetModelRecommendations;

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
    /// Best first.
    pub models: Vec<Named>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct Named {
    pub why: &'static str,
    #[serde(flatten)]
    pub model: ModelView,
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
        let offer = Offer::named(context, input.workspace_id.as_deref()).await?;
        let catalogue = offer.catalogue();
        let wanted = Category::ALL.iter().copied().filter(|category| input.category.is_none_or(|only| only == *category));
        let categories: Vec<_> = wanted.map(|category| recommend(catalogue, category)).filter(|found| !found.models.is_empty()).collect();
        if categories.is_empty() {
            return Err(Refusal::new(crate::error::Code::ModelNotFound, "No configured model does this kind of job.").into());
        }
        let lines = categories.iter().map(|found| {
            let named = |named: &Named| format!("{} ({})", named.model.model_id, named.why);
            let models: Vec<_> = found.models.iter().map(named).collect();
            format!("{}: {}", found.category.as_str(), models.join("; "))
        });
        Ok(Answer::new(lines.collect::<Vec<_>>().join("\n"), Output { categories }))
    }
}

fn recommend(catalogue: Catalogue<'_>, category: Category) -> Recommendation {
    let found = recommended::of(catalogue, category).into_iter();
    let models = found
        .map(|found| Named { why: found.why, model: ModelView::of(catalogue, found.provider, found.model) });
    Recommendation { category, models: models.collect() }
}
