//! The rows of an `Upload` object: the record, one row a part, one row a chunk. Not for: what they mean.

use super::state::{Pieces, Record};
use crate::platform::Part;
use crate::sql::{Sql, SqlError, Value, to_json};
use crate::time::Timestamp;

pub fn create(sql: &impl Sql, record: &Record) -> Result<(), SqlError> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS upload (one INTEGER PRIMARY KEY CHECK (one = 1), record TEXT NOT NULL)",
        // etag: NULL while the part is being sent, by `attempt`, which is believed to live until `until`.
        "CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, etag TEXT, attempt TEXT NOT NULL, until INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS chunks (position INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, base64 TEXT NOT NULL)",
    ] {
        sql.query(statement, &[])?;
    }
    save(sql, record)
}

pub fn save(sql: &impl Sql, record: &Record) -> Result<(), SqlError> {
    sql.query("INSERT OR REPLACE INTO upload (one, record) VALUES (1, ?)", &[to_json(record)?])?;
    Ok(())
}

pub fn load(sql: &impl Sql) -> Result<Option<Record>, SqlError> {
    if !sql.has_table("upload")? {
        return Ok(None);
    }
    sql.first("SELECT record FROM upload", &[])?.map(|row| row.json(0)).transpose()
}

/// Parts that are there, by number.
pub fn parts(sql: &impl Sql) -> Result<Vec<Part>, SqlError> {
    let rows = sql.query("SELECT number, etag FROM parts WHERE etag IS NOT NULL ORDER BY number", &[])?;
    rows.iter()
        .map(|row| Ok(Part { number: u32::try_from(row.integer(0)?).unwrap_or(0), etag: row.text(1)? }))
        .collect()
}

/// False: another attempt sends this part now.
pub fn claim_part(
    sql: &impl Sql,
    number: u32,
    bytes: u64,
    attempt: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, SqlError> {
    let claimed = sql.first(
        "INSERT INTO parts (number, bytes, etag, attempt, until) VALUES (?1, ?2, NULL, ?3, ?4)
         ON CONFLICT (number) DO UPDATE SET bytes = ?2, etag = NULL, attempt = ?3, until = ?4
         WHERE etag IS NOT NULL OR until <= ?5 OR attempt = ?3 RETURNING number",
        &[number.into(), integer(bytes), attempt.into(), until.into(), now.into()],
    )?;
    Ok(claimed.is_some())
}

/// None: it was not stored. Only the attempt that claimed the part is heard.
pub fn settle_part(sql: &impl Sql, number: u32, attempt: &str, etag: Option<&str>) -> Result<(), SqlError> {
    match etag {
        Some(etag) => sql.query(
            "UPDATE parts SET etag = ? WHERE number = ? AND attempt = ?",
            &[etag.into(), number.into(), attempt.into()],
        )?,
        None => sql.query(
            "DELETE FROM parts WHERE number = ? AND attempt = ? AND etag IS NULL",
            &[number.into(), attempt.into()],
        )?,
    };
    Ok(())
}

pub fn renew_part(sql: &impl Sql, number: u32, attempt: &str, until: Timestamp) -> Result<(), SqlError> {
    sql.query(
        "UPDATE parts SET until = ? WHERE number = ? AND attempt = ?",
        &[until.into(), number.into(), attempt.into()],
    )?;
    Ok(())
}

pub fn forget_pieces(sql: &impl Sql) -> Result<(), SqlError> {
    sql.query("DELETE FROM parts", &[])?;
    sql.query("DELETE FROM chunks", &[])?;
    Ok(())
}

/// What a chunk at this position has: its SHA-256.
pub fn chunk_digest(sql: &impl Sql, position: u32) -> Result<Option<String>, SqlError> {
    let row = sql.first("SELECT sha256 FROM chunks WHERE position = ?", &[position.into()])?;
    row.map(|row| row.text(0)).transpose()
}

pub fn add_chunk(
    sql: &impl Sql,
    position: u32,
    bytes: u64,
    sha256: &str,
    base64: &str,
) -> Result<(), SqlError> {
    sql.query(
        "INSERT INTO chunks (position, bytes, sha256, base64) VALUES (?, ?, ?, ?)",
        &[position.into(), integer(bytes), sha256.into(), base64.into()],
    )?;
    Ok(())
}

/// The base64 of every chunk, in order.
pub fn chunks(sql: &impl Sql) -> Result<Vec<String>, SqlError> {
    sql.query("SELECT base64 FROM chunks ORDER BY position", &[])?.iter().map(|row| row.text(0)).collect()
}

/// Parts and chunks that are there; an upload has one kind of them.
pub fn pieces(sql: &impl Sql) -> Result<Pieces, SqlError> {
    let rows = sql.query(
        "SELECT number, bytes FROM parts WHERE etag IS NOT NULL
         UNION ALL SELECT position, bytes FROM chunks ORDER BY 1",
        &[],
    )?;
    let mut pieces = Pieces::default();
    for row in rows {
        pieces.received.push(u32::try_from(row.integer(0)?).unwrap_or(0));
        pieces.received_bytes += u64::try_from(row.integer(1)?).unwrap_or(0);
    }
    Ok(pieces)
}

fn integer(bytes: u64) -> Value {
    Value::Integer(i64::try_from(bytes).unwrap_or(i64::MAX))
}
