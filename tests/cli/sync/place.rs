//! The address of the store, and its password.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Stage, assert_line, assert_says, pipeline, pipelines, run, runs, server};
use crate::support::{Outcome, Run};

fn sync(stage: &Stage, change: impl for<'p> FnOnce(Run<'p>) -> Run<'p>) -> Outcome {
    let served = stage.serve(vec![
        pipelines(&[pipeline("p1", 8)]),
        runs("p1", &[run("a", "ok")]),
    ]);
    let run = Run::in_(&stage.project)
        .args(["sync", "-o", "csv"])
        .secret(server::PASSWORD);
    let outcome = change(run).outcome();
    if outcome.exit == 0 {
        served.finish();
    } else {
        // The place is checked before a request is sent.
        assert_eq!(served.requests().len(), 0, "{}", outcome.snapshot());
        std::mem::forget(served);
    }
    outcome
}

fn mode(stage: &Stage, path: &str) -> u32 {
    let metadata = fs::metadata(stage.project.path().join(path)).expect(path);
    metadata.permissions().mode() & 0o777
}

#[test]
fn the_file_is_for_its_owner_and_not_for_git() {
    let stage = Stage::file();
    assert_line(&sync(&stage, |run| run), 0, "1,0,0,0,0,0,2");
    assert_eq!(mode(&stage, ".runner/store.db"), 0o600);
    assert_eq!(mode(&stage, ".runner"), 0o700);
    assert_eq!(
        stage.project.read(".runner/.gitignore").as_deref(),
        Some("*\n")
    );
}

#[test]
fn a_folder_that_is_there_gets_no_gitignore() {
    let stage = Stage::file();
    stage.project.write("kept/notes.txt", "mine");
    assert_line(
        &sync(&stage, |run| run.args(["--store", "kept/ci.db"])),
        0,
        "1,0,0,0,0,0,2",
    );
    assert_eq!(mode(&stage, "kept/ci.db"), 0o600);
    assert_eq!(stage.project.read("kept/.gitignore"), None);
    assert_eq!(stage.project.read(".runner/store.db"), None);
}

#[test]
fn the_option_goes_before_the_variable_and_the_file() {
    let stage = Stage::file();
    stage.project.write("runner.yaml", "store: by-file.db\n");
    let has = |name: &str| stage.project.path().join(name).exists();
    sync(&stage, |run| {
        run.env("RUNNER_STORE", "by-variable.db")
            .args(["--store", "by-option.db"])
    })
    .assert_exit(0);
    assert_eq!(
        (
            has("by-option.db"),
            has("by-variable.db"),
            has("by-file.db")
        ),
        (true, false, false)
    );
    sync(&stage, |run| run.env("RUNNER_STORE", "by-variable.db")).assert_exit(0);
    assert_eq!((has("by-variable.db"), has("by-file.db")), (true, false));
    sync(&stage, |run| run.env("RUNNER_STORE", "")).assert_exit(0);
    assert!(has("by-file.db"));
    assert!(!has(".runner/store.db"));
}

#[test]
fn passwords_come_from_several_places() {
    let stages = || {
        let stage = Stage::server()?;
        let address = stage
            .database
            .as_ref()
            .expect("a database")
            .url_without_password();
        Some((stage, address))
    };
    let Some((stage, address)) = stages() else {
        return;
    };
    // The variable of PostgreSQL's own programs.
    let outcome = sync(&stage, |run| {
        run.env("PGPASSWORD", server::PASSWORD)
            .args(["--store", &address])
    });
    assert_line(&outcome, 0, "1,0,0,0,0,0,2");
    let (stage, address) = stages().expect("it was there");
    let yaml =
        format!("store: {{ url: \"{address}\", password: \"{{{{ env.STORE_PASSWORD }}}}\" }}\n");
    stage.project.write("runner.yaml", yaml);
    let outcome = sync(&stage, |run| run.env("STORE_PASSWORD", server::PASSWORD));
    assert_line(&outcome, 0, "1,0,0,0,0,0,2");
    let outcome = sync(&stage, |run| run);
    outcome.assert_exit(4);
    assert_says(&outcome, "STORE_PASSWORD");
    let (stage, address) = stages().expect("it was there");
    let yaml = format!("store: {{ url: \"{address}\", command: [sh, -c, \"echo $SAID\"] }}\n");
    stage.project.write("runner.yaml", yaml);
    let outcome = sync(&stage, |run| {
        run.env("SAID", server::PASSWORD).args(["-vv"])
    });
    assert_line(&outcome, 0, "1,0,0,0,0,0,2");
    stage.project.write(
        "runner.yaml",
        format!("store: {{ url: \"{address}\", command: [\"false\"] }}\n"),
    );
    let outcome = sync(&stage, |run| run);
    outcome.assert_exit(4);
    assert_says(&outcome, "no password for the store");
}

#[test]
fn a_wrong_password_is_refused_and_not_shown() {
    let Some(stage) = Stage::server() else {
        return;
    };
    let wrong = "canary_wrong_55aa10cc";
    let address = stage.database.as_ref().expect("a database").url_with(wrong);
    for verbosity in ["-q", "-v", "-vv"] {
        let outcome = sync(&stage, |run| {
            run.secret(wrong).args(["--store", &address, verbosity])
        });
        outcome.assert_exit(4);
        assert_says(&outcome, "password authentication failed");
    }
    let json = sync(&stage, |run| {
        run.secret(wrong)
            .args(["--store", &address, "--error-format", "json"])
    });
    json.assert_exit(4);
    let address = stage
        .database
        .as_ref()
        .expect("a database")
        .url_without_password();
    let none = sync(&stage, |run| run.args(["--store", &address]));
    none.assert_exit(4);
    insta::assert_snapshot!("sync_no_password", super::stable(&none));
    for words in [["store", "status"], ["store", "vacuum"]] {
        let run = Run::in_(&stage.project)
            .args(words)
            .env("RUNNER_STORE", &address);
        let outcome = run.env("PGPASSWORD", wrong).secret(wrong).outcome();
        outcome.assert_exit(4);
    }
}

#[test]
fn a_password_is_not_shown_when_all_is_well() {
    let Some(stage) = Stage::server() else {
        return;
    };
    let address = stage.database.as_ref().expect("a database").url();
    let outcome = sync(&stage, |run| run.args(["--store", &address, "-vv"]));
    outcome.assert_exit(0);
    let status = stage.outcome(&["store", "status"]);
    status.assert_exit(0);
    assert_says(&status, "postgres://ci@127.0.0.1:");
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let Some(stage) = Stage::server() else {
        return;
    };
    let address = format!(
        "{}_none",
        stage.database.as_ref().expect("a database").url()
    );
    let outcome = sync(&stage, |run| run.args(["--store", &address]));
    outcome.assert_exit(2);
    assert_says(&outcome, "does not exist");
}

#[test]
fn a_database_server_that_is_gone_is_a_network_error() {
    let stage = Stage::file();
    let gone = crate::support::Server::refusing();
    let port = gone.url().rsplit(':').next().expect("a port").to_owned();
    let address = format!("postgres://ci:{}@127.0.0.1:{port}/ci", server::PASSWORD);
    let outcome = sync(&stage, |run| run.args(["--store", &address]));
    outcome.assert_exit(5);
    insta::assert_snapshot!("sync_no_server", super::stable(&outcome));
}

#[test]
fn other_addresses_are_refused() {
    let stage = Stage::file();
    for address in [
        "mysql://h/d",
        "postgres://ci@h/d?sslmode=allow",
        "postgres:///",
        "postgres://",
    ] {
        let outcome = sync(&stage, |run| run.args(["--store", address]));
        outcome.assert_exit(2);
    }
    stage.project.write(
        "notes.txt",
        "not a database, but longer than the header of one would be: ".repeat(20),
    );
    let outcome = sync(&stage, |run| run.args(["--store", "notes.txt"]));
    outcome.assert_exit(2);
    assert_says(&outcome, "it is not an SQLite database");
    let outcome = sync(&stage, |run| run.args(["--store", "queries"]));
    outcome.assert_exit(2);
    let outcome = sync(&stage, |run| run.args(["--store", "notes.txt/store.db"]));
    outcome.assert_exit(2);
    let before = stage.project.read("notes.txt").expect("a file");
    assert!(before.starts_with("not a database"), "it is as it was");
}

#[test]
fn without_a_store_there_is_no_status() {
    let stage = Stage::file();
    let outcome = stage.outcome(&["store", "status"]);
    outcome.assert_exit(2);
    assert_says(&outcome, "there is no store `");
    assert_says(&outcome, "/.runner/store.db`");
    let Some(stage) = Stage::server() else {
        return;
    };
    let outcome = stage.outcome(&["store", "status"]);
    outcome.assert_exit(2);
    assert_says(&outcome, "`runner sync` has not written to it");
}

/// Everywhere, and the file's line is not shown.
#[test]
fn a_password_in_the_file_is_refused() {
    let secret = "canary_in_file_4411";
    let stage = Stage::file();
    let other = "postgres://ci@127.0.0.1:9/ci";
    stage.project.write(
        "queries/report.yaml",
        "data: { runs: { store: runs } }\nsql: select count(*) from runs\n",
    );
    for yaml in [
        format!("store: postgres://ci:{secret}@127.0.0.1:9/ci\n"),
        format!("store: {{ url: \"postgres://ci:{secret}@127.0.0.1:9/ci\" }}\n"),
        format!("store: {{ url: \"postgres://ci:{{{{ '{secret}' }}}}@127.0.0.1:9/ci\" }}\n"),
        format!("store: {{ url: \"{other}?password={secret}\" }}\n"),
        format!("store: {{ url: \"{other}\", password: {secret} }}\n"),
        format!("store: {{ url: \"{other}\", password: \"{{{{ '{secret}' }}}}\" }}\n"),
    ] {
        stage.project.write("runner.yaml", &yaml);
        for words in [
            &["check"][..],
            &["sync"],
            &["run", "report"],
            &["sql", "--store", "select 1"],
            &["store", "status"],
            &["store", "vacuum"],
            &["store", "export", "--csv", "out"],
        ] {
            let outcome = Run::in_(&stage.project)
                .args(words)
                .secret(secret)
                .outcome();
            outcome.assert_exit(2);
            let shown = outcome.snapshot();
            assert!(
                shown.contains("a password does not belong in a file"),
                "{yaml}{shown}"
            );
            assert!(shown.contains("runner.yaml:1:"), "{shown}");
            assert!(shown.contains("{{ env.STORE_PASSWORD }}"), "{shown}");
        }
    }
    for yaml in [
        "store: \"postgres://ci:{{ env.PW }}@127.0.0.1:9/ci2026production\"\n",
        "store: \"{{ env.STORE_URL }}\"\n",
        "store: postgres://ci@127.0.0.1:9/ci\n",
        "store: { url: \"postgres://ci@127.0.0.1:9/ci\", password: \"{{ env.PW }}\" }\n",
        "store: a:b@c.db\n",
    ] {
        stage.project.write("runner.yaml", yaml);
        let outcome = Run::in_(&stage.project).args(["check"]).outcome();
        let shown = outcome.snapshot();
        assert!(!shown.contains("password"), "{yaml}{shown}");
    }
}

#[test]
fn a_database_of_another_program_is_not_touched() {
    let stage = Stage::file();
    let path = stage.project.path().join("other.db");
    let other = rusqlite::Connection::open(&path).expect("a database");
    other
        .execute_batch("CREATE TABLE runs (x)")
        .expect("a table");
    drop(other);
    let before = fs::read(&path).expect("a file");
    let status = stage.outcome(&["store", "status", "--store", "other.db"]);
    status.assert_exit(2);
    assert_says(&status, "it is a database of another program");
    let outcome = sync(&stage, |run| run.args(["--store", "other.db"]));
    outcome.assert_exit(2);
    insta::assert_snapshot!("sync_foreign_database", super::stable(&outcome));
    assert_eq!(fs::read(&path).expect("a file"), before);
    // An empty one is nobody's.
    stage.project.write("empty.db", "");
    sync(&stage, |run| run.args(["--store", "empty.db"])).assert_exit(0);
}

#[test]
fn what_stands_where_the_store_should_be_is_named() {
    let stage = Stage::file();
    stage.project.write(".runner", "mine");
    let outcome = sync(&stage, |run| run);
    outcome.assert_exit(2);
    insta::assert_snapshot!("sync_folder_is_a_file", super::stable(&outcome));
    fs::remove_file(stage.project.path().join(".runner")).expect("removed");
    std::os::unix::fs::symlink("nowhere", stage.project.path().join(".runner")).expect("a link");
    let outcome = sync(&stage, |run| run);
    outcome.assert_exit(2);
    assert_says(&outcome, "/.runner` is a link to nothing");
    for (store, words) in [
        (".runner", "/.runner` is a link to nothing"),
        ("queries", "/queries` is a folder"),
        (
            "queries/runs.yaml/a/store.db",
            "/queries/runs.yaml` is a file",
        ),
    ] {
        let outcome = sync(&stage, |run| run.args(["--store", store]));
        outcome.assert_exit(2);
        assert_says(&outcome, words);
    }
}
