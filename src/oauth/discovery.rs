//! The documents by which a client that knows only the connector URL finds everything else: protected resource
//! metadata (RFC 9728), authorization server metadata (RFC 8414, and the same under OpenID Connect's address), the
//! public keys (RFC 7517).
//!
//! The issuer is the bare origin, the same to the letter in every document and token.

use super::client::AuthMethod;
use super::keys;
use super::scope::{Scope, Scopes};
use crate::http::{Request, Response};
use crate::origin;
use crate::platform::Platform;
use serde_json::{Value, json};

/// Every path that is a protected resource. Tokens are for the first, which is what clients connect to.
pub const RESOURCES: &[&str] = &["/mcp"];
const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
pub const JWKS_PATH: &str = "/.well-known/jwks.json";
/// Asks for a refresh token (OpenID Connect Core section 11); clients add it where they see it listed.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// None: the path is none of these documents.
pub fn document<P: Platform>(platform: &P, request: &Request) -> Option<Response<P::Stream>> {
    let issuer = origin::public(platform.config(), request);
    let path = request.path.as_str();
    let is_form_of = |base: &str| {
        path.strip_prefix(base).is_some_and(|rest| matches!(rest, "" | "/") || RESOURCES.contains(&rest))
    };
    let is_appended =
        RESOURCES.iter().any(|resource| path.strip_prefix(resource) == Some(OPENID_CONFIGURATION));
    let body = if is_form_of(PROTECTED_RESOURCE) {
        protected_resource(issuer, &request.query)
    } else if is_form_of(AUTHORIZATION_SERVER) || is_form_of(OPENID_CONFIGURATION) || is_appended {
        authorization_server(issuer)
    } else if path == JWKS_PATH {
        keys::jwks(platform)
    } else {
        return None;
    };
    Some(share(Response::json(200, body.to_string()).with("cache-control", "public, max-age=300")))
}

/// The resource that a token for this gateway is bound to.
pub fn resource(issuer: &str) -> String {
    format!("{issuer}{}", RESOURCES.first().copied().unwrap_or_default())
}

/// The address of the metadata for a request to `/mcp`, with the query that the person typed: some clients compare
/// the `resource` they find with the URL they were given, to the letter.
pub fn metadata_url(issuer: &str, query: &str) -> String {
    let base = format!("{issuer}{PROTECTED_RESOURCE}{}", RESOURCES.first().copied().unwrap_or_default());
    // Header fields hold no quote; nor does an honest query.
    let is_plain = query.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && !b"\"\\".contains(&byte));
    if query.is_empty() || !is_plain { base } else { format!("{base}?{query}") }
}

/// Whether a `resource` parameter (RFC 8707) names this gateway: the resource itself or the bare origin, with or without
/// a slash or the connector URL's query, host in any case.
pub fn names_us(given: &str, issuer: &str) -> bool {
    let base = given.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let host_end = base.find("://").map_or(0, |at| at + 3) + origin::host(base).len();
    let (authority, path) = base.split_at_checked(host_end).unwrap_or((base, ""));
    authority.eq_ignore_ascii_case(issuer) && (path.is_empty() || RESOURCES.contains(&path))
}

fn scopes() -> Vec<&'static str> {
    Scopes::for_apps().iter().map(Scope::as_str).collect()
}

fn protected_resource(issuer: &str, query: &str) -> Value {
    let resource = resource(issuer);
    json!({
        "resource": if query.is_empty() { resource } else { format!("{resource}?{query}") },
        "authorization_servers": [issuer],
        "scopes_supported": scopes(),
        "bearer_methods_supported": ["header"],
        "resource_name": "Atelier",
        "resource_documentation": format!("{issuer}/"),
    })
}

fn authorization_server(issuer: &str) -> Value {
    let methods: Vec<_> = AuthMethod::ALL.iter().map(|method| method.as_str()).collect();
    let with_offline: Vec<_> = scopes().into_iter().chain([OFFLINE_ACCESS]).collect();
    let signing = ["ES256", "RS256"];
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "registration_endpoint": format!("{issuer}/oauth/register"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "userinfo_endpoint": format!("{issuer}/oauth/userinfo"),
        "jwks_uri": format!("{issuer}{JWKS_PATH}"),
        "scopes_supported": with_offline,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
        "client_id_metadata_document_supported": true,
        "authorization_response_iss_parameter_supported": true,
        "prompt_values_supported": ["none", "consent"],
        // What OpenID Connect's address must have (Discovery section 3); no ID token is ever issued.
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["sub", "email", "email_verified", "name"],
        "service_documentation": format!("{issuer}/"),
    })
}

/// Any page may read these: they are the same for everybody and need no cookie.
pub fn share<S>(response: Response<S>) -> Response<S> {
    response.with("access-control-allow-origin", "*")
}

/// Preflights of the documents and of the endpoints that programs call.
pub fn preflight<S>() -> Response<S> {
    share(Response::empty(204))
        .with("access-control-allow-methods", "GET, POST, OPTIONS")
        .with("access-control-allow-headers", "Authorization, Content-Type, Accept, MCP-Protocol-Version")
        .with("access-control-max-age", "7200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_names_us_or_somebody_else() {
        let issuer = "https://gw.example";
        for given in [
            "https://gw.example",
            "https://gw.example/",
            "https://gw.example/mcp",
            "https://gw.example/mcp/",
            "https://GW.example/mcp?tools=forge",
        ] {
            assert!(names_us(given, issuer), "{given}");
        }
        for given in [
            "https://gw.example/other",
            "https://gw.example/mcp/x",
            "http://gw.example/mcp",
            "https://gw.example:8443/mcp",
            "https://gw.example@evil.example/mcp",
            "https://evil.example/mcp",
            "https://gw.example.evil.example",
            "mcp",
            "",
        ] {
            assert!(!names_us(given, issuer), "{given}");
        }
        assert_eq!(
            metadata_url(issuer, "tools=forge"),
            "https://gw.example/.well-known/oauth-protected-resource/mcp?tools=forge"
        );
        assert_eq!(
            metadata_url(issuer, "a=\"x"),
            "https://gw.example/.well-known/oauth-protected-resource/mcp"
        );
    }
}
