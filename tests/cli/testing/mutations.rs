//! A change of one character of an answer fails the cases that read it, and no other.

use std::collections::BTreeSet;

use super::*;

const ITEMS: &str = "endpoint: /item/{{ item.id }}\nfor_each: { item: { query: list } }\n\
                     extract: { id: $.id, name: $.name, size: $.size }";

/// The number of cases, and of items in each.
const CASES: usize = 5;
const SIZE: usize = 20;

fn item(case: usize, item: usize) -> String {
    format!(
        "{{ \"id\": \"i{item}\", \"name\": \"read-{case}-{item}-\", \"size\": 9{case}{item}7, \"other\": \"unread-{case}-{item}-\" }}"
    )
}

/// The answers of a case: a listing, and each of its items.
fn answers(case: usize) -> String {
    let ids: Vec<String> = (0..SIZE)
        .map(|at| format!("{{ \"id\": \"i{at}\" }}"))
        .collect();
    let mut text = format!(
        "--- # runner answers 1 · recorded 2026-11-25T09:00:00Z · circleci\nask: GET /list\nstatus: 200\n\
         body: {{ \"items\": [{}] }}\n",
        ids.join(", ")
    );
    for at in 0..SIZE {
        text.push_str(&format!(
            "---\nask: GET /item/i{at}\nstatus: 200\nbody: {}\n",
            item(case, at)
        ));
    }
    text
}

#[test]
fn one_character_fails_the_cases_that_read_it() {
    // The last case is like the first one, and reads its recording.
    let cases: Vec<String> = (0..CASES).map(|case| format!("  c{case}:\n")).collect();
    let cases = cases.concat() + "  same:\n    like: c0\n";
    let mut project = project(ITEMS, &cases).query(
        "list",
        "resource: circleci\nendpoint: /list\nrows: $.items[*]\n",
    );
    for case in 0..CASES {
        project = project.file(&format!("tests/q/c{case}.answers.yaml"), answers(case));
    }
    test(&project, &["--update"]).assert_exit(0);
    test(&project, &[]).assert_exit(0);
    for at in 0..SIZE {
        // In every other case a member that the query reads, in the others one that it does not.
        for half in 0..2 {
            let mut expected = BTreeSet::new();
            for case in 0..CASES {
                let is_read = case % 2 == half;
                if is_read {
                    expected.insert(format!("c{case}"));
                    expected.extend((case == 0).then(|| "same".to_owned()));
                }
                let (from, to) = mutation(case, at, is_read);
                let before = answers(case);
                let after = before.replacen(&from, &to, 1);
                assert_ne!(before, after, "{from}");
                project.write(&format!("tests/q/c{case}.answers.yaml"), after);
            }
            let outcome = test(&project, &["--format", "json"]);
            let results = outcome.stdout_json();
            let results = results.as_array().expect("cases").iter();
            let failed = results.filter(|result| result["passed"] == false);
            let failed: BTreeSet<String> = failed
                .map(|result| result["case"].as_str().expect("a name").to_owned())
                .collect();
            assert_eq!(failed, expected, "item {at}: {}", outcome.snapshot());
        }
    }
}

/// Returns a text of an answer, and the same with another character.
fn mutation(case: usize, at: usize, is_read: bool) -> (String, String) {
    let change = |from: &str, to: &str| {
        let fill = |text: &str| {
            let text = text.replace("CASE", &case.to_string());
            text.replace("ITEM", &at.to_string())
        };
        (fill(from), fill(to))
    };
    match at % 3 {
        _ if !is_read => change("unread-CASE-ITEM-", "unread-CASE-ITEM+"),
        0 => change("\"read-CASE-ITEM-", "\"read-CASE-ITEM+"),
        1 => change("\"size\": 9CASEITEM7", "\"size\": 9CASEITEM8"),
        _ => change("\"id\": \"iITEM\", \"name", "\"id\": \"jITEM\", \"name"),
    }
}
