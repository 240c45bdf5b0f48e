//! `list_runs`: what was made, by whom, when and for how much.

use super::workspaces::resolve;
use super::{Answer, Context, Fault, Hints, READS, Tool};
use crate::error::Refusal;
use crate::id::RunId;
use crate::oauth::Scope;
use crate::page;
use crate::platform::Platform;
use crate::time::Timestamp;
use crate::units::Units;
use crate::workspace::{self, Command, Query, Reply, RunKind, RunRow, RunStatus};
use serde::{Deserialize, Serialize};

pub struct ListRuns;

crate::models::words! {
    Whose { Mine = "mine", All = "all", }
}

#[derive(Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub workspace_id: Option<String>,
    /// Default mine.
    pub whose: Option<Whose>,
    pub status: Option<RunStatus>,
    /// A model_id or workflow_id.
    pub model_id: Option<String>,
    /// ISO 8601: 2026-11-21 or 2026-11-21T08:00:00Z, inclusive.
    pub created_after: Option<String>,
    /// ISO 8601, exclusive.
    pub created_before: Option<String>,
    /// nextCursor of the page before.
    pub cursor: Option<String>,
    /// 1 to 100, default 20.
    pub limit: Option<i64>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct RunLine {
    /// inference_id of get_forge_run, or run_id of get_workflow_run.
    pub id: String,
    pub kind: RunKind,
    /// The model or workflow.
    pub model_id: String,
    pub title: String,
    pub status: RunStatus,
    pub files: u32,
    /// Charged, once ended; before that the most it can be.
    pub price_creative_units: Units,
    pub person: String,
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Output {
    pub items: Vec<RunLine>,
    #[cfg_attr(not(target_arch = "wasm32"), schemars(required, extend("type" = ["string", "null"])))]
    pub next_cursor: Option<String>,
}

impl Tool for ListRuns {
    const NAME: &'static str = "list_runs";
    const TITLE: &'static str = "List runs";
    const DESCRIPTION: &'static str =
        "Lists generations and workflow runs, newest first, by status, model and time: what did I make today, what is still running, what did it cost.";
    const GROUP: &'static str = "forge";
    const SCOPES: &'static [Scope] = &[Scope::ForgeRead];
    const HINTS: Hints = READS;
    type Input = Input;
    type Output = Output;

    async fn call<P: Platform>(context: &Context<'_, P>, input: Input) -> Result<Answer<Output>, Fault> {
        let limit = page::limit(input.limit)?;
        let id = resolve(context, input.workspace_id.as_deref()).await?;
        let list = format!("runs of {id} for {}", context.caller.person);
        let after = page::open(context.platform, &list, input.cursor.as_deref())?;
        let person = context.caller.person.clone();
        let query = Query {
            of: (input.whose != Some(Whose::All)).then(|| person.clone()),
            status: input.status,
            kind: None,
            subject: input.model_id,
            from: time("created_after", input.created_after.as_deref())?,
            until: time("created_before", input.created_before.as_deref())?,
            before: after.as_deref().and_then(RunId::parse),
            limit,
        };
        let Reply::Runs(rows, next) =
            workspace::ask(context.platform, &id, Command::Runs { person, query }).await??
        else {
            return Err(Refusal::new(crate::error::Code::Internal, "The workspace gave no list.").into());
        };
        let next_cursor = next.map(|next| page::cursor(context.platform, &list, next.as_str()));
        let items: Vec<_> = rows.into_iter().map(line).collect();
        let mut text = items.iter().map(words).collect::<Vec<_>>().join("\n");
        match (items.is_empty(), &next_cursor) {
            (true, None) => text.push_str("No run fits."),
            (true, Some(_)) => text.push_str("None among the runs looked at so far. Next: call again with nextCursor."),
            (false, Some(_)) => text.push_str("\nMore with nextCursor."),
            (false, None) => {}
        }
        Ok(Answer::new(text, Output { items, next_cursor }))
    }
}

fn time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    text.map(|text| {
        Timestamp::parse(text).ok_or_else(|| {
            Refusal::invalid(format!(
                "`{field}` must be a day such as 2026-11-21 or a time such as 2026-11-21T08:00:00Z, not {}.",
                crate::models::parameter::shorten(&text.into())
            ))
        })
    })
    .transpose()
}

fn line(row: RunRow) -> RunLine {
    RunLine {
        id: row.run_id.to_string(),
        kind: row.kind,
        model_id: row.subject,
        title: row.title,
        status: row.status,
        files: row.files,
        price_creative_units: if row.status == RunStatus::InProgress { row.reserved } else { row.price },
        person: row.label.unwrap_or_else(|| row.person.to_string()),
        created_at: row.created_at.iso(),
        completed_at: row.ended_at.map(Timestamp::iso),
    }
}

/// `2026-11-21T07:32:00.000Z complete offline-image "a cat": 1 file, 1 unit. id …`
fn words(line: &RunLine) -> String {
    format!(
        "{} {} {} \"{}\": {} file(s), {}. {} id {}",
        line.created_at,
        line.status.as_str(),
        line.model_id,
        line.title,
        line.files,
        line.price_creative_units.words(),
        line.kind.as_str(),
        line.id
    )
}
