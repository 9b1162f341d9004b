//! Records that become tables.

use serde_json::{Value, json};

use super::{ask, empty, load, one};
use crate::sql::{Database, SqlErrorKind};

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn fault(database: &Database, name: &str, declared: Option<&[&str]>, records: &Value) -> String {
    let declared = declared.map(columns);
    let records = records.as_array().expect("a list");
    let error = database
        .load(name, declared.as_deref(), records)
        .expect_err("it does not load");
    assert_eq!(error.kind, SqlErrorKind::Records);
    error.message
}

#[test]
fn columns_are_the_keys_of_all_records() {
    let database = empty();
    load(
        &database,
        "t",
        &json!([{"b": 1}, {}, {"a": 2, "b": 3}, {"c": [4], "a": true}]),
    );
    assert_eq!(
        ask(&database, "SELECT * FROM t").to_string(),
        concat!(
            r#"[{"b":1,"a":null,"c":null},{"b":null,"a":null,"c":null},"#,
            r#"{"b":3,"a":2,"c":null},{"b":null,"a":1,"c":[4]}]"#
        )
    );
}

#[test]
fn a_first_record_without_keys_is_a_row() {
    let database = empty();
    load(&database, "t", &json!([{}, {}]));
    assert_eq!(ask(&database, "SELECT * FROM t"), json!([{}, {}]));
    load(&database, "u", &json!([{}, {"a": 1}]));
    assert_eq!(
        ask(&database, "SELECT * FROM u"),
        json!([{"a": null}, {"a": 1}])
    );
    assert_eq!(one(&database, "SELECT count(*) FROM u"), json!(2));
}

#[test]
fn declared_columns_keep_their_order_and_are_all() {
    let database = empty();
    let records = [json!({"a": 1, "b": 2, "c": 3}), json!({"a": 4})];
    let count = database.load("t", Some(&columns(&["b", "a", "d"])), &records);
    assert_eq!(count, Ok(2));
    assert_eq!(
        ask(&database, "SELECT * FROM t").to_string(),
        r#"[{"b":2,"a":1,"d":null},{"b":null,"a":4,"d":null}]"#
    );
}

#[test]
fn records_that_are_no_objects_have_one_column() {
    let database = empty();
    load(&database, "t", &json!([1, "a", null, [2]]));
    assert_eq!(
        ask(&database, "SELECT * FROM t"),
        json!([{"value": 1}, {"value": "a"}, {"value": null}, {"value": [2]}])
    );
    assert_eq!(
        fault(&database, "u", Some(&["a"]), &json!([{"a": 1}, "b"])),
        "record 2: expected an object, got a string"
    );
}

#[test]
fn a_table_without_records_has_no_rows() {
    let database = empty();
    let declared = columns(&["id", "name"]);
    database
        .load("known", Some(&declared), &[])
        .expect("it loads");
    load(&database, "open", &json!([]));
    assert_eq!(
        ask(
            &database,
            "SELECT known.name, open.id FROM known JOIN open ON open.id = known.id"
        ),
        json!([])
    );
    assert_eq!(
        ask(
            &database,
            "SELECT count(*) AS n, max(o.x) AS x FROM open AS o WHERE o.y > 1"
        ),
        json!([{"n": 0, "x": null}])
    );
    // The same table knows its guessed columns in the next statement.
    assert_eq!(
        ask(&database, "SELECT x, y, z FROM open ORDER BY x"),
        json!([])
    );
    load(&database, "runs", &json!([{"id": 1}]));
    let sql = "SELECT r.*, o.name, n.name AS other FROM runs r
               LEFT JOIN open o ON o.run = r.id LEFT JOIN known n ON n.id = r.id";
    assert_eq!(
        ask(&database, sql),
        json!([{"id": 1, "name": null, "other": null}])
    );
    load(&database, "bare", &json!([]));
    let sql = "SELECT r.*, b.* FROM runs r LEFT JOIN bare b";
    assert_eq!(ask(&database, sql), json!([{"id": 1}]));
}

#[test]
fn hostile_names_are_names() {
    let database = empty();
    let names = [
        "a\"b",
        "'; DROP TABLE t; --",
        "select",
        "two words",
        "größe",
        "日本語",
        "a.b",
        "[x]",
        "`y`",
        "rowid",
        "%s",
        "-",
        "💥",
        ":p",
        "\n",
    ];
    for name in names {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        load(
            &database,
            name,
            &json!([{name: 1, "other": {name: [name]}}]),
        );
        let rows = ask(&database, &format!("SELECT {quoted}, other FROM {quoted}"));
        assert_eq!(rows, json!([{name: 1, "other": {name: [name]}}]), "{name}");
    }
}

#[test]
fn names_that_sql_cannot_tell_apart_are_refused() {
    let database = empty();
    load(&database, "Jobs", &json!([]));
    assert_eq!(
        fault(&database, "jobs", None, &json!([])),
        "the tables `Jobs` and `jobs` have the same name in SQL, which ignores case"
    );
    assert_eq!(
        fault(&database, "Jobs", None, &json!([])),
        "there are two tables `Jobs`"
    );
    assert_eq!(
        fault(&database, "u", Some(&["a", "a"]), &json!([])),
        "table `u` has two columns `a`"
    );
    load(&database, "w", &json!([{"id": 1}, {"ID": true}]));
    assert_eq!(
        ask(&database, "SELECT id, id_2 FROM w"),
        json!([{"id": 1, "ID_2": null}, {"id": null, "ID_2": true}])
    );
    // SQLite folds ASCII letters only.
    load(&database, "v", &json!([{"ä": 1, "Ä": 2}]));
    assert_eq!(
        ask(&database, "SELECT ä, Ä FROM v"),
        json!([{"ä": 1, "Ä": 2}])
    );
}

#[test]
fn names_that_cannot_be_are_refused() {
    let database = empty();
    assert_eq!(
        fault(&database, "sqlite_x", None, &json!([])),
        "invalid table name `sqlite_x`: SQLite reserves `sqlite_…`"
    );
    assert_eq!(
        fault(&database, "", None, &json!([])),
        "invalid table name ``: it is empty"
    );
    assert_eq!(
        fault(&database, "t", None, &json!([{"a\u{0000}b": 1}])),
        "record 1: invalid column name `a\\u0000b`: it contains a NUL character"
    );
    let wide: serde_json::Map<String, Value> = (0..2_001)
        .map(|index| (format!("c{index}"), Value::Null))
        .collect();
    assert_eq!(
        fault(&database, "u", None, &json!([wide])),
        "record 1: table `u` has more than 2000 columns"
    );
}

#[test]
fn a_table_that_is_left_unfinished_keeps_its_rows() {
    let database = empty();
    let mut loader = database.loader("t", None).expect("a loader");
    loader.push(&json!({})).expect("it loads");
    loader.push(&json!({"a": 1})).expect("it loads");
    drop(loader);
    assert_eq!(one(&database, "SELECT count(*) FROM t"), json!(2));
    let error = super::fault(&database, "SELECT b FROM t");
    assert_eq!(error.message, "no column `b`");
}

#[test]
fn a_database_may_move_to_another_thread() {
    fn moves<T: Send>(_: &T) {}
    moves(&empty());
}

#[test]
fn tables_are_filled_at_the_same_time() {
    let database = empty();
    let mut left = database.loader("left", None).expect("a loader");
    let mut right = database.loader("right", None).expect("a loader");
    for index in 0..3 {
        left.push(&json!({"id": index})).expect("it loads");
        right
            .push(&json!({"id": index, format!("c{index}"): true}))
            .expect("it loads");
    }
    assert_eq!(left.finish(), 3);
    assert_eq!(right.finish(), 3);
    assert_eq!(
        ask(
            &database,
            "SELECT \"right\".* FROM \"left\" JOIN \"right\" USING (id) WHERE id = 1"
        ),
        json!([{"id": 1, "c0": null, "c1": true, "c2": null}])
    );
}
