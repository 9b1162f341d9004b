//! Statements that give rows.

use std::ops::ControlFlow;

use serde_json::json;

use super::{ask, database, empty, fault, load, message, one, select};
use crate::sql::Params;

#[test]
fn tables_are_joined_and_grouped() {
    let rows = ask(
        &database(),
        "SELECT w.name, count(j.job) AS jobs, sum(j.status = 'failed') AS failed
         FROM workflows w LEFT JOIN jobs j ON j.workflow = w.id
         GROUP BY w.name HAVING count(*) > 0 ORDER BY w.name",
    );
    assert_eq!(
        rows,
        json!([
            {"name": "build", "jobs": 3, "failed": 1},
            {"name": "deploy", "jobs": 0, "failed": null},
        ])
    );
}

#[test]
fn a_window_finds_the_newest_run_of_each_workflow() {
    let rows = ask(
        &database(),
        "WITH ranked AS (
           SELECT *, row_number() OVER (PARTITION BY name ORDER BY created_at DESC) AS rank
           FROM workflows)
         SELECT id, name, is_main FROM ranked WHERE rank = 1 ORDER BY id",
    );
    assert_eq!(
        rows,
        json!([
            {"id": "w2", "name": "build", "is_main": false},
            {"id": "w3", "name": "deploy", "is_main": null},
        ])
    );
}

#[test]
fn a_row_has_the_columns_in_their_order() {
    let rows = ask(
        &database(),
        "SELECT minutes, id, 1 AS \"a b\" FROM workflows LIMIT 1",
    );
    assert_eq!(rows.to_string(), r#"[{"minutes":4.5,"id":"w1","a b":1}]"#);
}

#[test]
fn values_come_back_as_they_went_in() {
    let database = empty();
    let records = json!([{
        "null": null, "yes": true, "whole": -9_223_372_036_854_775_808_i64, "part": 0.1,
        "text": "a\u{0000}b \"'; DROP TABLE t", "number": "007", "list": [1, {"a": null}],
        "object": {"b": [], "a": false}, "date": "2026-11-02", "empty": ""
    }]);
    load(&database, "t", &records);
    assert_eq!(ask(&database, "SELECT * FROM t"), records);
}

#[test]
fn whole_numbers_beyond_an_integer_keep_their_digits() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([{"id": u64::MAX}, {"id": u64::MAX - 1}]),
    );
    let sql = "SELECT count(DISTINCT id) AS ids, max(id) AS id FROM t";
    let expected = json!([{"ids": 2, "id": "18446744073709551615"}]);
    assert_eq!(ask(&database, sql), expected);
}

#[test]
fn lists_and_objects_are_reached_into() {
    let database = database();
    let rows = ask(
        &database,
        "SELECT w.id, tag.value AS tag FROM workflows w, json_each(w.tags) tag
         WHERE json_type(w.tags) = 'array' ORDER BY 1, 2",
    );
    assert_eq!(
        rows,
        json!([{"id": "w1", "tag": "a"}, {"id": "w1", "tag": "b"}])
    );
    let sql = "SELECT tags ->> '$.by' FROM workflows WHERE id = 'w3'";
    assert_eq!(one(&database, sql), json!("me"));
}

#[test]
fn nested_values_come_back_nested() {
    let database = database();
    let nested = [
        (
            "SELECT tags FROM workflows WHERE id = 'w1'",
            json!(["a", "b"]),
        ),
        (
            "SELECT tags AS t FROM (SELECT * FROM workflows) WHERE id = 'w3'",
            json!({"by": "me"}),
        ),
        (
            "WITH x AS (SELECT tags t FROM workflows) SELECT t FROM x LIMIT 1",
            json!(["a", "b"]),
        ),
        (
            "SELECT json_group_array(id) FROM workflows",
            json!(["w1", "w2", "w3"]),
        ),
        (
            "SELECT json_object('a', json('[1]'), 'b', 'x') AS o",
            json!({"a": [1], "b": "x"}),
        ),
        ("SELECT tags -> 0 FROM workflows LIMIT 1", json!("a")),
        (
            "SELECT json(x) FROM (SELECT json_array(1) AS x)",
            json!([1]),
        ),
    ];
    for (sql, expected) in nested {
        assert_eq!(one(&database, sql), expected, "{sql}");
    }
    let texts = [
        ("SELECT '[1]'", json!("[1]")),
        (
            "SELECT tags || '' FROM workflows LIMIT 1",
            json!("[\"a\",\"b\"]"),
        ),
        (
            "SELECT json_extract('{\"a\":\"[1]\"}', '$.a')",
            json!("[1]"),
        ),
        ("SELECT x FROM (SELECT json_array(1) AS x)", json!("[1]")),
        ("VALUES ('{}')", json!("{}")),
    ];
    for (sql, expected) in texts {
        assert_eq!(one(&database, sql), expected, "{sql}");
    }
}

#[test]
fn a_text_that_looks_nested_stays_a_text() {
    let database = empty();
    load(&database, "t", &json!([{"a": "[1]"}, {"a": "{}"}]));
    assert_eq!(
        ask(&database, "SELECT a FROM t"),
        json!([{"a": "[1]"}, {"a": "{}"}])
    );
    // With both in one column they cannot be told apart, and no text becomes a list.
    load(&database, "u", &json!([{"a": "[1]"}, {"a": [1]}]));
    assert_eq!(
        ask(&database, "SELECT a FROM u"),
        json!([{"a": "[1]"}, {"a": "[1]"}])
    );
    load(&database, "v", &json!([{"a": "x"}, {"a": [1]}]));
    assert_eq!(
        ask(&database, "SELECT a FROM v"),
        json!([{"a": "x"}, {"a": [1]}])
    );
}

#[test]
fn booleans_come_back_where_the_column_is_one() {
    let database = database();
    let rows = ask(
        &database,
        "SELECT is_main, is_main AS main, NOT is_main AS side, max(is_main, 0) AS most
         FROM workflows WHERE is_main",
    );
    assert_eq!(
        rows,
        json!([{"is_main": true, "main": true, "side": 0, "most": 1}])
    );
    load(&database, "t", &json!([{"a": true}, {"a": 1}]));
    assert_eq!(
        ask(&database, "SELECT a FROM t"),
        json!([{"a": 1}, {"a": 1}])
    );
}

#[test]
fn parameters_are_bound_and_never_pasted() {
    let database = database();
    let sql = "SELECT id FROM workflows WHERE name = :name AND is_main = @main
               AND id IN (SELECT value FROM json_each($ids))";
    let params = json!({
        "name": "build", "main": true, "ids": ["w1", "w3"], "unused": "x"
    });
    assert_eq!(select(&database, sql, &params), Ok(json!([{"id": "w1"}])));
    let hostile = json!({"name": "' OR 1=1 --", "main": false, "ids": []});
    assert_eq!(select(&database, sql, &hostile), Ok(json!([])));
    let params = json!({"a": null, "b": 1.5, "c": {"d": 1}});
    assert_eq!(
        select(&database, "SELECT :a AS a, :b AS b, :c AS c", &params),
        Ok(json!([{"a": null, "b": 1.5, "c": "{\"d\":1}"}]))
    );
    let sql = "SELECT * FROM jobs WHERE status = :statos";
    let error = select(&database, sql, &json!({"status": "x"})).expect_err("no value");
    assert_eq!(
        super::shown(&error, sql),
        "parameter `:statos` has no value @ :statos | did you mean `status`?"
    );
}

#[test]
fn two_result_columns_need_two_names() {
    let sql = "SELECT w.name, j.job AS name FROM workflows w JOIN jobs j ON j.workflow = w.id";
    assert_eq!(
        message(&database(), sql),
        "the result has two columns `name`, the 1. and the 2. | give one of them another name \
         with `AS`"
    );
}

#[test]
fn what_json_lacks_is_refused() {
    let database = empty();
    for (sql, message) in [
        (
            "SELECT 9e999 AS a",
            "column `a` contains an infinite number, which JSON cannot represent",
        ),
        (
            "SELECT x'00' AS a",
            "column `a` contains bytes, which JSON cannot represent",
        ),
        (
            "SELECT CAST(x'ff' AS TEXT) AS a",
            "column `a` contains a string that is not UTF-8",
        ),
    ] {
        assert_eq!(fault(&database, sql).message, message);
    }
    assert_eq!(one(&database, "SELECT json(jsonb('[1]'))"), json!([1]));
}

#[test]
fn the_caller_may_have_enough() {
    let mut seen = 0;
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let end = empty().select(sql, &Params::default(), |row| {
        seen += 1;
        if seen == 3 {
            ControlFlow::Break(row)
        } else {
            ControlFlow::Continue(())
        }
    });
    let Ok(ControlFlow::Break(last)) = end else {
        panic!("{end:?}");
    };
    assert_eq!(last["i"], 3);
}

#[test]
fn nothing_can_be_made_of_a_secret() {
    let database = empty();
    load(
        &database,
        "logins",
        &json!([{"name": "a", "token": "***"}, {"name": "b", "token": "x"}]),
    );
    let params = json!({"secret": "canary"});
    let made = "select :secret as plain, upper(:secret) up, hex(:secret), name, \
                (select substr(:secret, 2)) as cut from logins where token = :secret";
    let mask = "***";
    assert_eq!(
        select(&database, made, &params).expect("rows"),
        json!([{"plain": mask, "up": mask, "hex(:secret)": mask, "name": "a", "cut": mask}])
    );
    let within = "with made as (select hex(:secret) as h) select h from made union select :secret";
    assert_eq!(
        select(&database, within, &params).expect("rows"),
        json!([{"h": "***"}, {"h": "2A2A2A"}])
    );
    let nothing = select(&database, "select :secret as s", &json!({"secret": null}));
    assert_eq!(nothing.expect("rows"), json!([{"s": null}]));
    let list = json!({"secret": ["canary", {"k": 123_456}]});
    assert_eq!(
        select(&database, "select value from json_each(:secret)", &list).expect("rows"),
        json!([{"value": "***"}, {"value": "{\"k\":\"***\"}"}])
    );
    let short = select(&database, "select :secret as s", &json!({"secret": "abc"}));
    assert_eq!(
        short.expect_err("it is refused").message,
        "`:secret` is a secret of fewer than 4 characters, which cannot be masked in records"
    );
}
