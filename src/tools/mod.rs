//! The tools: what a model may ask. One file each, holding its schema, words, annotations, scope and story.
//! Adding one is its file and one word in `tools!`; the README's table and `tools.json` follow from it.
//! Not for: how a tool is asked over the wire (`mcp`).

pub mod assets;
pub mod content;
pub mod flow;
pub mod forge;
pub mod offer;
#[cfg(not(target_arch = "wasm32"))]
pub mod schema;
pub mod spend;
pub mod upload_pages;
pub mod uploads;
pub mod workflows;
pub mod workspaces;

pub use content::{Answer, Begun, Content, ToolResult};

use crate::error::{Code, Refusal};
use crate::oauth::bearer::{self, Denied};
use crate::oauth::{Caller, Scope};
use crate::platform::{Level, Platform, Unavailable};
use crate::units::{Allowance, Units};
use crate::workspace::Consent;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a call knows beside its arguments.
pub struct Context<'a, P: Platform> {
    pub platform: &'a P,
    pub caller: &'a Caller,
    /// The public origin, for links.
    pub origin: &'a str,
    pub request_id: &'a str,
    /// False when the connector URL says `images=off`.
    pub pictures: bool,
    /// Tells the client how far a long call is (0 to 1), if it asked to be told.
    pub progress: &'a dyn Fn(f64, &str),
    /// What the credential may spend; known only inside tools that spend.
    pub allowance: Allowance,
    /// Whether somebody has agreed to a high price, or can be asked.
    pub consent: Consent,
    /// Names the agreement that was given.
    pub agreement: Option<&'a str>,
}

/// Asks a person whether a price is all right.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmation {
    /// The model or workflow.
    pub what: String,
    pub price: Units,
    /// The workspace's threshold.
    pub above: Units,
}

impl Confirmation {
    pub fn message(&self) -> String {
        format!(
            "{} will cost {}, which is above the {} from which this workspace asks first. Go on?",
            self.what,
            self.price.words(),
            self.above
        )
    }
}

/// What a call came to.
pub enum Called {
    Result(ToolResult),
    Confirm(Confirmation),
}

/// MCP tool annotations: all four, always.
#[derive(Clone, Copy)]
pub struct Hints {
    pub read_only: bool,
    pub destructive: bool,
    pub idempotent: bool,
    pub open_world: bool,
}

pub const READS: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: false };

#[cfg(not(target_arch = "wasm32"))]
pub trait Described: schemars::JsonSchema {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: schemars::JsonSchema> Described for T {}
/// At the edge the schemas are text that was made natively.
#[cfg(target_arch = "wasm32")]
pub trait Described {}
#[cfg(target_arch = "wasm32")]
impl<T> Described for T {}

pub trait Tool {
    const NAME: &'static str;
    const TITLE: &'static str;
    /// At most 300 characters: a model pays for each on every turn.
    const DESCRIPTION: &'static str;
    /// The name by which a connector URL selects it: `/mcp?tools=forge`.
    const GROUP: &'static str;
    const SCOPES: &'static [Scope];
    const HINTS: Hints;
    /// Whether a token revoked a second ago must already be refused.
    const SPENDS: bool = false;
    /// Arguments that a client which holds files fills with one (`_meta["openai/fileParams"]`).
    const FILE_PARAMS: &'static [&'static str] = &[];
    type Input: DeserializeOwned + Described;
    type Output: Serialize + Described;

    async fn call<P: Platform>(
        context: &Context<'_, P>,
        input: Self::Input,
    ) -> Result<Answer<Self::Output>, Fault>;
}

/// What goes wrong inside a tool.
pub enum Fault {
    Refused(Refusal),
    /// Nothing the caller did.
    Unavailable(Unavailable),
    /// The token stopped being valid since the request began.
    Denied(Denied),
    /// A person has to agree first; only where the context said that one can be asked.
    Confirm(Confirmation),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl From<Unavailable> for Fault {
    fn from(unavailable: Unavailable) -> Self {
        Fault::Unavailable(unavailable)
    }
}

/// One tool as lists know it.
pub struct Entry {
    pub name: &'static str,
    pub title: &'static str,
    pub group: &'static str,
    pub scopes: &'static [Scope],
}

macro_rules! tools {
    ($($file:ident :: $tool:ident),* $(,)?) => {
        $(pub mod $file;)*

        /// In the order a client lists them.
        pub const ALL: &[Entry] = &[$(Entry {
            name: $file::$tool::NAME,
            title: $file::$tool::TITLE,
            group: $file::$tool::GROUP,
            scopes: $file::$tool::SCOPES,
        }),*];

        /// None: there is no such tool.
        pub async fn call<P: Platform>(context: &Context<'_, P>, name: &str, arguments: Value) -> Option<Result<Called, Denied>> {
            match name {
                $($file::$tool::NAME => Some(run::<$file::$tool, P>(context, arguments).await),)*
                _ => None,
            }
        }

        #[cfg(not(target_arch = "wasm32"))]
        pub fn describe() -> Vec<Value> {
            vec![$(schema::describe::<$file::$tool>()),*]
        }
    };
}

tools! {
    get_instructions::GetInstructions,
    get_forge_instructions::GetForgeInstructions,
    get_workflow_instructions::GetWorkflowInstructions,
    list_workspaces::ListWorkspaces,
    get_workspace::GetWorkspace,
    get_model_recommendations::GetModelRecommendations,
    list_models::ListModels,
    get_model::GetModel,
    estimate_forge_price::EstimateForgePrice,
    execute_forge::ExecuteForge,
    get_forge_run::GetForgeRun,
    cancel_forge_run::CancelForgeRun,
    list_runs::ListRuns,
    list_workflows::ListWorkflows,
    get_workflow::GetWorkflow,
    estimate_workflow_price::EstimateWorkflowPrice,
    execute_workflow::ExecuteWorkflow,
    get_workflow_run::GetWorkflowRun,
    cancel_workflow_run::CancelWorkflowRun,
    list_media::ListMedia,
    request_file_upload_url::RequestFileUploadUrl,
    request_upload_url::RequestUploadUrl,
    get_upload_status::GetUploadStatus,
    upload_file::UploadFile,
    upload_media_from_url::UploadMediaFromUrl,
    upload_media::UploadMedia,
    upload_media_init::UploadMediaInit,
    upload_media_chunk::UploadMediaChunk,
    upload_media_finalize::UploadMediaFinalize,
    create_workflow::CreateWorkflow,
    update_workflow::UpdateWorkflow,
}

pub fn entry(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// One tool a line, as `tools/list` carries it; made from the types by `scripts/test` (see `schema`).
const DESCRIPTORS: &str = include_str!("tools.json");

/// The `tools/list` descriptor of each tool, in the order of [`ALL`].
pub fn descriptors() -> impl Iterator<Item = &'static str> {
    DESCRIPTORS.lines().map(|line| line.trim_end_matches(',')).filter(|line| line.starts_with('{'))
}

/// Scope is checked by the transport, which can still answer 403; here: the token, the arguments, the call.
async fn run<T: Tool, P: Platform>(context: &Context<'_, P>, arguments: Value) -> Result<Called, Denied> {
    let mut allowance = context.allowance;
    if T::SPENDS {
        allowance = bearer::confirm(context.platform, context.caller).await?.allowance;
    }
    let outcome = match parse::<T>(arguments) {
        Ok(input) => T::call(&Context { allowance, ..*context }, input).await,
        Err(refusal) => Err(Fault::Refused(refusal)),
    };
    let result = match outcome {
        Ok(answer) => answer.into_result(),
        Err(Fault::Refused(refusal)) => ToolResult::refused(&refusal, context.request_id),
        Err(Fault::Denied(denied)) => return Err(denied),
        Err(Fault::Confirm(confirmation)) => return Ok(Called::Confirm(confirmation)),
        Err(Fault::Unavailable(reason)) => {
            let fields =
                serde_json::json!({ "tool": T::NAME, "request_id": context.request_id, "reason": reason.0 });
            context.platform.log(Level::Error, "tool.unavailable", fields);
            let refusal =
                Refusal::new(Code::Internal, "The gateway could not reach its own storage.").retry_after(2);
            ToolResult::refused(&refusal, context.request_id)
        }
    };
    Ok(Called::Result(result))
}

/// The typed input, or a refusal that names the field.
fn parse<T: Tool>(arguments: Value) -> Result<T::Input, Refusal> {
    let arguments = whole_numbers(arguments);
    serde_json::from_value::<T::Input>(arguments.clone()).map_err(|error| {
        let reason = error.to_string();
        let accepts = |value: &Value| {
            serde_json::from_value::<T::Input>(value.clone()).map(|_| ()).map_err(|error| error.to_string())
        };
        let path = culprit(&arguments, &reason, &accepts);
        Refusal::invalid(in_words(&path, &reason)).next(format!("Correct it and call {} again.", T::NAME))
    })
}

/// The deserializer's complaint in the words of JSON, naming the field.
fn in_words(path: &str, reason: &str) -> String {
    let place = if path.is_empty() { "The arguments".to_owned() } else { format!("`{path}`") };
    let parent = path.rsplit_once('.').map(|(parent, _)| format!(" in `{parent}`")).unwrap_or_default();
    if let Some(field) = reason.strip_prefix("missing field ") {
        let inside = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        return format!("{field} is required{inside}.");
    }
    if let Some(rest) = reason.strip_prefix("unknown field ") {
        let (field, known) = rest.split_once(", ").unwrap_or((rest, ""));
        let known = match known.strip_prefix("expected one of ").or(known.strip_prefix("expected ")) {
            Some(names) => format!("The fields are {names}."),
            None => "It takes no arguments.".to_owned(),
        };
        return format!("There is no field {field}{parent}. {known}");
    }
    if let Some(rest) = reason.strip_prefix("unknown variant ") {
        return format!(
            "{place} must not be {}.",
            rest.replace(", expected one of ", "; it must be one of ")
        );
    }
    let Some((found, expected)) = reason.split_once(", expected ") else {
        return format!("{place}: {reason}.");
    };
    let kinds = ["invalid type: ", "invalid value: ", "string ", "integer ", "floating point "];
    let found = kinds.iter().fold(found, |rest, kind| rest.strip_prefix(kind).unwrap_or(rest));
    format!("{place} must be {}, not {}.", json_word(expected), json_word(found))
}

fn json_word(rust: &str) -> &str {
    match rust {
        "i64" => "a whole number",
        "f64" => "a number",
        "a sequence" | "sequence" => "a list",
        "a map" | "map" => "an object",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

/// Where in the arguments the fault lies: the innermost value without which the complaint is another one or
/// none. (A deserializer that tracks its path would do the same at 20 KB of Wasm, on every call.)
fn culprit(arguments: &Value, reason: &str, accepts: &dyn Fn(&Value) -> Result<(), String>) -> String {
    let mut pointer = String::new();
    let mut path = String::new();
    while let Some((step, shown)) = arguments.pointer(&pointer).and_then(|value| {
        let steps: Vec<(String, String)> = match value {
            Value::Object(fields) => fields.keys().map(|name| (name.clone(), format!(".{name}"))).collect(),
            Value::Array(items) => {
                (0..items.len()).map(|index| (index.to_string(), format!("[{index}]"))).collect()
            }
            _ => Vec::new(),
        };
        steps.into_iter().find(|(step, _)| {
            let mut without = arguments.clone();
            match without.pointer_mut(&pointer) {
                Some(Value::Object(fields)) => drop(fields.remove(step)),
                Some(Value::Array(items)) => drop(step.parse().map(|index: usize| items.remove(index))),
                _ => {}
            }
            accepts(&without).err().as_deref() != Some(reason)
        })
    }) {
        pointer = format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"));
        path.push_str(&shown);
    }
    path.trim_start_matches('.').to_owned()
}

/// JSON Schema calls 512.0 an integer and some clients write it so; Rust's integers do not take it.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            crate::models::parameter::whole(&Value::Number(number.clone()))
                .map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, whole_numbers(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_field_is_named_wherever_it_stands() {
        let told = |arguments: Value| match parse::<execute_forge::ExecuteForge>(arguments) {
            Ok(_) => "fine".to_owned(),
            Err(refusal) => refusal.message,
        };
        assert_eq!(told(json!({"model_id": "m", "width": 512.0})), "fine");
        assert_eq!(told(json!({})), "`model_id` is required.");
        assert_eq!(
            told(json!({"model_id": "m", "width": "wide"})),
            "`width` must be a whole number, not \"wide\"."
        );
        assert_eq!(
            told(json!({"model_id": "m", "width": 512.5})),
            "`width` must be a whole number, not `512.5`."
        );
        assert_eq!(told(json!({"model_id": "m", "prompt": {}})), "`prompt` must be a string, not an object.");
        assert_eq!(
            told(json!({"model_id": "m", "guidance_files": 1})),
            "`guidance_files` must be a list, not `1`."
        );
        let message = told(json!({"model_id": "m", "colour": 1}));
        assert!(
            message.starts_with("There is no field `colour`. The fields are `workspace_id`, "),
            "{message}"
        );
        let files =
            json!([{"file_id": "a", "type": "style"}, {"file_id": "b", "type": "style", "strength": "much"}]);
        let message = told(json!({"model_id": "m", "guidance_files": files}));
        assert_eq!(message, "`guidance_files[1].strength` must be a number, not \"much\".");
        let message = told(json!({"model_id": "m", "guidance_files": [{"file_id": "a", "type": "hat"}]}));
        assert!(
            message.starts_with("`guidance_files[0].type` must not be `hat`; it must be one of `reference`"),
            "{message}"
        );
        let message = told(json!({"model_id": "m", "mask": {"file_id": "a", "radius": 3}}));
        assert_eq!(
            message,
            "There is no field `radius` in `mask`. The fields are `file_id` or `edge_radius`."
        );
    }
}
