//! The shared parts of `csv` and `tsv`: a header and one line per record.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::Value;

use super::rows::{Columns, Gaps, cell_text};
use super::{FormatError, OnlyOne, Render, Shape};
use crate::core::text::defused;

/// Options of `csv`; the byte order mark and formulas apply to `tsv` too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// True to start with a byte order mark, by which Excel recognizes UTF-8.
    pub bom: Option<bool>,
    /// The separator.
    pub separator: Option<u8>,
    /// True to prefix text that a spreadsheet would take for a formula with an apostrophe.
    pub escapes_formulas: Option<bool>,
}

impl CsvOptions {
    /// The values of `--csv`, for messages.
    const WORDS: &str = "`bom`, `separator=;`, `formulas=escape` and `formulas=keep`";

    /// Returns these options, with unset ones taken from `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            bom: self.bom.or(others.bom),
            separator: self.separator.or(others.separator),
            escapes_formulas: self.escapes_formulas.or(others.escapes_formulas),
        }
    }

    /// Parses a separator: one ASCII character that is not a letter, a digit or a quote.
    pub fn separator_of(text: &str) -> Option<u8> {
        match text.as_bytes() {
            [byte @ (b'\t' | b' '..=b'~')] if !byte.is_ascii_alphanumeric() && *byte != b'"' => {
                Some(*byte)
            }
            _ => None,
        }
    }
}

impl FromStr for CsvOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for word in text.split(',') {
            let fault = || format!("`{word}` is not one of {}", Self::WORDS);
            match word.split_once('=') {
                None if word == "bom" => options.bom = Some(true),
                Some(("separator", separator)) => {
                    let fault = || {
                        format!("`separator` takes one character such as `;`, got `{separator}`")
                    };
                    options.separator = Some(Self::separator_of(separator).ok_or_else(fault)?);
                }
                Some(("formulas", "escape")) => options.escapes_formulas = Some(true),
                Some(("formulas", "keep")) => options.escapes_formulas = Some(false),
                _ => return Err(fault()),
            }
        }
        Ok(options)
    }
}

/// The syntax of a line.
pub(super) struct Dialect {
    /// The separator between two values.
    pub(super) separator: u8,
    /// The row for a single null.
    pub(super) blank_row: &'static [u8],
    /// Appends a value other than null.
    pub(super) field: fn(&str, u8, &mut Vec<u8>),
}

/// Streams if the columns are known; otherwise writes after the last record.
pub(super) struct Delimited {
    columns: Columns,
    only: Option<OnlyOne>,
    held: HeldRows,
    dialect: Dialect,
    options: CsvOptions,
}

/// Rows held until the header is known: their text, and the end of each row.
#[derive(Default)]
struct HeldRows {
    text: Vec<u8>,
    ends: Vec<HeldRow>,
}

struct HeldRow {
    end: usize,
    columns: usize,
}

impl Delimited {
    pub(super) fn new(shape: &Shape, dialect: Dialect) -> Self {
        Self {
            // A missing value costs a separator.
            columns: Columns::new(shape, Gaps::Bytes),
            only: shape.single.then(OnlyOne::default),
            held: HeldRows::default(),
            dialect,
            options: shape.csv,
        }
    }

    fn field(&self, text: &str, out: &mut Vec<u8>) {
        let text = if self.options.escapes_formulas == Some(true) {
            defused(text)
        } else {
            Cow::Borrowed(text)
        };
        (self.dialect.field)(&text, self.dialect.separator, out);
    }

    fn write_row(&self, row: &[&Value], out: &mut Vec<u8>) {
        for (index, value) in row.iter().enumerate() {
            if index > 0 {
                out.push(self.dialect.separator);
            }
            match value {
                Value::String(text) => self.field(text, out),
                // Numbers and the like are no formulas.
                other => {
                    if let Some(text) = cell_text(other) {
                        (self.dialect.field)(&text, self.dialect.separator, out);
                    }
                }
            }
        }
    }

    fn write_header(&self, out: &mut Vec<u8>) {
        for (index, name) in self.columns.names().iter().enumerate() {
            if index > 0 {
                out.push(self.dialect.separator);
            }
            self.field(name, out);
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
                out.extend_from_slice(self.dialect.blank_row);
            } else {
                out.extend_from_slice(text);
                // The first column takes no separator.
                let missing = count - row.columns.max(1).min(count);
                out.extend(std::iter::repeat_n(self.dialect.separator, missing));
            }
            out.push(b'\n');
        }
    }
}

impl Render for Delimited {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.options.bom == Some(true) {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
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
            self.write_row(&row, out);
            if out.len() == start && row.len() == 1 {
                out.extend_from_slice(self.dialect.blank_row);
            }
            out.push(b'\n');
        } else {
            let mut text = std::mem::take(&mut self.held.text);
            self.write_row(&row, &mut text);
            self.held.text = text;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_words() {
        let read = |text: &str| text.parse::<CsvOptions>();
        assert_eq!(
            read("bom,separator=;,formulas=escape"),
            Ok(CsvOptions {
                bom: Some(true),
                separator: Some(b';'),
                escapes_formulas: Some(true),
            })
        );
        for odd in [
            "",
            "mark",
            "separator=",
            "separator=ab",
            "separator=\"",
            "separator=a",
            "formulas=drop",
            "bom=yes",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
