//! Inputs of a call: `NAME=VALUE`, `NAME=@file`, `NAME:=json` and `--vars FILE`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::core::code::Code;
use crate::core::document::Content;
use crate::core::{json, name};
use crate::decode::{BodyKind, ByteSource};
use crate::plan::{Input, Inputs};
use crate::project::load::{bounded, plain};
use crate::sink::{Spool, Spooled};

/// The maximum size of a value.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The arguments of a call, as they are parsed.
#[derive(Debug, clap::Args)]
struct Parsed {
    /// Queries, by path or name, and their vars: NAME=VALUE, NAME=@FILE, NAME:=JSON
    #[arg(value_name = "QUERY | NAME=VALUE")]
    words: Vec<String>,

    /// Set a var (same as NAME=VALUE)
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub struct Words {
    /// Queries by path or name.
    pub queries: Vec<String>,
    /// Assignments in order.
    pub assignments: Vec<String>,
}

impl clap::Args for Words {
    fn augment_args(command: clap::Command) -> clap::Command {
        Parsed::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Parsed::augment_args_for_update(command)
    }
}

impl clap::FromArgMatches for Words {
    /// Collects the assignments with and without `--var` in command-line order.
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let parsed = Parsed::from_arg_matches(matches)?;
        let places = |id: &str| matches.indices_of(id).into_iter().flatten();
        let mut sorted = Self::default();
        let mut assignments: Vec<(usize, String)> = places("vars").zip(parsed.vars).collect();
        for (place, word) in places("words").zip(parsed.words) {
            if assigned_name(&word).is_some() {
                assignments.push((place, word));
            } else {
                sorted.queries.push(word);
            }
        }
        assignments.sort_by_key(|(place, _)| *place);
        sorted.assignments = assignments.into_iter().map(|(_, word)| word).collect();
        Ok(sorted)
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Separates queries from assignments.
pub fn sort_out(words: &[String]) -> Words {
    let mut sorted = Words::default();
    for word in words {
        if assigned_name(word).is_some() {
            sorted.assignments.push(word.clone());
        } else {
            sorted.queries.push(word.clone());
        }
    }
    sorted
}

/// Returns the name in an assignment.
fn assigned_name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let name = name.strip_suffix(':').unwrap_or(name);
    name::is_identifier(&name.replace('-', "_")).then_some(name)
}

/// Reads all values, those of files first, so that the command line overrides them.
///
/// # Errors
///
/// The first argument that cannot be read.
pub fn read(files: &[PathBuf], assignments: &[String], folder: &Path) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new();
    for file in files {
        inputs.extend(vars_file(file, folder)?);
    }
    for word in assignments {
        let (name, input) = assignment(word)?;
        inputs.insert(name, input);
    }
    Ok(inputs)
}

fn assignment(word: &str) -> Result<(String, Input), Failure> {
    let (Some(name), Some((left, value))) = (assigned_name(word), word.split_once('=')) else {
        return Err(Failure::usage(
            Code::Assignment,
            format!("`{word}` is not `NAME=VALUE`"),
        ));
    };
    let is_json = left.ends_with(':');
    let from_file = value.strip_prefix('@');
    let text = match from_file {
        None => value.to_owned(),
        Some(path) => content(path).map_err(|words| {
            Failure::usage(Code::Var, format!("`{name}`: {words}")).help(format!(
                "write a value that begins with `@` as `{name}:='\"@…\"'`"
            ))
        })?,
    };
    if !is_json {
        return Ok((name.to_owned(), Input::Text(text)));
    }
    // The value may be a secret: the parser's message does not repeat it.
    let value: Value = json::parse(text.as_bytes()).map_err(|error| {
        Failure::usage(Code::Var, format!("`{name}:=` takes JSON: {error}"))
            .help(format!("write a string as `{name}=…`"))
    })?;
    Ok((name.to_owned(), Input::Json(value)))
}

/// Reads all of standard input.
///
/// # Errors
///
/// A message, if it is too long or cannot be read.
pub fn standard_input(most: u64) -> Result<Vec<u8>, String> {
    bounded::read(std::io::stdin(), most)
}

/// Standard input as a table.
#[derive(Debug)]
pub enum StandardInput {
    /// Read once, while it comes.
    Stream,
    /// A copy, to be read twice.
    Copy(Spooled),
}

impl StandardInput {
    /// Opens standard input. A table with a header is read twice, and thus copied.
    ///
    /// # Errors
    ///
    /// A message, if it cannot be read or copied.
    pub fn open(kind: BodyKind) -> Result<Self, String> {
        if !matches!(kind, BodyKind::Csv | BodyKind::Tsv) {
            return Ok(Self::Stream);
        }
        let mut spool = Spool::default();
        let mut buffer = vec![0; 64 << 10];
        let mut input = io::stdin().lock();
        loop {
            let read = match input.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) => return Ok(Self::Copy(spool.into_source())),
                read => read.and_then(|count| spool.push(&buffer[..count])),
            };
            read.map_err(|error| format!("cannot be read: {}", plain(&error)))?;
        }
    }
}

impl ByteSource for StandardInput {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Stream => Box::new(io::stdin()),
            Self::Copy(copy) => copy.reader(),
        })
    }
}

/// Reads a file, or standard input for `-`, without its last line break.
///
/// # Errors
///
/// A message, if it is too long or cannot be read.
pub fn content(path: &str) -> Result<String, String> {
    let (shown, bytes) = if path == "-" {
        ("standard input".to_owned(), standard_input(LONGEST))
    } else {
        let bytes = bounded::anything(Path::new(path), LONGEST);
        (format!("`{path}`"), bytes)
    };
    let text = bytes.and_then(bounded::text);
    let mut text = text.map_err(|words| format!("{shown} {words}"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn vars_file(path: &Path, folder: &Path) -> Result<Inputs, Failure> {
    let node = crate::project::document(path, folder).map_err(Failure::from_diagnostics)?;
    let Content::Map(entries) = &node.content else {
        return Err(Failure::usage(
            Code::VarsFile,
            format!("`{}` takes a mapping of names to values", path.display()),
        ));
    };
    Ok(entries
        .iter()
        .map(|entry| {
            let value = entry.value.to_json();
            let input = match &entry.value.content {
                // As if typed, so that `since: 7d` and `tags: a,b` mean the same here.
                Content::Text(text) => Input::Text(text.clone()),
                Content::Number(_, written) => Input::Number(value, written.clone()),
                _ => Input::Json(value),
            };
            (entry.key.clone(), input)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_assignments_are_distinguished() {
        let words: Vec<String> = [
            "queries/a=b.yaml",
            "get-workflow",
            "x=1",
            "y:=[1]",
            "a-b=1",
            "=1",
        ]
        .map(str::to_owned)
        .to_vec();
        let sorted = sort_out(&words);
        assert_eq!(sorted.queries, ["queries/a=b.yaml", "get-workflow", "=1"]);
        assert_eq!(sorted.assignments, ["x=1", "y:=[1]", "a-b=1"]);
    }

    #[test]
    fn a_value_may_hold_anything() {
        let read = |word: &str| match assignment(word) {
            Ok((_, Input::Text(text) | Input::Environment(text))) => text,
            Ok((_, Input::Json(value) | Input::Number(value, _) | Input::Secret(value))) => {
                format!("json {value}")
            }
            Err(failure) => format!("failure {}", failure.code),
        };
        assert_eq!(read("x=a=b c"), "a=b c");
        assert_eq!(read("x="), "");
        assert_eq!(read("x:={\"a\": 1}"), "json {\"a\":1}");
        assert_eq!(read("x:=nope"), "failure var");
        assert_eq!(read("x=@/no/such/file"), "failure var");
    }
}
