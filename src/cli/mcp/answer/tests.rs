use super::*;

const LIMITS: Limits = Limits {
    records: 100,
    bytes: 24_000,
};

fn findings(records: Vec<Value>) -> Findings {
    Findings {
        total: Some(records.len() as u64),
        records,
        narrowing: "narrow with `since`".to_owned(),
        ..Findings::default()
    }
}

#[test]
fn text_and_structure_say_the_same() {
    let records = vec![
        json!({ "job": "a|b", "n": 1, "more": { "x": [1] } }),
        json!({ "job": "<b>", "other": null }),
    ];
    let answer = Answer::new(&findings(records), LIMITS);
    insta::assert_snapshot!(format!("{}\n{:#}", answer.text(), answer.structured()));
}

#[test]
fn an_answer_is_cut_to_its_size_with_the_notice_first() {
    let record = |number: usize| json!({ "number": number, "text": "x".repeat(50) });
    let records: Vec<Value> = (0..100).map(record).collect();
    let mut all = findings(records);
    all.total = Some(4_812);
    let limits = Limits {
        bytes: 2_000,
        ..LIMITS
    };
    let answer = Answer::new(&all, limits);
    let (text, structured) = (answer.text(), answer.structured());
    assert!(text.len() <= 2_000 && structured.to_string().len() <= 2_000);
    let shown = structured["shown"].as_u64().expect("a number");
    assert!((10..40).contains(&shown), "{shown}");
    let second = text.lines().nth(1).unwrap_or_default();
    let notice =
        format!("Note: {shown} of 4812 records shown, as many as fit; narrow with `since`");
    assert_eq!(second, notice);
    assert_eq!(structured["total"], 4_812);
}

#[test]
fn a_record_that_is_too_large_is_shown_with_short_cells() {
    let members = (0..60).map(|index| (format!("c{index}"), json!("y".repeat(5_000))));
    let record: Value = members.collect::<Map<_, _>>().into();
    let answer = Answer::new(&findings(vec![record]), LIMITS);
    let structured = answer.structured();
    assert_eq!(structured["shown"], 1);
    assert!(structured.to_string().len() <= LIMITS.bytes);
    assert!(answer.text().len() <= LIMITS.bytes);
    let cell = structured["records"][0][0].as_str().expect("a text");
    assert!(cell.ends_with('…') && cell.chars().count() <= 300);
}

#[test]
fn cells_hold_no_control_characters_and_no_rounded_numbers() {
    let large: Value = crate::core::json::parse(b"12345678901234567890").expect("a number");
    let records =
        vec![json!({ "a": "\u{1b}[31mred\u{202e}\r", "b": large, "c": 9_007_199_254_740_991_u64 })];
    let answer = Answer::new(&findings(records), LIMITS);
    let row = &answer.structured()["records"][0];
    assert_eq!(row[0], "\\u001b[31mred\\u202e\\r");
    assert_eq!(row[1], "12345678901234567890");
    assert_eq!(row[2], 9_007_199_254_740_991_u64);
}

#[test]
fn nothing_found_is_not_a_failure_and_an_unknown_total_is_left_out() {
    assert!(
        Answer::new(&findings(Vec::new()), LIMITS)
            .text()
            .starts_with("0 records: the request succeeded")
    );
    let mut unknown = findings(vec![json!({ "a": 1 })]);
    unknown.total = None;
    unknown.found = 1;
    unknown.is_partial = true;
    let answer = Answer::new(&unknown, LIMITS);
    assert!(answer.structured().get("total").is_none());
    let first = "1 of at least 1 record; partial: records are missing.\n";
    assert!(answer.text().starts_with(first), "{}", answer.text());
}

#[test]
fn the_structure_matches_its_schema() {
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler
        .add_resource("schema.json", schema(&["a int".to_owned()]))
        .expect("a schema");
    let valid = compiler
        .compile("schema.json", &mut schemas)
        .expect("valid");
    for records in [
        vec![],
        vec![json!({ "a": 1 })],
        vec![json!([1]), json!("x")],
    ] {
        let structured = Answer::new(&findings(records), LIMITS).structured();
        schemas.validate(&structured, valid).expect("it conforms");
    }
}

#[test]
fn a_long_text_is_cut_at_a_line() {
    let text = "ä line\n".repeat(1_000);
    let cut = cut_text(&text, 2_000, Some("shorter"));
    assert!(
        cut.len() <= 2_000
            && cut.starts_with("Note: only the first of 8000 bytes are shown; shorter")
    );
    assert!(cut.ends_with("ä line"));
    assert_eq!(cut_text("a\u{7}b", 2_000, None), "a\\u0007b");
}
