//! `runner init`: writes a starter project. No existing file is changed.

mod files;

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::init::files::{FILES, Part};
use crate::cli::{git, setup};
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostics;
use crate::project::{Project, load};
use crate::sink;

const EXAMPLES: &str = "\
Examples:
  runner init                        # in this folder
  runner init ci-numbers             # in a folder of its own
  runner init --dry-run

It writes a connection, queries, a report, tests, and CI jobs to copy. Try them with:
  runner run ci-report --demo
  runner check
  runner test";

/// The file that marks a project.
const PROJECT_FILE: &str = "runner.yaml";

/// Options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// Folder of the project (default: the current folder)
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub folder: PathBuf,

    /// Print the names of the files, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
}

/// The fate of a starter file.
enum Fate {
    /// It is written.
    New,
    /// It is left out, with the reason.
    Kept(String),
}

/// Runs the verb.
///
/// # Errors
///
/// If the folder is inside of another project, has other files in the folders of a project, or
/// cannot be written.
pub fn run(args: &InitArgs, app: &App) -> Result<Exit, Stopped> {
    let folder = app.working_directory.join(&args.folder);
    refuse_inside(&folder, app)?;
    let known = known_project(&folder, app)?;
    let tests = tests_folder(&folder, known.as_ref());
    let mut text = String::new();
    let mut is_any = false;
    for (part, name, content) in FILES {
        let (name, content) = placed(*part, name, content, &tests);
        let path = folder.join(&name);
        let shown = shown(&path, app);
        match fate(*part, &path, known.as_ref()) {
            Fate::New => {
                if !args.dry_run {
                    write(&path, &shown, &content)?;
                }
                is_any = true;
                text.push_str(&format!("new   {shown}\n"));
            }
            Fate::Kept(why) => text.push_str(&format!("kept  {shown} ({why})\n")),
        }
    }
    if args.quiet {
        return Ok(Exit::Done);
    }
    app.print(&text)?;
    if args.dry_run {
        app.eprintln("nothing was written (`--dry-run`)");
    } else {
        say_next(&folder, is_any, args, app);
    }
    Ok(Exit::Done)
}

/// Refuses a folder inside of another project, which would hide its files.
fn refuse_inside(folder: &Path, app: &App) -> Result<(), Failure> {
    // A folder that does not exist yet has no project of its own.
    let existing = folder.ancestors().find(|folder| folder.exists());
    let Some(root) = existing.and_then(load::root_of) else {
        return Ok(());
    };
    // The file that is written into the folder makes it a project of its own where another one is
    // not marked, such as a folder `resources/` of something else.
    if load::real_path(folder) == root || !root.join(PROJECT_FILE).exists() {
        return Ok(());
    }
    let words = format!(
        "`{}` is inside of the project `{}`",
        shown(folder, app),
        shown(&root, app)
    );
    Err(Failure::usage(Code::Exists, words)
        .help("run it in that folder, or in one outside of the project"))
}

/// Returns the project of the folder, if it is one already.
fn known_project(folder: &Path, app: &App) -> Result<Option<Project>, Failure> {
    if load::root_of(folder).is_none() {
        return Ok(None);
    }
    let project = setup::project(folder, app)?;
    let is_marked = folder.join(PROJECT_FILE).exists();
    if let Some(file) = project.faulty_resource().filter(|_| !is_marked) {
        let words =
            format!("`{file}` is not a resource of runner, and its folder is that of resources");
        return Err(Failure::usage(Code::Exists, words)
            .help("use a folder of its own: `runner init ci-numbers`")
            .help("see its faults with `runner check`"));
    }
    Ok(Some(project))
}

/// Returns the folder of the tests below the project: `tests`, unless that has other files.
fn tests_folder(folder: &Path, known: Option<&Project>) -> PathBuf {
    let is_marked = folder.join(PROJECT_FILE).exists();
    if let Some(project) = known.filter(|_| is_marked) {
        let tests = project.tests_folder();
        return tests
            .strip_prefix(project.root())
            .map_or_else(|_| PathBuf::from("tests"), Path::to_path_buf);
    }
    let tests = folder.join("tests");
    let is_used = load::has_entries(&tests);
    let is_own = FILES
        .iter()
        .any(|(part, name, _)| matches!(part, Part::Tests) && folder.join(name).exists());
    PathBuf::from(if is_used && !is_own {
        "tests/runner"
    } else {
        "tests"
    })
}

/// Returns the name and the content of a starter file in this folder.
fn placed(part: Part, name: &str, content: &str, tests: &Path) -> (String, String) {
    let is_usual = tests == Path::new("tests");
    match part {
        Part::Tests if !is_usual => {
            let file = name.strip_prefix("tests/").unwrap_or(name);
            (
                tests.join(file).to_string_lossy().into_owned(),
                content.to_owned(),
            )
        }
        Part::Settings if !is_usual => {
            let tests = tests.to_string_lossy();
            let content = format!("{content}\ntests: {{ folder: {tests} }}\n");
            (name.to_owned(), content)
        }
        _ => (name.to_owned(), content.to_owned()),
    }
}

/// Decides if a starter file is written.
fn fate(part: Part, path: &Path, known: Option<&Project>) -> Fate {
    if path.symlink_metadata().is_ok() {
        return Fate::Kept("it exists".to_owned());
    }
    let Some(project) = known else {
        return Fate::New;
    };
    match part {
        Part::Resource
            if project
                .resources()
                .iter()
                .any(|file| file.name == "circleci") =>
        {
            Fate::Kept("the project has a resource `circleci`".to_owned())
        }
        // They stand on each other, so that a part of them would be of no use.
        Part::Queries | Part::Tests if has_other_queries(project) => {
            Fate::Kept("the project has queries".to_owned())
        }
        Part::Settings | Part::Resource | Part::Queries | Part::Tests | Part::Ci => Fate::New,
    }
}

/// Returns true if a project has queries other than those of the starter project.
fn has_other_queries(project: &Project) -> bool {
    let starters: Vec<PathBuf> = FILES
        .iter()
        .map(|(_, name, _)| project.root().join(name))
        .collect();
    let files = project.query_files(&mut Diagnostics::new());
    files.iter().any(|file| !starters.contains(file))
}

fn write(path: &Path, shown: &str, content: &str) -> Result<(), Failure> {
    let written = sink::write_new_file(path, content.as_bytes());
    written.map_err(|error| {
        let words = match error.kind() {
            io::ErrorKind::AlreadyExists => format!("`{shown}` exists, and is not overwritten"),
            _ => format!("cannot write `{shown}`: {}", load::plain(&error)),
        };
        Failure::usage(Code::CannotWrite, words)
    })
}

/// Returns a path as it would be typed.
fn shown(path: &Path, app: &App) -> String {
    let plain: PathBuf = path.components().collect();
    let shown = load::shown(&plain, &app.working_directory);
    if shown.is_empty() {
        ".".to_owned()
    } else {
        shown
    }
}

/// Says what to do next.
fn say_next(folder: &Path, is_any: bool, args: &InitArgs, app: &App) {
    let mut lines = Vec::new();
    if !is_any {
        lines.push("nothing to write: all files are there".to_owned());
    }
    let is_here = load::real_path(folder) == load::real_path(&app.working_directory);
    lines.push("next:".to_owned());
    if !is_here {
        lines.push(format!("  cd {}", args.folder.display()));
    }
    lines.push("  runner run ci-report --demo    # without a token or a network".to_owned());
    lines.push("  runner check && runner test".to_owned());
    lines.push("  export CIRCLE_TOKEN=…          # a personal API token".to_owned());
    match git::facts(folder)("project_slug").and_then(|slug| slug.as_str().map(str::to_owned)) {
        Some(slug) => {
            lines.push(format!(
                "  runner run ci-report           # of {slug}, by the remote `origin`"
            ));
        }
        None => lines.push("  runner run ci-report project_slug=gh/ORG/REPO".to_owned()),
    }
    for line in lines {
        app.eprintln(&line);
    }
}
