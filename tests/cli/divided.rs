//! Walks in parts: the plan, its parts on other machines, the merge. Random walks are in
//! [`crate::trees`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, LiveServer, Outcome, Project, Response, Run};

/// The requests that a server got.
#[derive(Default)]
struct Asked {
    counts: Mutex<BTreeMap<String, u32>>,
}

impl Asked {
    /// Counts a request, and returns the number of earlier ones.
    fn add(&self, target: &str) -> u32 {
        let mut counts = self.counts.lock().expect("no panic");
        let count = counts.entry(target.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    fn count(&self, target: &str) -> u32 {
        let counts = self.counts.lock().expect("no panic");
        counts.get(target).copied().unwrap_or(0)
    }

    fn total(&self) -> u32 {
        self.counts.lock().expect("no panic").values().sum()
    }
}

/// `/groups` lists twelve groups in two pages; each has as many members as its number says, and the
/// members of group `g07` come at the second time only if it is `shaky`.
fn server(is_shaky: bool) -> (LiveServer, Arc<Asked>) {
    let asked = Arc::new(Asked::default());
    let seen = Arc::clone(&asked);
    let server = LiveServer::start(move |request| {
        let earlier = seen.add(&request.target);
        let answer = match request.target.trim_start_matches("/api/v2") {
            "/groups" => page(0..6, Some("2")),
            "/groups?page-token=2" => page(6..12, None),
            "/groups/g07/members" if is_shaky && earlier == 0 => {
                Answer::status(500).json(&json!({ "message": "out of order" }))
            }
            path => match path.strip_prefix("/groups/g") {
                Some(rest) => members(&rest[..2]),
                None => Answer::status(404).json(&json!({ "message": "Not found" })),
            },
        };
        Response::Answer(answer)
    });
    (server, asked)
}

fn page(numbers: std::ops::Range<u32>, next: Option<&str>) -> Answer {
    let items: Vec<Value> = numbers
        .map(|number| json!({ "id": format!("g{number:02}"), "rank": number % 5 }))
        .collect();
    Answer::status(200).json(&json!({ "items": items, "next_page_token": next }))
}

fn members(group: &str) -> Answer {
    let number: u32 = group.parse().expect("a number");
    let items: Vec<Value> = (0..number % 4)
        .map(|member| json!({ "name": format!("m{group}-{member}"), "age": number * 7 % 10 }))
        .collect();
    Answer::status(200).json(&json!({ "items": items, "next_page_token": null }))
}

const GROUPS: &str = "resource: circleci\nendpoint: /groups\nrows: $.items[*]\n";

const MEMBERS: &str = "resource: circleci\nvars: { kind: { default: null }, key: { secret: true, default: null } }\n\
    for_each: { group: { query: groups } }\n\
    endpoint: /groups/{{ group.id }}/members\nrows: $.items[*]\n\
    extract: { group: \"{{ group.id }}\", name: { path: $.name, type: text }, age: { path: $.age, type: int } }\n";

fn project(server: &LiveServer, more: &str) -> Project {
    Project::new()
        .circleci_at(
            &server.url(),
            "retry: { max_attempts: 1 }\nrate_limit: { requests: 1000, per: 1s }",
        )
        .query("groups", GROUPS)
        .query("members", &format!("{MEMBERS}{more}"))
}

#[track_caller]
fn runner(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

#[track_caller]
fn plan(project: &Project, parts: &str) -> Value {
    let args = ["plan", "members", "--parts", parts, "--out", "plan.json"];
    runner(project, &args).assert_exit(0);
    document(project, "plan.json")
}

#[track_caller]
fn document(project: &Project, path: &str) -> Value {
    let text = project.read(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// Runs all parts of a plan, the last one first, and returns their files.
#[track_caller]
fn run_parts(project: &Project, plan: &str, prefix: &str, exits: &[i32]) -> Vec<String> {
    let count = document(project, plan)["parts"]
        .as_array()
        .expect("parts")
        .len();
    let mut files = Vec::new();
    for number in (0..count).rev() {
        let (part, out) = (
            format!("{plan}#{number}"),
            format!("{prefix}-{number}.ndjson"),
        );
        let outcome = runner(project, &["run", "--part", &part, "--out", &out]);
        assert!(exits.contains(&outcome.exit), "{}", outcome.snapshot());
        files.push(out);
    }
    files
}

#[track_caller]
fn merge(project: &Project, files: &[String], more: &[&str]) -> Outcome {
    let mut args = vec!["merge", "plan.json"];
    args.extend(files.iter().map(String::as_str));
    args.extend(more);
    runner(project, &args)
}

/// The last line on standard error, which is a JSON object.
#[track_caller]
fn summary(outcome: &Outcome) -> Value {
    let text = outcome.stderr_text();
    let last = text.lines().last().expect("a line");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

/// A plan without what differs in each run: the address of the server.
fn stable(plan: &Value) -> Value {
    let mut plan = plan.clone();
    for (_, file) in plan["files"].as_object_mut().expect("files") {
        file["sha256"] = json!("[SHA]");
        file["text"] = json!("[TEXT]");
    }
    plan["id"] = json!("[ID]");
    plan["now"] = json!("[NOW]");
    for part in plan["parts"].as_array_mut().expect("parts") {
        part["sha256"] = json!("[SHA]");
    }
    plan
}

mod plans {
    use super::*;

    #[test]
    fn a_plan_is_a_document_without_secrets() {
        let (server, asked) = server(false);
        let project = project(&server, "");
        let args = [
            "plan",
            "members",
            "kind=x",
            "--parts",
            "3",
            "--out",
            "plan.json",
        ];
        let outcome = Run::in_(&project)
            .args(args)
            .env("RUNNER_VAR_KEY", "not-for-anybody")
            .secret("not-for-anybody")
            .outcome();
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
        let plan = document(&project, "plan.json");
        insta::assert_snapshot!(format!("{:#}", stable(&plan)));
        let text = plan.to_string();
        assert!(
            !text.contains("not-for-anybody") && !text.contains("CANARY"),
            "{text}"
        );
        assert_eq!(asked.total(), 2, "only the listing is read");
    }

    #[test]
    fn the_same_items_give_the_same_plan() {
        let (server, _) = server(false);
        let project = project(&server, "");
        let args = ["plan", "members", "--parts", "4", "--now", "2026-01-01"];
        let first = runner(&project, &args);
        let second = runner(&project, &[&args[..], &["--out", "-"]].concat());
        assert_eq!(
            first.assert_exit(0).stdout_text(),
            second.assert_exit(0).stdout_text()
        );
    }

    #[test]
    fn an_incomplete_listing_plans_nothing_unless_that_is_allowed() {
        let server = LiveServer::start(|request| {
            Response::Answer(match request.target.trim_start_matches("/api/v2") {
                "/groups" => page(0..6, Some("2")),
                "/groups?page-token=2" => Answer::status(503).json(&json!({})),
                path => members(&path["/groups/g".len()..][..2]),
            })
        });
        let project = project(&server, "");
        let args = ["plan", "members", "--parts", "2", "--out", "plan.json"];
        let outcome = runner(&project, &args);
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
        assert_eq!(project.read("plan.json"), None);
        let allowed = runner(&project, &[&args[..], &["--allow-partial"]].concat());
        insta::assert_snapshot!(allowed.assert_exit(0).snapshot());
        let plan = document(&project, "plan.json");
        assert_eq!(
            (&plan["complete"], &plan["items"]),
            (&json!(false), &json!(6))
        );
        let files = run_parts(&project, "plan.json", "part", &[0]);
        let merged = merge(&project, &files, &["-o", "csv"]);
        insta::assert_snapshot!(merged.assert_exit(6).snapshot());
    }

    #[test]
    fn no_items_are_no_parts() {
        let server = LiveServer::start(|_| Response::Answer(page(0..0, None)));
        let project = project(&server, "");
        let planned = runner(&project, &["plan", "members", "--out", "plan.json"]);
        let told = planned.assert_exit(0).stderr_text();
        assert_eq!(told, "there are no items: the plan has no parts\n");
        assert_eq!(document(&project, "plan.json")["parts"], json!([]));
        let merged = merge(&project, &[], &["-o", "json"]);
        assert_eq!(merged.assert_exit(0).stdout_json(), json!([]));
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let (server, asked) = server(false);
        let walk = "for_each: { group: { query: groups } }\nendpoint: /groups/{{ group.id }}\n";
        let project = project(&server, "")
            .query(
                "writes",
                &format!("resource: circleci\n{walk}method: POST\n"),
            )
            .query(
                "sorts",
                &format!("resource: circleci\n{walk}sort: group.rank * 2\n"),
            )
            .query(
                "sends",
                &format!(
                    "resource: circleci\n{walk}method: POST\nsafe: true\nbody: {{ file: x.md }}\n"
                ),
            )
            .query(
                "counts",
                "sql: SELECT count(*) AS n FROM g\ndata: { g: { query: groups } }\n",
            )
            .query(
                "tells",
                "data: { g: { query: groups } }\nreport: { template_file: x.md }\n",
            )
            .file("queries/x.md", "x")
            .query(
                "fetches",
                &format!("resource: circleci\n{walk}download: files/{{{{ group.id }}}}\n"),
            );
        let mut told = String::new();
        for (name, exit) in [
            ("writes", 7),
            ("sorts", 2),
            ("counts", 2),
            ("tells", 2),
            ("fetches", 2),
            ("sends", 2),
        ] {
            let outcome = runner(&project, &["plan", name]);
            told.push_str(&outcome.assert_exit(exit).stderr_text());
        }
        insta::assert_snapshot!(told);
        assert_eq!(asked.total(), 0);
    }

    #[test]
    fn a_secret_is_in_no_plan() {
        let server = LiveServer::start(|_| {
            let items = json!([{ "id": "g01", "note": crate::support::CANARY }]);
            let answer = json!({ "items": items, "next_page_token": null });
            Response::Answer(Answer::status(200).json(&answer))
        });
        let project = project(&server, "");
        // As in every record, it is masked where the server returns it.
        let plan = plan(&project, "1");
        let item = &plan["parts"][0]["runs"][0]["items"][0]["group"];
        assert_eq!(item["note"], json!("***"));
        let kind = format!("kind={}", crate::support::CANARY);
        let outcome = runner(&project, &["plan", "members", &kind]);
        insta::assert_snapshot!(outcome.assert_exit(7).stderr_text());
    }

    #[test]
    fn an_expectation_of_what_is_listed_is_one_of_the_plan() {
        let (server, _) = server(false);
        let expects = "expect: [{ that: \"(rows | length) == 1\", message: \"one group\" }]\n";
        let project = project(&server, "").query("groups", &format!("{GROUPS}{expects}"));
        let args = ["plan", "members", "--out", "plan.json"];
        let outcome = runner(&project, &args);
        insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
        assert_eq!(project.read("plan.json"), None);
        runner(&project, &[&args[..], &["--allow-partial"]].concat()).assert_exit(0);
        let files = run_parts(&project, "plan.json", "part", &[0]);
        merge(&project, &files, &["-o", "csv"]).assert_exit(6);
    }

    #[test]
    fn what_the_repository_and_the_environment_said_stays() {
        let (server, _) = server(false);
        let project = project(
            &server,
            "sort: name\nreport: { template_file: report.md }\n",
        )
        .query(
            "members",
            &MEMBERS.replace(
                "extract: {",
                "extract: { at: \"{{ env.PLACE | default('nowhere') }} {{ git.branch | default('none') }}\",",
            ),
        );
        let git = |args: &[&str]| {
            let status = std::process::Command::new("git")
                .args(args)
                .current_dir(project.path())
                .output();
            assert!(
                status.is_ok_and(|output| output.status.success()),
                "{args:?}"
            );
        };
        git(&["init", "-q", "-b", "topic"]);
        let planned = Run::in_(&project)
            .args(["plan", "members", "--parts", "1", "--out", "plan.json"])
            .env("PLACE", "here")
            .outcome();
        planned.assert_exit(0);
        let elsewhere = Project::none();
        elsewhere.write("plan.json", project.read("plan.json").expect("a plan"));
        let part = Run::in_(&elsewhere)
            .args(["run", "--part", "plan.json#0"])
            .env("PLACE", "there")
            .outcome();
        let text = part.assert_exit(0).stdout_text();
        let first = text.lines().next().expect("a record");
        assert!(first.contains("\"at\":\"here topic\""), "{first}");
    }

    /// Such an address expires, and whoever has it may use it.
    #[test]
    fn a_signed_address_is_in_no_plan() {
        let server = LiveServer::start(|request| {
            let path = request.target.trim_start_matches("/api/v2/");
            let url = |id| format!("https://files.test/{id}?X-Amz-Signature=abc{id}");
            let items = match path {
                "tops" => json!([{ "id": "t" }]),
                _ => (0..3)
                    .map(|id| json!({ "id": id, "url": url(id) }))
                    .collect(),
            };
            let answer = json!({ "items": items, "next_page_token": null });
            Response::Answer(Answer::status(200).json(&answer))
        });
        let walk = "resource: circleci\nfor_each: { file: { query: files } }\n\
                    endpoint: /read/{{ file.id }}\nrows: $.items[*]\n";
        let files = "resource: circleci\nendpoint: /files\nrows: $.items[*]\n";
        let project = Project::new()
            .circleci_at(&server.url(), "")
            .query(
                "tops",
                "resource: circleci\nendpoint: /tops\nrows: $.items[*]\n",
            )
            .query("files", files)
            .query("members", walk);
        let outcome = runner(&project, &["plan", "members"]);
        insta::assert_snapshot!(outcome.assert_exit(7).stderr_text());
        // Where there is a level before it, that one is divided.
        let below = "for_each: { top: { query: tops } }\nendpoint: /{{ top.id }}/files";
        project.write(
            "queries/files.yaml",
            files.replace("endpoint: /files", below),
        );
        let plan = plan(&project, "4");
        assert_eq!(plan["split"]["for_each"], json!("top"));
    }

    #[test]
    fn a_masked_secret_is_not_sent() {
        let asked = Arc::new(Asked::default());
        let seen = Arc::clone(&asked);
        let server = LiveServer::start(move |request| {
            seen.add(&request.target);
            let items = json!([{ "id": crate::support::CANARY }]);
            let answer = json!({ "items": items, "next_page_token": null });
            Response::Answer(Answer::status(200).json(&answer))
        });
        let project = project(&server, "");
        plan(&project, "1");
        let outcome = runner(&project, &["run", "--part", "plan.json#0"]);
        insta::assert_snapshot!(outcome.assert_exit(6).snapshot());
        assert_eq!(asked.total(), 1, "only the listing");
    }

    #[test]
    fn numbers_stay_as_they_are_written() {
        let server = LiveServer::start(|request| {
            let text = match request.target.trim_start_matches("/api/v2") {
                "/groups" => "{\"items\": [{\"id\": 1e5, \"odd\": [-0, 1e400, 1.10]}]}",
                _ => "{\"items\": [{\"n\": 12345678901234567890.10}]}",
            };
            Response::Answer(Answer::status(200).body("application/json", text))
        });
        let project = project(&server, "").query(
            "members",
            "resource: circleci\nfor_each: { group: { query: groups } }\n\
             endpoint: /groups/{{ group.id }}\nrows: $.items[*]\nextract: { odd: \"{{ group.odd }}\", n: $.n }\n",
        );
        plan(&project, "1");
        let files = run_parts(&project, "plan.json", "part", &[0]);
        let merged = merge(&project, &files, &["-o", "ndjson"]);
        let single = runner(&project, &["run", "members", "-o", "ndjson"]);
        let records = merged.assert_exit(0).stdout_text();
        assert_eq!(records, single.assert_exit(0).stdout_text());
        assert_eq!(
            records,
            "{\"odd\":[-0,1e400,1.10],\"n\":12345678901234567890.10}\n"
        );
    }

    /// The environment, vars of inner queries, the time and the repository are those of the plan;
    /// only secrets are those of each process.
    #[test]
    fn a_part_sees_what_the_plan_saw() {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let server = LiveServer::start(move |request| {
            let path = request.target.trim_start_matches("/api/v2");
            let key = request.header("x-key").unwrap_or_default();
            noted
                .lock()
                .expect("no panic")
                .push(format!("{path} {key}"));
            Response::Answer(match path.split('?').next() {
                Some("/groups") => page(0..1, None),
                Some("/groups/g00/lists") => {
                    let list = json!({ "items": [{ "id": "l1" }], "next_page_token": null });
                    Answer::status(200).json(&list)
                }
                _ => members("01"),
            })
        });
        let project = Project::new()
            .circleci_at(
                "http://127.0.0.1:9/api/v2",
                &format!("environments: {{ staging: {{ base_url: {}/api/v2 }} }}", server.url()),
            )
            .query("groups", GROUPS)
            .query(
                "lists",
                "resource: circleci\nvars: { of: {}, size: { type: int, default: 1 } }\n\
                 endpoint: /groups/{{ of }}/lists\nparams: { size: \"{{ size }}\" }\nrows: $.items[*]\n",
            )
            .query(
                "members",
                "resource: circleci\n\
                 vars: { since: { type: time, default: 7d }, key: { secret: true } }\n\
                 for_each: { group: { query: groups }, list: { query: lists, vars: { of: \"{{ group.id }}\" } } }\n\
                 endpoint: /lists/{{ list.id }}\nheaders: { X-Key: \"{{ key }}\" }\n\
                 params: { since: \"{{ since }}\", at: \"{{ now() }}\" }\nrows: $.items[*]\n",
            );
        let planned = Run::in_(&project)
            .args(["plan", "members", "--env", "staging", "--now", "2026-02-01"])
            .args(["--parts", "1", "--out", "plan.json"])
            .env("RUNNER_VAR_SIZE", "5")
            .env("RUNNER_VAR_KEY", "the-key-of-plan")
            .secret("the-key-of-plan")
            .outcome();
        planned.assert_exit(0);
        let part = Run::in_(&project)
            .args(["run", "--part", "plan.json#0"])
            .env("RUNNER_VAR_SIZE", "7")
            .env("RUNNER_ENV", "nowhere")
            .env("RUNNER_VAR_KEY", "the-key-of-part")
            .secret("the-key-of-part")
            .outcome();
        part.assert_exit(0);
        let seen = seen.lock().expect("no panic").join("\n");
        insta::assert_snapshot!(seen);
        let no_key = runner(&project, &["run", "--part", "plan.json#0"]);
        insta::assert_snapshot!(no_key.assert_exit(2).stderr_text());
        // A merge sends nothing, and needs no secret.
        project.write("part.ndjson", "");
        merge(&project, &["part.ndjson".into()], &["-o", "csv"]).assert_exit(6);
    }

    /// A part that used the default instead would ask for something else.
    #[test]
    fn a_secret_that_an_inner_query_was_given_is_needed_by_each_part() {
        let (server, asked) = server(false);
        let vars = "vars: { key: { secret: true, default: null } }\n";
        let project = project(&server, "")
            .query(
                "groups",
                &format!("{GROUPS}{vars}headers: {{ X-Key: \"{{{{ key }}}}\" }}\n"),
            )
            .query(
                "members",
                &MEMBERS.replace(", key: { secret: true, default: null }", ""),
            );
        let planned = Run::in_(&project)
            .args(["plan", "members", "--parts", "1", "--out", "plan.json"])
            .env("RUNNER_VAR_KEY", "the-key-of-plan")
            .secret("the-key-of-plan")
            .outcome();
        planned.assert_exit(0);
        let before = asked.total();
        let outcome = runner(&project, &["run", "--part", "plan.json#0"]);
        let told = outcome.assert_exit(2).stderr_text();
        assert!(
            told.contains("set `RUNNER_VAR_KEY` for each part"),
            "{told}"
        );
        assert_eq!(asked.total(), before);
        // A merge sends nothing.
        project.write("none.ndjson", "");
        let merged = merge(&project, &["none.ndjson".into()], &[]);
        assert!(merged.assert_exit(6).stderr_text().contains("missing: 0"));
    }

    /// Each level lists what the one above has: three groups of two, each with two members.
    #[test]
    fn the_outermost_level_with_enough_items_is_divided() {
        let server = LiveServer::start(|request| {
            let path = request.target.trim_start_matches("/api/v2/");
            let items: Vec<Value> = match path.split('/').count() {
                1 => (0..3).map(|id| json!({ "id": format!("{id}") })).collect(),
                _ => (0..2)
                    .map(|id| json!({ "id": format!("{path}-{id}").replace('/', "_") }))
                    .collect(),
            };
            let answer = json!({ "items": items, "next_page_token": null });
            Response::Answer(Answer::status(200).json(&answer))
        });
        let level = |item: &str, of: &str, path: &str| {
            format!(
                "resource: circleci\nfor_each: {{ {item}: {{ query: {of} }} }}\nendpoint: {path}/{{{{ {item}.id }}}}\nrows: $.items[*]\n"
            )
        };
        let project = Project::new()
            .circleci_at(&server.url(), "")
            .query(
                "tops",
                "resource: circleci\nendpoint: /tops\nrows: $.items[*]\n",
            )
            .query("mids", &level("top", "tops", "/mids"))
            .query("lows", &level("mid", "mids", "/lows"));
        for (parts, query, for_each, items) in [("1", "lows", "mid", 6), ("2", "lows", "mid", 6)] {
            let args = ["plan", "lows", "--parts", parts, "--out", "plan.json"];
            runner(&project, &args).assert_exit(0);
            let plan = document(&project, "plan.json");
            let split = (
                &plan["split"]["query"],
                &plan["split"]["for_each"],
                &plan["items"],
            );
            assert_eq!(
                split,
                (&json!(query), &json!(for_each), &json!(items)),
                "{parts} parts"
            );
            let files = run_parts(&project, "plan.json", "part", &[0]);
            let merged = merge(&project, &files, &["-o", "json"]);
            let single = runner(&project, &["run", "lows", "-o", "json"]);
            assert_eq!(merged.assert_exit(0).stdout_json(), single.stdout_json());
        }
    }
}

mod parts {
    use super::*;

    #[test]
    fn a_part_needs_the_program_and_the_token_only() {
        let (server, _) = server(false);
        let project = project(&server, "");
        let mut plan = plan(&project, "3");
        let parts = plan.as_object_mut().and_then(|plan| plan.remove("parts"));
        plan["part"] = parts.expect("parts")[1].clone();
        let elsewhere = Project::none();
        let part = plan.to_string();
        let run = || {
            let run = Run::in_(&elsewhere).args(["run", "--part", "-", "--error-format", "json"]);
            run.stdin(part.as_bytes().to_vec())
        };
        let outcome = run().outcome();
        insta::assert_snapshot!(outcome.assert_exit(0).stdout_text());
        let mut told = summary(&outcome);
        assert_eq!(told["plan"], plan["id"]);
        told["plan"] = json!("[ID]");
        insta::assert_snapshot!(format!("{told:#}"));
        // A program that writes numbers anew changes the requests.
        let bent = part.replace("\"rank\":2", "\"rank\":2.0");
        assert_ne!(bent, part);
        let bent = Run::in_(&elsewhere)
            .args(["run", "--part", "-"])
            .stdin(bent);
        insta::assert_snapshot!(bent.outcome().assert_exit(2).stderr_text());
        let no_token = run().without_env("CIRCLE_TOKEN").outcome();
        let told = summary(no_token.assert_exit(4));
        assert_eq!(
            (&told["exit_code"], &told["retry"]),
            (&json!(4), &json!(false))
        );
        assert_eq!(no_token.stdout_text(), "");
    }

    #[test]
    fn a_changed_project_is_refused_and_another_folder_is_not() {
        let (server, _) = server(false);
        let project = project(&server, "");
        plan(&project, "2");
        project.write("queries/groups.yaml", format!("{GROUPS}# changed\n"));
        let outcome = runner(&project, &["run", "--part", "plan.json#0"]);
        insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
        let plan = project.read("plan.json").expect("a plan");
        let elsewhere = Project::new().file("plan.json", plan);
        runner(&elsewhere, &["run", "--part", "plan.json#0"]).assert_exit(0);
    }

    #[test]
    fn twice_is_once_and_several_are_all_of_them() {
        let (server, _) = server(false);
        let project = project(&server, "");
        plan(&project, "3");
        let one = |part: &str| {
            let args = ["run", "--part", part, "--out", "part.ndjson"];
            runner(&project, &args).assert_exit(0);
            project.read("part.ndjson").expect("a file")
        };
        let first = one("plan.json#1");
        assert_eq!(one("plan.json#1"), first);
        let both = runner(
            &project,
            &["run", "--part", "plan.json#2,0", "--out", "both.ndjson"],
        );
        insta::assert_snapshot!(both.assert_exit(0).stderr_text());
        let shard = [
            "run",
            "--part",
            "plan.json",
            "--shard",
            "2/2",
            "--out",
            "one.ndjson",
        ];
        runner(&project, &shard).assert_exit(0);
        let merged = merge(
            &project,
            &["both.ndjson".into(), "one.ndjson".into()],
            &["-o", "csv"],
        );
        let single = runner(&project, &["run", "members", "-o", "csv"]);
        assert_eq!(merged.assert_exit(0).stdout_text(), single.stdout_text());
    }

    #[test]
    fn values_are_of_their_type_or_an_error() {
        let server = LiveServer::start(|request| {
            Response::Answer(match request.target.trim_start_matches("/api/v2") {
                "/groups" => page(0..1, None),
                _ => Answer::status(200).json(
                    &json!({ "items": [{ "name": "a", "age": "old" }], "next_page_token": null }),
                ),
            })
        });
        let project = project(&server, "");
        plan(&project, "1");
        let outcome = runner(
            &project,
            &["run", "--part", "plan.json#0", "--out", "x.ndjson"],
        );
        insta::assert_snapshot!(outcome.snapshot());
        assert_eq!(outcome.exit, 6);
    }

    #[test]
    fn an_expectation_that_a_part_finds_unmet_is_one_of_the_merge() {
        let (server, _) = server(false);
        let project = project(&server, "")
            .query(
                "details",
                "resource: circleci\nvars: { of: {} }\nendpoint: /groups/{{ of }}/members\nrows: $.items[*]\n\
                 expect: [{ that: \"(rows | length) < 3\", message: \"few\" }]\n",
            )
            .query(
                "members",
                "resource: circleci\n\
                 for_each: { group: { query: groups }, detail: { query: details, vars: { of: \"{{ group.id }}\" } } }\n\
                 endpoint: /groups/{{ group.id }}/members\nrows: $.items[*]\n",
            );
        plan(&project, "2");
        let files = run_parts(&project, "plan.json", "part", &[0, 1]);
        let merged = merge(&project, &files, &["-o", "csv"]);
        let single = runner(&project, &["run", "members", "-o", "csv"]);
        let records = merged.assert_exit(1).stdout_text();
        assert_eq!(records, single.assert_exit(1).stdout_text());
        insta::assert_snapshot!(merged.stderr_text());
    }

    #[test]
    fn wrong_parts_are_named() {
        let (server, _) = server(false);
        let project = project(&server, "")
            .file("none.json", "{}")
            .file("cut.json", "{\"plan\": 1");
        let mut plan = plan(&project, "2");
        project.write("later.json", json!({ "plan": 2 }).to_string());
        plan["items"] = json!(99);
        project.write("bent.json", plan.to_string());
        let mut told = String::new();
        for part in [
            "plan.json#2",
            "plan.json#x",
            "plan.json",
            "gone.json#0",
            "none.json#0",
            "cut.json#0",
            "later.json#0",
            "bent.json#0",
        ] {
            let outcome = runner(&project, &["run", "--part", part]);
            told.push_str(&outcome.assert_exit(2).stderr_text());
        }
        for more in [["--out", "part.csv"].as_slice(), &["--demo"]] {
            let args = [&["run", "--part", "plan.json#0"], more].concat();
            told.push_str(&runner(&project, &args).assert_exit(2).stderr_text());
        }
        insta::assert_snapshot!(told);
    }

    /// A server that lists one group and never answers for its members.
    fn hanging() -> (LiveServer, Arc<Asked>) {
        let asked = Arc::new(Asked::default());
        let seen = Arc::clone(&asked);
        let server = LiveServer::start(move |request| {
            seen.add(&request.target);
            match request.target.trim_start_matches("/api/v2") {
                "/groups" => Response::Answer(page(0..8, None)),
                "/groups/g00/members" => Response::Answer(members("01")),
                _ => Response::Hang,
            }
        });
        (server, asked)
    }

    #[cfg(unix)]
    #[test]
    fn a_part_ends_at_once_with_its_reader() {
        let (server, _) = hanging();
        let project = project(&server, "");
        plan(&project, "1");
        let outcome = Run::in_(&project)
            .args(["run", "--part", "plan.json#0", "--error-format", "json"])
            .stdout_closed_after(1)
            .outcome();
        let told = summary(outcome.assert_exit(130));
        assert_eq!(
            (&told["retry"], &told["complete"]),
            (&json!(true), &json!(false))
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_part_ends_with_the_process_that_started_it() {
        let (server, asked) = hanging();
        let project = project(&server, "");
        plan(&project, "1");
        let script = format!(
            "'{}' run --part plan.json#0 --out part.ndjson 2> told & echo $! > pid; wait",
            env!("CARGO_BIN_EXE_runner")
        );
        let mut shell = std::process::Command::new("sh")
            .args(["-c", &script])
            .current_dir(project.path())
            .env("CIRCLE_TOKEN", "a-token-of-a-test")
            .spawn()
            .expect("a shell");
        let deadline = Instant::now() + Duration::from_secs(20);
        while asked.count("/api/v2/groups/g01/members") == 0 {
            assert!(Instant::now() < deadline, "it does not start");
            std::thread::yield_now();
        }
        shell.kill().expect("a child of this process");
        shell.wait().expect("a child of this process");
        let pid = project.read("pid").expect("a number");
        let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
        while process.exists() {
            assert!(Instant::now() < deadline, "it goes on without its parent");
            std::thread::yield_now();
        }
        assert_eq!(project.read("part.ndjson"), None);
    }

    #[cfg(unix)]
    #[test]
    fn an_interrupted_part_leaves_no_file() {
        let (server, _) = hanging();
        let project = project(&server, "");
        plan(&project, "1");
        let args = [
            "run",
            "--part",
            "plan.json#0",
            "--out",
            "part.ndjson",
            "--error-format",
            "json",
        ];
        let outcome = Run::in_(&project)
            .args(args)
            .args(["--timeout", "300ms"])
            .outcome();
        let told = summary(outcome.assert_exit(5));
        assert_eq!(told["retry"], json!(true));
        assert_eq!(project.read("part.ndjson"), None);
    }
}

mod merges {
    use super::*;

    #[test]
    fn what_is_missing_is_told_by_number() {
        let (server, _) = server(false);
        let project = project(&server, "");
        plan(&project, "4");
        let files = run_parts(&project, "plan.json", "part", &[0]);
        let text = project.read("part-1.ndjson").expect("a file");
        project.write("cut.ndjson", &text[..text.len() - 20]);
        project.write("again.ndjson", &text);
        let foreign = text.replace("\"plan\":\"", "\"plan\":\"0000");
        project.write("foreign.ndjson", foreign);
        let others = [
            "part-0.ndjson",
            "part-1.ndjson",
            "cut.ndjson",
            "again.ndjson",
            "foreign.ndjson",
            "gone.ndjson",
        ];
        let others = others.map(str::to_owned);
        let outcome = merge(&project, &others, &["-o", "csv"]);
        let told = outcome.assert_exit(6).stderr_text();
        let id = document(&project, "plan.json")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let foreign = format!("0000{}", &id[..4]);
        insta::assert_snapshot!(told.replace(&foreign, "[FOREIGN]"));
        merge(&project, &files, &["-o", "csv"]).assert_exit(0);
    }

    #[test]
    fn a_merge_replaces_nothing_that_it_reads_and_no_result_by_nothing() {
        let (server, _) = server(false);
        let project = project(&server, "");
        plan(&project, "2");
        let files = run_parts(&project, "plan.json", "part", &[0]);
        project.write("all.csv", "yesterday");
        merge(&project, &["gone.ndjson".into()], &["--out", "all.csv"]).assert_exit(6);
        assert_eq!(project.read("all.csv").as_deref(), Some("yesterday"));
        let mut told = String::new();
        for out in ["part-0.ndjson", "plan.json"] {
            let outcome = merge(&project, &files, &["--out", out]);
            told.push_str(&outcome.assert_exit(2).stderr_text());
        }
        let args = ["run", "--part", "plan.json#0", "--out", "plan.json"];
        told.push_str(&runner(&project, &args).assert_exit(2).stderr_text());
        insta::assert_snapshot!(told);
        merge(&project, &files, &["--out", "all.csv"]).assert_exit(0);
    }

    #[test]
    fn a_record_may_look_like_facts() {
        let server = LiveServer::start(|request| {
            Response::Answer(match request.target.trim_start_matches("/api/v2") {
                "/groups" => page(0..3, None),
                _ => Answer::status(200).json(
                    &json!({ "items": [{ "$part": { "plan": "x" } }], "next_page_token": null }),
                ),
            })
        });
        let project = project(&server, "").query(
            "members",
            "resource: circleci\nfor_each: { group: { query: groups } }\n\
             endpoint: /groups/{{ group.id }}\nrows: $.items[*]\n",
        );
        plan(&project, "2");
        let files = run_parts(&project, "plan.json", "part", &[0]);
        let merged = merge(&project, &files, &["-o", "ndjson"]);
        let single = runner(&project, &["run", "members", "-o", "ndjson"]);
        assert_eq!(merged.assert_exit(0).stdout_text(), single.stdout_text());
    }

    #[test]
    fn a_damaged_file_is_not_merged() {
        let (server, _) = server(false);
        let project = project(&server, "");
        plan(&project, "1");
        run_parts(&project, "plan.json", "part", &[0]);
        let text = project.read("part-0.ndjson").expect("a file");
        let lines: Vec<&str> = text.lines().collect();
        let (records, facts) = lines.split_at(lines.len() - 1);
        let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
        let mut told = String::new();
        for lines in [
            [&records[1..], facts].concat(),
            [records, &records[..1], facts].concat(),
            [&records[..2], &["{\"a\":"], &records[3..], facts].concat(),
            [&records[..2], facts, &records[3..], facts].concat(),
        ] {
            project.write("bad.ndjson", joined(&lines));
            let outcome = merge(&project, &["bad.ndjson".into()], &["--out", "all.csv"]);
            told.push_str(&outcome.assert_exit(6).stderr_text());
            assert_eq!(project.read("all.csv"), None);
            let args = ["plan", "--from-failures", "plan.json", "bad.ndjson"];
            runner(&project, &args).assert_exit(2);
        }
        insta::assert_snapshot!(told);
    }

    #[test]
    fn of_two_files_of_a_part_the_complete_one_counts() {
        let (server, _) = server(true);
        let project = project(&server, "");
        plan(&project, "1");
        for (out, exit) in [("first.ndjson", 6), ("second.ndjson", 0)] {
            let args = ["run", "--part", "plan.json#0", "--out", out];
            runner(&project, &args).assert_exit(exit);
        }
        let single = runner(&project, &["run", "members", "-o", "csv"]).stdout_text();
        for files in [
            ["first.ndjson", "second.ndjson"],
            ["second.ndjson", "first.ndjson"],
        ] {
            let merged = merge(&project, &files.map(str::to_owned), &["-o", "csv"]);
            // That there are two is told.
            let told = merged.assert_exit(6).stderr_text();
            assert!(told.contains("doubled: 0"), "{told}");
            assert_eq!(merged.stdout_text(), single);
        }
    }

    #[test]
    fn order_limit_duplicates_and_expectations_are_of_all_records() {
        for more in [
            "sort: -name\nlimit: 5\n",
            "sort: age * -1\n",
            "unique: age\n",
            "unique: age\nlimit: 2\n",
            "sort: age\nunique: age\nexpect:\n  - \"(rows | length) == 99\"\n",
            "expect: [{ that: \"(rows | length) == 18\", message: \"not all\" }]\n",
        ] {
            let (server, _) = server(false);
            let project = project(&server, more);
            plan(&project, "3");
            let files = run_parts(&project, "plan.json", "part", &[0]);
            let merged = merge(&project, &files, &["-o", "csv"]);
            let single = runner(&project, &["run", "members", "-o", "csv"]);
            assert_eq!(merged.stdout_text(), single.stdout_text(), "{more}");
            assert_eq!(merged.exit, single.exit, "{more}: {}", merged.snapshot());
        }
    }

    #[test]
    fn a_report_is_made_from_all_records_its_data_and_its_failures() {
        let server = LiveServer::start(|request| {
            Response::Answer(match request.target.trim_start_matches("/api/v2") {
                "/groups" => page(0..12, None),
                "/groups/g03/members" => Answer::status(404).json(&json!({ "message": "gone" })),
                path => members(&path["/groups/g".len()..][..2]),
            })
        });
        let project = project(
            &server,
            "data: { all: { query: groups } }\nreport: { template_file: members.md }\n",
        )
        .file(
            "queries/members.md",
            "{{ rows | length }} members of {{ data.all | length }} groups since {{ run.started }}\n\
             {% for failure in run.failures %}{{ failure.item.group.id }}: {{ failure.code }}\n{% endfor %}\
             {% if run.partial %}incomplete{% endif %}\n",
        );
        let args = [
            "plan",
            "members",
            "--parts",
            "3",
            "--out",
            "plan.json",
            "--now",
            "2026-01-01",
        ];
        runner(&project, &args).assert_exit(0);
        let files = run_parts(&project, "plan.json", "part", &[0, 6]);
        let merged = merge(&project, &files, &["--out", "merged.md"]);
        merged.assert_exit(6);
        let single = [
            "run",
            "members",
            "--now",
            "2026-01-01",
            "--out",
            "single.md",
        ];
        runner(&project, &single).assert_exit(6);
        let merged = project.read("merged.md").expect("a report");
        assert_eq!(merged, project.read("single.md").expect("a report"));
        insta::assert_snapshot!(merged);
    }

    #[test]
    fn failed_items_alone_are_planned_again() {
        let (server, asked) = server(true);
        let project = project(&server, "");
        plan(&project, "4");
        let files = run_parts(&project, "plan.json", "part", &[0, 6]);
        let partial = merge(&project, &files, &["-o", "csv"]);
        insta::assert_snapshot!(partial.assert_exit(6).snapshot());
        let before = asked.total();
        let mut args = vec![
            "plan",
            "--from-failures",
            "plan.json",
            "--out",
            "again.json",
        ];
        args.extend(files.iter().map(String::as_str));
        let again = runner(&project, &args);
        insta::assert_snapshot!(again.assert_exit(0).stderr_text());
        let more = run_parts(&project, "again.json", "again", &[0]);
        assert_eq!(asked.total(), before + 1);
        assert_eq!(asked.count("/api/v2/groups/g07/members"), 2);
        // In any order.
        for files in [
            [&files[..], &more[..]].concat(),
            [&more[..], &files[..]].concat(),
        ] {
            let merged = merge(&project, &files, &["-o", "csv"]);
            let single = runner(&project, &["run", "members", "-o", "csv"]);
            assert_eq!(merged.assert_exit(0).stdout_text(), single.stdout_text());
        }
        // What no file has is planned, too.
        let args = [
            "plan",
            "--from-failures",
            "plan.json",
            &files[0],
            "--out",
            "rest.json",
        ];
        runner(&project, &args).assert_exit(0);
        assert_eq!(document(&project, "rest.json")["items"], json!(10));
    }
}

mod shards {
    use super::*;

    #[test]
    fn shards_are_disjoint_and_all_of_it() {
        let (server, asked) = server(false);
        let project = project(&server, "");
        let whole = runner(&project, &["run", "members", "-o", "ndjson"]).stdout_text();
        let before = asked.total();
        let mut all: Vec<String> = Vec::new();
        for number in 1..=3 {
            let shard = format!("{number}/3");
            let args = ["run", "members", "--shard", &shard, "-o", "ndjson"];
            let own = runner(&project, &args).assert_exit(0).stdout_text();
            assert!(!own.is_empty(), "{shard} has none");
            all.extend(own.lines().map(str::to_owned));
        }
        let mut lines: Vec<&str> = whole.lines().collect();
        lines.sort_unstable();
        all.sort_unstable();
        assert_eq!(all, lines);
        // Each reads the listing, and no item twice.
        assert_eq!(asked.total() - before, 3 * 2 + 12);
    }

    #[test]
    fn the_numbers_come_from_the_scheduler() {
        let (server, _) = server(false);
        let project = project(&server, "");
        let of = |args: &[&str], env: &[(&str, &str)]| {
            let run = Run::in_(&project)
                .args(["run", "members", "-o", "ndjson"])
                .args(args);
            let run = env
                .iter()
                .fold(run, |run, (name, value)| run.env(name, value));
            run.outcome()
        };
        let second = of(&["--shard", "2/3"], &[]).stdout_text();
        for env in [
            [("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "3")],
            [("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")],
            [
                ("BUILDKITE_PARALLEL_JOB", "1"),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "3"),
            ],
            [("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETIONS", "3")],
            [
                ("SLURM_ARRAY_TASK_ID", "1"),
                ("SLURM_ARRAY_TASK_COUNT", "3"),
            ],
        ] {
            let outcome = of(&["--shard", "auto"], &env);
            assert_eq!(outcome.assert_exit(0).stdout_text(), second, "{env:?}");
        }
        let from_one = [
            ("SLURM_ARRAY_TASK_ID", "2"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ];
        assert_eq!(of(&["--shard", "auto"], &from_one).stdout_text(), second);
        let mut told = String::new();
        for env in [
            &[][..],
            &[("JOB_COMPLETION_INDEX", "1")],
            &[("CIRCLE_NODE_INDEX", "3"), ("CIRCLE_NODE_TOTAL", "3")],
            &[("CI_NODE_INDEX", "one"), ("CI_NODE_TOTAL", "3")],
            &[
                ("CIRCLE_NODE_INDEX", "0"),
                ("CIRCLE_NODE_TOTAL", "1"),
                ("SLURM_ARRAY_TASK_ID", "2"),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
            ],
        ] {
            let outcome = of(&["--shard", "auto"], env);
            told.push_str(&outcome.assert_exit(2).stderr_text());
        }
        insta::assert_snapshot!(told);
    }

    /// Processes that see an item with another value would put it in another share.
    #[test]
    fn items_without_a_key_are_not_shared() {
        let (server, _) = server(false);
        let groups = format!("{GROUPS}extract: {{ group: $.id, rank: $.rank }}\n");
        let members = MEMBERS.replace("group.id", "group.group");
        let project = project(&server, "")
            .query("groups", &groups)
            .query("members", &members);
        let outcome = runner(&project, &["run", "members", "--shard", "1/2"]);
        insta::assert_snapshot!(outcome.assert_exit(2).stderr_text());
    }

    #[test]
    fn what_a_share_would_get_wrong_is_refused_or_noted() {
        let (server, asked) = server(false);
        let project = project(&server, "")
            .query("few", &format!("{MEMBERS}limit: 3\n"))
            .query("once", &format!("{MEMBERS}unique: age\n"))
            .query(
                "writes",
                "resource: circleci\nfor_each: { group: { query: groups } }\nmethod: POST\nendpoint: /x\n",
            );
        let mut told = String::new();
        for (args, exit) in [
            (&["run", "few", "--shard", "1/2"][..], 2),
            (&["run", "groups", "--shard", "1/2"], 2),
            (&["run", "writes", "--shard", "1/2", "--yes"], 7),
            (&["run", "members", "--shard", "3/2"], 2),
            (&["run", "members", "--shard", "1/2", "--limit", "3"], 2),
        ] {
            told.push_str(&runner(&project, args).assert_exit(exit).stderr_text());
        }
        assert_eq!(asked.total(), 0);
        let outcome = runner(&project, &["run", "once", "--shard", "1/2", "-o", "csv"]);
        told.push_str(&outcome.assert_exit(0).stderr_text());
        insta::assert_snapshot!(told);
    }
}
