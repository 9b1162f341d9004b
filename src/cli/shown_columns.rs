//! The columns of a query's records, as `runner show` prints them.

use serde_json::{Value, json};

use crate::core::column::{ColumnType, RecordColumn, TypeOrigin};
use crate::core::text::{display_width, one_line};
use crate::description::{Schema, TextKind};
use crate::project::query::{ColumnSource, LabelSource, Metric};
use crate::project::{Project, Query};

/// The columns of a query's records.
pub struct ShownColumns {
    schema: Vec<RecordColumn>,
    /// The columns in the API's description, by name.
    described: Vec<(String, Schema)>,
}

impl ShownColumns {
    /// Reads the columns of a query.
    pub fn of(project: &Project, query: &Query) -> Self {
        Self {
            schema: project.record_schema(query),
            described: project.column_schemas(query),
        }
    }

    /// Returns the description of a column, unless the file declares another type.
    fn described(&self, column: &RecordColumn) -> Option<&Schema> {
        if column.origin != TypeOrigin::Described {
            return None;
        }
        let mut described = self.described.iter();
        let found = described.find(|(name, _)| *name == column.name);
        found.map(|(_, schema)| schema)
    }

    /// Lists the columns, each with its path or template, and its type if it is known.
    pub fn text(&self, query: &Query) -> String {
        let mut text = String::new();
        if !self.schema.is_empty() {
            text.push_str("\ncolumns\n");
        }
        let width = self.schema.iter().map(|column| display_width(&column.name));
        let width = width.max().unwrap_or(0);
        let lines: Vec<(String, Option<String>)> = (self.schema.iter())
            .map(|column| (source(query, &column.name), self.words(column)))
            .collect();
        let typed = lines.iter().filter(|(_, words)| words.is_some());
        let room = typed.map(|(source, _)| display_width(source)).max();
        let room = room.unwrap_or(0);
        for (column, (source, words)) in self.schema.iter().zip(lines) {
            let name_gap = width.saturating_sub(display_width(&column.name));
            let gap = room.saturating_sub(display_width(&source));
            let line = match words {
                Some(words) if room == 0 => words,
                Some(words) => format!("{source}{:gap$}  {words}", ""),
                None => source,
            };
            let line = format!("  {}{:name_gap$}  {line}", column.name, "");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push_str(&metrics_text(query));
        text
    }

    /// Describes a type: `time`, `list of int`, `success, failed or null`.
    fn words(&self, column: &RecordColumn) -> Option<String> {
        let words = match self.described(column) {
            Some(schema) => described_words(schema),
            None => column.column_type?.name().to_owned(),
        };
        let words = if column.is_list {
            format!("list of {words}")
        } else {
            words
        };
        Some(if column.is_nullable {
            format!("{words} or null")
        } else {
            words
        })
    }

    /// Returns the columns for programs; null if nothing is known of them.
    pub fn json(&self, query: &Query) -> Value {
        if self.schema.is_empty() {
            return Value::Null;
        }
        let columns = self.schema.iter().map(|column| {
            let mut shown = json!({
                "name": column.name,
                "type": column.column_type.map(ColumnType::name),
                "list": column.is_list,
                "nullable": column.is_nullable,
                "from": column.origin.name(),
            });
            let described = self.described(column);
            if let Some(Schema::Text(kind)) = described.and_then(Schema::without_null)
                && !matches!(kind, TextKind::Plain | TextKind::Time)
            {
                shown["format"] = json!(kind.name());
            }
            if let Some(words) = described.and_then(Schema::words) {
                shown["enum"] = json!(words);
            }
            if let Some(metric) = metric(query, &column.name) {
                shown["metric"] = metric_json(metric);
            }
            shown
        });
        columns.collect()
    }
}

/// Returns the metric that a column is.
fn metric<'q>(query: &'q Query, name: &str) -> Option<&'q Metric> {
    let mut columns = query.shape.extract.iter();
    let column = columns.find(|column| column.name == name)?;
    column.metric.as_ref()
}

/// Lists the metrics, each with its labels, its type and its description.
fn metrics_text(query: &Query) -> String {
    let mut text = String::new();
    let metrics = query.shape.extract.iter();
    let metrics = metrics.filter_map(|column| Some((&column.name, column.metric.as_ref()?)));
    let width = metrics.clone().map(|(name, _)| display_width(name)).max();
    let width = width.unwrap_or(0);
    for (name, metric) in metrics {
        if text.is_empty() {
            text.push_str("\nmetrics\n");
        }
        let family = &metric.family;
        let (series, metric_type) = (series(metric), family.metric_type.name());
        let gap = width.saturating_sub(display_width(name));
        text.push_str(&format!("  {name}{:gap$}  {series}  {metric_type}\n", ""));
        text.push_str(&format!("  {:width$}  {}\n", "", one_line(&family.help)));
    }
    text
}

/// Returns the name of the samples with the sources of their labels.
fn series(metric: &Metric) -> String {
    let labels = metric.labels.iter().map(|label| match &label.source {
        LabelSource::Column(column) if *column == label.name => column.clone(),
        LabelSource::Column(column) => format!("{}={column}", label.name),
        LabelSource::Template(template) => format!("{}={}", label.name, template.source()),
    });
    let labels: Vec<String> = labels.collect();
    let name = format!(
        "{}{}",
        metric.family.name,
        metric.family.metric_type.suffix()
    );
    if labels.is_empty() {
        return name;
    }
    format!("{name}{{{}}}", labels.join(", "))
}

fn metric_json(metric: &Metric) -> Value {
    let family = &metric.family;
    let labels = metric.labels.iter().map(|label| &label.name);
    json!({
        "name": family.name,
        "help": family.help,
        "type": family.metric_type.name(),
        "unit": family.unit,
        "labels": labels.collect::<Vec<_>>(),
    })
}

/// Returns the path or template of a column; nothing for one that no `extract` names.
fn source(query: &Query, name: &str) -> String {
    let mut columns = query.shape.extract.iter();
    let column = columns.find(|column| column.name == name);
    column.map_or_else(String::new, |column| match &column.source {
        ColumnSource::Path { selector, .. } => selector.source().to_owned(),
        ColumnSource::Template(template) => template.source().to_owned(),
    })
}

/// Describes a shape without null: `time`, `success, failed`, `int or string`.
fn described_words(schema: &Schema) -> String {
    if let Some(words) = schema.words() {
        return words.join(", ");
    }
    let others = schema.alternatives().iter();
    let names = others
        .filter(|one| **one != Schema::Null)
        .map(type_name)
        .collect::<Vec<_>>();
    names.join(" or ")
}

fn type_name(schema: &Schema) -> &'static str {
    match schema {
        Schema::Any => "any",
        Schema::Null => "null",
        Schema::Bool => "bool",
        Schema::Int => "int",
        Schema::Number => "number",
        Schema::Text(kind) => kind.name(),
        Schema::Word(_) => "string",
        Schema::List(_) => "list",
        Schema::Object(_) => "object",
        Schema::Union(_) => "several",
    }
}
