//! SQLite's date functions with the time of the run instead of the machine's.
//!
//! They are shadowed by functions of the same names, which replace the current time (`'now'`, in any
//! case, or a missing argument; <https://sqlite.org/lang_datefunc.html>) with the time of the run
//! and call the original on a second connection.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result, params_from_iter};

use crate::core::time::format_time;

/// A date function and the position of its times.
struct DateFunction {
    name: &'static str,
    /// The index of the time argument; without it, the current time is meant.
    time: usize,
    /// The number of consecutive times.
    count: usize,
}

const FUNCTIONS: [DateFunction; 7] = [
    DateFunction::new("date", 0, 1),
    DateFunction::new("time", 0, 1),
    DateFunction::new("datetime", 0, 1),
    DateFunction::new("julianday", 0, 1),
    DateFunction::new("unixepoch", 0, 1),
    DateFunction::new("strftime", 1, 1),
    DateFunction::new("timediff", 0, 2),
];

/// Keywords that act as functions, with the format of their text.
const KEYWORDS: [(&str, &str); 3] = [
    ("current_timestamp", "%Y-%m-%d %H:%M:%S"),
    ("current_date", "%Y-%m-%d"),
    ("current_time", "%H:%M:%S"),
];

impl DateFunction {
    const fn new(name: &'static str, time: usize, count: usize) -> Self {
        Self { name, time, count }
    }

    /// Returns the arguments with the current time replaced.
    fn arguments(&self, context: &Context<'_>, now: &str) -> Result<Vec<Value>> {
        let times = self.time..self.time + self.count;
        let mut arguments = (0..context.len())
            .map(|index| match context.get_raw(index) {
                ValueRef::Text(text)
                    if times.contains(&index) && text.eq_ignore_ascii_case(b"now") =>
                {
                    Ok(Value::from(now.to_owned()))
                }
                _ => context.get(index),
            })
            .collect::<Result<Vec<Value>>>()?;
        if arguments.len() == self.time && self.count == 1 {
            arguments.push(Value::from(now.to_owned()));
        }
        Ok(arguments)
    }
}

/// Adds `now()` and shadows the functions that read the machine's clock.
///
/// # Errors
///
/// If SQLite cannot be set up.
pub fn register(connection: &Connection, now: Timestamp) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let text = format_time(now);
    connection.create_scalar_function("now", 0, flags, move |_| Ok(text.clone()))?;
    let civil = now.to_zoned(TimeZone::UTC);
    for (name, format) in KEYWORDS {
        let text = civil.strftime(format).to_string();
        connection.create_scalar_function(name, 0, flags, move |_| Ok(text.clone()))?;
    }
    let now = civil.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let real = Arc::new(Mutex::new(Connection::open_in_memory()?));
    for function in FUNCTIONS {
        let (real, now) = (Arc::clone(&real), now.clone());
        connection.create_scalar_function(function.name, -1, flags, move |context| {
            let arguments = function.arguments(context, &now)?;
            let places = vec!["?"; arguments.len()].join(",");
            let real = real.lock().unwrap_or_else(PoisonError::into_inner);
            let mut call = real.prepare_cached(&format!("SELECT {}({places})", function.name))?;
            call.query_row(params_from_iter(arguments), |row| row.get::<_, Value>(0))
        })?;
    }
    Ok(())
}
