//! `table`: a table for people.
//!
//! A list has one line per record under an upper-case header, with columns two spaces apart and
//! numbers right-aligned. On a terminal, columns are fitted to its width ([`layout`](super::layout));
//! where they would become too narrow, each record is shown as a block of keys and values instead. A
//! single record is always such a block, uncut. Without a terminal, a list fits a page: free text is cut,
//! and columns for which there is no room are hidden ([`Render::shortened`]).
//!
//! Null is shown as `-`. Control characters are escaped. An empty list prints nothing.
//!
//! On a terminal, a list with known columns is written in chunks, so memory use does not grow; a
//! later chunk with wider values may widen the columns from there on.

use std::borrow::Cow;

use serde_json::Value;

use super::key_value::{Field, end_line, push_blanks, write_fields};
use super::layout::{Measure, fit, on_page};
use super::paint::{ABSENT, Look};
use super::rows::{Columns, Gaps, cell_text, key_values};
use super::{Format, FormatError, OnlyOne, Render, Shape, Shortened, Terminal, gap};
use crate::core::file_ending;
use crate::core::text::{display_width, printable, truncate_to_width};

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::TEXT,
    streams: true,
    paints: true,
    when_empty: Some("no records"),
    separator: |name, index| format!("{}{name}\n\n", gap(index)),
    ..Format::new("table", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    if shape.single {
        Box::new(Single::new(shape))
    } else {
        Box::new(TableList::new(shape))
    }
}

/// The number of records measured and written together.
const CHUNK: usize = 1000;
const GAP: usize = 2;
/// Without a terminal, wider values overflow instead of widening every line.
const WIDEST_PADDING: usize = 100;
/// The maximum number of lines of a value in a block of a list; a single record shows all of it.
const BLOCK_LINES: usize = 3;
/// A smaller reported terminal width is ignored.
const NARROWEST_TERMINAL: usize = 20;

struct TableList {
    columns: Columns,
    measures: Vec<Measure>,
    /// Rows not yet written. They may be shorter than the header.
    rows: Vec<Vec<Cell>>,
    terminal: Option<Terminal>,
    /// The maximum width of a line without a terminal.
    page_width: Option<usize>,
    /// The columns that the page has no room for.
    shortened: Shortened,
    /// The widths on the page.
    page: Option<Vec<usize>>,
    /// The arrangement of the output written so far, if any.
    written: Option<Arrangement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrangement {
    Lines,
    Blocks,
}

/// A printable value.
struct Cell {
    text: String,
    width: usize,
    look: Look,
}

impl TableList {
    fn new(shape: &Shape) -> Self {
        Self {
            columns: Columns::new(shape, Gaps::Cells),
            measures: Vec::new(),
            rows: Vec::new(),
            terminal: believable(shape.terminal),
            page_width: shape.page_width,
            shortened: Shortened::default(),
            page: None,
            written: None,
        }
    }

    fn writes_chunks(&self) -> bool {
        self.terminal.is_some() && self.columns.are_known()
    }

    fn measure(&mut self, row: &[&Value]) -> Vec<Cell> {
        for name in &self.columns.names()[self.measures.len()..] {
            self.measures
                .push(Measure::new(name, display_width(&heading(name))));
        }
        let mut cells = Vec::with_capacity(row.len());
        for (value, measure) in row.iter().zip(&mut self.measures) {
            let cell = Cell::new(value);
            if value.is_null() {
                measure.add_absent(cell.width);
            } else {
                measure.add(&cell.text, cell.width, value.is_number());
            }
            cells.push(cell);
        }
        cells
    }

    /// Fits the columns to the page. Only once all records are known.
    fn fit_page(&mut self) {
        let Some(width) = self.page_width.filter(|_| self.terminal.is_none()) else {
            return;
        };
        if self.rows.is_empty() {
            return;
        }
        let placed = on_page(&self.measures, width, GAP);
        let shown: Vec<usize> = placed.iter().map(|column| column.place).collect();
        let names = self.columns.names();
        for (place, name) in names.iter().enumerate() {
            if !shown.contains(&place) {
                self.shortened.hidden.push(name.clone());
            }
        }
        for column in &placed {
            if column.width < self.measures[column.place].natural() {
                self.shortened.cut.push(names[column.place].clone());
            }
        }
        if !self.shortened.hidden.is_empty() {
            for row in &mut self.rows {
                *row = pick(std::mem::take(row), &shown);
            }
            self.measures = pick(std::mem::take(&mut self.measures), &shown);
        }
        self.page = Some(placed.iter().map(|column| column.width).collect());
    }

    fn write_chunk(&mut self, out: &mut Vec<u8>) {
        if self.rows.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        let widths = match self.written {
            Some(Arrangement::Blocks) => None,
            before => self.widths(before.is_some()),
        };
        if let Some(widths) = widths {
            self.write_lines(&rows, &widths, out);
            self.written = Some(Arrangement::Lines);
        } else {
            self.write_blocks(&rows, out);
            self.written = Some(Arrangement::Blocks);
        }
    }

    /// Returns the column widths, or `None` if they do not fit side by side. Once lines are
    /// written, they are made to fit.
    fn widths(&self, forced: bool) -> Option<Vec<usize>> {
        let Some(terminal) = self.terminal else {
            let natural = || self.measures.iter().map(Measure::natural).collect();
            return Some(self.page.clone().unwrap_or_else(natural));
        };
        let gaps = GAP * self.measures.len().saturating_sub(1);
        fit(&self.measures, terminal.width.saturating_sub(gaps), forced)
    }

    fn write_lines(&self, rows: &[Vec<Cell>], widths: &[usize], out: &mut Vec<u8>) {
        if self.written.is_none() {
            let header: Vec<Cell> = self
                .columns
                .names()
                .iter()
                .filter(|name| !self.shortened.hidden.contains(name))
                .map(|name| Cell::heading(name))
                .collect();
            self.write_line(&header, widths, out);
        }
        for row in rows {
            self.write_line(row, widths, out);
        }
    }

    fn write_line(&self, row: &[Cell], widths: &[usize], out: &mut Vec<u8>) {
        let color = self.color();
        let absent = Cell::new(&Value::Null);
        for (index, (&width, measure)) in widths.iter().zip(&self.measures).enumerate() {
            let cell = row.get(index).unwrap_or(&absent);
            let shown = cell.within(width, self.terminal.is_some() || self.page.is_some());
            let missing = width.min(self.widest_padding()).saturating_sub(shown.width);
            if index > 0 {
                push_blanks(GAP, out);
            }
            if measure.is_numeric() {
                push_blanks(missing, out);
            }
            cell.look.write(&shown.text, color, out);
            if !measure.is_numeric() && index + 1 < widths.len() {
                push_blanks(missing, out);
            }
        }
        end_line(out);
    }

    fn write_blocks(&self, rows: &[Vec<Cell>], out: &mut Vec<u8>) {
        for (index, row) in rows.iter().enumerate() {
            if index > 0 || self.written.is_some() {
                out.push(b'\n');
            }
            let absent = Cell::new(&Value::Null);
            let fields: Vec<Field<'_>> = self
                .columns
                .names()
                .iter()
                .enumerate()
                .map(|(place, key)| {
                    let cell = row.get(place).unwrap_or(&absent);
                    Field {
                        key,
                        value: &cell.text,
                        look: cell.look,
                    }
                })
                .collect();
            write_fields(&fields, self.terminal, BLOCK_LINES, out);
        }
    }

    fn color(&self) -> bool {
        self.terminal.is_some_and(|terminal| terminal.color)
    }

    fn widest_padding(&self) -> usize {
        self.terminal
            .map_or(WIDEST_PADDING, |terminal| terminal.width)
    }
}

impl Render for TableList {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let row = self.columns.row(record)?;
        let cells = self.measure(&row);
        self.rows.push(cells);
        if self.rows.len() >= CHUNK && self.writes_chunks() {
            self.write_chunk(out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.fit_page();
        self.write_chunk(out);
        Ok(())
    }

    fn shortened(&self) -> Option<&Shortened> {
        Some(&self.shortened)
    }
}

/// Returns the items at these ascending places.
fn pick<T>(items: Vec<T>, places: &[usize]) -> Vec<T> {
    let items = items.into_iter().enumerate();
    items
        .filter(|(place, _)| places.binary_search(place).is_ok())
        .map(|(_, item)| item)
        .collect()
}

struct Shown<'a> {
    text: Cow<'a, str>,
    width: usize,
}

impl Cell {
    fn new(value: &Value) -> Self {
        let text = cell_text(value).map_or(Cow::Borrowed(ABSENT), |text| {
            Cow::Owned(printable(&text).into_owned())
        });
        Self {
            width: display_width(&text),
            text: text.into_owned(),
            look: Look::of(value),
        }
    }

    fn heading(name: &str) -> Self {
        let text = heading(name);
        Self {
            width: display_width(&text),
            text,
            look: Look::Heading,
        }
    }

    /// Returns the text, cut to the width if `cut`.
    fn within(&self, width: usize, cut: bool) -> Shown<'_> {
        if self.width <= width || !cut {
            return Shown {
                text: Cow::Borrowed(&self.text),
                width: self.width,
            };
        }
        let text = truncate_to_width(&self.text, width);
        Shown {
            width: display_width(&text),
            text,
        }
    }
}

/// Returns the header of a column: upper case sets it off without colour.
fn heading(name: &str) -> String {
    printable(&name.to_uppercase()).into_owned()
}

struct Single {
    columns: Option<Vec<String>>,
    terminal: Option<Terminal>,
    only: OnlyOne,
}

impl Single {
    fn new(shape: &Shape) -> Self {
        Self {
            columns: shape.columns.clone(),
            terminal: believable(shape.terminal),
            only: OnlyOne::default(),
        }
    }
}

impl Render for Single {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.only.check()?;
        let pairs = key_values(record, self.columns.as_deref())?;
        let texts: Vec<Cow<'_, str>> = pairs
            .iter()
            .map(|(_, value)| cell_text(value).unwrap_or(Cow::Borrowed(ABSENT)))
            .collect();
        let fields: Vec<Field<'_>> = pairs
            .iter()
            .zip(&texts)
            .map(|((key, value), text)| Field {
                key,
                value: text,
                look: Look::of(value),
            })
            .collect();
        write_fields(&fields, self.terminal, usize::MAX, out);
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }
}

fn believable(terminal: Option<Terminal>) -> Option<Terminal> {
    terminal.map(|terminal| Terminal {
        width: terminal.width.max(NARROWEST_TERMINAL),
        ..terminal
    })
}
