//! What `csv` and `tsv` share: a header and a line a record.

use std::marker::PhantomData;

use serde_json::Value;

use super::rows::{Columns, cell_text};
use super::{FormatError, OnlyOne, Render, Shape};

/// How values stand in a line.
pub(super) trait Dialect: Send {
    /// What stands between two values.
    const SEPARATOR: u8;
    /// A row whose one value is null.
    const BLANK_ROW: &'static [u8];

    /// Appends a value that is not null.
    fn field(text: &str, out: &mut Vec<u8>);
}

/// Writes at once if the columns are known, otherwise after the last record, when they are.
pub(super) struct Delimited<D> {
    columns: Columns,
    only: Option<OnlyOne>,
    held: HeldRows,
    dialect: PhantomData<D>,
}

/// Rows that wait for the header: their text, and where each ends.
#[derive(Default)]
struct HeldRows {
    text: Vec<u8>,
    ends: Vec<HeldRow>,
}

struct HeldRow {
    end: usize,
    columns: usize,
}

impl<D: Dialect> Delimited<D> {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            columns: Columns::new(shape),
            only: shape.single.then(OnlyOne::default),
            held: HeldRows::default(),
            dialect: PhantomData,
        }
    }

    fn write_header(&self, out: &mut Vec<u8>) {
        for (index, name) in self.columns.names().iter().enumerate() {
            if index > 0 {
                out.push(D::SEPARATOR);
            }
            D::field(name, out);
        }
        out.push(b'\n');
    }

    fn write_held(&self, out: &mut Vec<u8>) {
        let count = self.columns.names().len();
        let mut start = 0;
        for row in &self.held.ends {
            let text = &self.held.text[start..row.end];
            start = row.end;
            if text.is_empty() && count == 1 {
                out.extend_from_slice(D::BLANK_ROW);
            } else {
                out.extend_from_slice(text);
                // A row of no columns lacks one separator less than columns.
                let missing = count - row.columns.max(1).min(count);
                out.extend(std::iter::repeat_n(D::SEPARATOR, missing));
            }
            out.push(b'\n');
        }
    }
}

impl<D: Dialect> Render for Delimited<D> {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.columns.are_known() {
            self.write_header(out);
        }
        Ok(())
    }

    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if let Some(only) = &mut self.only {
            only.check()?;
        }
        let row = self.columns.row(record)?;
        if self.columns.are_known() {
            let start = out.len();
            write_row::<D>(&row, out);
            if out.len() == start && row.len() == 1 {
                out.extend_from_slice(D::BLANK_ROW);
            }
            out.push(b'\n');
        } else {
            write_row::<D>(&row, &mut self.held.text);
            self.held.ends.push(HeldRow {
                end: self.held.text.len(),
                columns: row.len(),
            });
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if !self.columns.are_known() && !self.held.ends.is_empty() {
            self.write_header(out);
            self.write_held(out);
        }
        Ok(())
    }
}

fn write_row<D: Dialect>(row: &[&Value], out: &mut Vec<u8>) {
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            out.push(D::SEPARATOR);
        }
        if let Some(text) = cell_text(value) {
            D::field(&text, out);
        }
    }
}
