//! Values of options and arguments: names of the project, vars and their words, columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Arg, Command};

use crate::cli::app::App;
use crate::cli::complete::candidate::{Candidate, Completions};
use crate::cli::complete::operations::operations;
use crate::cli::options::format_names;
use crate::cli::{explain, inputs, run, setup};
use crate::core::json;
use crate::project::query::{Var, VarType};
use crate::project::{Project, Query};

/// The words before the one at the cursor.
pub struct CommandLine<'w> {
    /// The verb.
    pub verb: &'w str,
    /// The words after it.
    pub before: &'w [String],
    /// True if the shell shows descriptions.
    pub describes: bool,
}

/// The placeholders of values that are files or folders.
const PATHS: [&str; 6] = ["FILE", "DIR", "PATH", "FOLDER", "PLAN", "PLAN#K"];

/// Returns the values of an option that begin as written.
pub fn of_option(option: &Arg, written: &str, line: &CommandLine<'_>, app: &App) -> Completions {
    let possible = possible_values(option);
    if !possible.is_empty() {
        return Completions::words(possible);
    }
    match option.get_id().as_str() {
        "output" => Completions::words(format_names().into_iter().map(Candidate::new).collect()),
        "columns" => columns(written, line, app),
        "vars" if line.verb != "sql" && option.get_long() == Some("var") => {
            Completions::words(assignments(written, line, app))
        }
        "from" => sources(written, line, app),
        "env" => environments(app),
        _ if takes_path(option) => Completions::files(),
        _ => Completions::default(),
    }
}

/// Returns the values of an argument that begin as written.
pub fn of_argument(
    command: &Command,
    index: usize,
    written: &str,
    line: &CommandLine<'_>,
    app: &App,
) -> Completions {
    match line.verb {
        "run" | "plan" => queries_and_vars(written, line, app),
        "record" => match index {
            0 => Completions::words(cases(app)),
            _ => Completions::words(assignments(written, line, app)),
        },
        "test" => Completions::words(cases(app)),
        "show" | "new" | "list" if written.contains(':') => {
            Completions::words(operations(written, app))
        }
        "show" => {
            let mut names = queries(line, app);
            names.extend(resources(app));
            or_files(written, names)
        }
        "ping" => Completions::words(resources(app)),
        "explain" => {
            let codes = explain::summaries();
            let codes = codes.map(|(code, summary)| {
                Candidate::described(code, Some(summary.trim_end_matches('.').to_owned()))
            });
            Completions::words(codes.collect())
        }
        _ => {
            let positionals: Vec<&Arg> = command.get_positionals().collect();
            let argument = positionals.get(index).or(positionals.last());
            argument.map_or_else(Completions::default, |argument| {
                let possible = possible_values(argument);
                if possible.is_empty() && takes_path(argument) {
                    Completions::files()
                } else {
                    Completions::words(possible)
                }
            })
        }
    }
}

fn possible_values(argument: &Arg) -> Vec<Candidate> {
    let values = argument.get_possible_values().into_iter();
    let values = values.filter(|value| !value.is_hide_set());
    values
        .map(|value| {
            let help = value.get_help().map(ToString::to_string);
            Candidate::described(value.get_name(), help)
        })
        .collect()
}

fn takes_path(argument: &Arg) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names.iter().any(|name| PATHS.contains(&name.as_str()))
}

/// Returns names, or files for a word that is a path.
fn or_files(written: &str, names: Vec<Candidate>) -> Completions {
    if written.contains('/') || written.starts_with('.') {
        return Completions::files();
    }
    Completions::words(names)
}

/// Returns the queries of `run`, and the vars of those that were named.
fn queries_and_vars(written: &str, line: &CommandLine<'_>, app: &App) -> Completions {
    if written.contains('=') {
        return Completions::words(assignments(written, line, app));
    }
    if written.contains(':') {
        return Completions::words(operations(written, app));
    }
    // `run` takes several queries, but after one its vars are more likely.
    let mut vars = assignments(written, line, app);
    vars.retain(|var| var.word.starts_with(written));
    if vars.is_empty() {
        vars = queries(line, app);
    }
    or_files(written, vars)
}

fn project(app: &App) -> Option<Project> {
    setup::project_here(app).ok()
}

/// Returns the queries of the project, except those that were named.
fn queries(line: &CommandLine<'_>, app: &App) -> Vec<Candidate> {
    let Some(project) = project(app) else {
        return Vec::new();
    };
    let is_new = |name: &str| !line.before.iter().any(|word| word == name);
    let named = project.named().iter().filter(|(name, _)| is_new(name));
    let mut queries: Vec<Candidate> = named
        .map(|(name, path)| {
            let description = line.describes.then(|| project.description_at(path));
            Candidate::described(name.as_str(), description.flatten())
        })
        .collect();
    queries.sort_by(|left, right| left.word.cmp(&right.word));
    queries
}

fn resources(app: &App) -> Vec<Candidate> {
    let project = project(app);
    let files = project.iter().flat_map(Project::resources);
    let candidates = files.map(|file| {
        let any = file.base.iter().chain(file.environments.values()).next();
        let description = any.and_then(|resource| resource.description.clone());
        Candidate::described(file.name.as_str(), description)
    });
    candidates.collect()
}

fn environments(app: &App) -> Completions {
    let names = project(app).map(|project| project.environment_names());
    Completions::words(names.into_iter().flatten().map(Candidate::new).collect())
}

/// Returns the names of test files and of their cases.
fn cases(app: &App) -> Vec<Candidate> {
    let files = project(app).map(|project| project.case_names());
    let mut candidates = Vec::new();
    for (file, cases) in files.into_iter().flatten() {
        let of_file = cases
            .iter()
            .map(|case| Candidate::new(format!("{file}/{case}")));
        candidates.extend(of_file);
        candidates.push(Candidate::new(file));
    }
    candidates.sort_by(|left, right| left.word.cmp(&right.word));
    candidates
}

/// Returns the queries that were named, as far as they can be read.
fn named_queries(line: &CommandLine<'_>, app: &App) -> Vec<Arc<Query>> {
    let plain: Vec<String> = line
        .before
        .iter()
        .filter(|word| !word.starts_with('-'))
        .map(|word| match line.verb {
            // `record` names a case: QUERY/CASE.
            "record" if !setup::is_path(word.split('/').next().unwrap_or(word), app) => {
                word.split('/').next().unwrap_or(word).to_owned()
            }
            _ => word.clone(),
        })
        .collect();
    let queries = inputs::sort_out(&plain).queries.into_iter();
    let found = queries.filter_map(|word| run::find(&word, app).ok()?.1.ok());
    found.collect()
}

/// Returns `NAME=` for each var that has no value yet, or `NAME=VALUE` for the words of one.
fn assignments(written: &str, line: &CommandLine<'_>, app: &App) -> Vec<Candidate> {
    let queries = named_queries(line, app);
    let mut seen = BTreeSet::new();
    let vars = queries.iter().flat_map(|query| &query.vars);
    let vars = vars.filter(|var| seen.insert(var.name.clone()));
    match written.split_once('=') {
        Some((name, _)) => vars
            .filter(|var| var.name == name.replace('-', "_"))
            .flat_map(|var| choices(var, name))
            .collect(),
        None => vars
            .filter(|var| !is_given(&var.name, line.before))
            .map(|var| Candidate::described(format!("{}=", var.name), var.description.clone()))
            .collect(),
    }
}

fn is_given(name: &str, words: &[String]) -> bool {
    words.iter().any(|word| {
        let given = word
            .split_once('=')
            .map(|(given, _)| given.trim_end_matches(':'));
        given.is_some_and(|given| given.replace('-', "_") == name)
    })
}

/// Returns the words that a var allows.
fn choices(var: &Var, name: &str) -> Vec<Candidate> {
    let values: Vec<String> = match &var.choices {
        Some(choices) => choices.iter().map(json::plain).collect(),
        None if var.kind == VarType::Bool => vec!["true".to_owned(), "false".to_owned()],
        None => Vec::new(),
    };
    let values = values
        .iter()
        .map(|value| Candidate::new(format!("{name}={value}")));
    values.collect()
}

/// Returns the columns of the queries after those that are written.
fn columns(written: &str, line: &CommandLine<'_>, app: &App) -> Completions {
    let (before, _) = written.rsplit_once(',').unwrap_or_default();
    let chosen: Vec<&str> = before.split(',').collect();
    let before = match before {
        "" => String::new(),
        before => format!("{before},"),
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    for query in named_queries(line, app) {
        for column in query.columns().into_iter().flatten() {
            let candidate = Candidate::new(format!("{before}{column}"));
            if !chosen.contains(&column.as_str()) && !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
    }
    Completions::words(candidates)
}

/// Returns the sources of a table, `NAME=QUERY`.
fn sources(written: &str, line: &CommandLine<'_>, app: &App) -> Completions {
    let Some((name, source)) = written.split_once('=') else {
        // The usual name of a table is that of its query.
        let names = queries(line, app).into_iter().map(|query| {
            let word = format!("{}={}", query.word.replace(['-', '.'], "_"), query.word);
            Candidate::described(word, query.description)
        });
        return Completions::words(names.collect());
    };
    if source.contains(':') {
        return Completions::words(operations(source, app)).after(&format!("{name}="));
    }
    Completions::words(queries(line, app)).after(&format!("{name}="))
}
