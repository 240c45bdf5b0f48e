//! Workflows a workspace defined: every version of every document, which one is published, which are archived.
//! Not for: what a document means; whoever saves one has checked it (`crate::workflows`).

use super::keys::{self, Idempotency};
use super::{Actor, Event, Reply, audit, refuse};
use crate::error::{Code, Refusal};
use crate::id::{PersonId, WorkflowId};
use crate::sql::{Row, Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Of one workspace, archived ones included: a list of them is still a list a person reads.
const MAX_WORKFLOWS: i64 = 200;
/// Versions kept of one workflow; the oldest that is not published goes first.
const MAX_VERSIONS: i64 = 100;

/// Creates a workflow (`workflow_id` is not known yet) or changes one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Save {
    pub actor: Actor,
    pub person: PersonId,
    pub workflow_id: WorkflowId,
    pub is_new: bool,
    pub document: Option<Document>,
    /// Publish what is saved, or the latest version when no document is given.
    pub publish: bool,
    pub archive: Option<bool>,
    /// The version the change was made to; None: whatever is there.
    pub base_version: Option<u32>,
    pub idempotency: Option<Idempotency>,
}

/// A checked document, and what a list says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub name: String,
    pub description: String,
    /// JSON.
    pub text: String,
}

/// A workflow with the version that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    pub workflow_id: WorkflowId,
    pub version: u32,
    pub latest_version: u32,
    pub published_version: Option<u32>,
    pub archived_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub document: Document,
}

pub fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query(
        "CREATE TABLE IF NOT EXISTS workflows (
            workflow_id TEXT PRIMARY KEY, latest INTEGER NOT NULL, published INTEGER, archived_at INTEGER,
            created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)",
        &[],
    )?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS workflow_versions (
            workflow_id TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            document TEXT NOT NULL, created_at INTEGER NOT NULL, actor TEXT NOT NULL, PRIMARY KEY (workflow_id, version))",
        &[],
    )?;
    Ok(())
}

/// Answers with the workflow as it is after the change.
pub fn save(sql: &impl Sql, now: Timestamp, save: Save) -> Result<Reply, SqlError> {
    if let Some(given) = &save.idempotency {
        match keys::find(sql, now, save.person.as_str(), given)? {
            None => {}
            Some(Err(conflict)) => return Ok(conflict),
            Some(Ok(first)) => {
                let id = WorkflowId::parse(&first).ok_or_else(|| SqlError(format!("`{first}` is no id")))?;
                // As the first call answered: a change with the latest version, published or not.
                return found(sql, &id, (!save.is_new).then_some(Wanted::Latest));
            }
        }
    }
    let reply = if save.is_new { create(sql, now, &save)? } else { change(sql, now, &save)? };
    if let (Reply::Workflow(_), Some(given)) = (&reply, &save.idempotency) {
        keys::keep(sql, now, save.person.as_str(), given, save.workflow_id.as_str())?;
    }
    Ok(reply)
}

fn create(sql: &impl Sql, now: Timestamp, save: &Save) -> Result<Reply, SqlError> {
    let Some(document) = &save.document else {
        return Ok(refuse(Refusal::invalid("A new workflow needs a document.")));
    };
    let count = sql.first("SELECT count(*) FROM workflows", &[])?;
    if count.map_or(Ok(0), |row| row.integer(0))? >= MAX_WORKFLOWS {
        let refusal =
            Refusal::new(Code::RateLimited, format!("The workspace has {MAX_WORKFLOWS} workflows already."));
        return Ok(refuse(refusal.next("Change one that is no longer needed with update_workflow.")));
    }
    let published = if save.publish { Some(1) } else { None };
    sql.query(
        "INSERT INTO workflows (workflow_id, latest, published, created_at, updated_at) VALUES (?, 1, ?, ?, ?)",
        &[save.workflow_id.as_str().into(), published.map(i64::from).into(), now.into(), now.into()],
    )?;
    insert_version(sql, now, save, 1, document)?;
    log(sql, now, save, "workflow.created", 1)?;
    found(sql, &save.workflow_id, None)
}

fn change(sql: &impl Sql, now: Timestamp, save: &Save) -> Result<Reply, SqlError> {
    let Reply::Workflow(current) = found(sql, &save.workflow_id, Some(Wanted::Latest))? else {
        return Ok(refuse(unknown()));
    };
    if save.base_version.is_some_and(|base| base != current.latest_version) {
        let latest = current.latest_version;
        let refusal = Refusal::new(Code::VersionConflict, format!("The latest version is {latest}."));
        return Ok(refuse(refusal.details(json!({ "latest_version": latest }))));
    }
    let mut version = current.latest_version;
    if let Some(document) = save.document.as_ref().filter(|new| **new != current.document) {
        version = version.saturating_add(1);
        insert_version(sql, now, save, version, document)?;
        forget_oldest(sql, &save.workflow_id)?;
        log(sql, now, save, "workflow.updated", version)?;
    }
    let published = if save.publish { Some(version) } else { current.published_version };
    if published != current.published_version {
        log(sql, now, save, "workflow.published", version)?;
    }
    let archived_at = match save.archive {
        Some(true) => current.archived_at.or(Some(now)),
        Some(false) => None,
        None => current.archived_at,
    };
    if archived_at.is_some() != current.archived_at.is_some() {
        let event = if archived_at.is_some() { "workflow.archived" } else { "workflow.restored" };
        log(sql, now, save, event, version)?;
    }
    sql.query(
        "UPDATE workflows SET latest = ?, published = ?, archived_at = ?, updated_at = ? WHERE workflow_id = ?",
        &[version.into(), published.into(), archived_at.into(), now.into(), save.workflow_id.as_str().into()],
    )?;
    found(sql, &save.workflow_id, Some(Wanted::Latest))
}

fn insert_version(
    sql: &impl Sql,
    now: Timestamp,
    save: &Save,
    version: u32,
    document: &Document,
) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO workflow_versions (workflow_id, version, name, description, document, created_at, actor)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        &[
            save.workflow_id.as_str().into(),
            version.into(),
            document.name.as_str().into(),
            document.description.as_str().into(),
            document.text.as_str().into(),
            now.into(),
            save.actor.id.as_str().into(),
        ],
    )?;
    Ok(())
}

fn forget_oldest(sql: &impl Sql, workflow_id: &WorkflowId) -> Result<(), SqlError> {
    sql.query(
        "DELETE FROM workflow_versions WHERE workflow_id = ?1 AND version IN (
            SELECT v.version FROM workflow_versions v JOIN workflows w USING (workflow_id)
            WHERE v.workflow_id = ?1 AND v.version IS NOT w.published ORDER BY v.version DESC LIMIT -1 OFFSET ?2)",
        &[workflow_id.as_str().into(), MAX_VERSIONS.into()],
    )?;
    Ok(())
}

fn log(sql: &impl Sql, now: Timestamp, save: &Save, name: &str, version: u32) -> Result<(), SqlError> {
    let event = Event::new(name, save.workflow_id.as_str(), json!({ "version": version }));
    audit::append(sql, now, &save.actor, &event)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    Latest,
    Version(u32),
}

/// One version as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub version: u32,
    pub name: String,
    pub is_published: bool,
    pub created_at: Timestamp,
    /// A person's id.
    pub actor: String,
    /// The actor's address, where they are a member.
    pub label: Option<String>,
}

/// Those that are kept, newest first: never more than one page.
pub fn versions(sql: &impl Sql, id: &WorkflowId) -> Result<Reply, SqlError> {
    let rows = sql.query(
        "SELECT v.version, v.name, v.version IS w.published, v.created_at, v.actor, m.label
         FROM workflow_versions v JOIN workflows w USING (workflow_id) LEFT JOIN members m ON m.person = v.actor
         WHERE v.workflow_id = ? ORDER BY v.version DESC",
        &[id.as_str().into()],
    )?;
    if rows.is_empty() {
        return Ok(refuse(unknown()));
    }
    let version = |row: &Row| {
        Ok(Version {
            version: u32::try_from(row.integer(0)?).unwrap_or(0),
            name: row.text(1)?,
            is_published: row.integer(2)? != 0,
            created_at: Timestamp(row.integer(3)?),
            actor: row.text(4)?,
            label: row.optional_text(5)?,
        })
    };
    Ok(Reply::Versions(rows.iter().map(version).collect::<Result<_, SqlError>>()?))
}

/// `wanted` None: the published version, else the latest.
pub fn found(sql: &impl Sql, id: &WorkflowId, wanted: Option<Wanted>) -> Result<Reply, SqlError> {
    let version = match wanted {
        None => "coalesce(w.published, w.latest)".to_owned(),
        Some(Wanted::Latest) => "w.latest".to_owned(),
        Some(Wanted::Version(version)) => version.to_string(),
    };
    let statement = format!("{COLUMNS} AND v.version = {version} WHERE w.workflow_id = ?");
    Ok(match sql.first(&statement, &[id.as_str().into()])? {
        Some(row) => Reply::Workflow(Box::new(definition(&row)?)),
        None => refuse(unknown()),
    })
}

const COLUMNS: &str = "SELECT w.workflow_id, v.version, w.latest, w.published, w.archived_at, w.created_at, w.updated_at,
    v.name, v.description, v.document FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.workflow_id";

/// Newest first; archived ones only where asked for, drafts that were never published only where asked for.
pub fn list(
    sql: &impl Sql,
    before: Option<&WorkflowId>,
    limit: u32,
    with_hidden: bool,
) -> Result<Vec<Definition>, SqlError> {
    let shown = if with_hidden { "" } else { "AND w.archived_at IS NULL AND w.published IS NOT NULL" };
    let statement = format!(
        "{COLUMNS} AND v.version = coalesce(w.published, w.latest)
         WHERE w.workflow_id < ? {shown} ORDER BY w.workflow_id DESC LIMIT ?"
    );
    let before = before.map_or("g", |id| id.as_str());
    sql.query(&statement, &[before.into(), limit.into()])?.iter().map(definition).collect()
}

fn definition(row: &Row) -> Result<Definition, SqlError> {
    let id = row.text(0)?;
    let version = |column| row.integer(column).map(|number| u32::try_from(number).unwrap_or(0));
    Ok(Definition {
        workflow_id: WorkflowId::parse(&id).ok_or_else(|| SqlError(format!("`{id}` is no workflow id")))?,
        version: version(1)?,
        latest_version: version(2)?,
        published_version: row.optional_integer(3)?.and_then(|number| u32::try_from(number).ok()),
        archived_at: row.optional_integer(4)?.map(Timestamp),
        created_at: Timestamp(row.integer(5)?),
        updated_at: Timestamp(row.integer(6)?),
        document: Document { name: row.text(7)?, description: row.text(8)?, text: row.text(9)? },
    })
}

fn unknown() -> Refusal {
    Refusal::new(Code::WorkflowNotFound, "This workspace has no workflow with this id and version.")
}
