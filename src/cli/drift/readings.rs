//! The parts of an answer that a query reads, each with its place in a file.

use crate::cli::drift::compare::Reading;
use crate::core::source::Place;
use crate::http::Request;
use crate::paginate::Condition;
use crate::plan::RequestPlan;
use crate::project::query::{Call, Column, ColumnSource, Items, SortBy};
use crate::project::{Query, place_of_value};
use crate::template::selector::{PathStep, Selector};
use crate::template::{Expression, Mention, Mentions, Template};

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The answer to the query's own request.
    Own,
    /// The answer to the request that `poll` repeats, if that is another one.
    Polled,
}

/// Returns the parts that a query reads. `consumers` are the queries that may take its records as
/// items.
pub fn readings(
    part: RequestPlan<'_>,
    request: &Request,
    form: Form,
    consumers: &[&Query],
) -> Vec<Reading> {
    let query = &part.plan.query;
    let polls = part.call.polled_endpoint();
    let mut reader = Reader {
        query,
        call: part.call,
        base: rows(part.call),
        readings: Vec::new(),
    };
    if let (Form::Own, Some(endpoint)) = (form, polls) {
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
    reader.pages(part, request);
    for consumer in consumers {
        reader.consumer(consumer);
    }
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
    readings: Vec<Reading>,
}

impl Reader<'_> {
    /// Returns the place of a value in the query file, or else of the address.
    fn place(&self, keys: &[&str]) -> Place {
        place_of_value(&self.query.source, keys)
            .unwrap_or_else(|| self.call.address.template().place().clone())
    }

    fn push(&mut self, path: Vec<PathStep>, base: usize, place: Place) -> &mut Reading {
        let reading = Reading {
            path,
            base,
            place,
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

    fn rows(&mut self) {
        let Some(selector) = &self.call.rows else {
            return;
        };
        let place = self.place(&["rows"]);
        for path in selector.reads() {
            self.push(path, 0, place.clone());
        }
    }

    fn column(&mut self, column: &Column) {
        let base = self.base.len();
        match &column.source {
            ColumnSource::Path { selector, .. } => {
                let keys = ["extract", column.name.as_str(), "path"];
                let place = place_of_value(&self.query.source, &keys);
                let place = place.unwrap_or_else(|| column.place.clone());
                for path in selector.reads() {
                    let path = self.below_rows(&path);
                    self.push(path, base, place.clone()).is_required = column.required;
                }
            }
            ColumnSource::Template(template) => {
                let before = self.readings.len();
                self.template(template, &|mention| row_path(mention, "row"), base);
                for reading in &mut self.readings[before..] {
                    reading.is_required = column.required;
                }
            }
        }
    }

    fn template(&mut self, template: &Template, path_of: PathOf<'_>, base: usize) {
        let place = |mention: &Mention| template.text_in_file().locate(mention.range.clone());
        self.mentions(
            template.mentions(),
            template.source(),
            &place,
            path_of,
            base,
        );
    }

    fn expression(&mut self, expression: &Expression, path_of: PathOf<'_>, base: usize) {
        let place = |mention: &Mention| expression.place_of(mention);
        self.mentions(
            expression.mentions(),
            expression.source(),
            &place,
            path_of,
            base,
        );
    }

    fn mentions(
        &mut self,
        mentions: &Mentions,
        source: &str,
        place_of: &dyn Fn(&Mention) -> Place,
        path_of: PathOf<'_>,
        base: usize,
    ) {
        let words = quoted(source);
        for mention in mentions.iter() {
            let (path, base) = if let Some(path) = path_of(mention) {
                (
                    self.base[..base].iter().cloned().chain(path).collect(),
                    base,
                )
            } else if mention
                .path
                .starts_with(&["response".to_owned(), "body".to_owned()])
            {
                (names(&mention.path[2..]), 0)
            } else {
                continue;
            };
            self.push(path, base, place_of(mention))
                .words
                .clone_from(&words);
        }
    }

    /// Reads what conditions over records and over the result read.
    fn conditions(&mut self) {
        let query = self.query;
        let shape = &query.shape;
        let base = self.base.len();
        let columns: Vec<(&str, Vec<PathStep>)> = shape
            .extract
            .iter()
            .filter_map(|column| match &column.source {
                ColumnSource::Path { selector, .. } => {
                    Some((column.name.as_str(), selector.reads().pop()?))
                }
                ColumnSource::Template(_) => None,
            })
            .collect();
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
            let (_, path) = columns.iter().find(|(name, _)| *name == root)?;
            let mut path = path.clone();
            path.extend(names(&mention.path[1..]));
            Some(path)
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
            let until = &poll.until;
            self.expression(until, &path_of, base);
        }
    }

    /// Reads what finds the next page.
    fn pages(&mut self, part: RequestPlan<'_>, request: &Request) {
        let of_query = place_of_value(&self.query.source, &["paginate"]);
        let of_resource = place_of_value(&part.resource().source, &["paginate"]);
        let place = of_query.or(of_resource);
        let place = place.unwrap_or_else(|| self.place(&["rows"]));
        let style = part.style(request);
        let paths = style
            .iter()
            .flat_map(|style| style.reads().into_iter().chain(style.list()));
        for selector in paths {
            for path in selector.reads() {
                self.push(path, 0, place.clone()).is_of_pages = true;
            }
        }
        match part.goes_on_while() {
            Some(Condition::Path(selector)) => {
                for path in selector.reads() {
                    self.push(path, 0, place.clone()).is_of_pages = true;
                }
            }
            Some(Condition::Expression(expression)) => {
                self.expression(expression, &|_| None, 0);
            }
            None => {}
        }
    }

    /// Reads what a query reads of its items. With `extract`, they have no other members, and the
    /// columns are read already.
    fn consumer(&mut self, consumer: &Query) {
        if !self.query.shape.extract.is_empty() {
            return;
        }
        let base = self.base.len();
        for feed in consumer.loops() {
            let Items::Query { query, .. } = &feed.items else {
                continue;
            };
            if query.source.path() != self.query.source.path() {
                continue;
            }
            let of_item = |mention: &Mention| row_path(mention, &feed.name);
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
    }
}

/// Returns the texts in quotes.
fn quoted(source: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find(['"', '\'']) {
        let quote = rest.as_bytes()[start] as char;
        let inner = &rest[start + 1..];
        let Some(end) = inner.find(quote) else { break };
        words.push(inner[..end].to_owned());
        rest = &inner[end + 1..];
    }
    words
}
