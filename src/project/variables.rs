//! The environment variables that a query reads.

use std::collections::BTreeSet;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::{Content, Node};
use crate::core::source::Text;
use crate::project::query::Query;
use crate::project::yaml;
use crate::template::{Document, Expression, Mentions, Template};

/// A key whose value is prose.
const PROSE: &str = "description";

/// Returns the names of the variables that the templates and conditions of a query mention,
/// including those of its report. A comment mentions nothing.
pub fn variables_read_by(query: &Query) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let node = yaml::parse(&query.source, &mut Diagnostics::new());
    if let Some(node) = &node {
        of_node(node, &mut names);
    }
    let documents = query.report.iter().flat_map(|report| &report.documents);
    for document in documents.flat_map(Document::with_included) {
        add(document.mentions(), &mut names);
    }
    names
}

fn of_node(node: &Node, names: &mut BTreeSet<String>) {
    match &node.content {
        Content::Null | Content::Bool(_) | Content::Number(..) => {}
        Content::Text(text) if !text.contains("env") => {}
        Content::Text(text) => {
            let text = Text::new(text.as_str(), &node.place);
            let is_template = ["{{", "{%"].iter().any(|mark| text.value.contains(mark));
            if is_template {
                add(&Template::mentions_of(&text), names);
            } else if let Ok(condition) = Expression::parse(&text) {
                add(condition.mentions(), names);
            }
        }
        Content::List(items) => items.iter().for_each(|item| of_node(item, names)),
        Content::Map(entries) => entries
            .iter()
            .filter(|entry| entry.key != PROSE)
            .for_each(|entry| of_node(&entry.value, names)),
    }
}

fn add(mentions: &Mentions, names: &mut BTreeSet<String>) {
    names.extend(mentions.attributes("env").map(str::to_owned));
}
