//! `csv`: RFC 4180 with line feeds.
//!
//! A field is quoted where the RFC asks for it, and an empty string always (`""`), so that it
//! differs from null, which is an empty field. Values are not altered: a text that a spreadsheet
//! would take for a formula (`=1+1`) comes out as it is, because this is data for programs.

use super::delimited::{Delimited, Dialect};
use super::{Format, Shape};

pub(super) const FORMAT: Format = Format {
    name: "csv",
    about: "Comma-separated values (RFC 4180) with a header",
    extensions: &["csv"],
    streams: true,
    paints: false,
    render: |shape: &Shape| Box::new(Delimited::<Csv>::new(shape)),
};

struct Csv;

impl Dialect for Csv {
    const SEPARATOR: u8 = b',';
    // Readers skip an empty line.
    const BLANK_ROW: &'static [u8] = b"\"\"";

    fn field(text: &str, out: &mut Vec<u8>) {
        let bare = |byte: u8| !matches!(byte, b'"' | b',' | b'\n' | b'\r');
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
}
