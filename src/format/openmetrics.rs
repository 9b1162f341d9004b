//! `openmetrics`: samples for Prometheus, in the text format of OpenMetrics 1.0.
//!
//! A column with `metric` in the query file gives a sample for each record. The samples of a family
//! must be contiguous, so everything is written at the end, followed by `# EOF`. The text is also valid
//! in the older text format 0.0.4: `check` refuses double quotes in help, which the formats escape
//! differently, and numbers are those of JSON.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;

use serde_json::Value;

use super::{Format, FormatContent, FormatError, Render, Shape};
use crate::core::column::{ColumnType, shown};
use crate::core::file_ending;
use crate::core::metric::{MetricFamily, MetricType};
use crate::core::text::counted;
use crate::core::time::parse_written;

pub(super) const FORMAT: Format = Format {
    extensions: file_ending::OPENMETRICS,
    writes: FormatContent::Metrics,
    ..Format::new("openmetrics", render)
};

/// A column whose values are samples.
#[derive(Debug, Clone)]
pub struct MetricColumn {
    /// The name of the column.
    pub column: String,
    /// Its declared type.
    pub column_type: Option<ColumnType>,
    /// The family of the samples. Columns with the same name have equal families.
    pub family: MetricFamily,
    /// The labels by name.
    pub labels: Vec<(String, LabelValue)>,
}

/// The value of a label.
#[derive(Debug, Clone)]
pub enum LabelValue {
    /// The value of a column in the same record.
    Column(String),
    /// The same text for all samples.
    Text(String),
}

/// The reason why a result cannot be written as metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// A query without a metric.
    #[error("no column of the query has a `metric`")]
    None,
    /// A value that is not a number.
    #[error("record {record}: `{column}` is {got}, and a metric is a number")]
    NotANumber {
        /// The number of the record, from 1.
        record: usize,
        /// The column.
        column: String,
        /// The value in words.
        got: String,
        /// True if it is a text, which a type may read.
        is_text: bool,
    },
    /// A number beyond the range of a double.
    #[error("record {record}: `{column}` is beyond the range of a double")]
    TooLarge {
        /// The number of the record, from 1.
        record: usize,
        /// The column.
        column: String,
    },
    /// A negative counter.
    #[error("record {record}: `{column}` is {got}, and a counter is not negative")]
    Negative {
        /// The number of the record, from 1.
        record: usize,
        /// The column.
        column: String,
        /// The value in words.
        got: String,
    },
    /// A label without a text.
    #[error("record {record}: the label `{label}` is {got}, and a label is a text")]
    Label {
        /// The number of the record, from 1.
        record: usize,
        /// The label.
        label: String,
        /// The value in words.
        got: String,
    },
    /// Two samples that are the same series.
    #[error("{places} give the same series twice: `{series}`")]
    Duplicate {
        /// The two samples in words.
        places: String,
        /// The name and the labels.
        series: String,
    },
}

impl MetricError {
    /// Returns true if the error is known before the first record.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Returns the reason in an error of a writer, if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        let error: &FormatError = error.get_ref()?.downcast_ref()?;
        match error {
            FormatError::Metric(error) => Some(error),
            _ => None,
        }
    }

    /// Returns a hint.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::None => Some("add `metric: { name, help }` to a column of numbers in `extract`"),
            Self::NotANumber { is_text, .. } => is_text.then_some(
                "give the column a `type`: `number` reads numbers in text, `time` becomes seconds \
                 since 1970",
            ),
            Self::Negative { .. } => Some("remove `type: counter`: a gauge can be negative"),
            Self::Label { .. } => Some("use a column with a text, a number or a boolean"),
            Self::Duplicate { .. } => Some(
                "add a label that tells the records apart, or aggregate them in a query with `sql`",
            ),
            Self::TooLarge { .. } => None,
        }
    }
}

fn render(shape: &Shape) -> Box<dyn Render> {
    let mut families: Vec<Family> = Vec::new();
    let mut columns = Vec::new();
    for column in &shape.metrics {
        let known = families
            .iter()
            .position(|family| family.declared.name == column.family.name);
        let family = known.unwrap_or_else(|| {
            families.push(Family {
                declared: column.family.clone(),
                samples: String::new(),
                series: HashMap::new(),
            });
            families.len() - 1
        });
        let mut declared = column.clone();
        // Equal labels in another order are the same series.
        if let Some(first) = shape
            .metrics
            .iter()
            .find(|first| first.family == column.family)
        {
            let place = |name: &str| first.labels.iter().position(|(known, _)| known == name);
            declared.labels.sort_by_key(|(name, _)| place(name));
        }
        columns.push(Samples {
            declared,
            family,
            nulls: 0,
        });
    }
    Box::new(OpenMetrics {
        families,
        columns,
        records: 0,
    })
}

struct OpenMetrics {
    families: Vec<Family>,
    columns: Vec<Samples>,
    records: usize,
}

/// A family and its samples so far.
struct Family {
    declared: MetricFamily,
    samples: String,
    /// The record and the column of each series by its labels.
    series: HashMap<String, (usize, usize)>,
}

/// A column of samples.
struct Samples {
    declared: MetricColumn,
    /// The index of the family.
    family: usize,
    /// The number of records without a value.
    nulls: usize,
}

impl Render for OpenMetrics {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.columns.is_empty() {
            return Err(MetricError::None.into());
        }
        Ok(())
    }

    fn record(&mut self, record: &Value, _out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.records += 1;
        for (index, column) in self.columns.iter_mut().enumerate() {
            let declared = &column.declared;
            let value = record.get(&declared.column).unwrap_or(&Value::Null);
            if value.is_null() {
                column.nulls += 1;
                continue;
            }
            let number = number(value, declared, self.records)?;
            let labels = labels(record, declared, self.records)?;
            let family = &mut self.families[column.family];
            let metric_type = family.declared.metric_type;
            let series = format!("{}{}{labels}", family.declared.name, metric_type.suffix());
            // Writing to a string cannot fail.
            let _ = writeln!(family.samples, "{series} {number}");
            let own = (self.records, index);
            if let Some(first) = family.series.insert(labels, own) {
                let places = self.places(first, own);
                return Err(MetricError::Duplicate { places, series }.into());
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        for family in &self.families {
            let declared = &family.declared;
            let name = &declared.name;
            let mut head = format!("# HELP {name} {}\n", escaped(&declared.help));
            let _ = writeln!(head, "# TYPE {name} {}", declared.metric_type.name());
            if let Some(unit) = &declared.unit {
                let _ = writeln!(head, "# UNIT {name} {unit}");
            }
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(family.samples.as_bytes());
        }
        out.extend_from_slice(b"# EOF\n");
        Ok(())
    }

    fn note(&self) -> Option<String> {
        let all = counted(self.records as u64, "record");
        let missing = self.columns.iter().filter(|column| column.nulls > 0);
        let missing: Vec<String> = missing
            .map(|column| {
                let name = &column.declared.column;
                format!("`{name}` is null in {} of {all}", column.nulls)
            })
            .collect();
        (!missing.is_empty()).then(|| format!("{}; a null gives no sample", missing.join(", ")))
    }
}

impl OpenMetrics {
    /// Describes two samples of a series, each a record and a column.
    fn places(&self, first: (usize, usize), second: (usize, usize)) -> String {
        let name = |index: usize| &self.columns[index].declared.column;
        if first.0 == second.0 {
            let (one, other) = (name(first.1), name(second.1));
            return format!("record {}: `{one}` and `{other}`", first.0);
        }
        format!("records {} and {}", first.0, second.0)
    }
}

/// Returns the text of a sample's value.
fn number(value: &Value, declared: &MetricColumn, record: usize) -> Result<String, MetricError> {
    let column = || declared.column.clone();
    match value {
        Value::Bool(flag) => Ok(u8::from(*flag).to_string()),
        Value::Number(number) => {
            let Some(double) = number.as_f64().filter(|double| double.is_finite()) else {
                let column = column();
                return Err(MetricError::TooLarge { record, column });
            };
            if double < 0.0 && declared.family.metric_type == MetricType::Counter {
                return Err(MetricError::Negative {
                    record,
                    column: column(),
                    got: number.to_string(),
                });
            }
            Ok(number.to_string())
        }
        Value::String(text) => {
            let is_time = declared.column_type == Some(ColumnType::Time);
            let moment = is_time.then(|| parse_written(text)).flatten();
            let seconds = moment.map(|moment| moment.since_1970().as_secs_f64().to_string());
            seconds.ok_or_else(|| MetricError::NotANumber {
                record,
                column: column(),
                got: shown(value),
                is_text: true,
            })
        }
        other => Err(MetricError::NotANumber {
            record,
            column: column(),
            got: shown(other),
            is_text: false,
        }),
    }
}

/// Returns the labels of a sample in braces; nothing if there are none.
fn labels(record: &Value, declared: &MetricColumn, number: usize) -> Result<String, MetricError> {
    let mut labels = String::new();
    for (label, value) in &declared.labels {
        let text = match value {
            LabelValue::Text(text) => escaped(text),
            LabelValue::Column(column) => match record.get(column) {
                // Prometheus takes an empty label for none.
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => escaped(text),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                Some(other) => {
                    return Err(MetricError::Label {
                        record: number,
                        label: label.clone(),
                        got: shown(other),
                    });
                }
            },
        };
        let mark = if labels.is_empty() { '{' } else { ',' };
        let _ = write!(labels, "{mark}{label}=\"{text}\"");
    }
    if !labels.is_empty() {
        labels.push('}');
    }
    Ok(labels)
}

/// Escapes a help text or the value of a label.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}
