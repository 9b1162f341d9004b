//! Reads an answers file.
//!
//! The file is a YAML stream, one document an exchange. It is read without a YAML library, which
//! would change numbers and be slow: the format is a strict part of YAML, and JSON in it is read as
//! JSON.
//!
//! | part | form |
//! | --- | --- |
//! | first line | `--- # runner answers 1 · recorded 2026-11-25T09:00:00Z · circleci`; time and resources may be absent |
//! | separator | a line `---` |
//! | comment | a line that begins with `#`, outside of values; after a scalar |
//! | `ask` | `METHOD /path?params` or `METHOD https://…`, plain or in quotes |
//! | `of` | `{ query: …, item: … }` |
//! | `status` | 100 to 599; 200 if absent |
//! | `headers` | `{ name: value, name: [value, value] }` |
//! | `delay` | a duration |
//! | `broken` | `connection` or `half` |
//! | `sent`, `body` | JSON |
//! | `sent_text`, `text` | a block (`\|`, `\|-`, `\|+`, `\|2`) or a text in double quotes, whose lines a backslash joins |
//! | `sent_base64`, `base64` | base64, in quotes or plain |
//!
//! A value ends where the next line begins with a key, `---` or `#` in the first column. An exchange
//! without `body`, `text` and `base64` has an empty answer.

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::name::hint;
use crate::core::source::{SourceFile, Span};
use crate::core::time::parse_timestamp;
use crate::recording::Recording;
use crate::recording::entry::{Entry, Faults, KEYS};
use crate::recording::exchange::exchange;

/// The maximum size of a file.
pub const LARGEST: usize = 64 * 1024 * 1024;

/// The version of the format.
const VERSION: &str = "1";

const FIRST_LINE: &str = "an answers file begins with `--- # runner answers 1`";

/// Reads an answers file.
///
/// # Errors
///
/// Returns all faults of the file (the first twenty of them).
pub fn read(file: &Arc<SourceFile>) -> Result<Recording, Vec<Diagnostic>> {
    let mut reader = Reader::new(file);
    let mut recording = Recording::default();
    if let Some(first) = reader.first_line(&mut recording) {
        reader.exchanges(first, &mut recording);
    }
    reader.faults.or(recording)
}

/// A line without its line break.
#[derive(Clone, Copy)]
struct Line<'t> {
    text: &'t str,
    start: usize,
}

impl Line<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn span(&self) -> Span {
        Span::new(self.start, self.end())
    }

    fn is_separator(&self) -> bool {
        let rest = self.text.strip_prefix("---");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    }

    /// Returns the key at the start of the line, up to its colon.
    fn key(&self) -> Option<&str> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let end = self.text.find(|c| !is_word(c))?;
        let (key, rest) = self.text.split_at(end);
        let rest = rest.strip_prefix(':')?;
        let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
            && (rest.is_empty() || rest.starts_with([' ', '\t']));
        is_key.then_some(key)
    }
}

struct Reader<'f> {
    text: &'f str,
    at: usize,
    faults: Faults<'f>,
}

impl<'f> Reader<'f> {
    fn new(file: &'f Arc<SourceFile>) -> Self {
        let text = file.text();
        Self {
            text,
            // A byte order mark.
            at: if text.starts_with('\u{feff}') { 3 } else { 0 },
            faults: Faults::new(file),
        }
    }

    /// Returns the next line without moving on.
    fn peek(&self) -> Option<Line<'f>> {
        if self.at >= self.text.len() {
            return None;
        }
        let rest = &self.text[self.at..];
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let line = &rest[..end];
        Some(Line {
            text: line.strip_suffix('\r').unwrap_or(line),
            start: self.at,
        })
    }

    fn next(&mut self) -> Option<Line<'f>> {
        let line = self.peek()?;
        let rest = &self.text.as_bytes()[self.at..];
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
        self.at += end;
        Some(line)
    }

    /// Reads up to the first separator and returns it. Fails if it is not the first line of a file
    /// of answers, since all else would only follow from that.
    fn first_line(&mut self, recording: &mut Recording) -> Option<Line<'f>> {
        if self.text.len() > LARGEST {
            let size = self.text.len();
            let message = format!("the file has {size} bytes, more than {LARGEST}");
            self.faults.fault(Span::default(), Code::TooLarge, message);
            return None;
        }
        let line = loop {
            match self.next() {
                Some(line) if line.text.trim().is_empty() => {}
                Some(line) if line.text.starts_with('#') => {}
                Some(line) if line.is_separator() => break line,
                other => {
                    let span = other.map_or(Span::default(), |line| line.span());
                    let message = "this is not an answers file";
                    let diagnostic = self.faults.diagnostic(span, Code::Answers, message);
                    self.faults.push(diagnostic.help(FIRST_LINE));
                    return None;
                }
            }
        };
        let comment = line.text[3..].trim();
        let mut parts = comment.trim_start_matches('#').split('·').map(str::trim);
        let version = parts.next().unwrap_or_default();
        let Some(version) = version.strip_prefix("runner answers ") else {
            let message = "this is not an answers file";
            let diagnostic = self.faults.diagnostic(line.span(), Code::Answers, message);
            self.faults.push(diagnostic.help(FIRST_LINE));
            return None;
        };
        if version != VERSION {
            let message =
                format!("the file has version `{version}`, this runner reads version {VERSION}");
            let diagnostic = self.faults.diagnostic(line.span(), Code::Answers, message);
            self.faults
                .push(diagnostic.help("update runner, or record the file again"));
            return None;
        }
        for part in parts {
            match part.strip_prefix("recorded ") {
                Some(time) => {
                    recording.recorded = parse_timestamp(time);
                    if recording.recorded.is_none() {
                        let message = format!("`{time}` is not a time");
                        self.faults.fault(line.span(), Code::Answers, message);
                    }
                }
                None => recording.resources.extend(
                    part.split(',')
                        .map(|name| name.trim().to_owned())
                        .filter(|name| !name.is_empty()),
                ),
            }
        }
        Some(line)
    }

    /// Reads the documents after their first separator.
    fn exchanges(&mut self, first: Line<'f>, recording: &mut Recording) {
        let mut separator = first;
        loop {
            let entries = self.document();
            let next = self.next();
            // A file without exchanges is the answer to a run that asks for nothing.
            let is_empty_file =
                entries.is_empty() && next.is_none() && separator.start == first.start;
            if !is_empty_file && !self.faults.is_full() {
                recording
                    .exchanges
                    .extend(exchange(&mut self.faults, separator.span(), &entries));
            }
            match next {
                Some(line) if !self.faults.is_full() => {
                    let rest = line.text[3..].trim();
                    if !rest.is_empty() && !rest.starts_with('#') {
                        let message = "unexpected text after `---`";
                        self.faults.fault(line.span(), Code::Answers, message);
                    }
                    separator = line;
                }
                _ => return,
            }
        }
    }

    /// Reads the entries up to the next separator.
    fn document(&mut self) -> Vec<Entry<'f>> {
        let mut entries: Vec<Entry<'f>> = Vec::new();
        // The last entry, if its value may go on in the next line. Unknown keys have values, too.
        let mut is_open = false;
        let mut is_ignored = false;
        while let Some(line) = self.peek() {
            if line.is_separator() || self.faults.is_full() {
                break;
            }
            self.next();
            let starts_inside = line.text.starts_with([' ', '\t']) || line.text.is_empty();
            if line.text.starts_with('#') {
                is_open = false;
            } else if !starts_inside && let Some(key) = line.key() {
                let entry = self.entry(key, line, &entries);
                is_ignored = entry.is_none();
                is_open = !is_ignored;
                entries.extend(entry);
            } else if is_open
                && let Some(entry) = entries.last_mut()
                && (starts_inside || entry.holds_json())
            {
                entry.value = &self.text[entry.start..self.at];
            } else if !is_ignored && !line.text.trim().is_empty() {
                let diagnostic = self
                    .faults
                    .diagnostic(line.span(), Code::Answers, "expected `key: value`")
                    .help("lines of a text begin with two spaces");
                self.faults.push(diagnostic);
                // The next lines are likely of the same kind.
                is_ignored = true;
                is_open = false;
            }
        }
        entries
    }

    fn entry(&mut self, key: &str, line: Line<'f>, known: &[Entry<'f>]) -> Option<Entry<'f>> {
        let key_span = Span::new(line.start, line.start + key.len());
        let Some(known_key) = KEYS.iter().find(|known| **known == key) else {
            let message = format!("unknown key `{key}`");
            let diagnostic = self
                .faults
                .diagnostic(key_span, Code::UnknownKey, message)
                .maybe_help(hint(key, KEYS));
            self.faults.push(diagnostic);
            return None;
        };
        if known.iter().any(|entry| entry.key == *known_key) {
            let message = format!("`{key}` is given twice");
            let diagnostic = self
                .faults
                .diagnostic(key_span, Code::DuplicateKey, message)
                .help("a line `---` begins the next exchange");
            self.faults.push(diagnostic);
            return None;
        }
        Some(Entry {
            key: known_key,
            key_span,
            value: &self.text[line.start + key.len() + 1..self.at],
            start: line.start + key.len() + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::entry::REST;
    use crate::recording::tests::{file, reading};
    use crate::recording::{Broken, Content};

    /// Returns the faults of a file, with their places and the underlined bytes.
    fn faults(text: &str) -> String {
        let file = file(text);
        let faults = read(&file).expect_err(text);
        let shown = |fault: &Diagnostic| {
            let place = fault.place.as_ref().expect("a place");
            let at = file.line_column(place.span.start);
            let bytes = &text[place.span.start..place.span.end];
            let code = fault.code;
            let help = match fault.help.as_slice() {
                [] => String::new(),
                help => format!(" ({})", help.join("; ")),
            };
            let message = &fault.message;
            format!(
                "{}:{} [{bytes}] {code}: {message}{help}\n",
                at.line, at.column
            )
        };
        faults.iter().map(shown).collect()
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        let recording = reading(
            r#"--- # runner answers 1 · recorded 2026-11-25T09:00:00Z · circleci
ask: GET /workflow/41e9b64b/job
of: { query: failed-jobs, item: workflow 41e9b64b }
status: 200
body:
  { "items": [
    { "id": "3e7019ef", "name": "build-image", "status": "failed", "job_number": 1233672 } ],
    "next_page_token": null }
"#,
        );
        assert_eq!(recording.resources, ["circleci"]);
        let recorded = &recording.exchanges[0];
        assert_eq!(recorded.ask.label(), "GET /workflow/41e9b64b/job");
        assert_eq!(recorded.of.item.as_deref(), Some("workflow 41e9b64b"));
        assert_eq!(
            recorded.place.as_ref().expect("a place").short(),
            "usual.answers.yaml:2:6"
        );
        assert!(matches!(&recorded.answer.body, Content::Json(body)
            if body["items"][0]["job_number"] == 1_233_672));
    }

    #[test]
    fn people_write_it_in_other_ways() {
        let recording = reading(
            "\u{feff}\n# the answers of one day\n---  # runner answers 1\n\
             # of the first page\nask: \"GET /a b\" # quoted\ndelay: 1.5s # slow\nbroken: half\n\
             headers: {link: [\"<a>\", <b>], \"x\": 'it''s'}\n\
             \n\
             body: {\n  \"a\": [1.10,\n1e400]\n}\n\
             ---\nask: POST /b\nsent_text: |\n    two\n\n      lines\n\nstatus: 404\n\
             base64: |\n  AP\n  8=\n\
             ---\nask: GET /c\ntext: |2+\n   one\n\n",
        );
        let [first, second, third] = recording.exchanges.as_slice() else {
            panic!("three exchanges");
        };
        assert_eq!(first.ask.target, "/a b");
        assert_eq!(first.answer.delay.as_millis(), 1500);
        assert_eq!(first.answer.broken, Some(Broken::Half));
        let headers: Vec<String> = first
            .answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(headers, ["link=<a>", "link=<b>", "x=it's"]);
        let Content::Json(body) = &first.answer.body else {
            panic!("JSON");
        };
        assert_eq!(body.to_string(), r#"{"a":[1.10,1e400]}"#);
        assert_eq!(
            second.ask.sent,
            Content::Text("two\n\n  lines\n".to_owned())
        );
        assert_eq!(second.answer.status, 404);
        assert_eq!(second.answer.body, Content::Bytes(vec![0, 255]));
        assert_eq!(third.answer.body, Content::Text(" one\n\n".to_owned()));
        assert_eq!(third.answer.status, 200);
        assert!(reading("--- # runner answers 1").exchanges.is_empty());
    }

    #[test]
    fn all_faults_of_a_file_are_reported_with_their_places() {
        let text = "--- # runner answers 1 · recorded yesterday\n\
             ask: get /me\nstats: 200\nstatus: 99\nheaders: { a: b\nbody: {\"a\":\n  1.}\n\
             ---\n\
             ask: GET me\nask: GET /you\ndelay: soon\nbroken: half\nof: { query: [a, b], iten: x, item: y }\n\
             body: Not found\ntext: x\n\
             ---\nstatus: 200\nbody:\n\
             ---\nask: GET /a\ntext: >\n  a\n\
             ---\nask: GET /a\ntext: |\n   a\n  b\n\
             ---\nask: GET /a\ntext: |\n  a\nb\nc\nbase64: ???\n";
        insta::assert_snapshot!(faults(text), @r#"
        1:1 [--- # runner answers 1 · recorded yesterday] answers: `yesterday` is not a time
        2:6 [get /me] answers: `ask` needs a method such as `GET`, got `get` (did you mean `GET`?)
        3:1 [stats] unknown-key: unknown key `stats` (did you mean `status`?)
        4:9 [99] wrong-type: `status` takes a number from 100 to 599, got `99`
        5:16 [] answers: `headers`: expected `,` or `}` (`headers` takes `{ name: "value" }`)
        7:5 [}] not-json: `body` is not JSON: invalid number
        9:6 [GET me] answers: `ask` needs a path that begins with `/`, got `me` (`ask` takes a method and a path below `base_url`: `GET /me?page=2`)
        10:1 [ask] duplicate-key: `ask` is given twice (a line `---` begins the next exchange)
        11:8 [soon] wrong-type: `delay` takes a duration such as `30s`, `5m`, `1h30m` or `7d`, got `soon`
        13:7 [query] wrong-type: `query` takes one text
        13:22 [iten] unknown-key: unknown key `iten` (did you mean `item`?)
        14:7 [N] not-json: `body` is not JSON: expected value (a text that is not JSON: `text`)
        15:1 [text] answers: `body` and `text` cannot both be given
        16:1 [---] missing-key: this exchange lacks `ask` (`ask: GET /path` is the request that it answers)
        18:1 [body] missing-value: `body` has no value (without the key, the body is empty; `null` is JSON's null)
        21:7 [>] answers: `text` cannot be folded with `>` (use `|`, which keeps the lines)
        27:1 [  b] answers: `text`: this line is indented by less than 3 spaces (a text is in double quotes, or in indented lines below `|`)
        32:1 [b] answers: expected `key: value` (lines of a text begin with two spaces)
        34:1 [base64] answers: `text` and `base64` cannot both be given
        "#);
    }

    #[test]
    fn another_file_is_refused_with_one_fault() {
        for text in [
            "",
            "query: failed-jobs\ncases: {}\n",
            "---\nask: GET /me\n",
            "{\"log\": {}}",
            "--- # runner answers one\n",
        ] {
            let faults = faults(text);
            assert_eq!(faults.lines().count(), 1, "{faults}");
        }
        insta::assert_snapshot!(faults("--- # runner answers 2 · x\nask: x\n"), @"1:1 [--- # runner answers 2 · x] answers: the file has version `2`, this runner reads version 1 (update runner, or record the file again)");
    }

    #[test]
    fn a_hostile_file_is_read_in_time() {
        let head = "--- # runner answers 1\n";
        for text in [
            format!("{head}{}", "x: 1\n".repeat(50_000)),
            format!("{head}{}", "---\n".repeat(50_000)),
            format!("{head}ask: GET /a\nbody: {}\n", "[".repeat(200_000)),
            format!("{head}ask: GET /a\nof: {}\n", "{".repeat(200_000)),
            format!(
                "{head}ask: GET /a\nheaders: {{ {}\n",
                "a: [,".repeat(50_000)
            ),
            format!(
                "{head}ask: GET /a\nheaders: {{ {} }}\n",
                "a: b,".repeat(50_000)
            ),
            format!("{head}ask: GET /a\ntext: \"{}\n", "\\\\".repeat(200_000)),
            format!("{head}ask: GET /a\ntext: |\n{}", "  a\n b\n".repeat(50_000)),
            format!("{head}ask: {}", "é".repeat(200_000)),
            "\n".repeat(200_000),
        ] {
            let faults = read(&file(&text)).expect_err("a fault");
            assert!(faults.len() <= 25, "{}", faults.len());
            let is_cut = faults
                .iter()
                .any(|fault| fault.help.contains(&REST.to_owned()));
            assert_eq!(is_cut, faults.len() >= 20);
        }
    }
}
