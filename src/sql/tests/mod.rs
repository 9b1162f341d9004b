//! Statements over tables: valid and invalid ones.

mod ask;
mod check;
mod functions;
mod load;
mod measure;
mod refuse;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Database, Params, SqlError};

/// A Monday.
pub fn now() -> Timestamp {
    "2026-11-02T09:30:00Z".parse().expect("a fixed time")
}

pub fn empty() -> Database {
    Database::new(now()).expect("a database")
}

/// Workflows and the jobs of two of them.
pub fn database() -> Database {
    let database = empty();
    let workflows = json!([
        {"id": "w1", "name": "build", "created_at": "2026-11-01T08:00:00Z", "minutes": 4.5,
         "is_main": true, "tags": ["a", "b"]},
        {"id": "w2", "name": "build", "created_at": "2026-11-02T08:00:00Z", "minutes": 6.5,
         "is_main": false, "tags": []},
        {"id": "w3", "name": "deploy", "created_at": "2026-11-01T09:00:00Z", "minutes": null,
         "is_main": null, "tags": {"by": "me"}},
    ]);
    let jobs = json!([
        {"workflow": "w1", "job": "lint", "status": "success", "retries": 0},
        {"workflow": "w1", "job": "test", "status": "failed", "retries": 2},
        {"workflow": "w2", "job": "test", "status": "success", "retries": 1},
    ]);
    load(&database, "workflows", &workflows);
    load(&database, "jobs", &jobs);
    database
}

pub fn load(database: &Database, name: &str, records: &Value) {
    let records = records.as_array().expect("a list");
    database.load(name, None, records).expect("it loads");
}

/// All rows of a statement, or its fault.
pub fn select(database: &Database, sql: &str, params: &Value) -> Result<Value, SqlError> {
    let params = Params {
        values: serde_json::from_value(params.clone()).expect("an object"),
        secrets: BTreeSet::from(["secret".to_owned()]),
    };
    let mut rows = Vec::new();
    let end = database.select(sql, &params, |row| {
        rows.push(Value::Object(row));
        ControlFlow::<()>::Continue(())
    })?;
    assert!(end.is_continue());
    Ok(Value::from(rows))
}

pub fn ask(database: &Database, sql: &str) -> Value {
    match select(database, sql, &json!({})) {
        Ok(rows) => rows,
        Err(error) => panic!("{sql}: {error:?}"),
    }
}

/// Returns the only value of a result.
pub fn one(database: &Database, sql: &str) -> Value {
    let rows = ask(database, sql);
    let row = rows[0].as_object().expect("a row");
    assert_eq!(row.len(), 1, "{row:?}");
    row.values().next().expect("a value").clone()
}

pub fn fault(database: &Database, sql: &str) -> SqlError {
    match select(database, sql, &json!({})) {
        Ok(rows) => panic!("{sql}: {rows}"),
        Err(error) => error,
    }
}

/// `message @ underlined words | help`.
pub fn shown(error: &SqlError, sql: &str) -> String {
    let mut text = error.message.clone();
    if let Some(range) = &error.range {
        text.push_str(&format!(" @ {}", &sql[range.clone()]));
    }
    if let Some(help) = &error.help {
        text.push_str(&format!(" | {help}"));
    }
    text
}

/// Formats an error in one line.
pub fn message(database: &Database, sql: &str) -> String {
    shown(&fault(database, sql), sql)
}
