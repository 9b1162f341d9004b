//! `runner man`: manual pages.

use crate::support::{Outcome, Project, Run};

fn man(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(["man"]).args(args).outcome()
}

#[test]
fn a_page_in_a_pipe_is_roff() {
    let project = Project::new();
    let page = man(&project, &[]).assert_exit(0).stdout_text();
    assert!(page.contains(".TH RUNNER 1 "), "{page}");
    for part in [
        "runner\\-run(1)",
        "CIRCLE_TOKEN",
        "runner.yaml",
        "130",
        "EXAMPLES",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = man(&project, &["run"]).assert_exit(0).stdout_text();
    assert!(
        page.contains(".TH RUNNER\\-RUN 1 ") || page.contains(".TH RUNNER-RUN 1 "),
        "{page}"
    );
    assert!(!page.contains("complete\\-shell"), "{page}");
}

#[test]
fn every_command_has_a_page() {
    let project = Project::new();
    man(&project, &["--out", "man1"]).assert_exit(0);
    let help = Run::in_(&project).args(["--help"]).outcome().stdout_text();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut count = 0;
    for line in commands.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().expect("a command");
        if name != "help" {
            let page = project.read(&format!("man1/runner-{name}.1"));
            assert!(page.is_some_and(|page| page.contains("SYNOPSIS")), "{name}");
            count += 1;
        }
    }
    assert!(count > 10, "{help}");
    assert!(project.read("man1/runner.1").is_some());
    // No page of a hidden command.
    assert!(project.read("man1/runner-complete.1").is_none());
}

#[test]
fn an_unknown_command_is_refused_with_the_nearest_one() {
    let stderr = man(&Project::new(), &["rnu"]).assert_exit(2).stderr_text();
    assert!(stderr.contains("did you mean `run`?"), "{stderr}");
}

/// Formatters find nothing to warn about, where one is installed.
#[test]
fn the_pages_are_clean() {
    let project = Project::new();
    man(&project, &["--out", "man1"]).assert_exit(0);
    let files = std::fs::read_dir(project.path().join("man1")).expect("pages");
    let files: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
    let mut lint = std::process::Command::new("mandoc");
    if let Ok(output) = lint.arg("-Tlint").arg("-Wwarning").args(&files).output() {
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        // It expects its own dialect of English sentences, a line each.
        let told: Vec<&str> = told
            .lines()
            .filter(|line| !line.contains("STYLE"))
            .collect();
        assert!(told.is_empty(), "{told:#?}");
    }
}
