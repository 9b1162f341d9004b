//! `markdown`.

use serde_json::json;

use super::{hostile, list, single, workflows};

#[test]
fn lists_and_records() {
    insta::assert_snapshot!(list().columns(&["name", "status", "minutes"]).write("markdown", &workflows()), @r#"
    | name           | status  | minutes |
    | -------------- | ------- | ------: |
    | build-and-test | success |     4.5 |
    | deploy to 日本 🚀 after the long approval | on_hold |         |
    |                | failed  |     120 |
    "#);
    insta::assert_snapshot!(single().write("markdown", &[json!({"id": 1, "vcs": {"branch": "main"}, "none": null})]), @r#"
    | key        | value |
    | ---------- | ----- |
    | id         | 1     |
    | vcs.branch | main  |
    | none       |       |
    "#);
}

#[test]
fn hostile_values_stay_text() {
    insta::assert_snapshot!(single().write("markdown", &[hostile()]), @r#"
    | key     | value                        |
    | ------- | ---------------------------- |
    | html    | &lt;script&gt;alert('x')&lt;/script&gt; &amp; more |
    | pipes   | a\|b \\\| \`code\` \*bold\* \_em\_ build_and_test \~\~x\~\~ |
    | link    | !\[x\](http://evil) \[y\](z) |
    | formula | =cmd()\|' /C calc'!A0        |
    | escape  | \\u001b\[31mred\\u001b\[0m\\u009b2J\\u0007 |
    | rtl     | user\\u202egpj.exe           |
    | lines   | first<br>second\\tcell       |
    | quote   | say "hi", 'you'              |
    | arabic  | مرحبا                        |
    | emoji   | 👨‍👩‍👧 🇩🇪                        |
    "#);
}
