//! The same records in every format; one module per format for its own features.

mod delimited;
mod json_formats;
mod markdown;
mod table;
mod yaml;

use serde_json::{Value, json};

use super::{FORMATS, Render, Shape, Terminal, by_extension, by_name};

/// A run, and the output of a format for it. There is no terminal unless a width is given.
struct Run {
    shape: Shape,
}

fn list() -> Run {
    Run {
        shape: Shape::default(),
    }
}

fn single() -> Run {
    Run {
        shape: Shape {
            single: true,
            ..Shape::default()
        },
    }
}

impl Run {
    fn columns(mut self, names: &[&str]) -> Self {
        self.shape.columns = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    fn width(mut self, width: usize) -> Self {
        self.shape.terminal = Some(Terminal {
            width,
            color: false,
        });
        self
    }

    fn page_width(mut self, width: usize) -> Self {
        self.shape.page_width = Some(width);
        self
    }

    fn color(mut self, width: usize) -> Self {
        self.shape.terminal = Some(Terminal { width, color: true });
        self
    }

    fn renderer(&self, format: &str) -> Box<dyn Render> {
        by_name(format)
            .expect("a registered format")
            .renderer(&self.shape)
    }

    fn write(&self, format: &str, records: &[Value]) -> String {
        let mut render = self.renderer(format);
        let mut out = Vec::new();
        render.begin(&mut out).expect("begins");
        for record in records {
            render.record(record, &mut out).expect("takes the record");
        }
        render.finish(&mut out).expect("finishes");
        String::from_utf8(out).expect("is UTF-8")
    }
}

const WORKFLOW_COLUMNS: &[&str] = &[
    "id",
    "name",
    "status",
    "pipeline_number",
    "minutes",
    "stopped_at",
];

fn workflows() -> Vec<Value> {
    vec![
        json!({"id": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "name": "build-and-test",
            "status": "success", "pipeline_number": 25, "minutes": 4.5,
            "stopped_at": "2019-08-24T14:15:22Z"}),
        json!({"id": "c6e40f70-a80a-4ccc-af88-8d985a7bc622", "name": "deploy to 日本 🚀 after the long approval",
            "status": "on_hold", "pipeline_number": 1024, "minutes": null, "stopped_at": null}),
        json!({"id": "03987f6a-4c27-4dc1-b6ab-c7e83bb3e713", "name": "",
            "status": "failed", "pipeline_number": 7, "minutes": 120, "stopped_at": "2019-08-24T16:15:22Z"}),
    ]
}

fn hostile() -> Value {
    json!({
        "html": "<script>alert('x')</script> & more",
        "pipes": r"a|b \| `code` *bold* _em_ build_and_test ~~x~~",
        "link": "![x](http://evil) [y](z)",
        "formula": "=cmd()|' /C calc'!A0",
        "escape": "\u{1b}[31mred\u{1b}[0m\u{9b}2J\u{7}",
        "rtl": "user\u{202e}gpj.exe",
        "lines": "first\r\nsecond\tcell\n",
        "quote": "say \"hi\", 'you'",
        "arabic": "مرحبا",
        "emoji": "👨‍👩‍👧 🇩🇪",
    })
}

/// All formats except `html` and `openmetrics`, which are tested in `tests/cli/`.
const ALL: &[&str] = &[
    "table", "json", "ndjson", "yaml", "csv", "tsv", "markdown", "raw",
];

#[test]
fn every_format_is_registered_once() {
    let mut names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names.iter().filter(|name| **name == "html").count(), 1);
    names.retain(|name| !["html", "openmetrics"].contains(name));
    assert_eq!(names, ALL);
    assert!(by_name("pdf").is_none());
    for (extension, name) in [
        ("json", "json"),
        ("NDJSON", "ndjson"),
        ("jsonl", "ndjson"),
        ("yml", "yaml"),
        ("csv", "csv"),
        ("tsv", "tsv"),
        ("md", "markdown"),
        ("markdown", "markdown"),
        ("html", "html"),
        ("htm", "html"),
        ("txt", "table"),
        ("prom", "openmetrics"),
    ] {
        assert_eq!(
            by_extension(extension).map(|format| format.name),
            Some(name)
        );
    }
    assert!(by_extension("pdf").is_none());
}

#[test]
fn file_order_of_columns_holds_in_every_format() {
    let records = [json!({"zeta": 1, "alpha": 2, "mid": 3})];
    for format in ALL {
        let text = list()
            .columns(&["zeta", "alpha", "mid"])
            .write(format, &records)
            .to_lowercase();
        let places: Vec<usize> = ["1", "2", "3"]
            .iter()
            .map(|v| text.find(v).expect("is there"))
            .collect();
        assert!(places.is_sorted(), "{format}: {text}");
        if let (Some(zeta), Some(alpha)) = (text.find("zeta"), text.find("alpha")) {
            assert!(zeta < alpha, "{format}: {text}");
        }
    }
}

#[test]
fn integers_of_64_bits_come_out_exactly() {
    let record = json!({"u": u64::MAX, "i": i64::MIN, "f": 1e20, "g": 0.1, "n": null, "b": true});
    for format in ALL.iter().chain(&["html"]) {
        let text = single().write(format, std::slice::from_ref(&record));
        for number in [
            "18446744073709551615",
            "-9223372036854775808",
            "e+20",
            "0.1",
            "true",
        ] {
            assert!(text.contains(number), "{format}: {text}");
        }
    }
}

#[test]
fn nothing_of_a_response_steers_a_terminal() {
    let record = hostile();
    for format in ALL.iter().chain(&["html"]) {
        for run in [
            list().width(60),
            single().width(60),
            list().width(2000),
            single().width(2000),
        ] {
            let text = run.write(format, std::slice::from_ref(&record));
            let bad = text.chars().find(|character| {
                (character.is_control() && !matches!(character, '\n' | '\t'))
                    || *character == '\u{202e}'
            });
            assert_eq!(bad, None, "{format}: {text}");
            assert!(text.contains("202e"), "{format}: {text}");
        }
    }
}

#[test]
fn json_and_yaml_for_a_terminal_mean_the_same() {
    let record = hostile();
    for width in [None, Some(40)] {
        let run = width.map_or_else(single, |width| single().width(width));
        let json: Value = serde_json::from_str(&run.write("json", std::slice::from_ref(&record)))
            .expect("is JSON");
        let yaml: Value = serde_yaml::from_str(&run.write("yaml", std::slice::from_ref(&record)))
            .expect("is YAML");
        assert_eq!((&json, &yaml), (&record, &record));
    }
}

#[test]
fn a_second_record_of_one_is_refused() {
    for format in ["table", "json", "yaml", "csv", "tsv", "markdown"] {
        let mut render = single().renderer(format);
        let mut out = Vec::new();
        render
            .record(&json!({"a": 1}), &mut out)
            .expect("takes the first");
        let error = render
            .record(&json!({"a": 2}), &mut out)
            .expect_err("refuses the second");
        assert_eq!(
            error.to_string(),
            "expected a single record, got a second one"
        );
    }
}

#[test]
fn a_record_without_columns_is_refused_where_columns_were_announced() {
    for format in ["table", "csv", "tsv", "markdown"] {
        let error = list()
            .columns(&["a"])
            .renderer(format)
            .record(&json!([1, 2]), &mut Vec::new());
        let error = error.expect_err("refuses a list");
        assert_eq!(
            error.to_string(),
            "expected an object from a query with `extract`, got `[1,2]`"
        );
    }
}

#[test]
fn empty_lists() {
    let run = list().columns(&["id", "name"]);
    let all: Vec<(&str, String)> = ALL
        .iter()
        .map(|format| (*format, run.write(format, &[])))
        .collect();
    insta::assert_debug_snapshot!(all, @r#"
    [
        (
            "table",
            "",
        ),
        (
            "json",
            "[]\n",
        ),
        (
            "ndjson",
            "",
        ),
        (
            "yaml",
            "[]\n",
        ),
        (
            "csv",
            "id,name\n",
        ),
        (
            "tsv",
            "id\tname\n",
        ),
        (
            "markdown",
            "| id   | name |\n| ---- | ---- |\n",
        ),
        (
            "raw",
            "",
        ),
    ]
    "#);
    for format in ["table", "csv", "tsv", "markdown"] {
        assert_eq!(list().write(format, &[]), "");
    }
}

#[test]
fn no_record_where_one_was_possible() {
    let all: Vec<(&str, String)> = ALL
        .iter()
        .map(|format| (*format, single().write(format, &[])))
        .collect();
    insta::assert_debug_snapshot!(all, @r#"
    [
        (
            "table",
            "",
        ),
        (
            "json",
            "null\n",
        ),
        (
            "ndjson",
            "",
        ),
        (
            "yaml",
            "null\n",
        ),
        (
            "csv",
            "",
        ),
        (
            "tsv",
            "",
        ),
        (
            "markdown",
            "",
        ),
        (
            "raw",
            "",
        ),
    ]
    "#);
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture hundred_thousand"]
fn a_hundred_thousand_rows_take_linear_time() {
    for format in ALL {
        for run in [
            list(),
            list().width(80),
            list().columns(WORKFLOW_COLUMNS).width(80),
            list().columns(WORKFLOW_COLUMNS),
        ] {
            let mut times = Vec::new();
            for count in [50_000, 100_000] {
                let records: Vec<Value> = workflows().into_iter().cycle().take(count).collect();
                let start = std::time::Instant::now();
                let text = run.write(format, &records);
                times.push((text.len(), start.elapsed().as_millis()));
            }
            assert!(times[1].1 < 4 * times[0].1 + 50, "{format}: {times:?}");
            std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{format} {times:?}\n"))
                .expect("writes");
        }
    }
}
