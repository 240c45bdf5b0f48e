//! The operator's look at object storage, a page a call: what nothing names any more, and what is listed and not there.
//! `scripts/reconcile` goes through it page by page. Deletes only when told to.

use super::operator::{self, Fault};
use crate::collector::{self, Deletes, MIN_AGE_HOURS, Missing, Orphan, Wish};
use crate::error::Refusal;
use crate::http::{Request, Response};
use crate::id::WorkspaceId;
use crate::platform::{Level, Platform};
use serde::Deserialize;
use serde_json::{Value, json};

/// As long as a key of object storage can be, in bytes.
const MAX_CURSOR_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reconcile {
    /// Absent: the whole bucket.
    workspace_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    #[serde(default)]
    delete: bool,
    /// Fewer than 48 are for a gateway at rest: what is young may be on its way into the index.
    min_age_hours: Option<u32>,
}

pub async fn reconcile<P: Platform>(
    platform: &P,
    request: &Request,
    request_id: &str,
) -> Response<P::Stream> {
    operator::respond(platform, request_id, page(platform, request, request_id).await)
}

async fn page<P: Platform>(platform: &P, request: &Request, request_id: &str) -> Result<Value, Fault> {
    let input: Reconcile = operator::authorized(platform, request)?;
    let invalid = || Refusal::invalid("`workspace_id` must be a UUID.");
    let workspace =
        input.workspace_id.as_deref().map(|text| WorkspaceId::parse(text).ok_or_else(invalid)).transpose()?;
    let cursor = input.cursor.filter(|cursor| !cursor.is_empty());
    if cursor.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR_BYTES) {
        return Err(Refusal::invalid("`cursor` must be the `next_cursor` of an answer.").into());
    }
    let wish = Wish {
        workspace,
        deletes: if input.delete { Deletes::Everything } else { Deletes::Nothing },
        min_age_hours: input.min_age_hours.unwrap_or(MIN_AGE_HOURS),
        checks_index: true,
    };
    let report = collector::step(platform, &wish, cursor.as_deref()).await?;
    if report.deleted > 0 {
        let fields = json!({ "request_id": request_id, "deleted": report.deleted });
        platform.log(Level::Info, "collector.reconciled", fields);
    }
    Ok(json!({
        "seen": report.seen,
        "bytes": report.bytes,
        "orphans": report.orphans.iter().map(orphan).collect::<Vec<_>>(),
        "deleted": report.deleted,
        "missing": report.missing.iter().map(missing).collect::<Vec<_>>(),
        "foreign": report.foreign,
        "skipped": report.skipped,
        "next_cursor": report.next_cursor,
    }))
}

fn orphan(orphan: &Orphan) -> Value {
    let Orphan { object, has_workspace } = orphan;
    json!({
        "key": object.key, "bytes": object.size_bytes, "stored_at": object.stored_at.iso(),
        "has_workspace": has_workspace,
    })
}

fn missing(missing: &Missing) -> Value {
    json!({ "asset_id": missing.asset_id, "key": missing.key, "workspace_id": missing.workspace })
}
