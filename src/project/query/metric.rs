//! A column that is a metric.

use crate::core::metric::MetricFamily;
use crate::core::source::Place;
use crate::template::Template;

/// The metric that `-o openmetrics` writes for a column.
#[derive(Debug, Clone)]
pub struct Metric {
    /// The place of the declaration.
    pub place: Place,
    /// The family of its samples. Columns with the same name have equal families.
    pub family: MetricFamily,
    /// The labels, each name once.
    pub labels: Vec<MetricLabel>,
}

/// A label of each sample of a column.
#[derive(Debug, Clone)]
pub struct MetricLabel {
    /// The name.
    pub name: String,
    /// The source of the value.
    pub source: LabelSource,
}

/// The source of a label's value.
#[derive(Debug, Clone)]
pub enum LabelSource {
    /// A column of the same query.
    Column(String),
    /// A template over the vars.
    Template(Template),
}

impl LabelSource {
    /// Returns true if both have the same value in every record.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Column(one), Self::Column(other)) => one == other,
            (Self::Template(one), Self::Template(other)) => one.source() == other.source(),
            (Self::Column(_), Self::Template(_)) | (Self::Template(_), Self::Column(_)) => false,
        }
    }
}
