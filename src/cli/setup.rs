//! Finds the project and the files that a command line names.

use std::path::{Path, PathBuf};

use crate::cli::app::App;
use crate::cli::failure::Failure;
use crate::cli::options::format_names;
use crate::core::code::Code;
use crate::project::{Project, Trust, load, split_operation};

/// Opens the project around a path.
pub fn project(start: &Path, app: &App) -> Result<Project, Failure> {
    let trust = Trust::new(&app.env);
    Project::open(start, &app.working_directory, &format_names(), &trust).map_err(Failure::from)
}

/// Opens the project around the working directory, or the built-in one if there is none.
pub fn project_here(app: &App) -> Result<Project, Failure> {
    let here = &app.working_directory;
    if load::root_of(here).is_some() {
        return project(here, app);
    }
    let trust = Trust::new(&app.env);
    Ok(Project::built_in(here, &format_names(), &trust))
}

/// Opens the project around the working directory. The built-in one has no tests.
pub fn project_with_tests(app: &App) -> Result<Project, Failure> {
    let project = project_here(app)?;
    if project.is_built_in() {
        let words = "no project found, and the built-in queries have no tests";
        return Err(Failure::usage(Code::NoProject, words)
            .help("run it in a folder with `queries/`, `resources/` or a `runner.yaml`")
            .help("write a starter project, with tests, with `runner init`"));
    }
    Ok(project)
}

/// Opens a project anew with places relative to its root, wherever one stands.
pub fn project_at_root(project: &Project, app: &App) -> Result<Project, Failure> {
    let root = project.root();
    let trust = Trust::new(&app.env);
    Project::open(root, root, &format_names(), &trust).map_err(Failure::from)
}

/// Prints a note that the built-in files are used.
pub fn note_built_in(project: &Project, quiet: bool, app: &App) {
    if project.is_built_in() && !quiet {
        app.eprintln("built-in: no project found, using the built-in queries and resources");
    }
}

/// Returns true if an argument is a path rather than the name of a query.
pub fn is_path(word: &str, app: &App) -> bool {
    let path = Path::new(word);
    if split_operation(word).is_some() && !load::is_yaml(path) {
        return false;
    }
    word.contains(['/', '\\'])
        || load::is_yaml(path)
        || (path.extension().is_some() && app.working_directory.join(path).is_file())
}

/// Resolves a path relative to the working directory.
pub fn resolved(word: &str, app: &App) -> PathBuf {
    app.working_directory.join(word)
}
