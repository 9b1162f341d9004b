//! Values come back as they were, from both databases.

use serde_json::{Value, json};

use super::{Fixture, HOUR, Place, T0, counts, definition, done, on_both};
use crate::core::column::ColumnType;
use crate::store::StoreErrorKind;

on_both! {
    numbers_at_the_limits_come_back,
    numbers_that_would_change_are_refused,
    times_have_one_form,
    json_stays_as_it_was_written,
    texts_come_back,
    a_nul_character_is_refused,
    doubles_come_back,
}

/// Writes values of one type, and returns them as they come back, as text.
fn round_trip(place: &Place, kind: Option<ColumnType>, texts: &[&str]) -> Vec<String> {
    let mut fixture = Fixture::with(place, &definition(&[("id", None), ("v", kind)]));
    let rows: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let value = crate::core::json::parse(text.as_bytes()).expect("JSON");
            let mut row = done(json!({ "id": format!("{index:03}") }));
            row.record.insert("v".to_owned(), value);
            row
        })
        .collect();
    let written = fixture
        .write(rows.clone())
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(written, counts(texts.len() as u64, 0, 0));
    fixture.begin(T0 + HOUR);
    assert_eq!(
        fixture.write(rows),
        Ok(counts(0, 0, 0)),
        "the same is no change"
    );
    fixture.column("v").iter().map(Value::to_string).collect()
}

fn numbers_at_the_limits_come_back(place: &Place) {
    let texts = ["9223372036854775807", "-9223372036854775808", "0"];
    assert_eq!(round_trip(place, Some(ColumnType::Int), &texts), texts);
}

fn doubles_come_back(place: &Place) {
    let texts = [
        "1e308",
        "-1e308",
        "5e-324",
        "0.1",
        "9007199254740992",
        "0",
        "-0.0",
        "1.5",
    ];
    let back = round_trip(place, Some(ColumnType::Number), &texts);
    let numbers = |texts: &[&str]| -> Vec<f64> {
        texts
            .iter()
            .map(|text| text.parse().expect("a number"))
            .collect()
    };
    let back: Vec<&str> = back.iter().map(String::as_str).collect();
    assert_eq!(numbers(&back), numbers(&texts));
}

fn numbers_that_would_change_are_refused(place: &Place) {
    for (kind, text) in [
        (ColumnType::Int, "9223372036854775808"),
        (ColumnType::Number, "9007199254740993"),
        (ColumnType::Number, "1e400"),
        (ColumnType::Number, "0.12345678901234567890123"),
    ] {
        let mut fixture = Fixture::with(place, &definition(&[("id", None), ("v", Some(kind))]));
        let mut row = done(json!({ "id": "a" }));
        let value = crate::core::json::parse(text.as_bytes()).expect("JSON");
        row.record.insert("v".to_owned(), value);
        let error = fixture.write(vec![row]).expect_err(text);
        assert_eq!(error.kind, StoreErrorKind::Misfit);
        assert!(error.message.contains(text), "{error:?}");
        let table = fixture.table.clone();
        fixture
            .store
            .forget_table(&table)
            .expect("for the next one");
    }
}

fn times_have_one_form(place: &Place) {
    let texts = [
        "\"2025-11-25T10:00:00+01:00\"",
        "\"2025-11-25T09:00:00.123456Z\"",
        "\"2025-11-25T09:00:00.120Z\"",
        "\"1969-12-31T23:59:59.999999Z\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59Z\"",
        "null",
    ];
    let normal = [
        "\"2025-11-25T09:00:00Z\"",
        texts[1],
        "\"2025-11-25T09:00:00.12Z\"",
        texts[3],
        texts[4],
        texts[5],
        texts[6],
    ];
    assert_eq!(round_trip(place, Some(ColumnType::Time), &texts), normal);
}

fn json_stays_as_it_was_written(place: &Place) {
    let texts = [
        r#"{"b":[1,null,1.50],"a":{"x":12345678901234567890123}}"#,
        r#"{"nul":"\u0000","é":"ü"}"#,
        r#""text""#,
        "[]",
        "1.10",
        "true",
    ];
    assert_eq!(round_trip(place, Some(ColumnType::Json), &texts), texts);
}

fn texts_come_back(place: &Place) {
    let texts = [
        r#""""#,
        r#""1.10""#,
        r#""ü 😀 'x' \"y\" $1 ?""#,
        r#""a\nb\t\u0001""#,
        "null",
    ];
    assert_eq!(round_trip(place, None, &texts), texts);
}

fn a_nul_character_is_refused(place: &Place) {
    let mut fixture = Fixture::new(place);
    for record in [
        json!({ "id": "a", "status": "x\0y" }),
        json!({ "id": "a\0b", "status": "x" }),
    ] {
        let error = fixture
            .write(vec![done(record)])
            .expect_err("a NUL character");
        assert_eq!(error.kind, StoreErrorKind::Misfit);
        assert!(error.message.contains("has a NUL character"), "{error:?}");
    }
    fixture
        .write(vec![done(json!({ "id": "a", "status": "x" }))])
        .expect("the store is good");
}
