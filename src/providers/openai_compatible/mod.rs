//! `openai_compatible`: a server of the operator's own that speaks OpenAI's language (LocalAI, stable-diffusion.cpp and
//! others), and what that language is, which `openai` shares.

pub mod form;
pub mod image;
pub mod mask;
pub mod refusal;

use super::adapter::{Adapter, Answer, Call, Check, Class, Failure, FileForm, Progress, Submitted};
use super::{Kind, Provider};
use serde_json::Value;

pub const PROVIDER: Provider =
    Provider { name: "openai_compatible", title: "OpenAI-compatible", models: &[], kind: Kind::Remote(ADAPTER) };

const ADAPTER: Adapter = Adapter {
    home: "",
    key_hosts: &[],
    file_hosts: &[],
    authorize: |key| ("authorization", format!("Bearer {key}")),
    needs_key: false,
    files: FileForm::Bytes,
    plan: |_| Err(Failure::new(Class::Unavailable, "Not there yet.")),
    read_submit: |_, _| Submitted::Unknown(String::new()),
    poll: |site, _| Call::get(site.at("")),
    read_status: |_, _, _| Progress::Unclear(String::new()),
    cancel: None,
    find: None,
    callback: None,
    check: Check { plan: |site| Call::get(format!("{}/models", base(site.at("")))), read: |answer| read_models(answer, "The server") },
    keeps_outputs_seconds: 3600,
    concurrency: 1,
    first_poll_millis: 2_000,
    blacks_out: false,
};

/// Where the routes are: below `/v1`, unless the address names a path already.
pub fn base(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    if rest.contains('/') { address.to_owned() } else { format!("{address}/v1") }
}

/// The list of models costs nothing and wants the key.
pub fn read_models(answer: &Answer, title: &str) -> Result<String, Failure> {
    let body = answer.json().unwrap_or_default();
    match body.get("data").and_then(Value::as_array) {
        Some(models) if answer.is_success() => Ok(format!("{title} answers and has {} models.", models.len())),
        None if answer.is_success() => {
            Err(Failure::new(Class::Internal, format!("{title} answered with something else than its models.")))
        }
        _ => Err(refusal::failure(answer, title, "")),
    }
}
