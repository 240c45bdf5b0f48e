//! What the workflow tools share about definitions: finding one by its id, checking it, showing and saving it.
//! Not for: runs of workflows (`flow`).

use super::offer::Offer;
use super::{Context, Fault};
use crate::error::{Code, Refusal};
use crate::id::{WorkflowId, WorkspaceId};
use crate::models::Modality;
use crate::models::file_id::FileId;
use crate::models::parameter::shorten;
use crate::platform::Platform;
use crate::providers::Catalogue;
use crate::units::Units;
use crate::workflows::built_in::{self, BuiltIn};
use crate::workflows::{self, InputKind, Plan, Problem, Workflow};
use crate::workspace::definitions::{Save, Wanted};
use crate::workspace::{self, Actor, Command, Definition, Document, Reply};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// They change with a deploy, not by being saved.
const BUILT_IN_VERSION: u32 = 1;

/// A workflow that can be run.
pub struct Loaded {
    pub workflow_id: String,
    pub version: u32,
    pub workflow: Workflow,
    pub document: Value,
    /// None: built in.
    pub definition: Option<Definition>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct InputLine {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: InputKind,
    pub required: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub description: String,
    /// Used when it is left out; of the input's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub choices: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct OutputLine {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Modality,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(inline))]
pub struct WorkflowView {
    pub workflow_id: String,
    pub name: String,
    pub description: String,
    pub built_in: bool,
    pub version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_version: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(default))]
    pub archived: bool,
    pub inputs: Vec<InputLine>,
    pub outputs: Vec<OutputLine>,
}

impl WorkflowView {
    pub fn of(loaded: &Loaded) -> Self {
        let Loaded { workflow, definition, .. } = loaded;
        let input = |input: &workflows::InputSpec| InputLine {
            name: input.name.clone(),
            kind: input.kind,
            required: input.required,
            description: input.description.clone(),
            default: input.default.clone(),
            choices: input.choices.clone(),
        };
        Self {
            workflow_id: loaded.workflow_id.clone(),
            name: workflow.name().to_owned(),
            description: workflow.description().to_owned(),
            built_in: definition.is_none(),
            version: loaded.version,
            published_version: definition.as_ref().and_then(|found| found.published_version),
            latest_version: definition.as_ref().map(|found| found.latest_version),
            archived: definition.as_ref().is_some_and(|found| found.archived_at.is_some()),
            inputs: workflow.inputs().iter().map(input).collect(),
            outputs: workflow
                .outputs()
                .into_iter()
                .map(|output| OutputLine { name: output.name, kind: output.kind })
                .collect(),
        }
    }

    /// `product-shot (Product shot): … Inputs: photo (image, required), scene (text). Outputs: shots (image).`
    pub fn line(&self) -> String {
        let input = |input: &InputLine| {
            let required = if input.required { ", required" } else { "" };
            format!("{} ({}{required})", input.name, input.kind.as_str())
        };
        let inputs: Vec<_> = self.inputs.iter().map(input).collect();
        let outputs: Vec<_> =
            self.outputs.iter().map(|output| format!("{} ({})", output.name, output.kind.as_str())).collect();
        let state = match (self.archived, self.published_version, self.built_in) {
            (true, _, _) => " [archived]".to_owned(),
            (_, None, false) => " [draft]".to_owned(),
            _ => String::new(),
        };
        format!(
            "{} ({}){state}: {} Inputs: {}. Outputs: {}.",
            self.workflow_id,
            self.name,
            self.description,
            if inputs.is_empty() { "none".into() } else { inputs.join(", ") },
            outputs.join(", ")
        )
    }
}

/// Built in by its name, otherwise one of the workspace; the published version unless another is named.
pub async fn load<P: Platform>(
    context: &Context<'_, P>,
    workspace_id: &WorkspaceId,
    workflow_id: &str,
    version: Option<u32>,
) -> Result<Loaded, Fault> {
    let offer = Offer::of(context, workspace_id).await?;
    if let Some(found) = built_in::find(workflow_id) {
        return Ok(of_built_in(found, offer.catalogue())?);
    }
    let id = parse_id(workflow_id)?;
    let person = context.caller.person.clone();
    let wanted = version.map(Wanted::Version);
    let command = Command::Workflow { person, workflow_id: id, wanted };
    match workspace::ask(context.platform, workspace_id, command).await?? {
        Reply::Workflow(definition) => Ok(of_definition(*definition, offer.catalogue())?),
        _ => Err(unknown(workflow_id).into()),
    }
}

fn parse_id(text: &str) -> Result<WorkflowId, Refusal> {
    WorkflowId::parse(text).ok_or_else(|| unknown(text))
}

fn unknown(id: &str) -> Refusal {
    let shown = shorten(&id.into());
    Refusal::new(Code::WorkflowNotFound, format!("There is no workflow {shown} in this workspace."))
}

pub fn of_built_in(found: &BuiltIn, catalogue: Catalogue<'_>) -> Result<Loaded, Refusal> {
    let document: Value = serde_json::from_str(found.document).unwrap_or_default();
    let workflow = workflows::check(&document, catalogue).map_err(|problems| outdated(&problems))?;
    let workflow_id = found.id.to_owned();
    Ok(Loaded { workflow_id, version: BUILT_IN_VERSION, workflow, document, definition: None })
}

pub fn of_definition(definition: Definition, catalogue: Catalogue<'_>) -> Result<Loaded, Refusal> {
    let document: Value = serde_json::from_str(&definition.document.text).unwrap_or_default();
    let workflow = workflows::check(&document, catalogue).map_err(|problems| outdated(&problems))?;
    Ok(Loaded {
        workflow_id: definition.workflow_id.to_string(),
        version: definition.version,
        workflow,
        document,
        definition: Some(definition),
    })
}

/// It was right when it was saved; since then a model has gone or changed.
fn outdated(problems: &[Problem]) -> Refusal {
    let refusal = wrong(problems);
    Refusal {
        message: format!("The workflow no longer fits the models of this gateway. {}", refusal.message),
        ..refusal.next("Save a corrected version with update_workflow.")
    }
}

/// Every problem of a document in one refusal.
fn wrong(problems: &[Problem]) -> Refusal {
    let first = problems.first().map_or_else(String::new, |problem| match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("`{path}`: {}", problem.message),
    });
    let more = match problems.len() {
        0 | 1 => String::new(),
        count => format!(" And {} more, in details.problems.", count - 1),
    };
    Refusal::invalid(format!("{first}{more}"))
        .next("Correct the document; get_workflow_instructions says how one is written.")
        .details(json!({ "problems": problems }))
}

pub async fn plan<P: Platform>(
    context: &Context<'_, P>,
    workspace: &WorkspaceId,
    loaded: &Loaded,
    inputs: &Map<String, Value>,
) -> Result<Plan, Fault> {
    for input in loaded.workflow.inputs().iter().filter(|input| input.kind.modality().is_some()) {
        if let Some(file) = inputs.get(&input.name).and_then(Value::as_str) {
            FileId::check(file, &format!("inputs.{}", input.name), workspace)?;
        }
    }
    let mut random = || u32::from_le_bytes(context.platform.random());
    let offer = Offer::of(context, workspace).await?;
    let (workflow, id, version) = (&loaded.workflow, &loaded.workflow_id, loaded.version);
    Ok(workflows::plan(workflow, id, version, inputs, offer.catalogue(), &mut random)?)
}

/// `5 Creative Units`, or from the least to the most where the steps decide.
pub fn price_words(least: Units, most: Units) -> String {
    if least == most { most.words() } else { format!("{least} to {}", most.words()) }
}

/// What is to be saved of a workflow.
pub struct Change {
    pub workflow_id: Option<String>,
    pub document: Option<Value>,
    pub publish: bool,
    pub archive: Option<bool>,
    pub base_version: Option<u32>,
    pub idempotency_key: Option<String>,
}

/// Checks the document, saves it, and answers with what is there now.
pub async fn save<P: Platform>(
    context: &Context<'_, P>,
    workspace_id: &WorkspaceId,
    change: Change,
) -> Result<Loaded, Fault> {
    super::spend::check_key(change.idempotency_key.as_deref())?;
    let arguments = super::spend::digest(&(
        workspace_id.as_str(),
        &change.workflow_id,
        &change.document,
        change.publish,
        change.archive,
        change.base_version,
    ));
    let idempotency = change.idempotency_key.map(|key| workspace::Idempotency { key, arguments });
    let (workflow_id, is_new) = match &change.workflow_id {
        None => (WorkflowId::mint(context.platform.now(), &context.platform.random()), true),
        Some(text) if built_in::find(text).is_some() => {
            let refusal = Refusal::new(Code::Forbidden, format!("{text} is built in and cannot be changed."));
            let next = "Read it with get_workflow and make your own from its document with create_workflow.";
            return Err(refusal.next(next).into());
        }
        Some(text) => (parse_id(text)?, false),
    };
    let offer = Offer::of(context, workspace_id).await?;
    let check = |document: &Value| checked(document, offer.catalogue());
    let document = change.document.as_ref().map(check).transpose()?;
    let caller = context.caller;
    let save = Save {
        actor: Actor::person(&caller.person, Some(caller.token_id()), context.request_id),
        person: caller.person.clone(),
        workflow_id,
        is_new,
        document,
        publish: change.publish,
        archive: change.archive,
        base_version: change.base_version,
        idempotency,
    };
    let command = Command::SaveWorkflow(Box::new(save));
    match workspace::ask(context.platform, workspace_id, command).await?? {
        Reply::Workflow(definition) => Ok(of_definition(*definition, offer.catalogue())?),
        _ => Err(Refusal::new(Code::Internal, "The workspace gave an answer that is not understood.").into()),
    }
}

fn checked(document: &Value, catalogue: Catalogue<'_>) -> Result<Document, Refusal> {
    let workflow = workflows::check(document, catalogue).map_err(|problems| wrong(&problems))?;
    Ok(Document {
        name: workflow.name().to_owned(),
        description: workflow.description().to_owned(),
        text: document.to_string(),
    })
}
