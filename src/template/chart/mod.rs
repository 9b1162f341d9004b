//! Charts for HTML reports: inline SVG without scripts, fonts or external resources.
//!
//! A filter reads records into [`data::Data`] (or a [`heat_map::Grid`], a
//! [`histogram::Histogram`]), which is drawn at two widths: the page shows the wide or the narrow
//! drawing, so that text is never shrunk. Data is escaped when it is written, in [`svg`]; the result
//! is a safe string, which HTML templates do not escape again.
//!
//! The same records give the same bytes.

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

mod bar;
mod data;
mod figure;
mod frame;
mod heat_map;
mod histogram;
mod labels;
mod line;
mod options;
mod places;
mod scale;
mod spark;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod time_axis;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use crate::core::text::truncate_to_width;
use crate::template::chart::data::{Data, DataOptions};
use crate::template::chart::figure::{DataTable, figure};
use crate::template::chart::heat_map::Grid;
use crate::template::chart::histogram::Histogram;
use crate::template::chart::options::{Options, number, required};
use crate::template::chart::scale::{Unit, value_label};
use crate::template::records::items_or_column;
use crate::template::value::{index, is_null, to_number, wrong};

/// The filters of this module.
pub const NAMES: &[&str] = &[
    "bar_chart",
    "heat_map",
    "histogram",
    "line_chart",
    "spark_svg",
    "stacked_bar_chart",
];

/// The functions of this module.
pub const FUNCTIONS: &[&str] = &["chart_style"];

/// Registers the filters and functions.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_filter("bar_chart", bar_chart);
    environment.add_filter("heat_map", heat_map);
    environment.add_filter("histogram", histogram);
    environment.add_filter("line_chart", line_chart);
    environment.add_filter("spark_svg", spark_svg);
    environment.add_filter("stacked_bar_chart", stacked_bar_chart);
    environment.add_function("chart_style", style::chart_style);
}

/// `rows | line_chart(x="day", y=["p50", "p95"], title="…", unit="min", goal=10)`.
fn line_chart(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let common = Options::read(&options)?;
    let example = "rows | line_chart(x=\"day\", y=\"minutes\")";
    let wanted = DataOptions {
        chart: "line_chart",
        x: required(&options, "line_chart", "x", example)?,
        numbers_on_scale: true,
        zone: &common.zone,
    };
    let data = Data::read(value, &options, &wanted)?;
    let from_zero: Option<bool> = options.get("zero")?;
    let goal_label: Option<String> = options.get("goal_label")?;
    let goal = number(&options, "goal")?.map(|value| line::Goal {
        label: goal_label.map_or_else(
            || format!("goal {}", value_label(value, &common.unit)),
            |label| svg::fit(&label, 200.0, 12.0),
        ),
        value,
    });
    options.assert_all_used()?;
    let line_options = line::LineOptions {
        from_zero: from_zero.unwrap_or(false),
        goal,
    };
    Ok(figure(
        &common,
        &summary("Line chart", &data, &common.unit),
        &table(&data, &common.unit),
        |width| line::draw(&data, &common, &line_options, width),
    ))
}

/// `rows | bar_chart(x="job", y="minutes", unit="min")`: bars of several columns are grouped.
fn bar_chart(value: &Value, options: Kwargs) -> Result<Value, Error> {
    bars("bar_chart", value, &options)
}

/// `rows | stacked_bar_chart(x="day", y="credits", by="project", combine="sum")`.
fn stacked_bar_chart(value: &Value, options: Kwargs) -> Result<Value, Error> {
    bars("stacked_bar_chart", value, &options)
}

fn bars(chart: &str, value: &Value, options: &Kwargs) -> Result<Value, Error> {
    let common = Options::read(options)?;
    let example = format!("rows | {chart}(x=\"job\", y=\"minutes\")");
    let wanted = DataOptions {
        chart,
        x: required(options, chart, "x", &example)?,
        numbers_on_scale: false,
        zone: &common.zone,
    };
    let data = Data::read(value, options, &wanted)?;
    let is_stacked = chart == "stacked_bar_chart";
    // Stacked bars can be summed up, grouped bars cannot.
    let data = if is_stacked { bar::fold(data) } else { data };
    let layout = bar::BarLayout {
        is_stacked,
        is_horizontal: options.get("horizontal")?,
    };
    options.assert_all_used()?;
    let kind = if layout.is_stacked {
        "Stacked bar chart"
    } else {
        "Bar chart"
    };
    Ok(figure(
        &common,
        &summary(kind, &data, &common.unit),
        &table(&data, &common.unit),
        |width| bar::draw(&data, &common, layout, width),
    ))
}

/// `rows | heat_map(x="hour", y="weekday", value="failures", x_values=range(24))`.
fn heat_map(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let common = Options::read(&options)?;
    let grid = Grid::read(value, &options)?;
    options.assert_all_used()?;
    let mut header = vec![format!("{} / {}", grid.names.1, grid.names.0)];
    header.extend(grid.x.iter().cloned());
    let label = |cell: &Option<f64>| {
        cell.map_or_else(String::new, |number| value_label(number, &common.unit))
    };
    let rows = grid.y.iter().zip(&grid.cells).map(|(name, cells)| {
        std::iter::once(name.clone())
            .chain(cells.iter().map(label))
            .collect()
    });
    let table = DataTable {
        header,
        rows: rows.collect(),
    };
    let summary = format!(
        "Heat map of {} by {}.{}",
        grid.names.1,
        grid.names.0,
        range(grid.numbers(), &common.unit)
    );
    Ok(figure(&common, &summary, &table, |width| {
        heat_map::draw(&grid, &common, width)
    }))
}

/// `rows | histogram(attribute="minutes", bins=20, percentiles=[50, 95], unit="min")`.
fn histogram(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let common = Options::read(&options)?;
    let attribute: Option<String> = options.get("attribute")?;
    let bins = number(&options, "bins")?;
    let ranks: Option<Value> = options.get("percentiles")?;
    options.assert_all_used()?;
    if let Some(bins) = bins.filter(|bins| !(1.0..=200.0).contains(bins)) {
        return Err(wrong(format!(
            "`bins` takes a number from 1 to 200, got {bins}"
        )));
    }
    let ranks = match ranks.filter(|ranks| !is_null(ranks)) {
        Some(ranks) => items_or_column("percentiles", &ranks, None)?
            .iter()
            .map(to_number)
            .collect::<Result<Vec<f64>, Error>>()?,
        None => Vec::new(),
    };
    if let Some(rank) = ranks.iter().find(|rank| !(0.0..=100.0).contains(*rank)) {
        return Err(wrong(format!(
            "a percentile must be between 0 and 100, got {rank}"
        )));
    }
    let items = items_or_column("histogram", value, attribute.as_deref())?;
    let numbers: Vec<f64> = items
        .iter()
        .filter(|item| !is_null(item))
        .map(to_number)
        .collect::<Result<_, Error>>()?;
    let summary = format!(
        "Histogram of {} numbers.{}",
        numbers.len(),
        range(numbers.iter().copied(), &common.unit)
    );
    let histogram = Histogram::new(numbers, bins.map(index), &ranks, &common.unit);
    let rows = histogram.counts.iter().enumerate();
    let table = DataTable {
        header: vec!["Range".into(), "Count".into()],
        rows: rows
            .map(|(place, number)| vec![histogram.bin(place, &common.unit), number.to_string()])
            .collect(),
    };
    Ok(figure(&common, &summary, &table, |width| {
        histogram.draw(&common, width)
    }))
}

/// `rows | spark_svg(attribute="minutes", width=100, height=20, unit="min")`.
fn spark_svg(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let attribute: Option<String> = options.get("attribute")?;
    let size = |name: &str, usual: f64| -> Result<f64, Error> {
        let size = number(&options, name)?.unwrap_or(usual);
        if (8.0..=2000.0).contains(&size) {
            Ok(size)
        } else {
            Err(wrong(format!(
                "`{name}` takes a number from 8 to 2000, got {size}"
            )))
        }
    };
    let unit: Option<String> = options.get("unit")?;
    let spark_options = spark::SparkOptions {
        width: size("width", 100.0)?,
        height: size("height", 20.0)?,
        ends: (number(&options, "min")?, number(&options, "max")?),
        title: options.get("title")?,
        unit: Unit::read(unit.as_deref()),
    };
    options.assert_all_used()?;
    let items = items_or_column("spark_svg", value, attribute.as_deref())?;
    let numbers: Vec<Option<f64>> = items
        .iter()
        .map(|item| {
            if is_null(item) {
                Ok(None)
            } else {
                to_number(item).map(Some)
            }
        })
        .collect::<Result<_, Error>>()?;
    Ok(spark::spark(&numbers, &spark_options))
}

/// Returns the text summary of a chart, for screen readers.
fn summary(kind: &str, data: &Data, unit: &Unit) -> String {
    let cut = |text: &str| truncate_to_width(text, 60).into_owned();
    let mut names: Vec<String> = data
        .series
        .iter()
        .take(8)
        .map(|series| cut(&series.name))
        .filter(|name| !name.is_empty())
        .collect();
    if data.series.len() > 8 {
        names.push(format!("{} more", data.series.len() - 8));
    }
    let of = if names.is_empty() {
        String::new()
    } else {
        format!(" of {}", names.join(", "))
    };
    let places = match data.labels.as_slice() {
        [] => String::new(),
        [only] => format!(" One place: {}.", cut(only)),
        [first, .., last] => format!(
            " {} places from {} to {}.",
            data.labels.len(),
            cut(first),
            cut(last)
        ),
    };
    format!(
        "{kind}{of} by {}.{places}{}",
        cut(&data.axis_name),
        range(data.numbers(), unit)
    )
}

fn range(numbers: impl Iterator<Item = f64>, unit: &Unit) -> String {
    let ends = numbers.fold(None, |ends: Option<(f64, f64)>, number| {
        Some(ends.map_or((number, number), |(low, high)| {
            (low.min(number), high.max(number))
        }))
    });
    ends.map_or_else(
        || " No data.".to_owned(),
        |(low, high)| {
            format!(
                " Lowest {}, highest {}.",
                value_label(low, unit),
                value_label(high, unit)
            )
        },
    )
}

fn table(data: &Data, unit: &Unit) -> DataTable {
    let mut header = vec![data.axis_name.clone()];
    header.extend(data.series.iter().map(|series| {
        if series.name.is_empty() {
            "count".to_owned()
        } else {
            series.name.clone()
        }
    }));
    let rows = data.labels.iter().enumerate().map(|(place, label)| {
        let mut row = vec![label.clone()];
        row.extend(data.series.iter().map(|series| {
            series.values[place].map_or_else(String::new, |number| value_label(number, unit))
        }));
        row
    });
    DataTable {
        header,
        rows: rows.collect(),
    }
}
