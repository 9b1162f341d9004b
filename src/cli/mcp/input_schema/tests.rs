use std::collections::BTreeSet;

use crate::core::diagnostic::Diagnostics;
use crate::core::source::SourceFile;
use crate::project::{Project, Trust};

use super::*;

/// The keywords that all known clients take.
const KEYWORDS: [&str; 12] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "description",
    "items",
    "enum",
    "pattern",
    "default",
    "minimum",
    "maximum",
    "title",
];

fn query(vars: &str) -> Query {
    let env = std::collections::BTreeMap::new();
    let folder = std::path::Path::new("/");
    let project = Project::built_in(folder, &[], &Trust::new(&env));
    let text = format!("resource: circleci\nendpoint: /me\nvars:\n{vars}");
    let found = project.check_query_text("q.yaml", &text);
    found.unwrap_or_else(|faults: Diagnostics| {
        panic!("{:?} {:?}", faults, SourceFile::new("q", "", text).name())
    })
}

/// Collects the keywords of a schema.
fn keywords(schema: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(members) = schema else {
        return;
    };
    for (keyword, value) in members {
        found.insert(keyword.clone());
        match keyword.as_str() {
            "properties" => {
                let members = value.as_object().into_iter().flatten();
                members.for_each(|(_, schema)| keywords(schema, found));
            }
            "items" => keywords(value, found),
            _ => {}
        }
    }
}

#[test]
fn every_type_of_var_has_a_schema_that_all_clients_take() {
    let query = query(
        "  plain: { example: gh/acme/web }
  slug: { pattern: '[a-z]+/[a-z]+', description: A slug. }
  odd: { pattern: '(?i)[a-z]+', default: null }
  many: { type: int, min: 1, max: 100, default: 20 }
  share: { type: number, min: 0.5, default: null }
  deep: { type: bool, default: false }
  names: { type: list, enum: [a, b], default: [a] }
  since: { type: time, default: 7d }
  wait: { type: duration, min: 1s, max: 2h, default: 90s }
  filter: { type: json, default: {} }
  level: { type: int, enum: [1, 2], default: 1 }
  project: \"{{ git.project_slug }}\"
  token: { secret: true, default: \"{{ env.OTHER_TOKEN }}\" }
",
    );
    let schema = of_query(&query, false, &[]);
    insta::assert_snapshot!(format!("{schema:#}"));
    let mut found = BTreeSet::new();
    keywords(&schema, &mut found);
    let known: BTreeSet<String> = KEYWORDS.map(str::to_owned).into();
    assert!(found.is_subset(&known), "{found:?}");
}

#[test]
fn a_var_keeps_its_name_beside_the_arguments_of_tools() {
    let query = query("  confirm: { default: null }\n  max_records: { type: int, default: 5 }\n");
    let reads = of_query(&query, false, &[]);
    assert_eq!(reads["properties"]["max_records"]["default"], 5);
    let writes = of_query(&query, true, &[]);
    let names: Vec<&String> = writes["properties"]
        .as_object()
        .expect("properties")
        .keys()
        .collect();
    assert_eq!(names, ["confirm", "max_records", "runner_confirm"]);
}
