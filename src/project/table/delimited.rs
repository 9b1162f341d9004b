//! Reads separated values, the inverse of the formats `csv` and `tsv`.
//!
//! An empty field is null, and a quoted empty field an empty string. CSV libraries do not
//! distinguish the two, hence this parser.

use serde_json::{Map, Number, Value};

use super::Content;
use crate::core::json::number;

/// Reads RFC 4180, with any mix of line breaks (LF, CR LF, CR).
pub fn csv(text: &str) -> Result<Content, String> {
    records(CsvRows { text, line: 1 })
}

/// Reads tab-separated values; `\t`, `\n`, `\r` and `\\` are escapes.
pub fn tsv(text: &str) -> Result<Content, String> {
    let rows = lines(text).enumerate().map(|(index, line)| {
        let fields = line.split('\t').map(|field| {
            let is_null = field.is_empty();
            (!is_null).then(|| unescaped(field))
        });
        Ok((index + 1, fields.collect()))
    });
    records(rows)
}

/// The number of a line, and its fields; empty for an empty line that is not quoted.
type Row = (usize, Vec<Option<String>>);

/// Splits a text at any kind of line break.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.find(['\n', '\r']);
        let (line, more) = end.map_or((text, None), |end| {
            (&text[..end], after_break(&text[end..]))
        });
        rest = more.filter(|more| !more.is_empty());
        Some(line)
    })
}

fn records(rows: impl Iterator<Item = Result<Row, String>>) -> Result<Content, String> {
    let mut columns: Option<Vec<String>> = None;
    let mut lines = Vec::new();
    for row in rows {
        let (line, fields) = row?;
        let is_empty = matches!(fields.as_slice(), [None]);
        let Some(columns) = &columns else {
            if !is_empty {
                columns = Some(header(line, fields)?);
            }
            continue;
        };
        // With one column, an empty line may be a null; with more, it is ignored.
        if is_empty && columns.len() > 1 {
            continue;
        }
        if fields.len() != columns.len() {
            let (got, wanted) = (fields.len(), columns.len());
            let noun = if got == 1 { "field" } else { "fields" };
            return Err(format!(
                "line {line}: got {got} {noun}, but the header has {wanted}"
            ));
        }
        lines.push(fields);
    }
    let names = columns.as_deref().unwrap_or_default();
    // A column is typed as a whole: one string makes it a column of strings.
    let are_numbers: Vec<bool> = (0..names.len())
        .map(|place| {
            lines
                .iter()
                .filter_map(|fields| fields[place].as_deref())
                .all(is_number)
        })
        .collect();
    let records = lines.into_iter().map(|fields| {
        let values = fields
            .into_iter()
            .zip(&are_numbers)
            .map(|(field, is_number)| match field {
                None => Value::Null,
                Some(text) if *is_number => looks_like(text),
                Some(text) => Value::String(text),
            });
        let record: Map<String, Value> = names.iter().cloned().zip(values).collect();
        Value::Object(record)
    });
    let records = records.collect();
    Ok((columns, records))
}

/// Returns true if a text is a number in this program's own spelling, so that reading it loses
/// nothing: not `007`, `1.10` or `5e10`, which may be a version or a commit id.
fn is_number(text: &str) -> bool {
    match looks_like(text.to_owned()) {
        Value::Number(number) => {
            let float = || number.as_f64().and_then(Number::from_f64);
            number.is_i64() || float().is_some_and(|float| float.as_str() == text)
        }
        _ => false,
    }
}

fn header(line: usize, fields: Vec<Option<String>>) -> Result<Vec<String>, String> {
    let mut columns: Vec<String> = Vec::new();
    for (index, field) in fields.into_iter().enumerate() {
        let name = field.unwrap_or_default();
        if name.is_empty() {
            let column = index + 1;
            return Err(format!("line {line}: column {column} has no name"));
        }
        if columns.contains(&name) {
            return Err(format!("line {line}: there are two columns `{name}`"));
        }
        columns.push(name);
    }
    Ok(columns)
}

/// Converts a text to a number if it is one in JSON (no `+`, no leading zeros) and no digit of an
/// integer would be lost; otherwise returns the text.
pub fn looks_like(text: String) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    let has_leading_zero = digits.starts_with('0') && whole > 1;
    // JSON would accept trailing white space.
    let ends_well = text.ends_with(|last: char| last.is_ascii_digit());
    if whole == 0 || has_leading_zero || !ends_well || text == "-0" {
        return Value::String(text);
    }
    match number::from_text(&text) {
        Some(number) if number.is_i64() || number.is_f64() => Value::Number(number),
        _ => Value::String(text),
    }
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

/// Iterates over the rows of a CSV text.
struct CsvRows<'t> {
    /// The rest of the text.
    text: &'t str,
    /// The line number of its start.
    line: usize,
}

impl Iterator for CsvRows<'_> {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.text.is_empty() {
            return None;
        }
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            match self.field() {
                Ok(field) => fields.push(field),
                Err(words) => {
                    self.text = "";
                    return Some(Err(words));
                }
            }
            if let Some(rest) = self.text.strip_prefix(',') {
                self.text = rest;
                continue;
            }
            // A field ends at a comma, at a line break or at the end of the text.
            self.text = after_break(self.text).unwrap_or_default();
            self.line += 1;
            return Some(Ok((line, fields)));
        }
    }
}

impl CsvRows<'_> {
    fn field(&mut self) -> Result<Option<String>, String> {
        let Some(mut rest) = self.text.strip_prefix('"') else {
            let end = self.text.find([',', '\n', '\r']).unwrap_or(self.text.len());
            let field = &self.text[..end];
            self.text = &self.text[field.len()..];
            return Ok((!field.is_empty()).then(|| field.to_owned()));
        };
        let begun = self.line;
        let mut text = String::new();
        loop {
            let Some(end) = rest.find('"') else {
                return Err(format!("line {begun}: unclosed quote"));
            };
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            let Some(more) = rest.strip_prefix('"') else {
                break;
            };
            text.push('"');
            rest = more;
        }
        self.line += lines(&text).count().saturating_sub(1);
        let is_over = rest.is_empty() || rest.starts_with(',') || after_break(rest).is_some();
        if !is_over {
            let line = self.line;
            return Err(format!(
                "line {line}: expected a comma or the end of the line after a closing quote"
            ));
        }
        self.text = rest;
        Ok(Some(text))
    }
}

fn after_break(text: &str) -> Option<&str> {
    text.strip_prefix("\r\n")
        .or(text.strip_prefix(['\n', '\r']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        match csv(text) {
            Ok((_, records)) => Value::Array(records),
            Err(words) => Value::String(words),
        }
    }

    #[test]
    fn null_and_the_empty_text_are_distinguished() {
        let expected = json!([{"a": null, "b": ""}, {"a": "", "b": null}]);
        assert_eq!(read("a,b\n,\"\"\n\"\",\n"), expected);
    }

    #[test]
    fn quotes_hold_commas_line_breaks_and_quotes() {
        let expected = json!([{"a": "x,\"y\"\r\nz", "b": 1}, {"a": "é \"q\" r", "b": 2}]);
        let text = "a,\"b\"\r\n\"x,\"\"y\"\"\r\nz\",1\r\n\r\né \"q\" r,2";
        assert_eq!(read(text), expected);
    }

    #[test]
    fn numbers_are_those_that_json_writes() {
        for number in [
            "0",
            "-1",
            "9223372036854775807",
            "1.5",
            "-0.25",
            "2e3",
            "0.0",
        ] {
            assert!(looks_like(number.to_owned()).is_number(), "{number}");
        }
        for text in [
            "007",
            "+1",
            "1.",
            ".5",
            "-",
            "-0",
            "1 ",
            "0x1",
            "1_000",
            "1e999",
            "NaN",
            "true",
            "9223372036854775808",
            "00.5",
            "1.2.3",
            "2026-11-02",
        ] {
            assert_eq!(looks_like(text.to_owned()), json!(text));
        }
    }

    #[test]
    fn what_is_broken_is_reported_with_its_line() {
        for (text, words) in [
            ("a,b\n1\n", "line 2: got 1 field, but the header has 2"),
            (
                "a\n\"x\ny\"\n1,2\n",
                "line 4: got 2 fields, but the header has 1",
            ),
            ("a\n1\n\"x\n", "line 3: unclosed quote"),
            (
                "a\n\"x\"y\n",
                "line 2: expected a comma or the end of the line after a closing quote",
            ),
            ("a,a\n", "line 1: there are two columns `a`"),
            ("a,\n", "line 1: column 2 has no name"),
        ] {
            assert_eq!(read(text), json!(words));
        }
    }

    #[test]
    fn a_file_without_records_has_its_columns() {
        assert_eq!(csv("a,b"), Ok((Some(vec!["a".into(), "b".into()]), vec![])));
        assert_eq!(csv("\n"), Ok((None, vec![])));
        assert_eq!(
            read("a\n1\n\n2\n"),
            json!([{"a": 1}, {"a": null}, {"a": 2}])
        );
    }

    #[test]
    fn another_reader_finds_the_same_fields() {
        let text = "a,b\n\"1,\"\"2\",\r\n\"\n\",x\"y\n";
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let theirs: Vec<Vec<String>> = reader
            .records()
            .map(|row| row.expect("a row").iter().map(str::to_owned).collect())
            .collect();
        let (_, ours) = csv(text).expect("records");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            for (name, field) in ["a", "b"].iter().zip(theirs) {
                assert_eq!(ours[name].as_str().unwrap_or_default(), field);
            }
        }
        assert_eq!(ours.len(), theirs.len());
    }

    #[test]
    fn escapes_of_tsv_are_undone() {
        let (_, records) = tsv("a\tb\r\nx\\ty\\n\\\\n\t\r\n\\q\t05\n").expect("records");
        let expected = json!([{"a": "x\ty\n\\n", "b": null}, {"a": "\\q", "b": "05"}]);
        assert_eq!(Value::Array(records), expected);
    }
}
