//! Charts from records to markup.

use minijinja::{AutoEscape, Environment};
use serde_json::{Value as Json, json};

use crate::template::testing::render_with;

/// Holds markup against the grammar of XML, as far as charts use it: tags that nest, attributes in
/// quotes, no bare `<` or `&`, no control character.
fn assert_well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        assert_text(&rest[..at]);
        let (tag, after) = rest[at + 1..].split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag} in {text}");
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a name");
        let attributes = &tag[name.len()..];
        assert!(attributes.matches('"').count().is_multiple_of(2), "{tag}");
        for value in attributes.split('"').skip(1).step_by(2) {
            assert!(!value.contains('<'), "{tag}");
            assert_text(value);
            assert!(!value.contains("NaN") && !value.contains("inf"), "{tag}");
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_text(rest);
    assert!(open.is_empty(), "{open:?}");
}

fn assert_text(text: &str) {
    for (at, _) in text.match_indices('&') {
        let entity = text[at..].split_inclusive(';').next().unwrap_or_default();
        assert!(
            ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].contains(&entity),
            "{entity}"
        );
    }
    let is_bad = |c: char| (c < ' ' && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!text.contains(is_bad), "{text:?}");
}

fn chart(call: &str, rows: &Json) -> String {
    let markup = render_with(&format!("{{{{ rows | {call} }}}}"), &json!({"rows": rows}));
    assert!(!markup.starts_with("error"), "{call}: {markup}");
    assert_well_formed(&markup);
    assert_eq!(
        markup,
        render_with(&format!("{{{{ rows | {call} }}}}"), &json!({"rows": rows})),
        "the same records give the same chart"
    );
    markup
}

const CALLS: [&str; 10] = [
    "line_chart(x='x', y='v', title=title)",
    "line_chart(x='x', y='v', unit='duration', goal=3)",
    "line_chart(x='x', y=['v', 'v'], x_type='category')",
    "bar_chart(x='x', y='v')",
    "bar_chart(x='x', y='v', horizontal=true, unit='ratio')",
    "bar_chart(x='x', y='v', horizontal=false)",
    "stacked_bar_chart(x='x', y='v', by='x')",
    "heat_map(x='x', y='x', value='v')",
    "histogram(attribute='v', percentiles=[0, 50, 100])",
    "spark_svg(attribute='v', title='x')",
];

fn hostile_rows() -> Vec<Json> {
    let long = "x".repeat(10_000);
    let numbers = |numbers: &[f64]| -> Json {
        numbers
            .iter()
            .enumerate()
            .map(|(place, number)| json!({"x": place, "v": number}))
            .collect()
    };
    vec![
        json!([]),
        json!([{"x": "a", "v": null}]),
        json!([{"x": null, "v": 1}, {"x": "2026-10-01", "v": 2}]),
        json!([{"x": "2026-10-01T09:00:00Z", "v": 1}]),
        json!([
            {"x": "<script>alert(1)</script>", "v": 5},
            {"x": "\" onload=\"x", "v": -5},
            {"x": "]]>&amp;&#0;", "v": null},
            {"x": long, "v": "7"},
            {"x": "مرحبا\u{202e}abc\u{0}\u{ffff}", "v": 0},
            {"x": "日本語👨‍👩‍👧", "v": 1e9},
        ]),
        numbers(&[0.0, 0.0]),
        numbers(&[f64::MAX, f64::MIN]),
        numbers(&[1e-320, 5e-324, 0.0]),
        numbers(&[1e15, 1e15 + 0.25]),
        numbers(&[-1.0, -2.0]),
        (0..60)
            .map(|place| json!({"x": format!("a name that is long {place}"), "v": place}))
            .collect(),
        (0..1000)
            .map(|place| json!({"x": place, "v": (place * 7919) % 101}))
            .collect(),
    ]
}

#[test]
fn whatever_the_records_are_the_markup_is_valid() {
    for rows in hostile_rows() {
        for call in CALLS {
            // A thousand names twice are a million cells.
            let is_square = call.contains("y='x'") || call.contains("by='x'");
            if is_square && rows.as_array().is_some_and(|rows| rows.len() > 100) {
                continue;
            }
            let call = call.replace("title=title", "title='<b>\"&\\'</b>'");
            let markup = chart(&call, &rows);
            assert!(!markup.contains("<script"), "{call}");
            assert!(!markup.contains("<b>"), "{call}");
            assert!(markup.contains("role=\"img\""), "{call}");
            assert!(markup.len() < 2_000_000, "{call}: {}", markup.len());
        }
    }
}

#[test]
fn a_heat_map_has_an_end() {
    let rows: Json = (0..101).map(|place| json!({"x": place})).collect();
    assert_eq!(
        render_with(
            "{{ rows | heat_map(x='x', y='x') }}",
            &json!({"rows": rows})
        ),
        "error: `heat_map` draws at most 10000 cells, got 101 × 101; reduce them with `time_bucket` or `where`"
    );
}

#[test]
fn a_chart_reads_well_without_its_picture() {
    let rows = json!([
        {"day": "2026-10-01", "p50": 6.5, "p95": 11},
        {"day": "2026-10-02", "p50": 7.25, "p95": null},
    ]);
    let markup = chart("line_chart(x='day', y=['p50', 'p95'], unit='min')", &rows);
    assert!(markup.contains(
        "<title>Line chart of p50, p95 by day. 2 places from 1 Oct 2026 to 2 Oct 2026. \
         Lowest 6.5 min, highest 11 min.</title>"
    ));
    assert!(markup.contains(
        "<tr><th scope=\"row\">2 Oct 2026</th><td class=\"n\">7.25 min</td><td class=\"n\"></td></tr>"
    ));
    let bare = chart("line_chart(x='day', y='p50', table=false)", &rows);
    assert!(!bare.contains("<table"));
}

#[test]
fn records_at_the_same_place_need_a_word() {
    let rows = json!([
        {"day": "2026-10-01", "project": "web", "credits": 5},
        {"day": "2026-10-01", "project": "web", "credits": 7},
        {"day": "2026-10-01", "project": "api", "credits": 1},
    ]);
    let call = "stacked_bar_chart(x='day', y='credits', by='project'";
    assert_eq!(
        render_with(
            &format!("{{{{ rows | {call}) }}}}"),
            &json!({"rows": &rows})
        ),
        "error: `stacked_bar_chart`: 2 records have `day` 1 Oct 2026 and `project` web; combine \
         them with `combine=\"sum\"`, `\"mean\"`, `\"min\"`, `\"max\"`, `\"last\"` or `\"count\"`"
    );
    assert!(chart(&format!("{call}, combine='sum')"), &rows).contains("web: 12</title>"));
    let counted = chart("bar_chart(x='day', combine='count')", &rows);
    assert!(counted.contains("1 Oct 2026: 3</title>"), "{counted}");
    let grid = chart("heat_map(x='day', y='project')", &rows);
    assert!(grid.contains("web, 2026-10-01: 2</title>"));
}

#[test]
fn records_without_a_place_are_counted() {
    let rows = json!([{"day": null, "n": 1}, {"day": "2026-10-01", "n": 2}]);
    let markup = chart("line_chart(x='day', y='n')", &rows);
    assert!(markup.contains("1 record without `day` is not shown"));
}

#[test]
fn days_are_days_of_the_zone() {
    let rows = json!([{"day": "2026-10-01", "n": 1}, {"day": "2026-10-02", "n": 2}]);
    let markup = chart("bar_chart(x='day', y='n', tz='America/New_York')", &rows);
    assert!(markup.contains(">1 Oct<"), "{markup}");
    let rows = json!([{"at": "2026-10-01T23:30:00Z", "n": 1}]);
    let markup = chart("line_chart(x='at', y='n', tz='Europe/Berlin')", &rows);
    assert!(markup.contains("2 Oct 2026 01:30"), "{markup}");
}

#[test]
fn wrong_input_is_named() {
    let rows = json!({"rows": [{"day": "2026-10-01", "minutes": 5, "name": "x"}]});
    for (call, message) in [
        (
            "line_chart(y='minutes')",
            "`line_chart` needs `x`: `rows | line_chart(x=\"day\", y=\"minutes\")`",
        ),
        (
            "line_chart(x='day')",
            "`line_chart` needs `y`, one or several columns: `y=\"minutes\"`, `y=[\"p50\", \"p95\"]`",
        ),
        (
            "bar_chart(x='day', y='minuts')",
            "no record has a column `minuts`; did you mean `minutes`?",
        ),
        (
            "bar_chart(x='day', y='name')",
            "column `name` of `bar_chart`: expected a number, got the string `x`",
        ),
        (
            "line_chart(x='name', y='minutes', x_type='time')",
            "column `name` of `line_chart`: `x` is not a time such as `2026-11-02T09:00:00Z` or `2026-11-02`",
        ),
        (
            "line_chart(x='day', y='minutes', height=9)",
            "`height` takes a number from 80 to 4000, got 9",
        ),
        (
            "line_chart(x='day', y='minutes', goal='x')",
            "`goal`: expected a number, got the string `x`",
        ),
        (
            "line_chart(x='day', y='minutes', labels={'p': 'x'})",
            "`labels` names the column `p`, which is not shown; expected `minutes`",
        ),
        (
            "heat_map(x='day', y='name', y_values=['a'])",
            "`y_values` does not contain `x` of record 1",
        ),
        (
            "histogram(attribute='minutes', bins=0)",
            "`bins` takes a number from 1 to 200, got 0",
        ),
        (
            "spark_svg(attribute='minutes', width=1)",
            "`width` takes a number from 8 to 2000, got 1",
        ),
    ] {
        assert_eq!(
            render_with(&format!("{{{{ rows | {call} }}}}"), &rows),
            format!("error: {message}"),
            "{call}"
        );
    }
    let error = render_with(
        "{{ rows | line_chart(x='day', y='minutes', colour='red') }}",
        &rows,
    );
    assert!(error.contains("colour"), "{error}");
    assert_eq!(
        render_with("{{ 5 | bar_chart(x='a', y='b') }}", &rows),
        "error: `bar_chart` takes a list of records, got `5`"
    );
}

#[test]
fn html_does_not_escape_a_chart_again() {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    super::register(&mut environment);
    let source = "{{ chart_style() }}{{ [1, 2] | spark_svg }}{{ '<' }}";
    let text = environment
        .render_str(source, minijinja::Value::UNDEFINED)
        .expect("it renders");
    assert!(text.starts_with("<style>") && text.contains("<svg ") && text.ends_with("&lt;"));
    assert!(
        !text.contains("http://") || text.matches("http://").count() == 1,
        "a name space"
    );
}

/// The whole markup of small charts, a line each shape.
#[test]
fn small_charts_look_as_they_did() {
    let days = json!([
        {"day": "2026-10-01", "a": 6, "b": 2},
        {"day": "2026-10-02", "a": null, "b": 3.5},
        {"day": "2026-10-03", "a": 9, "b": 1},
        {"day": "2026-10-04", "a": 7, "b": -2},
    ]);
    let jobs =
        json!([{"job": "build", "s": 250}, {"job": "a job with a long & strange name", "s": 61}]);
    let mut all = String::new();
    for (rows, call) in [
        (
            &days,
            "line_chart(x='day', y=['a', 'b'], title='Minutes', unit='min', width=300, height=160, goal=5)",
        ),
        (
            &days,
            "stacked_bar_chart(x='day', y=['a', 'b'], width=300, height=160, table=false)",
        ),
        (
            &jobs,
            "bar_chart(x='job', y='s', unit='duration', width=300, table=false)",
        ),
        (
            &days,
            "heat_map(x='day', y='a', value='b', width=300, table=false)",
        ),
        (
            &jobs,
            "histogram(attribute='s', bins=4, percentiles=[95], width=300, height=160, unit='duration')",
        ),
        (&days, "spark_svg(attribute='a')"),
    ] {
        let markup = chart(call, rows).replace("><", ">\n<");
        all.push_str(&format!("{call}\n\n{markup}\n\n"));
    }
    insta::assert_snapshot!("small_charts", all);
}
