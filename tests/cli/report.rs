//! Documents: contents, inputs, and output files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::{Case, transcript};
use crate::data::{JOBS, RAW, items, over_jobs};
use crate::support::{CANARY, Exchange, Fault, Outcome, Run, Server};

/// A report over these jobs.
fn of_jobs(report: &str) -> Case {
    over_jobs(&format!("report: {report}"))
}

fn hostile() -> Value {
    json!([{"name": "<script>alert('x')</script> & \"q\" a_b*c | `d`", "seconds": null}])
}

fn rendered(report: &str, jobs: Value, files: &[(&str, &str)]) -> Outcome {
    let case = of_jobs(report);
    let case = files
        .iter()
        .fold(case, |case, (path, text)| case.file(path, text));
    case.asks(vec![items("/jobs", jobs)]).outcome
}

mod documents {
    use super::*;

    const LINES: &str = "{% for job in data.jobs %}
{{ job.name }}|{{ job.seconds }}|{{ job.name | length }}
{% endfor %}
";

    #[test]
    fn html_is_escaped_and_other_text_is_as_it_is() {
        let inline = rendered(
            "{ template: \"{% for job in data.jobs %}{{ job.name }}|{{ job.seconds }}|{% endfor %}\" }",
            hostile(),
            &[],
        );
        let text = "<script>alert('x')</script> & \"q\" a_b*c | `d`";
        assert_eq!(inline.assert_exit(0).stdout_text(), format!("{text}||\n"));
        for file in ["r.md", "r.txt", "r.md.jinja", "r.markdown.j2"] {
            let outcome = rendered(
                &format!("{{ template_file: {file} }}"),
                hostile(),
                &[(&format!("queries/{file}"), LINES)],
            );
            assert_eq!(
                outcome.assert_exit(0).stdout_text(),
                format!("{text}||45\n"),
                "{file}"
            );
        }
        for file in ["r.html", "r.htm", "r.html.jinja"] {
            let outcome = rendered(
                &format!("{{ template_file: {file} }}"),
                hostile(),
                &[(&format!("queries/{file}"), LINES)],
            );
            let page = outcome.assert_exit(0).stdout_text();
            assert!(
                !page.contains(['<', '>', '"', '\'']) && page.contains("&lt;script&gt;"),
                "{page}"
            );
        }
    }

    #[test]
    fn html_is_escaped_through_every_way_that_a_text_takes() {
        let outcome = rendered(
            "{ template_file: r.html }",
            hostile(),
            &[
                (
                    "queries/r.html",
                    "{% extends \"base.html\" %}
{% from \"macros.html\" import show %}
{% block body %}
{% include \"part.txt\" %}
{{ show(data.jobs[0].name) }}
{% set name = data.jobs[0].name %}{{ name }}
{{ data.jobs[0].name | upper }}
{{ [data.jobs[0].name, \"<b>\"] | join(\"<i>\") }}
{{ data.jobs[0] | tojson }}
{{ data.jobs[0].name ~ \"<u>\" }}
{% filter upper %}{{ data.jobs[0].name }}{% endfilter %}
<a title=\"{{ data.jobs[0].name }}\">
{% endblock %}",
                ),
                ("queries/base.html", "<p>{% block body %}{% endblock %}</p>"),
                (
                    "queries/macros.html",
                    "{% macro show(x) %}[{{ x }}]{% endmacro %}",
                ),
                ("queries/part.txt", "{{ data.jobs[0].name }}"),
            ],
        );
        let page = outcome.assert_exit(0).stdout_text();
        let lower = page.to_lowercase();
        assert!(
            !lower.contains("<script") && !lower.contains("<u>") && !lower.contains("<i>"),
            "{page}"
        );
        insta::assert_snapshot!(outcome.snapshot());
    }

    #[test]
    fn null_prints_nothing_and_a_name_that_is_none_is_reported() {
        let null = rendered(
            "{ template: \"[{{ data.jobs[0].seconds }}{{ none }}{{ previous.jobs }}]\" }",
            json!([{"name": "a", "seconds": null}]),
            &[],
        );
        assert_eq!(null.assert_exit(0).stdout_text(), "[]\n");
        let column = rendered(
            "\n  template: |\n    # Jobs\n    {% for job in data.jobs %}\n    {{ job.name }} {{ job.secs }}\n    {% endfor %}",
            json!([{"name": "a", "seconds": null}]),
            &[],
        );
        let file = rendered(
            "{ template_file: r.md }",
            json!([{"name": "a", "seconds": null}]),
            &[
                ("queries/r.md", "# x\n{% include \"part.md\" %}"),
                ("queries/part.md", "one\ntwo {{ data.jobs[0].secs }}\n"),
            ],
        );
        let value = rendered(
            "{ template_file: r.md }",
            json!([{"name": "a", "seconds": null}]),
            &[("queries/r.md", "# x\n\n{{ data.jobs[0].name | median }}\n")],
        );
        let local = rendered(
            "{ template_file: r.md }",
            json!([]),
            &[
                ("queries/r.md", "{% include \"part.md\" %}"),
                ("queries/part.md", "{{ nobody }}\n"),
            ],
        );
        let outcomes = [column, file, value, local];
        for outcome in &outcomes {
            assert_eq!(outcome.assert_exit(2).stdout_text(), "");
        }
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn a_document_knows_its_run_and_its_vars() {
        let outcome = over_jobs(
            "description: What was slow
vars: { branch: main, token: { secret: true } }
report: { template: \"{{ query.name }}/{{ query.description }}/{{ run.started }}/{{ run.requests }}/{{ run.failures | length }}/{{ run.partial }}/{{ vars.branch }}/{{ branch }}/{{ vars.token }}/{{ rows | length }}/{{ now() }}\" }",
        )
        .args(["--now", "2026-01-02T03:04:05Z", "token=hunter2-and-more"])
        .with(|run| run.secret("hunter2-and-more"))
        .asks(vec![items("/jobs", json!([]))])
        .outcome;
        assert_eq!(
            outcome.assert_exit(0).stdout_text(),
            "q/What was slow/2026-01-02T03:04:05Z/1/0/false/main/main/***/0/2026-01-02T03:04:05Z\n"
        );
    }

    #[test]
    fn the_document_of_another_query_is_text() {
        let outcome = Case::query(
            "data: { inner: { query: inner }, jobs: { query: jobs } }
report: { template: \"<<{{ data.inner }}>> {{ data.inner | length }} {{ data.jobs | length }}\" }",
        )
        .file("queries/jobs.yaml", JOBS)
        .file(
            "queries/inner.yaml",
            "data: { jobs: { query: jobs } }\nreport: { template: \"{{ data.jobs | length }} jobs\" }",
        )
        .asks(vec![items("/jobs", json!([{"name": "a"}]))])
        .outcome;
        assert_eq!(outcome.assert_exit(0).stdout_text(), "<<1 jobs\n>> 7 1\n");
    }

    #[test]
    fn many_records_take_little_time() {
        let records: Vec<Value> = (0..20_000)
            .map(|n| json!({"name": format!("job-{n}"), "seconds": n}))
            .collect();
        let start = Instant::now();
        let outcome = over_jobs(
            "report:
  template: |
    {% for job in data.jobs %}
    - {{ job.name }} {{ job.seconds | duration }}
    {% endfor %}
    {{ data.jobs | map(attribute=\"seconds\") | sum }} {{ data.jobs | length }}",
        )
        .asks(vec![items("/jobs", Value::from(records))])
        .outcome;
        let text = outcome.assert_exit(0).stdout_text();
        assert_eq!(text.lines().count(), 20_001);
        assert!(text.ends_with("199990000 20000\n"));
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
    }
}

mod limits {
    use super::*;

    #[test]
    fn a_name_that_is_made_up_reads_nothing_outside() {
        let outside = |name: &str| {
            let server = Server::start(vec![]);
            let case = Case::query("vars: { file: {} }\nreport: { template_file: r.md }")
                .file("queries/r.md", "<{% include vars.file %}>")
                .file("queries/good.md", "good")
                .file("parts/good.md", "other");
            let project = case.project_at(&server.url());
            fs::write(project.home().join("secret.md"), "OUTSIDE").unwrap();
            std::os::unix::fs::symlink(
                project.home().join("secret.md"),
                project.path().join("queries/link.md"),
            )
            .unwrap();
            std::os::unix::fs::symlink("/", project.path().join("root")).unwrap();
            let name = name.replace("HOME", &project.home().to_string_lossy());
            let arg = format!("file={name}");
            let outcome = Run::in_(&project).args(["run", "q", &arg]).outcome();
            server.finish();
            outcome
        };
        assert_eq!(outside("good.md").assert_exit(0).stdout_text(), "<good>\n");
        assert_eq!(
            outside("parts/good.md").assert_exit(0).stdout_text(),
            "<other>\n"
        );
        let mut outcomes = Vec::new();
        for name in [
            "../../home/secret.md",
            "../../../../../../../../etc/passwd",
            "/etc/passwd",
            "HOME/secret.md",
            "link.md",
            "root/etc/passwd",
            "/dev/zero",
            "..",
            "",
            "nope.md",
            "good.md\u{7}",
        ] {
            let outcome = outside(name);
            assert_eq!(outcome.assert_exit(2).stdout_text(), "", "{name}");
            let stderr = outcome.stderr_text();
            assert!(
                !stderr.contains("OUTSIDE") && !stderr.contains("root:"),
                "{stderr}"
            );
            outcomes.push(outcome);
        }
        insta::assert_snapshot!(transcript(&outcomes[..6]));
    }

    #[test]
    fn a_template_without_end_is_stopped() {
        for template in [
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% for a in range(99999) %}{% set s = 'x' * 1000000 %}{% endfor %}",
            "{% include vars.file %}",
        ] {
            let outcome = Case::query("vars: { file: r.md }\nreport: { template_file: r.md }")
                .file("queries/r.md", template)
                .asks_nothing();
            assert_eq!(outcome.assert_exit(2).stdout_text(), "", "{template}");
        }
    }

    #[test]
    fn a_template_that_names_itself_is_reported() {
        let outcome = Case::query("report: { template_file: r.md }")
            .file("queries/r.md", "{% include \"s.md\" %}")
            .file("queries/s.md", "{% include \"r.md\" %}")
            .asks_nothing();
        outcome.assert_exit(2);
        insta::assert_snapshot!(outcome.snapshot());
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let outcome = over_jobs("report: { template: \"{{ data.jobs[0].name }}\" }")
            .with(|run| run.terminal(80))
            .asks(vec![items("/jobs", json!([{"name": "\u{1b}[31mred"}]))])
            .outcome;
        assert!(!outcome.assert_exit(0).stdout_text().contains("\u{1b}[31m"));
    }
}

mod secrets {
    use super::*;

    #[test]
    fn the_token_stays_masked_whatever_a_template_makes_of_it() {
        let template = "{{ env.CIRCLE_TOKEN }} {{ env.CIRCLE_TOKEN | upper }} {{ env.CIRCLE_TOKEN | markdown_escape }}
{{ env.CIRCLE_TOKEN | list | join('-') }} {{ env.CIRCLE_TOKEN[:12] }} {{ env.CIRCLE_TOKEN | replace('a', 'b') }}
{{ env.CIRCLE_TOKEN | tojson }} {{ env.CIRCLE_TOKEN | slack_escape }} {{ [env.CIRCLE_TOKEN] }}
{% set t = env.CIRCLE_TOKEN %}{{ t | reverse }} {{ env['CIRCLE_TOKEN'] }}
";
        for file in ["r.md", "r.html", "r.txt"] {
            let outcome = over_jobs(&format!("report: {{ template_file: {file} }}"))
                .file(&format!("queries/{file}"), template)
                .with(move |run| run.secret(&CANARY.to_uppercase()))
                .asks(vec![items("/jobs", json!([]))])
                .outcome;
            let text = outcome.assert_exit(0).stdout_text();
            assert!(text.contains("***"), "{text}");
            let squeezed: String = text.chars().filter(|c| !"-\\ \n".contains(*c)).collect();
            for part in [
                "canary_4f9a",
                "cbnbry",
                "y0Bt5RmK",
                "CANARY",
                "Zq&#x2f;81c7d",
            ] {
                assert!(!squeezed.contains(part), "{file}: {part} in\n{text}");
            }
        }
    }

    #[test]
    fn a_token_of_any_name_and_a_secret_var_stay_masked() {
        let token = "tok/en_of<the>\"other\"";
        for file in ["r.md", "r.html"] {
            let outcome = Case::query(&format!(
                "vars: {{ key: {{ secret: true }} }}
data: {{ other: {{ query: other, vars: {{ key: \"{{{{ key }}}}\" }} }} }}
report: {{ template_file: {file} }}"
            ))
            .file(
                "queries/other.yaml",
                "resource: circleci\nvars: { key: null }\nendpoint: /x\nparams: { k: \"{{ key }}\" }",
            )
            .resource("type: rest\nbase_url: URL\nauth: { bearer: \"{{ env.ENTRY }}\" }")
            .file(
                &format!("queries/{file}"),
                "{{ env.ENTRY }} {{ key }} {{ vars.key }} {{ vars }} {{ key | upper }} {{ data.other[0].echo }}",
            )
            .args(["key=hunter2/and<more>"])
            .with(move |run| {
                run.env("ENTRY", token)
                    .secret(token)
                    .secret("hunter2/and<more>")
                    .secret("HUNTER2/AND<MORE>")
                    .secret("hunter2&#x2f;and")
                    .secret("tok&#x2f;en_of")
            })
            .asks(vec![
                Exchange::get("/x?k=hunter2%2Fand%3Cmore%3E")
                    .answers(json!({"echo": "hunter2/and<more>"})),
            ])
            .outcome;
            outcome.assert_exit(0);
        }
    }

    #[test]
    fn a_file_that_is_written_holds_none() {
        let server = Server::start(vec![items("/jobs", json!([{"name": CANARY}]))]);
        let project = over_jobs("report: { template: \"{{ env.CIRCLE_TOKEN }} {{ data.jobs }}\" }")
            .project_at(&server.url());
        // The support looks for the canary in every file.
        Run::in_(&project)
            .args(["run", "q", "--out", "r.md", "--state", "state"])
            .outcome()
            .assert_exit(0);
        assert!(project.read("r.md").unwrap().contains("***"));
        assert!(project.read("state/q.json").unwrap().contains("***"));
        server.finish();
    }
}

mod places {
    use super::*;

    const BOTH: &str = "report: { template_file: [r.md, r.html] }";

    fn both(lines: &str) -> Case {
        over_jobs(&format!("{lines}\n{BOTH}"))
            .file("queries/r.md", "# {{ data.jobs[0].name }}")
            .file("queries/r.html", "<h1>{{ data.jobs[0].name }}</h1>")
    }

    fn one() -> Vec<Exchange> {
        vec![items("/jobs", json!([{"name": "a&b", "seconds": 1}]))]
    }

    #[test]
    fn the_first_document_is_shown_and_any_can_be_requested() {
        let shown = |args: &[&str]| both("").args(args.iter().copied()).asks(one()).outcome;
        assert_eq!(shown(&[]).assert_exit(0).stdout_text(), "# a&b\n");
        let html = shown(&["-o", "html"]);
        assert_eq!(html.assert_exit(0).stdout_text(), "<h1>a&amp;b</h1>\n");
        let markdown = shown(&["-o", "markdown"]);
        assert_eq!(markdown.assert_exit(0).stdout_text(), "# a&b\n");
        let refused = both("").args(["-o", "json"]).asks_nothing();
        refused.assert_exit(2);
        let csv = both("").args(["--out", "x.csv"]).asks_nothing();
        csv.assert_exit(2);
        insta::assert_snapshot!(transcript([&refused, &csv]));
    }

    #[test]
    fn the_records_of_a_report_can_be_requested() {
        let shown = |args: &[&str]| {
            let case = both("sql: select name, seconds from jobs").args(args.iter().copied());
            case.asks(one()).outcome
        };
        assert_eq!(
            shown(&["-o", "json"]).assert_exit(0).stdout_json(),
            json!([{"name": "a&b", "seconds": 1}])
        );
        assert_eq!(
            shown(&["-o", "csv"]).assert_exit(0).stdout_text(),
            "name,seconds\na&b,1\n"
        );
        assert_eq!(shown(&[]).assert_exit(0).stdout_text(), "# a&b\n");
    }

    #[test]
    fn one_run_fills_several_files() {
        let server = Server::start(one());
        let project = both("sql: select name, seconds from jobs").project_at(&server.url());
        let outcome = Run::in_(&project)
            .args([
                "run", "q", "--out", "a.md", "--out", "b.html", "--out", "c.csv",
            ])
            .args(["--out", "d.ndjson", "--out", "-"])
            .outcome();
        let read = |path: &str| project.read(path).unwrap_or_default();
        assert_eq!(outcome.assert_exit(0).stdout_text(), "# a&b\n");
        assert_eq!(read("a.md"), "# a&b\n");
        assert_eq!(read("b.html"), "<h1>a&amp;b</h1>\n");
        assert_eq!(read("c.csv"), "name,seconds\na&b,1\n");
        assert_eq!(read("d.ndjson"), "{\"name\":\"a&b\",\"seconds\":1}\n");
        server.finish();
    }

    #[test]
    fn a_file_is_named_once_however_it_is_written() {
        let mut outcomes = Vec::new();
        for second in ["a.md", "./a.md", "queries/../a.md", "link.md"] {
            let server = Server::start(vec![]);
            let project = both("").project_at(&server.url());
            std::os::unix::fs::symlink("a.md", project.path().join("link.md")).unwrap();
            project.write("a.md", "old");
            let outcome = Run::in_(&project)
                .args(["run", "q", "--out", "a.md", "--out", second])
                .outcome();
            outcome.assert_exit(2);
            assert_eq!(project.read("a.md").as_deref(), Some("old"), "{second}");
            outcomes.push(outcome);
            server.finish();
        }
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn a_place_that_cannot_be_written_leaves_the_others_as_they_were() {
        let server = Server::start(vec![]);
        let project = both("").project_at(&server.url());
        project.write("a.md", "old");
        let outcome = Run::in_(&project)
            .args(["run", "q", "--out", "a.md", "--out", "no/such/b.html"])
            .outcome();
        outcome.assert_exit(2);
        assert_eq!(project.read("a.md").as_deref(), Some("old"));
        server.finish();
    }

    #[test]
    fn a_document_that_fails_leaves_the_others_as_they_were() {
        let server = Server::start(one());
        let project = both("sql: select name, seconds from jobs")
            .file("queries/r.html", "{{ data.jobs[0].nope }}")
            .project_at(&server.url());
        project.write("a.md", "old");
        let outcome = Run::in_(&project)
            .args([
                "run", "q", "--out", "c.csv", "--out", "a.md", "--out", "b.html",
            ])
            .outcome();
        outcome.assert_exit(2);
        assert_eq!(project.read("a.md").as_deref(), Some("old"));
        assert_eq!(
            (project.read("b.html"), project.read("c.csv")),
            (None, None)
        );
        let left: Vec<_> = fs::read_dir(project.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 3, "{left:?}");
        server.finish();
    }

    #[test]
    fn a_template_without_a_kind_is_what_its_file_is() {
        let server = Server::start(vec![items("/jobs", hostile())]);
        let project = over_jobs("report: { template: \"<h1>{{ data.jobs[0].name }}</h1>\" }")
            .project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["run", "q", "--out", "a.html", "--out", "b.md"])
            .args(["--out", "/dev/stdout"])
            .outcome();
        let text = "<h1><script>alert('x')</script> & \"q\" a_b*c | `d`</h1>\n";
        assert_eq!(outcome.assert_exit(0).stdout_text(), text);
        assert_eq!(project.read("b.md").as_deref(), Some(text));
        let page = project.read("a.html").unwrap();
        assert!(page.starts_with("<h1>&lt;script&gt;"), "{page}");
        server.finish();
    }

    #[test]
    fn dates_and_vars_stand_in_the_name_of_a_file() {
        let server = Server::start(one());
        let project =
            both("vars: { branch: main, key: { secret: true, default: \"{{ env.KEY }}\" } }")
                .project_at(&server.url());
        fs::create_dir(project.path().join("out")).unwrap();
        Run::in_(&project)
            .env("KEY", "hunter2-and-more")
            .args(["run", "q", "--now", "2026-03-04T05:06:07Z"])
            .args([
                "--out",
                "out/{{ branch }}-{{ now() | date(\"%Y-%m-%d\") }}.md",
            ])
            .outcome()
            .assert_exit(0);
        assert_eq!(
            project.read("out/main-2026-03-04.md").as_deref(),
            Some("# a&b\n")
        );
        server.finish();
        let mut outcomes = Vec::new();
        for out in [
            "{{ brunch }}.md",
            "{{ now( }}.md",
            "{{ key }}.md",
            "{{ env.CIRCLE_TOKEN }}.md",
            "{{ rows }}.md",
            "{{ branch }}.xyz",
            "{{ '' }}",
        ] {
            let case =
                both("vars: { branch: main, key: { secret: true, default: \"{{ env.KEY }}\" } }");
            outcomes.push(
                case.args(["--out", out])
                    .with(|run| {
                        run.env("KEY", "hunter2-and-more")
                            .secret("hunter2-and-more")
                    })
                    .asks_nothing(),
            );
        }
        for outcome in &outcomes {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn an_interrupted_run_leaves_no_report() {
        let server = Server::start(vec![
            items("/jobs", json!([])),
            Exchange::get("/api/v2/raw").answers(Fault::Hang),
        ]);
        let project = Case::query(&format!(
            "data: {{ jobs: {{ query: jobs }}, raw: {{ query: raw }} }}\nsql: select * from jobs, raw\n{BOTH}"
        ))
        .file("queries/jobs.yaml", JOBS)
        .file("queries/raw.yaml", RAW)
        .file("queries/r.md", "x")
        .file("queries/r.html", "x")
        .project_at(&server.url());
        project.write("a.md", "old");
        let running = Run::in_(&project)
            .args([
                "run", "q", "--out", "a.md", "--out", "b.html", "--out", "c.csv", "--state",
                "state",
            ])
            .start();
        server.wait_for_requests(2);
        running.interrupt();
        running.finish().assert_exit(130);
        assert_eq!(project.read("a.md").as_deref(), Some("old"));
        assert_eq!(
            (project.read("b.html"), project.read("c.csv")),
            (None, None)
        );
        assert_eq!(project.read("state/q.json"), None);
        server.finish();
    }

    #[test]
    fn a_folder_without_rights_is_reported_before_anything_is_requested() {
        let server = Server::start(vec![]);
        let project = both("").project_at(&server.url());
        let folder = project.path().join("out");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
        if fs::write(folder.join("probe"), "").is_ok() {
            // Whoever is root may write everywhere.
            return;
        }
        Run::in_(&project)
            .args(["run", "q", "--out", "out/a.md"])
            .outcome()
            .assert_exit(2);
        server.finish();
    }
}

mod html {
    use super::*;

    /// Asserts that every tag is closed by a matching one.
    fn assert_balanced(page: &str) {
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("a tag ends");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{page}");
                continue;
            }
            let name = tag.split(' ').next().unwrap_or_default();
            if !["!doctype", "meta", "br", "link"].contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?} stay open in\n{page}");
    }

    #[test]
    fn records_are_a_page_that_is_whole_and_escaped() {
        let seen = Case::query("endpoint: /x\nrows: $.items[*]")
            .args(["-o", "html"])
            .asks(vec![items(
                "/x",
                json!([
                    {"<b>": "<script>alert('1')</script>", "n": 1.5, "list": ["<i>", {"a": "\"&"}]},
                    {"<b>": "a\nb\tc\u{1b}[0m\u{0}é", "n": null, "more": true},
                ]),
            )]);
        let page = seen.outcome.assert_exit(0).stdout_text();
        assert_balanced(&page);
        assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains('\u{1b}'));
        insta::assert_snapshot!(seen.outcome.snapshot());
    }

    #[test]
    fn one_record_is_a_page_of_keys_and_values() {
        let single = Case::query("endpoint: /x\nextract: { id: $.id, \"a<b\": $.x, none: $.none }")
            .args(["-o", "html"])
            .asks(vec![
                Exchange::get("/api/v2/x").answers(json!({"id": 7, "x": "</td>"})),
            ]);
        let page = single.outcome.assert_exit(0).stdout_text();
        assert_balanced(&page);
        insta::assert_snapshot!(page.split_once("<body>").expect("a body").1);
        let none = Case::query("endpoint: /x\nrows: $.items[*]\nextract: { id: $.id }")
            .args(["-o", "html"])
            .asks(vec![items("/x", json!([]))]);
        assert_balanced(&none.outcome.assert_exit(0).stdout_text());
    }

    #[test]
    fn an_ending_says_html() {
        let server = Server::start(vec![Exchange::get("/api/v2/x").times(2)]);
        let project = Case::get().project_at(&server.url());
        for path in ["x.html", "x.htm"] {
            Run::in_(&project)
                .args(["run", "q", "--out", path])
                .outcome()
                .assert_exit(0);
            assert!(project.read(path).unwrap().starts_with("<!doctype html>"));
        }
        server.finish();
    }
}
