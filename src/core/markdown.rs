//! Markdown as GitHub renders it: escaping, tables, and links as plain text.

use crate::core::text::{display_width, printable};

/// Wider cells do not widen their column.
const WIDEST_PADDING: usize = 40;

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The default: left.
    Left,
    /// `:---:`
    Center,
    /// `---:`
    Right,
}

/// Renders a table whose source is readable too. Cells must be escaped already. Rows may be shorter
/// than the header; each line ends with a newline, and a table without columns is empty.
pub fn table(header: &[String], rows: &[Vec<String>], aligns: &[Align]) -> String {
    let mut text = String::new();
    if header.is_empty() {
        return text;
    }
    let mut columns: Vec<Column> = (0..header.len())
        .map(|index| Column {
            // `---:`
            width: 4,
            align: aligns.get(index).copied().unwrap_or(Align::Left),
        })
        .collect();
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        for (column, cell) in columns.iter_mut().zip(row) {
            let width = display_width(cell);
            if width <= WIDEST_PADDING {
                column.width = column.width.max(width);
            }
        }
    }
    write_line(header, &columns, &mut text);
    for column in &columns {
        let (before, after) = match column.align {
            Align::Left => ("", ""),
            Align::Center => (":", ":"),
            Align::Right => ("", ":"),
        };
        let dashes = "-".repeat(column.width - before.len() - after.len());
        text.push_str(&format!("| {before}{dashes}{after} "));
    }
    text.push_str("|\n");
    for row in rows {
        write_line(row, &columns, &mut text);
    }
    text
}

struct Column {
    width: usize,
    align: Align,
}

fn write_line(row: &[String], columns: &[Column], text: &mut String) {
    for (index, column) in columns.iter().enumerate() {
        let cell = row.get(index).map_or("", String::as_str);
        let blanks = column.width.saturating_sub(display_width(cell));
        let before = match column.align {
            Align::Left => 0,
            Align::Center => blanks / 2,
            Align::Right => blanks,
        };
        let (before, after) = (" ".repeat(before), " ".repeat(blanks - before));
        text.push_str(&format!("| {before}{cell}{after} "));
    }
    text.push_str("|\n");
}

/// Escapes text for a cell or a line, so that it renders literally: no HTML, links, images,
/// emphasis or code, and no cell break.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let text = text.trim_end_matches(['\n', '\r']);
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            escaped.push_str("<br>");
        }
        escape_line(&printable(line), &mut escaped);
    }
    escaped
}

/// As [`escape`], for text at the start of a line: it starts no heading, list or rule either.
pub fn escape_block(text: &str) -> String {
    let escaped = escape(text);
    let rest = escaped.trim_start();
    // Four leading spaces would start a code block.
    let blanks = &escaped[..(escaped.len() - rest.len()).min(1)];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = |at: usize| matches!(rest.as_bytes().get(at), None | Some(b' '));
    let begins = match rest.as_bytes().get(digits) {
        Some(b'#' | b'=') => digits == 0,
        Some(sign @ (b'-' | b'+')) => {
            digits == 0 && (ends(1) || rest.as_bytes().get(1) == Some(sign))
        }
        Some(b'.' | b')') => digits > 0 && ends(digits + 1),
        _ => false,
    };
    if !begins {
        return format!("{blanks}{rest}");
    }
    format!("{blanks}{}\\{}", &rest[..digits], &rest[digits..])
}

fn escape_line(line: &str, escaped: &mut String) {
    let mut before = ' ';
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '~' => escaped.extend(['\\', character]),
            // Inside a word such as `build_and_test` it is no emphasis and reads better unescaped.
            '_' => {
                let after = characters.peek().is_some_and(|next| next.is_alphanumeric());
                if !(before.is_alphanumeric() && after) {
                    escaped.push('\\');
                }
                escaped.push('_');
            }
            _ => escaped.push(character),
        }
        before = character;
    }
}

/// Removes the targets of links: `[Vars](../query-file.md#vars)` becomes `Vars`.
pub fn without_targets(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((_, after)) = after.split_once(')') else {
            break;
        };
        match before.rsplit_once('[') {
            Some((before, label)) => out.push_str(&format!("{before}{label}")),
            None => out.push_str(before),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lose_their_targets() {
        for (text, expected) in [
            ("see [Vars](#vars), [A (b)](c.md)", "see Vars, A (b)"),
            ("a `[list]` of [names](x.md)", "a `[list]` of names"),
            ("no link [here] (there)", "no link [here] (there)"),
        ] {
            assert_eq!(without_targets(text), expected);
        }
    }
}
