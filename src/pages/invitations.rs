//! `/invitations/{token}`: where the link leads that an owner sends to somebody. The link names the invitation; whoever
//! opens it has to be signed in with the address it was made for.

use super::workspaces::role;
use super::{Fault, Outcome, Visit, told};
use crate::html::invitation::{Invitation as View, Visitor, invitation};
use crate::html::{self};
use crate::http::{Request, Response, percent_encode};
use crate::id::{InvitationId, PersonId, WorkspaceId};
use crate::oauth::account::{self, Account, Invitation, Reply};
use crate::origin;
use crate::platform::{Level, Platform};
use crate::workspace::{self, Command, Invited, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What the link says, sealed.
#[derive(Serialize, Deserialize)]
struct Link {
    i: InvitationId,
    w: WorkspaceId,
    e: String,
}

impl Link {
    fn person(&self) -> PersonId {
        PersonId::of(&self.e)
    }
}

/// The whole address to send to the person.
pub fn link<P: Platform>(visit: &Visit<'_, P>, id: &WorkspaceId, invited: &Invited) -> String {
    let link = Link { i: invited.invitation_id.clone(), w: id.clone(), e: invited.email.clone() };
    let config = visit.platform.config();
    let sealed = config.signer("invitation").seal(&serde_json::to_string(&link).unwrap_or_default());
    format!("{}/invitations/{sealed}", origin::public(config, visit.request))
}

async fn find<P: Platform>(platform: &P, token: &str) -> Result<(Link, Invitation), Fault> {
    let gone = || {
        told(
            404,
            "This invitation has expired, was withdrawn or was answered already.",
            "Ask whoever invited you for a new link.",
        )
    };
    let opened = platform.config().signer("invitation").open(token);
    let link: Link = opened.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(gone)?;
    let command = account::Command::Invitation { invitation_id: link.i.clone() };
    match platform.ask::<Account>(link.person().as_str(), command).await? {
        Reply::Invitation(found) => Ok((link, *found)),
        _ => Err(gone()),
    }
}

fn page<S>(link: &Link, found: Invitation, visitor: Visitor) -> Response<S> {
    let view = View {
        inviter: found.invited_by,
        workspace: found.workspace_name,
        role: role(Role::parse(&found.role).unwrap_or(Role::Viewer)),
        email: link.e.clone(),
        visitor,
        problem: None,
    };
    html::page(200, invitation(&view), "'self'")
}

pub async fn show_to_stranger<P: Platform>(platform: &P, request: &Request) -> Outcome<P::Stream> {
    let token = request.path.strip_prefix("/invitations/").unwrap_or_default();
    let (link, found) = find(platform, token).await?;
    let sign_in = format!("/sign-in?return={}", percent_encode(&request.path));
    Ok(page(&link, found, Visitor::Unknown { sign_in }))
}

pub async fn show<P: Platform>(visit: &Visit<'_, P>, token: &str) -> Outcome<P::Stream> {
    let (link, found) = find(visit.platform, token).await?;
    let person = visit.session.email.clone();
    let csrf = visit.session.csrf(visit.platform);
    let visitor = if visit.session.person == link.person() {
        Visitor::Invited { person, csrf, token: token.to_owned() }
    } else {
        Visitor::Another { person, csrf, return_to: visit.request.path.clone() }
    };
    Ok(page(&link, found, visitor))
}

/// `POST /invitations/{token}`. Each step can be done again: a second click finishes what the first began.
pub async fn answer<P: Platform>(visit: &Visit<'_, P>, token: &str) -> Outcome<P::Stream> {
    let (link, _) = find(visit.platform, token).await?;
    let person = &visit.session.person;
    if *person != link.person() {
        let next = "Sign out, then sign in with the address the invitation was made for.";
        return Err(told(403, "This invitation is for somebody else.", next));
    }
    let is_yes = visit.form.get("decision") == Some("accept");
    let command = if is_yes {
        let label = visit.session.email.clone();
        Command::Accept { actor: visit.actor(), invitation_id: link.i.clone(), label }
    } else {
        Command::Withdraw { actor: visit.actor(), invitation_id: link.i.clone() }
    };
    let outcome = workspace::ask(visit.platform, &link.w, command).await?;
    if is_yes && outcome.is_ok() {
        visit.ask(account::Command::Join { workspace_id: link.w.clone() }).await?;
    }
    visit.ask(account::Command::Uninvite { invitation_id: link.i }).await?;
    outcome?;
    visit.platform.log(
        Level::Info,
        "invitation.answered",
        json!({ "workspace_id": link.w, "accepted": is_yes }),
    );
    Ok(Response::see_other(if is_yes { "/account?done=joined" } else { "/account" }))
}
