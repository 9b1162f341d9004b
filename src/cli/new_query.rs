//! Writes a new query file of the project. An existing file is never replaced.

use std::io;
use std::path::PathBuf;

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::core::code::Code;
use crate::core::text::counted;
use crate::project::draft::Draft;
use crate::project::{Project, load, query};
use crate::sink;

/// The place of a query file to be written.
pub struct NewQuery<'p> {
    name: String,
    path: PathBuf,
    shown: String,
    project: &'p Project,
}

impl<'p> NewQuery<'p> {
    /// Chooses the place: `queries/NAME.yaml`, where NAME may have folders.
    ///
    /// # Errors
    ///
    /// If there is no project, the name cannot be that of a query, or there is one of that name.
    pub fn new(name: &str, project: &'p Project, app: &App) -> Result<Self, Failure> {
        let name = name.strip_prefix("queries/").unwrap_or(name);
        let name = name.strip_suffix(".yaml").unwrap_or(name);
        let is_plain = |part: &str| {
            !part.trim_matches('.').is_empty()
                && !part.starts_with('-')
                && part
                    .chars()
                    .all(|character| character.is_alphanumeric() || "-_.".contains(character))
        };
        if !name.split('/').all(is_plain) {
            let words = format!("`{name}` cannot be the name of a query");
            return Err(Failure::usage(Code::InvalidName, words)
                .help("use letters, digits, `-`, `_` and `.`, for example `my-pipelines`"));
        }
        if project.is_built_in() {
            let words = "no project found, to which the query could be added";
            return Err(Failure::usage(Code::NoProject, words)
                .help("write a starter project with `runner init`"));
        }
        let path = project.root().join("queries").join(format!("{name}.yaml"));
        let shown = load::shown(&path, &app.working_directory);
        let stem = name.rsplit('/').next().unwrap_or(name).to_owned();
        if path.symlink_metadata().is_ok() {
            return Err(exists(&shown));
        }
        if project.has_query(&stem) {
            let words = format!("the project has a query `{stem}`");
            return Err(Failure::usage(Code::Exists, words).help("choose another name"));
        }
        Ok(Self {
            name: stem,
            path,
            shown,
            project,
        })
    }

    /// Returns the name of the query.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks a draft.
    ///
    /// # Errors
    ///
    /// All its faults.
    pub fn check(&self, draft: &Draft) -> Result<(), Failure> {
        let read = self.project.drafted_query(draft, &self.name);
        read.map(|_| ()).map_err(Failure::from_diagnostics)
    }

    /// Writes the file and says what next.
    ///
    /// # Errors
    ///
    /// If the draft has faults, or the file exists or cannot be written.
    pub fn write(&self, draft: &Draft, quiet: bool, app: &App) -> Result<(), Failure> {
        let query = self
            .project
            .drafted_query(draft, &self.name)
            .map_err(Failure::from_diagnostics)?;
        let written = sink::write_new_file(&self.path, draft.to_yaml().as_bytes());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.shown),
            _ => {
                let why = load::plain(&error);
                let words = format!("cannot write `{}`: {why}", self.shown);
                Failure::usage(Code::CannotWrite, words)
            }
        })?;
        if quiet {
            return Ok(());
        }
        let columns = match draft.extract.len() {
            0 => String::new(),
            count => format!(", with {}", counted(count as u64, "column")),
        };
        let call = query::example_call(&query, |var| var.required);
        app.eprintln(&format!("wrote {}{columns}", self.shown));
        app.eprintln(&format!(
            "next: edit it, then `runner check {}` and `runner run {call}`",
            self.shown
        ));
        Ok(())
    }
}

fn exists(shown: &str) -> Failure {
    let words = format!("`{shown}` exists, and is not overwritten");
    Failure::usage(Code::Exists, words).help("choose another name, or remove the file")
}
