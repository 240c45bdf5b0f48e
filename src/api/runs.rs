//! `GET /api/v1/workspaces/{id}/runs`: what was made, as `list_runs` tells it. Not for: one run, which the tools follow.

use super::rest::{self, Call, Outcome, word};
use crate::platform::Platform;
use crate::tools::Tool;
use crate::tools::list_runs::{Input, ListRuns, Whose};
use crate::workspace::RunStatus;

pub async fn list<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    call.only(&["whose", "status", "model_id", "created_after", "created_before", "cursor", "limit"])?;
    let text = |name: &str| call.parameter(name).map(str::to_owned);
    let input = Input {
        workspace_id: Some(call.workspace_id.to_string()),
        whose: word(call.parameter("whose"), "whose", Whose::ALL, Whose::as_str)?,
        status: word(call.parameter("status"), "status", RunStatus::ALL, RunStatus::as_str)?,
        model_id: text("model_id"),
        created_after: text("created_after"),
        created_before: text("created_before"),
        cursor: text("cursor"),
        limit: call.number("limit")?,
    };
    let answer = ListRuns::call(&call.context(), input).await?;
    Ok(rest::json(200, &answer.structured))
}
