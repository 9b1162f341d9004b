//! Strings in YAML, for everything that is written as YAML.
//!
//! Parsers differ: in YAML 1.1, which Python's, Ruby's and Ansible's parsers still use, an unquoted
//! `no`, `1_000`, `12:30` or `2019-08-24` is not a string. [`is_other_type`] recognizes what is not a
//! string in either version.

use std::fmt::Write as _;

use crate::core::text::characters;

/// Appends a string in double quotes, with escapes for all characters that are invisible or refused
/// by parsers.
pub fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    for (character, hidden) in with_hidden(text) {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if hidden => {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "\\U{:08x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Appends spaces.
pub fn push_indent(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Appends a block scalar, with an indicator for its trailing newlines.
pub fn push_block(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    out.push('|');
    match text.len() - body.len() {
        0 => out.push('-'),
        1 => {}
        _ => out.push('+'),
    }
    // Every scalar ends with a newline.
    let lines = text.strip_suffix('\n').unwrap_or(text);
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            push_indent(indent, out);
            out.push_str(line);
        }
    }
}

/// Returns true for several lines that survive a block scalar exactly: no leading space, no
/// trailing spaces, nothing to escape.
pub fn is_block(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n'])
        && text
            .split('\n')
            .all(|line| !line.ends_with(' ') && with_hidden(line).all(|(_, hidden)| !hidden))
}

/// Returns true if a parser reads the unquoted text as a boolean, null, a number or a time.
pub fn is_other_type(text: &str) -> bool {
    is_word(text) || looks_like_number(text) || looks_like_time(text)
}

/// Returns true if some characters are invisible or refused by parsers, so that the text needs
/// escapes.
pub fn needs_escapes(text: &str) -> bool {
    with_hidden(text).any(|(_, hidden)| hidden)
}

/// Returns true for words that mean a boolean or null in some parser.
fn is_word(text: &str) -> bool {
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Returns true for integers, floats, sexagesimal numbers, and some texts that resemble them.
fn looks_like_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let lower = digits.to_ascii_lowercase();
    if lower.starts_with("0x") || matches!(lower.as_str(), ".inf" | ".nan") {
        return true;
    }
    let numeric =
        |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | ',' | ':' | 'e' | '+' | '-');
    let based = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '_');
    lower.strip_prefix("0o").is_some_and(based)
        || lower.strip_prefix("0b").is_some_and(based)
        || (lower.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && lower.chars().all(numeric))
}

/// Returns true for a date with a time; a date alone already looks like a number.
fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || "-:.+TtZz ".contains(c))
}

/// Returns the characters, each with true if it must be escaped: unsafe on a terminal, or refused
/// by parsers.
fn with_hidden(text: &str) -> impl Iterator<Item = (char, bool)> {
    characters(text).map(|(character, hidden)| {
        (
            character,
            hidden || matches!(character, '\u{fffe}' | '\u{ffff}'),
        )
    })
}
