//! `GET /oauth/userinfo` (OpenID Connect Core section 5.3): who the token's person is, for hosts that limit a
//! connector to addresses of one domain.

use super::account::{self, Account};
use super::bearer::{self, Denied};
use super::discovery;
use super::error::OAuthError;
use crate::error::{Code, Refusal};
use crate::http::{Request, Response};
use crate::origin;
use crate::platform::Platform;
use serde_json::json;

pub async fn userinfo<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let issuer = origin::public(platform.config(), request);
    let denied = match bearer::authenticate(platform, request).await {
        Ok(caller) => {
            match platform.ask::<Account>(caller.person.as_str(), account::Command::Profile).await {
                Ok(account::Reply::Profile(profile)) => {
                    let mut body =
                        json!({ "sub": caller.person, "email": profile.email, "email_verified": true });
                    if let (Some(fields), Some(name)) = (body.as_object_mut(), profile.name) {
                        fields.insert("name".into(), name.into());
                    }
                    let response = Response::json(200, body.to_string()).with("cache-control", "no-store");
                    return discovery::share(response);
                }
                // Somebody for whom the operator made a token and who never signed in.
                Ok(_) => {
                    let body = json!({ "sub": caller.person }).to_string();
                    return discovery::share(Response::json(200, body).with("cache-control", "no-store"));
                }
                Err(reason) => Denied::Unavailable(reason),
            }
        }
        Err(denied) => denied,
    };
    // Whoever is told 401 throws the token away.
    if let Denied::Unavailable(reason) = &denied {
        let fault = OAuthError::fault(platform, "userinfo.unavailable", reason);
        return discovery::share(fault.response());
    }
    let refusal = Refusal::new(Code::Unauthenticated, "This endpoint needs an access token.");
    discovery::share(bearer::unauthorized(&denied, issuer, "", refusal.envelope(request_id).to_string()))
}
