//! `json`: one document, a pretty-printed array of the records or the single record.

use crate::core::file_ending;
use std::io;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{Formatter as _, PrettyFormatter, Serializer};

use super::{Format, FormatError, Render, Shape, Single};

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::JSON,
    ..Format::new("json", render)
};

fn render(shape: &Shape) -> Box<dyn Render> {
    if shape.single {
        Box::new(Single::new(|record, out| {
            serde_json::to_writer_pretty(&mut *out, record)?;
            out.push(b'\n');
            Ok(())
        }))
    } else {
        Box::new(JsonList::new())
    }
}

/// Writes the array record by record, with the same bytes as if written at once.
struct JsonList {
    /// Starts one level deep, inside the array.
    formatter: PrettyFormatter<'static>,
    begun: bool,
}

impl JsonList {
    fn new() -> Self {
        let mut formatter = PrettyFormatter::new();
        formatter
            .begin_array(&mut io::sink())
            .expect("a sink takes every byte");
        Self {
            formatter,
            begun: false,
        }
    }
}

impl Render for JsonList {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.push(b'[');
        Ok(())
    }

    fn record(&mut self, record: &Value, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(if self.begun { b",\n  " } else { b"\n  " });
        self.begun = true;
        record.serialize(&mut Serializer::with_formatter(out, self.formatter.clone()))?;
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(if self.begun { b"\n]\n" } else { b"]\n" });
        Ok(())
    }
}
