//! `expect` and `require`: conditions with a message for failures.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::text::one_line;
use crate::project::grammar;
use crate::project::template::{Names, expression, record_template};
use crate::template::{Expression, Scope, Template};

/// A condition that must hold.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// The condition.
    pub that: Expression,
    /// The author's message for a failure.
    pub message: Option<Template>,
}

impl Requirement {
    /// Returns the condition in one line.
    pub fn source(&self) -> String {
        one_line(self.that.source().trim()).into_owned()
    }

    /// Renders the author's message, if there is one. The scope holds marks in place of secrets.
    pub fn words(&self, shown: &Scope) -> Option<String> {
        let message = self.message.as_ref()?;
        Some(match message.text(shown) {
            Ok(text) => text.trim().to_owned(),
            // The failed condition is reported even if its message fails.
            Err(error) => format!(
                "`{}` does not hold (its `message` fails: {})",
                self.source(),
                error.message
            ),
        })
    }
}

/// Reads one condition or a list of them, each an expression or `{ that, message }`.
pub fn read(
    node: Option<&Node>,
    key: &str,
    names: &Names,
    faults: &mut Diagnostics,
) -> Vec<Requirement> {
    let items = node.map_or_else(Vec::new, Node::items);
    items
        .into_iter()
        .filter_map(|item| requirement(item, key, names, faults))
        .collect()
}

fn requirement(
    node: &Node,
    key: &str,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Requirement> {
    if !matches!(node.content, Content::Map(_)) {
        let that = expression(node, key, names, faults)?;
        return Some(Requirement {
            that,
            message: None,
        });
    }
    let mut fields = node.fields_of(key, grammar::REQUIREMENT, faults);
    let that_node = fields.get("that");
    let message_node = fields.get("message");
    let that = that_node.and_then(|node| expression(node, "that", names, faults));
    let message = message_node
        .and_then(|node| node.text("message", faults))
        .map(|text| record_template(&text, names, faults));
    fields.finish(faults);
    if that_node.is_none() {
        let words = format!("`{key}` needs the condition `that`");
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
    }
    Some(Requirement {
        that: that?,
        message: match message {
            None => None,
            Some(message) => Some(message?),
        },
    })
}
