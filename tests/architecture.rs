//! Checks the code against the floor map in `src/lib.rs`: imports go down, never up or sideways,
//! and everything that touches the outside, or a large dependency, has one home.
//!
//! The sources are read as text. Comments are ignored, since a doc comment may mention an upper
//! floor. Everything else counts, including unit tests.

#[path = "architecture/offline.rs"]
mod offline;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its comments.
struct Source {
    /// From `src/`, with `/`.
    path: String,
    lines: Vec<String>,
}

impl Source {
    /// `crate::template::…` → `template`.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Returns the number of names in its module path: `a/b.rs` and `a/b/mod.rs` have two.
    fn depth(&self) -> usize {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        path.strip_suffix("/mod").unwrap_or(path).split('/').count()
    }

    /// Lines with their numbers.
    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .enumerate()
            .map(|(index, line)| (index + 1, line.as_str()))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources were not found");
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).expect("a source file can be read");
            let path = file.strip_prefix(&root).expect("it lies below src");
            Source {
                path: path.to_string_lossy().replace('\\', "/"),
                lines: text.lines().map(without_comment).collect(),
            }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Cuts `// …`, but not the `//` of a URL in a string.
fn without_comment(line: &str) -> String {
    let is_comment = |at: &usize| {
        let before = &line[..*at];
        !before.ends_with(':') && before.matches('"').count().is_multiple_of(2)
    };
    let cut = line.match_indices("//").map(|(at, _)| at).find(is_comment);
    line[..cut.unwrap_or(line.len())].to_owned()
}

/// Module → floor, as the table in `src/lib.rs` says.
fn floors() -> BTreeMap<String, u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(path).expect("src/lib.rs can be read");
    let mut floors = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let mut cells = line.split('|').map(str::trim);
        let (Some(floor), Some(modules)) = (cells.next(), cells.next()) else {
            continue;
        };
        let Ok(floor) = floor.parse::<u8>() else {
            continue;
        };
        for link in modules.split('[').skip(1) {
            let name = link.split(']').next().unwrap_or_default();
            let name = name.trim_matches('`').trim_start_matches("mod@");
            floors.insert(name.to_owned(), floor);
        }
    }
    floors
}

/// The modules that a line names: `use crate::a::b` and `crate::a::b` in the code.
fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter_map(|(at, word)| {
        // `$crate::` and `my_crate::` are others.
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let rest = &line[at + word.len()..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        Some(&rest[..end])
    })
}

fn assert_none(violations: &[String], rule: &str) {
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}

#[test]
fn the_map_names_every_module_and_no_other() {
    let floors = floors();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"))
        .expect("src/lib.rs can be read");
    let modules: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .filter_map(|rest| rest.strip_suffix(';'))
        .collect();
    let mapped: Vec<&str> = floors.keys().map(String::as_str).collect();
    let mut sorted = modules.clone();
    sorted.sort_unstable();
    assert_eq!(mapped, sorted, "the table and the modules of src/lib.rs");
}

/// The map itself must not be bent to fit the code.
#[test]
fn the_order_of_the_floors_stands() {
    let floors = floors();
    let order: [&[&str]; 8] = [
        &["core"],
        &["template", "http", "decode", "demo"],
        &["auth", "paginate", "format", "sql", "sink", "recording"],
        &["resource", "ending"],
        &["project"],
        &["plan"],
        &["engine"],
        &["cli"],
    ];
    for (floor, modules) in order.iter().enumerate() {
        for module in *modules {
            assert_eq!(
                floors.get(*module).copied().map(usize::from),
                Some(floor),
                "{module}"
            );
        }
    }
}

#[test]
fn imports_go_down_never_up_or_sideways() {
    let floors = floors();
    let mut violations = Vec::new();
    for source in sources() {
        let own = source.module();
        // `lib.rs` declares the floors and `main.rs` stands above all of them.
        let Some(floor) = floors.get(own) else {
            continue;
        };
        for (number, line) in source.numbered() {
            for named in named_modules(line).filter(|named| *named != own) {
                let place = format!("src/{}:{number}", source.path);
                match floors.get(named) {
                    None => violations.push(format!(
                        "{place}: `crate::{named}` is no floor; name the module"
                    )),
                    Some(other) if other >= floor => violations.push(format!(
                        "{place}: `{own}` (floor {floor}) names `{named}` (floor {other})"
                    )),
                    Some(_) => {}
                }
            }
        }
    }
    assert_none(&violations, "imports go down");
}

#[test]
fn super_does_not_leave_a_floor() {
    let mut violations = Vec::new();
    for source in sources() {
        if matches!(source.path.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        // Inside `mod tests { … }` one `super` more stays in the file.
        let tests = source
            .lines
            .iter()
            .position(|line| line.starts_with("mod tests {"))
            .unwrap_or(usize::MAX);
        for (number, line) in source.numbered() {
            let longest = (1..=8)
                .rev()
                .find(|count| line.contains(&"super::".repeat(*count)))
                .unwrap_or(0);
            let inside = usize::from(number > tests);
            if longest >= source.depth() + inside {
                violations.push(format!("src/{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&violations, "`super` stays on its floor");
}

/// Modules that a floor must not use although they are below it.
#[test]
fn what_a_floor_does_not_know() {
    let rules: [(&str, &[&str], &str); 8] = [
        (
            "budget",
            &["core", "http", "store"],
            "a shared budget knows times and permits, not requests",
        ),
        (
            "demo",
            &["core"],
            "the embedded CircleCI stands on core alone",
        ),
        (
            "decode",
            &["core"],
            "a decoder knows bytes, not where they came from",
        ),
        (
            "format",
            &["core"],
            "a format knows records, not where they came from",
        ),
        (
            "sql",
            &["core"],
            "tables know records, not where they came from",
        ),
        (
            "sink",
            &["core"],
            "a sink knows bytes, and that the process may end",
        ),
        (
            "engine",
            &[
                "auth",
                "budget",
                "core",
                "decode",
                "http",
                "paginate",
                "plan",
                "project",
                "recording",
                "resource",
                "sink",
                "sql",
                "store",
                "template",
            ],
            "the engine knows neither formats nor the demo; bodies of responses go to sinks",
        ),
        (
            "plan",
            &[
                "auth", "core", "http", "paginate", "project", "resource", "template",
            ],
            "a plan knows neither formats nor sinks nor the demo",
        ),
    ];
    let mut violations = Vec::new();
    for source in sources() {
        let own = source.module();
        for (module, known, why) in &rules {
            if own != *module {
                continue;
            }
            for (number, line) in source.numbered() {
                for named in named_modules(line) {
                    if named != own && !known.contains(&named) {
                        violations.push(format!("src/{}:{number}: `{named}`: {why}", source.path));
                    }
                }
            }
        }
    }
    assert_none(&violations, "what a floor does not know");
}

/// A word that is only allowed in some places.
struct Home {
    words: &'static [&'static str],
    places: &'static [&'static str],
    why: &'static str,
}

/// Places end in `/` for a folder. Tests beside the code are under the same rules.
const HOMES: &[Home] = &[
    Home {
        words: &[
            "reqwest::",
            "rustls::",
            "rustls_native_certs::",
            "webpki_roots::",
            "h2::",
        ],
        places: &["http/client.rs", "http/client/"],
        why: "one place talks to the network",
    },
    Home {
        words: &["minijinja::", "minijinja_contrib::"],
        places: &["template/"],
        why: "templates have one home",
    },
    Home {
        words: &["jsonpath_rust::"],
        places: &["template/selector/"],
        why: "selectors have one home",
    },
    Home {
        words: &["rusqlite::"],
        places: &["sql/", "store/sqlite.rs"],
        why: "SQL has one home, and the store's file another",
    },
    Home {
        words: &["postgres::", "tokio_postgres_rustls::"],
        places: &["store/postgres.rs", "store/address.rs"],
        why: "one place talks to PostgreSQL",
    },
    Home {
        words: &["parquet::"],
        places: &["store/export/columnar.rs"],
        why: "one file writes Parquet",
    },
    Home {
        words: &["saphyr_parser::"],
        places: &["project/yaml/"],
        why: "one file reads YAML",
    },
    Home {
        words: &["serde_yaml::"],
        // The YAML format writes by itself; its tests read back what it wrote.
        places: &[
            "project/yaml.rs",
            "project/yaml/",
            "format/tests.rs",
            "format/tests/",
        ],
        why: "one file reads YAML",
    },
    Home {
        words: &["csv::Reader"],
        // It stands beside our own readers and writers in their tests only.
        places: &["format/tests/", "decode/tests.rs"],
        why: "an empty field is not an empty text, which another reader does not tell apart",
    },
    Home {
        words: &[
            "clap::",
            "clap_complete::",
            "clap_mangen::",
            "terminal_size::",
        ],
        places: &["cli/"],
        why: "only the verbs know the command line",
    },
    Home {
        words: &["annotate_snippets::"],
        places: &["cli/show_failure.rs"],
        why: "one file makes text of a fault",
    },
    Home {
        words: &["hyper::", "hyper_util::", "http_body_util::"],
        places: &["demo/", "http/client.rs", "http/client/"],
        why: "only the demo is a server, and only the client looks behind reqwest",
    },
    Home {
        words: &["tempfile::"],
        // Tests of the store open files of a database.
        places: &["sink/", "store/tests.rs", "store/tests/"],
        why: "files appear whole in one place",
    },
    Home {
        words: &["ring::digest", "ring::rand"],
        // A recording names the files of a form instead of holding them; a store shortens keys.
        places: &[
            "sink/cache.rs",
            // A manifest names the content of files.
            "sink/staging.rs",
            "decode/whole.rs",
            "engine/download.rs",
            // The shares of a walk are the same on every machine, and a plan names its content.
            "engine/split.rs",
            "parts/digest.rs",
            // The key of digests that confirm writes.
            "cli/mcp/writing.rs",
            "recording/ask.rs",
            "store/rows.rs",
            // An alias is the same in every sync.
            "store/pseudonym.rs",
            // The name of a budget is the same in all processes.
            "budget/name.rs",
        ],
        why: "hashes name what lasts longer than a run",
    },
    Home {
        words: &["ring::pbkdf2"],
        places: &["budget/name.rs"],
        why: "only what others can read needs a slow hash",
    },
    Home {
        words: &["ring::hmac"],
        // A digest confirms what a tool of an assistant writes.
        places: &["sink/cache.rs", "auth/hmac.rs", "cli/mcp/writing.rs"],
        why: "keyed hashes name what is kept and sign requests",
    },
    Home {
        words: &["strsim::"],
        places: &["core/name.rs"],
        why: "names are compared in one place",
    },
    Home {
        words: &["println!", "eprintln!", "print!(", "eprint!(", "dbg!("],
        places: &["cli/app.rs"],
        why: "stdout is data, stderr is talk, and one file holds both",
    },
    Home {
        words: &["io::stdout", "io::stderr"],
        // A panic has no `App`, and some tests print how long a large listing took.
        places: &[
            "cli/app.rs",
            "cli/usage.rs",
            "sink/stdout.rs",
            // A part watches the reader of its records.
            "cli/part/guard.rs",
            // An assistant's client may not read.
            "cli/mcp/output.rs",
            "format/tests.rs",
            "sql/tests/measure.rs",
        ],
        why: "streams have two homes: talk and data",
    },
    Home {
        words: &["io::stdin"],
        places: &[
            "cli/app.rs",
            "cli/inputs.rs",
            "cli/mcp/input.rs",
            "cli/part/open.rs",
        ],
        why: "standard input is read where a flag asks for it",
    },
    Home {
        words: &["std::env::"],
        // The command line is read by `cli/mod.rs`, everything else by the `App`. A simulation is
        // replayed with the seed of a variable.
        places: &["cli/app.rs", "cli/mod.rs", "cli/simulation/seeds.rs"],
        why: "the environment is looked at once and passed on",
    },
    Home {
        words: &["std::fs", "tokio::fs"],
        places: &[
            "project/load/",
            "sink/",
            // `NAME=@file` of the command line.
            "cli/inputs.rs",
            // The seeds of fuzz targets, in a test.
            "cli/fuzzing.rs",
        ],
        why: "files are read by project/load and written by sink/",
    },
    Home {
        words: &["process::Command", "process::Stdio"],
        places: &["auth/command.rs", "cli/git.rs"],
        why: "other programs are started in two places",
    },
    Home {
        words: &["Timestamp::now(", "fastrand::"],
        // A mark for a secret contains a number that no foreign value can know; it is removed
        // before anything is printed. Random recordings and query files, from fixed seeds, are written
        // and read. The name of a temporary file is never seen.
        places: &[
            "cli/",
            "plan/disguise.rs",
            "project/draft/tests.rs",
            "recording/tests.rs",
            "sink/file.rs",
            "store/tests/rows.rs",
        ],
        why: "clock and chance are passed in",
    },
    Home {
        words: &["SystemTime::now("],
        // `Retry-After` may be a date, and is compared with the clock when it comes.
        places: &["http/", "engine/response.rs"],
        why: "clock and chance are passed in",
    },
    Home {
        words: &[
            "tokio::spawn",
            "thread::spawn",
            "thread::Builder",
            "spawn_local(",
        ],
        // The budget only matters with many waiting requests: its tests walk like an engine. The
        // verb runs beside its watcher. An answer is awaited on a thread, so that a signal ends a
        // prompt too, and a part watches its parent and reader, which no runtime waits for.
        places: &[
            "engine/",
            "demo/",
            "http/gate.rs",
            "http/limit/tests.rs",
            "http/limit/sharing/tests.rs",
            "cli/watcher.rs",
            "cli/app.rs",
            "cli/part/guard.rs",
            // Calls of an assistant run side by side, while its messages are read.
            "cli/mcp/input.rs",
            "cli/mcp/output.rs",
            "cli/mcp/serve.rs",
        ],
        why: "concurrency lives in the engine; the demo is a server of its own",
    },
    Home {
        words: &["#[allow(", "#![allow("],
        places: &[],
        why: "`#[expect(…, reason)]` says why, and tells when it is not needed any more",
    },
];

/// Names of a file that only resolve paths.
const LOCATES: [&str; 1] = ["std::fs::canonicalize"];

#[test]
fn the_outside_and_large_dependencies_have_one_home() {
    let mut violations = Vec::new();
    for source in sources() {
        for home in HOMES {
            if home.places.iter().any(|place| is_in(&source.path, place)) {
                continue;
            }
            for (number, line) in source.numbered() {
                let line = LOCATES
                    .iter()
                    .fold(line.to_owned(), |line, name| line.replace(name, ""));
                for word in home.words.iter().filter(|word| has_word(&line, word)) {
                    violations.push(format!(
                        "src/{}:{number}: `{word}`: {}",
                        source.path, home.why
                    ));
                }
            }
        }
    }
    assert_none(&violations, "one home");
}

fn is_in(path: &str, place: &str) -> bool {
    if place.ends_with('/') {
        path.starts_with(place)
    } else {
        path == place
    }
}

/// Returns true if a line contains a word, not just as the end of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn main_only_calls_the_library() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs"))
        .expect("src/main.rs can be read");
    assert!(text.lines().count() <= 12, "main.rs is ten lines");
    assert!(text.contains("runner::cli::main()"));
}

/// An unused dependency slows down every build.
#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .expect("Cargo.toml can be read");
    let sources = sources();
    let mut section = "";
    let mut unused = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, _)) = line
            .split_once(" = ")
            .filter(|_| section == "[dependencies]")
        else {
            continue;
        };
        let path = format!("{}::", name.trim().replace('-', "_"));
        let is_used = sources
            .iter()
            .flat_map(|source| &source.lines)
            .any(|line| has_word(line, &path));
        if !is_used {
            unused.push(name.trim().to_owned());
        }
    }
    assert!(unused.is_empty(), "no source names {unused:?}");
}

/// Circles of files that are one thing in several parts.
const CIRCLES: [&str; 2] = [
    // An environment registers filters and comparisons, which print and compare by its rules.
    "template/environment.rs, template/filters.rs, template/order.rs",
    // The data of a chart and its axes are read in turns.
    "template/chart/data.rs, template/chart/places.rs",
];

#[test]
fn files_do_not_import_each_other_in_circles() {
    let sources = sources();
    let names: BTreeMap<&str, usize> = sources
        .iter()
        .enumerate()
        .map(|(index, source)| (source.path.as_str(), index))
        .collect();
    let imports: Vec<Vec<usize>> = sources
        .iter()
        .map(|source| {
            let found = imported_files(source, &names);
            found
                .into_iter()
                .filter(|file| sources[*file].path != source.path)
                .collect()
        })
        .collect();
    let reached: Vec<Vec<bool>> = (0..sources.len())
        .map(|start| {
            let mut reached = vec![false; sources.len()];
            let mut open = imports[start].clone();
            while let Some(file) = open.pop() {
                if !std::mem::replace(&mut reached[file], true) {
                    open.extend(&imports[file]);
                }
            }
            reached
        })
        .collect();
    let circles: std::collections::BTreeSet<String> = (0..sources.len())
        .filter(|file| reached[*file][*file])
        .map(|file| {
            let members =
                (0..sources.len()).filter(|other| reached[file][*other] && reached[*other][file]);
            let paths: Vec<&str> = members.map(|other| sources[other].path.as_str()).collect();
            paths.join(", ")
        })
        .filter(|circle| !CIRCLES.contains(&circle.as_str()))
        .collect();
    let circles: Vec<String> = circles.into_iter().collect();
    assert_none(&circles, "no circles of imports");
}

/// Returns the files that `use crate::…` names. A `mod.rs` hands names of its parts on, so that it
/// does not count.
fn imported_files(source: &Source, names: &BTreeMap<&str, usize>) -> Vec<usize> {
    let text = source.lines.join(" ");
    // Tests may use what they like.
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for statement in text.split("use crate::").skip(1) {
        let path = statement.split([';', '{']).next().unwrap_or_default();
        let mut steps: Vec<&str> = path.split("::").map(str::trim).collect();
        while !steps.is_empty() {
            let file = format!("{}.rs", steps.join("/"));
            if let Some(index) = names.get(file.as_str()) {
                found.push(*index);
                break;
            }
            steps.pop();
        }
    }
    found
}
