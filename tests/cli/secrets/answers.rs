//! Secrets repeated by servers are scrubbed before a template or a statement sees them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use crate::case::Case;
use crate::support::{Answer, CANARY, Exchange, Server};

/// Columns that transform the token beyond recognition.
const CHANGED: &str = "extract:
  whole: $.said
  upper: \"{{ row.said | upper }}\"
  reverse: \"{{ row.said | reverse }}\"
  slice: \"{{ row.said[6:] }}\"
  list: \"{{ row.said | list | join('.') }}\"
  url: \"{{ row.said | urlencode | lower }}\"
  json: \"{{ row | tojson | upper }}\"";

fn echo() -> Answer {
    Answer::status(200).json(&json!({"items": [{"id": 1, "said": CANARY}, {"id": 2, "said": "x"}]}))
}

#[test]
fn a_column_that_changes_what_a_server_repeats_is_masked() {
    let seen = Case::query(&format!(
        "endpoint: /x\nrows: $.items[*]\n{CHANGED}\nsort: upper"
    ))
    .args(["--out", "a.json"])
    .asks(vec![Exchange::get("/api/v2/x").answers(echo())]);
    seen.outcome.assert_exit(0);
    let seen = Case::query(&format!("endpoint: /x\nrows: $.items[*]\n{CHANGED}"))
        .asks(vec![Exchange::get("/api/v2/x").answers(echo())]);
    let rows = seen.outcome.assert_exit(0).stdout_json();
    assert_eq!(rows[0]["upper"], "***");
    assert_eq!(rows[0]["list"], "*.*.*");
    assert_eq!(rows[1]["upper"], "X");
}

#[test]
fn conditions_still_see_what_came() {
    // `***` stands for the secret in records; what decides about them compares the real one.
    let query = "vars: { who: { secret: true } }
endpoint: /x
rows: $.items[*]
where: row.said == who
extract: { id: $.id, said: \"{{ row.said | upper }}\" }";
    let seen = Case::query(query)
        .args([format!("who={CANARY}")])
        .asks(vec![Exchange::get("/api/v2/x").answers(echo())]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{"id": 1, "said": "***"}])
    );
}

#[test]
fn escapes_of_json_hide_nothing() {
    let letters: Vec<String> = CANARY
        .chars()
        .map(|character| format!("\\u{:04x}", u32::from(character)))
        .collect();
    let escaped = letters.concat();
    let slashes = CANARY.replace('/', "\\/");
    for text in [escaped, slashes] {
        let body = format!("{{\"items\": [{{\"id\": 1, \"said\": \"{text}\"}}]}}");
        Case::query(&format!("endpoint: /x\nrows: $.items[*]\n{CHANGED}"))
            .asks(vec![
                Exchange::get("/api/v2/x")
                    .answers(Answer::status(200).body("application/json", body)),
            ])
            .outcome
            .assert_exit(0);
    }
}

#[test]
fn a_template_that_fails_on_a_secret_does_not_show_a_piece_of_it() {
    let long = format!("{CANARY}, {CANARY}, {CANARY}");
    for column in [
        "\"{{ row.said | time }}\"",
        "\"{{ row.said | upper | time }}\"",
        "\"{{ row.said + 1 }}\"",
        "\"{{ env.CIRCLE_TOKEN | upper | duration }}\"",
    ] {
        for said in [CANARY, &long] {
            let answer = json!({"said": said});
            Case::query(&format!("endpoint: /x\nextract: {{ a: {column} }}"))
                .asks(vec![Exchange::get("/api/v2/x").answers(answer)]);
        }
    }
    let long = format!("{CANARY}{CANARY}");
    Case::query("endpoint: /x\nparams: { a: \"{{ env.CIRCLE_TOKEN | time }}\" }")
        .with(move |run| run.env("CIRCLE_TOKEN", long))
        .asks_nothing();
}

#[test]
fn a_note_about_a_text_that_is_no_time_does_not_show_a_secret() {
    let filters = [
        "upper | time",
        "reverse | date",
        "lower | ago",
        "upper | duration",
        "upper | time_bucket('1d')",
    ];
    let sources = ["env.CIRCLE_TOKEN", "(row.said or '')"];
    for (source, filter) in sources
        .iter()
        .flat_map(|source| filters.iter().map(move |filter| (source, filter)))
    {
        let value = format!("{source} | {filter}");
        for query in [
            format!("extract: {{ a: \"{{{{ {value} }}}}\" }}"),
            format!("rows: $\nwhere: ({value}) is none"),
            format!("expect: [{{ that: ({value}) is none }}]"),
            format!(
                "report: {{ template: \"{{% for row in rows %}}a{{{{ {value} }}}}{{% endfor %}}\" }}"
            ),
        ] {
            // The support looks through all that is written, also for the token in capitals and
            // in reverse.
            Case::query(&format!("endpoint: /x\n{query}"))
                .file("queries/items.yaml", "resource: circleci\nendpoint: /x\n")
                .asks(vec![
                    Exchange::get("/api/v2/x").answers(json!({"id": 1, "said": CANARY})),
                ]);
        }
    }
}

#[test]
fn a_statement_over_what_a_server_repeats_sees_the_mask() {
    let query = "data: { d: { query: d } }
sql: select upper(said) as up, hex(said) as hex, substr(said, 2) as cut from d where id = 1";
    let case = Case::query(query).file(
        "queries/d.yaml",
        "resource: circleci\nendpoint: /x\nrows: $.items[*]\n",
    );
    let seen = case.asks(vec![Exchange::get("/api/v2/x").answers(echo())]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_json(),
        json!([{"up": "***", "hex": "2A2A2A", "cut": "**"}])
    );
}

#[test]
fn a_report_and_its_state_see_the_mask() {
    let query = "data: { d: { query: d } }
report: { template: \"{% for one in data.d %}{{ one.said | upper }} {{ one.said[4:] }}\\n{% endfor %}\" }";
    let case = Case::query(query)
        .file(
            "queries/d.yaml",
            "resource: circleci\nendpoint: /x\nrows: $.items[*]\n",
        )
        .args(["--state", "s.json", "--out", "r.md"]);
    // The support looks through the files.
    case.asks(vec![Exchange::get("/api/v2/x").answers(echo())])
        .outcome
        .assert_exit(0);
}

#[test]
fn a_secret_var_of_a_statement_gives_masked_columns() {
    let pin = "cnryPINq1w2e3";
    let case = || {
        Case::query(
            "vars: { pin: { secret: true } }
data: { d: { query: d } }
sql: select :pin as plain, upper(:pin) as up, substr(:pin, 2) as cut, hex(:pin) as hex, id from d where pin = :pin",
        )
        .file(
            "queries/d.yaml",
            "resource: circleci\nendpoint: /x\nrows: $.items[*]\n",
        )
        .with(move |run| run.secret(pin))
        .args([format!("pin={pin}")])
    };
    let asks = || {
        let items = json!({"items": [{"id": 1, "pin": "other"}, {"id": 2, "pin": pin}]});
        vec![Exchange::get("/api/v2/x").answers(items)]
    };
    let mask = "***";
    assert_eq!(
        case().asks(asks()).outcome.assert_exit(0).stdout_json(),
        json!([{"plain": mask, "up": mask, "cut": mask, "hex": mask, "id": 2}])
    );
    for more in [&["--out", "a.csv"][..], &["--state", "s.json"], &["-vv"]] {
        case().args(more.iter().copied()).asks(asks());
    }
}

#[test]
fn a_mask_is_not_sent_in_place_of_a_secret() {
    // The token that a server repeats is no id of anything.
    let case = Case::query(
        "for_each: { item: { query: items } }
endpoint: /x/{{ item.said }}
extract: { id: \"{{ item.id }}\" }",
    )
    .file(
        "queries/items.yaml",
        "resource: circleci\nendpoint: /x\nrows: $.items[*]\n",
    );
    let seen = case.asks(vec![
        Exchange::get("/api/v2/x").answers(echo()),
        Exchange::get("/api/v2/x/x").answers(json!({"ok": true})),
    ]);
    insta::assert_snapshot!(seen.outcome.assert_exit(6).snapshot());
}

#[test]
fn a_url_is_scrubbed_before_it_is_shortened() {
    let token = "cnry7Q4zZ9k8Xw2Lm3";
    for before in (150..280).step_by(13) {
        for flags in [&[][..], &["-v"], &["--error-format", "json"]] {
            let resource = "type: rest\nbase_url: URL\nretry: { max_attempts: 1 }
auth: { bearer: \"{{ env.CIRCLE_TOKEN }}\" }";
            let server = Server::start_with(|url| {
                let cursor = "a".repeat(before);
                let next = format!("/x?p=2&cursor={cursor}&api_key={token}");
                vec![
                    Exchange::get("/x").answers(
                        Answer::status(200)
                            .header("link", format!("<{url}{next}>; rel=\"next\""))
                            .json(&json!([{"id": 1}])),
                    ),
                    Exchange::get(&next).answers(Answer::status(500)),
                ]
            });
            Case::query("endpoint: /x\nrows: $[*]\npaginate: link")
                .resource(resource)
                .args(flags.iter().copied())
                .with(move |run| run.env("CIRCLE_TOKEN", token))
                .asks_at(server)
                .outcome
                .assert_exit(6);
        }
    }
}

#[test]
fn encodings_that_servers_use_are_known() {
    let token = "ca'n\"ary/4f9a+81c7=d2";
    let twice = "ca%2527n%2522ary%252F4f9a%252B81c7%253Dd2";
    let mut forms = vec![
        twice.to_owned(),
        twice.to_lowercase(),
        // encodeURIComponent and encodeURI of JavaScript, once and twice; quote of Python, twice.
        "ca'n%22ary%2F4f9a%2B81c7%3Dd2".to_owned(),
        "ca'n%22ary/4f9a+81c7=d2".to_owned(),
        "ca'n%2522ary%252F4f9a%252B81c7%253Dd2".to_owned(),
        "ca%2527n%2522ary/4f9a%252B81c7%253Dd2".to_owned(),
        "ca&#x27;n&quot;ary/4f9a+81c7=d2".to_owned(),
        "ca&#39;n&#34;ary/4f9a&#43;81c7=d2".to_owned(),
        "ca&#39;n&#34;ary/4f9a+81c7=d2".to_owned(),
    ];
    for before in ["", "a", "ab", "user:"] {
        forms.push(STANDARD.encode(format!("{before}{token}")));
        forms.push(URL_SAFE.encode(format!("{before}{token}@host")));
        forms.push(
            STANDARD
                .encode(format!("{before}{token}"))
                .replace('=', "%3D"),
        );
    }
    for form in forms {
        for format in ["json", "raw"] {
            let body: Value = json!({"said": format!("<{form}>")});
            let seen = Case::get()
                .args(["-o", format])
                .with(move |run| run.env("CIRCLE_TOKEN", token))
                .asks(vec![Exchange::get("/api/v2/x").answers(
                    Answer::status(200).body("application/json", body.to_string()),
                )]);
            let shown = seen.outcome.assert_exit(0).stdout_text();
            assert!(!shown.contains(&form), "{form}: {shown}");
            assert!(shown.contains("***"), "{form}: {shown}");
        }
    }
}

/// Queries whose results contain masks.
const MASKED: [(&str, &str); 3] = [
    (
        "up",
        "endpoint: /list\nrows: $[*]\nextract: { id: $.id, u: \"{{ env.CIRCLE_TOKEN }}\", up: \"{{ env.CIRCLE_TOKEN | upper }}\" }",
    ),
    (
        "pins",
        "vars: { pin: { secret: true } }\ndata: { d: { query: up } }\nsql: select id, :pin as p from d",
    ),
    (
        "document",
        "data: { d: { query: up } }\nreport: { template: \"token {{ env.CIRCLE_TOKEN }}\" }",
    ),
];

#[test]
fn a_mask_that_the_files_made_is_not_sent_either() {
    let pin = "cnryPINq1w2e3";
    for (query, exit) in [
        (
            "for_each: { i: { query: up } }\nmethod: DELETE\nendpoint: /del/{{ i.u }}",
            2,
        ),
        (
            "for_each: { i: { query: up } }\nendpoint: /get/{{ i.up }}",
            2,
        ),
        (
            "for_each: { i: { query: up } }\nendpoint: /get/{{ i.u[:2] }}",
            2,
        ),
        (
            "for_each: { i: { query: up } }\nendpoint: /get/{{ i.u | length }}",
            2,
        ),
        (
            "vars: { pin: { secret: true } }\nfor_each: { i: { query: pins } }\nmethod: DELETE\nendpoint: /del/{{ i.p }}",
            2,
        ),
        (
            "data: { d: { query: up } }\nmethod: POST\nendpoint: /post\nbody: { json: { v: \"{{ data.d[0].u }}\" } }",
            2,
        ),
        (
            "data: { d: { query: up } }\nmethod: POST\nendpoint: /post\nbody: { json: { v: \"{{ data.d[0].u[:2] }}\" } }",
            2,
        ),
        (
            "data: { d: { query: up } }\nmethod: POST\nendpoint: /post\nbody: { json: { v: \"{{ data.d | markdown_table }}\" } }",
            2,
        ),
        (
            "data: { d: { query: document } }\nmethod: POST\nendpoint: /post\nbody: { text: \"{{ data.d }}\" }",
            2,
        ),
        (
            "data: { d: { query: document } }\nmethod: POST\nendpoint: /post\nbody: { multipart: { t: \"{{ data.d }}\" } }",
            2,
        ),
    ] {
        let mut case = Case::query(query)
            .args(["--yes"])
            .with(move |run| run.secret(pin));
        if query.contains("pin:") {
            case = case.args([format!("pin={pin}")]);
        }
        for (name, text) in MASKED {
            case = case.file(
                &format!("queries/{name}.yaml"),
                format!("resource: circleci\n{text}\n"),
            );
        }
        let seen = case.asks(vec![
            Exchange::get("/api/v2/list").answers(json!([{"id": 1}])),
        ]);
        let stderr = seen.outcome.assert_exit(exit).stderr_text();
        assert!(stderr.contains("would be sent in its place"), "{stderr}");
    }
}

#[test]
fn other_columns_are_sent_also_if_their_names_contain_a_masked_one() {
    let seen = Case::query(
        "data: { d: { query: up } }\nmethod: POST\nendpoint: /post/{{ data.d[0].id }}\nparams: { up_to: \"{{ data.d | length }}\" }",
    )
    .args(["--yes"])
    .file("queries/up.yaml", format!("resource: circleci\n{}\n", MASKED[0].1))
    .asks(vec![
        Exchange::get("/api/v2/list").answers(json!([{"id": 1}])),
        Exchange::post("/api/v2/post/1?up_to=1").answers(json!({"ok": true})),
    ]);
    seen.outcome.assert_exit(0);
    let seen = Case::query("for_each: { i: { query: up } }\nendpoint: /get/{{ i.id }}")
        .file(
            "queries/up.yaml",
            format!("resource: circleci\n{}\n", MASKED[0].1),
        )
        .asks(vec![
            Exchange::get("/api/v2/list").answers(json!([{"id": 1}])),
            Exchange::get("/api/v2/get/1").answers(json!({"ok": true})),
        ]);
    seen.outcome.assert_exit(0);
}

#[test]
fn a_document_sees_masks_in_place_of_secrets() {
    let template = "{{ env.CIRCLE_TOKEN }} {{ env.CIRCLE_TOKEN | length }} {{ env.CIRCLE_TOKEN[:2] }} \
                    {{ vars.pin }} {{ pin | reverse }} {% for c in pin %}{{ c }}{% endfor %} {{ env.CIRCLE_TOKEN | upper }}";
    let query = format!(
        "vars: {{ pin: {{ secret: true }} }}\nendpoint: /x\nreport: {{ template: \"{template}\" }}"
    );
    let pin = "cnryPINq1w2e3";
    let seen = Case::query(&query)
        .args([format!("pin={pin}")])
        .with(move |run| run.secret(pin))
        .asks(vec![Exchange::get("/api/v2/x").answers(json!({"id": 1}))]);
    assert_eq!(
        seen.outcome.assert_exit(0).stdout_text(),
        "*** 3 ** *** *** *** ***\n"
    );
}
