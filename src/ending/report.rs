//! A document rendered from all records.

use std::io;

use serde_json::Value;

use crate::ending::{CloseContext, Ending, EndingError, Output, Shows};
use crate::sink::RecordSpool;
use crate::template::Document;

/// Collects all records, many of them in a temporary file, and renders a document from them.
pub struct Report {
    document: Document,
    records: RecordSpool,
    output: Output,
    text: Vec<u8>,
}

impl Report {
    /// Starts the result.
    pub fn new(document: Document, output: Output) -> Self {
        Self {
            document,
            records: RecordSpool::default(),
            output,
            text: Vec::new(),
        }
    }
}

impl Ending for Report {
    fn shows(&self) -> Shows {
        Shows::Document
    }

    fn record(&mut self, record: Value) -> io::Result<()> {
        self.records.push(record)
    }

    fn close(&mut self, context: &CloseContext<'_>) -> Result<(), EndingError> {
        let records = std::mem::take(&mut self.records).into_list()?;
        let text = (context.render)(&self.document, records).map_err(EndingError::Render)?;
        self.text = self.output.text(text);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.output.finish(&self.text)
    }
}
