//! `runner test` has no code path to the network: no file that it reaches by imports opens a
//! connection.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, assert_none, sources};

/// The verb.
const START: &str = "cli/test.rs";

/// The files that reach servers, or are one. Places end in `/` for a folder.
const NETWORK: [&str; 7] = [
    "cli/connect.rs",
    "demo/",
    "engine/bare.rs",
    "engine/live.rs",
    "http/client.rs",
    "http/client/",
    "http/split.rs",
];

/// A name that a file uses, as a path from the crate: `["http", "Client"]`.
type Path = Vec<String>;

/// Returns the modules of the crate: path → source file.
fn modules(sources: &[Source]) -> BTreeMap<Path, &Source> {
    let path_of = |source: &Source| -> Path {
        let path = source.path.strip_suffix(".rs").unwrap_or(&source.path);
        let path = path.strip_suffix("/mod").unwrap_or(path);
        path.split('/').map(str::to_owned).collect()
    };
    sources
        .iter()
        .map(|source| (path_of(source), source))
        .collect()
}

/// Returns the code of a file without its tests.
fn code(source: &Source) -> String {
    let text = source.lines.join("\n");
    // `#[cfg(test)] mod kinds;` in the middle of a list is not the end.
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Returns the leaves of a `use` tree: `a::{b, c::{self, D as E}}` → `a::b`, `a::c`, `a::c::D`.
fn leaves(tree: &str, prefix: &Path, found: &mut Vec<Path>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree).trim();
        let mut path = prefix.clone();
        let steps = name.split("::").map(str::trim);
        path.extend(
            steps
                .filter(|step| !step.is_empty() && *step != "self")
                .map(str::to_owned),
        );
        found.push(path);
        return;
    };
    let mut inner = prefix.clone();
    let steps = tree[..open].split("::").map(str::trim);
    inner.extend(steps.filter(|step| !step.is_empty()).map(str::to_owned));
    let body = tree[open + 1..]
        .trim_end()
        .strip_suffix('}')
        .unwrap_or_default();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in body.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                leaves(&body[start..at], &inner, found);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !body[start..].trim().is_empty() {
        leaves(&body[start..], &inner, found);
    }
}

/// Makes a path absolute that is relative to a module.
fn absolute(path: Path, module: &Path, modules: &BTreeMap<Path, &Source>) -> Path {
    match path.first().map(String::as_str) {
        Some("crate") => path[1..].to_vec(),
        Some("self") => module.iter().cloned().chain(path[1..].to_vec()).collect(),
        Some("super") => {
            let supers = path.iter().take_while(|step| *step == "super").count();
            let kept = module.len().saturating_sub(supers);
            module[..kept]
                .iter()
                .cloned()
                .chain(path[supers..].to_vec())
                .collect()
        }
        // A part of the module itself: `pub use client::Client` in `http/mod.rs`.
        Some(first) => {
            let mut own = module.clone();
            own.push(first.to_owned());
            if modules.contains_key(&own) {
                module.iter().cloned().chain(path).collect()
            } else {
                path
            }
        }
        None => path,
    }
}

/// Returns what a file imports, what it hands on (`pub use`), and the paths in its code.
fn uses(
    source: &Source,
    module: &Path,
    modules: &BTreeMap<Path, &Source>,
) -> (Vec<Path>, Vec<Path>) {
    let code = code(source);
    let (mut imported, mut handed_on) = (Vec::new(), Vec::new());
    for (at, _) in code.match_indices("use ") {
        let start = code[..at].rfind('\n').map_or(0, |line| line + 1);
        let before = code[start..at].trim();
        if !matches!(before, "" | "pub" | "pub(super)" | "pub(crate)") {
            continue;
        }
        let rest = &code[at + 4..];
        let tree = &rest[..rest.find(';').unwrap_or(0)];
        let mut found = Vec::new();
        leaves(tree, &Vec::new(), &mut found);
        let found = found
            .into_iter()
            .map(|path| absolute(path, module, modules));
        if before.is_empty() {
            imported.extend(found);
        } else {
            handed_on.extend(found);
        }
    }
    for (at, word) in code.match_indices("crate::") {
        let is_use = code[..at].trim_end().ends_with("use");
        let rest = &code[at + word.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        if !is_use {
            let steps = rest[..end.unwrap_or(rest.len())].split("::");
            imported.push(
                steps
                    .filter(|step| !step.is_empty())
                    .map(str::to_owned)
                    .collect(),
            );
        }
    }
    // A registry names all its kinds.
    if let Some(list) = code
        .split("\nkinds![")
        .nth(1)
        .or_else(|| code.split("\nkinds! {").nth(1))
    {
        let end = list.find([']', '}']).unwrap_or(list.len());
        for kind in list[..end].split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            let mut path = module.clone();
            path.push(kind.to_owned());
            if modules.contains_key(&path) {
                imported.push(path);
            }
        }
    }
    (imported, handed_on)
}

/// Returns the module that defines a name: `http::Client` is in `http/client.rs`.
fn defined_in(path: &Path, modules: &BTreeMap<Path, &Source>, depth: usize) -> Option<Path> {
    let longest = (1..=path.len())
        .rev()
        .find(|end| modules.contains_key(&path[..*end].to_vec()))?;
    let module = path[..longest].to_vec();
    let Some(name) = path.get(longest).filter(|_| depth < 8) else {
        return Some(module);
    };
    let (_, handed_on) = uses(modules[&module], &module, modules);
    for given in handed_on {
        if given.last() == Some(name) {
            return defined_in(&given, modules, depth + 1);
        }
    }
    Some(module)
}

#[test]
fn test_cases_reach_no_network() {
    let sources = sources();
    let modules = modules(&sources);
    let start: Path = vec!["cli".to_owned(), "test".to_owned()];
    assert_eq!(modules[&start].path, START);
    let mut open: Vec<(Path, String)> = vec![(start.clone(), START.to_owned())];
    // The parts of the verb.
    for module in modules.keys().filter(|path| path.starts_with(&start)) {
        open.push((module.clone(), START.to_owned()));
    }
    let mut known = BTreeSet::new();
    let mut violations = Vec::new();
    while let Some((module, trail)) = open.pop() {
        if !known.insert(module.clone()) {
            continue;
        }
        let source = modules[&module];
        let is_network = NETWORK.iter().any(|place| {
            place
                .strip_suffix('/')
                .map_or(source.path == *place, |folder| {
                    source.path.starts_with(&format!("{folder}/"))
                })
        });
        if is_network {
            violations.push(trail);
            continue;
        }
        let (imported, _) = uses(source, &module, &modules);
        for path in imported {
            if let Some(next) = defined_in(&path, &modules, 0)
                && next != module
            {
                let trail = format!("{trail} → {}", modules[&next].path);
                open.push((next, trail));
            }
        }
    }
    assert!(
        known.len() > 100,
        "the imports were not followed: {}",
        known.len()
    );
    let engine: Path = vec!["engine".to_owned(), "walk".to_owned()];
    assert!(known.contains(&engine), "the engine is reached");
    assert_none(&violations, "`runner test` reaches no network");
    // The map is not blind: the verb that runs queries does reach it.
    let run: Path = vec!["cli".to_owned(), "carry_out".to_owned()];
    let (imported, _) = uses(modules[&run], &run, &modules);
    let connect: Path = vec!["cli".to_owned(), "connect".to_owned()];
    let mut reached = imported
        .iter()
        .filter_map(|path| defined_in(path, &modules, 0));
    assert!(reached.any(|module| module == connect));
}
