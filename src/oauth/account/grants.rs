//! Authorizations one person gave: a code that is redeemed once, then a family of refresh tokens, each the
//! successor of the one before. One row a family; every change is one transaction of one object, so of two at once
//! one comes first.
//! Spec: OAuth 2.1 sections 4.1 and 4.3, RFC 7636 (PKCE), RFC 9700 section 4.14 (rotation).
//!
//! # Rotation that forgives a race
//! The row holds the number of the newest refresh token, its generation. Using generation *n* while it is the newest
//! makes *n+1*. Using *n* again, until *n+1* was first used and for [`GRACE_SECONDS`] after, answers with the same
//! *n+1*: a client that lost the answer, or several that refresh at once, all end with a token that lives. Anything
//! older is a replay: the family is revoked. No refresh token is stored: it is a tag over the grant, the generation and a
//! random seed of the row, so that neither the database nor the gateway's secret alone makes one.

use super::{Changed, Grant, Reply, allowance, changed, optional_time, optional_workspace, scopes, used};
use crate::crypto::{self, Signer};
use crate::id::{GrantId, WorkspaceId};
use crate::oauth::opaque::SECRET_BYTES;
use crate::oauth::scope::Scopes;
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::Allowance;
use serde::{Deserialize, Serialize};

pub const REFRESH_LABEL: &str = "refresh token secret";
/// OAuth 2.1 section 4.1.2 allows ten minutes; clients redeem within seconds.
pub const CODE_SECONDS: i64 = 60;
/// A racer's second request can be that late; a stolen token is rarely used within it.
pub const GRACE_SECONDS: i64 = 60;
/// A client that has not refreshed for so long has to ask the person again.
pub const IDLE_SECONDS: i64 = 90 * 24 * 3600;
/// Dead rows are kept that long, to tell a replay from a made-up token.
const KEEP_DEAD_SECONDS: i64 = 7 * 24 * 3600;
/// A client that was not seen for so long is worth a word to its registration.
const RARE_SECONDS: i64 = 24 * 3600;
/// Families one person may have; those unused for longest give way.
const MAX_GRANTS: i64 = 200;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewGrant {
    pub grant_id: GrantId,
    /// SHA-256 of the code, hexadecimal.
    pub code_hash: String,
    /// RFC 7636 `code_challenge`, method S256.
    pub code_challenge: String,
    pub client_id: String,
    pub client_name: String,
    /// The domain that vouches for the client, when one does.
    pub client_host: Option<String>,
    pub is_loopback: bool,
    pub redirect_uri: String,
    pub resource: String,
    pub scopes: Scopes,
    pub workspace_id: WorkspaceId,
    /// Tokens go only to whoever proves to be the client.
    pub must_authenticate: bool,
    /// Random, hexadecimal.
    pub seed: String,
    /// Of the browser session that consented: one that has been ended meanwhile consents to nothing.
    pub epoch: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redemption {
    pub grant_id: GrantId,
    pub code_hash: String,
    pub code_verifier: String,
    pub client_id: String,
    /// The client has proved who it is.
    pub is_authenticated: bool,
    pub redirect_uri: Option<String>,
    pub resource: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refreshing {
    pub grant_id: GrantId,
    pub secret: [u8; SECRET_BYTES],
    pub client_id: String,
    /// The client has proved who it is.
    pub is_authenticated: bool,
    pub resource: Option<String>,
    /// Absent: what the grant has; never more (RFC 6749 section 6).
    pub scopes: Option<Scopes>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redeemed {
    pub scopes: Scopes,
    pub workspace_id: WorkspaceId,
    pub resource: String,
    pub refresh_secret: [u8; SECRET_BYTES],
    /// The client was not seen for a day: its registration should hear of it.
    pub is_rare: bool,
}

/// The same as after a code; `scopes` may be narrower than the grant's.
pub type Refreshed = Redeemed;

/// A connected app as its person sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantRow {
    pub grant_id: GrantId,
    pub client_id: String,
    pub client_name: String,
    pub client_host: Option<String>,
    pub is_loopback: bool,
    pub redirect_uri: String,
    pub scopes: Scopes,
    pub workspace_id: Option<WorkspaceId>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub allowance: Allowance,
}

pub fn create_table(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS grants (
            grant_id TEXT PRIMARY KEY, client_id TEXT NOT NULL, client_name TEXT NOT NULL, client_host TEXT,
            is_loopback INTEGER NOT NULL, redirect_uri TEXT NOT NULL, resource TEXT NOT NULL, scopes TEXT NOT NULL,
            workspace_id TEXT NOT NULL, must_authenticate INTEGER NOT NULL, code_hash TEXT NOT NULL, code_challenge TEXT NOT NULL,
            code_expires_at INTEGER NOT NULL, code_used_at INTEGER, seed TEXT NOT NULL,
            generation INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER,
            units_per_day INTEGER, units_per_month INTEGER)",
        &[],
    )?;
    // When a generation was first used, kept for the grace only.
    sql.query(
        "CREATE TABLE IF NOT EXISTS rotations (
            grant_id TEXT NOT NULL, generation INTEGER NOT NULL, used_at INTEGER NOT NULL, PRIMARY KEY (grant_id, generation))",
        &[],
    )?;
    Ok(())
}

/// Keeps a grant whose code has not been redeemed yet.
pub fn authorize(sql: &impl Sql, now: Timestamp, grant: NewGrant) -> Result<Reply, SqlError> {
    if sql.first("SELECT 1 FROM profile WHERE epoch = ?", &[grant.epoch.into()])?.is_none() {
        return Ok(Reply::Revoked);
    }
    let membership = "SELECT 1 FROM memberships WHERE workspace_id = ? AND left_at IS NULL";
    if sql.first(membership, &[grant.workspace_id.as_str().into()])?.is_none() {
        return Ok(Reply::Mismatch("You do not belong to that workspace.".into()));
    }
    prune(sql, now)?;
    // An app that connects again may not spend more than the person has allowed it.
    let earlier = last(sql, now, &grant.client_id, &grant.redirect_uri)?;
    let allowance = earlier.map(|earlier| earlier.allowance).unwrap_or_default();
    sql.query(
        "INSERT INTO grants (grant_id, client_id, client_name, client_host, is_loopback, redirect_uri, resource, scopes,
            workspace_id, must_authenticate, code_hash, code_challenge, code_expires_at, seed, created_at, expires_at,
            units_per_day, units_per_month)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            grant.grant_id.as_str().into(),
            grant.client_id.into(),
            grant.client_name.into(),
            grant.client_host.into(),
            grant.is_loopback.into(),
            grant.redirect_uri.into(),
            grant.resource.into(),
            grant.scopes.to_string().into(),
            grant.workspace_id.as_str().into(),
            grant.must_authenticate.into(),
            grant.code_hash.into(),
            grant.code_challenge.into(),
            now.plus_seconds(CODE_SECONDS).into(),
            grant.seed.into(),
            now.into(),
            now.plus_seconds(IDLE_SECONDS).into(),
            allowance.per_day.into(),
            allowance.per_month.into(),
        ],
    )?;
    Ok(Reply::Done)
}

/// Dead rows whose time is over, and room for one more.
fn prune(sql: &impl Sql, now: Timestamp) -> Result<(), SqlError> {
    let before = now.plus_seconds(-KEEP_DEAD_SECONDS);
    let mut gone = sql.query(
        "DELETE FROM grants WHERE revoked_at < ?1 OR expires_at < ?1 OR (code_used_at IS NULL AND code_expires_at < ?1)
         RETURNING grant_id",
        &[before.into()],
    )?;
    let kept = sql.first("SELECT count(*) FROM grants", &[])?.map(|row| row.integer(0)).transpose()?;
    let over = kept.unwrap_or(0) + 1 - MAX_GRANTS;
    if over > 0 {
        gone.extend(sql.query(
            "DELETE FROM grants WHERE grant_id IN
                (SELECT grant_id FROM grants ORDER BY revoked_at IS NULL, expires_at LIMIT ?) RETURNING grant_id",
            &[over.into()],
        )?);
    }
    for row in gone {
        sql.query("DELETE FROM uses WHERE id = ?", &[row.text(0)?.into()])?;
    }
    Ok(())
}

pub fn redeem(sql: &impl Sql, now: Timestamp, key: &Signer, given: Redemption) -> Result<Reply, SqlError> {
    let row = sql.first(
        "SELECT code_hash, code_used_at, code_expires_at, client_id, redirect_uri, resource, code_challenge, scopes,
            workspace_id, seed, revoked_at, must_authenticate FROM grants WHERE grant_id = ?",
        &[given.grant_id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(Reply::Unknown) };
    if !crypto::same(row.text(0)?.as_bytes(), given.code_hash.as_bytes()) {
        return Ok(Reply::Unknown);
    }
    if row.optional_integer(1)?.is_some() {
        // Somebody else may hold the code: what it issued ends (OAuth 2.1 section 4.1.3).
        revoke(sql, now, &given.grant_id, None)?;
        return Ok(Reply::Reused);
    }
    let mismatch = |why: &str| Ok(Reply::Mismatch(why.to_owned()));
    if row.optional_integer(10)?.is_some() {
        return Ok(Reply::Revoked);
    }
    if Timestamp(row.integer(2)?) <= now {
        return Ok(Reply::Expired);
    }
    if row.text(3)? != given.client_id {
        return mismatch("The code was issued to another client.");
    }
    if row.integer(11)? != 0 && !given.is_authenticated {
        return Ok(Reply::Unauthenticated);
    }
    if given.redirect_uri.is_some_and(|uri| row.text(4) != Ok(uri)) {
        return mismatch("redirect_uri is not the one of the authorization request.");
    }
    if given.resource.is_some_and(|resource| row.text(5) != Ok(resource)) {
        return mismatch("resource is not the one of the authorization request.");
    }
    let challenge = crypto::base64url(&crypto::sha256(given.code_verifier.as_bytes()));
    if !crypto::same(challenge.as_bytes(), row.text(6)?.as_bytes()) {
        return mismatch("code_verifier does not match the code_challenge.");
    }
    sql.query(
        "UPDATE grants SET code_used_at = ? WHERE grant_id = ?",
        &[now.into(), given.grant_id.as_str().into()],
    )?;
    used(sql, now, given.grant_id.as_str())?;
    Ok(Reply::Redeemed(Box::new(Redeemed {
        scopes: scopes(&row, 7)?,
        workspace_id: workspace(&row, 8)?,
        resource: row.text(5)?,
        refresh_secret: secret(key, &given.grant_id, &row.text(9)?, 0),
        is_rare: false,
    })))
}

pub fn refresh(sql: &impl Sql, now: Timestamp, key: &Signer, given: Refreshing) -> Result<Reply, SqlError> {
    let id = given.grant_id.as_str();
    let row = sql.first(
        "SELECT seed, generation, client_id, resource, scopes, workspace_id, expires_at, revoked_at, must_authenticate, at
         FROM grants LEFT JOIN uses ON id = grant_id WHERE grant_id = ? AND code_used_at IS NOT NULL",
        &[id.into()],
    )?;
    let Some(row) = row else { return Ok(Reply::Unknown) };
    let (seed, newest) = (row.text(0)?, row.integer(1)?);
    let Some(presented) = generation(key, &given.grant_id, &seed, &given.secret) else {
        return Ok(Reply::Unknown);
    };
    if row.optional_integer(7)?.is_some() {
        return Ok(Reply::Revoked);
    }
    if Timestamp(row.integer(6)?) <= now {
        return Ok(Reply::Expired);
    }
    if row.text(2)? != given.client_id {
        return Ok(Reply::Mismatch("The refresh token was issued to another client.".into()));
    }
    if row.integer(8)? != 0 && !given.is_authenticated {
        return Ok(Reply::Unauthenticated);
    }
    if given.resource.is_some_and(|resource| row.text(3) != Ok(resource)) {
        return Ok(Reply::Mismatch("resource is not the one the refresh token is for.".into()));
    }
    let granted = scopes(&row, 4)?;
    if given.scopes.is_some_and(|wanted| wanted.and(granted) != wanted) {
        return Ok(Reply::TooWide);
    }
    if presented == newest {
        rotate(sql, now, id, newest)?;
    } else if presented + 1 < newest && !was_used_lately(sql, now, id, presented + 1)? {
        revoke(sql, now, &given.grant_id, None)?;
        return Ok(Reply::Reused);
    }
    used(sql, now, id)?;
    Ok(Reply::Refreshed(Box::new(Refreshed {
        scopes: given.scopes.unwrap_or(granted),
        workspace_id: workspace(&row, 5)?,
        resource: row.text(3)?,
        refresh_secret: secret(key, &given.grant_id, &seed, presented + 1),
        is_rare: optional_time(&row, 9)?.is_none_or(|at| at <= now.plus_seconds(-RARE_SECONDS)),
    })))
}

/// The newest generation is used for the first time: there is a newer one now.
fn rotate(sql: &impl Sql, now: Timestamp, grant_id: &str, newest: i64) -> Result<(), SqlError> {
    sql.query(
        "UPDATE grants SET generation = generation + 1, expires_at = ? WHERE grant_id = ?",
        &[now.plus_seconds(IDLE_SECONDS).into(), grant_id.into()],
    )?;
    sql.query("DELETE FROM rotations WHERE used_at < ?", &[now.plus_seconds(-GRACE_SECONDS).into()])?;
    let bindings = [grant_id.into(), newest.into(), now.into()];
    sql.query("INSERT INTO rotations (grant_id, generation, used_at) VALUES (?, ?, ?)", &bindings)?;
    Ok(())
}

/// Whether this generation was first used so lately that whoever presents the one before may have raced with it.
fn was_used_lately(
    sql: &impl Sql,
    now: Timestamp,
    grant_id: &str,
    generation: i64,
) -> Result<bool, SqlError> {
    let found = sql.first(
        "SELECT 1 FROM rotations WHERE grant_id = ? AND generation = ? AND used_at >= ?",
        &[grant_id.into(), generation.into(), now.plus_seconds(-GRACE_SECONDS).into()],
    )?;
    Ok(found.is_some())
}

/// Generation (4 bytes) and a tag over grant, seed and generation (16 bytes).
fn secret(key: &Signer, grant_id: &GrantId, seed: &str, generation: i64) -> [u8; SECRET_BYTES] {
    let number = u32::try_from(generation).unwrap_or(u32::MAX);
    let mut bytes = [0; SECRET_BYTES];
    let parts = number.to_be_bytes().into_iter().chain(key.tag(&signed(grant_id, seed, number)));
    bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    bytes
}

/// The generation of a secret that [`secret`] made for this grant.
fn generation(key: &Signer, grant_id: &GrantId, seed: &str, secret: &[u8; SECRET_BYTES]) -> Option<i64> {
    let (number, tag) = secret.split_first_chunk::<4>()?;
    let number = u32::from_be_bytes(*number);
    key.verify(&signed(grant_id, seed, number), tag).then_some(i64::from(number))
}

fn signed(grant_id: &GrantId, seed: &str, generation: u32) -> Vec<u8> {
    format!("{grant_id}/{seed}/{generation}").into_bytes()
}

pub fn verify(sql: &impl Sql, now: Timestamp, grant_id: &GrantId) -> Result<Reply, SqlError> {
    let row = sql.first(
        "SELECT scopes, workspace_id, expires_at, revoked_at, units_per_day, units_per_month
         FROM grants WHERE grant_id = ? AND code_used_at IS NOT NULL",
        &[grant_id.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(Reply::Unknown) };
    let expires_at = Timestamp(row.integer(2)?);
    if row.optional_integer(3)?.is_some() {
        return Ok(Reply::Revoked);
    }
    if expires_at <= now {
        return Ok(Reply::Expired);
    }
    used(sql, now, grant_id.as_str())?;
    let workspace_id = optional_workspace(&row, 1)?;
    Ok(Reply::Valid(Grant {
        scopes: scopes(&row, 0)?,
        workspace_id,
        expires_at: Some(expires_at),
        allowance: allowance(&row, 4)?,
    }))
}

pub fn revoke(
    sql: &impl Sql,
    now: Timestamp,
    grant_id: &GrantId,
    client_id: Option<&str>,
) -> Result<Reply, SqlError> {
    let known = sql.first(
        "SELECT 1 FROM grants WHERE grant_id = ?1 AND client_id = coalesce(?2, client_id)",
        &[grant_id.as_str().into(), client_id.into()],
    )?;
    if known.is_none() {
        return Ok(Reply::Unknown);
    }
    let ended = sql.query(
        "UPDATE grants SET revoked_at = ? WHERE grant_id = ? AND revoked_at IS NULL RETURNING grant_id, workspace_id",
        &[now.into(), grant_id.as_str().into()],
    )?;
    Ok(Reply::Changed(ended.iter().map(changed).collect::<Result<_, _>>()?))
}

/// Those that lived.
pub fn revoke_all(sql: &impl Sql, now: Timestamp) -> Result<Vec<Changed>, SqlError> {
    let living =
        sql.query(&format!("SELECT grant_id, workspace_id FROM grants WHERE {LIVING}"), &[now.into()])?;
    sql.query("UPDATE grants SET revoked_at = coalesce(revoked_at, ?)", &[now.into()])?;
    living.iter().map(changed).collect()
}

const COLUMNS: &str = "grant_id, client_id, client_name, client_host, is_loopback, redirect_uri, scopes, workspace_id, created_at, at,
    units_per_day, units_per_month";
const LIVING: &str = "revoked_at IS NULL AND expires_at > ?1 AND code_used_at IS NOT NULL";

/// Those that live, newest first.
pub fn list(sql: &impl Sql, now: Timestamp) -> Result<Vec<GrantRow>, SqlError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM grants LEFT JOIN uses ON id = grant_id WHERE {LIVING} ORDER BY grant_id DESC"
    );
    sql.query(&statement, &[now.into()])?.iter().map(grant).collect()
}

/// The newest that lives of one client at one address.
pub fn last(
    sql: &impl Sql,
    now: Timestamp,
    client_id: &str,
    redirect_uri: &str,
) -> Result<Option<GrantRow>, SqlError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM grants LEFT JOIN uses ON id = grant_id
         WHERE {LIVING} AND client_id = ?2 AND redirect_uri = ?3 ORDER BY grant_id DESC LIMIT 1"
    );
    let row = sql.first(&statement, &[now.into(), client_id.into(), redirect_uri.into()])?;
    row.as_ref().map(grant).transpose()
}

fn grant(row: &Row) -> Result<GrantRow, SqlError> {
    let id = row.text(0)?;
    Ok(GrantRow {
        grant_id: GrantId::parse(&id).ok_or_else(|| SqlError(format!("`{id}` is not a grant id")))?,
        client_id: row.text(1)?,
        client_name: row.text(2)?,
        client_host: row.optional_text(3)?,
        is_loopback: row.integer(4)? != 0,
        redirect_uri: row.text(5)?,
        scopes: scopes(row, 6)?,
        workspace_id: optional_workspace(row, 7)?,
        created_at: Timestamp(row.integer(8)?),
        last_used_at: row.optional_integer(9)?.map(Timestamp),
        allowance: allowance(row, 10)?,
    })
}

fn workspace(row: &Row, column: usize) -> Result<WorkspaceId, SqlError> {
    let text = row.text(column)?;
    WorkspaceId::parse(&text).ok_or_else(|| SqlError(format!("`{text}` is not a workspace id")))
}
