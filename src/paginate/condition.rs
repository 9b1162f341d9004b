//! `while: $.has_more`: the answer says if there are more pages.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::paginate::path;
use crate::template::selector::Selector;
use crate::template::{Expression, RenderError, Scope};

/// The condition under which a listing goes on.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A value of the answer: everything but null, false, 0 and an empty text holds.
    Path(Selector),
    /// An expression over `response`.
    Expression(Box<Expression>),
}

impl Condition {
    /// Reads a JSONPath, or an expression over `response`.
    pub fn check(node: &Node, faults: &mut Diagnostics) -> Option<Self> {
        let text = node.text("while", faults)?;
        if text.value.trim_start().starts_with('$') {
            return path(node, "while", faults).map(Self::Path);
        }
        match Expression::parse(&text) {
            Ok(expression) => {
                let foreign = expression
                    .mentions()
                    .iter()
                    .find(|mention| mention.root() != "response");
                if let Some(mention) = foreign {
                    let words = format!("`while` sees `response` only, not `{}`", mention.root());
                    let place = text.locate(mention.range.clone());
                    faults.push(
                        Diagnostic::at(&place, Code::UndeclaredName, words)
                            .help("write for example `while: response.body.has_more`"),
                    );
                    return None;
                }
                Some(Self::Expression(Box::new(expression)))
            }
            Err(errors) => {
                for error in errors {
                    let place = text.locate(error.range);
                    faults.push(
                        Diagnostic::at(&place, error.code, error.message).maybe_help(error.help),
                    );
                }
                None
            }
        }
    }

    /// The condition as it was written.
    pub fn source(&self) -> &str {
        match self {
            Self::Path(selector) => selector.source(),
            Self::Expression(expression) => expression.source(),
        }
    }

    /// Returns true if a path finds nothing in an answer, not even null.
    pub fn is_lost(&self, body: &Value) -> bool {
        matches!(self, Self::Path(selector) if selector.first(body).is_none())
    }

    /// Returns true if the listing goes on. `scope` knows the `response`.
    ///
    /// # Errors
    ///
    /// If an expression fails on values that are there.
    pub fn holds(&self, body: &Value, scope: impl FnOnce() -> Scope) -> Result<bool, RenderError> {
        match self {
            Self::Path(selector) => Ok(selector.first(body).is_some_and(says_more)),
            Self::Expression(expression) => expression.holds(&scope()),
        }
    }
}

/// Returns true if a member such as `has_more` says that there are more pages: not where it is false,
/// null, 0 or empty.
pub fn says_more(member: &Value) -> bool {
    match member {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.trim(), "" | "0" | "false"),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    }
}
