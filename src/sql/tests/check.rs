//! Statements before there are records.

use super::shown;
use crate::sql::statement::Mention;
use crate::sql::{Mentions, check, mentions};

const SQL: &str =
    "SELECT w.name, count(*) AS jobs FROM jobs j JOIN workflows w ON w.id = j.workflow
    WHERE w.created_at > :since AND j.status = @status GROUP BY 1";

fn names(mentions: &[Mention]) -> Vec<&str> {
    mentions
        .iter()
        .map(|mention| mention.name.as_str())
        .collect()
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn message(sql: &str, tables: &[(&str, Option<&[String]>)]) -> String {
    shown(&check(sql, tables).expect_err("a fault"), sql)
}

#[test]
fn a_statement_has_the_names_it_mentions() {
    let found = mentions(SQL).expect("no fault");
    assert_eq!(names(&found.tables), ["jobs", "workflows"]);
    assert_eq!(names(&found.params), ["since", "status"]);
    assert_eq!(found.columns, ["name", "jobs"]);
    assert_eq!(&SQL[found.tables[1].range.clone()], "workflows");
    assert_eq!(&SQL[found.params[0].range.clone()], ":since");
    let none = Mentions {
        tables: Vec::new(),
        params: Vec::new(),
        columns: vec!["n".to_owned()],
    };
    let sql = "WITH x(n) AS (SELECT 1) SELECT n FROM x, json_each('[]')";
    assert_eq!(mentions(sql), Ok(none));
    let counted = mentions("SELECT count(*) FROM \"two words\"").expect("no fault");
    assert_eq!(names(&counted.tables), ["two words"]);
    let error = mentions("SELECT a FROM b WHERE").expect_err("a fault");
    assert_eq!(error.message, "the statement is incomplete");
}

#[test]
fn known_columns_are_checked() {
    let jobs = columns(&["job", "workflow", "status"]);
    let workflows = columns(&["id", "name", "created_at"]);
    let tables = [
        ("jobs", Some(jobs.as_slice())),
        ("workflows", Some(workflows.as_slice())),
    ];
    assert!(check(SQL, &tables).is_ok());
    assert_eq!(
        message("SELECT w.nmae FROM workflows w", &tables),
        "no column `w.nmae` @ w.nmae | did you mean `name`?"
    );
    let all = check("SELECT * FROM jobs", &tables).expect("no fault");
    assert_eq!(all.columns, ["job", "workflow", "status"]);
    assert_eq!(
        message("SELECT * FROM flaky", &tables),
        "no table `flaky`; the tables are `jobs` and `workflows` @ flaky"
    );
}

#[test]
fn unknown_columns_are_taken_on_trust() {
    let jobs = columns(&["job", "workflow", "status"]);
    let tables = [("jobs", Some(jobs.as_slice())), ("workflows", None)];
    let found = check(SQL, &tables).expect("no fault");
    assert_eq!(found.columns, ["name", "jobs"]);
    // Those of the known table are checked all the same.
    assert_eq!(
        message("SELECT j.jbo, w.anything FROM jobs j, workflows w", &tables),
        "no column `j.jbo` @ j.jbo | did you mean `job`?"
    );
    let star = check("SELECT *, name AS n FROM workflows", &tables).expect("no fault");
    assert_eq!(star.columns, ["name", "n"]);
    assert_eq!(
        message("SELECT other.x FROM workflows", &tables),
        "no column `other.x` @ other.x"
    );
}

#[test]
fn two_unknown_tables_share_the_names() {
    let tables = [("a", None), ("b", None)];
    let sql = "SELECT a.x, b.x AS y, x.z FROM a JOIN b ON a.id = b.id JOIN b AS x USING (k)
               WHERE w > 1";
    let found = check(sql, &tables).expect("no fault");
    assert_eq!(found.columns, ["x", "y", "z"]);
}

#[test]
fn tables_that_cannot_be_are_refused() {
    let twice = columns(&["id", "id"]);
    let error = check("SELECT 1", &[("t", Some(twice.as_slice()))]).expect_err("a fault");
    assert_eq!(error.message, "table `t` has two columns `id`");
    let alike = columns(&["id", "Id"]);
    let star = check("SELECT * FROM t", &[("t", Some(alike.as_slice()))]).expect("no fault");
    assert_eq!(star.columns, ["id", "Id_2"]);
}
