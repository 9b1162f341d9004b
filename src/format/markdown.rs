//! `markdown`: a table as GitHub renders it.
//!
//! Values are rendered literally: they cannot leave their cell or add HTML, links, images, emphasis
//! or code. Numeric columns are right-aligned. Cells are padded so that the source is readable too,
//! up to a width that keeps one long value from widening every line.

use serde_json::Value;

use super::rows::{Columns, Gaps, cell_text, key_values};
use super::{Format, FormatError, OnlyOne, Render, Shape, gap};
use crate::core::file_ending;
use crate::core::markdown::{Align, escape, table};

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::MARKDOWN,
    separator: |name, index| format!("{}## {name}\n\n", gap(index)),
    ..Format::new("markdown", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    if shape.single {
        Box::new(Single::new(shape))
    } else {
        Box::new(MarkdownList::new(shape))
    }
}

struct MarkdownList {
    columns: Columns,
    grid: Grid,
}

impl MarkdownList {
    fn new(shape: &Shape) -> Self {
        Self {
            columns: Columns::new(shape, Gaps::Cells),
            grid: Grid::default(),
        }
    }
}

impl Render for MarkdownList {
    fn record(&mut self, record: &Value, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        let row = self.columns.row(record)?;
        self.grid.push(&row);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.grid.write(self.columns.names(), out);
        Ok(())
    }
}

struct Single {
    columns: Option<Vec<String>>,
    only: OnlyOne,
}

impl Single {
    fn new(shape: &Shape) -> Self {
        Self {
            columns: shape.columns.clone(),
            only: OnlyOne::default(),
        }
    }
}

impl Render for Single {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.only.check()?;
        let mut grid = Grid::default();
        for (key, value) in key_values(record, self.columns.as_deref())? {
            grid.push(&[&Value::String(key), value]);
        }
        grid.numbers.clear();
        grid.write(&["key".to_owned(), "value".to_owned()], out);
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }
}

/// Escaped cells. Rows may be shorter than the header.
#[derive(Default)]
struct Grid {
    rows: Vec<Vec<String>>,
    /// For each column, true if all values except nulls are numbers; `None` while all are null.
    numbers: Vec<Option<bool>>,
}

impl Grid {
    fn push(&mut self, row: &[&Value]) {
        self.numbers.resize(self.numbers.len().max(row.len()), None);
        for (value, numbers) in row.iter().zip(&mut self.numbers) {
            if !value.is_null() {
                *numbers = Some(value.is_number() && *numbers != Some(false));
            }
        }
        let escaped =
            |value: &&Value| cell_text(value).map_or_else(String::new, |text| escape(&text));
        self.rows.push(row.iter().map(escaped).collect());
    }

    fn write(&self, names: &[String], out: &mut Vec<u8>) {
        let header: Vec<String> = names.iter().map(|name| escape(name)).collect();
        let aligns: Vec<Align> = self
            .numbers
            .iter()
            .map(|numbers| match numbers {
                Some(true) => Align::Right,
                _ => Align::Left,
            })
            .collect();
        out.extend_from_slice(table(&header, &self.rows, &aligns).as_bytes());
    }
}
