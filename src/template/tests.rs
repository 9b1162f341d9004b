//! Templates and expressions, from what a person writes to what comes out.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::core::source::{Place, SourceFile, Span, Text};
use crate::template::{Clock, Expression, Lookup, Missing, Scope, Template};

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
        assert!(error.ends_with("which would change the route"), "{error}");
    }
    for name in ["empty", "dots", "up", "slash", "end"] {
        let error = route(&format!("/a/{{{{ {name} | path }}}}"), &names).expect_err(name);
        assert!(error.ends_with("which would change the route"), "{error}");
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
        Expression::parse(&text(source), Missing::Null)
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
    let error = Expression::parse(&text("{{ row.s }}"), Missing::Null).expect_err("braces");
    assert_eq!(error[0].help.as_deref(), Some("write `row.s`"));
}
