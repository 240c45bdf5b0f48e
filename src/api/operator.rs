//! What the operator does before there are people: make a workspace, a token, a grant; revoke a token. Guarded
//! by OPERATOR_KEY; without that setting none of it exists.

use super::grants::repeatable;
use crate::crypto;
use crate::error::{Code, Refusal};
use crate::http::{Payload, Request, Response};
use crate::id::{PersonId, TokenId, WorkspaceId};
use crate::oauth::account::{self, Account, Changed, NewToken};
use crate::oauth::opaque::{self, Kind};
use crate::oauth::{Scopes, bearer, trail};
use crate::platform::{Level, Platform, Unavailable};
use crate::units::{Allowance, Units};
use crate::workspace::{self, Actor, Command, Grant, Role, Workspace};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Characters of a person's label, a workspace's or a token's name.
const MAX_NAME_CHARS: usize = 200;

pub(super) enum Fault {
    Refused(Refusal),
    Unavailable(Unavailable),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl From<Unavailable> for Fault {
    fn from(reason: Unavailable) -> Self {
        Fault::Unavailable(reason)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    /// Who it is for: an address, or any name the operator knows them by.
    person: String,
    /// Join this one, or make a new one.
    workspace_id: Option<String>,
    workspace_name: Option<String>,
    /// To a new workspace.
    grant_creative_units: Option<f64>,
    /// Of the token.
    name: Option<String>,
    /// Space-separated; absent: all that an app may have.
    scopes: Option<String>,
    expires_in_days: Option<u32>,
    /// What the token may spend; absent: no limit of its own.
    max_creative_units_per_day: Option<f64>,
    max_creative_units_per_month: Option<f64>,
}

pub async fn create_token<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Response<P::Stream> {
    respond(platform, request_id, create(platform, request, &Actor::operator(request_id)).await)
}

async fn create<P: Platform>(platform: &P, request: &Request, actor: &Actor) -> Result<Value, Fault> {
    let input: CreateToken = authorized(platform, request)?;
    let person = PersonId::of(name("person", &input.person)?);
    let scopes = input.scopes.as_deref().map_or(Ok(Scopes::for_apps()), Scopes::parse).map_err(|word| {
        Refusal::invalid(format!("`scopes`: `{word}` is not a scope. All of them: {}.", Scopes::all()))
    })?;
    if input.expires_in_days == Some(0) {
        let why = "`expires_in_days` must be at least 1; leave it out for a token that does not expire.";
        return Err(Refusal::invalid(why).into());
    }
    let allowance = Allowance {
        per_day: limit("max_creative_units_per_day", input.max_creative_units_per_day)?,
        per_month: limit("max_creative_units_per_month", input.max_creative_units_per_month)?,
    };
    let now = platform.now();
    let workspace_id = match &input.workspace_id {
        Some(text) => join_workspace(platform, text, &input, &person, actor).await?,
        None => create_workspace(platform, &input, &person, actor).await?,
    };
    let joined = account::Command::Join { workspace_id: workspace_id.clone() };
    platform.ask::<Account>(person.as_str(), joined).await?;

    let token_id = TokenId::mint(now, &platform.random());
    let kind = Kind::PersonalAccessToken;
    let token = opaque::compose(platform.config(), kind, &person, token_id.as_str(), &platform.random());
    let expires_at = input.expires_in_days.map(|days| now.plus_seconds(i64::from(days) * 24 * 3600));
    let issued = NewToken {
        token_id: token_id.clone(),
        hash: opaque::hash(&token),
        name: input
            .name
            .unwrap_or_else(|| "made by the operator".into())
            .chars()
            .take(MAX_NAME_CHARS)
            .collect(),
        scopes,
        workspace_id: Some(workspace_id.clone()),
        expires_at,
        allowance,
    };
    let details = issued.details();
    if let account::Reply::Mismatch(why) =
        platform.ask::<Account>(person.as_str(), account::Command::Issue(issued)).await?
    {
        return Err(Refusal::invalid(why).into());
    }
    let made = Changed { id: token_id.to_string(), workspace_id: Some(workspace_id.clone()) };
    trail::tell(platform, &person, actor, "token.issued", &[made], &details).await;
    platform.log(
        Level::Info,
        "token.issued",
        json!({ "token_id": token_id, "workspace_id": workspace_id, "scopes": scopes }),
    );
    Ok(json!({
        "token": token,
        "token_id": token_id,
        "workspace_id": workspace_id,
        "person_id": person,
        "scopes": scopes,
        "expires_at": expires_at.map(|at| at.iso()),
        "max_creative_units_per_day": allowance.per_day,
        "max_creative_units_per_month": allowance.per_month,
    }))
}

/// What members see of the person.
fn shown(input: &CreateToken) -> Option<String> {
    Some(input.person.trim().to_owned())
}

async fn join_workspace<P: Platform>(
    platform: &P,
    workspace_id: &str,
    input: &CreateToken,
    member: &PersonId,
    actor: &Actor,
) -> Result<WorkspaceId, Fault> {
    let id =
        WorkspaceId::parse(workspace_id).ok_or_else(|| Refusal::invalid("`workspace_id` must be a UUID."))?;
    workspace::ask(
        platform,
        &id,
        Command::AddMember {
            actor: actor.clone(),
            person: member.clone(),
            role: Role::Member,
            label: shown(input),
        },
    )
    .await??;
    Ok(id)
}

async fn create_workspace<P: Platform>(
    platform: &P,
    input: &CreateToken,
    owner: &PersonId,
    actor: &Actor,
) -> Result<WorkspaceId, Fault> {
    let label = name("workspace_name", input.workspace_name.as_deref().unwrap_or("Workspace"))?.to_owned();
    let units = amount(input.grant_creative_units.unwrap_or(0.0))?;
    let id = WorkspaceId::mint(platform.now(), &platform.random());
    platform.ask::<Workspace>(id.as_str(), Command::Create { name: label }).await?;
    workspace::ask(
        platform,
        &id,
        Command::AddMember {
            actor: actor.clone(),
            person: owner.clone(),
            role: Role::Owner,
            label: shown(input),
        },
    )
    .await??;
    if units != Units::ZERO {
        let (actor, note) = (actor.clone(), "first grant".into());
        let grant = Grant { amount: units, actor, note, idempotency: None };
        workspace::ask(platform, &id, Command::Grant(grant)).await??;
    }
    Ok(id)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeToken {
    /// The token itself, or its id with the person it is for.
    token: Option<String>,
    token_id: Option<String>,
    person: Option<String>,
}

pub async fn revoke_token<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Response<P::Stream> {
    respond(platform, request_id, revoke(platform, request, request_id).await)
}

async fn revoke<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Result<Value, Fault> {
    let input: RevokeToken = authorized(platform, request)?;
    let claimed = |token| opaque::parse(platform.config(), Kind::PersonalAccessToken, token);
    let by_token = input.token.as_deref().and_then(claimed);
    let by_id =
        input.token_id.as_deref().and_then(TokenId::parse).zip(input.person.as_deref().map(PersonId::of));
    let (token_id, person) = by_token
        .and_then(|claimed| Some((TokenId::parse(&claimed.id)?, claimed.person)))
        .or(by_id)
        .ok_or_else(|| Refusal::invalid("Give `token`, or `token_id` and `person`."))?;
    match platform
        .ask::<Account>(person.as_str(), account::Command::Revoke { token_id: token_id.clone() })
        .await?
    {
        account::Reply::Changed(ended) => {
            let actor = Actor::operator(request_id);
            trail::tell(platform, &person, &actor, "token.revoked", &ended, &json!({})).await;
            platform.log(Level::Info, "token.revoked", json!({ "token_id": token_id }));
            let note =
                format!("It stops spending at once and reading within {} seconds.", bearer::BELIEVE_SECONDS);
            Ok(json!({ "revoked": token_id, "note": note }))
        }
        _ => Err(Refusal::invalid("No such token was ever issued here.")
            .next("Give the whole token, or the token_id and person it was made with.")
            .into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GiveUnits {
    workspace_id: String,
    creative_units: f64,
    note: Option<String>,
    /// Repeat it when retrying: within 24 hours the units are added once.
    idempotency_key: Option<String>,
}

pub async fn grant<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    respond(platform, request_id, grant_units(platform, request, request_id).await)
}

async fn grant_units<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Result<Value, Fault> {
    let input: GiveUnits = authorized(platform, request)?;
    let id = WorkspaceId::parse(&input.workspace_id)
        .ok_or_else(|| Refusal::invalid("`workspace_id` must be a UUID."))?;
    let units = amount(input.creative_units)?;
    let note: String = input.note.unwrap_or_default().chars().take(MAX_NAME_CHARS).collect();
    let idempotency = repeatable(&id, units, &note, input.idempotency_key)?;
    let grant = Grant { amount: units, actor: Actor::operator(request_id), note, idempotency };
    workspace::ask(platform, &id, Command::Grant(grant)).await??;
    Ok(json!({ "workspace_id": id, "granted_creative_units": units }))
}

/// The body, once the key has been compared.
pub(super) fn authorized<P: Platform, T: DeserializeOwned>(
    platform: &P,
    request: &Request,
) -> Result<T, Fault> {
    check_key(platform, request)?;
    let Payload::Text(text) = &request.payload else {
        return Err(Refusal::invalid("The body is too large.").into());
    };
    serde_json::from_str(text).map_err(|fault| Refusal::invalid(format!("The body: {fault}.")).into())
}

pub(super) fn check_key<P: Platform>(platform: &P, request: &Request) -> Result<(), Fault> {
    let Some(key) = &platform.config().operator_key else {
        let refusal =
            Refusal::new(Code::Forbidden, "This gateway has no operator key, so this API is closed.");
        return Err(refusal
            .next("Set one: openssl rand -base64 32 | npx wrangler secret put OPERATOR_KEY")
            .into());
    };
    let given = request
        .headers
        .get("authorization")
        .and_then(|header| header.strip_prefix("Bearer "))
        .unwrap_or_default();
    // Hashed first, so that the comparison takes as long whatever the length.
    if !crypto::same(&crypto::sha256(given.as_bytes()), &crypto::sha256(key.reveal().as_bytes())) {
        let refusal = Refusal::new(Code::Unauthenticated, "The operator key is missing or wrong.");
        return Err(refusal.next("Send Authorization: Bearer with the value of OPERATOR_KEY.").into());
    }
    Ok(())
}

fn name<'a>(field: &str, text: &'a str) -> Result<&'a str, Refusal> {
    let text = text.trim();
    match text.chars().count() {
        1..=MAX_NAME_CHARS => Ok(text),
        count => Err(Refusal::invalid(format!(
            "`{field}` must have 1 to {MAX_NAME_CHARS} characters, not {count}."
        ))),
    }
}

fn amount(units: f64) -> Result<Units, Refusal> {
    Units::from_f64(units).ok_or_else(|| {
        Refusal::invalid(format!("An amount of Creative Units must be a number from 0, not {units}."))
    })
}

fn limit(field: &str, units: Option<f64>) -> Result<Option<Units>, Refusal> {
    let Some(units) = units else { return Ok(None) };
    Units::from_f64(units).map(Some).ok_or_else(|| {
        Refusal::invalid(format!(
            "`{field}` must be a number of Creative Units from 0, not {units}; leave it out for no limit."
        ))
    })
}

pub(super) fn respond<P: Platform>(
    platform: &P,
    request_id: &str,
    outcome: Result<Value, Fault>,
) -> Response<P::Stream> {
    let response = match outcome {
        Ok(body) => Response::json(200, body.to_string()),
        Err(Fault::Refused(refusal)) => {
            let refusal = match refusal.code {
                Code::WorkspaceNotFound => Refusal::new(refusal.code, "There is no workspace with this id.")
                    .next("Use the workspace_id that making its first token answered with."),
                _ => refusal,
            };
            Response::json(refusal.code.http_status(), refusal.envelope(request_id).to_string())
        }
        Err(Fault::Unavailable(reason)) => {
            platform.log(
                Level::Error,
                "operator.unavailable",
                json!({ "request_id": request_id, "reason": reason.0 }),
            );
            let refusal =
                Refusal::new(Code::Internal, "The gateway could not reach its own storage.").retry_after(2);
            Response::json(503, refusal.envelope(request_id).to_string())
        }
    };
    response.with("cache-control", "no-store")
}
