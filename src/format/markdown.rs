//! `markdown`: a table as GitHub renders it.
//!
//! A value shows as the text it is: it cannot leave its cell, and it brings in no HTML, link,
//! picture, emphasis or code. Columns of numbers are aligned to the right. Cells are padded so
//! that the source reads as a table too, up to a width that keeps one long value from bloating
//! every line.

use serde_json::Value;

use super::rows::{Columns, cell_text, key_values};
use super::{Format, FormatError, OnlyOne, Render, Shape};
use crate::core::text::{display_width, printable};

pub(super) const FORMAT: Format = Format {
    name: "markdown",
    about: "A table for GitHub, pull requests and wikis",
    extensions: &["md", "markdown"],
    streams: false,
    paints: false,
    render: |shape: &Shape| {
        if shape.single {
            Box::new(Single::new(shape))
        } else {
            Box::new(List::new(shape))
        }
    },
};

/// Cells wider than this do not widen their column.
const WIDEST_PADDING: usize = 40;

struct List {
    columns: Columns,
    grid: Grid,
}

impl List {
    fn new(shape: &Shape) -> Self {
        Self {
            columns: Columns::new(shape),
            grid: Grid::default(),
        }
    }
}

impl Render for List {
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
    /// For each column whether all values but null are numbers; `None` while all are null.
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
        if names.is_empty() {
            return;
        }
        let header: Vec<String> = names.iter().map(|name| escape(name)).collect();
        let mut columns: Vec<Column> = (0..header.len())
            .map(|index| Column {
                // `---:`
                width: 4,
                right: self.numbers.get(index) == Some(&Some(true)),
            })
            .collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            for (column, cell) in columns.iter_mut().zip(row) {
                let width = display_width(cell);
                if width <= WIDEST_PADDING {
                    column.width = column.width.max(width);
                }
            }
        }
        write_line(&header, &columns, out);
        for column in &columns {
            let dashes = "-".repeat(column.width - usize::from(column.right));
            let colon = if column.right { ":" } else { "" };
            out.extend_from_slice(format!("| {dashes}{colon} ").as_bytes());
        }
        out.extend_from_slice(b"|\n");
        for row in &self.rows {
            write_line(row, &columns, out);
        }
    }
}

struct Column {
    width: usize,
    right: bool,
}

fn write_line(row: &[String], columns: &[Column], out: &mut Vec<u8>) {
    for (index, column) in columns.iter().enumerate() {
        let cell = row.get(index).map_or("", String::as_str);
        let blanks = " ".repeat(column.width.saturating_sub(display_width(cell)));
        let (before, after) = if column.right {
            (blanks.as_str(), "")
        } else {
            ("", blanks.as_str())
        };
        out.extend_from_slice(format!("| {before}{cell}{after} ").as_bytes());
    }
    out.extend_from_slice(b"|\n");
}

/// The text as it stands in a cell, to be shown as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let text = text.trim_end_matches(['\n', '\r']);
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            escaped.push_str("<br>");
        }
        escape_line(&printable(line), &mut escaped);
    }
    escaped
}

fn escape_line(line: &str, escaped: &mut String) {
    let mut before = ' ';
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '~' => escaped.extend(['\\', character]),
            // Inside a word such as `build_and_test` it is no emphasis, and reads better bare.
            '_' => {
                let after = characters.peek().is_some_and(|next| next.is_alphanumeric());
                if !(before.is_alphanumeric() && after) {
                    escaped.push('\\');
                }
                escaped.push('_');
            }
            _ => escaped.push(character),
        }
        before = character;
    }
}
