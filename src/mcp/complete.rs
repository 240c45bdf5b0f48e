//! `completion/complete`: model ids, workspace ids and the fixed words of prompt arguments, by prefix.

use super::era::Finished;
use super::message::RpcError;
use super::methods::{Refused, fault};
use super::{Exchange, prompts};
use crate::models::Modality;
use crate::oauth::account::{self, Account};
use crate::platform::Platform;
use crate::providers::Catalogue;
use serde_json::{Map, Value, json};

/// The most the protocol allows.
const MAX_VALUES: usize = 100;

pub async fn complete<P: Platform>(
    exchange: &Exchange<P>,
    params: &Map<String, Value>,
) -> Result<Finished, Refused> {
    let argument = params.get("argument").and_then(Value::as_object);
    let text = |name: &str| argument.and_then(|argument| argument.get(name)).and_then(Value::as_str);
    let (Some(name), Some(prefix)) = (text("name"), text("value")) else {
        return Err(RpcError::params("params.argument needs `name` and `value`, both strings.").into());
    };
    check_reference(params.get("ref"))?;
    let all = match name {
        "model_id" => {
            let catalogue = Catalogue::of(exchange.platform.config());
            catalogue.models().map(|model| model.id.to_owned()).collect()
        }
        "modality" => Modality::ALL.iter().map(|modality| modality.as_str().to_owned()).collect(),
        "workspace_id" => workspaces(exchange).await?,
        _ => Vec::new(),
    };
    let mut values: Vec<_> = all.into_iter().filter(|value| value.starts_with(prefix)).collect();
    let total = values.len();
    values.truncate(MAX_VALUES);
    let completion = json!({ "values": values, "total": total, "hasMore": total > MAX_VALUES });
    Ok(Finished::from(json!({ "completion": completion })))
}

/// Completes a prompt that exists, or a resource template.
fn check_reference(reference: Option<&Value>) -> Result<(), RpcError> {
    let field = |name: &str| reference.and_then(|reference| reference.get(name)).and_then(Value::as_str);
    match field("type") {
        Some("ref/prompt") => {
            let name = field("name").unwrap_or_default();
            #[cfg(feature = "conformance")]
            if super::fixtures::is_prompt(name) {
                return Ok(());
            }
            if prompts::ALL.iter().any(|prompt| prompt.name == name) {
                return Ok(());
            }
            Err(RpcError::params("params.ref names no prompt of this server."))
        }
        Some("ref/resource") => Ok(()),
        _ => Err(RpcError::params("params.ref.type must be \"ref/prompt\" or \"ref/resource\".")),
    }
}

async fn workspaces<P: Platform>(exchange: &Exchange<P>) -> Result<Vec<String>, Refused> {
    if let Some(bound) = &exchange.caller.workspace {
        return Ok(vec![bound.to_string()]);
    }
    let command = account::Command::Workspaces { after: None, limit: 100 };
    match exchange.platform.ask::<Account>(exchange.caller.person.as_str(), command).await {
        Ok(account::Reply::Workspaces(ids)) => Ok(ids.iter().map(ToString::to_string).collect()),
        Ok(_) => Ok(Vec::new()),
        Err(reason) => Err(fault(exchange, &reason).into()),
    }
}
