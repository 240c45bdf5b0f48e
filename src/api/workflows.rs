//! `/api/v1/workspaces/{id}/workflows…`: definitions as editors and scripts handle them; and the published JSON Schema.
//! Not for: what a document may say (`workflows`), or runs of one, which the tools start and follow.

use super::rest::{self, Call, Outcome};
use crate::error::{Code, Refusal};
use crate::http::Response;
use crate::id::WorkflowId;
use crate::platform::Platform;
use crate::tools::list_workflows::{Input as ListInput, ListWorkflows};
use crate::tools::offer::Offer;
use crate::tools::workflows::{self as shared, Change, Loaded, WorkflowView};
use crate::tools::{Fault, Tool, workspaces};
use crate::workflows;
use crate::workspace::{Command, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// It changes with a deploy, and compatibly.
const SCHEMA_CACHE: &str = "public, max-age=3600";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    document: Map<String, Value>,
    publish: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    document: Option<Map<String, Value>>,
    publish: Option<bool>,
    archived: Option<bool>,
    base_version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Validate {
    document: Value,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    workflow: WorkflowView,
    document: Value,
}

/// `GET /schemas/workflow-1.json`
pub fn schema<S>() -> Response<S> {
    Response::text(200, "application/schema+json", workflows::SCHEMA.to_owned())
        .with("cache-control", SCHEMA_CACHE)
        .with("access-control-allow-origin", "*")
        .with("x-content-type-options", "nosniff")
}

pub async fn list<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    call.only(&["query", "include_hidden", "cursor", "limit"])?;
    let include_hidden = match call.parameter("include_hidden") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Refusal::invalid("`include_hidden` must be true or false.").into()),
    };
    let input = ListInput {
        workspace_id: Some(call.workspace_id.to_string()),
        query: call.parameter("query").map(str::to_owned),
        include_hidden,
        cursor: call.parameter("cursor").map(str::to_owned),
        limit: call.number("limit")?,
    };
    let answer = ListWorkflows::call(&call.context(), input).await?;
    Ok(rest::json(200, &answer.structured))
}

pub async fn get<P: Platform>(call: &Call<'_, P>, id: &str) -> Outcome<P::Stream> {
    call.only(&["version"])?;
    let version = call.number("version")?.map(|asked| {
        u32::try_from(asked).map_err(|_| Refusal::invalid("`version` must be a whole number from 1."))
    });
    let context = call.context();
    if workflows::built_in::find(id).is_some() {
        workspaces::summary(&context, &call.workspace_id).await?;
    }
    let loaded = shared::load(&context, &call.workspace_id, id, version.transpose()?).await?;
    Ok(tagged(whole(200, &loaded), &loaded))
}

fn whole<S>(status: u16, loaded: &Loaded) -> Response<S> {
    rest::json(status, &Whole { workflow: WorkflowView::of(loaded), document: loaded.document.clone() })
}

/// The version as an entity tag: what `If-Match` of a change names.
fn tagged<S>(response: Response<S>, loaded: &Loaded) -> Response<S> {
    response.with("etag", format!("\"{}\"", loaded.version))
}

#[derive(Serialize)]
struct VersionLine {
    version: u32,
    name: String,
    published: bool,
    created_at: String,
    actor: String,
    actor_label: Option<String>,
}

pub async fn versions<P: Platform>(call: &Call<'_, P>, id: &str) -> Outcome<P::Stream> {
    call.only(&[])?;
    let unknown = || Refusal::new(Code::WorkflowNotFound, "This workspace saved no workflow with this id.");
    let workflow_id = WorkflowId::parse(id).ok_or_else(unknown)?;
    let person = call.caller.person.clone();
    let Reply::Versions(found) = call.ask(Command::Versions { person, workflow_id }).await? else {
        return Err(rest::odd());
    };
    let lines = found.into_iter().map(|found| VersionLine {
        version: found.version,
        name: found.name,
        published: found.is_published,
        created_at: found.created_at.iso(),
        actor: found.actor,
        actor_label: found.label,
    });
    Ok(rest::list(lines.collect(), None))
}

pub async fn validate<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    let input: Validate = call.body()?;
    let context = call.context();
    workspaces::summary(&context, &call.workspace_id).await?;
    let offer = Offer::of(&context, &call.workspace_id).await?;
    let problems = workflows::check(&input.document, offer.catalogue()).err().unwrap_or_default();
    Ok(rest::json(200, &json!({ "valid": problems.is_empty(), "problems": problems })))
}

pub async fn create<P: Platform>(call: &Call<'_, P>) -> Outcome<P::Stream> {
    let input: Create = call.body()?;
    let change = Change {
        workflow_id: None,
        document: Some(Value::Object(input.document)),
        publish: input.publish.unwrap_or(true),
        archive: None,
        base_version: None,
        idempotency_key: call.idempotency_key()?,
    };
    let loaded = shared::save(&call.context(), &call.workspace_id, change).await?;
    let location = format!("{}/{}", call.request.path, loaded.workflow_id);
    Ok(tagged(whole(201, &loaded), &loaded).with("location", location))
}

pub async fn update<P: Platform>(call: &Call<'_, P>, id: &str) -> Outcome<P::Stream> {
    let input: Update = call.body()?;
    let if_match = if_match(call)?;
    if let (Some(matched), Some(base)) = (if_match, input.base_version)
        && matched != base
    {
        return Err(Refusal::invalid("`If-Match` and `base_version` name different versions.").into());
    }
    // Archiving alone publishes nothing.
    let publish = input.publish.unwrap_or(input.document.is_some() || input.archived.is_none());
    let change = Change {
        workflow_id: Some(id.to_owned()),
        document: input.document.map(Value::Object),
        publish,
        archive: input.archived,
        base_version: if_match.or(input.base_version),
        idempotency_key: call.idempotency_key()?,
    };
    match shared::save(&call.context(), &call.workspace_id, change).await {
        Ok(loaded) => Ok(tagged(whole(200, &loaded), &loaded)),
        // RFC 9110 section 13.1.1.
        Err(Fault::Refused(refusal)) if refusal.code == Code::VersionConflict && if_match.is_some() => {
            Ok(rest::with_status(412, &refusal, call.request_id))
        }
        Err(fault) => Err(fault),
    }
}

fn if_match<P: Platform>(call: &Call<'_, P>) -> Result<Option<u32>, Refusal> {
    let Some(tag) = call.request.headers.get("if-match").filter(|tag| *tag != "*") else { return Ok(None) };
    let version =
        tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|text| text.parse().ok());
    version
        .map(Some)
        .ok_or_else(|| Refusal::invalid("`If-Match` must be one version in quotes, such as \"3\"."))
}
