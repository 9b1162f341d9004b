//! A checked query: its templates and selectors are compiled, its names resolved.
//!
//! A query has a source of records ([`Ask`]), a [`Shape`], and perhaps a [`Report`].

mod bound;
mod call;
mod graphql;
mod keeping;
mod metric;
mod shape;
mod var;
mod var_type;

use std::collections::HashSet;
use std::sync::Arc;

use crate::core::graph::parents_first;
use crate::core::shell;
use crate::core::source::{Place, SourceFile, Text};
use crate::format::CsvOptions;
use crate::project::operations;
use crate::project::requirement::Requirement;
use crate::project::table::{Table, TableFiles};
use crate::project::template::ValueTemplate;
use crate::template::selector::Selector;
use crate::template::{Document, Mentions};

pub use bound::Bounds;
pub use call::{
    Address, Body, CacheRule, Call, Decode, Items, Loop, MultipartField, Poll, StatusMeaning,
};
pub use graphql::GraphqlBody;
pub use keeping::Keeping;
pub use metric::{LabelSource, Metric, MetricLabel};
pub use shape::{Column, ColumnSource, Limit, OnMisfit, Shape, SortBy, SortKey, Take, Unique};
pub use var::{Pattern, Var, seconds};
pub use var_type::VarType;

/// A checked query file.
#[derive(Debug, Clone)]
pub struct Query {
    /// The name on the command line.
    pub name: String,
    /// The group in lists.
    pub folder: Option<String>,
    /// The description for people.
    pub description: Option<String>,
    /// The file.
    pub source: Arc<SourceFile>,
    /// Its inputs, in the file's order.
    pub vars: Vec<Var>,
    /// The conditions on its inputs, checked before anything is sent.
    pub require: Vec<Requirement>,
    /// The results of other queries that it depends on as a whole.
    pub data: Vec<Data>,
    /// The source of the records.
    pub ask: Ask,
    /// The selection and form of the records.
    pub shape: Shape,
    /// The document that it ends in.
    pub report: Option<Report>,
    /// The rule by which its records are kept, if they are.
    pub keeping: Option<Keeping>,
    /// True or false if the file says that it is, or is not, a tool of assistants.
    pub mcp: Option<bool>,
    /// The default format.
    pub output: Option<&'static str>,
    /// The CSV options.
    pub csv: CsvOptions,
}

/// The source of a query's records.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Requests to a resource.
    Request(Box<Call>),
    /// A statement over the tables of `data`.
    Statement(Statement),
    /// Files of records.
    Files(FileRecords),
    /// Rows of a store.
    Stored(StoredRecords),
    /// No records of its own: a report over `data`.
    Nothing,
}

/// The result of another query, by the name used in `sql`, `report` and templates.
#[derive(Debug, Clone)]
pub struct Data {
    /// The name.
    pub name: String,
    /// The query.
    pub query: Arc<Query>,
    /// Vars passed to it, in addition to those of the same name.
    pub vars: Vec<(String, ValueTemplate)>,
}

/// A table of a statement in files.
#[derive(Debug, Clone, Copy)]
pub struct FileTable<'q> {
    /// The name of the table.
    pub name: &'q str,
    /// The files.
    pub files: &'q TableFiles,
    /// The place that names them, if it is in a file.
    pub place: Option<&'q Place>,
}

/// The records of files.
#[derive(Debug, Clone)]
pub struct FileRecords {
    /// The files.
    pub files: TableFiles,
    /// The place that names them.
    pub place: Place,
}

/// Rows of a store. Its query has the vars `since`, `until` and `as_of`.
#[derive(Debug, Clone)]
pub struct StoredRecords {
    /// The name of the table.
    pub table: String,
    /// The columns, as far as they are known.
    pub columns: Option<Vec<String>>,
}

/// A table of a statement in a store.
#[derive(Debug, Clone)]
pub struct StatementTable {
    /// The name in the statement.
    pub name: String,
    /// The name in the store.
    pub table: String,
    /// The columns.
    pub columns: Option<Vec<String>>,
    /// The time as of which it is read.
    pub as_of: Option<jiff::Timestamp>,
}

/// One SELECT over tables.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The statement.
    pub text: Text,
    /// The columns of its result, as far as they are known.
    pub columns: Vec<String>,
    /// Tables besides those of `data`.
    pub tables: Vec<Table>,
    /// Tables of the store besides those of `data`.
    pub stored: Vec<StatementTable>,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Report {
    /// The templates, at most one per kind; the first is the default.
    pub documents: Vec<Document>,
}

impl Statement {
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

impl Query {
    /// Returns true for an operation of an API, which has no file.
    pub fn is_operation(&self) -> bool {
        operations::is_operation(self.source.path())
    }

    /// Returns the requests, if it sends any.
    pub fn call(&self) -> Option<&Call> {
        match &self.ask {
            Ask::Request(call) => Some(call),
            Ask::Statement(_) | Ask::Files(_) | Ask::Stored(_) | Ask::Nothing => None,
        }
    }

    /// Returns the statement, if it has one.
    pub fn statement(&self) -> Option<&Statement> {
        match &self.ask {
            Ask::Statement(statement) => Some(statement),
            Ask::Request(_) | Ask::Files(_) | Ask::Stored(_) | Ask::Nothing => None,
        }
    }

    /// Returns true if its responses are written to files.
    pub fn is_download(&self) -> bool {
        self.call().is_some_and(|call| call.download.is_some())
    }

    /// Returns the files, if its records come from files.
    pub fn files(&self) -> Option<&FileRecords> {
        match &self.ask {
            Ask::Files(files) => Some(files),
            Ask::Request(_) | Ask::Statement(_) | Ask::Stored(_) | Ask::Nothing => None,
        }
    }

    /// Returns the rows of a store, if its records are those.
    pub fn stored(&self) -> Option<&StoredRecords> {
        match &self.ask {
            Ask::Stored(stored) => Some(stored),
            Ask::Request(_) | Ask::Statement(_) | Ask::Files(_) | Ask::Nothing => None,
        }
    }

    /// Returns true if it or one of its dependencies reads a store.
    pub fn reads_store(&self) -> bool {
        self.with_fed_by().iter().any(|query| {
            let statement = query.statement();
            query.stored().is_some()
                || statement.is_some_and(|statement| !statement.stored.is_empty())
        })
    }

    /// Creates the query whose records are rows of a store.
    pub fn of_store(name: &str, stored: StoredRecords) -> Self {
        let shown = format!("{} in the store", stored.table);
        Self {
            name: name.to_owned(),
            // Queries are told apart by their path.
            source: SourceFile::new(shown.clone(), shown, ""),
            vars: ["since", "until", "as_of"].map(Var::time).to_vec(),
            ..Self::of_nothing(Ask::Stored(stored))
        }
    }

    /// Creates the query whose records are those of files named in a query file.
    pub fn of_files(files: TableFiles, place: &Place) -> Self {
        let shown = files.shown().to_owned();
        let records = FileRecords {
            files,
            place: place.clone(),
        };
        Self {
            name: shown.clone(),
            // Queries are told apart by their path.
            source: SourceFile::new(shown.clone(), shown, ""),
            ..Self::of_nothing(Ask::Files(records))
        }
    }

    /// Creates a query without a file.
    fn of_nothing(ask: Ask) -> Self {
        Self {
            name: String::new(),
            folder: None,
            description: None,
            source: SourceFile::new("", "", ""),
            vars: Vec::new(),
            require: Vec::new(),
            data: Vec::new(),
            ask,
            shape: Shape::default(),
            report: None,
            keeping: None,
            mcp: None,
            output: None,
            csv: CsvOptions::default(),
        }
    }

    /// Returns the tables that its statement reads from files: the database is filled with them
    /// without holding their records.
    pub fn file_tables(&self) -> Vec<FileTable<'_>> {
        let Some(statement) = self.statement() else {
            return Vec::new();
        };
        let ready = statement.tables.iter().map(|table| FileTable {
            name: &table.name,
            files: &table.files,
            place: None,
        });
        let data = self.data.iter().filter(|data| self.is_streamed(data));
        let data = data.filter_map(|data| {
            let records = data.query.files()?;
            Some(FileTable {
                name: &data.name,
                files: &records.files,
                place: Some(&records.place),
            })
        });
        ready.chain(data).collect()
    }

    /// Returns true if only the statement reads these data, and they come from files or the store.
    pub fn is_streamed(&self, data: &Data) -> bool {
        let is_named = |mentions: &Mentions| mentions.has("data");
        let is_shown = self.report.is_some()
            || !self.shape.expect.is_empty()
            || self.shape.record_mentions().any(is_named);
        let is_ready = data.query.files().is_some() || data.query.stored().is_some();
        self.statement().is_some() && is_ready && !is_shown
    }

    /// Returns the loops.
    pub fn loops(&self) -> &[Loop] {
        self.call().map_or(&[], |call| &call.for_each)
    }

    /// Returns true if its requests are safe (RFC 9110, section 9.2.1).
    pub fn is_safe(&self) -> bool {
        self.call().is_none_or(|call| call.is_safe)
    }

    /// Returns true if each of its responses is one record, not a list.
    pub fn is_single(&self) -> bool {
        self.call().is_some_and(Call::is_single)
    }

    /// Returns the path of the rows in a response, unless it is one row as a whole.
    pub fn rows(&self) -> Option<&Selector> {
        self.call()?.rows.as_ref()
    }

    /// Returns true if it yields exactly one record. A walk always yields a list.
    pub fn yields_one(&self) -> bool {
        self.is_single() && !self.is_walk()
    }

    /// Returns true if it has records of its own.
    pub fn has_records(&self) -> bool {
        !matches!(self.ask, Ask::Nothing)
    }

    /// Returns true if it sends one request per item of a query or a list.
    pub fn is_walk(&self) -> bool {
        !self.loops().is_empty()
    }

    /// The names of its columns, if it says which.
    pub fn columns(&self) -> Option<Vec<String>> {
        let stored = || self.stored()?.columns.clone();
        self.shape.columns().or_else(stored).or_else(|| {
            let statement = self.statement()?;
            self.knows_columns().then(|| statement.columns.clone())
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
            let of_statement = |statement: &Statement| {
                statement.knows_all_columns()
                    || !statement.columns.is_empty()
                        && statement.tables.iter().all(|table| table.columns.is_some())
                        && (query.data.iter())
                            .all(|data| known.contains(&std::ptr::from_ref(&*data.query)))
            };
            let is_stored = query
                .stored()
                .is_some_and(|stored| stored.columns.is_some());
            let is_extracted = !query.shape.extract.is_empty();
            if is_extracted || is_stored || query.statement().is_some_and(of_statement) {
                known.insert(std::ptr::from_ref(query));
            }
        }
        known.contains(&std::ptr::from_ref(self))
    }

    /// A declared var.
    pub fn var(&self, name: &str) -> Option<&Var> {
        self.vars.iter().find(|var| var.name == name)
    }

    /// Returns this query and all its dependencies, each once, before its own dependencies.
    pub fn with_fed_by(&self) -> Vec<&Query> {
        parents_first(self, |query| {
            let feeds = query.loops().iter().filter_map(|feed| match &feed.items {
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
        self.with_fed_by().iter().any(|query| {
            query.report.is_some() || query.statement().is_some() || !query.shape.expect.is_empty()
        })
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
