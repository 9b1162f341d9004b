//! Finds secrets written literally in a file.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::secret::{holds_literal_secret, holds_token};
use crate::template::Template;

/// Reports every text of a file that looks like a token, without repeating it.
pub fn check(node: &Node, faults: &mut Diagnostics) {
    match &node.content {
        Content::Text(text) => {
            if holds_token(text) {
                faults.push(literal(node));
            }
        }
        Content::List(items) => items.iter().for_each(|item| check(item, faults)),
        Content::Map(entries) => entries.iter().for_each(|entry| check(&entry.value, faults)),
        Content::Null | Content::Bool(_) | Content::Number(..) => {}
    }
}

/// Returns true if the value of a secret name is written in the file, as a whole, as an item of a
/// list, or beside a template.
pub fn is_literal(templates: &[&Template]) -> bool {
    let is_written = |part: &&Template| part.is_constant() && !part.source().is_empty();
    templates.iter().all(|part| part.is_constant())
        || templates.iter().any(is_written)
        || templates
            .iter()
            .any(|part| holds_literal_secret(part.source()))
}

/// Creates the fault.
pub fn literal(node: &Node) -> Diagnostic {
    Diagnostic::at(
        &node.place,
        Code::LiteralSecret,
        "the file contains a secret in plain text",
    )
    .help("read it from the environment: `\"{{ env.NAME }}\"`")
    .concealed()
}
