//! `POST /oauth/revoke` (RFC 7009): a client gives back a token. Either of its tokens ends the whole authorization;
//! a personal access token ends by being shown, whoever has it. What is unknown answers 200, as the RFC wants.

use super::access;
use super::account;
use super::client_auth;
use super::discovery;
use super::error::OAuthError;
use super::opaque::{self, Kind};
use super::token;
use super::trail;
use crate::http::{Request, Response};
use crate::id::{GrantId, PersonId, TokenId};
use crate::origin;
use crate::platform::{Budget, Platform};
use crate::workspace::Actor;
use serde_json::json;

pub async fn revoke<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let response = match answer(platform, request, request_id).await {
        Ok(()) => Response::empty(200).with("cache-control", "no-store"),
        Err(error) => error.response(),
    };
    discovery::share(response)
}

async fn answer<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Result<(), OAuthError> {
    let form = token::form(request)?;
    if !platform.within_budget(Budget::Token, request.address()).await {
        return Err(OAuthError::too_many(60));
    }
    let given = form.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing."))?;
    let config = platform.config();
    if let Some(claimed) = opaque::parse(config, Kind::PersonalAccessToken, given) {
        return end_personal(platform, &claimed.person, &claimed.id, given, request_id).await;
    }
    let client = client_auth::authenticate(platform, request, &client_auth::given(request, &form)?).await?;
    let issuer = origin::public(config, request);
    let resource = discovery::resource(issuer);
    let found = match opaque::parse(config, Kind::RefreshToken, given) {
        Some(claimed) => GrantId::parse(&claimed.id).map(|grant_id| (claimed.person, grant_id)),
        None => access::read_expired(platform, issuer, &resource, given)
            .ok()
            .and_then(|claims| Some((PersonId::parse(&claims.sub)?, claims.gid))),
    };
    let Some((person, grant_id)) = found else { return Ok(()) };
    let actor = Actor::person(&person, Some(grant_id.as_str()), request_id);
    let command = account::Command::RevokeGrant { grant_id, client_id: Some(client.client_id) };
    if let account::Reply::Changed(ended) = token::ask(platform, &person, command).await? {
        let details = json!({ "by": "the app itself" });
        trail::tell(platform, &person, &actor, "app.disconnected", &ended, &details).await;
    }
    Ok(())
}

/// Only whoever has the whole token may end it: the checksum alone is not proof.
async fn end_personal<P: Platform>(
    platform: &P,
    person: &PersonId,
    id: &str,
    given: &str,
    request_id: &str,
) -> Result<(), OAuthError> {
    let Some(token_id) = TokenId::parse(id) else { return Ok(()) };
    let command = account::Command::Verify { token_id: token_id.clone(), hash: opaque::hash(given) };
    if let account::Reply::Valid(_) = token::ask(platform, person, command).await? {
        let actor = Actor::person(person, Some(token_id.as_str()), request_id);
        let command = account::Command::Revoke { token_id };
        if let account::Reply::Changed(ended) = token::ask(platform, person, command).await? {
            let details = json!({ "by": "whoever holds it" });
            trail::tell(platform, person, &actor, "token.revoked", &ended, &details).await;
        }
    }
    Ok(())
}
