//! How a person shows who they are: through the operator's OpenID Connect provider, through GitHub, or, on the machine
//! the gateway runs on, by saying so. What comes out is a browser session.
//! Not for: what a client may do in that person's name (`oauth`), or the pages of a signed-in person (`pages`).

pub mod arrive;
pub mod attempt;
pub mod github;
pub mod oidc;
pub mod session;

use crate::config::Config;
use crate::html::problem::Problem;
use crate::html::sign_in::{Choice, DevelopmentForm, SignIn};
use crate::html::{self, problem};
use crate::http::{Request, Response, percent_encode};
use crate::id::PersonId;
use crate::oauth::redirect;
use crate::origin;
use crate::platform::{Budget, Level, Platform};
use serde_json::json;
pub use session::Session;

/// The development person: one click, on loopback only.
pub const DEVELOPER: &str = "developer@localhost";

/// Whom a provider vouches for.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Verified, in lower case.
    pub email: String,
    pub name: Option<String>,
}

/// A sentence for the person whose sign-in ends here, and what to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct SignInFault {
    pub what: String,
    pub next: String,
}

impl SignInFault {
    pub fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

/// Why nobody can sign in here, as a sentence for the operator; None when somebody can.
pub fn missing(config: &Config, is_local: bool) -> Option<&'static str> {
    let has_provider = config.oidc.is_some() || config.github.is_some();
    if has_provider && config.owners.is_empty() {
        return Some(
            "OWNER is not set: the address of whoever owns the first workspace. Set it in wrangler.toml.",
        );
    }
    (!has_provider && !is_local).then_some(
        "No sign-in is configured. Set OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET, and OWNER. Until then only personal access tokens work.",
    )
}

/// Whether this person owns the gateway. On the own machine, where nobody is named, everybody does.
pub fn is_owner(config: &Config, request: &Request, person: &PersonId) -> bool {
    match config.owners.as_slice() {
        [] => origin::is_local(config, request),
        owners => owners.iter().any(|address| PersonId::of(address) == *person),
    }
}

/// Whether anybody may say who they are: only where nobody else can reach the gateway, and no provider is set.
fn offers_development(config: &Config, request: &Request) -> bool {
    origin::is_local(config, request) && config.oidc.is_none() && config.github.is_none()
}

/// A path of this gateway to go back to; anything else would be an open redirect.
fn return_to(given: Option<&str>) -> String {
    let is_ours = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\')
    };
    given.filter(is_ours).unwrap_or("/account").to_owned()
}

/// `GET /sign-in?return=`
pub async fn page<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Response<P::Stream> {
    let config = platform.config();
    let back = return_to(request.parameter("return").as_deref());
    if let Some(what) = missing(config, origin::is_local(config, request)) {
        let fault = SignInFault::new(what, "Tell whoever runs this gateway.");
        return refuse(platform, 503, "Sign-in is not set up", &fault, request_id);
    }
    let choice = |label: String, provider: &str| Choice {
        label,
        href: format!("/sign-in/{provider}?return={}", percent_encode(&back)),
    };
    let mut choices = Vec::new();
    if let Some(oidc) = &config.oidc {
        choices.push(choice(origin::hostname(&oidc.issuer).to_owned(), "oidc"));
    }
    if config.github.is_some() {
        choices.push(choice("GitHub".into(), "github"));
    }
    let development =
        offers_development(config, request).then(|| DevelopmentForm { return_to: back.clone() });
    let context =
        back.starts_with("/oauth/authorize").then(|| "An app wants to connect to your account.".to_owned());
    let view = SignIn { context, choices, development, problem: None };
    html::page_in_popup(200, html::sign_in::sign_in(&view), "'self'")
}

/// `GET /sign-in/{oidc|github}?return=`: off to the provider.
pub async fn start<P: Platform>(
    platform: &P,
    request: &Request,
    provider: &str,
    request_id: &str,
) -> Response<P::Stream> {
    if !platform.within_budget(Budget::SignIn, request.address()).await {
        return too_many(platform, request_id);
    }
    let back = return_to(request.parameter("return").as_deref());
    let attempt = attempt::begin(platform, request, provider, back);
    let config = platform.config();
    let callback = format!("{}/sign-in/{provider}/callback", origin::public(config, request));
    let location = match (provider, &config.oidc, &config.github) {
        ("oidc", Some(oidc), _) => oidc::start(platform, request, oidc, &callback, &attempt).await,
        ("github", _, Some(github)) => Ok(github::start(github, &callback, &attempt)),
        _ => Err(SignInFault::new(
            "This way to sign in is not set up here.",
            "Choose one of the ways on the sign-in page.",
        )),
    };
    match location {
        Ok(location) => Response::see_other(location).with("set-cookie", attempt.cookie),
        Err(fault) => refuse(platform, 502, "Sign-in could not begin", &fault, request_id),
    }
}

/// `GET /sign-in/{oidc|github}/callback?code&state`: back from the provider.
pub async fn callback<P: Platform>(
    platform: &P,
    request: &Request,
    provider: &str,
    request_id: &str,
) -> Response<P::Stream> {
    if !platform.within_budget(Budget::SignIn, request.address()).await {
        return too_many(platform, request_id);
    }
    let attempt = match attempt::resume(platform, request, provider) {
        Ok(attempt) => attempt,
        Err(fault) => return refuse(platform, 400, "This sign-in cannot go on", &fault, request_id),
    };
    let config = platform.config();
    let callback = format!("{}/sign-in/{provider}/callback", origin::public(config, request));
    let identity = match (provider_fault(request), provider, &config.oidc, &config.github) {
        (Some(fault), ..) => Err(fault),
        (None, "oidc", Some(oidc), _) => oidc::finish(platform, request, oidc, &callback, &attempt).await,
        (None, "github", _, Some(github)) => {
            github::finish(platform, request, github, &callback, &attempt).await
        }
        _ => Err(SignInFault::new(
            "This way to sign in is not set up here.",
            "Choose another on the sign-in page.",
        )),
    };
    match identity {
        Ok(identity) => enter(platform, request, identity, &attempt.return_to, request_id).await,
        Err(fault) => refuse(platform, 403, "You are not signed in", &fault, request_id),
    }
}

/// The provider said no (RFC 6749 section 4.1.2.1).
fn provider_fault(request: &Request) -> Option<SignInFault> {
    let error = request.parameter("error")?;
    let told: String = request.parameter("error_description").unwrap_or(error).chars().take(200).collect();
    Some(SignInFault::new(
        format!("The sign-in provider answered: {told}"),
        "Try again, or choose another account.",
    ))
}

/// `POST /sign-in/development`
pub async fn development<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Response<P::Stream> {
    let form = request.form().unwrap_or_default();
    if !offers_development(platform.config(), request) || is_cross_site(request) {
        let fault = SignInFault::new(
            "The development sign-in works only on the computer the gateway runs on, from its own page.",
            "Use one of the ways on the sign-in page.",
        );
        return refuse(platform, 403, "Not here", &fault, request_id);
    }
    let email = form.get("email").unwrap_or(DEVELOPER).trim().to_lowercase();
    if !arrive::is_address(&email) {
        let fault =
            SignInFault::new("That is not an address.", "Go back and write one such as ada@example.com.");
        return refuse(platform, 400, "Sign-in could not begin", &fault, request_id);
    }
    let back = return_to(form.get("return"));
    enter(platform, request, Identity { email, name: None }, &back, request_id).await
}

/// A form that another site's page sent.
fn is_cross_site(request: &Request) -> bool {
    request.headers.get("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

async fn enter<P: Platform>(
    platform: &P,
    request: &Request,
    identity: Identity,
    back: &str,
    request_id: &str,
) -> Response<P::Stream> {
    let is_development = offers_development(platform.config(), request);
    match arrive::arrive(platform, &identity, is_development).await {
        Ok(profile) => {
            let cookie = session::open(platform, request, &identity, profile.epoch);
            Response::see_other(back.to_owned())
                .with("set-cookie", cookie)
                .with("set-cookie", attempt::forget(platform.config(), request))
        }
        Err(fault) => {
            platform.log(
                Level::Warn,
                "sign_in.refused",
                json!({ "request_id": request_id, "reason": fault.what }),
            );
            refuse(platform, 403, "You cannot sign in here", &fault, request_id)
        }
    }
}

/// `POST /sign-out`
pub async fn sign_out<P: Platform>(platform: &P, request: &Request) -> Response<P::Stream> {
    let form = request.form().unwrap_or_default();
    let session = session::current(platform, request).await.ok().flatten();
    let is_ours = session.is_none_or(|session| session.allows(platform, &form));
    let back = form.get("return").map_or_else(|| "/".to_owned(), |path| return_to(Some(path)));
    let response = Response::see_other(back);
    if is_ours { response.with("set-cookie", session::close(platform.config(), request)) } else { response }
}

fn too_many<P: Platform>(platform: &P, request_id: &str) -> Response<P::Stream> {
    let fault =
        SignInFault::new("Too many sign-ins came from your address.", "Wait a minute, then try again.");
    refuse(platform, 429, "Not so fast", &fault, request_id).with("retry-after", "60")
}

/// A page for what cannot go on.
pub fn refuse<P: Platform>(
    _: &P,
    status: u16,
    title: &str,
    fault: &SignInFault,
    request_id: &str,
) -> Response<P::Stream> {
    let link = Some(problem::Link { label: "Start page".into(), href: "/".into() });
    let view = Problem {
        title: title.to_owned(),
        what: fault.what.clone(),
        next: fault.next.clone(),
        request_id: request_id.to_owned(),
        link,
    };
    html::page_in_popup(status, problem::problem(&view), "'self'")
}

/// Forms of a page that ends in a redirect to this URI.
pub fn form_action(redirect_uri: &str) -> String {
    format!("'self' {}", redirect::csp_source(redirect_uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_paths_are_gone_back_to() {
        assert_eq!(return_to(Some("/oauth/authorize?a=b%20c")), "/oauth/authorize?a=b%20c");
        for elsewhere in
            ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a b", "/a\nb", ""]
        {
            assert_eq!(return_to(Some(elsewhere)), "/account", "{elsewhere}");
        }
    }
}
