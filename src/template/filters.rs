//! Filters that minijinja does not have.
//!
//! Times in records are RFC 3339 text; `time` converts them to seconds since 1970, so that they can be
//! compared and subtracted; `date`, `duration`, `minutes` and `ago` format them. All of them pass null
//! through: a job that has not stopped has no duration.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use std::time::Duration;

use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use crate::core::percent;
use crate::core::time::{self, Moment};
use crate::template::bounds::{check_length, check_value};
use crate::template::environment::to_text;
use crate::template::statistics::grouped;
use crate::template::unreadable::Expected;
use crate::template::value::{
    converted, is_null, moment, moment_or, now, rounded, to_number, unreadable, unsigned_zero,
    wrong, zone,
};
use crate::template::{blocks, calendar, chart, difference, escape, statistics, tables};

const NAMES: &[&str] = &[
    "ago", "date", "duration", "minutes", "number", "path", "percent", "time", "tojson",
];

/// Returns the names of all filters, including those of sibling modules.
pub fn names() -> impl Iterator<Item = &'static str> {
    [
        NAMES,
        blocks::NAMES,
        calendar::NAMES,
        chart::NAMES,
        escape::NAMES,
        statistics::NAMES,
        tables::NAMES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The functions registered here.
const FUNCTIONS: &[&str] = &["fail"];

/// Returns the names of the functions, here and in sibling modules.
pub fn functions() -> impl Iterator<Item = &'static str> {
    [
        FUNCTIONS,
        calendar::FUNCTIONS,
        chart::FUNCTIONS,
        difference::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Ends the rendering with a message of the template's author.
fn fail(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Registers the filters and functions.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_function("fail", fail);
    environment.add_filter("ago", ago);
    environment.add_filter("d", default);
    environment.add_filter("date", date);
    environment.add_filter("default", default);
    environment.add_filter("duration", duration);
    environment.add_filter("join", join);
    environment.add_filter("minutes", minutes);
    environment.add_filter("number", number);
    environment.add_filter("path", path);
    environment.add_filter("percent", percent_of);
    environment.add_filter("round", round);
    environment.add_filter("string", string);
    environment.add_filter("time", seconds);
    environment.add_filter("tojson", tojson);
    blocks::register(environment);
    calendar::register(environment);
    chart::register(environment);
    difference::register(environment);
    escape::register(environment);
    statistics::register(environment);
    tables::register(environment);
}

/// A value whose slashes are kept: it is encoded segment by segment in a route. Only `path` creates
/// it, so that no text can pretend to be encoded.
#[derive(Debug)]
pub struct SlashedPath(pub String);

impl minijinja::value::Object for SlashedPath {
    fn repr(self: &std::sync::Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }

    fn render(
        self: &std::sync::Arc<Self>,
        formatter: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        let encoded: Vec<String> = self.0.split('/').map(percent::encode).collect();
        formatter.write_str(&encoded.join("/"))
    }
}

/// As in minijinja, but null counts as missing: `{{ branch | default("main") }}` also applies if an
/// API sends null, or a var has no value.
fn default(value: &Value, options: Rest<Value>) -> Value {
    let also_false = options.get(1).is_some_and(Value::is_true);
    if is_null(value) || (also_false && !value.is_true()) {
        options.first().cloned().unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
}

/// Keeps a value's slashes in a route and encodes its segments.
fn path(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_object(SlashedPath(to_text(value)?)))
}

fn string(value: &Value) -> Result<String, Error> {
    to_text(value)
}

/// As in minijinja, with the text of [`to_text`] instead of Python's.
fn join(value: &Value, separator: Option<&str>) -> Result<String, Error> {
    let mut text = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            text.push_str(separator.unwrap_or(""));
        }
        text.push_str(&to_text(&item)?);
        check_length(text.len())?;
    }
    Ok(text)
}

fn tojson(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.assert_all_used()?;
    check_value(value)?;
    let text = match indent {
        Some(_) => serde_json::to_string_pretty(value),
        None => serde_json::to_string(value),
    };
    text.map_err(|error| wrong(error.to_string()))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of any year fit 2^53"
)]
fn seconds_since_1970(moment: Moment) -> Value {
    let millis = moment.since_1970().as_millis();
    if millis % 1000 == 0 {
        Value::from(millis / 1000)
    } else {
        Value::from(millis as f64 / 1000.0)
    }
}

/// `"2026-11-02T09:00:00Z" | time`: seconds since 1970.
fn seconds(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    converted(state, value, &options, Expected::Time, |value| {
        Ok(seconds_since_1970(moment(state, value)?))
    })
}

/// `… | date`, `… | date("%d %b %H:%M")`, `… | date(tz="Europe/Berlin")`.
fn date(
    state: &State,
    value: &Value,
    format: Option<String>,
    options: Kwargs,
) -> Result<Value, Error> {
    let zone_name: Option<String> = options.get("tz")?;
    let named: Option<String> = options.get("format")?;
    let default: Option<Value> = options.get("default")?;
    options.assert_all_used()?;
    let zone = zone(zone_name.as_deref())?;
    let format = format.or(named).unwrap_or_else(|| "%Y-%m-%d %H:%M".into());
    let moment = match moment_or(state, value, default.clone())? {
        Ok(moment) => moment,
        Err(other) => return Ok(other),
    };
    let Some(parts) = moment.in_zone(&zone) else {
        let error = wrong(format!("`{moment}` is after the year 9999 in that zone"));
        return unreadable(state, value, default, Expected::Time, error);
    };
    match parts.to_string(&format) {
        Ok(text) => Ok(Value::from(text)),
        // The very last day has no seconds since 1970 and no zone name.
        Err(_) if moment.timestamp().is_none() => {
            let error = wrong(format!("`{format}` does not suit `{moment}`"));
            unreadable(state, value, default, Expected::Time, error)
        }
        Err(error) => Err(wrong(format!("`{format}` is not a date format: {error}"))),
    }
}

/// Formats seconds: `4m 10s`.
fn duration(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    converted(state, value, &options, Expected::Duration, |value| {
        let seconds = match value.as_str() {
            Some(text) => time::parse_duration(text)
                .ok_or_else(|| wrong(format!("`{text}` is not {}", time::DURATION_EXAMPLE)))?
                .as_secs_f64(),
            None => to_number(value)?,
        };
        let sign = if seconds < 0.0 { "-" } else { "" };
        let length = Duration::try_from_secs_f64(seconds.abs())
            .map_err(|_| wrong(format!("{seconds} is not a number of seconds")))?;
        Ok(Value::from(format!(
            "{sign}{}",
            time::format_duration(length)
        )))
    })
}

/// Converts seconds to minutes with two decimals.
fn minutes(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    converted(state, value, &options, Expected::Number, |value| {
        Ok(rounded(to_number(value)? / 60.0, 2))
    })
}

/// Formats the time since a moment: `3h 5m ago`.
fn ago(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    converted(state, value, &options, Expected::Time, |value| {
        let moment = moment(state, value)?;
        let past = Moment::from(now(state)?).since_1970() - moment.since_1970();
        let length = time::format_duration(past.unsigned_abs());
        Ok(Value::from(if past.is_negative() {
            format!("in {length}")
        } else {
            format!("{length} ago")
        }))
    })
}

/// Formats a ratio as `93.5 %`.
fn percent_of(
    state: &State,
    value: &Value,
    digits: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    converted(state, value, &options, Expected::Number, |value| {
        let digits = digits.unwrap_or(1).min(10) as usize;
        let text = format!("{:.digits$}", to_number(value)? * 100.0);
        Ok(Value::from(format!("{} %", without_sign_of_zero(&text))))
    })
}

/// Formats a number with thousands separators: `1,234,567.8`; rounded if `digits` is given.
fn number(
    state: &State,
    value: &Value,
    digits: Option<u32>,
    options: Kwargs,
) -> Result<Value, Error> {
    converted(state, value, &options, Expected::Number, |value| {
        let text = match digits {
            Some(digits) => format!("{:.*}", digits.min(10) as usize, to_number(value)?),
            None => match value.as_i64() {
                Some(whole) => whole.to_string(),
                None => to_number(value)?.to_string(),
            },
        };
        let (sign, text) = without_sign_of_zero(&text)
            .strip_prefix('-')
            .map_or(("", without_sign_of_zero(&text)), |rest| ("-", rest));
        Ok(Value::from(format!("{sign}{}", grouped(text))))
    })
}

/// Removes the sign of a number whose digits are all zero.
fn without_sign_of_zero(text: &str) -> &str {
    match text.strip_prefix('-') {
        Some(rest) if !rest.bytes().any(|byte| matches!(byte, b'1'..=b'9')) => rest,
        _ => text,
    }
}

/// As in minijinja, without `-0`.
fn round(
    value: Value,
    digits: Option<i32>,
    method: Option<&str>,
    options: Kwargs,
) -> Result<Value, Error> {
    minijinja::filters::round(value, digits, method, options).map(unsigned_zero)
}

#[cfg(test)]
mod tests {
    use crate::template::testing::render;

    #[test]
    fn times_are_read_subtracted_and_written() {
        let source =
            "{{ (('2026-11-02T09:04:30Z' | time) - ('2026-11-02T09:00:00Z' | time)) | minutes }}";
        assert_eq!(render(source), "4.5");
        assert_eq!(render("{{ '2026-11-02T09:00:00Z' | ago }}"), "30m ago");
        assert_eq!(
            render("{{ '2026-11-02T09:00:00Z' | date }}"),
            "2026-11-02 09:00"
        );
        assert_eq!(render("{{ now() | date('%d %b') }}"), "02 Nov");
        assert_eq!(
            render("{{ now() | date(tz='Europe/Berlin') }}"),
            "2026-11-02 10:30"
        );
        assert_eq!(render("{{ 250 | duration }}"), "4m 10s");
        assert_eq!(render("{{ none | time | default('-', true) }}"), "-");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(render("{{ 1234567.891 | number(1) }}"), "1,234,567.9");
        assert_eq!(render("{{ -1234 | number }}"), "-1,234");
        assert_eq!(render("{{ 0.9354 | percent }}"), "93.5 %");
        assert_eq!(render("{{ [1, 2, 3, 10] | median }}"), "2.5");
        assert_eq!(render("{{ [1, 2, none, 3] | mean }}"), "2");
        assert_eq!(render("{{ [1, 2, 3, 4, 5] | percentile(95) }}"), "4.8");
    }

    #[test]
    fn values_print_as_json_not_as_python() {
        assert_eq!(
            render("{{ true }} {{ [1, true, none] }}"),
            "true [1,true,null]"
        );
        assert_eq!(render("{{ [true, 'a'] | join(',') }}"), "true,a");
        assert_eq!(render("{{ {'a': none} | tojson }}"), r#"{"a":null}"#);
        assert!(render("{{ none }}").starts_with("error: null cannot be printed"));
    }
}
