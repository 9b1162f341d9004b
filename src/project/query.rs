//! A checked query: its templates and selectors are compiled, its names resolved.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::core::graph::parents_first;
use crate::core::shell;
use crate::core::source::{Place, SourceFile, Text};
use crate::format::CsvOptions;
use crate::http::retry::RetryChange;
use crate::http::{HeaderName, Method};
use crate::paginate::Pagination;
use crate::project::bound::Bounds;
use crate::project::requirement::Requirement;
use crate::project::table::Table;
use crate::project::template::ValueTemplate;
use crate::template::selector::Selector;
use crate::template::{Document, Expression, Template};

/// A checked query file.
#[derive(Debug, Clone)]
pub struct Query {
    /// The name.
    pub name: String,
    /// The folder in listings.
    pub folder: Option<String>,
    /// A description for people.
    pub description: Option<String>,
    /// The file.
    pub source: Arc<SourceFile>,
    /// The name of its resource, which exists; `None` if it sends no request.
    pub resource: Option<Text>,
    /// The inputs, in the order of the file.
    pub vars: Vec<Var>,
    /// Conditions on the inputs, checked before the first request.
    pub require: Vec<Requirement>,
    /// Other queries whose complete results it uses.
    pub data: Vec<Data>,
    /// Tables for the statement that exist already.
    pub tables: Vec<Table>,
    /// The statement that produces the records, instead of a request.
    pub sql: Option<Sql>,
    /// The report rendered from the records.
    pub report: Option<Report>,
    /// The loops: one request per item. Several loops multiply, and a later one may depend on an
    /// earlier one's item.
    pub for_each: Vec<Loop>,
    /// The HTTP method.
    pub method: Method,
    /// True if its requests are safe (RFC 9110, section 9.2.1), whatever the method: they may feed
    /// other queries, be retried and be cached.
    pub is_safe: bool,
    /// The path relative to the resource's base URL; `None` if it sends no request.
    pub endpoint: Option<Template>,
    /// URL parameters; `None` removes one of the resource's.
    pub params: Vec<(String, Option<ValueTemplate>)>,
    /// Header fields; `None` removes one of the resource's.
    pub headers: Vec<(HeaderName, Option<Template>)>,
    /// The request body.
    pub body: Option<Body>,
    /// The polling rule.
    pub poll: Option<Poll>,
    /// Changes to the resource's retry policy.
    pub retry: Option<RetryChange>,
    /// The caching rule for responses.
    pub cache: Option<CacheRule>,
    /// Pagination, if it differs from the resource's.
    pub paginate: Option<Pagination>,
    /// The path of the records in the response; without it, the response is one record.
    pub rows: Option<Selector>,
    /// The columns; if empty, records are unchanged.
    pub extract: Vec<Column>,
    /// The `where` condition that selects records.
    pub keep: Option<Expression>,
    /// The condition that ends the listing.
    pub stop_when: Option<Expression>,
    /// The sort keys, most significant first.
    pub sort: Vec<SortKey>,
    /// The maximum number of records.
    pub limit: Option<Limit>,
    /// Removes duplicate records.
    pub unique: Option<Unique>,
    /// Conditions on the result.
    pub expect: Vec<Requirement>,
    /// Meanings of status codes that differ from the defaults.
    pub on_status: BTreeMap<u16, StatusMeaning>,
    /// The confirmation prompt of a method that writes.
    pub confirm: Option<Template>,
    /// The default format.
    pub output: Option<&'static str>,
    /// Options of CSV output.
    pub csv: CsvOptions,
}

/// The result of another query, by the name used in `sql`, `report` and templates.
#[derive(Debug, Clone)]
pub struct Data {
    /// The name.
    pub name: String,
    /// The place of the declaration.
    pub place: Place,
    /// The query.
    pub query: Arc<Query>,
    /// Vars passed to it, in addition to those of the same name.
    pub vars: Vec<(String, ValueTemplate)>,
}

/// A SELECT over the tables of `data`.
#[derive(Debug, Clone)]
pub struct Sql {
    /// The statement.
    pub text: Text,
    /// The result columns, as far as they are known.
    pub columns: Vec<String>,
}

/// A report.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its templates, at most one per kind; the first is the default.
    pub documents: Vec<Document>,
}

/// A loop over items, by the name of the item in templates.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The name.
    pub name: String,
    /// The place of the declaration.
    pub place: Place,
    /// The source of the items.
    pub items: Items,
    /// The `where` condition that selects items.
    pub keep: Option<Expression>,
    /// The maximum number of items, for each item of the loops before it.
    pub limit: Option<Limit>,
}

impl Loop {
    /// Returns true if it may skip items.
    pub fn chooses(&self) -> bool {
        self.keep.is_some() || self.limit.is_some()
    }

    fn limit_template(&self) -> Option<&Template> {
        self.limit.as_ref().and_then(Limit::template)
    }
}

/// The source of items.
#[derive(Debug, Clone)]
pub enum Items {
    /// The records of another query.
    Query {
        /// The query.
        query: Arc<Query>,
        /// Vars passed to it, in addition to those of the same name.
        vars: Vec<(String, ValueTemplate)>,
    },
    /// A list.
    List(ValueTemplate),
}

impl Data {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        self.vars.iter().flat_map(|(_, value)| value.templates())
    }
}

impl Sql {
    /// Returns true if all result columns are known.
    fn knows_all_columns(&self) -> bool {
        !has_star(&self.text.value) && !self.columns.is_empty()
    }
}

/// Returns true if a `*` in a statement stands for columns, unlike in `count(*)` or `a * b`.
fn has_star(statement: &str) -> bool {
    let before: Vec<&str> = statement.split('*').collect();
    before[..before.len() - 1].iter().any(|text| {
        let text = text.trim_end();
        let word = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let word = text[word.len()..].to_ascii_lowercase();
        text.ends_with([',', '.']) || ["select", "distinct", "all"].contains(&word.as_str())
    })
}

impl Items {
    /// Returns the templates in the source.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Query { vars, .. } => {
                let values = vars.iter();
                values.flat_map(|(_, value)| value.templates()).collect()
            }
            Self::List(value) => value.templates(),
        }
    }
}

/// The polling rule of a query.
#[derive(Debug, Clone)]
pub struct Poll {
    /// The condition that ends polling.
    pub until: Expression,
    /// The path polled after the query's own request was sent once; `None` if that request itself
    /// is repeated.
    pub endpoint: Option<Template>,
    /// The polling interval; without it, the interval grows from two seconds to thirty.
    pub every: Option<Duration>,
    /// The maximum time to poll.
    pub timeout: Duration,
}

/// The rule for which responses later runs may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheRule {
    /// Responses up to this age.
    For(Duration),
    /// Responses that the kind of API knows to be final.
    Finished,
}

/// The type of a var.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarType {
    /// Text.
    String,
    /// A 64-bit integer.
    Int,
    /// Any number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list.
    List,
    /// A time; RFC 3339 text in templates.
    Time,
    /// A duration; seconds in templates.
    Duration,
    /// Any JSON value.
    Json,
}

impl VarType {
    /// All types by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("string", Self::String),
        ("int", Self::Int),
        ("number", Self::Number),
        ("bool", Self::Bool),
        ("list", Self::List),
        ("time", Self::Time),
        ("duration", Self::Duration),
        ("json", Self::Json),
    ];

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("string", |(name, _)| name)
    }
}

/// An input of a query.
#[derive(Debug, Clone)]
pub struct Var {
    /// The name in templates.
    pub name: String,
    /// The place of the declaration.
    pub place: Place,
    /// A description for people.
    pub description: Option<String>,
    /// The type.
    pub kind: VarType,
    /// The default value.
    pub default: Option<ValueTemplate>,
    /// True if a value must be given.
    pub required: bool,
    /// The allowed values.
    pub choices: Option<Vec<Value>>,
    /// The pattern that the whole text must match.
    pub pattern: Option<Pattern>,
    /// The range of a number or a duration.
    pub bounds: Bounds,
    /// True if the value is masked wherever it is shown.
    pub secret: bool,
    /// An example value for people.
    pub example: Option<Value>,
}

/// A regular expression with its source.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The source in the file.
    pub source: String,
    /// The compiled expression, anchored at both ends.
    pub regex: Regex,
}

/// A request body.
#[derive(Debug, Clone)]
pub enum Body {
    /// `application/json`.
    Json(ValueTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, ValueTemplate)>),
    /// `multipart/form-data`.
    Multipart(Vec<(String, MultipartField)>),
    /// `text/plain`.
    Text(Template),
    /// A file of the project.
    File(Template),
}

/// A field of a multipart body.
#[derive(Debug, Clone)]
pub enum MultipartField {
    /// A value.
    Value(ValueTemplate),
    /// A file of the project.
    File {
        /// The path.
        path: Template,
        /// The file name sent to the server.
        file_name: Option<Template>,
        /// The media type.
        content_type: Option<Template>,
    },
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
    /// The value if it is missing.
    pub default: Option<Value>,
    /// True if it must not be missing.
    pub required: bool,
}

/// The source of a column's value.
#[derive(Debug, Clone)]
pub enum ColumnSource {
    /// A JSONPath into the record.
    Path {
        /// The path.
        selector: Selector,
        /// The selection among the matched nodes.
        take: Take,
    },
    /// A template over the record.
    Template(Template),
}

/// The selection among the nodes that match a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The first node, or null.
    First,
    /// The only node; more are an error.
    One,
    /// All nodes, as a list.
    All,
    /// The number of nodes.
    Count,
}

impl Take {
    /// All selections by name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("first", Self::First),
        ("one", Self::One),
        ("all", Self::All),
        ("count", Self::Count),
    ];
}

/// A sort key.
#[derive(Debug, Clone)]
pub struct SortKey {
    /// The value to sort by.
    pub by: SortBy,
    /// True for descending order.
    pub descending: bool,
}

/// The value to sort by.
#[derive(Debug, Clone)]
pub enum SortBy {
    /// A column, or a field of the record.
    Column(String),
    /// An expression over the record.
    Expression(Expression),
}

/// A maximum number of records.
#[derive(Debug, Clone)]
pub enum Limit {
    /// A number.
    Number(u64),
    /// A template that yields a number.
    Template(Template),
}

impl Limit {
    fn template(&self) -> Option<&Template> {
        match self {
            Self::Number(_) => None,
            Self::Template(template) => Some(template),
        }
    }
}

/// The identity of a record, to remove duplicates.
#[derive(Debug, Clone)]
pub enum Unique {
    /// The whole record.
    Record,
    /// Some columns.
    Columns(Vec<String>),
}

/// The meaning of a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMeaning {
    /// A normal response.
    Ok,
    /// No records.
    Empty,
    /// A failure.
    Fail,
}

impl StatusMeaning {
    /// All meanings by name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("ok", Self::Ok),
        ("empty", Self::Empty),
        ("fail", Self::Fail),
    ];
}

/// Returns a duration as in templates: seconds, as an integer if possible.
pub fn seconds(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 {
        Value::from(duration.as_secs())
    } else {
        Value::from(duration.as_secs_f64())
    }
}

impl Query {
    /// Returns true if each of its responses is one record and not a list.
    pub fn is_single(&self) -> bool {
        self.rows.is_none() && self.asks()
    }

    /// Returns true if it yields one record rather than a list. A walk always yields a list.
    pub fn yields_one(&self) -> bool {
        self.is_single() && !self.is_walk()
    }

    /// Returns the names of its columns, if known.
    pub fn columns(&self) -> Option<Vec<String>> {
        if self.extract.is_empty()
            && let Some(sql) = &self.sql
        {
            return self.knows_columns().then(|| sql.columns.clone());
        }
        (!self.extract.is_empty()).then(|| {
            self.extract
                .iter()
                .map(|column| column.name.clone())
                .collect()
        })
    }

    /// Returns the table name for its records: its own name, or `result` for a statement on the
    /// command line.
    pub fn table_name(&self) -> &str {
        if self.source.path().as_os_str().is_empty() {
            "result"
        } else {
            &self.name
        }
    }

    /// Returns true if all columns are known. Each dependency is visited once, since several paths
    /// may lead to it.
    fn knows_columns(&self) -> bool {
        let mut known = HashSet::new();
        for query in self.with_fed_by().into_iter().rev() {
            let of_sql = |sql: &Sql| {
                sql.knows_all_columns()
                    || !sql.columns.is_empty()
                        && query.tables.iter().all(|table| table.columns.is_some())
                        && (query.data.iter())
                            .all(|data| known.contains(&std::ptr::from_ref(&*data.query)))
            };
            if !query.extract.is_empty() || query.sql.as_ref().is_some_and(of_sql) {
                known.insert(std::ptr::from_ref(query));
            }
        }
        known.contains(&std::ptr::from_ref(self))
    }

    /// Returns the declared var with a name.
    pub fn var(&self, name: &str) -> Option<&Var> {
        self.vars.iter().find(|var| var.name == name)
    }

    /// Returns this query and all its dependencies, each once, before its own dependencies.
    pub fn with_fed_by(&self) -> Vec<&Query> {
        parents_first(self, |query| {
            let feeds = query.for_each.iter().filter_map(|feed| match &feed.items {
                Items::Query { query, .. } => Some(&**query),
                Items::List(_) => None,
            });
            let data = query.data.iter().map(|data| &*data.query);
            feeds.chain(data).collect()
        })
    }

    /// Returns true if it or one of its dependencies may read the failures of a run: in a document,
    /// an expectation or a statement.
    pub fn reads_failures(&self) -> bool {
        let queries = self.with_fed_by();
        let reads = |query: &&Self| {
            query.report.is_some() || query.sql.is_some() || !query.expect.is_empty()
        };
        queries.iter().any(reads)
    }

    /// Returns true if it sends requests of its own.
    pub fn asks(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Returns true if it has records of its own.
    pub fn has_records(&self) -> bool {
        self.asks() || self.sql.is_some()
    }

    /// Returns true if it sends one request per item of a query or a list.
    pub fn is_walk(&self) -> bool {
        !self.for_each.is_empty()
    }

    /// Returns true if the order of records affects which ones are in the result.
    pub fn depends_on_order(&self) -> bool {
        self.limit.is_some() || self.unique.is_some() || !self.sort.is_empty()
    }

    /// Returns the templates of its requests.
    pub fn request_templates(&self) -> Vec<&Template> {
        let polled = self.poll.iter().filter_map(|poll| poll.endpoint.as_ref());
        let mut templates: Vec<&Template> = self.endpoint.iter().chain(polled).collect();
        for (_, value) in &self.params {
            templates.extend(value.iter().flat_map(ValueTemplate::templates));
        }
        templates.extend(self.headers.iter().filter_map(|(_, value)| value.as_ref()));
        match &self.body {
            None => {}
            Some(Body::Json(value)) => templates.extend(value.templates()),
            Some(Body::Form(fields)) => {
                templates.extend(fields.iter().flat_map(|(_, value)| value.templates()));
            }
            Some(Body::Multipart(fields)) => {
                for (_, field) in fields {
                    match field {
                        MultipartField::Value(value) => templates.extend(value.templates()),
                        MultipartField::File {
                            path,
                            file_name,
                            content_type,
                        } => {
                            templates.push(path);
                            templates.extend(file_name);
                            templates.extend(content_type);
                        }
                    }
                }
            }
            Some(Body::Text(template) | Body::File(template)) => templates.push(template),
        }
        templates
    }

    /// Returns the mentions of all templates and expressions in the file.
    pub fn mentions(&self) -> impl Iterator<Item = &crate::template::Mentions> {
        let defaults = self
            .vars
            .iter()
            .filter_map(|var| var.default.as_ref())
            .flat_map(ValueTemplate::templates);
        let columns = self
            .extract
            .iter()
            .filter_map(|column| match &column.source {
                ColumnSource::Template(template) => Some(template),
                ColumnSource::Path { .. } => None,
            });
        let limits = self
            .for_each
            .iter()
            .filter_map(Loop::limit_template)
            .chain(self.limit.as_ref().and_then(Limit::template));
        let keys = self.sort.iter().filter_map(|key| match &key.by {
            SortBy::Expression(expression) => Some(expression),
            SortBy::Column(_) => None,
        });
        self.request_templates()
            .into_iter()
            .chain(defaults)
            .chain(columns)
            .chain(limits)
            .chain(&self.confirm)
            .chain(self.for_each.iter().flat_map(|feed| feed.items.templates()))
            .chain(self.data.iter().flat_map(Data::templates))
            .map(Template::mentions)
            .chain(
                self.keep
                    .iter()
                    .chain(&self.stop_when)
                    .chain(self.for_each.iter().filter_map(|feed| feed.keep.as_ref()))
                    .chain(self.poll.as_ref().map(|poll| &poll.until))
                    .chain(keys)
                    .map(Expression::mentions),
            )
            .chain(
                self.require
                    .iter()
                    .chain(&self.expect)
                    .flat_map(Requirement::mentions),
            )
    }
}

/// Formats a call of a query: its name and the vars chosen by `is_needed`, with their examples.
pub fn example_call(query: &Query, is_needed: impl Fn(&Var) -> bool) -> String {
    let mut call = query.name.clone();
    let vars = query.vars.iter();
    for var in vars.filter(|var| is_needed(var)) {
        let value = var
            .example
            .as_ref()
            .or(var.choices.as_ref().and_then(|choices| choices.first()))
            .filter(|_| !var.secret)
            .map_or_else(|| "…".to_owned(), crate::core::json::plain);
        call.push(' ');
        call.push_str(&assignment(&var.name, &value));
    }
    call
}

/// Formats `NAME=VALUE` for a shell, quoted if necessary.
pub fn assignment(name: &str, value: &str) -> String {
    let is_plain = value
        .chars()
        .all(|c| c.is_alphanumeric() || "-_./:@…".contains(c));
    if is_plain {
        format!("{name}={value}")
    } else {
        shell::quoted(&format!("{name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::has_star;

    #[test]
    fn only_a_star_for_columns_hides_some() {
        for statement in [
            "SELECT * FROM t",
            "select distinct\n * from t",
            "SELECT a, * FROM t",
            "SELECT t.* FROM t",
        ] {
            assert!(has_star(statement), "{statement}");
        }
        for statement in [
            "SELECT count(*) AS n FROM t",
            "SELECT a * 2, sum(b*c) FROM t",
            "SELECT count( * ) FILTER (WHERE a) FROM t",
        ] {
            assert!(!has_star(statement), "{statement}");
        }
    }
}
