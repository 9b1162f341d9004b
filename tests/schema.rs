//! `runner schema` and `runner check` agree on the form of files: an independent validator holds the
//! schemas against the cases of `tests/check/` and against the files of the repository.
//!
//! - What `check` accepts, the schema accepts.
//! - What `check` refuses with a code of [`FORM`], the schema refuses, except for [`BEYOND`].
//!
//! Each schema is compiled as 2020-12, as it says, and as draft-07, as many editors read it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The codes of faults of form. All others are about what a value means: a name, a template, a path.
///
/// `duplicate-key` is not among them: a parsed document has each key once.
const FORM: [&str; 5] = [
    "missing-key",
    "no-request",
    "on-status",
    "unknown-key",
    "wrong-type",
];

/// Faults with a code of form that need more than the form of one file: the case, and a part of the
/// message.
const BEYOND: &[(&str, &str)] = &[
    // Fields and parameters that the connection or other keys set.
    (
        "err_auth_hmac",
        "not set by the connection, got `Content-Length`",
    ),
    ("err_auth_oauth2", "`grant_type` is not allowed in `params`"),
    // An environment does not define what the file lacks.
    (
        "err_environments",
        "a resource of type `rest` needs a `base_url`",
    ),
    // A path that leads out.
    (
        "err_test_folder_outside",
        "`folder` takes a folder of the project",
    ),
];

const KINDS: [&str; 4] = ["resource", "query", "test", "project"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn runner(folder: &Path, arguments: &[&str]) -> (Vec<u8>, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    (output.stdout, output.status.success())
}

/// The compiled schemas, by kind of file, each in both dialects.
struct Validator {
    schemas: Schemas,
    indexes: BTreeMap<&'static str, [SchemaIndex; 2]>,
}

impl Validator {
    fn new(options: &[&str]) -> Self {
        let mut schemas = Schemas::new();
        let mut indexes = BTreeMap::new();
        for kind in KINDS {
            let mut arguments = vec!["schema", kind];
            arguments.extend(options);
            let (text, is_good) = runner(root(), &arguments);
            assert!(is_good, "{kind}");
            let schema: Value = serde_json::from_slice(&text).expect("a schema is JSON");
            let mut older = schema.clone();
            older["$schema"] = json!("http://json-schema.org/draft-07/schema");
            let compiled = [("new", schema), ("old", older)].map(|(name, schema)| {
                let mut compiler = Compiler::new();
                compiler.set_default_draft(Draft::V2020_12);
                let url = format!("https://schema.test/{name}/{kind}.json");
                compiler.add_resource(&url, schema).expect("a resource");
                let result = compiler.compile(&url, &mut schemas);
                result.unwrap_or_else(|error| panic!("{kind}: {error:#}"))
            });
            indexes.insert(kind, compiled);
        }
        Self { schemas, indexes }
    }

    /// Returns why a document is refused.
    fn fault(&self, kind: &str, document: &Value) -> Option<String> {
        let [new, old] = self.indexes[kind].map(|index| {
            let result = self.schemas.validate(document, index);
            result.err().map(|error| format!("{error:#}"))
        });
        assert_eq!(
            new.is_some(),
            old.is_some(),
            "the dialects differ: {document:#}"
        );
        new
    }
}

/// Converts YAML to JSON; `None` if it is not YAML that `check` reads.
fn document(text: &str) -> Option<Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    value.apply_merge().ok()?;
    converted(&value)
}

fn converted(value: &serde_yaml::Value) -> Option<Value> {
    use serde_yaml::Value as Yaml;
    Some(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => json!(value),
        Yaml::Number(_) => serde_json::to_value(value).ok()?,
        Yaml::String(text) => json!(text),
        Yaml::Sequence(items) => Value::Array(items.iter().map(converted).collect::<Option<_>>()?),
        Yaml::Mapping(entries) => {
            let mut members = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(text) => text.clone(),
                    Yaml::Number(number) => number.to_string(),
                    Yaml::Bool(value) => value.to_string(),
                    _ => return None,
                };
                members.insert(key, converted(value)?);
            }
            Value::Object(members)
        }
        Yaml::Tagged(_) => return None,
    })
}

fn is_yaml(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ending == "yaml" || ending == "yml"
}

/// Returns the kind of a file by its path. Answers and snapshots have no schema.
fn kind_of(path: &str, files: &[(String, String)]) -> Option<&'static str> {
    let is_yaml = is_yaml(Path::new(path));
    if !is_yaml || path.ends_with(".answers.yaml") {
        return None;
    }
    let has = |wanted: &str| files.iter().any(|(path, _)| path == wanted);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let sets_folder =
        |(path, text): &(String, String)| path == "runner.yaml" && text.contains("folder:");
    if path.starts_with("tests/")
        && (has(&format!("{folder}.yaml")) || files.iter().any(sets_folder))
    {
        return None;
    }
    match path.split('/').next()? {
        "resources" => Some("resource"),
        "queries" => Some("query"),
        "tests" => Some("test"),
        "runner.yaml" => Some("project"),
        _ => None,
    }
}

/// Lays out a case of `tests/check/`, as `tests/check.rs` does, and returns its files.
fn laid_out(case: &str) -> (TempDir, Vec<(String, String)>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    let kind = case
        .strip_prefix("# ")
        .and_then(|rest| rest.split_once(':'));
    match kind.map(|(kind, _)| kind) {
        Some("query") => {
            files.push((
                "resources/circleci.yaml".to_owned(),
                "type: circleci\n".to_owned(),
            ));
            files.push(("queries/case.yaml".to_owned(), case.to_owned()));
        }
        Some("resource") => files.push(("resources/case.yaml".to_owned(), case.to_owned())),
        Some("project") => {
            for part in case.split("#= ").skip(1) {
                let (path, content) = part.split_once('\n').expect("a path is a line");
                files.push((path.to_owned(), content.to_owned()));
            }
        }
        _ => panic!("a case begins with its kind"),
    }
    for name in ["queries", "resources"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    for (path, content) in &files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    (folder, files)
}

/// Returns code and message of the faults of each file.
fn faults(folder: &Path) -> BTreeMap<String, Vec<(String, String)>> {
    let (text, _) = runner(folder, &["check", "--format", "json"]);
    let document: Value = serde_json::from_slice(&text).expect("it is JSON");
    let mut faults: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for fault in document["faults"].as_array().expect("a list") {
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let list = faults.entry(text("file")).or_default();
        list.push((text("code"), text("message")));
    }
    faults
}

#[test]
fn schema_and_check_agree_on_the_cases() {
    let validator = Validator::new(&[]);
    let mut wrong = Vec::new();
    let (mut good, mut bad) = (0, 0);
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("tests/check"))
        .expect("the cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    paths.sort();
    let mut unused: Vec<_> = BEYOND.iter().collect();
    for path in paths {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let case = fs::read_to_string(&path).expect("a case");
        let (folder, files) = laid_out(&case);
        let faults = faults(folder.path());
        for (path, text) in &files {
            let Some((kind, document)) = kind_of(path, &files).zip(document(text)) else {
                continue;
            };
            let of_file = faults.get(path).map_or(&[][..], Vec::as_slice);
            let of_form: Vec<_> = of_file
                .iter()
                .filter(|(code, _)| FORM.contains(&code.as_str()))
                .filter(|(_, message)| {
                    let beyond =
                        |(case, part): &&(&str, &str)| *case == name && message.contains(part);
                    unused.retain(|entry| !beyond(entry));
                    !BEYOND.iter().any(|entry| beyond(&entry))
                })
                .collect();
            let refused = validator.fault(kind, &document);
            match (of_file, of_form.as_slice(), refused) {
                ([], _, Some(why)) => wrong.push(format!("{name}: {path} is good, but: {why}")),
                (_, [_, ..], None) => {
                    wrong.push(format!(
                        "{name}: {path} is accepted in spite of {of_form:?}"
                    ));
                }
                ([], ..) => good += 1,
                (_, [_, ..], _) => bad += 1,
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "these are no exceptions: {unused:?}");
    assert!(good > 80 && bad > 80, "{good} good files, {bad} bad ones");
}

fn yaml_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            yaml_files(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The files of the repository are good, with and without the names of the project.
#[test]
fn the_files_of_the_repository_fit_their_schemas() {
    for options in [&[][..], &["--project"], &["--project", "."]] {
        let validator = Validator::new(options);
        let mut count = 0;
        for (folder, kind) in [
            ("resources", "resource"),
            ("queries", "query"),
            ("tests/queries", "test"),
            ("examples/connections/resources", "resource"),
            ("examples/connections/queries", "query"),
        ] {
            let mut files = Vec::new();
            yaml_files(&root().join(folder), &mut files);
            for file in files {
                let name = file.to_string_lossy().into_owned();
                if !is_yaml(&file) || name.ends_with(".answers.yaml") {
                    continue;
                }
                let text = fs::read_to_string(&file).expect("a file");
                let document = document(&text).unwrap_or_else(|| panic!("{name} is not YAML"));
                let fault = validator.fault(kind, &document);
                assert_eq!(fault, None, "{name}");
                count += 1;
            }
        }
        let settings = fs::read_to_string(root().join("runner.yaml")).expect("a file");
        let settings = document(&settings).unwrap_or_default();
        assert_eq!(validator.fault("project", &settings), None);
        assert!(count > 150, "the files were not found: {count}");
    }
}

/// Combinations of keys, as small files: each is refused by both.
#[test]
fn exclusions_are_refused_by_both() {
    let validator = Validator::new(&[]);
    let query = "resource: circleci\nendpoint: /x\n";
    let me = "resource: circleci\nendpoint: /me\n";
    for part in [
        "url: \"{{ env.A }}\"\n",
        "sql: select 1\n",
        "body: {}\n",
        "method: POST\nbody: { json: 1, form: {} }\n",
        "paginate: { page: {}, offset: {} }\n",
        "paginate: {}\n",
        "paginate: { page: { param: a, body: b } }\n",
        "paginate: { page: { size: 5 } }\n",
        "paginate: { cursor: { path: $.a } }\n",
        "paginate: { cursor: { path: $.a, param: b, header: c } }\n",
        "for_each: { a: { query: me, in: [1] } }\n",
        "for_each: { a: { in: [1], vars: {} } }\n",
        "for_each: { a: {} }\n",
        "data: { a: { query: me, file: a.csv } }\n",
        "data: { a: {} }\n",
        "report: {}\n",
        "report: { template: a, template_file: b.md }\n",
        "method: POST\nbody: { graphql: {} }\n",
        "method: POST\nbody: { graphql: { query: \"{ a }\", query_file: a } }\n",
        "extract: { a: { take: first } }\n",
        "extract: { a: id }\n",
        "poll: { every: 0s, until: true }\n",
        "cache: 10\n",
        "on_status: { 99: ok }\n",
        "limit: 0\n",
        "output: xml\n",
        "csv: { separator: a }\n",
    ] {
        let text = format!("{query}{part}");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write("resources/circleci.yaml", "type: circleci\n");
        write("queries/me.yaml", me);
        write("queries/case.yaml", &text);
        assert!(
            !runner(folder.path(), &["check", "queries/case.yaml"]).1,
            "{part}"
        );
        let document = document(&text).expect("YAML");
        assert!(validator.fault("query", &document).is_some(), "{part}");
    }
}
