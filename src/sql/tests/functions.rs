//! The functions that SQLite does not have, and the clock.

use serde_json::{Value, json};

use super::{ask, empty, fault, load, one};

fn values(sql: &str) -> Value {
    one(&empty(), sql)
}

#[test]
fn percentiles_are_those_of_templates() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([
            {"k": "a", "x": 5}, {"k": "a", "x": 1}, {"k": "a", "x": 3}, {"k": "a", "x": 2},
            {"k": "a", "x": 4}, {"k": "b", "x": null}, {"k": "c", "x": "2.5"}, {"k": "c", "x": 10}
        ]),
    );
    let sql = "SELECT k, percentile(x, 95) AS p95, percentile(x, 0) AS least, median(x) AS half,
               round(stddev(x), 4) AS sd FROM t GROUP BY k ORDER BY k";
    assert_eq!(
        ask(&database, sql),
        json!([
            {"k": "a", "p95": 4.8, "least": 1.0, "half": 3.0, "sd": 1.5811},
            {"k": "b", "p95": null, "least": null, "half": null, "sd": null},
            {"k": "c", "p95": 9.625, "least": 2.5, "half": 6.25, "sd": 5.3033},
        ])
    );
    assert_eq!(
        one(&database, "SELECT median(x) FROM t WHERE 0"),
        Value::Null
    );
    let sql = "SELECT percentile(x, 50) FILTER (WHERE x > 2) FROM t WHERE k = 'a'";
    assert_eq!(one(&database, sql), json!(4.0));
}

#[test]
fn percentiles_slide_over_a_window() {
    let database = empty();
    load(&database, "t", &json!([3, 1, null, 2, 2, 9, 4]));
    let sql = "SELECT median(value) OVER (ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS m FROM t";
    let rows = ask(&database, sql);
    let medians: Vec<&Value> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["m"])
        .collect();
    assert_eq!(medians, [3.0, 2.0, 2.0, 1.5, 2.0, 2.0, 4.0]);
    let sql = "SELECT round(stddev(value) OVER (), 3) AS s, percentile(value, 100) OVER () AS p FROM t LIMIT 1";
    let expected = json!([{"s": 2.881, "p": 9.0}]);
    assert_eq!(ask(&database, sql), expected);
}

#[test]
fn texts_that_are_no_times_are_null_and_counted() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([{"x": "abc"}, {"x": "def"}, {"x": "2026-11-02"}]),
    );
    let rows = ask(&database, "SELECT epoch(x) > 0 AS a FROM t");
    assert_eq!(rows, json!([{"a": null}, {"a": null}, {"a": 1}]));
    let met = database.take_no_times();
    let (count, first) = &met["epoch(…)"];
    assert_eq!((*count, &**first), (2, "the string `abc`"));
    assert!(database.take_no_times().is_empty());
}

#[test]
fn numbers_are_seconds_since_1970() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([{"x": "2026-11-02T09:00:00Z"}, {"x": 1_793_610_000}, {"x": 1_793_610_000.5}, {"x": 1e300},
            {"x": i64::MAX}]),
    );
    let sql = "SELECT epoch(x) AS e, time_bucket(x, '1h') AS b FROM t";
    let hour = "2026-11-02T09:00:00Z";
    assert_eq!(
        ask(&database, sql),
        json!([
            {"e": 1_793_610_000.0, "b": hour},
            {"e": 1_793_610_000.0, "b": hour},
            {"e": 1_793_610_000.5, "b": hour},
            {"e": null, "b": null},
            {"e": null, "b": null},
        ])
    );
    let met = database.take_no_times();
    assert_eq!(met["epoch(…)"].0, 2);
    assert!(met["epoch(…)"].1.starts_with("the number 1"), "{met:?}");
    assert_eq!(
        one(
            &database,
            "SELECT seconds_between('2026-11-02T08:00:00Z', 1793610000)"
        ),
        json!(3_600.0)
    );
}

#[test]
fn the_last_day_of_the_year_9999_has_buckets() {
    let bucket =
        |time: &str, width: &str| values(&format!("SELECT time_bucket('{time}', '{width}')"));
    let last = "9999-12-31T23:59:59.9Z";
    for (width, expected) in [
        ("1s", "9999-12-31T23:59:59Z"),
        ("1d", "9999-12-31T00:00:00Z"),
        ("1w", "9999-12-27T00:00:00Z"),
        ("1mo", "9999-12-01T00:00:00Z"),
    ] {
        assert_eq!(bucket(last, width), json!(expected), "{width}");
    }
    let database = empty();
    let sql = "SELECT time_bucket('-009999-01-01T00:00:00Z', '90000mo')";
    assert_eq!(one(&database, sql), Value::Null);
    assert_eq!(database.take_no_times()["time_bucket(…)"].0, 1);
}

#[test]
fn wrong_values_are_reported() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([{"x": "abc", "n": 1, "p": 5}, {"x": "2", "n": 2, "p": 6}]),
    );
    for (sql, expected) in [
        (
            "SELECT median(x) FROM t",
            "`median` takes numbers, got `abc`",
        ),
        ("SELECT median('inf')", "`median` takes numbers, got `inf`"),
        (
            "SELECT percentile('NaN', 50)",
            "`percentile` takes numbers, got `NaN`",
        ),
        (
            "SELECT percentile(n, 101) FROM t",
            "a percentile must be between 0 and 100, got the number 101",
        ),
        (
            "SELECT percentile(n, p) FROM t",
            "`percentile` takes one rank for all rows of a group, got 5 and 6",
        ),
        (
            "SELECT time_bucket(now(), '1 fortnight')",
            "`time_bucket` takes a width such as `15m`, `1h`, `1d`, `1w` or `1mo`, got \
             `1 fortnight`",
        ),
        (
            "SELECT time_bucket(now(), 60)",
            "`time_bucket` takes a width such as `15m`, `1h`, `1d`, `1w` or `1mo`, got the number 60",
        ),
        (
            "SELECT 'a' REGEXP '('",
            "`(` is not a regular expression: unclosed group",
        ),
        (
            "SELECT 'a' REGEXP 1",
            "`regexp` takes a pattern, got the number 1",
        ),
    ] {
        assert_eq!(fault(&database, sql).message, expected, "{sql}");
    }
}

#[test]
fn seconds_lie_between_times() {
    for (sql, expected) in [
        (
            "SELECT seconds_between('2026-11-02T08:00:00Z', '2026-11-02T08:01:30.5Z')",
            json!(90.5),
        ),
        (
            "SELECT seconds_between('2026-11-02T08:00:00Z', '2026-11-02T10:00:00+02:00')",
            json!(0.0),
        ),
        (
            "SELECT seconds_between('2026-11-02', '2026-11-01')",
            json!(-86_400.0),
        ),
        ("SELECT seconds_between('1h', 'now')", json!(3_600.0)),
        ("SELECT seconds_between(NULL, '2026-11-01')", Value::Null),
        ("SELECT epoch('1970-01-02T00:00:00.250Z')", json!(86_400.25)),
        ("SELECT epoch(NULL)", Value::Null),
    ] {
        assert_eq!(values(sql), expected, "{sql}");
    }
}

#[test]
fn times_fall_into_buckets() {
    let bucket = |time: &str, width: &str| {
        let found = values(&format!("SELECT time_bucket('{time}', '{width}')"));
        found.as_str().map(str::to_owned)
    };
    let time = "2026-11-04T13:47:12.5+02:00";
    for (width, expected) in [
        ("30s", "2026-11-04T11:47:00Z"),
        ("15m", "2026-11-04T11:45:00Z"),
        ("1h", "2026-11-04T11:00:00Z"),
        ("1d", "2026-11-04T00:00:00Z"),
        ("1w", "2026-11-02T00:00:00Z"),
        ("1mo", "2026-11-01T00:00:00Z"),
        ("3mo", "2026-10-01T00:00:00Z"),
        ("12mo", "2026-01-01T00:00:00Z"),
    ] {
        assert_eq!(bucket(time, width).as_deref(), Some(expected), "{width}");
    }
    assert_eq!(
        bucket("1969-12-31T23:59:59Z", "1mo").as_deref(),
        Some("1969-12-01T00:00:00Z")
    );
    assert_eq!(
        bucket("1969-12-31T23:59:59.5Z", "1d").as_deref(),
        Some("1969-12-31T00:00:00Z")
    );
    assert_eq!(values("SELECT time_bucket(NULL, '1d')"), Value::Null);
}

#[test]
fn regular_expressions_match() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([{"b": "main"}, {"b": "release/1.2"}, {"b": null}, {"b": 12}]),
    );
    let sql = "SELECT b FROM t WHERE b REGEXP '^(main|release/.*|1.)$'";
    assert_eq!(
        ask(&database, sql),
        json!([{"b": "main"}, {"b": "release/1.2"}, {"b": 12}])
    );
    assert_eq!(values("SELECT regexp('(?i)^A', 'abc')"), json!(1));
    assert_eq!(values("SELECT 'abc' NOT REGEXP 'c$'"), json!(0));
    assert_eq!(values("SELECT NULL REGEXP 'c$'"), Value::Null);
}

#[test]
fn the_clock_is_that_of_the_run() {
    for (sql, expected) in [
        ("SELECT now()", json!("2026-11-02T09:30:00Z")),
        ("SELECT current_timestamp", json!("2026-11-02 09:30:00")),
        ("SELECT CURRENT_DATE", json!("2026-11-02")),
        ("SELECT current_time", json!("09:30:00")),
        (
            "SELECT datetime('now', '-1 day')",
            json!("2026-11-01 09:30:00"),
        ),
        ("SELECT datetime('NOW')", json!("2026-11-02 09:30:00")),
        ("SELECT date()", json!("2026-11-02")),
        ("SELECT time()", json!("09:30:00")),
        ("SELECT unixepoch('now')", json!(1_793_611_800)),
        ("SELECT strftime('%Y-%W', 'now')", json!("2026-44")),
        ("SELECT strftime('%Y')", json!("2026")),
        (
            "SELECT julianday('now') - julianday('2026-11-02')",
            json!(0.395_833_333_488_553_76),
        ),
        (
            "SELECT timediff('now', '2026-11-01')",
            json!("+0000-00-01 09:30:00.000"),
        ),
        (
            "SELECT date('2026-11-01T23:30:00-02:00')",
            json!("2026-11-02"),
        ),
        ("SELECT date(NULL)", Value::Null),
        ("SELECT strftime('now', '2026-11-01')", json!("now")),
    ] {
        assert_eq!(values(sql), expected, "{sql}");
    }
}
