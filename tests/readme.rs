//! Holds README.md against the program: its examples are run and their output compared, its files
//! are checked, and its tables name what there is, no more and no less.
//!
//! - A YAML block whose first line is `# resources/….yaml` or `# queries/….yaml` is a whole file. All
//!   of them together, laid over the shipped files, pass `check`; one marked `broken` does not.
//! - A `console` block is run where that needs neither a token nor a network. Its output is what a
//!   terminal shows: `run` and `ping` get `-o table` if they say no format.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;
use tempfile::TempDir;

/// What stands on standard error of every demo, and is said once in the text.
const LABEL: &str = "demo: an embedded CircleCI with synthetic data answers\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fenced block.
struct Block {
    /// `yaml`, `yaml broken`, `console`, …
    info: String,
    text: String,
    line: usize,
}

impl Block {
    /// The path in the first line, if this is a whole file.
    fn path(&self) -> Option<&str> {
        let path = self.text.lines().next()?.strip_prefix("# ")?;
        (path.starts_with("resources/") || path.starts_with("queries/")).then_some(path)
    }
}

fn blocks() -> Vec<Block> {
    let readme = read("README.md");
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (index, line) in readme.lines().enumerate() {
        let trimmed = line.trim_start();
        match (&mut open, trimmed.strip_prefix("```")) {
            (None, Some(info)) => {
                let block = Block {
                    info: info.to_owned(),
                    text: String::new(),
                    line: index + 1,
                };
                open = Some((block, line.len() - trimmed.len()));
            }
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(block, _)| block)),
            (Some((block, indent)), None) => {
                block.text.push_str(line.get(*indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of README.md is not closed");
    blocks
}

/// The shipped files with those of the README over them.
fn project() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["resources", "queries"] {
        copy(Path::new(name), folder.path());
    }
    for block in blocks().iter().filter(|block| block.info == "yaml") {
        if let Some(path) = block.path() {
            fs::write(folder.path().join(path), &block.text).expect("a file");
        }
    }
    folder
}

fn copy(name: &Path, to: &Path) {
    fs::create_dir(to.join(name)).expect("a folder");
    let entries = fs::read_dir(root().join(name)).expect("shipped files");
    for entry in entries.flatten() {
        let path = name.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&path, to);
        } else {
            fs::copy(entry.path(), to.join(&path)).expect("a copy");
        }
    }
}

fn runner(folder: &Path, arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("CIRCLE_TOKEN", "the-token-of-the-readme")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// Standard error, then standard output, as a person would read them: notes on what is coming
/// first. An error is alone, but for what `expect` says after the records.
fn told(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stderr = stderr.strip_prefix(LABEL).unwrap_or(&stderr);
    format!("{stdout}{stderr}")
}

/// Ports, times and ids differ from run to run.
fn steady(text: &str) -> String {
    let replace = |text: String, pattern: &str, with: &str| {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern.replace_all(&text, with).into_owned()
    };
    let text = replace(text.to_owned(), r"127\.0\.0\.1:\d+", "127.0.0.1:PORT");
    let text = replace(text, r"(?m)^(circleci  ok .*\)) +\d+  -", "$1 LATENCY  -");
    // Of a walk's requests any may arrive first.
    let text = replace(text, r"request id: [0-9a-f-]+", "request id: ID");
    text.trim_end().to_owned()
}

/// The words of a line as a shell reads them, as far as the README needs it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.extend(Some(std::mem::take(&mut word))),
            other => word.push(other),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a call needs neither a token nor a network.
fn can_be_run(arguments: &[String]) -> bool {
    let has = |wanted: &str| arguments.iter().any(|word| word == wanted);
    has("--demo")
        || has("--curl")
        || has("--dry-run")
        || matches!(arguments[0].as_str(), "check" | "list" | "show")
}

#[test]
fn the_examples_print_what_the_readme_shows() {
    let folder = project();
    let mut count = 0;
    let mut differing = Vec::new();
    for block in blocks() {
        if block.info == "yaml broken" {
            let path = block.path().expect("a broken file has a path");
            fs::write(folder.path().join(path), &block.text).expect("a file");
        }
        if block.info != "console" {
            continue;
        }
        for call in block.text.split("$ runner ").skip(1) {
            let (line, expected) = call.split_once('\n').unwrap_or((call, ""));
            let mut arguments = words(line);
            assert!(
                can_be_run(&arguments),
                "line {}: `{line}` is not run",
                block.line
            );
            let says_format = arguments.iter().any(|word| word == "-o" || word == "--out");
            // A report is the same everywhere.
            let is_report = arguments.iter().any(|word| word.ends_with("-report"));
            let has_table = matches!(arguments[0].as_str(), "run" | "sql" | "ping") && !is_report;
            if has_table && !says_format {
                arguments.extend(["-o".to_owned(), "table".to_owned()]);
            }
            let output = runner(folder.path(), &arguments);
            let (got, expected) = (steady(&told(&output)), steady(expected));
            if got != expected {
                differing.push(format!(
                    "line {}: $ runner {line}\n--- shown\n{expected}\n--- printed\n{got}\n",
                    block.line
                ));
            }
            count += 1;
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(count >= 10, "the examples were not found");
}

#[test]
fn the_files_pass_check() {
    let folder = project();
    let output = runner(folder.path(), &["check".to_owned()]);
    assert!(output.status.success(), "{}", told(&output));
    let files = blocks()
        .iter()
        .filter(|block| block.path().is_some())
        .count();
    assert!(files >= 8, "the files were not found");
}

#[test]
fn parts_of_files_are_good_too() {
    let folder = project();
    let mut parts = 0;
    for block in blocks().iter().filter(|block| {
        let starts = ["extract:", "for_each:", "poll:"];
        starts.iter().any(|start| block.text.starts_with(start))
    }) {
        parts += 1;
        let text = format!("resource: circleci\nendpoint: /x\n{}", block.text);
        fs::write(folder.path().join("queries/part.yaml"), text).expect("a file");
        let output = runner(folder.path(), &["check".to_owned()]);
        assert!(
            output.status.success(),
            "line {}: {}",
            block.line,
            told(&output)
        );
    }
    assert!(parts > 0, "the parts were not found");
}

/// Where the README shows a file that is shipped, it shows that file.
#[test]
fn shipped_files_stand_there_as_they_are() {
    let bare = |text: &str| {
        text.lines()
            .map(|line| {
                line.split(" #")
                    .next()
                    .unwrap_or_default()
                    .trim_end()
                    .to_owned()
            })
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect::<Vec<_>>()
    };
    for block in blocks() {
        let shipped = block.path().map(|path| root().join(path));
        if let Some(path) = shipped.filter(|path| path.is_file()) {
            let text = fs::read_to_string(&path).expect("a shipped file");
            assert_eq!(bare(&block.text), bare(&text), "{}", path.display());
        }
    }
}

/// The part of the README below a heading, up to the next one of its level or above.
fn section(heading: &str) -> String {
    let readme = read("README.md");
    let level = heading.split(' ').next().unwrap_or_default();
    let mut lines = readme.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "README.md has no `{heading}`");
    lines
        .take_while(|line| {
            let hashes = line.split(' ').next().unwrap_or_default();
            !(hashes.starts_with('#')
                && hashes.chars().all(|c| c == '#')
                && hashes.len() <= level.len())
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The cells of the tables in a text, without their headers.
fn tables(text: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let Some(inner) = line.trim().strip_prefix('|') else {
            continue;
        };
        let inner = inner.trim_end_matches('|').replace("\\|", "\u{1}");
        let cells: Vec<String> = inner
            .split('|')
            .map(|cell| cell.trim().replace('\u{1}', "|"))
            .collect();
        if cells[0].starts_with("---") {
            // What came before it was a header.
            rows.pop();
        } else {
            rows.push(cells);
        }
    }
    rows
}

/// The names in code in the first cells.
fn first_names(text: &str) -> BTreeSet<String> {
    tables(text).iter().flat_map(|row| code(&row[0])).collect()
}

/// What stands between backticks.
fn code(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let folder = project();
    let help = runner(folder.path(), &["run".to_owned(), "--help".to_owned()]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let (_, listed) = help
        .split_once("Exit codes:\n")
        .expect("the help lists them");
    let listed: Vec<(String, String)> = listed
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(code, words)| (code.to_owned(), words.trim().to_owned()))
        .collect();
    let shown: Vec<(String, String)> = tables(&section("### Exit codes"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(shown, listed);
}

/// The keys that the sources of some files ask for, in whatever mapping.
fn keys_in(files: &[&str]) -> BTreeSet<String> {
    let asked = Regex::new(
        r#"(?s)\.(?:get|entry)\(\s*"([a-z_]+)"|&mut fields,\s*"([a-z_]+)"|part\("([a-z_]+)"|text\("([a-z_]+)", faults"#,
    )
    .expect("a pattern");
    files
        .iter()
        .flat_map(|file| {
            let text = read(file);
            let code = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            asked
                .captures_iter(&code)
                .filter_map(|found| found.iter().skip(1).flatten().next())
                .map(|name| name.as_str().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn rust_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_path_buf();
                files.push(path.to_string_lossy().into_owned());
            }
        }
    }
    files
}

#[test]
fn every_key_is_in_the_file_reference() {
    let mut files = rust_files("src/project");
    files.extend(rust_files("src/auth"));
    files.extend(rust_files("src/paginate"));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let keys = keys_in(&files);
    for known in [
        "endpoint", "vars", "base_url", "ca_file", "take", "pattern", "burst",
    ] {
        assert!(keys.contains(known), "the keys were not found: {keys:?}");
    }
    let reference = section("## File reference");
    let words: BTreeSet<&str> = reference
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| !words.contains(key.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in the file reference: {missing:?}");
}

/// Whether a file of the project is refused for a key that is not known.
fn is_unknown(kind: &str, text: &str, key: &str) -> bool {
    let folder = project();
    fs::write(folder.path().join(kind).join("probe.yaml"), text).expect("a file");
    let probe = format!("{kind}/probe.yaml");
    let told = told(&runner(folder.path(), &["check".to_owned(), probe]));
    told.contains(&format!("there is no key `{key}`"))
        || told.contains(&format!("`{key}` is not supported"))
}

#[test]
fn the_keys_of_the_file_reference_exist() {
    assert!(is_unknown(
        "queries",
        "resource: circleci\nnonsense: 1\n",
        "nonsense"
    ));
    for (heading, kind, start) in [
        ("### Resource file", "resources", "probed: 1\n"),
        ("### Query file", "queries", "probed: 1\n"),
    ] {
        let text = section(heading);
        let top = text.split("\n#### ").next().unwrap_or_default();
        let keys = first_names(top);
        assert!(keys.len() > 15, "the table was not found");
        for key in keys {
            let text = format!("{start}{key}: [[]]\n");
            assert!(!is_unknown(kind, &text, &key), "`{key}` of {heading}");
        }
    }
    for (heading, before) in [
        ("#### Vars", "vars:\n  x:\n    "),
        ("#### Extract", "extract:\n  x:\n    "),
        ("#### Polling", "poll:\n    "),
    ] {
        let text = section(heading);
        let table = text
            .split("\n\n")
            .find(|part| part.starts_with("| key"))
            .expect("a table of keys");
        for key in first_names(table) {
            let text = format!("resource: circleci\n{before}{key}: [[]]\n");
            assert!(!is_unknown("queries", &text, &key), "`{key}` of {heading}");
        }
    }
}

/// The texts of a list in a source file.
fn listed(file: &str, list: &str) -> BTreeSet<String> {
    let text = read(file);
    let (_, rest) = text
        .split_once(&format!("const {list}:"))
        .unwrap_or_else(|| panic!("{file} has no `{list}`"));
    let (_, rest) = rest.split_once('[').expect("a list");
    let (_, rest) = rest.split_once('[').expect("a list");
    let (items, _) = rest.split_once(']').expect("the end of a list");
    items
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_filters_and_functions_are_all_there() {
    let text = section("#### Templates and expressions");
    let (_, filters) = text.split_once("Filters for times").expect("the filters");
    let (_, rest) = filters.split_once("And of minijinja:").expect("the rest");
    let (functions, filters) = {
        let (filters, functions) = filters.split_once("\nFunctions:").expect("the functions");
        (first_names(functions), first_names(filters))
    };
    let mut shown = filters;
    let (rest, _) = rest.split_once(". Methods").expect("the end of the list");
    shown.extend(code(rest));
    let (mut known, mut known_functions) = (BTreeSet::new(), BTreeSet::new());
    for file in rust_files("src/template") {
        let text = read(&file);
        for (list, names) in [("NAMES", &mut known), ("FUNCTIONS", &mut known_functions)] {
            if text.contains(&format!("const {list}: &[&str]")) {
                names.extend(listed(&file, list));
            }
        }
    }
    assert_eq!(functions, known_functions);
    known.extend(listed("src/template/environment.rs", "BUILTIN_FILTERS"));
    assert_eq!(shown, known);
}

#[test]
fn formats_types_and_commands_are_all_there() {
    let folder = project();
    let refused = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        told(&runner(folder.path(), &arguments))
    };
    // The message of a wrong name lists the right ones.
    let message = refused(&["run", "me", "-o", "nonsense"]);
    let (_, formats) = message.split_once("expected ").expect("the list");
    let formats: BTreeSet<String> = code(formats.lines().next().unwrap_or_default())
        .into_iter()
        .collect();
    let table = section("### Choose a format");
    let shown: BTreeSet<String> = tables(&table)
        .iter()
        .flat_map(|row| code(&row[0]))
        .collect();
    assert_eq!(shown, formats);

    fs::write(
        folder.path().join("queries/types.yaml"),
        "resource: circleci\nendpoint: /x\nvars: { a: { type: nonsense } }\n",
    )
    .expect("a file");
    let message = refused(&["check", "queries/types.yaml"]);
    let (_, types) = message.split_once("`type` takes ").expect("the list");
    let (types, _) = types.split_once(", got").expect("its end");
    let types: BTreeSet<String> = code(types).into_iter().collect();
    let vars = section("#### Vars");
    let table = vars
        .split("\n\n")
        .find(|part| part.starts_with("| type"))
        .expect("a table of types");
    assert_eq!(first_names(table), types);

    let help = refused(&["--help"]);
    let commands = section("## Commands");
    for line in help.lines().skip_while(|line| *line != "Commands:").skip(1) {
        let Some(name) = line.split_whitespace().next() else {
            break;
        };
        assert!(
            name == "help" || commands.contains(&format!("`runner {name}")),
            "{name}"
        );
    }
}

/// `| place | written | sent |`: each row is sent as it says.
#[test]
fn values_are_sent_as_the_table_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["resources", "queries"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let resource = "type: rest\nbase_url: https://api.example.com\n";
    fs::write(folder.path().join("resources/r.yaml"), resource).expect("a file");
    let section = section("#### How values are sent");
    let rows = tables(&section);
    assert!(rows.len() >= 7, "the table was not found");
    for row in rows {
        let (written, sent) = (&code(&row[1])[0], &code(&row[2])[0]);
        let part = if written.starts_with('/') {
            format!("endpoint: {written}")
        } else {
            format!("endpoint: /x\n{written}")
        };
        let text = format!("resource: r\nvars: {{ v: {{}} }}\nmethod: POST\n{part}\n");
        fs::write(folder.path().join("queries/q.yaml"), text).expect("a file");
        let arguments = ["run", "q", "v=feature/a b&c#1+é%41", "--dry-run"];
        let arguments = arguments.map(str::to_owned);
        let printed = told(&runner(folder.path(), &arguments));
        let is_there = printed.lines().any(|line| {
            line == sent
                || line.ends_with(&format!("api.example.com{sent}"))
                || line.ends_with(&format!("/x{sent}"))
        });
        assert!(is_there, "{written}: {sent} is not in\n{printed}");
    }
}

/// The two commands of the quick start are those that CI runs.
#[test]
fn the_quick_start_is_what_ci_runs() {
    let ci = read(".ci/run");
    let start = section("## Quick start");
    let commands: Vec<&str> = start
        .lines()
        .filter(|line| line.starts_with("cargo "))
        .collect();
    assert_eq!(commands.len(), 2);
    let first = commands[0]
        .strip_prefix("cargo run --locked -- ")
        .expect("a run");
    assert!(ci.contains(first) && ci.contains(commands[1]));
}
