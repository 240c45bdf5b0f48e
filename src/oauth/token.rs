//! `POST /oauth/token`: a code or a refresh token for an access token and the next refresh token.
//! Spec: OAuth 2.1 sections 3.2, 4.1.3 and 4.3; RFC 8707 section 2.2 (`resource`).

use super::access::{self, LIFETIME_SECONDS, Subject};
use super::account::{self, Account, Redeemed, Redemption, Refreshing, grants};
use super::client;
use super::client_auth::{self, Given};
use super::discovery;
use super::error::OAuthError;
use super::opaque::{self, Claimed, Kind};
use super::scope::Scopes;
use crate::http::{Form, Payload, Request, Response};
use crate::id::{GrantId, PersonId};
use crate::origin;
use crate::platform::{Budget, Level, Platform};
use serde_json::{Value, json};

/// RFC 7636 section 4.1.
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

pub async fn token<P: Platform>(platform: &P, request: &Request) -> Response<P::Stream> {
    let response = match answer(platform, request).await {
        Ok(body) => {
            Response::json(200, body.to_string()).with("cache-control", "no-store").with("pragma", "no-cache")
        }
        Err(error) => {
            let fields = json!({ "error": error.error, "description": error.description });
            platform.log(Level::Info, "token.refused", fields);
            error.response()
        }
    };
    discovery::share(response)
}

async fn answer<P: Platform>(platform: &P, request: &Request) -> Result<Value, OAuthError> {
    let form = form(request)?;
    let grant_type =
        form.get("grant_type").ok_or_else(|| OAuthError::invalid_request("grant_type is missing."))?;
    if !matches!(grant_type, "authorization_code" | "refresh_token") {
        let why = "Only the grant types authorization_code and refresh_token are served here.";
        return Err(OAuthError::new("unsupported_grant_type", why));
    }
    if !platform.within_budget(Budget::Token, request.address()).await {
        return Err(OAuthError::too_many(60));
    }
    let given = client_auth::given(request, &form)?;
    if !given.is_bare() {
        client_auth::authenticate(platform, request, &given).await?;
    }
    let issuer = origin::public(platform.config(), request);
    let resource = resource(&form, issuer)?;
    let outcome = if grant_type == "authorization_code" {
        redeem(platform, &form, &given, resource).await
    } else {
        refresh(platform, &form, &given, resource).await
    };
    match outcome {
        Ok(issued) => respond(platform, issuer, &given.client_id, issued).await,
        // The grant knows its client, so a public one is looked up only to tell it apart from one that has vanished:
        // on `invalid_client` a hosted client registers anew.
        Err(error) if error.status == 400 && given.is_bare() => {
            match client_auth::authenticate(platform, request, &given).await {
                Err(unknown) if unknown.status == 401 => Err(unknown),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// The fields of a token or revocation request.
pub fn form(request: &Request) -> Result<Form, OAuthError> {
    if request.payload == Payload::TooLarge {
        return Err(OAuthError::invalid_request("The body is too large.").status(413));
    }
    let form = request.form().ok_or_else(|| {
        OAuthError::invalid_request("Send the parameters as application/x-www-form-urlencoded in the body.")
    })?;
    match form.repeated() {
        Some(_) => Err(OAuthError::invalid_request("A parameter is there twice.")),
        None => Ok(form),
    }
}

/// The one resource that tokens here are for: one granted under a former name of the gateway would open nothing, and its
/// client would refresh for ever. Err: the request names another.
fn resource(form: &Form, issuer: &str) -> Result<String, OAuthError> {
    let mut given = form.all("resource").filter(|value| !value.is_empty());
    if !given.all(|value| discovery::names_us(value, issuer)) {
        let why = format!("resource must be {}, the resource of this gateway.", discovery::resource(issuer));
        return Err(OAuthError::new("invalid_target", why));
    }
    Ok(discovery::resource(issuer))
}

/// What goes into the answer.
struct Issued {
    claimed: Claimed,
    grant_id: GrantId,
    granted: Redeemed,
}

async fn redeem<P: Platform>(
    platform: &P,
    form: &Form,
    client: &Given,
    resource: String,
) -> Result<Issued, OAuthError> {
    let code = form.get("code").ok_or_else(|| OAuthError::invalid_request("code is missing."))?;
    let verifier = form.get("code_verifier").ok_or_else(|| {
        OAuthError::invalid_request(
            "code_verifier is missing: every code here is bound to a code_challenge (PKCE).",
        )
    })?;
    if !VERIFIER_CHARS.contains(&verifier.len()) {
        return Err(OAuthError::invalid_request("code_verifier must have 43 to 128 characters."));
    }
    let claimed = opaque::parse(platform.config(), Kind::AuthorizationCode, code);
    let (claimed, grant_id) = with_grant(claimed)
        .ok_or_else(|| OAuthError::invalid_grant("The code is not one of this gateway."))?;
    let redemption = Redemption {
        grant_id: grant_id.clone(),
        code_hash: opaque::hash(code),
        code_verifier: verifier.to_owned(),
        client_id: client.client_id.clone(),
        is_authenticated: !client.is_bare(),
        redirect_uri: form.get("redirect_uri").map(str::to_owned),
        resource: Some(resource),
    };
    let reply = ask(platform, &claimed.person, account::Command::Redeem(redemption)).await?;
    match reply {
        account::Reply::Redeemed(granted) => Ok(Issued { claimed, grant_id, granted: *granted }),
        account::Reply::Reused => {
            platform.log(
                Level::Warn,
                "code.replayed",
                json!({ "grant_id": grant_id, "client_id": client.client_id }),
            );
            let why = "The code was used before. What it issued is revoked: connect again.";
            Err(OAuthError::invalid_grant(why))
        }
        account::Reply::Expired => {
            let why = format!("The code has expired after {} seconds. Connect again.", grants::CODE_SECONDS);
            Err(OAuthError::invalid_grant(why))
        }
        other => Err(refused(other, "The code is not known here.")),
    }
}

async fn refresh<P: Platform>(
    platform: &P,
    form: &Form,
    client: &Given,
    resource: String,
) -> Result<Issued, OAuthError> {
    let token =
        form.get("refresh_token").ok_or_else(|| OAuthError::invalid_request("refresh_token is missing."))?;
    let claimed = opaque::parse(platform.config(), Kind::RefreshToken, token);
    let (claimed, grant_id) = with_grant(claimed)
        .ok_or_else(|| OAuthError::invalid_grant("The refresh token is not one of this gateway."))?;
    let wanted = form.get("scope").map(Scopes::known).filter(|scopes| !scopes.is_empty());
    let refreshing = Refreshing {
        grant_id: grant_id.clone(),
        secret: claimed.secret,
        client_id: client.client_id.clone(),
        is_authenticated: !client.is_bare(),
        resource: Some(resource),
        scopes: wanted,
    };
    match ask(platform, &claimed.person, account::Command::Refresh(refreshing)).await? {
        account::Reply::Refreshed(granted) => Ok(Issued { claimed, grant_id, granted: *granted }),
        account::Reply::TooWide => {
            let why = "scope asks for more than was granted. Send the person through authorization again.";
            Err(OAuthError::new("invalid_scope", why))
        }
        account::Reply::Reused => {
            platform.log(
                Level::Warn,
                "refresh.replayed",
                json!({ "grant_id": grant_id, "client_id": client.client_id }),
            );
            let why = "The refresh token was replaced long ago. Its family is revoked: connect again.";
            Err(OAuthError::invalid_grant(why))
        }
        account::Reply::Expired => {
            Err(OAuthError::invalid_grant("The refresh token was not used for 90 days. Connect again."))
        }
        other => Err(refused(other, "The refresh token is not known here.")),
    }
}

fn with_grant(claimed: Option<Claimed>) -> Option<(Claimed, GrantId)> {
    let claimed = claimed?;
    let grant_id = GrantId::parse(&claimed.id)?;
    Some((claimed, grant_id))
}

/// A person's `Account`, where it cannot be reached as an answer of these endpoints.
pub async fn ask<P: Platform>(
    platform: &P,
    person: &PersonId,
    command: account::Command,
) -> Result<account::Reply, OAuthError> {
    platform
        .ask::<Account>(person.as_str(), command)
        .await
        .map_err(|reason| OAuthError::fault(platform, "token.unavailable", &reason))
}

fn refused(reply: account::Reply, unknown: &str) -> OAuthError {
    match reply {
        account::Reply::Mismatch(why) => OAuthError::invalid_grant(why),
        account::Reply::Unauthenticated => {
            OAuthError::invalid_client("This client must authenticate as it registered to.", false)
        }
        account::Reply::Revoked => OAuthError::invalid_grant("The authorization was revoked. Connect again."),
        _ => OAuthError::invalid_grant(unknown),
    }
}

async fn respond<P: Platform>(
    platform: &P,
    issuer: &str,
    client_id: &str,
    issued: Issued,
) -> Result<Value, OAuthError> {
    let Issued { claimed, grant_id, granted } = issued;
    if granted.is_rare {
        client::keep(platform, client_id).await;
    }
    let subject = Subject {
        person: &claimed.person,
        client_id,
        grant_id: &grant_id,
        workspace_id: &granted.workspace_id,
        scopes: granted.scopes,
        resource: &granted.resource,
    };
    let access_token = access::mint(platform, issuer, &subject).map_err(|fault| {
        platform.log(Level::Error, "token.unsigned", json!({ "reason": fault.to_string() }));
        OAuthError::unavailable("The token could not be signed.")
    })?;
    let refresh_token = opaque::compose(
        platform.config(),
        Kind::RefreshToken,
        &claimed.person,
        grant_id.as_str(),
        &granted.refresh_secret,
    );
    Ok(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
        "refresh_token": refresh_token,
        "scope": granted.scopes,
    }))
}
