//! `raw`: the response body, unchanged.
//!
//! The bytes of a body bypass records and do not come through here. For records without a body of
//! their own (from a paged listing or SQL), `raw` prints the same as `jq -r`.

use serde_json::Value;

use super::{Format, FormatContent, FormatError, Render, Shape};

pub(super) const FORMAT: Format = Format {
    streams: true,
    writes: FormatContent::Body,
    ..Format::new("raw", render)
};

fn render(_: &Shape) -> Box<dyn Render> {
    Box::new(Raw)
}

struct Raw;

impl Render for Raw {
    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        match record {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            other => serde_json::to_writer(&mut *out, other)?,
        }
        out.push(b'\n');
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }
}
