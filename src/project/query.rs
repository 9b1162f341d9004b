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
    /// How it is called by name.
    pub name: String,
    /// For people.
    pub folder: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The file.
    pub source: Arc<SourceFile>,
    /// The name of its resource, which exists; nothing if it sends no request.
    pub resource: Option<Text>,
    /// Its inputs, in the file's order.
    pub vars: Vec<Var>,
    /// What must hold of its inputs before anything is sent.
    pub require: Vec<Requirement>,
    /// The answers of other queries that it stands on as a whole.
    pub data: Vec<Data>,
    /// Tables for its statement that are there already.
    pub tables: Vec<Table>,
    /// What its records are made of, in place of a request.
    pub sql: Option<Sql>,
    /// The document that it ends in.
    pub report: Option<Report>,
    /// What it asks once for every item of; several multiply, and a later one may stand on an
    /// earlier one's item.
    pub for_each: Vec<Loop>,
    /// The method.
    pub method: Method,
    /// True if its requests change nothing on the server (RFC 9110, section 9.2.1), whatever their
    /// method: they may feed others, be sent again and be kept.
    pub is_safe: bool,
    /// The route, relative to the resource's base URL; nothing if it sends no request.
    pub endpoint: Option<Template>,
    /// URL parameters; `None` removes one of the resource's.
    pub params: Vec<(String, Option<ValueTemplate>)>,
    /// Header fields; `None` removes one of the resource's.
    pub headers: Vec<(HeaderName, Option<Template>)>,
    /// What is sent.
    pub body: Option<Body>,
    /// Until when it asks again.
    pub poll: Option<Poll>,
    /// When it tries again, where that differs from its resource.
    pub retry: Option<RetryChange>,
    /// For how long its answers serve later runs too.
    pub cache: Option<CacheRule>,
    /// How it goes on, where that differs from its resource.
    pub paginate: Option<Pagination>,
    /// Where the records stand in the answer; without it the answer is one record.
    pub rows: Option<Selector>,
    /// Columns; without any, the record as it is.
    pub extract: Vec<Column>,
    /// Which records are kept.
    pub keep: Option<Expression>,
    /// The first record at which the listing ends.
    pub stop_when: Option<Expression>,
    /// The order, the first key first.
    pub sort: Vec<SortKey>,
    /// How many records at most.
    pub limit: Option<Limit>,
    /// Records of which only the first is kept.
    pub unique: Option<Unique>,
    /// What must hold in the end.
    pub expect: Vec<Requirement>,
    /// The meaning of a status, where it differs from the usual one.
    pub on_status: BTreeMap<u16, StatusMeaning>,
    /// The question before a method that writes.
    pub confirm: Option<Template>,
    /// The default format.
    pub output: Option<&'static str>,
    /// How it is written as CSV.
    pub csv: CsvOptions,
}

/// The answer of another query, by the name under which `sql`, `report` and others see it.
#[derive(Debug, Clone)]
pub struct Data {
    /// The name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// The query.
    pub query: Arc<Query>,
    /// What it is given, besides the vars of the same name, which are passed on.
    pub vars: Vec<(String, ValueTemplate)>,
}

/// One SELECT over the tables of `data`.
#[derive(Debug, Clone)]
pub struct Sql {
    /// The statement.
    pub text: Text,
    /// The columns of its result, as far as they are known.
    pub columns: Vec<String>,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its templates, at most one of a kind; the first is the usual one.
    pub documents: Vec<Document>,
}

/// Items, by the name under which templates see one of them.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Where they come from.
    pub items: Items,
    /// The condition that an item meets.
    pub keep: Option<Expression>,
    /// The number of items at most, for each item of the names before it.
    pub limit: Option<Limit>,
}

impl Loop {
    /// Returns true if it leaves out any of the items that come.
    pub fn chooses(&self) -> bool {
        self.keep.is_some() || self.limit.is_some()
    }

    fn limit_template(&self) -> Option<&Template> {
        self.limit.as_ref().and_then(Limit::template)
    }
}

/// Where items come from.
#[derive(Debug, Clone)]
pub enum Items {
    /// The records of another query.
    Query {
        /// That query.
        query: Arc<Query>,
        /// What it is given, besides the vars of the same name, which are passed on.
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
    /// Whether no column of the result hides behind a `*` of a table that is not known.
    fn knows_all_columns(&self) -> bool {
        !has_star(&self.text.value) && !self.columns.is_empty()
    }
}

/// Whether a `*` of a statement may stand for columns: not that of `count(*)` or of `a * b`.
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
    /// The templates that stand here.
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

/// Until when a query asks again, and how often.
#[derive(Debug, Clone)]
pub struct Poll {
    /// What must hold in the end.
    pub until: Expression,
    /// The route that is asked, after the query's own request was sent once; nothing if that request
    /// is sent again itself.
    pub endpoint: Option<Template>,
    /// The time between two questions; without it the time grows from two seconds to thirty.
    pub every: Option<Duration>,
    /// How long it asks.
    pub timeout: Duration,
}

/// Which answers serve later runs too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheRule {
    /// All that are not older.
    For(Duration),
    /// Those that the kind of API knows to be final.
    Finished,
}

/// The type of a var.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarType {
    /// Text.
    String,
    /// A whole number of 64 bits.
    Int,
    /// Any number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list.
    List,
    /// A moment; RFC 3339 text in templates.
    Time,
    /// A length of time; seconds in templates.
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

    /// The name in files.
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
    /// How templates call it.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// For people.
    pub description: Option<String>,
    /// What it takes.
    pub kind: VarType,
    /// What it is if nobody says.
    pub default: Option<ValueTemplate>,
    /// Whether somebody has to say.
    pub required: bool,
    /// All that it may be.
    pub choices: Option<Vec<Value>>,
    /// What its whole text must match.
    pub pattern: Option<Pattern>,
    /// The range of a number or a length of time.
    pub bounds: Bounds,
    /// Whether its value is masked wherever it is shown.
    pub secret: bool,
    /// For people.
    pub example: Option<Value>,
}

/// A regular expression with its source.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it stands in the file.
    pub source: String,
    /// Compiled, anchored at both ends.
    pub regex: Regex,
}

/// What is sent.
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
        /// Where it lies.
        path: Template,
        /// What the server is told that it is called.
        file_name: Option<Template>,
        /// Its media type.
        content_type: Option<Template>,
    },
}

/// A column of the result.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Where its value comes from.
    pub source: ColumnSource,
    /// What it is if it is missing.
    pub default: Option<Value>,
    /// Whether it must not be missing.
    pub required: bool,
}

/// Where the value of a column comes from.
#[derive(Debug, Clone)]
pub enum ColumnSource {
    /// A JSONPath into the record.
    Path {
        /// The path.
        selector: Selector,
        /// What is taken of its nodes.
        take: Take,
    },
    /// A template over the record.
    Template(Template),
}

/// What is taken of the nodes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The first one, or null.
    First,
    /// The only one; more are an error.
    One,
    /// All, as a list.
    All,
    /// How many.
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
    /// What is compared.
    pub by: SortBy,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What is compared.
#[derive(Debug, Clone)]
pub enum SortBy {
    /// A column, or a field of the record.
    Column(String),
    /// An expression over the record.
    Expression(Expression),
}

/// How many records at most.
#[derive(Debug, Clone)]
pub enum Limit {
    /// A number.
    Number(u64),
    /// A template that gives one.
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

/// What makes a record the same as another one.
#[derive(Debug, Clone)]
pub enum Unique {
    /// Everything.
    Record,
    /// Some columns.
    Columns(Vec<String>),
}

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMeaning {
    /// An answer like any other.
    Ok,
    /// There are no records.
    Empty,
    /// A failure.
    Fail,
}

impl StatusMeaning {
    /// All by name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("ok", Self::Ok),
        ("empty", Self::Empty),
        ("fail", Self::Fail),
    ];
}

/// A length of time as it stands in templates: seconds, whole where they are.
pub fn seconds(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 {
        Value::from(duration.as_secs())
    } else {
        Value::from(duration.as_secs_f64())
    }
}

impl Query {
    /// Whether each of its answers is one record and not a list.
    pub fn is_single(&self) -> bool {
        self.rows.is_none() && self.asks()
    }

    /// Whether it yields one record, and not a list of as many as there are. What a walk yields is a
    /// list, even where each of its answers is one record.
    pub fn yields_one(&self) -> bool {
        self.is_single() && !self.is_walk()
    }

    /// The names of its columns, if it says which.
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

    /// The name of the table that its records make: its own; of a statement of the command line
    /// `result`.
    pub fn table_name(&self) -> &str {
        if self.source.path().as_os_str().is_empty() {
            "result"
        } else {
            &self.name
        }
    }

    /// Returns true if the query says all columns. Each query that it stands on is looked at once:
    /// there may be many ways to one.
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

    /// A declared var.
    pub fn var(&self, name: &str) -> Option<&Var> {
        self.vars.iter().find(|var| var.name == name)
    }

    /// This query and all that it stands on, each once, before those that it stands on itself.
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

    /// Returns true if something of it, or of a query that it stands on, may read the failures of a
    /// run: a document, an expectation or a statement.
    pub fn reads_failures(&self) -> bool {
        let queries = self.with_fed_by();
        let reads = |query: &&Self| {
            query.report.is_some() || query.sql.is_some() || !query.expect.is_empty()
        };
        queries.iter().any(reads)
    }

    /// Whether it sends requests of its own.
    pub fn asks(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Whether it has records of its own.
    pub fn has_records(&self) -> bool {
        self.asks() || self.sql.is_some()
    }

    /// Whether it asks more than once, for the items of another query or of a list.
    pub fn is_walk(&self) -> bool {
        !self.for_each.is_empty()
    }

    /// Whether which records there are depends on their order.
    pub fn depends_on_order(&self) -> bool {
        self.limit.is_some() || self.unique.is_some() || !self.sort.is_empty()
    }

    /// The templates that its requests are made of.
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

    /// All templates and expressions of the file, with what they mention.
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

/// A call of a query: its name and the vars that need a value, with their examples. `is_needed`
/// chooses them.
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

/// `NAME=VALUE` for a shell, in quotes where it needs them.
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
