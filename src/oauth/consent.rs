//! What the consent page shows of an authorization request: who asks, where the person will be sent, as whom and for
//! which workspace, and every scope in plain words. Not for: its look (`html::consent`), or deciding (`authorize`).

use super::account::Standing;
use super::authorize::AuthorizationRequest;
use super::redirect;
use super::scope::{Scope, Scopes};
use crate::html::consent::{Consent, WorkspaceChoice};
use crate::html::scopes::ScopeChoice;
use crate::http::encode_form;
use crate::id::WorkspaceId;
use crate::platform::{Platform, Unavailable};
use crate::sign_in::Session;
use crate::workspace::{self, Command, Reply};

/// None: the person belongs to no workspace.
pub async fn view<P: Platform>(
    platform: &P,
    session: &Session,
    standing: Standing,
    asked: &AuthorizationRequest,
    sealed: String,
    problem: Option<&str>,
) -> Result<Option<Consent>, Unavailable> {
    let before = standing.earlier.filter(|_| may_be_remembered(asked));
    let last = before.as_ref().and_then(|grant| grant.workspace_id.as_ref());
    let workspaces = workspaces(platform, session, standing.workspaces, last).await?;
    if workspaces.is_empty() {
        return Ok(None);
    }
    let is_loopback = redirect::kind(&asked.redirect_uri) != Some(redirect::Kind::Https);
    Ok(Some(Consent {
        client_name: asked.client_name.clone(),
        client_host: asked.client_host.clone(),
        is_verified: asked.client_host.is_some(),
        redirect_host: redirect::place(&asked.redirect_uri),
        is_loopback,
        look_alike: redirect::look_alike(
            &asked.client_name,
            asked.client_host.as_deref(),
            &asked.redirect_uri,
        ),
        person: session.email.clone(),
        csrf: session.csrf(platform),
        request: sealed,
        return_to: Some(return_to(asked)),
        workspaces,
        scopes: scopes(asked.scopes, before.as_ref().map(|grant| grant.scopes)),
        remembered: before.is_some(),
        problem: problem.map(str::to_owned),
    }))
}

/// Whether what this person allowed this client at this address last time is shown and filled in; it is never taken as
/// the answer. Any program on the machine can stand at a loopback address, so there nothing is filled in.
fn may_be_remembered(asked: &AuthorizationRequest) -> bool {
    let is_borrowed =
        redirect::look_alike(&asked.client_name, asked.client_host.as_deref(), &asked.redirect_uri).is_some();
    !is_borrowed && redirect::kind(&asked.redirect_uri) == Some(redirect::Kind::Https)
}

async fn workspaces<P: Platform>(
    platform: &P,
    session: &Session,
    ids: Vec<WorkspaceId>,
    last: Option<&WorkspaceId>,
) -> Result<Vec<WorkspaceChoice>, Unavailable> {
    let mut choices = Vec::with_capacity(ids.len());
    for id in ids {
        let summary = Command::Summary { person: session.person.clone() };
        let Ok(Reply::Summary(summary)) = workspace::ask(platform, &id, summary).await? else { continue };
        choices.push(WorkspaceChoice {
            selected: last == Some(&id),
            id: id.to_string(),
            name: summary.name,
            role: summary.role.as_str().to_owned(),
            balance: summary.balance.words(),
        });
    }
    if !choices.iter().any(|choice| choice.selected)
        && let Some(first) = choices.first_mut()
    {
        first.selected = true;
    }
    Ok(choices)
}

/// A client that asks for everything gets ticked what it got last time; one that asks for certain things (a step-up)
/// needs just these.
fn scopes(asked: Scopes, before: Option<Scopes>) -> Vec<ScopeChoice> {
    let is_everything = asked == Scopes::for_apps();
    let last = is_everything.then_some(before).flatten();
    let choice = |scope: Scope| ScopeChoice::named(scope.as_str(), last.is_none_or(|last| last.has(scope)));
    asked.iter().filter_map(choice).collect()
}

/// The request again, for whoever signs in with another account.
fn return_to(asked: &AuthorizationRequest) -> String {
    let scope = asked.scopes.to_string();
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", &asked.client_id),
        ("redirect_uri", &asked.redirect_uri),
        ("scope", &scope),
        ("code_challenge", &asked.code_challenge),
        ("code_challenge_method", "S256"),
        ("resource", &asked.resource),
    ];
    fields.extend(asked.state.as_deref().map(|state| ("state", state)));
    format!("/oauth/authorize?{}", encode_form(&fields))
}
