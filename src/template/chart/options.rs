//! Options shared by all charts.

use jiff::tz::TimeZone;
use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use crate::template::chart::scale::Unit;
use crate::template::value::{is_null, to_number, wrong, zone};

/// Options shared by all charts.
#[derive(Debug)]
pub struct Options {
    /// The title.
    pub title: Option<String>,
    /// The description for screen readers; a summary by default.
    pub description: Option<String>,
    /// The unit of the numbers.
    pub unit: Unit,
    /// A fixed width instead of a wide and a narrow drawing.
    pub width: Option<f64>,
    /// The height of the whole drawing.
    pub height: Option<f64>,
    /// True to add a table of the data.
    pub with_table: bool,
    /// The time zone of labels.
    pub zone: TimeZone,
}

impl Options {
    /// Reads the shared options; the rest belongs to the chart.
    ///
    /// # Errors
    ///
    /// If a value is invalid.
    pub fn read(options: &Kwargs) -> Result<Self, Error> {
        let unit: Option<String> = options.get("unit")?;
        let zone_name: Option<String> = options.get("tz")?;
        let with_table: Option<bool> = options.get("table")?;
        Ok(Self {
            title: options.get("title")?,
            description: options.get("description")?,
            unit: Unit::read(unit.as_deref()),
            width: length(options, "width", 160.0)?,
            height: length(options, "height", 80.0)?,
            with_table: with_table.unwrap_or(true),
            zone: zone(zone_name.as_deref())?,
        })
    }
}

/// Reads a length in units of the view box.
fn length(options: &Kwargs, name: &str, least: f64) -> Result<Option<f64>, Error> {
    let Some(number) = number(options, name)? else {
        return Ok(None);
    };
    if (least..=4000.0).contains(&number) {
        Ok(Some(number))
    } else {
        Err(wrong(format!(
            "`{name}` takes a number from {least} to 4000, got {number}"
        )))
    }
}

/// Reads a numeric option.
///
/// # Errors
///
/// If it is not a number.
pub fn number(options: &Kwargs, name: &str) -> Result<Option<f64>, Error> {
    let value: Option<Value> = options.get(name)?;
    match value {
        Some(value) if !is_null(&value) => to_number(&value).map(Some).map_err(|error| {
            wrong(format!(
                "`{name}`: {}",
                error.detail().unwrap_or("expected a number")
            ))
        }),
        _ => Ok(None),
    }
}

/// Reads a required option; `example` is for the message.
///
/// # Errors
///
/// If it is missing.
pub fn required(options: &Kwargs, chart: &str, name: &str, example: &str) -> Result<String, Error> {
    let value: Option<String> = options.get(name)?;
    value.ok_or_else(|| wrong(format!("`{chart}` needs `{name}`: `{example}`")))
}
