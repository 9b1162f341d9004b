//! Rows of scalars in one buffer: records on their way from a decoder into a table, without a tree of
//! values for each.
//!
//! A [`RowBuilder`] numbers the keys of all records and fills one [`RowBatch`] after the other.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

/// The size at which a batch is full: bytes of text, and cells.
const FULL_TEXT: usize = 512 << 10;
const FULL_CELLS: usize = 64 << 10;

/// A value of a record; lists and objects are JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'t> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number as it is written.
    Number(&'t str),
    /// A string.
    Text(&'t str),
    /// A list or an object, written without white space.
    Nested(&'t str),
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Null,
    Bool(bool),
    Number,
    Text,
    Nested,
}

#[derive(Debug, Clone)]
struct Cell {
    key: usize,
    form: Form,
    text: Range<usize>,
}

/// Some rows.
#[derive(Debug, Default)]
pub struct RowBatch {
    text: String,
    cells: Vec<Cell>,
    /// The number of cells up to the end of each row.
    ends: Vec<usize>,
    /// The keys that appear for the first time, in the order of their numbers, with the row.
    fresh: Vec<(usize, String)>,
}

impl RowBatch {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the keys that no earlier batch had, in the order of their numbers, each with the
    /// index of its first row.
    pub fn fresh_keys(&self) -> &[(usize, String)] {
        &self.fresh
    }

    /// Returns the cells of a row: the numbers of their keys, and their values.
    pub fn row(&self, index: usize) -> impl Iterator<Item = (usize, Scalar<'_>)> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let cells = self.cells[start..self.ends[index]].iter();
        cells.map(|cell| (cell.key, self.scalar(cell)))
    }

    fn scalar(&self, cell: &Cell) -> Scalar<'_> {
        let text = &self.text[cell.text.clone()];
        match cell.form {
            Form::Null => Scalar::Null,
            Form::Bool(flag) => Scalar::Bool(flag),
            Form::Number => Scalar::Number(text),
            Form::Text => Scalar::Text(text),
            Form::Nested => Scalar::Nested(text),
        }
    }
}

/// Collects rows in batches.
#[derive(Debug, Default)]
pub struct RowBuilder {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
    batch: RowBatch,
    /// The number of cells before the current row.
    start: usize,
    /// The key that is likely next, since records mostly have their keys in the same order.
    guess: usize,
}

impl RowBuilder {
    /// Adds a cell to the current row. Of equal keys, the last one wins.
    pub fn cell(&mut self, key: &str, value: Scalar<'_>) {
        let key = self.number(key);
        let from = self.batch.text.len();
        let (form, text) = match value {
            Scalar::Null => (Form::Null, ""),
            Scalar::Bool(flag) => (Form::Bool(flag), ""),
            Scalar::Number(text) => (Form::Number, text),
            Scalar::Text(text) => (Form::Text, text),
            Scalar::Nested(text) => (Form::Nested, text),
        };
        self.batch.text.push_str(text);
        let text = from..self.batch.text.len();
        let cell = Cell { key, form, text };
        let row = &mut self.batch.cells[self.start..];
        // Keys in ascending order are not repeated.
        if row.last().is_some_and(|last| last.key >= key)
            && let Some(same) = row.iter_mut().find(|other| other.key == key)
        {
            *same = cell;
        } else {
            self.batch.cells.push(cell);
        }
        self.guess = key + 1;
    }

    /// Adds a value to the current row.
    pub fn value(&mut self, key: &str, value: &Value) {
        match value {
            Value::Null => self.cell(key, Scalar::Null),
            Value::Bool(flag) => self.cell(key, Scalar::Bool(*flag)),
            Value::Number(number) => self.cell(key, Scalar::Number(number.as_str())),
            Value::String(text) => self.cell(key, Scalar::Text(text)),
            Value::Array(_) | Value::Object(_) => {
                self.cell(key, Scalar::Nested(&value.to_string()));
            }
        }
    }

    /// Completes the current row.
    pub fn end_row(&mut self) {
        self.start = self.batch.cells.len();
        self.batch.ends.push(self.start);
        self.guess = 0;
    }

    /// Removes the cells of the current row.
    pub fn abandon_row(&mut self) {
        let first = self.batch.cells.get(self.start);
        if let Some(from) = first.map(|cell| cell.text.start) {
            self.batch.text.truncate(from);
        }
        self.batch.cells.truncate(self.start);
        self.guess = 0;
    }

    /// Returns true if the batch should be taken.
    pub fn is_full(&self) -> bool {
        self.batch.text.len() >= FULL_TEXT
            || self.batch.cells.len() + self.batch.ends.len() >= FULL_CELLS
    }

    /// Takes the complete rows; `None` if there are none.
    pub fn take(&mut self) -> Option<RowBatch> {
        self.start = 0;
        self.guess = 0;
        let batch = std::mem::take(&mut self.batch);
        (batch.len() > 0).then_some(batch)
    }

    fn number(&mut self, key: &str) -> usize {
        if self.names.get(self.guess).is_some_and(|name| name == key) {
            return self.guess;
        }
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(key.to_owned());
        self.numbers.insert(key.to_owned(), number);
        let row = self.batch.ends.len();
        self.batch.fresh.push((row, key.to_owned()));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(batch: &RowBatch) -> Vec<Vec<(usize, Scalar<'_>)>> {
        (0..batch.len())
            .map(|row| batch.row(row).collect())
            .collect()
    }

    #[test]
    fn keys_are_numbered_over_all_batches() {
        let mut builder = RowBuilder::default();
        assert!(builder.take().is_none());
        builder.cell("a", Scalar::Number("1"));
        builder.cell("b", Scalar::Text("x"));
        builder.end_row();
        builder.end_row();
        builder.cell("b", Scalar::Null);
        builder.cell("c", Scalar::Bool(true));
        builder.end_row();
        let batch = builder.take().expect("rows");
        let fresh = [(0, "a"), (0, "b"), (2, "c")].map(|(row, key)| (row, key.to_owned()));
        assert_eq!(batch.fresh_keys(), fresh);
        assert_eq!(
            rows(&batch),
            [
                vec![(0, Scalar::Number("1")), (1, Scalar::Text("x"))],
                vec![],
                vec![(1, Scalar::Null), (2, Scalar::Bool(true))],
            ]
        );
        builder.cell("d", Scalar::Nested("[]"));
        builder.end_row();
        let batch = builder.take().expect("rows");
        assert_eq!(batch.fresh_keys(), [(0, "d".to_owned())]);
        assert_eq!(rows(&batch), [[(3, Scalar::Nested("[]"))]]);
    }

    #[test]
    fn of_equal_keys_the_last_one_wins() {
        let mut builder = RowBuilder::default();
        for (key, number) in [("a", "1"), ("b", "2"), ("a", "3")] {
            builder.cell(key, Scalar::Number(number));
        }
        builder.end_row();
        let batch = builder.take().expect("rows");
        let expected = [[(0, Scalar::Number("3")), (1, Scalar::Number("2"))]];
        assert_eq!(rows(&batch), expected);
    }
}
