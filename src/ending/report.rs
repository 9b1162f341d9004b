//! A document rendered from all records.

use std::io;

use serde_json::Value;

use crate::ending::{CloseContext, Ending, EndingError, Output, Shows};
use crate::template::Document;

/// Collects all records and renders a document from them.
pub struct Report {
    document: Document,
    records: Vec<Value>,
    output: Output,
    text: Vec<u8>,
}

impl Report {
    /// Starts the result.
    pub fn new(document: Document, output: Output) -> Self {
        Self {
            document,
            records: Vec::new(),
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
        self.records.push(record);
        Ok(())
    }

    fn close(&mut self, context: &CloseContext<'_>) -> Result<(), EndingError> {
        let records = std::mem::take(&mut self.records);
        let text = (context.render)(&self.document, records).map_err(EndingError::Render)?;
        self.text = self.output.text(text);
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.output.finish(&self.text)
    }
}
