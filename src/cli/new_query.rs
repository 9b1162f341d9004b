//! Writes a new query file of the project. An existing file is never replaced.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::schema;
use crate::core::code::Code;
use crate::core::text::counted;
use crate::project::draft::Draft;
use crate::project::{Project, Query, load, query};
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
                && !part.starts_with(['-', '.'])
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
        if path
            .parent()
            .is_some_and(|folder| load::goes_through_link(project.root(), folder))
        {
            let words = format!("`{shown}` is below a link, which may lead out of the project");
            return Err(Failure::usage(Code::CannotWrite, words));
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

    /// Returns the path of the file, as it is shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Checks a draft. Its resource may be new.
    ///
    /// # Errors
    ///
    /// All its faults.
    pub fn check(&self, draft: &Draft, has_new_resource: bool) -> Result<(), Failure> {
        self.read(draft, has_new_resource).map(|_| ())
    }

    fn read(&self, draft: &Draft, has_new_resource: bool) -> Result<Query, Failure> {
        let new = draft.resource.as_deref().filter(|_| has_new_resource);
        let read = self.project.drafted_query(draft, &self.name, new);
        read.map_err(Failure::from_diagnostics)
    }

    /// Writes the file and says what next.
    ///
    /// # Errors
    ///
    /// If the draft has faults, or the file exists or cannot be written.
    pub fn write(&self, draft: &Draft, quiet: bool, app: &App) -> Result<(), Failure> {
        self.write_beside(draft, false, &[], quiet, app)
    }

    /// As [`NewQuery::write`], with notes, beside a resource that may be new.
    ///
    /// # Errors
    ///
    /// As [`NewQuery::write`].
    pub fn write_beside(
        &self,
        draft: &Draft,
        has_new_resource: bool,
        notes: &[String],
        quiet: bool,
        app: &App,
    ) -> Result<(), Failure> {
        let query = self.read(draft, has_new_resource)?;
        write_file(
            &self.path,
            &self.shown,
            &(self.modeline() + &draft.to_yaml()),
        )?;
        if quiet {
            return Ok(());
        }
        let columns = match draft.extract.len() {
            0 => String::new(),
            count => format!(", with {}", counted(count as u64, "column")),
        };
        app.eprintln(&format!("wrote {}{columns}", self.shown));
        for note in notes {
            app.eprintln(&format!("  {note}"));
        }
        let call = query::example_call(&query, |var| var.required);
        let dry_run = if query.is_safe() { "" } else { " --dry-run" };
        app.eprintln(&format!(
            "next: edit it, then `runner check {}` and `runner run {call}{dry_run}`",
            self.shown
        ));
        Ok(())
    }
}

impl NewQuery<'_> {
    /// Returns the line that names the schema for editors, if the project has it.
    fn modeline(&self) -> String {
        let root = self.project.root();
        let has_schema = root.join(schema::FOLDER).join("query.json").exists();
        match self.path.strip_prefix(root) {
            Ok(file) if has_schema => schema::modeline("query", file),
            _ => String::new(),
        }
    }
}

/// Writes a file that does not exist yet.
///
/// # Errors
///
/// If it exists, or cannot be written.
pub fn write_file(path: &Path, shown: &str, text: &str) -> Result<(), Failure> {
    let written = sink::write_new_file(path, text.as_bytes());
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return exists(shown);
        }
        let why = load::plain(&error);
        let words = format!("cannot write `{shown}`: {why}");
        Failure::usage(Code::CannotWrite, words)
    })
}

fn exists(shown: &str) -> Failure {
    let words = format!("`{shown}` exists, and is not overwritten");
    Failure::usage(Code::Exists, words).help("choose another name, or remove the file")
}
