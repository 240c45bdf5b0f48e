//! `Sql` on a Durable Object's SQLite. The SDK binds the cursor's readers without `catch`, where an exception
//! kills the isolate; these bindings catch.

use crate::sql::{Row, Sql, SqlError, Value};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub type SqlStorage;
    type DurableStorage;
    type Cursor;
    type Rows;

    #[wasm_bindgen(method, getter)]
    fn sql(this: &DurableStorage) -> SqlStorage;
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &DurableStorage,
        body: &mut dyn FnMut() -> Result<JsValue, JsValue>,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, variadic)]
    fn exec(this: &SqlStorage, statement: &str, bindings: &[JsValue]) -> Result<Cursor, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn raw(this: &Cursor) -> Result<Rows, JsValue>;
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &Rows) -> Result<Array, JsValue>;
}

impl Sql for SqlStorage {
    fn query(&self, statement: &str, bindings: &[Value]) -> Result<Vec<Row>, SqlError> {
        let bindings: Vec<JsValue> = bindings.iter().map(to_js).collect();
        let rows =
            self.exec(statement, &bindings).and_then(|cursor| cursor.raw()).and_then(|rows| rows.to_array());
        rows.map_err(error)?.iter().map(row).collect()
    }
}

/// `ctx.storage.transactionSync`, which the SDK does not bind: an exception undoes every statement.
pub fn transact<T>(
    storage: &JsValue,
    work: impl FnOnce(&SqlStorage) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    let mut work = Some(work);
    let mut outcome = None;
    let thrown = in_transaction(storage.unchecked_ref(), &mut |sql| match work.take() {
        Some(work) => outcome.insert(work(sql)).is_ok(),
        None => false,
    });
    match (outcome, thrown) {
        (Some(Ok(_)), Err(fault)) => Err(fault),
        (Some(outcome), _) => outcome,
        (None, fault) => Err(fault.err().unwrap_or_else(|| SqlError("the transaction never ran".into()))),
    }
}

/// `work` says whether to commit. Not generic: compiled once.
fn in_transaction(
    storage: &DurableStorage,
    work: &mut dyn FnMut(&SqlStorage) -> bool,
) -> Result<(), SqlError> {
    let ran = storage.transaction_sync(&mut || match work(&storage.sql()) {
        true => Ok(JsValue::UNDEFINED),
        false => Err(JsValue::from_str("roll back")),
    });
    ran.map(|_| ()).map_err(error)
}

fn to_js(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        Value::Integer(number) => JsValue::from_f64(*number as f64),
        Value::Real(number) => JsValue::from_f64(*number),
        Value::Text(text) => JsValue::from_str(text),
    }
}

fn row(columns: JsValue) -> Result<Row, SqlError> {
    Array::from(&columns).iter().map(from_js).collect::<Result<_, _>>().map(Row)
}

fn from_js(value: JsValue) -> Result<Value, SqlError> {
    if value.is_null() || value.is_undefined() {
        return Ok(Value::Null);
    }
    if let Some(text) = value.as_string() {
        return Ok(Value::Text(text));
    }
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 => Ok(Value::Integer(number as i64)),
        Some(number) => Ok(Value::Real(number)),
        None => Err(SqlError("a column holds neither text nor a number".into())),
    }
}

pub fn error(fault: JsValue) -> SqlError {
    let message = fault.dyn_ref::<Object>().and_then(|object| Reflect::get(object, &"message".into()).ok());
    SqlError(message.and_then(|text| text.as_string()).unwrap_or_else(|| format!("{fault:?}")))
}
