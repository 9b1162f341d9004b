//! Tests of all kinds, from bytes to records.

use std::borrow::Cow;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;

const LIMIT: u64 = 64 << 20;

fn decoder(kind: BodyKind) -> Decoder {
    Decoder {
        kind,
        last: None,
        limit: LIMIT,
        whole: LONGEST_WHOLE,
    }
}

fn read_with(decoder: Decoder, source: Arc<dyn ByteSource>) -> Result<Vec<Value>, DecodeError> {
    let mut scan = decoder.start(source)?;
    while !scan.step()? {}
    let mut records = scan.finish()?;
    let mut all = Vec::new();
    while let Some(batch) = records.next_batch(2)? {
        assert!(batch.len() <= 2);
        all.extend(batch);
    }
    Ok(all)
}

fn read(kind: BodyKind, content: &[u8]) -> Value {
    let whole = read_with(decoder(kind), Arc::new(Bytes::copy_from_slice(content)));
    if content.len() < 20_000 {
        // The same bytes, one at a time.
        let slow = read_with(decoder(kind), Arc::new(Slow(content.to_vec())));
        // Fewer bytes of the beginning are known.
        let shown = |error: DecodeError| {
            let line = error.first_line(|text| Cow::Borrowed(text));
            (error.to_string(), line)
        };
        assert_eq!(whole.clone().map_err(shown), slow.map_err(shown));
    }
    match whole {
        Ok(records) => Value::Array(records),
        Err(error) => Value::String(error.to_string()),
    }
}

fn csv(text: &str) -> Value {
    read(BodyKind::Csv, text.as_bytes())
}

/// A source that gives single bytes.
#[derive(Debug)]
struct Slow(Vec<u8>);

impl ByteSource for Slow {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(OneByOne(io::Cursor::new(self.0.clone()))))
    }
}

struct OneByOne(io::Cursor<Vec<u8>>);

impl Read for OneByOne {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zstandard(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("in memory");
    encoder.include_checksum(true).expect("a checksum");
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn names_of_kinds_are_unique() {
    for kind in BodyKind::ALL {
        assert_eq!(BodyKind::named(kind.name()), Some(kind));
    }
    assert_eq!(BodyKind::named("CSV"), None);
    let with_last = BodyKind::ALL.into_iter().filter(|kind| kind.takes_last());
    assert!(with_last.eq([BodyKind::Lines, BodyKind::Text]));
}

#[test]
fn null_and_the_empty_text_are_told_apart() {
    let expected = json!([{"a": null, "b": ""}, {"a": "", "b": null}]);
    assert_eq!(csv("a,b\n,\"\"\n\"\",\n"), expected);
    let expected = json!([{"a": null, "b": 1}, {"a": "\\N", "b": null}]);
    assert_eq!(csv("a,b\n\\N,1\n\"\\N\",\\N\n"), expected);
}

#[test]
fn quotes_hold_commas_line_breaks_and_quotes() {
    let expected = json!([{"a": "x,\"y\"\r\nz", "b": 1}, {"a": "é \"q\" r", "b": 2}]);
    let text = "a,\"b\"\r\n\"x,\"\"y\"\"\r\nz\",1\r\n\r\né \"q\" r,2";
    assert_eq!(csv(text), expected);
}

#[test]
fn one_text_makes_a_column_of_texts() {
    let expected = json!([{"a": "1", "b": 2}, {"a": "x", "b": null}, {"a": null, "b": 1.5}]);
    assert_eq!(csv("a,b\n1,2\nx,\n,1.5\n"), expected);
    for other in [
        "007",
        "+1",
        "0x1f",
        "\"1,000\"",
        "NaN",
        "inf",
        "1_000",
        "1.",
    ] {
        let seen = csv(&format!("a\n1\n{other}\n"));
        assert_eq!(seen[0], json!({"a": "1"}), "{other}");
        assert!(seen[1]["a"].is_string(), "{other}");
    }
}

#[test]
fn a_number_keeps_its_notation() {
    let seen = csv("a\n1.50\n\n0.00\n-3.50\n1e5\n100\n-0\n");
    let expected = r#"[{"a":1.50},{"a":null},{"a":0.00},{"a":-3.50},{"a":1e5},{"a":100},{"a":-0}]"#;
    assert_eq!(seen.to_string(), expected);
}

#[test]
fn a_broken_table_is_reported_with_its_line() {
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
        ("a,b\n\\N\n", "line 2: got 1 field, but the header has 2"),
    ] {
        assert_eq!(csv(text), json!(words));
    }
    let invalid = b"a,b\n1,2\n3,\xff\n";
    assert_eq!(read(BodyKind::Csv, invalid), json!("line 3: not UTF-8"));
    let invalid = b"a,b\n1,\"2\n\n\xff\"\n";
    assert_eq!(read(BodyKind::Csv, invalid), json!("line 4: not UTF-8"));
}

#[test]
fn a_wide_header_is_refused() {
    let names: Vec<String> = (0..10_000).map(|number| format!("c{number}")).collect();
    let words = "line 1: the header has 10000 columns, more than 2000";
    assert_eq!(csv(&names.join(",")), json!(words));
    let row = format!("a,b\n{}\n", ",".repeat(20_000));
    let words = "line 2: got 20001 fields, but the header has 2";
    assert_eq!(csv(&row), json!(words));
}

#[test]
fn a_long_row_is_refused() {
    let text = format!("a\n1\n\"{}", "x".repeat(LONGEST_RECORD + (1 << 20)));
    let source = Arc::new(Bytes::from(text));
    let error = read_with(decoder(BodyKind::Csv), source).unwrap_err();
    assert_eq!(error.to_string(), "line 3: the row is longer than 16 MiB");
    let text = Bytes::from("x".repeat(LONGEST_RECORD + (1 << 20)));
    for kind in [BodyKind::Lines, BodyKind::Ndjson] {
        let error = read_with(decoder(kind), Arc::new(text.clone())).unwrap_err();
        assert_eq!(error.to_string(), "line 1: the line is longer than 16 MiB");
    }
}

#[test]
fn a_table_without_records_has_its_columns() {
    let columns = |text: &'static str| {
        let source = Arc::new(Bytes::from_static(text.as_bytes()));
        let scan = decoder(BodyKind::Csv).start(source).expect("a scan");
        let records = scan.finish().expect("records");
        records.columns().map(<[String]>::to_vec)
    };
    assert_eq!(columns("a,b"), Some(vec!["a".into(), "b".into()]));
    for content in ["", "\n\n", "\u{feff}", "\u{feff}\r\n"] {
        for kind in [BodyKind::Csv, BodyKind::Tsv] {
            let source = Arc::new(Bytes::from_static(content.as_bytes()));
            let error = read_with(decoder(kind), source).expect_err("no header");
            assert_eq!(
                error.to_string(),
                "there is no header, the content is empty"
            );
        }
    }
    assert_eq!(
        csv("\n\na\n1\n\n2\n"),
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
    let ours = csv(text);
    let ours = ours.as_array().expect("records");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for (name, field) in ["a", "b"].iter().zip(theirs) {
            assert_eq!(ours[name].as_str().unwrap_or_default(), field);
        }
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn escapes_of_tsv_are_undone() {
    let text = "a\tb\r\nx\\ty\\n\\\\n\t\r\n\\q\t05\n\\N\t\\\\N\n";
    let expected = json!([
        {"a": "x\ty\n\\n", "b": null},
        {"a": "\\q", "b": "05"},
        {"a": null, "b": "\\N"},
    ]);
    assert_eq!(read(BodyKind::Tsv, text.as_bytes()), expected);
}

#[test]
fn ndjson_is_a_value_a_line() {
    let text = "\u{feff}{\"a\":1.10}\r\n\n[1]\r \n\"x\"";
    let expected = "[{\"a\":1.10},[1],\"x\"]";
    assert_eq!(
        read(BodyKind::Ndjson, text.as_bytes()).to_string(),
        expected
    );
    let words = "line 3, column 6: expected `,` or `}`";
    assert_eq!(
        read(BodyKind::Ndjson, b"1\n\n{\"a\"]"),
        json!("line 3, column 5: expected `:`")
    );
    assert_eq!(
        read(BodyKind::Ndjson, b"1\n\n{\"a\":1]"),
        json!(words.replace('6', "7"))
    );
    assert_eq!(
        read(BodyKind::Ndjson, b"1\n\"\xff\""),
        json!("line 2: not UTF-8")
    );
}

#[test]
fn json_is_one_value() {
    assert_eq!(read(BodyKind::Json, b" [1,\n2] "), json!([[1, 2]]));
    let words = "line 2, column 1: trailing comma";
    assert_eq!(read(BodyKind::Json, b"[1,\n]"), json!(words));
    let words = "line 1, column 0: EOF while parsing a value";
    assert_eq!(read(BodyKind::Json, b""), json!(words));
}

#[test]
fn lines_have_numbers() {
    let text = b"one\r\n\ntwo \xff\rx\nthree";
    let expected = json!([
        {"number": 1, "line": "one"},
        {"number": 2, "line": ""},
        {"number": 3, "line": "two \u{fffd}\rx"},
        {"number": 4, "line": "three"},
    ]);
    assert_eq!(read(BodyKind::Lines, text), expected);
    assert_eq!(read(BodyKind::Lines, b""), json!([]));
    assert_eq!(
        read(BodyKind::Lines, b"\n"),
        json!([{"number": 1, "line": ""}])
    );
}

#[test]
fn the_last_lines_are_kept() {
    let last = |kind: BodyKind, last: usize, text: &'static str| {
        let decoder = Decoder {
            last: Some(last),
            ..decoder(kind)
        };
        let records = read_with(decoder, Arc::new(Bytes::from_static(text.as_bytes())));
        Value::Array(records.expect("records"))
    };
    let text = "1\r\n2\r\n3\r\n4";
    let expected = json!([{"number": 3, "line": "3"}, {"number": 4, "line": "4"}]);
    assert_eq!(last(BodyKind::Lines, 2, text), expected);
    assert_eq!(last(BodyKind::Text, 2, text), json!([{"text": "3\r\n4"}]));
    assert_eq!(
        last(BodyKind::Text, 9, "a\nb\n"),
        json!([{"text": "a\nb\n"}])
    );
    assert_eq!(last(BodyKind::Lines, 0, text), json!([]));
    assert_eq!(last(BodyKind::Text, 1, ""), json!([{"text": ""}]));
}

#[test]
fn text_is_one_record() {
    assert_eq!(read(BodyKind::Text, b""), json!([{"text": ""}]));
    assert_eq!(
        read(BodyKind::Text, b"a\n\xff"),
        json!([{"text": "a\n\u{fffd}"}])
    );
}

#[test]
fn bytes_are_counted_and_hashed_as_they_are() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        read(BodyKind::Bytes, b""),
        json!([{"bytes": 0, "sha256": empty}])
    );
    let packed = gzip(b"abc");
    let records = read(BodyKind::Bytes, &packed);
    assert_eq!(records[0]["bytes"], json!(packed.len()));
}

#[test]
fn packed_content_is_unpacked_whatever_its_name() {
    let text = b"a,b\n1,x\n";
    let expected = json!([{"a": 1, "b": "x"}]);
    for packed in [
        gzip(text),
        zstandard(text),
        [gzip(b"a,b\n1"), gzip(b",x\n")].concat(),
        [zstandard(b"a,b\n1"), zstandard(b",x\n")].concat(),
        gzip(&gzip(text)),
        zstandard(&gzip(text)),
    ] {
        assert_eq!(read(BodyKind::Csv, &packed), expected);
    }
    assert_eq!(
        read(BodyKind::Text, &gzip(b"log")),
        json!([{"text": "log"}])
    );
    assert_eq!(read(BodyKind::Json, &zstandard(b"{}")), json!([{}]));
}

#[test]
fn damaged_content_is_an_error() {
    let text: Vec<u8> = (0..50_000)
        .flat_map(|n| format!("{n}\n").into_bytes())
        .collect();
    for (name, packed) in [("gzip", gzip(&text)), ("Zstandard", zstandard(&text))] {
        for end in [packed.len() - 1, packed.len() / 2, 20] {
            let words = format!("the {name} data is truncated");
            for kind in [BodyKind::Csv, BodyKind::Lines, BodyKind::Text] {
                assert_eq!(read(kind, &packed[..end]), json!(words), "{end}");
            }
        }
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 8].fill(0xff);
        let words = read(BodyKind::Text, &damaged).to_string();
        assert!(
            words.contains(&format!("the {name} data is damaged")),
            "{words}"
        );
        let more = [packed, b"more".to_vec()].concat();
        assert!(read(BodyKind::Text, &more).is_string());
    }
}

#[test]
fn unpacked_content_has_a_limit() {
    let bomb = gzip(&vec![b'\n'; 4 << 20]);
    for kind in [
        BodyKind::Csv,
        BodyKind::Lines,
        BodyKind::Text,
        BodyKind::Json,
    ] {
        for packed in [bomb.clone(), gzip(&bomb)] {
            let decoder = Decoder {
                limit: 1 << 20,
                ..decoder(kind)
            };
            let error = read_with(decoder, Arc::new(Bytes::from(packed))).unwrap_err();
            assert_eq!(error.to_string(), "longer than 1 MiB");
            assert_eq!(error.about("`a.csv`"), "`a.csv`: longer than 1 MiB");
        }
    }
}

#[test]
fn an_error_shows_the_first_line() {
    let page = format!("\n  <html>\u{1b}[1m\t{}\n<body>", "x".repeat(200));
    let source = Arc::new(Bytes::from(page));
    let error = read_with(decoder(BodyKind::Json), source).unwrap_err();
    let line = error
        .first_line(|text| Cow::Borrowed(text))
        .expect("a first line");
    assert!(line.starts_with("<html>"), "{line}");
    assert!(line.ends_with("xx…"), "{line}");
    assert!(!line.contains('\u{1b}'), "{line}");
    let source = Arc::new(Bytes::from_static(
        b"{\"message\": \"not found\"}\na,b\n1\n",
    ));
    let error = read_with(decoder(BodyKind::Csv), source).unwrap_err();
    let line = error.first_line(|text| Cow::Borrowed(text));
    assert_eq!(line.as_deref(), Some("{\"message\": \"not found\"}"));
    // A secret is recognized although it is longer than what is shown of it.
    let text = format!("{}{}", "x".repeat(70), "secret".repeat(300));
    let source = Arc::new(Bytes::from(text));
    let error = read_with(decoder(BodyKind::Json), source).unwrap_err();
    let secret = "secret".repeat(300);
    let line = error.first_line(|text| Cow::Owned(text.replace(&secret, "***")));
    let line = line.expect("a first line");
    assert!(line.ends_with("x***"), "{line}");
}

#[test]
fn steps_are_bounded() {
    let text = format!("a\n{}", "123456\n".repeat(1_000_000));
    let source = Arc::new(Bytes::from(text));
    let mut scan = decoder(BodyKind::Csv).start(source).expect("a scan");
    let mut steps = 1;
    while !scan.step().expect("rows") {
        steps += 1;
    }
    assert!(steps >= 6, "{steps}");
    let mut records = scan.finish().expect("records");
    let batch = records.next_batch(usize::MAX).expect("records");
    let count = batch.expect("a batch").len();
    assert!((100_000..400_000).contains(&count), "{count}");
}
