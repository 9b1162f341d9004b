//! `yaml`, for readers of YAML 1.1 and 1.2.

use serde_json::{Value, json};

use super::{hostile, list, single};

#[test]
fn lists_and_records() {
    let record = json!({"id": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "number": "25", "count": 25,
        "at": "2019-08-24T14:15:22Z", "branch": "no", "name": "build and test", "slug": "gh/org/repo",
        "body": "one\n\n  two: x\n", "none": null, "list": [1, ["a", []], {"k": {"d": true}}], "empty": {}});
    insta::assert_snapshot!(single().write("yaml", std::slice::from_ref(&record)), @r#"
    id: 497f6eca-6276-4993-bfeb-53cbbbba6f08
    number: "25"
    count: 25
    at: "2019-08-24T14:15:22Z"
    branch: "no"
    name: build and test
    slug: gh/org/repo
    body: |
      one

        two: x
    none: null
    list:
      - 1
      - - a
        - []
      - k:
          d: true
    empty: {}
    "#);
    insta::assert_snapshot!(list().write("yaml", &[record, json!("x"), json!([1, 2])]), @r#"
    - id: 497f6eca-6276-4993-bfeb-53cbbbba6f08
      number: "25"
      count: 25
      at: "2019-08-24T14:15:22Z"
      branch: "no"
      name: build and test
      slug: gh/org/repo
      body: |
        one

          two: x
      none: null
      list:
        - 1
        - - a
          - []
        - k:
            d: true
      empty: {}
    - x
    - - 1
      - 2
    "#);
}

#[test]
fn what_some_reader_takes_for_something_else_is_quoted() {
    for text in [
        "",
        "no",
        "On",
        "y",
        "NULL",
        "~",
        "25",
        "+1",
        "-1",
        "1_000",
        "017",
        "0o17",
        "0x1f",
        "0b1",
        "1e3",
        "1.",
        ".5",
        ".inf",
        "-.INF",
        ".nan",
        "12:30:00",
        "1:30",
        "2019-08-24",
        "2019-08-24T14:15:22Z",
        "2019-08-24 14:15:22 +1:00",
        "=",
        "<<",
        "...",
        "---",
        "- a",
        "? a",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "!t",
        "&a",
        "*a",
        "|",
        ">",
        "%x",
        "@x",
        "`x",
        "{a",
        "[a",
        "a}",
        "'a",
        "\"a",
        " a",
        "a ",
        "\u{feff}a",
        "\u{ffff}",
    ] {
        let written = single().write("yaml", &[json!(text)]);
        assert!(written.starts_with('"'), "{text}: {written}");
    }
    for text in [
        "main",
        "497f6eca-6276",
        "1a",
        "v1.2.3",
        "gh/org/repo",
        "a:b",
        "a#b",
        "it's",
        "not now",
        "日本",
        "1.2.3-beta",
        "a, b",
        "x=1",
        "nope",
        "/usr/bin",
    ] {
        assert_eq!(single().write("yaml", &[json!(text)]), format!("{text}\n"));
    }
}

#[test]
fn readers_get_back_what_was_written() {
    let texts = [
        "a\nb",
        "a\nb\n",
        "a\nb\n\n",
        "\na\nb",
        " a\nb",
        "a \nb",
        "a\n b",
        "a\n\n\nb",
        "a\r\nb",
        "\ta\nb",
        "a\n\tb",
        "---\na",
        "...\na",
        "a\n---\n",
        "\n",
        "\n\n",
        "# a\nb",
        "a\u{85}b\nc",
        "a\u{2028}\nb",
        "\u{1f600}\n\u{feff}",
        "k: v\nl: w",
        "👨‍👩‍👧",
        "\\",
        "\"",
        "a\\nb",
        "\u{0}",
        "nbsp\u{a0}",
        "\u{e0061}",
        "- a\n- b",
        "a: ",
        "?",
    ];
    let mut records: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    records.extend(
        texts
            .iter()
            .map(|text| json!({*text: {*text: [text, [text]]}})),
    );
    records.push(json!({"k".repeat(10_000): {"a": 1}, "é\n".repeat(2000): [1]}));
    records.push(json!([[[]], [{}], [[1, {"a": {}}]], {"a": [[1]]}]));
    records.extend([
        hostile(),
        json!(null),
        json!(u64::MAX),
        json!(-1.5e-7),
        json!(1e300),
    ]);
    let written = list().write("yaml", &records);
    let read: Vec<Value> = serde_yaml::from_str(&written).expect("is YAML");
    assert_eq!(read, records, "{written}");
    for record in &records {
        let written = single().write("yaml", std::slice::from_ref(record));
        let read: Value = serde_yaml::from_str(&written).expect("is YAML");
        assert_eq!(&read, record, "{written}");
    }
}
