//! A token in the wrong place of a file is never repeated, whatever the fault.

use crate::support::{Project, Run};

/// Every way to look at a project that has faults.
const LOOKS: [&[&str]; 9] = [
    &["check"],
    &["check", "--format", "json"],
    &["check", "--format", "github"],
    &["check", "--format", "sarif"],
    &["run", "q", "--dry-run"],
    &["run", "q", "--dry-run", "--error-format", "json"],
    &["show", "q"],
    &["show", "z"],
    &["list"],
];

const TOKEN: &str = "CCIPAT_abcdef123456";
const PASSWORD: &str = "hunter2-and-more";

fn look(resource: &str, query: &str) {
    let project = Project::new()
        .file("resources/z.yaml", resource)
        .query("q", query);
    for look in LOOKS {
        let run = Run::in_(&project).args(look.iter().copied());
        run.secret(TOKEN).secret(PASSWORD).outcome();
    }
    let outcome = Run::in_(&project).args(["check"]).outcome();
    assert!(
        outcome.stderr_text().contains("error["),
        "{resource}{query}"
    );
}

#[test]
fn a_token_in_the_wrong_place_of_a_resource_is_not_repeated() {
    for secret in [TOKEN, PASSWORD] {
        for lines in [
            format!("token: {secret}        # the natural mistake"),
            format!("password: {secret}"),
            format!("api_key: \"{secret}\""),
            format!("authorization: Bearer {secret}"),
            format!("webhook: {secret}"),
            format!("header: {{ Authorization: Bearer {secret} }}"),
            format!("headers: \"Authorization: Bearer {secret}\""),
            format!("headers:\n  - Authorization: Bearer {secret}"),
            format!("auth: {secret}"),
            format!("auth: {{ tokn: {secret} }}"),
            format!("auth: {{ token: [{secret}] }}"),
            format!("auth:\n  basic: ci:{secret}"),
            format!("auth:\n  header:\n    name: X-Key\n    valeu: {secret}"),
            format!("environments: {{ staging: {{ tokn: 1, token: {secret} }} }}"),
            format!("environments:\n  staging:\n    token: {secret}"),
            format!("params: {{ token: {secret} }}\nparams: {{ token: {secret} }}"),
            format!("auth: {{ token: {secret}"),
            format!("auth: {{ token: \"{secret} }}"),
            format!("token: |\n  {secret}\nmore: 1"),
            format!("\ttoken: {secret}"),
        ] {
            look(
                &format!("type: circleci\n{lines}\n"),
                "resource: z\nendpoint: /x\n",
            );
        }
    }
}

#[test]
fn a_token_in_the_wrong_place_of_a_query_is_not_repeated() {
    for secret in [TOKEN, PASSWORD] {
        for lines in [
            format!("token: {secret}"),
            format!("auth: {secret}"),
            format!("auth: {{ bearer: {secret} }}"),
            format!("header: {{ X-Api-Key: {secret} }}"),
            format!("vars: {{ api_token: [{secret}, 1] }}\nextrac: {{}}"),
            format!("params: \"token={secret}\""),
            format!("limit: token={secret}"),
        ] {
            look(
                "type: circleci\n",
                &format!("resource: z\nendpoint: /x\n{lines}\n"),
            );
        }
    }
    // A known token is recognised under any key.
    for lines in [
        format!("rows: {TOKEN}"),
        format!("method: {TOKEN}"),
        format!("limit: {TOKEN}"),
        format!("{TOKEN}: x"),
        format!("extract: {{ a: '$.{TOKEN}[' }}"),
        format!("paginate: {TOKEN}"),
    ] {
        look(
            "type: circleci\n",
            &format!("resource: z\nendpoint: /x\n{lines}\n"),
        );
    }
}

#[test]
fn a_secret_beside_a_template_is_not_repeated() {
    for secret in ["abcdef12345678", PASSWORD] {
        for lines in [
            format!("headers: {{ Authorization: \"Bearer {secret} {{{{ nope }}}}\" }}"),
            format!("headers: {{ PRIVATE-TOKEN: \"{secret}{{{{ nope }}}}\" }}"),
            format!("headers:\n  Authorization: Bearer {secret} {{{{ nope }}}}"),
            format!("params: {{ access_token: [{secret}, \"{{{{ nope }}}}\"] }}"),
            format!("params: {{ access_token: [\"{{{{ nope }}}}\", {secret}] }}"),
            format!("params:\n  access_token:\n    - {secret}\n    - \"{{{{ nope }}}}\""),
            format!("params: {{ password: \"{{{{ nope }}}}{secret}\" }}"),
            format!("params: {{ token: \"{secret}{{{{ nope\" }}"),
            format!("params: {{ token: \"{{% if nope %}}{secret}{{% endif %}}\" }}"),
            format!("body: {{ auth: {{ user: a, code: \"{secret}{{{{ nope }}}}\" }} }}"),
            format!("vars: {{ v: {{ secret: true }}, token: {{ deflt: {secret} }} }}"),
        ] {
            let project = Project::new()
                .file("resources/z.yaml", "type: circleci\n")
                .query("q", &format!("resource: z\nendpoint: /x\n{lines}\n"));
            for look in LOOKS {
                let run = Run::in_(&project).args(look.iter().copied());
                run.secret(secret).outcome();
            }
            let outcome = Run::in_(&project).args(["check"]).outcome();
            let stderr = outcome.stderr_text();
            assert!(stderr.contains("error["), "{lines}: {stderr}");
        }
    }
}

#[test]
fn a_secret_beside_a_template_is_refused() {
    for lines in [
        "headers: { Authorization: \"Bearer abcdef12345678 {{ v }}\" }",
        "headers: { Authorization: \"{{ 'Bearer abcdef12345678' ~ v }}\" }",
        "params: { access_token: [hunter2, \"{{ v }}\"] }",
        "params: { password: \"abcdef12345678{{ v }}\" }",
    ] {
        let project = Project::new()
            .file("resources/z.yaml", "type: circleci\n")
            .query(
                "q",
                &format!("resource: z\nendpoint: /x\nvars: {{ v: {{ default: a }} }}\n{lines}\n"),
            );
        let outcome = Run::in_(&project).args(["check"]).outcome();
        let stderr = outcome.assert_exit(2).stderr_text();
        assert!(
            stderr.contains("error[literal-secret]"),
            "{lines}: {stderr}"
        );
        assert!(
            !stderr.contains("hunter2") && !stderr.contains("abcdef"),
            "{stderr}"
        );
    }
    let project = Project::new()
        .file("resources/z.yaml", "type: circleci\n")
        .query(
            "q",
            "resource: z\nendpoint: /x\nvars: { v: { default: a } }\n\
             headers: { Authorization: \"Bearer {{ v }}\", X-Signature: \"hmac-sha256={{ v }}\" }\n",
        );
    Run::in_(&project).args(["check"]).outcome().assert_exit(0);
}

#[test]
fn the_command_line_and_a_file_of_vars_are_not_repeated() {
    let project = Project::new()
        .file("resources/z.yaml", "type: circleci\n")
        .query(
            "q",
            "resource: z\nvars: { count: { type: int } }\nendpoint: /x\n",
        )
        .file("vars.yaml", format!("token: {PASSWORD}\ncount: {TOKEN}\n"))
        .file(
            "broken.yaml",
            format!("token: {PASSWORD}\n token: {PASSWORD}: x\n"),
        );
    let count = format!("count={TOKEN}");
    let token = format!("token={PASSWORD}");
    let option = format!("--token={PASSWORD}");
    for args in [
        &["run", "q", &count][..],
        &["run", "q", &token],
        &["run", "q", "--var", TOKEN],
        &["run", "q", &option],
        &["run", TOKEN],
        &["show", TOKEN],
        &["run", "q", "--vars", "vars.yaml"],
        &["run", "q", "--vars", "broken.yaml"],
    ] {
        for more in [&[][..], &["--error-format", "json"]] {
            if args[0] == "show" && !more.is_empty() {
                continue;
            }
            let run = Run::in_(&project).args(args.iter().copied());
            let run = run.args(more.iter().copied());
            run.secret(TOKEN).secret(PASSWORD).outcome().assert_exit(2);
        }
    }
}

#[test]
fn control_characters_of_a_project_reach_no_terminal() {
    // C1 (U+009B is CSI), DEL, separators of lines, marks of direction.
    let bad = "a\u{9b}2Jb\u{7f}c\u{2028}d\u{202e}e\u{85}f";
    let project = Project::new()
        .file(
            "resources/z.yaml",
            format!("type: circleci\ndescription: \"{bad}\"\nname: \"z{bad}\"\nfolder: \"{bad}\"\n"),
        )
        .query(
            "good",
            "description: \"x\\e[31m\\x9by\"\nvars: { a: { default: \"\\e[2J\" } }\nreport: { template: x }\n",
        )
        .query(
            "q",
            &format!("resource: z{bad}\nendpoint: /x\n\"k{bad}\": 1\nextract: {{ '{bad}': $.a{bad}[ }}\n"),
        );
    for args in [
        &["check"][..],
        &["check", "--format", "json"],
        &["check", "--format", "github"],
        &["check", "--format", "sarif"],
        &["list"],
        &["list", "-o", "json"],
        &["show", "q"],
        &["show", "good"],
        &["show", "good", "-o", "json"],
        &["run", "q"],
    ] {
        for columns in [None, Some(80)] {
            let mut run = Run::in_(&project).args(args.iter().copied());
            let is_terminal = columns.is_some();
            if let Some(columns) = columns {
                run = run.terminal(columns);
            }
            let outcome = run.env("NO_COLOR", "1").outcome();
            let text = outcome.stdout_text() + &outcome.stderr_text();
            let hidden = text.chars().find(|c| {
                let is_end = matches!(c, '\n') || (is_terminal && matches!(c, '\r'));
                !is_end
                    && (c.is_control()
                        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            });
            assert_eq!(hidden, None, "{args:?}: {text:?}");
        }
    }
}
