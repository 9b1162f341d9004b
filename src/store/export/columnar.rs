//! Parquet: rows as columns, in groups of bounded size.
//!
//! All columns are optional. A column without a value so far is one of strings, as is JSON.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::core::column::ColumnType;
use crate::store::cell::Cell;
use crate::store::cell::micros;
use crate::store::export::encode::{Encode, ExportColumn, ExportFormat};

/// Parquet.
pub const FORMAT: ExportFormat = ExportFormat {
    name: "parquet",
    encoder: |columns| {
        Ok(Box::new(
            Parquet::new(columns).map_err(|error| words(&error))?,
        ))
    },
};

/// The maximum number of rows of a group.
const MOST_ROWS: usize = 100_000;

/// The size of values in memory after which a group ends.
const MOST_BYTES: usize = 16 << 20;

/// Encodes rows as Parquet.
struct Parquet {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<ColumnBuffer>,
    rows: usize,
    bytes: usize,
}

/// The values of a column in the current group.
struct ColumnBuffer {
    name: String,
    kind: ColumnType,
    values: Values,
    /// One for each row: 0 for null, 1 for a value.
    levels: Vec<i16>,
}

/// Values that are not null.
enum Values {
    /// Texts one after the other, and where each ends.
    Text(Vec<u8>, Vec<usize>),
    Int(Vec<i64>),
    Real(Vec<f64>),
    Bool(Vec<bool>),
}

impl Parquet {
    fn new(columns: &[ExportColumn]) -> Result<Self, ParquetError> {
        let fields: Result<Vec<_>, _> = columns
            .iter()
            .map(|column| field(column).map(Arc::new))
            .collect();
        let schema = Type::group_type_builder("rows")
            .with_fields(fields?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("runner version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        let columns = columns.iter().map(|column| {
            let kind = column.kind.unwrap_or(ColumnType::Text);
            ColumnBuffer {
                name: column.name.clone(),
                kind,
                values: Values::of(kind),
                levels: Vec::new(),
            }
        });
        Ok(Self {
            writer,
            columns: columns.collect(),
            rows: 0,
            bytes: 0,
        })
    }

    /// Writes the rows so far as a group.
    fn end_group(&mut self, out: &mut Vec<u8>) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let open = group.next_column()?;
            let open =
                open.ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
            column.write(open)?;
        }
        group.close()?;
        self.rows = 0;
        self.bytes = 0;
        self.writer.flush()?;
        // The writer counts what it has written by itself.
        out.append(self.writer.inner_mut());
        Ok(())
    }
}

/// Returns the column of a schema.
fn field(column: &ExportColumn) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        None | Some(ColumnType::Text | ColumnType::Json) => {
            (Physical::BYTE_ARRAY, Some(LogicalType::String))
        }
        Some(ColumnType::Int) => (Physical::INT64, None),
        Some(ColumnType::Number) => (Physical::DOUBLE, None),
        Some(ColumnType::Bool) => (Physical::BOOLEAN, None),
        Some(ColumnType::Time) => {
            let is_utc = true;
            (
                Physical::INT64,
                Some(LogicalType::timestamp(is_utc, TimeUnit::MICROS)),
            )
        }
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

impl Values {
    fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text | ColumnType::Json => Self::Text(Vec::new(), Vec::new()),
            ColumnType::Int | ColumnType::Time => Self::Int(Vec::new()),
            ColumnType::Number => Self::Real(Vec::new()),
            ColumnType::Bool => Self::Bool(Vec::new()),
        }
    }
}

impl ColumnBuffer {
    /// Adds a value and returns its size in memory; `None` if it is of another type.
    fn push(&mut self, cell: &Cell) -> Option<usize> {
        let size = match (&mut self.values, cell) {
            (_, Cell::Null) => {
                self.levels.push(0);
                return Some(size_of::<i16>());
            }
            (Values::Text(text, ends), Cell::Text(value)) => {
                text.extend_from_slice(value.as_bytes());
                ends.push(text.len());
                // With the slice of it that the writer needs.
                value.len() + size_of::<usize>() + size_of::<ByteArray>()
            }
            (Values::Int(values), Cell::Int(value)) => {
                values.push(*value);
                size_of::<i64>()
            }
            (Values::Int(values), Cell::Text(time)) if self.kind == ColumnType::Time => {
                values.push(micros(time)?);
                size_of::<i64>()
            }
            (Values::Real(values), Cell::Real(value)) => {
                values.push(*value);
                size_of::<f64>()
            }
            (Values::Real(values), Cell::Int(value)) => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "columns of numbers hold doubles"
                )]
                values.push(*value as f64);
                size_of::<f64>()
            }
            (Values::Bool(values), Cell::Bool(_) | Cell::Int(_)) => {
                values.push(cell.is_true());
                size_of::<bool>()
            }
            _ => return None,
        };
        self.levels.push(1);
        Some(size + size_of::<i16>())
    }

    /// Writes the values, and clears them.
    fn write(&mut self, mut open: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = std::mem::take(&mut self.levels);
        let levels = Some(levels.as_slice());
        match std::mem::replace(&mut self.values, Values::of(self.kind)) {
            Values::Text(text, ends) => {
                let text = bytes::Bytes::from(text);
                let mut start = 0;
                let texts: Vec<ByteArray> = ends
                    .into_iter()
                    .map(|end| ByteArray::from(text.slice(std::mem::replace(&mut start, end)..end)))
                    .collect();
                open.typed::<ByteArrayType>()
                    .write_batch(&texts, levels, None)?
            }
            Values::Int(values) => open
                .typed::<Int64Type>()
                .write_batch(&values, levels, None)?,
            Values::Real(values) => open
                .typed::<DoubleType>()
                .write_batch(&values, levels, None)?,
            Values::Bool(values) => open
                .typed::<BoolType>()
                .write_batch(&values, levels, None)?,
        };
        open.close()
    }
}

impl Encode for Parquet {
    fn row(&mut self, row: Vec<Cell>, out: &mut Vec<u8>) -> Result<(), String> {
        for (column, cell) in self.columns.iter_mut().zip(&row) {
            let Some(size) = column.push(cell) else {
                return Err(format!(
                    "a value of the column `{}` is not of its type, {}",
                    column.name, column.kind
                ));
            };
            self.bytes += size;
        }
        self.rows += 1;
        if self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES {
            self.end_group(out).map_err(|error| words(&error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, out: &mut Vec<u8>) -> Result<(), String> {
        if self.rows > 0 {
            self.end_group(out).map_err(|error| words(&error))?;
        }
        let rest = self.writer.into_inner();
        out.extend(rest.map_err(|error| words(&error))?);
        Ok(())
    }
}

fn words(error: &ParquetError) -> String {
    format!("cannot be written as Parquet: {error}")
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn column(name: &str, kind: Option<ColumnType>) -> ExportColumn {
        ExportColumn {
            name: name.to_owned(),
            kind,
        }
    }

    fn encoded(columns: &[ExportColumn], rows: impl Iterator<Item = Vec<Cell>>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = (FORMAT.encoder)(columns).expect("an encoder");
        for row in rows {
            encoder.row(row, &mut out).expect("encoded");
        }
        encoder.finish(&mut out).expect("finished");
        out
    }

    fn reader(bytes: Vec<u8>) -> SerializedFileReader<bytes::Bytes> {
        SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a file")
    }

    #[test]
    fn values_are_read_back() {
        let columns = [
            column("text", Some(ColumnType::Text)),
            column("json", Some(ColumnType::Json)),
            column("int", Some(ColumnType::Int)),
            column("number", Some(ColumnType::Number)),
            column("bool", Some(ColumnType::Bool)),
            column("time", Some(ColumnType::Time)),
            column("unknown", None),
        ];
        let rows = [
            vec![
                Cell::from("é, \"x\"\n"),
                Cell::from("{\"b\":[1],\"a\":1.50}"),
                Cell::Int(i64::MIN),
                Cell::Real(0.1),
                Cell::Bool(true),
                Cell::from("2026-11-25T09:00:00.000125Z"),
                Cell::Null,
            ],
            vec![Cell::Null; 7],
            vec![
                Cell::from(""),
                Cell::from("null"),
                Cell::Int(7),
                Cell::Int(3),
                // As SQLite holds it.
                Cell::Int(0),
                Cell::from("1969-12-31T23:59:59Z"),
                Cell::Null,
            ],
        ];
        let reader = reader(encoded(&columns, rows.into_iter()));
        let schema = reader.metadata().file_metadata().schema_descr();
        let types: Vec<String> = schema
            .columns()
            .iter()
            .map(|column| format!("{} {:?}", column.name(), column.logical_type_ref()))
            .collect();
        insta::assert_snapshot!(types.join("\n"), @r"
        text Some(String)
        json Some(String)
        int None
        number None
        bool None
        time Some(Timestamp(TimestampType { is_adjusted_to_u_t_c: true, unit: MICROS }))
        unknown Some(String)
        ");
        let rows: Vec<Vec<Field>> = reader
            .get_row_iter(None)
            .expect("rows")
            .map(|row| {
                row.expect("a row")
                    .get_column_iter()
                    .map(|(_, field)| field.clone())
                    .collect()
            })
            .collect();
        let text = |text: &str| Field::Str(text.to_owned());
        assert_eq!(
            rows,
            [
                vec![
                    text("é, \"x\"\n"),
                    text("{\"b\":[1],\"a\":1.50}"),
                    Field::Long(i64::MIN),
                    Field::Double(0.1),
                    Field::Bool(true),
                    Field::TimestampMicros(1_795_597_200_000_125),
                    Field::Null,
                ],
                vec![Field::Null; 7],
                vec![
                    text(""),
                    text("null"),
                    Field::Long(7),
                    Field::Double(3.0),
                    Field::Bool(false),
                    Field::TimestampMicros(-1_000_000),
                    Field::Null,
                ],
            ]
        );
    }

    #[test]
    fn groups_are_bounded() {
        let columns = [
            column("a", Some(ColumnType::Int)),
            column("b", Some(ColumnType::Text)),
        ];
        let count = i64::try_from(MOST_ROWS).expect("small") * 2 + 5;
        let rows = (0..count).map(|number| vec![Cell::Int(number), Cell::Text(number.to_string())]);
        let bytes = encoded(&columns, rows.clone());
        assert_eq!(
            bytes,
            encoded(&columns, rows),
            "the same rows are the same bytes"
        );
        let narrow = reader(bytes);
        let groups = narrow.metadata().row_groups();
        assert!(groups.len() >= 3);
        assert_eq!(
            groups
                .iter()
                .map(parquet::file::metadata::RowGroupMetaData::num_rows)
                .sum::<i64>(),
            count
        );
        for (number, row) in (0..count).zip(narrow.get_row_iter(None).expect("rows")) {
            let row = row.expect("a row");
            let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
            assert_eq!(
                fields,
                [&Field::Long(number), &Field::Str(number.to_string())]
            );
        }
        let long = "x".repeat(MOST_BYTES / 2 + 1);
        let rows = (0..4).map(|number| vec![Cell::Int(number), Cell::from(long.as_str())]);
        let wide = reader(encoded(&columns, rows));
        assert_eq!(wide.metadata().num_row_groups(), 2);
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let mut encoder =
            (FORMAT.encoder)(&[column("a", Some(ColumnType::Time))]).expect("an encoder");
        let refused = encoder.row(vec![Cell::from("soon")], &mut Vec::new());
        assert_eq!(
            refused.expect_err("no time"),
            "a value of the column `a` is not of its type, time"
        );
    }
}
