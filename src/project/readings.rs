//! The parts of an answer that a query reads, each with its place in a file.

use std::cell::OnceCell;
use std::ops::Range;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::core::source::{Place, Text};
use crate::project::query::{Call, Column, ColumnSource, Items, SortBy};
use crate::project::{Query, yaml};
use crate::template::selector::{PathStep, Selector};
use crate::template::{Comparison, Document, Expression, Mention, Mentions, Template};

/// A place in a file that reads a part of an answer.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The part.
    pub path: Vec<PathStep>,
    /// The number of steps at the start that are those of `rows`, which another reading stands for.
    pub base: usize,
    /// The place.
    pub place: Place,
    /// The text that names the part, and the bytes in it.
    pub text: Option<(Text, Range<usize>)>,
    /// True if a record without a value is an error.
    pub is_required: bool,
    /// True if it finds the next page. Some APIs leave it out on the last page.
    pub is_of_pages: bool,
    /// The words that the value is compared with.
    pub words: Vec<ComparedWord>,
}

/// A word that a value is compared with.
#[derive(Debug, Clone)]
pub struct ComparedWord {
    /// The word.
    pub word: String,
    /// Its place.
    pub place: Place,
}

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The answer to the query's own request.
    Own,
    /// The answer to the request that `poll` repeats, if that is another one.
    Polled,
}

impl Reading {
    /// Returns the place of a name in the path: that of the name itself if it is written there.
    pub fn place_of_step(&self, step: usize) -> Place {
        let written = || {
            let (text, range) = self.text.as_ref()?;
            let mut at = range.start;
            let mut found = None;
            for step in self.path.get(self.base..=step)? {
                let PathStep::Name(name) = step else { continue };
                let start = at + find_name(&text.value[at..range.end], name)?;
                at = start + name.len();
                found = Some(text.locate(start..at));
            }
            found
        };
        written().unwrap_or_else(|| self.place.clone())
    }
}

/// Finds a whole name in a path.
fn find_name(text: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let matches = text.match_indices(name).map(|(at, _)| at);
    matches.into_iter().find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[*at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Returns the parts that a query reads of its answers; none if it sends no request.
pub fn readings(query: &Query, form: Form) -> Vec<Reading> {
    let Some(mut reader) = Reader::of(query) else {
        return Vec::new();
    };
    if let (Form::Own, Some(endpoint)) = (form, reader.call.polled_endpoint()) {
        // Its answer only says where to ask.
        let of_row = |mention: &Mention| row_path(mention, "row");
        reader.template(endpoint, &of_row, 0);
        return reader.readings;
    }
    reader.rows();
    for column in &query.shape.extract {
        reader.column(column);
    }
    reader.conditions();
    if query.shape.extract.is_empty() {
        reader.report(query, &["rows"]);
    }
    reader.readings
}

/// Returns the parts of a query's answers that another query reads, whose items its records are.
/// With `extract`, they have no other members, and only what is below columns and comparisons with words
/// are returned.
pub fn readings_of_consumer(query: &Query, consumer: &Query) -> Vec<Reading> {
    let Some(mut reader) = Reader::of(query) else {
        return Vec::new();
    };
    reader.consumer(consumer);
    reader.readings
}

/// Returns a reading of the answer by an expression that names `response`.
pub fn readings_of_response(query: &Query, expression: &Expression) -> Vec<Reading> {
    let Some(mut reader) = Reader::of(query) else {
        return Vec::new();
    };
    reader.expression(expression, &|_| None, 0);
    reader.readings
}

/// Returns the steps of the rows.
fn rows(call: &Call) -> Vec<PathStep> {
    let reads = call.rows.as_ref().map(Selector::reads);
    // Its own path comes after those of its filters.
    reads.and_then(|mut reads| reads.pop()).unwrap_or_default()
}

/// Returns the members that a mention of a record reads: `row.a.b` → `a`, `b`.
fn row_path(mention: &Mention, root: &str) -> Option<Vec<PathStep>> {
    if mention.root() != root || mention.path.len() < 2 {
        return None;
    }
    Some(names(&mention.path[1..]))
}

fn names(words: &[String]) -> Vec<PathStep> {
    words.iter().cloned().map(PathStep::Name).collect()
}

/// The members of an answer that a mention reads, below the rows or (second) the whole.
type PathOf<'f> = &'f dyn Fn(&Mention) -> Option<Vec<PathStep>>;

struct Reader<'q> {
    query: &'q Query,
    call: &'q Call,
    base: Vec<PathStep>,
    /// The document, for the places of its values.
    document: OnceCell<Option<Node>>,
    readings: Vec<Reading>,
}

impl<'q> Reader<'q> {
    fn of(query: &'q Query) -> Option<Self> {
        let call = query.call()?;
        Some(Self {
            query,
            call,
            base: rows(call),
            document: OnceCell::new(),
            readings: Vec::new(),
        })
    }

    /// Returns the text at a path of keys in the query's file.
    fn written(&self, keys: &[&str]) -> Option<Text> {
        let source = &self.query.source;
        let document = self
            .document
            .get_or_init(|| yaml::parse(source, &mut Diagnostics::new()));
        let root = document.as_ref()?;
        let node = keys.iter().try_fold(root, |node, key| node.get(key))?;
        Some(Text::new(node.scalar()?, &node.place))
    }

    fn push(&mut self, path: Vec<PathStep>, base: usize, place: Place) -> &mut Reading {
        let reading = Reading {
            path,
            base,
            place,
            text: None,
            is_required: false,
            is_of_pages: false,
            words: Vec::new(),
        };
        self.readings.push(reading);
        let last = self.readings.len() - 1;
        &mut self.readings[last]
    }

    fn below_rows(&self, path: &[PathStep]) -> Vec<PathStep> {
        self.base.iter().chain(path).cloned().collect()
    }

    /// Adds what a selector reads, relative to a path.
    fn selector(&mut self, selector: &Selector, base: usize, text: Option<&Text>) {
        let reads = selector.reads_all();
        let fallback = self.call.address.template().place().clone();
        let place = text.map_or(fallback, |text| text.place.clone());
        let words = |path: &[PathStep]| {
            let compared = reads.compared.iter().filter(|(of, _)| of == path);
            let words = compared.map(|(_, word)| ComparedWord {
                word: word.clone(),
                place: text.map_or_else(
                    || place.clone(),
                    |text| match text.value.find(word) {
                        Some(at) => text.locate(at..at + word.len()),
                        None => text.place.clone(),
                    },
                ),
            });
            words.collect()
        };
        let above = self.base[..base].to_vec();
        for path in &reads.paths {
            let whole = above.iter().chain(path).cloned().collect();
            let words = words(path);
            let reading = self.push(whole, base, place.clone());
            reading.words = words;
            reading.text = text.map(|text| (text.clone(), 0..text.value.len()));
        }
    }

    fn rows(&mut self) {
        if let Some(selector) = &self.call.rows {
            let text = self.written(&["rows"]);
            self.selector(selector, 0, text.as_ref());
        }
    }

    fn column(&mut self, column: &Column) {
        let base = self.base.len();
        let before = self.readings.len();
        match &column.source {
            ColumnSource::Path { selector, .. } => {
                let name = column.name.as_str();
                let text = self.written(&["extract", name, "path"]);
                let text = text.or_else(|| self.written(&["extract", name]));
                self.selector(selector, base, text.as_ref());
            }
            ColumnSource::Template(template) => {
                self.template(template, &|mention| row_path(mention, "row"), base);
            }
        }
        for reading in &mut self.readings[before..] {
            reading.is_required = column.required;
        }
    }

    fn template(&mut self, template: &Template, path_of: PathOf<'_>, base: usize) {
        self.mentions(template.mentions(), template.text_in_file(), path_of, base);
    }

    fn expression(&mut self, expression: &Expression, path_of: PathOf<'_>, base: usize) {
        self.mentions(
            expression.mentions(),
            expression.text_in_file(),
            path_of,
            base,
        );
    }

    fn mentions(&mut self, mentions: &Mentions, text: &Text, path_of: PathOf<'_>, base: usize) {
        let comparisons: Vec<&Comparison> = mentions.comparisons().collect();
        for mention in mentions.iter() {
            let is_of_response = mention
                .path
                .starts_with(&["response".to_owned(), "body".to_owned()]);
            let (path, base) = if let Some(path) = path_of(mention) {
                let above = self.base[..base].iter().cloned();
                (above.chain(path).collect(), base)
            } else if is_of_response {
                (names(&mention.path[2..]), 0)
            } else {
                continue;
            };
            let compared = comparisons.iter().filter(|one| one.of == *mention);
            let words = compared.flat_map(|one| &one.words);
            let words = words.map(|(word, range)| ComparedWord {
                word: word.clone(),
                place: text.locate(range.clone()),
            });
            let words = words.collect();
            let reading = self.push(path, base, text.locate(mention.range.clone()));
            reading.words = words;
            reading.text = Some((text.clone(), mention.range.clone()));
        }
    }

    /// Returns the paths of columns that are taken from a path.
    fn columns(&self) -> Vec<(&'q str, Vec<PathStep>)> {
        let columns = self.query.shape.extract.iter();
        let paths = columns.filter_map(|column| match &column.source {
            ColumnSource::Path { selector, .. } => {
                Some((column.name.as_str(), selector.reads().pop()?))
            }
            ColumnSource::Template(_) => None,
        });
        paths.collect()
    }

    /// Reads what conditions over records and over the result read.
    fn conditions(&mut self) {
        let query = self.query;
        let shape = &query.shape;
        let base = self.base.len();
        let columns = self.columns();
        // A name is a column, or a member of a record as it is.
        let path_of = |mention: &Mention| {
            if let Some(path) = row_path(mention, "row") {
                return Some(path);
            }
            let root = mention.root();
            if shape.extract.is_empty() {
                let is_member = query.var(root).is_none()
                    && ![
                        "env", "git", "row", "rows", "response", "run", "vars", "data",
                    ]
                    .contains(&root)
                    && query.loops().iter().all(|feed| feed.name != root);
                return is_member.then(|| names(&mention.path));
            }
            column_path(&columns, &mention.path)
        };
        let keys = shape.sort.iter().filter_map(|key| match &key.by {
            SortBy::Expression(expression) => Some(expression),
            SortBy::Column(_) => None,
        });
        for condition in shape.filter.iter().chain(&shape.stop_when).chain(keys) {
            self.expression(condition, &path_of, base);
        }
        for requirement in &shape.expect {
            // There, `row` is the record with its columns.
            let of_result = |mention: &Mention| {
                let mut inner = mention.clone();
                if mention.root() != "row" || mention.path.len() < 2 {
                    return None;
                }
                inner.path.remove(0);
                path_of(&inner)
            };
            self.expression(&requirement.that, &of_result, base);
        }
        if let Some(poll) = &self.call.poll {
            self.expression(&poll.until, &path_of, base);
        }
        self.forget_defaults();
    }

    /// Removes words that are the default of a column, which no answer needs to have.
    fn forget_defaults(&mut self) {
        let columns = self.query.shape.extract.iter();
        let defaults: Vec<&str> = columns
            .filter_map(|column| column.default.as_ref()?.as_str())
            .collect();
        for reading in &mut self.readings {
            reading
                .words
                .retain(|compared| !defaults.contains(&compared.word.as_str()));
        }
    }

    /// Reads what a report reads of the records of a list in loops over it.
    fn report(&mut self, query: &Query, list: &[&str]) {
        let base = self.base.len();
        let documents = query.report.iter().flat_map(|report| &report.documents);
        for document in documents.flat_map(Document::with_included) {
            for mention in document.mentions().members_in_loops(list) {
                let path = self.below_rows(&names(&mention.path[1..]));
                self.push(path, base, document.place_of(mention));
            }
        }
    }

    /// Reads what a query reads of its items.
    fn consumer(&mut self, consumer: &Query) {
        let base = self.base.len();
        let columns = self.columns();
        let has_columns = !self.query.shape.extract.is_empty();
        for data in consumer.data.iter().filter(|_| !has_columns) {
            if data.query.source.path() == self.query.source.path() {
                self.report(consumer, &["data", &data.name]);
            }
        }
        for feed in consumer.loops() {
            let Items::Query { query, .. } = &feed.items else {
                continue;
            };
            if query.source.path() != self.query.source.path() {
                continue;
            }
            let of_item = |mention: &Mention| {
                let path = row_path(mention, &feed.name)?;
                if has_columns {
                    return column_path(&columns, &mention.path[1..]);
                }
                Some(path)
            };
            if let Some(call) = consumer.call() {
                for template in call.request_templates() {
                    self.template(template, &of_item, base);
                }
            }
            for filter in consumer
                .loops()
                .iter()
                .filter_map(|feed| feed.filter.as_ref())
            {
                self.expression(filter, &of_item, base);
            }
            for column in &consumer.shape.extract {
                if let ColumnSource::Template(template) = &column.source {
                    self.template(template, &of_item, base);
                }
            }
            let conditions = consumer
                .shape
                .filter
                .iter()
                .chain(&consumer.shape.stop_when);
            for condition in conditions {
                self.expression(condition, &of_item, base);
            }
        }
        if has_columns {
            // The columns themselves are read already.
            let whole: Vec<Vec<PathStep>> = columns
                .iter()
                .map(|(_, path)| self.below_rows(path))
                .collect();
            self.readings
                .retain(|reading| !reading.words.is_empty() || !whole.contains(&reading.path));
        }
        self.forget_defaults();
    }
}

/// Returns the path below a column: `status`, `vcs.branch`.
fn column_path(columns: &[(&str, Vec<PathStep>)], words: &[String]) -> Option<Vec<PathStep>> {
    let (_, path) = columns.iter().find(|(name, _)| *name == words[0])?;
    Some(path.iter().cloned().chain(names(&words[1..])).collect())
}
