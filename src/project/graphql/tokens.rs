//! Splits a GraphQL document into tokens.

use std::ops::Range;

use crate::core::text::one_line;
use crate::project::graphql::GraphqlError;

/// A token.
#[derive(Debug)]
pub struct Token {
    /// The kind.
    pub kind: TokenKind,
    /// The bytes in the document.
    pub range: Range<usize>,
}

impl Token {
    /// Returns true for this punctuator.
    pub fn is(&self, punctuator: char) -> bool {
        self.kind == TokenKind::Punctuator(punctuator)
    }
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A bracket or another sign; `.` for `...`.
    Punctuator(char),
    /// A name or a keyword.
    Name,
    /// A string or a block string.
    Text,
    /// A number.
    Number,
}

const SIGNS: &str = "!$&():=@[]{|}";

const BLOCK_QUOTE: &str = "\"\"\"";

/// Splits a document into tokens with balanced brackets.
pub fn tokens(text: &str) -> Result<Vec<Token>, GraphqlError> {
    let mut tokens = Vec::new();
    // The opening brackets that are not closed yet.
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match letter {
            // Insignificant (section 2.1).
            ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}' => {
                at += letter.len_utf8();
                continue;
            }
            '#' => {
                at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                continue;
            }
            '"' => string_length(rest, at)?,
            '.' if rest.starts_with("...") => 3,
            '_' | 'a'..='z' | 'A'..='Z' => length_while(rest, |c| c == '_' || is_digit(c)),
            '-' | '0'..='9' => length_while(rest, |c| is_digit(c) || "+-.".contains(c)),
            letter if SIGNS.contains(letter) => 1,
            other => {
                let range = at..at + other.len_utf8();
                let words = format!("GraphQL has no `{}`", one_line(&other.to_string()));
                let error = GraphqlError::new(range, words);
                return Err(match other {
                    '\'' => error.help("strings are in double quotes"),
                    _ => error,
                });
            }
        };
        let range = at..at + length;
        refuse_template(text, &range)?;
        match letter {
            '{' | '(' | '[' => open.push((letter, at)),
            '}' | ')' | ']' => close(&mut open, letter, at)?,
            _ => {}
        }
        let kind = match letter {
            '"' => TokenKind::Text,
            '_' | 'a'..='z' | 'A'..='Z' => TokenKind::Name,
            '-' | '0'..='9' => TokenKind::Number,
            sign => TokenKind::Punctuator(sign),
        };
        at = range.end;
        tokens.push(Token { kind, range });
    }
    if let Some((bracket, at)) = open.pop() {
        let words = format!("`{bracket}` is never closed");
        return Err(GraphqlError::new(at..at + 1, words));
    }
    Ok(tokens)
}

/// Returns true for a letter or a digit.
fn is_digit(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
}

fn length_while(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !holds(letter)).unwrap_or(text.len())
}

/// Returns the length of the string that begins a text.
fn string_length(text: &str, at: usize) -> Result<usize, GraphqlError> {
    let never_ends = |length: usize| {
        let words = "the string never ends";
        Err(GraphqlError::new(at..at + length, words))
    };
    if let Some(content) = text.strip_prefix(BLOCK_QUOTE) {
        let mut from = 0;
        while let Some(found) = content[from..].find(BLOCK_QUOTE) {
            let end = from + found;
            if !content[..end].ends_with('\\') {
                return Ok(BLOCK_QUOTE.len() + end + BLOCK_QUOTE.len());
            }
            from = end + BLOCK_QUOTE.len();
        }
        return never_ends(BLOCK_QUOTE.len());
    }
    let mut is_escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' | '\r' => return never_ends(index),
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Ok(index + 1),
            _ => {}
        }
    }
    never_ends(text.len())
}

/// Refuses `{{`, which is not valid outside of strings, and in one almost certainly meant to be a
/// template.
fn refuse_template(text: &str, token: &Range<usize>) -> Result<(), GraphqlError> {
    // Of two braces each is a token.
    let end = token.end + usize::from(&text[token.clone()] == "{");
    let Some(found) = text.get(token.start..end).and_then(|part| part.find("{{")) else {
        return Ok(());
    };
    let at = token.start + found;
    let words = "GraphQL text has no templates, so `{{` would be sent as it is";
    let help = "declare a variable, `query($name: String!)`, use `$name` here, and give its value \
                under `variables`: `{ name: \"{{ name }}\" }`";
    Err(GraphqlError::new(at..at + 2, words).help(help))
}

fn close(open: &mut Vec<(char, usize)>, bracket: char, at: usize) -> Result<(), GraphqlError> {
    let range = at..at + 1;
    let Some((opening, _)) = open.pop() else {
        let words = format!("`{bracket}` closes nothing");
        return Err(GraphqlError::new(range, words));
    };
    if matches!((opening, bracket), ('{', '}') | ('(', ')') | ('[', ']')) {
        return Ok(());
    }
    let words = format!("`{bracket}` closes no `{opening}`");
    Err(GraphqlError::new(range, words))
}
