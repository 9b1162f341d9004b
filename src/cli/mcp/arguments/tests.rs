use serde_json::json;

use super::*;
use crate::project::query::Bounds;

fn var(kind: VarType, required: bool) -> Var {
    Var {
        kind,
        required,
        bounds: Bounds::default(),
        ..Var::time("x")
    }
}

fn given(kind: VarType, value: &Value) -> String {
    match input(&var(kind, false), value) {
        Ok(None) => "absent".to_owned(),
        Ok(Some(Input::Text(text))) => format!("text {text}"),
        Ok(Some(Input::Json(value))) => format!("json {value}"),
        Ok(Some(other)) => panic!("{other:?}"),
        Err(words) => format!("refused: {words}"),
    }
}

#[test]
fn an_argument_may_be_written_as_text_or_as_json() {
    for (kind, value, expected) in [
        (VarType::String, json!("a"), "text a"),
        (VarType::String, json!(1.5), "text 1.5"),
        (VarType::String, json!(true), "text true"),
        (
            VarType::String,
            json!(["a"]),
            "refused: a string, got a list",
        ),
        (VarType::Int, json!(42), "json 42"),
        (VarType::Int, json!("42"), "text 42"),
        (VarType::Int, json!(2.0), "json 2"),
        (VarType::Int, json!(2.5), "json 2.5"),
        (
            VarType::Int,
            json!(true),
            "refused: an integer, got a boolean",
        ),
        (VarType::Number, json!("0.5"), "text 0.5"),
        (VarType::Bool, json!(false), "json false"),
        (VarType::Bool, json!("false"), "text false"),
        (
            VarType::Bool,
            json!(0),
            "refused: `true` or `false`, got a number",
        ),
        (VarType::List, json!(["a", "b"]), "json [\"a\",\"b\"]"),
        (VarType::List, json!("a,b"), "text a,b"),
        (VarType::List, json!("[\"a\"]"), "text [\"a\"]"),
        (VarType::Time, json!("7d"), "text 7d"),
        (VarType::Duration, json!(90), "json 90"),
        (VarType::Duration, json!("90s"), "text 90s"),
        (VarType::Json, json!({"a": 1}), "json {\"a\":1}"),
        (VarType::Json, json!("{\"a\": 1}"), "text {\"a\": 1}"),
    ] {
        assert_eq!(given(kind, &value), expected, "{kind:?} {value}");
    }
}

#[test]
fn null_and_an_empty_text_are_absent() {
    for (_, kind) in VarType::ALL {
        assert_eq!(given(kind, &Value::Null), "absent");
        assert_eq!(given(kind, &json!("")), "absent");
    }
    let needed = input(&var(VarType::String, true), &json!("")).expect("an empty text");
    assert!(matches!(needed, Some(Input::Text(text)) if text.is_empty()));
}

#[test]
fn a_number_that_may_have_been_rounded_is_refused() {
    let exact = json!(9_007_199_254_740_991_u64);
    assert_eq!(given(VarType::Int, &exact), "json 9007199254740991");
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "12345678901234567890",
    ] {
        let value: Value = crate::core::json::parse(text.as_bytes()).expect("a number");
        assert!(given(VarType::Int, &value).starts_with("refused"), "{text}");
        assert!(
            given(VarType::String, &value).starts_with("refused"),
            "{text}"
        );
    }
    assert_eq!(given(VarType::Number, &json!(0.1)), "json 0.1");
}
