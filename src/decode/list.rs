//! A JSON document: the items of a list one by one, or a single object.

use serde_json::Value;

use super::whole::Whole;
use super::window::{Window, size};
use super::{DecodeError, STEP};
use crate::core::json::{self, ListParser, ParseError, Step};
use crate::core::rows::RowBuilder;

/// Returns true if the content is a list.
pub fn is_list(window: &mut Window) -> Result<bool, DecodeError> {
    let mut searched = 0;
    loop {
        let rest = &window.rest()[searched..];
        if let Some(first) = rest.iter().find(|byte| !byte.is_ascii_whitespace()) {
            return Ok(*first == b'[');
        }
        searched += rest.len();
        if searched as u64 > window.whole() || !window.fill()? {
            return Ok(false);
        }
    }
}

/// Returns the record of a document that is not a list.
pub fn single(window: Window) -> Result<Value, DecodeError> {
    let mut whole = Whole::new(window, true);
    while !whole.step()? {}
    match whole.into_record()? {
        object @ Value::Object(_) => Ok(object),
        other => {
            let kind = json::kind(&other);
            let words = format!("expected a list of records, got {kind}");
            Err(DecodeError::in_line(1, words))
        }
    }
}

/// The items of a list. Only one of them is in memory.
#[derive(Debug)]
pub struct JsonList {
    window: Window,
    parser: ListParser,
}

/// A reason to stop reading items of the text in memory.
enum Pause {
    /// The batch is full.
    Full,
    /// The list has ended.
    End,
    /// The text ends within an item.
    More,
}

impl JsonList {
    pub fn new(window: Window) -> Self {
        Self {
            window,
            parser: ListParser::default(),
        }
    }

    /// Reads up to `most` items, or about a megabyte.
    pub fn read(&mut self, most: usize, batch: &mut Vec<Value>) -> Result<(), DecodeError> {
        self.read_with(|parser, text, is_complete, is_late| {
            while batch.len() < most && (batch.is_empty() || !is_late) {
                match parser.value(text, is_complete)? {
                    Step::Item(item) => batch.push(item),
                    Step::End => return Ok(Pause::End),
                    Step::More => return Ok(Pause::More),
                }
            }
            Ok(Pause::Full)
        })?;
        Ok(())
    }

    /// Adds rows until the batch is full, or about a megabyte was read. Returns false at the end.
    pub fn read_rows(&mut self, rows: &mut RowBuilder) -> Result<bool, DecodeError> {
        self.read_with(|parser, text, is_complete, is_late| {
            let mut is_first = true;
            while !rows.is_full() && (is_first || !is_late) {
                match parser.row(text, is_complete, rows)? {
                    Step::Item(()) => rows.end_row(),
                    Step::End => return Ok(Pause::End),
                    Step::More => return Ok(Pause::More),
                }
                is_first = false;
            }
            Ok(Pause::Full)
        })
    }

    /// Passes the text in memory to `read`, and more of it as needed. Returns false at the end.
    fn read_with(
        &mut self,
        mut read: impl FnMut(&mut ListParser, &mut &str, bool, bool) -> Result<Pause, ParseError>,
    ) -> Result<bool, DecodeError> {
        let end = self.window.bytes_read() + STEP;
        loop {
            let is_late = self.window.bytes_read() >= end;
            let is_complete = self.window.is_complete();
            let (mut text, is_valid) = valid(self.window.rest(), is_complete);
            let before = text.len();
            let pause = read(
                &mut self.parser,
                &mut text,
                is_complete && is_valid,
                is_late,
            );
            let pause = pause.map_err(|error| {
                let line = error.line() as u64;
                self.window.explain(DecodeError {
                    column: Some(error.column()),
                    ..DecodeError::in_line(line, error.message())
                })
            })?;
            let left = text.len();
            self.window.take(before - left);
            match pause {
                Pause::Full => return Ok(true),
                Pause::End => return Ok(false),
                Pause::More if is_valid => self.need(left)?,
                Pause::More => return Err(self.not_text(left)),
            }
        }
    }

    /// Reads more text after an item that is cut. It is parsed again once there is twice as much, so
    /// that a long item takes linear time.
    fn need(&mut self, left: usize) -> Result<(), DecodeError> {
        let whole = self.window.whole();
        if left as u64 > whole {
            let line = self.parser.line() as u64;
            let message = format!("the record is longer than {}", size(whole));
            return Err(self.window.explain(DecodeError {
                exceeds_whole: true,
                ..DecodeError::in_line(line, message)
            }));
        }
        while self.window.fill()? && self.window.rest().len() < 2 * left {}
        Ok(())
    }

    /// Returns the error for bytes that are not UTF-8 after `text` bytes of the rest.
    fn not_text(&self, text: usize) -> DecodeError {
        let before = &self.window.rest()[..text];
        let line = self.parser.line() + memchr::memchr_iter(b'\n', before).count();
        self.window
            .explain(DecodeError::in_line(line as u64, "not UTF-8"))
    }
}

/// Returns the text at the start of some bytes, and false if bytes that are not UTF-8 follow. A
/// character that is cut at the end may still be completed, unless the bytes are.
fn valid(bytes: &[u8], is_complete: bool) -> (&str, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (text, error.error_len().is_none() && !is_complete)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::decode::{BodyKind, ByteSource, Decoder};

    /// A source that returns a few bytes at a time.
    #[derive(Debug)]
    struct Slow(Bytes, usize);

    impl ByteSource for Slow {
        fn open(&self) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(SlowReader(self.0.clone(), self.1)))
        }
    }

    struct SlowReader(Bytes, usize);

    impl Read for SlowReader {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0.split_to(count));
            Ok(count)
        }
    }

    fn decoder(whole: u64) -> Decoder {
        Decoder {
            kind: BodyKind::Json,
            last: None,
            limit: 64 << 20,
            whole,
        }
    }

    /// Reads a document item by item. Rows must be the same.
    fn read(content: &[u8], size: usize, whole: u64) -> Result<Vec<Value>, String> {
        let source = Slow(Bytes::copy_from_slice(content), size);
        let mut all = Vec::new();
        let mut read_all = || {
            let mut records = decoder(whole).list(&source)?;
            while let Some(batch) = records.next_batch(300)? {
                all.extend(batch);
            }
            Ok(())
        };
        let result = read_all().map_err(|error: DecodeError| error.about("`a.json`"));
        let mut rows = RowBuilder::default();
        let mut count = 0;
        let mut read_rows = || {
            let mut records = decoder(whole).list(&source)?;
            while records.read_rows(&mut rows)? {
                if rows.is_full() {
                    count += rows.take().map_or(0, |batch| batch.len());
                }
            }
            count += rows.take().map_or(0, |batch| batch.len());
            Ok(())
        };
        let of_rows = read_rows().map_err(|error: DecodeError| error.about("`a.json`"));
        assert_eq!(of_rows, result);
        result.map(|()| {
            assert_eq!(count, all.len());
            all
        })
    }

    #[test]
    fn a_document_is_a_list_or_an_object() {
        let words = |words: &str| Err(format!("`a.json`, {words}"));
        let cases: [(&[u8], Result<Value, String>); 13] = [
            (b"[]", Ok(json!([]))),
            (
                b"\xef\xbb\xbf [{\"a\": 1},\n2] \n",
                Ok(json!([{ "a": 1 }, 2])),
            ),
            (b" {\"a\": [1]} ", Ok(json!([{ "a": [1] }]))),
            (b"", words("line 1, column 0: EOF while parsing a value")),
            (
                b"3",
                words("line 1: expected a list of records, got a number"),
            ),
            (b"[1,\n\n2}", words("line 3, column 2: expected `,` or `]`")),
            (b"[1,\n]", words("line 2, column 1: trailing comma")),
            (
                b"[1]\n\n[2]",
                words("line 3, column 1: trailing characters"),
            ),
            (
                b"[1,\n2",
                words("line 2, column 1: EOF while parsing a list"),
            ),
            (b"[1,\n\"\xff\"]", words("line 2: not UTF-8")),
            (b"[1]\n\xc3", words("line 2: not UTF-8")),
            (b"[\"\xe2\x82", words("line 1: not UTF-8")),
            (
                b"{\"a\":\n1} 2",
                words("line 2, column 4: trailing characters"),
            ),
        ];
        for (content, expected) in cases {
            let expected = expected.map(|list| list.as_array().cloned().unwrap_or_default());
            for size in [1, 2, 5, 1_000] {
                let shown = String::from_utf8_lossy(content);
                assert_eq!(read(content, size, 1 << 20), expected, "{size} {shown}");
            }
        }
    }

    #[test]
    fn a_list_of_any_length_is_read_and_a_fault_has_its_place() {
        let record = |number: usize| format!("{{\"number\":{number},\"text\":\"é{number}\"}}");
        let records: Vec<String> = (0..40_000).map(record).collect();
        let text = format!("[{}]", records.join(",\n"));
        let all = read(text.as_bytes(), 10_000, 1 << 10).expect("records");
        assert_eq!(all.len(), 40_000);
        assert_eq!(all[39_999]["number"], json!(39_999));
        let damaged = text.replace("\"number\":30000,", "\"number\":030000,");
        let error = read(damaged.as_bytes(), 10_000, 1 << 10).expect_err("it is damaged");
        let whole = json::parse(damaged.as_bytes()).expect_err("it is damaged");
        assert_eq!((whole.line(), whole.column()), (30_001, 17));
        assert_eq!(error, "`a.json`, line 30001, column 17: invalid number");
    }

    #[test]
    fn a_record_may_be_as_long_as_what_is_held_in_memory() {
        let text = format!("[1, \"{}\",\n2]", "é".repeat(400_000));
        for size in [1_000, 1 << 20] {
            assert_eq!(
                read(text.as_bytes(), size, 1 << 20).map(|all| all.len()),
                Ok(3)
            );
            let error = read(text.as_bytes(), size, 100_000).expect_err("it is too long");
            assert_eq!(
                error,
                "`a.json`, line 1: the record is longer than 100000 bytes"
            );
        }
    }
}
