//! A heat map: a grid of cells coloured by value.

use std::collections::HashMap;

use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use crate::core::text::truncate_to_width;
use crate::template::chart::data::{combine, combined};
use crate::template::chart::frame::{Drawing, Frame};
use crate::template::chart::labels::SlotLabels;
use crate::template::chart::options::{Options, required};
use crate::template::chart::places::name_of;
use crate::template::chart::scale::value_label;
use crate::template::chart::style::{EMPTY, HEAT, ON_PALE, ON_STRONG};
use crate::template::chart::svg::{Anchor, Area, LABEL, TextStyle, fit_name, text_width};
use crate::template::records::{Records, items};
use crate::template::value::{count, index, is_null, to_number, wrong};

const EXAMPLE: &str = "rows | heat_map(x=\"hour\", y=\"weekday\", value=\"failures\")";

/// The maximum number of cells that can be told apart.
const MOST_CELLS: usize = 10_000;

/// The data of a heat map.
#[derive(Debug)]
pub struct Grid {
    /// The names of the columns of cells.
    pub x: Vec<String>,
    /// The names of the rows of cells.
    pub y: Vec<String>,
    /// The record columns of both axes.
    pub names: (String, String),
    /// The cells by row and column.
    pub cells: Vec<Vec<Option<f64>>>,
}

impl Grid {
    /// Reads `x`, `y`, `value`, `combine`, `x_values`, `y_values`. Without `value`, records are
    /// counted.
    ///
    /// # Errors
    ///
    /// If a column is missing or has the wrong type, or if several records share a cell without
    /// `combine`.
    pub fn read(value: &Value, options: &Kwargs) -> Result<Self, Error> {
        let records = Records::read("heat_map", value)?;
        let x_column = required(options, "heat_map", "x", EXAMPLE)?;
        let y_column = required(options, "heat_map", "y", EXAMPLE)?;
        let column: Option<String> = options.get("value")?;
        let how = combine(options)?.or(column.is_none().then_some("count"));
        let mut x = Names::fixed(options, "x_values")?;
        let mut y = Names::fixed(options, "y_values")?;
        let xs = records.column(&x_column)?;
        let ys = records.column(&y_column)?;
        let numbers = match &column {
            Some(column) => records.column(column)?,
            None => vec![Value::from(1); records.len()],
        };
        let mut found: HashMap<(usize, usize), Vec<f64>> = HashMap::new();
        for ((place, number), (x_value, y_value)) in
            numbers.iter().enumerate().zip(xs.iter().zip(&ys))
        {
            let at = (
                x.place("x_values", &name_of(x_value)?, place)?,
                y.place("y_values", &name_of(y_value)?, place)?,
            );
            if !is_null(number) {
                found.entry(at).or_default().push(to_number(number)?);
            }
        }
        let size = x.list.len() * y.list.len();
        if size > MOST_CELLS {
            return Err(wrong(format!(
                "`heat_map` draws at most {MOST_CELLS} cells, got {} × {}; reduce them with \
                 `time_bucket` or `where`",
                x.list.len(),
                y.list.len()
            )));
        }
        let mut cells = vec![vec![None; x.list.len()]; y.list.len()];
        for (row, line) in cells.iter_mut().enumerate() {
            for (at, cell) in line.iter_mut().enumerate() {
                let Some(numbers) = found.get(&(at, row)) else {
                    continue;
                };
                if numbers.len() > 1 && how.is_none() {
                    let cut = |text: &str| truncate_to_width(text, 40).into_owned();
                    return Err(wrong(format!(
                        "`heat_map`: {} records have `{x_column}` {} and `{y_column}` {}; combine \
                         them with `combine=\"sum\"`, `\"mean\"`, `\"min\"`, `\"max\"`, \
                         `\"last\"` or `\"count\"`",
                        numbers.len(),
                        cut(&x.list[at]),
                        cut(&y.list[row]),
                    )));
                }
                *cell = combined(how.unwrap_or("last"), numbers);
            }
        }
        Ok(Self {
            x: x.list,
            y: y.list,
            names: (x_column, y_column),
            cells,
        })
    }

    /// Returns all numbers.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        self.cells.iter().flatten().flatten().copied()
    }
}

/// Names in order, given or of first appearance.
struct Names {
    list: Vec<String>,
    places: HashMap<String, usize>,
    is_fixed: bool,
}

impl Names {
    fn fixed(options: &Kwargs, option: &str) -> Result<Self, Error> {
        let given: Option<Value> = options.get(option)?;
        let mut names = Self {
            list: Vec::new(),
            places: HashMap::new(),
            is_fixed: given.is_some(),
        };
        if let Some(given) = given {
            for name in items(option, "a list of names", &given)? {
                names.add(&name_of(&name)?);
            }
        }
        Ok(names)
    }

    fn add(&mut self, name: &str) -> usize {
        let next = self.list.len();
        let place = *self.places.entry(name.to_owned()).or_insert(next);
        if place == next {
            self.list.push(name.to_owned());
        }
        place
    }

    fn place(&mut self, option: &str, name: &str, record: usize) -> Result<usize, Error> {
        match self.places.get(name) {
            Some(place) => Ok(*place),
            None if self.is_fixed => Err(wrong(format!(
                "`{option}` does not contain `{}` of record {}",
                truncate_to_width(name, 40),
                record + 1
            ))),
            None => Ok(self.add(name)),
        }
    }
}

/// Returns the index of a number's colour.
fn step(number: f64, (low, high): (f64, f64)) -> usize {
    if high <= low {
        return if number == 0.0 { 0 } else { HEAT.len() / 2 };
    }
    let part = (number / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    index((part * count(HEAT.len())).floor()).min(HEAT.len() - 1)
}

/// Draws the chart at a width.
pub fn draw(grid: &Grid, options: &Options, width: f64) -> Drawing {
    let mut frame = Frame::new(options, width);
    if grid.x.is_empty() || grid.y.is_empty() {
        return frame.empty(options);
    }
    let low = grid.numbers().fold(f64::INFINITY, f64::min).min(f64::MAX);
    let high = grid.numbers().fold(f64::NEG_INFINITY, f64::max);
    let ends = (if low > 0.0 { 0.0 } else { low }, high);
    if high >= low {
        ramp(&mut frame, ends, options);
    }
    let texts: Vec<String> = grid
        .y
        .iter()
        .map(|name| fit_name(name, width * 0.32, LABEL.size))
        .collect();
    let widest = texts
        .iter()
        .map(|text| text_width(text, LABEL.size))
        .fold(0.0, f64::max);
    let left = widest.ceil() + 10.0;
    let inner = (width - left - 2.0).max(40.0);
    let slot = inner / count(grid.x.len());
    let below = SlotLabels::new(&grid.x, left, slot, true);
    let rows = count(grid.y.len());
    let row = options.height.map_or(26.0, |height| {
        ((height - frame.top - below.height) / rows).clamp(8.0, 80.0)
    });
    let plot = Area {
        x: left,
        y: frame.top + 2.0,
        width: inner,
        height: rows * row,
    };
    let gap = if slot > 6.0 { 1.5 } else { 0.0 };
    for (at, line) in grid.cells.iter().enumerate() {
        let y = plot.y + count(at) * row;
        let style = LABEL.anchor(Anchor::End);
        frame
            .svg
            .text((plot.x - 8.0, y + row / 2.0 + 4.0), style, &texts[at]);
        for (column, cell) in line.iter().enumerate() {
            let area = Area {
                x: plot.x + count(column) * slot,
                y,
                width: slot - gap,
                height: row - gap,
            };
            draw_cell(&mut frame, grid, options, (at, column), *cell, area, ends);
        }
    }
    below.draw(&mut frame, plot);
    let height = plot.bottom() + below.height;
    frame.finish(height)
}

fn draw_cell(
    frame: &mut Frame,
    grid: &Grid,
    options: &Options,
    (row, column): (usize, usize),
    cell: Option<f64>,
    area: Area,
    ends: (f64, f64),
) {
    let cut = |text: &str| truncate_to_width(text, 100).into_owned();
    let place = format!("{}, {}", cut(&grid.y[row]), cut(&grid.x[column]));
    let Some(number) = cell else {
        let title = format!("{place}: no data");
        frame.svg.rect(area, EMPTY, " rx=\"2\"", &title);
        return;
    };
    let text = value_label(number, &options.unit);
    let step = step(number, ends);
    let title = format!("{place}: {text}");
    frame.svg.rect(area, HEAT[step], " rx=\"2\"", &title);
    let style = TextStyle {
        paint: if step < HEAT.len() / 2 {
            ON_PALE
        } else {
            ON_STRONG
        },
        size: 11.0,
        anchor: Anchor::Middle,
    };
    if text_width(&text, style.size) + 6.0 <= area.width && area.height >= 14.0 {
        let at = (area.x + area.width / 2.0, area.y + area.height / 2.0 + 4.0);
        frame.svg.text(at, style, &text);
    }
}

/// Adds the colour scale with its lowest and highest value.
fn ramp(frame: &mut Frame, (low, high): (f64, f64), options: &Options) {
    let y = frame.top;
    let (low, high) = (
        value_label(low, &options.unit),
        value_label(high, &options.unit),
    );
    frame.svg.text((2.0, y + 9.0), LABEL, &low);
    let mut x = text_width(&low, LABEL.size) + 10.0;
    for paint in HEAT {
        let area = Area {
            x,
            y,
            width: 18.0,
            height: 11.0,
        };
        frame.svg.rect(area, paint, "", "");
        x += 18.0;
    }
    frame.svg.text((x + 8.0, y + 9.0), LABEL, &high);
    frame.top += 22.0;
}
