//! Parses JSON text (RFC 8259) into a [`Value`].
//!
//! `serde_json` is not used for reading: it rewrites exponents (`1E5` becomes `1e+5`), takes an
//! object with one reserved key for a number, refuses a lone surrogate, and does not count values.
//! Here a number keeps its text, a lone surrogate becomes U+FFFD (as in jq, Go and JavaScript), and
//! a text with too many values is refused before it fills the memory.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::core::rows::{RowBuilder, Scalar};

/// The maximum number of values in one text. Each takes up to 250 bytes until it is part of a
/// record, so a 64 MiB response takes at most twelve times its size.
pub const MOST_VALUES: usize = 3_000_000;

/// From this length on, a list reuses the buffer it was collected in, spare capacity included: a
/// copy would double the memory.
const LONG_LIST: usize = 10_000;

/// The maximum nesting depth of lists and objects.
const DEEPEST: usize = 127;

/// A syntax error in JSON text, with its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct ParseError {
    message: &'static str,
    line: usize,
    column: usize,
    kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    Syntax,
    /// The text ends inside the value.
    Cut,
    TooMany,
}

impl ParseError {
    /// Returns the message, without the position.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// Returns the line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column in bytes, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns the error for a text that is preceded by `lines` lines, and by `bytes` bytes in its
    /// first line.
    #[must_use]
    pub(super) fn after(self, lines: usize, bytes: usize) -> Self {
        let is_first = self.line == 1;
        Self {
            line: self.line + lines,
            column: self.column + if is_first { bytes } else { 0 },
            ..self
        }
    }

    /// Returns true if the text ends inside the value.
    pub fn is_eof(&self) -> bool {
        self.kind == FaultKind::Cut
    }

    /// Returns true if the text has more than [`MOST_VALUES`] values.
    pub fn is_too_many(&self) -> bool {
        self.kind == FaultKind::TooMany
    }
}

/// Parses one value.
///
/// # Errors
///
/// Fails if the text is not JSON, is nested too deep, or has more than [`MOST_VALUES`] values.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let mut parser = Parser::new(bytes)?;
    let value = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.fault("trailing characters")),
    }
}

/// Parses a sequence of values, separated by white space where needed.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_many(bytes: &[u8]) -> Result<Vec<Value>, ParseError> {
    let mut parser = Parser::new(bytes)?;
    let mut values = Vec::new();
    parser.skip_blanks();
    while parser.peek().is_some() {
        values.push(parser.value(0)?);
        let end = parser.at;
        parser.skip_blanks();
        let is_apart = parser.at > end || matches!(parser.peek(), None | Some(b'{' | b'[' | b'"'));
        if !is_apart {
            return Err(parser.fault("trailing characters"));
        }
    }
    Ok(values)
}

/// Parses one value and adds the members of an object to the current row, or another value as the
/// member `value`, without a tree of values.
///
/// # Errors
///
/// As [`parse`]. The row is incomplete then.
pub fn parse_row(text: &str, row: &mut RowBuilder) -> Result<(), ParseError> {
    let mut parser = Parser::of_text(text);
    if parser.next("EOF while parsing a value")? == b'{' {
        parser.row(0, row)?;
    } else {
        let value = parser.value(0)?;
        row.value("value", &value);
    }
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(()),
        Some(_) => Err(parser.fault("trailing characters")),
    }
}

pub(super) struct Parser<'t> {
    text: &'t str,
    pub(super) at: usize,
    values: usize,
    most_values: usize,
    /// The items of all open lists, innermost last. A list is created once its length is known, so
    /// that it allocates no more than it needs.
    items: Vec<Value>,
    /// The members of all open objects.
    members: Vec<(String, Value)>,
}

impl<'t> Parser<'t> {
    fn new(bytes: &'t [u8]) -> Result<Self, ParseError> {
        // A byte order mark is ignored, as RFC 8259, section 8.1, allows.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let message = "invalid unicode code point";
                let place = error.valid_up_to();
                return Err(fault_at(bytes, place, message, FaultKind::Syntax));
            }
        };
        Ok(Self::of_text(text))
    }

    pub(super) fn of_text(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            values: 0,
            most_values: MOST_VALUES,
            items: Vec::new(),
            members: Vec::new(),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Returns the next character that is not white space.
    pub(super) fn next(&mut self, missing: &'static str) -> Result<u8, ParseError> {
        self.skip_blanks();
        self.peek().ok_or_else(|| self.cut(missing))
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Value, ParseError> {
        let first = self.next("EOF while parsing a value")?;
        self.values += 1;
        if self.values > self.most_values {
            return Err(self.fault_of("too many values", FaultKind::TooMany));
        }
        match first {
            b'"' => Ok(Value::String(self.string()?.into_owned())),
            b'{' | b'[' if depth >= DEEPEST => Err(self.fault("recursion limit exceeded")),
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b'-' | b'0'..=b'9' => Ok(Value::Number(super::number::trusted(self.number()?))),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(self.fault("expected value")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, ParseError> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else if word.as_bytes().starts_with(rest) {
            Err(self.cut("EOF while parsing a value"))
        } else {
            Err(self.fault("expected ident"))
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, ParseError> {
        const CUT: &str = "EOF while parsing a list";
        self.at += 1;
        if self.next(CUT)? == b']' {
            self.at += 1;
            return Ok(Value::Array(Vec::new()));
        }
        let first = self.items.len();
        loop {
            let item = self.value(depth)?;
            self.items.push(item);
            match self.next(CUT)? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Value::Array(self.items_from(first)));
                }
                _ => return Err(self.fault("expected `,` or `]`")),
            }
            self.refuse_end(b']')?;
        }
    }

    fn items_from(&mut self, first: usize) -> Vec<Value> {
        if first == 0 && self.items.len() >= LONG_LIST {
            return std::mem::take(&mut self.items);
        }
        self.items.drain(first..).collect()
    }

    fn object(&mut self, depth: usize) -> Result<Value, ParseError> {
        const CUT: &str = "EOF while parsing an object";
        self.at += 1;
        if self.next(CUT)? == b'}' {
            self.at += 1;
            return Ok(Value::Object(Map::new()));
        }
        let first = self.members.len();
        loop {
            if self.next(CUT)? != b'"' {
                return Err(self.fault("key must be a string"));
            }
            let key = self.string()?.into_owned();
            if self.next(CUT)? != b':' {
                return Err(self.fault("expected `:`"));
            }
            self.at += 1;
            let member = self.value(depth)?;
            self.members.push((key, member));
            match self.next(CUT)? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    let mut members = Map::with_capacity(self.members.len() - first);
                    // Of duplicate names, the last one wins.
                    members.extend(self.members.drain(first..));
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.fault("expected `,` or `}`")),
            }
            self.refuse_end(b'}')?;
        }
    }

    /// Adds the members of an object in `depth` lists or objects to a row.
    pub(super) fn row(&mut self, depth: usize, row: &mut RowBuilder) -> Result<(), ParseError> {
        const CUT: &str = "EOF while parsing an object";
        self.at += 1;
        if self.next(CUT)? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.next(CUT)? != b'"' {
                return Err(self.fault("key must be a string"));
            }
            let key = self.string()?;
            if self.next(CUT)? != b':' {
                return Err(self.fault("expected `:`"));
            }
            self.at += 1;
            match self.next("EOF while parsing a value")? {
                b'"' => {
                    let text = self.string()?;
                    row.cell(&key, Scalar::Text(&text));
                }
                b'-' | b'0'..=b'9' => row.cell(&key, Scalar::Number(self.number()?)),
                _ => {
                    let value = self.value(depth + 1)?;
                    row.value(&key, &value);
                }
            }
            match self.next(CUT)? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("expected `,` or `}`")),
            }
            self.refuse_end(b'}')?;
        }
    }

    /// Refuses a trailing comma.
    fn refuse_end(&mut self, end: u8) -> Result<(), ParseError> {
        self.skip_blanks();
        if self.peek() == Some(end) {
            return Err(self.fault("trailing comma"));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'t str, ParseError> {
        let rest = &self.text[self.at..];
        if let Some(length) = super::number::length(rest) {
            self.at += length;
            return Ok(&rest[..length]);
        }
        let digits = rest
            .bytes()
            .take_while(|byte| b"+-.0123456789eE".contains(byte));
        self.at += digits.count();
        let is_cut = self.peek().is_none() && super::number::length(&format!("{rest}0")).is_some();
        Err(if is_cut {
            self.cut("EOF while parsing a value")
        } else {
            self.fault("invalid number")
        })
    }

    fn string(&mut self) -> Result<Cow<'t, str>, ParseError> {
        self.at += 1;
        let plain = self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.peek() {
                None => return Err(self.cut("EOF while parsing a string")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    let message =
                        "control character (\\u0000-\\u001F) found while parsing a string";
                    return Err(self.fault(message));
                }
            }
            text.push_str(self.plain());
        }
    }

    /// Reads characters up to a quote, a backslash or a control character.
    fn plain(&mut self) -> &'t str {
        let start = self.at;
        let bytes = &self.text.as_bytes()[start..];
        self.at += plain_length(bytes);
        &self.text[start..self.at]
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        self.at += 1;
        let Some(letter) = self.peek() else {
            return Err(self.cut("EOF while parsing a string"));
        };
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.fault("invalid escape")),
        };
        self.at += 1;
        Ok(character)
    }

    /// Reads `\uXXXX` or a surrogate pair; a lone surrogate becomes U+FFFD.
    fn unicode(&mut self) -> Result<char, ParseError> {
        let first = self.unit()?;
        if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            let start = self.at;
            self.at += 1;
            let second = self.unit()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = start;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Reads the four digits after the current `u`.
    fn unit(&mut self) -> Result<u32, ParseError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = match self.peek() {
                None => return Err(self.cut("EOF while parsing a string")),
                Some(byte) => char::from(byte).to_digit(16),
            };
            unit = unit * 16 + digit.ok_or_else(|| self.fault("invalid escape"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    pub(super) fn fault(&self, message: &'static str) -> ParseError {
        self.fault_of(message, FaultKind::Syntax)
    }

    fn cut(&self, message: &'static str) -> ParseError {
        self.fault_of(message, FaultKind::Cut)
    }

    fn fault_of(&self, message: &'static str, kind: FaultKind) -> ParseError {
        let place = if kind == FaultKind::Cut {
            self.text.len()
        } else {
            self.at
        };
        fault_at(self.text.as_bytes(), place, message, kind)
    }
}

/// Returns the number of bytes before the first quote, backslash or control character.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let mut length = 0;
    // Eight bytes at a time: a chunk without any of them leaves no high bit set. False positives
    // from carries are checked again below.
    while let Some(chunk) = bytes[length..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let zero_in = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero_in(word ^ (ONES * u64::from(b'"')));
        let escape = zero_in(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        if (quote | escape | control) & HIGHS != 0 {
            break;
        }
        length += 8;
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    length + bytes[length..].iter().take_while(is_plain).count()
}

fn fault_at(bytes: &[u8], place: usize, message: &'static str, kind: FaultKind) -> ParseError {
    let before = &bytes[..place];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    ParseError {
        message,
        line: memchr::memchr_iter(b'\n', before).count() + 1,
        column: place - line_start + usize::from(kind != FaultKind::Cut),
        kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(text.as_bytes()) {
            Ok(value) => value.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        let text = "[1.10,1e400,1E5,1e+5,-0,-0.0,0,123456789012345678901234567890,1e-7]";
        assert_eq!(read(text), text);
        let private = r#"{"$serde_json::private::Number":"1"}"#;
        assert_eq!(read(private), private);
    }

    #[test]
    fn half_a_surrogate_pair_is_a_replacement_character() {
        assert_eq!(read(r#""x\ud83d""#), "\"x\u{fffd}\"");
        assert_eq!(
            read(r#""\udc00\ud83d\ud83d\ude00\ud83dA""#),
            "\"\u{fffd}\u{fffd}😀\u{fffd}A\""
        );
        assert_eq!(read(r#""\ud83d\n\ud83dz""#), "\"\u{fffd}\\n\u{fffd}z\"");
        assert_eq!(read(r#"{"a\ud83d":1}"#), "{\"a\u{fffd}\":1}");
    }

    #[test]
    fn everything_else_is_read_as_serde_json_reads_it() {
        let good = [
            "null",
            " true ",
            "[]",
            "[ ]",
            "{}",
            "{ }",
            "[1,[2],{\"a\":[]}]",
            "\"\"",
            r#""\"\\\/\b\f\n\r\té\u00e9""#,
            r#"{"a":1,"b":2,"a":3}"#,
            "\"12345678\\n12345678\"",
            "\"a long text without any escape, é, and then more\"",
            "\u{feff}1",
        ];
        for text in good {
            let theirs: Value =
                serde_json::from_str(text.trim_start_matches('\u{feff}')).expect(text);
            assert_eq!(parse(text.as_bytes()).expect(text), theirs, "{text}");
        }
        let bad = [
            "",
            " ",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,]",
            "[1 2]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\"}",
            "tru",
            "trux",
            "nul",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "-",
            "-x",
            "1x",
            "\"a",
            "\"a\\",
            "\"a\\x\"",
            "\"\\u12",
            "\"a\nb\"",
            "1 2",
            "NaN",
            "'a'",
            "<html>",
            "// x\n1",
        ];
        for text in bad {
            let theirs = serde_json::from_str::<Value>(text).expect_err(text);
            let ours = parse(text.as_bytes()).expect_err(text);
            assert_eq!(ours.is_eof(), theirs.is_eof(), "{text}: {ours} / {theirs}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn faults_have_a_place() {
        assert_eq!(
            read("[{\"id\":1},"),
            "error: EOF while parsing a value at line 1 column 10"
        );
        assert_eq!(
            read("[1,\n  2 3]"),
            "error: expected `,` or `]` at line 2 column 5"
        );
        let deep = "[".repeat(1_000_000);
        assert_eq!(
            read(&deep),
            "error: recursion limit exceeded at line 1 column 128"
        );
    }

    #[test]
    fn long_lists_are_read_like_short_ones() {
        let inner = format!("[{}1]", "1,".repeat(LONG_LIST));
        for text in [
            format!("[{inner},{{\"a\":{inner},\"b\":[2,{inner},[]]}},3]"),
            format!("{{\"a\":{inner},\"b\":{inner},\"c\":[4]}}"),
        ] {
            assert_eq!(read(&text), text);
        }
    }

    #[test]
    fn values_are_counted() {
        let mut parser = Parser::new(b"[1,{\"a\":2}]").expect("text");
        parser.most_values = 3;
        let error = parser.value(0).expect_err("four values");
        assert!(error.is_too_many(), "{error}");
        parser.most_values = 8;
        let mut parser = Parser::new(b"[1,{\"a\":2}]").expect("text");
        assert!(parser.value(0).is_ok());
    }

    #[test]
    fn a_row_is_read_as_a_value_is() {
        let shown = |text: &str| {
            let mut builder = RowBuilder::default();
            parse_row(text, &mut builder)?;
            builder.end_row();
            let batch = builder.take().expect("a row");
            let keys = batch.fresh_keys();
            let cells = batch.row(0).map(|(key, value)| {
                let value = match value {
                    Scalar::Null => "null".to_owned(),
                    Scalar::Bool(flag) => flag.to_string(),
                    Scalar::Number(text) | Scalar::Nested(text) => text.to_owned(),
                    Scalar::Text(text) => Value::from(text).to_string(),
                };
                format!("{}:{value}", Value::from(keys[key].1.as_str()))
            });
            Ok::<_, ParseError>(cells.collect::<Vec<_>>().join(","))
        };
        for text in [
            r#"{"a":1.10,"b":"x\n\u00e9","c":null,"d":true,"e":[1,{"f":[]}],"g":{},"h":1E5}"#,
            r#" { "a" : "\"" , "b" : [ ] } "#,
            "{}",
            r#"{"a":1,"b":2,"a":3}"#,
        ] {
            let value = parse(text.as_bytes()).expect(text).to_string();
            let row = shown(text).expect(text);
            assert_eq!(format!("{{{row}}}"), value, "{text}");
        }
        assert_eq!(shown("[1, 2]").expect("a list"), "\"value\":[1,2]");
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1}x",
            "{\"a\":1 \"b\"}",
            "{\"a\":[1,]}",
            "{\"a\":01}",
            "{\"a\":\"x",
            "tru",
            "{,}",
        ] {
            let expected = parse(text.as_bytes()).expect_err(text);
            assert_eq!(shown(text).expect_err(text), expected, "{text}");
        }
    }

    #[test]
    fn many_values_follow_one_another() {
        let many = |text: &str| parse_many(text.as_bytes()).map(|values| values.len());
        assert_eq!(many("1\n2 \"a\"[]{}\r\n\n").ok(), Some(5));
        assert_eq!(many(" \n").ok(), Some(0));
        assert!(many("1\n[").is_err_and(|error| error.is_eof()));
        assert!(many("1,2").is_err());
        assert!(many("truefalse").is_err());
    }
}
