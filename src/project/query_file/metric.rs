//! `metric` of the columns of a query file.

use crate::core::code::Code;
use crate::core::column::ColumnType;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::metric::{self, MetricFamily, MetricType};
use crate::core::name;
use crate::core::source::{Place, Text};
use crate::format::{Format, MetricError, by_name};
use crate::project::grammar;
use crate::project::query::{Column, LabelSource, Metric, MetricLabel, Var};
use crate::project::template::{Names, template};

/// Types of OpenMetrics that are not supported, each with a replacement.
const OTHER_TYPES: [(&str, &str); 7] = [
    ("info", "write a gauge that is 1, with the texts as labels"),
    (
        "stateset",
        "write a gauge that is 1 or 0, with the state as a label",
    ),
    (
        "histogram",
        "write gauges, such as one per percentile with a label",
    ),
    (
        "gaugehistogram",
        "write gauges, such as one per percentile with a label",
    ),
    (
        "summary",
        "write gauges, such as one per percentile with a label",
    ),
    ("unknown", "write `type: gauge`"),
    ("untyped", "write `type: gauge`"),
];

/// Reads the metrics of columns that are read already. `names` is available to the query as a whole.
pub fn read(
    extract: Option<&Node>,
    columns: &mut [Column],
    vars: &[Var],
    names: &Names,
    faults: &mut Diagnostics,
) {
    let Some(Content::Map(entries)) = extract.map(|node| &node.content) else {
        return;
    };
    // A column with a fault still counts, so that it is only reported once.
    let all: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    let known = columns.to_vec();
    for column in columns.iter_mut() {
        let entry = entries.iter().find(|entry| entry.key == column.name);
        let node = entry.and_then(|entry| entry.value.get("metric"));
        let Some(node) = node.filter(|node| !node.is_null()) else {
            continue;
        };
        let reader = Reader {
            column,
            columns: &known,
            all: &all,
            vars,
            names,
        };
        column.metric = reader.metric(node, faults);
    }
    for (index, column) in columns.iter().enumerate() {
        let Some(metric) = &column.metric else {
            continue;
        };
        let shared = columns[..index].iter().filter_map(|other| {
            let same = other.metric.as_ref()?;
            (same.family.name == metric.family.name).then_some((other, same))
        });
        // One fault for each column.
        let mut found = shared.filter_map(|(other, same)| conflict(metric, same).zip(Some(other)));
        if let Some(((what, help), other)) = found.next() {
            let (name, own) = (&metric.family.name, &column.name);
            let words = format!(
                "`{}` and `{own}` give the metric `{name}` {what}",
                other.name
            );
            faults.push(Diagnostic::at(&metric.place, Code::Metric, words).help(help));
        }
    }
}

/// Refuses a format of metrics for a query that has none.
pub fn check_output(
    output: Option<&str>,
    node: Option<&Node>,
    columns: &[Column],
    faults: &mut Diagnostics,
) {
    let writes_metrics = output.and_then(by_name).is_some_and(Format::writes_metrics);
    let has_metrics = columns.iter().any(|column| column.metric.is_some());
    if let Some(node) = node.filter(|_| writes_metrics && !has_metrics) {
        let error = MetricError::None;
        let fault = Diagnostic::at(&node.place, Code::Metric, error.to_string());
        faults.push(error.help().into_iter().fold(fault, Diagnostic::help));
    }
}

/// Reads the metric of one column.
struct Reader<'r> {
    column: &'r Column,
    columns: &'r [Column],
    /// The names of all columns, in the file's order.
    all: &'r [&'r str],
    vars: &'r [Var],
    names: &'r Names,
}

impl Reader<'_> {
    fn metric(&self, node: &Node, faults: &mut Diagnostics) -> Option<Metric> {
        let before = faults.len();
        let mut fields = node.fields_of("metric", grammar::METRIC, faults);
        let name = fields.text("name", faults);
        let help_node = fields.get("help");
        let help = fields.text("help", faults);
        let metric_type = fields.read("type", metric_type, faults).unwrap_or_default();
        let unit = fields.text("unit", faults);
        let labels_node = fields.get("labels");
        let labels = labels_node.map(|node| self.labels(node, faults));
        fields.finish(faults);
        if !matches!(node.content, Content::Map(_)) {
            return None;
        }
        self.check_column(&node.place, faults);
        for (key, text) in [("name", &name), ("help", &help)] {
            let is_absent = node.get(key).is_none_or(Node::is_null);
            if text.is_none() && is_absent {
                let words = format!("the metric of `{}` has no `{key}`", self.column.name);
                faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
            }
        }
        if let Some((help, node)) = help.as_ref().zip(help_node) {
            check_help(help, node, faults);
        }
        if let Some(name) = &name {
            check_name(name, metric_type, faults);
            if let Some(unit) = &unit {
                let checked = metric::check_unit(&unit.value, &name.value, self.column.declared);
                if let Err(words) = checked {
                    faults.push(Diagnostic::at(&unit.place, Code::Metric, words));
                }
            }
        }
        let (name, help) = (name?, help?);
        (faults.len() == before).then(|| Metric {
            place: node.place.clone(),
            family: MetricFamily {
                name: name.value.to_string(),
                help: help.value.trim().to_owned(),
                metric_type,
                unit: unit.map(|unit| unit.value.to_string()),
            },
            labels: labels.unwrap_or_default(),
        })
    }

    /// Refuses a column whose values are not numbers.
    fn check_column(&self, place: &Place, faults: &mut Diagnostics) {
        let name = &self.column.name;
        let words = match self.column.declared {
            _ if self.column.is_list() => {
                format!("a metric is a number, and the column `{name}` is a list")
            }
            Some(declared @ (ColumnType::Text | ColumnType::Json)) => {
                format!("a metric is a number, and the column `{name}` is declared `{declared}`")
            }
            Some(ColumnType::Int | ColumnType::Number | ColumnType::Bool | ColumnType::Time)
            | None => return,
        };
        let help = "a metric can be an `int`, a `number`, a `bool` (1 or 0) or a `time` (seconds)";
        faults.push(Diagnostic::at(place, Code::Metric, words).help(help));
    }

    /// Reads labels: columns, or a mapping from labels to columns or templates.
    fn labels(&self, node: &Node, faults: &mut Diagnostics) -> Vec<MetricLabel> {
        let mut labels: Vec<MetricLabel> = Vec::new();
        if let Content::Map(entries) = &node.content {
            for entry in entries {
                check_label(&entry.key, &entry.key_place, None, faults);
                let text = entry.value.text(&entry.key, faults);
                let source = text.and_then(|text| self.source(&text, faults));
                labels.extend(source.map(|source| MetricLabel {
                    name: entry.key.clone(),
                    source,
                }));
            }
            return labels;
        }
        if matches!(node.content, Content::Bool(_) | Content::Number(..)) {
            faults.push(node.mismatch("labels", "a list of columns, or a mapping from names"));
            return labels;
        }
        for item in node.items() {
            let Some(text) = item.text("labels", faults) else {
                continue;
            };
            let name = text.value.to_string();
            if labels.iter().any(|label| label.name == name) {
                let words = format!("`labels` names `{name}` twice");
                faults.push(Diagnostic::at(&text.place, Code::Metric, words));
                continue;
            }
            if name.contains("{{") {
                let words = "a label that is a template needs a name";
                let help = format!("write `labels: {{ NAME: \"{name}\" }}`");
                faults.push(Diagnostic::at(&text.place, Code::Metric, words).help(help));
                continue;
            }
            let Some(source) = self.source(&text, faults) else {
                continue;
            };
            check_label(&name, &text.place, Some(&name), faults);
            labels.push(MetricLabel { name, source });
        }
        labels
    }

    /// Reads the source of a label: a column or a template.
    fn source(&self, text: &Text, faults: &mut Diagnostics) -> Option<LabelSource> {
        let name = &*text.value;
        if name.contains("{{") || name.contains("{%") {
            let template = template(text, self.names, faults)?;
            let mut vars = self.vars.iter();
            if let Some(var) = vars.find(|var| var.secret && template.mentions().has(&var.name)) {
                let words = format!("a label is visible, and the var `{}` is secret", var.name);
                faults.push(Diagnostic::at(&text.place, Code::Metric, words));
                return None;
            }
            return Some(LabelSource::Template(template));
        }
        let fault = |code: Code, words: String| Diagnostic::at(&text.place, code, words);
        if !self.all.contains(&name) {
            let words =
                format!("`labels` names the column `{name}`, which `extract` does not have");
            let others = self.all.iter().copied();
            let hint = name::hint(name, others.filter(|other| *other != self.column.name));
            faults.push(fault(Code::UnknownColumn, words).maybe_help(hint));
            return None;
        }
        if name == self.column.name {
            let words = format!("`{name}` is the value of the metric, and cannot be its label");
            faults.push(fault(Code::Metric, words));
            return None;
        }
        let column = self.columns.iter().find(|column| column.name == name);
        if column.is_some_and(Column::is_list) {
            let words = format!("a label is a text, and the column `{name}` is a list");
            let help = "`take: first` gives its first element";
            faults.push(fault(Code::Metric, words).help(help));
            return None;
        }
        Some(LabelSource::Column(name.to_owned()))
    }
}

/// Reads `type`, and suggests a replacement for a type that is not supported.
fn metric_type(node: &Node, faults: &mut Diagnostics) -> Option<MetricType> {
    let written = node.scalar().unwrap_or_default();
    let found = MetricType::ALL.iter().find(|(known, _)| *known == written);
    if let Some((_, metric_type)) = found {
        return Some(*metric_type);
    }
    let names = MetricType::ALL.map(|(known, _)| known);
    let other = OTHER_TYPES.iter().find(|(known, _)| *known == written);
    let near = || name::nearest(&written, names).map(|near| format!("did you mean `{near}`?"));
    let hint = other.map(|(_, help)| (*help).to_owned()).or_else(near);
    let fault = node.mismatch("type", &name::one_of(&names));
    faults.push(fault.maybe_help(hint));
    None
}

fn check_name(name: &Text, metric_type: MetricType, faults: &mut Diagnostics) {
    let Err(fault) = metric::check_name(&name.value, metric_type) else {
        return;
    };
    let words = format!("`{}` {}", name.value, fault.message);
    let hint = fault.instead.map(|instead| format!("write `{instead}`"));
    faults.push(Diagnostic::at(&name.place, Code::Metric, words).maybe_help(hint));
}

fn check_help(help: &Text, node: &Node, faults: &mut Diagnostics) {
    let words = if help.value.trim().is_empty() {
        "`help` is empty"
    } else if help.value.contains('"') {
        "`help` has double quotes, which the text formats of Prometheus escape differently"
    } else {
        return;
    };
    faults.push(Diagnostic::at(&node.place, Code::Metric, words));
}

/// Checks the name of a label; `column` is the column that it is the name of.
fn check_label(label: &str, place: &Place, column: Option<&str>, faults: &mut Diagnostics) {
    let (words, instead) = if !metric::is_name(label) {
        let rule = "letters, digits and `_`, a letter first";
        let words = format!("`{label}` is not the name of a label: {rule}");
        (words, metric::name_like(label))
    } else if metric::LABELS_OF_PROMETHEUS.contains(&label) {
        let words = format!("the label `{label}` is one that Prometheus sets itself");
        (words, Some(format!("{label}_name")))
    } else {
        return;
    };
    let hint = instead.map(|instead| match column {
        Some(column) => format!("write `labels: {{ {instead}: {column} }}`"),
        None => format!("write `{instead}`"),
    });
    faults.push(Diagnostic::at(place, Code::Metric, words).maybe_help(hint));
}

/// Compares two columns of one metric, which is declared once and has each series from one of them.
/// Returns a difference that is wrong, with a hint.
fn conflict(one: &Metric, other: &Metric) -> Option<(&'static str, &'static str)> {
    let is_shared = "a metric has one `type`, `help` and `unit`; write the same, or another `name`";
    if one.family.metric_type != other.family.metric_type {
        return Some(("different types", is_shared));
    }
    if one.family.help != other.family.help {
        return Some(("different help", is_shared));
    }
    if one.family.unit != other.family.unit {
        return Some(("different units", is_shared));
    }
    let same_name = |label: &MetricLabel| other.labels.iter().find(|own| own.name == label.name);
    let pairs = one.labels.iter().map(|label| (label, same_name(label)));
    let pairs: Vec<_> = pairs.collect();
    let are_all_named = pairs.iter().all(|(_, own)| own.is_some());
    if one.labels.len() != other.labels.len() || !are_all_named {
        return Some(("different labels", "give both the same names of labels"));
    }
    let is_same = |label: &MetricLabel, own: &MetricLabel| own.source.is_same(&label.source);
    let are_same = pairs
        .iter()
        .all(|(label, own)| own.is_some_and(|own| is_same(label, own)));
    are_same.then_some((
        "the same labels",
        "tell them apart by a label such as `percentile: \"{{ 95 }}\"`",
    ))
}
