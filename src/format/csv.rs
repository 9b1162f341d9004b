//! `csv`: RFC 4180 with line feeds.
//!
//! A field is quoted where the RFC requires it. An empty string is always quoted (`""`), so that it
//! differs from null, which is an empty field. Values are unchanged, since this is data for
//! programs; for spreadsheets, [`CsvOptions`](super::CsvOptions) add a byte order mark, another
//! separator, or escaping of formulas.

use super::delimited::{Delimited, Dialect};
use super::{Format, Render, Shape, gap};
use crate::core::file_ending;

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::CSV,
    streams: true,
    delimiter: Some(b','),
    separator: |_, index| gap(index).to_owned(),
    ..Format::new("csv", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    let dialect = Dialect {
        separator: shape.csv.separator.unwrap_or(b','),
        // Readers skip an empty line.
        blank_row: b"\"\"",
        field,
    };
    Box::new(Delimited::new(shape, dialect))
}

fn field(text: &str, separator: u8, out: &mut Vec<u8>) {
    let bare = |byte: u8| byte != separator && !matches!(byte, b'"' | b'\n' | b'\r');
    if !text.is_empty() && text.bytes().all(bare) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
