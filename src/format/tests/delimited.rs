//! `csv` and `tsv`.

use serde_json::json;

use super::{hostile, list};

#[test]
fn csv_quotes_as_the_rfc_says() {
    let records = [
        json!({"a": "x,y", "b": "say \"hi\"", "c": "two\nlines", "d": "", "e": null, "f": {"k": [1]}, "g": 1.5}),
    ];
    insta::assert_snapshot!(list().write("csv", &records), @r#"
    a,b,c,d,e,f,g
    "x,y","say ""hi""","two
    lines","",,"{""k"":[1]}",1.5
    "#);
}

#[test]
fn csv_reads_back() {
    let record = hostile();
    let text = list().write("csv", std::slice::from_ref(&record));
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let row = reader.records().next().expect("a row").expect("is CSV");
    let values = record.as_object().expect("an object").values();
    assert!(
        row.iter()
            .eq(values.map(|value| value.as_str().expect("a string")))
    );
}

#[test]
fn csv_rows_are_never_blank() {
    assert_eq!(
        list()
            .columns(&["a"])
            .write("csv", &[json!({"a": null}), json!({"a": ""})]),
        "a\n\"\"\n\"\"\n"
    );
    assert_eq!(
        list().write("csv", &[json!(null), json!(1)]),
        "value\n\"\"\n1\n"
    );
}

#[test]
fn columns_found_later_widen_rows_before() {
    let records = [
        json!({}),
        json!({"a": 1}),
        json!({"b": 2, "c": 3}),
        json!("x"),
    ];
    insta::assert_snapshot!(list().write("csv", &records), @r#"
    a,b,c,value
    ,,,
    1,,,
    ,2,3,
    ,,,x
    "#);
}

#[test]
fn known_columns_are_written_at_once() {
    for (format, line) in [("csv", "1,\n"), ("tsv", "1\t\n")] {
        let mut render = list().columns(&["a", "b"]).renderer(format);
        let mut out = Vec::new();
        render.begin(&mut out).expect("begins");
        out.clear();
        render
            .record(&json!({"a": 1, "b": null}), &mut out)
            .expect("takes it");
        assert_eq!(String::from_utf8_lossy(&out), line);
    }
}

#[test]
fn tsv_escapes_what_would_break_a_line() {
    let records =
        [json!({"a": "x\ty", "b": "two\r\nlines", "c": "C:\\new", "d": "\"q\"", "e": null})];
    assert_eq!(
        list().write("tsv", &records),
        "a\tb\tc\td\te\nx\\ty\ttwo\\r\\nlines\tC:\\\\new\t\"q\"\t\n"
    );
}
