//! The small part of YAML that the head of an exchange is written in: scalars, and one map of them.
//!
//! ```yaml
//! { query: failed-jobs, item: "workflow 41e9b64b", link: [a, b] }
//! ```

use std::borrow::Cow;

use serde_json::Value;

use crate::core::json;
use crate::core::source::Span;

/// A syntax error, with its bytes in the text.
#[derive(Debug, PartialEq, Eq)]
pub struct FlowError {
    /// The message.
    pub message: String,
    /// The bytes.
    pub span: Span,
}

/// A scalar with its bytes in the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The decoded value.
    pub text: String,
    /// The bytes, including quotes.
    pub span: Span,
}

/// A member of a map.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// The key.
    pub key: Scalar,
    /// The values: one, or those of a list.
    pub values: Vec<Scalar>,
}

/// Reads a text that is one scalar, possibly with a comment.
pub fn scalar(text: &str) -> Result<Scalar, FlowError> {
    let mut flow = Flow { text, at: 0 };
    flow.skip_blanks();
    let scalar = match flow.peek() {
        Some(b'"' | b'\'') => flow.quoted()?,
        _ => flow.plain(is_comment)?,
    };
    flow.end()?;
    Ok(scalar)
}

/// Reads a text that is one map of scalars and lists of scalars, possibly with a comment.
pub fn map(text: &str) -> Result<Vec<Member>, FlowError> {
    let mut flow = Flow { text, at: 0 };
    flow.skip_blanks();
    flow.expect(b'{', "expected `{`")?;
    let mut members = Vec::new();
    loop {
        flow.skip_blanks();
        if flow.peek() == Some(b'}') {
            break;
        }
        members.push(flow.member()?);
        flow.skip_blanks();
        match flow.peek() {
            Some(b',') => flow.at += 1,
            Some(b'}') => break,
            _ => return Err(flow.fault("expected `,` or `}`")),
        }
    }
    flow.at += 1;
    flow.end()?;
    Ok(members)
}

/// Decodes a text in double quotes at the start of `text` and returns its length, too.
///
/// The escapes are those of JSON. As in YAML, a backslash at the end of a line joins it with the
/// next, without the blanks that begin it.
pub fn double_quoted(text: &str) -> Result<(String, usize), FlowError> {
    let length = quoted_length(text)?;
    let joined = join_lines(&text[..length]);
    match json::parse(joined.as_bytes()) {
        Ok(Value::String(value)) => Ok((value, length)),
        Ok(_) => Err(FlowError {
            message: "expected a text in double quotes".to_owned(),
            span: Span::new(0, length),
        }),
        Err(error) => Err(FlowError {
            message: error.message().to_owned(),
            span: Span::new(0, length),
        }),
    }
}

/// Returns the length of a quoted text with both quotes.
fn quoted_length(text: &str) -> Result<usize, FlowError> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => {
                return Err(FlowError {
                    message: "a closing quote is missing".to_owned(),
                    span: Span::new(0, text.lines().next().unwrap_or_default().len()),
                });
            }
            Some(found) if rest[found] == b'"' => return Ok(at + found + 1),
            Some(found) => at += found + 2,
        }
    }
}

/// Removes line breaks after a backslash.
fn join_lines(quoted: &str) -> Cow<'_, str> {
    if !quoted.contains('\n') {
        return Cow::Borrowed(quoted);
    }
    let mut joined = String::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        let after = &rest[at + 1..];
        let broken = after
            .strip_prefix("\r\n")
            .or_else(|| after.strip_prefix('\n'));
        if let Some(next) = broken {
            joined.push_str(&rest[..at]);
            rest = next.trim_start_matches([' ', '\t']);
        } else {
            let escape = after.chars().next().map_or(0, char::len_utf8);
            joined.push_str(&rest[..=at + escape]);
            rest = &after[escape..];
        }
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

struct Flow<'t> {
    text: &'t str,
    at: usize,
}

impl Flow<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, message: &str) -> Result<(), FlowError> {
        if self.peek() != Some(byte) {
            return Err(self.fault(message));
        }
        self.at += 1;
        Ok(())
    }

    /// Refuses anything after the value but a comment.
    fn end(&mut self) -> Result<(), FlowError> {
        let end = self.at;
        self.skip_blanks();
        match self.peek() {
            None => Ok(()),
            Some(b'#') if self.at > end || end == 0 => Ok(()),
            Some(_) => Err(self.fault("unexpected text after the value")),
        }
    }

    fn member(&mut self) -> Result<Member, FlowError> {
        let key = match self.peek() {
            Some(b'"' | b'\'') => self.quoted()?,
            _ => self.plain(ends_key)?,
        };
        self.skip_blanks();
        self.expect(b':', "expected `:` after the name")?;
        self.skip_blanks();
        if self.peek() != Some(b'[') {
            let value = self.value()?;
            return Ok(Member {
                key,
                values: vec![value],
            });
        }
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == Some(b']') {
                break;
            }
            values.push(self.value()?);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fault("expected `,` or `]`")),
            }
        }
        self.at += 1;
        Ok(Member { key, values })
    }

    fn value(&mut self) -> Result<Scalar, FlowError> {
        match self.peek() {
            Some(b'"' | b'\'') => self.quoted(),
            _ => self.plain(ends_value),
        }
    }

    fn quoted(&mut self) -> Result<Scalar, FlowError> {
        let start = self.at;
        let rest = &self.text[start..];
        let (text, length) = if rest.starts_with('"') {
            double_quoted(rest).map_err(|error| FlowError {
                span: Span::new(start + error.span.start, start + error.span.end),
                ..error
            })?
        } else {
            single_quoted(rest).ok_or_else(|| self.fault("a closing quote is missing"))?
        };
        self.at += length;
        Ok(Scalar {
            text,
            span: Span::new(start, self.at),
        })
    }

    /// Reads up to the end of the line or the first position where `ends` says so.
    fn plain(&mut self, ends: fn(&str, Option<char>) -> bool) -> Result<Scalar, FlowError> {
        let start = self.at;
        let rest = &self.text[start..];
        let mut before = None;
        let mut length = rest.len();
        for (at, character) in rest.char_indices() {
            if matches!(character, '\n' | '\r') || ends(&rest[at..], before) {
                length = at;
                break;
            }
            before = Some(character);
        }
        let text = rest[..length].trim_end();
        if text.is_empty() {
            return Err(self.fault("a value is missing"));
        }
        self.at += text.len();
        Ok(Scalar {
            text: text.to_owned(),
            span: Span::new(start, self.at),
        })
    }

    fn fault(&self, message: &str) -> FlowError {
        let next = self.text[self.at..].chars().next();
        let length = next.map_or(0, char::len_utf8);
        // At the end, the fault is shown in the last line and not below it.
        let at = self.at.min(self.text.trim_end().len());
        FlowError {
            message: message.to_owned(),
            span: Span::new(at, at + length),
        }
    }
}

fn is_comment(rest: &str, before: Option<char>) -> bool {
    rest.starts_with('#') && before.is_none_or(char::is_whitespace)
}

fn ends_key(rest: &str, before: Option<char>) -> bool {
    rest.starts_with(':') || ends_value(rest, before)
}

fn ends_value(rest: &str, before: Option<char>) -> bool {
    rest.starts_with([',', '[', ']', '{', '}'])
        || rest.starts_with(": ")
        || is_comment(rest, before)
}

/// Decodes a text in single quotes, in which `''` is a quote, and returns its length, too.
fn single_quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        let end = rest.find('\'')?;
        value.push_str(&rest[..end]);
        at += end + 1;
        if !text[at..].starts_with('\'') {
            return (!value.contains('\n')).then_some((value, at));
        }
        value.push('\'');
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match map(text) {
            Ok(members) => members
                .iter()
                .map(|member| {
                    let values: Vec<&str> = member
                        .values
                        .iter()
                        .map(|value| value.text.as_str())
                        .collect();
                    format!("{}={}", member.key.text, values.join("|"))
                })
                .collect::<Vec<_>>()
                .join(";"),
            Err(error) => format!("{} {}", error.span.start, error.message),
        }
    }

    #[test]
    fn maps_are_read_as_yaml_reads_them() {
        for (text, expected) in [
            ("{}", ""),
            (
                "{ query: failed-jobs, item: workflow 41e9b64b }",
                "query=failed-jobs;item=workflow 41e9b64b",
            ),
            (
                r#"{"a":"x, y" , b: 'it''s' # why"#,
                "25 expected `,` or `}`",
            ),
            (r#"{"a":"x, y" , b: 'it''s' } # why"#, "a=x, y;b=it's"),
            ("{ a: [x, \"y\", z ],\n  b: c:d#e }", "a=x|y|z;b=c:d#e"),
            ("{ a: }", "5 a value is missing"),
            ("{ a }", "4 expected `:` after the name"),
            ("{ a: b", "6 expected `,` or `}`"),
            ("[a]", "0 expected `{`"),
            ("{ a: \"b }", "5 a closing quote is missing"),
            ("{ a: b } c", "9 unexpected text after the value"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn scalars_are_plain_or_quoted() {
        for (text, expected) in [
            (" GET /a#b?c=d: # note", "GET /a#b?c=d:"),
            ("404", "404"),
            (r#" "a\u0020\"b" "#, "a \"b"),
            ("'a: #b'", "a: #b"),
        ] {
            assert_eq!(scalar(text).expect(text).text, expected);
        }
        for text in ["", "  # note", "\"a\" b", "a\nb", "\"a"] {
            assert!(scalar(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_backslash_joins_lines() {
        let joined = |text: &str| double_quoted(text).expect(text).0;
        assert_eq!(
            joined("\"a\\n\\\n  b\\\\n\\\r\n\t\\u0020c\" rest"),
            "a\nb\\n c"
        );
        assert_eq!(joined(r#""\\""#), "\\");
        assert!(double_quoted("\"a\nb\"").is_err());
        assert!(double_quoted("\"a\\").is_err());
        assert!(double_quoted("\"a\\é\"").is_err());
    }
}
