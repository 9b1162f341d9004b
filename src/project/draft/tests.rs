use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::*;
use crate::core::diagnostic::Diagnostics;
use crate::core::source::{Place, SourceFile, Span, Text};
use crate::project::yaml;
use crate::template::{Clock, Scope, Template};

fn parsed(text: &str) -> Value {
    let source = SourceFile::new("draft.yaml", PathBuf::new(), text);
    let mut faults = Diagnostics::new();
    match yaml::parse(&source, &mut faults) {
        Some(node) if faults.is_empty() => node.to_json(),
        _ => panic!("{:?}\n{text}", faults.into_sorted()),
    }
}

/// A text that is likely to be read as something else.
fn hostile_text(random: &mut fastrand::Rng) -> String {
    const PIECES: [&str; 58] = [
        "yes",
        "no",
        "null",
        "~",
        "1.0",
        "1e3",
        "0x1f",
        "007",
        "12:30",
        "2019-08-24",
        "true",
        "{{",
        "}}",
        "{%",
        "{#",
        ": ",
        " #",
        "#",
        "@",
        "*",
        "&a",
        "!",
        "|",
        ">",
        "-",
        "- ",
        "? ",
        "%",
        "`",
        "\"",
        "'",
        "\\",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\n",
        "\n\n",
        "\t",
        " ",
        "  ",
        "\r",
        "\u{0}",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "é",
        "中",
        "👩‍👩‍👧",
        "\u{200d}",
        "a",
        "b c",
        "$.items[*]",
        "/me",
        "---",
        "...",
    ];
    let length = random.usize(0..6);
    (0..length)
        .map(|_| PIECES[random.usize(..PIECES.len())])
        .collect()
}

fn hostile_number(random: &mut fastrand::Rng) -> Value {
    const NUMBERS: [&str; 9] = [
        "0",
        "-0",
        "1.10",
        "-12.5e-3",
        "1E400",
        "123456789012345678901234567890",
        "1e3",
        "-7",
        "0.5",
    ];
    serde_json::from_str(NUMBERS[random.usize(..NUMBERS.len())]).expect("is a number")
}

fn hostile_value(random: &mut fastrand::Rng, depth: usize) -> Value {
    match random.usize(0..if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => hostile_number(random),
        3..=5 => hostile_text(random).into(),
        6 => (0..random.usize(0..4))
            .map(|_| hostile_value(random, depth - 1))
            .collect(),
        _ => Value::Object(hostile_members(random, depth - 1)),
    }
}

fn hostile_members(random: &mut fastrand::Rng, depth: usize) -> Map<String, Value> {
    (0..random.usize(0..4))
        .map(|_| (hostile_text(random), hostile_value(random, depth)))
        .collect()
}

fn hostile_draft(random: &mut fastrand::Rng) -> Draft {
    let texts = |random: &mut fastrand::Rng| {
        let members = hostile_members(random, 0).into_iter();
        members.map(|(key, _)| (key.clone(), key)).collect()
    };
    let form: Vec<(String, Value)> = hostile_members(random, 1).into_iter().collect();
    let some = |random: &mut fastrand::Rng| random.bool().then(|| hostile_text(random));
    Draft {
        comments: vec![hostile_text(random), "a: b".to_owned()],
        name: some(random),
        description: some(random),
        resource: some(random),
        vars: Vec::new(),
        method: [Method::GET, Method::POST, Method::DELETE][random.usize(..3)].clone(),
        safe: random.bool().then_some(true),
        endpoint: format!("/{}", hostile_text(random)),
        undocumented: random.bool(),
        params: hostile_members(random, 1).into_iter().collect(),
        headers: texts(random),
        body: match random.usize(0..6) {
            0 => None,
            1 => Some(DraftBody::Form(form)),
            2 => Some(DraftBody::Multipart(form)),
            3 => Some(DraftBody::Text(hostile_text(random))),
            4 => Some(DraftBody::File(hostile_text(random))),
            _ => Some(DraftBody::Json(hostile_value(random, 4))),
        },
        confirm: some(random),
        paginate: random.bool().then(|| hostile_value(random, 2)),
        decode: None,
        rows: some(random),
        extract: hostile_members(random, 2).into_iter().collect(),
    }
}

/// The document that a draft stands for, without vars.
fn expected(draft: &Draft) -> Value {
    let mut file = Map::new();
    let mut put = |key: &str, value: Value| {
        let is_empty = value.as_object().is_some_and(Map::is_empty);
        if !is_empty {
            file.insert(key.to_owned(), value);
        }
    };
    let texts = [
        ("name", &draft.name),
        ("description", &draft.description),
        ("resource", &draft.resource),
        ("confirm", &draft.confirm),
        ("rows", &draft.rows),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            put(key, text.as_str().into());
        }
    }
    put("endpoint", draft.endpoint.as_str().into());
    put("params", draft.params.iter().cloned().collect());
    put("extract", draft.extract.iter().cloned().collect());
    let headers = draft.headers.iter();
    put(
        "headers",
        headers
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect(),
    );
    if draft.method != Method::GET {
        put("method", draft.method.as_str().into());
    }
    if draft.safe.is_some() {
        put("safe", true.into());
    }
    if draft.undocumented {
        put("undocumented", true.into());
    }
    if let Some(body) = &draft.body {
        let (form, content) = body.parts();
        put("body", json!({ form: content }));
    }
    if let Some(paginate) = &draft.paginate {
        file.insert("paginate".to_owned(), paginate.clone());
    }
    Value::Object(file)
}

#[test]
fn the_file_has_the_values_of_the_draft() {
    for seed in 0..4_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let draft = hostile_draft(&mut random);
        let text = draft.to_yaml();
        assert_eq!(parsed(&text), expected(&draft), "seed {seed}:\n{text}");
    }
}

#[test]
fn a_literal_renders_to_itself() {
    let nowhere = Place {
        file: SourceFile::new("", PathBuf::new(), ""),
        span: Span::default(),
    };
    let scope = Scope::new(Clock(jiff::Timestamp::UNIX_EPOCH), []);
    for seed in 0..10_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let text = hostile_text(&mut random);
        let source = literal(&text).into_owned();
        let template = Template::parse(&Text::new(source.as_str(), &nowhere));
        let template = template.unwrap_or_else(|faults| panic!("{source:?}: {faults:?}"));
        let rendered = template.text(&scope).expect("it is constant");
        assert_eq!(rendered, text, "{source:?}");
        let followed = format!("{source}{{{{ 'x' }}}}");
        let template = Template::parse(&Text::new(followed.as_str(), &nowhere)).expect("it parses");
        let rendered = template.text(&scope).expect("it is constant");
        assert_eq!(rendered, text.clone() + "x", "{followed:?}");
    }
}

#[test]
fn it_looks_as_if_a_person_had_written_it() {
    let of = |name: &str, kind, default: Option<Value>| DraftVar {
        kind,
        default,
        ..DraftVar::required(name)
    };
    let draft = Draft {
        comments: vec!["One request of a browser.".to_owned()],
        description: Some("Runs: the newest first".to_owned()),
        resource: Some("circleci".to_owned()),
        vars: vec![
            DraftVar::required("org"),
            DraftVar {
                description: Some("Id of the workflow".to_owned()),
                example: Some("5034460f-c7c4-4c43-9457".into()),
                ..DraftVar::required("workflow_id")
            },
            of("branch", VarType::String, Some("main".into())),
            of("limit", VarType::Int, Some(json!(20))),
            of("since", VarType::Time, Some("7d".into())),
            DraftVar {
                description: Some(
                    "Only runs with this status, of which there are very many".to_owned(),
                ),
                choices: ["success", "no", "on_hold"].map(Value::from).to_vec(),
                default: Some(Value::Null),
                ..DraftVar::required("status")
            },
        ],
        method: Method::POST,
        safe: Some(true),
        endpoint: "/org/{{ org }}/workflow/{{ workflow_id }}".to_owned(),
        params: vec![
            ("branch".to_owned(), "{{ branch }}".into()),
            ("page-size".to_owned(), json!(20)),
            ("version".to_owned(), "1.0".into()),
            ("state".to_owned(), json!(["open", "closed"])),
        ],
        headers: vec![("X-Trace".to_owned(), "@me: yes".to_owned())],
        body: Some(DraftBody::Json(json!({
            "scope": { "project_ids": ["{{ project }}"], "from": "{{ since }}", "to": null },
            "page": { "limit": 20 },
            "pattern": r#"[^"\]+"#,
            "text": "one\n  two\n",
            "list": [{ "a": 1, "b": { "c": [] }, "d": {} }, [[1, 2], ["x, y"]]],
        }))),
        rows: Some("$.items[*]".to_owned()),
        extract: vec![
            ("id".to_owned(), "$.id".into()),
            ("minutes".to_owned(), "{{ row.seconds / 60 }}".into()),
            (
                "stopped_at".to_owned(),
                json!({ "path": "$.stopped_at", "default": null }),
            ),
        ],
        ..Draft::default()
    };
    insta::assert_snapshot!(draft.to_yaml());
}
