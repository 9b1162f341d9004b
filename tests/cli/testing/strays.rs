//! Files that belong to no case, files with faults, and folders of tests.

use super::*;

/// A project with a passing case, and a file that no case has.
fn with_orphans() -> Project {
    project(LIST, PASSING)
        .file("tests/q/gone.answers.yaml", "--- # runner answers 1\n")
        .file("tests/q/gone.json", "[]\n")
}

fn without_times(outcome: &Outcome) -> String {
    let text = outcome.snapshot();
    let lines = text.lines().map(|line| {
        for mark in [" in ", "time=\"", "\"milliseconds\": "] {
            if let Some(at) = line.rfind(mark)
                && line[at + mark.len()..].starts_with(|first: char| first.is_ascii_digit())
            {
                return format!("{}[TIME]\n", &line[..at + mark.len()]);
            }
        }
        format!("{line}\n")
    });
    lines.collect()
}

#[test]
fn a_file_without_a_case_is_a_failure_beside_the_cases() {
    let project = with_orphans();
    let outcome = test(&project, &["-v"]);
    insta::assert_snapshot!(without_times(outcome.assert_exit(1)));
    for format in ["json", "github", "junit"] {
        let outcome = test(&project, &["--format", format]);
        insta::assert_snapshot!(
            format!("orphans_as_{format}"),
            without_times(outcome.assert_exit(1))
        );
    }
    // Chosen cases are not concerned, nor is what a record of them would remove.
    test(&project, &["q"]).assert_exit(0);
    test(&project, &["--filter", "usual"]).assert_exit(0);
    test(&project, &["--list"]).assert_exit(0);
    let update = test(&project, &["--update"]);
    update.assert_exit(1);
    assert_eq!(project.read("tests/q/gone.json").as_deref(), Some("[]\n"));
}

#[test]
fn the_cases_of_other_files_are_run_beside_a_broken_one() {
    let project = with_orphans()
        .file("tests/broken.yaml", "cases: [\n")
        .file("tests/list.yaml", "cases:\n  usual: { var: 1 }\n");
    let outcome = test(&project, &["-v"]);
    insta::assert_snapshot!(without_times(outcome.assert_exit(2)));
    let outcome = test(&project, &["--format", "junit"]);
    insta::assert_snapshot!(
        "broken_files_as_junit",
        without_times(outcome.assert_exit(2))
    );
    let outcome = test(&project, &["--list"]);
    assert_eq!(outcome.assert_exit(2).stdout_text(), "q/usual\n");
    test(&project, &["q"]).assert_exit(0);
    test(&project, &["broken"]).assert_exit(2);
}

#[test]
fn a_folder_stands_for_the_tests_below() {
    let case = format!("query: q\ncases:\n{PASSING}");
    let project = project(LIST, PASSING)
        .file("tests/parts/one.yaml", &case)
        .file("tests/parts/deep/two.yaml", &case)
        .file("tests/partsother.yaml", &case);
    let all = "parts/deep/two/usual\nparts/one/usual\n";
    for (folder, name, cases) in [
        ("", "parts", all),
        ("", "parts/", all),
        ("", "tests/parts", all),
        ("", "./tests/parts/", all),
        ("tests", "parts", all),
        ("tests/parts", "deep", "parts/deep/two/usual\n"),
        ("tests/parts", ".", all),
        ("", "parts/deep/two", "parts/deep/two/usual\n"),
        ("", "tests/parts/one.yaml", "parts/one/usual\n"),
        (
            "",
            "tests",
            "parts/deep/two/usual\nparts/one/usual\npartsother/usual\nq/usual\n",
        ),
    ] {
        let outcome = run(&project, &[name, "--list"]).folder(folder).outcome();
        outcome.assert_exit(0);
        assert_eq!(outcome.stdout_text(), cases, "{name} in {folder:?}");
    }
    test(&project, &["part"]).assert_exit(2);
    test(&project, &["queries"]).assert_exit(2);
}

/// What is in the place of a file is named, not taken for a missing file.
#[test]
fn other_things_in_place_of_files_are_faults_of_their_case() {
    let project = project(
        LIST,
        "  usual:\n  other:\n    answers: [{ ask: GET /list, body: { items: [] } }]\n",
    );
    let folder = project.path().join("tests/q");
    let failed = |words: &[&str]| {
        for args in [&[][..], &["--update"]] {
            let outcome = test(&project, args);
            let text = outcome.stdout_text();
            assert_eq!(outcome.exit, 1, "{}", outcome.snapshot());
            for words in words {
                assert!(text.contains(words), "{words}: {text}");
            }
        }
    };
    std::fs::create_dir_all(folder.join("usual.answers.yaml")).expect("a folder");
    std::fs::create_dir_all(folder.join("other.json")).expect("a folder");
    failed(&[
        "`tests/q/usual.answers.yaml` is a folder, not a file",
        "`tests/q/other.json` is a folder, not a file",
    ]);
    std::fs::remove_dir(folder.join("usual.answers.yaml")).expect("empty");
    std::fs::remove_dir(folder.join("other.json")).expect("empty");
    project.write("tests/q/usual.answers.yaml", b"\xff\xfe");
    failed(&["`tests/q/usual.answers.yaml` is not UTF-8"]);
    project.write(
        "tests/q/usual.answers.yaml",
        "--- # runner answers 1\nask: GET /list\nbody: {\"it",
    );
    failed(&["`body` is not JSON"]);
    #[cfg(unix)]
    {
        std::fs::remove_file(folder.join("usual.answers.yaml")).expect("a file");
        std::fs::write(
            project.home().join("outside.yaml"),
            "--- # runner answers 1\n",
        )
        .expect("written");
        let outside = project.home().join("outside.yaml");
        std::os::unix::fs::symlink(outside, folder.join("usual.answers.yaml")).expect("a link");
        let outcome = test(&project, &["q/usual"]);
        let text = outcome.assert_exit(2).stdout_text();
        assert!(
            text.contains("leaves the project through a link, and is not read"),
            "{text}"
        );
    }
}
