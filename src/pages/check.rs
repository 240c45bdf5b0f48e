//! `/account/check`: what an owner can look at when a client does not connect. Each row is something that was just
//! tried, and what to do where it failed.

use super::{Outcome, Visit, told};
use crate::html::check::{Check, CheckRow, CheckState, check};
use crate::html::{self, Section};
use crate::origin;
use crate::outbound::{self, FetchFault, Outbound, Reach};
use crate::platform::Platform;
use crate::sign_in;

/// A read of something that is not there: only whether storage answers matters.
const PROBE: &str = "self-check/absent";
/// A client gives up after ten seconds.
const PROBE_MILLIS: u32 = 8000;
const PROBE_BYTES: usize = 64 * 1024;
/// What claude.ai sends; a firewall rule against AI crawlers looks at it.
const CLAUDE_AGENT: &str = "Claude-User";

pub async fn show<P: Platform>(visit: &Visit<'_, P>) -> Outcome<P::Stream> {
    if !visit.is_owner() {
        return Err(told(403, "The self-check is for owners of the gateway.", "Ask one of them to open it."));
    }
    let rows = vec![
        address(visit),
        provider(visit).await,
        front_door(visit).await,
        documents(visit).await,
        key_value(visit).await,
        media(visit).await,
        secret(visit),
    ];
    let view = Check { nav: visit.nav(Section::Check), notice: None, rows };
    Ok(html::page(200, check(&view), "'self'"))
}

fn row(state: CheckState, title: &str, detail: impl Into<String>, fix: Option<&str>) -> CheckRow {
    CheckRow { state, title: title.to_owned(), detail: detail.into(), fix: fix.map(str::to_owned) }
}

fn address<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    const TITLE: &str = "Public address";
    let config = visit.platform.config();
    let public = origin::public(config, visit.request);
    if origin::is_loopback(public) {
        let fix = "Hosted clients such as Claude.ai and ChatGPT need a deployed gateway; clients on this computer do not.";
        return row(
            CheckState::Warn,
            TITLE,
            format!("{public} is reached from this computer only."),
            Some(fix),
        );
    }
    if !public.starts_with("https://") {
        return row(
            CheckState::Fail,
            TITLE,
            format!("{public} is not https."),
            Some("Set PUBLIC_URL to the https address."),
        );
    }
    if config.public_url.is_none() {
        let fix = "Set PUBLIC_URL, so that tokens and documents name one address however a request arrives.";
        return row(CheckState::Warn, TITLE, format!("{public}, as this request names it."), Some(fix));
    }
    row(CheckState::Ok, TITLE, format!("{public} in every document and token."), None)
}

async fn provider<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    const TITLE: &str = "Sign-in";
    let config = visit.platform.config();
    let is_local = origin::is_local(config, visit.request);
    if let Some(missing) = sign_in::missing(config, is_local) {
        return row(CheckState::Fail, TITLE, missing, Some("See “Sign-in” in the README."));
    }
    match &config.oidc {
        Some(oidc) => match sign_in::oidc::probe(visit.platform, visit.request, oidc).await {
            Ok(()) => {
                row(CheckState::Ok, TITLE, format!("{} answers with its configuration.", oidc.issuer), None)
            }
            Err(why) => row(
                CheckState::Fail,
                TITLE,
                why,
                Some("Compare OIDC_ISSUER with the provider's documentation."),
            ),
        },
        None if config.github.is_some() => row(CheckState::Ok, TITLE, "GitHub.", None),
        None => row(
            CheckState::Warn,
            TITLE,
            "Development sign-in, on this computer only.",
            Some("A deployed gateway needs OIDC_… or GITHUB_…, and OWNER."),
        ),
    }
}

/// A call without a token from outside, as claude.ai makes its first: it must be the gateway that answers it.
async fn front_door<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    const TITLE: &str = "Hosted clients reach /mcp";
    let request = Outbound::post(visit.connector_url(), "{}")
        .with("content-type", "application/json")
        .with("accept", "application/json, text/event-stream")
        .with("user-agent", CLAUDE_AGENT);
    match send(visit, request).await {
        Ok(answer) if answer.status == 401 && answer.header("www-authenticate").is_some() => {
            row(CheckState::Ok, TITLE, "A call without a token is answered with the way to sign in.", None)
        }
        Ok(answer) => {
            let detail = format!(
                "A call as Claude makes it is answered with HTTP {} before it reaches the gateway.",
                answer.status
            );
            let fix = "In the Cloudflare dashboard, under Security, Settings, Bot traffic: turn off “Block AI bots” for this host, or skip it for /mcp, /oauth and /.well-known with a custom rule. With that rule on, sign-in succeeds and the connection still fails.";
            row(CheckState::Fail, TITLE, detail, Some(fix))
        }
        Err(fault) => {
            let fix = "Open the address in a browser. If that works, the gateway may not call itself from here (a workers.dev address): try curl from outside.";
            row(
                CheckState::Warn,
                TITLE,
                format!("The gateway could not call its own address: {fault}."),
                Some(fix),
            )
        }
    }
}

async fn documents<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    const TITLE: &str = "Discovery";
    let issuer = origin::public(visit.platform.config(), visit.request);
    let url = format!("{issuer}/.well-known/oauth-authorization-server");
    let request = Outbound::get(url).with("accept", "application/json").with("user-agent", CLAUDE_AGENT);
    match send(visit, request).await {
        Ok(answer) if answer.status == 200 && answer.body.contains(&format!("\"issuer\":\"{issuer}\"")) => {
            row(CheckState::Ok, TITLE, "The documents are served and name this address.", None)
        }
        Ok(answer) => {
            let detail = format!(
                "The authorization server's document is answered with HTTP {}, or by somebody else.",
                answer.status
            );
            row(
                CheckState::Fail,
                TITLE,
                detail,
                Some(
                    "Let /.well-known/ through to the gateway, and set PUBLIC_URL to the address people use.",
                ),
            )
        }
        Err(fault) => row(
            CheckState::Warn,
            TITLE,
            format!("The gateway could not call its own address: {fault}."),
            None,
        ),
    }
}

async fn send<P: Platform>(visit: &Visit<'_, P>, request: Outbound) -> Result<outbound::Inbound, FetchFault> {
    let is_local = origin::is_local(visit.platform.config(), visit.request);
    let reach = if is_local { Reach::Loopback } else { Reach::Public };
    outbound::check(&request.url, reach).map_err(FetchFault::Refused)?;
    visit.platform.fetch(request.limit(PROBE_BYTES, PROBE_MILLIS)).await
}

async fn key_value<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    match visit.platform.recall(PROBE).await {
        Ok(_) => row(CheckState::Ok, "Key-value storage", "It answers.", None),
        Err(reason) => row(
            CheckState::Fail,
            "Key-value storage",
            reason.0,
            Some("Check the KV binding in wrangler.toml."),
        ),
    }
}

async fn media<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    match visit.platform.head_object(PROBE).await {
        Ok(_) => row(CheckState::Ok, "Media storage", "It answers.", None),
        Err(reason) => row(
            CheckState::Fail,
            "Media storage",
            reason.0,
            Some("Create the bucket: npx wrangler r2 bucket create atelier-media"),
        ),
    }
}

fn secret<P: Platform>(visit: &Visit<'_, P>) -> CheckRow {
    const TITLE: &str = "Signing keys";
    if visit.platform.config().gateway_secret_previous.is_some() {
        let fix = "Remove GATEWAY_SECRET_PREVIOUS 90 days after the change: refresh tokens of apps that were used meanwhile have moved on by then.";
        return row(CheckState::Warn, TITLE, "A former secret is still accepted.", Some(fix));
    }
    row(
        CheckState::Ok,
        TITLE,
        "They follow from GATEWAY_SECRET and change every 30 days by themselves.",
        None,
    )
}
