//! Cached responses: which are cached, for whom, and that nothing breaks if caching fails.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::case::told;
use crate::support::{Answer, CANARY, Exchange, Outcome, Project, Run, Server};

const FOR_AN_HOUR: &str = "resource: circleci\nendpoint: /x\ncache: 1h\n";

/// A query `q` of CircleCI.
fn project(server: &Server, query: &str) -> Project {
    Project::new().circleci(server).query("q", query)
}

/// `GET /x`, answered once with `{"n": n}`.
fn x(n: u64) -> Exchange {
    Exchange::get("/api/v2/x").answers(json!({ "n": n }))
}

fn run<'p>(project: &'p Project, args: &[&str]) -> Run<'p> {
    Run::in_(project).args(["run", "q"]).args(args)
}

/// Runs the query, and gives its answer.
#[track_caller]
fn ask(project: &Project, args: &[&str]) -> Value {
    let outcome = run(project, args).outcome();
    assert_eq!(outcome.assert_exit(0).stderr_text(), "");
    outcome.stdout_json()
}

fn folder(project: &Project) -> PathBuf {
    project.home().join(".cache/runner/answers")
}

/// The files of kept answers.
fn entries(project: &Project) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(folder(project)) else {
        return Vec::new();
    };
    let is_entry = |path: &PathBuf| path.file_name().is_some_and(|name| name.len() == 64);
    let mut entries: Vec<_> = files.flatten().map(|file| file.path()).collect();
    entries.retain(is_entry);
    entries.sort();
    entries
}

#[track_caller]
fn only_entry(project: &Project) -> PathBuf {
    let entries = entries(project);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

mod serving {
    use super::*;

    #[test]
    fn a_second_run_sends_nothing() {
        let server = Server::start(vec![x(1)]);
        let project = project(&server, FOR_AN_HOUR);
        for _ in 0..3 {
            assert_eq!(ask(&project, &[]), json!({"n": 1}));
        }
        assert_eq!(server.finish().len(), 1);
    }

    #[test]
    fn without_the_key_nothing_is_kept() {
        let server = Server::start(vec![x(1), x(2)]);
        let project = project(&server, "resource: circleci\nendpoint: /x\n");
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
        assert!(!project.home().join(".cache").exists());
    }

    #[test]
    fn after_its_time_a_response_is_requested_again() {
        let server = Server::start(vec![x(1), x(2)]);
        let project = project(&server, "resource: circleci\nendpoint: /x\ncache: 1ms\n");
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
        // A query that is content with older ones takes it.
        project.write("queries/q.yaml", FOR_AN_HOUR);
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
        assert_eq!(entries(&project).len(), 1);
    }

    #[test]
    fn refresh_asks_anew_and_replaces() {
        let server = Server::start(vec![x(1), x(2)]);
        let project = project(&server, FOR_AN_HOUR);
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        assert_eq!(ask(&project, &["--refresh"]), json!({"n": 2}));
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
    }

    #[test]
    fn no_cache_takes_nothing_and_keeps_nothing() {
        let server = Server::start(vec![x(1), x(2), x(3)]);
        let project = project(&server, FOR_AN_HOUR);
        assert_eq!(ask(&project, &["--no-cache"]), json!({"n": 1}));
        assert!(entries(&project).is_empty());
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
        assert_eq!(ask(&project, &["--no-cache"]), json!({"n": 3}));
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
        let both = run(&project, &["--refresh", "--no-cache"]).outcome();
        both.assert_exit(2);
    }

    #[test]
    fn each_page_of_a_list_is_kept() {
        let page = |target: &str, n: u64, next: Option<&str>| {
            let answer = json!({"items": [{ "n": n }], "next_page_token": next});
            Exchange::get(target).answers(answer)
        };
        let server = Server::start(vec![
            page("/api/v2/x", 1, Some("a")),
            page("/api/v2/x?page-token=a", 2, Some("b")),
            page("/api/v2/x?page-token=b", 3, None),
        ]);
        let query = format!("{FOR_AN_HOUR}rows: $.items[*]\n");
        let project = project(&server, &query);
        for _ in 0..2 {
            assert_eq!(ask(&project, &[]), json!([{"n": 1}, {"n": 2}, {"n": 3}]));
        }
        assert_eq!(entries(&project).len(), 3);
    }

    #[test]
    fn each_query_of_a_walk_has_its_own() {
        let list =
            || Exchange::get("/api/v2/list").answers(json!({"items": [{"id": 1}, {"id": 2}]}));
        let thing = |id: u64| {
            Exchange::get(&format!("/api/v2/thing/{id}")).answers(json!({ "id": id, "big": true }))
        };
        let server = Server::start(vec![list(), list(), thing(1), thing(2)]);
        let project = project(
            &server,
            "resource: circleci\nfor_each: { item: { query: list } }\n\
             endpoint: /thing/{{ item.id }}\nrows: $\nextract: { id: $.id }\ncache: 1h\n",
        )
        .query(
            "list",
            "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
        );
        for _ in 0..2 {
            assert_eq!(ask(&project, &[]), json!([{"id": 1}, {"id": 2}]));
        }
    }

    #[test]
    fn a_query_without_a_cache_is_not_given_what_another_one_took() {
        let server = Server::start(vec![x(1), x(2)]);
        let project =
            project(&server, FOR_AN_HOUR).query("fresh", "resource: circleci\nendpoint: /x\n");
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        let both = Run::in_(&project).args(["run", "q", "fresh"]).outcome();
        assert_eq!(
            both.assert_exit(0)
                .stdout_text()
                .replace(char::is_whitespace, ""),
            "{\"n\":1}{\"n\":2}"
        );
    }

    #[test]
    fn it_is_reported_and_counted() {
        let server = Server::start(vec![x(1)]);
        let project = project(&server, FOR_AN_HOUR);
        ask(&project, &[]);
        let outcome = run(&project, &["-v"]).outcome();
        let stderr = told(&outcome);
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(
            lines[0],
            "GET http://127.0.0.1:[PORT]/api/v2/x from the cache, [TIME] old"
        );
        assert_eq!(lines[1], "0 requests, 1 from the cache, 0 bytes, [TIME]");
    }

    #[test]
    fn it_waits_for_no_limit() {
        let server = Server::start(vec![x(1)]);
        let project = project(&server, FOR_AN_HOUR).circleci_at(
            &server.url(),
            "rate_limit: { requests: 1, per: 1h }\nconcurrency: 1",
        );
        project.write(
            "queries/q.yaml",
            "resource: circleci\nfor_each: { n: { in: [1, 2, 3] } }\nendpoint: /x\nrows: $\ncache: 1h\n",
        );
        for _ in 0..2 {
            let three = json!([{"n": 1}, {"n": 1}, {"n": 1}]);
            assert_eq!(ask(&project, &[]), three);
        }
    }

    #[test]
    fn raw_and_expectations_see_what_they_saw() {
        let answer = Answer::status(200)
            .header("x-total", "7")
            .body("application/json", "{\"n\":  1}");
        let server = Server::start(vec![Exchange::get("/api/v2/x").answers(answer)]);
        let expecting = format!("{FOR_AN_HOUR}expect: response.headers[\"x-total\"] == \"7\"\n");
        let project = project(&server, FOR_AN_HOUR).query("expecting", &expecting);
        for _ in 0..2 {
            let outcome = run(&project, &["-o", "raw"]).outcome();
            assert_eq!(outcome.assert_exit(0).stdout_text(), "{\"n\":  1}");
            let outcome = Run::in_(&project).args(["run", "expecting"]).outcome();
            outcome.assert_exit(0);
        }
    }

    #[test]
    fn what_is_only_shown_keeps_nothing() {
        let server = Server::start(Vec::new());
        let project = project(&server, FOR_AN_HOUR);
        run(&project, &["--dry-run"]).outcome().assert_exit(0);
        run(&project, &["--demo"]).outcome();
        assert!(!project.home().join(".cache").exists());
    }
}

mod keys {
    use super::*;

    const OTHER_TOKEN: &str = "another-token-of-somebody-else";

    #[test]
    fn another_token_asks_for_itself() {
        let by = |token: &str, n: u64| x(n).with_header("circle-token", token);
        let server = Server::start(vec![by(CANARY, 1), by(OTHER_TOKEN, 2)]);
        let project = project(&server, FOR_AN_HOUR);
        let other = || {
            run(&project, &[])
                .env("CIRCLE_TOKEN", OTHER_TOKEN)
                .outcome()
        };
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        assert_eq!(other().stdout_json(), json!({"n": 2}));
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        assert_eq!(other().stdout_json(), json!({"n": 2}));
        // Without any there is no answer, kept or not.
        let nobody = run(&project, &[]).without_env("CIRCLE_TOKEN").outcome();
        nobody.assert_exit(4);
    }

    #[test]
    fn another_url_or_header_is_another_question() {
        let x_of = |team: &'static str, n: u64| {
            Exchange::get("/api/v2/x?p=1")
                .with_header("x-team", team)
                .answers(json!({ "n": n }))
        };
        let other = Exchange::get("/api/v2/x?p=2").answers(json!({"n": 3}));
        let server = Server::start(vec![x_of("a", 1), x_of("b", 2), other]);
        let project = project(
            &server,
            "resource: circleci\nvars: { p: \"1\", team: a }\nendpoint: /x\n\
             params: { p: \"{{ p }}\" }\nheaders: { X-Team: \"{{ team }}\" }\ncache: 1h\n",
        );
        for _ in 0..2 {
            assert_eq!(ask(&project, &[]), json!({"n": 1}));
            assert_eq!(ask(&project, &["team=b"]), json!({"n": 2}));
            assert_eq!(ask(&project, &["p=2"]), json!({"n": 3}));
        }
    }

    #[test]
    fn a_token_in_the_url_is_part_of_the_key_and_not_of_the_file() {
        let target = "/api/v2/x?t=short-token-1";
        let server = Server::start(vec![Exchange::get(target).answers(json!({"n": 1}))]);
        let project = project(&server, FOR_AN_HOUR).file(
            "resources/circleci.yaml",
            format!(
                "type: circleci\nbase_url: {}/api/v2\n\
                 auth: {{ query: {{ name: t, value: \"{{{{ env.T }}}}\" }} }}\n",
                server.url()
            ),
        );
        for _ in 0..2 {
            let outcome = run(&project, &[]).env("T", "short-token-1").outcome();
            assert_eq!(outcome.assert_exit(0).stdout_json(), json!({"n": 1}));
        }
        let file = fs::read(only_entry(&project)).expect("an entry");
        let text = String::from_utf8_lossy(&file).into_owned();
        assert!(!text.contains("short-token-1") && !text.contains("/api/v2"));
    }
}

mod keeping {
    use super::*;

    #[test]
    fn failed_responses_are_not_cached() {
        let once = "retry: { max_attempts: 1 }";
        for (status, exit) in [(404, 3), (401, 4), (500, 3), (302, 3)] {
            let bad = Exchange::get("/api/v2/x").answers((status, json!({"message": "no"})));
            let server = Server::start(vec![bad, x(1)]);
            let project = project(&server, FOR_AN_HOUR).circleci_at(&server.url(), once);
            run(&project, &[]).outcome().assert_exit(exit);
            assert_eq!(ask(&project, &[]), json!({"n": 1}));
        }
    }

    #[test]
    fn what_the_query_takes_for_nothing_is_still_an_error_of_the_server() {
        let missing = || Exchange::get("/api/v2/x").answers((404, json!({"message": "no"})));
        let server = Server::start(vec![missing(), missing()]);
        let query = format!("{FOR_AN_HOUR}rows: $.items[*]\non_status: {{ 404: empty }}\n");
        let project = project(&server, &query);
        for _ in 0..2 {
            assert_eq!(ask(&project, &[]), json!([]));
        }
    }

    #[test]
    fn what_the_query_refuses_is_not_kept() {
        let server = Server::start(vec![x(1), x(2)]);
        let query = format!("{FOR_AN_HOUR}on_status: {{ 200: fail }}\n");
        let project = project(&server, &query);
        for _ in 0..2 {
            run(&project, &[]).outcome().assert_exit(3);
        }
    }

    #[test]
    fn a_web_page_is_not_kept() {
        let page = Answer::status(200).body("text/html", "<html>log in</html>");
        let server = Server::start(vec![Exchange::get("/api/v2/x").answers(page), x(1)]);
        let project = project(&server, FOR_AN_HOUR);
        run(&project, &[]).outcome().assert_exit(3);
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
    }

    #[test]
    fn a_response_with_a_secret_in_it_is_not_cached() {
        let in_body = Answer::status(200).json(&json!({"you": CANARY}));
        let in_header = Answer::status(200).header("x-you", CANARY).json(&json!({}));
        for answer in [in_body, in_header] {
            let server = Server::start(vec![Exchange::get("/api/v2/x").answers(answer), x(1)]);
            let project = project(&server, FOR_AN_HOUR);
            ask(&project, &[]);
            assert!(entries(&project).is_empty());
            assert_eq!(ask(&project, &[]), json!({"n": 1}));
        }
    }

    #[test]
    fn cookies_and_authentication_are_left_out() {
        let answer = Answer::status(200)
            .header("set-cookie", format!("session={CANARY}"))
            .header("set-cookie", "other=crumbs")
            .header("x-auth-token", "left-out")
            .header("www-authenticate", "Bearer left-out")
            .header("x-total", "stays")
            .json(&json!({"n": 1}));
        let server = Server::start(vec![Exchange::get("/api/v2/x").answers(answer)]);
        let project = project(&server, FOR_AN_HOUR);
        for _ in 0..2 {
            assert_eq!(ask(&project, &[]), json!({"n": 1}));
        }
        let file = fs::read(only_entry(&project)).expect("an entry");
        let text = String::from_utf8_lossy(&file).into_owned();
        assert!(text.contains("x-total:stays"));
        assert!(
            !text.contains("crumbs") && !text.contains("left-out"),
            "{text}"
        );
    }
}

mod finished {
    use super::*;

    const STOPPED: &str = "2026-11-02T09:00:00Z";

    /// Returns the number of requests that two runs send for this route and response.
    fn requests(route: &str, answer: &Value) -> usize {
        let target = format!("/api/v2{route}");
        let exchange = Exchange::get(&target).answers(answer.clone()).at_least(1);
        let server = Server::start(vec![exchange]);
        let query = format!("resource: circleci\nendpoint: {route}\ncache: finished\n");
        let project = project(&server, &query);
        for _ in 0..2 {
            assert_eq!(ask(&project, &[]), *answer);
        }
        server.finish().len()
    }

    #[test]
    fn a_workflow_is_kept_when_it_has_ended() {
        let workflow = |status: &str, stopped_at: Value| json!({"id": "w", "status": status, "stopped_at": stopped_at});
        assert_eq!(
            requests("/workflow/w", &workflow("failed", json!(STOPPED))),
            1
        );
        assert_eq!(
            requests("/workflow/w", &workflow("failing", json!(null))),
            2
        );
        assert_eq!(
            requests("/workflow/w", &workflow("success", json!(null))),
            2
        );
    }

    #[test]
    fn the_jobs_of_a_workflow_are_kept_when_all_of_them_are_over() {
        let job = |status: &str| json!({"type": "build", "status": status, "stopped_at": STOPPED});
        let approval = |status: &str| json!({"type": "approval", "status": status});
        let jobs = |jobs: &[Value]| json!({"items": jobs, "next_page_token": null});
        let over = jobs(&[job("success"), job("canceled"), approval("success")]);
        let waiting = jobs(&[job("success"), approval("on_hold")]);
        let running = jobs(&[job("success"), job("running")]);
        assert_eq!(requests("/workflow/w/job", &over), 1);
        assert_eq!(requests("/workflow/w/job", &waiting), 2);
        assert_eq!(requests("/workflow/w/job", &running), 2);
    }

    #[test]
    fn lists_that_grow_are_requested_again() {
        let done = json!({"items": [{"status": "success", "stopped_at": STOPPED}], "next_page_token": null});
        assert_eq!(requests("/pipeline/p/workflow", &done), 2);
        assert_eq!(requests("/project/gh%2Fo%2Fr/7/tests", &done), 2);
        assert_eq!(requests("/project/gh%2Fo%2Fr/7/artifacts", &done), 2);
    }

    #[test]
    fn what_was_kept_for_a_time_is_held_against_the_rule_again() {
        let running = json!({"status": "running", "stopped_at": null});
        let ended = json!({"status": "success", "stopped_at": STOPPED});
        let get = |answer: &Value| Exchange::get("/api/v2/workflow/w").answers(answer.clone());
        let server = Server::start(vec![get(&running), get(&ended)]);
        let query =
            |rule: &str| format!("resource: circleci\nendpoint: /workflow/w\ncache: {rule}\n");
        let project = project(&server, &query("1h"));
        assert_eq!(ask(&project, &[]), running);
        project.write("queries/q.yaml", query("finished"));
        assert_eq!(ask(&project, &[]), ended);
        assert_eq!(ask(&project, &[]), ended);
    }
}

mod files {
    use super::*;

    fn mode(path: &Path) -> u32 {
        let metadata =
            fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        metadata.permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_can_read_them() {
        let server = Server::start(vec![x(1)]);
        let project = project(&server, FOR_AN_HOUR);
        ask(&project, &[]);
        for folder in [folder(&project), project.home().join(".cache/runner")] {
            assert_eq!(mode(&folder), 0o700);
        }
        for file in fs::read_dir(folder(&project)).expect("a folder").flatten() {
            assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
        }
    }

    #[test]
    fn their_place_can_be_chosen() {
        let server = Server::start(vec![x(1), x(2), x(3)]);
        let project = project(&server, FOR_AN_HOUR);
        let shared = project.home().join("shared");
        let count = |path: &Path| fs::read_dir(path.join("answers")).map_or(0, Iterator::count);
        for _ in 0..2 {
            run(&project, &[])
                .env("XDG_CACHE_HOME", &shared)
                .outcome()
                .assert_exit(0);
            // Seen from where one stands, and before the other one.
            run(&project, &[])
                .env("RUNNER_CACHE_DIR", "own")
                .env("XDG_CACHE_HOME", &shared)
                .outcome()
                .assert_exit(0);
            // A relative one does not count.
            run(&project, &[])
                .env("XDG_CACHE_HOME", "relative")
                .outcome()
                .assert_exit(0);
        }
        assert!(count(&shared.join("runner")) > 0);
        assert!(count(&project.path().join("own")) > 0);
        assert!(!project.path().join("relative").exists());
        assert_eq!(entries(&project).len(), 1);
    }

    #[test]
    fn a_broken_one_is_requested_again_and_replaced() {
        for harm in [
            (|_: &[u8]| Vec::new()) as fn(&[u8]) -> Vec<u8>,
            |_| b"garbage".to_vec(),
            |good| good[..good.len() - 1].to_vec(),
            |good| good[..20].to_vec(),
            |good| good.iter().map(|byte| byte ^ 1).collect(),
            |good| [good, b" "].concat(),
            // A later version of the format.
            |good| {
                let mut other = good.to_vec();
                other[b"runner-cache ".len()] = b'9';
                other
            },
        ] {
            let server = Server::start(vec![x(1), x(2)]);
            let project = project(&server, FOR_AN_HOUR);
            assert_eq!(ask(&project, &[]), json!({"n": 1}));
            let entry = only_entry(&project);
            let good = fs::read(&entry).expect("an entry");
            fs::write(&entry, harm(&good)).expect("written");
            assert_eq!(ask(&project, &[]), json!({"n": 2}));
            assert_eq!(ask(&project, &[]), json!({"n": 2}));
            assert_eq!(only_entry(&project), entry);
        }
    }

    #[test]
    fn one_in_the_place_of_another_is_requested_again() {
        let y = |n: u64| Exchange::get("/api/v2/y").answers(json!({ "y": n }));
        let server = Server::start(vec![x(1), y(1), y(2)]);
        let project = project(&server, FOR_AN_HOUR)
            .query("y", "resource: circleci\nendpoint: /y\ncache: 1h\n");
        let ask_y = || {
            Run::in_(&project)
                .args(["run", "y"])
                .outcome()
                .stdout_json()
        };
        ask(&project, &[]);
        let of_x = only_entry(&project);
        assert_eq!(ask_y(), json!({"y": 1}));
        let of_y = entries(&project).into_iter().find(|path| *path != of_x);
        fs::copy(&of_x, of_y.expect("another entry")).expect("copied");
        assert_eq!(ask_y(), json!({"y": 2}));
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
    }

    #[test]
    fn without_the_salt_all_is_requested_again() {
        let server = Server::start(vec![x(1), x(2)]);
        let project = project(&server, FOR_AN_HOUR);
        ask(&project, &[]);
        fs::write(folder(&project).join("salt"), "worn").expect("written");
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
        assert_eq!(ask(&project, &[]), json!({"n": 2}));
    }

    #[test]
    fn two_runs_at_once_do_not_disturb_each_other() {
        let exchange = x(1).times(2).together(2);
        let server = Server::start(vec![exchange]);
        let project = project(&server, FOR_AN_HOUR);
        let (first, second) = (run(&project, &[]).start(), run(&project, &[]).start());
        for outcome in [first.finish(), second.finish()] {
            assert_eq!(outcome.assert_exit(0).stderr_text(), "");
            assert_eq!(outcome.stdout_json(), json!({"n": 1}));
        }
        assert_eq!(ask(&project, &[]), json!({"n": 1}));
        only_entry(&project);
    }

    #[test]
    fn where_they_cannot_be_written_a_note_says_so_once() {
        let server = Server::start(vec![x(1).times(3), Exchange::get("/api/v2/y").times(2)]);
        let project = project(&server, FOR_AN_HOUR)
            .query("y", "resource: circleci\nendpoint: /y\ncache: 1h\n")
            .file("file", "");
        let ask = |args: &[&str]| {
            let run = Run::in_(&project).args(["run"]).args(args);
            run.env("RUNNER_CACHE_DIR", "file").outcome()
        };
        let several = ask(&["q", "y"]);
        insta::assert_snapshot!(told(several.assert_exit(0)), @"
        note: cannot write to the cache: [PROJECT]/file/answers: Not a directory (os error 20)
        --- exit 0
        ");
        assert_eq!(ask(&["q", "-q"]).assert_exit(0).stderr_text(), "");
        let homeless: Outcome = Run::in_(&project)
            .args(["run", "q", "y"])
            .without_env("HOME")
            .outcome();
        insta::assert_snapshot!(told(homeless.assert_exit(0)), @"
        note: no folder for the cache: set `RUNNER_CACHE_DIR` or `HOME`
        --- exit 0
        ");
    }

    #[test]
    fn what_is_past_its_time_is_swept_away() {
        let server = Server::start(vec![x(1), Exchange::get("/api/v2/y")]);
        let project = project(&server, FOR_AN_HOUR)
            .query("y", "resource: circleci\nendpoint: /y\ncache: 1h\n");
        ask(&project, &[]);
        let old = only_entry(&project);
        for name in [&old, &folder(&project).join("swept")] {
            let long_ago = std::time::SystemTime::UNIX_EPOCH;
            let file = fs::File::options().write(true).open(name).expect("a file");
            file.set_modified(long_ago).expect("set");
        }
        Run::in_(&project)
            .args(["run", "y"])
            .outcome()
            .assert_exit(0);
        assert!(!old.exists());
        only_entry(&project);
    }
}
