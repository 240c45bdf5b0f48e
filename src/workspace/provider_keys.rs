//! Keys for inference providers that a workspace brought itself. Here they are kept and never opened: what is stored is
//! sealed under a key that follows from GATEWAY_SECRET, beside the workspace and the provider it is for, so that a copy of
//! the database alone opens nothing and no row works in another's place.
//! Not for: which providers there are, or when such a key is used (`upstream::account`).

use super::{Actor, Command, Event, Reply, as_owner, logged};
use crate::config::{Config, Secret};
use crate::crypto;
use crate::id::WorkspaceId;
use crate::platform::Platform;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Shorter ones are a slip of the hand; and the hint must not be much of the key.
pub const MIN_CHARS: usize = 16;
/// The longest keys of today have about 200.
pub const MAX_CHARS: usize = 512;
const HINT_CHARS: usize = 4;
/// What the sealing key is derived for; nothing else is signed with this label.
const LABEL: &str = "provider keys";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedKey {
    pub provider: String,
    /// base64url
    pub sealed: String,
    /// The last four characters.
    pub hint: String,
}

/// What owners see of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnKey {
    pub provider: String,
    pub hint: String,
    pub set_at: Timestamp,
    /// Who set it, by id, and by address where they still are a member.
    pub set_by: String,
    pub label: Option<String>,
}

/// Whether this can be a key: of visible ASCII characters, as goes into a header.
pub fn check(key: &str) -> Result<&str, String> {
    let key = key.trim();
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("A provider's key has no spaces, line breaks or letters beyond ASCII.".into());
    }
    match key.len() {
        MIN_CHARS..=MAX_CHARS => Ok(key),
        _ => Err(format!("A provider's key has {MIN_CHARS} to {MAX_CHARS} characters.")),
    }
}

/// None: it is no key ([`check`]).
pub fn seal<P: Platform>(
    platform: &P,
    workspace: &WorkspaceId,
    provider: &str,
    key: &str,
) -> Option<SealedKey> {
    let key = check(key).ok()?;
    let secret = platform.config().signer(LABEL).full_tag(b"seal");
    let sealed = crypto::encrypt(
        &secret,
        &platform.random(),
        context(workspace, provider).as_bytes(),
        key.as_bytes(),
    )?;
    Some(SealedKey {
        provider: provider.to_owned(),
        sealed: crypto::base64url(&sealed),
        hint: key.get(key.len() - HINT_CHARS..).unwrap_or_default().to_owned(),
    })
}

/// A key that could be opened.
pub struct Opened {
    pub key: Secret,
    /// It is still sealed under the secret before the present one.
    pub is_old: bool,
}

/// None: it was sealed under a secret that is gone, or is not what was stored.
pub fn open(config: &Config, workspace: &WorkspaceId, key: &SealedKey) -> Option<Opened> {
    let sealed = crypto::from_base64url(&key.sealed)?;
    let context = context(workspace, &key.provider);
    let secrets = config.signer(LABEL).full_tags(b"seal");
    secrets.iter().enumerate().find_map(|(age, secret)| {
        let text = String::from_utf8(crypto::decrypt(secret, context.as_bytes(), &sealed)?).ok()?;
        Some(Opened { key: Secret::of(&text), is_old: age > 0 })
    })
}

fn context(workspace: &WorkspaceId, provider: &str) -> String {
    format!("{workspace}\n{provider}")
}

pub(super) fn apply(sql: &impl Sql, now: Timestamp, command: Command) -> Result<Reply, SqlError> {
    match command {
        Command::SetProviderKey { actor, key } => {
            let details = json!({ "hint": key.hint });
            let event = Event::new("provider_key.set", key.provider.as_str(), details);
            as_owner(sql, actor.as_person().as_ref(), || {
                logged(sql, now, &actor, event, || set(sql, now, &actor, &key))
            })
        }
        Command::RemoveProviderKey { actor, provider } => as_owner(sql, actor.as_person().as_ref(), || {
            if find(sql, &provider)?.is_none() {
                return Ok(Reply::Done);
            }
            let event = Event::new("provider_key.removed", provider.as_str(), json!({}));
            logged(sql, now, &actor, event, || {
                sql.query("DELETE FROM provider_keys WHERE provider = ?", &[provider.as_str().into()])?;
                Ok(Reply::Done)
            })
        }),
        Command::ProviderKeys { person } => {
            as_owner(sql, Some(&person), || list(sql).map(Reply::ProviderKeys))
        }
        Command::OwnProviders => {
            let keys = list(sql)?;
            Ok(Reply::OwnProviders(keys.into_iter().map(|key| key.provider).collect()))
        }
        Command::ProviderKey { provider } => find(sql, &provider).map(Reply::ProviderKey),
        Command::ResealProviderKey { provider, before, after } => {
            if sql.has_table("provider_keys")? {
                sql.query(
                    "UPDATE provider_keys SET sealed = ? WHERE provider = ? AND sealed = ?",
                    &[after.into(), provider.into(), before.into()],
                )?;
            }
            Ok(Reply::Done)
        }
        _ => Ok(Reply::Done),
    }
}

fn set(sql: &impl Sql, now: Timestamp, actor: &Actor, key: &SealedKey) -> Result<Reply, SqlError> {
    // Only now: most workspaces never have one.
    sql.query(
        "CREATE TABLE IF NOT EXISTS provider_keys (
            provider TEXT PRIMARY KEY, sealed TEXT NOT NULL, hint TEXT NOT NULL, person TEXT NOT NULL, at INTEGER NOT NULL)",
        &[],
    )?;
    sql.query(
        "INSERT OR REPLACE INTO provider_keys (provider, sealed, hint, person, at) VALUES (?, ?, ?, ?, ?)",
        &[
            key.provider.as_str().into(),
            key.sealed.as_str().into(),
            key.hint.as_str().into(),
            actor.id.as_str().into(),
            now.into(),
        ],
    )?;
    Ok(Reply::Done)
}

fn find(sql: &impl Sql, provider: &str) -> Result<Option<SealedKey>, SqlError> {
    if !sql.has_table("provider_keys")? {
        return Ok(None);
    }
    let statement = "SELECT provider, sealed, hint FROM provider_keys WHERE provider = ?";
    let row = sql.first(statement, &[provider.into()])?;
    let key = |row: Row| Ok(SealedKey { provider: row.text(0)?, sealed: row.text(1)?, hint: row.text(2)? });
    row.map(key).transpose()
}

fn list(sql: &impl Sql) -> Result<Vec<OwnKey>, SqlError> {
    if !sql.has_table("provider_keys")? {
        return Ok(Vec::new());
    }
    let rows = sql.query(
        "SELECT provider, hint, at, provider_keys.person, label
         FROM provider_keys LEFT JOIN members ON members.person = provider_keys.person ORDER BY provider",
        &[],
    )?;
    let key = |row: &Row| {
        Ok(OwnKey {
            provider: row.text(0)?,
            hint: row.text(1)?,
            set_at: Timestamp(row.integer(2)?),
            set_by: row.text(3)?,
            label: row.optional_text(4)?,
        })
    };
    rows.iter().map(key).collect()
}
