//! Pages for people, rendered here: the start page, a signed-in person's own, and the upload page, the only one that needs
//! JavaScript. One file a section; each fills a view of `html` and takes the forms on it.
//! Not for: how a page looks (`html`), anything a program reads (`api`, `mcp`), signing in (`sign_in`).
//!
//! Every form carries the session's CSRF token; after it is taken, the browser is sent to a page by GET, with the word
//! in `done` that says what to tell.

pub mod allowance;
pub mod apps;
pub mod check;
pub mod home;
pub mod invitations;
pub mod media;
pub mod provider_keys;
pub mod providers;
pub mod statement;
pub mod tokens;
pub mod upload;
pub mod workspaces;

use crate::error::Refusal;
use crate::html::{Nav, Notice, Section, Tone};
use crate::http::{Form, Request, Response, percent_encode};
use crate::id::WorkspaceId;
use crate::oauth::account::{self, Account, Changed};
use crate::oauth::trail;
use crate::origin;
use crate::platform::{Level, Platform, Unavailable};
use crate::sign_in::{self, Session, SignInFault, session};
use crate::workspace::{self, Actor, Command};
use serde_json::{Value, json};

/// Workspaces a page lists.
const MAX_LISTED: u32 = 100;

/// A signed-in person's request.
pub struct Visit<'a, P: Platform> {
    pub platform: &'a P,
    pub request: &'a Request,
    pub request_id: &'a str,
    pub session: Session,
    /// Empty for a GET.
    pub form: Form,
}

/// Why a page is not what was asked for.
pub enum Fault {
    /// A sentence for the person, on a page of its own.
    Told(u16, SignInFault),
    Unavailable(Unavailable),
}

impl From<Unavailable> for Fault {
    fn from(reason: Unavailable) -> Self {
        Fault::Unavailable(reason)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let next = refusal.next_step().to_owned();
        Fault::Told(refusal.code.http_status(), SignInFault::new(refusal.message, next))
    }
}

pub type Outcome<S> = Result<Response<S>, Fault>;

/// `/account…` and `/invitations/…`. None: there is no such page.
pub async fn signed_in<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Option<Response<P::Stream>> {
    let is_get = matches!(request.method.as_str(), "GET" | "HEAD");
    if !is_get && request.method != "POST" {
        return None;
    }
    let outcome = match session::current(platform, request).await {
        Ok(Some(session)) => {
            let form = if is_get { Form::default() } else { request.form().unwrap_or_default() };
            let visit = Visit { platform, request, request_id, session, form };
            if is_get { show(&visit).await? } else { take(&visit).await? }
        }
        Ok(None) if is_get && request.path.starts_with("/invitations/") => {
            invitations::show_to_stranger(platform, request).await
        }
        Ok(None) if is_get => {
            let back = if request.query.is_empty() {
                request.path.clone()
            } else {
                format!("{}?{}", request.path, request.query)
            };
            Ok(Response::see_other(format!("/sign-in?return={}", percent_encode(&back))))
        }
        Ok(None) => {
            Err(told(403, "You are not signed in any more.", "Sign in and do it again; nothing was changed."))
        }
        Err(reason) => Err(reason.into()),
    };
    Some(outcome.unwrap_or_else(|fault| refuse(platform, fault, request_id)))
}

async fn show<P: Platform>(visit: &Visit<'_, P>) -> Option<Outcome<P::Stream>> {
    let path = visit.request.path.as_str();
    Some(match path {
        "/account" => apps::show(visit).await,
        "/account/tokens" => tokens::show(visit).await,
        "/account/workspaces" => workspaces::list(visit).await,
        "/account/check" => check::show(visit).await,
        "/account/providers" => providers::show(visit).await,
        _ => match (path.strip_prefix("/account/workspaces/"), path.strip_prefix("/invitations/")) {
            (Some(rest), _) => match rest.split_once('/') {
                None => workspaces::show(visit, rest).await,
                Some((id, "statement")) => statement::show(visit, id).await,
                Some((id, "statement.csv")) => statement::download(visit, id).await,
                Some((id, "activity")) => statement::activity(visit, id).await,
                Some((id, "media")) => media::show(visit, id).await,
                Some(_) => return None,
            },
            (_, Some(token)) => invitations::show(visit, token).await,
            _ => return None,
        },
    })
}

async fn take<P: Platform>(visit: &Visit<'_, P>) -> Option<Outcome<P::Stream>> {
    if !visit.session.allows(visit.platform, &visit.form) {
        let next = "Open the page again and repeat what you did; nothing was changed.";
        return Some(Err(told(403, "The form did not come from a page that was made for you.", next)));
    }
    let path = visit.request.path.as_str();
    Some(match path {
        "/account/apps/revoke" => apps::revoke(visit).await,
        "/account/apps/allowance" => apps::limit(visit).await,
        "/account/sign-out-everywhere" => apps::sign_out_everywhere(visit).await,
        "/account/tokens" => tokens::create(visit).await,
        "/account/tokens/allowance" => tokens::limit(visit).await,
        "/account/tokens/revoke" => tokens::revoke(visit).await,
        "/account/workspaces" => workspaces::create(visit).await,
        _ => match (path.strip_prefix("/account/workspaces/"), path.strip_prefix("/invitations/")) {
            (Some(rest), _) => match rest.split_once('/')? {
                (id, "members") => workspaces::change_member(visit, id).await,
                (id, "members/allowance") => workspaces::limit_member(visit, id).await,
                (id, "threshold") => workspaces::set_threshold(visit, id).await,
                (id, "invitations") => workspaces::invite(visit, id).await,
                (id, "invitations/withdraw") => workspaces::withdraw(visit, id).await,
                (id, "grants") => workspaces::grant(visit, id).await,
                (id, "provider-keys") => provider_keys::set(visit, id).await,
                (id, "provider-keys/remove") => provider_keys::remove(visit, id).await,
                (id, "media/delete") => media::delete(visit, id).await,
                _ => return None,
            },
            (_, Some(token)) => invitations::answer(visit, token).await,
            _ => return None,
        },
    })
}

impl<P: Platform> Visit<'_, P> {
    pub fn nav(&self, active: Section) -> Nav {
        let csrf = self.session.csrf(self.platform);
        Nav { person: self.session.email.clone(), active, is_owner: self.is_owner(), csrf }
    }

    /// Of the gateway.
    pub fn is_owner(&self) -> bool {
        sign_in::is_owner(self.platform.config(), self.request, &self.session.person)
    }

    /// The person, as the audit log names who did something.
    pub fn actor(&self) -> Actor {
        Actor::person(&self.session.person, None, self.request_id)
    }

    pub fn connector_url(&self) -> String {
        format!("{}/mcp", origin::public(self.platform.config(), self.request))
    }

    pub async fn ask(&self, command: account::Command) -> Result<account::Reply, Unavailable> {
        self.platform.ask::<Account>(self.session.person.as_str(), command).await
    }

    /// Tells the workspaces concerned what the person did to a token or an app.
    pub async fn tell(&self, name: &str, changed: &[Changed], details: Value) {
        let (person, actor) = (&self.session.person, self.actor());
        trail::tell(self.platform, person, &actor, name, changed, &details).await;
    }

    /// The workspaces the person belongs to, with what each says of itself.
    pub async fn workspaces(&self) -> Result<Vec<(WorkspaceId, workspace::Summary)>, Unavailable> {
        let command = account::Command::Workspaces { after: None, limit: MAX_LISTED };
        let account::Reply::Workspaces(ids) = self.ask(command).await? else { return Ok(Vec::new()) };
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let command = Command::Summary { person: self.session.person.clone() };
            if let Ok(workspace::Reply::Summary(summary)) =
                workspace::ask(self.platform, &id, command).await?
            {
                found.push((id, summary));
            }
        }
        Ok(found)
    }

    /// What the last form came to, in words.
    pub fn notice(&self, words: &[(&str, &str)]) -> Option<Notice> {
        let done = self.request.parameter("done")?;
        let (_, text) = words.iter().find(|(word, _)| *word == done)?;
        Some(Notice { tone: Tone::Good, text: (*text).to_owned() })
    }
}

pub fn told(status: u16, what: &str, next: &str) -> Fault {
    Fault::Told(status, SignInFault::new(what, next))
}

fn refuse<P: Platform>(platform: &P, fault: Fault, request_id: &str) -> Response<P::Stream> {
    match fault {
        Fault::Told(status, fault) => {
            sign_in::refuse(platform, status, "That did not work", &fault, request_id)
        }
        Fault::Unavailable(reason) => {
            let fields = json!({ "request_id": request_id, "reason": reason.0 });
            platform.log(Level::Error, "page.unavailable", fields);
            let fault =
                SignInFault::new("The gateway could not reach its own storage.", "Try again in a moment.");
            sign_in::refuse(platform, 503, "Just a moment", &fault, request_id)
        }
    }
}
