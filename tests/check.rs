//! `runner check`, driven by data: each file of `tests/check/` is a case with one snapshot.
//!
//! The first line of a case gives its kind: `# query: …` and `# resource: …` are one file, including
//! this line, beside a resource `circleci`; `# project: …` holds several files, each after a line
//! `#= PATH`. Cases named `ok_…` have no fault, those named `err_…` have, and those
//! named `warn_…` only have warnings and notes.
//!
//! Faults that cannot be written as a text file (a huge file, a pipe, a loop of links) follow below,
//! each with a time limit.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A file that `check` cannot handle in this time is taken to hang it. The limit is far above the
/// normal time (some milliseconds), to allow for a busy machine.
const LONGEST: Duration = Duration::from_secs(5);

struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("queries")).expect("a folder");
        fs::create_dir(folder.path().join("resources")).expect("a folder");
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// Runs `runner check` with a time limit; the environment is empty, so that nothing of this
    /// machine shows.
    fn check(&self, arguments: &[&str]) -> Output {
        let start = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
            .arg("check")
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let reader = |stream: Option<Box<dyn std::io::Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(mut stream) = stream {
                    std::io::Read::read_to_end(&mut stream, &mut bytes).expect("it is read");
                }
                bytes
            })
        };
        let stdout = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
        let stderr = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is waited for") {
                break status;
            }
            if start.elapsed() > LONGEST {
                child.kill().expect("it is ended");
                panic!("`check` took longer than {LONGEST:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        Output {
            status,
            stdout: stdout.join().expect("it is read"),
            stderr: stderr.join().expect("it is read"),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what is written is text")
}

/// Standard error and exit code, for a snapshot.
fn shown(output: &Output) -> String {
    assert_eq!(text(&output.stdout), "", "standard output is for data");
    let code = output.status.code().expect("an exit code");
    format!("{}\nexit code: {code}", text(&output.stderr).trim_end())
}

/// Lays out the files of a case.
fn project_of(case: &str) -> Project {
    let project = Project::new();
    let kind = case
        .strip_prefix("# ")
        .and_then(|rest| rest.split_once(':'))
        .map(|(kind, _)| kind);
    match kind {
        Some("query") => {
            project.file("resources/circleci.yaml", "type: circleci\n");
            project.file("queries/case.yaml", case);
        }
        Some("resource") => project.file("resources/case.yaml", case),
        Some("project") => {
            for part in case.split("#= ").skip(1) {
                let (path, content) = part.split_once('\n').expect("a path is a line");
                project.file(path, content);
            }
        }
        _ => panic!("a case begins with `# query:`, `# resource:` or `# project:`"),
    }
    project
}

fn hold_case(name: &str, case: &str) {
    let project = project_of(case);
    let output = project.check(&[]);
    let shown = shown(&output);
    assert!(
        !shown.contains("CANARY") && !shown.contains("hunter2"),
        "a secret came out:\n{shown}"
    );
    let document = project.check(&["--format", "json"]);
    let faults: Value = serde_json::from_slice(&document.stdout).expect("it is JSON");
    let faults = faults["faults"].as_array().expect("a list of faults");
    assert_eq!(document.status.code(), output.status.code());
    if name.starts_with("ok_") {
        assert!(faults.is_empty() && output.status.success(), "{shown}");
    } else {
        assert!(!faults.is_empty(), "{shown}");
        let code = if name.starts_with("warn_") { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(code));
        let levels = ["error[", "warning[", "note["];
        let shown_faults = levels.map(|level| shown.matches(level).count());
        assert_eq!(shown_faults.iter().sum::<usize>(), faults.len());
        // Faults in a file have a place.
        assert!(faults.iter().all(|fault| {
            let is_of_no_place = matches!(
                fault["code"].as_str(),
                Some("duplicate-name" | "cannot-read")
            );
            is_of_no_place || (fault["file"].is_string() && fault["column"].is_u64())
        }));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("check/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(case.lines().next().unwrap_or_default());
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn every_case_matches_its_snapshot() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the cases can be read")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() > 60, "the cases were not found");
    let mut failed = Vec::new();
    let mut names = Vec::new();
    for path in paths {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let name = name.into_owned();
        let case = fs::read_to_string(&path).expect("a case can be read");
        if catch_unwind(AssertUnwindSafe(|| hold_case(&name, &case))).is_err() {
            failed.push(name.clone());
        }
        names.push(name);
    }
    assert!(failed.is_empty(), "these cases failed: {failed:?}");
    // A snapshot without a case would say nothing about the program.
    for entry in fs::read_dir(folder.join("snapshots"))
        .expect("snapshots")
        .flatten()
    {
        let file = entry.file_name().to_string_lossy().into_owned();
        let name = file.trim_end_matches(".snap");
        assert!(
            names.iter().any(|known| known == name),
            "no case for {file}"
        );
    }
}

/// A path of a test file, of its recordings or of the folder checks these tests; that of a query
/// does not.
#[test]
fn test_files_are_checked_by_their_path() {
    let project = Project::new();
    project.file("resources/circleci.yaml", "type: circleci\n");
    project.file("queries/me.yaml", "resource: circleci\nendpoint: /me\n");
    project.file("tests/me.yaml", "cases: { usual: { vars: { a: 1 } } }\n");
    project.file("tests/other.yaml", "query: me\ncases: { one: , two: }\n");
    project.file("tests/me/usual.answers.yaml", "---\n");
    project.file("tests/me/gone.answers.yaml", "---\n");
    let last = |arguments: &[&str]| {
        let shown = text(&project.check(arguments).stderr);
        shown.lines().last().unwrap_or_default().to_owned()
    };
    for (path, counts) in [
        (
            ".",
            "1 resource, 1 query and 2 test files with 3 cases: 2 faults",
        ),
        (
            "tests",
            "0 resources, 0 queries and 2 test files with 3 cases: 2 faults",
        ),
        (
            "tests/me.yaml",
            "0 resources, 0 queries and 1 test file with 1 case: 1 fault",
        ),
        (
            "tests/me",
            "0 resources, 0 queries and 1 test file with 1 case: 2 faults",
        ),
        (
            "tests/me/usual.answers.yaml",
            "0 resources, 0 queries and 1 test file with 1 case: 1 fault",
        ),
        (
            "tests/other.yaml",
            "0 resources, 0 queries and 1 test file with 2 cases: no faults",
        ),
        ("queries", "0 resources and 1 query: no faults"),
    ] {
        assert_eq!(last(&[path]), counts, "{path}");
    }
    let github = text(&project.check(&["--format", "github"]).stdout);
    insta::assert_snapshot!(github, @"
    ::error file=tests/me.yaml,line=1,col=27,title=unknown-var::`me` has no var `a`
    ::error file=tests/me/gone.answers.yaml,line=1,col=1,title=orphan::`tests/me.yaml` has no case `gone` for this file%0Adelete it, or add a case with this name
    ");
    let sarif = project.check(&["--format", "sarif"]);
    let sarif: Value = serde_json::from_slice(&sarif.stdout).expect("it is JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let uri = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        place["artifactLocation"]["uri"].as_str().map(str::to_owned)
    };
    let uris: Vec<String> = results.iter().filter_map(uri).collect();
    assert_eq!(uris, ["tests/me.yaml", "tests/me/gone.answers.yaml"]);
    let json: Value =
        serde_json::from_slice(&project.check(&["--format", "json"]).stdout).expect("it is JSON");
    assert_eq!(
        (&json["test_files"], &json["cases"]),
        (&2.into(), &3.into())
    );
    let mut run = Command::new(env!("CARGO_BIN_EXE_runner"));
    let run = run
        .args(["run", "tests/me.yaml"])
        .current_dir(project.folder.path());
    let shown = text(&run.env_clear().output().expect("it runs").stderr);
    assert!(
        shown.contains("`tests/me.yaml` is a test file, not a query"),
        "{shown}"
    );
}

/// Checks a project with one good resource and what `prepare` adds.
fn hostile(prepare: impl FnOnce(&Project)) -> String {
    let project = Project::new();
    project.file("resources/circleci.yaml", "type: circleci\n");
    prepare(&project);
    let start = Instant::now();
    let shown = shown(&project.check(&[]));
    assert!(start.elapsed() < LONGEST);
    assert!(shown.ends_with("exit code: 2"), "{shown}");
    assert!(
        shown.len() < 4_000,
        "a fault is told in some lines: {}",
        shown.len()
    );
    shown.replace(&project.folder.path().display().to_string(), "PROJECT")
}

#[test]
fn a_yaml_bomb_is_a_message() {
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    insta::assert_snapshot!(hostile(|project| project.file("queries/bomb.yaml", &bomb)), @"
    error[too-many-nodes]: the file has more than 100000 values (with aliases expanded)
     --> queries/bomb.yaml:6:10
      |
    6 | a5: &a5 [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]
      |          ^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
}

#[test]
fn a_bomb_of_merges_is_a_message() {
    let mut bomb = String::from("a0: &a0 { k0: 1 }\n");
    for level in 1..24 {
        bomb.push_str(&format!(
            "a{level}: &a{level}\n  <<: [*a{0}, *a{0}]\n  l: *a{0}\n  r: *a{0}\n",
            level - 1
        ));
    }
    insta::assert_snapshot!(hostile(|project| project.file("queries/bomb.yaml", &bomb)), @"
    error[too-many-nodes]: the file has more than 100000 values (with aliases expanded)
      --> queries/bomb.yaml:29:6
       |
    29 |   r: *a6
       |      ^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
}

#[test]
fn an_alias_to_itself_is_a_message() {
    let text = "resource: circleci\nendpoint: /x\nextract: &a\n  id: *a\n";
    insta::assert_snapshot!(hostile(|project| project.file("queries/self.yaml", text)), @"
    error[yaml-syntax]: its aliases expand to too many values
     --> queries/self.yaml:3:10
      |
    3 | extract: &a
      |          ^

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
}

#[test]
fn deep_nesting_is_a_message() {
    let flow = format!("resource: circleci\nbody: {}\n", "[".repeat(200_000));
    let shown = hostile(|project| project.file("queries/flow.yaml", &flow));
    insta::assert_snapshot!(shortened(&shown), @"
    error[too-deep]: the file is nested more than 64 levels deep
     --> queries/flow.yaml:2:262
      |
    2 | body: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
      |                                                                                                                     

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
    let mut block = String::new();
    for depth in 0..1_200 {
        block.push_str(&format!("{}a:\n", " ".repeat(depth)));
    }
    insta::assert_snapshot!(hostile(|project| project.file("queries/block.yaml", &block)), @"
    error[too-deep]: the file is nested more than 64 levels deep
      --> queries/block.yaml:65:65
       |
    65 | ...                   a:
       |                       ^

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
}

#[test]
fn a_deep_template_and_a_deep_path_are_messages() {
    let parens = |depth: usize| {
        format!(
            "resource: circleci\nendpoint: /x\nparams:\n  a: \"{{{{ {}1{} }}}}\"\n",
            "(".repeat(depth),
            ")".repeat(depth)
        )
    };
    let shown = hostile(|project| project.file("queries/parens.yaml", parens(10_000)));
    insta::assert_snapshot!(shortened(&shown), @r#"
    error[template-size]: an expression has more than 1000 tokens
     --> queries/parens.yaml:4:7
      |
    4 |   a: "{{ (((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    "#);
    let shown = hostile(|project| project.file("queries/parens.yaml", parens(100_000)));
    insta::assert_snapshot!(shortened(&shown), @r#"
    error[template-size]: the template is larger than 64 KiB
     --> queries/parens.yaml:4:7
      |
    4 |   a: "{{ (((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    "#);
    let path = format!(
        "resource: circleci\nendpoint: /x\nrows: \"{}{}{}\"\n",
        "$[?(",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    let shown = hostile(|project| project.file("queries/path.yaml", &path));
    insta::assert_snapshot!(shortened(&shown), @r#"
    error[jsonpath]: the path is longer than 4096 bytes
     --> queries/path.yaml:3:8
      |
    3 | ...: "$[?(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    "#);
}

/// Long lines cut, where the length itself is the fault.
fn shortened(text: &str) -> String {
    text.lines()
        .map(|line| line.chars().take(120).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A cost that is small for ten keys may be large for ten thousand.
#[test]
fn a_file_of_many_things_is_a_message() {
    let many = |head: &str, count: usize, line: &dyn Fn(usize) -> String| {
        let start = format!("resource: circleci\nendpoint: /x\n{head}");
        let text = (0..count).fold(start, |text, index| text + &line(index));
        hostile(|project| project.file("queries/many.yaml", text))
    };
    let keys = many("", 60_000, &|index| format!("k{index}: 1\n"));
    insta::assert_snapshot!(keys, @"
    error[too-many-nodes]: the file has more than 100000 values (with aliases expanded)
         --> queries/many.yaml:50000:9
          |
    50000 | k49997: 1
          |         ^

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
    let vars = many("vars:\n", 20_000, &|index| format!("  v{index}: a\n"));
    insta::assert_snapshot!(vars, @"
    error[too-many-nodes]: a mapping has more than 1000 keys
     --> queries/many.yaml:4:3
      |
    4 |   v0: a
      |   ^^^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
    let faults = many("params:\n", 5_000, &|index| {
        format!("  p{index}: \"{{{{ nope{index} }}}}\"\n")
    });
    insta::assert_snapshot!(faults, @r#"
    error[too-many-nodes]: a mapping has more than 1000 keys
     --> queries/many.yaml:4:3
      |
    4 |   p0: "{{ nope0 }}"
      |   ^^^^^^^^^^^^^^^^^

    1 resource and 1 query: 1 fault
    exit code: 2
    "#);
}

#[test]
fn a_huge_file_is_a_message() {
    let shown = hostile(|project| {
        let file = fs::File::create(project.path("queries/huge.yaml")).expect("a file");
        file.set_len(100 * 1024 * 1024).expect("a sparse file");
    });
    insta::assert_snapshot!(shown, @"
    error[cannot-read]: `queries/huge.yaml` is larger than 1 MiB (100 MiB)

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
}

#[test]
fn a_binary_file_is_a_message() {
    let shown = hostile(|project| {
        project.file(
            "queries/latin.yaml",
            b"description: caf\xe9\nendpoint: /x\n",
        );
        project.file("queries/nul.yaml", b"resource: a\0b\n");
        project.file("queries/png.yaml", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    });
    insta::assert_snapshot!(shown, @"
    error[cannot-read]: `queries/latin.yaml` is not a text file (not UTF-8)

    error[cannot-read]: `queries/nul.yaml` is not a text file (it contains NUL bytes)

    error[cannot-read]: `queries/png.yaml` is not a text file (not UTF-8)

    1 resource and 3 queries: 3 faults
    exit code: 2
    ");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let shown = hostile(|project| {
        project.file(
            "queries/escape.yaml",
            "resource: circleci\nendpoint: /x\n\"\\e[31mred\\e[0m\": 1\ndescription: [\"\\e]0;title\\a\"]\n",
        );
    });
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'));
    insta::assert_snapshot!(shown, @r#"
    error[unknown-key]: unknown key `\u001b[31mred\u001b[0m`
     --> queries/escape.yaml:3:1
      |
    3 | "\e[31mred\e[0m": 1
      | ^^^^^^^^^^^^^^^^

    error[wrong-type]: `description` takes a string, got a list
     --> queries/escape.yaml:4:14
      |
    4 | description: ["\e]0;title\a"]
      |              ^^^^^^^^^^^^^^^

    1 resource and 1 query: 2 faults
    exit code: 2
    "#);
}

#[test]
fn a_folder_named_like_a_file_is_looked_into() {
    let shown = hostile(|project| {
        project.file("queries/folder.yaml/inner.yaml", "resource: circleci\n");
    });
    insta::assert_snapshot!(shown, @"
    error[missing-key]: the query has no `endpoint`
     --> queries/folder.yaml/inner.yaml:1:1
      |
    1 | resource: circleci
      | ^
    help: add one, for example `endpoint: /me`

    1 resource and 1 query: 1 fault
    exit code: 2
    ");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_template_outside_of_the_project_is_a_message() {
        let outside = tempfile::tempdir().expect("a temporary folder");
        fs::write(outside.path().join("x.md"), "OUTSIDE {{ nope }}").expect("a file");
        let shown = hostile(|project| {
            let link = |path: &str, to: &Path| symlink(to, project.path(path)).expect("a link");
            link("queries/link.md", &outside.path().join("x.md"));
            link("queries/folder", outside.path());
            link("queries/dead.md", Path::new("nowhere.md"));
            let report = |name: &str, lines: &str| {
                project.file(
                    &format!("queries/{name}.yaml"),
                    format!("report: {lines}\n"),
                );
            };
            report("a", "{ template_file: link.md }");
            report("b", "{ template_file: folder/x.md }");
            report("c", "{ template_file: dead.md }");
            report("d", "{ template: '{% include \"link.md\" %}' }");
            report("e", "{ template_file: /etc/passwd.md }");
        });
        assert!(!shown.contains("OUTSIDE"));
        insta::assert_snapshot!(shown, @r#"
        error[outside]: `queries/folder` leaves the project through a link, and is not read

        error[template-file]: `queries/link.md` is outside the project's folder, and is not read
         --> queries/a.yaml:1:26
          |
        1 | report: { template_file: link.md }
          |                          ^^^^^^^

        error[template-file]: `queries/folder/x.md` is outside the project's folder, and is not read
         --> queries/b.yaml:1:26
          |
        1 | report: { template_file: folder/x.md }
          |                          ^^^^^^^^^^^

        error[no-file]: no file `dead.md`
         --> queries/c.yaml:1:26
          |
        1 | report: { template_file: dead.md }
          |                          ^^^^^^^
        help: a path is relative to the query, or to the project's folder

        error[no-file]: `queries/link.md` is outside the project's folder, and is not read
         --> queries/d.yaml:1:34
          |
        1 | report: { template: '{% include "link.md" %}' }
          |                                  ^^^^^^^

        error[no-file]: no file `/etc/passwd.md`
         --> queries/e.yaml:1:26
          |
        1 | report: { template_file: /etc/passwd.md }
          |                          ^^^^^^^^^^^^^^
        help: a path is relative to the query, or to the project's folder

        1 resource and 5 queries: 6 faults
        exit code: 2
        "#);
    }

    #[test]
    fn a_pipe_is_a_message() {
        let shown = hostile(|project| {
            let made = Command::new("mkfifo")
                .arg(project.path("queries/pipe.yaml"))
                .status()
                .expect("mkfifo starts");
            assert!(made.success());
        });
        insta::assert_snapshot!(shown, @"
        error[cannot-read]: `queries/pipe.yaml` is not a regular file

        1 resource and 1 query: 1 fault
        exit code: 2
        ");
    }

    #[test]
    fn a_loop_of_links_is_a_message() {
        let shown = hostile(|project| {
            symlink("loop.yaml", project.path("queries/loop.yaml")).expect("a link");
            symlink("nowhere.yaml", project.path("queries/broken.yaml")).expect("a link");
            symlink("..", project.path("queries/above")).expect("a link");
        });
        insta::assert_snapshot!(shown, @"
        error[folder-loop]: `PROJECT/queries/above/queries` is a link to a parent folder

        error[not-a-query]: `resources/circleci.yaml` is a resource, not a query

        error[cannot-read]: cannot read `queries/broken.yaml`: no such file or directory

        error[cannot-read]: cannot read `queries/loop.yaml`: too many levels of symbolic links

        1 resource and 3 queries: 4 faults
        exit code: 2
        ");
    }

    #[test]
    fn a_file_without_rights_is_a_message() {
        let project = Project::new();
        project.file("queries/secret.yaml", "resource: circleci\n");
        let path = project.path("queries/secret.yaml");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("rights");
        if fs::read(&path).is_ok() {
            // Root reads everything.
            return;
        }
        insta::assert_snapshot!(shown(&project.check(&[])), @"");
    }

    #[test]
    fn a_device_is_a_message() {
        let shown = hostile(|project| {
            symlink("/dev/zero", project.path("queries/zero.yaml")).expect("a link");
        });
        insta::assert_snapshot!(shown, @"
        error[outside]: `queries/zero.yaml` leaves the project through a link, and is not read

        1 resource and 0 queries: 1 fault
        exit code: 2
        ");
    }
}
