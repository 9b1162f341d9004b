//! Splits the text of a path into tokens, so that quoted text is not taken for syntax, and limits
//! its size for the recursive parser.

use std::ops::Range;

use super::fault::Fault;

/// The maximum length in bytes, ten times that of the longest path in use.
const MAX_LENGTH: usize = 4096;
/// The maximum nesting of brackets and parentheses.
const MAX_DEPTH: usize = 32;
/// The maximum nesting of functions: the parser tries each of them several times.
const MAX_FUNCTIONS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A run of characters of names and integers.
    Word,
    /// A string, including its quotes.
    Text,
    Blank,
    /// Anything else: an operator or a run of dots as one token, any other character alone.
    Mark,
}

#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// True inside the condition of a filter.
    pub(super) filter: bool,
}

#[derive(Debug)]
pub(super) struct Tokens<'s> {
    pub(super) source: &'s str,
    pub(super) all: Vec<Token>,
    /// From the name to the closing parenthesis, in the order of the text.
    pub(super) functions: Vec<Range<usize>>,
}

struct Open {
    at: usize,
    filter: bool,
    function: Option<usize>,
}

pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

impl<'s> Tokens<'s> {
    pub(super) fn of(source: &'s str) -> Result<Self, Fault> {
        if source.len() > MAX_LENGTH {
            let message = format!("the path is longer than {MAX_LENGTH} bytes");
            return Err(Fault::new(0..source.len(), message));
        }
        let mut tokens = Self {
            source,
            all: Vec::new(),
            functions: Vec::new(),
        };
        let mut open: Vec<Open> = Vec::new();
        let mut start = 0;
        while start < source.len() {
            let (kind, length) = piece(source, start)?;
            let range = start..start + length;
            start = range.end;
            tokens.bracket(&range, kind, &mut open)?;
            let filter = open.last().is_some_and(|open| open.filter);
            tokens.all.push(Token {
                kind,
                range,
                filter,
            });
        }
        let Some(open) = open.pop() else {
            return Ok(tokens);
        };
        let (end, opening) = (source.len()..source.len(), tokens.text(open.at));
        let close = if opening == "[" { "]" } else { ")" };
        let message = format!("unclosed `{opening}`");
        Err(Fault::new(tokens.range(open.at), message).fix(end, close))
    }

    /// Tracks brackets and filters.
    fn bracket(
        &mut self,
        range: &Range<usize>,
        kind: Kind,
        open: &mut Vec<Open>,
    ) -> Result<(), Fault> {
        let (at, text) = (self.all.len(), &self.source[range.clone()]);
        match text {
            "[" | "(" => {
                let name = at
                    .checked_sub(1)
                    .filter(|at| text == "(" && self.kind(*at) == Kind::Word);
                let functions = open.iter().filter(|open| open.function.is_some()).count();
                if open.len() == MAX_DEPTH || (functions == MAX_FUNCTIONS && name.is_some()) {
                    let message = "brackets or functions are nested too deeply";
                    return Err(Fault::new(range.clone(), message));
                }
                let filter = text == "(" && open.last().is_some_and(|open| open.filter);
                let function = name.map(|name| {
                    self.functions.push(self.range(name));
                    self.functions.len() - 1
                });
                open.push(Open {
                    at,
                    filter,
                    function,
                });
            }
            "]" | ")" => {
                let Some(last) = open.pop() else {
                    let message = format!("unmatched `{text}`");
                    return Err(Fault::new(range.clone(), message).fix(range.clone(), ""));
                };
                let wanted = if self.text(last.at) == "[" { "]" } else { ")" };
                if text != wanted {
                    let message = format!("expected `{wanted}`, got `{text}`");
                    let fault = Fault::new(self.range(last.at).start..range.end, message);
                    return Err(fault.fix(range.start..range.start, wanted));
                }
                if let Some(function) = last.function {
                    self.functions[function].end = range.end;
                }
            }
            "?" if kind == Kind::Mark => {
                let bracket = open.last_mut().filter(|open| self.text(open.at) == "[");
                if let Some(bracket) = bracket {
                    bracket.filter = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the kind of a token; beyond the end, an empty mark.
    pub(super) fn kind(&self, at: usize) -> Kind {
        self.all.get(at).map_or(Kind::Mark, |token| token.kind)
    }

    pub(super) fn text(&self, at: usize) -> &'s str {
        &self.source[self.range(at)]
    }

    pub(super) fn range(&self, at: usize) -> Range<usize> {
        self.all
            .get(at)
            .map_or(self.source.len()..self.source.len(), |token| {
                token.range.clone()
            })
    }

    /// Returns the previous token that is not blank; out of range if there is none.
    pub(super) fn before(&self, at: usize) -> usize {
        let before = self.all[..at.min(self.all.len())].iter();
        before
            .into_iter()
            .rposition(|token| token.kind != Kind::Blank)
            .unwrap_or(usize::MAX)
    }

    /// Returns the next token that is not blank.
    pub(super) fn behind(&self, at: usize) -> usize {
        at + 1 + usize::from(self.kind(at + 1) == Kind::Blank)
    }
}

fn piece(source: &str, start: usize) -> Result<(Kind, usize), Fault> {
    let rest = &source[start..];
    let first = rest.chars().next().unwrap_or_default();
    let run = |part: fn(char) -> bool| rest.find(|next| !part(next)).unwrap_or(rest.len());
    Ok(match first {
        '\'' | '"' => (Kind::Text, quoted(source, start, first)?),
        '.' => (Kind::Mark, run(|next| next == '.')),
        '!' if !rest.starts_with("!=") => (Kind::Mark, 1),
        '=' | '!' | '<' | '>' | '~' => (Kind::Mark, run(|next| "=!<>~".contains(next))),
        '&' | '|' => (Kind::Mark, run(|next| "&|".contains(next))),
        _ if is_blank(first) => (Kind::Blank, run(is_blank)),
        _ if is_name(first) => (Kind::Word, run(is_name)),
        _ => (Kind::Mark, first.len_utf8()),
    })
}

/// Returns the length of the string that starts here.
fn quoted(source: &str, start: usize, quote: char) -> Result<usize, Fault> {
    let mut escaped = false;
    for (offset, character) in source[start..].char_indices().skip(1) {
        if character < ' ' {
            let range = start + offset..start + offset + 1;
            let written = format!("\\u{:04x}", u32::from(character));
            let message = "a string cannot contain a control character";
            return Err(Fault::new(range.clone(), message).fix(range, written));
        }
        if character == quote && !escaped {
            return Ok(offset + 1);
        }
        escaped = character == '\\' && !escaped;
    }
    let note = "escape a quote inside a string with `\\`";
    Err(Fault::new(start..source.len(), format!("unclosed `{quote}`")).note(note))
}
