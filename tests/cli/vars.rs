//! Inputs: typed, from files, from the environment and from git.

use std::process::Command;

use serde_json::{Value, json};

use crate::case::{Case, transcript};
use crate::support::{Exchange, Outcome, Project, Run, Server};

/// Sends every var of the query in a JSON body, so that its type is seen.
fn echo(vars: &str, names: &[&str]) -> Case {
    let members: Vec<String> = names
        .iter()
        .map(|name| format!("{name}: \"{{{{ {name} }}}}\""))
        .collect();
    let body = members.join(", ");
    Case::query(&format!(
        "vars:\n{vars}\nmethod: POST\nendpoint: /x\nbody: {{ json: {{ {body} }} }}"
    ))
    .args(["--yes"])
}

/// Returns the body received by the server.
fn sent(case: Case) -> Value {
    let seen = case.asks(vec![Exchange::post("/api/v2/x")]);
    seen.outcome.assert_exit(0);
    seen.request().json()
}

/// The errors of several calls of one query, of which none sends anything.
fn refusals(vars: &str, calls: &[&[&str]]) -> String {
    let refused = |args: &&[&str]| {
        let outcome = echo(vars, &[]).args(args.iter().copied()).asks_nothing();
        outcome.assert_exit(2);
        outcome
    };
    transcript(&calls.iter().map(refused).collect::<Vec<_>>())
}

/// A number as the test reads it back.
fn as_written(number: &str) -> serde_json::Value {
    serde_json::from_str(number).expect("a number")
}

#[test]
fn a_value_becomes_what_its_type_says() {
    let case = echo(
        "  text: {}
  int: { type: int }
  number: { type: number }
  bool: { type: bool }
  list: { type: list }
  items: { type: list }
  time: { type: time }
  duration: { type: duration }
  json: { type: json }
  choice: { enum: [main, dev] }
  pattern: { pattern: '[a-z]+' }
  short: 7",
        &[
            "text", "int", "number", "bool", "list", "items", "time", "duration", "json", "choice",
            "pattern", "short",
        ],
    )
    .args([
        "text=007 = 7",
        "int=-9223372036854775808",
        "number=2.5e3",
        "bool=true",
        "list=a, b",
        r#"items=["a,b", 1]"#,
        "time=2026-01-02T03:04:05+01:00",
        "duration=1h30m",
        r#"json={"a": [null]}"#,
        "choice=dev",
        "pattern=abc",
        "short=8",
    ]);
    assert_eq!(
        sent(case),
        json!({
            "text": "007 = 7", "int": i64::MIN, "number": as_written("2.5e3"), "bool": true,
            "list": ["a", "b"], "items": ["a,b", 1], "time": "2026-01-02T02:04:05Z",
            "duration": 5400, "json": {"a": [null]}, "choice": "dev", "pattern": "abc", "short": 8,
        })
    );
}

#[test]
fn json_on_the_command_line_is_taken_as_it_is() {
    let case = echo(
        "  list: { type: list }\n  text: {}\n  any: { type: json }\n  nothing: { default: x }",
        &["list", "text", "any", "nothing"],
    )
    .args([
        r#"list:=["@a", {"b": 1}]"#,
        r#"text:="@not-a-file""#,
        "any:=18446744073709551615",
        "nothing:=null",
    ]);
    assert_eq!(
        sent(case),
        json!({"list": ["@a", {"b": 1}], "text": "@not-a-file", "any": u64::MAX, "nothing": null})
    );
}

#[test]
fn a_value_may_come_from_a_file() {
    let case = echo("  note: {}\n  any: { type: json }", &["note", "any"])
        .file("notes/note.txt", "first line\nsecond ü line\n")
        .file("any.json", "{\"a\": [1, 2]}\n")
        .args(["note=@notes/note.txt", "any:=@any.json"]);
    assert_eq!(
        sent(case),
        json!({"note": "first line\nsecond ü line", "any": {"a": [1, 2]}})
    );
}

#[test]
fn a_value_may_come_from_standard_input() {
    let case = echo("  note: {}", &["note"])
        .args(["note=@-"])
        .with(|run| run.stdin("piped\n"));
    assert_eq!(sent(case), json!({"note": "piped"}));
}

#[test]
fn standard_input_is_not_read_unasked() {
    let case = echo("  note: { default: x }", &["note"])
        .with(|run| run.env("CI", "true").stdin_left_open());
    assert_eq!(sent(case), json!({"note": "x"}));
}

#[test]
fn files_of_vars_are_read_in_order_and_the_command_line_wins() {
    let case = echo(
        "  a: {}\n  b: {}\n  c: {}\n  n: { type: int }\n  list: { type: list }",
        &["a", "b", "c", "n", "list"],
    )
    .file("one.yaml", "a: one\nb: one\nc: one\nn: 1\nlist: [x, 2]\n")
    .file(
        "two.yaml",
        "# comments are read over\nb: two\nc: two\nlist: p,q\n",
    )
    .args([
        "c=typed", "--vars", "one.yaml", "--vars", "two.yaml", "--var", "n=2",
    ]);
    assert_eq!(
        sent(case),
        json!({"a": "one", "b": "two", "c": "typed", "n": 2, "list": ["p", "q"]})
    );
}

#[test]
fn of_two_values_the_last_counts() {
    let case = echo("  a: {}", &["a"]).args(["a=1", "a=2"]);
    assert_eq!(sent(case), json!({"a": "2"}));
    for (words, last) in [
        (&["--var", "a=1", "a=2"][..], "2"),
        (&["a=1", "--var", "a=2"], "2"),
        (&["--var=a=1", "--var", "a=2", "a=3"], "3"),
        (&["--var", "a=1", "a=2", "--var", "a=3"], "3"),
    ] {
        let case = echo("  a: {}", &["a"]).args(words.iter().copied());
        assert_eq!(sent(case), json!({"a": last}), "{words:?}");
    }
}

#[test]
fn what_does_not_suit_its_type_is_reported_before_anything_is_sent() {
    let vars = "  int: { type: int, default: 1, example: 25 }
  number: { type: number, default: 1 }
  bool: { type: bool, default: true }
  time: { type: time, default: 7d }
  duration: { type: duration, default: 1s }
  json: { type: json, default: {} }
  list: { type: list, default: [] }
  choice: { enum: [main, develop], default: main }
  pattern: { pattern: 'v\\d+', default: v1 }
  needed: { required: true, default: null, description: What is needed }";
    insta::assert_snapshot!(refusals(
        vars,
        &[
            &["needed=1", "int=1.5"],
            &["needed=1", "int=1e3"],
            &["needed=1", "number=much"],
            &["needed=1", "bool=yes"],
            &["needed=1", "time=someday", "duration=30"],
            &["needed=1", "json={a}"],
            &["needed=1", "json:={a}"],
            &["needed=1", "list=[a"],
            &["needed=1", "list:=1"],
            &["needed=1", "choice=devlop"],
            &["needed=1", "pattern=v1b"],
            &["needed:=null"],
            &["int=x", "bool=x", "unknown=1"],
        ]
    ));
}

#[test]
fn a_missing_var_is_reported_with_an_example() {
    insta::assert_snapshot!(refusals(
        "  workflow_id: { description: Id of the workflow, example: 5034460f-c7c4 }
  branch: { default: main }
  n: { type: int, description: How many }",
        &[&[], &["n=1"]]
    ));
}

#[test]
fn an_unknown_var_is_reported_with_the_nearest() {
    insta::assert_snapshot!(refusals(
        "  workflow_id: x\n  branch: main",
        &[&["workflowid=1"], &["zzz=1"]]
    ));
}

#[test]
fn a_word_that_is_neither_query_nor_value_is_reported() {
    insta::assert_snapshot!(refusals(
        "  a: x",
        &[
            &["b"],
            &["a=@none.txt"],
            &["--var", "a"],
            &["--vars", "none.yaml"]
        ]
    ));
}

#[test]
fn a_file_of_vars_is_checked_like_any_other() {
    let mut seen = Vec::new();
    for content in ["a: [\n", "- a\n", "a: 1\na: 2\n", "b: 1\n", ""] {
        let outcome = echo("  a: x", &["a"])
            .file("vars.yaml", content)
            .args(["--vars", "vars.yaml", "--dry-run"])
            .asks_nothing();
        seen.push(outcome.snapshot());
    }
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn a_default_stands_on_earlier_vars_and_the_environment() {
    let vars = "  org: acme
  repo: { default: \"{{ env.REPO | default('web') }}\" }
  slug: { default: \"gh/{{ org }}/{{ repo }}\" }
  n: { type: int, default: \"{{ env.N | default('3') }}\" }";
    let names = ["slug", "n"];
    assert_eq!(
        sent(echo(vars, &names)),
        json!({"slug": "gh/acme/web", "n": 3})
    );
    let case = echo(vars, &names)
        .args(["org=other"])
        .with(|run| run.env("REPO", "api").env("N", "4"));
    assert_eq!(sent(case), json!({"slug": "gh/other/api", "n": 4}));
    let outcome = echo(vars, &names)
        .with(|run| run.env("N", "many"))
        .asks_nothing();
    insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
}

#[test]
fn an_unset_variable_of_the_environment_is_reported() {
    let outcome = echo("  a: { default: \"{{ env.REPO }}\" }", &["a"]).asks_nothing();
    insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
}

#[test]
fn a_secret_var_is_sent_and_never_shown() {
    let vars = "  key: { secret: true, description: The key, pattern: '[a-z-]+', example: abc }";
    let case = || echo(vars, &["key"]).with(|run| run.secret("open-sesame"));
    let seen = case().args(["key=open-sesame", "-vv"]).asks(vec![
        Exchange::post("/api/v2/x").answers(json!({"you said": "open-sesame!"})),
    ]);
    assert_eq!(seen.request().json(), json!({"key": "open-sesame"}));
    assert_eq!(seen.outcome.stdout_json(), json!({"you said": "***!"}));
    let dry = case().args(["key=open-sesame", "--dry-run"]).asks_nothing();
    let wrong = case().args(["key=open-sesame1"]).asks_nothing();
    let missing = case().asks_nothing();
    // What is typed stands in the title; the support has looked through everything that came out.
    insta::assert_snapshot!(transcript(&[dry, wrong, missing]).replace("open-sesame", "[SECRET]"));
}

#[test]
fn a_secret_var_that_a_template_sets_anew_is_not_shown() {
    let outcome = Case::query(
        "endpoint: /x
method: POST
vars: { key: { secret: true } }
body: { text: \"{% set key = key | upper %}{{ key }}\" }",
    )
    .args(["key=open-sesame", "--dry-run"])
    .asks_nothing();
    let text = outcome.assert_exit(0).stdout_text();
    assert!(text.contains("***") && !text.contains("OPEN"), "{text}");
}

/// A query that sends all facts of git.
const GIT: &str = "endpoint: /x
params: { branch: \"{{ git.branch }}\", sha: \"{{ git.sha }}\", slug: \"{{ git.project_slug }}\" }";

#[test]
fn git_gives_branch_commit_and_slug() {
    for (remote, slug) in [
        ("git@github.com:acme/web.git", "gh%2Facme%2Fweb"),
        ("https://user@bitbucket.org/acme/web", "bb%2Facme%2Fweb"),
    ] {
        let repository = Repository::new(&Case::query(GIT));
        let sha = repository.git("rev-parse HEAD");
        repository.git(&format!("remote add origin {remote}"));
        let target = format!("/api/v2/x?branch=feature%2Fa%26b&sha={sha}&slug={slug}");
        repository.run(vec![Exchange::get(&target)]).assert_exit(0);
    }
}

#[test]
fn what_git_does_not_know_is_reported() {
    let mut seen = vec![Case::query(GIT).asks_nothing().assert_exit(2).snapshot()];
    let slug = "endpoint: /x\nparams: { slug: \"{{ git.project_slug }}\" }";
    let repository = Repository::new(&Case::query(slug));
    repository.git("remote add origin https://git.example.com/acme/web.git");
    seen.push(repository.run(vec![]).assert_exit(2).snapshot());
    let branch = "endpoint: /x\nparams: { branch: \"{{ git.branch }}\" }";
    let repository = Repository::new(&Case::query(branch));
    repository.git("checkout --quiet --detach");
    seen.push(repository.run(vec![]).assert_exit(2).snapshot());
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn git_does_not_run_where_the_value_is_given() {
    Case::query("vars: { slug: { default: \"{{ git.project_slug }}\" } }\nendpoint: /{{ slug }}")
        .args(["slug=gh/a/b"])
        .with(|run| run.env("PATH", "/nowhere"))
        .asks(vec![Exchange::get("/api/v2/gh%2Fa%2Fb")])
        .outcome
        .assert_exit(0);
}

#[test]
fn several_queries_share_the_values() {
    let server = Server::start(vec![
        Exchange::get("/api/v2/one/1").answers(json!({"n": 1})),
        Exchange::get("/api/v2/two/1/2").answers(json!({"n": 2})),
    ]);
    let project = Project::new()
        .circleci(&server)
        .query(
            "one",
            "resource: circleci\nvars: { a: {} }\nendpoint: /one/{{ a }}\n",
        )
        .query(
            "two",
            "resource: circleci\nvars: { a: {}, b: {} }\nendpoint: /two/{{ a }}/{{ b }}\n",
        );
    let run = |args: &[&str]| {
        Run::in_(&project)
            .args(["run", "one", "two"])
            .args(args)
            .outcome()
    };
    let both = run(&["a=1", "b=2", "-o", "ndjson"]);
    assert_eq!(both.stdout_text(), "{\"n\":1}\n{\"n\":2}\n");
    let unknown = run(&["a=1", "b=2", "c=3"]);
    let missing = run(&["a=1"]);
    for outcome in [&unknown, &missing] {
        outcome.assert_exit(2);
    }
    insta::assert_snapshot!(transcript([&unknown, &missing]));
    server.finish();
}

/// A project that is a git repository with one commit on the branch `feature/a&b`.
struct Repository(Project);

impl Repository {
    fn new(case: &Case) -> Self {
        let repository = Self(case.project_at("URL"));
        repository.git("init --quiet");
        repository.git("checkout --quiet -b feature/a&b");
        repository.git("-c user.name=x -c user.email=x@y commit --quiet --allow-empty -m x");
        repository
    }

    /// Runs git and returns its output.
    fn git(&self, words: &str) -> String {
        let output = Command::new("git")
            .args(words.split(' '))
            .current_dir(self.0.path())
            .env("HOME", self.0.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {words}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn run(&self, exchanges: Vec<Exchange>) -> Outcome {
        let server = Server::start(exchanges);
        let resource = self
            .0
            .read("resources/circleci.yaml")
            .expect("the project's");
        let resource = resource.replace("URL", &server.url());
        self.0.write("resources/circleci.yaml", resource);
        let outcome = Run::in_(&self.0).args(["run", "q"]).outcome();
        server.finish();
        outcome
    }
}
