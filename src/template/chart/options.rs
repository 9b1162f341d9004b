//! What every chart may be told.

use jiff::tz::TimeZone;
use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use crate::template::chart::scale::Unit;
use crate::template::value::{is_null, to_number, wrong, zone};

/// Options that all charts share.
#[derive(Debug)]
pub struct Options {
    /// What stands above the chart.
    pub title: Option<String>,
    /// What is told instead of the chart to those who do not see it; otherwise a summary is.
    pub description: Option<String>,
    /// What the numbers are.
    pub unit: Unit,
    /// One fixed width instead of a wide and a narrow drawing.
    pub width: Option<f64>,
    /// Of the whole drawing.
    pub height: Option<f64>,
    /// Whether a table of the data follows the drawing.
    pub with_table: bool,
    /// Of the labels of times.
    pub zone: TimeZone,
}

impl Options {
    /// Reads them; the rest is the chart's own.
    ///
    /// # Errors
    ///
    /// If one has a value that it does not take.
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

/// A length in units of the view box.
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

/// An option that is a number.
///
/// # Errors
///
/// If it is something else.
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

/// An option that must be there, with an example for the message.
///
/// # Errors
///
/// If it is not.
pub fn required(options: &Kwargs, chart: &str, name: &str, example: &str) -> Result<String, Error> {
    let value: Option<String> = options.get(name)?;
    value.ok_or_else(|| wrong(format!("`{chart}` needs `{name}`: `{example}`")))
}
