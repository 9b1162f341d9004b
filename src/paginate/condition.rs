//! `while: $.has_more`: the response says if there are more pages.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::paginate::path;
use crate::template::selector::Selector;
use crate::template::{Expression, RenderError, Scope};

/// The condition under which a listing continues.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A path into the response. Any value but null, false, 0 and an empty string is true.
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
        match Expression::parse_ordered(&text) {
            Ok(expression) => {
                let foreign = expression
                    .mentions()
                    .iter()
                    .find(|mention| mention.root() != "response");
                if let Some(mention) = foreign {
                    let words =
                        format!("`while` can only use `response`, not `{}`", mention.root());
                    let place = text.locate(mention.range.clone());
                    faults.push(
                        Diagnostic::at(&place, Code::UndeclaredName, words)
                            .help("for example `while: response.body.has_more`"),
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

    /// Returns the condition as written.
    pub fn source(&self) -> &str {
        match self {
            Self::Path(selector) => selector.source(),
            Self::Expression(expression) => expression.source(),
        }
    }

    /// Returns true if the path finds nothing in a response, not even null.
    pub fn is_lost(&self, body: &Value) -> bool {
        matches!(self, Self::Path(selector) if selector.first(body).is_none())
    }

    /// Returns true if the listing continues. `scope` must contain `response`.
    ///
    /// # Errors
    ///
    /// If an expression fails to evaluate.
    pub fn holds(&self, body: &Value, scope: impl FnOnce() -> Scope) -> Result<bool, RenderError> {
        match self {
            Self::Path(selector) => Ok(selector.first(body).is_some_and(says_more)),
            Self::Expression(expression) => expression.is_true(&scope()),
        }
    }
}

/// Returns true if a member such as `has_more` announces more pages: any value but false, null, 0
/// and their strings, and the empty string.
pub fn says_more(member: &Value) -> bool {
    match member {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => {
            let text = text.trim();
            !matches!(text, "" | "0") && !text.eq_ignore_ascii_case("false")
        }
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    }
}
