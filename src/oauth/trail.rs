//! What is done with tokens and apps, told to the audit log of each workspace they reach. After the fact and best effort:
//! a workspace that cannot be asked stops nobody from revoking a token; then the gateway's own log has it.
//! Not for: what a workspace decides itself, which it writes down in the same transaction (`workspace::audit`).

use super::account::{self, Account, Changed};
use crate::id::{PersonId, WorkspaceId};
use crate::platform::{Level, Platform, Unavailable};
use crate::workspace::{self, Actor, Command, Event};
use futures::future::join_all;
use serde_json::{Value, json};

/// Workspaces told of one change to a credential that opens them all.
const MAX_TOLD: u32 = 100;

/// `details` must hold nothing secret.
pub async fn tell<P: Platform>(
    platform: &P,
    person: &PersonId,
    actor: &Actor,
    name: &str,
    changed: &[Changed],
    details: &Value,
) {
    for Changed { id, workspace_id } in changed {
        let event = Event::new(name, id, details.clone());
        let ids = match workspace_id {
            Some(id) => vec![id.clone()],
            None => every(platform, person).await.unwrap_or_else(|reason| {
                lost(platform, None, &event, &reason.0);
                Vec::new()
            }),
        };
        join_all(ids.iter().map(|id| note(platform, id, actor, &event))).await;
    }
}

async fn every<P: Platform>(platform: &P, person: &PersonId) -> Result<Vec<WorkspaceId>, Unavailable> {
    let command = account::Command::Workspaces { after: None, limit: MAX_TOLD };
    Ok(match platform.ask::<Account>(person.as_str(), command).await? {
        account::Reply::Workspaces(ids) => ids,
        _ => Vec::new(),
    })
}

async fn note<P: Platform>(platform: &P, id: &WorkspaceId, actor: &Actor, event: &Event) {
    let command = Command::Note { actor: actor.clone(), event: event.clone() };
    match workspace::ask(platform, id, command).await {
        Ok(Ok(_)) => {}
        Ok(Err(refusal)) => lost(platform, Some(id), event, &refusal.message),
        Err(reason) => lost(platform, Some(id), event, &reason.0),
    }
}

fn lost<P: Platform>(platform: &P, id: Option<&WorkspaceId>, event: &Event, reason: &str) {
    let fields =
        json!({ "workspace_id": id, "event": event.name, "subject": event.subject, "reason": reason });
    platform.log(Level::Error, "audit.lost", fields);
}
