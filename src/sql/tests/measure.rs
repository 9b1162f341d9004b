//! Measures the time that tables take.

use std::time::Instant;

use serde_json::{Value, json};

use super::{ask, empty, fault, one};

fn record(index: usize) -> Value {
    json!({
        "id": format!("{index:08}-5034460f-c7c4"),
        "name": format!("workflow-{}", index % 20),
        "status": if index.is_multiple_of(7) { "failed" } else { "success" },
        "created_at": format!("2026-10-{:02}T{:02}:{:02}:00Z", index % 30 + 1, index % 24, index % 60),
        "minutes": f64::from(u32::try_from(index % 997).unwrap_or(0)) / 10.0,
        "pipeline": index / 3,
        "is_main": index.is_multiple_of(2),
        "tags": ["a", index % 5],
    })
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture tables_take"]
fn tables_take_linear_time() {
    for count in [10_000, 100_000] {
        let records: Vec<Value> = (0..count).map(record).collect();
        let database = empty();
        let mut report = format!("{count} records:");
        let mut step = |what: &str, start: Instant| {
            report.push_str(&format!(
                " {what} {:.1} ms,",
                start.elapsed().as_secs_f64() * 1e3
            ));
        };
        let start = Instant::now();
        database.load("t", None, &records).expect("it loads");
        step("load", start);
        for (what, sql) in [
            (
                "group",
                "SELECT name, count(*) AS n, percentile(minutes, 95) AS p FROM t GROUP BY name",
            ),
            (
                "window",
                "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY name ORDER BY \
                 created_at DESC) AS k FROM t) WHERE k = 1",
            ),
            (
                "json_each",
                "SELECT count(*) AS n FROM t, json_each(t.tags)",
            ),
            (
                "date",
                "SELECT date(created_at) AS d, count(*) AS n FROM t GROUP BY 1",
            ),
            (
                "time_bucket",
                "SELECT time_bucket(created_at, '1d') AS d, count(*) AS n FROM t GROUP BY 1",
            ),
            (
                "regexp",
                "SELECT count(*) AS n FROM t WHERE name REGEXP '-1[0-9]$'",
            ),
            ("everything", "SELECT * FROM t"),
        ] {
            let start = Instant::now();
            ask(&database, sql);
            step(what, start);
        }
        std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{report}\n"))
            .expect("writes");
    }
}

#[test]
#[ignore = "it takes all memory of the process's tables: cargo test -- --ignored a_result_beyond"]
fn a_result_beyond_the_memory_is_refused() {
    let database = empty();
    let sql = "WITH RECURSIVE n(i, x) AS (
                 SELECT 1, '' UNION ALL SELECT i + 1, printf('%.*c', 1000000, 'x') FROM n)
               SELECT i FROM n ORDER BY x, i";
    assert_eq!(
        fault(&database, sql).message,
        "tables and results need more than 1000 MB of memory"
    );
    assert_eq!(one(&database, "SELECT 1"), json!(1));
}
