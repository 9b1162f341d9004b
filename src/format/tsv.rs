//! `tsv`: tab-separated values, unquoted.
//!
//! A tab, newline, carriage return or backslash inside a value becomes `\t`, `\n`, `\r`, `\\`, as in
//! `jq`'s `@tsv`. So each line is one record, and `cut` works.

use super::delimited::{Delimited, Dialect};
use super::{Format, Render, Shape, gap};
use crate::core::file_ending;

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::TSV,
    streams: true,
    delimiter: Some(b'\t'),
    separator: |_, index| gap(index).to_owned(),
    ..Format::new("tsv", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    let dialect = Dialect {
        separator: b'\t',
        blank_row: b"",
        field,
    };
    Box::new(Delimited::new(shape, dialect))
}

fn field(text: &str, _: u8, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\t' => out.extend_from_slice(br"\t"),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\\' => out.extend_from_slice(br"\\"),
            _ => out.push(byte),
        }
    }
}
