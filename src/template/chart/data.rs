//! Records as series of numbers over one axis.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use crate::core::text::truncate_to_width;
use crate::template::chart::places::{Places, name_of};
use crate::template::chart::scale::{Unit, value_label};
use crate::template::environment::to_text;
use crate::template::records::{Records, check_by_column, names, of_column};
use crate::template::value::{choice, count, is_null, to_number, wrong};

/// The axis of a chart.
#[derive(Debug, Clone)]
pub enum Axis {
    /// Times, ascending.
    Time(Vec<Timestamp>),
    /// Numbers, ascending.
    Number(Vec<f64>),
    /// Names, in the order of the records.
    Names,
}

/// A series of numbers.
#[derive(Debug, Clone)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// One value per place on the axis.
    pub values: Vec<Option<f64>>,
}

/// The data of a chart.
#[derive(Debug, Clone)]
pub struct Data {
    /// The axis.
    pub axis: Axis,
    /// The column of the axis.
    pub axis_name: String,
    /// The full label of each place.
    pub labels: Vec<String>,
    /// The series.
    pub series: Vec<Series>,
    /// The number of records without a place: their time or number is null.
    pub skipped: usize,
}

/// The ways to combine numbers of records at the same place.
pub const COMBINE: [&str; 6] = ["sum", "mean", "min", "max", "last", "count"];

/// Reads the way to combine numbers of records at the same place; `None` if duplicates are an
/// error.
pub fn combine(options: &Kwargs) -> Result<Option<&'static str>, Error> {
    let word: Option<String> = options.get("combine")?;
    word.map(|word| choice("combine", &word, &COMBINE))
        .transpose()
}

/// Combines several numbers.
pub fn combined(how: &str, numbers: &[f64]) -> Option<f64> {
    let length = count(numbers.len());
    match how {
        "count" => Some(length),
        _ if numbers.is_empty() => None,
        "mean" => Some(numbers.iter().map(|number| number / length).sum()),
        "min" => numbers.iter().copied().reduce(f64::min),
        "max" => numbers.iter().copied().reduce(f64::max),
        "last" => numbers.last().copied(),
        _ => Some(numbers.iter().sum()),
    }
}

/// The parameters of a chart for reading its data.
pub struct DataOptions<'a> {
    /// The name of the filter, for messages.
    pub chart: &'a str,
    /// The column of the axis.
    pub x: String,
    /// True if numbers are placed on a scale instead of one after another.
    pub numbers_on_scale: bool,
    /// The time zone of the labels.
    pub zone: &'a TimeZone,
}

impl Data {
    /// Reads the columns named in the options: `x`, `y`, `by`, `labels`, `x_type`, `combine`.
    ///
    /// # Errors
    ///
    /// If a column is missing or has the wrong type, or if two records share a place without
    /// `combine`.
    pub fn read(value: &Value, options: &Kwargs, wanted: &DataOptions) -> Result<Self, Error> {
        let chart = wanted.chart;
        let records = Records::read(chart, value)?;
        let columns = names(options, "y")?;
        let by: Option<String> = options.get("by")?;
        let labels: Option<Value> = options.get("labels")?;
        let kind: Option<String> = options.get("x_type")?;
        let how = combine(options)?;
        if columns.is_empty() && how != Some("count") {
            return Err(wrong(format!(
                "`{chart}` needs `y`, one or several columns: `y=\"minutes\"`, `y=[\"p50\", \
                 \"p95\"]`"
            )));
        }
        if by.is_some() && columns.len() > 1 {
            return Err(wrong(format!(
                "`{chart}` takes a single column `y` together with `by`"
            )));
        }
        check_by_column("labels", labels.as_ref().filter(|_| by.is_none()), &columns)?;

        let places = Places::read(&records.column(&wanted.x)?, kind.as_deref(), wanted)?;
        let mut table = Table::new(places.len());
        let groups = by.as_deref().map(|by| records.column(by)).transpose()?;
        let one = [String::new()];
        let columns: &[String] = if columns.is_empty() { &one } else { &columns };
        for (place, column) in columns.iter().enumerate() {
            let numbers = if column.is_empty() {
                vec![Value::from(1); records.len()]
            } else {
                records.column(column)?
            };
            let title = of_column(labels.as_ref(), column, place)
                .map_or_else(|| Ok(column.clone()), |label| to_text(&label))?;
            let own = groups.is_none().then(|| table.push(&title));
            for (index, number) in numbers.iter().enumerate() {
                let Some(at) = places.of_record[index] else {
                    continue;
                };
                let series = match (&groups, own) {
                    (Some(groups), _) => {
                        let name = name_of(&groups[index])?;
                        let title = of_column(labels.as_ref(), &name, usize::MAX)
                            .map_or_else(|| Ok(name), |label| to_text(&label))?;
                        table.series(&title)
                    }
                    (None, Some(own)) => own,
                    (None, None) => continue,
                };
                let number = if is_null(number) {
                    None
                } else {
                    Some(to_number(number).map_err(|error| {
                        let detail = error.detail().unwrap_or_default();
                        wrong(format!("column `{column}` of `{chart}`: {detail}"))
                    })?)
                };
                table.add(series, at, number);
            }
        }
        let labels = places.labels(wanted.zone);
        let series = table.finish(how, chart, &wanted.x, by.as_deref(), &labels)?;
        Ok(Self {
            skipped: places.of_record.iter().filter(|at| at.is_none()).count(),
            axis: places.axis(),
            axis_name: wanted.x.clone(),
            labels,
            series,
        })
    }

    /// Returns all numbers.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        self.series
            .iter()
            .flat_map(|series| series.values.iter().flatten().copied())
    }

    /// Returns the tooltip of a value: `2 Nov 2026, p95: 14 min`.
    pub fn tooltip(&self, series: &Series, place: usize, unit: &Unit) -> String {
        let cut = |text: &str| truncate_to_width(text, 200).into_owned();
        let number = series.values[place].unwrap_or_default();
        let value = value_label(number, unit);
        if self.series.len() == 1 {
            format!("{}: {value}", cut(&self.labels[place]))
        } else {
            let name = cut(&series.name);
            format!("{}, {name}: {value}", cut(&self.labels[place]))
        }
    }

    /// Returns the note about records that are not shown, if there are any.
    pub fn note(&self) -> Option<String> {
        let name = truncate_to_width(&self.axis_name, 40).into_owned();
        match self.skipped {
            0 => None,
            1 => Some(format!("1 record without `{name}` is not shown")),
            more => Some(format!("{more} records without `{name}` are not shown")),
        }
    }
}

/// The numbers of each series at each place.
struct Table {
    places: usize,
    names: Vec<String>,
    known: HashMap<String, usize>,
    cells: Vec<Vec<Vec<f64>>>,
}

impl Table {
    fn new(places: usize) -> Self {
        Self {
            places,
            names: Vec::new(),
            known: HashMap::new(),
            cells: Vec::new(),
        }
    }

    fn series(&mut self, name: &str) -> usize {
        if let Some(found) = self.known.get(name) {
            return *found;
        }
        let place = self.push(name);
        self.known.insert(name.to_owned(), place);
        place
    }

    /// Adds a series, even if another has the same name.
    fn push(&mut self, name: &str) -> usize {
        self.names.push(name.to_owned());
        self.cells.push(vec![Vec::new(); self.places]);
        self.names.len() - 1
    }

    fn add(&mut self, series: usize, place: usize, number: Option<f64>) {
        self.cells[series][place].extend(number);
    }

    fn finish(
        self,
        how: Option<&str>,
        chart: &str,
        x: &str,
        by: Option<&str>,
        labels: &[String],
    ) -> Result<Vec<Series>, Error> {
        let mut list = Vec::with_capacity(self.names.len());
        for (name, cells) in self.names.into_iter().zip(self.cells) {
            let twice = cells.iter().position(|cell| cell.len() > 1);
            if let (Some(place), None) = (twice, how) {
                let cut = |text: &str| truncate_to_width(text, 40).into_owned();
                let also = by.map_or_else(String::new, |by| format!(" and `{by}` {}", cut(&name)));
                return Err(wrong(format!(
                    "`{chart}`: {} records have `{x}` {}{also}; combine them with \
                     `combine=\"sum\"`, `\"mean\"`, `\"min\"`, `\"max\"`, `\"last\"` or \
                     `\"count\"`",
                    cells[place].len(),
                    cut(&labels[place]),
                )));
            }
            let values = cells
                .iter()
                .map(|cell| combined(how.unwrap_or("last"), cell))
                .collect();
            list.push(Series { name, values });
        }
        Ok(list)
    }
}
