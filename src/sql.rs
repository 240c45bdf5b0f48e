//! The small SQL interface under every Durable Object: workerd's SQLite at the edge, the same SQLite natively
//! in tests, so that the statements themselves are tested.
//! Not for: any other database, and no query building; statements are written out where they are used.

use crate::platform::Unavailable;

/// What binds to a `?` and comes back in a column. Integers must stay below 2^53 (JavaScript's numbers).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
}

#[derive(Clone, Debug)]
pub struct Row(pub Vec<Value>);

/// A statement that failed, or a column that is not what the code believes it wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlError(pub String);

impl From<SqlError> for Unavailable {
    fn from(error: SqlError) -> Self {
        Unavailable(format!("sql: {}", error.0))
    }
}

pub trait Sql {
    /// Runs one statement and returns every row.
    fn query(&self, statement: &str, bindings: &[Value]) -> Result<Vec<Row>, SqlError>;

    /// The first row, if any.
    fn first(&self, statement: &str, bindings: &[Value]) -> Result<Option<Row>, SqlError> {
        Ok(self.query(statement, bindings)?.into_iter().next())
    }

    fn has_table(&self, name: &str) -> Result<bool, SqlError> {
        let found =
            self.first("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", &[name.into()])?;
        Ok(found.is_some())
    }

    /// By the table's own statement, which an ALTER TABLE changes too; so no other column may have this name in its own.
    fn has_column(&self, table: &str, column: &str) -> Result<bool, SqlError> {
        let statement = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? AND instr(sql, ?) > 0";
        Ok(self.first(statement, &[table.into(), column.into()])?.is_some())
    }
}

impl Row {
    pub fn integer(&self, column: usize) -> Result<i64, SqlError> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Ok(*value),
            Some(Value::Real(value)) => Ok(*value as i64),
            other => Err(SqlError(format!("column {column} is {other:?}, not an integer"))),
        }
    }

    pub fn text(&self, column: usize) -> Result<String, SqlError> {
        self.optional_text(column)?.ok_or_else(|| SqlError(format!("column {column} is null, not text")))
    }

    pub fn optional_text(&self, column: usize) -> Result<Option<String>, SqlError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value.clone())),
            Some(Value::Null) => Ok(None),
            other => Err(SqlError(format!("column {column} is {other:?}, not text"))),
        }
    }

    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, SqlError> {
        match self.0.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }

    /// A column that holds JSON the code wrote itself.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, SqlError> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|error| SqlError(format!("column {column}: {error}")))
    }
}

/// Text of a value that is stored as JSON.
pub fn to_json<T: serde::Serialize>(value: &T) -> Result<Value, SqlError> {
    serde_json::to_string(value).map(Value::Text).map_err(|error| SqlError(error.to_string()))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Integer(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Integer(i64::from(flag))
    }
}

impl From<crate::time::Timestamp> for Value {
    fn from(at: crate::time::Timestamp) -> Self {
        Value::Integer(at.0)
    }
}

impl From<crate::units::Units> for Value {
    fn from(units: crate::units::Units) -> Self {
        Value::Integer(units.as_thousandths())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
