//! The `Session` object: what one legacy MCP session keeps while somebody is not connected: events of its
//! stream with their ids, answers to questions the server asked, and that it has ended.
//! Not for: the session id and what it proves (`mcp::session`); ordinary calls never come here.
//!
//! | table | what a row is |
//! |---|---|
//! | `session` | the one row: when it expires, whether the client ended it |
//! | `events` | one event of the stream, kept for `Last-Event-ID` |
//! | `answers` | a question asked of the client, and its answer once it came |

use crate::platform::{Entity, Platform, Storage, Unavailable};
use crate::sql::{Sql, SqlError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Events kept for a client that comes back; older ones are dropped first.
const MAX_EVENTS: u32 = 256;
/// Questions that may be open at once.
const MAX_QUESTIONS: u32 = 32;
const LOOK_AGAIN_MILLIS: u32 = 50;

pub struct Session;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// A stream is about to be opened.
    Open {
        expires_at: Timestamp,
    },
    /// A JSON-RPC message for the stream.
    Push {
        expires_at: Timestamp,
        message: String,
    },
    /// A question is about to be asked; its answer will arrive by another request.
    Expect {
        expires_at: Timestamp,
        question: String,
    },
    Answer {
        question: String,
        answer: String,
    },
    /// Waits for the answer at most so long.
    Await {
        question: String,
        millis: i64,
    },
    End {
        expires_at: Timestamp,
    },
    /// Ends the Wasm instance as a defect would: the test of what is left standing.
    #[cfg(feature = "conformance")]
    Panic,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Answered(String),
    NotYet,
    /// Nobody asked, or the question is gone.
    Unknown,
    Ended,
}

impl Entity for Session {
    const BINDING: &'static str = "SESSION";
    type Command = Command;
    type Reply = Reply;

    async fn handle<P: Platform, S: Storage>(
        platform: &P,
        storage: &S,
        command: Command,
    ) -> Result<Reply, Unavailable> {
        let now = platform.now();
        if let Command::Await { question, millis } = command {
            return wait(platform, storage, &question, now.plus_millis(millis)).await;
        }
        #[cfg(feature = "conformance")]
        if matches!(command, Command::Panic) {
            std::process::abort();
        }
        if storage.transact(ended)? {
            return Ok(Reply::Ended);
        }
        if let Command::Open { expires_at }
        | Command::Push { expires_at, .. }
        | Command::Expect { expires_at, .. }
        | Command::End { expires_at } = &command
            && !storage.has_alarm().await?
        {
            storage.set_alarm(*expires_at).await?;
        }
        let is_open = matches!(command, Command::Open { .. });
        let is_end = matches!(command, Command::End { .. });
        let (reply, event) = storage.transact(|sql| apply(sql, now, command))?;
        if let Some(event) = event {
            storage.push(&event);
        }
        if is_open || is_end {
            // A second stream supersedes the first; an ended session has none.
            storage.hang_up();
        }
        Ok(reply)
    }

    async fn wake<P: Platform, S: Storage>(_: &P, storage: &S) -> Result<(), Unavailable> {
        storage.hang_up();
        storage.delete_all().await
    }

    fn backlog(sql: &impl Sql, after: Option<&str>) -> Result<Vec<String>, SqlError> {
        // Without an id the client has seen nothing and expects nothing old.
        let Some(after) = after.and_then(|id| id.parse::<i64>().ok()) else { return Ok(Vec::new()) };
        if !sql.has_table("events")? {
            return Ok(Vec::new());
        }
        let rows = sql.query(
            "SELECT event_id, message FROM events WHERE event_id > ? ORDER BY event_id",
            &[after.into()],
        )?;
        rows.iter().map(|row| Ok(event(row.integer(0)?, &row.text(1)?))).collect()
    }
}

fn event(id: i64, message: &str) -> String {
    format!("id: {id}\nevent: message\ndata: {message}\n\n")
}

fn apply(sql: &impl Sql, now: Timestamp, command: Command) -> Result<(Reply, Option<String>), SqlError> {
    if let Command::Answer { question, answer } = command {
        return answered(sql, &question, &answer).map(|reply| (reply, None));
    }
    create_tables(sql)?;
    match command {
        Command::Push { message, .. } => {
            let row = sql.first(
                "INSERT INTO events (message, at) VALUES (?, ?) RETURNING event_id",
                &[message.as_str().into(), now.into()],
            )?;
            let id = row.ok_or_else(|| SqlError("no event id".into()))?.integer(0)?;
            sql.query("DELETE FROM events WHERE event_id <= ?", &[(id - i64::from(MAX_EVENTS)).into()])?;
            Ok((Reply::Done, Some(event(id, &message))))
        }
        Command::Expect { question, .. } => {
            sql.query(
                "INSERT OR IGNORE INTO answers (question, answer, at) VALUES (?, NULL, ?)",
                &[question.into(), now.into()],
            )?;
            sql.query(
                "DELETE FROM answers WHERE question NOT IN (SELECT question FROM answers ORDER BY at DESC LIMIT ?)",
                &[MAX_QUESTIONS.into()],
            )?;
            Ok((Reply::Done, None))
        }
        Command::End { .. } => {
            sql.query("INSERT OR REPLACE INTO session (one, ended) VALUES (1, 1)", &[])?;
            sql.query("DELETE FROM events", &[])?;
            sql.query("DELETE FROM answers", &[])?;
            Ok((Reply::Done, None))
        }
        _ => Ok((Reply::Done, None)),
    }
}

fn create_tables(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query("CREATE TABLE IF NOT EXISTS session (one INTEGER PRIMARY KEY CHECK (one = 1), ended INTEGER NOT NULL)", &[])?;
    sql.query("CREATE TABLE IF NOT EXISTS events (event_id INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, at INTEGER NOT NULL)", &[])?;
    sql.query(
        "CREATE TABLE IF NOT EXISTS answers (question TEXT PRIMARY KEY, answer TEXT, at INTEGER NOT NULL)",
        &[],
    )?;
    Ok(())
}

fn ended(sql: &impl Sql) -> Result<bool, SqlError> {
    Ok(sql.has_table("session")? && sql.first("SELECT 1 FROM session WHERE ended = 1", &[])?.is_some())
}

/// Only the first answer to a question that was asked counts.
fn answered(sql: &impl Sql, question: &str, answer: &str) -> Result<Reply, SqlError> {
    if !sql.has_table("answers")? {
        return Ok(Reply::Unknown);
    }
    let statement = "UPDATE answers SET answer = coalesce(answer, ?) WHERE question = ? RETURNING question";
    let found = sql.first(statement, &[answer.into(), question.into()])?;
    Ok(if found.is_some() { Reply::Done } else { Reply::Unknown })
}

async fn wait<P: Platform, S: Storage>(
    platform: &P,
    storage: &S,
    question: &str,
    until: Timestamp,
) -> Result<Reply, Unavailable> {
    loop {
        let found = storage.transact(|sql| {
            if !sql.has_table("answers")? {
                return Ok(None);
            }
            let row = sql.first("SELECT answer FROM answers WHERE question = ?", &[question.into()])?;
            row.map(|row| row.optional_text(0)).transpose()
        })?;
        match found {
            None => return Ok(Reply::Unknown),
            Some(Some(answer)) => return Ok(Reply::Answered(answer)),
            Some(None) if platform.now() >= until => return Ok(Reply::NotYet),
            Some(None) => platform.sleep(LOOK_AGAIN_MILLIS).await,
        }
    }
}
