//! The collection that goes on by itself: some pages an hour, from where the last one stopped. Where that was is kept in
//! key-value storage and may be lost: then it begins again. Two at once look at the same objects twice, which is all.

use super::{Deletes, MIN_AGE_HOURS, Wish, step};
use crate::platform::{Level, Platform};
use serde_json::json;

const CURSOR: &str = "collector:cursor";
/// A week without a sweep, and it begins again.
const CURSOR_SECONDS: u32 = 7 * 24 * 3600;
/// Pages of one sweep: 10,000 objects at most, for about 3 ms of processor time each beside the waiting. A million
/// objects take four days, and lists cost half a dollar a month at R2.
const MAX_PAGES: u32 = 20;
/// Questions after which no new page is begun: a page asks 1000 at most, and a call of the platform may ask 10,000.
const MAX_QUESTIONS: u32 = 500;

pub async fn sweep<P: Platform>(platform: &P) {
    let wish = Wish {
        workspace: None,
        deletes: Deletes::OfWorkspaces,
        min_age_hours: MIN_AGE_HOURS,
        checks_index: false,
    };
    let known = platform.recall(CURSOR).await.ok().flatten();
    let mut cursor = known.filter(|cursor| !cursor.is_empty());
    let (mut pages, mut questions, mut orphan_bytes) = (0, 0, 0);
    let (mut seen, mut orphans, mut deleted, mut of_no_workspace, mut foreign, mut skipped) =
        (0, 0, 0, 0, 0, 0);
    let mut fault = None;
    while pages < MAX_PAGES && questions < MAX_QUESTIONS {
        let report = match step(platform, &wish, cursor.as_deref()).await {
            Ok(report) => report,
            Err(reason) => {
                fault = Some(reason.0);
                break;
            }
        };
        pages += 1;
        questions += report.questions;
        seen += report.seen;
        orphans += report.orphans.len();
        orphan_bytes += report.orphans.iter().map(|orphan| orphan.object.size_bytes).sum::<u64>();
        of_no_workspace += report.orphans.iter().filter(|orphan| !orphan.has_workspace).count();
        deleted += report.deleted;
        foreign += report.foreign.len();
        skipped += report.skipped;
        cursor = report.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    // Empty: from the beginning.
    let kept = platform.remember(CURSOR, cursor.as_deref().unwrap_or_default(), CURSOR_SECONDS).await;
    let fault = fault.or(kept.err().map(|reason| reason.0));
    let level = if fault.is_some() || of_no_workspace > 0 { Level::Warn } else { Level::Info };
    let fields = json!({
        "pages": pages, "questions": questions, "seen": seen, "orphans": orphans, "orphan_bytes": orphan_bytes,
        "deleted": deleted, "of_no_workspace": of_no_workspace, "foreign": foreign, "skipped": skipped,
        "is_at_end": cursor.is_none(), "fault": fault,
    });
    platform.log(level, "collector.swept", fields);
}
