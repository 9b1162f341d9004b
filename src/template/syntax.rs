//! Splits a template into raw text and expressions, with their places.
//!
//! Uses minijinja's own tokens, so that whitespace control, comments and strings with braces are read
//! as minijinja reads them.

use std::ops::Range;

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::core::code::Code;
use crate::core::source::floor_boundary;
use crate::template::SyntaxError;

/// A fragment of a template without statements.
#[derive(Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Literal text.
    Raw(String),
    /// The bytes between `{{` and `}}`.
    Hole(Range<usize>),
}

/// The maximum length of a template.
const LONGEST: usize = 64 * 1024;

/// The maximum number of tokens in an expression. minijinja's parser, compiler and destructor
/// recurse once for each link of a chain such as `a.b.c` or `1 + 1 + 1`.
const MOST_TOKENS: usize = 1_000;

/// The maximum number of expressions in a template.
const MOST_HOLES: usize = 1_000;

/// Refuses sources that would exhaust minijinja's time or stack.
pub fn check_size(source: &str, is_expression: bool) -> Result<(), SyntaxError> {
    let too_large = |message: String| SyntaxError {
        code: Code::TemplateSize,
        message,
        range: 0..source.len().min(40),
        help: None,
    };
    if source.len() > LONGEST {
        return Err(too_large(format!(
            "the template is larger than {} KiB",
            LONGEST / 1024
        )));
    }
    let mut tokens = 0;
    for token in tokenize(source, is_expression, SyntaxConfig::default()) {
        match token {
            Ok((Token::VariableStart | Token::BlockStart, _)) => tokens = 0,
            Ok(_) => tokens += 1,
            // Reported by the parser, with its place.
            Err(_) => return Ok(()),
        }
        if tokens > MOST_TOKENS {
            return Err(too_large(format!(
                "an expression has more than {MOST_TOKENS} tokens"
            )));
        }
    }
    Ok(())
}

/// Returns the fragments; `None` if the template has statements (`{% … %}`).
pub fn split(source: &str) -> Result<Option<Vec<Fragment>>, SyntaxError> {
    check_size(source, false)?;
    let mut fragments = Vec::new();
    let mut start = None;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let (token, span) = token.map_err(|error| from_minijinja(&error, source, 0))?;
        match token {
            Token::BlockStart => return Ok(None),
            Token::TemplateData(text) => fragments.push(Fragment::Raw(text.to_owned())),
            Token::VariableStart => start = Some(span.end_offset as usize),
            Token::VariableEnd => {
                if let Some(start) = start.take() {
                    let hole = trimmed(source, start..span.start_offset as usize);
                    fragments.push(Fragment::Hole(hole));
                    if fragments.len() > 2 * MOST_HOLES {
                        return Err(SyntaxError {
                            code: Code::TemplateSize,
                            message: format!(
                                "the template has more than {MOST_HOLES} `{{{{ … }}}}`"
                            ),
                            range: 0..source.len().min(40),
                            help: None,
                        });
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(start) = start {
        return Err(SyntaxError {
            code: Code::TemplateSyntax,
            message: "unclosed `{{`".to_owned(),
            range: start.saturating_sub(2)..source.len(),
            help: Some("end the expression with `}}`".to_owned()),
        });
    }
    Ok(Some(fragments))
}

/// Converts an error of minijinja with its place; `offset` is the start of its source in `source`.
pub fn from_minijinja(error: &Error, source: &str, offset: usize) -> SyntaxError {
    from_minijinja_at(error, error.range(), source, offset)
}

/// As [`from_minijinja`], for an error whose range has been mapped.
pub fn from_minijinja_at(
    error: &Error,
    range: Option<Range<usize>>,
    source: &str,
    offset: usize,
) -> SyntaxError {
    let range = range.map_or(0..source.len(), |range| {
        // minijinja's range can be empty or one past the end: widen it to something visible.
        let start = floor_boundary(source, (offset + range.start).min(source.len()));
        let end = floor_boundary(source, (offset + range.end).min(source.len()));
        if start < end {
            start..end
        } else {
            trimmed(
                source,
                floor_boundary(source, start.saturating_sub(1))..source.len(),
            )
        }
    });
    let message = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    let rest = &source[range.start..];
    let is_assignment = rest.starts_with('=') || source[..range.start].trim_end().ends_with('=');
    let help = (message.contains("unexpected input") && is_assignment)
        .then(|| "use `==` to compare".to_owned());
    SyntaxError {
        code: Code::TemplateSyntax,
        message,
        range,
        help,
    }
}

/// Removes spaces at both ends of the range.
fn trimmed(source: &str, range: Range<usize>) -> Range<usize> {
    let text = &source[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    start..start.max(range.start + text.trim_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(source: &str) -> Vec<&str> {
        split(source)
            .expect("it parses")
            .expect("no statements")
            .into_iter()
            .filter_map(|fragment| match fragment {
                Fragment::Raw(_) => None,
                Fragment::Hole(range) => Some(&source[range]),
            })
            .collect()
    }

    #[test]
    fn holes_are_found_where_they_stand() {
        assert_eq!(holes("/a/{{ b }}/c/{{d|e('}}')}}"), ["b", "d|e('}}')"]);
        assert_eq!(holes("{{- b -}} x"), ["b"]);
        assert_eq!(holes("é {{ b }}"), ["b"]);
        assert_eq!(holes("{# {{ no }} #}x"), Vec::<&str>::new());
        assert!(
            split("{% if a %}b{% endif %}")
                .expect("it parses")
                .is_none()
        );
    }

    #[test]
    fn an_open_hole_is_a_fault() {
        assert_eq!(split("/a/{{ b").expect_err("open").range, 3..7);
    }
}
