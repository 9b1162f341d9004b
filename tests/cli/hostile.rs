//! Harmful files: links that leave the project, endless folders, files of other users, endless
//! files, and documents that expand.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::case::transcript;
use crate::support::{Exchange, Project, Run, Server};

const RESOURCE: &str = "type: rest\nbase_url: http://127.0.0.1:9\nauth: none\n";

/// A line that must not come out, in a file beside the project.
const LINE: &str = "https://bob:ghp_0123456789abcdef@github.com";

/// A project with one good query, and beside it a file with [`LINE`] and a folder of queries.
fn project() -> (Project, PathBuf) {
    let project = Project::new()
        .file("resources/r.yaml", RESOURCE)
        .query("good", "resource: r\nendpoint: /x\n");
    let outside = project.home().to_path_buf();
    fs::write(outside.join("line"), LINE).expect("written");
    fs::create_dir(outside.join("more")).expect("made");
    fs::write(outside.join("more/x.yaml"), LINE).expect("written");
    (project, outside)
}

fn mkfifo(project: &Project, path: &str) {
    let path = project.path().join(path);
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo works");
}

#[test]
fn links_that_leave_the_project_are_not_read() {
    let (project, outside) = project();
    for (target, link) in [
        ("line", "queries/z.yaml"),
        ("line", "resources/y.yaml"),
        ("more", "queries/folder"),
        ("more", "resources/folder"),
    ] {
        symlink(outside.join(target), project.path().join(link)).expect("a link");
    }
    // Inside, links lead where they like.
    symlink("good.yaml", project.path().join("queries/same.yaml")).expect("a link");
    let mut outcomes = Vec::new();
    for args in [
        &["check"][..],
        &["check", "--format", "github"],
        &["check", "--format", "json"],
        &["check", "queries/z.yaml"],
        &["run", "z"],
        &["run", "queries/z.yaml"],
        &["run", "queries/folder/x.yaml"],
        &["show", "z"],
        &["list"],
        &["run", "same", "--dry-run"],
    ] {
        let outcome = Run::in_(&project).secret(LINE).args(args).outcome();
        outcomes.push(outcome);
    }
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn the_folders_of_a_project_do_not_lead_out_of_it() {
    for part in ["queries", "resources"] {
        let (project, outside) = project();
        fs::remove_dir_all(project.path().join(part)).expect("removed");
        symlink(outside.join("more"), project.path().join(part)).expect("a link");
        let outcome = Run::in_(&project).secret(LINE).args(["check"]).outcome();
        let stderr = outcome.assert_exit(2).stderr_text();
        let words = format!("`{part}` leaves the project through a link");
        assert!(stderr.contains(&words), "{stderr}");
    }
}

#[test]
fn templates_and_bodies_do_not_lead_out_of_the_project() {
    let (project, outside) = project();
    for link in ["page.md", "part.md", "body.txt"] {
        symlink(outside.join("line"), project.path().join(link)).expect("a link");
    }
    let project = project
        .query(
            "report",
            "data: { g: { query: good } }\nreport: { template_file: page.md }\n",
        )
        .query(
            "part",
            "data: { g: { query: good } }\nreport: { template: \"{% include 'part.md' %}\" }\n",
        )
        .query(
            "body",
            "resource: r\nendpoint: /x\nmethod: POST\nbody: { file: body.txt }\n",
        );
    let run = |args: &[&str]| Run::in_(&project).secret(LINE).args(args).outcome();
    insta::assert_snapshot!(transcript(&[
        run(&["check"]),
        run(&["run", "body", "--dry-run"]),
    ]));
}

#[test]
fn folders_are_bounded_in_number() {
    let (project, _) = project();
    let many = project.path().join("queries/many");
    fs::create_dir(&many).expect("made");
    for index in 0..10_001 {
        fs::write(many.join(format!("{index}.txt")), "").expect("written");
    }
    let run = |args: &[&str]| Run::in_(&project).args(args).outcome();
    insta::assert_snapshot!(transcript(&[run(&["check"]), run(&["run", "nosuch"])]));
}

#[test]
fn folders_that_multiply_by_links_are_bounded_too() {
    let (project, _) = project();
    let base = project.path().join("queries");
    for index in 0..12 {
        let folder = base.join(format!("f{index}"));
        fs::create_dir(&folder).expect("made");
        for link in 0..3 {
            symlink(
                format!("../f{}", index + 1),
                folder.join(format!("l{link}")),
            )
            .expect("a link");
        }
    }
    let stderr = Run::in_(&project).args(["check"]).outcome().stderr_text();
    assert!(
        stderr.contains("`queries` contains more than 10000"),
        "{stderr}"
    );
}

/// Gives a part of a project to the user `nobody`; only root can.
#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
fn given_away(project: &Project, part: &str) -> bool {
    let path = project.path().join(part);
    let done = chown(path, Some(65_534), None).is_ok();
    if !done {
        eprintln!("SKIPPED: only root can give files to another user");
    }
    done
}

#[test]
fn a_project_of_another_user_is_refused_unless_it_is_trusted() {
    let mut outcomes = Vec::new();
    for part in ["", "queries", "resources"] {
        let (project, _) = project();
        if !given_away(&project, part) {
            return;
        }
        for args in [&["check"][..], &["run", "good"], &["ping"], &["list"]] {
            let outcome = Run::in_(&project).args(args).outcome();
            outcome.assert_exit(2);
            outcomes.push(outcome);
        }
        let trusted = project.path().as_os_str().to_owned();
        for named in [&trusted, std::ffi::OsStr::new("*")] {
            let run = Run::in_(&project).env("RUNNER_TRUST", named);
            run.args(["check"]).outcome().assert_exit(0);
        }
        let run = Run::in_(&project).env("RUNNER_TRUST", project.home());
        run.args(["check"]).outcome().assert_exit(2);
        let run = Run::in_(&project).env("SUDO_UID", "65534");
        run.args(["check"]).outcome().assert_exit(0);
    }
    insta::assert_snapshot!(transcript(&outcomes[..4]));
}

#[test]
fn a_command_of_another_user_is_not_run() {
    let (project, _) = project();
    let project = project.file(
        "resources/r.yaml",
        "type: rest\nbase_url: http://127.0.0.1:9\nauth: { command: [sh, -c, 'touch ran; echo x'] }\n",
    );
    if !given_away(&project, "resources/r.yaml") {
        return;
    }
    let run = |args: &[&str]| Run::in_(&project).args(args).outcome();
    let outcomes = [run(&["check"]), run(&["run", "good"]), run(&["ping"])];
    assert_eq!(project.read("ran"), None);
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn certificates_end_and_are_not_waited_for() {
    let (project, _) = project();
    mkfifo(&project, "pipe");
    let mut outcomes = Vec::new();
    for file in ["/dev/zero", "pipe", "resources", "none.pem"] {
        for tls in [
            format!("{{ ca_file: {file} }}"),
            format!("{{ client_cert: {file}, client_key: {file} }}"),
        ] {
            project.write("resources/r.yaml", format!("{RESOURCE}tls: {tls}\n"));
            outcomes.push(Run::in_(&project).args(["run", "good"]).outcome());
        }
    }
    insta::assert_snapshot!(transcript(&outcomes));
}

#[test]
fn values_end_and_are_not_waited_for() {
    let (project, _) = project();
    mkfifo(&project, "pipe");
    mkfifo(&project, "pipe.csv");
    let project = project.query(
        "q",
        "vars: { v: }\nresource: r\nendpoint: /x\nparams: { v: \"{{ v }}\" }\n",
    );
    let mut outcomes = Vec::new();
    for args in [
        &["run", "q", "v=@pipe"][..],
        &["run", "q", "v=@/dev/zero"],
        &["run", "q", "v=@queries"],
        &["run", "q", "--vars", "pipe"],
        &["run", "q", "--vars", "/dev/zero"],
        &["sql", "select 1", "--from", "a=pipe.csv"],
    ] {
        outcomes.push(Run::in_(&project).args(args).outcome());
    }
    insta::assert_snapshot!(transcript(&outcomes));
    let from_pipe = |args: &[&str], bytes: &[u8]| {
        let run = Run::in_(&project).args(args).stdin(bytes);
        run.outcome().assert_exit(0).stdout_text()
    };
    for path in ["-", "/dev/stdin"] {
        let value = format!("v=@{path}");
        let shown = from_pipe(&["run", "q", &value, "--dry-run"], b"typed\n");
        assert!(shown.contains("/x?v=typed\n"), "{shown}");
    }
    let line = format!(
        "{} run q --dry-run v=@<(sleep 0.1; echo typed)",
        env!("CARGO_BIN_EXE_runner")
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &line]).current_dir(project.path());
    let shown = String::from_utf8(shell.output().expect("bash starts").stdout).expect("a text");
    assert!(shown.contains("/x?v=typed\n"), "{shown}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let server = Server::start(vec![Exchange::get("/x?v=7").answers(json!([{"id": 1}]))]);
    let mark = |text: &str| format!("\u{feff}{text}");
    let project = Project::new()
        .file(
            "resources/r.yaml",
            mark(&format!(
                "type: rest\nbase_url: {}\nauth: none\n",
                server.url()
            )),
        )
        .query(
            "q",
            &mark(
                "vars: { v: }\nresource: r\nendpoint: /x\nparams: { v: \"{{ v }}\" }\nrows: $[*]\n",
            ),
        )
        .query(
            "report",
            "vars: { v: }\ndata: { q: { query: q } }\nreport: { template_file: page.md }\n",
        )
        .file(
            "page.md",
            mark("# {{ data.q[0].id }}\n{% include 'part.md' %}"),
        )
        .file("part.md", mark("part\n"))
        .file("value", mark("7\n"))
        .file("vars.yaml", mark("v: 7\n"));
    let shown = Run::in_(&project).args(["run", "q", "--vars", "vars.yaml", "--dry-run"]);
    assert!(shown.outcome().stdout_text().contains("/x?v=7\n"));
    let report = Run::in_(&project)
        .args(["run", "report", "v=@value"])
        .outcome();
    assert_eq!(report.assert_exit(0).stdout_text(), "# 1\npart\n");
    server.finish();
}

#[test]
fn utf_16_is_a_message() {
    let (project, _) = project();
    let wide = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xff, 0xfe].into_iter().chain(units).collect()
    };
    let project = project
        .query(
            "page",
            "data: { g: { query: good } }\nreport: { template_file: page.md }\n",
        )
        .query("v", "vars: { v: }\nresource: r\nendpoint: /x\n")
        .file("page.md", wide("# x\n"))
        .file("value", wide("7\n"))
        .file("vars.yaml", wide("v: 7\n"))
        .file("queries/wide.yaml", wide("resource: r\n"));
    let run = |args: &[&str]| Run::in_(&project).args(args).outcome();
    insta::assert_snapshot!(transcript(&[
        run(&["check"]),
        run(&["run", "v", "v=@value"]),
        run(&["run", "v", "--vars", "vars.yaml"]),
    ]));
}

#[test]
fn documents_that_unfold_are_messages_in_every_verb() {
    let keys: Vec<String> = (0..900).map(|key| format!("k{key}: 1")).collect();
    let bomb = format!(
        "a: &a {{{}}}\nname: x\nb: [{}]\n",
        keys.join(","),
        vec!["*a"; 20_000].join(",")
    );
    for (hostile, code) in [
        ("- ".repeat(17_500), "too-deep"),
        ("? ".repeat(13_500), "too-deep"),
        (bomb, "too-many-nodes"),
    ] {
        let (project, _) = project();
        let told = |args: &[&str]| {
            let run = Run::in_(&project).args(args);
            run.outcome().assert_exit(2).stderr_text()
        };
        project.write("vars.yaml", &hostile);
        assert!(told(&["run", "good", "--vars", "vars.yaml"]).contains(code));
        project.write("queries/bad.yaml", &hostile);
        project.write("resources/bad.yaml", &hostile);
        assert!(told(&["check"]).contains(code));
        assert!(told(&["run", "bad"]).contains(code) || told(&["run", "x"]).contains("unknown"));
        for args in [
            &["list"][..],
            &["show", "good"],
            &["run", "good", "--dry-run"],
        ] {
            Run::in_(&project).args(args).outcome().assert_exit(0);
        }
    }
}

/// A report over one record.
fn report(template: &str) -> crate::case::Case {
    crate::case::Case::query(&format!(
        "vars: {{ v: x }}\nreport: {{ template: {} }}",
        json!(template)
    ))
}

#[test]
fn templates_without_bounds_are_messages() {
    let grown = |step: &str, rounds: u32| {
        format!(
            "{{% set ns = namespace(s=['abc']) %}}{{% for i in range({rounds}) %}}\
             {{% set ns.s = {step} %}}{{% endfor %}}{{{{ ns.s }}}}"
        )
    };
    for template in [
        grown("[ns.s, ns.s]", 60),
        grown("[ns.s]", 30_815),
        "{{ range(100000) | join('y' * 100000) }}".to_owned(),
        "{{ 'a\nb' | indent(1000000000) }}".to_owned(),
    ] {
        let outcome = report(&template).asks_nothing();
        let stderr = outcome.assert_exit(2).stderr_text();
        assert!(stderr.starts_with("error[template]: the "), "{stderr}");
    }
}
