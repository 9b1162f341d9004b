//! Splits separated values into rows of fields.
//!
//! An empty field is null, and a quoted empty field an empty string. CSV libraries do not
//! distinguish the two, hence this parser.

use std::borrow::Cow;

use super::window::{Window, size};
use super::{DecodeError, MOST_COLUMNS};

/// The usual spelling of null in exports of databases.
const NULL: &[u8] = b"\\N";

/// The syntax of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 4180, with any mix of line breaks (LF, CR LF, CR).
    Csv,
    /// Tab-separated values; `\t`, `\n`, `\r` and `\\` are escapes.
    Tsv,
}

/// The spelling of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is.
    Bare,
    /// Without its quotes.
    Quoted,
    /// Without its quotes, with `""` for each quote inside.
    DoubledQuotes,
    /// With backslashes.
    Escaped,
}

/// A field of the current row.
#[derive(Debug, Clone, Copy)]
struct Field {
    from: usize,
    to: usize,
    form: Form,
}

/// Reads the rows of a source.
#[derive(Debug)]
pub struct Rows {
    window: Window,
    dialect: Dialect,
    /// The line at which the next row begins.
    next_line: u64,
    /// The length of the current row with its break.
    taken: usize,
    split: Split,
}

/// The fields of a row; of more than [`MOST_COLUMNS`], only the number is kept.
#[derive(Debug, Default)]
struct Split {
    fields: Vec<Field>,
    count: usize,
    /// The line breaks inside quotes.
    breaks: u64,
}

impl Split {
    fn push(&mut self, from: usize, to: usize, form: Form) {
        self.count += 1;
        if self.fields.len() <= MOST_COLUMNS {
            self.fields.push(Field { from, to, form });
        }
    }
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    /// The line at which it begins.
    pub line: u64,
    text: &'r str,
    fields: &'r [Field],
    count: usize,
}

/// The result of splitting a row.
enum Found {
    /// The length of the row with its break.
    Row(usize),
    /// The row may go on after the bytes in memory.
    Unfinished,
}

/// A fault, and the number of line breaks before it in the row.
struct Fault(u64, &'static str);

impl Rows {
    /// Reads a source from its beginning.
    pub fn new(window: Window, dialect: Dialect) -> Self {
        Self {
            window,
            dialect,
            next_line: 1,
            taken: 0,
            split: Split::default(),
        }
    }

    /// Returns the number of bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.window.bytes_read()
    }

    /// Adds the beginning of the content to an error.
    pub fn explain(&self, error: DecodeError) -> DecodeError {
        self.window.explain(error)
    }

    /// Reads the next row.
    pub fn next(&mut self) -> Result<Option<Row<'_>>, DecodeError> {
        self.window.take(self.taken);
        self.taken = 0;
        let line = self.next_line;
        loop {
            let (rest, is_complete) = (self.window.rest(), self.window.is_complete());
            if rest.is_empty() && is_complete {
                return Ok(None);
            }
            self.split.fields.clear();
            self.split.count = 0;
            self.split.breaks = 0;
            let found = match self.dialect {
                Dialect::Csv => split_csv(rest, is_complete, &mut self.split),
                Dialect::Tsv => Ok(split_tsv(rest, is_complete, &mut self.split)),
            };
            match found {
                Ok(Found::Row(length)) => {
                    self.taken = length;
                    break;
                }
                Ok(Found::Unfinished) if self.window.has_room() => {}
                Ok(Found::Unfinished) => {
                    let most = size(self.window.longest());
                    let words = format!("the row is longer than {most}");
                    return Err(self.window.too_long(DecodeError::in_line(line, words)));
                }
                Err(Fault(breaks, message)) => {
                    let error = DecodeError::in_line(line + breaks, message);
                    return Err(self.explain(error));
                }
            }
            // A row that does not end is split again from its beginning, so that much has to come.
            let wanted = self.window.rest().len().saturating_mul(2);
            while self.window.fill()? && self.window.rest().len() < wanted {}
        }
        self.next_line = line + 1 + self.split.breaks;
        let bytes = &self.window.rest()[..self.taken];
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let breaks = breaks(&bytes[..error.valid_up_to()]);
            self.explain(DecodeError::in_line(line + breaks, "not UTF-8"))
        })?;
        Ok(Some(Row {
            line,
            text,
            fields: &self.split.fields,
            count: self.split.count,
        }))
    }
}

impl<'r> Row<'r> {
    /// Returns the number of fields.
    pub fn width(&self) -> usize {
        self.count
    }

    /// Returns true for an empty line.
    pub fn is_empty(&self) -> bool {
        matches!(self.fields, [field] if field.form == Form::Bare && field.from == field.to)
    }

    /// Returns the fields; `None` is null.
    pub fn fields(&self) -> impl Iterator<Item = Option<Cow<'r, str>>> {
        let text = self.text;
        self.fields.iter().map(move |field| {
            let written = &text[field.from..field.to];
            match field.form {
                Form::Bare if written.is_empty() || written.as_bytes() == NULL => None,
                Form::Bare | Form::Quoted => Some(Cow::Borrowed(written)),
                Form::DoubledQuotes => Some(Cow::Owned(written.replace("\"\"", "\""))),
                Form::Escaped => Some(Cow::Owned(unescaped(written))),
            }
        })
    }

    /// Returns the fields of a header, where nothing is null.
    pub fn names(&self) -> impl Iterator<Item = Cow<'r, str>> {
        let text = self.text;
        let written = self
            .fields
            .iter()
            .map(move |field| &text[field.from..field.to]);
        let fields = self.fields().zip(written);
        fields.map(|(field, written)| field.unwrap_or(Cow::Borrowed(written)))
    }
}

/// Splits the first row of `bytes`, which is not empty.
fn split_csv(bytes: &[u8], is_complete: bool, split: &mut Split) -> Result<Found, Fault> {
    let mut from = 0;
    'quoted: loop {
        if bytes.get(from) == Some(&b'"') {
            let Some(end) = quoted(bytes, from, is_complete, split)? else {
                return Ok(Found::Unfinished);
            };
            match bytes.get(end) {
                Some(b',') => {
                    from = end + 1;
                    continue;
                }
                _ => return Ok(row_end(bytes, end, is_complete)),
            }
        }
        // A field that is not quoted may have quotes inside.
        for at in memchr::memchr3_iter(b',', b'\n', b'\r', &bytes[from..]).map({
            let start = from;
            move |at| start + at
        }) {
            split.push(from, at, Form::Bare);
            if bytes[at] != b',' {
                return Ok(row_end(bytes, at, is_complete));
            }
            from = at + 1;
            if bytes.get(from) == Some(&b'"') {
                continue 'quoted;
            }
        }
        if !is_complete {
            return Ok(Found::Unfinished);
        }
        split.push(from, bytes.len(), Form::Bare);
        return Ok(Found::Row(bytes.len()));
    }
}

/// Reads a quoted field and returns its end; `None` if it goes on after the bytes in memory.
fn quoted(
    bytes: &[u8],
    quote: usize,
    is_complete: bool,
    split: &mut Split,
) -> Result<Option<usize>, Fault> {
    let from = quote + 1;
    let mut at = from;
    let mut form = Form::Quoted;
    loop {
        let Some(found) = memchr::memchr(b'"', &bytes[at..]) else {
            return if is_complete {
                Err(Fault(split.breaks, "unclosed quote"))
            } else {
                Ok(None)
            };
        };
        let end = at + found;
        match bytes.get(end + 1) {
            Some(b'"') => {
                form = Form::DoubledQuotes;
                at = end + 2;
            }
            Some(b',' | b'\n' | b'\r') => {
                split.breaks += breaks(&bytes[from..end]);
                split.push(from, end, form);
                return Ok(Some(end + 1));
            }
            None if is_complete => {
                split.breaks += breaks(&bytes[from..end]);
                split.push(from, end, form);
                return Ok(Some(end + 1));
            }
            None => return Ok(None),
            Some(_) => {
                let words = "expected a comma or the end of the line after a closing quote";
                return Err(Fault(split.breaks + breaks(&bytes[from..end]), words));
            }
        }
    }
}

fn split_tsv(bytes: &[u8], is_complete: bool, split: &mut Split) -> Found {
    let mut from = 0;
    let push = |split: &mut Split, from: usize, to: usize| {
        let field = &bytes[from..to];
        let is_plain = field == NULL || memchr::memchr(b'\\', field).is_none();
        split.push(from, to, if is_plain { Form::Bare } else { Form::Escaped });
    };
    for at in memchr::memchr3_iter(b'\t', b'\n', b'\r', bytes) {
        push(split, from, at);
        if bytes[at] != b'\t' {
            return row_end(bytes, at, is_complete);
        }
        from = at + 1;
    }
    if !is_complete {
        return Found::Unfinished;
    }
    push(split, from, bytes.len());
    Found::Row(bytes.len())
}

/// Returns the end of a row whose last field ends at `at`.
fn row_end(bytes: &[u8], at: usize, is_complete: bool) -> Found {
    match (bytes.get(at), bytes.get(at + 1)) {
        (None, _) => Found::Row(at),
        (Some(b'\r'), Some(b'\n')) => Found::Row(at + 2),
        (Some(b'\r'), None) if !is_complete => Found::Unfinished,
        _ => Found::Row(at + 1),
    }
}

/// Counts line breaks: LF, CR LF and CR.
fn breaks(bytes: &[u8]) -> u64 {
    let all = memchr::memchr2_iter(b'\n', b'\r', bytes);
    let pairs = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) == Some(&b'\n'));
    (all.count() - pairs.count()) as u64
}

fn unescaped(field: &str) -> String {
    let mut text = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => text.push('\t'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('\\') => text.push('\\'),
            other => {
                text.push('\\');
                text.extend(other);
            }
        }
    }
    text
}
