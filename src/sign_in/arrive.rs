//! Somebody whom a provider vouches for arrives: may they come in, and which workspace is theirs?
//!
//! Owners may, and those on the operator's list, and whoever has been invited or already belongs to a workspace. The
//! first owner's first sign-in makes the gateway's first workspace; everybody on the list joins it once, so that an
//! owner who removes somebody does not see them come back.

use super::{Identity, SignInFault};
use crate::config::Config;
use crate::id::{PersonId, WorkspaceId};
use crate::oauth::account::{self, Account, Profile};
use crate::platform::{Level, Platform, Unavailable};
use crate::units::Units;
use crate::workspace::{self, Actor, Command, Grant, Reply, Role, Workspace};
use serde_json::json;

/// The first workspace has the same id on every gateway, so that nobody has to look up which one it is.
const FIRST_WORKSPACE: &str = "01900000-0000-7000-8000-000000000001";
/// What a development person may spend, on the embedded provider that costs nothing.
const DEVELOPMENT_UNITS: i64 = 1000;
/// RFC 5321 section 4.5.3.1.3.
const MAX_ADDRESS_CHARS: usize = 254;

/// One @, something on both sides, no space or control character.
pub fn is_address(text: &str) -> bool {
    let sides = text.split_once('@');
    text.len() <= MAX_ADDRESS_CHARS
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"',;()".contains(c))
        && sides
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// An entry is an address, or a domain with or without its @.
fn is_listed(config: &Config, email: &str) -> bool {
    let domain = email.rsplit_once('@').map(|(_, domain)| domain);
    config.sign_in_allow.iter().any(|entry| match entry.split_once('@') {
        Some(("", listed)) => domain == Some(listed),
        Some(_) => entry == email,
        None => domain == Some(entry),
    })
}

pub async fn arrive<P: Platform>(
    platform: &P,
    identity: &Identity,
    is_development: bool,
) -> Result<Profile, SignInFault> {
    let person = PersonId::of(&identity.email);
    match enter(platform, identity, &person, is_development).await {
        Ok(Some(profile)) => Ok(profile),
        Ok(None) => Err(SignInFault::new(
            format!("{} is not among the people who may use this gateway.", identity.email),
            "Sign in with another account, or ask an owner of the gateway for an invitation.",
        )),
        Err(reason) => {
            platform.log(Level::Error, "sign_in.unavailable", json!({ "reason": reason.0 }));
            Err(SignInFault::new("The gateway could not reach its own storage.", "Try again in a moment."))
        }
    }
}

/// None: may not come in.
async fn enter<P: Platform>(
    platform: &P,
    identity: &Identity,
    person: &PersonId,
    is_development: bool,
) -> Result<Option<Profile>, Unavailable> {
    let config = platform.config();
    let is_owner = config.owners.contains(&identity.email);
    let is_member = is_listed(config, &identity.email);
    if !(is_owner || is_member || is_development || is_expected(platform, person).await?) {
        return Ok(None);
    }
    let command = account::Command::SignIn { email: identity.email.clone(), name: identity.name.clone() };
    let account::Reply::Profile(profile) = platform.ask::<Account>(person.as_str(), command).await? else {
        return Err(Unavailable("the account keeps no profile".into()));
    };
    if is_owner {
        own_first_workspace(platform, person, &profile.email).await?;
    } else if is_development && profile.workspaces == 0 {
        development_workspace(platform, person, &identity.email).await?;
    } else if is_member && !profile.joined_first {
        join_first_workspace(platform, person, &profile.email).await?;
    }
    if profile.is_new {
        platform.log(Level::Info, "person.arrived", json!({ "person": person, "is_owner": is_owner }));
    }
    Ok(Some(*profile))
}

async fn is_expected<P: Platform>(platform: &P, person: &PersonId) -> Result<bool, Unavailable> {
    let reply = platform.ask::<Account>(person.as_str(), account::Command::IsExpected).await?;
    Ok(reply == account::Reply::Expected(true))
}

/// Each step can be done again, so one that was cut off is finished by the next sign-in.
async fn own_first_workspace<P: Platform>(
    platform: &P,
    person: &PersonId,
    email: &str,
) -> Result<(), Unavailable> {
    let Some(id) = WorkspaceId::parse(FIRST_WORKSPACE) else { return Ok(()) };
    platform.ask::<Workspace>(id.as_str(), Command::Create { name: "Home".into() }).await?;
    add(platform, &id, person, email, Role::Owner).await
}

/// Before an owner was here there is nothing to join; the next sign-in tries again.
async fn join_first_workspace<P: Platform>(
    platform: &P,
    person: &PersonId,
    email: &str,
) -> Result<(), Unavailable> {
    let Some(id) = WorkspaceId::parse(FIRST_WORKSPACE) else { return Ok(()) };
    match platform.ask::<Workspace>(id.as_str(), Command::Exists).await? {
        Reply::Done => {
            let summary = Command::Summary { person: person.clone() };
            if workspace::ask(platform, &id, summary).await?.is_ok() {
                // Invited before they were listed, or cut off half-way: the role they have is kept.
                let join = account::Command::Join { workspace_id: id };
                platform.ask::<Account>(person.as_str(), join).await?;
            } else {
                add(platform, &id, person, email, Role::Member).await?;
            }
            platform.ask::<Account>(person.as_str(), account::Command::JoinedFirst).await.map(|_| ())
        }
        _ => Ok(()),
    }
}

async fn development_workspace<P: Platform>(
    platform: &P,
    person: &PersonId,
    email: &str,
) -> Result<(), Unavailable> {
    let id = WorkspaceId::mint(platform.now(), &platform.random());
    let units = Units::thousandths(DEVELOPMENT_UNITS * 1000);
    create(platform, &id, "Development", person, email).await?;
    let grant = Grant { amount: units, actor: gateway(), note: "first sign-in".into(), idempotency: None };
    platform.ask::<Workspace>(id.as_str(), Command::Grant(grant)).await.map(|_| ())
}

/// A new workspace with its owner in it.
pub async fn create<P: Platform>(
    platform: &P,
    id: &WorkspaceId,
    name: &str,
    person: &PersonId,
    email: &str,
) -> Result<(), Unavailable> {
    platform.ask::<Workspace>(id.as_str(), Command::Create { name: name.to_owned() }).await?;
    add(platform, id, person, email, Role::Owner).await
}

/// The workspace knows its members, the account its workspaces; whoever is in the first is soon in the second.
pub async fn add<P: Platform>(
    platform: &P,
    id: &WorkspaceId,
    person: &PersonId,
    email: &str,
    role: Role,
) -> Result<(), Unavailable> {
    let command =
        Command::AddMember { actor: gateway(), person: person.clone(), role, label: Some(email.to_owned()) };
    if let Err(refusal) = workspace::ask(platform, id, command).await? {
        return Err(Unavailable(refusal.message));
    }
    platform
        .ask::<Account>(person.as_str(), account::Command::Join { workspace_id: id.clone() })
        .await
        .map(|_| ())
}

/// Nobody asked for it: it follows from who arrives.
fn gateway() -> Actor {
    Actor { id: "gateway".into(), token_id: None, request_id: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_takes_addresses_and_domains_and_nothing_that_looks_like_them() {
        let config = Config::parse(|name| match name {
            "GATEWAY_SECRET" => Some("0123456789abcdef0123456789abcdef".into()),
            "SIGN_IN_ALLOW" => Some("Example.com, @studio.example, ada@other.example".into()),
            _ => None,
        })
        .unwrap();
        for fine in ["eve@example.com", "bob@studio.example", "ada@other.example"] {
            assert!(is_listed(&config, fine), "{fine}");
        }
        for other in [
            "eve@notexample.com",
            "eve@example.com.evil.example",
            "bob@other.example",
            "eve@sub.example.com",
            "example.com",
        ] {
            assert!(!is_listed(&config, other), "{other}");
        }
        assert!(is_address("a@b") && is_address(super::super::DEVELOPER));
        for odd in ["a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "<a@b>"] {
            assert!(!is_address(odd), "{odd}");
        }
    }
}
