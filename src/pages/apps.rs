//! `/account`: the apps a person has connected, when each was last here, and how to send them away.

use super::{Fault, Outcome, Visit, allowance, told};
use crate::html::account::{Account, App, account};
use crate::html::{self, Section, scopes};
use crate::http::Response;
use crate::id::{GrantId, WorkspaceId};
use crate::oauth::account::{Changed, Command, CredentialId, GrantRow, Reply};
use crate::platform::{Level, Platform};
use crate::sign_in::session;
use crate::workspace::Summary;
use serde_json::json;

const DONE: &[(&str, &str)] = &[
    (
        "disconnected",
        "The app is disconnected. It can spend nothing from now on, and read nothing after a minute.",
    ),
    ("joined", "You have joined the workspace. Apps you connect from now on can use it."),
    allowance::CHANGED,
];

pub async fn show<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let grants = match visit.ask(Command::Grants).await? {
        Reply::Grants(grants) => grants,
        _ => Vec::new(),
    };
    let workspaces = visit.workspaces().await?;
    let view = Account {
        nav: visit.nav(Section::Apps),
        notice: visit.notice(DONE),
        apps: grants.into_iter().map(|grant| app(grant, &workspaces)).collect(),
        connector_url: visit.connector_url(),
    };
    Ok(html::page(200, account(&view), "'self'"))
}

fn app(grant: GrantRow, workspaces: &[(WorkspaceId, Summary)]) -> App {
    let named = |id: &WorkspaceId| {
        workspaces.iter().find(|(known, _)| known == id).map(|(_, summary)| summary.name.clone())
    };
    App {
        grant_id: grant.grant_id.to_string(),
        client_name: grant.client_name,
        client_host: grant.client_host,
        workspace: grant
            .workspace_id
            .as_ref()
            .and_then(named)
            .unwrap_or_else(|| "a workspace you have left".into()),
        scopes: grant
            .scopes
            .iter()
            .filter_map(|scope| scopes::title(scope.as_str()))
            .map(str::to_owned)
            .collect(),
        connected_at: grant.created_at.words(),
        last_used: grant.last_used_at.map(|at| at.words()),
        is_loopback: grant.is_loopback,
        allowance: grant.allowance,
    }
}

/// `POST /account/apps/revoke`
pub async fn revoke<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let grant_id = visit.form.get("grant_id").and_then(GrantId::parse).ok_or_else(not_yours)?;
    match visit.ask(Command::RevokeGrant { grant_id: grant_id.clone(), client_id: None }).await? {
        Reply::Changed(ended) => {
            visit.platform.log(Level::Info, "grant.revoked", json!({ "grant_id": grant_id }));
            visit.tell("app.disconnected", &ended, json!({})).await;
            Ok(Response::see_other("/account?done=disconnected"))
        }
        _ => Err(not_yours()),
    }
}

/// `POST /account/apps/allowance`
pub async fn limit<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let grant_id = visit.form.get("grant_id").and_then(GrantId::parse).ok_or_else(not_yours)?;
    allowance::change(visit, CredentialId::Grant(grant_id), "/account", not_yours).await
}

fn not_yours() -> Fault {
    told(404, "No app of yours is connected by that name.", "Go back to your account page and look again.")
}

/// `POST /account/sign-out-everywhere`
pub async fn sign_out_everywhere<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let ended = match visit.ask(Command::SignOutEverywhere).await? {
        Reply::Changed(ended) => ended,
        _ => Vec::new(),
    };
    let everywhere = Changed { id: visit.session.person.to_string(), workspace_id: None };
    visit.tell("person.signed_out_everywhere", &[everywhere], json!({})).await;
    visit.tell("app.disconnected", &ended, json!({ "by": "signing out everywhere" })).await;
    visit.platform.log(
        Level::Info,
        "person.signed_out_everywhere",
        json!({ "person": visit.session.person }),
    );
    Ok(Response::see_other("/sign-in")
        .with("set-cookie", session::close(visit.platform.config(), visit.request)))
}
