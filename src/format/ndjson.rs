//! `ndjson`: one compact JSON record per line.

use crate::core::file_ending;
use serde_json::Value;

use super::{Format, FormatError, Render, Shape};

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::NDJSON,
    streams: true,
    ..Format::new("ndjson", render)
};

fn render(_: &Shape) -> Box<dyn Render> {
    Box::new(Ndjson)
}

struct Ndjson;

impl Render for Ndjson {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        serde_json::to_writer(&mut *out, record)?;
        out.push(b'\n');
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }
}
