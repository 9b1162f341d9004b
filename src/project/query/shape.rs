//! The part of a query that selects and formats records.

use serde_json::Value;

use crate::core::column::ColumnType;
use crate::core::source::Place;
use crate::project::query::metric::Metric;
use crate::project::requirement::Requirement;
use crate::template::selector::Selector;
use crate::template::{Expression, Mentions, Template};

/// Columns, conditions, order and number of records, independent of their source.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// The columns; if empty, records are unchanged.
    pub extract: Vec<Column>,
    /// The condition that selects records (`where`).
    pub filter: Option<Expression>,
    /// The condition that ends the listing.
    pub stop_when: Option<Expression>,
    /// The order, the first key first.
    pub sort: Vec<SortKey>,
    /// The maximum number of records.
    pub limit: Option<Limit>,
    /// Removes duplicate records.
    pub unique: Option<Unique>,
    /// The conditions on the result.
    pub expect: Vec<Requirement>,
}

/// A column of the result.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The place of the declaration.
    pub place: Place,
    /// The source of its value.
    pub source: ColumnSource,
    /// The default value.
    pub default: Option<Value>,
    /// True if a record without a value is an error.
    pub required: bool,
    /// The declared type of its values, or of the elements of its lists.
    pub declared: Option<ColumnType>,
    /// The consequence of a value that is not of this type.
    pub on_misfit: OnMisfit,
    /// The metric that it is, if it is one.
    pub metric: Option<Metric>,
}

impl Column {
    /// Returns true if its values are lists.
    pub fn is_list(&self) -> bool {
        let take = match &self.source {
            ColumnSource::Path { take, .. } => Some(*take),
            ColumnSource::Template(_) => None,
        };
        take == Some(Take::All)
    }
}

/// The consequence of a value that is not of its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMisfit {
    /// An error.
    #[default]
    Fail,
    /// Null in its place, which is counted.
    Empty,
}

impl OnMisfit {
    /// All by name, as under `on_status`.
    pub const ALL: [(&'static str, Self); 2] = [("fail", Self::Fail), ("empty", Self::Empty)];
}

/// The source of a column's value.
#[derive(Debug, Clone)]
pub enum ColumnSource {
    /// A JSONPath into the row.
    Path {
        /// The path.
        selector: Selector,
        /// The selection among its nodes.
        take: Take,
    },
    /// A template over the row.
    Template(Template),
}

/// The selection among the nodes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The first one, or null.
    First,
    /// The only one; more are an error.
    One,
    /// All, as a list.
    All,
    /// Their number.
    Count,
}

impl Take {
    /// All by name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("first", Self::First),
        ("one", Self::One),
        ("all", Self::All),
        ("count", Self::Count),
    ];
}

/// One key of an order.
#[derive(Debug, Clone)]
pub struct SortKey {
    /// The value to compare.
    pub by: SortBy,
    /// True for descending order.
    pub descending: bool,
}

/// The value to sort by.
#[derive(Debug, Clone)]
pub enum SortBy {
    /// A column, or a member of the record.
    Column(String),
    /// An expression over the record.
    Expression(Expression),
}

/// A maximum number.
#[derive(Debug, Clone)]
pub enum Limit {
    /// A number.
    Number(u64),
    /// A template that gives one.
    Template(Template),
}

impl Limit {}

/// The identity of a record.
#[derive(Debug, Clone)]
pub enum Unique {
    /// The whole record.
    Record,
    /// Some columns.
    Columns(Vec<String>),
}

impl Shape {
    /// Returns true if an expectation, or its message, reads the response.
    pub fn expects_response(&self) -> bool {
        let is_named = |mentions: &Mentions| {
            let mut all = mentions.iter_all();
            all.any(|mention| mention.root() == "response")
        };
        self.expect.iter().any(|requirement| {
            let message = requirement.message.as_ref();
            is_named(requirement.that.mentions())
                || message.is_some_and(|message| is_named(message.mentions()))
        })
    }

    /// Returns the names of the columns, if there are any.
    pub fn columns(&self) -> Option<Vec<String>> {
        let names = self.extract.iter().map(|column| column.name.clone());
        (!self.extract.is_empty()).then(|| names.collect())
    }

    /// Returns true if the order of records affects which ones are in the result.
    pub fn depends_on_order(&self) -> bool {
        self.limit.is_some() || self.unique.is_some() || !self.sort.is_empty()
    }

    /// Returns true if a record may lack a required value, which is an error.
    pub fn requires_values(&self) -> bool {
        self.extract.iter().any(|column| column.required)
    }

    /// Returns the names that columns, conditions and sort keys read of a record.
    pub fn record_mentions(&self) -> impl Iterator<Item = &Mentions> {
        let columns = self
            .extract
            .iter()
            .filter_map(|column| match &column.source {
                ColumnSource::Template(template) => Some(template),
                ColumnSource::Path { .. } => None,
            });
        let keys = self.sort.iter().filter_map(|key| match &key.by {
            SortBy::Expression(expression) => Some(expression),
            SortBy::Column(_) => None,
        });
        let conditions = self.filter.iter().chain(&self.stop_when).chain(keys);
        columns
            .map(Template::mentions)
            .chain(conditions.map(Expression::mentions))
    }
}
