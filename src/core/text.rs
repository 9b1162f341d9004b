//! Makes foreign text safe for terminals and one-line messages.
//!
//! A response may contain anything: colours, cursor movement, direction overrides, invisible
//! characters. [`printable`] shows them as JSON escapes (`\u001b`), so that a JSON document stays
//! the same document.
//!
//! Widths are terminal columns, from the Unicode tables. Terminals differ in the newest emoji; a
//! wrong width there only shifts a column.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The mark at the end of truncated text.
pub const ELLIPSIS: char = '…';

/// Escapes everything that is invisible or controls a terminal.
///
/// Escaped are control characters (including newline and tab), directional marks and overrides,
/// line separators, and zero-width characters that no emoji or script needs. Letters of every
/// script, emoji with their joiners, and accents are kept. A backslash is kept too, so the result
/// cannot be unescaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    escape_where(text, |_| false)
}

/// As [`printable`], for text of several lines: newlines and tabs are kept.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escape_where(text, |character| matches!(character, '\n' | '\t'))
}

/// Converts text to one printable line: white space is trimmed and collapsed to single spaces.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let is_one_line = !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
        && !text
            .chars()
            .any(|character| character != ' ' && character.is_whitespace());
    if is_one_line {
        return printable(text);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Cow::Owned(printable(&words.join(" ")).into_owned())
}

/// Returns the width of a text in terminal columns.
pub fn display_width(text: &str) -> usize {
    if is_plain_ascii(text) {
        text.len()
    } else {
        text.width()
    }
}

/// Truncates a text to a width, with a final `…`.
///
/// Characters that are displayed as one (a letter with its accent, a family of emoji, a flag) are
/// kept or dropped as a whole.
pub fn truncate_to_width(text: &str, width: usize) -> Cow<'_, str> {
    // No character takes more columns than bytes, so a short text needs no measuring.
    if text.len() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut kept = 0;
    for cluster in clusters(text) {
        used += display_width(cluster);
        if used > width {
            let mut cut = text[..kept].to_owned();
            if width > 0 {
                cut.push(ELLIPSIS);
            }
            return Cow::Owned(cut);
        }
        // One column is reserved for the ellipsis.
        if used < width {
            kept += cluster.len();
        }
    }
    Cow::Borrowed(text)
}

/// Wraps a text to lines of at most `width` columns, at spaces if possible, inside a word
/// otherwise. The space at a break is dropped. Newlines are not treated specially.
pub fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = line_end(rest, width) {
        let (line, after) = rest.split_at(end);
        lines.push(line.trim_end_matches(' '));
        rest = after.trim_start_matches(' ');
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Splits a text into user-perceived characters: a character with the marks, selectors and joined
/// characters after it.
///
/// This is a subset of Unicode segmentation, sufficient for cutting text.
pub fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (cluster, after) = rest.split_at(cluster_length(rest));
        rest = after;
        (!cluster.is_empty()).then_some(cluster)
    })
}

/// Returns the characters, each with true if [`printable`] escapes it.
pub fn characters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut context = Context::default();
    text.chars()
        .map(move |character| (character, context.hides(character)))
}

fn escape_where(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') || keep(char::from(byte)))
    {
        return Cow::Borrowed(text);
    }
    let is_escaped = |(character, hidden): (char, bool)| hidden && !keep(character);
    if !characters(text).any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for (character, hidden) in characters(text) {
        if is_escaped((character, hidden)) {
            push_escape(character, &mut escaped);
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The preceding text, as far as it decides whether a zero-width character is needed.
#[derive(Default)]
struct Context {
    /// True after a non-ASCII letter or an emoji, which a joiner may follow.
    joinable: bool,
    /// True after a black flag and its tags, as in the flag of Scotland.
    flag: bool,
}

impl Context {
    fn hides(&mut self, character: char) -> bool {
        let (joinable, flag) = (self.joinable, self.flag);
        let tag = matches!(character, '\u{e0000}'..='\u{e007f}');
        self.joinable = !character.is_ascii();
        self.flag = character == '\u{1f3f4}' || (flag && tag);
        match character {
            // Control characters.
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
            // Soft hyphen, directional marks, vowel separator, zero-width space.
            | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            // Line and paragraph separators, embeddings, overrides, isolates, invisible operators.
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Byte order mark and annotations.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
            '\u{200c}' | '\u{200d}' => !joinable,
            _ => tag && !flag,
        }
    }
}

fn push_escape(character: char, out: &mut String) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn cluster_length(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let Some((_, first)) = characters.next() else {
        return 0;
    };
    let mut pair_open = is_regional(first);
    let mut joined = false;
    for (at, character) in characters {
        let continues = joined
            || character.width() == Some(0)
            || matches!(character, '\u{1f3fb}'..='\u{1f3ff}')
            || (pair_open && is_regional(character));
        if !continues {
            return at;
        }
        joined = character == '\u{200d}';
        pair_open = false;
    }
    text.len()
}

/// Returns true for a regional indicator, two of which make a flag.
fn is_regional(character: char) -> bool {
    matches!(character, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Returns the byte offset at which the first line ends; `None` if the text fits.
fn line_end(text: &str, width: usize) -> Option<usize> {
    if text.len() <= width {
        return None;
    }
    let mut used = 0;
    let mut at = 0;
    let mut last_blank = None;
    for cluster in clusters(text) {
        used += display_width(cluster);
        if used > width {
            // A line takes at least one character, or the loop would not end.
            let here = if at == 0 { cluster.len() } else { at };
            return Some(if cluster == " " {
                here
            } else {
                last_blank.unwrap_or(here)
            });
        }
        at += cluster.len();
        if cluster == " " {
            last_blank = Some(at);
        }
    }
    None
}

/// Prefixes text that a spreadsheet would take for a formula with an apostrophe (OWASP, "CSV
/// Injection").
pub fn defused(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Formats a count: `1 request`, `2 requests`.
pub fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_text_is_borrowed_as_it_is() {
        for text in [
            "",
            "main",
            "feature/é",
            "日本語",
            "مرحبا",
            "👍🏽 👨‍👩‍👧 🇩🇪 1️⃣",
            "نمی‌خواهم",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "a\\b",
        ] {
            assert!(
                matches!(printable(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn what_steers_a_terminal_or_hides_is_shown() {
        for (text, shown) in [
            ("a\nb\tc\rd", r"a\nb\tc\rd"),
            ("\u{1b}[31mred\u{7}", r"\u001b[31mred\u0007"),
            ("\u{9b}2J\u{7f}", r"\u009b2J\u007f"),
            ("user\u{202e}gpj.exe", r"user\u202egpj.exe"),
            ("\u{2066}a\u{2069}\u{200e}", r"\u2066a\u2069\u200e"),
            ("a\u{200b}b\u{feff}\u{2028}", r"a\u200bb\ufeff\u2028"),
            ("pass\u{200d}word", r"pass\u200dword"),
            ("a\u{e0061}", r"a\udb40\udc61"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn lines_keep_newlines_and_tabs_only() {
        assert_eq!(printable_lines("a\tb\r\n\u{1b}c\n"), "a\tb\\r\n\\u001bc\n");
    }

    #[test]
    fn a_message_becomes_one_line() {
        assert_eq!(
            one_line("  not\r\n  found:\t\u{1b}[1mx\n"),
            r"not found: \u001b[1mx"
        );
        assert!(matches!(one_line("not found"), Cow::Borrowed("not found")));
    }

    #[test]
    fn widths_are_columns() {
        for (text, width) in [
            ("", 0),
            ("abc", 3),
            ("日本", 4),
            ("e\u{301}", 1),
            ("👨‍👩‍👧", 2),
            ("🇩🇪", 2),
        ] {
            assert_eq!(display_width(text), width, "{text}");
        }
    }

    #[test]
    fn truncating_keeps_what_belongs_together() {
        for (text, width, cut) in [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("abcdef", 1, "…"),
            ("abcdef", 0, ""),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("👨‍👩‍👧👨‍👩‍👧", 3, "👨‍👩‍👧…"),
            ("🇩🇪🇫🇷", 3, "🇩🇪…"),
        ] {
            assert_eq!(truncate_to_width(text, width), cut, "{text} at {width}");
            assert!(display_width(&truncate_to_width(text, width)) <= width);
        }
    }

    #[test]
    fn wrapping_breaks_at_blanks_and_inside_long_words() {
        for (text, width, lines) in [
            ("", 5, vec![""]),
            ("short", 5, vec!["short"]),
            ("one two three", 7, vec!["one two", "three"]),
            ("one two three", 6, vec!["one", "two", "three"]),
            ("abcdefgh", 3, vec!["abc", "def", "gh"]),
            ("日本語", 4, vec!["日本", "語"]),
            ("日本", 1, vec!["日", "本"]),
        ] {
            assert_eq!(wrap(text, width), lines, "{text} at {width}");
        }
    }

    #[test]
    fn long_texts_take_linear_time() {
        let text = "日".repeat(1_000_000);
        assert_eq!(wrap(&text, 80).len(), 25_000);
        assert_eq!(display_width(&truncate_to_width(&text, 80)), 79);
    }
}
