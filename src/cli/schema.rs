//! `runner schema`: prints the JSON Schema of a kind of file.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::format_names;
use crate::cli::setup;
use crate::project::Project;
use crate::project::schema::{FileKind, ProjectNames, schema};

const EXAMPLES: &str = "\
Examples:
  runner schema query > .schemas/query.json
  runner schema query --project       with the names of this project's resources and queries
  runner schema test --project ../ci

In a file, an editor with the YAML language server finds its schema by the first line:
  # yaml-language-server: $schema=../.schemas/query.json";

/// Options of `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SchemaArgs {
    /// Kind of file
    #[arg(value_enum, value_name = "KIND")]
    pub kind: SchemaKind,

    /// Suggest the names of the project's own resources, queries and environments
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    pub project: Option<PathBuf>,
}

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaKind {
    /// A connection: `resources/**/*.yaml`
    Resource,
    /// A query: `queries/**/*.yaml`
    Query,
    /// Cases of a query: `tests/**/*.yaml`
    Test,
    /// Settings of a project: `runner.yaml`
    Project,
}

impl SchemaKind {
    fn file_kind(self) -> FileKind {
        match self {
            Self::Resource => FileKind::Resource,
            Self::Query => FileKind::Query,
            Self::Test => FileKind::Test,
            Self::Project => FileKind::Project,
        }
    }
}

/// Runs the verb.
///
/// # Errors
///
/// If there is no project where names were requested, or standard output cannot be written.
pub fn run(args: &SchemaArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let names = names(args, app)?;
    app.print(&text(args.kind, &names))?;
    Ok(Exit::Done)
}

/// Returns the text of a schema.
fn text(kind: SchemaKind, names: &ProjectNames) -> String {
    format!("{:#}\n", schema(kind.file_kind(), names))
}

/// The folder of a project's schemas.
pub const FOLDER: &str = ".schemas";

/// Returns the schemas of all kinds with the names of a project, each with the name of its file.
pub fn all(project: &Project) -> Vec<(&'static str, String)> {
    let mut names = formats_only();
    add_names(project, &mut names);
    let kinds = [
        ("resource.json", SchemaKind::Resource),
        ("query.json", SchemaKind::Query),
        ("test.json", SchemaKind::Test),
        ("project.json", SchemaKind::Project),
    ];
    kinds
        .map(|(file, kind)| (file, text(kind, &names)))
        .to_vec()
}

/// Returns the first line of a YAML file by which editors find its schema. `file` is its path below the
/// project's folder.
pub fn modeline(kind: &str, file: &Path) -> String {
    let up = "../".repeat(file.components().count().saturating_sub(1));
    format!("# yaml-language-server: $schema={up}{FOLDER}/{kind}.json\n")
}

fn formats_only() -> ProjectNames {
    let formats = format_names();
    // A snapshot of an unchanged response would be the recording.
    let snapshots = formats.iter().copied().filter(|name| *name != "raw");
    ProjectNames {
        snapshot_formats: snapshots.collect(),
        formats,
        ..ProjectNames::default()
    }
}

fn names(args: &SchemaArgs, app: &App) -> Result<ProjectNames, Failure> {
    let mut names = formats_only();
    if let Some(folder) = &args.project {
        let project = setup::project(&app.working_directory.join(folder), app)?;
        add_names(&project, &mut names);
    }
    Ok(names)
}

fn add_names(project: &Project, names: &mut ProjectNames) {
    let files = project.resources();
    names.resources = files.iter().map(|file| file.name.clone()).collect();
    names.queries = project.query_names().map(str::to_owned).collect();
    names.environments = project.environment_names();
    for list in [&mut names.resources, &mut names.queries] {
        list.sort();
        list.dedup();
    }
}
