//! `execute_forge`: starts one generation and answers at once with its id. The money is reserved before the
//! answer, so two calls at once cannot spend the same units.

use super::forge::{self, RunView};
use super::spend::{self, Wish};
use super::{Answer, Context, Fault, Hints, Tool};
use crate::models::generation::ForgeRequest;
use crate::oauth::Scope;
use crate::platform::Platform;
use crate::runs::Work;

pub struct ExecuteForge;

impl Tool for ExecuteForge {
    const NAME: &'static str = "execute_forge";
    const TITLE: &'static str = "Generate with one model";
    const DESCRIPTION: &'static str =
        "Starts one generation (image, video, 3D or audio) on one model and returns an inference_id at once; Creative Units are reserved. Files come from get_forge_run.";
    const GROUP: &'static str = "forge";
    const SCOPES: &'static [Scope] = &[Scope::ForgeExecute];
    const HINTS: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: true };
    const SPENDS: bool = true;
    type Input = ForgeRequest;
    type Output = RunView;

    async fn call<P: Platform>(context: &Context<'_, P>, input: ForgeRequest) -> Result<Answer<RunView>, Fault> {
        let priced = forge::price(context, &input).await?;
        let arguments = spend::digest(&(priced.workspace_id.as_str(), &input));
        let wish = Wish {
            workspace_id: priced.workspace_id,
            work: Work::Forge(priced.generation),
            price: priced.price,
            limit: priced.limit,
            session_name: input.session_name,
            idempotency_key: input.idempotency_key,
            arguments,
        };
        let (view, repeated) = spend::start(context, wish).await?;
        let mut warnings = priced.warnings;
        warnings.extend(repeated.map(str::to_owned));
        Ok(forge::answer(context, &view, warnings.clone()).await?.begun(view, warnings))
    }
}
