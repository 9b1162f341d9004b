//! A record as a block of keys and values: used by the table for a single record, and for lists
//! whose columns do not fit side by side.

use super::Terminal;
use super::paint::Look;
use crate::core::text::{ELLIPSIS, display_width, printable, truncate_to_width, wrap};

/// Longer keys do not move the values further to the right.
const WIDEST_KEY: usize = 32;
/// Below this width, values go on a line of their own.
const NARROWEST_VALUE: usize = 16;
const GAP: usize = 2;

/// A key with its value.
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    /// The raw value; newlines start a new line.
    pub(super) value: &'a str,
    pub(super) look: Look,
}

/// Appends the fields, one line each. On a terminal, long values continue on indented lines, so
/// that no value can imitate a key. A value takes at most `most_lines` lines.
pub(super) fn write_fields(
    fields: &[Field<'_>],
    terminal: Option<Terminal>,
    most_lines: usize,
    out: &mut Vec<u8>,
) {
    let keys = fields
        .iter()
        .map(|field| display_width(&printable(field.key)));
    let key_width = keys.filter(|width| *width <= WIDEST_KEY).max().unwrap_or(0);
    let Some(terminal) = terminal else {
        for field in fields {
            write_key(&printable(field.key), key_width, false, out);
            out.extend_from_slice(printable(field.value).as_bytes());
            end_line(out);
        }
        return;
    };
    let beside = Place::new(key_width + GAP, terminal);
    let below = Place::new(GAP, terminal);
    for field in fields {
        let key = printable(field.key);
        write_key(
            &truncate_to_width(&key, terminal.width),
            key_width,
            terminal.color,
            out,
        );
        let place = if display_width(&key) > key_width || beside.suits_less(below, field.value) {
            end_line(out);
            push_blanks(below.indent, out);
            below
        } else {
            beside
        };
        for (index, line) in value_lines(field.value, place.width, most_lines)
            .iter()
            .enumerate()
        {
            if index > 0 {
                push_blanks(place.indent, out);
            }
            field.look.write(line, terminal.color, out);
            end_line(out);
        }
    }
}

/// The position of a value: beside its key or below.
#[derive(Clone, Copy)]
struct Place {
    indent: usize,
    width: usize,
}

impl Place {
    fn new(indent: usize, terminal: Terminal) -> Self {
        Self {
            indent,
            width: terminal.width.saturating_sub(indent).max(1),
        }
    }

    /// Returns true if the value should go to the wider place: too little width is left here, or it
    /// is a single word (such as an id) that would break here but not there.
    fn suits_less(self, wider: Self, value: &str) -> bool {
        let value_width = display_width(value);
        let breaks = value_width > self.width && !value.contains([' ', '\n']);
        (self.width < NARROWEST_VALUE && value_width > self.width)
            || (breaks && value_width <= wider.width)
    }
}

/// Splits the value into lines of at most `width` columns: at least one and at most `most` lines,
/// the last with a `…` if the value was cut.
fn value_lines(value: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in value.trim_end_matches(['\n', '\r']).split('\n') {
        let paragraph = printable(paragraph.trim_end_matches('\r'));
        lines.extend(wrap(&paragraph, width).into_iter().map(str::to_owned));
        if lines.len() > most {
            lines.truncate(most);
            if let Some(last) = lines.last_mut() {
                last.push(ELLIPSIS);
                *last = truncate_to_width(last, width).into_owned();
            }
            break;
        }
    }
    lines
}

fn write_key(key: &str, width: usize, color: bool, out: &mut Vec<u8>) {
    Look::Heading.write(key, color, out);
    push_blanks(width.saturating_sub(display_width(key)) + GAP, out);
}

pub(super) fn push_blanks(count: usize, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b' ', count));
}

/// Ends a line without trailing spaces.
pub(super) fn end_line(out: &mut Vec<u8>) {
    while out.last() == Some(&b' ') {
        out.pop();
    }
    out.push(b'\n');
}
