//! The `Account` object: one person's tokens, authorizations and memberships. What must be exact and at once (a
//! code redeemed once, a refresh rotated once, a revoked token) is asked here, never in key-value storage.
//! Not for: money or members' rights (`workspace`), or who may sign in at all (`sign_in`).
//!
//! | table | what a row is |
//! |---|---|
//! | `profile` | the one row: address and name from the last sign-in, the number of the browser sessions' epoch |
//! | `memberships` | a workspace this person belongs to |
//! | `invitations` | one to a workspace, not yet answered |
//! | `tokens` | a personal access token: its SHA-256, never itself; what it may spend |
//! | `grants` | an authorization given to a client: its code's SHA-256, its family of refresh tokens, what it may spend |
//! | `uses` | when a token or grant was last seen, to the hour |

pub mod grants;
pub mod people;
pub mod tokens;

use super::scope::Scopes;
use crate::id::{GrantId, InvitationId, TokenId, WorkspaceId};
use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use crate::units::{Allowance, Units};
pub use grants::{GrantRow, NewGrant, Redeemed, Redemption, Refreshed, Refreshing};
pub use people::{Invitation, Profile};
use serde::{Deserialize, Serialize};
pub use tokens::{NewToken, TokenRow};

/// A use is written down when the last one is older: a write a request would cost more than it tells.
const USE_SECONDS: i64 = 3600;
/// Workspaces a consent page offers; a person in more chooses among those made first.
const MAX_OFFERED: u32 = 50;

pub struct Account;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    Issue(NewToken),
    Verify {
        token_id: TokenId,
        hash: String,
    },
    Revoke {
        token_id: TokenId,
    },
    Tokens,
    Join {
        workspace_id: WorkspaceId,
    },
    Leave {
        workspace_id: WorkspaceId,
    },
    /// Workspaces after this id, in order of id (which is order of creation).
    Workspaces {
        after: Option<WorkspaceId>,
        limit: u32,
    },
    /// Somebody whom a provider vouches for is here.
    SignIn {
        email: String,
        name: Option<String>,
    },
    Profile,
    /// All that a consent page needs to know of its person.
    Standing {
        client_id: String,
        redirect_uri: String,
    },
    JoinedFirst,
    /// Ends every browser session and every authorization; personal access tokens stay.
    SignOutEverywhere,
    Invite(Invitation),
    Uninvite {
        invitation_id: InvitationId,
    },
    Invitation {
        invitation_id: InvitationId,
    },
    /// Whether anybody here ever belonged to, or was asked into, a workspace.
    IsExpected,
    Authorize(Box<NewGrant>),
    Redeem(Redemption),
    Refresh(Refreshing),
    VerifyGrant {
        grant_id: GrantId,
    },
    /// `client_id`: only if it is this client's (RFC 7009 section 2.1).
    RevokeGrant {
        grant_id: GrantId,
        client_id: Option<String>,
    },
    Grants,
    /// What a token or an authorization may spend from its next spending on.
    SetAllowance {
        id: CredentialId,
        allowance: Allowance,
    },
}

/// What a person may set the allowance of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialId {
    Token(TokenId),
    Grant(GrantId),
}

/// A token or an authorization that was changed or ended just now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub id: String,
    /// None: it opens every workspace of the person.
    pub workspace_id: Option<WorkspaceId>,
}

/// A person as the consent page meets them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub epoch: i64,
    /// In order of creation; the page offers no more than these.
    pub workspaces: Vec<WorkspaceId>,
    /// The last authorization given to the same client at the same address, if it still lives.
    pub earlier: Option<GrantRow>,
}

/// What a verified credential opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    pub scopes: Scopes,
    pub workspace_id: Option<WorkspaceId>,
    pub expires_at: Option<Timestamp>,
    /// What the credential itself may spend.
    pub allowance: Allowance,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Valid(Grant),
    Unknown,
    Expired,
    Revoked,
    Workspaces(Vec<WorkspaceId>),
    Profile(Box<Profile>),
    Standing(Box<Standing>),
    Invitation(Box<Invitation>),
    Expected(bool),
    Redeemed(Box<Redeemed>),
    Refreshed(Box<Refreshed>),
    /// A code or refresh token that was used before: what it had issued is revoked now.
    Reused,
    /// The client has to prove who it is, and has not.
    Unauthenticated,
    /// More scopes than the grant has.
    TooWide,
    /// Sentence for `invalid_grant`.
    Mismatch(String),
    Grants(Vec<GrantRow>),
    /// Done; none of them where it had been done before.
    Changed(Vec<Changed>),
    Tokens(Vec<TokenRow>),
}

impl Entity for Account {
    const BINDING: &'static str = "ACCOUNT";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        let now = platform.now();
        let refresh_key = platform.config().signer(grants::REFRESH_LABEL);
        Ok(storage.transact(|sql| match command {
            Command::Redeem(redemption) => {
                with_tables(sql, || grants::redeem(sql, now, &refresh_key, redemption))
            }
            Command::Refresh(refreshing) => {
                with_tables(sql, || grants::refresh(sql, now, &refresh_key, refreshing))
            }
            command => apply(sql, now, command),
        })?)
    }

    async fn wake<P: Platform, S: Storage>(_: &P, _: &S) -> Result<(), Unavailable> {
        Ok(())
    }
}

fn apply(sql: &impl Sql, now: Timestamp, command: Command) -> Result<Reply, SqlError> {
    if makes(&command) {
        create_tables(sql)?;
    }
    with_tables(sql, || match command {
        Command::Issue(token) => tokens::issue(sql, now, token),
        Command::Verify { token_id, hash } => tokens::verify(sql, now, &token_id, &hash),
        Command::Revoke { token_id } => tokens::revoke(sql, now, &token_id),
        Command::Tokens => tokens::list(sql).map(Reply::Tokens),
        Command::Join { workspace_id } => people::join(sql, now, &workspace_id),
        Command::Leave { workspace_id } => people::leave(sql, now, &workspace_id),
        Command::Workspaces { after, limit } => people::workspaces(sql, after, limit),
        Command::SignIn { email, name } => people::sign_in(sql, now, &email, name),
        Command::Profile => people::profile(sql),
        Command::Standing { client_id, redirect_uri } => standing(sql, now, &client_id, &redirect_uri),
        Command::JoinedFirst => people::joined_first(sql),
        Command::SignOutEverywhere => {
            let ended = grants::revoke_all(sql, now)?;
            people::end_sessions(sql)?;
            Ok(Reply::Changed(ended))
        }
        Command::Invite(invitation) => people::invite(sql, now, &invitation),
        Command::Uninvite { invitation_id } => people::uninvite(sql, &invitation_id),
        Command::Invitation { invitation_id } => people::invitation(sql, now, &invitation_id),
        Command::IsExpected => people::is_expected(sql, now).map(Reply::Expected),
        Command::Authorize(grant) => grants::authorize(sql, now, *grant),
        Command::VerifyGrant { grant_id } => grants::verify(sql, now, &grant_id),
        Command::RevokeGrant { grant_id, client_id } => {
            grants::revoke(sql, now, &grant_id, client_id.as_deref())
        }
        Command::Grants => grants::list(sql, now).map(Reply::Grants),
        Command::SetAllowance { id, allowance } => set_allowance(sql, &id, allowance),
        Command::Redeem(_) | Command::Refresh(_) => Ok(Reply::Unknown),
    })
}

fn standing(sql: &impl Sql, now: Timestamp, client_id: &str, redirect_uri: &str) -> Result<Reply, SqlError> {
    let Reply::Profile(profile) = people::profile(sql)? else { return Ok(Reply::Unknown) };
    let Reply::Workspaces(workspaces) = people::workspaces(sql, None, MAX_OFFERED)? else {
        return Ok(Reply::Unknown);
    };
    let earlier = grants::last(sql, now, client_id, redirect_uri)?;
    Ok(Reply::Standing(Box::new(Standing { epoch: profile.epoch, workspaces, earlier })))
}

fn makes(command: &Command) -> bool {
    use Command::{Authorize, Invite, Issue, Join, SignIn};
    matches!(command, Issue(_) | Join { .. } | SignIn { .. } | Invite(_) | Authorize(_))
}

/// Questions about a person nobody made must not leave a database behind.
fn with_tables(sql: &impl Sql, then: impl FnOnce() -> Result<Reply, SqlError>) -> Result<Reply, SqlError> {
    if !is_current(sql)? {
        if !sql.has_table("tokens")? {
            return Ok(Reply::Unknown);
        }
        // Written by an earlier version.
        create_tables(sql)?;
    }
    then()
}

/// The column that came last.
fn is_current(sql: &impl Sql) -> Result<bool, SqlError> {
    sql.has_column("grants", "units_per_month")
}

fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    if is_current(sql)? {
        return Ok(());
    }
    // What a table of an earlier version lacks: before there was sign-in, before tokens had limits.
    for (table, column) in [
        ("memberships", "left_at"),
        ("tokens", "units_per_day"),
        ("tokens", "units_per_month"),
        ("grants", "units_per_day"),
        ("grants", "units_per_month"),
    ] {
        if sql.has_table(table)? && !sql.has_column(table, column)? {
            sql.query(&format!("ALTER TABLE {table} ADD COLUMN {column} INTEGER"), &[])?;
        }
    }
    tokens::create_table(sql)?;
    people::create_tables(sql)?;
    grants::create_table(sql)?;
    sql.query("CREATE TABLE IF NOT EXISTS uses (id TEXT PRIMARY KEY, at INTEGER NOT NULL)", &[])?;
    Ok(())
}

fn set_allowance(sql: &impl Sql, id: &CredentialId, allowance: Allowance) -> Result<Reply, SqlError> {
    let (table, key, id) = match id {
        CredentialId::Token(id) => ("tokens", "token_id", id.as_str()),
        CredentialId::Grant(id) => ("grants", "grant_id", id.as_str()),
    };
    let statement = format!(
        "UPDATE {table} SET units_per_day = ?, units_per_month = ? WHERE {key} = ? AND revoked_at IS NULL RETURNING {key}, workspace_id"
    );
    let found = sql.first(&statement, &[allowance.per_day.into(), allowance.per_month.into(), id.into()])?;
    found.map_or(Ok(Reply::Unknown), |row| Ok(Reply::Changed(vec![changed(&row)?])))
}

/// Two columns: the id, the workspace.
fn changed(row: &Row) -> Result<Changed, SqlError> {
    Ok(Changed { id: row.text(0)?, workspace_id: optional_workspace(row, 1)? })
}

/// A token or grant was seen.
fn used(sql: &impl Sql, now: Timestamp, id: &str) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO uses (id, at) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET at = ?2 WHERE at <= ?3",
        &[id.into(), now.into(), now.plus_seconds(-USE_SECONDS).into()],
    )?;
    Ok(())
}

/// A scope this version does not know was granted by a newer one; it opens nothing here.
fn scopes(row: &Row, column: usize) -> Result<Scopes, SqlError> {
    Ok(row.text(column)?.split(' ').filter_map(super::Scope::parse).collect())
}

fn optional_workspace(row: &Row, column: usize) -> Result<Option<WorkspaceId>, SqlError> {
    Ok(row.optional_text(column)?.and_then(|id| WorkspaceId::parse(&id)))
}

/// Two columns: a day, a month.
fn allowance(row: &Row, column: usize) -> Result<Allowance, SqlError> {
    let units = |column| Ok(row.optional_integer(column)?.map(Units::thousandths));
    Ok(Allowance { per_day: units(column)?, per_month: units(column + 1)? })
}

fn optional_time(row: &Row, column: usize) -> Result<Option<Timestamp>, SqlError> {
    Ok(row.optional_integer(column)?.map(Timestamp))
}
