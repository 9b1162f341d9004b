//! The table: contents, truncation, escaping.

use serde_json::json;

use super::{WORKFLOW_COLUMNS, hostile, list, single, workflows};

#[test]
fn without_a_terminal_nothing_is_cut() {
    insta::assert_snapshot!(list().columns(WORKFLOW_COLUMNS).write("table", &workflows()), @r#"
    ID                                    NAME                                       STATUS   PIPELINE_NUMBER  MINUTES  STOPPED_AT
    497f6eca-6276-4993-bfeb-53cbbbba6f08  build-and-test                             success               25      4.5  2019-08-24T14:15:22Z
    c6e40f70-a80a-4ccc-af88-8d985a7bc622  deploy to 日本 🚀 after the long approval  on_hold             1024        -  -
    03987f6a-4c27-4dc1-b6ab-c7e83bb3e713                                             failed                 7      120  2019-08-24T16:15:22Z
    "#);
}

#[test]
fn a_page_hides_the_columns_that_do_not_fit() {
    let page = || list().columns(WORKFLOW_COLUMNS).page_width(100);
    insta::assert_snapshot!(page().write("table", &workflows()), @r#"
    ID                                    NAME                         STATUS   PIPELINE_NUMBER  MINUTES
    497f6eca-6276-4993-bfeb-53cbbbba6f08  build-and-test               success               25      4.5
    c6e40f70-a80a-4ccc-af88-8d985a7bc622  deploy to 日本 🚀 after th…  on_hold             1024        -
    03987f6a-4c27-4dc1-b6ab-c7e83bb3e713                               failed                 7      120
    "#);
    let mut render = page().renderer("table");
    let mut out = Vec::new();
    for record in workflows() {
        render.record(&record, &mut out).expect("an object");
    }
    render.finish(&mut out).expect("a table");
    let shortened = render.shortened().expect("a page");
    assert_eq!(shortened.hidden, ["stopped_at"]);
    assert_eq!(shortened.cut, ["name"]);
    let nothing = page();
    assert_eq!(nothing.write("table", &[]), "");
}

#[test]
fn free_text_is_cut_first() {
    insta::assert_snapshot!(list().columns(WORKFLOW_COLUMNS).width(120).write("table", &workflows()), @r#"
    ID                                    NAME                       STATUS   PIPELINE_NUMBER  MINUTES  STOPPED_AT
    497f6eca-6276-4993-bfeb-53cbbbba6f08  build-and-test             success               25      4.5  2019-08-24T14:15:22Z
    c6e40f70-a80a-4ccc-af88-8d985a7bc622  deploy to 日本 🚀 after …  on_hold             1024        -  -
    03987f6a-4c27-4dc1-b6ab-c7e83bb3e713                             failed                 7      120  2019-08-24T16:15:22Z
    "#);
    insta::assert_snapshot!(
        list().columns(&["id", "name", "status"]).width(80).write("table", &workflows()), @r#"
        ID                                    NAME                               STATUS
        497f6eca-6276-4993-bfeb-53cbbbba6f08  build-and-test                     success
        c6e40f70-a80a-4ccc-af88-8d985a7bc622  deploy to 日本 🚀 after the long…  on_hold
        03987f6a-4c27-4dc1-b6ab-c7e83bb3e713                                     failed
        "#);
}

#[test]
fn narrow_headers_come_next() {
    insta::assert_snapshot!(
        list().columns(&["pipeline_number", "name", "status"]).width(40).write("table", &workflows()), @r#"
        PIPELINE…  NAME                  STATUS
               25  build-and-test        success
             1024  deploy to 日本 🚀 a…  on_hold
                7                        failed
        "#);
}

#[test]
fn what_does_not_fit_becomes_blocks() {
    insta::assert_snapshot!(list().columns(WORKFLOW_COLUMNS).width(80).write("table", &workflows()), @r#"
    id               497f6eca-6276-4993-bfeb-53cbbbba6f08
    name             build-and-test
    status           success
    pipeline_number  25
    minutes          4.5
    stopped_at       2019-08-24T14:15:22Z

    id               c6e40f70-a80a-4ccc-af88-8d985a7bc622
    name             deploy to 日本 🚀 after the long approval
    status           on_hold
    pipeline_number  1024
    minutes          -
    stopped_at       -

    id               03987f6a-4c27-4dc1-b6ab-c7e83bb3e713
    name
    status           failed
    pipeline_number  7
    minutes          120
    stopped_at       2019-08-24T16:15:22Z
    "#);
    insta::assert_snapshot!(list().columns(&["id", "name"]).width(40).write("table", &workflows()[1..]), @r#"
    id
      c6e40f70-a80a-4ccc-af88-8d985a7bc622
    name  deploy to 日本 🚀 after the long
          approval

    id
      03987f6a-4c27-4dc1-b6ab-c7e83bb3e713
    name
    "#);
}

#[test]
fn blocks_of_a_list_show_the_beginning_of_long_values() {
    let record = json!({"id": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "text": "many words ".repeat(1000), "tail": 1});
    insta::assert_snapshot!(list().width(50).write("table", &[record]), @r#"
    id    497f6eca-6276-4993-bfeb-53cbbbba6f08
    text  many words many words many words many words
          many words many words many words many words
          many words many words many words many words…
    tail  1
    "#);
}

#[test]
fn one_record() {
    insta::assert_snapshot!(single().columns(WORKFLOW_COLUMNS).width(80).write("table", &workflows()[..1]), @r#"
    id               497f6eca-6276-4993-bfeb-53cbbbba6f08
    name             build-and-test
    status           success
    pipeline_number  25
    minutes          4.5
    stopped_at       2019-08-24T14:15:22Z
    "#);
    let pipeline = json!({
        "id": "5034460f-c7c4-4c43-9457-000000000000", "number": 25, "errors": [], "empty": {}, "none": null, "blank": "",
        "trigger": {"type": "webhook", "actor": {"login": "octocat"}},
        "vcs": {"branch": "main", "commit": {"subject": "Stop paging when a cursor repeats",
            "body": "The server may hand out a token twice.\n\nstatus: success\nThen the walk would never end, so it stops with an error."}},
    });
    insta::assert_snapshot!(single().width(60).write("table", std::slice::from_ref(&pipeline)), @r#"
    id                   5034460f-c7c4-4c43-9457-000000000000
    number               25
    errors               []
    empty                {}
    none                 -
    blank
    trigger.type         webhook
    trigger.actor.login  octocat
    vcs.branch           main
    vcs.commit.subject   Stop paging when a cursor repeats
    vcs.commit.body      The server may hand out a token twice.

                         status: success
                         Then the walk would never end, so it
                         stops with an error.
    "#);
    insta::assert_snapshot!(single().width(34).write("table", std::slice::from_ref(&pipeline)), @r#"
    id
      5034460f-c7c4-4c43-9457-00000000
      0000
    number               25
    errors               []
    empty                {}
    none                 -
    blank
    trigger.type         webhook
    trigger.actor.login  octocat
    vcs.branch           main
    vcs.commit.subject
      Stop paging when a cursor
      repeats
    vcs.commit.body
      The server may hand out a token
      twice.

      status: success
      Then the walk would never end,
      so it stops with an error.
    "#);
    insta::assert_snapshot!(single().write("table", std::slice::from_ref(&pipeline)), @r#"
    id                   5034460f-c7c4-4c43-9457-000000000000
    number               25
    errors               []
    empty                {}
    none                 -
    blank
    trigger.type         webhook
    trigger.actor.login  octocat
    vcs.branch           main
    vcs.commit.subject   Stop paging when a cursor repeats
    vcs.commit.body      The server may hand out a token twice.\n\nstatus: success\nThen the walk would never end, so it stops with an error.
    "#);
}

#[test]
fn records_that_are_no_objects() {
    insta::assert_snapshot!(single().write("table", &[json!([1, 2])]), @r#"value  [1,2]"#);
    insta::assert_snapshot!(list().write("table", &[json!("main"), json!(null), json!({"a": 1})]), @r#"
    VALUE  A
    main   -
    -      -
    -      1
    "#);
}

#[test]
fn columns_are_gathered_in_order_of_appearance() {
    let records = [
        json!({"b": 1}),
        json!({"a": "x", "b": 22}),
        json!({"c": {"d": [1]}}),
    ];
    insta::assert_snapshot!(list().write("table", &records), @r#"
     B  A  C
     1  -  -
    22  x  -
     -  -  {"d":[1]}
    "#);
}

#[test]
fn colours_repeat_what_the_words_say() {
    let text = list()
        .columns(&["name", "status"])
        .color(80)
        .write("table", &workflows());
    insta::assert_snapshot!(text.replace('\u{1b}', "^"), @r#"
    ^[1mNAME^[0m                                       ^[1mSTATUS^[0m
    build-and-test                             ^[32msuccess^[0m
    deploy to 日本 🚀 after the long approval  ^[33mon_hold^[0m
                                               ^[31mfailed^[0m
    "#);
}

#[test]
fn hostile_values_stay_in_their_cells() {
    insta::assert_snapshot!(single().width(60).write("table", &[hostile()]), @r#"
    html     <script>alert('x')</script> & more
    pipes    a|b \| `code` *bold* _em_ build_and_test ~~x~~
    link     ![x](http://evil) [y](z)
    formula  =cmd()|' /C calc'!A0
    escape   \u001b[31mred\u001b[0m\u009b2J\u0007
    rtl      user\u202egpj.exe
    lines    first
             second\tcell
    quote    say "hi", 'you'
    arabic   مرحبا
    emoji    👨‍👩‍👧 🇩🇪
    "#);
    let text = list()
        .columns(&["lines", "escape", "rtl"])
        .width(60)
        .write("table", &[hostile()]);
    insta::assert_snapshot!(text, @r#"
    LINES                 ESCAPE               RTL
    first\r\nsecond\tce…  \u001b[31mred\u001…  user\u202egpj.exe
    "#);
}

#[test]
fn every_line_fits_the_terminal() {
    let mut records = workflows();
    records.push(json!({"id": "x".repeat(10_000), "name": "日".repeat(10_000), "k".repeat(10_000): "🇩🇪".repeat(500)}));
    records.push(hostile());
    for width in [20, 40, 79, 80, 200] {
        for record in [
            list().width(width),
            list().columns(WORKFLOW_COLUMNS).width(width),
        ] {
            let text = record.write("table", &records);
            let widest = text.lines().map(crate::core::text::display_width).max();
            assert!(widest <= Some(width), "{widest:?} at {width}:\n{text}");
        }
        for record in &records {
            let text = single()
                .width(width)
                .write("table", std::slice::from_ref(record));
            let widest = text.lines().map(crate::core::text::display_width).max();
            assert!(widest <= Some(width), "{widest:?} at {width}:\n{text}");
        }
    }
}

#[test]
fn a_terminal_gets_long_lists_in_chunks() {
    let run = list().columns(&["n", "text"]).width(60);
    let mut render = run.renderer("table");
    let mut out = Vec::new();
    let mut most_held = 0;
    let mut written = 0;
    for number in 0..2500 {
        render
            .record(&json!({"n": number, "text": "word"}), &mut out)
            .expect("takes it");
        written += String::from_utf8_lossy(&out).lines().count();
        out.clear();
        most_held = most_held.max(number + 2 - written);
    }
    assert!(most_held <= 1001, "{most_held}");
    // Wider values widen the columns, as far as there is room; lines stay lines.
    render
        .record(&json!({"n": 1, "text": "word ".repeat(100)}), &mut out)
        .expect("takes it");
    render.finish(&mut out).expect("finishes");
    let text = String::from_utf8_lossy(&out);
    let (before, last) = text.trim_end().rsplit_once('\n').expect("several lines");
    assert!(before.trim_end().ends_with("2499  word"), "{before}");
    insta::assert_snapshot!(last, @"   1  word word word word word word word word word word wor…");
}

#[test]
fn a_long_value_does_not_widen_every_line_of_a_file() {
    let mut records = vec![json!({"text": "x".repeat(10_000), "n": 1})];
    records.extend((0..1000).map(|number| json!({"text": "short", "n": number})));
    let text = list().write("table", &records);
    assert!(text.len() < 150_000, "{}", text.len());
    assert!(text.contains(&"x".repeat(10_000)));
}
