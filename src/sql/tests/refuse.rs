//! Refused statements and their errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use super::{ask, database, empty, fault, load, message, one};
use crate::sql::{Database, SqlErrorKind};

#[test]
fn whatever_is_no_read_is_refused() {
    let database = database();
    let words = [
        "INSERT INTO jobs DEFAULT VALUES",
        "UPDATE jobs SET job = 1",
        "DELETE FROM jobs",
        "REPLACE INTO jobs (job) VALUES (1)",
        "CREATE TABLE t (a)",
        "DROP TABLE jobs",
        "ALTER TABLE jobs ADD COLUMN a",
        "ATTACH 'file' AS f",
        "DETACH main",
        "PRAGMA user_version = 1",
        "VACUUM INTO 'file'",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT 1",
    ];
    for sql in words {
        let word = sql.split(' ').next().unwrap_or_default();
        assert_eq!(
            message(&database, sql),
            format!(
                "`{word}` is refused: a statement can only read @ {word} | begin it \
                 with `SELECT`, `WITH` or `VALUES`"
            )
        );
    }
    for (sql, expected) in [
        (
            "WITH x AS (SELECT 1) DELETE FROM jobs",
            "`DELETE` is refused: a statement can only read @ DELETE",
        ),
        (
            "WITH x AS (SELECT 1) INSERT INTO jobs (job) SELECT * FROM x",
            "`INSERT` is refused: a statement can only read @ INSERT",
        ),
        (
            "WITH x AS (SELECT 1) UPDATE jobs SET job = 2",
            "`UPDATE` is refused: a statement can only read @ UPDATE",
        ),
        (
            "SELECT name FROM sqlite_schema",
            "`sqlite_master` is refused: it is not a table of records",
        ),
        (
            "SELECT * FROM pragma_table_info('jobs')",
            "`pragma_table_info` is refused: it is not a table of records @ pragma_table_info",
        ),
        (
            "SELECT load_extension('x')",
            "`load_extension` is refused: a statement must not load code @ load_extension",
        ),
        (
            "SELECT 1, Random()",
            "`random` is refused: results must be reproducible @ Random",
        ),
        (
            "SELECT 1; SELECT 2",
            "only one statement is allowed, and `SELECT` begins a second one @ SELECT",
        ),
    ] {
        assert_eq!(message(&database, sql), expected, "{sql}");
        assert_eq!(fault(&database, sql).kind, SqlErrorKind::Statement);
    }
    assert_eq!(one(&database, "SELECT count(*) FROM jobs"), json!(3));
}

#[test]
fn faults_are_reported_in_plain_words_with_their_place() {
    let database = database();
    for (sql, expected) in [
        ("SELECT id FORM jobs", "unexpected `jobs` @ jobs"),
        ("SELECT (1", "the statement is incomplete @ 1"),
        (
            "SELECT * FROM job",
            "no table `job`; the tables are `jobs` and `workflows` @ job | did you mean `jobs`?",
        ),
        (
            "SELECT * FROM \"x y\"",
            "no table `x y`; the tables are `jobs` and `workflows` @ \"x y\"",
        ),
        (
            "SELECT größe, 'ä', j.statsu FROM jobs j",
            "no column `größe` @ größe | expected `workflow`, `job`, `status` or `retries`",
        ),
        (
            "SELECT 'ä', j.statsu FROM jobs j",
            "no column `j.statsu` @ j.statsu | did you mean `status`?",
        ),
        (
            "SELECT * FROM jobs WHERE status = \"failed\"",
            "no column `failed` @ \"failed\" | put a string in single quotes: `'failed'`",
        ),
        (
            "SELECT id, name FROM workflows a JOIN workflows b",
            "column `id` is in more than one table @ id | qualify it, such as `t.id`",
        ),
        (
            "SELECT percentil(1, 2)",
            "no function `percentil` @ percentil | did you mean `percentile`?",
        ),
        (
            "SELECT percentile(1)",
            "wrong number of arguments to `percentile` @ percentile | call it as \
             `percentile(x, 95)`",
        ),
        (
            "SELECT id FROM workflows WHERE count(*) > 1",
            "the aggregate function `count` is not allowed here @ count | use it in the result, \
             in HAVING or in ORDER BY",
        ),
        (
            "SELECT ?",
            "`?` is not a parameter; parameters are named, such as `:since` @ ?",
        ),
        ("SELECT $a::b(c)", "`:` must be followed by a name @ :"),
        (
            "SELECT $a(b)",
            "`$a(b)` is not a parameter; write one as `:since`",
        ),
        ("SELECT 'a", "unclosed `'` @ '"),
        (
            "",
            "the statement is empty | begin it with `SELECT`, `WITH` or `VALUES`",
        ),
    ] {
        assert_eq!(message(&database, sql), expected, "{sql}");
    }
    assert_eq!(
        message(&empty(), "SELECT * FROM x"),
        "no table `x`; there are no tables @ x"
    );
}

fn patient(looks: usize) -> (Database, Arc<AtomicUsize>) {
    let mut database = database();
    let count = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&count);
    database
        .stop_when(move || own.fetch_add(1, Ordering::Relaxed) >= looks)
        .expect("it can be stopped");
    (database, count)
}

#[test]
fn a_runaway_is_stopped() {
    for sql in [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000)
         SELECT count(*) FROM n a, n b, n c WHERE a.i + b.i + c.i = 0",
    ] {
        let (database, count) = patient(20);
        let start = Instant::now();
        let error = fault(&database, sql);
        assert_eq!(error.kind, SqlErrorKind::Stopped);
        assert_eq!(error.message, "the statement was stopped");
        assert!(start.elapsed().as_secs() < 5);
        assert!(count.load(Ordering::Relaxed) >= 20);
    }
}

#[test]
fn a_database_goes_on_after_a_fault() {
    let (database, _) = patient(usize::MAX);
    fault(&database, "SELECT nothing FROM jobs");
    fault(&database, "SELECT median('x')");
    fault(&database, "DELETE FROM jobs");
    assert_eq!(one(&database, "SELECT count(*) FROM jobs"), json!(3));
    load(&database, "more", &json!([{"a": 1}]));
    assert_eq!(ask(&database, "SELECT a FROM more"), json!([{"a": 1}]));
}

#[test]
fn memory_bombs_are_refused() {
    let database = empty();
    for sql in [
        "SELECT length(zeroblob(1000000000)) AS a",
        "SELECT length(printf('%.*c', 1000000000, 'x')) AS a",
        "SELECT length(replace(printf('%.*c', 100000, 'x'), 'x', printf('%.*c', 100000, 'y')))",
    ] {
        let error = fault(&database, sql);
        assert_eq!(error.message, "a value is larger than 100 MB", "{sql}");
    }
    let deep = format!("SELECT {}1{}", "(1+".repeat(600), ")".repeat(600));
    assert_eq!(
        fault(&database, &deep).message,
        "Expression tree is too large (maximum depth 500)"
    );
    let wide = format!("SELECT {}1", "1,".repeat(2_000));
    assert_eq!(
        fault(&database, &wide).message,
        "too many columns in result set"
    );
    let long = format!("SELECT '{}'", "x".repeat(1_000_000));
    assert_eq!(
        fault(&database, &long).message,
        "a value is larger than 100 MB"
    );
    let pattern = "SELECT 'a' LIKE printf('%.*c', 2000, '%')";
    assert_eq!(
        fault(&database, pattern).message,
        "LIKE or GLOB pattern too complex"
    );
}
