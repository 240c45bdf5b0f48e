//! What one Durable Object owns, in memory: a real SQLite, an alarm and its listeners. It outlives a kill, except
//! for the listeners. Numbers bind as doubles, as they do on workerd.

use super::memory::Memory;
use atelier::platform::{Storage, Unavailable};
use atelier::sql::{Row, Sql, SqlError, Value};
use atelier::time::Timestamp;
use futures::channel::mpsc::UnboundedSender;
use futures::future::LocalBoxFuture;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, StatementStatus};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Times the runtime rings again for a handler that fails; then it gives the alarm up.
const MAX_ALARM_FAILURES: u32 = 6;

pub type Wake = fn(Memory, Rc<Object>) -> LocalBoxFuture<'static, Result<(), Unavailable>>;

pub struct Object {
    pub binding: &'static str,
    pub database: RefCell<Database>,
    pub alarm: Cell<Option<Timestamp>>,
    /// An alarm is being handled; one object handles one at a time.
    pub is_ringing: Cell<bool>,
    /// When it was due, unless its handler has deleted everything.
    due: Cell<Option<Timestamp>>,
    pub failures: Cell<u32>,
    pub listeners: RefCell<Vec<UnboundedSender<String>>>,
    pub wake: Wake,
}

impl Object {
    pub fn new(binding: &'static str, wake: Wake) -> Self {
        Self {
            binding,
            database: RefCell::new(Database::new()),
            alarm: Cell::default(),
            is_ringing: Cell::default(),
            due: Cell::default(),
            failures: Cell::default(),
            listeners: RefCell::default(),
            wake,
        }
    }

    /// Whether anything was ever stored: what an object costs.
    pub fn is_empty(&self) -> bool {
        self.alarm.get().is_none() && self.read("SELECT name FROM sqlite_master", &[]).is_empty()
    }

    /// Rows as a test looks at them, outside of any transaction.
    pub fn read(&self, statement: &str, bindings: &[Value]) -> Vec<Row> {
        self.database.borrow().query(statement, bindings).unwrap()
    }

    /// What SQLite has done since this was last asked.
    pub fn effort(&self) -> Effort {
        self.database.borrow().effort.take()
    }

    pub fn begin_alarm(&self) {
        self.is_ringing.set(true);
        self.due.set(self.alarm.take());
    }

    pub fn end_alarm(&self, now: Timestamp, outcome: &Result<(), Unavailable>) {
        self.is_ringing.set(false);
        if outcome.is_ok() {
            return self.failures.set(0);
        }
        self.failures.set(self.failures.get() + 1);
        if self.alarm.get().is_none() && self.failures.get() <= MAX_ALARM_FAILURES {
            self.alarm.set(Some(now.plus_seconds(1 << self.failures.get())));
        }
    }

    /// The process died: an alarm that was being handled rings again.
    pub fn die(&self) {
        self.listeners.borrow_mut().clear();
        self.failures.set(0);
        if self.is_ringing.take() && self.alarm.get().is_none() {
            self.alarm.set(self.due.get());
        }
    }
}

/// An object as its own entity sees it.
pub struct Owned {
    pub memory: Memory,
    pub object: Rc<Object>,
}

impl Storage for Owned {
    type Sql = Database;

    fn transact<T>(&self, work: impl FnOnce(&Database) -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.memory.count(&format!("transact {}", self.object.binding));
        let database = self.object.database.borrow();
        database.run("SAVEPOINT work");
        let outcome = work(&database);
        database.run(if outcome.is_ok() { "RELEASE work" } else { "ROLLBACK TO work; RELEASE work" });
        outcome
    }

    async fn set_alarm(&self, at: Timestamp) -> Result<(), Unavailable> {
        self.memory.enter(&format!("set_alarm {}", self.object.binding)).await?;
        self.object.alarm.set(Some(at));
        Ok(())
    }

    async fn has_alarm(&self) -> Result<bool, Unavailable> {
        self.memory.enter(&format!("has_alarm {}", self.object.binding)).await?;
        Ok(self.object.alarm.get().is_some())
    }

    async fn delete_all(&self) -> Result<(), Unavailable> {
        self.memory.enter(&format!("delete_all {}", self.object.binding)).await?;
        self.object.alarm.set(None);
        self.object.due.set(None);
        self.object.database.replace(Database::new());
        Ok(())
    }

    fn push(&self, event: &str) {
        self.object
            .listeners
            .borrow_mut()
            .retain(|listener| listener.unbounded_send(event.to_owned()).is_ok());
    }

    fn hang_up(&self) {
        self.object.listeners.borrow_mut().clear();
    }
}

/// Work of SQLite: instructions of its virtual machine, and rows that were sorted for want of an index.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    pub steps: i32,
    pub sorts: i32,
}

impl Effort {
    pub fn max(self, other: Self) -> Self {
        Self { steps: self.steps.max(other.steps), sorts: self.sorts.max(other.sorts) }
    }
}

pub struct Database {
    connection: Connection,
    effort: Cell<Effort>,
}

impl Database {
    fn new() -> Self {
        Self { connection: Connection::open_in_memory().unwrap(), effort: Cell::default() }
    }

    fn run(&self, statements: &str) {
        self.connection.execute_batch(statements).unwrap();
    }
}

impl Sql for Database {
    fn query(&self, statement: &str, bindings: &[Value]) -> Result<Vec<Row>, SqlError> {
        let fault = |error: rusqlite::Error| SqlError(error.to_string());
        let mut statement = self.connection.prepare_cached(statement).map_err(fault)?;
        let columns = statement.column_count();
        let bindings = bindings.iter().map(|value| Binding(value.clone()));
        let mut rows = statement.query(rusqlite::params_from_iter(bindings)).map_err(fault)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            found.push(Row((0..columns)
                .map(|column| row.get_ref(column).map(value))
                .collect::<Result<_, _>>()
                .map_err(fault)?));
        }
        drop(rows);
        let Effort { steps, sorts } = self.effort.get();
        self.effort.set(Effort {
            steps: steps + statement.reset_status(StatementStatus::VmStep),
            sorts: sorts + statement.reset_status(StatementStatus::Sort),
        });
        Ok(found)
    }
}

struct Binding(Value);

impl rusqlite::ToSql for Binding {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match &self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Integer(number) => {
                assert!(number.unsigned_abs() < 1 << 53, "{number} is not exact in a JavaScript number");
                ToSqlOutput::Borrowed(ValueRef::Real(*number as f64))
            }
            Value::Real(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// JavaScript does not tell 2.0 from 2.
fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) if number.fract() == 0.0 => Value::Integer(number as i64),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Value::Text(String::from_utf8_lossy(text).into_owned())
        }
    }
}
