//! Scalar functions: times and regular expressions. The result for NULL is NULL.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{Timestamp, ToSpan as _};
use regex::Regex;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};

use super::value::kind;
use crate::core::time::{Moment, parse_moment};

/// The signatures of the functions.
pub const USAGE: &[&str] = &[
    "now()",
    "epoch(time)",
    "seconds_between(from, to)",
    "time_bucket(time, '1d')",
    "regexp(pattern, text)",
];

/// Examples of bucket widths, for messages.
const BUCKET_EXAMPLE: &str = "a width such as `15m`, `1h`, `1d`, `1w` or `1mo`";

/// Registers the functions.
///
/// # Errors
///
/// If SQLite cannot be set up.
pub fn register(connection: &Connection, now: Timestamp, met: &NoTimes) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let no_times = met.clone();
    let met = met.clone();
    let moment =
        move |context: &Context<'_>, index, function| moment(context, index, function, now, &met);
    let read = moment.clone();
    connection.create_scalar_function("epoch", 1, flags, move |context| {
        let time = read(context, 0, "epoch");
        Ok::<_, Error>(time.map(|time| seconds(time.since_1970())))
    })?;
    let read = moment.clone();
    connection.create_scalar_function("seconds_between", 2, flags, move |context| {
        let from = read(context, 0, "seconds_between");
        let to = read(context, 1, "seconds_between");
        Ok::<_, Error>(
            from.zip(to)
                .map(|(from, to)| seconds(to.since_1970() - from.since_1970())),
        )
    })?;
    connection.create_scalar_function("time_bucket", 2, flags, move |context| {
        let Some(time) = moment(context, 0, "time_bucket") else {
            return Ok(None);
        };
        let Some(width) = width(context.get_raw(1))? else {
            return Ok(None);
        };
        let start = width.start(time);
        if start.is_none() {
            no_times.add("time_bucket", context.get_raw(0));
        }
        Ok(start.map(|start| start.to_string()))
    })?;
    connection.create_scalar_function("regexp", 2, flags, regexp)
}

/// Creates the error of a function.
pub fn fault(message: impl Into<String>) -> Error {
    Error::UserFunctionError(message.into().into())
}

fn seconds(span: jiff::SignedDuration) -> f64 {
    span.as_secs_f64()
}

/// Values that are not times although a function expected one, by function: their count and the
/// first of them.
#[derive(Debug, Clone, Default)]
pub struct NoTimes(Arc<Mutex<BTreeMap<String, (usize, String)>>>);

impl NoTimes {
    fn add(&self, function: &str, value: ValueRef<'_>) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        met.entry(format!("{function}(…)"))
            .or_insert_with(|| {
                let what = if matches!(value, ValueRef::Text(_)) {
                    "the string "
                } else {
                    ""
                };
                (0, format!("{what}{}", kind(value)))
            })
            .0 += 1;
    }

    /// Takes the values recorded so far.
    pub fn take(&self) -> BTreeMap<String, (usize, String)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads an argument: a text as [`parse_moment`] does, a number as seconds since 1970. Any other value
/// is recorded and yields NULL.
fn moment(
    context: &Context<'_>,
    index: usize,
    function: &str,
    now: Timestamp,
    met: &NoTimes,
) -> Option<Moment> {
    let value = context.get_raw(index);
    let time = match value {
        ValueRef::Null => return None,
        ValueRef::Integer(seconds) => Moment::from_milliseconds(seconds.saturating_mul(1000)),
        ValueRef::Real(seconds) => Moment::from_seconds(seconds),
        ValueRef::Text(_) => value.as_str().ok().and_then(|text| parse_moment(text, now)),
        ValueRef::Blob(_) => None,
    };
    if time.is_none() {
        met.add(function, value);
    }
    time
}

/// The width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// A number of seconds, aligned to 1970 in UTC; weeks are aligned to its first Monday.
    Seconds { width: i64, origin: i64 },
    /// A number of months, aligned to January 1970.
    Months(i64),
}

impl Width {
    fn start(self, time: Moment) -> Option<Moment> {
        match self {
            Self::Seconds { width, origin } => {
                let since = time.since_1970();
                // Rounded down, also before 1970.
                let second = since.as_secs() - i64::from(since.subsec_nanos() < 0);
                let start = (second - origin).div_euclid(width) * width + origin;
                Moment::from_milliseconds(start.checked_mul(1000)?)
            }
            Self::Months(width) => {
                let date = time.utc().date();
                let month = i64::from(date.year() - 1970) * 12 + i64::from(date.month()) - 1;
                let first = month.div_euclid(width) * width;
                let epoch = Moment::from(Timestamp::UNIX_EPOCH).utc();
                let start = epoch.checked_add(first.months()).ok()?;
                Some(Moment::from_utc(start))
            }
        }
    }
}

fn width(value: ValueRef<'_>) -> Result<Option<Width>> {
    if value == ValueRef::Null {
        return Ok(None);
    }
    let read = |text: &str| {
        let text = text.trim();
        let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let count: i64 = count
            .parse()
            .ok()
            .filter(|count| (1..100_000).contains(count))?;
        let (seconds, origin) = match unit.trim() {
            "s" => (1, 0),
            "m" => (60, 0),
            "h" => (3_600, 0),
            "d" => (86_400, 0),
            // 1970 began on a Thursday.
            "w" => (604_800, 4 * 86_400),
            "mo" => return Some(Width::Months(count)),
            _ => return None,
        };
        Some(Width::Seconds {
            width: seconds * count,
            origin,
        })
    };
    match value.as_str().ok().and_then(read) {
        Some(width) => Ok(Some(width)),
        None => Err(fault(format!(
            "`time_bucket` takes {BUCKET_EXAMPLE}, got {}",
            kind(value)
        ))),
    }
}

/// `text REGEXP pattern` is `regexp(pattern, text)`. SQLite caches the compiled pattern as long as
/// it is the same constant or parameter (<https://sqlite.org/c3ref/get_auxdata.html>).
fn regexp(context: &mut Context<'_>) -> Result<Option<bool>> {
    if context.get_raw(0) == ValueRef::Null || context.get_raw(1) == ValueRef::Null {
        return Ok(None);
    }
    let pattern = context.get_or_create_aux(0, |pattern| {
        let text = pattern
            .as_str()
            .map_err(|_| format!("`regexp` takes a pattern, got {}", kind(pattern)))?;
        Regex::new(text).map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().to_owned();
            let why = why.trim_start_matches("error: ");
            format!("`{text}` is not a regular expression: {why}")
        })
    })?;
    match context.get_raw(1) {
        ValueRef::Integer(whole) => Ok(Some(pattern.is_match(&whole.to_string()))),
        ValueRef::Real(real) => Ok(Some(pattern.is_match(&real.to_string()))),
        text => match text.as_str() {
            Ok(text) => Ok(Some(pattern.is_match(text))),
            Err(_) => Err(fault(format!(
                "`regexp` takes a string, got {}",
                kind(text)
            ))),
        },
    }
}
