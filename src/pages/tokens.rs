//! `/account/tokens`: personal access tokens, made, shown once, and revoked.

use super::{Fault, Outcome, Visit, allowance, told};
use crate::html::parts::Named;
use crate::html::scopes::{self, ScopeChoice};
use crate::html::tokens::{MadeToken, Token, TokenForm, TokenState, Tokens, tokens};
use crate::html::{self, Section};
use crate::http::Response;
use crate::id::{TokenId, WorkspaceId};
use crate::oauth::account::{Changed, Command, CredentialId, NewToken, Reply, TokenRow};
use crate::oauth::opaque::{self, Kind};
use crate::oauth::scope::{self, Scope, Scopes};
use crate::platform::{Level, Platform};
use crate::time::Timestamp;
use crate::workspace::Summary;
use serde_json::json;

const DONE: &[(&str, &str)] = &[
    ("revoked", "The token is revoked. It can spend nothing from now on, and read nothing after a minute."),
    allowance::CHANGED,
];
const MAX_NAME_CHARS: usize = 80;
const LIFETIMES_IN_DAYS: &[i64] = &[7, 30, 90, 365];

type Workspaces = [(WorkspaceId, Summary)];

pub async fn show<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    page(visit, 200, TokenForm::default(), None).await
}

async fn page<P: Platform>(
    visit: &Visit<'_, P>,
    status: u16,
    form: TokenForm,
    made: Option<MadeToken>,
) -> Outcome<P::Stream> {
    let rows = match visit.ask(Command::Tokens).await? {
        Reply::Tokens(rows) => rows,
        _ => Vec::new(),
    };
    let workspaces = visit.workspaces().await?;
    let now = visit.platform.now();
    let chosen = Scopes::known(&visit.form.all("scope").collect::<Vec<_>>().join(" "));
    let view = Tokens {
        nav: visit.nav(Section::Tokens),
        notice: visit.notice(DONE),
        tokens: rows.into_iter().map(|row| token(row, &workspaces, now)).collect(),
        made,
        form: TokenForm {
            workspaces: workspaces
                .iter()
                .map(|(id, summary)| Named { id: id.to_string(), name: summary.name.clone() })
                .collect(),
            scopes: Scope::ALL
                .iter()
                .filter_map(|scope| ScopeChoice::named(scope.as_str(), chosen.has(*scope)))
                .collect(),
            ..form
        },
        connector_url: visit.connector_url(),
    };
    Ok(html::page(status, tokens(&view), "'self'"))
}

fn token(row: TokenRow, workspaces: &Workspaces, now: Timestamp) -> Token {
    let named = |id: &WorkspaceId| {
        workspaces.iter().find(|(known, _)| known == id).map(|(_, summary)| summary.name.clone())
    };
    let state = match (row.revoked_at, row.expires_at) {
        (Some(_), _) => TokenState::Revoked,
        (None, Some(at)) if at <= now => TokenState::Expired,
        _ => TokenState::Active,
    };
    let id = row.token_id.to_string();
    Token {
        hint: format!(
            "{}… {}",
            Kind::PersonalAccessToken.prefix(),
            id.get(id.len().saturating_sub(6)..).unwrap_or_default()
        ),
        token_id: id,
        name: row.name,
        scopes: row
            .scopes
            .iter()
            .filter_map(|scope| scopes::title(scope.as_str()))
            .map(str::to_owned)
            .collect(),
        workspace: row.workspace_id.as_ref().and_then(named),
        created_at: row.created_at.words(),
        expires_at: row.expires_at.map(|at| at.words()),
        last_used: row.last_used_at.map(|at| at.words()),
        state,
        allowance: row.allowance,
    }
}

/// `POST /account/tokens`
pub async fn create<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let given = |name: &str| visit.form.get(name).unwrap_or_default().trim().to_owned();
    let form = TokenForm {
        name: given("name"),
        preset: given("preset"),
        expires_in_days: given("expires_in_days"),
        workspace_id: given("workspace_id"),
        allowance: allowance::typed(&visit.form),
        ..TokenForm::default()
    };
    match issue(visit, &form).await? {
        Ok(made) => page(visit, 200, TokenForm::default(), Some(made)).await,
        Err(problem) => page(visit, 400, TokenForm { problem: Some(problem), ..form }, None).await,
    }
}

/// Inner Err: what is wrong with the form.
async fn issue<P: Platform>(
    visit: &Visit<'_, P>,
    form: &TokenForm,
) -> Result<Result<MadeToken, String>, Fault> {
    let length = form.name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&length) {
        return Ok(Err(format!(
            "Give it a name of 1 to {MAX_NAME_CHARS} characters, so that you know it again."
        )));
    }
    let scopes = match form.preset.as_str() {
        "custom" => Scopes::known(&visit.form.all("scope").collect::<Vec<_>>().join(" ")),
        preset => scope::preset(preset).unwrap_or_default(),
    };
    if scopes.is_empty() {
        return Ok(Err("Choose what it may do.".into()));
    }
    let now = visit.platform.now();
    let expires_at = match form.expires_in_days.as_str() {
        "never" => None,
        days => match days.parse().ok().filter(|days| LIFETIMES_IN_DAYS.contains(days)) {
            Some(days) => Some(now.plus_seconds(days * 24 * 3600)),
            None => return Ok(Err("Choose when it expires.".into())),
        },
    };
    let workspaces = visit.workspaces().await?;
    // Empty: any workspace the person belongs to when it is used.
    let workspace_id =
        workspaces.iter().map(|(id, _)| id).find(|id| id.as_str() == form.workspace_id).cloned();
    if workspace_id.is_none() && !form.workspace_id.is_empty() {
        return Ok(Err("Choose one of your workspaces.".into()));
    }
    let allowance = match allowance::read(&form.allowance) {
        Ok(allowance) => allowance,
        Err(told) => return Ok(Err(told.join(" "))),
    };
    let token_id = TokenId::mint(now, &visit.platform.random());
    let secret = visit.platform.random();
    let kind = Kind::PersonalAccessToken;
    let token =
        opaque::compose(visit.platform.config(), kind, &visit.session.person, token_id.as_str(), &secret);
    let issued = NewToken {
        token_id: token_id.clone(),
        hash: opaque::hash(&token),
        name: form.name.clone(),
        scopes,
        workspace_id: workspace_id.clone(),
        expires_at,
        allowance,
    };
    let details = issued.details();
    if let Reply::Mismatch(why) = visit.ask(Command::Issue(issued)).await? {
        return Ok(Err(why));
    }
    let made = Changed { id: token_id.to_string(), workspace_id: workspace_id.clone() };
    visit.tell("token.issued", &[made], details).await;
    let fields = json!({ "token_id": token_id, "workspace_id": workspace_id, "scopes": scopes });
    visit.platform.log(Level::Info, "token.issued", fields);
    Ok(Ok(MadeToken { name: form.name.clone(), token }))
}

/// `POST /account/tokens/allowance`
pub async fn limit<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let token_id = visit.form.get("token_id").and_then(TokenId::parse).ok_or_else(not_yours)?;
    allowance::change(visit, CredentialId::Token(token_id), "/account/tokens", not_yours).await
}

fn not_yours() -> Fault {
    told(404, "No token of yours is known by that id.", "Go back to your tokens and look again.")
}

/// `POST /account/tokens/revoke`
pub async fn revoke<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    let token_id = visit.form.get("token_id").and_then(TokenId::parse).ok_or_else(not_yours)?;
    match visit.ask(Command::Revoke { token_id: token_id.clone() }).await? {
        Reply::Changed(ended) => {
            visit.platform.log(Level::Info, "token.revoked", json!({ "token_id": token_id }));
            visit.tell("token.revoked", &ended, json!({})).await;
            Ok(Response::see_other("/account/tokens?done=revoked"))
        }
        _ => Err(not_yours()),
    }
}
