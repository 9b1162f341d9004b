//! Formats of exported files.

use serde_json::Value;

use crate::core::column::ColumnType;
use crate::format::{self, Render, Shape};
use crate::store::cell::Cell;

/// A column of an exported table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportColumn {
    /// The name.
    pub name: String,
    /// The type; `None` if no row has a value.
    pub kind: Option<ColumnType>,
}

/// Creates an encoder for the columns of a file.
pub type NewEncoder = fn(&[ExportColumn]) -> Result<Box<dyn Encode>, String>;

/// A format of exported files.
#[derive(Debug)]
pub struct ExportFormat {
    /// The name, which is the extension of its files.
    pub name: &'static str,
    /// Creates an encoder for one file.
    pub encoder: NewEncoder,
}

/// CSV with a header.
pub const CSV: ExportFormat = ExportFormat {
    name: "csv",
    encoder: |columns| rendered("csv", columns),
};

/// One JSON object a line.
pub const NDJSON: ExportFormat = ExportFormat {
    name: "ndjson",
    encoder: |columns| rendered("ndjson", columns),
};

/// Converts the rows of one file to bytes.
pub trait Encode {
    /// Adds a row. Output may lag behind.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the row.
    fn row(&mut self, row: Vec<Cell>, out: &mut Vec<u8>) -> Result<(), String>;

    /// Adds what follows the last row.
    ///
    /// # Errors
    ///
    /// If the format cannot be completed.
    fn finish(self: Box<Self>, out: &mut Vec<u8>) -> Result<(), String>;
}

/// Encodes rows in an output format of `run`.
struct Rendered {
    columns: Vec<(String, ColumnType)>,
    renderer: Box<dyn Render>,
    has_begun: bool,
}

fn rendered(name: &str, columns: &[ExportColumn]) -> Result<Box<dyn Encode>, String> {
    let format = format::by_name(name).ok_or_else(|| format!("there is no format `{name}`"))?;
    let names = columns.iter().map(|column| column.name.clone());
    let shape = Shape {
        columns: Some(names.collect()),
        ..Shape::default()
    };
    let columns = columns.iter().map(|column| {
        let kind = column.kind.unwrap_or(ColumnType::Json);
        (column.name.clone(), kind)
    });
    Ok(Box::new(Rendered {
        columns: columns.collect(),
        renderer: format.renderer(&shape),
        has_begun: false,
    }))
}

impl Rendered {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        self.renderer.begin(out).map_err(|error| error.to_string())
    }
}

impl Encode for Rendered {
    fn row(&mut self, row: Vec<Cell>, out: &mut Vec<u8>) -> Result<(), String> {
        self.begin(out)?;
        let members = self.columns.iter().zip(&row);
        let record: serde_json::Map<String, Value> = members
            .map(|((name, kind), cell)| (name.clone(), cell.to_json(*kind)))
            .collect();
        let written = self.renderer.record(&Value::Object(record), out);
        written.map_err(|error| error.to_string())
    }

    fn finish(mut self: Box<Self>, out: &mut Vec<u8>) -> Result<(), String> {
        self.begin(out)?;
        self.renderer.finish(out).map_err(|error| error.to_string())
    }
}
