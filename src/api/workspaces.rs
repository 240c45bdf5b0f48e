//! `/api/v1/workspaces/{id}/…`: every REST resource of a workspace on one screen, with its method and scope.
//! Not for: what each does (one file each), or authentication (`rest`).

use super::rest::{self, Call, Outcome};
use super::{audit, grants, ledger, media, provider_keys, runs, workflows};
use crate::error::{Code, Refusal};
use crate::http::{Payload, Request, Response};
use crate::oauth::{Caller, Scope};
use crate::platform::Platform;

pub const PREFIX: &str = "/api/v1/workspaces/";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource<'a> {
    Ledger,
    Audit,
    Grants,
    Runs,
    Media,
    File(&'a str),
    Workflows,
    Validate,
    Workflow(&'a str),
    Versions(&'a str),
    ProviderKeys,
    ProviderKey(&'a str),
}

impl<'a> Resource<'a> {
    fn parse(path: &[&'a str]) -> Option<Self> {
        Some(match path {
            ["ledger"] => Resource::Ledger,
            ["audit"] => Resource::Audit,
            ["grants"] => Resource::Grants,
            ["runs"] => Resource::Runs,
            ["media"] => Resource::Media,
            ["media", id] if !id.is_empty() => Resource::File(id),
            ["workflows"] => Resource::Workflows,
            ["workflows", "validate"] => Resource::Validate,
            ["workflows", id] if !id.is_empty() => Resource::Workflow(id),
            ["workflows", id, "versions"] if !id.is_empty() => Resource::Versions(id),
            ["provider-keys"] => Resource::ProviderKeys,
            ["provider-keys", provider] if !provider.is_empty() => Resource::ProviderKey(provider),
            _ => return None,
        })
    }

    /// Of `Allow`.
    fn methods(self) -> &'static str {
        match self {
            Resource::Ledger
            | Resource::Audit
            | Resource::Runs
            | Resource::Media
            | Resource::Versions(_)
            | Resource::ProviderKeys => "GET, HEAD, OPTIONS",
            Resource::ProviderKey(_) => "PUT, DELETE, OPTIONS",
            Resource::File(_) => "GET, HEAD, PATCH, DELETE, OPTIONS",
            Resource::Grants | Resource::Validate => "POST, OPTIONS",
            Resource::Workflows => "GET, HEAD, POST, OPTIONS",
            Resource::Workflow(_) => "GET, HEAD, PUT, OPTIONS",
        }
    }

    fn scope(self, is_change: bool) -> Scope {
        match self {
            Resource::Ledger | Resource::Audit | Resource::ProviderKeys => Scope::WorkspacesRead,
            Resource::Grants | Resource::ProviderKey(_) => Scope::WorkspacesWrite,
            Resource::Runs => Scope::ForgeRead,
            Resource::File(_) if is_change => Scope::MediaWrite,
            Resource::Media | Resource::File(_) => Scope::MediaRead,
            Resource::Workflows | Resource::Workflow(_) if is_change => Scope::WorkflowsWrite,
            Resource::Workflows | Resource::Workflow(_) | Resource::Versions(_) | Resource::Validate => {
                Scope::WorkflowsRead
            }
        }
    }
}

pub async fn serve<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let then = async |caller: &Caller| answer(platform, request, request_id, caller).await;
    rest::admit(platform, request, request_id, then).await
}

async fn answer<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
    caller: &Caller,
) -> Response<P::Stream> {
    let segments: Vec<_> = request.path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
    let (id, rest) = segments.split_first().unwrap_or((&"", &[]));
    let Some(resource) = Resource::parse(rest) else {
        let refusal = Refusal::invalid("A workspace has no such resource.")
            .next("There are ledger, audit, grants, runs, media, workflows and provider-keys.");
        return rest::with_status(404, &refusal, request_id);
    };
    if !resource.methods().split(", ").any(|method| method == request.method) {
        return rest::method_not_allowed(resource.methods(), request_id);
    }
    let is_change = !matches!(request.method.as_str(), "GET" | "HEAD");
    let call = match Call::new(platform, request, request_id, caller, id) {
        Ok(call) => call,
        Err(refusal) => return rest::refuse(&refusal, request_id),
    };
    if let Some(lacking) = call.lacks(resource.scope(is_change)) {
        return lacking;
    }
    if request.payload == Payload::TooLarge {
        return rest::too_large(request_id);
    }
    let outcome = if is_change { change(&call, resource).await } else { read(&call, resource).await };
    rest::respond(&call, outcome)
}

async fn read<P: Platform>(call: &Call<'_, P>, resource: Resource<'_>) -> Outcome<P::Stream> {
    match resource {
        Resource::Ledger => ledger::list(call).await,
        Resource::Audit => audit::list(call).await,
        Resource::Runs => runs::list(call).await,
        Resource::Media => media::list(call).await,
        Resource::File(id) => media::get(call, id).await,
        Resource::Workflows => workflows::list(call).await,
        Resource::Workflow(id) => workflows::get(call, id).await,
        Resource::Versions(id) => workflows::versions(call, id).await,
        Resource::ProviderKeys => provider_keys::list(call).await,
        Resource::Grants | Resource::Validate | Resource::ProviderKey(_) => Err(odd()),
    }
}

async fn change<P: Platform>(call: &Call<'_, P>, resource: Resource<'_>) -> Outcome<P::Stream> {
    call.only(&[])?;
    if resource == Resource::Validate {
        return workflows::validate(call).await;
    }
    call.confirm().await?;
    match resource {
        Resource::Grants => grants::create(call).await,
        Resource::Workflows => workflows::create(call).await,
        Resource::Workflow(id) => workflows::update(call, id).await,
        Resource::File(id) if call.request.method == "DELETE" => media::delete(call, id).await,
        Resource::File(id) => media::update(call, id).await,
        Resource::ProviderKey(name) if call.request.method == "DELETE" => {
            provider_keys::remove(call, name).await
        }
        Resource::ProviderKey(name) => provider_keys::set(call, name).await,
        _ => Err(odd()),
    }
}

fn odd() -> crate::tools::Fault {
    Refusal::new(Code::Internal, "This method leads nowhere.").into()
}
