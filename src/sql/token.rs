//! Splits a statement into tokens as SQLite does (<https://sqlite.org/lang_expr.html>,
//! `tokenize.c`). Comments and white space are dropped.
//!
//! SQLite checks the grammar itself. The tokens provide what it does not report: the positions of
//! parameters and tables, a second statement, the expressions of result columns.

use std::ops::Range;

use super::error::SqlError;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    /// The bytes of the statement.
    pub range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword or an unquoted name.
    Word,
    /// A name in `"…"`, `` `…` `` or `[…]`.
    Quoted,
    /// `'…'`, `x'…'`.
    Text,
    Number,
    /// `:name`, `@name`, `$name`.
    Param,
    /// Everything else; `->`, `->>` and other operators of several characters are one token.
    Symbol,
}

/// A statement and its tokens.
#[derive(Debug)]
pub struct Tokens<'a> {
    pub sql: &'a str,
    pub list: Vec<Token>,
}

impl<'a> Tokens<'a> {
    /// Splits a statement.
    ///
    /// # Errors
    ///
    /// If a quotation or a comment is unterminated, at a character that is not SQL, and at `?`:
    /// parameters are named here.
    pub fn read(sql: &'a str) -> Result<Self, SqlError> {
        let mut list = Vec::new();
        let mut at = 0;
        while let Some(first) = sql[at..].chars().next() {
            let rest = &sql[at..];
            if let Some(length) = blank(rest) {
                at += length;
                continue;
            }
            let (kind, length) = next(rest, first)
                .map_err(|(message, length)| SqlError::statement(message, Some(at..at + length)))?;
            list.push(Token {
                kind,
                range: at..at + length,
            });
            at += length;
        }
        Ok(Self { sql, list })
    }

    /// Returns the text of a token.
    pub fn text(&self, token: &Token) -> &'a str {
        &self.sql[token.range.clone()]
    }

    /// Returns true if a token is this keyword or symbol.
    pub fn is(&self, token: &Token, word: &str) -> bool {
        matches!(token.kind, TokenKind::Word | TokenKind::Symbol)
            && self.text(token).eq_ignore_ascii_case(word)
    }

    /// Returns the name without its quotes.
    pub fn name(&self, token: &Token) -> Option<String> {
        let text = self.text(token);
        match token.kind {
            TokenKind::Word => Some(text.to_owned()),
            TokenKind::Quoted => {
                let inner = &text[1..text.len() - 1];
                let quote = &text[..1];
                Some(match quote {
                    "[" => inner.to_owned(),
                    _ => inner.replace(&quote.repeat(2), quote),
                })
            }
            _ => None,
        }
    }

    /// Returns the token at a byte offset.
    pub fn at(&self, offset: usize) -> Option<usize> {
        self.list
            .iter()
            .position(|token| token.range.start <= offset && offset < token.range.end)
    }

    /// Returns the first path such as `w.id` at or after a byte offset, and its last name. SQLite's
    /// messages show paths without quotes.
    pub fn path(&self, wanted: &str, from: usize) -> Option<(Range<usize>, String)> {
        (0..self.list.len())
            .filter(|at| self.list[*at].range.start >= from)
            .find_map(|at| self.path_at(at, wanted))
    }

    fn path_at(&self, mut at: usize, wanted: &str) -> Option<(Range<usize>, String)> {
        let start = self.list[at].range.start;
        let mut last = self.name(&self.list[at])?;
        let mut path = last.clone();
        loop {
            if path.eq_ignore_ascii_case(wanted) {
                return Some((start..self.list[at].range.end, last));
            }
            let [dot, next, ..] = &self.list[at + 1..] else {
                return None;
            };
            if !self.is(dot, ".") {
                return None;
            }
            last = self.name(next)?;
            path = format!("{path}.{last}");
            at += 2;
        }
    }

    /// Returns the first token with this name, ignoring case.
    pub fn find(&self, name: &str) -> Option<&Token> {
        self.list.iter().find(|token| {
            self.name(token)
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        })
    }
}

/// Returns the length of leading white space or a comment.
fn blank(rest: &str) -> Option<usize> {
    if rest.starts_with("--") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        // SQLite accepts an unterminated comment at the end of the text.
        return Some(comment.find("*/").map_or(rest.len(), |end| end + 4));
    }
    let length = rest
        .find(|c: char| !matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'))
        .unwrap_or(rest.len());
    // A byte order mark is ignored at the start of a file.
    let length = if length == 0 && rest.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        length
    };
    (length > 0).then_some(length)
}

type Fault = (String, usize);

fn next(rest: &str, first: char) -> Result<(TokenKind, usize), Fault> {
    match first {
        '\'' => quoted(rest, '\'').map(|length| (TokenKind::Text, length)),
        '"' | '`' => quoted(rest, first).map(|length| (TokenKind::Quoted, length)),
        '[' => match rest.find(']') {
            Some(end) => Ok((TokenKind::Quoted, end + 1)),
            None => Err(("unclosed `[`".to_owned(), 1)),
        },
        'x' | 'X' if rest[1..].starts_with('\'') => {
            quoted(&rest[1..], '\'').map(|length| (TokenKind::Text, length + 1))
        }
        '?' => Err((
            "`?` is not a parameter; parameters are named, such as `:since`".to_owned(),
            1,
        )),
        ':' | '@' | '$' => match word_length(&rest[1..]) {
            0 => Err((format!("`{first}` must be followed by a name"), 1)),
            length => Ok((TokenKind::Param, length + 1)),
        },
        _ if first.is_ascii_digit() || (first == '.' && starts_with_digit(&rest[1..])) => {
            Ok((TokenKind::Number, number_length(rest)))
        }
        _ if is_word(first) => Ok((TokenKind::Word, word_length(rest))),
        _ => symbol(rest, first).map(|length| (TokenKind::Symbol, length)),
    }
}

fn quoted(rest: &str, quote: char) -> Result<usize, Fault> {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            continue;
        }
        if characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + 1);
        }
    }
    Err((format!("unclosed `{quote}`"), 1))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
}

fn starts_with_digit(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// `12`, `1.5`, `.5e-3`, `0x1f`, `1_000`.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let is_exponent_sign = matches!(byte, b'+' | b'-')
            && end > 0
            && matches!(bytes[end - 1], b'e' | b'E')
            && !rest.starts_with("0x")
            && !rest.starts_with("0X");
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || is_exponent_sign) {
            break;
        }
        end += 1;
    }
    end
}

fn symbol(rest: &str, first: char) -> Result<usize, Fault> {
    let long = ["->>", "->", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>"];
    if let Some(known) = long.iter().find(|known| rest.starts_with(**known)) {
        return Ok(known.len());
    }
    if "()+-*/%&|~<>=,;.".contains(first) {
        return Ok(1);
    }
    let shown = crate::core::text::printable(&rest[..first.len_utf8()]).into_owned();
    Err((format!("unexpected character `{shown}`"), first.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str) -> Vec<&str> {
        let tokens = Tokens::read(sql).expect("it can be cut");
        tokens.list.iter().map(|token| tokens.text(token)).collect()
    }

    #[test]
    fn words_are_cut_as_sqlite_cuts_them() {
        assert_eq!(
            words("SELECT a->>'x', \"b \"\"q\" /* ; */ FROM[t u] -- ?\nWHERE n>=1.5e-3"),
            [
                "SELECT",
                "a",
                "->>",
                "'x'",
                ",",
                "\"b \"\"q\"",
                "FROM",
                "[t u]",
                "WHERE",
                "n",
                ">=",
                "1.5e-3"
            ]
        );
        assert_eq!(words("x'00'||'it''s'"), ["x'00'", "||", "'it''s'"]);
        assert_eq!(words(":a@b$c straße"), [":a", "@b$c", "straße"]);
        assert_eq!(words("/* no end"), Vec::<&str>::new());
    }

    #[test]
    fn names_lose_their_quotes() {
        let tokens = Tokens::read("\"a\"\"b\" [c d] `e` f").expect("it can be cut");
        let names: Vec<String> = tokens
            .list
            .iter()
            .filter_map(|token| tokens.name(token))
            .collect();
        assert_eq!(names, ["a\"b", "c d", "e", "f"]);
    }

    #[test]
    fn a_path_is_found_with_its_quotes() {
        let sql = "select w.id, \"w\" . [i d] from \"w.id\"";
        let tokens = Tokens::read(sql).expect("it can be cut");
        let found = |wanted, from| {
            let (range, last) = tokens.path(wanted, from)?;
            Some((&sql[range], last))
        };
        assert_eq!(found("w.id", 0), Some(("w.id", "id".to_owned())));
        assert_eq!(found("W.I D", 0), Some(("\"w\" . [i d]", "i d".to_owned())));
        assert_eq!(found("w.id", 12), Some(("\"w.id\"", "w.id".to_owned())));
        assert_eq!(found("w.x", 0), None);
    }

    #[test]
    fn what_cannot_be_cut_says_where() {
        let fault = |sql| Tokens::read(sql).expect_err("it cannot be cut");
        assert_eq!(fault("select 'abc").range, Some(7..8));
        assert_eq!(fault("select 'abc").message, "unclosed `'`");
        assert_eq!(fault("select ?1").range, Some(7..8));
        assert_eq!(fault("select a ! b").range, Some(9..10));
        assert_eq!(fault("select \0").message, "unexpected character `\\u0000`");
        assert_eq!(
            fault("select : a").message,
            "`:` must be followed by a name"
        );
    }
}
