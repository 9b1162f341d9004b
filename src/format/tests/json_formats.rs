//! `json`, `ndjson` and `raw`.

use serde_json::json;

use super::{list, single};

#[test]
fn a_list_is_what_serde_json_makes_of_the_whole() {
    let nested = json!({"a": [], "b": {}, "c": [1, {"d": null}], "e": "\u{1b}"});
    let cases = [
        vec![],
        vec![json!(1)],
        vec![nested.clone(), json!([]), json!({}), json!("x"), nested],
    ];
    for records in cases {
        let whole = serde_json::to_string_pretty(&records).expect("is JSON") + "\n";
        assert_eq!(list().write("json", &records), whole);
    }
}

#[test]
fn one_record_is_the_document() {
    insta::assert_snapshot!(single().write("json", &[json!({"b": 1, "a": [true]})]), @r#"
    {
      "b": 1,
      "a": [
        true
      ]
    }
    "#);
}

#[test]
fn ndjson_and_raw_are_a_record_a_line() {
    let records = [
        json!({"b": 1, "a": "x\ny"}),
        json!("bare \"text\""),
        json!([1.5, null]),
    ];
    insta::assert_snapshot!(list().write("ndjson", &records), @r#"
    {"b":1,"a":"x\ny"}
    "bare \"text\""
    [1.5,null]
    "#);
    insta::assert_snapshot!(list().write("raw", &records), @r#"
    {"b":1,"a":"x\ny"}
    bare "text"
    [1.5,null]
    "#);
}
