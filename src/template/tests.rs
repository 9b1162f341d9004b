//! Templates and expressions, from source to output.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::core::source::{Place, SourceFile, Span, Text};
use crate::template::{Clock, Expression, Lookup, Scope, Template};

fn text(source: &str) -> Text {
    let file = SourceFile::new("q.yaml", "q.yaml", source);
    let span = Span::new(0, source.len());
    Text::new(source, &Place { file, span })
}

fn template(source: &str) -> Template {
    Template::parse(&text(source)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn scope(names: &Json) -> Scope {
    let clock = Clock("2026-11-02T09:30:00Z".parse().expect("a fixed time"));
    let env: Lookup = Arc::new(|name| (name == "HOME").then(|| json!("/home/ann")));
    let scope = Scope::new(clock, [("env", env)]);
    let members = names.as_object().expect("an object");
    scope.with_all(members.iter().map(|(name, value)| (name.as_str(), value)))
}

fn route(source: &str, names: &Json) -> Result<String, String> {
    template(source)
        .segments(&scope(names))
        .map_err(|error| error.message)
}

#[test]
fn a_value_is_one_segment_of_a_route() {
    let names = json!({"a": "feature/a b&c#1+é%41", "n": 7, "t": true});
    assert_eq!(
        route("/x/{{ a }}/y", &names),
        Ok("/x/feature%2Fa%20b%26c%231%2B%C3%A9%2541/y".to_owned())
    );
    assert_eq!(
        route("/x/{{ a | path }}", &names),
        Ok("/x/feature/a%20b%26c%231%2B%C3%A9%2541".to_owned())
    );
    assert_eq!(route("/{{ n }}-{{ t }}", &names), Ok("/7-true".to_owned()));
}

#[test]
fn a_value_never_changes_the_route() {
    let names = json!({
        "empty": "", "dot": ".", "dots": "..", "up": "a/../b", "slash": "/etc",
        "end": "a/", "q": "?x=1#y", "back": "..\\..", "list": [1], "none": null,
    });
    for name in ["empty", "dot", "dots"] {
        let error = route(&format!("/a/{{{{ {name} }}}}/b"), &names).expect_err(name);
        assert!(error.ends_with("which would change the path"), "{error}");
    }
    for name in ["empty", "dots", "up", "slash", "end"] {
        let error = route(&format!("/a/{{{{ {name} | path }}}}"), &names).expect_err(name);
        assert!(error.ends_with("which would change the path"), "{error}");
    }
    route("/a/{{ dot }}{{ dot }}", &names).expect_err("two dots from two values");
    route("/a/.{{ dot }}", &names).expect_err("a dot from each");
    route("/a/{{ list }}", &names).expect_err("a list");
    route("/a/{{ none }}", &names).expect_err("null");
    assert_eq!(
        route("/a/{{ q }}", &names),
        Ok("/a/%3Fx%3D1%23y".to_owned())
    );
    assert_eq!(route("/a/{{ back }}", &names), Ok("/a/..%5C..".to_owned()));
    assert_eq!(route("/a/x{{ empty }}", &names), Ok("/a/x".to_owned()));
    assert_eq!(route("/a?b={{ empty }}", &names), Ok("/a?b=".to_owned()));
}

#[test]
fn a_template_may_fail_in_its_own_words() {
    let source = "/{{ url if state == 'done' else fail('the export failed: ' ~ state) }}";
    let names = json!({"state": "broken", "url": "x"});
    assert_eq!(
        route(source, &names),
        Err("the export failed: broken".to_owned())
    );
    let names = json!({"state": "done", "url": "x"});
    assert_eq!(route(source, &names), Ok("/x".to_owned()));
}

#[test]
fn only_the_filter_makes_slashes() {
    let names = json!({"a": "x/y"});
    assert_eq!(
        route("/{{ (a | path) ~ '/z' }}", &names),
        Ok("/x%2Fy%2Fz".to_owned())
    );
    Template::parse(&text("/{{ a | safe }}")).expect_err("no such filter");
}

#[test]
fn a_single_expression_keeps_its_type() {
    let names = json!({"n": 18_446_744_073_709_551_615_u64, "l": [1, null], "f": 1.5});
    let value = |source: &str| template(source).json(&scope(&names)).expect("it renders");
    assert_eq!(value("{{ n }}"), json!(18_446_744_073_709_551_615_u64));
    assert_eq!(value(" {{ l }} "), json!([1, null]));
    assert_eq!(value("{{ f }}x"), json!("1.5x"));
    assert_eq!(value("{{ none }}"), json!(null));
    assert_eq!(value("{% if f %}yes{% endif %}"), json!("yes"));
}

#[test]
fn undefined_names_are_pointed_at() {
    let template = template("a {{ env.CIRCLE_TOKEN }} b");
    let error = template.text(&scope(&json!({}))).expect_err("unset");
    assert_eq!(error.message, "`env.CIRCLE_TOKEN` is undefined");
    assert_eq!(error.undefined.as_deref(), Some("env.CIRCLE_TOKEN"));
    assert_eq!(error.place.span, Span::new(5, 21));
}

#[test]
fn missing_fields_of_a_record_are_null_and_other_faults_are_not() {
    let value = |source: &str, names: &Json| {
        Template::of_record(&text(source))
            .unwrap_or_else(|faults| panic!("{faults:?}"))
            .json_of_record(&scope(&json!({})).with_row(&names["row"]))
            .map_err(|error| error.message)
    };
    let source = "{{ ((row.b | time) - (row.a | time)) | minutes }}";
    let row = json!({"row": {"a": "2026-11-02T09:00:00Z", "b": "2026-11-02T09:03:00Z"}});
    assert_eq!(value(source, &row), Ok(json!(3)));
    let running = json!({"row": {"a": "2026-11-02T09:00:00Z", "b": null}});
    assert_eq!(value(source, &running), Ok(Json::Null));
    assert_eq!(value(source, &json!({"row": {}})), Ok(Json::Null));
    assert_eq!(
        value("{{ row.vcs.branch }}", &json!({"row": {}})),
        Ok(Json::Null)
    );
    let source_with_default = "{{ row.vcs.branch | default('none') }}";
    assert_eq!(
        value(source_with_default, &json!({"row": {}})),
        Ok(json!("none"))
    );
    let broken = json!({"row": {"a": "soon", "b": "later"}});
    value(source, &broken).expect_err("not a time");
}

#[test]
fn conditions_hold_or_not() {
    let holds = |source: &str, row: Json| {
        Expression::parse(&text(source))
            .unwrap_or_else(|faults| panic!("{faults:?}"))
            .holds(&scope(&json!({})).with_row(&row))
    };
    assert!(holds("row.s == 'failed'", json!({"s": "failed"})).expect("it holds"));
    assert!(!holds("row.s == 'failed'", json!({})).expect("it does not"));
    assert!(!holds("row.vcs.branch == 'main'", json!({})).expect("it does not"));
    for missing in [json!({"s": null}), json!({})] {
        for source in [
            "row.s is none",
            "not row.s",
            "row.s != 'failed'",
            "row.s == none",
            "row.s or true",
            "row.a.b.c is none",
            "row.a.b != 'main'",
            "(row.a.b | default('main')) == 'main'",
        ] {
            assert!(
                holds(source, missing.clone()).expect("it holds"),
                "{source}"
            );
        }
    }
    let error = Expression::parse(&text("{{ row.s }}")).expect_err("braces");
    assert_eq!(error[0].help.as_deref(), Some("write `row.s`"));
}

fn holds(source: &str, row: &Json) -> Result<bool, String> {
    Expression::parse(&text(source))
        .unwrap_or_else(|faults| panic!("{faults:?}"))
        .holds(&scope(&json!({})).with_row(row))
        .map_err(|error| error.message)
}

#[test]
fn a_comparison_without_an_order_does_not_hold() {
    let rows = [
        json!({}),
        json!({"m": null}),
        json!({"m": "9"}),
        json!({"m": true}),
        json!({"m": [1]}),
        json!({"m": {"a": 1}}),
    ];
    for row in rows {
        for source in [
            "row.m < 5",
            "row.m <= 5",
            "row.m > 5",
            "row.m >= 5",
            "5 < row.m",
            "5 > row.m",
            "not (row.m < 5)",
            "not row.m >= 5",
            "not (row.m > 5 and true)",
            "not (false or row.m > 5)",
            "row.m is lt(5)",
            "row.m is not lt 5",
            "not row.m is greaterthan(5)",
            "0 < row.m < 5",
            "not (0 <= row.m <= 5)",
            "row.m < 5 if true else true",
            "[row.m] | select('lt', 5) | list",
            "[row] | selectattr('m', 'ge', 5) | list",
        ] {
            assert_eq!(holds(source, &row), Ok(false), "{source} {row}");
        }
        for source in [
            "row.m < 5 or true",
            "true or row.m < 5",
            "not (row.m < 5 and false)",
            "not (false and row.m < 5)",
            "row.m != 5",
            "false if row.m < 5 else true",
        ] {
            assert_eq!(holds(source, &row), Ok(true), "{source} {row}");
        }
    }
}

#[test]
fn values_of_one_kind_are_compared() {
    let row = json!({"m": 5, "f": 5.5, "s": "b", "v": [1, 10], "t": "2026-11-02T09:00:00Z"});
    for source in [
        "row.m < 5.5",
        "row.f >= row.m",
        "not (row.m > 5)",
        "1 < row.m <= 5 < row.f",
        "1 < row.m != 7",
        "row.m in [5] and row.s < 'c'",
        "row.s > 'a'",
        "row.v < [2]",
        "row.v > [1, 9]",
        "[1] < row.v",
        "(row.t | time) <= (now() | time)",
        "[9, row.m] | select('lt', 6) | list == [5]",
        "[3, none, row.m] | max == 5",
        "[row.m, none] | min < 6",
        "[row, {'m': 1}] | min(attribute='m') == {'m': 1}",
        "[3, none, 1] | sort == [1, 3, none]",
        "[3, none, 1] | sort(reverse=true) == [3, 1, none]",
        "['b', 'C', 'a'] | sort == ['a', 'b', 'C']",
        "[{'a': 1, 'b': 2}, {'a': 1, 'b': 1}] | sort(attribute='a,b') | first == {'a': 1, 'b': 1}",
    ] {
        assert_eq!(holds(source, &row), Ok(true), "{source}");
    }
    for (source, words) in [
        (
            "[3, '9'] | max == 3",
            "`max` takes values of a single kind, got the number `3` and the string `9`",
        ),
        (
            "[3, '9'] | sort",
            "`sort` takes values of a single kind, got the number `3` and the string `9`",
        ),
    ] {
        assert_eq!(holds(source, &row), Err(words.to_owned()));
    }
}

#[test]
fn in_a_template_a_comparison_without_an_order_is_a_fault() {
    let names = json!({"n": null, "five": 5, "nine": "9"});
    let fault = |source: &str| {
        let error = template(source).text(&scope(&names)).expect_err(source);
        let span = error.place.span;
        (error.message, source[span.start..span.end].to_owned())
    };
    for source in [
        "{{ five > n }}",
        "{{ not five > n }}",
        "{% if five > n %}x{% endif %}",
        "{{ 1 if five > n }}",
        "{{ 1 < five > n }}",
        "{{ [five] | select('>', n) | list }}",
    ] {
        let words =
            "`>` cannot compare the number `5` with null; add a default with `| default(…)`";
        assert_eq!(fault(source).0, words, "{source}");
    }
    assert_eq!(
        fault("{{ five }} {{ five + 1 <= nine }}"),
        (
            "`<=` cannot compare the number `6` with the string `9`; \
             convert the string with `| float`, or a time with `| time`"
                .to_owned(),
            "five + 1 <= nine".to_owned()
        )
    );
    assert_eq!(fault("{{ nosuch < 5 }}").0, "`nosuch` is undefined");
    // A column of a record that lacks a value is null, as with arithmetic.
    let column = |source: &str, row: Json| {
        Template::of_record(&text(source))
            .unwrap_or_else(|faults| panic!("{faults:?}"))
            .json_of_record(&scope(&json!({})).with_row(&row))
            .map_err(|error| error.message)
    };
    assert_eq!(column("{{ row.m < 5 }}", json!({})), Ok(Json::Null));
    assert_eq!(column("{{ row.m < 5 }}", json!({"m": 4})), Ok(json!(true)));
    column("{{ row.m < 5 }}", json!({"m": "4"})).expect_err("a text and a number");
}
