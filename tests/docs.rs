//! Checks README.md and `docs/` against the program: examples are run and their output compared,
//! files shown are those of the repository, tables are complete, and links are valid.
//!
//! - A page's commands run in a fresh clone: `resources/`, `queries/` and `examples/`. A YAML block
//!   whose first line is a path (`# examples/….yaml`) shows that file without comments.
//! - `docs/tutorial.md` begins in an empty folder: its files are written where they are shown.
//! - A `console` block is run if it needs neither a token nor a network. Its output is that of a
//!   terminal: `run` and `ping` get `-o table` unless they give a format. An output that ends in a
//!   line `[…]` is truncated.
//! - `DOCS_UPDATE=1 cargo test --test docs` updates the outputs; `git diff` shows the changes.

#[path = "docs/codes.rs"]
mod codes;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;
use tempfile::TempDir;

/// The line on standard error of every demo, explained once in the text.
const LABEL: &str = "demo: using an embedded CircleCI with synthetic data\n";

/// The line on standard error of every run outside of a project.
const BUILT_IN: &str = "built-in: no project found, using the built-in queries and resources\n";

/// The page that begins in an empty folder.
const TUTORIAL: &str = "docs/tutorial.md";

/// The pages of error codes. Their files are wrong on purpose.
const CODES: &str = "docs/reference/codes/";

/// The end of an output that is shown in part.
const CUT: &str = "[…]\n";

/// The folders of a clone that hold queries and resources.
const PARTS: [&str; 4] = ["resources", "queries", "examples", "tests/queries"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All pages: README.md, those beside it that people read, and those below `docs/`.
fn pages() -> Vec<String> {
    let mut pages: Vec<String> = rust_files("docs")
        .into_iter()
        .filter(|path| has_ending(path, "md"))
        .collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "AGENTS.md"].map(str::to_owned));
    pages.sort();
    pages
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|own| own == ending)
}

/// A fenced block.
struct Block {
    page: String,
    /// `yaml`, `console`, …
    info: String,
    text: String,
    line: usize,
}

impl Block {
    /// The path in the first line, if this is a whole file.
    fn path(&self) -> Option<&str> {
        let path = self.text.lines().next()?.strip_prefix("# ")?;
        let is_file = ["yaml", "graphql"]
            .iter()
            .any(|ending| self.info == *ending && has_ending(path, ending));
        (is_file && path.contains('/') && !path.contains(' ')).then_some(path)
    }

    /// Returns the page and line, for messages.
    fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_of(page)).collect()
}

fn blocks_of(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (index, line) in read(page).lines().enumerate() {
        let trimmed = line.trim_start();
        match (&mut open, trimmed.strip_prefix("```")) {
            (None, Some(info)) => {
                let block = Block {
                    page: page.to_owned(),
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
    assert!(open.is_none(), "a block of {page} is not closed");
    blocks
}

/// Creates the contents of a fresh clone.
fn clone() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in PARTS {
        copy(Path::new(name), folder.path());
    }
    fs::copy(
        root().join("runner.yaml"),
        folder.path().join("runner.yaml"),
    )
    .expect("a copy");
    folder
}

fn copy(name: &Path, to: &Path) {
    fs::create_dir_all(to.join(name)).expect("a folder");
    let entries = fs::read_dir(root().join(name)).expect("files of the repository");
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
        // The width of the terminal whose output the pages show.
        .env("COLUMNS", "120")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// Returns standard output and standard error in reading order: notes on upcoming output come
/// first. An error is alone, except that `expect` errors come after the records.
fn output_of(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stderr = stderr.strip_prefix(BUILT_IN).unwrap_or(&stderr);
    let stderr = stderr.strip_prefix(LABEL).unwrap_or(stderr);
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
    let text = replace(
        text,
        r"(?m)^(\d+ cases? .*passed.*) in [\d.]+ ?m?s$",
        "$1 in TIME",
    );
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

/// Returns true if a call needs neither a token nor a network.
fn can_be_run(arguments: &[String]) -> bool {
    let has = |wanted: &str| arguments.iter().any(|word| word == wanted);
    has("--demo")
        || has("--curl")
        || has("--dry-run")
        || matches!(arguments[0].as_str(), "check" | "list" | "show" | "test")
}

/// One call of a `console` block, with the output that the page shows.
struct Call {
    line: String,
    shown: String,
}

fn calls(block: &Block) -> Vec<Call> {
    let calls = block.text.split("$ runner ").skip(1);
    calls
        .map(|call| {
            let (line, shown) = call.split_once('\n').unwrap_or((call, ""));
            Call {
                line: line.to_owned(),
                shown: shown.to_owned(),
            }
        })
        .collect()
}

impl Call {
    /// Runs the call and returns its output.
    fn output(&self, folder: &Path, place: &str) -> String {
        let mut arguments = words(&self.line);
        assert!(
            can_be_run(&arguments),
            "{place}: `{}` is not run",
            self.line
        );
        let says_format = arguments.iter().any(|word| word == "-o" || word == "--out");
        // A report is the same everywhere.
        let is_report = arguments.iter().any(|word| word.contains("-report"));
        let has_table =
            matches!(arguments[0].as_str(), "run" | "sql" | "sync" | "ping") && !is_report;
        if has_table && !says_format {
            arguments.extend(["-o".to_owned(), "table".to_owned()]);
        }
        output_of(&runner(folder, &arguments))
    }

    /// Returns true if the page shows what was printed.
    fn is_shown(&self, printed: &str) -> bool {
        match self.shown.strip_suffix(CUT) {
            Some(beginning) => steady(printed).starts_with(&steady(beginning)),
            None => steady(printed) == steady(&self.shown),
        }
    }

    /// Returns the expected content of the page, with the same number of lines if truncated.
    fn anew(&self, printed: &str) -> String {
        let pattern = Regex::new(r"127\.0\.0\.1:\d+").expect("a pattern");
        let printed = pattern.replace_all(printed, "127.0.0.1:4010");
        match self.shown.strip_suffix(CUT) {
            Some(beginning) => {
                let lines = printed.lines().take(beginning.lines().count());
                let lines: Vec<&str> = lines.collect();
                format!("{}\n{CUT}", lines.join("\n"))
            }
            None => format!("{}\n", printed.trim_end()),
        }
    }
}

#[test]
fn the_examples_print_what_the_pages_show() {
    let updates = std::env::var_os("DOCS_UPDATE").is_some();
    let fresh = clone();
    let mut count = 0;
    let mut differing = Vec::new();
    for page in pages() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let is_tutorial = page == TUTORIAL;
        let folder = if is_tutorial { &empty } else { &fresh };
        let mut text = read(&page);
        let before = text.clone();
        for block in blocks_of(&page) {
            if let Some(path) = block.path().filter(|_| is_tutorial) {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, &block.text).expect("a file");
            }
            if block.info != "console" {
                continue;
            }
            for call in calls(&block) {
                let printed = call.output(folder.path(), &block.place());
                count += 1;
                if call.is_shown(&printed) {
                    continue;
                }
                if updates {
                    let old = format!("$ runner {}\n{}", call.line, call.shown);
                    let new = format!("$ runner {}\n{}", call.line, call.anew(&printed));
                    text = text.replacen(&old, &new, 1);
                }
                differing.push(format!(
                    "{}: $ runner {}\n--- shown\n{}\n--- printed\n{}\n",
                    block.place(),
                    call.line,
                    steady(&call.shown),
                    steady(&printed)
                ));
            }
        }
        // Another test writes pages too.
        if updates && text != before {
            fs::write(root().join(&page), text).expect("a page");
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(count >= 30, "the examples were not found");
}

/// The queries and resources of `examples/`: those beside the shipped ones, and a project of its own.
#[test]
fn the_examples_pass_check() {
    let folder = clone();
    let mut arguments = vec!["check".to_owned()];
    for entry in fs::read_dir(root().join("examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let name = path.file_name().expect("a name").to_string_lossy();
            arguments.push(format!("examples/{name}"));
        }
    }
    assert!(arguments.len() > 5, "the examples were not found");
    for arguments in [
        arguments,
        vec!["check".to_owned(), "examples/connections".to_owned()],
    ] {
        let output = runner(folder.path(), &arguments);
        assert!(output.status.success(), "{}", output_of(&output));
    }
    let broken = runner(
        folder.path(),
        &["check".to_owned(), "examples/broken/slow.yaml".to_owned()],
    );
    assert_eq!(broken.status.code(), Some(2));
}

/// Every example is on a page, and every file on a page is in the repository.
#[test]
fn files_on_the_pages_are_those_of_the_repository() {
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
    let mut shown = BTreeSet::new();
    let of_files = |block: &&Block| block.page != TUTORIAL && !block.page.starts_with(CODES);
    for block in blocks().iter().filter(of_files) {
        if let Some(path) = block.path() {
            assert_eq!(bare(&block.text), bare(&read(path)), "{}", block.place());
            shown.insert(path.to_owned());
        }
    }
    // It has nothing to show: it marks a project.
    let is_mark = |path: &String| path.ends_with("/runner.yaml");
    let examples = rust_files("examples").into_iter();
    let all: BTreeSet<String> = examples.filter(|path| !is_mark(path)).collect();
    let missing: Vec<&String> = all.difference(&shown).collect();
    assert!(missing.is_empty(), "on no page: {missing:?}");
}

#[test]
fn parts_of_files_are_good_too() {
    let folder = clone();
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
            "{}: {}",
            block.place(),
            output_of(&output)
        );
    }
    assert!(parts > 0, "the parts were not found");
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The headings of a page, outside of its blocks.
fn headings(page: &str) -> Vec<String> {
    let mut is_block = false;
    let mut headings = Vec::new();
    for line in read(page).lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if line.starts_with('#') && !is_block {
            headings.push(line.to_owned());
        }
    }
    headings
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages() {
        let folder = Path::new(&page).parent().expect("a folder");
        for found in link.captures_iter(&read(&page)) {
            let target = &found[1];
            if target.starts_with("https://") || target.starts_with("http://") {
                continue;
            }
            count += 1;
            let (file, part) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                PathBuf::from(&page)
            } else {
                folder.join(file)
            };
            let is_there = root().join(&path).exists();
            let has_part = || {
                let page = fs::canonicalize(root().join(&path)).expect("a page");
                let page = page.strip_prefix(root()).expect("below the root");
                let all = headings(&page.to_string_lossy());
                all.iter().any(|heading| anchor(heading) == part)
            };
            if !is_there || !part.is_empty() && !has_part() {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(count > 50, "the links were not found");
}

/// README.md is a door, not the house.
#[test]
fn the_readme_is_short() {
    assert!(read("README.md").lines().count() < 250);
}

/// The part of a page below a heading, up to the next one of its level or above.
fn section(page: &str, heading: &str) -> String {
    let text = read(page);
    let level = heading.split(' ').next().unwrap_or_default();
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "{page} has no `{heading}`");
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

/// Returns the texts between backticks.
fn code(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let folder = clone();
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
    let shown: Vec<(String, String)> = tables(&read("docs/reference/exit-codes.md"))
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(shown, listed);
}

/// Returns the keys read in some source files, in any mapping.
fn keys_in(files: &[&str]) -> BTreeSet<String> {
    let asked = Regex::new(
        r#"(?s)\.(?:get|entry|read|boolean|duration|integer|one_of)\(\s*"([a-z_]+)"|&mut fields,\s*"([a-z_]+)"|part\("([a-z_]+)"|text\("([a-z_]+)", faults"#,
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
    let reference: String = ["project-file", "resource-file", "query-file", "test-file"]
        .iter()
        .map(|page| read(&format!("docs/reference/{page}.md")))
        .collect();
    let words: BTreeSet<&str> = reference
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| !words.contains(key.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in the file reference: {missing:?}");
}

/// Returns true if a file is refused because of an unknown key.
fn is_unknown(kind: &str, text: &str, key: &str) -> bool {
    let folder = clone();
    fs::write(folder.path().join(kind).join("probe.yaml"), text).expect("a file");
    let probe = format!("{kind}/probe.yaml");
    let shown = output_of(&runner(folder.path(), &["check".to_owned(), probe]));
    shown.contains(&format!("unknown key `{key}`"))
        || shown.contains(&format!("`{key}` is not supported"))
}

#[test]
fn the_keys_of_the_file_reference_exist() {
    assert!(is_unknown(
        "queries",
        "resource: circleci\nnonsense: 1\n",
        "nonsense"
    ));
    for (heading, kind, start) in [
        ("# Resource file", "resources", "probed: 1\n"),
        ("# Query file", "queries", "probed: 1\n"),
    ] {
        let page = heading
            .trim_start_matches("# ")
            .to_lowercase()
            .replace(' ', "-");
        let text = section(&format!("docs/reference/{page}.md"), heading);
        let top = text.split("\n## ").next().unwrap_or_default();
        let keys = first_names(top);
        assert!(keys.len() > 15, "the table was not found");
        for key in keys {
            let text = format!("{start}{key}: [[]]\n");
            assert!(!is_unknown(kind, &text, &key), "`{key}` of {heading}");
        }
    }
    for (heading, before) in [
        ("## Vars", "vars:\n  x:\n    "),
        ("## Extract", "extract:\n  x:\n    "),
        ("## Polling", "poll:\n    "),
    ] {
        let text = section("docs/reference/query-file.md", heading);
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
    let text = section(
        "docs/reference/templates.md",
        "## Templates and expressions",
    );
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
    let folder = clone();
    let refused = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        output_of(&runner(folder.path(), &arguments))
    };
    // The message of a wrong name lists the right ones.
    let message = refused(&["run", "me", "-o", "nonsense"]);
    let (_, formats) = message.split_once("expected ").expect("the list");
    let formats: BTreeSet<String> = code(formats.lines().next().unwrap_or_default())
        .into_iter()
        .collect();
    let table = read("docs/reference/formats.md");
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
    let vars = section("docs/reference/query-file.md", "## Vars");
    let table = vars
        .split("\n\n")
        .find(|part| part.starts_with("| type"))
        .expect("a table of types");
    assert_eq!(first_names(table), types);

    let help = refused(&["--help"]);
    let commands = read("docs/reference/commands.md");
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
    let section = section("docs/reference/templates.md", "## How values are sent");
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
        let printed = output_of(&runner(folder.path(), &arguments));
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
    let start = section("README.md", "## Quick start");
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
