//! Parses a JSON list whose text arrives in pieces, so that only one item is in memory.

use serde_json::Value;

use super::parse::{ParseError, Parser};
use crate::core::rows::RowBuilder;

/// The next part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The opening bracket.
    Start,
    /// The first item, or the end.
    First,
    /// An item.
    Item,
    /// Nothing but white space.
    Nothing,
}

/// The result of parsing an item.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// An item.
    Item(T),
    /// The list has ended, and white space after it was read.
    End,
    /// The text ends within an item. It has to be passed again, with more text after it.
    More,
}

/// Parses the items of a list one by one. Errors are those of [`super::parse()`] for the whole text,
/// in order of their places.
#[derive(Debug)]
pub struct ListParser {
    next: Next,
    /// The number of lines before the text, and of bytes before it in its first line.
    lines: usize,
    bytes: usize,
}

impl Default for ListParser {
    fn default() -> Self {
        Self {
            next: Next::Start,
            lines: 0,
            bytes: 0,
        }
    }
}

impl ListParser {
    /// Parses the next item at the start of a text, and removes it from the text. `is_complete` is
    /// true if nothing follows the text.
    ///
    /// # Errors
    ///
    /// As [`super::parse()`]. The limit on the number of values applies to each item.
    pub fn value(&mut self, text: &mut &str, is_complete: bool) -> Result<Step<Value>, ParseError> {
        self.item(text, is_complete, |parser| parser.value(1))
    }

    /// Adds the next item to the current row, as [`super::parse_row`] does. The row is empty if the
    /// text ends within the item.
    ///
    /// # Errors
    ///
    /// As [`ListParser::value`].
    pub fn row(
        &mut self,
        text: &mut &str,
        is_complete: bool,
        row: &mut RowBuilder,
    ) -> Result<Step<()>, ParseError> {
        let step = self.item(text, is_complete, |parser| {
            if parser.peek() == Some(b'{') {
                return parser.row(1, row);
            }
            let value = parser.value(1)?;
            row.value("value", &value);
            Ok(())
        });
        if matches!(step, Ok(Step::More)) {
            row.abandon_row();
        }
        step
    }

    /// Returns the number of the line in which the text begins.
    pub fn line(&self) -> usize {
        self.lines + 1
    }

    fn item<T>(
        &mut self,
        text: &mut &str,
        is_complete: bool,
        read: impl FnOnce(&mut Parser<'_>) -> Result<T, ParseError>,
    ) -> Result<Step<T>, ParseError> {
        let mut parser = Parser::of_text(text);
        let mut next = self.next;
        match step(&mut parser, &mut next, read) {
            Ok(step) => {
                self.next = next;
                self.take(text, parser.at);
                Ok(match step {
                    Step::End if !is_complete => Step::More,
                    step => step,
                })
            }
            Err(error) if error.is_eof() && !is_complete => Ok(Step::More),
            Err(error) => Err(error.after(self.lines, self.bytes)),
        }
    }

    fn take(&mut self, text: &mut &str, count: usize) {
        let (taken, rest) = text.split_at(count);
        *text = rest;
        match memchr::memrchr(b'\n', taken.as_bytes()) {
            None => self.bytes += count,
            Some(last) => {
                self.lines += memchr::memchr_iter(b'\n', taken.as_bytes()).count();
                self.bytes = count - last - 1;
            }
        }
    }
}

fn step<T>(
    parser: &mut Parser<'_>,
    next: &mut Next,
    read: impl FnOnce(&mut Parser<'_>) -> Result<T, ParseError>,
) -> Result<Step<T>, ParseError> {
    const CUT: &str = "EOF while parsing a list";
    if *next == Next::Start {
        if parser.next("EOF while parsing a value")? != b'[' {
            return Err(parser.fault("expected a list"));
        }
        parser.at += 1;
        *next = Next::First;
    }
    if *next == Next::First && parser.next(CUT)? == b']' {
        parser.at += 1;
        *next = Next::Nothing;
    }
    if *next == Next::Nothing {
        parser.skip_blanks();
        return match parser.peek() {
            None => Ok(Step::End),
            Some(_) => Err(parser.fault("trailing characters")),
        };
    }
    if parser.next("EOF while parsing a value")? == b']' {
        return Err(parser.fault("trailing comma"));
    }
    let item = read(parser)?;
    *next = match parser.next(CUT)? {
        b',' => Next::Item,
        b']' => Next::Nothing,
        _ => return Err(parser.fault("expected `,` or `]`")),
    };
    parser.at += 1;
    Ok(Step::Item(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::json::parse;
    use crate::core::testing::numbers;

    /// Parses a text that arrives `size` bytes at a time.
    fn in_pieces(text: &str, size: usize) -> Result<Vec<Value>, String> {
        let mut parser = ListParser::default();
        let mut items = Vec::new();
        let (mut from, mut to) = (0, 0);
        loop {
            let mut rest = &text[from..to];
            let before = rest.len();
            let step = parser.value(&mut rest, to == text.len());
            from += before - rest.len();
            match step.map_err(|error| error.to_string())? {
                Step::Item(item) => items.push(item),
                Step::End => return Ok(items),
                Step::More => {
                    assert!(to < text.len(), "there is no more");
                    to = (to + size).min(text.len());
                    while !text.is_char_boundary(to) {
                        to += 1;
                    }
                }
            }
        }
    }

    fn at_once(text: &str) -> Result<Vec<Value>, String> {
        match parse(text.as_bytes()).map_err(|error| error.to_string())? {
            Value::Array(items) => Ok(items),
            other => panic!("{other} is no list"),
        }
    }

    #[test]
    fn pieces_of_any_size_are_read_as_the_whole() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let texts = [
            "[]".to_owned(),
            " [ ] \n".to_owned(),
            "[1]".to_owned(),
            "[12, 3.50,\r\n-0,1E5]".to_owned(),
            "[\n{\"a\": [1, {\"b\": \"]},[\\\"\"}]},\n{} , [ ], null,true, \"é😀\\ud83d\\ude00\"\n]\n\n".to_owned(),
            deep(127),
            format!("[{}]", deep(126)),
            // Faults.
            "[".to_owned(),
            "[1".to_owned(),
            "[1,".to_owned(),
            "[1,]".to_owned(),
            "[1,\n ]".to_owned(),
            "[,]".to_owned(),
            "[1 2]".to_owned(),
            "[\n1\n 2]".to_owned(),
            "[1]\n x".to_owned(),
            "[1] [2]".to_owned(),
            "[]]".to_owned(),
            "[{\"a\":1},\n{\"a\":01}]".to_owned(),
            "[{\"a\":1},\n{\"a\":1".to_owned(),
            "[{\"a\":1},\n{\"a".to_owned(),
            "[1,\"a\nb\"]".to_owned(),
            "[1,\n tru]".to_owned(),
            "[1,\n tru".to_owned(),
            "[1.".to_owned(),
            "[1}".to_owned(),
            "[\"\\u12".to_owned(),
            "[\"\\u12x4\"]".to_owned(),
            "[{\"é\": 1, }]".to_owned(),
            deep(128),
            format!("[1,\n{}]", deep(127)),
            format!("[1,\n{{\"a\":{}}}]", deep(126)),
        ];
        for text in &texts {
            for size in [1, 2, 3, 7, 1_000] {
                assert_eq!(in_pieces(text, size), at_once(text), "{size} {text}");
            }
        }
    }

    #[test]
    fn random_lists_are_read_as_the_whole() {
        let mut random = numbers(13);
        let alphabet = [
            "[", "]", "{", "}", ",", ":", "\"a\"", "\"é\\\"", "\"", "1", "-2.5e3", "\n", " ",
            "null", "tr", "ue",
        ];
        for _ in 0..20_000 {
            let length = random(14);
            let mut text = "[".to_owned();
            for _ in 0..length {
                text.push_str(alphabet[random(alphabet.len())]);
            }
            let size = 1 + random(4);
            assert_eq!(in_pieces(&text, size), at_once(&text), "{size} {text}");
        }
    }

    #[test]
    fn rows_that_are_cut_leave_nothing() {
        let text = "[{\"a\":1,\"b\":\"x\"},{\"b\":[1, 2],\"a\":null}, 7]";
        let (mut whole, mut pieces) = (RowBuilder::default(), RowBuilder::default());
        for (rows, size) in [(&mut whole, text.len()), (&mut pieces, 1)] {
            let mut parser = ListParser::default();
            let (mut from, mut to) = (0, size);
            loop {
                let mut rest = &text[from..to];
                let before = rest.len();
                let step = parser.row(&mut rest, to == text.len(), rows);
                from += before - rest.len();
                match step.expect("a row") {
                    Step::Item(()) => rows.end_row(),
                    Step::End => break,
                    Step::More => to += 1,
                }
            }
        }
        let shown = |rows: &mut RowBuilder| {
            let batch = rows.take().expect("rows");
            let cells =
                (0..batch.len()).map(|row| format!("{:?}", batch.row(row).collect::<Vec<_>>()));
            (cells.collect::<Vec<_>>(), batch.fresh_keys().to_vec())
        };
        assert_eq!(shown(&mut pieces), shown(&mut whole));
    }
}
